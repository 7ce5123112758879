//! One self-contained page: no request, no script, light and dark, on screen and on paper.
//!
//! Everything from outside goes through the template's escaping after [`crate::clean`]. The content security policy
//! names the one style sheet by its hash, so that nothing that slipped through could load or run anything.

use askama::Template;
use plimsoll_model::{Change, Evidence, Finding, FindingKind, Level, Outcome, Report, Subject, Verdict};
use sha2::{Digest as _, Sha256};

use crate::summary::{self, Row, SHOWN_CHANGES, SetAside, Summary};
use crate::survey::Line;
use crate::text::{advisory_link, clean, count, day, thousands};
use crate::{Error, View};

pub(crate) const STYLE: &str = include_str!("../templates/report.css");
/// Findings on one page; the rest is counted.
const SHOWN_FINDINGS: usize = 1_000;

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    style: &'static str,
    style_hash: String,
    version: String,
    title: String,
    /// Rendered, hence escaped, already.
    body: String,
}

#[derive(Template)]
#[template(path = "survey.html")]
struct Pages {
    style: &'static str,
    style_hash: String,
    version: &'static str,
    title: String,
    heading: String,
    outcome: &'static str,
    outcome_class: &'static str,
    outcome_mark: &'static str,
    reasons: Vec<String>,
    limit: String,
    missing: Vec<String>,
    rows: Vec<TargetView>,
    parts: Vec<Part>,
}

/// The report of one of several targets.
pub(crate) struct Part {
    /// Number of the target, from 1.
    pub(crate) number: usize,
    /// Rendered, hence escaped, already.
    pub(crate) body: String,
}

struct TargetView {
    number: usize,
    anchored: bool,
    name: String,
    note: String,
    outcome: &'static str,
    class: &'static str,
    mark: &'static str,
    active: String,
    critical: String,
    high: String,
    changes: String,
}

#[derive(Template)]
#[template(path = "report_body.html")]
struct Body {
    name: String,
    identity: Vec<String>,
    contents: String,
    data: String,
    base: String,
    outcome: &'static str,
    outcome_class: &'static str,
    outcome_mark: &'static str,
    reasons: Vec<String>,
    limit: String,
    missing: Vec<String>,
    mine_width: usize,
    line_at: usize,
    cuts: Vec<usize>,
    line_text: String,
    mine_text: String,
    theirs_text: String,
    rows: Vec<RowView>,
    groups: Vec<Group>,
    unseen: Vec<String>,
    vex: Vec<String>,
    /// What does not count, where that was asked for.
    suppressed: Option<Vec<AsideView>>,
    notes: String,
    next: Vec<String>,
    findings_title: String,
    counted: String,
    findings: Vec<FindingView>,
    findings_rest: String,
    layers: Vec<LayerView>,
    sources: Vec<SourceView>,
}

struct RowView {
    word: &'static str,
    changes: String,
    number: String,
    what: String,
}

struct Group {
    title: String,
    changes: Vec<ChangeView>,
    rest: String,
}

struct ChangeView {
    subject: String,
    action: String,
    command: String,
    place: String,
    from: String,
    to: String,
    removes: String,
    worst: String,
    class: &'static str,
    mark: &'static str,
}

struct FindingView {
    advisory: String,
    link: Option<String>,
    title: String,
    severity: String,
    class: &'static str,
    mark: &'static str,
    subject: String,
    place: String,
    fix: String,
    party: &'static str,
    action: String,
    evidence: String,
}

struct LayerView {
    number: u32,
    command: String,
    whose: &'static str,
}

struct SourceView {
    name: String,
    date: String,
    records: String,
    licence: String,
}

/// Writes the report as a page.
pub(crate) fn write(report: &Report, view: &View) -> Result<String, Error> {
    let name = Summary::new(report, view).target.first().cloned().unwrap_or_default();
    let page = Page {
        style: STYLE,
        style_hash: style_hash(),
        version: clean(&report.plimsoll).into_owned(),
        title: format!("{}: {name}", report.verdict.outcome.word()),
        body: body(report, view)?,
    };
    Ok(ended(page.render()?))
}

fn style_hash() -> String {
    hash_of(STYLE)
}

/// What the content security policy names a style sheet by.
pub(crate) fn hash_of(style: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(style.as_bytes())))
}

pub(crate) fn ended(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn outcome_class(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Met => ("met", "–"),
        Outcome::NotMet => ("not-met", "●"),
        Outcome::Unknown => ("undecided", "○"),
    }
}

/// Writes the page about several targets; `parts` are their reports.
pub(crate) fn write_many(lines: &[Line], verdict: &Verdict, parts: Vec<Part>) -> Result<String, Error> {
    let (outcome_class, outcome_mark) = self::outcome_class(verdict.outcome);
    let heading = count(lines.len(), "target", "targets");
    let page = Pages {
        style: STYLE,
        style_hash: style_hash(),
        version: env!("CARGO_PKG_VERSION"),
        title: format!("{}: {heading}", verdict.outcome.word()),
        heading,
        outcome: verdict.outcome.word(),
        outcome_class,
        outcome_mark,
        reasons: verdict.reasons.iter().map(|reason| clean(reason).into_owned()).collect(),
        limit: clean(&verdict.line).into_owned(),
        missing: verdict.inputs_missing.iter().map(|input| clean(input).into_owned()).collect(),
        rows: lines
            .iter()
            .enumerate()
            .map(|(index, line)| {
                let (class, mark) = self::outcome_class(line.outcome);
                let [active, critical, high, changes] = line.cells();
                TargetView {
                    number: index + 1,
                    anchored: line.failure.is_none(),
                    name: line.name.clone(),
                    note: line.failure.clone().unwrap_or_default(),
                    outcome: line.outcome.word(),
                    class,
                    mark,
                    active,
                    critical,
                    high,
                    changes,
                }
            })
            .collect(),
        parts,
    };
    Ok(ended(page.render()?))
}

/// What a page says of one report.
pub(crate) fn body(report: &Report, view: &View) -> Result<String, Error> {
    let summary = Summary::new(report, view);
    let mut identity = summary.target.clone();
    let name = if identity.is_empty() { String::new() } else { identity.remove(0) };
    let (outcome_class, outcome_mark) = self::outcome_class(report.verdict.outcome);
    let line = line(&summary);
    let shown = if view.all { report.findings.len() } else { report.findings.len().min(SHOWN_FINDINGS) };
    let rest = report.findings.len() - shown;
    let body = Body {
        name,
        identity,
        contents: summary.contents.clone(),
        data: summary.data.clone(),
        base: summary.base.clone(),
        outcome: report.verdict.outcome.word(),
        outcome_class,
        outcome_mark,
        reasons: report.verdict.reasons.iter().map(|reason| clean(reason).into_owned()).collect(),
        limit: clean(&report.verdict.line).into_owned(),
        missing: summary.missing.clone(),
        mine_width: line.mine,
        // The mark is 3 wide and stays inside the picture.
        line_at: line.mine.min(997),
        cuts: line.cuts,
        line_text: format!("{}. {}.", line.mine_text, line.theirs_text),
        mine_text: line.mine_text,
        theirs_text: line.theirs_text,
        rows: summary
            .rows
            .iter()
            .map(|row| RowView {
                word: row.row.word(),
                changes: if row.changes == 0 { "-".into() } else { thousands(row.changes as u64) },
                number: thousands(row.number() as u64),
                what: row.what.clone(),
            })
            .collect(),
        groups: groups(&summary, view),
        unseen: summary.unseen.clone(),
        vex: summary.vex.clone(),
        suppressed: view.suppressed.then(|| suppressed(&summary)),
        notes: if summary.notes == 0 {
            String::new()
        } else {
            format!("{} without effect on the verdict", count(summary.notes, "note", "notes"))
        },
        // Who reads this has the page already.
        next: summary.next.iter().filter(|command| !command.contains("--format html")).cloned().collect(),
        findings_title: count(report.findings.len(), "finding", "findings"),
        counted: summary::counted(&summary),
        findings: (0..shown).map(|index| finding(&summary, index)).collect(),
        findings_rest: if rest == 0 {
            String::new()
        } else {
            format!("and {}", count(rest, "more finding", "more findings"))
        },
        layers: report
            .target
            .layers
            .iter()
            .map(|layer| LayerView {
                number: layer.index,
                command: clean(layer.created_by.as_deref().unwrap_or("not recorded")).into_owned(),
                whose: if layer.from_base { "base image" } else { "application" },
            })
            .collect(),
        sources: report
            .database
            .sources
            .iter()
            .map(|source| SourceView {
                name: clean(&source.name).into_owned(),
                date: clean(day(&source.date)).into_owned(),
                records: thousands(source.records),
                licence: clean(&source.licence).into_owned(),
            })
            .collect(),
    };
    Ok(ended(body.render()?))
}

struct Cut {
    /// Width of our part, of 1,000.
    mine: usize,
    /// Where one party ends and the next begins.
    cuts: Vec<usize>,
    mine_text: String,
    theirs_text: String,
}

/// The line of the house: what is ours to act on at the left, what is others' at the right, widths by count.
fn line(summary: &Summary<'_>) -> Cut {
    let (mine, theirs) = summary.line();
    let sum = mine + theirs;
    let part = |number: usize| (number * 1_000).checked_div(sum).unwrap_or(0);
    let parties = |own: bool| {
        let rows =
            summary.rows.iter().filter(move |row| row.row.is_party() && summary::is_mine(row.row) == own);
        rows.map(|row| (row.row.word(), row.removes + row.waiting))
    };
    let mut cuts = Vec::new();
    let mut at = 0;
    for (_, number) in parties(true).chain(parties(false)) {
        at += number;
        // The load line itself stands where ours ends.
        if at != mine && at != sum {
            cuts.push(part(at).saturating_sub(1));
        }
    }
    let words = |own: bool| {
        let parts: Vec<String> =
            parties(own).map(|(word, number)| format!("{word} {}", thousands(number as u64))).collect();
        if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
    };
    Cut {
        mine: part(mine),
        cuts,
        mine_text: format!("yours {}{}", thousands(mine as u64), words(true)),
        theirs_text: format!("others' {}{}", thousands(theirs as u64), words(false)),
    }
}

fn groups(summary: &Summary<'_>, view: &View) -> Vec<Group> {
    let mut groups = Vec::new();
    // What is the reader's comes first.
    for row in
        [Row::Application, Row::Platform, Row::BaseImage, Row::Distribution, Row::Provider, Row::NotKnown]
    {
        let all: Vec<&Change> = summary.changes_of(row).collect();
        if all.is_empty() {
            continue;
        }
        let shown = if view.all { all.len() } else { all.len().min(SHOWN_CHANGES) };
        let rest = all.len() - shown;
        groups.push(Group {
            title: if summary::is_mine(row) {
                format!("What to do first: {}", row.word())
            } else {
                format!("What others do: {}", row.word())
            },
            changes: all[..shown].iter().map(|one| change(one)).collect(),
            rest: if rest == 0 {
                String::new()
            } else {
                format!("and {}", count(rest, "more change", "more changes"))
            },
        });
    }
    groups
}

fn change(change: &Change) -> ChangeView {
    let (class, mark) = look(change.worst, change.malware);
    ChangeView {
        subject: clean(&change.subject).into_owned(),
        action: clean(&change.action).into_owned(),
        command: clean(change.command.as_deref().unwrap_or_default()).into_owned(),
        place: change.location.as_ref().map(summary::place).unwrap_or_default(),
        from: clean(&change.from).into_owned(),
        to: clean(change.to.as_deref().unwrap_or("-")).into_owned(),
        removes: thousands(change.removes.len() as u64),
        worst: summary::worst(change),
        class,
        mark,
    }
}

/// Style class and mark of a severity: distinct in grey, too.
fn look(level: Level, malware: bool) -> (&'static str, &'static str) {
    match level {
        _ if malware => ("critical", "●"),
        Level::Critical => ("critical", "●"),
        Level::High => ("high", "◐"),
        Level::Medium => ("medium", "○"),
        Level::Low | Level::Negligible => ("low", "–"),
        Level::Unknown => ("other", "?"),
    }
}

struct AsideView {
    advisory: String,
    severity: String,
    subject: String,
    why: String,
    said: String,
}

fn suppressed(summary: &Summary<'_>) -> Vec<AsideView> {
    let view = |(index, aside): (usize, SetAside)| {
        let finding = &summary.report.findings[index];
        AsideView {
            advisory: clean(&finding.advisory).into_owned(),
            severity: summary::severity(finding),
            subject: summary::subject(finding),
            why: format!("{}: {}", aside.by, aside.reason),
            said: aside.said(),
        }
    };
    summary.all_set_aside().into_iter().map(view).collect()
}

fn finding(summary: &Summary<'_>, index: usize) -> FindingView {
    let finding: &Finding = &summary.report.findings[index];
    let (class, mark) = look(finding.severity.level, finding.kind == FindingKind::Malware);
    let package = finding.subject.packages().iter().find_map(|purl| summary.package(purl));
    let own = match &finding.subject {
        Subject::File(location) => Some(location),
        _ => package.and_then(|package| package.locations.first()),
    };
    let place = finding.remedy.location.as_ref().or(own);
    let mut action = clean(&finding.remedy.action).into_owned();
    if let Some(suppression) = &finding.suppressed_by {
        action = format!(
            "{}: {} ({})",
            clean(&suppression.by),
            clean(&suppression.reason),
            clean(&suppression.source)
        );
    }
    FindingView {
        advisory: clean(&finding.advisory).into_owned(),
        link: advisory_link(&finding.advisory),
        title: summary::told(finding).unwrap_or_else(|| clean(&finding.title).into_owned()),
        severity: summary::severity(finding),
        class,
        mark,
        subject: summary::subject(finding),
        place: place.map(summary::place).unwrap_or_default(),
        fix: summary::fix(finding),
        party: summary.row(index).word(),
        action,
        evidence: finding.evidence.first().map(evidence).unwrap_or_default(),
    }
}

/// What was looked at, in a line: `debian CVE-2023-2001 of 2026-11-20: openssl 3.0.11 (source) is in all versions`.
fn evidence(evidence: &Evidence) -> String {
    let date =
        if evidence.date.is_empty() { String::new() } else { format!(" of {}", clean(day(&evidence.date))) };
    format!(
        "{} {}{date}: compared {} with {}",
        clean(&evidence.source),
        clean(&evidence.record),
        clean(&evidence.compared),
        clean(&evidence.range)
    )
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = bits >> (18 - 6 * place) & 63;
            text.push(if place > group.len() { '=' } else { char::from(DIGITS[digit as usize]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_rfc() {
        for (bytes, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), expected);
        }
    }

    #[test]
    fn the_style_asks_for_nothing() {
        for word in ["url(", "@import", "@font-face", "</"] {
            assert!(!STYLE.contains(word), "{word}");
        }
    }
}
