//! Whether every event of containers that live for 20 ms carries the id of its container, and what memory the sensor has before
//! and after many of them.
//!
//! `cargo run --release -p plimsoll-runtime --features runtime --example short_containers -- 10000`, as root.

#![expect(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measurement")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use plimsoll_runtime::container::Places;
use plimsoll_runtime::event::{Action, State};
use plimsoll_runtime::sensor::Settings;
use plimsoll_runtime::{Event, Sensor};
use plimsoll_testing::Harbour;

/// Kilobytes of memory that this process has, and those of it that are no file's and shared with nobody.
fn memory() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    (field("VmRSS:"), field("RssAnon:"))
}

fn main() {
    let containers: usize = std::env::args().nth(1).map_or(10_000, |text| text.parse().unwrap());
    let Some(harbour) = Harbour::open("brief") else { return };
    let settings = Settings { only_containers: true, ..Settings::default() };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    let mut sensor = Sensor::start(&settings, Places::default(), now).unwrap();
    let (over, made) = (AtomicBool::new(false), AtomicUsize::new(0));
    let ids = Mutex::new(Vec::new());
    // By container: its events, and those of programs of ours that have no container or another one.
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let (mut all, mut stray, mut pending) = (0u64, 0u64, 0u64);
    let mut take = |event: Event| {
        let ours = event.process.arguments.first().is_some_and(|word| word == "/bin/sleep")
            && event.process.arguments.get(1).is_some_and(|word| word == "0.0201");
        if !ours {
            return;
        }
        all += 1;
        stray += u64::from(event.container.id.is_empty());
        pending += u64::from(event.container.state != State::Known);
        if matches!(event.action, Action::Exec { .. }) {
            *seen.entry(event.container.id.clone()).or_default() += 1;
        }
    };
    let begun = Instant::now();
    let mut early = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..containers {
                let id = harbour.run(&["/bin/sleep", "0.0201"], &[]);
                ids.lock().unwrap().push(id);
                made.fetch_add(1, Ordering::SeqCst);
            }
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
    let found = ids.iter().filter(|id| seen.contains_key(*id)).count();
    println!(
        "{containers} containers in {:.0} s; {found} with their program's start under their id",
        begun.elapsed().as_secs_f64()
    );
    println!(
        "{all} events of their programs: {stray} without a container's id, {pending} without its image; {} records lost",
        counts.lost_must + counts.lost_may
    );
    println!(
        "memory after {}: {} KiB (anonymous {}), after {containers}: {} KiB (anonymous {}): {:+.1} %",
        containers / 10,
        early.0,
        early.1,
        late.0,
        late.1,
        100.0 * (late.0 as f64 - early.0 as f64) / early.0 as f64
    );
    assert_eq!((found, stray), (containers, 0));
}
