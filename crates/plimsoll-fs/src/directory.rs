//! A directory of the running machine as one file system.
//!
//! Symbolic links are never followed and special files never opened. File systems that hold no software (proc, sys) or
//! that are somebody else's (network, other containers) are left out with a note.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufReader, Read as _};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use plimsoll_model::{ImagePath, Problem, ProblemKind};
use rustix::io::Errno;

use crate::index::resolve;
use crate::layer::{Context, MAX_GROUPS, MAX_STEPS, State, reading_failed};
use crate::links::directory_links;
use crate::{CAPABLE, Entry, Glance, Limits, Progress, Visited, Visitor, Walk, Want};

/// Problems with single files that are listed; the rest is counted.
const MAX_PROBLEMS: usize = 1000;

/// Directories of a machine's root that hold no installed software, should the mount table be unreadable.
const NOT_ON_DISK: [&[u8]; 4] = [b"dev", b"proc", b"run", b"sys"];

/// File systems that hold no files of their own.
const VIRTUAL: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tracefs",
];

/// File systems of other machines: slow, shared, and not this machine's software.
const REMOTE: &[&str] = &[
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "fuse.gcsfuse",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
];

/// Walks a directory as if it were the root of a file system.
///
/// A file system mounted below `root` is left out when it is virtual, remote, or the root of a container; each is named
/// in a note. What the operating system refuses to show is a problem, counted per directory directly below `root`.
pub fn walk_directory<V: Visitor>(
    root: &Path,
    visitor: &V,
    limits: &Limits,
    progress: &dyn Progress,
) -> Walk<V::Output> {
    let empty = |problem| Walk {
        files: Vec::new(),
        glances: Vec::new(),
        problems: vec![problem],
        links: Vec::new(),
        file_links: Vec::new(),
        layers: Vec::new(),
    };
    let root = match root.canonicalize() {
        Ok(root) => root,
        Err(error) => {
            return empty(Problem::incomplete(ProblemKind::Unreadable, root.display(), error.to_string()));
        }
    };
    if !root.is_dir() {
        return empty(Problem::incomplete(ProblemKind::Unreadable, root.display(), "it is no directory"));
    }
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let skipped = skipped_mounts(&mounts, &root);
    walk(root, None, skipped, Context::new(visitor, limits, progress))
}

/// Walks what a process sees as its root, in its own mount namespace. Needs the rights of a debugger over it.
///
/// Whatever is mounted below that root is left out and named in a note: volumes are no part of a container. The process
/// may change its files meanwhile: a directory is read only if it is the very one that was seen in its parent, so that a
/// link that takes its place leads nowhere.
///
/// # Errors
/// When the process or its root cannot be looked at.
pub fn walk_process<V: Visitor>(
    process: u32,
    visitor: &V,
    limits: &Limits,
    progress: &dyn Progress,
) -> io::Result<Walk<V::Output>> {
    let root = PathBuf::from(format!("/proc/{process}/root"));
    let metadata = fs::metadata(&root)?;
    let mut mounts = mounts_below(&fs::read(format!("/proc/{process}/mountinfo"))?, Path::new("/"));
    mounts.remove(&ImagePath::default());
    let identity = (metadata.dev(), metadata.ino());
    Ok(walk(root, Some(identity), mounts, Context::new(visitor, limits, progress)))
}

fn walk<V: Visitor>(
    root: PathBuf,
    identity: Option<Identity>,
    skipped: BTreeMap<ImagePath, String>,
    context: Context<'_, V>,
) -> Walk<V::Output> {
    let workers = context.limits.workers.get();
    let tree = Tree {
        context,
        skipped,
        root,
        checked: identity.is_some(),
        queue: Mutex::new(Queue { directories: vec![(ImagePath::default(), identity)], at_work: 0 }),
        changed: Condvar::new(),
        found: Mutex::new(Found::new()),
        stopped: AtomicBool::new(false),
        entries: AtomicU64::new(0),
    };
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(|| tree.work());
        }
        tree.work();
    });
    tree.finish()
}

/// Device and inode.
type Identity = (u64, u64);

struct Tree<'a, V: Visitor> {
    context: Context<'a, V>,
    root: PathBuf,
    /// Is each directory held against what was seen of it in its parent?
    checked: bool,
    skipped: BTreeMap<ImagePath, String>,
    queue: Mutex<Queue>,
    changed: Condvar,
    found: Mutex<Found<V::Output>>,
    stopped: AtomicBool,
    entries: AtomicU64,
}

struct Queue {
    directories: Vec<(ImagePath, Option<Identity>)>,
    /// Threads that may still add directories.
    at_work: usize,
}

struct Found<O> {
    files: Vec<Visited<O>>,
    glances: Vec<Glance<O>>,
    problems: Vec<Problem>,
    further: u64,
    /// By directory below the root: how many, the first, why.
    unreadable: BTreeMap<Vec<u8>, (u64, ImagePath, String)>,
    /// Wanted files with several names, by device and inode.
    several: BTreeMap<(u64, u64), Vec<(ImagePath, u32)>>,
    /// The first name of each file with several that is glanced at.
    first_names: BTreeMap<(u64, u64), ImagePath>,
    symlinks: HashMap<ImagePath, Vec<u8>>,
    full: bool,
}

/// What a file is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Only to visit it.
    Visit,
    /// Only for a glance.
    Glance,
    Both,
}

impl<O> Found<O> {
    fn new() -> Self {
        Found {
            files: Vec::new(),
            glances: Vec::new(),
            problems: Vec::new(),
            further: 0,
            unreadable: BTreeMap::new(),
            several: BTreeMap::new(),
            first_names: BTreeMap::new(),
            symlinks: HashMap::new(),
            full: false,
        }
    }

    fn problem(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.further += 1;
        }
    }
}

/// Gives a directory back to the queue's count, even when a visitor panics: nobody must wait for ever.
struct AtWork<'t, 'a, V: Visitor>(&'t Tree<'a, V>);

impl<V: Visitor> Drop for AtWork<'_, '_, V> {
    fn drop(&mut self) {
        lock(&self.0.queue).at_work -= 1;
        self.0.changed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<V: Visitor> Tree<'_, V> {
    fn work(&self) {
        loop {
            let mut queue = lock(&self.queue);
            let (directory, identity) = loop {
                if let Some(directory) = queue.directories.pop() {
                    break directory;
                }
                if queue.at_work == 0 {
                    return;
                }
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            };
            queue.at_work += 1;
            drop(queue);
            let _at_work = AtWork(self);
            if let Err(error) = self.directory(&directory, identity) {
                self.unreadable(&directory, &error);
            }
        }
    }

    fn full_path(&self, path: &ImagePath) -> PathBuf {
        self.root.join(OsStr::from_bytes(path.as_bytes()))
    }

    fn unreadable(&self, path: &ImagePath, error: &io::Error) {
        // On a machine that runs, files come and go.
        if error.kind() == io::ErrorKind::NotFound {
            return;
        }
        let top = path.as_bytes().split(|byte| *byte == b'/').next().unwrap_or_default().to_vec();
        let mut found = lock(&self.found);
        let (count, first, why) =
            found.unreadable.entry(top).or_insert_with(|| (0, path.clone(), error.to_string()));
        *count += 1;
        if path < first {
            (*first, *why) = (path.clone(), error.to_string());
        }
    }

    fn directory(&self, directory: &ImagePath, identity: Option<Identity>) -> io::Result<()> {
        let is_machine = self.root == Path::new("/") && directory.as_bytes().is_empty();
        let mut below = Vec::new();
        let full_path = self.full_path(directory);
        let held = match identity {
            Some(identity) => Some(open_directory(&full_path, identity)?),
            None => None,
        };
        // Through its descriptor it is read as it was opened, whatever stands at its path by now.
        let place =
            held.as_ref().map_or(full_path, |held| format!("/proc/self/fd/{}", held.as_raw_fd()).into());
        for entry in fs::read_dir(place)? {
            let entry = entry?;
            if self.stopped.load(Ordering::Relaxed) {
                return Ok(());
            }
            let limits = self.context.limits;
            if self.entries.fetch_add(1, Ordering::Relaxed) >= limits.max_entries {
                if !self.stopped.swap(true, Ordering::Relaxed) {
                    let detail = format!("the directory has more than {} entries", limits.max_entries);
                    let subject = self.root.display();
                    let problem = Problem::incomplete(ProblemKind::LimitExceeded, subject, detail);
                    lock(&self.found).problem(problem);
                }
                return Ok(());
            }
            self.context.progress.entries(1);
            let name = entry.file_name();
            let path = if directory.as_bytes().is_empty() {
                ImagePath::new(name.as_bytes())
            } else {
                ImagePath::new(&[directory.as_bytes(), b"/", name.as_bytes()].concat())
            };
            if path.as_bytes().len() > limits.max_path {
                let detail = format!("names longer than {} bytes are not read", limits.max_path);
                lock(&self.found).problem(Problem::incomplete(ProblemKind::LimitExceeded, directory, detail));
                return Ok(());
            }
            let kind = match entry.file_type() {
                Ok(kind) => kind,
                Err(error) => {
                    self.unreadable(&path, &error);
                    continue;
                }
            };
            if kind.is_dir() {
                if self.is_left_out(&path, is_machine) {
                    continue;
                }
                let identity = if self.checked {
                    match entry.metadata() {
                        Ok(metadata) => Some((metadata.dev(), metadata.ino())),
                        Err(error) => {
                            self.unreadable(&path, &error);
                            continue;
                        }
                    }
                } else {
                    None
                };
                below.push((path, identity));
            } else if kind.is_symlink() {
                self.symlink(path);
            } else if kind.is_file() {
                match entry.metadata() {
                    Ok(metadata) => self.file(path, &metadata),
                    Err(error) => self.unreadable(&path, &error),
                }
            }
        }
        if !below.is_empty() {
            lock(&self.queue).directories.append(&mut below);
            self.changed.notify_all();
        }
        Ok(())
    }

    fn is_left_out(&self, path: &ImagePath, is_machine: bool) -> bool {
        let why = if let Some(kind) = self.skipped.get(path) {
            format!("a file system of type {kind} is mounted here and left out")
        } else if is_machine && NOT_ON_DISK.contains(&path.as_bytes()) {
            "it holds no installed software and is left out".to_owned()
        } else {
            return false;
        };
        lock(&self.found).problem(Problem::note(ProblemKind::Unsupported, path, why));
        true
    }

    fn symlink(&self, path: ImagePath) {
        let target = match fs::read_link(self.full_path(&path)) {
            Ok(target) => target.into_os_string().into_vec(),
            Err(error) => return self.unreadable(&path, &error),
        };
        if self.remember(path.as_bytes().len() + target.len()) {
            lock(&self.found).symlinks.insert(path, target);
        }
    }

    fn remember(&self, bytes: usize) -> bool {
        if self.context.keep(bytes) {
            return true;
        }
        let mut found = lock(&self.found);
        if !found.full {
            found.full = true;
            let detail = "it has more links and wanted files than are remembered; further ones are left out";
            let problem = Problem::incomplete(ProblemKind::LimitExceeded, self.root.display(), detail);
            found.problem(problem);
        }
        false
    }

    /// Permission bits of a regular file, and [`CAPABLE`].
    fn mode(&self, path: &ImagePath, metadata: &Metadata) -> u32 {
        let mode = metadata.mode() & 0o7777;
        // What nobody may execute gives nobody its capabilities.
        if mode & 0o111 == 0 {
            return mode;
        }
        match rustix::fs::lgetxattr(self.full_path(path), "security.capability", &mut [0_u8; 64][..]) {
            Ok(0) | Err(Errno::NODATA | Errno::NOTSUP) => mode,
            // One that does not fit is one all the same.
            Ok(_) | Err(Errno::RANGE) => mode | CAPABLE,
            Err(error) => {
                let detail = format!("its capabilities cannot be read: {}", io::Error::from(error));
                lock(&self.found).problem(Problem::incomplete(ProblemKind::Unreadable, path, detail));
                mode
            }
        }
    }

    fn file(&self, path: ImagePath, metadata: &Metadata) {
        let mode = self.mode(&path, metadata);
        let entry = Entry { path: &path, size: metadata.size(), mode };
        let want = self.context.visitor.wants(&entry);
        let glanced_at = self.context.visitor.glance_limit(&entry) > 0;
        let several = metadata.nlink() > 1;
        if want == Want::Skip && !glanced_at {
            return;
        }
        if (want != Want::Skip || several) && !self.remember(path.as_bytes().len()) {
            return;
        }
        let identity = (metadata.dev(), metadata.ino());
        if several {
            let mut found = lock(&self.found);
            if glanced_at {
                let first = found.first_names.entry(identity).or_insert_with(|| path.clone());
                if path < *first {
                    first.clone_from(&path);
                }
            }
            if want != Want::Skip {
                found.several.entry(identity).or_default().push((path, mode));
            }
            return;
        }
        self.read(path, identity, Vec::new(), Purpose::Both);
    }

    /// Opens and visits the file that was seen at `path`.
    fn read(
        &self,
        path: ImagePath,
        identity: (u64, u64),
        other_names: Vec<(ImagePath, Option<u32>)>,
        purpose: Purpose,
    ) {
        let (file, metadata) = match open(&self.full_path(&path), identity) {
            Ok(opened) => opened,
            Err(error) => return self.unreadable(&path, &error),
        };
        let mode = self.mode(&path, &metadata);
        let entry = Entry { path: &path, size: metadata.size(), mode };
        let visitor = self.context.visitor;
        let want = if purpose == Purpose::Glance { Want::Skip } else { visitor.wants(&entry) };
        let mut reader = BufReader::with_capacity(64 * 1024, file);
        self.context.progress.bytes(0, entry.size);
        let limit = visitor.glance_limit(&entry).min(entry.size);
        let mut head = Vec::new();
        if purpose != Purpose::Visit && limit > 0 {
            match self.context.glance(&entry, limit, &mut reader, &mut head) {
                Ok(None) => {}
                Ok(Some((output, bytes))) => {
                    if self.remember(path.as_bytes().len() + bytes) {
                        let glance = Glance { path: path.clone(), layer: None, hidden_by: None, output };
                        lock(&self.found).glances.push(glance);
                    }
                }
                Err(error) => {
                    let problem = Problem::incomplete(ProblemKind::Unreadable, &path, reading_failed(&error));
                    return lock(&self.found).problem(problem);
                }
            }
        }
        let state = self.context.visit(&entry, want, &mut head.as_slice().chain(reader), None);
        let mut found = lock(&self.found);
        match state {
            State::Read(output) => found.files.push(Visited { path, layer: None, other_names, output }),
            State::Problem(problem) => found.problem(problem),
            State::Hidden | State::Waiting { .. } => {}
        }
    }

    /// Files with several names: read once for all names that are alike.
    fn read_several(&self) {
        let several = std::mem::take(&mut lock(&self.found).several);
        for (identity, mut names) in several {
            names.sort();
            let Ok(metadata) = fs::symlink_metadata(self.full_path(&names[0].0)) else { continue };
            let mut groups: Vec<Vec<(ImagePath, u32)>> = Vec::new();
            for (path, mode) in names {
                let second = Entry { path: &path, size: metadata.size(), mode };
                let group = groups.iter_mut().take(MAX_GROUPS).find(|group| {
                    let first = Entry { path: &group[0].0, ..second };
                    self.context.visitor.alike(&first, &second)
                });
                match group {
                    Some(group) => group.push((path, mode)),
                    None => groups.push(vec![(path, mode)]),
                }
            }
            for group in groups {
                let mut names = group.into_iter().map(|(path, _)| path);
                if let Some(first) = names.next() {
                    let names = names.map(|name| (name, None)).collect();
                    self.read(first, identity, names, Purpose::Visit);
                }
            }
        }
        let first_names = std::mem::take(&mut lock(&self.found).first_names);
        for (identity, path) in first_names {
            self.read(path, identity, Vec::new(), Purpose::Glance);
        }
    }

    fn finish(self) -> Walk<V::Output> {
        self.read_several();
        let limits = self.context.limits;
        let found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (mut files, mut glances, mut problems) = (found.files, found.glances, found.problems);
        for (top, (count, first, why)) in found.unreadable {
            problems.push(if count == 1 {
                let shown = self.root.join(OsStr::from_bytes(first.as_bytes()));
                let subject =
                    if first.as_bytes().is_empty() { shown.display().to_string() } else { first.to_string() };
                Problem::incomplete(ProblemKind::Unreadable, subject, why)
            } else {
                let detail =
                    format!("{count} files or directories cannot be read, the first is `{first}`: {why}");
                Problem::incomplete(ProblemKind::Unreadable, ImagePath::new(&top), detail)
            });
        }
        if found.further > 0 {
            let detail = format!("{} further files have problems", found.further);
            let subject = self.root.display();
            problems.push(Problem::incomplete(ProblemKind::LimitExceeded, subject, detail));
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        glances.sort_by(|a, b| a.path.cmp(&b.path));
        problems.sort();
        let mut steps = MAX_STEPS;
        let (links, file_links) = directory_links(&files, found.symlinks.keys(), limits, |path| {
            resolve(path.as_bytes(), limits.max_path, &mut steps, |link| found.symlinks.get(link).cloned())
                .ok()
        });
        Walk { files, glances, problems, links, file_links, layers: Vec::new() }
    }
}

/// Opens a regular file without following links or waiting for anybody, and makes sure that it is the one that was seen.
fn open(path: &Path, identity: (u64, u64)) -> io::Result<(File, Metadata)> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || (metadata.dev(), metadata.ino()) != identity {
        // Replaced since it was seen: as if it had been removed.
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok((file, metadata))
}

/// Opens a directory and makes sure that it is the one that was seen.
fn open_directory(path: &Path, identity: Identity) -> io::Result<File> {
    // The root of a process is a link that the kernel resolves; its identity was taken through it.
    let directory =
        OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY | libc::O_NONBLOCK).open(path)?;
    let metadata = directory.metadata()?;
    if (metadata.dev(), metadata.ino()) != identity {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(directory)
}

/// Mount points below `root` that are left out, relative to it, with their file system's type.
///
/// Format: proc_pid_mountinfo(5).
fn skipped_mounts(table: &[u8], root: &Path) -> BTreeMap<ImagePath, String> {
    let mut mounts = mounts_below(table, root);
    mounts.retain(|path, kind| {
        let kind = kind.as_str();
        let container = matches!(kind, "overlay" | "aufs" | "fuse.fuse-overlayfs");
        !path.as_bytes().is_empty() && (VIRTUAL.contains(&kind) || REMOTE.contains(&kind) || container)
    });
    mounts
}

/// All mount points at and below `root`, relative to it, with their file system's type. Mounts in one place cover each
/// other: the last one is what is seen.
fn mounts_below(table: &[u8], root: &Path) -> BTreeMap<ImagePath, String> {
    let mut mounts = BTreeMap::new();
    for line in table.split(|byte| *byte == b'\n') {
        let mut fields = line.split(|byte| *byte == b' ');
        let Some(point) = fields.nth(4) else { continue };
        // A number of optional fields, a dash, the type.
        let Some(kind) = fields.by_ref().skip_while(|field| *field != b"-").nth(1) else { continue };
        let point = PathBuf::from(std::ffi::OsString::from_vec(unescape(point)));
        let Ok(relative) = point.strip_prefix(root) else { continue };
        let path = ImagePath::new(relative.as_os_str().as_bytes());
        let Ok(kind) = std::str::from_utf8(kind) else { continue };
        mounts.insert(path, kind.to_owned());
    }
    mounts
}

/// Spaces and the like are written as three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((byte, after)) = rest.split_first() {
        let escaped = match after {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] if *byte == b'\\' => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        plain.push(escaped.unwrap_or(*byte));
        rest = &after[if escaped.is_some() { 3 } else { 0 }..];
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_that_are_left_out() {
        let table = b"22 1 0:20 / /proc rw shared:5 - proc proc rw\n\
            23 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            24 1 0:21 / /mnt/two\\040words rw - nfs4 server:/x rw\n\
            25 1 8:2 / /home rw - xfs /dev/sdb rw\n\
            26 1 0:22 / /covered rw - nfs x rw\n\
            27 1 8:3 / /covered rw master:1 shared:2 - ext4 /dev/x rw\n\
            garbage\n";
        let skipped = skipped_mounts(table, Path::new("/"));
        let names: Vec<String> = skipped.iter().map(|(path, kind)| format!("{path}={kind}")).collect();
        assert_eq!(names, ["mnt/two words=nfs4", "proc=proc"]);
        let below = skipped_mounts(table, Path::new("/mnt"));
        assert_eq!(below.keys().map(ToString::to_string).collect::<Vec<_>>(), ["two words"]);
    }

    use std::os::unix::fs::{PermissionsExt, symlink};

    use crate::testing::{Recorder, shown, told};
    use crate::{NoProgress, walk_directory};

    fn make(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        root
    }

    #[test]
    fn files_sorted_and_links_not_followed() {
        let outside = make(&[("secret", "s")]);
        let root = make(&[("usr/lib/b", "2"), ("a", "1"), ("no", "x"), ("usr/lib/stream", "3")]);
        symlink(outside.path(), root.path().join("out")).unwrap();
        symlink(outside.path().join("secret"), root.path().join("file")).unwrap();
        symlink("usr/lib", root.path().join("lib")).unwrap();
        symlink("self", root.path().join("self")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(root.path().join("socket")).unwrap();
        let recorder = Recorder::default();
        let tree = walk_directory(root.path(), &recorder, &Limits::default(), &NoProgress);
        drop(socket);
        assert_eq!(shown(&tree), ["a=1", "usr/lib/b=2", "usr/lib/stream=3"]);
        assert_eq!(told(&tree), Vec::<String>::new());
        assert!(tree.links.iter().any(|link| link.path == "lib".into() && link.target == "usr/lib".into()));
        assert!(tree.links.iter().all(|link| link.path != "self".into()));
    }

    #[test]
    fn hard_links_are_read_once_if_alike() {
        let root = make(&[("b", "1")]);
        fs::hard_link(root.path().join("b"), root.path().join("a")).unwrap();
        fs::hard_link(root.path().join("b"), root.path().join("c")).unwrap();
        let recorder = Recorder { alike: true, ..Recorder::default() };
        let tree = walk_directory(root.path(), &recorder, &Limits::default(), &NoProgress);
        assert_eq!(shown(&tree), ["a=1[b][c]"]);
        let recorder = Recorder::default();
        let tree = walk_directory(root.path(), &recorder, &Limits::default(), &NoProgress);
        assert_eq!(shown(&tree), ["a=1", "b=1", "c=1"]);
    }

    #[test]
    fn glances_see_each_file_once() {
        let long = format!("+{}", "x".repeat(9000));
        let root = make(&[("b", "1"), ("no", "2"), ("long", &long), ("short", "-")]);
        fs::hard_link(root.path().join("b"), root.path().join("a")).unwrap();
        let recorder = Recorder { glances: 5000, ..Recorder::default() };
        let tree = walk_directory(root.path(), &recorder, &Limits::default(), &NoProgress);
        assert_eq!(crate::testing::glanced(&tree), ["a=1", "long=5000 bytes", "no=2"]);
        assert_eq!(tree.files.len(), 4, "{:?}", shown(&tree));
        assert!(tree.files.iter().any(|file| file.output == long), "whole after a glance");
        assert_eq!(told(&tree), Vec::<String>::new());
    }

    #[test]
    fn what_is_refused_is_counted() {
        let root = make(&[("d/a/x", "1"), ("d/b", "2"), ("e/c", "3")]);
        for name in ["d/a", "d/b", "e/c"] {
            fs::set_permissions(root.path().join(name), fs::Permissions::from_mode(0o000)).unwrap();
        }
        let tree = walk_directory(root.path(), &Recorder::default(), &Limits::default(), &NoProgress);
        for name in ["d/a", "d/b", "e/c"] {
            fs::set_permissions(root.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        // For root nothing is refused.
        if shown(&tree).is_empty() {
            assert_eq!(
                told(&tree),
                [
                    "Unreadable d: 2 files or directories cannot be read, the first is `d/a`: Permission denied (os error 13)",
                    "Unreadable e/c: Permission denied (os error 13)",
                ]
            );
        } else {
            assert_eq!(shown(&tree), ["d/a/x=1", "d/b=2", "e/c=3"]);
        }
    }

    #[test]
    fn a_directory_that_was_replaced_is_not_read() {
        let root = make(&[("a/file", "1"), ("b/file", "2")]);
        let identity = |name: &str| {
            let metadata = fs::symlink_metadata(root.path().join(name)).unwrap();
            (metadata.dev(), metadata.ino())
        };
        let seen = identity("a");
        assert!(open_directory(&root.path().join("a"), seen).is_ok());
        fs::rename(root.path().join("a"), root.path().join("c")).unwrap();
        symlink("b", root.path().join("a")).unwrap();
        let error = open_directory(&root.path().join("a"), seen).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        // A whole walk: the right one is read, another one in its place is as if it had been removed.
        let limits = Limits::default();
        let recorder = Recorder::default();
        let read = |identity| {
            let context = Context::new(&recorder, &limits, &NoProgress);
            shown(&walk(root.path().join("b"), Some(identity), BTreeMap::new(), context))
        };
        assert_eq!(read(identity("b")), ["file=2"]);
        assert_eq!(read(seen), Vec::<String>::new());
    }

    #[test]
    fn refusals_of_one_directory_make_one_problem() {
        let root = tempfile::tempdir().unwrap();
        let visitor = Recorder::default();
        let limits = Limits::default();
        let tree = Tree {
            context: Context::new(&visitor, &limits, &NoProgress),
            root: root.path().to_owned(),
            checked: false,
            skipped: BTreeMap::new(),
            queue: Mutex::new(Queue { directories: Vec::new(), at_work: 0 }),
            changed: Condvar::new(),
            found: Mutex::new(Found::new()),
            stopped: AtomicBool::new(false),
            entries: AtomicU64::new(0),
        };
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        for name in ["d/b", "d/a", "e/c"] {
            tree.unreadable(&ImagePath::from(name), &denied);
        }
        tree.unreadable(&ImagePath::from("vanished"), &io::ErrorKind::NotFound.into());
        assert_eq!(
            told(&tree.finish()),
            [
                "Unreadable d: 2 files or directories cannot be read, the first is `d/a`: permission denied",
                "Unreadable e/c: permission denied",
            ]
        );
    }

    #[test]
    fn limits_hold() {
        let root = make(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let limits = Limits { max_entries: 2, ..Limits::default() };
        let tree = walk_directory(root.path(), &Recorder::default(), &limits, &NoProgress);
        assert_eq!((tree.files.len(), tree.problems.len()), (2, 1));
        let recorder = Recorder { limit: Some(0), ..Recorder::default() };
        let tree = walk_directory(root.path(), &recorder, &Limits::default(), &NoProgress);
        assert_eq!((tree.files.len(), tree.problems.len()), (0, 3));
    }

    #[test]
    fn a_root_that_is_absent_or_a_file_is_told() {
        let root = make(&[("a", "1")]);
        for name in ["a", "b"] {
            let tree = walk_directory(
                &root.path().join(name),
                &Recorder::default(),
                &Limits::default(),
                &NoProgress,
            );
            assert_eq!((tree.files.len(), tree.problems.len()), (0, 1));
        }
    }

    #[test]
    fn a_file_that_was_exchanged_is_not_read() {
        let root = make(&[("a", "1"), ("b", "2")]);
        let seen = fs::symlink_metadata(root.path().join("a")).unwrap();
        let identity = (seen.dev(), seen.ino());
        assert!(open(&root.path().join("a"), identity).is_ok());
        assert!(open(&root.path().join("b"), identity).is_err());
        symlink(root.path().join("a"), root.path().join("l")).unwrap();
        assert!(open(&root.path().join("l"), identity).is_err());
    }
}
