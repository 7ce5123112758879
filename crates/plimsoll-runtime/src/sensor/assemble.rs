//! Makes events of records: each gets its process, its parents and its container, and what was lost is said.

use std::collections::HashMap;
use std::path::Path;

use super::process::Processes;
use super::record::{Record, absolute, flag, joined, kind, question, strings};
use crate::Call;
use crate::container::{Containers, Maker, Places};
use crate::event::{Action, Class, Container, Event, Response, text};

/// The state of a socket that waits for connections (`net/tcp_states.h`).
const TCP_LISTEN: u64 = 10;

/// Programs that were refused: `enum stream` of `bpf/sensor.h`.
const STREAM_DENIED: u16 = 5;

/// See the module.
pub(crate) struct Assembler {
    processes: Processes,
    containers: Containers,
    /// When the machine started, in nanoseconds since 1970.
    boot: u64,
    /// The next number of each stream on each processor.
    next: HashMap<(u16, u16), u64>,
    /// cgroups that became known as containers, for the kernel's own list.
    pub(crate) marks: Vec<u64>,
    pub(crate) counts: Counts,
}

/// What went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that were read.
    pub records: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Records that must not be lost, and were.
    pub lost_must: u64,
    /// Records that may be shed, and were.
    pub lost_may: u64,
    /// Records that could not be read: 0, or the sensor is broken.
    pub unreadable: u64,
    /// Records that found no room, as the kernel programs count them; known at the end. The same as all that were lost.
    pub refused: u64,
}

impl Assembler {
    pub(crate) fn new(places: Places, boot: u64) -> Self {
        let proc = places.proc.clone();
        Self {
            processes: Processes::new(boot, &proc),
            containers: Containers::new(places),
            boot,
            next: HashMap::new(),
            marks: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// What runs already. `cgroups` is where the hierarchy is mounted; `now` is of the clock of the records.
    pub(crate) fn snapshot(&mut self, cgroups: Option<&Path>, now: u64) {
        if let Some(cgroups) = cgroups {
            self.marks.extend(self.containers.snapshot(cgroups, now));
        }
        self.processes.snapshot();
    }

    /// Reads a record and hands its events on.
    pub(crate) fn take(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Event)) {
        let Some(record) = Record::read(bytes) else {
            self.counts.unreadable += 1;
            return;
        };
        self.counts.records += 1;
        self.counts.bytes += bytes.len() as u64;
        let next = self.next.entry((record.stream, record.processor)).or_insert(0);
        let missing = record.sequence.saturating_sub(*next);
        *next = record.sequence.saturating_add(1);
        if missing > 0 {
            self.lost(record.stream, record.processor, record.time, missing, sink);
        }
        self.event(&record, sink);
    }

    fn lost(&mut self, stream: u16, processor: u16, time: u64, count: u64, sink: &mut dyn FnMut(Event)) {
        let class = if matches!(stream, 0 | STREAM_DENIED) { Class::Must } else { Class::May };
        match class {
            Class::Must => self.counts.lost_must = self.counts.lost_must.saturating_add(count),
            Class::May => self.counts.lost_may = self.counts.lost_may.saturating_add(count),
        }
        sink(Event {
            time: self.boot.saturating_add(time),
            cpu: u32::from(processor),
            stream,
            action: Action::Drop { class, count },
            ..Event::default()
        });
    }

    /// At the end: what the kernel made and never came.
    pub(crate) fn close(
        &mut self,
        made: &[(u16, u16, u64)],
        refused: u64,
        time: u64,
        sink: &mut dyn FnMut(Event),
    ) {
        self.counts.refused = refused;
        for &(stream, processor, made) in made {
            let next = self.next.insert((stream, processor), made).unwrap_or(0);
            if made > next {
                self.lost(stream, processor, time, made - next, sink);
            }
        }
    }

    /// Looks again for containers that are pending.
    pub(crate) fn retry(&mut self, time: u64, sink: &mut dyn FnMut(Event)) {
        if !self.containers.has_pending() {
            return;
        }
        for container in self.containers.retry(time) {
            sink(Event {
                time: self.boot.saturating_add(time),
                action: Action::ContainerKnown {},
                container,
                ..Event::default()
            });
        }
    }

    fn event(&mut self, record: &Record<'_>, sink: &mut dyn FnMut(Event)) {
        if matches!(record.kind, kind::CGROUP_MAKE | kind::CGROUP_REMOVE) {
            self.cgroup(record, sink);
            return;
        }
        let call = match record.kind {
            kind::CALL if record.flags & flag::COMPAT != 0 => Call::of_narrow_number(record.call),
            kind::CALL => Call::of_number(record.call),
            kind::DENIED => Call::named("execve"),
            _ => None,
        };
        let inside = record.flags & flag::CONTAINER != 0;
        let container = self.containers.of(record.cgroup, record.tgid, inside, record.time);
        let mut process = None;
        let action = match record.kind {
            kind::EXEC => {
                let file = record.file();
                process = Some(self.processes.exec(record, file.clone()));
                exec(record, file)
            }
            kind::DENIED => {
                let file = named(record);
                process = Some(self.processes.refused(record, file.clone()));
                Action::Exec {
                    path: text(record.string),
                    file,
                    script: String::new(),
                    truncated: false,
                    environment: Vec::new(),
                    response: Response::Denied,
                }
            }
            kind::FORK => {
                let child = record.child.unwrap_or_default();
                self.processes.fork(record, child);
                Action::Fork { child: child.tgid }
            }
            kind::EXIT => {
                let code = record.argument[0];
                Action::Exit { code: (code >> 8 & 0xff) as u8, signal: (code & 0x7f) as u8 }
            }
            kind::CALL => call.map_or(Action::Unknown, |call| of_call(call, record)),
            kind::SOCKET_STATE => {
                let connection = record.connection(record.argument[0] == TCP_LISTEN);
                if connection.server { Action::Listen { connection } } else { Action::Connect { connection } }
            }
            kind::DNS => {
                let Some((name, kind)) = question(record.data) else { return };
                Action::Dns { name, record: kind, connection: record.connection(false) }
            }
            _ => Action::Unknown,
        };
        let process = process.unwrap_or_else(|| self.processes.current(record));
        if record.kind == kind::FORK && record.argument[0] != 0 {
            // Namespaces that were made with a child.
            sink(Event {
                time: self.boot.saturating_add(record.time),
                sequence: record.sequence,
                cpu: u32::from(record.processor),
                stream: record.stream,
                thread: record.tid,
                call: Call::named("clone"),
                result: Some(i64::from(record.child.unwrap_or_default().tgid)),
                action: Action::NewNamespace { flags: record.argument[0] },
                ancestors: self.processes.ancestors(record.tgid),
                process: process.clone(),
                container: container.clone(),
            });
        }
        sink(Event {
            time: self.boot.saturating_add(record.time),
            sequence: record.sequence,
            cpu: u32::from(record.processor),
            stream: record.stream,
            thread: record.tid,
            call,
            result: call.map(|_| record.result),
            action,
            ancestors: self.processes.ancestors(record.tgid),
            process,
            container,
        });
        if record.kind == kind::EXIT {
            self.processes.exit(record);
        }
    }

    fn cgroup(&mut self, record: &Record<'_>, sink: &mut dyn FnMut(Event)) {
        let cgroup = record.argument[0];
        let path = text(record.string);
        let maker = self.processes.current(record);
        let (container, action) = if record.kind == kind::CGROUP_MAKE {
            let runtime = runtime_of(&strings(record.arguments), &joined(record.directory));
            let started = self.boot.saturating_add(record.time);
            let container = self.containers.made(cgroup, &path, runtime.as_ref(), started, record.time);
            if !container.is_host() && record.argument[1] == 0 {
                self.marks.push(cgroup);
            }
            (container, Action::ContainerStart {})
        } else {
            let Some(container) = self.containers.removed(cgroup) else { return };
            (container, Action::ContainerStop {})
        };
        // Groups below a container's own are not containers of their own, and those of the host none at all.
        if container.is_host() || !is_own(&path, &container) {
            return;
        }
        sink(Event {
            time: self.boot.saturating_add(record.time),
            sequence: record.sequence,
            cpu: u32::from(record.processor),
            stream: record.stream,
            thread: record.tid,
            action,
            ancestors: self.processes.ancestors(record.tgid),
            process: maker,
            container,
            ..Event::default()
        });
    }
}

/// Whether the last part of the path is what names the container.
fn is_own(path: &str, container: &Container) -> bool {
    path.rsplit('/').next().is_some_and(|last| last.contains(&container.id))
}

/// The low-level runtime that a process is, as its arguments say: `runc run --bundle FOLDER ID`, from the folder where
/// it stands.
fn runtime_of(arguments: &[String], directory: &str) -> Option<Maker> {
    let program = arguments.first()?.rsplit('/').next()?;
    if !matches!(program, "runc" | "crun" | "youki") {
        return None;
    }
    let mut bundle = None;
    let mut runs = false;
    let mut rest = arguments.iter().skip(1);
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "run" | "create" => runs = true,
            "--bundle" | "-b" | "-bundle" => bundle = rest.next(),
            _ => {}
        }
    }
    let given = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--bundle=").or_else(|| argument.strip_prefix("-b=")));
    let here = Path::new(directory);
    let bundle =
        bundle.map(String::as_str).or(given).map_or_else(|| here.to_path_buf(), |bundle| here.join(bundle));
    (runs && bundle.is_absolute())
        .then(|| Maker { bundle, id: arguments.last().cloned().unwrap_or_default() })
}

/// The file of the record; trampolines give its path as a string.
fn named(record: &Record<'_>) -> crate::event::File {
    let mut file = record.file();
    if file.path.is_empty() && record.file.is_some() {
        file.path = text(record.string);
    }
    file
}

fn exec(record: &Record<'_>, file: crate::event::File) -> Action {
    let asked = text(record.string);
    let interpreted = !record.second_string.is_empty();
    Action::Exec {
        script: if interpreted { absolute(record.directory, record.string) } else { String::new() },
        path: asked,
        file,
        truncated: record.argument[0] > record.arguments.len() as u64,
        // What steers the loader, and nothing else: variables hold secrets.
        environment: strings(record.environment)
            .into_iter()
            .filter(|text| text.starts_with("LD_") || text.starts_with("GLIBC_TUNABLES="))
            .collect(),
        response: if record.flags & flag::KILLED != 0 {
            Response::Killed
        } else if record.flags & flag::DRY_RUN != 0 {
            Response::DryRun
        } else {
            Response::None
        },
    }
}

/// What a system call did. Numbers are cut to the width that the kernel reads.
#[expect(clippy::cast_possible_truncation, reason = "as the kernel reads its arguments")]
fn of_call(call: Call, record: &Record<'_>) -> Action {
    let argument = record.argument;
    let first = || absolute(record.directory, record.string);
    let second = || absolute(record.second_directory, record.second_string);
    let third = || text(record.third_string);
    let connection = |server| record.connection(server);
    match call.name() {
        name @ ("open" | "openat" | "openat2" | "creat") => {
            let mut file = named(record);
            if record.file.is_none() {
                file.path = first();
            }
            let flags = if name == "creat" { argument[3] | 0o1101 } else { argument[3] };
            Action::Open {
                file,
                flags: flags as u32,
                mode: match name {
                    "open" => argument[2] as u32,
                    "creat" => argument[1] as u32,
                    _ => 0,
                },
                descriptor: record.result.max(-1) as i32,
            }
        }
        "open_by_handle_at" => Action::Open {
            file: record.file(),
            flags: argument[2] as u32,
            mode: 0,
            descriptor: record.result.max(-1) as i32,
        },
        "rename" | "renameat" | "renameat2" => Action::Rename { from: first(), to: second() },
        "link" | "linkat" => Action::Link { from: first(), to: second() },
        "symlink" | "symlinkat" => Action::Symlink { target: third(), path: first() },
        "unlink" => Action::Unlink { path: first(), directory: false },
        "rmdir" => Action::Unlink { path: first(), directory: true },
        "unlinkat" => Action::Unlink { path: first(), directory: argument[2] & 0x200 != 0 },
        "mkdir" => Action::MakeDirectory { path: first(), mode: argument[1] as u32 },
        "mkdirat" => Action::MakeDirectory { path: first(), mode: argument[2] as u32 },
        "chmod" => Action::Chmod { path: first(), mode: argument[1] as u32 },
        "fchmod" => Action::Chmod { path: joined(record.path), mode: argument[1] as u32 },
        "fchmodat" | "fchmodat2" => Action::Chmod { path: first(), mode: argument[2] as u32 },
        "mknod" => Action::MakeNode { path: first(), mode: argument[1] as u32, device: device(argument[2]) },
        "mknodat" => {
            Action::MakeNode { path: first(), mode: argument[2] as u32, device: device(argument[3]) }
        }
        "mount" => Action::Mount {
            // What is mounted is a path or a word, as its type says.
            source: text(record.string),
            target: second(),
            filesystem: third(),
            flags: argument[3],
        },
        "move_mount" => {
            Action::Mount { source: first(), target: second(), filesystem: String::new(), flags: argument[3] }
        }
        "fsmount" => Action::Mount {
            source: String::new(),
            target: String::new(),
            filesystem: String::new(),
            flags: argument[2],
        },
        "umount2" => Action::Unmount { target: first() },
        "pivot_root" | "chroot" => Action::ChangeRoot { path: first() },
        "setns" => Action::EnterNamespace { flags: argument[1] },
        "unshare" => Action::NewNamespace { flags: argument[0] },
        "setuid" | "setfsuid" => Action::SetUser { uid: argument[0] as u32 },
        "setreuid" | "setresuid" => Action::SetUser { uid: argument[1] as u32 },
        "setgid" => Action::SetGroup { gid: argument[0] as u32 },
        "setregid" | "setresgid" => Action::SetGroup { gid: argument[1] as u32 },
        "capset" => Action::SetCapabilities {},
        "ptrace" => Action::Trace { request: argument[0].cast_signed(), target: argument[1] as u32 },
        "process_vm_readv" | "process_vm_writev" => Action::Trace { request: -1, target: argument[0] as u32 },
        "init_module" => Action::Module { name: String::new(), removed: false },
        "finit_module" => Action::Module { name: joined(record.path), removed: false },
        "delete_module" => Action::Module { name: third(), removed: true },
        "bpf" => Action::Bpf { command: argument[0] as i32 },
        "io_uring_setup" => Action::IoUring { entries: argument[0] as u32 },
        "userfaultfd" => Action::UserFault { flags: argument[0] },
        "mmap" => Action::Map { file: record.file() },
        "memfd_create" => {
            let path = record.file().path;
            Action::MemoryFile {
                name: path.strip_prefix("memfd:").unwrap_or(&path).to_owned(),
                flags: argument[1] as u32,
            }
        }
        "socket" => Action::Socket {
            family: argument[0] as u16,
            kind: argument[1] as u32,
            protocol: argument[2] as u32,
        },
        "bind" => Action::Bind { connection: connection(true) },
        "listen" => Action::Listen { connection: connection(true) },
        "accept" | "accept4" => Action::Accept { connection: connection(true) },
        "connect" => Action::Connect { connection: connection(false) },
        "sendto" | "sendmsg" => Action::Send { connection: connection(false) },
        "recvfrom" | "recvmsg" => Action::Receive { connection: connection(false) },
        "kill" => Action::Signal { signal: argument[1] as i32, target: argument[0] as u32 },
        "dup" | "dup2" | "dup3" => Action::Duplicate {
            from: argument[0] as i32,
            to: record.result as i32,
            file: record.file(),
            connection: Some(connection(false)).filter(|_| record.socket.is_some()),
        },
        _ => Action::Unknown,
    }
}

/// A device number as programs give it, in the form of [`crate::event::File::device`].
#[expect(clippy::cast_possible_truncation, reason = "a device number has 32 bits")]
fn device(number: u64) -> u32 {
    ((number >> 8) as u32 & 0xfff) << 20 | (number as u32 & 0xff) | ((number >> 12) as u32 & 0xfff00)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{device, runtime_of};
    use crate::container::Maker;

    fn check(line: &str, expected: Option<(&str, &str)>) {
        let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let expected =
            expected.map(|(bundle, id)| Maker { bundle: PathBuf::from(bundle), id: id.to_owned() });
        assert_eq!(runtime_of(&arguments, "/here"), expected, "{line}");
    }

    #[test]
    fn runtimes_and_what_they_run() {
        check("runc run web", Some(("/here", "web")));
        check("/usr/bin/runc --root /run/x create --bundle /b --pid-file p web", Some(("/b", "web")));
        check("crun run --bundle=b web", Some(("/here/b", "web")));
        check("runc init", None);
        check("runc delete web", None);
        check("sh -c run", None);
    }

    #[test]
    fn devices_of_programs() {
        assert_eq!(device(254 << 8), 254 << 20);
        assert_eq!(device(0x0010_0801), 8 << 20 | 0x101);
    }
}
