//! Files of a work tree as they were at a revision.

use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::program::{Bounds, Git, LARGEST_ANSWER, Settings};
use super::{GitError, GitSettings};

/// Most files that are read.
const MOST_FILES: usize = 50_000;
/// Most bytes that are asked for at once: below what an answer may have.
const AT_ONCE: u64 = LARGEST_ANSWER / 2;
/// Most bytes of all files.
const MOST_BYTES: u64 = 512 << 20;

/// What a revision has of the files below a folder, or of one file.
pub(crate) struct TreeAt {
    /// The commit, in hexadecimal digits.
    pub(crate) commit: String,
    /// Its files, with names below the folder that it was read of.
    pub(crate) entries: Vec<Entry>,
    /// Where what was asked for lies below that folder: nothing, the file, or a path in the repository.
    pub(crate) below: Vec<String>,
    /// Where git runs.
    folder: PathBuf,
    doing: String,
}

/// One file of it.
pub(crate) struct Entry {
    pub(crate) name: String,
    blob: String,
    size: u64,
}

impl TreeAt {
    /// Reads what there was; with `whole` of the whole repository that the path lies in.
    pub(crate) fn read(
        path: &Path,
        revision: &str,
        whole: bool,
        settings: &GitSettings,
    ) -> Result<Self, GitError> {
        let shown = plimsoll_model::shortened(revision);
        let doing = format!("read `{shown}` of `{}`", path.display());
        let failed = |said: &str| GitError::Failed { doing: doing.clone(), said: said.to_owned() };
        let (mut folder, mut below) = if path.is_dir() {
            (path.to_owned(), Vec::new())
        } else {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .ok_or_else(|| failed("its name is no text"))?;
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            (parent.unwrap_or(Path::new(".")).to_owned(), vec![name.to_owned()])
        };
        let until = Instant::now() + settings.longest;
        let run = |folder: &Path, arguments: &[&str]| {
            let bounds = Bounds { until, folder: None };
            Git::new(settings, folder).run(Settings::Users, arguments, &doing, &bounds)
        };
        // No option, and a commit, whatever is typed.
        let commit = format!("{revision}^{{commit}}");
        let none = || GitError::NoRevision { revision: shown.clone(), path: path.display().to_string() };
        let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &commit];
        let commit = run(&folder, &arguments).map_err(|error| match error {
            // It is asked to be silent about a revision that is none; about anything else it speaks.
            GitError::Failed { said, .. } if said == super::program::SAID_NOTHING => none(),
            GitError::Failed { said, .. } if said.contains("not a git repository") => {
                GitError::NoRepository { revision: shown.clone(), path: path.display().to_string() }
            }
            error => error,
        })?;
        let commit = String::from_utf8_lossy(&commit).trim().to_owned();
        if commit.is_empty() || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(none());
        }
        let name = if whole {
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| failed("its name is no text"));
            let prefix = text(run(&folder, &["rev-parse", "--show-prefix"])?)?;
            let top = text(run(&folder, &["rev-parse", "--show-toplevel"])?)?;
            let above = prefix.trim_end_matches('\n').split('/').filter(|part| !part.is_empty());
            below = above.map(str::to_owned).chain(below).collect();
            folder = PathBuf::from(top.trim_end_matches('\n'));
            ".".to_owned()
        } else {
            below.first().map_or_else(|| ".".to_owned(), |name| format!("./{name}"))
        };
        let list = run(&folder, &["ls-tree", "-r", "-l", "-z", &commit, "--", &name])?;
        let mut entries = Vec::new();
        for entry in list.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
            let text = std::str::from_utf8(entry).ok().and_then(|text| text.split_once('\t'));
            let Some((facts, name)) = text else { continue };
            let mut facts = facts.split_ascii_whitespace();
            let (mode, kind, blob, size) = (facts.next(), facts.next(), facts.next(), facts.next());
            // Links are not followed.
            let regular = kind == Some("blob") && mode.is_some_and(|mode| mode.starts_with("100"));
            if let (true, Some(blob), Some(Ok(size))) = (regular, blob, size.map(str::parse)) {
                entries.push(Entry { name: name.to_owned(), blob: blob.to_owned(), size });
            }
        }
        Ok(TreeAt { commit, entries, below, folder, doing })
    }

    /// Hands over the content of the files whose names are wanted, in their order.
    pub(crate) fn contents(
        &self,
        wanted: &dyn Fn(&str) -> bool,
        settings: &GitSettings,
        take: &mut dyn FnMut(&str, &[u8]),
    ) -> Result<(), GitError> {
        let failed = |said: &str| GitError::Failed { doing: self.doing.clone(), said: said.to_owned() };
        let entries: Vec<&Entry> = self.entries.iter().filter(|entry| wanted(&entry.name)).collect();
        let bytes = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.size));
        if entries.len() > MOST_FILES || bytes > MOST_BYTES {
            return Err(failed("it holds more files than are read"));
        }
        let git = Git::new(settings, &self.folder);
        let bounds = Bounds { until: Instant::now() + settings.longest, folder: None };
        let mut waiting = &entries[..];
        while !waiting.is_empty() {
            let mut sum = 0_u64;
            let many = waiting
                .iter()
                .take_while(|entry| {
                    sum = sum.saturating_add(entry.size);
                    sum <= AT_ONCE
                })
                .count()
                .max(1);
            let (now, later) = waiting.split_at(many);
            waiting = later;
            // A file, so that neither side waits for the other.
            let mut asked = tempfile::tempfile_in(&settings.temporary).map_err(GitError::Temporary)?;
            let lines: String = now.iter().flat_map(|entry| [entry.blob.as_str(), "\n"]).collect();
            asked.write_all(lines.as_bytes()).and_then(|()| asked.rewind()).map_err(GitError::Temporary)?;
            let answer =
                git.run_on(Settings::Users, &["cat-file", "--batch"], asked.into(), &self.doing, &bounds)?;
            let mut rest = answer.as_slice();
            for entry in now {
                let content = one(&mut rest, &entry.blob).ok_or_else(|| failed("a file of it is missing"))?;
                take(&entry.name, content);
            }
        }
        Ok(())
    }
}

/// The next of what `cat-file --batch` prints: `ID blob SIZE`, the content, a line's end.
fn one<'a>(rest: &mut &'a [u8], blob: &str) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(&rest[..end]).ok()?;
    let size: usize = head.strip_prefix(blob)?.strip_prefix(" blob ")?.parse().ok()?;
    let content = rest.get(end + 1..)?.get(..size)?;
    *rest = rest.get(end + 1 + size..)?.strip_prefix(b"\n")?;
    Some(content)
}

/// Files below a folder, or one file, as they were at a revision: those whose names are wanted, with their content.
pub(crate) fn files_at(
    path: &Path,
    revision: &str,
    wanted: &dyn Fn(&str) -> bool,
    settings: &GitSettings,
) -> Result<Vec<(String, Vec<u8>)>, GitError> {
    let tree = TreeAt::read(path, revision, false, settings)?;
    let mut files = Vec::new();
    tree.contents(wanted, settings, &mut |name, content| files.push((name.to_owned(), content.to_vec())))?;
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_by_their_sizes() {
        let mut rest: &[u8] = b"ab blob 3\na\nb\ncd blob 0\n\nef missing\n";
        assert_eq!(one(&mut rest, "ab"), Some(&b"a\nb"[..]));
        assert_eq!(one(&mut rest, "cd"), Some(&b""[..]));
        assert_eq!(one(&mut rest, "ef"), None);
        assert_eq!(one(&mut &b"ab blob 9\nab\n"[..], "ab"), None);
        assert_eq!(one(&mut &b"ab blob 99999999999999999999\nab\n"[..], "ab"), None);
    }
}
