use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::responsibility::Owner;

use crate::responsibility::data::{Basis, How, InputKind};
use crate::responsibility::{Base, Matrix, RULES, embedded};

fn ours() -> Matrix {
    Matrix::built_in().expect("our files are good")
}

fn with(name: &str, text: &str) -> Result<Matrix, String> {
    Matrix::with(&[(name.to_owned(), text.to_owned())]).map_err(|fault| fault.to_string())
}

#[test]
fn every_file_is_in_the_list_and_every_line_in_the_folder() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/controls");
    let mut files: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("the folder of controls")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .collect();
    for other in ["platforms.yaml", "toggles.yaml", "documents.yaml", "parties.yaml", "README.md"] {
        assert!(files.remove(other), "{other} is gone");
    }
    let listed: BTreeSet<String> = embedded::CONTROLS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(files, listed);
    for (name, text) in embedded::CONTROLS {
        let id = name.trim_end_matches(".yaml");
        assert!(text.starts_with(&format!("id: {id}\n")), "{name} begins with its id");
        assert!(text.lines().count() <= 40, "{name} is more than a screen");
    }
}

#[test]
fn owners_are_as_many_as_reviewed() {
    let matrix = ours();
    assert_eq!(matrix.controls.len(), 83);
    // Provider, shared, customer, not applicable: as in the review of November 2026.
    let expected = [
        ("gke-standard", [13, 19, 51, 0]),
        ("gke-autopilot", [28, 16, 39, 0]),
        ("eks-managed-nodes", [9, 11, 63, 0]),
        ("eks-auto-mode", [24, 15, 44, 0]),
        ("eks-fargate", [24, 11, 48, 0]),
        ("aks-standard", [13, 17, 53, 0]),
        ("aks-automatic", [21, 18, 44, 0]),
        ("kubeadm", [0, 0, 80, 3]),
    ];
    for (platform, counts) in expected {
        let mut seen = [0; 4];
        for control in &matrix.controls {
            let owner = matrix.cell(control, platform).expect("a cell for each of ours").owner;
            seen[match owner {
                Owner::Provider => 0,
                Owner::Shared => 1,
                Owner::Customer => 2,
                Owner::NotApplicable => 3,
            }] += 1;
        }
        assert_eq!(seen, counts, "{platform}");
    }
}

#[test]
fn every_cell_says_what_it_must() {
    let matrix = ours();
    assert_eq!(matrix.platforms.len(), Base::ALL.len());
    let (mut read, mut recalled) = (0, 0);
    for control in &matrix.controls {
        assert_eq!(control.cells.len(), Base::ALL.len(), "{} has a cell for each platform", control.id);
        for (platform, cell) in &control.cells {
            let document = &matrix.documents[&cell.source.document];
            assert!(document.date.len() >= 7, "{} on {platform}: {} has no date", control.id, document.title);
            match cell.source.how {
                How::Read => {
                    read += 1;
                    assert!(
                        cell.source.basis.is_some(),
                        "{} on {platform} was read: stated or implied?",
                        control.id
                    );
                }
                How::Recalled => {
                    recalled += 1;
                    assert!(cell.source.basis.is_none(), "{} on {platform} was not read", control.id);
                }
            }
            if cell.owner == Owner::NotApplicable {
                continue;
            }
            // Evidence, or a person: a control that no function decides must say so.
            let evidence = cell.inputs.iter().any(|input| *input != InputKind::Attest);
            let persons = cell.inputs == [InputKind::Attest];
            assert!(evidence || persons, "{} on {platform} has no input", control.id);
        }
    }
    assert_eq!((read, recalled), (487, 177), "a cell that is read again is told here");
    let stated = matrix
        .controls
        .iter()
        .flat_map(|control| control.cells.values())
        .filter(|cell| cell.source.basis == Some(Basis::Stated))
        .count();
    assert!(stated > 270, "{stated}");
}

#[test]
fn every_function_decides_something_and_every_switch_moves_something() {
    let matrix = ours();
    let used: BTreeSet<&str> =
        matrix.controls.iter().filter_map(|control| control.decide).map(|rule| rule.name).collect();
    let all: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(used, all);
    assert_eq!(RULES.len(), all.len(), "a name stands twice");
    let toggles: BTreeSet<&str> = matrix
        .controls
        .iter()
        .flat_map(|control| control.cells.values())
        .filter_map(|cell| cell.toggle.as_deref())
        .filter(|toggle| *toggle != "none")
        .collect();
    let known: BTreeSet<&str> = matrix.toggles.keys().map(String::as_str).collect();
    assert_eq!(toggles, known);
    let documents: BTreeSet<&str> = matrix
        .controls
        .iter()
        .flat_map(|control| control.cells.values())
        .map(|cell| cell.source.document.as_str())
        .collect();
    for document in documents {
        assert!(matrix.documents.contains_key(document), "{document}");
    }
}

#[test]
fn a_move_to_the_managed_platform_takes_controls_off_you_and_puts_none_on() {
    let matrix = ours();
    let moves = |from: &str, to: &str| {
        let rank = |owner: Owner| match owner {
            Owner::Provider | Owner::NotApplicable => 0,
            Owner::Shared => 1,
            Owner::Customer => 2,
        };
        let mut counts = BTreeMap::from([("off", 0), ("on", 0)]);
        for control in &matrix.controls {
            let owner = |key: &str| rank(matrix.cell(control, key).expect("a cell").owner);
            match owner(from).cmp(&owner(to)) {
                std::cmp::Ordering::Greater => *counts.entry("off").or_default() += 1,
                std::cmp::Ordering::Less => *counts.entry("on").or_default() += 1,
                std::cmp::Ordering::Equal => {}
            }
        }
        (counts["off"], counts["on"])
    };
    assert_eq!(moves("eks-managed-nodes", "eks-auto-mode"), (24, 0));
    assert_eq!(moves("eks-managed-nodes", "eks-fargate"), (19, 0));
    assert_eq!(moves("gke-standard", "gke-autopilot"), (23, 0));
    assert_eq!(moves("aks-standard", "aks-automatic"), (16, 0));
}

#[test]
fn a_platform_team_is_one_level_down() {
    let platforms =
        "house:\n  name: House platform\n  short: House\n  provider: Platform team\n  like: gke-standard\n";
    let control = "id: INF-041\ncells:\n  house: {owner: shared, toggle: none, inputs: [kubernetes], source: {document: house, how: read, basis: stated}}\n";
    let files = [
        ("platforms.yaml".to_owned(), platforms.to_owned()),
        (
            "documents.yaml".to_owned(),
            "house: {publisher: Platform team, title: Contract, date: 2026-11-01}\n".to_owned(),
        ),
        ("INF-041.yaml".to_owned(), control.to_owned()),
    ];
    let matrix = Matrix::with(&files).expect("good files");
    let cell = |id: &str, platform: &str| {
        matrix.cell(matrix.control_named(id).expect("a control"), platform).expect("a cell").owner
    };
    assert_eq!(cell("INF-041", "house"), Owner::Shared);
    assert_eq!(cell("INF-041", "gke-standard"), Owner::Customer, "ours stays as it is");
    assert_eq!(cell("INF-021", "house"), Owner::Shared, "what is not named is taken over");
    assert_eq!(matrix.base("house"), Some(Base::GkeStandard));
    assert_eq!(matrix.controls.len(), 83);
}

#[test]
fn a_broken_file_is_named_with_what_is_wrong() {
    let control = |cell: &str| {
        format!(
            "id: OWN-1\ntitle: a\ngroup: b\narea: c\nexposes: d\nnext: e\ncells:\n  gke-standard: {cell}\n"
        )
    };
    let source = "source: {document: gke-sr, how: read, basis: stated}";
    let cases = [
        (
            control(&format!("{{owner: me, toggle: none, inputs: [attest], {source}}}")),
            "unknown variant `me`",
        ),
        (control(&format!("{{owner: customer, inputs: [attest], {source}}}")), "says nothing for `toggle`"),
        (control(&format!("{{owner: customer, toggle: none, {source}}}")), "has no inputs"),
        (
            control(&format!("{{owner: customer, toggle: magic, inputs: [attest], {source}}}")),
            "the toggle `magic`",
        ),
        (
            control("{owner: customer, toggle: none, inputs: [attest], source: {document: x, how: read}}"),
            "the document `x`",
        ),
        ("id: OWN-1\ntitle: a\n".to_owned(), "says nothing for `group`"),
        ("id: OWN-1\ntitel: a\n".to_owned(), "titel"),
        ("id: \"../x\"\ntitle: a\n".to_owned(), "is no id"),
        ("id: INF-001\ndecide: nothing-like-it\n".to_owned(), "`nothing-like-it`"),
        ("id: INF-001\nrank: 101\n".to_owned(), "100 is the most"),
        ("id: INF-001\nblocked-by: [INF-999]\n".to_owned(), "`INF-999`"),
    ];
    for (text, wanted) in cases {
        let told = with("OWN-1.yaml", &text).expect_err(&text);
        assert!(told.contains(wanted), "{told}\nfor\n{text}");
    }
    let told = with("platforms.yaml", "x: {name: a, short: b, like: y}\n").expect_err("no such platform");
    assert!(told.contains("`y`"), "{told}");
    let told = with("platforms.yaml", "x: {name: a, short: b, like: x}\n").expect_err("a ring");
    assert!(told.contains("neither one of ours"), "{told}");
    assert!(with("OWN-1.yaml", &" ".repeat(300_000)).expect_err("too large").contains("larger than"));
}
