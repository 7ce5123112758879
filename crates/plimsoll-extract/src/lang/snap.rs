//! Snaps: `meta/snap.yaml`, of a snap itself or of those that are mounted or unpacked below `snap/`; and what a snap was built from:
//! `snap/manifest.yaml`, `usr/share/snappy/dpkg.yaml`.
//!
//! The Debian packages in a snap are those of its base, which is another Ubuntu release than the system around it: advisories of the
//! system's release would be the wrong ones. They are counted, and the report says that nothing was asked for them.
//!
//! Format: snapcraft.io/docs, "The snap format"; snapcraft's manifest.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem, ProblemKind};

use super::is_plain;
use super::tree::{self, Node};
use crate::{Extraction, Extractor, Reader};

/// Snaps.
pub static SNAP: Extractor = Extractor {
    name: "lang/snap",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| is_at(entry.path, "meta/snap.yaml"),
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

/// What they were built from.
pub static SNAP_CONTENTS: Extractor = Extractor {
    name: "lang/snap_contents",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| {
        is_at(entry.path, "snap/manifest.yaml") || is_at(entry.path, "usr/share/snappy/dpkg.yaml")
    },
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse: parse_contents },
};

/// Is it that path, or one that ends so?
fn is_at(path: &ImagePath, inner: &str) -> bool {
    path.as_bytes()
        .strip_suffix(inner.as_bytes())
        .is_some_and(|before| before.is_empty() || before.ends_with(b"/"))
}

/// Reads the description of one snap.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::yaml(&text);
    let mut problems = document.problems(path);
    let root = document.root.items().first();
    let field = |name: &str| root.and_then(|root| root.get(name));
    let name = field("name").and_then(Node::as_text).filter(|name| is_plain(name));
    let version = field("version").and_then(Node::as_written).filter(|version| is_plain(version));
    let mut packages = Vec::new();
    match (name, version) {
        (Some(name), Some(version)) => {
            let mut package = Package::new(Ecosystem::Snap, name, version, Location::new(path.clone()));
            let license = field("license").and_then(Node::as_text).filter(|text| text.len() <= 512);
            package.licenses.extend(license.map(str::to_owned));
            let architectures = field("architectures").map_or(&[][..], Node::items);
            if let [architecture] = architectures {
                package.architecture =
                    architecture.as_text().filter(|text| is_plain(text)).map(str::to_owned);
            }
            packages.push(package);
        }
        _ if problems.is_empty() => problems.push(Problem::corrupt(path, "no `name` or no `version`")),
        _ => {}
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

/// Counts the Debian packages that a snap was made of.
pub fn parse_contents(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::yaml(&text);
    let mut problems = document.problems(path);
    let root = document.root.items().first();
    let lists = ["primed-stage-packages", "package-list", "packages"];
    let count: usize = lists.iter().filter_map(|key| root?.get(key)).map(|list| list.items().len()).sum();
    if count > 0 {
        let detail = format!(
            "{count} Debian packages are inside this snap, of the Ubuntu release that it is based on: no advisories were asked for them"
        );
        problems.push(Problem::incomplete(ProblemKind::NotCovered, path, detail));
    }
    Extraction { problems: problems.finish(), ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::expect;

    #[test]
    fn descriptions() {
        for (path, expected) in [
            ("meta/snap.yaml", true),
            ("snap/core22/1380/meta/snap.yaml", true),
            ("srv/notmeta/snap.yaml", false),
        ] {
            assert_eq!((SNAP.wants)(&Entry { path: &path.into(), size: 1, mode: 0o644 }), expected, "{path}");
        }
        let path = ImagePath::from("snap/mast/7/meta/snap.yaml");
        let found = parse(&path, include_bytes!("../../fixtures/lang/snap/snap.yaml"));
        expect(&found, &["mast@1.10 0 Unknown Runtime"], 0);
        assert_eq!(found.packages[0].architecture.as_deref(), Some("amd64"));
        assert_eq!(found.packages[0].licenses, ["GPL-3.0"]);
        expect(&parse(&path, include_bytes!("../../fixtures/lang/snap/bad.yaml")), &[], 1);
        expect(&parse(&path, b""), &[], 1);
    }

    #[test]
    fn debian_packages_inside_are_told() {
        let path = ImagePath::from("snap/mast/7/snap/manifest.yaml");
        let found = parse_contents(&path, b"primed-stage-packages:\n- libssl3=3.0.2\n- libc6=2.35\n");
        expect(&found, &[], 1);
        assert!(found.problems[0].detail.starts_with("2 Debian packages"), "{:?}", found.problems);
        expect(&parse_contents(&path, b"name: mast\n"), &[], 0);
        expect(&parse_contents(&path, b"a: [b\n"), &[], 1);
    }
}
