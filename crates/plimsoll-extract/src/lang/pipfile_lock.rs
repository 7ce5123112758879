//! Pipenv's `Pipfile.lock`.
//!
//! Format: pipenv documentation, "Pipfile.lock". Which packages the project names itself stands in `Pipfile`.

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Problem, Scope};

use super::{python, tree};
use crate::{Extraction, Extractor, Reader};

/// Pipenv's lockfile.
pub static PIPFILE_LOCK: Extractor = Extractor {
    name: "lang/pipfile_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"Pipfile.lock"
}

/// Reads a lockfile. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let root = &document.root;
    let mut extraction = Extraction { problems: document.problems(path).finish(), ..Extraction::default() };
    if extraction.problems.is_empty() && !root.entries().iter().any(|(_, category)| category.is_map()) {
        extraction.problems.push(Problem::corrupt(path, "no lockfile: it has neither `_meta` nor packages"));
    }
    // Categories other than these two are the project's own (`pipenv install --categories`).
    for (category, packages) in root.entries().iter().filter(|(category, _)| category != "_meta") {
        for (name, node) in packages.entries() {
            let repository = node.text("git").or_else(|| node.text("hg"));
            let version = node.text("version").unwrap_or_default().trim_start_matches('=').trim();
            // A folder (`path`, `file`) has no version; `*` is what a lock says of one that could not be told.
            if !python::is_name(name) || version == "*" || (version.is_empty() && repository.is_none()) {
                continue;
            }
            let mut package = python::declared(path, node.line, name, version);
            package.scope = match category.as_ref() {
                "default" => Scope::Runtime,
                "develop" => Scope::Development,
                _ => Scope::Optional,
            };
            if let Some(address) = repository {
                python::note_repository(&mut package, address, node.text("ref"));
            }
            extraction.packages.push(package);
        }
    }
    extraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str], problems: usize) {
        let extraction = parse(&"Pipfile.lock".into(), text.as_bytes());
        let found: Vec<String> = extraction.packages.iter().map(crate::lang::describe).collect();
        assert_eq!(found, expected);
        assert_eq!(extraction.problems.len(), problems, "{:?}", extraction.problems);
    }

    #[test]
    fn lockfile() {
        check(
            include_str!("../../fixtures/lang/pipfile_lock/Pipfile.lock"),
            &[
                "left@1.0 4 Unknown Runtime",
                "fork@ 8 Unknown Runtime",
                "right@2.0 12 Unknown Development",
                "docs@3.0 15 Unknown Optional",
            ],
            0,
        );
        check(include_str!("../../fixtures/lang/pipfile_lock/bad.lock"), &["left@1.0 2 Unknown Runtime"], 1);
        check("", &[], 1);
        check("{}", &[], 1);
    }
}
