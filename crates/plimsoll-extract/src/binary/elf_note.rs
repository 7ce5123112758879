//! Package notes in ELF files: which package of which distribution a program was built for, kept when the program is copied out
//! of it.
//!
//! Format: systemd's "Package Metadata for Executable Files" (type 0xcafe1a7e, owner `FDO`, JSON). The note is loaded with the program, so
//! linkers place it at the front of the file: it is looked for among the first bytes, by its own mark, in either byte order.

use memchr::memmem;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem, ProblemKind};
use serde::Deserialize;

use crate::Extraction;

/// Value of the property `identity`.
pub const IDENTITY: &str = "elf-note";
/// Property: the distribution that the note names, an os-release `ID`.
pub const DISTRIBUTION: &str = "note-os";
/// Property: its version.
pub const DISTRIBUTION_VERSION: &str = "note-os-version";

/// Longest note. Real ones are below 300 bytes.
const LONGEST: usize = 16 << 10;
/// Notes of one file that are read: a program may hold another.
const MOST: usize = 8;
/// Longest value, in bytes.
const LONGEST_VALUE: usize = 256;

#[derive(Deserialize)]
struct Note {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    #[serde(default, rename = "osVersion")]
    os_version: String,
    #[serde(default, rename = "osCpe")]
    os_cpe: String,
}

/// Architectures that RPM writes behind the release of a package.
const RPM_ARCHITECTURES: &[&str] = &[
    "x86_64",
    "aarch64",
    "i686",
    "i586",
    "i386",
    "ppc64le",
    "s390x",
    "armv7hl",
    "riscv64",
    "noarch",
    "ppc64",
    "x86_64_v2",
];

/// Adds the packages that the notes at the front of a file name.
pub(super) fn packages(path: &ImagePath, head: &[u8], found: &mut Extraction) {
    let hits = memmem::find_iter(head, b"FDO\0").filter_map(|at| description(head, at)).take(MOST);
    for text in hits {
        let note = text.and_then(|text| serde_json::from_slice::<Note>(text).map_err(|_| "is damaged"));
        match note {
            Ok(note) => found.packages.extend(package(path, &note)),
            Err(what) => found.problems.push(Problem::incomplete(
                ProblemKind::Corrupt,
                path,
                format!("the package note of the program {what}"),
            )),
        }
    }
    found.packages.dedup();
    found.problems.dedup();
}

/// The text of the note whose owner stands at `at`. `None` when no note of this type stands there.
fn description(head: &[u8], at: usize) -> Option<Result<&[u8], &'static str>> {
    let header = head.get(at.checked_sub(12)?..at)?;
    let word = |index: usize| header.get(index * 4..)?.first_chunk::<4>().copied();
    let (owner, length, kind) = (word(0)?, word(1)?, word(2)?);
    let number = match kind {
        [0x7e, 0x1a, 0xfe, 0xca] => u32::from_le_bytes,
        [0xca, 0xfe, 0x1a, 0x7e] => u32::from_be_bytes,
        _ => return None,
    };
    if number(owner) != 4 {
        return None;
    }
    let length = usize::try_from(number(length)).ok().filter(|length| *length <= LONGEST);
    let Some(length) = length else { return Some(Err("is longer than 16 KiB")) };
    let Some(text) = head.get(at + 4..at + 4 + length) else { return Some(Err("is cut off")) };
    // A string of C, padded to a whole word.
    let end = memchr::memchr(0, text).unwrap_or(text.len());
    Some(Ok(&text[..end]))
}

fn package(path: &ImagePath, note: &Note) -> Option<Package> {
    let is_plain = |text: &str| text.len() <= LONGEST_VALUE && !text.contains(char::is_control);
    if note.name.is_empty()
        || ![
            &note.name,
            &note.version,
            &note.architecture,
            &note.os,
            &note.os_version,
            &note.os_cpe,
            &note.kind,
        ]
        .into_iter()
        .all(|text| is_plain(text))
    {
        return None;
    }
    let ecosystem = match note.kind.as_str() {
        "alpm" | "pacman" => Ecosystem::Alpm,
        kind => Ecosystem::from_purl_type(kind)
            .filter(|ecosystem| ecosystem.is_distribution())
            .unwrap_or(Ecosystem::Generic),
    };
    let (mut version, mut architecture) = (note.version.as_str(), note.architecture.as_str());
    if ecosystem == Ecosystem::Rpm
        && let Some((rest, last)) = version.rsplit_once('.')
        && RPM_ARCHITECTURES.contains(&last)
    {
        version = rest;
        architecture = if architecture.is_empty() { last } else { architecture };
    }
    let mut package = Package::new(ecosystem, note.name.clone(), version, Location::new(path.clone()));
    package.architecture = Some(architecture.to_owned()).filter(|architecture| !architecture.is_empty());
    // `cpe:/o:fedoraproject:fedora:39` says both where the fields of their own are missing.
    let mut cpe = note.os_cpe.strip_prefix("cpe:/o:").unwrap_or_default().split(':').skip(1);
    let (cpe_os, cpe_version) = (cpe.next().unwrap_or_default(), cpe.next().unwrap_or_default());
    let os = if note.os.is_empty() { cpe_os } else { &note.os };
    let os_version = if note.os_version.is_empty() { cpe_version } else { &note.os_version };
    for (key, value) in [("identity", IDENTITY), (DISTRIBUTION, os), (DISTRIBUTION_VERSION, os_version)] {
        if !value.is_empty() {
            package.properties.insert(key.into(), value.into());
        }
    }
    Some(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A note as linkers write it.
    fn note(text: &str, big_endian: bool) -> Vec<u8> {
        let number = |number: u32| if big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
        let mut bytes = vec![0x11; 100];
        bytes.extend(number(4));
        bytes.extend(number(u32::try_from(text.len() + 1).expect("short")));
        bytes.extend(number(0xcafe_1a7e));
        bytes.extend_from_slice(b"FDO\0");
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend([0; 8]);
        bytes
    }

    fn check(text: &str, expected: Option<(&str, &str, &str, Option<&str>, &str)>, problems: usize) {
        for big_endian in [false, true] {
            let mut found = Extraction::default();
            packages(&"usr/bin/x".into(), &note(text, big_endian), &mut found);
            let os = |package: &Package| {
                let get = |key| package.properties.get(key).cloned().unwrap_or_default();
                format!("{} {}", get(DISTRIBUTION), get(DISTRIBUTION_VERSION))
            };
            let got: Vec<_> = found
                .packages
                .iter()
                .map(|package| {
                    let (kind, name, version) = (package.ecosystem.name(), &package.name, &package.version);
                    (kind, name.as_str(), version.as_str(), package.architecture.as_deref(), os(package))
                })
                .collect();
            let expected: Vec<_> =
                expected.iter().map(|(a, b, c, d, e)| (*a, *b, *c, *d, (*e).to_owned())).collect();
            assert_eq!(got, expected, "{text}");
            assert_eq!(found.problems.len(), problems, "{text}");
        }
    }

    #[test]
    fn notes_of_distributions() {
        check(
            r#"{"type":"rpm","name":"hello","version":"0-1.fc35.x86_64","osCpe":"cpe:/o:fedoraproject:fedora:35"}"#,
            Some(("rpm", "hello", "0-1.fc35", Some("x86_64"), "fedora 35")),
            0,
        );
        check(
            r#"{"type":"deb","os":"ubuntu","osVersion":"24.04","name":"curl","version":"8.5.0-2ubuntu10","architecture":"amd64","debugInfoUrl":"https://x"}"#,
            Some(("deb", "curl", "8.5.0-2ubuntu10", Some("amd64"), "ubuntu 24.04")),
            0,
        );
        check(r#"{"type":"exotic","name":"x","version":"1"}"#, Some(("generic", "x", "1", None, " ")), 0);
        // A language's packages are not made by such a note.
        check(r#"{"type":"npm","name":"x","version":"1"}"#, Some(("generic", "x", "1", None, " ")), 0);
        check(r#"{"type":"rpm","version":"1"}"#, None, 0);
        check("{\"type\":\"rpm\",\"name\":\"a\\nb\",\"version\":\"1\"}", None, 0);
        check(r#"{"type":"rpm","name":"#, None, 1);
        check("[1]", None, 1);
    }

    #[test]
    fn lengths_that_lie() {
        let whole = note(r#"{"type":"deb","name":"x","version":"1"}"#, false);
        for length in 0..whole.len() {
            let mut found = Extraction::default();
            packages(&"x".into(), &whole[..length], &mut found);
            assert!(found.packages.len() + found.problems.len() <= 1, "{length}");
        }
        let mut long = whole.clone();
        long[104..108].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut found = Extraction::default();
        packages(&"x".into(), &long, &mut found);
        assert_eq!((found.packages.len(), found.problems.len()), (0, 1));
        // Other notes of the same owner are not ours.
        let mut other = whole;
        other[108] ^= 1;
        let mut found = Extraction::default();
        packages(&"x".into(), &other, &mut found);
        assert_eq!(found, Extraction::default());
    }
}
