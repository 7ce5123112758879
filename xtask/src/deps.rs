//! `cargo xtask deps [--check]`: the Debian packages that tests and test images need.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use anyhow::{Context, bail};

/// Every Debian package that a test, a test image or a benchmark needs, with what for. The one list: add here.
const PACKAGES: &[(&str, &str)] = &[
    ("busybox-static", "tests: what runs in containers that the sensor watches"),
    ("chromium-headless-shell", "tests: pages in a real browser, on the screen and printed"),
    ("clang", "build: the sensor's kernel programs"),
    ("containerd", "tests: a real containerd"),
    ("docker-registry", "tests: a real registry"),
    ("docker.io", "tests: Docker's own daemon"),
    ("golang-github-dgrijalva-jwt-go-dev", "images: a Go module with an advisory, in the binary"),
    ("golang-go", "images: binaries with Go build information"),
    ("golang-golang-x-net-dev", "images: a Go module with advisories, in the binary"),
    ("libelf-dev", "build: the sensor reads its kernel programs"),
    ("make", "tests: building a real Kubernetes API server"),
    ("mmdebstrap", "images: the Debian root file system"),
    ("openssl", "tests: certificates, signed tokens"),
    ("pacman-package-manager", "tests: version order of pacman, as an oracle"),
    ("podman", "tests: a real daemon, with Docker's API as well"),
    ("qemu-system-x86", "tests: machines with other kernels"),
    ("rpm", "tests: version order of rpm, as an oracle"),
    ("rsync", "tests: building a real Kubernetes API server"),
    ("runc", "tests: containers that the sensor watches"),
    ("skopeo", "images: forms as other tools write them, zstd layers"),
    ("umoci", "images: layers without closing zero blocks"),
    ("xz-utils", "tests: modules of other kernels"),
    ("zlib1g-dev", "build: the sensor reads its kernel programs"),
];

/// Installs what is missing, or names it.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let only_check = match arguments {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => bail!("usage: cargo xtask deps [--check]"),
    };
    let missing = missing();
    if missing.is_empty() {
        eprintln!("all {} Debian packages that tests and images need are installed", PACKAGES.len());
        return Ok(());
    }
    for (name, reason) in &missing {
        eprintln!("missing: {name} ({reason})");
    }
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    let command = format!("apt-get update && apt-get install -y --no-install-recommends {}", names.join(" "));
    if only_check || !is_root()? {
        bail!("{} Debian packages are missing; run as root: {command}", names.len());
    }
    if Command::new("apt-get").arg("--version").output().is_err() {
        bail!("this is no Debian: install what provides {} in its own way", names.join(", "));
    }
    // Package lists may be absent (a container) or old; without them the names are unknown or their files gone.
    if apt(&["update", "-qq"]).is_err() {
        eprintln!("`apt-get update` failed; trying with the package lists that are there");
    }
    let install: Vec<&str> =
        ["install", "-qq", "-y", "--no-install-recommends"].into_iter().chain(names).collect();
    apt(&install)
}

/// The packages of the list that are not installed.
pub(crate) fn missing() -> Vec<(&'static str, &'static str)> {
    let is_missing = |name: &str| {
        let output = Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", name]).output();
        !output.is_ok_and(|output| output.status.success() && output.stdout == b"installed")
    };
    PACKAGES.iter().copied().filter(|(name, _)| is_missing(name)).collect()
}

/// Does this process run as root?
pub(crate) fn is_root() -> anyhow::Result<bool> {
    Ok(std::fs::metadata("/proc/self").context("cannot read /proc/self")?.uid() == 0)
}

fn apt(arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .context("cannot run apt-get")?;
    if !output.status.success() {
        bail!("`apt-get {}` failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::PACKAGES;

    #[test]
    fn the_list_is_sorted_and_says_why() {
        assert!(PACKAGES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(PACKAGES.iter().all(|(_, reason)| reason.contains(": ")));
    }
}
