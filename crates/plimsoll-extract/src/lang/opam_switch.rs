//! Installed OCaml packages: `.opam-switch/switch-state` of an opam switch. Its `roots` are what a person asked for.
//!
//! Format: opam manual, "switch-state": lists of `"name.version"`.

use std::collections::HashSet;

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem, Relation};

use super::{MOST_PACKAGES, Problems, is_plain, too_many, tree};
use crate::{Extraction, Extractor, Reader};

/// Installed OCaml packages.
pub static OPAM_SWITCH: Extractor = Extractor {
    name: "lang/opam_switch",
    version: 1,
    declares: false,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.as_bytes().ends_with(b".opam-switch/switch-state")
}

/// Reads the state of a switch. A broken name costs no other.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let mut problems = Problems::new(path);
    let mut installed: Vec<(u32, &str)> = Vec::new();
    let mut roots = HashSet::new();
    // The list whose values follow.
    let mut list = "";
    let mut seen = false;
    for (line, number) in text.lines().zip(1_u32..) {
        let mut rest = line;
        if let Some((field, value)) = line.split_once(':')
            && !field.contains('"')
            && !line.starts_with([' ', '\t'])
        {
            (list, rest) = (field.trim(), value);
            seen |= list == "installed";
        }
        if rest.matches('"').count() % 2 == 1 {
            problems.line(number, "a text has no end");
            continue;
        }
        for value in rest.split('"').skip(1).step_by(2) {
            match list {
                "installed" if installed.len() >= MOST_PACKAGES => {
                    problems.push(too_many(path, number));
                    return finish(path, &installed, &roots, problems);
                }
                "installed" => installed.push((number, value)),
                "roots" => _ = roots.insert(value),
                _ => {}
            }
        }
        if rest.trim_end().ends_with(']') {
            list = "";
        }
    }
    if problems.is_empty() && !seen {
        problems.push(Problem::corrupt(path, "no state of a switch: it has no `installed`"));
    }
    finish(path, &installed, &roots, problems)
}

fn finish(
    path: &ImagePath,
    installed: &[(u32, &str)],
    roots: &HashSet<&str>,
    mut problems: Problems<'_>,
) -> Extraction {
    let mut packages = Vec::new();
    for &(number, written) in installed {
        // Names have no dot.
        let Some((name, version)) =
            written.split_once('.').filter(|(name, version)| is_plain(name) && !version.is_empty())
        else {
            problems.line(number, "no package with a version");
            continue;
        };
        let mut package =
            Package::new(Ecosystem::Opam, name, version, Location::at_line(path.clone(), number));
        package.relation = if roots.contains(written) { Relation::Direct } else { Relation::Transitive };
        packages.push(package);
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state() {
        let path = ImagePath::from("home/u/.opam/default/.opam-switch/switch-state");
        assert!(wants(&Entry { path: &path, size: 1, mode: 0o644 }));
        let good = include_bytes!("../../fixtures/lang/opam_switch/switch-state");
        crate::lang::expect(
            &parse(&path, good),
            &["cohttp@5.3.0 5 Direct Runtime", "ocaml@4.02.3 6 Transitive Runtime"],
            0,
        );
        let bad = include_bytes!("../../fixtures/lang/opam_switch/bad-state");
        crate::lang::expect(&parse(&path, bad), &["a@1.0 1 Transitive Runtime"], 2);
        crate::lang::expect(&parse(&path, b""), &[], 1);
        crate::lang::expect(&parse(&path, b"installed: []\n"), &[], 0);
    }
}
