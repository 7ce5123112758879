//! Several targets in one run.

use serde_json::Value;

use super::{Place, database, snapshot, text};

fn two(place: &Place) {
    for (name, content) in [("web", "Django==3.2.4\nharbour==3.2.4\n"), ("jobs", "left==1.0\n")] {
        std::fs::create_dir_all(place.path(name)).unwrap();
        place.put(&format!("{name}/requirements.txt"), content);
    }
}

#[test]
fn a_line_for_each_then_each() {
    let place = Place::new();
    two(&place);
    let run = place.run(&["scan", "web", "absent.tar", "jobs", "--db", database(), "--jobs", "3"]).quiet();
    snapshot!(place, run);
}

#[test]
fn json_is_what_the_schema_says_and_always_the_same() {
    let place = Place::new();
    two(&place);
    let read = |name: &str| -> Value {
        let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/{}"), name);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let registry = jsonschema::Registry::new().add("report-1.0.json", read("report-1.0.json")).unwrap();
    let registry = registry.prepare().unwrap();
    let validator = jsonschema::options().with_registry(&registry).build(&read("survey-1.0.json")).unwrap();
    let run = |jobs: &str| {
        let targets = ["web", "absent.tar", "jobs", "web"];
        let more = ["--db", database(), "--format", "json", "--jobs", jobs];
        place.run(&[&["scan"], &targets[..], &more[..]].concat()).quiet()
    };
    let first = run("1");
    for jobs in ["2", "8"] {
        assert_eq!(run(jobs).stdout, first.stdout, "the same bytes however many work");
    }
    let document = first.json();
    let faults: Vec<String> = validator.iter_errors(&document).map(|fault| fault.to_string()).collect();
    assert_eq!(faults, Vec::<String>::new());
    let mut broken = document.clone();
    broken["targets"][0]["failure"] = serde_json::json!({"message": "and a report"});
    assert!(!validator.is_valid(&broken));
    let names: Vec<String> =
        document["targets"].as_array().unwrap().iter().map(|target| text(&target["name"])).collect();
    assert_eq!(names, ["web", "absent.tar", "jobs"], "in order, each once");
    // Alone, a target says the same.
    let alone = place.run(&["scan", "web", "--db", database(), "--format", "json"]).json();
    assert_eq!(document["targets"][0]["report"], alone);
}

#[test]
fn the_worst_answer_is_the_exit_code() {
    let place = Place::new();
    two(&place);
    let scan = |targets: &[&str]| {
        place.run(&[&["scan", "--db", database(), "--fail-on", "low"], targets].concat()).quiet()
    };
    scan(&["web", "jobs"]).exits(1);
    scan(&["jobs", "absent.tar", "web"]).exits(1);
    scan(&["jobs", "absent.tar"]).exits(3);
    place.run(&["scan", "web", "jobs", "--db", "absent.db"]).exits(3).says(&["absent.db"]);
}

#[test]
fn lists_of_targets() {
    let place = Place::new();
    two(&place);
    let list = place.put("list", "# ours\nweb\n\njobs\n");
    let named = |run: super::Run| -> Vec<String> {
        run.json()["targets"].as_array().unwrap().iter().map(|target| text(&target["name"])).collect()
    };
    let more = ["--db", database(), "--format", "json"];
    let from_file = place.run(&[&["scan", "--targets-from", &list], &more[..]].concat());
    assert_eq!(named(from_file), ["web", "jobs"]);
    let from_stdin =
        place.run_on(&[&["scan", "jobs", "--targets-from", "-"], &more[..]].concat(), b"web\njobs\n");
    assert_eq!(named(from_stdin), ["jobs", "web"]);
    let cut = place.run(&[&["scan", "--targets-from", &list, "--max-targets", "1"], &more[..]].concat());
    assert!(cut.stderr.contains("1 more than the 1 that one run takes were left out"), "{}", cut.stderr);
    assert_eq!(named(cut), ["web"]);
    let bad = place.put("bad", b"web\n\xff\n");
    place
        .run(&["scan", "--targets-from", &bad])
        .exits(2)
        .says(&["cause: cannot use line 2 of the list of targets"]);
    place
        .run(&["scan", "--targets-from", "absent"])
        .exits(2)
        .says(&["cannot read the list of targets `absent`"]);
    place.run_on(&["scan", "-", "--targets-from", "-"], b"web\n").exits(2).says(&["cannot be both"]);
    place.run_on(&["scan", "--targets-from", "-"], b"# none\n").exits(3);
    place.run(&["scan"]).exits(2);
}

#[test]
fn a_file_for_each() {
    let place = Place::new();
    two(&place);
    std::fs::create_dir_all(place.path("out")).unwrap();
    let old = place.put("out/absent.tar.spdx.json", "of yesterday");
    let run = place.run(&[
        "scan",
        "web",
        "absent.tar",
        "dir:jobs",
        "--db",
        database(),
        "--format",
        "spdx",
        "--output-dir",
        "out",
        "-o",
        "csv=all.csv",
    ]);
    snapshot!(place, run);
    let mut names: Vec<String> = std::fs::read_dir(place.path("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["dir_jobs.spdx.json", "web.spdx.json"]);
    assert!(!std::path::Path::new(&old).exists(), "an old report would pass for today's");
    let written = std::fs::read_to_string(place.path("out/web.spdx.json")).unwrap();
    assert_eq!(written, place.run(&["scan", "web", "--db", database(), "--format", "spdx"]).stdout);
    assert!(std::fs::read_to_string(place.path("all.csv")).unwrap().contains("absent.tar,not scanned,"));
    place
        .run(&["scan", "web", "jobs", "--db", database(), "--format", "cyclonedx"])
        .exits(2)
        .says(&["`cyclonedx` holds one target: use --output-dir DIR"]);
}
