//! What the sensor costs and loses on this machine's kernel, beside its budgets. As root, in release:
//!
//! ```text
//! cargo run --release -p plimsoll-runtime --features runtime --example sensor_speed -- cost
//! cargo run --release -p plimsoll-runtime --features runtime --example sensor_speed -- loss [SECONDS] [RECORDS PER SECOND]
//! ```
//!
//! `cost`: time that each program takes in the kernel, as the kernel counts it (`kernel.bpf_stats_enabled`), under a load of
//! programs that start, files that are opened and system calls that nobody asked for. `loss`: records that must not be lost,
//! made by system calls of other processes, and what of them came, by the numbers that the kernel gave them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measurement that cannot be made ends"
)]

#[cfg(not(feature = "runtime"))]
fn main() {
    println!("build it with --features runtime");
}

#[cfg(feature = "runtime")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| arguments.get(at).map_or(default, |text| text.parse().unwrap());
    match arguments.first().map(String::as_str) {
        Some("cost") => measured::cost(),
        Some("loss") => measured::loss(number(1, 60), number(2, 1_000_000)),
        Some("flood") => measured::flood(number(1, 1), number(2, 1)),
        _ => println!("cost, or loss [SECONDS] [RECORDS PER SECOND]"),
    }
}

#[cfg(feature = "runtime")]
mod measured {
    use std::collections::BTreeMap;
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};

    use plimsoll_runtime::container::Places;
    use plimsoll_runtime::rules::builtin;
    use plimsoll_runtime::sensor::{Counts, Settings};
    use plimsoll_runtime::{Event, Sensor};

    /// Nanoseconds of a hooked system call, on average.
    const COST: u64 = 120;

    fn start(settings: &Settings) -> Sensor {
        Sensor::start(settings, Places::default(), std::time::UNIX_EPOCH.elapsed().unwrap()).unwrap()
    }

    /// Reads while the children run; events, and what came of the sensor.
    fn read(mut sensor: Sensor, children: &mut [Child], sink: &mut dyn FnMut(&Event)) -> Counts {
        loop {
            sensor.read(Duration::from_millis(10), &mut |event| sink(&event));
            if children.iter_mut().all(|child| child.try_wait().unwrap().is_some()) {
                break;
            }
        }
        sensor.stop(&mut |event| sink(&event)).unwrap()
    }

    /// Sets `kernel.bpf_stats_enabled` while it lives.
    struct Statistics(String);
    const STATISTICS: &str = "/proc/sys/kernel/bpf_stats_enabled";

    impl Statistics {
        fn on() -> Self {
            let before = std::fs::read_to_string(STATISTICS).unwrap();
            std::fs::write(STATISTICS, "1").unwrap();
            Self(before)
        }
    }

    impl Drop for Statistics {
        fn drop(&mut self) {
            let _ = std::fs::write(STATISTICS, self.0.trim());
        }
    }

    pub(crate) fn cost() {
        let engine = builtin::engine();
        let settings = Settings::asked_by(&engine);
        let _statistics = Statistics::on();
        let script = "i=0; while [ $i -lt 2000 ]; do /bin/true; i=$((i+1)); done";
        let mut sensor = start(&settings);
        let opens = std::thread::spawn(|| {
            for _ in 0..300_000 {
                drop(std::fs::File::open("/etc/hostname"));
            }
            for _ in 0..1_000_000 {
                let _ = std::os::unix::process::parent_id();
            }
        });
        let mut shell = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let mut events = 0u64;
        while !opens.is_finished() || shell.try_wait().unwrap().is_none() {
            sensor.read(Duration::from_millis(10), &mut |_| events += 1);
        }
        println!("program            runs       ns each   left out");
        let mut met = true;
        for cost in sensor.costs() {
            let each = cost.nanoseconds.checked_div(cost.runs).unwrap_or(0);
            println!("{:16} {:>10} {each:>10} {:>9}", cost.program, cost.runs, cost.missed);
            if cost.program == "on_call" {
                met = each <= COST;
            }
        }
        let counts = sensor.stop(&mut |_| events += 1).unwrap();
        println!(
            "{events} events, {} lost that must not be, {} that may be shed",
            counts.lost_must, counts.lost_may
        );
        println!("budget: a hooked system call in {COST} ns on average: {}", word(met));
    }

    fn word(met: bool) -> &'static str {
        if met { "met" } else { "MISSED" }
    }

    pub(crate) fn loss(seconds: u64, wanted: u64) {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        let makers = cores.saturating_sub(1).max(1);
        // The call that the makers make, and nothing else that costs.
        let settings = Settings {
            calls: Settings::default().calls.into_iter().filter(|call| call.name() == "unshare").collect(),
            dns: false,
            ..Settings::default()
        };
        let sensor = start(&settings);
        let begun = Instant::now();
        let mut children: Vec<Child> = (0..makers)
            .map(|_| {
                let mut maker = Command::new(std::env::current_exe().unwrap());
                maker.args(["flood", &seconds.to_string(), &(wanted / makers).to_string()]).spawn().unwrap()
            })
            .collect();
        let (mut events, mut gaps) = (0u64, 0u64);
        let mut next: BTreeMap<u32, u64> = BTreeMap::new();
        let counts = read(sensor, &mut children, &mut |event| {
            if event.stream == 0 && event.thread != 0 {
                events += 1;
                let next = next.entry(event.cpu).or_insert(event.sequence);
                gaps += event.sequence.saturating_sub(*next);
                *next = event.sequence + 1;
            }
        });
        let took = begun.elapsed().as_secs_f64();
        let rate = counts.records as f64 / took;
        println!(
            "{} records in {took:.1} s: {rate:.0}/s, {} MB; {events} events that must not be lost",
            counts.records,
            counts.bytes / 1_000_000
        );
        println!(
            "lost that must not be: {} (gaps in the numbers: {gaps}); that may be shed: {}",
            counts.lost_must, counts.lost_may
        );
        println!(
            "budget: {wanted}/s without a loss: {}",
            word(counts.lost_must == 0 && rate >= wanted as f64 * 0.99)
        );
    }

    /// Makes that many records in each second, in even portions.
    pub(crate) fn flood(seconds: u64, rate: u64) {
        let begun = Instant::now();
        let mut made = 0u64;
        let all = seconds * rate;
        while made < all && begun.elapsed() < Duration::from_secs(seconds + 10) {
            let due = (begun.elapsed().as_secs_f64() * rate as f64) as u64;
            while made < due.min(all) {
                // SAFETY: without a flag it changes nothing.
                unsafe { libc::unshare(0) };
                made += 1;
            }
            std::hint::spin_loop();
        }
    }
}
