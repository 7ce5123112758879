//! Everything that is said of an image, wherever its registry keeps it.

use std::collections::BTreeMap;

use plimsoll_model::Digest;
use plimsoll_oci::{Error, Manifest, Repository};
use serde::Deserialize;

use crate::evidence::{Evidence, Format, Layout, Place};
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
}

/// Reads everything in `repository` that refers to `digest`: what the referrers API or its tag lists, and the tags
/// `.sig`, `.att` and `.sbom`. A registry that cannot be asked is a problem in the outcome; that there is nothing is none.
pub fn discover(repository: &Repository, name: &str, digest: &Digest) -> Discovery {
    let mut discovery = Discovery::default();
    match repository.referrers(digest) {
        Ok(referrers) => {
            if referrers.len() > MOST_REFERRERS {
                discovery.problems.push(format!(
                    "only the first {MOST_REFERRERS} of {} referrers were read",
                    referrers.len()
                ));
            }
            for referrer in referrers.into_iter().take(MOST_REFERRERS) {
                let wanted = wanted(&referrer.artifact_type);
                if wanted {
                    discovery.manifest(
                        repository,
                        name,
                        digest,
                        &referrer.digest.to_string(),
                        Layout::Referrer,
                    );
                }
            }
        }
        Err(error) => discovery.problems.push(format!("the referrers could not be listed: {error}")),
    }
    let stem = format!("{}-{}", digest.algorithm().name(), digest.hex());
    for (ending, layout) in
        [("sig", Layout::SignatureTag), ("att", Layout::AttestationTag), ("sbom", Layout::SbomTag)]
    {
        discovery.manifest(repository, name, digest, &format!("{stem}.{ending}"), layout);
    }
    discovery
}

/// Artifact types that cannot hold evidence are not fetched: images may have referrers of any kind and size.
fn wanted(artifact_type: &str) -> bool {
    artifact_type.is_empty()
        || [
            "application/vnd.dev.sigstore.bundle",
            "application/vnd.dev.cosign.",
            "application/vnd.oci.empty",
            "application/vnd.cncf.notary.signature",
            "application/vnd.in-toto+json",
            "application/vnd.dsse",
            "application/spdx",
            "text/spdx",
            "application/vnd.cyclonedx",
            "application/vnd.syft",
        ]
        .iter()
        .any(|start| artifact_type.starts_with(start))
}

/// What BuildKit says in an image's own index: manifests without a platform, each about another manifest of the index
/// (buildkit `docs/attestations/attestation-storage.md`). Nobody signed it. Provenance is read; of others, such as SBOMs of
/// many megabytes, only the kind.
pub fn discover_within(repository: &Repository, name: &str, manifest: &Manifest) -> Discovery {
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
        (kind == "attestation-manifest").then(|| about.clone())
    };
    let entries = index.manifests.iter().filter_map(|entry| Some((entry, about(entry)?)));
    for (number, (entry, about)) in entries.enumerate() {
        if number == MOST_PLATFORMS {
            discovery.problems.push(format!("only the attestations of {MOST_PLATFORMS} platforms were read"));
            break;
        }
        let selector = entry.digest.to_string();
        let found = discovery.evidence.len();
        discovery.manifest(repository, name, &manifest.digest, &selector, Layout::Index);
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
            let format = Format::of(&layer.media_type);
            // Something unknown is named, not fetched.
            let bytes = match format {
                Format::Other(_) => Ok(Vec::new()),
                Format::Statement if layout == Layout::Index && !is_provenance(&layer.annotations) => {
                    Ok(Vec::new())
                }
                _ => repository.blob(&layer.digest, statement::LARGEST),
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
