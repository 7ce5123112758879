//! Results that stand for steps: an upgrade with everything that it removes, or a package with everything that nobody can
//! mend yet. An image with thousands of findings becomes tens of results, which services show whole and people close.
//!
//! Findings about files and settings stay single: each is an edit of its own. Every finding stands in one result.

use std::collections::HashMap;
use std::fmt::Write;

use plimsoll_model::{Change, Ecosystem, Finding, FindingKind, Party};
use serde_json::{Map, Value, json};

use super::{MOST_STEPS, Run, fingerprint, folded, level, locations, places, score, suppression, tag};
use crate::summary::{self, Class, Summary};
use crate::text::{advisory_link, clean, count, markdown_code, markdown_text};

/// Findings that a result's message names; the rest is counted.
const NAMED: usize = 20;
/// Findings that a rule's help lists.
const LISTED: usize = 50;
/// Reasons why the findings of one result do not count.
const REASONS: usize = 20;

/// What findings have in common.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    /// A listed change removes them.
    Change(usize),
    /// They are about one package, of one kind, and wait or are folded for the same cause.
    Package(Cause, FindingKind, Ecosystem, &'a str),
    /// No other.
    Alone(usize),
}

/// Why no change removes a finding.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Cause {
    Waiting,
    NotRun,
    NotLinked,
    Development,
    Notice,
    Nobody,
}

impl Cause {
    /// The first part of a rule's id.
    fn word(self) -> &'static str {
        match self {
            Cause::Waiting => "no-fix",
            Cause::NotRun => "not-run",
            Cause::NotLinked => "not-linked",
            Cause::Development => "development",
            Cause::Notice => "notice",
            Cause::Nobody => "answered",
        }
    }
}

fn key<'a>(summary: &Summary<'a>, index: usize) -> Key<'a> {
    let finding = &summary.report.findings[index];
    let Some(package) = finding.subject.as_package().filter(|_| !finding.kind.is_of_rule()) else {
        return Key::Alone(index);
    };
    let cause = match summary.classes[index] {
        Class::Removed(change) => return Key::Change(change),
        Class::Waiting => Cause::Waiting,
        Class::NotRun => Cause::NotRun,
        Class::NotLinked => Cause::NotLinked,
        Class::Development => Cause::Development,
        Class::Notice => Cause::Notice,
        Class::Nobody => Cause::Nobody,
    };
    Key::Package(cause, finding.kind, package.ecosystem, &package.source.name)
}

/// Writes rules and results, in the order of the most urgent finding of each; returns how many findings were left out.
pub(super) fn write(summary: &Summary<'_>, run: &mut Run) -> usize {
    let mut groups: Vec<(Key<'_>, Vec<usize>)> = Vec::new();
    let mut places: HashMap<Key<'_>, usize> = HashMap::new();
    for index in 0..summary.report.findings.len() {
        let place = *places.entry(key(summary, index)).or_insert_with(|| {
            groups.push((key(summary, index), Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(index);
    }
    let left_out = groups.iter().skip(MOST_STEPS).map(|(_, members)| members.len()).sum();
    groups.truncate(MOST_STEPS);
    let ids: Vec<String> = groups.iter().map(|(key, members)| id(summary, key, members)).collect();
    // A rule speaks for all its results: the same package may be upgraded in several places.
    let mut of_rule: HashMap<&str, Vec<usize>> = HashMap::new();
    for (id, (_, members)) in ids.iter().zip(&groups) {
        of_rule.entry(id).or_default().extend(members);
    }
    for (id, (key, members)) in ids.iter().zip(&groups) {
        if let Key::Alone(index) = key {
            run.finding(summary, *index);
            continue;
        }
        let change = match key {
            Key::Change(number) => summary.report.changes.get(*number),
            _ => None,
        };
        let all = of_rule.get(id.as_str()).map(Vec::as_slice).unwrap_or_default();
        let rule = run.rule(id, || rule(summary, id, change, all));
        run.result(result(summary, id, rule, change, members));
    }
    left_out
}

/// The package that all findings are about, if it is one.
fn package<'a>(summary: &Summary<'a>, members: &[usize]) -> Option<(Ecosystem, &'a str)> {
    let of = |index: &usize| {
        let package = summary.report.findings[*index].subject.as_package()?;
        Some((package.ecosystem, package.source.name.as_str()))
    };
    let first = members.first().and_then(of)?;
    members.iter().all(|index| of(index) == Some(first)).then_some(first)
}

/// The id of a rule: it names no version, so that the same step keeps its id when versions move on.
fn id(summary: &Summary<'_>, key: &Key<'_>, members: &[usize]) -> String {
    match key {
        Key::Alone(index) => clean(&summary.report.findings[*index].advisory).into_owned(),
        Key::Package(cause, _, ecosystem, name) => {
            format!("{}/{}/{}", cause.word(), ecosystem.name(), clean(name))
        }
        Key::Change(number) => {
            let change = &summary.report.changes[*number];
            match package(summary, members) {
                _ if matches!(change.party, Party::BaseImage(_)) => "upgrade/base-image".to_owned(),
                Some((ecosystem, name)) => {
                    let step = if change.malware { "malware" } else { "upgrade" };
                    format!("{step}/{}/{}", ecosystem.name(), clean(name))
                }
                // `layer 3` names a place; `12 packages` would be another rule tomorrow.
                None if change.subject.starts_with("layer ") => {
                    format!("upgrade/{}", clean(&change.subject).replace(' ', "-"))
                }
                None => "upgrade/packages".to_owned(),
            }
        }
    }
}

/// What the step is about, in a few words: `lodash 4.17.15`, `debian:12.15`.
fn subject(change: Option<&Change>, first: &Finding) -> String {
    match change {
        Some(change) if change.from.is_empty() || change.from == change.subject => {
            clean(&change.subject).into_owned()
        }
        Some(change) => format!("{} {}", clean(&change.subject), clean(&change.from)),
        None => summary::subject(first),
    }
}

/// The worst among findings: as far as urgency goes the first is, because findings stand in the order of work.
fn worst(findings: &[&Finding]) -> &'static str {
    let levels = findings.iter().map(|finding| level(finding));
    // `error`, `note`, `warning`: by what they mean.
    let rank = |level: &&str| match *level {
        "error" => 2,
        "warning" => 1,
        _ => 0,
    };
    levels.max_by_key(rank).unwrap_or("note")
}

fn findings<'a>(summary: &Summary<'a>, members: &[usize]) -> Vec<&'a Finding> {
    let mut members = members.to_vec();
    members.sort_unstable();
    members.iter().map(|index| &summary.report.findings[*index]).collect()
}

fn rule(summary: &Summary<'_>, id: &str, change: Option<&Change>, members: &[usize]) -> Value {
    let findings = findings(summary, members);
    let Some(first) = findings.first() else { return json!({"id": id}) };
    let number = count(findings.len(), "finding", "findings");
    let action = change.map_or(&first.remedy.action, |change| &change.action);
    let short = if action.is_empty() { subject(change, first) } else { clean(action).into_owned() };
    let mut text = format!("{short}\n\n{number}:");
    let mut markdown = format!(
        "{}\n\n| finding | severity | in | fix |\n|---|---|---|---|\n",
        markdown_text(&format!("{short}: {number}"))
    );
    for finding in findings.iter().take(LISTED) {
        let advisory = clean(&finding.advisory);
        let (severity, about, fix) =
            (summary::severity(finding), summary::subject(finding), summary::fix(finding));
        let _ = write!(text, "\n- {advisory}: {severity}, {about}, {fix}");
        let linked = match advisory_link(&finding.advisory) {
            Some(link) => format!("[{advisory}]({link})"),
            None => markdown_text(&advisory),
        };
        let _ = writeln!(
            markdown,
            "| {linked} | {severity} | {} | {} |",
            markdown_code(&about),
            markdown_text(&fix)
        );
    }
    if findings.len() > LISTED {
        let rest = findings.len() - LISTED;
        let _ = write!(text, "\nand {rest} more");
        let _ = writeln!(markdown, "\nand {rest} more");
    }
    if let Some(command) = change.and_then(|change| change.command.as_ref()) {
        let _ = write!(text, "\n\nType: {}", clean(command));
        let _ = writeln!(markdown, "\n**Type:** {}", markdown_code(command));
    }
    let mut tags = vec!["security"];
    let mut tag = |word| {
        if !tags.contains(&word) {
            tags.push(word);
        }
    };
    for finding in &findings {
        tag(self::tag(finding.kind));
        if finding.kind == FindingKind::Malware {
            tag("incident");
        }
        if finding.risk.kev.is_some() {
            tag("known-exploited");
        }
        if finding.risk.fixable {
            tag("fixable");
        }
    }
    let mut properties = Map::new();
    properties.insert("tags".into(), json!(tags));
    properties.insert("precision".into(), json!("very-high"));
    let tenths = |score: &String| score.replace('.', "").parse::<u32>().unwrap_or(0);
    if let Some(score) = findings.iter().filter_map(|finding| score(finding)).max_by_key(tenths) {
        properties.insert("security-severity".into(), json!(score));
    }
    json!({
        "id": id,
        "shortDescription": {"text": short},
        "help": {"text": text, "markdown": markdown},
        "defaultConfiguration": {"level": worst(&findings)},
        "properties": properties,
    })
}

fn result(summary: &Summary<'_>, id: &str, rule: usize, change: Option<&Change>, members: &[usize]) -> Value {
    let findings = findings(summary, members);
    let first = findings[0];
    let mut seen = places(summary, &findings);
    if let Some(place) = change.and_then(|change| change.location.as_ref()) {
        // Where the edit is comes first: services show the first place only.
        seen.retain(|other| *other != place);
        seen.insert(0, place);
        seen.truncate(super::MOST_PLACES);
    }
    let mut named: Vec<String> = findings
        .iter()
        .take(NAMED)
        .map(|finding| format!("{} ({})", clean(&finding.advisory), summary::severity(finding)))
        .collect();
    if findings.len() > NAMED {
        named.push(format!("and {} more", findings.len() - NAMED));
    }
    let party = summary.row(members[0]).word();
    let mut message = format!(
        "{}: {}, {}. Whose move: {party}.",
        subject(change, first),
        count(findings.len(), "finding", "findings"),
        if findings.len() == 1 { summary::fix(first) } else { format!("worst {}", summary::severity(first)) },
    );
    let action = change.map_or(&first.remedy.action, |change| &change.action);
    if !action.is_empty() {
        let _ = write!(message, " Next: {}.", clean(action));
    }
    if let Some(command) = change.and_then(|change| change.command.as_ref()) {
        let _ = write!(message, " Type: {}", clean(command));
    }
    let _ = write!(message, "\n{}", named.join(", "));
    let name = match change {
        Some(change) => clean(&change.subject).into_owned(),
        None => String::new(),
    };
    // `12 packages` is no name to recognise anything by.
    let name = if name.starts_with(|first: char| first.is_ascii_digit()) { "" } else { name.as_str() };
    // References name versions: what stays is that it is the base.
    let name = if id == "upgrade/base-image" { "" } else { name };
    let mut parts = vec![id.as_bytes(), name.as_bytes()];
    parts.extend(seen.first().map(|place| place.path.as_bytes()));
    let mut result = Map::new();
    result.insert("ruleId".into(), json!(id));
    result.insert("ruleIndex".into(), json!(rule));
    result.insert("level".into(), json!(worst(&findings)));
    result.insert("message".into(), json!({"text": message}));
    result.insert("locations".into(), Value::Array(locations(summary, &seen)));
    result.insert("partialFingerprints".into(), json!({"plimsollFinding/v1": fingerprint(&parts)}));
    let mut reasons: Vec<String> = Vec::new();
    for index in members {
        if let Some(reason) = folded(summary, *index).filter(|reason| !reasons.contains(reason)) {
            reasons.push(reason);
        }
        if reasons.len() == REASONS {
            break;
        }
    }
    if !reasons.is_empty() {
        let reasons: Vec<Value> = reasons.iter().map(|reason| suppression(reason)).collect();
        result.insert("suppressions".into(), Value::Array(reasons));
    }
    let advisories: Vec<_> = findings.iter().map(|finding| clean(&finding.advisory)).collect();
    let mut packages: Vec<&String> = findings.iter().flat_map(|finding| finding.subject.packages()).collect();
    packages.sort_unstable();
    packages.dedup();
    result.insert("properties".into(), json!({"party": party, "findings": advisories, "packages": packages}));
    Value::Object(result)
}
