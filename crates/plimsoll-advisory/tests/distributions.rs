//! Packages of distributions against feeds in the distributions' own forms.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::fmt::Write as _;

use common::{on, package, run};
use plimsoll_advisory::{BuildOptions, Database, build};
use plimsoll_model::{Ecosystem, Package};

fn built(files: &[(&str, String)]) -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    for (place, text) in files {
        let path = folder.path().join(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let file = folder.path().join("a.db");
    build(folder.path(), &file, &BuildOptions::default()).unwrap();
    let database = Database::open(&file).unwrap();
    (folder, database)
}

fn rpm(name: &str, version: &str, architecture: &str) -> Package {
    let mut package = package(Ecosystem::Rpm, name, version);
    package.architecture = Some(architecture.into());
    package
}

/// Advisories that one package of a release has.
fn advisories(database: &Database, release: (&str, &str), package: Package) -> Vec<String> {
    let found = run(database, &on(release.0, release.1, vec![package]));
    let mut ids: Vec<String> = found
        .findings
        .iter()
        .flat_map(|finding| finding.evidence.iter().map(|evidence| evidence.record.clone()))
        .collect();
    ids.sort();
    ids
}

fn update(id: &str, cve: &str, packages: &[(&str, &str, &str, &str)]) -> String {
    let packages: Vec<String> = packages
        .iter()
        .map(|(name, version, release, architecture)| {
            format!(
                "<package name='{name}' epoch='0' version='{version}' release='{release}' arch='{architecture}'/>"
            )
        })
        .collect();
    let packages = packages.concat();
    format!(
        "<update type='security'><id>{id}</id><title>t</title><severity>important</severity><issued date='2026-01-01'/>\
         <references><reference id='{cve}' type='cve' href='https://x'/></references><pkglist><collection>{packages}\
         </collection></pkglist></update>"
    )
}

#[test]
fn amazon_linux() {
    let line = |id: &str, cve: &str, version: &str| {
        let kernel = ("kernel", version, "44.amzn2", "x86_64");
        format!("<updates>{}</updates>", update(id, cve, &[kernel]))
    };
    let curl = update(
        "ALAS2023-2026-1",
        "CVE-2026-0009",
        &[("curl", "8.0", "2.amzn2023", "x86_64"), ("libcurl", "8.0", "1.amzn2023", "aarch64")],
    );
    let (_folder, database) = built(&[
        ("amazon/2-core-updateinfo.xml", line("CORE", "CVE-2026-0001", "4.14.200")),
        ("amazon/2-extras-kernel-5.4-updateinfo.xml", line("FIVE-4", "CVE-2026-0001", "5.4.100")),
        ("amazon/2-extras-kernel-5.10-updateinfo.xml", line("FIVE-10", "CVE-2026-0001", "5.10.50")),
        ("amazon/2023-core-updateinfo.xml", format!("<updates>{curl}</updates>")),
    ]);
    let of = |release: &str, package: Package| advisories(&database, ("amzn", release), package);
    // Each line of the kernel has its own fixes.
    assert_eq!(of("2", rpm("kernel", "4.14.199-1.amzn2", "x86_64")), ["CORE"]);
    assert!(of("2", rpm("kernel", "4.14.200-44.amzn2", "x86_64")).is_empty());
    assert_eq!(of("2", rpm("kernel", "5.4.99-1.amzn2", "x86_64")), ["FIVE-4"]);
    assert_eq!(of("2", rpm("kernel", "5.10.49-1.amzn2", "x86_64")), ["FIVE-10"]);
    assert!(of("2", rpm("kernel", "5.10.50-44.amzn2", "x86_64")).is_empty());
    // Releases and architectures are told apart.
    assert!(of("2", rpm("curl", "7.0-1.amzn2", "x86_64")).is_empty());
    assert_eq!(of("2023", rpm("curl", "8.0-1.amzn2023", "x86_64")), ["ALAS2023-2026-1"]);
    assert!(of("2023", rpm("curl", "8.0-1.amzn2023", "aarch64")).is_empty());
    assert!(of("2023", rpm("libcurl", "8.0-0.amzn2023", "x86_64")).is_empty());
}

/// A definition: packages with the versions that fix them, and a module.
fn definition(number: u32, release: u32, module: &str, packages: &[(&str, &str)]) -> (String, String) {
    let module = if module.is_empty() {
        String::new()
    } else {
        format!("<criterion test_ref='m' comment='Module {module} is enabled'/>")
    };
    let mut criteria = String::new();
    let mut rest = (String::new(), String::new(), String::new());
    for (index, (name, version)) in packages.iter().enumerate() {
        let id = format!("{number}{index:03}");
        let _ =
            write!(criteria, "<criteria operator='AND'><criterion test_ref='t{id}' comment='x'/></criteria>");
        let _ = write!(
            rest.0,
            "<rpminfo_test id='t{id}'><object object_ref='o{id}'/><state state_ref='s{id}'/></rpminfo_test>"
        );
        let _ = write!(rest.1, "<rpminfo_object id='o{id}'><name>{name}</name></rpminfo_object>");
        let _ = write!(
            rest.2,
            "<rpminfo_state id='s{id}'><evr operation='less than'>{version}</evr></rpminfo_state>"
        );
    }
    (
        format!(
            "<definition id='oval:com.oracle.elsa:def:{number}' class='patch'><metadata><title>ELSA-{number}-1: t (LOW)</title>\
             <reference source='CVE' ref_id='CVE-{number}-0001'/></metadata><criteria operator='AND'>\
             <criterion test_ref='i' comment='Oracle Linux {release} is installed'/>{module}<criteria operator='OR'>{criteria}\
             </criteria></criteria></definition>"
        ),
        format!("<tests>{}</tests><objects>{}</objects><states>{}</states>", rest.0, rest.1, rest.2),
    )
}

#[test]
fn oracle_linux() {
    let documents: Vec<(String, String)> = [
        definition(2021, 8, "", &[("openssl", "1:1.1.1g-15.el8_3"), ("kernel-uek", "0:5.4.17-2136.el8uek")]),
        definition(2022, 8, "", &[("openssl", "2:1.1.1g-15.ksplice1.el8_3")]),
        definition(2023, 8, "", &[("openssl", "10:1.1.1g-16.0.1.el8_3_fips")]),
        definition(2024, 8, "nodejs:12", &[("nodejs", "1:12.22.1-1.module+el8")]),
        definition(2025, 9, "", &[("openssl", "1:3.0.7-1.el9"), ("kernel-uek", "0:5.15.0-3.el9uek")]),
        definition(2026, 8, "", &[("kernel-uek", "0:5.15.0-3.el8uek")]),
    ]
    .into_iter()
    .enumerate()
    .map(|(index, (definition, rest))| {
        let text =
            format!("<oval_definitions><definitions>{definition}</definitions>{rest}</oval_definitions>");
        (format!("oracle/com.oracle.elsa-{index}x.xml"), text)
    })
    .collect();
    let documents: Vec<(&str, String)> =
        documents.iter().map(|(place, text)| (place.as_str(), text.clone())).collect();
    let (_folder, database) = built(&documents);
    let of = |name: &str, version: &str| advisories(&database, ("ol", "8.10"), rpm(name, version, "x86_64"));
    // Ordinary builds, those for live patching and those with validated cryptography are told apart.
    assert_eq!(of("openssl", "1:1.1.1g-12.el8_3"), ["ELSA-2021-1"]);
    assert!(of("openssl", "1:1.1.1g-15.el8_3").is_empty());
    assert_eq!(of("openssl", "2:1.1.1g-12.ksplice1.el8_3"), ["ELSA-2022-1"]);
    assert!(of("openssl", "2:1.1.1g-15.ksplice1.el8_3").is_empty());
    assert_eq!(of("openssl", "10:1.1.1g-12.0.1.el8_3_fips"), ["ELSA-2023-1"]);
    // Lines of the kernel.
    assert_eq!(of("kernel-uek", "5.4.17-2000.el8uek"), ["ELSA-2021-1"]);
    assert_eq!(of("kernel-uek", "5.15.0-2.el8uek"), ["ELSA-2026-1"]);
    // Modules.
    let module = |label: &str, version: &str| {
        let mut package = rpm("nodejs", version, "x86_64");
        package.module = Some(label.into());
        advisories(&database, ("ol", "8.10"), package)
    };
    assert_eq!(module("nodejs:12:8030:abc", "1:12.20.0-1.module+el8"), ["ELSA-2024-1"]);
    assert!(module("nodejs:10:8030:abc", "1:10.20.0-1.module+el8").is_empty());
}

#[test]
fn arch_linux() {
    let list = r#"[{"name":"AVG-1","packages":["curl"],"fixed":"8.5.0-1","status":"Fixed","severity":"High","issues":["CVE-2026-0001"]},
        {"name":"AVG-2","packages":["pam"],"fixed":null,"status":"Vulnerable","issues":["CVE-2026-0002"]},
        {"name":"AVG-3","packages":["pam"],"fixed":null,"status":"Not affected","issues":["CVE-2026-0003"]}]"#;
    let (_folder, database) = built(&[("arch/all.json", list.to_owned())]);
    let of = |name: &str, version: &str| {
        advisories(&database, ("arch", ""), package(Ecosystem::Alpm, name, version))
    };
    assert_eq!(of("curl", "8.4.0-1"), ["AVG-1"]);
    assert!(of("curl", "8.5.0-1").is_empty() && of("curl", "1:1.0-1").is_empty());
    assert_eq!(of("pam", "1.7.0-2"), ["AVG-2"]);
}

#[test]
fn suse_and_openeuler() {
    let record = |id: &str, ecosystem: &str, name: &str, fixed: &str, binaries: &str| {
        format!(
            r#"{{"id":"{id}","modified":"2026-01-01T00:00:00Z","related":["CVE-2026-0001"],"upstream":["CVE-2026-0001"],"affected":[{{
            "package":{{"ecosystem":"{ecosystem}","name":"{name}"}},"ecosystem_specific":{{"binaries":[{binaries}]}},
            "ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
        )
    };
    let (_folder, database) = built(&[
        (
            "osv/SUSE/a.json",
            record(
                "SUSE-SU-2026:1-1",
                "SUSE:Linux Enterprise Module for Basesystem 15 SP5",
                "openssl-1_1",
                "1.1.1l-150500.17.1",
                r#"{"libopenssl1_1":"1.1.1l-150500.17.1"}"#,
            ),
        ),
        (
            "osv/openSUSE/a.json",
            record("openSUSE-SU-2026:1-1", "openSUSE:Tumbleweed", "curl", "8.5-1", r#"{"libcurl4":"8.5-1"}"#),
        ),
        ("osv/openEuler/a.json", record("OESA-2026-1", "openEuler:24.03-LTS-SP1", "curl", "8.4-2", "")),
    ]);
    let of = |release: (&str, &str), name: &str, version: &str| {
        advisories(&database, release, rpm(name, version, "x86_64"))
    };
    assert_eq!(of(("sles", "15.5"), "libopenssl1_1", "1.1.1l-150500.15.4"), ["SUSE-SU-2026:1-1"]);
    assert!(of(("sles", "15.5"), "libopenssl1_1", "1.1.1l-150500.17.1").is_empty());
    assert!(of(("sles", "15.6"), "libopenssl1_1", "1.1.1l-150500.15.4").is_empty());
    assert_eq!(of(("opensuse-tumbleweed", "20260101"), "libcurl4", "8.4-1"), ["openSUSE-SU-2026:1-1"]);
    let mut inventory = on("openeuler", "24.03", vec![rpm("curl", "8.4-1", "x86_64")]);
    if let Some(release) = &mut inventory.release {
        release.name = "openEuler 24.03 (LTS-SP1)".into();
    }
    assert_eq!(run(&database, &inventory).findings.len(), 1);
}

#[test]
fn fedora() {
    let update = r#"{"alias":"FEDORA-2026-1","type":"security","status":"stable","release":{"version":"43","id_prefix":"FEDORA"},
        "bugs":[{"title":"CVE-2026-0001 curl"}],"builds":[{"nvr":"curl-8.5-2.fc43","epoch":1}]}"#;
    let (_folder, database) =
        built(&[("fedora/F43/page-0001.json", format!(r#"{{"updates":[{update}],"pages":1}}"#))]);
    let of = |release: &str, version: &str| {
        // An RPM says of its source package neither that it has an epoch nor which.
        let mut library = rpm("libcurl", &format!("1:{version}"), "x86_64");
        library.source = Some(plimsoll_model::SourcePackage { name: "curl".into(), version: version.into() });
        advisories(&database, ("fedora", release), library)
    };
    assert_eq!(of("43", "8.5-1.fc43"), ["FEDORA-2026-1"]);
    assert!(of("43", "8.5-2.fc43").is_empty());
    assert!(of("42", "8.5-1.fc42").is_empty());
}

/// A VEX document of Red Hat's: `p` is fixed in each of these streams.
fn vex(cve: &str, fixes: &[(&str, &str)]) -> String {
    let mut branches = Vec::new();
    let mut relationships = Vec::new();
    let mut fixed = Vec::new();
    for (index, (cpe, version)) in fixes.iter().enumerate() {
        branches.push(format!(
            r#"{{"product":{{"product_id":"S{index}","product_identification_helper":{{"cpe":"{cpe}"}}}}}},
            {{"product":{{"product_id":"p{index}","product_identification_helper":{{"purl":"pkg:rpm/redhat/p@{version}?arch=x86_64"}}}}}}"#
        ));
        relationships.push(format!(
            r#"{{"full_product_name":{{"product_id":"S{index}:p"}},"product_reference":"p{index}","relates_to_product_reference":"S{index}"}}"#
        ));
        fixed.push(format!("\"S{index}:p\""));
    }
    format!(
        r#"{{"document":{{"title":"T","publisher":{{"namespace":"https://www.redhat.com"}},"tracking":{{"id":"{cve}","status":"final",
        "current_release_date":"2026-01-01T00:00:00+00:00"}}}},"product_tree":{{"branches":[{{"branches":[{}]}}],"relationships":[{}]}},
        "vulnerabilities":[{{"cve":"{cve}","product_status":{{"fixed":[{}]}}}}]}}"#,
        branches.join(","),
        relationships.join(","),
        fixed.join(",")
    )
}

#[test]
fn content_sets_of_red_hat() {
    let (base, extended) = ("cpe:/o:redhat:enterprise_linux:9::baseos", "cpe:/o:redhat:rhel_eus:9.2::baseos");
    let (_folder, database) = built(&[
        (
            "redhat/vex/2026/cve-2026-0001.json",
            vex("CVE-2026-0001", &[(base, "1.0-5.el9_4"), (extended, "1.0-3.el9_2.2")]),
        ),
        ("redhat/vex/2026/cve-2026-0002.json", vex("CVE-2026-0002", &[(base, "1.0-6.el9_4")])),
    ]);
    let of = |sets: &[&str], version: &str| {
        let mut inventory = on("rhel", "9.2", vec![rpm("p", version, "x86_64")]);
        if let Some(release) = &mut inventory.release {
            release.content_sets = sets.iter().map(|set| (*set).to_owned()).collect();
        }
        let found = run(&database, &inventory);
        let mut ids: Vec<String> = found.findings.iter().map(|finding| finding.advisory.clone()).collect();
        ids.sort();
        let unknown = found.problems.iter().any(|problem| problem.detail.contains("is not known"));
        (ids.join(" "), unknown)
    };
    const EUS: &str = "rhel-9-for-x86_64-baseos-eus-rpms__9_DOT_2";
    let both = "CVE-2026-0001 CVE-2026-0002".to_owned();
    assert_eq!(of(&[], "1.0-3.el9_2.2"), (both.clone(), false));
    assert_eq!(of(&["rhel-9-for-x86_64-baseos-rpms"], "1.0-3.el9_2.2"), (both.clone(), false));
    // With extended support the flaw is fixed by the build of that stream; of the other one nothing else is said.
    assert_eq!(of(&[EUS], "1.0-3.el9_2.2"), ("CVE-2026-0002".to_owned(), false));
    assert_eq!(of(&[EUS], "1.0-3.el9_2.1"), (both.clone(), false));
    // Another minor release has fixes of its own.
    assert_eq!(of(&["rhel-9-for-x86_64-baseos-eus-rpms__9_DOT_0"], "1.0-3.el9_2.2"), (both.clone(), false));
    // What another product brings is not guessed.
    assert_eq!(of(&["rhocp-4.12-for-rhel-9-x86_64-rpms"], "1.0-9.el9"), (String::new(), true));
}
