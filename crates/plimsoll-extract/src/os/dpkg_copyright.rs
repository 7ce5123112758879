//! Licences that Debian packages declare: `usr/share/doc/NAME/copyright`, where it is machine-readable.
//!
//! Format: copyright-format 1.0 (DEP-5). Only the first line of each `License:` field is taken, as written (`GPL-2+ or
//! Artistic`); the texts below are not read. Files in free prose give nothing: guessing is not declaring.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath};

use super::{lines, text};
use crate::{DeclaredLicenses, Extraction, Extractor, Reader};

/// Licences that one file may declare. Real ones have up to fifty.
const MAX_LICENSES: usize = 200;

/// Machine-readable copyright files.
pub static DPKG_COPYRIGHT: Extractor = Extractor {
    name: "os/dpkg_copyright",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| package(entry.path).is_some(),
    read: Reader::Whole { limit: 4 << 20, parse },
};

fn package(path: &ImagePath) -> Option<&[u8]> {
    let name = path.as_bytes().strip_prefix(b"usr/share/doc/")?.strip_suffix(b"/copyright")?;
    (!name.is_empty() && !name.contains(&b'/')).then_some(name)
}

/// Reads the licences, each once, in the order of the file. A file that does not begin with a `Format` field is prose.
pub fn parse(path: &ImagePath, input: &[u8]) -> Extraction {
    let Some(package) = package(path) else { return Extraction::default() };
    let mut fields = lines(input).map(|(_, line)| line).skip_while(|line| line.trim_ascii().is_empty());
    let first = fields.next().unwrap_or_default();
    // Drafts of the format called the field `Format-Specification`.
    if value(first, b"format").or_else(|| value(first, b"format-specification")).is_none() {
        return Extraction::default();
    }
    let mut licenses: Vec<String> = Vec::new();
    for line in fields {
        let Some(license) = value(line, b"license").map(text).filter(|license| !license.is_empty()) else {
            continue;
        };
        if !licenses.contains(&license) {
            licenses.push(license);
        }
        if licenses.len() == MAX_LICENSES {
            break;
        }
    }
    let declared = DeclaredLicenses { ecosystem: Ecosystem::Deb, package: text(package), licenses };
    Extraction {
        licenses: if declared.licenses.is_empty() { Vec::new() } else { vec![declared] },
        ..Extraction::default()
    }
}

/// The value of the field `name` (lower case), when the line is one.
fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then(|| rest.strip_prefix(b":")).flatten()
}

/// Reads arbitrary bytes: neither a panic nor more licences than the limit.
pub fn fuzz(input: &[u8]) {
    let path = ImagePath::from("usr/share/doc/a/copyright");
    for input in [input, &[b"Format: x\n", input].concat()] {
        let found = parse(&path, input);
        assert!(found.licenses.iter().all(|declared| declared.licenses.len() <= MAX_LICENSES));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &[&str]) {
        let found = parse(&ImagePath::from("usr/share/doc/perl/copyright"), input.as_bytes());
        let licenses = found.licenses.first().map_or(Vec::new(), |declared| declared.licenses.clone());
        assert_eq!(licenses, expected, "{input:?}");
        assert!(found.licenses.iter().all(|declared| declared.package == "perl"));
    }

    #[test]
    fn licences() {
        check(
            "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nCopyright: x\n\
             License: GPL-2+ or Artistic\n\nFiles: a\nLicense: Expat\n Text: here\n License: no\n\nLicense: GPL-2+ or Artistic\n",
            &["GPL-2+ or Artistic", "Expat"],
        );
        check("\nformat-specification: x\nlicense:MIT\r\nLicense:\n", &["MIT"]);
        check("This package was debianized by hand.\nLicense: GPL\n", &[]);
        check("", &[]);
    }
}
