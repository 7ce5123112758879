//! The samples of policy-controller and Kyverno: what their engines take comes over, what those refuse is refused.

use std::path::Path;

use plimsoll_policy::Policies;
use plimsoll_policy::import::{Change, Imported, Keys, import};

/// Every document of a file, imported.
fn file(path: &Path) -> Result<Imported, String> {
    let text = std::fs::read_to_string(path).expect("a sample");
    let documents: Vec<serde_json::Value> =
        serde_saphyr::from_multiple(&text).map_err(|error| error.to_string())?;
    let mut all = Imported::default();
    for document in documents.iter().filter(|document| !document.is_null()) {
        let imported = import(document, &Keys::new()).map_err(|error| error.to_string())?;
        all.policies.extend(imported.policies);
        all.notes.extend(imported.notes);
    }
    let mut policies = Policies::default();
    for policy in &all.policies {
        policies.add("imported", &policy.to_string()).map_err(|error| error.to_string())?;
    }
    Ok(all)
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("entry").path()).collect();
    files.sort();
    files
}

#[test]
fn samples_of_policy_controller() {
    let Some(folder) = plimsoll_testing::shared("fixtures/supply-chain/policy-controller/policy-controller")
    else {
        return;
    };
    let (mut taken, mut refused) = (0, 0);
    for part in ["valid", "e2e", "tester"] {
        for path in files(&folder.join(part)) {
            let imported = file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            // One of them is the workload that the others are tried on.
            let expected = usize::from(!path.ends_with("test-deployment.yaml"));
            assert_eq!(imported.policies.len(), expected, "{}", path.display());
            taken += expected;
        }
    }
    for part in ["invalid", "empty-authorities"] {
        for path in files(&folder.join(part)) {
            assert!(file(&path).is_err(), "{}", path.display());
            refused += 1;
        }
    }
    assert_eq!((taken, refused), (50, 35));
}

#[test]
fn image_policies_of_kyverno() {
    let Some(folder) = plimsoll_testing::shared("fixtures/supply-chain/kyverno-policies/other") else {
        return;
    };
    let count = |name: &str| {
        let imported = file(&folder.join(name).join(format!("{name}.yaml")))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let unjudged = imported.notes.iter().filter(|note| note.change == Change::NotJudged).count();
        (imported.policies.len(), unjudged)
    };
    assert_eq!(count("verify-image"), (1, 0));
    assert_eq!(count("require-image-checksum"), (1, 0));
    assert_eq!(count("verify-image-gcpkms"), (1, 1));
    assert_eq!(count("verify-image-with-multi-keys"), (1, 2));
    assert_eq!(count("verify-image-slsa"), (1, 1));
    assert_eq!(count("verify-image-cve-2022-42889"), (1, 1));
    assert_eq!(count("require-vulnerability-scan"), (1, 1));
    assert_eq!(count("verify-image-ivpol"), (1, 1));
}
