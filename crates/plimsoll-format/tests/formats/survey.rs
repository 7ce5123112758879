//! Several targets in one document.

use plimsoll_format::survey::Writer;
use plimsoll_format::{Error, FORMATS, Format, View, write};
use plimsoll_model::survey::{Failure, SURVEY_VERSION, Survey, Surveyed};
use plimsoll_model::{Outcome, Problem, ProblemKind, Report, Verdict};
use proptest::prelude::*;
use serde_json::Value;

use crate::{arbitrary, sample};

fn verdict() -> Verdict {
    Verdict {
        outcome: Outcome::NotMet,
        line: "--fail-on critical".into(),
        reasons: vec!["1 of 3 targets is not met: few".into()],
        inputs_missing: vec!["1 of 3 targets could not be scanned: absent".into()],
    }
}

fn problems() -> Vec<Problem> {
    vec![Problem::note(ProblemKind::NotCovered, "registry.example/team/old", "no tag of it fits")]
}

fn scanned(name: &str, report: Report) -> Surveyed {
    Surveyed { name: name.into(), report: Some(report), failure: None }
}

fn failed(name: &str) -> Surveyed {
    let failure = Failure {
        message: "`absent` does not exist".into(),
        causes: vec!["a cause".into()],
        hint: Some("did you mean `present`?".into()),
    };
    Surveyed { name: name.into(), report: None, failure: Some(failure) }
}

fn document(format: Format, targets: &[Surveyed], view: &View) -> String {
    let mut writer = Writer::new(format, view, targets.len()).unwrap();
    let mut text = writer.begin().unwrap();
    for target in targets {
        text.push_str(&writer.add(target).unwrap());
    }
    text + &writer.finish(&verdict(), &problems()).unwrap()
}

fn three() -> Vec<Surveyed> {
    vec![scanned("few", sample::few()), failed("absent"), scanned("empty", sample::empty())]
}

#[test]
fn what_people_see() {
    for (name, width) in [("survey_80", 80), ("survey_100", 100)] {
        let text = document(Format::Table, &three(), &View { width, ..View::default() });
        assert!(text.lines().take(20).all(|line| line.chars().count() <= width), "{text}");
        insta::assert_snapshot!(name, text);
    }
    insta::assert_snapshot!("survey_markdown", document(Format::Markdown, &three(), &View::default()));
}

#[test]
fn a_page_has_every_target() {
    let text = document(Format::Html, &three(), &View::default());
    for part in
        ["id=\"target-1\"", "id=\"target-3\"", "href=\"#target-1\"", "<td>absent<br>", "does not exist"]
    {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    for (tag, number) in [("<html", 1), ("<main>", 1), ("<article", 2), ("</article>", 2), ("<style>", 1)] {
        assert_eq!(text.matches(tag).count(), number, "{tag}");
    }
}

#[test]
fn json_is_the_survey() {
    let check = |targets: Vec<Surveyed>| {
        let text = document(Format::Json, &targets, &View::default());
        let survey: Survey = serde_json::from_str(&text).unwrap();
        let expected = Survey {
            schema_version: SURVEY_VERSION.into(),
            plimsoll: env!("CARGO_PKG_VERSION").into(),
            targets,
            verdict: verdict(),
            problems: problems(),
        };
        assert_eq!(survey, expected);
        assert_eq!(
            text.trim_end(),
            serde_json::to_string_pretty(&expected).unwrap(),
            "as if written at once"
        );
        assert!(text.ends_with("}\n"));
    };
    check(three());
    check(Vec::new());
}

#[test]
fn every_target_stands_in_documents_for_machines() {
    let targets = three();
    let sarif: Value = serde_json::from_str(&document(Format::Sarif, &targets, &View::default())).unwrap();
    let runs = sarif["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 3);
    let one: Value =
        serde_json::from_str(&write(&sample::few(), Format::Sarif, &View::default()).unwrap()).unwrap();
    assert_eq!(runs[0], one["runs"][0], "as it would be alone");
    assert_eq!(runs[1]["invocations"][0]["executionSuccessful"], false);
    let empty: Value = serde_json::from_str(&document(Format::Sarif, &[], &View::default())).unwrap();
    assert_eq!(empty["runs"], serde_json::json!([]));

    let csv = document(Format::Csv, &targets, &View::default());
    let alone = write(&sample::few(), Format::Csv, &View::default()).unwrap();
    assert!(csv.starts_with(&alone), "{csv}");
    let columns = |line: &str| line.matches(',').count();
    let told = csv.lines().find(|line| line.starts_with("absent,not scanned,")).unwrap();
    assert_eq!(columns(told), columns(csv.lines().next().unwrap()));

    let junit = document(Format::JUnit, &targets, &View::default());
    assert_eq!(junit.matches("<testsuites ").count(), 1);
    assert_eq!(junit.matches("</testsuites>").count(), 1);
    for part in [
        "name=\"few: verdict\"",
        "name=\"absent: verdict\"",
        "<error message=\"`absent` does not exist",
        "name=\"verdict\"",
    ] {
        assert!(junit.contains(part), "{part} is not in:\n{junit}");
    }
}

#[test]
fn formats_of_one_target_say_what_to_do() {
    for row in FORMATS {
        match Writer::new(row.format, &View::default(), 2) {
            Ok(_) => assert!(row.format.holds_many()),
            Err(error) => {
                assert!(matches!(error, Error::NotForMany(_)));
                assert!(error.to_string().contains("--output-dir DIR"), "{error}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_survey_comes_back(one in arbitrary::report(), other in arbitrary::report()) {
        let targets = vec![scanned("one", one), failed("two"), scanned("three", other)];
        let survey: Survey = serde_json::from_str(&document(Format::Json, &targets, &View::default())).unwrap();
        prop_assert_eq!(survey.targets, targets.clone());
        let sarif: Value = serde_json::from_str(&document(Format::Sarif, &targets, &View::default())).unwrap();
        prop_assert_eq!(sarif["runs"].as_array().unwrap().len(), 3);
        for format in [Format::Table, Format::Markdown, Format::Html, Format::Csv, Format::JUnit] {
            let text = document(format, &targets, &View::default());
            prop_assert!(text.chars().all(|character| character == '\n' || !character.is_control()));
        }
    }
}
