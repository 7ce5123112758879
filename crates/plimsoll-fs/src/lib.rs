//! Layers and directories as one file system, read in one pass.
//!
//! Hides tar in all its dialects, compression, whiteouts, links, limits and threads. Does not know what a package is,
//! nor where layers come from.
//!
//! The names of a layer are kept as 64-bit keyed hashes; only what a caller wants, links, whiteouts and names below
//! directories that their layer does not list are kept in full. The newest layer is read first, so that a file which an
//! upper layer hides is not even looked at, and layers are decoded in parallel all the same.

#![forbid(unsafe_code)]

mod budget;
mod decode;
mod directory;
pub mod fuzz;
mod index;
mod layer;
mod limits;
mod links;
mod merge;
mod sparse;
mod tar;
mod walk;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::io::{self, Read};

use plimsoll_model::{Digest, ImagePath, Problem};

pub use directory::{walk_directory, walk_process};
pub use layer::{LayerResult, read_layer};
pub use limits::Limits;
pub use merge::merge;
pub use walk::walk_layers;

/// Bytes of a file by which a visitor decides whether it glances at more of it.
pub const FIRST_BLOCK: usize = 4096;

/// What is known of a file before its content is read.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Where it is.
    pub path: &'a ImagePath,
    /// Size of the content in bytes. Of a hard link that names a file not read yet, [`UNKNOWN_SIZE`]; such a file is
    /// asked for again with its real size before it is read.
    pub size: u64,
    /// Permission bits (`0o755`), and [`CAPABLE`].
    pub mode: u32,
}

/// Set in [`Entry::mode`] of a file that has the extended attribute `security.capability`. Above all permission bits.
pub const CAPABLE: u32 = 1 << 16;

/// Stands for the size of a hard link's file as long as the file has not been found: neither empty nor large.
pub const UNKNOWN_SIZE: u64 = 4096;

impl Entry<'_> {
    /// Has anybody the right to execute it?
    pub fn is_executable(&self) -> bool {
        self.mode & 0o111 != 0
    }
}

/// What a visitor wants of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Nothing.
    Skip,
    /// The whole content in memory. A larger file than `limit` bytes is not read and becomes a problem.
    Whole {
        /// Largest size in bytes.
        limit: u64,
    },
    /// The content as a stream, in bounded memory.
    Stream,
    /// Only that it is there: [`Visitor::whole`] is called with no content, and nothing of it is read.
    Name,
}

/// What happens to files. Called from several threads at once.
pub trait Visitor: Sync {
    /// What one file yields.
    type Output: Send;

    /// Is this file wanted? Asked for every regular file, so it must be cheap. The answer may depend on nothing but
    /// the entry.
    fn wants(&self, entry: &Entry<'_>) -> Want;

    /// Reads a file wanted as [`Want::Whole`].
    fn whole(&self, entry: &Entry<'_>, content: &[u8]) -> Self::Output;

    /// Reads a file wanted as [`Want::Stream`]. Returning early skips the rest. An error becomes a problem that names
    /// the file.
    fn stream(&self, entry: &Entry<'_>, content: &mut dyn Read) -> io::Result<Self::Output>;

    /// Would `second`, another name of the file `first`, be read by the same rules? Then the file is read once and the
    /// other name is only listed ([`Visited::other_names`]); otherwise it is read again under its other name.
    fn alike(&self, first: &Entry<'_>, second: &Entry<'_>) -> bool {
        let _ = (first, second);
        false
    }

    /// How many bytes of this file are glanced at, whatever upper layers make of it; 0 for not at all. Glances are for
    /// what concerns the bytes that a layer carries, not the tree that the layers make: they also see files that are
    /// overwritten or removed above. Never asked for hard links, whose file was seen under its first name.
    fn glance_limit(&self, entry: &Entry<'_>) -> u64 {
        let _ = entry;
        0
    }

    /// Is more than the first block wanted? It has [`FIRST_BLOCK`] bytes, fewer only where the file or the limit ends.
    fn goes_on(&self, entry: &Entry<'_>, first_block: &[u8]) -> bool {
        let _ = (entry, first_block);
        false
    }

    /// Glances at the beginning of a file, at most as many bytes as were asked for. What is to be remembered of it comes
    /// with the bytes of memory that it takes.
    fn glance(&self, entry: &Entry<'_>, content: &[u8]) -> Option<(Self::Output, usize)> {
        let _ = (entry, content);
        None
    }
}

/// A layer that can be opened, more than once if need be.
pub trait LayerSource: Sync {
    /// Opens the blob as it is stored, compressed or not. A second call starts again at the beginning.
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>>;
    /// For people: names the layer in problems.
    fn label(&self) -> String;
    /// Expected digest of the blob as stored.
    fn digest(&self) -> Option<&Digest>;
    /// Expected digest of the open archive (OCI image-spec 1.1, config.md, "Layer DiffID").
    fn diff_id(&self) -> Option<&Digest>;
    /// Size of the blob in bytes, where known.
    fn size(&self) -> Option<u64>;
}

/// Hears how far a walk is. Called from several threads at once, often: must be cheap.
pub trait Progress: Sync {
    /// So many further bytes of a layer's blob were read. Layers are counted from 1, the lowest; 0 where the position is
    /// not known yet.
    fn bytes(&self, layer: u32, bytes: u64) {
        let _ = (layer, bytes);
    }
    /// So many further entries were seen.
    fn entries(&self, entries: u64) {
        let _ = entries;
    }
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {}

/// One visited file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visited<O> {
    /// Where it is, after resolving the symbolic links of its directory.
    pub path: ImagePath,
    /// Layer that wrote this name, counted from 1 (the lowest); `None` in a directory.
    pub layer: Option<u32>,
    /// Hard links to the same file for which [`Visitor::alike`] said yes, sorted, with their layers.
    pub other_names: Vec<(ImagePath, Option<u32>)>,
    /// What the visitor made of it.
    pub output: O,
}

/// What a glance at one file gave ([`Visitor::glance`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance<O> {
    /// Where it is or was, after resolving the symbolic links of its directory.
    pub path: ImagePath,
    /// Layer that carries it, counted from 1 (the lowest); `None` in a directory.
    pub layer: Option<u32>,
    /// The lowest layer above that overwrites or removes it.
    pub hidden_by: Option<u32>,
    /// What the visitor made of it.
    pub output: O,
}

/// A symbolic link to a directory or file, in the merged tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirectoryLink {
    /// The link (`lib`).
    pub path: ImagePath,
    /// Where it finally leads (`usr/lib`): itself free of links.
    pub target: ImagePath,
}

/// How a layer is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// An open archive.
    None,
    /// gzip, RFC 1952.
    Gzip,
    /// Zstandard, RFC 8878.
    Zstd,
}

/// What became of an expected digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The bytes have it.
    Verified,
    /// The bytes have another one; there is a problem that says so.
    Mismatch,
    /// None was expected, or the layer could not be read to its end.
    NotChecked,
}

/// Figures of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerStatistics {
    /// The source's label.
    pub label: String,
    /// How it is stored; `None` when it could not be opened or is in a format that is not supported.
    pub compression: Option<Compression>,
    /// Bytes read of the blob.
    pub stored_bytes: u64,
    /// Bytes of the open archive.
    pub open_bytes: u64,
    /// The blob's digest.
    pub digest: Check,
    /// The archive's digest.
    pub diff_id: Check,
    /// Entries of the archive.
    pub entries: u64,
    /// Wanted files that were not read because an upper layer hides them.
    pub hidden: u64,
}

/// The merged tree, as far as a visitor wanted it.
#[derive(Debug)]
pub struct Walk<O> {
    /// Visited files, sorted by path; each path once.
    pub files: Vec<Visited<O>>,
    /// What glances gave, sorted by path and layer.
    pub glances: Vec<Glance<O>>,
    /// What could not be read, sorted.
    pub problems: Vec<Problem>,
    /// Symbolic links of the merged tree that lead to directories on the way to visited files, and all of the root
    /// directory; sorted, at most [`Limits::max_links`].
    pub links: Vec<DirectoryLink>,
    /// Symbolic links of the merged tree that finally lead to visited files, sorted; only where
    /// [`Limits::file_links`] asks for them, and no more than [`Limits::max_entries`].
    pub file_links: Vec<DirectoryLink>,
    /// Figures of each layer, the lowest first; empty for a directory.
    pub layers: Vec<LayerStatistics>,
}
