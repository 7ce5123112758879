//! The standards' own example documents.

use std::path::{Path, PathBuf};

use plimsoll_format::sbom::{self, Error};
use plimsoll_model::Effect;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { waiting.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Documents that are invalid in parts that an inventory does not read, by the stem of their name, and why they load.
const NOT_READ: &[(&str, &str)] = &[
    ("component-swid", "SWID tags are not read"),
    ("dependency", "the graph of dependencies is not read"),
    ("issue-type", "pedigree is not read"),
    ("patch-type", "pedigree is not read"),
    ("license-encoding", "texts of licences are not read"),
    ("metadata-license", "the licence of the document itself is not read"),
    ("serialnumber", "serial numbers are not read"),
    ("service-data", "services are not read"),
];

/// Documents with faults that decide nothing about vulnerability: they load, and a note says what is wrong.
const NOTED: &[&str] = &[
    "license-id",
    "license-choice",
    "license-id-count",
    "license-name-count",
    "license-missing-id-and-name",
    "license-declared-concluded-mix",
    "metadata-timestamp",
];

#[test]
fn cyclonedx() {
    let Some(folder) = plimsoll_testing::shared("fixtures/cyclonedx") else { return };
    let mut checked = 0;
    let mut wrong = Vec::new();
    for path in files(&folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some((verdict, rest)) = name.split_once('-') else { continue };
        checked += 1;
        let result = sbom::read(&std::fs::read(&path).unwrap());
        if name.ends_with(".textproto") {
            if !matches!(result, Err(Error::Unsupported { .. } | Error::NotAnSbom { .. })) {
                wrong.push(format!("{name}: {:?}", result.err()));
            }
            continue;
        }
        let stem = rest.rsplit_once('-').map_or(rest, |(stem, _)| stem);
        let faults = |effect: Effect, problems: &[plimsoll_model::Problem]| {
            problems
                .iter()
                .filter(|one| one.effect == effect && one.kind != plimsoll_model::ProblemKind::NotCovered)
                .map(|one| format!("{}: {}", one.subject, one.detail))
                .collect::<Vec<_>>()
        };
        let outcome = match &result {
            Err(error) => format!("refused: {error}"),
            Ok(document) => {
                let problems = &document.inventory.problems;
                let broken = faults(Effect::Incomplete, problems);
                let noted = faults(Effect::Note, problems);
                match (broken.is_empty(), noted.is_empty()) {
                    (false, _) => format!("refused: {broken:?}"),
                    (true, false) => format!("noted: {noted:?}"),
                    (true, true) => "loaded".to_owned(),
                }
            }
        };
        let expected = match verdict {
            "valid" => "loaded",
            _ if NOT_READ.iter().any(|(one, _)| *one == stem) => "loaded",
            _ if NOTED.contains(&stem) => "noted",
            _ => "refused",
        };
        if !outcome.starts_with(expected) {
            wrong.push(format!("{name}: expected {expected}, {outcome}"));
        }
    }
    assert!(checked > 300, "{checked}");
    assert!(wrong.is_empty(), "{} of {checked}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn spdx() {
    let Some(folder) = plimsoll_testing::shared("fixtures/spdx") else { return };
    let mut checked = 0;
    for path in files(&folder) {
        let name = path.to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "md") {
            continue;
        }
        checked += 1;
        let document = sbom::read(&std::fs::read(&path).unwrap());
        let document = document.unwrap_or_else(|error| panic!("{name}: {error}"));
        let faults: Vec<_> = document
            .inventory
            .problems
            .iter()
            .filter(|one| one.kind != plimsoll_model::ProblemKind::NotCovered)
            .collect();
        assert!(faults.is_empty(), "{name}: {faults:?}");
        assert!(!document.target.name.is_empty(), "{name}");
    }
    assert!(checked > 25, "{checked}");
}

/// Whole, cut off, and with bytes exchanged: nothing panics, and what is read can be written and read again.
#[test]
fn examples_of_both_standards_do_not_panic() {
    for name in ["fixtures/cyclonedx", "fixtures/spdx"] {
        let Some(folder) = plimsoll_testing::shared(name) else { continue };
        for path in files(&folder) {
            let bytes = std::fs::read(&path).unwrap();
            sbom::fuzz(&bytes);
            for part in 1..4 {
                sbom::fuzz(&bytes[..bytes.len() * part / 4]);
                let mut changed = bytes.clone();
                let length = changed.len();
                changed.swap(length * part / 5, length / 2);
                sbom::fuzz(&changed);
            }
        }
    }
}
