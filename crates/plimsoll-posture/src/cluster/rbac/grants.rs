//! Who has which role, and what these allow, in a form that two states of a cluster can be compared in.

use std::collections::{BTreeMap, BTreeSet};

use super::{Given, Rbac, holder, role_shown};
use crate::cluster::RoleRule;

/// Most combinations of groups and resources of one rule that are taken apart.
const PARTS: usize = 1_000;

/// What roles give in a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Who has which role where: subject, `in shop` or nothing for everywhere, role.
    pub bound: BTreeSet<(String, String, String)>,
    /// What roles that somebody has allow, with all that they gather: by role, of what, which verbs.
    pub rights: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

/// What roles give in a cluster. A role that was not seen has no rights here.
pub fn grants(rbac: &Rbac<'_>) -> Grants {
    let mut all = Grants::default();
    for binding in &rbac.cluster.bindings {
        let given = rbac.given(binding);
        if matches!(given, Given::Absent(_)) {
            continue;
        }
        let place =
            binding.namespace.as_deref().map_or_else(String::new, |namespace| format!("in {namespace}"));
        let role = match (binding.role_kind.as_ref(), binding.namespace.as_deref()) {
            ("Role", Some(namespace)) => format!("Role {namespace}/{}", binding.role),
            (kind, _) => format!("{kind} {}", binding.role),
        };
        for subject in &binding.subjects {
            all.bound.insert((holder(subject).shown(), place.clone(), role.clone()));
        }
        let Given::Roles(roles) = given else { continue };
        for &at in roles {
            let own = all.rights.entry(role_shown(rbac.role(at)));
            let std::collections::btree_map::Entry::Vacant(free) = own else { continue };
            let mut rights = BTreeMap::new();
            for role in rbac.whole(at).0 {
                rbac.role(role).rules.iter().for_each(|rule| take(rule, &mut rights));
            }
            free.insert(rights);
        }
    }
    all
}

fn take(rule: &RoleRule, rights: &mut BTreeMap<String, BTreeSet<String>>) {
    let names = match rule.names.as_slice() {
        [] => String::new(),
        names => {
            let mut names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
            names.sort_unstable();
            format!(" named {}", names.join(", "))
        }
    };
    let groups = if rule.groups.is_empty() { 1 } else { rule.groups.len() };
    let mut add = |what: String| {
        rights.entry(what).or_default().extend(rule.verbs.iter().map(ToString::to_string));
    };
    if rule.resources.len().saturating_mul(groups) > PARTS {
        return add(format!("{} resources of {groups} groups{names}", rule.resources.len()));
    }
    for resource in &rule.resources {
        for group in &rule.groups {
            let group = if group.is_empty() { String::new() } else { format!(".{group}") };
            add(format!("{resource}{group}{names}"));
        }
    }
    rule.urls.iter().for_each(|url| add(url.to_string()));
}
