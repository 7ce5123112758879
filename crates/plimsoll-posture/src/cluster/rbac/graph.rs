//! The graph of who becomes whom: subjects, what can be done in namespaces (hubs, so that edges stay few) and goals.
//!
//! It is made once and searched backwards from each goal, over the edges that are known to be possible, and over those too of
//! which that is not known. Every edge says without which bindings it would not be there, so that what a cut takes away is
//! found by a search that leaves these edges out, not by making the graph anew.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use plimsoll_model::paths::{Goal, PathStep};
use plimsoll_model::rights::Holder;

use super::{
    AUTHENTICATED, Extent, Given, MASTERS, Rbac, Request, SERVICE_ACCOUNTS, UNAUTHENTICATED, allows,
    binding_shown, holder,
};
use crate::cluster::{Cluster, Origin, RoleRule, Workload};

/// Names of one right that are followed.
const NAMES: usize = 100;

/// A right that a step needs: verbs of which one is enough, group, resource, part of it.
struct Right(&'static [&'static str], &'static str, &'static str, Option<&'static str>);

const WRITE: &[&str] = &["create", "update", "patch"];
const CHANGE: &[&str] = &["update", "patch"];
const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";

const RIGHTS: [Right; 43] = [
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
    Right(&["create", "get"], "", "pods", Some("portforward")),
    Right(&["get"], "", "nodes", Some("log")),
    Right(CHANGE, "", "pods", Some("status")),
    Right(CHANGE, ADMISSION, "mutatingadmissionpolicies", None),
    Right(CHANGE, "", "configmaps", None),
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
    pub(super) const ACCOUNTS: usize = 36;
    pub(super) const MAKE_SECRETS: usize = 37;
    pub(super) const FORWARD: usize = 38;
    pub(super) const NODE_LOGS: usize = 39;
    pub(super) const STATUS: usize = 40;
    pub(super) const POLICY_CHANGE: usize = 41;
    pub(super) const CONFIG: usize = 42;
}

/// A kind of step: id, what is done, technique, how it is cut.
struct Kind(&'static str, &'static str, &'static str, &'static str);

const KINDS: [Kind; 27] = [
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
    Kind(
        "port-forward",
        "reaches every port of pods, whatever network policies say",
        "T1090",
        "take pods/portforward away",
    ),
    Kind(
        "node-logs",
        "reads files of nodes through their logs",
        "T1611",
        "take nodes/log away, or let no pod write /var/log of its node",
    ),
    Kind(
        "pod-status",
        "sends what is meant for one pod to another by the address in its status",
        "T1557",
        "take update and patch of pods/status away: only kubelets need it",
    ),
    Kind(
        "identity-patch",
        "gives a service account an identity in the cloud by an annotation",
        "T1098.001",
        "take update and patch of serviceaccounts away, and let the cloud trust accounts by name",
    ),
    Kind(
        "aws-auth",
        "writes themselves into the ConfigMap that gives rights to identities of the cloud",
        "T1098.006",
        "take update and patch of ConfigMaps of kube-system away, or use access entries",
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
const PORT_FORWARD: usize = 22;
const NODE_LOGS: usize = 23;
const POD_STATUS: usize = 24;
const IDENTITY_PATCH: usize = 25;
const AWS_AUTH: usize = 26;

/// Why it is not known whether a step is possible.
const NAMED: &str = "only objects of some names";
const TOKENS: &str = "which secrets hold tokens is not looked at";
const ROLE: &str = "what the role allows was not seen";
const LABELS: &str = "whether Pod Security holds pods back there was not seen";
const HOOKS: &str = "an admission webhook sees pods and may refuse it";
const HOOKS_UNSEEN: &str = "whether an admission webhook refuses it was not seen";
const RUNNING: &str = "which pods run there was not seen";
const ACCOUNT: &str = "whether the account is there was not seen";
const ANNOTATIONS: &str = "which identities in the cloud accounts have was not seen";
const LISTENS: &str = "what listens in pods is not looked at";
const LOGS: &str = "it takes a pod that writes /var/log of its node";
const TRUSTS: &str = "it takes a program that trusts where it is led";
const BOUND: &str = "whether a policy that is there is bound was not seen";
const CLOUD: &str = "which accounts the cloud gives an identity to is in no object";
const EKS: &str = "whether the cluster gives rights by aws-auth is not looked at";
const MORE_NAMES: &str = "it names more objects than are followed";
const GUESSED: &str = "names of secrets are to be known first";

/// A point of the graph.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Node {
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

/// Why a step can be taken.
#[derive(Clone, Debug, Default)]
struct Support {
    /// Bindings that allow it, as they are told.
    bindings: Vec<usize>,
    /// Those without any one of which it is not known to be possible: others may give the same right.
    sole: Vec<usize>,
    /// Why it is not known to be possible even with them.
    unknown: Option<&'static str>,
}

impl Support {
    /// The same, not known to be possible.
    fn perhaps(&self, unknown: &'static str) -> Self {
        Support { unknown: self.unknown.or(Some(unknown)), ..self.clone() }
    }

    /// Where both are needed.
    fn and(mut self, other: Self) -> Self {
        for (own, more) in [(&mut self.bindings, other.bindings), (&mut self.sole, other.sole)] {
            own.extend(more);
            own.sort_unstable();
            own.dedup();
        }
        self.unknown = self.unknown.or(other.unknown);
        self
    }
}

/// A step.
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    kind: usize,
    pub(crate) bindings: Vec<usize>,
    sole: Vec<usize>,
    unknown: Option<&'static str>,
}

impl Edge {
    /// Whether nothing is done: somebody is in a group, or is one of those meant.
    pub(crate) fn is_member(&self) -> bool {
        self.kind == MEMBER
    }
}

/// Which edges a search takes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Over {
    /// Those too of which it is not known whether they are possible.
    pub(crate) unknown: bool,
    /// Not those that need this binding.
    pub(crate) without: Option<usize>,
}

impl Over {
    fn takes(self, edge: &Edge) -> bool {
        (self.unknown || edge.unknown.is_none())
            && self.without.is_none_or(|binding| !edge.sole.contains(&binding))
    }
}

/// The graph.
#[derive(Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    ids: HashMap<Node, usize>,
    /// Of each point whether somebody is seen there: a name in a rule is nobody by itself.
    seen: Vec<bool>,
    pub(crate) edges: Vec<Edge>,
    /// Numbers of edges by where they lead, and by where they begin.
    into: Vec<Vec<usize>>,
    out: Vec<Vec<usize>>,
}

impl Graph {
    fn id(&mut self, node: Node) -> usize {
        if let Some(&id) = self.ids.get(&node) {
            return id;
        }
        let id = self.nodes.len();
        self.nodes.push(node.clone());
        self.seen.push(false);
        self.ids.insert(node, id);
        id
    }

    /// The point of somebody who is bound, is an account or runs pods.
    fn somebody(&mut self, holder: Holder) -> usize {
        let id = self.id(Node::Subject(holder));
        self.seen[id] = true;
        id
    }

    /// Whoever is seen there.
    pub(crate) fn subject(&self, at: usize) -> Option<&Holder> {
        match &self.nodes[at] {
            Node::Subject(holder) if self.seen[at] => Some(holder),
            _ => None,
        }
    }

    fn edge(&mut self, from: usize, to: Node, kind: usize, support: &Support) {
        let to = self.id(to);
        if from != to {
            let Support { bindings, sole, unknown } = support.clone();
            self.edges.push(Edge { from, to, kind, bindings, sole, unknown });
        }
    }

    /// An edge that no binding is needed for.
    fn plain(&mut self, from: usize, to: Node, kind: usize, unknown: Option<&'static str>) {
        self.edge(from, to, kind, &Support { unknown, ..Support::default() });
    }

    /// The point of a node, where there is one.
    pub(crate) fn at(&self, node: &Node) -> Option<usize> {
        self.ids.get(node).copied()
    }

    /// The next edge towards a goal from every point that leads there.
    pub(crate) fn towards(&self, goal: Goal, over: Over) -> Vec<Option<usize>> {
        let mut next = vec![None; self.nodes.len()];
        let Some(end) = self.at(&Node::Goal(goal)) else { return next };
        let mut distance = vec![usize::MAX; self.nodes.len()];
        distance[end] = 0;
        let mut open = VecDeque::from([(0, end)]);
        while let Some((far, point)) = open.pop_front() {
            if distance[point] < far {
                continue;
            }
            for &number in &self.into[point] {
                let edge = &self.edges[number];
                if !over.takes(edge) {
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

    /// Whether a point leads to a goal.
    pub(crate) fn leads(&self, from: usize, goal: Goal, over: Over) -> bool {
        let Some(end) = self.at(&Node::Goal(goal)) else { return false };
        let mut seen = vec![false; self.nodes.len()];
        seen[from] = true;
        let mut open = vec![from];
        while let Some(point) = open.pop() {
            if point == end {
                return true;
            }
            for &number in &self.out[point] {
                let edge = &self.edges[number];
                if !seen[edge.to] && over.takes(edge) {
                    seen[edge.to] = true;
                    open.push(edge.to);
                }
            }
        }
        false
    }

    /// Sorts the edges by their ends.
    fn sorted(mut self) -> Self {
        self.into = vec![Vec::new(); self.nodes.len()];
        self.out = vec![Vec::new(); self.nodes.len()];
        for (number, edge) in self.edges.iter().enumerate() {
            self.into[edge.to].push(number);
            self.out[edge.from].push(number);
        }
        self
    }

    /// The edges from a point to the goal.
    pub(crate) fn path(&self, next: &[Option<usize>], from: usize) -> Vec<&Edge> {
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

/// Who gives a subject a right in one place.
#[derive(Clone, Default)]
struct Held {
    /// Bindings that give all of it: two at most, for with two of them none is needed.
    whole: Vec<usize>,
    /// Bindings that give it for names.
    named: Vec<(usize, Vec<String>)>,
}

impl Held {
    fn add(&mut self, binding: usize, names: &[String]) {
        if !names.is_empty() {
            let known: usize = self.named.iter().map(|(_, names)| names.len()).sum();
            let names: Vec<String> = names.iter().take((NAMES + 1).saturating_sub(known)).cloned().collect();
            if !names.is_empty() {
                self.named.push((binding, names));
            }
        } else if self.whole.len() < 2 && !self.whole.contains(&binding) {
            self.whole.push(binding);
        }
    }

    /// Names that it is limited to, each with the bindings that say so; and whether there are more than are followed.
    fn names(&self) -> (BTreeMap<&str, Support>, bool) {
        let mut all: BTreeMap<&str, Support> = BTreeMap::new();
        for (binding, names) in &self.named {
            for name in names {
                let own = all.entry(name).or_default();
                if own.bindings.is_empty() {
                    (own.bindings, own.sole) = (vec![*binding], vec![*binding]);
                } else if own.bindings[0] != *binding {
                    own.sole.clear();
                }
            }
        }
        let more = self.named.iter().map(|(_, names)| names.len()).sum::<usize>() > NAMES;
        (all, more)
    }
}

/// Why a right is held that several give: with all of it where one does, else with names.
fn support<'h>(all: impl Iterator<Item = &'h Held> + Clone) -> Option<Support> {
    fn distinct(mut all: impl Iterator<Item = usize>) -> Option<Support> {
        let first = all.next()?;
        let sole = if all.any(|other| other != first) { Vec::new() } else { vec![first] };
        Some(Support { bindings: vec![first], sole, unknown: None })
    }
    distinct(all.clone().flat_map(|held| held.whole.iter().copied())).or_else(|| {
        let named = distinct(all.flat_map(|held| held.named.iter().map(|(binding, _)| *binding)))?;
        Some(named.perhaps(NAMED))
    })
}

type HeldRights = Vec<Option<Box<Held>>>;

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
                    let names = names.iter().take(NAMES + 1).map(ToString::to_string);
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

/// The graph of a cluster.
pub(crate) fn build(rbac: &Rbac<'_>) -> Graph {
    let cluster = rbac.cluster;
    let mut graph = Graph::default();
    let mut cache: HashMap<usize, RoleRights> = HashMap::new();
    let mut held: HashMap<usize, BTreeMap<Option<&str>, HeldRights>> = HashMap::new();
    let masters = Holder { kind: "Group".into(), namespace: None, name: MASTERS.into() };
    let masters = graph.somebody(masters);
    graph.plain(masters, Node::Goal(Goal::ClusterAdmin), EVERYTHING, None);
    let everything = rights(&mut rbac.everything().iter());
    for (number, binding) in cluster.bindings.iter().enumerate() {
        let mut given: Vec<&RoleRights> = Vec::new();
        let mut unseen = false;
        match rbac.given(binding) {
            Given::Absent(_) => continue,
            Given::Unseen(_) => unseen = true,
            Given::Everything => given.push(&everything),
            Given::Roles(roles) => {
                for &role in roles {
                    unseen |= rbac.whole(role).1;
                    cache.entry(role).or_insert_with(|| {
                        let whole: BTreeSet<usize> = rbac.whole(role).0.collect();
                        rights(&mut whole.iter().flat_map(|role| &rbac.role(*role).rules))
                    });
                }
                given.extend(roles.iter().filter_map(|role| cache.get(role)));
            }
        }
        let scope = binding.namespace.as_deref();
        for subject in &binding.subjects {
            let subject = graph.somebody(holder(subject));
            if unseen {
                let support = Support { bindings: vec![number], sole: vec![number], unknown: Some(ROLE) };
                let within = |scope: &str| Some(scope.to_owned());
                // What it gives at most.
                let to = match scope {
                    Some(scope) => vec![
                        Node::Pods(within(scope)),
                        Node::Running(within(scope)),
                        Node::Goal(Goal::NodeRoot),
                    ],
                    None => vec![Node::Goal(Goal::ClusterAdmin)],
                };
                for to in to {
                    graph.edge(subject, to, UNSEEN, &support);
                }
            }
            if given.iter().all(|given| given.is_empty()) {
                continue;
            }
            let own =
                held.entry(subject).or_default().entry(scope).or_insert_with(|| vec![None; RIGHTS.len()]);
            for (right, names) in given.iter().copied().flatten() {
                own[*right].get_or_insert_default().add(number, names);
            }
        }
    }
    // What gives identities of the cloud can only be misused where there are any.
    let signs = || cluster.service_accounts.iter().flat_map(|account| account.annotations.iter());
    let eks = signs().any(|(name, _)| name == "eks.amazonaws.com/role-arn");
    let cloud = signs().next().is_some() || cluster.missing("ServiceAccount").is_some();
    let known = Accounts::new(cluster);
    let mut subjects: Vec<usize> = held.keys().copied().collect();
    subjects.sort_unstable();
    for subject in subjects {
        let scopes = &held[&subject];
        let whole = scopes.get(&None).map(Vec::as_slice);
        for (scope, here) in scopes {
            let graph = &mut graph;
            let mut place = Place { graph, known: &known, subject, scope: *scope, here, whole, apart: None };
            place.steps();
            place.of_cloud(cloud, eks);
        }
    }
    world(&mut graph, cluster, known.whole);
    with_groups(&mut graph, &known, &held);
    graph.sorted()
}

/// Whether an account is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    There,
    Not,
    Unknown,
}

/// Accounts that are there.
struct Accounts<'c> {
    all: HashSet<(&'c str, &'c str)>,
    /// Whether there are no others.
    whole: bool,
}

impl<'c> Accounts<'c> {
    fn new(cluster: &'c Cluster) -> Self {
        let own = cluster.service_accounts.iter().map(|own| (own.namespace.as_ref(), own.name.as_ref()));
        let run = cluster.workloads.iter().map(|own| (own.namespace.as_ref(), own.service_account.as_ref()));
        let whole = cluster.origin == Origin::Cluster && cluster.missing("ServiceAccount").is_none();
        Accounts { all: own.chain(run).collect(), whole }
    }

    fn presence(&self, namespace: &str, name: &str) -> Presence {
        if name == "default" || self.all.contains(&(namespace, name)) {
            Presence::There
        } else if self.whole {
            Presence::Not
        } else {
            Presence::Unknown
        }
    }
}

/// What a subject holds in one namespace, or everywhere.
struct Place<'h> {
    graph: &'h mut Graph,
    known: &'h Accounts<'h>,
    subject: usize,
    scope: Option<&'h str>,
    here: &'h [Option<Box<Held>>],
    whole: Option<&'h [Option<Box<Held>>]>,
    /// Where rights of somebody and their groups are put together: each by itself, here and everywhere. Only what none of them
    /// gives alone is a step then.
    apart: Option<&'h [Parts<'h>]>,
}

/// Rights of one subject, in a place and everywhere.
type Parts<'h> = [Option<&'h [Option<Box<Held>>]>; 2];

/// A right that is held in one of these places.
fn any(parts: &Parts<'_>, right: usize) -> Option<Support> {
    support(parts.iter().flatten().filter_map(|held| held[right].as_deref()))
}

/// Several rights, each held in one of these places.
fn every(parts: &Parts<'_>, needed: &[usize]) -> Option<Support> {
    needed.iter().map(|right| any(parts, *right)).try_fold(Support::default(), |all, one| Some(all.and(one?)))
}

/// Whoever acts as a member of a group acts as some user too: why that may be.
fn some_user(parts: &Parts<'_>) -> Option<Support> {
    let user = [any(parts, at::AS_USER), any(parts, at::AS_ACCOUNT)];
    let user = user.into_iter().flatten().reduce(|one, other| {
        let sole = one.sole.iter().filter(|binding| other.sole.contains(binding)).copied().collect();
        Support { bindings: one.bindings, sole, unknown: None }
    });
    // Any user will do.
    user.map(|user| Support { unknown: None, ..user })
}

impl Place<'_> {
    fn place(&self) -> Option<String> {
        self.scope.map(str::to_owned)
    }

    fn step(&mut self, to: Node, kind: usize, support: &Support) {
        self.graph.edge(self.subject, to, kind, support);
    }

    /// One of these rights, held here.
    fn here(&self, rights: impl IntoIterator<Item = usize>) -> Option<Support> {
        if self.apart.is_some() {
            return None;
        }
        let all: Vec<&Held> = rights.into_iter().filter_map(|right| self.here[right].as_deref()).collect();
        support(all.into_iter())
    }

    /// A right, held here or everywhere.
    fn any(&self, right: usize) -> Option<Support> {
        any(&[Some(self.here), self.whole], right)
    }

    /// Whether one of those whose rights are put together has it by itself, and loses it by the same cuts.
    fn alone(&self, all: &Support, own: &dyn Fn(&Parts<'_>) -> Option<Support>) -> bool {
        self.apart.is_some_and(|apart| {
            apart.iter().filter_map(own).any(|own| own.unknown.is_none() && own.sole == all.sole)
        })
    }

    /// Several rights at once, of which one at least is held here.
    fn together(&self, needed: &[usize]) -> Option<Support> {
        if needed.iter().all(|right| self.here[*right].is_none()) {
            return None;
        }
        let all = every(&[Some(self.here), self.whole], needed)?;
        (!self.alone(&all, &|own| every(own, needed))).then_some(all)
    }

    /// What a subject can do in one place by what it holds there, and everywhere.
    fn steps(&mut self) {
        let account = |name: &str, namespace: &str| {
            Node::Subject(Holder {
                kind: "ServiceAccount".into(),
                namespace: Some(namespace.to_owned()),
                name: name.to_owned(),
            })
        };
        let everywhere = self.scope.is_none();
        if everywhere && let Some(own) = self.here([at::ALL]) {
            for goal in [Goal::ClusterAdmin, Goal::NodeRoot, Goal::AllSecrets] {
                self.step(Node::Goal(goal), EVERYTHING, &own);
            }
        }
        if let Some(own) = self.here(at::PODS) {
            self.step(Node::Pods(self.place()), PODS_CREATE, &own);
        }
        if let Some(own) = self.here(at::ENTER) {
            self.step(Node::Running(self.place()), PODS_ENTER, &own);
        }
        if let Some(own) = self.here([at::FORWARD]) {
            self.step(Node::Running(self.place()), PORT_FORWARD, &own.perhaps(LISTENS));
        }
        if let Some(own) = self.here([at::STATUS]) {
            self.step(Node::Running(self.place()), POD_STATUS, &own.perhaps(TRUSTS));
        }
        if let Some(own) = self.here([at::LIST_SECRETS, at::GET_SECRETS]) {
            self.step(Node::Accounts(self.place()), SECRETS_TOKEN, &own.perhaps(TOKENS));
        }
        if everywhere {
            // Names of secrets are known to who may list them; with `get` alone they are to be guessed.
            for (right, unknown) in [(at::LIST_SECRETS, None), (at::GET_SECRETS, Some(GUESSED))] {
                if let Some(own) = self.here([right]).filter(|own| own.unknown.is_none()) {
                    let own = Support { unknown, ..own };
                    self.step(Node::Goal(Goal::AllSecrets), SECRETS_READ, &own);
                }
            }
        }
        for read in [at::LIST_SECRETS, at::GET_SECRETS] {
            if let Some(both) = self.together(&[at::MAKE_SECRETS, read]) {
                self.step(Node::Accounts(self.place()), SECRETS_CREATE, &both);
            }
        }
        for (right, kind) in [(at::TOKEN, TOKEN_CREATE), (at::AS_ACCOUNT, IMPERSONATE)] {
            let Some(held) = self.here[right].clone().filter(|_| self.apart.is_none()) else { continue };
            let own = support(std::iter::once(held.as_ref()));
            if let Some(own) = own.as_ref().filter(|own| own.unknown.is_none()) {
                self.step(Node::Accounts(self.place()), kind, own);
            }
            let (names, more) = held.names();
            for (name, support) in names.iter().take(NAMES) {
                match self.scope {
                    Some(namespace) => {
                        // There is no token of an account that is not there; one may act as it all the same.
                        let presence = match kind {
                            TOKEN_CREATE => self.known.presence(namespace, name),
                            _ => Presence::There,
                        };
                        if presence == Presence::Not {
                            continue;
                        }
                        let unknown = (presence == Presence::Unknown).then_some(ACCOUNT);
                        let support = Support { unknown, ..support.clone() };
                        self.step(account(name, namespace), kind, &support);
                    }
                    None => self.step(Node::Accounts(None), kind, &support.perhaps(NAMED)),
                }
            }
            if let Some(own) = own.filter(|_| more) {
                self.step(Node::Accounts(self.place()), kind, &own.perhaps(MORE_NAMES));
            }
        }
        if everywhere {
            self.everywhere();
        }
        // In one namespace, or in each.
        for (right, write, kind) in [
            (at::BIND_CLUSTER, at::BINDINGS, BIND),
            (at::BIND, at::BINDINGS, BIND),
            (at::ESCALATE, at::ROLES, ESCALATE),
        ] {
            if let Some(both) = self.together(&[right, write]) {
                self.step(Node::Pods(self.place()), kind, &both);
            }
        }
        // A volume is of the whole cluster: the right to make one counts nowhere else.
        let volumes = self.whole.and_then(|whole| support(whole[at::VOLUMES].as_deref().into_iter()));
        for pods in at::PODS {
            if let Some(volumes) = &volumes
                && self.here[pods].is_some()
                && let Some(own) = self.any(pods)
            {
                let all = own.and(volumes.clone());
                let own =
                    |parts: &Parts<'_>| Some(any(parts, pods)?.and(any(&[None, parts[1]], at::VOLUMES)?));
                if !self.alone(&all, &own) {
                    self.step(Node::Goal(Goal::NodeRoot), VOLUME, &all);
                }
            }
            if let Some(both) = self.together(&[at::NAMESPACES, pods]) {
                self.step(Node::Goal(Goal::NodeRoot), NAMESPACE_LABEL, &both);
            }
        }
    }

    /// What only counts where it is held in the whole cluster.
    fn everywhere(&mut self) {
        let plain = |kind: &str, name: &str| {
            Node::Subject(Holder { kind: kind.into(), namespace: None, name: name.to_owned() })
        };
        if let Some(held) = self.here[at::AS_USER].clone().filter(|_| self.apart.is_none()) {
            let own = support(std::iter::once(held.as_ref()));
            if let Some(own) = own.as_ref().filter(|own| own.unknown.is_none()) {
                self.step(Node::Users, IMPERSONATE, own);
            }
            let (names, more) = held.names();
            for (name, support) in names.iter().take(NAMES) {
                self.step(plain("User", name), IMPERSONATE, support);
            }
            if let Some(own) = own.filter(|_| more) {
                self.step(Node::Users, IMPERSONATE, &own.perhaps(MORE_NAMES));
            }
        }
        let groups = self.here[at::AS_GROUP].clone();
        if let (Some(held), Some(user)) = (groups, some_user(&[Some(self.here), self.whole])) {
            let own = support(std::iter::once(held.as_ref()));
            if let Some(own) = own.as_ref().filter(|own| own.unknown.is_none()) {
                let all = own.clone().and(user.clone());
                let own = |parts: &Parts<'_>| Some(any(parts, at::AS_GROUP)?.and(some_user(parts)?));
                if !self.alone(&all, &own) {
                    self.step(plain("Group", MASTERS), IMPERSONATE, &all);
                }
            }
            let (names, more) = held.names();
            for (name, support) in names.iter().take(NAMES) {
                self.step(plain("Group", name), IMPERSONATE, &support.clone().and(user.clone()));
            }
            if let Some(own) = own.filter(|_| more) {
                self.step(plain("Group", MASTERS), IMPERSONATE, &own.perhaps(MORE_NAMES).and(user));
            }
        }
        for (right, write, kind) in [
            (at::BIND_CLUSTER, at::CLUSTER_BINDINGS, BIND),
            (at::ESCALATE_CLUSTER, at::CLUSTER_ROLES, ESCALATE),
        ] {
            if let Some(both) = self.together(&[right, write]) {
                self.step(Node::Goal(Goal::ClusterAdmin), kind, &both);
            }
        }
        // A role that is named is enough where it is the one that may everything.
        let named = |parts: &Parts<'_>| -> Option<Support> {
            let own = parts.iter().flatten().find_map(|held| {
                held[at::BIND_CLUSTER].as_deref()?.names().0.get("cluster-admin").cloned()
            })?;
            Some(own.and(any(parts, at::CLUSTER_BINDINGS).filter(|write| write.unknown.is_none())?))
        };
        if let Some(all) = named(&[Some(self.here), self.whole]).filter(|all| !self.alone(all, &named)) {
            self.step(Node::Goal(Goal::ClusterAdmin), BIND, &all);
        }
        if let Some(own) = self.here([at::PROXY]) {
            self.step(Node::Running(None), NODES_PROXY, &own);
            // The kubelet runs programs in every pod, those of the node's own among them.
            self.step(Node::Goal(Goal::NodeRoot), NODES_PROXY, &own);
        }
        if let Some(own) = self.here([at::NODE_LOGS]) {
            self.step(Node::Goal(Goal::NodeRoot), NODE_LOGS, &own.perhaps(LOGS));
        }
        if let Some(all) = self.together(&[at::CSR, at::APPROVE, at::SIGNER]) {
            self.step(Node::Goal(Goal::ClusterAdmin), CSR_APPROVE, &all);
        }
        if let Some(own) = self.here([at::WEBHOOKS]) {
            self.step(Node::Pods(None), WEBHOOK, &own);
        }
        if let Some(both) = self.together(&[at::POLICIES, at::POLICY_BINDINGS]) {
            self.step(Node::Pods(None), POLICY, &both);
        }
        if let Some(own) = self.here([at::POLICY_CHANGE]) {
            self.step(Node::Pods(None), POLICY, &own.perhaps(BOUND));
        }
    }

    /// What leads to identities of the cloud, and from there.
    fn of_cloud(&mut self, cloud: bool, eks: bool) {
        if cloud && let Some(own) = self.here([at::ACCOUNTS]) {
            self.step(Node::Goal(Goal::CloudRole), IDENTITY_PATCH, &own.perhaps(CLOUD));
        }
        if eks && self.scope.is_none_or(|scope| scope == "kube-system") {
            let Some(held) = self.here[at::CONFIG].clone() else { return };
            let named = held.names().0.get("aws-auth").cloned();
            let own = support(std::iter::once(held.as_ref())).filter(|own| own.unknown.is_none());
            if let Some(own) = own.or(named) {
                self.step(Node::Goal(Goal::ClusterAdmin), AWS_AUTH, &own.perhaps(EKS));
            }
        }
    }
}

/// Groups that somebody is in by what they are (authentication of Kubernetes, groups of service accounts).
fn groups_of(holder: &Holder) -> Vec<String> {
    match (holder.kind.as_str(), &holder.namespace) {
        ("ServiceAccount", Some(namespace)) => vec![
            SERVICE_ACCOUNTS.to_owned(),
            format!("{SERVICE_ACCOUNTS}:{namespace}"),
            AUTHENTICATED.to_owned(),
        ],
        ("User", _) if holder.name != "system:anonymous" => vec![AUTHENTICATED.to_owned()],
        ("User", _) => vec![UNAUTHENTICATED.to_owned()],
        _ => Vec::new(),
    }
}

/// What somebody can do by rights of their own and of their groups together, or of several groups, that none of these gives
/// alone.
fn with_groups(
    graph: &mut Graph,
    known: &Accounts<'_>,
    held: &HashMap<usize, BTreeMap<Option<&str>, HeldRights>>,
) {
    fn part<'p>(
        own: &'p BTreeMap<Option<&str>, HeldRights>,
        scope: Option<&'p str>,
    ) -> Option<&'p [Option<Box<Held>>]> {
        own.get(&scope).map(Vec::as_slice)
    }
    for subject in 0..graph.nodes.len() {
        let Node::Subject(holder) = &graph.nodes[subject] else { continue };
        let groups = groups_of(holder).into_iter().filter_map(|name| {
            graph.at(&Node::Subject(Holder { kind: "Group".into(), namespace: None, name }))
        });
        let all: Vec<_> = groups.chain([subject]).filter_map(|at| held.get(&at)).collect();
        if all.len() < 2 {
            continue;
        }
        let scopes: BTreeSet<Option<&str>> = all.iter().flat_map(|own| own.keys().copied()).collect();
        let merged = |scope: Option<&str>| -> HeldRights {
            let mut merged: HeldRights = vec![None; RIGHTS.len()];
            for own in all.iter().filter_map(|own| own.get(&scope)) {
                for (slot, held) in merged.iter_mut().zip(own) {
                    let Some(held) = held else { continue };
                    let slot = slot.get_or_insert_default();
                    for binding in &held.whole {
                        slot.add(*binding, &[]);
                    }
                    for (binding, names) in &held.named {
                        slot.add(*binding, names);
                    }
                }
            }
            merged
        };
        let whole = merged(None);
        for scope in scopes {
            let here = merged(scope);
            let apart: Vec<Parts<'_>> = all.iter().map(|own| [part(own, scope), part(own, None)]).collect();
            let whole = Some(whole.as_slice());
            let graph = &mut *graph;
            Place { graph, known, subject, scope, here: &here, whole, apart: Some(&apart) }.steps();
        }
    }
}

/// What every cluster has, and what runs in this one.
fn world(graph: &mut Graph, cluster: &Cluster, whole: bool) {
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
        graph.plain(hub, own.clone(), MEMBER, (!known).then_some(ACCOUNT));
        let own = graph.id(own);
        graph.seen[own] |= known;
        if cluster.missing("ServiceAccount").is_some() {
            graph.plain(own, Node::Goal(Goal::CloudRole), IDENTITY, Some(ANNOTATIONS));
        }
        if cloud.contains(&(namespace.clone(), name.clone())) {
            graph.plain(own, Node::Goal(Goal::CloudRole), IDENTITY, None);
        }
    }
    // An account that was not seen is in these groups too.
    if !whole {
        let within = |namespace: &str| format!("{SERVICE_ACCOUNTS}:{namespace}");
        let everywhere = [SERVICE_ACCOUNTS.to_owned(), AUTHENTICATED.to_owned()];
        let hubs = namespaces.iter().map(|own| (Some(own.clone()), vec![within(own)]));
        for (namespace, groups) in hubs.chain([(None, everywhere.to_vec())]) {
            let own = graph.id(Node::Accounts(namespace));
            for to in groups.into_iter().chain(everywhere.clone()).map(&group) {
                if graph.ids.contains_key(&to) {
                    graph.plain(own, to, MEMBER, Some(ACCOUNT));
                }
            }
        }
    }
    // Groups that accounts and users are in, where they are bound.
    for node in graph.nodes.clone() {
        let Node::Subject(holder) = &node else { continue };
        let groups = groups_of(holder);
        let own = graph.id(node.clone());
        for name in groups {
            let to = group(name);
            if graph.ids.contains_key(&to) {
                graph.plain(own, to, MEMBER, None);
            }
        }
        if holder.kind == "User" {
            let hub = graph.id(Node::Users);
            graph.plain(hub, node, MEMBER, None);
        }
    }
    let unseen = cluster.missing("Pod").is_some() || cluster.origin == Origin::Manifests;
    let mut running: BTreeMap<String, (BTreeSet<String>, Option<Option<&'static str>>)> = BTreeMap::new();
    let mounts: HashMap<(&str, &str), Option<bool>> = cluster
        .service_accounts
        .iter()
        .map(|account| ((account.namespace.as_ref(), account.name.as_ref()), account.mounts_token))
        .collect();
    for workload in &cluster.workloads {
        let (own, free) = running.entry(workload.namespace.to_string()).or_default();
        let place = (workload.namespace.as_ref(), workload.service_account.as_ref());
        if mounts_token(workload, mounts.get(&place).copied().flatten()) {
            own.insert(workload.service_account.to_string());
        }
        for way in &workload.ways {
            // One that is open goes before those of which that is not known.
            match (&free, way.unknown) {
                (Some(None), _) | (Some(Some(_)), Some(_)) => {}
                (_, unknown) => *free = Some(unknown),
            }
        }
    }
    for namespace in &namespaces {
        for hub in [Node::Accounts, Node::Pods, Node::Running] {
            let all = graph.id(hub(None));
            graph.plain(all, hub(Some(namespace.clone())), MEMBER, None);
        }
        let pods = graph.id(Node::Pods(Some(namespace.clone())));
        graph.plain(pods, Node::Accounts(Some(namespace.clone())), MEMBER, None);
        let known = cluster.namespaces.get(namespace.as_str()).filter(|known| known.seen);
        let level = known.and_then(|known| known.labels.get("pod-security.kubernetes.io/enforce"));
        if !matches!(level, Some("baseline" | "restricted")) {
            let unknown = if known.is_none() { Some(LABELS) } else { hooks };
            graph.plain(pods, Node::Goal(Goal::NodeRoot), NODE_POD, unknown);
        }
        if cluster.missing("ServiceAccount").is_some() {
            // One that was not seen may have one.
            let accounts = graph.id(Node::Accounts(Some(namespace.clone())));
            graph.plain(accounts, Node::Goal(Goal::CloudRole), IDENTITY, Some(ANNOTATIONS));
        }
        let runs = graph.id(Node::Running(Some(namespace.clone())));
        if let Some((own, free)) = running.get(namespace) {
            for name in own {
                let account = Node::Subject(Holder {
                    kind: "ServiceAccount".into(),
                    namespace: Some(namespace.clone()),
                    name: name.clone(),
                });
                graph.plain(runs, account, MEMBER, None);
            }
            if let Some(unknown) = free {
                graph.plain(runs, Node::Goal(Goal::NodeRoot), NODE_ENTER, *unknown);
            }
        }
        if unseen {
            graph.plain(runs, Node::Accounts(Some(namespace.clone())), MEMBER, Some(RUNNING));
            graph.plain(runs, Node::Goal(Goal::NodeRoot), NODE_ENTER, Some(RUNNING));
        }
    }
    let admin = graph.id(Node::Goal(Goal::ClusterAdmin));
    graph.plain(admin, Node::Accounts(None), IMPLIED, None);
    for goal in [Goal::NodeRoot, Goal::AllSecrets] {
        graph.plain(admin, Node::Goal(goal), IMPLIED, None);
    }
}

fn sees_pods(rules: &[RoleRule]) -> bool {
    let is_pods = |own: &std::sync::Arc<str>| matches!(own.as_ref(), "*" | "*/*" | "pods");
    rules.iter().any(|rule| rule.resources.iter().any(is_pods))
}

/// Whether a workload mounts the token of its account, which says about that what is given.
pub(crate) fn mounts_token(workload: &Workload, account: Option<bool>) -> bool {
    workload.projects_token || workload.mounts_token.or(account).unwrap_or(true)
}

/// Whether a subject belongs to the cluster itself.
pub(crate) fn is_system(holder: &Holder) -> bool {
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
pub(crate) fn told(rbac: &Rbac<'_>, graph: &Graph, path: &[&Edge]) -> Vec<PathStep> {
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
