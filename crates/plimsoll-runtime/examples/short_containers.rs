//! Whether every event of containers that live for 20 ms carries the id of its container, and what memory the sensor has before
//! and after many of them.
//!
//! `cargo run --release -p plimsoll-runtime --features runtime --example short_containers -- 10000 300`, as root: so many in all, the
//! second number of them by runc, which takes a tenth of a second for each; the others are made without a runtime, with a
//! cgroup in the form of Kubernetes, namespaces and a program each, eight at a time.

#![expect(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measurement")]

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use plimsoll_runtime::container::Places;
use plimsoll_runtime::event::{Action, State};
use plimsoll_runtime::sensor::Settings;
use plimsoll_runtime::{Event, Sensor};
use plimsoll_testing::{Brief, Harbour};

/// Mebibytes of memory that a sensor may have, and parts of a hundred that it may grow by from a tenth of the containers on.
const MEMORY: u64 = 40;
const GROWTH: f64 = 5.0;
/// Of the containers without a runtime.
const EACH_MINUTE: f64 = 10_000.0;

/// Kilobytes of memory that this process has, and those of it that are no file's and shared with nobody.
fn memory() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    (field("VmRSS:"), field("RssAnon:"))
}

fn word(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

fn main() {
    let number =
        |at: usize, default: usize| std::env::args().nth(at).map_or(default, |text| text.parse().unwrap());
    let containers = number(1, 10_000);
    let by_runc = number(2, 300).min(containers);
    let Some(harbour) = Harbour::open("brief") else { return };
    let brief = Brief::open("brief");
    let settings = Settings { only_containers: true, ..Settings::default() };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    let mut sensor = Sensor::start(&settings, Places::default(), now).unwrap();
    let (over, made) = (AtomicBool::new(false), AtomicUsize::new(0));
    let ids = Mutex::new(Vec::new());
    let rate = Mutex::new(0.0);
    // Containers whose program's start was seen: those of runc by their ids, the others by their numbers, which take the same
    // room before and after. Events of such programs: without an id, and without their image.
    let (mut seen, mut light) = (BTreeSet::new(), vec![0u8; containers]);
    light.fill(1);
    let (mut all, mut stray, mut pending) = (0u64, 0u64, 0u64);
    let mut take = |event: Event| {
        let of_runc = event.process.arguments.first().is_some_and(|word| word == "/bin/sleep")
            && event.process.arguments.get(1).is_some_and(|word| word == "0.0201");
        if !of_runc && !brief.is_its_program(&event.process.arguments) {
            return;
        }
        all += 1;
        stray += u64::from(event.container.id.is_empty());
        pending += u64::from(of_runc && event.container.state != State::Known);
        if matches!(event.action, Action::Exec { .. }) {
            if of_runc {
                seen.insert(event.container.id.clone());
            } else if let Some(place) =
                brief.number(&event.container.id).and_then(|number| light.get_mut(number))
            {
                *place = 2;
            }
        }
    };
    let begun = Instant::now();
    let mut early = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..by_runc {
                let id = harbour.run(&["/bin/sleep", "0.0201"], &[]);
                ids.lock().unwrap().push(id);
                made.fetch_add(1, Ordering::SeqCst);
            }
            let light = containers - by_runc;
            let begun = Instant::now();
            let mut at = 0;
            while at < light {
                let some = (light - at).min(500);
                brief.run_from(at, some, 8, 20_000);
                at += some;
                made.fetch_add(some, Ordering::SeqCst);
            }
            *rate.lock().unwrap() = light as f64 * 60.0 / begun.elapsed().as_secs_f64();
            over.store(true, Ordering::SeqCst);
        });
        while !over.load(Ordering::SeqCst) {
            sensor.read(Duration::from_millis(10), &mut take);
            if early.0 == 0 && made.load(Ordering::SeqCst) >= containers / 10 {
                early = memory();
            }
        }
    });
    let late = memory();
    let counts = sensor.stop(&mut take).unwrap();
    let ids = ids.into_inner().unwrap();
    let found =
        ids.iter().filter(|id| seen.contains(*id)).count() + light.iter().filter(|seen| **seen > 1).count();
    let rate = rate.into_inner().unwrap();
    println!(
        "{containers} containers ({by_runc} by runc) in {:.0} s, those without a runtime at {rate:.0} a minute; {found} with their program's start under their id",
        begun.elapsed().as_secs_f64()
    );
    println!(
        "{all} events of their programs: {stray} without a container's id, {pending} of runc's without their image; {} records lost",
        counts.lost_must + counts.lost_may
    );
    let growth = 100.0 * (late.0 as f64 - early.0 as f64) / early.0 as f64;
    println!(
        "memory after {}: {} KiB (anonymous {}), after {containers}: {} KiB (anonymous {}): {growth:+.1} %",
        containers / 10,
        early.0,
        early.1,
        late.0,
        late.1,
    );
    println!("budget: every event with its container's id: {}", word(found == containers && stray == 0));
    println!(
        "budget: {MEMORY} MiB, flat within {GROWTH} %: {}",
        word(late.0 <= MEMORY * 1024 && growth <= GROWTH)
    );
    println!("budget: {EACH_MINUTE} containers a minute: {}", word(rate >= EACH_MINUTE));
}
