//! Storing artifacts in a registry (OCI distribution-spec 1.1, "Push"), and reading them: blobs, manifests, and what refers
//! to an image.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

use plimsoll_http::{Method, Request};
use plimsoll_model::{Algorithm, Digest};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};

use crate::Error;
use crate::error::plain;
use crate::registry::{Endpoint, INDEX, MANIFEST, Repository};
use crate::store::digest_of;

/// Media type of a configuration that says nothing (image-spec 1.1, "Guidance for an Empty Descriptor").
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Bundles of sigstore are small and always asked for: the manifest holds them beside the blob (image-spec 1.1, descriptor.md,
/// "Embedded Content"), so that whoever reads the manifest need not ask again. Others take the blob.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
/// Most bytes that a manifest holds of one.
const MOST_EMBEDDED: usize = 16 << 10;

/// A blob or manifest as others refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl Descriptor {
    /// Describes these bytes, by SHA-256.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        let digest = digest_of(Algorithm::Sha256, bytes).expect("SHA-256 is always there");
        Descriptor { media_type: media_type.to_owned(), digest, size: bytes.len() as u64 }
    }

    fn json(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest.to_string(), "size": self.size })
    }
}

/// A layer of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub media_type: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// Something that is no image: a signature, an attestation, a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// What it is.
    pub artifact_type: String,
    /// Its content.
    pub parts: Vec<Part>,
    /// Annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
    /// The image that it refers to.
    pub subject: Option<Descriptor>,
}

/// A layer of an artifact that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPart {
    /// Where and what it is.
    pub descriptor: Descriptor,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// An artifact as its manifest tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredArtifact {
    /// Digest of its manifest.
    pub digest: Digest,
    /// What it is; empty for an image.
    pub artifact_type: String,
    /// Annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
    /// Its layers.
    pub parts: Vec<StoredPart>,
}

impl Repository {
    /// What is stored under a tag or digest, its layers unread.
    pub fn artifact(&self, selector: &str) -> Result<StoredArtifact, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Document {
            #[serde(default)]
            artifact_type: String,
            #[serde(default)]
            annotations: BTreeMap<String, String>,
            #[serde(default)]
            layers: Vec<Layer>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Layer {
            media_type: String,
            digest: Digest,
            size: u64,
            #[serde(default)]
            annotations: BTreeMap<String, String>,
        }
        let manifest = self.manifest(selector)?;
        let document: Document = serde_json::from_slice(&manifest.bytes).map_err(|source| Error::Json {
            place: self.0.name().to_string(),
            thing: format!("the manifest `{}`", plain(selector)),
            source,
        })?;
        let part = |Layer { media_type, digest, size, annotations }| StoredPart {
            descriptor: Descriptor { media_type, digest, size },
            annotations,
        };
        Ok(StoredArtifact {
            digest: manifest.digest,
            artifact_type: document.artifact_type,
            annotations: document.annotations,
            parts: document.layers.into_iter().map(part).collect(),
        })
    }

    /// A reader of a blob, which goes on after a cut. A content that is not what the digest promises is an error at its
    /// end: nothing of it is to be used before.
    pub fn open_blob(&self, blob: &Descriptor) -> Result<impl Read + Send + use<>, Error> {
        let thing = format!("the blob `{}`", blob.digest);
        let inner = self.0.open(&blob.digest, blob.size).map_err(|error| self.0.network(error, &thing))?;
        let hasher = Hasher::new(blob.digest.algorithm());
        let hasher = hasher.ok_or_else(|| Error::Invalid {
            place: self.0.name().to_string(),
            thing,
            detail: format!("{} proves nothing", blob.digest.algorithm().name()),
        })?;
        Ok(Checked { inner, hasher: Some(hasher), expected: blob.digest.clone() })
    }

    /// Stores a blob, unless it is there.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Descriptor::of("", bytes).digest;
        self.0.put_blob(&digest, bytes)?;
        Ok(digest)
    }

    /// Stores a manifest under a tag, or under its own digest when none is given. Its blobs must be there.
    pub fn put_manifest(
        &self,
        tag: Option<&str>,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Descriptor, Error> {
        let descriptor = Descriptor::of(media_type, bytes);
        let selector = tag.map_or_else(|| descriptor.digest.to_string(), str::to_owned);
        self.0.put_manifest(&selector, media_type, bytes)?;
        Ok(descriptor)
    }

    /// Stores an artifact with everything that belongs to it, its manifest last: whoever finds it finds all of it. One that
    /// refers to an image is listed among its referrers, by the registry or, where it does not know of referrers, in the
    /// tag that stands for the list.
    ///
    /// That list has no lock (distribution-spec 1.1, "Pushing Manifests with Subject"): two writers at the same moment may
    /// lose one entry of the list, never the artifact.
    pub fn put_artifact(&self, tag: Option<&str>, artifact: &Artifact) -> Result<Descriptor, Error> {
        self.0.put_blob(&Descriptor::of(EMPTY, b"{}").digest, b"{}")?;
        let mut layers = Vec::new();
        for part in &artifact.parts {
            let descriptor = Descriptor::of(&part.media_type, &part.bytes);
            self.0.put_blob(&descriptor.digest, &part.bytes)?;
            let mut layer = descriptor.json();
            if !part.annotations.is_empty() {
                layer["annotations"] = json!(part.annotations);
            }
            if part.media_type.starts_with(BUNDLE) && part.bytes.len() <= MOST_EMBEDDED {
                use base64::Engine as _;
                layer["data"] = base64::engine::general_purpose::STANDARD.encode(&part.bytes).into();
            }
            layers.push(layer);
        }
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": artifact.artifact_type,
            "config": Descriptor::of(EMPTY, b"{}").json(),
            "layers": layers,
        });
        if let Some(subject) = &artifact.subject {
            manifest["subject"] = subject.json();
        }
        if !artifact.annotations.is_empty() {
            manifest["annotations"] = json!(artifact.annotations);
        }
        let bytes = manifest.to_string().into_bytes();
        let descriptor = Descriptor::of(MANIFEST, &bytes);
        let selector = tag.map_or_else(|| descriptor.digest.to_string(), str::to_owned);
        let knows_referrers = self.0.put_manifest(&selector, MANIFEST, &bytes)?;
        if let Some(subject) = &artifact.subject
            && !knows_referrers
        {
            let mut entry = descriptor.json();
            entry["artifactType"] = json!(artifact.artifact_type);
            if !artifact.annotations.is_empty() {
                entry["annotations"] = json!(artifact.annotations);
            }
            self.list_as_referrer(&subject.digest, &descriptor.digest, entry)?;
        }
        Ok(descriptor)
    }

    fn list_as_referrer(&self, subject: &Digest, digest: &Digest, entry: Value) -> Result<(), Error> {
        let tag = crate::registry::referrers_tag(subject);
        let mut index: Value = match self.manifest(&tag) {
            Ok(manifest) => serde_json::from_slice(&manifest.bytes).map_err(|source| Error::Json {
                place: self.0.name().to_string(),
                thing: "the list of referrers".into(),
                source,
            })?,
            Err(Error::NoImage { .. }) => json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] }),
            Err(error) => return Err(error),
        };
        let Some(manifests) = index.get_mut("manifests").and_then(Value::as_array_mut) else {
            return Err(Error::Invalid {
                place: self.0.name().to_string(),
                thing: "the list of referrers".into(),
                detail: "it has no `manifests`".into(),
            });
        };
        if manifests.iter().any(|known| known["digest"] == json!(digest.to_string())) {
            return Ok(());
        }
        manifests.push(entry);
        self.0.put_manifest(&tag, INDEX, index.to_string().as_bytes()).map(drop)
    }
}

/// Digests what passes.
enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    /// `None` for algorithms that prove nothing.
    fn new(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::Sha1 => None,
            Algorithm::Sha256 => Some(Hasher::Sha256(Sha256::new())),
            Algorithm::Sha512 => Some(Hasher::Sha512(Sha512::new())),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Option<Digest> {
        match self {
            Hasher::Sha256(hasher) => Digest::from_bytes(Algorithm::Sha256, hasher.finalize().as_slice()),
            Hasher::Sha512(hasher) => Digest::from_bytes(Algorithm::Sha512, hasher.finalize().as_slice()),
        }
    }
}

/// A blob that is checked at its end.
struct Checked<R> {
    inner: R,
    /// Gone when the end was reached.
    hasher: Option<Hasher>,
    expected: Digest,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if count > 0 {
            if let Some(hasher) = &mut self.hasher {
                hasher.update(&buffer[..count]);
            }
        } else if !buffer.is_empty()
            && let Some(hasher) = self.hasher.take()
            && hasher.finish().as_ref() != Some(&self.expected)
        {
            let detail = format!("the content is not that of {}: it was altered or damaged", self.expected);
            return Err(io::Error::new(io::ErrorKind::InvalidData, detail));
        }
        Ok(count)
    }
}

impl Endpoint {
    fn put_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), Error> {
        let thing = format!("the blob `{digest}`");
        let network = |error| self.network(error, &thing);
        let base = self.base().map_err(network)?;
        let address = |rest: &str| base.join(&format!("{}/{rest}", self.path())).map_err(network);
        let known = self
            .send_as(&base, &Request::new(Method::Head, address(&format!("blobs/{digest}"))?))
            .map_err(network)?;
        if known.status() == 200 {
            return Ok(());
        }
        // An upload that was begun twice is only left lying; registries remove such ones.
        let begin = Request::new(Method::Post, address("blobs/uploads/")?).body(Vec::new()).repeatable(true);
        let begun = self.send_as(&base, &begin).map_err(network)?;
        if begun.status() != 202 {
            return Err(self.refusal(begun, &thing));
        }
        let invalid = |detail: &str| Error::Invalid {
            place: self.name().to_string(),
            thing: thing.clone(),
            detail: detail.to_owned(),
        };
        let location =
            begun.header("location").ok_or_else(|| invalid("the registry names no place to store it"))?;
        let place = begun.url().join(location).map_err(network)?;
        if base.is_https() && !place.is_https() {
            return Err(invalid("the registry wants it stored without TLS"));
        }
        let put = Request::new(Method::Put, place.with_query(&[("digest", &digest.to_string())]))
            .header("content-type", "application/octet-stream")
            .body(Arc::<[u8]>::from(bytes));
        // Credentials are for the registry, not for whatever host stores its blobs.
        let stored =
            if place.same_origin(&base) { self.send_as(&base, &put) } else { self.client().send(&put) };
        let stored = stored.map_err(network)?;
        if stored.status() != 201 {
            return Err(self.refusal(stored, &thing));
        }
        Ok(())
    }

    /// Whether the registry has understood that it refers to something (`OCI-Subject`).
    fn put_manifest(&self, selector: &str, media_type: &str, bytes: &[u8]) -> Result<bool, Error> {
        let thing = format!("the manifest `{}`", plain(selector));
        let network = |error| self.network(error, &thing);
        let base = self.base().map_err(network)?;
        let url = base.join(&format!("{}/manifests/{selector}", self.path())).map_err(network)?;
        let put =
            Request::new(Method::Put, url).header("content-type", media_type).body(Arc::<[u8]>::from(bytes));
        let stored = self.send_as(&base, &put).map_err(network)?;
        if !matches!(stored.status(), 201 | 202) {
            return Err(self.refusal(stored, &thing));
        }
        Ok(stored.header("oci-subject").is_some())
    }
}
