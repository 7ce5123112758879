//! pip's `requirements*.txt`.
//!
//! Format: pip documentation, "Requirements File Format"; PEP 508. Only `name==version` names a version and is a
//! package here. Ranges, bare names, addresses and paths leave the choice to the day of the installation: what was
//! chosen is seen in the installed distribution. Files that `-r` and `-c` name are files of their own.

use plimsoll_fs::Entry;
use plimsoll_model::{Effect, ImagePath, Package, Problem, ProblemKind};

use super::{Problems, python, tree};
use crate::{Extraction, Extractor, Reader};

/// Pinned requirements.
pub static REQUIREMENTS: Extractor = Extractor {
    name: "lang/requirements",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    let name = entry.path.file_name();
    let Some(stem) = name.strip_suffix(b".txt") else { return false };
    let folder = entry.path.parent().and_then(|path| path.rsplit(|byte| *byte == b'/').next()).unwrap_or(&[]);
    stem.starts_with(b"requirements") || stem.ends_with(b"requirements") || folder == b"requirements"
}

/// Reads a requirements file. A line that is no requirement is a problem, unless it is one of a template.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let mut packages = Vec::new();
    let mut problems = Problems::new(path);
    let mut logical = String::new();
    let mut first = 1;
    for (line, content) in (1..).zip(text.lines()) {
        if logical.is_empty() {
            first = line;
        }
        // A comment line inside a continued requirement ends nothing (pip, `join_lines`).
        let comment = content.trim_start().starts_with('#');
        match content.strip_suffix('\\') {
            Some(part) if !comment => {
                logical.push_str(part);
                continue;
            }
            _ if comment && !logical.is_empty() => continue,
            _ => logical.push_str(content),
        }
        if packages.len() >= super::MOST_PACKAGES {
            problems.push(super::too_many(path, first));
            break;
        }
        requirement(path, first, &std::mem::take(&mut logical), &mut packages, &mut problems);
    }
    requirement(path, first, &logical, &mut packages, &mut problems);
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

fn requirement(
    path: &ImagePath,
    line: u32,
    text: &str,
    packages: &mut Vec<Package>,
    problems: &mut Problems<'_>,
) {
    if let Ok(package) = read(path, line, text) {
        packages.extend(package);
    } else {
        let template = ["{{", "{%", "<%", "${", "@@"].iter().any(|mark| text.contains(mark));
        let effect = if template { Effect::Note } else { Effect::Incomplete };
        let detail = format!("line {line}: no requirement");
        problems.push(Problem { effect, ..Problem::incomplete(ProblemKind::Corrupt, path, detail) });
    }
}

/// `Ok(None)` for what is well but names no version.
fn read(path: &ImagePath, line: u32, text: &str) -> Result<Option<Package>, ()> {
    let text = text.trim();
    // A comment begins the line or stands behind a space: `#` is also part of addresses.
    let text = match text.match_indices('#').find(|(at, _)| *at == 0 || text[..*at].ends_with([' ', '\t'])) {
        Some((at, _)) => text[..at].trim_end(),
        None => text,
    };
    if text.is_empty() || text.starts_with('-') {
        return Ok(None);
    }
    let end = text
        .find(|character: char| !(character.is_ascii_alphanumeric() || "-_.".contains(character)))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    // A path, an address, an archive.
    if rest.starts_with(['/', ':', '\\', '+'])
        || name.starts_with('.')
        || name.to_ascii_lowercase().ends_with(".whl")
        || text.starts_with('/')
    {
        return Ok(None);
    }
    if !python::is_name(name) {
        return Err(());
    }
    let mut rest = rest.trim_start();
    if let Some(extras) = rest.strip_prefix('[') {
        rest = extras.split_once(']').ok_or(())?.1.trim_start();
    }
    if rest.starts_with('@') {
        return Ok(None);
    }
    // Markers and per-requirement options (`--hash=…`) follow the versions.
    let rest = rest.split_once(';').map_or(rest, |(versions, _)| versions);
    let rest = rest.split_once(" --").map_or(rest, |(versions, _)| versions);
    let rest = rest.trim().trim_start_matches('(').trim_end_matches(')');
    let mut pinned = None;
    for clause in rest.split(',').map(str::trim).filter(|clause| !clause.is_empty()) {
        let operator = clause.find(|character: char| !"<>=!~".contains(character)).unwrap_or(clause.len());
        let (operator, version) = clause.split_at(operator);
        let version = version.trim();
        if !matches!(operator, "==" | "===" | "<" | ">" | "<=" | ">=" | "!=" | "~=")
            || version.is_empty()
            || !version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.!+*".contains(&byte))
        {
            return Err(());
        }
        if matches!(operator, "==" | "===") && !version.contains('*') {
            pinned = pinned.or(Some(version));
        }
    }
    Ok(pinned.map(|version| python::declared(path, line, name, version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: &[&str], problems: &[&str]) {
        let extraction = parse(&"requirements.txt".into(), text);
        let found: Vec<String> = extraction.packages.iter().map(crate::lang::describe).collect();
        let expected: Vec<String> = expected.iter().map(|line| format!("{line} Unknown Runtime")).collect();
        assert_eq!(found, expected);
        let found: Vec<&str> = extraction.problems.iter().map(|problem| problem.detail.as_str()).collect();
        assert_eq!(found, problems);
    }

    #[test]
    fn lines() {
        check(
            include_bytes!("../../fixtures/lang/requirements/requirements.txt"),
            &[
                "left==1.0",
                "Right.Pad==2.0rc1",
                "extra==3.0",
                "hashed==4.0",
                "marked==1!5.0+local",
                "last==6",
            ]
            .iter()
            .zip([2, 3, 4, 5, 9, 27])
            .map(|(name, line)| format!("{} {line}", name.replace("==", "@")))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
            &[],
        );
        check(
            include_bytes!("../../fixtures/lang/requirements/bad.txt"),
            &["left@1.0 2"],
            &["line 1: no requirement", "line 3: no requirement", "line 4: no requirement"],
        );
        check(b"a==1\\", &["a@1 1"], &[]);
        check(b"a==1\\\r\n", &["a@1 1"], &[]);
        check(b"", &[], &[]);
        check(b"\xff\xfea\0=\0=\x001\0", &["a@1 1"], &[]);
        check(b"\x7fELF", &[], &["line 1: no requirement"]);
    }

    #[test]
    fn a_template_is_only_noted() {
        let extraction = parse(&"requirements.txt".into(), b"{{ package }}==1\na==${VERSION}\n");
        let effects: Vec<Effect> = extraction.problems.iter().map(|problem| problem.effect).collect();
        assert_eq!(effects, [Effect::Note; 2]);
    }

    #[test]
    fn wanted_paths() {
        for (path, expected) in [
            ("requirements.txt", true),
            ("app/requirements-dev.txt", true),
            ("app/dev-requirements.txt", true),
            ("requirements/base.txt", true),
            ("requirements.in", false),
            ("notes.txt", false),
        ] {
            assert_eq!(wants(&Entry { path: &path.into(), size: 1, mode: 0o644 }), expected, "{path}");
        }
    }
}
