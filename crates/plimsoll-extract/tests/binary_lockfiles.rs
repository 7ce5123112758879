//! Go, Rust and Java manifests of the shared suite against what two peers say of them. Every difference is explained here, and an
//! explanation that explains nothing any more fails as well.

#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::collections::BTreeSet;
use std::path::Path;

use plimsoll_extract::{Extractor, Reader, lang};
use plimsoll_fs::Entry;
use plimsoll_model::ImagePath;

static EXTRACTORS: &[&Extractor] = &[
    &lang::cargo_lock::CARGO_LOCK,
    &lang::go_mod::GO_MOD,
    &lang::gradle_lockfile::GRADLE_LOCKFILE,
    &lang::pom::POM,
];
const PREFIXES: &[&str] = &["golang-mod--", "rust-cargo--", "java-pom--", "java-gradle--"];

const TRIVY: &str = "trivy";
const SYFT: &str = "syft";

const NO_VERSION: &str = "the module's own package has no version, so there is nothing to say of it";
const CACHE: &str =
    "a module cache holds what dependencies require, not what is built; both read it as a project";
const UNNAMED: &str = "locked, though nothing else in the lock names it; Trivy follows Cargo.toml instead";
const WORKSPACE: &str = "a workspace without a package of its own has no name";

/// Case, peer, `+` what only we list or `-` what only the peer lists (`*` for any), why.
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[
    ("golang-mod--happy", TRIVY, "-github.com/org/repo@", NO_VERSION),
    ("golang-mod--merge", TRIVY, "-github.com/org/repo@", NO_VERSION),
    ("golang-mod--no-go-sum", TRIVY, "-github.com/org/repo@", NO_VERSION),
    ("golang-mod--no-pkg-found", TRIVY, "-github.com/org/repo@", NO_VERSION),
    ("golang-mod--vendor-dir-exists", TRIVY, "-github.com/org/repo@", NO_VERSION),
    ("golang-mod--wrong-gomod-in-pkg", TRIVY, "-github.com/org/repo@", NO_VERSION),
    (
        "golang-mod--merge",
        TRIVY,
        "-github.com/BurntSushi/toml@v0.3.1",
        "taken from go.sum, which also holds checksums of what was only looked at; the file has a note instead",
    ),
    ("golang-mod--gopath", TRIVY, "-*", CACHE),
    ("golang-mod--gopath", SYFT, "-*", CACHE),
    ("rust-cargo--happy", TRIVY, "+winapi@0.3.9", UNNAMED),
    ("rust-cargo--happy", TRIVY, "+winapi-i686-pc-windows-gnu@0.4.0", UNNAMED),
    ("rust-cargo--happy", TRIVY, "+winapi-x86_64-pc-windows-gnu@0.4.0", UNNAMED),
    ("rust-cargo--toml-workspace-glob", TRIVY, "-@", WORKSPACE),
    ("rust-cargo--toml-workspace-members", TRIVY, "-@", WORKSPACE),
    ("rust-cargo--version-workspace-inherit", TRIVY, "-@", WORKSPACE),
    (
        "java-pom--requirements",
        TRIVY,
        "-org.example:example-api@",
        "a range is not a version: noted, not listed",
    ),
    (
        "java-pom--requirements",
        SYFT,
        "-org.example:example-api@(,1.0]",
        "a range is not a version: noted, not listed",
    ),
    (
        "java-pom--mark-as-dev-src-it-example",
        TRIVY,
        "-com.example:example-api@@example.version@",
        "a placeholder of another tool is not a version: noted, not listed",
    ),
    (
        "java-pom--mark-as-dev-src-it-example",
        SYFT,
        "-com.example:example-api@@example.version@",
        "a placeholder of another tool is not a version: noted, not listed",
    ),
];

#[test]
fn differences_from_the_peers_are_explained() {
    let Some(archive) = plimsoll_testing::shared("fixtures/lockfiles/lockfiles.tar.zst") else { return };
    let folder = plimsoll_testing::unpack(&archive);
    let root = folder.path().join("lockfiles");
    let mut unexplained = Vec::new();
    let mut used = BTreeSet::new();
    let mut cases = 0;
    let mut packages = 0;
    for case in sorted(&root) {
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        if !PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        cases += 1;
        let ours = ours(&case.join("in"));
        packages += ours.len();
        for (peer, theirs) in [(TRIVY, trivy(&case)), (SYFT, syft(&case))] {
            let more = ours.difference(&theirs).map(|package| format!("+{package}"));
            let less = theirs.difference(&ours).map(|package| format!("-{package}"));
            for difference in more.chain(less) {
                let explanation = DIFFERENCES.iter().position(|(at, of, what, _)| {
                    *at == name
                        && *of == peer
                        && (*what == difference || *what == format!("{}*", &difference[..1]))
                });
                match explanation {
                    Some(index) => drop(used.insert(index)),
                    None => unexplained.push(format!("{name} {peer} {difference}")),
                }
            }
        }
    }
    assert_eq!(unexplained, [""; 0]);
    let stale: Vec<_> = (0..DIFFERENCES.len())
        .filter(|index| !used.contains(index))
        .map(|index| DIFFERENCES[index])
        .collect();
    assert_eq!(stale, []);
    assert!(cases >= 20 && packages >= 60, "{cases} cases, {packages} packages");
}

fn sorted(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut list: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    list.sort();
    list
}

fn ours(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in sorted(&folder) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let image_path = ImagePath::from(path.strip_prefix(root).unwrap().to_str().unwrap());
            let entry = Entry { path: &image_path, size: bytes.len() as u64, mode: 0o644 };
            for extractor in EXTRACTORS.iter().filter(|extractor| (extractor.wants)(&entry)) {
                let Reader::Whole { parse, .. } = extractor.read else {
                    unreachable!("manifests are read whole")
                };
                let extraction = parse(&image_path, &bytes);
                for package in extraction.packages {
                    assert!(package.locations[0].line.is_some(), "{package:?}");
                    found.insert(format!("{}@{}", package.name, package.version));
                }
            }
        }
    }
    found
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn text<'a>(value: &'a serde_json::Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn trivy(case: &Path) -> BTreeSet<String> {
    let document = json(&case.join("expected.trivy.json"));
    let results = document["results"].as_array().unwrap().iter();
    results
        .flat_map(|result| result["packages"].as_array().unwrap())
        .map(|package| format!("{}@{}", text(package, "name"), text(package, "version")))
        .collect()
}

/// Syft's name of a Java package is the artifact alone; its package URL has the group.
fn syft(case: &Path) -> BTreeSet<String> {
    let document = json(&case.join("expected.syft.json"));
    let packages = document["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let group =
                text(package, "purl").strip_prefix("pkg:maven/").and_then(|rest| rest.split_once('/'));
            let group = group.map(|(group, _)| format!("{group}:")).unwrap_or_default();
            format!("{group}{}@{}", text(package, "name"), text(package, "version"))
        })
        .collect()
}

#[test]
fn broken_manifests_never_look_empty() {
    let Some(archive) = plimsoll_testing::shared("fixtures/lockfiles/lockfiles.tar.zst") else { return };
    let folder = plimsoll_testing::unpack(&archive);
    for (file, extractor) in [
        ("golang-mod--sad/in/go.mod", &lang::go_mod::GO_MOD),
        ("rust-cargo--sad/in/Cargo.lock", &lang::cargo_lock::CARGO_LOCK),
        ("java-pom--broken/in/pom.xml", &lang::pom::POM),
    ] {
        let bytes = std::fs::read(folder.path().join("lockfiles").join(file)).unwrap();
        let Reader::Whole { parse, .. } = extractor.read else { unreachable!("manifests are read whole") };
        assert!(!parse(&file.into(), &bytes).problems.is_empty(), "{file}");
    }
}
