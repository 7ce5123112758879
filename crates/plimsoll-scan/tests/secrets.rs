//! Secrets in directories and images: found wherever they lie, whose they are, and shown by no format.

#![expect(clippy::unwrap_used, reason = "tests")]

use plimsoll_format::{FORMATS, View};
use plimsoll_model::{Effect, Finding, FindingKind, Outcome, Party, Report, Subject};
use plimsoll_scan::exceptions::Exceptions;
use plimsoll_scan::{NoProgress, Options, scan};

#[path = "../../plimsoll/tests/common/mod.rs"]
mod common;

use common::image::{self, Image, Pack, Tree};

/// Put together here, so that nothing in this file looks like a secret itself.
fn key(tail: &str) -> String {
    ["q8Vw2Zk5", "Nc7RtY1b", "Lm4PxJ9d", "Hs6GfA3u", tail].concat()
}

fn assigned(tail: &str) -> String {
    format!("aws_secret_{}={}\n", "access_key", key(tail))
}

fn asked(scanners: &str) -> Options {
    Options {
        scanners: scanners.parse().unwrap(),
        now: "2026-11-26T00:00:00Z".parse().unwrap(),
        threads: 2,
        ..Options::default()
    }
}

fn run(target: &str, options: &Options) -> Report {
    scan(target, options, &mut std::io::empty(), &NoProgress).unwrap()
}

fn secrets(report: &Report) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.kind == FindingKind::Secret).collect()
}

fn in_no_format(report: &Report, secret: &str) {
    let mut written = 0;
    for row in FORMATS {
        for all in [false, true] {
            let Ok(text) = plimsoll_format::write(report, row.format, &View { all, ..View::default() })
            else {
                continue;
            };
            written += 1;
            assert!(!text.contains(secret), "{} shows the secret", row.name);
        }
    }
    assert!(written > 10);
}

/// An image whose secrets lie in every place that an image has. The base's layer is the lowest.
fn leaky() -> Image {
    let mut image = Image::new()
        .layer(
            "ADD rootfs.tar.xz / # buildkit",
            Tree::new()
                .file("etc/os-release", "ID=alpine\nVERSION_ID=3.20.1\n")
                .file(
                    "lib/apk/db/installed",
                    "P:owner\nV:1\nA:x86_64\nF:usr/share/owner\nR:a.conf\nR:b.conf\n\n",
                )
                .file("usr/share/owner/a.conf", assigned("00000001"))
                .file("usr/share/owner/b.conf", "nothing")
                .file("etc/base.conf", assigned("0baseAAA")),
        )
        .step("CMD [\"/bin/sh\"]")
        .step(&format!("ENV TOKEN_FILE=/x {}", assigned("00000env").trim()))
        .layer(
            "COPY . /srv # buildkit",
            Tree::new()
                .file("srv/settings.ini", format!("[a]\n{}", assigned("settings")))
                .file("srv/removed.ini", assigned("1removed"))
                .file("srv/overwritten.ini", assigned("overwrit"))
                .file("usr/share/owner/b.conf", assigned("2changed"))
                .file("srv/node_modules/x/test/key.ini", assigned("testdata"))
                .file("srv/node_modules/x/key.ini", assigned("nodemodu")),
        )
        .layer(
            &format!("RUN {} make", assigned("inhistor").trim()),
            Tree::new().whiteout("srv/removed.ini").file("srv/overwritten.ini", "a = 1\n"),
        );
    image.env = vec!["PATH=/bin".to_owned(), assigned("00000env").trim().to_owned()];
    image.labels.insert("note".to_owned(), assigned("00label0").trim().to_owned());
    image.command = vec!["/srv/run".to_owned(), assigned("command0").trim().to_owned()];
    image
}

fn layout(image: &Image) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    image::write(&image::layout(&[("1", image)], Pack::Gzip), &folder.path().join("leaky"));
    let target = folder.path().join("leaky").display().to_string();
    (folder, target)
}

#[test]
fn a_secret_in_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("settings.ini"), format!("[a]\n{}", assigned("E0oTiB2C"))).unwrap();
    let target = format!("dir:{}", folder.path().display());
    assert!(run(&target, &Options::default()).findings.is_empty(), "nobody asked for secrets");
    let report = run(&target, &asked("secret"));
    let [finding] = secrets(&report)[..] else { panic!("{:?}", report.findings) };
    assert_eq!(finding.id, "aws-secret-access-key@settings.ini:2");
    assert_eq!(report.verdict.outcome, Outcome::NotMet);
    let start = "revoke the AWS secret access key (";
    assert!(finding.remedy.action.starts_with(start), "{}", finding.remedy.action);
    assert_eq!(finding.remedy.location.as_ref().unwrap().line, Some(2));
    assert_eq!(finding.party, Party::Application(None));
    in_no_format(&report, &key("E0oTiB2C"));
}

#[test]
fn a_directory_without_secrets_is_met_when_only_secrets_were_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "nothing\n").unwrap();
    let report = run(&format!("dir:{}", folder.path().display()), &asked("secret"));
    assert_eq!(report.verdict.outcome, Outcome::Met, "{:?}", report.verdict);
}

#[test]
fn every_place_of_an_image() {
    let (_folder, target) = layout(&leaky());
    let report = run(&target, &asked("vuln,secret"));
    let rule = "aws-secret-access-key";
    let told: Vec<(String, &str, Option<u32>, bool)> = secrets(&report)
        .into_iter()
        .map(|finding| {
            (
                finding.id.replace(&format!("{rule}@"), ""),
                finding.party.word(),
                finding.subject.layer(),
                finding.suppressed_by.is_some(),
            )
        })
        .collect();
    let expected = [
        ("config.Cmd", "application", None, false),
        ("config.Env[aws_secret_access_key]", "application", None, false),
        ("config.Labels[note]", "application", None, false),
        ("etc/base.conf:1", "base image", Some(1), false),
        ("history[4]", "application", Some(3), false),
        ("srv/node_modules/x/key.ini:1", "application", Some(2), false),
        ("srv/overwritten.ini:1 (layer 2)", "application", Some(2), false),
        ("srv/removed.ini:1 (layer 2)", "application", Some(2), false),
        ("srv/settings.ini:2", "application", Some(2), false),
        ("usr/share/owner/b.conf:1", "application", Some(2), false),
        ("srv/node_modules/x/test/key.ini:1", "nobody", Some(2), true),
        ("usr/share/owner/a.conf:1", "nobody", Some(1), true),
    ]
    .map(|(id, party, layer, suppressed)| (id.to_owned(), party, layer, suppressed));
    assert_eq!(told, expected);
    let removed = secrets(&report).into_iter().find(|finding| finding.id.contains("removed")).unwrap();
    assert_eq!(removed.title, "AWS secret access key, still in layer 2 although layer 3 removes the file");
    // The environment and the step that wrote it are one secret.
    let env = secrets(&report).into_iter().find(|finding| finding.id.contains("config.Env")).unwrap();
    let places: Vec<&str> = env.evidence.iter().map(|evidence| evidence.compared.as_str()).collect();
    assert_eq!(places, ["config.Env[aws_secret_access_key]", "history[2]"]);
    for tail in ["00000001", "0baseAAA", "00000env", "settings", "1removed", "inhistor", "command0"] {
        in_no_format(&report, &key(tail));
    }
}

/// The report repeats commands of the history: they are redacted even when nobody looks for secrets.
#[test]
fn the_history_in_a_report_is_always_redacted() {
    let mut image = leaky();
    // The explanation of the base's boundary repeats the step that starts its program.
    image.history[1].0 = format!("CMD [\"{}\"]", assigned("program0").trim());
    let (_folder, target) = layout(&image);
    for scanners in ["vuln", "secret", "vuln,secret"] {
        let report = run(&target, &asked(scanners));
        assert_eq!(report.target.layers[2].created_by.as_deref(), Some("RUN aws_secret_access_key=*** make"));
        let base = report.target.base.as_ref().unwrap();
        assert!(base.explanation.contains("***"), "{}", base.explanation);
        for tail in ["inhistor", "00000env", "program0"] {
            in_no_format(&report, &key(tail));
        }
        let inventory = Options { inventory_only: true, ..asked(scanners) };
        in_no_format(&run(&target, &inventory), &key("inhistor"));
    }
    let plain = run(&target, &asked("vuln"));
    assert!(secrets(&plain).is_empty());
}

#[test]
fn every_form_of_an_image_tells_the_same() {
    let image = leaky();
    let (folder, target) = layout(&image);
    let files = image::layout(&[("1", &image)], Pack::Open);
    let archive = folder.path().join("leaky.tar");
    std::fs::write(&archive, image::archive(&files)).unwrap();
    let packed = folder.path().join("leaky.tar.gz");
    std::fs::write(&packed, image::gzip(&image::archive(&files))).unwrap();
    let ids = |target: &str| -> Vec<String> {
        secrets(&run(target, &asked("secret"))).iter().map(|finding| finding.id.clone()).collect()
    };
    let expected = ids(&target);
    assert_eq!(expected.len(), 12);
    assert_eq!(ids(&archive.display().to_string()), expected);
    assert_eq!(ids(&packed.display().to_string()), expected);
}

#[test]
fn exceptions_accept_a_secret_by_rule_and_path() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.ini", "b.ini"] {
        std::fs::write(folder.path().join(name), assigned("E0oTiB2C")).unwrap();
    }
    let target = format!("dir:{}", folder.path().display());
    for (entry, accepted) in [
        ("id: aws-secret-access-key", vec!["a.ini", "b.ini"]),
        ("id: aws-secret-access-key\n  path: a.ini", vec!["a.ini"]),
        ("id: aws-secret-access-key\n  path: '*.txt'", vec![]),
        ("id: aws-secret-access-key\n  package: a.ini", vec![]),
        ("id: aws-secret-access-key@b.ini:1", vec!["b.ini"]),
        ("id: stripe-live-key", vec![]),
    ] {
        let text = format!("exception:\n- {entry}\n  reason: revoked\n");
        let exceptions = Exceptions::parse("accepted.yaml", &text).unwrap();
        let report = run(&target, &Options { exceptions, ..asked("secret") });
        let mut names: Vec<String> = secrets(&report)
            .into_iter()
            .filter(|finding| finding.suppressed_by.is_some())
            .map(|finding| finding.subject.name().into_owned())
            .collect();
        names.sort();
        assert_eq!(names, accepted, "{entry}");
        let outcome = if accepted.len() == 2 { Outcome::Met } else { Outcome::NotMet };
        assert_eq!(report.verdict.outcome, outcome, "{entry}");
    }
}

#[test]
fn what_was_not_looked_through_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "line\n".repeat(2_000_000).into_bytes();
    text.extend(assigned("E0oTiB2C").into_bytes());
    std::fs::write(folder.path().join("large.txt"), &text).unwrap();
    let report = run(&format!("dir:{}", folder.path().display()), &asked("secret"));
    assert_eq!(report.verdict.outcome, Outcome::Unknown);
    let [problem] = &report.problems[..] else { panic!("{:?}", report.problems) };
    assert_eq!((problem.subject.as_str(), problem.effect), ("large.txt", Effect::Incomplete));
}

#[test]
fn an_sbom_has_no_files_to_look_through() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    std::fs::write(&path, r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}"#).unwrap();
    let report = run(&format!("sbom:{}", path.display()), &asked("secret"));
    assert_eq!(report.verdict.outcome, Outcome::Unknown);
    assert!(report.problems.iter().any(|problem| problem.detail.contains("secrets")));
}

/// What official images set in their environment, and what a directory has twice under two names.
#[test]
fn nothing_where_nothing_is() {
    let mut image = Image::new().layer(
        "ADD rootfs.tar / ",
        Tree::new().file("srv/a", "x").file("srv/binary", b"\0\x01aws_secret_access_key=".as_slice()),
    );
    image.env = [
        "PATH=/usr/local/bin:/usr/bin",
        "GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D",
        "PYTHON_SHA256=8d4c5a8c0b0f2d2b3d6b9a1a4b3a9a2c7b0c6a1e5f4d3c2b1a0f9e8d7c6b5a49",
        "GPG_KEYS=1198C0117593497A5EC5C199286AF1F9897469DC C28D937575603EB4ABB725861C0779DC5C0A9DE4",
        "PHP_SHA256=e54f9f8a5f5e0a8e9b1f5b1f0bb4e3b1c1a1f8f3b6d1c2c9d8e7f6a5b4c3d2e1",
        "JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStorePassword=changeit",
        "POSTGRES_PASSWORD_FILE=/run/secrets/password",
        "NPM_CONFIG_CACHE=/tmp/.npm",
    ]
    .map(str::to_owned)
    .to_vec();
    let (_folder, target) = layout(&image);
    let report = run(&target, &asked("secret"));
    assert_eq!(secrets(&report), Vec::<&Finding>::new());
    assert!(report.findings.iter().all(|finding| matches!(finding.subject, Subject::Package(_))));
}
