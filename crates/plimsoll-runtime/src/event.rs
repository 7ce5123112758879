//! One event: what was done, by which process, in which container.
//!
//! The serde form is that of recordings, one event in a line of JSON. Fields at their default are left out, so that an
//! event can be written by hand.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Call;

/// Something that happened on the machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Event {
    /// When, in nanoseconds since 1970.
    pub time: u64,
    /// Its number among all records of its processor and stream, without gaps: a gap is a loss, and is said by an
    /// [`Action::Drop`] before the event.
    pub sequence: u64,
    /// The processor that it happened on.
    pub cpu: u32,
    /// Which of the kernel's streams it came by: 0 must not be lost; 1 files and sockets, 2 connections, 3 names, 4 files that
    /// rings opened, 5 programs that were refused (which must not be lost).
    #[serde(skip_serializing_if = "is_default")]
    pub stream: u16,
    /// The thread that did it; that of the process where only one is known.
    #[serde(skip_serializing_if = "is_default")]
    pub thread: u32,
    /// The system call, where it was seen as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// What the system call returned: negative is an error number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<i64>,
    /// What was done.
    pub action: Action,
    /// Who did it.
    pub process: Arc<Process>,
    /// Its parent, the parent of that, and so on: at most [`Process::MAX_ANCESTORS`]. A parent that ended is still here
    /// while the process table remembers it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<Arc<Process>>,
    /// Where it was done.
    pub container: Arc<Container>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Action {
    /// A program was started in the process. The event's `process` is the new program.
    Exec {
        /// The path as it was asked for.
        path: String,
        /// The file that runs. For a script this is its interpreter.
        file: File,
        /// The script or program that was asked for, when the kernel started an interpreter for it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        script: String,
        /// Whether there were more arguments than `process.arguments` holds.
        #[serde(default, skip_serializing_if = "is_default")]
        truncated: bool,
        /// Variables that steer the loader (`LD_PRELOAD=...`); no others are read.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        environment: Vec<String>,
        /// What the sensor did about it.
        #[serde(default, skip_serializing_if = "is_default")]
        response: Response,
    },
    /// A process was made; the event's `process` is its parent.
    Fork {
        /// The new process.
        child: u32,
    },
    /// A process ended.
    Exit {
        /// What it returned.
        code: u8,
        /// The signal that ended it; 0 for none.
        #[serde(default, skip_serializing_if = "is_default")]
        signal: u8,
    },
    /// A file was opened.
    Open {
        /// The file that was opened, or would have been.
        file: File,
        /// The flags of open(2).
        flags: u32,
        /// The permissions asked for a new file.
        #[serde(default, skip_serializing_if = "is_default")]
        mode: u32,
        /// The descriptor; -1 if it failed.
        descriptor: i32,
    },
    /// A file was mapped so that its content can be executed, as libraries are: the first time that the container did so.
    Map {
        /// The file.
        file: File,
    },
    /// A file got another name.
    Rename {
        /// Its name before.
        from: String,
        /// Its name after.
        to: String,
    },
    /// A file got one more name (a hard link).
    Link {
        /// The name that it has already.
        from: String,
        /// The new name.
        to: String,
    },
    /// A symbolic link was made.
    Symlink {
        /// What it points at.
        target: String,
        /// Its own path.
        path: String,
    },
    /// A name was removed.
    Unlink {
        /// The name.
        path: String,
        /// Whether it is a directory.
        #[serde(default, skip_serializing_if = "is_default")]
        directory: bool,
    },
    /// A directory was made.
    MakeDirectory {
        /// Its path.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// Permissions were changed.
    Chmod {
        /// The file.
        path: String,
        /// The new permissions.
        mode: u32,
    },
    /// A device node, pipe or socket was made in the file system.
    MakeNode {
        /// Its path.
        path: String,
        /// Its type and permissions.
        mode: u32,
        /// The device, as `major << 20 | minor`.
        #[serde(default, skip_serializing_if = "is_default")]
        device: u32,
    },
    /// A file system was mounted or moved.
    Mount {
        /// What was mounted.
        source: String,
        /// Where.
        target: String,
        /// Its type, as in `overlay`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        filesystem: String,
        /// The flags of mount(2).
        flags: u64,
    },
    /// A file system was unmounted.
    Unmount {
        /// Where it was.
        target: String,
    },
    /// The process entered other namespaces.
    EnterNamespace {
        /// The kinds, as `CLONE_NEW*`; 0 for whatever the descriptor is.
        flags: u64,
    },
    /// The process left namespaces for new ones.
    NewNamespace {
        /// The kinds, as `CLONE_NEW*`.
        flags: u64,
    },
    /// The process changed the root of its file system, for itself or its mount namespace.
    ChangeRoot {
        /// The new root.
        path: String,
    },
    /// The process changed its user; the event's `process` has the new one.
    SetUser {
        /// The user asked for.
        uid: u32,
    },
    /// The process changed its group; the event's `process` has the new one.
    SetGroup {
        /// The group asked for.
        gid: u32,
    },
    /// The process changed its capabilities; the event's `process` has the new ones.
    SetCapabilities {},
    /// The process traced another one, or touched its memory.
    Trace {
        /// The request of ptrace(2); -1 for memory read or written by process_vm_*.
        request: i64,
        /// The other process.
        target: u32,
    },
    /// A kernel module was loaded or removed.
    Module {
        /// Its name or file, if known.
        name: String,
        /// Whether it was removed.
        #[serde(default, skip_serializing_if = "is_default")]
        removed: bool,
    },
    /// A BPF program or map was made or changed.
    Bpf {
        /// The command of bpf(2).
        command: i32,
    },
    /// A ring of io_uring was made: what is done through it is no system call.
    IoUring {
        /// How many entries it has.
        entries: u32,
    },
    /// Page faults are handled by the program itself, as exploits of races do.
    UserFault {
        /// The flags of userfaultfd(2).
        flags: u64,
    },
    /// A file in memory was made.
    MemoryFile {
        /// Its name.
        name: String,
        /// The flags of memfd_create(2).
        flags: u32,
    },
    /// A socket was made.
    Socket {
        /// The address family (2 is IPv4, 10 IPv6, 17 packets, 40 virtual machines).
        family: u16,
        /// The type (1 stream, 2 datagram, 3 raw) and flags.
        kind: u32,
        /// The protocol.
        protocol: u32,
    },
    /// A socket got an address of its own.
    Bind {
        /// The socket.
        connection: Connection,
    },
    /// A socket waits for connections.
    Listen {
        /// The socket.
        connection: Connection,
    },
    /// A connection came in.
    Accept {
        /// The connection.
        connection: Connection,
    },
    /// A connection was begun, or failed.
    Connect {
        /// The connection.
        connection: Connection,
    },
    /// Data was sent to an address.
    Send {
        /// The connection.
        connection: Connection,
    },
    /// Data was received.
    Receive {
        /// The connection.
        connection: Connection,
    },
    /// A name was looked up in the DNS.
    Dns {
        /// The name asked for, without its last dot.
        name: String,
        /// The type of the record (1 is A, 28 is AAAA, 16 is TXT).
        record: u16,
        /// The server and our end.
        connection: Connection,
    },
    /// A signal was sent.
    Signal {
        /// Its number.
        signal: i32,
        /// To whom.
        target: u32,
    },
    /// A descriptor was duplicated, as when a shell's input is tied to a socket.
    Duplicate {
        /// The old descriptor.
        from: i32,
        /// The new one.
        to: i32,
        /// What they are of.
        file: File,
        /// The connection, if it is a socket.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connection: Option<Connection>,
    },
    /// A container's cgroup was made: its first event.
    ContainerStart {},
    /// What was `pending` of a container is known now.
    ContainerKnown {},
    /// A container's cgroup was removed: its last event.
    ContainerStop {},
    /// Records were lost on this processor and stream, after those before this one.
    Drop {
        /// What kind of records.
        class: Class,
        /// How many.
        count: u64,
    },
    /// Nothing that is known: a record from a newer sensor, or the default.
    #[default]
    #[serde(other)]
    Unknown,
}

/// What the sensor did about a program that was about to start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Response {
    /// Nothing.
    #[default]
    None,
    /// It would have been killed.
    DryRun,
    /// It was killed before its first instruction.
    Killed,
    /// Whoever asked for it was refused, and runs on.
    Denied,
}

/// The two rings between kernel and reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Class {
    /// Programs, containers, credentials, namespaces: must not be lost.
    #[default]
    Must,
    /// Files and network: may be shed under load, and counted.
    May,
}

/// What a descriptor or path stands for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct File {
    /// Its path as the process's mount namespace sees it; of the root of the container, not of the host.
    pub path: String,
    /// What it is.
    #[serde(skip_serializing_if = "is_default")]
    pub kind: FileKind,
    /// Its inode.
    #[serde(skip_serializing_if = "is_default")]
    pub inode: u64,
    /// The device of its file system, as `major << 20 | minor`.
    #[serde(skip_serializing_if = "is_default")]
    pub device: u32,
    /// Type and permissions, as in `0o100755`.
    #[serde(skip_serializing_if = "is_default")]
    pub mode: u32,
    /// Who owns it.
    #[serde(skip_serializing_if = "is_default")]
    pub owner: u32,
    /// When its content or properties were last changed, in nanoseconds since 1970; 0 when not known.
    #[serde(skip_serializing_if = "is_default")]
    pub changed: u64,
    /// When its content was last changed, in nanoseconds since 1970; 0 when not known.
    #[serde(skip_serializing_if = "is_default")]
    pub modified: u64,
    /// Whether it was written or changed since the container started: it is on the upper layer of an overlay. Not known
    /// where there is no overlay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upper_layer: Option<bool>,
    /// Whether it is in a mount namespace other than that of the process: reached through `/proc/PID/root`, or a
    /// descriptor that was kept. Its path is then of that namespace.
    #[serde(skip_serializing_if = "is_default")]
    pub foreign: bool,
    /// Whether the open that the event is about made it.
    #[serde(skip_serializing_if = "is_default")]
    pub created: bool,
    /// Whether it has no name any more.
    #[serde(skip_serializing_if = "is_default")]
    pub deleted: bool,
}

/// The kind of a [`File`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FileKind {
    /// An ordinary file.
    #[default]
    Regular,
    /// A directory.
    Directory,
    /// A block device.
    Block,
    /// A character device.
    Character,
    /// A pipe.
    Pipe,
    /// A socket of IPv4.
    Ipv4,
    /// A socket of IPv6.
    Ipv6,
    /// A socket of the machine itself.
    Unix,
    /// A socket of the kernel's own protocols.
    Netlink,
    /// Another socket.
    Socket,
    /// A file in memory.
    Memory,
    /// Events, timers, signals, epoll, io_uring and the like: nothing with a name.
    Anonymous,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
}

/// A socket and what is at its two ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Connection {
    /// IPv4, IPv6, unix ...
    pub family: FileKind,
    /// The IP protocol: 6 is TCP, 17 is UDP; 0 when not known.
    #[serde(skip_serializing_if = "is_default")]
    pub protocol: u8,
    /// Our end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<Endpoint>,
    /// The other end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<Endpoint>,
    /// The path of a socket of the machine itself; `@name` for one without a file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Whether we are the end that was called.
    #[serde(skip_serializing_if = "is_default")]
    pub server: bool,
}

/// A process as it was at an event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Process {
    /// Its number, as the host sees it.
    pub id: u32,
    /// Its number as its own namespace sees it.
    #[serde(skip_serializing_if = "is_default")]
    pub inner_id: u32,
    /// The process that made it.
    #[serde(skip_serializing_if = "is_default")]
    pub parent: u32,
    /// When it was made, in nanoseconds since 1970. With `id` this names a process for good.
    #[serde(skip_serializing_if = "is_default")]
    pub start: u64,
    /// When its program was started, in nanoseconds since 1970; 0 when not known.
    #[serde(skip_serializing_if = "is_default")]
    pub exec_time: u64,
    /// The short name that the kernel keeps: at most 15 bytes.
    pub name: String,
    /// The file that it runs.
    #[serde(skip_serializing_if = "is_default")]
    pub executable: File,
    /// The program and its arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// Where it stood when its program was started.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub directory: String,
    /// Its real user.
    #[serde(skip_serializing_if = "is_default")]
    pub uid: u32,
    /// Its effective user.
    #[serde(skip_serializing_if = "is_default")]
    pub effective_uid: u32,
    /// Its real group.
    #[serde(skip_serializing_if = "is_default")]
    pub gid: u32,
    /// Its effective group.
    #[serde(skip_serializing_if = "is_default")]
    pub effective_gid: u32,
    /// The user who logged in, kept through every change of user; `4294967295` is nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_uid: Option<u32>,
    /// Its terminal as a device number; 0 is none.
    #[serde(skip_serializing_if = "is_default")]
    pub terminal: u32,
    /// The first process of its session.
    #[serde(skip_serializing_if = "is_default")]
    pub session: u32,
    /// The first process of its group.
    #[serde(skip_serializing_if = "is_default")]
    pub group: u32,
    /// Its capabilities, one bit each (capabilities(7)).
    #[serde(skip_serializing_if = "is_default")]
    pub capabilities: Capabilities,
    /// Its namespaces, by their numbers.
    #[serde(skip_serializing_if = "is_default")]
    pub namespaces: Namespaces,
    /// Its cgroup, by its number.
    #[serde(skip_serializing_if = "is_default")]
    pub cgroup: u64,
}

/// Programs that are many: which one, their arguments say.
const MANY_IN_ONE: [&str; 5] = ["busybox", "busybox.static", "toybox", "toolbox", "coreutils"];

impl Process {
    /// The name of the program: the short name that the kernel keeps, but the applet where one file holds many
    /// programs and was called by its own name (`busybox nc`) or through `/proc/self/exe`.
    pub fn program(&self) -> &str {
        let last = |path: &str| path.rfind('/').map_or(0, |at| at + 1);
        let many = |name: &str| MANY_IN_ONE.contains(&name);
        let file = &self.executable.path[last(&self.executable.path)..];
        if !(many(&self.name) || self.name == "exe" && many(file)) {
            return &self.name;
        }
        let called = |at: usize| {
            let word: &str = self.arguments.get(at)?;
            // A login shell has a `-` before its name.
            let word = &word[last(word)..];
            Some(word.strip_prefix('-').unwrap_or(word))
        };
        match (called(0), called(1)) {
            (Some(first), Some(second)) if many(first) && !second.is_empty() => second,
            (Some(first), _) if !first.is_empty() && !many(first) && first != "exe" => first,
            _ => &self.name,
        }
    }

    /// How far up the chain of parents an event goes.
    pub const MAX_ANCESTORS: usize = 16;

    /// The program and its arguments in one line, as in `sh -c id`; the name alone when they are not known.
    pub fn command_line(&self) -> String {
        if self.arguments.is_empty() { self.name.clone() } else { self.arguments.join(" ") }
    }
}

/// Sets of capabilities, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Capabilities {
    /// What the process can do now.
    pub effective: u64,
    /// What it could take.
    pub permitted: u64,
    /// What its programs keep.
    #[serde(skip_serializing_if = "is_default")]
    pub inheritable: u64,
}

/// Namespaces by their numbers, as `/proc/PID/ns` shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Namespaces {
    /// Mounts.
    pub mount: u32,
    /// Processes.
    pub process: u32,
    /// Network.
    pub network: u32,
    /// Users.
    pub user: u32,
}

/// Where a process runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Container {
    /// How much is known.
    pub state: State,
    /// Its id: 64 hexadecimal digits for most runtimes. Empty on the host.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Who made it, as in `containerd`; empty when its cgroup does not say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub runtime: String,
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The reference of its image, as in `docker.io/library/nginx:1.27`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// The digest of its image's manifest or configuration, as the runtime names it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Whether it may do almost all that root of the host may; nothing when not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privileged: Option<bool>,
    /// Its pod.
    #[serde(skip_serializing_if = "is_default")]
    pub pod: Pod,
    /// What is mounted into it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Its root file system, as the host sees it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub root: String,
    /// Its cgroup, as in `/kubepods/besteffort/pod.../...`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cgroup: String,
    /// When its cgroup was made, in nanoseconds since 1970; 0 when it was there before us.
    #[serde(skip_serializing_if = "is_default")]
    pub started: u64,
}

impl Container {
    /// Whether this is no container but the machine itself.
    pub fn is_host(&self) -> bool {
        self.state == State::Host
    }
}

/// How much is known about a [`Container`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// The machine itself.
    #[default]
    Host,
    /// A container whose id is known, and whose image is still being looked for.
    Pending,
    /// A container of which all is known that its runtime tells.
    Known,
    /// A container of which its runtime tells nothing: the id is all there is.
    Unreadable,
}

/// The Kubernetes pod of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Pod {
    /// Its unique id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

/// A mount of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Mount {
    /// Where it comes from on the host, or the kind of file system.
    pub source: String,
    /// Where it is in the container.
    pub destination: String,
    /// Its kind, as in `bind`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Whether it cannot be written to.
    #[serde(skip_serializing_if = "is_default")]
    pub read_only: bool,
}

/// Bytes from the kernel as text: what is not UTF-8 becomes `\xNN`, so that nothing is lost or made up.
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            text.push_str("\\x");
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Action, Container, Event, File, Process, State, text};
    use crate::Call;

    #[test]
    fn bytes_that_are_no_text_are_kept() {
        assert_eq!(text(b"/tmp/\xff\x00a"), "/tmp/\\xff\0a");
        assert_eq!(text("/tmp/ä".as_bytes()), "/tmp/ä");
    }

    #[test]
    fn an_event_survives_its_json_and_can_be_written_by_hand() {
        let event = Event {
            time: 1,
            sequence: 2,
            call: Call::named("openat"),
            result: Some(-13),
            action: Action::Open {
                file: File { path: "/etc/shadow".to_owned(), upper_layer: Some(false), ..File::default() },
                flags: 1,
                mode: 0,
                descriptor: -1,
            },
            process: Arc::new(Process { id: 7, name: "cat".to_owned(), ..Process::default() }),
            container: Arc::new(Container {
                state: State::Pending,
                id: "a".repeat(64),
                ..Default::default()
            }),
            ..Event::default()
        };
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
        let by_hand: Event = serde_json::from_str(
            r#"{"action":{"type":"exec","path":"/bin/id","file":{"path":"/usr/bin/id"}},"process":{"id":3}}"#,
        )
        .unwrap();
        assert_eq!(by_hand.process.id, 3);
        assert!(by_hand.container.is_host());
        // What a newer sensor may write is no reason to lose a recording.
        let newer: Event = serde_json::from_str(r#"{"action":{"type":"teleport","to":1}}"#).unwrap();
        assert_eq!(newer.action, Action::Unknown);
        serde_json::from_str::<Event>(r#"{"call":"nosuch"}"#).unwrap_err();
    }
}
