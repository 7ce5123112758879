//! Elixir's `mix.lock`: one entry on a line, written by Mix.
//!
//! Format: hexpm/hex, `Hex.Mix.from_lock`: `"app": {:hex, :package, "version", "inner checksum", managers, dependencies, "repository",
//! "outer checksum"}` (older ones end earlier), and Mix's `{:git, "address", "commit", options}`.

use plimsoll_fs::Entry;
use plimsoll_model::{Digest, Ecosystem, ImagePath, Problem};

use super::npm::VCS_URL;
use super::tree;
use super::{MOST_PACKAGES, Problems, declared, is_plain, too_many};
use crate::{Extraction, Extractor, Reader};

/// Elixir's lockfile.
pub static MIX_LOCK: Extractor = Extractor {
    name: "lang/mix_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"mix.lock"
}

/// Reads a lockfile line by line: a broken line costs no other.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let mut problems = Problems::new(path);
    let mut packages = Vec::new();
    let mut is_map = false;
    for (line, number) in text.lines().zip(1_u32..) {
        let line = line.trim();
        match line {
            "" | "}" => continue,
            "%{" | "%{}" => {
                is_map = true;
                continue;
            }
            _ => {}
        }
        if packages.len() >= MOST_PACKAGES {
            problems.push(too_many(path, number));
            break;
        }
        match entry(path, number, line) {
            Some(package) => packages.push(package),
            None if is_local(line) => {}
            None => problems.line(number, "no entry of a mix.lock"),
        }
    }
    if problems.is_empty() && !is_map {
        problems.push(Problem::corrupt(path, "no lockfile: it is no map"));
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

/// A folder of the project.
fn is_local(line: &str) -> bool {
    line.split_once("\":").is_some_and(|(_, value)| value.trim_start().starts_with("{:path,"))
}

fn entry(path: &ImagePath, number: u32, line: &str) -> Option<plimsoll_model::Package> {
    let (app, value) = line.strip_prefix('"')?.split_once("\":")?;
    let value = value.trim_start().strip_prefix('{')?;
    let (kind, rest) = value.split_once(',')?;
    let rest = rest.trim_start();
    match kind {
        ":hex" => {
            let (name, rest) = rest.split_once(',')?;
            let name = name.trim().strip_prefix(':')?.trim_matches('"');
            let mut texts = quoted(rest);
            let version = texts.next()?;
            if !is_plain(name) || version.is_empty() {
                return None;
            }
            let mut package = declared(Ecosystem::Hex, path, number, name, version);
            // The last text is the outer checksum where the one before it is the repository.
            let tail: Vec<&str> = texts.collect();
            if let [.., repository, outer] = tail.as_slice() {
                package.digests.extend(Digest::parse(&format!("sha256:{outer}")));
                if !package.digests.is_empty() && *repository != "hexpm" {
                    package.properties.insert("repository".into(), (*repository).to_owned());
                }
            }
            Some(package)
        }
        ":git" => {
            let mut texts = quoted(rest);
            let (address, commit) = (texts.next()?, texts.next()?);
            if !is_plain(app) {
                return None;
            }
            let mut package = declared(Ecosystem::Hex, path, number, app, "");
            package.properties.insert(VCS_URL.into(), format!("{address}#{commit}"));
            Some(package)
        }
        _ => None,
    }
}

/// Texts in double quotes; Mix escapes none that Hex allows.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockfile() {
        let found = parse(&"mix.lock".into(), include_bytes!("../../fixtures/lang/mix_lock/mix.lock"));
        crate::lang::expect(
            &found,
            &[
                "cowboy@2.9.0 2 Unknown Runtime",
                "mtproto_proxy@0.7.2 3 Unknown Runtime",
                "forked@ 4 Unknown Runtime",
                "secret@1.0.0 5 Unknown Runtime",
            ],
            0,
        );
        assert_eq!(found.packages[0].digests.len(), 1);
        assert!(found.packages[0].properties.is_empty());
        assert_eq!(found.packages[2].properties["vcs_url"], "https://example.org/forked.git#0a1b2c3d");
        assert_eq!(found.packages[3].properties["repository"], "hexpm:acme");
        let bad = include_bytes!("../../fixtures/lang/mix_lock/bad.lock");
        crate::lang::expect(&parse(&"mix.lock".into(), bad), &["a@1.0.0 3 Unknown Runtime"], 2);
        crate::lang::expect(&parse(&"mix.lock".into(), b"%{}\n"), &[], 0);
        crate::lang::expect(&parse(&"mix.lock".into(), b""), &[], 1);
    }
}
