//! The database of all feeds in `shared/data`, built once for all tests of one program.
#![allow(dead_code, reason = "every test program uses another part")]

use std::path::PathBuf;
use std::sync::OnceLock;

use plimsoll_advisory::{BuildOptions, BuildReport, Database, MatchOptions, Matches, build, matches};
use plimsoll_model::{Ecosystem, ImagePath, Inventory, Location, Package, Release, SourcePackage};

pub(crate) struct All {
    _folder: tempfile::TempDir,
    pub(crate) file: PathBuf,
    pub(crate) report: BuildReport,
}

impl All {
    pub(crate) fn open(&self) -> Database {
        Database::open(&self.file).unwrap()
    }
}

/// `None`, said loudly, when the feeds are not there.
pub(crate) fn all() -> Option<&'static All> {
    static ALL: OnceLock<Option<All>> = OnceLock::new();
    ALL.get_or_init(|| {
        let from = plimsoll_testing::shared("data")?;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("advisories.db");
        let report = build(&from, &file, &BuildOptions::default()).unwrap();
        Some(All { _folder: folder, file, report })
    })
    .as_ref()
}

pub(crate) fn package(ecosystem: Ecosystem, name: &str, version: &str) -> Package {
    let mut package = Package::new(ecosystem, name, version, Location::new(ImagePath::from("app/lock")));
    package.purl = format!("pkg:{}/{name}@{version}", ecosystem.name());
    if ecosystem.is_distribution() {
        package.source = Some(SourcePackage { name: name.into(), version: version.into() });
    }
    package
}

pub(crate) fn inventory(packages: Vec<Package>) -> Inventory {
    Inventory { release: None, packages, problems: Vec::new() }
}

pub(crate) fn on(id: &str, version: &str, packages: Vec<Package>) -> Inventory {
    let release = Release { id: id.into(), version: version.into(), ..Release::default() };
    Inventory { release: Some(release), packages, problems: Vec::new() }
}

pub(crate) fn run(database: &Database, inventory: &Inventory) -> Matches {
    matches(database, inventory, &MatchOptions::default()).unwrap()
}

/// Advisory ids that count for one language package.
pub(crate) fn ids(database: &Database, ecosystem: Ecosystem, name: &str, version: &str) -> Vec<String> {
    let found = run(database, &inventory(vec![package(ecosystem, name, version)]));
    found.findings.into_iter().map(|finding| finding.advisory).collect()
}
