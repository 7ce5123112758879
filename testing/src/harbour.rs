//! Containers of runc: an overlay as root, a cgroup as Kubernetes names them.

#![allow(clippy::unwrap_used, reason = "what cannot be made is a failed test")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::not_tested;

/// The image of all containers, as their runtime names it.
pub const IMAGE: &str = "registry.example/team/shop:1";

/// A root file system, and containers over it.
pub struct Harbour {
    folder: tempfile::TempDir,
    lower: PathBuf,
    name: String,
    made: AtomicU32,
}

/// The pod of all containers.
pub fn pod() -> String {
    format!("6d1f7a52-9f07-4b8b-8b9b-{:012x}", std::process::id())
}

/// Whether containers can be run here; says aloud why not.
fn can_run() -> bool {
    let root = std::fs::metadata("/proc/self")
        .is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0);
    if !root {
        not_tested("containers need root");
        return false;
    }
    for tool in ["runc", "busybox", "cc"] {
        if Command::new(tool).arg("--help").output().is_err() {
            not_tested(&format!("{tool} is not installed (`cargo xtask deps`)"));
            return false;
        }
    }
    true
}

impl Harbour {
    /// Containers over a small root of busybox and the program `actions`, compiled from a source of its own; nothing,
    /// said loudly, where containers cannot be run.
    ///
    /// # Panics
    /// When the root cannot be made: like everything here, a failed test.
    pub fn open(name: &str) -> Option<Self> {
        if !can_run() {
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
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/actions.c");
        run(Command::new("cc").args(["-static", "-O1", "-w", "-o"]).arg(lower.join("actions")).arg(source));
        Some(Self { folder, lower, name: name.to_owned(), made: AtomicU32::new(0) })
    }

    /// Containers over a root that is there; nothing, said loudly, where containers cannot be run.
    pub fn over(name: &str, lower: &Path) -> Option<Self> {
        can_run().then(|| Self {
            folder: tempfile::tempdir().unwrap(),
            lower: lower.to_owned(),
            name: name.to_owned(),
            made: AtomicU32::new(0),
        })
    }

    /// The root of all containers, before they change it.
    pub fn lower(&self) -> &Path {
        &self.lower
    }

    /// Puts a program at `/first` of the root whose first instruction is not allowed: who runs it dies by SIGILL (132 for a
    /// shell), and who is killed before by SIGKILL (137).
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn put_first(&self) {
        let source = self.folder.path().join("first.S");
        let instruction = if cfg!(target_arch = "aarch64") { ".inst 0" } else { "ud2" };
        std::fs::write(&source, format!(".globl _start\n_start: {instruction}\n")).unwrap();
        run(Command::new("cc")
            .args(["-nostdlib", "-static", "-o"])
            .arg(self.lower.join("first"))
            .arg(source));
    }

    /// Runs a container to its end; answers its id. `mounts` are further mounts of its configuration.
    pub fn run(&self, arguments: &[&str], mounts: &[Value]) -> String {
        let prepared = self.prepare(arguments, mounts);
        let output = prepared.runc("run").output().unwrap();
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "runc: {} {talk}", output.status);
        prepared.id.clone()
    }

    /// Runs a container under a seccomp profile; what it returned.
    pub fn run_under(&self, arguments: &[&str], profile: &Value) -> std::process::ExitStatus {
        let prepared = self.prepare(arguments, &[]);
        let path = prepared.bundle.join("config.json");
        let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        config["linux"]["seccomp"] = profile.clone();
        std::fs::write(&path, config.to_string()).unwrap();
        prepared.runc("run").output().unwrap().status
    }

    /// Runs a container that may have so many processes at a time; its id.
    pub fn run_few(&self, arguments: &[&str], processes: u32) -> String {
        let prepared = self.prepare(arguments, &[]);
        let path = prepared.bundle.join("config.json");
        let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        config["linux"]["resources"]["pids"] = json!({ "limit": processes });
        std::fs::write(&path, config.to_string()).unwrap();
        // What it returned is what it did when it found no room.
        prepared.runc("run").output().unwrap();
        prepared.id.clone()
    }

    /// Starts a container that runs beside the test; it is killed when the value is dropped.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let prepared = self.prepare(arguments, &[]);
        let process = prepared.runc("run").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Running { prepared, process }
    }

    /// From now on the folder of its bundles belongs to a user, and nobody else looks into it without a capability.
    ///
    /// # Panics
    /// When it cannot be changed.
    pub fn give_away(&self, uid: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        std::os::unix::fs::chown(self.folder.path(), Some(uid), None).unwrap();
        std::fs::set_permissions(self.folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    }

    fn prepare(&self, arguments: &[&str], mounts: &[Value]) -> Prepared {
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        let seed = self.name.bytes().fold(0u64, |seed, byte| seed << 8 | u64::from(byte));
        let id = format!("{seed:016x}{number:016x}{:032x}", u64::from(std::process::id()));
        let bundle = self.bundle(number);
        let root = Mounted::overlay(&self.lower, &bundle);
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
            "CAP_NET_ADMIN",
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
        config["annotations"] = json!({ "io.kubernetes.cri.image-name": IMAGE });
        config["linux"]["cgroupsPath"] = json!(format!("/kubepods/besteffort/pod{}/{id}", pod()));
        config["linux"]["maskedPaths"] = json!([]);
        config["linux"]["resources"]["devices"] = json!([{ "allow": true, "access": "rwm" }]);
        // The network of the host, of which only the loopback is used.
        config["linux"]["namespaces"]
            .as_array_mut()
            .unwrap()
            .retain(|namespace| namespace["type"] != "network");
        config["mounts"].as_array_mut().unwrap().retain(|mount| mount["destination"] != "/sys");
        config["mounts"].as_array_mut().unwrap().extend_from_slice(mounts);
        std::fs::write(&path, config.to_string()).unwrap();
        Prepared { id, bundle, root }
    }

    /// What the last container wrote to a file.
    pub fn written(&self, path: &str) -> String {
        let upper = self.bundle(self.made.load(Ordering::SeqCst) - 1).join("upper");
        std::fs::read_to_string(upper.join(path)).unwrap_or_default()
    }

    fn bundle(&self, number: u32) -> PathBuf {
        let bundle = self.folder.path().join(number.to_string());
        std::fs::create_dir_all(&bundle).unwrap();
        bundle
    }
}

/// A container that can be run.
struct Prepared {
    id: String,
    bundle: PathBuf,
    #[expect(dead_code, reason = "unmounted when dropped")]
    root: Mounted,
}

impl Prepared {
    fn runc(&self, command: &str) -> Command {
        let mut runc = Command::new("runc");
        runc.args([command, "--bundle"]).arg(&self.bundle).arg(&self.id);
        runc
    }
}

/// A container that runs beside the test.
pub struct Running {
    prepared: Prepared,
    process: Child,
}

impl Running {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.prepared.id
    }

    /// What it wrote to a file.
    pub fn written(&self, path: &str) -> String {
        std::fs::read_to_string(self.prepared.bundle.join("upper").join(path)).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("runc").args(["delete", "--force", &self.prepared.id]).output();
        let _ = self.process.wait();
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
