//! Private keys as users keep them: PKCS #8, SEC 1 and PKCS #1 in PEM, and what `cosign generate-key-pair` writes.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit as _;
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit as _, StreamCipher as _};
use serde::Deserialize;
use sigstore_verify::types::DerPublicKey;

use crate::{Error, PublicKey};

/// Largest file in bytes.
const LARGEST: usize = 64 * 1024;
/// Labels of keys that cosign encrypted; the second is that of its first generation.
const COSIGN: [&str; 2] = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];

/// A private key to sign with: ECDSA on P-256 or P-384, RSA, or Ed25519.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SigningKey({})", self.public.fingerprint())
    }
}

/// Whether reading a key needs a password.
pub fn is_encrypted(pem: &str) -> bool {
    COSIGN.iter().any(|label| begins(pem, label))
}

fn begins(pem: &str, label: &str) -> bool {
    pem.contains(&format!("-----BEGIN {label}-----"))
}

impl SigningKey {
    /// Reads a key: `PRIVATE KEY` (PKCS #8, RFC 5958), `EC PRIVATE KEY` (SEC 1, RFC 5915), `RSA PRIVATE KEY` (PKCS #1,
    /// RFC 8017), or one that cosign encrypted, for which the password is needed.
    ///
    /// # Errors
    /// For other forms: which one, and how to bring it into one of these; `name` is named. For a wrong password.
    pub fn from_pem(name: &str, text: &str, password: Option<&[u8]>) -> Result<Self, Error> {
        let kind = |detail: &str| Error::KeyKind { name: name.to_owned(), detail: detail.to_owned() };
        if text.len() > LARGEST {
            return Err(kind("larger than any private key"));
        }
        let block = |label: &str| -> Result<Vec<u8>, Error> {
            let mut all = crate::pem::all(text, label).map_err(|detail| kind(&detail))?;
            Ok(if all.is_empty() { Vec::new() } else { all.swap_remove(0) })
        };
        for label in COSIGN {
            if begins(text, label) {
                let password = password.ok_or_else(|| {
                    kind("cosign encrypted this key; give its password (--key-password-file FILE, or COSIGN_PASSWORD)")
                })?;
                let der = decrypt(&block(label)?, password).map_err(|detail| kind(&detail))?;
                return Self::from_der(name, &der);
            }
        }
        if begins(text, "ENCRYPTED PRIVATE KEY") {
            return Err(kind("the key is encrypted (`openssl pkcs8 -in FILE -out PLAIN` decrypts it)"));
        }
        for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"] {
            if begins(text, label) {
                return Self::from_der(name, &block(label)?);
            }
        }
        Err(kind(
            "no private key in PEM (`cosign generate-key-pair`, or `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`)",
        ))
    }

    fn from_der(name: &str, der: &[u8]) -> Result<Self, Error> {
        // The labels of PEM do not always tell the truth, and the forms exclude each other.
        let ecdsa = |algorithm| EcdsaKeyPair::from_private_key_der(algorithm, der).map(Pair::Ecdsa);
        let pair = ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .or_else(|_| ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING))
            .or_else(|_| Ed25519KeyPair::from_pkcs8(der).map(Pair::Ed25519))
            .or_else(|_| RsaKeyPair::from_pkcs8(der).map(Pair::Rsa))
            .or_else(|_| RsaKeyPair::from_der(der).map(Pair::Rsa))
            .map_err(|_| Error::KeyKind {
                name: name.to_owned(),
                detail: "only ECDSA keys on the curves P-256 and P-384, RSA keys of 2048 to 8192 bits and Ed25519 keys \
                         can be signed with"
                    .into(),
            })?;
        Self::of(name, pair)
    }

    /// A new key: ECDSA on P-256.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn generate() -> Result<Self, Error> {
        let pair =
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| unusable("a new key"))?;
        Self::of("a new key", Pair::Ecdsa(pair))
    }

    fn of(name: &str, pair: Pair) -> Result<Self, Error> {
        let der = match &pair {
            Pair::Ecdsa(pair) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair) => pair.public_key().as_der(),
        };
        let der = der.map_err(|_| unusable(name))?;
        Ok(SigningKey { public: PublicKey::from_spki(name, DerPublicKey::from_bytes(der.as_ref()))?, pair })
    }

    /// The public half, to verify with.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a text of a kind, as [`PublicKey::verifies`] checks it.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn sign_kind(&self, kind: &str, text: &[u8]) -> Result<Vec<u8>, Error> {
        self.sign(&sigstore_verify::types::pae(kind, text))
    }

    /// Signs bytes in the way that sigstore knows for this kind of key: ECDSA as ASN.1 DER with SHA-256 or SHA-384, RSA by
    /// PKCS #1 v1.5 with SHA-256, Ed25519 as it is.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |_| unusable("signing");
        let random = SystemRandom::new();
        Ok(match &self.pair {
            Pair::Ecdsa(pair) => pair.sign(&random, bytes).map_err(failed)?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(bytes).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature).map_err(failed)?;
                signature
            }
        })
    }
}

fn unusable(name: &str) -> Error {
    Error::KeyKind { name: name.to_owned(), detail: "the key cannot be used".into() }
}

/// What cosign encrypts keys into (go-tuf, `encrypted`): scrypt, then XSalsa20 and Poly1305 as NaCl's secretbox has them.
/// The content is PKCS #8.
fn decrypt(json: &[u8], password: &[u8]) -> Result<Vec<u8>, String> {
    #[derive(Deserialize)]
    struct Encrypted {
        kdf: Derivation,
        cipher: Cipher,
        ciphertext: String,
    }
    #[derive(Deserialize)]
    struct Derivation {
        name: String,
        params: Parameters,
        salt: String,
    }
    #[derive(Deserialize)]
    struct Parameters {
        #[serde(rename = "N")]
        rounds: u64,
        r: u32,
        p: u32,
    }
    #[derive(Deserialize)]
    struct Cipher {
        name: String,
        nonce: String,
    }
    /// Most memory of the derivation in bytes: four times what the strictest profile of go-tuf takes.
    const MOST_MEMORY: u64 = 512 * 1024 * 1024;
    /// Length of Poly1305's tag.
    const TAG: usize = 16;

    let decoded = |text: &str, what: &str| {
        STANDARD.decode(text).map_err(|error| format!("{what} of the encrypted key is not base64: {error}"))
    };
    let encrypted: Encrypted =
        serde_json::from_slice(json).map_err(|error| format!("not a key that cosign encrypted: {error}"))?;
    if encrypted.kdf.name != "scrypt" || encrypted.cipher.name != "nacl/secretbox" {
        return Err(format!(
            "encrypted with {} and {}, of which only scrypt and nacl/secretbox are known",
            plimsoll_model::shortened(&encrypted.kdf.name),
            plimsoll_model::shortened(&encrypted.cipher.name)
        ));
    }
    let Parameters { rounds, r, p } = encrypted.kdf.params;
    let memory = rounds.checked_mul(128).and_then(|bytes| bytes.checked_mul(u64::from(r)));
    if !rounds.is_power_of_two() || rounds < 2 || memory.is_none_or(|memory| memory > MOST_MEMORY) || p > 16 {
        return Err(format!("scrypt with N={rounds}, r={r}, p={p} is out of bounds"));
    }
    let logarithm = u8::try_from(rounds.trailing_zeros()).expect("a u64 has 64 bits");
    let parameters = scrypt::Params::new(logarithm, r, p)
        .map_err(|_| format!("scrypt with N={rounds}, r={r}, p={p} is out of bounds"))?;
    let mut key = [0; 32];
    scrypt::scrypt(password, &decoded(&encrypted.kdf.salt, "the salt")?, &parameters, &mut key)
        .map_err(|_| "scrypt does not give a key of this length".to_owned())?;
    let nonce: [u8; 24] = decoded(&encrypted.cipher.nonce, "the nonce")?
        .try_into()
        .map_err(|_| "the nonce of the encrypted key has not 24 bytes".to_owned())?;
    let mut text = decoded(&encrypted.ciphertext, "the content")?;
    if text.len() < TAG {
        return Err("the content of the encrypted key is too short".into());
    }
    let mut stream = XSalsa20::new(&key.into(), &nonce.into());
    let mut once = [0; 32];
    stream.apply_keystream(&mut once);
    let content = text.split_off(TAG);
    let tag = Poly1305::new(&once.into()).compute_unpadded(&content);
    verify_slices_are_equal(&tag, &text).map_err(|_| "wrong password, or the file is damaged".to_owned())?;
    let mut content = content;
    stream.apply_keystream(&mut content);
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigstore_verify::crypto::{KeyAlgorithm, verify_signature};

    const CURRENT: &str = include_str!("../fixtures/keys/cosign.key");
    const FIRST: &str = include_str!("../fixtures/keys/cosign-1.key");
    const EMPTY: &str = include_str!("../fixtures/keys/cosign-empty.key");
    const PUBLIC: &str = include_str!("../fixtures/keys/cosign.pub");

    fn openssl(script: &str) -> String {
        let done = std::process::Command::new("sh").args(["-ec", script]).output().expect("a shell");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("PEM")
    }

    #[test]
    fn keys_that_cosign_encrypted_open_with_their_password() {
        let public = PublicKey::from_pem("cosign.pub", PUBLIC).expect("a key");
        for (text, password) in [(CURRENT, "correct horse"), (FIRST, "correct horse"), (EMPTY, "")] {
            assert!(is_encrypted(text));
            let key = SigningKey::from_pem("cosign.key", text, Some(password.as_bytes())).expect("it opens");
            assert_eq!(key.public(), &public);
            for wrong in ["correct  horse", "x"] {
                let error =
                    SigningKey::from_pem("cosign.key", text, Some(wrong.as_bytes())).expect_err("wrong");
                assert!(error.to_string().contains("wrong password"), "{error}");
            }
        }
        let error = SigningKey::from_pem("cosign.key", CURRENT, None).expect_err("no password").to_string();
        assert!(error.contains("--key-password-file") && error.contains("COSIGN_PASSWORD"), "{error}");
    }

    #[test]
    fn encrypted_keys_that_are_damaged_or_ask_too_much() {
        let json = crate::pem::all(EMPTY, COSIGN[0]).expect("PEM").swap_remove(0);
        let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        let change = |pointer: &str, value: serde_json::Value| {
            let mut json = json.clone();
            *json.pointer_mut(pointer).expect("it is there") = value;
            decrypt(json.to_string().as_bytes(), b"").expect_err(pointer)
        };
        for (pointer, value, said) in [
            ("/kdf/name", "argon2".into(), "only scrypt"),
            ("/cipher/name", "aes".into(), "only scrypt"),
            ("/kdf/params/N", 1000.into(), "out of bounds"),
            ("/kdf/params/N", 0.into(), "out of bounds"),
            ("/kdf/params/N", 1.into(), "out of bounds"),
            ("/kdf/params/N", (1u64 << 40).into(), "out of bounds"),
            ("/kdf/params/N", (1u64 << 63).into(), "out of bounds"),
            ("/kdf/params/r", u32::MAX.into(), "out of bounds"),
            ("/kdf/params/r", 0.into(), "out of bounds"),
            ("/kdf/params/p", 17.into(), "out of bounds"),
            ("/kdf/params/p", 0.into(), "out of bounds"),
            ("/kdf/salt", "?".into(), "not base64"),
            ("/cipher/nonce", "AAAA".into(), "24 bytes"),
            ("/ciphertext", "AAAA".into(), "too short"),
            ("/ciphertext", STANDARD.encode([0; 40]).into(), "wrong password"),
        ] {
            let error = change(pointer, value);
            assert!(error.contains(said), "{pointer}: {error}");
        }
        assert!(decrypt(b"{}", b"").is_err());
    }

    #[test]
    fn keys_of_every_kind_and_form_sign_what_verifies() {
        let (elliptic, edwards, rsa) = (
            "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve",
            "openssl genpkey -algorithm ED25519",
            "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null",
        );
        for script in [
            format!("{elliptic}:P-256"),
            format!("{elliptic}:P-384"),
            format!("{elliptic}:P-256 | openssl ec 2>/dev/null"),
            format!("{elliptic}:P-384 | openssl ec 2>/dev/null"),
            "openssl ecparam -genkey -name prime256v1".to_owned(),
            edwards.to_owned(),
            rsa.to_owned(),
            format!("{rsa} | openssl rsa -traditional 2>/dev/null"),
        ] {
            let key = SigningKey::from_pem("a key", &openssl(&script), None)
                .unwrap_or_else(|error| panic!("{script}: {error}"));
            let signature = key.sign(b"words").expect("a signature");
            let scheme = KeyAlgorithm::from_spki(&key.public().der).expect("known").default_signing_scheme();
            let signature = sigstore_verify::types::SignatureBytes::new(signature);
            verify_signature(&key.public().der, b"words", &signature, scheme)
                .unwrap_or_else(|error| panic!("{script}: {error}"));
            assert!(
                verify_signature(&key.public().der, b"other words", &signature, scheme).is_err(),
                "{script}"
            );
        }
    }

    #[test]
    fn what_is_signed_as_one_kind_is_nothing_of_another() {
        let key = SigningKey::generate().unwrap();
        let signature = key.sign_kind("a/kind", b"words").unwrap();
        assert!(key.public().verifies("a/kind", b"words", &signature));
        assert!(!key.public().verifies("a/kind", b"other words", &signature));
        assert!(!key.public().verifies("another/kind", b"words", &signature));
        assert!(!key.public().verifies("a/kind", b"words", &key.sign(b"words").unwrap()));
        assert!(!SigningKey::generate().unwrap().public().verifies("a/kind", b"words", &signature));
        assert!(!key.public().verifies("a/kind", b"words", b""));
    }

    #[test]
    fn other_forms_of_keys_are_named_with_what_to_do() {
        let weak = openssl("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 2>/dev/null");
        let other = openssl("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1");
        for (text, said) in [
            (
                "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----",
                "password",
            ),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "openssl pkcs8"),
            ("-----BEGIN EC PRIVATE KEY-----", "does not end"),
            ("-----BEGIN PUBLIC KEY-----", "genpkey"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "P-256"),
            (weak.as_str(), "2048"),
            (other.as_str(), "P-384"),
            ("", "genpkey"),
        ] {
            let error = SigningKey::from_pem("ours.key", text, None).expect_err("no key").to_string();
            assert!(error.contains("ours.key") && error.contains(said), "{text}: {error}");
        }
        let large = "-----BEGIN PRIVATE KEY-----".repeat(10_000);
        assert!(SigningKey::from_pem("ours.key", &large, None).is_err());
    }
}
