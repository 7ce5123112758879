//! GitHub's dependency snapshot (REST API, `POST /repos/{owner}/{repo}/dependency-graph/snapshots`): the inventory, one
//! manifest for each file that names packages. Findings stay behind: GitHub holds the packages against its own advisories.

use std::collections::BTreeMap;

use plimsoll_model::{Package, Relation, Report, Scope, TargetKind};
use serde_json::{Map, Value, json};

use crate::{Error, View, stamp};

/// The build that a snapshot belongs to: what GitHub's runners say in their environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Commit (`GITHUB_SHA`).
    pub sha: String,
    /// Branch or tag (`GITHUB_REF`).
    pub reference: String,
    /// Workflow and job: a later snapshot of the same ones replaces this one.
    pub correlator: String,
    /// Number of the run (`GITHUB_RUN_ID`).
    pub id: String,
    /// Page of the run.
    pub url: Option<String>,
}

/// Writes the snapshot. Without [`View::build`] the members `sha`, `ref` and `job` are left out; GitHub wants them.
pub(crate) fn write(report: &Report, view: &View) -> Result<String, Error> {
    let mut manifests: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let unnamed = stamp::name(&report.target);
    for package in report.packages.iter().filter(|package| package.purl.starts_with("pkg:")) {
        let mut paths: Vec<String> =
            package.locations.iter().map(|location| location.path.to_string()).collect();
        if paths.is_empty() {
            paths.push(unnamed.to_owned());
        }
        for path in paths {
            manifests.entry(path).or_default().insert(package.purl.clone(), dependency(package));
        }
    }
    // Only of a directory are the paths those of a repository.
    let in_repository = report.target.kind == TargetKind::Directory;
    let manifests: Map<String, Value> = manifests
        .into_iter()
        .map(|(path, resolved)| {
            let mut manifest = Map::new();
            manifest.insert("name".into(), json!(path));
            if in_repository {
                manifest.insert("file".into(), json!({"source_location": path}));
            }
            manifest.insert("resolved".into(), Value::Object(resolved));
            (path, Value::Object(manifest))
        })
        .collect();
    let mut document = Map::new();
    document.insert("version".into(), json!(0));
    if let Some(build) = &view.build {
        let mut job = json!({"id": build.id, "correlator": build.correlator});
        if let Some(url) = &build.url {
            job["html_url"] = json!(url);
        }
        document.insert("job".into(), job);
        document.insert("sha".into(), json!(build.sha));
        document.insert("ref".into(), json!(build.reference));
    }
    document.insert(
        "detector".into(),
        json!({
            "name": "plimsoll",
            "version": report.plimsoll,
            "url": format!("pkg:generic/plimsoll@{}", report.plimsoll),
        }),
    );
    let mut metadata = Map::new();
    metadata.insert("plimsoll:target".into(), json!(unnamed));
    if let Some(digest) = &report.target.digest {
        metadata.insert("plimsoll:digest".into(), json!(digest.to_string()));
    }
    let incomplete = report.problems.iter().any(|one| one.effect == plimsoll_model::Effect::Incomplete);
    metadata.insert("plimsoll:complete".into(), json!(!incomplete));
    document.insert("metadata".into(), Value::Object(metadata));
    document.insert("scanned".into(), json!(stamp::of_run(report)));
    document.insert("manifests".into(), Value::Object(manifests));
    Ok(crate::text::json(&document)?)
}

fn dependency(package: &Package) -> Value {
    let mut dependency = json!({
        "package_url": package.purl,
        "scope": if package.scope == Scope::Development { "development" } else { "runtime" },
    });
    match package.relation {
        Relation::Direct => dependency["relationship"] = json!("direct"),
        Relation::Transitive => dependency["relationship"] = json!("indirect"),
        Relation::Unknown => {}
    }
    dependency
}
