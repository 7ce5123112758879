//! The real test images (`cargo xtask images`) against the package managers' own lists. Where the images are absent the
//! test says so and checks nothing.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;

use plimsoll_model::{BaseSource, Ecosystem, Presence, Report};
use plimsoll_scan::{NoProgress, Options, scan};

fn run(target: &str) -> Report {
    let options = Options { threads: 2, inventory_only: true, ..Options::default() };
    scan(target, &options, &mut std::io::empty(), &NoProgress).unwrap()
}

/// name, version, architecture, source, source version: as `dpkg-query` says it.
fn dpkg(report: &Report) -> BTreeSet<String> {
    report
        .packages
        .iter()
        .filter(|package| package.ecosystem == Ecosystem::Deb)
        .map(|package| {
            let (source, source_version) = package.source_or_self();
            let architecture = package.architecture.as_deref().unwrap_or_default();
            format!("{}\t{}\t{architecture}\t{source}\t{source_version}", package.name, package.version)
        })
        .collect()
}

fn lines(path: &Path) -> BTreeSet<String> {
    std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

/// Names and versions of a nested `npm ls --json`, walked without recursion.
fn npm_list(path: &Path) -> BTreeSet<String> {
    let root: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut waiting = vec![&root["dependencies"]];
    let mut list = BTreeSet::new();
    while let Some(level) = waiting.pop() {
        for (name, node) in level.as_object().into_iter().flatten() {
            if let Some(version) = node["version"].as_str() {
                list.insert(format!("{name} {version}"));
            }
            waiting.push(&node["dependencies"]);
        }
    }
    list
}

fn named(report: &Report, ecosystem: Ecosystem, below: &str) -> BTreeSet<String> {
    report
        .packages
        .iter()
        .filter(|package| package.ecosystem == ecosystem && package.presence == Presence::Installed)
        .filter(|package| {
            package.locations.iter().any(|location| location.path.to_string().starts_with(below))
        })
        .map(|package| format!("{} {}", package.name, package.version))
        .collect()
}

#[test]
fn inventories_equal_the_package_managers_own_lists() {
    let Some(images) = plimsoll_testing::images() else { return };
    let expected = images.join("expected");
    let base = run(&format!("oci:{}", images.join("base-oci").display()));
    assert_eq!(dpkg(&base), lines(&expected.join("base/dpkg.tsv")));

    let app = run(&format!("oci:{}", images.join("app-oci-gzip").display()));
    assert_eq!(dpkg(&app), lines(&expected.join("app/dpkg.tsv")));

    let pip: serde_json::Value =
        serde_json::from_slice(&std::fs::read(expected.join("app/pip-venv.json")).unwrap()).unwrap();
    let pip: BTreeSet<String> = pip
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| format!("{} {}", entry["name"].as_str().unwrap(), entry["version"].as_str().unwrap()))
        .collect();
    assert_eq!(named(&app, Ecosystem::PyPi, "srv/app/venv"), pip);

    let installed = named(&app, Ecosystem::Npm, "srv/web/node_modules");
    let missing: Vec<_> = npm_list(&expected.join("app/npm.json")).difference(&installed).cloned().collect();
    assert!(missing.is_empty(), "npm lists what we do not: {missing:?}");

    // What was planted: Log4Shell three archives deep, an old crate in a program, modules in a Go program.
    for (ecosystem, name, version) in [
        (Ecosystem::Maven, "org.apache.logging.log4j:log4j-core", "2.14.1"),
        (Ecosystem::Cargo, "smallvec", "1.6.0"),
        (Ecosystem::Go, "golang.org/x/net", "v0.7.0"),
        (Ecosystem::Go, "stdlib", "1.19.8"),
    ] {
        let found = app.packages.iter().any(|package| {
            (package.ecosystem, package.name.as_str(), package.version.as_str()) == (ecosystem, name, version)
        });
        assert!(found, "{name} {version}");
    }
    let boundary = app.target.base.as_ref().unwrap();
    assert_eq!((boundary.layers, boundary.source), (1, BaseSource::History));
}

#[test]
fn every_form_of_an_image_gives_the_same_inventory() {
    let Some(images) = plimsoll_testing::images() else { return };
    let target = |form: &str, name: &str| format!("{form}{}", images.join(name).display());
    let reference = run(&target("oci:", "app-oci-gzip"));
    assert!(reference.packages.len() > 1000, "{}", reference.packages.len());
    for other in [
        target("oci:", "app-oci-zstd"),
        target("oci-archive:", "app-oci.tar"),
        target("docker-archive:", "app-docker.tar"),
        target("", "app-docker.tar"),
    ] {
        let report = run(&other);
        assert!(report.packages == reference.packages, "{other}");
        assert_eq!(report.problems, reference.problems, "{other}");
    }
}
