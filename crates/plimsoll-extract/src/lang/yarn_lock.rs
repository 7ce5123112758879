//! Yarn's `yarn.lock`: classic (version 1) and Berry (versions 2 and later, YAML in form).
//!
//! Both are written line by line with two spaces per level, and are read so: one broken entry does not hide the
//! others. Berry lists the project's workspaces as entries, which tells direct packages from the rest; classic does not
//! say, and `package.json` is another file.

use std::collections::HashSet;

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Package, Relation};

use super::npm::{self, Origin};
use super::{Problems, tree};
use crate::{Extraction, Extractor, Reader};

/// Yarn's lockfile.
pub static YARN_LOCK: Extractor = Extractor {
    name: "lang/yarn_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"yarn.lock"
}

/// One entry, as far as it is needed.
#[derive(Default)]
struct Stanza<'a> {
    line: u32,
    /// What asks for it: `a@^1.0.0, a@^1.2.0`, without quotes.
    patterns: String,
    version: &'a str,
    resolved: &'a str,
    resolution: &'a str,
    integrity: &'a str,
    /// What a workspace asks for, as `name@range`.
    asks: Vec<String>,
}

/// Reads a lockfile of either kind.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let mut problems = Problems::new(path);
    let stanzas = stanzas(path, &text, &mut problems);
    // Ranges that workspaces ask for, `npm:` left out: Berry 2 and 3 write it only in the pattern.
    let mut asked = HashSet::new();
    for stanza in stanzas.iter().filter(|stanza| stanza.resolution.contains("@workspace:")) {
        asked.extend(stanza.asks.iter().map(String::as_str));
    }
    let berry = stanzas.iter().any(|stanza| stanza.patterns == "__metadata");
    let knows_direct = stanzas.iter().any(|stanza| stanza.resolution.contains("@workspace:"));
    let mut packages = Vec::new();
    for stanza in &stanzas {
        if stanza.patterns == "__metadata" {
            continue;
        }
        if stanza.version.is_empty() {
            problems.line(stanza.line, "an entry without version");
            continue;
        }
        let read = if berry { berry_package(path, stanza) } else { classic_package(path, stanza) };
        let Some(mut package) = read else { continue };
        if knows_direct {
            let direct = stanza.patterns.split(", ").any(|pattern| asked.contains(plain(pattern).as_str()));
            package.relation = if direct { Relation::Direct } else { Relation::Transitive };
        }
        packages.push(package);
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

/// `name@range` without the protocol that goes without saying and without what Berry binds to it.
fn plain(pattern: &str) -> String {
    let (name, range) = npm::split_at_version(pattern).unwrap_or((pattern, ""));
    let range = range.split_once("::").map_or(range, |(range, _)| range);
    format!("{name}@{}", range.strip_prefix("npm:").unwrap_or(range))
}

fn stanzas<'a>(path: &ImagePath, text: &'a str, problems: &mut Problems<'_>) -> Vec<Stanza<'a>> {
    let mut stanzas: Vec<Stanza<'a>> = Vec::new();
    let mut block = "";
    for (line, content) in (1..).zip(text.lines()) {
        let trimmed = content.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let indent = content.len() - content.trim_start_matches(' ').len();
        if indent == 0 {
            // Keys of more than 1,024 characters are written behind `? `, their colon on the next line.
            if trimmed == ":" {
                continue;
            }
            let Some(key) = trimmed.strip_prefix("? ").or_else(|| trimmed.strip_suffix(':')) else {
                problems.line(line, "neither an entry nor a field of one");
                continue;
            };
            if stanzas.len() >= super::MOST_PACKAGES {
                problems.push(super::too_many(path, line));
                break;
            }
            stanzas.push(Stanza { line, patterns: key.replace('"', ""), ..Stanza::default() });
            block = "";
            continue;
        }
        let Some(stanza) = stanzas.last_mut() else {
            problems.line(line, "a field outside of an entry");
            continue;
        };
        let Some((key, value)) = field(trimmed) else { continue };
        if indent <= 2 {
            block = if value.is_empty() { key } else { "" };
            match key {
                "version" => stanza.version = value,
                "resolved" => stanza.resolved = value,
                "resolution" => stanza.resolution = value,
                "integrity" => stanza.integrity = value,
                _ => {}
            }
        } else if matches!(block, "dependencies" | "devDependencies" | "optionalDependencies") {
            stanza.asks.push(plain(&format!("{key}@{value}")));
        }
    }
    stanzas
}

/// `key value`, `key: value`, `"key" "value"`, `key:`.
fn field(text: &str) -> Option<(&str, &str)> {
    let (key, rest) = if let Some(quoted) = text.strip_prefix('"') {
        quoted.split_once('"')?
    } else {
        let end = text.find([' ', ':']).unwrap_or(text.len());
        text.split_at(end)
    };
    let rest = rest.trim_start();
    let value = rest.strip_prefix(':').unwrap_or(rest).trim();
    Some((key, value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)))
}

fn classic_package(path: &ImagePath, stanza: &Stanza<'_>) -> Option<Package> {
    let pattern = stanza.patterns.split(", ").next()?;
    let (asked_as, range) = npm::split_at_version(pattern).unwrap_or((pattern, ""));
    let name = match range.strip_prefix("npm:") {
        Some(real) => npm::split_at_version(real).map_or(real, |(name, _)| name),
        None => asked_as,
    };
    if !npm::is_name(name) {
        return None;
    }
    let mut package = npm::declared(path, stanza.line, name, stanza.version);
    package.digests = npm::integrity(stanza.integrity);
    match npm::origin(range) {
        Origin::Local if !npm::is_tarball(range) => return None,
        // The address with the commit stands in `resolved`.
        Origin::Git | Origin::Web if npm::origin(stanza.resolved) != Origin::Registry => {
            npm::note_origin(&mut package, stanza.resolved);
        }
        _ if npm::origin(stanza.resolved) == Origin::Git => {
            npm::note_origin(&mut package, stanza.resolved);
        }
        _ => {}
    }
    Some(package)
}

fn berry_package(path: &ImagePath, stanza: &Stanza<'_>) -> Option<Package> {
    // `name@npm:1.0.0`, `name@patch:name@npm%3A1.0.0#…`, `name@workspace:.`, `name@https://…#commit=…`
    let (name, reference) = npm::split_at_version(stanza.resolution)?;
    if !npm::is_name(name) {
        return None;
    }
    let mut package = npm::declared(path, stanza.line, name, stanza.version);
    npm::note_origin(&mut package, reference).then_some(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str], problems: usize) -> Extraction {
        let extraction = parse(&"yarn.lock".into(), text.as_bytes());
        let found: Vec<String> = extraction.packages.iter().map(crate::lang::describe).collect();
        assert_eq!(found, expected);
        assert_eq!(extraction.problems.len(), problems, "{:?}", extraction.problems);
        extraction
    }

    #[test]
    fn classic() {
        let extraction = check(
            include_str!("../../fixtures/lang/yarn_lock/classic.lock"),
            &[
                "left@1.0.1 4 Unknown Runtime",
                "@s/real@2.0.0 11 Unknown Runtime",
                "real@3.0.0 15 Unknown Runtime",
                "fork@4.0.0 19 Unknown Runtime",
                "packed@5.0.0 26 Unknown Runtime",
            ],
            0,
        );
        assert_eq!(extraction.packages[0].digests.len(), 1);
        assert_eq!(
            extraction.packages[3].properties["vcs_url"],
            "https://codeload.github.com/a/fork/tar.gz/0a1b2c"
        );
    }

    #[test]
    fn berry() {
        let extraction = check(
            include_str!("../../fixtures/lang/yarn_lock/berry.lock"),
            &[
                "left@1.0.1 8 Direct Runtime",
                "real@2.0.0 17 Direct Runtime",
                "left@1.0.1 24 Transitive Runtime",
                "fork@4.0.0 31 Direct Runtime",
                "long@1.0.0 38 Transitive Runtime",
            ],
            0,
        );
        assert_eq!(
            extraction.packages[3].properties["vcs_url"],
            "https://github.com/a/fork.git#commit=0a1b2c"
        );
    }

    #[test]
    fn broken() {
        check(include_str!("../../fixtures/lang/yarn_lock/bad.lock"), &["left@1.0.0 2 Unknown Runtime"], 3);
        check("", &[], 0);
        check("<<<<<<< HEAD\n", &[], 1);
        check("  version \"1\"\n", &[], 1);
        check(&"x\n".repeat(1000), &[], 17);
    }
}
