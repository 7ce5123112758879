//! Content digests: bytes plus algorithm, checked once.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A hash function that container registries and advisories use (OCI image-spec 1.1, descriptor.md, "Digests").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-1: only as an identity that others published (Java archives), never as proof.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// The name used before the colon.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// Length of the hash in bytes.
    pub fn length(self) -> usize {
        match self {
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
        }
    }
}

/// A content digest. Always as long as its algorithm says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: Box<[u8]>,
}

/// Why a text is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// There is no `algorithm:` in front, or it is one we do not know.
    #[error("`{0}` is not a digest: expected `sha256:` or `sha512:` and lower-case hexadecimal digits")]
    Form(String),
    /// The number of digits does not fit the algorithm.
    #[error("`{text}` is not a {algorithm} digest: expected {expected} hexadecimal digits")]
    Length {
        /// What was given.
        text: String,
        /// The algorithm that was named.
        algorithm: &'static str,
        /// Digits that this algorithm has.
        expected: usize,
    },
}

impl Digest {
    /// A digest from raw hash bytes; `None` when the length does not fit the algorithm.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == algorithm.length()).then(|| Digest { algorithm, bytes: bytes.into() })
    }

    /// Parses `sha256:<64 hex digits>` and the like.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let form = || DigestError::Form(text.chars().take(160).collect());
        let (name, hex) = text.split_once(':').ok_or_else(form)?;
        let algorithm = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(form)?;
        let expected = algorithm.length() * 2;
        if hex.len() != expected {
            return Err(DigestError::Length {
                text: text.chars().take(160).collect(),
                algorithm: algorithm.name(),
                expected,
            });
        }
        let mut bytes = Vec::with_capacity(algorithm.length());
        for pair in hex.as_bytes().chunks_exact(2) {
            let (Some(high), Some(low)) = (nibble(pair[0]), nibble(pair[1])) else { return Err(form()) };
            bytes.push(high << 4 | low);
        }
        Ok(Digest { algorithm, bytes: bytes.into() })
    }

    /// The hash function.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hash.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The hash as lower-case hexadecimal digits, without the algorithm.
    pub fn hex(&self) -> String {
        use fmt::Write;
        self.bytes.iter().fold(String::with_capacity(self.bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// For people: `sha256:9f2c…81ab`.
    pub fn short(&self) -> String {
        let hex = self.hex();
        format!("{}:{}…{}", self.algorithm.name(), &hex[..4], &hex[hex.len() - 4..])
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.algorithm.name(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        Digest::parse(text)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Digest::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_and_print() {
        let text = format!("sha256:{}", "0a".repeat(32));
        let digest = Digest::parse(&text).unwrap();
        assert_eq!(digest.to_string(), text);
        assert_eq!(digest.short(), "sha256:0a0a…0a0a");
    }

    #[test]
    fn refused() {
        for text in ["", "sha256", "md5:00", "sha256:00", "sha256:é", &format!("sha256:{}", "0A".repeat(32))]
        {
            assert!(Digest::parse(text).is_err(), "{text}");
        }
    }
}
