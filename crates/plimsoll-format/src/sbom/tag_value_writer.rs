//! SPDX 2.3 as tag-value (specification, clause 4.4): the same values as the JSON form. Control characters within names
//! are written as visible escapes: a line ends where the line ends.

use std::fmt::Write as _;

use super::spdx::{Annotation, Document, NOTHING, SpdxPackage};
use crate::text::clean;

/// A text that grows by tags.
struct Tags(String);

impl Tags {
    fn tag(&mut self, tag: &str, value: &str) {
        let _ = writeln!(self.0, "{tag}: {}", clean(value));
    }

    /// A name or version: what the form would take for something else stands in quotes.
    fn name(&mut self, tag: &str, value: &str) {
        if is_special(value) {
            self.tag(tag, &format!("\"{value}\""));
        } else {
            self.tag(tag, value);
        }
    }

    /// A value that may hold anything. Within `<text>` only its end means something, and it is broken up.
    fn text(&mut self, tag: &str, value: &str) {
        let value = crate::clean_lines(value).replace("</text>", "< /text>");
        let _ = writeln!(self.0, "{tag}: <text>{value}</text>");
    }

    fn annotation(&mut self, of: &str, annotation: &Annotation) {
        self.0.push('\n');
        self.tag("Annotator", &annotation.annotator);
        self.tag("AnnotationDate", &annotation.annotation_date);
        self.tag("AnnotationType", &annotation.annotation_type);
        self.tag("SPDXREF", of);
        // JSON of ours: it may hold the end as an escape and stay the same.
        let comment = crate::text::escape_json(&annotation.comment).replace("</", "<\\/");
        let _ = writeln!(self.0, "AnnotationComment: <text>{comment}</text>");
    }

    fn package(&mut self, package: &SpdxPackage) {
        self.0.push('\n');
        self.name("PackageName", &package.name);
        self.tag("SPDXID", &package.id);
        // A version of nothing is no version: a tag needs a value.
        if let Some(version) = package.version_info.as_deref().filter(|version| !version.is_empty()) {
            self.name("PackageVersion", version);
        }
        self.tag("PackageDownloadLocation", &package.download_location);
        self.tag("FilesAnalyzed", "false");
        for checksum in &package.checksums {
            self.tag("PackageChecksum", &format!("{}: {}", checksum.algorithm, checksum.checksum_value));
        }
        if let Some(source) = &package.source_info {
            self.text("PackageSourceInfo", source);
        }
        for (tag, value) in [
            ("PackageLicenseConcluded", &package.license_concluded),
            ("PackageLicenseDeclared", &package.license_declared),
            ("PackageCopyrightText", &package.copyright_text),
            ("PrimaryPackagePurpose", &package.primary_package_purpose),
        ] {
            if let Some(value) = value {
                self.tag(tag, &value.replace('_', if tag == "PrimaryPackagePurpose" { "-" } else { "_" }));
            }
        }
        for reference in &package.external_refs {
            let (category, kind) = (&reference.reference_category, &reference.reference_type);
            self.tag("ExternalRef", &format!("{category} {kind} {}", reference.reference_locator));
        }
    }
}

/// Would the form take a name for something else: a keyword, an actor, a text, a time?
pub(super) fn is_special(value: &str) -> bool {
    let time = || value.len() == 20 && value.ends_with('Z') && value.parse::<jiff::Timestamp>().is_ok();
    [NOTHING, "NONE"].contains(&value)
        || ["<text>", "Tool:", "Person:", "Organization:"].iter().any(|start| value.starts_with(start))
        || time()
}

/// Writes a document.
pub(super) fn write(document: &Document) -> String {
    let mut tags = Tags(String::new());
    tags.tag("SPDXVersion", &document.spdx_version);
    tags.tag("DataLicense", &document.data_license);
    tags.tag("SPDXID", &document.id);
    tags.name("DocumentName", &document.name);
    tags.tag("DocumentNamespace", &document.document_namespace);
    for creator in &document.creation_info.creators {
        tags.tag("Creator", creator);
    }
    tags.tag("Created", &document.creation_info.created);
    for annotation in &document.annotations {
        tags.annotation(&document.id, annotation);
    }
    for package in &document.packages {
        tags.package(package);
        for annotation in &package.annotations {
            tags.annotation(&package.id, annotation);
        }
    }
    for license in &document.has_extracted_licensing_infos {
        tags.0.push('\n');
        tags.tag("LicenseID", &license.license_id);
        tags.text("ExtractedText", &license.extracted_text);
        if let Some(name) = &license.name {
            tags.tag("LicenseName", name);
        }
    }
    tags.0.push('\n');
    for relationship in &document.relationships {
        let (from, to) = (&relationship.spdx_element_id, &relationship.related_spdx_element);
        tags.tag("Relationship", &format!("{from} {} {to}", relationship.relationship_type));
    }
    tags.0
}
