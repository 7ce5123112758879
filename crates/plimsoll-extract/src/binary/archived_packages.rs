//! Packages that are installed inside a zip archive: Python's zipped eggs (`*.egg`), zipapps, PEX and shiv (`*.pyz`, `*.pex`), and Yarn's
//! cache (`.yarn/cache/*.zip`), which Plug'n'Play runs from.
//!
//! What describes a package inside is read as it would be outside. A zipapp without such an ending is not looked for: every executable
//! script would have to be opened. Archives in the archive are not read.
//!
//! Format: PEP 441 (zipapps), setuptools "The Internal Structure of Python Eggs", yarnpkg.com "Plug'n'Play".

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Problem, ProblemKind};

use super::zip;
use crate::lang::{node_modules, python_installed};
use crate::{Extraction, Extractor, Reader};

/// Packages in zip archives.
pub static ARCHIVED_PACKAGES: Extractor = Extractor {
    name: "binary/archived_packages",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| inside(entry.path).is_some(),
    read: Reader::Whole { limit: 512 << 20, parse },
};

/// Entries that are looked at, packages that are listed, problems that are told, bytes of one description.
const MAX_ENTRIES: usize = 1_000_000;
const MAX_PACKAGES: usize = 20_000;
const MAX_PROBLEMS: usize = 16;
const MAX_METADATA: usize = 4 << 20;
/// Bytes that are inflated of one archive: a small one can hold many large descriptions.
const MAX_TOTAL: u64 = 256 << 20;
const MAX_PATH: usize = 4096;

/// The reader of what describes a package inside an archive of that name.
fn inside(path: &ImagePath) -> Option<&'static Extractor> {
    let name = path.file_name().to_ascii_lowercase();
    if [&b".egg"[..], b".pex", b".pyz"].iter().any(|ending| name.ends_with(ending)) {
        return Some(&python_installed::PYTHON_INSTALLED);
    }
    let is_cached =
        path.parent().is_some_and(|folder| folder == b".yarn/cache" || folder.ends_with(b"/.yarn/cache"));
    (is_cached && name.ends_with(b".zip")).then_some(&node_modules::NODE_MODULES)
}

/// Reads an archive. What cannot be read inside costs nothing else.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let mut found = Extraction::default();
    let Some(Extractor { wants, read: Reader::Whole { parse, .. }, .. }) = inside(path) else { return found };
    if !zip::is_archive(bytes) {
        return Extraction::problem(Problem::corrupt(
            path,
            "is no zip archive, which files of this name are",
        ));
    }
    let (mut cursor, fault) = zip::Cursor::open(bytes);
    if let Some((kind, detail)) = fault {
        found.problems.push(Problem::incomplete(kind, path, detail));
    }
    let limit = |detail: String| Problem::incomplete(ProblemKind::LimitExceeded, path, detail);
    let (mut entries, mut spent) = (0, 0_u64);
    let mut has_more_problems = false;
    while let Some(next) = cursor.next(bytes) {
        entries += 1;
        if entries > MAX_ENTRIES {
            found
                .problems
                .push(limit(format!("has more than {MAX_ENTRIES} entries: the others are not read")));
            break;
        }
        match next {
            Ok(entry) => {
                let name = ImagePath::new(&entry.name[..entry.name.len().min(MAX_PATH)]);
                let place = ImagePath::new(&[path.as_bytes(), b"!/", name.as_bytes()].concat());
                if !wants(&Entry { path: &place, size: 0, mode: 0 }) {
                    continue;
                }
                match entry.read(bytes, MAX_METADATA, &mut spent) {
                    Ok(content) => {
                        let read = parse(&place, content.bytes(bytes));
                        found.packages.extend(read.packages);
                        found.problems.extend(read.problems);
                    }
                    Err((kind, detail)) => found.problems.push(Problem::incomplete(kind, &place, detail)),
                }
            }
            Err((kind, detail)) => found.problems.push(Problem::incomplete(kind, path, detail)),
        }
        if found.problems.len() > MAX_PROBLEMS {
            found.problems.truncate(MAX_PROBLEMS);
            has_more_problems = true;
        }
        if found.packages.len() > MAX_PACKAGES {
            found.packages.truncate(MAX_PACKAGES);
            found.problems.push(limit(format!("holds more than {MAX_PACKAGES} packages")));
            break;
        }
        if spent > MAX_TOTAL {
            found.problems.push(limit(format!("holds more than {MAX_TOTAL} bytes of descriptions")));
            break;
        }
    }
    if has_more_problems {
        found.problems.push(limit(format!("has more than {MAX_PROBLEMS} parts that cannot be read")));
    }
    found
}

/// Reads arbitrary bytes: no more packages than bytes, few problems.
pub fn fuzz(bytes: &[u8]) {
    for path in ["a/b.egg", "srv/.yarn/cache/a-npm-1.zip"] {
        let found = parse(&ImagePath::from(path), bytes);
        assert!(found.packages.len() <= bytes.len());
        assert!(found.packages.iter().all(|package| !package.name.is_empty()));
        assert!(found.problems.len() <= MAX_PROBLEMS + 3);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use ::zip::write::SimpleFileOptions;
    use proptest::prelude::*;

    use super::*;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn check(path: &str, bytes: &[u8], expected: &[&str], problems: usize) {
        let found = parse(&path.into(), bytes);
        let shown: Vec<String> = found
            .packages
            .iter()
            .map(|package| format!("{}@{} {}", package.name, package.version, package.locations[0].path))
            .collect();
        assert_eq!(shown, expected, "{path}");
        assert_eq!(found.problems.len(), problems, "{path}: {:?}", found.problems);
    }

    const MAST: &str = "Metadata-Version: 2.1\nName: mast\nVersion: 1.2\n\nText\n";

    #[test]
    fn which_archives() {
        for (path, expected) in [
            ("usr/lib/python3/site-packages/mast-1.2-py3.11.egg", true),
            ("srv/app.PEX", true),
            ("srv/app.pyz", true),
            ("srv/.yarn/cache/is-odd-npm-3.0.1-93c3-4e2b.zip", true),
            ("srv/cache/a.zip", false),
            ("srv/a.zip", false),
        ] {
            assert_eq!(inside(&path.into()).is_some(), expected, "{path}");
        }
    }

    #[test]
    fn packages_inside() {
        let egg = archive(&[("EGG-INFO/PKG-INFO", MAST), ("mast/__init__.py", "")]);
        check("a/mast.egg", &egg, &["mast@1.2 a/mast.egg!/EGG-INFO/PKG-INFO"], 0);
        let app = archive(&[
            ("site-packages/mast-1.2.dist-info/METADATA", MAST),
            (".deps/hull-2-py3-none-any.whl/hull-2.dist-info/METADATA", "Name: hull\nVersion: 2\n"),
        ]);
        // A line for the kernel stands before the archive.
        let app = [&b"#!/usr/bin/env python3\n"[..], &app].concat();
        check(
            "app.pyz",
            &app,
            &[
                "mast@1.2 app.pyz!/site-packages/mast-1.2.dist-info/METADATA",
                "hull@2 app.pyz!/.deps/hull-2-py3-none-any.whl/hull-2.dist-info/METADATA",
            ],
            0,
        );
        let odd = archive(&[(
            "node_modules/is-odd/package.json",
            "{\"name\": \"is-odd\", \"version\": \"3.0.1\"}",
        )]);
        let path = ".yarn/cache/is-odd-npm-3.0.1-93c3-4e2b.zip";
        check(path, &odd, &[&format!("is-odd@3.0.1 {path}!/node_modules/is-odd/package.json")], 0);
    }

    #[test]
    fn broken_archives_are_told() {
        check("a.egg", b"", &[], 1);
        check("a.pex", b"#!/usr/bin/python\n", &[], 1);
        check("a.egg", &archive(&[("EGG-INFO/PKG-INFO", "Name: mast\n")]), &[], 1);
        let egg = archive(&[("EGG-INFO/PKG-INFO", MAST)]);
        // Cut off in front of its directory: the description is there.
        let cut = parse(&"a.egg".into(), &egg[..egg.len() - 40]);
        assert_eq!((cut.packages.len(), cut.problems.is_empty()), (1, false), "{cut:?}");
        let many: Vec<(String, &str)> =
            (0..100).map(|number| (format!("{number}.dist-info/METADATA"), "Name: a\n")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        check("a.pyz", &archive(&many), &[], MAX_PROBLEMS + 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

        #[test]
        fn damaged_archives(place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let mut bytes = archive(&[("EGG-INFO/PKG-INFO", MAST), ("node_modules/a/package.json", "{\"name\": \"a\", \"version\": \"1\"}")]);
            let place = place.index(bytes.len());
            bytes[place] = byte;
            fuzz(&bytes);
            bytes.truncate(cut.index(bytes.len()));
            fuzz(&bytes);
        }
    }
}
