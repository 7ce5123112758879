//! Ways into the cluster: services, Ingress, routes of gateways, ports of nodes; and whether policies let them through.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use plimsoll_model::reach::{Exposure, Reached};

use super::Reachability;
use super::engine::{Answer, Direction, Engine};
use super::outside::Place;
use super::ports::{NONE, Set};
use crate::cluster::{Addresses, BackendPort, Labels, PortPlace, Service, ServicePort};

/// Labels of programs that take what comes in for Ingress and gateways and send it on: label, value.
const CONTROLLERS: &[(&str, &str)] = &[
    ("app.kubernetes.io/name", "ingress-nginx"),
    ("app.kubernetes.io/name", "nginx-ingress"),
    ("app.kubernetes.io/name", "traefik"),
    ("app.kubernetes.io/name", "kubernetes-ingress"),
    ("app.kubernetes.io/name", "haproxy-ingress"),
    ("app.kubernetes.io/name", "contour"),
    ("app.kubernetes.io/name", "envoy"),
    ("app.kubernetes.io/managed-by", "envoy-gateway"),
    ("istio", "ingressgateway"),
    ("ingresscontroller.operator.openshift.io/deployment-ingresscontroller", "default"),
];

/// What is said of a load balancer that is not on the internet.
pub(crate) const PRIVATE: &str = "from a network of one's own";

/// From where something comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// The internet, by the address of a node or of a load balancer.
    Internet,
    /// A network of one's own.
    Private,
    /// A program in the cluster, or outside of it, that takes it first.
    Controller,
}

impl Reachability<'_> {
    /// Everything that leads in.
    pub(crate) fn exposures(&mut self) -> Vec<Exposure> {
        let cluster = self.cluster;
        let mut all = Vec::new();
        for service in &cluster.services {
            let kinds: &[&str] = match service.kind.as_ref() {
                "LoadBalancer" => &["LoadBalancer"],
                "NodePort" => &["NodePort"],
                _ => &[],
            };
            let by_address = (!service.external_addresses.is_empty()).then_some("externalIPs");
            for by in kinds.iter().copied().chain(by_address) {
                let from =
                    if service.internal && by == "LoadBalancer" { From::Private } else { From::Internet };
                let object = format!("{}/{}", service.namespace, service.name);
                let hosts = service.balancer.iter().map(ToString::to_string).collect::<Vec<_>>();
                let ports: Vec<&ServicePort> = service.ports.iter().collect();
                self.through(service, &ports, by, &object, &hosts, from, &mut all);
            }
        }
        let services: HashMap<(&str, &str), &Service> = cluster
            .services
            .iter()
            .map(|service| ((service.namespace.as_ref(), service.name.as_ref()), service))
            .collect();
        for route in &cluster.routes {
            let object = format!("{}/{}", route.namespace, route.name);
            let hosts: Vec<String> = route.hosts.iter().map(ToString::to_string).collect();
            for backend in &route.backends {
                let own = services.get(&(backend.namespace.as_ref(), backend.service.as_ref()));
                let Some(service) = own.copied() else { continue };
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
                self.through(service, &ports, &route.kind, &object, &hosts, From::Controller, &mut all);
            }
        }
        for name in 0..self.names.len() {
            self.host_ports(name, &mut all);
        }
        all.sort();
        all.dedup();
        all
    }

    /// What a service leads to.
    #[expect(clippy::too_many_arguments, reason = "what leads in, as it is told")]
    fn through(
        &mut self,
        service: &Service,
        ports: &[&ServicePort],
        by: &str,
        object: &str,
        hosts: &[String],
        from: From,
        all: &mut Vec<Exposure>,
    ) {
        let Some(selector) = &service.selector else { return };
        let mut found: BTreeMap<usize, Answer> = BTreeMap::new();
        let names = self.by_namespace.get(service.namespace.as_ref()).cloned().unwrap_or_default();
        for name in names {
            for at in 0..self.names[name].workloads.len() {
                let workload = &self.cluster.workloads[self.names[name].workloads[at]];
                if !selector.matches(|label| workload.labels.get(label)) {
                    continue;
                }
                let class = self.engine.class_of[self.names[name].workloads[at]];
                let mut asked = NONE;
                for port in ports {
                    let set = self.target(port, self.names[name].workloads[at]);
                    asked = self.engine.sets.or(asked, set);
                }
                if asked == NONE {
                    continue;
                }
                let answer = self.lets_in(class, asked, from, &service.source_ranges);
                let own = found.entry(name).or_insert(Answer::NOTHING);
                *own = own.or(answer, &mut self.engine.sets);
            }
        }
        for (name, answer) in found {
            let ports = self.shown(answer);
            let mut detail = match (ports.answer, from) {
                (Reached::Denied, _) => Some("policies let nothing of it through".to_owned()),
                (Reached::Unknown, From::Controller) => {
                    Some("what takes it first, and from which address it comes, is not known".to_owned())
                }
                (Reached::Unknown, _) => Some("it may come from the address of a node".to_owned()),
                (Reached::Allowed, From::Private) => Some(PRIVATE.to_owned()),
                (Reached::Allowed, _) => None,
            };
            if from == From::Internet && !service.source_ranges.is_empty() {
                let ranges = service.source_ranges.join(", ");
                detail = Some(format!("the load balancer takes only {ranges}"));
            }
            all.push(Exposure {
                workload: self.names[name].shown.clone(),
                by: by.to_owned(),
                object: object.to_owned(),
                hosts: hosts.to_vec(),
                ports,
                detail,
                whose: None,
            });
        }
    }

    /// The ports of a workload that a port of a service leads to.
    fn target(&mut self, port: &ServicePort, workload: usize) -> Set {
        match &port.target {
            PortPlace::Numbers(first, last) => self.engine.sets.of(port.protocol, *first, *last),
            PortPlace::Name(name) => {
                let mut all = NONE;
                for own in &self.cluster.workloads[workload].ports {
                    if own.name == *name && own.protocol == port.protocol {
                        let set = self.engine.sets.of(own.protocol, own.number, own.number);
                        all = self.engine.sets.or(all, set);
                    }
                }
                all
            }
        }
    }

    /// What of some ports a class lets in.
    fn lets_in(&mut self, class: usize, asked: Set, from: From, only: &[Arc<str>]) -> Answer {
        let asked = Answer { sure: asked, possible: asked };
        let mut all = Answer::NOTHING;
        let mut nodes = Answer::NOTHING;
        if from == From::Controller {
            let controllers = self.controllers.clone();
            if controllers.is_empty() {
                // What takes it first may be any pod, or be outside at any address that something can have: sure is only what
                // all of them may.
                let peer = self.engine.unknown_pod();
                all = self.engine.side(class, Direction::Ingress, peer);
                // Without pods of the other family nothing comes from there.
                let mut addresses = self.cluster.workloads.iter().flat_map(|own| &own.addresses);
                let with_v6 = addresses.any(std::net::IpAddr::is_ipv6);
                for at in 0..self.engine.outside.len() {
                    let range = &self.engine.outside[at];
                    let is_somebody = !matches!(range.place, Place::Nowhere | Place::Metadata);
                    if is_somebody && (with_v6 || !range.addresses.v6) {
                        let peer = self.engine.outside_peer(at);
                        let answer = self.engine.side(class, Direction::Ingress, peer);
                        all.sure = self.engine.sets.and(all.sure, answer.sure);
                        all.possible = self.engine.sets.or(all.possible, answer.possible);
                    }
                }
            }
            for one in controllers {
                let own = self.engine.between(one, class);
                all = all.or(own, &mut self.engine.sets);
            }
            return all.and(asked, &mut self.engine.sets);
        }
        let ranges: Vec<Addresses> = only.iter().filter_map(|text| Addresses::read(text).ok()).collect();
        for at in 0..self.engine.outside.len() {
            let range = &self.engine.outside[at];
            let wanted = match from {
                From::Private => matches!(range.place, Place::Private | Place::Node),
                _ => range.place == Place::Internet,
            };
            let taken = ranges.is_empty() || ranges.iter().any(|block| block.meets(range.addresses));
            let node = matches!(range.place, Place::Private | Place::Node | Place::Internet);
            let answer = self.engine.side(class, Direction::Ingress, self.engine.outside_peer(at));
            if wanted && taken {
                all = all.or(answer, &mut self.engine.sets);
            } else if node {
                // Unless told otherwise, nodes put their own address in the place of the sender's.
                nodes.possible = self.engine.sets.or(nodes.possible, answer.possible);
            }
        }
        all.possible = self.engine.sets.or(all.possible, nodes.possible);
        let all = all.and(asked, &mut self.engine.sets);
        // Where some is surely let in, the rest is of no use to say.
        if all.sure == NONE { all } else { Answer { sure: all.sure, possible: all.sure } }
    }

    fn host_ports(&mut self, name: usize, all: &mut Vec<Exposure>) {
        let (mut set, mut host, mut answer) = (NONE, false, Answer::NOTHING);
        for at in 0..self.names[name].workloads.len() {
            let index = self.names[name].workloads[at];
            let workload = &self.cluster.workloads[index];
            for port in workload.ports.iter().filter(|port| workload.host_network || port.host != 0) {
                host |= workload.host_network;
                let own = self.engine.sets.of(port.protocol, port.number, port.number);
                set = self.engine.sets.or(set, own);
                // In the network of the node every answer is "allowed".
                let own = self.lets_in(self.engine.class_of[index], own, From::Internet, &[]);
                answer = answer.or(own, &mut self.engine.sets);
            }
        }
        if set == NONE {
            return;
        }
        let ports = self.shown(answer);
        all.push(Exposure {
            workload: self.names[name].shown.clone(),
            by: if host { "hostNetwork" } else { "hostPort" }.to_owned(),
            object: self.names[name].shown.clone(),
            hosts: Vec::new(),
            ports,
            detail: Some("at the addresses of its nodes".to_owned()),
            whose: None,
        });
    }
}

/// Whether these are labels of a program that takes what comes in for Ingress and gateways.
pub(crate) fn is_controller(labels: &Labels) -> bool {
    CONTROLLERS.iter().any(|(label, value)| labels.get(label) == Some(value))
}

/// Classes of the programs that take what comes in for Ingress and gateways.
pub(super) fn controllers(engine: &Engine<'_>) -> Vec<usize> {
    let is = |class: &usize| is_controller(&engine.cluster.workloads[engine.classes[*class].workload].labels);
    (0..engine.classes.len()).filter(is).collect()
}
