//! `plimsoll verify` and `plimsoll attest` against a real registry.

use std::process::Command;

use serde_json::Value;

use super::Place;
use super::common::image::{self, Pack};
use super::common::shop;

/// A registry with one image in it, and two key pairs in files.
pub(super) fn harbour() -> Option<(plimsoll_testing::Registry, Place, String)> {
    let registry = plimsoll_testing::Registry::start()?;
    let place = Place::new();
    image::write(&image::layout(&[("1.0", &shop::image())], Pack::Gzip), &place.path("shop"));
    let name = format!("{}/team/shop:1.0", registry.host);
    let keys = ["ours", "theirs"].map(|key| {
        format!(
            "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {key}.pem 2>/dev/null
             openssl pkey -in {key}.pem -pubout -out {key}.pub\n"
        )
    });
    let copy = format!(
        "skopeo copy -q --insecure-policy --dest-tls-verify=false oci:{}:1.0 docker://{name}\n",
        place.text("shop")
    );
    let script = copy + &keys.concat();
    let done = Command::new("sh").args(["-ec", &script]).current_dir(place.folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Some((registry, place, name))
}

#[test]
fn signed_with_our_key_and_with_no_other() {
    let Some((_registry, place, name)) = harbour() else { return };
    let (ours, theirs) = (place.text("ours.pub"), place.text("theirs.pub"));
    let verify = |key: &str| place.run(&["verify", &name, "--key", key, "--no-transparency-log"]);

    let unsigned = verify(&ours).exits(1);
    assert!(
        unsigned.stdout.contains("NOT MET") && unsigned.stdout.contains("no signature"),
        "{}",
        unsigned.stdout
    );

    place.run(&["attest", &name, "--key", &place.text("ours.pem")]).exits(0).says(&["attested"]);
    let signed = verify(&ours).exits(0);
    assert!(signed.stdout.contains("MET") && signed.stdout.contains("signed by"), "{}", signed.stdout);
    verify(&theirs).exits(1);
    // A log is demanded unless the user says otherwise.
    place.run(&["verify", &name, "--key", &ours]).exits(1);
    // Nobody was named: nothing can be decided.
    place.run(&["verify", &name]).exits(3);

    let answer =
        place.run(&["verify", &name, "--key", &ours, "--no-transparency-log", "--format", "json"]).exits(0);
    let answer: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(answer["schemaVersion"], "1.0");
    assert_eq!(answer["verdict"]["outcome"], "met");
    assert_eq!(answer["evidence"][0]["outcome"], "trusted");
    assert_eq!(answer["evidence"][0]["layout"], "referrer");
}

#[test]
fn attestations_count_by_their_kind_and_signer() {
    let Some((_registry, place, name)) = harbour() else { return };
    place.put("scan.json", r#"{"scanner":{"uri":"example"}}"#);
    let attest = |key: &str| {
        place
            .run(&[
                "attest",
                &name,
                "--key",
                &place.text(key),
                "--type",
                "vuln",
                "--predicate",
                &place.text("scan.json"),
            ])
            .exits(0)
    };
    let vuln = "https://cosign.sigstore.dev/attestation/vuln/v1";
    let verify = |kind: &str| {
        place.run(&[
            "verify",
            &name,
            "--key",
            &place.text("ours.pub"),
            "--no-transparency-log",
            "--attestation",
            kind,
        ])
    };
    attest("theirs.pem");
    verify(vuln).exits(1);
    attest("ours.pem");
    verify(vuln).exits(0);
    verify("https://spdx.dev/Document").exits(1);
    // An attestation is no signature: it says something else.
    place.run(&["verify", &name, "--key", &place.text("ours.pub"), "--no-transparency-log"]).exits(1);
}

#[test]
fn what_cannot_be_used_is_named_with_the_next_step() {
    let place = Place::new();
    place.put("private.pem", "-----BEGIN PRIVATE KEY-----\n");
    place.put("statement.json", r#"{"_type":"x","predicateType":"y"}"#);
    let key = place.text("private.pem");
    place.run(&["verify", "localhost/x", "--key", &key]).exits(2).says(&["private.pem", "public one"]);
    place.run(&["verify", "localhost/x", "--key", &place.text("absent.pub")]).exits(2).says(&["absent.pub"]);
    place.run(&["verify", "localhost/x", "--identity", "a"]).exits(2).says(&["--issuer"]);
    place
        .run(&["verify", "localhost/x", "--identity", "/(/", "--issuer", "b"])
        .exits(2)
        .says(&["regular expression"]);
    place
        .run(&["verify", "localhost/x", "--trust-root", &key])
        .exits(2)
        .says(&["private.pem", "trusted_root.json"]);
    place.run(&["attest", "localhost/x", "--key", &key]).exits(2).says(&["private.pem", "openssl genpkey"]);
    place.run(&["attest", "localhost/x", "--key", &key, "--type", "vuln"]).exits(2).says(&["--predicate"]);
}

pub(super) fn policy(place: &Place, requirements: &str) -> String {
    let key = std::fs::read_to_string(place.path("ours.pub")).unwrap();
    let text = format!(
        "apiVersion: plimsoll.dev/v1
kind: Policy
metadata: {{name: harbour}}
spec:
  match: {{namespaces: [shop]}}
  signers:
    ours: {{noTransparencyLog: true, key: {key:?}}}
  requirements:
{requirements}"
    );
    place.put("policy.yaml", text)
}

#[test]
fn policies_decide_with_reasons_and_a_proof() {
    let Some((_registry, place, name)) = harbour() else { return };
    let decide = |file: &str, more: &[&str]| {
        place.run(&[&["verify", &name, "--policy", file, "--namespace", "shop"], more].concat())
    };
    let signed = policy(&place, "  - signedBy: {signers: [ours]}\n");
    let refused = decide(&signed, &[]).exits(1);
    assert!(
        refused.stdout.contains("DENY") && refused.stdout.contains("harbour/signedBy: not signed"),
        "{}",
        refused.stdout
    );
    place.run(&["attest", &name, "--key", &place.text("ours.pem")]).exits(0);
    let allowed = decide(&signed, &[]).exits(0);
    assert!(
        allowed.stdout.contains("ALLOW") && allowed.stdout.contains("signed by ours"),
        "{}",
        allowed.stdout
    );
    let proof = decide(&signed, &["--format", "json"]).exits(0).stdout;
    assert_eq!(proof, decide(&signed, &["--format", "json"]).exits(0).stdout, "the same bytes");
    let proof: Value = serde_json::from_str(&proof).unwrap();
    assert_eq!(proof["effect"], "allow");
    assert_eq!(proof["policies"][0]["requirements"][0]["answer"], "met");
    assert!(proof["policies"][0]["hash"].as_str().unwrap().starts_with("sha256:"));
    // Elsewhere no policy is about it: nobody has said that it may run.
    place.run(&["verify", &name, "--policy", &signed]).exits(3);

    // A scan, made for the question: without advisories nothing can be said to be clean.
    let clean = policy(&place, "  - maxSeverity: {severity: critical, fixable: true}\n");
    decide(&clean, &["--db", super::database()]).exits(1);
    // Secrets are looked for because the policy asks.
    let secrets = policy(&place, "  - noSecrets: true\n");
    let asked = decide(&secrets, &["--db", super::database()]);
    assert!(
        asked.stdout.contains("noSecrets") && !asked.stdout.contains("looks for secrets"),
        "{}",
        asked.stdout
    );
    // The base by its layers: the image is built on itself, and not on something else.
    let itself = policy(&place, &format!("  - baseImages: {{allow: [{{image: '{name}'}}]}}\n"));
    decide(&itself, &[]).exits(0);
    let absent = policy(&place, "  - baseImages: {allow: [{image: '127.0.0.1:1/nothing'}]}\n");
    let unknown = decide(&absent, &[]).exits(3);
    assert!(unknown.stdout.contains("not known: layers of 127.0.0.1:1/nothing"), "{}", unknown.stdout);
}

#[test]
fn an_image_that_cannot_be_reached_is_unknown_where_it_matters() {
    let place = Place::new();
    place.put("ours.pub", "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1Olb3zMAFFxXKHiIkQO5cJ3Yhl5i6UPp+IhuteBJbuHcA5UogKo0EWtlWwW6KSaKoTNEYL7JlCQiVnkhBktUgg==\n-----END PUBLIC KEY-----\n");
    let decide =
        |file: &str| place.run(&["verify", "127.0.0.1:1/shop", "--policy", file, "--namespace", "shop"]);
    let unknown = decide(&policy(&place, "  - signedBy: {signers: [ours]}\n")).exits(3);
    assert!(
        unknown.stdout.contains("UNKNOWN") && unknown.stdout.contains("127.0.0.1:1"),
        "{}",
        unknown.stdout
    );
    // What needs no network is decided without.
    decide(&policy(&place, "  - pinDigest: true\n")).exits(1);
    decide(&policy(&place, "  - registries: {allow: ['127.0.0.1:1/**']}\n")).exits(0);
}

#[test]
fn policies_that_cannot_be_used_are_named_by_file_and_line() {
    let place = Place::new();
    let good = "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: a}\nspec:\n  requirements:\n  - pinDigest: true\n";
    let bad = place.put("bad.yaml", good.replace("pinDigest", "pinDigst"));
    place.run(&["verify", "localhost/x", "--policy", &bad]).exits(2).says(&["bad.yaml, line 6", "pinDigst"]);
    let key = place
        .put("key.yaml", good.replace("  requirements", "  signers: {a: {key: nothing}}\n  requirements"));
    place.run(&["verify", "localhost/x", "--policy", &key]).exits(2).says(&["key.yaml", "signers.a"]);
    let none = place.put("none.yaml", "# nothing\n");
    place.run(&["verify", "localhost/x", "--policy", &none]).exits(2).says(&["no policy"]);
    place
        .run(&["verify", "localhost/x", "--policy", &place.text("absent.yaml")])
        .exits(2)
        .says(&["absent.yaml"]);
    place
        .run(&["verify", "localhost/x", "--policy", &none, "--key", "k"])
        .exits(2)
        .says(&["cannot be used with"]);
}
