//! The expectations of slsa-verifier, as far as they need neither the network nor keys that are not given:
//! container images, the container-based builder, npm packages, GitHub's attestations.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use plimsoll_model::{Algorithm, Digest};
use plimsoll_trust::provenance::{Build, Provenance};
use plimsoll_trust::{
    By, Checked, Evidence, Format, Layout, Log, Outcome, Pattern, Place, PublicKey, Root, Signer, Statement,
    Target, Trust, What,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The key that the npm registry signs with, as it publishes it (`/-/npm/v1/keys`).
const NPM_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1Olb3zMAFFxXKHiIkQO5cJ3Yhl5i6UPp+IhuteBJbuHcA5UogKo0EWtlWwW6KSaKoTNEYL7JlCQiVnkhBktUgg==\n\
    -----END PUBLIC KEY-----\n";

struct Suite {
    folder: PathBuf,
    cases: Value,
    trust: Trust,
    digests: BTreeMap<String, String>,
}

fn suite() -> Option<Suite> {
    let folder = plimsoll_testing::shared("fixtures/supply-chain/slsa-verifier")?;
    let cases = serde_json::from_slice(&fs::read(folder.join("expectations.json")).expect("expectations"))
        .expect("JSON");
    let trust = Trust {
        roots: vec![Root::builtin("sigstore").expect("known").expect("usable")],
        signers: vec![
            Signer {
                name: "any workflow".into(),
                by: By::Identity {
                    subject: Pattern::parse("**").expect("a pattern"),
                    issuer: Pattern::Exact("https://token.actions.githubusercontent.com".into()),
                    claims: Vec::new(),
                    roots: Vec::new(),
                },
            },
            Signer {
                name: "npm registry".into(),
                by: By::Key { key: PublicKey::from_pem("npm", NPM_KEY).expect("a key"), log: Log::Required },
            },
        ],
    };
    let table = fs::read_to_string(folder.join("artifact-digests.tsv")).expect("the table");
    let digests = table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split('\t');
            Some((fields.next()?.to_owned(), format!("sha512:{}", fields.nth(2)?)))
        })
        .collect();
    Some(Suite { folder, cases, trust, digests })
}

impl Suite {
    fn check(
        &self,
        format: Format,
        bytes: Vec<u8>,
        annotations: BTreeMap<String, String>,
        digest: &Digest,
    ) -> Checked {
        let place = Place { repository: "suite".into(), layout: Layout::File, manifest: None };
        let evidence = Evidence { place, subject: digest.clone(), format, bytes, annotations };
        self.trust.check(&evidence, Target { digest, manifest: None, now: 0 })
    }

    /// Runs the cases of one table; `judge` says why a case does not verify.
    fn run(&self, table: &str, least: usize, judge: impl Fn(&Value) -> Option<Result<(), String>>) {
        let (mut count, mut wrong) = (0, Vec::new());
        for case in self.cases[table].as_array().expect("a table") {
            let Some(outcome) = judge(case) else { continue };
            count += 1;
            if outcome.is_ok() != case["err"].is_null() {
                wrong.push(format!("{}: {outcome:?}, expected {}", case["name"], case["err"]));
            }
        }
        assert!(count >= least, "{table}: {count} cases");
        assert!(wrong.is_empty(), "{table}: {} of {count} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }
}

/// Go's `pointerTo("x")` and `[]string{"x"}` as `x`.
fn value(case: &Value, name: &str) -> Option<String> {
    let text = case[name].as_str()?;
    match (text.find('"'), text.rfind('"')) {
        (Some(start), Some(end)) if end > start => Some(text[start + 1..end].to_owned()),
        _ => Some(text.to_owned()),
    }
}

fn build(case: &Value) -> Build {
    let exact = |name: &str| value(case, name).map(Pattern::Exact);
    Build {
        builder: exact("pBuilderID").or_else(|| exact("builderID")),
        source: exact("source"),
        branch: value(case, "pbranch"),
        tag: value(case, "ptag"),
        version: value(case, "pversiontag"),
        ..Build::default()
    }
}

fn fits(checked: &Checked, build: &Build) -> Result<Statement, String> {
    let (Outcome::Trusted { .. }, What::Attestation(statement)) = (&checked.outcome, &checked.what) else {
        return Err(format!("{:?}", checked.outcome));
    };
    let provenance = Provenance::read(&statement.predicate_type, &statement.predicate)?;
    let unmet = build.check(&provenance, checked.certificate.as_ref());
    if unmet.is_empty() { Ok((**statement).clone()) } else { Err(format!("{unmet:?}")) }
}

fn sha256(path: &Path) -> Digest {
    Digest::from_bytes(Algorithm::Sha256, &Sha256::digest(fs::read(path).expect("an artifact")))
        .expect("a digest")
}

#[test]
fn images_of_the_generator() {
    let Some(suite) = suite() else { return };
    let folder = suite.folder.join("gha_generic_container/v2.1.0/container_workflow_dispatch");
    let digest = Digest::parse(fs::read_to_string(folder.with_extension("digest")).expect("a digest").trim())
        .expect("a digest");
    let blob = |digest: &str| fs::read(folder.join("blobs").join(digest.replace(':', "/"))).expect("a blob");
    let index: Value =
        serde_json::from_slice(&fs::read(folder.join("index.json")).expect("an index")).expect("JSON");
    let manifest: Value =
        serde_json::from_slice(&blob(index["manifests"][1]["digest"].as_str().expect("a digest")))
            .expect("JSON");
    let layer = &manifest["layers"][0];
    let annotations: BTreeMap<String, String> =
        serde_json::from_value(layer["annotations"].clone()).expect("annotations");
    let checked =
        suite.check(Format::Dsse, blob(layer["digest"].as_str().expect("a digest")), annotations, &digest);
    suite.run("Test_runVerifyGHAArtifactImage", 13, |case| Some(fits(&checked, &build(case)).map(drop)));
    // Old builders' cases name builds that are not given; what they say of this one holds all the same.
}

#[test]
fn binaries_of_the_container_based_builder() {
    let Some(suite) = suite() else { return };
    suite.run("Test_runVerifyGHAContainerBased", 9, |case| {
        let path = suite
            .folder
            .join("gha_container-based/v2.1.0")
            .join(value(case, "artifacts").expect("an artifact"));
        let bundle = fs::read(format!("{}.intoto.build.slsa", path.display())).expect("a bundle");
        let checked = suite.check(Format::Bundle, bundle, BTreeMap::new(), &sha256(&path));
        Some(fits(&checked, &build(case)).map(drop))
    });
}

#[test]
fn attestations_of_github() {
    let Some(suite) = suite() else { return };
    suite.run("Test_runVerifyGithubAttestation", 5, |case| {
        let name = case["artifact"].as_str().expect("an artifact");
        let digest = match suite.digests.get(&format!("bcr/{name}")) {
            Some(_) => {
                Digest::parse("sha256:1636f443b01c9ee310ee5834956d0dce374c3d3bf8d4cebc9f6b86f8304b4982")
                    .expect("a digest")
            }
            None => sha256(&suite.folder.join("bcr").join(name)),
        };
        let bundle = fs::read(suite.folder.join(format!("bcr/{name}.intoto.jsonl"))).expect("a bundle");
        let mut build = build(case);
        build.builder = match case["builderID"].as_str() {
            Some("bcrPublisherBuilderID") => {
                Some("https://github.com/bazel-contrib/publish-to-bcr/.github/workflows/publish.yaml")
            }
            Some("bcrReleaserBuilderID") => {
                Some("https://github.com/bazel-contrib/.github/.github/workflows/release_ruleset.yaml")
            }
            _ => None,
        }
        .map(|text| Pattern::Exact(text.into()));
        Some(fits(&suite.check(Format::Bundle, bundle, BTreeMap::new(), &digest), &build).map(drop))
    });
}

#[test]
fn packages_of_npm() {
    let Some(suite) = suite() else { return };
    suite.run("Test_runVerifyNpmPackage", 45, |case| {
        let name = case["artifact"].as_str().expect("an artifact");
        let digest = Digest::parse(&suite.digests[&format!("npm/gha/{name}")]).expect("a digest");
        let document: Value = serde_json::from_slice(
            &fs::read(suite.folder.join(format!("npm/gha/{name}.json"))).expect("attestations"),
        )
        .expect("JSON");
        let build = build(case);
        // Without a builder slsa-verifier refuses npm packages as a wrong call; our own default is the isolated builders.
        build.builder.as_ref()?;
        let judged = document["attestations"].as_array().expect("attestations").iter().map(|attestation| {
            let bundle = serde_json::to_vec(&attestation["bundle"]).expect("JSON");
            let checked = suite.check(Format::Bundle, bundle, BTreeMap::new(), &digest);
            if attestation["predicateType"].as_str().is_some_and(|kind| kind.contains("/provenance/")) {
                fits(&checked, &build)
            } else {
                match (&checked.outcome, &checked.what) {
                    (Outcome::Trusted { signers }, What::Attestation(statement))
                        if signers == &["npm registry"] =>
                    {
                        Ok((**statement).clone())
                    }
                    (outcome, _) => Err(format!("{outcome:?}")),
                }
            }
        });
        Some(judged.collect::<Result<Vec<_>, _>>().and_then(|statements| {
            let wanted = |name: &str, suffix: bool| {
                value(case, name).is_none_or(|wanted| {
                    statements.iter().all(|statement| {
                        statement.subject.iter().any(|subject| {
                            let purl = subject.name.replace("%40", "@");
                            let (package, version) = purl.rsplit_once('@').expect("a version");
                            if suffix { version == wanted } else { package == format!("pkg:npm/{wanted}") }
                        })
                    })
                })
            };
            if wanted("pkgName", false) && wanted("pkgVersion", true) {
                Ok(())
            } else {
                Err("another package".into())
            }
        }))
    });
}

#[test]
fn bundles_that_somebody_changed_are_invalid() {
    let Some(suite) = suite() else { return };
    let folder = suite.folder.join("gha-unit/bundle");
    for (name, good) in [
        ("valid.intoto.sigstore", true),
        ("valid-v0.3.intoto.sigstore", true),
        ("invalid-dsse-sig.intoto.sigstore", false),
        ("invalid-set.intoto.sigstore", false),
        ("mismatch-tlog.intoto.sigstore", false),
    ] {
        let bytes = fs::read(folder.join(name)).expect("a bundle");
        let bundle: Value = serde_json::from_slice(&bytes).expect("JSON");
        let payload = base64::engine::general_purpose::STANDARD
            .decode(bundle["dsseEnvelope"]["payload"].as_str().expect("a payload"))
            .expect("base64");
        let statement = Statement::parse(&payload).expect("a statement");
        let (algorithm, hex) = statement.subject[0].digest.iter().next().expect("a digest");
        let digest = Digest::parse(&format!("{algorithm}:{hex}")).expect("a digest");
        let outcome = suite.check(Format::Bundle, bytes, BTreeMap::new(), &digest).outcome;
        match outcome {
            Outcome::Trusted { .. } => assert!(good, "{name}"),
            // A signature that is not even base64 cannot be judged: no less refused.
            Outcome::Invalid { .. } | Outcome::Unreadable { .. } => assert!(!good, "{name}: {outcome:?}"),
            outcome => panic!("{name}: {outcome:?}"),
        }
    }
}
