//! What keeps a database from being built or opened.

use std::io;
use std::path::PathBuf;

/// Why a database could not be built or opened. A feed's broken records are no error: they are counted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database could not be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A feed's container (zip, gzip, JSON document) is broken as a whole.
    #[error("`{}` is not a readable {form}: {detail}", path.display())]
    Container {
        /// The file.
        path: PathBuf,
        /// What it should be: `zip archive`.
        form: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// A container is larger than we are willing to read.
    #[error("`{}` has {what} over the limit of {limit}", path.display())]
    Limit {
        /// The file.
        path: PathBuf,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// There is no database.
    #[error("there is no advisory database at `{}`; `plimsoll db update --db {}` fetches one"
, path.display(), path.display())]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// There is no feed in the folder.
    #[error("no advisory feed found below `{}`: expected folders such as osv/, alpine/ or debian/", path.display())]
    NoFeed {
        /// The folder.
        path: PathBuf,
    },
    /// The file is no advisory database.
    #[error("`{}` is not a plimsoll advisory database; build one with `plimsoll db build --from FOLDER --out {}`", path.display(), path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The database is of a format that this program does not read.
    #[error("`{}` has database format {found}, this program reads {expected}; {}", path.display(), if found > expected { "update the program, or build it again with `plimsoll db build`" } else { "build it again with `plimsoll db build`" })]
    Version {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: i64,
        /// The format that this program reads and writes.
        expected: i64,
    },
    /// The database is damaged.
    #[error("`{}` is damaged ({detail}); build it again with `plimsoll db build`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// SQLite refused while writing.
    #[error("cannot build `{}`: {detail}", path.display())]
    Build {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// The file is no index of Java archives, or damaged.
    #[error("`{}` is no index of Java archives ({detail}); build one with `plimsoll db java-index build`", path.display())]
    JavaIndex {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// The incident pack inside the program does not follow its schema: a mistake of ours.
    #[error("the embedded incident pack is broken: {0}")]
    Incidents(String),
}
