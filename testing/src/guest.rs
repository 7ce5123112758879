//! Emulated machines with other kernels: what would change this one's kernel is done there.
//!
//! `cargo xtask guest` fetches the kernels. A machine has no disk and no network: its memory is filled with an archive (cpio,
//! `newc`) of what a test hands over. It is emulated, so that it runs the same everywhere; speed is never measured in it.

#![allow(clippy::unwrap_used, reason = "what cannot be made is a failed test")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{cache, not_tested};

/// Stands in the root of every such machine.
const MARK: &str = "/plimsoll-guest";

/// What runs first: a root that is no initramfs (which cannot be left with pivot_root(2)), and what a machine has mounted.
const INIT: &str = "#!/bin/busybox sh
/bin/busybox mkdir -p /new
/bin/busybox mount -t tmpfs -o mode=755 new /new
for part in /*; do [ $part = /new ] || /bin/busybox cp -a $part /new/; done
exec /bin/busybox switch_root /new /start
";
const START: &str = "#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
cd /
mkdir -p proc sys dev tmp run etc usr/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t securityfs security /sys/kernel/security
echo root:x:0:0::/:/bin/sh > /etc/passwd
ifconfig lo 127.0.0.1 up
for module in /modules/overlay.ko /modules/loop.ko; do insmod $module; done
echo \"guest: $(uname -r), $(cat /sys/kernel/security/lsm)\"
sh /work
echo \"guest: ended with $?\"
poweroff -f
";

/// A kernel that can be booted.
#[derive(Debug)]
pub struct Kernel {
    /// `6.1`.
    pub series: String,
    folder: PathBuf,
}

/// A file of the machine: where it is there, and where it is here.
pub type Given<'a> = (&'a str, &'a Path);

/// Whether this is such a machine: for tests that only run there.
pub fn in_guest() -> bool {
    Path::new(MARK).exists()
}

/// All kernels that tests boot, the oldest first; none, said loudly, where they cannot be booted.
pub fn kernels() -> Vec<Kernel> {
    if !cfg!(target_arch = "x86_64") {
        not_tested("other kernels are booted on x86-64 only");
        return Vec::new();
    }
    if Command::new("qemu-system-x86_64").arg("--version").output().is_err() {
        not_tested("other kernels: qemu-system-x86_64 is not installed (`cargo xtask deps`)");
        return Vec::new();
    }
    let Some(folder) =
        cache().map(|cache| cache.join("guest/current")).filter(|folder| folder.join("6.1").exists())
    else {
        not_tested("other kernels are not there (`cargo xtask guest`)");
        return Vec::new();
    };
    ["6.1", "6.12"]
        .into_iter()
        .map(|series| Kernel { series: series.to_owned(), folder: folder.join(series) })
        .collect()
}

impl Kernel {
    /// Boots a machine of two processors, runs a script of busybox's shell as root in it, and answers all that it said. The
    /// libraries of given programs are given with them. A machine that has not ended within the time is ended.
    pub fn run(&self, files: &[Given<'_>], script: &str, limit: Duration) -> String {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("initrd");
        std::fs::write(&archive, self.archive(files, script)).unwrap();
        let said = folder.path().join("said");
        let mut machine = Command::new("qemu-system-x86_64")
            .args(["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1536"])
            .args(["-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio", "-kernel"])
            .arg(self.folder.join("vmlinuz"))
            .arg("-initrd")
            .arg(&archive)
            .args(["-append", "console=ttyS0 quiet panic=1 lsm=landlock,lockdown,yama,bpf"])
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&said).unwrap())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let begun = std::time::Instant::now();
        let ended = loop {
            if machine.try_wait().unwrap().is_some() {
                break true;
            }
            if begun.elapsed() > limit {
                machine.kill().unwrap();
                machine.wait().unwrap();
                break false;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        let said = String::from_utf8_lossy(&std::fs::read(&said).unwrap()).replace('\r', "");
        assert!(ended, "the machine with kernel {} did not end in {limit:?}:\n{said}", self.series);
        said
    }

    fn archive(&self, files: &[Given<'_>], script: &str) -> Vec<u8> {
        let busybox = found("busybox");
        let mut archive = Archive::default();
        archive.file("bin/busybox", &std::fs::read(&busybox).unwrap());
        archive.file("init", INIT.as_bytes());
        archive.file("start", START.as_bytes());
        archive.file("work", script.as_bytes());
        archive.file(MARK, b"");
        for module in ["overlay.ko", "loop.ko", "dummy.ko"] {
            archive.file(&format!("modules/{module}"), &std::fs::read(self.folder.join(module)).unwrap());
        }
        for (there, here) in files {
            archive.file(there, &std::fs::read(here).unwrap());
            for library in libraries(here) {
                archive.file(&library, &std::fs::read(&library).unwrap());
            }
        }
        archive.end()
    }
}

/// Where a program of this machine is.
///
/// # Panics
/// When it is not there.
pub fn found(program: &str) -> PathBuf {
    let output = Command::new("which").arg(program).output().unwrap();
    assert!(output.status.success(), "{program} is not installed (`cargo xtask deps`)");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

/// What a program needs to be loaded, by the names that its loader looks for.
fn libraries(program: &Path) -> Vec<String> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .map(str::to_owned)
        .collect()
}

/// An archive of the form `newc` (the kernel's buffer-format.rst).
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    made: BTreeSet<String>,
    count: u32,
}

impl Archive {
    /// A file that everybody may execute, and the folders above it; nothing if it is there.
    fn file(&mut self, path: &str, content: &[u8]) {
        let path = path.trim_start_matches('/');
        for (at, _) in path.match_indices('/') {
            self.entry(&path[..at], 0o040_755, b"");
        }
        self.entry(path, 0o100_755, content);
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) {
        if !self.made.insert(path.to_owned()) {
            return;
        }
        self.count += 1;
        let numbers = [
            self.count,
            mode,
            0,
            0,
            1,
            0,
            u32::try_from(content.len()).unwrap(),
            0,
            0,
            0,
            0,
            u32::try_from(path.len() + 1).unwrap(),
            0,
        ];
        self.bytes.extend(b"070701");
        for number in numbers {
            write!(self.bytes, "{number:08x}").unwrap();
        }
        self.bytes.extend(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn end(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, b"");
        self.bytes
    }
}

/// A copy without what only a debugger reads: a machine has little memory.
///
/// # Panics
/// When it cannot be made.
pub fn stripped(program: &Path, to: &Path) -> PathBuf {
    let copy = to.join("stripped").join(program.file_name().unwrap());
    std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
    let status = Command::new("strip").arg("-o").arg(&copy).arg(program).status().unwrap();
    assert!(status.success() && std::fs::metadata(&copy).unwrap().size() > 0, "strip: {status}");
    copy
}
