//! npm's `package-lock.json` (versions 1, 2 and 3), `npm-shrinkwrap.json`, and the hidden `node_modules/.package-lock.json`.
//!
//! Format: docs.npmjs.com, "package-lock.json". Version 2 says everything twice; only its `packages` are read.
//! Folders of the project (workspaces, links) are not packages. Packages from git and from plain web servers are
//! listed with the version that the lock states, and none where version 1 states only an address.

use std::collections::HashSet;

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Package, Presence, Problem, ProblemKind, Relation, Scope};

use super::npm::{self, Folders, Origin};
use super::tree::{self, Node};
use crate::{Extraction, Extractor, Reader};

/// npm's lockfiles.
pub static PACKAGE_LOCK: Extractor = Extractor {
    name: "lang/package_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    matches!(entry.path.file_name(), b"package-lock.json" | b"npm-shrinkwrap.json" | b".package-lock.json")
}

/// Reads a lockfile of any version. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let root = &document.root;
    let mut packages = Vec::new();
    let mut problems = document.problems(path);
    if let Some(entries) = root.get("packages").filter(|node| node.is_map()) {
        read_packages(path, entries, &mut packages, &mut problems);
    } else if let Some(dependencies) = root.get("dependencies").filter(|node| node.is_map()) {
        read_dependencies(path, dependencies, &mut packages, &mut problems);
    } else if problems.is_empty() && root.get("lockfileVersion").is_none() && root.get("requires").is_none() {
        problems.push(Problem::corrupt(path, "no lockfile: it has neither `packages` nor `dependencies`"));
    }
    if let Some(version) = root.get("lockfileVersion").and_then(Node::as_written)
        && !matches!(version, "1" | "2" | "3")
    {
        let detail =
            format!("lockfile version `{}` is not known; it was read as version 3", super::short(version));
        problems.push(Problem::incomplete(ProblemKind::Unsupported, path, detail));
    }
    // The hidden lock is npm's record of what it has put there, not of what is wanted.
    if path.file_name() == b".package-lock.json" {
        for package in &mut packages {
            package.presence = Presence::Installed;
        }
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

/// `packages` of versions 2 and 3: one flat map from folder to package, the root folder being the empty text.
fn read_packages(
    path: &ImagePath,
    entries: &Node<'_>,
    packages: &mut Vec<Package>,
    problems: &mut super::Problems<'_>,
) {
    let direct = direct_entries(entries);
    for (place, (folder, node)) in entries.entries().iter().enumerate() {
        // A folder outside of node_modules is the project itself or one of its workspaces; a link leads to one.
        let Some((_, installed_as)) = split_last_node_modules(folder) else { continue };
        if node.is_true("link") {
            continue;
        }
        // `name` is only written where it differs from the folder: an alias.
        let name = node.text("name").unwrap_or(installed_as);
        let Some(version) = node.text("version") else { continue };
        if !npm::is_name(name) {
            problems.line(node.line, "the entry's name is no package name");
            continue;
        }
        let mut package = npm::declared(path, node.line, name, version);
        package.relation = match &direct {
            None => Relation::Unknown,
            Some(direct) if direct.contains(&place) => Relation::Direct,
            Some(_) => Relation::Transitive,
        };
        finish(&mut package, node, node.text("resolved"));
        packages.push(package);
    }
}

fn split_last_node_modules(folder: &str) -> Option<(&str, &str)> {
    let at = folder.rfind("node_modules/")?;
    let before = &folder[..at];
    let name = &folder[at + "node_modules/".len()..];
    if before.is_empty() { Some(("", name)) } else { Some((before.strip_suffix('/')?, name)) }
}

/// Which entries the project or one of its workspaces asks for by name; `None` when the lock does not hold the project.
fn direct_entries(entries: &Node<'_>) -> Option<HashSet<usize>> {
    let entries = entries.entries();
    entries.iter().any(|(folder, _)| folder.is_empty()).then_some(())?;
    let mut folders = Folders::default();
    for (place, (folder, _)) in entries.iter().enumerate() {
        if let Some((holder, name)) = split_last_node_modules(folder) {
            folders.insert(holder, name, place);
        }
    }
    let mut direct = HashSet::new();
    for (project, node) in entries {
        if split_last_node_modules(project).is_some() {
            continue;
        }
        let above = folders.above(project);
        for list in ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] {
            let names = node.get(list).map_or(&[][..], Node::entries);
            direct.extend(names.iter().filter_map(|(name, _)| folders.find(&above, name)));
        }
    }
    Some(direct)
}

/// `dependencies` of version 1: a tree, walked without recursion.
fn read_dependencies(
    path: &ImagePath,
    dependencies: &Node<'_>,
    packages: &mut Vec<Package>,
    problems: &mut super::Problems<'_>,
) {
    let mut waiting = vec![dependencies];
    while let Some(level) = waiting.pop() {
        for (installed_as, node) in level.entries() {
            if let Some(deeper) = node.get("dependencies") {
                waiting.push(deeper);
            }
            let Some(version) = node.text("version") else { continue };
            let aliased = version.strip_prefix("npm:").and_then(npm::split_at_version);
            let (name, version) = aliased.unwrap_or((installed_as, version));
            if !npm::is_name(name) {
                problems.line(node.line, "the entry's name is no package name");
                continue;
            }
            match npm::origin(version) {
                Origin::Local => {}
                Origin::Registry => {
                    let mut package = npm::declared(path, node.line, name, version);
                    finish(&mut package, node, node.text("resolved"));
                    packages.push(package);
                }
                // The address stands where the version should; a commit must not be read as one.
                Origin::Git | Origin::Web => {
                    let mut package = npm::declared(path, node.line, name, "");
                    finish(&mut package, node, Some(version));
                    if package.properties.is_empty() {
                        package.properties.insert(npm::DOWNLOAD_URL.into(), version.into());
                    }
                    packages.push(package);
                }
            }
        }
    }
}

fn finish(package: &mut Package, node: &Node<'_>, resolved: Option<&str>) {
    package.scope = if node.is_true("dev") {
        Scope::Development
    } else if node.is_true("optional") || node.is_true("devOptional") {
        Scope::Optional
    } else {
        Scope::Runtime
    };
    if let Some(integrity) = node.text("integrity") {
        package.digests = npm::integrity(integrity);
    }
    package.licenses = super::node_modules::licenses(node);
    if let Some(resolved) = resolved.filter(|resolved| npm::origin(resolved) == Origin::Git) {
        package.properties.insert(npm::VCS_URL.into(), resolved.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name@version line relation scope` of each package.
    fn check(text: &str, expected: &[&str], problems: usize) -> Extraction {
        let extraction = parse(&"package-lock.json".into(), text.as_bytes());
        let found: Vec<String> = extraction.packages.iter().map(crate::lang::describe).collect();
        assert_eq!(found, expected);
        assert_eq!(extraction.problems.len(), problems, "{:?}", extraction.problems);
        extraction
    }

    #[test]
    fn version_3() {
        let extraction = check(
            include_str!("../../fixtures/lang/package_lock/package-lock.json"),
            &[
                "left@1.0.0 14 Direct Runtime",
                "@s/right@2.0.0-rc.1 20 Transitive Development",
                "real@3.1.0 26 Direct Runtime",
                "left@0.9.0 31 Transitive Optional",
                "fork@4.0.0 35 Transitive Runtime",
                "tool@5.0.0 43 Direct Runtime",
            ],
            0,
        );
        assert_eq!(extraction.packages[0].digests.len(), 1);
        assert_eq!(extraction.packages[0].licenses, ["MIT"]);
        assert_eq!(
            extraction.packages[4].properties["vcs_url"],
            "git+ssh://git@example.org/a/fork.git#0a1b2c"
        );
    }

    #[test]
    fn version_1() {
        let extraction = check(
            include_str!("../../fixtures/lang/package_lock/npm-shrinkwrap.json"),
            &[
                "a@1.0.0 5 Unknown Runtime",
                "real@2.0.0 17 Unknown Development",
                "fork@ 21 Unknown Runtime",
                "tarball@ 24 Unknown Runtime",
                "b@0.1.0 8 Unknown Optional",
                "c@0.0.1 12 Unknown Runtime",
            ],
            0,
        );
        assert_eq!(extraction.packages[2].properties["vcs_url"], "git+https://example.org/fork.git#0a1b2c");
        assert_eq!(extraction.packages[3].properties["download_url"], "https://example.org/tarball-7.tgz");
    }

    #[test]
    fn broken() {
        check("{broken}", &[], 1);
        check("", &[], 1);
        check("[]", &[], 1);
        check("{\"lockfileVersion\": 1}", &[], 0);
        check("{\"lockfileVersion\": 4, \"packages\": {}}", &[], 1);
        let cut = "{\"lockfileVersion\": 3, \"packages\": {\n\"node_modules/a\": {\"version\": \"1.0.0\"},\n\"node_modules/b\": {\"versi";
        let extraction = check(cut, &["a@1.0.0 2 Unknown Runtime"], 1);
        assert_eq!(extraction.problems[0].detail, "line 3: the string has no end");
        assert_eq!(extraction.problems[0].kind, ProblemKind::Truncated);
    }

    #[test]
    fn nesting_without_end_is_a_problem_and_no_overflow() {
        let text = "{\"lockfileVersion\": 1, \"dependencies\": ".to_owned()
            + &"{\"a\": {\"version\": \"1.0.0\", \"dependencies\": ".repeat(50_000);
        let extraction = parse(&"package-lock.json".into(), text.as_bytes());
        assert_eq!(extraction.problems.len(), 1);
        assert!(extraction.packages.len() > 100);
    }

    #[test]
    fn the_hidden_lock_says_installed() {
        let text = "{\"lockfileVersion\": 3, \"packages\": {\"node_modules/a\": {\"version\": \"1.0.0\"}}}";
        let extraction = parse(&"node_modules/.package-lock.json".into(), text.as_bytes());
        assert_eq!(extraction.packages[0].presence, Presence::Installed);
        assert_eq!(extraction.packages[0].relation, Relation::Unknown);
    }
}
