//! Content of a database on its way: whole, and as a difference.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use plimsoll_advisory::{
    ApplyError, BuildOptions, Database, NoDelta, Source, apply, build, verify, write_content, write_delta,
};
use proptest::prelude::*;

/// Package, fixed version and title by number of the record.
type Feed = BTreeMap<u16, (u8, u8, String)>;

fn written(folder: &Path, name: &str, feed: &Feed, scores: &[(u16, u32)]) -> PathBuf {
    let from = folder.join(format!("{name}.feeds"));
    let npm = from.join("osv/npm");
    std::fs::create_dir_all(&npm).unwrap();
    std::fs::create_dir_all(from.join("epss")).unwrap();
    for (number, (package, fixed, title)) in feed {
        let record = serde_json::json!({
            "id": format!("X-{number}"), "aliases": [format!("CVE-2099-{number}")], "summary": title,
            "modified": "2026-01-02T00:00:00Z",
            "affected": [{
                "package": { "ecosystem": "npm", "name": format!("package-{}", package % 16) },
                "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }, { "fixed": format!("1.{fixed}.0") }] }],
            }],
        });
        std::fs::write(npm.join(format!("X-{number}.json")), record.to_string()).unwrap();
    }
    let mut csv = "#model_version:v1,score_date:2026-11-22T00:00:00+0000\ncve,epss,percentile\n".to_owned();
    for (number, score) in scores {
        let _ = writeln!(csv, "CVE-2099-{number},0.{score:05},0.{:05}", (score * 7 + 11) % 100_000);
    }
    std::fs::write(from.join("epss/scores.csv"), csv).unwrap();
    let out = folder.join(format!("{name}.db"));
    build(&from, &out, &BuildOptions::default()).unwrap();
    out
}

fn feed(numbers: impl IntoIterator<Item = u16>) -> Feed {
    numbers.into_iter().map(|n| (n, ((n % 251) as u8, (n % 7) as u8, format!("About {n}")))).collect()
}

fn content(database: &Path) -> Vec<u8> {
    let mut stream = Vec::new();
    write_content(&Database::open(database).unwrap(), &mut stream, Path::new("content")).unwrap();
    stream
}

fn delta(old: &Path, new: &Path) -> Result<Vec<u8>, NoDelta> {
    let mut stream = Vec::new();
    let (old, new) = (Database::open(old).unwrap(), Database::open(new).unwrap());
    write_delta(&old, &new, &mut stream, Path::new("delta")).unwrap().map(|()| stream)
}

/// Both ways from one database to another give the file itself.
fn check(old: &Path, new: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.db");
    let database = Database::open(new).unwrap();
    let promised = database.digest().unwrap().clone();
    apply(&mut content(new).as_slice(), None, &out, &promised, &[], u64::MAX).unwrap();
    assert!(std::fs::read(&out).unwrap() == std::fs::read(new).unwrap(), "whole");
    match delta(old, new) {
        Ok(stream) => {
            let old = Database::open(old).unwrap();
            apply(&mut stream.as_slice(), Some(&old), &out, &promised, &[], u64::MAX).unwrap();
            assert!(std::fs::read(&out).unwrap() == std::fs::read(new).unwrap(), "difference");
            verify(&out).unwrap();
        }
        Err(NoDelta::Same) => assert_eq!(Database::open(old).unwrap().digest(), Some(&promised)),
        Err(NoDelta::TooDifferent) => panic!("small databases are never too different"),
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_database_becomes_any_other(
        old in prop::collection::btree_map(0_u16..60, (any::<u8>(), any::<u8>(), "[a-zä\"]{0,300}"), 1..30),
        new in prop::collection::btree_map(0_u16..60, (any::<u8>(), any::<u8>(), "[a-zä\"]{0,300}"), 1..30),
        scores in prop::collection::vec((0_u16..60, 0_u32..100_000), 0..20),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let old = written(folder.path(), "old", &old, &scores);
        let new = written(folder.path(), "new", &new, &scores[..scores.len() / 2]);
        check(&old, &new);
        check(&new, &old);
    }

    #[test]
    fn arbitrary_bytes_are_no_content(data in prop::collection::vec(any::<u8>(), 0..2000)) {
        plimsoll_advisory::fuzz::fuzz_content(&data);
    }
}

#[test]
fn one_more_record_is_a_small_difference() {
    let folder = tempfile::tempdir().unwrap();
    let old = written(folder.path(), "old", &feed(0..1500), &[]);
    let new = written(folder.path(), "new", &feed(0..1501), &[]);
    check(&old, &new);
    let (whole, small) = (content(&new).len(), delta(&old, &new).unwrap().len());
    assert!(small < 1000 && small * 10 < whole, "{small} of {whole}");
}

#[test]
fn all_feeds_arrive_as_they_are() {
    let Some(all) = common::all() else { return };
    let folder = tempfile::tempdir().unwrap();
    let small = written(folder.path(), "small", &feed(0..10), &[]);
    let out = folder.path().join("out.db");
    let stream = delta(&small, &all.file);
    // Everything is new: it is refused, or leads there all the same.
    if let Ok(stream) = stream {
        let old = Database::open(&small).unwrap();
        apply(&mut stream.as_slice(), Some(&old), &out, &all.report.digest, &[("note", "kept")], u64::MAX)
            .unwrap();
        let database = Database::open(&out).unwrap();
        database.verify().unwrap();
        assert_eq!(database.digest(), Some(&all.report.digest));
        assert_eq!(database.meta("note").unwrap().as_deref(), Some("kept"));
    }
}

#[test]
fn what_is_damaged_is_never_installed() {
    let folder = tempfile::tempdir().unwrap();
    let old = written(folder.path(), "old", &feed(0..40), &[(1, 5), (2, 7)]);
    let new = written(folder.path(), "new", &feed(10..50), &[(1, 6), (3, 7)]);
    let promised = Database::open(&new).unwrap().digest().unwrap().clone();
    let out = folder.path().join("out.db");
    let before = std::fs::read(&old).unwrap();
    let database = Database::open(&old).unwrap();
    for (stream, base) in [(content(&new), None), (delta(&old, &new).unwrap(), Some(&database))] {
        let attempt = |bytes: &[u8]| {
            std::fs::write(&out, &before).unwrap();
            let result = apply(&mut &bytes[..], base, &out, &promised, &[], u64::MAX);
            match result {
                // A byte that nobody reads may change; the content may not.
                Ok(()) => assert_eq!(Database::open(&out).unwrap().digest(), Some(&promised)),
                Err(_) => assert!(std::fs::read(&out).unwrap() == before, "the old one stays"),
            }
        };
        for end in (0..stream.len()).step_by(7) {
            attempt(&stream[..end]);
        }
        for place in (0..stream.len()).step_by(5) {
            let mut damaged = stream.clone();
            damaged[place] ^= 0x41;
            attempt(&damaged);
        }
        attempt(&[stream.clone(), b"more".to_vec()].concat());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 5, "nothing is left beside it");
}

#[test]
fn another_base_and_another_promise_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let old = written(folder.path(), "old", &feed(0..10), &[]);
    let new = written(folder.path(), "new", &feed(0..11), &[]);
    let other = written(folder.path(), "other", &feed(0..12), &[]);
    let stream = delta(&old, &new).unwrap();
    let digest = |path: &Path| Database::open(path).unwrap().digest().unwrap().clone();
    let out = folder.path().join("out.db");
    let database = Database::open(&other).unwrap();
    let promised = digest(&new);
    let error = apply(&mut stream.as_slice(), Some(&database), &out, &promised, &[], u64::MAX).unwrap_err();
    assert!(matches!(error, ApplyError::Base { .. }), "{error}");
    let error = apply(&mut stream.as_slice(), None, &out, &promised, &[], u64::MAX).unwrap_err();
    assert!(matches!(error, ApplyError::Base { .. }), "{error}");
    let database = Database::open(&old).unwrap();
    let error =
        apply(&mut stream.as_slice(), Some(&database), &out, &digest(&other), &[], u64::MAX).unwrap_err();
    assert!(matches!(error, ApplyError::Content { .. }), "{error}");
    assert!(!out.exists());
    assert_eq!(delta(&old, &old), Err(NoDelta::Same));
}

#[test]
fn epss_is_what_the_feed_says() {
    let folder = tempfile::tempdir().unwrap();
    // The same score with two percentiles, and another run: both are kept as they are.
    let path = written(folder.path(), "scores", &feed(0..3), &[(1, 943), (2, 944)]);
    let from = folder.path().join("scores.feeds/epss");
    std::fs::write(
        from.join("older.csv"),
        "#model_version:v1,score_date:2026-11-20T00:00:00+0000\ncve,epss,percentile\nCVE-2099-1,0.5,0.6\nCVE-2099-9,0.00943,0.7\n",
    )
    .unwrap();
    std::fs::write(
        from.join("same.csv"),
        "#model_version:v1,score_date:2026-11-22T00:00:00+0000\ncve,epss,percentile\nCVE-2099-8,0.00943,0.12345\n",
    )
    .unwrap();
    build(&folder.path().join("scores.feeds"), &path, &BuildOptions::default()).unwrap();
    let database = Database::open(&path).unwrap();
    let epss = |id: &str| {
        let epss = database.cve(id).unwrap().and_then(|cve| cve.epss).unwrap();
        (epss.probability, epss.percentile, epss.date)
    };
    assert_eq!(epss("CVE-2099-1"), (943, 6_612, "2026-11-22".to_owned()));
    assert_eq!(epss("CVE-2099-8"), (943, 12_345, "2026-11-22".to_owned()));
    assert_eq!(epss("CVE-2099-9"), (943, 70_000, "2026-11-20".to_owned()));
    assert!(database.cve("CVE-2099-77").unwrap().is_none());
}

#[test]
fn what_unpacks_to_more_than_allowed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let old = written(folder.path(), "old", &feed(0..40), &[]);
    let new = written(folder.path(), "new", &feed(0..45), &[]);
    let promised = Database::open(&new).unwrap().digest().unwrap().clone();
    let out = folder.path().join("out.db");
    let database = Database::open(&old).unwrap();
    for (stream, base) in [(content(&new), None), (delta(&old, &new).unwrap(), Some(&database))] {
        let error = apply(&mut stream.as_slice(), base, &out, &promised, &[], 500).unwrap_err();
        assert!(matches!(error, ApplyError::Database(plimsoll_advisory::Error::Limit { .. })), "{error:?}");
        assert!(!out.exists());
        apply(&mut stream.as_slice(), base, &out, &promised, &[], 1 << 20).unwrap();
        std::fs::remove_file(&out).unwrap();
    }
}
