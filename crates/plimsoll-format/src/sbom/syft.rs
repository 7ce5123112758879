//! Syft's own JSON (`syft -o json`, schema 3 and later): packages, distribution, image. Files, relationships and what
//! Syft knows of a package beyond its identity are passed over.

use std::fmt::Write;

use plimsoll_model::{Layer, Package, Target, TargetKind};
use serde::Deserialize;
use serde_json::Value;

use super::facts::Facts;
use super::foreign::{Collector, Draft};
use super::{Error, SbomDocument};

#[derive(Deserialize)]
struct Document {
    artifacts: Vec<Artifact>,
    #[serde(default)]
    source: Value,
    #[serde(default)]
    distro: Value,
    #[serde(default)]
    schema: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Artifact {
    name: String,
    version: Option<String>,
    purl: Option<String>,
    locations: Vec<Place>,
    /// Texts in old documents, objects in new ones.
    licenses: Vec<Value>,
    metadata: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Place {
    path: String,
    #[serde(rename = "layerID")]
    layer: String,
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Reads the document.
pub(super) fn read(document: &str) -> Result<SbomDocument, Error> {
    let document: Document = serde_json::from_str(document)
        .map_err(|error| Error::Broken { form: "Syft", detail: error.to_string() })?;
    let mut form = "Syft JSON".to_owned();
    if let Some(version) = text(&document.schema, "version") {
        let version: String = version.chars().take(20).collect();
        let _ = write!(form, " {}", crate::clean(&version));
    }
    let mut collector = Collector::default();
    let target = target(&document.source);
    collector.layers(&target.layers);
    if let Some(id) = text(&document.distro, "id").or_else(|| text(&document.distro, "name")) {
        let version = text(&document.distro, "versionID").or_else(|| text(&document.distro, "version"));
        let mut facts = Facts::new();
        for (ours, theirs) in [
            ("syft:distro:prettyName", "prettyName"),
            ("syft:distro:versionCodename", "versionCodename"),
            ("syft:distro:cpeName", "cpeName"),
        ] {
            facts.extend(text(&document.distro, theirs).map(|text| (ours.to_owned(), text.to_owned())));
        }
        collector.operating_system(id, version.unwrap_or_default(), &facts);
    }
    for artifact in document.artifacts {
        if let Some(package) = package(&mut collector, artifact) {
            collector.packages.push(package);
        }
    }
    Ok(collector.finish(form, target))
}

fn package(collector: &mut Collector, artifact: Artifact) -> Option<Package> {
    if artifact.name.is_empty() && artifact.purl.is_none() {
        collector.broken("", "an artifact has neither name nor package URL");
        return None;
    }
    // In the words that Syft's properties in CycloneDX have, so that both are understood alike.
    let mut facts = Facts::new();
    for (index, place) in artifact.locations.into_iter().enumerate() {
        facts.push((format!("syft:location:{index}:path"), place.path));
        facts.push((format!("syft:location:{index}:layerID"), place.layer));
    }
    for name in ["source", "sourceVersion", "originPackage", "origin", "sourceRpm", "modularityLabel"] {
        let said = text(&artifact.metadata, name);
        facts.extend(said.map(|said| (format!("syft:metadata:{name}"), said.to_owned())));
    }
    let draft = Draft {
        name: artifact.name,
        version: artifact.version,
        purl: artifact.purl.filter(|purl| !purl.is_empty()),
        facts,
        is_package: true,
    };
    let mut package = collector.package(draft)?;
    let license = |license: &Value| match license {
        Value::String(text) => Some(text.clone()),
        _ => text(license, "spdxExpression").or_else(|| text(license, "value")).map(str::to_owned),
    };
    package.licenses = artifact.licenses.iter().filter_map(license).collect();
    package.licenses.sort();
    package.licenses.dedup();
    Some(package)
}

/// What was scanned.
fn target(source: &Value) -> Target {
    // Old documents call the description `target`; of a folder it is its path.
    let described = source.get("metadata").or_else(|| source.get("target")).unwrap_or(&Value::Null);
    let name = text(source, "name")
        .or_else(|| text(described, "userInput"))
        .or_else(|| text(described, "path"))
        .or_else(|| described.as_str());
    let digest = |name: &str| text(described, name).and_then(|text| text.parse().ok());
    let layers = described.get("layers").and_then(Value::as_array).into_iter().flatten();
    let layers = layers.zip(1..).map(|(layer, index)| Layer {
        index,
        digest: None,
        diff_id: text(layer, "digest").and_then(|text| text.parse().ok()),
        size: layer.get("size").and_then(Value::as_u64).unwrap_or(0),
        created_by: None,
        from_base: false,
    });
    Target {
        reference: text(described, "userInput").map(str::to_owned),
        digest: digest("manifestDigest"),
        image_id: digest("imageID"),
        layers: layers.collect(),
        ..Target::named(TargetKind::Sbom, name.unwrap_or_default())
    }
}
