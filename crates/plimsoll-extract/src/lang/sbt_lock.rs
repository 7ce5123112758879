//! sbt's `build.sbt.lock`, of the plugin sbt-dependency-lock.
//!
//! Format: stringbean/sbt-dependency-lock, version 1. A dependency that only test configurations have is one of development.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Problem, ProblemKind, Scope};

use super::tree::{self, Node};
use super::{declared, is_plain};
use crate::{Extraction, Extractor, Reader};

/// sbt's lockfile.
pub static SBT_LOCK: Extractor = Extractor {
    name: "lang/sbt_lock",
    version: 1,
    declares: true,
    wants: |entry: &Entry<'_>| entry.path.file_name().ends_with(b".sbt.lock"),
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

/// Reads a lockfile. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let root = &document.root;
    let mut problems = document.problems(path);
    match root.get("lockVersion").and_then(Node::as_written) {
        Some("1") => {}
        Some(_) => {
            let detail = "has another format than version 1: packages may be missing";
            problems.push(Problem::incomplete(ProblemKind::Unsupported, path, detail));
        }
        None if problems.is_empty() => {
            problems.push(Problem::corrupt(path, "no lockfile: it has no `lockVersion`"));
        }
        None => {}
    }
    let mut packages = Vec::new();
    for node in root.get("dependencies").map_or(&[][..], Node::items) {
        let field = |name| node.text(name).filter(|text| is_plain(text));
        let (Some(group), Some(name), Some(version)) = (field("org"), field("name"), field("version")) else {
            if document.breaks.is_empty() {
                problems.line(node.line, "a dependency without `org`, `name` or `version`");
            }
            continue;
        };
        let mut package = declared(Ecosystem::Maven, path, node.line, &format!("{group}:{name}"), version);
        let mut configurations = node
            .get("configurations")
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(Node::as_text)
            .peekable();
        if configurations.peek().is_some() && configurations.all(|name| name.starts_with("test")) {
            package.scope = Scope::Development;
        }
        packages.push(package);
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::expect;

    #[test]
    fn dependencies() {
        let path = ImagePath::from("build.sbt.lock");
        let found = parse(&path, include_bytes!("../../fixtures/lang/sbt_lock/build.sbt.lock"));
        expect(
            &found,
            &[
                "com.example:mast_2.13@1.2.3 4 Unknown Runtime",
                "com.example:trial_2.13@2.0 5 Unknown Development",
            ],
            0,
        );
        let bad = parse(&path, include_bytes!("../../fixtures/lang/sbt_lock/bad.sbt.lock"));
        expect(&bad, &["com.example:mast_2.13@1.2.3 3 Unknown Runtime"], 1);
        expect(&parse(&path, b"{\"lockVersion\": 1, \"dependencies\": [{}]}"), &[], 1);
        expect(&parse(&path, b"{}"), &[], 1);
    }
}
