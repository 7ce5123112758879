//! Licences: what the packages of an image declare, held against lists of what is allowed and denied.

use std::collections::BTreeMap;

use plimsoll_model::license::{Answer as Judged, Declared, Lists};
use plimsoll_model::{Effect as Seen, Report};
use serde::{Deserialize, Serialize};

use crate::decide::Answer;

/// How many packages are named.
const NAMED: usize = 10;

/// `licenses: {allow, deny}`, as written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Licenses {
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    deny: Vec<String>,
}

impl Licenses {
    pub(crate) fn lists(&self) -> Result<Lists, String> {
        if self.allow.is_empty() && self.deny.is_empty() {
            return Err("licenses has neither `allow` nor `deny`".into());
        }
        Lists::parse(&self.allow, &self.deny).map_err(|error| format!("licenses: {error}"))
    }
}

/// Holds every package against the lists.
pub(crate) fn answer(lists: &Lists, report: &Report) -> Answer {
    let (mut refused, mut unknown) = (Vec::new(), Vec::new());
    // Hundreds of packages share a few declarations.
    let mut known: BTreeMap<(bool, &[String]), (Judged, String)> = BTreeMap::new();
    // What a distribution package owns is answered by it.
    for package in report.packages.iter().filter(|package| package.owned_by.is_none()) {
        let choice = package.ecosystem.licenses_are_a_choice();
        let (judged, names) = known.entry((choice, &package.licenses)).or_insert_with(|| {
            let judgement = lists.judge(&Declared::all(&package.licenses, choice));
            (judgement.answer, judgement.names.iter().take(5).cloned().collect::<Vec<_>>().join(", "))
        });
        let what = format!("{} {}", package.name, package.version);
        match judged {
            Judged::Allowed => {}
            Judged::Denied => refused.push(format!("{what} is under {names}, which is denied")),
            Judged::NotAllowed => refused.push(format!("{what} is under {names}, which is not allowed")),
            Judged::Unknown if names.is_empty() => {
                unknown.push(format!("the licence of {what}, which declares none"));
            }
            Judged::Unknown => unknown.push(format!("whether {what} is allowed: it declares `{names}`")),
        }
    }
    if !refused.is_empty() {
        return Answer::NotMet { reasons: first(refused) };
    }
    let unseen = report.problems.iter().filter(|problem| problem.effect == Seen::Incomplete).count();
    if unseen > 0 {
        unknown.insert(0, format!("{unseen} things that the scan could not read or decide"));
    }
    if report.packages.is_empty() {
        unknown.push("packages: none was recognised".to_owned());
    }
    if unknown.is_empty() {
        Answer::met(format!("the licences of {} packages are allowed", report.packages.len()))
    } else {
        Answer::Unknown { missing: first(unknown) }
    }
}

/// The first of many, in a fixed order.
fn first(mut all: Vec<String>) -> Vec<String> {
    all.dedup();
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    all
}
