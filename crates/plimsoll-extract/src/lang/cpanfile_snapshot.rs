//! Perl's `cpanfile.snapshot`, Carton's lockfile: one indented block for each distribution.
//!
//! Format: metacpan.org, `Carton::Snapshot`, version 1.0.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Problem, ProblemKind};

use super::{MOST_PACKAGES, Problems, declared, is_plain, too_many, tree};
use crate::{Extraction, Extractor, Reader};

/// Carton's lockfile.
pub static CPANFILE_SNAPSHOT: Extractor = Extractor {
    name: "lang/cpanfile_snapshot",
    version: 1,
    declares: true,
    wants: |entry: &Entry<'_>| entry.path.file_name() == b"cpanfile.snapshot",
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

/// Reads a lockfile line by line: a broken line costs no other.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let mut problems = Problems::new(path);
    let mut packages = Vec::new();
    let mut seen = false;
    for (line, number) in text.lines().zip(1_u32..) {
        if line == "DISTRIBUTIONS" {
            seen = true;
        } else if let Some(format) = line.strip_prefix("# carton snapshot format: version ") {
            if !format.starts_with("1.") {
                let detail = "has a newer format than version 1: packages may be missing";
                problems.push(Problem::incomplete(ProblemKind::Unsupported, path, detail));
            }
        } else if let Some(distribution) = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')) {
            if packages.len() >= MOST_PACKAGES {
                problems.push(too_many(path, number));
                break;
            }
            match split(distribution.trim_end()) {
                Some((name, version)) => {
                    packages.push(declared(Ecosystem::Cpan, path, number, name, version));
                }
                None => problems.line(number, "no distribution with a version"),
            }
        } else if !line.trim().is_empty() && !line.starts_with(['#', ' ']) {
            problems.line(number, "no line of a snapshot");
        }
    }
    if problems.is_empty() && !seen {
        problems.push(Problem::corrupt(path, "no snapshot: it has no `DISTRIBUTIONS`"));
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

/// `libwww-perl-6.67` and `JSON-XS-v2.0.1-TRIAL`: the version begins behind the last hyphen before a digit.
fn split(text: &str) -> Option<(&str, &str)> {
    let (at, _) = text.rmatch_indices('-').find(|(at, _)| {
        let behind = &text[at + 1..];
        behind.strip_prefix('v').unwrap_or(behind).starts_with(|first: char| first.is_ascii_digit())
    })?;
    let (name, version) = (&text[..at], &text[at + 1..]);
    (is_plain(name) && is_plain(version)).then_some((name, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshot() {
        let path = ImagePath::from("cpanfile.snapshot");
        let good = include_bytes!("../../fixtures/lang/cpanfile_snapshot/cpanfile.snapshot");
        crate::lang::expect(
            &parse(&path, good),
            &["JSON-XS@v4.3.0-TRIAL 3 Unknown Runtime", "libwww-perl@6.67 9 Unknown Runtime"],
            0,
        );
        let bad = include_bytes!("../../fixtures/lang/cpanfile_snapshot/bad.snapshot");
        crate::lang::expect(&parse(&path, bad), &["A@1.0 2 Unknown Runtime"], 2);
        crate::lang::expect(&parse(&path, b""), &[], 1);
        crate::lang::expect(&parse(&path, b"# carton snapshot format: version 2.0\n"), &[], 1);
    }
}
