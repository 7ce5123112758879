//! The rpm database as SQLite: `rpmdb.sqlite`, Fedora 33 and RHEL 9 on, Amazon Linux 2023, Azure Linux.
//!
//! Format: SQLite database file format 3 (sqlite.org/fileformat2.html): the table `Packages (hnum, blob)` is a b-tree of rows
//! whose long values continue on overflow pages. Read by this file rather than by the SQLite library: listing one table
//! takes little, needs no second copy of the file in memory, and keeps hostile schemas (views, triggers, virtual
//! tables) away from a query engine. Each page is visited once, so that neither tree nor chain can be a cycle and the work is
//! linear in the file.
//!
//! Changes that are only in the write-ahead log beside the database are not merged: a log with content is a problem.

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Problem, ProblemKind};

use super::Problems;
use super::rpm::{Database, MAX_DATABASE, is_file};
use crate::{Extraction, Extractor, Reader};

/// The rpm database in SQLite form.
pub static RPM_SQLITE: Extractor = Extractor {
    name: "os/rpm_sqlite",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| is_file(entry.path, b"rpmdb.sqlite"),
    read: Reader::Whole { limit: MAX_DATABASE, parse },
};

/// The write-ahead log beside it.
pub static RPM_SQLITE_LOG: Extractor = Extractor {
    name: "os/rpm_sqlite_log",
    version: 1,
    declares: false,
    // Its header is 32 bytes: without more there is no change in it.
    wants: |entry: &Entry<'_>| entry.size > LOG_HEADER && is_file(entry.path, b"rpmdb.sqlite-wal"),
    read: Reader::Stream {
        parse: |path, _| {
            Ok(Extraction::problem(Problem::incomplete(
                ProblemKind::Unsupported,
                path,
                "holds changes that are not in rpmdb.sqlite yet; they are not read",
            )))
        },
    },
};

const LOG_HEADER: u64 = 32;
const MAGIC: &[u8] = b"SQLite format 3\0";
/// The file's header, in front of the first page's own.
const HEADER: usize = 100;
const INTERIOR_TABLE: u8 = 5;
const LEAF_TABLE: u8 = 13;

struct File<'a> {
    input: &'a [u8],
    size: usize,
    /// Bytes of a page that hold content.
    usable: usize,
    used: Vec<bool>,
}

impl<'a> File<'a> {
    /// A page, counted from 1, that nothing has named before.
    fn page(&mut self, number: u32) -> Result<&'a [u8], &'static str> {
        let index = (number as usize).checked_sub(1).ok_or("page 0 is named")?;
        let start = index.checked_mul(self.size).ok_or("a page is beyond the end of the file")?;
        let end = start.checked_add(self.size).ok_or("a page is beyond the end of the file")?;
        let page = self.input.get(start..end).ok_or("a page is beyond the end of the file")?;
        match self.used.get_mut(index) {
            Some(used) if !*used => *used = true,
            _ => return Err("a page is named twice"),
        }
        page.get(..self.usable).ok_or("a page is shorter than its content")
    }

    /// The page at which a table's tree begins.
    fn root(&mut self, table: &[u8], problems: &mut Problems<'_>) -> Option<u32> {
        let mut root = None;
        self.rows(1, problems, |record, problems| {
            // type, name, table name, root page, statement
            match columns::<4>(record) {
                Some([Value::Bytes(b"table"), Value::Bytes(name), _, Value::Number(page)])
                    if name.eq_ignore_ascii_case(table) =>
                {
                    root = u32::try_from(page).ok();
                }
                Some(_) => {}
                None => problems.corrupt("a row of the schema cannot be read"),
            }
        });
        root
    }

    /// All rows of the table whose tree begins at `root`, as records. What cannot be read is told to `broken`.
    fn rows(
        &mut self,
        root: u32,
        problems: &mut Problems<'_>,
        mut row: impl FnMut(&[u8], &mut Problems<'_>),
    ) {
        let mut pages = vec![root];
        while let Some(number) = pages.pop() {
            let (page, start) = match self.page(number) {
                Ok(page) => (page, if number == 1 { HEADER } else { 0 }),
                Err(error) => {
                    problems.corrupt(format!("page {number} of a table: {error}"));
                    continue;
                }
            };
            if let Err(error) = self.tree_page(page, start, &mut pages, problems, &mut row) {
                problems.corrupt(format!("page {number} of a table: {error}"));
            }
        }
    }

    fn tree_page(
        &mut self,
        page: &'a [u8],
        start: usize,
        pages: &mut Vec<u32>,
        problems: &mut Problems<'_>,
        row: &mut impl FnMut(&[u8], &mut Problems<'_>),
    ) -> Result<(), &'static str> {
        let kind = *page.get(start).ok_or("it is too short")?;
        let cells = u16_at(page, start + 3).ok_or("it is too short")?;
        let pointers = match kind {
            INTERIOR_TABLE => start + 12,
            LEAF_TABLE => start + 8,
            _ => return Err("it is not of a table"),
        };
        let cell = |index: usize| {
            let at = u16_at(page, pointers + 2 * index)?;
            page.get(at..).filter(|_| at > start)
        };
        if kind == INTERIOR_TABLE {
            // From right to left, since the last one pushed is read first: rows keep their order.
            pages.push(u32_at(page, start + 8).ok_or("it is too short")?);
            for index in (0..cells).rev() {
                pages.push(
                    cell(index).and_then(|cell| u32_at(cell, 0)).ok_or("a cell is not within the page")?,
                );
            }
            return Ok(());
        }
        // Cells of a sound page do not overlap.
        let mut left = page.len();
        for index in 0..cells {
            let cell = cell(index).ok_or("a cell is not within the page")?;
            let (size, rest) = varint(cell).ok_or("a cell is not within the page")?;
            let (_row_number, rest) = varint(rest).ok_or("a cell is not within the page")?;
            let size = usize::try_from(size).map_err(|_| "a row says an impossible length")?;
            let local = local_length(size, self.usable);
            let (head, tail) = rest.split_at_checked(local).ok_or("a cell is not within the page")?;
            left = left.checked_sub(local + 1).ok_or("cells overlap")?;
            if local == size {
                row(head, problems);
                continue;
            }
            match u32_at(tail, 0)
                .ok_or("a cell is not within the page")
                .and_then(|next| self.chain(head, size, next))
            {
                Ok(record) => row(&record, problems),
                Err(error) => problems.corrupt(format!("a row cannot be read: {error}")),
            }
        }
        Ok(())
    }

    /// A row of `size` bytes whose first ones are `head`; the others stand on a chain of pages.
    fn chain(&mut self, head: &[u8], size: usize, first: u32) -> Result<Vec<u8>, &'static str> {
        if size > self.input.len() {
            return Err("it is longer than the file");
        }
        let mut record = head.to_vec();
        let mut next = first;
        while record.len() < size {
            let page = self.page(next)?;
            let (number, data) = page.split_at_checked(4).ok_or("a page is too short")?;
            next = u32_at(number, 0).unwrap_or_default();
            record.extend_from_slice(&data[..data.len().min(size - record.len())]);
        }
        Ok(record)
    }
}

/// How much of a row of `size` bytes stands on its leaf page (fileformat2, section 1.6).
fn local_length(size: usize, usable: usize) -> usize {
    let most = usable - 35;
    if size <= most {
        return size;
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let length = least + (size - least) % (usable - 4);
    if length <= most { length } else { least }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_be_bytes(two.try_into().ok()?)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

/// A number of one to nine bytes, and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        if index == 8 {
            return Some((value << 8 | u64::from(*byte), &bytes[9..]));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

/// One value of a row: only what a schema and `Packages` hold is told apart.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

/// The first `N` values of a record (fileformat2, section 2.1).
fn columns<const N: usize>(record: &[u8]) -> Option<[Value<'_>; N]> {
    let (header_size, _) = varint(record)?;
    let (header, mut body) = record.split_at_checked(usize::try_from(header_size).ok()?)?;
    let (_, mut types) = varint(header)?;
    let mut values = [const { Value::Other }; N];
    for value in &mut values {
        let (kind, rest) = varint(types)?;
        types = rest;
        let length = match kind {
            0 | 8..=11 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            _ => (kind - 12) / 2,
        };
        let (bytes, rest) = body.split_at_checked(usize::try_from(length).ok()?)?;
        body = rest;
        *value = match kind {
            1..=6 => Value::Number(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))),
            8 | 9 => Value::Number(kind - 8),
            12.. => Value::Bytes(bytes),
            _ => Value::Other,
        };
    }
    Some(values)
}

/// Reads the database. Broken pages and rows become problems; packages of the others are still reported.
pub fn parse(path: &ImagePath, input: &[u8]) -> Extraction {
    let mut file = match open(path, input) {
        Ok(file) => file,
        Err(problem) => return Extraction::problem(problem),
    };
    let mut database = Database::new(path);
    let said = u32_at(input, 28).unwrap_or_default() as usize;
    let there = input.len() / file.size;
    if said > there {
        database.problems.truncated(format!("has {said} pages, but only {there} are there"));
    }
    let mut problems = Problems::new(path);
    match file.root(b"Packages", &mut problems) {
        Some(root) => {
            let mut number = 0_u64;
            file.rows(root, &mut problems, |record, problems| {
                number += 1;
                match columns::<2>(record) {
                    Some([_, Value::Bytes(blob)]) => database.add(blob, &format!("row {number}")),
                    _ => problems.corrupt(format!("row {number} holds no header")),
                }
            });
        }
        None => problems.corrupt("has no table `Packages`"),
    }
    let mut found = database.finish();
    found.problems.extend(problems.finish());
    found
}

/// The text in the first column of each row of a table, of any SQLite file; what is not text is a problem.
pub(crate) fn first_column(
    path: &ImagePath,
    input: &[u8],
    table: &str,
    mut each: impl FnMut(&str),
) -> Vec<Problem> {
    let mut file = match open(path, input) {
        Ok(file) => file,
        Err(problem) => return vec![problem],
    };
    let mut problems = Problems::new(path);
    match file.root(table.as_bytes(), &mut problems) {
        Some(root) => file.rows(root, &mut problems, |record, problems| {
            let text = match columns::<1>(record) {
                Some([Value::Bytes(bytes)]) => std::str::from_utf8(bytes).ok(),
                _ => None,
            };
            match text {
                Some(text) => each(text),
                None => problems.corrupt(format!("a row of `{table}` cannot be read")),
            }
        }),
        None => problems.corrupt(format!("has no table `{table}`")),
    }
    problems.finish()
}

fn open<'a>(path: &ImagePath, input: &'a [u8]) -> Result<File<'a>, Problem> {
    if input.len() < 512 {
        let detail = format!("ends after {} bytes, within its first page", input.len());
        return Err(Problem::incomplete(ProblemKind::Truncated, path, detail));
    }
    if !input.starts_with(MAGIC) {
        return Err(Problem::corrupt(path, "is not an SQLite database"));
    }
    let size = match u16_at(input, 16) {
        Some(1) => 65_536,
        Some(size) if size.is_power_of_two() && size >= 512 => size,
        other => {
            return Err(Problem::corrupt(
                path,
                format!("says a page size of {} bytes", other.unwrap_or_default()),
            ));
        }
    };
    let usable = size - usize::from(input[20]);
    if usable < 480 {
        return Err(Problem::corrupt(
            path,
            format!("reserves {} bytes of each page, more than possible", input[20]),
        ));
    }
    Ok(File { input, size, usable, used: vec![false; input.len() / size] })
}

/// Reads arbitrary bytes: no panic, no endless loop.
pub fn fuzz(input: &[u8]) {
    let found = parse(&ImagePath::from("var/lib/rpm/rpmdb.sqlite"), input);
    assert!(found.packages.len() <= input.len());
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::rpm_header::tag;
    use super::super::rpm_header::tests::{Value, header};
    use super::*;

    fn check(input: &[u8], packages: usize, problems: usize) {
        let found = parse(&ImagePath::from("var/lib/rpm/rpmdb.sqlite"), input);
        assert_eq!(found.problems.len(), problems, "{:?}", found.problems);
        assert_eq!(found.packages.len(), packages);
    }

    /// A database made by the SQLite library: `count` packages with releases of `length` letters.
    pub(crate) fn database(page_size: u32, count: usize, length: usize) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rpmdb.sqlite");
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection
            .execute_batch(&format!(
                "PRAGMA page_size = {page_size};
                 CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL);
                 CREATE TABLE IF NOT EXISTS 'Name' (key 'TEXT' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL);"
            ))
            .unwrap();
        for number in 0..count {
            let blob = header(&[
                (tag::NAME, Value::Text(&format!("package{number}"))),
                (tag::VERSION, Value::Text("1")),
                (tag::RELEASE, Value::Text(&"r".repeat(length))),
            ]);
            connection.execute("INSERT INTO Packages (blob) VALUES (?1)", [blob]).unwrap();
        }
        drop(connection);
        std::fs::read(path).unwrap()
    }

    #[test]
    fn what_the_library_writes() {
        for (page_size, count, length) in
            [(512, 100, 10), (512, 20, 5000), (4096, 300, 700), (65_536, 50, 60_000)]
        {
            let input = database(page_size, count, length);
            let found = parse(&ImagePath::from("var/lib/rpm/rpmdb.sqlite"), &input);
            assert_eq!(found.problems, vec![], "{page_size}");
            let names: Vec<_> = found.packages.iter().map(|package| package.name.clone()).collect();
            let expected: Vec<_> = (0..count).map(|number| format!("package{number}")).collect();
            assert_eq!(names, expected, "{page_size}");
        }
        check(&database(4096, 0, 0), 0, 0);
    }

    #[test]
    fn broken_files() {
        check(b"", 0, 1);
        check(&[0; 4096], 0, 1);
        let whole = database(512, 20, 5000);
        let found = parse(&ImagePath::from("var/lib/rpm/rpmdb.sqlite"), &whole[..whole.len() / 4 * 3]);
        assert!((1..20).contains(&found.packages.len()) && found.problems.len() > 1, "{found:?}");
        let mut other = whole.clone();
        for place in memchr::memmem::find_iter(&whole, b"Packages") {
            other[place] = b'Q';
        }
        check(&other, 0, 1);
    }

    #[test]
    fn trees_that_bite_their_tail() {
        let mut input = vec![0; 4 * 512];
        input[..16].copy_from_slice(MAGIC);
        input[16..18].copy_from_slice(&512_u16.to_be_bytes());
        // An interior page whose right child is itself.
        input[HEADER] = INTERIOR_TABLE;
        input[HEADER + 8..HEADER + 12].copy_from_slice(&1_u32.to_be_bytes());
        check(&input, 0, 2);
        // Pages 2 and 3 name each other.
        input[HEADER + 11] = 2;
        for (page, next) in [(1, 3_u32), (2, 2)] {
            input[page * 512] = INTERIOR_TABLE;
            input[page * 512 + 8..page * 512 + 12].copy_from_slice(&next.to_be_bytes());
        }
        check(&input, 0, 2);
        // Many cells at the same place: five rows of 100 bytes fill the page.
        input[HEADER] = LEAF_TABLE;
        input[HEADER + 3..HEADER + 5].copy_from_slice(&70_u16.to_be_bytes());
        input[HEADER + 8..HEADER + 148].fill(1);
        input[0x101] = 100;
        check(&input, 0, 5 + 2);
    }

    #[test]
    fn a_log_with_content_is_a_problem() {
        for (size, expected) in [(0, false), (32, false), (4152, true)] {
            let path = ImagePath::from("var/lib/rpm/rpmdb.sqlite-wal");
            let entry = Entry { path: &path, size, mode: 0o644 };
            assert_eq!((RPM_SQLITE_LOG.wants)(&entry), expected, "{size}");
        }
    }

    #[test]
    fn numbers_of_variable_length() {
        for (bytes, expected) in [
            (&[0x7f][..], Some(0x7f)),
            (&[0x81, 0x00], Some(0x80)),
            (&[0xff; 9], Some(u64::MAX)),
            (&[0x80], None),
            (&[], None),
        ] {
            assert_eq!(varint(bytes).map(|(value, _)| value), expected, "{bytes:?}");
        }
    }
}
