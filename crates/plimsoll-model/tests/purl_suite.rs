//! The official suite of the purl specification.

use std::collections::BTreeMap;

use plimsoll_model::purl::{Parts, Purl};
use serde_json::Value;

/// A string member; absent, `null` and empty are the same in the suite.
fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn parts(value: &Value) -> Parts {
    let qualifiers: BTreeMap<String, String> = value["qualifiers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    Parts {
        kind: text(value, "type"),
        namespace: text(value, "namespace"),
        name: text(value, "name"),
        version: text(value, "version"),
        qualifiers,
        subpath: text(value, "subpath"),
    }
}

/// Tests that other tests of the suite contradict: qualifier keys in upper case must make reading fail, say
/// `pkg:Rpm/fedora/curl@7.50.3-1.fc25?Arch=i386&Distro=fedora-25` and `pkg:gem/jruby-launcher@1.1.2?Platform=java`.
/// [`Purl::parse_lenient`] reads these.
const CONTRADICTED: [&str; 2] = [
    "pkg:Maven/org.apache.xmlgraphics/batik-anim@1.9.1?classifier=sources&repositorY_url=https://repo.spring.io/release",
    "pkg:Maven/org.apache.xmlgraphics/batik-anim@1.9.1?type=pom&repositorY_url=repo.spring.io/release",
];

/// What is wrong with one test; `None` when it passes.
fn run(test: &Value) -> Option<String> {
    let input = &test["input"];
    let fails = test["expected_failure"].as_bool().unwrap_or_default();
    let expected = &test["expected_output"];
    let contradicted = input.as_str().is_some_and(|text| CONTRADICTED.contains(&text));
    let (result, wanted) = match test["test_type"].as_str().expect("a type of test") {
        "parse" if contradicted => {
            let text = input.as_str().expect("a text");
            assert!(Purl::parse(text).is_err(), "no longer contradicted: {text}");
            (
                Purl::parse_lenient(text).map(|purl| format!("{:?}", purl.into_parts())),
                format!("{:?}", parts(expected)),
            )
        }
        "parse" => (
            Purl::parse(input.as_str().expect("a text")).map(|purl| format!("{:?}", purl.into_parts())),
            format!("{:?}", parts(expected)),
        ),
        "build" => (Purl::build(parts(input)).map(|purl| purl.to_string()), text(test, "expected_output")),
        "validate" | "roundtrip" => (
            Purl::parse_lenient(input.as_str().expect("a text")).map(|purl| purl.to_string()),
            text(test, "expected_output"),
        ),
        other => return Some(format!("unknown type of test {other}")),
    };
    match result {
        Err(_) if fails => None,
        Ok(found) if !fails && found == wanted => None,
        other => Some(format!(
            "{input}\n    wanted {}\n    found {other:?}",
            if fails { "a failure" } else { &wanted }
        )),
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the counts are the evidence")]
fn official_suite() {
    let Some(folder) = plimsoll_testing::shared("fixtures/purl") else { return };
    let mut passed = 0;
    let mut failures = Vec::new();
    for folder in [folder.join("types"), folder.join("spec")] {
        for entry in std::fs::read_dir(folder).expect("the folder opens") {
            let path = entry.expect("an entry").path();
            let suite: Value = serde_json::from_slice(&std::fs::read(&path).expect("the file reads"))
                .expect("the file is JSON");
            for test in suite["tests"].as_array().expect("tests") {
                match run(test) {
                    None => passed += 1,
                    Some(failure) => failures.push(format!(
                        "{} {} {}: {failure}",
                        path.file_name().expect("a name").display(),
                        test["test_type"],
                        test["test_group"]
                    )),
                }
            }
        }
    }
    println!("{passed} tests passed, {} of them only leniently", CONTRADICTED.len());
    assert!(passed > 0, "the suite is empty");
    assert!(failures.is_empty(), "{passed} passed, {} failed:\n{}", failures.len(), failures.join("\n"));
}
