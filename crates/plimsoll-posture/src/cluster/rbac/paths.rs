//! How somebody becomes more than they are: the shortest chain of rights from every subject to what is worth it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_model::Outcome;
use plimsoll_model::audit::ClusterInfo;
use plimsoll_model::paths::{AttackPath, Cut, Goal, PATHS_VERSION, PathStep, Paths};
use plimsoll_model::rights::Holder;

use super::graph::{Node, Over, build, is_system, told};
use super::{Rbac, binding_shown, hides};
use crate::cluster::{Cluster, Origin};

/// Bindings of each goal that are tried as its cut: those that lie on most shortest paths.
const CANDIDATES: usize = 4;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct PathsAsked {
    /// Only from this subject: `User ann`, `Group ops`, `ServiceAccount shop/web`, or its name alone.
    pub from: Option<String>,
    /// Only to this goal.
    pub to: Option<Goal>,
    /// Also from the subjects of the cluster itself, and from members of groups that have the path themselves.
    pub all: bool,
}
/// Everybody's shortest paths.
pub fn paths(rbac: &Rbac<'_>, asked: &PathsAsked, info: &ClusterInfo) -> Paths {
    let cluster = rbac.cluster;
    let graph = build(rbac);
    let wanted = |holder: &Holder| {
        asked.from.as_deref().is_none_or(|from| holder.shown() == from || holder.name == from)
    };
    let mut found: BTreeMap<(Goal, bool, usize, Vec<PathStep>), Vec<Holder>> = BTreeMap::new();
    let mut system = BTreeSet::new();
    let mut cuts = Vec::new();
    for goal in Goal::ALL.into_iter().filter(|goal| asked.to.is_none_or(|to| to == *goal)) {
        let sure = graph.towards(goal, Over::default());
        let perhaps = graph.towards(goal, Over { unknown: true, without: None });
        let mut on_paths: HashMap<usize, u64> = HashMap::new();
        let mut reached = 0_u64;
        for (at, node) in graph.nodes.iter().enumerate() {
            let Node::Subject(holder) = node else { continue };
            let (next, is_sure) = if sure[at].is_some() { (&sure, true) } else { (&perhaps, false) };
            let Some(first) = next[at] else { continue };
            if !wanted(holder) {
                continue;
            }
            if is_system(holder) && !asked.all && asked.from.is_none() {
                system.insert(at);
                continue;
            }
            let path = graph.path(next, at);
            if is_sure {
                reached += 1;
                let bindings: BTreeSet<usize> =
                    path.iter().flat_map(|edge| edge.bindings.iter().copied()).collect();
                for binding in bindings {
                    *on_paths.entry(binding).or_default() += 1;
                }
            }
            // Who has it only as a member of a group that is told is told with it.
            if graph.edges[first].is_member() && !asked.all && asked.from.is_none() {
                continue;
            }
            let steps = told(rbac, &graph, &path);
            let mut key = steps.clone();
            if let Some(first) = key.first_mut() {
                first.from = String::new();
            }
            found.entry((goal, !is_sure, steps.len(), key)).or_default().push(holder.clone());
        }
        let mut candidates: Vec<(usize, u64)> = on_paths.into_iter().collect();
        candidates.sort_by_key(|(at, number)| (std::cmp::Reverse(*number), *at));
        let mut best: Option<Cut> = None;
        for (at, _) in candidates.into_iter().take(CANDIDATES) {
            let left = graph.towards(goal, Over { unknown: false, without: Some(at) });
            let still = graph.nodes.iter().zip(&left).filter(|(node, next)| {
                matches!(node, Node::Subject(holder) if next.is_some() && wanted(holder)
                    && (asked.all || asked.from.is_some() || !is_system(holder)))
            });
            let cut = reached.saturating_sub(still.count() as u64);
            if cut > best.as_ref().map_or(0, |best| best.cuts) {
                let binding = &cluster.bindings[at];
                best = Some(Cut {
                    goal,
                    binding: binding_shown(binding),
                    cuts: cut,
                    of: reached,
                    source: binding.source.as_deref().map(str::to_owned),
                });
            }
        }
        cuts.extend(best);
    }
    let all: Vec<AttackPath> = found
        .into_iter()
        .map(|((goal, unsure, _, mut steps), mut subjects)| {
            subjects.sort();
            if let (Some(first), Some(subject)) = (steps.first_mut(), subjects.first()) {
                first.from = subject.shown();
            }
            AttackPath { goal, sure: !unsure, subjects, steps }
        })
        .collect();
    let mut missing: Vec<_> = [
        ("ClusterRoleBinding", true),
        ("RoleBinding", true),
        ("ClusterRole", true),
        ("Role", true),
        ("ServiceAccount", true),
        ("Pod", true),
        ("Namespace", true),
        ("MutatingWebhookConfiguration", true),
        ("ValidatingWebhookConfiguration", true),
    ]
    .into_iter()
    .filter_map(|(kind, decides)| Some(Cluster::lack(kind, cluster.missing(kind)?, decides)))
    .collect();
    missing.sort();
    let problems = rbac.problems();
    let undecided = all.iter().any(|path| !path.sure) || !missing.is_empty() || hides(&problems);
    let verdict = if all.iter().any(|path| path.sure) {
        Outcome::NotMet
    } else if undecided {
        Outcome::Unknown
    } else {
        Outcome::Met
    };
    Paths {
        schema_version: PATHS_VERSION.into(),
        plimsoll: env!("CARGO_PKG_VERSION").into(),
        cluster: info.clone(),
        verdict,
        paths: all,
        cuts,
        system: system.len() as u64,
        notes: notes(cluster, system.len()),
        missing,
        problems,
    }
}

fn notes(cluster: &Cluster, system: usize) -> Vec<String> {
    let mut notes = vec![
        "secrets are not read: which of them hold tokens of service accounts or other keys is not known"
            .to_owned(),
        "validating admission policies, and authorizers other than roles, are not looked at".to_owned(),
    ];
    if system > 0 {
        notes.push(format!(
            "subjects of the cluster itself (system:..., accounts of kube-system) that have a path: {system}; --all tells them"
        ));
    }
    if cluster.origin == Origin::Manifests {
        notes
            .push("manifests say only what they say: the cluster may have further roles and bindings".into());
    }
    notes
}
