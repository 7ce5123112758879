//! Paths inside images: bytes, relative to the root.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A path inside an image or directory: bytes without leading or trailing slash, no empty, `.` or `..` component.
///
/// Unix paths are bytes. For people and for JSON, bytes that are not printable UTF-8 are shown as `\xNN`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ImagePath(Box<[u8]>);

impl ImagePath {
    /// Normalises `./a//b/` to `a/b`, `/a/../b` to `b`; `..` never climbs over the root. The root itself is empty.
    pub fn new(raw: &[u8]) -> Self {
        let mut parts: Vec<&[u8]> = Vec::new();
        for part in raw.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => {
                    parts.pop();
                }
                _ => parts.push(part),
            }
        }
        ImagePath(parts.join(&b'/').into())
    }

    /// The bytes, without leading slash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The last component.
    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or(&[])
    }

    /// Everything before the last component; `None` for something directly in the root.
    pub fn parent(&self) -> Option<&[u8]> {
        let slash = self.0.iter().rposition(|byte| *byte == b'/')?;
        Some(&self.0[..slash])
    }
}

impl From<&str> for ImagePath {
    fn from(text: &str) -> Self {
        ImagePath::new(text.as_bytes())
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() {
                    let mut buffer = [0; 4];
                    for byte in character.encode_utf8(&mut buffer).bytes() {
                        write!(formatter, "\\x{byte:02x}")?;
                    }
                } else {
                    write!(formatter, "{character}")?;
                }
            }
            for byte in chunk.invalid() {
                write!(formatter, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ImagePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{self}\"")
    }
}

impl Serialize for ImagePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ImagePath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(ImagePath::new(String::deserialize(deserializer)?.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalised() {
        for (raw, expected) in [("./a//b/", "a/b"), ("/a/../../b", "b"), ("/", ""), ("../..", "")] {
            assert_eq!(ImagePath::from(raw).as_bytes(), expected.as_bytes(), "{raw}");
        }
    }

    #[test]
    fn shown_without_control_characters() {
        assert_eq!(ImagePath::new(b"a\x1b[31m\xff").to_string(), "a\\x1b[31m\\xff");
    }
}
