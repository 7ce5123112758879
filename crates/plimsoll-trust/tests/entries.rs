//! Log entries of kind `intoto` 0.0.1, as cosign 1 and 2 had them made for attestations: good ones, and each part changed.

#[expect(dead_code, reason = "the yard makes more kinds of evidence than this test asks for")]
mod yard;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_model::{Algorithm, Digest};
use plimsoll_trust::{By, Evidence, Format, Layout, Log, Outcome, Pattern, Place, Signer, Target, Trust};
use serde_json::{Value, json};
use sha2::Digest as _;
use yard::{Content, ISSUER, Identity, SUBJECT, Yard};

const IMAGE: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const ATTESTED: &str = "https://example.test/attested/v1";

fn sha256(bytes: impl AsRef<[u8]>) -> String {
    let digest = sha2::Sha256::digest(bytes.as_ref());
    Digest::from_bytes(Algorithm::Sha256, digest.as_slice()).expect("32 bytes").hex()
}

/// What the log keeps of an envelope (rekor `pkg/types/intoto/v0.0.1`).
fn body(yard: &Yard, identity: Identity, submitted: &str) -> Value {
    let envelope: Value = serde_json::from_str(submitted).expect("JSON");
    let payload = STANDARD.decode(envelope["payload"].as_str().expect("a payload")).expect("base64");
    json!({
        "apiVersion": "0.0.1",
        "kind": "intoto",
        "spec": {
            "content": {
                "hash": { "algorithm": "sha256", "value": sha256(submitted) },
                "payloadHash": { "algorithm": "sha256", "value": sha256(payload) },
            },
            "publicKey": STANDARD.encode(yard.verifier(identity)),
        },
    })
}

/// As the `dsse` library of Go writes it.
fn written(envelope: &Value) -> String {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let signature = &envelope["signatures"][0];
    format!(
        r#"{{"payloadType":"{}","payload":"{}","signatures":[{{"keyid":"","sig":"{}"}}]}}"#,
        text(&envelope["payloadType"]),
        text(&envelope["payload"]),
        text(&signature["sig"])
    )
}

/// A layer of cosign 1 and 2 with what stands beside it.
fn layer(yard: &Yard, identity: Identity, submitted: &str, body: &Value) -> Evidence {
    let envelope: Value = serde_json::from_str(submitted).expect("JSON");
    let mut annotations: BTreeMap<String, String> =
        yard.annotations(identity, &Content::Envelope(envelope)).into_iter().collect();
    annotations.insert("dev.sigstore.cosign/bundle".to_owned(), yard.stored(body).to_string());
    evidence(Format::Dsse, submitted.as_bytes().to_vec(), annotations)
}

fn evidence(format: Format, bytes: Vec<u8>, annotations: BTreeMap<String, String>) -> Evidence {
    Evidence {
        place: Place { repository: "r.io/shop".to_owned(), manifest: None, layout: Layout::AttestationTag },
        subject: Digest::parse(IMAGE).expect("a digest"),
        format,
        bytes,
        annotations,
    }
}

fn trust(yard: &Yard) -> Trust {
    let identity = By::Identity {
        subject: Pattern::parse(SUBJECT).expect("a pattern"),
        issuer: Pattern::parse(ISSUER).expect("a pattern"),
        claims: Vec::new(),
        roots: Vec::new(),
    };
    let key = By::Key { key: yard.public_key(), log: Log::Required };
    let signers = [("release", identity), ("ours", key)];
    Trust {
        roots: vec![yard.root()],
        signers: signers.map(|(name, by)| Signer { name: name.to_owned(), by }).into(),
    }
}

#[test]
fn entries_of_the_oldest_kind() {
    let yard = Yard::build();
    let trust = trust(&yard);
    let digest = Digest::parse(IMAGE).expect("a digest");
    let check = |evidence: &Evidence| {
        trust.check(evidence, Target { digest: &digest, manifest: None, now: 1_900_000_000 })
    };
    let refused = |evidence: &Evidence, why: &str| {
        let checked = check(evidence);
        assert!(!matches!(checked.outcome, Outcome::Trusted { .. }), "{why}: {checked:?}");
        assert!(!checked.logged, "{why}");
        format!("{:?}", checked.outcome)
    };
    for (identity, name) in [(Identity::Certificate, "release"), (Identity::KeyLogged, "ours")] {
        let submitted = written(&yard.envelope(identity, IMAGE, ATTESTED));
        let good = body(&yard, identity, &submitted);
        let checked = check(&layer(&yard, identity, &submitted, &good));
        assert_eq!(checked.outcome, Outcome::Trusted { signers: vec![name.to_owned()] }, "{identity:?}");
        assert!(checked.logged && checked.times.len() == 1);
        assert_eq!(checked.certificate.is_some(), identity.has_certificate());
        // Logs of before March 2022 told no digest of the payload.
        let mut older = good.clone();
        older["spec"]["content"].as_object_mut().expect("an object").remove("payloadHash");
        let checked = check(&layer(&yard, identity, &submitted, &older));
        assert!(matches!(checked.outcome, Outcome::Trusted { .. }), "{:?}", checked.outcome);
        // The same in a bundle, which keeps the envelope in parts.
        let in_bundle = |body: &Value, proof: bool| {
            let envelope: Value = serde_json::from_str(&submitted).expect("JSON");
            let mut bundle =
                yard.bundle(if proof { "0.2" } else { "0.1" }, identity, &Content::Envelope(envelope));
            bundle["verificationMaterial"]["tlogEntries"] = json!([yard.entry(body, proof, true)]);
            bundle
        };
        let as_evidence =
            |bundle: &Value| evidence(Format::Bundle, bundle.to_string().into_bytes(), BTreeMap::new());
        for proof in [false, true] {
            let checked = check(&as_evidence(&in_bundle(&good, proof)));
            assert!(matches!(checked.outcome, Outcome::Trusted { .. }), "{:?}", checked.outcome);
        }

        // Each part of what the entry says, signed by the log all the same.
        let other = if identity.has_certificate() { Identity::KeyLogged } else { Identity::Certificate };
        for (pointer, value, said) in [
            ("/spec/content/hash/value", json!("00".repeat(32)), "another envelope"),
            ("/spec/content/hash/value", json!(""), "another envelope"),
            ("/spec/content/hash/algorithm", json!("sha512"), "algorithm"),
            ("/spec/content/payloadHash/value", json!("00".repeat(32)), "another payload"),
            ("/spec/content/payloadHash/algorithm", json!("md5"), "algorithm"),
            ("/spec/publicKey", json!(STANDARD.encode(yard.verifier(other))), "somebody else"),
            ("/spec/publicKey", json!(STANDARD.encode("")), "somebody else"),
            ("/spec/publicKey", json!("?"), "not readable"),
            ("/kind", json!("hashedrekord"), ""),
            ("/kind", json!("dsse"), ""),
            ("/apiVersion", json!("0.0.2"), ""),
            ("/spec", json!({}), "not readable"),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).expect("it is there") = value;
            let outcome = refused(&layer(&yard, identity, &submitted, &bad), pointer);
            assert!(outcome.contains(said), "{pointer}: {outcome}");
            // Under the name of the kind, whatever is in it.
            let mut bundle = in_bundle(&bad, true);
            bundle["verificationMaterial"]["tlogEntries"][0]["kindVersion"] =
                json!({ "kind": "intoto", "version": "0.0.1" });
            let outcome = refused(&as_evidence(&bundle), pointer);
            assert!(outcome.contains(said), "{pointer}: {outcome}");
        }
        // Under the name of another kind.
        for (kind, version) in [("hashedrekord", "0.0.1"), ("dsse", "0.0.1"), ("intoto", "0.0.2")] {
            let mut bundle = in_bundle(&good, true);
            bundle["verificationMaterial"]["tlogEntries"][0]["kindVersion"] =
                json!({ "kind": kind, "version": version });
            refused(&as_evidence(&bundle), kind);
        }
        // What the log vouches for: its promise, its proof, the moment.
        let entry = "/verificationMaterial/tlogEntries/0";
        for (pointer, value) in [
            (
                "/canonicalizedBody",
                json!(STANDARD.encode(body(&yard, identity, &submitted).to_string() + " ")),
            ),
            ("/integratedTime", json!("1700000000")),
            ("/logIndex", json!("1")),
            ("/logId/keyId", json!(STANDARD.encode([7; 32]))),
            ("/inclusionPromise/signedEntryTimestamp", json!(STANDARD.encode("no promise"))),
            ("/inclusionProof/rootHash", json!(STANDARD.encode([7; 32]))),
            ("/inclusionProof/checkpoint/envelope", json!("x")),
        ] {
            let mut bundle = in_bundle(&good, true);
            *bundle.pointer_mut(&format!("{entry}{pointer}")).expect("it is there") = value;
            refused(&as_evidence(&bundle), pointer);
        }
        let mut bundle = in_bundle(&good, false);
        bundle
            .pointer_mut(entry)
            .and_then(Value::as_object_mut)
            .expect("an entry")
            .remove("inclusionPromise");
        refused(&as_evidence(&bundle), "nobody vouches for it");
        let mut twice = in_bundle(&good, true);
        let list = twice["verificationMaterial"]["tlogEntries"].as_array_mut().expect("a list");
        list.push(list[0].clone());
        refused(&as_evidence(&twice), "two entries");
        // The envelope: another payload under the signature, another signature, other bytes than were submitted.
        let another = written(&yard.envelope(identity, IMAGE, "https://example.test/other/v1"));
        refused(&layer(&yard, identity, &another, &good), "another attestation of the same signer");
        let (mine, theirs): (Value, Value) =
            (serde_json::from_str(&submitted).expect("JSON"), serde_json::from_str(&another).expect("JSON"));
        let mut mixed = mine.clone();
        mixed["payload"] = theirs["payload"].clone();
        let mixed = written(&mixed);
        refused(
            &layer(&yard, identity, &mixed, &body(&yard, identity, &mixed)),
            "a signature over something else",
        );
        refused(&layer(&yard, identity, &submitted.replace(",\"", ", \""), &good), "other bytes");
        // Of another image.
        let elsewhere = written(&yard.envelope(identity, &IMAGE.replace('1', "2"), ATTESTED));
        let outcome =
            refused(&layer(&yard, identity, &elsewhere, &body(&yard, identity, &elsewhere)), "another image");
        assert!(outcome.contains("something else than this image"), "{outcome}");
    }
    // The certificate of one, the entry of the other.
    let submitted = written(&yard.envelope(Identity::Certificate, IMAGE, ATTESTED));
    refused(
        &layer(&yard, Identity::KeyLogged, &submitted, &body(&yard, Identity::Certificate, &submitted)),
        "a certificate that was left out",
    );
}
