//! The rpm database in rpm's own form: `Packages.db`, SUSE since SLES 15 SP3.
//!
//! Format: rpm `lib/backend/ndb/rpmpkg.c`, version 0. Little endian. A header of 32 bytes, pages of slots of 16 bytes (package
//! number, block, number of blocks), and blobs in blocks of 16 bytes, each between a head and a tail that repeat the package
//! number and the length. Blobs of a sound database do not overlap, so all of them together may not be longer than the
//! file: this bounds the work.

use std::collections::HashSet;

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Problem, ProblemKind};

use super::rpm::{Database, MAX_DATABASE, is_file};
use crate::{Extraction, Extractor, Reader};

/// The rpm database in NDB form.
pub static RPM_NDB: Extractor = Extractor {
    name: "os/rpm_ndb",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| is_file(entry.path, b"Packages.db"),
    read: Reader::Whole { limit: MAX_DATABASE, parse },
};

const MAGIC: &[u8] = b"RpmP";
const MAGIC_SLOT: &[u8] = b"Slot";
const MAGIC_BLOB: &[u8] = b"BlbS";
const MAGIC_TAIL: &[u8] = b"BlbE";
const PAGE: usize = 4096;
const SLOT: usize = 16;
/// Blocks, heads of blobs.
const BLOCK: usize = 16;
/// Slots that the header takes the place of.
const HEADER_SLOTS: usize = 2;

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

/// Reads the database. A broken slot or blob becomes a problem; the other packages are still reported.
pub fn parse(path: &ImagePath, input: &[u8]) -> Extraction {
    let (Some(version), Some(slot_pages)) = (u32_at(input, 4), u32_at(input, 12)) else {
        let detail = format!("ends after {} bytes, within its header", input.len());
        return Extraction::problem(Problem::incomplete(ProblemKind::Truncated, path, detail));
    };
    if !input.starts_with(MAGIC) {
        return Extraction::problem(Problem::corrupt(path, "is not an rpm NDB database"));
    }
    if version != 0 {
        let detail = format!("has version {version} of the format; 0 is known");
        return Extraction::problem(Problem::incomplete(ProblemKind::Unsupported, path, detail));
    }
    let mut database = Database::new(path);
    let said = (slot_pages as usize).saturating_mul(PAGE);
    if said > input.len() {
        database.problems.truncated(format!("says {slot_pages} pages of slots, which is more than the file"));
    }
    let slots = &input[..said.min(input.len())];
    let mut left = input.len();
    let mut seen = HashSet::new();
    for (number, slot) in slots.chunks_exact(SLOT).enumerate().skip(HEADER_SLOTS) {
        if !slot.starts_with(MAGIC_SLOT) {
            database.problems.corrupt(format!("slot {number} is none"));
            continue;
        }
        let (index, start) = (u32_at(slot, 4).unwrap_or_default(), u32_at(slot, 8).unwrap_or_default());
        if start == 0 {
            continue;
        }
        let blocks = u32_at(slot, 12).unwrap_or_default();
        if !seen.insert(index) {
            database.problems.corrupt(format!("slot {number}: package number {index} is there twice"));
            continue;
        }
        match blob(input, index, start as usize, blocks as usize) {
            Ok(blob) if blob.len() <= left => {
                left -= blob.len();
                database.add(blob, &format!("package number {index}"));
            }
            Ok(_) => {
                database.problems.corrupt(format!("slot {number}: blobs overlap"));
                break;
            }
            Err(error) => database.problems.corrupt(format!("package number {index}: {error}")),
        }
    }
    database.finish()
}

/// The blob of package `index`, between its head and its tail.
fn blob(input: &[u8], index: u32, start: usize, blocks: usize) -> Result<&[u8], &'static str> {
    let start = start.checked_mul(BLOCK).ok_or("its block is beyond the end of the file")?;
    let length = blocks.checked_mul(BLOCK).ok_or("its blocks are beyond the end of the file")?;
    let end = start.checked_add(length).ok_or("its blocks are beyond the end of the file")?;
    let bytes = input.get(start..end).ok_or("its blocks are beyond the end of the file")?;
    if !bytes.starts_with(MAGIC_BLOB) || u32_at(bytes, 4) != Some(index) {
        return Err("its block begins with no blob of this number");
    }
    let size = u32_at(bytes, 12).ok_or("its blob is cut off")? as usize;
    // Tail: checksum, length, magic, at the very end of the last block.
    let tail = bytes.len().checked_sub(12).and_then(|at| bytes.get(at..)).unwrap_or_default();
    if !tail.ends_with(MAGIC_TAIL) || u32_at(tail, 4).map(|size| size as usize) != Some(size) {
        return Err("its blob does not end where it says");
    }
    let body = &bytes[BLOCK..];
    let padded = body.get(..body.len().saturating_sub(12)).unwrap_or_default();
    padded.get(..size).ok_or("its blob is longer than its blocks")
}

/// Reads arbitrary bytes: no panic, and no more packages than slots.
pub fn fuzz(input: &[u8]) {
    let found = parse(&ImagePath::from("var/lib/rpm/Packages.db"), input);
    assert!(found.packages.len() <= input.len() / SLOT);
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::rpm_header::tag;
    use super::super::rpm_header::tests::{Value, header};
    use super::*;

    fn number(value: usize) -> [u8; 4] {
        u32::try_from(value).unwrap().to_le_bytes()
    }

    /// A database with one page of slots; each slot is (index, block, blocks), blobs stand from block 256 on.
    fn database(slots: &[(usize, usize, usize)], blobs: &[Vec<u8>]) -> Vec<u8> {
        let mut page = [MAGIC, &number(0), &number(1), &number(1)].concat();
        page.resize(32, 0);
        for (index, block, blocks) in slots {
            page.extend([MAGIC_SLOT, &number(*index), &number(*block), &number(*blocks)].concat());
        }
        while page.len() < PAGE {
            page.extend([MAGIC_SLOT, &[0; 12]].concat());
        }
        [&[page], blobs].concat().concat()
    }

    fn blob(index: usize, name: &str) -> Vec<u8> {
        let text = Value::Text;
        let header = header(&[(tag::NAME, text(name)), (tag::VERSION, text("1")), (tag::RELEASE, text("1"))]);
        let mut blob = [MAGIC_BLOB, &number(index), &number(1), &number(header.len()), &header].concat();
        let blocks = (blob.len() + 12).div_ceil(BLOCK);
        blob.resize(blocks * BLOCK - 12, 0);
        blob.extend([&number(0), &number(header.len()), MAGIC_TAIL].concat());
        blob
    }

    /// A sound database of two packages, for others to damage.
    pub(crate) fn seed() -> Vec<u8> {
        let (one, two) = (blob(1, "a"), blob(2, "bb"));
        let blocks = one.len() / BLOCK;
        database(&[(1, 256, blocks), (2, 256 + blocks, two.len() / BLOCK)], &[one, two])
    }

    fn check(input: &[u8], packages: usize, problems: usize) {
        let found = parse(&ImagePath::from("var/lib/rpm/Packages.db"), input);
        assert_eq!(found.problems.len(), problems, "{:?}", found.problems);
        assert_eq!(found.packages.len(), packages);
    }

    #[test]
    fn packages() {
        let whole = seed();
        let one = blob(1, "a");
        let blocks = one.len() / BLOCK;
        check(&whole, 2, 0);
        check(&whole[..whole.len() - 1], 1, 1);
        check(&database(&[(1, 256, blocks), (1, 256, blocks)], std::slice::from_ref(&one)), 1, 1);
        check(&database(&[(2, 256, blocks)], std::slice::from_ref(&one)), 0, 1);
        check(&database(&[(1, 256, blocks - 1)], std::slice::from_ref(&one)), 0, 1);
        check(&database(&[(1, 0xffff_ffff, 0xffff_ffff)], &[one]), 0, 1);
    }

    #[test]
    fn headers() {
        check(b"", 0, 1);
        check(b"RpmP", 0, 1);
        check(&[0; 4096], 0, 1);
        let mut newer = database(&[], &[]);
        newer[4] = 1;
        check(&newer, 0, 1);
        let mut huge = database(&[], &[]);
        huge[12..16].fill(0xff);
        check(&huge, 0, 1);
    }
}
