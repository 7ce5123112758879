//! Verdicts on exports of each platform, kept as text: `PLIMSOLL_WRITE=1` writes them anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::date;
use plimsoll_model::benchmark::{Benchmark, Judgement};
use plimsoll_model::responsibility::{Cell, Owner, Responsibility, Standing};
use plimsoll_model::workload::Kinds;
use serde_json_borrow::Value;

use crate::kubernetes::{Objects, yaml};
use crate::responsibility::attest::Statements;
use crate::responsibility::benchmark::{BENCHMARKS, Framework};
use crate::responsibility::{
    Cloud, Evidence, Exports, Extent, Kubernetes, Matrix, Reports, Scanned, evaluate, pools, what_if,
};

/// A cluster: what was exported of it, and its objects.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) exports: &'static [(Cloud, &'static str)],
    objects: &'static str,
    /// What was seen on its nodes.
    nodes: &'static str,
}

const ADD_ONS: [(Cloud, &str); 8] = [
    (Cloud::Eks, "eks-cluster"),
    (Cloud::Eks, "eks-nodegroup"),
    (Cloud::Eks, "eks-launch-template"),
    (Cloud::Eks, "eks-access-entry"),
    (Cloud::Eks, "eks-addon-vpc-cni"),
    (Cloud::Eks, "eks-addon-coredns"),
    (Cloud::Eks, "eks-addon-kube-proxy"),
    (Cloud::Eks, "eks-addon-eks-pod-identity-agent"),
];

pub(super) const SCENARIOS: [Scenario; 12] = [
    Scenario {
        name: "gke-standard",
        exports: &[(Cloud::Gke, "gke-standard"), (Cloud::Gke, "gke-subnet")],
        objects: "gke",
        nodes: "gke",
    },
    Scenario {
        name: "gke-standard-open",
        exports: &[(Cloud::Gke, "gke-standard-open")],
        objects: "gke-open",
        nodes: "",
    },
    Scenario {
        name: "gke-autopilot",
        exports: &[(Cloud::Gke, "gke-autopilot")],
        objects: "gke-autopilot",
        nodes: "",
    },
    Scenario { name: "eks-managed", exports: &ADD_ONS, objects: "eks", nodes: "eks" },
    Scenario {
        name: "eks-managed-open",
        exports: &[(Cloud::Eks, "eks-cluster-open"), (Cloud::Eks, "eks-nodegroup-open")],
        objects: "eks-open",
        nodes: "",
    },
    Scenario {
        name: "eks-mixed",
        exports: &[
            (Cloud::Eks, "eks-auto-cluster"),
            (Cloud::Eks, "eks-nodegroup"),
            (Cloud::Eks, "eks-fargate-profile"),
        ],
        objects: "eks-mixed",
        nodes: "",
    },
    Scenario { name: "eks-auto", exports: &[(Cloud::Eks, "eks-auto-cluster")], objects: "", nodes: "" },
    Scenario {
        name: "eks-fargate",
        exports: &[(Cloud::Eks, "eks-cluster"), (Cloud::Eks, "eks-fargate-profile")],
        objects: "",
        nodes: "",
    },
    Scenario {
        name: "aks-standard",
        exports: &[
            (Cloud::Aks, "aks-standard"),
            (Cloud::Aks, "aks-maintenance"),
            (Cloud::Aks, "aks-diagnostics"),
        ],
        objects: "aks",
        nodes: "aks",
    },
    Scenario {
        name: "aks-standard-open",
        exports: &[(Cloud::Aks, "aks-standard-open")],
        objects: "aks-open",
        nodes: "",
    },
    Scenario {
        name: "aks-automatic",
        exports: &[
            (Cloud::Aks, "aks-automatic"),
            (Cloud::Aks, "aks-maintenance"),
            (Cloud::Aks, "aks-diagnostics"),
        ],
        objects: "aks",
        nodes: "",
    },
    Scenario { name: "kubeadm", exports: &[], objects: "kubeadm", nodes: "kubeadm" },
];

pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/responsibility")
}

pub(super) fn fixture(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(super) fn now() -> Timestamp {
    "2026-11-26T00:00:00Z".parse().expect("a moment")
}

/// The exports and documents of a scenario as values that can be changed.
pub(super) type Parts =
    (Vec<(Cloud, serde_json::Value)>, Vec<serde_json::Value>, Vec<serde_json::Value>, Vec<Scanned>);

pub(super) fn parts(scenario: &Scenario) -> Parts {
    let export = |(cloud, name): &(Cloud, &str)| {
        let text = fixture(&format!("{name}.json"));
        (*cloud, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    let exports = scenario.exports.iter().map(export).collect();
    let objects = match scenario.objects {
        "" => Vec::new(),
        name => {
            let text = fixture(&format!("objects-{name}.yaml"));
            let stream = yaml::read(&text);
            assert_eq!(stream.fault, None, "{name}");
            let value = |node: &yaml::Node<'_>| {
                let text = serde_json::to_string(&node.value()).expect("a value");
                serde_json::from_str(&text).expect("the same value")
            };
            stream.documents.iter().map(value).collect()
        }
    };
    let nodes = match scenario.nodes {
        "" => Vec::new(),
        name => serde_json::Deserializer::from_str(&fixture(&format!("nodes-{name}.json")))
            .into_iter()
            .map(|facts| facts.unwrap_or_else(|error| panic!("{name}: {error}")))
            .collect(),
    };
    let reports = if nodes.is_empty() { Vec::new() } else { reports(&objects) };
    (exports, objects, nodes, reports)
}

/// A clean report of each image that the objects run.
fn reports(objects: &[serde_json::Value]) -> Vec<Scanned> {
    let mut fields = Vec::new();
    for object in objects {
        paths(object, &mut Vec::new(), &mut fields);
    }
    let is_image = |path: &&Vec<String>| {
        path.last().is_some_and(|key| key == "image") && path.iter().any(|key| key == "containers")
    };
    let mut names = std::collections::BTreeSet::new();
    for object in objects {
        for path in fields.iter().filter(is_image) {
            let pointer = format!("/{}", path.join("/"));
            names.extend(object.pointer(&pointer).and_then(|value| value.as_str()).map(str::to_owned));
        }
    }
    let report =
        |name| Scanned { name, data_of: Some(now()), packages: 10, complete: true, ..Scanned::default() };
    names.into_iter().map(report).collect()
}

fn judged<R>(
    matrix: &Matrix,
    parts: &Parts,
    look: impl FnOnce(&Responsibility, &Evidence<'_>) -> R,
) -> Option<(Responsibility, R)> {
    judged_to(matrix, parts, Extent::Files, look)
}

pub(super) fn judged_to<R>(
    matrix: &Matrix,
    parts: &Parts,
    extent: Extent,
    look: impl FnOnce(&Responsibility, &Evidence<'_>) -> R,
) -> Option<(Responsibility, R)> {
    judged_with(matrix, parts, extent, &Statements::none(date(2026, 11, 26)), look)
}

pub(super) fn judged_with<R>(
    matrix: &Matrix,
    (exported, documents, nodes, reports): &Parts,
    extent: Extent,
    statements: &Statements,
    look: impl FnOnce(&Responsibility, &Evidence<'_>) -> R,
) -> Option<(Responsibility, R)> {
    let texts: Vec<(Cloud, String)> =
        exported.iter().map(|(cloud, value)| (*cloud, value.to_string())).collect();
    let documents: Vec<String> = documents.iter().map(ToString::to_string).collect();
    let values: Vec<(Cloud, Value<'_>)> =
        texts.iter().map(|(cloud, text)| (*cloud, serde_json::from_str(text).expect("JSON"))).collect();
    let mut exports = Exports::default();
    for (cloud, value) in &values {
        // What lost the field by which it is known is no export any more, as it is for a user.
        let _ = exports.add(*cloud, value);
    }
    let values: Vec<Value<'_>> =
        documents.iter().map(|text| serde_json::from_str(text).expect("JSON that we wrote")).collect();
    let (mut objects, kinds) = (Objects::default(), Kinds::default());
    for (place, value) in values.iter().enumerate() {
        objects.add(value, place, &kinds);
    }
    let kubernetes = (!objects.is_empty()).then(|| Kubernetes::new(objects, extent, None));
    // Facts without what a document must have are no facts any more, as they are for a user.
    let nodes = nodes.iter().filter_map(|facts| serde_json::from_value(facts.clone()).ok()).collect();
    let evidence = Evidence { exports, kubernetes, reports: reports.clone().into(), nodes, now: now() };
    let pools = pools(&evidence, matrix, None);
    if pools.is_empty() {
        return None;
    }
    let answer = evaluate(matrix, &evidence, &pools, statements);
    let looked = look(&answer, &evidence);
    Some((answer, looked))
}

fn shown(answer: &Responsibility) -> String {
    let mut text = String::new();
    for column in &answer.columns {
        let _ = writeln!(text, "{} ({}): {}", column.name, column.platform, column.because);
    }
    for row in &answer.controls {
        let _ = write!(text, "\n{}", row.id);
        for cell in &row.cells {
            let seen = cell.seen.first().map(|seen| format!(": {seen}"));
            let missing = || {
                cell.missing.first().map(|missing| format!(": missing {}: {}", missing.input, missing.detail))
            };
            let detail = match cell.standing {
                Standing::Unknown => missing(),
                Standing::Provider | Standing::NotApplicable => None,
                _ => seen,
            };
            let _ = write!(
                text,
                "\n  {} {}{}",
                cell.owner.word(),
                cell.standing.word(),
                detail.unwrap_or_default()
            );
            for blocked in &cell.blocked_by {
                let _ = write!(text, "\n    blocked by {}: {}", blocked.control, blocked.detail);
            }
        }
    }
    text.push('\n');
    text
}

#[test]
fn verdicts_are_as_reviewed() {
    let matrix = Matrix::built_in().expect("our files");
    let write = std::env::var_os("PLIMSOLL_WRITE").is_some();
    for scenario in &SCENARIOS {
        let (answer, ()) = judged(&matrix, &parts(scenario), |_, _| ()).expect("a platform");
        let path = folder().join(format!("verdicts-{}.txt", scenario.name));
        let text = shown(&answer);
        if write {
            std::fs::write(&path, &text).expect("the folder can be written");
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(expected == text, "{} differs: PLIMSOLL_WRITE=1 writes it anew\n{text}", scenario.name);
    }
}

#[test]
fn what_is_well_kept_is_met_and_what_is_neglected_is_not() {
    let matrix = Matrix::built_in().expect("our files");
    let of = |name: &str| {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).expect("a scenario");
        judged(&matrix, &parts(scenario), |_, _| ()).expect("a platform").0
    };
    for (kept, open) in [
        ("gke-standard", "gke-standard-open"),
        ("eks-managed", "eks-managed-open"),
        ("aks-standard", "aks-standard-open"),
    ] {
        let (kept, open) = (of(kept), of(open));
        assert_eq!(kept.number(Standing::NotMet), 0, "{}", shown(&kept));
        assert!(kept.number(Standing::Met) >= 40 * kept.columns.len(), "{}", shown(&kept));
        // The switches of the cloud are off, the objects careless: what was met is not any more.
        assert!(open.number(Standing::NotMet) >= 30 * open.columns.len(), "{}", shown(&open));
        let still: Vec<&str> = open
            .own()
            .filter(|(_, cell)| cell.standing == Standing::Met)
            .map(|(row, _)| row.id.as_str())
            .collect();
        // The authority of a cluster does not end sooner for it.
        assert!(still.iter().all(|id| *id == "INF-012"), "{still:?}");
    }
}

/// At least three of five cells that are the reader's are decided from evidence on a full export: of the cloud, of objects, of nodes,
/// and reports about the images that run.
#[test]
#[expect(clippy::print_stdout, reason = "what is open, for whoever closes it")]
fn most_is_decided_from_evidence() {
    let matrix = Matrix::built_in().expect("our files");
    for (name, least) in [("gke-standard", 60), ("aks-standard", 60), ("eks-managed", 60), ("kubeadm", 60)] {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).expect("a scenario");
        let (answer, ()) = judged(&matrix, &parts(scenario), |_, _| ()).expect("a platform");
        let all = answer.own().count();
        let is_decided = |cell: &Cell| matches!(cell.standing, Standing::Met | Standing::NotMet);
        let decided = answer.own().filter(|(_, cell)| is_decided(cell)).count();
        let open: Vec<&str> =
            answer.own().filter(|(_, cell)| !is_decided(cell)).map(|(row, _)| row.id.as_str()).collect();
        println!("{name}: {decided} of {all} decided, open: {}", open.join(" "));
        assert!(decided * 100 >= least * all, "{name}: {decided} of {all}");
    }
}

/// Every path to a field of a value.
pub(super) fn paths(value: &serde_json::Value, at: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                at.push(key.clone());
                out.push(at.clone());
                paths(value, at, out);
                at.pop();
            }
        }
        serde_json::Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                at.push(index.to_string());
                paths(value, at, out);
                at.pop();
            }
        }
        _ => {}
    }
}

pub(super) fn remove(value: &mut serde_json::Value, path: &[String]) {
    let Some((last, way)) = path.split_last() else { return };
    let mut value = value;
    for part in way {
        value = match value {
            serde_json::Value::Object(map) => map.get_mut(part).expect("the path of a field"),
            serde_json::Value::Array(list) => &mut list[part.parse::<usize>().expect("an index")],
            _ => return,
        };
    }
    if let serde_json::Value::Object(map) = value {
        map.remove(last);
    }
}

/// Group and kind of a document.
pub(super) fn kind_of(value: &serde_json::Value) -> (String, String) {
    let text = |key: &str| value[key].as_str().unwrap_or_default();
    let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
    (group.to_owned(), text("kind").to_owned())
}

/// A cluster of which every kind was read that any scenario has, but not this one.
pub(super) fn all_but(gone: Option<&(String, String)>) -> Extent {
    let mut read: std::collections::BTreeSet<(String, String)> =
        SCENARIOS.iter().flat_map(|scenario| parts(scenario).1).map(|value| kind_of(&value)).collect();
    for (group, kind) in [
        ("", "Pod"),
        ("apps", "StatefulSet"),
        ("batch", "CronJob"),
        ("batch", "Job"),
        ("gateway.networking.k8s.io", "Gateway"),
        ("policy.networking.k8s.io", "AdminNetworkPolicy"),
        ("policy.networking.k8s.io", "BaselineAdminNetworkPolicy"),
        ("policy.networking.k8s.io", "ClusterNetworkPolicy"),
        ("auto.gke.io", "AllowlistSynchronizer"),
        ("auto.gke.io", "WorkloadAllowlist"),
    ] {
        read.insert((group.to_owned(), kind.to_owned()));
    }
    let missing = gone.map(|gone| (gone.clone(), "forbidden".to_owned())).into_iter().collect();
    if let Some(gone) = gone {
        read.remove(gone);
    }
    Extent::Cluster { read, missing, cleaned: false }
}

/// By control, column and platform: a cluster that is taken for another platform has other cells.
fn standings(
    matrix: &Matrix,
    answer: &Responsibility,
    evidence: &Evidence<'_>,
) -> BTreeMap<(String, String, String), Standing> {
    let mut all = BTreeMap::new();
    for row in &answer.controls {
        for (column, cell) in answer.columns.iter().zip(&row.cells) {
            all.insert((row.id.clone(), column.name.clone(), column.platform.clone()), cell.standing);
        }
    }
    for benchmark in benchmarks(matrix, evidence) {
        // Of the same pools only: one that is gone takes what it said against it along.
        let columns: Vec<&str> = benchmark.columns.iter().map(|column| column.name.as_str()).collect();
        for check in &benchmark.checks {
            let standing = if check.judgement == Judgement::Met { Standing::Met } else { Standing::Unknown };
            all.insert((check.id.clone(), benchmark.framework.clone(), columns.join(" ")), standing);
        }
    }
    all
}

/// Whatever is taken away, nothing turns met: a field of an export, an export, all objects of a kind, a field of a node.
#[test]
fn nothing_turns_met_when_something_is_taken_away() {
    let matrix = Matrix::built_in().expect("our files");
    let mut tried = 0;
    let all = all_but(None);
    for scenario in &SCENARIOS {
        let whole = parts(scenario);
        let ask = |parts: &Parts, extent: Extent| {
            judged_to(&matrix, parts, extent, |answer, evidence| standings(&matrix, answer, evidence))
        };
        let before = ask(&whole, all.clone()).expect("a platform").1;
        let mut check = |what: String, less: &Parts, extent: Extent| {
            tried += 1;
            let Some((_, after)) = ask(less, extent) else { return };
            for (key, standing) in after {
                // A pool that was not a column before has nothing to be compared with.
                let Some(was) = before.get(&key) else { continue };
                assert!(
                    standing != Standing::Met || *was == Standing::Met,
                    "{}: without {what}, {key:?} turns from {was:?} to met",
                    scenario.name
                );
            }
        };
        for index in 0..whole.0.len() {
            let mut less = whole.clone();
            less.0.remove(index);
            check(format!("export {index}"), &less, all.clone());
            let mut fields = Vec::new();
            paths(&whole.0[index].1, &mut Vec::new(), &mut fields);
            for path in fields {
                let mut less = whole.clone();
                remove(&mut less.0[index].1, &path);
                check(path.join("."), &less, all.clone());
            }
        }
        for index in 0..whole.2.len() {
            let mut less = whole.clone();
            less.2.remove(index);
            check(format!("facts of node {index}"), &less, all.clone());
            let mut fields = Vec::new();
            paths(&whole.2[index], &mut Vec::new(), &mut fields);
            for path in fields {
                let mut less = whole.clone();
                remove(&mut less.2[index], &path);
                check(format!("{} of a node's facts", path.join(".")), &less, all.clone());
            }
        }
        for index in 0..whole.3.len() {
            let mut less = whole.clone();
            let report = less.3.remove(index);
            check(format!("the report about {}", report.name), &less, all.clone());
            for (what, report) in [
                ("a part", Scanned { complete: false, ..report.clone() }),
                ("the date", Scanned { data_of: None, ..report.clone() }),
                ("the packages", Scanned { packages: 0, ..report }),
            ] {
                less.3.insert(index, report);
                check(format!("{what} of report {index}"), &less, all.clone());
                less.3.remove(index);
            }
        }
        let kinds: std::collections::BTreeSet<(String, String)> = whole.1.iter().map(kind_of).collect();
        for gone in &kinds {
            let mut less = whole.clone();
            less.1.retain(|value| kind_of(value) != *gone);
            check(format!("the list of {gone:?}"), &less, all_but(Some(gone)));
        }
        for (index, value) in whole.1.iter().enumerate().filter(|(_, value)| kind_of(value).1 == "Node") {
            let mut fields = Vec::new();
            paths(value, &mut Vec::new(), &mut fields);
            for path in fields.into_iter().filter(|path| path[0] == "status") {
                let mut less = whole.clone();
                remove(&mut less.1[index], &path);
                check(format!("{} of a node", path.join(".")), &less, all.clone());
            }
        }
    }
    assert!(tried > 1000, "{tried}");
}

/// The benchmarks of the families that there are pools of.
fn benchmarks(matrix: &Matrix, evidence: &Evidence<'_>) -> Vec<Benchmark> {
    let pools = pools(evidence, matrix, None);
    let none = Statements::none(date(2026, 11, 26));
    // Reading the files costs more than all that is asked of them here.
    static OURS: LazyLock<Vec<Framework>> = LazyLock::new(|| {
        BENCHMARKS.map(|name| Framework::find(name).expect("a good file").expect("a benchmark")).into()
    });
    OURS.iter()
        .filter(|framework| pools.iter().any(|pool| pool.base.family() == Some(framework.family)))
        .map(|framework| framework.evaluate(matrix, evidence, &pools, &none))
        .collect()
}

/// Every id has a word; on a full export most are decided from evidence.
#[test]
#[expect(clippy::print_stdout, reason = "what is open, for whoever closes it")]
fn benchmarks_are_decided_and_never_blank() {
    let matrix = Matrix::built_in().expect("our files");
    for (scenario, name, ids, least, open) in [
        // The endpoint is public to chosen networks, and nothing runs in a sandbox.
        ("gke-standard", "cis-gke", 57, 50, &["5.6.4", "5.10.3"][..]),
        ("eks-managed", "cis-eks", 50, 45, &["5.4.2"]),
        ("aks-standard", "cis-aks", 51, 45, &["5.4.2"]),
    ] {
        let scenario = SCENARIOS.iter().find(|one| one.name == scenario).expect("a scenario");
        let (_, all) = judged(&matrix, &parts(scenario), |_, evidence| benchmarks(&matrix, evidence))
            .expect("a platform");
        let answer = all.into_iter().find(|answer| answer.framework == name).expect("its benchmark");
        assert_eq!(answer.checks.len(), ids, "{name}");
        let decided = answer.number(Judgement::Met) + answer.number(Judgement::NotMet);
        let told = |judgement| {
            let of = answer.checks.iter().filter(move |check| check.judgement == judgement);
            of.map(|check| format!("{} ({:?} {:?})", check.id, check.seen, check.missing)).collect::<Vec<_>>()
        };
        println!("{name}: {decided} of {ids} decided");
        let not_met = answer.checks.iter().filter(|check| check.judgement == Judgement::NotMet);
        let not_met: Vec<&str> = not_met.map(|check| check.id.as_str()).collect();
        assert_eq!(not_met, open, "{name}: {:?}", told(Judgement::NotMet));
        assert!(decided >= least, "{name}: {decided}; open: {:#?}", told(Judgement::Unknown));
        for check in &answer.checks {
            assert!(matrix.control_named(&check.control).is_some(), "{name} {}: {}", check.id, check.control);
            let says = !check.seen.is_empty() || !check.missing.is_empty();
            assert!(says, "{name} {} says nothing", check.id);
        }
        assert_eq!(answer.totals.iter().map(|total| total.number).sum::<u64>(), ids as u64);
        // Without anything but the platform, nothing is met, and everything has a word.
        let evidence = Evidence {
            exports: Exports::default(),
            kubernetes: None,
            reports: Reports::default(),
            nodes: Vec::new(),
            now: now(),
        };
        let platform = answer.columns[0].platform.clone();
        let pools = pools(&evidence, &matrix, Some(&platform));
        let framework = Framework::find(name).expect("a good file").expect("a benchmark");
        let none = Statements::none(date(2026, 11, 26));
        let empty = framework.evaluate(&matrix, &evidence, &pools, &none);
        assert_eq!((empty.number(Judgement::Met), empty.number(Judgement::NotMet)), (0, 0), "{name}");
        assert!(empty.checks.iter().all(|check| !check.missing.is_empty()), "{name}");
        // A statement counts for its id alone, and that of a control for all of its ids.
        let text = format!(
            "apiVersion: plimsoll.dev/v1\nkind: Attestations\nstatements:\n- {{control: {name}/5.1.2, by: A. Person, until: 2027-03-31}}\n- {{control: INF-025, by: B. Person, until: 2027-03-31}}\n"
        );
        let statements = Statements::read("a.yaml", &text, date(2026, 11, 26)).expect("good statements");
        let stated = framework.evaluate(&matrix, &evidence, &pools, &statements);
        let attested: Vec<&str> = stated
            .checks
            .iter()
            .filter(|check| check.judgement == Judgement::Attested)
            .map(|check| check.id.as_str())
            .collect();
        assert!(attested.contains(&"5.1.2"), "{attested:?}");
        assert!(!attested.contains(&"5.1.3"), "{attested:?}");
        assert_eq!(attested.contains(&"3.1.1"), name != "cis-aks", "of AKS the kubelet is the provider's");
    }
}

/// What one id of the benchmark of GKE says.
fn check_of_gke(matrix: &Matrix, parts: &Parts, id: &str) -> Judgement {
    let (_, all) = judged(matrix, parts, |_, evidence| benchmarks(matrix, evidence)).expect("a platform");
    let gke = all.into_iter().find(|answer| answer.framework == "cis-gke").expect("the benchmark");
    gke.checks.iter().find(|check| check.id == id).expect("an id").judgement
}

#[test]
fn flow_logs_are_those_of_the_subnetworks_of_this_cluster() {
    let matrix = Matrix::built_in().expect("our files");
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == "gke-standard").expect("a scenario");
    let whole = parts(scenario);
    let told = |change: &dyn Fn(&mut Parts)| {
        let mut parts = whole.clone();
        change(&mut parts);
        check_of_gke(&matrix, &parts, "5.6.1")
    };
    let other = |parts: &Parts, name: &str, on: bool| {
        let (cloud, mut subnet) = parts.0[1].clone();
        subnet["name"] = name.into();
        subnet["logConfig"]["enable"] = on.into();
        (cloud, subnet)
    };
    assert_eq!(told(&|_| {}), Judgement::Met);
    let with_another = |parts: &mut Parts| parts.0.push(other(parts, "databases", false));
    assert_eq!(told(&with_another), Judgement::Met, "another subnetwork is none of its");
    let with_another_only = |parts: &mut Parts| parts.0[1] = other(parts, "databases", true);
    assert_eq!(told(&with_another_only), Judgement::Unknown);
    let with_a_pool_elsewhere = |parts: &mut Parts| {
        parts.0[0].1["nodePools"][0]["networkConfig"]["subnetwork"] =
            "projects/p/regions/r/subnetworks/batch".into();
    };
    assert_eq!(told(&with_a_pool_elsewhere), Judgement::Unknown);
    let with_both = |parts: &mut Parts, on| {
        with_a_pool_elsewhere(parts);
        parts.0.push(other(parts, "batch", on));
    };
    assert_eq!(told(&|parts: &mut Parts| with_both(parts, true)), Judgement::Met);
    assert_eq!(told(&|parts: &mut Parts| with_both(parts, false)), Judgement::NotMet);
}

#[test]
fn a_signing_request_that_nobody_can_read_is_no_good_one() {
    use base64::Engine as _;
    let matrix = Matrix::built_in().expect("our files");
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == "gke-standard").expect("a scenario");
    let whole = parts(scenario);
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let pem = |der: &[u8]| {
        let body = base64(der);
        let head = "-----BEGIN CERTIFICATE REQUEST-----";
        base64(format!("{head}\n{body}\n-----END CERTIFICATE REQUEST-----\n").as_bytes())
    };
    let told = |request: serde_json::Value| {
        let mut parts = whole.clone();
        parts.1.push(serde_json::json!({
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": "one"},
            "spec": {"signerName": "example.com/x", "request": request},
        }));
        check_of_gke(&matrix, &parts, "4.1.6")
    };
    let wide: Vec<u8> = "0system:masters".encode_utf16().flat_map(u16::to_be_bytes).skip(1).collect();
    for (request, wanted) in [
        (serde_json::json!(pem(b"0\x0eteam:observers")), Judgement::Met),
        (serde_json::json!(pem(b"0\x0esystem:masters")), Judgement::NotMet),
        (serde_json::json!(pem(&wide)), Judgement::NotMet),
        (serde_json::json!(null), Judgement::Unknown),
        (serde_json::json!("%%%"), Judgement::Unknown),
        (serde_json::json!(base64(b"no PEM")), Judgement::Unknown),
        (serde_json::json!(pem(b"no DER")), Judgement::Unknown),
    ] {
        assert_eq!(told(request.clone()), wanted, "{request}");
    }
}

#[test]
fn a_certificate_that_was_renewed_does_not_count_any_more() {
    let matrix = Matrix::built_in().expect("our files");
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == "kubeadm").expect("a scenario");
    let whole = parts(scenario);
    let standing = |certificates: serde_json::Value| {
        let mut parts = whole.clone();
        parts.2[0]["certificates"] = certificates;
        let (answer, ()) = judged(&matrix, &parts, |_, _| ()).expect("a platform");
        let row = answer.controls.iter().find(|row| row.id == "INF-026").expect("a control");
        row.cells.iter().map(|cell| cell.standing).next().expect("a cell")
    };
    let folder = "/var/lib/kubelet/pki/";
    let current = serde_json::json!({"path": format!("{folder}kubelet-client-current.pem"), "until": "2027-06-01T00:00:00Z"});
    let old = serde_json::json!({"path": format!("{folder}kubelet-client-2025-06-01-00-00-00.pem"), "until": "2026-06-01T00:00:00Z"});
    let unread = serde_json::json!({"path": folder});
    let alone = standing(serde_json::json!([current]));
    assert_eq!(standing(serde_json::json!([current, old])), alone);
    assert_eq!(standing(serde_json::json!([old])), Standing::NotMet);
    assert_ne!(standing(serde_json::json!([current, unread])), Standing::Met);
}

/// A node of the pool that nobody looked at leaves what is asked of nodes open; what is wrong on one is wrong.
#[test]
fn one_node_speaks_for_itself_alone() {
    let matrix = Matrix::built_in().expect("our files");
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == "kubeadm").expect("a scenario");
    let whole = parts(scenario);
    let standing = |parts: &Parts, id: &str| {
        let (answer, ()) = judged(&matrix, parts, |_, _| ()).expect("a platform");
        answer.controls.iter().find(|row| row.id == id).expect("a control").cells[0].standing
    };
    assert_eq!(standing(&whole, "INF-025"), Standing::Met);
    let mut less = whole.clone();
    less.2.remove(1);
    assert_eq!(standing(&less, "INF-025"), Standing::Unknown);
    less.2[0]["kubelet"]["arguments"] = serde_json::json!(["--config", "/c", "--read-only-port", "10255"]);
    assert_eq!(standing(&less, "INF-025"), Standing::NotMet, "an argument goes before the file");
    let mut effective = whole.clone();
    for facts in &mut effective.2 {
        let configuration = facts["kubelet"]["configuration"].clone();
        facts["kubelet"] = serde_json::json!({"effective": configuration});
    }
    assert_eq!(standing(&effective, "INF-025"), Standing::Met, "what the kubelet itself says is all of it");
    effective.2[0]["kubelet"]["effective"]["authorization"]["mode"] = "AlwaysAllow".into();
    assert_eq!(standing(&effective, "INF-025"), Standing::NotMet);
}

/// Each API server has a file of its own by which it encrypts: one that nobody looked at leaves it open.
#[test]
fn every_api_server_is_asked_how_secrets_are_kept() {
    let matrix = Matrix::built_in().expect("our files");
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == "kubeadm").expect("a scenario");
    let whole = parts(scenario);
    let cell = |parts: &Parts| {
        let (answer, ()) = judged(&matrix, parts, |_, _| ()).expect("a platform");
        answer.controls.iter().find(|row| row.id == "INF-014").expect("a control").cells[0].clone()
    };
    let is_server = |object: &&mut serde_json::Value| object["metadata"]["name"] == "kube-apiserver-cp-1";
    assert_eq!(cell(&whole).standing, Standing::Met);
    // It is not told on which node the server runs: any may be of the control plane.
    let mut less = whole.clone();
    less.2.remove(1);
    let told = cell(&less);
    assert_eq!(told.standing, Standing::Unknown);
    assert!(told.missing.iter().any(|one| one.detail.contains("worker-1")), "{told:?}");
    // It is told: the worker does not matter.
    for (node, standing) in [("cp-1", Standing::Met), ("cp-2", Standing::Unknown)] {
        let mut placed = less.clone();
        placed.1.iter_mut().find(is_server).expect("a server")["spec"]["nodeName"] = node.into();
        let told = cell(&placed);
        assert_eq!(told.standing, standing, "{told:?}");
        assert!(standing == Standing::Met || told.missing.iter().any(|one| one.detail.contains("cp-2")));
    }
    // A second server that encrypts nothing.
    let mut two = whole.clone();
    let mut second = two.1.iter_mut().find(is_server).expect("a server").clone();
    second["metadata"]["name"] = "kube-apiserver-cp-2".into();
    second["spec"]["containers"][0]["command"] = serde_json::json!(["kube-apiserver", "--profiling=false"]);
    two.1.push(second);
    assert_eq!(cell(&two).standing, Standing::NotMet);
}

#[test]
fn a_move_is_told_with_what_breaks() {
    let matrix = Matrix::built_in().expect("our files");
    let scenario =
        SCENARIOS.iter().find(|scenario| scenario.name == "gke-standard-open").expect("a scenario");
    let (_, change) = judged(&matrix, &parts(scenario), |answer, evidence| {
        what_if(&matrix, evidence, answer, 0, "gke-autopilot").expect("a column and a platform")
    })
    .expect("a platform");
    assert_eq!((change.off_you.len(), change.onto_you.len(), change.same), (23, 0, 60));
    assert_eq!(change.off_you[0].standing, Standing::NotMet, "what is not met comes first");
    let refused: Vec<&str> = change.refused.iter().map(|refused| refused.workload.as_str()).collect();
    assert_eq!(refused, ["DaemonSet tools/agent", "Deployment shop/web"]);
    assert!(!change.lost.is_empty());
    assert_eq!(change.workloads_seen, Some(2));
}

#[test]
fn a_statement_fills_what_nothing_decides_and_changes_nothing_that_was_seen() {
    let matrix = Matrix::built_in().expect("our files");
    let scenario =
        SCENARIOS.iter().find(|scenario| scenario.name == "gke-standard-open").expect("a scenario");
    let (exported, documents, ..) = parts(scenario);
    let today = date(2026, 11, 26);
    let text = "apiVersion: plimsoll.dev/v1\nkind: Attestations\nstatements:\n- {control: SC-007, by: A. Person, until: 2027-03-31}\n- {control: INF-006, by: A. Person, until: 2027-03-31}\n- {control: INF-016, by: B. Person, until: 2026-11-25}\n- {control: SC-008, on: batch, by: C. Person, until: 2026-11-26}\n";
    let statements = Statements::read("a.yaml", text, today).expect("good statements");
    let export = exported[0].1.to_string();
    let export: Value<'_> = serde_json::from_str(&export).expect("JSON");
    let mut exports = Exports::default();
    exports.add(Cloud::Gke, &export).expect("an export");
    assert!(!documents.is_empty());
    let evidence =
        Evidence { exports, kubernetes: None, reports: Reports::default(), nodes: Vec::new(), now: now() };
    let pools = pools(&evidence, &matrix, None);
    let answer = evaluate(&matrix, &evidence, &pools, &statements);
    let cell = |id: &str, column: usize| {
        &answer.controls.iter().find(|row| row.id == id).expect("a control").cells[column]
    };
    assert_eq!(cell("SC-007", 0).standing, Standing::Attested);
    assert_eq!(cell("INF-006", 0).standing, Standing::NotMet, "what was seen stays");
    assert_eq!(cell("INF-016", 0).standing, Standing::Unknown, "its day is over");
    assert!(cell("INF-016", 0).missing[0].detail.contains("B. Person ended on 2026-11-25"));
    let column = |name: &str| answer.columns.iter().position(|column| column.name == name).expect("a column");
    assert_eq!(cell("SC-008", column("batch")).standing, Standing::Attested, "the last day counts");
    assert_eq!(cell("SC-008", column("default-pool")).standing, Standing::Unknown);
    assert!(answer.own().all(|(_, cell)| cell.owner != Owner::Provider));
}

#[test]
fn statements_that_are_malformed_are_refused() {
    let today = date(2026, 11, 26);
    let file = |statement: &str| {
        let text = format!("apiVersion: plimsoll.dev/v1\nkind: Attestations\nstatements:\n- {statement}\n");
        Statements::read("a.yaml", &text, today).map_err(|fault| fault.to_string())
    };
    for (statement, wanted) in [
        ("{control: SC-007, by: A, until: tomorrow}", "is no day"),
        ("{control: SC-007, by: A, until: \"2027-02-30\"}", "is no day"),
        ("{control: SC-007, by: A, until: \"20270301\"}", "is no day"),
        ("{control: SC-007, by: A, until: \"2027-03-01T00:00:00Z\"}", "is no day"),
        ("{control: SC-007, by: A, until: \"2099-01-01\"}", "more than 400 days"),
        ("{control: SC-007, by: \" \", until: \"2027-03-01\"}", "nobody stands"),
        ("{control: SC-007, by: A}", "until"),
        ("{control: SC-007, by: A, until: \"2027-03-01\", untill: x}", "untill"),
        ("{control: \"\", by: A, until: \"2027-03-01\"}", "no control"),
    ] {
        let told = file(statement).expect_err(statement);
        assert!(told.contains(wanted), "{told}");
    }
    assert!(
        Statements::read("a.yaml", "kind: Other\napiVersion: plimsoll.dev/v1\nstatements: []", today)
            .is_err()
    );
    let mut statements = Statements::none(today);
    assert!(statements.add("SC-007", None, "A", "2026-11-25", "").is_err(), "over already");
    statements.add("SC-007", None, "A \"B\"", "2027-03-01", "seen: yes").expect("a good one");
    statements.add("SC-007", None, "C", "2027-04-01", "").expect("it takes the place of the first");
    statements.add("INF-016", Some("batch"), "A", "2027-03-01", "'").expect("another");
    let text = statements.write();
    let again = Statements::read("a.yaml", &text, today).expect("what was written can be read");
    assert_eq!(again.all(), statements.all());
    assert_eq!(again.all().len(), 2);
    assert_eq!(again.write(), text);
}

/// One API server of several that is careless is enough; one whose flags nobody sees leaves it open.
#[test]
fn every_api_server_is_asked() {
    let matrix = Matrix::built_in().expect("our files");
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == "kubeadm").expect("a scenario");
    let whole = parts(scenario);
    let standing = |parts: &Parts, id: &str| {
        let (answer, ()) = judged(&matrix, parts, |_, _| ()).expect("a platform");
        answer.controls.iter().find(|row| row.id == id).expect("a control").cells[0].standing
    };
    let flagged = ["audit-policy-file", "anonymous-auth", "oidc-issuer-url"];
    let controls = ["INF-015", "INF-007", "INF-008"];
    let server = whole.1.iter().find(|object| object["metadata"]["name"] == "kube-apiserver-cp-1");
    let server = server.expect("a server").clone();
    for (flag, id) in flagged.into_iter().zip(controls) {
        let alone = standing(&whole, id);
        let with_second = |change: &dyn Fn(&mut Vec<serde_json::Value>)| {
            let mut two = whole.clone();
            let mut second = server.clone();
            second["metadata"]["name"] = "kube-apiserver-cp-2".into();
            change(second["spec"]["containers"][0]["command"].as_array_mut().expect("flags"));
            // Wherever it stands in the list.
            two.1.insert(0, second.clone());
            two.1.push(second);
            standing(&two, id)
        };
        assert_eq!(with_second(&|_| {}), alone, "{id}");
        let careless = with_second(&|flags| {
            flags.retain(|own| !own.as_str().is_some_and(|own| own.contains(flag)));
        });
        assert_eq!(careless, Standing::NotMet, "{id} without --{flag}");
        assert_ne!(with_second(&Vec::clear), Standing::Met, "{id} without flags");
    }
}

/// A digest goes before a name: a report of the same name about another image says nothing.
#[test]
fn a_report_about_another_digest_is_of_another_image() {
    let digest = |letter: char| format!("sha256:{}", letter.to_string().repeat(64));
    let set = |letters: &str| letters.chars().map(digest).collect::<std::collections::BTreeSet<String>>();
    let report = |name: &str, digests: &str| Scanned {
        name: name.to_owned(),
        digests: set(digests).into_iter().collect(),
        ..Scanned::default()
    };
    let about = |reports: &[Scanned], digests: &str, apart: &str| {
        let reports = Reports::from(reports.to_vec());
        let told = reports.about("a:1", &set(digests), &set(apart));
        (told.reports.iter().map(|report| report.name.clone()).collect::<Vec<_>>(), told.other)
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    assert_eq!(about(&[report("a:1", "a")], "b", "b"), (names(&[]), Some(digest('b'))));
    assert_eq!(about(&[report("a:1", "a"), report("x", "b")], "b", "b"), (names(&["x"]), None));
    assert_eq!(about(&[report("a:1", "")], "b", "b"), (names(&["a:1"]), None), "it has no digest");
    assert_eq!(about(&[report("a:1", "a")], "", ""), (names(&["a:1"]), None), "the cluster tells none");
    assert_eq!(about(&[report("a:1", "ab")], "ab", ""), (names(&["a:1"]), None), "index and manifest");
    // The name moved while pods ran: each digest needs a report.
    assert_eq!(about(&[report("a:1", "a")], "ab", "ab"), (names(&["a:1"]), Some(digest('b'))));
    assert_eq!(about(&[], "b", "b"), (names(&[]), None));
}
