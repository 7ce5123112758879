//! SPDX 2.3 (ISO/IEC 5962 in its 2.2.1 form): written and, as 2.2, read as JSON and, through [`super::tag_value_writer`]
//! and [`super::tag_value`], as tag-value.
//!
//! Identifiers and the namespace are made of the content; the date of creation is the target's own, else that of the
//! advisory data, else the beginning of the epoch, because SPDX demands one.

#![expect(clippy::struct_field_names, reason = "fields are named as the specification names them")]

use std::collections::BTreeMap;

use plimsoll_model::license::Declared;
use plimsoll_model::{Algorithm, Digest, Package, Release, Report, Target, TargetKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::facts::{self, Facts, Native};
use super::foreign::{Collector, Draft};
use super::{Error, SbomDocument};

/// A document, as far as it is read or written. Members stand in the order of the specification.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    #[serde(default)]
    pub(super) spdx_version: String,
    #[serde(default)]
    pub(super) data_license: String,
    #[serde(rename = "SPDXID", default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) document_namespace: String,
    #[serde(default)]
    pub(super) creation_info: CreationInfo,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) document_describes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) annotations: Vec<Annotation>,
    #[serde(default)]
    pub(super) packages: Vec<SpdxPackage>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) has_extracted_licensing_infos: Vec<ExtractedLicense>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) relationships: Vec<Relationship>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreationInfo {
    #[serde(default)]
    pub(super) created: String,
    #[serde(default)]
    pub(super) creators: Vec<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Annotation {
    #[serde(default)]
    pub(super) annotation_date: String,
    #[serde(default)]
    pub(super) annotation_type: String,
    #[serde(default)]
    pub(super) annotator: String,
    #[serde(default)]
    pub(super) comment: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpdxPackage {
    #[serde(default)]
    pub(super) name: String,
    #[serde(rename = "SPDXID", default)]
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version_info: Option<String>,
    #[serde(default)]
    pub(super) download_location: String,
    #[serde(default)]
    pub(super) files_analyzed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) primary_package_purpose: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) checksums: Vec<Checksum>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source_info: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) license_concluded: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) license_declared: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) copyright_text: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) external_refs: Vec<ExternalRef>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) attribution_texts: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) annotations: Vec<Annotation>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checksum {
    #[serde(default)]
    pub(super) algorithm: String,
    #[serde(default)]
    pub(super) checksum_value: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExternalRef {
    #[serde(default)]
    pub(super) reference_category: String,
    #[serde(default)]
    pub(super) reference_type: String,
    #[serde(default)]
    pub(super) reference_locator: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExtractedLicense {
    #[serde(default)]
    pub(super) license_id: String,
    #[serde(default)]
    pub(super) extracted_text: String,
    #[serde(default)]
    pub(super) name: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Relationship {
    #[serde(default)]
    pub(super) spdx_element_id: String,
    #[serde(default)]
    pub(super) relationship_type: String,
    #[serde(default)]
    pub(super) related_spdx_element: String,
}

pub(super) const NOTHING: &str = "NOASSERTION";

// ---------------------------------------------------------------------------------------------------------- writing

/// Writes the inventory of a report as JSON.
pub(crate) fn write(report: &Report) -> Result<String, crate::Error> {
    Ok(crate::text::json(&made_of(report)?)?)
}

/// Writes the inventory of a report as tag-value.
pub(crate) fn write_tag_value(report: &Report) -> Result<String, crate::Error> {
    Ok(super::tag_value_writer::write(&made_of(report)?))
}

pub(super) fn made_of(report: &Report) -> Result<Document, crate::Error> {
    let target = &report.target;
    let database = crate::text::day(&report.database.date);
    let created = super::cyclonedx::timestamp(target.created.as_deref())
        .or_else(|| super::cyclonedx::timestamp(Some(&report.database.date)))
        .or_else(|| super::cyclonedx::timestamp(Some(&format!("{database}T00:00:00Z"))))
        .unwrap_or_else(|| "1970-01-01T00:00:00Z".into());
    // The annotator's version is part of a line that ends with it.
    let tool = format!("Tool: plimsoll-{}", report.plimsoll.replace(char::is_whitespace, "-"));
    let annotate = |facts: Facts| -> Result<Annotation, serde_json::Error> {
        let facts: serde_json::Map<String, serde_json::Value> =
            facts.into_iter().map(|(name, text)| (name, text.into())).collect();
        Ok(Annotation {
            annotation_date: created.clone(),
            annotation_type: "OTHER".into(),
            annotator: tool.clone(),
            comment: serde_json::to_string(&facts)?,
        })
    };
    let mut licenses = Licenses::default();
    let mut packages = vec![described(target)];
    let mut relationships = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", TARGET_ID)];
    if let Some(release) = &target.release {
        packages.push(SpdxPackage {
            annotations: vec![annotate(facts::of_release(release))?],
            ..operating_system(release)
        });
        relationships.push(relation(TARGET_ID, "CONTAINS", RELEASE_ID));
    }
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    for package in &report.packages {
        let mut id = identifier(package);
        let times = used.entry(id.clone()).or_default();
        *times += 1;
        if *times > 1 {
            id = format!("{id}-{times}");
        }
        relationships.push(relation(TARGET_ID, "CONTAINS", &id));
        let mut written = one(package, id, &mut licenses);
        let mut facts = facts::of(package, Native::Digests);
        if written.external_refs.is_empty() {
            facts.push((facts::PURL.into(), package.purl.clone()));
        }
        written.annotations.push(annotate(facts)?);
        packages.push(written);
    }
    // One annotation for the target, one for each problem: names are unique within one.
    let mut annotations = Vec::new();
    for fact in facts::of_document(target, &report.problems)? {
        annotations.push(annotate(vec![fact])?);
    }
    let mut document = Document {
        spdx_version: "SPDX-2.3".into(),
        data_license: "CC0-1.0".into(),
        id: "SPDXRef-DOCUMENT".into(),
        name: if target.name.is_empty() { "unnamed".into() } else { target.name.clone() },
        document_namespace: String::new(),
        creation_info: CreationInfo { created, creators: vec![tool] },
        document_describes: Vec::new(),
        annotations,
        packages,
        has_extracted_licensing_infos: licenses.extracted(),
        relationships,
    };
    let uuid = super::uuid(&serde_json::to_string(&document)?);
    document.document_namespace = format!("https://spdx.org/spdxdocs/plimsoll/{uuid}");
    Ok(document)
}

pub(super) const TARGET_ID: &str = "SPDXRef-Target";
const RELEASE_ID: &str = "SPDXRef-OperatingSystem";

fn relation(from: &str, kind: &str, to: &str) -> Relationship {
    Relationship {
        spdx_element_id: from.into(),
        relationship_type: kind.into(),
        related_spdx_element: to.into(),
    }
}

/// What every package says that is not known.
fn blank(name: &str, id: String) -> SpdxPackage {
    SpdxPackage {
        // A package must have a name; an empty one is written as what nothing is asserted about.
        name: if name.is_empty() { NOTHING.into() } else { name.to_owned() },
        id,
        download_location: NOTHING.into(),
        files_analyzed: Some(false),
        license_concluded: Some(NOTHING.into()),
        license_declared: Some(NOTHING.into()),
        copyright_text: Some(NOTHING.into()),
        ..SpdxPackage::default()
    }
}

fn described(target: &Target) -> SpdxPackage {
    let digest = target.digest.as_ref().or(target.image_id.as_ref());
    SpdxPackage {
        version_info: digest.map(ToString::to_string),
        primary_package_purpose: Some(
            if target.kind == TargetKind::Image { "CONTAINER" } else { "OTHER" }.into(),
        ),
        checksums: digest.iter().map(|digest| checksum(digest)).collect(),
        ..blank(&target.name, TARGET_ID.into())
    }
}

fn operating_system(release: &Release) -> SpdxPackage {
    SpdxPackage {
        version_info: Some(release.version.clone()),
        primary_package_purpose: Some("OPERATING_SYSTEM".into()),
        ..blank(&release.id, RELEASE_ID.into())
    }
}

fn checksum(digest: &Digest) -> Checksum {
    let algorithm = match digest.algorithm() {
        Algorithm::Sha1 => "SHA1",
        Algorithm::Sha256 => "SHA256",
        Algorithm::Sha512 => "SHA512",
    };
    Checksum { algorithm: algorithm.into(), checksum_value: digest.hex() }
}

/// Readable, and the same for the same package in every document.
fn identifier(package: &Package) -> String {
    let plain: String = package
        .name
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() || character == '.' { character } else { '-' })
        .take(60)
        .collect();
    let hash = Sha256::digest(package.purl.as_bytes());
    let hash = crate::text::hex(&hash[..8]);
    format!("SPDXRef-Package-{plain}-{hash}")
}

fn one(package: &Package, id: String, licenses: &mut Licenses) -> SpdxPackage {
    let plain = package.purl.starts_with("pkg:")
        && !package.purl.chars().any(|character| character.is_whitespace() || character.is_control());
    let external_refs = if plain {
        vec![ExternalRef {
            reference_category: "PACKAGE-MANAGER".into(),
            reference_type: "purl".into(),
            reference_locator: package.purl.clone(),
        }]
    } else {
        Vec::new()
    };
    let source = package.source.as_ref();
    SpdxPackage {
        version_info: Some(package.version.clone()),
        checksums: package.digests.iter().map(checksum).collect(),
        source_info: source.map(|source| format!("built package from: {} {}", source.name, source.version)),
        license_declared: Some(licenses.expression(package)),
        external_refs,
        ..blank(&package.name, id)
    }
}

/// Licences that are no SPDX expression get an id in the document, with their words as text.
#[derive(Default)]
struct Licenses {
    by_text: BTreeMap<String, String>,
}

impl Licenses {
    /// All licences of a package as one valid expression.
    fn expression(&mut self, package: &Package) -> String {
        let declared = Declared::all(&package.licenses, package.ecosystem.licenses_are_a_choice());
        declared.expression(|raw, _| self.reference(raw)).unwrap_or_else(|| NOTHING.into())
    }

    fn reference(&mut self, text: &str) -> String {
        let make = || {
            let plain: String = text
                .chars()
                .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
                .take(40)
                .collect();
            let hash = Sha256::digest(text.as_bytes());
            let hash = crate::text::hex(&hash[..4]);
            format!("LicenseRef-{}-{hash}", plain.trim_matches('-'))
        };
        self.by_text.entry(text.to_owned()).or_insert_with(make).clone()
    }

    fn extracted(self) -> Vec<ExtractedLicense> {
        let license = |(text, id): (String, String)| ExtractedLicense {
            license_id: id,
            name: Some(NOTHING.into()),
            extracted_text: text,
        };
        self.by_text.into_iter().map(license).collect()
    }
}

// ---------------------------------------------------------------------------------------------------------- reading

/// Reads the JSON form.
pub(super) fn read(text: &str) -> Result<SbomDocument, Error> {
    let document: Document = serde_json::from_str(text)
        .map_err(|error| Error::Broken { form: "SPDX", detail: error.to_string() })?;
    understand(document, "JSON")
}

/// Makes an inventory of a document, whatever its syntax was.
pub(super) fn understand(document: Document, syntax: &str) -> Result<SbomDocument, Error> {
    if !matches!(document.spdx_version.as_str(), "SPDX-2.2" | "SPDX-2.3") {
        let version: String = document.spdx_version.chars().take(20).collect();
        return Err(Error::Unsupported { form: crate::text::clean(&version).into_owned() });
    }
    let form = format!("{} ({syntax})", document.spdx_version.replace('-', " "));
    Ok(inventory_of(document, form))
}

/// The inventory that a document of any version holds.
pub(super) fn inventory_of(document: Document, form: String) -> SbomDocument {
    let mut collector = Collector::default();
    let extracted: BTreeMap<&str, &str> = document
        .has_extracted_licensing_infos
        .iter()
        .map(|license| {
            let name = license.name.as_deref().filter(|name| !name.is_empty() && *name != NOTHING);
            (license.license_id.as_str(), name.unwrap_or(&license.extracted_text))
        })
        .collect();
    let mut target = Target {
        kind: TargetKind::Sbom,
        name: document.name,
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
    let mut described: Vec<&str> = document.document_describes.iter().map(String::as_str).collect();
    for relationship in &document.relationships {
        if relationship.relationship_type == "DESCRIBES" && relationship.spdx_element_id == "SPDXRef-DOCUMENT"
        {
            described.push(&relationship.related_spdx_element);
        }
    }
    let ours = take_annotations(&mut collector, "the document", &document.annotations);
    facts::take_document(&ours, &mut target, &mut collector.problems);
    let written_by_us = !ours.is_empty();
    collector.layers(&target.layers);
    for package in document.packages {
        let is_described = described.contains(&package.id.as_str());
        take_package(&mut collector, package, is_described, written_by_us, &extracted, &mut target);
    }
    collector.finish(form, target)
}

fn take_annotations(collector: &mut Collector, subject: &str, annotations: &[Annotation]) -> Facts {
    let mut facts = Facts::new();
    for annotation in annotations {
        if annotation.annotator.starts_with("Tool: plimsoll") {
            match serde_json::from_str::<BTreeMap<String, String>>(&annotation.comment) {
                Ok(pairs) => facts.extend(pairs),
                Err(_) => collector.broken(subject, "an annotation of plimsoll cannot be read"),
            }
        } else if let Some((name, text)) = annotation.comment.split_once(": ") {
            // Trivy's properties.
            facts.push((format!("aquasecurity:trivy:{name}"), text.to_owned()));
        }
    }
    facts
}

fn take_package(
    collector: &mut Collector,
    package: SpdxPackage,
    is_described: bool,
    written_by_us: bool,
    extracted: &BTreeMap<&str, &str>,
    target: &mut Target,
) {
    let mut facts = take_annotations(collector, &package.name, &package.annotations);
    for text in &package.attribution_texts {
        if let Some((name, text)) = text.split_once(": ") {
            facts.push((format!("aquasecurity:trivy:{name}"), text.to_owned()));
        }
    }
    let purl = package
        .external_refs
        .iter()
        .find(|reference| reference.reference_type == "purl")
        .map(|reference| reference.reference_locator.clone())
        .or_else(|| facts.iter().find(|(name, _)| name == facts::PURL).map(|(_, text)| text.clone()));
    let purpose = package.primary_package_purpose.as_deref().unwrap_or_default().replace('-', "_");
    let version = package.version_info.clone();
    if written_by_us && package.id == TARGET_ID {
        return;
    }
    if purpose == "OPERATING_SYSTEM" && purl.is_none() || package.id == RELEASE_ID {
        let name = if package.name == NOTHING { "" } else { &package.name };
        collector.operating_system(name, version.as_deref().unwrap_or_default(), &facts);
        return;
    }
    let container =
        purl.as_deref().is_some_and(|purl| purl.starts_with("pkg:oci/") || purl.starts_with("pkg:docker/"));
    if is_described && (purl.is_none() || container) {
        if !written_by_us {
            package.name.clone_into(&mut target.name);
            let digest = |checksum: &Checksum| {
                facts::digest(&checksum.algorithm, &checksum.checksum_value).ok().flatten()
            };
            target.digest = version
                .as_deref()
                .and_then(|version| version.parse().ok())
                .or_else(|| package.checksums.iter().find_map(digest));
        }
        if container || version.is_none() {
            return;
        }
    }
    if package.name.is_empty() {
        collector.broken(&package.id, "a package has no name");
        return;
    }
    let source = package.source_info.as_deref().and_then(|info| info.strip_prefix("built package from: "));
    let subject = purl.clone().unwrap_or_else(|| package.name.clone());
    let ours = facts.iter().any(|(name, _)| name.starts_with(facts::PREFIX));
    let draft = Draft {
        name: if ours && package.name == NOTHING { String::new() } else { package.name },
        version,
        purl,
        facts,
        is_package: matches!(purpose.as_str(), "" | "APPLICATION" | "FRAMEWORK" | "LIBRARY" | "INSTALL"),
    };
    // `NOASSERTION` may be a package's real name; our facts then say so by the package URL's side.
    let Some(mut made) = collector.package(draft) else { return };
    if made.source.is_none()
        && let Some((name, version)) = source.and_then(|source| source.rsplit_once(' '))
    {
        made.source =
            Some(plimsoll_model::SourcePackage { name: name.to_owned(), version: version.to_owned() });
    }
    for checksum in &package.checksums {
        match facts::digest(&checksum.algorithm, &checksum.checksum_value) {
            Ok(digest) => made.digests.extend(digest),
            Err(detail) => collector.broken(&subject, detail),
        }
    }
    if !ours {
        let declared =
            package.license_declared.filter(|text| text != NOTHING && text != "NONE" && !text.is_empty());
        made.licenses.extend(
            declared.map(|text| extracted.get(text.as_str()).map_or(text.clone(), |text| (*text).to_owned())),
        );
    }
    collector.packages.push(made);
}
