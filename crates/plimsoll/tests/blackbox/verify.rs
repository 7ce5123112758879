//! `plimsoll verify` and `plimsoll attest` against a real registry.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use plimsoll_scan::{Artifact, Descriptor, Part, Reference, Registries, RegistrySettings, Repository};
use serde_json::{Value, json};

use super::Place;
use super::common::image::{self, Pack};
use super::common::shop;

struct Still;

impl plimsoll_http::Clock for Still {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep(&self, _: Duration) {}
}

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

/// Keys as services and build servers hand them out.
#[test]
fn keys_in_other_forms_and_in_the_environment() {
    let Some((_registry, place, name)) = harbour() else { return };
    let script = "openssl pkey -pubin -in ours.pub -outform DER -out ours.der; base64 -w 0 ours.der > ours.base64
        printf '{\"KeyId\": \"arn:aws:kms:key\", \"PublicKey\": \"%s\"}' \"$(cat ours.base64)\" > ours.aws.json";
    assert!(
        Command::new("sh").args(["-ec", script]).current_dir(place.folder.path()).status().unwrap().success()
    );
    let read = |name: &str| std::fs::read_to_string(place.path(name)).unwrap();
    let (private, public) = (read("ours.pem"), read("ours.pub"));
    // A build server has the key in a variable, as cosign takes it.
    let signed =
        place.run_with(&["attest", &name, "--key", "env://SIGNING"], &[("SIGNING", private.as_str())]);
    signed.exits(0).says(&["attested"]);
    let verify = |key: &str, variables: &[(&str, &str)]| {
        place.run_with(&["verify", &name, "--key", key, "--no-transparency-log"], variables)
    };
    for file in ["ours.pub", "ours.der", "ours.base64", "ours.aws.json"] {
        verify(&place.text(file), &[]).exits(0);
    }
    verify("env://OURS", &[("OURS", &public)]).exits(0);
    verify("env://OURS", &[("OURS", &read("ours.aws.json"))]).exits(0);
    verify("env://OURS", &[("OURS", &read("theirs.pub"))]).exits(1);
    verify("env://ABSENT", &[]).exits(2).says(&["`ABSENT`", "not set"]);
    verify("env://", &[]).exits(2).says(&["not set"]);
    let told = verify("env://OURS", &[("OURS", &private)]).exits(2).says(&["env://OURS", "private key"]);
    assert!(!told.stderr.contains(private.lines().nth(1).unwrap()), "{}", told.stderr);
    verify("awskms:///alias/release", &[]).exits(2).says(&["not asked", "docs/trust.md"]);
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
    place.run(&["attest", "localhost/x", "--key", &key]).exits(2).says(&["private.pem", "does not end"]);
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
    // Expressions over the same facts; only what they name is gathered.
    let cel = |text: &str| policy(&place, &format!("  - cel: {{expression: {text:?}}}\n"));
    decide(&cel("signatures.exists(s, s.key != '') && layers.size() > 0 && config.platform != ''"), &[])
        .exits(0);
    let refused = decide(&cel("image.tag == 'other'"), &[]).exits(1);
    assert!(refused.stdout.contains("does not hold"), "{}", refused.stdout);
    let unknown = decide(&cel("object.kind == 'Pod'"), &["--format", "json"]).exits(3);
    assert!(unknown.stdout.contains("the object that the image is to run in"), "{}", unknown.stdout);
    let wrong = decide(&cel("image.tg == 'x'"), &[]).exits(2);
    wrong.says(&["policy.yaml", "line 1, column 6", "do you mean `tag`?"]);
    // The base by its layers: the image is built on itself, and not on something else.
    let itself = policy(&place, &format!("  - baseImages: {{allow: [{{image: '{name}'}}]}}\n"));
    decide(&itself, &[]).exits(0);
    let absent = policy(&place, "  - baseImages: {allow: [{image: '127.0.0.1:1/nothing'}]}\n");
    let unknown = decide(&absent, &[]).exits(3);
    assert!(unknown.stdout.contains("not known: layers of 127.0.0.1:1/nothing"), "{}", unknown.stdout);
    // A short name stands for what the user's files say, and policies are about that.
    let (host, _) = name.split_once('/').unwrap();
    place.put(".config/containers/registries.conf", format!("[aliases]\n\"boat\" = \"{host}/team/shop\"\n"));
    let both = policy(
        &place,
        "  - signedBy: {signers: [ours]}\n  - registries: {allow: ['127.0.0.1:*/team/shop']}\n",
    );
    let short = |name: &str| place.run(&["verify", name, "--policy", &both, "--namespace", "shop"]);
    let told = short("boat:1.0").exits(0).stdout;
    assert!(told.starts_with("boat:1.0  sha256:") && told.contains("/team/shop is allowed"), "{told}");
}

#[test]
fn a_decision_is_explained_by_what_decided_and_what_would_change_it() {
    let Some((_registry, place, name)) = harbour() else { return };
    let explain = |file: &str, more: &[&str]| {
        place.run(&[&["policy", "explain", &name, "--policy", file, "--namespace", "shop"], more].concat())
    };
    place.run(&["attest", &name, "--key", &place.text("theirs.pem")]).exits(0);
    let signed =
        policy(&place, "  - signedBy: {signers: [ours]}\n  - registries: {allow: ['127.0.0.1:*/**']}\n");
    let expired = "apiVersion: plimsoll.dev/v1
kind: Exception
metadata: {name: before}
spec: {policies: [harbour], requirements: [signedBy], images: ['**'], owner: ada, reason: old, expires: 2020-01-01}
";
    place.put("expired.yaml", std::fs::read_to_string(&signed).unwrap() + "---\n" + expired);
    let file = place.text("expired.yaml");
    let told = explain(&file, &[]).exits(1).stdout;
    for part in [
        "DENY",
        "harbour/signedBy",
        "sign it (`plimsoll attest`, `cosign sign`) as ours (a key)",
        "or renew the exception `before` of ada",
        "`before` of ada ended on 2020-01-02T00:00:00Z",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let told: Value = serde_json::from_str(&explain(&file, &["--format", "json"]).exits(1).stdout).unwrap();
    assert_eq!(super::faults("explanation-1.0.json", &told), Vec::<String>::new());
    let proof = place.run(&["verify", &name, "--policy", &file, "--namespace", "shop", "--format", "json"]);
    let mut proof: Value = serde_json::from_str(&proof.exits(1).stdout).unwrap();
    proof["decidedAt"] = told["decision"]["decidedAt"].clone();
    assert_eq!(told["decision"], proof, "the same proof");
    // Signed by the key of others, with no word of whose: no evidence verified with a key that nobody knows.
    assert_eq!(told["requirements"][1]["answer"], "met");

    place.run(&["attest", &name, "--key", &place.text("ours.pem")]).exits(0);
    let told: Value = serde_json::from_str(&explain(&file, &["--format", "json"]).exits(0).stdout).unwrap();
    assert_eq!(super::faults("explanation-1.0.json", &told), Vec::<String>::new());
    let seen = told["requirements"][0]["evidence"].as_array().unwrap();
    let counts = seen.iter().find(|one| one["counts"] == true).unwrap();
    assert!(text_of(&counts["from"]).contains("/team/shop@sha256:"), "{counts}");
    let elsewhere = place.run(&["policy", "explain", &name, "--policy", &file]).exits(3).stdout;
    assert!(elsewhere.contains("it is for the namespaces shop; no namespace is named"), "{elsewhere}");
}

/// Stands before a registry and writes down what it is asked.
fn counted(host: &str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().to_string();
    let (host, asked) = (host.to_owned(), Arc::new(Mutex::new(Vec::new())));
    let heard = asked.clone();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut server) = (client.unwrap(), TcpStream::connect(&host).unwrap());
            let (mut back, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut back, &mut to_client);
                let _ = to_client.shutdown(Shutdown::Both);
            });
            let heard = heard.clone();
            std::thread::spawn(move || {
                let (mut line, mut buffer) = (Vec::new(), [0; 4096]);
                while let Ok(count) = client.read(&mut buffer) {
                    if count == 0 || server.write_all(&buffer[..count]).is_err() {
                        break;
                    }
                    for byte in &buffer[..count] {
                        line.push(*byte);
                        if *byte == b'\n' {
                            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                            if text.ends_with(" HTTP/1.1") {
                                heard.lock().unwrap().push(text);
                            }
                            line.clear();
                        }
                    }
                }
                let _ = server.shutdown(Shutdown::Both);
            });
        }
    });
    (own, asked)
}

#[test]
fn a_cold_verify_asks_a_registry_four_times() {
    let Some((registry, place, name)) = harbour() else { return };
    place.run(&["attest", &name, "--key", &place.text("ours.pem")]).exits(0);
    let file = policy(&place, "  - signedBy: {signers: [ours]}\n");
    let (host, asked) = counted(&registry.host);
    let decide = |name: &str, file: &str| {
        asked.lock().unwrap().clear();
        let run = place.run(&["verify", name, "--policy", file, "--namespace", "shop", "--no-cache"]);
        (run.code, asked.lock().unwrap().clone())
    };
    // This registry does not know the referrers API, so that one of them is for its tag.
    let (code, requests) = decide(&format!("{host}/team/shop:1.0"), &file);
    assert_eq!(code, 0);
    assert!(requests.len() <= 4, "{requests:#?}");
    // Where more evidence may change the answer, or a word of it, all of it is looked at.
    let other = place.put(
        "theirs.yaml",
        std::fs::read_to_string(&file)
            .unwrap()
            .replace("signedBy: {signers: [ours]}", "signedBy: {signers: [ours, theirs]}")
            .replace(
                "  requirements",
                &format!(
                    "    theirs: {{noTransparencyLog: true, key: {:?}}}\n  requirements",
                    std::fs::read_to_string(place.path("theirs.pub")).unwrap()
                ),
            ),
    );
    let (code, requests) = decide(&format!("{host}/team/shop:1.0"), &other);
    assert_eq!((code, requests.len()), (0, 7), "{requests:#?}");
    assert!(requests.iter().any(|one| one.contains(".sig ")), "{requests:#?}");
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
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

#[test]
fn policies_of_other_engines_decide_as_ours() {
    let Some((_registry, place, name)) = harbour() else { return };
    let key = std::fs::read_to_string(place.path("ours.pub")).unwrap();
    let authority = |more: &str| {
        let text = format!(
            "apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {{name: signed}}
spec:
  images: [{{glob: '**'}}]
  authorities: [{{name: ours, key: {{data: {key:?}}}}}{more}]
"
        );
        place.put("theirs.yaml", text)
    };
    let ours = place.text("ours.yaml");
    let verify = || place.run(&["verify", &name, "--policy", &ours]);

    place
        .run(&["policy", "import", &authority(""), "--out", &ours])
        .exits(0)
        .says(&["1 policy, 0 conditions"]);
    verify().exits(1);
    place.run(&["attest", &name, "--key", &place.text("ours.pem")]).exits(0);
    verify().exits(0);

    // What cannot be judged takes nothing from what can, and lets nothing in by itself.
    let kms = authority(", {key: {kms: 'gcpkms://k'}}");
    place
        .run(&["policy", "import", &kms, "--out", &ours])
        .exits(3)
        .says(&["not judged", "--key gcpkms://k=FILE"]);
    verify().exits(0);
    let alone = place.put("alone.yaml", authority_of_kms());
    place.run(&["policy", "import", &alone, "--out", &ours]).exits(3);
    verify().exits(3);
    let theirs = place.text("theirs.pub");
    place
        .run(&["policy", "import", &alone, "--out", &ours, "--key", &format!("gcpkms://k={theirs}")])
        .exits(0);
    verify().exits(1);

    // From a pipe the same comes out.
    let piped = place.run_on(&["policy", "import", "-"], authority_of_kms().as_bytes()).exits(3);
    assert_eq!(piped.stdout, place.run(&["policy", "import", &alone]).exits(3).stdout);

    // One that is refused: nothing is written, and what was there stays.
    let before = std::fs::read(place.path("ours.yaml")).unwrap();
    let bad = place.put("bad.yaml", authority_of_kms().replace("kms", "cms"));
    place.run(&["policy", "import", &alone, &bad, "--out", &ours]).exits(2).says(&[
        "bad.yaml",
        "ClusterImagePolicy alone",
        "spec.authorities[0].key",
    ]);
    assert_eq!(std::fs::read(place.path("ours.yaml")).unwrap(), before);
    let other = place.put("other.yaml", "{apiVersion: v1, kind: Pod, metadata: {name: p}}");
    place.run(&["policy", "import", &other]).exits(2).says(&["left out", "nothing in these files"]);
}

fn authority_of_kms() -> String {
    "apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: alone}
spec: {images: [{glob: '**'}], authorities: [{key: {kms: 'gcpkms://k'}}]}
"
    .to_owned()
}

/// The repository of an image, to write to.
pub(super) fn repository(name: &str) -> Repository {
    let reference = Reference::parse(name).unwrap();
    let registries = Registries::new(RegistrySettings::new(plimsoll_http::Settings::new(
        "plimsoll-tests",
        1,
        Arc::new(Still),
    )));
    registries.repository_to_write(reference.name()).unwrap()
}

/// A signature of Notation over an image, beside it in the registry; trust policies and stores in `notation/`.
fn notarize(place: &Place, name: &str) {
    let repository = repository(name);
    let manifest = repository.manifest("1.0").unwrap();
    let script = format!(
        r#"
        for name in root leaf; do openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out $name.key 2>/dev/null; done
        printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n' > root.ext
        printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\ncrlDistributionPoints=URI:http://crl.example.test/list\n' > leaf.ext
        for name in root leaf; do openssl req -new -key $name.key -subj "/C=US/ST=WA/O=acme/CN=$name" -out $name.csr; done
        openssl x509 -req -in root.csr -signkey root.key -days 3650 -set_serial 1 -extfile root.ext -out root.pem 2>/dev/null
        openssl x509 -req -in leaf.csr -CA root.pem -CAkey root.key -days 3650 -set_serial 2 -extfile leaf.ext -out leaf.pem 2>/dev/null
        mkdir -p notation/truststore/x509/ca/acme lists
        cp root.pem notation/truststore/x509/ca/acme/
        printf '[ca]\ndefault_ca=one\n[one]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=3650\n' > ca.cnf
        : > index.txt; printf 01 > number
        date +%s | tr -d '\n' > now
        openssl ca -config ca.cnf -gencrl -cert root.pem -keyfile root.key -out lists/root.crl 2>/dev/null
        url() {{ base64 -w0 | tr '+/' '-_' | tr -d =; }}
        printf '%s' '{{"targetArtifact":{{"mediaType":"{}","digest":"{}","size":{}}}}}' | url > payload
        printf '%s' '{{"alg":"PS256","cty":"application/vnd.cncf.notary.payload.v1+json","crit":["io.cncf.notary.signingScheme"],"io.cncf.notary.signingScheme":"notary.x509","io.cncf.notary.signingTime":"2026-01-01T00:00:00Z"}}' | url > protected
        printf '%s.%s' "$(cat protected)" "$(cat payload)" > message
        openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sign leaf.key message | url > signature
        printf '{{"payload":"%s","protected":"%s","signature":"%s","header":{{"x5c":["%s","%s"]}}}}' "$(cat payload)" "$(cat protected)" "$(cat signature)" \
            "$(openssl x509 -in leaf.pem -outform DER | base64 -w0)" "$(openssl x509 -in root.pem -outform DER | base64 -w0)" > envelope.json
        "#,
        manifest.media_type,
        manifest.digest,
        manifest.bytes.len(),
    );
    let done = Command::new("sh").args(["-ec", &script]).current_dir(place.folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let subject = Descriptor {
        media_type: manifest.media_type,
        digest: manifest.digest,
        size: manifest.bytes.len() as u64,
    };
    let part = Part {
        media_type: "application/jose+json".into(),
        bytes: std::fs::read(place.path("envelope.json")).unwrap(),
        annotations: BTreeMap::new(),
    };
    let artifact = Artifact {
        artifact_type: "application/vnd.cncf.notary.signature".into(),
        parts: vec![part],
        annotations: BTreeMap::new(),
        subject: Some(subject),
    };
    repository.put_artifact(None, &artifact).unwrap();
}

#[test]
fn notation_by_its_own_files_and_in_our_policies() {
    let Some((_registry, place, name)) = harbour() else { return };
    notarize(&place, &name);
    let repository = name.strip_suffix(":1.0").unwrap();
    // Certificates and lists are made for now.
    let now = std::fs::read_to_string(place.path("now")).unwrap();
    let run = |arguments: &[&str]| place.run_with(arguments, &[("SOURCE_DATE_EPOCH", &now)]);
    let trust_policy = |level: &str, scope: &str, identity: &str| {
        let (stores, identities) = match level {
            "skip" => (json!([]), json!([])),
            _ => (json!(["ca:acme"]), json!([identity])),
        };
        let document = json!({ "version": "1.0", "trustPolicies": [{
            "name": "ours", "registryScopes": [scope], "signatureVerification": { "level": level },
            "trustStores": stores, "trustedIdentities": identities,
        }] });
        place.put("notation/trustpolicy.json", document.to_string())
    };
    let verify = |file: &str, more: &[&str]| {
        run(&[&["verify", &name, "--notation-trust-policy", file], more].concat())
    };
    let acme = "x509.subject: C=US, ST=WA, O=acme";
    let strict = trust_policy("strict", repository, acme);
    // The certificate names a revocation list: without one the answer is open.
    let open = verify(&strict, &[]).exits(3);
    assert!(open.stdout.contains("revocation list"), "{}", open.stdout);
    let met = verify(&strict, &["--notation-revocations", &place.text("lists")]).exits(0);
    assert!(met.stdout.contains("signed by ours") && met.stdout.contains("CN=leaf"), "{}", met.stdout);
    let lenient = verify(&trust_policy("permissive", "*", acme), &["--format", "json"]).exits(0);
    let lenient: Value = serde_json::from_str(&lenient.stdout).unwrap();
    let note = lenient["evidence"][0]["notes"][0].as_str().unwrap();
    assert!(note.contains("no fresh revocation list"), "{note}");
    let other = "x509.subject: C=US, ST=WA, O=other";
    verify(&trust_policy("permissive", "*", other), &[]).exits(1);
    // Nobody is asked for, unless somebody is named beside it.
    let skip = trust_policy("skip", repository, "");
    let skipped = verify(&skip, &[]).exits(0);
    assert!(skipped.stdout.contains("asks for no verification"), "{}", skipped.stdout);
    verify(&skip, &["--key", &place.text("ours.pub")]).exits(1);
    // Files that cannot be used.
    verify(&trust_policy("strict", "elsewhere.example.test/x", acme), &[]).exits(2).says(&["registryScopes"]);
    verify(&trust_policy("lax", "*", acme), &[]).exits(2).says(&["trustpolicy.json", "lax"]);
    let strict = trust_policy("strict", "*", acme);
    verify(&strict, &["--notation-trust-store", &place.text("lists")]).exits(2).says(&["ca:acme"]);
    verify(&strict, &["--notation-revocations", &place.text("leaf.key")]).exits(2).says(&["leaf.key"]);

    let root = std::fs::read_to_string(place.path("root.pem")).unwrap();
    let decide = |identity: &str, more: &[&str]| {
        let text = format!(
            "apiVersion: plimsoll.dev/v1
kind: Policy
metadata: {{name: harbour}}
spec:
  signers:
    ours: {{notation: {{trustStore: {{ca: {root:?}}}, identities: ['{identity}']}}}}
  requirements:
  - signedBy: {{signers: [ours]}}
"
        );
        let file = place.put("notation.yaml", text);
        run(&[&["verify", &name, "--policy", &file], more].concat())
    };
    decide(acme, &["--notation-revocations", &place.text("lists")]).exits(0);
    decide(acme, &[]).exits(3);
    decide(other, &["--notation-revocations", &place.text("lists")]).exits(1);
    decide("x509.subject: CN=leaf", &[]).exits(2).says(&["policy `harbour`: signers.ours", "C, ST and O"]);
}

#[test]
fn trust_roots_are_added_shown_and_named() {
    let place = Place::new();
    let status = || place.run(&["trust", "status"]);
    let first = status().exits(0).stdout;
    for name in ["sigstore", "github"] {
        assert!(first.lines().any(|line| line.starts_with(name) && line.contains("snapshot")), "{first}");
    }
    let file = place.put("ours.json", plimsoll_scan::trust::tests_root());
    place.run(&["trust", "add", "ours", &file]).exits(0).says(&["--trust-root ours"]);
    place.run(&["trust", "add", "ours", &file]).exits(2).says(&["of that name already"]);
    place.run(&["trust", "add", "github", &file]).exits(2).says(&["of that name already"]);
    place.run(&["trust", "add", "../x", &file]).exits(2).says(&["a name has letters"]);
    place.run(&["trust", "add", "other", &place.put("bad.json", "{}")]).exits(2).says(&["not a trust root"]);
    place.run(&["trust", "add", "other"]).exits(2);
    let repository = ["trust", "add", "other", "--tuf", "http://127.0.0.1:1", "--root", &file];
    place.run(&repository).exits(2).says(&["its first root does not hold"]);
    assert!(status().exits(0).stdout.contains("a file"));
    let verify = |root: &str| {
        place.run(&["verify", "127.0.0.1:1/x", "--trust-root", root, "--identity", "a", "--issuer", "b"])
    };
    verify("ours").exits(3);
    verify("absent").exits(2).says(&["absent"]);
    // What cannot be fetched is said, and what was there stays.
    let root = place.folder.path().join(".local/share/plimsoll/trust/broken");
    std::fs::create_dir_all(&root).unwrap();
    std::fs::write(root.join("source.json"), "{\"repository\": 7}").unwrap();
    let shown = status().exits(3).stdout;
    assert!(shown.contains("broken") && shown.contains("cannot be used"), "{shown}");
    verify("broken").exits(2).says(&["broken"]);
    place
        .run(&["trust", "update", "ours", "nothing"])
        .exits(3)
        .says(&["nothing", "no TUF repository is known"]);
}

/// Policies and rules against what a file says is known.
#[test]
fn policies_are_tested_by_files_of_their_own() {
    let place = Place::new();
    for folder in ["policies", "tests"] {
        std::fs::create_dir_all(place.path(folder)).unwrap();
    }
    place.put(
        "policies/shop.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: shop}\nspec:\n  signers:\n    release: {keyless: {subject: 'https://github.com/acme/*/**', issuer: 'https://issuer.test'}}\n  requirements:\n  - registries: {allow: ['r.io/**']}\n  - signedBy: {signers: [release]}\n  - maxAge: 30d\n  - podSecurity: {level: baseline}\n    onMissing: allow\n",
    );
    place.put(
        "tests/pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec: {containers: [{name: c, image: 'r.io/shop:1', securityContext: {privileged: true}}]}\n",
    );
    place.put(
        "tests/good.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec: {containers: [{name: c, image: 'r.io/shop:1'}]}\n",
    );
    let head = "apiVersion: plimsoll.dev/v1\nkind: PolicyTest\npolicies: [../policies]\nnow: 2026-11-27\nimages:\n- name: r.io/shop:1\n  created: 2026-11-20\n  signatures: [{subject: 'https://github.com/acme/shop/x', issuer: 'https://issuer.test'}]\n- {name: r.io/old, created: 2026-01-01, signatures: []}\ncases:\n";
    let right = "- {name: signed, image: 'r.io/shop:1', expect: allow}\n- {name: old, image: r.io/old, expect: deny, message: maxAge}\n- {name: not said, image: 'r.io/other', expect: unknown, message: the test says nothing}\n- {name: elsewhere, image: nginx, expect: deny, message: registries}\n- {name: a pod, object: good.yaml, expect: allow}\n- {name: privileged, object: pod.yaml, expect: deny, message: podSecurity}\n- {name: later, object: none.yaml, expect: allow, skip: true}\n";
    place.put("tests/shop.yaml", format!("{head}{right}"));
    let run = |code: i32, said: &[&str]| {
        let done = place.run(&["policy", "test", "tests", "--all"]).exits(code);
        for words in said {
            assert!(done.stdout.contains(words), "`{words}` is not in:\n{}", done.stdout);
        }
    };
    run(0, &["right     tests/shop.yaml signed", "6 right, 0 wrong, 0 not run, 1 skipped, of 1 suites"]);
    place.put(
        "tests/wrong.yaml",
        format!("{head}- {{name: w, image: 'r.io/shop:1', expect: deny}}\n- {{name: m, image: nginx, expect: deny, message: nobody}}\n- {{name: n, object: none.yaml, expect: allow}}\n- {{name: b, expect: allow}}\n"),
    );
    run(
        1,
        &[
            "`deny` was expected, `allow` came",
            "no reason says `nobody`",
            "cannot read",
            "one of `image` and `object` must be there",
        ],
    );
    std::fs::create_dir_all(place.path("bases")).unwrap();
    place.put(
        "bases/policy.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: bases}\nspec:\n  signers:\n    release: {keyless: {subject: 'https://github.com/acme/*/**', issuer: 'https://issuer.test'}}\n  requirements:\n  - builtFrom: {signers: [release], images: ['docker.io/library/debian']}\n",
    );
    let provenance = |name: &str, material: &str| {
        format!(
            "- name: {name}\n  attestations: [{{predicateType: 'https://slsa.dev/provenance/v0.2', predicate: {{builder: {{id: b}}, materials: [{{uri: '{material}'}}]}}, by: {{subject: 'https://github.com/acme/shop/x', issuer: 'https://issuer.test'}}}}]\n"
        )
    };
    place.put(
        "tests/bases.yaml",
        format!(
            "apiVersion: plimsoll.dev/v1\nkind: PolicyTest\npolicies: [../bases]\nimages:\n{}{}{}cases:\n{}",
            provenance("r.io/debian", "pkg:docker/debian@12"),
            provenance("r.io/alpine", "pkg:docker/alpine@3"),
            provenance("r.io/scratch", "git+https://github.com/acme/shop"),
            "- {name: base, image: r.io/debian, expect: allow}\n- {name: other, image: r.io/alpine, expect: deny, message: docker.io/library/alpine}\n- {name: none, image: r.io/scratch, expect: unknown, message: names none}\n",
        ),
    );
    std::fs::remove_file(place.path("tests/wrong.yaml")).unwrap();
    run(0, &["right     tests/bases.yaml other", "9 right, 0 wrong"]);
    place.put("tests/wrong.yaml", format!("{head}- {{name: w, image: r, expects: deny}}\n"));
    run(3, &["not read", "expects"]);
    place.put("tests/wrong.yaml", head.replace("../policies", "none.yaml"));
    run(3, &["not read"]);
}

/// Files instead of images: every bundle of sigstore-conformance, through the program.
#[test]
fn files_are_verified_by_bundles_beside_them() {
    let place = Place::new();
    place.put("a.txt", "x");
    place.run(&["verify", "file:a.txt", "--identity", "**", "--issuer", "**"]).exits(2).says(&["--evidence"]);
    place.run(&["verify", "file:b.txt", "--evidence", "a.txt"]).exits(2).says(&["cannot read `b.txt`"]);
    place
        .run(&["verify", "file:a.txt", "--evidence", "a.txt", "--identity", "**", "--issuer", "**"])
        .exits(3);
    let Some(suite) = plimsoll_testing::shared("fixtures/supply-chain/sigstore-conformance/bundle-verify")
    else {
        return;
    };
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(&suite).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        count += 1;
        let own = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
        let text = |name: &str, otherwise: &str| {
            own(name)
                .map_or(otherwise.to_owned(), |path| std::fs::read_to_string(path).unwrap().trim().to_owned())
        };
        let shown = |path: std::path::PathBuf| path.display().to_string();
        let file = format!("file:{}", shown(own("artifact").unwrap_or_else(|| suite.join("a.txt"))));
        let bundle = shown(folder.join("bundle.sigstore.json"));
        let mut line = vec!["verify".to_owned(), file, "--evidence".to_owned(), bundle];
        match own("key.pub") {
            Some(key) => line.extend(["--key".to_owned(), shown(key)]),
            None => line.extend([
                "--identity".to_owned(),
                text("identity", "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"),
                "--issuer".to_owned(),
                text("issuer", "https://token.actions.githubusercontent.com"),
            ]),
        }
        line.extend(
            own("trusted_root.json").into_iter().flat_map(|root| ["--trust-root".to_owned(), shown(root)]),
        );
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let done = place.run(&line);
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if (done.code == 0) == name.ends_with("_fail") {
            wrong.push(format!("{name}: {}\n{}{}", done.code, done.stdout, done.stderr));
        }
    }
    assert!(count >= 50 && wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    // What npm's registry tells of a package, by the digest that it goes by there.
    let npm = plimsoll_testing::shared("fixtures/supply-chain/slsa-verifier/npm/gha").unwrap();
    let digest = "sha512:8d9d7972f676516c75014aa074e11ae604d98f0b64ec6725a61e2838ff3dab162118fa71433fb31e1550d30bd0dec9d086ce032b94457b583900c507acf39c40";
    let verify = |name: &str, source: &str| {
        let file = npm.join(name).display().to_string();
        let asked = ["--identity", "**", "--issuer", "https://token.actions.githubusercontent.com"];
        let built = ["--source", source, "--builder", "**"];
        place.run(&[["verify", digest, "--evidence", &file].as_slice(), &asked, &built].concat()).code
    };
    let good = "gundam-visor-cli-v1-tag.tgz.json";
    assert_eq!(verify(good, "github.com/**"), 0);
    assert_eq!(verify(good, "github.com/nobody/**"), 1);
    assert_ne!(verify("gundam-visor-cli-v1-tag-invalidsigprov.tgz.json", "github.com/**"), 0);
}
