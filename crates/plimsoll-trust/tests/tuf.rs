//! Updates of trust roots from repositories made here, honest and attacked in the ways that TUF's specification names.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use plimsoll_http::{Client, Retries, Settings};
use plimsoll_trust::{Anchor, Origin, Roots, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const NOW: i64 = 1_800_000_000;
const FAR: &str = "2030-01-01T00:00:00Z";

struct Still;

impl plimsoll_http::Clock for Still {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep(&self, _: Duration) {}
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// OLPC's canonical JSON, which TUF signs over: only quotes and backslashes are escaped.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            // serde_json may keep the order of insertion.
            let sorted: BTreeMap<_, _> = map.iter().collect();
            out.push('{');
            for (number, (name, value)) in sorted.into_iter().enumerate() {
                out.push_str(if number > 0 { "," } else { "" });
                canonical(&json!(name), out);
                out.push(':');
                canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            for (number, value) in list.iter().enumerate() {
                out.push_str(if number > 0 { "," } else { "" });
                canonical(value, out);
            }
            out.push(']');
        }
        Value::String(text) => {
            out.push('"');
            out.push_str(&text.replace('\\', "\\\\").replace('"', "\\\""));
            out.push('"');
        }
        other => out.push_str(&other.to_string()),
    }
}

fn id(key: &SigningKey) -> String {
    key.public().fingerprint()
}

fn signed(content: &Value, keys: &[&SigningKey]) -> Vec<u8> {
    let mut text = String::new();
    canonical(content, &mut text);
    let signatures: Vec<Value> = keys
        .iter()
        .map(|key| json!({ "keyid": id(key), "sig": hex(&key.sign(text.as_bytes()).expect("a signature")) }))
        .collect();
    json!({ "signed": content, "signatures": signatures }).to_string().into_bytes()
}

/// A repository as it stands, and how its parts are made.
struct Yard {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    address: String,
    root_keys: Vec<SigningKey>,
    online: SigningKey,
    target: Vec<u8>,
    client: Client,
    folder: tempfile::TempDir,
}

/// Versions and ends of the parts.
#[derive(Clone, Copy)]
struct State {
    timestamp: u64,
    snapshot: u64,
    targets: u64,
    expires: &'static str,
}

const FIRST: State = State { timestamp: 2, snapshot: 2, targets: 2, expires: FAR };

impl Yard {
    fn build() -> Self {
        let files: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let served = Arc::clone(&files);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.expect("a connection");
                let mut reader = BufReader::new(connection.try_clone().expect("a second end"));
                let mut first = String::new();
                reader.read_line(&mut first).expect("a request");
                let mut line = String::new();
                while reader.read_line(&mut line).expect("a header") > 2 {
                    line.clear();
                }
                let path = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
                let found = served.lock().expect("no panic before").get(&path).cloned();
                let (status, body) = found.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = connection.write_all(&[head.as_bytes(), &body].concat());
            }
        });
        let mut settings = Settings::new("plimsoll-tests", 1, Arc::new(Still));
        settings.retries = Retries { attempts: 0, ..settings.retries };
        let key = || SigningKey::generate().expect("a key");
        let yard = Yard {
            files,
            address,
            root_keys: vec![key(), key(), key()],
            online: key(),
            target: plimsoll_trust::tests_root().as_bytes().to_vec(),
            client: Client::new(settings),
            folder: tempfile::tempdir().expect("a folder"),
        };
        yard.put("1.root.json", yard.root(1, &yard.online, FAR, &[0, 1]));
        yard.publish(FIRST);
        yard
    }

    fn put(&self, name: &str, bytes: Vec<u8>) {
        self.files.lock().expect("no panic before").insert(name.to_owned(), bytes);
    }

    fn get(&self, name: &str) -> Vec<u8> {
        self.files.lock().expect("no panic before")[name].clone()
    }

    fn root(&self, version: u64, online: &SigningKey, expires: &str, signers: &[usize]) -> Vec<u8> {
        let mut keys = serde_json::Map::new();
        for key in self.root_keys.iter().chain([online]) {
            keys.insert(
                id(key),
                json!({ "keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": { "public": key.public().to_pem() } }),
            );
        }
        let offline = json!({ "keyids": self.root_keys.iter().map(id).collect::<Vec<_>>(), "threshold": 2 });
        let online = json!({ "keyids": [id(online)], "threshold": 1 });
        let content = json!({
            "_type": "root", "spec_version": "1.0.31", "version": version, "expires": expires, "consistent_snapshot": true,
            "keys": keys,
            "roles": { "root": offline, "targets": offline, "snapshot": online, "timestamp": online },
        });
        signed(&content, &signers.iter().map(|index| &self.root_keys[*index]).collect::<Vec<_>>())
    }

    fn role(kind: &str, version: u64, expires: &str, part: (&str, Value)) -> Value {
        let mut content =
            json!({ "_type": kind, "spec_version": "1.0.31", "version": version, "expires": expires });
        content[part.0] = part.1;
        content
    }

    fn publish(&self, state: State) {
        let State { timestamp, snapshot, targets, expires } = state;
        let hash = hex(&Sha256::digest(&self.target));
        let target =
            json!({ "trusted_root.json": { "length": self.target.len(), "hashes": { "sha256": hash } } });
        let content = Self::role("targets", targets, expires, ("targets", target));
        self.put(
            &format!("{targets}.targets.json"),
            signed(&content, &[&self.root_keys[0], &self.root_keys[2]]),
        );
        self.put(&format!("targets/{hash}.trusted_root.json"), self.target.clone());
        let content = Self::role(
            "snapshot",
            snapshot,
            expires,
            ("meta", json!({ "targets.json": { "version": targets } })),
        );
        self.put(&format!("{snapshot}.snapshot.json"), signed(&content, &[&self.online]));
        let content = Self::role(
            "timestamp",
            timestamp,
            expires,
            ("meta", json!({ "snapshot.json": { "version": snapshot } })),
        );
        self.put("timestamp.json", signed(&content, &[&self.online]));
    }

    fn roots(&self) -> Roots {
        Roots::new(self.folder.path())
    }

    /// Somebody who trusts the first root and has fetched once.
    fn known(&self) -> Roots {
        let roots = self.roots();
        let first = String::from_utf8(self.get("1.root.json")).expect("text");
        roots.add_repository("ours", &self.address, &first).expect("kept");
        roots.update("ours", &self.client, NOW).expect("honest");
        roots
    }

    fn refused(&self, roots: &Roots, said: &str, what: &str) {
        let error = roots.update("ours", &self.client, NOW).expect_err(what);
        let text = plimsoll_model::one_line(error);
        assert!(text.to_lowercase().contains(said), "{what}: {text}");
        // What was kept is still there and holds.
        assert!(matches!(roots.root("ours", NOW), Ok(Some((_, Origin::Updated { .. })))), "{what}");
    }
}

#[test]
fn an_honest_repository_and_life_without_it() {
    let yard = Yard::build();
    let roots = yard.known();
    let (root, origin) = roots.root("ours", NOW).expect("usable").expect("known");
    let far = 1_893_456_000;
    assert_eq!(origin, Origin::Updated { address: yard.address.clone(), fresh_until: far });
    assert!(root.window().since.is_some());
    // Nothing new, then something new, then a new root with another key.
    roots.update("ours", &yard.client, NOW).expect("unchanged");
    yard.publish(State { timestamp: 3, snapshot: 3, targets: 3, expires: FAR });
    roots.update("ours", &yard.client, NOW).expect("newer");
    let mut yard = yard;
    yard.online = SigningKey::generate().expect("a key");
    yard.put("2.root.json", yard.root(2, &yard.online, FAR, &[1, 2]));
    yard.publish(State { timestamp: 4, snapshot: 4, targets: 4, expires: FAR });
    roots.update("ours", &yard.client, NOW).expect("rotated");
    // The network is gone, and so is the time in which the metadata was fresh: it still holds, and says its end.
    yard.files.lock().expect("no panic before").clear();
    let (_, origin) = roots.root("ours", far + 1_000_000).expect("usable").expect("known");
    assert!(matches!(origin, Origin::Updated { fresh_until, .. } if fresh_until == far));
    yard.refused(&roots, "timestamp.json", "an empty repository");
}

#[test]
fn what_is_built_in_begins_with_the_root_of_its_digest_and_no_other() {
    let yard = Yard::build();
    let anchor = |sha256: String| -> &'static [Anchor] {
        let (address, sha256) = (yard.address.clone().leak(), sha256.leak());
        Box::leak(Box::new([Anchor { name: "sigstore", address, version: 1, sha256 }]))
    };
    let digest = hex(&Sha256::digest(yard.get("1.root.json")));
    let roots = Roots::anchored(yard.folder.path(), anchor(digest.clone()));
    // Without any update it is the snapshot inside the program.
    assert_eq!(roots.root("sigstore", NOW).expect("usable").expect("known").1, Origin::Snapshot);
    roots.update("sigstore", &yard.client, NOW).expect("fetched");
    let updated =
        |roots: &Roots| matches!(roots.root("sigstore", NOW), Ok(Some((_, Origin::Updated { .. }))));
    assert!(updated(&roots));
    // Without its network the root that is kept is enough.
    let first = yard.folder.path().join("sigstore/first.root.json");
    let served = yard.get("1.root.json");
    yard.files.lock().expect("no panic before").remove("1.root.json");
    roots.update("sigstore", &yard.client, NOW).expect("kept");
    // Another root in its place, or none, is found out each time, and mended by an update.
    let other = yard.root(1, &yard.online, FAR, &[1, 2]);
    for damage in [Some(other.clone()), Some(b"{}".to_vec()), None] {
        match damage {
            Some(bytes) => std::fs::write(&first, bytes).expect("written"),
            None => std::fs::remove_file(&first).expect("removed"),
        }
        assert!(roots.root("sigstore", NOW).is_err());
        assert!(roots.update("sigstore", &yard.client, NOW).is_err(), "nobody has it");
        yard.put("1.root.json", served.clone());
        roots.update("sigstore", &yard.client, NOW).expect("fetched again");
        assert!(updated(&roots));
        yard.files.lock().expect("no panic before").remove("1.root.json");
    }
    // A repository that has another root under that number is not believed, and nothing of it is kept.
    yard.put("1.root.json", other);
    let folder = tempfile::tempdir().expect("a folder");
    let roots = Roots::anchored(folder.path(), anchor(digest));
    let error =
        plimsoll_model::one_line(roots.update("sigstore", &yard.client, NOW).expect_err("another root"));
    assert!(error.contains("is not the one with SHA-256"), "{error}");
    assert_eq!(roots.root("sigstore", NOW).expect("usable").expect("known").1, Origin::Snapshot);
}

#[test]
fn a_repository_is_added_with_its_root_from_an_address_that_is_secured() {
    let yard = Yard::build();
    let first = String::from_utf8(yard.get("1.root.json")).expect("text");
    let roots = yard.roots();
    for (address, first) in
        [("http://tuf.example.test", first.as_str()), ("https://tuf.example.test", "{}"), ("?", "")]
    {
        assert!(roots.add_repository("other", address, first).is_err(), "{address}");
    }
    roots.add_repository("other", "https://tuf.example.test", &first).expect("kept");
    // Not fetched yet: there is nothing to trust.
    assert!(roots.root("other", 0).expect("no error").is_none());
}

#[test]
fn attacks_on_a_repository_are_refused_and_change_nothing() {
    let newer = State { timestamp: 5, snapshot: 5, targets: 5, expires: FAR };
    // Rollback of each part.
    for (state, what) in [
        (State { timestamp: 1, ..FIRST }, "an older timestamp"),
        (State { timestamp: 9, snapshot: 1, ..FIRST }, "an older snapshot"),
        (State { timestamp: 9, snapshot: 9, targets: 1, ..FIRST }, "older targets"),
    ] {
        let yard = Yard::build();
        let roots = yard.known();
        yard.publish(state);
        yard.refused(&roots, "rollback", what);
    }
    // Freeze.
    let yard = Yard::build();
    let roots = yard.known();
    yard.publish(State { expires: "2027-01-01T00:00:00Z", ..newer });
    yard.refused(&roots, "expired", "expired metadata");
    // The same old timestamp for ever.
    let yard = Yard::build();
    let roots = yard.known();
    let error = roots.update("ours", &yard.client, 1_900_000_000).expect_err("frozen").to_string();
    assert!(error.contains("ours"), "{error}");

    // Each of these is published as news after an honest state; and what must be said.
    type Attack = fn(&Yard);
    let attacks: Vec<(&str, &str, Attack)> = vec![
        ("a root with one signature of two", "threshold", |yard| {
            yard.put("2.root.json", yard.root(2, &yard.online, FAR, &[0]));
        }),
        ("a root signed twice by one key", "duplicate signature", |yard| {
            yard.put("2.root.json", yard.root(2, &yard.online, FAR, &[1, 1]));
        }),
        ("a root of another version than its name", "version", |yard| {
            yard.put("2.root.json", yard.root(3, &yard.online, FAR, &[0, 1]));
        }),
        ("an expired root", "expired", |yard| {
            yard.put("2.root.json", yard.root(2, &yard.online, "2026-01-01T00:00:00Z", &[0, 1]));
        }),
        ("a root of somebody else", "threshold", |yard| {
            let other = Yard::build();
            yard.put("2.root.json", other.root(2, &yard.online, FAR, &[0, 1]));
        }),
        ("a timestamp signed by somebody else", "threshold", |yard| {
            let content =
                Yard::role("timestamp", 9, FAR, ("meta", json!({ "snapshot.json": { "version": 5 } })));
            yard.put("timestamp.json", signed(&content, &[&SigningKey::generate().expect("a key")]));
        }),
        ("targets with one signature of two", "threshold", |yard| {
            let content = Yard::role("targets", 5, FAR, ("targets", json!({})));
            yard.put("5.targets.json", signed(&content, &[&yard.root_keys[0]]));
        }),
        ("a snapshot of another version than the timestamp says", "version", |yard| {
            yard.put("5.snapshot.json", yard.get("2.snapshot.json"));
        }),
        ("targets of another version than the snapshot says", "version", |yard| {
            yard.put("5.targets.json", yard.get("2.targets.json"));
        }),
        ("a timestamp under the name of the snapshot", "type", |yard| {
            yard.put("5.snapshot.json", yard.get("timestamp.json"));
        }),
        ("garbage", "", |yard| yard.put("timestamp.json", b"<html>".to_vec())),
        ("data without end", "", |yard| yard.put("timestamp.json", vec![b' '; 100_000])),
        ("no snapshot", "5.snapshot.json", |yard| {
            yard.files.lock().expect("no panic before").remove("5.snapshot.json");
        }),
    ];
    for (what, said, attack) in attacks {
        let yard = Yard::build();
        let roots = yard.known();
        yard.publish(newer);
        attack(&yard);
        yard.refused(&roots, said, what);
    }
}

#[test]
fn a_target_that_is_not_the_promised_one_is_refused() {
    for what in ["other", "longer", "shorter", "gone"] {
        let mut yard = Yard::build();
        let roots = yard.known();
        let old = yard.target.clone();
        yard.target.push(b'\n');
        yard.publish(State { timestamp: 5, snapshot: 5, targets: 5, expires: FAR });
        let name = format!("targets/{}.trusted_root.json", hex(&Sha256::digest(&yard.target)));
        match what {
            "other" => {
                let mut bytes = yard.target.clone();
                bytes[10] ^= 1;
                yard.put(&name, bytes);
            }
            "longer" => yard.put(&name, [&yard.target[..], b"  "].concat()),
            "shorter" => yard.put(&name, old),
            _ => {
                yard.files.lock().expect("no panic before").remove(&name);
            }
        }
        assert!(roots.update("ours", &yard.client, NOW).is_err(), "{what}");
    }
}

#[test]
fn a_folder_that_somebody_changed_is_not_believed() {
    for file in ["timestamp.json", "snapshot.json", "targets.json", "targets/trusted_root.json"] {
        let yard = Yard::build();
        let roots = yard.known();
        let path = yard.folder.path().join("ours/tuf").join(file);
        let mut bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).expect("written");
        assert!(roots.root("ours", NOW).is_err(), "{file}");
        // And mended by the next update.
        yard.publish(State { timestamp: 6, snapshot: 6, targets: 6, expires: FAR });
        roots.update("ours", &yard.client, NOW).unwrap_or_else(|error| panic!("{file}: {error}"));
        roots.root("ours", NOW).expect("usable").expect("known");
    }
}
