//! A watcher around what containers do.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use plimsoll_runtime::container::Places;
use plimsoll_runtime::sensor::{Availability, Counts, Program, Settings, Tier, survey};
use plimsoll_runtime::{Event, Sensor};
use plimsoll_testing::{Harbour, not_tested};

/// What this kernel says to every program: asked once, for it takes a minute in an emulated machine.
pub(crate) fn surveyed() -> &'static [Program] {
    static SURVEYED: OnceLock<Vec<Program>> = OnceLock::new();
    SURVEYED.get_or_init(survey)
}

/// Whether this kernel takes the sensor; says aloud why not. Other tiers than the portable one are proven in emulated
/// machines; hardened kernels refuse them.
pub(crate) fn usable() -> bool {
    for program in surveyed().iter().filter(|program| program.tier == Tier::Portable) {
        if let Availability::Refused(cause) = &program.state {
            not_tested(&format!("the kernel refuses `{}` ({}): {cause}", program.name, program.sees));
            return false;
        }
    }
    true
}

/// A harbour of that name; nothing where containers cannot be run or watched.
pub(crate) fn open(name: &str) -> Option<Harbour> {
    usable().then(|| Harbour::open(name)).flatten()
}

/// Watches while `during` runs; all events, and what went through. While the flag is set, nothing is read.
pub(crate) fn watch(settings: &Settings, during: impl FnOnce(&AtomicBool) + Send) -> (Vec<Event>, Counts) {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    let mut sensor = Sensor::start(settings, Places::default(), now).unwrap();
    let mut events = Vec::new();
    let pause = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let work = scope.spawn(|| during(&pause));
        while !work.is_finished() {
            if pause.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            } else {
                sensor.read(Duration::from_millis(10), &mut |event| events.push(event));
            }
        }
    });
    let counts = sensor.stop(&mut |event| events.push(event)).unwrap();
    (events, counts)
}

/// Events in lines, for the message of a test.
pub(crate) fn lines(events: &[&Event]) -> String {
    events.iter().fold(String::new(), |lines, event| {
        lines + &format!("{:?} by {:?}\n", event.action, event.process.arguments)
    })
}

/// The same, each cut to 300 characters.
pub(crate) fn brief(events: &[&Event]) -> String {
    events.iter().fold(String::new(), |all, event| {
        let line = format!("{:?} by {:?}", event.action, event.process.arguments);
        all + &line.chars().take(300).collect::<String>() + "\n"
    })
}

/// Says something past the capture of tests.
pub(crate) fn say(what: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{what}");
}
