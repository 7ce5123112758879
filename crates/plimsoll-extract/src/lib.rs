//! What is in a file: packages, releases, ownership.
//!
//! An extractor is one file of this crate, one line in [`registry`], and a fixture. It is chosen by path and mode, sees
//! one file at a time, and never walks. What it cannot read becomes a [`Problem`], never silence.

#![forbid(unsafe_code)]

pub mod binary;
pub mod embedded;
pub mod lang;
pub mod os;
pub mod registry;
pub mod secret;

use std::io;

use plimsoll_fs::Entry;
use plimsoll_model::{Digest, Ecosystem, ImagePath, Package, Problem, Release};

/// Reads one file format. A value in a table, not a type: see [`registry::EXTRACTORS`].
pub struct Extractor {
    /// Stable name, `lang/cargo_lock`.
    pub name: &'static str,
    /// Raised whenever the same file would give another result; part of cache keys.
    pub version: u32,
    /// Reads what a project asks for (a lockfile or manifest) rather than what is there. Such a file inside an installed
    /// package is about that package's own development, and is not asked for: see [`registry::wanting`].
    pub declares: bool,
    /// Does this file have the format? Cheap: by path and mode.
    pub wants: fn(&Entry<'_>) -> bool,
    /// How to read it.
    pub read: Reader,
}

/// How an extractor wants its file.
#[derive(Clone, Copy)]
pub enum Reader {
    /// The whole file in memory; a larger one than `limit` bytes becomes a problem.
    Whole {
        /// Largest file that is read, in bytes.
        limit: u64,
        /// Reads the file. Never panics, whatever the bytes.
        parse: fn(&ImagePath, &[u8]) -> Extraction,
    },
    /// Not at all: the name of the file says it.
    Name {
        /// Reads the name. Never panics, whatever it is.
        parse: fn(&ImagePath) -> Extraction,
    },
    /// A stream, in bounded memory, of a file of any size. Returning before the end is fine and skips the rest.
    Stream {
        /// Reads the file. Never panics, whatever the bytes. An error of the stream itself is reported by the caller.
        parse: fn(&ImagePath, &mut dyn io::Read) -> io::Result<Extraction>,
    },
}

/// What one file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extraction {
    /// Packages. Their purl is empty and their locations carry no layer: both are added when layers are merged.
    pub packages: Vec<Package>,
    /// Distribution release, from os-release and its older relatives, with its rank: the greatest rank wins.
    pub releases: Vec<(u8, Release)>,
    /// Files that packages own.
    pub ownership: Vec<Ownership>,
    /// Licences of packages that another file lists.
    pub licenses: Vec<DeclaredLicenses>,
    /// Secrets, where they were looked for.
    pub secrets: Vec<secret::Hit>,
    /// What is remembered of the file itself, where somebody asked for it.
    pub note: Option<FileNote>,
    /// What the file is, where somebody asked for it.
    pub content: Option<FileContent>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

impl Extraction {
    /// Takes in what another extractor found in the same file. What is remembered of the file itself stays.
    pub fn take(&mut self, other: Extraction) {
        self.packages.extend(other.packages);
        self.releases.extend(other.releases);
        self.ownership.extend(other.ownership);
        self.licenses.extend(other.licenses);
        self.secrets.extend(other.secrets);
        self.problems.extend(other.problems);
    }
}

/// How a file is set up, for whoever judges that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileNote {
    /// Permission bits.
    pub mode: u32,
    /// Has the extended attribute `security.capability`.
    pub capable: bool,
    /// Bytes.
    pub size: u64,
    /// Content, where it is of interest; else empty.
    pub text: String,
}

/// What a file is, for whoever compares it with what runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileContent {
    /// Permission bits.
    pub mode: u32,
    /// SHA-256 of its content.
    pub digest: Digest,
    /// Its first bytes are those of an ELF file: a program or a library.
    pub elf: bool,
}

/// The files of one distribution package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// Package manager.
    pub ecosystem: Ecosystem,
    /// Name of the binary package.
    pub package: String,
    /// Architecture, where the database names files per architecture (`libc6:amd64.list`).
    pub architecture: Option<String>,
    /// What it owns.
    pub paths: Vec<ImagePath>,
}

/// Licences that a file beside the package database declares (`usr/share/doc/NAME/copyright`). They join the package by
/// its name, whatever its architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredLicenses {
    /// Package manager.
    pub ecosystem: Ecosystem,
    /// Name of the binary package.
    pub package: String,
    /// Licences as declared, not normalised, each once.
    pub licenses: Vec<String>,
}

impl Extraction {
    /// Only a problem.
    pub fn problem(problem: Problem) -> Self {
        Extraction { problems: vec![problem], ..Extraction::default() }
    }
}
