//! Which files dpkg packages own: `var/lib/dpkg/info/NAME.list`, `NAME:ARCH.list`, and, where there are none (distroless),
//! `var/lib/dpkg/status.d/NAME.md5sums`.
//!
//! Format: dpkg's own, one absolute path per line; md5sums as written by md5sum(1). Not read: `info/*.md5sums`, which hold
//! a part of what the list beside them holds. Paths stand as the package shipped them: `/lib/x` where the system
//! has merged `/lib` into `/usr/lib`, and before diversions.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath};

use super::{Paths, Problems, lines, text};
use crate::{Extraction, Extractor, Ownership, Reader};

/// dpkg's file lists.
pub static DPKG_FILES: Extractor = Extractor {
    name: "os/dpkg_files",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| name(entry.path).is_some(),
    read: Reader::Whole { limit: 64 << 20, parse },
};

/// `libc6:amd64` of `var/lib/dpkg/info/libc6:amd64.list`, and whether lines begin with a checksum.
fn name(path: &ImagePath) -> Option<(&[u8], bool)> {
    let rest = path.as_bytes().strip_prefix(b"var/lib/dpkg/")?;
    let (name, sums) = if let Some(rest) = rest.strip_prefix(b"info/") {
        (rest.strip_suffix(b".list")?, false)
    } else {
        (rest.strip_prefix(b"status.d/")?.strip_suffix(b".md5sums")?, true)
    };
    (!name.is_empty() && !name.contains(&b'/')).then_some((name, sums))
}

/// Reads a file list. Directories are left out where the line below shows that they are one: many packages share them.
pub fn parse(path: &ImagePath, input: &[u8]) -> Extraction {
    let Some((name, sums)) = name(path) else { return Extraction::default() };
    list(Ecosystem::Deb, path, name, sums, input)
}

/// The list of the files of that package, of whichever package manager writes such lists.
pub(super) fn list(
    ecosystem: Ecosystem,
    path: &ImagePath,
    name: &[u8],
    sums: bool,
    input: &[u8],
) -> Extraction {
    let mut problems = Problems::new(path);
    let (mut paths, mut limit) = (Vec::new(), Paths::new());
    let mut previous: Option<&[u8]> = None;
    for (number, line) in lines(input) {
        if line.is_empty() {
            continue;
        }
        if sums {
            // `<32 digits>  usr/bin/tar`; the second blank is a star for files read as binary.
            match line.split_at_checked(34) {
                Some((sum, file)) if !file.is_empty() && sum[..32].iter().all(u8::is_ascii_hexdigit) => {
                    paths.extend(limit.join(b"", file));
                }
                _ => problems.corrupt(format!("line {number} is not a checksum and a path")),
            }
            continue;
        }
        if !line.starts_with(b"/") {
            problems.corrupt(format!("line {number} is not an absolute path"));
            continue;
        }
        if let Some(above) = previous.replace(line).filter(|above| !is_parent(above, line)) {
            paths.extend(limit.join(b"", above));
        }
    }
    paths.extend(previous.and_then(|last| limit.join(b"", last)));
    limit.finish(&mut problems);
    let (package, architecture) = match name.iter().position(|byte| *byte == b':') {
        Some(colon) => (&name[..colon], Some(text(&name[colon + 1..]))),
        None => (name, None),
    };
    let ownership = Ownership { ecosystem, package: text(package), architecture, paths };
    Extraction {
        ownership: if ownership.paths.is_empty() { Vec::new() } else { vec![ownership] },
        problems: problems.finish(),
        ..Extraction::default()
    }
}

/// `/.` is the parent of everything.
fn is_parent(above: &[u8], line: &[u8]) -> bool {
    above == b"/." || line.strip_prefix(above).is_some_and(|rest| rest.starts_with(b"/"))
}

/// Reads arbitrary bytes: neither a panic nor more paths than lines.
pub fn fuzz(input: &[u8]) {
    for path in ["var/lib/dpkg/info/a:amd64.list", "var/lib/dpkg/status.d/a.md5sums"] {
        let found = parse(&ImagePath::from(path), input);
        assert!(found.ownership.iter().map(|owner| owner.paths.len()).sum::<usize>() <= input.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, input: &str, expected: &str, problems: usize) {
        let found = parse(&ImagePath::from(path), input.as_bytes());
        let text = found.ownership.first().map_or(String::new(), |owner| {
            let paths: Vec<_> = owner.paths.iter().map(ToString::to_string).collect();
            format!("{} {} {}", owner.package, owner.architecture.as_deref().unwrap_or("-"), paths.join(" "))
        });
        assert_eq!(text, expected, "{input:?}");
        assert_eq!(found.problems.len(), problems, "{input:?}: {:?}", found.problems);
    }

    #[test]
    fn lists() {
        let list = "/.\n/usr\n/usr/bin\n/usr/bin/a\n/usr/bin/ab\n/usr/lib\n/usr/lib/a\n/etc\n";
        check("var/lib/dpkg/info/a.list", list, "a - usr/bin/a usr/bin/ab usr/lib/a etc", 0);
        check("var/lib/dpkg/info/libc6:amd64.list", "/lib/x", "libc6 amd64 lib/x", 0);
        check("var/lib/dpkg/info/a.list", "relative\n/x\n", "a - x", 1);
        check("var/lib/dpkg/info/a.list", "/.\n", "", 0);
    }

    #[test]
    fn sums() {
        let sum = "25de5fcdc3c8ebd9c9f599fb7a899b40";
        check("var/lib/dpkg/status.d/tar.md5sums", &format!("{sum}  usr/bin/tar\n"), "tar - usr/bin/tar", 0);
        check(
            "var/lib/dpkg/status.d/tar.md5sums",
            &format!("{sum} *usr/bin/tar\n{sum}\n"),
            "tar - usr/bin/tar",
            1,
        );
        check("var/lib/dpkg/status.d/tar.md5sums", "", "", 0);
    }
}
