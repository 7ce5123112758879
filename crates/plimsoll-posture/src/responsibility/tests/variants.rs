//! What each input decides: every field of the exports and of the facts of nodes, away and otherwise, every export, every kind of
//! objects, and all reports. Kept as text, so that a change of a verdict is reviewed where it begins: `PLIMSOLL_WRITE=1` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use plimsoll_model::responsibility::{Responsibility, Standing};
use serde_json::{Value, json};

use super::verdicts::{
    Parts, SCENARIOS, Scenario, all_but, folder, judged_to, kind_of, parts, paths, remove,
};
use crate::responsibility::{Extent, Matrix};

/// By control and node pool, with the platform that the pool is taken for.
type Standings = BTreeMap<(String, String, String), Standing>;

fn ask(matrix: &Matrix, parts: &Parts, extent: Extent) -> Option<(Standings, Responsibility)> {
    let (answer, ()) = judged_to(matrix, parts, extent, |_, _| ())?;
    let mut all = BTreeMap::new();
    for row in &answer.controls {
        for (column, cell) in answer.columns.iter().zip(&row.cells) {
            all.insert((row.id.clone(), column.name.clone(), column.platform.clone()), cell.standing);
        }
    }
    Some((all, answer))
}

/// Another value of the same kind: what a switch the other way would leave behind.
fn otherwise(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(is) => Some(json!(!is)),
        Value::String(_) => Some(json!("OTHER")),
        Value::Number(_) => Some(json!(0)),
        Value::Array(_) => Some(json!([])),
        _ => None,
    }
}

fn place<'v>(value: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, part| match value {
        Value::Object(map) => map.get_mut(part),
        Value::Array(list) => list.get_mut(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// The variants of one scenario, and what each changes.
struct Variants<'m> {
    matrix: &'m Matrix,
    before: Standings,
    text: String,
    /// What some variant takes from met: to unknown, to not met.
    moved: BTreeMap<String, BTreeSet<Standing>>,
}

impl Variants<'_> {
    /// Tries one; what it changes in words, empty where that is nothing.
    fn told(&mut self, parts: &Parts, extent: Extent, taken_away: bool, what: &str) -> String {
        let Some((after, _)) = ask(self.matrix, parts, extent) else {
            return "no platform is seen any more".to_owned();
        };
        if !after.keys().eq(self.before.keys()) {
            return "other node pools, or another platform".to_owned();
        }
        let mut changes: BTreeMap<(String, Standing, Standing), Vec<&str>> = BTreeMap::new();
        for ((id, column, platform), standing) in &after {
            let was = self.before[&(id.clone(), column.clone(), platform.clone())];
            if was != *standing {
                assert!(!taken_away || *standing != Standing::Met, "without {what}, {id} turns met");
                changes.entry((id.clone(), was, *standing)).or_default().push(column);
                if was == Standing::Met {
                    self.moved.entry(id.clone()).or_default().insert(*standing);
                }
            }
        }
        let columns: BTreeSet<&str> = self.before.keys().map(|(_, column, _)| column.as_str()).collect();
        let told: Vec<String> = changes
            .into_iter()
            .map(|((id, was, is), on)| {
                let on =
                    if on.len() == columns.len() { String::new() } else { format!(" on {}", on.join(", ")) };
                format!("{id} {} -> {}{on}", was.word(), is.word())
            })
            .collect();
        told.join("; ")
    }

    fn line(&mut self, what: &str, told: &str) {
        if !told.is_empty() {
            let _ = writeln!(self.text, "{what}: {told}");
        }
    }

    /// Every field of a document, away and otherwise.
    fn fields(&mut self, whole: &Parts, name: &str, of: fn(&mut Parts, usize) -> &mut Value, index: usize) {
        let mut all = Vec::new();
        paths(of(&mut whole.clone(), index), &mut Vec::new(), &mut all);
        let _ = writeln!(self.text, "\n{name}");
        for path in all {
            let shown = path.join(".");
            let mut less = whole.clone();
            remove(of(&mut less, index), &path);
            let told = self.told(&less, all_but(None), true, &shown);
            self.line(&format!("  {shown} absent"), &told);
            let mut other = whole.clone();
            let Some(value) = place(of(&mut other, index), &path) else { continue };
            let Some(new) = otherwise(value).filter(|new| new != value) else { continue };
            let word = new.to_string();
            *value = new;
            let told = self.told(&other, all_but(None), false, &shown);
            self.line(&format!("  {shown} {word}"), &told);
        }
    }
}

fn variants(matrix: &Matrix, scenario: &Scenario) -> String {
    let whole = parts(scenario);
    let (before, answer) = ask(matrix, &whole, all_but(None)).expect("a platform");
    let mut all = Variants { matrix, before, text: String::new(), moved: BTreeMap::new() };
    for (index, (_, name)) in scenario.exports.iter().enumerate() {
        let mut less = whole.clone();
        less.0.remove(index);
        let told = all.told(&less, all_but(None), true, name);
        all.line(&format!("without {name}"), &told);
    }
    if !whole.2.is_empty() {
        let mut less = whole.clone();
        less.2.clear();
        let told = all.told(&less, all_but(None), true, "facts of nodes");
        all.line("without facts of nodes", &told);
    }
    if !whole.3.is_empty() {
        let mut less = whole.clone();
        less.3.clear();
        let told = all.told(&less, all_but(None), true, "reports");
        all.line("without reports", &told);
    }
    let kinds: BTreeSet<(String, String)> = whole.1.iter().map(kind_of).collect();
    for gone in &kinds {
        let mut less = whole.clone();
        less.1.retain(|value| kind_of(value) != *gone);
        let told = all.told(&less, all_but(Some(gone)), true, &gone.1);
        all.line(&format!("where {} may not be listed", gone.1), &told);
    }
    for (index, (_, name)) in scenario.exports.iter().enumerate() {
        all.fields(&whole, name, |parts, index| &mut parts.0[index].1, index);
    }
    // Nodes of a pool have the same facts.
    if !whole.2.is_empty() {
        all.fields(&whole, "facts of the first node", |parts, index| &mut parts.2[index], 0);
    }
    let met: Vec<&plimsoll_model::responsibility::Row> = answer
        .controls
        .iter()
        .filter(|row| row.cells.iter().any(|cell| cell.standing == Standing::Met))
        .collect();
    let unmoved: Vec<&str> =
        met.iter().map(|row| row.id.as_str()).filter(|id| !all.moved.contains_key(*id)).collect();
    assert!(unmoved.is_empty(), "{}: met whatever is taken away: {unmoved:?}", scenario.name);
    let is_switch = |id: &str| {
        let row = met.iter().find(|row| row.id == id).expect("a row");
        row.cells.iter().any(|cell| cell.standing == Standing::Met && cell.switch.is_some())
    };
    let unturned: Vec<&str> = met
        .iter()
        .map(|row| row.id.as_str())
        .filter(|id| is_switch(id) && !all.moved[*id].contains(&Standing::NotMet))
        .collect();
    let _ = writeln!(all.text, "\nmet with a switch that no field alone turns off: {}", unturned.join(" "));
    all.text
}

/// Of each platform a variant for each switch and for each input that is missing.
#[test]
fn every_input_decides_what_was_reviewed() {
    let matrix = Matrix::built_in().expect("our files");
    let write = std::env::var_os("PLIMSOLL_WRITE").is_some();
    let kept = SCENARIOS.iter().filter(|scenario| !scenario.name.ends_with("-open"));
    let mut names = BTreeSet::new();
    for scenario in kept {
        let path = folder().join(format!("variants-{}.txt", scenario.name));
        let text = variants(&matrix, scenario);
        if write {
            std::fs::write(&path, &text).expect("the folder can be written");
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        let differs = expected.lines().zip(text.lines()).find(|(one, other)| one != other);
        assert!(
            expected == text,
            "{} differs: PLIMSOLL_WRITE=1 writes it anew; first {differs:?}",
            scenario.name
        );
        names.insert(scenario.name);
    }
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
