//! Bun's text lockfile `bun.lock`: JSON with comments and trailing commas.
//!
//! Format: bun.com/docs, "Lockfile"; each package is a list whose first element is `name@version`, whose last is the
//! integrity, and which has an object with what the package asks for in between. Its key is the path of names under
//! which it is installed (`a/b`: the `b` inside `a`). The older binary `bun.lockb` is not read.

use std::collections::HashSet;

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Problem, ProblemKind, Relation, Scope};

use super::npm::{self, Folders, Origin};
use super::tree::{self, Node};
use crate::{Extraction, Extractor, Reader};

/// Bun's lockfile.
pub static BUN_LOCK: Extractor = Extractor {
    name: "lang/bun_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"bun.lock"
}

/// Reads a lockfile. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let root = &document.root;
    let mut problems = document.problems(path);
    let mut extraction = Extraction::default();
    let version = root.get("lockfileVersion").and_then(Node::as_written);
    if document.breaks.is_empty() && !matches!(version, Some("0" | "1")) {
        let detail = format!(
            "lockfile version `{}` is not known; it was read as version 1",
            super::short(version.unwrap_or_default())
        );
        problems.push(Problem::incomplete(ProblemKind::Unsupported, path, detail));
    }
    let Some(packages) = root.get("packages") else {
        return Extraction { problems: problems.finish(), ..extraction };
    };
    let entries = packages.entries();
    let mut folders = Folders::default();
    for (place, (key, _)) in entries.iter().enumerate() {
        let (holder, name) = split_key(key);
        folders.insert(holder, name, place);
    }
    let mut direct: HashSet<usize> = HashSet::new();
    let (mut shipped, mut needed, mut known) = (Vec::new(), Vec::new(), false);
    for (folder, workspace) in root.get("workspaces").map_or(&[][..], Node::entries) {
        known = true;
        let owner = if folder.is_empty() { "" } else { workspace.text("name").unwrap_or_default() };
        let above = folders.above(owner);
        for list in ["dependencies", "peerDependencies", "optionalDependencies", "devDependencies"] {
            for (name, _) in workspace.get(list).map_or(&[][..], Node::entries) {
                let Some(place) = folders.find(&above, name) else { continue };
                direct.insert(place);
                match list {
                    "devDependencies" => {}
                    "optionalDependencies" => shipped.push(place),
                    _ => needed.push(place),
                }
            }
        }
    }
    shipped.extend(&needed);
    let reach = |starts: Vec<usize>, lists: &[&str]| {
        npm::reachable(entries.len(), starts, |place, waiting| {
            let (key, node) = &entries[place];
            let Some(asks) = node.items().iter().find(|item| item.is_map()) else { return };
            let above = folders.above(key);
            for list in lists.iter().filter_map(|list| asks.get(list)) {
                waiting.extend(list.entries().iter().filter_map(|(name, _)| folders.find(&above, name)));
            }
        })
    };
    let needed = reach(needed, &["dependencies", "peerDependencies"]);
    let shipped = reach(shipped, &["dependencies", "peerDependencies", "optionalDependencies"]);
    for (place, (_, node)) in entries.iter().enumerate() {
        let Some((name, reference)) =
            node.items().first().and_then(Node::as_text).and_then(npm::split_at_version)
        else {
            problems.line(node.line, "a package without `name@version`");
            continue;
        };
        if !npm::is_name(name) {
            continue;
        }
        let origin = npm::origin(reference);
        // Only a registry's reference is a version.
        let version = if origin == Origin::Registry { reference } else { "" };
        let mut package = npm::declared(path, node.line, name, version);
        if !npm::note_origin(&mut package, reference) {
            continue;
        }
        if let Some(integrity) = node.items().last().and_then(Node::as_text) {
            package.digests = npm::integrity(integrity);
        }
        if known {
            package.relation = if direct.contains(&place) { Relation::Direct } else { Relation::Transitive };
            package.scope = match (needed[place], shipped[place]) {
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

/// `a/@s/b` is `@s/b` inside `a`.
fn split_key(key: &str) -> (&str, &str) {
    let Some(last) = key.rfind('/') else { return ("", key) };
    let before = &key[..last];
    let scope = before.rfind('/').map_or(0, |at| at + 1);
    match (before[scope..].starts_with('@'), scope) {
        (false, _) => (before, &key[last + 1..]),
        (true, 0) => ("", key),
        (true, _) => (&before[..scope - 1], &key[scope..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str], problems: usize) -> Extraction {
        let extraction = parse(&"bun.lock".into(), text.as_bytes());
        let found: Vec<String> = extraction.packages.iter().map(crate::lang::describe).collect();
        assert_eq!(found, expected);
        assert_eq!(extraction.problems.len(), problems, "{:?}", extraction.problems);
        extraction
    }

    #[test]
    fn lockfile() {
        let extraction = check(
            include_str!("../../fixtures/lang/bun_lock/bun.lock"),
            &[
                "@s/left@1.0.0 22 Direct Runtime",
                "deep@3.0.0 24 Transitive Runtime",
                "real@2.0.0 26 Direct Development",
                "deep@3.1.0 28 Transitive Development",
                "fork@ 30 Direct Optional",
                "tooling@6.0.0 34 Direct Runtime",
            ],
            0,
        );
        assert_eq!(extraction.packages[0].digests.len(), 1);
        assert_eq!(extraction.packages[4].properties["vcs_url"], "github:a/fork#0a1b2c");
    }

    #[test]
    fn broken() {
        check(include_str!("../../fixtures/lang/bun_lock/bad.lock"), &["left@1.0.0 4 Unknown Runtime"], 3);
        check("", &[], 1);
        check("{}", &[], 1);
        check("{\"lockfileVersion\": \"broken\", \"packages\": {}}", &[], 1);
    }
}
