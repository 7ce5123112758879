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

const SUITE: &str = "apiVersion: test.gatekeeper.sh/v1alpha1
kind: Suite
tests:
- name: owner
  template: template.yaml
  constraint: constraint.yaml
  cases:
  - {name: with, object: with.yaml, assertions: [{violations: no}]}
  - {name: without, object: without.yaml, assertions: [{violations: 1, message: shop}]}
  - {name: expected-otherwise, object: without.yaml, assertions: [{violations: no}]}
  - {name: not-there, object: none.yaml}
";

/// `not named(object, input.parameters.key)` knows nothing where there is no key, as in OPA.
fn owner(path: &str) -> Result<String, String> {
    Ok(match path {
        "template.yaml" => {
            "apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: owner}
spec:
  crd: {spec: {names: {kind: Owner}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package owner
      named(object, key) { object.metadata.labels[key] }
      violation[{\"msg\": msg}] {
        not named(input.review.object, input.parameters.key)
        msg := sprintf(\"%v has no %v\", [input.review.object.metadata.name, input.parameters.key])
      }
"
        }
        "constraint.yaml" => {
            "{apiVersion: constraints.gatekeeper.sh/v1beta1, kind: Owner, metadata: {name: o}, spec: {parameters: {key: team}}}"
        }
        "silent.yaml" => "{apiVersion: constraints.gatekeeper.sh/v1beta1, kind: Owner, metadata: {name: o}}",
        "with.yaml" => "{apiVersion: v1, kind: Pod, metadata: {name: shop, labels: {team: a}}}",
        "without.yaml" => "{apiVersion: v1, kind: Pod, metadata: {name: shop}}",
        other => return Err(format!("{other}: no such file")),
    }
    .to_owned())
}

#[test]
fn a_suite_says_what_came_out_of_each_case() {
    let outcomes: Vec<Outcome> =
        gator::run(SUITE, &owner).expect("a suite").into_iter().map(|case| case.outcome).collect();
    assert_eq!(outcomes[..2], [Outcome::Right, Outcome::Right]);
    assert!(matches!(&outcomes[2], Outcome::Wrong(reason) if reason.contains("shop has no team")));
    assert!(matches!(&outcomes[3], Outcome::Unrun(reason) if reason.contains("none.yaml")));
    let silent = SUITE.replace("constraint.yaml", "silent.yaml");
    let outcomes = gator::run(&silent, &owner).expect("a suite");
    assert!(matches!(&outcomes[1].outcome, Outcome::Wrong(_)), "no key, no violation: {outcomes:?}");
    assert!(gator::run("kind: Suite", &owner).is_err());
    let broken = |path: &str| owner(path).map(|text| text.replace("package owner", "package owner\nx {"));
    assert!(matches!(&gator::run(SUITE, &broken).expect("a suite")[0].outcome, Outcome::Unrun(_)));
}
