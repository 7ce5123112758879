//! Archive members: v7, ustar, GNU and pax headers, with sparse files.
//!
//! Reads as Go's `archive/tar` does where dialects leave room, because that is what container runtimes unpack with: what
//! they do not see must not be seen here, and the other way round. Members of links, directories and devices have no
//! content whatever their size field says; global pax headers are not applied (a note says so).
//!
//! Formats: POSIX.1-2017 pax "ustar Interchange Format" and "pax Interchange Format"; GNU tar 1.34 manual, "Basic Tar
//! Format" and "Storing Sparse Files".

use std::io::{self, Read};

use plimsoll_model::ProblemKind;

use crate::decode::{Stop, Stream};
use crate::sparse::{Pieces, Run};
use crate::{CAPABLE, Limits};

const BLOCK: usize = 512;
const BLOCK_64: u64 = 512;

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    HardLink,
    Symlink,
    Directory,
    /// A device or pipe: no content, but it takes its name.
    Special,
}

/// One member. Its content is read from the archive before the next one is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// As written: any bytes.
    pub(crate) name: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) kind: Kind,
    /// Permission bits and [`CAPABLE`].
    pub(crate) mode: u32,
    /// Of the content, holes included.
    pub(crate) size: u64,
}

/// What comes next in an archive.
pub(crate) enum Next {
    Member(Member),
    /// Something about one member that keeps it from being read; the archive goes on.
    Refused {
        name: Vec<u8>,
        why: Stop,
    },
    /// Something worth knowing; the archive goes on.
    Note(Stop),
    End,
}

/// Pieces of a sparse file, and its size, not checked.
type Map = (Vec<(u64, u64)>, Option<u64>);

/// An archive, read member by member.
pub(crate) struct Archive<'s, 'a> {
    stream: &'s mut Stream<'a>,
    limits: &'s Limits,
    /// Stored bytes of this member's content that are not read yet.
    left: u64,
    /// Zeros after the content up to the next block.
    padding: u64,
    /// Holes of this member.
    pieces: Option<Pieces>,
    /// Of this member, holes included.
    size: u64,
    position: u64,
    piece: usize,
    /// Bytes of holes that were read, of all members.
    zeros: u64,
}

/// What extended headers say about the member that follows them.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    sparse_name: Option<Vec<u8>>,
    sparse_size: Option<u64>,
    sparse_major: Option<u64>,
    sparse_minor: Option<u64>,
    sparse_map: Vec<(u64, u64)>,
    sparse_offset: Option<u64>,
    is_sparse: bool,
    is_capable: bool,
    /// A header that could not be read: the member's name is not known for certain.
    broken: Option<Stop>,
}

impl<'s, 'a> Archive<'s, 'a> {
    pub(crate) fn new(stream: &'s mut Stream<'a>, limits: &'s Limits) -> Self {
        Archive {
            stream,
            limits,
            left: 0,
            padding: 0,
            pieces: None,
            size: 0,
            position: 0,
            piece: 0,
            zeros: 0,
        }
    }

    /// The next member. An error ends the archive.
    pub(crate) fn next(&mut self) -> Result<Next, Stop> {
        self.skip_rest()?;
        let mut extended = Extended::default();
        let mut pending = false;
        loop {
            let Some(block) = self.block()? else {
                return if pending {
                    Err(Stop::truncated("its archive ends after an extended header"))
                } else {
                    // umoci and others leave out the closing blocks of zeros: that is no damage.
                    Ok(Next::End)
                };
            };
            if block.iter().all(|byte| *byte == 0) {
                if pending {
                    return Err(Stop::corrupt("an extended header of its archive has no member"));
                }
                return match self.block()? {
                    Some(second) if second.iter().any(|byte| *byte != 0) => {
                        Err(Stop::corrupt("its archive has a single block of zeros, and goes on"))
                    }
                    _ => Ok(Next::End),
                };
            }
            let header = Header(&block);
            if !header.checksum_is_right() {
                return Err(Stop::corrupt(
                    if self.stream.open_bytes() <= self.limits.max_header && !header.has_magic() {
                        "it holds something that is no tar archive"
                    } else {
                        "a header of its archive has a wrong checksum"
                    },
                ));
            }
            let size = header
                .number(124, 12)
                .ok_or_else(|| Stop::corrupt("a header of its archive has a size that is no number"))?;
            match header.kind() {
                b'x' => {
                    pending = true;
                    self.start(size);
                    match self.extended_header(size)? {
                        Ok(content) => {
                            if let Err(stop) = parse_pax(&content, &mut extended, self.limits) {
                                extended.broken = Some(stop);
                            }
                        }
                        Err(stop) => extended.broken = Some(stop),
                    }
                    self.skip_rest()?;
                }
                b'g' => {
                    self.start(size);
                    let content = self.extended_header(size)?;
                    self.skip_rest()?;
                    let mut global = Extended::default();
                    let harmless =
                        content.and_then(|content| parse_pax(&content, &mut global, self.limits)).is_ok_and(
                            |()| global.name.is_none() && global.link.is_none() && global.size.is_none(),
                        );
                    if !harmless && !pending {
                        return Ok(Next::Note(Stop::corrupt(
                            "a global header of its archive names paths or sizes, which container runtimes ignore",
                        )));
                    }
                }
                kind @ (b'L' | b'K') => {
                    pending = true;
                    self.start(size);
                    match self.extended_header(size)? {
                        Ok(mut content) => {
                            let end = content.iter().position(|byte| *byte == 0).unwrap_or(content.len());
                            content.truncate(end);
                            *if kind == b'L' { &mut extended.name } else { &mut extended.link } =
                                Some(content);
                        }
                        Err(stop) => extended.broken = Some(stop),
                    }
                    self.skip_rest()?;
                }
                kind => return self.member(&header, kind, size, extended),
            }
        }
    }

    fn member(
        &mut self,
        header: &Header<'_>,
        kind: u8,
        size: u64,
        mut extended: Extended,
    ) -> Result<Next, Stop> {
        let name = extended.sparse_name.take().or(extended.name.take()).unwrap_or_else(|| header.name());
        let link = extended.link.take().unwrap_or_else(|| header.text(157, 100).to_vec());
        // Without a readable mode nobody can say that nobody may execute it.
        let mode = header.number(100, 8).map_or(0o777, |mode| u32::try_from(mode & 0o7777).unwrap_or(0o777));
        let mode = if extended.is_capable { mode | CAPABLE } else { mode };
        let stored = extended.size.unwrap_or(size);
        let kind = match kind {
            // Before POSIX, which brought type `0`, a directory was a file whose name ends in a slash.
            0 if name.ends_with(b"/") => Kind::Directory,
            0 | b'0' | b'7' | b'S' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'3' | b'4' | b'6' => Kind::Special,
            b'5' => Kind::Directory,
            other => {
                self.start(stored);
                let letter = char::from(other).escape_default();
                let why = Stop::new(
                    ProblemKind::Unsupported,
                    format!("its archive has a member of unknown type `{letter}`"),
                );
                return Ok(Next::Refused { name, why });
            }
        };
        let has_content = kind == Kind::File;
        self.start(if has_content { stored } else { 0 });
        if let Some(why) = extended.broken {
            return Ok(Next::Refused { name, why });
        }
        if !has_content {
            return Ok(Next::Member(Member { name, link, kind, mode, size: 0 }));
        }
        match self.sparse(header, stored, &extended)? {
            Ok(()) => Ok(Next::Member(Member { name, link, kind, mode, size: self.size })),
            Err(why) => Ok(Next::Refused { name, why }),
        }
    }

    /// Reads the map of a sparse file, wherever its dialect puts it. The inner error concerns this member only.
    fn sparse(
        &mut self,
        header: &Header<'_>,
        stored: u64,
        extended: &Extended,
    ) -> Result<Result<(), Stop>, Stop> {
        let map = if header.kind() == b'S' {
            self.gnu_map(header)?
        } else if extended.is_sparse && extended.sparse_major == Some(1) {
            self.pax_map()?.map(|map| (map, extended.sparse_size))
        } else if extended.is_sparse && extended.sparse_major.unwrap_or(0) == 0 {
            Ok((extended.sparse_map.clone(), extended.sparse_size))
        } else if extended.is_sparse {
            Err(Stop::new(ProblemKind::Unsupported, "it has a sparse map in an unknown version"))
        } else {
            return Ok(Ok(()));
        };
        let _ = stored;
        let checked = map.and_then(|(map, size)| {
            let size = size.ok_or_else(|| Stop::corrupt("its sparse map has no size"))?;
            Pieces::new(map, size, self.left).map(|pieces| (pieces, size))
        });
        Ok(checked.map(|(pieces, size)| {
            self.pieces = Some(pieces);
            self.size = size;
        }))
    }

    /// The map of GNU's old format: four pieces in the header, then blocks of 21.
    fn gnu_map(&mut self, header: &Header<'_>) -> Result<Result<Map, Stop>, Stop> {
        let mut map = Vec::new();
        let size = header.number(483, 12);
        let mut good = read_pieces(&header.0[386..482], &mut map);
        let mut more = header.0[482] != 0;
        while more {
            let Some(block) = self.block()? else {
                return Err(Stop::truncated("its archive ends inside a sparse map"));
            };
            if map.len() < self.limits.max_pieces {
                good = good && read_pieces(&block[..504], &mut map);
            } else {
                good = false;
            }
            more = block[504] != 0;
        }
        if !good {
            return Ok(Err(Stop::corrupt("its sparse map is broken or too long")));
        }
        Ok(Ok((map, size)))
    }

    /// The map of pax 1.0: decimal lines at the start of the content, up to a full block.
    fn pax_map(&mut self) -> Result<Result<Vec<(u64, u64)>, Stop>, Stop> {
        let broken = || Ok(Err(Stop::corrupt("its sparse map is broken or too long")));
        let mut numbers: Vec<u64> = Vec::new();
        let mut wanted: Option<usize> = None;
        let (mut value, mut digits) = (0u64, 0);
        while wanted.is_none_or(|wanted| numbers.len() < wanted) {
            if self.left < BLOCK_64 {
                return broken();
            }
            let Some(block) = self.block()? else {
                return Err(Stop::truncated("its archive ends inside a sparse map"));
            };
            self.left -= BLOCK_64;
            for byte in block {
                match byte {
                    b'0'..=b'9' if digits < 20 => {
                        let Some(next) =
                            value.checked_mul(10).and_then(|value| value.checked_add(u64::from(byte - b'0')))
                        else {
                            return broken();
                        };
                        value = next;
                        digits += 1;
                    }
                    b'\n' if digits > 0 => {
                        if wanted.is_none() {
                            match usize::try_from(value) {
                                Ok(count) if count <= self.limits.max_pieces => wanted = Some(count * 2),
                                _ => return broken(),
                            }
                        } else {
                            numbers.push(value);
                        }
                        (value, digits) = (0, 0);
                        if wanted == Some(numbers.len()) {
                            break;
                        }
                    }
                    _ => return broken(),
                }
            }
        }
        self.size = self.left;
        Ok(Ok(numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()))
    }

    /// The content of an extended header. The inner error says that it is too large; it is skipped then.
    fn extended_header(&mut self, size: u64) -> Result<Result<Vec<u8>, Stop>, Stop> {
        if size > self.limits.max_header {
            return Ok(Err(Stop::limit(format!("its archive has an extended header of {size} bytes"))));
        }
        let mut content = Vec::new();
        let length = usize::try_from(size).unwrap_or(0);
        // Memory grows with what is there, not with what is announced.
        while content.len() < length {
            if self.stream.available().is_empty() && !self.stream.fill()? {
                return Err(Stop::truncated("its archive ends inside an extended header"));
            }
            let there = self.stream.available();
            let step = there.len().min(length - content.len());
            content.extend_from_slice(&there[..step]);
            self.stream.consume(step);
        }
        self.left = 0;
        Ok(Ok(content))
    }

    /// Prepares for a member of so many stored bytes.
    fn start(&mut self, stored: u64) {
        self.left = stored;
        self.padding = (BLOCK_64 - stored % BLOCK_64) % BLOCK_64;
        self.pieces = None;
        self.size = stored;
        self.position = 0;
        self.piece = 0;
    }

    /// Passes over what nobody read of this member.
    fn skip_rest(&mut self) -> Result<(), Stop> {
        let skipped = self.stream.skip(self.left)?;
        if skipped < self.left {
            let missing = self.left - skipped;
            self.left = 0;
            return Err(Stop::truncated(format!(
                "its archive ends inside a file, {missing} bytes are missing"
            )));
        }
        self.left = 0;
        // Some writers leave out the padding of the last member.
        self.stream.skip(self.padding)?;
        self.padding = 0;
        Ok(())
    }

    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, Stop> {
        let mut block = [0; BLOCK];
        match self.stream.read_full(&mut block)? {
            0 => Ok(None),
            BLOCK => Ok(Some(block)),
            // Less than a block is no header, and zeros are no loss.
            part if block[..part].iter().all(|byte| *byte == 0) => Ok(None),
            _ => Err(Stop::truncated("its archive ends inside a header")),
        }
    }

    fn read_content(&mut self, target: &mut [u8]) -> Result<usize, Stop> {
        if target.is_empty() || self.position >= self.size {
            return Ok(0);
        }
        let run = match &self.pieces {
            None => Run::Stored(self.left),
            Some(pieces) => pieces.at(self.position, &mut self.piece, self.size),
        };
        let step = match run {
            Run::Zeros(count) => {
                let step = target.len().min(usize::try_from(count).unwrap_or(usize::MAX));
                target[..step].fill(0);
                self.zeros = self.zeros.saturating_add(step as u64);
                // Holes cost nothing to send: bounded like any other bytes.
                if self.zeros > self.limits.max_open_bytes {
                    return Err(Stop::limit("sparse files hold more zeros than are read"));
                }
                step
            }
            Run::Stored(count) => {
                if self.stream.available().is_empty() && !self.stream.fill()? {
                    return Err(Stop::truncated("the archive ends inside this file"));
                }
                let there = self.stream.available();
                let step = there.len().min(target.len()).min(usize::try_from(count).unwrap_or(usize::MAX));
                target[..step].copy_from_slice(&there[..step]);
                self.stream.consume(step);
                self.left -= step as u64;
                step
            }
        };
        self.position += step as u64;
        Ok(step)
    }
}

/// The content of the member that was read last.
impl Read for Archive<'_, '_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        Ok(self.read_content(target)?)
    }
}

/// A header block.
struct Header<'b>(&'b [u8; BLOCK]);

impl Header<'_> {
    fn kind(&self) -> u8 {
        self.0[156]
    }

    /// A field of text, up to its first NUL.
    fn text(&self, from: usize, length: usize) -> &[u8] {
        let field = &self.0[from..from + length];
        &field[..field.iter().position(|byte| *byte == 0).unwrap_or(length)]
    }

    fn number(&self, from: usize, length: usize) -> Option<u64> {
        number(&self.0[from..from + length])
    }

    fn has_magic(&self) -> bool {
        self.0[257..].starts_with(b"ustar")
    }

    fn name(&self) -> Vec<u8> {
        let name = self.text(0, 100);
        // GNU's own format (`ustar` and two spaces) keeps times and sparse maps where POSIX keeps the prefix.
        let prefix = if !self.0[257..].starts_with(b"ustar\0") {
            &[][..]
        } else if self.0[508..].starts_with(b"tar\0") {
            self.text(345, 131)
        } else {
            self.text(345, 155)
        };
        if prefix.is_empty() {
            return name.to_vec();
        }
        [prefix, b"/", name].concat()
    }

    /// The sum of all bytes, the checksum counted as spaces; old writers added signed bytes.
    fn checksum_is_right(&self) -> bool {
        let Some(written) = number(&self.0[148..156]) else { return false };
        let (mut unsigned, mut signed) = (0i64, 0i64);
        for (index, byte) in self.0.iter().enumerate() {
            let byte = if (148..156).contains(&index) { b' ' } else { *byte };
            unsigned += i64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        i64::try_from(written).is_ok_and(|written| written == unsigned || written == signed)
    }
}

/// A number: octal digits between spaces and NULs, or base-256 for what is larger. Negative ones are none.
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    // GNU tar writes sizes over 8 GiB in base-256, marked by the top bit: look before parsing octal.
    if first & 0x80 != 0 {
        if first & 0x40 != 0 {
            return None;
        }
        let mut value = u64::from(first & 0x3f);
        for byte in rest {
            if value >> 55 != 0 {
                return None;
            }
            value = value << 8 | u64::from(*byte);
        }
        return Some(value);
    }
    let blank = |byte: &u8| *byte == b' ' || *byte == 0;
    let start = field.iter().position(|byte| !blank(byte)).unwrap_or(field.len());
    let digits = &field[start..];
    let digits = &digits[..digits.iter().position(blank).unwrap_or(digits.len())];
    digits.iter().try_fold(0u64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// Pieces in GNU's old format: offset and length of 12 bytes each; the list ends with an empty offset field.
fn read_pieces(field: &[u8], map: &mut Vec<(u64, u64)>) -> bool {
    for piece in field.chunks_exact(24) {
        let (offset, length) = piece.split_at(12);
        if offset[0] == 0 {
            return true;
        }
        let (Some(offset), Some(length)) = (number(offset), number(length)) else { return false };
        map.push((offset, length));
    }
    true
}

fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Records `length key=value\n` (POSIX pax, "pax Extended Header"). Values are bytes: not every writer sticks to UTF-8.
fn parse_pax(mut content: &[u8], extended: &mut Extended, limits: &Limits) -> Result<(), Stop> {
    let broken = || Stop::corrupt("an extended header of its archive is broken");
    while !content.is_empty() {
        // Padding that some writers count into the header.
        if content.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let space = content.iter().take(20).position(|byte| *byte == b' ').ok_or_else(broken)?;
        let length = decimal(&content[..space]).and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|length| *length > space + 1).ok_or_else(broken)?;
        let (record, rest) = content.split_at_checked(length).ok_or_else(broken)?;
        content = rest;
        let record = record[space + 1..].strip_suffix(b"\n").ok_or_else(broken)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(broken)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        let number = || decimal(value).ok_or_else(broken);
        let text = || {
            if value.contains(&0) {
                return Err(broken());
            }
            // An empty value takes back an earlier one.
            Ok((!value.is_empty()).then(|| value.to_vec()))
        };
        match key {
            b"path" => extended.name = text()?,
            b"linkpath" => extended.link = text()?,
            b"size" if value.is_empty() => extended.size = None,
            b"size" => extended.size = Some(number()?),
            // Docker, containerd and buildah write the first form, libarchive the second; an empty value takes it back.
            b"SCHILY.xattr.security.capability" | b"LIBARCHIVE.xattr.security.capability" => {
                extended.is_capable = !value.is_empty();
            }
            b"GNU.sparse.name" => extended.sparse_name = text()?,
            b"GNU.sparse.major" => (extended.sparse_major, extended.is_sparse) = (Some(number()?), true),
            b"GNU.sparse.minor" => extended.sparse_minor = Some(number()?),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => {
                (extended.sparse_size, extended.is_sparse) = (Some(number()?), true);
            }
            b"GNU.sparse.offset" => extended.sparse_offset = Some(number()?),
            b"GNU.sparse.numbytes" => {
                let offset = extended.sparse_offset.take().ok_or_else(broken)?;
                extended.sparse_map.push((offset, number()?));
            }
            b"GNU.sparse.map" => {
                extended.sparse_map.clear();
                let mut numbers = value.split(|byte| *byte == b',');
                while let Some(offset) = numbers.next() {
                    if value.is_empty() {
                        break;
                    }
                    let piece = decimal(offset).zip(numbers.next().and_then(decimal));
                    extended.sparse_map.push(piece.ok_or_else(broken)?);
                    if extended.sparse_map.len() > limits.max_pieces {
                        return Err(Stop::limit("a sparse map of its archive is too long"));
                    }
                }
            }
            _ => {}
        }
        if extended.sparse_map.len() > limits.max_pieces {
            return Err(Stop::limit("a sparse map of its archive is too long"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (field, expected) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"00000009", None),
            (b"-1      ", None),
            (b"77777777777", Some(0o77_777_777_777)),
            (b"\x80\0\0\0\0\0\0\x02\0\0\0\0", Some(8 << 30)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Some(u64::MAX >> 1)),
            (b"\x80\x01\0\0\0\0\0\0\0\0\0\0", None),
        ] {
            assert_eq!(number(field), expected, "{field:?}");
        }
    }

    #[test]
    fn pax_records() {
        let parse = |content: &[u8]| {
            let mut extended = Extended::default();
            parse_pax(content, &mut extended, &Limits::default()).map(|()| extended)
        };
        let good = parse(b"9 path=a\n11 size=42\n").unwrap();
        assert_eq!((good.name.as_deref(), good.size), (Some(&b"a"[..]), Some(42)));
        assert_eq!(parse(b"9 path=\xff\n").unwrap().name.as_deref(), Some(&b"\xff"[..]));
        assert_eq!(parse(b"9 path=a\n8 path=\n").unwrap().name, None);
        for broken in [
            &b"99999999999999999999 path=a\n"[..],
            b"18446744073709551615 path=a\n",
            b"0 path=a\n",
            b"9 path=a",
            b"11 path=a\n",
            b"path=a\n",
            b"11 path=a\0b\n",
            b"11 size=-1\n",
            b"6 abc\n",
        ] {
            assert!(parse(broken).is_err(), "{broken:?}");
        }
    }
}
