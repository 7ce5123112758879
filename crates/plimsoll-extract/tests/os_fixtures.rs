//! Distributions, against package managers' own answers and against peers' lists.

#![expect(clippy::unwrap_used, reason = "a suite that cannot be read is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use plimsoll_extract::os::release;
use plimsoll_extract::registry::EXTRACTORS;
use plimsoll_extract::{Extraction, Reader};
use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Package};

/// Runs every extractor over every file below `root`.
fn extract(root: &Path) -> Extraction {
    let mut all = Extraction::default();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = ImagePath::from(path.strip_prefix(root).unwrap().to_str().unwrap());
            let content = std::fs::read(&path).unwrap();
            merge(&mut all, extract_file(&name, &content));
        }
    }
    all.packages.sort_by(|one, two| {
        (&one.name, &one.version, &one.architecture).cmp(&(&two.name, &two.version, &two.architecture))
    });
    all
}

fn extract_file(path: &ImagePath, content: &[u8]) -> Extraction {
    let mut all = Extraction::default();
    let entry = Entry { path, size: content.len() as u64, mode: 0o644 };
    for extractor in EXTRACTORS.iter().filter(|extractor| (extractor.wants)(&entry)) {
        let found = match extractor.read {
            Reader::Whole { limit, parse } => {
                assert!(content.len() as u64 <= limit, "{path}");
                parse(path, content)
            }
            Reader::Name { parse } => parse(path),
            Reader::Stream { parse } => parse(path, &mut &content[..]).unwrap(),
        };
        merge(&mut all, found);
    }
    all
}

fn merge(all: &mut Extraction, found: Extraction) {
    all.packages.extend(found.packages);
    all.releases.extend(found.releases);
    all.ownership.extend(found.ownership);
    all.licenses.extend(found.licenses);
    all.problems.extend(found.problems);
}

fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/os").join(name)
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

/// What a list of strings has that the other has not, both ways, as `-ours` and `+theirs`.
fn difference(
    ours: impl IntoIterator<Item = String>,
    theirs: impl IntoIterator<Item = String>,
) -> Vec<String> {
    let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) =
        (ours.into_iter().collect(), theirs.into_iter().collect());
    let less = ours.difference(&theirs).map(|text| format!("-{text}"));
    let more = theirs.difference(&ours).map(|text| format!("+{text}"));
    less.chain(more).collect()
}

/// Packages of a Syft list, as `name version`.
fn syft(path: &Path) -> Vec<String> {
    let list = json(path);
    let packages = list["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            format!("{} {}", package["name"].as_str().unwrap(), package["version"].as_str().unwrap())
        })
        .collect()
}

/// Packages of a Trivy list, as `name version architecture source source-version`, put together again from its parts. Its
/// list holds no epoch or release of the source: the version stands for it without both.
fn trivy(path: &Path) -> Vec<String> {
    let list = json(path);
    let Some(results) = list["results"].as_array() else { return Vec::new() };
    let packages = results.iter().flat_map(|result| result["packages"].as_array().unwrap());
    packages
        .map(|package| {
            let text = |key: &str| package[key].as_str().unwrap_or_default();
            let epoch = package["epoch"].as_u64().map_or(String::new(), |epoch| format!("{epoch}:"));
            let release = package["release"].as_str().map_or(String::new(), |release| format!("-{release}"));
            format!("{} {epoch}{}{release} {} {}", text("name"), text("version"), text("arch"), text("src"))
        })
        .collect()
}

fn row(package: &Package) -> String {
    format!("{} {}", package.name, package.version)
}

fn trivy_row(package: &Package) -> String {
    let architecture = package.architecture.as_deref().unwrap_or_default();
    format!("{} {} {architecture} {}", package.name, package.version, package.source_or_self().0)
}

/// dpkg-query's answer: package, version, architecture, source, source version.
fn dpkg_row(package: &Package) -> String {
    let (source, source_version) = package.source_or_self();
    let architecture = package.architecture.as_deref().unwrap_or_default();
    [&package.name, &package.version, architecture, source, source_version].join("\t")
}

fn entry_name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Every difference from a peer's list, with the reason. `-` is a row that only we have, `+` one that only the peer has.
const DIFFERENCES: &[(&str, &str, &[&str], &str)] = &[
    (
        "dpkg/valid",
        "syft",
        &["+git 1:2.20.1-2+deb10u3"],
        "deinstall ok config-files: git was removed, only its configuration is left",
    ),
    (
        "apk",
        "syft",
        &["+invalidPackageWithoutAVersion UNKNOWN"],
        "without a version nothing can be decided about it: a problem, not a package",
    ),
    (
        "bdb-libuuid",
        "trivy",
        &["-libuuid 2.32.1-42.el8_8 x86_64 util-linux"],
        "the peer ends with an error for want of its CPE data",
    ),
];

/// Compares with both peers' lists: whatever is not in [`DIFFERENCES`] is a failure, and so is what is there in vain.
fn against_peers(suite: &str, folder: &Path, packages: &[Package]) {
    let lists = [
        ("syft", difference(packages.iter().map(row), syft(&folder.join("expected.syft.json")))),
        ("trivy", difference(packages.iter().map(trivy_row), trivy(&folder.join("expected.trivy.json")))),
    ];
    for (peer, found) in lists {
        let explained = DIFFERENCES.iter().find(|(of, with, ..)| *of == suite && *with == peer);
        assert_eq!(found, explained.map_or(&[][..], |(_, _, rows, _)| *rows), "{suite}, {peer}");
    }
}

#[test]
fn releases_of_real_images() {
    let Some(folder) = plimsoll_testing::shared("fixtures/os-release") else { return };
    let expected = json(&folder.join("expected.json"));
    // Where a peer's family is not our key. Ids and versions differ nowhere.
    let differences = BTreeMap::from([
        ("activestate", ("activestate", "-", "not in our table: no advisories of its own")),
        (
            "centos-stream",
            ("centos-stream", "centos", "ID=centos is what os-release(5) matches on; NAME is for people"),
        ),
        ("mariner-1.0", ("cbl-mariner", "mariner", "another name for the same")),
        ("oracle", ("oracle", "oracle", "ID=ol")),
        ("rhel", ("redhat", "redhat", "ID=rhel")),
        ("slemicro", ("slem", "slem", "ID=sle-micro")),
        ("slemicro6.0", ("slem", "slem", "ID=sl-micro")),
        ("opensuseleap-42.3", ("opensuse-leap", "opensuse-leap", "ID=opensuse")),
        (
            "no-version",
            ("-", "alpine", "VERSION_ID is optional; other files may hold the version. Syft agrees"),
        ),
        ("unknown", ("-", "-", "nobody's table has it, but its id and version are kept. Syft agrees")),
    ]);
    for (file, expected) in expected.as_object().unwrap() {
        let content = std::fs::read(folder.join(file)).unwrap();
        for path in ["etc/os-release", "usr/lib/os-release"] {
            let found = extract_file(&path.into(), &content);
            let (release, problems) = release::resolve(found.releases);
            let release = release.unwrap();
            assert_eq!((problems, found.problems), (vec![], vec![]), "{file}");
            assert_eq!(release.id, expected["syft_distro_id"], "{file}");
            let key = release.distribution().map_or("-", |distribution| distribution.key);
            let family = expected["trivy"]["Family"].as_str().unwrap_or("-");
            match differences.get(file.as_str()) {
                Some((theirs, ours, _)) => assert_eq!((family, key), (*theirs, *ours), "{file}"),
                None => assert_eq!(key, family, "{file}"),
            }
            if let Some(version) = expected["trivy"]["Name"].as_str() {
                assert_eq!(release.version, version, "{file}");
            }
        }
    }
}

#[test]
fn dpkg_against_dpkg_query_and_peers() {
    let Some(archive) = plimsoll_testing::shared("fixtures/dpkg/dpkg.tar.zst") else { return };
    let folder = plimsoll_testing::unpack(&archive);
    let mut suites = 0;
    for entry in std::fs::read_dir(folder.path().join("dpkg")).unwrap() {
        let suite = entry.unwrap().path();
        if !suite.is_dir() {
            continue;
        }
        suites += 1;
        let found = extract(&suite.join("in"));
        assert_eq!(found.problems, vec![], "{}", suite.display());
        let (release, problems) = release::resolve(found.releases);
        assert_eq!((release.unwrap().label(), problems), ("Debian 12.5".to_owned(), vec![]));

        let ours: Vec<_> = found.packages.iter().map(dpkg_row).collect();
        // `rc`: removed, only its configuration is left. No file of it is there to be vulnerable; peers agree.
        let theirs: Vec<_> = lines(&suite.join("expected.dpkg-query.tsv"))
            .iter()
            .filter_map(|line| line.rsplit_once('\t').filter(|(_, state)| *state != "rc "))
            .map(|(columns, _)| columns.to_owned())
            .collect();
        assert_eq!(ours.len(), theirs.len(), "{}", suite.display());
        assert_eq!(difference(ours, theirs), Vec::<String>::new(), "{}", suite.display());

        against_peers(&format!("dpkg/{}", entry_name(&suite)), &suite, &found.packages);
    }
    assert_eq!(suites, 6);
}

#[test]
fn dpkg_names_sources_as_the_tracker_does() {
    let Some(archive) = plimsoll_testing::shared("fixtures/dpkg-matches/dpkg-matches.tar.zst") else {
        return;
    };
    let folder = plimsoll_testing::unpack(&archive);
    let suite = folder.path().join("dpkg-matches");
    let found = extract(&suite.join("in"));
    assert_eq!((found.packages.len(), found.problems), (654, vec![]));
    let (release, problems) = release::resolve(found.releases);
    assert_eq!((release.unwrap().label(), problems), ("Debian 12.15".to_owned(), vec![]));
    let sources: BTreeSet<_> = found
        .packages
        .iter()
        .map(|package| {
            let (source, version) = package.source_or_self();
            format!("{}\t{source}\t{version}", package.name)
        })
        .collect();
    let rows = lines(&suite.join("expected.tsv"));
    assert!(rows.len() > 3000);
    for line in rows {
        let columns: Vec<_> = line.split('\t').take(3).collect();
        assert!(sources.contains(&columns.join("\t")) || columns[0] == "binary", "{line}");
    }
}

#[test]
fn a_release_needs_no_particular_file() {
    // A peer loses all of Debian's packages when etc/debian_version is missing.
    for (file, content, expected) in [
        ("etc/os-release", "ID=debian\nVERSION_ID=12\n", "debian:12"),
        ("usr/lib/os-release", "ID=debian\nVERSION_ID=12\n", "debian:12"),
        ("etc/debian_version", "12.5\n", "debian:12"),
        ("etc/lsb-release", "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=22.04\n", "ubuntu:22.04"),
        ("etc/alpine-release", "3.18.4\n", "alpine:3.18"),
        ("etc/apk/repositories", "https://dl-cdn.alpinelinux.org/alpine/v3.18/main\n", "alpine:3.18"),
        ("etc/redhat-release", "Rocky Linux release 9.3 (Blue Onyx)\n", "rocky:9"),
        ("etc/system-release", "Amazon Linux release 2023.3.20231218 (Amazon Linux)\n", "amazon:2023"),
        ("etc/photon-release", "VMware Photon OS 5.0\n", "photon:5.0"),
        ("etc/mariner-release", "CBL-Mariner 2.0.20220804\n", "mariner:2.0"),
        ("etc/SuSE-release", "SUSE Linux Enterprise Server 12 (x86_64)\nPATCHLEVEL = 5\n", "sles:12.5"),
    ] {
        let found = extract_file(&file.into(), content.as_bytes());
        let (release, problems) = release::resolve(found.releases);
        assert_eq!(release.unwrap().stream().unwrap().as_str(), expected, "{file}");
        assert!(problems.is_empty(), "{file}");
    }
}

#[test]
fn distroless() {
    let found = extract(&own("distroless"));
    let rows: Vec<_> = found.packages.iter().map(dpkg_row).collect();
    assert_eq!(
        rows,
        ["base-files\t12.4\tamd64\tbase-files\t12.4", "libssl3\t3.0.11-1\tamd64\topenssl\t3.0.11-1"]
    );
    assert_eq!(found.problems, vec![]);
    let owned: Vec<_> =
        found.ownership.iter().map(|owner| format!("{} {:?}", owner.package, owner.paths)).collect();
    assert_eq!(owned, ["libssl3 [\"usr/lib/x86_64-linux-gnu/libssl.so.3\"]"]);
    let licenses: Vec<_> =
        found.licenses.iter().map(|declared| (&*declared.package, &*declared.licenses)).collect();
    assert_eq!(licenses, [("libssl3", &["Apache-2.0".to_owned()][..])]);
    assert_eq!(release::resolve(found.releases).0.unwrap().label(), "Debian 12");
}

#[test]
fn a_broken_status_file() {
    let found = extract(&own("dpkg-broken"));
    let rows: Vec<_> = found.packages.iter().map(row).collect();
    assert_eq!(rows, ["bash 5.2.15-2+b2", "zlib1g 1:1.2.13.dfsg-1"]);
    let details: Vec<_> = found.problems.iter().map(|problem| problem.detail.as_str()).collect();
    assert_eq!(
        details,
        [
            "the stanza at line 8 names no package",
            "line 14 is neither a field nor the continuation of one",
            "ends within a field: the last package, and any behind it, may be missing",
        ]
    );
}

#[test]
fn apk_against_peers() {
    let Some(suite) = plimsoll_testing::shared("fixtures/apk/alpine-sample") else { return };
    let found = extract(&suite.join("in"));
    let details: Vec<_> = found.problems.iter().map(|problem| problem.detail.as_str()).collect();
    // The sample was cut by hand: it ends without the newline that apk always writes.
    assert_eq!(
        details,
        [
            "`invalidPackageWithoutAVersion` has no version (line 23)",
            "ends within a line: the last package, and any behind it, may be incomplete",
        ]
    );
    against_peers("apk", &suite, &found.packages);
    let busybox = found.ownership.iter().find(|owner| owner.package == "busybox").unwrap();
    let paths: Vec<_> = busybox.paths.iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["bin/busybox", "bin/sh", "etc/securetty", "etc/udhcpd.conf", "etc/logrotate.d/acpid"]);
    assert_eq!(release::resolve(found.releases).0.unwrap().stream().unwrap().as_str(), "alpine:3.18");
}

/// `rpm -qa`'s answer: name, epoch, version, release, architecture, source rpm, vendor, licence; our package in that form.
fn rpm_row(package: &Package) -> String {
    let none = || "(none)".to_owned();
    let (epoch, rest) = match package.version.split_once(':') {
        Some((epoch, rest)) => (epoch.to_owned(), rest),
        None => (none(), package.version.as_str()),
    };
    let (version, release) = rest.split_once('-').unwrap();
    let source = match &package.source {
        Some(source) => format!("{}-{}.src.rpm", source.name, source.version),
        None => format!("{}-{version}-{release}.src.rpm", package.name),
    };
    let architecture = package.architecture.clone().unwrap_or_else(none);
    let vendor = package.vendor.clone().unwrap_or_else(none);
    let licence = package.licenses.first().cloned().unwrap_or_else(none);
    [&package.name, &epoch, version, release, &architecture, &source, &vendor, &licence].join("\t")
}

#[test]
fn rpm_against_rpm_and_peers() {
    // Files as counted by `rpm -qal` where rpm opens the database.
    for (suite, packages, files) in
        [("bdb-libuuid", 1, 7), ("ndb-sle15-bci", 35, 2837), ("sqlite-cbl-mariner-2.0", 129, 7269)]
    {
        let Some(folder) = plimsoll_testing::shared(&format!("fixtures/rpmdb/{suite}")) else { return };
        let found = extract(&folder.join("in"));
        assert_eq!(found.problems, vec![], "{suite}");
        let oracle = folder.join("expected.rpm-qa.tsv");
        if oracle.exists() {
            let theirs = lines(&oracle);
            assert_eq!(found.packages.len(), theirs.len(), "{suite}");
            assert_eq!(
                difference(found.packages.iter().map(rpm_row), theirs),
                Vec::<String>::new(),
                "{suite}"
            );
        }
        assert_eq!(found.packages.len(), packages, "{suite}");
        against_peers(suite, &folder, &found.packages);
        let paths: usize = found.ownership.iter().map(|owner| owner.paths.len()).sum();
        assert_eq!(paths, files, "{suite}");
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a skip must be heard")]
fn this_machine_against_dpkg_query() {
    let query = [
        "-W",
        "-f",
        "${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\t${db:Status-Status}\n",
    ];
    let Ok(answer) = std::process::Command::new("dpkg-query").args(query).output() else {
        eprintln!("NOT CHECKED: there is no dpkg-query on this machine");
        return;
    };
    let theirs: Vec<_> = String::from_utf8(answer.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.rsplit_once('\t'))
        .filter(|(_, state)| !matches!(*state, "config-files" | "not-installed"))
        .map(|(columns, _)| columns.to_owned())
        .collect();
    let found = extract_file(&"var/lib/dpkg/status".into(), &std::fs::read("/var/lib/dpkg/status").unwrap());
    assert_eq!(found.problems, vec![]);
    assert_eq!(found.packages.len(), theirs.len());
    assert_eq!(difference(found.packages.iter().map(dpkg_row), theirs), Vec::<String>::new());
}

#[test]
fn an_apk_database_of_our_own() {
    let found = extract(&own("alpine"));
    let rows: Vec<_> = found.packages.iter().map(dpkg_row).collect();
    assert_eq!(
        rows,
        ["musl\t1.2.4-r2\tx86_64\tmusl\t1.2.4-r2", "ssl_client\t1.36.1-r5\tx86_64\tbusybox\t1.36.1-r5"]
    );
    let details: Vec<_> = found.problems.iter().map(|problem| problem.detail.as_str()).collect();
    assert_eq!(details, ["the package at line 18 has no name"]);
    let (release, problems) = release::resolve(found.releases);
    // Its os-release says 3.18, its packages come from edge.
    assert_eq!(release.unwrap().stream().unwrap().as_str(), "alpine:edge");
    assert_eq!(problems.len(), 1);
}

#[test]
fn a_distroless_azure_linux() {
    let found = extract(&own("azurelinux-distroless"));
    let rows: Vec<_> = found.packages.iter().map(rpm_row).collect();
    assert_eq!(
        rows,
        [
            "filesystem\t(none)\t1.1\t21.azl3\tx86_64\tfilesystem-1.1-21.azl3.src.rpm\tMicrosoft Corporation\t(none)",
            "openssl-libs\t(none)\t3.3.0\t2.azl3\tx86_64\topenssl-3.3.0-2.azl3.src.rpm\tMicrosoft Corporation\t(none)",
        ]
    );
    assert_eq!(found.problems, vec![]);
    assert_eq!(release::resolve(found.releases).0.unwrap().stream().unwrap().as_str(), "azurelinux:3.0");
}
