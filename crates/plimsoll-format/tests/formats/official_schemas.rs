//! What we write is valid by the standards' own schemas. They are not part of this project: `scripts/fetch-schemas.sh`
//! fetches them into the cache, and without them these tests say aloud that they did not check.

use std::path::PathBuf;

use plimsoll_format::{Format, View, write};
use plimsoll_model::Report;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::{arbitrary, sample};

/// A file or folder below the cache of schemas; `None`, said loudly, when it is absent.
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "tests enter here; a skip must be heard")]
fn cached(name: &str) -> Option<PathBuf> {
    let cache = std::env::var("PLIMSOLL_CACHE")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cache/plimsoll")))
        .unwrap_or_default();
    let path = PathBuf::from(cache).join("schemas").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("NOT CHECKED: {} is absent; scripts/fetch-schemas.sh fetches it", path.display());
    None
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
fn check_all(validator: &jsonschema::Validator, format: Format) {
    let check = |report: &Report| {
        let text = write(report, format, &View::default()).unwrap();
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
    let text = write(&sample::few(), format, &View::default()).unwrap();
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
            check_all(&validator, format);
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

#[test]
fn cyclonedx_xml_is_valid() {
    let (Some(python), Some(schema)) = (cached("venv/bin/python"), cached("xml/bom-1.6.xsd")) else { return };
    let folder = folder("cyclonedx-xml");
    let mut paths = Vec::new();
    for (index, report) in samples_and(30).iter().enumerate() {
        let path = folder.join(format!("{index}.cdx.xml"));
        std::fs::write(&path, write(report, Format::CycloneDxXml, &View::default()).unwrap()).unwrap();
        paths.push(path);
    }
    let broken = folder.join("broken.xml");
    let text = write(&sample::few(), Format::CycloneDxXml, &View::default()).unwrap();
    std::fs::write(&broken, text.replace("<name>", "<nome>").replace("</name>", "</nome>")).unwrap();
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
    check_all(&validator, Format::Sarif);
    check_all(&validator, Format::SarifFindings);
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
