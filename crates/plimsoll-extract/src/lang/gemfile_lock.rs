//! Bundler's `Gemfile.lock` and `gems.locked`, and `NAME.gemfile.lock` of projects with several.
//!
//! Format: Bundler, `lockfile_parser.rb`: sections at the margin, two spaces per level. Gems from `PATH` are the project's
//! own; what they ask for counts as direct. `name (1.0-x86_64-linux)` is version 1.0 built for a platform.

use std::collections::{HashMap, HashSet};

use plimsoll_fs::Entry;
use plimsoll_model::{Digest, Ecosystem, ImagePath, Location, Package, Presence, Relation};

use super::npm::VCS_URL;
use super::{Problems, gemspec, tree};
use crate::{Extraction, Extractor, Reader};

/// Bundler's lockfile.
pub static GEMFILE_LOCK: Extractor = Extractor {
    name: "lang/gemfile_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    let name = entry.path.file_name();
    name == b"gems.locked" || name.ends_with(b"Gemfile.lock") || name.ends_with(b".gemfile.lock")
}

/// Reads a lockfile. A line that fits nowhere is a problem and does not hide the others.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let mut problems = Problems::new(path);
    let mut packages: Vec<(Package, &str)> = Vec::new();
    let mut direct: HashSet<&str> = HashSet::new();
    let mut checksums: HashMap<&str, Digest> = HashMap::new();
    let (mut section, mut remote, mut revision, mut in_specs) = ("", "", "", false);
    for (line, content) in (1..).zip(text.lines()) {
        let entry = content.trim();
        let indent = content.len() - content.trim_start_matches(' ').len();
        if entry.is_empty() {
            continue;
        }
        if indent == 0 {
            (section, remote, revision, in_specs) = (entry, "", "", false);
            if !entry.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b' ') {
                problems.line(line, "not the name of a section");
                section = "";
            }
            continue;
        }
        match (section, indent) {
            ("GEM" | "GIT" | "PATH" | "PLUGIN SOURCE", 2) => match entry.split_once(':') {
                Some(("specs", _)) => in_specs = true,
                Some(("remote", value)) => remote = value.trim(),
                Some(("revision", value)) => revision = value.trim(),
                _ => {}
            },
            ("PATH", 6) => {
                direct.extend(entry.split(' ').next());
            }
            ("GEM" | "GIT" | "PLUGIN SOURCE", 4) if in_specs => {
                let read =
                    entry.split_once(" (").and_then(|(name, rest)| Some((name, rest.strip_suffix(')')?)));
                let Some((name, version)) = read.filter(|(name, _)| gemspec::is_name(name)) else {
                    problems.line(line, "not `name (version)`");
                    continue;
                };
                if packages.len() >= super::MOST_PACKAGES {
                    problems.push(super::too_many(path, line));
                    break;
                }
                let version = version.split_once('-').map_or(version, |(version, _)| version);
                let location = Location::at_line(path.clone(), line);
                let mut package = Package::new(Ecosystem::RubyGems, name, version, location);
                package.presence = Presence::Declared;
                if section == "GIT" && !remote.is_empty() {
                    package.properties.insert(VCS_URL.into(), format!("{remote}#{revision}"));
                }
                packages.push((package, entry));
            }
            ("DEPENDENCIES", 2) => {
                direct.extend(entry.split(' ').next().map(|name| name.trim_end_matches('!')));
            }
            ("CHECKSUMS", 2) => {
                if let Some((gem, hash)) = entry.rsplit_once(' ')
                    && let Some(hex) = hash.strip_prefix("sha256=")
                    && let Ok(digest) = Digest::parse(&format!("sha256:{hex}"))
                {
                    checksums.insert(gem, digest);
                }
            }
            _ => {}
        }
    }
    let knows_direct = !direct.is_empty();
    let packages = packages.into_iter().map(|(mut package, entry)| {
        if knows_direct {
            let is_direct = direct.contains(package.name.as_str());
            package.relation = if is_direct { Relation::Direct } else { Relation::Transitive };
        }
        package.digests.extend(checksums.get(entry).cloned());
        package
    });
    Extraction { packages: packages.collect(), problems: problems.finish(), ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str], problems: usize) -> Extraction {
        let extraction = parse(&"Gemfile.lock".into(), text.as_bytes());
        let found: Vec<String> = extraction.packages.iter().map(crate::lang::describe).collect();
        assert_eq!(found, expected);
        assert_eq!(extraction.problems.len(), problems, "{:?}", extraction.problems);
        extraction
    }

    #[test]
    fn lockfile() {
        let extraction = check(
            include_str!("../../fixtures/lang/gemfile_lock/Gemfile.lock"),
            &[
                "fork@1.2.0.beta1 6 Direct Runtime",
                "left@1.0.0 18 Direct Runtime",
                "right@2.0 20 Transitive Runtime",
                "right@2.0 21 Transitive Runtime",
                "named@3 22 Direct Runtime",
            ],
            0,
        );
        assert_eq!(extraction.packages[0].properties["vcs_url"], "https://example.org/fork.git#0a1b2c");
        assert_eq!(extraction.packages[3].digests.len(), 1);
    }

    #[test]
    fn broken() {
        check(
            include_str!("../../fixtures/lang/gemfile_lock/bad.lock"),
            &["left@1.0.0 3 Unknown Runtime", "last@1.0.0 9 Unknown Runtime"],
            3,
        );
        check("", &[], 0);
    }
}
