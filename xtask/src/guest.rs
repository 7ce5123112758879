//! `cargo xtask guest`: fetches the kernels that tests boot in an emulated machine, once for each state of the recipe, and
//! prints their folder.

use anyhow::bail;

use crate::places;

/// Fetches what is absent and prints the folder.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if !arguments.is_empty() {
        bail!("usage: cargo xtask guest");
    }
    places::made(
        "guest",
        "fetching Debian's kernels 6.1 and 6.12: about 70 MB",
        "the kernels were not fetched",
    )
}
