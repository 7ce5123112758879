//! pnpm's `pnpm-lock.yaml`, lockfile versions 5, 6 and 9.
//!
//! Format: pnpm/spec, "lockfile". Up to version 6 each package says whether it is for development; version 9 does not,
//! and it is worked out from what each importer asks for.

use std::collections::{HashMap, HashSet};

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Package, Problem, ProblemKind, Relation, Scope};

use super::tree::{self, Node};
use super::{Problems, npm};
use crate::{Extraction, Extractor, Reader};

/// pnpm's lockfile.
pub static PNPM_LOCK: Extractor = Extractor {
    name: "lang/pnpm_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"pnpm-lock.yaml"
}

/// How keys of `packages` are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// `/@scope/name/1.0.0_peer@1.0.0`
    Slash,
    /// `/@scope/name@1.0.0(peer@1.0.0)`; version 9 without the slash.
    At,
}

/// Reads a lockfile of any version. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::yaml(&text);
    let mut problems = document.problems(path);
    let mut packages = Vec::new();
    let documents = document.root.items();
    for root in documents {
        read(path, root, &mut packages, &mut problems);
    }
    if problems.is_empty() && !documents.iter().any(|root| root.get("lockfileVersion").is_some()) {
        problems.push(Problem::corrupt(path, "no lockfile: it has no `lockfileVersion`"));
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

fn read(path: &ImagePath, root: &Node<'_>, found: &mut Vec<Package>, problems: &mut Problems<'_>) {
    let Some(version) = root.get("lockfileVersion").and_then(Node::as_written) else { return };
    let major = version.split('.').next().unwrap_or_default();
    let keys = if matches!(major, "3" | "4" | "5") { Keys::Slash } else { Keys::At };
    if !matches!(major, "5" | "6" | "7" | "9") {
        let detail = format!(
            "lockfile version `{}` is not known; it was read as the nearest that is",
            super::short(version)
        );
        problems.push(Problem::incomplete(ProblemKind::Unsupported, path, detail));
    }
    let Some(packages) = root.get("packages") else { return };
    let graph = root.get("snapshots").unwrap_or(packages);
    let wanted = Wanted::new(root, graph);
    for (key, node) in packages.entries() {
        let bare_key = bare(key);
        let Some(mut package) = package(path, keys, key, node) else { continue };
        package.relation = if !wanted.known {
            Relation::Unknown
        } else if wanted.direct.contains(bare_key) {
            Relation::Direct
        } else {
            Relation::Transitive
        };
        package.scope = if node.is_true("dev") || wanted.development.contains(bare_key) {
            Scope::Development
        } else if node.is_true("optional") || wanted.optional.contains(bare_key) {
            Scope::Optional
        } else {
            Scope::Runtime
        };
        found.push(package);
    }
}

fn package(path: &ImagePath, keys: Keys, key: &str, node: &Node<'_>) -> Option<Package> {
    let resolution = node.get("resolution");
    if resolution.is_some_and(|resolution| resolution.get("directory").is_some()) {
        return None;
    }
    let (name, version) = match keys {
        Keys::Slash => slash_key(key),
        Keys::At => at_key(key),
    };
    // What no registry has says its own name and version.
    let name = node.text("name").or(name)?;
    let stated = node.get("version").and_then(Node::as_written);
    let version = version.filter(|version| version.starts_with(|first: char| first.is_ascii_digit()));
    if !npm::is_name(name) {
        return None;
    }
    let mut package = npm::declared(path, node.line, name, stated.or(version).unwrap_or_default());
    if let Some(resolution) = resolution {
        if let Some(integrity) = resolution.text("integrity") {
            package.digests = npm::integrity(integrity);
        }
        if let (Some(repository), Some(commit)) = (resolution.text("repo"), resolution.text("commit")) {
            package.properties.insert(npm::VCS_URL.into(), format!("{repository}#{commit}"));
        } else if let Some(tarball) = resolution.text("tarball").filter(|_| version.is_none())
            && !npm::note_origin(&mut package, tarball)
        {
            return None;
        }
    }
    Some(package)
}

/// `/name/1.0.0_peers`; before it the registry's host where it is not the default.
fn slash_key(key: &str) -> (Option<&str>, Option<&str>) {
    let Some((_, rest)) = key.split_once('/') else { return (None, None) };
    let scope = if rest.starts_with('@') { rest.find('/').map_or(rest.len(), |at| at + 1) } else { 0 };
    let Some(end) = rest[scope..].find('/').map(|at| scope + at) else { return (None, None) };
    let version = rest[end + 1..].split(['/', '_', '(']).next();
    (Some(&rest[..end]), version)
}

/// `name@1.0.0(peers)`; before it a slash or the registry's host.
fn at_key(key: &str) -> (Option<&str>, Option<&str>) {
    let bare = bare(key);
    let bare = match bare.split_once('/') {
        Some((host, rest)) if host.is_empty() || (host.contains('.') && !host.contains('@')) => rest,
        _ => bare,
    };
    match npm::split_at_version(bare) {
        Some((name, version)) => (Some(name), Some(version)),
        None => (None, None),
    }
}

/// A key without the peers it was resolved with.
fn bare(key: &str) -> &str {
    key.split_once('(').map_or(key, |(bare, _)| bare)
}

/// Which keys of `packages` the importers ask for, and which only development or optional packages reach.
#[derive(Default)]
struct Wanted<'a> {
    known: bool,
    direct: HashSet<&'a str>,
    development: HashSet<&'a str>,
    optional: HashSet<&'a str>,
}

impl<'a> Wanted<'a> {
    fn new(root: &'a Node<'a>, graph: &'a Node<'a>) -> Self {
        let entries = graph.entries();
        let index: HashMap<&str, usize> =
            entries.iter().enumerate().map(|(place, (key, _))| (key.as_ref(), place)).collect();
        let find = |name: &str, reference: &str| {
            // An alias's reference is the whole key.
            [format!("{name}@{reference}"), format!("/{name}@{reference}"), format!("/{name}/{reference}")]
                .iter()
                .map(String::as_str)
                .chain([reference])
                .find_map(|candidate| index.get(candidate).copied())
        };
        let mut wanted = Wanted::default();
        let (mut runtime, mut optional, mut development) = (Vec::new(), Vec::new(), Vec::new());
        let importers = root.get("importers").map_or(&[][..], Node::entries);
        for importer in importers.iter().map(|(_, node)| node).chain([root]) {
            for (list, starts) in [
                ("dependencies", &mut runtime),
                ("optionalDependencies", &mut optional),
                ("devDependencies", &mut development),
            ] {
                let Some(list) = importer.get(list) else { continue };
                wanted.known = true;
                for (name, node) in list.entries() {
                    let reference = node.get("version").unwrap_or(node).as_written();
                    starts.extend(reference.and_then(|reference| find(name, reference)));
                }
            }
        }
        wanted.direct = runtime
            .iter()
            .chain(&optional)
            .chain(&development)
            .map(|place| bare(&entries[*place].0))
            .collect();
        if root.get("snapshots").is_none() || !wanted.known {
            return wanted;
        }
        let reach = |starts: Vec<usize>, lists: &[&str]| {
            npm::reachable(entries.len(), starts, |place, waiting| {
                for list in lists.iter().filter_map(|list| entries[place].1.get(list)) {
                    for (name, node) in list.entries() {
                        waiting.extend(node.as_written().and_then(|reference| find(name, reference)));
                    }
                }
            })
        };
        let needed = reach(runtime.clone(), &["dependencies"]);
        runtime.extend(optional);
        let all = ["dependencies", "optionalDependencies"];
        let shipped = reach(runtime, &all);
        let developed = reach(development, &all);
        // One package with several sets of peers has several snapshots: the strongest need counts.
        let keys = |flags: Vec<bool>| -> HashSet<&str> {
            flags.iter().zip(entries).filter(|(flag, _)| **flag).map(|(_, (key, _))| bare(key)).collect()
        };
        let (needed, shipped, developed) = (keys(needed), keys(shipped), keys(developed));
        wanted.development = developed.difference(&shipped).copied().collect();
        wanted.optional = shipped.difference(&needed).copied().collect();
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str], problems: usize) -> Extraction {
        let extraction = parse(&"pnpm-lock.yaml".into(), text.as_bytes());
        let found: Vec<String> = extraction.packages.iter().map(crate::lang::describe).collect();
        assert_eq!(found, expected);
        assert_eq!(extraction.problems.len(), problems, "{:?}", extraction.problems);
        extraction
    }

    #[test]
    fn version_9() {
        let extraction = check(
            include_str!("../../fixtures/lang/pnpm_lock/v9.yaml"),
            &[
                "@s/left@1.0.0 38 Direct Runtime",
                "real@2.0.0 42 Direct Development",
                "deep@3.0.0 45 Transitive Runtime",
                "deep@3.1.0 48 Transitive Development",
                "maybe@4.0.0 51 Transitive Optional",
                "fork@5.0.0 54 Direct Runtime",
            ],
            0,
        );
        assert_eq!(extraction.packages[0].digests.len(), 1);
        assert!(extraction.packages[5].properties["vcs_url"].ends_with("/0a1b2c"));
    }

    #[test]
    fn version_6() {
        check(
            include_str!("../../fixtures/lang/pnpm_lock/v6.yaml"),
            &[
                "@s/left@1.0.0 15 Direct Runtime",
                "real@2.0.0 19 Direct Development",
                "fork@5.0.0 23 Transitive Runtime",
            ],
            0,
        );
    }

    #[test]
    fn version_5() {
        check(
            include_str!("../../fixtures/lang/pnpm_lock/v5.yaml"),
            &[
                "@s/left@1.0.0 14 Direct Runtime",
                "real@2.0.0 18 Direct Development",
                "other@6.0.0 22 Transitive Optional",
                "fork@5.0.0 26 Transitive Runtime",
            ],
            0,
        );
    }

    #[test]
    fn broken() {
        check(include_str!("../../fixtures/lang/pnpm_lock/bad.yaml"), &["left@1.0.0 3 Unknown Runtime"], 1);
        check("{broken}", &[], 1);
        check("", &[], 1);
        check("lockfileVersion: '12.0'\npackages: {}\n", &[], 1);
        check("lockfileVersion: '9.0'\n", &[], 0);
        check(
            "---\nlockfileVersion: '9.0'\n---\nlockfileVersion: '9.0'\npackages:\n  a@1.0.0: {}\n",
            &["a@1.0.0 6 Unknown Runtime"],
            0,
        );
    }
}
