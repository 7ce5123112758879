//! Erlang's `rebar.lock`.
//!
//! Format: erlang/rebar3, `rebar_config:consult_lock_file`: a list of `{name, source, level}`, since version 1.1.0 inside `{version, list}`
//! with a list of checksums behind. Level 0 is what the project names itself.

use plimsoll_fs::Entry;
use plimsoll_model::{Digest, Ecosystem, ImagePath, Problem, Relation};

use super::npm::VCS_URL;
use super::tree::Node;
use super::{Problems, declared, erlang, is_plain, tree};
use crate::{Extraction, Extractor, Reader};

/// Erlang's lockfile.
pub static REBAR_LOCK: Extractor = Extractor {
    name: "lang/rebar_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"rebar.lock"
}

/// Reads a lockfile. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let (terms, broken) = erlang::terms(&text);
    let mut problems = Problems::new(path);
    if let Some((line, detail)) = broken {
        problems.line(line, detail);
    }
    let locks = match terms.first().map(Node::items) {
        Some([version, locks]) if version.as_text().is_some() => locks.items(),
        Some(locks) => locks,
        None => &[],
    };
    if problems.is_empty() && terms.is_empty() {
        problems.push(Problem::corrupt(path, "no lockfile: it has no term"));
    }
    let hashes = terms.get(1).and_then(|lists| erlang::value(lists, "pkg_hash_ext"));
    let mut packages = Vec::new();
    for lock in locks {
        let [name, source, rest @ ..] = lock.items() else {
            problems.line(lock.line, "no lock of a package");
            continue;
        };
        let (Some(app), Some(kind)) =
            (name.as_text().filter(|name| is_plain(name)), source.items().first().and_then(Node::as_text))
        else {
            problems.line(lock.line, "a package without name or source");
            continue;
        };
        let texts: Vec<&str> = source.items().iter().filter_map(Node::as_text).collect();
        let mut package = match (kind, texts.as_slice()) {
            ("pkg", [_, package, version, ..]) if is_plain(package) => {
                declared(Ecosystem::Hex, path, name.line, package, version)
            }
            ("git" | "git_subdir" | "hg", [_, address, ..]) => {
                let commit =
                    source.items().get(2).and_then(|node| node.items().get(1)).and_then(Node::as_text);
                let mut package = declared(Ecosystem::Hex, path, name.line, app, "");
                let address = format!("{address}#{}", commit.unwrap_or_default());
                package.properties.insert(VCS_URL.into(), address);
                package
            }
            _ => {
                problems.line(lock.line, "a source of an unknown kind");
                continue;
            }
        };
        package.relation = match rest.first().and_then(Node::as_text) {
            Some("0") => Relation::Direct,
            Some(_) => Relation::Transitive,
            None => Relation::Unknown,
        };
        let hash = hashes.and_then(|hashes| erlang::value(hashes, app)).and_then(Node::as_text);
        package.digests.extend(
            hash.and_then(|hash| Digest::parse(&format!("sha256:{}", hash.to_ascii_lowercase())).ok()),
        );
        packages.push(package);
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockfile() {
        let found = parse(&"rebar.lock".into(), include_bytes!("../../fixtures/lang/rebar_lock/rebar.lock"));
        crate::lang::expect(
            &found,
            &[
                "mtproto_proxy@0.7.2 2 Direct Runtime",
                "cowlib@2.11.0 3 Transitive Runtime",
                "forked@ 4 Direct Runtime",
            ],
            0,
        );
        assert_eq!(found.packages[0].digests.len(), 1);
        assert_eq!(found.packages[2].properties["vcs_url"], "https://example.org/forked.git#0a1b2c3d");
        let bad = include_bytes!("../../fixtures/lang/rebar_lock/bad.lock");
        crate::lang::expect(&parse(&"rebar.lock".into(), bad), &["a@1.0.0 1 Direct Runtime"], 2);
        crate::lang::expect(&parse(&"rebar.lock".into(), b"[].\n"), &[], 0);
        let old = b"[{<<\"a\">>,{pkg,<<\"a\">>,<<\"1.0.0\">>},1}].\n";
        crate::lang::expect(&parse(&"rebar.lock".into(), old), &["a@1.0.0 1 Transitive Runtime"], 0);
    }
}
