//! Public keys that a user trusts by themselves.

use sigstore_verify::crypto::{KeyAlgorithm, verify_signature};
use sigstore_verify::types::{DerPublicKey, Sha256Hash, SignatureBytes, pae};

use crate::Error;

/// A public key: ECDSA on P-256 or P-384, RSA, or Ed25519. Keys of key management services are given the same way,
/// as the PEM that the service exports.
#[derive(Clone, Debug)]
pub struct PublicKey {
    pub(crate) der: DerPublicKey,
    fingerprint: Sha256Hash,
}

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----` (SubjectPublicKeyInfo, RFC 7468 section 13).
    ///
    /// # Errors
    /// Also for private keys, certificates and kinds of keys that signatures cannot be checked with; `name` is named.
    pub fn from_pem(name: &str, text: &str) -> Result<Self, Error> {
        if text.contains("PRIVATE KEY-----") {
            return Err(Error::KeyKind {
                name: name.to_owned(),
                detail: "this is a private key; give the public one (`cosign public-key --key FILE`)".into(),
            });
        }
        let der = DerPublicKey::from_pem(text)
            .map_err(|source| Error::Key { name: name.to_owned(), source: Box::new(source) })?;
        Self::from_spki(name, der)
    }

    pub(crate) fn from_spki(name: &str, der: DerPublicKey) -> Result<Self, Error> {
        KeyAlgorithm::from_spki(&der)
            .map_err(|source| Error::Key { name: name.to_owned(), source: Box::new(source) })?;
        let fingerprint = sigstore_verify::crypto::sha256(der.as_bytes());
        Ok(PublicKey { der, fingerprint })
    }

    /// `-----BEGIN PUBLIC KEY-----`.
    pub fn to_pem(&self) -> String {
        self.der.to_pem()
    }

    /// Whether it signed a text of a kind: the encoding of DSSE (PAE), so that what was signed as one kind is nothing of another.
    pub fn verifies(&self, kind: &str, text: &[u8], signature: &[u8]) -> bool {
        let Ok(algorithm) = KeyAlgorithm::from_spki(&self.der) else { return false };
        let signature = SignatureBytes::new(signature.to_vec());
        verify_signature(&self.der, &pae(kind, text), &signature, algorithm.default_signing_scheme()).is_ok()
    }

    /// SHA-256 of the key's SubjectPublicKeyInfo in hexadecimal digits, as `openssl pkey -pubin -outform DER | sha256sum` prints it.
    pub fn fingerprint(&self) -> String {
        self.fingerprint.to_hex()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for PublicKey {}
