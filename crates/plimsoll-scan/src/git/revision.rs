//! Files of a work tree as they were at a revision.

use std::path::Path;
use std::time::Instant;

use super::program::{Bounds, Git, Settings};
use super::{GitError, GitSettings};

/// Most files that are read one by one.
const MOST_FILES: usize = 20_000;

/// Files below a folder, or one file, as they were at a revision: those whose names are wanted, with their content.
pub(crate) fn files_at(
    path: &Path,
    revision: &str,
    wanted: &dyn Fn(&str) -> bool,
    settings: &GitSettings,
) -> Result<Vec<(String, Vec<u8>)>, GitError> {
    let shown = plimsoll_model::shortened(revision);
    let doing = format!("read `{shown}` of `{}`", path.display());
    let failed = |said: &str| GitError::Failed { doing: doing.clone(), said: said.to_owned() };
    let (folder, name) = if path.is_dir() {
        (path, ".".to_owned())
    } else {
        let name =
            path.file_name().and_then(|name| name.to_str()).ok_or_else(|| failed("its name is no text"))?;
        (
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")),
            format!("./{name}"),
        )
    };
    let git = Git::new(settings, folder);
    let bounds = Bounds { until: Instant::now() + settings.longest, folder: None };
    let run = |arguments: &[&str]| git.run(Settings::Users, arguments, &doing, &bounds);
    // No option, and a commit, whatever is typed.
    let commit = format!("{revision}^{{commit}}");
    let none = || GitError::NoRevision { revision: shown.clone(), path: path.display().to_string() };
    let commit = run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]).map_err(
        |error| match error {
            // It is asked to be silent about a revision that is none; about anything else it speaks.
            GitError::Failed { said, .. } if said == super::program::SAID_NOTHING => none(),
            GitError::Failed { said, .. } if said.contains("not a git repository") => {
                GitError::NoRepository { revision: shown.clone(), path: path.display().to_string() }
            }
            error => error,
        },
    )?;
    let commit = String::from_utf8_lossy(&commit).trim().to_owned();
    if commit.is_empty() || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(none());
    }
    let list = run(&["ls-tree", "-r", "-z", &commit, "--", &name])?;
    let mut files = Vec::new();
    for entry in list.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
        let text = std::str::from_utf8(entry).ok().and_then(|text| text.split_once('\t'));
        let Some((facts, file)) = text else { continue };
        let mut facts = facts.split(' ');
        let (mode, kind, blob) = (facts.next(), facts.next(), facts.next().unwrap_or_default());
        // Links are not followed.
        let regular = kind == Some("blob") && mode.is_some_and(|mode| mode.starts_with("100"));
        if !regular || !wanted(file) {
            continue;
        }
        if files.len() >= MOST_FILES {
            return Err(failed("it holds more files than are read"));
        }
        files.push((file.to_owned(), run(&["cat-file", "blob", blob])?));
    }
    Ok(files)
}
