//! A real Debian 12 system and everything that is outstanding on it, computed independently with
//! `dpkg --compare-versions`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use plimsoll_advisory::{BuildOptions, Database, MatchOptions, build, matches};
use plimsoll_model::{Ecosystem, ImagePath, Inventory, Location, Package, Release, SourcePackage};

/// Just enough of deb-control(5) for a well-formed status file.
fn packages(status: &str) -> Vec<Package> {
    let mut packages = Vec::new();
    for stanza in status.split("\n\n") {
        let field = |name: &str| {
            stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
        };
        let (Some(name), Some(version)) = (field("Package"), field("Version")) else { continue };
        let location = Location::new(ImagePath::from("var/lib/dpkg/status"));
        let mut package = Package::new(Ecosystem::Deb, name, version, location);
        let (source, source_version) = match field("Source") {
            Some(source) => match source.split_once(" (") {
                Some((source, version)) => (source, version.trim_end_matches(')')),
                None => (source, version),
            },
            None => (name, version),
        };
        package.source = Some(SourcePackage { name: source.into(), version: source_version.into() });
        let architecture = field("Architecture").unwrap_or_default();
        package.purl = format!("pkg:deb/debian/{name}@{version}?arch={architecture}");
        packages.push(package);
    }
    packages.sort_by(|left, right| left.purl.cmp(&right.purl));
    packages
}

#[test]
fn exactly_the_outstanding_flaws_of_a_debian_12_system() {
    let (Some(data), Some(suite)) = (
        plimsoll_testing::shared("data/osv/Debian/all.zip"),
        plimsoll_testing::shared("fixtures/dpkg-matches/dpkg-matches.tar.zst"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let feed = folder.path().join("osv/Debian");
    std::fs::create_dir_all(&feed).unwrap();
    std::fs::copy(data, feed.join("all.zip")).unwrap();
    let file = folder.path().join("advisories.db");
    build(folder.path(), &file, &BuildOptions::default()).unwrap();

    let suite = plimsoll_testing::unpack(&suite);
    let suite: &Path = &suite.path().join("dpkg-matches");
    let status = std::fs::read_to_string(suite.join("in/var/lib/dpkg/status")).unwrap();
    let inventory = Inventory {
        release: Some(Release { id: "debian".into(), version: "12".into(), ..Release::default() }),
        packages: packages(&status),
        problems: Vec::new(),
    };
    assert_eq!(inventory.packages.len(), 654);

    let database = Database::open(&file).unwrap();
    let result = matches(&database, &inventory, &MatchOptions::default()).unwrap();
    assert_eq!(result.problems, []);

    let by_purl: BTreeMap<&str, &str> =
        inventory.packages.iter().map(|package| (package.purl.as_str(), package.name.as_str())).collect();
    let mut found = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for finding in &result.findings {
        assert!(finding.suppressed_by.is_none() && !finding.evidence.is_empty());
        assert!(ids.insert(&finding.id), "{} stands twice", finding.id);
        for purl in finding.subject.packages() {
            let source = &finding.subject.as_package().unwrap().source;
            found.insert(format!(
                "{}\t{}\t{}\t{}\t{}",
                by_purl[purl.as_str()],
                source.name,
                source.version,
                finding.advisory,
                finding.fixed_version.as_deref().unwrap_or_default()
            ));
        }
    }
    let expected = std::fs::read_to_string(suite.join("expected.tsv")).unwrap();
    let expected: BTreeSet<String> = expected.lines().map(str::to_owned).collect();
    assert_eq!(expected.len(), 3568);
    let missing: Vec<_> = expected.difference(&found).take(10).collect();
    let surplus: Vec<_> = found.difference(&expected).take(10).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "missing {missing:#?}\nsurplus {surplus:#?}");

    // Headers of the kernel are counted and shown, but never before what runs.
    let first_header = result.findings.iter().position(|finding| finding.risk.not_run).unwrap();
    assert!(result.findings[first_header..].iter().all(|finding| finding.risk.not_run));
    assert!(result.findings[..first_header].iter().all(|finding| finding.subject.name() != "linux"));
}
