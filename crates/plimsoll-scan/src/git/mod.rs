//! Git: a remote repository as a target, and what a work tree says of itself.
//!
//! Fetching is done by the user's own `git`, in a repository of ours in a temporary folder, which is removed whatever
//! happens. What the other side hands out is data: no hook, filter or submodule of it runs, and its large files (LFS)
//! stay the pointers that they are. A work tree that is there already is read without `git`.

mod address;
mod fetch;
mod index;
mod objects;
mod program;
mod revision;
mod work_tree;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub use address::Address;
pub(crate) use fetch::fetch;
pub(crate) use revision::files_at;
pub(crate) use work_tree::WorkTree;

/// How `git` is run.
#[derive(Clone, Debug)]
pub struct GitSettings {
    /// The program.
    pub program: PathBuf,
    /// The variables it gets. Those that would change what it does to which repository are left out.
    pub variables: Vec<(OsString, OsString)>,
    /// The folder in which temporary ones are made.
    pub temporary: PathBuf,
    /// Longest time of one fetch.
    pub longest: Duration,
    /// Most bytes on disk of one fetch, history and files together.
    pub largest: u64,
}

impl GitSettings {
    /// The usual limits.
    pub fn new(variables: Vec<(OsString, OsString)>, temporary: PathBuf) -> Self {
        GitSettings {
            program: "git".into(),
            variables,
            temporary,
            longest: Duration::from_mins(15),
            largest: 8 << 30,
        }
    }
}

/// Why git's answer is missing.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// What was typed is no address of a repository.
    #[error("`{typed}` is no repository that can be fetched: {detail}")]
    Address {
        /// As typed, without secrets.
        typed: String,
        /// What is wrong.
        detail: &'static str,
    },
    /// The program is not there, or cannot be started.
    #[error("git cannot be run")]
    Run(#[source] std::io::Error),
    /// Folders or files of our own could not be written.
    #[error("cannot write to a temporary folder")]
    Temporary(#[source] std::io::Error),
    /// The commit has no such folder.
    #[error("`{address}` has no folder `{folder}`")]
    NoFolder {
        /// As typed, without secrets.
        address: String,
        /// The folder.
        folder: String,
    },
    /// There is no such revision.
    #[error("`{revision}` is no revision of the git repository of `{path}`")]
    NoRevision {
        /// As typed.
        revision: String,
        /// The file or folder.
        path: String,
    },
    /// There is no repository to have revisions.
    #[error("there is no revision `{revision}` of `{path}`: it is in no git repository")]
    NoRepository {
        /// As typed.
        revision: String,
        /// The file or folder.
        path: String,
    },
    /// It failed.
    #[error("git cannot {doing}: {said}")]
    Failed {
        /// What it was to do: `fetch REPOSITORY`.
        doing: String,
        /// The last that it said, without secrets.
        said: String,
    },
    /// It took too long.
    #[error("git was stopped after {} s: it could not {doing} in that time", .longest.as_secs())]
    TooLong {
        /// What it was to do.
        doing: String,
        /// The limit.
        longest: Duration,
    },
    /// It wrote too much.
    #[error("git was stopped: to {doing} takes more than {largest} bytes on disk")]
    TooLarge {
        /// What it was to do.
        doing: String,
        /// The limit.
        largest: u64,
    },
}

impl GitError {
    /// Was it asked for in a way that cannot work?
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            GitError::Address { .. }
                | GitError::NoFolder { .. }
                | GitError::NoRevision { .. }
                | GitError::NoRepository { .. }
        )
    }

    /// What to type next.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            GitError::Address { .. } => Some(
                "as in git:https://host/owner/name#v1.2:folder, git:git@host:owner/name, git:file:///srv/name.git",
            ),
            GitError::Run(_) => {
                Some("install git, or clone the repository elsewhere and scan it as dir:PATH")
            }
            GitError::Failed { said, .. } if said.contains("terminal prompts disabled") => Some(
                "nothing is asked for: store the credentials in a credential helper of git, or use ssh with an agent",
            ),
            GitError::Failed { said, .. } if said.contains("dubious ownership") => Some(
                "git reads no repository of another user: git config --global --add safe.directory FOLDER",
            ),
            GitError::Failed { said, .. } if said.contains("couldn't find remote ref") => Some(
                "check the name behind #; a commit is named by all its digits, and a host may give out branches and tags only",
            ),
            _ => None,
        }
    }
}

/// A target as it may be shown: an address may hold a password.
pub fn shown(typed: &str) -> String {
    match typed.strip_prefix("git:").filter(|rest| !rest.starts_with("//")) {
        Some(address) => format!("git:{}", address::without_secret(address)),
        None if Address::is_meant(typed) => address::without_secret(typed),
        None => typed.to_owned(),
    }
}

/// For the fuzzer: any bytes as the files of a repository, and as an address.
pub fn fuzz(data: &[u8]) {
    work_tree::fuzz(data);
}
