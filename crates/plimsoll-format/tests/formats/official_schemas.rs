//! What we write is valid by the standards' own schemas. They are not part of this project: `scripts/fetch-schemas.sh`
//! fetches them into the cache, and without them these tests say aloud that they did not check.

use std::collections::BTreeSet;
use std::path::PathBuf;

use plimsoll_format::plan::Form;
use plimsoll_format::{Build, Format, View, write};
use plimsoll_model::ecosystem::ECOSYSTEMS;
use plimsoll_model::plan::{Plan, Step};
use plimsoll_model::{Level, Party, Report};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::{arbitrary, sample};

/// A file or folder below the cache of schemas; `None`, said loudly, when it is absent.
#[expect(clippy::disallowed_methods, reason = "tests enter here")]
fn cached(name: &str) -> Option<PathBuf> {
    let cache = std::env::var("PLIMSOLL_CACHE")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cache/plimsoll")))
        .unwrap_or_default();
    let path = PathBuf::from(cache).join("schemas").join(name);
    if path.exists() {
        return Some(path);
    }
    skipped(&path.display().to_string());
    None
}

#[expect(clippy::print_stderr, reason = "a skip must be heard")]
fn skipped(what: &str) {
    eprintln!("NOT CHECKED: {what} is absent; scripts/fetch-schemas.sh fetches it");
}

fn samples() -> Vec<Report> {
    vec![
        sample::shop_web(),
        sample::few(),
        sample::empty(),
        sample::unknown(),
        sample::incident_pack(),
        sample::hostile(),
    ]
}

fn cyclonedx_validator(version: &str) -> Option<jsonschema::Validator> {
    let read = |name: &str| -> Option<Value> {
        Some(serde_json::from_slice(&std::fs::read(cached(name)?).unwrap()).unwrap())
    };
    let schema = read(&format!("bom-{version}.schema.json"))?;
    // References are relative to the schema's own id, under the names that the library gives them.
    let others = ["spdx", "jsf-0.82", "cryptography-defs"];
    let resources = others.map(|name| {
        let id = format!("http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json");
        (id, read(&format!("{name}.schema.json")).unwrap())
    });
    let mut registry = jsonschema::Registry::new();
    for (id, schema) in &resources {
        registry = registry.add(id, schema.clone()).unwrap();
    }
    let registry = registry.prepare().unwrap();
    Some(jsonschema::options().with_registry(&registry).should_validate_formats(true).build(&schema).unwrap())
}

/// Holds samples and generated reports against a schema, and the schema against a fault.
fn check_all(validator: &jsonschema::Validator, format: Format, view: &View) {
    let check = |report: &Report| {
        let text = write(report, format, view).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new());
    };
    samples().iter().for_each(check);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(64) });
    runner
        .run(&arbitrary::report(), |report| {
            check(&report);
            Ok(())
        })
        .unwrap();
    let text = write(&sample::few(), format, view).unwrap();
    let mut broken: Value = serde_json::from_str(&text).unwrap();
    broken["version"] = Value::Bool(true);
    assert!(!validator.is_valid(&broken), "the schema finds no fault");
}

#[test]
fn cyclonedx_is_valid() {
    for (version, format) in [
        ("1.5", Format::CycloneDx15),
        ("1.6", Format::CycloneDx),
        ("1.7", Format::CycloneDx17),
        ("1.6", Format::CycloneDxVex),
    ] {
        if let Some(validator) = cyclonedx_validator(version) {
            check_all(&validator, format, &View::default());
        }
    }
}

/// Folder of documents that a program of others reads.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("plimsoll-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Samples, and a few generated ones, others each time.
fn samples_and(number: usize) -> Vec<Report> {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let mut reports = samples();
    for _ in 0..number {
        reports.push(arbitrary::report().new_tree(&mut runner).unwrap().current());
    }
    reports
}

/// Holds documents in XML against a schema, and the schema against a fault: an element of another name.
fn check_xml(format: Format, schema: &str, element: &str) {
    let (Some(python), Some(schema)) = (cached("venv/bin/python"), cached(schema)) else { return };
    let folder = folder(format.name());
    let mut paths = Vec::new();
    for (index, report) in samples_and(30).iter().enumerate() {
        let path = folder.join(format!("{index}.xml"));
        std::fs::write(&path, write(report, format, &View::default()).unwrap()).unwrap();
        paths.push(path);
    }
    let broken = folder.join("broken.xml");
    let text = write(&sample::few(), format, &View::default()).unwrap();
    let wrong = text.replace(&format!("<{element}"), "<nome").replace(&format!("</{element}>"), "</nome>");
    assert_ne!(wrong, text);
    std::fs::write(&broken, wrong).unwrap();
    // One process for all: compiling the schema takes longer than the documents.
    let script = "
import sys
from lxml import etree
schema = etree.XMLSchema(etree.parse(sys.argv[1]))
for path in sys.argv[2:]:
    if not schema.validate(etree.parse(path)):
        print(path, schema.error_log)
";
    let run = |paths: &[PathBuf]| {
        let output = std::process::Command::new(&python)
            .args(["-c", script])
            .arg(&schema)
            .args(paths)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(run(&paths), "");
    assert!(run(&[broken]).contains("nome"), "the schema finds no fault");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn cyclonedx_xml_is_valid() {
    check_xml(Format::CycloneDxXml, "xml/bom-1.6.xsd", "name");
}

#[test]
fn junit_is_valid() {
    check_xml(Format::JUnit, "xml/junit-10.xsd", "testcase");
}

#[test]
fn github_snapshots_are_valid() {
    let Some(path) = cached("github-snapshot.schema.json") else { return };
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    check_all(&validator, Format::GitHub, &View { build: Some(build()), ..View::default() });
}

fn build() -> Build {
    Build {
        sha: "a".repeat(40),
        reference: "refs/heads/main".into(),
        correlator: "ci scan".into(),
        id: "7".into(),
        url: Some("https://github.com/shop/web/actions/runs/7".into()),
    }
}

/// Presets are held against Renovate's own schema.
#[test]
fn renovate_presets_are_valid() {
    let Some(path) = cached("renovate.schema.json") else { return };
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let validator = jsonschema::options().build(&schema).unwrap();
    let step = |party, ecosystem, subject: &str| Step {
        party,
        ecosystem,
        subject: subject.to_owned(),
        to: Some("2.0".to_owned()),
        removes: 3,
        points: 30,
        cumulative: 500,
        worst: Level::High,
        exploited: true,
        malware: false,
        advisories: Vec::new(),
        edits: Vec::new(),
    };
    let mut steps = vec![step(Party::BaseImage(None), None, "debian:12")];
    steps.extend(ECOSYSTEMS.iter().map(|row| step(Party::Application(None), Some(row.ecosystem), "name")));
    let plan = Plan {
        schema_version: "1.0".to_owned(),
        plimsoll: "0.1.0".to_owned(),
        targets: Vec::new(),
        findings: 9,
        points: 90,
        steps,
        left: 0,
        left_points: 0,
    };
    let text = plimsoll_format::plan::write(&plan, Form::Renovate, &View::default()).unwrap();
    let mut preset: Value = serde_json::from_str(&text).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&preset).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert!(preset["packageRules"].as_array().unwrap().len() > 10);
    preset["packageRules"][0]["prPriority"] = Value::Bool(true);
    assert!(!validator.is_valid(&preset), "the schema finds no fault");
}

/// The SPDX project's classes check types, patterns and numbers of what they read.
#[test]
fn spdx_3_is_valid() {
    let Some(python) = cached("venv/bin/python") else { return };
    let folder = folder("spdx-3");
    let mut paths = Vec::new();
    for (index, report) in samples_and(20).iter().enumerate() {
        let path = folder.join(format!("{index}.json"));
        std::fs::write(&path, write(report, Format::Spdx3, &View::default()).unwrap()).unwrap();
        paths.push(path);
    }
    let script = r#"
import sys
try:
    from spdx_python_model.bindings import v3_0_1 as spdx
except ImportError:
    print("absent")
    sys.exit()
for path in sys.argv[1:]:
    objects = spdx.SHACLObjectSet()
    with open(path, "rb") as file:
        spdx.JSONLDDeserializer().read(file, objects)
    missing = objects.link()
    if missing:
        raise ValueError(f"{path}: these are nowhere: {missing}")
"#;
    let run = |paths: &[PathBuf]| {
        std::process::Command::new(&python).args(["-c", script]).args(paths).output().unwrap()
    };
    let output = run(&paths);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}", &said[said.len().saturating_sub(2_000)..]);
    if output.stdout.starts_with(b"absent") {
        skipped("spdx-python-model");
        return;
    }
    let text = std::fs::read_to_string(&paths[0]).unwrap();
    let broken = folder.join("broken.json");
    for (right, wrong) in
        [("\"algorithm\": \"sha", "\"algorithm\": \"sho"), ("#SPDXRef-Target\"", "#SPDXRef-Tarket\"")]
    {
        let text = text.replacen(right, wrong, 1);
        std::fs::write(&broken, text).unwrap();
        assert!(!run(std::slice::from_ref(&broken)).status.success(), "{wrong} is not noticed");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Syft reads what we write in its form, and finds every package in it.
#[test]
fn syft_reads_its_own_form() {
    let Some(syft) = cached("venv/bin/syft") else { return };
    let folder = folder("syft");
    for (index, report) in samples_and(2).iter().enumerate() {
        let path = folder.join(format!("{index}.syft.json"));
        std::fs::write(&path, write(report, Format::Syft, &View::default()).unwrap()).unwrap();
        let output = std::process::Command::new(&syft)
            .args(["convert", "--quiet", "--output", "syft-json"])
            .arg(&path)
            .env("SYFT_CHECK_FOR_APP_UPDATE", "false")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read: Value = serde_json::from_slice(&output.stdout).unwrap();
        let purls = |values: &Value| -> BTreeSet<String> {
            let artifacts = values["artifacts"].as_array().unwrap();
            artifacts
                .iter()
                .map(|artifact| artifact["purl"].as_str().unwrap_or_default().to_owned())
                .collect()
        };
        let ours: BTreeSet<String> = report.packages.iter().map(|package| package.purl.clone()).collect();
        assert_eq!(purls(&read), ours, "report {index}");
        let release = report.target.release.as_ref().map_or("", |release| release.id.as_str());
        assert_eq!(read["distro"]["id"].as_str().unwrap_or_default(), release, "report {index}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn csaf_is_valid() {
    let read = |name: &str| -> Option<Value> {
        Some(serde_json::from_slice(&std::fs::read(cached(&format!("csaf/{name}"))?).unwrap()).unwrap())
    };
    let Some(schema) = read("csaf_2_0.json") else { return };
    let mut registry = jsonschema::Registry::new();
    for (id, name) in [
        ("https://www.first.org/cvss/cvss-v2.0.json", "cvss_v2_0.json"),
        ("https://www.first.org/cvss/cvss-v3.0.json", "cvss_v3_0.json"),
        ("https://www.first.org/cvss/cvss-v3.1.json", "cvss_v3_1.json"),
    ] {
        registry = registry.add(id, read(name).unwrap()).unwrap();
    }
    let registry = registry.prepare().unwrap();
    let options = jsonschema::options().with_registry(&registry).should_validate_formats(true);
    let validator = options.build(&schema).unwrap();
    for report in samples_and(64) {
        let text = write(&report, Format::CsafVex, &View::default()).unwrap();
        let mut value: Value = serde_json::from_str(&text).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new());
        value["document"]["tracking"]["status"] = Value::Bool(true);
        assert!(!validator.is_valid(&value), "the schema finds no fault");
    }
}

#[test]
fn sarif_is_valid() {
    let Some(path) = cached("sarif-2.1.0.schema.json") else { return };
    let mut schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    // This pattern is broken as published: a bracket closes that never opened. We do not write the member.
    for place in ["run", "toolComponent"] {
        let language = schema.pointer_mut(&format!("/definitions/{place}/properties/language")).unwrap();
        language.as_object_mut().unwrap().remove("pattern").unwrap();
    }
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    check_all(&validator, Format::Sarif, &View::default());
    check_all(&validator, Format::SarifFindings, &View::default());
}

#[test]
fn spdx_is_valid() {
    let Some(tool) = cached("venv/bin/pyspdxtools") else { return };
    let folder = folder("spdx");
    // The validator takes a second for each.
    let reports = samples_and(4);
    for (index, report) in reports.iter().enumerate() {
        for (format, name) in [(Format::Spdx, "spdx.json"), (Format::SpdxTagValue, "spdx")] {
            let path = folder.join(format!("{index}.{name}"));
            std::fs::write(&path, write(report, format, &View::default()).unwrap()).unwrap();
            let output = std::process::Command::new(&tool).arg("-i").arg(&path).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
            let said: String = said.chars().take(2_000).collect();
            assert!(output.status.success(), "report {index} as {format}: {said}");
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
