//! Sigstore bundles, checked by sigstore-verify; and what its interface leaves to the caller: signatures with a key that
//! no log knows of.

use plimsoll_model::{Algorithm, Digest, one_line};
use sigstore_verify::crypto::{
    KeyAlgorithm, parse_certificate_info, verify_signature, verify_signature_prehashed,
};
use sigstore_verify::types::{
    Artifact, ArtifactDigest, Bundle, HashAlgorithm, SignatureContent, VerificationMaterialContent,
};
use sigstore_verify::{PublicKeyVerificationPolicy, VerificationPolicy, VerificationResult};

use crate::intoto::{self, Verifier};
use crate::verify::Log;
use crate::{PublicKey, Root};
use plimsoll_policy::Certificate;

/// What a bundle's signature is over.
#[derive(Clone, Copy)]
pub(crate) enum Signed<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// Something with this digest.
    Digest(&'a Digest),
}

impl<'a> Signed<'a> {
    fn artifact(self) -> Result<Artifact<'a>, String> {
        match self {
            Signed::Bytes(bytes) => Ok(Artifact::Blob(bytes)),
            Signed::Digest(digest) => {
                let algorithm = algorithm(digest).ok_or("images with SHA-1 digests cannot be checked")?;
                ArtifactDigest::new(algorithm, digest.bytes()).map(Artifact::Digest).map_err(one_line)
            }
        }
    }
}

impl Signed<'_> {
    /// Its digest by an algorithm.
    fn digest(self, wanted: HashAlgorithm) -> Result<Vec<u8>, String> {
        use sigstore_verify::crypto::{sha256, sha384, sha512};
        match (self, wanted) {
            (Signed::Bytes(bytes), HashAlgorithm::Sha2256) => Ok(sha256(bytes).as_slice().to_vec()),
            (Signed::Bytes(bytes), HashAlgorithm::Sha2384) => Ok(sha384(bytes).as_slice().to_vec()),
            (Signed::Bytes(bytes), HashAlgorithm::Sha2512) => Ok(sha512(bytes).as_slice().to_vec()),
            (Signed::Digest(digest), wanted) if algorithm(digest) == Some(wanted) => {
                Ok(digest.bytes().to_vec())
            }
            (_, wanted) => Err(format!("the image's {wanted} digest is not known")),
        }
    }
}

fn algorithm(digest: &Digest) -> Option<HashAlgorithm> {
    match digest.algorithm() {
        Algorithm::Sha1 => None,
        Algorithm::Sha256 => Some(HashAlgorithm::Sha2256),
        Algorithm::Sha512 => Some(HashAlgorithm::Sha2512),
    }
}

/// What verification has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The signing certificate, its chain verified.
    pub(crate) certificate: Option<Certificate>,
    /// Verified moments of signing, seconds since 1970.
    pub(crate) times: Vec<i64>,
    /// Whether a transparency log is proven to hold the signature, or has promised to.
    pub(crate) logged: bool,
}

/// A bundle that was read.
pub(crate) struct Opened {
    bundle: Bundle,
    /// Its entry, where that is of the kind that the verifier does not know.
    old: Option<OldEntry>,
}

struct OldEntry {
    entry: intoto::Entry,
    /// SHA-256 of the envelope as it was submitted to the log.
    submitted: [u8; 32],
}

/// Reads a bundle. `submitted` is the envelope in it as it came, where it came otherwise than in a bundle.
pub(crate) fn parse(bytes: &[u8], submitted: Option<&[u8]>) -> Result<Opened, String> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| "a bundle is JSON, and this is not UTF-8".to_owned())?;
    let wrong = |error| format!("not a sigstore bundle: {error}");
    let error = match Bundle::from_json(text) {
        Ok(bundle) => return Ok(Opened { bundle, old: None }),
        Err(error) => error,
    };
    let text = intoto::stand_in(text).ok_or_else(|| wrong(error))?;
    let bundle = Bundle::from_json(&text).map_err(wrong)?;
    let entry = intoto::Entry::of(&bundle)?;
    let submitted = match submitted {
        Some(envelope) => Some(sigstore_verify::crypto::sha256(envelope).into()),
        None => intoto::as_submitted(&bundle),
    };
    let submitted = submitted.ok_or("the log entry is about an envelope, and there is none")?;
    Ok(Opened { bundle, old: Some(OldEntry { entry, submitted }) })
}

impl Opened {
    /// Whether a key must be given, because no certificate is in the bundle.
    pub(crate) fn needs_key(&self) -> bool {
        matches!(self.bundle.verification_material.content, VerificationMaterialContent::PublicKey(_))
    }

    /// The in-toto statement inside, unverified.
    pub(crate) fn payload(&self) -> Option<&[u8]> {
        match &self.bundle.content {
            SignatureContent::DsseEnvelope(envelope) => Some(envelope.payload.as_bytes()),
            _ => None,
        }
    }

    /// What the verifier left open where the entry is of the kind that it does not know; its error everywhere else.
    fn finished(&self, error: &sigstore_verify::Error, verifier: Verifier<'_>) -> Result<Vec<i64>, String> {
        let old = self.old.as_ref().filter(|_| intoto::is_all_else(error)).ok_or_else(|| one_line(error))?;
        old.entry.is_about(&self.bundle, old.submitted, verifier)?;
        let entries = &self.bundle.verification_material.tlog_entries;
        // Only the log's promise speaks of the time.
        let promised = entries.iter().filter(|entry| entry.inclusion_promise.is_some());
        Ok(promised.filter_map(|entry| Some(entry.integrated_time?.as_second())).collect())
    }
}

/// Verifies a bundle that carries its certificate, against one root.
pub(crate) fn keyless(root: &Root, opened: &Opened, signed: Signed<'_>) -> Result<Shown, String> {
    let bundle = &opened.bundle;
    let mut policy = VerificationPolicy::any_identity();
    // GitHub's instance for private repositories has neither log: there is nothing to look for. Roots that have one
    // always ask for it.
    if root.material.ctlogs.is_empty() {
        policy = policy.skip_sct();
    }
    let logged = !root.material.tlogs.is_empty();
    if !logged {
        policy = policy.skip_tlog_unsafe();
    }
    let result = match root.verifier.verify(signed.artifact()?, bundle, &policy) {
        Ok(result) => result,
        Err(error) => {
            let signing = bundle.signing_certificate().filter(|_| logged).ok_or_else(|| one_line(&error))?;
            let times = opened.finished(&error, Verifier::Certificate(signing.as_bytes()))?;
            let info = parse_certificate_info(signing).map_err(one_line)?;
            let certificate = Some(crate::certificate::certificate(&info));
            return Ok(Shown { certificate, times, logged });
        }
    };
    if !result.certificate_verified() {
        return Err("the certificate was not verified".into());
    }
    Ok(Shown {
        certificate: result.certificate().map(crate::certificate::certificate),
        times: times(&result),
        logged,
    })
}

/// Verifies a bundle with a key.
pub(crate) fn with_key(
    roots: &[Root],
    key: &PublicKey,
    opened: &Opened,
    signed: Signed<'_>,
    log: Log,
) -> Result<Shown, String> {
    let bundle = &opened.bundle;
    if !opened.needs_key() {
        return Err("it was made with a certificate, not with a key".into());
    }
    let entries = &bundle.verification_material.tlog_entries;
    if entries.is_empty() {
        if log == Log::Required {
            return Err(
                "no entry of a transparency log is with it (require none, if it was made without)".into()
            );
        }
        direct(key, bundle, signed)?;
        return Ok(Shown::default());
    }
    let policy = PublicKeyVerificationPolicy::new(key.der.clone());
    let mut reasons = Vec::new();
    for root in roots {
        match root.verifier.verify(signed.artifact()?, bundle, &policy) {
            Ok(result) => return Ok(Shown { certificate: None, times: times(&result), logged: true }),
            Err(error) => match opened.finished(&error, Verifier::Key(&key.der)) {
                Ok(times) => return Ok(Shown { certificate: None, times, logged: true }),
                Err(reason) => reasons.push((root.name(), reason)),
            },
        }
    }
    Err(joined(&reasons))
}

/// One line for all roots: the reason once, when it is the same everywhere.
pub(crate) fn joined(reasons: &[(&str, String)]) -> String {
    match reasons {
        [] => "no trust root was given".into(),
        [(_, first), rest @ ..] if rest.iter().all(|(_, reason)| reason == first) => first.clone(),
        all => all.iter().map(|(root, reason)| format!("{root}: {reason}")).collect::<Vec<_>>().join("; "),
    }
}

fn times(result: &VerificationResult) -> Vec<i64> {
    let mut times: Vec<i64> = result.verified_timestamps().iter().map(|time| time.as_second()).collect();
    if let Some(time) = result.integrated_time() {
        times.push(time.as_second());
    }
    times.sort_unstable();
    times.dedup();
    times
}

/// The signature alone, without certificate, log or time.
fn direct(key: &PublicKey, bundle: &Bundle, signed: Signed<'_>) -> Result<(), String> {
    let key_algorithm = KeyAlgorithm::from_spki(&key.der).map_err(one_line)?;
    match &bundle.content {
        SignatureContent::DsseEnvelope(envelope) => verify_signature(
            &key.der,
            &envelope.pae(),
            &envelope.signature.sig,
            key_algorithm.default_signing_scheme(),
        )
        .map_err(one_line),
        SignatureContent::MessageSignature(message) => {
            let scheme = match &message.message_digest {
                Some(stated) => {
                    if signed.digest(stated.algorithm)?.as_slice() != stated.digest.as_bytes() {
                        return Err("the digest that it states is of something else".into());
                    }
                    key_algorithm.resolve_signing_scheme(stated.algorithm).map_err(one_line)?
                }
                None => key_algorithm.default_signing_scheme(),
            };
            match signed {
                Signed::Bytes(bytes) => {
                    verify_signature(&key.der, bytes, &message.signature, scheme).map_err(one_line)
                }
                Signed::Digest(digest)
                    if algorithm(digest).is_some() && scheme.hash_algorithm() == algorithm(digest) =>
                {
                    verify_signature_prehashed(&key.der, digest.bytes(), &message.signature, scheme)
                        .map_err(one_line)
                }
                Signed::Digest(_) => {
                    Err("a signature of this kind cannot be checked against a digest".into())
                }
            }
        }
        _ => Err("signatures of this kind are not known".into()),
    }
}
