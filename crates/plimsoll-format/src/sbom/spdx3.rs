//! SPDX 3.0 as JSON-LD, in the plain way that the specification's own context gives
//! (`https://spdx.org/rdf/3.0.x/spdx-context.jsonld`); a graph of another shape is refused.
//!
//! Both ways lead through the document of SPDX 2.3 (`super::spdx`), which says the same with other words: so ids, facts and
//! the namespace are made, and packages understood, in one place. Of a graph only packages, their licences and annotations
//! are read.

use std::collections::{BTreeMap, HashMap};

use plimsoll_model::Report;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::spdx::{
    self, Annotation, Checksum, Document, ExternalRef, ExtractedLicense, NOTHING, Relationship, SpdxPackage,
};
use super::{Error, SbomDocument};

const CONTEXT: &str = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld";
/// The one time and author of everything in a document of ours.
const CREATION: &str = "_:creation";

// ---------------------------------------------------------------------------------------------------------- writing

/// Writes the inventory of a report.
pub(crate) fn write(report: &Report) -> Result<String, crate::Error> {
    let document = spdx::made_of(report)?;
    let base = format!("{}#", document.document_namespace);
    let iri = |id: &str| format!("{base}{id}");
    let element = |kind: &str, id: &str, members: Value| -> Value {
        let mut element = json!({"type": kind, "spdxId": iri(id), "creationInfo": CREATION});
        if let (Value::Object(element), Value::Object(members)) = (&mut element, members) {
            element.extend(members);
        }
        element
    };
    let mut graph = vec![json!({
        "type": "CreationInfo", "@id": CREATION, "specVersion": "3.0.1",
        "created": document.creation_info.created,
        "createdBy": [iri("SPDXRef-Plimsoll")],
    })];
    graph.push(element(
        "SoftwareAgent",
        "SPDXRef-Plimsoll",
        json!({"name": format!("plimsoll-{}", report.plimsoll)}),
    ));
    let mut members: Vec<Value> = Vec::new();
    let mut declared: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &document.packages {
        members.push(element("software_Package", &package.id, described(package)));
        if let Some(license) = package.license_declared.as_deref().filter(|license| *license != NOTHING) {
            declared.entry(license).or_default().push(&package.id);
        }
    }
    let texts: Vec<Value> = document
        .has_extracted_licensing_infos
        .iter()
        .map(|license| {
            element(
                "simplelicensing_SimpleLicensingText",
                &license.license_id,
                json!({"name": license.license_id, "simplelicensing_licenseText": license.extracted_text}),
            )
        })
        .collect();
    members.extend(texts);
    for (index, (license, packages)) in declared.iter().enumerate() {
        let id = format!("SPDXRef-License-{index}");
        let customs: Vec<Value> = license
            .split(|character: char| !(character.is_ascii_alphanumeric() || "-.".contains(character)))
            .filter(|word| word.starts_with("LicenseRef-"))
            .map(|word| json!({"type": "DictionaryEntry", "key": word, "value": iri(word)}))
            .collect();
        let mut expression = json!({"simplelicensing_licenseExpression": license});
        if !customs.is_empty() {
            expression["simplelicensing_customIdToUri"] = json!(customs);
        }
        members.push(element("simplelicensing_LicenseExpression", &id, expression));
        for package in packages {
            let relation = relation(&iri(package), "hasDeclaredLicense", &[iri(&id)]);
            members.push(element("Relationship", &format!("{package}-Licensed"), relation));
        }
    }
    let contained = |relation: &&Relationship| relation.relationship_type == "CONTAINS";
    let inside: Vec<String> = document
        .relationships
        .iter()
        .filter(contained)
        .map(|relation| iri(&relation.related_spdx_element))
        .collect();
    if !inside.is_empty() {
        let relation = relation(&iri(spdx::TARGET_ID), "contains", &inside);
        members.push(element("Relationship", "SPDXRef-Contains", relation));
    }
    let mut annotations = 0_usize;
    let mut annotate = |subject: &str, annotation: &Annotation| {
        annotations += 1;
        let said = json!({
            "annotationType": "other", "contentType": "application/json",
            "subject": iri(subject), "statement": annotation.comment,
        });
        element("Annotation", &format!("SPDXRef-Annotation-{annotations}"), said)
    };
    let mut notes: Vec<Value> = document.annotations.iter().map(|one| annotate(&document.id, one)).collect();
    for package in &document.packages {
        notes.extend(package.annotations.iter().map(|one| annotate(&package.id, one)));
    }
    members.extend(notes);
    let ids: Vec<&Value> = members.iter().filter_map(|member| member.get("spdxId")).collect();
    let target = iri(spdx::TARGET_ID);
    let sbom = json!({"software_sbomType": ["analyzed"], "rootElement": [target], "element": ids});
    graph.push(element(
        "SpdxDocument",
        &document.id,
        json!({
            "name": document.name,
            "profileConformance": ["core", "software", "simpleLicensing"],
            "rootElement": [iri("SPDXRef-Sbom")],
        }),
    ));
    graph.push(element("software_Sbom", "SPDXRef-Sbom", sbom));
    graph.extend(members);
    Ok(crate::text::json(&json!({"@context": CONTEXT, "@graph": graph}))?)
}

fn relation(from: &str, kind: &str, to: &[String]) -> Value {
    json!({"from": from, "relationshipType": kind, "to": to})
}

fn described(package: &SpdxPackage) -> Value {
    let mut members = Map::new();
    let mut add = |name: &str, value: Option<&String>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), json!(value));
        }
    };
    add("name", Some(&package.name));
    add("software_packageVersion", package.version_info.as_ref());
    add("software_packageUrl", package.external_refs.first().map(|reference| &reference.reference_locator));
    add("software_primaryPurpose", package.primary_package_purpose.as_deref().map(camel).as_ref());
    add("software_sourceInfo", package.source_info.as_ref());
    if !package.checksums.is_empty() {
        let hash = |checksum: &Checksum| {
            json!({
                "type": "Hash", "algorithm": checksum.algorithm.to_lowercase(),
                "hashValue": checksum.checksum_value,
            })
        };
        members.insert("verifiedUsing".to_owned(), package.checksums.iter().map(hash).collect());
    }
    Value::Object(members)
}

/// `OPERATING_SYSTEM` as `operatingSystem`.
fn camel(words: &str) -> String {
    let mut result = String::with_capacity(words.len());
    let mut upper = false;
    for character in words.chars() {
        match character {
            '_' => upper = true,
            _ if upper => {
                upper = false;
                result.push(character);
            }
            _ => result.push(character.to_ascii_lowercase()),
        }
    }
    result
}

/// `operatingSystem` as `OPERATING_SYSTEM`.
fn snake(words: &str) -> String {
    let mut result = String::with_capacity(words.len() + 2);
    for character in words.chars() {
        if character.is_ascii_uppercase() {
            result.push('_');
        }
        result.push(character.to_ascii_uppercase());
    }
    result
}

// ---------------------------------------------------------------------------------------------------------- reading

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
    let mut document = Document::default();
    let mut known = false;
    // Annotations and licences stand beside what they are about, in any order.
    let mut annotations: HashMap<String, Vec<Annotation>> = HashMap::new();
    let mut expressions: HashMap<String, String> = HashMap::new();
    let mut licensed: HashMap<String, (bool, String)> = HashMap::new();
    for element in &graph {
        let id = said(element, "spdxId").unwrap_or_default();
        match said(element, "type").as_deref() {
            Some("SpdxDocument") => {
                known = true;
                document.name = said(element, "name").unwrap_or_default();
                document.id = id;
                document.document_describes.extend(all(element, "rootElement"));
            }
            Some("software_Sbom" | "Bom") => document.document_describes.extend(all(element, "rootElement")),
            Some("software_Package") => document.packages.push(package(element, id)),
            Some("Annotation") => {
                let (Some(subject), Some(comment)) = (said(element, "subject"), said(element, "statement"))
                else {
                    continue;
                };
                // Ours are known by what they hold: creator and time stand elsewhere in the graph.
                let ours = comment.starts_with("{\"plimsoll:") || comment == "{}";
                let annotator = if ours { "Tool: plimsoll" } else { "" }.to_owned();
                annotations.entry(subject).or_default().push(Annotation {
                    annotator,
                    comment,
                    ..Annotation::default()
                });
            }
            Some("simplelicensing_LicenseExpression") => {
                expressions.extend(said(element, "simplelicensing_licenseExpression").map(|text| (id, text)));
            }
            Some("simplelicensing_SimpleLicensingText") => {
                let text = said(element, "simplelicensing_licenseText").unwrap_or_default();
                let license_id = local(&id).to_owned();
                let name = said(element, "name").filter(|name| *name != license_id);
                document.has_extracted_licensing_infos.push(ExtractedLicense {
                    license_id,
                    extracted_text: text,
                    name,
                });
            }
            Some("Relationship") => {
                let declared = match said(element, "relationshipType").as_deref() {
                    Some("hasDeclaredLicense") => true,
                    Some("hasConcludedLicense") => false,
                    _ => continue,
                };
                let (Some(from), Some(to)) = (said(element, "from"), all(element, "to").into_iter().next())
                else {
                    continue;
                };
                // What somebody declared counts more than what somebody concluded.
                let entry = licensed.entry(from).or_insert_with(|| (declared, to.clone()));
                if declared && !entry.0 {
                    *entry = (true, to);
                }
            }
            _ => {}
        }
    }
    if !known {
        return Err(broken("there is no SpdxDocument".into()));
    }
    document.annotations = annotations.remove(&document.id).unwrap_or_default();
    for package in &mut document.packages {
        package.annotations = annotations.remove(&package.id).unwrap_or_default();
        package.license_declared =
            licensed.get(&package.id).and_then(|(_, license)| expressions.get(license)).cloned();
        // As the second version names them, so that what is ours is known.
        package.id = local(&package.id).to_owned();
    }
    for id in &mut document.document_describes {
        *id = local(id).to_owned();
    }
    Ok(spdx::inventory_of(document, "SPDX 3.0 (JSON-LD, packages only)".into()))
}

/// The part of an element's address behind its document's.
fn local(id: &str) -> &str {
    id.rsplit_once('#').map_or(id, |(_, local)| local)
}

fn said(element: &Value, name: &str) -> Option<String> {
    element.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn all(element: &Value, name: &str) -> Vec<String> {
    match element.get(name) {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(text)) => vec![text.clone()],
        _ => Vec::new(),
    }
}

fn package(element: &Value, id: String) -> SpdxPackage {
    let reference = |locator: String| ExternalRef {
        reference_category: "PACKAGE-MANAGER".into(),
        reference_type: "purl".into(),
        reference_locator: locator,
    };
    let hashes = element.get("verifiedUsing").and_then(Value::as_array).into_iter().flatten();
    SpdxPackage {
        name: said(element, "name").unwrap_or_default(),
        id,
        version_info: said(element, "software_packageVersion"),
        primary_package_purpose: said(element, "software_primaryPurpose").map(|purpose| snake(&purpose)),
        source_info: said(element, "software_sourceInfo"),
        external_refs: said(element, "software_packageUrl")
            .or_else(|| identifier(element))
            .map(reference)
            .into_iter()
            .collect(),
        checksums: hashes
            .filter_map(|hash| {
                let algorithm = said(hash, "algorithm")?.replace('_', "");
                Some(Checksum { algorithm, checksum_value: said(hash, "hashValue")? })
            })
            .collect(),
        ..SpdxPackage::default()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes() {
        for (second, third) in [("CONTAINER", "container"), ("OPERATING_SYSTEM", "operatingSystem"), ("", "")]
        {
            assert_eq!(camel(second), third);
            assert_eq!(snake(third), second);
        }
    }
}
