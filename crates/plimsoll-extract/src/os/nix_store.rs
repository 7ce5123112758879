//! Outputs in a Nix store: `nix/store/HASH-NAME-VERSION[-OUTPUT]`. The store's folders are named after what is in them and
//! no file in them says it, so any file below one tells that the output is there. An output of links only (a profile, a
//! `buildEnv`) has none and is not told.
//!
//! Format: Nix manual, "Store path"; where a version begins, says `builtins.parseDrvName`: behind the first dash that no
//! letter follows. Names without a version (scripts, configuration, sources) are no packages.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package};

use crate::{Extraction, Extractor, Reader};

/// Outputs in a Nix store.
pub static NIX_STORE: Extractor = Extractor {
    name: "os/nix_store",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| output(entry.path).is_some(),
    read: Reader::Name { parse },
};

const STORE: &[u8] = b"nix/store/";
/// Characters of a store path's hash.
const HASH: usize = 32;
/// Nix's own limit for the name of a store path.
const LONGEST: usize = 211;

/// Outputs beside the main one, as nixpkgs names them.
const OUTPUTS: &[&str] = &[
    "bin",
    "data",
    "debug",
    "dev",
    "devdoc",
    "dist",
    "doc",
    "getent",
    "hi",
    "icu",
    "info",
    "installedTests",
    "lib",
    "libgcc",
    "man",
    "modules",
    "nss",
    "out",
    "pip",
    "plugins",
    "python",
    "static",
    "terminfo",
    "tools",
];

/// What the name of a store path says.
struct Output<'path> {
    /// The path of the output: `nix/store/HASH-NAME`.
    folder: &'path [u8],
    name: &'path str,
    version: &'path str,
    /// Which of its outputs; empty for the main one.
    which: &'path str,
}

/// The output that a file is of.
fn output(path: &ImagePath) -> Option<Output<'_>> {
    let inner = path.as_bytes().strip_prefix(STORE)?;
    // A file that is a store path itself is a source, a patch or a derivation.
    let end = inner.iter().position(|byte| *byte == b'/')?;
    let folder = path.as_bytes().get(..STORE.len() + end)?;
    let text = std::str::from_utf8(inner.get(..end)?).ok()?;
    let (hash, rest) = (text.get(..HASH)?, text.get(HASH..)?.strip_prefix('-')?);
    // Nix's base 32 leaves out e, o, t and u.
    let is_hash = hash
        .bytes()
        .all(|byte| byte.is_ascii_digit() || (byte.is_ascii_lowercase() && !b"eotu".contains(&byte)));
    if !is_hash || rest.len() > LONGEST {
        return None;
    }
    let dash = rest
        .match_indices('-')
        .map(|(at, _)| at)
        .find(|at| rest.as_bytes().get(at + 1).is_some_and(|byte| !byte.is_ascii_alphabetic()))?;
    let (name, version) = (rest.get(..dash)?, rest.get(dash + 1..)?);
    let (version, which) = match version.rsplit_once('-') {
        Some((version, which)) if OUTPUTS.contains(&which) => (version, which),
        _ => (version, ""),
    };
    let plain = version.starts_with(|first: char| first.is_ascii_digit()) && !name.is_empty();
    plain.then_some(Output { folder, name, version, which })
}

/// The output that a file is of, as a package at the place of the output.
pub fn parse(path: &ImagePath) -> Extraction {
    let Some(found) = output(path) else { return Extraction::default() };
    let folder = ImagePath::new(found.folder);
    let mut package = Package::new(Ecosystem::Nix, found.name, found.version, Location::new(folder));
    if !found.which.is_empty() {
        package.properties.insert("output".into(), found.which.into());
    }
    Extraction { packages: vec![package], ..Extraction::default() }
}

/// Any bytes as a path within a store. Public for fuzzing.
pub fn fuzz(data: &[u8]) {
    for path in [data.to_vec(), [STORE, &[b'0'; HASH], b"-", data].concat()] {
        for package in parse(&ImagePath::new(&path)).packages {
            assert!(!package.name.is_empty() && !package.version.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "nix/store/0c0k4d1bpvgqa9ppkdm7zwzlqnpjw6b7";

    #[test]
    fn names_of_store_paths() {
        let check = |path: &str, expected: &str| {
            let found = parse(&ImagePath::from(path));
            let shown: Vec<String> = found
                .packages
                .iter()
                .map(|package| {
                    let output = package.properties.get("output").cloned().unwrap_or_default();
                    assert!(path.starts_with(&package.locations[0].path.to_string()));
                    format!("{} {} {output}", package.name, package.version)
                })
                .collect();
            assert_eq!(shown.join(", "), expected, "{path}");
        };
        check(&format!("{A}-glibc-2.39-52/lib/libc.so.6"), "glibc 2.39-52 ");
        check(&format!("{A}-gcc-13.3.0-lib/lib/libstdc++.so.6"), "gcc 13.3.0 lib");
        check(&format!("{A}-python3.12-requests-2.32.3/lib/python3.12/x.py"), "python3.12-requests 2.32.3 ");
        check(&format!("{A}-bash-interactive-5.2-p15-man/share/x"), "bash-interactive 5.2-p15 man");
        check(&format!("{A}-nix-2.18.1/bin/nix"), "nix 2.18.1 ");
        for nothing in [
            format!("{A}-source/x"),
            format!("{A}-bash-5.2.tar.gz"),
            format!("{A}-5.2/x"),
            format!("{A}bash-5.2/x"),
            "nix/store/short-bash-5.2/x".into(),
            "nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-bash-5.2/x".into(),
            "home/nix/store/x".into(),
            "nix/store/".into(),
        ] {
            check(&nothing, "");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(content in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80), word in "[a-z0-9./-]{0,40}") {
            fuzz(&content);
            fuzz(word.as_bytes());
        }
    }
}
