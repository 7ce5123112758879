//! Folders outside the checkout that commands read from and keep things in.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Independent data for measuring: `PLIMSOLL_SHARED`, else `../shared` beside the checkout.
pub(crate) fn shared() -> PathBuf {
    std::env::var_os("PLIMSOLL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from)
}

/// What commands keep between runs: `PLIMSOLL_CACHE`, else `~/.cache/plimsoll`.
pub(crate) fn cache() -> Result<PathBuf> {
    if let Some(cache) = std::env::var_os("PLIMSOLL_CACHE") {
        return std::path::absolute(&cache).context("PLIMSOLL_CACHE is no path");
    }
    let home =
        std::env::var_os("HOME").context("neither PLIMSOLL_CACHE nor HOME says where to keep things")?;
    Ok(Path::new(&home).join(".cache/plimsoll"))
}
