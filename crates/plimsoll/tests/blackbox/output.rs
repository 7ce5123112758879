//! Where output goes and how it looks: files, pipes, colour, width, the published schema.

use std::io::Read as _;
use std::process::Stdio;

use super::common::shop;
use super::{Place, database, snapshot};

#[test]
fn colour_only_when_wanted() {
    let place = Place::new();
    let shop = place.shop();
    let plain = place.scan(&shop, &[]).stdout;
    assert!(!plain.contains('\x1b'), "a pipe gets no colour");
    let coloured = place.scan(&shop, &["--color", "always"]).stdout;
    assert!(coloured.contains("\x1b["), "{coloured}");
    assert_eq!(strip(&coloured), plain, "colour only adds");
    assert_eq!(place.scan(&shop, &["--color", "never"]).stdout, plain);
    let arguments = ["scan", &shop, "--db", database()];
    assert_eq!(place.run_with(&arguments, &[("NO_COLOR", "1")]).stdout, plain);
    assert_eq!(place.run_with(&arguments, &[("TERM", "dumb")]).stdout, plain);
    // What was typed comes before the environment.
    let run = place.run_with(&["--color", "always", "scan", &shop, "--db", database()], &[("NO_COLOR", "1")]);
    assert_eq!(run.stdout, coloured);
    // Machines get no colour, whatever was typed.
    let json = place.scan(&shop, &["--color", "always", "--format", "json"]).stdout;
    assert!(!json.contains('\x1b'));
    let error = place.run(&["--color", "always", "scan", "./absent"]).exits(2).stderr;
    assert!(error.contains("\x1b["), "{error}");
    assert!(strip(&error).starts_with("error:"), "{error}");
}

/// Text without colour sequences.
fn strip(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        result.push_str(&rest[..at]);
        let end = rest[at..].find('m').expect("a colour sequence ends with m");
        rest = &rest[at + end + 1..];
    }
    result + rest
}

#[test]
fn narrow_terminals() {
    let place = Place::new();
    place.shop();
    let arguments = ["scan", "shop", "--db", database(), "--all"];
    for width in ["60", "80", "100", "200"] {
        let run = place.run_with(&arguments, &[("COLUMNS", width)]).exits(1);
        let limit = width.parse::<usize>().unwrap().min(100);
        for line in run.stdout.lines() {
            assert!(line.chars().count() <= limit, "{width}: {line}");
        }
        assert!(run.stdout.lines().all(|line| line.trim_end() == line), "no blanks at ends of lines");
        if width == "60" {
            snapshot!(place, run);
        }
    }
    // Nonsense is no width.
    let wide = place.run(&arguments).stdout;
    for width in ["", "0x10", "wide"] {
        assert_eq!(place.run_with(&arguments, &[("COLUMNS", width)]).stdout, wide, "{width}");
    }
}

#[test]
fn a_closed_pipe_is_success() {
    let place = Place::new();
    let shop = place.shop();
    for arguments in [
        vec!["scan", &shop, "--db", database(), "--all"],
        vec!["scan", &shop, "--db", database(), "--format", "json"],
        vec!["sbom", &shop, "--format", "json"],
        vec!["explain", "CVE-2099-0001", "--db", database()],
        vec!["completions", "zsh"],
        vec!["man"],
        vec!["--help"],
        vec!["db", "status", "--db", database()],
    ] {
        let mut child =
            place.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Whoever reads goes away before the first byte.
        drop(child.stdout.take());
        let mut talk = String::new();
        child.stderr.take().unwrap().read_to_string(&mut talk).unwrap();
        let status = child.wait().unwrap();
        assert_eq!((status.code(), talk.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn several_outputs_at_once() {
    let place = Place::new();
    let shop = place.shop();
    let run = place
        .scan(&shop, &["--output", "json=report.json", "-o", "table=report.txt", "--color", "always"])
        .exits(1)
        .quiet();
    assert!(run.stdout.contains("NOT MET"));
    let json = std::fs::read_to_string(place.path("report.json")).unwrap();
    assert_eq!(json, place.scan(&shop, &["--format", "json"]).stdout);
    let table = std::fs::read_to_string(place.path("report.txt")).unwrap();
    assert!(table.contains("NOT MET") && !table.contains('\x1b'), "files get no colour");
    // A second run replaces them.
    place.put("report.json", "old");
    place.scan(&shop, &["--output", "json=report.json"]).exits(1);
    assert_eq!(std::fs::read_to_string(place.path("report.json")).unwrap(), json);
}

#[test]
fn outputs_that_cannot_be_written() {
    let place = Place::new();
    let shop = place.shop();
    std::fs::create_dir(place.path("folder")).unwrap();
    for path in ["absent/report.json", "folder", "shop/index.json/report.json"] {
        let run = place.scan(&shop, &["--output", &format!("json={path}")]).exits(2).says(&["error:", path]);
        assert_eq!(run.stdout, "", "no report that could be taken for the whole answer");
    }
    assert_eq!(std::fs::read_dir(place.path("folder")).unwrap().count(), 0);
    let left: Vec<_> =
        std::fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing is left half written: {left:?}");
}

#[test]
fn json_is_what_the_schema_says() {
    let place = Place::new();
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/report-1.0.json");
    let schema = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let shop = place.shop();
    place.layout("calm", &shop::calm());
    std::fs::create_dir(place.path("root")).unwrap();
    shop::root(&place.path("root"));
    let accepted = place.put("accepted.toml", "[[exception]]\nid = \"CVE-2099-0030\"\nreason = \"x\"\n");
    let mut reports = vec![
        place.scan(&shop, &["--format", "json"]),
        place.scan(&shop, &["--format", "json", "--ignore-file", &accepted, "--base", "debian:12"]),
        place.scan("calm", &["--format", "json"]),
        place.scan("root", &["--format", "json"]),
        place.run(&["scan", &shop, "--format", "json"]),
        place.run(&["sbom", &shop, "--format", "json"]),
    ];
    for run in reports.drain(..) {
        let report = run.json();
        let errors: Vec<String> = validator
            .iter_errors(&report)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}", errors.join("\n"));
        assert!(run.stdout.ends_with("}\n"));
    }
}

#[test]
fn an_inventory_alone() {
    let place = Place::new();
    let shop = place.shop();
    let scanned = place.json(&shop, &[]);
    let run = place.run(&["sbom", &shop, "--format", "json"]).exits(0).quiet();
    let inventory = run.json();
    assert_eq!(inventory["packages"], scanned["packages"]);
    assert_eq!(inventory["findings"], serde_json::json!([]));
    assert_eq!(inventory["database"]["coverage"], "none");
}

#[test]
fn templates_see_the_report_and_their_faults_name_the_line() {
    let place = Place::new();
    let shop = place.shop();
    let good = place.put(
        "names.json.j2",
        "[{% for finding in findings %}{{ finding.advisory }}{% if not loop.last %},{% endif %}{% endfor %}]",
    );
    let run = place.scan(&shop, &["--format", "template", "--template", &good]).exits(1);
    let names = run.json();
    let report = place.json(&shop, &[]);
    let expected: Vec<_> =
        report["findings"].as_array().unwrap().iter().map(|finding| finding["advisory"].clone()).collect();
    assert_eq!(names.as_array().unwrap(), &expected);

    let file = place.path("metrics.txt");
    let output = format!("template={}", file.display());
    place.scan(&shop, &["--output", &output, "--template", "@prometheus"]).exits(1);
    let metrics = std::fs::read_to_string(file).unwrap();
    assert!(metrics.contains("outcome=\"notMet\"} 1\n"), "{metrics}");

    let folder = place.path("out").display().to_string();
    place.scan(&shop, &["--output-dir", &folder, "--format", "template", "--template", &good]).exits(1);
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(names.len() == 1 && names[0].extension().is_some_and(|end| end == "json"), "{names:?}");

    let missing = place.put("missing.txt", "first\n{{ verdict.nothing }}\n");
    let broken = place.put("broken.txt", "{% if %}");
    for (arguments, said) in [
        (vec!["--format", "template", "--template", &missing], "line 2: undefined value"),
        (vec!["--format", "template", "--template", &broken], "line 1: syntax error"),
        (
            vec!["--format", "template", "--template", "@nothing"],
            "no template `@nothing` comes with Plimsoll",
        ),
        (vec!["--format", "template", "--template", "absent"], "cannot read the template `absent`"),
        (vec!["--format", "template"], "the format `template` needs a template"),
        (vec!["--template", &good], "no format is `template`"),
    ] {
        let run = place.scan(&shop, &arguments).exits(2).says(&[said]);
        assert_eq!(run.stdout, "", "{arguments:?}");
    }
}
