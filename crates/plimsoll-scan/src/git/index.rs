//! The list of files that git tracks, and the tree that they make (gitformat-index(5)).

use std::collections::HashSet;

use sha1::Digest as _;

/// Largest total length of all paths; prefix compression would let a small file name terabytes.
const LONGEST_PATHS: usize = 512 << 20;
/// Longest path.
const LONGEST_PATH: usize = 4096;

/// Kinds of object ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sha1,
    Sha256,
}

impl Kind {
    pub(super) fn length(self) -> usize {
        match self {
            Kind::Sha1 => 20,
            Kind::Sha256 => 32,
        }
    }
}

/// Hashes what an object is made of.
pub(super) enum Hasher {
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
}

impl Hasher {
    /// Begins an object: `blob`, `tree`.
    pub(super) fn object(kind: Kind, name: &str, length: u64) -> Self {
        let mut hasher = match kind {
            Kind::Sha1 => Hasher::Sha1(sha1::Sha1::new()),
            Kind::Sha256 => Hasher::Sha256(sha2::Sha256::new()),
        };
        hasher.update(format!("{name} {length}\0").as_bytes());
        hasher
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
        }
    }

    pub(super) fn id(self) -> Vec<u8> {
        match self {
            Hasher::Sha1(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha256(hasher) => hasher.finalize().to_vec(),
        }
    }
}

/// One file as it was when it was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: Box<[u8]>,
    /// Seconds and nanoseconds since 1970, cut to 32 bits.
    pub(super) modified: (u32, u32),
    /// Kind and permissions as git keeps them.
    pub(super) mode: u32,
    /// Size in bytes, cut to 32 bits.
    pub(super) size: u32,
    pub(super) id: Box<[u8]>,
    /// One of several sides of a conflict.
    pub(super) conflict: bool,
    /// The work tree is not looked at for it: sparse checkouts, `assume-unchanged`.
    pub(super) unseen: bool,
    /// Named, but nothing of it is added yet.
    pub(super) intended: bool,
}

/// A file of a work tree.
pub(super) const FILE: u32 = 0o100_000;
/// A symbolic link.
pub(super) const LINK: u32 = 0o120_000;
/// A folder of which no file was checked out.
pub(super) const FOLDER: u32 = 0o040_000;
/// The part of a mode that says the kind.
pub(super) const KINDS: u32 = 0o170_000;

/// Reads an index.
///
/// # Errors
/// Says what it cannot be read for: a version that is not known, a list that ends too early.
pub(super) fn read(bytes: &[u8], kind: Kind) -> Result<Vec<Entry>, &'static str> {
    const CUT: &str = "its list of files ends too early";
    let mut rest = bytes.strip_prefix(b"DIRC").ok_or("its list of files is none")?;
    let version = number(&mut rest).ok_or(CUT)?;
    if !(2..=4).contains(&version) {
        return Err("its list of files is of a version that is not known");
    }
    let count = number(&mut rest).ok_or(CUT)?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut paths = 0_usize;
    for _ in 0..count {
        let before = rest.len();
        let fixed = take(&mut rest, 40).ok_or(CUT)?;
        let field = |at: usize| {
            let bytes = fixed.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(0, u32::from_be_bytes)
        };
        let id = take(&mut rest, kind.length()).ok_or(CUT)?;
        let flags = short(&mut rest).ok_or(CUT)?;
        let further = if version >= 3 && flags & 0x4000 != 0 { short(&mut rest).ok_or(CUT)? } else { 0 };
        let path = if version == 4 {
            let last = entries.last().map_or(&[][..], |entry| &entry.path);
            let cut = variable(&mut rest).ok_or(CUT)?;
            let kept = last.len().checked_sub(cut).and_then(|length| last.get(..length));
            let mut path = kept.ok_or("a path of its list of files is cut from none")?.to_vec();
            path.extend_from_slice(until_zero(&mut rest).ok_or(CUT)?);
            path
        } else {
            let path = until_zero(&mut rest).ok_or(CUT)?.to_vec();
            // One to eight zeros up to a multiple of eight; one was taken.
            let padding = (8 - (before - rest.len()) % 8) % 8;
            take(&mut rest, padding).ok_or(CUT)?;
            path
        };
        paths = paths.saturating_add(path.len());
        if path.is_empty() || path.len() > LONGEST_PATH || paths > LONGEST_PATHS {
            return Err("the paths of its list of files are longer than is read");
        }
        entries.push(Entry {
            path: path.into(),
            modified: (field(8), field(12)),
            mode: field(24),
            size: field(36),
            id: id.into(),
            conflict: flags & 0x3000 != 0,
            unseen: flags & 0x8000 != 0 || further & 0x4000 != 0,
            intended: further & 0x2000 != 0,
        });
    }
    // Extensions whose name begins in lower case must be understood (`sdir`: some entries are folders).
    while rest.len() > kind.length() {
        let name = take(&mut rest, 4).ok_or(CUT)?;
        if name.first().is_some_and(u8::is_ascii_lowercase) && name != b"sdir" {
            return Err("its list of files has a part that is not known: it may be split into several");
        }
        let length = number(&mut rest).ok_or(CUT)?;
        take(&mut rest, usize::try_from(length).unwrap_or(usize::MAX)).ok_or(CUT)?;
    }
    Ok(entries)
}

fn take<'bytes>(rest: &mut &'bytes [u8], length: usize) -> Option<&'bytes [u8]> {
    let (taken, further) = rest.split_at_checked(length)?;
    *rest = further;
    Some(taken)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(take(rest, 4)?.try_into().ok()?))
}

fn short(rest: &mut &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(take(rest, 2)?.try_into().ok()?))
}

fn until_zero<'bytes>(rest: &mut &'bytes [u8]) -> Option<&'bytes [u8]> {
    let length = rest.iter().take(LONGEST_PATH + 1).position(|byte| *byte == 0)?;
    let path = take(rest, length)?;
    take(rest, 1)?;
    Some(path)
}

/// The numbers of `OBJ_OFS_DELTA` (gitformat-pack(5)), which have one form each.
pub(super) fn variable(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0_usize;
    for number in 0..9 {
        let byte = *take(rest, 1)?.first()?;
        if number > 0 {
            value = value.checked_add(1)?;
        }
        value = value.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The id of the tree that these files make when they are committed.
pub(super) fn tree(entries: &[Entry], kind: Kind) -> Vec<u8> {
    // Folders that are open, from the top: length of the path before their files, and their lines so far.
    let mut open: Vec<(usize, Vec<u8>)> = vec![(0, Vec::new())];
    let mut last: &[u8] = &[];
    let close = |open: &mut Vec<(usize, Vec<u8>)>, last: &[u8]| {
        let Some((length, lines)) = open.pop() else { return };
        let id = of_lines(kind, &lines);
        if let Some((above, lines)) = open.last_mut() {
            line(lines, FOLDER, last.get(*above..length.saturating_sub(1)).unwrap_or_default(), &id);
        }
    };
    for entry in entries.iter().filter(|entry| !entry.intended) {
        let path = entry.path.strip_suffix(b"/").unwrap_or(&entry.path);
        let common = path.iter().zip(last).take_while(|(left, right)| left == right).count();
        while open.len() > 1 && open.last().is_some_and(|(length, _)| *length > common) {
            close(&mut open, last);
        }
        let mut from = open.last().map_or(0, |(length, _)| *length);
        while let Some(slash) = path.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == b'/')) {
            from += slash + 1;
            open.push((from, Vec::new()));
        }
        if let Some((_, lines)) = open.last_mut() {
            line(lines, entry.mode, path.get(from..).unwrap_or_default(), &entry.id);
        }
        last = path;
    }
    while open.len() > 1 {
        close(&mut open, last);
    }
    of_lines(kind, &open.pop().unwrap_or_default().1)
}

fn line(lines: &mut Vec<u8>, mode: u32, name: &[u8], id: &[u8]) {
    lines.extend_from_slice(format!("{mode:o} ").as_bytes());
    lines.extend_from_slice(name);
    lines.push(0);
    lines.extend_from_slice(id);
}

fn of_lines(kind: Kind, lines: &[u8]) -> Vec<u8> {
    let mut hasher = Hasher::object(kind, "tree", lines.len() as u64);
    hasher.update(lines);
    hasher.id()
}

/// The paths below a folder, relative to it. The prefix is empty or ends with a slash.
pub(super) fn below(entries: &[Entry], prefix: &[u8]) -> HashSet<Box<[u8]>> {
    entries.iter().filter_map(|entry| entry.path.strip_prefix(prefix)).map(Box::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, mode: u32) -> Entry {
        Entry {
            path: path.as_bytes().into(),
            modified: (0, 0),
            mode,
            size: 0,
            id: Box::from([1; 20]),
            conflict: false,
            unseen: false,
            intended: false,
        }
    }

    #[test]
    fn hostile_lists_are_refused() {
        let mut bytes = b"DIRC\0\0\0\x04\0\0\0\x02".to_vec();
        for (cut, name) in [(0, b"a/b".as_slice()), (9, b"c")] {
            bytes.extend_from_slice(&[0; 62]);
            bytes.push(cut);
            bytes.extend_from_slice(name);
            bytes.push(0);
        }
        assert_eq!(read(&bytes, Kind::Sha1), Err("a path of its list of files is cut from none"));
        assert!(read(b"", Kind::Sha1).is_err());
        assert!(read(b"DIRC\0\0\0\x05\0\0\0\0", Kind::Sha1).is_err());
        assert!(read(b"DIRC\0\0\0\x02\xff\xff\xff\xff", Kind::Sha1).is_err());
        assert!(read(b"DIRC\0\0\0\x02\0\0\0\0link\0\0\0\0aaaaaaaaaaaaaaaaaaaa", Kind::Sha1).is_err());
        assert!(read(b"DIRC\0\0\0\x02\0\0\0\0TREE\xff\xff\xff\xffaaaaaaaaaaaaaaaaaaaa", Kind::Sha1).is_err());
        assert_eq!(read(b"DIRC\0\0\0\x02\0\0\0\0aaaaaaaaaaaaaaaaaaaa", Kind::Sha1), Ok(Vec::new()));
    }

    #[test]
    fn the_empty_tree_is_the_known_one() {
        assert_eq!(tree(&[], Kind::Sha1)[..4], [0x4b, 0x82, 0x5d, 0xc6]);
    }

    #[test]
    fn lists_out_of_order_make_some_tree() {
        for paths in [["a/b/c", "a", "a/b/"], ["/", "//", "/a"], ["z/", "z", "a//b"]] {
            let entries = paths.map(|path| entry(path, FILE | 0o644));
            assert_eq!(tree(&entries, Kind::Sha256).len(), 32);
        }
    }
}
