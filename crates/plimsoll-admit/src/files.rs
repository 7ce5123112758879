//! Files that may change while a program runs: policies, roots, the advisory database.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Most files of a folder that is watched.
const MOST_FILES: usize = 10_000;

/// How files looked: changes when one of them does.
type Look = Vec<(PathBuf, u64, u64, u64, i64, i64)>;

fn look(paths: &[PathBuf]) -> Look {
    let one = |path: &Path, data: &Metadata| {
        (path.to_owned(), data.dev(), data.ino(), data.len(), data.mtime(), data.mtime_nsec())
    };
    let mut out = Look::new();
    for path in paths {
        // Follows links: volumes of Kubernetes are swapped by one.
        let Ok(data) = std::fs::metadata(path) else { continue };
        out.push(one(path, &data));
        if data.is_dir()
            && let Ok(entries) = std::fs::read_dir(path)
        {
            for entry in entries.flatten().take(MOST_FILES) {
                let path = entry.path();
                if let Ok(data) = std::fs::metadata(&path) {
                    out.push(one(&path, &data));
                }
            }
        }
    }
    out.sort();
    out
}

/// Files of one purpose: how they looked when they were taken over, and when they were last looked at.
#[derive(Debug)]
pub struct Watched {
    paths: Vec<PathBuf>,
    taken: Look,
    seen: Look,
}

impl Watched {
    /// Takes files and folders, as they are now.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        let taken = look(&paths);
        Watched { seen: taken.clone(), taken, paths }
    }

    /// Whether they changed, and then looked the same twice: what is being written is not read.
    pub fn changed(&mut self) -> bool {
        let now = look(&self.paths);
        let settled = now == self.seen;
        self.seen = now;
        if settled && self.seen != self.taken {
            self.taken.clone_from(&self.seen);
            return true;
        }
        false
    }
}
