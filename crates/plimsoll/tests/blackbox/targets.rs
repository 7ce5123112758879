//! Every form of target gives the same answer.

use serde_json::{Value, json};

use super::common::image::{self, Pack};
use super::common::shop;
use super::{NOW, Place, database, finding, ids, text};

/// What must be the same whatever the form: packages, findings, changes, problems.
fn content(report: &Value) -> Value {
    json!({
        "packages": report["packages"],
        "findings": report["findings"],
        "changes": report["changes"],
        "problems": report["problems"],
        "outcome": report["verdict"],
    })
}

/// The same without what only an image knows: layers and parties.
fn without_layers(report: &Value) -> Value {
    let packages: Vec<Value> = report["packages"]
        .as_array()
        .unwrap()
        .iter()
        .cloned()
        .map(|mut package| {
            for location in package["locations"].as_array_mut().unwrap() {
                location.as_object_mut().unwrap().remove("layer");
            }
            package
        })
        .collect();
    let findings: Vec<Value> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            json!([finding["id"], finding["status"], finding["fixedVersion"], finding["severity"]])
        })
        .collect();
    json!({ "packages": packages, "findings": findings })
}

#[test]
fn shop_is_what_it_is() {
    let place = Place::new();
    let report = place.json(&place.shop(), &["--scanners", "vuln"]);
    let purls: Vec<String> =
        report["packages"].as_array().unwrap().iter().map(|package| text(&package["purl"])).collect();
    let expected = [
        "pkg:deb/debian/base-files@12.4?arch=amd64&distro=debian-12",
        "pkg:deb/debian/core-bin@2.36-9?arch=amd64&distro=debian-12",
        "pkg:deb/debian/libcore6@2.36-9?arch=amd64&distro=debian-12",
        "pkg:deb/debian/libsea3@3.0.9-1?arch=amd64&distro=debian-12",
        "pkg:deb/debian/linux-libc-dev@6.1.0-1?arch=amd64&distro=debian-12",
        "pkg:deb/debian/python3-six@1.16.0-4?arch=amd64&distro=debian-12",
        "pkg:deb/debian/sealib@3.0.9-1?arch=amd64&distro=debian-12",
        "pkg:maven/org.example.deck/deck-core@2.14.1",
        "pkg:npm/keelson@4.17.15",
        "pkg:npm/left-line@1.0.0",
        "pkg:pypi/harbour@3.2.4",
        "pkg:pypi/six@1.16.0",
    ];
    assert_eq!(purls, expected, "each package once, nothing that was deleted");
    let expected = [
        "CVE-2099-0030@pkg:maven/org.example.deck/deck-core@2.14.1",
        "CVE-2099-0010@pkg:pypi/harbour@3.2.4",
        "CVE-2099-0001@pkg:deb/debian/sealib@3.0.9-1?arch=source",
        "CVE-2099-0004@pkg:deb/debian/six@1.16.0-4?arch=source",
        "CVE-2099-0020@pkg:npm/keelson@4.17.15",
        "CVE-2099-0021@pkg:npm/keelson@4.17.15",
        "CVE-2099-0002@pkg:deb/debian/corelib@2.36-9?arch=source",
        "CVE-2099-0022@pkg:npm/left-line@1.0.0",
        "CVE-2099-0003@pkg:deb/debian/linux@6.1.0-1?arch=source",
        "CVE-2099-0004@pkg:pypi/six@1.16.0",
    ];
    assert_eq!(ids(&report), expected, "in the order of work");
    assert_eq!(report["problems"], json!([]), "{}", report["problems"]);
}

#[test]
fn every_form_gives_the_same() {
    let place = Place::new();
    let shop = shop::image();
    let layout = place.shop();
    let expected = content(&place.json(&layout, &[]));
    for pack in [Pack::Open, Pack::Gzip, Pack::Zstd] {
        let files = image::layout(&[("1.0", &shop)], pack);
        let folder = format!("layout-{pack:?}");
        image::write(&files, &place.path(&folder));
        let archive = image::archive(&files);
        let oci = place.put(&format!("oci-{pack:?}.tar"), &archive);
        let docker_archive = image::archive(&image::docker_archive(&[("shop:1.0", &shop)], pack));
        let docker = place.put(&format!("docker-{pack:?}.tar"), &docker_archive);
        let packed = place.put(&format!("docker-{pack:?}.tar.gz"), image::gzip(&docker_archive));
        let folder = place.text(&folder);
        for target in [
            folder.clone(),
            format!("{folder}:1.0"),
            format!("oci:{folder}"),
            format!("oci:{folder}:1.0"),
            oci.clone(),
            format!("oci:{oci}"),
            format!("oci-archive:{oci}"),
            format!("oci-archive:{oci}:1.0"),
            docker.clone(),
            format!("docker-archive:{docker}"),
            format!("docker-archive:{docker}:shop:1.0"),
            packed.clone(),
            format!("docker-archive:{packed}"),
        ] {
            let report = place.json(&target, &[]);
            assert_eq!(content(&report), expected, "{target}");
            assert_eq!(report["target"]["name"], target);
        }
        for (what, input) in [
            ("oci", archive.clone()),
            ("docker", docker_archive.clone()),
            ("oci.gz", image::gzip(&archive)),
            ("docker.gz", image::gzip(&docker_archive)),
            ("docker.zst", Pack::Zstd.pack(&docker_archive)),
        ] {
            let run = place.run_on(&["scan", "-", "--db", database(), "--format", "json"], &input);
            assert_eq!(content(&run.json()), expected, "{what} on standard input, layers {pack:?}");
        }
    }
}

#[test]
fn a_directory_gives_the_same_packages_and_findings() {
    // A directory has no configuration.
    const FLAWS: &[&str] = &["--scanners", "vuln"];
    let place = Place::new();
    let layout = place.shop();
    let expected = without_layers(&place.json(&layout, FLAWS));
    std::fs::create_dir(place.path("root")).unwrap();
    shop::root(&place.path("root"));
    for target in
        [place.text("root"), format!("dir:{}", place.text("root")), "dir:root".to_owned(), "root".to_owned()]
    {
        let report = place.json(&target, FLAWS);
        assert_eq!(without_layers(&report), expected, "{target}");
        assert_eq!(report["target"]["kind"], "directory");
        assert_eq!(finding(&report, "CVE-2099-0001")["party"]["kind"], "platform", "its own packages");
        assert_eq!(finding(&report, "CVE-2099-0010")["party"]["kind"], "application");
    }
}

#[test]
fn what_upper_layers_delete_is_not_there() {
    let place = Place::new();
    let report = place.json(&place.shop(), &[]);
    let all = report.to_string();
    for gone in ["hidden-one", "hidden-two", "telnet"] {
        let listed = report["packages"].to_string() + &report["findings"].to_string();
        assert!(!listed.contains(gone), "{gone}");
    }
    assert!(all.contains("keelson"));
}

#[test]
fn tags_choose() {
    let place = Place::new();
    let (shop, calm) = (shop::image(), shop::calm());
    let files = image::layout(&[("1.0", &shop), ("calm", &calm)], Pack::Gzip);
    image::write(&files, &place.path("both"));
    let oci = place.put("both.tar", image::archive(&files));
    let docker_files = image::docker_archive(&[("shop:1.0", &shop), ("calm:2", &calm)], Pack::Open);
    let docker = place.put("docker.tar", image::archive(&docker_files));
    let expected = content(&place.json(&place.layout("calm", &calm), &[]));
    let folder = place.text("both");
    let digest = text(&place.json(&format!("{folder}:calm"), &[])["target"]["digest"]);
    for target in [
        format!("{folder}:calm"),
        format!("oci:{folder}:calm"),
        format!("oci:{folder}@{digest}"),
        format!("oci-archive:{oci}:calm"),
        format!("{oci}:calm"),
        format!("docker-archive:{docker}:calm:2"),
        format!("{docker}:calm:2"),
    ] {
        assert_eq!(content(&place.json(&target, &[])), expected, "{target}");
    }
    for target in [folder.clone(), format!("oci:{folder}"), format!("oci-archive:{oci}")] {
        place.scan(&target, &[]).exits(2).says(&["error:", "several images", "1.0", "calm"]);
    }
    place.scan(&docker, &[]).exits(2).says(&["several images", "shop:1.0", "calm:2"]);
    place.scan(&format!("oci:{folder}:9.9"), &[]).exits(2).says(&["no image `9.9`", "1.0", "calm"]);
    let input = image::archive(&files);
    place.run_on(&["scan", "-", "--db", database()], &input).exits(2).says(&["several images", "calm"]);
}

#[test]
fn platforms_choose() {
    let place = Place::new();
    let amd64 = shop::image();
    let arm64 = shop::calm().for_architecture("arm64");
    let files = image::multi_platform("1.0", &[&amd64, &arm64], Pack::Gzip);
    image::write(&files, &place.path("multi"));
    let archive = image::archive(&files);
    let tar = place.put("multi.tar", &archive);
    for target in
        [place.text("multi"), format!("oci:{}:1.0", place.text("multi")), format!("oci-archive:{tar}")]
    {
        for (platform, packages) in [("linux/amd64", 12), ("linux/arm64", 1), ("linux/arm64/v8", 1)] {
            let report = place.json(&target, &["--platform", platform]);
            let length = report["packages"].as_array().unwrap().len();
            assert_eq!(length, packages, "{target} {platform}");
            assert!(platform.starts_with(report["target"]["platform"].as_str().unwrap()), "{platform}");
        }
        place
            .scan(&target, &["--platform", "linux/s390x"])
            .exits(2)
            .says(&["linux/s390x", "linux/amd64, linux/arm64"]);
        place.scan(&target, &["--platform", "penguin"]).exits(2).says(&["error:", "penguin"]);
    }
    let run = place.run_on(
        &["scan", "-", "--db", database(), "--format", "json", "--platform", "linux/arm64"],
        &archive,
    );
    assert_eq!(run.json()["packages"].as_array().unwrap().len(), 1);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let place = Place::new();
    let layout = place.shop();
    let first = place.scan(&layout, &["--format", "json"]).stdout;
    for threads in ["1", "2", "7"] {
        let again = place.scan(&layout, &["--format", "json", "--threads", threads]).stdout;
        assert_eq!(again, first, "{threads} threads");
    }
    // The day is no part of it: only its consequences are (an exception that expires).
    let other_day = place.run_with(
        &["scan", &layout, "--db", database(), "--format", "json"],
        &[("SOURCE_DATE_EPOCH", "1795521600")],
    );
    assert_eq!(other_day.stdout, first);
    assert_ne!(NOW, "1795521600");
}

#[test]
fn one_platform_needs_no_choice() {
    let place = Place::new();
    let arm64 = shop::calm().for_architecture("arm64");
    place.layout("arm", &arm64);
    assert_eq!(place.json("arm", &[])["target"]["platform"], "linux/arm64");
    place.scan("arm", &["--platform", "linux/arm64"]).exits(0);
    place.scan("arm", &["--platform", "linux/amd64"]).exits(2).says(&["linux/amd64", "it has linux/arm64"]);
    // Several, none of which is this machine's: the user chooses.
    let s390x = shop::calm().for_architecture("s390x");
    let mips = shop::calm().for_architecture("mips64le");
    image::write(&image::multi_platform("1.0", &[&s390x, &mips], Pack::Gzip), &place.path("foreign"));
    place.scan("foreign", &[]).exits(2).says(&["linux/mips64le, linux/s390x"]);
    place.scan("foreign", &["--platform", "linux/s390x"]).exits(0);
}

#[test]
fn both_descriptions_in_one_archive_agree() {
    let place = Place::new();
    let expected = content(&place.json(&place.shop(), &[]));
    let archive = image::archive(&image::docker_layout("shop:1.0", &shop::image()));
    let tar = place.put("saved.tar", &archive);
    for target in
        [tar.clone(), format!("docker-archive:{tar}"), format!("oci-archive:{tar}"), format!("{tar}:1.0")]
    {
        assert_eq!(content(&place.json(&target, &[])), expected, "{target}");
    }
    let run = place.run_on(&["scan", "-", "--db", database(), "--format", "json"], &archive);
    assert_eq!(content(&run.json()), expected);
}

#[test]
fn links_that_leave_the_root_stay_inside() {
    let place = Place::new();
    // A link to the machine's own files, and one out of the root: nothing of the machine is read.
    place.put(
        "secret-status",
        "Package: secret\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n",
    );
    let secret = place.text("secret-status");
    let tree = image::Tree::new()
        .file("etc/os-release", shop::OS_RELEASE)
        .link("var/lib/dpkg/status", &secret)
        .link("srv/up", "../../../../../../..")
        .link("srv/loop", "loop");
    place.layout("links", &image::Image::new().layer("ADD rootfs.tar /", tree));
    let report = place.json("links", &[]);
    assert!(!report.to_string().contains("pkg:deb/debian/secret"), "{report}");
    #[cfg(unix)]
    {
        std::fs::create_dir_all(place.path("root/var/lib/dpkg")).unwrap();
        std::fs::create_dir_all(place.path("root/etc")).unwrap();
        std::fs::write(place.path("root/etc/os-release"), shop::OS_RELEASE).unwrap();
        std::os::unix::fs::symlink(&secret, place.path("root/var/lib/dpkg/status")).unwrap();
        std::os::unix::fs::symlink("/", place.path("root/everything")).unwrap();
        let report = place.json("dir:root", &[]);
        assert!(!report.to_string().contains("pkg:deb/debian/secret"), "{report}");
        assert_eq!(report["packages"], json!([]));
    }
}

/// What nobody asked for: secrets count, how the image is set up is told and does not count.
#[test]
fn what_a_plain_scan_looks_for() {
    let place = Place::new();
    // In two pieces, so that nobody takes this file for one that leaks.
    let secret = format!("KEY=sk_{}_q7Rz0KpV3mXcT9bL2wYf8sHd0001\n", "live");
    let image = shop::calm().layer("COPY . /srv", image::Tree::new().file("srv/.env", &secret));
    place.layout("leaky", &image);
    let report = place.json("leaky", &[]);
    let of = |report: &Value, kind: &str| -> Vec<Value> {
        let findings = report["findings"].as_array().unwrap();
        findings.iter().filter(|finding| finding["kind"] == kind).cloned().collect()
    };
    let secrets = of(&report, "secret");
    assert_eq!(secrets.len(), 1, "{secrets:?}");
    assert!(secrets[0]["suppressedBy"].is_null() && report["verdict"]["outcome"] == "notMet");
    let settings = of(&report, "misconfiguration");
    assert!(!settings.is_empty());
    for finding in &settings {
        assert_eq!(finding["suppressedBy"]["by"], "default", "{finding}");
    }
    place.scan("leaky", &[]).exits(1);
    place.layout("calm", &shop::calm());
    let run = place.scan("calm", &["--fail-on", "low"]).exits(0);
    assert!(run.stdout.contains("how the image is set up, not asked for"), "{}", run.stdout);
    // Whoever asks gets it counted; whoever asks for flaws only gets neither.
    place.scan("calm", &["--scanners", "vuln,config", "--fail-on", "low"]).exits(1);
    let flaws = place.json("leaky", &["--scanners", "vuln"]);
    assert!(of(&flaws, "secret").is_empty() && of(&flaws, "misconfiguration").is_empty());
    // A text that is too long to be looked through leaves the verdict open only where secrets were asked for.
    let long = "a line of a log\n".repeat(600_000);
    place.layout("long", &shop::calm().layer("RUN log", image::Tree::new().file("var/log/long", &long)));
    place.scan("long", &[]).exits(0);
    place.scan("long", &["--scanners", "vuln,secret"]).exits(3);
    // An SBOM has no files: only who asked is told.
    let sbom = place.put("calm.json", &place.run(&["sbom", "calm", "--format", "cyclonedx"]).stdout);
    place.scan(&sbom, &[]).exits(0);
    place.scan(&sbom, &["--scanners", "vuln,secret"]).exits(3);
}
