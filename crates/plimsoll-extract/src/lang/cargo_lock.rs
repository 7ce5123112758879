//! `Cargo.lock`, versions 1 to 4.
//!
//! Packages without a source are the project's own; they are listed, with the property `source` = `local`, and what they depend on is
//! direct. What is only for development or for another platform is not marked in the file. Tables are read one by one, so that a
//! broken one (a merge conflict) costs no other.
//!
//! Format: The Cargo Book (1.95) "Cargo.toml vs Cargo.lock"; cargo `core::resolver::encode`.

use std::collections::{BTreeMap, HashMap, HashSet};

use plimsoll_fs::Entry;
use plimsoll_model::{
    Digest, Ecosystem, ImagePath, Location, Package, Presence, Problem, ProblemKind, Relation,
};
use serde::Deserialize;

use super::{LOCKFILE_LIMIT, bounded};
use crate::{Extraction, Extractor, Reader};

/// Rust crates.
pub static CARGO_LOCK: Extractor = Extractor {
    name: "lang/cargo_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: LOCKFILE_LIMIT, parse },
};

/// Newest version of the format that is known.
const NEWEST: u32 = 4;

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"Cargo.lock"
}

#[derive(Deserialize)]
struct Table {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

#[derive(Deserialize)]
struct Preamble {
    version: Option<u32>,
}

/// Reads a `Cargo.lock`. Public for fuzzing.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = String::from_utf8_lossy(bytes);
    let mut problems = Vec::new();
    let mut tables: Vec<(u32, Table)> = Vec::new();
    let mut checksums: BTreeMap<String, String> = BTreeMap::new();
    for (line, header, body) in sections(&text) {
        let outcome = match header {
            "" => toml::from_str(body).map(|preamble: Preamble| {
                if preamble.version.is_some_and(|version| version > NEWEST) {
                    let detail = "has a newer format than version 4: packages may be missing";
                    problems.push(Problem::incomplete(ProblemKind::Unsupported, path, detail));
                }
            }),
            // Before 2016 the project's own package had a table of its own.
            "[[package]]" | "[root]" => toml::from_str(body).map(|table| tables.push((line, table))),
            "[metadata]" => {
                toml::from_str(body).map(|table: BTreeMap<String, String>| checksums.extend(table))
            }
            // Patches that nothing uses; tables that other tools keep here. What is no table at all is an error.
            _ => toml::from_str(&format!("{header}\n{body}")).map(|_: serde::de::IgnoredAny| ()),
        };
        if let Err(error) = outcome {
            let message = error.message();
            problems
                .push(Problem::corrupt(path, format!("the table at line {line} cannot be read: {message}")));
        }
    }
    let direct = direct(&tables);
    let has_own = tables.iter().any(|(_, table)| table.source.is_none());
    let mut packages = Vec::with_capacity(tables.len());
    for (index, (line, table)) in tables.iter().enumerate() {
        let location = Location::at_line(path.clone(), *line);
        let mut package =
            Package::new(Ecosystem::Cargo, table.name.as_str(), table.version.as_str(), location);
        package.presence = Presence::Declared;
        package.relation = match (&table.source, direct.contains(&index)) {
            (None, _) => Relation::Unknown,
            (_, true) => Relation::Direct,
            (_, false) if has_own => Relation::Transitive,
            _ => Relation::Unknown,
        };
        let source = table.source.as_deref().unwrap_or("local");
        if !is_crates_io(source) {
            package.properties.insert("source".into(), source.to_owned());
        }
        let checksum = table.checksum.as_ref().or_else(|| {
            let source = table.source.as_ref()?;
            checksums.get(&format!("checksum {} {} ({source})", table.name, table.version))
        });
        package.digests.extend(checksum.and_then(|hex| Digest::parse(&format!("sha256:{hex}")).ok()));
        packages.push(package);
    }
    Extraction { packages, problems: bounded(path, problems), ..Extraction::default() }
}

/// The registry itself and its sparse twin.
fn is_crates_io(source: &str) -> bool {
    matches!(
        source,
        "registry+https://github.com/rust-lang/crates.io-index" | "sparse+https://index.crates.io/"
    )
}

/// Cuts the text at its table headers: line of the header from 1, the header, what follows it. The first has no header.
fn sections(text: &str) -> Vec<(u32, &str, &str)> {
    let mut found = Vec::new();
    let (mut start, mut header, mut header_line) = (0, "", 1);
    let mut at = 0;
    for (line, number) in text.split_inclusive('\n').zip(1_u32..) {
        // Elements of arrays are indented or quoted, so a bracket at the very start is a header.
        if line.starts_with('[') {
            found.push((header_line, header, &text[start..at]));
            (start, header, header_line) = (at + line.len(), line.trim_end(), number);
        }
        at += line.len();
    }
    found.push((header_line, header, &text[start..]));
    found
}

/// Positions of the packages that the project's own packages name.
fn direct(tables: &[(u32, Table)]) -> HashSet<usize> {
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, (_, table)) in tables.iter().enumerate() {
        by_name.entry(&table.name).or_default().push(index);
    }
    let own = tables.iter().filter(|(_, table)| table.source.is_none());
    let mut named: HashSet<(&str, Option<&str>)> = HashSet::new();
    for dependency in own.flat_map(|(_, table)| &table.dependencies) {
        // `name`, `name version` or `name version (source)`: as short as is unambiguous.
        let mut words = dependency.split(' ');
        if let Some(name) = words.next() {
            named.insert((name, words.next()));
        }
    }
    let mut found = HashSet::new();
    for (name, version) in named {
        let candidates = by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        found.extend(
            candidates
                .iter()
                .filter(|index| version.is_none_or(|version| tables[**index].1.version == version)),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lang::describe;

    const SUM: &str = "2dffe52ecf27772e601905b7522cb4ef790d2cc203488bbd0e2fe85fcb74566d";
    const INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";

    fn check(text: &str, expected: &[&str], problems: usize) -> Extraction {
        let found = parse(&"Cargo.lock".into(), text.as_bytes());
        assert_eq!(found.packages.iter().map(describe).collect::<Vec<_>>(), expected, "{text}");
        assert_eq!(found.problems.len(), problems, "{text}: {:?}", found.problems);
        found
    }

    fn table(name: &str, version: &str, source: &str, dependencies: &str) -> String {
        let source = if source.is_empty() { String::new() } else { format!("source = \"{source}\"\n") };
        format!(
            "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{source}dependencies = [\n {dependencies}\n]\n\n"
        )
    }

    #[test]
    fn every_version() {
        for version in ["", "version = 3\n", "version = 4\n"] {
            let head = format!("# generated\n{version}");
            let line = head.lines().count();
            let text = [
                head,
                table("app", "0.1.0", "", "\"a\",\n \"b 2.0.0\","),
                table("a", "1.0.0", INDEX, "\"b 1.0.0\""),
                table("b", "1.0.0", INDEX, ""),
                table("b", "2.0.0", "git+https://example.com/b#0a", ""),
            ]
            .concat();
            let found = check(
                &text,
                &[
                    &format!("app@0.1.0 {} Unknown Runtime", line + 1),
                    &format!("a@1.0.0 {} Direct Runtime", line + 9),
                    &format!("b@1.0.0 {} Transitive Runtime", line + 17),
                    &format!("b@2.0.0 {} Direct Runtime", line + 25),
                ],
                0,
            );
            let sources: Vec<_> = found
                .packages
                .iter()
                .map(|package| package.properties.get("source").map(String::as_str))
                .collect();
            assert_eq!(sources, [Some("local"), None, None, Some("git+https://example.com/b#0a")]);
        }
    }

    #[test]
    fn checksums_old_and_new() {
        let old = format!(
            "[root]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \"a 1.0.0 ({INDEX})\",\n]\n\n{}[metadata]\n\"checksum a 1.0.0 ({INDEX})\" = \"{SUM}\"\n",
            table("a", "1.0.0", INDEX, "")
        );
        let new = format!(
            "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"{INDEX}\"\nchecksum = \"{SUM}\"\n"
        );
        let old = check(&old, &["app@0.1.0 1 Unknown Runtime", "a@1.0.0 8 Direct Runtime"], 0);
        let new = check(&new, &["a@1.0.0 2 Unknown Runtime"], 0);
        for package in [&old.packages[1], &new.packages[0]] {
            assert_eq!(package.digests[0].to_string(), format!("sha256:{SUM}"));
        }
    }

    #[test]
    fn a_broken_table_costs_no_other() {
        let text = format!(
            "{}[[package]]\nname = \"x\"\n<<<<<<< HEAD\nversion = \"1\"\n\n{}",
            table("a", "1.0.0", INDEX, ""),
            table("b", "1.0.0", INDEX, "")
        );
        check(&text, &["a@1.0.0 1 Unknown Runtime", "b@1.0.0 14 Unknown Runtime"], 1);
        check("[[package]]\nname = \"x\"\n", &[], 1);
        check("[\n", &[], 1);
        check("[[patch.unused]]\nname = \"x\"\nversion = \"1\"\n", &[], 0);
        check("version = 5\n", &[], 1);
        check(&format!("x = {}", "[".repeat(100_000)), &[], 1);
        check("<!DOCTYPE html>\n", &[], 1);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(\\[\\[package\\]\\]\n|name = \"a\"\n|version = \"1\"\n|dependencies = \\[\n|\\]\n| \"\\PC{0,5}\",\n|\\PC{0,8}\n){0,12}") {
            parse(&"Cargo.lock".into(), text.as_bytes());
        }
    }
}
