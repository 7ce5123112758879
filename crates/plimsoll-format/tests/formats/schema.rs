//! `docs/schema/report-1.0.json` describes what we write: nothing more, nothing less.

use std::sync::LazyLock;

use plimsoll_format::{Format, View, write};
use plimsoll_model::Report;
use proptest::prelude::*;
use serde_json::Value;

use crate::{arbitrary, sample};

fn schema() -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/report-1.0.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn validator() -> &'static jsonschema::Validator {
    static VALIDATOR: LazyLock<jsonschema::Validator> =
        LazyLock::new(|| jsonschema::draft202012::options().build(&schema()).unwrap());
    &VALIDATOR
}

fn json(report: &Report) -> Value {
    serde_json::from_str(&write(report, Format::Json, &View::default()).unwrap()).unwrap()
}

fn errors(validator: &jsonschema::Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_schema_is_a_schema() {
    assert!(jsonschema::meta::is_valid(&schema()));
}

/// The form in which every rule stands once.
#[test]
fn brief_reports_are_valid_and_hold_every_finding() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/brief-1.0.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::draft202012::options().build(&schema).unwrap();
    for report in [sample::shop_web(), sample::few(), sample::empty(), sample::unknown(), sample::hostile()] {
        let text = write(&report, Format::Brief, &View::default()).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(errors(&validator, &value), Vec::<String>::new());
        let rules = value["rules"].as_array().unwrap();
        let places = rules.iter().flat_map(|rule| rule["findings"].as_array().unwrap());
        let places: usize = places.map(|of| of["places"].as_array().unwrap().len()).sum();
        assert_eq!(places, report.findings.len());
    }
}

#[test]
fn samples_are_valid() {
    let validator = validator();
    for report in [
        sample::shop_web(),
        sample::few(),
        sample::empty(),
        sample::unknown(),
        sample::incident_pack(),
        sample::hostile(),
    ] {
        assert_eq!(errors(validator, &json(&report)), Vec::<String>::new());
    }
}

/// Every object of the document is closed: a member that the schema does not know, and one that it requires, are noticed.
#[test]
fn a_member_more_or_less_is_noticed() {
    fn places(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                if !at.ends_with("/properties") {
                    found.push(at.to_owned());
                }
                for (name, member) in members {
                    places(member, &format!("{at}/{name}"), found);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    places(item, &format!("{at}/{index}"), found);
                }
            }
            _ => {}
        }
    }
    let validator = validator();
    let document = json(&sample::few());
    let mut found = Vec::new();
    places(&document, "", &mut found);
    assert!(found.len() > 100);
    for place in found {
        let mut more = document.clone();
        more.pointer_mut(&place).unwrap().as_object_mut().unwrap().insert("surprise".into(), Value::Null);
        assert!(!validator.is_valid(&more), "a member more at `{place}` is not noticed");
    }
    for name in schema()["required"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        let mut less = document.clone();
        less.as_object_mut().unwrap().remove(name);
        assert!(!validator.is_valid(&less), "`{name}` is not missed");
    }
    let mut less = document.clone();
    less["findings"][0].as_object_mut().unwrap().remove("party");
    assert!(!validator.is_valid(&less));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_report_is_valid_and_comes_back(report in arbitrary::report()) {
        let text = write(&report, Format::Json, &View::default()).unwrap();
        prop_assert!(text.ends_with('\n'));
        let value: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(errors(validator(), &value), Vec::<String>::new());
        prop_assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    }
}
