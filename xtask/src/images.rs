//! `cargo xtask images [--dir DIR]`: builds the real test images, once for each state of their recipe, and prints their folder.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::{deps, places};

/// The version of `cargo auditable` that builds the Rust binaries of the images.
const AUDITABLE: &str = "0.7.7";

/// Builds what is absent and prints the folder.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let cache = places::cache()?;
    let parent = match arguments {
        [] => cache.join("images"),
        [flag, folder] if flag == "--dir" => {
            std::path::absolute(folder).with_context(|| format!("`{folder}` is no path"))?
        }
        _ => bail!("usage: cargo xtask images [--dir DIR]"),
    };
    let recipe = places::recipe("images");
    let folder = places::built(&parent, &recipe, AUDITABLE, |folder| {
        if !deps::is_root()? {
            bail!(
                "building images needs root (chroot, owners of files): run `cargo xtask images` as root once"
            );
        }
        let missing: Vec<&str> = deps::missing().into_iter().map(|(name, _)| name).collect();
        if !missing.is_empty() {
            bail!("building images needs {}: run `cargo xtask deps`", missing.join(", "));
        }
        let auditable = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/tool"))
            .args(["cargo-auditable", AUDITABLE])
            .env("PLIMSOLL_CACHE", &cache)
            .stdout(Stdio::null())
            .status()
            .context("cannot run scripts/tool")?;
        if !auditable.success() {
            bail!("cannot install cargo-auditable {AUDITABLE}");
        }
        build(&recipe, folder, &cache)
    })?;
    writeln!(std::io::stdout(), "{}", folder.display()).context("cannot print the folder")
}

fn build(recipe: &Path, folder: &Path, cache: &Path) -> anyhow::Result<()> {
    // In its own mount namespace: what is mounted below a root file system is gone with the process, however it ends,
    // and is never met by whoever removes the folder.
    let status = Command::new("unshare")
        .args(["--mount", "python3"])
        .arg(recipe.join("build.py"))
        .arg(folder)
        .env("PATH", path_with(&cache.join("tools/bin")))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdout(Stdio::null())
        .status()
        .context("cannot run unshare")?;
    if !status.success() {
        bail!("the images were not built");
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the environment enters a command-line tool here")]
fn path_with(folder: &Path) -> String {
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}
