//! `plimsoll whose`: the matrix, one control, what would change, statements, in every form.

use serde_json::Value;

use super::Place;

/// An export or objects of the posture crate's fixtures.
fn fixture(name: &str) -> String {
    format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../plimsoll-posture/fixtures/responsibility/{}"), name)
}

fn open() -> [String; 5] {
    [
        "whose".into(),
        "--gke".into(),
        fixture("gke-standard-open.json"),
        "--manifests".into(),
        fixture("objects-gke-open.yaml"),
    ]
}

fn run(place: &Place, base: &[String], more: &[&str]) -> super::Run {
    let words: Vec<&str> = base.iter().map(String::as_str).chain(more.iter().copied()).collect();
    place.run(&words)
}

#[test]
fn the_short_answer_says_whose_move_it_is() {
    let place = Place::new();
    let run = run(&place, &open(), &[]);
    assert_eq!(run.code, 1);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines[0], "GKE Standard: batch (1 node), default-pool (1 node)");
    for wanted in [
        "NOT MET  of 70 controls that are yours or shared",
        "yours and not met, what exposes most first",
        "shared and not met: the provider waits for you",
        "blocked by RT-016: PodDisruptionBudget shop/web: disruption budget lets no pod go",
        "4 controls move to the provider's side (INF-021, INF-022, INF-027, INF-035)",
        "gcloud container node-pools update batch --cluster=shop --location=europe-west4 --enable-autoupgrade",
        "could not decide",
        "next: plimsoll whose",
    ] {
        // Lines break where the width says.
        let words = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        let wanted = wanted.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&wanted), "{wanted}\n{}", run.stdout);
    }
    // Commands are to be copied whole; everything else keeps to the width.
    let command =
        |line: &&&str| ["gcloud ", "kubectl ", "plimsoll whose"].iter().any(|word| line.contains(word));
    for line in lines.iter().filter(|line| !command(line)) {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn json_is_what_the_schema_says_and_always_the_same() {
    let place = Place::new();
    let read = |name: &str| -> Value {
        let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/{}"), name);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let registry = jsonschema::Registry::new().add("report-1.0.json", read("report-1.0.json")).unwrap();
    let registry = registry.prepare().unwrap();
    let validator =
        jsonschema::options().with_registry(&registry).build(&read("responsibility-1.0.json")).unwrap();
    let first = run(&place, &open(), &["--format", "json"]);
    assert_eq!(run(&place, &open(), &["--format", "json"]).stdout, first.stdout);
    let mut document: Value = serde_json::from_str(&first.stdout).unwrap();
    let faults: Vec<String> = validator.iter_errors(&document).map(|fault| fault.to_string()).collect();
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(document["controls"].as_array().unwrap().len(), 83);
    document["controls"][0]["cells"][0]["standing"] = "fine".into();
    assert!(!validator.is_valid(&document));
    let change = run(&place, &open(), &["--what-if", "gke-autopilot", "--format", "json"]);
    assert_eq!(change.code, 0);
    let change: Value = serde_json::from_str(&change.stdout).unwrap();
    assert_eq!(change["offYou"].as_array().unwrap().len(), 23);
    assert_eq!(change["refused"].as_array().unwrap().len(), 2);
}

#[test]
fn one_control_is_explained_with_its_source() {
    let place = Place::new();
    let run = run(&place, &open(), &["inf-046"]);
    assert_eq!(run.code, 1, "the exit code speaks of the one control: {}", run.stdout);
    for wanted in ["INF-046", "decided from:", "batch (GKE Standard): shared, not met", "recalled, not read"]
    {
        assert!(run.stdout.contains(wanted), "{wanted}\n{}", run.stdout);
    }
}

#[test]
fn every_form_holds_hostile_names_as_text() {
    let place = Place::new();
    let export = r#"{"name":"<script>alert(1)</script>","currentMasterVersion":"1.35.1","nodePools":[{"name":"<b>\u001b[31m=1+1","management":{"autoUpgrade":false}}]}"#;
    place.put("gke.json", export);
    for format in ["html", "markdown", "csv", "table"] {
        let run = place.run(&["whose", "--gke", "gke.json", "--all", "--format", format]);
        assert!(!run.stdout.contains('\u{1b}'), "{format}");
        if format == "html" {
            assert!(!run.stdout.contains("<script"), "{}", run.stdout);
            assert!(!run.stdout.contains("<b>\\x1b"), "{}", run.stdout);
            assert!(run.stdout.contains("default-src 'none'"));
        }
        if format == "csv" {
            assert!(run.stdout.lines().count() == 84, "a line of names, and one for each control");
        }
        assert!(!run.stdout.contains("--cluster=<"), "only plain names stand in commands");
    }
}

#[test]
fn a_statement_is_written_counts_and_ends() {
    let place = Place::new();
    let file = ["--attestations", "statements.yaml"];
    let state = |until: &str| {
        let words =
            ["whose", "--attest", "SC-007", "--by", "A. Person", "--until", until, "--note", "reviewed"];
        place.run(&[&words[..], &file].concat())
    };
    assert_eq!(state("tomorrow").code, 2);
    assert_eq!(state("2031-01-01").code, 2, "too far away");
    let run = place.run(&["whose", "--platform", "gke-standard", "SC-007"]);
    assert_eq!(run.code, 3, "nobody has said it");
    let day = |days: i64| {
        // Runs of these tests have a fixed day.
        let out = place.run(&["whose", "--platform", "gke-standard", "--format", "json"]).stdout;
        let now = serde_json::from_str::<Value>(&out).unwrap()["takenAt"].as_str().unwrap()[..10].to_owned();
        let date: jiff::civil::Date = now.parse().unwrap();
        date.checked_add(jiff::Span::new().days(days)).unwrap().to_string()
    };
    assert_eq!(state(&day(30)).code, 0);
    let run = place.run(&[&["whose", "--platform", "gke-standard", "SC-007"][..], &file].concat());
    assert_eq!(run.code, 0, "{}", run.stdout);
    assert!(run.stdout.contains("attested by A. Person until"));
    let over = format!(
        "apiVersion: plimsoll.dev/v1\nkind: Attestations\nstatements:\n- {{control: SC-007, by: A, until: \"{}\"}}\n",
        day(-1)
    );
    place.put("statements.yaml", &over);
    let run = place.run(&[&["whose", "--platform", "gke-standard", "SC-007"][..], &file].concat());
    assert_eq!(run.code, 3);
    assert!(run.stdout.contains("which is over"), "{}", run.stdout);
    place.put("statements.yaml", "apiVersion: plimsoll.dev/v1\nkind: Attestations\nstatements: [{control: SC-999, by: A, until: \"2026-12-01\"}]\n");
    assert_eq!(place.run(&[&["whose", "--platform", "gke-standard"][..], &file].concat()).code, 2);
}

#[test]
fn what_cannot_be_used_is_told() {
    let place = Place::new();
    place.put("other.json", "{\"a\": 1}");
    place.put("broken.json", "{\"a\": ");
    std::fs::create_dir_all(place.path("own")).unwrap();
    place.put("own/INF-001.yaml", "id: INF-001\nrank: 300\n");
    for (words, wanted) in [
        (&["whose"][..], "nothing that was given says which platform"),
        (&["whose", "--gke", "other.json"], "no export of GKE"),
        (&["whose", "--aks", "broken.json"], "it is no JSON"),
        (&["whose", "--eks", "absent.json"], "cannot read `absent.json`"),
        (&["whose", "--platform", "gke"], "there is no platform `gke`"),
        (&["whose", "--platform", "gke-standard", "INF-1"], "there is no control `INF-1`"),
        (&["whose", "--platform", "gke-standard", "--what-if", "mars"], "there is no platform `mars`"),
        (&["whose", "--platform", "gke-standard", "--controls", "own"], "rank"),
        (&["whose", "--platform", "gke-standard", "--controls", "absent"], "cannot read `absent`"),
    ] {
        let run = place.run(words);
        assert_eq!(run.code, 2, "{words:?}: {}", run.stderr);
        assert!(run.stderr.contains(wanted), "{words:?}: {}", run.stderr);
        assert!(run.stdout.is_empty());
    }
}
