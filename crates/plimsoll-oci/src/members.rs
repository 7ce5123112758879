//! The members of an outer archive: just enough tar to find blobs, with a bound on everything.
//!
//! Reads ustar, GNU long names, pax paths and sizes, base-256 sizes, and archives without closing zero blocks. Does not
//! read sparse members: no tool writes an image archive with them. Layers themselves are read elsewhere.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use plimsoll_model::ImagePath;

/// Size of a tar block in bytes.
pub(crate) const BLOCK: usize = 512;
/// Longest GNU long name in bytes; paths on Linux end at 4,096.
const LONGEST_NAME: u64 = 64 * 1024;
/// Largest pax header in bytes.
const LARGEST_PAX: u64 = 1024 * 1024;

/// Why the walk over an archive ended before its end.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The archive ends inside a header or member.
    Truncated(String),
    /// A header makes no sense.
    Corrupt(String),
    /// A header is larger than the limit.
    Limit(String),
    /// The input itself failed.
    Io(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Broken::Truncated("it ends inside a member".into())
        } else {
            Broken::Io(error)
        }
    }
}

/// A place to read an archive from, front to back.
pub(crate) trait Tape: Read {
    /// Moves on by `count` bytes, fails with `UnexpectedEof` where there are fewer.
    fn skip(&mut self, count: u64) -> io::Result<()>;
    /// Bytes from the start of the archive.
    fn position(&self) -> u64;
}

/// An archive in a file: skipping costs nothing.
pub(crate) struct FileTape {
    file: Arc<File>,
    position: u64,
    length: u64,
}

impl FileTape {
    pub(crate) fn new(file: Arc<File>) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(FileTape { file, position: 0, length })
    }
}

impl Read for FileTape {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Tape for FileTape {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        match self.position.checked_add(count) {
            Some(position) if position <= self.length => {
                self.position = position;
                Ok(())
            }
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn position(&self) -> u64 {
        self.position
    }
}

/// An archive that comes through a pipe.
pub(crate) struct StreamTape<R> {
    reader: R,
    position: u64,
}

impl<R: Read> StreamTape<R> {
    pub(crate) fn new(reader: R) -> Self {
        StreamTape { reader, position: 0 }
    }
}

impl<R: Read> Read for StreamTape<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl<R: Read> Tape for StreamTape<R> {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.by_ref().take(count), &mut io::sink())?;
        if skipped == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn position(&self) -> u64 {
        self.position
    }
}

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File,
    /// Another name of an earlier member, or a symbolic link: where it leads inside the archive.
    Link(ImagePath),
    /// A directory, a device, or a file in a form we do not read.
    Other,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) path: ImagePath,
    pub(crate) kind: Kind,
    /// Bytes from the start of the archive to the content.
    pub(crate) offset: u64,
    /// Bytes of content.
    pub(crate) size: u64,
}

/// Walks over an archive.
pub(crate) struct Members<T> {
    tape: T,
    /// Content of the current member that was not read yet.
    left: u64,
    /// Zero bytes after it.
    padding: u64,
}

impl<T: Tape> Members<T> {
    pub(crate) fn new(tape: T) -> Self {
        Members { tape, left: 0, padding: 0 }
    }

    /// The next member; `None` at the end of the archive.
    pub(crate) fn next(&mut self) -> Result<Option<Member>, Broken> {
        let mut long_path: Option<Vec<u8>> = None;
        let mut long_link: Option<Vec<u8>> = None;
        let mut pax = Pax::default();
        loop {
            self.finish()?;
            let Some(block) = self.block()? else {
                return if long_path.is_some() || long_link.is_some() {
                    Err(Broken::Truncated("it ends after a long name".into()))
                } else {
                    Ok(None)
                };
            };
            if block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let header = Header::parse(&block).map_err(|detail| self.corrupt(detail))?;
            let size = if matches!(header.kind, b'L' | b'K' | b'x' | b'g') {
                header.size
            } else {
                pax.size.unwrap_or(header.size)
            };
            self.left = size;
            // Not rounded up here: sizes close to the largest number would overflow.
            self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
            match header.kind {
                b'L' => long_path = Some(until_zero(&self.whole(LONGEST_NAME, "a long name")?)),
                b'K' => long_link = Some(until_zero(&self.whole(LONGEST_NAME, "a long link name")?)),
                b'x' => {
                    let records = self.whole(LARGEST_PAX, "a pax header")?;
                    pax.read(&records).map_err(|detail| self.corrupt(detail))?;
                }
                // A comment on the archive, such as the commit that `git archive` notes.
                b'g' => {}
                b'S' => return Err(self.corrupt("sparse members are not read in image archives")),
                kind => {
                    let raw = pax.path.or(long_path).unwrap_or(header.path);
                    let link = pax.link.or(long_link).unwrap_or(header.link);
                    let path = ImagePath::new(&raw);
                    let kind = match kind {
                        // Before POSIX, a directory was a file with a slash at its end.
                        b'0' | 0 | b'7' if !raw.ends_with(b"/") => Kind::File,
                        b'1' => Kind::Link(ImagePath::new(&link)),
                        b'2' => Kind::Link(resolve(&path, &link)),
                        _ => Kind::Other,
                    };
                    if matches!(kind, Kind::Link(_)) {
                        // Links have no content, whatever the size says (old writers note the size of the target).
                        self.left = 0;
                        self.padding = 0;
                    }
                    return Ok(Some(Member { path, kind, offset: self.tape.position(), size: self.left }));
                }
            }
        }
    }

    /// The content of the current member, up to what is left of it. Ends with `UnexpectedEof` where the archive does.
    pub(crate) fn content(&mut self) -> Content<'_, T> {
        Content { members: self }
    }

    /// Skips what the caller did not read.
    fn finish(&mut self) -> Result<(), Broken> {
        self.tape.skip(self.left)?;
        self.left = 0;
        // A last member without its padding is whole.
        match self.tape.skip(self.padding) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
            _ => self.padding = 0,
        }
        Ok(())
    }

    /// A header block; `None` at the end of the input.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, Broken> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.tape.read(&mut block[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        match filled {
            BLOCK => Ok(Some(block)),
            // Padding was cut off with the closing blocks.
            _ if block[..filled].iter().all(|byte| *byte == 0) => Ok(None),
            _ => Err(Broken::Truncated("it ends inside a header".into())),
        }
    }

    fn whole(&mut self, limit: u64, what: &str) -> Result<Vec<u8>, Broken> {
        if self.left > limit {
            return Err(Broken::Limit(format!("{what} of {} bytes, the limit is {limit}", self.left)));
        }
        let mut bytes = Vec::new();
        self.content().read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn corrupt(&self, detail: impl std::fmt::Display) -> Broken {
        Broken::Corrupt(format!("{detail}, near byte {}", self.tape.position()))
    }
}

/// The content of one member.
pub(crate) struct Content<'a, T> {
    members: &'a mut Members<T>,
}

impl<T: Tape> Read for Content<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let longest = usize::try_from(self.members.left).unwrap_or(usize::MAX).min(buffer.len());
        if longest == 0 {
            return Ok(0);
        }
        let count = self.members.tape.read(&mut buffer[..longest])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.members.left -= count as u64;
        Ok(count)
    }
}

/// Is this the first block of a tar archive? The checksum decides: old archives have no magic.
pub(crate) fn is_header(block: &[u8]) -> bool {
    block.first_chunk::<BLOCK>().is_some_and(|block| Header::parse(block).is_ok())
}

/// Where a symbolic link leads. The archive is its own root: nothing leads out of it.
fn resolve(path: &ImagePath, target: &[u8]) -> ImagePath {
    match path.parent() {
        Some(parent) if !target.starts_with(b"/") => ImagePath::new(&[parent, b"/", target].concat()),
        _ => ImagePath::new(target),
    }
}

fn until_zero(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().take_while(|byte| *byte != 0).collect()
}

/// What a header block says (pax(1), "ustar Interchange Format").
struct Header {
    path: Vec<u8>,
    link: Vec<u8>,
    kind: u8,
    size: u64,
}

impl Header {
    fn parse(block: &[u8; BLOCK]) -> Result<Self, &'static str> {
        let stored = number(&block[148..156]).ok_or("a checksum is no number")?;
        let sum = |signed: bool| -> i64 {
            block
                .iter()
                .enumerate()
                .map(|(index, byte)| match (index, signed) {
                    (148..156, _) => i64::from(b' '),
                    // Some old writers summed signed characters.
                    (_, true) => i64::from(byte.cast_signed()),
                    (_, false) => i64::from(*byte),
                })
                .sum()
        };
        if ![sum(false), sum(true)].contains(&i64::try_from(stored).unwrap_or(-1)) {
            return Err("a header has a wrong checksum");
        }
        let mut path = until_zero(&block[..100]);
        // GNU keeps times where POSIX keeps the front of a long path.
        if &block[257..263] == b"ustar\0" && block[345] != 0 {
            path = [&until_zero(&block[345..500]), b"/".as_slice(), &path].concat();
        }
        Ok(Header {
            path,
            link: until_zero(&block[157..257]),
            kind: block[156],
            size: number(&block[124..136]).ok_or("a size is no number")?,
        })
    }
}

/// A number in octal digits, or in base-256 where the top bit is set (GNU, for what octal cannot hold).
fn number(field: &[u8]) -> Option<u64> {
    match field.first()? {
        0x80 => {
            field[1..].iter().try_fold(0_u64, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)))
        }
        first if *first >= 0x80 => None,
        _ => {
            let text = field.iter().copied().skip_while(|byte| *byte == b' ');
            let mut value = 0_u64;
            for byte in text {
                match byte {
                    b'0'..=b'7' => value = value.checked_mul(8)?.checked_add(u64::from(byte - b'0'))?,
                    b' ' | 0 => break,
                    _ => return None,
                }
            }
            Some(value)
        }
    }
}

/// What a pax header says of the next member (pax(1), "pax Header Block").
#[derive(Default)]
struct Pax {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Pax {
    fn read(&mut self, mut records: &[u8]) -> Result<(), &'static str> {
        const BROKEN: &str = "a pax header has a broken record";
        while !records.is_empty() {
            let space = records.iter().take(20).position(|byte| *byte == b' ').ok_or(BROKEN)?;
            let length: usize =
                str::from_utf8(&records[..space]).ok().and_then(|text| text.parse().ok()).ok_or(BROKEN)?;
            let record = records.get(space + 1..length).ok_or(BROKEN)?;
            let record = record.strip_suffix(b"\n").ok_or(BROKEN)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(BROKEN)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => {
                    let text = str::from_utf8(value).map_err(|_| BROKEN)?;
                    self.size = Some(text.parse().map_err(|_| "a pax header has a size that is no number")?);
                }
                _ => {}
            }
            records = records.get(length..).ok_or(BROKEN)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Seen = (String, Kind, Vec<u8>);

    fn walk(bytes: &[u8]) -> (Vec<Seen>, Option<Broken>) {
        let mut members = Members::new(StreamTape::new(bytes));
        let mut seen = Vec::new();
        loop {
            match members.next() {
                Ok(None) => return (seen, None),
                Err(broken) => return (seen, Some(broken)),
                Ok(Some(member)) => {
                    let mut content = Vec::new();
                    match members.content().read_to_end(&mut content) {
                        Ok(_) => seen.push((member.path.to_string(), member.kind, content)),
                        Err(error) => return (seen, Some(error.into())),
                    }
                }
            }
        }
    }

    fn archive(build: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        build(&mut builder);
        builder.into_inner().unwrap()
    }

    fn file(builder: &mut tar::Builder<Vec<u8>>, path: &str, content: &[u8]) {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, content).unwrap();
    }

    #[test]
    fn long_names_links_and_pax() {
        let long = "d/".repeat(90) + "file";
        let bytes = archive(|builder| {
            file(builder, &long, b"long");
            builder.append_pax_extensions([("path", b"pax/./name".as_slice()), ("size", b"3")]).unwrap();
            file(builder, "short", b"pax");
            for (kind, target) in [(tar::EntryType::Symlink, "../../b/c"), (tar::EntryType::Link, "b/c")] {
                let mut header = tar::Header::new_ustar();
                header.set_entry_type(kind);
                builder.append_link(&mut header, "a/link", target).unwrap();
            }
        });
        let (seen, broken) = walk(&bytes);
        assert!(broken.is_none(), "{broken:?}");
        assert_eq!(
            seen,
            [
                (long, Kind::File, b"long".to_vec()),
                ("pax/name".into(), Kind::File, b"pax".to_vec()),
                ("a/link".into(), Kind::Link("b/c".into()), vec![]),
                ("a/link".into(), Kind::Link("b/c".into()), vec![]),
            ]
        );
    }

    #[test]
    fn the_end_may_lack_its_zeros_but_no_content() {
        let bytes = archive(|builder| file(builder, "a", b"content"));
        for (length, expected) in
            [(bytes.len(), true), (1024, true), (512 + 7, true), (512 + 6, false), (511, false), (0, true)]
        {
            let (_, broken) = walk(&bytes[..length]);
            assert_eq!(broken.is_none(), expected, "{length}: {broken:?}");
        }
    }

    #[test]
    fn numbers() {
        for (field, expected) in [
            (b"0000644\0".as_slice(), Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\0\0\0", Some(0)),
            (b"\x80\0\0\x01\0", Some(256)),
            (b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\xff\xff\xff", None),
            (b"00x0", None),
        ] {
            assert_eq!(number(field), expected, "{field:?}");
        }
    }

    #[test]
    fn giants_are_refused_before_they_are_read() {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(u64::MAX / 2);
        header.set_cksum();
        let (_, broken) = walk(header.as_bytes());
        assert!(matches!(broken, Some(Broken::Limit(_))), "{broken:?}");
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
            walk(&bytes);
        }

        #[test]
        fn never_panics_on_damage(position in 0_usize..3000, byte: u8, length in 0_usize..4000) {
            let mut bytes = archive(|builder| {
                builder.append_pax_extensions([("path", b"name".as_slice()), ("size", b"3")]).unwrap();
                file(builder, &"n".repeat(200), b"abc");
            });
            if let Some(slot) = bytes.get_mut(position) {
                *slot = byte;
                // With the checksum made right again, the damage reaches the fields behind it.
                let start = position / BLOCK * BLOCK;
                if let Some(block) = bytes.get_mut(start..start + BLOCK) {
                    let sum: u32 = block.iter().enumerate().map(|(index, byte)| {
                        if (148..156).contains(&index) { 32 } else { u32::from(*byte) }
                    }).sum();
                    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
                }
            }
            bytes.truncate(length);
            walk(&bytes);
        }
    }
}
