//! The sensor on this machine's kernel, with real containers of runc. For root; without it, or where the kernel takes
//! no programs, the tests say so and prove nothing.

#![cfg(feature = "runtime")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod attacks;
mod guest;
mod harbour;
mod hostile;
mod noise;
mod respond;
mod restart;

use std::collections::BTreeMap;

use harbour::watch;
use plimsoll_runtime::event::{Action, Class, FileKind, Response, State};
use plimsoll_runtime::sensor::{self, Settings};
use plimsoll_runtime::{Call, Event};

/// Only containers: what else happens on the machine is not ours.
fn settings() -> Settings {
    Settings { only_containers: true, ..Settings::default() }
}

#[test]
fn every_action_is_seen_with_its_container_and_its_chain() {
    let Some(harbour) = harbour::open("actions") else { return };
    let script = "
        cp /bin/busybox /tmp/dropped
        /tmp/dropped
        chmod 4755 /tmp/dropped
        mv /tmp/dropped /tmp/renamed
        ln -s /etc/shadow /tmp/link
        ln /etc/passwd /tmp/hard
        cat /etc/shadow
        echo x > /etc/crontab
        rm /tmp/hard
        mkdir /tmp/folder
        printf '#!/bin/sh\\ntrue\\n' > /tmp/script.sh
        chmod +x /tmp/script.sh
        cd /tmp
        ./script.sh first second
        for action in memory trace reverse local question bpf ring enter leave mount device module packets user root fault handle; do
            /actions $action
        done
        true";
    let mut id = String::new();
    let (events, counts) = watch(&settings(), |_| {
        id = harbour.run(&["/bin/sh", "-c", script], &[]);
    });
    let ours: Vec<&Event> = events.iter().filter(|event| event.container.id == id).collect();
    assert!(
        matches!(ours[0].action, Action::ContainerStart {}),
        "the first event of the container: {:?}",
        ours[0]
    );
    assert!(matches!(ours.last().unwrap().action, Action::ContainerStop {}));
    assert!(ours.is_sorted_by_key(|event| event.time));
    assert_eq!((counts.lost_must, counts.lost_may, counts.unreadable), (0, 0, 0));
    for event in &ours {
        assert_eq!(event.container.state, State::Known);
        assert_eq!(event.container.pod.uid, plimsoll_testing::pod());
        assert_eq!(event.container.image, plimsoll_testing::IMAGE);
        assert_eq!(event.container.privileged, Some(true));
        assert!(!event.process.name.is_empty() && event.process.id != 0, "{event:?}");
    }
    let check = |what: &str, wanted: &dyn Fn(&Event) -> bool| {
        assert!(ours.iter().any(|event| wanted(event)), "not seen: {what}\n{}", harbour::lines(&ours));
    };
    let by = |event: &Event, action: &str| {
        event.process.arguments.get(1).is_some_and(|argument| argument == action)
    };

    check("a program on the upper layer", &|event| match &event.action {
        Action::Exec { path, file, .. } => {
            path == "/tmp/dropped" && file.path == "/tmp/dropped" && file.upper_layer == Some(true)
        }
        _ => false,
    });
    check("a program of the image", &|event| match &event.action {
        Action::Exec { file, .. } => file.path == "/bin/busybox" && file.upper_layer == Some(false),
        _ => false,
    });
    check("a program in memory", &|event| match &event.action {
        Action::Exec { file, environment, .. } => {
            file.kind == FileKind::Memory
                && file.path.starts_with("memfd:payload")
                && environment == &["LD_PRELOAD=/tmp/evil.so"]
        }
        _ => false,
    });
    check("a script, its interpreter and its arguments", &|event| match &event.action {
        Action::Exec { script, file, .. } => {
            script == "/tmp/script.sh"
                && file.path == "/bin/busybox"
                && event.process.arguments[1..] == ["./script.sh", "first", "second"]
                && event.process.directory == "/tmp"
        }
        _ => false,
    });
    check("its parents", &|event| {
        matches!(event.action, Action::Exec { .. })
            && event.process.arguments.first().is_some_and(|argument| argument == "cat")
            && event.ancestors[0].arguments[..2] == ["/bin/sh", "-c"]
            && event.ancestors.iter().any(|parent| parent.name.starts_with("runc"))
    });
    check("reading what is secret", &|event| match &event.action {
        Action::Open { file, .. } => file.path == "/etc/shadow" && event.process.name == "cat",
        _ => false,
    });
    check("writing", &|event| match &event.action {
        Action::Open { file, flags, .. } => {
            file.path == "/etc/crontab"
                && flags & 3 == 1
                && flags & 0o100 != 0
                && file.upper_layer == Some(true)
        }
        _ => false,
    });
    check("permissions", &|event| {
        event.action == Action::Chmod { path: "/tmp/dropped".to_owned(), mode: 0o4755 }
    });
    check("another name", &|event| {
        event.action == Action::Rename { from: "/tmp/dropped".to_owned(), to: "/tmp/renamed".to_owned() }
    });
    check("a symbolic link", &|event| {
        event.action == Action::Symlink { target: "/etc/shadow".to_owned(), path: "/tmp/link".to_owned() }
    });
    check("a hard link", &|event| {
        event.action == Action::Link { from: "/etc/passwd".to_owned(), to: "/tmp/hard".to_owned() }
    });
    check("a removal", &|event| {
        event.action == Action::Unlink { path: "/tmp/hard".to_owned(), directory: false }
    });
    check(
        "a folder",
        &|event| matches!(&event.action, Action::MakeDirectory { path, .. } if path == "/tmp/folder"),
    );
    check("tracing", &|event| matches!(event.action, Action::Trace { request: 16, target } if target != 0));
    check("listening", &|event| match &event.action {
        Action::Listen { connection } => {
            by(event, "reverse") && connection.local.is_some_and(|end| end.address.is_loopback())
        }
        _ => false,
    });
    check("connecting", &|event| match &event.action {
        Action::Connect { connection } => {
            by(event, "reverse")
                && connection.remote.is_some_and(|end| end.address.is_loopback() && end.port != 0)
        }
        _ => false,
    });
    check("accepting", &|event| match &event.action {
        Action::Accept { connection } => {
            by(event, "reverse") && connection.server && connection.remote.is_some()
        }
        _ => false,
    });
    check("an input that is a socket", &|event| match &event.action {
        Action::Duplicate { to: 0, connection: Some(connection), .. } => connection.family == FileKind::Ipv4,
        _ => false,
    });
    check("a socket of the machine", &|event| match &event.action {
        Action::Connect { connection } => {
            connection.family == FileKind::Unix && connection.path == "/tmp/docker.sock"
        }
        _ => false,
    });
    check("a name that is looked up", &|event| match &event.action {
        Action::Dns { name, record: 1, connection } => {
            name == "plunge.example"
                && connection.remote.is_some_and(|end| end.port == 53)
                && by(event, "question")
        }
        _ => false,
    });
    check("BPF", &|event| matches!(event.action, Action::Bpf { command: 0 }));
    check("a ring", &|event| matches!(event.action, Action::IoUring { entries: 4 }));
    check("entering", &|event| matches!(event.action, Action::EnterNamespace { .. }) && by(event, "enter"));
    check("leaving, and where it is now", &|event| match event.action {
        Action::NewNamespace { flags } => {
            by(event, "leave")
                && flags == 0x0402_0000
                && event.process.namespaces.mount != event.ancestors[0].namespaces.mount
        }
        _ => false,
    });
    check("a mount", &|event| match &event.action {
        Action::Mount { target, filesystem, .. } => target == "/mnt" && filesystem == "tmpfs",
        _ => false,
    });
    check("a device", &|event| match &event.action {
        Action::MakeNode { path, device, .. } => path == "/tmp/disk" && *device == 254 << 20,
        _ => false,
    });
    check(
        "a module, by its file",
        &|event| matches!(&event.action, Action::Module { name, .. } if name == "/etc/passwd"),
    );
    check("raw packets", &|event| matches!(event.action, Action::Socket { family: 17, .. }));
    check("another user", &|event| {
        matches!(event.action, Action::SetUser { uid: 33 })
            && event.process.uid == 33
            && event.process.gid == 33
    });
    check("another root", &|event| matches!(&event.action, Action::ChangeRoot { path } if path == "/tmp"));
    check("its own faults", &|event| matches!(event.action, Action::UserFault { .. }));
    check("a file by handle", &|event| event.call == Call::named("open_by_handle_at"));
    check(
        "a file in memory",
        &|event| matches!(&event.action, Action::MemoryFile { name, .. } if name.starts_with("payload")),
    );
    check("an end", &|event| matches!(event.action, Action::Exit { code: 0, signal: 0 }));
    check("an end by a signal", &|event| matches!(event.action, Action::Exit { signal: 9, .. }));
    // An event is what a recording holds.
    for event in ours {
        let line = serde_json::to_string(event).unwrap();
        assert_eq!(&serde_json::from_str::<Event>(&line).unwrap(), event);
    }
}

#[test]
fn containers_that_live_for_milliseconds_are_known_at_their_first_event() {
    let Some(harbour) = harbour::open("short") else { return };
    const CONTAINERS: usize = 20;
    let mut ids = Vec::new();
    let (events, counts) = watch(&settings(), |_| {
        for _ in 0..CONTAINERS {
            ids.push(harbour.run(&["/bin/true"], &[]));
        }
    });
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &events {
        // Whatever our runc started in a namespace of processes of its own, as a container's program is.
        let ours = event.process.arguments.first().is_some_and(|argument| argument == "/bin/true")
            && event.process.inner_id == 1;
        if ours {
            assert_eq!(event.container.state, State::Known, "{event:?}");
            assert_eq!(event.container.image, plimsoll_testing::IMAGE);
            *seen.entry(&event.container.id).or_default() += 1;
        }
    }
    for id in &ids {
        assert!(seen.get(id.as_str()).is_some_and(|events| *events >= 2), "{id}: {seen:?}");
    }
    assert_eq!((counts.lost_must, counts.unreadable), (0, 0));
}

#[test]
fn a_thousand_containers_of_twenty_milliseconds_are_known_by_their_ids() {
    if harbour::open("brief").is_none() {
        return;
    }
    const CONTAINERS: usize = 1_000;
    let brief = plimsoll_testing::Brief::open("brief");
    let begun = std::time::Instant::now();
    let mut took = begun.elapsed();
    let (events, counts) = watch(&settings(), |_| {
        brief.run(CONTAINERS, 8, 20_000);
        took = begun.elapsed();
    });
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events.iter().filter(|event| brief.is_its_program(&event.process.arguments)) {
        assert!(!event.container.id.is_empty(), "{event:?}");
        assert_eq!(event.container.pod.uid, plimsoll_testing::pod());
        *seen.entry(&event.container.id).or_default() += 1;
    }
    for number in 0..CONTAINERS {
        let id = brief.id(number);
        assert!(
            seen.get(id.as_str()).is_some_and(|events| *events >= 2),
            "{id}: {:?}",
            seen.get(id.as_str())
        );
    }
    assert_eq!((seen.len(), counts.lost_must, counts.unreadable), (CONTAINERS, 0, 0));
    // Each lives for 20 ms, eight at a time: 2.5 s and what the kernel takes to make and remove them.
    assert!(took < std::time::Duration::from_mins(1), "{took:?}");
}

#[test]
fn what_is_lost_is_counted_to_the_last_record() {
    let Some(harbour) = harbour::open("flood") else { return };
    // A reader that sleeps through the flood: the ring has room for a part of it.
    const FLOOD: u64 = 100_000;
    let mut id = String::new();
    let (events, counts) = watch(&settings(), |pause| {
        pause.store(true, std::sync::atomic::Ordering::SeqCst);
        id = harbour.run(&["/actions", "flood", "100000"], &[]);
        pause.store(false, std::sync::atomic::Ordering::SeqCst);
    });
    let seen = events.iter().filter(|event| matches!(event.action, Action::NewNamespace { flags: 0 })).count()
        as u64;
    let said: u64 = events
        .iter()
        .map(|event| match event.action {
            Action::Drop { class: Class::Must, count } => count,
            _ => 0,
        })
        .sum();
    assert!(seen > 1_000 && seen < FLOOD, "{seen} of {FLOOD} seen: the flood was to be larger than the ring");
    assert!(said > 0 && said == counts.lost_must);
    assert_eq!(counts.refused, counts.lost_must + counts.lost_may, "the kernel's own count");
    assert!(seen + said >= FLOOD, "{seen} seen, {said} lost, of {FLOOD}");
    // The numbers of a processor and stream have no other gaps than those that were said.
    let mut gaps = 0;
    let mut next: BTreeMap<(u32, u16), u64> = BTreeMap::new();
    for event in events.iter().filter(|event| event.thread != 0) {
        let next = next.entry((event.cpu, event.stream)).or_default();
        // A child in namespaces of its own is two events of one record.
        gaps += event.sequence.saturating_sub(*next);
        *next = event.sequence + 1;
    }
    assert!(gaps <= counts.lost_must + counts.lost_may + 64, "records without an event are few: {gaps}");
}

#[test]
fn a_denied_program_runs_no_instruction_and_a_dry_run_only_says_so() {
    let Some(harbour) = harbour::open("denied") else { return };
    const TRIALS: usize = 1_000;
    // Its first instruction is not allowed: it shows by how it died.
    harbour.put_first();
    let script = format!(
        "ulimit -c 0; cp /first /tmp/first; i=0; while [ $i -lt {TRIALS} ]; do /tmp/first; echo $? >> /tmp/out; i=$((i+1)); done 2>/dev/null;
         echo done >> /tmp/out"
    );
    for response in [sensor::Response::DryRun, sensor::Response::Kill] {
        let settings = Settings { upper_layer: response, ..settings() };
        let mut id = String::new();
        let mut ran = 0;
        let (events, _) = watch(&settings, |_| {
            id = harbour.run(&["/bin/sh", "-c", &script], &[]);
            let written = harbour.written("tmp/out");
            assert!(written.ends_with("done\n"), "the rest of the container goes on");
            ran = written.lines().filter(|line| *line == "132").count();
            let killed = written.lines().filter(|line| *line == "137").count();
            assert_eq!(ran + killed, TRIALS, "{response:?}");
        });
        let expected = if response == sensor::Response::Kill { Response::Killed } else { Response::DryRun };
        let said = events
            .iter()
            .filter(|event| event.container.id == id)
            .filter(|event| matches!(&event.action, Action::Exec { response, .. } if *response == expected))
            .count();
        assert_eq!(said, TRIALS, "{response:?}");
        assert_eq!(ran, if response == sensor::Response::Kill { 0 } else { TRIALS }, "{response:?}");
    }
}

#[test]
fn without_calls_no_system_call_is_hooked() {
    if !harbour::usable() {
        return;
    }
    let quiet = Settings { calls: Vec::new(), dns: false, ..settings() };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    let sensor =
        plimsoll_runtime::Sensor::start(&quiet, plimsoll_runtime::container::Places::default(), now).unwrap();
    let state =
        |name: &str| sensor.programs().iter().find(|program| program.name == name).unwrap().state.clone();
    assert_eq!(state("on_call"), sensor::Availability::NotAsked);
    assert_eq!(state("on_packet"), sensor::Availability::NotAsked);
    assert_eq!(state("on_exec"), sensor::Availability::Available);
    assert!(!sensor.costs().iter().any(|cost| cost.program == "on_call"));
}
