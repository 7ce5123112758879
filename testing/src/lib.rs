//! What tests of several crates need. Only ever a development dependency.
//!
//! Some tests read large independent suites and real advisory feeds that are not part of the project. They stand in the
//! folder that `PLIMSOLL_SHARED` names, by default `../shared` beside the checkout. Where that folder is absent the
//! tests say so on standard error and check only the project's own fixtures.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

/// The path of `name` below the shared folder; `None`, said loudly, when it is absent.
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "tests enter here; a skip must be heard")]
pub fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var("PLIMSOLL_SHARED")
        .map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("NOT CHECKED: {} is absent; set PLIMSOLL_SHARED to the folder that holds it", path.display());
    None
}

/// The folder of the real test images that `cargo xtask images` builds; `None`, said loudly, when it is absent.
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "tests enter here; a skip must be heard")]
pub fn images() -> Option<PathBuf> {
    let cache = std::env::var("PLIMSOLL_CACHE")
        .map(PathBuf::from)
        .or_else(|_| std::env::var("HOME").map(|home| Path::new(&home).join(".cache/plimsoll")));
    let folder = cache.ok()?.join("images/current");
    if folder.join("images.json").exists() {
        return Some(folder);
    }
    eprintln!("NOT CHECKED: there are no test images in {}; run `cargo xtask images`", folder.display());
    None
}

/// Unpacks a `tar --zstd` archive into a fresh temporary folder, removed when the value is dropped.
///
/// # Panics
/// When the archive cannot be unpacked: a broken suite is a failed test.
pub fn unpack(archive: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = std::fs::File::open(archive).expect("the archive opens");
    let decoder = zstd::stream::read::Decoder::new(file).expect("the archive is zstd");
    tar::Archive::new(decoder).unpack(folder.path()).expect("the archive unpacks");
    folder
}
