//! `cargo xtask images [--dir DIR]`: builds the real test images, once for each state of their recipe, and prints their folder.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use crate::deps;

/// The version of `cargo auditable` that builds the Rust binaries of the images.
const AUDITABLE: &str = "0.7.7";

/// Builds what is absent and prints the folder.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let cache = cache()?;
    let parent = match arguments {
        [] => cache.join("images"),
        [flag, folder] if flag == "--dir" => {
            std::path::absolute(folder).with_context(|| format!("`{folder}` is no path"))?
        }
        _ => bail!("usage: cargo xtask images [--dir DIR]"),
    };
    fs::create_dir_all(&parent).with_context(|| format!("cannot create `{}`", parent.display()))?;
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let recipe = project.join("recipes/images");
    let folder = parent.join(key(&recipe)?);

    // Two checkouts may ask at once; the second finds what the first built.
    let lock = File::create(parent.join(".lock")).context("cannot create the lock of the image folder")?;
    lock.lock().context("cannot lock the image folder")?;
    if !folder.exists() {
        if !deps::is_root()? {
            bail!(
                "building images needs root (chroot, owners of files): run `cargo xtask images` as root once"
            );
        }
        let missing: Vec<&str> = deps::missing().into_iter().map(|(name, _)| name).collect();
        if !missing.is_empty() {
            bail!("building images needs {}: run `cargo xtask deps`", missing.join(", "));
        }
        let auditable = Command::new(project.join("../scripts/tool"))
            .args(["cargo-auditable", AUDITABLE])
            .env("PLIMSOLL_CACHE", &cache)
            .stdout(Stdio::null())
            .status()
            .context("cannot run scripts/tool")?;
        if !auditable.success() {
            bail!("cannot install cargo-auditable {AUDITABLE}");
        }
        build(&recipe, &folder, &cache)?;
        link_and_prune(&parent, &folder)?;
    }
    writeln!(std::io::stdout(), "{}", folder.display()).context("cannot print the folder")
}

/// Builds beside the final place and moves there at the end: what has the final name is complete.
fn build(recipe: &Path, folder: &Path, cache: &Path) -> anyhow::Result<()> {
    let partial = folder.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).with_context(|| format!("cannot remove `{}`", partial.display()))?;
    }
    // In its own mount namespace: what is mounted below a root file system is gone with the process, however it ends,
    // and is never met by whoever removes the folder.
    let status = Command::new("unshare")
        .args(["--mount", "python3"])
        .arg(recipe.join("build.py"))
        .arg(&partial)
        .env("PATH", path_with(&cache.join("tools/bin")))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdout(Stdio::null())
        .status()
        .context("cannot run unshare")?;
    if !status.success() {
        bail!("the images were not built; what there is stands in `{}`", partial.display());
    }
    fs::rename(&partial, folder).with_context(|| format!("cannot move the images to `{}`", folder.display()))
}

/// `current` leads to the newest images; those of older recipes go, they are large.
fn link_and_prune(parent: &Path, folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(parent).context("cannot list the image folder")? {
        let path = entry.context("cannot list the image folder")?.path();
        let is_key = path.file_stem().and_then(|name| name.to_str()).is_some_and(is_key);
        if path.is_dir() && !path.is_symlink() && path != folder && is_key {
            fs::remove_dir_all(&path).with_context(|| format!("cannot remove `{}`", path.display()))?;
        }
    }
    let link = parent.join("current");
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink(folder, &link).with_context(|| format!("cannot create `{}`", link.display()))
}

/// How many hexadecimal digits name a recipe.
const KEY_LENGTH: usize = 16;

fn is_key(name: &str) -> bool {
    name.len() == KEY_LENGTH && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A name for the recipe: changes with every file of it.
fn key(recipe: &Path) -> anyhow::Result<String> {
    let mut files = Vec::new();
    let mut folders = vec![recipe.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list `{}`", folder.display()))? {
            let path = entry.with_context(|| format!("cannot list `{}`", folder.display()))?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let mut hasher = Sha256::new();
    hasher.update(AUDITABLE);
    for file in files {
        let content = fs::read(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
        hasher.update(file.strip_prefix(recipe)?.as_os_str().as_encoded_bytes());
        hasher.update((content.len() as u64).to_le_bytes());
        hasher.update(content);
    }
    let mut name = String::new();
    for byte in &hasher.finalize()[..KEY_LENGTH / 2] {
        write!(name, "{byte:02x}")?;
    }
    Ok(name)
}

#[expect(clippy::disallowed_methods, reason = "the environment enters a command-line tool here")]
fn cache() -> anyhow::Result<PathBuf> {
    if let Ok(cache) = std::env::var("PLIMSOLL_CACHE") {
        return std::path::absolute(&cache).with_context(|| format!("PLIMSOLL_CACHE `{cache}` is no path"));
    }
    let home = std::env::var("HOME").context("neither PLIMSOLL_CACHE nor HOME says where to keep images")?;
    Ok(Path::new(&home).join(".cache/plimsoll"))
}

#[expect(clippy::disallowed_methods, reason = "the environment enters a command-line tool here")]
fn path_with(folder: &Path) -> String {
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_changes_with_the_recipe() {
        let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/images");
        let whole = key(&recipe).unwrap();
        assert!(is_key(&whole));
        assert_eq!(key(&recipe).unwrap(), whole);
        assert_ne!(key(&recipe.join("go")).unwrap(), whole);
    }
}
