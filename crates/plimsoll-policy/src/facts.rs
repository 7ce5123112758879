//! What is known of an image and of where it is to run.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::pod_security::Standard;
use plimsoll_model::{Digest, FindingKind, Report};
use serde_json::Value;

use crate::identity::Certificate;

/// A fact, or why it is not known.
#[derive(Clone, Debug, PartialEq)]
pub enum Known<T> {
    /// It is this.
    Seen(T),
    /// It could not be found out, or was not asked for.
    Missing(String),
}

impl<T> Known<T> {
    /// The fact, or the reason.
    pub fn seen(&self) -> Result<&T, &str> {
        match self {
            Known::Seen(value) => Ok(value),
            Known::Missing(reason) => Err(reason),
        }
    }
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Known::Missing("nobody looked".into())
    }
}

/// The name of an image, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageName {
    /// As written.
    pub text: String,
    /// Registry and repository: `ghcr.io/acme/shop`.
    pub repository: String,
    /// The tag, as written.
    pub tag: Option<String>,
    /// The digest, as written: the name is pinned.
    pub digest: Option<Digest>,
}

/// Where an image is to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// Namespace; empty outside of a cluster.
    pub namespace: String,
    /// Labels of the object.
    pub labels: BTreeMap<String, String>,
}

/// How a pod stands to a level of the Pod Security Standards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodSecurity {
    /// What it does that the level forbids.
    pub violations: Vec<String>,
    /// What of it could not be read: it may hide a violation.
    pub unread: Vec<String>,
}

/// Who made a piece of evidence. Verified: evidence that does not verify is no fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Maker {
    /// The holder of the key with this fingerprint (SHA-256 of its SubjectPublicKeyInfo, hexadecimal).
    Key(String),
    /// The holder of a certificate of a trust root.
    Certificate {
        /// What it says.
        certificate: Certificate,
        /// Name of the root.
        root: String,
    },
    /// The holder of a certificate that counts by rules of Notation.
    Notation {
        /// Its subject, as RFC 4514 writes it.
        subject: String,
        /// Fingerprint of its key.
        key: String,
        /// For which signers it counts, by [`crate::NotationSigner::id`].
        signers: Vec<String>,
    },
}

/// What an attestation states.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Kind of its predicate.
    pub predicate_type: String,
    /// The predicate.
    pub predicate: Value,
}

/// A signature or attestation of the image, verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// What it states; `None` for a plain signature.
    pub statement: Option<Statement>,
    /// Who made it.
    pub maker: Maker,
    /// A transparency log knows of it.
    pub logged: bool,
}

/// The configuration of an image: how it is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// User or number, with a group after a colon; empty is root.
    pub user: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// `NAME=value` each.
    pub env: Vec<String>,
    /// What is started.
    pub entrypoint: Vec<String>,
    /// What is started, or the arguments of the entrypoint.
    pub command: Vec<String>,
    /// `8080/tcp`.
    pub ports: Vec<String>,
    /// Folders that become volumes.
    pub volumes: Vec<String>,
    /// `linux/amd64`.
    pub platform: String,
}

/// Everything that is known. Policies say what they need ([`crate::Policies::needs`]), so that nothing else is gathered.
///
/// What is large may be borrowed: admission decides many times on what was gathered once.
#[derive(Clone, Debug, Default)]
pub struct Facts<'a> {
    /// The name.
    pub image: ImageName,
    /// The digest that the name stands for.
    pub digest: Known<Digest>,
    /// When it was built, seconds since 1970.
    pub created: Known<i64>,
    /// Its layers, by the digest of their content, the lowest first.
    pub layers: Known<Cow<'a, [Digest]>>,
    /// Its configuration.
    pub config: Known<Cow<'a, Config>>,
    /// Layers of images that policies name as bases.
    pub bases: Cow<'a, BTreeMap<String, Known<Vec<Digest>>>>,
    /// Signatures and attestations.
    pub evidence: Known<Cow<'a, [Evidence]>>,
    /// Evidence that could not be read or judged: what is missing may be among it.
    pub unread_evidence: Cow<'a, [String]>,
    /// The scan.
    pub report: Known<&'a Report>,
    /// What the scan looked for, beside vulnerabilities.
    pub looked_for: Cow<'a, [FindingKind]>,
    /// Packages were left out of the report: whoever asks for them is told that they are not known.
    pub without_packages: bool,
    /// Other names and titles were left out of its findings.
    pub without_texts: bool,
    /// The only claims of certificates that were kept; `None`: all of them. Others are not known, and not absent.
    pub kept_claims: Option<Cow<'a, BTreeSet<String>>>,
    /// Where it is to run.
    pub workload: Workload,
    /// The object that it is to run in, where there is one.
    pub object: Option<&'a serde_json_borrow::Value<'a>>,
    /// The namespace of that object, as an object.
    pub namespace_object: Option<&'a serde_json_borrow::Value<'a>>,
    /// What the pod that it runs in does against each standard that policies name ([`crate::Policies::standards`]).
    pub pod_security: Cow<'a, BTreeMap<Standard, PodSecurity>>,
}
