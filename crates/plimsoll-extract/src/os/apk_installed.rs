//! apk's database: `lib/apk/db/installed`, `usr/lib/apk/db/installed` where `/lib` is merged into `/usr/lib`.
//!
//! Format: apk-tools' own text, one `letter:value` per line, an empty line between packages (wiki.alpinelinux.org, "Apk
//! spec"). The checksum `C:` is of the archive's control part, not of the archive, and is left out.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, SourcePackage};

use super::{MAX_PACKAGES, Paths, Problems, lines, text};
use crate::{Extraction, Extractor, Ownership, Reader};

/// apk's database of installed packages.
pub static APK_INSTALLED: Extractor = Extractor {
    name: "os/apk_installed",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| {
        matches!(entry.path.as_bytes(), b"lib/apk/db/installed" | b"usr/lib/apk/db/installed")
    },
    read: Reader::Whole { limit: 256 << 20, parse },
};

#[derive(Default)]
struct Block<'a> {
    first_line: Option<u32>,
    name: &'a [u8],
    version: &'a [u8],
    architecture: &'a [u8],
    origin: &'a [u8],
    license: &'a [u8],
    maintainer: &'a [u8],
    folder: &'a [u8],
    paths: Vec<ImagePath>,
}

/// Reads the database: packages and the files that they own. A block without name or version becomes a problem; the
/// others are still reported. The source package is the origin (`o:`), which always has the package's own version.
pub fn parse(path: &ImagePath, input: &[u8]) -> Extraction {
    let mut problems = Problems::new(path);
    let mut all = Extraction::default();
    let mut paths = Paths::new();
    let mut block = Block::default();
    for (number, line) in lines(input) {
        if line.is_empty() {
            finish(path, std::mem::take(&mut block), &mut all, &mut problems);
            continue;
        }
        block.first_line.get_or_insert(number);
        let (letter, value) = match line {
            [letter, b':', value @ ..] if letter.is_ascii_alphabetic() => (letter, value),
            _ => {
                problems.corrupt(format!("line {number} is not a letter, a colon and a value"));
                continue;
            }
        };
        match letter {
            b'P' => block.name = value,
            b'V' => block.version = value,
            b'A' => block.architecture = value,
            b'o' => block.origin = value,
            b'L' => block.license = value,
            b'm' => block.maintainer = value,
            b'F' => block.folder = value,
            b'R' => block.paths.extend(paths.join(block.folder, value)),
            _ => {}
        }
    }
    finish(path, block, &mut all, &mut problems);
    // apk ends every package with an empty line.
    if !input.is_empty() && !input.ends_with(b"\n") {
        problems.truncated("ends within a line: the last package, and any behind it, may be incomplete");
    }
    paths.finish(&mut problems);
    all.problems = problems.finish();
    all
}

fn finish(path: &ImagePath, block: Block<'_>, all: &mut Extraction, problems: &mut Problems<'_>) {
    let Some(line) = block.first_line else { return };
    let (name, version) = (text(block.name), text(block.version));
    if name.is_empty() {
        problems.corrupt(format!("the package at line {line} has no name"));
        return;
    }
    if version.is_empty() {
        problems.corrupt(format!("`{name}` has no version (line {line})"));
        return;
    }
    if all.packages.len() >= MAX_PACKAGES {
        problems.limit(format!("`{name}` is beyond the first {MAX_PACKAGES} packages"));
        return;
    }
    let optional = |value: &[u8]| Some(text(value)).filter(|text| !text.is_empty());
    let mut package = Package::new(Ecosystem::Apk, name, version, Location::at_line(path.clone(), line));
    package.architecture = optional(block.architecture);
    package.vendor = optional(block.maintainer);
    package.licenses.extend(optional(block.license));
    package.source = optional(block.origin)
        .filter(|origin| *origin != package.name)
        .map(|name| SourcePackage { name, version: package.version.clone() });
    if !block.paths.is_empty() {
        all.ownership.push(Ownership {
            ecosystem: Ecosystem::Apk,
            package: package.name.clone(),
            architecture: None,
            paths: block.paths,
        });
    }
    all.packages.push(package);
}

/// Reads arbitrary bytes: neither a panic nor more packages or paths than lines.
pub fn fuzz(input: &[u8]) {
    let found = parse(&ImagePath::from("lib/apk/db/installed"), input);
    assert!(found.packages.len() <= input.len());
    assert!(found.ownership.iter().map(|owner| owner.paths.len()).sum::<usize>() <= input.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str, owned: &[&str], problems: usize) {
        let found = parse(&ImagePath::from("lib/apk/db/installed"), input.as_bytes());
        let rows: Vec<_> = found
            .packages
            .iter()
            .map(|package| {
                let (source, version) = package.source_or_self();
                format!(
                    "{} {} {source} {version} {}",
                    package.name,
                    package.version,
                    package.licenses.join("|")
                )
            })
            .collect();
        assert_eq!(rows.join("; "), expected, "{input:?}");
        let paths: Vec<_> =
            found.ownership.iter().flat_map(|owner| &owner.paths).map(ToString::to_string).collect();
        assert_eq!(paths, owned, "{input:?}");
        assert_eq!(found.problems.len(), problems, "{input:?}: {:?}", found.problems);
    }

    #[test]
    fn packages() {
        check(
            "C:Q1\nP:ssl_client\nV:1.36.1-r2\nA:x86_64\nL:GPL-2.0-only\no:busybox\nm:A <a@b>\n\nP:musl\nV:1\n\n",
            "ssl_client 1.36.1-r2 busybox 1.36.1-r2 GPL-2.0-only; musl 1 musl 1 ",
            &[],
            0,
        );
        check("", "", &[], 0);
    }

    #[test]
    fn owned_files() {
        check(
            "P:a\nV:1\nF:\nR:linuxrc\nF:bin\nM:0:0:755\nR:sh\na:0:0:777\nZ:Q1\nR:ash\nF:tmp\n",
            "a 1 a 1 ",
            &["linuxrc", "bin/sh", "bin/ash"],
            0,
        );
    }

    #[test]
    fn few_bytes_that_name_many_long_paths() {
        let input = format!("P:a\nV:1\nF:{}\n{}", "a".repeat(4000), "R:b\n".repeat(50_000));
        let found = parse(&ImagePath::from("lib/apk/db/installed"), input.as_bytes());
        assert_eq!(found.packages.len(), 1);
        assert!(found.ownership[0].paths.len() < 40_000);
        assert_eq!(found.problems.len(), 1, "{:?}", found.problems);
    }

    #[test]
    fn broken_blocks_do_not_hide_others() {
        check("P:a\n\nV:1\n\nP:b\nV:2\n", "b 2 b 2 ", &[], 2);
        check("P:a\nnonsense\nV:1\n", "a 1 a 1 ", &[], 1);
        check("P:a\nV:1", "a 1 a 1 ", &[], 1);
    }
}
