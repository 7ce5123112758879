//! CocoaPods' `Podfile.lock`.
//!
//! Parts of a pod (`ShareKit/Twitter`) are the pod: it is listed once. Pods in folders of the project are left out.
//!
//! Format: CocoaPods/Core, `Pod::Lockfile`.

use std::collections::HashSet;

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Problem, Relation};

use super::npm::VCS_URL;
use super::tree::{self, Node};
use super::{declared, is_plain};
use crate::{Extraction, Extractor, Reader};

/// CocoaPods' lockfile.
pub static PODFILE_LOCK: Extractor = Extractor {
    name: "lang/podfile_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    // `Pods/Manifest.lock` is the same file, of what was installed last.
    entry.path.file_name() == b"Podfile.lock" || entry.path.as_bytes().ends_with(b"Pods/Manifest.lock")
}

/// Reads a lockfile. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::yaml(&text);
    let mut problems = document.problems(path);
    let root = document.root.items().first();
    let get = |key: &str| root.and_then(|root| root.get(key));
    if problems.is_empty() && get("PODS").is_none() && get("PODFILE CHECKSUM").is_none() {
        problems.push(Problem::corrupt(path, "no lockfile: it has no `PODS`"));
    }
    let direct: HashSet<&str> = get("DEPENDENCIES")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(Node::as_text)
        .map(|text| pod(text).0)
        .collect();
    let origin = |name: &str| {
        get("CHECKOUT OPTIONS")
            .and_then(|options| options.get(name))
            .or_else(|| get("EXTERNAL SOURCES").and_then(|sources| sources.get(name)))
    };
    let mut seen = HashSet::new();
    let mut packages = Vec::new();
    for node in get("PODS").map_or(&[][..], Node::items) {
        // A pod with dependencies is a map of one key.
        let key = node.as_text().or_else(|| node.entries().first().map(|(key, _)| key.as_ref()));
        let (name, version) = key.map(pod).unwrap_or_default();
        if !is_plain(name) || version.is_empty() {
            problems.line(node.line, "a pod without name or version");
            continue;
        }
        let origin = origin(name);
        if !seen.insert(name) || origin.is_some_and(|origin| origin.text(":path").is_some()) {
            continue;
        }
        let mut package = declared(Ecosystem::CocoaPods, path, node.line, name, version);
        package.relation = if direct.contains(name) { Relation::Direct } else { Relation::Transitive };
        if let Some(address) = origin.and_then(|origin| origin.text(":git")) {
            let commit = origin.and_then(|origin| origin.text(":commit")).unwrap_or_default();
            package.properties.insert(VCS_URL.into(), format!("{address}#{commit}"));
        }
        packages.push(package);
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

/// The pod's name without its part, and its version: `ShareKit/Twitter (1.0)`.
fn pod(text: &str) -> (&str, &str) {
    let (name, version) = text.split_once(" (").unwrap_or((text, ""));
    (name.split('/').next().unwrap_or_default(), version.strip_suffix(')').unwrap_or(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockfile() {
        let found =
            parse(&"Podfile.lock".into(), include_bytes!("../../fixtures/lang/podfile_lock/Podfile.lock"));
        crate::lang::expect(
            &found,
            &[
                "AFNetworking@4.0.1 2 Direct Runtime",
                "GoogleUtilities@7.5.2 5 Transitive Runtime",
                "Forked@0.9.0 8 Direct Runtime",
            ],
            0,
        );
        assert_eq!(found.packages[2].properties["vcs_url"], "https://example.org/forked.git#0a1b2c3d");
        let bad = include_bytes!("../../fixtures/lang/podfile_lock/bad.lock");
        crate::lang::expect(&parse(&"Podfile.lock".into(), bad), &["A@1.0 2 Transitive Runtime"], 1);
        crate::lang::expect(&parse(&"Podfile.lock".into(), b"<<<<<<< HEAD\n"), &[], 1);
    }
}
