//! What is in a cluster, as far as analyses ask: typed, owned, with what could not be seen.
//!
//! A [`Builder`] takes objects one by one - from a live cluster, a snapshot or manifests - and keeps only the fields that
//! matter. Pods of one workload that are alike become one [`Workload`] with a number. For every kind of list the [`Cluster`]
//! says whether it was seen whole, and why not, so that an analysis can name the input that it lacks instead of passing.

pub mod attack;
pub mod breakout;
mod build;
mod labels;
mod policy;
pub mod pss;
pub mod rbac;
pub mod reach;
pub mod suggest;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use build::{ANNOTATIONS, Builder};
pub use labels::{Labels, Selector, Wanted};
use plimsoll_model::Problem;
use plimsoll_model::audit::Missing;
pub use policy::{
    Action, Addresses, ClusterPolicy, NetworkPolicy, Peer, Port, PortPlace, Protocol, Rule, Subject, Tier,
};

/// A kind of list that a cluster is seen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List {
    /// Group of the API; empty for the core.
    pub group: &'static str,
    /// Name in addresses and rights.
    pub plural: &'static str,
    /// Kind of its objects.
    pub kind: &'static str,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
    /// What is unknown without it.
    pub unknown: &'static str,
    /// Whether servers may lack it: it comes with an extension.
    pub optional: bool,
}

/// One row of [`LISTS`].
const fn list(
    group: &'static str,
    plural: &'static str,
    kind: &'static str,
    namespaced: bool,
    optional: bool,
    unknown: &'static str,
) -> List {
    List { group, plural, kind, namespaced, unknown, optional }
}

const RBAC: &str = "rbac.authorization.k8s.io";
const GATEWAY: &str = "gateway.networking.k8s.io";
const POLICY: &str = "policy.networking.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";

/// Everything beside what runs pods that a cluster is seen by.
pub const LISTS: &[List] = &[
    list("", "namespaces", "Namespace", false, false, "labels of namespaces, which policies select by"),
    list("", "services", "Service", true, false, "what is exposed, and under which names"),
    list("", "serviceaccounts", "ServiceAccount", true, false, "which identity pods have in the cloud"),
    list("", "nodes", "Node", false, false, "addresses and labels of nodes"),
    list("discovery.k8s.io", "endpointslices", "EndpointSlice", true, false, "where the API server is"),
    list("networking.k8s.io", "networkpolicies", "NetworkPolicy", true, false, "who may reach what"),
    list("networking.k8s.io", "ingresses", "Ingress", true, false, "what is exposed by Ingress"),
    list(GATEWAY, "gateways", "Gateway", true, true, "what is exposed by Gateway"),
    list(GATEWAY, "httproutes", "HTTPRoute", true, true, "what is exposed by HTTPRoute"),
    list(GATEWAY, "grpcroutes", "GRPCRoute", true, true, "what is exposed by GRPCRoute"),
    list(GATEWAY, "tlsroutes", "TLSRoute", true, true, "what is exposed by TLSRoute"),
    list(GATEWAY, "tcproutes", "TCPRoute", true, true, "what is exposed by TCPRoute"),
    list(GATEWAY, "udproutes", "UDPRoute", true, true, "what is exposed by UDPRoute"),
    list("route.openshift.io", "routes", "Route", true, true, "what is exposed by Route"),
    list(POLICY, "adminnetworkpolicies", "AdminNetworkPolicy", false, true, "who may reach what"),
    list(
        POLICY,
        "baselineadminnetworkpolicies",
        "BaselineAdminNetworkPolicy",
        false,
        true,
        "who may reach what",
    ),
    list(POLICY, "clusternetworkpolicies", "ClusterNetworkPolicy", false, true, "who may reach what"),
    list(RBAC, "roles", "Role", true, false, "what roles allow"),
    list(RBAC, "clusterroles", "ClusterRole", false, false, "what cluster roles allow"),
    list(RBAC, "rolebindings", "RoleBinding", true, false, "who has which role"),
    list(RBAC, "clusterrolebindings", "ClusterRoleBinding", false, false, "who has which cluster role"),
    list("policy", "poddisruptionbudgets", "PodDisruptionBudget", true, false, "what may be evicted"),
    list(
        "autoscaling",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        true,
        false,
        "how far workloads are scaled",
    ),
    list("storage.k8s.io", "storageclasses", "StorageClass", false, false, "whether volumes are encrypted"),
    list(
        "monitoring.coreos.com",
        "servicemonitors",
        "ServiceMonitor",
        true,
        true,
        "whether services are monitored",
    ),
    list(
        ADMISSION,
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        false,
        false,
        "who changes objects on their way in",
    ),
    list(
        ADMISSION,
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        false,
        false,
        "who refuses objects on their way in",
    ),
];

/// The row of a kind.
pub fn list_of(kind: &str) -> Option<&'static List> {
    LISTS.iter().find(|list| list.kind == kind)
}

/// Where the objects came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// A live cluster, or a snapshot of one: a list that is not [missing](Cluster::missing) is whole.
    Cluster,
    /// Files: what they do not hold may be in the cluster all the same.
    #[default]
    Manifests,
}

/// A cluster.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// Where it was seen.
    pub origin: Origin,
    /// Namespaces by name, those without an object of their own too.
    pub namespaces: BTreeMap<Arc<str>, Namespace>,
    /// What runs, by namespace, kind and name; pods of one workload that differ are several with one name.
    pub workloads: Vec<Workload>,
    /// Services.
    pub services: Vec<Service>,
    /// Ingresses, and routes of every kind.
    pub routes: Vec<Route>,
    /// Gateways.
    pub gateways: Vec<Gateway>,
    /// NetworkPolicy objects.
    pub network_policies: Vec<NetworkPolicy>,
    /// AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy objects.
    pub cluster_policies: Vec<ClusterPolicy>,
    /// Service accounts.
    pub service_accounts: Vec<ServiceAccount>,
    /// Role and ClusterRole objects.
    pub roles: Vec<Role>,
    /// RoleBinding and ClusterRoleBinding objects.
    pub bindings: Vec<Binding>,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Pod disruption budgets.
    pub disruption_budgets: Vec<DisruptionBudget>,
    /// Admission webhooks, one each.
    pub webhooks: Vec<Webhook>,
    /// Addresses of the API server, as the service `kubernetes` says them.
    pub api_server: Vec<std::net::IpAddr>,
    /// The namespaces that were looked at; empty for all of them.
    pub only: Vec<Arc<str>>,
    /// Kinds of lists that were not seen, or not whole, with the reason. Where it is empty for a kind of [`Origin::Cluster`],
    /// the list is whole.
    pub missing: BTreeMap<String, String>,
    /// What may run without being known: in a namespace, or in files that could not be read, anywhere.
    pub unread: BTreeMap<Option<Arc<str>>, Vec<String>>,
    /// What of the objects could not be read.
    pub problems: Vec<Problem>,
}

impl Cluster {
    /// Why a kind of list was not seen whole; `None` when it was. Manifests are whole only as what they are: they hold what
    /// they hold, and say nothing of what else is in the cluster.
    pub fn missing(&self, kind: &str) -> Option<&str> {
        self.missing.get(kind).map(String::as_str)
    }

    /// A list that was not seen, as it is told.
    pub(crate) fn lack(kind: &str, reason: &str, decides: bool) -> Missing {
        let list = list_of(kind);
        Missing {
            resource: list.map_or(kind, |list| list.plural).to_owned(),
            reason: reason.to_owned(),
            unknown: list.map_or("what runs", |list| list.unknown).to_owned(),
            decides,
        }
    }

    /// Whether it was read from manifests, and is no cluster.
    pub fn is_of_files(&self) -> bool {
        self.origin == Origin::Manifests
    }

    /// Why lists are not whole of which only some namespaces were looked at.
    pub fn only_in(&self) -> Option<String> {
        (!self.only.is_empty()).then(|| format!("only looked for in {}", self.only.join(", ")))
    }

    /// What a list that an analysis needs lacks, for people: `nodes: no right to list them (addresses of nodes are unknown)`.
    pub fn lacks<'c>(&'c self, kinds: &'c [&'c str]) -> impl Iterator<Item = (&'c str, &'c str)> {
        kinds.iter().filter_map(|kind| Some((*kind, self.missing(kind)?)))
    }
}

/// Where an object stands: a file and line, or nothing for a live cluster.
pub type Source = Option<Arc<str>>;

/// A namespace.
#[derive(Clone, Debug, Default)]
pub struct Namespace {
    /// Its labels, `kubernetes.io/metadata.name` always among them.
    pub labels: Labels,
    /// Whether there is an object that says its labels; without one they are not known.
    pub seen: bool,
    /// Where.
    pub source: Source,
}

/// Something that runs: a pod template, or the pods of one owner that are alike.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Its namespace; `default` where manifests name none.
    pub namespace: Arc<str>,
    /// Group of its kind.
    pub group: Arc<str>,
    /// Kind of its highest owner: `Deployment`.
    pub kind: Arc<str>,
    /// Name of its highest owner.
    pub name: Arc<str>,
    /// Labels of its pods.
    pub labels: Labels,
    /// Annotations of its pods that are kept: those that name identities of clouds, AppArmor and seccomp profiles.
    pub annotations: Labels,
    /// Ports that its containers declare.
    pub ports: Vec<ContainerPort>,
    /// Its service account: `default` where none is named.
    pub service_account: Arc<str>,
    /// What the pod says about the token of its service account.
    pub mounts_token: Option<bool>,
    /// Whether it is in the network of its node, to which policies do not apply.
    pub host_network: bool,
    /// Pods that are there.
    pub pods: u32,
    /// Whether it stands for a template (which may have no pods, as one scaled to zero).
    pub template: bool,
    /// Addresses of its pods.
    pub addresses: Vec<std::net::IpAddr>,
    /// Nodes that its pods are on.
    pub nodes: Vec<Arc<str>>,
    /// Images of its containers.
    pub images: Vec<Arc<str>>,
    /// Digests that the status of its pods tells: image as it is named, digest.
    pub digests: Vec<(Arc<str>, Arc<str>)>,
    /// Ways from its containers to their node.
    pub ways: Vec<breakout::Way>,
    /// Whether it mounts a token of its service account by itself, whatever is said about doing so for it.
    pub projects_token: bool,
    /// The specification of its pods as JSON, as it was read; `nodeName` is left out. Empty where only containers are known.
    pub spec: Arc<str>,
    /// What of it the Pod Security Standards look at, as JSON; pods of one owner that differ in it are workloads of their own.
    /// Empty where only containers are known.
    pub security: Arc<str>,
    /// Where its specification stands in its object: a JSON pointer.
    pub pointer: String,
    /// Where.
    pub source: Source,
}

impl Workload {
    /// For people, and to name it: `shop/Deployment/web`.
    pub fn shown(&self) -> String {
        format!("{}/{}/{}", self.namespace, self.kind, self.name)
    }
}

/// A port that a container declares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerPort {
    /// Its name, or empty.
    pub name: Arc<str>,
    /// Its number.
    pub number: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// The port of the node that leads to it, or 0.
    pub host: u16,
}

/// A service.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// `ClusterIP`, `NodePort`, `LoadBalancer`, `ExternalName`.
    pub kind: Arc<str>,
    /// What it selects; `None` where its endpoints are set by hand.
    pub selector: Option<Selector>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// `externalIPs`.
    pub external_addresses: Vec<Arc<str>>,
    /// Addresses and names of its load balancer.
    pub balancer: Vec<Arc<str>>,
    /// `loadBalancerSourceRanges`; empty for all.
    pub source_ranges: Vec<Arc<str>>,
    /// A load balancer inside of a private network, by the annotations of clouds.
    pub internal: bool,
    /// Where.
    pub source: Source,
}

/// A port of a service.
#[derive(Clone, Debug)]
pub struct ServicePort {
    /// Its name, or empty.
    pub name: Arc<str>,
    /// Its number.
    pub number: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// The port of the pods.
    pub target: PortPlace,
    /// The port of the nodes, or 0.
    pub node: u16,
}

/// An Ingress, a route of Gateway API or of OpenShift.
#[derive(Clone, Debug)]
pub struct Route {
    /// `Ingress`, `HTTPRoute`, `Route`.
    pub kind: Arc<str>,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Host names that it is for; empty for all.
    pub hosts: Vec<Arc<str>>,
    /// The services behind it.
    pub backends: Vec<Backend>,
    /// The Ingress class, or empty.
    pub class: Arc<str>,
    /// The gateways that it hangs on: namespace and name.
    pub gateways: Vec<(Arc<str>, Arc<str>)>,
    /// Where.
    pub source: Source,
}

/// A service behind a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Backend {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub service: Arc<str>,
    /// Which port: of the service, or for a `Route` of OpenShift that of the pods.
    pub port: BackendPort,
}

/// A port behind a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BackendPort {
    /// All ports of the service.
    Any,
    /// By number of the service.
    Number(u16),
    /// By name of the service.
    Name(Arc<str>),
    /// By number, or name, of what the service leads to.
    Target(PortPlace),
}

/// A gateway.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its class.
    pub class: Arc<str>,
    /// Where.
    pub source: Source,
}

/// A service account.
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Annotations that are kept: those that name identities of clouds.
    pub annotations: Labels,
    /// What it says about its token being mounted.
    pub mounts_token: Option<bool>,
    /// Secrets that it names.
    pub secrets: Vec<Arc<str>>,
    /// Where.
    pub source: Source,
}

/// A Role or ClusterRole.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its namespace; `None` for a ClusterRole.
    pub namespace: Option<Arc<str>>,
    /// Its name.
    pub name: Arc<str>,
    /// Its labels, which other roles aggregate by.
    pub labels: Labels,
    /// Its rules.
    pub rules: Vec<RoleRule>,
    /// The roles whose rules it takes.
    pub aggregates: Vec<Selector>,
    /// Where.
    pub source: Source,
}

/// A rule of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleRule {
    /// Verbs, `*` for all.
    pub verbs: Vec<Arc<str>>,
    /// Groups of the API, `*` for all, empty text for the core.
    pub groups: Vec<Arc<str>>,
    /// Resources and subresources, `*` for all.
    pub resources: Vec<Arc<str>>,
    /// Names; empty for all.
    pub names: Vec<Arc<str>>,
    /// Paths that are no resources.
    pub urls: Vec<Arc<str>>,
}

/// A RoleBinding or ClusterRoleBinding.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Its namespace; `None` for a ClusterRoleBinding.
    pub namespace: Option<Arc<str>>,
    /// Its name.
    pub name: Arc<str>,
    /// `Role` or `ClusterRole`.
    pub role_kind: Arc<str>,
    /// Name of the role.
    pub role: Arc<str>,
    /// Who gets it.
    pub subjects: Vec<BindingSubject>,
    /// Where.
    pub source: Source,
}

/// Who gets a role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BindingSubject {
    /// `User`, `Group` or `ServiceAccount`.
    pub kind: Arc<str>,
    /// Namespace of a service account; else empty.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: Arc<str>,
    /// Its labels.
    pub labels: Labels,
    /// Its addresses.
    pub addresses: Vec<std::net::IpAddr>,
    /// Version of its kubelet, where it is told.
    pub kubelet: Option<Arc<str>>,
    /// Where.
    pub source: Source,
}

/// A pod disruption budget.
#[derive(Clone, Debug)]
pub struct DisruptionBudget {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The pods.
    pub selector: Option<Selector>,
    /// `minAvailable` as it is written.
    pub min_available: Option<Arc<str>>,
    /// `maxUnavailable` as it is written.
    pub max_unavailable: Option<Arc<str>>,
    /// Where.
    pub source: Source,
}

/// An admission webhook.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// `MutatingWebhookConfiguration` or `ValidatingWebhookConfiguration`.
    pub kind: Arc<str>,
    /// Name of its configuration.
    pub configuration: Arc<str>,
    /// Its own name.
    pub name: Arc<str>,
    /// Whether objects pass when it does not answer (`failurePolicy: Ignore`).
    pub fails_open: bool,
    /// The service that answers: namespace and name; `None` for an address outside.
    pub service: Option<(Arc<str>, Arc<str>)>,
    /// Which objects it sees.
    pub rules: Vec<RoleRule>,
    /// Whether it leaves out namespaces or objects by labels.
    pub selects: bool,
    /// Where.
    pub source: Source,
}
