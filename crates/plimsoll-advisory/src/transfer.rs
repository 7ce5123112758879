//! The content of a database as a stream: all of it, or the difference between two databases.
//!
//! ```text
//! "PLIMSOLL" 0x01        what this is, version of the form
//! u32 LE, JSON           head: from which content, to which
//! zstd frame             keys: rows of the old content that are gone or changed   (only in a difference)
//! zstd frame             rows: all rows of the new content, or those that are new or changed
//! ```
//!
//! A row is one byte for its table and its columns: integers as zigzag LEB128, texts and bodies with their length before
//! them. The rows of a difference are compressed with the old bodies of the rows named by the keys as reference prefix
//! (what `zstd --patch-from` does), so a changed row costs what changed in it. Whoever installs a stream computes the
//! digest of the whole new content and compares it with what was promised before the database gets its place.

use std::collections::HashMap;
use std::io::{self, BufRead, Read, Write};
use std::path::Path;

use plimsoll_model::Digest;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::store::{Column, Database, FORMAT, TABLES, Table};
use crate::writer::{Value, Writer};

const MAGIC: &[u8; 9] = b"PLIMSOLL\x01";
/// The greatest size of the head. It names two digests.
const HEAD_LIMIT: u32 = 1 << 16;
/// The greatest sum of bodies of changed rows that a difference may refer to. It is held in memory.
const REFERENCE_LIMIT: usize = 96 << 20;
/// The greatest size of one column. Packed rows have the same limit.
const COLUMN_LIMIT: u64 = 256 << 20;
/// The greatest window that a stream may ask for, as a power of two.
const WINDOW_LOG: u32 = 27;
/// Level of compression: published once, fetched by everybody.
const LEVEL: i32 = 19;
/// In front of a key: its row is changed, and the new one is among the rows.
const CHANGED: u8 = 0x80;
/// After the last row: a stream that was cut between two rows is noticed.
const END: u8 = 0x7f;

/// What a stream says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamHead {
    /// Form of tables and rows.
    pub format: i32,
    /// Content that the difference starts from; absent in a whole one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Content that comes out.
    pub to: String,
}

/// Why no difference was written.
#[derive(Debug, PartialEq, Eq)]
pub enum NoDelta {
    /// Both databases have the same content.
    Same,
    /// Too much has changed: the whole database is the smaller download.
    TooDifferent,
}

fn write_number(out: &mut dyn Write, mut number: u64) -> io::Result<()> {
    loop {
        let byte = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            return out.write_all(&[byte]);
        }
        out.write_all(&[byte | 0x80])?;
    }
}

fn write_values(out: &mut dyn Write, values: &[Value<'_>]) -> io::Result<()> {
    for value in values {
        match value {
            Value::Integer(number) => {
                write_number(out, (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned())?;
            }
            Value::Text(text) => {
                write_number(out, text.len() as u64)?;
                out.write_all(text.as_bytes())?;
            }
            Value::Body(body) => {
                write_number(out, body.len() as u64)?;
                out.write_all(body)?;
            }
        }
    }
    Ok(())
}

/// One column that was read from a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Owned {
    Integer(i64),
    Text(String),
    Body(Vec<u8>),
}

impl Owned {
    fn value(&self) -> Value<'_> {
        match self {
            Owned::Integer(number) => Value::Integer(*number),
            Owned::Text(text) => Value::Text(text),
            Owned::Body(body) => Value::Body(body),
        }
    }

    fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Integer(number) => Owned::Integer(*number),
            Value::Text(text) => Owned::Text((*text).to_owned()),
            Value::Body(body) => Owned::Body(body.to_vec()),
        }
    }
}

fn broken(detail: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, detail)
}

fn read_byte(input: &mut dyn Read) -> io::Result<u8> {
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn read_number(input: &mut dyn Read) -> io::Result<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = read_byte(input)?;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            break;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(broken("a number is too large"))
}

fn read_bytes(input: &mut dyn Read) -> io::Result<Vec<u8>> {
    let length = read_number(input)?;
    if length > COLUMN_LIMIT {
        return Err(broken("a column is larger than 256 MiB"));
    }
    // The length is only a claim: memory grows with what really comes.
    let mut bytes = Vec::new();
    if input.take(length).read_to_end(&mut bytes)? as u64 == length {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn read_values(input: &mut dyn Read, columns: &[Column]) -> io::Result<Vec<Owned>> {
    let mut values = Vec::with_capacity(columns.len());
    for column in columns {
        values.push(match column {
            Column::Integer => {
                let number = read_number(input)?;
                Owned::Integer((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
            }
            Column::Text => {
                Owned::Text(String::from_utf8(read_bytes(input)?).map_err(|_| broken("a text is not UTF-8"))?)
            }
            Column::Body => Owned::Body(read_bytes(input)?),
        });
    }
    Ok(values)
}

fn write_head(out: &mut dyn Write, from: Option<&Digest>, to: &Digest) -> io::Result<()> {
    let head = StreamHead { format: FORMAT, from: from.map(Digest::to_string), to: to.to_string() };
    let json = serde_json::to_vec(&head)?;
    out.write_all(MAGIC)?;
    out.write_all(&u32::try_from(json.len()).unwrap_or(u32::MAX).to_le_bytes())?;
    out.write_all(&json)
}

/// Reads the head of a stream; what follows it is left in `input`.
///
/// # Errors
/// When it is no stream of ours, or cut off.
pub fn read_head(input: &mut dyn Read) -> io::Result<StreamHead> {
    let mut magic = [0; MAGIC.len()];
    input.read_exact(&mut magic)?;
    if magic != *MAGIC {
        return Err(broken("it is no stream of database content"));
    }
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > HEAD_LIMIT {
        return Err(broken("its head is larger than 64 KiB"));
    }
    let mut json = vec![0; length as usize];
    input.read_exact(&mut json)?;
    serde_json::from_slice(&json).map_err(|_| broken("its head cannot be read"))
}

pub(crate) fn digest_of(database: &Database) -> Result<&Digest, Error> {
    database.digest().ok_or_else(|| Error::Damaged {
        path: database.path().to_owned(),
        detail: "it has no digest of its content".to_owned(),
    })
}

/// Errors of the stream become errors about the file at `path`.
fn written(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
    |source| Error::Write { path: path.to_owned(), source }
}

/// Writes the whole content of a database. `place` is named in errors. Equal content gives equal bytes.
///
/// # Errors
/// When the database is damaged or `out` cannot be written.
pub fn write_content(database: &Database, out: &mut dyn Write, place: &Path) -> Result<(), Error> {
    let failed = written(place);
    write_head(out, None, digest_of(database)?).map_err(&failed)?;
    let mut encoder = zstd::stream::write::Encoder::new(out, LEVEL).map_err(&failed)?;
    encoder.include_checksum(true).map_err(&failed)?;
    for (number, table) in (0_u8..).zip(TABLES) {
        database.each_row(table, |values, _| {
            encoder.write_all(&[number]).and_then(|()| write_values(&mut encoder, values)).map_err(&failed)
        })?;
    }
    encoder.write_all(&[END]).map_err(&failed)?;
    encoder.finish().map(drop).map_err(&failed)
}

/// The columns that a table's rows are known by.
type Key = Vec<Owned>;

fn key_of(table: &Table, values: &[Value<'_>]) -> Key {
    values[..table.keys].iter().map(Owned::of).collect()
}

/// Digest of a row, to compare rows of two databases without holding them.
fn row_digest(values: &[Value<'_>]) -> [u8; 16] {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    for value in values {
        match value {
            Value::Integer(number) => hasher.update(number.to_le_bytes()),
            Value::Text(text) => hasher.update(text),
            Value::Body(body) => hasher.update(body),
        }
        hasher.update([0]);
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize()[..16]);
    short
}

/// Writes what leads from the content of `old` to that of `new`.
///
/// # Errors
/// When a database is damaged or `out` cannot be written.
pub fn write_delta(
    old: &Database,
    new: &Database,
    out: &mut dyn Write,
    place: &Path,
) -> Result<Result<(), NoDelta>, Error> {
    let failed = written(place);
    let (from, to) = (digest_of(old)?, digest_of(new)?);
    if from == to {
        return Ok(Err(NoDelta::Same));
    }
    let mut keys: Vec<u8> = Vec::new();
    let mut reference: Vec<u8> = Vec::new();
    let mut rows: Vec<u8> = Vec::new();
    for (number, table) in (0_u8..).zip(TABLES) {
        // Key -> digest of the old row, then what became of it.
        let mut known: HashMap<Key, [u8; 16]> = HashMap::new();
        old.each_row(table, |values, _| {
            known.insert(key_of(table, values), row_digest(values));
            Ok(())
        })?;
        // Key -> is there a new row in its place?
        let mut touched: HashMap<Key, bool> = HashMap::new();
        let mut too_much = false;
        new.each_row(table, |values, _| {
            let key = key_of(table, values);
            let before = known.remove(&key);
            if before != Some(row_digest(values)) {
                if before.is_some() {
                    touched.insert(key, true);
                }
                if rows.len() < REFERENCE_LIMIT {
                    rows.push(number);
                    write_values(&mut rows, values).map_err(&failed)?;
                } else {
                    too_much = true;
                }
            }
            Ok(())
        })?;
        touched.extend(known.into_keys().map(|key| (key, false)));
        old.each_row(table, |values, _| {
            if let Some(changed) = touched.get(&key_of(table, values)) {
                keys.push(number | if *changed { CHANGED } else { 0 });
                write_values(&mut keys, &values[..table.keys]).map_err(&failed)?;
                if reference.len() < REFERENCE_LIMIT {
                    // Written as the rows are, so that what is equal in a row is equal in the bytes.
                    reference.push(number);
                    write_values(&mut reference, values).map_err(&failed)?;
                } else {
                    too_much = true;
                }
            }
            Ok(())
        })?;
        if too_much {
            return Ok(Err(NoDelta::TooDifferent));
        }
    }
    keys.push(END);
    rows.push(END);
    write_head(out, Some(from), to).map_err(&failed)?;
    compress(out, &keys, &[]).map_err(&failed)?;
    compress(out, &rows, &reference).map_err(&failed)?;
    Ok(Ok(()))
}

fn compress(out: &mut dyn Write, content: &[u8], reference: &[u8]) -> io::Result<()> {
    let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(out, LEVEL, reference)?;
    encoder.include_checksum(true)?;
    if !reference.is_empty() {
        // The window must reach back over the whole reference.
        encoder.window_log(window_log(content.len() + reference.len()))?;
        encoder.long_distance_matching(true)?;
    }
    encoder.set_pledged_src_size(Some(content.len() as u64))?;
    encoder.write_all(content)?;
    encoder.finish().map(drop)
}

fn window_log(size: usize) -> u32 {
    (usize::BITS - size.leading_zeros()).clamp(20, WINDOW_LOG)
}

/// Why a stream was not installed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The stream is cut off, damaged, or no stream of ours.
    #[error("the database content cannot be read: {0}")]
    Broken(#[source] io::Error),
    /// The stream is of another format than this program's.
    #[error("the content has database format {found}, this program reads {FORMAT}")]
    Format {
        /// The format of the stream.
        found: i32,
    },
    /// The difference starts from another content than that of the old database.
    #[error("the difference starts from {expected}, the database has {found}")]
    Base {
        /// What it starts from.
        expected: String,
        /// What is there.
        found: String,
    },
    /// What came out is not what was promised.
    #[error("the content that came out is {found}, promised was {promised}")]
    Content {
        /// What was promised.
        promised: Digest,
        /// What came out.
        found: Digest,
    },
    /// The database could not be read or written.
    #[error(transparent)]
    Database(#[from] Error),
}

impl From<io::Error> for ApplyError {
    fn from(error: io::Error) -> Self {
        ApplyError::Broken(error)
    }
}

/// Installs the content of `stream` as the database `out`: a whole content, or a difference to `old`. The database gets
/// its place only when its content has the digest `promised`. `more` is kept beside the content. At most `limit` bytes are
/// unpacked.
///
/// # Errors
/// When the stream is broken or leads elsewhere, or the file cannot be written; `out` is then as it was.
pub fn apply(
    stream: &mut dyn BufRead,
    old: Option<&Database>,
    out: &Path,
    promised: &Digest,
    more: &[(&str, &str)],
    limit: u64,
) -> Result<(), ApplyError> {
    let head = read_head(stream)?;
    if head.format != FORMAT {
        return Err(ApplyError::Format { found: head.format });
    }
    let mut writer = Writer::create(out)?;
    writer.allow(limit);
    match (&head.from, old) {
        (None, _) => apply_whole(stream, &mut writer)?,
        (Some(from), Some(old)) => {
            let found = digest_of(old)?.to_string();
            if found != *from {
                return Err(ApplyError::Base { expected: from.clone(), found });
            }
            apply_delta(stream, old, &mut writer)?;
        }
        (Some(from), None) => {
            return Err(ApplyError::Base { expected: from.clone(), found: "no content".to_owned() });
        }
    }
    let written = writer.finish(more)?;
    if written.digest != *promised {
        return Err(ApplyError::Content { promised: promised.clone(), found: written.digest });
    }
    written.install()?;
    Ok(())
}

/// Goes on to the tables up to and with `number`.
fn go_to(writer: &mut Writer, open: &mut usize, number: usize) -> Result<(), ApplyError> {
    while *open <= number {
        let Some(table) = TABLES.get(*open) else {
            return Err(ApplyError::Broken(broken("it names a table that is not known")));
        };
        writer.table(table.name)?;
        *open += 1;
    }
    Ok(())
}

fn apply_whole(stream: &mut dyn BufRead, writer: &mut Writer) -> Result<(), ApplyError> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(stream)?.single_frame();
    decoder.window_log_max(WINDOW_LOG)?;
    let mut rows = io::BufReader::with_capacity(1 << 18, decoder);
    let mut open = 0;
    loop {
        let number = read_byte(&mut rows)?;
        if number == END {
            break;
        }
        let number = usize::from(number);
        if number + 1 < open {
            return Err(ApplyError::Broken(broken("its tables are out of order")));
        }
        go_to(writer, &mut open, number)?;
        let values = read_values(&mut rows, TABLES[number].columns)?;
        let values: Vec<Value<'_>> = values.iter().map(Owned::value).collect();
        writer.row(&values)?;
    }
    go_to(writer, &mut open, TABLES.len() - 1)?;
    // The checksum of the frame stands at its end.
    let rest = rows.read(&mut [0])?;
    if rest == 0 { Ok(()) } else { Err(ApplyError::Broken(broken("something follows its end"))) }
}

fn apply_delta(stream: &mut dyn BufRead, old: &Database, writer: &mut Writer) -> Result<(), ApplyError> {
    // Keys of each table, with "is there a new row in its place".
    let mut touched: Vec<HashMap<Key, bool>> = TABLES.iter().map(|_| HashMap::new()).collect();
    {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(&mut *stream)?.single_frame();
        decoder.window_log_max(WINDOW_LOG)?;
        let mut keys = io::BufReader::with_capacity(1 << 16, decoder);
        let mut total = 0_usize;
        loop {
            let byte = read_byte(&mut keys)?;
            if byte == END {
                break;
            }
            let number = usize::from(byte & !CHANGED);
            let table = TABLES.get(number).ok_or_else(|| broken("it names a table that is not known"))?;
            let key = read_values(&mut keys, &table.columns[..table.keys])?;
            total += size_of::<Key>() + key.iter().map(owned_size).sum::<usize>();
            if total > REFERENCE_LIMIT {
                return Err(broken("it names more rows than a difference may").into());
            }
            touched[number].insert(key, byte & CHANGED != 0);
        }
        if keys.read(&mut [0])? != 0 {
            return Err(broken("something follows its keys").into());
        }
    }
    let mut reference = Vec::new();
    for ((number, table), touched) in (0_u8..).zip(TABLES).zip(&touched) {
        if touched.is_empty() {
            continue;
        }
        old.each_row(table, |values, _| {
            if reference.len() < REFERENCE_LIMIT && touched.contains_key(&key_of(table, values)) {
                reference.push(number);
                // Writing to memory cannot fail.
                let _ = write_values(&mut reference, values);
            }
            Ok(())
        })?;
    }
    let mut decoder = zstd::stream::read::Decoder::with_ref_prefix(stream, &reference)?.single_frame();
    decoder.window_log_max(WINDOW_LOG)?;
    let mut rows = io::BufReader::with_capacity(1 << 16, decoder);
    let mut next = next_row(&mut rows)?;
    for (number, table) in TABLES.iter().enumerate() {
        writer.table(table.name)?;
        let touched = &touched[number];
        let mut failure: Option<ApplyError> = None;
        let pass = |next: &mut Option<(usize, Vec<Owned>)>,
                    before: Option<&[Value<'_>]>,
                    rows: &mut dyn Read,
                    writer: &mut Writer|
         -> Result<(), ApplyError> {
            while let Some((_, values)) = next.as_ref().filter(|(of, _)| *of == number) {
                let values: Vec<Value<'_>> = values.iter().map(Owned::value).collect();
                if before.is_some_and(|before| values[..table.keys] >= before[..table.keys]) {
                    break;
                }
                writer.row(&values)?;
                *next = next_row(rows)?;
            }
            Ok(())
        };
        old.each_row(table, |values, stored| {
            if failure.is_some() {
                return Ok(());
            }
            if let Err(error) = pass(&mut next, Some(values), &mut rows, writer) {
                failure = Some(error);
                return Ok(());
            }
            if touched.is_empty() || !touched.contains_key(&key_of(table, values)) {
                writer.packed_row(values, stored)?;
            }
            Ok(())
        })?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        pass(&mut next, None, &mut rows, writer)?;
    }
    match next {
        None => Ok(()),
        Some(_) => Err(broken("its rows are out of order").into()),
    }
}

fn owned_size(value: &Owned) -> usize {
    size_of::<Owned>()
        + match value {
            Owned::Text(text) => text.len(),
            Owned::Body(body) => body.len(),
            Owned::Integer(_) => 0,
        }
}

/// The next row of a difference and its table; `None` at the end.
fn next_row(rows: &mut dyn Read) -> io::Result<Option<(usize, Vec<Owned>)>> {
    let number = read_byte(rows)?;
    if number == END {
        // The checksum of the frame stands at its end.
        return if rows.read(&mut [0])? == 0 { Ok(None) } else { Err(broken("something follows its end")) };
    }
    let number = usize::from(number);
    let table = TABLES.get(number).ok_or_else(|| broken("it names a table that is not known"))?;
    Ok(Some((number, read_values(rows, table.columns)?)))
}

/// Counts the rows of a whole content without writing them.
pub(crate) fn count_rows(stream: &mut dyn BufRead) -> io::Result<u64> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(stream)?.single_frame();
    decoder.window_log_max(WINDOW_LOG)?;
    // What unpacks to more than this is for the limits of whoever installs it.
    let mut rows = decoder.take(64 << 20);
    let mut count = 0;
    while next_row(&mut rows)?.is_some() {
        count += 1;
    }
    Ok(count)
}

/// Reads open rows and writes them again.
pub(crate) fn rows_round_trip(data: &[u8]) {
    let mut rest = data;
    loop {
        let before = rest;
        let Ok(Some((number, values))) = next_row(&mut rest) else { return };
        let mut again = vec![before[0]];
        let borrowed: Vec<Value<'_>> = values.iter().map(Owned::value).collect();
        // Writing to memory cannot fail.
        let _ = write_values(&mut again, &borrowed);
        let read = next_row(&mut again.as_slice()).ok().flatten();
        assert!(read == Some((number, values)), "what was written reads back as it was");
    }
}
