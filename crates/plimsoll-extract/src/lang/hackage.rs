//! What Haskell's formats share: `name-version`.

use super::is_plain;

/// Splits `text-1.2.5.0` at its last hyphen.
pub(crate) fn split(text: &str) -> Option<(&str, &str)> {
    let (name, version) = text.rsplit_once('-')?;
    (is_plain(name) && is_version(version)).then_some((name, version))
}

/// Numbers with dots between.
pub(crate) fn is_version(version: &str) -> bool {
    version.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}
