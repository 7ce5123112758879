//! Stack's `stack.yaml.lock`: packages beside the snapshot, and where each comes from.
//!
//! What the snapshot brings stands in the snapshot, which is somewhere on the web: it is not in the file and not listed, and the
//! report says so.
//!
//! Format: docs.haskellstack.org, "Lock files".

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Problem, ProblemKind, Relation};

use super::npm::VCS_URL;
use super::tree::{self, Node};
use super::{declared, hackage, is_plain};
use crate::{Extraction, Extractor, Reader};

/// Stack's lockfile.
pub static STACK_LOCK: Extractor = Extractor {
    name: "lang/stack_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"stack.yaml.lock"
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
    for node in list.map_or(&[][..], Node::items) {
        let Some(completed) = node.get("completed") else {
            problems.line(node.line, "a package that is not completed");
            continue;
        };
        // `aeson-2.0.3.0@sha256:…,6000`
        let hackage = completed.text("hackage").and_then(|text| hackage::split(text.split('@').next()?));
        let stated = completed.text("name").zip(completed.get("version").and_then(Node::as_written));
        let Some((name, version)) = hackage.or(stated).filter(|(name, _)| is_plain(name)) else {
            problems.line(node.line, "a package without name or version");
            continue;
        };
        let mut package = declared(Ecosystem::Hackage, path, completed.line, name, version);
        package.relation = Relation::Direct;
        if let Some(address) = completed.text("git") {
            let commit = completed.text("commit").unwrap_or_default();
            package.properties.insert(VCS_URL.into(), format!("{address}#{commit}"));
        }
        packages.push(package);
    }
    if root.and_then(|root| root.get("snapshots")).is_some_and(|snapshots| !snapshots.items().is_empty()) {
        let detail = "packages that come from the snapshot are not named in it";
        problems.push(Problem::note(ProblemKind::Unsupported, path, detail));
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockfile() {
        let found = parse(
            &"stack.yaml.lock".into(),
            include_bytes!("../../fixtures/lang/stack_lock/stack.yaml.lock"),
        );
        crate::lang::expect(&found, &["aeson@2.0.0.0 3 Direct Runtime", "forked@0.1 10 Direct Runtime"], 1);
        assert_eq!(found.packages[1].properties["vcs_url"], "https://example.org/forked.git#0a1b2c3d");
        let bad = include_bytes!("../../fixtures/lang/stack_lock/bad.lock");
        crate::lang::expect(&parse(&"stack.yaml.lock".into(), bad), &["a@1.0 2 Direct Runtime"], 2);
        crate::lang::expect(&parse(&"stack.yaml.lock".into(), b"packages: []\nsnapshots: []\n"), &[], 0);
    }
}
