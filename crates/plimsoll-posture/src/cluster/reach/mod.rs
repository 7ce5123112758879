//! Who may reach whom: between workloads, to and from addresses outside, and through what leads into the cluster.
//!
//! Policies of every kind are taken together as networks do that enforce them as Kubernetes describes. Blocks of addresses are
//! taken as outside of the cluster, as the documentation of NetworkPolicy says they should be.

mod bits;
mod diff;
mod engine;
pub(crate) mod exposure;
mod outside;
mod ports;
pub(crate) mod proof;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use plimsoll_model::audit::{ClusterInfo, Missing};
use plimsoll_model::reach::{
    Connection, PolicyNote, Ports, REACH_VERSION, Reach, ReachAnswer, ReachQuery, ReachReason, ReachSummary,
    ReachWorkload, Reached,
};
use plimsoll_model::{Outcome, Problem, ProblemKind, shortened};

use self::bits::Bits;
use self::engine::{Answer, By, Direction, Engine, Reason};
use self::outside::Place;
use self::ports::{NONE, Set};
use super::{Addresses, Cluster, Origin, Protocol};

pub use diff::diff;

/// The cluster is so large that the answers would not fit into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cluster is too large: its policies tell too many pods apart")]
pub struct TooLarge;

/// One end of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Workloads, by their place among all names.
    Workloads(Vec<usize>),
    /// Ranges of addresses outside.
    Outside(Vec<usize>),
}

/// A port that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedPort {
    /// Its protocol.
    pub protocol: Protocol,
    /// Its number.
    pub number: u16,
}

impl std::fmt::Display for AskedPort {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.protocol.word(), self.number)
    }
}

impl std::str::FromStr for AskedPort {
    type Err = String;

    /// Reads `80`, `tcp/80`, `udp/53`.
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{}` is no port: 443, tcp/443, udp/53", shortened(text));
        let (protocol, number) = text.split_once('/').unwrap_or(("tcp", text));
        let protocol = Protocol::of(&protocol.to_ascii_uppercase()).ok_or_else(refuse)?;
        let number: u16 = number.parse().map_err(|_| refuse())?;
        if number == 0 { Err(refuse()) } else { Ok(AskedPort { protocol, number }) }
    }
}

/// All workloads of one name.
struct Name {
    shown: String,
    classes: Vec<usize>,
    workloads: Vec<usize>,
}

/// Kinds of lists that answers depend on.
const NEEDED: &[&str] = &[
    "Pod",
    "Namespace",
    "NetworkPolicy",
    "AdminNetworkPolicy",
    "BaselineAdminNetworkPolicy",
    "ClusterNetworkPolicy",
    "Service",
    "Ingress",
    "Gateway",
    "HTTPRoute",
    "GRPCRoute",
    "TLSRoute",
    "TCPRoute",
    "UDPRoute",
    "Route",
    "EndpointSlice",
];

/// Ranges outside, by what is there.
struct Places {
    internet: Bits,
    metadata: Bits,
    api_server: Bits,
    /// Where an API server may be whose address is not known.
    anywhere: Bits,
    /// Those of them with addresses of IPv4.
    anywhere_v4: Bits,
}

impl Places {
    fn of(engine: &Engine<'_>) -> Self {
        let anywhere =
            |range: &outside::Outside| matches!(range.place, Place::Internet | Place::Private | Place::Node);
        Places {
            internet: engine.ranges_of(|range| range.place == Place::Internet),
            metadata: engine.ranges_of(|range| range.place == Place::Metadata),
            api_server: engine.ranges_of(|range| range.place == Place::ApiServer),
            anywhere: engine.ranges_of(anywhere),
            anywhere_v4: engine.ranges_of(|range| anywhere(range) && !range.addresses.v6),
        }
    }
}

/// Adds a range, to the one before where both are one.
fn join(all: &mut Vec<(Addresses, Answer)>, addresses: Addresses, answer: Answer) {
    match all.last_mut() {
        Some((before, same))
            if *same == answer
                && before.v6 == addresses.v6
                && before.last.wrapping_add(1) == addresses.first =>
        {
            before.last = addresses.last;
        }
        _ => all.push((addresses, answer)),
    }
}

/// The answers of a cluster.
pub struct Reachability<'c> {
    cluster: &'c Cluster,
    engine: Engine<'c>,
    names: Vec<Name>,
    /// Names by namespace.
    by_namespace: HashMap<&'c str, Vec<usize>>,
    /// Classes of the programs that take what comes in for Ingress and gateways.
    controllers: Vec<usize>,
}

impl<'c> Reachability<'c> {
    /// Decides who may reach whom.
    ///
    /// # Errors
    /// When the answers would not fit into memory.
    pub fn new(cluster: &'c Cluster) -> Result<Self, TooLarge> {
        let engine = Engine::new(cluster).ok_or(TooLarge)?;
        let mut names: Vec<Name> = Vec::new();
        let mut known: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
        let mut by_namespace: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, workload) in cluster.workloads.iter().enumerate() {
            let key = (workload.namespace.as_ref(), workload.kind.as_ref(), workload.name.as_ref());
            let at = *known.entry(key).or_insert_with(|| {
                by_namespace.entry(key.0).or_default().push(names.len());
                names.push(Name { shown: workload.shown(), classes: Vec::new(), workloads: Vec::new() });
                names.len() - 1
            });
            let class = engine.class_of[index];
            if !names[at].classes.contains(&class) {
                names[at].classes.push(class);
            }
            names[at].workloads.push(index);
        }
        let controllers = exposure::controllers(&engine);
        Ok(Reachability { cluster, engine, names, by_namespace, controllers })
    }

    /// Classes of pods that policies tell apart, and rows that were decided.
    pub fn size(&self) -> (usize, usize) {
        (self.engine.classes.len(), self.names.len())
    }

    /// All workloads as they are named, each with its places among those of the cluster.
    pub(crate) fn workloads(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.names.iter().map(|name| (name.shown.as_str(), name.workloads.as_slice()))
    }

    /// What one of them may send to another.
    pub(crate) fn connects(&mut self, from: usize, to: usize) -> Ports {
        let answer = self.pair(from, to);
        self.shown(answer)
    }

    /// What one name may send to another.
    fn pair(&mut self, from: usize, to: usize) -> Answer {
        let mut all = Answer::NOTHING;
        for at in 0..self.names[from].classes.len() {
            for beside in 0..self.names[to].classes.len() {
                let (from, to) = (self.names[from].classes[at], self.names[to].classes[beside]);
                let answer = self.engine.between(from, to);
                all = all.or(answer, &mut self.engine.sets);
            }
        }
        all
    }

    /// The classes that a name may send something to, by its own side, and that take something from it, where that is known.
    fn sent_to(&self, from: usize, takers: Option<&[Bits]>) -> Bits {
        let mut all = Bits::none(self.engine.classes.len());
        for class in &self.names[from].classes {
            for (answer, peers) in self.engine.row(*class, Direction::Egress).parts() {
                match takers {
                    _ if answer.possible == NONE => {}
                    Some(takers) => all.add(&peers.and(&takers[*class])),
                    None => all.add(peers),
                }
            }
        }
        all
    }

    fn shown(&mut self, answer: Answer) -> Ports {
        let sets = &mut self.engine.sets;
        let unknown = sets.minus(answer.possible, answer.sure);
        Ports {
            answer: Reached::of(answer.sure != NONE, answer.possible != NONE),
            allowed: sets.shown(answer.sure),
            unknown: (unknown != NONE).then(|| sets.shown(unknown)),
        }
    }

    /// What a name may send to, or take from, each range outside; neighbours with one answer are one.
    fn outside(&mut self, name: usize, direction: Direction) -> Vec<(Addresses, Answer)> {
        let mut all = Vec::new();
        for (at, answer) in self.told(name, direction) {
            join(&mut all, self.engine.outside[at].addresses, answer);
        }
        all
    }

    /// The same, with the ranges that nothing is sent to.
    fn outside_all(&mut self, name: usize, direction: Direction) -> Vec<(Addresses, Answer)> {
        let mut all = Vec::new();
        let mut told = self.told(name, direction).into_iter().peekable();
        for (at, range) in self.engine.outside.iter().enumerate() {
            let answer = told.next_if(|(told, _)| *told == at).map_or(Answer::NOTHING, |(_, answer)| answer);
            join(&mut all, range.addresses, answer);
        }
        all
    }

    /// The ranges outside that a name may send something to, or take something from, by their places and in order.
    fn told(&mut self, name: usize, direction: Direction) -> Vec<(usize, Answer)> {
        let (first, unknown) = (self.engine.outside_peer(0), self.engine.unknown_pod());
        let mut found: Vec<(usize, Answer)> = Vec::new();
        for class in &self.names[name].classes {
            for (answer, peers) in self.engine.row(*class, direction).parts() {
                if answer.possible != NONE {
                    let ranges = peers.iter_from(first).take_while(|peer| *peer < unknown);
                    found.extend(ranges.map(|peer| (peer - first, *answer)));
                }
            }
        }
        found.sort_by_key(|(at, _)| *at);
        let sets = &mut self.engine.sets;
        let whole = |all: &[(usize, Answer)]| {
            (all[0].0, all.iter().fold(Answer::NOTHING, |whole, (_, own)| whole.or(*own, sets)))
        };
        found.chunk_by(|one, other| one.0 == other.0).map(whole).collect()
    }

    /// What a name may send to some ranges outside.
    fn ranges(&mut self, name: usize, ranges: &Bits) -> Answer {
        let mut all = Answer::NOTHING;
        for at in 0..self.names[name].classes.len() {
            let row = self.engine.row(self.names[name].classes[at], Direction::Egress);
            let answers: Vec<Answer> = row
                .parts()
                .iter()
                .filter(|(_, peers)| peers.meets(ranges))
                .map(|(answer, _)| *answer)
                .collect();
            for answer in answers {
                all = all.or(answer, &mut self.engine.sets);
            }
        }
        all
    }

    /// What a name may send to the API server: where its address is not known, only what goes everywhere is sure.
    fn api_server(&mut self, name: usize, places: &Places) -> Answer {
        if !self.cluster.api_server.is_empty() {
            return self.ranges(name, &places.api_server);
        }
        let mut all = Answer::NOTHING;
        for at in 0..self.names[name].classes.len() {
            let (mut sure, mut possible) = (ports::ALL, NONE);
            let row = self.engine.row(self.names[name].classes[at], Direction::Egress);
            let answers: Vec<(Answer, bool)> = row
                .parts()
                .iter()
                .filter(|(_, peers)| peers.meets(&places.anywhere))
                // An API server has an address of one family.
                .map(|(answer, peers)| (*answer, peers.meets(&places.anywhere_v4)))
                .collect();
            for (answer, v4) in answers {
                if v4 {
                    sure = self.engine.sets.and(sure, answer.sure);
                }
                possible = self.engine.sets.or(possible, answer.possible);
            }
            all = all.or(Answer { sure, possible }, &mut self.engine.sets);
        }
        all
    }

    /// The whole cluster, with at most `most` connections.
    pub fn whole(&mut self, info: &ClusterInfo, most: usize) -> Reach {
        let mut summary = ReachSummary {
            workloads: self.names.len() as u64,
            pods: self.cluster.workloads.iter().map(|workload| u64::from(workload.pods)).sum(),
            namespaces: self.namespaces().len() as u64,
            policies: (self.cluster.network_policies.len() + self.cluster.cluster_policies.len()) as u64,
            ..ReachSummary::default()
        };
        let mut connections = Vec::new();
        let mut left_out = 0;
        let count = self.names.len() as u64;
        summary.pairs = count * count.saturating_sub(1);
        // Most pairs of a large cluster with policies are none: only those are looked at of which either side may allow it.
        let takers = self.engine.takers();
        let mut names_of: Vec<Vec<usize>> = vec![Vec::new(); self.engine.classes.len()];
        for (at, name) in self.names.iter().enumerate() {
            for class in &name.classes {
                names_of[*class].push(at);
            }
        }
        let mut perhaps: Vec<usize> = Vec::new();
        for from in 0..self.names.len() {
            let sent_to = self.sent_to(from, takers.as_deref());
            perhaps.clear();
            perhaps.extend(sent_to.iter().flat_map(|class| &names_of[class]).filter(|to| **to != from));
            perhaps.sort_unstable();
            perhaps.dedup();
            for to in perhaps.drain(..) {
                let answer = self.pair(from, to);
                if answer.possible == NONE {
                    continue;
                }
                if answer.sure == NONE {
                    summary.unknown += 1;
                } else {
                    summary.allowed += 1;
                }
                if connections.len() < most {
                    let (from, to) = (self.names[from].shown.clone(), self.names[to].shown.clone());
                    connections.push(Connection { from, to, ports: self.shown(answer) });
                } else {
                    left_out += 1;
                }
            }
        }
        for name in 0..self.names.len() {
            for direction in [Direction::Ingress, Direction::Egress] {
                for (addresses, answer) in self.outside(name, direction) {
                    if connections.len() >= most {
                        left_out += 1;
                        continue;
                    }
                    let (own, other) = (self.names[name].shown.clone(), addresses.to_string());
                    let (from, to) =
                        if direction == Direction::Ingress { (other, own) } else { (own, other) };
                    connections.push(Connection { from, to, ports: self.shown(answer) });
                }
            }
        }
        connections.sort();
        let places = Places::of(&self.engine);
        let workloads = (0..self.names.len()).map(|name| self.workload(name, &places)).collect();
        let exposures = self.exposures();
        let (missing, problems) = (self.missing(), self.problems());
        Reach {
            schema_version: REACH_VERSION.into(),
            plimsoll: env!("CARGO_PKG_VERSION").into(),
            cluster: info.clone(),
            verdict: verdict(&missing, &problems, summary.unknown > 0),
            summary,
            exposures,
            workloads,
            namespaces_without_policy: self.without_policy(),
            without_policy_whose: BTreeMap::new(),
            policies: self.policy_notes(),
            connections,
            connections_left_out: left_out,
            notes: self.notes(),
            missing,
            problems,
        }
    }

    fn namespaces(&self) -> BTreeSet<&'c str> {
        self.cluster.workloads.iter().map(|workload| workload.namespace.as_ref()).collect()
    }

    fn workload(&mut self, name: usize, places: &Places) -> ReachWorkload {
        let own = &self.names[name];
        let policies = |direction: Direction| -> u64 {
            let all: BTreeSet<By> = own
                .classes
                .iter()
                .flat_map(|class| self.engine.policies(*class, direction))
                .map(|(by, _)| *by)
                .collect();
            all.len() as u64
        };
        let (ingress_policies, egress_policies) = (policies(Direction::Ingress), policies(Direction::Egress));
        let of = |index: &usize| &self.cluster.workloads[*index];
        let pods = own.workloads.iter().map(|index| u64::from(of(index).pods)).sum();
        let host_network = own.workloads.iter().any(|index| of(index).host_network);
        let shown = own.shown.clone();
        let internet = self.ranges(name, &places.internet);
        let metadata = self.ranges(name, &places.metadata);
        let api_server = self.api_server(name, places);
        ReachWorkload {
            name: shown,
            pods,
            host_network,
            ingress_policies,
            egress_policies,
            internet: self.shown(internet),
            metadata: self.shown(metadata),
            api_server: self.shown(api_server),
        }
    }

    /// Namespaces with a workload of which no policy takes any.
    fn without_policy(&self) -> Vec<String> {
        let mut bare = self.namespaces();
        for (class, own) in self.engine.classes.iter().enumerate() {
            let any = |direction| !self.engine.policies(class, direction).is_empty();
            if any(Direction::Ingress) || any(Direction::Egress) {
                bare.remove(self.cluster.workloads[own.workload].namespace.as_ref());
            }
        }
        bare.into_iter().map(str::to_owned).collect()
    }

    /// Policies that take nothing, or cannot be read.
    fn policy_notes(&self) -> Vec<PolicyNote> {
        let mut used: BTreeSet<By> = BTreeSet::new();
        for class in 0..self.engine.classes.len() {
            for direction in [Direction::Ingress, Direction::Egress] {
                used.extend(self.engine.policies(class, direction).iter().map(|(by, _)| *by));
            }
        }
        let mut notes = Vec::new();
        let network = self.cluster.network_policies.iter().enumerate();
        for (at, policy) in network {
            let (ingress, egress) = (policy.ingress.is_some(), policy.egress.is_some());
            if !used.contains(&By::Network(at)) && (ingress || egress) {
                let detail = "it selects no workload".to_owned();
                notes.push(PolicyNote { policy: self.policy(By::Network(at)), detail });
            }
        }
        for (at, policy) in self.cluster.cluster_policies.iter().enumerate() {
            let says = !policy.ingress.is_empty() || !policy.egress.is_empty();
            if says && !used.contains(&By::Cluster(at)) {
                let detail = "it selects no workload".to_owned();
                notes.push(PolicyNote { policy: self.policy(By::Cluster(at)), detail });
            }
        }
        notes.sort();
        notes
    }

    fn policy(&self, by: By) -> String {
        match by {
            By::Network(at) => {
                let policy = self.engine.network_policy(at);
                format!("NetworkPolicy {}/{}", shortened(&policy.namespace), shortened(&policy.name))
            }
            By::Cluster(at) => match self.cluster.cluster_policies.get(at) {
                Some(policy) => format!("{} {}", policy.kind, shortened(&policy.name)),
                None => "policies of the cluster".into(),
            },
        }
    }

    /// What is assumed, or not enforced.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let hosts = self.engine.classes.iter().filter(|class| class.host).count();
        if hosts > 0 {
            let what = if hosts == 1 { "workload is" } else { "workloads are" };
            notes.push(format!("{hosts} {what} in the network of the node, to which policies do not apply"));
        }
        if self.cluster.origin == Origin::Manifests {
            notes.push("these are manifests: what else is in the cluster is not looked at".into());
            let unseen = self
                .namespaces()
                .into_iter()
                .filter(|name| self.cluster.namespaces.get(*name).is_none_or(|namespace| !namespace.seen));
            let unseen: Vec<&str> = unseen.collect();
            let by_labels = self.engine.asks_for_namespace_labels();
            if !unseen.is_empty() && by_labels {
                notes.push(format!("labels of {} are not among them", few(&unseen)));
            }
        }
        notes
    }

    /// What could not be seen, of what answers depend on.
    pub(crate) fn missing(&self) -> Vec<Missing> {
        let mut missing: Vec<Missing> =
            self.cluster.lacks(NEEDED).map(|(kind, reason)| Cluster::lack(kind, reason, true)).collect();
        missing.sort();
        missing
    }

    /// What could not be read: objects, and policies that the API would have refused.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = self.cluster.problems.clone();
        let mut add = |policy: String, source: Option<&str>, faults: &mut dyn Iterator<Item = &str>| {
            for fault in faults {
                let place = source.map_or(policy.clone(), |source| format!("{policy} ({source})"));
                let detail = format!("{fault}; what it decides is unknown");
                problems.push(Problem::incomplete(ProblemKind::Corrupt, place, detail));
            }
        };
        for (at, policy) in self.cluster.network_policies.iter().enumerate() {
            add(self.policy(By::Network(at)), policy.source.as_deref(), &mut policy.faults());
        }
        let mut priorities: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (at, policy) in self.cluster.cluster_policies.iter().enumerate() {
            add(self.policy(By::Cluster(at)), policy.source.as_deref(), &mut policy.faults());
            priorities.entry((policy.tier, policy.priority, &policy.kind)).or_default().push(at);
        }
        for list in priorities.values().filter(|list| list.len() > 1) {
            let all: Vec<String> = list.iter().map(|at| self.policy(By::Cluster(*at))).collect();
            let detail = "they have one priority: which is asked first is not defined";
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            problems.push(Problem::incomplete(ProblemKind::Corrupt, few(&all), detail));
        }
        problems.sort();
        problems.dedup();
        problems
    }

    /// What somebody names: `NAMESPACE/KIND/NAME`, `NAMESPACE/NAME`, `NAMESPACE/`, `internet`, `metadata`, `api-server`, an
    /// address or a block of addresses.
    ///
    /// # Errors
    /// When nothing is called so; with what is near.
    pub fn end(&self, text: &str) -> Result<End, String> {
        let place = match text {
            "internet" => Some(Place::Internet),
            "metadata" => Some(Place::Metadata),
            "api-server" => Some(Place::ApiServer),
            _ => None,
        };
        let ranges = |fits: &dyn Fn(&outside::Outside) -> bool| -> Vec<usize> {
            let all = self.engine.outside.iter().enumerate();
            all.filter(|(_, range)| fits(range)).map(|(at, _)| at).collect()
        };
        if let Some(place) = place {
            let all = ranges(&|range| range.place == place);
            if all.is_empty() {
                return Err("the address of the API server is not known: give it as an address".into());
            }
            return Ok(End::Outside(all));
        }
        let address = text.parse::<std::net::IpAddr>().ok();
        if let Some(address) = address {
            let has = |name: &&Name| {
                name.workloads.iter().any(|index| self.cluster.workloads[*index].addresses.contains(&address))
            };
            if let Some(at) = self.names.iter().position(|name| has(&name)) {
                return Ok(End::Workloads(vec![at]));
            }
        }
        if let Some(block) = address.map(Addresses::one).or_else(|| Addresses::read(text).ok()) {
            return Ok(End::Outside(ranges(&|range| range.addresses.meets(block))));
        }
        let parts: Vec<&str> = text.split('/').collect();
        let fits = |name: &Name| {
            let workload = &self.cluster.workloads[name.workloads[0]];
            match parts.as_slice() {
                [namespace, ""] => workload.namespace.as_ref() == *namespace,
                [namespace, own] => {
                    workload.namespace.as_ref() == *namespace && workload.name.as_ref() == *own
                }
                [namespace, kind, own] => {
                    workload.namespace.as_ref() == *namespace
                        && workload.kind.eq_ignore_ascii_case(kind)
                        && workload.name.as_ref() == *own
                }
                _ => workload.name.as_ref() == text,
            }
        };
        let all: Vec<usize> =
            self.names.iter().enumerate().filter(|(_, name)| fits(name)).map(|(at, _)| at).collect();
        if !all.is_empty() {
            return Ok(End::Workloads(all));
        }
        let last = parts.last().copied().unwrap_or_default();
        let near: Vec<&str> = self
            .names
            .iter()
            .map(|name| name.shown.as_str())
            .filter(|shown| {
                !last.is_empty() && shown.contains(last) || shown.split('/').next() == parts.first().copied()
            })
            .take(5)
            .collect();
        let near = if near.is_empty() { String::new() } else { format!("; there is {}", few(&near)) };
        Err(format!("no workload is called `{}`{near}", shortened(text)))
    }

    /// Everything that one end may send to the other, with why. At most `most` answers.
    pub fn ask(
        &mut self,
        (from, from_end): (&str, &End),
        (to, to_end): (&str, &End),
        port: Option<AskedPort>,
        info: &ClusterInfo,
        most: usize,
    ) -> ReachQuery {
        let asked = match port {
            Some(port) => self.engine.sets.of(port.protocol, port.number, port.number),
            None => ports::ALL,
        };
        let mut answers: Vec<ReachAnswer> = Vec::new();
        // The ranges that an answer is for: those about which the same is said, for the same reasons, are one answer.
        let mut ranges: Vec<Vec<Addresses>> = Vec::new();
        let mut left_out = 0;
        let mut undecided = false;
        let several = matches!((from_end, to_end), (End::Workloads(one), End::Workloads(other)) if one.len() + other.len() > 2);
        for (from_shown, from_peers, from_range) in self.peers(from_end) {
            for (to_shown, to_peers, to_range) in self.peers(to_end) {
                if several && from_shown == to_shown {
                    continue;
                }
                let answer = self.answer(&from_shown, &from_peers, &to_shown, &to_peers, asked);
                undecided |= answer.connection.ports.answer == Reached::Unknown;
                let Some(range) = from_range.or(to_range) else {
                    if answers.len() < most {
                        answers.push(answer);
                        ranges.push(Vec::new());
                    } else {
                        left_out += 1;
                    }
                    continue;
                };
                let same = answers.iter().zip(&ranges).rposition(|(before, _)| {
                    before.connection.ports == answer.connection.ports
                        && (&before.egress, &before.ingress) == (&answer.egress, &answer.ingress)
                        && (from_range.is_some() || before.connection.from == answer.connection.from)
                        && (to_range.is_some() || before.connection.to == answer.connection.to)
                });
                match same {
                    Some(at) => match ranges[at].last_mut() {
                        Some(last) if last.v6 == range.v6 && last.last.wrapping_add(1) == range.first => {
                            last.last = range.last;
                        }
                        _ => ranges[at].push(range),
                    },
                    None if answers.len() < most => {
                        answers.push(answer);
                        ranges.push(vec![range]);
                    }
                    None => left_out += 1,
                }
            }
        }
        for (answer, ranges) in answers.iter_mut().zip(&ranges).filter(|(_, ranges)| !ranges.is_empty()) {
            let (side, end, asked) = match (from_end, to_end) {
                (End::Outside(_), _) => (&mut answer.connection.from, from_end, from),
                _ => (&mut answer.connection.to, to_end, to),
            };
            let whole = self.merged(end);
            let shown: Vec<String> = ranges.iter().map(ToString::to_string).collect();
            let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
            *side = if *ranges == whole { asked.to_owned() } else { few(&shown) };
        }
        let (missing, problems) = (self.missing(), self.problems());
        let policies = |one: &Missing| one.resource.ends_with("policies") || one.resource == "namespaces";
        let relevant = missing.iter().filter(|one| policies(one)).cloned().collect::<Vec<_>>();
        ReachQuery {
            schema_version: REACH_VERSION.into(),
            plimsoll: env!("CARGO_PKG_VERSION").into(),
            cluster: info.clone(),
            from: from.to_owned(),
            to: to.to_owned(),
            port: port.map(|port| port.to_string()),
            verdict: verdict(&relevant, &[], undecided),
            answers,
            left_out,
            missing: relevant,
            problems,
        }
    }

    /// The ranges of an end, neighbours as one.
    fn merged(&self, end: &End) -> Vec<Addresses> {
        let mut merged: Vec<Addresses> = Vec::new();
        let End::Outside(all) = end else { return merged };
        for at in all {
            let range = self.engine.outside[*at].addresses;
            match merged.last_mut() {
                Some(last) if last.v6 == range.v6 && last.last.wrapping_add(1) == range.first => {
                    last.last = range.last;
                }
                _ => merged.push(range),
            }
        }
        merged
    }

    fn peers(&self, end: &End) -> Vec<(String, Vec<usize>, Option<Addresses>)> {
        match end {
            End::Workloads(all) => {
                let name = |at: &usize| &self.names[*at];
                all.iter().map(|at| (name(at).shown.clone(), name(at).classes.clone(), None)).collect()
            }
            End::Outside(all) => all
                .iter()
                .map(|at| {
                    let addresses = self.engine.outside[*at].addresses;
                    (addresses.to_string(), vec![self.engine.outside_peer(*at)], Some(addresses))
                })
                .collect(),
        }
    }

    fn answer(
        &mut self,
        from_shown: &str,
        from: &[usize],
        to_shown: &str,
        to: &[usize],
        asked: Set,
    ) -> ReachAnswer {
        let asked_for = Answer { sure: asked, possible: asked };
        let mut all = Answer::NOTHING;
        let (mut egress, mut ingress) = (Vec::new(), Vec::new());
        for &one in from {
            for &other in to {
                let answer = self.engine.between(one, other).and(asked_for, &mut self.engine.sets);
                all = all.or(answer, &mut self.engine.sets);
                for reason in self.reasons(one, Direction::Egress, other, asked) {
                    if !egress.contains(&reason) {
                        egress.push(reason);
                    }
                }
                for reason in self.reasons(other, Direction::Ingress, one, asked) {
                    if !ingress.contains(&reason) {
                        ingress.push(reason);
                    }
                }
            }
        }
        let ports = self.shown(all);
        let connection = Connection { from: from_shown.to_owned(), to: to_shown.to_owned(), ports };
        ReachAnswer { connection, egress, ingress }
    }

    /// Why the side of one end says what it says, for the ports that are asked for.
    fn reasons(&mut self, own: usize, direction: Direction, other: usize, asked: Set) -> Vec<ReachReason> {
        let whole = |detail: &str, ports: String| {
            vec![ReachReason {
                ports,
                answer: Reached::Allowed,
                by: None,
                source: None,
                detail: detail.into(),
            }]
        };
        let shown = self.engine.sets.shown(asked);
        if own >= self.engine.classes.len() {
            return whole("outside of the cluster, where no policy is asked", shown);
        }
        if self.engine.classes[own].host {
            return whole("in the network of its node, to which policies do not apply", shown);
        }
        let reasons = self.engine.reasons(own, direction, other);
        let mut told = Vec::new();
        for reason in reasons {
            let ports = self.engine.sets.and(reason.ports, asked);
            if ports != NONE {
                told.push(self.reason(&reason, ports, direction, own));
            }
        }
        if other < self.engine.classes.len() && self.engine.classes[other].host {
            told.push(ReachReason {
                ports: shown,
                answer: Reached::Unknown,
                by: None,
                source: None,
                detail: "the other side is in the network of a node, and between a pod and its own node nothing is stopped".into(),
            });
        }
        told
    }

    fn reason(&self, reason: &Reason, ports: Set, direction: Direction, own: usize) -> ReachReason {
        let word = if direction == Direction::Ingress { "ingress" } else { "egress" };
        let (mut by, mut source, mut fault, mut name) = (None, None, None, "");
        if let Some((policy, rule)) = reason.by {
            let mut text = self.policy(policy);
            let rules = match policy {
                By::Network(at) => {
                    let policy = self.engine.network_policy(at);
                    source.clone_from(&policy.source);
                    fault = policy.faults().next();
                    match direction {
                        Direction::Ingress => policy.ingress.as_deref(),
                        Direction::Egress => policy.egress.as_deref(),
                    }
                }
                By::Cluster(at) => self.cluster.cluster_policies.get(at).map(|policy| {
                    source.clone_from(&policy.source);
                    fault = policy.faults().next();
                    match direction {
                        Direction::Ingress => policy.ingress.as_slice(),
                        Direction::Egress => policy.egress.as_slice(),
                    }
                }),
            };
            if let Some(rule) = rule
                && let Some(own) = rules.and_then(|rules| rules.get(rule))
            {
                let _ = write!(text, ", {word} rule {}", rule + 1);
                name = &own.name;
                fault = own.faults().next().or(fault);
            }
            by = Some(text);
        }
        let named = if name.is_empty() { String::new() } else { format!(" (`{}`)", shortened(name)) };
        let detail = match (reason.by, reason.answer, reason.passed) {
            (Some(_), Some(true), true) => format!("leaves it to the next tier{named}"),
            (Some((_, Some(_))), Some(true), _) => format!("allows it{named}"),
            (Some((_, Some(_))), Some(false), _) => format!("denies it{named}"),
            (Some((_, None)), Some(false), _) => format!("selects it, and no {word} rule allows this"),
            (Some(_), None, _) => match fault {
                Some(fault) => format!("cannot be read: {fault}"),
                None => {
                    "may decide: labels of namespaces, domain names or nodes that are not known here".into()
                }
            },
            (Some((_, None)), Some(true), _) => "selects it".into(),
            (None, Some(_), _) if self.engine.policies(own, direction).is_empty() => {
                format!("no policy is about its {word}")
            }
            (None, Some(_), _) => "no policy says anything about this".into(),
            (None, None, _) => "no policy that could be read says anything about this".into(),
        };
        ReachReason {
            ports: self.engine.sets.shown(ports),
            answer: match reason.answer {
                Some(true) => Reached::Allowed,
                Some(false) => Reached::Denied,
                None => Reached::Unknown,
            },
            by,
            source: source.map(|source| source.to_string()),
            detail,
        }
    }
}

/// Some names, and how many more.
fn few(all: &[&str]) -> String {
    match all {
        [] => String::new(),
        [first, second, third, rest @ ..] if rest.len() > 1 => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        all => all.join(", "),
    }
}

fn verdict(missing: &[Missing], problems: &[Problem], undecided: bool) -> Outcome {
    let incomplete = problems.iter().any(|problem| problem.effect == plimsoll_model::Effect::Incomplete);
    if incomplete || undecided || missing.iter().any(|one| one.decides) {
        Outcome::Unknown
    } else {
        Outcome::Met
    }
}
