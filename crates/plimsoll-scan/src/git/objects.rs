//! One commit of a repository, as git keeps it: alone in a file, or in a pack (gitformat-pack(5)).

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::index::{Kind, variable};
use super::work_tree::regular;

/// Largest commit that is read.
const LARGEST: usize = 1 << 20;
/// Packs that are looked through.
const PACKS: usize = 10_000;
/// Longest chain of differences.
const LONGEST_CHAIN: usize = 64;

/// The tree of a commit. `None` where the commit is not there, or not in a form that is read.
pub(super) fn tree_of_commit(objects: &Path, commit: &str, kind: Kind) -> Option<Vec<u8>> {
    let id = from_hex(commit)?;
    let content = loose(objects, commit).or_else(|| packed(objects, &id, kind))?;
    let line = content.strip_prefix(b"tree ")?.get(..kind.length() * 2)?;
    from_hex(std::str::from_utf8(line).ok()?)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?)).collect()
}

fn loose(objects: &Path, commit: &str) -> Option<Vec<u8>> {
    let (folder, name) = commit.split_at_checked(2)?;
    let file = regular(&objects.join(folder).join(name))?;
    let content = inflate(file, LARGEST)?;
    let end = content.iter().position(|byte| *byte == 0)?;
    content.starts_with(b"commit ").then(|| content[end + 1..].to_vec())
}

/// At most so many bytes of a stream; more than that is nothing.
fn inflate(reader: impl std::io::Read, most: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    flate2::read::ZlibDecoder::new(reader).take(most as u64 + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() <= most).then_some(bytes)
}

fn packed(objects: &Path, id: &[u8], kind: Kind) -> Option<Vec<u8>> {
    for entry in std::fs::read_dir(objects.join("pack")).ok()?.flatten().take(PACKS) {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "idx") {
            continue;
        }
        let Some(offset) = regular(&path).and_then(|index| offset(&index, id, kind)) else { continue };
        let Some(pack) = regular(&path.with_extension("pack")) else { continue };
        if let Some(content) = commit_at(&pack, offset) {
            return Some(content);
        }
    }
    None
}

/// Where an object stands in the pack of this index.
fn offset(index: &File, id: &[u8], kind: Kind) -> Option<u64> {
    const FANOUT: u64 = 8;
    const NAMES: u64 = FANOUT + 256 * 4;
    let number = |at: u64| {
        let mut bytes = [0; 4];
        index.read_exact_at(&mut bytes, at).ok().map(|()| u32::from_be_bytes(bytes))
    };
    if (number(0)?, number(4)?) != (0xff74_4f63, 2) {
        return None;
    }
    let first = u64::from(*id.first()?);
    let count = u64::from(number(FANOUT + 255 * 4)?);
    let mut low = if first == 0 { 0 } else { u64::from(number(FANOUT + (first - 1) * 4)?) };
    let mut high = u64::from(number(FANOUT + first * 4)?).min(count);
    let length = kind.length() as u64;
    while low < high {
        let middle = low + (high - low) / 2;
        let mut name = vec![0; kind.length()];
        index.read_exact_at(&mut name, NAMES + middle * length).ok()?;
        match name.as_slice().cmp(id) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => {
                let offsets = NAMES + count * (length + 4);
                let offset = number(offsets + middle * 4)?;
                if offset & 0x8000_0000 == 0 {
                    return Some(u64::from(offset));
                }
                let at = offsets + count * 4 + u64::from(offset & 0x7fff_ffff) * 8;
                return Some(u64::from(number(at)?) << 32 | u64::from(number(at + 4)?));
            }
        }
    }
    None
}

/// A commit of a pack, put together from the commits that it is a difference to.
fn commit_at(pack: &File, mut offset: u64) -> Option<Vec<u8>> {
    const COMMIT: u8 = 1;
    const DIFFERENCE: u8 = 6;
    let mut differences = Vec::new();
    for _ in 0..LONGEST_CHAIN {
        let mut head = [0; 64];
        let read = pack.read_at(&mut head, offset).ok()?;
        let mut rest = head.get(..read)?;
        let kind = (rest.first()? >> 4) & 7;
        let size = rest.iter().position(|byte| byte & 0x80 == 0)?;
        rest = rest.get(size + 1..)?;
        let back = if kind == DIFFERENCE { variable(&mut rest)? as u64 } else { 0 };
        let begin = offset + (read - rest.len()) as u64;
        let content = inflate(At { file: pack, offset: begin }, LARGEST)?;
        match kind {
            COMMIT => {
                return differences
                    .iter()
                    .rev()
                    .try_fold(content, |base, difference: &Vec<u8>| apply(&base, difference));
            }
            DIFFERENCE if back > 0 => {
                differences.push(content);
                offset = offset.checked_sub(back)?;
            }
            _ => return None,
        }
    }
    None
}

struct At<'file> {
    file: &'file File,
    offset: u64,
}

impl std::io::Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

/// Makes an object from another and the difference to it.
fn apply(base: &[u8], difference: &[u8]) -> Option<Vec<u8>> {
    let mut rest = difference;
    let mut next = || {
        let (first, further) = rest.split_first()?;
        rest = further;
        Some(*first)
    };
    // Sizes of both.
    for _ in 0..2 {
        while next()? & 0x80 != 0 {}
    }
    let mut content = Vec::new();
    while let Some(instruction) = next() {
        if instruction & 0x80 != 0 {
            let (mut from, mut length) = (0_usize, 0_usize);
            for bit in 0..4 {
                if instruction & (1 << bit) != 0 {
                    from |= usize::from(next()?) << (8 * bit);
                }
            }
            for bit in 0..3 {
                if instruction & (0x10 << bit) != 0 {
                    length |= usize::from(next()?) << (8 * bit);
                }
            }
            let length = if length == 0 { 0x10000 } else { length };
            content.extend_from_slice(base.get(from..from.checked_add(length)?)?);
        } else {
            for _ in 0..instruction {
                content.push(next()?);
            }
        }
        if content.len() > LARGEST {
            return None;
        }
    }
    Some(content)
}

/// For the fuzzer: any bytes as a pack, its index and a difference.
pub(super) fn fuzz(data: &[u8]) {
    let _ = apply(data, data);
    if let Ok(mut file) = tempfile::tempfile()
        && std::io::Write::write_all(&mut file, data).is_ok()
    {
        for kind in [Kind::Sha1, Kind::Sha256] {
            let _ = offset(&file, &vec![0x7f; kind.length()], kind);
        }
        let _ = commit_at(&file, 12);
        let _ = commit_at(&file, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_applied() {
        // Sizes 5 and 7; copy 4 bytes from 1; insert "xyz".
        assert_eq!(apply(b"tree!", &[5, 7, 0x91, 1, 4, 3, b'x', b'y', b'z']).unwrap(), b"ree!xyz");
        for bad in
            [&[][..], &[5], &[0x80], &[5, 7, 0x91, 1], &[5, 7, 0x91, 1, 5], &[5, 7, 3, b'x'], &[5, 7, 0xff]]
        {
            assert_eq!(apply(b"tree!", bad), None, "{bad:?}");
        }
    }

    #[test]
    fn ids() {
        assert_eq!(from_hex("00ff1A"), Some(vec![0, 255, 26]));
        assert_eq!(from_hex("0"), None);
        assert_eq!(from_hex("0g"), None);
    }
}
