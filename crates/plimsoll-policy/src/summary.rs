//! Verification summaries (SLSA VSA): "somebody held this image against that policy, and it was met". What CI proves to the
//! gate. Read here, whoever made them, and written.

use std::collections::BTreeMap;

use plimsoll_model::Digest;
use plimsoll_model::decision::{Decision, Effect, PolicyResult};
use plimsoll_model::{Outcome, shortened};
use serde::Deserialize;
use serde_json::{Value, json};

/// The kind of predicate that is written.
pub const SUMMARY: &str = "https://slsa.dev/verification_summary/v1";
/// The one before, which is read too.
const BEFORE: &str = "https://slsa.dev/verification_summary/v0.2";
/// The level that a summary of ours states, beside those of SLSA, which it does not judge.
const LEVEL: &str = "PLIMSOLL_POLICY_MET";

/// What a summary states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Who verified.
    pub verifier: String,
    /// When, in seconds since 1970.
    pub time: i64,
    /// What was verified, as an address.
    pub resource: String,
    /// Digests of the policy by algorithm, in hexadecimal digits.
    pub policy: BTreeMap<String, String>,
    /// Whether it was met.
    pub passed: bool,
    /// What was reached.
    pub levels: Vec<String>,
}

/// Whether a predicate is a summary.
pub fn is_summary(predicate_type: &str) -> bool {
    matches!(predicate_type, SUMMARY | BEFORE)
}

impl Summary {
    /// Reads a predicate.
    ///
    /// # Errors
    /// In words for people, when a part that the specification demands is missing or not understood.
    pub fn read(predicate_type: &str, predicate: &Value) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Document {
            verifier: Verifier,
            time_verified: String,
            resource_uri: String,
            policy: Policy,
            verification_result: String,
            #[serde(default)]
            verified_levels: Vec<String>,
            #[serde(default)]
            policy_level: Option<String>,
        }
        #[derive(Deserialize)]
        struct Verifier {
            id: String,
        }
        #[derive(Deserialize)]
        struct Policy {
            #[serde(default)]
            digest: BTreeMap<String, String>,
        }
        if !is_summary(predicate_type) {
            return Err(format!("`{}` is no verification summary", shortened(predicate_type)));
        }
        let document = Document::deserialize(predicate)
            .map_err(|error| format!("a verification summary that cannot be read: {error}"))?;
        let time: jiff::Timestamp = document.time_verified.parse().map_err(|_| {
            format!("a verification summary of no moment: `{}`", shortened(&document.time_verified))
        })?;
        let passed = match document.verification_result.as_str() {
            "PASSED" => true,
            "FAILED" => false,
            other => return Err(format!("a verification summary with the result `{}`", shortened(other))),
        };
        let mut levels = document.verified_levels;
        levels.extend(document.policy_level);
        Ok(Summary {
            verifier: document.verifier.id,
            time: time.as_second(),
            resource: document.resource_uri,
            policy: document.policy.digest,
            passed,
            levels,
        })
    }

    /// Whether it is about the policy with this digest.
    pub fn is_about(&self, policy: &Digest) -> bool {
        self.policy
            .get(policy.algorithm().name())
            .is_some_and(|value| value.eq_ignore_ascii_case(&policy.hex()))
    }

    /// Whether it states a level, or a higher one of the same SLSA track.
    pub fn reaches(&self, wanted: &str) -> bool {
        let Some((track, wanted_number)) = slsa(wanted) else {
            return self.levels.iter().any(|level| level == wanted);
        };
        self.levels
            .iter()
            .filter_map(|level| slsa(level))
            .any(|(own, number)| own == track && number >= wanted_number)
    }
}

/// `SLSA_BUILD_LEVEL_3` taken apart; `SLSA_LEVEL_3` is what v0.2 wrote for it.
fn slsa(level: &str) -> Option<(&str, u8)> {
    let (track, number) = level.strip_prefix("SLSA_")?.rsplit_once("LEVEL_")?;
    let track = track.strip_suffix('_').unwrap_or(track);
    Some((if track.is_empty() { "BUILD" } else { track }, number.parse().ok()?))
}

/// What the summary of one policy rests on, beside the decision.
#[derive(Clone, Copy, Debug)]
pub struct Stated<'a> {
    /// Who verified.
    pub verifier: &'a str,
    /// Version of the program.
    pub version: &'a str,
    /// What was verified: repository and digest.
    pub resource: &'a str,
    /// Attestations that were looked at: where each is, and its digest.
    pub inputs: &'a [(String, Digest)],
}

/// Whether a policy was met by itself: every requirement, or an exception that covers it. What only warned does not count.
pub fn is_met(policy: &PolicyResult) -> bool {
    policy
        .requirements
        .iter()
        .all(|one| one.effect == Effect::Allow && (one.answer == Outcome::Met || one.exception.is_some()))
}

/// The predicate that says that a policy was met. `None` when it was not, or the decision refuses the image for any
/// reason: nothing is stated then.
pub fn predicate(decision: &Decision, policy: &PolicyResult, stated: Stated<'_>) -> Option<Value> {
    if decision.outcome() != Outcome::Met || !is_met(policy) {
        return None;
    }
    let digest = Digest::parse(&policy.hash).ok()?;
    let inputs: Vec<Value> = stated
        .inputs
        .iter()
        .map(|(uri, digest)| json!({ "uri": uri, "digest": { digest.algorithm().name(): digest.hex() } }))
        .collect();
    let name = match &policy.namespace {
        Some(namespace) => format!("plimsoll:policy/{namespace}/{}", policy.policy),
        None => format!("plimsoll:policy/{}", policy.policy),
    };
    Some(json!({
        "verifier": { "id": stated.verifier, "version": { "plimsoll": stated.version } },
        "timeVerified": decision.decided_at,
        "resourceUri": stated.resource,
        "policy": { "uri": name, "digest": { digest.algorithm().name(): digest.hex() } },
        "inputAttestations": inputs,
        "verificationResult": "PASSED",
        "verifiedLevels": [LEVEL],
        // The proof, for people: what each requirement said.
        "https://plimsoll.dev/decision/v1": {
            "requirements": policy.requirements,
            "decidedAt": decision.decided_at,
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        json!({
            "verifier": { "id": "https://ci.example.test" },
            "timeVerified": "2026-01-01T00:00:00Z",
            "resourceUri": "registry.example.test/shop",
            "policy": { "uri": "x", "digest": { "sha256": "AB".repeat(32) } },
            "verificationResult": "PASSED",
            "verifiedLevels": ["SLSA_BUILD_LEVEL_2", "OTHER"],
        })
    }

    #[test]
    fn summaries_are_read_whole_or_not_at_all() {
        let summary = Summary::read(SUMMARY, &document()).expect("whole");
        assert!(summary.passed && summary.time == 1_767_225_600, "{summary:?}");
        let digest = |text: &str| Digest::parse(&format!("sha256:{}", text.repeat(32))).expect("a digest");
        assert!(summary.is_about(&digest("ab")) && !summary.is_about(&digest("cd")));
        for (level, reached) in [
            ("SLSA_BUILD_LEVEL_1", true),
            ("SLSA_BUILD_LEVEL_2", true),
            ("SLSA_BUILD_LEVEL_3", false),
            ("SLSA_SOURCE_LEVEL_1", false),
            ("OTHER", true),
            ("ELSE", false),
        ] {
            assert_eq!(summary.reaches(level), reached, "{level}");
        }
        for part in ["verifier", "timeVerified", "resourceUri", "policy", "verificationResult"] {
            let mut document = document();
            document.as_object_mut().expect("an object").remove(part);
            assert!(Summary::read(SUMMARY, &document).is_err(), "{part}");
        }
        for (part, value) in [("timeVerified", "yesterday"), ("verificationResult", "passed")] {
            let mut document = document();
            document[part] = value.into();
            assert!(Summary::read(SUMMARY, &document).is_err(), "{part}");
        }
        assert!(Summary::read("https://slsa.dev/provenance/v1", &document()).is_err());
        let mut before = document();
        before.as_object_mut().expect("an object").remove("verifiedLevels");
        before["policyLevel"] = "SLSA_LEVEL_3".into();
        assert!(Summary::read(BEFORE, &before).expect("whole").reaches("SLSA_BUILD_LEVEL_3"));
    }
}
