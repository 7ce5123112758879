//! Licences that Debian packages declare: `usr/share/doc/NAME/copyright`.
//!
//! Format: copyright-format 1.0 (DEP-5). Only the first line of each `License:` field is taken, as written (`GPL-2+ or
//! Artistic`); the texts below are not read. Paragraphs that hold nothing but a licence repeat the text of one that files are under, or of one side of
//! a choice: they count only where no files are named.
//!
//! Files in free prose are not understood, but they point at the texts that Debian keeps once (Debian policy 4.6, section 12.5). Each such
//! pointer is taken, and [`PROSE`] with them, since what else the file says is not known. Without a pointer nothing is declared.

use plimsoll_fs::Entry;
use plimsoll_model::license::COMMON_LICENSES;
use plimsoll_model::{Ecosystem, ImagePath};

use super::{lines, text};
use crate::{DeclaredLicenses, Extraction, Extractor, Reader};

/// Licences that one file may declare. Real ones have up to fifty.
const MAX_LICENSES: usize = 200;

/// Stands beside the pointers of a file in free prose, for all else that it says.
pub const PROSE: &str = "prose of the copyright file";

/// Debian's copyright files.
pub static DPKG_COPYRIGHT: Extractor = Extractor {
    name: "os/dpkg_copyright",
    version: 2,
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
        return declared(package, pointers(input));
    }
    // Those of files and of the whole, and those that stand alone.
    let (mut of_files, mut alone): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut paragraph = Paragraph { files: true, license: None };
    let mut settle = |paragraph: Paragraph| {
        let licenses = if paragraph.files { &mut of_files } else { &mut alone };
        if let Some(license) = paragraph.license
            && licenses.len() < MAX_LICENSES
            && !licenses.contains(&license)
        {
            licenses.push(license);
        }
    };
    for line in fields {
        if line.trim_ascii().is_empty() {
            settle(std::mem::take(&mut paragraph));
        } else if value(line, b"files").is_some() {
            paragraph.files = true;
        } else if let Some(license) = value(line, b"license").map(text).filter(|license| !license.is_empty())
        {
            paragraph.license = Some(license);
        }
    }
    settle(paragraph);
    declared(package, if of_files.is_empty() { alone } else { of_files })
}

fn declared(package: &[u8], licenses: Vec<String>) -> Extraction {
    let declared = DeclaredLicenses { ecosystem: Ecosystem::Deb, package: text(package), licenses };
    Extraction {
        licenses: if declared.licenses.is_empty() { Vec::new() } else { vec![declared] },
        ..Extraction::default()
    }
}

/// The common texts that prose points at, each once, and the prose itself.
fn pointers(input: &[u8]) -> Vec<String> {
    /// Real names have up to ten bytes.
    const LONGEST_NAME: usize = 32;
    let folder = COMMON_LICENSES.as_bytes();
    let mut found: Vec<String> = Vec::new();
    for at in memchr::memmem::find_iter(input, folder) {
        let name = &input[at + folder.len()..];
        let end = name.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"-.".contains(byte)));
        let name = &name[..end.unwrap_or(name.len())];
        // A full stop ends the sentence.
        let name = text(name.strip_suffix(b".").unwrap_or(name));
        let pointer = format!("{COMMON_LICENSES}{name}");
        if !name.is_empty() && name.len() <= LONGEST_NAME && !found.contains(&pointer) {
            found.push(pointer);
        }
        if found.len() == MAX_LICENSES - 1 {
            break;
        }
    }
    if !found.is_empty() {
        found.push(PROSE.to_owned());
    }
    found
}

/// What is known of one paragraph.
#[derive(Default)]
struct Paragraph {
    /// It names files, or is the first one, which speaks of the whole.
    files: bool,
    license: Option<String>,
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
        check(
            "Format: x\nLicense: ISC\n\nFiles: *\nLicense: GPL-1+ or Artistic\n\nLicense: GPL-1+\n text\n\nLicense: Artistic\n text\n",
            &["ISC", "GPL-1+ or Artistic"],
        );
        check("Format: x\n\nLicense: GPL-1+\n text\n\nLicense: GPL-1+\n", &["GPL-1+"]);
        check("\nformat-specification: x\nlicense:MIT\r\nLicense:\n", &["MIT"]);
        check("This package was debianized by hand.\nLicense: GPL\n", &[]);
        check(
            "Its texts are in `/usr/share/common-licenses/GPL-2' and /usr/share/common-licenses/LGPL.\n\
             See /usr/share/common-licenses/GPL-2. Nothing else in /usr/share/common-licenses/.\n",
            &["/usr/share/common-licenses/GPL-2", "/usr/share/common-licenses/LGPL", PROSE],
        );
        check("in /usr/share/common-licenses/GPL-3", &["/usr/share/common-licenses/GPL-3", PROSE]);
        check("", &[]);
    }
}
