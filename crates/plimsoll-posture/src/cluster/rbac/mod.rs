//! Role-based access control, as the authorizer of Kubernetes decides it: roles with what they gather, bindings, subjects.
//!
//! A role that could not be seen is not one that allows nothing: its subjects *may* be allowed. What other authorizers of a
//! cluster allow - that of nodes, webhooks of clouds - is in no object, and is not looked at.

mod grants;
pub(crate) mod graph;
mod paths;
mod request;
mod who_can;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

pub use grants::{Grants, grants};
pub use paths::{PathsAsked, nobody, paths};
use plimsoll_model::rights::Holder;
use plimsoll_model::{Effect, Problem, ProblemKind};
pub use request::{Asked, Extent, Place, Request, allows};
pub use who_can::who_can;

use super::{Binding, BindingSubject, Cluster, Origin, Role, RoleRule, Selector, list_of};

/// The group that everything is allowed to before any role is looked at.
pub const MASTERS: &str = "system:masters";
/// The group of everybody who is known.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of everybody else.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The group of all service accounts; with a colon and a namespace that of the ones in there.
pub const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";
/// What stands before namespace and name of a service account where it is a user.
pub const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// Most comparisons of selectors of gathering roles with roles.
const MOST_COMPARISONS: usize = 20_000_000;

/// What is known of the role that a binding gives.
pub(crate) enum Given<'r> {
    /// Roles of its name (manifests may have one twice), with all that they gather, by number.
    Roles(&'r [usize]),
    /// A role that every cluster has and that may do everything.
    Everything,
    /// It is not there.
    Absent(&'static str),
    /// It was not seen: why.
    Unseen(String),
}

/// The roles of a cluster, to be asked.
pub struct Rbac<'c> {
    pub(crate) cluster: &'c Cluster,
    /// By namespace and name.
    by_name: HashMap<(Option<&'c str>, &'c str), Vec<usize>>,
    /// For roles that gather: all roles whose rules they have, with those that these gather, without themselves.
    gathered: HashMap<usize, Vec<usize>>,
    /// Roles of which it is not known what they gather.
    uncounted: BTreeSet<usize>,
    everything: [RoleRule; 2],
}

impl<'c> Rbac<'c> {
    /// Looks through the roles.
    pub fn new(cluster: &'c Cluster) -> Self {
        let mut by_name: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, role) in cluster.roles.iter().enumerate() {
            by_name.entry((role.namespace.as_deref(), role.name.as_ref())).or_default().push(at);
        }
        let star = || vec![Arc::from("*")];
        let everything = [
            RoleRule { verbs: star(), groups: star(), resources: star(), ..RoleRule::default() },
            RoleRule { verbs: star(), urls: star(), ..RoleRule::default() },
        ];
        let mut own =
            Rbac { cluster, by_name, gathered: HashMap::new(), uncounted: BTreeSet::new(), everything };
        own.gather();
        own
    }

    /// Which roles have the rules of which others. Each selector is held against the roles once, however many have it.
    fn gather(&mut self) {
        let roles = &self.cluster.roles;
        let candidates: Vec<usize> = (0..roles.len()).filter(|at| roles[*at].namespace.is_none()).collect();
        let gathering: Vec<usize> =
            candidates.iter().copied().filter(|at| !roles[*at].aggregates.is_empty()).collect();
        let mut left = MOST_COMPARISONS;
        let mut by_selector: HashMap<&Selector, Vec<usize>> = HashMap::new();
        let mut direct: HashMap<usize, Vec<&Selector>> = HashMap::new();
        for at in gathering {
            for selector in &roles[at].aggregates {
                if !by_selector.contains_key(selector) {
                    let work = candidates.len() * selector.requirements.len().max(1);
                    let Some(rest) = left.checked_sub(work) else {
                        self.uncounted.insert(at);
                        continue;
                    };
                    left = rest;
                    let fits = |at: &usize| selector.matches(|name| roles[*at].labels.get(name));
                    by_selector.insert(selector, candidates.iter().copied().filter(fits).collect());
                }
                direct.entry(at).or_default().push(selector);
            }
        }
        for (&at, selectors) in &direct {
            let mut seen = BTreeSet::from([at]);
            let mut open: Vec<&Selector> = selectors.clone();
            let mut asked: BTreeSet<&Selector> = BTreeSet::new();
            while let Some(selector) = open.pop() {
                if !asked.insert(selector) {
                    continue;
                }
                let found = by_selector.get(selector).map(Vec::as_slice).unwrap_or_default();
                let Some(rest) = left.checked_sub(found.len()) else {
                    self.uncounted.insert(at);
                    break;
                };
                left = rest;
                for &other in found {
                    if seen.insert(other) {
                        open.extend(direct.get(&other).into_iter().flatten());
                    }
                }
            }
            seen.remove(&at);
            self.gathered.insert(at, seen.into_iter().collect());
        }
    }

    /// What is known of the role of a binding.
    pub(crate) fn given<'r>(&'r self, binding: &'c Binding) -> Given<'r> {
        let namespace = match (binding.role_kind.as_ref(), binding.namespace.as_deref()) {
            ("ClusterRole", _) => None,
            ("Role", Some(namespace)) => Some(namespace),
            ("Role", None) => return Given::Absent("a ClusterRoleBinding gives no Role"),
            _ => return Given::Absent("it names neither a Role nor a ClusterRole"),
        };
        let name = binding.role.as_ref();
        if let Some(found) = self.by_name.get(&(namespace, name)) {
            return Given::Roles(found);
        }
        let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
        let reason = match self.cluster.missing(kind) {
            Some(reason) => reason,
            None if self.cluster.origin == Origin::Manifests => "it is not among the manifests",
            None => return Given::Absent("the role is not there"),
        };
        // Every cluster has it, and it is the same in all.
        if kind == "ClusterRole" && name == "cluster-admin" {
            return Given::Everything;
        }
        Given::Unseen(format!("what it allows is not known: {reason}"))
    }

    /// A role and those whose rules it has; whether there may be more of them.
    pub(crate) fn whole(&self, at: usize) -> (impl Iterator<Item = usize> + '_, bool) {
        let gathered = self.gathered.get(&at).map(Vec::as_slice).unwrap_or_default();
        (std::iter::once(at).chain(gathered.iter().copied()), self.uncounted.contains(&at))
    }

    pub(crate) fn role(&self, at: usize) -> &'c Role {
        &self.cluster.roles[at]
    }

    pub(crate) fn everything(&self) -> &[RoleRule] {
        &self.everything
    }

    /// What could not be read, and may change who has which right.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self
            .cluster
            .problems
            .iter()
            .filter(|problem| {
                // What says its kind is an object; a file may hold anything.
                let kind = problem.subject.split(' ').next().unwrap_or_default();
                list_of(kind).is_none_or(|list| list.group == super::RBAC)
            })
            .cloned()
            .collect();
        for at in &self.uncounted {
            let detail = "it gathers too many roles to be looked through";
            problems.push(Problem::incomplete(
                ProblemKind::LimitExceeded,
                role_shown(self.role(*at)),
                detail,
            ));
        }
        problems
    }
}

/// Whether something that could not be read may hide something.
pub(crate) fn hides(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.effect == Effect::Incomplete)
}

/// `Role shop/web`, `ClusterRole edit`.
pub(crate) fn role_shown(role: &Role) -> String {
    shown(
        if role.namespace.is_some() { "Role" } else { "ClusterRole" },
        role.namespace.as_deref(),
        &role.name,
    )
}

/// `RoleBinding shop/web`, `ClusterRoleBinding edit`.
pub(crate) fn binding_shown(binding: &Binding) -> String {
    let kind = if binding.namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" };
    shown(kind, binding.namespace.as_deref(), &binding.name)
}

fn shown(kind: &str, namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}

/// A subject of a binding. A service account may be named as the user that it is.
pub(crate) fn holder(subject: &BindingSubject) -> Holder {
    let account = match subject.kind.as_ref() {
        "ServiceAccount" => Some((subject.namespace.as_ref(), subject.name.as_ref())),
        "User" => subject.name.strip_prefix(SERVICE_ACCOUNT).and_then(|rest| rest.split_once(':')),
        _ => None,
    };
    match account {
        Some((namespace, name)) => {
            Holder { kind: "ServiceAccount".into(), namespace: Some(namespace.into()), name: name.into() }
        }
        None => Holder { kind: subject.kind.to_string(), namespace: None, name: subject.name.to_string() },
    }
}

#[cfg(test)]
mod proof;
#[cfg(test)]
mod tests;
