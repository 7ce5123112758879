//! Chisel's manifest: `var/lib/chisel/manifest.wall`, what images of cut Ubuntu packages have instead of dpkg's database.
//!
//! It names no source packages, under which Ubuntu's advisories stand: a package whose source has another name can be missed, and
//! the report says so.
//!
//! Format: canonical/chisel, "Chisel manifest": zstd; one JSON object on each line ("jsonwall 1.0", schema 1.0).

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read};

use plimsoll_fs::Entry;
use plimsoll_model::{Digest, Ecosystem, ImagePath, Location, Package, Problem, ProblemKind};
use serde::Deserialize;

use super::{MAX_PACKAGES, MAX_VALUE, Paths, Problems};
use crate::{Extraction, Extractor, Ownership, Reader};

/// Chisel's manifest.
pub static CHISEL_MANIFEST: Extractor = Extractor {
    name: "os/chisel_manifest",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| entry.path.as_bytes() == b"var/lib/chisel/manifest.wall",
    read: Reader::Stream { parse },
};

/// Bytes that are read of the uncompressed manifest. Those of real images have some hundred kilobytes.
const MOST_BYTES: u64 = 256 << 20;

/// Longest line that is read: a path that many slices share.
const LONGEST_LINE: u64 = 64 << 10;

/// Memory for decompression, as a power of two.
const WINDOW: u32 = 25;

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    jsonwall: Option<String>,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    sha256: String,
    #[serde(default)]
    arch: String,
    #[serde(default)]
    slice: String,
    #[serde(default)]
    path: String,
}

/// Reads the manifest: packages, and which of them each path is from. A broken line costs no other.
pub fn parse(path: &ImagePath, input: &mut dyn Read) -> io::Result<Extraction> {
    let mut problems = Problems::new(path);
    let mut all = Extraction::default();
    let mut owned: BTreeMap<String, Vec<ImagePath>> = BTreeMap::new();
    let mut paths = Paths::new();
    let mut decoder = zstd::stream::read::Decoder::new(input)?;
    decoder.window_log_max(WINDOW)?;
    let mut reader = BufReader::new(decoder.take(MOST_BYTES));
    let mut line = Vec::new();
    let mut number = 0_u32;
    let mut is_headed = false;
    loop {
        line.clear();
        match reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                let detail = format!("cannot be decompressed behind line {number}: {error}");
                problems.truncated(detail);
                break;
            }
        }
        number += 1;
        if line.len() as u64 == LONGEST_LINE && line.last() != Some(&b'\n') {
            problems.limit(format!(
                "line {number} is longer than {LONGEST_LINE} bytes: nothing behind it is read"
            ));
            break;
        }
        let Ok(read) = serde_json::from_slice::<Line>(&line) else {
            problems.corrupt(format!("line {number} is no object of a manifest"));
            continue;
        };
        if let Some(format) = read.jsonwall {
            is_headed = true;
            if !format.starts_with("1.") {
                problems.push(Problem::incomplete(
                    ProblemKind::Unsupported,
                    path,
                    "has a newer format than 1: packages may be missing",
                ));
            }
            continue;
        }
        match read.kind.as_str() {
            "package" => {
                let is_sound = |text: &str| !text.is_empty() && text.len() <= MAX_VALUE;
                if !is_sound(&read.name) || !is_sound(&read.version) {
                    problems.corrupt(format!("the package in line {number} has no name or no version"));
                } else if all.packages.len() >= MAX_PACKAGES {
                    problems.limit(format!("more than {MAX_PACKAGES} packages"));
                    break;
                } else {
                    let location = Location::new(path.clone());
                    let mut package = Package::new(Ecosystem::Deb, read.name, read.version, location);
                    package.architecture = Some(read.arch).filter(|text| is_sound(text));
                    package.digests.extend(Digest::parse(&format!("sha256:{}", read.sha256)));
                    all.packages.push(package);
                }
            }
            "content" if !read.path.ends_with('/') => {
                let package = read.slice.split('_').next().unwrap_or_default();
                if let Some(path) = paths.join(b"", read.path.as_bytes()) {
                    owned.entry(package.to_owned()).or_default().push(path);
                }
            }
            _ => {}
        }
    }
    if reader.get_ref().limit() == 0 {
        problems.limit(format!("is larger than {MOST_BYTES} bytes: packages may be missing"));
    }
    if !is_headed {
        problems.corrupt("has no head of a manifest");
    }
    if !all.packages.is_empty() {
        let detail = "names no source packages, under which Ubuntu's advisories stand: those of packages whose source has another name are missed";
        problems.push(Problem::incomplete(ProblemKind::NotCovered, path, detail));
    }
    paths.finish(&mut problems);
    all.ownership = owned
        .into_iter()
        .map(|(package, paths)| Ownership { ecosystem: Ecosystem::Deb, package, architecture: None, paths })
        .collect();
    all.problems = problems.finish();
    Ok(all)
}

/// Reads arbitrary bytes, and the same bytes compressed: sound packages, and no more paths than bytes.
pub fn fuzz(input: &[u8]) {
    let path = ImagePath::from("var/lib/chisel/manifest.wall");
    let _ = parse(&path, &mut &*input);
    let Ok(packed) = zstd::bulk::compress(input, 1) else { return };
    let Ok(found) = parse(&path, &mut packed.as_slice()) else { return };
    assert!(found.packages.iter().all(|package| !package.name.is_empty() && !package.version.is_empty()));
    assert!(found.ownership.iter().map(|owner| owner.paths.len()).sum::<usize>() <= input.len());
    assert!(found.problems.len() <= super::MAX_PROBLEMS + 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Extraction {
        let packed = zstd::bulk::compress(text, 3).unwrap();
        parse(&"var/lib/chisel/manifest.wall".into(), &mut packed.as_slice()).unwrap()
    }

    const GOOD: &[u8] = include_bytes!("../../fixtures/os/chisel_manifest/good.jsonl");

    #[test]
    fn packages_and_paths() {
        let found = read(GOOD);
        let shown: Vec<String> =
            found.packages.iter().map(|one| format!("{} {}", one.name, one.version)).collect();
        assert_eq!(shown, ["base-files 12ubuntu4.6", "libssl3 3.0.2-0ubuntu1.15"]);
        assert_eq!(found.packages[1].architecture.as_deref(), Some("amd64"));
        assert_eq!(found.packages[1].digests.len(), 1);
        let owners: Vec<(&str, &[ImagePath])> =
            found.ownership.iter().map(|owner| (owner.package.as_str(), owner.paths.as_slice())).collect();
        let paths = [["etc/os-release"], ["usr/lib/x86_64-linux-gnu/libssl.so.3"]]
            .map(|list| list.map(ImagePath::from));
        assert_eq!(owners, [("base-files", &paths[0][..]), ("libssl3", &paths[1][..])]);
        let details: Vec<&str> = found.problems.iter().map(|problem| problem.detail.as_str()).collect();
        assert_eq!(details.len(), 1);
        assert!(details[0].contains("no source packages"), "{details:?}");
    }

    #[test]
    fn what_is_broken_is_told() {
        let found = read(include_bytes!("../../fixtures/os/chisel_manifest/bad.jsonl"));
        assert_eq!((found.packages.len(), found.problems.len()), (1, 4), "{:?}", found.problems);
        // Cut off within its compression.
        let packed = zstd::bulk::compress(GOOD, 3).unwrap();
        let found = parse(&"a".into(), &mut &packed[..packed.len() - 5]).unwrap();
        assert!(found.problems.iter().any(|problem| problem.kind == ProblemKind::Truncated), "{found:?}");
        let found = parse(&"a".into(), &mut &b"no zstd at all"[..]).unwrap();
        assert_eq!((found.packages.len(), found.problems.is_empty()), (0, false));
        let long = [GOOD, &b"{".repeat(1 << 17)[..]].concat();
        let found = read(&long);
        assert_eq!(found.packages.len(), 2);
        assert!(found.problems.iter().any(|problem| problem.kind == ProblemKind::LimitExceeded));
    }
}
