//! Public keys that a user trusts by themselves.

use sigstore_verify::crypto::{KeyAlgorithm, verify_signature};
use sigstore_verify::types::{DerPublicKey, Sha256Hash, SignatureBytes, pae};

use crate::Error;

/// A public key: ECDSA on P-256 or P-384, RSA, or Ed25519. Keys of key management services are given the same way,
/// in the form in which the service hands them out ([`PublicKey::read`]).
#[derive(Clone, Debug)]
pub struct PublicKey {
    pub(crate) der: DerPublicKey,
    fingerprint: Sha256Hash,
}

/// Most bytes of a key: RSA keys of 16,384 bits have some 3 kB as PEM.
const LARGEST: usize = 64 * 1024;

impl PublicKey {
    /// Reads a key in any of its forms: PEM; SubjectPublicKeyInfo in DER, as it is or in base64; JWK, or a set with one
    /// (RFC 7517); and the JSON that `aws kms get-public-key`, `gcloud kms keys versions get-public-key` and
    /// `az keyvault key show` print.
    ///
    /// # Errors
    /// Also for private keys and kinds of keys that signatures cannot be checked with; `name` is named.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let kind = |detail: String| Error::KeyKind { name: name.to_owned(), detail };
        if bytes.len() > LARGEST {
            return Err(kind(format!("larger than {LARGEST} bytes: not a public key")));
        }
        let text = std::str::from_utf8(bytes).ok().map(|text| text.trim_start_matches('\u{feff}').trim());
        if let Some(text) = text.filter(|text| text.starts_with('{')) {
            return match forms::json(text).map_err(kind)? {
                forms::Found::Pem(pem) => Self::from_pem(name, &pem),
                forms::Found::Der(der) => Self::from_der(name, der),
            };
        }
        match (text.filter(|text| text.contains("-----BEGIN ")), forms::bare(bytes)) {
            (None, Some(der)) => Self::from_der(name, der),
            (Some(text), _) => Self::from_pem(name, text),
            (None, None) => Err(kind("not a public key: neither PEM nor DER nor JWK".to_owned())),
        }
    }

    fn from_der(name: &str, der: Vec<u8>) -> Result<Self, Error> {
        if forms::is_private(&der) {
            return Err(Error::KeyKind {
                name: name.to_owned(),
                detail: "this is a private key; give the public one".into(),
            });
        }
        Self::from_spki(name, DerPublicKey::new(der))
    }

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

/// Public keys in other forms than PEM: as key management services and key stores hand them out.
mod forms {
    use base64::Engine as _;
    use base64::alphabet;
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    use serde_json::Value;

    /// Object identifiers with tag and length.
    const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
    const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    const NULL: &[u8] = &[0x05, 0x00];
    const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

    /// base64, of either alphabet, padded or not.
    fn decoded(text: &str) -> Option<Vec<u8>> {
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let alphabet = if text.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
        GeneralPurpose::new(alphabet, config).decode(text.trim()).ok()
    }

    /// One value of DER (X.690, 8.1).
    fn der(tag: u8, content: &[&[u8]]) -> Vec<u8> {
        let content = content.concat();
        let mut out = vec![tag];
        match u8::try_from(content.len()) {
            Ok(short) if short < 0x80 => out.push(short),
            _ => {
                let length = content.len().to_be_bytes();
                let length = &length[length.iter().take_while(|byte| **byte == 0).count()..];
                // At most eight bytes.
                out.push(0x80 | u8::try_from(length.len()).unwrap_or(8));
                out.extend_from_slice(length);
            }
        }
        out.extend_from_slice(&content);
        out
    }

    fn sequence(content: &[&[u8]]) -> Vec<u8> {
        der(0x30, content)
    }

    fn bits(content: &[u8]) -> Vec<u8> {
        der(0x03, &[&[0], content])
    }

    /// A number that is not negative.
    fn integer(bytes: &[u8]) -> Vec<u8> {
        let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        let sign: &[u8] = if bytes.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
        der(0x02, &[sign, bytes])
    }

    /// A key in JSON: a JWK (RFC 7517) or a set with one, or what the programs of AWS, Google and Azure print of a key.
    pub(super) enum Found {
        /// SubjectPublicKeyInfo.
        Der(Vec<u8>),
        /// `-----BEGIN PUBLIC KEY-----`.
        Pem(String),
    }

    pub(super) fn json(text: &str) -> Result<Found, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        if value.get("kty").is_some() {
            return jwk(&value).map(Found::Der);
        }
        // `az keyvault key show`.
        if let Some(key) = value.get("key").filter(|key| key.get("kty").is_some()) {
            return jwk(key).map(Found::Der);
        }
        if let Some(keys) = value.get("keys").and_then(Value::as_array) {
            return match keys.as_slice() {
                [key] => jwk(key).map(Found::Der),
                keys => Err(format!(
                    "a set of {} keys: write the one that is meant into a file of its own",
                    keys.len()
                )),
            };
        }
        // `gcloud kms keys versions get-public-key --format json`.
        if let Some(pem) = value.get("pem").and_then(Value::as_str) {
            return Ok(Found::Pem(pem.to_owned()));
        }
        // `aws kms get-public-key`.
        if let Some(der) = value.get("PublicKey").and_then(Value::as_str) {
            return decoded(der).map(Found::Der).ok_or_else(|| "`PublicKey` is not base64".to_owned());
        }
        Err("JSON without a public key: neither a JWK nor what AWS, Google or Azure print of a key"
            .to_owned())
    }

    /// RFC 7518, section 6; RFC 8037, section 2. Azure calls keys in hardware `EC-HSM` and `RSA-HSM`.
    fn jwk(key: &Value) -> Result<Vec<u8>, String> {
        let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
        if key.get("d").is_some_and(|secret| !secret.is_null()) {
            return Err("this is a private key (it has `d`); give the public one".to_owned());
        }
        let bytes = |name: &str| {
            decoded(text(name))
                .filter(|bytes| !bytes.is_empty())
                .ok_or_else(|| format!("`{name}` is not base64url"))
        };
        match text("kty").trim_end_matches("-HSM") {
            "EC" => {
                let (curve, size) = match text("crv") {
                    "P-256" => (P256, 32),
                    "P-384" => (P384, 48),
                    other => {
                        return Err(format!("the curve `{other}` is not supported (P-256 and P-384 are)"));
                    }
                };
                let (x, y) = (bytes("x")?, bytes("y")?);
                if x.len() != size || y.len() != size {
                    return Err(format!("`x` and `y` of this curve have {size} bytes"));
                }
                Ok(sequence(&[&sequence(&[EC_PUBLIC_KEY, curve]), &bits(&[&[4], &x[..], &y].concat())]))
            }
            "RSA" => {
                let key = sequence(&[&integer(&bytes("n")?), &integer(&bytes("e")?)]);
                Ok(sequence(&[&sequence(&[RSA, NULL]), &bits(&key)]))
            }
            "OKP" if text("crv") == "Ed25519" => {
                let x = bytes("x")?;
                if x.len() != 32 {
                    return Err("`x` of this curve has 32 bytes".to_owned());
                }
                Ok(sequence(&[&sequence(&[ED25519]), &bits(&x)]))
            }
            "OKP" => Err(format!("the curve `{}` is not supported (Ed25519 is)", text("crv"))),
            other => Err(format!("a JWK of kind `{other}` is no public key")),
        }
    }

    /// DER as it is, or in base64 on lines, as `aws kms get-public-key --query PublicKey --output text` prints it.
    pub(super) fn bare(bytes: &[u8]) -> Option<Vec<u8>> {
        if bytes.first() == Some(&0x30) && std::str::from_utf8(bytes).is_err() {
            return Some(bytes.to_vec());
        }
        let text: String = std::str::from_utf8(bytes).ok()?.split_whitespace().collect();
        decoded(&text).filter(|der| der.first() == Some(&0x30))
    }

    /// Does it begin as PKCS #8 (RFC 5208, section 5) or as the private keys of RSA and SEC 1 do: a version first?
    pub(super) fn is_private(der: &[u8]) -> bool {
        let head = match der {
            [0x30, length, rest @ ..] if *length < 0x80 => rest,
            [0x30, length, rest @ ..] => rest.get(usize::from(length & 0x7f)..).unwrap_or_default(),
            _ => return false,
        };
        matches!(head, [0x02, 0x01, 0 | 1, ..])
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    /// Made by OpenSSL 3: `genpkey` of each kind, then `pkey -pubout`.
    const P256: &str = include_str!("../fixtures/keys/p256.pem");
    const P384: &str = include_str!("../fixtures/keys/p384.pem");
    const RSA: &str = include_str!("../fixtures/keys/rsa.pem");
    const ED25519: &str = include_str!("../fixtures/keys/ed25519.pem");

    fn read(text: impl AsRef<[u8]>) -> Result<PublicKey, String> {
        PublicKey::read("ours", text.as_ref()).map_err(|error| error.to_string())
    }

    /// The same key as a JWK, taken out of its DER by hand.
    fn jwk(key: &PublicKey, kind: &str) -> String {
        let der = key.der.as_bytes();
        let part = |from: usize, length: usize| URL_SAFE_NO_PAD.encode(&der[from..from + length]);
        let end = der.len();
        match kind {
            "P-256" => format!(
                r#"{{"kty":"EC","crv":"P-256","x":"{}","y":"{}"}}"#,
                part(end - 64, 32),
                part(end - 32, 32)
            ),
            "P-384" => format!(
                r#"{{"kty":"EC-HSM","crv":"P-384","kid":"a","x":"{}","y":"{}"}}"#,
                part(end - 96, 48),
                part(end - 48, 48)
            ),
            "RSA" => format!(r#"{{"kty":"RSA","use":"sig","n":"{}","e":"AQAB"}}"#, part(end - 5 - 256, 256)),
            _ => format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, part(end - 32, 32)),
        }
    }

    #[test]
    fn one_key_in_all_its_forms() {
        for (pem, kind) in [(P256, "P-256"), (P384, "P-384"), (RSA, "RSA"), (ED25519, "Ed25519")] {
            let key = PublicKey::from_pem("ours", pem).unwrap();
            let der = key.der.as_bytes();
            let base64 = STANDARD.encode(der);
            let lines: Vec<String> =
                base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
            let jwk = jwk(&key, kind);
            let quoted = serde_json::Value::from(pem);
            for form in [
                pem.as_bytes().to_vec(),
                format!("\u{feff}\n{pem}").into_bytes(),
                der.to_vec(),
                base64.clone().into_bytes(),
                format!("{}\n", lines.join("\r\n")).into_bytes(),
                jwk.clone().into_bytes(),
                format!(" {{\"keys\": [{jwk}]}}").into_bytes(),
                format!("{{\"attributes\": {{}}, \"key\": {jwk}}}").into_bytes(),
                format!("{{\"KeyId\": \"arn\", \"PublicKey\": \"{base64}\"}}").into_bytes(),
                format!("{{\"algorithm\": \"x\", \"pem\": {quoted}}}").into_bytes(),
            ] {
                let shown = String::from_utf8_lossy(&form).into_owned();
                assert_eq!(read(&form).as_ref(), Ok(&key), "{kind}: {shown}");
            }
        }
    }

    #[test]
    fn what_is_no_public_key_is_refused_by_name() {
        let key = PublicKey::from_pem("ours", P256).unwrap();
        let jwk = jwk(&key, "P-256");
        let set = format!(r#"{{"keys":[{jwk},{jwk}]}}"#);
        for (text, said) in [
            ("", "neither PEM nor DER nor JWK"),
            ("hello", "neither PEM nor DER nor JWK"),
            ("{", "not JSON"),
            ("{}", "JSON without a public key"),
            (set.as_str(), "a set of 2 keys"),
            (r#"{"kty":"oct","k":"AAAA"}"#, "of kind `oct`"),
            (r#"{"kty":"EC","crv":"secp256k1"}"#, "`secp256k1` is not supported"),
            (r#"{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}"#, "have 32 bytes"),
            (r#"{"kty":"EC","crv":"P-256","x":"***","y":"AQ"}"#, "`x` is not base64url"),
            (r#"{"kty":"OKP","crv":"X25519","x":"AQ"}"#, "`X25519` is not supported"),
            (r#"{"kty":"RSA","n":"AQ","e":"AQ","d":"AQ"}"#, "private key"),
            (r#"{"PublicKey":"?"}"#, "not base64"),
            (r#"{"pem":"-----BEGIN PRIVATE KEY-----"}"#, "private key"),
            ("-----BEGIN EC PRIVATE KEY-----", "private key"),
            ("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----", "not a public key"),
            // PKCS #8 and SEC 1 in base64.
            ("MIGHAgEAMBMGByqGSM49", "private key"),
            ("MHcCAQEEIAAA", "private key"),
            ("MAAA", "not a public key"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with("ours: ") && error.contains(said), "{text}: {error}");
        }
        assert!(read(" ".repeat(LARGEST + 1)).unwrap_err().contains("larger than"));
        // Whatever is cut off or changed: a key or an error, never a panic.
        for form in [key.der.as_bytes().to_vec(), jwk.into_bytes(), P256.as_bytes().to_vec()] {
            for end in 0..form.len() {
                let _ = read(&form[..end]);
                let mut changed = form.clone();
                changed[end] ^= 0x41;
                let _ = read(&changed);
            }
        }
    }
}
