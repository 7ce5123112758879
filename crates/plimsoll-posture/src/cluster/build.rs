//! From objects to a cluster.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use plimsoll_model::workload::{self, ContainerKind, Kinds, Pod};
use plimsoll_model::{Problem, ProblemKind, shortened};
use serde_json_borrow::{ObjectAsVec, Value};

use super::breakout;
use super::labels::{Labels, Selector, Texts};
use super::policy::{self, ClusterPolicy, NetworkPolicy, Peer, PortPlace, Protocol, Rule};
use super::{
    Backend, BackendPort, Binding, BindingSubject, Cluster, ContainerPort, DisruptionBudget, Gateway, Node,
    Origin, Role, RoleRule, Route, Service, ServiceAccount, ServicePort, Source, Webhook, Workload,
};
use crate::kubernetes::{at, get, list, texts};

/// Labels that controllers give to every pod anew: they tell pods of one workload apart, which no policy does unless it names
/// them.
const OF_CONTROLLERS: &[&str] = &[
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-generation",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
];

/// Annotations of pods, accounts and services that analyses look at. One that ends with `/` stands for all below it.
pub const ANNOTATIONS: &[&str] = &[
    "azure.workload.identity/",
    "cloud.google.com/load-balancer-type",
    "container.apparmor.security.beta.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
    "eks.amazonaws.com/role-arn",
    "iam.amazonaws.com/role",
    "iam.gke.io/gcp-service-account",
    "networking.gke.io/load-balancer-type",
    "seccomp.security.alpha.kubernetes.io/",
    "service.beta.kubernetes.io/aws-load-balancer-internal",
    "service.beta.kubernetes.io/aws-load-balancer-scheme",
    "service.beta.kubernetes.io/azure-load-balancer-internal",
];

/// Annotations by which a load balancer is one inside of a private network, with the values that say so.
const INTERNAL: &[(&str, &[&str])] = &[
    ("cloud.google.com/load-balancer-type", &["Internal", "internal"]),
    ("networking.gke.io/load-balancer-type", &["Internal", "internal"]),
    ("service.beta.kubernetes.io/aws-load-balancer-internal", &["true", "0.0.0.0/0"]),
    ("service.beta.kubernetes.io/aws-load-balancer-scheme", &["internal"]),
    ("service.beta.kubernetes.io/azure-load-balancer-internal", &["true"]),
];

/// Who something is: group, kind and name.
type Identity = (Arc<str>, Arc<str>, Arc<str>);

/// A pod or a template, before it is known which belong together.
struct Entry {
    /// Kind of the object that was read.
    read_as: Arc<str>,
    own: Identity,
    workload: Workload,
}

/// Takes objects, and makes a cluster of them.
#[derive(Default)]
pub struct Builder {
    cluster: Cluster,
    texts: Texts,
    kinds: Kinds,
    entries: Vec<Entry>,
    /// Controllers of things, by namespace.
    parents: HashMap<(Arc<str>, Identity), Identity>,
    specs: HashMap<Arc<str>, Arc<str>>,
}

impl Builder {
    /// One for objects from there; `kinds` says what runs pods.
    pub fn new(origin: Origin, kinds: Kinds) -> Self {
        let mut builder = Builder { kinds, ..Builder::default() };
        builder.cluster.origin = origin;
        builder
    }

    /// The objects are those of a cluster, not only of manifests.
    pub fn is_cluster(&mut self) {
        self.cluster.origin = Origin::Cluster;
    }

    /// All objects of a kind that were given are void: they are listed anew.
    pub fn forget(&mut self, kind: &str) {
        let cluster = &mut self.cluster;
        match kind {
            "Namespace" => cluster.namespaces.clear(),
            "Service" => cluster.services.clear(),
            "Gateway" => cluster.gateways.clear(),
            "NetworkPolicy" => cluster.network_policies.clear(),
            "ServiceAccount" => cluster.service_accounts.clear(),
            "Node" => cluster.nodes.clear(),
            "PodDisruptionBudget" => cluster.disruption_budgets.clear(),
            "EndpointSlice" => cluster.api_server.clear(),
            "Role" => cluster.roles.retain(|role| role.namespace.is_none()),
            "ClusterRole" => cluster.roles.retain(|role| role.namespace.is_some()),
            "RoleBinding" => cluster.bindings.retain(|binding| binding.namespace.is_none()),
            "ClusterRoleBinding" => cluster.bindings.retain(|binding| binding.namespace.is_some()),
            _ => {
                cluster.routes.retain(|route| route.kind.as_ref() != kind);
                cluster.cluster_policies.retain(|policy| policy.kind.as_ref() != kind);
                cluster.webhooks.retain(|webhook| webhook.kind.as_ref() != kind);
                self.entries.retain(|entry| entry.read_as.as_ref() != kind);
            }
        }
    }

    /// A kind of lists was not seen, or not whole.
    pub fn missing(&mut self, kind: &str, reason: &str) {
        self.cluster.missing.insert(kind.to_owned(), reason.to_owned());
    }

    /// Only these namespaces are looked at, of the kinds of lists named.
    pub fn only<'k>(&mut self, namespaces: &[String], kinds: impl Iterator<Item = &'k str>) {
        self.cluster.only = namespaces.iter().map(|name| self.texts.get(name)).collect();
        self.cluster.only.sort();
        self.cluster.only.dedup();
        let Some(reason) = self.cluster.only_in() else { return };
        for kind in kinds {
            // What was missing there too says more.
            self.cluster.missing.entry(kind.to_owned()).or_insert_with(|| reason.clone());
        }
    }

    /// Something could not be read, whatever is in it.
    pub fn problem(&mut self, problem: Problem) {
        if problem.effect == plimsoll_model::Effect::Incomplete {
            let detail = format!("{}: {}", problem.subject, problem.detail);
            self.cluster.unread.entry(None).or_default().push(detail);
        }
        self.cluster.problems.push(problem);
    }

    fn text(&mut self, value: Option<&Value<'_>>) -> Arc<str> {
        self.texts.get(value.and_then(|value| value.as_str()).unwrap_or_default())
    }

    fn all(&mut self, value: Option<&Value<'_>>) -> Vec<Arc<str>> {
        texts(value).map(|text| self.texts.get(text)).collect()
    }

    /// Takes an object, or a list of them. Whether it is one of Kubernetes: it says its version and its kind.
    pub fn object(&mut self, object: &Value<'_>, source: Option<&str>) -> bool {
        let text = |object: &Value<'_>, key: &str| {
            get(object, key).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
        };
        let (version, kind) = (text(object, "apiVersion"), text(object, "kind"));
        if version.is_empty() || kind.is_empty() {
            return false;
        }
        let group = version.split_once('/').map_or("", |(group, _)| group);
        if let Some(item_kind) = kind.strip_suffix("List")
            && !self.kinds.knows(group, &kind)
            && let Some(items) = get(object, "items").and_then(|items| items.as_array())
        {
            for item in items {
                let own = text(item, "kind");
                if own.is_empty() {
                    let mut named = item.clone();
                    if let Value::Object(named) = &mut named {
                        named.insert("kind", Value::Str(item_kind.to_owned().into()));
                        named.insert("apiVersion", Value::Str(version.clone().into()));
                    }
                    self.one(&named, group, item_kind, source);
                } else {
                    let own_version = text(item, "apiVersion");
                    let own_group = own_version.split_once('/').map_or("", |(group, _)| group);
                    self.one(item, own_group, &own, source);
                }
            }
            return true;
        }
        self.one(object, group, &kind, source);
        true
    }

    fn one(&mut self, object: &Value<'_>, group: &str, kind: &str, source: Option<&str>) {
        let name = self.text(at(object, &["metadata", "name"]).or(at(object, &["metadata", "generateName"])));
        let namespace = at(object, &["metadata", "namespace"]).and_then(|value| value.as_str());
        let namespace = self.texts.get(namespace.filter(|text| !text.is_empty()).unwrap_or("default"));
        let place: Source = source.map(|source| self.texts.get(source));
        let spec = |path: &[&str]| -> Option<&Value<'_>> { at(get(object, "spec")?, path) };
        match (group, kind) {
            ("", "Namespace") => {
                let labels = self.labels(at(object, &["metadata", "labels"]));
                let own = self.cluster.namespaces.entry(name).or_default();
                (own.labels, own.seen, own.source) = (labels, true, place);
            }
            ("", "Service") => self.service(object, namespace, name, place),
            ("", "ServiceAccount") => {
                let annotations = self.annotations(at(object, &["metadata", "annotations"]));
                let secrets = list(get(object, "secrets")).iter().map(|one| self.text(get(one, "name")));
                let secrets = secrets.collect();
                let mounts_token = get(object, "automountServiceAccountToken").and_then(Value::as_bool);
                let account =
                    ServiceAccount { namespace, name, annotations, mounts_token, secrets, source: place };
                self.cluster.service_accounts.push(account);
            }
            ("", "Node") => {
                let labels = self.labels(at(object, &["metadata", "labels"]));
                let addresses = list(at(object, &["status", "addresses"]))
                    .iter()
                    .filter_map(|one| get(one, "address")?.as_str()?.parse().ok())
                    .collect();
                let kubelet = at(object, &["status", "nodeInfo", "kubeletVersion"])
                    .map(|version| self.text(Some(version)));
                self.cluster.nodes.push(Node { name, labels, addresses, kubelet, source: place });
            }
            ("discovery.k8s.io", "EndpointSlice") => {
                let of = at(object, &["metadata", "labels", "kubernetes.io/service-name"]);
                if namespace.as_ref() == "default" && of.and_then(|of| of.as_str()) == Some("kubernetes") {
                    let addresses = list(get(object, "endpoints"))
                        .iter()
                        .flat_map(|endpoint| texts(get(endpoint, "addresses")))
                        .filter_map(|text| text.parse::<IpAddr>().ok());
                    self.cluster.api_server.extend(addresses);
                }
            }
            ("networking.k8s.io" | "extensions", "NetworkPolicy") => {
                let policy = NetworkPolicy::read(object, namespace, name, place);
                self.cluster.network_policies.push(policy);
            }
            (super::POLICY, "AdminNetworkPolicy" | "BaselineAdminNetworkPolicy" | "ClusterNetworkPolicy") => {
                self.cluster.cluster_policies.push(ClusterPolicy::read(object, kind, name, place));
            }
            ("networking.k8s.io" | "extensions", "Ingress") => {
                self.ingress(object, namespace, name, place);
            }
            (super::GATEWAY, "Gateway") => {
                let class = self.text(spec(&["gatewayClassName"]));
                self.cluster.gateways.push(Gateway { namespace, name, class, source: place });
            }
            (super::GATEWAY, kind) if kind.ends_with("Route") => {
                self.route(object, kind, namespace, name, place);
            }
            ("route.openshift.io" | "", "Route") => self.openshift_route(object, namespace, name, place),
            (super::RBAC, "Role" | "ClusterRole") => {
                let namespace = (kind == "Role").then_some(namespace);
                let labels = self.labels(at(object, &["metadata", "labels"]));
                if let Some(detail) = odd_rules(get(object, "rules")) {
                    self.broken(kind, namespace.as_deref(), &name, &place, &detail);
                }
                let rules = list(get(object, "rules")).iter().map(|rule| self.role_rule(rule)).collect();
                let selectors = list(at(object, &["aggregationRule", "clusterRoleSelectors"]));
                let mut aggregates = Vec::new();
                for selector in selectors {
                    match Selector::read(selector) {
                        Ok(selector) => aggregates.push(selector),
                        Err(detail) => self.broken(kind, namespace.as_deref(), &name, &place, &detail),
                    }
                }
                self.cluster.roles.push(Role { namespace, name, labels, rules, aggregates, source: place });
            }
            (super::RBAC, "RoleBinding" | "ClusterRoleBinding") => {
                let own = (kind == "RoleBinding").then(|| Arc::clone(&namespace));
                let odd = get(object, "subjects").is_some_and(|subjects| {
                    subjects.as_array().is_none_or(|all| {
                        all.iter().any(|one| {
                            let has = |key| get(one, key).is_some_and(|text| text.as_str().is_some());
                            !has("kind") || !has("name")
                        })
                    })
                });
                if odd {
                    let detail = "`subjects` is no list of kinds and names";
                    self.broken(kind, own.as_deref(), &name, &place, detail);
                }
                let subjects = list(get(object, "subjects"))
                    .iter()
                    .map(|subject| {
                        let kind = self.text(get(subject, "kind"));
                        let mut within = self.text(get(subject, "namespace"));
                        if kind.as_ref() == "ServiceAccount" && within.is_empty() && own.is_some() {
                            within = Arc::clone(&namespace);
                        }
                        BindingSubject { kind, namespace: within, name: self.text(get(subject, "name")) }
                    })
                    .collect();
                let binding = Binding {
                    namespace: own,
                    name,
                    role_kind: self.text(at(object, &["roleRef", "kind"])),
                    role: self.text(at(object, &["roleRef", "name"])),
                    subjects,
                    source: place,
                };
                self.cluster.bindings.push(binding);
            }
            ("policy", "PodDisruptionBudget") => {
                let selector = match spec(&["selector"]).map(Selector::read).transpose() {
                    Ok(selector) => selector,
                    Err(detail) => return self.broken(kind, Some(&namespace), &name, &place, &detail),
                };
                let written = |key: &str| -> Option<Arc<str>> {
                    let value = spec(&[key])?;
                    Some(value.as_str().map_or_else(|| value.to_string().into(), Into::into))
                };
                let (min_available, max_unavailable) = (written("minAvailable"), written("maxUnavailable"));
                self.cluster.disruption_budgets.push(DisruptionBudget {
                    namespace,
                    name,
                    selector,
                    min_available,
                    max_unavailable,
                    source: place,
                });
            }
            (super::ADMISSION, "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration") => {
                for webhook in list(get(object, "webhooks")) {
                    self.webhook(webhook, kind, &name, &place);
                }
            }
            _ if self.kinds.knows(group, kind) => {
                self.runs(object, group, kind, &namespace, name, &place);
            }
            _ => {}
        }
    }

    fn broken(&mut self, kind: &str, namespace: Option<&str>, name: &str, source: &Source, detail: &str) {
        let mut shown = kind.to_owned();
        shown.push(' ');
        if let Some(namespace) = namespace {
            shown.push_str(&shortened(namespace));
            shown.push('/');
        }
        shown.push_str(&shortened(name));
        if let Some(source) = source {
            shown.extend([" (", source, ")"]);
        }
        self.cluster.problems.push(Problem::incomplete(ProblemKind::Corrupt, shown, detail));
    }

    fn labels(&mut self, value: Option<&Value<'_>>) -> Labels {
        let pairs = value.and_then(|value| value.as_object()).into_iter().flat_map(ObjectAsVec::iter);
        Labels::read(pairs.filter_map(|(key, value)| Some((key, value.as_str()?))), &mut self.texts)
    }

    fn annotations(&mut self, value: Option<&Value<'_>>) -> Labels {
        let mut all = self.labels(value);
        all.retain(|name| {
            ANNOTATIONS.iter().any(|own| name == *own || own.ends_with('/') && name.starts_with(own))
        });
        all
    }

    fn role_rule(&mut self, rule: &Value<'_>) -> RoleRule {
        RoleRule {
            verbs: self.all(get(rule, "verbs")),
            groups: self.all(get(rule, "apiGroups")),
            resources: self.all(get(rule, "resources")),
            names: self.all(get(rule, "resourceNames")),
            urls: self.all(get(rule, "nonResourceURLs")),
        }
    }

    fn webhook(&mut self, webhook: &Value<'_>, kind: &str, configuration: &Arc<str>, place: &Source) {
        let rules = list(get(webhook, "rules"))
            .iter()
            .map(|rule| RoleRule { verbs: self.all(get(rule, "operations")), ..self.role_rule(rule) })
            .collect();
        let service = at(webhook, &["clientConfig", "service"])
            .map(|service| (self.text(get(service, "namespace")), self.text(get(service, "name"))));
        let narrow = |key: &str| {
            get(webhook, key).is_some_and(|selector| {
                !Selector::read(selector).is_ok_and(|selector| selector.is_everything())
            })
        };
        let conditions = !list(get(webhook, "matchConditions")).is_empty();
        let read = Webhook {
            kind: self.texts.get(kind),
            configuration: Arc::clone(configuration),
            name: self.text(get(webhook, "name")),
            fails_open: get(webhook, "failurePolicy").and_then(|policy| policy.as_str()) == Some("Ignore"),
            service,
            rules,
            selects: narrow("namespaceSelector") || narrow("objectSelector") || conditions,
            source: place.clone(),
        };
        self.cluster.webhooks.push(read);
    }

    fn service(&mut self, object: &Value<'_>, namespace: Arc<str>, name: Arc<str>, source: Source) {
        let spec = |key: &str| at(object, &["spec", key]);
        let mut fault = None;
        let selector = match spec("selector").and_then(|selector| selector.as_object()) {
            Some(map) if map.iter().next().is_some() => {
                Selector::of_map(map).map_err(|detail| fault = Some(detail)).ok()
            }
            _ => None,
        };
        let mut ports = Vec::new();
        for port in list(spec("ports")) {
            match self.service_port(port) {
                Ok(port) => ports.push(port),
                Err(detail) => fault = Some(detail),
            }
        }
        if let Some(detail) = fault {
            self.broken("Service", Some(&namespace), &name, &source, &detail);
        }
        let annotations = self.annotations(at(object, &["metadata", "annotations"]));
        let says = |(name, values): &(&str, &[&str])| {
            annotations.get(name).is_some_and(|value| values.contains(&value))
        };
        let kind = spec("type").and_then(|kind| kind.as_str()).unwrap_or("ClusterIP");
        let balancer = list(at(object, &["status", "loadBalancer", "ingress"]))
            .iter()
            .filter_map(|one| get(one, "ip").or_else(|| get(one, "hostname")))
            .map(|text| self.text(Some(text)))
            .collect();
        let read = Service {
            kind: self.texts.get(kind),
            selector,
            ports,
            external_addresses: self.all(spec("externalIPs")),
            balancer,
            source_ranges: self.all(spec("loadBalancerSourceRanges")),
            internal: INTERNAL.iter().any(says),
            namespace,
            name,
            source,
        };
        self.cluster.services.push(read);
    }

    fn service_port(&mut self, port: &Value<'_>) -> Result<ServicePort, String> {
        let number = port_number(get(port, "port")).ok_or("`port` is no number of a port")?;
        let target = match get(port, "targetPort") {
            None => PortPlace::Numbers(number, number),
            // What charts and kustomize write where a number is meant.
            Some(target) => match target.as_str().and_then(|text| text.parse::<u16>().ok()) {
                Some(number) => PortPlace::Numbers(number, number),
                None => policy::port_place(target, "targetPort")?,
            },
        };
        Ok(ServicePort {
            name: self.text(get(port, "name")),
            number,
            protocol: Protocol::read(get(port, "protocol"))?,
            target,
            node: port_number(get(port, "nodePort")).unwrap_or_default(),
        })
    }

    fn backend_port(&mut self, port: Option<&Value<'_>>) -> BackendPort {
        match port {
            None => BackendPort::Any,
            Some(port) => match (port_number(Some(port)), port.as_str()) {
                (Some(number), _) => BackendPort::Number(number),
                (None, Some(text)) => match text.parse() {
                    Ok(number) => BackendPort::Number(number),
                    Err(_) => BackendPort::Name(self.texts.get(text)),
                },
                (None, None) => BackendPort::Any,
            },
        }
    }

    fn ingress(&mut self, object: &Value<'_>, namespace: Arc<str>, name: Arc<str>, source: Source) {
        let spec = |key: &str| at(object, &["spec", key]);
        let rules = list(spec("rules"));
        let hosts = rules.iter().filter_map(|rule| get(rule, "host")).map(|host| self.text(Some(host)));
        let hosts = hosts.collect::<BTreeSet<_>>().into_iter().collect();
        let own = spec("defaultBackend").or_else(|| spec("backend")).into_iter();
        let paths = rules.iter().flat_map(|rule| list(at(rule, &["http", "paths"])));
        let mut backends = BTreeSet::new();
        for backend in own.chain(paths.filter_map(|path| get(path, "backend"))) {
            let (service, port) = match get(backend, "service") {
                Some(service) => {
                    let port = at(service, &["port", "number"]).or_else(|| at(service, &["port", "name"]));
                    (get(service, "name"), port)
                }
                // As before networking.k8s.io/v1.
                None => (get(backend, "serviceName"), get(backend, "servicePort")),
            };
            let Some(service) = service else { continue };
            let service = self.text(Some(service));
            let port = self.backend_port(port);
            backends.insert(Backend { namespace: Arc::clone(&namespace), service, port });
        }
        let class = spec("ingressClassName")
            .or_else(|| at(object, &["metadata", "annotations", "kubernetes.io/ingress.class"]));
        let class = self.text(class);
        self.cluster.routes.push(Route {
            kind: self.texts.get("Ingress"),
            namespace,
            name,
            hosts,
            backends: backends.into_iter().collect(),
            class,
            gateways: Vec::new(),
            source,
        });
    }

    fn route(&mut self, object: &Value<'_>, kind: &str, namespace: Arc<str>, name: Arc<str>, source: Source) {
        let spec = |key: &str| at(object, &["spec", key]);
        let is = |reference: &Value<'_>, kind: &str| {
            get(reference, "kind").and_then(|own| own.as_str()).is_none_or(|own| own == kind)
        };
        let mut gateways = BTreeSet::new();
        for parent in list(spec("parentRefs")).iter().filter(|parent| is(parent, "Gateway")) {
            let within = match get(parent, "namespace") {
                Some(within) => self.text(Some(within)),
                None => Arc::clone(&namespace),
            };
            gateways.insert((within, self.text(get(parent, "name"))));
        }
        let references = list(spec("rules")).iter().flat_map(|rule| list(get(rule, "backendRefs")));
        let mut backends = BTreeSet::new();
        for reference in references.filter(|reference| is(reference, "Service")) {
            let within = match get(reference, "namespace") {
                Some(within) => self.text(Some(within)),
                None => Arc::clone(&namespace),
            };
            let (service, port) =
                (self.text(get(reference, "name")), self.backend_port(get(reference, "port")));
            backends.insert(Backend { namespace: within, service, port });
        }
        let hosts = self.all(spec("hostnames"));
        self.cluster.routes.push(Route {
            kind: self.texts.get(kind),
            namespace,
            name,
            hosts,
            backends: backends.into_iter().collect(),
            class: self.texts.get(""),
            gateways: gateways.into_iter().collect(),
            source,
        });
    }

    fn openshift_route(&mut self, object: &Value<'_>, namespace: Arc<str>, name: Arc<str>, source: Source) {
        let spec = |key: &str| at(object, &["spec", key]);
        let port = match at(object, &["spec", "port", "targetPort"]) {
            None => BackendPort::Any,
            Some(port) => match self.backend_port(Some(port)) {
                BackendPort::Number(number) => BackendPort::Target(PortPlace::Numbers(number, number)),
                BackendPort::Name(name) => BackendPort::Target(PortPlace::Name(name)),
                other => other,
            },
        };
        let mut backends = BTreeSet::new();
        for reference in spec("to").into_iter().chain(list(spec("alternateBackends"))) {
            let service = self.text(get(reference, "name"));
            backends.insert(Backend { namespace: Arc::clone(&namespace), service, port: port.clone() });
        }
        let hosts = spec("host").map(|host| self.text(Some(host))).into_iter().collect();
        self.cluster.routes.push(Route {
            kind: self.texts.get("Route"),
            namespace,
            name,
            hosts,
            backends: backends.into_iter().collect(),
            class: self.texts.get(""),
            gateways: Vec::new(),
            source,
        });
    }

    /// The controller of an object.
    fn parent(&mut self, object: &Value<'_>) -> Option<Identity> {
        let owners = list(at(object, &["metadata", "ownerReferences"]));
        let controls = |owner: &&Value<'_>| get(owner, "controller").and_then(Value::as_bool) == Some(true);
        let owner = owners.iter().find(controls).or_else(|| owners.first().filter(|_| owners.len() == 1))?;
        let text = |key: &str| get(owner, key).and_then(|value| value.as_str()).unwrap_or_default();
        // Static pods are shown as belonging to their node.
        if text("kind").is_empty() || text("name").is_empty() || text("kind") == "Node" {
            return None;
        }
        let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group).to_owned();
        Some((self.texts.get(&group), self.texts.get(text("kind")), self.texts.get(text("name"))))
    }

    fn runs(
        &mut self,
        object: &Value<'_>,
        group: &str,
        kind: &str,
        namespace: &Arc<str>,
        name: Arc<str>,
        source: &Source,
    ) {
        let phase = at(object, &["status", "phase"]).and_then(|phase| phase.as_str());
        let is_pod = group.is_empty() && kind == "Pod";
        if is_pod && matches!(phase, Some("Succeeded" | "Failed")) {
            return;
        }
        if name.is_empty() {
            let all = self.cluster.unread.entry(Some(Arc::clone(namespace))).or_default();
            all.push(format!("a {kind} without a name"));
            return self.broken(kind, Some(namespace), &name, source, "it has no name");
        }
        let own: Identity = (self.texts.get(group), self.texts.get(kind), name);
        if let Some(parent) = self.parent(object) {
            let (parent_group, parent_kind) = (Arc::clone(&parent.0), Arc::clone(&parent.1));
            self.parents.insert((Arc::clone(namespace), own.clone()), parent);
            // Its owner has the template, and its pods are objects of their own. Of a kind that is not known to run anything
            // the template is not read: then this one is what is known of it.
            if !is_pod && self.kinds.knows(&parent_group, &parent_kind) {
                return;
            }
        }
        let kinds = std::mem::take(&mut self.kinds);
        let found = workload::pods(object, &kinds);
        for unread in &found.unread {
            let detail = format!("{unread}, so that what runs there is not known");
            self.broken(kind, Some(namespace), &own.2, source, &detail);
            let all = self.cluster.unread.entry(Some(Arc::clone(namespace))).or_default();
            all.push(format!("{kind} {}: {detail}", shortened(&own.2)));
        }
        for pod in &found.pods {
            let mut workload = self.workload(pod, namespace, &own, source);
            (workload.pods, workload.template) = (u32::from(is_pod), !is_pod);
            if is_pod {
                let addresses =
                    list(at(object, &["status", "podIPs"])).iter().filter_map(|one| get(one, "ip"));
                let one = at(object, &["status", "podIP"]).into_iter();
                let parsed = addresses.chain(one).filter_map(|text| text.as_str()?.parse::<IpAddr>().ok());
                workload.addresses = parsed.collect::<BTreeSet<_>>().into_iter().collect();
                workload.digests = self.digests(object, pod);
            }
            self.entries.push(Entry { read_as: Arc::clone(&own.1), own: own.clone(), workload });
        }
        self.kinds = kinds;
    }

    fn workload(&mut self, pod: &Pod<'_>, namespace: &Arc<str>, own: &Identity, source: &Source) -> Workload {
        let mut ports = Vec::new();
        let mut faults = Vec::new();
        for container in &pod.containers {
            let Some(definition) = container.definition else { continue };
            let stays = match container.kind {
                ContainerKind::Regular => true,
                ContainerKind::ImageVolume => false,
                _ => get(definition, "restartPolicy").and_then(|policy| policy.as_str()) == Some("Always"),
            };
            for port in list(get(definition, "ports")).iter().filter(|_| stays) {
                match self.container_port(port) {
                    Ok(port) => ports.push(port),
                    Err(detail) => faults.push(detail),
                }
            }
        }
        for detail in faults {
            self.broken(&own.1, Some(namespace), &own.2, source, &detail);
        }
        ports.sort();
        ports.dedup();
        let spec = |key: &str| get(pod.spec?, key);
        let service_account = self.texts.get(pod.service_account().unwrap_or("default"));
        let images: BTreeSet<_> = pod
            .containers
            .iter()
            .filter_map(|container| container.image)
            .map(|image| self.texts.get(image))
            .collect();
        let annotations = pod.annotations.into_iter().flat_map(ObjectAsVec::iter);
        let annotations: Vec<_> =
            annotations.filter_map(|(name, value)| Some((name, value.as_str()?))).collect();
        let mut annotations = Labels::read(annotations.into_iter(), &mut self.texts);
        annotations.retain(|name| {
            ANNOTATIONS.iter().any(|own| name == *own || own.ends_with('/') && name.starts_with(own))
        });
        Workload {
            namespace: Arc::clone(namespace),
            group: Arc::clone(&own.0),
            kind: Arc::clone(&own.1),
            name: Arc::clone(&own.2),
            labels: Labels::read(pod.labels(), &mut self.texts),
            annotations,
            ports,
            service_account,
            mounts_token: spec("automountServiceAccountToken").and_then(Value::as_bool),
            host_network: spec("hostNetwork").and_then(Value::as_bool) == Some(true),
            pods: 0,
            template: false,
            addresses: Vec::new(),
            nodes: spec("nodeName").map(|node| self.text(Some(node))).into_iter().collect(),
            images: images.into_iter().collect(),
            digests: Vec::new(),
            ways: pod.spec.map_or_else(
                || {
                    let detail = breakout::UNSEEN.to_owned();
                    vec![breakout::Way { id: "unseen", detail, unknown: Some(breakout::UNSEEN) }]
                },
                breakout::ways,
            ),
            projects_token: pod.spec.is_some_and(breakout::projects_token),
            spec: self.spec(pod.spec),
            security: self.texts.get(&pod.spec.map(super::pss::view::of).unwrap_or_default()),
            pointer: pod.pointer.clone(),
            source: source.clone(),
        }
    }

    /// Digests of images, as the status of a pod tells them.
    fn digests(&mut self, object: &Value<'_>, pod: &Pod<'_>) -> Vec<(Arc<str>, Arc<str>)> {
        let mut all = Vec::new();
        for key in ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"] {
            for status in list(at(object, &["status", key])) {
                let name = get(status, "name").and_then(|name| name.as_str());
                let id = get(status, "imageID").and_then(|id| id.as_str());
                let image =
                    pod.containers.iter().find(|one| Some(one.name) == name).and_then(|one| one.image);
                if let (Some(image), Some((_, digest))) = (image, id.and_then(|id| id.rsplit_once('@'))) {
                    all.push((self.texts.get(image), self.texts.get(digest)));
                }
            }
        }
        all
    }

    fn container_port(&mut self, port: &Value<'_>) -> Result<ContainerPort, String> {
        let number =
            port_number(get(port, "containerPort")).ok_or("`containerPort` is no number of a port")?;
        Ok(ContainerPort {
            name: self.text(get(port, "name")),
            number,
            protocol: Protocol::read(get(port, "protocol"))?,
            host: port_number(get(port, "hostPort")).unwrap_or_default(),
        })
    }

    /// The specification as JSON, kept once.
    fn spec(&mut self, spec: Option<&Value<'_>>) -> Arc<str> {
        let Some(object) = spec.and_then(|spec| spec.as_object()) else { return self.texts.get("") };
        let fields: Vec<_> = object.iter().filter(|(key, _)| *key != "nodeName").collect();
        let mut text = String::from("{");
        for (index, (key, value)) in fields.into_iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(&serde_json::to_string(key).unwrap_or_default());
            text.push(':');
            text.push_str(&serde_json::to_string(value).unwrap_or_default());
        }
        text.push('}');
        let text: Arc<str> = text.into();
        Arc::clone(self.specs.entry(Arc::clone(&text)).or_insert(text))
    }

    /// The cluster that the objects are.
    pub fn finish(mut self) -> Cluster {
        let named = self.named_labels();
        let mut together: BTreeMap<Key, Workload> = BTreeMap::new();
        for entry in std::mem::take(&mut self.entries) {
            let (group, kind, name) = self.top(&entry.workload.namespace, entry.own);
            let mut workload = Workload { group, kind, name, ..entry.workload };
            workload.labels.retain(|name| !OF_CONTROLLERS.contains(&name) || named.contains(name));
            match together.entry(Key::of(&workload)) {
                std::collections::btree_map::Entry::Vacant(free) => {
                    free.insert(workload);
                }
                std::collections::btree_map::Entry::Occupied(mut taken) => {
                    let own = taken.get_mut();
                    own.pods = own.pods.saturating_add(workload.pods);
                    own.template |= workload.template;
                    own.addresses.extend(workload.addresses);
                    own.nodes.extend(workload.nodes);
                    own.digests.extend(workload.digests);
                    if workload.template {
                        (own.source, own.pointer, own.spec) =
                            (workload.source, workload.pointer, workload.spec);
                    }
                }
            }
        }
        let mut cluster = self.cluster;
        cluster.workloads = together.into_values().collect();
        for workload in &mut cluster.workloads {
            workload.nodes.sort();
            workload.nodes.dedup();
            workload.addresses.sort();
            workload.addresses.dedup();
            workload.digests.sort();
            workload.digests.dedup();
        }
        let in_use = cluster
            .workloads
            .iter()
            .map(|workload| &workload.namespace)
            .chain(cluster.network_policies.iter().map(|policy| &policy.namespace))
            .chain(cluster.services.iter().map(|service| &service.namespace));
        for namespace in in_use {
            if !cluster.namespaces.contains_key(namespace) {
                cluster.namespaces.insert(Arc::clone(namespace), super::Namespace::default());
            }
        }
        for (name, namespace) in &mut cluster.namespaces {
            // The API server sets it, whatever a manifest says.
            namespace.labels.set("kubernetes.io/metadata.name", name, &mut self.texts);
        }
        let key = |namespace: &Arc<str>, name: &Arc<str>| (Arc::clone(namespace), Arc::clone(name));
        cluster.network_policies.sort_by_cached_key(|policy| key(&policy.namespace, &policy.name));
        cluster.services.sort_by_cached_key(|service| key(&service.namespace, &service.name));
        cluster.service_accounts.sort_by_cached_key(|account| key(&account.namespace, &account.name));
        cluster.gateways.sort_by_cached_key(|gateway| key(&gateway.namespace, &gateway.name));
        cluster
            .routes
            .sort_by_cached_key(|route| (Arc::clone(&route.kind), key(&route.namespace, &route.name)));
        cluster.cluster_policies.sort_by_cached_key(|policy| {
            (policy.tier, policy.priority, Arc::clone(&policy.kind), Arc::clone(&policy.name))
        });
        cluster.roles.sort_by_cached_key(|role| (role.namespace.clone(), Arc::clone(&role.name)));
        cluster.bindings.sort_by_cached_key(|binding| (binding.namespace.clone(), Arc::clone(&binding.name)));
        cluster.nodes.sort_by_cached_key(|node| Arc::clone(&node.name));
        cluster.disruption_budgets.sort_by_cached_key(|budget| key(&budget.namespace, &budget.name));
        cluster.api_server.sort();
        cluster.api_server.dedup();
        cluster.problems.sort();
        cluster.problems.dedup();
        cluster
    }

    /// Names of labels by which a policy or service tells pods apart.
    fn named_labels(&self) -> BTreeSet<Arc<str>> {
        let mut named = BTreeSet::new();
        let mut add = |selector: &Selector| {
            named.extend(selector.requirements.iter().map(|(name, _)| Arc::clone(name)));
        };
        let network = self.cluster.network_policies.iter();
        network.clone().filter_map(|policy| policy.pods.as_ref().ok()).for_each(&mut add);
        let own = network.flat_map(|policy| policy.ingress.iter().chain(&policy.egress).flatten());
        let of_cluster = self.cluster.cluster_policies.iter();
        of_cluster.clone().filter_map(|policy| Some(&policy.subject.as_ref().ok()?.pods)).for_each(&mut add);
        let rules = own.chain(of_cluster.flat_map(|policy| policy.ingress.iter().chain(&policy.egress)));
        for peer in rules.flat_map(|rule: &Rule| rule.peers.iter().flatten()) {
            if let Peer::Pods { pods, .. } = peer {
                add(pods);
            }
        }
        self.cluster.services.iter().filter_map(|service| service.selector.as_ref()).for_each(&mut add);
        named
    }

    /// The highest owner.
    fn top(&self, namespace: &Arc<str>, own: Identity) -> Identity {
        let mut top = own;
        // Owners could own each other.
        for _ in 0..8 {
            match self.parents.get(&(Arc::clone(namespace), top.clone())) {
                Some(parent) => top = parent.clone(),
                None => break,
            }
        }
        top
    }
}

/// What pods have in common that are one workload.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    place: (Arc<str>, Arc<str>, Arc<str>, Arc<str>),
    labels: Labels,
    annotations: Labels,
    ports: Vec<ContainerPort>,
    service_account: Arc<str>,
    mounts_token: Option<bool>,
    host_network: bool,
    images: Vec<Arc<str>>,
    security: Arc<str>,
    ways: Vec<breakout::Way>,
    projects_token: bool,
}

impl Key {
    fn of(workload: &Workload) -> Self {
        let text = Arc::clone;
        Key {
            place: (
                text(&workload.namespace),
                text(&workload.kind),
                text(&workload.name),
                text(&workload.group),
            ),
            labels: workload.labels.clone(),
            annotations: workload.annotations.clone(),
            ports: workload.ports.clone(),
            service_account: text(&workload.service_account),
            mounts_token: workload.mounts_token,
            host_network: workload.host_network,
            images: workload.images.clone(),
            security: text(&workload.security),
            ways: workload.ways.clone(),
            projects_token: workload.projects_token,
        }
    }
}

/// What of the rules of a role has another form than the API gives it: it would be left out without a word.
fn odd_rules(rules: Option<&Value<'_>>) -> Option<String> {
    let Some(rules) = rules?.as_array() else { return Some("`rules` is no list".into()) };
    rules.iter().enumerate().find_map(|(at, rule)| {
        if !rule.is_object() {
            return Some(format!("rule {} is no object", at + 1));
        }
        ["verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs"].iter().find_map(|key| {
            let all = get(rule, key)?;
            let is_odd = all.as_array().is_none_or(|all| all.iter().any(|one| one.as_str().is_none()));
            is_odd.then(|| format!("`{key}` of rule {} is no list of texts", at + 1))
        })
    })
}

fn port_number(value: Option<&Value<'_>>) -> Option<u16> {
    value?.as_u64().and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0)
}
