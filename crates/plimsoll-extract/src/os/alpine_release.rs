//! `etc/alpine-release`: one line with the version, `3.18.4`.

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, ProblemKind};

use super::{Problems, lines, release, text};
use crate::{Extraction, Extractor, Reader};

/// Alpine's version.
pub static ALPINE_RELEASE: Extractor = Extractor {
    name: "os/alpine_release",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| entry.path.as_bytes() == b"etc/alpine-release",
    read: Reader::Whole { limit: 64 << 10, parse },
};

/// Reads the file. Edge says `3.21_alpha20240807`: the version is then `edge`, and the point release what was written.
pub fn parse(path: &ImagePath, input: &[u8]) -> Extraction {
    let line = text(lines(input).next().map(|(_, line)| line).unwrap_or_default());
    if !line.starts_with(|first: char| first.is_ascii_digit()) {
        let mut problems = Problems::new(path);
        problems.note(ProblemKind::Corrupt, format!("`{line}` is not a version of Alpine"));
        return Extraction { problems: problems.finish(), ..Extraction::default() };
    }
    let found = release::candidate("alpine", &line, "", path);
    Extraction { releases: vec![(release::OWN_FILE, found)], ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<(&str, Option<&str>)>) {
        let found = parse(&ImagePath::from("etc/alpine-release"), input.as_bytes());
        let release = found.releases.first().map(|(_, release)| release);
        assert_eq!(
            release.map(|release| (release.version.as_str(), release.point.as_deref())),
            expected,
            "{input:?}"
        );
        assert_eq!(found.problems.is_empty(), expected.is_some());
    }

    #[test]
    fn versions() {
        check("3.18.4\n", Some(("3.18.4", None)));
        check("3.21_alpha20240807\n", Some(("edge", Some("3.21_alpha20240807"))));
        check("", None);
        check("hello", None);
    }
}
