//! What the watch gives up when it has started: system calls that only an intruder in it would make, capabilities that nothing
//! in it needs any more, and for its threads that speak with others nearly all files.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

/// System calls that a watch never makes after its start: starting programs, changing mounts, namespaces, roots and users,
/// loading into the kernel, tracing, and what restarts the machine.
const DENIED: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_writev,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_open_tree,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_add_key,
    libc::SYS_keyctl,
    libc::SYS_request_key,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_io_uring_setup,
    libc::SYS_open_by_handle_at,
    libc::SYS_mknodat,
];

/// `BPF_PROG_LOAD` of bpf(2): reading and filling maps stays.
const LOAD: u32 = 5;

// Instructions of the filter (linux/filter.h, linux/bpf_common.h).
const LOAD_WORD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;
const ALLOW: u32 = 0x7fff_0000;
const REFUSE: u32 = 0x0005_0000 | libc::EPERM as u32;
/// Where the number, the architecture and the first argument are in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const FIRST: u32 = 16;

#[cfg(target_arch = "x86_64")]
const HERE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const HERE: u32 = 0xc000_00b7;

fn filter() -> Vec<libc::sock_filter> {
    let step = |code, k| libc::sock_filter { code, jt: 0, jf: 0, k };
    let jump = |code, k, jt, jf| libc::sock_filter { code, jt, jf, k };
    let narrow = |number: libc::c_long| u32::try_from(number).expect("numbers of system calls are small");
    let mut steps = vec![
        step(LOAD_WORD, ARCHITECTURE),
        // Another architecture's numbers: refused.
        jump(JUMP_EQUAL, HERE, 1, 0),
        step(RETURN, REFUSE),
        step(LOAD_WORD, NUMBER),
        // The second numbering of x86-64 (x32).
        jump(JUMP_AT_LEAST, 0x4000_0000, 0, 1),
        step(RETURN, REFUSE),
    ];
    for number in DENIED {
        steps.push(jump(JUMP_EQUAL, narrow(*number), 0, 1));
        steps.push(step(RETURN, REFUSE));
    }
    steps.extend([
        jump(JUMP_EQUAL, narrow(libc::SYS_bpf), 0, 3),
        step(LOAD_WORD, FIRST),
        jump(JUMP_EQUAL, LOAD, 0, 1),
        step(RETURN, REFUSE),
        step(RETURN, ALLOW),
    ]);
    steps
}

/// From now on this process, all its threads, and whatever they would start, cannot make these calls (seccomp(2)), nor gain
/// rights by starting programs.
pub fn confine() -> io::Result<()> {
    let mut steps = filter();
    let program = libc::sock_fprog {
        len: u16::try_from(steps.len()).map_err(io::Error::other)?,
        filter: steps.as_mut_ptr(),
    };
    // SAFETY: plain numbers.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel copies the filter, which `steps` holds until then. For all threads at once.
    let failed = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_TSYNC,
            &raw const program,
        )
    };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Numbers of capabilities (capabilities(7)) that a watch may keep.
pub mod capability {
    /// Write files of others.
    pub const DAC_OVERRIDE: u32 = 1;
    /// Read files of others.
    pub const DAC_READ_SEARCH: u32 = 2;
    /// Attach programs to the network of cgroups.
    pub const NET_ADMIN: u32 = 12;
    /// Look at processes of others.
    pub const SYS_PTRACE: u32 = 19;
    /// Programs in the kernel that read its memory.
    pub const PERFMON: u32 = 38;
    /// Programs and maps in the kernel.
    pub const BPF: u32 = 39;
}

/// `_LINUX_CAPABILITY_VERSION_3`.
const VERSION: u32 = 0x2008_0522;
/// More than any kernel has.
const CAPABILITIES: u32 = 64;

/// Whether this kernel lets whoever has the descriptor of a map use it without CAP_BPF (5.19 and newer).
pub fn maps_need_no_capability() -> bool {
    let release = rustix::system::uname();
    let release = release.release().to_string_lossy();
    let mut numbers = release.split('.').map(|part| {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        part[..digits].parse::<u32>().unwrap_or(0)
    });
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 19)
}

/// This thread, and those that it starts from now on, keep of the capabilities that they have only these, for good. Answers
/// which are left, one bit each.
///
/// # Errors
/// When the kernel refuses.
pub fn keep_capabilities(kept: &[u32]) -> io::Result<u64> {
    let wanted = kept.iter().fold(0u64, |all, one| all | 1 << one);
    // What programs that are started could get at most; for that CAP_SETPCAP is needed, which not everybody has. Nothing is
    // started anyway.
    for number in (0..CAPABILITIES).filter(|number| wanted >> number & 1 == 0) {
        // SAFETY: plain numbers.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(number), 0, 0, 0) };
    }
    // SAFETY: plain numbers.
    unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    // `struct __user_cap_header_struct`, and twice effective, permitted, inheritable.
    let mut header = [VERSION, 0];
    let mut data = [[0u32; 3]; 2];
    // SAFETY: both are as large as the kernel writes for this version.
    if unsafe { libc::syscall(libc::SYS_capget, header.as_mut_ptr(), data.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let halves = [wanted & 0xffff_ffff, wanted >> 32].map(|half| u32::try_from(half).unwrap_or(0));
    for (set, half) in data.iter_mut().zip(halves) {
        let left = set[1] & half;
        *set = [left, left, 0];
    }
    // SAFETY: both are as large as the kernel reads for this version.
    if unsafe { libc::syscall(libc::SYS_capset, header.as_mut_ptr(), data.as_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::from(data[0][1]) | u64::from(data[1][1]) << 32)
}

// Landlock (linux/landlock.h): rights over files by version of its interface, and what is asked for here.
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const FIRST_RIGHTS: u64 = (1 << 13) - 1;
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEVICE: u64 = 1 << 15;
const BIND_TCP: u64 = 1;
const SCOPE_SIGNAL: u64 = 1 << 1;
const RULE_PATH_BENEATH: libc::c_int = 1;

#[repr(C)]
struct Ruleset {
    files: u64,
    network: u64,
    scoped: u64,
}

#[repr(C, packed)]
struct Beneath {
    allowed: u64,
    parent: i32,
}

/// What a thread that speaks with others reads: names, certificates, the name of this machine, a pod's own account.
fn readable() -> Vec<PathBuf> {
    let fixed = [
        "/etc",
        "/usr",
        "/lib",
        "/lib64",
        "/run",
        "/var/run",
        "/var/lib/ca-certificates",
        "/proc/sys/kernel",
    ];
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    fixed.into_iter().map(PathBuf::from).chain(named).collect()
}

/// This thread, which only speaks with others, gives up all capabilities, and by Landlock every file but what it takes to
/// find and trust the other end: it writes none, reads none of the rest, awaits no connection and signals nobody outside.
/// `whole` leaves files alone. Answers whether files were given up: old kernels have no Landlock.
///
/// # Errors
/// When the kernel refuses.
pub fn confine_sender(whole: bool) -> io::Result<bool> {
    keep_capabilities(&[])?;
    if whole {
        return Ok(false);
    }
    confine_files(&readable())
}

fn confine_files(readable: &[PathBuf]) -> io::Result<bool> {
    // SAFETY: asks for the version, and hands nothing in.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<Ruleset>(), 0, 1) };
    if version < 1 {
        return Ok(false);
    }
    let mut rules = Ruleset { files: FIRST_RIGHTS, network: 0, scoped: 0 };
    for (from, right) in [(2, REFER), (3, TRUNCATE), (5, IOCTL_DEVICE)] {
        rules.files |= if version >= from { right } else { 0 };
    }
    rules.network = if version >= 4 { BIND_TCP } else { 0 };
    rules.scoped = if version >= 6 { SCOPE_SIGNAL } else { 0 };
    // The kernel takes a longer structure where the rest is zero.
    let size = std::mem::size_of::<Ruleset>();
    // SAFETY: the structure is as large as is said, and lives until the call returns.
    let made = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const rules, size, 0) };
    if made < 0 {
        return Err(io::Error::last_os_error());
    }
    let made = i32::try_from(made).map_err(io::Error::other)?;
    // SAFETY: a descriptor that was just made and is nobody else's.
    let ruleset = unsafe { OwnedFd::from_raw_fd(made) };
    for path in readable {
        allow(&ruleset, path)?;
    }
    // SAFETY: plain numbers.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor of rules and a number.
    let failed = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) };
    if failed == 0 { Ok(true) } else { Err(io::Error::last_os_error()) }
}

/// Lets what is there be read.
fn allow(ruleset: &OwnedFd, path: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, Mode, OFlags};
    let Ok(parent) = rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) else {
        return Ok(());
    };
    let folder = rustix::fs::fstat(&parent)?.st_mode & libc::S_IFMT == libc::S_IFDIR;
    let allowed = READ_FILE | if folder { READ_DIR } else { 0 };
    let rule = Beneath { allowed, parent: parent.as_raw_fd() };
    // SAFETY: the structure lives until the call returns, and the kernel only reads it.
    let failed = unsafe {
        libc::syscall(libc::SYS_landlock_add_rule, ruleset.as_raw_fd(), RULE_PATH_BENEATH, &raw const rule, 0)
    };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    use super::{capability, confine, confine_sender, keep_capabilities};

    /// In a process of its own, since what is given up is gone for good: this test again, with that word.
    #[expect(clippy::disallowed_methods, reason = "how this test tells itself that it is the second process")]
    fn alone(test: &str, word: &str) -> Option<()> {
        if std::env::var("PLIMSOLL_ALONE").is_ok_and(|asked| asked == word) {
            return Some(());
        }
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("sensor::confine::tests::{test}"), "--nocapture", "--test-threads=1"])
            .env("PLIMSOLL_ALONE", word)
            .output()
            .unwrap();
        let told =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && output.status.signal().is_none(), "{told}");
        assert!(told.contains("1 passed"), "{told}");
        None
    }

    fn refused(what: &str, result: libc::c_long) {
        let error = io::Error::last_os_error();
        assert_eq!((result, error.raw_os_error()), (-1, Some(libc::EPERM)), "{what}: {error}");
    }

    #[test]
    fn what_is_given_up_is_refused_from_then_on_in_every_thread() {
        if alone("what_is_given_up_is_refused_from_then_on_in_every_thread", "calls").is_none() {
            return;
        }
        // A thread that was there before.
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let before = std::thread::spawn(move || {
            wait.recv().unwrap();
            // SAFETY: plain numbers; refused.
            refused("unshare, of a thread of before", unsafe { libc::syscall(libc::SYS_unshare, 0) });
        });
        // SAFETY: plain numbers; nothing is shared less than before.
        assert_eq!(unsafe { libc::syscall(libc::SYS_unshare, 0) }, 0, "allowed until then");
        assert!(Command::new("true").status().unwrap().success());
        confine().unwrap();
        go.send(()).unwrap();
        before.join().unwrap();
        let error = Command::new("true").status().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EPERM), "starting a program: {error}");
        let none = std::ptr::null::<libc::c_void>();
        // SAFETY: all of these are refused before the kernel looks at what is handed in.
        unsafe {
            refused("mount", libc::syscall(libc::SYS_mount, none, none, none, 0, none));
            refused("setns", libc::syscall(libc::SYS_setns, -1, 0));
            refused("ptrace", libc::syscall(libc::SYS_ptrace, 0, 0, none, none));
            refused("module", libc::syscall(libc::SYS_finit_module, -1, none, 0));
            refused("users", libc::syscall(libc::SYS_setuid, libc::getuid()));
            refused("io_uring", libc::syscall(libc::SYS_io_uring_setup, 1, none));
            refused("a program for the kernel", libc::syscall(libc::SYS_bpf, 5, none, 0));
        }
        // What a watch does still goes.
        assert!(std::fs::read("/proc/self/status").is_ok());
        assert!(std::thread::spawn(|| 1).join().is_ok());
        // SAFETY: a command that reads an element of no map: another answer than that it is not allowed.
        let answer = unsafe { libc::syscall(libc::SYS_bpf, 1, none, 0) };
        assert!(answer == -1);
    }

    #[test]
    fn a_sender_has_no_capabilities_and_no_files() {
        if alone("a_sender_has_no_capabilities_and_no_files", "sender").is_none() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "x").unwrap();
        let theirs = path.clone();
        let files = std::thread::spawn(move || {
            let files = confine_sender(false).unwrap();
            assert_eq!(keep_capabilities(&[capability::BPF]).unwrap(), 0, "none is left to keep");
            if files {
                for refused in [
                    std::fs::read(&theirs).map(drop),
                    std::fs::write(&theirs, "y"),
                    std::fs::read("/proc/self/environ").map(drop),
                    std::net::TcpListener::bind("127.0.0.1:0").map(drop),
                ] {
                    // Binding is only refused where Landlock knows of networks.
                    if let Err(error) = refused {
                        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
                    }
                }
                assert!(std::fs::read(&theirs).is_err() && std::fs::write(&theirs, "y").is_err());
            }
            assert!(std::fs::read("/etc/passwd").is_ok(), "what it takes to find others");
            files
        });
        if !files.join().unwrap() {
            plimsoll_testing::not_tested("this kernel has no Landlock");
        }
        // Other threads are as before.
        std::fs::write(&path, "z").unwrap();
    }
}
