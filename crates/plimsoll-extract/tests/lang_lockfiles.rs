//! What two peers say of the same lockfiles, and why we differ where we do.

use std::collections::BTreeSet;
use std::path::Path;

use plimsoll_extract::Reader;
use plimsoll_extract::registry::EXTRACTORS;
use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath};

type Packages = BTreeSet<String>;

/// Our packages in a folder, as `name@version`, and what could not be read.
fn ours(root: &Path) -> (Packages, Vec<String>) {
    let (mut packages, mut problems) = (Packages::new(), Vec::new());
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for item in std::fs::read_dir(folder).expect("the folder is readable") {
            let item = item.expect("the folder is readable").path();
            if item.is_dir() {
                waiting.push(item);
                continue;
            }
            let inside = item.strip_prefix(root).expect("it was found there");
            let path = ImagePath::from(inside.to_str().expect("names of the suite are text"));
            let bytes = std::fs::read(&item).expect("the file is readable");
            let entry = Entry { path: &path, size: bytes.len() as u64, mode: 0o644 };
            for extractor in EXTRACTORS.iter().filter(|extractor| (extractor.wants)(&entry)) {
                let extraction = match extractor.read {
                    Reader::Whole { parse, .. } => parse(&path, &bytes),
                    Reader::Name { parse } => parse(&path),
                    Reader::Stream { parse } => {
                        parse(&path, &mut bytes.as_slice()).expect("memory is readable")
                    }
                };
                problems.extend(
                    extraction.problems.iter().map(|problem| format!("{}: {}", path, problem.detail)),
                );
                for package in &extraction.packages {
                    packages.insert(key(package.ecosystem, &package.name, &package.version));
                }
            }
        }
    }
    (packages, problems)
}

/// Names are compared as advisories see them.
fn key(ecosystem: Ecosystem, name: &str, version: &str) -> String {
    format!("{}@{version}", ecosystem.normalise(name))
}

/// The packages of an expected list, which names the ecosystem in the purl.
fn theirs(file: &Path) -> Packages {
    let text = std::fs::read_to_string(file).expect("the expectation is readable");
    let root: serde_json::Value = serde_json::from_str(&text).expect("the expectation is JSON");
    let lists = root["results"].as_array().cloned().unwrap_or_else(|| vec![root.clone()]);
    let mut packages = Packages::new();
    for package in lists.iter().flat_map(|list| list["packages"].as_array().into_iter().flatten()) {
        let name = package["name"].as_str().unwrap_or_default();
        let purl = package["purl"].as_str().unwrap_or_default();
        let kind = purl.strip_prefix("pkg:").and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let ecosystem = Ecosystem::from_purl_type(kind).unwrap_or(Ecosystem::Generic);
        packages.insert(key(ecosystem, name, package["version"].as_str().unwrap_or_default()));
    }
    packages
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Trivy lists it, we do not.
    OnlyTrivy,
    /// Syft lists it, we do not.
    OnlySyft,
    /// We list it, Trivy does not.
    NotTrivy,
    /// We list it, Syft does not.
    NotSyft,
}
use Side::{NotSyft, NotTrivy, OnlySyft, OnlyTrivy};

/// A difference that is meant: case, package (`name@version`, `*` for all that differ this way), side, why.
type Difference = (&'static str, &'static str, Side, &'static str);

static DIFFERENCES: &[Difference] = &[
    ("dotnet-nuget--config", "*", NotSyft, NOT_READ_BY_SYFT),
    ("dotnet-nuget--lock", "*", NotSyft, NOT_READ_BY_SYFT),
    ("dotnet-packagesprops", "*", NotSyft, NOT_READ_BY_SYFT),
    ("nodejs-bun--happy", "*", NotSyft, NOT_READ_BY_SYFT),
    ("nodejs-bun--no-node-modules", "*", NotSyft, NOT_READ_BY_SYFT),
    ("python-pylock--happy", "*", NotSyft, NOT_READ_BY_SYFT),
    ("python-uv--happy", "*", NotSyft, NOT_READ_BY_SYFT),
    // npm's first lock format nests what differs from the top in `dependencies` of the package that needs it, and says
    // `dev: true` of packages that are installed all the same.
    ("nodejs-npm--happy", "ansi-colors@3.2.3", NotSyft, "Syft leaves development packages out"),
    ("nodejs-npm--happy", "debug@2.6.9", NotSyft, "Syft does not read nested dependencies"),
    ("nodejs-npm--happy", "ms@2.0.0", NotSyft, "Syft does not read nested dependencies"),
    ("php-composer--composer-with-dev", "*", NotSyft, "Syft leaves `packages-dev` out"),
    ("php-composer--composer-vendor-happy", "*", NotTrivy, INSTALLED_ONLY_IN_IMAGES),
    ("php-composer--composer-vendor-happy", "*", NotSyft, INSTALLED_ONLY_IN_IMAGES),
    // The project and its workspaces are no packages of a registry: an advisory for their name is about another thing.
    ("nodejs-yarn--alias", "test@1.0.0", OnlyTrivy, PROJECT),
    ("nodejs-yarn--happy", "90@1.0.0", OnlyTrivy, PROJECT),
    ("nodejs-yarn--latest-version", "@", OnlyTrivy, PROJECT),
    ("nodejs-yarn--monorepo", "@", OnlyTrivy, PROJECT),
    ("nodejs-yarn--monorepo", "c@0.0.0", OnlyTrivy, PROJECT),
    ("nodejs-yarn--monorepo", "package1@0.0.0", OnlyTrivy, PROJECT),
    ("nodejs-yarn--monorepo", "util1@0.0.0", OnlyTrivy, PROJECT),
    ("nodejs-yarn--monorepo", "yarn-workspace-test@1.0.0", OnlyTrivy, PROJECT),
    ("nodejs-yarn--monorepo", "c@0.0.0-use.local", OnlySyft, PROJECT),
    ("nodejs-yarn--monorepo", "package1@0.0.0-use.local", OnlySyft, PROJECT),
    ("nodejs-yarn--monorepo", "package2@0.0.0-use.local", OnlySyft, PROJECT),
    ("nodejs-yarn--monorepo", "util1@0.0.0-use.local", OnlySyft, PROJECT),
    ("nodejs-yarn--monorepo", "yarn-workspace-test@0.0.0-use.local", OnlySyft, PROJECT),
    ("nodejs-yarn--project-with-workspace-in-subdir-foo", "@test/bar-generators@0.0.1", OnlyTrivy, PROJECT),
    ("nodejs-yarn--project-with-workspace-in-subdir-foo", "@test/foo@1.0.0", OnlyTrivy, PROJECT),
    ("nodejs-yarn--yarn-berry-node-modules", "work@1.0.0", OnlyTrivy, PROJECT),
    ("nodejs-yarn--yarn-berry-node-modules", "work@0.0.0-use.local", OnlySyft, PROJECT),
    ("nodejs-yarn--yarn-classic-licenses", "@", OnlyTrivy, PROJECT),
    ("nodejs-yarn--yarn-licenses", "yarn-3-licenses@1.0.0", OnlyTrivy, PROJECT),
    ("nodejs-yarn--yarn-licenses", "root-workspace-0b6124@0.0.0-use.local", OnlySyft, PROJECT),
    ("python-pylock--happy", "test-project@", OnlyTrivy, PROJECT),
    ("python-uv--happy", "happy@0.1.0", OnlyTrivy, PROJECT),
];

const NOT_READ_BY_SYFT: &str = "the recorded version of Syft has no reader for this format";
const INSTALLED_ONLY_IN_IMAGES: &str = "the peers read it in images only, and the expectation is of a folder";
const PROJECT: &str = "the scanned project itself or a workspace of it";

/// Cases with input that breaks its format: a problem must be reported, and only there.
static BROKEN: &[&str] = &[
    "nodejs-bun--sad",
    "nodejs-npm--sad",
    "nodejs-pnpm--sad",
    "nodejs-yarn--unsupported_protocol",
    "php-composer--composer-sad",
    "php-composer--composer-vendor-sad",
    "python-poetry--sad",
    "python-pylock--broken",
    "python-uv--broken-lock",
];

const ECOSYSTEMS: [&str; 4] = ["nodejs-", "python-", "php-", "dotnet-"];

#[test]
fn lockfiles_as_peers_see_them() {
    let Some(archive) = plimsoll_testing::shared("fixtures/lockfiles/lockfiles.tar.zst") else { return };
    let folder = plimsoll_testing::unpack(&archive);
    let mut cases: Vec<_> = std::fs::read_dir(folder.path().join("lockfiles"))
        .expect("the suite has a folder of cases")
        .map(|item| item.expect("the folder is readable").path())
        .collect();
    cases.sort();
    let mut wrong = Vec::new();
    let mut used = vec![false; DIFFERENCES.len()];
    let mut checked = 0;
    for case in cases {
        let name = case.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if !ECOSYSTEMS.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        checked += 1;
        let (ours, problems) = ours(&case.join("in"));
        let trivy = theirs(&case.join("expected.trivy.json"));
        let syft = theirs(&case.join("expected.syft.json"));
        let difference =
            |left: &Packages, right: &Packages| left.difference(right).cloned().collect::<Vec<_>>();
        for (side, packages) in [
            (OnlyTrivy, difference(&trivy, &ours)),
            (OnlySyft, difference(&syft, &ours)),
            (NotTrivy, difference(&ours, &trivy)),
            (NotSyft, difference(&ours, &syft)),
        ] {
            for package in packages {
                let known = DIFFERENCES.iter().position(|(known_case, known_package, known_side, _)| {
                    *known_case == name
                        && *known_side == side
                        && (*known_package == "*" || *known_package == package)
                });
                match known {
                    Some(place) => used[place] = true,
                    None => wrong.push(format!("not explained: {name}: {side:?} {package}")),
                }
            }
        }
        match (BROKEN.contains(&name.as_str()), problems.as_slice()) {
            (true, []) => wrong.push(format!("{name}: it is broken and no problem was reported")),
            (false, [first, ..]) => wrong.push(format!("{name}: {first}")),
            _ => {}
        }
    }
    for ((case, package, side, reason), used) in DIFFERENCES.iter().zip(used) {
        if !used {
            wrong.push(format!("no longer so: {case}: {side:?} {package} ({reason})"));
        }
    }
    assert!(checked > 40, "only {checked} cases are there");
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
}
