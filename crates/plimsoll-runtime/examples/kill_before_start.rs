//! Whether a program that is denied runs no instruction: a program whose first one is not allowed is started again and again in
//! a container of runc, and dies by SIGKILL where it was killed before and by SIGILL where it was not.
//!
//! `cargo run --release -p plimsoll-runtime --features runtime --example kill_before_start -- 10000`, as root.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plimsoll_runtime::Sensor;
use plimsoll_runtime::container::Places;
use plimsoll_runtime::event::{Action, Response};
use plimsoll_runtime::sensor::{self, Settings};
use plimsoll_testing::Harbour;

fn main() {
    let trials: usize = std::env::args().nth(1).map_or(10_000, |text| text.parse().unwrap());
    let Some(harbour) = Harbour::open("first") else { return };
    harbour.put_first();
    let script = format!(
        "ulimit -c 0; cp /first /tmp/first; i=0; while [ $i -lt {trials} ]; do /tmp/first; echo $? >> /tmp/out; i=$((i+1)); done 2>/dev/null"
    );
    let settings =
        Settings { only_containers: true, upper_layer: sensor::Response::Kill, ..Settings::default() };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    let mut sensor = Sensor::start(&settings, Places::default(), now).unwrap();
    let (over, mut told) = (AtomicBool::new(false), 0);
    let begun = Instant::now();
    let mut count = |event: plimsoll_runtime::Event| {
        told += usize::from(matches!(event.action, Action::Exec { response: Response::Killed, .. }));
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            harbour.run(&["/bin/sh", "-c", &script], &[]);
            over.store(true, Ordering::SeqCst);
        });
        while !over.load(Ordering::SeqCst) {
            sensor.read(Duration::from_millis(10), &mut count);
        }
    });
    let counts = sensor.stop(&mut count).unwrap();
    let written = harbour.written("tmp/out");
    let died = |by: &str| written.lines().filter(|line| *line == by).count();
    println!(
        "{trials} starts in {:.1} s: {} killed before the first instruction, {} ran it, {} else; {told} told, {} records lost",
        begun.elapsed().as_secs_f64(),
        died("137"),
        died("132"),
        trials - died("137") - died("132"),
        counts.lost_must + counts.lost_may,
    );
    assert_eq!(died("137"), trials);
}
