//! `explain --report`: what a saved report says of one flaw, and why each VEX statement about it applied or did not.

use std::fmt::Write as _;

use plimsoll_model::survey::Surveyed;
use plimsoll_model::vex::VexDocument;
use plimsoll_model::{Finding, Report};

/// Findings of one report that are told; the rest is counted.
const FINDINGS: usize = 20;
/// Statements about one finding that are told; the rest is counted.
const STATEMENTS: usize = 50;

/// What the reports say of the advisory, rule or finding `id`; of one package only, where its URL is given. `None` when none
/// of them has it.
pub fn explain_report(reports: &[Surveyed], id: &str, purl: Option<&str>) -> Option<String> {
    let mut text = String::new();
    for report in reports.iter().filter_map(|surveyed| surveyed.report.as_ref()) {
        let names = |name: &String| name.eq_ignore_ascii_case(id);
        let is_meant = |finding: &&Finding| {
            let rule = finding.id.split('@').next().unwrap_or_default();
            let flaw = names(&finding.advisory)
                || finding.aliases.iter().any(names)
                || rule.eq_ignore_ascii_case(id);
            let package = purl.is_none_or(|purl| finding.id.ends_with(&format!("@{purl}")));
            finding.id == id || (flaw && package)
        };
        let findings: Vec<&Finding> = report.findings.iter().filter(is_meant).collect();
        if findings.is_empty() {
            continue;
        }
        let _ = writeln!(text, "in {}", report.target.name);
        for finding in findings.iter().take(FINDINGS) {
            self::finding(&mut text, report, finding);
        }
        if findings.len() > FINDINGS {
            let _ = writeln!(text, "  and {} more findings", findings.len() - FINDINGS);
        }
        unused(&mut text, &report.vex);
    }
    (!text.is_empty()).then(|| plimsoll_format::clean_lines(&text))
}

fn finding(text: &mut String, report: &Report, finding: &Finding) {
    let _ = writeln!(text, "  {}   {}", finding.id, finding.severity.level.word());
    match &finding.suppressed_by {
        None => text.push_str("    it counts\n"),
        Some(suppression) => {
            let until = suppression.expires.as_deref().map(|day| format!(", until {day}"));
            let _ = writeln!(
                text,
                "    it does not count ({}{}): {}; says {}",
                suppression.by,
                until.unwrap_or_default(),
                suppression.reason,
                suppression.source
            );
        }
    }
    let about = report.vex.iter().flat_map(|document| {
        let about = document.considered.iter().filter(|statement| statement.finding == finding.id);
        about.map(move |statement| (document, statement))
    });
    let about: Vec<_> = about.collect();
    if about.is_empty() {
        let _ = match report.vex.iter().filter(|document| document.used).count() {
            0 => Ok(()),
            1 => writeln!(text, "    the VEX document that was asked says nothing about it"),
            count => {
                writeln!(text, "    none of the {count} VEX documents that were asked says anything about it")
            }
        };
    }
    for (document, statement) in about.iter().take(STATEMENTS) {
        let date = statement.date.get(..10).unwrap_or("no date");
        let _ = writeln!(
            text,
            "    VEX {}: {}, statement {} of {date} in {}",
            statement.outcome.word(),
            statement.status,
            statement.number,
            who(document),
        );
        let _ = writeln!(text, "      {}", statement.reason);
    }
    if about.len() > STATEMENTS {
        let _ = writeln!(text, "    and {} more statements", about.len() - STATEMENTS);
    }
    let unlisted: u64 = report.vex.iter().map(|document| document.unlisted).sum();
    if unlisted > 0 {
        let _ = writeln!(text, "    {unlisted} answers about statements were too many for the report");
    }
}

/// A document, its author, and who signed it.
fn who(document: &VexDocument) -> String {
    let mut text = document.name.clone();
    if !document.author.is_empty() {
        let _ = write!(text, " by {}", document.author);
    }
    let signed = document.signature.told();
    if !signed.is_empty() {
        let _ = write!(text, " ({signed})");
    }
    text
}

/// What was read and not believed may hold the answer that somebody looks for.
fn unused(text: &mut String, documents: &[VexDocument]) {
    for document in documents.iter().filter(|document| !document.used).take(STATEMENTS) {
        let _ = writeln!(text, "  VEX not applied: {}, {} statements", who(document), document.statements);
    }
}
