//! Conan's `conan.lock`, of Conan 1 (0.4) and of Conan 2 (0.5).
//!
//! Format: docs.conan.io, "Lockfiles".

use std::collections::HashSet;

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Package, Problem, Relation, Scope};

use super::tree::{self, Node};
use super::{declared, is_plain};
use crate::{Extraction, Extractor, Reader};

/// Conan's lockfile.
pub static CONAN_LOCK: Extractor = Extractor {
    name: "lang/conan_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    let name = entry.path.file_name();
    name == b"conan.lock" || name.ends_with(b".conan.lock")
}

/// Reads a lockfile. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let root = &document.root;
    let mut problems = document.problems(path);
    let mut packages = Vec::new();
    let nodes = root.get("graph_lock").and_then(|graph| graph.get("nodes"));
    if problems.is_empty() && nodes.is_none() && root.get("requires").is_none() {
        problems.push(Problem::corrupt(path, "no lockfile: it has neither `graph_lock` nor `requires`"));
    }
    if let Some(nodes) = nodes {
        let listed = |node: &Node<'_>, key: &str| -> HashSet<String> {
            node.get(key)
                .map_or(&[][..], Node::items)
                .iter()
                .filter_map(Node::as_text)
                .map(str::to_owned)
                .collect()
        };
        // Node 0 is the project.
        let own = nodes.get("0");
        let direct = own.map(|node| listed(node, "requires")).unwrap_or_default();
        let for_build = own.map(|node| listed(node, "build_requires")).unwrap_or_default();
        for (id, node) in nodes.entries().iter().filter(|(id, _)| id != "0") {
            let Some(mut package) = node.text("ref").and_then(|text| reference(path, node, text)) else {
                problems.line(node.line, "a package without a reference");
                continue;
            };
            let is_direct = direct.contains(id.as_ref()) || for_build.contains(id.as_ref());
            package.relation = if is_direct { Relation::Direct } else { Relation::Transitive };
            if node.text("context") == Some("build") || for_build.contains(id.as_ref()) {
                package.scope = Scope::Development;
            }
            packages.push(package);
        }
    }
    for (key, scope) in [
        ("requires", Scope::Runtime),
        ("build_requires", Scope::Development),
        ("python_requires", Scope::Development),
    ] {
        for node in root.get(key).map_or(&[][..], Node::items) {
            // With revisions of its own package, a reference is a list.
            let text = node.as_text().or_else(|| node.items().first()?.as_text());
            let Some(mut package) = text.and_then(|text| reference(path, node, text)) else {
                problems.line(node.line, "no reference of a package");
                continue;
            };
            package.scope = scope;
            packages.push(package);
        }
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

/// `name/version[@user/channel][#revision[%time]][:package…]`.
fn reference(path: &ImagePath, node: &Node<'_>, text: &str) -> Option<Package> {
    let line = node.get("ref").map_or(node.line, |inner| inner.line);
    let bare = text.split(['#', '%', ':']).next()?;
    let (place, owner) = bare.split_once('@').unwrap_or((bare, ""));
    let (name, version) = place.split_once('/')?;
    if !is_plain(name) || version.is_empty() {
        return None;
    }
    let mut package = declared(Ecosystem::Conan, path, line, name, version);
    if let Some((user, channel)) = owner.split_once('/').filter(|(user, _)| *user != "_") {
        package.properties.insert("user".into(), user.to_owned());
        package.properties.insert("channel".into(), channel.to_owned());
    }
    Some(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions() {
        let check = |bytes: &[u8], expected: &[&str], problems| {
            let found = parse(&"conan.lock".into(), bytes);
            crate::lang::expect(&found, expected, problems);
            found
        };
        check(
            include_bytes!("../../fixtures/lang/conan_lock/v1.lock"),
            &[
                "openexr@2.4.0 5 Direct Runtime",
                "zlib@1.2.12 6 Transitive Runtime",
                "cmake@3.25.0 7 Direct Development",
            ],
            0,
        );
        let found = check(
            include_bytes!("../../fixtures/lang/conan_lock/v2.lock"),
            &[
                "jasper@2.0.24 4 Unknown Runtime",
                "cctz@2.3 5 Unknown Runtime",
                "cmake@3.25.0 8 Unknown Development",
            ],
            0,
        );
        assert_eq!(found.packages[1].properties["user"], "bincrafters");
        check(include_bytes!("../../fixtures/lang/conan_lock/bad.lock"), &["a@1 2 Unknown Runtime"], 2);
        check(b"{}", &[], 1);
    }
}
