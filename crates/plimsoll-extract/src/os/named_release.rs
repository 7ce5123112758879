//! Release files of one sentence: `CentOS Linux release 7.9.2009 (Core)`, `VMware Photon OS 5.0`, and the three lines of
//! `etc/SuSE-release`.
//!
//! No specification; the wordings are those of the distributions' own files. Oracle keeps an `etc/redhat-release` that calls
//! itself Red Hat, so the files with the distribution's own name rank higher.

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, ProblemKind};

use super::{Problems, lines, release, text};
use crate::{Extraction, Extractor, Reader};

/// Files of one sentence, with their ranks.
const FILES: &[(&[u8], u8)] = &[
    (b"etc/almalinux-release", release::OWN_FILE),
    (b"etc/amazon-linux-release", release::OWN_FILE),
    (b"etc/azurelinux-release", release::OWN_FILE),
    (b"etc/centos-release", release::OWN_FILE),
    (b"etc/fedora-release", release::OWN_FILE),
    (b"etc/mageia-release", release::OWN_FILE),
    (b"etc/mariner-release", release::OWN_FILE),
    (b"etc/openEuler-release", release::OWN_FILE),
    (b"etc/oracle-release", release::OWN_FILE),
    (b"etc/photon-release", release::OWN_FILE),
    (b"etc/rocky-release", release::OWN_FILE),
    (b"etc/SuSE-release", release::OWN_FILE),
    (b"etc/system-release", release::SYSTEM_RELEASE),
    (b"usr/lib/system-release", release::SYSTEM_RELEASE),
    (b"etc/redhat-release", release::FAMILY_FILE),
];

/// How the sentence begins, lower case, and the os-release id of that distribution. The first match counts.
const NAMES: &[(&str, &str)] = &[
    ("alma", "almalinux"),
    ("amazon", "amzn"),
    ("azure linux", "azurelinux"),
    ("cbl-mariner", "mariner"),
    ("centos", "centos"),
    ("common base linux mariner", "mariner"),
    ("enterprise linux enterprise linux", "ol"),
    ("fedora", "fedora"),
    ("mageia", "mageia"),
    ("mariner", "mariner"),
    ("microsoft azure linux", "azurelinux"),
    ("openeuler", "openeuler"),
    ("opensuse", "opensuse"),
    ("oracle", "ol"),
    ("photon", "photon"),
    ("red hat", "rhel"),
    ("redhat", "rhel"),
    ("rhel", "rhel"),
    ("rocky", "rocky"),
    ("suse linux enterprise", "sles"),
    ("vmware photon", "photon"),
];

/// Release files of one sentence.
pub static NAMED_RELEASE: Extractor = Extractor {
    name: "os/named_release",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| FILES.iter().any(|(path, _)| *path == entry.path.as_bytes()),
    read: Reader::Whole { limit: 64 << 10, parse },
};

/// The os-release id of a distribution that calls itself `name`: `Red Hat Enterprise Linux` is `rhel`. An unknown one is
/// its first word in lower case.
pub(super) fn id_of(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    match NAMES.iter().find(|(start, _)| lower.starts_with(start)) {
        Some((_, id)) => (*id).to_owned(),
        None => lower.split(|c: char| !c.is_alphanumeric() && c != '-').next().unwrap_or_default().to_owned(),
    }
}

/// Reads the sentence: distribution and version. A file without any version names the distribution only.
pub fn parse(path: &ImagePath, input: &[u8]) -> Extraction {
    let rank = FILES
        .iter()
        .find(|(name, _)| *name == path.as_bytes())
        .map_or(release::FAMILY_FILE, |(_, rank)| *rank);
    let sentence = text(
        lines(input).map(|(_, line)| line).find(|line| !line.trim_ascii().is_empty()).unwrap_or_default(),
    );
    let id = id_of(&sentence);
    if id.is_empty() {
        let mut problems = Problems::new(path);
        problems.note(ProblemKind::Corrupt, "names no distribution");
        return Extraction { problems: problems.finish(), ..Extraction::default() };
    }
    let mut version = sentence
        .split_ascii_whitespace()
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        .unwrap_or_default()
        .to_owned();
    // SUSE: the service pack stands on a line of its own, and is the second number of os-release's VERSION_ID.
    if id == "sles" && !version.contains('.') {
        let level =
            lines(input).find_map(|(_, line)| text(line).strip_prefix("PATCHLEVEL").map(str::to_owned));
        let level = level.as_deref().map(|rest| rest.trim_start_matches([' ', '\t', '=']));
        if let Some(level) = level.filter(|level| !level.is_empty() && *level != "0") {
            version = format!("{version}.{level}");
        }
    }
    let found = release::candidate(&id, &version, &sentence, path);
    Extraction { releases: vec![(rank, found)], ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, input: &str, expected: &str) {
        let found = parse(&ImagePath::from(path), input.as_bytes());
        let text = found.releases.first().map_or(String::new(), |(rank, release)| {
            format!("{rank} {} {}", release.id, release.version).trim_end().to_owned()
        });
        assert_eq!(text, expected, "{input:?}");
        assert_eq!(found.problems.is_empty(), !expected.is_empty());
    }

    #[test]
    fn sentences() {
        check("etc/centos-release", "CentOS Linux release 7.9.2009 (Core)\n", "60 centos 7.9.2009");
        check("etc/redhat-release", "Red Hat Enterprise Linux release 8.10 (Ootpa)\n", "30 rhel 8.10");
        check("etc/oracle-release", "Oracle Linux Server release 8.10\n", "60 ol 8.10");
        check("etc/rocky-release", "Rocky Linux release 9.3 (Blue Onyx)\n", "60 rocky 9.3");
        check("etc/almalinux-release", "AlmaLinux release 9.4 (Seafoam Ocelot)\n", "60 almalinux 9.4");
        check("etc/system-release", "Amazon Linux release 2 (Karoo)\n", "50 amzn 2");
        check("etc/system-release", "Amazon Linux AMI release 2018.03\n", "50 amzn 2018.03");
        check("etc/photon-release", "VMware Photon OS 5.0\nPHOTON_BUILD_NUMBER=dde71ec57\n", "60 photon 5.0");
        check(
            "etc/mariner-release",
            "CBL-Mariner 2.0.20220804\nMARINER_BUILD_NUMBER=9\n",
            "60 mariner 2.0.20220804",
        );
        check("etc/fedora-release", "Fedora release 40 (Forty)\n", "60 fedora 40");
        check("etc/redhat-release", "Nonesuch OS release 1.2\n", "30 nonesuch 1.2");
        check("etc/redhat-release", "\n \n", "");
        check("etc/redhat-release", "", "");
    }

    #[test]
    fn service_packs_of_suse() {
        let sles = "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n";
        check("etc/SuSE-release", sles, "60 sles 11.4");
        check("etc/SuSE-release", "SUSE Linux Enterprise Server 12 (x86_64)\nPATCHLEVEL = 0\n", "60 sles 12");
        check("etc/SuSE-release", "openSUSE 13.2 (x86_64)\nVERSION = 13.2\n", "60 opensuse 13.2");
    }
}
