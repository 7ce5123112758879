//! Zip archives as Java reads them, without trust in any number they hold.
//!
//! A cursor walks the central directory where it stands, so an archive of a million entries costs no memory; only what is
//! asked for is inflated, never more than the caller allows. Bytes before the archive (a start script) are fine. Where the
//! directory is missing or broken the local headers are searched for and read instead.
//!
//! Format: APPNOTE.TXT 6.3.10 (sections 4.3 and 4.4), with zip64; methods "stored" and "deflate". No splitting, no encryption.
//! The `zip` crate is not used: it indexes every entry before the first can be read, keeps only the last of several entries
//! with one name, and cannot read archives without directory from memory.

use std::ops::Range;

use flate2::{Crc, Decompress, FlushDecompress, Status};
use memchr::memmem;
use plimsoll_model::ProblemKind;

const LOCAL: &[u8; 4] = b"PK\x03\x04";
const CENTRAL: &[u8; 4] = b"PK\x01\x02";
const END: &[u8; 4] = b"PK\x05\x06";
const END64: &[u8; 4] = b"PK\x06\x06";
const LOCATOR64: &[u8; 4] = b"PK\x06\x07";

/// Why something could not be read.
pub(super) type Fault = (ProblemKind, &'static str);

const fn corrupt<T>(detail: &'static str) -> Result<T, Fault> {
    Err((ProblemKind::Corrupt, detail))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The next `count` bytes from `at`, as a range inside `bytes`.
fn range(bytes: &[u8], at: usize, count: u64) -> Option<Range<usize>> {
    let end = at.checked_add(usize::try_from(count).ok()?)?;
    (end <= bytes.len()).then_some(at..end)
}

/// A position in the list of entries. Borrows nothing: the bytes come with every call.
pub(super) struct Cursor {
    at: usize,
    end: usize,
    /// Bytes before the archive, which its offsets do not count.
    shift: u64,
    /// Entries that the directory says it has and that were not seen yet, modulo 65,536. `None` while searching.
    left: Option<u16>,
}

/// One entry of an archive.
pub(super) struct Entry<'a> {
    /// Its name, as written.
    pub(super) name: &'a [u8],
    method: u16,
    encrypted: bool,
    crc: u32,
    place: Place,
}

enum Place {
    /// Local header at this offset, compressed size.
    Header(u64, u64),
    /// The data themselves; whether their length is known.
    Data(Range<usize>, bool),
}

/// Does this look like a zip archive at all?
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(LOCAL) || bytes.starts_with(END) || find_end(bytes).is_some()
}

/// Where the end record stands: the last one whose comment reaches exactly to the end of the file, else the last.
fn find_end(bytes: &[u8]) -> Option<usize> {
    let from = bytes.len().saturating_sub(22 + usize::from(u16::MAX));
    let tail = &bytes[from..];
    let fits = |at: &usize| {
        u16_at(tail, at + 20).is_some_and(|comment| at + 22 + usize::from(comment) == tail.len())
    };
    let complete = |at: &usize| at + 22 <= tail.len();
    let found = memmem::rfind_iter(tail, END).filter(complete).find(fits);
    found.or_else(|| memmem::rfind_iter(tail, END).find(complete)).map(|at| from + at)
}

impl Cursor {
    /// Finds the directory. Without one the cursor searches for local headers, and says so.
    pub(super) fn open(bytes: &[u8]) -> (Self, Option<Fault>) {
        let search = Cursor { at: 0, end: bytes.len(), shift: 0, left: None };
        let Some(end) = find_end(bytes) else {
            return (
                search,
                Some((ProblemKind::Truncated, "the zip directory is missing: the file is cut off")),
            );
        };
        match Self::directory(bytes, end) {
            Some(cursor) => (cursor, None),
            None => {
                (search, Some((ProblemKind::Corrupt, "the zip directory is not where the file says it is")))
            }
        }
    }

    fn directory(bytes: &[u8], end: usize) -> Option<Self> {
        let mut count = u64::from(u16_at(bytes, end + 10)?);
        let mut size = u64::from(u32_at(bytes, end + 12)?);
        let mut offset = u64::from(u32_at(bytes, end + 16)?);
        let mut directory_end = end;
        if count == 0xffff || size == 0xffff_ffff || offset == 0xffff_ffff {
            let locator = end.checked_sub(20).filter(|at| bytes[*at..].starts_with(LOCATOR64));
            if let Some(locator) = locator {
                // The record stands right before its locator unless it was extended; the stated place ignores a prefix.
                let stated = usize::try_from(u64_at(bytes, locator + 8)?).ok();
                let places = [locator.checked_sub(56), stated];
                let record = places
                    .into_iter()
                    .flatten()
                    .find(|at| bytes.get(*at..).is_some_and(|rest| rest.starts_with(END64)))?;
                count = u64_at(bytes, record + 32)?;
                size = u64_at(bytes, record + 40)?;
                offset = u64_at(bytes, record + 48)?;
                directory_end = record;
            }
        }
        let starts_entry = |at: usize| {
            if size == 0 {
                at == directory_end
            } else {
                bytes.get(at..).is_some_and(|rest| rest.starts_with(CENTRAL))
            }
        };
        let before_end = usize::try_from(size).ok().and_then(|size| directory_end.checked_sub(size));
        let start = before_end.filter(|at| starts_entry(*at)).or_else(|| {
            usize::try_from(offset).ok().filter(|at| *at <= directory_end && starts_entry(*at))
        })?;
        let shift = (start as u64).checked_sub(offset)?;
        Some(Cursor {
            at: start,
            end: directory_end,
            shift,
            left: Some(count.to_le_bytes()[..2].try_into().map(u16::from_le_bytes).ok()?),
        })
    }

    /// The next entry; `Err` when the directory breaks off, after which there is none.
    pub(super) fn next<'a>(&mut self, bytes: &'a [u8]) -> Option<Result<Entry<'a>, Fault>> {
        let Some(left) = self.left else { return self.search(bytes).map(Ok) };
        if self.at >= self.end {
            self.left = Some(0);
            return (left != 0).then(|| corrupt("the zip directory has not as many entries as it says"));
        }
        let Some(entry) = self.central(bytes) else {
            (self.at, self.left) = (self.end, Some(0));
            return Some(corrupt("the zip directory is damaged"));
        };
        self.left = Some(left.wrapping_sub(1));
        Some(Ok(entry))
    }

    /// Section 4.3.12.
    fn central<'a>(&mut self, bytes: &'a [u8]) -> Option<Entry<'a>> {
        let header = bytes.get(self.at..self.end)?;
        if !header.starts_with(CENTRAL) {
            return None;
        }
        let name_length = usize::from(u16_at(header, 28)?);
        let extra_length = usize::from(u16_at(header, 30)?);
        let comment_length = usize::from(u16_at(header, 32)?);
        let name = header.get(46..46 + name_length)?;
        let extra = header.get(46 + name_length..46 + name_length + extra_length)?;
        let mut packed = u64::from(u32_at(header, 20)?);
        let size = u32_at(header, 24)?;
        let mut offset = u64::from(u32_at(header, 42)?);
        if let Some(mut large) = zip64(extra) {
            // Section 4.5.3: only the values that do not fit stand here, in this order.
            let mut take = || {
                large
                    .split_first_chunk::<8>()
                    .map(|(first, rest)| (large = rest, u64::from_le_bytes(*first)).1)
            };
            if size == u32::MAX {
                take();
            }
            if packed == 0xffff_ffff {
                packed = take()?;
            }
            if offset == 0xffff_ffff {
                offset = take()?;
            }
        }
        let entry = Entry {
            name,
            method: u16_at(header, 10)?,
            encrypted: u16_at(header, 8)? & 1 != 0,
            crc: u32_at(header, 16)?,
            place: Place::Header(offset.checked_add(self.shift)?, packed),
        };
        self.at = self.at.checked_add(46 + name_length + extra_length + comment_length)?;
        Some(entry)
    }

    /// Section 4.3.7, found by signature.
    fn search<'a>(&mut self, bytes: &'a [u8]) -> Option<Entry<'a>> {
        loop {
            let at = self.at + memmem::find(bytes.get(self.at..)?, LOCAL)?;
            self.at = at + LOCAL.len();
            let Some((flags, data_at)) = u16_at(bytes, at + 6).zip(local_data(bytes, at)) else { continue };
            let name_end = at + 30 + usize::from(u16_at(bytes, at + 26)?);
            let Some(name) = bytes.get(at + 30..name_end) else { continue };
            let mut packed = u64::from(u32_at(bytes, at + 18)?);
            if let Some(large) = bytes.get(name_end..data_at).and_then(zip64)
                && packed == 0xffff_ffff
            {
                packed = u64_at(large, 8).unwrap_or(packed);
            }
            // Bit 3: sizes and checksum follow the data instead.
            let known = flags & 8 == 0;
            let data = if known { range(bytes, data_at, packed) } else { None };
            // Headers are never read twice, so the search stays linear.
            self.at = data.as_ref().map_or(data_at, |data| data.end);
            return Some(Entry {
                name,
                method: u16_at(bytes, at + 8)?,
                encrypted: flags & 1 != 0,
                crc: u32_at(bytes, at + 14)?,
                place: Place::Data(data.clone().unwrap_or(data_at..bytes.len()), data.is_some()),
            });
        }
    }
}

/// The zip64 part of an entry's extra fields.
fn zip64(mut extra: &[u8]) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16_at(extra, 2)?);
        let field = extra.get(4..4 + length)?;
        if u16_at(extra, 0)? == 1 {
            return Some(field);
        }
        extra = &extra[4 + length..];
    }
}

/// Where the data behind the local header at `at` start.
fn local_data(bytes: &[u8], at: usize) -> Option<usize> {
    let start = at
        .checked_add(30)?
        .checked_add(u16_at(bytes, at + 26)?.into())?
        .checked_add(u16_at(bytes, at + 28)?.into())?;
    (start <= bytes.len()).then_some(start)
}

/// The content of an entry.
#[derive(Debug)]
pub(super) enum Content {
    /// It stands in the archive as it is.
    Stored(Range<usize>),
    /// It was inflated.
    Inflated(Vec<u8>),
}

impl Content {
    /// The bytes.
    pub(super) fn bytes<'a>(&'a self, archive: &'a [u8]) -> &'a [u8] {
        match self {
            Content::Stored(range) => &archive[range.clone()],
            Content::Inflated(bytes) => bytes,
        }
    }
}

impl Entry<'_> {
    /// The whole content, of at most `limit` bytes, with its checksum compared. `spent` grows by the bytes that were
    /// looked at, also where nothing came of it.
    pub(super) fn read(&self, archive: &[u8], limit: usize, spent: &mut u64) -> Result<Content, Fault> {
        let (content, complete) = self.read_start(archive, limit, spent)?;
        if !complete {
            return Err((ProblemKind::LimitExceeded, "an entry is larger than is read"));
        }
        let mut crc = Crc::new();
        crc.update(content.bytes(archive));
        // Without a directory the checksum may stand behind the data.
        if crc.sum() != self.crc && !matches!(self.place, Place::Data(_, false)) {
            return corrupt("the checksum of an entry does not fit its content");
        }
        Ok(content)
    }

    /// The content or the first `limit` bytes of it, and whether that is all.
    pub(super) fn read_start(
        &self,
        archive: &[u8],
        limit: usize,
        spent: &mut u64,
    ) -> Result<(Content, bool), Fault> {
        if self.encrypted {
            return Err((ProblemKind::Unsupported, "an entry is encrypted"));
        }
        let (data, known) = match &self.place {
            Place::Data(data, known) => (data.clone(), *known),
            Place::Header(offset, packed) => {
                let start = usize::try_from(*offset)
                    .ok()
                    .filter(|at| archive.get(*at..).is_some_and(|rest| rest.starts_with(LOCAL)))
                    .and_then(|at| local_data(archive, at));
                let Some(start) = start else {
                    return corrupt("the zip directory points to where no entry is");
                };
                match range(archive, start, *packed) {
                    Some(data) => (data, true),
                    None => return Err((ProblemKind::Truncated, "the content of an entry is cut off")),
                }
            }
        };
        match self.method {
            0 if !known => Err((ProblemKind::Truncated, "the length of an entry is not known")),
            0 => {
                let complete = data.len() <= limit;
                let end = data.start + data.len().min(limit);
                *spent += data.len().min(limit) as u64;
                Ok((Content::Stored(data.start..end), complete))
            }
            8 => inflate(&archive[data], limit, spent)
                .map(|(bytes, complete)| (Content::Inflated(bytes), complete)),
            _ => Err((ProblemKind::Unsupported, "an entry is compressed in a way that Java does not know")),
        }
    }
}

fn inflate(mut input: &[u8], limit: usize, spent: &mut u64) -> Result<(Vec<u8>, bool), Fault> {
    let mut inflater = Decompress::new(false);
    let mut output = Vec::new();
    loop {
        // Grows as it fills: what an archive says of sizes is no reason to allocate.
        let room =
            output.len().max(input.len().saturating_mul(2)).clamp(512, 1 << 20).min(limit - output.len() + 1);
        output.reserve_exact(room);
        let before = (inflater.total_in(), output.len());
        let status = inflater.decompress_vec(input, &mut output, FlushDecompress::None);
        let taken = usize::try_from(inflater.total_in() - before.0).unwrap_or(usize::MAX);
        input = input.get(taken..).unwrap_or_default();
        *spent += (output.len() - before.1) as u64;
        if output.len() > limit {
            output.truncate(limit);
            return Ok((output, false));
        }
        match status {
            Ok(Status::StreamEnd) => return Ok((output, true)),
            Ok(_) if taken > 0 || output.len() > before.1 => {}
            Ok(_) => return Err((ProblemKind::Truncated, "the content of an entry is cut off")),
            Err(_) => return corrupt("the content of an entry is damaged"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;
    use zip::CompressionMethod;
    use zip::write::SimpleFileOptions;

    use super::*;

    const FILES: &[(&str, &[u8])] =
        &[("a", b"first"), ("dir/b.txt", b"second second second second"), ("empty", b"")];

    fn archive(method: CompressionMethod, large: bool, comment: &str) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(method).large_file(large);
        for (name, content) in FILES {
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.set_comment(comment).unwrap();
        writer.finish().unwrap().into_inner()
    }

    type Listing = Vec<(String, Result<Vec<u8>, Fault>)>;

    fn list(bytes: &[u8]) -> (Listing, Vec<Fault>) {
        let (mut cursor, fault) = Cursor::open(bytes);
        let mut faults: Vec<Fault> = fault.into_iter().collect();
        let mut found = Vec::new();
        while let Some(entry) = cursor.next(bytes) {
            match entry {
                Ok(entry) => {
                    let content =
                        entry.read(bytes, 1 << 20, &mut 0).map(|content| content.bytes(bytes).to_vec());
                    found.push((String::from_utf8_lossy(entry.name).into_owned(), content));
                }
                Err(fault) => faults.push(fault),
            }
        }
        (found, faults)
    }

    fn expected() -> Listing {
        FILES.iter().map(|(name, content)| ((*name).to_owned(), Ok(content.to_vec()))).collect()
    }

    #[test]
    fn what_the_zip_crate_writes() {
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            for large in [false, true] {
                for comment in
                    ["", "a comment", "PK\x05\x06 in a comment that looks like the end of a directory"]
                {
                    let bytes = archive(method, large, comment);
                    assert_eq!(list(&bytes), (expected(), vec![]), "{method} {large} {comment}");
                    let with_script = [b"#!/bin/sh\nexec java -jar $0\n", bytes.as_slice()].concat();
                    assert_eq!(list(&with_script), (expected(), vec![]), "{method} {large} {comment}");
                }
            }
        }
    }

    #[test]
    fn more_entries_than_the_old_form_can_count() {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for index in 0..70_000 {
            writer.start_file(index.to_string(), options).unwrap();
        }
        let bytes = [b"prefix".to_vec(), writer.finish().unwrap().into_inner()].concat();
        let (found, faults) = list(&bytes);
        assert_eq!((found.len(), faults), (70_000, vec![]));
    }

    #[test]
    fn cut_off_archives_give_what_is_whole() {
        let bytes = archive(CompressionMethod::Deflated, false, "");
        for length in 0..bytes.len() {
            let (found, faults) = list(&bytes[..length]);
            assert!(!faults.is_empty(), "{length}");
            for (found, expected) in found.iter().zip(expected()) {
                assert!(found == &expected || found.1.is_err(), "{length}: {found:?}");
            }
        }
        let directory = memmem::find(&bytes, CENTRAL).unwrap();
        assert_eq!(list(&bytes[..directory]).0, expected());
    }

    fn check_fault(change: impl FnOnce(&mut Vec<u8>), expected: &str) {
        let mut bytes = archive(CompressionMethod::Deflated, false, "");
        change(&mut bytes);
        let (found, mut faults) = list(&bytes);
        faults.extend(found.into_iter().filter_map(|(_, content)| content.err()));
        assert!(faults.iter().any(|(_, detail)| detail.contains(expected)), "{expected}: {faults:?}");
    }

    #[test]
    fn lies_are_told() {
        let end = |bytes: &[u8]| find_end(bytes).unwrap();
        let central = |bytes: &[u8]| memmem::find(bytes, CENTRAL).unwrap();
        check_fault(|bytes| (*bytes).clear(), "cut off");
        check_fault(
            |bytes| {
                let at = end(bytes);
                bytes[at + 10] = 9;
            },
            "as many entries",
        );
        check_fault(
            |bytes| {
                let at = end(bytes);
                bytes[at + 16] ^= 0x80;
                bytes[at + 12] ^= 0x40;
            },
            "not where",
        );
        check_fault(
            |bytes| {
                let at = central(bytes);
                bytes[at + 42] = 1;
            },
            "where no entry is",
        );
        check_fault(
            |bytes| {
                let at = central(bytes);
                bytes[at + 23] = 0x7f;
            },
            "cut off",
        );
        check_fault(
            |bytes| {
                let at = central(bytes);
                bytes[at + 28] = 0xff;
            },
            "damaged",
        );
        check_fault(
            |bytes| {
                let at = central(bytes);
                bytes[at + 16] ^= 1;
            },
            "checksum",
        );
        check_fault(
            |bytes| {
                let at = central(bytes);
                bytes[at + 10] = 12;
            },
            "Java does not know",
        );
        check_fault(
            |bytes| {
                let at = central(bytes);
                bytes[at + 8] |= 1;
            },
            "encrypted",
        );
    }

    #[test]
    fn limits_hold() {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        writer.start_file("bomb", SimpleFileOptions::default()).unwrap();
        writer.write_all(&vec![0; 4 << 20]).unwrap();
        let bytes = writer.finish().unwrap().into_inner();
        let entry = Cursor::open(&bytes).0.next(&bytes).unwrap().unwrap();
        assert_eq!(entry.read(&bytes, 1000, &mut 0).unwrap_err().0, ProblemKind::LimitExceeded);
        let (start, complete) = entry.read_start(&bytes, 1000, &mut 0).unwrap();
        assert_eq!((start.bytes(&bytes), complete), (&[0; 1000][..], false));
        assert!(entry.read(&bytes, 4 << 20, &mut 0).is_ok());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            list(&bytes);
        }

        #[test]
        fn changed_archives_never_panic(large: bool, changes in proptest::collection::vec((0_usize..600, any::<u8>()), 1..12), cut in 0_usize..600) {
            let mut bytes = archive(CompressionMethod::Deflated, large, "comment");
            for (at, value) in changes {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            list(&bytes);
            bytes.truncate(cut);
            list(&bytes);
        }
    }
}
