//! Making attestations: a statement about an image, signed with a key, as a sigstore bundle that cosign reads.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_oci::{Artifact, Descriptor, Part};
use serde_json::{Value, json};
use sigstore_verify::crypto::KeyPair;
use sigstore_verify::types::pae;

use crate::{Error, PublicKey};

/// Media type of a bundle, and type of the artifact that holds one.
pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// Type of an in-toto statement within an envelope.
const IN_TOTO: &str = "application/vnd.in-toto+json";
/// The predicate of a statement that says nothing but "signed" (cosign 3).
pub const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";

/// A private key to sign with: ECDSA on P-256.
#[derive(Debug)]
pub struct SigningKey {
    pair: KeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// Reads an unencrypted key, `-----BEGIN PRIVATE KEY-----` (PKCS #8, RFC 5958).
    ///
    /// # Errors
    /// For other forms: which one, and how to bring it into this one.
    pub fn from_pem(name: &str, text: &str) -> Result<Self, Error> {
        let kind = |detail: &str| Error::KeyKind { name: name.to_owned(), detail: detail.to_owned() };
        let begins = |what: &str| text.contains(&format!("-----BEGIN {what}-----"));
        if begins("ENCRYPTED SIGSTORE PRIVATE KEY") || begins("ENCRYPTED COSIGN PRIVATE KEY") {
            return Err(kind("keys that cosign encrypted cannot be read; give an unencrypted PKCS #8 key"));
        }
        if begins("ENCRYPTED PRIVATE KEY") {
            return Err(kind("the key is encrypted (`openssl pkcs8 -in FILE -out PLAIN` decrypts it)"));
        }
        if begins("EC PRIVATE KEY") || begins("RSA PRIVATE KEY") {
            return Err(kind(
                "an old form (`openssl pkcs8 -topk8 -nocrypt -in FILE -out NEW` brings it into PKCS #8)",
            ));
        }
        let der = between(text, "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----")
            .and_then(|body| STANDARD.decode(body).ok())
            .ok_or_else(|| kind("no private key in PEM (`openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`)"))?;
        let pair = KeyPair::from_pkcs8_der(&der)
            .map_err(|_| kind("only ECDSA keys on the curve P-256 can be signed with"))?;
        Self::of(name, pair)
    }

    /// A new key.
    pub fn generate() -> Result<Self, Error> {
        let pair = KeyPair::generate_ecdsa_p256()
            .map_err(|source| Error::Key { name: "a new key".into(), source: Box::new(source) })?;
        Self::of("a new key", pair)
    }

    fn of(name: &str, pair: KeyPair) -> Result<Self, Error> {
        let der = pair
            .public_key_der()
            .map_err(|source| Error::Key { name: name.to_owned(), source: Box::new(source) })?;
        Ok(SigningKey { public: PublicKey::from_spki(name, der)?, pair })
    }

    /// The public half, to verify with.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs bytes, as ASN.1 DER (the form that sigstore stores).
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = self
            .pair
            .sign(bytes)
            .map_err(|source| Error::Key { name: "signing".into(), source: Box::new(source) })?;
        Ok(signature.as_bytes().to_vec())
    }
}

/// What lies between two lines, without white space.
fn between(text: &str, begin: &str, end: &str) -> Option<String> {
    let rest = &text[text.find(begin)? + begin.len()..];
    Some(rest[..rest.find(end)?].split_whitespace().collect())
}

/// An attestation of an image, ready to be stored beside it: an in-toto statement v1 with `predicate`, in a DSSE envelope,
/// in a bundle, as a referrer. No transparency log hears of it, and the bundle says so by having no entry.
pub fn attestation(
    key: &SigningKey,
    subject: &Descriptor,
    name: &str,
    predicate_type: &str,
    predicate: &Value,
) -> Result<Artifact, Error> {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": name, "digest": { subject.digest.algorithm().name(): subject.digest.hex() } }],
        "predicateType": predicate_type,
        "predicate": predicate,
    })
    .to_string();
    let signature = key.sign(&pae(IN_TOTO, statement.as_bytes()))?;
    let bundle = json!({
        "mediaType": BUNDLE,
        "verificationMaterial": { "publicKey": { "hint": key.public().fingerprint() }, "tlogEntries": [] },
        "dsseEnvelope": {
            "payload": STANDARD.encode(&statement),
            "payloadType": IN_TOTO,
            "signatures": [{ "sig": STANDARD.encode(signature), "keyid": "" }],
        },
    });
    Ok(Artifact {
        artifact_type: BUNDLE.into(),
        parts: vec![Part {
            media_type: BUNDLE.into(),
            bytes: bundle.to_string().into_bytes(),
            annotations: BTreeMap::new(),
        }],
        annotations: BTreeMap::from([
            ("dev.sigstore.bundle.content".into(), "dsse-envelope".into()),
            ("dev.sigstore.bundle.predicateType".into(), predicate_type.to_owned()),
        ]),
        subject: Some(subject.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_forms_of_keys_are_named_with_what_to_do() {
        for (text, said) in [
            ("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----", "cosign"),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "openssl pkcs8"),
            ("-----BEGIN EC PRIVATE KEY-----", "-topk8"),
            ("-----BEGIN PUBLIC KEY-----", "genpkey"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "P-256"),
            ("", "genpkey"),
        ] {
            let error = SigningKey::from_pem("ours.key", text).expect_err("no key").to_string();
            assert!(error.contains("ours.key") && error.contains(said), "{text}: {error}");
        }
    }
}
