//! GitLab's security reports (schemas 15.0.4): container scanning and dependency scanning.
//!
//! GitLab shows whatever is in a report as open, so findings that somebody has answered are left out. It has no place for
//! findings that are about no package.

use std::collections::BTreeMap;

use plimsoll_model::{Effect, Finding, Level, Outcome, Report};
use serde_json::{Map, Value, json};

use crate::summary::{self, Class, Summary};
use crate::text::{advisory_link, clean, markdown_text};
use crate::{Error, View, stamp};

/// Which of the reports.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All packages of an image.
    Container,
    /// Packages of languages, with the files that name them.
    Dependency,
}

const VERSION: &str = "15.0.4";
/// Characters of a name, of a solution, and of a description.
const LONGEST_NAME: usize = 255;
const LONGEST_SOLUTION: usize = 7_000;
const LONGEST_DESCRIPTION: usize = 1_048_576;

/// Writes one of the reports.
pub(crate) fn write(report: &Report, kind: Kind) -> Result<String, Error> {
    let summary = Summary::new(report, &View::default());
    let wanted = |index: &usize| {
        let finding = &report.findings[*index];
        let subject = &finding.subject;
        let packages = subject.as_package().is_some() && !finding.kind.is_of_rule();
        packages
            && summary.classes[*index] != Class::Nobody
            && (kind == Kind::Container || !subject.is_distribution())
    };
    let vulnerabilities: Vec<Value> = (0..report.findings.len())
        .filter(wanted)
        .map(|index| vulnerability(&summary, &report.findings[index], kind))
        .collect();
    let time = stamp::of_run(report);
    let time = time.trim_end_matches('Z');
    let messages: Vec<Value> = report
        .problems
        .iter()
        .map(|problem| {
            let level = if problem.effect == Effect::Incomplete { "warn" } else { "info" };
            json!({"level": level, "value": format!("could not see: {}", summary::describe(problem))})
        })
        .collect();
    let tool = json!({
        "id": "plimsoll",
        "name": "Plimsoll",
        "version": if report.plimsoll.is_empty() { "unknown" } else { &report.plimsoll },
        "vendor": {"name": "Plimsoll"},
    });
    let mut document = json!({
        "version": VERSION,
        "scan": {
            "analyzer": tool,
            "scanner": tool,
            "type": if kind == Kind::Container { "container_scanning" } else { "dependency_scanning" },
            "start_time": time,
            "end_time": time,
            // A scan that could not decide has not succeeded, however few findings there are.
            "status": if report.verdict.outcome == Outcome::Unknown { "failure" } else { "success" },
            "messages": messages,
        },
        "vulnerabilities": vulnerabilities,
    });
    if kind == Kind::Dependency {
        document["dependency_files"] = files(report);
    }
    Ok(crate::text::json(&document)?)
}

/// The first characters of a text.
fn short(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit - 1).chain(['…']).collect()
}

fn vulnerability(summary: &Summary<'_>, finding: &Finding, kind: Kind) -> Value {
    let report = summary.report;
    let advisory = if finding.advisory.is_empty() { "unknown" } else { &finding.advisory };
    let title = if finding.title.is_empty() {
        format!("{} in {}", clean(advisory), clean(&finding.subject.name()))
    } else {
        clean(&finding.title).into_owned()
    };
    let severity = match finding.severity.level {
        Level::Critical => "Critical",
        Level::High => "High",
        Level::Medium => "Medium",
        Level::Low => "Low",
        Level::Negligible => "Info",
        Level::Unknown => "Unknown",
    };
    let ids: Vec<&str> = std::iter::once(advisory)
        .chain(finding.aliases.iter().map(String::as_str).filter(|alias| !alias.is_empty()))
        .collect();
    let identifiers: Vec<Value> = ids.iter().map(|id| identifier(id)).collect();
    let links: Vec<Value> =
        ids.iter().filter_map(|id| advisory_link(id)).map(|url| json!({"url": url})).collect();
    let description = format!(
        "{}: {} in {} ({}). Whose move: {}.",
        clean(advisory),
        summary::severity(finding),
        summary::subject(finding),
        summary::fix(finding),
        finding.party.word(),
    );
    let version = finding.subject.version();
    let dependency = json!({"package": {"name": finding.subject.name()}, "version": version});
    let image = stamp::name(&report.target);
    let location = match kind {
        Kind::Container => json!({
            "dependency": dependency,
            "operating_system": system(report),
            "image": if image.is_empty() { "unnamed" } else { image },
        }),
        Kind::Dependency => json!({
            "file": summary.place(finding).map(|place| place.path.to_string())
                .filter(|path| !path.is_empty()).unwrap_or_else(|| "unknown".into()),
            "dependency": dependency,
        }),
    };
    let mut result = Map::new();
    let mut put = |name: &str, value: Value| result.insert(name.to_owned(), value);
    put("id", json!(crate::sbom::uuid(&finding.id)));
    put("name", json!(short(&title, LONGEST_NAME)));
    // GitLab renders both as Markdown.
    put("description", json!(short(&markdown_text(&description), LONGEST_DESCRIPTION)));
    put("severity", json!(severity));
    if !finding.remedy.action.is_empty() {
        put("solution", json!(short(&markdown_text(&finding.remedy.action), LONGEST_SOLUTION)));
    }
    put("identifiers", Value::Array(identifiers));
    if !links.is_empty() {
        put("links", Value::Array(links));
    }
    put("location", location);
    Value::Object(result)
}

/// The kinds of ids that GitLab knows by name; others are ours.
fn identifier(id: &str) -> Value {
    let known = ["CVE", "GHSA", "USN", "RHSA", "ELSA", "OSV"];
    let kind = id.split('-').next().filter(|kind| known.contains(kind)).unwrap_or("plimsoll");
    let mut identifier = json!({"type": kind.to_ascii_lowercase(), "name": id, "value": id});
    if let Some(link) = advisory_link(id) {
        identifier["url"] = json!(link);
    }
    identifier
}

fn system(report: &Report) -> String {
    match &report.target.release {
        Some(release) if !release.id.is_empty() => {
            format!("{} {}", release.id, release.version).trim_end().to_owned()
        }
        _ => "unknown".to_owned(),
    }
}

/// Every file that names packages of a language, with what it names.
fn files(report: &Report) -> Value {
    let mut files: BTreeMap<(String, &str), Vec<Value>> = BTreeMap::new();
    for package in report.packages.iter().filter(|package| !package.ecosystem.is_distribution()) {
        for location in &package.locations {
            let path = location.path.to_string();
            if path.is_empty() {
                continue;
            }
            files
                .entry((path, package.ecosystem.name()))
                .or_default()
                .push(json!({"package": {"name": package.name}, "version": package.version}));
        }
    }
    let file = |((path, manager), dependencies): ((String, &str), Vec<Value>)| json!({"path": path, "package_manager": manager, "dependencies": dependencies});
    files.into_iter().map(file).collect()
}
