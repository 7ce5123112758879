//! Kyverno's own policies in CEL, by their own test files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_rules::suite::{Outcome, kyverno};

fn suites(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            suites(&entry, out);
        } else if entry.ends_with("kyverno-test.yaml") {
            out.push(entry);
        }
    }
}

/// What is not run, with how many cases, and why.
const UNRUN: &[(&str, usize)] = &[
    // Patterns and JMESPath: verifyImages, validate.deny, validate.pattern, foreach over image data.
    ("policies of kind ClusterPolicy are not run", 11),
];

#[test]
fn kyverno_s_policies_answer_as_their_tests_say() {
    let Some(folder) = plimsoll_testing::shared("fixtures/supply-chain/kyverno-policies") else { return };
    let mut files = Vec::new();
    suites(&folder, &mut files);
    let (mut right, mut wrong) = (0, Vec::new());
    let mut unrun: BTreeMap<String, usize> = BTreeMap::new();
    for file in &files {
        let beside = file.parent().expect("a folder").to_owned();
        let read = |path: &str| {
            std::fs::read_to_string(beside.join(path)).map_err(|error| format!("{path}: {error}"))
        };
        let text = std::fs::read_to_string(file).expect("a test file");
        for case in kyverno::run(&text, &read).unwrap_or_else(|error| panic!("{}: {error}", file.display())) {
            match case.outcome {
                Outcome::Right => right += 1,
                Outcome::Unrun(reason) => *unrun.entry(reason).or_default() += 1,
                other => wrong.push(format!("{}: {}: {other:?}", beside.display(), case.name)),
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong, {right} right, {unrun:?}:\n{}", wrong.len(), wrong.join("\n"));
    let listed = UNRUN.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
    assert_eq!(unrun, listed, "what is not run is named; {right} right");
    assert_eq!(right, 928);
}
