//! An SBOM of an image says the same as the image, and every format is the same twice.

use serde_json::{Value, json};

use super::common::image::{self, Pack};
use super::common::shop;
use super::{Place, text};

/// What must survive the way through an SBOM.
fn essence(report: &Value) -> Value {
    let findings: Vec<Value> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            json!([
                finding["id"],
                finding["status"],
                finding["fixedVersion"],
                finding["party"],
                finding["risk"],
                finding["suppressedBy"]["by"],
                finding["remedy"],
            ])
        })
        .collect();
    let packages: Vec<&Value> =
        report["packages"].as_array().unwrap().iter().map(|package| &package["purl"]).collect();
    let verdict = &report["verdict"];
    json!({ "findings": findings, "packages": packages, "outcome": verdict["outcome"], "changes": report["changes"] })
}

#[test]
fn scanning_an_sbom_gives_what_scanning_the_image_gives() {
    // An SBOM has no files and no configuration.
    const FLAWS: &[&str] = &["--scanners", "vuln"];
    let place = Place::new();
    let layout = place.shop();
    std::fs::create_dir(place.path("root")).unwrap();
    shop::root(&place.path("root"));
    place.layout("calm", &shop::calm());
    let mut silent = shop::image();
    silent.history.clear();
    place.layout("silent", &silent);
    for target in [layout.as_str(), "root", "calm", "silent"] {
        let expected = place.json(target, FLAWS);
        for format in ["cyclonedx", "spdx"] {
            let run = place.run(&["sbom", target, "--format", format]).exits(0).quiet();
            let file = place.put(&format!("{format}.json"), &run.stdout);
            for typed in [format!("sbom:{file}"), file] {
                let report = place.json(&typed, FLAWS);
                assert_eq!(essence(&report), essence(&expected), "{target} as {format}");
                assert_eq!(report["target"]["name"], typed);
            }
        }
        // The report of a scan in these formats is an SBOM too.
        for format in ["cyclonedx", "spdx"] {
            let run = place.scan(target, &["--format", format]);
            let file = place.put(&format!("scan-{format}.json"), &run.stdout);
            assert_eq!(
                essence(&place.json(&file, &[])),
                essence(&expected),
                "{target} as {format} of a scan"
            );
        }
    }
}

#[test]
fn what_an_image_hides_its_sbom_does_not_call_seen() {
    let place = Place::new();
    let mut files = image::layout(&[("1.0", &shop::calm())], Pack::Gzip);
    let layer = image::digest(&Pack::Gzip.pack(&shop::calm().layers[0]));
    files.get_mut(&format!("blobs/{}", layer.replace(':', "/"))).unwrap().truncate(300);
    image::write(&files, &place.path("cut"));
    for format in ["cyclonedx", "spdx"] {
        let run = place.run(&["sbom", "cut", "--format", format]).exits(3).says(&["could not see"]);
        let file = place.put("cut.json", &run.stdout);
        place.scan(&file, &[]).exits(3);
    }
}

#[test]
fn broken_sboms() {
    let place = Place::new();
    let good = place.run(&["sbom", &place.shop(), "--format", "cyclonedx"]).exits(0).stdout;
    for (name, content) in [
        ("cut.json", &good[..good.len() / 2]),
        ("empty.json", ""),
        ("other.json", "{\"hello\": 1}"),
        ("page.html", "<!doctype html><title>404</title>"),
    ] {
        place.put(name, content);
        let run = place.scan(&format!("sbom:{name}"), &[]).exits(3).says(&["error:", name, "cause:"]);
        assert_eq!(run.stdout, "");
    }
    place.scan("sbom:absent.json", &[]).exits(2).says(&["does not exist"]);
}

#[test]
fn every_format_is_the_same_twice() {
    let place = Place::new();
    let shop = place.shop();
    for format in ["table", "json", "sarif", "cyclonedx", "spdx", "markdown", "html"] {
        let first = place.scan(&shop, &["--format", format]).exits(1).quiet().stdout;
        assert!(first.len() > 200 && first.ends_with('\n'), "{format}");
        for threads in ["1", "8"] {
            let again = place.scan(&shop, &["--format", format, "--threads", threads]).stdout;
            assert!(again == first, "{format} with {threads} threads");
        }
        if ["json", "sarif", "cyclonedx", "spdx"].contains(&format) {
            let value: Value = serde_json::from_str(&first).unwrap();
            assert!(value.is_object(), "{format}");
        }
    }
    // All of them in one run.
    let formats = ["json", "sarif", "cyclonedx", "spdx", "markdown", "html"];
    let outputs: Vec<String> = formats.iter().map(|format| format!("{format}=report.{format}")).collect();
    let mut more = Vec::new();
    for output in &outputs {
        more.extend(["--output", output.as_str()]);
    }
    place.scan(&shop, &more).exits(1).quiet();
    for format in formats {
        let written = std::fs::read_to_string(place.path(&format!("report.{format}"))).unwrap();
        assert!(written == place.scan(&shop, &["--format", format]).stdout, "{format}");
    }
}

#[test]
fn sarif_points_at_places() {
    let place = Place::new();
    for (format, rule) in [("sarif@finding", "CVE-2099-0020"), ("sarif", "upgrade/npm/keelson")] {
        let sarif: Value =
            serde_json::from_str(&place.scan(&place.shop(), &["--format", format]).stdout).unwrap();
        assert_eq!(sarif["version"], "2.1.0");
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        let keelson = results.iter().find(|result| result["ruleId"] == rule).unwrap();
        let place = &keelson["locations"][0]["physicalLocation"];
        assert_eq!(text(&place["artifactLocation"]["uri"]), "srv/web/package-lock.json");
        assert_eq!(place["region"]["startLine"], 11);
    }
}
