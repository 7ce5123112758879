//! Traps that the real feeds hold, each a named test.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{all, ids, inventory, on, package, run};
use plimsoll_advisory::record::Target;
use plimsoll_advisory::{Database, Source};
use plimsoll_model::{Ecosystem, FindingKind, FixStatus, Level, ProblemKind, Stream};

fn target(ecosystem: Ecosystem) -> Target {
    Target::Ecosystem(ecosystem)
}

fn stream(osv: &str) -> Target {
    Target::Stream(Stream::from_osv(osv).unwrap())
}

/// Ids of the records that have an entry for a package.
fn named(database: &Database, target: &Target, name: &str) -> BTreeSet<String> {
    let entries = database.entries(target, name).unwrap();
    entries.into_iter().map(|(number, _)| database.record(number).unwrap().record.id).collect()
}

#[test]
fn every_record_of_every_osv_folder_is_taken_or_counted() {
    let Some(all) = all() else { return };
    let mut records = 0;
    for source in all.report.sources.iter().filter(|source| source.name.starts_with("osv/")) {
        let broken: u64 = source.left_out.iter().filter(|left| left.broken).map(|left| left.count).sum();
        assert_eq!(broken, 0, "{}: {:?}", source.name, source.left_out);
        records += source.records;
    }
    assert_eq!(records, 76_053);
}

#[test]
fn go_unreviewed_records_without_bounds_match_nothing() {
    let Some(all) = all() else { return };
    let go = all.report.sources.iter().find(|source| source.name == "osv/Go").unwrap();
    let count = |reason: &str| {
        go.left_out.iter().filter(|left| left.reason.contains(reason)).map(|left| left.count).sum::<u64>()
    };
    assert_eq!(count("unreviewed and names no bounds"), 1_449);
    let database = all.open();
    // GO-2022-0281 says `introduced: 0` and no more.
    assert!(
        !named(&database, &target(Ecosystem::Go), "github.com/emicklei/go-restful/v2")
            .contains("GO-2022-0281")
    );
    // The bounds of GO-2024-2428 stand in custom_ranges: below 1.9.0.
    let has = |version: &str| {
        let found = run(&database, &inventory(vec![package(Ecosystem::Go, "k8s.io/ingress-nginx", version)]));
        let has = |id: &String| id == "GO-2024-2428";
        (found.findings.iter().any(|finding| finding.aliases.iter().any(has)), found.problems.len())
    };
    assert!(has("v1.8.9").0);
    assert!(!has("v1.9.0").0);
    // A pseudo-version without a tag below it cannot be held against release tags: undecided, and said.
    let (found, problems) = has("v0.0.0-20230101000000-0123456789ab");
    assert!(!found && problems > 0);
}

#[test]
fn go_standard_library_and_operating_systems() {
    let Some(all) = all() else { return };
    let database = all.open();
    let stdlib = |version: &str, goos: Option<&str>| {
        let mut package = package(Ecosystem::Go, "stdlib", version);
        package.properties.extend(goos.map(|goos| ("goos".to_owned(), goos.to_owned())));
        let found = run(&database, &inventory(vec![package]));
        assert_eq!(found.problems, []);
        found.findings.iter().flat_map(|finding| finding.aliases.clone()).collect::<BTreeSet<_>>()
    };
    for version in ["1.13.12", "v1.13.12", "go1.13.12"] {
        // GO-2021-0223 is about Windows only.
        assert!(!stdlib(version, None).contains("GO-2021-0223"));
        assert!(stdlib(version, Some("windows")).contains("GO-2021-0223"), "{version}");
        assert!(!stdlib(version, None).is_empty());
    }
    assert!(!stdlib("1.13.13", Some("windows")).contains("GO-2021-0223"));
    assert!(stdlib("1.14.4", Some("windows")).contains("GO-2021-0223"));
}

#[test]
fn rustsec_notices_are_no_vulnerabilities() {
    let Some(all) = all() else { return };
    let database = all.open();
    // RUSTSEC-2024-0381: unmaintained, every version.
    let found = run(&database, &inventory(vec![package(Ecosystem::Cargo, "pqcrypto-kyber", "0.8.1")]));
    let finding = found.findings.iter().find(|finding| finding.advisory == "RUSTSEC-2024-0381").unwrap();
    assert_eq!(finding.kind, FindingKind::Informational);
    assert_eq!(finding.fixed_version, None);
    // RUSTSEC-2020-0055 was withdrawn.
    assert!(!named(&database, &target(Ecosystem::Cargo), "libpulse-binding").contains("RUSTSEC-2020-0055"));
    assert!(database.explain("RUSTSEC-2020-0055").unwrap().unwrap().records[0].record.withdrawn.is_some());
}

#[test]
fn pypi_records_of_one_cve_are_one_finding() {
    let Some(all) = all() else { return };
    let database = all.open();
    let mut seen = 0;
    for (name, version) in [
        ("django", "2.0"),
        ("aiohttp", "3.8.4"),
        ("protobuf", "3.14.0"),
        ("pillow", "3.1.0"),
        ("tensorflow", "2.3.0"),
        ("pillow", "6.0.0"),
        ("Jinja2", "2.9"),
        ("ansible", "2.7.0"),
    ] {
        let found = run(&database, &inventory(vec![package(Ecosystem::PyPi, name, version)]));
        let mut cves: BTreeMap<String, usize> = BTreeMap::new();
        for finding in &found.findings {
            let all = finding.aliases.iter().chain([&finding.advisory]);
            for id in all.filter(|id| id.starts_with("CVE-")) {
                *cves.entry(id.clone()).or_default() += 1;
            }
            seen += usize::from(finding.evidence.len() > 1);
        }
        assert!(!cves.is_empty(), "{name}");
        assert!(cves.values().all(|count| *count == 1), "{name}: {cves:?}");
    }
    assert!(seen > 0, "no flaw was named by two records");
}

#[test]
fn pypi_versions_without_ranges_match() {
    let Some(all) = all() else { return };
    let database = all.open();
    // Entries that only list versions must match them, and nothing else.
    let mut checked = 0;
    for name in ["ujson", "pillow", "extractor", "designate", "exotel", "gratient", "aiocpa", "num2words"] {
        let mut listed = BTreeSet::new();
        for (number, entry) in database.entries(&target(Ecosystem::PyPi), name).unwrap() {
            if !entry.ranges.is_empty() {
                continue;
            }
            let record = database.record(number).unwrap().record;
            listed.insert(record.id.clone());
            for version in &entry.versions {
                let found = run(&database, &inventory(vec![package(Ecosystem::PyPi, name, version)]));
                let evidence = found.findings.iter().flat_map(|finding| &finding.evidence);
                let rule = evidence
                    .filter(|evidence| evidence.record == record.id)
                    .map(|evidence| evidence.rule.as_str());
                assert_eq!(rule.collect::<Vec<_>>(), ["versions"], "{name} {version} {}", record.id);
                checked += 1;
            }
        }
        let found = run(&database, &inventory(vec![package(Ecosystem::PyPi, name, "999999")]));
        let mut evidence = found.findings.iter().flat_map(|finding| &finding.evidence);
        assert!(evidence.all(|evidence| !listed.contains(&evidence.record)), "{name}");
    }
    assert!(checked > 0);
}

#[test]
fn the_fix_is_of_the_installed_branch() {
    let Some(all) = all() else { return };
    let database = all.open();
    // PYSEC-2021-637: < 2.4.4, 2.5.0 - 2.5.2, 2.6.0 - 2.6.1, 2.7.0rc0 - 2.7.0.
    for (version, fixed) in [
        ("2.4.3", Some("2.4.4")),
        ("2.4.4", None),
        ("2.5.0", Some("2.5.2")),
        ("2.5.1", Some("2.5.2")),
        ("2.5.2", None),
        ("2.6.0", Some("2.6.1")),
        ("2.7.0rc1", Some("2.7.0")),
        ("2.7.0", None),
    ] {
        let found = run(&database, &inventory(vec![package(Ecosystem::PyPi, "tensorflow-cpu", version)]));
        let finding = found.findings.iter().find(|finding| finding.advisory == "CVE-2021-41228");
        assert_eq!(finding.and_then(|finding| finding.fixed_version.as_deref()), fixed, "{version}");
        assert_eq!(finding.is_some(), fixed.is_some(), "{version}");
    }
}

#[test]
fn last_affected_is_inclusive_and_the_named_fix_is_shown() {
    let Some(all) = all() else { return };
    let database = all.open();
    // <= 1.6.2, fixed_versions 1.7.0.
    for (version, fixed) in
        [("1.6.1", Some("1.7.0")), ("1.6.2", Some("1.7.0")), ("1.6.3", None), ("1.7.0", None)]
    {
        let found = run(&database, &inventory(vec![package(Ecosystem::Npm, "remarkable", version)]));
        let id = "GLAC-e1817462-cddc-40fa-9d9d-76129b9a5b15";
        let finding = found.findings.iter().find(|finding| {
            finding.advisory == id || finding.evidence.iter().any(|evidence| evidence.record == id)
        });
        assert_eq!(finding.and_then(|finding| finding.fixed_version.as_deref()), fixed, "{version}");
    }
}

#[test]
fn all_cves_of_a_record_are_reported() {
    let Some(all) = all() else { return };
    let database = all.open();
    let mut several = 0;
    for (ecosystem, name, version) in [
        (Ecosystem::Cargo, "libwebp-sys2", "0.1.0"),
        (Ecosystem::Cargo, "openssl-src", "111.10.0"),
        (Ecosystem::Cargo, "rusqlite", "0.20.0"),
    ] {
        let found = run(&database, &inventory(vec![package(ecosystem, name, version)]));
        for finding in &found.findings {
            let record = database.explain(&finding.evidence[0].record).unwrap().unwrap();
            let ids: BTreeSet<&String> = finding.aliases.iter().chain([&finding.advisory]).collect();
            let detail =
                record.records.iter().find(|detail| detail.record.id == finding.evidence[0].record).unwrap();
            assert!(detail.record.aliases.iter().all(|alias| ids.contains(alias)), "{name} {}", finding.id);
            several += usize::from(ids.iter().filter(|id| id.starts_with("CVE-")).count() > 1);
        }
    }
    assert!(several > 0);
}

#[test]
fn an_advisory_taken_back_matches_nothing() {
    let Some(all) = all() else { return };
    let database = all.open();
    // One record for log4j-api has the range `<0`.
    let name = "org.apache.logging.log4j:log4j-api";
    assert!(
        named(&database, &target(Ecosystem::Maven), name)
            .contains("GLAC-1f39f0d1-1df2-4f3e-b68c-41fa5952b444")
    );
    for version in ["0", "0-alpha", "1.0", "2.0", "2.14.1", "2.17.1"] {
        let found = run(&database, &inventory(vec![package(Ecosystem::Maven, name, version)]));
        let all = found.findings.iter().flat_map(|finding| &finding.evidence);
        assert_eq!(
            all.filter(|evidence| evidence.record == "GLAC-1f39f0d1-1df2-4f3e-b68c-41fa5952b444").count(),
            0,
            "{version}"
        );
    }
}

#[test]
fn cleanstart_is_not_alpine() {
    let Some(all) = all() else { return };
    let database = all.open();
    for target in database.targets().into_iter().filter(|key| key.starts_with("os:alpine")) {
        let target = Target::from_key(target).unwrap();
        let found = named(&database, &target, "curl");
        assert!(!found.iter().any(|id| id.starts_with("CLEANSTART-")), "{target:?}");
    }
    // CLEANSTART-2026-QP40569 calls the ecosystem Alpine; it is CleanStart's.
    assert!(named(&database, &stream("CleanStart"), "curl").contains("CLEANSTART-2026-QP40569"));
    let found = run(&database, &on("cleanstart", "", vec![package(Ecosystem::Apk, "curl", "8.9.0-r0")]));
    let finding = found.findings.iter().find(|finding| finding.advisory == "CVE-2024-7264").unwrap();
    assert!(
        finding
            .evidence
            .iter()
            .any(|evidence| evidence.range.contains("the record names the ecosystem Alpine"))
    );
}

#[test]
fn docker_hardened_images_use_plain_cve_ids() {
    let Some(all) = all() else { return };
    let database = all.open();
    // The same id from two sources: two records, both explained.
    let detail = database.explain("CVE-2019-10172").unwrap().unwrap();
    let sources: BTreeSet<&str> = detail.records.iter().map(|record| record.source.as_str()).collect();
    assert!(sources.contains("osv/DockerHardenedImages"), "{sources:?}");
    assert!(database.targets().contains(&"other:DHI"));
}

#[test]
fn almalinux_modules_are_compared_within_their_stream() {
    let Some(all) = all() else { return };
    let database = all.open();
    // ALSA-2022:7624 is about php:8.0 and says so only in its title.
    let php = |version: &str, module: Option<&str>| {
        let mut package = package(Ecosystem::Rpm, "php", version);
        package.module = module.map(str::to_owned);
        let found = run(&database, &on("almalinux", "8.9", vec![package]));
        let has = found
            .findings
            .iter()
            .flat_map(|finding| &finding.evidence)
            .any(|evidence| evidence.record == "ALSA-2022:7624");
        (has, found.problems.iter().any(|problem| problem.kind == ProblemKind::UnreadableVersion))
    };
    let old = "8.0.13-1.module_el8.6.0+2739+efabdb8f";
    assert_eq!(php(old, Some("php:8.0:8060020220101000000:efabdb8f")), (true, false));
    assert_eq!(
        php("8.0.20-2.module_el8.7.0+3286+6cee236e", Some("php:8.0:8070020220101000000:6cee236e")),
        (false, false)
    );
    // Another stream of the same module is older in number, and not affected.
    assert_eq!(php("7.4.19-1.module_el8.5.0+1+a", Some("php:7.4:8050020220101000000:a")), (false, false));
    // A build that is of no module cannot be held against one that is.
    assert_eq!(php("7.2.24-1.el8", None), (false, false));
    // A module build without a label: undecided, and said.
    assert_eq!(php(old, None), (false, true));
}

#[test]
fn almalinux_lists_a_package_several_times_and_rates_nothing() {
    let Some(all) = all() else { return };
    let database = all.open();
    let entries = database.entries(&stream("AlmaLinux:8"), "libzip").unwrap();
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for (number, _) in &entries {
        *counts.entry(*number).or_default() += 1;
    }
    assert!(counts.values().any(|count| *count > 1), "no record lists libzip twice");
    let found =
        run(&database, &on("almalinux", "9.2", vec![package(Ecosystem::Rpm, "openssl", "1:3.0.0-1.el9")]));
    assert!(!found.findings.is_empty());
    let mut ids = BTreeSet::new();
    for finding in &found.findings {
        assert!(ids.insert(&finding.id));
        assert!(
            finding.advisory.starts_with("CVE-"),
            "{}: related CVEs are what an erratum fixes",
            finding.id
        );
        assert!(finding.evidence.iter().all(|evidence| evidence.compared.ends_with("(binary)")));
        if finding.severity.level == Level::Unknown {
            assert_eq!(finding.severity.source, "");
        }
    }
}

#[test]
fn streams_are_kept_apart() {
    let Some(all) = all() else { return };
    let database = all.open();
    let packages = || vec![package(Ecosystem::Deb, "openssl", "1.0.0")];
    let found = run(&database, &on("debian", "12", packages()));
    assert!(!found.findings.is_empty());
    assert!(
        found
            .findings
            .iter()
            .flat_map(|finding| &finding.evidence)
            .all(|evidence| evidence.compared.ends_with("(source)"))
    );
    // Debian 7's DSA for Heartbleed is no word about Debian 12.
    assert!(
        found
            .findings
            .iter()
            .flat_map(|finding| &finding.evidence)
            .all(|evidence| evidence.record != "DSA-2896-1")
    );
    let found = run(&database, &on("debian", "99", packages()));
    assert_eq!(found.findings, []);
    assert_eq!(found.problems.len(), 1);
    assert_eq!(found.problems[0].kind, ProblemKind::NotCovered);
    assert_eq!(found.problems[0].detail, "no advisories for debian:99 in this database");
    for (id, version) in [("plan9", "4"), ("debian", "")] {
        let found = run(&database, &on(id, version, packages()));
        assert_eq!(found.problems[0].kind, ProblemKind::NotCovered, "{id}");
    }
    let found = run(&database, &inventory(packages()));
    assert_eq!(found.problems[0].kind, ProblemKind::NotCovered);
    let found = run(&database, &on("debian", "12", vec![package(Ecosystem::Rpm, "openssl", "1.0.0")]));
    assert_eq!((found.findings.len(), found.problems.len()), (0, 1));
}

#[test]
fn what_has_no_readable_version_is_not_called_clean() {
    let Some(all) = all() else { return };
    let database = all.open();
    for (ecosystem, name, version) in [
        (Ecosystem::PyPi, "django", "not-a-version"),
        (Ecosystem::Npm, "lodash", ""),
        (Ecosystem::Go, "github.com/labstack/echo/v4", "(devel)"),
    ] {
        let found = run(&database, &inventory(vec![package(ecosystem, name, version)]));
        assert_eq!(found.findings, [], "{name}");
        assert_eq!(found.problems.len(), 1, "{name}");
        assert_eq!(found.problems[0].kind, ProblemKind::UnreadableVersion);
        assert!(found.problems[0].detail.starts_with("could not decide"), "{}", found.problems[0].detail);
    }
    // A record that speaks about every version needs no version to be read.
    assert_eq!(ids(&database, Ecosystem::Go, "golang.org/x/crypto", "(devel)"), ["GO-2026-5932"]);
    // Nobody speaks of it: nothing to decide.
    let found = run(&database, &inventory(vec![package(Ecosystem::PyPi, "no-such-package-at-all", "")]));
    assert_eq!(found.problems, []);
    let found = run(&database, &inventory(vec![package(Ecosystem::Generic, "busybox", "1.0")]));
    assert_eq!(found.problems.len(), 1);
}

#[test]
fn packages_taken_over_are_malware() {
    let Some(all) = all() else { return };
    let database = all.open();
    let found = run(&database, &inventory(vec![package(Ecosystem::Npm, "ua-parser-js", "0.7.29")]));
    let finding = found.findings.iter().find(|finding| finding.kind == FindingKind::Malware).unwrap();
    assert!(finding.remedy.action.contains("compromised"));
    assert!(!ids(&database, Ecosystem::Npm, "ua-parser-js", "0.7.30").contains(&finding.advisory));
}

#[test]
fn ubuntu_pro_is_a_stream_of_its_own() {
    let Some(all) = all() else { return };
    let database = all.open();
    assert!(database.targets().contains(&"os:ubuntu:22.04"));
    assert!(database.targets().iter().any(|key| key.starts_with("os:ubuntu-pro:")));
    let found =
        run(&database, &on("ubuntu", "16.04", vec![package(Ecosystem::Deb, "gitlab", "8.5.8+dfsg-5")]));
    let finding = found.findings.iter().find(|finding| finding.advisory == "CVE-2026-1403").unwrap();
    assert_eq!(finding.status, FixStatus::Affected);
    assert_eq!(finding.severity.level, Level::Medium);
    assert_eq!(finding.fixed_version, None);
}

#[test]
fn alpine_version_zero_is_not_affected() {
    let Some(all) = all() else { return };
    let database = all.open();
    let found = run(&database, &on("alpine", "3.18.4", vec![package(Ecosystem::Apk, "openssl", "1.0.0-r0")]));
    let ids: BTreeSet<&str> = found.findings.iter().map(|finding| finding.advisory.as_str()).collect();
    assert!(!ids.is_empty() && !ids.contains("CVE-2022-1292") && !ids.contains("CVE-2022-2274"), "{ids:?}");
    let detail = database.explain("CVE-2022-1292").unwrap().unwrap();
    let packages =
        detail.records.iter().filter(|record| record.source == "alpine").flat_map(|record| &record.packages);
    assert!(
        packages
            .into_iter()
            .any(|package| package.place == "alpine:3.18" && package.status == FixStatus::NotAffected)
    );
}

#[test]
fn alpine_names_several_flaws_in_one_text() {
    let Some(all) = all() else { return };
    let database = all.open();
    let found = run(&database, &on("alpine", "3.9", vec![package(Ecosystem::Apk, "xen", "4.0.0-r0")]));
    // `CVE-2018-3620 CVE-2018-3646 XSA-273`: two flaws, and an advisory that is none of them.
    for id in ["CVE-2018-3620", "CVE-2018-3646"] {
        let finding = found.findings.iter().find(|finding| finding.advisory == id).unwrap();
        assert!(!finding.aliases.iter().any(|alias| alias.starts_with("XSA-")), "{:?}", finding.aliases);
    }
    assert!(found.findings.iter().all(|finding| !finding.advisory.contains(' ')));
}

#[test]
fn alpine_speaks_of_origins() {
    let Some(all) = all() else { return };
    let database = all.open();
    let mut client = package(Ecosystem::Apk, "ssl_client", "1.36.0-r0");
    client.source =
        Some(plimsoll_model::SourcePackage { name: "busybox".into(), version: "1.36.0-r0".into() });
    let found = run(&database, &on("alpine", "3.18.0", vec![client]));
    let finding = found.findings.iter().find(|finding| finding.advisory == "CVE-2022-48174").unwrap();
    assert_eq!(finding.subject.name(), "busybox");
    assert_eq!(finding.subject.packages(), ["pkg:apk/ssl_client@1.36.0-r0"]);
    assert!(finding.evidence.iter().any(|evidence| evidence.source == "alpine"));
}

#[test]
fn alpine_fix_versions_that_apk_cannot_read_are_undecided() {
    let Some(all) = all() else { return };
    let database = all.open();
    let found = run(&database, &on("alpine", "3.20.1", vec![package(Ecosystem::Apk, "croc", "9.6.5-r0")]));
    assert_eq!(found.findings, []);
    assert_eq!(found.problems.len(), 1);
    let detail = &found.problems[0].detail;
    assert!(detail.starts_with("could not decide: 6 advisories") && detail.contains("10.0.11-0"), "{detail}");
}

#[test]
fn debian_lists_and_their_osv_form_are_one_finding() {
    let Some(all) = all() else { return };
    let database = all.open();
    let found =
        run(&database, &on("debian", "11", vec![package(Ecosystem::Deb, "xorg-server", "2:1.20.11-1")]));
    let finding = found.findings.iter().find(|finding| finding.advisory == "CVE-2023-1393").unwrap();
    assert_eq!(finding.fixed_version.as_deref(), Some("2:1.20.11-1+deb11u6"));
    let sources: Vec<&str> = finding.evidence.iter().map(|evidence| evidence.source.as_str()).collect();
    assert_eq!(sources, ["debian", "osv/Debian"]);
    // DSA-5356-2 names no flaw: it is about those of DSA-5356-1, and its fix is the later one.
    let found =
        run(&database, &on("debian", "11", vec![package(Ecosystem::Deb, "sox", "14.4.2+git20190427-2")]));
    let finding = found.findings.iter().find(|finding| finding.advisory == "CVE-2021-3643").unwrap();
    assert_eq!(finding.fixed_version.as_deref(), Some("14.4.2+git20190427-2+deb11u2"));
}

#[test]
fn known_exploited_flaws_come_first_and_say_so() {
    let Some(all) = all() else { return };
    let database = all.open();
    let found = run(&database, &on("debian", "7", vec![package(Ecosystem::Deb, "openssl", "1.0.1e-2")]));
    assert!(found.findings.len() > 1);
    assert_eq!(found.findings[0].advisory, "CVE-2014-0160");
    let kev = found.findings[0].risk.kev.as_ref().unwrap();
    assert_eq!((kev.added.len(), kev.due.len()), (10, 10));
    let first_unlisted = found.findings.iter().position(|finding| finding.risk.kev.is_none()).unwrap();
    assert!(found.findings[first_unlisted..].iter().all(|finding| finding.risk.kev.is_none()));
}

/// The names that lockfiles use are those of the feeds.
#[test]
fn every_ecosystem_meets_its_feed() {
    let Some(all) = all() else { return };
    let database = all.open();
    for (ecosystem, name, version, expected) in [
        (Ecosystem::Pub, "agent_dart", "1.0.0-dev.28", "CVE-2024-48915"),
        (Ecosystem::Swift, "github.com/sparkle-project/Sparkle", "2.6.0", "CVE-2025-0509"),
        (Ecosystem::Swift, "github.com/apple/swift-nio-http2", "1.27.0", "CVE-2023-44487"),
        (Ecosystem::Hex, "mtproto_proxy", "0.7.2", "CVE-2023-45312"),
        (Ecosystem::Hackage, "aeson", "2.0.0.0", "CVE-2022-3433"),
        (Ecosystem::Cran, "commonmark", "1.7", "CVE-2022-39209"),
        (Ecosystem::Julia, "HTTP", "1.10.16", "CVE-2025-52479"),
        (Ecosystem::Conan, "jasper", "2.0.24", "CVE-2021-26927"),
    ] {
        let found = ids(&database, ecosystem, name, version);
        assert!(found.iter().any(|id| id == expected), "{name} {version}: {found:?}");
    }
}
