//! Syft's own JSON (`syft -o json`, schema 3 and later): packages, distribution, image. Files, relationships and what
//! Syft knows of a package beyond its identity are passed over.
//!
//! Written is what Grype and others need of it. What Syft has no place for stands as `properties` beside its own members, in
//! the shape that CycloneDX gives them; Syft passes over them.

use std::fmt::Write;

use plimsoll_model::license::Declared;
use plimsoll_model::{Ecosystem, Layer, Location, Package, Report, Target, TargetKind};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::facts::{self, Facts, Native};
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
    #[serde(default)]
    properties: Vec<Property>,
}

/// One fact of ours.
#[derive(Deserialize)]
struct Property {
    name: String,
    value: String,
}

fn facts_of(properties: Vec<Property>) -> Facts {
    properties.into_iter().map(|property| (property.name, property.value)).collect()
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
    properties: Vec<Property>,
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

// ---------------------------------------------------------------------------------------------------------- writing

/// Syft's sizes are signed.
const MOST: u64 = i64::MAX.cast_unsigned();

/// The version of Syft's schema that we keep to.
const SCHEMA: &str = "16.0.18";

/// Writes the inventory of a report.
pub(crate) fn write(report: &Report) -> Result<String, crate::Error> {
    let target = &report.target;
    let artifacts: Vec<Value> =
        report.packages.iter().enumerate().map(|(index, package)| artifact(index, package, target)).collect();
    let name = crate::stamp::name(target);
    let digest = target.digest.as_ref().or(target.image_id.as_ref());
    let source = json!({
        "id": digest.map_or_else(|| id(name, 0), plimsoll_model::Digest::hex),
        "name": name,
        "version": digest.map(ToString::to_string).unwrap_or_default(),
        "type": if target.kind == TargetKind::Image { "image" } else { "directory" },
        "metadata": if target.kind == TargetKind::Image { image(target) } else { json!({"path": name}) },
    });
    let distro = target.release.as_ref().map_or_else(
        || json!({}),
        |release| {
            json!({
                "prettyName": release.name, "name": release.name, "id": release.id, "versionID": release.version,
                "properties": properties(facts::of_release(release)),
            })
        },
    );
    Ok(crate::text::json(&json!({
        "artifacts": artifacts,
        "artifactRelationships": [],
        "source": source,
        "distro": distro,
        "descriptor": {"name": "plimsoll", "version": report.plimsoll},
        "schema": {
            "version": SCHEMA,
            "url": format!("https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-{SCHEMA}.json"),
        },
        "properties": properties(facts::of_document(target, &report.problems)?),
    }))?)
}

fn properties(facts: Facts) -> Vec<Value> {
    facts.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

/// Sixteen digits that are the same for the same package in every document.
fn id(text: &str, number: usize) -> String {
    crate::text::hex(&Sha256::digest(format!("{number} {text}"))[..8])
}

fn image(target: &Target) -> Value {
    let layers: Vec<Value> = target
        .layers
        .iter()
        .map(|layer| {
            let digest = layer.diff_id.as_ref().or(layer.digest.as_ref());
            json!({"mediaType": "", "digest": digest.map(ToString::to_string).unwrap_or_default(), "size": layer.size.min(MOST)})
        })
        .collect();
    let digest =
        |digest: Option<&plimsoll_model::Digest>| digest.map(ToString::to_string).unwrap_or_default();
    // `linux/arm64/v8`.
    let mut platform = target.platform.as_deref().unwrap_or_default().split('/');
    let (os, architecture) = (platform.next().unwrap_or_default(), platform.next().unwrap_or_default());
    json!({
        "userInput": crate::stamp::name(target),
        "imageID": digest(target.image_id.as_ref()),
        "manifestDigest": digest(target.digest.as_ref()),
        "mediaType": "", "tags": [], "repoDigests": [],
        "imageSize": target.layers.iter().map(|layer| layer.size).fold(0, u64::saturating_add).min(MOST),
        "layers": layers,
        "architecture": architecture, "os": os,
    })
}

fn artifact(index: usize, package: &Package, target: &Target) -> Value {
    let layer = |location: &Location| {
        let layer = target.layers.iter().find(|layer| Some(layer.index) == location.layer)?;
        layer.diff_id.as_ref().or(layer.digest.as_ref()).map(ToString::to_string)
    };
    let locations: Vec<Value> = package
        .locations
        .iter()
        .map(|location| {
            // Syft's paths begin at the root.
            let path = format!("/{}", location.path);
            let mut place = json!({"path": path, "accessPath": path});
            if let Some(layer) = layer(location) {
                place["layerID"] = json!(layer);
            }
            place
        })
        .collect();
    let licenses: Vec<Value> = package
        .licenses
        .iter()
        .map(|license| {
            let declared = Declared::all(std::slice::from_ref(license), false);
            // What is no expression has none.
            let mut plain = true;
            let expression = declared.expression(|_, _| {
                plain = false;
                String::new()
            });
            let expression = expression.filter(|_| plain).unwrap_or_default();
            json!({"value": license, "spdxExpression": expression, "type": "declared", "urls": [], "locations": []})
        })
        .collect();
    let (kind, language) = package.ecosystem.row().syft;
    let mut artifact = json!({
        "id": id(&package.purl, index),
        "name": package.name, "version": package.version, "type": kind, "foundBy": "plimsoll",
        "locations": locations, "licenses": licenses, "language": language, "cpes": [], "purl": package.purl,
        "properties": properties(facts::of(package, Native::Nothing)),
    });
    if let Some((kind, metadata)) = metadata(package) {
        artifact["metadataType"] = json!(kind);
        artifact["metadata"] = metadata;
    }
    artifact
}

/// What Grype asks of packages of distributions and of Java archives beyond name and version.
fn metadata(package: &Package) -> Option<(&'static str, Value)> {
    let architecture = package.architecture.as_deref().unwrap_or_default();
    let source = package.source.as_ref();
    match package.ecosystem {
        Ecosystem::Deb => {
            let source =
                source.filter(|source| source.name != package.name || source.version != package.version);
            Some((
                "dpkg-db-entry",
                json!({
                    "package": package.name, "version": package.version, "architecture": architecture,
                    "source": source.map_or("", |source| source.name.as_str()),
                    "sourceVersion": source.map_or("", |source| source.version.as_str()),
                    "maintainer": "", "installedSize": 0, "files": [],
                }),
            ))
        }
        Ecosystem::Apk => Some((
            "apk-db-entry",
            json!({
                "package": package.name, "version": package.version, "architecture": architecture,
                "originPackage": source.map_or(package.name.as_str(), |source| source.name.as_str()),
                "maintainer": "", "url": "", "description": "", "size": 0, "installedSize": 0,
                "pullDependencies": [], "provides": [], "pullChecksum": "", "gitCommitOfApkPort": "", "files": [],
            }),
        )),
        Ecosystem::Rpm => {
            let (epoch, rest) = match package.version.split_once(':') {
                Some((epoch, rest)) => (epoch.parse::<u32>().ok(), rest),
                None => (None, package.version.as_str()),
            };
            let (version, release) = rest.rsplit_once('-').unwrap_or((rest, ""));
            let source = source.map(|source| {
                let version =
                    source.version.split_once(':').map_or(source.version.as_str(), |(_, rest)| rest);
                format!("{}-{version}.src.rpm", source.name)
            });
            let mut metadata = json!({
                "name": package.name, "version": version, "epoch": epoch, "architecture": architecture,
                "release": release, "sourceRpm": source.unwrap_or_default(), "size": 0,
                "vendor": package.vendor.as_deref().unwrap_or_default(), "files": [],
            });
            if let Some(module) = &package.module {
                metadata["modularityLabel"] = json!(module);
            }
            Some(("rpm-db-entry", metadata))
        }
        Ecosystem::Maven => {
            let (group, artifact) = package.name.split_once(':').unwrap_or(("", &package.name));
            let path = package.locations.first().map(|location| format!("/{}", location.path));
            Some((
                "java-archive",
                json!({
                    "virtualPath": path.unwrap_or_default(),
                    "pomProperties": {
                        "path": "", "name": "", "groupId": group, "artifactId": artifact, "version": package.version,
                    },
                }),
            ))
        }
        _ => None,
    }
}

// ---------------------------------------------------------------------------------------------------------- reading

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
    let mut target = target(&document.source);
    facts::take_document(&facts_of(document.properties), &mut target, &mut collector.problems);
    collector.layers(&target.layers);
    let ours: Vec<Property> =
        document.distro.get("properties").and_then(|value| Vec::deserialize(value).ok()).unwrap_or_default();
    if !ours.is_empty() {
        let said = |name: &str| text(&document.distro, name).unwrap_or_default();
        collector.operating_system(said("id"), said("versionID"), &facts_of(ours));
    } else if let Some(id) = text(&document.distro, "id").or_else(|| text(&document.distro, "name")) {
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
    let mut facts = facts_of(artifact.properties);
    let ours = facts.iter().any(|(name, _)| name.starts_with(facts::PREFIX));
    if artifact.name.is_empty() && artifact.purl.is_none() && !ours {
        collector.broken("", "an artifact has neither name nor package URL");
        return None;
    }
    // In the words that Syft's properties in CycloneDX have, so that both are understood alike.
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
    if ours {
        return Some(package);
    }
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
