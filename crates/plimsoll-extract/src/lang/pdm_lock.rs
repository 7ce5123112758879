//! PDM's `pdm.lock`.
//!
//! A package says which groups of the project need it. Which group is for development and which is an extra stands in
//! `pyproject.toml`; only the name `dev`, PDM's own default, is taken for development.

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Scope};

use super::{python, tree};
use crate::{Extraction, Extractor, Reader};

/// PDM's lockfile.
pub static PDM_LOCK: Extractor = Extractor {
    name: "lang/pdm_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"pdm.lock"
}

/// Reads a lockfile. A broken package does not hide the others.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::toml(&text, "package");
    let mut problems = document.problems(path);
    let mut extraction = Extraction::default();
    for node in document.root.get("package").map_or(&[][..], |packages| packages.items()) {
        let Some(mut package) = python::entry(path, node, &mut problems) else { continue };
        if node.get("path").is_some() {
            continue;
        }
        if let Some(address) = node.text("git") {
            python::note_repository(&mut package, address, node.text("revision"));
        } else if let Some(address) = node.text("url") {
            python::note_address(&mut package, address);
        }
        let groups = node.get("groups").map_or(&[][..], |groups| groups.items());
        let has = |name: &str| groups.iter().any(|group| group.as_text() == Some(name));
        package.scope = if groups.is_empty() || has("default") {
            Scope::Runtime
        } else if has("dev") {
            Scope::Development
        } else {
            Scope::Optional
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
        let extraction = parse(&"pdm.lock".into(), text.as_bytes());
        let found: Vec<String> = extraction.packages.iter().map(crate::lang::describe).collect();
        assert_eq!(found, expected);
        assert_eq!(extraction.problems.len(), problems, "{:?}", extraction.problems);
    }

    #[test]
    fn lockfile() {
        check(
            include_str!("../../fixtures/lang/pdm_lock/pdm.lock"),
            &[
                "left@1.0 6 Unknown Runtime",
                "tester@2.0 11 Unknown Development",
                "maybe@3.0 16 Unknown Optional",
                "fork@4.0 21 Unknown Runtime",
            ],
            0,
        );
        check(include_str!("../../fixtures/lang/pdm_lock/bad.lock"), &["left@1.0 2 Unknown Runtime"], 1);
    }
}
