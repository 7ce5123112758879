//! What cuts a route: a binding, a privilege, the image, the way in; and which of them together take least.
//!
//! What a cut takes away is found by looking again without it: at the graph without the binding, at the pod without the
//! privilege. Costs order kinds of changes, nothing more: a binding is one command and restarts nothing; a privilege or an
//! image makes pods anew; a way in takes what it is for away.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::attack::{AttackBy, AttackCut, AttackEnd, CutKind, Known};
use plimsoll_model::paths::Goal;
use plimsoll_model::reach::Exposure;
use plimsoll_model::{Party, shortened};

use super::{Scene, Subject};
use crate::cluster::Binding;
use crate::cluster::pss::{drop_command, is_plain};
use crate::cluster::rbac::binding_shown;
use crate::cluster::rbac::graph::{Node, Over};
use crate::cluster::rbac::holder;

/// Bindings of one route that are tried.
const BINDINGS: usize = 8;
/// Changes among which the cheapest set is looked for.
const MOST: usize = 9;

/// What is reached from a workload, by what: its node, or one of its accounts.
type Reached = (Goal, Option<usize>);

/// The cheapest changes that cut everything that is surely reached, and the others that cut something.
pub(super) fn cuts(
    scene: &Scene<'_, '_>,
    subject: &Subject<'_>,
    ends: &[AttackEnd],
) -> (Vec<AttackCut>, Vec<AttackCut>) {
    let mut reached: BTreeSet<Reached> = BTreeSet::new();
    for end in ends.iter().filter(|end| end.sure && end.by != AttackBy::Identity) {
        reached.insert((end.goal, None));
    }
    for &account in subject.accounts.iter().chain(&subject.cloud) {
        let is_told = subject.accounts.contains(&account);
        let goals =
            scene.goals(account).filter(|(goal, sure)| *sure && (is_told || *goal == Goal::CloudRole));
        reached.extend(goals.map(|(goal, _)| (goal, Some(account))));
    }
    let sure = !reached.is_empty();
    let mut all: Vec<(AttackCut, BTreeSet<Reached>)> = bindings(scene, subject, &reached);
    if let Some(cut) = privilege(scene, subject) {
        let taken = reached.iter().filter(|reached| reached.1.is_none()).copied().collect();
        all.push((cut, taken));
    }
    // These take the whole route away, whatever it leads to.
    all.extend(
        [image(subject), exposure(scene, subject)].into_iter().flatten().map(|cut| (cut, reached.clone())),
    );
    for (cut, taken) in &mut all {
        let left: BTreeSet<Goal> = reached.difference(taken).map(|(goal, _)| *goal).collect();
        let goals: BTreeSet<Goal> = reached.iter().map(|(goal, _)| *goal).collect();
        cut.cuts = goals.difference(&left).copied().collect();
    }
    all.retain(|(_, taken)| !sure || !taken.is_empty());
    all.truncate(MOST);
    let chosen = cheapest(&all, &reached);
    let (mut cheapest, mut others) = (Vec::new(), Vec::new());
    for (at, (cut, _)) in all.into_iter().enumerate() {
        if chosen.contains(&at) { cheapest.push(cut) } else { others.push(cut) }
    }
    others.sort_by_key(|cut| (cut.cost, cut.kind));
    (cheapest, others)
}

/// The set with the least cost that leaves nothing, of those with the fewest changes.
fn cheapest(all: &[(AttackCut, BTreeSet<Reached>)], reached: &BTreeSet<Reached>) -> Vec<usize> {
    let mut best: Option<(u32, u32, u32)> = None;
    for set in 1_u32..1 << all.len() {
        let within = || all.iter().enumerate().filter(|(at, _)| set & (1 << at) != 0).map(|(_, cut)| cut);
        // Where nothing is surely reached only what cuts the whole route does.
        let whole = reached.is_empty()
            && within().any(|(cut, _)| matches!(cut.kind, CutKind::Image | CutKind::Exposure));
        let taken: BTreeSet<Reached> = within().flat_map(|(_, taken)| taken.iter().copied()).collect();
        if !whole && (reached.is_empty() || taken != *reached) {
            continue;
        }
        let cost = within().map(|(cut, _)| cut.cost).sum();
        let key = (cost, set.count_ones(), set);
        if best.is_none_or(|best| key < best) {
            best = Some(key);
        }
    }
    best.map_or_else(Vec::new, |(.., set)| (0..all.len()).filter(|at| set & (1 << at) != 0).collect())
}

/// Bindings on the paths of the accounts, each with what is not reached without it.
fn bindings(
    scene: &Scene<'_, '_>,
    subject: &Subject<'_>,
    reached: &BTreeSet<Reached>,
) -> Vec<(AttackCut, BTreeSet<Reached>)> {
    // By binding: whom it is to be taken from.
    let mut tried: BTreeMap<usize, usize> = BTreeMap::new();
    for leads in &scene.leads {
        for &account in &subject.accounts {
            if !reached.contains(&(leads.goal, Some(account))) {
                continue;
            }
            for edge in scene.graph.path(&leads.sure, account) {
                for &binding in &edge.bindings {
                    if tried.len() < BINDINGS {
                        tried.entry(binding).or_insert(edge.from);
                    }
                }
            }
        }
    }
    let mut all = Vec::new();
    for (at, from) in tried {
        let over = Over { unknown: false, without: Some(at) };
        let taken: BTreeSet<Reached> = reached
            .iter()
            .filter(|(goal, account)| account.is_some_and(|account| !scene.graph.leads(account, *goal, over)))
            .copied()
            .collect();
        if taken.is_empty() {
            continue;
        }
        let binding = &scene.cluster.bindings[at];
        let (action, command) = unbind(binding, scene, from);
        all.push((cut(CutKind::Binding, Party::Platform, action, command, 1), taken));
    }
    // That which takes most away first.
    all.sort_by_key(|(_, taken)| std::cmp::Reverse(taken.len()));
    all.truncate(MOST - 3);
    all
}

fn cut(kind: CutKind, party: Party, action: String, command: Option<String>, cost: u32) -> AttackCut {
    AttackCut { kind, party, action, command, cuts: Vec::new(), cost, whose: None }
}

/// Takes a subject out of a binding, or the binding away where it has no other.
fn unbind(binding: &Binding, scene: &Scene<'_, '_>, from: usize) -> (String, Option<String>) {
    let shown = binding_shown(binding);
    let kind = if binding.namespace.is_some() { "rolebinding" } else { "clusterrolebinding" };
    let place = binding.namespace.as_deref().map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
    let plain = is_name(&binding.name) && binding.namespace.as_deref().is_none_or(is_plain);
    // What stands in a file is edited there.
    let plain = plain && binding.source.is_none();
    let Node::Subject(who) = &scene.graph.nodes[from] else {
        return (format!("take {shown} away"), None);
    };
    let places: Vec<usize> = binding
        .subjects
        .iter()
        .enumerate()
        .filter(|(_, subject)| holder(subject) == *who)
        .map(|(at, _)| at)
        .collect();
    if places.len() == binding.subjects.len() {
        let command = plain.then(|| format!("kubectl delete {kind} {}{place}", binding.name));
        return (format!("take {shown} away: it is only for {}", shortened(&who.shown())), command);
    }
    let command = match places.as_slice() {
        [at] if plain && is_name(&who.name) => {
            let subject = &binding.subjects[*at];
            // It is only taken away if it is still the one that was seen.
            Some(format!(
                "kubectl patch {kind} {}{place} --type=json -p '[{{\"op\":\"test\",\"path\":\"/subjects/{at}/name\",\"value\":\"{}\"}},{{\"op\":\"remove\",\"path\":\"/subjects/{at}\"}}]'",
                binding.name, subject.name
            ))
        }
        _ => None,
    };
    let others = binding.subjects.len() - places.len();
    let others =
        if others == 1 { "1 other has it too".to_owned() } else { format!("{others} others have it too") };
    (format!("take {} out of {shown} ({others})", shortened(&who.shown())), command)
}

/// A name as RBAC allows it, in which no shell reads anything.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'_'))
}

/// The team that looks after a workload, where a label says.
fn team(scene: &Scene<'_, '_>, subject: &Subject<'_>) -> Party {
    let mut labels = subject.workloads.iter().map(|at| &scene.cluster.workloads[*at].labels);
    let owner = labels.find_map(|labels| {
        ["plimsoll.dev/owner", "owner", "team"].iter().find_map(|key| labels.get(key)).map(shortened)
    });
    Party::Application(owner)
}

fn privilege(scene: &Scene<'_, '_>, subject: &Subject<'_>) -> Option<AttackCut> {
    let open: Vec<&str> =
        subject.ways.iter().filter(|way| way.unknown.is_none()).map(|way| way.detail.as_str()).collect();
    let (first, rest) = open.split_first()?;
    let more = match rest.len() {
        0 => String::new(),
        1 => format!("; {}", rest[0]),
        number => format!(", and {number} more"),
    };
    // Several specifications of one workload are not mended by one command.
    let command = match subject.workloads.as_slice() {
        [one] => drop_command(&scene.cluster.workloads[*one]),
        _ => None,
    };
    let action = format!("take away what leads to the node: {first}{more}");
    Some(cut(CutKind::Privilege, team(scene, subject), action, command, 2))
}

fn image(subject: &Subject<'_>) -> Option<AttackCut> {
    if subject.vulnerable != Known::Yes {
        return None;
    }
    let flaws = || subject.flaws();
    // What has no fix cannot be patched away.
    if flaws().any(|flaw| !flaw.flaw.fixable) {
        return None;
    }
    let mut actions: Vec<(&str, Option<&str>)> = Vec::new();
    for flaw in flaws() {
        let action = (flaw.action.as_str(), flaw.command.as_deref());
        if !actions.contains(&action) {
            actions.push(action);
        }
    }
    let mut worst: Vec<_> = flaws().collect();
    worst.sort_by(|one, other| {
        let key = |flaw: &super::Flaw| (!flaw.flaw.exploited, flaw.flaw.severity != "critical");
        key(one).cmp(&key(other))
    });
    let party = worst.first()?.party.clone();
    let (first, rest) = actions.split_first()?;
    let more = match rest.len() {
        0 => String::new(),
        1 => format!("; {}", rest[0].0),
        number => format!(", and {number} more changes"),
    };
    let command = if rest.is_empty() { first.1.map(str::to_owned) } else { None };
    Some(cut(CutKind::Image, party, format!("{}{more}", first.0), command, 2))
}

fn exposure(scene: &Scene<'_, '_>, subject: &Subject<'_>) -> Option<AttackCut> {
    if let Some(last) = subject.over.last() {
        let namespace = subject.shown.split('/').next().unwrap_or_default();
        let command =
            is_plain(namespace).then(|| format!("plimsoll cluster suggest --namespace {namespace}"));
        let action = format!("a network policy that does not let {} reach it", shortened(&last.from));
        return Some(cut(CutKind::Exposure, team(scene, subject), action, command, 4));
    }
    let (first, rest) = subject.entries.split_first()?;
    let mut actions: Vec<String> = Vec::new();
    for entry in &subject.entries {
        let (action, _) = close(scene, entry);
        if !actions.contains(&action) {
            actions.push(action);
        }
    }
    let command = if rest.is_empty() { close(scene, first).1 } else { None };
    Some(cut(CutKind::Exposure, team(scene, subject), actions.join("; "), command, 4))
}

/// What closes a way in.
fn close(scene: &Scene<'_, '_>, entry: &Exposure) -> (String, Option<String>) {
    let object = shortened(&entry.object);
    match entry.by.as_str() {
        by @ ("LoadBalancer" | "NodePort") => {
            let mut services = scene.cluster.services.iter();
            let own = services.find(|own| format!("{}/{}", own.namespace, own.name) == entry.object);
            let command = own
                .filter(|own| own.source.is_none() && is_plain(&own.name) && is_plain(&own.namespace))
                .map(|own| {
                    format!(
                        "kubectl patch service {} -n {} -p '{{\"spec\":{{\"type\":\"ClusterIP\"}}}}'",
                        own.name, own.namespace
                    )
                });
            (format!("make Service {object} one of the cluster only (it is of the type {by})"), command)
        }
        "externalIPs" => (format!("take externalIPs away from Service {object}"), None),
        "hostPort" => (format!("take hostPort away from {object}"), None),
        "hostNetwork" => (format!("take hostNetwork away from {object}"), None),
        kind => (format!("take what leads to it out of {kind} {object}"), None),
    }
}
