//! Roles and paths that were gained and lost.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::drift::{DriftArea, DriftItem};
use plimsoll_model::paths::{Goal, Paths};
use plimsoll_posture::cluster::rbac::{Grants, grants};

use super::super::{PathsAsked, Rbac, Seen, paths};
use super::item;

/// Verbs of one kind of objects, and kinds of one role, that are told.
const TOLD: usize = 6;

/// Compares who has which role, what roles allow, and who becomes what. The paths of both.
pub(super) fn rights(
    before: &Seen,
    after: &Seen,
    worse: &mut BTreeSet<DriftItem>,
    better: &mut BTreeSet<DriftItem>,
) -> [Paths; 2] {
    let (was, is) = (Rbac::new(&before.cluster), Rbac::new(&after.cluster));
    let (old, new) = (grants(&was), grants(&is));
    bound(&old, &new, worse, "has");
    bound(&new, &old, better, "no longer has");
    allowed(&old, &new, worse, "allows");
    allowed(&new, &old, better, "no longer allows");
    let walk = |rbac: &Rbac<'_>, seen: &Seen| paths(rbac, &PathsAsked::default(), &seen.info);
    let (then, now) = (walk(&was, before), walk(&is, after));
    let (old, new) = (reached(&then), reached(&now));
    for ((who, goal), (sure, steps)) in &new {
        let known = old.get(&(who.clone(), *goal)).map(|(sure, _)| *sure);
        let text = match (known, sure) {
            (None, true) => format!("it becomes {}: {steps}", goal.name()),
            (Some(false), true) => format!("it becomes {}, which was not known: {steps}", goal.name()),
            (None, false) => format!("it becomes {}, perhaps: {steps}", goal.name()),
            (Some(true), false) => format!("it became {}, and that is not known now: {steps}", goal.name()),
            _ => continue,
        };
        worse.insert(item(DriftArea::Path, who, text));
    }
    for ((who, goal), (sure, _)) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
        let perhaps = if *sure { "" } else { ", which was not known" };
        better.insert(item(DriftArea::Path, who, format!("it becomes {} no longer{perhaps}", goal.name())));
    }
    [then, now]
}

/// Who has a role of `new` that is not in `old`.
fn bound(old: &Grants, new: &Grants, all: &mut BTreeSet<DriftItem>, word: &str) {
    for (who, place, role) in new.bound.difference(&old.bound) {
        let text = format!("it {word} {role} {place}");
        all.insert(item(DriftArea::Right, who, text.trim_end().to_owned()));
    }
}

/// What a role of both allows in `new` and not in `old`.
fn allowed(old: &Grants, new: &Grants, all: &mut BTreeSet<DriftItem>, word: &str) {
    for (role, rights) in &new.rights {
        let Some(before) = old.rights.get(role) else { continue };
        let mut parts = Vec::new();
        for (what, verbs) in rights {
            let none = BTreeSet::new();
            let had = before.get(what).unwrap_or(&none);
            let more: Vec<&str> = verbs.difference(had).map(String::as_str).collect();
            if !more.is_empty() {
                parts.push(format!("{} {what}", few(&more)));
            }
        }
        if !parts.is_empty() {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let text = format!("it {word} {}", few(&parts));
            all.insert(item(DriftArea::Right, role, text));
        }
    }
}

fn few(all: &[&str]) -> String {
    let text = all.iter().take(TOLD).copied().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(TOLD) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// Who becomes what, whether that is sure, and how.
fn reached(paths: &Paths) -> BTreeMap<(String, Goal), (bool, String)> {
    let mut all = BTreeMap::new();
    for path in &paths.paths {
        let steps: Vec<&str> = path.steps.iter().map(|step| step.what.as_str()).collect();
        for subject in &path.subjects {
            all.entry((subject.shown(), path.goal)).or_insert((path.sure, steps.join(" > ")));
        }
    }
    all
}
