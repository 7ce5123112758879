//! The database file: its tables, how rows are packed, and reading them.
//!
//! One SQLite file, written once and never changed. The matcher asks for one key at a time, (target, name), and gets
//! all entries of that package in one packed row; records are only read for entries that matter.
//!
//! ```text
//! meta(key, value)                       format, content digest, who published it: the file describes itself
//! source(id, name, body)                 feeds: date, commit, counts, licence
//! target(id, key)                        `os:debian:12`, `eco:pypi`
//! entry(target, name, body)              packed list of [record, entry]
//! record(id, source, body)               packed record without its entries, and the keys of these
//! alias(id, record)                      every id of every record, for `explain`
//! cve(id, body)                          KEV, severities of other sources
//! epss(id, score, percentile, run)       EPSS, with what all CVEs of a run share in two tables of its own
//! cycle(product, cycle, body)            release cycles
//! unsupported(stream, package, body)     packages without full support
//! statement(product, number, body)       statements of VEX hubs
//! ```

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use plimsoll_model::{Algorithm, Coverage, DatabaseInfo, Digest, Epss, FeedInfo, Kev};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::feed::{CveFacts, Cycle, HubStatement, Unsupported};
use crate::record::{Affected, Record, Target};
use crate::writer::Value;

/// `Plim`: marks the file as ours (SQLite file format, offset 68).
pub(crate) const APPLICATION_ID: i32 = 0x506c_696d;
/// The form of tables and rows. Raised with every change that an older program would misread.
pub(crate) const FORMAT: i32 = 2;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Integer,
    Text,
    /// JSON, packed ([`pack`]). Content is digested and compared unpacked.
    Body,
}

/// One table.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
    pub(crate) columns: &'static [Column],
    /// So many columns at the beginning are the key.
    pub(crate) keys: usize,
}

/// Tables in the order in which content is written and digested.
///
/// Numbers of sources, targets and records come from their names ([`stable_number`]), not from their places: a new
/// record leaves all other rows as they were, and the difference between two databases is as small as what happened
/// between them. For the same reason what changes for every CVE every day - the day of the EPSS run, and the percentile,
/// which follows from the score - stands once and not in each row.
pub(crate) static TABLES: &[Table] = &[
    Table {
        name: "source",
        sql: "CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT NOT NULL, body BLOB NOT NULL)",
        columns: &[Column::Integer, Column::Text, Column::Body],
        keys: 1,
    },
    Table {
        name: "target",
        sql: "CREATE TABLE target (id INTEGER PRIMARY KEY, key TEXT NOT NULL)",
        columns: &[Column::Integer, Column::Text],
        keys: 1,
    },
    Table {
        name: "entry",
        sql: "CREATE TABLE entry (target INTEGER NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (target, name)) WITHOUT ROWID",
        columns: &[Column::Integer, Column::Text, Column::Body],
        keys: 2,
    },
    Table {
        name: "record",
        sql: "CREATE TABLE record (id INTEGER PRIMARY KEY, source INTEGER NOT NULL, body BLOB NOT NULL)",
        columns: &[Column::Integer, Column::Integer, Column::Body],
        keys: 1,
    },
    Table {
        name: "alias",
        sql: "CREATE TABLE alias (id TEXT NOT NULL, record INTEGER NOT NULL, PRIMARY KEY (id, record)) WITHOUT ROWID",
        columns: &[Column::Text, Column::Integer],
        keys: 2,
    },
    Table {
        name: "cve",
        sql: "CREATE TABLE cve (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
        columns: &[Column::Text, Column::Body],
        keys: 1,
    },
    Table {
        name: "epss_run",
        sql: "CREATE TABLE epss_run (number INTEGER PRIMARY KEY, date TEXT NOT NULL)",
        columns: &[Column::Integer, Column::Text],
        keys: 1,
    },
    Table {
        name: "epss_percentile",
        sql: "CREATE TABLE epss_percentile (score INTEGER PRIMARY KEY, percentile INTEGER NOT NULL)",
        columns: &[Column::Integer, Column::Integer],
        keys: 1,
    },
    Table {
        name: "epss",
        sql: "CREATE TABLE epss (id TEXT PRIMARY KEY, score INTEGER NOT NULL, percentile INTEGER NOT NULL, run INTEGER NOT NULL) WITHOUT ROWID",
        columns: &[Column::Text, Column::Integer, Column::Integer, Column::Integer],
        keys: 1,
    },
    Table {
        name: "cycle",
        sql: "CREATE TABLE cycle (product TEXT NOT NULL, cycle TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (product, cycle)) WITHOUT ROWID",
        columns: &[Column::Text, Column::Text, Column::Body],
        keys: 2,
    },
    Table {
        name: "unsupported",
        sql: "CREATE TABLE unsupported (stream TEXT NOT NULL, package TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (stream, package)) WITHOUT ROWID",
        columns: &[Column::Text, Column::Text, Column::Body],
        keys: 2,
    },
    Table {
        name: "statement",
        sql: "CREATE TABLE statement (product TEXT NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (product, number)) WITHOUT ROWID",
        columns: &[Column::Text, Column::Integer, Column::Body],
        keys: 2,
    },
];

/// In the `percentile` column of `epss`: the one that all CVEs with this score have.
pub(crate) const BY_SCORE: i64 = -1;

/// The number that a name would like to have: 31 bits of its SHA-256. (The upper half of `u32` is the incident pack's.)
/// Things are numbered in the order of this number and then of their names, each with its own number or, where that is
/// taken, with the one after the last: see [`Numbers`].
pub(crate) fn stable_number(parts: &[&str]) -> u32 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize();
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) & (u32::MAX >> 1)
}

/// Gives out numbers in ascending order.
#[derive(Default)]
pub(crate) struct Numbers {
    last: u32,
}

impl Numbers {
    /// The number of the next thing, which would like to have `wanted`. `None` when numbers have run out.
    pub(crate) fn next(&mut self, wanted: u32) -> Option<u32> {
        let number = wanted.max(self.last.checked_add(1)?);
        if number > u32::MAX >> 1 {
            return None;
        }
        self.last = number;
        Some(number)
    }
}

/// What is known of one feed, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceInfo {
    /// Name: `osv/PyPI`.
    pub name: String,
    /// Date of the data, RFC 3339; empty when nobody says.
    pub date: String,
    /// Commit or serial number; empty when there is none.
    pub commit: String,
    /// Records, statements and facts taken in.
    pub records: u64,
    /// What was rejected or left out.
    pub left_out: Vec<LeftOut>,
    /// Licence and attribution notice.
    pub licence: String,
}

/// A class of records that was not taken in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftOut {
    /// Broken, as opposed to left out on purpose.
    pub broken: bool,
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// Id or file name of the first.
    pub example: String,
}

/// What the database knows about one CVE id apart from packages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cve {
    /// Known to be exploited.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub kev: Option<Kev>,
    /// Likely to be exploited.
    #[serde(skip)]
    pub epss: Option<Epss>,
    /// What sources say of the flaw, with the source's name.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(String, CveFacts)>,
}

/// A record as stored: without its entries, with the keys under which they stand.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct StoredRecord {
    #[serde(rename = "r")]
    pub(crate) record: Record,
    /// Number of the target, and name.
    #[serde(rename = "k", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) keys: Vec<(u32, String)>,
}

/// A record and the feed it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced {
    /// Feed: `osv/PyPI`.
    pub source: String,
    /// Date of the feed, RFC 3339.
    pub source_date: String,
    /// The record, without its entries.
    pub record: Record,
}

/// Where advisories are asked for: a database, or the incident pack.
pub trait Source {
    /// What this is, for the report.
    fn info(&self) -> DatabaseInfo;
    /// Is there anything at all for this target?
    fn covers(&self, target: &Target) -> Result<bool, Error>;
    /// All entries of one package, with the numbers of their records. `name` is normalised.
    fn entries(&self, target: &Target, name: &str) -> Result<Vec<(u32, Affected)>, Error>;
    /// One record.
    fn record(&self, number: u32) -> Result<Sourced, Error>;
    /// What is known about one CVE id.
    fn cve(&self, id: &str) -> Result<Option<Cve>, Error>;
    /// Can [`Source::entries`] give anything for this target? Wider than [`Source::covers`], which promises that the
    /// target's advisories were taken in as a whole.
    fn knows(&self, target: &Target) -> Result<bool, Error> {
        self.covers(target)
    }
    /// Numbers of the records that name a file with this digest.
    fn hashed(&self, digest: &Digest) -> Result<Vec<u32>, Error> {
        let _ = digest;
        Ok(Vec::new())
    }
}

/// Rows below this size are stored as they are: packing them would save nothing.
const PACK_FROM: usize = 200;
/// The greatest size of a row, unpacked. A damaged file must not make us allocate more.
const ROW_LIMIT: usize = 256 << 20;

/// Packs a row: `0` and the JSON text, or `1` and the JSON text as raw deflate.
pub(crate) fn pack(json: &[u8]) -> Vec<u8> {
    if json.len() >= PACK_FROM {
        let mut encoder = flate2::write::DeflateEncoder::new(vec![1], flate2::Compression::new(6));
        // Writing to memory cannot fail.
        if encoder.write_all(json).is_ok()
            && let Ok(packed) = encoder.finish()
            && packed.len() <= json.len()
        {
            return packed;
        }
    }
    let mut plain = Vec::with_capacity(json.len() + 1);
    plain.push(0);
    plain.extend_from_slice(json);
    plain
}

/// Unpacks rows, one after another, in the same memory: a fresh inflate state for each would cost more than the row.
pub(crate) struct Unpacker {
    inflate: flate2::Decompress,
    json: Vec<u8>,
}

impl Unpacker {
    pub(crate) fn new() -> Self {
        Unpacker { inflate: flate2::Decompress::new(false), json: Vec::new() }
    }

    /// The JSON text of a row.
    pub(crate) fn text<'row>(&'row mut self, body: &'row [u8]) -> Result<&'row [u8], String> {
        match body.split_first() {
            Some((0, json)) => Ok(json),
            Some((1, packed)) => {
                self.unpack(packed)?;
                Ok(&self.json)
            }
            _ => Err("a row has no known form".into()),
        }
    }

    fn row<T: for<'de> Deserialize<'de>>(&mut self, body: &[u8]) -> Result<T, String> {
        serde_json::from_slice(self.text(body)?).map_err(|error| error.to_string())
    }

    fn unpack(&mut self, packed: &[u8]) -> Result<(), String> {
        self.inflate.reset(false);
        self.json.clear();
        self.json.reserve(packed.len().saturating_mul(3).max(4096));
        loop {
            let consumed = usize::try_from(self.inflate.total_in()).unwrap_or(usize::MAX);
            let rest = packed.get(consumed..).unwrap_or_default();
            let status = self
                .inflate
                .decompress_vec(rest, &mut self.json, flate2::FlushDecompress::Finish)
                .map_err(|error| error.to_string())?;
            if status == flate2::Status::StreamEnd {
                return Ok(());
            }
            if self.json.len() < self.json.capacity() {
                return Err("a row is cut off".into());
            }
            if self.json.len() >= ROW_LIMIT {
                return Err("a row is larger than 256 MiB".into());
            }
            self.json.reserve(self.json.len());
        }
    }
}

/// Which file it is: file system, number, length, and when it was written.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    number: u64,
    length: u64,
    written: (i64, i64),
}

impl Identity {
    fn of(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Identity {
            device: metadata.dev(),
            number: metadata.ino(),
            length: metadata.len(),
            written: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// A database, open for reading.
pub struct Database {
    connection: Connection,
    path: PathBuf,
    file: Identity,
    targets: HashMap<String, u32>,
    target_keys: HashMap<u32, String>,
    sources: Vec<SourceInfo>,
    /// Number of a source -> its place in `sources`.
    source_numbers: HashMap<u32, usize>,
    epss_runs: HashMap<i64, String>,
    digest: Option<Digest>,
    unpacker: RefCell<Unpacker>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Database").field("path", &self.path).finish_non_exhaustive()
    }
}

pub(crate) fn percent_encoded(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().iter().fold(String::from("file:"), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_') {
            text.push(char::from(*byte));
        } else {
            use std::fmt::Write;
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

impl Database {
    /// Opens a database for reading. It is mapped, not loaded, and never locked: any number of processes may read it
    /// while another one replaces the file.
    ///
    /// # Errors
    /// When the file is absent, no database of ours, of another format, cut off, or damaged.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (length, file) = check_header(path)?;
        let damaged =
            |error: rusqlite::Error| Error::Damaged { path: path.to_owned(), detail: error.to_string() };
        // Many processes read at once and the file never changes under its name, so no lock is asked for.
        let address = format!("{}?mode=ro&immutable=1", percent_encoded(path));
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(address, flags).map_err(damaged)?;
        connection
            .pragma_update(None, "mmap_size", i64::try_from(length).unwrap_or(i64::MAX))
            .map_err(damaged)?;
        connection.pragma_update(None, "trusted_schema", false).map_err(damaged)?;
        connection.set_prepared_statement_cache_capacity(32);
        let digest: String = connection
            .query_row("SELECT value FROM meta WHERE key = 'digest'", [], |row| row.get(0))
            .map_err(damaged)?;
        let mut targets = HashMap::new();
        let mut target_keys = HashMap::new();
        {
            let mut statement = connection.prepare("SELECT id, key FROM target").map_err(damaged)?;
            let mut rows = statement.query([]).map_err(damaged)?;
            while let Some(row) = rows.next().map_err(damaged)? {
                let (id, key): (u32, String) = (row.get(0).map_err(damaged)?, row.get(1).map_err(damaged)?);
                target_keys.insert(id, key.clone());
                targets.insert(key, id);
            }
        }
        let mut sources: Vec<SourceInfo> = Vec::new();
        let mut source_numbers = HashMap::new();
        let mut unpacker = Unpacker::new();
        {
            let mut statement =
                connection.prepare("SELECT id, body FROM source ORDER BY name").map_err(damaged)?;
            let mut rows = statement.query([]).map_err(damaged)?;
            while let Some(row) = rows.next().map_err(damaged)? {
                let (number, body): (u32, Vec<u8>) =
                    (row.get(0).map_err(damaged)?, row.get(1).map_err(damaged)?);
                let source =
                    unpacker.row(&body).map_err(|detail| Error::Damaged { path: path.to_owned(), detail })?;
                source_numbers.insert(number, sources.len());
                sources.push(source);
            }
        }
        let mut epss_runs = HashMap::new();
        {
            let mut statement = connection.prepare("SELECT number, date FROM epss_run").map_err(damaged)?;
            let mut rows = statement.query([]).map_err(damaged)?;
            while let Some(row) = rows.next().map_err(damaged)? {
                epss_runs.insert(row.get(0).map_err(damaged)?, row.get(1).map_err(damaged)?);
            }
        }
        Ok(Database {
            connection,
            path: path.to_owned(),
            file,
            targets,
            target_keys,
            sources,
            source_numbers,
            epss_runs,
            digest: Digest::parse(&digest).ok(),
            unpacker: RefCell::new(unpacker),
        })
    }

    /// All sources, sorted by name, with what was left out of them.
    pub fn sources(&self) -> &[SourceInfo] {
        &self.sources
    }

    /// The digest of the content, as it was stored when the file was written.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether `path` still leads to the file that is open: a newer database is a new file under the name.
    pub fn is_at(&self, path: &Path) -> bool {
        path.metadata().is_ok_and(|metadata| Identity::of(&metadata) == self.file)
    }

    /// The targets that the database has entries for: `os:debian:12`, `eco:pypi`. Sorted.
    pub fn targets(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = self.targets.keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }

    fn damaged(&self, detail: impl std::fmt::Display) -> Error {
        Error::Damaged { path: self.path.clone(), detail: detail.to_string() }
    }

    fn body<T: for<'de> Deserialize<'de>>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<Option<T>, Error> {
        let mut statement = self.connection.prepare_cached(sql).map_err(|error| self.damaged(error))?;
        let found = statement
            .query_row(parameters, |row| {
                let body = row.get_ref(0)?.as_blob()?;
                Ok(self.unpacker.borrow_mut().row(body))
            })
            .optional()
            .map_err(|error| self.damaged(error))?;
        found.transpose().map_err(|detail| self.damaged(detail))
    }

    fn bodies<T: for<'de> Deserialize<'de>>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<Vec<T>, Error> {
        let mut statement = self.connection.prepare_cached(sql).map_err(|error| self.damaged(error))?;
        let mut rows = statement.query(parameters).map_err(|error| self.damaged(error))?;
        let mut result = Vec::new();
        while let Some(row) = rows.next().map_err(|error| self.damaged(error))? {
            let body = row.get_ref(0).map_err(|error| self.damaged(error))?;
            let body = body.as_blob().map_err(|error| self.damaged(error))?;
            result.push(self.unpacker.borrow_mut().row(body).map_err(|detail| self.damaged(detail))?);
        }
        Ok(result)
    }

    fn epss(&self, id: &str) -> Result<Option<Epss>, Error> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT score, percentile, run, (SELECT percentile FROM epss_percentile WHERE epss_percentile.score = epss.score) FROM epss WHERE id = ?1",
            )
            .map_err(|error| self.damaged(error))?;
        let found: Option<(u32, i64, i64, Option<i64>)> = statement
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()
            .map_err(|error| self.damaged(error))?;
        let Some((probability, own, run, shared)) = found else { return Ok(None) };
        let percentile = if own == BY_SCORE { shared } else { Some(own) };
        let percentile = percentile
            .and_then(|percentile| u32::try_from(percentile).ok())
            .ok_or_else(|| self.damaged("a score has no percentile"))?;
        let date = self.epss_runs.get(&run).ok_or_else(|| self.damaged("a score has no run"))?.clone();
        Ok(Some(Epss { probability, percentile, date }))
    }

    /// All release cycles of a product, in the feed's word (`debian`), in no order of time.
    pub fn cycles(&self, product: &str) -> Result<Vec<Cycle>, Error> {
        self.bodies("SELECT body FROM cycle WHERE product = ?1 ORDER BY cycle", [product])
    }

    /// Are there advisories about at least `packages` packages of this target?
    pub fn has_at_least(&self, target: &Target, packages: u32) -> Result<bool, Error> {
        let Some(number) = self.targets.get(&target.key()) else { return Ok(packages == 0) };
        let counted: i64 = self
            .connection
            .query_row(
                "SELECT COUNT(*) FROM (SELECT 1 FROM entry WHERE target = ?1 LIMIT ?2)",
                rusqlite::params![number, packages],
                |row| row.get(0),
            )
            .map_err(|error| self.damaged(error))?;
        Ok(counted >= i64::from(packages))
    }

    /// What is said about the support of a source package of a stream (`debian:12`).
    pub fn unsupported(&self, stream: &str, package: &str) -> Result<Option<Unsupported>, Error> {
        self.body("SELECT body FROM unsupported WHERE stream = ?1 AND package = ?2", [stream, package])
    }

    /// Everything that is said about the support of source packages of a stream, sorted by package.
    pub fn unsupported_of(&self, stream: &str) -> Result<Vec<Unsupported>, Error> {
        self.bodies("SELECT body FROM unsupported WHERE stream = ?1 ORDER BY package", [stream])
    }

    /// The statements of VEX hubs about a product: a package URL without version and qualifiers.
    pub fn statements(&self, product: &str) -> Result<Vec<HubStatement>, Error> {
        self.bodies("SELECT body FROM statement WHERE product = ?1 ORDER BY number", [product])
    }

    /// The numbers of all records that have `id` as their own or as another id, sorted.
    pub(crate) fn numbers(&self, id: &str) -> Result<Vec<u32>, Error> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT record FROM alias WHERE id = ?1 ORDER BY record")
            .map_err(|error| self.damaged(error))?;
        let rows = statement.query_map([id], |row| row.get(0)).map_err(|error| self.damaged(error))?;
        rows.collect::<Result<_, _>>().map_err(|error| self.damaged(error))
    }

    /// One record with all its entries.
    pub(crate) fn full_record(&self, number: u32) -> Result<Sourced, Error> {
        let (mut sourced, keys) = self.stored(number)?;
        for (target, name) in keys {
            let Some(target) = self.target_keys.get(&target).and_then(|key| Target::from_key(key)) else {
                continue;
            };
            let entries = self.entries(&target, &name)?;
            sourced
                .record
                .affected
                .extend(entries.into_iter().filter(|(record, _)| *record == number).map(|(_, entry)| entry));
        }
        Ok(sourced)
    }

    fn stored(&self, number: u32) -> Result<(Sourced, Vec<(u32, String)>), Error> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT source, body FROM record WHERE id = ?1")
            .map_err(|error| self.damaged(error))?;
        let (source, stored) = statement
            .query_row([number], |row| {
                let source: u32 = row.get(0)?;
                Ok((source, self.unpacker.borrow_mut().row::<StoredRecord>(row.get_ref(1)?.as_blob()?)))
            })
            .map_err(|error| self.damaged(error))?;
        let stored = stored.map_err(|detail| self.damaged(detail))?;
        let source = self
            .source_numbers
            .get(&source)
            .and_then(|place| self.sources.get(*place))
            .ok_or_else(|| self.damaged("a record names a source that is not there"))?;
        let sourced =
            Sourced { source: source.name.clone(), source_date: source.date.clone(), record: stored.record };
        Ok((sourced, stored.keys))
    }

    /// Compares the content with the digest that was stored when it was built. Reads the whole file.
    ///
    /// # Errors
    /// When they differ or the file cannot be read.
    pub fn verify(&self) -> Result<(), Error> {
        let mut hasher = ContentHasher::new();
        for table in TABLES {
            hasher.table(table.name);
            self.each_row(table, |values, _| {
                for value in values {
                    match value {
                        Value::Integer(number) => hasher.integer(*number),
                        Value::Text(text) => hasher.bytes(text.as_bytes()),
                        Value::Body(body) => hasher.bytes(body),
                    }
                }
                Ok(())
            })?;
        }
        let found = hasher.finish();
        match &self.digest {
            Some(digest) if *digest == found => Ok(()),
            Some(digest) => {
                Err(self.damaged(format!("its content is {}, not {}", found.short(), digest.short())))
            }
            None => Err(self.damaged("it has no digest of its content")),
        }
    }
}

impl Database {
    /// Hands out the rows of one table in the order of their keys, bodies unpacked; beside them the body as it is stored.
    pub(crate) fn each_row(
        &self,
        table: &Table,
        mut each: impl FnMut(&[Value<'_>], Option<&[u8]>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let order = if table.keys == 2 { "1, 2" } else { "1" };
        let mut statement = self
            .connection
            .prepare(&format!("SELECT * FROM {} ORDER BY {order}", table.name))
            .map_err(|error| self.damaged(error))?;
        if statement.column_count() != table.columns.len() {
            return Err(self.damaged(format!("the table `{}` has other columns", table.name)));
        }
        let mut rows = statement.query([]).map_err(|error| self.damaged(error))?;
        let mut unpacker = Unpacker::new();
        while let Some(row) = rows.next().map_err(|error| self.damaged(error))? {
            let mut values = Vec::with_capacity(table.columns.len());
            let mut stored = None;
            let mut body = None;
            for (index, column) in table.columns.iter().enumerate() {
                use rusqlite::types::ValueRef;
                let value = row.get_ref(index).map_err(|error| self.damaged(error))?;
                values.push(match (column, value) {
                    (Column::Integer, ValueRef::Integer(number)) => Value::Integer(number),
                    (Column::Text, ValueRef::Text(bytes)) => {
                        Value::Text(std::str::from_utf8(bytes).map_err(|error| self.damaged(error))?)
                    }
                    (Column::Body, ValueRef::Blob(bytes)) => {
                        stored = Some(bytes);
                        body = Some(index);
                        Value::Body(&[])
                    }
                    _ => return Err(self.damaged("a row has a value of a foreign kind")),
                });
            }
            if let (Some(stored), Some(index)) = (stored, body) {
                values[index] = Value::Body(unpacker.text(stored).map_err(|detail| self.damaged(detail))?);
            }
            each(&values, stored)?;
        }
        Ok(())
    }

    /// What was kept beside the content under this key; `None` when there is nothing.
    pub fn meta(&self, key: &str) -> Result<Option<String>, Error> {
        self.connection
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
            .optional()
            .map_err(|error| self.damaged(error))
    }
}

/// Opens the database at `path` and compares its content with its digest ([`Database::verify`]).
pub fn verify(path: &Path) -> Result<DatabaseInfo, Error> {
    let database = Database::open(path)?;
    database.verify()?;
    Ok(database.info())
}

impl Source for Database {
    fn info(&self) -> DatabaseInfo {
        let mut sources: Vec<FeedInfo> = self
            .sources
            .iter()
            .map(|source| FeedInfo {
                name: source.name.clone(),
                date: source.date.clone(),
                commit: source.commit.clone(),
                records: source.records,
                licence: source.licence.clone(),
            })
            .collect();
        sources.sort_by(|left, right| left.name.cmp(&right.name));
        DatabaseInfo {
            coverage: Coverage::Database,
            date: sources.iter().map(|source| source.date.as_str()).max().unwrap_or_default().to_owned(),
            digest: self.digest.clone(),
            sources,
        }
    }

    fn covers(&self, target: &Target) -> Result<bool, Error> {
        Ok(self.targets.contains_key(&target.key()))
    }

    fn entries(&self, target: &Target, name: &str) -> Result<Vec<(u32, Affected)>, Error> {
        let Some(number) = self.targets.get(&target.key()) else { return Ok(Vec::new()) };
        let found: Option<Vec<(u32, Affected)>> = self.body(
            "SELECT body FROM entry WHERE target = ?1 AND name = ?2",
            rusqlite::params![number, name],
        )?;
        let mut entries = found.unwrap_or_default();
        for (_, entry) in &mut entries {
            entry.target = target.clone();
            name.clone_into(&mut entry.name);
        }
        Ok(entries)
    }

    fn record(&self, number: u32) -> Result<Sourced, Error> {
        Ok(self.stored(number)?.0)
    }

    fn cve(&self, id: &str) -> Result<Option<Cve>, Error> {
        let cve: Option<Cve> = self.body("SELECT body FROM cve WHERE id = ?1", [id])?;
        let epss = self.epss(id)?;
        if epss.is_none() {
            return Ok(cve);
        }
        Ok(Some(Cve { epss, ..cve.unwrap_or_default() }))
    }
}

/// Reads the header of the file (SQLite file format, section 1.3) and gives its length in bytes, and which file it is.
fn check_header(path: &Path) -> Result<(u64, Identity), Error> {
    let read = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => Error::Absent { path: path.to_owned() },
        _ => Error::Read { path: path.to_owned(), source },
    };
    let mut file = File::open(path).map_err(read)?;
    let metadata = file.metadata().map_err(read)?;
    let (length, identity) = (metadata.len(), Identity::of(&metadata));
    let mut header = Vec::with_capacity(100);
    (&mut file).take(100).read_to_end(&mut header).map_err(read)?;
    let foreign = || Error::Foreign { path: path.to_owned() };
    if header.len() < 100 || !header.starts_with(b"SQLite format 3\0") {
        return Err(foreign());
    }
    let number = |offset: usize| {
        header
            .get(offset..offset + 4)
            .map_or(0, |bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    if number(68) != APPLICATION_ID.cast_unsigned() {
        return Err(foreign());
    }
    if number(60) != FORMAT.cast_unsigned() {
        return Err(Error::Version {
            path: path.to_owned(),
            found: i64::from(number(60)),
            expected: i64::from(FORMAT),
        });
    }
    let page = match u32::from_be_bytes([0, 0, header[16], header[17]]) {
        1 => 65_536,
        size => size,
    };
    let expected = u64::from(page) * u64::from(number(28));
    if expected != length {
        return Err(Error::Damaged {
            path: path.to_owned(),
            detail: format!("it has {length} bytes, its header says {expected}"),
        });
    }
    Ok((length, identity))
}

/// The digest of a database's content: every value of every row with its length, in the order of the keys, bodies
/// unpacked: how a row was packed is no content.
pub(crate) struct ContentHasher(Sha256);

impl ContentHasher {
    pub(crate) fn new() -> Self {
        ContentHasher(Sha256::new())
    }

    pub(crate) fn table(&mut self, name: &str) {
        self.0.update([0]);
        self.bytes(name.as_bytes());
    }

    pub(crate) fn integer(&mut self, number: i64) {
        self.0.update([1]);
        self.0.update(number.to_be_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update([2]);
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        Digest::from_bytes(Algorithm::Sha256, &self.0.finalize()).expect("a SHA-256 has 32 bytes")
    }
}
