//! vcpkg's manifest `vcpkg.json`: the ports that a project asks for.
//!
//! Most names stand there without a version: then it is the one of a commit of the registry (`builtin-baseline`), which no file
//! of the project tells, and a note names the port. An override is the version that is taken; `version>=` is the lowest that
//! may be taken, and the one that is taken unless the commit has a later one.
//!
//! Format: learn.microsoft.com/vcpkg, "vcpkg.json reference".

use std::collections::HashMap;

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Relation, Scope};

use super::tree::{self, Node};
use super::vcpkg_status::edition;
use super::{Unknown, declared, is_plain, short};
use crate::{Extraction, Extractor, Reader};

/// Ports that a project asks for.
pub static VCPKG_MANIFEST: Extractor = Extractor {
    name: "lang/vcpkg_manifest",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    // Each port of the registry has a manifest too, which names what the port needs, not what is there.
    let is_port = || {
        entry
            .path
            .parent()
            .is_some_and(|folder| folder.split(|byte| *byte == b'/').any(|part| part == b"ports"))
    };
    entry.path.file_name() == b"vcpkg.json" && !is_port()
}

/// Reads a manifest. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let root = &document.root;
    let mut problems = document.problems(path);
    let mut packages = Vec::new();
    let mut unknown = Unknown::default();
    let mut overrides: HashMap<&str, (u32, String)> = HashMap::new();
    for node in root.get("overrides").map_or(&[][..], Node::items) {
        let version = ["version", "version-semver", "version-date", "version-string"]
            .iter()
            .find_map(|key| node.text(key))
            .filter(|version| is_plain(version));
        match (node.text("name").filter(|name| is_plain(name)), version) {
            (Some(name), Some(version)) => {
                let revision = node.get("port-version").and_then(Node::as_written);
                overrides.insert(name, (node.line, edition(version, revision)));
            }
            _ => problems.line(node.line, "an override without name and version"),
        }
    }
    let features = root.get("features").map_or(&[][..], Node::entries);
    let lists = std::iter::once(root).chain(features.iter().map(|(_, feature)| feature));
    for (index, list) in lists.enumerate() {
        for node in list.get("dependencies").map_or(&[][..], Node::items) {
            let Some(name) = node.as_text().or_else(|| node.text("name")).filter(|name| is_plain(name))
            else {
                problems.line(node.line, "a dependency without a name");
                continue;
            };
            let least = node.text("version>=").filter(|version| is_plain(version));
            let (line, version) = match overrides.get(name) {
                Some((line, version)) => (*line, version.as_str()),
                None => match least {
                    Some(version) => (node.line, version),
                    None => {
                        unknown.push(format!("`{}`", short(name)));
                        continue;
                    }
                },
            };
            let mut package = declared(Ecosystem::Vcpkg, path, line, name, version.trim_end_matches("#0"));
            package.relation = Relation::Direct;
            if node.is_true("host") {
                package.scope = Scope::Development;
            } else if index > 0 {
                package.scope = Scope::Optional;
            }
            packages.push(package);
        }
    }
    let mut problems = problems.finish();
    problems.extend(
        unknown.note(
            path,
            "ports in the version of a commit of the registry, which is not known from this file",
        ),
    );
    Extraction { packages, problems, ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::expect;

    #[test]
    fn manifest() {
        for (path, expected) in [
            ("srv/vcpkg.json", true),
            ("vcpkg.json", true),
            ("opt/vcpkg/ports/zlib/vcpkg.json", false),
            ("srv/vcpkg-configuration.json", false),
        ] {
            assert_eq!(wants(&Entry { path: &path.into(), size: 1, mode: 0o644 }), expected, "{path}");
        }
        let path = ImagePath::from("vcpkg.json");
        let found = parse(&path, include_bytes!("../../fixtures/lang/vcpkg_manifest/vcpkg.json"));
        expect(
            &found,
            &[
                "zlib@1.2.13#1 7 Direct Runtime",
                "curl@8.4.0#2 13 Direct Runtime",
                "vcpkg-cmake@2023-05-04 9 Direct Development",
                "catch2@3.4.0 19 Direct Optional",
            ],
            1,
        );
        assert!(found.problems[0].detail.ends_with("`fmt`, `openssl`, `gtest`"), "{:?}", found.problems);
        let bad = parse(&path, include_bytes!("../../fixtures/lang/vcpkg_manifest/bad.json"));
        expect(&bad, &["zlib@1.2.13 3 Direct Runtime"], 4);
    }
}
