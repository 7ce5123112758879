//! Who may reach whom, decided for classes of pods that no policy tells apart.
//!
//! Peers are numbered: classes of pods, then ranges of addresses outside (cut wherever a policy cuts), then the pod of which
//! nothing is known. For every set of policies that some class is under there is one row for each direction: a cover of all
//! peers by the ports that are allowed. Every answer has two bounds, what is surely allowed and what may be: they differ
//! where a policy cannot be read, labels of a namespace are not known, or a domain name decides.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::bits::{Bits, Cover};
use super::outside::{Outside, ranges};
use super::ports::{ALL, NONE, Set, Sets};
use crate::cluster::labels::Wanted;
use crate::cluster::{
    Action, Addresses, Cluster, ClusterPolicy, Labels, NetworkPolicy, Peer, PortPlace, Protocol, Rule,
    Selector, Tier,
};

/// Most bytes of rows: what a cluster may need that is built to need much.
const MOST_BYTES: usize = 1 << 30;
/// Most bytes of what only makes it faster.
const MOST_BYTES_FOR_SPEED: usize = 128 << 20;

/// A direction, seen from the pods that policies select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Direction {
    /// What comes in.
    Ingress,
    /// What goes out.
    Egress,
}

/// What is surely allowed, and what may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Answer {
    pub(crate) sure: Set,
    pub(crate) possible: Set,
}

impl Answer {
    pub(crate) const NOTHING: Answer = Answer { sure: NONE, possible: NONE };
    pub(crate) const EVERYTHING: Answer = Answer { sure: ALL, possible: ALL };

    pub(crate) fn or(self, other: Answer, sets: &mut Sets) -> Answer {
        Answer { sure: sets.or(self.sure, other.sure), possible: sets.or(self.possible, other.possible) }
    }

    pub(crate) fn and(self, other: Answer, sets: &mut Sets) -> Answer {
        Answer { sure: sets.and(self.sure, other.sure), possible: sets.and(self.possible, other.possible) }
    }
}

/// Where a decision stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    allowed: Answer,
    /// Not decided yet.
    pending: Answer,
    /// Left to the next tier by a rule.
    passed: Answer,
    /// What policies of the namespace allow, so far.
    network: Answer,
}

/// A policy, by its place in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum By {
    /// Of a namespace.
    Network(usize),
    /// Of the cluster.
    Cluster(usize),
}

/// What a rule says about some peers: surely these ports, possibly those.
type Hit = (Bits, Answer);

/// A step of a decision.
pub(crate) enum Step {
    /// A rule of a policy of the cluster; without an action that cannot be read.
    Rule { by: By, rule: usize, action: Option<Action>, hits: Vec<Hit> },
    /// A rule of a policy of the namespace.
    Network { by: By, rule: usize, hits: Vec<Hit> },
    /// The first tier was asked.
    EndAdmin,
    /// The policies of the namespace were asked: whether they isolate, `None` for maybe.
    EndNetwork { isolated: Option<bool>, unseen: bool },
    /// All was asked.
    End,
}

/// Names of ports of a pod: name, protocol, number.
type Named = Vec<(Arc<str>, Protocol, u16)>;

/// Pods that no policy tells apart.
#[derive(Debug)]
pub(crate) struct Class {
    /// One of its workloads, by its place in the cluster.
    pub(crate) workload: usize,
    pub(crate) host: bool,
    named: usize,
}

type ClassKey = (Arc<str>, Labels, Vec<(Arc<str>, Protocol, u16)>, Option<usize>);

/// Which policies a class is under, and whether that is certain.
type Profile = (Direction, Vec<(By, bool)>, Option<usize>);

#[derive(Debug)]
struct TooMuch;

/// The answers of a cluster.
pub(crate) struct Engine<'c> {
    pub(crate) cluster: &'c Cluster,
    pub(crate) sets: Sets,
    pub(crate) classes: Vec<Class>,
    /// The class of a workload.
    pub(crate) class_of: Vec<usize>,
    pub(crate) outside: Vec<Outside>,
    bound: usize,
    named: Vec<Named>,
    /// Classes with names of ports, by those names.
    by_named: Vec<Bits>,
    /// Classes by namespace.
    by_namespace: HashMap<Arc<str>, Vec<u32>>,
    /// Classes by label and value.
    by_label: HashMap<Arc<str>, HashMap<Arc<str>, Vec<u32>>>,
    hosts: Bits,
    /// Rows of classes, by direction.
    ingress: Vec<usize>,
    egress: Vec<usize>,
    rows: Vec<Cover<Answer>>,
    /// Policies that take a class, by direction.
    under: Vec<[Vec<(By, bool)>; 2]>,
    /// A kind of policies was not seen: what they would decide is unknown.
    unseen_network: bool,
    unseen_cluster: bool,
    everything: Bits,
    /// Classes of the namespaces that a selector surely takes, and perhaps: few selectors stand in many policies.
    selected: HashMap<Selector, (Bits, Bits)>,
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl<'c> Engine<'c> {
    /// Decides everything. `None` when the cluster is so large that the answers do not fit.
    pub(crate) fn new(cluster: &'c Cluster) -> Option<Self> {
        let (keys, names) = used(cluster);
        let outside = ranges(cluster);
        let mut classes: Vec<Class> = Vec::new();
        let mut known: HashMap<ClassKey, usize> = HashMap::new();
        let mut named_known: HashMap<Named, usize> = HashMap::new();
        let mut named: Vec<Named> = Vec::new();
        let mut class_of = Vec::with_capacity(cluster.workloads.len());
        let mut labels_of: Vec<Labels> = Vec::new();
        for (index, workload) in cluster.workloads.iter().enumerate() {
            let mut labels = workload.labels.clone();
            labels.retain(|name| keys.contains(name));
            let own: Named = workload
                .ports
                .iter()
                .filter(|port| names.contains(&port.name))
                .map(|port| (Arc::clone(&port.name), port.protocol, port.number))
                .collect();
            let named_at = *named_known.entry(own.clone()).or_insert_with(|| {
                named.push(own.clone());
                named.len() - 1
            });
            let host = workload.host_network.then_some(index);
            let key = (Arc::clone(&workload.namespace), labels.clone(), own, host);
            let class = *known.entry(key).or_insert_with(|| {
                classes.push(Class { workload: index, host: workload.host_network, named: named_at });
                labels_of.push(labels);
                classes.len() - 1
            });
            class_of.push(class);
        }
        let bound = classes.len() + outside.len() + 1;
        let mut by_namespace: HashMap<Arc<str>, Vec<u32>> = HashMap::new();
        let mut by_label: HashMap<Arc<str>, HashMap<Arc<str>, Vec<u32>>> = HashMap::new();
        let mut hosts = Bits::none(bound);
        let mut by_named = vec![Bits::none(bound); named.len()];
        for (at, (class, labels)) in classes.iter().zip(&labels_of).enumerate() {
            let namespace = &cluster.workloads[class.workload].namespace;
            by_namespace.entry(Arc::clone(namespace)).or_default().push(number(at));
            for (name, value) in labels.shared() {
                let values = by_label.entry(Arc::clone(name)).or_default();
                values.entry(Arc::clone(value)).or_default().push(number(at));
            }
            if class.host {
                hosts.insert(at);
            }
            by_named[class.named].insert(at);
        }
        let missing = |kind: &str| cluster.missing(kind).is_some();
        let mut engine = Engine {
            cluster,
            sets: Sets::default(),
            class_of,
            bound,
            named,
            by_named,
            by_namespace,
            by_label,
            hosts,
            ingress: Vec::new(),
            egress: Vec::new(),
            rows: Vec::new(),
            under: Vec::new(),
            unseen_network: missing("NetworkPolicy"),
            unseen_cluster: missing("AdminNetworkPolicy")
                || missing("BaselineAdminNetworkPolicy")
                || missing("ClusterNetworkPolicy"),
            everything: Bits::all(bound),
            selected: HashMap::new(),
            classes,
            outside,
        };
        engine.find_policies();
        engine.decide().ok()?;
        Some(engine)
    }

    /// The peer that is an unknown pod in an unknown namespace.
    pub(crate) fn unknown_pod(&self) -> usize {
        self.bound - 1
    }

    /// The peer that is a range outside.
    pub(crate) fn outside_peer(&self, at: usize) -> usize {
        self.classes.len() + at
    }

    /// Policies that take a class, and whether that is certain.
    pub(crate) fn policies(&self, class: usize, direction: Direction) -> &[(By, bool)] {
        &self.under[class][usize::from(direction == Direction::Egress)]
    }

    /// What a class may send to a peer, or take from it, by its own side alone.
    pub(crate) fn side(&self, class: usize, direction: Direction, peer: usize) -> Answer {
        let row = match direction {
            Direction::Ingress => self.ingress[class],
            Direction::Egress => self.egress[class],
        };
        self.rows[row].get(peer)
    }

    /// The whole side of a class.
    pub(crate) fn row(&self, class: usize, direction: Direction) -> &Cover<Answer> {
        match direction {
            Direction::Ingress => &self.rows[self.ingress[class]],
            Direction::Egress => &self.rows[self.egress[class]],
        }
    }

    /// For each class the classes that take something from it, by their own side alone. `None` where that needs too much.
    pub(crate) fn takers(&self) -> Option<Vec<Bits>> {
        let classes = self.classes.len();
        if classes.saturating_mul(classes.div_ceil(8)) > MOST_BYTES_FOR_SPEED {
            return None;
        }
        let mut takers = vec![Bits::none(classes); classes];
        for to in 0..classes {
            for (answer, peers) in self.row(to, Direction::Ingress).parts() {
                if answer.possible != NONE {
                    let within = peers.iter().take_while(|peer| *peer < classes);
                    within.for_each(|from| takers[from].insert(to));
                }
            }
        }
        Some(takers)
    }

    /// The peers that are ranges outside of some kind.
    pub(crate) fn ranges_of(&self, is: impl Fn(&Outside) -> bool) -> Bits {
        let mut bits = Bits::none(self.bound);
        for (at, _) in self.outside.iter().enumerate().filter(|(_, range)| is(range)) {
            bits.insert(self.outside_peer(at));
        }
        bits
    }

    /// What one peer may send to another: what both sides allow. Outside of the cluster nothing is decided here.
    pub(crate) fn between(&mut self, from: usize, to: usize) -> Answer {
        let classes = self.classes.len();
        let out = if from < classes { self.side(from, Direction::Egress, to) } else { Answer::EVERYTHING };
        if out.possible == NONE {
            return out;
        }
        let within = if to < classes { self.side(to, Direction::Ingress, from) } else { Answer::EVERYTHING };
        out.and(within, &mut self.sets)
    }

    fn find_policies(&mut self) {
        let cluster = self.cluster;
        let mut of_namespace: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, policy) in cluster.network_policies.iter().enumerate() {
            of_namespace.entry(&policy.namespace).or_default().push(at);
        }
        let mut priorities: HashMap<_, usize> = HashMap::new();
        let priority = |policy: &'c ClusterPolicy| (policy.tier, policy.priority, &policy.kind);
        for policy in &cluster.cluster_policies {
            *priorities.entry(priority(policy)).or_default() += 1;
        }
        let clashes: Vec<bool> =
            cluster.cluster_policies.iter().map(|policy| priorities[&priority(policy)] > 1).collect();
        for class in &self.classes {
            let workload = &cluster.workloads[class.workload];
            let mut under: [Vec<(By, bool)>; 2] = Default::default();
            // In the network of the node no policy is asked.
            if !class.host {
                for (at, policy) in cluster.cluster_policies.iter().enumerate() {
                    let takes = self.takes(policy, &workload.namespace, &workload.labels);
                    if takes == Some(false) {
                        continue;
                    }
                    for (list, rules) in under.iter_mut().zip([&policy.ingress, &policy.egress]) {
                        if !rules.is_empty() || policy.subject.is_err() {
                            list.push((By::Cluster(at), takes == Some(true)));
                        }
                    }
                }
                // Which of two with one priority is asked first is not defined.
                for list in &mut under {
                    let mut here: HashMap<_, usize> = HashMap::new();
                    for (by, _) in list.iter() {
                        if let By::Cluster(at) = by
                            && clashes[*at]
                        {
                            *here.entry(priority(&cluster.cluster_policies[*at])).or_default() += 1;
                        }
                    }
                    for (by, certain) in list.iter_mut() {
                        if let By::Cluster(at) = by {
                            let others = here.get(&priority(&cluster.cluster_policies[*at]));
                            *certain &= others.is_none_or(|others| *others < 2);
                        }
                    }
                }
                for at in of_namespace.get(workload.namespace.as_ref()).into_iter().flatten() {
                    let policy = &cluster.network_policies[*at];
                    let takes =
                        policy.pods.as_ref().ok().map(|pods| pods.matches(|name| workload.labels.get(name)));
                    if takes == Some(false) {
                        continue;
                    }
                    let certain = takes == Some(true) && policy.directions_broken.is_none();
                    for (list, rules) in under.iter_mut().zip([&policy.ingress, &policy.egress]) {
                        if rules.is_some() {
                            list.push((By::Network(*at), certain));
                        }
                    }
                }
            }
            self.under.push(under);
        }
    }

    /// Whether a policy of the cluster is about a pod.
    fn takes(&self, policy: &ClusterPolicy, namespace: &str, labels: &Labels) -> Option<bool> {
        let subject = policy.subject.as_ref().ok()?;
        if !subject.pods.matches(|name| labels.get(name)) {
            return Some(false);
        }
        self.namespace_matches(&subject.namespaces, namespace)
    }

    /// Whether a selector takes a namespace; `None` where it asks for labels that are not known.
    fn namespace_matches(&self, selector: &Selector, name: &str) -> Option<bool> {
        let namespace = self.cluster.namespaces.get(name);
        let mut certain = true;
        for (label, wanted) in &selector.requirements {
            let known = namespace.is_some_and(|namespace| namespace.seen)
                || label.as_ref() == "kubernetes.io/metadata.name";
            if !known {
                certain = false;
                continue;
            }
            let value = namespace.and_then(|namespace| namespace.labels.get(label));
            let one = Selector { requirements: vec![(Arc::clone(label), wanted.clone())] };
            if !one.matches(|_| value) {
                return Some(false);
            }
        }
        certain.then_some(true)
    }

    fn decide(&mut self) -> Result<(), TooMuch> {
        let mut known: HashMap<Profile, usize> = HashMap::new();
        let mut bytes = 0;
        for class in 0..self.classes.len() {
            for direction in [Direction::Ingress, Direction::Egress] {
                let under = self.policies(class, direction).to_vec();
                // Names of ports are those of the pod that is reached.
                let named = (direction == Direction::Ingress).then_some(self.classes[class].named);
                let host = self.classes[class].host;
                let profile = (direction, under, named.filter(|_| !host));
                let row = match known.get(&profile) {
                    Some(row) if !host => *row,
                    _ => {
                        let row = self.decide_row(class, direction);
                        bytes += row.parts().len() * self.bound.div_ceil(8);
                        if bytes > MOST_BYTES {
                            return Err(TooMuch);
                        }
                        self.rows.push(row);
                        if !host {
                            known.insert(profile, self.rows.len() - 1);
                        }
                        self.rows.len() - 1
                    }
                };
                match direction {
                    Direction::Ingress => self.ingress.push(row),
                    Direction::Egress => self.egress.push(row),
                }
            }
        }
        Ok(())
    }

    fn decide_row(&mut self, class: usize, direction: Direction) -> Cover<Answer> {
        if self.classes[class].host {
            return Cover::new(Answer::EVERYTHING, self.bound);
        }
        let mut cover = Cover::new(start(), self.bound);
        let everything = self.everything.clone();
        self.walk(class, direction, &mut |sets, step| {
            let all = [(everything.clone(), Answer::NOTHING)];
            let hits = match &step {
                Step::Rule { hits, .. } | Step::Network { hits, .. } => hits.as_slice(),
                _ => &all,
            };
            for (bits, ports) in hits {
                cover.change(bits, |state| next(state, &step, *ports, sets));
            }
        });
        let mut answers = Cover::new(Answer::NOTHING, self.bound);
        for (state, bits) in cover.parts() {
            answers.change(bits, |_| state.allowed);
        }
        // Between a pod and its own node nothing is stopped, and which node that is may change.
        if !self.hosts.is_empty() {
            answers.change(&self.hosts, |answer| Answer { possible: ALL, ..answer });
        }
        answers
    }

    /// Goes through everything that decides about a class, in order.
    pub(crate) fn walk(
        &mut self,
        class: usize,
        direction: Direction,
        visit: &mut dyn FnMut(&mut Sets, Step),
    ) {
        let cluster = self.cluster;
        let under = self.policies(class, direction).to_vec();
        let rules_of = |policy: &'c ClusterPolicy| match direction {
            Direction::Ingress => &policy.ingress,
            Direction::Egress => &policy.egress,
        };
        let tier = |engine: &mut Self, tier: Tier, visit: &mut dyn FnMut(&mut Sets, Step)| {
            for (by, certain) in &under {
                let By::Cluster(at) = by else { continue };
                let policy = &cluster.cluster_policies[*at];
                // One of which not even the tier can be read may be of either.
                if policy.subject.is_ok() && policy.tier != tier {
                    continue;
                }
                if policy.subject.is_err() {
                    let ports = Answer { sure: NONE, possible: ALL };
                    let hits = vec![(engine.everything.clone(), ports)];
                    visit(&mut engine.sets, Step::Rule { by: *by, rule: 0, action: None, hits });
                    continue;
                }
                for (at, rule) in rules_of(policy).iter().enumerate() {
                    let hits = engine.hits(rule, "", class, direction, *certain);
                    let action = rule.broken.is_none().then_some(rule.action);
                    visit(&mut engine.sets, Step::Rule { by: *by, rule: at, action, hits });
                }
            }
        };
        if self.unseen_cluster {
            let hits = vec![(self.everything.clone(), Answer { sure: NONE, possible: ALL })];
            visit(&mut self.sets, Step::Rule { by: By::Cluster(usize::MAX), rule: 0, action: None, hits });
        }
        tier(self, Tier::Admin, visit);
        visit(&mut self.sets, Step::EndAdmin);
        let mut isolated = Some(false);
        for (by, certain) in &under {
            let By::Network(at) = by else { continue };
            let policy = &cluster.network_policies[*at];
            isolated = if *certain { Some(true) } else { isolated.filter(|isolated| *isolated) };
            let rules = match direction {
                Direction::Ingress => &policy.ingress,
                Direction::Egress => &policy.egress,
            };
            for (at, rule) in rules.iter().flatten().enumerate() {
                let hits = self.hits(rule, &policy.namespace, class, direction, *certain);
                visit(&mut self.sets, Step::Network { by: *by, rule: at, hits });
            }
        }
        visit(&mut self.sets, Step::EndNetwork { isolated, unseen: self.unseen_network });
        tier(self, Tier::Baseline, visit);
        visit(&mut self.sets, Step::End);
    }

    /// What a rule says about whom.
    fn hits(
        &mut self,
        rule: &Rule,
        namespace: &str,
        class: usize,
        direction: Direction,
        certain: bool,
    ) -> Vec<Hit> {
        let (sure, mut possible) = self.peers(rule.peers.as_deref(), namespace);
        possible.remove(&sure);
        let names = |port: &crate::cluster::Port| matches!(port.place, PortPlace::Name(_));
        let by_name = rule.ports.iter().flatten().any(names);
        // Which ports they are depends on the pod that is reached.
        let mut groups: Vec<(Option<Bits>, Set)> = Vec::new();
        if rule.broken.is_some() {
            groups.push((None, ALL));
        } else if by_name && direction == Direction::Egress {
            let mut nameless = self.everything.clone();
            for at in 0..self.named.len() {
                let set = self.sets.of_rule(rule.ports.as_deref(), &self.named[at]);
                nameless.remove(&self.by_named[at]);
                groups.push((Some(self.by_named[at].clone()), set));
            }
            let set = self.sets.of_rule(rule.ports.as_deref(), &[]);
            groups.push((Some(nameless), set));
        } else {
            let named: &[_] =
                if by_name { &self.named[self.classes[class].named] } else { Default::default() };
            let set = self.sets.of_rule(rule.ports.as_deref(), named);
            groups.push((None, set));
        }
        let certain = certain && rule.broken.is_none();
        let mut hits = Vec::new();
        for (group, set) in groups {
            if set == NONE {
                continue;
            }
            for (bits, is_sure) in [(&sure, true), (&possible, false)] {
                let bits = match &group {
                    Some(group) => bits.and(group),
                    None => bits.clone(),
                };
                if !bits.is_empty() {
                    let sure = if is_sure && certain { set } else { NONE };
                    hits.push((bits, Answer { sure, possible: set }));
                }
            }
        }
        hits
    }

    /// Whom a rule is about: surely, and possibly.
    fn peers(&mut self, peers: Option<&[Peer]>, namespace: &str) -> (Bits, Bits) {
        let Some(peers) = peers else { return (self.everything.clone(), self.everything.clone()) };
        let (mut sure, mut possible) = (Bits::none(self.bound), Bits::none(self.bound));
        for peer in peers {
            match peer {
                Peer::Pods { namespaces, pods } => {
                    self.pods(namespaces.as_ref(), pods, namespace, &mut sure, &mut possible);
                }
                Peer::Block { block, except } => self.block(*block, except, &mut sure, &mut possible),
                Peer::Nodes(selector) => self.nodes(selector, &mut sure, &mut possible),
                Peer::Domain(_) => {
                    for at in 0..self.outside.len() {
                        possible.insert(self.outside_peer(at));
                    }
                }
                Peer::Broken(_) => possible.add(&self.everything),
            }
        }
        possible.add(&sure);
        (sure, possible)
    }

    fn pods(
        &mut self,
        namespaces: Option<&Selector>,
        pods: &Selector,
        own: &str,
        sure: &mut Bits,
        possible: &mut Bits,
    ) {
        let mut candidates = self.labelled(pods);
        candidates.remove(&self.hosts);
        let unknown = self.unknown_pod();
        possible.insert(unknown);
        match namespaces {
            None => {
                for class in self.by_namespace.get(own).into_iter().flatten() {
                    if candidates.holds(*class as usize) {
                        sure.insert(*class as usize);
                    }
                }
            }
            Some(selector) if selector.is_everything() => {
                if pods.is_everything() {
                    sure.insert(unknown);
                }
                sure.add(&candidates);
            }
            Some(selector) => {
                let (within, maybe) = match self.selected.get(selector) {
                    Some(known) => known,
                    None => {
                        let of_one = 2 * self.bound.div_ceil(8);
                        if self.selected.len().saturating_mul(of_one) > MOST_BYTES_FOR_SPEED {
                            self.selected.clear();
                        }
                        let found = self.in_namespaces(selector);
                        &*self.selected.entry(selector.clone()).or_insert(found)
                    }
                };
                sure.add(&candidates.and(within));
                possible.add(&candidates.and(maybe));
            }
        }
    }

    /// Classes of the namespaces that a selector surely takes, and those that it takes perhaps.
    fn in_namespaces(&self, selector: &Selector) -> (Bits, Bits) {
        let (mut within, mut maybe) = (Bits::none(self.bound), Bits::none(self.bound));
        for (name, classes) in &self.by_namespace {
            let into = match self.namespace_matches(selector, name) {
                Some(false) => continue,
                Some(true) => &mut within,
                None => &mut maybe,
            };
            for class in classes {
                into.insert(*class as usize);
            }
        }
        (within, maybe)
    }

    /// Classes with the labels that a selector wants.
    fn labelled(&self, selector: &Selector) -> Bits {
        let mut pods = Bits::none(self.bound);
        if selector.is_everything() {
            (0..self.classes.len()).for_each(|class| pods.insert(class));
            return pods;
        }
        let mut all: Option<Bits> = None;
        for (label, wanted) in &selector.requirements {
            let values = self.by_label.get(label);
            let mut own = Bits::none(self.bound);
            let mut add = |classes: &Vec<u32>| classes.iter().for_each(|class| own.insert(*class as usize));
            match wanted {
                Wanted::In(list) | Wanted::NotIn(list) => {
                    list.iter().filter_map(|value| values?.get(value)).for_each(&mut add);
                }
                Wanted::Exists | Wanted::Absent => {
                    values.into_iter().flat_map(HashMap::values).for_each(&mut add);
                }
            }
            if matches!(wanted, Wanted::NotIn(_) | Wanted::Absent) {
                let mut rest = Bits::none(self.bound);
                (0..self.classes.len()).for_each(|class| rest.insert(class));
                rest.remove(&own);
                own = rest;
            }
            all = Some(match all {
                Some(all) => all.and(&own),
                None => own,
            });
        }
        all.unwrap_or(pods)
    }

    /// Addresses outside, and pods in the network of a node, which have its address.
    fn block(&self, block: Addresses, except: &[Addresses], sure: &mut Bits, possible: &mut Bits) {
        let holds = |range: Addresses| block.holds(range) && !except.iter().any(|except| except.meets(range));
        // Ranges are in order of their family and first address.
        let key = |range: &Outside| (range.addresses.v6, range.addresses.first);
        let begin = self.outside.partition_point(|range| key(range) < (block.v6, block.first));
        for (at, range) in self.outside.iter().enumerate().skip(begin) {
            if !block.holds(range.addresses) {
                break;
            }
            if holds(range.addresses) {
                sure.insert(self.outside_peer(at));
            }
        }
        for class in self.hosts.iter() {
            let addresses = &self.cluster.workloads[self.classes[class].workload].addresses;
            let whole = block == Addresses::all(block.v6) && except.is_empty() && !block.v6;
            let inside = |address: &std::net::IpAddr| holds(Addresses::one(*address));
            if whole || !addresses.is_empty() && addresses.iter().all(inside) {
                sure.insert(class);
            } else if addresses.is_empty() || addresses.iter().any(inside) {
                possible.insert(class);
            }
        }
    }

    fn nodes(&self, selector: &Selector, sure: &mut Bits, possible: &mut Bits) {
        let cluster = self.cluster;
        let unseen = cluster.missing("Node").is_some() || cluster.nodes.is_empty();
        let taken: BTreeMap<&str, bool> = cluster
            .nodes
            .iter()
            .map(|node| (node.name.as_ref(), selector.matches(|name| node.labels.get(name))))
            .collect();
        for (at, range) in self.outside.iter().enumerate() {
            if unseen {
                possible.insert(self.outside_peer(at));
            } else if range.nodes.iter().any(|node| taken.get(node.as_ref()) == Some(&true)) {
                sure.insert(self.outside_peer(at));
            }
        }
        for class in self.hosts.iter() {
            let nodes = &cluster.workloads[self.classes[class].workload].nodes;
            let takes = |node: &Arc<str>| taken.get(node.as_ref()).copied();
            if !nodes.is_empty() && nodes.iter().all(|node| takes(node) == Some(true)) {
                sure.insert(class);
            } else if nodes.is_empty() || nodes.iter().any(|node| takes(node) != Some(false)) {
                possible.insert(class);
            }
        }
    }

    /// Whether any policy asks for labels of namespaces, beside their name.
    pub(crate) fn asks_for_namespace_labels(&self) -> bool {
        let own = self.cluster.network_policies.iter();
        let own = own.flat_map(|policy| policy.ingress.iter().chain(&policy.egress).flatten());
        let all = self.cluster.cluster_policies.iter();
        let subjects = all.clone().filter_map(|policy| Some(&policy.subject.as_ref().ok()?.namespaces));
        let rules = own.chain(all.flat_map(|policy| policy.ingress.iter().chain(&policy.egress)));
        let peers = rules.flat_map(|rule| rule.peers.iter().flatten()).filter_map(|peer| match peer {
            Peer::Pods { namespaces, .. } => namespaces.as_ref(),
            _ => None,
        });
        let by_label = |selector: &Selector| {
            selector.requirements.iter().any(|(name, _)| name.as_ref() != "kubernetes.io/metadata.name")
        };
        subjects.chain(peers).any(by_label)
    }

    /// A policy of a namespace.
    pub(crate) fn network_policy(&self, at: usize) -> &'c NetworkPolicy {
        &self.cluster.network_policies[at]
    }
}

/// Where every decision begins.
fn start() -> State {
    State {
        allowed: Answer::NOTHING,
        pending: Answer::EVERYTHING,
        passed: Answer::NOTHING,
        network: Answer::NOTHING,
    }
}

/// What a step makes of a state; `ports` is what it says about the peer.
fn next(mut state: State, step: &Step, ports: Answer, sets: &mut Sets) -> State {
    match step {
        Step::Rule { action, .. } => {
            let hit = state.pending.and(ports, sets);
            let unsure = Answer { sure: NONE, possible: hit.possible };
            match action {
                Some(Action::Allow) => state.allowed = state.allowed.or(hit, sets),
                Some(Action::Pass) => state.passed = state.passed.or(hit, sets),
                Some(Action::Deny) => {}
                None => {
                    state.allowed = state.allowed.or(unsure, sets);
                    state.passed = state.passed.or(unsure, sets);
                }
            }
            state.pending.sure = sets.minus(state.pending.sure, ports.possible);
            state.pending.possible = sets.minus(state.pending.possible, ports.sure);
        }
        Step::Network { .. } => state.network = state.network.or(ports, sets),
        Step::EndAdmin => {
            state.pending = state.pending.or(state.passed, sets);
            state.passed = Answer::NOTHING;
        }
        Step::EndNetwork { isolated, unseen } => {
            let rest = state.pending;
            match isolated {
                Some(false) if !unseen => {}
                Some(false) => state.pending.sure = NONE,
                Some(true) => {
                    let hit = rest.and(state.network, sets);
                    state.allowed = state.allowed.or(hit, sets);
                    if *unseen {
                        state.allowed.possible = sets.or(state.allowed.possible, rest.possible);
                    }
                    state.pending = Answer::NOTHING;
                }
                None => {
                    // Not isolated, it is for the next tier to say; isolated, for the rules.
                    let hit = sets.and(rest.possible, state.network.possible);
                    state.allowed.possible = sets.or(state.allowed.possible, hit);
                    state.pending.sure = NONE;
                }
            }
        }
        Step::End => {
            let rest = state.pending.or(state.passed, sets);
            state.allowed = state.allowed.or(rest, sets);
            (state.pending, state.passed) = (Answer::NOTHING, Answer::NOTHING);
        }
    }
    state
}

/// What one side of a decision says about some ports.
#[derive(Clone, Debug)]
pub(crate) struct Reason {
    pub(crate) ports: Set,
    /// Allowed, not allowed, or unknown.
    pub(crate) answer: Option<bool>,
    /// The policy and the number of its rule; without a policy it is what holds where nothing is said.
    pub(crate) by: Option<(By, Option<usize>)>,
    pub(crate) passed: bool,
}

impl Engine<'_> {
    /// Why a class may send to a peer, or take from it, as its own side says.
    pub(crate) fn reasons(&mut self, class: usize, direction: Direction, peer: usize) -> Vec<Reason> {
        let mut reasons: Vec<Reason> = Vec::new();
        if self.classes[class].host {
            return reasons;
        }
        let mut state = start();
        let mut isolating: Vec<(By, bool)> = self
            .policies(class, direction)
            .iter()
            .copied()
            .filter(|(by, _)| matches!(by, By::Network(_)))
            .collect();
        isolating.sort();
        let mut network: Vec<(By, usize, Answer)> = Vec::new();
        self.walk(class, direction, &mut |sets, step| {
            let ports = match &step {
                Step::Rule { hits, .. } | Step::Network { hits, .. } => {
                    let mut all = Answer::NOTHING;
                    for (_, ports) in hits.iter().filter(|(bits, _)| bits.holds(peer)) {
                        all = all.or(*ports, sets);
                    }
                    all
                }
                _ => Answer::NOTHING,
            };
            let before = state.pending;
            match &step {
                Step::Rule { by, rule, action, .. } => {
                    let hit = before.and(ports, sets);
                    let open = sets.minus(hit.possible, hit.sure);
                    let by = Some((*by, Some(*rule)));
                    if hit.sure != NONE {
                        let answer = action.map(|action| action != Action::Deny);
                        let passed = *action == Some(Action::Pass);
                        reasons.push(Reason { ports: hit.sure, answer, by, passed });
                    }
                    if open != NONE {
                        reasons.push(Reason { ports: open, answer: None, by, passed: false });
                    }
                }
                Step::Network { by, rule, .. } if ports.possible != NONE => {
                    network.push((*by, *rule, ports));
                }
                Step::EndNetwork { isolated, .. } if *isolated != Some(false) => {
                    let mut said = NONE;
                    for (by, rule, ports) in &network {
                        let hit = before.and(*ports, sets);
                        let open = sets.minus(hit.possible, hit.sure);
                        for (ports, answer) in [(hit.sure, Some(true)), (open, None)] {
                            if ports != NONE {
                                let by = Some((*by, Some(*rule)));
                                reasons.push(Reason { ports, answer, by, passed: false });
                            }
                        }
                        said = sets.or(said, hit.possible);
                    }
                    let rest = sets.minus(before.possible, said);
                    if rest != NONE {
                        for (by, certain) in &isolating {
                            let answer = certain.then_some(false);
                            reasons.push(Reason {
                                ports: rest,
                                answer,
                                by: Some((*by, None)),
                                passed: false,
                            });
                        }
                    }
                }
                Step::End if before.possible != NONE => {
                    let answer = (before.sure == before.possible).then_some(true);
                    reasons.push(Reason { ports: before.possible, answer, by: None, passed: false });
                }
                _ => {}
            }
            state = next(state, &step, ports, sets);
        });
        reasons
    }
}

/// Labels of pods, and names of ports, by which a policy tells pods apart.
fn used(cluster: &Cluster) -> (BTreeSet<Arc<str>>, BTreeSet<Arc<str>>) {
    let (mut keys, mut names) = (BTreeSet::new(), BTreeSet::new());
    let mut add = |selector: &Selector| {
        keys.extend(selector.requirements.iter().map(|(name, _)| Arc::clone(name)));
    };
    let network = &cluster.network_policies;
    network.iter().filter_map(|policy| policy.pods.as_ref().ok()).for_each(&mut add);
    let subjects = cluster.cluster_policies.iter().filter_map(|policy| policy.subject.as_ref().ok());
    subjects.for_each(|subject| add(&subject.pods));
    let own = network.iter().flat_map(|policy| policy.ingress.iter().chain(&policy.egress).flatten());
    let of_cluster =
        cluster.cluster_policies.iter().flat_map(|policy| policy.ingress.iter().chain(&policy.egress));
    for rule in own.chain(of_cluster) {
        for peer in rule.peers.iter().flatten() {
            if let Peer::Pods { pods, .. } = peer {
                add(pods);
            }
        }
        names.extend(rule.ports.iter().flatten().filter_map(|port| match &port.place {
            PortPlace::Name(name) => Some(Arc::clone(name)),
            PortPlace::Numbers(..) => None,
        }));
    }
    (keys, names)
}
