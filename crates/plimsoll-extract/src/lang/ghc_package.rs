//! Installed Haskell packages: `package.conf.d/*.conf` of GHC's package databases, GHC's own among them.
//!
//! Format: GHC User's Guide, "InstalledPackageInfo: a package specification".

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem};

use super::{hackage, is_plain, tree};
use crate::{Extraction, Extractor, Reader};

/// Installed Haskell packages.
pub static GHC_PACKAGE: Extractor = Extractor {
    name: "lang/ghc_package",
    version: 1,
    declares: false,
    wants,
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name().ends_with(b".conf")
        && entry.path.parent().is_some_and(|folder| {
            folder.ends_with(b"package.conf.d") || folder.ends_with(b"/package.db") || folder == b"package.db"
        })
}

/// Reads one description.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let field = |wanted: &str| {
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case(wanted)
            {
                // A long value stands on the next line.
                let value = value.trim();
                return Some(if value.is_empty() { lines.next().unwrap_or_default().trim() } else { value });
            }
        }
        None
    };
    let (Some(name), Some(version)) = (
        field("name").filter(|name| is_plain(name)),
        field("version").filter(|text| hackage::is_version(text)),
    ) else {
        return Extraction::problem(Problem::corrupt(path, "no `name` or no `version`"));
    };
    let mut package = Package::new(Ecosystem::Hackage, name, version, Location::new(path.clone()));
    package.licenses.extend(field("license").filter(|text| !text.is_empty()).map(str::to_owned));
    Extraction { packages: vec![package], ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn description() {
        let path = ImagePath::from("usr/lib/ghc/package.conf.d/ghc-9.6.5.conf");
        assert!(wants(&Entry { path: &path, size: 1, mode: 0o644 }));
        let found = parse(&path, include_bytes!("../../fixtures/lang/ghc_package/ghc-9.6.5.conf"));
        crate::lang::expect(&found, &["ghc@9.6.5 0 Unknown Runtime"], 0);
        assert_eq!(found.packages[0].licenses, ["BSD-3-Clause"]);
        crate::lang::expect(
            &parse(&path, include_bytes!("../../fixtures/lang/ghc_package/bad.conf")),
            &[],
            1,
        );
    }
}
