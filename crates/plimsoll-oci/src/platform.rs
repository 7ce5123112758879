//! Operating system and processor that an image is for.

use std::fmt;
use std::str::FromStr;

use crate::error::plain;

/// Operating system and processor that an image is for (OCI image-spec 1.1, image-index.md, "platform").
///
/// Architecture and variant are kept in the spelling of Go (`amd64`, `arm64`, `arm` with `v7`), which images use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// `linux`, `windows`.
    pub os: String,
    /// `amd64`, `arm64`.
    pub architecture: String,
    /// `v7` of `linux/arm/v7`, where it is said.
    pub variant: Option<String>,
}

/// The text names no platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a platform: expected `os/architecture` or `os/architecture/variant`, as in `linux/arm64`"
)]
pub struct PlatformError(String);

impl Platform {
    /// A platform from its parts; other spellings of the processor (`x86_64`, `aarch64`) become the usual ones.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let (architecture, implied) = match architecture.to_ascii_lowercase().as_str() {
            "x86_64" | "x86-64" => ("amd64".to_owned(), None),
            "i386" | "i686" | "x86" => ("386".to_owned(), None),
            "aarch64" => ("arm64".to_owned(), None),
            "armhf" => ("arm".to_owned(), Some("v7")),
            "armel" => ("arm".to_owned(), Some("v6")),
            "powerpc64le" => ("ppc64le".to_owned(), None),
            other => (other.to_owned(), None),
        };
        let variant = variant.filter(|variant| !variant.is_empty()).or(implied).map(str::to_ascii_lowercase);
        Platform { os: os.to_ascii_lowercase(), architecture, variant }
    }

    /// Linux on this processor. Takes what `uname -m` or Rust's `ARCH` says as well.
    pub fn linux(architecture: &str) -> Self {
        Platform::new("linux", architecture, None)
    }

    /// Does an image for `self` serve somebody who asks for `wanted`? A variant that is not asked for is free.
    pub fn serves(&self, wanted: &Platform) -> bool {
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (wanted.variant.is_none() || self.usual_variant() == wanted.usual_variant())
    }

    /// The variant, or the one that everybody means when it is not said (containerd does the same).
    pub(crate) fn usual_variant(&self) -> Option<&str> {
        match (self.architecture.as_str(), self.variant.as_deref()) {
            ("amd64", None) => Some("v1"),
            ("arm64", None) => Some("v8"),
            ("arm", None) => Some("v7"),
            (_, variant) => variant,
        }
    }

    /// BuildKit stores attestations beside images as `unknown/unknown`.
    pub(crate) fn is_unknown(&self) -> bool {
        self.os == "unknown" || self.architecture == "unknown"
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        let fine = |part: &&str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        };
        match parts.as_slice() {
            [os, architecture] if parts.iter().all(fine) => Ok(Platform::new(os, architecture, None)),
            [os, architecture, variant] if parts.iter().all(fine) => {
                Ok(Platform::new(os, architecture, Some(variant)))
            }
            _ => Err(PlatformError(plain(text))),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", plain(&self.os), plain(&self.architecture))?;
        match &self.variant {
            Some(variant) => write!(formatter, "/{}", plain(variant)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_and_print() {
        for (text, expected) in [
            ("linux/amd64", Some("linux/amd64")),
            ("linux/x86_64", Some("linux/amd64")),
            ("Linux/AARCH64", Some("linux/arm64")),
            ("linux/armhf", Some("linux/arm/v7")),
            ("linux/arm/v6", Some("linux/arm/v6")),
            ("linux", None),
            ("linux/", None),
            ("linux/arm/v7/x", None),
            ("linux/a b", None),
        ] {
            let shown = text.parse::<Platform>().ok().map(|platform| platform.to_string());
            assert_eq!(shown.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn serves() {
        for (has, wanted, expected) in [
            ("linux/amd64", "linux/amd64", true),
            ("linux/arm64/v8", "linux/arm64", true),
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm/v6", "linux/arm", true),
            ("linux/arm/v6", "linux/arm/v7", false),
            ("linux/arm", "linux/arm/v7", true),
            ("windows/amd64", "linux/amd64", false),
        ] {
            let (has, wanted): (Platform, Platform) = (has.parse().unwrap(), wanted.parse().unwrap());
            assert_eq!(has.serves(&wanted), expected, "{has} {wanted}");
        }
    }
}
