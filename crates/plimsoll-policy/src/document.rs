//! Policies, exceptions and revocations as they are written: YAML documents, one or several in a file.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::decision::Mode;
use plimsoll_model::{headline, shortened};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};

use crate::exception::{Exception, Signed, SignedSpec};
use crate::identity::Pattern;
use crate::requirement::{Need, Needs, Requirement, Written};
use crate::revocation::Revocation;

/// The kind of what is signed of an exception: signatures are over it and the text.
pub const SIGNED_EXCEPTION: &str = "application/vnd.plimsoll.exception.v1+yaml";
/// Signed exceptions: their place, what was signed, the signature.
pub type SignedTexts<'p> = Vec<(usize, &'p [u8], &'p [u8])>;
/// Signs bytes, or says why that cannot be done.
pub type Sign<'s> = dyn FnMut(&[u8]) -> Result<Vec<u8>, String> + 's;
/// The form that is read.
const VERSION: &str = "plimsoll.dev/v1";
/// Largest file in bytes.
const LARGEST: usize = 8 * 1024 * 1024;
/// Most documents in one file, and most policies, exceptions and revocations together.
const MOST: usize = 10_000;

/// Why policies cannot be used. None of them is: a policy that is left out by mistake would allow what it forbids.
#[derive(Debug, thiserror::Error)]
#[error("{file}{}: {detail}", .line.map(|line| format!(", line {line}")).unwrap_or_default())]
pub struct LoadError {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: Option<u64>,
    /// What is wrong, and where.
    pub detail: String,
}

/// What becomes of an image of which something is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnMissing {
    /// The answer is *unknown*: refused in admission, exit code 3 in CI.
    #[default]
    Deny,
    /// It passes with a warning.
    Warn,
    /// It passes.
    Allow,
}

/// A length of time: `90d`, `12h`, `2w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration {
    /// In seconds.
    pub seconds: i64,
}

impl Duration {
    /// Reads a number with `m`, `h`, `d` or `w` behind it.
    pub fn parse(text: &str) -> Option<Self> {
        let unit = match text.chars().last()? {
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 7 * 86_400,
            _ => return None,
        };
        let number = text.get(..text.len() - 1)?;
        let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = plain.then(|| number.parse::<i64>().ok()?.checked_mul(unit)).flatten()?;
        Some(Duration { seconds })
    }
}

impl std::fmt::Display for Duration {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.seconds {
            seconds if seconds % 86_400 == 0 => write!(formatter, "{}d", seconds / 86_400),
            seconds if seconds % 3600 == 0 => write!(formatter, "{}h", seconds / 3600),
            seconds => write!(formatter, "{}m", seconds / 60),
        }
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Duration::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is no length of time, as in 90d, 12h or 30m"))
        })
    }
}

impl Serialize for Duration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Which images and objects a policy is about. What is not given fits everything.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Match {
    /// Repositories, as patterns: `ghcr.io/acme/**`.
    #[serde(default)]
    pub(crate) images: Vec<String>,
    #[serde(default)]
    pub(crate) exclude_images: Vec<String>,
    #[serde(default)]
    pub(crate) namespaces: Vec<String>,
    #[serde(default)]
    pub(crate) exclude_namespaces: Vec<String>,
    /// Labels that must be there with these values.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "apiVersion", default)]
    version: String,
    #[serde(default)]
    kind: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<S> {
    #[serde(rename = "apiVersion")]
    _version: String,
    #[serde(rename = "kind")]
    _kind: String,
    metadata: Metadata,
    spec: S,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Metadata {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default, rename = "annotations")]
    _annotations: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PolicySpec {
    #[serde(default)]
    mode: Mode,
    #[serde(default, rename = "match")]
    matches: Match,
    #[serde(default)]
    signers: BTreeMap<String, SignerSpec>,
    /// Absent where it is not given, so that the hash of other policies stays what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exceptions: Option<ExceptionsSpec>,
    requirements: Vec<Written>,
}

/// Whose exceptions a policy takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExceptionsSpec {
    /// Names of signers with a key.
    signed_by: Vec<String>,
}

/// Someone whose signature counts, as written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SignerSpec {
    /// A public key in PEM.
    #[serde(default)]
    pub(crate) key: Option<String>,
    /// With a key: accept signatures that no transparency log knows of.
    #[serde(default)]
    pub(crate) no_transparency_log: bool,
    #[serde(default)]
    pub(crate) keyless: Option<KeylessSpec>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notation: Option<NotationSpec>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NotationSpec {
    pub(crate) trust_store: StoreSpec,
    /// `*`, or `x509.subject: C=..., ST=..., O=...`.
    pub(crate) identities: Vec<String>,
    #[serde(default = "strict")]
    pub(crate) level: String,
    #[serde(default, rename = "override")]
    pub(crate) overrides: BTreeMap<String, String>,
}

fn strict() -> String {
    "strict".to_owned()
}

/// Certificates in PEM.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct StoreSpec {
    #[serde(default)]
    ca: Option<String>,
    #[serde(default)]
    signing_authority: Option<String>,
    #[serde(default)]
    tsa: Option<String>,
}

/// A signer by the rules of Notation, which whoever gathers facts checks with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotationSigner {
    /// Hash of everything below: facts name the signers that a signature counts for by it.
    pub id: String,
    /// Certificates in PEM by the kind of their store: `ca`, `signingAuthority`, `tsa`.
    pub stores: Vec<(&'static str, String)>,
    /// `*`, or distinguished names.
    pub identities: Vec<String>,
    /// `strict`, `permissive` or `audit`.
    pub level: String,
    /// What of the level is overridden.
    pub overrides: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KeylessSpec {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    #[serde(default)]
    pub(crate) claims: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) roots: Vec<String>,
}

/// Someone whose signature counts.
#[derive(Clone, Debug)]
pub(crate) enum Signer {
    /// By the PEM text, which whoever gathers facts turns into a fingerprint.
    Key {
        pem: String,
        log: bool,
    },
    Keyless {
        subject: Pattern,
        issuer: Pattern,
        claims: Vec<(String, Pattern)>,
        roots: Vec<String>,
    },
    Notation(NotationSigner),
}

impl Signer {
    /// Names of the claims that somebody is known by.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &str> {
        let claims = match self {
            Signer::Keyless { claims, .. } => claims.as_slice(),
            Signer::Key { .. } | Signer::Notation(_) => &[],
        };
        claims.iter().map(|(name, _)| name.as_str())
    }
}

/// A policy, ready to decide.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) name: String,
    /// The namespace whose people wrote it; none for the platform's.
    pub(crate) namespace: Option<String>,
    pub(crate) mode: Mode,
    pub(crate) images: Vec<Pattern>,
    pub(crate) exclude_images: Vec<Pattern>,
    pub(crate) namespaces: Vec<Pattern>,
    pub(crate) exclude_namespaces: Vec<Pattern>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) signers: BTreeMap<String, Signer>,
    pub(crate) requirements: Vec<Requirement>,
    /// What they need to be decided.
    pub(crate) needs: Needs,
    /// The signers of whom alone it takes exceptions; everybody's when it is empty.
    pub(crate) exceptions_by: Vec<String>,
    /// SHA-256 of what was written, whatever its white space and order of keys.
    pub(crate) hash: String,
}

impl Policy {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace whose people wrote it; none for the platform's.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Its requirements.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }
}

/// Everything that decides.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    pub(crate) all: Vec<Policy>,
    pub(crate) exceptions: Vec<Exception>,
    pub(crate) revocations: Vec<Revocation>,
    /// Fingerprints of the keys in policies, by their PEM text.
    pub(crate) keys: BTreeMap<String, String>,
}

impl Policies {
    /// Adds the documents of a file.
    ///
    /// # Errors
    /// At the first document that cannot be used, by file, line and key. Nothing of the file is added then.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), LoadError> {
        let mut new = self.clone();
        let foreign = new.add_own(file, text)?;
        match foreign.first() {
            None => {
                *self = new;
                Ok(())
            }
            Some((line, version, _)) => Err(LoadError {
                file: file.to_owned(),
                line: Some(line + 1),
                detail: format!("apiVersion `{}` is not `{VERSION}`", shortened(version)),
            }),
        }
    }

    /// Adds those documents of a file that are of our own form, and gives back the others: the line before each, its
    /// `apiVersion` and its text.
    ///
    /// # Errors
    /// As [`Policies::add`].
    pub fn add_own<'t>(
        &mut self,
        file: &str,
        text: &'t str,
    ) -> Result<Vec<(u64, String, &'t str)>, LoadError> {
        let mut foreign = Vec::new();
        let refuse = |line: Option<u64>, detail: String| LoadError { file: file.to_owned(), line, detail };
        if text.len() > LARGEST {
            return Err(refuse(None, format!("larger than {LARGEST} bytes")));
        }
        let mut new = self.clone();
        for (start, part) in documents(text) {
            let broken = |error: serde_saphyr::Error| {
                let line = error.location().map(|location| location.line() + start);
                refuse(line, headline(&error.to_string()).to_owned())
            };
            let wrong = |detail: String| refuse(Some(start + 1), detail);
            let head: Head = serde_saphyr::from_str(part).map_err(broken)?;
            if head.version != VERSION {
                let ours = head.version.starts_with("plimsoll.dev/");
                if ours || head.version.is_empty() {
                    return Err(wrong(format!(
                        "apiVersion `{}` is not `{VERSION}`",
                        shortened(&head.version)
                    )));
                }
                foreign.push((start, head.version, part));
                continue;
            }
            match head.kind.as_str() {
                "Policy" => {
                    let document: Document<PolicySpec> = serde_saphyr::from_str(part).map_err(broken)?;
                    let policy = policy(document).map_err(wrong)?;
                    if new
                        .all
                        .iter()
                        .any(|known| known.name == policy.name && known.namespace == policy.namespace)
                    {
                        return Err(wrong(format!("policy `{}` is there twice", policy.name)));
                    }
                    new.all.push(policy);
                }
                "Exception" => {
                    let document: Document<crate::exception::Spec> =
                        serde_saphyr::from_str(part).map_err(broken)?;
                    let Metadata { name, namespace, .. } = document.metadata;
                    new.exceptions.push(Exception::new(name, namespace, document.spec).map_err(wrong)?);
                }
                "SignedException" => {
                    let document: Document<SignedSpec> = serde_saphyr::from_str(part).map_err(broken)?;
                    new.exceptions.push(signed(document).map_err(wrong)?);
                }
                "Revocation" => {
                    let document: Document<crate::revocation::Spec> =
                        serde_saphyr::from_str(part).map_err(broken)?;
                    new.revocations
                        .push(Revocation::new(document.metadata.name, document.spec).map_err(wrong)?);
                }
                other => {
                    return Err(wrong(format!(
                        "kind `{}` is none of Policy, Exception, SignedException, Revocation",
                        shortened(other)
                    )));
                }
            }
            if new.count() > MOST {
                return Err(refuse(None, format!("more than {MOST} documents")));
            }
        }
        *self = new;
        Ok(foreign)
    }

    /// Adds the exceptions of a file that may hold nothing else: of people who may except, and write no policy and no
    /// revocation.
    ///
    /// # Errors
    /// As [`Policies::add`], and when anything else is in it. Nothing of the file is added then.
    pub fn add_exceptions(&mut self, file: &str, text: &str) -> Result<(), LoadError> {
        let refuse = |detail: String| LoadError { file: file.to_owned(), line: None, detail };
        let mut alone = Policies::default();
        alone.add(file, text)?;
        if !alone.all.is_empty() || !alone.revocations.is_empty() {
            return Err(refuse("it holds something else than exceptions".to_owned()));
        }
        if self.count() + alone.exceptions.len() > MOST {
            return Err(refuse(format!("more than {MOST} documents")));
        }
        self.exceptions.append(&mut alone.exceptions);
        Ok(())
    }

    fn count(&self) -> usize {
        self.all.len() + self.exceptions.len() + self.revocations.len()
    }

    /// The policies, in the order read.
    pub fn policies(&self) -> &[Policy] {
        &self.all
    }

    /// The exceptions, in the order read.
    pub fn exceptions(&self) -> &[Exception] {
        &self.exceptions
    }

    /// The revocations, in the order read.
    pub fn revocations(&self) -> &[Revocation] {
        &self.revocations
    }

    /// What must be gathered to decide on an image, and no more. Revocations need what they name.
    pub fn needs(&self, facts: &crate::Facts<'_>) -> BTreeSet<Need> {
        self.needs_of(|policy| policy.is_about(facts))
    }

    /// What must be gathered to decide on images of a repository, wherever they are to run: [`Policies::needs`] of any workload is
    /// among it.
    pub fn needs_anywhere(&self, repository: &str) -> BTreeSet<Need> {
        let fits = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(repository));
        self.needs_of(|policy| {
            (policy.images.is_empty() || fits(&policy.images)) && !fits(&policy.exclude_images)
        })
    }

    fn needs_of(&self, applies: impl Fn(&Policy) -> bool) -> BTreeSet<Need> {
        let policies = self.all.iter().filter(|policy| applies(policy)).map(|policy| policy.needs);
        let revocations = self.revocations.iter().filter_map(Revocation::need);
        revocations.fold(policies.fold(Needs::default(), Needs::with), Needs::and).all().collect()
    }

    /// Whether more evidence than what was found so far could change nothing, not a word of the proof: then nobody need ask for
    /// it. Further evidence must come behind what is there.
    pub fn evidence_suffices(&self, facts: &crate::Facts<'_>, now: i64) -> bool {
        // A revocation takes signatures out of the whole, and the proof says which.
        self.revocations.is_empty()
            && self.all.iter().filter(|policy| policy.is_about(facts)).all(|policy| {
                let context = crate::decide::Context {
                    policy,
                    keys: &self.keys,
                    now,
                    revoked: &[],
                    revocation_gaps: &[],
                    brief: true,
                };
                policy.requirements.iter().all(|one| one.settled(facts, &context))
            })
    }

    /// What decisions look at of an image, beside its digests and who signed what, and of a scan, beside the kind, severity and risk
    /// of findings. The rest need not be kept.
    pub fn kept(&self) -> Kept {
        let revoking = |need| self.revocations.iter().any(|revocation| revocation.need() == Some(need));
        let named = self.all.iter().flat_map(|policy| policy.signers.values()).flat_map(Signer::claims);
        let start = Kept {
            packages: revoking(Need::Scan),
            layers: revoking(Need::Image),
            claims: Some(named.map(str::to_owned).collect()),
            ..Kept::default()
        };
        self.requirements().map(Requirement::kept).fold(start, Kept::and)
    }

    fn requirements(&self) -> impl Iterator<Item = &Requirement> {
        self.all.iter().flat_map(|policy| &policy.requirements)
    }

    /// Names of the labels that policies look at: of others no decision depends. `None` when it may depend on any, as an
    /// expression can look at all of them.
    pub fn label_names(&self) -> Option<BTreeSet<&str>> {
        if self.requirements().any(|one| one.names("labels")) {
            return None;
        }
        Some(self.all.iter().flat_map(|policy| policy.labels.keys().map(String::as_str)).collect())
    }

    /// Whether a decision may depend on anything of the object that an image runs in.
    pub fn looks_at_object(&self) -> bool {
        self.requirements().any(|one| one.names("object"))
    }

    /// Whether a decision may depend on the namespace beyond its name.
    pub fn looks_at_namespace_object(&self) -> bool {
        self.requirements().any(|one| one.names("namespaceObject"))
    }

    /// The keys in PEM that policies name, each with whether a transparency log must know of its signatures. Whoever
    /// gathers facts verifies with them, and tells their fingerprints by [`Policies::know_key`].
    pub fn keys(&self) -> impl Iterator<Item = (&str, bool)> {
        self.all.iter().flat_map(|policy| policy.signers.values()).filter_map(|signer| match signer {
            Signer::Key { pem, log } => Some((pem.as_str(), *log)),
            Signer::Keyless { .. } | Signer::Notation(_) => None,
        })
    }

    /// The signers by rules of Notation that policies name, each with where it stands.
    pub fn notation_signers(&self) -> impl Iterator<Item = (String, &NotationSigner)> {
        self.all.iter().flat_map(|policy| {
            policy.signers.iter().filter_map(|(name, signer)| match signer {
                Signer::Notation(one) => {
                    Some((format!("policy `{}`: signers.{}", shortened(&policy.name), shortened(name)), one))
                }
                Signer::Key { .. } | Signer::Keyless { .. } => None,
            })
        })
    }

    /// Tells the fingerprint of a key.
    pub fn know_key(&mut self, pem: &str, fingerprint: String) {
        self.keys.insert(pem.to_owned(), fingerprint);
    }

    /// The exceptions that are signed: their place, what was signed and the signature; and the keys in PEM that policies take
    /// exceptions of. Whoever can check signatures tells what holds by [`Policies::know_signer`].
    pub fn signed_exceptions(&self) -> (SignedTexts<'_>, BTreeSet<&str>) {
        let signed = self.exceptions.iter().enumerate().filter_map(|(at, one)| {
            let signed = one.signed.as_ref()?;
            Some((at, signed.text.as_bytes(), signed.signature.as_slice()))
        });
        let keys = self.all.iter().flat_map(|policy| {
            policy.exceptions_by.iter().filter_map(|name| match policy.signers.get(name) {
                Some(Signer::Key { pem, .. }) => Some(pem.as_str()),
                _ => None,
            })
        });
        (signed.collect(), keys.collect())
    }

    /// Tells that a key signed the exception at a place.
    pub fn know_signer(&mut self, place: usize, pem: &str) {
        if let Some(exception) = self.exceptions.get_mut(place) {
            exception.signers.insert(pem.to_owned());
        }
    }

    /// The levels of the Pod Security Standards that policies name: pods are to be held against each.
    pub fn standards(&self) -> BTreeSet<plimsoll_model::pod_security::Standard> {
        self.all
            .iter()
            .flat_map(|policy| policy.requirements.iter().flat_map(Requirement::standards))
            .collect()
    }

    /// Names of images whose layers `baseImages` compares.
    pub fn bases(&self) -> impl Iterator<Item = &str> {
        self.all.iter().flat_map(|policy| policy.requirements.iter().flat_map(Requirement::base_images))
    }
}

/// What decisions look at of an image, beside its digests and who signed what, and of a scan, beside the kind, severity and risk of
/// findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Packages of the scan.
    pub packages: bool,
    /// Other names and titles of its findings.
    pub texts: bool,
    /// Layers of the image.
    pub layers: bool,
    /// Its configuration.
    pub config: bool,
    /// These claims of certificates; `None`: all of them.
    pub claims: Option<BTreeSet<String>>,
}

impl Default for Kept {
    /// Nothing.
    fn default() -> Self {
        Kept { packages: false, texts: false, layers: false, config: false, claims: Some(BTreeSet::new()) }
    }
}

impl Kept {
    /// All of it.
    pub(crate) fn everything() -> Self {
        Kept { packages: true, texts: true, layers: true, config: true, claims: None }
    }

    /// What either looks at.
    #[must_use]
    pub(crate) fn and(self, other: Kept) -> Kept {
        Kept {
            packages: self.packages || other.packages,
            texts: self.texts || other.texts,
            layers: self.layers || other.layers,
            config: self.config || other.config,
            claims: self.claims.zip(other.claims).map(|(mut own, more)| {
                own.extend(more);
                own
            }),
        }
    }
}

/// The documents of a file with the number of lines before each.
fn documents(text: &str) -> Vec<(u64, &str)> {
    let mut out = Vec::new();
    let (mut start, mut start_line, mut at) = (0, 0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if line.trim_end() == "---" || line.starts_with("--- ") {
            out.push((start_line, &text[start..at]));
            start = at + line.len();
            start_line = number as u64 + 1;
        }
        at += line.len();
    }
    out.push((start_line, &text[start..]));
    out.retain(|(_, part)| {
        part.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
    });
    out
}

/// A digest of what was written, in one form whatever the spaces.
fn hash(written: &impl Serialize) -> Result<String, String> {
    use std::fmt::Write as _;
    let text = serde_json::to_string(written).map_err(|error| error.to_string())?;
    let digest = Sha256::digest(text.as_bytes());
    Ok(digest.iter().fold("sha256:".to_owned(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    }))
}

/// An exception with its signature, which is not checked here.
fn signed(document: Document<SignedSpec>) -> Result<Exception, String> {
    use base64::Engine as _;
    let SignedSpec { exception: text, signature } = document.spec;
    let named =
        |detail: String| format!("signed exception `{}`: {detail}", shortened(&document.metadata.name));
    let signature = base64::engine::general_purpose::STANDARD
        .decode(signature.trim())
        .map_err(|error| named(format!("`signature` is no base64: {error}")))?;
    let broken = |error: serde_saphyr::Error| named(format!("`exception`: {}", headline(&error.to_string())));
    let head: Head = serde_saphyr::from_str(&text).map_err(broken)?;
    if head.version != VERSION || head.kind != "Exception" {
        return Err(named(format!("`exception` is no Exception of `{VERSION}`")));
    }
    let inner: Document<crate::exception::Spec> = serde_saphyr::from_str(&text).map_err(broken)?;
    if inner.metadata.name != document.metadata.name || document.metadata.namespace.is_some() {
        return Err(named(
            "its metadata is not that of the exception in it: the name alone, and the same".into(),
        ));
    }
    let Metadata { name, namespace, .. } = inner.metadata;
    let mut exception = Exception::new(name, namespace, inner.spec)?;
    exception.signed = Some(Signed { text, signature });
    Ok(exception)
}

/// A text that holds one exception, as the document that carries a signature over it.
///
/// # Errors
/// When it does not hold exactly one exception that could be used.
pub fn sign_exception(text: &str, sign: &mut Sign<'_>) -> Result<serde_json::Value, String> {
    use base64::Engine as _;
    let mut policies = Policies::default();
    policies.add("the exception", text).map_err(|error| error.to_string())?;
    let name = match policies.exceptions.as_slice() {
        [one] if policies.all.is_empty() && policies.revocations.is_empty() && one.signed.is_none() => {
            &one.name
        }
        _ => return Err("it must hold one document of kind Exception, and nothing else".into()),
    };
    let signature = sign(text.as_bytes())?;
    let document = serde_json::json!({
        "apiVersion": VERSION,
        "kind": "SignedException",
        "metadata": { "name": name },
        "spec": {
            "exception": text,
            "signature": base64::engine::general_purpose::STANDARD.encode(signature),
        },
    });
    Ok(document)
}

fn policy(document: Document<PolicySpec>) -> Result<Policy, String> {
    let hash = hash(&document.spec)?;
    let Metadata { name, namespace, .. } = document.metadata;
    let named = |detail: String| format!("policy `{}`: {detail}", shortened(&name));
    if name.trim().is_empty() {
        return Err("metadata.name is empty".into());
    }
    let spec = document.spec;
    let patterns = |texts: &[String], key: &str| {
        texts
            .iter()
            .map(|text| pattern(text).map_err(|error| named(format!("match.{key}: {error}"))))
            .collect::<Result<Vec<_>, _>>()
    };
    let signers = spec
        .signers
        .iter()
        .map(|(name, written)| {
            Ok((name.clone(), signer(written).map_err(|error| named(format!("signers.{name}: {error}")))?))
        })
        .collect::<Result<BTreeMap<_, _>, String>>()?;
    if spec.requirements.is_empty() {
        return Err(named("it has no requirements, so it would allow everything it matches".into()));
    }
    let requirements = spec
        .requirements
        .iter()
        .enumerate()
        .map(|(index, written)| {
            Requirement::new(written, &signers)
                .map_err(|error| named(format!("requirement {}: {error}", index + 1)))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let exceptions_by = spec.exceptions.map(|one| one.signed_by);
    if exceptions_by.as_ref().is_some_and(Vec::is_empty) {
        return Err(named("exceptions.signedBy is empty".into()));
    }
    let exceptions_by = exceptions_by.unwrap_or_default();
    let keyless = |name: &&String| !matches!(signers.get(*name), Some(Signer::Key { .. }));
    if let Some(name) = exceptions_by.iter().find(keyless) {
        return Err(named(format!(
            "exceptions.signedBy: `{}` is none of its signers with a key",
            shortened(name)
        )));
    }
    if let Some(own) = &namespace
        && spec.matches.namespaces.iter().any(|other| other != own)
    {
        return Err(named(format!("a policy of namespace `{own}` can only be about that namespace")));
    }
    Ok(Policy {
        images: patterns(&spec.matches.images, "images")?,
        exclude_images: patterns(&spec.matches.exclude_images, "excludeImages")?,
        namespaces: patterns(&spec.matches.namespaces, "namespaces")?,
        exclude_namespaces: patterns(&spec.matches.exclude_namespaces, "excludeNamespaces")?,
        labels: spec.matches.labels,
        mode: spec.mode,
        signers,
        needs: Needs::of(&requirements),
        requirements,
        exceptions_by,
        namespace,
        hash,
        name,
    })
}

/// A pattern as users write it: exact, glob, or `/regular expression/`.
pub(crate) fn pattern(text: &str) -> Result<Pattern, String> {
    let parsed = match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
        Some(expression) => Pattern::regex(expression),
        None => Pattern::parse(text),
    };
    parsed.map_err(|error| error.to_string())
}

fn signer(written: &SignerSpec) -> Result<Signer, String> {
    if let Some(notation) = &written.notation {
        if written.key.is_some() || written.keyless.is_some() || written.no_transparency_log {
            return Err("`notation` stands alone: it has rules of its own".into());
        }
        return notation_signer(notation).map(Signer::Notation);
    }
    match (&written.key, &written.keyless) {
        (Some(pem), None) if pem.contains("-----BEGIN PUBLIC KEY-----") => {
            Ok(Signer::Key { pem: pem.clone(), log: !written.no_transparency_log })
        }
        (Some(_), None) => Err("`key` is no public key in PEM (`-----BEGIN PUBLIC KEY-----`)".into()),
        (None, Some(keyless)) => {
            if written.no_transparency_log {
                return Err(
                    "`noTransparencyLog` is for keys: what a certificate needs its trust root says".into()
                );
            }
            let claims = keyless.claims.iter().map(|(name, text)| Ok((name.clone(), pattern(text)?)));
            Ok(Signer::Keyless {
                subject: pattern(&keyless.subject)?,
                issuer: pattern(&keyless.issuer)?,
                claims: claims.collect::<Result<_, String>>()?,
                roots: keyless.roots.clone(),
            })
        }
        (Some(_), Some(_)) => Err("give either `key` or `keyless`".into()),
        (None, None) => Err("give `key`, `keyless` or `notation`".into()),
    }
}

fn notation_signer(written: &NotationSpec) -> Result<NotationSigner, String> {
    let store = &written.trust_store;
    let stores: Vec<(&'static str, String)> =
        [("ca", &store.ca), ("signingAuthority", &store.signing_authority), ("tsa", &store.tsa)]
            .into_iter()
            .filter_map(|(kind, pem)| pem.clone().map(|pem| (kind, pem)))
            .collect();
    if !stores.iter().any(|(kind, _)| *kind != "tsa") {
        return Err("notation.trustStore has neither `ca` nor `signingAuthority`".into());
    }
    if let Some((kind, _)) = stores.iter().find(|(_, pem)| !pem.contains("-----BEGIN CERTIFICATE-----")) {
        return Err(format!("notation.trustStore.{kind} is no certificate in PEM"));
    }
    if written.level == "skip" {
        return Err("notation.level: a signer cannot skip verification".into());
    }
    Ok(NotationSigner {
        id: hash(written)?,
        stores,
        identities: written.identities.clone(),
        level: written.level.clone(),
        overrides: written.overrides.clone(),
    })
}

impl Policy {
    /// Whether it is about this image there.
    pub(crate) fn is_about(&self, facts: &crate::Facts<'_>) -> bool {
        self.not_about(facts).is_none()
    }

    /// Why it is not about this image there.
    pub(crate) fn not_about(&self, facts: &crate::Facts<'_>) -> Option<NotAbout<'_>> {
        let fits = |patterns: &[Pattern], value: &str| patterns.iter().any(|pattern| pattern.matches(value));
        let (repository, workload) = (facts.image.repository.as_str(), &facts.workload);
        if self.namespace.as_ref().is_some_and(|own| *own != workload.namespace) {
            return Some(NotAbout::Namespace);
        }
        if !(self.images.is_empty() || fits(&self.images, repository)) {
            return Some(NotAbout::Image(&self.images));
        }
        if fits(&self.exclude_images, repository) {
            return Some(NotAbout::ImageExcluded);
        }
        if !(self.namespaces.is_empty() || fits(&self.namespaces, &workload.namespace)) {
            return Some(NotAbout::Namespaces(&self.namespaces));
        }
        if fits(&self.exclude_namespaces, &workload.namespace) {
            return Some(NotAbout::NamespaceExcluded);
        }
        let label = self.labels.iter().find(|(name, value)| workload.labels.get(*name) != Some(value));
        label.map(|(name, value)| NotAbout::Label(name, value))
    }
}

/// Why a policy is not about an image.
#[derive(Debug)]
pub(crate) enum NotAbout<'p> {
    /// It is of the people of another namespace.
    Namespace,
    /// The image is none of these.
    Image(&'p [Pattern]),
    ImageExcluded,
    /// The namespace is none of these.
    Namespaces(&'p [Pattern]),
    NamespaceExcluded,
    /// The label is not there, or says something else.
    Label(&'p str, &'p str),
}
