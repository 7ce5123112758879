//! Who can do something, with the binding, the role and the rule that say so.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_model::audit::{ClusterInfo, Missing};
use plimsoll_model::rights::{
    AskedPlace, AskedRight, Dangling, Grant, Holder, May, RunsAs, WHO_CAN_VERSION, WhoCan, WhoMay,
};
use plimsoll_model::{Outcome, shortened};

use super::{
    AUTHENTICATED, Asked, Extent, Given, MASTERS, Place, Rbac, SERVICE_ACCOUNTS, UNAUTHENTICATED, allows,
    binding_shown, hides, holder, role_shown,
};
use crate::cluster::{Binding, Cluster, Origin, RoleRule};

/// Rules of one role that are told.
const RULES: usize = 3;

/// A rule of a role that allows what was asked.
#[derive(Clone)]
struct Hit {
    /// Which role has it; `None` for the one that may do everything.
    role: Option<usize>,
    rule: usize,
    detail: String,
    names: Vec<String>,
}

/// What a role says about what was asked: the first rules, and how many.
#[derive(Clone, Default)]
struct Said {
    hits: Vec<Hit>,
    all: u64,
    uncounted: bool,
}

/// Answers a question about a whole cluster.
pub fn who_can(rbac: &Rbac<'_>, asked: &Asked, info: &ClusterInfo) -> WhoCan {
    let cluster = rbac.cluster;
    let mut said: HashMap<usize, Said> = HashMap::new();
    let mut found: BTreeMap<Holder, Vec<Grant>> = BTreeMap::new();
    let mut dangling = Vec::new();
    let mut without_effect = 0_u64;
    for binding in &cluster.bindings {
        let extent = reach(asked, binding);
        if matches!(extent, Reach::Nothing) {
            if !concerns_other_namespace(asked, binding)
                && let Given::Roles(roles) = rbac.given(binding)
            {
                let mut looked = |at: &usize| {
                    let said = said.entry(*at).or_insert_with(|| look(rbac, asked, *at));
                    said.hits.iter().any(|hit| is_explicit(rbac, hit))
                };
                without_effect += u64::from(roles.iter().any(&mut looked));
            }
            continue;
        }
        let only = match extent {
            Reach::Only(namespace) => Some(namespace),
            _ => None,
        };
        let grants = match rbac.given(binding) {
            Given::Absent(detail) => {
                dangling.push(Dangling {
                    binding: binding_shown(binding),
                    detail: format!("{} {}: {detail}", binding.role_kind, binding.role),
                    source: binding.source.as_deref().map(str::to_owned),
                });
                continue;
            }
            Given::Unseen(reason) => vec![unknown(binding, reason)],
            Given::Everything => {
                let hit = first_hit(rbac.everything(), asked, None);
                hit.map(|hit| grant(rbac, binding, None, &hit, 0, only)).into_iter().collect()
            }
            Given::Roles(roles) => roles
                .iter()
                .filter_map(|at| {
                    let said = said.entry(*at).or_insert_with(|| look(rbac, asked, *at));
                    match said.hits.first() {
                        Some(hit) => Some(grant(rbac, binding, Some(*at), hit, said.all - 1, only)),
                        None if said.uncounted => {
                            Some(unknown(binding, "it gathers too many roles to be looked through".into()))
                        }
                        None => None,
                    }
                })
                .collect(),
        };
        if grants.is_empty() {
            continue;
        }
        let subjects: BTreeSet<Holder> = binding.subjects.iter().map(holder).collect();
        for subject in subjects {
            found.entry(subject).or_default().extend(grants.iter().cloned());
        }
    }
    let accounts: BTreeSet<(&str, &str)> = cluster
        .service_accounts
        .iter()
        .map(|account| (account.namespace.as_ref(), account.name.as_ref()))
        .collect();
    let workloads = workloads(cluster);
    let mut subjects: Vec<WhoMay> = found
        .into_iter()
        .map(|(subject, mut grants)| {
            grants.sort_by(|one, other| {
                let key =
                    |grant: &Grant| (grant.rule.is_none(), grant.namespace.clone(), !grant.names.is_empty());
                key(one).cmp(&key(other)).then_with(|| one.binding.cmp(&other.binding))
            });
            let sure = grants.iter().any(|grant| grant.rule.is_some());
            let mut may = WhoMay {
                answer: if sure { May::Allowed } else { May::Unknown },
                means: meaning(&subject).map(str::to_owned),
                exists: None,
                grants,
                workloads: Vec::new(),
                members: None,
                whose: None,
                subject,
            };
            match (&may.subject.namespace, may.subject.kind.as_str()) {
                (Some(namespace), _) => {
                    let place = (namespace.as_str(), may.subject.name.as_str());
                    // Manifests may bind accounts that are made elsewhere; every namespace has its `default`.
                    let known =
                        cluster.origin == Origin::Cluster && cluster.missing("ServiceAccount").is_none();
                    may.exists = if accounts.contains(&place) { Some(true) } else { known.then_some(false) };
                    may.workloads = workloads.get(&place).cloned().unwrap_or_default();
                }
                (None, "Group") => may.members = members(&may.subject.name, &workloads),
                _ => {}
            }
            may
        })
        .collect();
    subjects.sort_by(|one, other| (one.answer, &one.subject).cmp(&(other.answer, &other.subject)));
    dangling.sort();
    let missing = missing(cluster, asked);
    let problems = rbac.problems();
    let undecided = subjects.iter().any(|one| one.answer == May::Unknown)
        || missing.iter().any(|one| one.decides)
        || hides(&problems);
    WhoCan {
        schema_version: WHO_CAN_VERSION.into(),
        plimsoll: env!("CARGO_PKG_VERSION").into(),
        cluster: info.clone(),
        verdict: if undecided { Outcome::Unknown } else { Outcome::Met },
        asked: told(asked),
        subjects,
        dangling,
        notes: notes(cluster, asked, without_effect),
        missing,
        problems,
    }
}

/// What of a question a binding can allow at all.
enum Reach<'b> {
    /// Nothing: it is about another place.
    Nothing,
    /// All of it.
    All,
    /// Only this one namespace, as an object.
    Only(&'b str),
}

fn reach<'b>(asked: &Asked, binding: &'b Binding) -> Reach<'b> {
    let Some(own) = binding.namespace.as_deref() else { return Reach::All };
    if asked.is_path() {
        return Reach::Nothing;
    }
    if asked.is_of_namespace() {
        let is_it = match (&asked.name, &asked.place) {
            (Some(name), _) => name == own,
            (None, Place::Namespace(namespace)) => namespace == own,
            (None, Place::Anywhere) => true,
            (None, Place::Everywhere) => false,
        };
        return if is_it { Reach::Only(own) } else { Reach::Nothing };
    }
    let is_there = match &asked.place {
        _ if !asked.in_namespaces() => false,
        Place::Anywhere => true,
        Place::Namespace(namespace) => namespace == own,
        Place::Everywhere => false,
    };
    if is_there { Reach::All } else { Reach::Nothing }
}

/// Whether a binding is only about another namespace than the one that was asked for.
fn concerns_other_namespace(asked: &Asked, binding: &Binding) -> bool {
    asked.in_namespaces()
        || asked.is_of_namespace()
        || matches!(&asked.place, Place::Namespace(namespace) if binding.namespace.as_deref() != Some(namespace.as_str()))
}

/// Whether a rule names things: one about everything is not a mistake where it has no effect on some.
fn is_explicit(rbac: &Rbac<'_>, hit: &Hit) -> bool {
    let Some(role) = hit.role else { return false };
    let rule = &rbac.role(role).rules[hit.rule];
    !rule.resources.iter().chain(&rule.urls).any(|own| own.as_ref() == "*")
}

fn first_hit(rules: &[RoleRule], asked: &Asked, role: Option<usize>) -> Option<Hit> {
    rules.iter().enumerate().find_map(|(at, rule)| hit(rule, at, asked, role))
}

fn hit(rule: &RoleRule, at: usize, asked: &Asked, role: Option<usize>) -> Option<Hit> {
    let names = match allows(rule, &asked.request())? {
        Extent::Whole => Vec::new(),
        Extent::Only(names) => names.iter().map(ToString::to_string).collect(),
    };
    Some(Hit { role, rule: at, detail: rule_shown(rule), names })
}

/// What a role with all that it gathers says.
fn look(rbac: &Rbac<'_>, asked: &Asked, at: usize) -> Said {
    let (whole, uncounted) = rbac.whole(at);
    let mut said = Said { uncounted, ..Said::default() };
    let own = &rbac.role(at).rules;
    let mut gathered_rules: BTreeSet<&RoleRule> = BTreeSet::new();
    // A cluster writes what a role gathers into the role too: the role that it comes from is told, where it is seen.
    let mut from_own = Vec::new();
    for role in whole {
        for (number, rule) in rbac.role(role).rules.iter().enumerate() {
            let Some(hit) = hit(rule, number, asked, Some(role)) else { continue };
            if role == at {
                from_own.push((rule, hit));
            } else if gathered_rules.insert(rule) {
                said.hits.push(hit);
            }
        }
    }
    debug_assert!(from_own.len() <= own.len());
    said.hits
        .extend(from_own.into_iter().filter(|(rule, _)| !gathered_rules.contains(rule)).map(|(_, hit)| hit));
    // That which allows most first.
    said.hits.sort_by_key(|hit| !hit.names.is_empty());
    said.all = said.hits.len() as u64;
    // Several that are limited to names are one with all names.
    if said.hits.first().is_some_and(|hit| !hit.names.is_empty()) {
        let names: BTreeSet<String> = said.hits.iter().flat_map(|hit| hit.names.iter().cloned()).collect();
        said.hits[0].names = names.into_iter().collect();
    }
    said.hits.truncate(RULES);
    said
}

fn grant(
    rbac: &Rbac<'_>,
    binding: &Binding,
    given: Option<usize>,
    hit: &Hit,
    more_rules: u64,
    only: Option<&str>,
) -> Grant {
    let has = hit.role.map(|at| rbac.role(at));
    let mut names = hit.names.clone();
    if let Some(only) = only {
        // A role in a namespace says something about this namespace as an object only.
        names = vec![only.to_owned()];
    }
    Grant {
        namespace: binding.namespace.as_deref().map(str::to_owned),
        binding: binding_shown(binding),
        binding_source: binding.source.as_deref().map(str::to_owned),
        role: format!("{} {}", binding.role_kind, binding.role),
        from_role: has.filter(|_| hit.role != given).map(role_shown),
        role_source: has.and_then(|role| role.source.as_deref()).map(str::to_owned),
        rule: Some(hit.rule as u64 + 1),
        detail: hit.detail.clone(),
        names,
        more_rules,
    }
}

fn unknown(binding: &Binding, reason: String) -> Grant {
    Grant {
        namespace: binding.namespace.as_deref().map(str::to_owned),
        binding: binding_shown(binding),
        binding_source: binding.source.as_deref().map(str::to_owned),
        role: format!("{} {}", binding.role_kind, binding.role),
        from_role: None,
        role_source: None,
        rule: None,
        detail: reason,
        names: Vec::new(),
        more_rules: 0,
    }
}

/// `get, list of pods, pods/log in apps`.
pub(crate) fn rule_shown(rule: &RoleRule) -> String {
    let all = |texts: &[std::sync::Arc<str>]| {
        let mut shown: Vec<String> = texts.iter().take(6).map(|text| shortened(text)).collect();
        if texts.len() > shown.len() {
            shown.push(format!("{} more", texts.len() - shown.len()));
        }
        shown.join(", ")
    };
    let what = if rule.urls.is_empty() { all(&rule.resources) } else { all(&rule.urls) };
    let mut text = format!("{} {what}", all(&rule.verbs));
    if rule.groups.iter().any(|group| !group.is_empty()) {
        let groups: Vec<std::sync::Arc<str>> = rule
            .groups
            .iter()
            .map(|group| if group.is_empty() { "core".into() } else { std::sync::Arc::clone(group) })
            .collect();
        text.extend([" (", &all(&groups), ")"]);
    }
    if !rule.names.is_empty() {
        text.extend([" named ", &all(&rule.names)]);
    }
    text
}

type Workloads<'c> = BTreeMap<(&'c str, &'c str), Vec<RunsAs>>;

/// What runs, by service account.
pub(crate) fn workloads(cluster: &Cluster) -> Workloads<'_> {
    let mounts: HashMap<(&str, &str), Option<bool>> = cluster
        .service_accounts
        .iter()
        .map(|account| ((account.namespace.as_ref(), account.name.as_ref()), account.mounts_token))
        .collect();
    let mut all: Workloads<'_> = BTreeMap::new();
    for workload in &cluster.workloads {
        let place = (workload.namespace.as_ref(), workload.service_account.as_ref());
        let token = workload.mounts_token.or(mounts.get(&place).copied().flatten()).unwrap_or(true);
        let runs = all.entry(place).or_default();
        let shown = workload.shown();
        // Pods of one workload that differ stand beside one another.
        match runs.last_mut().filter(|last| last.workload == shown) {
            Some(last) => {
                last.pods += u64::from(workload.pods);
                last.token |= token;
            }
            None => runs.push(RunsAs {
                workload: shown,
                pods: u64::from(workload.pods),
                token,
                source: workload.source.as_deref().map(str::to_owned),
            }),
        }
    }
    all
}

/// How many workloads are in a group; `None` where it is not one of service accounts.
fn members(group: &str, workloads: &Workloads<'_>) -> Option<u64> {
    let count = |fits: &dyn Fn(&str) -> bool| {
        workloads
            .iter()
            .filter(|((namespace, _), _)| fits(namespace))
            .map(|(_, runs)| runs.len() as u64)
            .sum()
    };
    match group {
        AUTHENTICATED | SERVICE_ACCOUNTS => Some(count(&|_| true)),
        _ => {
            let namespace = group.strip_prefix(SERVICE_ACCOUNTS)?.strip_prefix(':')?;
            Some(count(&|own| own == namespace))
        }
    }
}

fn told(asked: &Asked) -> AskedRight {
    let (place, namespace) = match &asked.place {
        Place::Anywhere => (AskedPlace::Anywhere, None),
        Place::Namespace(namespace) => (AskedPlace::Namespace, Some(namespace.clone())),
        Place::Everywhere => (AskedPlace::Everywhere, None),
    };
    AskedRight {
        verb: asked.verb.clone(),
        resource: asked.resource.clone(),
        group: asked.group.clone(),
        subresource: asked.subresource.clone(),
        name: asked.name.clone(),
        place,
        namespace,
    }
}

fn notes(cluster: &Cluster, asked: &Asked, without_effect: u64) -> Vec<String> {
    let mut notes = vec![format!(
        "the group {MASTERS} may do everything before any role is looked at; what other authorizers allow (that of nodes, those of clouds) stands in no object and is not looked at"
    )];
    if cluster.origin == Origin::Manifests {
        notes
            .push("manifests say only what they say: the cluster may have further roles and bindings".into());
    }
    if let Some(part) = asked.name_like_a_part() {
        notes.push(format!(
            "`{part}` is taken as the name of an object; ask for the part of {} with --subresource {part}",
            asked.resource
        ));
    }
    if asked.group.is_none() && !asked.is_path() {
        notes.push(format!(
            "{} are asked for in every group: say {}.GROUP for one",
            asked.resource, asked.resource
        ));
    }
    if without_effect > 0 {
        let what = if asked.is_path() { "a path" } else { "what is in no namespace" };
        notes.push(format!(
            "bindings of namespaces give a role with such a rule, which has no effect there on {what}: {without_effect}"
        ));
    }
    if asked.namespaced == Some(false) && !asked.is_of_namespace() && asked.place != Place::Anywhere {
        notes.push(format!("{} are in no namespace", asked.resource));
    }
    notes
}

/// Lists that were not seen. Whether the answer depends on them: on bindings always, where they can allow it; on roles by the
/// subjects that have one that was not seen.
fn missing(cluster: &Cluster, asked: &Asked) -> Vec<Missing> {
    let by_namespace = !asked.is_path()
        && (asked.is_of_namespace() || asked.in_namespaces())
        && asked.place != Place::Everywhere;
    let mut missing: Vec<Missing> = [
        ("ClusterRoleBinding", true),
        ("RoleBinding", by_namespace),
        ("ClusterRole", false),
        ("Role", false),
        ("ServiceAccount", false),
        ("Pod", false),
    ]
    .into_iter()
    .filter_map(|(kind, decides)| Some(Cluster::lack(kind, cluster.missing(kind)?, decides)))
    .collect();
    missing.sort();
    missing
}

/// Who is in a group that every cluster has.
fn meaning(subject: &Holder) -> Option<&'static str> {
    match subject.name.as_str() {
        _ if subject.kind != "Group" => None,
        AUTHENTICATED => Some("everybody who is known to the cluster, all pods too"),
        UNAUTHENTICATED => Some("everybody who reaches the API server, unknown ones too"),
        SERVICE_ACCOUNTS => Some("all service accounts, and so all pods"),
        MASTERS => Some("may do everything, whatever roles say"),
        _ => None,
    }
}
