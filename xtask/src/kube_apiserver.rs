//! `cargo xtask kube-apiserver`: builds a real Kubernetes API server with its etcd, once for each state of the recipe, and
//! prints their folder.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::places;

/// Builds what is absent and prints the folder.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if !arguments.is_empty() {
        bail!("usage: cargo xtask kube-apiserver");
    }
    let recipe = places::recipe("kube-apiserver");
    let folder = places::built(&places::cache()?.join("kube-apiserver"), &recipe, "", |folder| {
        eprintln!("building a Kubernetes API server from Debian's source package: about ten minutes of CPU");
        // What it tells is thousands of lines; a failure is at their end.
        let status = Command::new("bash")
            .arg(recipe.join("build.sh"))
            .arg(folder)
            .stdout(Stdio::null())
            .status()
            .context("cannot run bash")?;
        if !status.success() {
            bail!("the API server was not built (is `cargo xtask deps` done?)");
        }
        Ok(())
    })?;
    writeln!(std::io::stdout(), "{}", folder.display()).context("cannot print the folder")
}
