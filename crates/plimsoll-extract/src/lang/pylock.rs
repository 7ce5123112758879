//! The installer-independent lockfile `pylock.toml` and `pylock.NAME.toml`.
//!
//! Format: PyPA "pylock.toml specification" (PEP 751), lock version 1.

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Problem, ProblemKind, Scope};

use super::python;
use super::tree::{self, Node};
use crate::{Extraction, Extractor, Reader};

/// The standard Python lockfile.
pub static PYLOCK: Extractor = Extractor {
    name: "lang/pylock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    let name = entry.path.file_name();
    name == b"pylock.toml" || (name.starts_with(b"pylock.") && name.ends_with(b".toml"))
}

/// Reads a lockfile. A broken package does not hide the others.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::toml(&text, "packages");
    let mut problems = document.problems(path);
    let mut extraction = Extraction::default();
    let version = document.root.get("lock-version").and_then(Node::as_written);
    if document.breaks.is_empty() && version.is_none_or(|version| version.split('.').next() != Some("1")) {
        let detail = format!(
            "lock version `{}` is not known; it was read as 1.0",
            super::short(version.unwrap_or_default())
        );
        problems.push(Problem::incomplete(ProblemKind::Unsupported, path, detail));
    }
    for node in document.root.get("packages").map_or(&[][..], |packages| packages.items()) {
        let Some(mut package) = python::entry(path, node, &mut problems) else { continue };
        if node.get("directory").is_some() {
            continue;
        }
        if let Some(source) = node.get("vcs") {
            let address = source.text("url").or_else(|| source.text("path")).unwrap_or_default();
            python::note_repository(&mut package, address, source.text("commit-id"));
        } else if let Some(address) = node.get("archive").and_then(|archive| archive.text("url")) {
            python::note_address(&mut package, address);
        }
        // A marker may ask for a group or an extra; without one the package is always installed.
        let marker = node.text("marker").unwrap_or_default();
        package.scope = if marker.contains("dependency_groups") && !marker.contains("default") {
            Scope::Development
        } else if marker.contains("in extras") {
            Scope::Optional
        } else {
            Scope::Runtime
        };
        extraction.packages.push(package);
    }
    extraction.problems = problems.finish();
    extraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str], problems: usize) {
        let extraction = parse(&"pylock.toml".into(), text.as_bytes());
        let found: Vec<String> = extraction.packages.iter().map(crate::lang::describe).collect();
        assert_eq!(found, expected);
        assert_eq!(extraction.problems.len(), problems, "{:?}", extraction.problems);
    }

    #[test]
    fn lockfile() {
        check(
            include_str!("../../fixtures/lang/pylock/pylock.toml"),
            &[
                "left@1.0 5 Unknown Runtime",
                "tester@2.0 11 Unknown Development",
                "maybe@3.0 16 Unknown Optional",
                "fork@ 21 Unknown Runtime",
            ],
            0,
        );
        check(include_str!("../../fixtures/lang/pylock/pylock.bad.toml"), &["left@1.0 3 Unknown Runtime"], 1);
        check("", &[], 1);
        check("lock-version = \"2.0\"", &[], 1);
    }
}
