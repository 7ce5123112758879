//! Rules over the objects of a cluster, live or as a snapshot: the same rules and acceptances as for files, and what a list that is
//! missing leaves unknown.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{Effect, Problem, ProblemKind, Report, Target as TargetFacts, TargetKind};
use plimsoll_posture::cluster::LISTS;
use plimsoll_posture::frameworks::{beside, is_left_out_of_snapshots, subjects};
use plimsoll_posture::{Area, RULES, Rule};
use serde_json_borrow::Value;

use super::{CheckOptions, Run, not_decided};
use crate::audit::live;
use crate::cluster::{Kept, Seen};

/// Rules of one problem that are named; the others are counted.
const NAMED: usize = 12;

/// Holds what was read of a cluster against the rules.
pub fn check_cluster(seen: &Seen, kept: Kept, options: &CheckOptions) -> Report {
    let today = jiff::tz::Offset::UTC.to_datetime(options.now).date().to_string();
    let mut run = Run::new(today, options.line, None);
    let Kept { texts, too_many, partial, .. } = kept;
    let mut there: BTreeSet<String> = BTreeSet::new();
    for (kind, text) in texts {
        let path = path(&kind, &text);
        run.manifests.push_object(path, text);
        there.insert(kind);
    }
    run.judge_manifests(&options.kinds, &options.rules, None);
    run.problems.extend(seen.cluster.problems.iter().cloned());
    if too_many {
        let detail = "there are more objects than the rules are held against".to_owned();
        run.problems.push(Problem::incomplete(ProblemKind::LimitExceeded, &seen.info.name, detail));
    }
    if let Some(only) = seen.cluster.only_in() {
        run.problems.push(Problem::note(ProblemKind::NotCovered, &seen.info.name, only));
    }
    for (kind, reason) in missing(seen) {
        // What is about every object is about those, too.
        let about = |rule: &Rule| subjects(rule).is_empty() || subjects(rule).contains(&kind);
        let affected: Vec<&Rule> =
            rules().filter(|rule| about(rule) || beside(rule).contains(&kind)).collect();
        // What is found in an object that was seen stays; what rests on others that were not is not decided.
        run.withdraw(&|rule| beside(rule).contains(&kind));
        if !affected.is_empty() {
            let detail = format!(
                "{kind} was not read ({reason}), so that these are not decided: {}",
                named(&affected)
            );
            run.problems.push(undecided(kind, &detail, &affected, options));
        }
        run.undecided.extend(affected.iter().map(|rule| rule.id));
    }
    let unread = |kind: &str| {
        LISTS.iter().all(|list| list.kind != kind)
            && live::OWN.iter().all(|own| own.2 != kind)
            && !there.contains(kind)
    };
    // Secrets and ConfigMaps are nobody's to read for this.
    let never: Vec<&Rule> = rules()
        .filter(|rule| !subjects(rule).is_empty() && subjects(rule).iter().all(|kind| unread(kind)))
        .collect();
    if !never.is_empty() {
        let detail = format!("their objects are not read from clusters: {}", named(&never));
        run.problems.push(Problem::note(ProblemKind::NotCovered, &seen.info.name, detail));
    }
    if partial {
        let left_out: Vec<&Rule> = rules().filter(|rule| is_left_out_of_snapshots(rule)).collect();
        run.withdraw(&is_left_out_of_snapshots);
        let asked: Vec<&Rule> =
            left_out.iter().copied().filter(|rule| run.concerned.contains(rule.id)).collect();
        run.undecided.extend(asked.iter().map(|rule| rule.id));
        let detail = format!(
            "snapshots hold no commands, arguments, values of environments, probes and most annotations, so that these are not decided: {}; check the live cluster or the manifests",
            named(if asked.is_empty() { &left_out } else { &asked })
        );
        run.problems.push(undecided(&seen.info.name, &detail, &asked, options));
    }
    let name = match &seen.info.version {
        Some(version) => format!("cluster {} ({version})", seen.info.name),
        None => format!("cluster {}", seen.info.name),
    };
    run.report(TargetFacts::named(TargetKind::Cluster, &name), options, None)
}

impl Run<'_> {
    /// Takes back what rules found.
    fn withdraw(&mut self, of: &dyn Fn(&Rule) -> bool) {
        let withdrawn: BTreeSet<&str> = rules().filter(|rule| of(rule)).map(|rule| rule.id).collect();
        self.findings.retain(|finding| !withdrawn.contains(finding.advisory.as_str()));
    }
}

fn rules() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().copied().filter(|rule| rule.area() == Area::Kubernetes)
}

/// Kinds of objects that are looked at and that were not read, each with the reason.
fn missing(seen: &Seen) -> BTreeMap<&'static str, String> {
    // Of the namespaces that were looked at everything was read.
    let elsewhere = seen.cluster.only_in();
    let kinds: BTreeSet<&'static str> =
        rules().flat_map(|rule| subjects(rule).iter().chain(beside(rule)).copied()).collect();
    let listed = LISTS.iter().map(|list| list.kind).chain(live::OWN.iter().map(|own| own.2));
    let kinds: BTreeSet<&'static str> = kinds.into_iter().chain(listed).collect();
    kinds
        .into_iter()
        .filter_map(|kind| Some((kind, seen.cluster.missing(kind)?.to_owned())))
        .filter(|(_, reason)| elsewhere.as_ref() != Some(reason))
        .collect()
}

/// Some rules by name, the rest by number.
fn named(rules: &[&Rule]) -> String {
    let ids: Vec<&str> = rules.iter().take(NAMED).map(|rule| rule.id).collect();
    match rules.len().checked_sub(NAMED) {
        None | Some(0) => ids.join(", "),
        Some(more) => format!("{} and {more} more", ids.join(", ")),
    }
}

/// It keeps a verdict from being met where one of the rules would have counted.
fn undecided(subject: &str, detail: &str, rules: &[&Rule], options: &CheckOptions) -> Problem {
    let decides = rules.iter().any(|rule| not_decided(rule.id, options.line) == Effect::Incomplete);
    let effect = if decides { Effect::Incomplete } else { Effect::Note };
    Problem { effect, ..Problem::note(ProblemKind::NotCovered, subject, detail) }
}

/// What an object is called: `shop/Deployment/web`, `ClusterRole/admin`.
fn path(kind: &str, text: &str) -> String {
    let value: Value<'_> = serde_json::from_str(text).unwrap_or_default();
    let metadata = value.get("metadata");
    let name = metadata.get("name").as_str().unwrap_or_default();
    let own = format!("{kind}/{}", plimsoll_model::shortened(name));
    match metadata.get("namespace").as_str().unwrap_or_default() {
        "" => own,
        namespace => format!("{}/{own}", plimsoll_model::shortened(namespace)),
    }
}
