//! What is done about containers, with real ones.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use plimsoll_runtime::container::{Places, hierarchy};
use plimsoll_runtime::event::{Container, State};
use plimsoll_runtime::respond::{Groups, evidence, freeze};
use plimsoll_runtime::sensor::Settings;
use plimsoll_testing::not_tested;

use crate::harbour;

#[test]
fn a_frozen_container_stands_still_and_can_be_looked_at() {
    let Some(harbour) = harbour::open("frozen") else { return };
    let groups = Groups::of(&hierarchy(&Places::default()).unwrap());
    let running = harbour.start(&["/bin/sh", "-c", "while true; do echo x >> /out; sleep 0.02; done"]);
    let container = Container {
        state: State::Known,
        id: running.id().to_owned(),
        cgroup: format!("/kubepods/besteffort/pod{}/{}", plimsoll_testing::pod(), running.id()),
        ..Container::default()
    };
    let grown = || {
        let before = running.written("out").len();
        std::thread::sleep(Duration::from_millis(300));
        running.written("out").len() > before
    };
    let begun = Instant::now();
    while !grown() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not start");
    }
    freeze(&groups, &container, true).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert!(!grown(), "it runs on");
    let seen = evidence(&groups, std::path::Path::new("/proc"), &container).unwrap();
    let shell =
        seen.processes.iter().find(|process| process.arguments.iter().any(|word| word == "-c")).unwrap();
    assert!(shell.executable.ends_with("/bin/busybox") && shell.digest.starts_with("sha256:"), "{shell:?}");
    freeze(&groups, &container, false).unwrap();
    let begun = Instant::now();
    while !grown() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not go on");
    }
}

/// A cgroup of the second version that is removed in the end.
struct Group(PathBuf);

impl Group {
    fn make() -> Option<Self> {
        let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
        let mount = mounts.lines().find_map(|line| {
            let mut words = line.split(' ').skip(1);
            let (place, kind) = (words.next()?, words.next()?);
            (kind == "cgroup2").then(|| place.to_owned())
        })?;
        let path = PathBuf::from(mount).join(format!("plimsoll-test-{}", std::process::id()));
        std::fs::create_dir(&path).ok()?;
        Some(Self(path))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for _ in 0..100 {
            if std::fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn who_is_cut_off_reaches_nobody() {
    if !harbour::usable() {
        return;
    }
    let Some(group) = Group::make() else {
        not_tested("no cgroup of the second version can be made here");
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"hello\n");
        }
    });
    // Whether a process of that group gets an answer.
    let reaches = || {
        let script =
            format!("echo $$ > {}/cgroup.procs; exec busybox nc -w 1 127.0.0.1 {port}", group.0.display());
        let output = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).output().unwrap();
        output.stdout == b"hello\n"
    };
    assert!(reaches());
    let settings = Settings { calls: Vec::new(), dns: false, quarantine: true, ..Settings::default() };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    let mut sensor = plimsoll_runtime::Sensor::start(&settings, Places::default(), now).unwrap();
    assert!(reaches(), "nobody is cut off yet");
    let begun = Instant::now();
    sensor.quarantine(&group.0).unwrap();
    assert!(begun.elapsed() < Duration::from_millis(50), "{:?}", begun.elapsed());
    assert!(!reaches());
    drop(sensor);
    assert!(reaches(), "for as long as the sensor runs");
}
