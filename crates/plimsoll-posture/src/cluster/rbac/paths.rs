//! How somebody becomes more than they are: the shortest chain of rights from every subject to what is worth it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_model::Outcome;
use plimsoll_model::audit::ClusterInfo;
use plimsoll_model::paths::{AttackPath, Cut, Goal, PATHS_VERSION, PathStep, Paths};
use plimsoll_model::rights::Holder;

use super::graph::{Over, build, is_system, told};
use super::{MASTERS, Rbac, binding_shown, hides, holder};
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

/// Names that are proposed for one that nobody has.
const NEAR: usize = 5;

/// What is near a name that nobody has, as far as everybody is known; `None` where somebody has it, or may.
pub fn nobody(rbac: &Rbac<'_>, name: &str) -> Option<Vec<String>> {
    let cluster = rbac.cluster;
    // Who is bound by what was not seen is not known.
    if cluster.missing("ClusterRoleBinding").or(cluster.missing("RoleBinding")).is_some() {
        return None;
    }
    let account = |namespace: &str, name: &str| Holder {
        kind: "ServiceAccount".into(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    };
    let bound = cluster.bindings.iter().flat_map(|binding| binding.subjects.iter().map(holder));
    let own = cluster.service_accounts.iter().map(|own| account(&own.namespace, &own.name));
    let run = cluster.workloads.iter().map(|own| account(&own.namespace, &own.service_account));
    let masters = Holder { kind: "Group".into(), namespace: None, name: MASTERS.into() };
    let all: BTreeSet<Holder> = bound.chain(own).chain(run).chain([masters]).collect();
    if all.iter().any(|one| one.shown() == name || one.name == name) {
        return None;
    }
    // The last part is what is most often known.
    let asked = name.rsplit([' ', '/']).next().unwrap_or(name).to_ascii_lowercase();
    let mut near: Vec<(usize, String)> = all
        .iter()
        .map(|one| {
            let own = one.name.to_ascii_lowercase();
            let far = if own.contains(&asked) { 0 } else { plimsoll_model::edits(&own, &asked) };
            (far, one.shown())
        })
        .filter(|(far, _)| *far <= asked.chars().count().div_ceil(3))
        .collect();
    near.sort();
    Some(near.into_iter().take(NEAR).map(|(_, shown)| shown).collect())
}

/// What paths of several subjects have in common: goal, whether it is not sure, how many steps, and these, without who takes
/// the first one and by which bindings.
type Chain = (Goal, bool, usize, Vec<PathStep>);

/// Everybody's shortest paths.
pub fn paths(rbac: &Rbac<'_>, asked: &PathsAsked, info: &ClusterInfo) -> Paths {
    let cluster = rbac.cluster;
    let graph = build(rbac);
    let wanted = |holder: &Holder| {
        asked.from.as_deref().is_none_or(|from| holder.shown() == from || holder.name == from)
    };
    let mut found: BTreeMap<Chain, Vec<(Holder, Vec<String>)>> = BTreeMap::new();
    let mut system = BTreeSet::new();
    let mut cuts = Vec::new();
    for goal in Goal::ALL.into_iter().filter(|goal| asked.to.is_none_or(|to| to == *goal)) {
        let sure = graph.towards(goal, Over::default());
        let perhaps = graph.towards(goal, Over { unknown: true, without: None });
        let mut on_paths: HashMap<usize, u64> = HashMap::new();
        let mut reached = 0_u64;
        for at in 0..graph.nodes.len() {
            let Some(holder) = graph.subject(at) else { continue };
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
            let mut steps = told(rbac, &graph, &path);
            let mut bindings = Vec::new();
            if let Some(first) = steps.first_mut() {
                first.from = String::new();
                bindings = std::mem::take(&mut first.bindings);
            }
            let chain = (goal, !is_sure, steps.len(), steps);
            found.entry(chain).or_default().push((holder.clone(), bindings));
        }
        let mut candidates: Vec<(usize, u64)> = on_paths.into_iter().collect();
        candidates.sort_by_key(|(at, number)| (std::cmp::Reverse(*number), *at));
        let mut best: Option<Cut> = None;
        for (at, _) in candidates.into_iter().take(CANDIDATES) {
            let left = graph.towards(goal, Over { unknown: false, without: Some(at) });
            let still = (0..graph.nodes.len()).filter(|at| {
                left[*at].is_some()
                    && graph.subject(*at).is_some_and(|holder| {
                        wanted(holder) && (asked.all || asked.from.is_some() || !is_system(holder))
                    })
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
                    whose: None,
                });
            }
        }
        cuts.extend(best);
    }
    let all: Vec<AttackPath> = found
        .into_iter()
        .map(|((goal, unsure, _, mut steps), mut subjects)| {
            subjects.sort();
            let same = subjects.windows(2).all(|pair| pair[0].1 == pair[1].1);
            if let (Some(first), Some((subject, bindings))) = (steps.first_mut(), subjects.first()) {
                first.from = subject.shown();
                first.bindings.clone_from(bindings);
            }
            let bindings = if same {
                Vec::new()
            } else {
                subjects.iter().map(|(_, bindings)| bindings.clone()).collect()
            };
            let subjects = subjects.into_iter().map(|(subject, _)| subject).collect();
            AttackPath { goal, sure: !unsure, subjects, bindings, accepted: None, steps, whose: None }
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
