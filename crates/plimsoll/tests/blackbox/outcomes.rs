//! Exit codes, each with its reason: 0 met, 1 not met, 2 usage, 3 could not decide.

use super::common::image::{self, Pack};
use super::common::shop;
use super::{NOW, Place, database, snapshot};

#[test]
fn met() {
    let place = Place::new();
    let calm = place.layout("calm", &shop::calm());
    let run = place.scan(&calm, &[]).exits(0).quiet();
    snapshot!(place, run);
}

#[test]
fn met_below_the_line() {
    let place = Place::new();
    // Only a finding without a fix is left when everything else is excepted.
    let shop = place.shop();
    let report = place.json(&shop, &["--fail-on", "critical,fixable"]);
    assert_eq!(report["verdict"]["outcome"], "notMet");
    place.scan(&place.layout("calm", &shop::calm()), &["--fail-on", "any"]).exits(0).quiet();
}

#[test]
fn not_met() {
    let place = Place::new();
    place.shop();
    let run = place.scan("shop", &[]).exits(1).quiet();
    snapshot!(place, run);
}

#[test]
fn everything_listed() {
    let place = Place::new();
    place.shop();
    let run = place.scan("shop", &["--all"]).exits(1).quiet();
    snapshot!(place, run);
}

#[test]
fn no_database_is_never_clean() {
    let place = Place::new();
    place.layout("calm", &shop::calm());
    let run = place.run(&["scan", "calm"]).exits(3).quiet();
    snapshot!(place, run);
    let report = place.run(&["scan", "calm", "--format", "json"]).exits(3).json();
    assert_eq!(report["verdict"]["outcome"], "unknown");
    assert_eq!(report["database"]["coverage"], "incidentPack");
}

#[test]
fn without_a_database_the_worst_incidents_are_known() {
    let place = Place::new();
    place.layout("notorious", &shop::notorious());
    let run = place.run(&["scan", "notorious"]).exits(1).quiet();
    assert!(run.stdout.contains("NOT MET") && run.stdout.contains("no advisory database"), "{}", run.stdout);
    let report = place.run(&["scan", "notorious", "--format", "json"]).exits(1).json();
    let shell = super::finding(&report, "CVE-2021-44228");
    assert_eq!(shell["severity"]["level"], "critical");
    assert_eq!(shell["subject"]["packages"][0], "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1");
    assert!(report["verdict"]["inputsMissing"].to_string().contains("only the incident pack was asked"));
    // With a database as well: what the pack alone knows stays.
    let with = place.json("notorious", &[]);
    super::finding(&with, "CVE-2021-44228");
    // In a layer below, the same is hidden by a deletion above.
    let image =
        shop::notorious().layer("RUN rm -rf /opt /srv", image::Tree::new().whiteout("opt").whiteout("srv"));
    place.layout("cleaned", &image);
    let report = place.run(&["scan", "cleaned", "--format", "json", "--scanners", "vuln"]).exits(3).json();
    assert_eq!(report["findings"], serde_json::json!([]));
}

/// Bad words on the command line.
#[test]
fn usage() {
    let place = Place::new();
    place.shop();
    for (arguments, parts) in [
        (vec!["scan", "shop", "--formt", "json"], vec!["error:", "--formt", "--format"]),
        (vec!["scan", "shop", "--format", "pdf"], vec!["pdf", "expected one of table, json"]),
        (vec!["scan"], vec!["TARGET"]),
        (vec!["scna", "shop"], vec!["scna", "scan"]),
        (vec!["scan", "shop", "--fail-on", "hot"], vec!["`hot` is not a line", "critical, high"]),
        (vec!["scan", "shop", "--fail-on", "high,low"], vec!["high,low"]),
        (vec!["scan", "shop", "--max-db-age", "soon"], vec!["--max-db-age", "soon"]),
        (vec!["scan", "shop", "--threads", "0"], vec!["--threads"]),
        (vec!["scan", "shop", "--by", "colour"], vec!["expected one of cve, package, layer, party"]),
        (vec!["scan", "shop", "--base", "layers:x"], vec!["--base layers:x", "layers:1"]),
        (vec!["scan", "shop", "--output", "report.json"], vec!["FORMAT=PATH"]),
        (vec!["scan", "shop", "--platform", "windows"], vec!["windows"]),
        (vec!["scan", "spoh"], vec!["`spoh` does not exist", "did you mean `./shop`?"]),
        (vec!["scan", "dir:spoh"], vec!["does not exist", "did you mean"]),
        (vec!["scan", "oci:nowhere/at/all"], vec!["does not exist"]),
        (vec!["scan", "registry:Debian"], vec!["is not the name of an image", "lower case"]),
        (vec!["scan", "shop", "--registry-mirror", "https://mirror"], vec!["REGISTRY=HOST[:PORT][/PREFIX]"]),
        (vec!["scan", "containerd:a b"], vec!["`a b` is not the name of an image"]),
        (
            vec!["scan", "shop", "--ignore-file", "absent.toml"],
            vec!["cannot read the exceptions file `absent.toml`"],
        ),
        (vec!["scan", "shop", "--vex", "absent.json"], vec!["cannot read the VEX document `absent.json`"]),
        (vec!["sbom", "shop", "--format", "table"], vec!["`table` is no form of inventory", "cyclonedx"]),
        (vec!["db", "build", "--from", "absent", "--out", "x.db"], vec!["`absent` is not a folder"]),
    ] {
        let run = place.run(&arguments);
        assert_eq!(run.stdout, "", "{arguments:?}");
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.lines().count() <= 24, "one screen at most: {}", run.stderr);
        run.says(&parts);
    }
}

#[test]
fn a_file_that_is_no_target() {
    let place = Place::new();
    place.put("noise.bin", [7_u8; 4096]);
    place.put("empty", "");
    std::fs::create_dir(place.path("folder")).unwrap();
    let rootfs = super::common::image::Tree::new().file("etc/os-release", shop::OS_RELEASE).finish();
    place.put("rootfs.tar", rootfs);
    for name in ["noise.bin", "empty", "rootfs.tar"] {
        place.scan(name, &[]).exits(2).says(&["error:", name, "hint:"]);
    }
    for target in ["docker-archive:noise.bin", "oci-archive:noise.bin", "oci:folder"] {
        let run = place.scan(target, &[]);
        assert!(run.code == 2 || run.code == 3, "{target}: {}", run.code);
        run.says(&["error:"]);
    }
    place.run_on(&["scan", "-", "--db", database()], b"").exits(3).says(&["error:"]);
    place.run_on(&["scan", "-", "--db", database()], b"not an archive").exits(3).says(&["error:"]);
}

/// The blob of layer `number` (from 1) of `shop` in the layout's files.
fn layer_blob(number: usize) -> String {
    let layer = Pack::Gzip.pack(&shop::image().layers[number - 1]);
    format!("blobs/{}", image::digest(&layer).replace(':', "/"))
}

#[test]
fn a_truncated_layer_is_named() {
    let place = Place::new();
    let mut files = image::layout(&[("1.0", &shop::calm())], Pack::Gzip);
    let layer = Pack::Gzip.pack(&shop::calm().layers[0]);
    let name = format!("blobs/{}", image::digest(&layer).replace(':', "/"));
    let short = &image::digest(&layer)[7..11];
    let content = files.get_mut(&name).unwrap();
    content.truncate(content.len() / 2);
    image::write(&files, &place.path("cut"));
    let run = place.scan("cut", &[]).exits(3).quiet();
    assert!(run.stdout.contains("UNKNOWN") && run.stdout.contains(short), "{}", run.stdout);
    let report = place.json("cut", &[]);
    assert!(!report["problems"].as_array().unwrap().is_empty());
    place.run(&["sbom", "cut", "--format", "json"]).exits(3).says(&["warning: could not see", short]);
    // The same through a pipe.
    let archive = image::archive(&files);
    let run = place.run_on(&["scan", "-", "--db", database()], &archive).exits(3);
    assert!(run.stdout.contains("UNKNOWN") && run.stdout.contains(short), "{}", run.stdout);
}

#[test]
fn an_archive_that_ends_early_is_not_clean() {
    let place = Place::new();
    let archive = image::archive(&image::layout(&[("1.0", &shop::calm())], Pack::Open));
    let docker = image::archive(&image::docker_archive(&[("calm:1", &shop::calm())], Pack::Open));
    for (what, bytes) in [("oci", archive), ("docker", docker)] {
        // Without the blocks of zeros at the end an archive is whole.
        let content =
            bytes.len() - 1024 - bytes.iter().rev().skip(1024).take_while(|byte| **byte == 0).count();
        for tenth in 1..10 {
            let cut = &bytes[..content * tenth / 10];
            let name = place.put(&format!("{what}-{tenth}.tar"), cut);
            for run in [place.scan(&name, &[]), place.run_on(&["scan", "-", "--db", database()], cut)] {
                assert!([2, 3].contains(&run.code), "{what} {tenth}/10: {} {}", run.code, run.stdout);
                assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
            }
        }
    }
}

#[test]
fn a_layer_with_a_wrong_digest_is_named() {
    let place = Place::new();
    let mut files = image::layout(&[("1.0", &shop::image())], Pack::Gzip);
    // Layer 2 is replaced by another well-formed one.
    let other = image::Tree::new().file("srv/other", "other").finish();
    files.insert(layer_blob(2), Pack::Gzip.pack(&other));
    image::write(&files, &place.path("swapped"));
    let report = place.scan("swapped", &["--format", "json", "--fail-on", "critical,fixable"]).json();
    let problems = report["problems"].to_string();
    let short = layer_blob(2)["blobs/sha256/".len()..][..4].to_owned();
    assert!(problems.contains("but the image says") && problems.contains(&short), "{problems}");
    // A clean image whose layer was swapped is unknown, never met.
    let mut files = image::layout(&[("1.0", &shop::calm())], Pack::Gzip);
    let name = image::digest(&Pack::Gzip.pack(&shop::calm().layers[0])).replace(':', "/");
    files.insert(format!("blobs/{name}"), Pack::Gzip.pack(&other));
    image::write(&files, &place.path("swapped-calm"));
    place.scan("swapped-calm", &[]).exits(3);
    // So is one whose diff id does not fit.
    let config = String::from_utf8(shop::calm().config()).unwrap();
    let wrong = config.replace(&image::digest(&shop::calm().layers[0]), &image::digest(b"other"));
    let mut docker = image::docker_archive(&[("calm:1", &shop::calm())], Pack::Open);
    let name =
        docker.keys().find(|name| name.ends_with(".json") && *name != "manifest.json").unwrap().clone();
    docker.insert(name.clone(), wrong.clone().into_bytes());
    // The configuration's name is its digest, so it is checked before.
    place.put("altered.tar", image::archive(&docker));
    place.scan("altered.tar", &[]).exits(3).says(&["error:", "altered or damaged"]);
    docker.remove(&name);
    docker.insert("config.json".into(), wrong.into_bytes());
    let manifest = String::from_utf8(docker["manifest.json"].clone()).unwrap();
    docker.insert("manifest.json".into(), manifest.replace(&name, "config.json").into_bytes());
    place.put("other-diff-id.tar", image::archive(&docker));
    let run = place.scan("other-diff-id.tar", &[]).exits(3);
    assert!(run.stdout.contains("could not see: layer sha256:"), "{}", run.stdout);
}

#[test]
fn documents_of_the_image_are_checked() {
    let place = Place::new();
    let files = image::layout(&[("1.0", &shop::calm())], Pack::Gzip);
    let config = format!("blobs/{}", image::digest(&shop::calm().config()).replace(':', "/"));
    let mut altered = files.clone();
    altered.insert(config.clone(), b"{}".to_vec());
    image::write(&altered, &place.path("altered"));
    place.scan("altered", &[]).exits(3).says(&["error:", "altered or damaged"]);
    let mut missing = files.clone();
    missing.remove(&config);
    image::write(&missing, &place.path("missing"));
    place.scan("missing", &[]).exits(3).says(&["error:", "does not hold"]);
    let mut nonsense = files;
    nonsense.insert("index.json".into(), b"{".to_vec());
    image::write(&nonsense, &place.path("nonsense"));
    place.scan("oci:nonsense", &[]).exits(3).says(&["error:", "index.json"]);
}

#[test]
fn a_missing_layer_blob_is_not_clean() {
    let place = Place::new();
    let mut files = image::layout(&[("1.0", &shop::image())], Pack::Gzip);
    files.remove(&layer_blob(4)).unwrap();
    image::write(&files, &place.path("partial"));
    let run = place.scan("partial", &["--fail-on", "critical,kev"]);
    assert!([1, 3].contains(&run.code));
    let archive = image::archive(&files);
    for run in [run, place.run_on(&["scan", "-", "--db", database()], &archive)] {
        let all = run.stdout + &run.stderr;
        assert!(all.contains(&layer_blob(4)["blobs/sha256/".len()..][..4]), "{all}");
    }
}

#[test]
fn a_broken_package_database_is_unknown() {
    let place = Place::new();
    let image = image::Image::new().layer(
        "ADD rootfs.tar /",
        image::Tree::new()
            .file("etc/os-release", shop::OS_RELEASE)
            .file("var/lib/dpkg/status", "Package: broken\nStatus: install ok installed\n\n"),
    );
    place.layout("broken", &image);
    let run = place.scan("broken", &[]).exits(3);
    assert!(run.stdout.contains("var/lib/dpkg/status"), "{}", run.stdout);
}

#[test]
fn damaged_databases_are_refused() {
    let place = Place::new();
    place.layout("calm", &shop::calm());
    let good = std::fs::read(database()).unwrap();
    place.put("cut.db", &good[..good.len() / 2]);
    place.put("foreign.db", b"SQLite format 3\0 but not ours");
    place.put("empty.db", b"");
    place.put("text.db", "hello");
    for name in ["cut.db", "foreign.db", "empty.db", "text.db", "absent.db"] {
        let run = place.run(&["scan", "calm", "--db", name]).exits(3).says(&["error:", name]);
        assert_eq!(run.stdout, "");
    }
    // One that the environment names must be there as well when it exists but is damaged.
    place.run_with(&["scan", "calm"], &[("PLIMSOLL_DB", "cut.db")]).exits(3).says(&["cut.db"]);
}

#[test]
fn the_database_is_found_where_it_is_said() {
    let place = Place::new();
    place.layout("calm", &shop::calm());
    place.run_with(&["scan", "calm"], &[("PLIMSOLL_DB", database())]).exits(0);
    std::fs::create_dir_all(place.path(".local/share/plimsoll")).unwrap();
    std::fs::copy(database(), place.path(".local/share/plimsoll/advisories.db")).unwrap();
    place.run(&["scan", "calm"]).exits(0).quiet();
}

#[test]
fn old_data_are_unknown() {
    let place = Place::new();
    place.layout("calm", &shop::calm());
    // The newest source is of 2026-11-22, one day before the tests' day.
    place.scan("calm", &["--max-db-age", "1"]).exits(0);
    let run = place.scan("calm", &["--max-db-age", "0"]).exits(3);
    assert!(run.stdout.contains("1 day old; the limit is 0 days"), "{}", run.stdout);
    assert_eq!(NOW, "1795435200");
    let run = place
        .run_with(
            &["scan", "calm", "--db", database(), "--max-db-age", "30"],
            &[("SOURCE_DATE_EPOCH", "1800000000")],
        )
        .exits(3);
    assert!(run.stdout.contains("the limit is 30"), "{}", run.stdout);
}

#[test]
fn a_distribution_without_its_packages_is_unknown() {
    let place = Place::new();
    let bare = |tree: image::Tree| image::Image::new().layer("ADD rootfs.tar /", tree);
    place.layout("bare", &bare(image::Tree::new().file("etc/os-release", shop::OS_RELEASE)));
    let run = place.scan("bare", &[]).exits(3);
    assert!(run.stdout.contains("no deb package database"), "{}", run.stdout);
    // Its SBOM must not be cleaner.
    for format in ["cyclonedx", "spdx"] {
        let file = place.put("bare.json", place.run(&["sbom", "bare", "--format", format]).exits(3).stdout);
        place.scan(&file, &[]).exits(3);
    }
    // Nothing at all may be an empty folder, a mistyped one, or a program that nobody lists: not clean.
    place.layout("nothing", &bare(image::Tree::new().file("bin/tool", "tool")));
    let run = place.scan("nothing", &[]).exits(3);
    assert!(run.stdout.contains("no package was found"), "{}", run.stdout);
}
