//! `etc/lsb-release`: `DISTRIB_ID=Ubuntu`, `DISTRIB_RELEASE=22.04`.
//!
//! Format: assignments as in os-release(5); the names are those of lsb_release(1).

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, ProblemKind};

use super::os_release::{Line, assignment};
use super::{Problems, lines, named_release, release};
use crate::{Extraction, Extractor, Reader};

/// lsb-release.
pub static LSB_RELEASE: Extractor = Extractor {
    name: "os/lsb_release",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| entry.path.as_bytes() == b"etc/lsb-release",
    read: Reader::Whole { limit: 1 << 20, parse },
};

/// Reads the file. Without `DISTRIB_ID` it names no release: several distributions ship it with other fields only.
pub fn parse(path: &ImagePath, input: &[u8]) -> Extraction {
    let mut problems = Problems::new(path);
    let (mut id, mut version, mut codename, mut name) = (String::new(), String::new(), None, String::new());
    for (number, line) in lines(input) {
        match assignment(line) {
            Line::Broken => {
                problems.note(ProblemKind::Corrupt, format!("line {number} is not an assignment"));
            }
            Line::Assignment(b"DISTRIB_ID", value) => id = value,
            Line::Assignment(b"DISTRIB_RELEASE", value) => version = value,
            Line::Assignment(b"DISTRIB_CODENAME", value) => {
                codename = Some(value).filter(|value| !value.is_empty());
            }
            Line::Assignment(b"DISTRIB_DESCRIPTION", value) => name = value,
            Line::Empty | Line::Assignment(..) => {}
        }
    }
    let mut releases = Vec::new();
    if !id.is_empty() {
        let id = named_release::id_of(&id);
        let mut found = release::candidate(&id, &version, &name, path);
        found.codename = codename;
        release::settle(&mut found);
        releases.push((release::LSB_RELEASE, found));
    }
    Extraction { releases, problems: problems.finish(), ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        let found = parse(&ImagePath::from("etc/lsb-release"), input.as_bytes());
        let text = found.releases.first().map_or(String::new(), |(_, release)| {
            format!("{} {} {}", release.id, release.version, release.codename.as_deref().unwrap_or_default())
        });
        assert_eq!(text.trim_end(), expected, "{input:?}");
    }

    #[test]
    fn releases() {
        check("DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=22.04\nDISTRIB_CODENAME=jammy\n", "ubuntu 22.04 jammy");
        check("DISTRIB_ID=\"VMware Photon OS\"\nDISTRIB_RELEASE=\"5.0\"\n", "photon 5.0");
        check("DISTRIB_ID=Debian\nDISTRIB_CODENAME=sid\n", "debian sid sid");
        check("LSB_VERSION=1.4\n", "");
    }
}
