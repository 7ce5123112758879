//! Which system calls are reported, and what of each: one row per call. The kernel program follows these rows.

use crate::Call;

/// What the kernel program does at the end of a call: `struct plan` of `bpf/sensor.bpf.c`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    kind: u8,
    must: bool,
    failures: u8,
    identity: bool,
    directory: u8,
    path: u8,
    second_directory: u8,
    second_path: u8,
    third: u8,
    descriptor: u8,
    flags: u8,
    root: bool,
}

/// Bytes of a plan, as the kernel program reads it.
pub(crate) const PLAN_SIZE: usize = 12;

const PLAIN: u8 = 1;
const OPEN: u8 = 2;
const DESCRIPTOR: u8 = 3;
const SOCKET: u8 = 4;
const SOCKET_MAKE: u8 = 5;
const DUPLICATE: u8 = 6;
const MAP: u8 = 7;
/// Refused for want of rights; other failures say nothing.
const REFUSED: u8 = 1;
const ALL: u8 = 2;
/// The descriptor is what the call returned.
const RETURNED: u8 = 255;

impl Plan {
    /// As the kernel program reads it.
    pub(crate) fn bytes(self) -> [u8; PLAN_SIZE] {
        [
            self.kind,
            u8::from(!self.must),
            self.failures,
            u8::from(self.identity),
            self.directory,
            self.path,
            self.second_directory,
            self.second_path,
            self.third,
            self.descriptor,
            self.flags,
            u8::from(self.root),
        ]
    }

    /// What is done for a call. Positions are those of its arguments, from one.
    pub(crate) fn of(call: Call) -> Self {
        let file = Self { failures: REFUSED, ..Self::default() };
        let plain = Self { kind: PLAIN, ..file };
        let open = Self { kind: OPEN, ..file };
        let descriptor = Self { kind: DESCRIPTOR, ..file };
        let socket = Self { kind: SOCKET, failures: ALL, ..Self::default() };
        let grave = Self { kind: PLAIN, must: true, failures: ALL, ..Self::default() };
        let credentials =
            Self { kind: PLAIN, must: true, failures: REFUSED, identity: true, ..Self::default() };
        match call.name() {
            "open" => Self { path: 1, flags: 2, ..open },
            "openat" => Self { directory: 1, path: 2, flags: 3, ..open },
            // Its flags are in a structure of the program; those of the opened file are the kernel's.
            "openat2" => Self { directory: 1, path: 2, ..open },
            "creat" => Self { path: 1, ..open },
            // Opening by handle reaches files outside of the container's root: every one is of interest.
            "open_by_handle_at" | "memfd_create" => Self { kind: DESCRIPTOR, descriptor: RETURNED, ..grave },
            "rename" | "link" => Self { path: 1, second_path: 2, ..plain },
            "renameat" | "renameat2" | "linkat" => {
                Self { directory: 1, path: 2, second_directory: 3, second_path: 4, ..plain }
            }
            "symlink" => Self { third: 1, path: 2, ..plain },
            "symlinkat" => Self { third: 1, directory: 2, path: 3, ..plain },
            "unlink" | "rmdir" | "mkdir" | "chmod" => Self { path: 1, ..plain },
            "unlinkat" | "mkdirat" | "fchmodat" | "fchmodat2" => Self { directory: 1, path: 2, ..plain },
            "fchmod" => Self { descriptor: 1, ..descriptor },
            "mknod" | "umount2" => Self { path: 1, ..grave },
            "mknodat" => Self { directory: 1, path: 2, ..grave },
            "mount" => Self { path: 1, second_path: 2, third: 3, ..grave },
            "move_mount" => Self { directory: 1, path: 2, second_directory: 3, second_path: 4, ..grave },
            "pivot_root" | "chroot" => Self { path: 1, root: true, identity: true, ..grave },
            "setns" | "unshare" => Self { identity: true, ..grave },
            "setuid" | "setreuid" | "setresuid" | "setfsuid" | "setgid" | "setregid" | "setresgid"
            | "capset" => credentials,
            "finit_module" => Self { kind: DESCRIPTOR, descriptor: 1, ..grave },
            "delete_module" => Self { third: 1, ..grave },
            "ptrace" | "process_vm_readv" | "process_vm_writev" | "bpf" | "io_uring_setup"
            | "init_module" | "fsmount" | "userfaultfd" => grave,
            // Only files whose content may be executed, each once in a container.
            "mmap" => Self { kind: MAP, ..Self::default() },
            "kill" => Self { kind: PLAIN, failures: REFUSED, ..Self::default() },
            "dup" | "dup2" | "dup3" => Self { kind: DUPLICATE, descriptor: 1, ..Self::default() },
            "socket" => Self { kind: SOCKET_MAKE, failures: ALL, ..Self::default() },
            "accept" | "accept4" => Self { kind: SOCKET, descriptor: RETURNED, ..Self::default() },
            "connect" | "bind" | "listen" | "sendto" | "sendmsg" | "recvfrom" | "recvmsg" => {
                Self { descriptor: 1, ..socket }
            }
            // Programs, processes and their ends are seen without their system calls.
            _ => Self::default(),
        }
    }

    /// Whether anything is reported at the end of the call.
    pub(crate) fn is_some(self) -> bool {
        self.kind != 0
    }
}

/// Calls that are reported when nothing else is asked for: those that change files, mounts, namespaces, credentials or
/// the kernel, and those that touch other processes. Not among them: plain sending and receiving, looking up names with
/// read-only opens of ordinary files, and loading libraries.
pub(crate) fn default_calls() -> impl Iterator<Item = Call> {
    Call::all().filter(|call| {
        Plan::of(*call).is_some()
            && !matches!(
                call.name(),
                "sendto" | "sendmsg" | "recvfrom" | "recvmsg" | "kill" | "bind" | "fsmount" | "mmap"
            )
    })
}

#[cfg(test)]
mod tests {
    use super::{PLAN_SIZE, Plan};
    use crate::Call;

    #[test]
    fn every_call_is_planned_or_seen_without_a_plan() {
        let without: Vec<&str> =
            Call::all().filter(|call| !Plan::of(*call).is_some()).map(Call::name).collect();
        assert_eq!(without, ["clone", "clone3", "execve", "execveat", "exit_group", "fork", "vfork"]);
    }

    #[test]
    fn a_plan_has_the_bytes_that_the_kernel_program_reads() {
        let plan = Plan::of(Call::named("renameat2").unwrap());
        assert_eq!(plan.bytes(), [1, 1, 1, 0, 1, 2, 3, 4, 0, 0, 0, 0]);
        assert_eq!(plan.bytes().len(), PLAN_SIZE);
    }
}
