//! What got worse from one state of a cluster to another: ways in, connections, levels of pod security, rights and paths,
//! findings of rules.

mod rights;

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::Outcome;
use plimsoll_model::drift::{DRIFT_VERSION, Drift, DriftArea, DriftItem, DriftSince};
use plimsoll_model::pod_security::Level;
use plimsoll_model::pss::Pss;
use plimsoll_model::reach::{ReachDiff, Reached};
use plimsoll_model::workload::Kinds;
use plimsoll_posture::cluster::Origin;
use plimsoll_posture::cluster::reach::TooLarge;
use plimsoll_posture::kubernetes::Objects;
use plimsoll_posture::{check_objects, find};
use serde_json_borrow::Value;

use super::{Asked, Reachability, Seen, diff, pss};

/// Most changes of connections that are looked at.
const CONNECTIONS: usize = 100_000;
/// Most bytes of objects that are kept for the rules, of one state.
const MOST_BYTES: usize = 512 << 20;

/// Objects as they were read, for the rules.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Each with its kind.
    pub(crate) texts: Vec<(String, String)>,
    bytes: usize,
    pub(crate) too_many: bool,
    /// What is owned by something of another kind than these is kept; else nothing that is owned.
    owners: Option<Kinds>,
    /// Some are copies from which parts were left out.
    pub(crate) partial: bool,
}

impl Kept {
    /// Everything that no other object of these kinds stands for.
    pub fn for_rules(kinds: &Kinds) -> Self {
        Kept { owners: Some(kinds.clone()), ..Kept::default() }
    }

    /// Those of a kind are listed anew.
    pub(super) fn forget(&mut self, kind: &str) {
        self.texts.retain(|(own, _)| own != kind);
        self.bytes = self.texts.iter().map(|(_, text)| text.len()).sum();
    }

    pub(super) fn push(&mut self, object: &Value<'_>) {
        // What others own comes and goes with its owner, under another name each time. Pods of a node itself, or of a kind that
        // nobody knows, stand for themselves.
        let owners = object.get("metadata").get("ownerReferences");
        let stands_for = |owner: &Value<'_>| {
            let version = owner.get("apiVersion").as_str().unwrap_or_default();
            let group = version.rsplit_once('/').map_or("", |(group, _)| group);
            let kind = owner.get("kind").as_str().unwrap_or_default();
            self.owners.as_ref().is_none_or(|kinds| kinds.knows(group, kind))
        };
        if owners.as_array().is_some_and(|owners| owners.iter().any(stands_for)) {
            return;
        }
        let text = object.to_string();
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > MOST_BYTES {
            self.too_many = true;
        } else {
            let kind = object.get("kind").as_str().unwrap_or_default().to_owned();
            self.texts.push((kind, text));
        }
    }

    /// What the rules say: by rule and object the first detail; and what could not be decided.
    fn findings(&self, kinds: &Kinds) -> (BTreeMap<(&'static str, String), String>, BTreeSet<&'static str>) {
        let values: Vec<Value<'_>> =
            self.texts.iter().filter_map(|(_, text)| serde_json::from_str(text).ok()).collect();
        let mut objects = Objects::default();
        for (place, value) in values.iter().enumerate() {
            objects.add(value, place, kinds);
        }
        let (mut findings, mut undecided) = (BTreeMap::new(), BTreeSet::new());
        for (object, said) in objects.iter().zip(check_objects(&objects)) {
            undecided.extend(said.undecided.iter().map(|one| one.rule));
            for breach in said.breaches {
                findings.entry((breach.rule, object.shown())).or_insert(breach.detail);
            }
        }
        (findings, undecided)
    }
}

/// Compares two states.
///
/// # Errors
/// When a cluster is too large to decide who reaches whom.
pub fn drift(
    (before, kept): (&Seen, &Kept),
    (after, kept_after): (&Seen, &Kept),
    kinds: &Kinds,
) -> Result<Drift, TooLarge> {
    let (mut was, mut is) = (Reachability::new(&before.cluster)?, Reachability::new(&after.cluster)?);
    let reach = diff((&mut was, &before.info), (&mut is, &after.info), CONNECTIONS);
    let (mut worse, mut better) = (BTreeSet::new(), BTreeSet::new());
    connections(&reach, &mut worse, &mut better);
    let mut undecided = reach.verdict == Outcome::Unknown;
    let asked = |seen: &Seen| {
        let levels = vec![Level::Baseline, Level::Restricted];
        // Both by one version: another version of the server is no drift of what runs.
        let version = Some(plimsoll_model::pod_security::Version::Latest);
        pss(&seen.cluster, &seen.info, &Asked { levels, version, namespaces: BTreeSet::new() })
    };
    let (then, now) = (asked(before), asked(after));
    undecided |= !then.missing.is_empty() || !now.missing.is_empty();
    levels(&then, &now, &mut worse, &mut better);
    let walked = rights::rights(before, after, &mut worse, &mut better);
    let mut notes = Vec::new();
    if before.cluster.origin == after.cluster.origin {
        let ((old, open), (new, open_now)) = (kept.findings(kinds), kept_after.findings(kinds));
        let item = |(rule, about): &(&'static str, String), detail: &String| DriftItem {
            area: DriftArea::Rule,
            about: about.clone(),
            detail: detail.clone(),
            rule: Some((*rule).to_owned()),
            severity: find(rule).map(|rule| rule.severity.word().to_owned()),
            whose: None,
            since: None,
        };
        worse.extend(
            new.iter().filter(|(key, _)| !old.contains_key(key)).map(|(key, detail)| item(key, detail)),
        );
        better.extend(
            old.iter().filter(|(key, _)| !new.contains_key(key)).map(|(key, detail)| item(key, detail)),
        );
        let lost: Vec<&str> = open_now.difference(&open).copied().collect();
        if !lost.is_empty() {
            undecided = true;
            notes.push(format!("rules that could be decided before, and cannot now: {}", lost.join(", ")));
        }
        if kept.too_many || kept_after.too_many {
            undecided = true;
            notes.push("there are more objects than the rules are held against".into());
        }
        if after.cluster.origin == Origin::Cluster {
            notes.push("snapshots hold no probes, annotations and values of environments: rules about them see no difference".into());
        }
    } else {
        undecided = true;
        notes.push("one is a cluster and the other manifests: findings of rules are not compared".into());
    }
    let mut missing = reach.missing;
    let mut problems = reach.problems;
    for paths in walked {
        missing.extend(paths.missing);
        problems.extend(paths.problems);
    }
    problems.sort();
    problems.dedup();
    missing.extend(then.missing);
    missing.extend(now.missing);
    missing.sort();
    missing.dedup();
    undecided |= reach.left_out > 0;
    let incomplete = |one: &plimsoll_model::Problem| one.effect == plimsoll_model::Effect::Incomplete;
    undecided |= problems.iter().any(incomplete) || missing.iter().any(|one| one.decides);
    Ok(Drift {
        schema_version: DRIFT_VERSION.into(),
        plimsoll: env!("CARGO_PKG_VERSION").into(),
        before: before.info.clone(),
        after: after.info.clone(),
        states: Vec::new(),
        verdict: if !worse.is_empty() {
            Outcome::NotMet
        } else if undecided {
            Outcome::Unknown
        } else {
            Outcome::Met
        },
        worse: worse.into_iter().collect(),
        better: better.into_iter().collect(),
        left_out: reach.left_out,
        notes,
        missing,
        problems,
    })
}

/// Says since when each thing is worse: `later` are the drifts from each of the states between to the last one, in their order.
///
/// Something is worse since the state after the last one from which it got worse. What came and went between is not told.
pub fn since(whole: &mut Drift, later: &[Drift]) {
    if later.is_empty() {
        return;
    }
    // By what it is about: the words for it may differ from one state to another.
    fn key(item: &DriftItem) -> (DriftArea, &str, Option<&str>) {
        (item.area, item.about.as_str(), item.rule.as_deref())
    }
    whole.states = std::iter::once(&whole.before)
        .chain(later.iter().map(|drift| &drift.before))
        .chain(std::iter::once(&whole.after))
        .cloned()
        .collect();
    // Of each thing the last state from which it got worse; the first state is 0.
    let mut last: BTreeMap<(DriftArea, &str, Option<&str>), usize> = BTreeMap::new();
    for (at, drift) in later.iter().enumerate() {
        for item in &drift.worse {
            last.insert(key(item), at + 1);
        }
    }
    let incomplete = |drift: &Drift| {
        drift.left_out > 0
            || drift.missing.iter().any(|one| one.decides)
            || drift.problems.iter().any(|one| one.effect == plimsoll_model::Effect::Incomplete)
    };
    for item in &mut whole.worse {
        let from = last.get(&key(item)).copied().unwrap_or(0);
        item.since = Some(Box::new(DriftSince {
            after: whole.states[from].clone(),
            state: whole.states[from + 1].clone(),
            // A state that was not seen whole may not show what was there.
            at_the_latest: from > 0 && incomplete(&later[from - 1]),
        }));
    }
}

fn item(area: DriftArea, about: &str, detail: String) -> DriftItem {
    DriftItem { area, about: about.to_owned(), detail, rule: None, severity: None, since: None, whose: None }
}

/// Connections between what was there before and is there still are told one by one, those of what came or went together.
fn connections(reach: &ReachDiff, worse: &mut BTreeSet<DriftItem>, better: &mut BTreeSet<DriftItem>) {
    let came: BTreeSet<&str> = reach.came.iter().map(String::as_str).collect();
    let went: BTreeSet<&str> = reach.went.iter().map(String::as_str).collect();
    let mut new: BTreeMap<&str, u64> = BTreeMap::new();
    let mut gone: BTreeMap<&str, u64> = BTreeMap::new();
    for change in &reach.changes {
        let ends = [change.from.as_str(), change.to.as_str()];
        if let Some(name) = ends.iter().find(|name| came.contains(*name)) {
            *new.entry(name).or_default() += u64::from(change.gained != "none");
            continue;
        }
        if let Some(name) = ends.iter().find(|name| went.contains(*name)) {
            *gone.entry(name).or_default() += u64::from(change.lost != "none");
            continue;
        }
        let about = format!("{} => {}", change.from, change.to);
        if change.gained != "none" {
            worse.insert(item(DriftArea::Connection, &about, format!("{} is allowed now", change.gained)));
        } else if let (Some(unknown), None) = (&change.after.unknown, &change.before.unknown) {
            // Not decided any more is no better.
            worse.insert(item(
                DriftArea::Connection,
                &about,
                format!("{unknown} was decided, and is not now"),
            ));
        }
        if change.lost != "none" {
            let perhaps = change.after.answer == Reached::Unknown || change.after.unknown.is_some();
            if !perhaps {
                better.insert(item(
                    DriftArea::Connection,
                    &about,
                    format!("{} is allowed no longer", change.lost),
                ));
            }
        }
    }
    for (name, number) in new.into_iter().filter(|(_, number)| *number > 0) {
        let word = if number == 1 { "connection" } else { "connections" };
        worse.insert(item(DriftArea::Connection, name, format!("it is new, with {number} {word}")));
    }
    for (name, number) in gone.into_iter().filter(|(_, number)| *number > 0) {
        let word = if number == 1 { "connection" } else { "connections" };
        better.insert(item(DriftArea::Connection, name, format!("it is gone, with {number} {word}")));
    }
    for (list, all, words) in
        [(&reach.exposed, &mut *worse, "is open"), (&reach.closed, &mut *better, "is open no longer")]
    {
        for one in list.iter().filter(|one| one.ports.answer != Reached::Denied) {
            let perhaps = if one.ports.answer == Reached::Unknown { "perhaps " } else { "" };
            let ports = match (&one.ports.unknown, one.ports.answer) {
                (Some(unknown), Reached::Unknown) => unknown,
                _ => &one.ports.allowed,
            };
            let detail = format!("{perhaps}{ports} {words} by {} {}", one.by, one.object);
            all.insert(item(DriftArea::Exposure, &one.workload, detail));
        }
    }
}

/// What of a state breaks which level, and what namespaces enforce.
type Breaches = BTreeMap<(String, String), &'static str>;

fn breaches(pss: &Pss) -> Breaches {
    let mut all = Breaches::new();
    for namespace in &pss.namespaces {
        for standing in &namespace.levels {
            for one in &standing.breaks {
                for violation in &one.violations {
                    // Of both levels the lower one: it is the graver.
                    all.entry((one.workload.clone(), violation.detail.clone()))
                        .or_insert(standing.level.word());
                }
            }
        }
    }
    all
}

fn levels(then: &Pss, now: &Pss, worse: &mut BTreeSet<DriftItem>, better: &mut BTreeSet<DriftItem>) {
    let (old, new) = (breaches(then), breaches(now));
    let compare = |own: &Breaches, other: &Breaches, all: &mut BTreeSet<DriftItem>, words: &str| {
        for ((workload, detail), level) in own {
            if !other.contains_key(&(workload.clone(), detail.clone())) {
                let text = format!("{words} {level}: {detail}");
                all.insert(item(DriftArea::PodSecurity, workload, text));
            }
        }
    };
    compare(&new, &old, worse, "breaks");
    compare(&old, &new, better, "no longer breaks");
    let enforced = |pss: &Pss| -> BTreeMap<String, Option<String>> {
        let labels = |one: &plimsoll_model::pss::PssNamespace| {
            Some((one.name.clone(), one.labels.as_ref()?.enforce.clone()))
        };
        pss.namespaces.iter().filter_map(labels).collect()
    };
    let rank = |label: Option<&String>| match label.and_then(|label| label.split(':').next()) {
        Some("restricted") => 2,
        Some("baseline") => 1,
        _ => 0,
    };
    let (old, new) = (enforced(then), enforced(now));
    for (name, label) in &new {
        let Some(before) = old.get(name) else { continue };
        let (was, is) = (rank(before.as_ref()), rank(label.as_ref()));
        let shown = |label: &Option<String>| label.clone().unwrap_or_else(|| "nothing".into());
        let detail = format!("it enforces {}, and did {}", shown(label), shown(before));
        match is.cmp(&was) {
            std::cmp::Ordering::Less => drop(worse.insert(item(DriftArea::PodSecurity, name, detail))),
            std::cmp::Ordering::Greater => drop(better.insert(item(DriftArea::PodSecurity, name, detail))),
            std::cmp::Ordering::Equal => {}
        }
    }
}
