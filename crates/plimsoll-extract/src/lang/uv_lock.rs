//! uv's `uv.lock`.
//!
//! The project and its workspace members are packages of the lock with a local source: they are not listed, and what
//! they ask for tells direct, development and optional packages apart.

use std::collections::{HashMap, HashSet};

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Relation, Scope};

use super::tree::{self, Node};
use super::{npm, python};
use crate::{Extraction, Extractor, Reader};

/// uv's lockfile.
pub static UV_LOCK: Extractor = Extractor {
    name: "lang/uv_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"uv.lock"
}

fn is_local(node: &Node<'_>) -> bool {
    let source = node.get("source");
    source.is_some_and(|source| {
        ["editable", "virtual", "directory"].iter().any(|key| source.get(key).is_some())
    })
}

/// Reads a lockfile. A broken package does not hide the others.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::toml(&text, "package");
    let mut problems = document.problems(path);
    let mut extraction = Extraction::default();
    let entries = document.root.get("package").map_or(&[][..], |packages| packages.items());
    let mut index: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, node) in entries.iter().enumerate() {
        index.entry(node.text("name").unwrap_or_default()).or_default().push(place);
    }
    // A dependency says its version only where the lock holds several, of which there are never many.
    let find = |dependency: &Node<'_>, found: &mut Vec<usize>| {
        let places = dependency.text("name").and_then(|name| index.get(name));
        let version = dependency.text("version");
        let fits = |place: &&usize| version.is_none() || entries[**place].text("version") == version;
        found.extend(places.into_iter().flatten().take(16).filter(fits));
    };
    let (mut needed, mut optional, mut development) = (Vec::new(), Vec::new(), Vec::new());
    for node in entries.iter().filter(|node| is_local(node)) {
        for dependency in node.get("dependencies").map_or(&[][..], Node::items) {
            find(dependency, &mut needed);
        }
        for (table, found) in
            [("optional-dependencies", &mut optional), ("dev-dependencies", &mut development)]
        {
            for (_, group) in node.get(table).map_or(&[][..], Node::entries) {
                group.items().iter().for_each(|dependency| find(dependency, found));
            }
        }
    }
    let known = entries.iter().any(is_local);
    let direct: HashSet<usize> = needed.iter().chain(&optional).chain(&development).copied().collect();
    let reach = |starts: Vec<usize>| {
        npm::reachable(entries.len(), starts, |place, waiting| {
            let node = &entries[place];
            // The lists of a member are starts already, those of its groups must not leak into the others.
            for dependency in node.get("dependencies").map_or(&[][..], Node::items) {
                find(dependency, waiting);
            }
            if is_local(node) {
                return;
            }
            for (_, extra) in node.get("optional-dependencies").map_or(&[][..], Node::entries) {
                extra.items().iter().for_each(|dependency| find(dependency, waiting));
            }
        })
    };
    let needed = reach(needed);
    let optional = reach(optional);
    for (place, node) in entries.iter().enumerate() {
        let Some(mut package) = python::entry(path, node, &mut problems) else { continue };
        if is_local(node) {
            continue;
        }
        if let Some(source) = node.get("source") {
            if let Some(address) = source.text("git") {
                python::note_repository(&mut package, address, None);
            } else if let Some(address) = source.text("url") {
                python::note_address(&mut package, address);
            }
        }
        if known {
            package.relation = if direct.contains(&place) { Relation::Direct } else { Relation::Transitive };
            package.scope = match (needed[place], optional[place]) {
                (true, _) => Scope::Runtime,
                (_, true) => Scope::Optional,
                _ => Scope::Development,
            };
        }
        extraction.packages.push(package);
    }
    extraction.problems = problems.finish();
    extraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str], problems: usize) {
        let extraction = parse(&"uv.lock".into(), text.as_bytes());
        let found: Vec<String> = extraction.packages.iter().map(crate::lang::describe).collect();
        assert_eq!(found, expected);
        assert_eq!(extraction.problems.len(), problems, "{:?}", extraction.problems);
    }

    #[test]
    fn lockfile() {
        check(
            include_str!("../../fixtures/lang/uv_lock/uv.lock"),
            &[
                "left@1.0 5 Direct Runtime",
                "deep@2.0 11 Transitive Runtime",
                "deep@2.1 16 Transitive Development",
                "tester@3.0 21 Direct Development",
                "maybe@4.0 27 Direct Optional",
                "fork@5.0 32 Direct Runtime",
            ],
            0,
        );
        check(
            include_str!("../../fixtures/lang/uv_lock/bad.lock"),
            &["left@1.0 3 Unknown Runtime", "last@1.0 9 Unknown Runtime"],
            1,
        );
        check("", &[], 0);
    }
}
