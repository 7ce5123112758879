//! Distributions: releases and package databases.
//!
//! One file per format. What several formats share stands here: decoding of text that nobody promised to be UTF-8, and
//! limits on what hostile databases can make of few bytes.

pub mod alpine_release;
pub mod apk_installed;
pub mod apk_repositories;
pub mod bottlerocket_inventory;
pub mod chisel_manifest;
pub mod content_sets;
pub mod debian_version;
pub mod dpkg_copyright;
pub mod dpkg_files;
pub mod dpkg_status;
pub mod lsb_release;
pub mod named_release;
pub mod nix_store;
pub mod opkg_status;
pub mod os_release;
pub mod pacman_local;
pub mod portage_contents;
pub mod release;
pub mod rpm;
pub mod rpm_bdb;
pub mod rpm_header;
pub mod rpm_manifest;
pub mod rpm_ndb;
pub mod rpm_sqlite;

#[cfg(test)]
mod hostile;

use plimsoll_model::{ImagePath, Problem, ProblemKind};

/// Problems that one file may report by itself; the rest is counted in one more.
const MAX_PROBLEMS: usize = 20;

/// Longest value that is kept of a field, in bytes: nothing that names a package is longer.
const MAX_VALUE: usize = 1024;

/// Packages that one database may hold. All of Debian has less than half of that.
pub(crate) const MAX_PACKAGES: usize = 200_000;

/// Memory that the paths of one database may take, in bytes.
const MAX_PATHS: usize = 128 << 20;

/// Longest path that is kept (`PATH_MAX` of Linux).
const MAX_PATH: usize = 4096;

/// Paths of one database. Folder and name stand apart in apk and rpm databases, so that few bytes can name very long paths
/// very often: the sum is limited.
struct Paths {
    left: usize,
    /// Some paths were left out.
    exceeded: bool,
}

impl Paths {
    fn new() -> Self {
        Paths { left: MAX_PATHS, exceeded: false }
    }

    /// `folder` and `name` as one path; `None` beyond the limits, or for the root.
    fn join(&mut self, folder: &[u8], name: &[u8]) -> Option<ImagePath> {
        let length = folder.len().saturating_add(name.len()).saturating_add(1);
        // What a path of no length takes: its place in the list and the allocator's own.
        let cost = length.saturating_add(48);
        if length > MAX_PATH || cost > self.left {
            self.exceeded = true;
            return None;
        }
        self.left -= cost;
        let path = if folder.is_empty() {
            ImagePath::new(name)
        } else {
            ImagePath::new(&[folder, b"/", name].concat())
        };
        (!path.as_bytes().is_empty()).then_some(path)
    }

    /// Which packages are there does not depend on the paths: a note.
    fn finish(&self, problems: &mut Problems<'_>) {
        if self.exceeded {
            problems.note(
                ProblemKind::LimitExceeded,
                "names more or longer paths than the limit; some owners stay unknown",
            );
        }
    }
}

/// Text of a field: trimmed, at most [`MAX_VALUE`] bytes, with a replacement character for what is not UTF-8.
fn text(bytes: &[u8]) -> String {
    let bytes = bytes.trim_ascii();
    String::from_utf8_lossy(bytes.get(..MAX_VALUE).unwrap_or(bytes)).into_owned()
}

/// Lines with their numbers, counted from 1, without line end; CR LF counts as one.
fn lines(input: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let input = input.strip_suffix(b"\n").unwrap_or(input);
    let count = if input.is_empty() { 0 } else { usize::MAX };
    (1..).zip(
        input.split(|byte| *byte == b'\n').take(count).map(|line| line.strip_suffix(b"\r").unwrap_or(line)),
    )
}

/// The problems of one file: a broken file with a million errors must not become a million messages.
struct Problems<'a> {
    path: &'a ImagePath,
    list: Vec<Problem>,
    more: u64,
}

impl<'a> Problems<'a> {
    fn new(path: &'a ImagePath) -> Self {
        Problems { path, list: Vec::new(), more: 0 }
    }

    fn push(&mut self, problem: Problem) {
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(problem);
        } else {
            self.more += 1;
        }
    }

    fn corrupt(&mut self, detail: impl Into<String>) {
        self.push(Problem::corrupt(self.path, detail));
    }

    fn truncated(&mut self, detail: impl Into<String>) {
        self.push(Problem::incomplete(ProblemKind::Truncated, self.path, detail));
    }

    fn limit(&mut self, detail: impl Into<String>) {
        self.push(Problem::incomplete(ProblemKind::LimitExceeded, self.path, detail));
    }

    fn note(&mut self, kind: ProblemKind, detail: impl Into<String>) {
        self.push(Problem::note(kind, self.path, detail));
    }

    fn finish(mut self) -> Vec<Problem> {
        if self.more > 0 {
            self.list.push(Problem::corrupt(self.path, format!("{} more problems in this file", self.more)));
        }
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted() {
        let check = |input: &str, expected: &[&str]| {
            let found: Vec<_> = lines(input.as_bytes()).collect();
            let expected: Vec<_> = (1..).zip(expected.iter().map(|line| line.as_bytes())).collect();
            assert_eq!(found, expected, "{input:?}");
        };
        check("", &[]);
        check("\n", &[]);
        check("a", &["a"]);
        check("a\r\n\nb\n", &["a", "", "b"]);
    }

    #[test]
    fn paths_are_limited() {
        let mut paths = Paths::new();
        assert_eq!(paths.join(b"/usr/bin/", b"a"), Some("usr/bin/a".into()));
        assert_eq!(paths.join(b"", b"/etc"), Some("etc".into()));
        assert_eq!((paths.join(b"/", b"."), paths.exceeded), (None, false));
        assert_eq!((paths.join(&[b'a'; MAX_PATH], b"a"), paths.exceeded), (None, true));
        let folder = vec![b'a'; MAX_PATH - 2];
        let count = (0..MAX_PATHS).take_while(|_| paths.join(&folder, b"a").is_some()).count();
        assert!((1..=MAX_PATHS / MAX_PATH).contains(&count), "{count}");
    }

    #[test]
    fn a_flood_of_problems_is_counted() {
        let path = ImagePath::from("a");
        let mut problems = Problems::new(&path);
        for number in 0..100 {
            problems.corrupt(number.to_string());
        }
        let list = problems.finish();
        assert_eq!(list.len(), MAX_PROBLEMS + 1);
        assert_eq!(list.last().unwrap().detail, "80 more problems in this file");
    }
}
