//! Whether exactly the connections that are wished for hold.

use std::collections::{BTreeSet, HashMap};

use super::Reachability;
use super::engine::{Answer, Direction};
use super::ports::{NONE, Set};
use crate::cluster::{Addresses, Cluster, Protocol};

/// Most names of workloads whose pairs are all looked at.
const MOST: usize = 3_000;
/// Most connections that are told.
const TOLD: usize = 100;

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// A workload: `NAMESPACE/KIND/NAME`.
    Workload(String),
    /// Addresses outside.
    Block(Addresses),
}

/// A connection that is wished for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wish {
    pub(crate) from: Side,
    pub(crate) to: Side,
    pub(crate) ports: Vec<(Protocol, u16, u16)>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Pairs that were looked at.
    pub(crate) pairs: u64,
    /// Wished for, and not surely allowed.
    pub(crate) refused: Vec<String>,
    /// Allowed, or perhaps, and not wished for.
    pub(crate) more: Vec<String>,
}

/// Holds a cluster against wishes: of the workloads of these namespaces nothing but what is wished for comes in or goes out.
/// `None` where the cluster is too large to look at every pair.
pub(crate) fn prove(cluster: &Cluster, namespaces: &BTreeSet<&str>, wishes: &[Wish]) -> Option<Proof> {
    let mut all = Reachability::new(cluster).ok()?;
    if all.names.len() > MOST {
        return None;
    }
    let at: HashMap<String, usize> =
        all.names.iter().enumerate().map(|(at, name)| (name.shown.clone(), at)).collect();
    let mut pairs: HashMap<(usize, usize), Set> = HashMap::new();
    let mut blocks: HashMap<(usize, Direction), Vec<(Addresses, Set)>> = HashMap::new();
    let mut proof = Proof::default();
    for wish in wishes {
        let mut ports = NONE;
        for (protocol, first, last) in &wish.ports {
            let set = all.engine.sets.of(*protocol, *first, *last);
            ports = all.engine.sets.or(ports, set);
        }
        let (own, direction, block) = match (&wish.from, &wish.to) {
            (Side::Workload(from), Side::Workload(to)) => {
                let (Some(from), Some(to)) = (at.get(from), at.get(to)) else { continue };
                let known = pairs.entry((*from, *to)).or_insert(NONE);
                *known = all.engine.sets.or(*known, ports);
                continue;
            }
            (Side::Workload(own), Side::Block(block)) => (own, Direction::Egress, *block),
            (Side::Block(block), Side::Workload(own)) => (own, Direction::Ingress, *block),
            (Side::Block(_), Side::Block(_)) => continue,
        };
        if let Some(own) = at.get(own) {
            blocks.entry((*own, direction)).or_default().push((block, ports));
        }
    }
    let count = all.names.len();
    let covered: Vec<bool> = (0..count)
        .map(|name| {
            let workload = &all.cluster.workloads[all.names[name].workloads[0]];
            namespaces.contains(workload.namespace.as_ref())
        })
        .collect();
    // To what is in the network of a node no policy applies.
    let host: Vec<bool> = (0..count)
        .map(|name| all.names[name].workloads.iter().any(|one| all.cluster.workloads[*one].host_network))
        .collect();
    for from in 0..count {
        for to in (0..count).filter(|to| !(host[from] || host[*to]) && (covered[from] || covered[*to])) {
            let wanted = pairs.get(&(from, to)).copied().unwrap_or(NONE);
            let answer = all.pair(from, to);
            let ends = (all.names[from].shown.clone(), all.names[to].shown.clone());
            proof.hold(&mut all, (&ends.0, &ends.1), wanted, answer);
        }
    }
    for name in (0..count).filter(|name| covered[*name] && !host[*name]) {
        for direction in [Direction::Ingress, Direction::Egress] {
            let wished = blocks.remove(&(name, direction)).unwrap_or_default();
            for range in 0..all.engine.outside.len() {
                let addresses = all.engine.outside[range].addresses;
                let peer = all.engine.outside_peer(range);
                let mut answer = Answer::NOTHING;
                for class in all.names[name].classes.clone() {
                    let own = all.engine.side(class, direction, peer);
                    answer = answer.or(own, &mut all.engine.sets);
                }
                let mut wanted = NONE;
                for (block, ports) in &wished {
                    if block.holds(addresses) {
                        wanted = all.engine.sets.or(wanted, *ports);
                    }
                }
                let (own, other) = (all.names[name].shown.clone(), addresses.to_string());
                let ends = if direction == Direction::Ingress { (&other, &own) } else { (&own, &other) };
                proof.hold(&mut all, (ends.0, ends.1), wanted, answer);
            }
        }
    }
    Some(proof)
}

impl Proof {
    fn hold(&mut self, all: &mut Reachability<'_>, (from, to): (&str, &str), wanted: Set, answer: Answer) {
        self.pairs += 1;
        let sets = &mut all.engine.sets;
        let refused = sets.minus(wanted, answer.sure);
        if refused != NONE && self.refused.len() < TOLD {
            self.refused.push(format!("{from} => {to}: {}", sets.shown(refused)));
        }
        let more = sets.minus(answer.possible, wanted);
        if more != NONE && self.more.len() < TOLD {
            self.more.push(format!("{from} => {to}: {}", sets.shown(more)));
        }
    }
}
