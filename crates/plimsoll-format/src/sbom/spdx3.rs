//! SPDX 3.0 as JSON-LD: only packages are read, from a graph that is written the plain way the specification's own
//! context gives (`https://spdx.org/rdf/3.0.x/spdx-context.jsonld`). A graph of another shape is refused.

use plimsoll_model::{Target, TargetKind};
use serde::Deserialize;
use serde_json::Value;

use super::facts::{self, Facts};
use super::foreign::{Collector, Draft};
use super::{Error, SbomDocument};

#[derive(Deserialize)]
struct Graph {
    #[serde(rename = "@context", default)]
    context: Value,
    #[serde(rename = "@graph")]
    graph: Vec<Value>,
}

/// Reads the packages of a 3.0 graph.
pub(super) fn read(text: &str) -> Result<SbomDocument, Error> {
    let broken = |detail: String| Error::Broken { form: "SPDX 3", detail };
    let Graph { context, graph } = serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
    if !context.as_str().is_some_and(|context| context.starts_with("https://spdx.org/rdf/3.0")) {
        return Err(Error::Unsupported { form: "JSON-LD with a context other than SPDX 3.0's".into() });
    }
    let text = |element: &Value, name: &str| element.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut collector = Collector::default();
    let mut target = Target {
        kind: TargetKind::Sbom,
        name: String::new(),
        reference: None,
        digest: None,
        image_id: None,
        platform: None,
        created: None,
        release: None,
        layers: Vec::new(),
        base: None,
        files: None,
        origin: None,
        git: None,
    };
    let mut known = false;
    for element in &graph {
        match text(element, "type").as_deref() {
            Some("SpdxDocument") => {
                known = true;
                target.name = text(element, "name").unwrap_or_default();
            }
            Some("software_Package") => {
                let Some(name) = text(element, "name") else {
                    collector.broken(&text(element, "spdxId").unwrap_or_default(), "a package has no name");
                    continue;
                };
                let purpose = text(element, "software_primaryPurpose").unwrap_or_default();
                let version = text(element, "software_packageVersion");
                let purl = text(element, "software_packageUrl").or_else(|| identifier(element));
                if purpose == "operatingSystem" && purl.is_none() {
                    collector.operating_system(&name, version.as_deref().unwrap_or_default(), &Facts::new());
                    continue;
                }
                let subject = purl.clone().unwrap_or_else(|| name.clone());
                let is_package =
                    matches!(purpose.as_str(), "" | "application" | "framework" | "library" | "install");
                let draft = Draft { name, version, purl, facts: Facts::new(), is_package };
                let Some(mut package) = collector.package(draft) else { continue };
                for hash in element.get("verifiedUsing").and_then(Value::as_array).into_iter().flatten() {
                    let (Some(algorithm), Some(value)) = (text(hash, "algorithm"), text(hash, "hashValue"))
                    else {
                        continue;
                    };
                    match facts::digest(&algorithm.replace('_', ""), &value) {
                        Ok(digest) => package.digests.extend(digest),
                        Err(detail) => collector.broken(&subject, detail),
                    }
                }
                collector.packages.push(package);
            }
            _ => {}
        }
    }
    if !known {
        return Err(broken("there is no SpdxDocument".into()));
    }
    Ok(collector.finish("SPDX 3.0 (JSON-LD, packages only)".into(), target))
}

/// The package URL among the external identifiers.
fn identifier(element: &Value) -> Option<String> {
    let identifiers = element.get("externalIdentifier")?.as_array()?;
    let purl = identifiers.iter().find(|one| {
        one.get("externalIdentifierType")
            .and_then(Value::as_str)
            .is_some_and(|kind| kind == "packageUrl" || kind == "purl")
    })?;
    Some(purl.get("identifier")?.as_str()?.to_owned())
}
