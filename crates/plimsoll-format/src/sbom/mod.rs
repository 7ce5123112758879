//! Software bills of materials: reading inventories back, whoever wrote them.
//!
//! [`read`] tells CycloneDX (JSON, XML), SPDX (JSON, tag-value), Syft's JSON and lists of package URLs apart, takes them out
//! of attestations, and returns an inventory with everything that matching needs. What we write comes back the same: facts that the standards have no place for travel as `plimsoll:...`
//! properties, which `docs/schema/sbom-properties.md` lists. What other tools put in their own properties is
//! understood too. Documents are input from outside: their size and depth are bounded, nothing is trusted.

pub(crate) mod cyclonedx;
mod facts;
mod foreign;
mod list;
pub(crate) mod spdx;
pub(crate) mod spdx3;
pub(crate) mod syft;
mod tag_value;
mod tag_value_writer;
mod wrapped;
mod xml;
mod xml_writer;

use plimsoll_model::{Inventory, Target};
use sha2::{Digest as _, Sha256};

/// The largest document that is read, in bytes: a hundred times a large image's.
pub const LARGEST: usize = 256 << 20;

/// What a document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SbomDocument {
    /// Its form, for people: `CycloneDX 1.6 (JSON)`.
    pub form: String,
    /// Packages, distribution, and what could not be read. Packages without a package URL have an empty one.
    pub inventory: Inventory,
    /// What the document describes: as we wrote it, or as far as another tool's document tells. Its `release` is the
    /// inventory's.
    pub target: Target,
}

/// Why a document cannot be read at all. Faults that concern single packages are problems of the inventory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is none of the forms that are read.
    #[error(
        "this is no SBOM that plimsoll reads: {found}; expected CycloneDX (JSON or XML), SPDX (JSON or tag-value), Syft JSON or package URLs"
    )]
    NotAnSbom {
        /// What it looks like instead.
        found: &'static str,
    },
    /// A form that is known but not read.
    #[error(
        "{form} is not supported: expected CycloneDX 1.2 to 1.7 (JSON or XML) or SPDX 2.2 or 2.3 (JSON or tag-value)"
    )]
    Unsupported {
        /// The form: `SPDX 3.0 (JSON-LD)`.
        form: String,
    },
    /// It breaks its own form.
    #[error("the {form} document is broken: {detail}")]
    Broken {
        /// The form.
        form: &'static str,
        /// What is wrong, and where.
        detail: String,
    },
    /// It is larger than [`LARGEST`], or has more parts than any document needs.
    #[error("the document is too large: {0}")]
    TooLarge(&'static str),
}

/// The few members that tell JSON documents apart.
#[derive(serde::Deserialize)]
struct Probe {
    #[serde(rename = "bomFormat")]
    bom_format: Option<serde_json::Value>,
    #[serde(rename = "spdxVersion")]
    spdx_version: Option<serde_json::Value>,
    #[serde(rename = "specVersion")]
    spec_version: Option<serde_json::Value>,
    #[serde(rename = "@graph")]
    graph: Option<serde::de::IgnoredAny>,
    #[serde(rename = "predicateType")]
    predicate: Option<serde::de::IgnoredAny>,
    #[serde(rename = "payloadType")]
    envelope: Option<serde::de::IgnoredAny>,
    #[serde(rename = "dsseEnvelope")]
    bundle: Option<serde::de::IgnoredAny>,
    #[serde(rename = "artifactRelationships")]
    relationships: Option<serde::de::IgnoredAny>,
    artifacts: Option<serde::de::IgnoredAny>,
    #[serde(rename = "Results")]
    trivy: Option<serde::de::IgnoredAny>,
}

/// Reads an SBOM.
///
/// CycloneDX 1.2 - 1.7 as JSON or XML; SPDX 2.2 and 2.3 as JSON or tag-value; of SPDX 3.0 (JSON-LD) the packages; Syft's own
/// JSON; package URLs, one on a line; and all of them within in-toto statements, DSSE envelopes and Sigstore bundles.
pub fn read(bytes: &[u8]) -> Result<SbomDocument, Error> {
    if bytes.len() > LARGEST {
        return Err(Error::TooLarge("more than 256 MiB"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(Error::NotAnSbom { found: "it is not UTF-8 text" });
    };
    read_text(text, true)
}

/// Reads a text; attestations only where `wrapped` allows them, so that none holds another one.
fn read_text(text: &str, wrapped: bool) -> Result<SbomDocument, Error> {
    match text.trim_start().as_bytes().first() {
        None => Err(Error::NotAnSbom { found: "it is empty" }),
        Some(b'{') => read_json(text, wrapped),
        Some(b'<') => xml::read(text),
        Some(_) => {
            let mut lines =
                text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            match lines.next() {
                Some(line) if line.starts_with("SPDXVersion:") => tag_value::read(text),
                Some(line) if line.starts_with("pkg:") => Ok(list::read(text)),
                Some(line) if line.starts_with("spec_version:") => {
                    Err(Error::Unsupported { form: "CycloneDX (protocol buffer text)".into() })
                }
                Some(line) if line.starts_with("SPDXID:") || line.starts_with("spdxVersion:") => {
                    Err(Error::Unsupported { form: "SPDX (YAML)".into() })
                }
                _ => Err(Error::NotAnSbom {
                    found: "it is neither JSON, XML, tag-value nor a list of package URLs",
                }),
            }
        }
    }
}

fn read_json(text: &str, wrapped: bool) -> Result<SbomDocument, Error> {
    let probe: Probe = serde_json::from_str(text)
        .map_err(|error| Error::Broken { form: "JSON", detail: error.to_string() })?;
    match probe {
        Probe { bom_format: Some(_), .. } => cyclonedx::read(text),
        Probe { spdx_version: Some(_), .. } => spdx::read(text),
        Probe { graph: Some(_), .. } => spdx3::read(text),
        Probe { predicate: Some(_), .. }
        | Probe { envelope: Some(_), .. }
        | Probe { bundle: Some(_), .. } => {
            if !wrapped {
                return Err(Error::Unsupported { form: "an attestation within another one".into() });
            }
            wrapped::read(text, |inner| read_text(inner, false))
        }
        Probe { relationships: Some(_), artifacts: Some(_), .. } => syft::read(text),
        Probe { trivy: Some(_), .. } => Err(Error::Unsupported { form: "Trivy's own JSON".into() }),
        Probe { spec_version: Some(_), .. } => Err(Error::NotAnSbom { found: "`bomFormat` is missing" }),
        _ => Err(Error::NotAnSbom { found: "it is another JSON document" }),
    }
}

/// A UUID made of content (RFC 9562, version 8), so that the same document always has the same one.
pub(crate) fn uuid(content: &str) -> String {
    let mut bytes: [u8; 16] =
        Sha256::digest(content.as_bytes())[..16].try_into().expect("SHA-256 has 32 bytes");
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = crate::text::hex(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Reads arbitrary bytes: for fuzzing. Whatever comes, nothing panics.
pub fn fuzz(bytes: &[u8]) {
    if let Ok(document) = read(bytes) {
        // What was read can be written and read again.
        let report = plimsoll_model::Report {
            schema_version: plimsoll_model::report::SCHEMA_VERSION.into(),
            plimsoll: "0.0.0".into(),
            target: document.target,
            database: plimsoll_model::DatabaseInfo {
                coverage: plimsoll_model::Coverage::None,
                date: String::new(),
                digest: None,
                sources: Vec::new(),
            },
            verdict: plimsoll_model::Verdict {
                outcome: plimsoll_model::Outcome::Unknown,
                line: String::new(),
                reasons: Vec::new(),
                inputs_missing: Vec::new(),
            },
            packages: document.inventory.packages,
            findings: Vec::new(),
            changes: Vec::new(),
            vex: Vec::new(),
            framework: None,
            since: None,
            problems: document.inventory.problems,
        };
        for row in crate::FORMATS.iter().filter(|row| row.sbom) {
            let view = crate::View::default();
            let text = crate::write(&report, row.format, &view).expect("what was read can be written");
            read(text.as_bytes()).expect("what was written can be read");
        }
    }
}
