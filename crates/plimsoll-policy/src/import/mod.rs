//! Policies of other engines about images, turned into ours: Sigstore policy-controller's ClusterImagePolicy, Kyverno's
//! `verifyImages` rules and its ImageValidatingPolicy.
//!
//! The result is never looser than what was written. What cannot be carried over stands at its place as a `notJudged`
//! requirement, so that three-valued logic keeps the meaning: an authority whose CUE condition is not judged lets nothing in by
//! itself, and takes nothing from another authority that does. What becomes stricter is told.

mod cluster_image_policy;
mod image_validating_policy;
mod kyverno;
mod reader;
mod written;

use std::collections::BTreeMap;

use plimsoll_model::shortened;
use serde_json::Value;

pub use reader::Invalid;

/// Most policies from one document.
const MOST: usize = 1000;

/// What became of one document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imported {
    /// Documents of kind Policy.
    pub policies: Vec<Value>,
    /// What is not as it was, in the order of the document.
    pub notes: Vec<Note>,
}

/// How far a policy became another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// A condition that nobody here can judge: the answer is *unknown* where it decides.
    NotJudged,
    /// It refuses more, or asks for something beside it.
    Stricter,
    /// The document, or a rule of it, is not about images: nothing was made of it.
    LeftOut,
}

/// One thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What of it changed.
    pub change: Change,
    /// Where: `spec.authorities[1].key`.
    pub path: String,
    /// What, why, and what to do.
    pub text: String,
}

/// Public keys in PEM, by the reference that policies give instead of them: `awskms://...`, `k8s://NAMESPACE/NAME`.
pub type Keys = BTreeMap<String, String>;

/// Turns a document into policies.
///
/// # Errors
/// When its own engine would refuse it.
pub fn import(document: &Value, keys: &Keys) -> Result<Imported, Invalid> {
    let word = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = word("apiVersion").split_once('/').unwrap_or_default();
    let imported = match (group, word("kind")) {
        ("policy.sigstore.dev", "ClusterImagePolicy") => {
            cluster_image_policy::import(document, version, keys)?
        }
        ("kyverno.io", "ClusterPolicy" | "Policy") => kyverno::import(document, keys)?,
        (
            "policies.kyverno.io",
            "ImageValidatingPolicy" | "NamespacedImageValidatingPolicy" | "ImageVerificationPolicy",
        ) => image_validating_policy::import(document, keys)?,
        (_, kind) => Imported { policies: Vec::new(), notes: vec![left_out(kind)] },
    };
    if imported.policies.len() > MOST {
        return Err(Invalid::at("", format!("makes more than {MOST} policies")));
    }
    Ok(imported)
}

fn left_out(kind: &str) -> Note {
    let text = match kind {
        "ValidatingAdmissionPolicy"
        | "ValidatingAdmissionPolicyBinding"
        | "ValidatingPolicy"
        | "ConstraintTemplate" => {
            format!("{kind} is about objects, not images: it is run as it is, not turned into another form")
        }
        "TrustRoot" => {
            "the authorities that it names are given as a trusted_root.json, by `--trust-root`".into()
        }
        "" => "the document has no kind".into(),
        kind => format!("{} is no policy about images", shortened(kind)),
    };
    Note { change: Change::LeftOut, path: "kind".into(), text }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Policies;

    /// A key of nobody.
    pub(crate) const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGYnEiJ6Nl5xD3KzBbdMPUFqOVeRa\n\
        Xb5mMO0ymx0DsBVv6ZUF0b3KPVyyxZk8wAe9W0uSjSMhOQ5wS4Q2mg7bCw==\n\
        -----END PUBLIC KEY-----\n";

    pub(crate) fn document(yaml: &str) -> Value {
        serde_saphyr::from_str(yaml).expect("YAML")
    }

    /// Imports, and loads what came out.
    pub(crate) fn imported(yaml: &str) -> (Imported, Policies) {
        let imported = import(&document(yaml), &Keys::new()).expect("valid");
        let mut policies = Policies::default();
        for policy in &imported.policies {
            policies.add("imported.yaml", &policy.to_string()).expect("what comes out can be loaded");
        }
        (imported, policies)
    }

    #[test]
    fn other_kinds_are_said_to_be_left_out() {
        let (imported, _) = imported("{apiVersion: apps/v1, kind: Deployment}");
        assert_eq!(imported.policies, Vec::<Value>::new());
        assert_eq!(imported.notes[0].change, Change::LeftOut);
        assert_eq!(import(&Value::Null, &Keys::new()).expect("left out").notes.len(), 1);
    }
}
