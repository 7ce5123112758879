//! SARIF 2.1.0 (OASIS, incorporating Errata 01), in the shape and within the limits that code scanning services take:
//! at most 25,000 rules and results in a run, of which 5,000 are shown; 100 places in a result, 10 tags in a rule.
//!
//! A result stands for one step that somebody takes ([`groups`]), or on request for one finding.

mod groups;

use std::collections::HashMap;
use std::fmt::Write;

use plimsoll_model::{
    Ecosystem, Effect, Finding, FindingKind, Git, Level, Location, Outcome, Report, Subject,
};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::summary::{self, Class, Summary};
use crate::text::{advisory_link, clean, hex, markdown_code, markdown_text};
use crate::{Error, View};

/// Results and rules in one run; with more the whole file is refused.
const MOST_FINDINGS: usize = 25_000;
/// Results that are shown; what stands behind them would be lost without a word.
const MOST_STEPS: usize = 5_000;
/// Places in one result.
const MOST_PLACES: usize = 100;

/// Where the form is described.
pub(crate) const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// Version of the form.
pub(crate) const VERSION: &str = "2.1.0";

/// The run of a target that could not be scanned: without results, and not successful.
pub(crate) fn failed_run(name: &str, message: &str) -> Value {
    json!({
        "tool": {"driver": {"name": "plimsoll", "version": env!("CARGO_PKG_VERSION"), "rules": []}},
        "automationDetails": {"id": format!("plimsoll/{}/", clean(name))},
        "invocations": [{
            "executionSuccessful": false,
            "toolExecutionNotifications": [{"level": "error", "message": {"text": clean(message)}}],
        }],
        "results": [],
    })
}

/// What one result stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// An upgrade with all findings that it removes; a package with all that nobody can mend yet.
    Step,
    /// One finding.
    Finding,
}

/// The rules and results of a run as they grow.
#[derive(Default)]
struct Run {
    rules: Vec<Value>,
    indices: HashMap<String, usize>,
    results: Vec<Value>,
    prints: HashMap<String, usize>,
}

impl Run {
    /// The number of the rule with this id.
    fn rule(&mut self, id: &str, make: impl FnOnce() -> Value) -> usize {
        if let Some(index) = self.indices.get(id) {
            return *index;
        }
        self.rules.push(make());
        self.indices.insert(id.to_owned(), self.rules.len() - 1);
        self.rules.len() - 1
    }

    fn result(&mut self, mut result: Value) {
        // The same flaw twice in one place: the second is another finding, not the same one again.
        let print = &mut result["partialFingerprints"]["plimsollFinding/v1"];
        let times = self.prints.entry(print.as_str().unwrap_or_default().to_owned()).or_insert(0_usize);
        *times += 1;
        *print = json!(format!("{}:{times}", print.as_str().unwrap_or_default()));
        self.results.push(result);
    }

    fn finding(&mut self, summary: &Summary<'_>, index: usize) {
        let finding = &summary.report.findings[index];
        let rule = self.rule(&finding.advisory, || rule(finding));
        self.result(result(summary, index, finding, rule));
    }
}

/// Writes the findings; what could not be seen becomes notifications of the run.
pub(crate) fn write(report: &Report, unit: Unit) -> Result<String, Error> {
    let document = json!({"$schema": SCHEMA, "version": VERSION, "runs": [run(report, unit)]});
    Ok(crate::text::json(&document)?)
}

/// One report as a run.
pub(crate) fn run(report: &Report, unit: Unit) -> Value {
    let summary = Summary::new(report, &View::default());
    let mut run = Run::default();
    // How many findings stand in results that were left out.
    let left_out = match unit {
        Unit::Step => groups::write(&summary, &mut run),
        Unit::Finding => {
            let shown = report.findings.len().min(MOST_FINDINGS);
            (0..shown).for_each(|index| run.finding(&summary, index));
            report.findings.len() - shown
        }
    };
    let Run { rules, results, .. } = run;
    let mut notifications: Vec<Value> = report
        .problems
        .iter()
        .map(|problem| {
            let level = if problem.effect == Effect::Incomplete { "warning" } else { "note" };
            json!({"level": level, "message": {"text": format!("could not see: {}", summary::describe(problem))}})
        })
        .collect();
    for input in &summary.missing {
        notifications.push(json!({"level": "warning", "message": {"text": format!("missing: {input}")}}));
    }
    if left_out > 0 {
        let rest = crate::text::count(left_out, "finding", "findings");
        let text = format!("{rest} more than code scanning services take were left out");
        notifications.push(json!({"level": "warning", "message": {"text": text}}));
    }
    let mut run = json!({
        "tool": {"driver": {
            "name": "plimsoll",
            "version": report.plimsoll,
            "rules": rules,
        }},
        "automationDetails": {"id": format!("plimsoll/{}/", clean(&report.target.name))},
        "properties": {"resultsAre": match unit { Unit::Step => "changes", Unit::Finding => "findings" }},
        "invocations": [{
            // A run that could not decide has not succeeded, however few results there are.
            "executionSuccessful": report.verdict.outcome != Outcome::Unknown,
            "toolExecutionNotifications": notifications,
        }],
        "results": results,
    });
    if let Some(details) = report.target.git.as_ref().and_then(version_control) {
        run["versionControlProvenance"] = json!([details]);
    }
    run
}

/// Which commit the files are (SARIF 2.1.0, 3.16): only with an address, which the form wants.
fn version_control(git: &Git) -> Option<Value> {
    let is_address = |remote: &&String| {
        remote.contains("://")
            && remote.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"{}|\\^`[]".contains(&byte))
    };
    let remote = git.remote.as_ref().filter(is_address)?;
    let mut details = serde_json::Map::new();
    details.insert("repositoryUri".into(), json!(clean(remote)));
    details.extend(git.commit.iter().map(|commit| ("revisionId".to_owned(), json!(commit))));
    details.extend(git.branch.iter().map(|branch| ("branch".to_owned(), json!(clean(branch)))));
    details.extend(git.tag.iter().map(|tag| ("revisionTag".to_owned(), json!(clean(tag)))));
    Some(Value::Object(details))
}

fn level(finding: &Finding) -> &'static str {
    match finding.kind {
        FindingKind::Malware => "error",
        FindingKind::Informational => "note",
        FindingKind::EndOfLife => "warning",
        FindingKind::Vulnerability
        | FindingKind::Secret
        | FindingKind::Misconfiguration
        | FindingKind::License => match finding.severity.level {
            Level::Critical | Level::High => "error",
            Level::Medium => "warning",
            Level::Low | Level::Negligible | Level::Unknown => "note",
        },
    }
}

/// A score for services that only know scores; the middle of the level where no CVSS score is known.
fn score(finding: &Finding) -> Option<String> {
    if finding.kind == FindingKind::Malware {
        return Some("10.0".into());
    }
    if finding.kind == FindingKind::License {
        return None;
    }
    if let Some(tenths) = finding.severity.score_tenths {
        return Some(format!("{}.{}", tenths / 10, tenths % 10));
    }
    let score = match finding.severity.level {
        Level::Critical => "9.5",
        Level::High => "8.0",
        Level::Medium => "5.5",
        Level::Low => "2.0",
        Level::Negligible | Level::Unknown => return None,
    };
    Some(score.into())
}

fn tag(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Vulnerability => "vulnerability",
        FindingKind::Malware => "malware",
        FindingKind::EndOfLife => "end-of-life",
        FindingKind::Informational => "notice",
        FindingKind::Secret => "secret",
        FindingKind::Misconfiguration => "misconfiguration",
        FindingKind::License => "license",
    }
}

/// One advisory. Where several findings share it, the first one, which is the most urgent, speaks for it.
fn rule(finding: &Finding) -> Value {
    let advisory = clean(&finding.advisory);
    let title = clean(&finding.title);
    let subject = finding.subject.name();
    let name = clean(&subject);
    let short = if title.is_empty() { format!("{advisory} in {name}") } else { title.into_owned() };
    let severity = summary::severity(finding);
    let fix = summary::fix(finding);
    let action = clean(&finding.remedy.action);
    let mut text = format!("{short}\n\nSeverity: {severity}. {name}: {fix}.");
    let mut markdown = format!(
        "{}\n\n| severity | what | fix |\n|---|---|---|\n| {severity} | {} | {} |\n",
        markdown_text(&short),
        markdown_code(&subject),
        markdown_text(&fix),
    );
    if !action.is_empty() {
        let _ = write!(text, "\n\nNext: {action}.");
        let _ = writeln!(markdown, "\n**Next:** {}", markdown_text(&action));
    }
    if let Some(command) = &finding.remedy.command {
        let _ = write!(text, "\nType: {}", clean(command));
        let _ = writeln!(markdown, "\n{}", markdown_code(command));
    }
    let mut tags = vec!["security", tag(finding.kind)];
    if finding.kind == FindingKind::License {
        tags = vec![tag(finding.kind)];
    }
    if finding.kind == FindingKind::Malware {
        tags.push("incident");
    }
    if finding.risk.kev.is_some() {
        tags.push("known-exploited");
    }
    if finding.risk.fixable {
        tags.push("fixable");
    }
    let mut properties = Map::new();
    properties.insert("tags".into(), json!(tags));
    properties.insert("precision".into(), json!("very-high"));
    if let Some(score) = score(finding) {
        properties.insert("security-severity".into(), json!(score));
    }
    let mut rule = json!({
        "id": advisory,
        "shortDescription": {"text": short},
        "help": {"text": text, "markdown": markdown},
        "defaultConfiguration": {"level": level(finding)},
        "properties": properties,
    });
    if let (Some(link), Some(rule)) = (advisory_link(&finding.advisory), rule.as_object_mut()) {
        rule.insert("helpUri".into(), json!(link));
    }
    rule
}

/// Where to look for findings: the places of their remedies, then those of their packages.
fn places<'a>(summary: &Summary<'a>, findings: &[&'a Finding]) -> Vec<&'a Location> {
    let mut seen: Vec<&Location> = Vec::new();
    let mut take = |place: &'a Location| {
        if seen.len() < MOST_PLACES && !seen.contains(&place) {
            seen.push(place);
        }
    };
    findings.iter().filter_map(|finding| finding.remedy.location.as_ref()).for_each(&mut take);
    for finding in findings {
        if let Subject::File(location) = &finding.subject {
            take(location);
        }
        for purl in finding.subject.packages() {
            let package = summary.package(purl);
            package
                .map(|package| package.locations.as_slice())
                .unwrap_or_default()
                .iter()
                .for_each(&mut take);
        }
    }
    seen
}

fn locations(summary: &Summary<'_>, places: &[&Location]) -> Vec<Value> {
    if places.is_empty() {
        // Services refuse results without a place.
        return vec![
            json!({"physicalLocation": {"artifactLocation": {"uri": uri(&summary.report.target.name)}}}),
        ];
    }
    places.iter().map(|place| location(place)).collect()
}

/// Why a finding is a suppressed result, in words; `None` where it is an open one: what only development or a notice is
/// about is for the reader to decide.
fn folded(summary: &Summary<'_>, index: usize) -> Option<String> {
    let open = matches!(summary.classes[index], Class::Development | Class::Notice);
    summary.set_aside(index).filter(|_| !open).map(|aside| aside.told())
}

fn suppression(justification: &str) -> Value {
    json!({"kind": "external", "status": "accepted", "justification": justification})
}

/// What stays the same from scan to scan, as digits.
fn fingerprint(parts: &[&[u8]]) -> String {
    let mut fingerprint = Sha256::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            fingerprint.update([0]);
        }
        fingerprint.update(part);
    }
    hex(&fingerprint.finalize())
}

fn result(summary: &Summary<'_>, index: usize, finding: &Finding, rule: usize) -> Value {
    let seen = places(summary, &[finding]);
    let party = summary.row(index).word();
    let action = clean(&finding.remedy.action);
    let next = if action.is_empty() { String::new() } else { format!(" Next: {action}.") };
    let message = format!(
        "{}: {} in {} ({}). Whose move: {party}.{next}",
        clean(&finding.advisory),
        summary::severity(finding),
        summary::subject(finding),
        summary::told(finding).unwrap_or_else(|| summary::fix(finding)),
    );
    // The finding without its version: it stays the same when a package moves on and is still affected.
    let (name, ecosystem) = (finding.subject.name(), finding.subject.ecosystem().map_or("", Ecosystem::name));
    let mut parts = vec![finding.advisory.as_bytes(), name.as_bytes(), ecosystem.as_bytes()];
    parts.extend(seen.first().map(|place| place.path.as_bytes()));
    let fingerprint = fingerprint(&parts);
    let mut result = Map::new();
    result.insert("ruleId".into(), json!(clean(&finding.advisory)));
    result.insert("ruleIndex".into(), json!(rule));
    result.insert("level".into(), json!(level(finding)));
    result.insert("message".into(), json!({"text": message}));
    result.insert("locations".into(), Value::Array(locations(summary, &seen)));
    result.insert("partialFingerprints".into(), json!({"plimsollFinding/v1": fingerprint}));
    if let Some(justification) = folded(summary, index) {
        result.insert("suppressions".into(), json!([suppression(&justification)]));
    }
    result.insert(
        "properties".into(),
        json!({
            "findingId": clean(&finding.id),
            "party": party,
            "packages": finding.subject.packages(),
        }),
    );
    Value::Object(result)
}

fn location(place: &Location) -> Value {
    let mut physical = Map::new();
    physical.insert("artifactLocation".into(), json!({"uri": uri(&place.path.to_string())}));
    // Services show a result only where it has a line.
    let mut region = json!({"startLine": place.line.unwrap_or(1).max(1)});
    if let Some(column) = place.column {
        region["startColumn"] = json!(column.max(1));
    }
    physical.insert("region".into(), region);
    let mut location = Map::new();
    location.insert("physicalLocation".into(), Value::Object(physical));
    if let Some(layer) = place.layer {
        location.insert("message".into(), json!({"text": format!("layer {layer}")}));
    }
    Value::Object(location)
}

/// A relative reference (RFC 3986, section 4.2) for a path.
fn uri(path: &str) -> String {
    let mut result = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/!$'()*,;=@+".contains(&byte) {
            result.push(char::from(byte));
        } else {
            let _ = write!(result, "%{byte:02X}");
        }
    }
    // An empty reference would be the document itself; two slashes would begin an authority.
    match result.trim_start_matches('/') {
        "" => "-".to_owned(),
        rest => rest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_references() {
        for (path, expected) in [
            ("web/package-lock.json", "web/package-lock.json"),
            ("a b#c?d%é", "a%20b%23c%3Fd%25%C3%A9"),
            ("//evil.example/x", "evil.example/x"),
            ("c:/x", "c%3A/x"),
            ("", "-"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }
}
