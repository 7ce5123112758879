//! Containers of runc: an overlay as root, a cgroup as Kubernetes names them, and a watcher around what they do.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use plimsoll_runtime::container::Places;
use plimsoll_runtime::sensor::{Availability, Counts, Settings, survey};
use plimsoll_runtime::{Event, Sensor};
use serde_json::{Value, json};

/// A root file system in a folder of its own, and containers over it.
pub(crate) struct Harbour {
    folder: tempfile::TempDir,
    name: String,
    made: AtomicU32,
}

/// The pod of all containers.
pub(crate) fn pod() -> String {
    format!("6d1f7a52-9f07-4b8b-8b9b-{:012x}", std::process::id())
}

/// Whether containers can be run and watched here; says aloud why not.
pub(crate) fn usable() -> bool {
    let root = std::fs::metadata("/proc/self")
        .is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0);
    if !root {
        eprintln!("NOT TESTED: the sensor needs root");
        return false;
    }
    for program in survey() {
        if let Availability::Refused(cause) = program.state {
            eprintln!("NOT TESTED: the kernel refuses `{}` ({}): {cause}", program.name, program.sees);
            return false;
        }
    }
    for tool in ["runc", "busybox", "cc"] {
        if Command::new(tool).arg("--help").output().is_err() {
            eprintln!("NOT TESTED: {tool} is not installed (`cargo xtask deps`)");
            return false;
        }
    }
    true
}

impl Harbour {
    /// A harbour of that name; nothing where containers cannot be run or watched.
    pub(crate) fn open(name: &str) -> Option<Self> {
        if !usable() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let lower = folder.path().join("lower");
        for part in ["bin", "etc", "tmp", "mnt", "proc", "dev", "sys"] {
            std::fs::create_dir_all(lower.join(part)).unwrap();
        }
        let busybox =
            String::from_utf8(Command::new("which").arg("busybox").output().unwrap().stdout).unwrap();
        std::fs::copy(busybox.trim(), lower.join("bin/busybox")).unwrap();
        for applet in
            ["sh", "cp", "cat", "mv", "ln", "rm", "chmod", "mkdir", "printf", "echo", "true", "sleep"]
        {
            std::os::unix::fs::symlink("busybox", lower.join("bin").join(applet)).unwrap();
        }
        std::fs::write(lower.join("etc/passwd"), "root:x:0:0::/:/bin/sh\n").unwrap();
        std::fs::write(lower.join("etc/shadow"), "root:!:1::::::\n").unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sensor/actions.c");
        run(Command::new("cc").args(["-static", "-O1", "-w", "-o"]).arg(lower.join("actions")).arg(source));
        Some(Self { folder, name: name.to_owned(), made: AtomicU32::new(0) })
    }

    /// Runs a container to its end; answers its id. `mounts` are further mounts of its configuration.
    pub(crate) fn run(&self, arguments: &[&str], mounts: &[Value]) -> String {
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        let seed = self.name.bytes().fold(0u64, |seed, byte| seed << 8 | u64::from(byte));
        let id = format!("{seed:016x}{number:016x}{:032x}", u64::from(std::process::id()));
        let bundle = self.bundle(number);
        let root = Mounted::overlay(&self.folder.path().join("lower"), &bundle);
        run(Command::new("runc").arg("spec").current_dir(&bundle));
        let path = bundle.join("config.json");
        let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(arguments);
        let all = [
            "CAP_SYS_ADMIN",
            "CAP_SYS_PTRACE",
            "CAP_SYS_MODULE",
            "CAP_SYS_RAWIO",
            "CAP_SYS_CHROOT",
            "CAP_MKNOD",
            "CAP_NET_RAW",
            "CAP_SETUID",
            "CAP_SETGID",
            "CAP_CHOWN",
            "CAP_FOWNER",
            "CAP_FSETID",
            "CAP_DAC_OVERRIDE",
            "CAP_DAC_READ_SEARCH",
            "CAP_KILL",
            "CAP_NET_BIND_SERVICE",
        ];
        for set in ["bounding", "effective", "permitted"] {
            config["process"]["capabilities"][set] = json!(all);
        }
        config["root"] = json!({ "path": root.path, "readonly": false });
        config["annotations"] = json!({ "io.kubernetes.cri.image-name": "registry.example/team/shop:1" });
        config["linux"]["cgroupsPath"] = json!(format!("/kubepods/besteffort/pod{}/{id}", pod()));
        config["linux"]["maskedPaths"] = json!([]);
        // The network of the host, of which only the loopback is used.
        config["linux"]["namespaces"]
            .as_array_mut()
            .unwrap()
            .retain(|namespace| namespace["type"] != "network");
        config["mounts"].as_array_mut().unwrap().retain(|mount| mount["destination"] != "/sys");
        config["mounts"].as_array_mut().unwrap().extend_from_slice(mounts);
        std::fs::write(&path, config.to_string()).unwrap();
        let output = Command::new("runc").args(["run", "--bundle"]).arg(&bundle).arg(&id).output().unwrap();
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "runc: {} {talk}", output.status);
        id
    }

    /// What the last container wrote to a file.
    pub(crate) fn written(&self, path: &str) -> String {
        let upper = self.bundle(self.made.load(Ordering::SeqCst) - 1).join("upper");
        std::fs::read_to_string(upper.join(path)).unwrap_or_default()
    }

    fn bundle(&self, number: u32) -> PathBuf {
        let bundle = self.folder.path().join(number.to_string());
        std::fs::create_dir_all(&bundle).unwrap();
        bundle
    }
}

/// An overlay that is unmounted in the end.
struct Mounted {
    path: PathBuf,
}

impl Mounted {
    fn overlay(lower: &Path, bundle: &Path) -> Self {
        for part in ["upper", "work", "root"] {
            std::fs::create_dir_all(bundle.join(part)).unwrap();
        }
        let path = bundle.join("root");
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.display(),
            bundle.join("upper").display(),
            bundle.join("work").display()
        );
        run(Command::new("mount").args(["-t", "overlay", "overlay", "-o", &options]).arg(&path));
        Self { path }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.path).status();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
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
