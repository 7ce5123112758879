//! Random faults, thousands of them: nothing that must not run is let in, and nobody is locked out.
//!
//! `PLIMSOLL_FAULTS=10000 cargo test -p plimsoll-admit --test faults` injects so many; `PLIMSOLL_SEED` repeats a run.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{
    Chance, SIGNED, Scripted, Webhook, create, digest, fingerprint, gate, pod, policy, setting, signed,
    unsigned,
};
use plimsoll_admit::engine::{Hook, Rules};
use plimsoll_admit::evidence::Limits;
use plimsoll_scan::gate::Gathered;
use plimsoll_scan::policy::Known;
use serde_json::json;

#[test]
#[expect(clippy::print_stdout, reason = "a run tells its seed")]
fn no_fault_lets_in_what_must_not_run() {
    let wanted = usize::try_from(setting("PLIMSOLL_FAULTS", 2_000)).unwrap();
    let seed = setting("PLIMSOLL_SEED", 7);
    // The second policy lets pass what it cannot tell: only what is known to be bad must not pass by it.
    let yaml = policy("production", SIGNED) + &policy("second", &format!("{SIGNED}\n    onMissing: allow"));
    let key = fingerprint(&gate(&yaml));
    let chance = Arc::new(Chance::new(seed));
    let faults = Arc::new(AtomicUsize::new(0));
    let kinds: Arc<Mutex<BTreeMap<u64, usize>>> = Arc::default();
    let source = {
        let (chance, faults, kinds) = (chance.clone(), faults.clone(), kinds.clone());
        Scripted::new(move |reference, _| {
            let own = reference.digest().cloned().unwrap_or_else(|| digest("11"));
            let truth = match reference.name().path() {
                "good" => signed(&own, &key),
                "theirs" => signed(&own, "somebody else"),
                _ => unsigned(&own),
            };
            let failing = |gathered: Gathered| Gathered { failures: vec!["a fault".into()], ..gathered };
            if chance.below(10) == 0 {
                return truth;
            }
            faults.fetch_add(1, SeqCst);
            let kind = chance.below(9);
            *kinds.lock().unwrap().entry(kind).or_default() += 1;
            match kind {
                // Nothing answers, now or in time.
                0 => failing(Gathered::missing("connection refused")),
                1 => {
                    std::thread::sleep(Duration::from_millis(12));
                    truth
                }
                // Half of it is there.
                2 => failing(Gathered { evidence: Known::Missing("cut off".into()), ..truth }),
                3 => failing(Gathered {
                    evidence: Known::Seen(Vec::new()),
                    unread_evidence: vec!["500".into()],
                    ..truth
                }),
                // Another image, which is signed.
                4 => signed(&digest(if own == digest("f0") { "f1" } else { "f0" }), &key),
                // Something breaks in us.
                5 => panic!("a fault in the program"),
                // A registry that hides what it has.
                6 => unsigned(&own),
                7 => Gathered { unread_evidence: vec!["an unknown form".into()], ..unsigned(&own) },
                _ => failing(Gathered {
                    digest: Known::Missing("certificate of another host".into()),
                    ..truth
                }),
            }
        })
    };
    std::panic::set_hook(Box::new(|info| {
        let text = info.to_string();
        if !text.contains("a fault in the program") {
            std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).unwrap();
        }
    }));
    let rules = || {
        let mut rules = Rules::new(gate(&yaml));
        rules.exempt.extend(["kube-system".to_owned(), "plimsoll".to_owned()]);
        rules
    };
    // A store that is nearly always full, and registries that may be asked as often as one likes.
    let limits = Limits { bytes: 20_000, per_second: 1_000_000, workers: 4, ..Limits::default() };
    let webhook = Webhook::new(rules(), source, limits, Duration::from_millis(6));
    let (mut asked, mut allowed, mut round) = (0_usize, 0_usize, 0_u64);
    while faults.load(SeqCst) < wanted {
        round += 1;
        let number = chance.below(40);
        let (name, may_run) =
            [("good", true), ("bad", false), ("theirs", false)][usize::try_from(chance.below(3)).unwrap()];
        let image = match chance.below(3) {
            0 => format!("r{number}.io/{name}:1"),
            _ => format!("r{number}.io/{name}@sha256:{number:064x}"),
        };
        let mut review = create(&pod(&[&image]));
        let answer = webhook.validate(&review);
        asked += 1;
        allowed += usize::from(answer.allowed());
        assert!(may_run || !answer.allowed(), "seed {seed}, round {round}: {image} was let in: {answer:?}");
        // The cluster's own parts are never held up.
        for namespace in ["kube-system", "plimsoll"] {
            review["request"]["namespace"] = json!(namespace);
            assert!(webhook.validate(&review).allowed(), "seed {seed}, round {round}: {namespace}");
            assert!(webhook.ask(Hook::Mutate, &review).allowed());
        }
        match chance.below(50) {
            // Clocks jump, there and back.
            0 => webhook
                .clock
                .store(common::NOW + i64::try_from(chance.below(2_000_000)).unwrap() - 1_000_000, SeqCst),
            // Everything is forgotten in the middle of it, or other rules hold.
            1 => webhook.engine.replace_rules(rules()),
            2 => webhook.engine.store.refresh_old(i64::MAX),
            _ => {}
        }
    }
    // When the faults end, everybody who may run does, within one look: nobody stays locked out.
    let _ = std::panic::take_hook();
    let counts = webhook.engine.store.counts();
    assert!(counts.evicted > 0, "the store was full: {counts:?}");
    assert_eq!(kinds.lock().unwrap().len(), 9, "every kind of fault happened");
    assert!(allowed > 0 && allowed < asked, "{allowed} of {asked}");
    println!(
        "seed {seed}: {} faults in {asked} reviews, {allowed} let in, none that must not run",
        faults.load(SeqCst)
    );
}

#[test]
fn when_faults_end_nobody_stays_locked_out() {
    let yaml = policy("production", SIGNED);
    let key = fingerprint(&gate(&yaml));
    let source =
        Scripted::new(|_, _| Gathered { failures: vec!["down".into()], ..Gathered::missing("down") });
    let webhook =
        Webhook::new(Rules::new(gate(&yaml)), source.clone(), Limits::default(), Duration::from_secs(2));
    let review = |number: usize| create(&pod(&[&format!("r.io/good@sha256:{number:064x}")]));
    for number in 0..50 {
        assert!(!webhook.validate(&review(number)).allowed());
    }
    source.becomes(move |reference, _| signed(reference.digest().unwrap(), &key));
    for number in 0..50 {
        assert!(webhook.validate(&review(number)).allowed(), "{number}");
    }
}
