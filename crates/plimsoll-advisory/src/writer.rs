//! Writing a database file: rows in the order of [`TABLES`] and of their keys, each hashed, packed and stored.
//!
//! Building from feeds and installing what somebody else built both end here, so the same content always gives the same
//! file. It is written under a temporary name beside its place and renamed: readers see the old one or the new one and
//! nothing between, whenever the process is killed and whatever the disk says.

use std::fs::File;
use std::path::{Path, PathBuf};

use plimsoll_model::Digest;
use rusqlite::Connection;
use rusqlite::types::ToSqlOutput;

use crate::error::Error;
use crate::store::{APPLICATION_ID, Column, ContentHasher, FORMAT, TABLES, pack};

/// One column of a row. A body is not packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value<'row> {
    Integer(i64),
    Text(&'row str),
    Body(&'row [u8]),
}

/// What is at the beginning and end of the name of a file that is being written.
const PREFIX: &str = ".plimsoll-db-";
const SUFFIX: &str = ".part";
/// A database file in the making.
pub(crate) struct Writer {
    connection: Connection,
    temporary: tempfile::NamedTempFile,
    out: PathBuf,
    hasher: ContentHasher,
    /// Index of the table that is being written.
    table: Option<usize>,
    insert: String,
    /// So many bytes of rows may still come, and how many it were at the beginning.
    left: u64,
    limit: u64,
}

/// A database file that is whole, but not yet in its place.
pub(crate) struct Written {
    temporary: tempfile::NamedTempFile,
    out: PathBuf,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// The folder in which a file stands.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Removes what killed processes left in `folder`. Files that a living process holds are locked and stay.
pub(crate) fn remove_abandoned(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            // Removed while the lock is held: see `temporary_file`.
            let Ok(file) = File::open(entry.path()) else { continue };
            if file.try_lock().is_ok() {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// A file in `folder`, locked until the process ends, however it ends: nobody takes it for abandoned before.
pub(crate) fn temporary_file(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    loop {
        let file = tempfile::Builder::new().prefix(PREFIX).suffix(SUFFIX).tempfile_in(folder)?;
        // Where the file system knows no locks, nothing can be locked for removing either.
        let _ = file.as_file().lock();
        // Between its creation and the lock another process may have removed it.
        if file.path().exists() {
            return Ok(file);
        }
    }
}

impl Writer {
    /// Begins a database that will be at `out`.
    pub(crate) fn create(out: &Path) -> Result<Self, Error> {
        let failed = |source: std::io::Error| Error::Write { path: out.to_owned(), source };
        let folder = folder_of(out);
        remove_abandoned(folder);
        let temporary = temporary_file(folder).map_err(failed)?;
        let begin = |path: &Path| -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            // Written once under a temporary name: no journal is needed, and none may be left behind.
            connection.execute_batch(
                "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -16384;",
            )?;
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
            connection.pragma_update(None, "user_version", FORMAT)?;
            connection.execute_batch(
                "BEGIN; CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
            )?;
            for table in TABLES {
                connection.execute_batch(table.sql)?;
            }
            Ok(connection)
        };
        let connection = begin(temporary.path())
            .map_err(|error| Error::Build { path: out.to_owned(), detail: error.to_string() })?;
        Ok(Writer {
            connection,
            temporary,
            out: out.to_owned(),
            hasher: ContentHasher::new(),
            table: None,
            insert: String::new(),
            left: u64::MAX,
            limit: u64::MAX,
        })
    }

    /// At most so many bytes of new rows.
    pub(crate) fn allow(&mut self, limit: u64) {
        (self.left, self.limit) = (limit, limit);
    }

    /// The folder in which the file will stand: temporary files belong on the same disk.
    pub(crate) fn folder(&self) -> &Path {
        folder_of(&self.out)
    }

    fn failed(&self, detail: impl std::fmt::Display) -> Error {
        Error::Build { path: self.out.clone(), detail: detail.to_string() }
    }

    /// Goes on to a table. Tables come in the order of [`TABLES`].
    pub(crate) fn table(&mut self, name: &str) -> Result<(), Error> {
        let next = self.table.map_or(0, |index| index + 1);
        match TABLES.get(next) {
            Some(table) if table.name == name => {
                self.table = Some(next);
                let marks = vec!["?"; table.columns.len()].join(", ");
                self.insert = format!("INSERT INTO {name} VALUES ({marks})");
                self.hasher.table(name);
                Ok(())
            }
            _ => Err(self.failed(format!("table `{name}` comes out of order"))),
        }
    }

    /// Writes a row of the table. Rows come in the order of their keys.
    pub(crate) fn row(&mut self, values: &[Value<'_>]) -> Result<(), Error> {
        let size = |value: &Value<'_>| match value {
            Value::Integer(_) => 8,
            Value::Text(text) => text.len() as u64,
            Value::Body(body) => body.len() as u64,
        };
        self.left = self.left.checked_sub(values.iter().map(size).sum()).ok_or_else(|| Error::Limit {
            path: self.out.clone(),
            what: "a content",
            limit: self.limit,
        })?;
        self.packed_row(values, None)
    }

    /// Writes a row whose body was packed before, with the same content.
    pub(crate) fn packed_row(&mut self, values: &[Value<'_>], packed: Option<&[u8]>) -> Result<(), Error> {
        let table = self.table.and_then(|index| TABLES.get(index));
        let fits = table.is_some_and(|table| {
            table.columns.len() == values.len()
                && table.columns.iter().zip(values).all(|(column, value)| {
                    matches!(
                        (column, value),
                        (Column::Integer, Value::Integer(_))
                            | (Column::Text, Value::Text(_))
                            | (Column::Body, Value::Body(_))
                    )
                })
        });
        if !fits {
            return Err(self.failed("a row does not have the columns of its table"));
        }
        let mut columns = Vec::with_capacity(values.len());
        for value in values {
            columns.push(match value {
                Value::Integer(number) => {
                    self.hasher.integer(*number);
                    ToSqlOutput::from(*number)
                }
                Value::Text(text) => {
                    self.hasher.bytes(text.as_bytes());
                    ToSqlOutput::from(*text)
                }
                Value::Body(body) => {
                    self.hasher.bytes(body);
                    match packed {
                        Some(packed) => ToSqlOutput::Borrowed(rusqlite::types::ValueRef::Blob(packed)),
                        None => ToSqlOutput::from(pack(body)),
                    }
                }
            });
        }
        let inserted = self
            .connection
            .prepare_cached(&self.insert)
            .and_then(|mut insert| insert.execute(rusqlite::params_from_iter(columns)));
        inserted.map(drop).map_err(|error| self.failed(error))
    }

    /// Ends the file. `more` is kept in it beside the content, under these keys.
    pub(crate) fn finish(self, more: &[(&str, &str)]) -> Result<Written, Error> {
        let failed = |detail: String| Error::Build { path: self.out.clone(), detail };
        let io = |source: std::io::Error| Error::Write { path: self.out.clone(), source };
        if self.table.map(|index| index + 1) != Some(TABLES.len()) {
            return Err(failed("not all tables were written".to_owned()));
        }
        let digest = self.hasher.finish();
        let (text, format) = (digest.to_string(), FORMAT.to_string());
        let about = "Plimsoll advisory database: `plimsoll db status` and `plimsoll explain ID` read it";
        let mut meta = vec![("about", about), ("digest", &text), ("format", &format)];
        meta.extend(more);
        for (key, value) in meta {
            self.connection
                .execute("INSERT INTO meta VALUES (?1, ?2)", [key, value])
                .map_err(|error| failed(error.to_string()))?;
        }
        self.connection.execute_batch("COMMIT").map_err(|error| failed(error.to_string()))?;
        self.connection.close().map_err(|(_, error)| failed(error.to_string()))?;
        self.temporary.as_file().sync_all().map_err(io)?;
        let size = self.temporary.as_file().metadata().map_err(io)?.len();
        // A database is no secret; a temporary file is only for its owner.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let readable = std::fs::Permissions::from_mode(0o644);
            self.temporary.as_file().set_permissions(readable).map_err(io)?;
        }
        Ok(Written { temporary: self.temporary, out: self.out, digest, size })
    }
}

impl Written {
    /// Puts the file in its place, in one step.
    pub(crate) fn install(self) -> Result<(), Error> {
        let Written { temporary, out, .. } = self;
        temporary.persist(&out).map_err(|error| Error::Write { path: out.clone(), source: error.error })?;
        // The rename itself must survive a power cut; not every file system lets a folder be synchronised.
        if let Ok(folder) = File::open(folder_of(&out)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}
