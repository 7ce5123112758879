//! `plimsoll diff`: two targets side by side.

use serde_json::Value;

use super::{Place, database, snapshot};

const BEFORE: &str = "Django==3.2.4\nJinja2==2.11.2\nleft==1.0\n";
const AFTER: &str = "Django==3.2.25\nJinja2==2.11.2\nPyYAML==5.3\n";

fn two(place: &Place) {
    for (name, content) in [("before", BEFORE), ("after", AFTER)] {
        std::fs::create_dir_all(place.path(name)).unwrap();
        place.put(&format!("{name}/requirements.txt"), content);
    }
}

#[test]
fn what_came_and_went() {
    let place = Place::new();
    two(&place);
    let run = place.run(&["diff", "before", "after", "--db", database(), "--fail-on", "critical"]).quiet();
    snapshot!(place, run);
    let run = place.run(&["diff", "before", "after", "--db", database(), "--format", "markdown"]).quiet();
    assert!(run.stdout.contains("| `Django` | upgraded | 3.2.4 | 3.2.25 |"), "{}", run.stdout);
}

#[test]
fn only_what_the_second_brings_counts() {
    let place = Place::new();
    two(&place);
    let run = |first: &str, second: &str| {
        place.run(&["diff", first, second, "--db", database(), "--fail-on", "low", "--format", "json"])
    };
    let forth = run("before", "after").quiet().json();
    let back = run("after", "before").quiet().json();
    assert_eq!(forth["introduced"].as_array().unwrap().len(), back["fixed"].as_array().unwrap().len());
    assert_eq!(forth["fixed"].as_array().unwrap().len(), back["introduced"].as_array().unwrap().len());
    // The same twice: nothing is new, whatever stands over the line in both.
    let same = run("before", "before").exits(0).quiet().json();
    assert_eq!(
        (&same["introduced"], &same["fixed"], &same["packages"]),
        (&Value::Array(vec![]), &Value::Array(vec![]), &Value::Array(vec![]))
    );
}

#[test]
fn saved_reports_stand_for_their_targets() {
    let place = Place::new();
    two(&place);
    for name in ["before", "after"] {
        let run = place.run(&["scan", name, "--db", database(), "--format", "json"]);
        place.put(&format!("{name}.json"), &run.stdout);
    }
    let live = place.run(&["diff", "before", "after", "--db", database(), "--format", "json"]).json();
    let saved = place.run(&["diff", "before.json", "after.json", "--format", "json"]).json();
    for part in ["packages", "introduced", "fixed", "remaining"] {
        assert_eq!(live[part], saved[part], "{part}");
    }
    let broken = place.put("broken.json", "{\"schemaVersion\": \"1.0\", \"findings\": 3}");
    place.run(&["diff", &broken, "after"]).exits(3).says(&["is no report that this version can read"]);
}

#[test]
fn bad_input() {
    let place = Place::new();
    two(&place);
    place.run(&["diff", "before", "dir:nowhere"]).exits(2);
    place
        .run(&["diff", "before", "after", "--format", "sarif"])
        .exits(2)
        .says(&["`sarif` cannot show differences"]);
    place.run(&["diff", "before"]).exits(2);
}

#[test]
fn json_is_what_the_schema_says() {
    let place = Place::new();
    two(&place);
    let read = |name: &str| -> Value {
        let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/{}"), name);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    // What it refers to stands in the report's schema: here in one document.
    let text = read("diff-1.0.json").to_string().replace("report-1.0.json#", "#");
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    let shared = read("report-1.0.json")["$defs"].as_object().unwrap().clone();
    schema["$defs"].as_object_mut().unwrap().extend(shared);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let report = place.run(&["diff", "before", "after", "--db", database(), "--format", "json"]).json();
    let faults: Vec<String> = validator.iter_errors(&report).map(|fault| fault.to_string()).collect();
    assert_eq!(faults, Vec::<String>::new());
}
