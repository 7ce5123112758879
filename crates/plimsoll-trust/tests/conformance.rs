//! The bundles of sigstore-conformance, through our own interface. Each folder's README says why it must verify or not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use plimsoll_model::{Algorithm, Digest};
use plimsoll_trust::{
    By, Evidence, Format, Layout, Log, Outcome, Pattern, Place, PublicKey, Root, Signer, Target, Trust,
};
use sha2::{Digest as _, Sha256};

fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn verifies(folder: &Path, fallback: &Path, root: &str) -> Result<(), String> {
    let artifact = fs::read(folder.join("artifact")).or_else(|_| fs::read(fallback)).expect("an artifact");
    let digest = Digest::from_bytes(Algorithm::Sha256, &Sha256::digest(&artifact)).expect("a digest");
    let root = text(&folder.join("trusted_root.json")).unwrap_or_else(|| root.to_owned());
    let root = Root::from_json("root", &root).map_err(|error| format!("root: {error}"))?;
    let exact = |name: &str, otherwise: &str| {
        let value =
            text(&folder.join(name)).map_or_else(|| otherwise.to_owned(), |value| value.trim().to_owned());
        Pattern::Exact(value)
    };
    let by = match text(&folder.join("key.pub")) {
        Some(pem) => {
            let key = PublicKey::from_pem("key.pub", &pem).map_err(|error| format!("key: {error}"))?;
            By::Key { key, log: Log::Required }
        }
        None => By::Identity {
            subject: exact(
                "identity",
                "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/\
                 extremely-dangerous-oidc-beacon.yml@refs/heads/main",
            ),
            issuer: exact("issuer", "https://token.actions.githubusercontent.com"),
            claims: Vec::new(),
            roots: Vec::new(),
        },
    };
    let trust = Trust { roots: vec![root], signers: vec![Signer { name: "expected".into(), by }] };
    let evidence = Evidence {
        place: Place { repository: folder.display().to_string(), layout: Layout::File, manifest: None },
        subject: digest.clone(),
        format: Format::Bundle,
        bytes: fs::read(folder.join("bundle.sigstore.json")).expect("a bundle"),
        annotations: BTreeMap::new(),
    };
    let checked = trust.check(&evidence, Target { digest: &digest, manifest: Some(&artifact), now: 0 });
    match checked.outcome {
        Outcome::Trusted { signers } => {
            assert_eq!(signers, ["expected"]);
            assert!(checked.logged, "{}", folder.display());
            Ok(())
        }
        outcome => Err(format!("{outcome:?}")),
    }
}

#[test]
fn every_bundle_is_judged_as_its_suite_says() {
    let Some(suite) = plimsoll_testing::shared("fixtures/supply-chain/sigstore-conformance/bundle-verify")
    else {
        return;
    };
    let root = plimsoll_testing::shared("fixtures/supply-chain/trusted-roots/trusted_root.json")
        .expect("beside the suite");
    let root = fs::read_to_string(root).expect("the root");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(&suite).expect("the suite") {
        let folder = entry.expect("an entry").path();
        if !folder.is_dir() {
            continue;
        }
        count += 1;
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let outcome = verifies(&folder, &suite.join("a.txt"), &root);
        if outcome.is_ok() == name.ends_with("_fail") {
            wrong.push(format!("{name}: {outcome:?}"));
        }
    }
    assert!(count >= 50, "{count} cases");
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
