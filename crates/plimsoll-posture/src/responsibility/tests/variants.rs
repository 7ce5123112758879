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
    Parts, SCENARIOS, Scenario, all_but, folder, judged_to, kind_of, now, parts, paths, remove,
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

/// What some variant takes away.
#[derive(Default)]
struct Fallen {
    controls: BTreeSet<String>,
    switches: BTreeMap<String, Vec<String>>,
}

fn told(matrix: &Matrix, scenario: &Scenario, extent: &Extent) -> String {
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
    let _ = writeln!(text, "\nswitches");
    let names: BTreeSet<&String> = before.switches.keys().map(|(name, _)| name).collect();
    for name in names {
        match fallen.switches.get(name) {
            None => {
                let _ = writeln!(text, "  {name}: nothing of this turns it");
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
    for scenario in kept {
        let path = folder().join(format!("variants-{}.txt", scenario.name));
        let text = told(&matrix, scenario, &extent);
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
