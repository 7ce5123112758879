//! Archives in archives: whole, broken and hostile.

#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::io::{Cursor, Write};

use plimsoll_extract::Extraction;
use plimsoll_extract::binary::java_archive;
use plimsoll_model::{Package, Presence, ProblemKind};
use proptest::prelude::*;
use zip::CompressionMethod::{self, Deflated, Stored};
use zip::write::SimpleFileOptions;

fn jar(method: CompressionMethod, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn pom(group: &str, artifact: &str, version: &str) -> (String, Vec<u8>) {
    (
        format!("META-INF/maven/{group}/{artifact}/pom.properties"),
        format!("#Created by Apache Maven 3.8\nversion={version}\ngroupId={group}\nartifactId={artifact}\n")
            .into_bytes(),
    )
}

fn library(group: &str, artifact: &str, version: &str) -> Vec<u8> {
    let (name, content) = pom(group, artifact, version);
    jar(
        Deflated,
        &[
            ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\n"),
            (&name, &content),
            ("org/x/A.class", b"\xca\xfe\xba\xbe"),
        ],
    )
}

fn scan(path: &str, bytes: &[u8]) -> Extraction {
    java_archive::parse(&path.into(), bytes)
}

fn names(found: &Extraction) -> Vec<String> {
    found.packages.iter().map(|package| format!("{}@{}", package.name, package.version)).collect()
}

fn property<'a>(package: &'a Package, key: &str) -> Option<&'a str> {
    package.properties.get(key).map(String::as_str)
}

#[test]
fn log4j_three_archives_deep_is_found() {
    let log4j = library("org.apache.logging.log4j", "log4j-core", "2.14.1");
    for outer in [Stored, Deflated] {
        for inner in [Stored, Deflated] {
            let war = jar(inner, &[("WEB-INF/lib/log4j-core-2.14.1.jar", &log4j)]);
            let ear = jar(outer, &[("web.war", &war)]);
            let zip = jar(inner, &[("lib/app.ear", &ear), ("lib/app.txt", b"x")]);
            let found = scan("opt/all.jar", &zip);
            assert_eq!(names(&found), ["org.apache.logging.log4j:log4j-core@2.14.1"]);
            assert_eq!(found.problems, []);
            let package = &found.packages[0];
            assert_eq!(
                package.locations[0].path.to_string(),
                "opt/all.jar!/lib/app.ear!/web.war!/WEB-INF/lib/log4j-core-2.14.1.jar"
            );
            assert_eq!(property(package, "identity"), Some("pom.properties"));
            assert_eq!(package.presence, Presence::Installed);
        }
    }
}

#[test]
fn an_executable_jar_of_spring_boot() {
    let (name, content) = pom("com.example", "demo", "0.0.1");
    let spring = jar(Deflated, &[
        ("META-INF/MANIFEST.MF", b"Implementation-Title: spring-core\r\nImplementation-Version: 5.3.17\r\nAutomatic-Module-Name: spring.core\r\n"),
        ("org/springframework/core/A.class", b""),
    ]);
    let name = format!("BOOT-INF/classes/{name}");
    let boot = jar(Stored, &[
        ("META-INF/MANIFEST.MF", b"Main-Class: org.springframework.boot.loader.JarLauncher\nImplementation-Title: demo\nImplementation-Version: 0.0.1\n"),
        (&name, &content),
        ("org/springframework/boot/loader/JarLauncher.class", b""),
        ("BOOT-INF/lib/spring-core-5.3.17.jar", &spring),
    ]);
    let started = [b"#!/bin/bash\nexec java -jar \"$0\"\n", boot.as_slice()].concat();
    for bytes in [boot, started] {
        let found = scan("app.jar", &bytes);
        assert_eq!(names(&found), ["org.springframework:spring-core@5.3.17", "com.example:demo@0.0.1"]);
        assert_eq!(found.problems, []);
        assert_eq!(property(&found.packages[0], "module-name"), Some("spring.core"));
        assert_eq!(property(&found.packages[1], "shaded"), None);
    }
}

/// File name, manifest, coordinates in it, then what it is and by which source.
fn check(path: &str, manifest: &str, poms: &[(&str, &str, &str)], expected: &[(&str, &str, bool)]) {
    let mut files = vec![
        ("META-INF/MANIFEST.MF".to_owned(), manifest.as_bytes().to_vec()),
        ("org/apache/commons/io/A.class".to_owned(), vec![]),
    ];
    files.extend(poms.iter().map(|(group, artifact, version)| pom(group, artifact, version)));
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    let found = scan(path, &jar(Deflated, &files));
    let got: Vec<(String, &str, bool)> = names(&found)
        .into_iter()
        .zip(&found.packages)
        .map(|(name, package)| {
            (name, property(package, "identity").unwrap(), property(package, "shaded").is_some())
        })
        .collect();
    let expected: Vec<_> =
        expected.iter().map(|(name, identity, shaded)| ((*name).to_owned(), *identity, *shaded)).collect();
    assert_eq!(got, expected, "{path}");
    let digests = found.packages.iter().filter(|package| !package.digests.is_empty()).count();
    assert_eq!(digests, expected.iter().filter(|(_, _, shaded)| !shaded).count(), "{path}");
}

#[test]
fn identity() {
    let netty = [("io.netty", "netty-common", "4.1.77.Final"), ("org.jctools", "jctools-core", "3.1.0")];
    check(
        "netty-common-4.1.77.Final.jar",
        "",
        &netty,
        &[
            ("io.netty:netty-common@4.1.77.Final", "pom.properties", false),
            ("org.jctools:jctools-core@3.1.0", "pom.properties", true),
        ],
    );
    check(
        "netty-common.jar",
        "",
        &netty,
        &[
            ("io.netty:netty-common@4.1.77.Final", "pom.properties", false),
            ("org.jctools:jctools-core@3.1.0", "pom.properties", true),
        ],
    );
    // One library shaded into another that does not name itself.
    check(
        "our-lib-1.0.jar",
        "",
        &netty[1..],
        &[("org.jctools:jctools-core@3.1.0", "pom.properties", true), ("our-lib@1.0", "file-name", false)],
    );
    check("renamed.jar", "", &netty[1..], &[("org.jctools:jctools-core@3.1.0", "pom.properties", false)]);
    check(
        "all.jar",
        "Implementation-Title: netty-common\nImplementation-Version: 4.1.77.Final\n",
        &netty,
        &[
            ("io.netty:netty-common@4.1.77.Final", "pom.properties", false),
            ("org.jctools:jctools-core@3.1.0", "pom.properties", true),
        ],
    );
    check(
        "unnamed.jar",
        "",
        &netty,
        &[
            ("io.netty:netty-common@4.1.77.Final", "pom.properties", true),
            ("org.jctools:jctools-core@3.1.0", "pom.properties", true),
        ],
    );
    check(
        "jackson-core-2.12.1.jar",
        "Bundle-SymbolicName: com.fasterxml.jackson.core.jackson-core;singleton:=true\nBundle-Version: 2.12.1\n",
        &[],
        &[("com.fasterxml.jackson.core:jackson-core@2.12.1", "manifest", false)],
    );
    check(
        "catalina.jar",
        "Implementation-Title: Apache Tomcat\nImplementation-Version: 9.0.1\nImplementation-Vendor-Id: org.apache.tomcat\n",
        &[],
        &[("org.apache.tomcat:catalina@9.0.1", "manifest", false)],
    );
    check(
        "commons-io-2.4.jar",
        "Bundle-SymbolicName: org.apache.commons.io\nBundle-Version: 2.4.0\n",
        &[],
        &[("commons-io:commons-io@2.4", "file-name", false)],
    );
    check("old-api.jar", "Specification-Version: 3.1\n", &[], &[("old-api@3.1", "file-name", false)]);
    check(
        "thing-1.2.3.jar",
        "Implementation-Version: ${project.version}\n",
        &[],
        &[("thing@1.2.3", "file-name", false)],
    );
    check("odd-1.x-7.jar", "Implementation-Version: 1.x-7\n", &[], &[("odd@1.x-7", "file-name", false)]);
    check("app.jar", "", &[], &[("app@", "file-name", false)]);
}

#[test]
fn the_digest_is_that_of_the_archive() {
    let bytes = library("g.h", "a", "1");
    let outer = jar(Deflated, &[("a-1.jar", &bytes)]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), &bytes).unwrap();
    let output = std::process::Command::new("sha1sum").arg(folder.path().join("a")).output().unwrap();
    let expected = String::from_utf8(output.stdout).unwrap()[..40].to_owned();
    assert_eq!(scan("x.war", &outer).packages[0].digests[0].to_string(), format!("sha1:{expected}"));
}

fn check_problem(path: &str, bytes: &[u8], kind: ProblemKind, subject: &str, detail: &str) {
    let found = scan(path, bytes);
    assert!(
        found.problems.iter().any(|problem| problem.kind == kind
            && problem.subject == subject
            && problem.detail.contains(detail)),
        "{detail}: {:?}",
        found.problems.iter().take(5).collect::<Vec<_>>()
    );
}

#[test]
fn two_hundred_archives_in_each_other() {
    for method in [Stored, Deflated] {
        let mut bytes = library("g.h", "deepest", "1");
        for level in (0..200).rev() {
            let (name, content) = pom("g.h", "level", &level.to_string());
            bytes = jar(method, &[("i.jar", &bytes), (&name, &content)]);
        }
        let found = scan("o.jar", &bytes);
        assert_eq!(found.packages.len(), 64);
        assert!(names(&found).contains(&"g.h:level@63".to_owned()));
        assert_eq!(found.problems.len(), 1);
        assert_eq!(found.problems[0].kind, ProblemKind::LimitExceeded);
        assert!(found.problems[0].detail.contains("more than 64 archives deep"));
    }
}

#[test]
fn names_never_leave_the_archive() {
    let bytes = jar(Deflated, &[("../../../etc/a-1.jar", &library("g.h", "a", "1"))]);
    assert_eq!(
        scan("opt/x/y.jar", &bytes).packages[0].locations[0].path.to_string(),
        "opt/x/y.jar!/etc/a-1.jar"
    );
    let long = format!("{}.jar", "d/".repeat(4000));
    let bytes = jar(Deflated, &[(&long, &library("g.h", "a", "1"))]);
    check_problem("y.jar", &bytes, ProblemKind::LimitExceeded, "y.jar", "path longer than");
}

#[test]
fn bombs_are_stopped() {
    // 700 MiB of zeros, thousand to one.
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("bomb.jar", SimpleFileOptions::default()).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..700 {
        writer.write_all(&zeros).unwrap();
    }
    let (name, content) = pom("g.h", "after", "1");
    writer.start_file(name, SimpleFileOptions::default()).unwrap();
    writer.write_all(&content).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    check_problem("b.jar", &bytes, ProblemKind::LimitExceeded, "b.jar!/bomb.jar", "larger than 512 MiB");
    assert_eq!(names(&scan("b.jar", &bytes)), ["g.h:after@1"]);
    // pom.properties that is one endless line.
    let bytes = jar(Deflated, &[("META-INF/maven/a/b/pom.properties", &vec![b'a'; 1 << 20])]);
    check_problem(
        "b.jar",
        &bytes,
        ProblemKind::LimitExceeded,
        "b.jar!/META-INF/maven/a/b/pom.properties",
        "larger than is read",
    );
}

/// One inner archive of 32 MiB, named by a thousand entries of the directory.
#[test]
fn overlapping_entries_are_paid_for_each_time() {
    let inner = jar(Deflated, &[("zeros", &vec![0; 32 << 20])]);
    let inner = jar(Stored, &[("pad", &vec![0; 32 << 20]), ("x", &inner)]);
    let whole = jar(Deflated, &[("i.jar", &inner)]);
    let end = whole.len() - 22;
    let start = u32::from_le_bytes(whole[end + 16..end + 20].try_into().unwrap()) as usize;
    let entry = &whole[start..end];
    let mut bytes = whole[..start].to_vec();
    for _ in 0..1000 {
        bytes.extend_from_slice(entry);
    }
    let mut record = whole[end..].to_vec();
    record[8..10].copy_from_slice(&1000_u16.to_le_bytes());
    record[10..12].copy_from_slice(&1000_u16.to_le_bytes());
    record[12..16].copy_from_slice(&u32::try_from(entry.len() * 1000).unwrap().to_le_bytes());
    bytes.extend(record);
    check_problem("b.jar", &bytes, ProblemKind::LimitExceeded, "b.jar!/i.jar", "larger than 2 GiB together");
}

#[test]
fn countless_broken_parts_are_counted() {
    let long = format!("{}/x.jar", "d".repeat(3000));
    let names: Vec<String> = (0..3000).map(|n| format!("{n}{long}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"no zip"[..])).collect();
    let found = scan("b.jar", &jar(Stored, &files));
    assert_eq!(found.problems.len(), 1001);
    assert_eq!(found.problems[1000].kind, ProblemKind::LimitExceeded);
    let (_, content) = pom("g.h", "a", "1");
    let names: Vec<String> = (0..30_000).map(|n| format!("{n}/pom.properties")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), content.as_slice())).collect();
    check_problem(
        "b.jar",
        &jar(Stored, &files),
        ProblemKind::LimitExceeded,
        "b.jar",
        "more than 20000 packages",
    );
}

#[test]
fn files_that_are_no_archives() {
    check_problem("a.jar", b"", ProblemKind::Truncated, "a.jar", "cut off");
    check_problem(
        "a.war",
        b"version https://git-lfs.github.com/spec/v1\n",
        ProblemKind::Truncated,
        "a.war",
        "cut off",
    );
    // Other programs use these endings.
    assert_eq!(scan("a.nar", b"\x0d\0\0\0\0\0\0\0nix-archive-1\0\0\0"), Extraction::default());
    assert_eq!(names(&scan("a.nar", &library("g.h", "a", "1"))), ["g.h:a@1"]);
    let outer = jar(Deflated, &[("x.rar", b"Rar!"), ("y.jar", b"no")]);
    assert_eq!(scan("a.jar", &outer).problems.len(), 1);
}

#[test]
fn cut_off_archives_give_what_is_whole() {
    let inner = library("g.h", "inner", "1");
    let (name, content) = pom("g.h", "a", "1");
    let bytes = jar(Deflated, &[(&name, &content), ("i.jar", &inner), ("rest", &[7; 400])]);
    let mut seen = 0;
    for length in 0..bytes.len() {
        let found = scan("a-1.jar", &bytes[..length]);
        assert!(!found.problems.is_empty(), "{length}");
        seen = seen.max(found.packages.len());
    }
    assert_eq!(seen, 2, "the last cuts leave both entries whole");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        scan("a.jar", &bytes);
    }

    #[test]
    fn changed_archives_never_panic(stored: bool, changes in proptest::collection::vec((0_usize..2500, any::<u8>()), 1..12), cut in 0_usize..2500) {
        let method = if stored { Stored } else { Deflated };
        let inner = jar(method, &[("b.jar", &library("g.h", "b", "1")), ("META-INF/MANIFEST.MF", b"Bundle-Version: 1\n")]);
        let mut bytes = jar(method, &[("a.jar", &inner), ("c.jar", &library("g.h", "c", "2"))]);
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        scan("a.jar", &bytes);
        bytes.truncate(cut);
        scan("a.jar", &bytes);
    }

    #[test]
    fn hostile_manifests_and_properties_never_panic(text in "[\\PC\n\r =:#\\\\u]{0,200}", name in "[a-z0-9.-]{0,30}\\.jar") {
        let bytes = jar(Stored, &[("META-INF/MANIFEST.MF", text.as_bytes()), ("pom.properties", text.as_bytes()), ("A.class", b"")]);
        scan(&name, &bytes);
    }
}

/// A class with one text constant.
fn class_of(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    [&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52, 0, 2, 1], &length[..], text.as_bytes(), &[0; 8]].concat()
}

fn check_classes(path: &str, files: &[(&str, &[u8])], expected: &[(&str, &str, Option<&str>)]) {
    let found = scan(path, &jar(Deflated, files));
    let got: Vec<_> = found
        .packages
        .iter()
        .map(|package| (package.name.as_str(), package.version.as_str(), property(package, "confidence")))
        .collect();
    assert_eq!(got, expected, "{path}");
    assert_eq!(found.problems, [], "{path}");
}

#[test]
fn libraries_that_left_only_their_classes() {
    const LOG4J: &str = "org.apache.logging.log4j:log4j-core";
    const DATABIND: &str = "com.fasterxml.jackson.core:jackson-databind";
    const LOOKUP: &str = "org/apache/logging/log4j/core/lookup/JndiLookup.class";
    let manifest: &[u8] = b"Manifest-Version: 1.0\nImplementation-Version: 4.2\n";
    let app = ("com/example/Main.class", &b"\xca\xfe\xba\xbe"[..]);
    // Packed into an application: the version of the application is not the library's.
    check_classes(
        "opt/app-4.2.jar",
        &[("META-INF/MANIFEST.MF", manifest), app, (LOOKUP, b"")],
        &[("app", "4.2", None), (LOG4J, "", Some("low"))],
    );
    // Moved below another name; one says its version.
    let databind = class_of("2.9.8");
    let moved = ("hidden/com/fasterxml/jackson/databind/cfg/PackageVersion.class", &databind[..]);
    check_classes("opt/app.jar", &[app, moved], &[("app", "", None), (DATABIND, "2.9.8", Some("medium"))]);
    // Alone, and the file or the manifest knows the version.
    check_classes("opt/log4j-core-2.14.1.jar", &[(LOOKUP, b"")], &[(LOG4J, "2.14.1", Some("medium"))]);
    check_classes(
        "opt/logging.jar",
        &[("META-INF/MANIFEST.MF", b"Implementation-Version: 2.14.1\n"), (LOOKUP, b"")],
        &[(LOG4J, "2.14.1", Some("medium"))],
    );
    // Named by its metadata already.
    let (name, content) = pom("org.apache.logging.log4j", "log4j-core", "2.17.1");
    check_classes("opt/x.jar", &[(&name, &content), app, (LOOKUP, b"")], &[(LOG4J, "2.17.1", None)]);
    // A name that only ends alike is another class.
    check_classes("opt/x.jar", &[("my-org/yaml/snakeyaml/Yaml.class", b"")], &[("x", "", None)]);
    // Not a version, a damaged class, a file of properties: what is there is told all the same.
    for content in [&class_of("unknown")[..], b"\xca\xfe\xba\xbe", b""] {
        let files = [app, ("a/com/alibaba/fastjson/JSON.class", content)];
        check_classes("opt/app.jar", &files, &[("app", "", None), ("com.alibaba:fastjson", "", Some("low"))]);
    }
    check_classes(
        "opt/tomcat/lib/catalina.jar",
        &[
            (
                "META-INF/MANIFEST.MF",
                b"Implementation-Title: Apache Tomcat\nImplementation-Version: 9.0.65\n",
            ),
            ("org/apache/catalina/util/ServerInfo.class", b""),
            ("org/apache/catalina/util/ServerInfo.properties", b"server.info=Apache Tomcat/9.0.65\n"),
            ("org/apache/naming/Constants.class", b""),
        ],
        &[("org.apache.tomcat:tomcat-catalina", "9.0.65", Some("medium"))],
    );
}

#[test]
fn a_class_named_many_times_is_one_library() {
    let names: Vec<String> =
        (0..2000).map(|number| format!("v{number}/com/alibaba/fastjson/JSON.class")).collect();
    let class = class_of("1.2.24");
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &class[..])).collect();
    let found = scan("opt/app.jar", &jar(Stored, &files));
    assert_eq!(names_of_shaded(&found), ["com.alibaba:fastjson@1.2.24"]);
}

fn names_of_shaded(found: &Extraction) -> Vec<String> {
    names(found).into_iter().filter(|name| name.contains(':')).collect()
}
