//! A piece of evidence as it was found, before anything of it is believed.

use std::collections::BTreeMap;

use plimsoll_model::Digest;

/// How evidence is attached to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layout {
    /// The tag `sha256-<digest>.sig` (cosign 1 and 2).
    SignatureTag,
    /// The tag `sha256-<digest>.att`.
    AttestationTag,
    /// The tag `sha256-<digest>.sbom` (`cosign attach sbom`).
    SbomTag,
    /// A referrer (OCI 1.1), from the API or from the tag that stands for it.
    Referrer,
    /// A manifest of the image's own index (BuildKit's `attestation-manifest`).
    Index,
    /// A file beside the image.
    File,
}

impl Layout {
    /// For people and documents.
    pub fn name(self) -> &'static str {
        match self {
            Layout::SignatureTag => "tag .sig",
            Layout::AttestationTag => "tag .att",
            Layout::SbomTag => "tag .sbom",
            Layout::Referrer => "referrer",
            Layout::Index => "index",
            Layout::File => "file",
        }
    }
}

/// What the bytes of a piece of evidence are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// A payload of simple signing, the signature beside it in annotations (cosign 1 and 2).
    SimpleSigning,
    /// A DSSE envelope, certificate and log entry beside it in annotations (cosign 1 and 2).
    Dsse,
    /// A sigstore bundle, v0.1 to v0.3.
    Bundle,
    /// A Notation signature (JWS).
    NotationJws,
    /// A Notation signature (COSE).
    NotationCose,
    /// An in-toto statement that nobody signed (BuildKit).
    Statement,
    /// An SBOM that nobody signed.
    Sbom,
    /// A VEX document that nobody signed.
    Vex,
    /// Something else, by its media type.
    Other(String),
}

impl Format {
    /// The format of a layer by its media type.
    pub(crate) fn of(media_type: &str) -> Self {
        match media_type {
            "application/vnd.dev.cosign.simplesigning.v1+json" => Format::SimpleSigning,
            "application/vnd.dsse.envelope.v1+json" => Format::Dsse,
            "application/vnd.in-toto+json" => Format::Statement,
            "application/jose+json" => Format::NotationJws,
            "application/cose" => Format::NotationCose,
            "text/spdx"
            | "text/spdx+json"
            | "application/spdx+json"
            | "text/spdx+xml"
            | "application/vnd.cyclonedx"
            | "application/vnd.cyclonedx+json"
            | "application/vnd.cyclonedx+xml"
            | "application/vnd.syft+json" => Format::Sbom,
            text if text.starts_with("application/vnd.dev.sigstore.bundle") => Format::Bundle,
            text if is_vex(text) => Format::Vex,
            text => Format::Other(text.to_owned()),
        }
    }

    /// For people and documents.
    pub fn name(&self) -> &str {
        match self {
            Format::SimpleSigning => "simple signing",
            Format::Dsse => "DSSE",
            Format::Bundle => "sigstore bundle",
            Format::NotationJws => "Notation (JWS)",
            Format::NotationCose => "Notation (COSE)",
            Format::Statement => "in-toto statement without signature",
            Format::Sbom => "SBOM without signature",
            Format::Vex => "VEX document without signature",
            Format::Other(media_type) => media_type,
        }
    }
}

/// Is it the type of a VEX document? No registry of types has one for OpenVEX or CSAF, so that everybody uses their own:
/// `application/openvex+json`, `application/vnd.openvex+json`, `application/vnd.oasis.csaf.v2+json`, `application/csaf+json`.
pub(crate) fn is_vex(media_type: &str) -> bool {
    let subtype = media_type.strip_prefix("application/").unwrap_or_default();
    subtype.split(['.', '+', '-', ';']).any(|word| matches!(word, "openvex" | "csaf" | "vex"))
}

/// Where evidence was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The repository, or the path of a file.
    pub repository: String,
    /// How it is attached.
    pub layout: Layout,
    /// The manifest that holds it.
    pub manifest: Option<Digest>,
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Where it was found.
    pub place: Place,
    /// The image manifest or index that it is said to be about.
    pub subject: Digest,
    /// What its bytes are.
    pub format: Format,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Annotations of the layer that held it.
    pub annotations: BTreeMap<String, String>,
}
