//! Network policies that allow what workloads are known to need, and nothing else.
//!
//! What is needed is read from what says so: addresses in environments, arguments and commands that name services, services
//! and routes that lead in, webhooks, bindings of service accounts. What cannot be known from that is told as unknown, in the
//! policies themselves too. Whether the policies do what they are to is held against our own analysis of who reaches whom.

mod references;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_model::audit::{ClusterInfo, Missing};
use plimsoll_model::suggestion::{
    SUGGEST_VERSION, SuggestedConnection, SuggestedNamespace, SuggestedProof, SuggestedUnknown, Suggestion,
};
use plimsoll_model::{Effect, Outcome, shortened};

use super::reach::exposure::is_controller;
use super::reach::proof::{Side, Wish, prove};
use super::{
    Addresses, BackendPort, Cluster, Labels, NetworkPolicy, Origin, PortPlace, Protocol, Service,
    ServicePort, Workload, list_of,
};
use crate::kubernetes::at;
use crate::responsibility::is_system_namespace;

/// Ports of a protocol.
type Ports = BTreeSet<(Protocol, u16)>;
/// Labels that select.
type Chosen = Vec<(String, String)>;

/// Labels that say which workload it is, the best first.
const PREFERRED: [&str; 8] = [
    "app.kubernetes.io/name",
    "app.kubernetes.io/component",
    "app.kubernetes.io/instance",
    "app",
    "k8s-app",
    "component",
    "name",
    "tier",
];
/// Kinds of lists without which it is not known what is needed.
const NEEDED: &[&str] = &[
    "Pod",
    "Namespace",
    "Service",
    "Ingress",
    "Gateway",
    "HTTPRoute",
    "GRPCRoute",
    "TLSRoute",
    "TCPRoute",
    "UDPRoute",
    "Route",
    "RoleBinding",
    "ClusterRoleBinding",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "EndpointSlice",
];

/// Workloads of one name.
struct Group<'c> {
    namespace: &'c str,
    kind: &'c str,
    name: &'c str,
    shown: String,
    members: Vec<&'c Workload>,
    host: bool,
    /// Labels that select it and no other of its namespace; or why there are none.
    chosen: Result<Chosen, String>,
}

/// One end of what is needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Group(usize),
    /// Every address of a family, or a block.
    Blocks(Vec<String>),
}

/// Something that is needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Need {
    from: End,
    to: End,
    ports: Ports,
    because: String,
}

/// What is gathered.
struct Gathering<'c> {
    cluster: &'c Cluster,
    groups: Vec<Group<'c>>,
    of_namespace: BTreeMap<&'c str, Vec<usize>>,
    services: BTreeMap<(&'c str, &'c str), &'c Service>,
    needs: BTreeSet<Need>,
    /// By namespace: about what, and what.
    unknown: BTreeMap<String, BTreeSet<SuggestedUnknown>>,
    /// Services that something is known to use.
    used: BTreeSet<(&'c str, &'c str)>,
}

/// Proposes policies for these namespaces; for all but the cluster's own where none is named.
pub fn suggest(cluster: &Cluster, info: &ClusterInfo, namespaces: &BTreeSet<String>) -> Suggestion {
    let mut all = Gathering::new(cluster);
    all.by_reference();
    all.by_service();
    all.by_route();
    all.by_webhook();
    all.by_account();
    all.unused();
    let covered: BTreeSet<&str> = all
        .of_namespace
        .keys()
        .copied()
        .filter(|name| !is_system_namespace(name) && (namespaces.is_empty() || namespaces.contains(*name)))
        .filter(|name| cluster.only.is_empty() || cluster.only.iter().any(|own| own.as_ref() == *name))
        .collect();
    let dns = dns(cluster);
    let mut wishes = Vec::new();
    let written: Vec<SuggestedNamespace> =
        covered.iter().map(|name| all.namespace(name, &covered, &dns, &mut wishes)).collect();
    let proof = proven(cluster, &written, &covered, &wishes);
    let missing = missing(cluster);
    let unread = cluster.problems.iter().any(|problem| problem.effect == Effect::Incomplete);
    let open = written.iter().any(|namespace| !namespace.unknown.is_empty());
    let unproven = !proof.done || !proof.refused.is_empty() || !proof.more.is_empty();
    let undecided = open || unread || unproven || !missing.is_empty();
    Suggestion {
        schema_version: SUGGEST_VERSION.into(),
        plimsoll: env!("CARGO_PKG_VERSION").into(),
        cluster: info.clone(),
        verdict: if undecided { Outcome::Unknown } else { Outcome::Met },
        namespaces: written,
        proof,
        notes: notes(cluster, &covered),
        missing,
        problems: cluster.problems.clone(),
    }
}

fn notes(cluster: &Cluster, covered: &BTreeSet<&str>) -> Vec<String> {
    let mut notes = Vec::new();
    if cluster.origin == Origin::Manifests {
        notes.push("these are manifests: what else in the cluster needs them is not looked at".into());
    }
    let own = cluster.network_policies.iter().filter(|policy| covered.contains(policy.namespace.as_ref()));
    let there = own.count();
    if there > 0 {
        let word = if there == 1 { "policy is" } else { "policies are" };
        notes.push(format!(
            "{there} network {word} there already and stay in effect: what they allow stays allowed"
        ));
    }
    if !cluster.cluster_policies.is_empty() {
        notes.push("policies of the cluster are asked before or after these".into());
    }
    notes
}

fn missing(cluster: &Cluster) -> Vec<Missing> {
    let only = cluster.only_in();
    let mut missing: Vec<Missing> = cluster
        .lacks(NEEDED)
        .filter(|(_, reason)| only.as_deref() != Some(reason))
        .map(|(kind, reason)| Missing {
            resource: list_of(kind).map_or(kind, |list| list.plural).to_owned(),
            reason: reason.to_owned(),
            unknown: list_of(kind).map_or("what runs", |list| list.unknown).to_owned(),
            decides: true,
        })
        .collect();
    missing.sort();
    missing
}

/// Where names are resolved.
fn dns(cluster: &Cluster) -> Chosen {
    let service = cluster
        .services
        .iter()
        .find(|service| service.namespace.as_ref() == "kube-system" && service.name.as_ref() == "kube-dns");
    let own = service.and_then(|service| service.selector.as_ref()).and_then(|selector| {
        let one = |(name, wanted): &(Arc<str>, super::Wanted)| match wanted {
            super::Wanted::In(values) if values.len() == 1 => Some((name.to_string(), values[0].to_string())),
            _ => None,
        };
        selector.requirements.iter().map(one).collect::<Option<Chosen>>()
    });
    own.filter(|own| !own.is_empty()).unwrap_or_else(|| vec![("k8s-app".into(), "kube-dns".into())])
}

/// Labels that every member has, the best first.
fn common(members: &[&Workload]) -> Chosen {
    let Some((first, rest)) = members.split_first() else { return Vec::new() };
    let mut all: Chosen = first
        .labels
        .iter()
        .filter(|(name, value)| rest.iter().all(|other| other.labels.get(name) == Some(value)))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    all.sort_by_key(|(name, _)| PREFERRED.iter().position(|own| own == name).unwrap_or(PREFERRED.len()));
    all
}

fn takes(chosen: &[(String, String)], labels: &Labels) -> bool {
    chosen.iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// The fewest labels that select these and none of the others.
fn choose(own: Chosen, others: &[(&str, &Labels)]) -> Result<Chosen, String> {
    if own.is_empty() {
        return Err("it has no labels of its own to be selected by".into());
    }
    let alone = |chosen: &[(String, String)]| !others.iter().any(|(_, labels)| takes(chosen, labels));
    let few = &own[..own.len().min(12)];
    for one in few {
        if alone(std::slice::from_ref(one)) {
            return Ok(vec![one.clone()]);
        }
    }
    for (at, one) in few.iter().enumerate() {
        for other in &few[at + 1..] {
            let pair = [one.clone(), other.clone()];
            if alone(&pair) {
                return Ok(pair.to_vec());
            }
        }
    }
    match others.iter().find(|(_, labels)| takes(&own, labels)) {
        Some((shown, _)) => Err(format!("its labels do not tell it from {}", shortened(shown))),
        None => Ok(own),
    }
}

impl<'c> Gathering<'c> {
    fn new(cluster: &'c Cluster) -> Self {
        let mut groups: Vec<Group<'c>> = Vec::new();
        let mut known: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
        let mut of_namespace: BTreeMap<&'c str, Vec<usize>> = BTreeMap::new();
        for workload in &cluster.workloads {
            let key = (workload.namespace.as_ref(), workload.kind.as_ref(), workload.name.as_ref());
            let at = *known.entry(key).or_insert_with(|| {
                of_namespace.entry(key.0).or_default().push(groups.len());
                groups.push(Group {
                    namespace: key.0,
                    kind: key.1,
                    name: key.2,
                    shown: workload.shown(),
                    members: Vec::new(),
                    host: false,
                    chosen: Ok(Vec::new()),
                });
                groups.len() - 1
            });
            groups[at].members.push(workload);
            groups[at].host |= workload.host_network;
        }
        for all in of_namespace.values() {
            for at in all {
                let others: Vec<(&str, &Labels)> = all
                    .iter()
                    .filter(|other| *other != at)
                    .flat_map(|other| {
                        let group = &groups[*other];
                        group.members.iter().map(|member| (group.shown.as_str(), &member.labels))
                    })
                    .collect();
                let chosen = choose(common(&groups[*at].members), &others);
                groups[*at].chosen = chosen;
            }
        }
        let services = cluster
            .services
            .iter()
            .map(|service| ((service.namespace.as_ref(), service.name.as_ref()), service))
            .collect();
        Gathering {
            cluster,
            groups,
            of_namespace,
            services,
            needs: BTreeSet::new(),
            unknown: BTreeMap::new(),
            used: BTreeSet::new(),
        }
    }

    fn open(&mut self, namespace: &str, about: &str, detail: String) {
        let all = self.unknown.entry(namespace.to_owned()).or_default();
        all.insert(SuggestedUnknown { about: shortened(about), detail });
    }

    fn need(&mut self, from: End, to: End, ports: Ports, because: String) {
        if !ports.is_empty() {
            self.needs.insert(Need { from, to, ports, because });
        }
    }

    /// What a service leads to, by these of its ports.
    fn behind(&self, service: &Service, ports: &[&ServicePort]) -> Vec<(usize, Ports)> {
        let Some(selector) = &service.selector else { return Vec::new() };
        let mut found = Vec::new();
        for at in self.of_namespace.get(service.namespace.as_ref()).into_iter().flatten() {
            let mut own = Ports::new();
            let mut any = false;
            for member in &self.groups[*at].members {
                if !selector.matches(|name| member.labels.get(name)) {
                    continue;
                }
                any = true;
                for port in ports {
                    match &port.target {
                        // A range is not written by services: the first is the number.
                        PortPlace::Numbers(first, _) => {
                            own.insert((port.protocol, *first));
                        }
                        PortPlace::Name(name) => own.extend(
                            member
                                .ports
                                .iter()
                                .filter(|own| own.name == *name && own.protocol == port.protocol)
                                .map(|own| (own.protocol, own.number)),
                        ),
                    }
                }
            }
            if any {
                found.push((*at, own));
            }
        }
        found
    }

    /// A service that is named by a host, from within a namespace.
    fn service_of(&self, host: &str, within: &str) -> Option<&'c Service> {
        let parts: Vec<&str> = host.split('.').collect();
        let find = |namespace: &str, name: &str| self.services.get(&(namespace, name)).copied();
        match parts.as_slice() {
            [name] => find(within, name),
            // With another part before it, a pod of a headless service.
            [name, namespace]
            | [name, namespace, "svc"]
            | [name, namespace, "svc", "cluster", "local"]
            | [_, name, namespace, "svc"]
            | [_, name, namespace, "svc", "cluster", "local"] => find(namespace, name),
            _ => None,
        }
    }

    fn by_reference(&mut self) {
        for at in 0..self.groups.len() {
            let (namespace, shown) = (self.groups[at].namespace, self.groups[at].shown.clone());
            let mut specs: BTreeSet<&'c str> = BTreeSet::new();
            for member in &self.groups[at].members {
                specs.insert(&member.spec);
            }
            let (mut elsewhere, mut left_out) = (0, 0);
            for spec in specs {
                let Ok(spec) = serde_json::from_str(spec) else { continue };
                let named = references::of(&spec);
                elsewhere = elsewhere.max(named.elsewhere);
                left_out = left_out.max(named.left_out);
                for reference in &named.references {
                    self.reference(at, namespace, &shown, reference);
                }
            }
            if elsewhere > 0 {
                let what =
                    if elsewhere == 1 { "one value or volume comes" } else { "values or volumes come" };
                let number = if elsewhere == 1 { String::new() } else { format!("{elsewhere} ") };
                self.open(
                    namespace,
                    &shown,
                    format!("{number}{what} from ConfigMaps or Secrets, which are not read: what they name is not known"),
                );
            }
            if left_out > 0 {
                self.open(
                    namespace,
                    &shown,
                    "values of its environment are not in what was read (snapshots leave them out): what they name is not known"
                        .into(),
                );
            }
        }
    }

    fn reference(&mut self, at: usize, namespace: &'c str, shown: &str, reference: &references::Reference) {
        let place = shortened(&reference.place);
        let host = shortened(&reference.host);
        if let Ok(address) = reference.host.parse::<std::net::Ipv4Addr>() {
            match reference.port {
                Some(port) => self.need(
                    End::Group(at),
                    End::Blocks(vec![format!("{address}/32")]),
                    Ports::from([(Protocol::Tcp, port)]),
                    format!("{place} names {address}:{port}"),
                ),
                None if reference.sure => {
                    self.open(namespace, shown, format!("{place} names {address}, without a port"));
                }
                None => {}
            }
            return;
        }
        let Some(service) = self.service_of(&reference.host, namespace) else {
            if reference.sure && reference.host.contains('.') {
                let port = reference.port.map(|port| format!(":{port}")).unwrap_or_default();
                self.open(
                    namespace,
                    shown,
                    format!("{place} names {host}{port}: policies know addresses, not names; allow its addresses if it is needed"),
                );
            } else if reference.sure {
                self.open(namespace, shown, format!("{place} names {host}, which is no service here"));
            }
            return;
        };
        self.used.insert((&service.namespace, &service.name));
        let called = format!("{}/{}", shortened(&service.namespace), shortened(&service.name));
        let ports: Vec<&ServicePort> = service
            .ports
            .iter()
            .filter(|port| reference.port.is_none_or(|number| number == port.number))
            .collect();
        if let (Some(number), true) = (reference.port, ports.is_empty()) {
            self.open(
                namespace,
                shown,
                format!("{place} names port {number} of the service {called}, which has no such"),
            );
            return;
        }
        let behind = self.behind(service, &ports);
        if behind.is_empty() {
            self.open(
                namespace,
                shown,
                format!("{place} names the service {called}: what is behind it is not known"),
            );
        }
        for (to, ports) in behind {
            self.need(End::Group(at), End::Group(to), ports, format!("{place} names the service {called}"));
        }
    }

    /// Everybody outside.
    fn everybody() -> End {
        End::Blocks(vec!["0.0.0.0/0".into(), "::/0".into()])
    }

    fn by_service(&mut self) {
        for service in &self.cluster.services {
            let outside = matches!(service.kind.as_ref(), "LoadBalancer" | "NodePort")
                || !service.external_addresses.is_empty();
            if !outside {
                continue;
            }
            self.used.insert((&service.namespace, &service.name));
            let called = format!("{}/{}", shortened(&service.namespace), shortened(&service.name));
            let ports: Vec<&ServicePort> = service.ports.iter().collect();
            for (to, ports) in self.behind(service, &ports) {
                self.need(
                    Self::everybody(),
                    End::Group(to),
                    ports,
                    format!("the service {called} leads in from outside ({})", shortened(&service.kind)),
                );
            }
        }
        // Ports of the node lead to the pod itself.
        for at in 0..self.groups.len() {
            let mut ports = Ports::new();
            for port in
                self.groups[at].members.iter().flat_map(|member| &member.ports).filter(|port| port.host != 0)
            {
                ports.insert((port.protocol, port.number));
            }
            self.need(Self::everybody(), End::Group(at), ports, "it has ports of the node (hostPort)".into());
        }
    }

    fn by_route(&mut self) {
        let controllers: Vec<usize> = (0..self.groups.len())
            .filter(|at| self.groups[*at].members.iter().any(|member| is_controller(&member.labels)))
            .collect();
        let cluster = self.cluster;
        for route in &cluster.routes {
            let called = format!("{} {}/{}", route.kind, shortened(&route.namespace), shortened(&route.name));
            for backend in &route.backends {
                let key = (backend.namespace.as_ref(), backend.service.as_ref());
                let Some(service) = self.services.get(&key).copied() else {
                    let detail = format!("it leads to the service {}, which is not here", shortened(key.1));
                    self.open(key.0, &called, detail);
                    continue;
                };
                self.used.insert((&service.namespace, &service.name));
                let fits = |port: &&ServicePort| match &backend.port {
                    BackendPort::Any => true,
                    BackendPort::Number(number) => port.number == *number,
                    BackendPort::Name(name) => port.name == *name,
                    BackendPort::Target(PortPlace::Name(name)) => {
                        port.name == *name || port.target == PortPlace::Name(Arc::clone(name))
                    }
                    BackendPort::Target(target) => port.target == *target,
                };
                let ports: Vec<&ServicePort> = service.ports.iter().filter(fits).collect();
                for (to, ports) in self.behind(service, &ports) {
                    if controllers.is_empty() {
                        let detail = format!(
                            "it leads to {} by {}: where its controller runs is not known; allow ingress from there",
                            shortened(&self.groups[to].shown),
                            shown(&ports)
                        );
                        self.open(&service.namespace, &called, detail);
                    }
                    for from in &controllers {
                        self.need(
                            End::Group(*from),
                            End::Group(to),
                            ports.clone(),
                            format!("{called} leads to it"),
                        );
                    }
                }
            }
        }
    }

    /// Addresses of the API server as blocks.
    fn api_server(&self) -> Vec<String> {
        let width = |address: &std::net::IpAddr| if address.is_ipv6() { 128 } else { 32 };
        self.cluster.api_server.iter().map(|address| format!("{address}/{}", width(address))).collect()
    }

    fn by_webhook(&mut self) {
        let cluster = self.cluster;
        for webhook in &cluster.webhooks {
            let Some((namespace, name)) = &webhook.service else { continue };
            let Some(service) = self.services.get(&(namespace.as_ref(), name.as_ref())).copied() else {
                continue;
            };
            self.used.insert((&service.namespace, &service.name));
            let called = format!("the webhook {}", shortened(&webhook.name));
            let ports: Vec<&ServicePort> = service.ports.iter().collect();
            let server = self.api_server();
            for (to, ports) in self.behind(service, &ports) {
                if server.is_empty() {
                    let detail = format!(
                        "{called} is asked by the API server, whose addresses are not known; allow ingress by {}",
                        shown(&ports)
                    );
                    let about = self.groups[to].shown.clone();
                    self.open(namespace, &about, detail);
                } else {
                    self.need(
                        End::Blocks(server.clone()),
                        End::Group(to),
                        ports,
                        format!("{called} is asked by the API server"),
                    );
                }
            }
        }
    }

    /// Who has rights talks to the API server.
    fn by_account(&mut self) {
        let accounts: BTreeSet<(&str, &str)> = self
            .cluster
            .bindings
            .iter()
            .flat_map(|binding| &binding.subjects)
            .filter(|subject| subject.kind.as_ref() == "ServiceAccount")
            .map(|subject| (subject.namespace.as_ref(), subject.name.as_ref()))
            .collect();
        let server = self.api_server();
        for at in 0..self.groups.len() {
            let group = &self.groups[at];
            let account = group
                .members
                .iter()
                .map(|member| member.service_account.as_ref())
                .find(|account| accounts.contains(&(group.namespace, *account)));
            let Some(account) = account else { continue };
            let (namespace, about) = (group.namespace, group.shown.clone());
            let because = format!("its service account {} has rights", shortened(account));
            if server.is_empty() {
                let detail = format!(
                    "{because}: it may need the API server, whose addresses are not known; allow egress to them by TCP 443 and 6443"
                );
                self.open(namespace, &about, detail);
            } else {
                let ports = Ports::from([(Protocol::Tcp, 443), (Protocol::Tcp, 6443)]);
                self.need(End::Group(at), End::Blocks(server.clone()), ports, because);
            }
        }
    }

    /// Services that nothing is known to use, and ports without one.
    fn unused(&mut self) {
        let cluster = self.cluster;
        for service in &cluster.services {
            let key = (service.namespace.as_ref(), service.name.as_ref());
            if self.used.contains(&key) || service.selector.is_none() || key == ("kube-system", "kube-dns") {
                continue;
            }
            let ports: Vec<&ServicePort> = service.ports.iter().collect();
            if self.behind(service, &ports).is_empty() {
                continue;
            }
            let about = format!("Service {}/{}", service.namespace, service.name);
            let detail =
                "nothing that was read names it: who uses it is not known, and nobody is let in by it";
            self.open(key.0, &about, detail.into());
        }
        for at in 0..self.groups.len() {
            let reached: Ports = self
                .needs
                .iter()
                .filter(|need| need.to == End::Group(at))
                .flat_map(|need| need.ports.iter().copied())
                .collect();
            let group = &self.groups[at];
            let by_service: Ports = cluster
                .services
                .iter()
                .filter(|service| service.namespace.as_ref() == group.namespace)
                .flat_map(|service| self.behind(service, &service.ports.iter().collect::<Vec<_>>()))
                .filter(|(own, _)| *own == at)
                .flat_map(|(_, ports)| ports)
                .collect();
            let mut left = Ports::new();
            for port in group.members.iter().flat_map(|member| &member.ports) {
                let port = (port.protocol, port.number);
                if !reached.contains(&port) && !by_service.contains(&port) {
                    left.insert(port);
                }
            }
            if !left.is_empty() {
                let (namespace, about) = (group.namespace, group.shown.clone());
                let detail = format!(
                    "it declares {}, which no service leads to (for metrics?): who uses that is not known",
                    shown(&left)
                );
                self.open(namespace, &about, detail);
            }
        }
    }

    fn side(&self, end: &End) -> Vec<Side> {
        match end {
            End::Group(at) => vec![Side::Workload(self.groups[*at].shown.clone())],
            End::Blocks(blocks) => {
                blocks.iter().filter_map(|block| Addresses::read(block).ok()).map(Side::Block).collect()
            }
        }
    }

    fn end_shown(&self, end: &End) -> String {
        match end {
            End::Group(at) => self.groups[*at].shown.clone(),
            End::Blocks(blocks) => blocks.join(", "),
        }
    }

    /// Why a rule about an end cannot be written.
    fn obstacle(&self, end: &End) -> Option<String> {
        let End::Group(at) = end else { return None };
        let group = &self.groups[*at];
        if group.host {
            let shown = shortened(&group.shown);
            return Some(format!("{shown} is in the network of its node: allow addresses of nodes"));
        }
        group.chosen.as_ref().err().map(|reason| format!("{}: {reason}", shortened(&group.shown)))
    }

    /// The policies of a namespace; what they are to allow is added to `wishes`.
    fn namespace(
        &mut self,
        name: &str,
        covered: &BTreeSet<&str>,
        dns: &Chosen,
        wishes: &mut Vec<Wish>,
    ) -> SuggestedNamespace {
        let groups = self.of_namespace.get(name).cloned().unwrap_or_default();
        let mut connections = BTreeSet::new();
        let mut policies: BTreeMap<usize, yaml::Policy> = BTreeMap::new();
        for need in self.needs.clone() {
            let mine = |end: &End| matches!(end, End::Group(at) if groups.contains(at));
            if !mine(&need.from) && !mine(&need.to) {
                continue;
            }
            let ends = (self.end_shown(&need.from), self.end_shown(&need.to));
            if let Some(obstacle) = self.obstacle(&need.from).or_else(|| self.obstacle(&need.to)) {
                let about = if mine(&need.to) { &ends.1 } else { &ends.0 };
                let detail = format!(
                    "{} to {} by {} is needed ({}), and no rule can say so: {obstacle}",
                    shortened(&ends.0),
                    shortened(&ends.1),
                    shown(&need.ports),
                    need.because
                );
                self.open(name, about, detail);
                continue;
            }
            for from in self.side(&need.from) {
                for to in self.side(&need.to) {
                    let ports = need.ports.iter().map(|(protocol, port)| (*protocol, *port, *port)).collect();
                    wishes.push(Wish { from: from.clone(), to, ports });
                }
            }
            connections.insert(SuggestedConnection {
                from: ends.0.clone(),
                to: ends.1.clone(),
                ports: shown(&need.ports),
                because: need.because.clone(),
            });
            for (own, other, egress, words) in [
                (&need.to, &need.from, false, format!("from {}: {}", ends.0, need.because)),
                (&need.from, &need.to, true, format!("to {}: {}", ends.1, need.because)),
            ] {
                let End::Group(at) = own else { continue };
                if !groups.contains(at) {
                    continue;
                }
                let group = &self.groups[*at];
                let policy = policies.entry(*at).or_insert_with(|| yaml::Policy {
                    name: policy_name(group.kind, group.name),
                    about: group.shown.clone(),
                    pods: group.chosen.clone().unwrap_or_default(),
                    rules: BTreeMap::new(),
                });
                let peer = match other {
                    End::Blocks(blocks) => yaml::Peer::Blocks(blocks.clone()),
                    End::Group(other) => {
                        let other = &self.groups[*other];
                        let namespace = (other.namespace != name).then(|| other.namespace.to_owned());
                        yaml::Peer::Pods(namespace, other.chosen.clone().unwrap_or_default())
                    }
                };
                let rule = policy.rules.entry((egress, peer)).or_default();
                rule.ports.extend(need.ports.iter().copied());
                rule.comments.insert(words);
            }
        }
        // Names are resolved by everything that is restricted.
        for at in groups.iter().filter(|_| covered.contains(name)) {
            for other in self.of_namespace.get("kube-system").into_iter().flatten() {
                if self.groups[*other].members.iter().any(|member| takes(dns, &member.labels)) {
                    wishes.push(Wish {
                        from: Side::Workload(self.groups[*at].shown.clone()),
                        to: Side::Workload(self.groups[*other].shown.clone()),
                        ports: vec![(Protocol::Udp, 53, 53), (Protocol::Tcp, 53, 53)],
                    });
                }
            }
            if self.groups[*at].host {
                let about = self.groups[*at].shown.clone();
                let detail = "it is in the network of its node, to which policies do not apply";
                self.open(name, &about, detail.into());
            }
        }
        if let Some(list) = self.cluster.unread.get(&Some(Arc::from(name))) {
            for detail in list.clone() {
                self.open(name, name, detail);
            }
        }
        let unknown: Vec<SuggestedUnknown> =
            self.unknown.remove(name).unwrap_or_default().into_iter().collect();
        let policies: Vec<yaml::Policy> = policies.into_values().collect();
        let yaml = yaml::write(name, dns, &policies, &unknown);
        let names = [yaml::DENY.to_owned(), yaml::DNS.to_owned()];
        SuggestedNamespace {
            name: name.to_owned(),
            policies: names.into_iter().chain(policies.into_iter().map(|policy| policy.name)).collect(),
            yaml,
            connections: connections.into_iter().collect(),
            unknown,
            whose: None,
        }
    }
}

/// A name as the API takes it: `allow-deployment-web`.
fn policy_name(kind: &str, name: &str) -> String {
    let mut text = format!("allow-{kind}-{name}").to_ascii_lowercase();
    text.retain(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '.');
    text.truncate(253);
    text.trim_end_matches(['-', '.']).to_owned()
}

fn shown(ports: &Ports) -> String {
    let mut text = String::new();
    let mut before = None;
    for (protocol, port) in ports {
        if before == Some(protocol) {
            text.push(',');
        } else {
            if before.is_some() {
                text.push_str("; ");
            }
            text.push_str(protocol.word());
            text.push(' ');
        }
        text.push_str(&port.to_string());
        before = Some(protocol);
    }
    text
}

/// Holds the cluster with these policies, read from their YAML, against what they are to allow.
fn proven(
    cluster: &Cluster,
    written: &[SuggestedNamespace],
    covered: &BTreeSet<&str>,
    wishes: &[Wish],
) -> SuggestedProof {
    let mut with = cluster.clone();
    for namespace in written {
        let stream = crate::kubernetes::yaml::read(&namespace.yaml);
        for document in &stream.documents {
            let value = document.value();
            let name = at(&value, &["metadata", "name"]).and_then(|name| name.as_str()).unwrap_or_default();
            let within = at(&value, &["metadata", "namespace"]).and_then(|name| name.as_str());
            let within = Arc::from(within.unwrap_or_default());
            with.network_policies.push(NetworkPolicy::read(&value, within, Arc::from(name), None));
        }
    }
    match prove(&with, covered, wishes) {
        Some(proof) => {
            SuggestedProof { done: true, pairs: proof.pairs, refused: proof.refused, more: proof.more }
        }
        None => SuggestedProof::default(),
    }
}
