//! Keys that sign databases on their way: Ed25519 (RFC 8032), kept as PEM (RFC 8410) as `openssl genpkey` writes them.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest as _;

/// What stands before the 32 bytes of a private key: PKCS #8, version 0, algorithm 1.3.101.112.
const PRIVATE_PREFIX: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
/// What stands before the 32 bytes of a public key: SubjectPublicKeyInfo, algorithm 1.3.101.112.
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
/// The greatest size of a text with keys.
const TEXT_LIMIT: usize = 64 << 10;

/// Why a text holds no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no block of the kind that is needed.
    #[error("there is no `-----BEGIN {0}-----` in it")]
    NoBlock(&'static str),
    /// A block is not closed, or its content is no base64.
    #[error("its `{0}` block is broken")]
    Broken(&'static str),
    /// The key is of another algorithm.
    #[error("its `{0}` is no Ed25519 key")]
    Foreign(&'static str),
    /// The text is too large for a file with keys.
    #[error("it is larger than 64 KiB")]
    TooLarge,
}

/// A private key. It is shown nowhere.
pub struct SigningKey([u8; 32]);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SigningKey(..)")
    }
}

/// The key that a signature is checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

fn pem(label: &str, prefix: &[u8], key: &[u8; 32]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode([prefix, key].concat()))
}

/// The keys of all blocks with this label.
fn blocks(text: &str, label: &'static str, prefix: &[u8]) -> Result<Vec<[u8; 32]>, KeyError> {
    if text.len() > TEXT_LIMIT {
        return Err(KeyError::TooLarge);
    }
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut keys = Vec::new();
    for block in text.split(begin.as_str()).skip(1) {
        let (content, _) = block.split_once(end.as_str()).ok_or(KeyError::Broken(label))?;
        let content: String = content.split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(content).map_err(|_| KeyError::Broken(label))?;
        let key = bytes.strip_prefix(prefix).and_then(|key| key.try_into().ok());
        keys.push(key.ok_or(KeyError::Foreign(label))?);
    }
    if keys.is_empty() { Err(KeyError::NoBlock(label)) } else { Ok(keys) }
}

impl SigningKey {
    /// The key that comes from these random bytes.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        SigningKey(bytes)
    }

    /// Reads the first private key of a PEM text.
    ///
    /// # Errors
    /// When there is none of Ed25519.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let keys = blocks(text, "PRIVATE KEY", &PRIVATE_PREFIX)?;
        keys.first().map(|key| SigningKey(*key)).ok_or(KeyError::NoBlock("PRIVATE KEY"))
    }

    /// As PEM. This is the secret itself.
    pub fn to_pem(&self) -> String {
        pem("PRIVATE KEY", &PRIVATE_PREFIX, &self.0)
    }

    fn pair(&self) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&self.0).expect("any 32 bytes are a private key")
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let mut key = [0; 32];
        key.copy_from_slice(self.pair().public_key().as_ref());
        PublicKey(key)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair().sign(message).as_ref().to_vec()
    }
}

impl PublicKey {
    pub(crate) fn of(key: [u8; 32]) -> Self {
        PublicKey(key)
    }

    /// Reads all public keys of a PEM text: while keys are being changed there are two.
    ///
    /// # Errors
    /// When there is none, or one that is not of Ed25519.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, KeyError> {
        Ok(blocks(text, "PUBLIC KEY", &PUBLIC_PREFIX)?.into_iter().map(PublicKey).collect())
    }

    /// As PEM.
    pub fn to_pem(&self) -> String {
        pem("PUBLIC KEY", &PUBLIC_PREFIX, &self.0)
    }

    /// A short name of the key, to be read aloud: the beginning of its SHA-256.
    pub fn id(&self) -> String {
        let mut beginning = [0; 8];
        beginning.copy_from_slice(&sha2::Sha256::digest(self.0)[..8]);
        format!("{:016x}", u64::from_be_bytes(beginning))
    }

    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410, section 10.1 and 10.3, and what OpenSSL makes of it.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn keys_of_the_specification() {
        let key = SigningKey::from_pem(PRIVATE).unwrap();
        assert_eq!(key.to_pem(), PRIVATE);
        assert_eq!(key.public().to_pem(), PUBLIC);
        assert_eq!(
            PublicKey::all_from_pem(&[PUBLIC, PUBLIC].concat()).unwrap(),
            [key.public(), key.public()]
        );
        let signature = key.sign(b"ship");
        assert!(key.public().signed(b"ship", &signature));
        assert!(!key.public().signed(b"shop", &signature));
        assert!(!key.public().signed(b"ship", &signature[1..]));
        assert!(!SigningKey::from_random([7; 32]).public().signed(b"ship", &signature));
        assert!(!format!("{key:?}").contains("1N"), "it is shown nowhere");
    }

    #[test]
    fn what_is_no_key_says_what_it_lacks() {
        assert_eq!(SigningKey::from_pem(PUBLIC).unwrap_err(), KeyError::NoBlock("PRIVATE KEY"));
        assert_eq!(PublicKey::all_from_pem(PRIVATE).unwrap_err(), KeyError::NoBlock("PUBLIC KEY"));
        assert_eq!(PublicKey::all_from_pem(&PUBLIC[..60]).unwrap_err(), KeyError::Broken("PUBLIC KEY"));
        let foreign = PUBLIC.replace("MCowBQYDK2Vw", "MCowBQYDK2Vu");
        assert_eq!(PublicKey::all_from_pem(&foreign).unwrap_err(), KeyError::Foreign("PUBLIC KEY"));
        assert_eq!(PublicKey::all_from_pem(&" ".repeat(1 << 17)).unwrap_err(), KeyError::TooLarge);
    }
}
