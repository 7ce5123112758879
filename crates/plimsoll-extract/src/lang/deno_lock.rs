//! Deno's `deno.lock`, versions 2 to 5: packages of npm and of jsr.io, and modules by address.
//!
//! Format: denoland/deno_lockfile. Modules that are named by an address have no version and are counted in a note.

use std::collections::HashSet;

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Problem, ProblemKind, Relation};

use super::tree::{self, Node};
use super::{declared, is_plain};
use crate::{Extraction, Extractor, Reader};

/// Deno's lockfile.
pub static DENO_LOCK: Extractor = Extractor {
    name: "lang/deno_lock",
    version: 1,
    declares: true,
    wants: |entry: &Entry<'_>| entry.path.file_name() == b"deno.lock",
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

/// Reads a lockfile. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let root = &document.root;
    let mut problems = document.problems(path);
    match root.get("version").and_then(Node::as_written) {
        Some("2" | "3" | "4" | "5") => {}
        Some(_) => {
            let detail = "has another format than versions 2 to 5: packages may be missing";
            problems.push(Problem::incomplete(ProblemKind::Unsupported, path, detail));
        }
        None if problems.is_empty() => {
            problems.push(Problem::corrupt(path, "no lockfile: it has no `version`"));
        }
        None => {}
    }
    // Version 3 has them one level deeper; version 2 has `npm.packages`.
    let inner = root.get("packages").unwrap_or(root);
    let direct: HashSet<&str> = root
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(Node::as_text)
        .collect();
    let asked: HashSet<String> = inner
        .get("specifiers")
        .map_or(&[][..], Node::entries)
        .iter()
        .filter(|(specifier, _)| direct.contains(specifier.as_ref()))
        .filter_map(|(specifier, resolved)| {
            let resolved = resolved.as_text()?;
            let (kind, rest) = specifier.split_once(':')?;
            // Version 4 repeats neither kind nor name.
            let name = rest.get(..rest.get(1..)?.find('@')? + 1)?;
            Some(if resolved.contains(':') {
                resolved.to_owned()
            } else {
                format!("{kind}:{name}@{resolved}")
            })
        })
        .collect();
    let mut packages = Vec::new();
    for (kind, ecosystem) in [("npm", Ecosystem::Npm), ("jsr", Ecosystem::Jsr)] {
        let list = inner.get(kind);
        let list = list.and_then(|list| list.get("packages")).or(list);
        for (key, node) in list.map_or(&[][..], Node::entries) {
            // What a package's peers were stands behind an underscore: `@a/b@1.0.0_c@2.0.0`.
            let at = key.char_indices().skip(1).find(|(_, character)| *character == '@').map(|(at, _)| at);
            let Some((name, version)) = at
                .map(|at| (&key[..at], key[at + 1..].split('_').next().unwrap_or_default()))
                .filter(|(name, version)| is_plain(name) && is_plain(version))
            else {
                problems.line(node.line, "no package with a version");
                continue;
            };
            let mut package = declared(ecosystem, path, node.line, name, version);
            if !direct.is_empty() {
                let is_direct = asked.contains(&format!("{kind}:{key}"));
                package.relation = if is_direct { Relation::Direct } else { Relation::Transitive };
            }
            packages.push(package);
        }
    }
    let remote = root.get("remote").map_or(0, |remote| remote.entries().len());
    if remote > 0 {
        let detail = format!("{remote} modules are named by their address only: they are not listed");
        problems.push(Problem::note(ProblemKind::Unsupported, path, detail));
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockfile() {
        let path = ImagePath::from("deno.lock");
        let good = include_bytes!("../../fixtures/lang/deno_lock/deno.lock");
        let found = parse(&path, good);
        crate::lang::expect(
            &found,
            &[
                "chalk@5.3.0 12 Direct Runtime",
                "@a/peer@1.0.0 13 Transitive Runtime",
                "@std/assert@1.0.6 8 Direct Runtime",
            ],
            1,
        );
        let bad = include_bytes!("../../fixtures/lang/deno_lock/bad.lock");
        crate::lang::expect(&parse(&path, bad), &["a@1.0.0 2 Unknown Runtime"], 2);
        crate::lang::expect(&parse(&path, b"{}"), &[], 1);
        crate::lang::expect(&parse(&path, br#"{"version": "9"}"#), &[], 1);
    }
}
