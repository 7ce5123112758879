//! Paths and routes that somebody decided to live with, until a date: the same files of exceptions as for findings.
//!
//! An entry is for one goal (`id`) and, with `target`, for subjects of some names. What is accepted is told, and does not
//! count: for the verdict only, not for cuts. Who gets there over an accepted subject has a path of their own, which counts.
//! Of routes from outside `object` names the workload, and all that a route leads to must be accepted.

use std::collections::BTreeSet;

use jiff::civil::Date;
use plimsoll_model::attack::Attack;
use plimsoll_model::audit::Missing;
use plimsoll_model::paths::{AttackPath, Goal, Paths};
use plimsoll_model::{Effect, Outcome, Problem, ProblemKind, Suppression};

use crate::exceptions::{Exception, Exceptions, matches_pattern};

fn goal(id: &str) -> Option<Goal> {
    Goal::ALL.into_iter().find(|goal| goal.name() == id)
}

/// Refuses entries about what paths and routes do not have.
fn checked(
    exceptions: &Exceptions,
    has_other: impl Fn(&Exception) -> bool,
    other: &str,
) -> Result<(), String> {
    for (at, entry) in exceptions.entries.iter().enumerate() {
        let wrong =
            |what: &str| Err(format!("entry {} ({}) of {}: {what}", at + 1, entry.id, exceptions.file));
        if goal(&entry.id).is_none() {
            return wrong("`id` is no goal of paths: cluster-admin, node-root, all-secrets or cloud-role");
        }
        if entry.package.is_some() || entry.path.is_some() || entry.until_fix || has_other(entry) {
            return wrong(other);
        }
    }
    Ok(())
}

/// What has ended, and what is for nothing.
fn ended(exceptions: &Exceptions, used: &BTreeSet<usize>, today: Date, what: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, entry) in exceptions.entries.iter().enumerate() {
        let owner = entry.owner.as_deref().map(|owner| format!(", owner {owner}")).unwrap_or_default();
        let detail = match entry.expires {
            _ if !used.contains(&at) => {
                format!("the exception in {} matches no {what}; remove it", exceptions.file)
            }
            Some(date) if date < today => format!(
                "the exception in {} expired on {date}{owner}: the {what} counts again",
                exceptions.file
            ),
            _ => continue,
        };
        problems.push(Problem {
            kind: ProblemKind::StaleData,
            effect: Effect::Note,
            subject: entry.id.clone(),
            detail,
            layer: None,
        });
    }
    problems
}

/// Marks the routes of which everything that they lead to is accepted today, and decides the verdict without them.
///
/// # Errors
/// As [`accept`].
pub fn accept_routes(answer: &mut Attack, exceptions: &Exceptions, today: Date) -> Result<(), String> {
    let other = "routes have no package, path, target or fix: name the workload in `object`, as in \"shop/Deployment/web\"";
    checked(exceptions, |entry| entry.target.is_some(), other)?;
    let mut used: BTreeSet<usize> = BTreeSet::new();
    for route in &mut answer.routes {
        let covers = |entry: &Exception, to: Goal| {
            goal(&entry.id) == Some(to)
                && entry.object.as_ref().is_none_or(|pattern| matches_pattern(pattern, &route.workload))
        };
        let goals: BTreeSet<Goal> = route.ends.iter().map(|end| end.goal).collect();
        let mut by: Option<BTreeSet<usize>> = (!goals.is_empty()).then(BTreeSet::new);
        for to in goals {
            used.extend((0..exceptions.entries.len()).filter(|at| covers(&exceptions.entries[*at], to)));
            let first = exceptions.entries.iter().position(|entry| covers(entry, to) && holds(entry, today));
            by = by.zip(first).map(|(mut all, at)| {
                all.insert(at);
                all
            });
        }
        route.accepted = by.and_then(|by| {
            let all: Vec<&Exception> = by.iter().map(|at| &exceptions.entries[*at]).collect();
            let mut joined = suppression(all.first()?, exceptions);
            for entry in &all[1..] {
                joined.reason.extend(["; ", &suppression(entry, exceptions).reason]);
            }
            // It holds until the first of them ends.
            joined.expires = all.iter().filter_map(|entry| entry.expires).min().map(|date| date.to_string());
            Some(joined)
        });
    }
    answer.problems.extend(ended(exceptions, &used, today, "route"));
    let left = answer.routes.iter().filter(|route| route.accepted.is_none()).map(|route| route.sure);
    // Of routes that are left out it is not told what they lead to.
    let left = left.chain((answer.left_out > 0).then_some(false));
    answer.verdict = verdict(left, &answer.problems, &answer.missing);
    Ok(())
}

/// Marks the paths that are accepted today, and decides the verdict without them.
///
/// # Errors
/// When an entry names something that paths do not have: its number, its id, and what is wrong.
pub fn accept(answer: &mut Paths, exceptions: &Exceptions, today: Date) -> Result<(), String> {
    let other = "paths have no package, path or fix: name the subject in `target`, as in \"Group ops\"";
    checked(exceptions, |_| false, other)?;
    let mut used: BTreeSet<usize> = BTreeSet::new();
    let mut all = Vec::new();
    for path in std::mem::take(&mut answer.paths) {
        // Subjects of one path may be accepted by different entries, or not at all.
        let mut by: Vec<Option<usize>> = Vec::new();
        for subject in &path.subjects {
            let shown = subject.shown();
            let covers = |entry: &Exception| {
                goal(&entry.id) == Some(path.goal)
                    && entry.target.as_ref().is_none_or(|pattern| matches_pattern(pattern, &shown))
            };
            used.extend((0..exceptions.entries.len()).filter(|at| covers(&exceptions.entries[*at])));
            by.push(exceptions.entries.iter().position(|entry| covers(entry) && holds(entry, today)));
        }
        let kinds: BTreeSet<Option<usize>> = by.iter().copied().collect();
        for kind in kinds {
            let fits = |at: &usize| by[*at] == kind;
            let places: Vec<usize> = (0..path.subjects.len()).filter(fits).collect();
            all.push(part(&path, &places, kind.map(|at| suppression(&exceptions.entries[at], exceptions))));
        }
    }
    // As before: the gravest goal, what is sure, the shortest first.
    all.sort_by_key(|path| (path.goal, !path.sure, path.steps.len(), path.accepted.is_some()));
    answer.paths = all;
    answer.problems.extend(ended(exceptions, &used, today, "path"));
    let left = answer.paths.iter().filter(|path| path.accepted.is_none()).map(|path| path.sure);
    answer.verdict = verdict(left, &answer.problems, &answer.missing);
    Ok(())
}

fn holds(entry: &Exception, today: Date) -> bool {
    entry.expires.is_none_or(|date| date >= today)
}

fn suppression(entry: &Exception, exceptions: &Exceptions) -> Suppression {
    let words: Vec<String> = [("owner", &entry.owner), ("ticket", &entry.ticket)]
        .into_iter()
        .filter_map(|(key, value)| Some(format!("{key}: {}", value.as_ref()?)))
        .collect();
    Suppression {
        by: "exception".into(),
        source: exceptions.file.clone(),
        reason: if words.is_empty() {
            entry.reason.clone()
        } else {
            format!("{} ({})", entry.reason, words.join(", "))
        },
        expires: entry.expires.map(|date| date.to_string()),
    }
}

/// The path for some of its subjects.
fn part(path: &AttackPath, places: &[usize], accepted: Option<Suppression>) -> AttackPath {
    let subjects: Vec<_> = places.iter().map(|at| path.subjects[*at].clone()).collect();
    let mut bindings: Vec<Vec<String>> =
        places.iter().filter_map(|at| path.bindings.get(*at)).cloned().collect();
    let mut steps = path.steps.clone();
    if let Some(first) = steps.first_mut() {
        if let Some(subject) = subjects.first() {
            first.from = subject.shown();
        }
        if let Some(own) = bindings.first() {
            first.bindings.clone_from(own);
        }
    }
    if bindings.windows(2).all(|pair| pair[0] == pair[1]) {
        bindings.clear();
    }
    AttackPath { goal: path.goal, sure: path.sure, subjects, bindings, accepted, steps, whose: None }
}

/// What is left that is not accepted decides: whether each of it is sure.
fn verdict(left: impl Iterator<Item = bool>, problems: &[Problem], missing: &[Missing]) -> Outcome {
    let worst = left.max();
    let hidden = problems.iter().any(|problem| problem.effect == Effect::Incomplete);
    if worst == Some(true) {
        Outcome::NotMet
    } else if worst == Some(false) || hidden || missing.iter().any(|one| one.decides) {
        Outcome::Unknown
    } else {
        Outcome::Met
    }
}
