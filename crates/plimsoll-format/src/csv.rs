//! Findings as a table (RFC 4180, with plain line feeds), one line each, in the order of work.
//!
//! Spreadsheets run what begins like a formula: such a cell gets an apostrophe in front, which they show as text.

use plimsoll_model::Report;

use crate::summary::{self, Summary};
use crate::text::{clean, percent};
use crate::{View, stamp};

const COLUMNS: [&str; 23] = [
    "target",
    "kind",
    "advisory",
    "aliases",
    "severity",
    "score",
    "known exploited",
    "epss",
    "subject",
    "version",
    "ecosystem",
    "fixed in",
    "fix",
    "whose move",
    "counts",
    "path",
    "line",
    "layer",
    "next step",
    "command",
    "not counted by",
    "reason",
    "title",
];

/// Writes one line for each finding, below a line of names.
pub(crate) fn write(report: &Report) -> String {
    head() + &lines(report)
}

/// The line of names.
pub(crate) fn head() -> String {
    format!("{}\n", COLUMNS.join(","))
}

/// The line of a target that could not be scanned: that it has no findings is not known.
pub(crate) fn failed(name: &str, message: &str) -> String {
    let mut text = String::new();
    for (index, column) in COLUMNS.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        match *column {
            "target" => cell(&mut text, name),
            "kind" => text.push_str("not scanned"),
            "title" => cell(&mut text, message),
            _ => {}
        }
    }
    text.push('\n');
    text
}

/// One line for each finding.
pub(crate) fn lines(report: &Report) -> String {
    let summary = Summary::new(report, &View::default());
    let mut text = String::new();
    for (index, finding) in report.findings.iter().enumerate() {
        let place = summary.place(finding);
        let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
        let score = finding.severity.score_tenths;
        let suppression = finding.suppressed_by.as_ref();
        let cells: [String; COLUMNS.len()] = [
            stamp::name(&report.target).to_owned(),
            finding.kind.word().to_owned(),
            finding.advisory.clone(),
            finding.aliases.join(" "),
            finding.severity.level.word().to_owned(),
            score.map(|tenths| format!("{}.{}", tenths / 10, tenths % 10)).unwrap_or_default(),
            finding.risk.kev.as_ref().map(|kev| kev.added.clone()).unwrap_or_default(),
            finding.risk.epss.as_ref().map(|epss| percent(epss.probability)).unwrap_or_default(),
            finding.subject.name().into_owned(),
            finding.subject.version().to_owned(),
            finding.subject.ecosystem().map_or("", plimsoll_model::Ecosystem::name).to_owned(),
            finding.fixed_version.clone().unwrap_or_default(),
            summary::fix(finding),
            summary.row(index).word().to_owned(),
            if summary.classes[index].is_active() { "yes" } else { "no" }.to_owned(),
            place.map(|place| place.path.to_string()).unwrap_or_default(),
            number(place.and_then(|place| place.line)),
            number(summary.layer(finding)),
            finding.remedy.action.clone(),
            finding.remedy.command.clone().unwrap_or_default(),
            suppression.map(|one| format!("{} ({})", one.by, one.source)).unwrap_or_default(),
            suppression.map(|one| one.reason.clone()).unwrap_or_default(),
            finding.title.clone(),
        ];
        for (index, text_of_cell) in cells.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            cell(&mut text, text_of_cell);
        }
        text.push('\n');
    }
    text
}

/// A line of cells.
pub(crate) fn record(fields: &[String]) -> String {
    let mut line = String::new();
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        cell(&mut line, field);
    }
    line.push('\n');
    line
}

/// One cell: control characters visible, no formula, quoted where the form asks for it.
fn cell(line: &mut String, text: &str) {
    let text = clean(text);
    let formula = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    let mark = if text.trim_start().starts_with(formula) { "'" } else { "" };
    if text.contains([',', '"', ';']) || text.trim() != text {
        line.push('"');
        line.push_str(mark);
        line.push_str(&text.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(mark);
        line.push_str(&text);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("lodash", "lodash"),
            ("=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0"),
            ("  =1+1", "\"'  =1+1\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("\t=1", "\\t=1"),
            ("\r=1", "\\x0d=1"),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("a\nb", "a\\nb"),
            ("", ""),
        ] {
            let mut line = String::new();
            super::cell(&mut line, text);
            assert_eq!(line, expected, "{text}");
        }
    }
}
