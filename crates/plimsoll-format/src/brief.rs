//! The report as JSON in which every rule stands once, with what it found below it: `docs/schema/brief-1.0.json`.
//!
//! For many findings of few rules, as of `check`: what is the same for all of them - title, severity, what to do - is not said
//! again with each. One line for each rule and object, so that two reports can be compared line by line.

use std::collections::BTreeMap;

use plimsoll_model::{Finding, Level, Party, Problem, Report, Subject, Suppression, Target, Verdict};
use serde::Serialize;

use crate::Error;
use crate::text;

/// What is said of the whole, and of no rule.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'r> {
    schema_version: &'static str,
    plimsoll: &'r str,
    target: &'r Target,
    verdict: &'r Verdict,
    problems: &'r [Problem],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleHead<'r> {
    rule: &'r str,
    title: &'r str,
    severity: Level,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    aliases: &'r [String],
    party: &'r Party,
    /// What to do, where nothing else is said.
    action: &'r str,
    /// How many places are below it.
    count: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Of<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// `Deployment.apps/shop/web`
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    places: Vec<Place<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    #[serde(skip_serializing_if = "str::is_empty")]
    field: &'r str,
    says: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suppressed_by: Option<&'r Suppression>,
}

/// By path and object.
type Groups<'r> = BTreeMap<(String, String), Vec<&'r Finding>>;

/// One line for each rule and object, with a final line feed.
pub(crate) fn write(report: &Report) -> Result<String, Error> {
    let head = Head {
        schema_version: "1.0",
        plimsoll: &report.plimsoll,
        target: &report.target,
        verdict: &report.verdict,
        problems: &report.problems,
    };
    let mut out = text::json_line(&head)?;
    // Further members follow.
    out.pop();
    out.push_str(",\"rules\":[");
    let mut rules: Vec<(&str, Groups<'_>)> = Vec::new();
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    // In the order in which they stand in the report: the worst first.
    for finding in &report.findings {
        let at = *known.entry(&finding.advisory).or_insert_with(|| {
            rules.push((&finding.advisory, Groups::new()));
            rules.len() - 1
        });
        let path = match &finding.subject {
            Subject::File(location) => location.path.to_string(),
            _ => String::new(),
        };
        let object = finding.object.as_deref().map(ToString::to_string).unwrap_or_default();
        rules[at].1.entry((path, object)).or_default().push(finding);
    }
    for (number, (rule, groups)) in rules.into_iter().enumerate() {
        let Some(first) = groups.values().flatten().next() else { continue };
        let action = first.remedy.action.as_str();
        let head = RuleHead {
            rule,
            title: &first.title,
            severity: first.severity.level,
            aliases: &first.aliases,
            party: &first.party,
            action,
            count: groups.values().map(Vec::len).sum(),
        };
        out.push_str(if number == 0 { "\n" } else { ",\n" });
        out.push_str(&text::json_line(&head)?);
        out.pop();
        out.push_str(",\"findings\":[");
        for (number, ((path, object), findings)) in groups.into_iter().enumerate() {
            let some = |text: String| (!text.is_empty()).then_some(text);
            let of = Of {
                path: some(path),
                object: some(object),
                places: findings.into_iter().map(|finding| place(finding, action)).collect(),
            };
            out.push_str(if number == 0 { "\n" } else { ",\n" });
            out.push_str(&text::json_line(&of)?);
        }
        out.push_str("]}");
    }
    out.push_str("\n]}\n");
    Ok(out)
}

fn place<'r>(finding: &'r Finding, action: &str) -> Place<'r> {
    let location = match &finding.subject {
        Subject::File(location) => Some(location),
        _ => finding.remedy.location.as_ref(),
    };
    let said = finding.evidence.first().map_or("", |evidence| evidence.range.as_str());
    // Which object it is stands above.
    let said = match &finding.object {
        Some(_) => said.rsplit_once(" (").map_or(said, |(said, _)| said),
        None => said,
    };
    Place {
        line: location.and_then(|location| location.line),
        column: location.and_then(|location| location.column),
        field: finding.object.as_deref().map_or("", |object| object.field.as_str()),
        says: said,
        action: (finding.remedy.action != action).then_some(finding.remedy.action.as_str()),
        suppressed_by: finding.suppressed_by.as_ref(),
    }
}
