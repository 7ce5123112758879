//! Packages of Bitnami's images: `/opt/bitnami/NAME/.spdx-NAME.spdx`, one SPDX 2.3 document in JSON for each component.
//!
//! The package with a `pkg:bitnami/` address is what Bitnami's advisories speak of. What else a document names was put into that
//! package when it was built; it is found by its own files where it is there.

use plimsoll_fs::Entry;
use plimsoll_model::purl::Purl;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem};

use super::is_plain;
use super::tree::{self, Node};
use crate::{Extraction, Extractor, Reader};

/// Bitnami's packages.
pub static BITNAMI_SPDX: Extractor = Extractor {
    name: "lang/bitnami_spdx",
    version: 1,
    declares: false,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    let name = entry.path.file_name();
    name.starts_with(b".spdx-")
        && name.ends_with(b".spdx")
        && entry.path.as_bytes().starts_with(b"opt/bitnami/")
}

/// Reads one document. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let mut problems = document.problems(path);
    let list = document.root.get("packages").map_or(&[][..], Node::items);
    let mut packages = Vec::new();
    for node in list {
        let Some(address) = address(node) else { continue };
        let read = Purl::parse_lenient(address).ok();
        let version = node.text("versionInfo").or_else(|| read.as_ref()?.version());
        let (Some(purl), Some(version)) = (&read, version.filter(|version| is_plain(version))) else {
            problems.line(node.line, "a package of Bitnami without name or version");
            continue;
        };
        let location = Location::at_line(path.clone(), node.line);
        let mut package = Package::new(Ecosystem::Bitnami, purl.name(), version, location);
        package.architecture = purl.qualifier("arch").map(str::to_owned);
        let license = node.text("licenseDeclared").or_else(|| node.text("licenseConcluded"));
        package
            .licenses
            .extend(license.filter(|text| !matches!(*text, "NOASSERTION" | "NONE" | "")).map(str::to_owned));
        packages.push(package);
    }
    if problems.is_empty() && packages.is_empty() {
        problems.push(Problem::corrupt(path, "names no package of Bitnami"));
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

fn address<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    node.get("externalRefs")?
        .items()
        .iter()
        .filter_map(|reference| reference.text("referenceLocator"))
        .find(|locator| locator.starts_with("pkg:bitnami/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document() {
        let path = ImagePath::from("opt/bitnami/redis/.spdx-redis.spdx");
        assert!(wants(&Entry { path: &path, size: 1, mode: 0o644 }));
        let found = parse(&path, include_bytes!("../../fixtures/lang/bitnami_spdx/redis.spdx"));
        crate::lang::expect(&found, &["redis@7.2.0-1 5 Unknown Runtime"], 0);
        assert_eq!(found.packages[0].architecture.as_deref(), Some("amd64"));
        assert_eq!(found.packages[0].licenses, ["BSD-3-Clause"]);
        let bad = include_bytes!("../../fixtures/lang/bitnami_spdx/bad.spdx");
        crate::lang::expect(&parse(&path, bad), &["a@1.0.0-0 2 Unknown Runtime"], 2);
        crate::lang::expect(&parse(&path, b"{}"), &[], 1);
    }
}
