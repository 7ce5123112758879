//! The database as a file, and matching on small feeds made for the purpose.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::path::Path;

use common::{inventory, on, package, run};
use plimsoll_advisory::{BuildOptions, Database, Error, Source, build, verify};
use plimsoll_model::functions::{Fingerprint, Functions, Reach};
use plimsoll_model::{
    Ecosystem, Finding, FindingKind, FixStatus, Inventory, Level, Package, Party, ProblemKind, Scope,
    SourcePackage,
};

/// A folder with one OSV record per (ecosystem folder, JSON).
fn feeds(records: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (index, (ecosystem, record)) in records.iter().enumerate() {
        let place = folder.path().join("osv").join(ecosystem);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join(format!("{index:04}.json")), record).unwrap();
    }
    folder
}

fn built(records: &[(&str, &str)]) -> (tempfile::TempDir, Database) {
    let folder = feeds(records);
    let file = folder.path().join("a.db");
    build(folder.path(), &file, &BuildOptions::default()).unwrap();
    let database = Database::open(&file).unwrap();
    database.verify().unwrap();
    (folder, database)
}

/// An OSV record with one package.
fn osv(id: &str, ids: &str, ecosystem: &str, name: &str, events: &str) -> String {
    format!(
        r#"{{"id":"{id}",{ids}"modified":"2026-01-02T00:00:00Z","summary":"About {id}","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{name}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{events}]}}]}}]}}"#
    )
}

fn find<'a>(findings: &'a [Finding], advisory: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.advisory == advisory).unwrap_or_else(|| {
        panic!("{advisory} is not among {:?}", findings.iter().map(|finding| &finding.id).collect::<Vec<_>>())
    })
}

#[test]
fn the_same_feeds_give_the_same_bytes() {
    let records: Vec<(String, String)> = (0..300)
        .map(|number| {
            let fixed = format!(r#"{{"introduced":"0"}},{{"fixed":"1.{number}.0"}}"#);
            let name = format!("package-{}", number % 37);
            let (folder, ecosystem) = if number % 2 == 0 { ("npm", "npm") } else { ("Debian", "Debian:12") };
            (folder.to_owned(), osv(&format!("X-{number}"), "", ecosystem, &name, &fixed))
        })
        .collect();
    let records: Vec<(&str, &str)> = records.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let folder = feeds(&records);
    let build_with = |name: &str, threads| {
        let file = folder.path().join(name);
        let report =
            build(folder.path(), &file, &BuildOptions { threads, ..BuildOptions::default() }).unwrap();
        assert_eq!(report.records, 300);
        (std::fs::read(file).unwrap(), report.digest)
    };
    let (first, second, third) = (build_with("1.db", 1), build_with("2.db", 2), build_with("3.db", 7));
    assert!(first == second && second == third);
    // Nothing but the databases is left behind.
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 4);
}

#[test]
fn all_feeds_give_the_same_bytes_twice() {
    let Some(all) = common::all() else { return };
    let Some(from) = plimsoll_testing::shared("data") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("again.db");
    let report = build(&from, &file, &BuildOptions { threads: 3, ..BuildOptions::default() }).unwrap();
    assert_eq!(report, all.report);
    assert!(std::fs::read(&file).unwrap() == std::fs::read(&all.file).unwrap());
    verify(&file).unwrap();
}

#[test]
fn a_database_replaces_the_one_before() {
    let (folder, old) = built(&[("npm", &osv("X-1", "", "npm", "a", r#"{"introduced":"0"}"#))]);
    let place = folder.path().join("osv/npm/0000.json");
    std::fs::write(place, osv("X-2", "", "npm", "b", r#"{"introduced":"0"}"#)).unwrap();
    let file = folder.path().join("a.db");
    build(folder.path(), &file, &BuildOptions::default()).unwrap();
    let new = Database::open(&file).unwrap();
    assert!(new.is_at(&file) && !old.is_at(&file) && !new.is_at(&folder.path().join("absent.db")));
    // Whoever has the old one open goes on reading it.
    assert!(old.explain("X-1").unwrap().is_some() && old.explain("X-2").unwrap().is_none());
    assert!(new.explain("X-1").unwrap().is_none() && new.explain("X-2").unwrap().is_some());
}

#[test]
fn files_that_are_no_database_of_ours_are_named() {
    let (folder, database) = built(&[("npm", &osv("X-1", "", "npm", "a", r#"{"introduced":"0"}"#))]);
    drop(database);
    let good = std::fs::read(folder.path().join("a.db")).unwrap();
    let check = |name: &str, bytes: &[u8], expected: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let error = verify(&file).unwrap_err().to_string();
        assert!(
            error.contains(expected) && error.contains(name) && error.contains("plimsoll db build"),
            "{error}"
        );
    };
    check("empty.db", b"", "is not a plimsoll advisory database");
    check("text.db", &b"hello, world\n".repeat(100), "is not a plimsoll advisory database");
    let mut foreign = good.clone();
    foreign[68..72].fill(0);
    check("foreign.db", &foreign, "is not a plimsoll advisory database");
    let mut newer = good.clone();
    newer[63] = 99;
    check("newer.db", &newer, "database format 99, this program reads 2; update the program");
    check("cut.db", &good[..good.len() - 4096], "is damaged");
    check("long.db", &[good.clone(), vec![0; 512]].concat(), "is damaged");
    for offset in (100..good.len()).step_by(97) {
        // Whatever byte is wrong: an error or the truth, never a panic.
        let mut damaged = good.clone();
        damaged[offset] ^= 0x55;
        let file = folder.path().join("damaged.db");
        std::fs::write(&file, &damaged).unwrap();
        if let Ok(database) = Database::open(&file) {
            let _ = database.explain("X-1");
            let _ = plimsoll_advisory::matches(
                &database,
                &inventory(vec![package(Ecosystem::Npm, "a", "1.0.0")]),
                &plimsoll_advisory::MatchOptions::default(),
            );
            let _ = database.verify();
        }
    }
    let error = Database::open(&folder.path().join("absent.db")).unwrap_err();
    assert!(matches!(error, Error::Absent { .. }));
    assert!(error.to_string().contains("plimsoll db update"));
}

#[test]
fn a_changed_byte_of_content_is_noticed() {
    let (folder, database) =
        built(&[("npm", &osv("X-1", "", "npm", "some-package", r#"{"introduced":"0"}"#))]);
    drop(database);
    let file = folder.path().join("a.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let place = bytes.windows(12).position(|window| window == b"some-package").unwrap();
    bytes[place] = b'S';
    std::fs::write(&file, bytes).unwrap();
    let error = verify(&file).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}

#[test]
fn broken_feeds() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a.db");
    assert!(matches!(build(folder.path(), &out, &BuildOptions::default()), Err(Error::NoFeed { .. })));
    let place = folder.path().join("osv/npm");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("all.zip"), b"PK\x03\x04 and then nothing").unwrap();
    assert!(matches!(build(folder.path(), &out, &BuildOptions::default()), Err(Error::Container { .. })));
    assert!(!out.exists(), "a failed build leaves nothing behind");
    std::fs::remove_file(place.join("all.zip")).unwrap();
    // A record that cannot be read is counted, the others are taken.
    std::fs::write(place.join("1.json"), "{\"id\":").unwrap();
    std::fs::write(place.join("2.json"), "[".repeat(100_000)).unwrap();
    std::fs::write(place.join("3.json"), osv("X-1", "", "npm", "a", r#"{"introduced":"0"}"#)).unwrap();
    let report = build(folder.path(), &out, &BuildOptions::default()).unwrap();
    assert_eq!(report.records, 1);
    assert_eq!(report.sources[0].left_out.iter().map(|left| left.count).sum::<u64>(), 2);
    assert!(report.sources[0].left_out.iter().all(|left| left.broken));
    assert!(report.sources[0].left_out.iter().any(|left| left.example == "1.json"));
}

#[test]
fn dates_in_the_future_do_not_make_a_feed_fresh() {
    let folder = feeds(&[
        ("npm", &osv("X-1", "", "npm", "a", r#"{"introduced":"0"}"#)),
        ("npm", &osv("X-2", "", "npm", "a", r#"{"introduced":"0"}"#).replace("2026-01-02", "2099-01-02")),
        ("npm", &osv("X-3", "", "npm", "a", r#"{"introduced":"0"}"#).replace("2026-01-02", "tomorrow")),
    ]);
    let out = folder.path().join("a.db");
    let options = BuildOptions { today: Some("2026-11-23".into()), ..BuildOptions::default() };
    let report = build(folder.path(), &out, &options).unwrap();
    assert_eq!(report.sources[0].date, "2026-01-02T00:00:00Z");
    assert_eq!(Database::open(&out).unwrap().info().date, "2026-01-02T00:00:00Z");
}

#[test]
fn one_finding_per_flaw_and_source_package() {
    let (_folder, database) = built(&[
        (
            "Debian",
            &osv(
                "DSA-1-1",
                r#""upstream":["CVE-2026-1","CVE-2026-2"],"#,
                "Debian:12",
                "openssl",
                r#"{"introduced":"0"},{"fixed":"3.0-2"}"#,
            ),
        ),
        (
            "Debian",
            &osv(
                "DEBIAN-CVE-2026-1",
                r#""upstream":["CVE-2026-1"],"#,
                "Debian:12",
                "openssl",
                r#"{"introduced":"0"},{"fixed":"3.0-1"}"#,
            ),
        ),
        (
            "Debian",
            &osv(
                "DEBIAN-CVE-2026-3",
                r#""upstream":["CVE-2026-3"],"#,
                "Debian:12",
                "openssl",
                r#"{"introduced":"0"}"#,
            ),
        ),
    ]);
    let binary = |name: &str| {
        let mut package = package(Ecosystem::Deb, name, "3.0-0+b1");
        package.source = Some(SourcePackage { name: "openssl".into(), version: "3.0-0".into() });
        package
    };
    let found = run(&database, &on("debian", "12", vec![binary("libssl3"), binary("openssl")]));
    let order: Vec<&str> = found.findings.iter().map(|finding| finding.advisory.as_str()).collect();
    assert_eq!(order, ["CVE-2026-1", "CVE-2026-2", "CVE-2026-3"]);
    let first = find(&found.findings, "CVE-2026-1");
    assert_eq!(first.id, "CVE-2026-1@pkg:deb/debian/openssl@3.0-0?arch=source");
    assert_eq!(first.subject.packages(), ["pkg:deb/libssl3@3.0-0+b1", "pkg:deb/openssl@3.0-0+b1"]);
    assert_eq!(first.aliases, ["DEBIAN-CVE-2026-1", "DSA-1-1"]);
    // Both records must be satisfied.
    assert_eq!(first.fixed_version.as_deref(), Some("3.0-2"));
    assert_eq!(first.evidence.len(), 2);
    assert_eq!(first.evidence[0].compared, "openssl 3.0-0 (source)");
    assert_eq!(first.evidence[0].range, "< 3.0-1");
    assert_eq!(first.remedy.command.as_deref(), Some("apt-get install --only-upgrade libssl3 openssl"));
    let last = find(&found.findings, "CVE-2026-3");
    assert_eq!((last.status, last.fixed_version.as_deref()), (FixStatus::Affected, None));
    assert_eq!(last.party, Party::Distribution("Debian".into()));
    assert_eq!(found.problems, []);
}

#[test]
fn aliases_join_across_records_and_the_highest_need_counts() {
    let (_folder, database) = built(&[
        (
            "npm",
            &osv(
                "GHSA-a",
                r#""aliases":["CVE-2026-1"],"database_specific":{"severity":"HIGH"},"#,
                "npm",
                "a",
                r#"{"introduced":"0"},{"fixed":"1.2.0"},{"introduced":"2.0.0"},{"fixed":"2.1.0"}"#,
            ),
        ),
        (
            "npm",
            &osv(
                "OTHER-9",
                r#""aliases":["CVE-2026-1"],"#,
                "npm",
                "a",
                r#"{"introduced":"0"},{"fixed":"1.3.0"},{"introduced":"2.0.0"},{"fixed":"2.0.5"}"#,
            ),
        ),
        ("npm", &osv("OTHER-1", r#""related":["CVE-2026-1"],"#, "npm", "a", r#"{"introduced":"0"}"#)),
    ]);
    let check = |version: &str, fixed: Option<&str>| {
        let found = run(&database, &inventory(vec![package(Ecosystem::Npm, "a", version)]));
        let finding = found.findings.iter().find(|finding| finding.advisory == "CVE-2026-1");
        assert_eq!(finding.and_then(|finding| finding.fixed_version.as_deref()), fixed, "{version}");
        // `related` is another flaw.
        find(&found.findings, "OTHER-1");
        finding.map(|finding| finding.severity.level)
    };
    assert_eq!(check("1.0.0", Some("1.3.0")), Some(Level::High));
    // Only the second record's range holds 1.2.0.
    assert_eq!(check("1.2.0", Some("1.3.0")), Some(Level::Unknown));
    assert_eq!(check("2.0.1", Some("2.1.0")), Some(Level::High));
    assert_eq!(check("1.9.0", None), None);
}

#[test]
fn known_bounds_of_open_ranges() {
    let record = osv("GHSA-a", "", "npm", "a", r#"{"introduced":"1.0.0"}"#);
    let bounded = record.replace(
        "}]}]}]}",
        r#"}],"database_specific":{"last_known_affected_version_range":"<= 1.2.3"}}]}]}"#,
    );
    let bounded = if bounded == record {
        record.replace(
            r"}]}]}",
            r#"}],"database_specific":{"last_known_affected_version_range":"<= 1.2.3"}}]}]}"#,
        )
    } else {
        bounded
    };
    assert_ne!(bounded, record);
    let (_folder, database) = built(&[("npm", &bounded)]);
    for (version, expected) in [("0.9.0", 0), ("1.0.0", 1), ("1.2.3", 1), ("1.2.4", 0), ("2.0.0", 0)] {
        let found = run(&database, &inventory(vec![package(Ecosystem::Npm, "a", version)]));
        assert_eq!(found.findings.len(), expected, "{version}");
    }
}

#[test]
fn kernel_headers_and_development_packages() {
    let (_folder, database) = built(&[
        (
            "Debian",
            &osv(
                "DEBIAN-CVE-2026-1",
                r#""upstream":["CVE-2026-1"],"#,
                "Debian:12",
                "linux",
                r#"{"introduced":"0"}"#,
            ),
        ),
        ("npm", &osv("GHSA-a", "", "npm", "a", r#"{"introduced":"0"}"#)),
    ]);
    let from_linux = |name: &str| {
        let mut package = package(Ecosystem::Deb, name, "6.1-1");
        package.source = Some(SourcePackage { name: "linux".into(), version: "6.1-1".into() });
        package
    };
    let mut development = package(Ecosystem::Npm, "a", "1.0.0");
    development.scope = Scope::Development;
    let found = run(&database, &on("debian", "12", vec![from_linux("linux-libc-dev"), development.clone()]));
    assert!(find(&found.findings, "CVE-2026-1").risk.not_run);
    assert!(find(&found.findings, "GHSA-a").risk.development);
    // Something that runs is among them.
    let found =
        run(&database, &on("debian", "12", vec![from_linux("linux-libc-dev"), from_linux("bpftool")]));
    assert!(!find(&found.findings, "CVE-2026-1").risk.not_run);
}

/// A Debian system whose python3-certifi owns the files of certifi.
fn owned(deb_version: &str) -> Inventory {
    let owner = package(Ecosystem::Deb, "python3-certifi", deb_version);
    let owner = Package {
        source: Some(SourcePackage { name: "python-certifi".into(), version: deb_version.into() }),
        ..owner
    };
    let mut python = package(Ecosystem::PyPi, "certifi", "2022.9.24");
    python.owned_by = Some(owner.purl.clone());
    on("debian", "12", vec![owner, python])
}

#[test]
fn the_distribution_speaks_for_what_its_packages_own() {
    let python = osv(
        "PYSEC-1",
        r#""aliases":["CVE-2026-1"],"#,
        "PyPI",
        "certifi",
        r#"{"introduced":"0"},{"fixed":"2023.7.22"}"#,
    );
    let debian = osv(
        "DEBIAN-CVE-2026-1",
        r#""upstream":["CVE-2026-1"],"#,
        "Debian:12",
        "python-certifi",
        r#"{"introduced":"0"},{"fixed":"2022.9.24-2"}"#,
    );
    let other = osv(
        "DEBIAN-CVE-2026-2",
        r#""upstream":["CVE-2026-2"],"#,
        "Debian:12",
        "python-certifi",
        r#"{"introduced":"0"},{"fixed":"2022.9.24-2"}"#,
    );

    // Fixed by the distribution: kept, and explained.
    let (_folder, database) = built(&[("PyPI", &python), ("Debian", &debian)]);
    let found = run(&database, &owned("2022.9.24-2"));
    assert_eq!(found.findings.len(), 1);
    let suppression = found.findings[0].suppressed_by.as_ref().unwrap();
    assert_eq!(suppression.by, "owner");
    assert_eq!(suppression.source, "pkg:deb/python3-certifi@2022.9.24-2");
    assert!(
        suppression.reason.contains("has the fix, which came with 2022.9.24-2"),
        "{}",
        suppression.reason
    );

    // Affected, says the distribution too: one finding counts, the other is folded under it.
    let found = run(&database, &owned("2022.9.24-1"));
    assert_eq!(found.findings.len(), 2);
    assert_eq!(found.findings[0].subject.ecosystem(), Some(Ecosystem::Deb));
    assert!(found.findings[0].suppressed_by.is_none());
    assert!(found.findings[1].suppressed_by.as_ref().unwrap().reason.contains(&found.findings[0].id));

    // The distribution's data do not speak of this flaw: it is shown.
    let (_folder, database) = built(&[("PyPI", &python), ("Debian", &other)]);
    let found = run(&database, &owned("2022.9.24-2"));
    assert_eq!(found.findings.len(), 1);
    assert!(found.findings[0].suppressed_by.is_none());
}

/// Debian's eslint-config-eslint was never the malicious package of the registry that has the same version.
#[test]
fn what_a_distribution_built_is_not_what_a_registry_delivered() {
    let record = osv("MAL-2026-1", "", "npm", "evil", r#"{"introduced":"0"}"#);
    let (_folder, database) = built(&[("npm", &record)]);
    let owner = package(Ecosystem::Deb, "node-evil", "1.0.0-1");
    let alone = package(Ecosystem::Npm, "evil", "1.0.0");
    let mut owned = alone.clone();
    owned.owned_by = Some(owner.purl.clone());
    let finding = |packages| {
        let found = run(&database, &on("debian", "12", packages)).findings;
        find(&found, "MAL-2026-1").clone()
    };
    assert!(finding(vec![owner.clone(), alone]).suppressed_by.is_none());
    let suppression = finding(vec![owner, owned]).suppressed_by.unwrap();
    assert_eq!(suppression.by, "owner");
    assert!(suppression.reason.contains("node-evil 1.0.0-1 was built by"), "{}", suppression.reason);
}

#[test]
fn malware_and_informational_records() {
    let (_folder, database) = built(&[
        ("npm", &osv("MAL-2026-1", "", "npm", "evil", r#"{"introduced":"0"}"#)),
        (
            "crates.io",
            r#"{"id":"RUSTSEC-2026-1","affected":[{"package":{"ecosystem":"crates.io","name":"old"},"database_specific":{"informational":"unmaintained"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0.0.0-0"}]}]}]}"#,
        ),
    ]);
    let found = run(
        &database,
        &inventory(vec![package(Ecosystem::Npm, "evil", "1.0.0"), package(Ecosystem::Cargo, "old", "1.0.0")]),
    );
    assert_eq!(find(&found.findings, "MAL-2026-1").kind, FindingKind::Malware);
    assert_eq!(find(&found.findings, "RUSTSEC-2026-1").kind, FindingKind::Informational);
}

#[test]
fn unreadable_bounds_are_said_and_counted_per_package() {
    let records: Vec<String> = (0..30)
        .map(|number| osv(&format!("X-{number}"), "", "PyPI", "a", r#"{"introduced":"0"},{"fixed":"what?"}"#))
        .collect();
    let records: Vec<(&str, &str)> = records.iter().map(|record| ("PyPI", record.as_str())).collect();
    let (_folder, database) = built(&records);
    let found = run(&database, &inventory(vec![package(Ecosystem::PyPi, "a", "1.0")]));
    assert_eq!(found.findings, []);
    assert_eq!(found.problems.len(), 1);
    assert_eq!(found.problems[0].kind, ProblemKind::UnreadableVersion);
    assert!(found.problems[0].detail.contains("30 advisories"), "{}", found.problems[0].detail);
    // A thousand packages do not make a thousand lines.
    let packages = (0..1000).map(|number| package(Ecosystem::PyPi, "a", &format!("1.{number}"))).collect();
    let found = run(&database, &inventory(packages));
    assert!(found.problems.len() <= 101, "{}", found.problems.len());
    assert!(found.problems.iter().any(|problem| problem.detail.contains("more advisories")));
}

#[test]
fn hostile_names_make_no_commands() {
    let (_folder, database) =
        built(&[("npm", &osv("X-1", "", "npm", "a; rm -rf /", r#"{"introduced":"0"},{"fixed":"2.0.0"}"#))]);
    let found = run(&database, &inventory(vec![package(Ecosystem::Npm, "a; rm -rf /", "1.0.0")]));
    assert_eq!(found.findings.len(), 1);
    assert_eq!(found.findings[0].remedy.command, None);
}

#[test]
fn explain_follows_aliases() {
    let (folder, database) = built(&[
        (
            "npm",
            &osv(
                "GHSA-a",
                r#""aliases":["CVE-2026-1"],"#,
                "npm",
                "a",
                r#"{"introduced":"0"},{"fixed":"1.0.0"}"#,
            ),
        ),
        ("PyPI", &osv("PYSEC-9", r#""aliases":["CVE-2026-1"],"#, "PyPI", "b", r#"{"introduced":"0"}"#)),
    ]);
    assert!(Path::new(folder.path()).exists());
    for id in ["CVE-2026-1", "cve-2026-1", "GHSA-a", " PYSEC-9 "] {
        let detail = database.explain(id).unwrap().unwrap();
        let records: Vec<&str> = detail.records.iter().map(|detail| detail.record.id.as_str()).collect();
        assert_eq!(records, ["PYSEC-9", "GHSA-a"], "{id}");
        assert_eq!(detail.records[1].packages[0].range, "< 1.0.0");
        assert_eq!(detail.records[1].packages[0].fixed, ["1.0.0"]);
    }
    assert_eq!(database.explain("CVE-2026-2").unwrap(), None);
}

#[test]
fn products_without_a_package_manager() {
    let nginx = osv(
        "BIT-nginx-1",
        r#""aliases":["CVE-2026-1"],"#,
        "Bitnami",
        "nginx",
        r#"{"introduced":"0.1.17"},{"fixed":"1.24.0"}"#,
    );
    let java = osv(
        "BIT-java-1",
        r#""aliases":["CVE-2026-2"],"#,
        "Bitnami",
        "java",
        r#"{"introduced":"0"},{"fixed":"8.0.400"},{"introduced":"9.0.0"},{"fixed":"17.0.10"}"#,
    );
    let postgres = osv(
        "BIT-postgresql-1",
        r#""aliases":["CVE-2026-3"],"#,
        "Bitnami",
        "postgresql",
        r#"{"introduced":"16.0.0"},{"fixed":"16.2.0"}"#,
    );
    let (_folder, database) = built(&[("Bitnami", &nginx), ("Bitnami", &java), ("Bitnami", &postgres)]);
    let check = |name: &str, version: &str, expected: Option<&str>| {
        let found = run(&database, &inventory(vec![package(Ecosystem::Generic, name, version)]));
        let fixed: Vec<_> = found.findings.iter().filter_map(|f| f.fixed_version.as_deref()).collect();
        assert_eq!(fixed, Vec::from_iter(expected), "{name} {version}");
        assert_eq!(found.problems, [], "{name} {version}");
    };
    check("nginx", "1.22.1", Some("1.24.0"));
    check("nginx", "1.24.0", None);
    check("java", "1.8.0_392", Some("8.0.400"));
    check("java", "1.8.0_402", None);
    check("java", "17.0.9", Some("17.0.10"));
    check("postgresql", "16.1", Some("16.2.0"));
    check("postgresql", "16.2", None);

    // Nobody can be asked: said, by name.
    let unknown = ["curl", "zlib", "bash"].map(|name| package(Ecosystem::Generic, name, "1.0"));
    let found = run(&database, &inventory(unknown.to_vec()));
    let [problem] = found.problems.as_slice() else { panic!("{:?}", found.problems) };
    assert_eq!(problem.kind, ProblemKind::NotCovered);
    assert!(problem.detail.contains("bash, curl and zlib"), "{}", problem.detail);

    // The distribution's nginx carries fixes under upstream's old version: its own data decide.
    let owner = package(Ecosystem::Deb, "nginx", "1.22.1-9+deb12u1");
    let mut program = package(Ecosystem::Generic, "nginx", "1.22.1");
    program.owned_by = Some(owner.purl.clone());
    let mut other = package(Ecosystem::Generic, "curl", "7.88.1");
    other.owned_by = Some(owner.purl.clone());
    let found = run(&database, &on("debian", "12", vec![owner, program, other]));
    assert_eq!(found.findings, []);
    assert!(found.problems.iter().all(|problem| problem.subject != "generic"), "{:?}", found.problems);

    // What NGINX built for Debian is not Debian's: the product's own data decide, and the package is said to be not covered.
    let debian = osv("DEBIAN-CVE-2026-1", "", "Debian:12", "nginx", r#"{"introduced":"0"}"#);
    let (_folder, database) = built(&[("Bitnami", &nginx), ("Debian", &debian)]);
    let of_nginx = |vendor: &str| {
        let mut owner = package(Ecosystem::Deb, "nginx", "1.22.1-1~bookworm");
        owner.vendor = Some(vendor.into());
        let mut program = package(Ecosystem::Generic, "nginx", "1.22.1");
        program.owned_by = Some(owner.purl.clone());
        let found = run(&database, &on("debian", "12", vec![owner, program]));
        let about: Vec<String> = found.findings.into_iter().map(|finding| finding.id).collect();
        (about, found.problems.iter().any(|problem| problem.subject == "other repositories"))
    };
    let (found, told) = of_nginx("NGINX Packaging <nginx-packaging@f5.com>");
    assert_eq!((found, told), (vec!["CVE-2026-1@pkg:generic/nginx@1.22.1".to_owned()], true));
    let (found, told) = of_nginx("Debian Nginx Maintainers <pkg-nginx-maintainers@alioth-lists.debian.net>");
    assert!(found.len() == 1 && found[0].contains("pkg:deb/debian/nginx"), "{found:?}");
    assert!(!told);

    // Without the source that knows the product it is not covered either.
    let (_folder, database) = built(&[("npm", &osv("GHSA-a", "", "npm", "a", r#"{"introduced":"0"}"#))]);
    let found = run(&database, &inventory(vec![package(Ecosystem::Generic, "nginx", "1.22.1")]));
    assert!(found.problems.iter().any(|problem| problem.detail.contains("nginx")), "{:?}", found.problems);
}

#[test]
fn functions_that_have_the_flaw() {
    let go = |id: &str, imports: &str| {
        osv(id, "", "Go", "example.com/html", r#"{"introduced":"0"},{"fixed":"1.4.0"}"#).replacen(
            "\"affected\":[{",
            &format!("\"affected\":[{{\"ecosystem_specific\":{{\"imports\":{imports}}},"),
            1,
        )
    };
    let parse = go("GO-2026-0001", r#"[{"path":"example.com/html","symbols":["Parse","Node.Render"]}]"#);
    let whole = go("GO-2026-0002", r#"[{"path":"example.com/html/atom"}]"#);
    let silent = go("GO-2026-0003", "[]");
    let nameless = go("GO-2026-0004", r#"[{"symbols":["Parse"]}]"#);
    let (_folder, database) = built(&[("Go", &parse), ("Go", &whole), ("Go", &silent), ("Go", &nameless)]);
    let program = |names: &[&str]| {
        let fingerprint = |name: &&str| Fingerprint::EMPTY.with(name.as_bytes()).value();
        Functions::of_program(names.iter().map(fingerprint).collect())
    };
    let check = |functions: Functions, expected: [Option<Reach>; 4]| {
        let mut module = package(Ecosystem::Go, "example.com/html", "v1.3.0");
        module.functions = functions;
        let found = run(&database, &inventory(vec![module])).findings;
        assert_eq!(found.len(), 4, "none is dropped");
        for (number, expected) in (1..).zip(expected) {
            let finding = find(&found, &format!("GO-2026-000{number}"));
            assert_eq!(finding.risk.reach, expected, "{}", finding.id);
            let said = finding.evidence.iter().filter(|evidence| evidence.rule == "reach").count();
            assert_eq!(said, usize::from(number < 3 && expected.is_some()), "{:?}", finding.evidence);
        }
        found
    };
    let (linked, not, open) = (Some(Reach::Linked), Some(Reach::NotLinked), Some(Reach::CannotTell));
    let found = check(program(&["main.main", "example.com/html.Parse"]), [linked, not, open, open]);
    let reach =
        find(&found, "GO-2026-0001").evidence.iter().find(|evidence| evidence.rule == "reach").unwrap();
    assert_eq!(reach.compared, "linked: example.com/html.Parse");
    assert_eq!(reach.range, "functions with the flaw: example.com/html.Node.Render, example.com/html.Parse");
    // What is not linked comes last.
    assert_eq!(found.last().unwrap().advisory, "GO-2026-0002");
    check(program(&["example.com/html.Escape", "example.com/html/atom"]), [not, linked, open, open]);
    check(Functions::hidden(), [open; 4]);
    check(Functions::default(), [None; 4]);
    let mut two = program(&["main.main"]);
    two.join(Functions::hidden());
    check(two, [open; 4]);
}
