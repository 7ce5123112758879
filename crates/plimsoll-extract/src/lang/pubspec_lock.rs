//! Dart's `pubspec.lock`.
//!
//! Packages of the SDK (`source: sdk`) and folders of the project (`source: path`) are not from a registry and are left out.
//!
//! Format: dart.dev, "pub: glossary, lockfile", and pub's `LockFile`.

use plimsoll_fs::Entry;
use plimsoll_model::{Digest, Ecosystem, ImagePath, Problem, Relation, Scope};

use super::npm::VCS_URL;
use super::tree::{self, Node};
use super::{declared, is_plain};
use crate::{Extraction, Extractor, Reader};

/// Dart's lockfile.
pub static PUBSPEC_LOCK: Extractor = Extractor {
    name: "lang/pubspec_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"pubspec.lock"
}

/// Reads a lockfile. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::yaml(&text);
    let mut problems = document.problems(path);
    let root = document.root.items().first();
    let list = root.and_then(|root| root.get("packages"));
    if problems.is_empty() && list.is_none() {
        problems.push(Problem::corrupt(path, "no lockfile: it has no `packages`"));
    }
    let mut packages = Vec::new();
    for (name, node) in list.map_or(&[][..], Node::entries) {
        let source = node.text("source").unwrap_or_default();
        if matches!(source, "sdk" | "path") {
            continue;
        }
        let version = node.get("version").and_then(Node::as_written).unwrap_or_default();
        if !is_plain(name) || version.is_empty() {
            problems.line(node.line, "a package without name or version");
            continue;
        }
        let mut package = declared(Ecosystem::Pub, path, node.line, name, version);
        (package.relation, package.scope) = match node.text("dependency") {
            Some("direct dev") => (Relation::Direct, Scope::Development),
            Some(direct) if direct.starts_with("direct") => (Relation::Direct, Scope::Runtime),
            Some("transitive") => (Relation::Transitive, Scope::Runtime),
            _ => (Relation::Unknown, Scope::Runtime),
        };
        if let Some(description) = node.get("description") {
            let sum = description.text("sha256").and_then(|sum| Digest::parse(&format!("sha256:{sum}")).ok());
            package.digests.extend(sum);
            if let ("git", Some(address)) = (source, description.text("url")) {
                let commit = description.text("resolved-ref").unwrap_or_default();
                package.properties.insert(VCS_URL.into(), format!("{address}#{commit}"));
            }
        }
        packages.push(package);
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockfile() {
        let found =
            parse(&"pubspec.lock".into(), include_bytes!("../../fixtures/lang/pubspec_lock/pubspec.lock"));
        crate::lang::expect(
            &found,
            &[
                "agent_dart@1.0.0-dev.28 3 Direct Runtime",
                "lints@2.1.1 11 Direct Development",
                "meta@1.11.0 18 Transitive Runtime",
                "shelf_fork@1.4.0 25 Direct Runtime",
            ],
            0,
        );
        assert_eq!(found.packages[3].properties["vcs_url"], "https://example.org/shelf.git#0a1b2c3d");
        assert_eq!(found.packages[0].digests.len(), 1);
        let bad = include_bytes!("../../fixtures/lang/pubspec_lock/bad.lock");
        crate::lang::expect(&parse(&"pubspec.lock".into(), bad), &["a@1.0.0 2 Transitive Runtime"], 2);
        crate::lang::expect(&parse(&"pubspec.lock".into(), b"packages:\nsdks:\n  dart: x\n"), &[], 0);
    }
}
