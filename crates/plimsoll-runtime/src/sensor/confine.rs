//! What the watch gives up when it has started: system calls that only an intruder in it would make.

use std::io;

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
