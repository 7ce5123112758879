//! Documents for other programs: snapshots, and what must hold for every report.

use plimsoll_format::template::{BUILT_IN, Template};
use plimsoll_format::{AwsAccount, Build, Error, FORMATS, Format, View, write};
use proptest::prelude::*;
use serde_json::Value;

use crate::{arbitrary, sample};

/// The formats that stand in no other suite.
const NEW: [Format; 17] = [
    Format::Brief,
    Format::PolicyReport,
    Format::Csv,
    Format::JUnit,
    Format::GitHub,
    Format::Asff,
    Format::GitLabContainer,
    Format::GitLabDependency,
    Format::OpenVex,
    Format::CsafVex,
    Format::VulnPredicate,
    Format::SbomPredicate,
    Format::CycloneDxXml,
    Format::CycloneDxVex,
    Format::SpdxTagValue,
    Format::Spdx3,
    Format::Syft,
];

fn view() -> View {
    let build = Build {
        sha: "a".repeat(40),
        reference: "refs/heads/main".into(),
        correlator: "ci scan".into(),
        id: "7".into(),
        url: Some("https://github.com/shop/web/actions/runs/7".into()),
    };
    let template = Template {
        name: "all.json".into(),
        source: "[{{ target }}, {{ verdict }}, {{ findings }}, {{ packages }}]".into(),
    };
    let aws = AwsAccount { id: "123456789012".into(), region: "eu-central-1".into() };
    View { build: Some(build), aws: Some(aws), template: Some(template), ..View::default() }
}

#[test]
fn documents() {
    for format in NEW {
        insta::assert_snapshot!(format.name(), write(&sample::few(), format, &view()).unwrap());
    }
}

#[test]
fn built_in_templates() {
    for report in [sample::few(), sample::hostile()] {
        for (name, _) in BUILT_IN {
            let view = View { template: Template::built_in(name), ..View::default() };
            let text = write(&report, Format::Template, &view).unwrap();
            let hostile = if report.target.name == sample::few().target.name { "" } else { "_hostile" };
            insta::assert_snapshot!(format!("template{}{hostile}", name.replace('@', "_")), text);
        }
    }
}

#[test]
fn documents_of_hostile_names() {
    for format in [Format::Csv, Format::JUnit] {
        insta::assert_snapshot!(
            format!("{format}_hostile"),
            write(&sample::hostile(), format, &view()).unwrap()
        );
    }
}

#[test]
fn drafts_are_read_as_the_vex_that_they_are() {
    let document: Value =
        serde_json::from_str(&write(&sample::shop_web(), Format::OpenVex, &view()).unwrap()).unwrap();
    let statements = document["statements"].as_array().unwrap();
    assert!(!statements.is_empty());
    for statement in statements {
        let status = statement["status"].as_str().unwrap();
        // OpenVEX 0.2.0: what each status asks for.
        let needs: &[&str] = match status {
            "not_affected" => &["justification", "impact_statement"],
            "affected" => &["action_statement"],
            "fixed" | "under_investigation" => &["status_notes"],
            other => panic!("{other}"),
        };
        assert!(needs.iter().any(|member| statement[member].is_string()), "{statement}");
        assert!(statement["vulnerability"]["name"].is_string());
        assert!(statement["products"][0]["@id"].is_string());
    }
}

#[test]
fn a_statement_needs_a_digest() {
    let mut report = sample::few();
    report.target.digest = None;
    let error = write(&report, Format::SbomPredicate, &view()).unwrap_err();
    assert!(matches!(error, Error::NoSubject(_)), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_report_is_written_the_same_twice(report in arbitrary::report()) {
        for row in FORMATS {
            let text = match write(&report, row.format, &view()) {
                Ok(text) => text,
                Err(Error::NoSubject(_)) if report.target.digest.is_none() => continue,
                Err(error) => return Err(TestCaseError::fail(format!("{}: {error}", row.name))),
            };
            prop_assert!(text.ends_with('\n'));
            prop_assert!(
                !text.chars().any(|one| one != '\n' && (one.is_control() || one == '\u{202e}')),
                "{} holds a control character", row.name
            );
            prop_assert_eq!(&text, &write(&report, row.format, &view()).unwrap());
        }
        // One record for each finding, and every one of them on its own line.
        let csv = write(&report, Format::Csv, &view()).unwrap();
        prop_assert_eq!(csv.lines().count(), report.findings.len() + 1);
        let junit = write(&report, Format::JUnit, &view()).unwrap();
        prop_assert_eq!(junit.matches("<testcase ").count(), report.findings.len() + 1);
        let mut reader = quick_xml::Reader::from_str(&junit);
        loop {
            match reader.read_event() {
                Ok(quick_xml::events::Event::Eof) => break,
                Ok(_) => {}
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            }
        }
    }
}
