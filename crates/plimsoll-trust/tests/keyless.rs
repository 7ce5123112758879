//! Keyless signing against a small Fulcio, Rekor and timestamp authority of our own, honest and not.

#[expect(dead_code, reason = "the yard makes more kinds of evidence than this test asks for")]
mod yard;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use plimsoll_http::{Client, Settings};
use plimsoll_oci::Descriptor;
use plimsoll_trust::{
    By, Evidence, Format, IdentityToken, Keyless, Layout, Outcome, Pattern, Place, PublicKey, Services,
    Signer, Target, Trust, attestation,
};
use serde_json::{Value, json};
use sigstore_verify::crypto::{SigningScheme, verify_signature};
use sigstore_verify::types::{DerPublicKey, SignatureBytes};
use yard::{ISSUER, SUBJECT, Yard, second_body, shell};

struct Still;

impl plimsoll_http::Clock for Still {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep(&self, _: Duration) {}
}

/// How the services behave.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    Honest,
    /// A certificate for another key.
    OtherKey,
    /// An entry of another signature.
    OtherEntry,
    /// A timestamp of something else.
    OtherStamp,
    /// A refusal.
    Refuses,
    /// Something that is no answer.
    Babbles,
}

fn token() -> String {
    let claims = json!({ "iss": ISSUER, "sub": "repo:owner/shop" });
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// Answers until the test ends: one request of a connection.
fn serve(yard: Arc<Mutex<Yard>>, manner: Manner) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.expect("a connection");
            let mut reader = BufReader::new(connection.try_clone().expect("a second end"));
            let (mut first, mut length, mut bearer) = (String::new(), 0, false);
            reader.read_line(&mut first).expect("a request");
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a header");
                let line = line.trim().to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a number");
                }
                bearer |= line == "authorization: bearer runner";
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let path = first.split(' ').nth(1).unwrap_or_default();
            let yard = yard.lock().expect("no panic before");
            let (status, answer) = answer(&yard, manner, path, &body, bearer);
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
            let _ = connection.write_all(&[head.as_bytes(), &answer].concat());
        }
    });
    address
}

fn answer(yard: &Yard, manner: Manner, path: &str, body: &[u8], bearer: bool) -> (&'static str, Vec<u8>) {
    match manner {
        Manner::Refuses => return ("403 Forbidden", b"not you".to_vec()),
        Manner::Babbles => return ("200 OK", b"<html>".to_vec()),
        _ => {}
    }
    let read = || serde_json::from_slice::<Value>(body).expect("JSON");
    match path {
        "/token?v=1&audience=sigstore" if bearer => {
            ("200 OK", json!({ "value": token() }).to_string().into_bytes())
        }
        "/fulcio/api/v2/signingCert" => {
            let asked = read();
            let key = asked["publicKeyRequest"]["publicKey"]["content"].as_str().expect("a key");
            let proof =
                STANDARD.decode(asked["publicKeyRequest"]["proofOfPossession"].as_str().expect("a proof"));
            let proof = SignatureBytes::new(proof.expect("base64"));
            let der = DerPublicKey::from_pem(key).expect("a key");
            let proven =
                verify_signature(&der, b"repo:owner/shop", &proof, SigningScheme::EcdsaP256Sha256).is_ok();
            if asked["credentials"]["oidcIdentityToken"] != token() || !proven {
                return ("400 Bad Request", Vec::new());
            }
            let other = yard.public_key().to_pem();
            let certificate = certify(yard, if manner == Manner::OtherKey { &other } else { key });
            let chain =
                json!({ "signedCertificateEmbeddedSct": { "chain": { "certificates": [certificate] } } });
            ("200 OK", chain.to_string().into_bytes())
        }
        "/rekor/api/v2/log/entries" => {
            let asked = &read()["hashedRekordRequestV002"];
            let text =
                |pointer: &str| asked.pointer(pointer).and_then(Value::as_str).expect("a text").to_owned();
            let mut digest = text("/digest");
            if manner == Manner::OtherEntry {
                digest = STANDARD.encode([7; 32]);
            }
            let certificate = text("/signature/verifier/x509Certificate/rawBytes");
            let body = second_body(&digest, &text("/signature/content"), &certificate);
            ("201 Created", yard.entry(&body, true, false).to_string().into_bytes())
        }
        "/stamp" => {
            let mut query = body.to_vec();
            if manner == Manner::OtherStamp {
                // Within the imprint.
                query[30] ^= 1;
            }
            ("201 Created", stamped(yard, &query))
        }
        _ => ("404 Not Found", Vec::new()),
    }
}

/// A certificate for a key, as an authority of some minutes issues it.
fn certify(yard: &Yard, public_key: &str) -> String {
    std::fs::write(yard.folder.path().join("asked.pub"), public_key).expect("a file");
    shell(
        yard.folder.path(),
        "openssl x509 -new -subj / -force_pubkey asked.pub -CA authority.pem -CAkey authority.key -set_serial 77 -days 1 -extfile leaf.ext -out issued.pem 2>/dev/null",
    );
    std::fs::read_to_string(yard.folder.path().join("issued.pem")).expect("OpenSSL wrote it")
}

/// The answer to a query for a timestamp.
fn stamped(yard: &Yard, query: &[u8]) -> Vec<u8> {
    std::fs::write(yard.folder.path().join("asked"), query).expect("a file");
    shell(
        yard.folder.path(),
        "openssl ts -reply -config tsa.cnf -queryfile asked -signer stamper.pem -inkey stamper.key -chain stamp.pem -out answer 2>/dev/null",
    );
    std::fs::read(yard.folder.path().join("answer")).expect("OpenSSL wrote it")
}

struct Bench {
    yard: Arc<Mutex<Yard>>,
    client: Client,
    now: i64,
}

impl Bench {
    #[expect(clippy::disallowed_methods, reason = "certificates are made for now: tests enter here")]
    fn new() -> Self {
        let mut settings = Settings::new("plimsoll-tests", 1, Arc::new(Still));
        settings.retries = plimsoll_http::Retries { attempts: 1, ..settings.retries };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").as_secs();
        let now = i64::try_from(now).expect("a year before the end of time");
        Bench { yard: Arc::new(Mutex::new(Yard::build())), client: Client::new(settings), now }
    }

    /// Signs with services of a manner each.
    fn attest(&self, fulcio: Manner, rekor: Manner, stamp: Manner) -> Result<Vec<u8>, String> {
        let said = |error: plimsoll_trust::Error| match std::error::Error::source(&error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        let at = |manner| serve(Arc::clone(&self.yard), manner);
        let services = Services::new(
            &format!("{}/fulcio/", at(fulcio)),
            &format!("{}/rekor", at(rekor)),
            &format!("{}/stamp", at(stamp)),
        )
        .map_err(said)?;
        let token = IdentityToken::parse(&token()).map_err(said)?;
        let roots = vec![self.yard.lock().expect("no panic before").root()];
        let keyless = Keyless::begin(self.client.clone(), services, &token, roots, self.now).map_err(said)?;
        let subject = subject();
        let artifact =
            attestation(&keyless, &subject, "shop", "https://example.test/said/v1", &json!({ "a": 1 }));
        Ok(artifact.map_err(said)?.parts.swap_remove(0).bytes)
    }
}

fn subject() -> Descriptor {
    Descriptor::of("application/vnd.oci.image.manifest.v1+json", b"{}")
}

#[test]
fn an_identity_token_becomes_a_signature_that_verifies() {
    let bench = Bench::new();
    let bytes = bench.attest(Manner::Honest, Manner::Honest, Manner::Honest).expect("signed");
    let by = |subject: &str| By::Identity {
        subject: Pattern::Exact(subject.into()),
        issuer: Pattern::Exact(ISSUER.into()),
        claims: Vec::new(),
        roots: Vec::new(),
    };
    for (signer, trusted) in [(SUBJECT, true), ("https://example.test/else", false)] {
        let trust = Trust {
            roots: vec![bench.yard.lock().expect("no panic before").root()],
            signers: vec![Signer { name: "workflow".into(), by: by(signer) }],
        };
        let subject = subject();
        let evidence = Evidence {
            place: Place { repository: String::new(), layout: Layout::File, manifest: None },
            subject: subject.digest.clone(),
            format: Format::Bundle,
            bytes: bytes.clone(),
            annotations: std::collections::BTreeMap::new(),
        };
        let checked =
            trust.check(&evidence, Target { digest: &subject.digest, manifest: None, now: bench.now });
        assert_eq!(matches!(checked.outcome, Outcome::Trusted { .. }), trusted, "{checked:?}");
        assert!(checked.logged && !checked.times.is_empty(), "{checked:?}");
    }
}

#[test]
fn services_that_lie_or_refuse_are_named_and_nothing_is_signed() {
    use Manner::{Babbles, Honest, OtherEntry, OtherKey, OtherStamp, Refuses};
    let bench = Bench::new();
    for (fulcio, rekor, stamp, said) in [
        (OtherKey, Honest, Honest, "certified another key"),
        (Honest, OtherEntry, Honest, "does not verify"),
        (Honest, Honest, OtherStamp, "does not verify"),
        (Refuses, Honest, Honest, "Fulcio"),
        (Honest, Refuses, Honest, "Rekor"),
        (Honest, Honest, Refuses, "timestamp authority"),
        (Babbles, Honest, Honest, "Fulcio"),
        (Honest, Babbles, Honest, "Rekor"),
        (Honest, Honest, Babbles, "does not verify"),
    ] {
        let error = bench.attest(fulcio, rekor, stamp).expect_err("nothing is signed");
        assert!(error.contains(said), "{fulcio:?} {rekor:?} {stamp:?}: {error}");
        if [fulcio, rekor, stamp].contains(&Refuses) {
            assert!(error.contains("403") && error.contains("not you"), "{error}");
        }
    }
}

#[test]
fn a_token_of_githubs_runner() {
    let bench = Bench::new();
    let at = |manner| format!("{}/token?v=1", serve(Arc::clone(&bench.yard), manner));
    IdentityToken::of_github(&bench.client, &at(Manner::Honest), "runner").expect("a token");
    for (address, secret) in [
        (at(Manner::Honest), "else"),
        (at(Manner::Refuses), "runner"),
        (at(Manner::Babbles), "runner"),
        ("http://runner.example.test/token".into(), "runner"),
    ] {
        let error =
            IdentityToken::of_github(&bench.client, &address, secret).expect_err("no token").to_string();
        assert!(error.contains("GitHub's runner"), "{error}");
    }
    assert!(
        PublicKey::from_pem("key", &bench.yard.lock().expect("no panic before").public_key().to_pem())
            .is_ok()
    );
}
