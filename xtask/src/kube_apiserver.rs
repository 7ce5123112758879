//! `cargo xtask kube-apiserver`: builds a real Kubernetes API server with its etcd, once for each state of the recipe, and
//! prints their folder.

use anyhow::bail;

use crate::places;

/// Builds what is absent and prints the folder.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if !arguments.is_empty() {
        bail!("usage: cargo xtask kube-apiserver");
    }
    places::made(
        "kube-apiserver",
        "building a Kubernetes API server from Debian's source package: about ten minutes of CPU",
        "the API server was not built",
    )
}
