//! Cabal's `cabal.project.freeze`.
//!
//! Format: cabal.readthedocs.io, "cabal freeze": a field `constraints` with `any.NAME ==VERSION` and flags, commas between.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Problem};

use super::{MOST_PACKAGES, Problems, declared, hackage, is_plain, too_many, tree};
use crate::{Extraction, Extractor, Reader};

/// Cabal's lockfile.
pub static CABAL_FREEZE: Extractor = Extractor {
    name: "lang/cabal_freeze",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    let name = entry.path.file_name();
    name.starts_with(b"cabal.") && name.ends_with(b".freeze")
}

/// Reads a lockfile line by line: a broken line costs no other.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let mut problems = Problems::new(path);
    let mut packages = Vec::new();
    let (mut within, mut seen) = (false, false);
    for (line, number) in text.lines().zip(1_u32..) {
        let line = line.split("--").next().unwrap_or_default();
        let mut rest = line;
        if let Some((field, value)) = line.split_once(':')
            && !line.starts_with([' ', '\t'])
        {
            within = field.trim().eq_ignore_ascii_case("constraints");
            seen |= within || field.trim().eq_ignore_ascii_case("active-repositories");
            rest = value;
        }
        if !within {
            if !line.trim().is_empty() && !line.contains(':') && !line.starts_with([' ', '\t']) {
                problems.line(number, "no field of a freeze file");
            }
            continue;
        }
        for constraint in rest.split(',').map(str::trim).filter(|constraint| !constraint.is_empty()) {
            let Some((name, version)) = constraint.split_once("==") else {
                // Flags: `aeson +ordered-keymap`.
                if !constraint.contains(['+', '-']) || !constraint.contains(' ') {
                    problems.line(number, "no constraint of a freeze file");
                }
                continue;
            };
            let name = name.trim();
            let name = name.strip_prefix("any.").unwrap_or(name);
            let version = version.trim();
            if !is_plain(name) || !hackage::is_version(version) {
                problems.line(number, "no constraint of a freeze file");
                continue;
            }
            if packages.len() >= MOST_PACKAGES {
                problems.push(too_many(path, number));
                return Extraction { packages, problems: problems.finish(), ..Extraction::default() };
            }
            packages.push(declared(Ecosystem::Hackage, path, number, name, version));
        }
    }
    if problems.is_empty() && !seen {
        problems.push(Problem::corrupt(path, "no freeze file: it has no `constraints`"));
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freeze() {
        let check = |bytes: &[u8], expected: &[&str], problems| {
            crate::lang::expect(&parse(&"cabal.project.freeze".into(), bytes), expected, problems);
        };
        check(
            include_bytes!("../../fixtures/lang/cabal_freeze/cabal.project.freeze"),
            &["aeson@2.0.0.0 2 Unknown Runtime", "base@4.17.2.0 4 Unknown Runtime"],
            0,
        );
        check(include_bytes!("../../fixtures/lang/cabal_freeze/bad.freeze"), &["a@1.0 1 Unknown Runtime"], 2);
        check(b"", &[], 1);
        check(b"<html>\n", &[], 1);
    }
}
