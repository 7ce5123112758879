//! Poetry's `poetry.lock`, lock versions 1 and 2.
//!
//! Which packages the project names itself, and up to lock version 2.0 which only its groups need, stands in
//! `pyproject.toml`, another file. Version 1 has `category`, version 2.1 has `groups`.

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Scope};

use super::{python, tree};
use crate::{Extraction, Extractor, Reader};

/// Poetry's lockfile.
pub static POETRY_LOCK: Extractor = Extractor {
    name: "lang/poetry_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"poetry.lock"
}

/// Reads a lockfile. A broken package does not hide the others.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::toml(&text, "package");
    let mut problems = document.problems(path);
    let mut extraction = Extraction::default();
    for node in document.root.get("package").map_or(&[][..], |packages| packages.items()) {
        let Some(mut package) = python::entry(path, node, &mut problems) else { continue };
        if let Some(source) = node.get("source") {
            let address = source.text("url").unwrap_or_default();
            match source.text("type") {
                Some("directory") => continue,
                Some("git") => {
                    let commit = source.text("resolved_reference").or_else(|| source.text("reference"));
                    python::note_repository(&mut package, address, commit);
                }
                Some("url") => python::note_address(&mut package, address),
                _ => {}
            }
        }
        let groups = node.get("groups").map_or(&[][..], |groups| groups.items());
        let main = groups.iter().any(|group| group.as_text() == Some("main"));
        package.scope = if node.text("category") == Some("dev") || (!groups.is_empty() && !main) {
            Scope::Development
        } else if node.is_true("optional") {
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
        let extraction = parse(&"poetry.lock".into(), text.as_bytes());
        let found: Vec<String> = extraction.packages.iter().map(crate::lang::describe).collect();
        assert_eq!(found, expected);
        assert_eq!(extraction.problems.len(), problems, "{:?}", extraction.problems);
    }

    #[test]
    fn lockfile() {
        check(
            include_str!("../../fixtures/lang/poetry_lock/poetry.lock"),
            &[
                "Left_Pad@1.0 4 Unknown Runtime",
                "old-dev@1.1 14 Unknown Development",
                "new-dev@1.2 20 Unknown Development",
                "both@1.3 25 Unknown Runtime",
                "maybe@1.4 30 Unknown Optional",
                "fork@1.5 35 Unknown Runtime",
            ],
            0,
        );
        check(
            include_str!("../../fixtures/lang/poetry_lock/bad.lock"),
            &["left@1.0 2 Unknown Runtime", "last@1.0 13 Unknown Runtime"],
            3,
        );
        check("", &[], 0);
    }
}
