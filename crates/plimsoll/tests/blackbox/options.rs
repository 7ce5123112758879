//! What flags change: the line, exceptions, the base, groups.

use serde_json::{Value, json};

use super::common::image::{self, Pack};
use super::common::shop;
use super::{Place, database, finding, ids, snapshot, text};

#[test]
fn the_line_decides() {
    let place = Place::new();
    let shop = place.shop();
    for (line, code, reason) in [
        ("critical,fixable,kev", 1, "1 known-exploited and 2 critical findings have a fix"),
        ("critical,fixable", 1, "1 known-exploited and 2 critical findings have a fix"),
        ("high", 1, "over the line"),
        ("any", 1, "over the line"),
    ] {
        let report = place.scan(&shop, &["--fail-on", line, "--format", "json"]).exits(code).json();
        assert_eq!(report["verdict"]["line"], format!("--fail-on {line}"));
        assert!(report["verdict"]["reasons"].to_string().contains(reason), "{line}: {}", report["verdict"]);
    }
}

/// Exceptions for every finding over the default line.
const ACCEPTED: &str = r#"
[[exception]]
id = "CVE-2099-0030"
package = "org.example.deck:deck-core"
path = "opt/*"
reason = "lookups are off"
owner = "team-shop"
expires = 2027-01-31

[[exception]]
id = "GHSA-2222-2222-0010"
reason = "the admin site is not served"

[[exception]]
id = "cve-2099-0001"
package = "sealib"
reason = "rebuilt on Friday"
expires = "2026-11-23"
"#;

#[test]
fn exceptions_take_findings_off_the_line() {
    let place = Place::new();
    let shop = place.shop();
    let file = place.put("accepted.toml", ACCEPTED);
    let run = place.scan(&shop, &["--ignore-file", &file]).exits(0).quiet();
    assert!(run.stdout.contains("MET") && run.stdout.contains("2027-01-31"), "{}", run.stdout);
    let report = place.json(&shop, &["--ignore-file", &file]);
    for id in ["CVE-2099-0030", "CVE-2099-0010", "CVE-2099-0001"] {
        let finding = finding(&report, id);
        assert_eq!(finding["suppressedBy"]["by"], "exception", "{finding}");
        assert_eq!(finding["party"]["kind"], "nobody", "{finding}");
    }
    assert_eq!(finding(&report, "CVE-2099-0030")["suppressedBy"]["expires"], "2027-01-31");
    let removed: Vec<String> = report["changes"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|change| change["removes"].as_array().unwrap().iter().map(text))
        .collect();
    assert!(!removed.iter().any(|id| id.contains("CVE-2099-0030")), "{removed:?}");
    assert_eq!(report["problems"], json!([]));
}

#[test]
fn the_day_after_the_last_day_brings_the_finding_back() {
    let place = Place::new();
    let shop = place.shop();
    let file = place.put("accepted.toml", ACCEPTED);
    let arguments = ["scan", &shop, "--db", super::database(), "--ignore-file", &file];
    // 2026-11-24, one day after the last day of the entry for sealib.
    let run = place.run_with(&arguments, &[("SOURCE_DATE_EPOCH", "1795521600")]).exits(1);
    assert!(run.stdout.contains("cve-2099-0001 expired on 2026-11-23"), "{}", run.stdout);
}

#[test]
fn an_exception_that_matches_nothing_says_so() {
    let place = Place::new();
    let calm = place.layout("calm", &shop::calm());
    let file = place.put("unused.yaml", "exception:\n- id: CVE-2099-9999\n  reason: long gone\n");
    let run = place.scan(&calm, &["--ignore-file", &file]).exits(0);
    assert!(run.stdout.contains("1 note"), "{}", run.stdout);
    let run = place.scan(&calm, &["--ignore-file", &file, "--all"]).exits(0);
    assert!(
        run.stdout.contains("CVE-2099-9999") && run.stdout.contains("matches no finding"),
        "{}",
        run.stdout
    );
    // Another package or place is not covered.
    let shop = place.shop();
    for (field, value) in [("package", "other"), ("path", "srv/other/*")] {
        let file = place.put(
            "narrow.toml",
            format!("[[exception]]\nid = \"CVE-2099-0030\"\nreason = \"x\"\n{field} = \"{value}\"\n"),
        );
        let report = place.json(&shop, &["--ignore-file", &file]);
        assert_eq!(finding(&report, "CVE-2099-0030")["suppressedBy"], Value::Null);
        assert!(report["problems"].to_string().contains("matches no finding"));
    }
}

#[test]
fn bad_exceptions_are_refused_whole() {
    let place = Place::new();
    let calm = place.layout("calm", &shop::calm());
    for (content, parts) in [
        (
            "[[exception]]\nid = \"CVE-1\"\nreason = \"x\"\nexpires = \"soon\"\n",
            vec!["entry 1 (CVE-1)", "`soon`", "2027-01-31"],
        ),
        ("[[exception]]\nid = \"CVE-1\"\nreason = \"x\"\nexpires = \"2027-02-30\"\n", vec!["2027-02-30"]),
        ("[[exception]]\nid = \"CVE-1\"\n", vec!["reason"]),
        ("[[exception]]\nid = \"CVE-1\"\nreason = \"x\"\nuntil = \"2027-01-01\"\n", vec!["until"]),
        ("[[exceptions]]\nid = \"CVE-1\"\nreason = \"x\"\n", vec!["exceptions"]),
        ("nonsense", vec!["bad.toml"]),
    ] {
        let file = place.put("bad.toml", content);
        let run = place.scan(&calm, &["--ignore-file", &file]).exits(2).says(&parts);
        assert_eq!(run.stdout, "");
    }
}

/// The party of the finding, as one word.
fn party(report: &Value, id: &str) -> String {
    text(&finding(report, id)["party"]["kind"])
}

#[test]
fn every_finding_has_its_party() {
    let place = Place::new();
    let report = place.json(&place.shop(), &[]);
    for (id, expected) in [
        ("CVE-2099-0001", "baseImage"),
        ("CVE-2099-0002", "distribution"),
        ("CVE-2099-0010", "application"),
        ("CVE-2099-0020", "application"),
        ("CVE-2099-0022", "application"),
        ("CVE-2099-0030", "application"),
    ] {
        assert_eq!(party(&report, id), expected, "{id}");
    }
    assert_eq!(finding(&report, "CVE-2099-0003")["risk"]["notRun"], true, "kernel headers");
    // The file of a Debian package: Debian answers for it, and the finding is folded under Debian's.
    let six = report["packages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["purl"] == "pkg:pypi/six@1.16.0")
        .unwrap();
    assert_eq!(six["ownedBy"], "pkg:deb/debian/python3-six@1.16.0-4?arch=amd64&distro=debian-12");
    let folded = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["id"] == "CVE-2099-0004@pkg:pypi/six@1.16.0")
        .unwrap();
    assert_eq!(folded["party"]["kind"], "nobody");
    assert_eq!(folded["suppressedBy"]["by"], "owner");
}

#[test]
fn layers_are_attributed() {
    let place = Place::new();
    let report = place.json(&place.shop(), &[]);
    let layer = |purl: &str| {
        let package = report["packages"].as_array().unwrap().iter().find(|one| one["purl"] == purl).unwrap();
        let layers: Vec<u64> = package["locations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|location| location["layer"].as_u64().unwrap())
            .collect();
        assert!(layers.windows(2).all(|pair| pair[0] == pair[1]), "{purl} {layers:?}");
        layers[0]
    };
    // Layer 5 rewrote the whole package database, and installed nothing.
    assert_eq!(layer("pkg:deb/debian/sealib@3.0.9-1?arch=amd64&distro=debian-12"), 1);
    assert_eq!(layer("pkg:pypi/harbour@3.2.4"), 2);
    assert_eq!(layer("pkg:npm/keelson@4.17.15"), 3);
    assert_eq!(layer("pkg:maven/org.example.deck/deck-core@2.14.1"), 4);
    let made: Vec<&Value> =
        report["target"]["layers"].as_array().unwrap().iter().map(|layer| &layer["createdBy"]).collect();
    assert_eq!(made[2], "COPY web /srv/web # buildkit");
}

#[test]
fn changes_are_grouped() {
    let place = Place::new();
    let report = place.json(&place.shop(), &[]);
    let changes: Vec<Value> = report["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            json!([
                change["party"]["kind"],
                change["subject"],
                change["to"],
                change["removes"].as_array().unwrap().len(),
                change["command"],
                change["location"]["line"]
            ])
        })
        .collect();
    assert_eq!(
        changes,
        [
            json!(["application", "org.example.deck:deck-core", "2.15.0", 1, null, null]),
            json!(["application", "harbour", "3.2.25", 1, null, 3]),
            json!(["baseImage", "Debian 12.4 base image", null, 2, "docker build --pull --no-cache .", null]),
            json!(["application", "keelson", "4.17.21", 2, "npm install keelson@4.17.21", 11]),
        ]
    );
}

/// The base as told in JSON: layers, source, reference.
fn base(report: &Value) -> (u64, String, Option<String>) {
    let base = &report["target"]["base"];
    (base["layers"].as_u64().unwrap(), text(&base["source"]), base["reference"].as_str().map(str::to_owned))
}

#[test]
fn the_base_is_where_it_is_said() {
    let place = Place::new();
    let shop = shop::image();
    let layout = place.shop();
    let chain = |count: usize| {
        let digests: Vec<String> = shop.layers.iter().take(count).map(|layer| image::digest(layer)).collect();
        format!("chain:{}", digests.join(","))
    };
    let none = None::<String>;
    let debian = Some("debian:12".to_owned());
    for (flag, expected, harbour) in [
        ("layers:0".to_owned(), (0, "flag", none.clone()), "application"),
        ("layers:1".to_owned(), (1, "flag", none.clone()), "application"),
        ("layers:2".to_owned(), (2, "flag", none.clone()), "baseImage"),
        ("layers:99".to_owned(), (5, "flag", none.clone()), "baseImage"),
        (chain(1), (1, "layerChain", none.clone()), "application"),
        (chain(3), (3, "layerChain", none.clone()), "baseImage"),
        (format!("chain:{}", image::digest(b"other")), (0, "unknown", none), "unknown"),
        ("debian:12".to_owned(), (1, "flag", debian), "application"),
    ] {
        let report = place.json(&layout, &["--base", &flag]);
        let (layers, source, reference) = expected;
        assert_eq!(base(&report), (layers, source.to_owned(), reference), "--base {flag}");
        assert_eq!(party(&report, "CVE-2099-0010"), harbour, "--base {flag}");
    }
    let run = place.scan(&layout, &["--base", "debian:12"]).exits(1);
    assert!(run.stdout.contains("debian:12"), "{}", run.stdout);
    // A digest in short form is no digest.
    place.scan(&layout, &["--base", "sha256:12"]).exits(2).says(&["sha256:12"]);
}

#[test]
fn annotations_and_labels_name_the_base() {
    let place = Place::new();
    for label in [false, true] {
        let mut image = shop::image();
        let names = if label { &mut image.labels } else { &mut image.annotations };
        names.insert("org.opencontainers.image.base.name".into(), "docker.io/library/debian:12".into());
        names.insert("org.opencontainers.image.base.digest".into(), image::digest(b"a manifest"));
        let name = format!("named-{label}");
        image::write(&image::layout(&[("1.0", &image)], Pack::Gzip), &place.path(&name));
        let report = place.json(&name, &[]);
        let expected = (1, "annotation".to_owned(), Some("docker.io/library/debian:12".to_owned()));
        assert_eq!(base(&report), expected);
        assert_eq!(report["target"]["base"]["digest"], image::digest(b"a manifest"));
        assert!(text(&finding(&report, "CVE-2099-0001")["remedy"]["action"]).contains("debian:12"));
    }
}

#[test]
fn no_history_no_guess() {
    let place = Place::new();
    let mut image = shop::image();
    image.history.clear();
    let layout = place.layout("silent", &image);
    let report = place.json(&layout, &[]);
    assert_eq!(base(&report).1, "unknown");
    assert_eq!(party(&report, "CVE-2099-0001"), "unknown");
    let run = place.scan(&layout, &[]).exits(1);
    assert!(run.stdout.contains("--base"), "{}", run.stdout);
}

#[test]
fn groups() {
    let place = Place::new();
    place.shop();
    for by in ["cve", "package", "layer", "party"] {
        let run = place.scan("shop", &["--by", by, "--scanners", "vuln"]).exits(1).quiet();
        let report = place.json("shop", &["--scanners", "vuln"]);
        for id in ids(&report) {
            let id = id.split('@').next().unwrap();
            assert!(run.stdout.contains(id), "--by {by} does not show {id}:\n{}", run.stdout);
        }
    }
    let run = place.scan("shop", &["--by", "layer"]).exits(1);
    snapshot!(place, run);
}

#[test]
fn the_points_of_every_finding() {
    let place = Place::new();
    let shop = place.shop();
    let run = place.scan(&shop, &["--explain"]).exits(1).quiet();
    snapshot!(place, run);
    let report = place.json(&shop, &[]);
    for finding in report["findings"].as_array().unwrap() {
        let work = &finding["risk"]["work"];
        assert!(run.stdout.contains(&format!("      {} = ", work["sum"])), "{work}");
    }
    // The same points where no target is at hand.
    let run = place.run(&["explain", "CVE-2099-0010", "--db", database()]).exits(0);
    assert!(run.stdout.contains("points in the order of work: "), "{}", run.stdout);
}

#[test]
fn lists_are_the_line_for_licences() {
    let place = Place::new();
    for package in ["a", "b", "c"] {
        std::fs::create_dir_all(place.path(&format!("app/node_modules/{package}"))).unwrap();
    }
    place.put(
        "app/node_modules/a/package.json",
        r#"{"name": "a", "version": "1.0.0", "license": "(MIT OR GPL-3.0)"}"#,
    );
    place.put("app/node_modules/b/package.json", r#"{"name": "b", "version": "1.0.0", "license": "GPLv3"}"#);
    place.put(
        "app/node_modules/c/package.json",
        r#"{"name": "c", "version": "1.0.0", "license": "Acme EULA"}"#,
    );
    let target = format!("dir:{}", place.path("app").display());
    let scan = |flags: &[&str]| {
        place.scan(&target, &[&["--scanners", "license", "--format", "json"], flags].concat())
    };
    let report = scan(&["--license-allow", "MIT"]).exits(1).json();
    assert_eq!(ids(&report), ["license-not-allowed@pkg:npm/b@1.0.0", "license-unknown@pkg:npm/c@1.0.0"]);
    assert_eq!(report["verdict"]["reasons"], json!(["1 licence is refused"]));
    assert_eq!(report["verdict"]["line"], "--fail-on critical,fixable,kev --license-allow MIT");
    let said: Vec<&Value> =
        report["packages"].as_array().unwrap().iter().map(|p| &p["licenseExpression"]).collect();
    assert_eq!(said, ["MIT OR GPL-3.0-only", "GPL-3.0-only", "LicenseRef-Acme-EULA"]);
    assert_eq!(report["packages"][2]["unknownLicenses"], json!(["Acme EULA"]));
    let report = scan(&["--license-allow", "MIT,copyleft"]).exits(3).json();
    assert_eq!(report["verdict"]["inputsMissing"], json!(["licences: that of 1 package cannot be told"]));
    scan(&["--license-allow", "MIT,copyleft", "--license-allow", "LicenseRef-Acme-EULA"]).exits(0);
    scan(&["--license-deny", "network-copyleft,unknown"]).exits(1);
    let file = place.put(
        "accepted.toml",
        "[[exception]]\nid = \"license-unknown\"\npackage = \"c\"\nreason = \"bought\"\nexpires = 2027-01-31\n",
    );
    scan(&["--license-deny", "AGPL-3.0-only", "--ignore-file", &file]).exits(0);
    scan(&[]).exits(2);
    scan(&["--license-allow", "GPL"]).exits(2);
    for format in ["table", "markdown", "html", "sarif", "sarif@finding", "csv", "junit"] {
        let run = place.scan(&target, &["--license-allow", "MIT", "--all", "--format", format]);
        assert!(run.stdout.contains("license-not-allowed"), "{format}: {}", run.stdout);
        assert!(!run.stdout.contains("osv.dev/vulnerability/license"), "{format}: {}", run.stdout);
    }
    for format in ["gitlab-container", "openvex", "cyclonedx-vex"] {
        let run = place.scan(&target, &["--license-allow", "MIT", "--all", "--format", format]);
        assert!(!run.stdout.contains("license-not-allowed"), "{format}: {}", run.stdout);
    }
}
