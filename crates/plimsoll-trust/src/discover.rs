//! Everything that is said of an image, wherever its registry keeps it.

use std::collections::BTreeMap;

use plimsoll_model::Digest;
use plimsoll_oci::{Error, Manifest, Repository};
use serde::Deserialize;

use crate::evidence::{Evidence, Format, Layout, Place, is_vex};
use crate::statement;

/// Most pieces of evidence that are read for one image.
const MOST: usize = 1_000;
/// Most referrers that are looked at for one image.
const MOST_REFERRERS: usize = 1_000;

/// Annotation of a manifest in an index: the manifest that it is about.
pub(crate) const ABOUT: &str = "vnd.docker.reference.digest";
/// Annotation of a layer that holds a statement: the kind of its predicate.
pub(crate) const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";

fn is_provenance(annotations: &BTreeMap<String, String>) -> bool {
    annotations.get(PREDICATE_TYPE).is_none_or(|kind| kind.starts_with("https://slsa.dev/provenance/"))
}
/// Most bytes of documents of one kind, and of attestations that may hold one, for one image.
const MOST_BYTES: u64 = 256 << 20;

/// What was found, and what stood in the way.
#[derive(Debug, Default)]
pub struct Discovery {
    /// The evidence, in the order of referrers, `.sig`, `.att`, `.sbom`, within each as the registry lists it.
    pub evidence: Vec<Evidence>,
    /// What could not be read, in words for people: it may have held what is missing.
    pub problems: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    artifact_type: String,
    #[serde(default)]
    layers: Vec<Layer>,
    #[serde(default)]
    subject: Option<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    digest: Digest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    #[serde(default)]
    media_type: String,
    digest: Digest,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    /// The content itself, in base64 (image-spec 1.1, descriptor.md, "Embedded Content").
    #[serde(default)]
    data: String,
}

impl Layer {
    /// The content, when the manifest holds it: it counts as if it had been fetched, by its digest.
    fn embedded(&self) -> Option<Vec<u8>> {
        use base64::Engine as _;
        use sha2::Digest as _;
        if self.data.is_empty() || self.digest.algorithm() != plimsoll_model::Algorithm::Sha256 {
            return None;
        }
        let bytes = base64::engine::general_purpose::STANDARD.decode(&self.data).ok()?;
        (sha2::Sha256::digest(&bytes).as_slice() == self.digest.bytes()).then_some(bytes)
    }
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Everything that is said of the image.
    Everything,
    /// VEX documents, and attestations that may hold one.
    Vex,
    /// SBOMs, and attestations that may hold one.
    Sbom,
}

/// Reads everything in `repository` that refers to `digest`: what the referrers API or its tag lists, and the tags
/// `.sig`, `.att` and `.sbom`. A registry that cannot be asked is a problem in the outcome; that there is nothing is none.
pub fn discover(repository: &Repository, name: &str, digest: &Digest) -> Discovery {
    look(repository, name, digest, Purpose::Everything)
}

/// As [`discover`], for VEX documents only: what says of itself that it is something else is not fetched, and no more than
/// 256 MiB are.
pub fn discover_vex(repository: &Repository, name: &str, digest: &Digest) -> Discovery {
    look(repository, name, digest, Purpose::Vex)
}

/// As [`discover_vex`], for SBOMs.
pub fn discover_sbom(repository: &Repository, name: &str, digest: &Digest) -> Discovery {
    look(repository, name, digest, Purpose::Sbom)
}

/// The first part of [`discover`]: what the referrers API or its tag lists.
pub fn discover_referrers(repository: &Repository, name: &str, digest: &Digest) -> Discovery {
    let mut discovery = Discovery::default();
    discovery.referrers(repository, name, digest, Purpose::Everything);
    discovery
}

/// The rest of [`discover`]: the tags `.sig`, `.att` and `.sbom`.
pub fn discover_tags(repository: &Repository, name: &str, digest: &Digest) -> Discovery {
    let mut discovery = Discovery::default();
    discovery.tags(repository, name, digest, Purpose::Everything);
    discovery
}

fn look(repository: &Repository, name: &str, digest: &Digest, purpose: Purpose) -> Discovery {
    let mut discovery = Discovery::default();
    discovery.referrers(repository, name, digest, purpose);
    discovery.tags(repository, name, digest, purpose);
    discovery
}

impl Discovery {
    fn referrers(&mut self, repository: &Repository, name: &str, digest: &Digest, purpose: Purpose) {
        match repository.referrers(digest) {
            Ok(referrers) => {
                if referrers.len() > MOST_REFERRERS {
                    self.problems.push(format!(
                        "only the first {MOST_REFERRERS} of {} referrers were read",
                        referrers.len()
                    ));
                }
                for referrer in referrers.into_iter().take(MOST_REFERRERS) {
                    if purpose.wants(&referrer.artifact_type, &referrer.annotations) {
                        self.manifest(
                            repository,
                            name,
                            digest,
                            &referrer.digest.to_string(),
                            Layout::Referrer,
                            purpose,
                        );
                    }
                }
            }
            Err(error) => self.problems.push(format!("the referrers could not be listed: {error}")),
        }
    }

    fn tags(&mut self, repository: &Repository, name: &str, digest: &Digest, purpose: Purpose) {
        let stem = format!("{}-{}", digest.algorithm().name(), digest.hex());
        for (ending, layout) in
            [("sig", Layout::SignatureTag), ("att", Layout::AttestationTag), ("sbom", Layout::SbomTag)]
        {
            let looked_for = match purpose {
                Purpose::Everything => true,
                Purpose::Vex => layout == Layout::AttestationTag,
                Purpose::Sbom => layout != Layout::SignatureTag,
            };
            if looked_for {
                self.manifest(repository, name, digest, &format!("{stem}.{ending}"), layout, purpose);
            }
        }
    }
}

impl Purpose {
    /// Artifact types that cannot hold what is looked for are not fetched: images may have referrers of any kind and size.
    fn wants(self, artifact_type: &str, annotations: &BTreeMap<String, String>) -> bool {
        const ATTESTATIONS: [&str; 5] = [
            "application/vnd.dev.sigstore.bundle",
            "application/vnd.dev.cosign.",
            "application/vnd.oci.empty",
            "application/vnd.in-toto+json",
            "application/vnd.dsse",
        ];
        const OTHERS: [&str; 4] = [
            "application/vnd.cncf.notary.signature",
            "application/spdx",
            "text/spdx",
            "application/vnd.syft",
        ];
        let begins = |starts: &[&str]| starts.iter().any(|start| artifact_type.starts_with(start));
        let known = artifact_type.is_empty()
            || begins(&ATTESTATIONS)
            || artifact_type.starts_with(CYCLONEDX)
            || is_vex(artifact_type);
        match self {
            Purpose::Everything => known || begins(&OTHERS),
            Purpose::Vex => known && may_be(annotations, is_vex_predicate),
            Purpose::Sbom => (known || begins(&OTHERS[1..])) && may_be(annotations, is_sbom_predicate),
        }
    }

    /// Is a layer read? What is not is named, where everything is looked for.
    fn reads(self, format: &Format, layer: &Layer) -> bool {
        match (self, format) {
            (_, Format::Other(_)) => false,
            (Purpose::Everything, _) | (Purpose::Vex, Format::Vex) | (Purpose::Sbom, Format::Sbom) => true,
            (Purpose::Vex, Format::Dsse | Format::Bundle | Format::Statement) => {
                may_be(&layer.annotations, is_vex_predicate)
            }
            (Purpose::Sbom, Format::Dsse | Format::Bundle | Format::Statement) => {
                may_be(&layer.annotations, is_sbom_predicate)
            }
            (Purpose::Vex, Format::Sbom) => {
                layer.media_type.starts_with(CYCLONEDX) && layer.media_type.ends_with("json")
            }
            (Purpose::Vex | Purpose::Sbom, _) => false,
        }
    }
}

const CYCLONEDX: &str = "application/vnd.cyclonedx";

/// Attestations say in annotations what their predicate is: cosign 2 of a layer, cosign 3 of a manifest. Nobody signed
/// that, but whoever lies here only keeps their own document from being read.
fn may_be(annotations: &BTreeMap<String, String>, is_wanted: fn(&str) -> bool) -> bool {
    ["predicateType", "dev.sigstore.bundle.predicateType", "in-toto.io/predicate-type"]
        .iter()
        .filter_map(|name| annotations.get(*name))
        .all(|predicate| is_wanted(predicate))
}

/// Is it the kind of a predicate that is, or may be, a VEX document? CycloneDX has one kind for SBOM and VEX.
pub fn is_vex_predicate(predicate_type: &str) -> bool {
    let predicate_type = predicate_type.to_ascii_lowercase();
    ["openvex", "csaf", "cyclonedx", "/vex"].iter().any(|word| predicate_type.contains(word))
}

/// Is it the kind of a predicate that is an SBOM?
pub fn is_sbom_predicate(predicate_type: &str) -> bool {
    let predicate_type = predicate_type.to_ascii_lowercase();
    ["spdx", "cyclonedx", "syft"].iter().any(|word| predicate_type.contains(word))
}

/// What BuildKit says in an image's own index: manifests without a platform, each about another manifest of the index
/// (buildkit `docs/attestations/attestation-storage.md`). Nobody signed it. Provenance is read; of others, such as SBOMs of
/// many megabytes, only the kind.
pub fn discover_within(repository: &Repository, name: &str, manifest: &Manifest) -> Discovery {
    within(repository, name, manifest, None, Purpose::Everything)
}

/// As [`discover_within`], for VEX documents about one of the index's images only.
pub fn discover_vex_within(
    repository: &Repository,
    name: &str,
    manifest: &Manifest,
    image: &Digest,
) -> Discovery {
    within(repository, name, manifest, Some(image), Purpose::Vex)
}

/// As [`discover_vex_within`], for SBOMs.
pub fn discover_sbom_within(
    repository: &Repository,
    name: &str,
    manifest: &Manifest,
    image: &Digest,
) -> Discovery {
    within(repository, name, manifest, Some(image), Purpose::Sbom)
}

fn within(
    repository: &Repository,
    name: &str,
    manifest: &Manifest,
    image: Option<&Digest>,
    purpose: Purpose,
) -> Discovery {
    /// Most manifests of attestations that are looked at: one for each platform.
    const MOST_PLATFORMS: usize = 64;
    #[derive(Deserialize)]
    struct Index {
        #[serde(default)]
        manifests: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        digest: Digest,
        #[serde(default)]
        annotations: BTreeMap<String, String>,
    }
    let mut discovery = Discovery::default();
    // A manifest of an image is no index, and one that cannot be read is somebody else's to complain of.
    let Ok(index) = serde_json::from_slice::<Index>(&manifest.bytes) else { return discovery };
    let about = |entry: &Entry| {
        let kind = entry.annotations.get("vnd.docker.reference.type")?;
        let about = entry.annotations.get(ABOUT)?;
        let wanted = image.is_none_or(|image| *about == image.to_string());
        (kind == "attestation-manifest" && wanted).then(|| about.clone())
    };
    let entries = index.manifests.iter().filter_map(|entry| Some((entry, about(entry)?)));
    for (number, (entry, about)) in entries.enumerate() {
        if number == MOST_PLATFORMS {
            discovery.problems.push(format!("only the attestations of {MOST_PLATFORMS} platforms were read"));
            break;
        }
        let selector = entry.digest.to_string();
        let found = discovery.evidence.len();
        discovery.manifest(repository, name, &manifest.digest, &selector, Layout::Index, purpose);
        for evidence in &mut discovery.evidence[found..] {
            evidence.annotations.insert(ABOUT.to_owned(), about.clone());
        }
    }
    discovery
}

impl Discovery {
    fn manifest(
        &mut self,
        repository: &Repository,
        name: &str,
        subject: &Digest,
        selector: &str,
        layout: Layout,
        purpose: Purpose,
    ) {
        let manifest = match repository.manifest(selector) {
            Ok(manifest) => manifest,
            Err(Error::NoImage { .. }) if !matches!(layout, Layout::Referrer | Layout::Index) => return,
            Err(error) => return self.problems.push(format!("{selector}: {error}")),
        };
        let document: Document = match serde_json::from_slice(&manifest.bytes) {
            Ok(document) => document,
            Err(error) => return self.problems.push(format!("{selector}: not a manifest: {error}")),
        };
        // A list of referrers is not signed, and neither is a tag's name. What says of itself that it is about another
        // image is taken at its word and never counted for this one.
        if layout == Layout::Referrer && document.subject.is_none_or(|stated| stated.digest != *subject) {
            return self
                .problems
                .push(format!("{selector}: listed as a referrer, but it does not refer to this image"));
        }
        for layer in document.layers {
            if self.evidence.len() >= MOST {
                return self.problems.push(format!("only the first {MOST} pieces of evidence were read"));
            }
            let format = match Format::of(&layer.media_type) {
                // `oras attach --artifact-type application/vnd.openvex+json IMAGE FILE` says it of the whole only.
                Format::Other(_) if is_vex(&document.artifact_type) => Format::Vex,
                format => format,
            };
            let reads = purpose.reads(&format, &layer);
            if !reads && purpose != Purpose::Everything {
                continue;
            }
            // Something unknown is named, not fetched.
            let unread = purpose == Purpose::Everything
                && layout == Layout::Index
                && format == Format::Statement
                && !is_provenance(&layer.annotations);
            let bytes = if !reads || unread {
                Ok(Vec::new())
            } else if purpose != Purpose::Everything {
                let held: usize = self.evidence.iter().map(|evidence| evidence.bytes.len()).sum();
                repository.blob(&layer.digest, MOST_BYTES.saturating_sub(held as u64))
            } else if let Some(bytes) = layer.embedded() {
                Ok(bytes)
            } else {
                repository.blob(&layer.digest, statement::LARGEST)
            };
            match bytes {
                Ok(bytes) => self.evidence.push(Evidence {
                    place: Place {
                        repository: name.to_owned(),
                        layout,
                        manifest: Some(manifest.digest.clone()),
                    },
                    subject: subject.clone(),
                    format,
                    bytes,
                    annotations: layer.annotations,
                }),
                Err(error) => self.problems.push(format!("{selector}: {error}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_vex_is_read_and_nothing_else_is_fetched() {
        let none = BTreeMap::new();
        let of = |predicate: &str| {
            BTreeMap::from([("dev.sigstore.bundle.predicateType".to_owned(), predicate.to_owned())])
        };
        let bundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
        for (artifact_type, annotations, expected) in [
            ("", &none, true),
            ("application/vnd.openvex+json", &none, true),
            ("application/openvex+json", &none, true),
            ("application/vnd.oasis.csaf.v2+json", &none, true),
            ("application/vnd.example.vex.v1+json", &none, true),
            ("application/vnd.cyclonedx+json", &none, true),
            (bundle, &none, true),
            (bundle, &of("https://openvex.dev/ns/v0.2.0"), true),
            (bundle, &of("https://cyclonedx.org/bom"), true),
            (bundle, &of("https://slsa.dev/provenance/v1"), false),
            ("application/spdx+json", &none, false),
            ("application/vnd.example.vexing+json", &none, false),
            ("application/vnd.cncf.notary.signature", &none, false),
            ("image/png", &none, false),
        ] {
            assert_eq!(Purpose::Vex.wants(artifact_type, annotations), expected, "{artifact_type}");
            if expected {
                assert!(Purpose::Everything.wants(artifact_type, annotations), "{artifact_type}");
            }
        }
        for (artifact_type, annotations, expected) in [
            ("", &none, true),
            ("application/spdx+json", &none, true),
            ("text/spdx", &none, true),
            ("application/vnd.syft+json", &none, true),
            ("application/vnd.cyclonedx+json", &none, true),
            (bundle, &none, true),
            (bundle, &of("https://spdx.dev/Document"), true),
            (bundle, &of("https://cyclonedx.org/bom"), true),
            (bundle, &of("https://slsa.dev/provenance/v1"), false),
            (bundle, &of("https://openvex.dev/ns/v0.2.0"), false),
            ("application/vnd.cncf.notary.signature", &none, false),
            ("image/png", &none, false),
        ] {
            assert_eq!(Purpose::Sbom.wants(artifact_type, annotations), expected, "{artifact_type}");
        }
        assert!(Purpose::Everything.wants("application/spdx+json", &none));
        assert!(!Purpose::Everything.wants("image/png", &none));
    }
}
