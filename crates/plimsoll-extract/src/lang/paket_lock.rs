//! Paket's `paket.lock`: .NET packages of NuGet.
//!
//! Format: fsprojects.github.io/Paket, "The paket.lock file": sections (`NUGET`, `GITHUB`, `HTTP`, `GIT`), below them `remote:` and, indented
//! by four, `Name (version)`; what is indented further is what such a package asks for. Sections beside NuGet's name files of
//! repositories; they are counted in a note.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Problem, ProblemKind};

use super::{MOST_PACKAGES, Problems, declared, is_plain, too_many, tree};
use crate::{Extraction, Extractor, Reader};

/// Paket's lockfile.
pub static PAKET_LOCK: Extractor = Extractor {
    name: "lang/paket_lock",
    version: 1,
    declares: true,
    wants: |entry: &Entry<'_>| entry.path.file_name() == b"paket.lock",
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

/// `Name (1.2.3) - restriction: ...`
fn entry(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(" (")?;
    let (version, _) = rest.split_once(')')?;
    (is_plain(name) && is_plain(version)).then_some((name, version))
}

/// Reads a lockfile. A broken line costs no other.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let mut problems = Problems::new(path);
    let mut packages = Vec::new();
    let (mut section, mut has_section, mut others) = ("", false, 0_usize);
    for (line, content) in (1_u32..).zip(text.lines()) {
        let inner = content.trim_start();
        let indent = content.len() - inner.len();
        match (indent, inner.trim_end()) {
            (_, "") => {}
            (0, head @ ("NUGET" | "GITHUB" | "HTTP" | "GIT" | "GIST")) => {
                (section, has_section) = (head, true);
            }
            // `GROUP Build`, and settings: `STORAGE: NONE`.
            (0, head) if head.starts_with("GROUP ") || head.contains(':') => section = "",
            (2, text) if text.contains(':') => {}
            (4, text) if section == "NUGET" => match entry(text) {
                Some(_) if packages.len() >= MOST_PACKAGES => {
                    problems.push(too_many(path, line));
                    break;
                }
                Some((name, version)) => packages.push(declared(Ecosystem::NuGet, path, line, name, version)),
                None => problems.line(line, "not a package and its version"),
            },
            (4, _) if !section.is_empty() => others += 1,
            (5.., _) if !section.is_empty() => {}
            _ => problems.line(line, "not what a lockfile of Paket has here"),
        }
    }
    if others > 0 {
        let detail = format!("{others} files of repositories and web servers are not listed");
        problems.push(Problem::note(ProblemKind::Unsupported, path, detail));
    }
    if !has_section && problems.is_empty() && !text.trim().is_empty() {
        problems.push(Problem::corrupt(path, "no lockfile: it has no section"));
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::expect;

    #[test]
    fn packages() {
        let path = ImagePath::from("paket.lock");
        let found = parse(&path, include_bytes!("../../fixtures/lang/paket_lock/paket.lock"));
        expect(
            &found,
            &[
                "Left.Pad@2.1.0 5 Unknown Runtime",
                "Deep@1.0.0-beta1 7 Unknown Runtime",
                "Builder@6.0.0 15 Unknown Runtime",
            ],
            1,
        );
        let bad = parse(&path, include_bytes!("../../fixtures/lang/paket_lock/bad.lock"));
        expect(&bad, &["Left.Pad@2.1.0 3 Unknown Runtime"], 2);
        expect(&parse(&path, b"{}"), &[], 1);
    }
}
