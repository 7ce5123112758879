//! `plimsoll db push` and `pull` with a real registry.

use std::process::Command;

use plimsoll_advisory::verify;
use serde_json::{Value, json};

use super::Place;
use super::common::feeds;
use super::keyless::{ISSUER, Keyless, SUBJECT};
use super::registry::{log_in, shared};

/// `old.db`, `new.db` with one more advisory of thirty, `key`, `other`.
fn place() -> Place {
    let place = Place::new();
    feeds::write(&place.path("feeds"));
    for number in 0..30 {
        if number == 29 {
            place.run(&["db", "build", "--from", "feeds", "--out", "old.db"]).exits(0);
        }
        let id = format!("X-{number}");
        let record = feeds::osv(&id, &[], "", "npm", &format!("filler-{number}"), &[("0", "1.0.0")]);
        place.put(&format!("feeds/osv/npm/{id}.json"), record.to_string());
    }
    place.run(&["db", "build", "--from", "feeds", "--out", "new.db"]).exits(0);
    for name in ["key", "other"] {
        place.run(&["db", "keygen", name]).exits(0).quiet();
    }
    place
}

fn digest(place: &Place, name: &str) -> String {
    verify(&place.path(name)).unwrap().digest.unwrap().to_string()
}

/// What is pushed here is not for the tests that list what the others share.
fn own_content(place: &Place) -> Value {
    json!({ "storage": { "filesystem": { "rootdirectory": place.text("pushed") } } })
}

/// The manifest of a tag, as another tool sees it.
fn manifest(name: &str) -> Value {
    let output = Command::new("skopeo")
        .args(["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn pushed_pulled_and_updated_by_a_delta() {
    let Some(shared) = shared() else { return };
    let place = place();
    let registry = shared.start(&own_content(&place));
    let name = format!("127.0.0.1:{}/data/advisories:latest", registry.port);
    let target = format!("oci://{name}");
    let run = place.run(&["db", "push", &target, "--db", "old.db", "--sign", "key"]).exits(0).quiet();
    assert!(
        run.stdout.contains("nothing was there before") && run.stdout.contains("signed by"),
        "{}",
        run.stdout
    );
    let pull = ["db", "pull", target.as_str(), "--db", "db", "--db-key", "key.pub"];
    let run = place.run(&pull).exits(0).quiet();
    assert!(run.stdout.contains("db is installed") && run.stdout.contains("signed by"), "{}", run.stdout);
    assert_eq!(digest(&place, "db"), digest(&place, "old.db"));
    let run = place.run(&pull).exits(0).quiet();
    assert!(run.stdout.contains("db is up to date"), "{}", run.stdout);
    let run = place.run(&["db", "push", &target, "--db", "old.db", "--sign", "key"]).exits(0).quiet();
    assert!(run.stdout.contains("is up to date"), "{}", run.stdout);
    // The next one comes as a delta to whoever has the last, whole to everybody else.
    let run = place.run(&["db", "push", &target, "--db", "new.db", "--sign", "key"]).exits(0).quiet();
    assert!(run.stdout.contains("with a delta of 0.0"), "{}", run.stdout);
    let seen = manifest(&name);
    assert_eq!(seen["artifactType"], "application/vnd.plimsoll.database.v1");
    let titles: Vec<_> = seen["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| &layer["annotations"]["org.opencontainers.image.title"])
        .collect();
    assert_eq!(titles.len(), 2);
    assert_eq!(titles[0], "advisories.plimsoll-db");
    assert!(titles[1].as_str().unwrap().ends_with(".delta"));
    let run = place.run(&pull).exits(0).quiet();
    assert!(run.stdout.contains("db is updated by a delta"), "{}", run.stdout);
    assert_eq!(digest(&place, "db"), digest(&place, "new.db"));
    place.run(&["db", "pull", &target, "--db", "fresh", "--db-key", "key.pub"]).exits(0).quiet();
    assert_eq!(digest(&place, "fresh"), digest(&place, "new.db"));
    // Another key: refused by whoever asks for theirs, and told by whoever publishes.
    place
        .run(&["db", "pull", &target, "--db", "none", "--db-key", "other.pub"])
        .exits(3)
        .says(&["not signed by"]);
    assert!(!place.path("none").exists());
    place
        .run(&["db", "push", &target, "--db", "old.db", "--sign", "other"])
        .exits(0)
        .says(&["warning: no delta was made from what is there", "not signed by"]);
    place.run(&pull).exits(3).says(&["not signed by"]);
    assert_eq!(digest(&place, "db"), digest(&place, "new.db"));
    // The same publisher going back does not take others with them.
    let back = format!("{target}-back");
    place.run(&["db", "push", &back, "--db", "new.db"]).exits(0).quiet();
    place.run(&["db", "pull", &back, "--db", "open"]).exits(0).says(&["it is not signed"]);
}

/// A sigstore bundle beside the artifact: who signed is known before anything of the database is read.
#[test]
fn signed_with_sigstore_bundles() {
    let Some(shared) = shared() else { return };
    let place = place();
    let registry = shared.start(&own_content(&place));
    let target = format!("oci://127.0.0.1:{}/data/signed:latest", registry.port);
    for name in ["publisher", "stranger"] {
        let script = format!(
            "openssl ecparam -genkey -name prime256v1 -noout -out {name}.pem && openssl ec -in {name}.pem -pubout -out {name}.pub"
        );
        let made = Command::new("sh").args(["-c", &script]).current_dir(place.path(".")).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let pull = |more: &[&str]| place.run(&[&["db", "pull", &target, "--db", "db"], more].concat());
    let publisher = ["--key", "publisher.pub", "--no-transparency-log"];
    // Nobody signed it.
    place.run(&["db", "push", &target, "--db", "old.db"]).exits(0).quiet();
    pull(&publisher).exits(3).says(&["is not signed by whom you named", "nothing is attached"]);
    assert!(!place.path("db").exists());
    // The same content, now signed: the tag stands for what is signed.
    let push = ["db", "push", &target, "--sign", "key", "--key", "publisher.pem", "--db"];
    let run = place.run(&[&push[..], &["old.db"]].concat()).exits(0);
    assert!(run.stdout.contains("sigstore bundle sha256:"), "{}", run.stdout);
    let run = pull(&publisher).exits(0).quiet();
    assert!(
        run.stdout.contains("db is installed") && run.stdout.contains("signed by publisher.pub"),
        "{}",
        run.stdout
    );
    assert_eq!(digest(&place, "db"), digest(&place, "old.db"));
    let run = pull(&publisher).exits(0).quiet();
    assert!(run.stdout.contains("db is up to date"), "{}", run.stdout);
    // A delta is a part of what is signed. Both kinds of signatures go together.
    let run = place.run(&[&push[..], &["new.db"]].concat()).exits(0).quiet();
    assert!(run.stdout.contains("with a delta") && run.stdout.contains("signed by"), "{}", run.stdout);
    let run = pull(&[&publisher[..], &["--db-key", "key.pub"]].concat()).exits(0).quiet();
    assert!(run.stdout.contains("db is updated by a delta"), "{}", run.stdout);
    assert_eq!(digest(&place, "db"), digest(&place, "new.db"));
    // Each that is asked for must hold; neither stands for the other, and a log that was asked for must know of it.
    let before = digest(&place, "db");
    pull(&[&publisher[..], &["--db-key", "other.pub"]].concat()).exits(3).says(&["not signed by"]);
    pull(&["--key", "stranger.pub", "--no-transparency-log"])
        .exits(3)
        .says(&["is not signed by whom you named"]);
    pull(&["--key", "publisher.pub"]).exits(3).says(&["is not signed by whom you named"]);
    pull(&["--identity", "**", "--issuer", "**"]).exits(3).says(&["is not signed by whom you named"]);
    // Something that is said about it by the same key is no signature.
    let other = format!("{target}-other");
    place.run(&["db", "push", &other, "--db", "old.db"]).exits(0).quiet();
    let said = place.put("said.json", "{}");
    let image = other.trim_start_matches("oci://");
    place
        .run(&[
            "attest",
            image,
            "--key",
            "publisher.pem",
            "--type",
            "https://example.test/said/v1",
            "--predicate",
            &said,
        ])
        .exits(0);
    place
        .run(&[&["db", "pull", &other, "--db", "db", "--allow-older"], &publisher[..]].concat())
        .exits(3)
        .says(&["is no signature"]);
    // Somebody else who may write there moves the tag.
    place.run(&["db", "push", &target, "--db", "old.db", "--key", "stranger.pem"]).exits(0);
    pull(&publisher).exits(3).says(&["is not signed by whom you named"]);
    // Services that do not answer leave the tag where it was.
    // {"sub":"repo:acme/shop"}
    let token = place.put("token", "e30.eyJzdWIiOiJyZXBvOmFjbWUvc2hvcCJ9.c2ln");
    let run = place.run(&[
        "db",
        "push",
        &target,
        "--db",
        "new.db",
        "--keyless",
        "--identity-token",
        &token,
        "--fulcio-url",
        "http://127.0.0.1:1",
    ]);
    run.exits(3);
    pull(&["--key", "stranger.pub", "--no-transparency-log", "--allow-older"]).exits(0);
    assert_eq!(digest(&place, "db"), digest(&place, "old.db"));
    assert_ne!(digest(&place, "db"), before);
    // Only a registry holds them.
    place
        .run(&[&["db", "pull", "new.db", "--db", "db"], &publisher[..]].concat())
        .exits(2)
        .says(&["only registries", "--db-key"]);
}

/// Signed by whoever an identity token names, without a key that anybody keeps.
#[test]
#[expect(clippy::disallowed_methods, reason = "certificates are made for now: tests enter here")]
fn signed_without_a_key() {
    let Some(shared) = shared() else { return };
    let place = place();
    let registry = shared.start(&own_content(&place));
    let target = format!("oci://127.0.0.1:{}/data/keyless:latest", registry.port);
    let services = Keyless::start();
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().to_string();
    let run = |arguments: &[&str]| place.run_with(arguments, &[("SOURCE_DATE_EPOCH", &now)]);
    let flags = services.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let push = |database: &str| run(&[&["db", "push", &target, "--db", database], &flags[..]].concat());
    let pull = |identity: &str, issuer: &str, root: &str| {
        run(&[
            "db",
            "pull",
            &target,
            "--db",
            "db",
            "--identity",
            identity,
            "--issuer",
            issuer,
            "--trust-root",
            root,
        ])
    };
    let root = services.root();
    let pushed = push("old.db").exits(0).quiet();
    assert!(pushed.stdout.contains("sigstore bundle sha256:"), "{}", pushed.stdout);
    let pulled = pull(SUBJECT, ISSUER, &root).exits(0).quiet();
    assert!(pulled.stdout.contains(&format!("signed by {SUBJECT}")), "{}", pulled.stdout);
    assert_eq!(digest(&place, "db"), digest(&place, "old.db"));
    // The next one, as a delta, by a pattern.
    push("new.db").exits(0).quiet();
    let pulled = pull("https://example.test/owner/data/**", ISSUER, &root).exits(0).quiet();
    assert!(pulled.stdout.contains("updated by a delta"), "{}", pulled.stdout);
    assert_eq!(digest(&place, "db"), digest(&place, "new.db"));
    // Somebody else, vouched for by somebody else, or by services that nobody trusts.
    let others = Keyless::start();
    for (identity, issuer, root) in [
        ("https://example.test/owner/else/**", ISSUER, &root),
        (SUBJECT, "https://else.example.test", &root),
        (SUBJECT, ISSUER, &others.root()),
    ] {
        pull(identity, issuer, root).exits(3).says(&["is not signed by whom you named"]);
    }
    // What the services answer must verify against the root that whoever signs trusts; else nothing is stored.
    let mut wrong = flags.clone();
    let other = others.root();
    *wrong.last_mut().unwrap() = &other;
    run(&[&["db", "push", &target, "--db", "old.db"], &wrong[..]].concat()).exits(3);
    pull(SUBJECT, ISSUER, &root).exits(0).quiet();
    assert_eq!(digest(&place, "db"), digest(&place, "new.db"));
}

#[test]
fn only_with_credentials() {
    let Some(shared) = shared() else { return };
    let mut more = shared.tls();
    more = json!({ "http": more, "auth": { "htpasswd": { "realm": "test", "path": shared.place.text("passwords") } } });
    let place = place();
    more["storage"] = own_content(&place)["storage"].clone();
    let registry = shared.start(&more);
    let host = format!("127.0.0.1:{}", registry.port);
    let target = format!("oci://{host}/private/advisories:1");
    let authority = shared.place.text("authority.pem");
    let push =
        ["db", "push", target.as_str(), "--db", "old.db", "--sign", "key", "--ca-file", authority.as_str()];
    place.run(&push).exits(3).says(&["error:", "401", "hint:"]);
    log_in(&place, &host, "anchorage");
    place.run(&push).exits(0).quiet();
    let pull =
        ["db", "pull", target.as_str(), "--db", "db", "--db-key", "key.pub", "--ca-file", authority.as_str()];
    place.run(&pull).exits(0).quiet();
    assert_eq!(digest(&place, "db"), digest(&place, "old.db"));
    // Without the authority: refused; as an insecure one only with a key.
    place.run(&pull[..7]).exits(3).says(&["error:", "authority"]);
    place
        .run(&["db", "pull", &target, "--db", "db", "--insecure", &host])
        .exits(2)
        .says(&["no key is given", "--db-key"]);
    place
        .run(&["db", "pull", &target, "--db", "db", "--insecure", &host, "--db-key", "key.pub"])
        .exits(0)
        .quiet();
}

#[test]
fn what_is_no_database() {
    let Some(shared) = shared() else { return };
    let registry = shared.start(&json!({}));
    let place = place();
    let host = format!("127.0.0.1:{}", registry.port);
    let image = format!("oci://{host}/team/shop:1.0");
    place.run(&["db", "pull", &image, "--db", "db"]).exits(3).says(&["is no advisory database", "db push"]);
    place.run(&["db", "pull", &format!("oci://{host}/team/none:1"), "--db", "db"]).exits(3).says(&["error:"]);
    for wrong in ["oci://", "oci://h.x/UPPER:1", "oci://h/x@sha256:00"] {
        place.run(&["db", "push", wrong, "--db", "old.db"]).exits(2).says(&["oci://HOST/REPOSITORY:TAG"]);
    }
    place
        .run(&["db", "push", "https://h/x:1", "--db", "old.db"])
        .exits(2)
        .says(&["oci://HOST/REPOSITORY:TAG"]);
    assert!(!place.path("db").exists());
}
