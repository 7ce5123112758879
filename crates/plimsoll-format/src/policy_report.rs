//! A list of `PolicyReport` objects (`wgpolicyk8s.io/v1alpha2` of the Kubernetes Policy Working Group), one for each namespace, and a
//! `ClusterPolicyReport` of what is in none: one result for each rule and object, counts of all.

use std::collections::BTreeMap;

use plimsoll_model::{Effect, Level, Report};
use serde_json::{Value, json};

use crate::Error;
use crate::summary::{self, Summary};
use crate::text::{clean, shorten};
use crate::{View, text};

/// Results of one report that are written: the API server takes objects of at most 1.5 MB.
const MOST_RESULTS: usize = 1_000;
/// Longest message, in bytes.
const LONGEST_MESSAGE: usize = 500;

/// What one rule says of one object.
struct Row {
    word: &'static str,
    level: Level,
    value: Value,
    /// Further places in the same object.
    more: usize,
}

pub(crate) fn write(report: &Report) -> Result<String, Error> {
    let summary = Summary::new(report, &View::default());
    let mut rows: BTreeMap<&str, BTreeMap<(String, &str, &str), Row>> = BTreeMap::new();
    for (index, finding) in report.findings.iter().enumerate() {
        let aside = summary.set_aside(index);
        let word = if aside.is_some() { "skip" } else { "fail" };
        let object = finding.object.as_deref();
        let namespace = object.map_or("", |object| object.namespace.as_str());
        let about = match object {
            Some(object) => format!("{}.{}/{}", object.kind, object.group, object.name),
            None => summary::subject(finding),
        };
        let own = rows.entry(namespace).or_default();
        if let Some(row) = own.get_mut(&(about.clone(), finding.advisory.as_str(), word)) {
            row.more += 1;
            continue;
        }
        let told = summary::told(finding).unwrap_or_else(|| clean(&finding.title).into_owned());
        let end = match &aside {
            Some(aside) => aside.told(),
            None => clean(&finding.remedy.action).into_owned(),
        };
        let message = [told, end].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
        let mut properties = json!({ "move": summary.row(index).word() });
        if let Some(place) = summary.place(finding) {
            properties["place"] = summary::place(place).into();
        }
        let mut value = json!({
            "source": "plimsoll",
            "policy": clean(&finding.advisory),
            "rule": clean(&finding.advisory),
            "category": clean(&finding.title),
            "severity": severity(finding.severity.level),
            "result": word,
            "scored": true,
            "message": shorten(&message, LONGEST_MESSAGE),
            "properties": properties,
        });
        if let Some(object) = object {
            let mut resource = json!({ "kind": object.kind, "name": object.name });
            if !object.namespace.is_empty() {
                resource["namespace"] = object.namespace.as_str().into();
            }
            value["resources"] = json!([resource]);
        }
        own.insert(
            (about, finding.advisory.as_str(), word),
            Row { word, level: finding.severity.level, value, more: 0 },
        );
    }
    let mut reports: Vec<Value> = Vec::new();
    // What could not be decided is about all of them.
    let open: Vec<Value> = report
        .problems
        .iter()
        .filter(|problem| problem.effect == Effect::Incomplete)
        .map(|problem| {
            let message = format!("{}: {}", clean(&problem.subject), clean(&problem.detail));
            json!({
                "source": "plimsoll", "policy": "plimsoll", "rule": "not-decided", "result": "error", "scored": true,
                "message": shorten(&message, LONGEST_MESSAGE),
            })
        })
        .collect();
    if !open.is_empty() {
        rows.entry("").or_default();
    }
    for (namespace, rows) in rows {
        let mut rows: Vec<Row> = rows.into_values().collect();
        // The worst stay when there are too many; the counts are of all.
        rows.sort_by_key(|row| (row.word != "fail", std::cmp::Reverse(row.level)));
        let number = |word: &str| rows.iter().filter(|row| row.word == word).count();
        let errors: &[Value] = if namespace.is_empty() { &open } else { &[] };
        let counts = json!({
            "pass": 0, "fail": number("fail"), "warn": 0, "error": errors.len(), "skip": number("skip"),
        });
        let results = errors.iter().cloned().chain(rows.into_iter().map(|mut row| {
            if row.more > 0 {
                row.value["properties"]["places"] = (row.more + 1).to_string().into();
            }
            row.value
        }));
        let results: Vec<Value> = results.take(MOST_RESULTS).collect();
        let (kind, mut metadata) = match namespace {
            "" => ("ClusterPolicyReport", json!({ "name": "plimsoll-check" })),
            namespace => ("PolicyReport", json!({ "name": "plimsoll-check", "namespace": namespace })),
        };
        metadata["labels"] = json!({ "app.kubernetes.io/managed-by": "plimsoll" });
        reports.push(json!({
            "apiVersion": "wgpolicyk8s.io/v1alpha2",
            "kind": kind,
            "metadata": metadata,
            "summary": counts,
            "results": results,
        }));
    }
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": reports });
    Ok(text::json(&list)?)
}

/// The words that the API takes.
fn severity(level: Level) -> &'static str {
    match level {
        Level::Critical => "critical",
        Level::High => "high",
        Level::Medium => "medium",
        Level::Low => "low",
        Level::Negligible | Level::Unknown => "info",
    }
}
