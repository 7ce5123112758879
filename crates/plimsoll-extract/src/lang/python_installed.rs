//! Installed Python distributions: `*.dist-info/METADATA`, `*.egg-info/PKG-INFO`, a plain file `*.egg-info`, and
//! `EGG-INFO/PKG-INFO` of an unpacked egg.
//!
//! Format: PyPA "Core metadata specifications" 2.4: headers as in an e-mail, then an empty line and a description that
//! is not read.

use plimsoll_fs::Entry;
use plimsoll_model::license::Declared;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem};

use super::tree;
use crate::{Extraction, Extractor, Reader};

/// Installed Python distributions.
pub static PYTHON_INSTALLED: Extractor = Extractor {
    name: "lang/python_installed",
    version: 2,
    declares: false,
    wants,
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    let name = entry.path.file_name();
    let folder = entry.path.parent().and_then(|path| path.rsplit(|byte| *byte == b'/').next()).unwrap_or(&[]);
    match name {
        b"METADATA" => folder.ends_with(b".dist-info"),
        b"PKG-INFO" => folder.ends_with(b".egg-info") || folder == b"EGG-INFO",
        _ => name.ends_with(b".egg-info"),
    }
}

/// Reads the headers of one distribution.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let headers = &bytes[..end_of_headers(bytes)];
    let text = tree::decode(headers);
    let (mut name, mut version, mut expression, mut license) = (None, None, None, None);
    let mut classifiers: Vec<String> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        let continued = lines.peek().is_some_and(|next| next.starts_with([' ', '\t']));
        match key.trim_end().to_ascii_lowercase().as_str() {
            "name" => name = name.or(Some(value)),
            "version" => version = version.or(Some(value)),
            "license-expression" => expression = Some(value),
            // A licence that goes on over lines is its text, not its name.
            "license" if !continued && !value.is_empty() && value != "UNKNOWN" => license = Some(value),
            "classifier" if classifiers.len() < 16 => {
                let last = value.rsplit("::").next().unwrap_or_default().trim();
                // `License :: OSI Approved` alone says nothing.
                if value.starts_with("License ::") && last != "OSI Approved" && !last.is_empty() {
                    classifiers.push(last.to_owned());
                }
            }
            _ => {}
        }
    }
    let present = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned);
    let (Some(name), Some(version)) = (present(name), present(version)) else {
        return Extraction::problem(Problem::corrupt(path, "no `Name` or no `Version` among its headers"));
    };
    let mut package = Package::new(Ecosystem::PyPi, name, version, Location::new(path.clone()));
    package.licenses = match (expression, license) {
        (Some(expression), _) if !expression.is_empty() => vec![expression.to_owned()],
        (_, Some(license)) if says_more(license, &classifiers) => vec![license.to_owned()],
        _ => classifiers,
    };
    Extraction { packages: vec![package], ..Extraction::default() }
}

/// The classifiers are chosen from a list, the field is free text: the list is preferred where both are given, but it has one name for all
/// BSD licences, all versions of Apache's ..., and the field often says which.
fn says_more(license: &str, classifiers: &[String]) -> bool {
    match classifiers {
        [] => true,
        [classifier] => Declared::read(license).says_which(&Declared::read(classifier)),
        _ => false,
    }
}

/// The first empty line, or the end.
fn end_of_headers(bytes: &[u8]) -> usize {
    let unix = memchr::memmem::find(bytes, b"\n\n").unwrap_or(bytes.len());
    let windows = memchr::memmem::find(&bytes[..unix], b"\r\n\r\n").unwrap_or(unix);
    unix.min(windows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &str, &[&str])>) {
        let extraction = parse(&"a.dist-info/METADATA".into(), text.as_bytes());
        let found = extraction.packages.first().map(|package| {
            (
                package.name.as_str(),
                package.version.as_str(),
                package.licenses.iter().map(String::as_str).collect(),
            )
        });
        assert_eq!(found, expected.map(|(name, version, licenses)| (name, version, licenses.to_vec())));
        assert_eq!(extraction.problems.is_empty(), expected.is_some());
    }

    #[test]
    fn headers() {
        check(
            include_str!("../../fixtures/lang/python_installed/METADATA"),
            Some(("Left.Pad_x", "1!2.0rc1", &["MIT License"])),
        );
        check(include_str!("../../fixtures/lang/python_installed/bad.METADATA"), None);
        check("Name: a\r\nVersion: 1\r\nLicense: BSD\r\n\r\nName: b\r\n", Some(("a", "1", &["BSD"])));
        check(
            "Name: a\nVersion: 1\nLicense-Expression: MIT OR ISC\nLicense: BSD\n",
            Some(("a", "1", &["MIT OR ISC"])),
        );
        check(
            "Name: a\nVersion: 1\nLicense: BSD-3-Clause\nClassifier: License :: OSI Approved :: BSD License\n",
            Some(("a", "1", &["BSD-3-Clause"])),
        );
        check(
            "Name: a\nVersion: 1\nLicense: Custom\nClassifier: License :: OSI Approved :: BSD License\n",
            Some(("a", "1", &["BSD License"])),
        );
        check("Name: a\nVersion: 1\nLicense: Copyright\n  all of it\n", Some(("a", "1", &[])));
        check("Name: a\nVersion:\n", None);
        check("", None);
    }

    #[test]
    fn wanted_paths() {
        for (path, expected) in [
            ("usr/lib/python3/dist-packages/a-1.dist-info/METADATA", true),
            ("usr/lib/python3/dist-packages/a-1.dist-info/RECORD", false),
            ("usr/lib/python3/dist-packages/a-1.egg-info/PKG-INFO", true),
            ("usr/lib/python3/dist-packages/a-1.egg-info", true),
            ("a.egg/EGG-INFO/PKG-INFO", true),
            ("a/PKG-INFO", false),
            ("METADATA", false),
        ] {
            assert_eq!(wants(&Entry { path: &path.into(), size: 1, mode: 0o644 }), expected, "{path}");
        }
    }
}
