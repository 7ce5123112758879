//! `plimsoll db export|delta|import|pull|keygen`: a database on its way, with a hostile world around it.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plimsoll_advisory::{Database, delta_name, verify};

use super::common::feeds;
use super::{Place, Run};

/// Two databases, `old.db` and `new.db`, of this many records and one more; `key`, `key.pub`, `other`, `other.pub`.
fn place(records: u32) -> Place {
    let place = Place::new();
    feeds::write(&place.path("feeds"));
    let mut number = 0;
    let mut more = |count: u32| {
        for _ in 0..count {
            number += 1;
            let record = feeds::osv(
                &format!("X-{number}"),
                &[&format!("CVE-2099-9{number:04}")],
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
                "npm",
                &format!("filler-{number}"),
                &[("0", "1.0.0")],
            );
            place.put(&format!("feeds/osv/npm/X-{number}.json"), record.to_string());
        }
    };
    more(records);
    place.run(&["db", "build", "--from", "feeds", "--out", "old.db"]).exits(0);
    more(1);
    place.run(&["db", "build", "--from", "feeds", "--out", "new.db"]).exits(0);
    for name in ["key", "other"] {
        place.run(&["db", "keygen", name]).exits(0).quiet();
    }
    place
}

fn digest(path: &Path) -> String {
    Database::open(path).unwrap().digest().unwrap().to_string()
}

/// The database is one of these, and whole.
#[track_caller]
fn is_one_of(path: &Path, digests: &[&str]) {
    let found = verify(path).unwrap().digest.unwrap().to_string();
    assert!(digests.contains(&found.as_str()), "{found}");
}

/// What failed says why and what to do, and leaves `db` as it was.
#[track_caller]
fn refused(place: &Place, arguments: &[&str], says: &[&str]) -> Run {
    std::fs::copy(place.path("old.db"), place.path("db")).unwrap();
    let before = std::fs::read(place.path("db")).unwrap();
    let run = place.run(arguments).exits(3).says(says).says(&["error:", "hint:"]);
    assert_eq!(run.stdout, "");
    assert!(std::fs::read(place.path("db")).unwrap() == before, "the database is untouched");
    let left: Vec<_> = std::fs::read_dir(place.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".part"))
        .collect();
    assert_eq!(left, [""; 0], "nothing is left beside it");
    run
}

#[test]
fn a_bundle_gives_the_same_database() {
    let place = place(10);
    let run = place.run(&["db", "export", "way/bundle", "--db", "old.db", "--sign", "key"]).exits(0).quiet();
    assert!(run.stdout.contains("signed by"), "{}", run.stdout);
    place.run(&["db", "export", "again", "--db", "old.db", "--sign", "key"]).exits(0);
    assert!(
        std::fs::read(place.path("way/bundle")).unwrap() == std::fs::read(place.path("again")).unwrap(),
        "the same content and key give the same bytes"
    );
    let arguments = ["db", "import", "way/bundle", "--db", "deep/db", "--db-key", "key.pub"];
    let run = place.run(&arguments).exits(0).quiet();
    assert!(
        run.stdout.contains("deep/db is installed") && run.stdout.contains("signed by"),
        "{}",
        run.stdout
    );
    is_one_of(&place.path("deep/db"), &[&digest(&place.path("old.db"))]);
    // Whoever signed it can be asked for later.
    let run = place.run(&["db", "verify", "--db", "deep/db", "--db-key", "key.pub"]).exits(0).quiet();
    assert!(run.stdout.contains("signed by"), "{}", run.stdout);
    place.run(&["db", "verify", "--db", "deep/db", "--db-key", "other.pub"]).exits(3).says(&["hint:"]);
    place.run(&["db", "verify", "--db", "old.db", "--db-key", "key.pub"]).exits(3).says(&["hint:"]);
    // Without a key it is installed, and said.
    place
        .run(&["db", "import", "again", "--db", "db"])
        .exits(0)
        .says(&["warning:", "signature was not checked"]);
    place.run(&["db", "export", "plain", "--db", "old.db"]).exits(0).quiet();
    place.run(&["db", "import", "plain", "--db", "db"]).exits(0).says(&["warning:", "it is not signed"]);
    // The variable asks as the flag does.
    let key = place.text("other.pub");
    place.run_with(&["db", "import", "again", "--db", "db"], &[("PLIMSOLL_DB_KEY", &key)]).exits(3);
}

#[test]
fn what_is_not_vouched_for_is_refused() {
    let place = place(10);
    place.run(&["db", "export", "signed", "--db", "new.db", "--sign", "key"]).exits(0);
    place.run(&["db", "export", "plain", "--db", "new.db"]).exits(0);
    refused(&place, &["db", "import", "plain", "--db", "db", "--db-key", "key.pub"], &["is not signed"]);
    refused(&place, &["db", "import", "signed", "--db", "db", "--db-key", "other.pub"], &["not signed by"]);
    for name in ["absent", "feeds", "old.db"] {
        refused(&place, &["db", "import", name, "--db", "db"], &[name]);
    }
    // Any byte that is changed: refused with the key always; without a key never a broken database.
    let good = std::fs::read(place.path("signed")).unwrap();
    let new = digest(&place.path("new.db"));
    for part in 0..40 {
        let mut bad = good.clone();
        let at = good.len() * part / 40;
        bad[at] ^= 0x20;
        place.put("bad", &bad);
        refused(&place, &["db", "import", "bad", "--db", "db", "--db-key", "key.pub"], &["bad"]);
        place.run(&["db", "import", "bad", "--db", "db"]);
        is_one_of(&place.path("db"), &[&digest(&place.path("old.db")), &new]);
    }
    for end in [0, 5, 12, 14, 300, good.len() / 2, good.len() - 1] {
        place.put("cut", &good[..end]);
        refused(&place, &["db", "import", "cut", "--db", "db", "--db-key", "key.pub"], &["cut"]);
    }
    place.put("longer", [good.as_slice(), b"x"].concat());
    refused(&place, &["db", "import", "longer", "--db", "db", "--db-key", "key.pub"], &["longer than"]);
    // Keys that are none, and a key that is there already.
    place
        .run(&["db", "import", "signed", "--db", "db", "--db-key", "key"])
        .exits(2)
        .says(&["hint:", "PUBLIC KEY"]);
    place
        .run(&["db", "import", "signed", "--db", "db", "--db-key", "none"])
        .exits(2)
        .says(&["hint:", "none"]);
    place
        .run(&["db", "export", "x", "--db", "new.db", "--sign", "key.pub"])
        .exits(2)
        .says(&["hint:", "PRIVATE"]);
    let key = std::fs::read(place.path("key")).unwrap();
    place.run(&["db", "keygen", "key"]).exits(2).says(&["hint:", "not overwritten"]);
    assert_eq!(std::fs::read(place.path("key")).unwrap(), key);
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(place.path("key")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_older_bundle_is_not_slipped_in() {
    let place = place(2);
    let record = feeds::osv("X-later", &[], "", "npm", "later", &[("0", "1.0.0")]).to_string();
    place.run(&["db", "export", "before", "--db", "new.db"]).exits(0);
    place.put("feeds/osv/npm/X-later.json", record.replace("2026-11-20T", "2026-11-23T"));
    place.run(&["db", "build", "--from", "feeds", "--out", "later.db"]).exits(0);
    let date = |path: &str| place.run(&["db", "status", "--json", "--db", path]).json()["date"].to_string();
    assert!(date("later.db") > date("new.db"), "the test needs a later date");
    let digest = digest(&place.path("later.db"));
    place.run(&["db", "import", "before", "--db", "later.db"]).exits(3).says(&[
        "error:",
        "hint:",
        "--allow-older",
    ]);
    is_one_of(&place.path("later.db"), &[&digest]);
    place.run(&["db", "import", "before", "--db", "later.db", "--allow-older"]).exits(0);
    is_one_of(&place.path("later.db"), &[&self::digest(&place.path("new.db"))]);
}

#[test]
fn a_delta_leads_from_one_to_the_next() {
    let place = place(200);
    let (old, new) = (place.path("old.db"), place.path("new.db"));
    place.run(&["db", "export", "whole", "--db", "new.db"]).exits(0);
    place.run(&["db", "delta", "old.db", "new.db", "--out", "delta", "--sign", "key"]).exits(0).quiet();
    let size = |name: &str| std::fs::metadata(place.path(name)).unwrap().len();
    assert!(size("delta") * 2 < size("whole"), "{} of {}", size("delta"), size("whole"));
    std::fs::copy(&old, place.path("db")).unwrap();
    for _ in 0..2 {
        // The second time it is there already.
        place.run(&["db", "import", "delta", "--db", "db", "--db-key", "key.pub"]).exits(0).quiet();
        is_one_of(&place.path("db"), &[&digest(&new)]);
    }
    place.run(&["db", "delta", "old.db", "old.db", "--out", "none"]).exits(0).says(&["same content"]);
    assert!(!place.path("none").exists());
    let record = feeds::osv("X-third", &[], "", "npm", "third", &[("0", "1.0.0")]);
    place.put("feeds/osv/npm/X-third.json", record.to_string());
    place.run(&["db", "build", "--from", "feeds", "--out", "third.db"]).exits(0);
    place.run(&["db", "delta", "new.db", "third.db", "--out", "next"]).exits(0);
    refused(&place, &["db", "import", "next", "--db", "db"], &["starts from", "whole database"]);
    place.run(&["db", "import", "delta", "--db", "absent.db"]).exits(3).says(&["no database", "hint:"]);
    assert!(!place.path("absent.db").exists());
}

/// A static host over a folder. Paths with `cut` in them break off in the middle, with `refuse` are 403.
struct Host {
    address: String,
}

impl Host {
    fn of(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let folder = folder.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let folder = folder.clone();
                std::thread::spawn(move || answer(&stream, &folder));
            }
        });
        Host { address }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }
}

fn answer(mut stream: &TcpStream, folder: &Path) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next()?.ok()?;
    for line in lines.by_ref() {
        if line.ok()?.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1)?.trim_start_matches('/');
    let mut head = String::new();
    let body = match std::fs::read(folder.join(path.replace("cut/", ""))) {
        _ if path.contains("refuse") => {
            let _ = write!(head, "HTTP/1.1 403 Forbidden\r\n");
            Vec::new()
        }
        Ok(body) => {
            let _ = write!(head, "HTTP/1.1 200 OK\r\n");
            body
        }
        Err(_) => {
            let _ = write!(head, "HTTP/1.1 404 Not Found\r\n");
            Vec::new()
        }
    };
    let _ = write!(head, "Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let end = if path.contains("cut/") { body.len() * 3 / 4 } else { body.len() };
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..end])).ok()
}

#[test]
fn any_static_host_or_folder_will_do() {
    let place = place(300);
    let (old, new) = (digest(&place.path("old.db")), digest(&place.path("new.db")));
    std::fs::create_dir(place.path("public")).unwrap();
    let host = Host::of(&place.path("public"));
    let url = host.url("");
    let publish = |database: &str| {
        place
            .run(&["db", "export", "public/advisories.plimsoll-db", "--db", database, "--sign", "key"])
            .exits(0);
    };
    for source in [url.as_str(), "public"] {
        let pull = |database: &str| {
            place
                .run(&["db", "pull", source, "--db", database, "--db-key", "key.pub"])
                .exits(0)
                .quiet()
                .stdout
        };
        publish("old.db");
        assert!(pull("db").contains("is installed"));
        is_one_of(&place.path("db"), &[&old]);
        assert!(pull("db").contains("is up to date"));
        publish("new.db");
        place.run(&["db", "delta", "old.db", "new.db", "--out", "public", "--sign", "key"]).exits(0);
        let name = delta_name(
            Database::open(&place.path("old.db")).unwrap().digest().unwrap(),
            Database::open(&place.path("new.db")).unwrap().digest().unwrap(),
        );
        let delta = place.path("public").join(name);
        assert!(delta.is_file(), "the delta has the name that is looked for");
        std::fs::copy(place.path("db"), place.path("again")).unwrap();
        assert!(pull("db").contains("updated by a delta"));
        is_one_of(&place.path("db"), &[&new]);
        // A delta that does not hold is no reason to stay behind.
        std::fs::write(&delta, b"no delta").unwrap();
        let run = place.run(&["db", "pull", source, "--db", "again", "--db-key", "key.pub"]).exits(0);
        run.says(&["warning:", "the whole database is taken"]);
        is_one_of(&place.path("again"), &[&new]);
        std::fs::remove_file(&delta).unwrap();
        std::fs::remove_file(place.path("db")).unwrap();
    }
    let file = host.url("advisories.plimsoll-db");
    place.run(&["db", "pull", &file, "--db", "db", "--db-key", "key.pub"]).exits(0).quiet();
    is_one_of(&place.path("db"), &[&new]);

    for path in ["absent/", "refuse/", "cut/", "cut/advisories.plimsoll-db"] {
        let url = host.url(path);
        refused(&place, &["db", "pull", &url, "--db", "db", "--db-key", "key.pub"], &[]);
    }
    refused(&place, &["db", "pull", &url, "--db", "db", "--db-key", "other.pub"], &["not signed by"]);
    place.run(&["db", "pull", &url, "--db", "db"]).exits(2).says(&["not encrypted", "hint:", "--db-key"]);
    place.run(&["db", "pull", "ftp://example.org/", "--db", "db"]).exits(2).says(&["hint:", "https://"]);
}

#[test]
fn the_script_publishes_what_pull_reads() {
    let place = place(50);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/ci/publish-database.sh");
    let program = Path::new(env!("CARGO_BIN_EXE_plimsoll")).parent().unwrap();
    let publish = || {
        let status = std::process::Command::new("sh")
            .args([script, "feeds", "public", "key"])
            .current_dir(place.folder.path())
            .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
    };
    let pull =
        || place.run(&["db", "pull", "public", "--db", "db", "--db-key", "key.pub"]).exits(0).quiet().stdout;
    std::fs::remove_file(place.path("feeds/osv/npm/X-51.json")).unwrap();
    publish();
    assert!(pull().contains("is installed"));
    let record = feeds::osv("X-next", &[], "", "npm", "next", &[("0", "1.0.0")]);
    place.put("feeds/osv/npm/X-next.json", record.to_string());
    publish();
    assert!(pull().contains("updated by a delta"));
    publish();
    assert!(pull().contains("is up to date"));
}

#[test]
fn killed_at_any_moment_it_is_the_old_one_or_the_new_one() {
    let place = place(1500);
    let (old, new) = (digest(&place.path("old.db")), digest(&place.path("new.db")));
    place.run(&["db", "export", "old.bundle", "--db", "old.db"]).exits(0);
    place.run(&["db", "export", "new.bundle", "--db", "new.db"]).exits(0);
    place.run(&["db", "delta", "old.db", "new.db", "--out", "delta"]).exits(0);
    std::fs::copy(place.path("old.db"), place.path("db")).unwrap();
    let ways: [&[&str]; 4] = [
        &["db", "import", "new.bundle", "--db", "db"],
        &["db", "build", "--from", "feeds", "--out", "db"],
        &["db", "import", "delta", "--db", "db"],
        &["db", "import", "old.bundle", "--db", "db"],
    ];
    // How long each takes when nobody kills it, from the same start.
    let times: Vec<Duration> = ways
        .iter()
        .map(|way| {
            std::fs::copy(place.path("old.db"), place.path("db")).unwrap();
            let begin = Instant::now();
            place.run(way).exits(0);
            begin.elapsed()
        })
        .collect();
    let (mut killed, mut finished, mut chance) = (0, 0, 0x5eed_u64);
    while killed < 200 {
        assert!(killed + finished < 2000, "{killed} killed, {finished} were faster");
        for (way, time) in ways.iter().zip(&times) {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut child = place.command(way).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(
                time.mul_f64(f64::from(u32::try_from(chance >> 40).unwrap()) / f64::from(1 << 24)),
            );
            child.kill().unwrap();
            let ended = child.wait().unwrap();
            if ended.code().is_none() {
                killed += 1;
            } else {
                finished += 1;
            }
            is_one_of(&place.path("db"), &[&old, &new]);
        }
    }
    // The next one clears away what they left.
    place.run(&["db", "import", "new.bundle", "--db", "db"]).exits(0);
    is_one_of(&place.path("db"), &[&new]);
    let left = std::fs::read_dir(place.folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".part"))
        .count();
    assert_eq!(left, 0);
}

#[test]
fn many_at_once_never_see_half_a_database() {
    let place = place(100);
    let (old, new) = (digest(&place.path("old.db")), digest(&place.path("new.db")));
    place.run(&["db", "export", "old.bundle", "--db", "old.db"]).exits(0);
    place.run(&["db", "export", "new.bundle", "--db", "new.db"]).exits(0);
    std::fs::copy(place.path("old.db"), place.path("db")).unwrap();
    let done = AtomicBool::new(false);
    let reads = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) {
                is_one_of(&place.path("db"), &[&old, &new]);
                reads += 1;
            }
            reads
        });
        let writers: Vec<_> = ["old.bundle", "new.bundle", "new.bundle"]
            .into_iter()
            .map(|bundle| {
                let place = &place;
                scope.spawn(move || {
                    for _ in 0..15 {
                        place.run(&["db", "import", bundle, "--db", "db"]).exits(0);
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(reads > 10, "{reads}");
}

#[test]
#[expect(clippy::print_stdout, reason = "what is not checked is said")]
fn a_full_disk_leaves_the_old_database() {
    let place = place(400);
    place.run(&["db", "export", "bundle", "--db", "new.db"]).exits(0);
    let size = std::fs::metadata(place.path("old.db")).unwrap().len();
    let disk = place.path("disk");
    std::fs::create_dir(&disk).unwrap();
    // Room for one database and a part of another.
    let options = format!("size={}k", size.div_ceil(4096) * 4 + size / 2048);
    let mount = |program: &str, arguments: &[&str]| {
        std::process::Command::new(program).args(arguments).arg(&disk).stderr(Stdio::null()).status()
    };
    if !mount("mount", &["-t", "tmpfs", "-o", &options, "tmpfs"]).is_ok_and(|status| status.success()) {
        println!("NOT CHECKED: a small disk needs root and mount");
        return;
    }
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        std::fs::copy(place.path("old.db"), disk.join("db")).unwrap();
        let before = std::fs::read(disk.join("db")).unwrap();
        for way in [
            &["db", "import", "bundle", "--db", "disk/db"][..],
            &["db", "pull", "bundle", "--db", "disk/db"],
            &["db", "build", "--from", "feeds", "--out", "disk/db"],
        ] {
            place.run(way).exits(3).says(&["error:", "disk/db", "full"]);
            assert!(std::fs::read(disk.join("db")).unwrap() == before);
            assert_eq!(std::fs::read_dir(&disk).unwrap().count(), 1, "nothing is left beside it");
        }
    }));
    mount("umount", &[]).unwrap();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}
