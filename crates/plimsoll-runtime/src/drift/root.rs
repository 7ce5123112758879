//! The files of running containers, read below their roots.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use plimsoll_model::{Algorithm, Digest};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use sha2::{Digest as _, Sha256};

use super::{Content, REMEMBERED};
use crate::event::Container;

/// A larger file is not read: it is as if it could not be.
const LARGEST: u64 = 512 << 20;

/// A state of a file: device, inode, time of change in nanoseconds, size.
type State = (u64, u64, u64, u64);

/// Reads files below the roots of containers. A container cannot lead out of its root: links are followed within.
#[derive(Debug)]
pub struct Roots {
    host: PathBuf,
    remembered: RefCell<HashMap<State, Option<Digest>>>,
}

impl Roots {
    /// `host` is where the file system of the host is: `/`, or where it is mounted.
    pub fn new(host: PathBuf) -> Self {
        Self { host, remembered: RefCell::default() }
    }

    fn open(&self, container: &Container, path: &str) -> io::Result<File> {
        let root = self.host.join(container.root.trim_start_matches('/'));
        let flags = OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let folder = rustix::fs::openat(CWD, &root, flags | OFlags::DIRECTORY | OFlags::PATH, Mode::empty())?;
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let path = path.trim_start_matches('/');
        Ok(rustix::fs::openat2(folder, path, flags | OFlags::RDONLY, Mode::empty(), inside)?.into())
    }
}

impl Content for Roots {
    fn digest(&self, container: &Container, path: &str, changed: u64) -> Option<Digest> {
        if container.root.is_empty() {
            return None;
        }
        let mut file = self.open(container, path).ok()?;
        let state = state(&file)?;
        // Whoever runs a file and then puts the image's own back is not believed.
        if changed != 0 && state.2 != changed {
            return None;
        }
        if let Some(known) = self.remembered.borrow().get(&state) {
            return known.clone();
        }
        let digest = hash(&mut file).filter(|_| self::state(&file) == Some(state));
        let mut remembered = self.remembered.borrow_mut();
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(state, digest.clone());
        digest
    }
}

/// Nothing for what is no ordinary file, or a very large one.
fn state(file: &File) -> Option<State> {
    let metadata = file.metadata().ok()?;
    let seconds = u64::try_from(metadata.ctime()).ok()?;
    let changed =
        seconds.checked_mul(1_000_000_000)?.checked_add(u64::try_from(metadata.ctime_nsec()).ok()?)?;
    let fits = metadata.is_file() && metadata.len() <= LARGEST;
    fits.then_some((metadata.dev(), metadata.ino(), changed, metadata.len()))
}

fn hash(file: &mut File) -> Option<Digest> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut left = LARGEST;
    loop {
        let count = file.read(&mut buffer).ok()?;
        if count == 0 {
            return Digest::from_bytes(Algorithm::Sha256, &hash.finalize());
        }
        // It may grow while it is read.
        left = left.checked_sub(count as u64)?;
        hash.update(&buffer[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::{Content as _, Roots, state};
    use crate::event::Container;

    #[test]
    fn a_container_is_read_within_its_root_and_only_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("host/run/box");
        std::fs::create_dir_all(root.join("bin")).unwrap();
        std::fs::write(root.join("bin/tool"), "inside").unwrap();
        std::fs::create_dir_all(folder.path().join("host/bin")).unwrap();
        std::fs::write(folder.path().join("host/bin/tool"), "outside").unwrap();
        std::os::unix::fs::symlink("/bin/tool", root.join("absolute")).unwrap();
        std::os::unix::fs::symlink("../../bin/tool", root.join("bin/climbing")).unwrap();
        let container = Container { root: "/run/box".to_owned(), ..Container::default() };
        let roots = Roots::new(folder.path().join("host"));
        let digest = |path: &str, changed| roots.digest(&container, path, changed);
        let inside = digest("/bin/tool", 0).unwrap();
        let expected = "sha256:106b086224a4d945eae25f7be3805a931a873270326dd868b0e41f71ee9fff72";
        assert_eq!(inside.to_string(), expected);
        assert_eq!(digest("/absolute", 0), Some(inside.clone()), "links stay within");
        assert_eq!(digest("/bin/climbing", 0), Some(inside.clone()));
        for path in ["/none", "/bin", "/", ""] {
            assert_eq!(digest(path, 0), None, "{path}");
        }
        let changed = state(&std::fs::File::open(root.join("bin/tool")).unwrap()).unwrap().2;
        assert_eq!(digest("/bin/tool", changed), Some(inside.clone()));
        assert_eq!(digest("/bin/tool", changed - 1), None, "another state of the file");
        std::fs::write(root.join("bin/tool"), "changed").unwrap();
        assert_ne!(digest("/bin/tool", 0), Some(inside));
        assert_eq!(Roots::new("/".into()).digest(&Container::default(), "/etc/passwd", 0), None, "no root");
    }
}
