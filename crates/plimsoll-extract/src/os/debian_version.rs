//! `etc/debian_version`: `12.5`, or `trixie/sid` before a release.
//!
//! Format: base-files(5) has none; the file is one line. Ubuntu and other derivatives keep it with Debian's own codename, so
//! it ranks below everything that names a distribution.

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, ProblemKind};

use super::{Problems, lines, release, text};
use crate::{Extraction, Extractor, Reader};

/// Debian's point release.
pub static DEBIAN_VERSION: Extractor = Extractor {
    name: "os/debian_version",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| entry.path.as_bytes() == b"etc/debian_version",
    read: Reader::Whole { limit: 64 << 10, parse },
};

/// Reads the file: `12.5` is version 12, point release 12.5; `forky/sid` is the version that forky will have.
pub fn parse(path: &ImagePath, input: &[u8]) -> Extraction {
    let mut problems = Problems::new(path);
    let line = text(
        lines(input).map(|(_, line)| line).find(|line| !line.trim_ascii().is_empty()).unwrap_or_default(),
    );
    let mut found = release::candidate("debian", "", "", path);
    if line.starts_with(|first: char| first.is_ascii_digit()) {
        let major = line.split('.').next().unwrap_or_default();
        // Sarge was 3.1, etch 4.0: until then the second number was part of the release's name.
        let version = if matches!(major, "1" | "2" | "3") { line.as_str() } else { major };
        version.clone_into(&mut found.version);
        found.point = (version != line).then(|| line.clone());
    } else {
        let codename = line.split('/').next().unwrap_or_default();
        if release::debian_version_of(codename).is_none() {
            // Derivatives write what they like here (`kali-rolling`): worth a word, no more.
            problems.note(
                ProblemKind::Unsupported,
                format!("`{line}` is neither a version nor a known codename of Debian"),
            );
            return Extraction { problems: problems.finish(), ..Extraction::default() };
        }
        found.codename = Some(codename.to_owned());
        release::settle(&mut found);
    }
    Extraction {
        releases: vec![(release::FAMILY_FILE, found)],
        problems: problems.finish(),
        ..Extraction::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<(&str, Option<&str>, Option<&str>)>) {
        let found = parse(&ImagePath::from("etc/debian_version"), input.as_bytes());
        let release = found.releases.first().map(|(_, release)| release);
        assert_eq!(
            release.map(|release| (
                release.version.as_str(),
                release.point.as_deref(),
                release.codename.as_deref()
            )),
            expected,
            "{input:?}"
        );
        assert_eq!(found.problems.is_empty(), expected.is_some());
    }

    #[test]
    fn versions_and_codenames() {
        check("12.5\n", Some(("12", Some("12.5"), None)));
        check("13\n", Some(("13", None, None)));
        check("3.1\n", Some(("3.1", None, None)));
        check("trixie/sid\n", Some(("13", None, Some("trixie"))));
        check("sid", Some(("sid", None, Some("sid"))));
        check("kali-rolling\n", None);
        check("", None);
    }
}
