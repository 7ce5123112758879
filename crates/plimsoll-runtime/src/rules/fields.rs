//! The fields that rules can ask for: one row each.

use std::net::IpAddr;

use crate::event::{Action, Connection, Endpoint, Event, File, FileKind, Process, State};

use super::kind::{self, ANY, CONNECTION, DESCRIPTOR, DNS, EXEC, KINDS, Kind, Mask, OPEN};
use super::knowledge::{FileFacts, Knowledge};
use super::matching;
use super::names;

/// An event and what can be asked about it.
pub(super) struct Moment<'e> {
    pub(super) event: &'e Event,
    pub(super) kind: Kind,
    pub(super) knowledge: &'e dyn Knowledge,
}

/// One value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Item<'a> {
    Text(&'a str),
    Number(i64),
    Truth(bool),
    Address(IpAddr),
}

/// What stands in the brackets behind a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Argument {
    None,
    Index(usize),
    Text(String),
}

/// Takes the values of a field, one by one.
pub(super) type Emit<'a> = dyn FnMut(Item<'_>) + 'a;

/// Gives all values of a field; none is "has no value". The text is scratch, empty at the call.
type Read = fn(&Moment<'_>, &Argument, &mut String, &mut Emit<'_>);

/// What a field's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// True or false.
    Truth,
    /// An address, compared with addresses and networks.
    Address,
}

impl Type {
    /// Its name, as in `number`.
    pub fn word(self) -> &'static str {
        match self {
            Type::Text => "text",
            Type::Number => "number",
            Type::Truth => "true or false",
            Type::Address => "address",
        }
    }
}

/// What may stand in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    /// A number may stand there.
    MaybeIndex,
    /// A text must stand there.
    Text,
}

/// What a value depends on: it is asked once for each of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Scope {
    Container,
    /// The process, its parents and its container.
    Process,
    /// The file that the event is about; a connection is always another one.
    File,
    Event,
}

impl Scope {
    /// What depends on both.
    pub(super) fn with(self, other: Self) -> Self {
        match (self, other) {
            (Scope::File, Scope::File) => Scope::File,
            (Scope::File, _) | (_, Scope::File) => Scope::Event,
            (one, other) => one.max(other),
        }
    }
}

/// A field.
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What its values are.
    pub kind: Type,
    /// What it says.
    pub description: &'static str,
    pub(super) takes: Takes,
    pub(super) scope: Scope,
    /// The actions that have it.
    pub(super) on: Mask,
    pub(super) read: Read,
}

/// Fields of Falco that events do not have, and why.
pub(super) const MISSING: &[(&str, &str)] = &[
    ("evt.buffer", "what programs read and write is not recorded"),
    ("evt.hostname", "events do not name their machine"),
    ("evt.deltatime", "events are judged alone"),
    (
        "fd.nameraw",
        "the path as the program wrote it is not recorded: the kernel's own path is, which cannot be forged",
    ),
    ("proc.loginshellid", "login shells are not followed"),
];

impl Field {
    /// The field of that name.
    pub fn named(name: &str) -> Option<&'static Field> {
        FIELDS.iter().find(|field| field.name == name)
    }

    /// All fields.
    pub fn all() -> &'static [Field] {
        FIELDS
    }

    /// What may stand in brackets behind it, for people.
    pub fn argument(&self) -> &'static str {
        match self.takes {
            Takes::Nothing => "",
            Takes::MaybeIndex => "[N]?",
            Takes::Text => "[TEXT]",
        }
    }

    /// The types of events that have it; nothing when all have.
    pub fn events(&self) -> Option<Vec<&'static str>> {
        if self.on == ANY {
            return None;
        }
        let kinds = KINDS.names.iter().zip(&KINDS.actions);
        Some(kinds.filter(|(_, actions)| *actions & self.on != 0).map(|(name, _)| *name).collect())
    }
}

macro_rules! text {
    (|$moment:ident| $value:expr) => {
        |$moment: &Moment<'_>, _: &Argument, _: &mut String, emit: &mut Emit<'_>| {
            if let Some(text) = $value {
                emit(Item::Text(text));
            }
        }
    };
}

macro_rules! number {
    (|$moment:ident| $value:expr) => {
        |$moment: &Moment<'_>, _: &Argument, _: &mut String, emit: &mut Emit<'_>| {
            if let Some(number) = $value {
                emit(Item::Number(number));
            }
        }
    };
}

macro_rules! truth {
    (|$moment:ident| $value:expr) => {
        |$moment: &Moment<'_>, _: &Argument, _: &mut String, emit: &mut Emit<'_>| {
            if let Some(truth) = $value {
                emit(Item::Truth(truth));
            }
        }
    };
}

/// A text that is put together: the closure says whether there is one.
macro_rules! composed {
    (|$moment:ident, $out:ident| $value:expr) => {
        |$moment: &Moment<'_>, _: &Argument, $out: &mut String, emit: &mut Emit<'_>| {
            if $value {
                emit(Item::Text($out));
            }
        }
    };
}

/// Something of a process or of one of its parents, by its index; without index of all parents.
macro_rules! ancestor {
    (|$process:ident, $out:ident, $emit:ident| $value:expr) => {
        |moment: &Moment<'_>, argument: &Argument, $out: &mut String, $emit: &mut Emit<'_>| match argument {
            Argument::Index(index) => {
                if let Some($process) = lineage(moment, *index) {
                    $value;
                }
            }
            _ => {
                for $process in &moment.event.ancestors {
                    $out.clear();
                    $value;
                }
            }
        }
    };
}

/// The ends of a connection that are wanted.
macro_rules! ends {
    (|$ends:ident| $wanted:expr, $make:expr) => {
        |moment: &Moment<'_>, _: &Argument, _: &mut String, emit: &mut Emit<'_>| {
            if let Some($ends) = Ends::of(moment) {
                for end in $wanted.into_iter().flatten() {
                    emit($make(end));
                }
            }
        }
    };
}

macro_rules! end_names {
    (|$ends:ident| $wanted:expr) => {
        |moment: &Moment<'_>, _: &Argument, _: &mut String, emit: &mut Emit<'_>| {
            if let Some($ends) = Ends::of(moment) {
                let wanted: Option<Endpoint> = $wanted;
                for name in wanted.map_or(&[][..], |end| moment.knowledge.names(end.address)) {
                    emit(Item::Text(name));
                }
            }
        }
    };
}

const fn field(
    name: &'static str,
    kind: Type,
    takes: Takes,
    scope: Scope,
    on: Mask,
    description: &'static str,
    read: Read,
) -> Field {
    Field { name, kind, description, takes, scope, on, read }
}

use Scope::{Container as C, Event as E, File as F, Process as P};
use Takes::{MaybeIndex, Nothing};
use Type::{Address, Number, Text, Truth};

#[rustfmt::skip]
static FIELDS: &[Field] = &[
    // The event.
    field("evt.num", Number, Nothing, E, ANY, "its number among those of its processor, from 1",
        number!(|m| Some(signed(m.event.sequence).saturating_add(1)))),
    field("evt.type", Text, Nothing, E, ANY, "what happened, as in `openat`",
        text!(|m| Some(KINDS.names[m.kind]))),
    field("evt.dir", Text, Nothing, E, ANY, "`<`: events are known when they have happened",
        text!(|_m| Some("<"))),
    field("evt.source", Text, Nothing, E, ANY, "`syscall`", text!(|_m| Some("syscall"))),
    field("evt.count", Number, Nothing, E, ANY, "1", number!(|_m| Some(1))),
    field("evt.cpu", Number, Nothing, E, ANY, "the processor", number!(|m| Some(i64::from(m.event.cpu)))),
    field("evt.rawtime", Number, Nothing, E, ANY, "when, in nanoseconds since 1970",
        number!(|m| Some(signed(m.event.time)))),
    field("evt.time", Text, Nothing, E, ANY, "when, as in `12:30:01.123456789`, UTC",
        composed!(|m, out| time(out, m.event.time, true))),
    field("evt.time.iso8601", Text, Nothing, E, ANY, "when, as in `2026-11-26T12:30:01.123456789Z`",
        composed!(|m, out| time(out, m.event.time, false))),
    field("evt.datetime", Text, Nothing, E, ANY, "the same",
        composed!(|m, out| time(out, m.event.time, false))),
    field("evt.rawres", Number, Nothing, E, ANY, "what the system call returned; negative is an error",
        number!(|m| Some(result(m.event)))),
    field("evt.res", Text, Nothing, E, ANY, "`SUCCESS`, or the name of the error as in `ENOENT`",
        composed!(|m, out| { names::result(out, result(m.event)); true })),
    field("evt.failed", Truth, Nothing, E, ANY, "whether it failed", truth!(|m| Some(result(m.event) < 0))),
    field("evt.is_open_read", Truth, Nothing, E, OPEN, "whether a file was opened for reading",
        truth!(|m| open_flags(m).map(|(flags, _)| matches!(flags & 3, 0 | 2)))),
    field("evt.is_open_write", Truth, Nothing, E, OPEN, "whether a file was opened for writing",
        truth!(|m| open_flags(m).map(|(flags, _)| matches!(flags & 3, 1 | 2)))),
    field("evt.is_open_create", Truth, Nothing, E, OPEN, "whether a file was to be made if it was not there",
        truth!(|m| open_flags(m).map(|(flags, _)| flags & 0o100 != 0))),
    field("evt.is_open_exec", Truth, Nothing, E, OPEN, "whether a file was made that can be executed",
        truth!(|m| open_flags(m).map(|(flags, mode)| flags & 0o100 != 0 && mode & 0o111 != 0))),
    field("evt.args", Text, Nothing, E, ANY, "all arguments, as in `path=/tmp/x flags=O_RDONLY`",
        composed!(|m, out| { all_arguments(m, out); true })),
    field("evt.arg.name", Text, Nothing, E, ANY, "the file that is opened or removed, the name of a module or memory file",
        text!(|m| match &m.event.action {
            Action::Open { file, .. } => Some(file.path.as_str()),
            Action::Unlink { path, .. } => Some(path.as_str()),
            Action::Unmount { target } => Some(target.as_str()),
            Action::MemoryFile { name, .. } | Action::Module { name, .. } => Some(name.as_str()),
            _ => None,
        })),
    field("evt.arg.path", Text, Nothing, E, ANY, "the file or directory that is made or removed, the new root",
        text!(|m| match &m.event.action {
            Action::Unlink { path, .. } | Action::MakeDirectory { path, .. } | Action::MakeNode { path, .. }
            | Action::ChangeRoot { path } => Some(path.as_str()),
            _ => None,
        })),
    field("evt.arg.filename", Text, Nothing, E, ANY, "the file whose permissions change; the program as it was asked for",
        text!(|m| match &m.event.action {
            Action::Chmod { path, .. } | Action::Exec { path, .. } => Some(path.as_str()),
            _ => None,
        })),
    field("evt.arg.oldpath", Text, Nothing, E, ANY, "the name before, of a file that gets another",
        text!(|m| match &m.event.action {
            Action::Rename { from, .. } | Action::Link { from, .. } => Some(from.as_str()),
            _ => None,
        })),
    field("evt.arg.newpath", Text, Nothing, E, ANY, "the name after, of a file that gets another",
        text!(|m| match &m.event.action {
            Action::Rename { to, .. } | Action::Link { to, .. } => Some(to.as_str()),
            _ => None,
        })),
    field("evt.arg.target", Text, Nothing, E, ANY, "what a new symbolic link points at",
        text!(|m| if let Action::Symlink { target, .. } = &m.event.action { Some(target.as_str()) } else { None })),
    field("evt.arg.linkpath", Text, Nothing, E, ANY, "the path of a new symbolic link",
        text!(|m| if let Action::Symlink { path, .. } = &m.event.action { Some(path.as_str()) } else { None })),
    field("evt.arg.flags", Text, Nothing, E, ANY, "flags by their names, as in `O_WRONLY|O_CREAT`",
        composed!(|m, out| flags(m, out))),
    field("evt.arg.nstype", Text, Nothing, E, ANY, "the kinds of namespaces entered, as in `CLONE_NEWNET`",
        composed!(|m, out| if let Action::EnterNamespace { flags } = m.event.action {
            names::flags(out, names::CLONE, flags); true
        } else { false })),
    field("evt.arg.mode", Text, Nothing, E, ANY, "permissions by their names, as in `S_ISUID|S_IRUSR`",
        composed!(|m, out| match m.event.action {
            Action::Chmod { mode, .. } | Action::MakeDirectory { mode, .. } | Action::MakeNode { mode, .. }
            | Action::Open { mode, .. } => { names::mode(out, mode); true }
            _ => false,
        })),
    field("evt.arg.dev", Text, Nothing, E, ANY, "what is mounted; the device of a new device node, as in `8:1`",
        composed!(|m, out| match &m.event.action {
            Action::Mount { source, .. } => { out.push_str(source); true }
            Action::MakeNode { device, .. } => {
                names::put(out, device >> 20); out.push(':'); names::put(out, device & 0xf_ffff); true
            }
            _ => false,
        })),
    field("evt.arg.dir", Text, Nothing, E, ANY, "where something is mounted",
        text!(|m| if let Action::Mount { target, .. } = &m.event.action { Some(target.as_str()) } else { None })),
    field("evt.arg.type", Text, Nothing, E, ANY, "the type of a file system that is mounted; the type of a socket",
        composed!(|m, out| match &m.event.action {
            Action::Mount { filesystem, .. } => { out.push_str(filesystem); true }
            Action::Socket { kind, .. } => { names::put(out, kind & 0xf); true }
            _ => false,
        })),
    field("evt.arg.domain", Text, Nothing, E, ANY, "the family of a socket, as in `AF_PACKET`",
        composed!(|m, out| if let Action::Socket { family, .. } = m.event.action {
            names::word(out, names::FAMILY, i64::from(family)); true
        } else { false })),
    field("evt.arg.proto", Text, Nothing, E, ANY, "the protocol of a socket",
        composed!(|m, out| if let Action::Socket { protocol, .. } = m.event.action {
            names::put(out, protocol); true
        } else { false })),
    field("evt.arg.uid", Text, Nothing, E, ANY, "the user that a process changes to: number and name",
        |m, _, out, emit| if let Action::SetUser { uid } = m.event.action {
            names::put(out, uid);
            emit(Item::Text(out));
            if let Some(name) = m.knowledge.user(&m.event.container, uid) { emit(Item::Text(name)); }
        }),
    field("evt.arg.gid", Text, Nothing, E, ANY, "the group that a process changes to: number and name",
        |m, _, out, emit| if let Action::SetGroup { gid } = m.event.action {
            names::put(out, gid);
            emit(Item::Text(out));
            if let Some(name) = m.knowledge.group(&m.event.container, gid) { emit(Item::Text(name)); }
        }),
    field("evt.arg.request", Text, Nothing, E, ANY, "the request of ptrace(2), as in `PTRACE_ATTACH`",
        composed!(|m, out| if let Action::Trace { request, .. } = m.event.action {
            names::word(out, names::TRACE, request); true
        } else { false })),
    field("evt.arg.pid", Text, Nothing, E, ANY, "the process that is traced or signalled, or the new one",
        composed!(|m, out| match m.event.action {
            Action::Trace { target: pid, .. } | Action::Signal { target: pid, .. } | Action::Fork { child: pid } => {
                names::put(out, pid); true
            }
            _ => false,
        })),
    field("evt.arg.sig", Text, Nothing, E, ANY, "the signal, as in `SIGKILL`",
        composed!(|m, out| if let Action::Signal { signal, .. } = m.event.action {
            names::word(out, names::SIGNAL, i64::from(signal)); true
        } else { false })),
    field("evt.arg.cmd", Text, Nothing, E, ANY, "the command of bpf(2): number and name, as in `BPF_PROG_LOAD`",
        |m, _, out, emit| if let Action::Bpf { command } = m.event.action {
            names::word(out, names::BPF, i64::from(command));
            emit(Item::Text(out));
            out.clear();
            names::put(out, command);
            emit(Item::Text(out));
        }),
    field("evt.arg.entries", Text, Nothing, E, ANY, "how many entries a new ring of io_uring has",
        composed!(|m, out| if let Action::IoUring { entries } = m.event.action {
            names::put(out, entries); true
        } else { false })),
    field("evt.arg.fd", Text, Nothing, E, ANY, "the descriptor",
        composed!(|m, out| match m.event.action {
            Action::Open { descriptor, .. } => { names::put(out, descriptor); true }
            Action::Duplicate { from, .. } => { names::put(out, from); true }
            _ => false,
        })),
    field("evt.arg.oldfd", Text, Nothing, E, ANY, "the descriptor that is duplicated",
        composed!(|m, out| if let Action::Duplicate { from, .. } = m.event.action {
            names::put(out, from); true
        } else { false })),
    field("evt.arg.newfd", Text, Nothing, E, ANY, "the duplicate",
        composed!(|m, out| if let Action::Duplicate { to, .. } = m.event.action {
            names::put(out, to); true
        } else { false })),
    field("evt.arg.res", Text, Nothing, E, ANY, "what the system call returned",
        composed!(|m, out| { names::put(out, result(m.event)); true })),
    field("evt.arg.status", Text, Nothing, E, ANY, "what a process returned at its end",
        composed!(|m, out| if let Action::Exit { code, .. } = m.event.action { names::put(out, code); true } else { false })),
    field("dns.name", Text, Nothing, E, DNS, "the name that is looked up, without its last dot",
        text!(|m| if let Action::Dns { name, .. } = &m.event.action { Some(name.as_str()) } else { None })),
    field("dns.type", Number, Nothing, E, DNS, "the type of the record: 1 is A, 16 TXT, 28 AAAA",
        number!(|m| if let Action::Dns { record, .. } = m.event.action { Some(i64::from(record)) } else { None })),
    field("exec.script", Text, Nothing, E, EXEC, "the script or program for which the kernel started an interpreter",
        text!(|m| if let Action::Exec { script, .. } = &m.event.action { filled(script) } else { None })),
    field("exec.truncated", Truth, Nothing, E, EXEC, "whether there were more arguments than are recorded",
        truth!(|m| if let Action::Exec { truncated, .. } = m.event.action { Some(truncated) } else { None })),

    // The file or connection.
    field("fd.num", Number, Nothing, E, ANY, "the descriptor; -1 if there is none because the call failed",
        number!(|m| match m.event.action {
            Action::Open { descriptor, .. } => Some(i64::from(descriptor)),
            Action::Duplicate { to, .. } => Some(i64::from(to)),
            _ => None,
        })),
    field("fd.name", Text, Nothing, F, DESCRIPTOR, "the path, or the ends as in `10.0.0.5:40000->1.1.1.1:443`",
        |m, _, out, emit| match Descriptor::of(m) {
            Some(Descriptor::File(file)) => emit(Item::Text(&file.path)),
            Some(Descriptor::Path(path)) => emit(Item::Text(path)),
            Some(Descriptor::Connection(connection)) => {
                connection_name(out, m, connection);
                emit(Item::Text(out));
            }
            None => {}
        }),
    field("fd.directory", Text, Nothing, F, DESCRIPTOR, "the directory of the file; of a directory, its own path",
        text!(|m| Descriptor::of(m).and_then(directory))),
    field("fd.filename", Text, Nothing, F, DESCRIPTOR, "the name of the file without its directory",
        text!(|m| match Descriptor::of(m) {
            Some(Descriptor::File(file)) if is_file(file) => file.path.rsplit('/').next(),
            Some(Descriptor::Path(path)) => path.rsplit('/').next(),
            _ => None,
        })),
    field("fd.type", Text, Nothing, F, DESCRIPTOR, "what it is: file, directory, ipv4, ipv6, unix, pipe ...",
        text!(|m| Descriptor::of(m).map(|descriptor| file_kind(descriptor).0))),
    field("fd.typechar", Text, Nothing, F, DESCRIPTOR, "the same as one letter: f, d, 4, 6, u, p ...",
        text!(|m| Descriptor::of(m).map(|descriptor| file_kind(descriptor).1))),
    field("fd.ino", Number, Nothing, E, DESCRIPTOR, "the inode of the file",
        number!(|m| file(m).map(|file| signed(file.inode)))),
    field("fd.is_upper_layer", Truth, Nothing, F, DESCRIPTOR, "whether the file was made or changed in the container",
        truth!(|m| file(m).and_then(|file| file.upper_layer))),
    field("fd.is_created", Truth, Nothing, F, DESCRIPTOR, "whether the file was made by this open",
        truth!(|m| file(m).map(|file| file.created))),
    field("fd.is_foreign", Truth, Nothing, F, DESCRIPTOR, "whether the file is in a mount namespace other than that of the process",
        truth!(|m| file(m).map(|file| file.foreign))),
    field("fd.l4proto", Text, Nothing, E, CONNECTION, "tcp, udp, icmp or raw",
        text!(|m| connection(m).and_then(|connection| match connection.protocol {
            6 => Some("tcp"),
            17 => Some("udp"),
            1 | 58 => Some("icmp"),
            255 => Some("raw"),
            _ => None,
        }))),
    field("fd.sockfamily", Text, Nothing, E, CONNECTION, "`ip` or `unix`",
        text!(|m| connection(m).and_then(|connection| match connection.family {
            FileKind::Ipv4 | FileKind::Ipv6 => Some("ip"),
            FileKind::Unix => Some("unix"),
            _ => None,
        }))),
    field("fd.is_server", Truth, Nothing, E, CONNECTION, "whether the process is the end that was called",
        truth!(|m| connection(m).map(|connection| is_server(m, connection)))),
    field("fd.connected", Truth, Nothing, E, CONNECTION, "whether it is connected: data sent to an address without that is not",
        truth!(|m| connection(m).map(|_| !matches!(m.event.action, Action::Send { .. } | Action::Bind { .. } | Action::Listen { .. })
            && matches!(result(m.event), 0.. | -115)))),
    field("fd.name_changed", Truth, Nothing, E, CONNECTION, "whether the event gave the connection its ends",
        truth!(|m| connection(m).map(|_| matches!(m.event.action, Action::Send { .. } | Action::Connect { .. } | Action::Bind { .. })))),
    field("fd.cip", Address, Nothing, E, CONNECTION, "the address of the end that calls", ends!(|e| [e.client()], address)),
    field("fd.sip", Address, Nothing, E, CONNECTION, "the address of the end that is called", ends!(|e| [e.server()], address)),
    field("fd.lip", Address, Nothing, E, CONNECTION, "our address", ends!(|e| [e.local], address)),
    field("fd.rip", Address, Nothing, E, CONNECTION, "the address of the other end", ends!(|e| [e.remote], address)),
    field("fd.ip", Address, Nothing, E, CONNECTION, "either address", ends!(|e| [e.local, e.remote], address)),
    field("fd.cnet", Address, Nothing, E, CONNECTION, "the same as fd.cip, for networks", ends!(|e| [e.client()], address)),
    field("fd.snet", Address, Nothing, E, CONNECTION, "the same as fd.sip, for networks", ends!(|e| [e.server()], address)),
    field("fd.lnet", Address, Nothing, E, CONNECTION, "the same as fd.lip, for networks", ends!(|e| [e.local], address)),
    field("fd.rnet", Address, Nothing, E, CONNECTION, "the same as fd.rip, for networks", ends!(|e| [e.remote], address)),
    field("fd.net", Address, Nothing, E, CONNECTION, "the same as fd.ip, for networks", ends!(|e| [e.local, e.remote], address)),
    field("fd.cport", Number, Nothing, E, CONNECTION, "the port of the end that calls", ends!(|e| [e.client()], port)),
    field("fd.sport", Number, Nothing, E, CONNECTION, "the port of the end that is called", ends!(|e| [e.server()], port)),
    field("fd.lport", Number, Nothing, E, CONNECTION, "our port", ends!(|e| [e.local], port)),
    field("fd.rport", Number, Nothing, E, CONNECTION, "the port of the other end", ends!(|e| [e.remote], port)),
    field("fd.port", Number, Nothing, E, CONNECTION, "either port", ends!(|e| [e.local, e.remote], port)),
    field("fd.cip.name", Text, Nothing, E, CONNECTION, "names that led to fd.cip, as far as they are known", end_names!(|e| e.client())),
    field("fd.sip.name", Text, Nothing, E, CONNECTION, "names that led to fd.sip, as far as they are known", end_names!(|e| e.server())),
    field("fd.lip.name", Text, Nothing, E, CONNECTION, "names that led to fd.lip, as far as they are known", end_names!(|e| e.local)),
    field("fd.rip.name", Text, Nothing, E, CONNECTION, "names that led to fd.rip, as far as they are known", end_names!(|e| e.remote)),

    // The process.
    field("proc.name", Text, Nothing, P, ANY, "its short name: at most 15 bytes; the applet where one program is many, as busybox",
        text!(|m| Some(m.event.process.program()))),
    field("proc.exe", Text, Nothing, P, ANY, "its first argument: how it was called",
        text!(|m| Some(called(&m.event.process)))),
    field("proc.exepath", Text, Nothing, P, ANY, "the file that it runs",
        text!(|m| filled(&m.event.process.executable.path))),
    field("proc.args", Text, Nothing, P, ANY, "its arguments without the first",
        composed!(|m, out| { arguments(out, &m.event.process); true })),
    field("proc.cmdline", Text, Nothing, P, ANY, "its short name and its arguments",
        composed!(|m, out| { command_line(out, &m.event.process); true })),
    field("proc.exeline", Text, Nothing, P, ANY, "all its arguments",
        composed!(|m, out| { line(out, called(&m.event.process), &m.event.process); true })),
    field("proc.nargs", Number, Nothing, P, ANY, "how many arguments there are behind the first",
        number!(|m| Some(length(m.event.process.arguments.len().saturating_sub(1))))),
    field("proc.cwd", Text, Nothing, P, ANY, "where it stood when it was started, with a `/` at the end",
        composed!(|m, out| {
            out.push_str(&m.event.process.directory);
            if !out.is_empty() && !out.ends_with('/') { out.push('/'); }
            !out.is_empty()
        })),
    field("proc.pid", Number, Nothing, P, ANY, "its number", number!(|m| Some(i64::from(m.event.process.id)))),
    field("proc.vpid", Number, Nothing, P, ANY, "its number as its own namespace sees it",
        number!(|m| Some(i64::from(if m.event.process.inner_id == 0 { m.event.process.id } else { m.event.process.inner_id })))),
    field("proc.ppid", Number, Nothing, P, ANY, "the number of its parent",
        number!(|m| Some(i64::from(m.event.process.parent)))),
    field("proc.pname", Text, Nothing, P, ANY, "the short name of its parent",
        text!(|m| lineage(m, 1).map(Process::program))),
    field("proc.pexe", Text, Nothing, P, ANY, "how its parent was called",
        text!(|m| lineage(m, 1).map(called))),
    field("proc.pexepath", Text, Nothing, P, ANY, "the file that its parent runs",
        text!(|m| lineage(m, 1).and_then(|process| filled(&process.executable.path)))),
    field("proc.pcmdline", Text, Nothing, P, ANY, "the short name and the arguments of its parent",
        composed!(|m, out| lineage(m, 1).map(|process| command_line(out, process)).is_some())),
    field("proc.aname", Text, MaybeIndex, P, ANY, "the short names of all parents; with a number, of that one: 1 is the parent",
        ancestor!(|process, out, emit| emit(Item::Text(process.program())))),
    field("container.aname", Text, Nothing, P, ANY, "the short names of its parents inside of its container; on the host, of all",
        |m, _, _, emit| inner_ancestors(m.event).for_each(|process| emit(Item::Text(process.program())))),
    field("proc.aexe", Text, MaybeIndex, P, ANY, "how all parents, or one of them, were called",
        ancestor!(|process, out, emit| emit(Item::Text(called(process))))),
    field("proc.aexepath", Text, MaybeIndex, P, ANY, "the files that all parents, or one of them, run",
        ancestor!(|process, out, emit| if let Some(path) = filled(&process.executable.path) { emit(Item::Text(path)); })),
    field("proc.acmdline", Text, MaybeIndex, P, ANY, "the short names and arguments of all parents, or of one of them",
        ancestor!(|process, out, emit| { command_line(out, process); emit(Item::Text(out)); })),
    field("proc.apid", Number, MaybeIndex, P, ANY, "the numbers of all parents, or of one of them",
        ancestor!(|process, out, emit| emit(Item::Number(i64::from(process.id))))),
    field("proc.tty", Number, Nothing, P, ANY, "its terminal; 0 is none",
        number!(|m| Some(i64::from(m.event.process.terminal)))),
    field("proc.sid", Number, Nothing, P, ANY, "the first process of its session",
        number!(|m| Some(i64::from(m.event.process.session)))),
    field("proc.sname", Text, Nothing, P, ANY, "the short name of the first process of its session, if it is among the parents",
        text!(|m| session(m).map(Process::program))),
    field("proc.sexepath", Text, Nothing, P, ANY, "the file that the first process of its session runs",
        text!(|m| session(m).and_then(|process| filled(&process.executable.path)))),
    field("proc.vpgid", Number, Nothing, P, ANY, "the first process of its group",
        number!(|m| Some(i64::from(m.event.process.group)))),
    field("proc.is_vpgid_leader", Truth, Nothing, P, ANY, "whether it is the first process of its group",
        truth!(|m| leads(&m.event.process, m.event.process.group))),
    field("proc.is_sid_leader", Truth, Nothing, P, ANY, "whether it is the first process of its session",
        truth!(|m| leads(&m.event.process, m.event.process.session))),
    field("proc.is_exe_upper_layer", Truth, Nothing, P, ANY, "whether its file was made or changed in the container",
        truth!(|m| m.event.process.executable.upper_layer)),
    field("proc.is_exe_from_memfd", Truth, Nothing, P, ANY, "whether its file is one in memory",
        truth!(|m| Some(is_memory(&m.event.process.executable)))),
    field("proc.exe_ino", Number, Nothing, P, ANY, "the inode of its file",
        number!(|m| Some(signed(m.event.process.executable.inode)))),
    field("proc.exe_ino.ctime", Number, Nothing, P, ANY, "when its file was last changed, in nanoseconds since 1970",
        number!(|m| known_time(m.event.process.executable.changed))),
    field("proc.exe_ino.mtime", Number, Nothing, P, ANY, "when the content of its file was last changed, in nanoseconds since 1970",
        number!(|m| known_time(m.event.process.executable.modified))),
    field("proc.exe_ino.ctime_duration_proc_start", Number, Nothing, P, ANY, "nanoseconds between the last change of its file and its start",
        number!(|m| {
            let process = &m.event.process;
            let start = if process.exec_time == 0 { process.start } else { process.exec_time };
            known_time(process.executable.changed).zip(known_time(start)).map(|(changed, start)| start.saturating_sub(changed))
        })),
    field("proc.duration", Number, Nothing, E, ANY, "nanoseconds since it was made",
        number!(|m| known_time(m.event.process.start).map(|start| signed(m.event.time).saturating_sub(start)))),
    field("proc.ppid.duration", Number, Nothing, E, ANY, "nanoseconds since its parent was made",
        number!(|m| lineage(m, 1).and_then(|parent| known_time(parent.start)).map(|start| signed(m.event.time).saturating_sub(start)))),
    field("proc.env", Text, Nothing, E, EXEC, "variables that steer the loader, as in `LD_PRELOAD=/x`; no others are recorded",
        composed!(|m, out| if let Action::Exec { environment, .. } = &m.event.action {
            for (at, variable) in environment.iter().enumerate() {
                if at > 0 { out.push(' '); }
                out.push_str(variable);
            }
            !environment.is_empty()
        } else { false })),
    field("thread.tid", Number, Nothing, E, ANY, "the number of the thread",
        number!(|m| Some(i64::from(if m.event.thread == 0 { m.event.process.id } else { m.event.thread })))),
    field("thread.cap_permitted", Text, Nothing, P, ANY, "the capabilities that it could take, as in `CAP_CHOWN CAP_KILL`",
        composed!(|m, out| { names::capabilities(out, m.event.process.capabilities.permitted); true })),
    field("thread.cap_effective", Text, Nothing, P, ANY, "the capabilities that it has",
        composed!(|m, out| { names::capabilities(out, m.event.process.capabilities.effective); true })),
    field("thread.cap_inheritable", Text, Nothing, P, ANY, "the capabilities that its programs keep",
        composed!(|m, out| { names::capabilities(out, m.event.process.capabilities.inheritable); true })),
    field("user.uid", Number, Nothing, P, ANY, "its effective user", number!(|m| Some(i64::from(m.event.process.effective_uid)))),
    field("user.name", Text, Nothing, P, ANY, "the name of its effective user, as far as it is known",
        text!(|m| m.knowledge.user(&m.event.container, m.event.process.effective_uid))),
    field("user.loginuid", Number, Nothing, P, ANY, "the user who logged in; -1 is nobody",
        number!(|m| Some(login(&m.event.process).map_or(-1, i64::from)))),
    field("user.loginname", Text, Nothing, P, ANY, "the name of the user who logged in, as far as it is known",
        text!(|m| login(&m.event.process).and_then(|uid| m.knowledge.user(&m.event.container, uid)))),
    field("group.gid", Number, Nothing, P, ANY, "its effective group", number!(|m| Some(i64::from(m.event.process.effective_gid)))),
    field("group.name", Text, Nothing, P, ANY, "the name of its effective group, as far as it is known",
        text!(|m| m.knowledge.group(&m.event.container, m.event.process.effective_gid))),

    // The container.
    field("container.id", Text, Nothing, C, ANY, "the first twelve digits of its id; `host` on the host",
        text!(|m| Some(if m.event.container.is_host() { "host" } else { m.event.container.id.get(..12).unwrap_or(&m.event.container.id) }))),
    field("container.full_id", Text, Nothing, C, ANY, "its id; `host` on the host",
        text!(|m| Some(if m.event.container.is_host() { "host" } else { &m.event.container.id }))),
    field("container.name", Text, Nothing, C, ANY, "its name; `host` on the host",
        text!(|m| if m.event.container.is_host() { Some("host") } else { filled(&m.event.container.name) })),
    field("container.type", Text, Nothing, C, ANY, "who made it, as in `containerd`; `host` on the host",
        text!(|m| if m.event.container.is_host() { Some("host") } else { filled(&m.event.container.runtime) })),
    field("container.image", Text, Nothing, C, ANY, "the reference of its image", text!(|m| filled(&m.event.container.image))),
    field("container.image.repository", Text, Nothing, C, ANY, "the reference of its image without tag and digest",
        text!(|m| filled(&m.event.container.image).map(|image| reference(image).0))),
    field("container.image.tag", Text, Nothing, C, ANY, "the tag of its image",
        text!(|m| filled(&m.event.container.image).and_then(|image| reference(image).1))),
    field("container.image.digest", Text, Nothing, C, ANY, "the digest of its image", text!(|m| filled(&m.event.container.digest))),
    field("container.privileged", Truth, Nothing, C, ANY, "whether it may do almost all that root of the host may",
        truth!(|m| m.event.container.privileged)),
    field("container.start_ts", Number, Nothing, C, ANY, "when it was started, in nanoseconds since 1970",
        number!(|m| known_time(m.event.container.started))),
    field("container.duration", Number, Nothing, E, ANY, "nanoseconds since it was started",
        number!(|m| known_time(m.event.container.started).map(|start| signed(m.event.time).saturating_sub(start)))),
    field("container.cgroup", Text, Nothing, C, ANY, "its cgroup", text!(|m| filled(&m.event.container.cgroup))),
    field("container.state", Text, Nothing, C, ANY, "how much is known of it: host, pending, known or unreadable",
        text!(|m| Some(state(m.event.container.state)))),
    field("container.info", Text, Nothing, C, ANY, "id, name, image and pod in one text",
        composed!(|m, out| { container(m, out); true })),
    field("container.mounts", Text, Nothing, C, ANY, "all mounts, as in `/src:/dst:bind:ro`",
        composed!(|m, out| {
            for (at, mount) in m.event.container.mounts.iter().enumerate() {
                if at > 0 { out.push(','); }
                for part in [mount.source.as_str(), ":", &mount.destination, ":", &mount.kind, if mount.read_only { ":ro" } else { ":rw" }] {
                    out.push_str(part);
                }
            }
            !out.is_empty()
        })),
    field("container.mount.dest", Text, Takes::Text, C, ANY, "the destination of the mount at that path or glob; `N/A` if there is none",
        |m, argument, _, emit| emit(Item::Text(mount(m, argument, |mount| &mount.destination).map_or("N/A", |mount| &mount.destination)))),
    field("container.mount.source", Text, Takes::Text, C, ANY, "the source of the mount at that path or glob; `N/A` if there is none",
        |m, argument, _, emit| emit(Item::Text(mount(m, argument, |mount| &mount.destination).map_or("N/A", |mount| &mount.source)))),
    field("k8s.ns.name", Text, Nothing, C, ANY, "the namespace of its pod", text!(|m| filled(&m.event.container.pod.namespace))),
    field("k8s.pod.name", Text, Nothing, C, ANY, "the name of its pod", text!(|m| filled(&m.event.container.pod.name))),
    field("k8s.pod.uid", Text, Nothing, C, ANY, "the unique id of its pod", text!(|m| filled(&m.event.container.pod.uid))),

    // What the inventory of the image says of the program that runs, or of the library that is loaded.
    field("image.file.known", Truth, Nothing, E, ANY, "whether the image has the file that runs, or the library that is loaded (`mmap`); no value without its inventory",
        truth!(|m| facts(m).map(|facts| facts.known))),
    field("package.name", Text, Nothing, E, ANY, "the package that owns that file",
        text!(|m| facts(m).and_then(|facts| facts.package))),
    field("package.version", Text, Nothing, E, ANY, "the version of that package",
        text!(|m| facts(m).and_then(|facts| facts.version))),
    field("image.layer", Text, Nothing, E, ANY, "the digest of the layer that the file comes from",
        text!(|m| facts(m).and_then(|facts| facts.layer))),
    field("finding.severity", Text, Nothing, E, ANY, "the worst severity among the findings of that package; no value without any, or without a report",
        text!(|m| facts(m).and_then(|facts| facts.severity))),
    field("finding.party", Text, Nothing, E, ANY, "whose move the worst of them is, as in `application`",
        text!(|m| facts(m).and_then(|facts| facts.party))),
    field("finding.ids", Text, Nothing, E, ANY, "the ids of the findings of that package, as in `CVE-2021-23337`",
        |m, _, _, emit| facts(m).map_or(&[][..], |facts| facts.ids).iter().for_each(|id| emit(Item::Text(id)))),
];

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn length(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn known_time(time: u64) -> Option<i64> {
    (time != 0).then(|| signed(time))
}

fn filled(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn time(out: &mut String, nanoseconds: u64, of_day: bool) -> bool {
    let Ok(stamp) = jiff::Timestamp::from_nanosecond(i128::from(nanoseconds)) else { return false };
    let start = out.len();
    names::put(out, format_args!("{stamp:.9}"));
    if of_day && let Some(day) = out[start..].find('T') {
        out.replace_range(start..=start + day, "");
        out.pop();
    }
    true
}

/// What the system call returned. Where only that it happened is known, it succeeded.
fn result(event: &Event) -> i64 {
    event.result.unwrap_or(match event.action {
        Action::Open { descriptor, .. } if descriptor < 0 => -1,
        Action::Open { descriptor, .. } => i64::from(descriptor),
        Action::Duplicate { to, .. } => i64::from(to),
        Action::Fork { child } => i64::from(child),
        _ => 0,
    })
}

fn open_flags(moment: &Moment<'_>) -> Option<(u32, u32)> {
    if let Action::Open { flags, mode, .. } = moment.event.action { Some((flags, mode)) } else { None }
}

fn flags(moment: &Moment<'_>, out: &mut String) -> bool {
    match moment.event.action {
        Action::Open { flags, .. } => names::open_flags(out, flags),
        Action::NewNamespace { flags } | Action::EnterNamespace { flags } => {
            names::flags(out, names::CLONE, flags);
        }
        Action::Mount { flags, .. } => names::flags(out, names::MOUNT, flags),
        Action::MemoryFile { flags, .. } => names::flags(out, names::MEMORY_FILE, u64::from(flags)),
        Action::UserFault { flags } => names::put(out, flags),
        _ => return false,
    }
    true
}

fn all_arguments(moment: &Moment<'_>, out: &mut String) {
    const PREFIX: &str = "evt.arg.";
    let mut scratch = String::new();
    for field in FIELDS.iter().filter(|field| field.name.starts_with(PREFIX)) {
        let mut first = true;
        scratch.clear();
        (field.read)(moment, &Argument::None, &mut scratch, &mut |item| {
            if std::mem::take(&mut first) {
                if !out.is_empty() {
                    out.push(' ');
                }
                out.push_str(&field.name[PREFIX.len()..]);
                out.push('=');
                item.put(out);
            }
        });
    }
}

impl Item<'_> {
    /// The value as people read it.
    pub(super) fn put(&self, out: &mut String) {
        match self {
            Item::Text(text) => out.push_str(text),
            Item::Number(number) => names::put(out, number),
            Item::Truth(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Item::Address(address) => names::put(out, address),
        }
    }
}

/// What `fd.*` speaks of.
#[derive(Clone, Copy)]
pub(super) enum Descriptor<'e> {
    File(&'e File),
    Connection(&'e Connection),
    /// A file of which only the path is known.
    Path(&'e str),
}

impl<'e> Descriptor<'e> {
    pub(super) fn of(moment: &Moment<'e>) -> Option<Self> {
        Some(match &moment.event.action {
            Action::Duplicate { connection: Some(connection), .. }
            | Action::Bind { connection }
            | Action::Listen { connection }
            | Action::Accept { connection }
            | Action::Connect { connection }
            | Action::Send { connection }
            | Action::Receive { connection }
            | Action::Dns { connection, .. } => Descriptor::Connection(connection),
            Action::Open { file, .. } | Action::Duplicate { file, .. } | Action::Map { file } => {
                Descriptor::File(file)
            }
            Action::Chmod { path, .. } if KINDS.names[moment.kind] == "fchmod" => Descriptor::Path(path),
            _ => return None,
        })
    }
}

fn file<'e>(moment: &Moment<'e>) -> Option<&'e File> {
    if let Some(Descriptor::File(file)) = Descriptor::of(moment) { Some(file) } else { None }
}

fn connection<'e>(moment: &Moment<'e>) -> Option<&'e Connection> {
    if let Some(Descriptor::Connection(connection)) = Descriptor::of(moment) {
        Some(connection)
    } else {
        None
    }
}

fn is_file(file: &File) -> bool {
    matches!(file.kind, FileKind::Regular | FileKind::Block | FileKind::Character | FileKind::Memory)
}

fn directory(descriptor: Descriptor<'_>) -> Option<&str> {
    let (path, of_file) = match descriptor {
        Descriptor::File(file) if is_file(file) => (file.path.as_str(), true),
        Descriptor::File(file) if file.kind == FileKind::Directory => (file.path.as_str(), false),
        Descriptor::Path(path) => (path, true),
        _ => return None,
    };
    if !of_file {
        return Some(path);
    }
    match path.rfind('/') {
        None | Some(0) => Some("/"),
        Some(at) => Some(&path[..at]),
    }
}

/// The type of a descriptor as a word and as a letter.
fn file_kind(descriptor: Descriptor<'_>) -> (&'static str, &'static str) {
    let kind = match descriptor {
        Descriptor::File(file) => file.kind,
        Descriptor::Connection(connection) => connection.family,
        Descriptor::Path(_) => FileKind::Regular,
    };
    match kind {
        FileKind::Regular | FileKind::Block | FileKind::Character => ("file", "f"),
        FileKind::Directory => ("directory", "d"),
        FileKind::Pipe => ("pipe", "p"),
        FileKind::Ipv4 => ("ipv4", "4"),
        FileKind::Ipv6 => ("ipv6", "6"),
        FileKind::Unix => ("unix", "u"),
        FileKind::Netlink => ("netlink", "n"),
        FileKind::Socket => ("socket", "o"),
        FileKind::Memory => ("memfd", "m"),
        FileKind::Anonymous => ("event", "e"),
    }
}

/// The two ends of a connection, and which of them is ours.
#[derive(Clone, Copy)]
struct Ends {
    local: Option<Endpoint>,
    remote: Option<Endpoint>,
    serving: bool,
}

impl Ends {
    fn of(moment: &Moment<'_>) -> Option<Self> {
        let connection = connection(moment)?;
        let serving = is_server(moment, connection);
        Some(Self { local: connection.local, remote: connection.remote, serving })
    }

    fn client(self) -> Option<Endpoint> {
        if self.serving { self.remote } else { self.local }
    }

    fn server(self) -> Option<Endpoint> {
        if self.serving { self.local } else { self.remote }
    }
}

fn is_server(moment: &Moment<'_>, connection: &Connection) -> bool {
    connection.server
        || matches!(moment.event.action, Action::Bind { .. } | Action::Listen { .. } | Action::Accept { .. })
}

fn address(end: Endpoint) -> Item<'static> {
    Item::Address(end.address)
}

fn port(end: Endpoint) -> Item<'static> {
    Item::Number(i64::from(end.port))
}

fn connection_name(out: &mut String, moment: &Moment<'_>, connection: &Connection) {
    if connection.local.is_none() && connection.remote.is_none() {
        out.push_str(&connection.path);
        return;
    }
    let ends =
        Ends { local: connection.local, remote: connection.remote, serving: is_server(moment, connection) };
    let put = |out: &mut String, end: Endpoint| {
        match end.address {
            // Without the machinery of formatting: every connection has one.
            IpAddr::V4(address) => {
                for (place, part) in address.octets().into_iter().enumerate() {
                    if place > 0 {
                        out.push('.');
                    }
                    put_number(out, part.into());
                }
            }
            IpAddr::V6(_) => names::put(out, end.address),
        }
        out.push(':');
        put_number(out, end.port);
    };
    match (ends.client(), ends.server()) {
        (Some(client), Some(server)) => {
            put(out, client);
            out.push_str("->");
            put(out, server);
        }
        (Some(end), None) | (None, Some(end)) => put(out, end),
        (None, None) => {}
    }
}

fn put_number(out: &mut String, number: u16) {
    let mut begun = false;
    for divisor in [10_000, 1_000, 100, 10, 1] {
        let digit = number / divisor % 10;
        begun |= digit != 0 || divisor == 1;
        if begun {
            out.extend(char::from_digit(digit.into(), 10));
        }
    }
}

/// The process itself for 0, its parent for 1, and so on.
fn lineage<'e>(moment: &Moment<'e>, index: usize) -> Option<&'e Process> {
    match index.checked_sub(1) {
        None => Some(&moment.event.process),
        Some(index) => moment.event.ancestors.get(index).map(|process| &**process),
    }
}

/// The parents of the process up to the first one of its container: those beyond are the runtime and the host.
fn inner_ancestors(event: &Event) -> impl Iterator<Item = &Process> {
    let process = &*event.process;
    let inside = !event.container.is_host();
    let mut ended = inside && process.inner_id == 1;
    event.ancestors.iter().map(|ancestor| &**ancestor).take_while(move |ancestor| {
        let differs = |one: u64, other: u64| one != 0 && other != 0 && one != other;
        if inside
            && (differs(process.namespaces.process.into(), ancestor.namespaces.process.into())
                || differs(process.cgroup, ancestor.cgroup))
        {
            // Who entered a container, and who shares the host's processes.
            ended = true;
        }
        let shown = !ended;
        ended |= inside && ancestor.inner_id == 1;
        shown
    })
}

fn session<'e>(moment: &Moment<'e>) -> Option<&'e Process> {
    let id = moment.event.process.session;
    let mut line = std::iter::once(&moment.event.process).chain(&moment.event.ancestors);
    line.find(|process| process.id == id && id != 0).map(|process| &**process)
}

fn leads(process: &Process, first: u32) -> Option<bool> {
    (first != 0).then_some(first == process.id)
}

fn login(process: &Process) -> Option<u32> {
    process.login_uid.filter(|uid| *uid != u32::MAX)
}

/// How a process was called: its first argument.
fn called(process: &Process) -> &str {
    process.arguments.first().map_or(&process.name, |first| first)
}

fn arguments(out: &mut String, process: &Process) {
    for (at, argument) in process.arguments.iter().skip(1).enumerate() {
        if at > 0 {
            out.push(' ');
        }
        out.push_str(argument);
    }
}

fn line(out: &mut String, first: &str, process: &Process) {
    out.push_str(first);
    for argument in process.arguments.iter().skip(1) {
        out.push(' ');
        out.push_str(argument);
    }
}

fn command_line(out: &mut String, process: &Process) {
    line(out, process.program(), process);
}

fn is_memory(file: &File) -> bool {
    file.kind == FileKind::Memory || file.path.starts_with("memfd:") || file.path.starts_with("/memfd:")
}

/// Repository and tag of an image's reference.
fn reference(image: &str) -> (&str, Option<&str>) {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let last = name.rfind('/').map_or(0, |at| at + 1);
    match name[last..].split_once(':') {
        Some((short, tag)) => (&name[..last + short.len()], Some(tag)),
        None => (name, None),
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Host => "host",
        State::Pending => "pending",
        State::Known => "known",
        State::Unreadable => "unreadable",
    }
}

fn container(moment: &Moment<'_>, out: &mut String) {
    let container = &moment.event.container;
    if container.is_host() {
        out.push_str("host");
        return;
    }
    out.push_str("container_id=");
    out.push_str(container.id.get(..12).unwrap_or(&container.id));
    let pod = &container.pod;
    let parts = [
        (" container_name=", container.name.as_str()),
        (" container_image=", &container.image),
        (" k8s_ns=", &pod.namespace),
        (" k8s_pod_name=", &pod.name),
    ];
    for (name, value) in parts {
        if !value.is_empty() {
            out.push_str(name);
            out.push_str(value);
        }
    }
    if container.state != State::Known {
        out.push_str(" image=");
        out.push_str(state(container.state));
    }
}

fn mount<'e>(
    moment: &Moment<'e>,
    argument: &Argument,
    key: impl Fn(&crate::event::Mount) -> &str,
) -> Option<&'e crate::event::Mount> {
    let Argument::Text(pattern) = argument else { return None };
    moment.event.container.mounts.iter().find(|mount| matching::glob(pattern, key(mount), false))
}

fn facts<'e>(moment: &Moment<'e>) -> Option<FileFacts<'e>> {
    let file = match &moment.event.action {
        Action::Map { file } => file,
        _ => &moment.event.process.executable,
    };
    moment.knowledge.file(&moment.event.container, &file.path)
}

/// Why a field that rules of Falco use has no value here; nothing for one that is not Falco's either.
pub(super) fn why_missing(name: &str) -> Option<&'static str> {
    MISSING.iter().find(|row| row.0 == name).map(|row| row.1)
}

const _: () = assert!(kind::ANY == Mask::MAX);

#[cfg(test)]
mod tests {
    use super::{FIELDS, Field, MISSING, reference};

    #[test]
    fn every_field_has_one_row_and_a_description() {
        for (at, field) in FIELDS.iter().enumerate() {
            assert!(FIELDS[..at].iter().all(|before| before.name != field.name), "{}", field.name);
            assert!(!field.description.is_empty() && field.name.contains('.'), "{}", field.name);
            assert!(field.events().is_none_or(|events| !events.is_empty()), "{}", field.name);
        }
        assert!(MISSING.iter().all(|(name, _)| Field::named(name).is_none()));
    }

    #[test]
    fn numbers() {
        for number in [0_u16, 7, 10, 99, 100, 8080, 10_000, 65_535] {
            let mut out = String::new();
            super::put_number(&mut out, number);
            assert_eq!(out, number.to_string());
        }
    }

    #[test]
    fn repository_and_tag() {
        let check = |image: &str, expected| assert_eq!(reference(image), expected, "{image}");
        check("docker.io/library/nginx:1.27", ("docker.io/library/nginx", Some("1.27")));
        check("localhost:5000/app", ("localhost:5000/app", None));
        check("localhost:5000/app:2@sha256:00", ("localhost:5000/app", Some("2")));
    }
}
