//! The types of events: what `evt.type` says, and which actions can be of it.

use std::sync::LazyLock;

use crate::Call;
use crate::event::Action;

/// A type of events: a place in [`Kinds::names`].
pub(super) type Kind = usize;

/// One bit for each kind of [`Action`]: a place in [`ACTIONS`].
pub(super) type Mask = u64;

/// What is known of an action.
struct Row {
    /// Its type where the system call is not known.
    default: &'static str,
    /// The system calls that do it; each is a type of its own.
    calls: &'static [&'static str],
}

const fn row(default: &'static str, calls: &'static [&'static str]) -> Row {
    Row { default, calls }
}

/// In the order of [`place`].
const ACTIONS: &[Row] = &[
    row("execve", &["execve", "execveat"]),
    row("clone", &["clone", "clone3", "fork", "vfork"]),
    row("procexit", &["exit_group"]),
    row("openat", &["open", "openat", "openat2", "creat", "open_by_handle_at"]),
    row("rename", &["rename", "renameat", "renameat2"]),
    row("link", &["link", "linkat"]),
    row("symlink", &["symlink", "symlinkat"]),
    row("unlink", &["unlink", "unlinkat", "rmdir"]),
    row("rmdir", &["rmdir", "unlinkat"]),
    row("mkdir", &["mkdir", "mkdirat"]),
    row("chmod", &["chmod", "fchmod", "fchmodat", "fchmodat2"]),
    row("mknod", &["mknod", "mknodat"]),
    row("mount", &["mount", "move_mount", "fsmount"]),
    row("umount2", &["umount2"]),
    row("setns", &["setns"]),
    row("unshare", &["unshare", "clone", "clone3"]),
    row("chroot", &["chroot", "pivot_root"]),
    row("setuid", &["setuid", "setreuid", "setresuid", "setfsuid"]),
    row("setgid", &["setgid", "setregid", "setresgid"]),
    row("capset", &["capset"]),
    row("ptrace", &["ptrace", "process_vm_readv", "process_vm_writev"]),
    row("init_module", &["init_module", "finit_module"]),
    row("delete_module", &["delete_module"]),
    row("bpf", &["bpf"]),
    row("io_uring_setup", &["io_uring_setup"]),
    row("userfaultfd", &["userfaultfd"]),
    row("memfd_create", &["memfd_create"]),
    row("socket", &["socket"]),
    row("bind", &["bind"]),
    row("listen", &["listen"]),
    row("accept4", &["accept", "accept4"]),
    row("connect", &["connect"]),
    row("sendto", &["sendto", "sendmsg"]),
    row("recvfrom", &["recvfrom", "recvmsg"]),
    row("dns", &[]),
    row("kill", &["kill"]),
    row("dup2", &["dup", "dup2", "dup3"]),
    row("container", &[]),
    row("containerstop", &[]),
    row("drop", &[]),
    row("unknown", &[]),
    row("mmap", &["mmap"]),
];

/// The place of an action in [`ACTIONS`].
fn place(action: &Action) -> usize {
    match action {
        Action::Exec { .. } => 0,
        Action::Fork { .. } => 1,
        Action::Exit { .. } => 2,
        Action::Open { .. } => 3,
        Action::Rename { .. } => 4,
        Action::Link { .. } => 5,
        Action::Symlink { .. } => 6,
        Action::Unlink { directory: false, .. } => 7,
        Action::Unlink { directory: true, .. } => 8,
        Action::MakeDirectory { .. } => 9,
        Action::Chmod { .. } => 10,
        Action::MakeNode { .. } => 11,
        Action::Mount { .. } => 12,
        Action::Unmount { .. } => 13,
        Action::EnterNamespace { .. } => 14,
        Action::NewNamespace { .. } => 15,
        Action::ChangeRoot { .. } => 16,
        Action::SetUser { .. } => 17,
        Action::SetGroup { .. } => 18,
        Action::SetCapabilities {} => 19,
        Action::Trace { .. } => 20,
        Action::Module { removed: false, .. } => 21,
        Action::Module { removed: true, .. } => 22,
        Action::Bpf { .. } => 23,
        Action::IoUring { .. } => 24,
        Action::UserFault { .. } => 25,
        Action::MemoryFile { .. } => 26,
        Action::Socket { .. } => 27,
        Action::Bind { .. } => 28,
        Action::Listen { .. } => 29,
        Action::Accept { .. } => 30,
        Action::Connect { .. } => 31,
        Action::Send { .. } => 32,
        Action::Receive { .. } => 33,
        Action::Dns { .. } => 34,
        Action::Signal { .. } => 35,
        Action::Duplicate { .. } => 36,
        Action::ContainerStart {} => 37,
        Action::ContainerStop {} => 38,
        Action::Drop { .. } => 39,
        Action::Map { .. } => 41,
        // What became known is in the container of every event from then on: no rule asks for the moment.
        Action::ContainerKnown {} | Action::Unknown => 40,
    }
}

/// The bits of all actions with a file or connection of their own: what `fd.*` speaks of.
pub(super) const DESCRIPTOR: Mask = bits(&[3, 10, 28, 29, 30, 31, 32, 33, 34, 36, 41]);
/// Those with a connection.
pub(super) const CONNECTION: Mask = bits(&[28, 29, 30, 31, 32, 33, 34, 36]);
/// Opening a file.
pub(super) const OPEN: Mask = bits(&[3]);
/// Starting a program.
pub(super) const EXEC: Mask = bits(&[0]);
/// Looking up a name.
pub(super) const DNS: Mask = bits(&[34]);
/// Those that are, or may be, a system call.
pub(super) const ANY: Mask = Mask::MAX;

const fn bits(places: &[usize]) -> Mask {
    let mut mask = 0;
    let mut at = 0;
    while at < places.len() {
        mask |= 1 << places[at];
        at += 1;
    }
    mask
}

/// All types of events.
pub(super) struct Kinds {
    /// Their names, sorted.
    pub(super) names: Vec<&'static str>,
    /// Which actions can be of each.
    pub(super) actions: Vec<Mask>,
    /// For each action, the type without a system call and then that for each system call.
    table: Vec<u8>,
}

/// All types of events.
pub(super) static KINDS: LazyLock<Kinds> = LazyLock::new(|| {
    let mut names: Vec<&'static str> =
        ACTIONS.iter().flat_map(|row| row.calls.iter().copied().chain([row.default])).collect();
    names.sort_unstable();
    names.dedup();
    let find = |name: &str| names.binary_search(&name).expect("every name is in the list made of them");
    let mut actions = vec![0; names.len()];
    let mut table = vec![0; ACTIONS.len() * (Call::COUNT + 1)];
    for (place, row) in ACTIONS.iter().enumerate() {
        let narrow = |kind: usize| u8::try_from(kind).expect("fewer than 256 types of events");
        let cells = &mut table[place * (Call::COUNT + 1)..][..=Call::COUNT];
        cells.fill(narrow(find(row.default)));
        actions[find(row.default)] |= 1 << place;
        for call in row.calls {
            let kind = find(call);
            actions[kind] |= 1 << place;
            if let Some(call) = Call::named(call) {
                cells[call.index() + 1] = narrow(kind);
            }
        }
    }
    Kinds { names, actions, table }
});

impl Kinds {
    /// The type of an event.
    pub(super) fn of(&self, action: &Action, call: Option<Call>) -> Kind {
        let column = call.map_or(0, |call| call.index() + 1);
        usize::from(self.table[place(action) * (Call::COUNT + 1) + column])
    }

    /// The type of that name.
    pub(super) fn named(&self, name: &str) -> Option<Kind> {
        self.names.binary_search(&name).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{ACTIONS, KINDS};
    use crate::Call;
    use crate::event::{Action, File};

    #[test]
    fn a_type_is_that_of_the_call_if_the_call_does_such_a_thing() {
        let open = Action::Open { file: File::default(), flags: 0, mode: 0, descriptor: 3 };
        let check = |action: &Action, call: Option<&str>, expected: &str| {
            let call = call.map(|name| Call::named(name).unwrap());
            assert_eq!(KINDS.names[KINDS.of(action, call)], expected);
        };
        check(&open, None, "openat");
        check(&open, Some("creat"), "creat");
        check(&open, Some("connect"), "openat");
        check(&Action::Exit { code: 0, signal: 9 }, None, "procexit");
        check(&Action::Unlink { path: String::new(), directory: true }, None, "rmdir");
        check(&Action::Unknown, Some("openat"), "unknown");
    }

    #[test]
    fn every_call_that_the_sensor_reports_is_a_type() {
        for row in ACTIONS {
            for call in row.calls {
                assert!(Call::named(call).is_some(), "{call}");
            }
        }
        for call in Call::all() {
            assert!(KINDS.named(call.name()).is_some(), "{}", call.name());
        }
    }
}
