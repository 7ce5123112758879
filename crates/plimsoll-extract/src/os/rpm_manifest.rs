//! Packages of images that hold no rpm database: `var/lib/rpmmanifest/container-manifest-2` (distroless Azure Linux).
//!
//! Format: the lines of an `rpm -qa` query with tabs between columns: name, version-release, install time, build time, vendor,
//! (none), size, architecture, epoch, source rpm. `container-manifest-1` beside it holds the same packages with fewer facts.

use plimsoll_fs::Entry;
use plimsoll_model::ImagePath;

use super::rpm::{package, some, source};
use super::{MAX_PACKAGES, Problems, lines};
use crate::{Extraction, Extractor, Reader};

/// The list of packages that stands for an rpm database.
pub static RPM_MANIFEST: Extractor = Extractor {
    name: "os/rpm_manifest",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| entry.path.as_bytes() == b"var/lib/rpmmanifest/container-manifest-2",
    read: Reader::Whole { limit: 64 << 20, parse },
};

/// Reads the list. A line that has other columns becomes a problem; the others are still reported.
pub fn parse(path: &ImagePath, input: &[u8]) -> Extraction {
    let mut problems = Problems::new(path);
    let mut packages = Vec::new();
    for (number, line) in lines(input) {
        if line.is_empty() {
            continue;
        }
        let columns: Vec<_> = line.split(|byte| *byte == b'\t').take(11).collect();
        let [name, version, _, _, vendor, _, _, architecture, epoch, source_rpm] = columns[..] else {
            problems.corrupt(format!("line {number} has not ten columns"));
            continue;
        };
        let (Some(name), Some(evr)) = (some(name), some(version)) else {
            problems.corrupt(format!("line {number} has no name or no version"));
            continue;
        };
        let Some((version, release)) = evr.split_once('-') else {
            problems.corrupt(format!("line {number}: `{evr}` is not a version and a release"));
            continue;
        };
        if packages.len() >= MAX_PACKAGES {
            problems.limit(format!("`{name}` is beyond the first {MAX_PACKAGES} packages"));
            break;
        }
        let epoch = some(epoch).and_then(|epoch| epoch.parse().ok()).filter(|epoch| *epoch != 0);
        let mut package = package(path, name, version, release, epoch);
        package.architecture = some(architecture);
        package.vendor = some(vendor);
        package.source = some(source_rpm).and_then(|file| source(&file, &package, &evr));
        if let Some(place) = package.locations.first_mut() {
            place.line = Some(number);
        }
        packages.push(package);
    }
    if !input.is_empty() && !input.ends_with(b"\n") {
        problems.truncated("ends within a line: more packages may be missing");
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

/// Reads arbitrary bytes: neither a panic nor more packages than lines.
pub fn fuzz(input: &[u8]) {
    let found = parse(&ImagePath::from("var/lib/rpmmanifest/container-manifest-2"), input);
    assert!(found.packages.len() <= input.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str, problems: usize) {
        let found = parse(&ImagePath::from("var/lib/rpmmanifest/container-manifest-2"), input.as_bytes());
        let rows: Vec<_> = found
            .packages
            .iter()
            .map(|package| {
                let (source, version) = package.source_or_self();
                format!("{} {} {source} {version}", package.name, package.version)
            })
            .collect();
        assert_eq!(rows.join("; "), expected, "{input:?}");
        assert_eq!(found.problems.len(), problems, "{input:?}: {:?}", found.problems);
    }

    #[test]
    fn lines_of_a_query() {
        let rest = "1\t1\tMicrosoft Corporation\t(none)\t1\tx86_64";
        check(
            &format!("openssl-libs\t3.3.0-2.azl3\t{rest}\t0\topenssl-3.3.0-2.azl3.src.rpm\n"),
            "openssl-libs 3.3.0-2.azl3 openssl 3.3.0-2.azl3",
            0,
        );
        check(&format!("a\t1-2\t{rest}\t1\t(none)\n"), "a 1:1-2 a 1:1-2", 0);
        check(&format!("a\t1\t{rest}\t1\t(none)\nb\t1-2\t{rest}\t0\t(none)"), "b 1-2 b 1-2", 2);
        check("a b c\n\n", "", 1);
        check("", "", 0);
    }
}
