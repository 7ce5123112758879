//! Reads the records of the kernel programs: `bpf/sensor.h` in Rust. The two change together.
//!
//! A record comes from our own program, so its form is ours; its strings come from whoever runs. Whatever does not fit
//! is no record.

use crate::event::{Capabilities, Connection, Endpoint, File, FileKind, text};

/// Bytes of `struct header`.
pub(crate) const HEADER: usize = 152;

/// `enum type`.
pub(crate) mod kind {
    pub(crate) const EXEC: u16 = 1;
    pub(crate) const FORK: u16 = 2;
    pub(crate) const EXIT: u16 = 3;
    pub(crate) const CGROUP_MAKE: u16 = 4;
    pub(crate) const CGROUP_REMOVE: u16 = 5;
    pub(crate) const CALL: u16 = 6;
    pub(crate) const SOCKET_STATE: u16 = 7;
    pub(crate) const DNS: u16 = 8;
    pub(crate) const DENIED: u16 = 9;
}

/// `enum flags`.
pub(crate) mod flag {
    pub(crate) const CONTAINER: u32 = 1;
    pub(crate) const DRY_RUN: u32 = 2;
    pub(crate) const KILLED: u32 = 4;
    pub(crate) const COMPAT: u32 = 8;
}

/// `enum field`.
mod field {
    pub(super) const FILE: u16 = 1;
    pub(super) const PATH: u16 = 2;
    pub(super) const DIRECTORY: u16 = 3;
    pub(super) const SECOND_DIRECTORY: u16 = 4;
    pub(super) const STRING: u16 = 5;
    pub(super) const SECOND_STRING: u16 = 6;
    pub(super) const THIRD_STRING: u16 = 7;
    pub(super) const ARGUMENTS: u16 = 8;
    pub(super) const ENVIRONMENT: u16 = 9;
    pub(super) const IDENTITY: u16 = 10;
    pub(super) const SOCKET: u16 = 11;
    pub(super) const UNIX: u16 = 12;
    pub(super) const CHILD: u16 = 13;
    pub(super) const DATA: u16 = 14;
}

const S_IFMT: u32 = 0o170_000;

/// A record, its variable fields still as bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Record<'a> {
    pub(crate) kind: u16,
    pub(crate) processor: u16,
    pub(crate) stream: u16,
    pub(crate) call: u16,
    pub(crate) flags: u32,
    pub(crate) sequence: u64,
    pub(crate) time: u64,
    pub(crate) cgroup: u64,
    pub(crate) start: u64,
    pub(crate) tgid: u32,
    pub(crate) tid: u32,
    pub(crate) parent: u32,
    pub(crate) inner: u32,
    pub(crate) uid: u32,
    pub(crate) euid: u32,
    pub(crate) gid: u32,
    pub(crate) egid: u32,
    pub(crate) capabilities: Capabilities,
    pub(crate) result: i64,
    pub(crate) argument: [u64; 4],
    pub(crate) name: &'a [u8],
    pub(crate) file: Option<Facts>,
    pub(crate) path: &'a [u8],
    pub(crate) directory: &'a [u8],
    pub(crate) second_directory: &'a [u8],
    pub(crate) string: &'a [u8],
    pub(crate) second_string: &'a [u8],
    pub(crate) third_string: &'a [u8],
    pub(crate) arguments: &'a [u8],
    pub(crate) environment: &'a [u8],
    pub(crate) identity: Option<Identity>,
    pub(crate) socket: Option<Socket>,
    pub(crate) unix: Option<&'a [u8]>,
    pub(crate) child: Option<Child>,
    pub(crate) data: &'a [u8],
}

/// `struct file_facts`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    inode: u64,
    changed: u64,
    modified: u64,
    device: u32,
    mode: u32,
    owner: u32,
    links: u32,
    upper: u32,
}

/// `struct identity`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Identity {
    pub(crate) inheritable: u64,
    pub(crate) login: u32,
    pub(crate) terminal: u32,
    pub(crate) session: u32,
    pub(crate) group: u32,
    pub(crate) mount: u32,
    pub(crate) process: u32,
    pub(crate) network: u32,
    pub(crate) user: u32,
}

/// `struct socket_facts`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Socket {
    family: u16,
    protocol: u16,
    local_port: u16,
    remote_port: u16,
    local: [u8; 16],
    remote: [u8; 16],
}

/// `struct child_facts`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Child {
    pub(crate) start: u64,
    pub(crate) tgid: u32,
    pub(crate) inner: u32,
}

/// Takes numbers from the front; what is missing is zero, and said so by `short`.
struct Numbers<'a> {
    bytes: &'a [u8],
    short: bool,
}

impl Numbers<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        if let Some((first, rest)) = self.bytes.split_first_chunk::<N>() {
            self.bytes = rest;
            return *first;
        }
        self.short = true;
        [0; N]
    }

    fn u16(&mut self) -> u16 {
        u16::from_ne_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_ne_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_ne_bytes(self.take())
    }
}

impl<'a> Record<'a> {
    /// When the record was made, without reading the rest.
    pub(crate) fn time_of(bytes: &[u8]) -> Option<u64> {
        bytes.get(24..32).and_then(|time| time.try_into().ok()).map(u64::from_ne_bytes)
    }

    /// Reads a record; nothing if it is none.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut header = Numbers { bytes: bytes.get(..HEADER)?, short: false };
        let length = usize::try_from(header.u32()).ok()?;
        let mut record = Self {
            kind: header.u16(),
            processor: header.u16(),
            stream: header.u16(),
            call: header.u16(),
            flags: header.u32(),
            ..Self::default()
        };
        record.sequence = header.u64();
        record.time = header.u64();
        record.cgroup = header.u64();
        record.start = header.u64();
        record.tgid = header.u32();
        record.tid = header.u32();
        record.parent = header.u32();
        record.inner = header.u32();
        record.uid = header.u32();
        record.euid = header.u32();
        record.gid = header.u32();
        record.egid = header.u32();
        record.capabilities.effective = header.u64();
        record.capabilities.permitted = header.u64();
        record.result = header.u64().cast_signed();
        record.argument = [header.u64(), header.u64(), header.u64(), header.u64()];
        record.name = until_zero(header.bytes);
        let mut rest = bytes.get(HEADER..length.min(bytes.len()))?;
        while let Some((head, after)) = rest.split_first_chunk::<8>() {
            let kind = u16::from_ne_bytes([head[0], head[1]]);
            let length = usize::from(u16::from_ne_bytes([head[2], head[3]]));
            let value = after.get(..length)?;
            rest = after.get(length.next_multiple_of(8)..).unwrap_or_default();
            record.field(kind, value)?;
        }
        Some(record)
    }

    fn field(&mut self, kind: u16, value: &'a [u8]) -> Option<()> {
        let mut numbers = Numbers { bytes: value, short: false };
        match kind {
            field::FILE => {
                let mut facts = Facts {
                    inode: numbers.u64(),
                    changed: numbers.u64(),
                    modified: numbers.u64(),
                    device: numbers.u32(),
                    mode: numbers.u32(),
                    owner: numbers.u32(),
                    links: numbers.u32(),
                    upper: 0,
                };
                numbers.u32(); // the device that it stands for
                facts.upper = numbers.u32();
                self.file = Some(facts);
            }
            field::PATH => self.path = value,
            field::DIRECTORY => self.directory = value,
            field::SECOND_DIRECTORY => self.second_directory = value,
            field::STRING => self.string = until_zero(value),
            field::SECOND_STRING => self.second_string = until_zero(value),
            field::THIRD_STRING => self.third_string = until_zero(value),
            field::ARGUMENTS => self.arguments = value,
            field::ENVIRONMENT => self.environment = value,
            field::IDENTITY => {
                self.identity = Some(Identity {
                    inheritable: numbers.u64(),
                    login: numbers.u32(),
                    terminal: numbers.u32(),
                    session: numbers.u32(),
                    group: numbers.u32(),
                    mount: numbers.u32(),
                    process: numbers.u32(),
                    network: numbers.u32(),
                    user: numbers.u32(),
                });
            }
            field::SOCKET => {
                let mut socket =
                    Socket { family: numbers.u16(), protocol: numbers.u16(), ..Socket::default() };
                numbers.u16(); // the type
                socket.local_port = numbers.u16();
                socket.remote_port = numbers.u16();
                numbers.take::<6>();
                socket.local = numbers.take();
                socket.remote = numbers.take();
                self.socket = Some(socket);
            }
            field::UNIX => self.unix = Some(value),
            field::CHILD => {
                let start = numbers.u64();
                self.child = Some(Child { start, tgid: numbers.u32(), inner: numbers.u32() });
            }
            field::DATA => self.data = value,
            // A field of a newer program.
            _ => {}
        }
        (!numbers.short).then_some(())
    }

    /// The file of the record.
    pub(crate) fn file(&self) -> File {
        let facts = self.file.unwrap_or_default();
        let mut path = joined(self.path);
        let kind = match facts.mode & S_IFMT {
            0o040_000 => FileKind::Directory,
            0o060_000 => FileKind::Block,
            0o020_000 => FileKind::Character,
            0o010_000 => FileKind::Pipe,
            0o140_000 => FileKind::Socket,
            0o100_000 if facts.links == 0 && path.starts_with("/memfd:") => FileKind::Memory,
            0 if self.file.is_some() => FileKind::Anonymous,
            _ => FileKind::Regular,
        };
        if kind == FileKind::Memory {
            path.remove(0);
        }
        File {
            path,
            kind,
            inode: facts.inode,
            device: facts.device,
            mode: facts.mode,
            owner: facts.owner,
            changed: facts.changed,
            modified: facts.modified,
            upper_layer: (self.file.is_some() && facts.upper & 2 == 0).then_some(facts.upper & 1 == 1),
            foreign: facts.upper & 4 != 0,
            created: facts.upper & 8 != 0,
            deleted: self.file.is_some() && facts.links == 0 && kind == FileKind::Regular,
        }
    }

    /// The socket of the record.
    pub(crate) fn connection(&self, server: bool) -> Connection {
        let Some(socket) = self.socket else { return Connection::default() };
        let end = |address: [u8; 16], port: u16| match socket.family {
            2 => Some(Endpoint {
                address: std::net::Ipv4Addr::new(address[0], address[1], address[2], address[3]).into(),
                port,
            }),
            10 => {
                let address = std::net::Ipv6Addr::from(address);
                Some(Endpoint { address: address.to_ipv4_mapped().map_or(address.into(), Into::into), port })
            }
            _ => None,
        };
        let known = |end: &Endpoint| end.port != 0 || !end.address.is_unspecified();
        let path = match self.unix {
            Some([0, name @ ..]) => format!("@{}", text(name)),
            Some(path) => text(until_zero(path)),
            None => String::new(),
        };
        Connection {
            family: match socket.family {
                1 => FileKind::Unix,
                2 => FileKind::Ipv4,
                10 => FileKind::Ipv6,
                16 => FileKind::Netlink,
                _ => FileKind::Socket,
            },
            protocol: u8::try_from(socket.protocol).unwrap_or(0),
            local: end(socket.local, socket.local_port).filter(known),
            remote: end(socket.remote, socket.remote_port).filter(known),
            path,
            server,
        }
    }
}

pub(crate) fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A path from its names, which come from the last to the first.
pub(crate) fn joined(names: &[u8]) -> String {
    let mut path = String::with_capacity(names.len() + 1);
    let names: Vec<&[u8]> = names.split(|byte| *byte == 0).collect();
    for name in names.iter().rev().filter(|name| !name.is_empty() && **name != b"/") {
        path.push('/');
        path.push_str(&text(name));
    }
    if path.is_empty() && names.iter().any(|name| *name == b"/") {
        path.push('/');
    }
    path
}

/// A path as a program asked for it, from the directory that it starts at; `.` and `..` are taken away as text.
pub(crate) fn absolute(directory: &[u8], asked: &[u8]) -> String {
    let asked = text(asked);
    if asked.is_empty() {
        return joined(directory);
    }
    let whole = if asked.starts_with('/') { asked } else { format!("{}/{asked}", joined(directory)) };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let mut path = String::with_capacity(whole.len());
    for part in parts {
        path.push('/');
        path.push_str(part);
    }
    if path.is_empty() {
        path.push('/');
    }
    path
}

/// Strings that end with a zero byte each.
pub(crate) fn strings(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    if bytes.is_empty() { Vec::new() } else { bytes.split(|byte| *byte == 0).map(text).collect() }
}

/// The question of a DNS message: its name and the type of record.
pub(crate) fn question(message: &[u8]) -> Option<(String, u16)> {
    let flags = message.get(2..4)?;
    // A question (not an answer), of the usual kind.
    if flags[0] & 0b1111_1000 != 0 || message.get(4..6)? == [0, 0] {
        return None;
    }
    let mut rest = message.get(12..)?;
    let mut name = String::new();
    loop {
        let (&length, after) = rest.split_first()?;
        if length == 0 {
            let kind = after.get(..2)?;
            return Some((name, u16::from_be_bytes([kind[0], kind[1]])));
        }
        // A pointer has no place in a first question, and names are at most 255 bytes.
        if length > 63 || name.len() > 1024 {
            return None;
        }
        let label = after.get(..usize::from(length))?;
        rest = &after[usize::from(length)..];
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&text(label));
    }
}

#[cfg(test)]
mod tests {
    use super::{HEADER, Record, absolute, joined, question, strings};

    /// A record without fields, of that length.
    fn header(length: u32) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        bytes
    }

    #[test]
    fn paths_from_names() {
        assert_eq!(joined(b"passwd\0etc\0"), "/etc/passwd");
        assert_eq!(joined(b"/\0"), "/");
        assert_eq!(joined(b""), "");
        assert_eq!(absolute(b"b\0a\0", b"../c/./d"), "/a/c/d");
        assert_eq!(absolute(b"b\0a\0", b"/../x"), "/x");
        assert_eq!(absolute(b"b\0a\0", b"../../../.."), "/");
        assert_eq!(absolute(b"b\0a\0", b""), "/a/b");
        assert_eq!(strings(b"a\0\0b\0"), ["a", "", "b"]);
        assert!(strings(b"").is_empty());
    }

    #[test]
    fn questions() {
        let mut message =
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x00\x00\x1c\x00\x01"
                .to_vec();
        assert_eq!(question(&message), Some(("www.example".to_owned(), 28)));
        message[2] |= 0x80;
        assert_eq!(question(&message), None, "an answer");
        assert_eq!(question(b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c"), None, "a pointer");
    }

    #[test]
    fn whatever_does_not_fit_is_no_record() {
        assert!(Record::read(&header(152)).is_some());
        assert!(Record::read(&header(152)[..100]).is_none());
        // A field that says it is longer than the record.
        let mut bytes = header(200);
        bytes.extend([5, 0, 255, 255, 0, 0, 0, 0]);
        assert!(Record::read(&bytes).is_none());
        // A file that is too short to be one.
        let mut bytes = header(200);
        bytes.extend([1, 0, 8, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(Record::read(&bytes).is_none());
    }
}
