//! How somebody becomes more than they are: the shortest chain of rights from every subject to what is worth it.
//!
//! A graph of subjects, of what can be done in namespaces (hubs, so that edges stay few) and of goals, searched backwards from
//! each goal: once over the edges that are known to be possible, once over those too of which that is not known.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use plimsoll_model::Outcome;
use plimsoll_model::audit::ClusterInfo;
use plimsoll_model::paths::{AttackPath, Cut, Goal, PATHS_VERSION, PathStep, Paths};
use plimsoll_model::rights::Holder;
use serde_json::Value;

use super::{
    AUTHENTICATED, Extent, Given, MASTERS, Rbac, Request, SERVICE_ACCOUNTS, UNAUTHENTICATED, allows,
    binding_shown, hides, holder,
};
use crate::cluster::{Cluster, Origin, RoleRule};

/// Bindings of each goal that are tried as its cut: those that lie on most shortest paths.
const CANDIDATES: usize = 4;
/// Names of one right that are followed.
const NAMES: usize = 100;

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

/// A right that a step needs: verbs of which one is enough, group, resource, part of it.
struct Right(&'static [&'static str], &'static str, &'static str, Option<&'static str>);

const WRITE: &[&str] = &["create", "update", "patch"];
const CHANGE: &[&str] = &["update", "patch"];
const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";

const RIGHTS: [Right; 38] = [
    Right(&["*"], "*", "*", None),
    Right(&["create"], "", "pods", None),
    Right(WRITE, "apps", "deployments", None),
    Right(WRITE, "apps", "daemonsets", None),
    Right(WRITE, "apps", "statefulsets", None),
    Right(WRITE, "apps", "replicasets", None),
    Right(WRITE, "batch", "jobs", None),
    Right(WRITE, "batch", "cronjobs", None),
    Right(WRITE, "", "replicationcontrollers", None),
    Right(&["create", "get"], "", "pods", Some("exec")),
    Right(&["create", "get"], "", "pods", Some("attach")),
    Right(CHANGE, "", "pods", Some("ephemeralcontainers")),
    Right(CHANGE, "", "pods", None),
    Right(&["list", "watch"], "", "secrets", None),
    Right(&["get"], "", "secrets", None),
    Right(&["create"], "", "serviceaccounts", Some("token")),
    Right(&["impersonate"], "", "users", None),
    Right(&["impersonate"], "", "groups", None),
    Right(&["impersonate"], "", "serviceaccounts", None),
    Right(&["bind"], RBAC, "clusterroles", None),
    Right(&["bind"], RBAC, "roles", None),
    Right(&["escalate"], RBAC, "clusterroles", None),
    Right(&["escalate"], RBAC, "roles", None),
    Right(WRITE, RBAC, "clusterrolebindings", None),
    Right(WRITE, RBAC, "rolebindings", None),
    Right(CHANGE, RBAC, "clusterroles", None),
    Right(CHANGE, RBAC, "roles", None),
    Right(&["create", "get"], "", "nodes", Some("proxy")),
    Right(&["create"], CERTIFICATES, "certificatesigningrequests", None),
    Right(CHANGE, CERTIFICATES, "certificatesigningrequests", Some("approval")),
    Right(&["approve"], CERTIFICATES, "signers", None),
    Right(WRITE, ADMISSION, "mutatingwebhookconfigurations", None),
    Right(WRITE, ADMISSION, "mutatingadmissionpolicies", None),
    Right(WRITE, ADMISSION, "mutatingadmissionpolicybindings", None),
    Right(&["create"], "", "persistentvolumes", None),
    Right(CHANGE, "", "namespaces", None),
    Right(CHANGE, "", "serviceaccounts", None),
    Right(&["create"], "", "secrets", None),
];

/// Places in [`RIGHTS`].
mod at {
    use std::ops::RangeInclusive;

    pub(super) const ALL: usize = 0;
    pub(super) const PODS: RangeInclusive<usize> = 1..=8;
    pub(super) const ENTER: RangeInclusive<usize> = 9..=12;
    pub(super) const LIST_SECRETS: usize = 13;
    pub(super) const GET_SECRETS: usize = 14;
    pub(super) const TOKEN: usize = 15;
    pub(super) const AS_USER: usize = 16;
    pub(super) const AS_GROUP: usize = 17;
    pub(super) const AS_ACCOUNT: usize = 18;
    pub(super) const BIND_CLUSTER: usize = 19;
    pub(super) const BIND: usize = 20;
    pub(super) const ESCALATE_CLUSTER: usize = 21;
    pub(super) const ESCALATE: usize = 22;
    pub(super) const CLUSTER_BINDINGS: usize = 23;
    pub(super) const BINDINGS: usize = 24;
    pub(super) const CLUSTER_ROLES: usize = 25;
    pub(super) const ROLES: usize = 26;
    pub(super) const PROXY: usize = 27;
    pub(super) const CSR: usize = 28;
    pub(super) const APPROVE: usize = 29;
    pub(super) const SIGNER: usize = 30;
    pub(super) const WEBHOOKS: usize = 31;
    pub(super) const POLICIES: usize = 32;
    pub(super) const POLICY_BINDINGS: usize = 33;
    pub(super) const VOLUMES: usize = 34;
    pub(super) const NAMESPACES: usize = 35;
    pub(super) const MAKE_SECRETS: usize = 37;
}

/// A kind of step: id, what is done, technique, how it is cut.
struct Kind(&'static str, &'static str, &'static str, &'static str);

const KINDS: [Kind; 22] = [
    Kind("member", "is a member of", "", ""),
    Kind("everything", "may do everything", "T1078", "give a role that names what is needed"),
    Kind(
        "pods-create",
        "runs a pod as any service account of the namespace",
        "T1610",
        "leave the making of pods to a pipeline, or keep strong accounts in namespaces of their own",
    ),
    Kind(
        "pods-enter",
        "runs programs in pods and reads the tokens in them",
        "T1609",
        "take exec, attach, ephemeral containers and patches of pods away, or mount no token",
    ),
    Kind(
        "node-pod",
        "runs a pod with the files of its node",
        "T1611",
        "label the namespace pod-security.kubernetes.io/enforce=baseline",
    ),
    Kind(
        "node-enter",
        "gets to the node from a pod that is not held back",
        "T1611",
        "drop privileges, hostPID and hostPath of these pods",
    ),
    Kind(
        "secrets-read",
        "reads secrets",
        "T1552.007",
        "name the secrets that are needed (resourceNames, without list and watch)",
    ),
    Kind(
        "secrets-token",
        "reads the token of a service account from a secret",
        "T1552.007",
        "delete secrets of the kind service-account-token; name the secrets that are needed",
    ),
    Kind(
        "token-create",
        "asks for the token of a service account",
        "T1528",
        "take create of serviceaccounts/token away, or name the accounts",
    ),
    Kind("impersonate", "acts as somebody else", "T1134", "take impersonate away, or name who is meant"),
    Kind("bind", "gives themselves any role", "T1098.006", "take bind away, or name the roles"),
    Kind("escalate", "writes any right into a role of their own", "T1098.006", "take escalate away"),
    Kind(
        "nodes-proxy",
        "runs programs in all pods through the kubelets",
        "T1609",
        "take nodes/proxy away; nodes/metrics and nodes/stats have roles of their own",
    ),
    Kind(
        "csr-approve",
        "signs a certificate for another name",
        "T1098",
        "take the approval away, or the making of requests",
    ),
    Kind(
        "webhook-mutate",
        "changes objects on their way in by a webhook",
        "T1546",
        "leave webhook configurations to who installs them",
    ),
    Kind(
        "policy-mutate",
        "changes objects on their way in by a policy",
        "T1546",
        "leave mutating policies to who installs them",
    ),
    Kind(
        "volume-create",
        "makes a volume of the files of a node and mounts it",
        "T1611",
        "leave volumes to the storage classes",
    ),
    Kind(
        "namespace-label",
        "takes the label away that holds pods back, and runs a pod with the files of its node",
        "T1611",
        "take update and patch of namespaces away",
    ),
    Kind(
        "identity",
        "has an identity in the cloud",
        "T1078.004",
        "give it only to the account that needs it",
    ),
    Kind("implied", "whoever may do everything gets it", "", ""),
    Kind("unseen", "has a role that was not seen", "", "let the roles be listed"),
    Kind(
        "secrets-create",
        "makes a secret that a token is written into, and reads it",
        "T1552.007",
        "take create of secrets away, or get and list",
    ),
];

const MEMBER: usize = 0;
const EVERYTHING: usize = 1;
const PODS_CREATE: usize = 2;
const PODS_ENTER: usize = 3;
const NODE_POD: usize = 4;
const NODE_ENTER: usize = 5;
const SECRETS_READ: usize = 6;
const SECRETS_TOKEN: usize = 7;
const TOKEN_CREATE: usize = 8;
const IMPERSONATE: usize = 9;
const BIND: usize = 10;
const ESCALATE: usize = 11;
const NODES_PROXY: usize = 12;
const CSR_APPROVE: usize = 13;
const WEBHOOK: usize = 14;
const POLICY: usize = 15;
const VOLUME: usize = 16;
const NAMESPACE_LABEL: usize = 17;
const IDENTITY: usize = 18;
const IMPLIED: usize = 19;
const UNSEEN: usize = 20;
const SECRETS_CREATE: usize = 21;

/// Why it is not known whether a step is possible.
const NAMED: &str = "only objects of some names";
const TOKENS: &str = "which secrets hold tokens is not looked at";
const ROLE: &str = "what the role allows was not seen";
const LABELS: &str = "whether Pod Security holds pods back there was not seen";
const HOOKS: &str = "an admission webhook sees pods and may refuse it";
const HOOKS_UNSEEN: &str = "whether an admission webhook refuses it was not seen";
const RUNNING: &str = "which pods run there was not seen";
const ACCOUNT: &str = "whether the account is there was not seen";

/// A point of the graph.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Node {
    Subject(Holder),
    /// Any service account of a namespace; of all without one.
    Accounts(Option<String>),
    /// Any pod that may be made.
    Pods(Option<String>),
    /// Any pod that runs.
    Running(Option<String>),
    /// Any user that is bound.
    Users,
    Goal(Goal),
}

#[derive(Clone)]
struct Edge {
    from: usize,
    to: usize,
    kind: usize,
    bindings: Vec<usize>,
    unknown: Option<&'static str>,
}

#[derive(Default)]
struct Graph {
    nodes: Vec<Node>,
    ids: HashMap<Node, usize>,
    edges: Vec<Edge>,
}

impl Graph {
    fn id(&mut self, node: Node) -> usize {
        if let Some(&id) = self.ids.get(&node) {
            return id;
        }
        let id = self.nodes.len();
        self.nodes.push(node.clone());
        self.ids.insert(node, id);
        id
    }

    fn edge(
        &mut self,
        from: usize,
        to: Node,
        kind: usize,
        bindings: &[usize],
        unknown: Option<&'static str>,
    ) {
        let to = self.id(to);
        if from != to {
            self.edges.push(Edge { from, to, kind, bindings: bindings.to_vec(), unknown });
        }
    }

    /// The next edge towards a goal from every point that leads there.
    fn towards(&self, into: &[Vec<usize>], goal: Goal, unknown_too: bool) -> Vec<Option<usize>> {
        let mut next = vec![None; self.nodes.len()];
        let Some(&end) = self.ids.get(&Node::Goal(goal)) else { return next };
        let mut distance = vec![usize::MAX; self.nodes.len()];
        distance[end] = 0;
        let mut open = VecDeque::from([(0, end)]);
        while let Some((far, point)) = open.pop_front() {
            if distance[point] < far {
                continue;
            }
            for &number in &into[point] {
                let edge = &self.edges[number];
                if edge.unknown.is_some() && !unknown_too {
                    continue;
                }
                let cost = usize::from(edge.kind != MEMBER);
                if far + cost < distance[edge.from] {
                    distance[edge.from] = far + cost;
                    next[edge.from] = Some(number);
                    if cost == 0 {
                        open.push_front((far, edge.from));
                    } else {
                        open.push_back((far + 1, edge.from));
                    }
                }
            }
        }
        next
    }

    fn incoming(&self) -> Vec<Vec<usize>> {
        let mut into = vec![Vec::new(); self.nodes.len()];
        for (number, edge) in self.edges.iter().enumerate() {
            into[edge.to].push(number);
        }
        into
    }

    /// The edges from a point to the goal.
    fn path(&self, next: &[Option<usize>], from: usize) -> Vec<&Edge> {
        let mut path = Vec::new();
        let mut point = from;
        while let Some(number) = next[point] {
            let edge = &self.edges[number];
            path.push(edge);
            point = edge.to;
        }
        path
    }
}

/// What a subject holds of a right: the binding, and the names that it is limited to.
#[derive(Clone)]
struct Held {
    binding: usize,
    names: Vec<String>,
}

type HeldRights = Vec<Option<Held>>;

/// Rights of a role: which, with the names that they are limited to (none for all).
type RoleRights = Vec<(usize, Vec<String>)>;

fn rights(rules: &mut dyn Iterator<Item = &RoleRule>) -> RoleRights {
    let mut found: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for rule in rules {
        for (number, Right(verbs, group, resource, part)) in RIGHTS.iter().enumerate() {
            // What comes with a name beside those of others is limited to all of these.
            let mut take = |extent: Extent<'_>| match extent {
                Extent::Whole => {
                    found.insert(number, Vec::new());
                }
                Extent::Only(names) => {
                    let names = names.iter().take(NAMES).map(ToString::to_string);
                    match found.get_mut(&number) {
                        None => {
                            found.insert(number, names.collect());
                        }
                        Some(known) if !known.is_empty() => known.extend(names),
                        Some(_) => {}
                    }
                }
            };
            for verb in *verbs {
                let request =
                    Request::Resource { verb, group: Some(group), resource, subresource: *part, name: None };
                if let Some(extent) = allows(rule, &request) {
                    take(extent);
                }
            }
        }
    }
    found.into_iter().collect()
}

fn build(rbac: &Rbac<'_>, cache: &mut HashMap<usize, RoleRights>, without: Option<usize>) -> Graph {
    let cluster = rbac.cluster;
    let mut graph = Graph::default();
    let mut held: HashMap<usize, HashMap<Option<String>, HeldRights>> = HashMap::new();
    let masters = Holder { kind: "Group".into(), namespace: None, name: MASTERS.into() };
    let masters = graph.id(Node::Subject(masters));
    graph.edge(masters, Node::Goal(Goal::ClusterAdmin), EVERYTHING, &[], None);
    for (number, binding) in cluster.bindings.iter().enumerate() {
        if without == Some(number) {
            continue;
        }
        let mut given: RoleRights = Vec::new();
        let mut unseen = false;
        match rbac.given(binding) {
            Given::Absent(_) => continue,
            Given::Unseen(_) => unseen = true,
            Given::Everything => given = rights(&mut rbac.everything().iter()),
            Given::Roles(roles) => {
                for &role in roles {
                    let (whole, uncounted) = rbac.whole(role);
                    unseen |= uncounted;
                    let whole: Vec<usize> = whole.collect();
                    let own = cache.entry(role).or_insert_with(|| {
                        rights(&mut whole.iter().flat_map(|role| &rbac.role(*role).rules))
                    });
                    given.extend(own.iter().cloned());
                }
            }
        }
        let scope = binding.namespace.as_deref().map(str::to_owned);
        for subject in &binding.subjects {
            let subject = graph.id(Node::Subject(holder(subject)));
            if unseen {
                let to =
                    if scope.is_some() { Node::Pods(scope.clone()) } else { Node::Goal(Goal::ClusterAdmin) };
                graph.edge(subject, to, UNSEEN, &[number], Some(ROLE));
            }
            if given.is_empty() {
                continue;
            }
            let own = held
                .entry(subject)
                .or_default()
                .entry(scope.clone())
                .or_insert_with(|| vec![None; RIGHTS.len()]);
            for (right, names) in &given {
                match &mut own[*right] {
                    slot @ None => *slot = Some(Held { binding: number, names: names.clone() }),
                    Some(known) if known.names.is_empty() => {}
                    Some(known) if names.is_empty() => *known = Held { binding: number, names: Vec::new() },
                    Some(known) => known.names.extend(names.iter().take(NAMES).cloned()),
                }
            }
        }
    }
    let mut subjects: Vec<usize> = held.keys().copied().collect();
    subjects.sort_unstable();
    for subject in subjects {
        let scopes = &held[&subject];
        let whole = scopes.get(&None);
        let mut order: Vec<&Option<String>> = scopes.keys().collect();
        order.sort();
        for scope in order {
            steps(&mut graph, subject, scope.as_ref(), &scopes[scope], whole);
        }
    }
    world(&mut graph, cluster);
    graph
}

/// What a subject can do in one place by what it holds there, and everywhere.
fn steps(
    graph: &mut Graph,
    subject: usize,
    scope: Option<&String>,
    here: &HeldRights,
    whole: Option<&HeldRights>,
) {
    let place = scope.cloned();
    let everywhere = scope.is_none();
    let any = |right: usize| here[right].as_ref().or_else(|| whole.and_then(|whole| whole[right].as_ref()));
    let limit = |held: &[&Held]| held.iter().any(|held| !held.names.is_empty()).then_some(NAMED);
    // Several rights at once, of which one at least is held here.
    let together = |needed: &[usize]| -> Option<(Vec<usize>, Option<&'static str>)> {
        if needed.iter().all(|right| here[*right].is_none()) {
            return None;
        }
        let held: Vec<&Held> = needed.iter().map(|right| any(*right)).collect::<Option<_>>()?;
        let bindings: BTreeSet<usize> = held.iter().map(|held| held.binding).collect();
        Some((bindings.into_iter().collect(), limit(&held)))
    };
    let account = |name: &str, namespace: &str| {
        Node::Subject(Holder {
            kind: "ServiceAccount".into(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        })
    };
    let plain = |kind: &str, name: &str| {
        Node::Subject(Holder { kind: kind.into(), namespace: None, name: name.to_owned() })
    };
    if everywhere && let Some(own) = &here[at::ALL] {
        for goal in [Goal::ClusterAdmin, Goal::NodeRoot, Goal::AllSecrets] {
            graph.edge(subject, Node::Goal(goal), EVERYTHING, &[own.binding], limit(&[own]));
        }
    }
    // That which is not limited to names first.
    let best = |range: std::ops::RangeInclusive<usize>| {
        range.filter_map(|right| here[right].as_ref()).min_by_key(|held| !held.names.is_empty())
    };
    if let Some(own) = best(at::PODS) {
        graph.edge(subject, Node::Pods(place.clone()), PODS_CREATE, &[own.binding], limit(&[own]));
    }
    if let Some(own) = best(at::ENTER) {
        graph.edge(subject, Node::Running(place.clone()), PODS_ENTER, &[own.binding], limit(&[own]));
    }
    if let Some(own) = best(at::LIST_SECRETS..=at::GET_SECRETS) {
        graph.edge(subject, Node::Accounts(place.clone()), SECRETS_TOKEN, &[own.binding], Some(TOKENS));
        if everywhere {
            // Names of secrets are known to who may list them; with `get` alone they are to be guessed.
            let listed = here[at::LIST_SECRETS].as_ref().filter(|held| held.names.is_empty());
            let unknown =
                if listed.is_some() { None } else { Some("names of secrets are to be known first") };
            let own = listed.unwrap_or(own);
            if own.names.is_empty() {
                graph.edge(subject, Node::Goal(Goal::AllSecrets), SECRETS_READ, &[own.binding], unknown);
            }
        }
    }
    for read in [at::LIST_SECRETS, at::GET_SECRETS] {
        if let Some((bindings, unknown)) = together(&[at::MAKE_SECRETS, read]) {
            graph.edge(subject, Node::Accounts(place.clone()), SECRETS_CREATE, &bindings, unknown);
        }
    }
    for (right, kind) in [(at::TOKEN, TOKEN_CREATE), (at::AS_ACCOUNT, IMPERSONATE)] {
        let Some(own) = &here[right] else { continue };
        if own.names.is_empty() {
            graph.edge(subject, Node::Accounts(place.clone()), kind, &[own.binding], None);
        }
        for name in own.names.iter().take(NAMES) {
            match scope {
                Some(namespace) => graph.edge(subject, account(name, namespace), kind, &[own.binding], None),
                None => graph.edge(subject, Node::Accounts(None), kind, &[own.binding], Some(NAMED)),
            }
        }
    }
    if everywhere {
        if let Some(own) = &here[at::AS_USER] {
            if own.names.is_empty() {
                graph.edge(subject, Node::Users, IMPERSONATE, &[own.binding], None);
            }
            for name in own.names.iter().take(NAMES) {
                graph.edge(subject, plain("User", name), IMPERSONATE, &[own.binding], None);
            }
        }
        // Who acts as a member of a group acts as some user too.
        let user = any(at::AS_USER).or_else(|| any(at::AS_ACCOUNT));
        if let (Some(own), Some(user)) = (&here[at::AS_GROUP], user) {
            let both = [own.binding, user.binding];
            let both = if both[0] == both[1] { &both[..1] } else { &both[..] };
            if own.names.is_empty() {
                graph.edge(subject, plain("Group", MASTERS), IMPERSONATE, both, None);
            }
            for name in own.names.iter().take(NAMES) {
                graph.edge(subject, plain("Group", name), IMPERSONATE, both, None);
            }
        }
        // A role that is named is enough where it is the one that may everything.
        for (right, write, kind) in [
            (at::BIND_CLUSTER, at::CLUSTER_BINDINGS, BIND),
            (at::ESCALATE_CLUSTER, at::CLUSTER_ROLES, ESCALATE),
        ] {
            if let Some((bindings, unknown)) = together(&[right, write]) {
                let enough = kind == BIND
                    && any(write).is_some_and(|held| held.names.is_empty())
                    && any(right).is_some_and(|held| held.names.iter().any(|name| name == "cluster-admin"));
                let unknown = unknown.filter(|_| !enough);
                graph.edge(subject, Node::Goal(Goal::ClusterAdmin), kind, &bindings, unknown);
            }
        }
        if let Some(own) = &here[at::PROXY] {
            let unknown = limit(&[own]);
            graph.edge(subject, Node::Running(None), NODES_PROXY, &[own.binding], unknown);
            // The kubelet runs programs in every pod, those of the node's own among them.
            graph.edge(subject, Node::Goal(Goal::NodeRoot), NODES_PROXY, &[own.binding], unknown);
        }
        if let Some((bindings, unknown)) = together(&[at::CSR, at::APPROVE, at::SIGNER]) {
            graph.edge(subject, Node::Goal(Goal::ClusterAdmin), CSR_APPROVE, &bindings, unknown);
        }
        if let Some(own) = &here[at::WEBHOOKS] {
            graph.edge(subject, Node::Pods(None), WEBHOOK, &[own.binding], limit(&[own]));
        }
        if let Some((bindings, unknown)) = together(&[at::POLICIES, at::POLICY_BINDINGS]) {
            graph.edge(subject, Node::Pods(None), POLICY, &bindings, unknown);
        }
    }
    // In one namespace, or in each.
    for (right, write, kind) in [
        (at::BIND_CLUSTER, at::BINDINGS, BIND),
        (at::BIND, at::BINDINGS, BIND),
        (at::ESCALATE, at::ROLES, ESCALATE),
    ] {
        if let Some((bindings, unknown)) = together(&[right, write]) {
            graph.edge(subject, Node::Pods(place.clone()), kind, &bindings, unknown);
        }
    }
    for pods in at::PODS {
        if let Some((bindings, unknown)) = together(&[at::VOLUMES, pods]) {
            // A volume is of the whole cluster.
            if whole.is_some_and(|whole| whole[at::VOLUMES].is_some()) {
                graph.edge(subject, Node::Goal(Goal::NodeRoot), VOLUME, &bindings, unknown);
            }
        }
        if let Some((bindings, unknown)) = together(&[at::NAMESPACES, pods]) {
            graph.edge(subject, Node::Goal(Goal::NodeRoot), NAMESPACE_LABEL, &bindings, unknown);
        }
    }
}

/// What every cluster has, and what runs in this one.
fn world(graph: &mut Graph, cluster: &Cluster) {
    let mut accounts: BTreeMap<(String, String), bool> = BTreeMap::new();
    let mut cloud: BTreeSet<(String, String)> = BTreeSet::new();
    for account in &cluster.service_accounts {
        let key = (account.namespace.to_string(), account.name.to_string());
        if account.annotations.iter().next().is_some() {
            cloud.insert(key.clone());
        }
        accounts.insert(key, true);
    }
    for workload in &cluster.workloads {
        accounts.insert((workload.namespace.to_string(), workload.service_account.to_string()), true);
    }
    let whole = cluster.origin == Origin::Cluster && cluster.missing("ServiceAccount").is_none();
    for node in graph.nodes.clone() {
        if let Node::Subject(Holder { namespace: Some(namespace), name, .. }) = node
            && (!whole || name == "default")
        {
            let is_default = name == "default";
            accounts.entry((namespace, name)).or_insert(is_default);
        }
    }
    let mut namespaces: BTreeSet<String> = cluster.namespaces.keys().map(ToString::to_string).collect();
    namespaces.extend(accounts.keys().map(|(namespace, _)| namespace.clone()));
    // Those that something is said about and that were not seen.
    for node in &graph.nodes {
        if let Node::Accounts(Some(own)) | Node::Pods(Some(own)) | Node::Running(Some(own)) = node {
            namespaces.insert(own.clone());
        }
    }
    let hooks = match cluster
        .missing("ValidatingWebhookConfiguration")
        .or(cluster.missing("MutatingWebhookConfiguration"))
    {
        _ if cluster.webhooks.iter().any(|hook| sees_pods(&hook.rules)) => Some(HOOKS),
        Some(_) => Some(HOOKS_UNSEEN),
        None => None,
    };
    let group = |name: String| Node::Subject(Holder { kind: "Group".into(), namespace: None, name });
    for ((namespace, name), known) in &accounts {
        let own = Node::Subject(Holder {
            kind: "ServiceAccount".into(),
            namespace: Some(namespace.clone()),
            name: name.clone(),
        });
        let hub = graph.id(Node::Accounts(Some(namespace.clone())));
        graph.edge(hub, own.clone(), MEMBER, &[], (!known).then_some(ACCOUNT));
        let own = graph.id(own);
        if cloud.contains(&(namespace.clone(), name.clone())) {
            graph.edge(own, Node::Goal(Goal::CloudRole), IDENTITY, &[], None);
        }
    }
    // Groups that accounts and users are in, where they are bound.
    for node in graph.nodes.clone() {
        let Node::Subject(holder) = &node else { continue };
        let mut groups = Vec::new();
        match (holder.kind.as_str(), &holder.namespace) {
            ("ServiceAccount", Some(namespace)) => {
                groups.extend([
                    SERVICE_ACCOUNTS.to_owned(),
                    format!("{SERVICE_ACCOUNTS}:{namespace}"),
                    AUTHENTICATED.to_owned(),
                ]);
            }
            ("User", _) if holder.name != "system:anonymous" => groups.push(AUTHENTICATED.to_owned()),
            ("User", _) => groups.push(UNAUTHENTICATED.to_owned()),
            _ => {}
        }
        let own = graph.id(node.clone());
        for name in groups {
            let to = group(name);
            if graph.ids.contains_key(&to) {
                graph.edge(own, to, MEMBER, &[], None);
            }
        }
        if holder.kind == "User" {
            let hub = graph.id(Node::Users);
            graph.edge(hub, node, MEMBER, &[], None);
        }
    }
    let unseen = cluster.missing("Pod").is_some() || cluster.origin == Origin::Manifests;
    let mut running: BTreeMap<String, (BTreeSet<String>, bool)> = BTreeMap::new();
    let mounts: HashMap<(&str, &str), Option<bool>> = cluster
        .service_accounts
        .iter()
        .map(|account| ((account.namespace.as_ref(), account.name.as_ref()), account.mounts_token))
        .collect();
    for workload in &cluster.workloads {
        let (own, free) = running.entry(workload.namespace.to_string()).or_default();
        let place = (workload.namespace.as_ref(), workload.service_account.as_ref());
        if workload.mounts_token.or(mounts.get(&place).copied().flatten()).unwrap_or(true) {
            own.insert(workload.service_account.to_string());
        }
        *free |= !*free && breaks_out(&workload.security);
    }
    for namespace in &namespaces {
        for hub in [Node::Accounts, Node::Pods, Node::Running] {
            let all = graph.id(hub(None));
            graph.edge(all, hub(Some(namespace.clone())), MEMBER, &[], None);
        }
        let pods = graph.id(Node::Pods(Some(namespace.clone())));
        graph.edge(pods, Node::Accounts(Some(namespace.clone())), MEMBER, &[], None);
        let known = cluster.namespaces.get(namespace.as_str()).filter(|known| known.seen);
        let level = known.and_then(|known| known.labels.get("pod-security.kubernetes.io/enforce"));
        if !matches!(level, Some("baseline" | "restricted")) {
            let unknown = if known.is_none() { Some(LABELS) } else { hooks };
            graph.edge(pods, Node::Goal(Goal::NodeRoot), NODE_POD, &[], unknown);
        }
        let runs = graph.id(Node::Running(Some(namespace.clone())));
        if let Some((own, free)) = running.get(namespace) {
            for name in own {
                let account = Node::Subject(Holder {
                    kind: "ServiceAccount".into(),
                    namespace: Some(namespace.clone()),
                    name: name.clone(),
                });
                graph.edge(runs, account, MEMBER, &[], None);
            }
            if *free {
                graph.edge(runs, Node::Goal(Goal::NodeRoot), NODE_ENTER, &[], None);
            }
        }
        if unseen {
            graph.edge(runs, Node::Accounts(Some(namespace.clone())), MEMBER, &[], Some(RUNNING));
            graph.edge(runs, Node::Goal(Goal::NodeRoot), NODE_ENTER, &[], Some(RUNNING));
        }
    }
    let admin = graph.id(Node::Goal(Goal::ClusterAdmin));
    graph.edge(admin, Node::Accounts(None), IMPLIED, &[], None);
    for goal in [Goal::NodeRoot, Goal::AllSecrets] {
        graph.edge(admin, Node::Goal(goal), IMPLIED, &[], None);
    }
}

fn sees_pods(rules: &[RoleRule]) -> bool {
    let is_pods = |own: &std::sync::Arc<str>| matches!(own.as_ref(), "*" | "*/*" | "pods");
    rules.iter().any(|rule| rule.resources.iter().any(is_pods))
}

/// Whether a pod is one step away from its node.
fn breaks_out(security: &str) -> bool {
    fn looks(value: &Value) -> bool {
        match value {
            Value::Object(fields) => fields.iter().any(|(name, value)| match name.as_str() {
                "privileged" | "hostPID" => value == &Value::Bool(true),
                "hostPath" => !value.is_null(),
                "add" => value.as_array().is_some_and(|all| {
                    let strong = ["ALL", "SYS_ADMIN", "SYS_MODULE", "CAP_SYS_ADMIN", "CAP_SYS_MODULE"];
                    all.iter().filter_map(Value::as_str).any(|one| strong.contains(&one))
                }),
                _ => looks(value),
            }),
            Value::Array(all) => all.iter().any(looks),
            _ => false,
        }
    }
    serde_json::from_str(security).is_ok_and(|value| looks(&value))
}

/// Whether a subject belongs to the cluster itself.
fn is_system(holder: &Holder) -> bool {
    match (holder.kind.as_str(), &holder.namespace) {
        ("ServiceAccount", Some(namespace)) => namespace == "kube-system",
        ("Group", _) => {
            let everybody = [AUTHENTICATED, UNAUTHENTICATED];
            holder.name.starts_with("system:")
                && !everybody.contains(&holder.name.as_str())
                && !holder.name.starts_with(SERVICE_ACCOUNTS)
        }
        _ => holder.name.starts_with("system:") && holder.name != "system:anonymous",
    }
}

fn shown(node: &Node) -> String {
    let of = |what: &str, namespace: &Option<String>| match namespace {
        Some(namespace) => format!("{what} of {namespace}"),
        None => format!("{what} of every namespace"),
    };
    match node {
        Node::Subject(holder) => holder.shown(),
        Node::Accounts(namespace) => of("service accounts", namespace),
        Node::Pods(namespace) => of("new pods", namespace),
        Node::Running(namespace) => of("running pods", namespace),
        Node::Users => "users".into(),
        Node::Goal(goal) => goal.name().into(),
    }
}

/// The steps of a path: what follows without anything being done belongs to the step before.
fn told(rbac: &Rbac<'_>, graph: &Graph, path: &[&Edge]) -> Vec<PathStep> {
    let mut steps: Vec<PathStep> = Vec::new();
    for edge in path {
        let to = shown(&graph.nodes[edge.to]);
        if edge.kind == MEMBER
            && let Some(last) = steps.last_mut()
        {
            last.to = to;
            last.unknown = last.unknown.take().or(edge.unknown.map(str::to_owned));
            continue;
        }
        if edge.kind == MEMBER {
            // A subject that is in a group goes its way.
            continue;
        }
        let Kind(id, what, attack, cut) = &KINDS[edge.kind];
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        steps.push(PathStep {
            edge: (*id).to_owned(),
            from: shown(&graph.nodes[edge.from]),
            to,
            what: (*what).to_owned(),
            bindings: edge.bindings.iter().map(|at| binding_shown(&rbac.cluster.bindings[*at])).collect(),
            attack: text(attack),
            cut: text(cut),
            unknown: edge.unknown.map(str::to_owned),
        });
    }
    steps
}

/// Everybody's shortest paths.
pub fn paths(rbac: &Rbac<'_>, asked: &PathsAsked, info: &ClusterInfo) -> Paths {
    let cluster = rbac.cluster;
    let mut cache = HashMap::new();
    let graph = build(rbac, &mut cache, None);
    let into = graph.incoming();
    let wanted = |holder: &Holder| {
        asked.from.as_deref().is_none_or(|from| holder.shown() == from || holder.name == from)
    };
    let mut found: BTreeMap<(Goal, bool, usize, Vec<PathStep>), Vec<Holder>> = BTreeMap::new();
    let mut system = BTreeSet::new();
    let mut cuts = Vec::new();
    for goal in Goal::ALL.into_iter().filter(|goal| asked.to.is_none_or(|to| to == *goal)) {
        let sure = graph.towards(&into, goal, false);
        let perhaps = graph.towards(&into, goal, true);
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
            if graph.edges[first].kind == MEMBER && !asked.all && asked.from.is_none() {
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
            let other = build(rbac, &mut cache, Some(at));
            let left = other.towards(&other.incoming(), goal, false);
            let still = other.nodes.iter().zip(&left).filter(|(node, next)| {
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
