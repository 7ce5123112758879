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

const POLICY: &str = "{apiVersion: policies.kyverno.io/v1, kind: ValidatingPolicy, metadata: {name: p}, spec: {matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}, validations: [{expression: 'has(object.metadata.labels)'}]}}";
const PODS: &str = "{apiVersion: v1, kind: Pod, metadata: {name: bad}}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: good, namespace: shop, labels: {a: b}}}";

/// Forms of test files that our samples do not have.
#[test]
fn files_of_other_releases() {
    let run = |head: &str, rest: &str| {
        let text = format!("{head}policies: [p.yaml]\nresources: [r.yaml]\n{rest}");
        let read = |path: &str| {
            match path {
            "p.yaml" => Ok(POLICY.to_owned()),
            "r.yaml" => Ok(PODS.to_owned()),
            "v.yaml" => Ok("{kind: Values, policies: [{name: p, resources: [{name: bad, values: {request.operation: UPDATE}}]}]}".to_owned()),
            other => Err(format!("{other}: no such file")),
        }
        };
        let cases = kyverno::run(&text, &read).expect("a test file");
        cases.into_iter().map(|case| case.outcome).collect::<Vec<_>>()
    };
    let now = "apiVersion: cli.kyverno.io/v1alpha1\nkind: Test\n";
    let right = |outcomes: Vec<Outcome>, count: usize| assert_eq!(outcomes, vec![Outcome::Right; count]);
    let both = "results: [{policy: p, kind: Pod, resource: bad, status: fail}, {policy: p, kind: Pod, resources: [shop/good], result: pass}, {policy: p, kind: Pod, resources: [default/bad], result: fail}]";
    right(run("name: old\n", both), 3);
    right(run(now, both), 3);
    right(
        run(
            now,
            "results: [{policy: p, kind: Pod, resourceSpecs: [{namespace: shop, name: good}], result: pass}]",
        ),
        1,
    );
    // The rule is about what is made; this one is changed, says the file of values.
    right(
        run(now, "variables: v.yaml\nresults: [{policy: p, kind: Pod, resources: [bad], result: skip}]"),
        1,
    );
    for unrun in ["results: [{policy: p, kind: Pod, result: fail}]", "checks: [{assert: {status: pass}}]"] {
        let outcomes = run(now, unrun);
        assert!(matches!(outcomes.as_slice(), [Outcome::Unrun(_)]), "{unrun}: {outcomes:?}");
    }
    assert!(kyverno::run("results: []", &|_| Err(String::new())).is_err());
}
