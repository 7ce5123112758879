//! Installed R packages: `DESCRIPTION` with a `Built` field, which R writes when it installs.
//!
//! Format: "Writing R Extensions", section 1.1.1: the fields of a Debian control file.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem};

use super::npm::VCS_URL;
use super::{is_plain, tree};
use crate::{Extraction, Extractor, Reader};

/// Installed R packages.
pub static R_DESCRIPTION: Extractor = Extractor {
    name: "lang/r_description",
    version: 1,
    declares: false,
    wants,
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"DESCRIPTION"
}

/// Reads one description. Other programs have files of this name; only R's is built.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let field = |wanted: &str| {
        text.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    };
    if field("Built").is_none() {
        return Extraction::default();
    }
    let (Some(name), Some(version)) = (field("Package").filter(|name| is_plain(name)), field("Version"))
    else {
        return Extraction::problem(Problem::corrupt(path, "a built package without `Package` or `Version`"));
    };
    let mut package = Package::new(Ecosystem::Cran, name, version, Location::new(path.clone()));
    package.licenses.extend(field("License").map(str::to_owned));
    if let Some((address, commit)) = field("RemoteUrl").zip(field("RemoteSha")) {
        package.properties.insert(VCS_URL.into(), format!("{address}#{commit}"));
    } else if let Some(repository) = field("Repository").filter(|repository| *repository != "CRAN") {
        package.properties.insert("repository".into(), repository.to_owned());
    }
    Extraction { packages: vec![package], ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn description() {
        let path = ImagePath::from("usr/lib/R/site-library/commonmark/DESCRIPTION");
        let found = parse(&path, include_bytes!("../../fixtures/lang/r_description/DESCRIPTION"));
        crate::lang::expect(&found, &["commonmark@1.7 0 Unknown Runtime"], 0);
        assert_eq!(found.packages[0].licenses, ["BSD_2_clause + file LICENSE"]);
        let bad = include_bytes!("../../fixtures/lang/r_description/DESCRIPTION.bad");
        crate::lang::expect(&parse(&path, bad), &[], 1);
        // A source package, and Octave's file of the same name.
        crate::lang::expect(&parse(&path, b"Package: a\nVersion: 1.0\n"), &[], 0);
        crate::lang::expect(&parse(&path, b"Name: a\nVersion: 1.0\n"), &[], 0);
        let remote =
            parse(&path, b"Package: a\nVersion: 1\nBuilt: R 4\nRemoteUrl: https://x/a\nRemoteSha: 0a\n");
        assert_eq!(remote.packages[0].properties["vcs_url"], "https://x/a#0a");
    }
}
