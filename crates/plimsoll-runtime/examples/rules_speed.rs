//! How fast rules are held against events on one core, and how often memory is asked for while that is done.
//!
//! `cargo run --release -p plimsoll-runtime --example rules_speed -- RULES...`: rule files in their order, none for the
//! detections that are built in. Rules that are switched off are switched on. `--events=N` says how many events
//! each figure is of (2,000,000). Time is that of the processor, where Linux tells it.

#![expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "a measurement")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use plimsoll_runtime::event::{Action, Connection, Container, Endpoint, File, FileKind, Pod, Process, State};
use plimsoll_runtime::rules::{Engine, Files, Nothing, builtin};
use plimsoll_runtime::{Call, Event};

struct Counting;

static ASKED: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is handed on to the system's allocator as it came; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are those that the system asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above, and so from the system.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ASKED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the pointer came from `alloc` above, and so from the system.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What programs of ordinary containers open.
const PATHS: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/proc/self/status",
    "/var/lib/postgresql/data/base/16384/2619",
    "/srv/app/static/js/main.8f3a1c.js",
    "/srv/app/templates/index.html",
    "/tmp/upload-8421.part",
    "/var/log/nginx/access.log",
    "/usr/share/zoneinfo/Etc/UTC",
    "/dev/null",
    "/sys/fs/cgroup/memory.current",
    "/usr/lib/python3.12/site-packages/requests/__init__.py",
    "/home/app/.cache/fontconfig/a3.cache-7",
    "/usr/share/nginx/html/50x.html",
];

const PROGRAMS: &[(&str, &[&str])] = &[
    ("nginx", &["nginx: worker process"]),
    ("postgres", &["postgres:", "checkpointer"]),
    ("python3", &["/usr/bin/python3", "-u", "/srv/app/server.py", "--workers", "4"]),
    ("node", &["node", "--max-old-space-size=512", "/srv/app/index.js"]),
    ("java", &["java", "-Xmx1g", "-jar", "/srv/app/app.jar"]),
    ("redis-server", &["redis-server", "*:6379"]),
    ("cron", &["/usr/sbin/cron", "-f"]),
    ("envoy", &["envoy", "-c", "/etc/envoy/envoy.yaml"]),
];

/// Numbers that look like chance and are always the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % sides
    }
}

fn containers() -> Vec<Arc<Container>> {
    let made = |at: usize| {
        Arc::new(Container {
            state: State::Known,
            id: format!("{at:064x}"),
            runtime: "containerd".to_owned(),
            name: format!("app-{at}"),
            image: format!("registry.example/team/app-{}:1.{at}", at % 9),
            digest: format!("sha256:{at:064x}"),
            privileged: Some(false),
            pod: Pod { uid: format!("u{at}"), name: format!("app-{at}"), namespace: "shop".to_owned() },
            ..Container::default()
        })
    };
    (0..40).map(made).collect()
}

fn process(id: usize, name: &str, arguments: &[&str]) -> Arc<Process> {
    Arc::new(Process {
        id: u32::try_from(id).unwrap_or_default(),
        inner_id: 7,
        start: 1,
        name: name.to_owned(),
        executable: File { path: format!("/usr/bin/{name}"), upper_layer: Some(false), ..File::default() },
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        directory: "/srv/app".to_owned(),
        effective_uid: 1000,
        ..Process::default()
    })
}

/// A day of ordinary containers in small: mostly files that are opened, connections, and now and then a program.
fn events(count: usize, processes: usize) -> Vec<Event> {
    let mut dice = Dice(7);
    let containers = containers();
    let shim = process(1, "containerd-shim", &["containerd-shim"]);
    let parents = vec![process(2, "tini", &["/sbin/tini", "--", "app"]), shim];
    let program = |id: usize| PROGRAMS[id % PROGRAMS.len()];
    let all: Vec<_> = (0..processes).map(|id| process(id + 10, program(id).0, program(id).1)).collect();
    let mut events = Vec::with_capacity(count);
    for at in 0..count {
        let who = dice.roll(all.len());
        let path = PATHS[dice.roll(PATHS.len())].to_owned();
        let file = File { path: path.clone(), upper_layer: Some(false), ..File::default() };
        let end =
            |address: &str, port| Some(Endpoint { address: address.parse().expect("an address"), port });
        let connection = Connection {
            family: FileKind::Ipv4,
            protocol: 6,
            local: end("10.1.2.3", 40_000),
            remote: end(
                ["10.4.0.9", "10.96.0.1", "203.0.113.7"][dice.roll(3)],
                [5432, 443, 6379][dice.roll(3)],
            ),
            ..Connection::default()
        };
        let (call, action) = match dice.roll(100) {
            0..60 => ("openat", Action::Open { file, flags: 0o2_000_000, mode: 0, descriptor: 9 }),
            60..70 => ("openat", Action::Open { file, flags: 0o1101, mode: 0o644, descriptor: 9 }),
            70..80 => ("connect", Action::Connect { connection }),
            80..86 => ("accept4", Action::Accept { connection: Connection { server: true, ..connection } }),
            86..90 => ("sendto", Action::Send { connection }),
            90..92 => ("unlink", Action::Unlink { path, directory: false }),
            92..94 => ("rename", Action::Rename { from: path.clone(), to: path }),
            94..96 => ("clone", Action::Fork { child: 99 }),
            96..97 => ("dup2", Action::Duplicate { from: 7, to: 1, file, connection: None }),
            _ => {
                let file = all[who].executable.clone();
                let path = file.path.clone();
                let (script, environment) = (String::new(), Vec::new());
                (
                    "execve",
                    Action::Exec {
                        path,
                        file,
                        script,
                        truncated: false,
                        environment,
                        response: plimsoll_runtime::event::Response::None,
                    },
                )
            }
        };
        events.push(Event {
            time: 1_795_435_200_000_000_000 + at as u64 * 1000,
            sequence: at as u64,
            call: Call::named(call),
            result: Some(0),
            action,
            process: all[who].clone(),
            ancestors: parents.clone(),
            container: containers[who % containers.len()].clone(),
            ..Event::default()
        });
    }
    events
}

/// Time that this thread had of a processor (`/proc/PID/schedstat`, in nanoseconds); on a busy machine less than what went by.
fn spent() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

fn measure(engine: &mut Engine, name: &str, events: &[Event], wanted: usize) {
    // Once to fill the memories.
    let met: usize = events.iter().map(|event| engine.evaluate(event, &Nothing).len()).sum();
    let rounds = (wanted / events.len()).max(1);
    let count = (rounds * events.len()) as f64;
    let mut all = [0.0; 5];
    let mut asked = 0;
    for nanoseconds in &mut all {
        let (start, before) = (Instant::now(), spent());
        let asked_before = ASKED.load(Ordering::Relaxed);
        for event in (0..rounds).flat_map(|_| events) {
            black_box(engine.evaluate(black_box(event), &Nothing));
        }
        asked += ASKED.load(Ordering::Relaxed) - asked_before;
        let taken = spent().zip(before).map(|(after, before)| after - before);
        *nanoseconds = taken.unwrap_or_else(|| start.elapsed().as_secs_f64() * 1e9) / count;
    }
    all.sort_by(f64::total_cmp);
    println!(
        "{name:44} {:>6.0} ns (least {:>4.0}) {:>6.2} M events/s, {asked} allocations in {:.0} M events, {met} met of {}",
        all[2],
        all[0],
        1e3 / all[2],
        count * 5.0 / 1e6,
        events.len(),
    );
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut files = Files::default();
    let (options, named): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--events="));
    let wanted =
        options.first().map_or(Ok(2_000_000), |option| option.trim_start_matches("--events=").parse())?;
    for name in &named {
        files.add(name, &std::fs::read_to_string(name)?.replace("enabled: false", "enabled: true"));
    }
    if named.is_empty() {
        files.add(builtin::NAME, builtin::RULES);
    }
    let start = Instant::now();
    let (mut engine, report) = files.compile();
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    println!("{} rules run, {} cannot; read in {milliseconds:.0} ms", report.running, report.skipped.len());
    let day = events(10_000, 400);
    measure(&mut engine, "a mix, 400 processes", &day, wanted);
    measure(&mut engine, "a mix, 8,000 processes: more than remembered", &events(20_000, 8_000), wanted);
    let mut all_differ = day.clone();
    for (number, event) in all_differ.iter_mut().enumerate() {
        if let Action::Open { file, .. } = &mut event.action {
            file.path.push('.');
            file.path.push_str(&number.to_string());
        }
    }
    measure(&mut engine, "a mix, 400 processes, no file opened twice", &all_differ, wanted);
    for name in ["openat", "connect", "execve"] {
        let one: Vec<Event> = day.iter().filter(|event| event.call == Call::named(name)).cloned().collect();
        measure(&mut engine, &format!("{name} only, 400 processes"), &one, wanted);
    }
    Ok(())
}
