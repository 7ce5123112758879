//! What each input decides: every field of the exports and of the facts of nodes, away and otherwise, every export, every kind of
//! objects, and all reports. Kept as text, so that a change of a verdict is reviewed where it begins: `PLIMSOLL_WRITE=1` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::civil::date;
use plimsoll_model::node::NodeFacts;
use plimsoll_model::responsibility::{Responsibility, Standing, SwitchState};
use plimsoll_model::workload::Kinds;
use serde_json::json;
use serde_json_borrow::Value;

use super::verdicts::{
    Parts, SCENARIOS, Scenario, all_but, fixture, folder, judged_to, judged_with, kind_of, now, parts, paths,
    remove,
};
use crate::kubernetes::Objects;
use crate::responsibility::attest::Statements;
use crate::responsibility::{Cloud, Evidence, Exports, Extent, Kubernetes, Matrix, Scanned, evaluate, pools};

/// What is said of a scenario.
#[derive(Default)]
struct Told {
    /// By control and node pool, with the platform that the pool is taken for.
    standings: BTreeMap<(String, String, String), Standing>,
    /// By switch and node pool. Whoever saw it, has seen it.
    switches: BTreeMap<(String, String), SwitchState>,
}

impl Told {
    fn new(answer: &Responsibility) -> Self {
        let mut told = Told::default();
        for row in &answer.controls {
            for (column, cell) in answer.columns.iter().zip(&row.cells) {
                let key = (row.id.clone(), column.name.clone(), column.platform.clone());
                told.standings.insert(key, cell.standing);
                let Some(switch) = &cell.switch else { continue };
                let state = told.switches.entry((switch.name.clone(), column.name.clone()));
                let state = state.or_insert(SwitchState::Unknown);
                if *state == SwitchState::Unknown {
                    *state = switch.state;
                }
            }
        }
        told
    }
}

/// What is otherwise.
enum Change {
    /// An export, away or another.
    Export(usize, Option<serde_json::Value>),
    /// Facts of nodes.
    Nodes(Vec<serde_json::Value>),
    /// No reports.
    NoReports,
    /// A kind that may not be listed.
    Unlisted((String, String)),
}

struct Variant {
    change: Change,
    what: String,
    /// Something is gone, and nothing else is otherwise.
    taken_away: bool,
    /// It begins a part of the text.
    heading: Option<String>,
}

/// Another value of the same kind: what a switch the other way would leave behind.
fn otherwise(value: &serde_json::Value) -> Option<serde_json::Value> {
    match value {
        serde_json::Value::Bool(is) => Some(json!(!is)),
        serde_json::Value::String(_) => Some(json!("OTHER")),
        serde_json::Value::Number(_) => Some(json!(0)),
        serde_json::Value::Array(_) => Some(json!([])),
        _ => None,
    }
}

fn place<'v>(value: &'v mut serde_json::Value, path: &[String]) -> Option<&'v mut serde_json::Value> {
    path.iter().try_fold(value, |value, part| match value {
        serde_json::Value::Object(map) => map.get_mut(part),
        serde_json::Value::Array(list) => list.get_mut(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// A document with each of its fields away, and otherwise.
fn documents(whole: &serde_json::Value) -> Vec<(String, bool, serde_json::Value)> {
    let mut all = Vec::new();
    paths(whole, &mut Vec::new(), &mut all);
    let mut documents = Vec::new();
    for path in all {
        let shown = path.join(".");
        let mut less = whole.clone();
        remove(&mut less, &path);
        documents.push((format!("{shown} absent"), true, less));
        let mut other = whole.clone();
        let Some(value) = place(&mut other, &path) else { continue };
        let Some(new) = otherwise(value).filter(|new| new != value) else { continue };
        let word = new.to_string();
        *value = new;
        documents.push((format!("{shown} {word}"), false, other));
    }
    documents
}

fn variants(scenario: &Scenario, whole: &Parts) -> Vec<Variant> {
    let mut all = Vec::new();
    let mut without = |what: String, change| {
        all.push(Variant { change, what, taken_away: true, heading: None });
    };
    for (index, (_, name)) in scenario.exports.iter().enumerate() {
        without(format!("without {name}"), Change::Export(index, None));
    }
    if !whole.2.is_empty() {
        without("without facts of nodes".into(), Change::Nodes(Vec::new()));
    }
    if !whole.3.is_empty() {
        without("without reports".into(), Change::NoReports);
    }
    let kinds: BTreeSet<(String, String)> = whole.1.iter().map(kind_of).collect();
    for gone in kinds {
        without(format!("where {} may not be listed", gone.1), Change::Unlisted(gone));
    }
    let mut fields = |name: &str, whole: &serde_json::Value, change: &dyn Fn(serde_json::Value) -> Change| {
        let mut heading = Some(name.to_owned());
        for (what, taken_away, document) in documents(whole) {
            let what = format!("  {what}");
            all.push(Variant { change: change(document), what, taken_away, heading: heading.take() });
        }
    };
    for (index, (_, name)) in scenario.exports.iter().enumerate() {
        fields(name, &whole.0[index].1, &|document| Change::Export(index, Some(document)));
    }
    // Nodes of a pool have the same facts.
    if let [first, rest @ ..] = &whole.2[..] {
        fields("facts of the first node", first, &|document| {
            Change::Nodes([document].into_iter().chain(rest.iter().cloned()).collect())
        });
    }
    all
}

/// What is judged again and again: objects are read and held against the rules once.
struct Bench<'v> {
    matrix: &'v Matrix,
    kubernetes: Option<Kubernetes<'v>>,
}

impl<'v> Bench<'v> {
    fn ask(
        &mut self,
        documents: &[(Cloud, &'v Value<'v>)],
        nodes: Vec<NodeFacts>,
        reports: Vec<Scanned>,
    ) -> Option<Told> {
        let mut exports = Exports::default();
        for (cloud, value) in documents {
            // What lost the field by which it is known is no export any more, as it is for a user.
            let _ = exports.add(*cloud, value);
        }
        let kubernetes = self.kubernetes.take();
        let evidence = Evidence { exports, kubernetes, reports: reports.into(), nodes, now: now() };
        let pools = pools(&evidence, self.matrix, None);
        let told = (!pools.is_empty()).then(|| {
            let statements = Statements::none(date(2026, 11, 26));
            Told::new(&evaluate(self.matrix, &evidence, &pools, &statements))
        });
        drop(pools);
        self.kubernetes = evidence.kubernetes;
        told
    }
}

fn facts(nodes: &[serde_json::Value]) -> Vec<NodeFacts> {
    // Facts without what a document must have are no facts any more, as they are for a user.
    nodes.iter().filter_map(|facts| serde_json::from_value(facts.clone()).ok()).collect()
}

/// What differs, in words; empty where that is nothing.
fn difference(before: &Told, after: Option<&Told>, variant: &Variant, fallen: &mut Fallen) -> String {
    let what = &variant.what;
    let Some(after) = after else { return "no platform is seen any more".to_owned() };
    if !after.standings.keys().eq(before.standings.keys()) {
        return "other node pools, or another platform".to_owned();
    }
    for (key, state) in &after.switches {
        let was = before.switches.get(key);
        if was.is_some_and(|was| was != state) {
            let word = |state: &SwitchState| format!("{state:?}").to_lowercase();
            let told = was.map(word).unwrap_or_default();
            fallen.switches.entry(key.0.clone()).or_default().push(format!(
                "{told} -> {}: {}",
                word(state),
                what.trim_start()
            ));
        }
    }
    let mut changes: BTreeMap<(&str, Standing, Standing), Vec<&str>> = BTreeMap::new();
    for ((id, column, platform), standing) in &after.standings {
        let was = before.standings[&(id.clone(), column.clone(), platform.clone())];
        if was != *standing {
            assert!(!variant.taken_away || *standing != Standing::Met, "with {what}, {id} turns met");
            changes.entry((id, was, *standing)).or_default().push(column);
            if was == Standing::Met {
                fallen.controls.insert(id.clone());
            }
        }
    }
    let columns: BTreeSet<&str> = before.standings.keys().map(|(_, column, _)| column.as_str()).collect();
    let told: Vec<String> = changes
        .into_iter()
        .map(|((id, was, is), on)| {
            let on = if on.len() == columns.len() { String::new() } else { format!(" on {}", on.join(", ")) };
            format!("{id} {} -> {}{on}", was.word(), is.word())
        })
        .collect();
    told.join("; ")
}

/// What turns a switch that no field and no list of a scenario turns alone.
enum Turn {
    /// A document more, in words and as JSON.
    Export(Cloud, &'static str),
    /// Exports of another scenario more.
    Exports(&'static [(Cloud, &'static str)]),
    /// A field of an export: its place among the exports, where in it, and what.
    Field(usize, &'static str, &'static str),
    /// An object more.
    Object(&'static str),
    /// A statement about a control.
    Statement(&'static str),
}

const EKS_ADD_ONS: Turn = Turn::Exports(&[
    (Cloud::Eks, "eks-addon-vpc-cni"),
    (Cloud::Eks, "eks-addon-coredns"),
    (Cloud::Eks, "eks-addon-kube-proxy"),
]);
const EKS_POLICIES: Turn = Turn::Object(
    r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"amazon-vpc-cni","namespace":"kube-system"},"data":{"enable-network-policy-controller":"true"}}"#,
);
const EKS_LIFE: Turn = Turn::Object(
    r#"{"apiVersion":"karpenter.sh/v1","kind":"NodePool","metadata":{"name":"general-purpose"},"spec":{"template":{"spec":{"expireAfter":"336h"}}}}"#,
);
const EKS_CLASS: Turn = Turn::Object(
    r#"{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"second"},"provisioner":"ebs.csi.eks.amazonaws.com","parameters":{"encrypted":"false"}}"#,
);
const EKS_SCANNING: Turn = Turn::Export(
    Cloud::Eks,
    r#"{"registryId":"111122223333","scanningConfiguration":{"scanType":"ENHANCED","rules":[{"scanFrequency":"CONTINUOUS_SCAN","repositoryFilters":[{"filter":"*","filterType":"WILDCARD"}]}]}}"#,
);
const EKS_DETECTOR: Turn = Turn::Export(
    Cloud::Eks,
    r#"{"Status":"ENABLED","FindingPublishingFrequency":"SIX_HOURS","Features":[{"Name":"RUNTIME_MONITORING","Status":"ENABLED","AdditionalConfiguration":[{"Name":"EKS_ADDON_MANAGEMENT","Status":"ENABLED"}]}]}"#,
);
const EKS_VOLUMES: Turn = Turn::Export(Cloud::Eks, r#"{"EbsEncryptionByDefault":true}"#);
const GKE_APPROVAL: Turn = Turn::Export(
    Cloud::Gke,
    r#"{"name":"projects/shop-prod/accessApprovalSettings","enrolledServices":[{"cloudProduct":"all","enrollmentLevel":"BLOCK_ALL"}]}"#,
);
const GKE_PLANE_KEY: Turn = Turn::Field(
    0,
    "userManagedKeysConfig.controlPlaneDiskEncryptionKey",
    "projects/shop-prod/locations/europe-west4/keyRings/gke/cryptoKeys/plane",
);

/// By scenario and switch.
const TURNS: [(&str, &str, Turn); 35] = [
    ("aks-automatic", "aks-certificates", Turn::Object("kube-root-ca.crt")),
    ("aks-automatic", "aks-support-consent", Turn::Statement("RT-013")),
    ("aks-standard", "aks-certificates", Turn::Object("kube-root-ca.crt")),
    ("aks-standard", "aks-support-consent", Turn::Statement("RT-013")),
    (
        "aks-standard",
        "aks-safeguards",
        Turn::Export(
            Cloud::Aks,
            r#"{"name":"default","type":"Microsoft.ContainerService/deploymentSafeguards","level":"Enforce","excludedNamespaces":[],"provisioningState":"Succeeded"}"#,
        ),
    ),
    (
        "aks-standard",
        "aks-sandboxing",
        Turn::Field(0, "agentPoolProfiles.1.workloadRuntime", "KataVmIsolation"),
    ),
    ("eks-auto", "eks-add-on-update", EKS_ADD_ONS),
    ("eks-auto", "eks-auto-network-policy", EKS_POLICIES),
    ("eks-auto", "eks-expire-after", EKS_LIFE),
    ("eks-auto", "eks-guardduty", EKS_DETECTOR),
    ("eks-auto", "eks-registry-scanning", EKS_SCANNING),
    ("eks-auto", "eks-storage-class", EKS_CLASS),
    ("eks-fargate", "eks-add-on-update", EKS_ADD_ONS),
    (
        "eks-fargate",
        "eks-fargate-redeploy",
        Turn::Object(
            r#"{"apiVersion":"v1","kind":"Node","metadata":{"name":"fargate-ip-10-0-0-9","labels":{"eks.amazonaws.com/compute-type":"fargate"}},"status":{"nodeInfo":{"kubeletVersion":"v1.30.1-eks-1"}}}"#,
        ),
    ),
    ("eks-fargate", "eks-registry-scanning", EKS_SCANNING),
    ("eks-fargate", "eks-storage-class", EKS_CLASS),
    ("eks-managed", "eks-guardduty", EKS_DETECTOR),
    ("eks-managed", "eks-registry-scanning", EKS_SCANNING),
    ("eks-managed", "eks-volumes", EKS_VOLUMES),
    ("eks-mixed", "eks-add-on-update", EKS_ADD_ONS),
    ("eks-mixed", "eks-auto-network-policy", EKS_POLICIES),
    ("eks-mixed", "eks-expire-after", EKS_LIFE),
    ("eks-mixed", "eks-metadata", Turn::Exports(&[(Cloud::Eks, "eks-launch-template")])),
    ("eks-mixed", "eks-registry-scanning", EKS_SCANNING),
    ("eks-mixed", "eks-remote-access", Turn::Field(1, "nodegroup.remoteAccess.ec2SshKey", "ops")),
    ("eks-mixed", "eks-network-policy", Turn::Exports(&[(Cloud::Eks, "eks-addon-vpc-cni")])),
    ("eks-mixed", "eks-volumes", EKS_VOLUMES),
    ("gke-autopilot", "gke-access-approval", GKE_APPROVAL),
    (
        "gke-autopilot",
        "gke-allowlists",
        Turn::Object(
            r#"{"apiVersion":"auto.gke.io/v1","kind":"AllowlistSynchronizer","metadata":{"name":"partner"},"spec":{"allowlistPaths":["Partner/agent/*"]}}"#,
        ),
    ),
    ("gke-autopilot", "gke-control-plane-keys", GKE_PLANE_KEY),
    (
        "gke-autopilot",
        "gke-disk-key",
        Turn::Field(
            0,
            "autoscaling.autoprovisioningNodePoolDefaults.bootDiskKmsKey",
            "projects/shop-prod/locations/europe-west4/keyRings/gke/cryptoKeys/disks",
        ),
    ),
    (
        "gke-autopilot",
        "gke-volume-key",
        Turn::Object(
            r#"{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"keyed"},"provisioner":"pd.csi.storage.gke.io","parameters":{"disk-encryption-kms-key":"projects/shop-prod/locations/europe-west4/keyRings/gke/cryptoKeys/volumes"}}"#,
        ),
    ),
    ("gke-standard", "gke-access-approval", GKE_APPROVAL),
    ("gke-standard", "gke-control-plane-keys", GKE_PLANE_KEY),
    ("gke-standard", "gke-sandbox", Turn::Field(0, "nodePools.0.config.sandboxConfig.type", "GVISOR")),
];

/// What a switch says before and after it is turned, where that differs.
fn turned(matrix: &Matrix, scenario: &Scenario, name: &str, turn: &Turn) -> Option<String> {
    let whole = parts(scenario);
    let mut other = whole.clone();
    let today = date(2026, 11, 26);
    let mut statements = Statements::none(today);
    let what = match turn {
        Turn::Export(cloud, text) => {
            let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
            let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
            let what =
                format!("with a document of {}", keys.into_iter().cloned().collect::<Vec<_>>().join(", "));
            other.0.push((*cloud, value));
            what
        }
        Turn::Exports(names) => {
            for (cloud, name) in *names {
                let value = serde_json::from_str(&fixture(&format!("{name}.json"))).expect("JSON");
                other.0.push((*cloud, value));
            }
            format!("with {}", names.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", "))
        }
        Turn::Field(index, path, value) => {
            let mut at = &mut other.0[*index].1;
            for part in path.split('.') {
                at = match part.parse::<usize>() {
                    Ok(place) => &mut at[place],
                    Err(_) => &mut at[part],
                };
            }
            *at = json!(value);
            format!("{path} {value}")
        }
        Turn::Object("kube-root-ca.crt") => {
            use base64::Engine as _;
            let export: serde_json::Value =
                serde_json::from_str(&fixture("gke-standard.json")).expect("an export");
            let text = export["masterAuth"]["clusterCaCertificate"].as_str().expect("a certificate");
            let pem = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
            other.1.push(json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "kube-root-ca.crt", "namespace": "default"},
                "data": {"ca.crt": String::from_utf8(pem).expect("PEM")},
            }));
            "with the ConfigMap kube-root-ca.crt".to_owned()
        }
        Turn::Object(text) => {
            let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
            let what = format!(
                "with the {} {}",
                value["kind"].as_str().unwrap_or_default(),
                value["metadata"]["name"].as_str().unwrap_or_default()
            );
            other.1.push(value);
            what
        }
        Turn::Statement(control) => {
            statements.add(control, None, "A. Person", "2027-03-31", "").expect("a good one");
            format!("with a statement about {control}")
        }
    };
    let none = Statements::none(today);
    let ask = |parts: &Parts, statements: &Statements| {
        judged_with(matrix, parts, Extent::Files, statements, |answer, _| {
            let mut told: Vec<String> = Vec::new();
            for cell in answer.controls.iter().flat_map(|row| &row.cells) {
                let Some(switch) = cell.switch.as_ref().filter(|switch| switch.name == name) else {
                    continue;
                };
                // What only a person can say shows in the control.
                let only = matrix.toggles.get(name).is_some_and(|toggle| toggle.attest_only);
                told.push(if only {
                    cell.standing.word().to_owned()
                } else {
                    format!("{:?}", switch.state).to_lowercase()
                });
            }
            told
        })
        .expect("a platform")
        .1
    };
    let (before, after) = (ask(&whole, &none), ask(&other, &statements));
    assert_eq!(before.len(), after.len(), "{name}: other node pools");
    let (was, is) = before.into_iter().zip(after).find(|(was, is)| was != is)?;
    Some(format!("{was} -> {is}: {what}"))
}

/// What some variant takes away.
#[derive(Default)]
struct Fallen {
    controls: BTreeSet<String>,
    switches: BTreeMap<String, Vec<String>>,
}

fn told(matrix: &Matrix, scenario: &Scenario, extent: &Extent, unturned: &mut Vec<String>) -> String {
    let whole = parts(scenario);
    let variants = variants(scenario, &whole);
    // All documents are read before: what is borrowed from outlives what borrows.
    let own: Vec<String> = whole.0.iter().map(|(_, value)| value.to_string()).collect();
    let own: Vec<Value<'_>> = own.iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
    let texts: Vec<Option<String>> = variants
        .iter()
        .map(|variant| match &variant.change {
            Change::Export(_, Some(document)) => Some(document.to_string()),
            _ => None,
        })
        .collect();
    let others: Vec<Option<Value<'_>>> = texts
        .iter()
        .map(|text| text.as_ref().map(|text| serde_json::from_str(text).expect("JSON")))
        .collect();
    let lines: Vec<String> = whole.1.iter().map(ToString::to_string).collect();
    let lines: Vec<Value<'_>> = lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (mut objects, kinds) = (Objects::default(), Kinds::default());
    for (place, value) in lines.iter().enumerate() {
        objects.add(value, place, &kinds);
    }
    let kubernetes = (!objects.is_empty()).then(|| Kubernetes::new(objects, extent.clone(), None));
    let mut bench = Bench { matrix, kubernetes };
    let documents: Vec<(Cloud, &Value<'_>)> =
        whole.0.iter().zip(&own).map(|((cloud, _), value)| (*cloud, value)).collect();
    let nodes = facts(&whole.2);
    let before = bench.ask(&documents, nodes.clone(), whole.3.clone()).expect("a platform");
    let mut text = String::new();
    let mut fallen = Fallen::default();
    for (variant, other) in variants.iter().zip(&others) {
        if let Some(heading) = &variant.heading {
            let _ = writeln!(text, "\n{heading}");
        }
        let after = match &variant.change {
            Change::Export(index, _) => {
                let mut documents = documents.clone();
                match other {
                    Some(other) => documents[*index].1 = other,
                    None => {
                        documents.remove(*index);
                    }
                }
                bench.ask(&documents, nodes.clone(), whole.3.clone())
            }
            Change::Nodes(other) => bench.ask(&documents, facts(other), whole.3.clone()),
            Change::NoReports => bench.ask(&documents, nodes.clone(), Vec::new()),
            Change::Unlisted(gone) => {
                let mut less = whole.clone();
                less.1.retain(|value| kind_of(value) != *gone);
                let less = judged_to(matrix, &less, without(extent, gone), |answer, _| Told::new(answer));
                less.map(|(_, told)| told)
            }
        };
        let told = difference(&before, after.as_ref(), variant, &mut fallen);
        if !told.is_empty() {
            let _ = writeln!(text, "{}: {told}", variant.what);
        }
    }
    let met: BTreeSet<&String> =
        before.standings.iter().filter(|(_, is)| **is == Standing::Met).map(|((id, ..), _)| id).collect();
    let unmoved: Vec<&&String> = met.iter().filter(|id| !fallen.controls.contains(**id)).collect();
    let unmoved: Vec<&str> = unmoved.into_iter().map(|id| id.as_str()).collect();
    if !unmoved.is_empty() {
        let _ = writeln!(text, "\nmet by more than one of these: {}", unmoved.join(" "));
    }
    for (_, name, turn) in TURNS.iter().filter(|(of, ..)| *of == scenario.name) {
        assert!(before.switches.keys().any(|(own, _)| own == name), "{} has no {name}", scenario.name);
        let told = turned(matrix, scenario, name, turn)
            .unwrap_or_else(|| panic!("{}: {name} is not turned by what is there for it", scenario.name));
        fallen.switches.entry((*name).to_owned()).or_default().push(told);
    }
    let _ = writeln!(text, "\nswitches");
    let names: BTreeSet<&String> = before.switches.keys().map(|(name, _)| name).collect();
    for name in names {
        match fallen.switches.get(name) {
            None => {
                let _ = writeln!(text, "  {name}: nothing of this turns it");
                unturned.push(format!("{}: {name}", scenario.name));
            }
            Some(all) => {
                let _ = writeln!(text, "  {name}: {}", all[0]);
                for other in all.iter().skip(1).filter(|other| !other.contains("absent")) {
                    let _ = writeln!(text, "    {other}");
                }
            }
        }
    }
    text
}

/// The same without one kind.
fn without(extent: &Extent, gone: &(String, String)) -> Extent {
    let Extent::Cluster { read, .. } = extent else { unreachable!("it is one of a cluster") };
    let mut read = read.clone();
    read.remove(gone);
    let missing = BTreeMap::from([(gone.clone(), "forbidden".to_owned())]);
    Extent::Cluster { read, missing, cleaned: false }
}

/// Of each platform a variant for each switch and for each input that is missing.
#[test]
fn every_input_decides_what_was_reviewed() {
    let matrix = Matrix::built_in().expect("our files");
    let write = std::env::var_os("PLIMSOLL_WRITE").is_some();
    let extent = all_but(None);
    let kept = SCENARIOS.iter().filter(|scenario| !scenario.name.ends_with("-open"));
    let mut names = BTreeSet::new();
    let mut differing = Vec::new();
    let mut unturned = Vec::new();
    for scenario in kept {
        let path = folder().join(format!("variants-{}.txt", scenario.name));
        let text = told(&matrix, scenario, &extent, &mut unturned);
        if write {
            std::fs::write(&path, &text).expect("the folder can be written");
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        if expected != text {
            let first = expected.lines().zip(text.lines()).find(|(one, other)| one != other);
            differing.push(format!("{}: {first:?}", scenario.name));
        }
        names.insert(scenario.name);
    }
    assert!(differing.is_empty(), "PLIMSOLL_WRITE=1 writes them anew; first lines: {differing:#?}");
    assert!(unturned.is_empty(), "a switch without a variant: {unturned:#?}");
    for name in [
        "gke-standard",
        "gke-autopilot",
        "eks-managed",
        "eks-auto",
        "eks-fargate",
        "eks-mixed",
        "aks-standard",
        "aks-automatic",
        "kubeadm",
    ] {
        assert!(names.contains(name), "{name}");
    }
}
