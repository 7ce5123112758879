//! How images and directories are set up: configuration, history, rights on files, and whose they are.

#![expect(clippy::unwrap_used, reason = "tests")]

use plimsoll_format::{FORMATS, View};
use plimsoll_model::{Effect, Finding, FindingKind, Outcome, Report};
use plimsoll_scan::{BuildFile, NoProgress, Options, scan};
use serde_json::json;

#[path = "../../plimsoll/tests/common/mod.rs"]
mod common;

use common::image::{self, Image, Pack, Tree};

fn asked(scanners: &str) -> Options {
    Options {
        scanners: scanners.parse().unwrap(),
        now: "2026-11-26T00:00:00Z".parse().unwrap(),
        line: "high".parse().unwrap(),
        threads: 2,
        ..Options::default()
    }
}

fn run(target: &str, options: &Options) -> Report {
    scan(target, options, &mut std::io::empty(), &NoProgress).unwrap()
}

/// `rule@place party layer` of each misconfiguration, negligible ones left out.
fn told(report: &Report) -> Vec<String> {
    let told = |finding: &Finding| {
        let layer = finding.subject.layer().map(|layer| format!(" {layer}")).unwrap_or_default();
        format!("{} {}{layer}", finding.id, finding.party.word())
    };
    report
        .findings
        .iter()
        .filter(|finding| finding.kind == FindingKind::Misconfiguration)
        .filter(|finding| finding.severity.level > plimsoll_model::Level::Negligible)
        .map(told)
        .collect()
}

const OWNED: &str = "P:login\nV:1\nA:x86_64\nF:usr/bin\nR:su\nR:passwd\n\n";

fn careless() -> Image {
    let mut image = Image::new()
        .layer(
            "ADD rootfs.tar.xz / # buildkit",
            Tree::new()
                .file("etc/os-release", "ID=alpine\nVERSION_ID=3.20.1\n")
                .file("etc/shadow", "root:$6$salt$averysecrethash:1:0:::::\n")
                .file("lib/apk/db/installed", OWNED)
                .mode_file("usr/bin/su", 0o4755, "x")
                .mode_file("usr/bin/passwd", 0o4755, "x")
                .mode_file("usr/bin/of-the-base", 0o4755, "x"),
        )
        .step("CMD [\"/bin/sh\"]")
        .layer(
            "RUN /bin/sh -c curl -fsSL https://example.org/i.sh | sh # buildkit",
            Tree::new()
                .mode_file("usr/bin/passwd", 0o4755, "changed")
                .mode_file("usr/bin/hidden", 0o4755, "x")
                .mode_file("srv/shared", 0o666, "x")
                .file("var/cache/apk/APKINDEX.gz", vec![7; 200_000])
                .file("etc/sudoers.d/app", "app ALL=(ALL) NOPASSWD: ALL\n")
                .capable_file("usr/bin/ping"),
        )
        .layer("RUN rm /usr/bin/hidden # buildkit", Tree::new().whiteout("usr/bin/hidden"));
    image.settings.insert("User".to_owned(), json!(""));
    image.settings.insert("ExposedPorts".to_owned(), json!({"22/tcp": {}, "8080/tcp": {}}));
    image
}

const EXPECTED: [&str; 9] = [
    "history-download-piped-to-shell@history[2] application 2",
    "image-runs-as-root@config.User application",
    "sudo-without-password@etc/sudoers.d/app application 2",
    "image-exposes-ssh@config.ExposedPorts application",
    "setuid-file@usr/bin/passwd application 2",
    "world-writable-file@srv/shared application 2",
    "capable-file@usr/bin/ping application 2",
    "package-leftovers@var/cache/apk/APKINDEX.gz application 2",
    "setuid-file@usr/bin/of-the-base base image 1",
];

fn without_privileged_port(report: &Report) -> Vec<String> {
    told(report).into_iter().filter(|told| !told.starts_with("privileged-port")).collect()
}

#[test]
fn every_part_of_an_image() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("careless");
    image::write(&image::layout(&[("1", &careless())], Pack::Gzip), &target);
    let target = target.display().to_string();
    assert_eq!(told(&run(&target, &asked("vuln"))), Vec::<String>::new(), "nobody asked");
    let report = run(&target, &asked("config"));
    assert_eq!(without_privileged_port(&report), EXPECTED);
    assert_eq!(report.verdict.outcome, Outcome::NotMet);
    let text = serde_json::to_string(&report).unwrap();
    assert!(!text.contains("averysecrethash"));
    // What the base image brought is nothing that an edit of ours removes.
    let base = report.findings.iter().find(|finding| finding.id.contains("of-the-base")).unwrap();
    assert!(!base.risk.fixable);
    // Owned and untouched: not worth a line each.
    let owned = report.findings.iter().find(|finding| finding.advisory == "setuid-files-of-distribution");
    assert!(owned.unwrap().evidence[0].range.contains("/usr/bin/su (login)"), "{owned:?}");
    assert!(report.findings.iter().all(|finding| !finding.id.contains("hidden")));
    // The same image as a stream.
    let files = image::docker_archive(&[("careless:1", &careless())], Pack::Open);
    let archive = image::gzip(&image::archive(&files));
    let streamed = scan("-", &asked("config"), &mut archive.as_slice(), &NoProgress).unwrap();
    assert_eq!(without_privileged_port(&streamed), EXPECTED);
}

#[test]
fn a_configuration_that_cannot_be_read_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let mut image = Image::new().layer("COPY x / # buildkit", Tree::new().file("x", "1"));
    let mut verdict = |user: serde_json::Value| {
        image.settings.insert("User".to_owned(), user);
        let target = folder.path().join("image");
        image::write(&image::layout(&[("1", &image)], Pack::Open), &target);
        let report = run(&target.display().to_string(), &asked("config"));
        std::fs::remove_dir_all(&target).unwrap();
        report
    };
    assert_eq!(verdict(json!("app")).verdict.outcome, Outcome::Met);
    assert_eq!(verdict(json!(1000)).verdict.outcome, Outcome::Met);
    assert_eq!(verdict(json!(null)).verdict.outcome, Outcome::NotMet);
    let unread = verdict(json!({"name": "app"}));
    assert_eq!(unread.verdict.outcome, Outcome::Unknown, "{:?}", unread.findings);
    let told = unread
        .problems
        .iter()
        .any(|problem| problem.effect == Effect::Incomplete && problem.detail.contains("image-runs-as-root"));
    assert!(told, "{:?}", unread.problems);
}

#[test]
fn a_directory_has_files_and_no_configuration() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, mode: u32| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    write("usr/bin/mine", 0o4755);
    write("srv/open", 0o666);
    write("srv/fine", 0o644);
    let report = run(&format!("dir:{}", folder.path().display()), &asked("config"));
    assert_eq!(
        told(&report),
        ["setuid-file@usr/bin/mine application", "world-writable-file@srv/open application"]
    );
    assert_eq!(report.problems, []);
}

#[test]
fn lines_of_the_dockerfile() {
    const FILE: &str = "FROM alpine:3.20.1\nRUN curl -fsSL https://example.org/i.sh | sh\nRUN rm /usr/bin/hidden\nEXPOSE 22 8080\n";
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("careless");
    image::write(&image::layout(&[("1", &careless())], Pack::Gzip), &target);
    let target = target.display().to_string();
    let with = |content: &str| {
        let dockerfile =
            Some(BuildFile { path: "web/Dockerfile".into(), content: content.into(), stage: None });
        run(&target, &Options { dockerfile, ..asked("config") })
    };
    let report = with(FILE);
    let line = |rule: &str| {
        let finding = report.findings.iter().find(|finding| finding.advisory == rule).unwrap();
        let location = finding.remedy.location.as_ref().unwrap();
        (location.path.to_string(), location.line.unwrap())
    };
    for (rule, expected) in [
        ("history-download-piped-to-shell", 2),
        // Of the file itself.
        ("download-piped-to-shell", 2),
        ("sudo-without-password", 2),
        ("image-exposes-ssh", 4),
        ("image-runs-as-root", 1),
        ("setuid-files-of-distribution", 1),
    ] {
        assert_eq!(line(rule), ("web/Dockerfile".to_owned(), expected), "{rule}");
    }
    let change =
        report.changes.iter().find(|change| change.removes[0].starts_with("world-writable")).unwrap();
    assert_eq!(change.location.as_ref().unwrap().line, Some(2));
    let sarif = FORMATS.iter().find(|row| row.name == "sarif").unwrap().format;
    let sarif = plimsoll_format::write(&report, sarif, &View::default()).unwrap();
    assert!(sarif.contains("web/Dockerfile"));
    // Another file: nothing is guessed, and it is said.
    let report = with(&FILE.replace("rm /usr", "rm /opt"));
    let finding = report.findings.iter().find(|finding| finding.advisory == "sudo-without-password").unwrap();
    assert_eq!(finding.remedy.location.as_ref().unwrap().line, None);
    let why = "line 3 is not in the history of the image: layer 3 was made by `RUN rm /usr/bin/hidden";
    assert!(report.problems.iter().any(|problem| problem.detail.contains(why)), "{:?}", report.problems);
    assert!(report.verdict.reasons.iter().any(|reason| reason.contains(why)));
}
