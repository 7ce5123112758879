//! Portage's database: `var/db/pkg/CATEGORY/PACKAGE-VERSION/CONTENTS`, one file for each package, which names its files.
//!
//! Format: portage(5), "/var/db/pkg"; PMS, "Package names" and "Version specifications".

use plimsoll_fs::Entry;
use plimsoll_model::version::{Scheme, Version};
use plimsoll_model::{Ecosystem, ImagePath, Location, Package};

use super::{Paths, Problems, lines, text};
use crate::{Extraction, Extractor, Ownership, Reader};

/// Packages of Portage.
pub static PORTAGE_CONTENTS: Extractor = Extractor {
    name: "os/portage_contents",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| folders(entry.path).is_some(),
    read: Reader::Whole { limit: 256 << 20, parse },
};

fn folders(path: &ImagePath) -> Option<(&[u8], &[u8])> {
    let inner = path.as_bytes().strip_prefix(b"var/db/pkg/")?.strip_suffix(b"/CONTENTS")?;
    let slash = inner.iter().position(|byte| *byte == b'/')?;
    let (category, folder) = (&inner[..slash], &inner[slash + 1..]);
    (!folder.contains(&b'/')).then_some((category, folder))
}

/// `gtk+-3.24.41-r1`: a name may hold hyphens and digits; the version is what Portage's rules can read as one, with its revision.
fn split(folder: &str) -> Option<(&str, &str)> {
    folder.match_indices('-').map(|(at, _)| (&folder[..at], &folder[at + 1..])).find(|(name, version)| {
        !name.is_empty()
            && version.starts_with(|first: char| first.is_ascii_digit())
            && Version::parse(Scheme::Portage, version).is_ok()
    })
}

/// Reads the list of one package's files: `obj PATH MD5 TIME`, `sym PATH -> TARGET TIME`, `dir PATH`.
pub fn parse(path: &ImagePath, input: &[u8]) -> Extraction {
    let mut problems = Problems::new(path);
    let named = folders(path).and_then(|(category, folder)| {
        let (category, folder) = (text(category), text(folder));
        let (name, version) = split(&folder)?;
        Some((format!("{category}/{name}"), version.to_owned()))
    });
    let Some((name, version)) = named else {
        problems.corrupt("the folder names no package with a version");
        return Extraction { problems: problems.finish(), ..Extraction::default() };
    };
    let mut paths = Paths::new();
    let mut owned = Vec::new();
    for (number, line) in lines(input) {
        // Paths may hold spaces; what stands behind them does not.
        let kind = line.get(..4).unwrap_or(line);
        let rest = line.get(4..).unwrap_or_default();
        let file = match kind {
            b"obj " => cut(rest).and_then(cut),
            b"sym " => memchr::memmem::find(rest, b" -> ").map(|at| &rest[..at]),
            b"dir " | b"dev " | b"fif " | b"" => continue,
            _ => None,
        };
        if let Some(file) = file {
            owned.extend(paths.join(b"", file));
        } else {
            problems.corrupt(format!("line {number} names no file"));
        }
    }
    paths.finish(&mut problems);
    let ownership = if owned.is_empty() {
        Vec::new()
    } else {
        vec![Ownership {
            ecosystem: Ecosystem::Ebuild,
            package: name.clone(),
            architecture: None,
            paths: owned,
        }]
    };
    let package = Package::new(Ecosystem::Ebuild, name, version, Location::new(path.clone()));
    Extraction { packages: vec![package], ownership, problems: problems.finish(), ..Extraction::default() }
}

/// What stands before the last space.
fn cut(text: &[u8]) -> Option<&[u8]> {
    text.iter().rposition(|byte| *byte == b' ').map(|at| &text[..at])
}

/// Reads arbitrary bytes: one package by its folder, and no more paths than bytes.
pub fn fuzz(input: &[u8]) {
    let found = parse(&ImagePath::from("var/db/pkg/dev-libs/a-1-r1/CONTENTS"), input);
    assert_eq!(found.packages.len(), 1);
    assert!(found.ownership.iter().map(|owner| owner.paths.len()).sum::<usize>() <= input.len());
    // And the bytes as a folder's name.
    let mut path = b"var/db/pkg/a/".to_vec();
    path.extend_from_slice(input.get(..512).unwrap_or(input));
    path.extend_from_slice(b"/CONTENTS");
    let found = parse(&ImagePath::new(&path), b"");
    assert_eq!(found.packages.len() + found.problems.len(), 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_and_files() {
        let path = ImagePath::from("var/db/pkg/x11-libs/gtk+-3.24.41-r1/CONTENTS");
        assert!((PORTAGE_CONTENTS.wants)(&Entry { path: &path, size: 1, mode: 0o644 }));
        let found = parse(&path, include_bytes!("../../fixtures/os/portage_contents/CONTENTS"));
        assert_eq!(found.problems, []);
        let [package] = found.packages.as_slice() else { panic!("{found:?}") };
        assert_eq!((package.name.as_str(), package.version.as_str()), ("x11-libs/gtk+", "3.24.41-r1"));
        let expected: Vec<ImagePath> = ["usr/lib/lib a.so.1", "usr/lib/liba.so"].map(ImagePath::from).into();
        assert_eq!(found.ownership[0].paths, expected);
        let bad = parse(&path, include_bytes!("../../fixtures/os/portage_contents/bad"));
        assert_eq!((bad.packages.len(), bad.ownership.len(), bad.problems.len()), (1, 1, 2));
        let unnamed = parse(&"var/db/pkg/x11-libs/gtk/CONTENTS".into(), b"");
        assert_eq!((unnamed.packages.len(), unnamed.problems.len()), (0, 1));
    }

    #[test]
    fn folders_are_split() {
        for (folder, expected) in [
            ("libsdl2-2.30.0", Some(("libsdl2", "2.30.0"))),
            ("font-adobe-100dpi-1.0.4", Some(("font-adobe-100dpi", "1.0.4"))),
            ("openssl-1.1.1w_p2-r3", Some(("openssl", "1.1.1w_p2-r3"))),
            ("a", None),
            ("-1", None),
        ] {
            assert_eq!(split(folder), expected, "{folder}");
        }
    }
}
