//! `plimsoll db`, `plimsoll explain`, `plimsoll completions`, `plimsoll man`.

use super::common::feeds;
use super::{Place, database, snapshot};

#[test]
fn build_says_what_it_took() {
    let place = Place::new();
    feeds::write(&place.path("feeds"));
    let run = place.run(&["db", "build", "--from", "feeds", "--out", "new/advisories.db"]).exits(0).quiet();
    snapshot!(place, run);
}

#[test]
fn the_same_feeds_give_the_same_bytes() {
    let place = Place::new();
    feeds::write(&place.path("feeds"));
    feeds::write(&place.path("again"));
    place.run(&["db", "build", "--from", "feeds", "--out", "first.db"]).exits(0);
    place.run(&["db", "build", "--from", "again", "--out", "second.db"]).exits(0);
    assert!(
        std::fs::read(place.path("first.db")).unwrap() == std::fs::read(place.path("second.db")).unwrap()
    );
}

#[test]
fn a_folder_without_feeds_builds_nothing() {
    let place = Place::new();
    std::fs::create_dir(place.path("nothing")).unwrap();
    let run = place.run(&["db", "build", "--from", "nothing", "--out", "x.db"]).says(&["error:", "nothing"]);
    assert!([2, 3].contains(&run.code), "{}", run.code);
    assert!(!place.path("x.db").exists());
    assert_eq!(std::fs::read_dir(place.folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_bad_record_is_told_and_the_others_are_read() {
    let place = Place::new();
    feeds::write(&place.path("feeds"));
    place.put("feeds/osv/npm/broken.json", "{ not json");
    place.put("feeds/osv/npm/hostile.json", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[");
    let run = place.run(&["db", "build", "--from", "feeds", "--out", "x.db"]).exits(0);
    assert!(run.stdout.contains("rejected") && run.stdout.contains("broken.json"), "{}", run.stdout);
}

#[test]
fn status_and_verify() {
    let place = Place::new();
    let run = place.run(&["db", "status", "--db", database()]).exits(0).quiet();
    snapshot!(place, run);
    let status = place.run(&["db", "status", "--json", "--db", database()]).exits(0).quiet().json();
    assert_eq!(status["coverage"], "database");
    let run = place.run(&["db", "verify", "--db", database()]).exits(0).quiet();
    assert!(run.stdout.contains("is whole: sha256:"), "{}", run.stdout);
}

#[test]
fn status_and_verify_of_what_is_no_database() {
    let place = Place::new();
    let good = std::fs::read(database()).unwrap();
    place.put("cut.db", &good[..good.len() * 3 / 4]);
    place.put("foreign.db", [1_u8; 9000]);
    for command in ["status", "verify"] {
        for name in ["absent.db", "cut.db", "foreign.db"] {
            let run = place.run(&["db", command, "--db", name]).exits(3).says(&["error:", name]);
            assert_eq!(run.stdout, "", "{command} {name}");
        }
    }
    // A database of a later version says so, and is not taken for a damaged one.
    let mut newer = good.clone();
    newer[60..64].copy_from_slice(&999_u32.to_be_bytes());
    place.put("newer.db", &newer);
    for arguments in [["db", "status", "--db", "newer.db"], ["db", "verify", "--db", "newer.db"]] {
        place.run(&arguments).exits(3).says(&["error:", "newer.db", "999"]);
    }
    // One byte changed: opening need not notice, verifying must, unless nothing that anybody reads has changed.
    let shop = place.shop();
    let expected = place.json(&shop, &[]);
    let mut noticed = 0;
    for part in 1..24 {
        let mut changed = good.clone();
        changed[good.len() * part / 24] ^= 0x55;
        place.put("changed.db", &changed);
        let run = place.run(&["db", "verify", "--db", "changed.db"]);
        if run.code == 3 {
            noticed += 1;
            run.says(&["error:", "changed.db"]);
        } else {
            let report = place.run(&["scan", &shop, "--db", "changed.db", "--format", "json"]).json();
            assert_eq!(report["findings"], expected["findings"], "{part}/24");
        }
    }
    assert!(noticed > 0);
    place.run(&["db", "status"]).exits(3).says(&["error:", "advisories.db", "plimsoll db update"]);
}

#[test]
fn explain() {
    let place = Place::new();
    let run = place.run(&["explain", "CVE-2099-0010", "--db", database()]).exits(0).quiet();
    snapshot!(place, run);
    // By alias, in any case, and by a finding's id.
    for id in ["GHSA-2222-2222-0010", "cve-2099-0010", "CVE-2099-0010@pkg:pypi/harbour@3.2.4"] {
        let run = place.run(&["explain", id, "--db", database()]).exits(0);
        assert!(
            run.stdout.contains("CVE-2099-0010") && run.stdout.contains("3.2.25"),
            "{id}: {}",
            run.stdout
        );
    }
    place
        .run(&["explain", "CVE-1900-1", "--db", database()])
        .exits(2)
        .says(&["nothing is known of `CVE-1900-1`", "hint:"]);
    // Without a database the incident pack answers.
    let run = place.run(&["explain", "CVE-2024-3094"]).exits(0).quiet();
    assert!(run.stdout.contains("xz"), "{}", run.stdout);
    place.run(&["explain", "CVE-2099-0010"]).exits(2).says(&["incident pack", "plimsoll db update"]);
    place.run(&["explain", "CVE-2099-0010", "--db", "absent.db"]).exits(3).says(&["absent.db"]);
}

#[test]
fn completions_and_manual() {
    let place = Place::new();
    for (shell, word) in [
        ("bash", "_plimsoll"),
        ("zsh", "#compdef plimsoll"),
        ("fish", "complete -c plimsoll"),
        ("elvish", "plimsoll"),
        ("powershell", "plimsoll"),
    ] {
        let run = place.run(&["completions", shell]).exits(0).quiet();
        assert!(run.stdout.contains(word) && run.stdout.contains("ignore-file"), "{shell}");
    }
    place.run(&["completions", "tcsh"]).exits(2).says(&["tcsh", "bash"]);
    let run = place.run(&["man"]).exits(0).quiet();
    assert!(run.stdout.contains(".TH plimsoll 1"), "{}", run.stdout);
    for word in ["plimsoll\\-scan", "sbom", "explain"] {
        assert!(run.stdout.contains(word), "the manual does not speak of {word}:\n{}", run.stdout);
    }
    let run = place.run(&["man", "scan"]).exits(0).quiet();
    assert!(
        run.stdout.contains("ignore\\-file") && run.stdout.contains("docker\\-archive"),
        "{}",
        run.stdout
    );
    place.run(&["man", "db", "build"]).exits(0).quiet();
    place.run(&["man", "scna"]).exits(2).says(&["there is no command `scna`", "scan, check, diff, sbom"]);
}

#[test]
fn version_and_help() {
    let place = Place::new();
    let run = place.run(&["--version"]).exits(0).quiet();
    assert_eq!(run.stdout, concat!("plimsoll ", env!("CARGO_PKG_VERSION"), "\n"));
    let run = place.run(&["--help"]).exits(0).quiet();
    snapshot!(place, run);
    let run = place.run(&["scan", "--help"]).exits(0).quiet();
    snapshot!(place, run);
    place.run(&[]).exits(2).says(&["Usage: plimsoll"]);
}
