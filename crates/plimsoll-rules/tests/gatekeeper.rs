//! Gatekeeper's own library of templates, by its own suites.
#![cfg(feature = "rego")]

use std::path::{Path, PathBuf};

use plimsoll_rules::suite::{Outcome, gator};

fn suites(folder: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    folders.sort();
    folders.into_iter().map(|folder| folder.join("suite.yaml")).filter(|file| file.is_file()).collect()
}

#[test]
fn the_library_answers_as_its_suites_say() {
    let Some(folder) = plimsoll_testing::shared("fixtures/supply-chain/gatekeeper-library/general") else {
        return;
    };
    let (mut right, mut wrong) = (0, Vec::new());
    for file in suites(&folder) {
        let beside = file.parent().expect("a folder").to_owned();
        let read = |path: &str| {
            std::fs::read_to_string(beside.join(path)).map_err(|error| format!("{path}: {error}"))
        };
        let text = std::fs::read_to_string(&file).expect("a suite");
        for case in gator::run(&text, &read).expect("a suite that can be read") {
            match case.outcome {
                Outcome::Right => right += 1,
                other => wrong.push(format!("{}: {}: {other:?}", beside.display(), case.name)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(right >= 130, "only {right} cases");
}
