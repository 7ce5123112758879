//! Packages in the cache of Conan 2: `p/cache.sqlite3` in its home, usually `.conan2`.
//!
//! The table `packages` has a row for each binary that was built or downloaded; its folders have no names of packages. Recipes
//! without a binary are not listed: nothing of them is there but how to build it.
//!
//! Format: Conan 2.34, `conan/internal/cache/db/packages_table.py`; references as `name/version@user/channel`.

use std::collections::BTreeSet;

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem};

use super::is_plain;
use crate::os::rpm_sqlite;
use crate::{Extraction, Extractor, Reader};

/// Packages that Conan 2 built or downloaded.
pub static CONAN_CACHE: Extractor = Extractor {
    name: "lang/conan_cache",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| entry.path.as_bytes().ends_with(b"/p/cache.sqlite3") && entry.size >= 512,
    read: Reader::Whole { limit: LIMIT, parse },
};

/// Largest cache in bytes: a row takes some 200.
const LIMIT: u64 = 64 << 20;

/// Reads the table of packages.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let mut references = BTreeSet::new();
    let mut unread = 0_u64;
    let mut problems = rpm_sqlite::first_column(path, bytes, "packages", |reference| {
        let named = reference.split('@').next().and_then(|named| named.split_once('/'));
        match named {
            Some((name, version)) if is_plain(name) && is_plain(version) => {
                references.insert(reference.to_owned());
            }
            _ => unread += 1,
        }
    });
    if unread > 0 {
        problems.push(Problem::corrupt(path, format!("{unread} rows hold no reference of a package")));
    }
    let packages = references.iter().filter_map(|reference| {
        let (named, whose) = reference.split_once('@').unwrap_or((reference, ""));
        let (name, version) = named.split_once('/')?;
        let mut package = Package::new(Ecosystem::Conan, name, version, Location::new(path.clone()));
        let (user, channel) = whose.split_once('/').unwrap_or((whose, ""));
        for (key, value) in [("user", user), ("channel", channel)] {
            if !value.is_empty() {
                package.properties.insert(key.into(), value.to_owned());
            }
        }
        Some(package)
    });
    Extraction { packages: packages.collect(), problems, ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::expect;

    #[test]
    fn binaries_of_the_cache() {
        let path = ImagePath::from("root/.conan2/p/cache.sqlite3");
        assert!((CONAN_CACHE.wants)(&Entry { path: &path, size: 28672, mode: 0o644 }));
        let good = include_bytes!("../../fixtures/lang/conan_cache/cache.sqlite3");
        let found = parse(&path, good);
        let all = [
            "jasper@2.0.24 0 Unknown Runtime",
            "openssl@3.0.8 0 Unknown Runtime",
            "own@1.0 0 Unknown Runtime",
            "zlib@1.3.1 0 Unknown Runtime",
        ];
        expect(&found, &all, 0);
        let own = &found.packages[2].properties;
        assert_eq!((own["user"].as_str(), own["channel"].as_str()), ("acme", "stable"));
        // Another database, half of one, none.
        expect(&parse(&path, &good[..4096]), &[], 1);
        expect(&parse(&path, b"no database"), &[], 1);
        let renamed: Vec<u8> = String::from_utf8_lossy(good).replace("zlib/1.3.1", "zlib_1.3.1").into_bytes();
        assert!(!parse(&path, &renamed).problems.is_empty());
        for length in (0..good.len()).step_by(97) {
            assert!(parse(&path, &good[..length]).packages.len() <= 4);
        }
        let other = ImagePath::from("srv/cache.sqlite3");
        assert!(!(CONAN_CACHE.wants)(&Entry { path: &other, size: 28672, mode: 0o644 }));
    }
}
