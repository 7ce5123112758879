//! `cargo xtask guest`: fetches the kernels that tests boot in an emulated machine, once for each state of the recipe, and
//! prints their folder.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::places;

/// Fetches what is absent and prints the folder.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if !arguments.is_empty() {
        bail!("usage: cargo xtask guest");
    }
    let recipe = places::recipe("guest");
    let folder = places::built(&places::cache()?.join("guest"), &recipe, "", |folder| {
        eprintln!("fetching Debian's kernels 6.1 and 6.12: about 70 MB");
        let status = Command::new("bash")
            .arg(recipe.join("build.sh"))
            .arg(folder)
            .stdout(Stdio::null())
            .status()
            .context("cannot run bash")?;
        if !status.success() {
            bail!("the kernels were not fetched (is `cargo xtask deps` done?)");
        }
        Ok(())
    })?;
    writeln!(std::io::stdout(), "{}", folder.display()).context("cannot print the folder")
}
