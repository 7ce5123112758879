//! A container runtime that dies and is started again while containers run.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use plimsoll_runtime::event::{Action, State};
use plimsoll_testing::not_tested;

use crate::harbour::{self, watch};

/// containerd with folders of its own.
struct Containerd<'f> {
    folder: &'f Path,
    process: Child,
}

impl<'f> Containerd<'f> {
    fn start(folder: &'f Path) -> Self {
        let config = folder.join("config.toml");
        let text = "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n";
        std::fs::write(&config, text).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let process = Command::new("containerd")
            .arg("--config")
            .arg(&config)
            .arg("--root")
            .arg(folder.join("root"))
            .arg("--state")
            .arg(folder.join("state"))
            .arg("--address")
            .arg(folder.join("sock"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut started = Self { folder, process };
        let begun = Instant::now();
        while !started.ctr(&["version"]).0 {
            let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(30), "containerd does not answer: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        started
    }

    fn ctr(&mut self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new("ctr")
            .arg("--address")
            .arg(self.folder.join("sock"))
            .args(arguments)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn does(&mut self, arguments: &[&str]) {
        let (done, told) = self.ctr(arguments);
        assert!(done, "ctr {arguments:?}: {told}");
    }
}

impl Drop for Containerd<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn containers_stay_known_when_their_runtime_dies_and_comes_back() {
    let Some(harbour) = harbour::open("restart") else { return };
    if Command::new("containerd").arg("--version").output().is_err() {
        not_tested("containerd is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = harbour.lower().to_str().unwrap();
    let id = |number: u32| format!("{:060x}{number:04x}", std::process::id());
    let group = |number: u32| format!("/kubepods/besteffort/pod{}/{}", plimsoll_testing::pod(), id(number));
    let (old, new) = (id(1), id(2));
    let start = |daemon: &mut Containerd<'_>, number: u32| {
        daemon.does(&[
            "run",
            "--detach",
            "--rootfs",
            "--cgroup",
            &group(number),
            root,
            &id(number),
            "/bin/sleep",
            "120",
        ]);
    };
    let mark = |daemon: &mut Containerd<'_>, number: u32, word: &str| {
        daemon.does(&["task", "exec", "--exec-id", word, &id(number), "/bin/echo", word]);
    };
    let settings = super::settings();
    let (events, counts) = watch(&settings, |_| {
        let mut daemon = Containerd::start(folder.path());
        start(&mut daemon, 1);
        mark(&mut daemon, 1, "before-it-died");
        // No word of farewell.
        drop(daemon);
        let mut daemon = Containerd::start(folder.path());
        mark(&mut daemon, 1, "after-it-came");
        start(&mut daemon, 2);
        mark(&mut daemon, 2, "in-a-new-one");
        for number in [1, 2] {
            daemon.does(&["task", "kill", "--signal", "SIGKILL", &id(number)]);
            let begun = Instant::now();
            while !daemon.ctr(&["task", "delete", "--force", &id(number)]).0
                && begun.elapsed() < Duration::from_secs(10)
            {
                std::thread::sleep(Duration::from_millis(50));
            }
            daemon.ctr(&["container", "delete", &id(number)]);
        }
    });
    assert_eq!((counts.lost_must, counts.unreadable), (0, 0));
    for (word, wanted) in [("before-it-died", &old), ("after-it-came", &old), ("in-a-new-one", &new)] {
        let told = events.iter().find(|event| {
            matches!(event.action, Action::Exec { .. })
                && event.process.arguments.get(1).is_some_and(|one| one == word)
        });
        let told = told.unwrap_or_else(|| panic!("{word} was not seen"));
        assert_eq!(&told.container.id, wanted, "{word}: {:?}", told.container);
        assert_ne!(told.container.state, State::Host, "{word}");
    }
}
