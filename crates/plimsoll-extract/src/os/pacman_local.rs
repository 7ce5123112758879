//! pacman's database: `var/lib/pacman/local/NAME-VERSION-RELEASE/desc`, and `files` beside it.
//!
//! Format: libalpm, `be_local.c`: `%FIELD%` on a line, its values on the next ones, an empty line behind.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Relation, SourcePackage};

use super::{Paths, Problems, lines, text};
use crate::{Extraction, Extractor, Ownership, Reader};

/// Licences that are kept of one package.
const MOST_LICENSES: usize = 64;

/// Packages of pacman.
pub static PACMAN_DESC: Extractor = Extractor {
    name: "os/pacman_desc",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| folder(entry.path, b"/desc").is_some(),
    read: Reader::Whole { limit: 4 << 20, parse: parse_desc },
};

/// Their files.
pub static PACMAN_FILES: Extractor = Extractor {
    name: "os/pacman_files",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| folder(entry.path, b"/files").is_some(),
    read: Reader::Whole { limit: 256 << 20, parse: parse_files },
};

fn folder<'a>(path: &'a ImagePath, file: &[u8]) -> Option<&'a [u8]> {
    let inner = path.as_bytes().strip_prefix(b"var/lib/pacman/local/")?.strip_suffix(file)?;
    (!inner.contains(&b'/')).then_some(inner)
}

/// Values with the field above them.
fn values(input: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut field: &[u8] = b"";
    lines(input).filter_map(move |(_, line)| match line {
        [b'%', name @ .., b'%'] => {
            field = name;
            None
        }
        b"" => {
            field = b"";
            None
        }
        value => Some((field, value)),
    })
}

/// Reads the description of one package.
pub fn parse_desc(path: &ImagePath, input: &[u8]) -> Extraction {
    let mut problems = Problems::new(path);
    let field = |wanted: &str| {
        values(input)
            .find(|(field, _)| *field == wanted.as_bytes())
            .map(|(_, value)| text(value))
            .filter(|value| !value.is_empty())
    };
    let (Some(name), Some(version)) = (field("NAME"), field("VERSION")) else {
        problems.corrupt("no NAME or no VERSION");
        return Extraction { problems: problems.finish(), ..Extraction::default() };
    };
    let mut package = Package::new(Ecosystem::Alpm, name, version, Location::new(path.clone()));
    package.architecture = field("ARCH");
    package.vendor = field("PACKAGER");
    let licenses = values(input).filter(|(field, _)| *field == b"LICENSE").map(|(_, value)| text(value));
    package.licenses.extend(licenses.take(MOST_LICENSES));
    // 1 is what came along with another; what a person asked for has no reason.
    package.relation = match field("REASON").as_deref() {
        Some("1") => Relation::Transitive,
        _ => Relation::Direct,
    };
    package.source = field("BASE")
        .filter(|base| *base != package.name)
        .map(|name| SourcePackage { name, version: package.version.clone() });
    Extraction { packages: vec![package], ..Extraction::default() }
}

/// Reads the list of one package's files. The folder names the package: `bash-completion-2.14-2`.
pub fn parse_files(path: &ImagePath, input: &[u8]) -> Extraction {
    let mut problems = Problems::new(path);
    let name = folder(path, b"/files").and_then(|folder| {
        let release = folder.iter().rposition(|byte| *byte == b'-')?;
        let version = folder[..release].iter().rposition(|byte| *byte == b'-')?;
        Some(text(&folder[..version])).filter(|name| !name.is_empty())
    });
    let Some(package) = name else {
        problems.corrupt("the folder names no package with version and release");
        return Extraction { problems: problems.finish(), ..Extraction::default() };
    };
    let mut paths = Paths::new();
    // Folders end with a slash; many packages share them.
    let owned: Vec<ImagePath> = values(input)
        .filter(|(field, value)| *field == b"FILES" && !value.ends_with(b"/"))
        .filter_map(|(_, value)| paths.join(b"", value))
        .collect();
    paths.finish(&mut problems);
    let ownership = if owned.is_empty() {
        Vec::new()
    } else {
        vec![Ownership { ecosystem: Ecosystem::Alpm, package, architecture: None, paths: owned }]
    };
    Extraction { ownership, problems: problems.finish(), ..Extraction::default() }
}

/// Reads arbitrary bytes: no more paths than bytes, and a package has name and version.
pub fn fuzz(input: &[u8]) {
    let found = parse_desc(&ImagePath::from("var/lib/pacman/local/a-1-1/desc"), input);
    assert!(found.packages.iter().all(|package| !package.name.is_empty() && !package.version.is_empty()));
    assert_eq!(found.packages.len() + found.problems.len(), 1);
    let found = parse_files(&ImagePath::from("var/lib/pacman/local/a-1-1/files"), input);
    assert!(found.ownership.iter().map(|owner| owner.paths.len()).sum::<usize>() <= input.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_and_files() {
        let path = ImagePath::from("var/lib/pacman/local/gcc-libs-14.2.1+r134-1/desc");
        assert!((PACMAN_DESC.wants)(&Entry { path: &path, size: 1, mode: 0o644 }));
        assert!(!(PACMAN_DESC.wants)(&Entry { path: &"srv/desc".into(), size: 1, mode: 0o644 }));
        let found = parse_desc(&path, include_bytes!("../../fixtures/os/pacman_local/desc"));
        let [package] = found.packages.as_slice() else { panic!("{found:?}") };
        assert_eq!((package.name.as_str(), package.version.as_str()), ("gcc-libs", "14.2.1+r134-1"));
        assert_eq!(package.source_or_self().0, "gcc");
        assert_eq!(package.architecture.as_deref(), Some("x86_64"));
        assert_eq!(package.licenses, ["GPL-3.0-or-later", "LGPL-3.0-or-later"]);
        assert_eq!(package.relation, Relation::Transitive);
        let files = ImagePath::from("var/lib/pacman/local/gcc-libs-14.2.1+r134-1/files");
        let found = parse_files(&files, include_bytes!("../../fixtures/os/pacman_local/files"));
        assert_eq!(found.ownership.len(), 1);
        assert_eq!(found.ownership[0].package, "gcc-libs");
        assert_eq!(found.ownership[0].paths, ["usr/lib/libgcc_s.so.1".into()]);
        let bad = parse_desc(&path, include_bytes!("../../fixtures/os/pacman_local/bad"));
        assert_eq!((bad.packages.len(), bad.problems.len()), (0, 1));
        let bad = parse_files(&"var/lib/pacman/local/a/files".into(), b"%FILES%\nusr/a\n");
        assert_eq!((bad.ownership.len(), bad.problems.len()), (0, 1));
    }
}
