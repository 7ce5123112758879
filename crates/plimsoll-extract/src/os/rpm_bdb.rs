//! The rpm database as a Berkeley DB hash: `Packages`, up to RHEL 8, Amazon Linux 2, SLES 12.
//!
//! Format: Berkeley DB 4 to 5, `db_page.h`: pages of one size, the first one metadata; hash pages hold pairs of key and data
//! from their end downwards; data that does not fit is a chain of overflow pages. Buckets, locks and logs are not needed to
//! list everything: all pages are read in order. Each overflow page is used once, so that no chain can be a cycle and
//! the work is linear in the file, whatever it says.

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Problem, ProblemKind};

use super::rpm::{Database, MAX_DATABASE, is_file};
use crate::{Extraction, Extractor, Reader};

/// The rpm database in Berkeley DB form.
pub static RPM_BDB: Extractor = Extractor {
    name: "os/rpm_bdb",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| is_file(entry.path, b"Packages"),
    read: Reader::Whole { limit: MAX_DATABASE, parse },
};

const MAGIC_HASH: u32 = 0x0006_1561;
const PAGE_HEADER: usize = 26;
const TYPE_HASH_UNSORTED: u8 = 2;
const TYPE_OVERFLOW: u8 = 7;
const TYPE_HASH: u8 = 13;
const ITEM_INLINE: u8 = 1;
const ITEM_OFF_PAGE: u8 = 3;

struct Pages<'a> {
    input: &'a [u8],
    size: usize,
    big_endian: bool,
    /// Overflow pages that a chain has passed.
    used: Vec<bool>,
}

impl<'a> Pages<'a> {
    fn u32_at(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let four = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    }

    fn u16_at(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let two = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(usize::from(if self.big_endian { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) }))
    }

    fn page(&self, number: usize) -> Option<&'a [u8]> {
        let start = number.checked_mul(self.size)?;
        self.input.get(start..start.checked_add(self.size)?)
    }

    /// Data of `length` bytes in a chain of overflow pages.
    fn overflow(&mut self, first: u32, length: usize) -> Result<Vec<u8>, &'static str> {
        let mut data = Vec::new();
        let mut next = first;
        while data.len() < length {
            let number = usize::try_from(next).unwrap_or(usize::MAX);
            let page = self.page(number).ok_or("a page of it is beyond the end of the file")?;
            if number == 0 || page[25] != TYPE_OVERFLOW {
                return Err("a page of it is no overflow page");
            }
            match self.used.get_mut(number) {
                Some(used) if !*used => *used = true,
                _ => return Err("a page of it is used twice"),
            }
            let used = self.u16_at(page, 22).unwrap_or_default();
            let part = page.get(PAGE_HEADER..PAGE_HEADER + used).filter(|part| !part.is_empty());
            let part = part.ok_or("a page of it says more data than a page has, or none")?;
            data.extend_from_slice(&part[..part.len().min(length - data.len())]);
            next = self.u32_at(page, 16).unwrap_or_default();
        }
        Ok(data)
    }
}

/// Reads the database. Pages that are broken become problems; packages on the others are still reported.
pub fn parse(path: &ImagePath, input: &[u8]) -> Extraction {
    let mut pages = match open(path, input) {
        Ok(pages) => pages,
        Err(problem) => return Extraction::problem(problem),
    };
    let mut database = Database::new(path);
    let said = pages.u32_at(input, 32).map_or(0, |last| u64::from(last) + 1);
    let there = input.len() / pages.size;
    if said > there as u64 || !input.len().is_multiple_of(pages.size) {
        database.problems.truncated(format!("has {said} pages, but only {there} are there"));
    }
    for number in 1..there.min(usize::try_from(said).unwrap_or(usize::MAX)) {
        let Some(page) = pages.page(number) else { break };
        if matches!(page[25], TYPE_HASH | TYPE_HASH_UNSORTED) {
            hash_page(&mut pages, page, number, &mut database);
        }
    }
    database.finish()
}

fn open<'a>(path: &ImagePath, input: &'a [u8]) -> Result<Pages<'a>, Problem> {
    if input.len() < 512 {
        let detail = format!("ends after {} bytes, within its first page", input.len());
        return Err(Problem::incomplete(ProblemKind::Truncated, path, detail));
    }
    let mut pages = Pages { input, size: 0, big_endian: false, used: Vec::new() };
    if pages.u32_at(input, 12) != Some(MAGIC_HASH) {
        pages.big_endian = true;
        if pages.u32_at(input, 12) != Some(MAGIC_HASH) {
            return Err(Problem::corrupt(path, "is not a Berkeley DB hash"));
        }
    }
    let size = pages.u32_at(input, 20).unwrap_or_default();
    if !size.is_power_of_two() || !(512..=65_536).contains(&size) {
        return Err(Problem::corrupt(path, format!("says a page size of {size} bytes")));
    }
    if input[24] != 0 {
        return Err(Problem::incomplete(ProblemKind::Unsupported, path, "is encrypted"));
    }
    pages.size = size as usize;
    pages.used = vec![false; input.len() / pages.size];
    Ok(pages)
}

/// Pairs of key and data. Items grow from the end of the page: each one ends where the one before it begins.
fn hash_page(pages: &mut Pages<'_>, page: &[u8], number: usize, database: &mut Database<'_>) {
    let count = pages.u16_at(page, 20).unwrap_or_default();
    let mut end = page.len();
    let mut key: &[u8] = &[];
    for index in 0..count {
        let start = pages.u16_at(page, PAGE_HEADER + 2 * index).unwrap_or_default();
        let Some(item) = page.get(start..end).filter(|item| start >= PAGE_HEADER && !item.is_empty()) else {
            database.problems.corrupt(format!("page {number}: item {index} is not within the page"));
            return;
        };
        end = start;
        if index % 2 == 0 {
            key = item;
            continue;
        }
        // Package number 0 is rpm's counter, not a package.
        if matches!(key, [ITEM_INLINE, 0, 0, 0, 0]) {
            continue;
        }
        let place = format!("page {number}, item {index}");
        match item[0] {
            ITEM_INLINE => database.add(&item[1..], &place),
            ITEM_OFF_PAGE => {
                let (Some(first), Some(length)) = (pages.u32_at(item, 4), pages.u32_at(item, 8)) else {
                    database.problems.corrupt(format!("{place} is cut off"));
                    continue;
                };
                match pages.overflow(first, length as usize) {
                    Ok(blob) => database.add(&blob, &place),
                    Err(error) => {
                        database.problems.corrupt(format!("data of {place} cannot be read: {error}"));
                    }
                }
            }
            other => database.problems.corrupt(format!("{place} has the unknown type {other}")),
        }
    }
}

/// Reads arbitrary bytes: no panic, no endless loop.
pub fn fuzz(input: &[u8]) {
    let found = parse(&ImagePath::from("var/lib/rpm/Packages"), input);
    assert!(found.packages.len() <= input.len());
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::rpm_header::tag;
    use super::super::rpm_header::tests::{Value, header};
    use super::*;

    const SIZE: usize = 512;

    fn page(kind: u8, next: u32, used: usize) -> Vec<u8> {
        let mut page = vec![0; SIZE];
        page[16..20].copy_from_slice(&next.to_le_bytes());
        page[22..24].copy_from_slice(&u16::try_from(used).unwrap().to_le_bytes());
        page[25] = kind;
        page
    }

    /// A hash page whose one pair has this key and a data item.
    fn pair(key: [u8; 4], data: &[u8]) -> Vec<u8> {
        let mut page = page(TYPE_HASH, 0, 0);
        let key_at = SIZE - 5;
        let data_at = key_at - data.len();
        page[20] = 2;
        page[26..28].copy_from_slice(&u16::try_from(key_at).unwrap().to_le_bytes());
        page[28..30].copy_from_slice(&u16::try_from(data_at).unwrap().to_le_bytes());
        page[key_at] = ITEM_INLINE;
        page[key_at + 1..].copy_from_slice(&key);
        page[data_at..key_at].copy_from_slice(data);
        page
    }

    fn off_page(first: u32, length: u32) -> Vec<u8> {
        [vec![ITEM_OFF_PAGE, 0, 0, 0], first.to_le_bytes().to_vec(), length.to_le_bytes().to_vec()].concat()
    }

    fn overflow(next: u32, data: &[u8]) -> Vec<u8> {
        let mut page = page(TYPE_OVERFLOW, next, data.len());
        page[PAGE_HEADER..PAGE_HEADER + data.len()].copy_from_slice(data);
        page
    }

    fn database(pages: &[Vec<u8>]) -> Vec<u8> {
        let mut meta = page(8, 0, 0);
        meta[12..16].copy_from_slice(&MAGIC_HASH.to_le_bytes());
        meta[20..24].copy_from_slice(&u32::try_from(SIZE).unwrap().to_le_bytes());
        meta[32..36].copy_from_slice(&u32::try_from(pages.len()).unwrap().to_le_bytes());
        [&[meta], pages].concat().concat()
    }

    fn blob() -> Vec<u8> {
        let text = Value::Text;
        header(&[
            (tag::NAME, text("bash")),
            (tag::VERSION, text("5")),
            (tag::RELEASE, text(&"1".repeat(600))),
        ])
    }

    /// A sound database of one package, for others to damage.
    pub(crate) fn seed() -> Vec<u8> {
        let blob = blob();
        let (one, two) = blob.split_at(400);
        let off = off_page(2, u32::try_from(blob.len()).unwrap());
        database(&[pair([1, 0, 0, 0], &off), overflow(3, one), overflow(0, two)])
    }

    fn check(input: &[u8], packages: usize, problems: usize) {
        let found = parse(&ImagePath::from("var/lib/rpm/Packages"), input);
        assert_eq!(found.problems.len(), problems, "{:?}", found.problems);
        assert_eq!(found.packages.len(), packages);
    }

    #[test]
    fn items_in_line_and_off_page() {
        let small = header(&[
            (tag::NAME, Value::Text("a")),
            (tag::VERSION, Value::Text("1")),
            (tag::RELEASE, Value::Text("1")),
        ]);
        let whole = seed();
        check(&whole, 1, 0);
        check(&database(&[pair([2, 0, 0, 0], &[&[ITEM_INLINE], &small[..]].concat())]), 1, 0);
        check(&database(&[pair([0, 0, 0, 0], &[ITEM_INLINE, 9, 9, 9, 9])]), 0, 0);
        check(&whole[..whole.len() - 1], 0, 2);
        check(&whole[..600], 0, 1);
        check(b"", 0, 1);
        check(&[0; 4096], 0, 1);
    }

    #[test]
    fn chains_that_do_not_end() {
        let huge = off_page(2, u32::MAX);
        check(&database(&[pair([1, 0, 0, 0], &huge), overflow(2, &[1; 400])]), 0, 1);
        check(&database(&[pair([1, 0, 0, 0], &huge), overflow(3, &[1; 400]), overflow(2, &[1; 400])]), 0, 1);
        check(&database(&[pair([1, 0, 0, 0], &huge), overflow(0, &[1; 400])]), 0, 1);
        check(&database(&[pair([1, 0, 0, 0], &huge), overflow(0, &[])]), 0, 1);
        check(&database(&[pair([1, 0, 0, 0], &off_page(u32::MAX, 5))]), 0, 1);
        check(&database(&[pair([1, 0, 0, 0], &off_page(1, 5))]), 0, 1);
        // Two packages that name the same chain.
        let off = off_page(3, u32::try_from(blob().len()).unwrap());
        let mut chain = blob();
        let tail = chain.split_off(400);
        let pages =
            [pair([1, 0, 0, 0], &off), pair([2, 0, 0, 0], &off), overflow(4, &chain), overflow(0, &tail)];
        check(&database(&pages), 1, 1);
    }

    #[test]
    fn items_outside_the_page() {
        for offsets in [[0_u16, 0], [0xffff, 0xffff], [500, 500], [10, 5]] {
            let mut page = page(TYPE_HASH, 0, 0);
            page[20] = 2;
            page[26..28].copy_from_slice(&offsets[0].to_le_bytes());
            page[28..30].copy_from_slice(&offsets[1].to_le_bytes());
            check(&database(&[page]), 0, 1);
        }
    }
}
