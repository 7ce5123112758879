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
  - {name: not-there, object: none.yaml, assertions: [{violations: no}]}
";

/// `not named(object, input.parameters.key)` knows nothing where there is no key, as in OPA.
fn owner(path: &str) -> Result<String, String> {
    Ok(match path {
        "template.yaml" => {
            "apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: owner}
spec:
  crd: {spec: {names: {kind: Owner}, validation: {openAPIV3Schema: {type: object, properties: {key: {type: string}}}}}}
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
        "scoped.yaml" => {
            "{apiVersion: constraints.gatekeeper.sh/v1beta1, kind: Owner, metadata: {name: o}, spec: {parameters: {key: team}, enforcementAction: scoped, scopedEnforcementActions: [{action: deny, enforcementPoints: [{name: audit.gatekeeper.sh}]}]}}"
        }
        "wrong.yaml" => {
            "{apiVersion: constraints.gatekeeper.sh/v1beta1, kind: Owner, metadata: {name: o}, spec: {parameters: {key: [team]}}}"
        }
        "selected.yaml" => {
            "{apiVersion: constraints.gatekeeper.sh/v1beta1, kind: Owner, metadata: {name: o}, spec: {parameters: {key: team}, match: {namespaceSelector: {matchLabels: {a: b}}}}}"
        }
        "space.yaml" => "{apiVersion: v1, kind: Namespace, metadata: {name: x, labels: {a: b}}}",
        "spaced.yaml" => "{apiVersion: v1, kind: Pod, metadata: {name: shop, namespace: x}}",
        "deleted.yaml" => {
            "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {uid: '1', kind: {version: v1, kind: Pod}, operation: DELETE, name: shop, oldObject: {metadata: {name: shop, labels: {team: a}}}}}"
        }
        "nothing.yaml" => {
            "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {uid: '1', kind: {version: v1, kind: Pod}, operation: DELETE, name: shop}}"
        }
        "no-request.yaml" => "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview}",
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

/// What `gator` refuses to answer is no case that came out right.
#[test]
fn what_cannot_be_right_is_not() {
    let run = |constraint: &str, test: &str, case: &str| {
        let suite = format!(
            "apiVersion: test.gatekeeper.sh/v1alpha1\nkind: Suite\ntests:\n- {{name: t, template: template.yaml, constraint: {constraint}, {test} cases: [{{name: c, {case}}}]}}\n"
        );
        let mut cases = gator::run(&suite, &owner).expect("a suite");
        assert_eq!(cases.len(), 1, "{suite}");
        cases.remove(0).outcome
    };
    let unrun = |outcome: Outcome, said: &str| {
        assert!(matches!(&outcome, Outcome::Unrun(reason) if reason.contains(said)), "{said}: {outcome:?}");
    };
    let none = "assertions: [{violations: no}]";
    assert_eq!(run("wrong.yaml", "invalid: true,", ""), Outcome::Right);
    let valid = run("constraint.yaml", "invalid: true,", "");
    assert!(matches!(valid, Outcome::Wrong(_)), "{valid:?}");
    unrun(run("missing.yaml", "", &format!("object: with.yaml, {none}")), "no such file");
    unrun(run("wrong.yaml", "", &format!("object: with.yaml, {none}")), "is not of type string");
    unrun(run("constraint.yaml", "", "object: with.yaml"), "asserts nothing");
    unrun(run("constraint.yaml", "", none), "names no object");
    unrun(run("constraint.yaml", "", &format!("object: nothing.yaml, {none}")), "has no object");
    unrun(run("constraint.yaml", "", &format!("object: no-request.yaml, {none}")), "has no request");
    unrun(run("selected.yaml", "", &format!("object: spaced.yaml, {none}")), "`x` is not in the inventory");
    let some = "inventory: [space.yaml], assertions: [{violations: 1}]";
    assert_eq!(run("selected.yaml", "", &format!("object: spaced.yaml, {some}")), Outcome::Right);
    // What is deleted is the object.
    assert_eq!(run("constraint.yaml", "", &format!("object: deleted.yaml, {none}")), Outcome::Right);
    // A constraint that does not hold in tests finds nothing there.
    assert_eq!(run("scoped.yaml", "", &format!("object: without.yaml, {none}")), Outcome::Right);
}
