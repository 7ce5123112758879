//! Random clusters against an evaluator that goes by one pair, one port and the JSON of the policies.

use std::net::IpAddr;

use plimsoll_model::workload::Kinds;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::engine::Direction;
use super::*;
use crate::cluster::{Builder, Cluster, Origin};

pub(crate) fn cluster(objects: &[Value]) -> Cluster {
    let mut builder = Builder::new(Origin::Cluster, Kinds::default());
    for object in objects {
        let text = object.to_string();
        let value = serde_json::from_str(&text).expect("JSON");
        assert!(builder.object(&value, None));
    }
    builder.finish()
}

/// A source of choices.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list[usize::try_from(self.roll(list.len() as u64)).expect("small")]
    }

    fn selector(&mut self) -> Value {
        let key = self.one(&["app", "tier"]);
        match self.roll(6) {
            0 | 1 => json!({}),
            2 => json!({"matchLabels": {key: self.one(&["a", "b", "c"])}}),
            3 => {
                json!({"matchExpressions": [{"key": key, "operator": self.one(&["In", "NotIn"]), "values": ["a", "b"]}]})
            }
            4 => {
                json!({"matchExpressions": [{"key": key, "operator": self.one(&["Exists", "DoesNotExist"])}]})
            }
            _ => {
                json!({"matchLabels": {"app": self.one(&["a", "b"])}, "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["a"]}]})
            }
        }
    }

    fn number(&mut self) -> u64 {
        [79, 80, 81, 53][usize::try_from(self.roll(4)).expect("small")]
    }

    fn network_rule(&mut self, peers: &str) -> Value {
        let mut rule = json!({});
        if self.roll(4) > 0 {
            let list: Vec<Value> = (0..=self.roll(2))
                .map(|_| match self.roll(5) {
                    0 => json!({"podSelector": self.selector()}),
                    1 => json!({"namespaceSelector": self.selector()}),
                    2 => json!({"namespaceSelector": self.selector(), "podSelector": self.selector()}),
                    3 => json!({"ipBlock": {"cidr": self.one(&["0.0.0.0/0", "10.0.0.0/8", "::/0"])}}),
                    _ => json!({"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/9", "169.254.169.254/32"]}}),
                })
                .collect();
            rule[peers] = list.into();
        }
        if self.roll(2) > 0 {
            let list: Vec<Value> = (0..=self.roll(2))
                .map(|_| match self.roll(4) {
                    0 => json!({"protocol": self.one(&["TCP", "UDP"])}),
                    1 => json!({"port": self.number()}),
                    2 => json!({"port": 79, "endPort": self.number().max(79), "protocol": self.one(&["TCP", "UDP"])}),
                    _ => json!({"port": "web"}),
                })
                .collect();
            rule["ports"] = list.into();
        }
        rule
    }

    fn cluster_rule(&mut self, peers: &str, baseline: bool) -> Value {
        let actions: &[&str] = if baseline { &["Allow", "Deny"] } else { &["Allow", "Deny", "Pass"] };
        let list: Vec<Value> = (0..=self.roll(2))
            .map(|_| match self.roll(if peers == "to" { 3 } else { 2 }) {
                0 => json!({"namespaces": self.selector()}),
                1 => json!({"pods": {"namespaceSelector": self.selector(), "podSelector": self.selector()}}),
                _ => json!({"networks": [self.one(&["0.0.0.0/0", "10.0.0.0/8", "::/0"])]}),
            })
            .collect();
        let mut rule = json!({"action": self.one(actions), peers: list});
        if self.roll(2) > 0 {
            rule["ports"] = match self.roll(3) {
                0 => json!([{"portNumber": {"protocol": self.one(&["TCP", "UDP"]), "port": self.number()}}]),
                1 => json!([{"portRange": {"protocol": "TCP", "start": 53, "end": 80}}]),
                _ => json!([{"namedPort": "web"}]),
            };
        }
        rule
    }

    fn objects(&mut self) -> Vec<Value> {
        let mut all = Vec::new();
        for namespace in ["one", "two"] {
            let labels = json!({"app": self.one(&["a", "b"])});
            all.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}));
            for pod in 0..=self.roll(3) {
                let mut labels = json!({});
                for key in ["app", "tier"] {
                    if self.roll(3) > 0 {
                        labels[key] = self.one(&["a", "b", "c"]).into();
                    }
                }
                let mut container = json!({"name": "c", "image": "i"});
                if self.roll(2) > 0 {
                    container["ports"] = json!([{"name": "web", "containerPort": self.number(), "protocol": self.one(&["TCP", "UDP"])}]);
                }
                all.push(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("p{pod}"), "namespace": namespace, "labels": labels}, "spec": {"containers": [container]}}));
            }
            for policy in 0..self.roll(3) {
                let mut spec = json!({"podSelector": self.selector()});
                for (key, peers) in [("ingress", "from"), ("egress", "to")] {
                    if self.roll(3) > 0 {
                        spec[key] = (0..self.roll(3)).map(|_| self.network_rule(peers)).collect();
                    }
                }
                if self.roll(2) > 0 {
                    spec["policyTypes"] = match self.roll(3) {
                        0 => json!(["Ingress"]),
                        1 => json!(["Egress"]),
                        _ => json!(["Ingress", "Egress"]),
                    };
                }
                all.push(json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": format!("n{policy}"), "namespace": namespace}, "spec": spec}));
            }
        }
        let mut of_cluster = |kind: &str, name: String, priority: u64, dice: &mut Dice| {
            let baseline = kind == "BaselineAdminNetworkPolicy";
            let subject = match dice.roll(2) {
                0 => json!({"namespaces": dice.selector()}),
                _ => json!({"pods": {"namespaceSelector": dice.selector(), "podSelector": dice.selector()}}),
            };
            let mut spec = json!({"subject": subject});
            if !baseline {
                spec["priority"] = priority.into();
            }
            for (key, peers) in [("ingress", "from"), ("egress", "to")] {
                spec[key] = (0..dice.roll(3)).map(|_| dice.cluster_rule(peers, baseline)).collect();
            }
            all.push(json!({"apiVersion": "policy.networking.k8s.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}));
        };
        for policy in 0..self.roll(3) {
            of_cluster("AdminNetworkPolicy", format!("a{policy}"), 50 - policy, self);
        }
        if self.roll(2) > 0 {
            of_cluster("BaselineAdminNetworkPolicy", "default".into(), 0, self);
        }
        all
    }
}

/// One side of a question, as plain as it can be.
#[derive(Clone, Copy)]
enum Who<'o> {
    Pod(&'o Value),
    Address(IpAddr),
}

/// The evaluator: no classes, no sets, no bounds.
struct Plain<'o>(&'o [Value]);

impl Plain<'_> {
    fn selects(selector: &Value, labels: &Value) -> bool {
        let matched = selector["matchLabels"].as_object().into_iter().flatten();
        matched.into_iter().all(|(key, value)| labels.get(key) == Some(value))
            && selector["matchExpressions"].as_array().into_iter().flatten().all(|one| {
                let own = labels.get(one["key"].as_str().expect("a key"));
                let among =
                    one["values"].as_array().is_some_and(|all| own.is_some_and(|own| all.contains(own)));
                match one["operator"].as_str().expect("an operator") {
                    "In" => among,
                    "NotIn" => !among,
                    "Exists" => own.is_some(),
                    _ => own.is_none(),
                }
            })
    }

    fn namespace_labels(&self, pod: &Value) -> Value {
        let name = &pod["metadata"]["namespace"];
        let own = self.0.iter().find(|one| one["kind"] == "Namespace" && one["metadata"]["name"] == *name);
        own.expect("a namespace")["metadata"]["labels"].clone()
    }

    fn within(cidr: &Value, address: IpAddr) -> bool {
        let (net, bits) = cidr.as_str().expect("a text").split_once('/').expect("a block");
        let bits: u32 = bits.parse().expect("bits");
        match (net.parse().expect("an address"), address) {
            (IpAddr::V4(net), IpAddr::V4(own)) => {
                bits == 0 || (net.to_bits() ^ own.to_bits()) >> (32 - bits) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(own)) => {
                bits == 0 || (net.to_bits() ^ own.to_bits()) >> (128 - bits) == 0
            }
            _ => false,
        }
    }

    fn network_peer(&self, peer: &Value, policy: &Value, who: Who<'_>) -> bool {
        match who {
            Who::Address(address) => {
                let block = &peer["ipBlock"];
                block.is_object()
                    && Self::within(&block["cidr"], address)
                    && !block["except"].as_array().into_iter().flatten().any(|one| Self::within(one, address))
            }
            Who::Pod(pod) => {
                !peer["ipBlock"].is_object()
                    && Self::selects(&peer["podSelector"], &pod["metadata"]["labels"])
                    && if peer["namespaceSelector"].is_object() {
                        Self::selects(&peer["namespaceSelector"], &self.namespace_labels(pod))
                    } else {
                        pod["metadata"]["namespace"] == policy["metadata"]["namespace"]
                    }
            }
        }
    }

    fn subject(&self, subject: &Value, pod: &Value) -> bool {
        let labels = self.namespace_labels(pod);
        if subject["namespaces"].is_object() {
            return Self::selects(&subject["namespaces"], &labels);
        }
        subject["pods"].is_object()
            && Self::selects(&subject["pods"]["namespaceSelector"], &labels)
            && Self::selects(&subject["pods"]["podSelector"], &pod["metadata"]["labels"])
    }

    fn is_named(to: Who<'_>, name: &Value, protocol: &str, port: u64) -> bool {
        let Who::Pod(pod) = to else { return false };
        let ports = pod["spec"]["containers"][0]["ports"].as_array().into_iter().flatten();
        ports
            .into_iter()
            .any(|own| own["name"] == *name && own["containerPort"] == port && own["protocol"] == protocol)
    }

    fn network_port(rule: &Value, to: Who<'_>, protocol: &str, port: u64) -> bool {
        let Some(ports) = rule["ports"].as_array() else { return true };
        ports.iter().any(|own| {
            own["protocol"].as_str().unwrap_or("TCP") == protocol
                && match (&own["port"], own["endPort"].as_u64()) {
                    (Value::Null, _) => true,
                    (Value::String(_), _) => Self::is_named(to, &own["port"], protocol, port),
                    (number, None) => *number == port,
                    (number, Some(end)) => number.as_u64().is_some_and(|first| first <= port && port <= end),
                }
        })
    }

    fn cluster_port(rule: &Value, to: Who<'_>, protocol: &str, port: u64) -> bool {
        let Some(ports) = rule["ports"].as_array() else { return true };
        ports.iter().any(|own| {
            let (one, range) = (&own["portNumber"], &own["portRange"]);
            if one.is_object() {
                return one["protocol"] == protocol && one["port"] == port;
            }
            if range.is_object() {
                let side = |key: &str| range[key].as_u64().expect("a number");
                return range["protocol"] == protocol && side("start") <= port && port <= side("end");
            }
            Self::is_named(to, &own["namedPort"], protocol, port)
        })
    }

    #[expect(clippy::too_many_arguments, reason = "one question")]
    fn tier(
        &self,
        kind: &str,
        own: &Value,
        other: Who<'_>,
        to: Who<'_>,
        egress: bool,
        protocol: &str,
        port: u64,
    ) -> Option<bool> {
        let (key, peers) = if egress { ("egress", "to") } else { ("ingress", "from") };
        let mut policies: Vec<&Value> = self.0.iter().filter(|one| one["kind"] == kind).collect();
        policies.sort_by_key(|one| one["spec"]["priority"].as_u64());
        for policy in policies {
            if !self.subject(&policy["spec"]["subject"], own) {
                continue;
            }
            for rule in policy["spec"][key].as_array().into_iter().flatten() {
                let about = rule[peers].as_array().expect("peers").iter().any(|peer| match other {
                    Who::Pod(pod) => self.subject(peer, pod),
                    Who::Address(address) => peer["networks"]
                        .as_array()
                        .is_some_and(|all| all.iter().any(|one| Self::within(one, address))),
                });
                if about && Self::cluster_port(rule, to, protocol, port) {
                    match rule["action"].as_str().expect("an action") {
                        "Allow" => return Some(true),
                        "Deny" => return Some(false),
                        _ => return None,
                    }
                }
            }
        }
        None
    }

    fn side(&self, own: Who<'_>, other: Who<'_>, egress: bool, protocol: &str, port: u64) -> bool {
        let Who::Pod(pod) = own else { return true };
        let to = if egress { other } else { own };
        if let Some(answer) = self.tier("AdminNetworkPolicy", pod, other, to, egress, protocol, port) {
            return answer;
        }
        let (key, peers, kind) =
            if egress { ("egress", "to", "Egress") } else { ("ingress", "from", "Ingress") };
        let mut isolated = false;
        for policy in self.0.iter().filter(|one| one["kind"] == "NetworkPolicy") {
            let spec = &policy["spec"];
            let about = match spec["policyTypes"].as_array() {
                Some(types) => types.contains(&kind.into()),
                None => !egress || spec["egress"].is_array(),
            };
            if !about
                || policy["metadata"]["namespace"] != pod["metadata"]["namespace"]
                || !Self::selects(&spec["podSelector"], &pod["metadata"]["labels"])
            {
                continue;
            }
            isolated = true;
            for rule in spec[key].as_array().into_iter().flatten() {
                let whom = rule[peers].as_array();
                let fits =
                    whom.is_none_or(|list| list.iter().any(|peer| self.network_peer(peer, policy, other)));
                if fits && Self::network_port(rule, to, protocol, port) {
                    return true;
                }
            }
        }
        if isolated {
            return false;
        }
        self.tier("BaselineAdminNetworkPolicy", pod, other, to, egress, protocol, port).unwrap_or(true)
    }

    fn allows(&self, from: Who<'_>, to: Who<'_>, protocol: &str, port: u64) -> bool {
        self.side(from, to, true, protocol, port) && self.side(to, from, false, protocol, port)
    }
}

const ADDRESSES: [&str; 5] = ["8.8.8.8", "10.1.2.3", "10.200.0.1", "169.254.169.254", "2001:db8::1"];

/// Every question that there is to ask: who, whom, and what the plain evaluator says of each port.
fn every_question(objects: &[Value], mut each: impl FnMut(&Value, &str, Who<'_>, Who<'_>)) {
    let addresses: Vec<Value> = ADDRESSES.iter().map(|text| json!(text)).collect();
    let pods: Vec<&Value> = objects.iter().filter(|one| one["kind"] == "Pod").chain(&addresses).collect();
    let who = |one: &'_ Value| -> String {
        match one.as_str() {
            Some(address) => address.to_owned(),
            None => {
                let text = |key: &str| one["metadata"][key].as_str().expect("a text").to_owned();
                format!("{}/Pod/{}", text("namespace"), text("name"))
            }
        }
    };
    for from in &pods {
        for to in pods.iter().filter(|to| !from.is_string() || !to.is_string()) {
            if from == to {
                continue;
            }
            let side = |one: &'_ Value| one.as_str().map(|text| text.parse::<IpAddr>().expect("an address"));
            let whom = |one| side(one).map_or(Who::Pod(one), Who::Address);
            each(&json!(who(from)), &who(to), whom(from), whom(to));
        }
    }
}

fn peer(all: &Reachability<'_>, name: &str) -> usize {
    match all.end(name).expect(name) {
        End::Workloads(at) => all.names[at[0]].classes[0],
        End::Outside(at) => all.engine.outside_peer(at[0]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_answers_are_those_of_the_plain_evaluator(seed: u64) {
        let objects = Dice(seed).objects();
        let cluster = cluster(&objects);
        prop_assert!(cluster.problems.is_empty());
        let mut all = Reachability::new(&cluster).expect("small");
        prop_assert_eq!(all.problems(), Vec::new());
        let plain = Plain(&objects);
        every_question(&objects, |from, to, who, whom| {
            let (one, other) = (peer(&all, from.as_str().expect("a name")), peer(&all, to));
            let answer = all.engine.between(one, other);
            assert_eq!(answer.sure, answer.possible, "{from} {to}");
            for (protocol, word) in [(Protocol::Tcp, "TCP"), (Protocol::Udp, "UDP"), (Protocol::Sctp, "SCTP")] {
                for port in [1, 53, 79, 80, 81] {
                    let expected = plain.allows(who, whom, word, u64::from(port));
                    let got = all.engine.sets.holds(answer.sure, protocol, port);
                    assert_eq!(got, expected, "{from} => {to} {word} {port}\n{objects:#?}");
                }
            }
        });
        // What is said of the reasons is what is said of the answer.
        for class in 0..all.engine.classes.len() {
            for direction in [Direction::Ingress, Direction::Egress] {
                for other in 0..all.engine.unknown_pod() {
                    let mut allowed = NONE;
                    for reason in all.engine.reasons(class, direction, other) {
                        if reason.answer == Some(true) && !reason.passed {
                            allowed = all.engine.sets.or(allowed, reason.ports);
                        }
                    }
                    prop_assert_eq!(allowed, all.engine.side(class, direction, other).sure);
                }
            }
        }
    }

    /// A policy that cannot be read may be any: what it was is within the bounds, and nothing is unknown that it is not about.
    #[test]
    fn a_broken_policy_makes_unknown_what_it_is_about_and_nothing_else(seed: u64, which: u64, how: u64) {
        let objects = Dice(seed).objects();
        let policies: Vec<usize> =
            (0..objects.len()).filter(|at| objects[*at]["kind"].as_str().is_some_and(|kind| kind.ends_with("Policy"))).collect();
        prop_assume!(!policies.is_empty());
        let mut dice = Dice(which);
        let at = policies[usize::try_from(dice.roll(policies.len() as u64)).expect("small")];
        let mut broken = objects.clone();
        let spec = &mut broken[at]["spec"];
        let of_cluster = !spec["subject"].is_null();
        match how % 3 {
            0 if of_cluster => spec["subject"] = json!({"namespaces": {"a": 1}}),
            0 => spec["podSelector"] = json!({"a": 1}),
            1 if spec["ingress"][0].is_object() => spec["ingress"][0]["ports"] = json!([7]),
            1 => spec["ingress"] = json!(7),
            _ if spec["egress"][0].is_object() => spec["egress"][0]["to"] = json!([{"namespaces": 7}]),
            _ => spec["egress"] = json!({"a": "b"}),
        }
        let cluster = cluster(&broken);
        let mut all = Reachability::new(&cluster).expect("small");
        // Rules of a direction that the policy is not about are not looked at.
        let unread = all.problems().is_empty();
        prop_assert!(!unread || how % 3 != 0);
        let plain = Plain(&objects);
        let namespace = objects[at]["metadata"]["namespace"].as_str().map(|name| format!("{name}/"));
        every_question(&objects, |from, to, who, whom| {
            let from = from.as_str().expect("a name");
            let (one, other) = (peer(&all, from), peer(&all, to));
            let answer = all.engine.between(one, other);
            let touched = !unread && namespace.as_ref().is_none_or(|own| from.starts_with(own) || to.starts_with(own));
            assert!(touched || answer.sure == answer.possible, "{from} {to}");
            for port in [1, 53, 79, 80, 81] {
                let expected = plain.allows(who, whom, "TCP", u64::from(port));
                let sure = all.engine.sets.holds(answer.sure, Protocol::Tcp, port);
                let possible = all.engine.sets.holds(answer.possible, Protocol::Tcp, port);
                assert!((!sure || expected) && (!expected || possible), "{from} => {to} {port}: {sure} {expected} {possible}\n{objects:#?}\n{broken:#?}");
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// What the fuzz target runs, on clusters with bytes and values that do not belong there.
    #[test]
    fn damaged_objects_are_no_panic(seed: u64, at: u16, byte: u8, swaps in prop::collection::vec((0_u8..8, 0_u8..8), 0..3)) {
        const VALUES: [&str; 8] = ["null", "7", "\"x\"", "[]", "{}", "[{}]", "{\"a\":[1]}", "-1"];
        let documents: Vec<String> = Dice(seed).objects().iter().map(ToString::to_string).collect();
        let mut text = documents.join("\n---\n");
        for (key, value) in swaps {
            let key = ["spec", "ingress", "ports", "podSelector", "metadata", "subject", "to", "priority"][usize::from(key)];
            text = text.replacen(&format!("\"{key}\":"), &format!("\"{key}\": {}, \"x\":", VALUES[usize::from(value)]), 2);
        }
        crate::fuzz::fuzz_cluster(text.as_bytes());
        let mut bytes = text.into_bytes();
        let at = usize::from(at) % bytes.len();
        bytes[at] = byte;
        crate::fuzz::fuzz_cluster(&bytes);
    }
}

#[test]
fn what_leads_in_is_told_with_whether_policies_let_it() {
    let labels = json!({"app": "web"});
    let cluster = cluster(&[
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"name": "http", "containerPort": 8080}]}]}}}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"type": "LoadBalancer", "selector": labels, "ports": [{"port": 80, "targetPort": "http"}, {"port": 9090}]}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"rules": [{"host": "shop.example", "http": {"paths": [{"backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 8080}]}]}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "idle", "namespace": "shop"}, "spec": {"podSelector": {"matchLabels": {"app": "gone"}}}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare", "namespace": "other"}, "spec": {"hostNetwork": true, "containers": [{"name": "c", "image": "i"}]}}),
    ]);
    let mut all = Reachability::new(&cluster).expect("small");
    let reach = all.whole(&ClusterInfo::default(), 100);
    let told: Vec<_> = reach
        .exposures
        .iter()
        .map(|one| (one.by.as_str(), one.object.as_str(), one.ports.allowed.as_str(), one.ports.answer))
        .collect();
    // The block is outside of the cluster, where the controller of the Ingress may be, or not: that is not known.
    assert_eq!(
        told,
        [
            ("Ingress", "shop/web", "none", Reached::Unknown),
            ("LoadBalancer", "shop/web", "TCP 8080", Reached::Allowed),
        ]
    );
    assert_eq!(reach.exposures[0].hosts, ["shop.example"]);
    assert_eq!(reach.namespaces_without_policy, ["other"]);
    assert_eq!(
        reach.policies.iter().map(|note| note.policy.as_str()).collect::<Vec<_>>(),
        ["NetworkPolicy shop/idle"]
    );
    let web = reach.workloads.iter().find(|one| one.name == "shop/Deployment/web").expect("web");
    assert_eq!(
        (web.internet.answer, web.metadata.answer, web.api_server.answer),
        (Reached::Allowed, Reached::Allowed, Reached::Allowed)
    );
    assert_eq!((web.ingress_policies, web.egress_policies), (1, 0));
    // Without the right to list policies nothing is sure, and why is told.
    let mut without = cluster;
    without.missing.insert("NetworkPolicy".into(), "forbidden".into());
    let mut all = Reachability::new(&without).expect("small");
    let reach = all.whole(&ClusterInfo::default(), 100);
    assert_eq!(reach.verdict, Outcome::Unknown);
    assert_eq!(reach.missing[0].reason, "forbidden");
    let web = reach.workloads.iter().find(|one| one.name == "shop/Deployment/web").expect("web");
    assert_eq!(web.internet.answer, Reached::Unknown);
}

#[test]
fn what_comes_and_goes_is_told_by_ports_and_addresses() {
    let pod = |name: &str| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let policy = |spec: Value| json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "n", "namespace": "shop"}, "spec": spec});
    let before = cluster(&[
        pod("a"),
        pod("b"),
        policy(
            json!({"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 80}]}]}),
        ),
    ]);
    let after = cluster(&[
        pod("a"),
        pod("b"),
        pod("c"),
        policy(
            json!({"podSelector": {"matchLabels": {"app": "b"}}, "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 81}]}, {"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}),
        ),
    ]);
    let (mut one, mut other) =
        (Reachability::new(&before).expect("small"), Reachability::new(&after).expect("small"));
    let info = ClusterInfo::default();
    let changes = diff((&mut one, &info), (&mut other, &info), 1_000);
    assert_eq!(changes.verdict, Outcome::NotMet);
    assert_eq!((changes.came, changes.went), (vec!["shop/Pod/c".to_owned()], Vec::new()));
    let find = |from: &str, to: &str| {
        let change = changes.changes.iter().find(|change| change.from == from && change.to == to);
        change.map(|change| (change.gained.as_str(), change.lost.as_str()))
    };
    assert_eq!(find("shop/Pod/a", "shop/Pod/b"), Some(("TCP 81", "TCP 80")));
    assert_eq!(find("10.0.0.0/8", "shop/Pod/b"), Some(("all", "none")));
    assert_eq!(find("shop/Pod/a", "0.0.0.0/0"), None);
    let (mut one, mut same) =
        (Reachability::new(&before).expect("small"), Reachability::new(&before).expect("small"));
    let nothing = diff((&mut one, &info), (&mut same, &info), 1_000);
    assert_eq!((nothing.verdict, nothing.changes.len()), (Outcome::Met, 0));
}
