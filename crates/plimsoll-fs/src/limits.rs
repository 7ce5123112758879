//! How much hostile input may cost.

use std::num::NonZeroUsize;

/// Bounds of a walk. Beyond one, reading stops where it is, what was read is kept, and a problem says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries of all layers together, or of a directory tree.
    pub max_entries: u64,
    /// Uncompressed bytes of all layers together.
    pub max_open_bytes: u64,
    /// Uncompressed bytes for each compressed byte of a layer; looked at only beyond
    /// [`ratio_after`](Limits::ratio_after).
    pub max_ratio: u64,
    /// Uncompressed bytes of a layer up to which any ratio is fine: a file of zeros is no attack.
    pub ratio_after: u64,
    /// Length of a path in bytes. Linux allows 4096 in one call.
    pub max_path: usize,
    /// Length of an extended header (pax, GNU long name) in bytes.
    pub max_header: u64,
    /// Pieces of a sparse file.
    pub max_pieces: usize,
    /// Bytes of file contents in memory at one time, over all threads. A single larger file takes all of it alone, so
    /// the greatest limit of a [`Want::Whole`](crate::Want::Whole) can raise the peak.
    pub max_buffered: u64,
    /// Bytes for names and targets kept in full: wanted files, links, whiteouts.
    pub max_kept: u64,
    /// Directory links in the result.
    pub max_links: usize,
    /// Tell symbolic links to visited files too ([`Walk::file_links`](crate::Walk::file_links)).
    pub file_links: bool,
    /// Threads.
    pub workers: NonZeroUsize,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Limits {
            max_entries: 5_000_000,
            max_open_bytes: 512 * 1024 * MIB,
            max_ratio: 200,
            ratio_after: 8 * 1024 * MIB,
            max_path: 4096,
            max_header: MIB,
            max_pieces: 65_536,
            max_buffered: 64 * MIB,
            max_kept: 128 * MIB,
            max_links: 10_000,
            file_links: false,
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}
