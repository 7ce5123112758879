//! A registry that breaks on the wire in every way that we could think of: what must not run is never let in.
//!
//! `PLIMSOLL_FAULTS=10000 cargo test -p plimsoll-admit --test network_faults` injects so many; `PLIMSOLL_SEED` repeats a run.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Chance, NOW, Webhook, create, gate, pod, setting};
use plimsoll_admit::authority::Authority;
use plimsoll_admit::engine::{Hook, Rules};
use plimsoll_admit::evidence::{Limits, Source};
use plimsoll_admit::tls::{Certificates, Showcase, configuration};
use plimsoll_http::{Clock, Retries};
use plimsoll_scan::gate::{Gate, Gathered};
use plimsoll_scan::policy::Need;
use plimsoll_scan::{NoProgress, Options, Reference, Registries, RegistrySettings};
use serde_json::{Value, json};
use sha2::Digest as _;

#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(NOW).unwrap())
    }

    fn sleep(&self, _duration: Duration) {}
}

fn sha256(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// What the registry holds, by path.
#[derive(Default)]
struct Content(BTreeMap<String, (&'static str, Vec<u8>)>);

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

impl Content {
    fn blob(&mut self, repository: &str, bytes: &[u8]) -> Value {
        let digest = sha256(bytes);
        self.0
            .insert(format!("/v2/{repository}/blobs/{digest}"), ("application/octet-stream", bytes.to_vec()));
        json!({"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", "digest": digest, "size": bytes.len()})
    }

    fn manifest(&mut self, repository: &str, tag: &str, config: &[u8], layers: &[Value]) -> String {
        let mut config = self.blob(repository, config);
        config["mediaType"] = json!("application/vnd.oci.image.config.v1+json");
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        let bytes = serde_json::to_vec(&manifest).unwrap();
        let digest = sha256(&bytes);
        for name in [tag, &digest] {
            self.0.insert(format!("/v2/{repository}/manifests/{name}"), (MANIFEST, bytes.clone()));
        }
        digest
    }

    /// An image.
    fn image(&mut self, repository: &str, tag: &str) -> String {
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":[]}},"x":"{repository}:{tag}"}}"#
        );
        self.manifest(repository, tag, config.as_bytes(), &[])
    }

    /// A signature that says this of `said`, stored as that of `stored`.
    fn signature(&mut self, repository: &str, stored: &str, said: &str, key: &EcdsaKeyPair) {
        let payload = json!({"critical": {"identity": {"docker-reference": ""}, "image": {"docker-manifest-digest": said}, "type": "cosign container image signature"}, "optional": null});
        let payload = serde_json::to_vec(&payload).unwrap();
        let signature = key.sign(&SystemRandom::new(), &payload).unwrap();
        let mut layer = self.blob(repository, &payload);
        layer["annotations"] =
            json!({"dev.cosignproject.cosign/signature": STANDARD.encode(signature.as_ref())});
        self.manifest(repository, &format!("{}.sig", stored.replace(':', "-")), b"{}", &[layer]);
    }
}

/// What goes wrong with one answer.
const FAULTS: u64 = 12;

struct Registry {
    content: Content,
    chance: Chance,
    /// Of a hundred answers so many break.
    breaks: AtomicUsize,
    faults: AtomicUsize,
    kinds: Mutex<BTreeMap<u64, usize>>,
}

impl Registry {
    fn answer(&self, mut stream: impl Read + Write) -> std::io::Result<()> {
        let mut head = Vec::new();
        let mut byte = [0; 1];
        while !head.ends_with(b"\r\n\r\n") && head.len() < 16_384 {
            if stream.read(&mut byte)? == 0 {
                return Ok(());
            }
            head.push(byte[0]);
            if head == [0x16] {
                // Somebody tries TLS; real servers without it answer so.
                return stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTPS request");
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let path =
            head.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
        let empty = ("application/json", b"{}".to_vec());
        let found = if path == "/v2/" { Some(&empty) } else { self.content.0.get(&path) };
        let (mut status, (kind, mut body)) = match found {
            Some((kind, body)) => (200, (*kind, body.clone())),
            None => (404, ("application/json", br#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#.to_vec())),
        };
        let mut length = body.len();
        let mut digest = sha256(&body);
        let mut send = body.len();
        if self.chance.below(100) < u64::try_from(self.breaks.load(SeqCst)).unwrap() {
            self.faults.fetch_add(1, SeqCst);
            let fault = self.chance.below(FAULTS);
            *self.kinds.lock().unwrap().entry(fault).or_default() += 1;
            match fault {
                0 => status = 500,
                1 => status = 503,
                2 => status = 429,
                3 => send /= 2,
                4 => {
                    if let Some(one) = body.get_mut(usize::try_from(self.chance.below(200)).unwrap()) {
                        *one ^= 1;
                    }
                }
                5 => digest = sha256(b"something else"),
                6 => {
                    std::thread::sleep(Duration::from_millis(60));
                    return Ok(());
                }
                7 => return Ok(()),
                // Another document of this registry, which is whole in itself.
                8 => {
                    let place = usize::try_from(self.chance.below(1_000)).unwrap() % self.content.0.len();
                    body.clone_from(&self.content.0.values().nth(place).unwrap().1);
                    (length, send, digest) = (body.len(), body.len(), sha256(&body));
                }
                // It says that there is nothing.
                9 => {
                    (status, body) = (404, b"{}".to_vec());
                    (length, send) = (2, 2);
                }
                10 => length = usize::MAX / 2,
                _ => return stream.write_all(b"\x16\x03\x01 garbage \xff\xff\r\n\r\n"),
            }
        }
        let reason = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\ndocker-content-digest: {digest}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(reason.as_bytes())?;
        if !head.starts_with("HEAD") {
            stream.write_all(&body[..send.min(body.len())])?;
        }
        stream.flush()
    }
}

/// Serves, without TLS or with a certificate that nobody trusts.
fn serve(registry: &Arc<Registry>, tls: Option<Arc<rustls::ServerConfig>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let registry = registry.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (registry, tls) = (registry.clone(), tls.clone());
            std::thread::spawn(move || {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
                let _ = match tls {
                    None => registry.answer(stream),
                    Some(tls) => {
                        let connection = rustls::ServerConnection::new(tls).unwrap();
                        registry.answer(rustls::StreamOwned::new(connection, stream))
                    }
                };
            });
        }
    });
    host
}

struct Images {
    gate: Arc<Gate>,
    registries: Registries,
}

impl Source for Images {
    fn gather(&self, reference: &Reference, needs: &BTreeSet<Need>) -> Gathered {
        let options = Options { registries: Some(self.registries.clone()), ..Options::default() };
        self.gate.gather(reference, needs, &options, &NoProgress)
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a run tells its seed")]
fn a_registry_that_breaks_lets_in_nobody() {
    let wanted = usize::try_from(setting("PLIMSOLL_FAULTS", 600)).unwrap();
    let seed = setting("PLIMSOLL_SEED", 11);
    let ours = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let theirs = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let pem = {
        use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
        let der: PublicKeyX509Der<'_> = ours.public_key().as_der().unwrap();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der.as_ref()))
    };
    let mut content = Content::default();
    let mut images: Vec<(String, String, bool)> = Vec::new();
    for number in 0..6 {
        let good = content.image("good", &number.to_string());
        content.signature("good", &good, &good, &ours);
        let bad = content.image("bad", &number.to_string());
        // The signature of another image, copied beside this one.
        content.signature("bad", &bad, &good, &ours);
        let other = content.image("theirs", &number.to_string());
        content.signature("theirs", &other, &other, &theirs);
        let none = content.image("none", &number.to_string());
        for (repository, digest, may) in
            [("good", good, true), ("bad", bad, false), ("theirs", other, false), ("none", none, false)]
        {
            images.push((format!("{repository}:{number}"), format!("{repository}@{digest}"), may));
        }
    }
    let good: Vec<String> = images
        .iter()
        .filter(|(_, _, may)| *may)
        .filter_map(|(_, pinned, _)| Some(pinned.split_once('@')?.1.to_owned()))
        .collect();
    let registry = Arc::new(Registry {
        content,
        chance: Chance::new(seed),
        breaks: AtomicUsize::new(0),
        faults: AtomicUsize::new(0),
        kinds: Mutex::default(),
    });
    let host = serve(&registry, None);
    let untrusted = {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(NOW).unwrap();
        std::fs::write(folder.path().join("ca.crt"), authority.certificate_pem()).unwrap();
        std::fs::write(folder.path().join("ca.key"), authority.key_pem()).unwrap();
        let names = vec!["127.0.0.1".to_owned()];
        let showcase = Arc::new(Showcase::default());
        showcase
            .show(&Certificates::Authority { folder: folder.path().to_owned(), names }.load(NOW).unwrap());
        serve(&registry, Some(configuration(showcase).unwrap()))
    };
    let yaml = common::policy("production", common::SIGNED)
        .replace(&format!("{:?}", common::KEY), &format!("{pem:?}"));
    let mut http = plimsoll_http::Settings::new("test", seed, Arc::new(Still));
    http.connect_timeout = Duration::from_millis(500);
    http.idle_timeout = Duration::from_millis(40);
    http.retries = Retries { attempts: 0, ..Retries::default() };
    let registries =
        Registries::new(RegistrySettings { insecure: vec![host.clone()], ..RegistrySettings::new(http) });
    let gate = gate(&yaml);
    let mut rules = Rules::new(gate.clone());
    rules.exempt.insert("kube-system".into());
    let limits = Limits { bytes: 12_000, per_second: 1_000_000, ..Limits::default() };
    let webhook =
        Webhook::new(rules, Arc::new(Images { gate, registries }), limits, Duration::from_millis(400));

    // Without faults everything is as it should be; so it is not for nothing that nothing is let in below.
    for (tag, pinned, may) in &images {
        for name in [tag, pinned] {
            let answer = webhook.validate(&create(&pod(&[&format!("{host}/{name}")])));
            assert_eq!(answer.allowed(), *may, "{name}: {answer:?}");
        }
    }
    let chance = Chance::new(seed ^ 0x5eed);
    let (mut asked, mut allowed) = (0, 0);
    registry.breaks.store(35, SeqCst);
    while registry.faults.load(SeqCst) < wanted {
        let (tag, pinned, _) = &images[usize::try_from(chance.below(images.len() as u64)).unwrap()];
        let name = if chance.below(2) == 0 { tag } else { pinned };
        let certified = chance.below(10) > 0;
        let image = format!("{}/{name}", if certified { &host } else { &untrusted });
        let mut review = create(&pod(&[&image]));
        let answer = webhook.validate(&review);
        asked += 1;
        allowed += usize::from(answer.allowed());
        if answer.allowed() {
            // A tag stands for what the registry says; what counts is that the image that was let in is a good one.
            let decided = &common::annotations(&answer)["images"];
            let right = certified && good.iter().any(|digest| decided.contains(digest.as_str()));
            assert!(right, "seed {seed}, review {asked}: {image} was let in: {answer:?}");
        }
        // What is pinned is pinned to a digest that the registry gave for that name, never to half an answer.
        if let Some(patch) = webhook.ask(Hook::Mutate, &review).patch.first() {
            assert!(certified && patch.value().starts_with(&format!("{image}@sha256:")), "{patch:?}");
        }
        review["request"]["namespace"] = json!("kube-system");
        assert!(webhook.validate(&review).allowed());
        if chance.below(20) == 0 {
            webhook.clock.store(NOW + i64::try_from(chance.below(100_000)).unwrap() - 50_000, SeqCst);
        }
    }
    assert_eq!(registry.kinds.lock().unwrap().len(), usize::try_from(FAULTS).unwrap(), "every kind happened");
    assert!(allowed > 0, "some good ones got through");
    // When it is whole again, so is everybody's admission.
    registry.breaks.store(0, SeqCst);
    webhook.clock.store(NOW + 1_000_000, SeqCst);
    for (tag, pinned, may) in &images {
        for name in [tag, pinned] {
            let answer = webhook.validate(&create(&pod(&[&format!("{host}/{name}")])));
            assert_eq!(answer.allowed(), *may, "{name}: {answer:?}");
        }
    }
    println!(
        "seed {seed}: {} faults in {asked} reviews, {allowed} let in, none that must not run",
        registry.faults.load(SeqCst)
    );
}
