//! Folders outside the checkout that commands read from and keep things in.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

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

/// The folder of recipes, each a folder of its own.
pub(crate) fn recipe(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes").join(name)
}

/// What a recipe makes, in a folder below `parent` that is named by the recipe's content and by `tools`: built when it
/// is absent. `parent/current` leads to it; what older recipes made is removed, for it is large.
///
/// `build` is given a folder that does not exist yet and is moved to the final place when all is well: what has the final
/// name is complete.
pub(crate) fn built(
    parent: &Path,
    recipe: &Path,
    tools: &str,
    build: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    fs::create_dir_all(parent).with_context(|| format!("cannot create `{}`", parent.display()))?;
    let folder = parent.join(key(recipe, tools)?);
    // Two checkouts may ask at once; the second finds what the first built.
    let lock = File::create(parent.join(".lock"))
        .with_context(|| format!("cannot create the lock of `{}`", parent.display()))?;
    lock.lock().with_context(|| format!("cannot lock `{}`", parent.display()))?;
    if folder.exists() {
        return Ok(folder);
    }
    let partial = folder.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).with_context(|| format!("cannot remove `{}`", partial.display()))?;
    }
    build(&partial).with_context(|| format!("what there is stands in `{}`", partial.display()))?;
    fs::rename(&partial, &folder)
        .with_context(|| format!("cannot move what was built to `{}`", folder.display()))?;
    link_and_prune(parent, &folder)?;
    Ok(folder)
}

/// What the recipe of this name makes by its `build.sh`, below the cache; prints the folder.
///
/// `about` tells what is going on, `failed` what did not come about. What the script prints is left out but for errors:
/// it is thousands of lines.
pub(crate) fn made(name: &str, about: &str, failed: &str) -> Result<()> {
    let recipe = recipe(name);
    let folder = built(&cache()?.join(name), &recipe, "", |folder| {
        eprintln!("{about}");
        let status = Command::new("bash")
            .arg(recipe.join("build.sh"))
            .arg(folder)
            .stdout(Stdio::null())
            .status()
            .context("cannot run bash")?;
        if !status.success() {
            bail!("{failed} (is `cargo xtask deps` done?)");
        }
        Ok(())
    })?;
    writeln!(std::io::stdout(), "{}", folder.display()).context("cannot print the folder")
}

fn link_and_prune(parent: &Path, folder: &Path) -> Result<()> {
    let list = || format!("cannot list `{}`", parent.display());
    for entry in fs::read_dir(parent).with_context(list)? {
        let path = entry.with_context(list)?.path();
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
fn key(recipe: &Path, tools: &str) -> Result<String> {
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
    hasher.update(tools);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_changes_with_the_recipe() {
        let whole = key(&recipe("images"), "1").unwrap();
        assert!(is_key(&whole));
        assert_eq!(key(&recipe("images"), "1").unwrap(), whole);
        assert_ne!(key(&recipe("images"), "2").unwrap(), whole);
        assert_ne!(key(&recipe("images/go"), "1").unwrap(), whole);
    }

    #[test]
    fn what_failed_has_no_final_name_and_what_is_there_is_not_built_again() {
        let parent = std::env::temp_dir().join(format!("plimsoll-built-{}", std::process::id()));
        let recipe = recipe("kube-apiserver");
        let failed = built(&parent, &recipe, "", |folder| {
            fs::create_dir(folder)?;
            anyhow::bail!("the compiler stopped")
        });
        assert!(format!("{:#}", failed.unwrap_err()).ends_with(": the compiler stopped"));
        assert!(!parent.join("current").exists());
        let folder = built(&parent, &recipe, "", |folder| Ok(fs::create_dir(folder)?)).unwrap();
        assert_eq!(fs::canonicalize(parent.join("current")).unwrap(), fs::canonicalize(&folder).unwrap());
        let again = built(&parent, &recipe, "", |_| anyhow::bail!("never called")).unwrap();
        assert_eq!(again, folder);
        let newer = built(&parent, &recipe, "newer", |folder| Ok(fs::create_dir(folder)?)).unwrap();
        assert!(newer.exists() && !folder.exists());
        fs::remove_dir_all(parent).unwrap();
    }
}
