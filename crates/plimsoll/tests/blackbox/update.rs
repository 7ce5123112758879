//! `plimsoll db update`: from hosts that have what the real ones have, and from those that misbehave.

use std::process::Stdio;
use std::time::{Duration, Instant};

use plimsoll_advisory::{Database, verify};
use serde_json::{Value, json};

use super::common::feeds;
use super::common::upstream::{
    ALPINE, AMAZON, ARCH, BOTTLEROCKET, DEBIAN, EPSS, Fault, KEV, ORACLE, OSV, RED_HAT, Upstreams, gzipped,
    zipped,
};
use super::{Place, Run};

/// The sources of [`upstreams`].
const SOURCES: [&str; 8] = ["npm", "PyPI", "Maven", "kev", "epss", "debian", "alpine", "redhat"];

/// Small feeds in the layouts of their upstreams.
pub(super) fn upstreams() -> Upstreams {
    let upstreams = Upstreams::start();
    upstreams.put(&format!("{OSV}/ecosystems.txt"), "Maven\nPyPI\nnpm\n");
    for ecosystem in ["npm", "PyPI", "Maven"] {
        export(&upstreams, ecosystem, &records_of(ecosystem));
    }
    let folder = tempfile::tempdir().unwrap();
    feeds::write(folder.path());
    let read = |path: &str| std::fs::read(folder.path().join(path)).unwrap();
    upstreams.put(KEV, read("kev/known_exploited_vulnerabilities.json"));
    upstreams.put(EPSS, gzipped(&read("epss/epss_scores-2026-11-22.csv")));
    upstreams.put(DEBIAN, debian("3.0.11-1~deb12u2"));
    for repository in ["main", "community"] {
        for release in ["edge", "v3.22"] {
            upstreams.put(&format!("{ALPINE}/{release}/{repository}.json"), alpine(release, "1.2.3-r1"));
        }
    }
    upstreams.put(&format!("{RED_HAT}/archive_latest.txt"), "csaf_vex_2026-11-21.tar.zst\n");
    let documents = [
        ("2024/cve-2024-0001.json", vex("CVE-2024-0001", "1.0-1.el9")),
        ("2024/cve-2024-0002.json", vex("CVE-2024-0002", "1.0-1.el9")),
    ];
    upstreams.put(&format!("{RED_HAT}/csaf_vex_2026-11-21.tar.zst"), archive(&documents));
    upstreams.put(
        &format!("{RED_HAT}/changes.csv"),
        "\"2024/cve-2024-0002.json\",\"2026-11-20T10:00:00+00:00\"\n\"2024/cve-2024-0001.json\",\"2026-11-19T10:00:00+00:00\"\n",
    );
    upstreams.put(
        &format!("{RED_HAT}/deletions.csv"),
        "\"2019/cve-2019-9999.json\",\"2026-01-01T00:00:00+00:00\"\n",
    );
    upstreams
}

fn records_of(ecosystem: &str) -> Vec<Value> {
    let records = feeds::records().into_iter().filter(|(name, _)| *name == ecosystem);
    records
        .enumerate()
        .map(|(second, (_, mut record))| {
            record["modified"] = json!(format!("2026-11-20T00:00:0{second}Z"));
            record
        })
        .collect()
}

/// A folder of OSV.dev's export: the archive, each record, and the list of changes, the newest first.
fn export(upstreams: &Upstreams, ecosystem: &str, records: &[Value]) {
    let name = |record: &Value| format!("{}.json", record["id"].as_str().unwrap());
    let members: Vec<_> =
        records.iter().map(|record| (name(record), record.to_string().into_bytes())).collect();
    upstreams.put(&format!("{OSV}/{ecosystem}/all.zip"), zipped(&members));
    let mut lines = Vec::new();
    for record in records {
        upstreams.put(&format!("{OSV}/{ecosystem}/{}", name(record)), record.to_string());
        lines.push(format!("{},{}\n", record["modified"].as_str().unwrap(), record["id"].as_str().unwrap()));
    }
    lines.sort();
    lines.reverse();
    upstreams.put(&format!("{OSV}/{ecosystem}/modified_id.csv"), lines.concat());
}

fn debian(fixed: &str) -> String {
    let flaw = |fixed: &str| {
        json!({
            "description": "a flaw made for tests",
            "scope": "local",
            "releases": { "bookworm": {
                "status": "resolved", "repositories": { "bookworm": fixed }, "fixed_version": fixed,
                "urgency": "not yet assigned"
            } }
        })
    };
    let mut packages = json!({ "sealib": { "CVE-2099-0001": flaw(fixed) } });
    // A distribution publishes about many packages; one with a handful counts as not covered.
    for number in 0..20 {
        packages[format!("elsewhere-{number}")] = json!({ format!("CVE-2099-9{number:03}"): flaw("1.0-1") });
    }
    packages.to_string()
}

fn alpine(release: &str, fixed: &str) -> String {
    json!({
        "distroversion": release, "reponame": "main", "urlprefix": "https://dl-cdn.alpinelinux.org/alpine",
        "packages": [{ "pkg": { "name": "busybox", "secfixes": { fixed: ["CVE-2099-0100"] } } }],
    })
    .to_string()
}

/// A VEX document in Red Hat's form: `p` of RHEL 9 is fixed in this version.
fn vex(cve: &str, fixed: &str) -> String {
    json!({
        "document": { "title": "T", "publisher": { "namespace": "https://www.redhat.com" },
            "tracking": { "id": cve, "status": "final", "current_release_date": "2026-11-19T00:00:00+00:00" } },
        "product_tree": {
            "branches": [{ "branches": [
                { "product": { "product_id": "RHEL9", "product_identification_helper": { "cpe": "cpe:/o:redhat:enterprise_linux:9::baseos" } } },
                { "product": { "product_id": "p", "product_identification_helper": { "purl": format!("pkg:rpm/redhat/p@{fixed}?arch=x86_64") } } },
            ] }],
            "relationships": [{ "full_product_name": { "product_id": "RHEL9:p" }, "product_reference": "p", "relates_to_product_reference": "RHEL9" }],
        },
        "vulnerabilities": [{ "cve": cve, "product_status": { "fixed": ["RHEL9:p"] } }],
    })
    .to_string()
}

fn archive(documents: &[(&str, String)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in documents {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    zstd::encode_all(builder.into_inner().unwrap().as_slice(), 3).unwrap()
}

/// `db update --db db` from the server.
fn update(place: &Place, upstreams: &Upstreams, more: &[&str]) -> Run {
    let base = upstreams.base();
    let mut arguments = vec!["db", "update", "--db", "db", "--feed-mirror", &base];
    arguments.extend(more);
    place.run(&arguments)
}

fn named(sources: &[&'static str]) -> Vec<&'static str> {
    sources.iter().flat_map(|source| ["--source", source]).collect()
}

/// What one of our own sources holds about a flaw.
fn explained(place: &Place, id: &str) -> String {
    place.run(&["explain", id, "--db", "db"]).stdout
}

fn digest(place: &Place) -> String {
    verify(&place.path("db")).unwrap().digest.unwrap().to_string()
}

/// Nothing that was in the making is left.
fn is_tidy(place: &Place) {
    for folder in [place.folder.path().to_owned(), place.path("db.feeds")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.starts_with(".new-") && !name.ends_with(".part"), "{name}");
        }
    }
}

#[test]
fn the_first_time_and_again() {
    let place = Place::new();
    let upstreams = upstreams();
    let run = update(&place, &upstreams, &named(&SOURCES)).exits(0).quiet();
    for line in [
        "osv/npm    new, 4 records",
        "kev        new, 1 record\n",
        "redhat     new, 2 records",
        "written to db",
    ] {
        assert!(run.stdout.contains(line), "{line}:\n{}", run.stdout);
    }
    assert!(explained(&place, "CVE-2099-0001").contains("3.0.11-1~deb12u2"));
    assert!(explained(&place, "CVE-2099-0100").contains("1.2.3-r1"));
    assert!(explained(&place, "CVE-2024-0001").contains("1.0-1.el9"));
    let first = digest(&place);
    is_tidy(&place);
    // Again, and nobody says what: nothing has changed, nothing is sent, nothing is built.
    upstreams.asked();
    let written = std::fs::metadata(place.path("db")).unwrap().modified().unwrap();
    let run = update(&place, &upstreams, &[]).exits(0).quiet();
    assert!(run.stdout.contains("db is up to date") && run.stdout.contains("nothing new"), "{}", run.stdout);
    for (path, status) in upstreams.asked() {
        // What is not there, and what is asked without keeping it.
        assert!(
            matches!(status, 304 | 404) || path.ends_with("ecosystems.txt") || path.ends_with("changes.csv"),
            "{path} {status}"
        );
        assert!(!path.ends_with(".zst") && !path.ends_with("all.zip"), "{path}");
    }
    assert_eq!(std::fs::metadata(place.path("db")).unwrap().modified().unwrap(), written);
    assert_eq!(digest(&place), first);
    // The same from the variable.
    let base = upstreams.base();
    place.run_with(&["db", "update", "--db", "db"], &[("PLIMSOLL_FEED_MIRROR", &base)]).exits(0).quiet();
    // A file that is lost is fetched again.
    std::fs::remove_file(place.path("db.feeds/osv/npm/all.zip")).unwrap();
    let run = update(&place, &upstreams, &["--source", "npm"]).exits(0).quiet();
    assert!(run.stdout.contains("osv/npm  new"), "{}", run.stdout);
    assert_eq!(digest(&place), first, "the same content gives the same database");
}

#[test]
fn only_what_changed_is_fetched() {
    let place = Place::new();
    let upstreams = upstreams();
    update(&place, &upstreams, &named(&SOURCES)).exits(0).quiet();
    // One record of npm moves on, another is taken back; one CVE of Red Hat gets another fix, one is deleted.
    let mut records = records_of("npm");
    records[0]["modified"] = json!("2026-11-22T08:00:00Z");
    records[0]["affected"][0]["ranges"][0]["events"][1]["fixed"] = json!("5.0.0");
    records[1]["modified"] = json!("2026-11-22T09:00:00.123Z");
    records[1]["withdrawn"] = json!("2026-11-22T09:00:00Z");
    export(&upstreams, "npm", &records);
    upstreams.put(&format!("{RED_HAT}/2024/cve-2024-0001.json"), vex("CVE-2024-0001", "1.0-9.el9"));
    upstreams.put(
        &format!("{RED_HAT}/changes.csv"),
        "\"2024/cve-2024-0001.json\",\"2026-11-22T11:00:00+00:00\"\n\"2024/cve-2024-0002.json\",\"2026-11-20T10:00:00+00:00\"\n",
    );
    upstreams.put(
        &format!("{RED_HAT}/deletions.csv"),
        "\"2024/cve-2024-0002.json\",\"2026-11-22T00:00:00+00:00\"\n",
    );
    upstreams.asked();
    let run = update(&place, &upstreams, &[]).exits(0).quiet();
    assert!(run.stdout.contains("osv/npm    new") && run.stdout.contains("redhat     new"), "{}", run.stdout);
    let asked = upstreams.asked();
    assert!(!asked.iter().any(|(path, _)| path.ends_with("all.zip") || path.ends_with(".zst")), "{asked:?}");
    let records_asked = asked.iter().filter(|(path, _)| path.contains("npm/GHSA")).count();
    // Those two, and the one that is as old as what is known: another may have come in the same second.
    assert_eq!(records_asked, 3, "{asked:?}");
    assert!(explained(&place, "GHSA-2222-2222-0020").contains("5.0.0"));
    assert!(
        explained(&place, "GHSA-2222-2222-0021").contains("withdrawn"),
        "{}",
        explained(&place, "GHSA-2222-2222-0021")
    );
    assert!(explained(&place, "CVE-2024-0001").contains("1.0-9.el9"));
    place.run(&["explain", "CVE-2024-0002", "--db", "db"]).exits(2);
    let of_increments = digest(&place);
    // Whoever takes the whole now has the same.
    let whole = Place::new();
    update(&whole, &upstreams, &["--source", "npm"]).exits(0).quiet();
    let both = |place: &Place| {
        let run = place.run(&["explain", "GHSA-2222-2222-0020", "--db", "db"]);
        run.stdout.lines().filter(|line| !line.contains("db")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(both(&whole), both(&place));
    // After a week the whole is taken again, and the records that were fetched one by one go.
    let later = "1796299200";
    let base = upstreams.base();
    place
        .run_with(
            &["db", "update", "--db", "db", "--feed-mirror", &base, "--source", "npm"],
            &[("SOURCE_DATE_EPOCH", later)],
        )
        .exits(0);
    assert!(upstreams.asked().iter().any(|(path, _)| path.ends_with("npm/all.zip")));
    assert!(!place.path("db.feeds/osv/npm/changed").exists());
    assert_eq!(digest(&place), of_increments, "records one by one and the whole give the same database");
}

#[test]
fn hostile_lists_of_changes() {
    let place = Place::new();
    let upstreams = upstreams();
    update(&place, &upstreams, &["--source", "npm"]).exits(0).quiet();
    let before = digest(&place);
    for line in [
        "2026-11-22T08:00:00Z,../../../escaped",
        "2026-11-22T08:00:00Z,.hidden",
        "soon,GHSA-1",
        "no comma",
        "2026-11-22T08:00:00Z,a/b",
    ] {
        upstreams.put(&format!("{OSV}/npm/modified_id.csv"), format!("{line}\n"));
        update(&place, &upstreams, &[]).exits(3).says(&["osv/npm", "a line that cannot be read"]);
        assert_eq!(digest(&place), before);
    }
    assert!(!place.path("escaped.json").exists());
    // A record that is none.
    upstreams.put(&format!("{OSV}/npm/modified_id.csv"), "2026-11-22T08:00:00Z,GHSA-2222-2222-0020\n");
    upstreams.put(&format!("{OSV}/npm/GHSA-2222-2222-0020.json"), "<html>sign in</html>");
    update(&place, &upstreams, &[]).exits(3).says(&["osv/npm", "is no record"]);
    assert_eq!(digest(&place), before);
    // More changes than one asks for one by one: the whole.
    let many: Vec<_> = (0..600).map(|number| format!("2026-11-22T08:00:00Z,X-{number}\n")).collect();
    upstreams.put(&format!("{OSV}/npm/modified_id.csv"), many.concat());
    upstreams.put(
        &format!("{OSV}/npm/all.zip"),
        zipped(&[("X-1.json".into(), records_of("npm")[0].to_string().into_bytes())]),
    );
    update(&place, &upstreams, &[]).exits(0).quiet();
    assert_ne!(digest(&place), before);
}

#[test]
fn a_source_that_fails_keeps_its_last_good_state() {
    let place = Place::new();
    let upstreams = upstreams();
    update(&place, &upstreams, &named(&SOURCES)).exits(0).quiet();
    let before = digest(&place);
    // Everything has something new, and everything goes wrong in its own way.
    for ecosystem in ["npm", "PyPI", "Maven"] {
        let mut records = records_of(ecosystem);
        for record in &mut records {
            record["modified"] = json!("2026-11-22T08:00:00Z");
        }
        export(&upstreams, ecosystem, &records);
    }
    upstreams.fault(&format!("{OSV}/npm/modified_id.csv"), Fault::Status(429, "Retry-After: 99999\r\n"));
    upstreams.fault(&format!("{OSV}/PyPI/modified_id.csv"), Fault::Cut);
    upstreams.fault(&format!("{OSV}/Maven/modified_id.csv"), Fault::Hang);
    upstreams.put(KEV, "<html>maintenance</html>");
    upstreams.fault(EPSS, Fault::NoGzip);
    upstreams.fault(DEBIAN, Fault::Huge);
    upstreams.put(&format!("{ALPINE}/edge/main.json"), &alpine("edge", "9-r9")[..90]);
    upstreams.fault(&format!("{RED_HAT}/changes.csv"), Fault::Status(403, ""));
    let start = Instant::now();
    let run = update(&place, &upstreams, &["--timeout", "5s"]).exits(3);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    let run = run.says(&[
        "osv/npm: ",
        "429",
        "osv/PyPI: ",
        "osv/Maven: ",
        "kev: what came is not whole",
        "epss: ",
        "debian: ",
        "larger than the limit",
        "alpine: what came is not whole",
        "redhat: ",
        "403",
    ]);
    assert!(run.stdout.contains("failed, the state of 2026-11-23 is kept"), "{}", run.stdout);
    assert!(run.stdout.contains("db is up to date"), "{}", run.stdout);
    assert_eq!(digest(&place), before);
    is_tidy(&place);
    // It is shown until it is mended.
    let run = place.run(&["db", "status", "--db", "db"]).exits(0).quiet();
    assert!(run.stdout.contains("failed 2026-11-23 12:00: ") && run.stdout.contains("429"), "{}", run.stdout);
    let status = place.run(&["db", "status", "--db", "db", "--json"]).exits(0).json();
    assert!(status["updates"]["kev"]["failure"]["text"].as_str().unwrap().contains("not whole"), "{status}");
    upstreams.mend();
    upstreams.put(KEV, r#"{"vulnerabilities":[{"cveID":"CVE-2099-0030","dateAdded":"2026-11-02"}]}"#);
    upstreams.put(&format!("{ALPINE}/edge/main.json"), alpine("edge", "9-r9"));
    update(&place, &upstreams, &[]).exits(0).quiet();
    let run = place.run(&["db", "status", "--db", "db"]).exits(0).quiet();
    assert!(!run.stdout.contains("failed"), "{}", run.stdout);
    assert_ne!(digest(&place), before);
}

#[test]
fn what_passes_is_waited_for() {
    let place = Place::new();
    let upstreams = upstreams();
    upstreams.fault(KEV, Fault::Times(1, 429, "Retry-After: 1\r\n"));
    upstreams.fault(&format!("{OSV}/npm/all.zip"), Fault::Times(2, 503, ""));
    let start = Instant::now();
    update(&place, &upstreams, &named(&["kev", "npm"])).exits(0).quiet();
    assert!(start.elapsed() >= Duration::from_secs(1), "Retry-After is honoured");
}

#[test]
fn one_that_was_never_there_does_not_keep_the_others_away() {
    let place = Place::new();
    let upstreams = upstreams();
    upstreams.remove(KEV);
    upstreams.put(&format!("{OSV}/ecosystems.txt"), "npm\n");
    let run =
        update(&place, &upstreams, &named(&["kev", "npm", "PyPI"])).exits(3).says(&["kev: ", "is not there"]);
    assert!(run.stdout.contains("kev       failed, nothing is there"), "{}", run.stdout);
    assert!(run.stdout.contains("osv/PyPI  not offered upstream"), "{}", run.stdout);
    let database = Database::open(&place.path("db")).unwrap();
    let names: Vec<_> = database.sources().iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["osv/npm"]);
    // Nothing at all, and nobody there: no database, and a way out.
    let place = Place::new();
    let arguments = [
        "db",
        "update",
        "--db",
        "db",
        "--feed-mirror",
        "http://127.0.0.1:9",
        "--source",
        "kev",
        "--timeout",
        "1s",
    ];
    place.run(&arguments).exits(3).says(&["error: no source could be fetched", "hint:", "db import"]);
    assert!(!place.path("db").exists());
    place
        .run(&["db", "update", "--db", "db", "--source", "kernel.org"])
        .exits(2)
        .says(&["no source `kernel.org`", "--list"]);
    place.run(&["db", "update", "--db", "db", "--feed-mirror", "ftp://x"]).exits(2).says(&["hint:"]);
    place.run(&["db", "update", "--db", "db", "--timeout", "5"]).exits(2).says(&["30m"]);
}

#[test]
fn the_list_of_sources() {
    let place = Place::new();
    let run = place.run(&["db", "update", "--list"]).exits(0).quiet();
    for line in ["osv/npm", "debian", "redhat", "wolfi", "restricted licence"] {
        assert!(run.stdout.contains(line), "{line}:\n{}", run.stdout);
    }
}

#[test]
fn a_database_from_elsewhere_is_not_replaced_by_less() {
    let place = Place::new();
    let upstreams = upstreams();
    feeds::write(&place.path("feeds"));
    place.run(&["db", "build", "--from", "feeds", "--out", "db"]).exits(0);
    let before = digest(&place);
    update(&place, &upstreams, &named(&["npm", "kev"])).exits(2).says(&["4 sources", "hint:", "--replace"]);
    assert_eq!(digest(&place), before);
    update(&place, &upstreams, &[&["--replace"], named(&["npm", "kev"]).as_slice()].concat())
        .exits(0)
        .quiet();
    assert_ne!(digest(&place), before);
    // Its own it replaces without asking.
    upstreams.put(KEV, r#"{"vulnerabilities":[{"cveID":"CVE-2099-0020","dateAdded":"2026-11-02"}]}"#);
    update(&place, &upstreams, &["--source", "kev"]).exits(0).quiet();
}

#[test]
fn killed_and_raced() {
    let place = Place::new();
    let upstreams = upstreams();
    update(&place, &upstreams, &named(&["npm", "kev", "alpine"])).exits(0).quiet();
    let mut digests = vec![digest(&place)];
    let base = upstreams.base();
    let arguments = ["db", "update", "--db", "db", "--feed-mirror", base.as_str()];
    for round in 0..6_u64 {
        upstreams.put(
            KEV,
            format!(r#"{{"vulnerabilities":[{{"cveID":"CVE-2099-002{round}","dateAdded":"2026-11-02"}}]}}"#),
        );
        upstreams.put(&format!("{ALPINE}/edge/main.json"), alpine("edge", &format!("{round}-r1")));
        upstreams.fault(KEV, Fault::Slow);
        let mut child =
            place.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(60 + 40 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        upstreams.mend();
        // Whatever it did: the old or a new one, and whole.
        digest(&place);
        // Two at once: one waits for the other.
        let start =
            || place.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let both = [start(), start()];
        for child in both {
            let run = super::finish(child.wait_with_output().unwrap());
            run.exits(0).quiet();
        }
        is_tidy(&place);
        digests.push(digest(&place));
    }
    digests.dedup();
    assert_eq!(digests.len(), 7, "every round brought its own");
}

/// Every size of a disk from one that is full already to one on which all of it fits. The disks are mounted in a
/// namespace of the test's own, in which it runs a second time: whatever stops it, the caller's mounts are as they were.
#[test]
#[expect(clippy::print_stdout, reason = "what is not checked is said")]
fn a_full_disk_never_leaves_half_a_database() {
    const INSIDE: &str = "PLIMSOLL_TEST_OWN_MOUNTS";
    const NAME: &str = "update::a_full_disk_never_leaves_half_a_database";
    if std::env::var_os(INSIDE).is_none() {
        let own = |more: &[&str]| {
            let mut command = std::process::Command::new("unshare");
            command.args(["--mount", "--propagation", "private"]).args(more).arg("--");
            command
        };
        // Whoever is not root becomes root of a namespace of users.
        let works = |more: &&[&str]| {
            let mount = ["mount", "-t", "tmpfs", "tmpfs", "/tmp"];
            own(more).args(mount).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        let Some(more) = [&[][..], &["--map-root-user"]].into_iter().find(works) else {
            println!("NOT CHECKED: a small disk needs `unshare` and the right to make a namespace of mounts");
            return;
        };
        let this = std::env::current_exe().unwrap();
        let output = own(more).arg(this).args(["--exact", NAME]).env(INSIDE, "1").output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && told.contains("1 passed"), "{told}");
        return;
    }
    let place = Place::new();
    let upstreams = upstreams();
    // Enough that each step of an update can be the one that finds no room.
    let records: Vec<Value> = (0..600_u64)
        .map(|number| {
            let id = format!("GHSA-{number:04}");
            // Hardly smaller when it is packed.
            let noise: Vec<String> = (0..40_u64)
                .map(|at| format!("{:016x}", (number * 41 + at).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
                .collect();
            let mut record = feeds::osv(&id, &[], "", "npm", &format!("filler-{number}"), &[("0", "1.0.0")]);
            record["details"] = noise.concat().into();
            record["modified"] = json!("2026-11-22T08:00:00Z");
            record
        })
        .collect();
    let arguments = |database: &'static str| {
        ["db", "update", "--db", database, "--source", "npm", "--source", "kev", "--feed-mirror"]
            .map(str::to_owned)
    };
    let base = upstreams.base();
    let run = |database: &'static str| {
        let mut arguments = arguments(database).to_vec();
        arguments.push(base.clone());
        place.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    run("db").exits(0).quiet();
    let old = digest(&place);
    std::fs::create_dir(place.path("kept")).unwrap();
    let copied = |from: &str, to: &str| {
        let copy =
            std::process::Command::new("cp").args(["-a", from, to]).current_dir(place.path(".")).status();
        assert!(copy.unwrap().success());
    };
    copied("db", "kept/db");
    copied("db.feeds", "kept/db.feeds");
    export(&upstreams, "npm", &records);
    run("db").exits(0);
    let new = digest(&place);
    assert_ne!(old, new);
    let needed = std::fs::metadata(place.path("db")).unwrap().len() / 1024;
    let start = std::fs::metadata(place.path("kept/db")).unwrap().len() / 1024;
    let disk = place.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount = |program: &str, arguments: &[&str]| {
        std::process::Command::new(program).args(arguments).arg(&disk).stderr(Stdio::null()).status()
    };
    let (mut failed, mut done) = (0, 0);
    for step in 0..12 {
        let size = start + 64 + (needed * 3) * step / 11;
        let options = format!("size={size}k");
        assert!(mount("mount", &["-t", "tmpfs", "-o", &options, "tmpfs"]).unwrap().success());
        copied("kept/db", "disk/db");
        copied("kept/db.feeds", "disk/db.feeds");
        let run = run("disk/db");
        // Whole, whichever it is, and it is told which.
        let found = plimsoll_advisory::verify(&disk.join("db")).unwrap().digest.unwrap().to_string();
        if found == new {
            run.exits(0);
            done += 1;
        } else {
            assert_eq!(found, old, "{size} KiB");
            run.exits(3).says(&["disk/db"]);
            failed += 1;
            // With room it goes on from there.
            mount("mount", &["-o", "remount,size=64m"]).unwrap();
            let again = place.run(&[
                "db",
                "update",
                "--db",
                "disk/db",
                "--source",
                "npm",
                "--source",
                "kev",
                "--feed-mirror",
                &base,
            ]);
            again.exits(0);
            let found = plimsoll_advisory::verify(&disk.join("db")).unwrap().digest.unwrap().to_string();
            assert_eq!(found, new, "{size} KiB");
        }
        for folder in ["disk", "disk/db.feeds"] {
            for entry in std::fs::read_dir(place.path(folder)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(!name.starts_with(".new-") && !name.ends_with(".part"), "{size} KiB: {name}");
            }
        }
        assert!(mount("umount", &[]).unwrap().success());
    }
    assert!(failed >= 3 && done >= 1, "{failed} failed, {done} did not");
}

/// The real feeds that tests may have, in the layouts of their upstreams.
#[test]
fn the_shared_feeds_in_their_own_layouts() {
    let Some(data) = plimsoll_testing::shared("data") else { return };
    let upstreams = Upstreams::start();
    let mut sources = vec!["kev", "alpine", "azurelinux", "rubysec", "friendsofphp", "nodejs", "retirejs"];
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(data.join("osv")).unwrap() {
        let entry = entry.unwrap();
        let archive = entry.path().join("all.zip");
        let folder = entry.file_name().into_string().unwrap();
        // The largest ones are left to the measurements.
        if archive.metadata().is_ok_and(|file| file.len() < 1 << 20) {
            upstreams.put(&format!("{OSV}/{folder}/all.zip"), std::fs::read(archive).unwrap());
            folders.push(folder);
        }
    }
    upstreams.put(&format!("{OSV}/ecosystems.txt"), folders.join("\n"));
    let known = [
        "RubyGems",
        "Julia",
        "opam",
        "CRAN",
        "Hackage",
        "NuGet",
        "Hex",
        "Pub",
        "GHC",
        "SwiftURL",
        "ConanCenter",
    ];
    sources.extend(known.iter().filter(|name| folders.iter().any(|folder| folder == *name)));
    upstreams.put(KEV, std::fs::read(data.join("kev/known_exploited_vulnerabilities.json")).unwrap());
    let members = |archive: &str| {
        let mut zip = zip::ZipArchive::new(std::fs::File::open(data.join(archive)).unwrap()).unwrap();
        let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
        names
            .into_iter()
            .filter(|name| !name.ends_with('/'))
            .map(|name| {
                let mut content = Vec::new();
                std::io::Read::read_to_end(&mut zip.by_name(&name).unwrap(), &mut content).unwrap();
                (name, content)
            })
            .collect::<Vec<_>>()
    };
    for (_, content) in members("alpine/secdb.zip") {
        let document: Value = serde_json::from_slice(&content).unwrap();
        let (release, repository) =
            (document["distroversion"].as_str().unwrap(), document["reponame"].as_str().unwrap());
        upstreams.put(&format!("{ALPINE}/{release}/{repository}.json"), content.clone());
    }
    for (name, content) in members("azurelinux/oval.zip") {
        let base = name.rsplit('/').next().unwrap();
        upstreams.put(
            &format!("raw.githubusercontent.com/microsoft/AzureLinuxVulnerabilityData/main/{base}"),
            content,
        );
    }
    for (repository, branch, archive) in [
        ("rubysec/ruby-advisory-db", "master", "rubysec/ruby-advisory-db.zip"),
        ("FriendsOfPHP/security-advisories", "master", "friendsofphp/security-advisories.zip"),
        ("nodejs/security-wg", "main", "nodejs/security-wg.zip"),
    ] {
        // As GitHub packs it: everything in one folder.
        let (_, name) = repository.split_once('/').unwrap();
        let inside: Vec<_> = members(archive)
            .into_iter()
            .map(|(path, content)| (format!("{name}-{branch}/{path}"), content))
            .collect();
        upstreams.put(&format!("codeload.github.com/{repository}/zip/refs/heads/{branch}"), zipped(&inside));
    }
    for (name, content) in members("retirejs/repository.zip") {
        upstreams
            .put(&format!("raw.githubusercontent.com/RetireJS/retire.js/master/repository/{name}"), content);
    }
    let place = Place::new();
    let base = upstreams.base();
    let mut arguments = vec!["db", "update", "--db", "db", "--feed-mirror", &base];
    let azure = "oval/azurelinux";
    arguments.extend(
        sources.iter().flat_map(|name| ["--source", if *name == "azurelinux" { azure } else { name }]),
    );
    // The data we have are without the second file of Azure Linux, which is said and does no harm.
    let run =
        place.run(&arguments).exits(3).says(&["oval/azurelinux: ", "cbl-mariner-2.0-oval.xml` is not there"]);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    let database = Database::open(&place.path("db")).unwrap();
    for source in &sources {
        let name = if *source == "azurelinux" { azure } else { source };
        let info =
            database.sources().iter().find(|info| info.name == name || info.name == format!("osv/{name}"));
        let info = info.unwrap_or_else(|| panic!("{name} is missing"));
        assert!(info.records > 0 && !info.date.is_empty(), "{info:?}");
    }
}

/// What a scan of [`super::shop`] needs beside the packages' own sources.
pub(super) fn with_support(upstreams: &Upstreams) {
    for (name, table) in [
        (
            "debian",
            "version,codename,series,created,release,eol,eol-lts\n12,Bookworm,bookworm,2021-08-14,2023-06-10,2027-07-11,2028-06-30\n",
        ),
        (
            "ubuntu",
            "version,codename,series,created,release,eol\n24.04 LTS,Noble,noble,2023-10-26,2024-04-25,2029-05-31\n",
        ),
    ] {
        upstreams.put(&format!("debian.pages.debian.net/distro-info-data/{name}.csv"), table);
    }
    let page = "---\ntitle: X\nreleases:\n  - releaseCycle: \"2\"\n    releaseDate: 2025-01-01\n    eol: false\n---\n";
    upstreams.put(
        "codeload.github.com/endoflife-date/endoflife.date/zip/refs/heads/master",
        zipped(&[("endoflife.date-master/products/x.md".into(), page.into())]),
    );
    let entry = json!({ "module_name": "keelson", "title": "T", "cves": ["CVE-2099-0777"], "vulnerable_versions": "<4.17.16", "patched_versions": ">=4.17.16" });
    upstreams.put(
        "codeload.github.com/nodejs/security-wg/zip/refs/heads/main",
        zipped(&[("security-wg-main/vuln/npm/1.json".into(), entry.to_string().into_bytes())]),
    );
    for file in ["jsrepository-v6.json", "npmrepository.json"] {
        let at = format!("raw.githubusercontent.com/RetireJS/retire.js/master/repository/{file}");
        upstreams.put(&at, r#"{"keelhaul":{"vulnerabilities":[{"below":"1.0.0"}]}}"#);
    }
}

/// A scan that may go to the hosts.
fn scan(place: &Place, upstreams: &Upstreams, more: &[&str], variables: &[(&str, &str)]) -> Run {
    let base = upstreams.base();
    let mut arguments = vec!["scan", "shop"];
    arguments.extend(more);
    let mut all = vec![("PLIMSOLL_DB_UPDATE", "auto"), ("PLIMSOLL_FEED_MIRROR", base.as_str())];
    all.extend(variables);
    place.run_with(&arguments, &all)
}

/// Seconds since 1970 of so many hours after the tests' day.
pub(super) fn hours_later(hours: u64) -> String {
    (super::NOW.parse::<u64>().unwrap() + hours * 3600).to_string()
}

#[test]
fn a_scan_fetches_what_its_target_needs() {
    let place = Place::new();
    place.shop();
    let upstreams = upstreams();
    with_support(&upstreams);
    let run = scan(&place, &upstreams, &["--format", "json"], &[]).exits(1);
    let expected = "advisories fetched for this target: debian, eol/distributions, eol/products, epss, kev, nodejs, osv/Maven, osv/PyPI, osv/npm, retirejs\n";
    assert_eq!(run.stderr, expected);
    let report = run.json();
    for id in ["CVE-2099-0001", "CVE-2099-0010", "CVE-2099-0777", "CVE-2099-0020"] {
        super::finding(&report, id);
    }
    let asked = upstreams.asked();
    assert!(!asked.iter().any(|(path, _)| path.contains("alpine") || path.contains("redhat")), "{asked:?}");
    // Again: nobody is asked, and the same bytes come.
    let again = scan(&place, &upstreams, &["--format", "json"], &[]).exits(1).quiet();
    assert_eq!(again.stdout, run.stdout);
    assert_eq!(upstreams.asked(), []);
    // A day later each is asked whether there is something new.
    let tomorrow = hours_later(25);
    scan(&place, &upstreams, &[], &[("SOURCE_DATE_EPOCH", &tomorrow)]).exits(1).quiet();
    assert!(
        upstreams
            .asked()
            .iter()
            .all(|(path, status)| matches!(status, 304 | 404) || path.ends_with("ecosystems.txt"))
    );
    // Each time, if that is wished; never, if that is.
    scan(&place, &upstreams, &["--db-update", "always"], &[]).exits(1).quiet();
    assert!(!upstreams.asked().is_empty());
    scan(&place, &upstreams, &["--db-update", "never"], &[("SOURCE_DATE_EPOCH", &hours_later(99))])
        .exits(1)
        .quiet();
    assert_eq!(upstreams.asked(), []);
    // A further target brings what it needs, beside what is there.
    place.put("other.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"p","version":"1","purl":"pkg:gem/p@1"}]}"#);
    upstreams.put(&format!("{OSV}/ecosystems.txt"), "Maven\nPyPI\nRubyGems\nnpm\n");
    let gem = feeds::osv(
        "GHSA-2222-2222-0099",
        &[],
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "RubyGems",
        "p",
        &[("0", "2")],
    );
    export(&upstreams, "RubyGems", &[gem]);
    upstreams.put(
        "codeload.github.com/rubysec/ruby-advisory-db/zip/refs/heads/master",
        zipped(&[(
            "ruby-advisory-db-master/gems/p/CVE-2099-1.yml".into(),
            b"gem: p\ncve: 2099-1\ntitle: T\npatched_versions:\n  - '>= 3'\n".to_vec(),
        )]),
    );
    let base = upstreams.base();
    let run = place
        .run_with(
            &["scan", "sbom:other.json"],
            &[("PLIMSOLL_DB_UPDATE", "auto"), ("PLIMSOLL_FEED_MIRROR", &base)],
        )
        .exits(1);
    assert_eq!(run.stderr, "advisories fetched for this target: osv/RubyGems, rubysec\n");
    scan(&place, &upstreams, &[], &[]).exits(1).quiet();
}

#[test]
fn a_scan_without_a_network() {
    let place = Place::new();
    place.shop();
    let upstreams = upstreams();
    with_support(&upstreams);
    let nobody = [("PLIMSOLL_FEED_MIRROR", "http://127.0.0.1:9")];
    // Nothing there, and nobody answers: told, with the way out; the inventory is given all the same.
    let start = Instant::now();
    let run = scan(&place, &upstreams, &["--format", "json"], &nobody).exits(3).says(&[
        "cannot connect to `127.0.0.1:9`",
        "error: no source could be fetched",
        "hint:",
        "plimsoll db import FILE",
    ]);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(run.json()["packages"].as_array().unwrap().len() > 5);
    let run = scan(&place, &upstreams, &[], &nobody).exits(3);
    assert!(run.stdout.contains("next: plimsoll db update"), "{}", run.stdout);
    place.run_with(&["sbom", "shop"], &[("PLIMSOLL_DB_UPDATE", "auto"), nobody[0]]).exits(0).quiet();
    // With a database: it is used, however old, and it says so.
    scan(&place, &upstreams, &[], &[]).exits(1);
    let later = hours_later(72);
    let later = [nobody[0], ("SOURCE_DATE_EPOCH", later.as_str())];
    scan(&place, &upstreams, &[], &later)
        .exits(1)
        .says(&["cannot connect", "hint: what was there before is used"]);
    // Only a limit of the user's makes it unknown; a finding over the line stays one.
    let limit =
        ["--fail-on", "critical,kev", "--max-db-age", "2d", "--format", "json", "--ignore-file", "all.toml"];
    place.put("all.toml", accepted());
    let report = scan(&place, &upstreams, &limit, &later).exits(3).json();
    let missing = report["verdict"]["inputsMissing"].to_string();
    assert!(missing.contains("was asked 3 days ago") && missing.contains("the limit is 2 days"), "{missing}");
    let limit = [&limit[..3], &["80h"], &limit[4..]].concat();
    let report = scan(&place, &upstreams, &limit, &later).json();
    assert!(!report["verdict"]["inputsMissing"].to_string().contains("asked"), "{}", report["verdict"]);
}

/// Exceptions for everything that the shop has.
fn accepted() -> String {
    ["0001", "0002", "0003", "0004", "0005", "0010", "0020", "0021", "0022", "0030", "0777"]
        .map(|number| format!("[[exception]]\nid = \"CVE-2099-{number}\"\nreason = \"a test\"\n"))
        .concat()
}

#[test]
fn a_scan_does_not_touch_what_others_brought() {
    let place = Place::new();
    place.shop();
    let upstreams = upstreams();
    with_support(&upstreams);
    let variable = |path: &str| [("PLIMSOLL_DB", path.to_owned())];
    std::fs::copy(super::database(), place.path("brought.db")).unwrap();
    let brought = std::fs::read(place.path("brought.db")).unwrap();
    for more in [vec!["--db", "brought.db"], vec![], vec!["--db-update", "always"]] {
        let variables = variable("brought.db");
        let variables = [(variables[0].0, variables[0].1.as_str())];
        let run = scan(&place, &upstreams, &more, &variables).exits(1);
        assert_eq!(
            run.stderr.contains("was not made by `plimsoll db update`"),
            more.contains(&"always"),
            "{}",
            run.stderr
        );
    }
    assert_eq!(upstreams.asked(), []);
    assert!(std::fs::read(place.path("brought.db")).unwrap() == brought);
    scan(&place, &upstreams, &[], &[("PLIMSOLL_DB_UPDATE", "daily")])
        .exits(2)
        .says(&["daily", "auto, always, never"]);
}

#[test]
fn a_source_that_is_missing_is_missed_only_by_targets_that_need_it() {
    let place = Place::new();
    place.shop();
    let upstreams = upstreams();
    with_support(&upstreams);
    upstreams.remove(&format!("{OSV}/Maven/all.zip"));
    upstreams.remove(&format!("{OSV}/Maven/modified_id.csv"));
    let run =
        scan(&place, &upstreams, &["--format", "json"], &[]).exits(1).says(&["osv/Maven: ", "is not there"]);
    let problems = run.json()["problems"].to_string();
    assert!(problems.contains("maven"), "{problems}");
    // A target without Java does not hear of it.
    place.put("python.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"harbour","version":"9","purl":"pkg:pypi/harbour@9"}]}"#);
    let base = upstreams.base();
    let run = place.run_with(
        &["scan", "sbom:python.json"],
        &[("PLIMSOLL_DB_UPDATE", "auto"), ("PLIMSOLL_FEED_MIRROR", &base)],
    );
    run.exits(0).quiet();
}

/// `deploy/ci/publish-database.sh` with the feeds of the public hosts, one of which fails.
#[test]
fn the_script_publishes_what_was_fetched() {
    let place = Place::new();
    let upstreams = upstreams();
    let base = upstreams.base();
    place.run(&["db", "keygen", "key"]).exits(0);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/ci/publish-database.sh");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_plimsoll")).parent().unwrap();
    let publish = || {
        let output = std::process::Command::new("sh")
            .args([script, "advisories.db", "public", "key"])
            .current_dir(place.folder.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
            .env("SOURCE_DATE_EPOCH", super::NOW)
            .env("PLIMSOLL_FEED_MIRROR", &base)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    // Most hosts are not there: what is there is published, the rest is in the log.
    let (code, said) = publish();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("rubysec: "), "{said}");
    let pull = ["db", "pull", "public", "--db", "db", "--db-key", "key.pub"];
    assert!(place.run(&pull).exits(0).stdout.contains("is installed"));
    upstreams.put(KEV, r#"{"vulnerabilities":[{"cveID":"CVE-2099-0001","dateAdded":"2026-11-02"}]}"#);
    assert_eq!(publish().0, Some(0));
    assert!(place.run(&pull).exits(0).stdout.contains("is updated by a delta"));
    // Without any host and without a database it fails.
    let place = Place::new();
    let status = std::process::Command::new("sh")
        .args([script, "advisories.db", "public", "key"])
        .current_dir(place.folder.path())
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
        .env("PLIMSOLL_FEED_MIRROR", "http://127.0.0.1:9")
        .output()
        .unwrap()
        .status;
    assert_eq!(status.code(), Some(3));
}

#[test]
fn what_may_not_be_passed_on_is_said() {
    let place = Place::new();
    let upstreams = upstreams();
    let text = alpine("", "1.2.3-r1");
    upstreams.put("packages.wolfi.dev/os/security.json", text);
    update(&place, &upstreams, &named(&["wolfi", "kev"])).exits(0).quiet();
    place
        .run(&["db", "export", "bundle", "--db", "db"])
        .exits(0)
        .says(&["warning: the source `wolfi` has a licence that restricts passing it on"]);
}

/// A list of updates with one update of one package.
fn updates(id: &str, cve: &str, package: &str, version: &str, release: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n<updates><update author='a' from='a' status='final' type='security' version='1.4'>\
         <id>{id}</id><title>{id}: important update for {package}</title><issued date='2026-11-01 10:00'/>\
         <updated date='2026-11-02 10:00'/><severity>important</severity><references>\
         <reference href='https://example.org/{cve}' id='{cve}' title='' type='cve'/></references><pkglist>\
         <collection short='c'><name>C</name><package arch='x86_64' epoch='0' name='{package}' version='{version}' \
         release='{release}'><filename>Packages/p.rpm</filename></package></collection></pkglist></update></updates>\n"
    )
}

/// A repository of Amazon's: the list of mirrors, the index, the list of updates.
fn repository(upstreams: &Upstreams, place: &str, list: &str) {
    let packed = gzipped(list.as_bytes());
    upstreams.put(&format!("{AMAZON}/{place}/mirror.list"), format!("https://{AMAZON}/{place}/guid/\n"));
    let name = format!("repodata/{}-updateinfo.xml.gz", list.len());
    let digest = super::common::image::digest(&packed);
    upstreams.put(
        &format!("{AMAZON}/{place}/guid/repodata/repomd.xml"),
        format!(
            "<repomd xmlns='http://linux.duke.edu/metadata/repo'><data type='primary'><checksum type='sha256'>0</checksum>\
             <location href='repodata/primary.xml.gz'/></data><data type='updateinfo'><checksum type='sha256'>{}</checksum>\
             <location href='{name}'/></data></repomd>",
            digest.trim_start_matches("sha256:")
        ),
    );
    upstreams.put(&format!("{AMAZON}/{place}/guid/{name}"), packed);
}

fn oval(fixed: &str) -> Vec<u8> {
    let text = format!(
        "<oval_definitions><generator><oval:timestamp>2026-11-02T00:00:00</oval:timestamp></generator><definitions>\
         <definition id='oval:com.oracle.elsa:def:20260001' class='patch'><metadata><title>\nELSA-2026-0001:  sealib security update (IMPORTANT)\n</title>\
         <reference source='elsa' ref_id='ELSA-2026-0001' ref_url='https://linux.oracle.com/errata/ELSA-2026-0001.html'/>\
         <reference source='CVE' ref_id='CVE-2026-0002' ref_url='u'/><advisory><severity>IMPORTANT</severity><issued date='2026-11-02'/></advisory></metadata>\
         <criteria operator='AND'><criterion test_ref='i' comment='Oracle Linux 9 is installed'/><criteria operator='OR'>\
         <criteria operator='AND'><criterion test_ref='t' comment='sealib is earlier than {fixed}'/></criteria></criteria></criteria>\
         </definition></definitions><tests><rpminfo_test id='i'><object object_ref='r'/><state state_ref='v'/></rpminfo_test>\
         <rpminfo_test id='t'><object object_ref='o'/><state state_ref='s'/></rpminfo_test></tests><objects><rpminfo_object id='o'><name>sealib</name>\
         </rpminfo_object><rpminfo_object id='r'><name>oraclelinux-release</name></rpminfo_object></objects><states><rpminfo_state id='v'>\
         <version operation='pattern match'>^9</version></rpminfo_state><rpminfo_state id='s'><evr operation='less than'>{fixed}</evr>\
         </rpminfo_state></states></oval_definitions>\n"
    );
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn distributions_in_the_layouts_of_their_hosts() {
    let place = Place::new();
    let upstreams = Upstreams::start();
    let extras = "2/extras/kernel-5.10/latest/x86_64";
    upstreams.put(
        &format!("{AMAZON}/2/extras-catalog.json"),
        json!({ "topics": [{ "n": "kernel-5.10", "inst": [] }, { "n": "gone", "inst": [] }] }).to_string(),
    );
    let core = "2/core/latest/x86_64";
    repository(&upstreams, core, &updates("ALAS2-2026-1", "CVE-2026-0001", "sealib", "1.0", "2.amzn2"));
    repository(
        &upstreams,
        extras,
        &updates("ALAS2KERNEL-5.10-2026-1", "CVE-2026-0009", "kernel", "5.10.50", "44.amzn2"),
    );
    for other in ["al2023/core/mirrors/latest/x86_64", "al2023/kernel-livepatch/mirrors/latest/x86_64"] {
        repository(
            &upstreams,
            other,
            &updates(&format!("ALAS2023-{}", other.len()), "CVE-2026-0008", "p", "1", "1"),
        );
    }
    for release in [8, 9] {
        upstreams.put(&format!("{ORACLE}/com.oracle.elsa-ol{release}.xml.bz2"), oval("0:1.0-3.el9"));
    }
    let group = |fixed: &str| {
        json!([{ "name": "AVG-1", "packages": ["sealib"], "status": "Fixed", "fixed": fixed, "severity": "High",
            "type": "denial of service", "issues": ["CVE-2026-0003"], "advisories": [] }])
        .to_string()
    };
    upstreams.put(ARCH, group("1:1.0-1"));
    upstreams.put(
        BOTTLEROCKET,
        gzipped(updates("BRSA-1", "CVE-2026-0004", "kernel-6.1", "6.1.61", "1.br1").as_bytes()),
    );
    let sources = ["amazon", "oval/oracle", "arch", "bottlerocket"];
    let run = update(&place, &upstreams, &named(&sources)).exits(0).quiet();
    for line in
        ["amazon        new, 4 records", "arch          new, 1 record", "oval/oracle   new, 2 records"]
    {
        assert!(run.stdout.contains(line), "{line}:\n{}", run.stdout);
    }
    for (id, texts) in [
        ("CVE-2026-0001", ["ALAS2-2026-1", "1.0-2.amzn2"]),
        ("CVE-2026-0009", ["5.10.50-44.amzn2", "5.10"]),
        ("CVE-2026-0002", ["ELSA-2026-0001", "0:1.0-3.el9"]),
        ("CVE-2026-0003", ["AVG-1", "1:1.0-1"]),
        ("CVE-2026-0004", ["BRSA-1", "6.1.61-1.br1"]),
    ] {
        for text in texts {
            assert!(explained(&place, id).contains(text), "{text}:\n{}", explained(&place, id));
        }
    }
    is_tidy(&place);
    // Again: indexes are asked for conditionally, lists of updates not at all.
    upstreams.asked();
    let before = digest(&place);
    update(&place, &upstreams, &[]).exits(0).quiet();
    for (path, status) in upstreams.asked() {
        assert!(!path.contains("-updateinfo.xml"), "{path}");
        assert!(
            matches!(status, 304 | 404) || path.ends_with("mirror.list") || path.ends_with("catalog.json"),
            "{path} {status}"
        );
    }
    assert_eq!(digest(&place), before);
    // One repository moves on, one is not what its index says; the good one counts, the other keeps its state.
    repository(&upstreams, core, &updates("ALAS2-2026-22", "CVE-2026-0022", "sealib", "1.0", "9.amzn2"));
    let moved = updates("ALAS2KERNEL-5.10-2026-22", "CVE-2026-0023", "kernel", "5.10.60", "44.amzn2");
    repository(&upstreams, extras, &moved);
    upstreams.put(
        &format!("{AMAZON}/{extras}/guid/repodata/{}-updateinfo.xml.gz", moved.len()),
        gzipped(b"<updates></updates>"),
    );
    update(&place, &upstreams, &[]).exits(3).says(&["amazon", "not what `repomd.xml` says"]);
    assert!(explained(&place, "CVE-2026-0022").contains("1.0-9.amzn2"));
    assert!(explained(&place, "CVE-2026-0009").contains("5.10.50"));
    // A catalogue that leads out of the folder, a list without its end.
    upstreams.put(&format!("{AMAZON}/2/extras-catalog.json"), r#"{"topics":[{"n":"../../x"}]}"#);
    let whole = updates("BRSA-2", "CVE-2026-0005", "kernel-6.1", "6.1.62", "1.br1");
    upstreams.put(BOTTLEROCKET, gzipped(&whole.as_bytes()[..whole.len() - 20]));
    update(&place, &upstreams, &[]).exits(3).says(&["is no name", "the end of the document is missing"]);
    assert!(explained(&place, "CVE-2026-0004").contains("6.1.61"));
}

#[test]
fn fedora_page_by_page() {
    const BODHI: &str = "bodhi.fedoraproject.org";
    let place = Place::new();
    let upstreams = Upstreams::start();
    let named = |name: &str, prefix: &str| json!({ "name": name, "id_prefix": prefix, "state": "current" });
    let releases = [named("F43", "FEDORA"), named("EPEL-9", "FEDORA-EPEL"), named("F43F", "FEDORA-FLATPAK")];
    upstreams.put(
        &format!("{BODHI}/releases/?state=current&rows_per_page=100"),
        json!({ "releases": releases, "page": 1, "pages": 1 }).to_string(),
    );
    let update_of = |id: &str, cve: &str, nvr: &str, modified: Option<&str>| {
        json!({ "alias": id, "title": nvr, "severity": "high", "type": "security", "status": "stable",
            "date_stable": "2026-11-01 00:00:00", "date_modified": modified, "url": "https://example.org/u",
            "release": { "name": "F43", "version": "43", "id_prefix": "FEDORA" },
            "bugs": [{ "title": format!("{cve} sealib: overflow") }], "builds": [{ "nvr": nvr, "type": "rpm", "epoch": 0 }] })
    };
    let page = |number: u64, since: &str, pages: u64, updates: &[Value]| {
        upstreams.put(
            &format!(
                "{BODHI}/updates/?releases=F43&type=security&status=stable&rows_per_page=100&page={number}{since}"
            ),
            json!({ "updates": updates, "page": number, "pages": pages }).to_string(),
        );
    };
    page(1, "", 2, &[update_of("FEDORA-2026-1", "CVE-2026-0001", "sealib-1.0-2.fc43", None)]);
    page(2, "", 2, &[update_of("FEDORA-2026-2", "CVE-2026-0002", "sealib-1.0-3.fc43", None)]);
    let base = upstreams.base();
    let at = |time: &str| {
        let flags = ["db", "update", "--db", "db", "--feed-mirror", &base, "--source", "fedora"];
        place.run_with(&flags, &[("SOURCE_DATE_EPOCH", time)])
    };
    // 2026-11-26 10:00 and 11:00.
    let run = at("1795687200").exits(0).quiet();
    assert!(run.stdout.contains("fedora  new, 2 records"), "{}", run.stdout);
    assert!(explained(&place, "CVE-2026-0002").contains("1.0-3.fc43"));
    let before = digest(&place);
    // Only what changed is asked for; the newest word of an update counts.
    let since = "&modified_since=2026-11-26T10:00:00";
    page(1, since, 1, &[]);
    at("1795687200").exits(0).quiet();
    assert_eq!(digest(&place), before);
    page(
        1,
        since,
        1,
        &[update_of("FEDORA-2026-2", "CVE-2026-0002", "sealib-1.0-9.fc43", Some("2026-11-26 10:30:00"))],
    );
    upstreams.asked();
    at("1795690800").exits(0).quiet();
    assert!(upstreams.asked().iter().all(|(path, _)| path.contains("releases/") || path.contains("since")));
    assert!(explained(&place, "CVE-2026-0002").contains("1.0-9.fc43"));
    // A sign-in page is no page of updates, and nothing is lost.
    let changed = digest(&place);
    page(1, "&modified_since=2026-11-26T11:00:00", 1, &[json!({ "alias": 7 })]);
    at("1795694400").exits(3).says(&["fedora", "is no page of updates"]);
    assert_eq!(digest(&place), changed);
    // After a week the whole is taken again.
    let run = at("1796299200").exits(0).quiet();
    assert!(run.stdout.contains("fedora  new, 2 records"), "{}", run.stdout);
    assert!(explained(&place, "CVE-2026-0002").contains("1.0-3.fc43"));
    is_tidy(&place);
}
