//! What is counted, in the text form that Prometheus reads (exposition format 0.0.4).

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use plimsoll_model::Outcome;
use plimsoll_scan::policy::Policy;

use crate::engine::Engine;

/// Upper bounds of the histograms in microseconds.
const BOUNDS: [u64; 12] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000];

/// How long things took.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    sum_nanos: AtomicU64,
}

impl Histogram {
    /// Adds one.
    pub fn add(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(place) = BOUNDS.iter().position(|bound| micros <= *bound) {
            self.buckets[place].fetch_add(1, Relaxed);
        }
        self.count.fetch_add(1, Relaxed);
        self.sum_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    fn write(&self, out: &mut String, name: &str) {
        let mut below = 0;
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS) {
            below += bucket.load(Relaxed);
            let _ = writeln!(out, "{name}_bucket{{le=\"{}\"}} {below}", micros(bound));
        }
        let count = self.count.load(Relaxed);
        let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(out, "{name}_sum {}", seconds(self.sum_nanos.load(Relaxed)));
        let _ = writeln!(out, "{name}_count {count}");
    }
}

fn micros(micros: u64) -> String {
    seconds(micros * 1_000)
}

/// Nanoseconds as seconds, exactly.
fn seconds(nanos: u64) -> String {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What the webhook counts.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Reviews that were let through, that were refused, and that to ask again helps with.
    pub allowed: AtomicU64,
    /// See `allowed`.
    pub refused: AtomicU64,
    /// See `allowed`.
    pub try_again: AtomicU64,
    /// Requests that were no review.
    pub malformed: AtomicU64,
    /// Reviews in which the program itself failed; all of them were refused.
    pub failures: AtomicU64,
    /// Reviews that waited for evidence.
    pub waited: AtomicU64,
    /// How long reviews took, waiting included.
    pub took: Histogram,
    /// Times that a change of files was taken over, and that it was not.
    pub reloads: AtomicU64,
    /// See `reloads`.
    pub reloads_refused: AtomicU64,
    /// When the certificate in use ends, seconds since 1970; 0 without one.
    pub certificate_ends: AtomicI64,
    /// TLS connections that could not be made.
    pub handshakes_failed: AtomicU64,
    /// Pushes that images were looked at for.
    pub pushes_taken: AtomicU64,
    /// Events of registries that nothing had to be done for.
    pub pushes_passed: AtomicU64,
    /// Pushes that came too fast.
    pub pushes_dropped: AtomicU64,
    /// Messages of registries that were refused: without the secret, or no events.
    pub pushes_refused: AtomicU64,
}

/// What one policy costs.
#[derive(Debug, Default)]
struct Cost {
    nanos: AtomicU64,
    met: AtomicU64,
    not_met: AtomicU64,
    unknown: AtomicU64,
}

/// What policies cost, in the order that they are read and decided in.
#[derive(Debug)]
pub struct PolicyCosts(Vec<(String, Option<String>, Arc<Cost>)>);

impl PolicyCosts {
    /// Nothing yet.
    pub fn new(policies: &[Policy]) -> Self {
        let one = |policy: &Policy| {
            (policy.name().to_owned(), policy.namespace().map(str::to_owned), Arc::new(Cost::default()))
        };
        PolicyCosts(policies.iter().map(one).collect())
    }

    /// Goes on counting what a policy of the same name cost so far.
    pub fn go_on_from(&mut self, before: &PolicyCosts) {
        for (name, namespace, cost) in &mut self.0 {
            let same =
                |(own, place, _): &&(String, Option<String>, Arc<Cost>)| own == name && place == namespace;
            if let Some((_, _, known)) = before.0.iter().find(same) {
                *cost = known.clone();
            }
        }
    }

    /// Adds what a policy took, and the worst of its answers; by its place among all of them.
    pub(crate) fn add(&self, place: usize, worst: Outcome, took: Duration) {
        let Some((_, _, cost)) = self.0.get(place) else { return };
        cost.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        let counter = match worst {
            Outcome::Met => &cost.met,
            Outcome::NotMet => &cost.not_met,
            Outcome::Unknown => &cost.unknown,
        };
        counter.fetch_add(1, Relaxed);
    }
}

/// A value of a label.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Everything, as Prometheus reads it.
pub fn write(engine: &Engine) -> String {
    let mut out = String::with_capacity(4096);
    let metrics = &engine.metrics;
    let load = |counter: &AtomicU64| counter.load(Relaxed);
    let head = |out: &mut String, name: &str, kind: &str, help: &str| {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    };
    head(&mut out, "plimsoll_admit_reviews_total", "counter", "Reviews by what became of them.");
    for (result, counter) in
        [("allowed", &metrics.allowed), ("refused", &metrics.refused), ("try_again", &metrics.try_again)]
    {
        let _ = writeln!(out, "plimsoll_admit_reviews_total{{result=\"{result}\"}} {}", load(counter));
    }
    let name = "plimsoll_admit_registry_events_total";
    head(
        &mut out,
        name,
        "counter",
        "Events that registries told of, and messages of theirs that were refused.",
    );
    for (result, counter) in [
        ("taken", &metrics.pushes_taken),
        ("passed", &metrics.pushes_passed),
        ("dropped", &metrics.pushes_dropped),
        ("refused", &metrics.pushes_refused),
    ] {
        let _ = writeln!(out, "{name}{{result=\"{result}\"}} {}", load(counter));
    }
    head(&mut out, "plimsoll_admit_review_seconds", "histogram", "How long reviews took, waiting included.");
    metrics.took.write(&mut out, "plimsoll_admit_review_seconds");
    let counts = engine.store.counts();
    let counters = [
        ("malformed_requests_total", "Requests that were no review.", load(&metrics.malformed)),
        (
            "failures_total",
            "Requests in which the program failed; reviews were refused.",
            load(&metrics.failures),
        ),
        ("waited_total", "Reviews that waited for evidence.", load(&metrics.waited)),
        ("reloads_total", "Changed files that were taken over.", load(&metrics.reloads)),
        (
            "reloads_refused_total",
            "Changed files that were wrong; the old ones hold.",
            load(&metrics.reloads_refused),
        ),
        (
            "handshakes_failed_total",
            "TLS connections that could not be made.",
            load(&metrics.handshakes_failed),
        ),
        ("evidence_hits_total", "Look-ups that found evidence.", counts.hits),
        ("evidence_misses_total", "Look-ups that found none.", counts.misses),
        ("evidence_gathered_total", "Images that were looked at.", counts.gathered),
        ("evidence_failed_total", "Images of which something could not be read.", counts.failed),
        ("evidence_evicted_total", "Entries thrown out for others.", counts.evicted),
    ];
    for (name, help, value) in counters {
        let name = format!("plimsoll_admit_{name}");
        head(&mut out, &name, "counter", help);
        let _ = writeln!(out, "{name} {value}");
    }
    let gauges = [
        ("evidence_entries", "Images of which evidence is kept.", counts.entries),
        ("evidence_bytes", "Bytes that it takes.", counts.bytes),
        ("evidence_waiting", "Images that wait to be looked at.", counts.waiting),
        (
            "certificate_ends_seconds",
            "When the certificate in use ends, seconds since 1970.",
            u64::try_from(metrics.certificate_ends.load(Relaxed)).unwrap_or(0),
        ),
    ];
    for (name, help, value) in gauges {
        let name = format!("plimsoll_admit_{name}");
        head(&mut out, &name, "gauge", help);
        let _ = writeln!(out, "{name} {value}");
    }
    let rules = engine.rules();
    head(&mut out, "plimsoll_admit_policy_seconds_total", "counter", "Time that each policy took.");
    for (name, namespace, cost) in &rules.costs.0 {
        let labels = labels(name, namespace.as_deref());
        let _ =
            writeln!(out, "plimsoll_admit_policy_seconds_total{{{labels}}} {}", seconds(load(&cost.nanos)));
    }
    head(&mut out, "plimsoll_admit_policy_answers_total", "counter", "Answers of each policy, by image.");
    for (name, namespace, cost) in &rules.costs.0 {
        let labels = labels(name, namespace.as_deref());
        for (answer, counter) in [("met", &cost.met), ("not_met", &cost.not_met), ("unknown", &cost.unknown)]
        {
            let value = load(counter);
            let _ =
                writeln!(out, "plimsoll_admit_policy_answers_total{{{labels},answer=\"{answer}\"}} {value}");
        }
    }
    out
}

fn labels(name: &str, namespace: Option<&str>) -> String {
    let place = namespace.map(|namespace| format!(",namespace=\"{}\"", label(namespace))).unwrap_or_default();
    format!("policy=\"{}\"{place}", label(name))
}
