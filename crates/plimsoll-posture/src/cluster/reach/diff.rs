//! Two clusters, or one at two times: connections that came, and that went.

use std::collections::{BTreeSet, HashMap};

use plimsoll_model::Outcome;
use plimsoll_model::audit::ClusterInfo;
use plimsoll_model::reach::{REACH_VERSION, ReachChange, ReachDiff};

use super::engine::{Answer, Direction};
use super::ports::{NONE, Set};
use super::{Reachability, verdict};
use crate::cluster::Addresses;

/// What comes and goes from the one to the other, at most `most` connections of it.
pub fn diff(
    (before, before_info): (&mut Reachability<'_>, &ClusterInfo),
    (after, after_info): (&mut Reachability<'_>, &ClusterInfo),
    most: usize,
) -> ReachDiff {
    let place = |all: &Reachability<'_>| -> HashMap<String, usize> {
        all.names.iter().enumerate().map(|(at, name)| (name.shown.clone(), at)).collect()
    };
    let (old, new) = (place(before), place(after));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut changes = Changes { list: Vec::new(), most, left_out: 0, gained: false, undecided: false };
    let mut known: HashMap<Set, Set> = HashMap::new();
    for from in &names {
        for to in names.iter().filter(|to| *to != from) {
            let then = match (old.get(*from), old.get(*to)) {
                (Some(from), Some(to)) => before.pair(*from, *to),
                _ => Answer::NOTHING,
            };
            let now = match (new.get(*from), new.get(*to)) {
                (Some(from), Some(to)) => after.pair(*from, *to),
                _ => Answer::NOTHING,
            };
            let then = translated(then, before, after, &mut known);
            changes.add(from, to, then, now, after);
        }
    }
    for name in &names {
        for direction in [Direction::Ingress, Direction::Egress] {
            let then = old.get(*name).map(|at| before.outside_all(*at, direction)).unwrap_or_default();
            let then: Vec<(Addresses, Answer)> = then
                .into_iter()
                .map(|(range, answer)| (range, translated(answer, before, after, &mut known)))
                .collect();
            let now = new.get(*name).map(|at| after.outside_all(*at, direction)).unwrap_or_default();
            for (range, then, now) in side_by_side(&then, &now) {
                let range = range.to_string();
                let (from, to) = match direction {
                    Direction::Ingress => (range.as_str(), name.as_str()),
                    Direction::Egress => (name.as_str(), range.as_str()),
                };
                changes.add(from, to, then, now, after);
            }
        }
    }
    changes.list.sort();
    let only = |own: &HashMap<String, usize>, other: &HashMap<String, usize>| -> Vec<String> {
        let mut all: Vec<String> = own.keys().filter(|name| !other.contains_key(*name)).cloned().collect();
        all.sort();
        all
    };
    let (was_open, is_open) = (before.exposures(), after.exposures());
    let exposed: Vec<_> = is_open.iter().filter(|one| !was_open.contains(one)).cloned().collect();
    let closed = was_open.into_iter().filter(|one| !is_open.contains(one)).collect();
    let (mut missing, mut problems) = (before.missing(), before.problems());
    missing.extend(after.missing());
    problems.extend(after.problems());
    missing.sort();
    missing.dedup();
    problems.sort();
    problems.dedup();
    let mut outcome = verdict(&missing, &problems, changes.undecided);
    let opened = exposed.iter().any(|one| one.ports.answer == plimsoll_model::reach::Reached::Allowed);
    if changes.gained || opened {
        outcome = Outcome::NotMet;
    }
    ReachDiff {
        schema_version: REACH_VERSION.into(),
        plimsoll: env!("CARGO_PKG_VERSION").into(),
        before: before_info.clone(),
        after: after_info.clone(),
        verdict: outcome,
        came: only(&new, &old),
        went: only(&old, &new),
        changes: changes.list,
        left_out: changes.left_out,
        exposed,
        closed,
        missing,
        problems,
    }
}

/// An answer of the one in the sets of the other.
fn translated(
    answer: Answer,
    before: &Reachability<'_>,
    after: &mut Reachability<'_>,
    known: &mut HashMap<Set, Set>,
) -> Answer {
    let mut one =
        |set: Set| *known.entry(set).or_insert_with(|| after.engine.sets.import(&before.engine.sets, set));
    Answer { sure: one(answer.sure), possible: one(answer.possible) }
}

struct Changes {
    list: Vec<ReachChange>,
    most: usize,
    left_out: u64,
    gained: bool,
    undecided: bool,
}

impl Changes {
    fn add(&mut self, from: &str, to: &str, then: Answer, now: Answer, after: &mut Reachability<'_>) {
        if then == now {
            return;
        }
        let sets = &mut after.engine.sets;
        let (gained, lost) = (sets.minus(now.sure, then.sure), sets.minus(then.sure, now.sure));
        let open = sets.minus(now.possible, now.sure);
        self.gained |= gained != NONE;
        self.undecided |= sets.minus(open, then.sure) != NONE;
        if self.list.len() >= self.most {
            self.left_out += 1;
            return;
        }
        let (gained, lost) = (sets.shown(gained), sets.shown(lost));
        let change = ReachChange {
            from: from.to_owned(),
            to: to.to_owned(),
            before: after.shown(then),
            after: after.shown(now),
            gained,
            lost,
            whose: None,
        };
        self.list.push(change);
    }
}

/// Ranges of both, cut where either is cut; neighbours about which both say the same are one.
fn side_by_side(
    then: &[(Addresses, Answer)],
    now: &[(Addresses, Answer)],
) -> Vec<(Addresses, Answer, Answer)> {
    let mut cuts: BTreeSet<(bool, u128)> = BTreeSet::new();
    for (range, _) in then.iter().chain(now) {
        cuts.insert((range.v6, range.first));
    }
    let find = |list: &[(Addresses, Answer)], v6: bool, first: u128| {
        let at = list.partition_point(|(range, _)| (range.v6, range.first) <= (v6, first));
        let before = at.checked_sub(1).and_then(|at| list.get(at));
        before
            .filter(|(range, _)| range.v6 == v6 && range.last >= first)
            .map_or(Answer::NOTHING, |(_, answer)| *answer)
    };
    let cuts: Vec<(bool, u128)> = cuts.into_iter().collect();
    let mut all: Vec<(Addresses, Answer, Answer)> = Vec::new();
    for (at, &(v6, first)) in cuts.iter().enumerate() {
        let last = match cuts.get(at + 1) {
            Some(&(next_v6, next)) if next_v6 == v6 => next - 1,
            _ => Addresses::all(v6).last,
        };
        let (old, new) = (find(then, v6, first), find(now, v6, first));
        match all.last_mut() {
            Some((range, same, also)) if range.v6 == v6 && (*same, *also) == (old, new) => range.last = last,
            _ => all.push((Addresses { v6, first, last }, old, new)),
        }
    }
    all
}
