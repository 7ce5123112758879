//! `plimsoll cache`: what is kept of images from registries.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, anyhow};
use plimsoll_advisory::hub::Kept;
use plimsoll_scan::{Cache, span};

use super::Answer;
use crate::cli::{CacheArguments, CacheCommand};
use crate::environment::Environment;
use crate::network;
use crate::print::{self, Failure, UNDECIDED, USAGE};

/// Most bytes that are kept. An inventory of a large image has about one megabyte.
const LIMIT: u64 = 500_000_000;

pub(crate) fn run(command: &CacheCommand, environment: &Environment) -> Answer {
    let (CacheCommand::Status(arguments) | CacheCommand::Clear(arguments)) = command;
    let cache = cache(arguments, environment).ok_or_else(|| {
        Failure::new(USAGE, anyhow!("there is no place for a cache: neither XDG_CACHE_HOME nor HOME is set"))
            .hint("name a folder with --cache-dir".to_owned())
    })?;
    let folder = cache.folder.display();
    let hubs = hubs(arguments, environment);
    let mut text = match command {
        CacheCommand::Status(_) => {
            let status = cache
                .status()
                .with_context(|| format!("cannot read the cache `{folder}`"))
                .map_err(|error| Failure::new(UNDECIDED, error))?;
            format!(
                "{folder}: {} inventories, {} reports, {:.1} MB of at most {:.0} MB\n",
                status.inventories,
                status.reports,
                megabytes(status.bytes),
                megabytes(cache.limit)
            )
        }
        CacheCommand::Clear(_) => {
            let removed = cache
                .clear()
                .with_context(|| format!("cannot clear the cache `{folder}`"))
                .map_err(|error| Failure::new(UNDECIDED, error))?;
            format!(
                "{folder}: removed {} inventories, {} reports, {:.1} MB\n",
                removed.inventories,
                removed.reports,
                megabytes(removed.bytes)
            )
        }
    };
    let kept = match &hubs {
        Some(folder) => plimsoll_advisory::hub::kept(folder)
            .with_context(|| format!("cannot read the VEX hubs in `{}`", folder.display()))
            .map_err(|error| Failure::new(UNDECIDED, error))?,
        None => Vec::new(),
    };
    for hub in &kept {
        let Kept { url, updated_at, asked, size, .. } = hub;
        let age = span(environment.now.duration_since(*asked).unsigned_abs());
        let date = updated_at.get(..10).unwrap_or("no date");
        let _ = match command {
            CacheCommand::Status(_) => {
                writeln!(text, "{url}: VEX of {date}, asked {age} ago, {:.1} MB", megabytes(*size))
            }
            CacheCommand::Clear(_) => writeln!(text, "{url}: removed, {:.1} MB", megabytes(*size)),
        };
    }
    if let (CacheCommand::Clear(_), Some(folder)) = (command, hubs.filter(|_| !kept.is_empty())) {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove the VEX hubs in `{}`", folder.display()))
            .map_err(|error| Failure::new(UNDECIDED, error))?;
    }
    print::data(&plimsoll_format::clean_lines(&text))?;
    Ok(0)
}

/// The folder of VEX hubs that flags or surroundings name: beside the inventories, in a folder that was named within it.
pub(super) fn hubs(arguments: &CacheArguments, environment: &Environment) -> Option<PathBuf> {
    const HUBS: &str = "vex-hubs";
    match &arguments.cache_dir {
        Some(folder) => Some(folder.join(HUBS)),
        None => Some(environment.cache.as_ref()?.parent()?.join(HUBS)),
    }
}

/// The cache that flags or surroundings name.
pub(super) fn cache(arguments: &CacheArguments, environment: &Environment) -> Option<Cache> {
    let folder: PathBuf = arguments.cache_dir.clone().or_else(|| environment.cache.clone())?;
    Some(Cache { folder, limit: LIMIT, program: program(), now: network::now })
}

/// This program: its version, and which build of it.
fn program() -> String {
    let build = std::env::current_exe().and_then(|path| build(&path)).unwrap_or_default();
    format!("{}{build}", env!("CARGO_PKG_VERSION"))
}

/// What tells one build from another. Where all files have the same time (reproducible images, Nix) length and time say
/// little: the beginning of the file, with its table of segments and, by most linkers, a digest of the whole (the build id).
fn build(path: &Path) -> std::io::Result<String> {
    /// Bytes in which linkers put that.
    const BEGINNING: u64 = 4096;
    let file = std::fs::File::open(path)?;
    let metadata = file.metadata()?;
    let mut beginning = Vec::new();
    file.take(BEGINNING).read_to_end(&mut beginning)?;
    let written = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let mut hasher = DefaultHasher::new();
    hasher.write(&beginning);
    let written = written.map_or(0, |since| since.as_nanos());
    Ok(format!(" {} {written} {:x}", metadata.len(), hasher.finish()))
}

#[expect(clippy::cast_precision_loss, reason = "shown to people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    /// Two builds of one version, of one length and one time, as images that are built the same way twice have them.
    #[test]
    fn builds_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str, content: &[u8], seconds: u64| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let file = std::fs::File::options().append(true).open(&path).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
            build(&path).unwrap()
        };
        let first = of("a", b"one", 1);
        assert_eq!(first, of("b", b"one", 1));
        assert_ne!(first, of("c", b"two", 1));
        assert_ne!(first, of("d", b"one", 2));
        assert_ne!(first, of("e", b"one\0", 1));
        build(&folder.path().join("absent")).unwrap_err();
        assert!(program().len() > env!("CARGO_PKG_VERSION").len());
    }
}
