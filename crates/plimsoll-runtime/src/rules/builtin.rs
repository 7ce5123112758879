//! The detections that this crate brings along, and their pages.

use std::fmt::Write as _;

use super::{Engine, Files, RuleInfo};

/// The rules, in the form of any rule file.
pub const RULES: &str = include_str!("builtin.yaml");

/// How they are named where files are named.
pub const NAME: &str = "builtin";

/// The engine of these rules alone.
///
/// # Panics
/// Never: that they are right is tested.
pub fn engine() -> Engine {
    let mut files = Files::default();
    files.add(NAME, RULES);
    files.compile().0
}

/// The page of a detection in `docs/detections/`.
pub fn page(rule: &RuleInfo) -> String {
    let mut text = format!(
        "# {}: {}\n\nPriority: {}.\n\n## What\n\n{}\n\n## Why\n\n{}\n\n## How to fix\n\n{}\n",
        rule.own.id,
        rule.name,
        rule.priority.name(),
        rule.description,
        rule.own.why.trim(),
        rule.own.fix.trim(),
    );
    let techniques: Vec<&str> = techniques(rule).collect();
    if !techniques.is_empty() {
        let _ = write!(text, "\n## Elsewhere\n\n");
        for technique in techniques {
            let path = technique.replace('.', "/");
            let _ =
                writeln!(text, "- MITRE ATT&CK [{technique}](https://attack.mitre.org/techniques/{path}/)");
        }
    }
    let _ = write!(
        text,
        "\n## Tried\n\n`crates/plimsoll-runtime/fixtures/detections/{0}.fires.jsonl` meets it, `{0}.quiet.jsonl` nearly does.\n\
         `plimsoll watch replay` shows both. The condition is in `crates/plimsoll-runtime/src/rules/builtin.yaml`.\n",
        rule.own.id,
    );
    text
}

/// The techniques of MITRE ATT&CK among a rule's tags.
pub fn techniques(rule: &RuleInfo) -> impl Iterator<Item = &str> {
    rule.tags.iter().map(String::as_str).filter(|tag| {
        tag.strip_prefix('T').is_some_and(|rest| {
            rest.len() >= 4 && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;
    use std::path::{Path, PathBuf};

    use super::{NAME, RULES, engine, page, techniques};
    use crate::record::Reader;
    use crate::rules::{Engine, Files, Nothing};

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/detections")
    }

    /// The rules that a recording meets, by their ids.
    fn met(engine: &mut Engine, name: &str) -> BTreeSet<String> {
        let path = fixtures().join(name);
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut reader = Reader::new(&bytes[..]).unwrap();
        let mut ids = BTreeSet::new();
        let mut events = 0;
        while let Some(event) = reader.next_event().unwrap() {
            events += 1;
            for rule in engine.evaluate(&event, &Nothing).to_vec() {
                ids.insert(engine.rules()[rule].own.id.clone());
            }
        }
        assert!(reader.problems.is_empty() && reader.unknown == 0, "{name}: {:?}", reader.problems);
        assert!(events >= 2, "{name} is a sequence");
        ids
    }

    #[test]
    fn every_rule_is_right_and_says_what_why_and_what_to_do() {
        let mut files = Files::default();
        files.add(NAME, RULES);
        let (engine, report) = files.compile();
        assert_eq!(
            (&report.errors[..], &report.warnings[..], &report.skipped[..]),
            (&[][..], &[][..], &[][..])
        );
        assert!(engine.rules().len() >= 40, "{}", engine.rules().len());
        let mut ids = BTreeSet::new();
        for rule in engine.rules() {
            assert!(
                rule.own.id.len() == 5 && rule.own.id.starts_with("PW") && ids.insert(&rule.own.id),
                "{}",
                rule.name
            );
            assert!(!rule.own.why.is_empty() && !rule.own.fix.is_empty(), "{}", rule.name);
            assert!(techniques(rule).next().is_some(), "{} has a technique", rule.name);
        }
    }

    #[test]
    fn every_rule_sees_its_technique_and_not_what_is_nearly_it() {
        let mut engine = engine();
        let ids: Vec<String> = engine.rules().iter().map(|rule| rule.own.id.clone()).collect();
        for id in &ids {
            let fires = met(&mut engine, &format!("{id}.fires.jsonl"));
            assert!(fires.contains(id), "{id} does not fire: {fires:?}");
            let quiet = met(&mut engine, &format!("{id}.quiet.jsonl"));
            assert!(!quiet.contains(id), "{id} fires on what is not it");
        }
        let files = std::fs::read_dir(fixtures()).unwrap().count();
        assert_eq!(files, 2 * ids.len(), "every recording belongs to a rule");
    }

    #[test]
    fn every_rule_has_its_page() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/detections");
        let mut pages: Vec<(String, String)> = Vec::new();
        let mut index = "# Detections\n\nWhat `plimsoll watch` looks for without any rule file. Written by the tests of\n`plimsoll-runtime` from `crates/plimsoll-runtime/src/rules/builtin.yaml`.\n\n| id | detection | priority | techniques |\n|---|---|---|---|\n".to_owned();
        for rule in engine().rules() {
            let id = &rule.own.id;
            pages.push((format!("{id}.md"), page(rule)));
            let techniques = techniques(rule).collect::<Vec<_>>().join(", ");
            writeln!(index, "| [{id}]({id}.md) | {} | {} | {techniques} |", rule.name, rule.priority.name())
                .unwrap();
        }
        pages.push(("README.md".to_owned(), index));
        if std::env::var_os("PLIMSOLL_WRITE").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            for (name, text) in &pages {
                std::fs::write(folder.join(name), text).unwrap();
            }
        }
        for (name, text) in &pages {
            let there = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
            assert_eq!(
                &there, text,
                "docs/detections/{name} is not what the rules say: PLIMSOLL_WRITE=1 writes it"
            );
        }
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), pages.len(), "every page is of a rule");
    }
}
