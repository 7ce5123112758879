//! dpkg's database: `var/lib/dpkg/status`, and one file per package in `var/lib/dpkg/status.d/` (distroless).
//!
//! Format: deb-control(5), dpkg(1) "package states", dpkg 1.21. Not read: `status-old`, `available`, `updates/`.
//!
//! Present is what has files on the disk: `installed`, `unpacked`, `half-configured`, `half-installed`, `triggers-awaited`,
//! `triggers-pending`. `not-installed` and `config-files` (removed, configuration kept) are left out; `dpkg-query -W`
//! lists the latter, with the state beside it.

use std::collections::HashMap;

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem, ProblemKind, SourcePackage};

use super::{MAX_PACKAGES, Problems, lines, text};
use crate::{Extraction, Extractor, Reader};

const FOLDER: &[u8] = b"var/lib/dpkg/status.d/";

/// dpkg's database of installed packages.
pub static DPKG_STATUS: Extractor = Extractor {
    name: "os/dpkg_status",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| {
        let path = entry.path.as_bytes();
        path == b"var/lib/dpkg/status" || path.strip_prefix(FOLDER).is_some_and(is_stanza_file)
    },
    read: Reader::Whole { limit: 64 << 20, parse: extract },
};

/// Beside the stanzas, status.d holds lists of checksums, which `dpkg_files` reads.
fn is_stanza_file(name: &[u8]) -> bool {
    !name.is_empty() && !name.contains(&b'/') && !name.ends_with(b".md5sums")
}

fn extract(path: &ImagePath, input: &[u8]) -> Extraction {
    let (packages, problems) = parse(path, input);
    Extraction { packages, problems, ..Extraction::default() }
}

/// The same stanzas, as opkg writes them.
pub(super) fn extract_opkg(path: &ImagePath, input: &[u8]) -> Extraction {
    let (packages, problems) = stanzas(Ecosystem::Opkg, path, input);
    Extraction { packages, problems, ..Extraction::default() }
}

#[derive(Clone, Copy, Default)]
struct Stanza<'a> {
    first_line: u32,
    fields: bool,
    package: &'a [u8],
    version: &'a [u8],
    status: Option<&'a [u8]>,
    architecture: &'a [u8],
    source: &'a [u8],
    maintainer: &'a [u8],
}

/// Reads `/var/lib/dpkg/status` or one file of status.d. A broken stanza becomes a [`Problem`]; the others are still
/// reported. Of two stanzas with the same name and architecture the later one counts, as for dpkg.
///
/// The source version is what `Source: glibc (2.36-9)` says, else the binary's own: Debian writes it whenever the two
/// differ, as with `+b1` rebuilds. A package whose source has its own name and version has no `source`.
pub fn parse(path: &ImagePath, input: &[u8]) -> (Vec<Package>, Vec<Problem>) {
    stanzas(Ecosystem::Deb, path, input)
}

fn stanzas(ecosystem: Ecosystem, path: &ImagePath, input: &[u8]) -> (Vec<Package>, Vec<Problem>) {
    let mut problems = Problems::new(path);
    let mut found =
        Packages { path, one_file: path.as_bytes().starts_with(FOLDER), ..Packages::new(ecosystem, path) };
    let mut stanza = Stanza::default();
    for (number, line) in lines(input) {
        match line.first() {
            _ if line.trim_ascii().is_empty() => found.add(std::mem::take(&mut stanza), &mut problems),
            // A continuation of the field above: descriptions, file lists. None of the fields we read has one.
            Some(b' ' | b'\t') if stanza.fields => {}
            _ => stanza.field(number, line, &mut problems),
        }
    }
    found.add(stanza, &mut problems);
    if !found.one_file {
        if input.is_empty() {
            problems.note(ProblemKind::Truncated, "is empty: no package is on record");
        } else if !input.ends_with(b"\n") {
            problems.truncated("ends within a field: the last package, and any behind it, may be missing");
        }
    }
    (found.list, problems.finish())
}

impl<'a> Stanza<'a> {
    fn field(&mut self, number: u32, line: &'a [u8], problems: &mut Problems<'_>) {
        if !self.fields {
            self.first_line = number;
            self.fields = true;
        }
        let colon = line.iter().position(|byte| *byte == b':').filter(|colon| *colon > 0);
        let Some((name, value)) = colon.map(|colon| (&line[..colon], &line[colon + 1..])) else {
            problems.corrupt(format!("line {number} is neither a field nor the continuation of one"));
            return;
        };
        let value = value.trim_ascii();
        // Most fields are none of ours: look at the length before comparing letters.
        match name.len() {
            7 if name.eq_ignore_ascii_case(b"package") => self.package = value,
            7 if name.eq_ignore_ascii_case(b"version") => self.version = value,
            6 if name.eq_ignore_ascii_case(b"status") => self.status = Some(value),
            6 if name.eq_ignore_ascii_case(b"source") => self.source = value,
            12 if name.eq_ignore_ascii_case(b"architecture") => self.architecture = value,
            10 if name.eq_ignore_ascii_case(b"maintainer") => self.maintainer = value,
            _ => {}
        }
    }
}

struct Packages<'p> {
    ecosystem: Ecosystem,
    path: &'p ImagePath,
    /// One file per package, as made by distroless from the archives: without a state.
    one_file: bool,
    list: Vec<Package>,
    /// Where a name and architecture stand in `list`.
    places: HashMap<(String, Option<String>), usize>,
}

impl<'p> Packages<'p> {
    fn new(ecosystem: Ecosystem, path: &'p ImagePath) -> Self {
        Packages { ecosystem, path, one_file: false, list: Vec::new(), places: HashMap::new() }
    }

    fn add(&mut self, stanza: Stanza<'_>, problems: &mut Problems<'_>) {
        if !stanza.fields {
            return;
        }
        let line = stanza.first_line;
        let name = text(stanza.package);
        if name.is_empty() {
            problems.corrupt(format!("the stanza at line {line} names no package"));
            return;
        }
        let state = stanza
            .status
            .and_then(|status| status.split(|byte| *byte == b' ').rfind(|word| !word.is_empty()));
        match state {
            Some(b"not-installed" | b"config-files") => return,
            Some(
                b"installed" | b"unpacked" | b"half-configured" | b"half-installed" | b"triggers-awaited"
                | b"triggers-pending",
            ) => {}
            None if self.one_file => {}
            Some(other) => problems
                .corrupt(format!("`{name}` is in the unknown state `{}`, read as present", text(other))),
            None => problems.corrupt(format!("`{name}` has no Status, read as present")),
        }
        if stanza.version.is_empty() {
            // The version is dropped of a package whose first installation broke off.
            if state == Some(b"half-installed") {
                problems.note(
                    ProblemKind::Corrupt,
                    format!("`{name}` is half installed, in no version that is on record"),
                );
            } else {
                problems.corrupt(format!("`{name}` has no Version (stanza at line {line})"));
            }
            return;
        }
        let mut package = Package::new(
            self.ecosystem,
            name,
            text(stanza.version),
            Location::at_line(self.path.clone(), line),
        );
        let optional = |value: &[u8]| Some(text(value)).filter(|text| !text.is_empty());
        package.architecture = optional(stanza.architecture);
        package.vendor = optional(stanza.maintainer);
        package.source = source(stanza.source, &package);
        let key = (package.name.clone(), package.architecture.clone());
        if let Some(earlier) = self.places.get(&key).and_then(|place| self.list.get_mut(*place)) {
            problems.note(
                ProblemKind::Corrupt,
                format!("`{}` is there twice; the second, at line {line}, counts", package.name),
            );
            *earlier = package;
        } else if self.list.len() < MAX_PACKAGES {
            self.places.insert(key, self.list.len());
            self.list.push(package);
        } else {
            problems.limit(format!("`{}` is beyond the first {MAX_PACKAGES} packages", package.name));
        }
    }
}

/// `glibc (2.36-9)`, `glibc`, or nothing. `None` when that is the package itself.
fn source(field: &[u8], package: &Package) -> Option<SourcePackage> {
    let field = text(field);
    let (name, version) = match field.split_once('(') {
        Some((name, version)) => (name.trim(), version.trim_end_matches(')').trim()),
        None => (field.as_str(), ""),
    };
    let name = if name.is_empty() { &package.name } else { name };
    let version = if version.is_empty() { &package.version } else { version };
    (name != package.name || version != package.version)
        .then(|| SourcePackage { name: name.to_owned(), version: version.to_owned() })
}

/// Reads arbitrary bytes: neither a panic nor more packages than lines.
pub fn fuzz(input: &[u8]) {
    for (ecosystem, path) in [
        (Ecosystem::Deb, "var/lib/dpkg/status"),
        (Ecosystem::Deb, "var/lib/dpkg/status.d/base"),
        (Ecosystem::Opkg, "usr/lib/opkg/status"),
    ] {
        let (packages, _) = stanzas(ecosystem, &ImagePath::from(path), input);
        assert!(packages.len() <= input.len());
        assert!(packages.iter().all(|package| !package.name.is_empty() && !package.version.is_empty()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str, input: &str) -> (String, Vec<Problem>) {
        let (packages, problems) = parse(&ImagePath::from(path), input.as_bytes());
        let rows: Vec<_> = packages
            .iter()
            .map(|package| {
                let (source, version) = package.source_or_self();
                let architecture = package.architecture.as_deref().unwrap_or("-");
                format!("{} {} {architecture} {source} {version}", package.name, package.version)
            })
            .collect();
        (rows.join("; "), problems)
    }

    fn check(input: &str, expected: &str, problems: usize) {
        let (rows, found) = read("var/lib/dpkg/status", input);
        assert_eq!(rows, expected, "{input:?}");
        assert_eq!(found.len(), problems, "{input:?}: {found:?}");
    }

    const OK: &str = "Status: install ok installed\n";

    #[test]
    fn sources() {
        let base = format!("Package: libc6\n{OK}Version: 2.36-9+b1\nArchitecture: amd64\n");
        check(&base, "libc6 2.36-9+b1 amd64 libc6 2.36-9+b1", 0);
        check(&format!("{base}Source: glibc\n"), "libc6 2.36-9+b1 amd64 glibc 2.36-9+b1", 0);
        check(&format!("{base}Source: glibc (2.36-9)\n"), "libc6 2.36-9+b1 amd64 glibc 2.36-9", 0);
        check(&format!("{base}Source: libc6 (2.36-9)\n"), "libc6 2.36-9+b1 amd64 libc6 2.36-9", 0);
        check(&format!("{base}Source: (\n"), "libc6 2.36-9+b1 amd64 libc6 2.36-9+b1", 0);
    }

    #[test]
    fn states() {
        for (state, present) in [
            ("install ok installed", true),
            ("hold ok installed", true),
            ("install ok unpacked", true),
            ("install reinstreq half-installed", true),
            ("install ok half-configured", true),
            ("install ok triggers-awaited", true),
            ("install ok triggers-pending", true),
            ("deinstall ok config-files", false),
            ("purge ok not-installed", false),
        ] {
            let expected = if present { "a 1 all a 1" } else { "" };
            check(&format!("Package: a\nStatus: {state}\nVersion: 1\nArchitecture: all\n"), expected, 0);
        }
        check("Package: a\nStatus: install ok strange\nVersion: 1\n", "a 1 - a 1", 1);
        check("Package: a\nVersion: 1\n", "a 1 - a 1", 1);
        check("Package: a\nStatus: install reinstreq half-installed\n", "", 1);
        assert_eq!(read("var/lib/dpkg/status.d/a", "Package: a\nVersion: 1").0, "a 1 - a 1");
        assert!(read("var/lib/dpkg/status.d/a", "Package: a\nVersion: 1").1.is_empty());
    }

    #[test]
    fn broken_stanzas_do_not_hide_others() {
        check(&format!("{OK}Version: 1\n\nPackage: b\n{OK}Version: 2\n"), "b 2 - b 2", 1);
        check(&format!("Package: a\n{OK}\nPackage: b\n{OK}Version: 2\n"), "b 2 - b 2", 1);
        check(&format!("Package: a\nnonsense\n{OK}Version: 1\n\n\n"), "a 1 - a 1", 1);
        check(&format!(" stray\nPackage: a\n{OK}Version: 1\n"), "a 1 - a 1", 1);
        check(&format!("Package: a\n{OK}Version: 1"), "a 1 - a 1", 1);
        check("", "", 1);
    }

    #[test]
    fn fields_are_read_as_dpkg_reads_them() {
        check(
            &format!(
                "PACKAGE:a\r\n{OK}version:\t1\r\nDescription: x\r\n Package: hidden\r\n .\r\n \tVersion: 9\r\n"
            ),
            "a 1 - a 1",
            0,
        );
        check(
            &format!("Package: a\n{OK}Version: 1\n \t\nPackage: b\n{OK}Version: 2\n"),
            "a 1 - a 1; b 2 - b 2",
            0,
        );
    }

    #[test]
    fn the_same_package_twice() {
        let stanza = |architecture: &str, version: &str| {
            format!("Package: a\n{OK}Architecture: {architecture}\nVersion: {version}\n\n")
        };
        check(&(stanza("amd64", "1") + &stanza("i386", "1")), "a 1 amd64 a 1; a 1 i386 a 1", 0);
        check(&(stanza("amd64", "1") + &stanza("amd64", "2")), "a 2 amd64 a 2", 1);
    }

    #[test]
    fn where_it_stands() {
        let (packages, _) = parse(
            &ImagePath::from("var/lib/dpkg/status"),
            format!("Package: a\n{OK}Version: 1\n\n\nPackage: b\n{OK}Version: 1\n").as_bytes(),
        );
        let found: Vec<_> = packages.iter().map(|package| package.locations[0].line).collect();
        assert_eq!(found, [Some(1), Some(6)]);
    }

    #[test]
    fn wanted_files() {
        for (path, expected) in [
            ("var/lib/dpkg/status", true),
            ("var/lib/dpkg/status.d/base", true),
            ("var/lib/dpkg/status.d/base.md5sums", false),
            ("var/lib/dpkg/status.d/deeper/base", false),
            ("var/lib/dpkg/status-old", false),
            ("var/lib/dpkg/available", false),
        ] {
            let path = ImagePath::from(path);
            assert_eq!((DPKG_STATUS.wants)(&Entry { path: &path, size: 1, mode: 0o644 }), expected, "{path}");
        }
    }
}
