//! What somebody in a container does to a sensor: it stays alive and small, and says what it lost.

use plimsoll_runtime::Event;
use plimsoll_runtime::event::Action;
use plimsoll_runtime::sensor::{Counts, Settings};
use plimsoll_testing::Harbour;

use crate::harbour;

fn settings() -> Settings {
    Settings { only_containers: true, ..Settings::default() }
}

/// What was lost is what was said to be, and what the kernel counted.
fn is_honest(events: &[Event], counts: Counts) {
    let said: u64 = events
        .iter()
        .map(|event| if let Action::Drop { count, .. } = event.action { count } else { 0 })
        .sum();
    assert_eq!(said, counts.lost_must + counts.lost_may, "{counts:?}");
    assert_eq!(counts.refused, said, "the kernel's own count: {counts:?}");
    assert_eq!(counts.unreadable, 0);
}

fn of<'a>(events: &'a [Event], id: &str) -> Vec<&'a Event> {
    events.iter().filter(|event| event.container.id == id).collect()
}

/// Megabytes that this process has in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn a_bomb_of_processes_is_counted_and_who_comes_after_it_is_seen() {
    let Some(harbour) = harbour::open("bomb") else { return };
    let before = resident();
    let (mut bomb, mut after) = (String::new(), String::new());
    let mut forks = 0u64;
    let (events, counts) = harbour::watch(&settings(), |_| {
        bomb = harbour.run_few(&["/bin/sh", "-c", "f() { f | f & }; f; sleep 2"], 48);
        after = harbour.run(&["/bin/cat", "/etc/shadow"], &[]);
    });
    is_honest(&events, counts);
    for event in of(&events, &bomb) {
        forks += u64::from(matches!(event.action, Action::Fork { .. }));
    }
    assert!(forks > 48, "{forks} forks: it was no bomb");
    let ours = of(&events, &after);
    let read =
        |event: &&Event| matches!(&event.action, Action::Open { file, .. } if file.path == "/etc/shadow");
    assert!(ours.iter().any(read), "{}", harbour::lines(&ours));
    // The events themselves are kept by this test; the sensor's own tables are bounded.
    let grown = resident().saturating_sub(before);
    let kept = (events.len() * 2_000) as u64 >> 20;
    assert!(grown < 160 + kept, "{grown} MB more, {} events", events.len());
}

#[test]
fn arguments_of_a_megabyte_and_paths_of_four_thousand_bytes_are_cut_and_said_to_be() {
    let Some(harbour) = harbour::open("long") else { return };
    deep(&harbour);
    let mut id = String::new();
    let script = "x=$(printf %0100000d 0); /bin/true $x $x $x $x $x $x $x $x $x $x
        cd /deep; name=$(printf %0200d 0); at=0
        while [ $at -lt 20 ]; do mkdir $name; cd $name; at=$((at+1)); done
        echo x > written
        true";
    let (events, counts) = harbour::watch(&settings(), |_| {
        id = harbour.run(&["/bin/sh", "-c", script], &[]);
    });
    is_honest(&events, counts);
    let ours = of(&events, &id);
    let long = ours.iter().find(|event| match &event.action {
        Action::Exec { truncated, .. } => *truncated && event.process.arguments[0] == "/bin/true",
        _ => false,
    });
    assert!(long.is_some(), "no program whose arguments were cut:\n{}", harbour::brief(&ours));
    let written = ours.iter().find_map(|event| match &event.action {
        Action::Open { file, .. } if file.path.ends_with("/written") => Some(file.path.as_str()),
        _ => None,
    });
    let written = written.unwrap_or_else(|| panic!("not seen:\n{}", harbour::brief(&ours)));
    assert!(written.len() > 3_500 && written.len() < 4_096, "{}", written.len());
    // Names above those that found room are missing, and that is said.
    assert!(written.starts_with("/.../0"), "{}", &written[..32]);
}

fn deep(harbour: &Harbour) {
    std::fs::create_dir(harbour.lower().join("deep")).unwrap();
}
