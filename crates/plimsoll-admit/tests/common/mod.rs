//! A webhook in this process, over images that exist in this file only.
#![allow(dead_code, reason = "each test program uses its part")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use plimsoll_admit::Clock;
use plimsoll_admit::engine::{Engine, Hook, Rules};
use plimsoll_admit::event::Log;
use plimsoll_admit::evidence::{Limits, Source, Store};
use plimsoll_admit::review::Answer;
use plimsoll_admit::server::{Server, Settings};
use plimsoll_model::Digest;
use plimsoll_scan::Reference;
use plimsoll_scan::gate::{Gate, Gathered};
use plimsoll_scan::policy::{Evidence, Known, Maker, Need, Policies};
use serde_json::{Value, json};

/// The key that counts.
pub(crate) const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1Olb3zMAFFxXKHiIkQO5cJ3Yhl5i6UPp+IhuteBJbuHcA5UogKo0EWtlWwW6KSaKoTNEYL7JlCQiVnkhBktUgg==\n-----END PUBLIC KEY-----\n";

/// When the tests begin, seconds since 1970.
pub(crate) const NOW: i64 = 1_795_435_200;

/// A digest that is the same two letters over and over.
pub(crate) fn digest(letters: &str) -> Digest {
    Digest::parse(&format!("sha256:{}", letters.repeat(32))).unwrap()
}

/// A policy with these requirements, YAML lines of a list, set in by two.
pub(crate) fn policy(name: &str, requirements: &str) -> String {
    format!(
        "---\napiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: {name}}}\nspec:\n  signers:\n    ours: {{noTransparencyLog: true, key: {KEY:?}}}\n  requirements:\n{requirements}\n"
    )
}

pub(crate) const SIGNED: &str = "  - signedBy: {signers: [ours]}";

pub(crate) fn gate(yaml: &str) -> Arc<Gate> {
    let mut policies = Policies::default();
    policies.add("test.yaml", yaml).unwrap();
    Arc::new(Gate::new(policies, Vec::new(), &Arc::default()).unwrap())
}

pub(crate) fn fingerprint(gate: &Gate) -> String {
    (*gate.keys().iter().next().expect("a policy names the key")).to_owned()
}

/// What is known of an image that was signed with this key.
pub(crate) fn signed(digest: &Digest, key: &str) -> Gathered {
    let evidence = Evidence { statement: None, maker: Maker::Key(key.to_owned()), logged: false };
    Gathered {
        digest: Known::Seen(digest.clone()),
        evidence: Known::Seen(vec![evidence]),
        ..Gathered::default()
    }
}

pub(crate) fn unsigned(digest: &Digest) -> Gathered {
    Gathered { digest: Known::Seen(digest.clone()), evidence: Known::Seen(Vec::new()), ..Gathered::default() }
}

type Script = dyn Fn(&Reference, &BTreeSet<Need>) -> Gathered + Send + Sync;

/// Answers by a script, and counts.
pub(crate) struct Scripted {
    pub(crate) calls: AtomicUsize,
    script: Mutex<Arc<Script>>,
}

impl Scripted {
    pub(crate) fn new(
        script: impl Fn(&Reference, &BTreeSet<Need>) -> Gathered + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Scripted { calls: AtomicUsize::new(0), script: Mutex::new(Arc::new(script)) })
    }

    pub(crate) fn becomes(
        &self,
        script: impl Fn(&Reference, &BTreeSet<Need>) -> Gathered + Send + Sync + 'static,
    ) {
        *self.script.lock().unwrap() = Arc::new(script);
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }
}

impl Source for Scripted {
    fn gather(&self, reference: &Reference, needs: &BTreeSet<Need>) -> Gathered {
        self.calls.fetch_add(1, SeqCst);
        let script = self.script.lock().unwrap().clone();
        script(reference, needs)
    }
}

/// Keeps the lines of the log.
#[derive(Default)]
pub(crate) struct Kept(pub(crate) Mutex<Vec<String>>);

impl Kept {
    pub(crate) fn all(&self) -> Vec<Value> {
        self.0.lock().unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Log for Kept {
    fn line(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// A webhook without a network.
pub(crate) struct Webhook {
    pub(crate) engine: Arc<Engine>,
    pub(crate) server: Arc<Server>,
    pub(crate) log: Arc<Kept>,
    pub(crate) budget: Duration,
    /// Seconds since 1970, as the test turns it.
    pub(crate) clock: Arc<AtomicI64>,
    runtime: tokio::runtime::Runtime,
}

impl Webhook {
    pub(crate) fn new(rules: Rules, source: Arc<dyn Source>, limits: Limits, budget: Duration) -> Self {
        let store = Arc::new(Store::new(source, limits));
        let clock = Arc::new(AtomicI64::new(NOW));
        let turned = clock.clone();
        let now: Clock = Arc::new(move || turned.load(SeqCst));
        store.start(&now);
        let engine = Arc::new(Engine::new(rules, store));
        let log = Arc::new(Kept::default());
        let settings = Settings { budget, now, log: log.clone(), linger: Duration::ZERO, pushes: None };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Webhook { server: Server::new(engine.clone(), settings), engine, log, budget, clock, runtime }
    }

    pub(crate) fn simple(yaml: &str, source: Arc<dyn Source>) -> Self {
        Webhook::new(Rules::new(gate(yaml)), source, Limits::default(), Duration::from_secs(5))
    }

    pub(crate) fn ask(&self, hook: Hook, review: &Value) -> Answer {
        let body = serde_json::to_vec(review).unwrap();
        let deadline = Instant::now() + self.budget;
        self.runtime.block_on(self.server.review(hook, &body, deadline)).expect("it is a review")
    }

    pub(crate) fn validate(&self, review: &Value) -> Answer {
        self.ask(Hook::Validate, review)
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.engine.store.close();
    }
}

/// A review of an object that comes into being in the namespace `shop`.
pub(crate) fn create(object: &Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "7f0d", "operation": "CREATE", "namespace": "shop", "dryRun": false,
        "kind": {"group": "", "version": "v1", "kind": object["kind"]},
        "userInfo": {"username": "ada"}, "object": object, "oldObject": null,
    }})
}

pub(crate) fn update(old: &Value, new: &Value) -> Value {
    let mut review = create(new);
    review["request"]["operation"] = json!("UPDATE");
    review["request"]["oldObject"] = old.clone();
    review
}

/// A pod with containers of these images.
pub(crate) fn pod(images: &[&str]) -> Value {
    let containers: Vec<Value> = images
        .iter()
        .enumerate()
        .map(|(index, image)| json!({"name": format!("c{index}"), "image": image}))
        .collect();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"containers": containers}})
}

/// The reason of a refusal.
pub(crate) fn refusal(answer: &Answer) -> &str {
    &answer.refused.as_ref().expect("it is refused").1
}

/// The annotations of an answer.
pub(crate) fn annotations(answer: &Answer) -> BTreeMap<&'static str, String> {
    answer.annotations.iter().cloned().collect()
}

/// The response, as the API server reads it, with its patch decoded.
pub(crate) fn response(answer: &Answer) -> (Value, Value) {
    let document: Value = serde_json::from_slice(&answer.to_json()).unwrap();
    let response = document["response"].clone();
    let patch = response["patch"].as_str().map_or(Value::Null, |text| {
        serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap()
    });
    (response, patch)
}

/// Small numbers that look random (SplitMix64); the same for the same seed.
pub(crate) struct Chance(AtomicU64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Chance(AtomicU64::new(seed))
    }

    pub(crate) fn below(&self, limit: u64) -> u64 {
        let mut value = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, SeqCst);
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (value ^ (value >> 31)) % limit
    }
}

#[expect(clippy::disallowed_methods, reason = "how many faults is told from outside")]
/// A number that is told from outside.
pub(crate) fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
