//! Addresses outside of the cluster, cut wherever a policy, a node or a place of its own begins or ends.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::cluster::{Addresses, Cluster, Peer};

/// What is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    /// The internet.
    Internet,
    /// Networks of one's own (RFC 1918, RFC 4193, RFC 6598) and link-local addresses.
    Private,
    /// Where clouds tell machines who they are.
    Metadata,
    /// The API server.
    ApiServer,
    /// A node.
    Node,
    /// Nothing that could be reached: loopback, multicast.
    Nowhere,
}

/// A range of addresses.
#[derive(Clone, Debug)]
pub(crate) struct Outside {
    pub(crate) addresses: Addresses,
    pub(crate) place: Place,
    /// The nodes whose address it is.
    pub(crate) nodes: Vec<Arc<str>>,
}

/// Where clouds tell machines who they are: AWS, Azure, Google and most others, and AWS by IPv6.
const METADATA: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];
const PRIVATE: [&str; 7] = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "fc00::/7",
    "fe80::/10",
];
const NOWHERE: [&str; 5] = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/127", "ff00::/8"];

fn blocks(list: &[&str]) -> Vec<Addresses> {
    list.iter().filter_map(|text| Addresses::read(text).ok()).collect()
}

/// All addresses of both families, in order, cut so that no policy tells apart what is in one range.
pub(crate) fn ranges(cluster: &Cluster) -> Vec<Outside> {
    let (private, nowhere) = (blocks(&PRIVATE), blocks(&NOWHERE));
    let metadata: Vec<Addresses> = METADATA.iter().map(|address| Addresses::one(*address)).collect();
    let server: Vec<Addresses> = cluster.api_server.iter().map(|address| Addresses::one(*address)).collect();
    let own = cluster
        .network_policies
        .iter()
        .flat_map(|policy| policy.ingress.iter().chain(&policy.egress).flatten());
    let all = cluster.cluster_policies.iter().flat_map(|policy| policy.ingress.iter().chain(&policy.egress));
    let rules = own.chain(all);
    let peers = rules.flat_map(|rule| rule.peers.iter().flatten());
    let mut cuts: BTreeSet<(bool, u128)> = [(false, 0), (true, 0)].into();
    let mut cut = |range: Addresses| {
        cuts.insert((range.v6, range.first));
        if range.last < Addresses::all(range.v6).last {
            cuts.insert((range.v6, range.last + 1));
        }
    };
    let mut by_node = false;
    for peer in peers {
        match peer {
            Peer::Block { block, except } => {
                cut(*block);
                except.iter().copied().for_each(&mut cut);
            }
            Peer::Nodes(_) => by_node = true,
            _ => {}
        }
    }
    for range in private.iter().chain(&nowhere).chain(&metadata).chain(&server) {
        cut(*range);
    }
    let mut nodes: Vec<(Addresses, &Arc<str>)> = Vec::new();
    if by_node {
        for node in &cluster.nodes {
            nodes.extend(node.addresses.iter().map(|address| (Addresses::one(*address), &node.name)));
        }
        for (address, _) in &nodes {
            cut(*address);
        }
        nodes.sort();
    }
    let cuts: Vec<(bool, u128)> = cuts.into_iter().collect();
    let mut ranges = Vec::with_capacity(cuts.len());
    for (at, &(v6, first)) in cuts.iter().enumerate() {
        let last = match cuts.get(at + 1) {
            Some(&(next_v6, next)) if next_v6 == v6 => next - 1,
            _ => Addresses::all(v6).last,
        };
        let addresses = Addresses { v6, first, last };
        let among = |list: &[Addresses]| list.iter().any(|range| range.holds(addresses));
        let begin = nodes.partition_point(|(address, _)| *address < addresses);
        let here = nodes[begin..].iter().take_while(|(address, _)| *address == addresses);
        let nodes: Vec<Arc<str>> = here.map(|(_, name)| Arc::clone(name)).collect();
        let place = if among(&server) {
            Place::ApiServer
        } else if among(&metadata) {
            Place::Metadata
        } else if !nodes.is_empty() {
            Place::Node
        } else if among(&nowhere) {
            Place::Nowhere
        } else if among(&private) {
            Place::Private
        } else {
            Place::Internet
        };
        ranges.push(Outside { addresses, place, nodes });
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_in_one_range() {
        let ranges = ranges(&Cluster::default());
        for v6 in [false, true] {
            let own: Vec<_> = ranges.iter().filter(|range| range.addresses.v6 == v6).collect();
            assert_eq!(own[0].addresses.first, 0);
            assert_eq!(own[own.len() - 1].addresses.last, Addresses::all(v6).last);
            assert!(own.windows(2).all(|two| two[0].addresses.last + 1 == two[1].addresses.first));
        }
        let place = |text: &str| {
            let address = Addresses::one(text.parse().expect(text));
            ranges.iter().find(|range| range.addresses.holds(address)).expect(text).place
        };
        assert_eq!(place("8.8.8.8"), Place::Internet);
        assert_eq!(place("2001:db8::1"), Place::Internet);
        assert_eq!(place("10.1.2.3"), Place::Private);
        assert_eq!(place("169.254.169.254"), Place::Metadata);
        assert_eq!(place("169.254.169.253"), Place::Private);
        assert_eq!(place("fd00:ec2::254"), Place::Metadata);
        assert_eq!(place("127.0.0.1"), Place::Nowhere);
        assert_eq!(place("::1"), Place::Nowhere);
    }
}
