//! `go.mod`: what a Go module requires.
//!
//! Since Go 1.17 the file names every module that is built in, the indirect ones too. `go.sum` is not read: it holds checksums of
//! versions that were only looked at, never built. The `go` and `toolchain` lines are lower bounds, so they say nothing of the standard
//! library that will be linked: that is read from the program. Files in a module cache (`pkg/mod/x@v1/go.mod`) tell what a dependency
//! requires, not what was built, and are left alone.
//!
//! Format: Go Modules Reference (Go 1.25), "go.mod files".

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Presence, Problem, ProblemKind, Relation};

use super::{LOCKFILE_LIMIT, bounded};
use crate::{Extraction, Extractor, Reader};

/// Go modules.
pub static GO_MOD: Extractor = Extractor {
    name: "lang/go_mod",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    let in_cache = entry
        .path
        .parent()
        .is_some_and(|folder| memchr::memmem::find(folder, b"pkg/mod/").is_some() && folder.contains(&b'@'));
    entry.path.file_name() == b"go.mod" && !in_cache
}

struct Require<'a> {
    name: &'a str,
    version: &'a str,
    indirect: bool,
    line: u32,
}

struct Replace<'a> {
    old: (&'a str, Option<&'a str>),
    new: (&'a str, Option<&'a str>),
}

/// Reads a `go.mod`. Public for fuzzing.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Extraction::default();
    let mut requires: Vec<Require<'_>> = Vec::new();
    let mut replaces: Vec<Replace<'_>> = Vec::new();
    let mut excludes: Vec<(&str, &str)> = Vec::new();
    let mut go_version = (1, 16);
    let mut block: Option<&str> = None;
    for (line, number) in text.lines().zip(1_u32..) {
        let (words, comment) = split(line);
        let (verb, arguments) = match (block, words.as_slice()) {
            (_, []) => continue,
            (Some(_), [")"]) => {
                block = None;
                continue;
            }
            (Some(verb), arguments) => (verb, arguments),
            (None, [verb, "("]) => {
                block = Some(verb);
                continue;
            }
            (None, [verb, arguments @ ..]) => (*verb, arguments),
        };
        match (verb, arguments) {
            ("require", [name, version]) => {
                let indirect = comment == "indirect" || comment.starts_with("indirect;");
                requires.push(Require { name, version, indirect, line: number });
            }
            ("exclude", [name, version]) => excludes.push((name, version)),
            ("replace", words) => match replace(words) {
                Some(replace) => replaces.push(replace),
                None => found.problems.push(broken(path, number)),
            },
            ("go", [version]) => {
                let mut parts = version.split(['.', 'r', 'b']).map(|part| part.parse().unwrap_or(0_u32));
                go_version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
            }
            ("module" | "toolchain" | "retract" | "tool" | "godebug" | "ignore", [_, ..]) => {}
            _ => found.problems.push(broken(path, number)),
        }
    }
    if block.is_some() {
        let detail = "a block has no end: the file is cut off";
        found.problems.push(Problem::incomplete(ProblemKind::Truncated, path, detail));
    }
    if go_version < (1, 17) && !requires.is_empty() {
        found.problems.push(Problem::note(
            ProblemKind::Unsupported,
            path,
            "written for Go before 1.17: modules that are needed indirectly are not all named in it",
        ));
    }
    for require in &requires {
        if excludes.contains(&(require.name, require.version)) {
            let detail =
                format!("line {}: `{}` is required and excluded in one version", require.line, require.name);
            found.problems.push(Problem::note(ProblemKind::Unsupported, path, detail));
            continue;
        }
        found.packages.push(package(path, require, &replaces));
    }
    found.problems = bounded(path, found.problems);
    found
}

fn broken(path: &ImagePath, line: u32) -> Problem {
    Problem::corrupt(path, format!("line {line} is no directive of a go.mod file"))
}

fn package(path: &ImagePath, require: &Require<'_>, replaces: &[Replace<'_>]) -> Package {
    // A replacement of one version goes before one of all versions.
    let fits = |replace: &&Replace<'_>, version| replace.old == (require.name, version);
    let replace = replaces
        .iter()
        .find(|replace| fits(replace, Some(require.version)))
        .or_else(|| replaces.iter().find(|replace| fits(replace, None)));
    let location = Location::at_line(path.clone(), require.line);
    let new = |name: &str, version: &str| Package::new(Ecosystem::Go, name, version, location.clone());
    let mut package = match replace.map(|replace| replace.new) {
        None => new(require.name, require.version),
        Some((name, Some(version))) => {
            let mut package = new(name, version);
            package.properties.insert("replaces".into(), format!("{}@{}", require.name, require.version));
            package
        }
        // A directory: which version of the module is in it, nobody knows.
        Some((directory, None)) => {
            let mut package = new(require.name, "");
            package.properties.insert("replaced-by".into(), directory.to_owned());
            package
        }
    };
    package.relation = if require.indirect { Relation::Transitive } else { Relation::Direct };
    package.presence = Presence::Declared;
    package
}

fn replace<'a>(words: &[&'a str]) -> Option<Replace<'a>> {
    let arrow = words.iter().position(|word| *word == "=>")?;
    let pair = |words: &[&'a str]| match words {
        [name] => Some((*name, None)),
        [name, version] => Some((*name, Some(*version))),
        _ => None,
    };
    Some(Replace { old: pair(&words[..arrow])?, new: pair(&words[arrow + 1..])? })
}

/// The words of a line, without quotation marks, and its comment. Strings hold no line ends, so a line is enough.
fn split(line: &str) -> (Vec<&str>, &str) {
    let mut words = Vec::new();
    let mut rest = line.trim();
    loop {
        rest = rest.trim_start();
        if let Some(comment) = rest.strip_prefix("//") {
            return (words, comment.trim());
        }
        let Some(first) = rest.chars().next() else { return (words, "") };
        if matches!(first, '"' | '`') {
            let inner = &rest[1..];
            let end = inner.find(first).unwrap_or(inner.len());
            words.push(&inner[..end]);
            rest = inner.get(end + 1..).unwrap_or("");
        } else if matches!(first, '(' | ')') {
            words.push(&rest[..1]);
            rest = &rest[1..];
        } else {
            let ends_word = |letter: char| letter.is_whitespace() || matches!(letter, '(' | ')');
            let end = rest.find(ends_word).unwrap_or(rest.len());
            let end = rest[..end].find("//").map_or(end, |comment| comment.max(1));
            words.push(&rest[..end]);
            rest = &rest[end..];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lang::describe;

    fn check(text: &str, expected: &[&str], problems: usize) {
        let found = parse(&"go.mod".into(), text.as_bytes());
        assert_eq!(found.packages.iter().map(describe).collect::<Vec<_>>(), expected, "{text}");
        assert_eq!(found.problems.len(), problems, "{text}: {:?}", found.problems);
    }

    #[test]
    fn directives() {
        let head = "module example.com/a // comment\n\ngo 1.21\n\ntoolchain go1.21.3\n";
        check(head, &[], 0);
        check(
            &format!(
                "{head}require (\n\tb.example/b v1.0.0\n\t\"c.example/c\" v2.0.0+incompatible // indirect\n\td v0.1.0 // indirect; why\n)\n"
            ),
            &[
                "b.example/b@v1.0.0 7 Direct Runtime",
                "c.example/c@v2.0.0+incompatible 8 Transitive Runtime",
                "d@v0.1.0 9 Transitive Runtime",
            ],
            0,
        );
        check(
            &format!(
                "{head}require a v1.0.0\nrequire b v1.0.0\nrequire c v1.0.0\nreplace (\n a => x v9.0.0\n a v1.0.0 => y v8.0.0\n)\nreplace b => ../b\nreplace c v2.0.0 => z v1.0.0\n"
            ),
            &["y@v8.0.0 6 Direct Runtime", "b@ 7 Direct Runtime", "c@v1.0.0 8 Direct Runtime"],
            0,
        );
        check(&format!("{head}require a v1.0.0\nexclude a v1.0.0\nexclude a v0.9.0\n"), &[], 1);
        check(
            &format!(
                "{head}retract [v1.0.0, v1.1.0] // broken\nretract (\n v1.2.0\n)\ntool example.com/a/cmd\ngodebug default=go1.20\n"
            ),
            &[],
            0,
        );
        check(&format!("{head}require(\na v1.0.0\n)\n"), &["a@v1.0.0 7 Direct Runtime"], 0);
    }

    #[test]
    fn older_files_name_less() {
        check("module a\ngo 1.16\nrequire b v1.0.0\n", &["b@v1.0.0 3 Direct Runtime"], 1);
        check("module a\nrequire b v1.0.0\n", &["b@v1.0.0 2 Direct Runtime"], 1);
        check("module a\ngo 1.21rc2\nrequire b v1.0.0\n", &["b@v1.0.0 3 Direct Runtime"], 0);
    }

    #[test]
    fn broken_lines_are_told_and_the_rest_is_read() {
        check("invalid\n", &[], 1);
        check(
            "module a\ngo 1.20\nrequire b\nrequire c v1.0.0\n<<<<<<< HEAD\n",
            &["c@v1.0.0 4 Direct Runtime"],
            2,
        );
        check("module a\ngo 1.20\nrequire (\nc v1.0.0\n", &["c@v1.0.0 4 Direct Runtime"], 1);
        check(&"x\n".repeat(1000), &[], 17);
    }

    #[test]
    fn module_caches_are_left_alone() {
        for (path, expected) in [
            ("src/go.mod", true),
            ("root/go/pkg/mod/golang.org/x/net@v0.1.0/go.mod", false),
            ("go.mod", true),
            ("pkg/mod/go.mod", true),
            ("go.mod.bak", false),
        ] {
            assert_eq!(wants(&Entry { path: &path.into(), size: 1, mode: 0o644 }), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "((require|replace|exclude|go|[a-z]{1,3}|\\(|\\)|=>|\"|`|//| |\n|v1\\.0|\\PC){0,12}\n){0,8}") {
            parse(&"go.mod".into(), text.as_bytes());
        }
    }
}
