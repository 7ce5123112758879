//! Installed PHP packages: Composer's record `vendor/composer/installed.json`.
//!
//! Composer 1 writes a list of packages, Composer 2 an object with `packages` and the names of those for development. The
//! vendor folder may have any name, and a file of this name elsewhere may be another program's: one outside of a folder
//! `composer` that has no such form is passed over, and one that cannot be read at all is only noted.

use std::collections::HashSet;

use plimsoll_fs::Entry;
use plimsoll_model::{Effect, ImagePath, Problem, Scope};

use super::composer_lock;
use super::tree::{self, Node, Value};
use crate::{Extraction, Extractor, Reader};

/// Installed Composer packages.
pub static COMPOSER_INSTALLED: Extractor = Extractor {
    name: "lang/composer_installed",
    version: 1,
    declares: false,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"installed.json"
}

/// Reads the record. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let root = &document.root;
    let list = if let Value::List(_) = root.value { Some(root) } else { root.get("packages") };
    let development: HashSet<&str> =
        root.get("dev-package-names").map_or(&[][..], Node::items).iter().filter_map(Node::as_text).collect();
    let mut extraction = Extraction::default();
    for node in list.map_or(&[][..], Node::items) {
        let Some(mut package) = composer_lock::package(path, node) else { continue };
        if development.contains(package.name.as_str()) {
            package.scope = Scope::Development;
        }
        extraction.packages.push(package);
    }
    let ours = path.parent().is_some_and(|folder| folder == b"composer" || folder.ends_with(b"/composer"));
    if ours || !extraction.packages.is_empty() {
        extraction.problems = document.problems(path).finish();
        if extraction.problems.is_empty() && list.is_none() {
            extraction.problems.push(Problem::corrupt(path, "no record of packages: it has no `packages`"));
        }
    } else {
        extraction.problems = document.breaks.iter().map(|place| place.problem(path, Effect::Note)).collect();
    }
    extraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, expected: &[&str], problems: usize) {
        let extraction = parse(&path.into(), text.as_bytes());
        let found: Vec<String> = extraction.packages.iter().map(crate::lang::describe).collect();
        assert_eq!(found, expected);
        assert_eq!(extraction.problems.len(), problems, "{:?}", extraction.problems);
    }

    #[test]
    fn records() {
        let path = "app/vendor/composer/installed.json";
        let two = include_str!("../../fixtures/lang/composer_installed/installed.json");
        check(path, two, &["acme/left@1.0.0 4 Unknown Runtime", "acme/test@2.0.0 7 Unknown Development"], 0);
        check(
            path,
            "[\n{\"name\": \"acme/left\", \"version\": \"1.0.0\"}]",
            &["acme/left@1.0.0 2 Unknown Runtime"],
            0,
        );
        let bad = include_str!("../../fixtures/lang/composer_installed/bad.json");
        check(path, bad, &["acme/left@1.0.0 2 Unknown Runtime"], 1);
        check("installed.json", bad, &["acme/left@1.0.0 2 Unknown Runtime"], 1);
        check(path, "{}", &[], 1);
        check("installed.json", "{}", &[], 0);
        check("installed.json", "{", &[], 1);
    }
}
