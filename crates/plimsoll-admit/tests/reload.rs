//! Policies that are loaded anew while reviews wait: nothing is decided on evidence that was gathered for other rules.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use common::{NOW, Scripted, Webhook, create, digest, gate, pod, policy, refusal, setting};
use plimsoll_admit::engine::Rules;
use plimsoll_admit::evidence::{Limits, Source};
use plimsoll_admit::recorded::replay;
use plimsoll_scan::gate::Gathered;
use plimsoll_scan::policy::{Config, Effect, Known};

/// Rules that are met by evidence that was gathered for them, and by no other.
fn rules(number: u64) -> Rules {
    let asks = format!("  - cel: {{expression: \"config.user == '{number}'\"}}");
    Rules::new(gate(&policy("production", &asks)))
}

/// What is gathered for the rules of this number. A tag always stands for the same image.
fn gathered(number: u64, reference: &plimsoll_scan::Reference) -> Gathered {
    let config = Config { user: number.to_string(), ..Config::default() };
    Gathered {
        digest: Known::Seen(reference.digest().cloned().unwrap_or_else(|| digest("aa"))),
        config: Known::Seen(config),
        ..Gathered::default()
    }
}

#[test]
fn a_review_that_waits_while_policies_are_loaded_looks_again() {
    let (started, go) = (Arc::new(AtomicBool::new(false)), Arc::new((Mutex::new(false), Condvar::new())));
    let old = {
        let (started, go) = (started.clone(), go.clone());
        Scripted::new(move |reference, _| {
            started.store(true, SeqCst);
            let (open, told) = &*go;
            drop(told.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
            gathered(1, reference)
        })
    };
    let webhook = Webhook::new(rules(1), old, Limits::default(), Duration::from_secs(5));
    let new = Scripted::new(|reference, _| gathered(2, reference));
    let review = create(&pod(&[&format!("r.io/web@{}", digest("aa"))]));
    let engine = webhook.engine.clone();
    let answer = std::thread::scope(|scope| {
        let source = new.clone();
        scope.spawn(move || {
            while !started.load(SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
            engine.replace(rules(2), source, true);
            // It lands only after whoever waited has been told.
            std::thread::sleep(Duration::from_millis(200));
            *go.0.lock().unwrap() = true;
            go.1.notify_all();
        });
        webhook.validate(&review)
    });
    assert!(answer.allowed(), "decided on evidence of the old rules: {}", refusal(&answer));
    assert_eq!(new.calls(), 1);
    // What landed late was not kept either.
    assert!(webhook.validate(&review).allowed());
    assert_eq!(new.calls(), 1);
}

/// Reloading, asking, landing and deciding, in any order: of the effects only "allowed" and "not known yet" may come up, because
/// evidence of other rules is refused by each.
#[test]
fn no_decision_rests_on_evidence_for_other_rules() {
    let seed = setting("SEED", 1);
    let reloads = setting("RELOADS", 300);
    let chance = Arc::new(common::Chance::new(seed));
    let source = |number: u64| -> Arc<dyn Source> {
        let chance = chance.clone();
        Scripted::new(move |reference, _| {
            std::thread::sleep(Duration::from_micros(chance.below(1_500)));
            gathered(number, reference)
        })
    };
    // A store that is often full, so that much is asked for again.
    let limits = Limits { bytes: 8_000, per_second: 1_000_000, workers: 3, ..Limits::default() };
    let webhook = Webhook::new(rules(0), source(0), limits, Duration::from_secs(5));
    let (engine, done) = (&webhook.engine, AtomicBool::new(false));
    let (allowed, unknown) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(SeqCst) {
                    let number = chance.below(12);
                    let image = match chance.below(3) {
                        0 => format!("r{number}.io/web:1"),
                        _ => format!("r{number}.io/web@sha256:{number:064x}"),
                    };
                    let patience = Duration::from_micros(chance.below(10_000));
                    let review = create(&pod(&[&image]));
                    let replayed = replay(engine, &review, NOW, patience).unwrap();
                    match replayed.effect {
                        Effect::Allow => allowed.fetch_add(1, SeqCst),
                        Effect::Unknown => unknown.fetch_add(1, SeqCst),
                        other => {
                            done.store(true, SeqCst);
                            panic!("seed {seed}: {image}: {other:?} {:?}", replayed.reasons)
                        }
                    };
                }
            });
        }
        for number in 1..=reloads {
            if done.load(SeqCst) {
                break;
            }
            std::thread::sleep(Duration::from_micros(chance.below(4_000)));
            engine.replace(rules(number), source(number), true);
            // Loaded anew without a change: what is known stays.
            if chance.below(3) == 0 {
                engine.replace(rules(number), source(number), false);
            }
            if chance.below(5) == 0 {
                engine.store.refresh_old(i64::MAX);
            }
        }
        done.store(true, SeqCst);
    });
    let (allowed, unknown) = (allowed.into_inner(), unknown.into_inner());
    assert!(allowed > 50 && unknown > 0, "{allowed} allowed, {unknown} not known");
    // When nothing is loaded any more, everybody gets an answer.
    let review = create(&pod(&["r1.io/web:1"]));
    assert_eq!(replay(engine, &review, NOW, Duration::from_secs(5)).unwrap().effect, Effect::Allow);
}
