//! The tag-value form of SPDX 2.2 and 2.3 (specification, clause 4.4), turned into the same values as the JSON form.
//!
//! A line is a tag, a colon and a value; `<text>` may span lines. Files and snippets are passed over: they hold no
//! packages.

use std::collections::HashMap;

use super::spdx::{
    self, Annotation, Checksum, Document, ExternalRef, ExtractedLicense, Relationship, SpdxPackage,
};
use super::tag_value_writer::is_special;
use super::{Error, SbomDocument};

/// What the lines belong to: the last thing that began.
#[derive(PartialEq, Eq)]
enum Section {
    Document,
    Package,
    License,
    Annotation,
    /// Files, snippets, reviews.
    Other,
}

fn broken(detail: String) -> Error {
    Error::Broken { form: "SPDX tag-value", detail }
}

/// Reads the tag-value form.
pub(super) fn read(text: &str) -> Result<SbomDocument, Error> {
    let mut document = Document::default();
    let mut section = Section::Document;
    // What each annotation is about, in their order.
    let mut about: Vec<String> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((tag, value)) = line.split_once(':') else {
            return Err(broken(format!("line {} has no tag", index + 1)));
        };
        let (tag, value) = (tag.trim(), value.trim());
        if matches!(tag, "PackageName" | "PackageVersion" | "DocumentName")
            && let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))
            && is_special(inner)
        {
            // So we write what the form would take for something else.
            match tag {
                "PackageName" => {
                    document.packages.push(SpdxPackage { name: inner.to_owned(), ..SpdxPackage::default() });
                    section = Section::Package;
                }
                "PackageVersion" => {
                    if let Some(package) = document.packages.last_mut() {
                        package.version_info = Some(inner.to_owned());
                    }
                }
                _ => inner.clone_into(&mut document.name),
            }
            continue;
        }
        let value = match value.strip_prefix("<text>") {
            None => value.to_owned(),
            Some(first) => {
                let mut all = String::new();
                let mut rest = first;
                loop {
                    if let Some((last, _)) = rest.split_once("</text>") {
                        all.push_str(last);
                        break all;
                    }
                    all.push_str(rest);
                    all.push('\n');
                    match lines.next() {
                        Some((_, next)) => rest = next,
                        None => return Err(broken(format!("the text of line {} does not end", index + 1))),
                    }
                }
            }
        };
        match tag {
            "SPDXVersion" => document.spdx_version = value,
            "DataLicense" => document.data_license = value,
            "DocumentName" => document.name = value,
            "DocumentNamespace" => document.document_namespace = value,
            "Creator" => document.creation_info.creators.push(value),
            "Created" => document.creation_info.created = value,
            "PackageName" => {
                document.packages.push(SpdxPackage { name: value, ..SpdxPackage::default() });
                section = Section::Package;
            }
            "LicenseID" => {
                document
                    .has_extracted_licensing_infos
                    .push(ExtractedLicense { license_id: value, ..ExtractedLicense::default() });
                section = Section::License;
            }
            "Annotator" => {
                document.annotations.push(Annotation { annotator: value, ..Annotation::default() });
                about.push(String::new());
                section = Section::Annotation;
            }
            "FileName" | "SnippetSPDXID" | "SnippetSPDXIdentifier" | "Reviewer" => section = Section::Other,
            "Relationship" => {
                // ELEMENT KIND ELEMENT
                let mut words = value.split_whitespace();
                if let (Some(from), Some(kind), Some(to)) = (words.next(), words.next(), words.next()) {
                    document.relationships.push(Relationship {
                        spdx_element_id: from.to_owned(),
                        relationship_type: kind.to_owned(),
                        related_spdx_element: to.to_owned(),
                    });
                } else {
                    return Err(broken(format!("line {} is no relationship", index + 1)));
                }
            }
            "SPDXID" if section == Section::Document => document.id = value,
            _ => match section {
                Section::Package => {
                    if let Some(package) = document.packages.last_mut() {
                        package_tag(package, tag, value, index + 1)?;
                    }
                }
                Section::License => {
                    if let Some(license) = document.has_extracted_licensing_infos.last_mut() {
                        match tag {
                            "ExtractedText" => license.extracted_text = value,
                            "LicenseName" => license.name = Some(value),
                            _ => {}
                        }
                    }
                }
                Section::Annotation => {
                    if let Some(annotation) = document.annotations.last_mut() {
                        match tag {
                            "AnnotationDate" => annotation.annotation_date = value,
                            "AnnotationType" => annotation.annotation_type = value,
                            "AnnotationComment" => annotation.comment = value,
                            "SPDXREF" => {
                                if let Some(last) = about.last_mut() {
                                    *last = value;
                                }
                            }
                            _ => {}
                        }
                    }
                }
                Section::Document | Section::Other => {}
            },
        }
    }
    // Annotations of packages stand with their package, as in the JSON form.
    let packages: HashMap<String, usize> =
        document.packages.iter().enumerate().map(|(index, package)| (package.id.clone(), index)).collect();
    for (annotation, about) in std::mem::take(&mut document.annotations).into_iter().zip(about) {
        match packages.get(&about) {
            Some(index) => document.packages[*index].annotations.push(annotation),
            None => document.annotations.push(annotation),
        }
    }
    spdx::understand(document, "tag-value")
}

fn package_tag(package: &mut SpdxPackage, tag: &str, value: String, line: usize) -> Result<(), Error> {
    match tag {
        "SPDXID" => package.id = value,
        "PackageVersion" => package.version_info = Some(value),
        "PackageSourceInfo" => package.source_info = Some(value),
        "PackageLicenseDeclared" => package.license_declared = Some(value),
        "PrimaryPackagePurpose" => package.primary_package_purpose = Some(value),
        "PackageAttributionText" => package.attribution_texts.push(value),
        "PackageChecksum" => match value.split_once(':') {
            Some((algorithm, digits)) => package.checksums.push(Checksum {
                algorithm: algorithm.trim().to_owned(),
                checksum_value: digits.trim().to_owned(),
            }),
            None => return Err(broken(format!("line {line} is no checksum"))),
        },
        "ExternalRef" => {
            let mut words = value.split_whitespace();
            match (words.next(), words.next(), words.next()) {
                (Some(category), Some(kind), Some(locator)) => package.external_refs.push(ExternalRef {
                    reference_category: category.to_owned(),
                    reference_type: kind.to_owned(),
                    reference_locator: locator.to_owned(),
                }),
                _ => return Err(broken(format!("line {line} is no external reference"))),
            }
        }
        _ => {}
    }
    Ok(())
}
