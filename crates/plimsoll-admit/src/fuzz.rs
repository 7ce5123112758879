//! What fuzz targets run.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use plimsoll_scan::Reference;
use plimsoll_scan::gate::{Gate, Gathered};
use plimsoll_scan::policy::{Need, Policies};

use crate::engine::{Engine, Hook, Rules, Step};
use crate::evidence::{Limits, Source, Store};

struct Nothing;

impl Source for Nothing {
    fn gather(&self, _reference: &Reference, _needs: &BTreeSet<Need>) -> Gathered {
        Gathered::missing("nobody is asked")
    }
}

const POLICY: &str = "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: a}\nspec:\n  requirements:\n  - registries: {allow: ['no.such/**']}\n  - podSecurity: {level: restricted}\n  - maxAge: 1d\n";

/// Any bytes as the body of a review: no review, or an answer in the form of the API that repeats the question. What names
/// an image is never let through by a policy that lets through none.
pub fn fuzz_review(data: &[u8]) {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| {
        let mut policies = Policies::default();
        policies.add("fuzz.yaml", POLICY).expect("it is a policy");
        let gate = Gate::new(policies, Vec::new(), &Arc::default()).expect("it names no key");
        let mut rules = Rules::new(Arc::new(gate));
        rules.exempt.insert("kube-system".into());
        Engine::new(rules, Arc::new(Store::new(Arc::new(Nothing), Limits::default())))
    });
    // Registries send something else, to another path.
    crate::push::any_body(data);
    for hook in [Hook::Validate, Hook::Mutate] {
        let Ok(Step::Done(answer, event)) = engine.step(hook, data, 1_795_435_200, &[], true) else {
            continue;
        };
        let written: serde_json::Value =
            serde_json::from_slice(&answer.to_json()).expect("an answer is JSON");
        assert_eq!(written["response"]["uid"], answer.uid.as_str());
        assert_eq!(written["response"]["allowed"], answer.allowed());
        if let Some(event) = event {
            assert!(!event.allowed || event.images.is_empty(), "{event:?}");
            serde_json::to_string(&event).expect("an event is JSON");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    const REVIEW: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"UPDATE","namespace":"shop","object":{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"a":"b"}},"spec":{"initContainers":[{"name":"i","image":"a/b:1"}],"containers":[{"name":"c","image":"x@sha256:1111111111111111111111111111111111111111111111111111111111111111"}],"volumes":[{"name":"v","image":{"reference":"y"}}]}},"oldObject":{"apiVersion":"v1","kind":"Pod","metadata":{},"spec":{"containers":[{"image":"x"}]}}}}"#;

    proptest! {
        #[test]
        fn any_bytes(data in prop::collection::vec(any::<u8>(), 0..200)) {
            super::fuzz_review(&data);
        }

        #[test]
        fn damaged(at in 0..REVIEW.len(), cut in 0..40_usize, with in "[\\[\\]{}\",:a-z0-9 \u{0}\u{202e}]{0,12}") {
            let end = (at + cut).min(REVIEW.len());
            super::fuzz_review(format!("{}{with}{}", &REVIEW[..at], &REVIEW[end..]).as_bytes());
        }
    }

    #[test]
    fn bombs() {
        super::fuzz_review(REVIEW.as_bytes());
        super::fuzz_review("[".repeat(1 << 20).as_bytes());
        super::fuzz_review(
            REVIEW
                .replace("\"labels\"", &format!("\"x\":{}1{},\"labels\"", "[".repeat(100), "]".repeat(100)))
                .as_bytes(),
        );
        super::fuzz_review(REVIEW.replace("a/b:1", &"a/".repeat(100_000)).as_bytes());
    }
}
