//! JUnit XML, as build servers read it (Jenkins' junit-10.xsd and its descendants): one suite for the verdict, one for
//! each party. What counts fails, what does not is skipped, what could not be decided is an error.

use plimsoll_model::{Outcome, Report};

use crate::summary::{self, Row, Summary};
use crate::text::clean;
use crate::xml::Document;
use crate::{View, stamp};

/// Writes the report as test results.
pub(crate) fn write(report: &Report) -> String {
    let summary = Summary::new(report, &View::default());
    let undecided = report.verdict.outcome == Outcome::Unknown;
    let failed = usize::from(report.verdict.outcome == Outcome::NotMet);
    let mut document = Document::new();
    document.open(
        "testsuites",
        &[
            ("name", stamp::name(&report.target)),
            ("tests", &number(report.findings.len() + 1)),
            ("failures", &number(summary.active + failed)),
            ("errors", &number(usize::from(undecided))),
            ("time", "0"),
        ],
    );
    suites(&mut document, report, "");
    document.finish()
}

fn number(number: usize) -> String {
    number.to_string()
}

/// Begins a document about several targets.
pub(crate) fn begin_many() -> Document {
    let mut document = Document::new();
    document.open("testsuites", &[("name", "plimsoll"), ("time", "0")]);
    document
}

/// The suite of what is an answer without findings: a target that could not be scanned, or the verdict over all.
pub(crate) fn plain_suite(document: &mut Document, name: &str, line: &str, outcome: Outcome, message: &str) {
    let counts = |wanted| number(usize::from(outcome == wanted));
    document.open(
        "testsuite",
        &[
            ("name", name),
            ("tests", "1"),
            ("failures", &counts(Outcome::NotMet)),
            ("errors", &counts(Outcome::Unknown)),
            ("skipped", "0"),
            ("time", "0"),
        ],
    );
    answer(document, line, outcome, message);
    document.close();
}

/// The suites of one report, their names behind `prefix`.
pub(crate) fn suites(document: &mut Document, report: &Report, prefix: &str) {
    let summary = Summary::new(report, &View::default());
    let time = stamp::of_run(report);
    // The form has no zone.
    let time = time.trim_end_matches('Z');
    let mut rows: Vec<Row> = summary.rows.iter().map(|row| row.row).collect();
    rows.sort();
    rows.dedup();
    let active = |index: &usize| summary.classes[*index].is_active();
    let undecided = report.verdict.outcome == Outcome::Unknown;
    let failed = usize::from(report.verdict.outcome == Outcome::NotMet);
    let suite = |document: &mut Document,
                 name: &str,
                 tests: usize,
                 failures: usize,
                 errors: usize,
                 skipped: usize| {
        document.open(
            "testsuite",
            &[
                ("name", format!("{prefix}{name}").as_str()),
                ("tests", &number(tests)),
                ("failures", &number(failures)),
                ("errors", &number(errors)),
                ("skipped", &number(skipped)),
                ("timestamp", time),
                ("time", "0"),
            ],
        );
    };
    suite(document, "verdict", 1, failed, usize::from(undecided), 0);
    verdict(document, &summary);
    document.close();
    for row in rows {
        let members: Vec<usize> =
            (0..report.findings.len()).filter(|index| summary.row(*index) == row).collect();
        let failures = members.iter().filter(|index| active(index)).count();
        if members.is_empty() {
            continue;
        }
        suite(document, row.word(), members.len(), failures, 0, members.len() - failures);
        for index in members {
            case(document, &summary, index, row);
        }
        document.close();
    }
}

fn verdict(document: &mut Document, summary: &Summary<'_>) {
    let verdict = &summary.report.verdict;
    let mut reasons = verdict.reasons.clone();
    reasons.extend(verdict.inputs_missing.iter().map(|input| format!("missing: {input}")));
    reasons.extend(summary.unseen.iter().map(|thing| format!("could not see: {thing}")));
    answer(document, &verdict.line, verdict.outcome, &reasons.join("; "));
}

fn answer(document: &mut Document, line: &str, outcome: Outcome, message: &str) {
    let attributes = [("name", line), ("classname", "plimsoll.verdict"), ("time", "0")];
    let element = match outcome {
        Outcome::Met => return document.element("testcase", &attributes, ""),
        Outcome::NotMet => "failure",
        Outcome::Unknown => "error",
    };
    document.open("testcase", &attributes);
    document.element(element, &[("message", message), ("type", outcome.word())], message);
    document.close();
}

fn case(document: &mut Document, summary: &Summary<'_>, index: usize, row: Row) {
    let finding = &summary.report.findings[index];
    let name = format!("{} in {}", clean(&finding.advisory), summary::subject(finding));
    let place = summary.place(finding);
    let class = format!("plimsoll.{}", row.word().replace(' ', "-"));
    let attributes = [("name", name.as_str()), ("classname", class.as_str()), ("time", "0")];
    let severity = summary::severity(finding);
    document.open("testcase", &attributes);
    if summary.classes[index].is_active() {
        let message = format!("{severity}, {}", summary::fix(finding));
        let mut text = message.clone();
        for part in [&finding.title, &finding.remedy.action] {
            if !part.is_empty() {
                text = format!("{text}; {}", clean(part));
            }
        }
        document.element("failure", &[("message", &message), ("type", &severity)], &text);
    } else {
        let reason = summary.set_aside(index).map(|aside| aside.told()).unwrap_or_default();
        document.element("skipped", &[("message", &reason)], "");
    }
    // Jenkins' schema has no place for files and lines, and its xUnit plugin refuses what does not keep to it.
    if let Some(place) = place.filter(|place| !place.path.to_string().is_empty()) {
        let line = place.line.map(|line| format!(":{line}")).unwrap_or_default();
        document.element("system-out", &[], &format!("{}{line}", place.path));
    }
    document.close();
}
