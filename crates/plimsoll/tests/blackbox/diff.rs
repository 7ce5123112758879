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
    let report = place.run(&["diff", "before", "after", "--db", database(), "--format", "json"]).json();
    assert_eq!(super::faults("diff-1.0.json", &report), Vec::<String>::new());
}
