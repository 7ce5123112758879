//! The cases of netpol-analyzer: the same connections come out, or the case is about something that is not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use plimsoll_model::audit::ClusterInfo;
use plimsoll_model::reach::{Ports, Reached};
use plimsoll_model::workload::Kinds;
use plimsoll_posture::cluster::reach::Reachability;
use plimsoll_posture::cluster::{Builder, Cluster, Origin};
use plimsoll_posture::kubernetes::yaml;

/// Cases that differ, with the reason.
const DIFFERENT: &[(&str, &str)] = &[
    ("virtual_machines_example", VIRTUAL),
    ("example_pods_w_same_owner_and_labels_gap_anp_good", OWNER),
    ("example_pods_w_same_owner_and_labels_gap_no_policy", OWNER),
    ("example_pods_w_same_owner_and_labels_gap_with_good_match_expression", OWNER),
    ("example_pods_w_same_owner_and_labels_gap_with_policy_selector_not_in_gap", OWNER),
    ("acs-security-demos", CONTROLLER),
    ("acs-security-demos-with-netpol-list", CONTROLLER),
];
const VIRTUAL: &str = "virtual machines are not looked at";
const OWNER: &str = "an owner without a kind is none: the pods stand for themselves";
const CONTROLLER: &str = "a controller that is nowhere to be seen is taken for a pod there; here it is unknown whether a policy for pods lets it in";

fn read(folder: &Path, builder: &mut Builder) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        if path.is_dir() {
            read(&path, builder);
        } else if ["yaml", "yml", "json"].contains(&end) {
            let text = std::fs::read_to_string(&path).expect("a text");
            for node in &yaml::read(&text).documents {
                builder.object(&node.value(), None);
            }
        }
    }
}

/// The cluster as netpol-analyzer sees it: namespaces without an object have no labels, the network of nodes is as any other.
fn cluster(folder: &Path) -> Cluster {
    let mut builder = Builder::new(Origin::Manifests, Kinds::default());
    read(folder, &mut builder);
    let mut cluster = builder.finish();
    for namespace in cluster.namespaces.values_mut() {
        namespace.seen = true;
    }
    for workload in &mut cluster.workloads {
        workload.host_network = false;
    }
    cluster
}

/// `demo/Deployment/web` as `demo/web[Deployment]`.
fn named(shown: &str) -> String {
    match shown.split('/').collect::<Vec<_>>().as_slice() {
        [namespace, kind, name] => format!("{namespace}/{name}[{kind}]"),
        _ => shown.to_owned(),
    }
}

/// `TCP 80; UDP 53` as `TCP 80,UDP 53`, in its order.
fn ports(ports: &Ports) -> String {
    let mut all: Vec<String> = ports
        .allowed
        .split("; ")
        .filter(|part| *part != "other protocols")
        .map(|part| part.replace(" all", " 1-65535"))
        .collect();
    all.sort();
    let text = all.join(",");
    let whole = ports.allowed == "all" || text == "SCTP 1-65535,TCP 1-65535,UDP 1-65535";
    if whole { "All Connections".into() } else { text }
}

/// First and last addresses of IPv4.
type Ranges = Vec<(u32, u32)>;

fn got(folder: &Path) -> BTreeSet<String> {
    let cluster = cluster(folder);
    let mut all = Reachability::new(&cluster).expect("small");
    let reach = all.whole(&ClusterInfo::default(), usize::MAX);
    let mut lines = BTreeSet::new();
    for one in reach.connections.iter().filter(|one| one.ports.answer == Reached::Allowed) {
        // It knows IPv4 alone.
        if one.from.contains(':') || one.to.contains(':') {
            continue;
        }
        lines.insert(format!("{} => {} : {}", named(&one.from), named(&one.to), ports(&one.ports)));
    }
    // Of several ways through controllers it says all ports at once.
    let mut through: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in reach.exposures.iter().filter(|one| one.by == "Ingress" || one.by == "Route") {
        if one.ports.answer == Reached::Allowed {
            let numbers = one.ports.allowed.trim_start_matches("TCP ").split(',').map(str::to_owned);
            through.entry(one.workload.clone()).or_default().extend(numbers);
        }
    }
    for (workload, numbers) in through {
        let mut numbers: Vec<String> = numbers.into_iter().collect();
        numbers.sort_by_key(|number| number.parse::<u32>().unwrap_or_default());
        lines.insert(format!("{{ingress-controller}} => {} : TCP {}", named(&workload), numbers.join(",")));
    }
    lines
}

/// What it says, its ranges of addresses put together where they are neighbours.
fn expected(text: &str) -> BTreeSet<String> {
    let range = |side: &str| -> Option<(u32, u32)> {
        let (first, last) = side.strip_suffix("[External]")?.split_once('-')?;
        let number = |text: &str| text.parse::<std::net::Ipv4Addr>().expect("an address").to_bits();
        Some((number(first), number(last)))
    };
    let mut lines = BTreeSet::new();
    // By the other side, whether it comes in, and ports.
    let mut ranges: BTreeMap<(&str, bool, &str), Ranges> = BTreeMap::new();
    for line in text.lines() {
        let Some((from, rest)) = line.split_once(" => ") else { continue };
        let Some((to, ports)) = rest.rsplit_once(" : ") else { continue };
        match (range(from), range(to)) {
            (Some(own), _) => ranges.entry((to, true, ports)).or_default().push(own),
            (_, Some(own)) => ranges.entry((from, false, ports)).or_default().push(own),
            _ => {
                lines.insert(line.to_owned());
            }
        }
    }
    for ((other, comes_in, ports), mut all) in ranges {
        all.sort_unstable();
        let mut merged = Ranges::new();
        for (first, last) in all {
            match merged.last_mut() {
                Some(before) if before.1.checked_add(1) == Some(first) => before.1 = last,
                _ => merged.push((first, last)),
            }
        }
        for (first, last) in merged {
            let shown =
                plimsoll_posture::cluster::Addresses { v6: false, first: first.into(), last: last.into() };
            let line = if comes_in {
                format!("{shown} => {other} : {ports}")
            } else {
                format!("{other} => {shown} : {ports}")
            };
            lines.insert(line);
        }
    }
    lines
}

#[test]
fn connections_are_those_of_netpol_analyzer() {
    let Some(archive) = plimsoll_testing::shared("fixtures/posture/netpol-analyzer-give.tar.zst") else {
        return;
    };
    let unpacked = plimsoll_testing::unpack(&archive);
    let root = unpacked.path().join("netpol-analyzer-give");
    let (mut agree, mut explained, mut networks, mut different) = (0, 0, 0, Vec::new());
    let mut outputs: Vec<_> = std::fs::read_dir(root.join("test_outputs/connlist"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    outputs.sort();
    for path in outputs {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let Some(case) = name.strip_suffix("_connlist_output.txt") else { continue };
        let folder = root.join("tests").join(case);
        // Those of one workload or port are parts of the others.
        if !folder.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text");
        if text.contains("Permitted connectivity analyzed in") {
            // Networks beside that of pods, and virtual machines: not looked at.
            networks += 1;
            continue;
        }
        let (expected, got) = (expected(&text), got(&folder));
        if expected == got {
            agree += 1;
            assert!(!DIFFERENT.iter().any(|(own, _)| *own == case), "{case} agrees now");
        } else if DIFFERENT.iter().any(|(own, why)| *own == case && !why.is_empty()) {
            explained += 1;
        } else {
            let missing: Vec<&String> = expected.difference(&got).take(4).collect();
            let more: Vec<&String> = got.difference(&expected).take(4).collect();
            different.push(format!("{case}\n  missing {missing:#?}\n  more {more:#?}"));
        }
    }
    assert!(different.is_empty(), "{agree} agree, {} differ:\n{}", different.len(), different.join("\n"));
    // docs/status.md says these.
    assert_eq!((agree, explained, networks), (47, 7, 15));
}
