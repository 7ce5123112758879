//! What CI says about an image, signed, and what the gate makes of it; against a real registry.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_scan::{Artifact, Part};
use serde_json::{Value, json};

use super::verify::{harbour, repository};
use super::{NOW, Place};

const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
const SUMMARY: &str = "https://slsa.dev/verification_summary/v1";

fn sh(place: &Place, script: &str) {
    let done = Command::new("sh").args(["-ec", script]).current_dir(place.folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// The bundles beside an image, by their kind of predicate.
fn bundles(name: &str) -> Vec<(String, Value)> {
    let repository = repository(name);
    let image = repository.manifest(name.rsplit_once(':').unwrap().1).unwrap();
    let referrers = repository.referrers(&image.digest).unwrap();
    let mut out = Vec::new();
    for referrer in referrers {
        let artifact = repository.artifact(&referrer.digest.to_string()).unwrap();
        let bytes = repository.blob(&artifact.parts[0].descriptor.digest, 1 << 27).unwrap();
        let bundle: Value = serde_json::from_slice(&bytes).unwrap();
        let statement = STANDARD.decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
        let statement: Value = serde_json::from_slice(&statement).unwrap();
        out.push((statement["predicateType"].as_str().unwrap().to_owned(), bundle));
    }
    out
}

fn statement(bundle: &Value) -> Value {
    let payload = STANDARD.decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// Hangs a bundle onto an image, whatever it says.
fn hang(name: &str, bundle: &Value) {
    let repository = repository(name);
    let image = repository.manifest(name.rsplit_once(':').unwrap().1).unwrap();
    let media_type = bundle["mediaType"].as_str().unwrap().to_owned();
    let subject = plimsoll_scan::Descriptor {
        media_type: image.media_type,
        digest: image.digest,
        size: image.bytes.len() as u64,
    };
    let artifact = Artifact {
        artifact_type: media_type.clone(),
        parts: vec![Part {
            media_type,
            bytes: bundle.to_string().into_bytes(),
            annotations: BTreeMap::new(),
        }],
        annotations: BTreeMap::new(),
        subject: Some(subject),
    };
    repository.put_artifact(None, &artifact).unwrap();
}

#[test]
fn keys_of_every_kind_and_those_that_cosign_encrypted() {
    let Some((_registry, place, name)) = harbour() else { return };
    let signed = |public: &str| place.run(&["verify", &name, "--no-transparency-log", "--key", public]);
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plimsoll-trust/fixtures/keys");
    let key = |file: &str| keys.join(file).display().to_string();
    let (private, public) = (key("cosign.key"), key("cosign.pub"));
    place.run(&["attest", &name, "--key", &private]).exits(2).says(&["cosign.key", "COSIGN_PASSWORD"]);
    let wrong = [("COSIGN_PASSWORD", "nonsense")];
    place.run_with(&["attest", &name, "--key", &private], &wrong).exits(2).says(&["wrong password"]);
    signed(&public).exits(1);
    place
        .run_with(&["attest", &name, "--key", &private], &[("COSIGN_PASSWORD", "correct horse")])
        .exits(0)
        .says(&["attested"]);
    signed(&public).exits(0);
    let password = place.put("password", "correct horse\n");
    let flag = ["attest", &name, "--key", &private, "--key-password-file", &password];
    // The flag holds, whatever the environment says.
    place.run_with(&flag, &wrong).exits(0);
    // An empty password is one.
    place
        .run_with(&["attest", &name, "--key", &key("cosign-empty.key")], &[("COSIGN_PASSWORD", "")])
        .exits(0);
    place.run(&["attest", &name]).exits(2).says(&["nobody was named who signs", "--key"]);

    sh(
        &place,
        "openssl genpkey -algorithm ED25519 -out edwards.pem; openssl pkey -in edwards.pem -pubout -out edwards.pub
         openssl ecparam -genkey -name secp384r1 -noout -out large.pem; openssl pkey -in large.pem -pubout -out large.pub
         openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null | openssl rsa -traditional -out rsa.pem 2>/dev/null
         openssl pkey -in rsa.pem -pubout -out rsa.pub",
    );
    for kind in ["edwards", "large", "rsa"] {
        let public = place.text(&format!("{kind}.pub"));
        signed(&public).exits(1);
        place.run(&["attest", &name, "--key", &place.text(&format!("{kind}.pem"))]).exits(0);
        signed(&public).exits(0);
    }
}

#[test]
fn a_scan_is_attached_and_read_back() {
    let Some((_registry, place, name)) = harbour() else { return };
    let key = place.text("ours.pem");
    let scan = |more: &[&str]| {
        place.run(&[&["attest", "scan", &name, "--key", &key, "--db", super::database()], more].concat())
    };
    scan(&[]).exits(0).says(&[VULN, "https://cyclonedx.org/bom"]);
    let verify = |kind: &str| {
        let key = place.text("ours.pub");
        place.run(&["verify", &name, "--no-transparency-log", "--key", &key, "--attestation", kind])
    };
    verify(VULN).exits(0);
    verify("https://cyclonedx.org/bom").exits(0);
    verify("https://openvex.dev/ns").exits(1);
    let found = bundles(&name);
    let vuln = &found.iter().find(|(kind, _)| kind == VULN).unwrap().1;
    let result = &statement(vuln)["predicate"]["scanner"]["result"];
    assert_eq!(result["schemaVersion"], "1.0");
    assert!(!result["findings"].as_array().unwrap().is_empty());
    let sbom = &found.iter().find(|(kind, _)| kind == "https://cyclonedx.org/bom").unwrap().1;
    let file = place.put("sbom.json", sbom.to_string());
    place.run(&["scan", &format!("sbom:{file}"), "--db", super::database()]).exits(1);

    scan(&["--attach", "vex"]).exits(2).says(&["--vex"]);
    let other = place.put("csaf.json", "{\"document\":{}}");
    scan(&["--attach", "vex", "--vex", &other]).exits(2).says(&["csaf.json", "OpenVEX"]);
    let vex = json!({ "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.test/1", "author": "us",
        "timestamp": "2026-01-01T00:00:00Z", "version": 1, "statements": [] });
    let vex = place.put("shop.openvex.json", vex.to_string());
    scan(&["--attach", "vex,report,spdx", "--vex", &vex]).exits(0);
    verify("https://openvex.dev/ns").exits(0);
    verify("https://plimsoll.dev/report/v1").exits(0);
    verify("https://spdx.dev/Document").exits(0);
    scan(&["--attach", "everything"]).exits(2);
}

/// A policy of CI, which asks something that only a scan can tell, and one of the gate, which asks for CI's word.
fn gate(place: &Place, policies: &[&str], age: &str) -> String {
    let key = std::fs::read_to_string(place.path("ours.pub")).unwrap();
    place.put(
        "gate.yaml",
        format!(
            "apiVersion: plimsoll.dev/v1
kind: Policy
metadata: {{name: gate}}
spec:
  signers:
    ci: {{noTransparencyLog: true, key: {key:?}}}
  requirements:
  - verifiedBy: {{signers: [ci], policies: {policies:?}, maxAge: {age}, verifier: 'https://ci.example.test/**'}}
"
        ),
    )
}

#[test]
fn ci_proves_to_the_gate_that_its_policy_is_met() {
    let Some((_registry, place, name)) = harbour() else { return };
    let ci = |requirement: &str| {
        let text = format!(
            "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: ci}}\nspec:\n  requirements:\n  - {requirement}\n"
        );
        place.put("ci.yaml", text)
    };
    let attest = |image: &str, policy: &str, key: &str, now: &str| {
        let arguments = [
            "attest",
            "verdict",
            image,
            "--policy",
            policy,
            "--key",
            &place.text(key),
            "--db",
            super::database(),
            "--verifier",
            "https://ci.example.test/shop",
        ];
        place.run_with(&arguments, &[("SOURCE_DATE_EPOCH", now)])
    };
    let later = |seconds: u64| (NOW.parse::<u64>().unwrap() + seconds).to_string();
    let decide = |policy: &str, now: &str| {
        place.run_with(&["verify", &name, "--policy", policy], &[("SOURCE_DATE_EPOCH", now)])
    };
    let policy = ci("maxSeverity: {severity: critical, fixable: true}");
    // What is not met is not attested.
    let refused = attest(&name, &policy, "ours.pem", NOW).exits(1);
    assert!(refused.stderr.contains("nothing was attested"), "{}", refused.stderr);
    assert_eq!(bundles(&name).len(), 0);

    let policy = ci("registries: {allow: ['127.0.0.1:*/team/**']}");
    let attested = attest(&name, &policy, "ours.pem", NOW).exits(0);
    assert!(attested.stdout.contains("ALLOW"), "{}", attested.stdout);
    let start =
        attested.stderr.find("sha256:").unwrap_or_else(|| panic!("{}{}", attested.stdout, attested.stderr));
    let hash = &attested.stderr[start..start + 71];
    let (kind, bundle) = &bundles(&name)[0];
    let predicate = statement(bundle)["predicate"].clone();
    assert_eq!(kind, SUMMARY);
    assert_eq!(predicate["verificationResult"], "PASSED");
    assert_eq!(format!("sha256:{}", predicate["policy"]["digest"]["sha256"].as_str().unwrap()), hash);
    assert!(predicate["resourceUri"].as_str().unwrap().contains("/team/shop@sha256:"), "{predicate}");

    let good = gate(&place, &[hash], "24h");
    let met = decide(&good, NOW).exits(0);
    assert!(met.stdout.contains("ALLOW") && met.stdout.contains("verified"), "{}", met.stdout);
    // Old, of another policy, from the future.
    let old = decide(&good, &later(2 * 86_400)).exits(1);
    assert!(old.stdout.contains("verified"), "{}", old.stdout);
    let other = format!("sha256:{}", "ab".repeat(32));
    let refused = decide(&gate(&place, &[&other], "24h"), NOW).exits(1);
    assert!(refused.stdout.contains("verified against another policy"), "{}", refused.stdout);
    decide(&gate(&place, &[&other, hash], "24h"), NOW).exits(0);
    decide(&good, "1000000000").exits(3);

    // The newest word counts: a verdict that was taken back is none.
    let mut failed = predicate.clone();
    failed["verificationResult"] = "FAILED".into();
    failed["timeVerified"] = "2027-01-01T00:00:00Z".into();
    let file = place.put("failed.json", failed.to_string());
    let say = |key: &str| {
        let key = place.text(key);
        place.run(&["attest", &name, "--key", &key, "--type", SUMMARY, "--predicate", &file]).exits(0)
    };
    // But not the word of somebody else.
    say("theirs.pem");
    let good = gate(&place, &[hash], "24h");
    decide(&good, NOW).exits(0);
    say("ours.pem");
    let back = decide(&good, NOW).exits(1);
    assert!(back.stdout.contains("verification failed"), "{}", back.stdout);
}

#[test]
fn verdicts_that_somebody_made_up_are_worth_nothing() {
    let Some((registry, place, name)) = harbour() else { return };
    let policy = place.put(
        "ci.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: ci}\nspec:\n  requirements:\n  - registries: {allow: ['**']}\n",
    );
    let attest = |image: &str, key: &str| {
        let key = place.text(key);
        place
            .run(&[
                "attest",
                "verdict",
                image,
                "--policy",
                &policy,
                "--key",
                &key,
                "--verifier",
                "https://ci.example.test/x",
            ])
            .exits(0)
    };
    let decide =
        |image: &str, hash: &str| place.run(&["verify", image, "--policy", &gate(&place, &[hash], "24h")]);
    // Another image, whose verdict is real.
    sh(
        &place,
        &format!(
            "skopeo copy -q --insecure-policy --src-tls-verify=false --dest-tls-verify=false \
             --format v2s2 docker://{name} docker://{}/team/shop:2.0",
            registry.host
        ),
    );
    let real = format!("{}/team/shop:2.0", registry.host);
    let attested = attest(&real, "ours.pem");
    let start =
        attested.stderr.find("sha256:").unwrap_or_else(|| panic!("{}{}", attested.stdout, attested.stderr));
    let hash = attested.stderr[start..start + 71].to_owned();
    decide(&real, &hash).exits(0);
    decide(&name, &hash).exits(1);

    let bundle = bundles(&real)[0].1.clone();
    // Hung onto the other image; with the subject changed; with the result of a refusal changed; signed by somebody else.
    hang(&name, &bundle);
    decide(&name, &hash).exits(1);
    let mut changed = bundle.clone();
    let mut forged = statement(&bundle);
    let digest = repository(&name).manifest("1.0").unwrap().digest;
    forged["subject"][0]["digest"]["sha256"] = digest.hex().into();
    changed["dsseEnvelope"]["payload"] = STANDARD.encode(forged.to_string()).into();
    hang(&name, &changed);
    decide(&name, &hash).exits(1);
    attest(&name, "theirs.pem");
    let refused = decide(&name, &hash).exits(1);
    assert!(refused.stdout.contains("no verification summary"), "{}", refused.stdout);
    // One byte less: it cannot be read, and what cannot be read may be what is missing.
    let mut cut = bundle.clone();
    cut["dsseEnvelope"]["payload"] = "e30".into();
    hang(&name, &cut);
    decide(&name, &hash).exits(3);
    // The real word beside all of it.
    attest(&name, "ours.pem");
    decide(&name, &hash).exits(0);
}

#[test]
fn keyless_signing_needs_a_token_and_services_that_answer() {
    let Some((_registry, place, name)) = harbour() else { return };
    let keyless = ["attest", &name, "--keyless"];
    place.run(&keyless).exits(2).says(&["no identity token", "--identity-token", "id-token: write"]);
    let token = place.put("token", "no token");
    let with_token = [&keyless[..], &["--identity-token", &token]].concat();
    place.run(&with_token).exits(2).says(&["no JWT"]);
    // {"sub":"repo:acme/shop"}
    place.put("token", "e30.eyJzdWIiOiJyZXBvOmFjbWUvc2hvcCJ9.c2ln");
    let fulcio = |address: &str| place.run(&[&with_token[..], &["--fulcio-url", address]].concat());
    fulcio("http://fulcio.example.test").exits(2).says(&["Fulcio", "not https"]);
    let shut = fulcio("http://127.0.0.1:1").exits(3);
    assert!(shut.stderr.contains("gives no certificate") && !shut.stderr.contains("c2ln"), "{}", shut.stderr);
    let github = [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1:1/token"),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "very-secret"),
    ];
    let shut = place.run_with(&keyless, &github).exits(3);
    assert!(
        shut.stderr.contains("GitHub's runner") && !shut.stderr.contains("very-secret"),
        "{}",
        shut.stderr
    );
    place.run_with(&keyless, &[("SIGSTORE_ID_TOKEN", "nothing")]).exits(2).says(&["no JWT"]);
    place.run(&[&keyless[..], &["--key", "x"]].concat()).exits(2).says(&["cannot be used with"]);
    assert!(bundles(&name).is_empty());
}
