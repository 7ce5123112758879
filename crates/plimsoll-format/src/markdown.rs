//! Markdown as pull requests and job summaries render it (GitHub Flavored Markdown 0.29): short, tables, the long lists
//! folded.
//!
//! Names from outside stand in code spans, where they neither format, link nor call anybody.

use std::fmt::Write;

use plimsoll_model::Report;

use crate::View;
use crate::summary::{self, Row, SHOWN_CHANGES, SHOWN_VEX, Summary};
use crate::text::{advisory_link, count, markdown_code, markdown_text, thousands};

/// A comment has 65,536 characters at most: the list of findings ends before.
const SHOWN_FINDINGS: usize = 100;

/// Writes the report as Markdown.
pub(crate) fn write(report: &Report, view: &View) -> String {
    let summary = Summary::new(report, view);
    let mut text = String::new();
    let _ = page(&mut text, &summary, view);
    text
}

fn page(text: &mut String, summary: &Summary<'_>, view: &View) -> std::fmt::Result {
    let report = summary.report;
    let verdict = &report.verdict;
    let reasons: Vec<String> = verdict.reasons.iter().map(|reason| markdown_text(reason)).collect();
    writeln!(text, "### {}: {}\n", verdict.outcome.word(), reasons.join("; "))?;
    let target: Vec<String> = summary.target.iter().map(|part| markdown_code(part)).collect();
    writeln!(text, "{} {}  ", target.join(" "), markdown_text(&summary.contents))?;
    let base =
        if summary.base.is_empty() { String::new() } else { format!("; {}", markdown_text(&summary.base)) };
    writeln!(text, "{}{base}  ", markdown_text(&summary.data))?;
    writeln!(text, "line: {}", markdown_code(&verdict.line))?;
    for input in &summary.missing {
        writeln!(text, "\n**Missing:** {}", markdown_text(input))?;
    }
    if !summary.rows.is_empty() {
        writeln!(text, "\n| whose move | changes | removes | what |\n|---|--:|--:|---|")?;
        for row in &summary.rows {
            let changes = if row.changes == 0 { "-".to_owned() } else { thousands(row.changes as u64) };
            let number = thousands(row.number() as u64);
            writeln!(text, "| {} | {changes} | {number} | {} |", row.row.word(), markdown_text(&row.what))?;
        }
    }
    changes(text, summary, view)?;
    let named = if view.all { summary.vex.len() } else { summary.vex.len().min(SHOWN_VEX) };
    for line in &summary.vex[..named] {
        writeln!(text, "\n**VEX:** {}", markdown_text(line))?;
    }
    if named < summary.vex.len() {
        writeln!(text, "\nand {}", count(summary.vex.len() - named, "more", "more"))?;
    }
    if !summary.unseen.is_empty() {
        let unseen: Vec<String> = summary.unseen.iter().map(|thing| markdown_text(thing)).collect();
        writeln!(text, "\n**Could not see:** {}", unseen.join(", "))?;
    }
    findings(text, summary, view)?;
    if view.suppressed {
        suppressed(text, summary)?;
    }
    if summary.next.is_empty() {
        return Ok(());
    }
    let next: Vec<String> = summary.next.iter().map(|command| markdown_code(command)).collect();
    writeln!(text, "\nnext: {}", next.join(" · "))
}

fn changes(text: &mut String, summary: &Summary<'_>, view: &View) -> std::fmt::Result {
    let changes: Vec<_> = summary.changes_of(Row::Application).collect();
    if changes.is_empty() {
        return Ok(());
    }
    let shown = if view.all { changes.len() } else { changes.len().min(SHOWN_CHANGES) };
    writeln!(
        text,
        "\n| application: change | where | from | to | removes | worst |\n|---|---|---|---|--:|---|"
    )?;
    for change in &changes[..shown] {
        let place = change.location.as_ref().map(summary::place).unwrap_or_default();
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            markdown_code(&change.subject),
            markdown_code(&place),
            markdown_code(&change.from),
            markdown_code(change.to.as_deref().unwrap_or("-")),
            thousands(change.removes.len() as u64),
            summary::worst(change),
        )?;
    }
    if shown < changes.len() {
        writeln!(text, "\nand {}", count(changes.len() - shown, "more change", "more changes"))?;
    }
    writeln!(text, "\n<details><summary>What to type</summary>\n")?;
    for change in &changes[..shown] {
        match &change.command {
            Some(command) => writeln!(text, "- {}", markdown_code(command))?,
            None => writeln!(text, "- {}", markdown_text(&change.action))?,
        }
    }
    writeln!(text, "\n</details>")
}

fn findings(text: &mut String, summary: &Summary<'_>, view: &View) -> std::fmt::Result {
    let findings = &summary.report.findings;
    if findings.is_empty() {
        return Ok(());
    }
    let shown = if view.all { findings.len() } else { findings.len().min(SHOWN_FINDINGS) };
    let title = count(findings.len(), "finding", "findings");
    writeln!(text, "\n<details><summary>{title} in the order of work</summary>\n")?;
    writeln!(text, "| advisory | severity | package | fix | whose move |\n|---|---|---|---|---|")?;
    for (index, finding) in findings[..shown].iter().enumerate() {
        let advisory = match advisory_link(&finding.advisory) {
            // What a link can be made of needs no escapes.
            Some(link) => format!("[{}]({link})", finding.advisory),
            None => markdown_code(&finding.advisory),
        };
        writeln!(
            text,
            "| {advisory} | {} | {} | {} | {} |",
            summary::severity(finding),
            markdown_code(&summary::subject(finding)),
            markdown_text(&summary::fix(finding)),
            summary.row(index).word(),
        )?;
    }
    if shown < findings.len() {
        writeln!(text, "\nand {}", count(findings.len() - shown, "more finding", "more findings"))?;
    }
    writeln!(text, "\n</details>")
}

/// What does not count, why, and who says so.
fn suppressed(text: &mut String, summary: &Summary<'_>) -> std::fmt::Result {
    let aside = summary.all_set_aside();
    if aside.is_empty() {
        return writeln!(text, "\nEvery finding counts.");
    }
    let title = count(aside.len(), "finding does not count", "findings do not count");
    writeln!(text, "\n<details><summary>{title}</summary>\n")?;
    writeln!(text, "| advisory | severity | package | why | who says so |\n|---|---|---|---|---|")?;
    for (index, aside) in aside {
        let finding = &summary.report.findings[index];
        writeln!(
            text,
            "| {} | {} | {} | {}: {} | {} |",
            markdown_code(&finding.advisory),
            summary::severity(finding),
            markdown_code(&summary::subject(finding)),
            markdown_text(&aside.by),
            markdown_text(&aside.reason),
            markdown_text(&aside.said()),
        )?;
    }
    writeln!(text, "\n</details>")
}
