//! What can be done about a container: freeze it, cut it off from the network, keep evidence.
//!
//! Freezing is the kernel's own (`cgroup.freeze`, or the freezer of the first version of cgroups): nothing in the container runs until it is thawed, and nothing
//! of it is lost. Evidence is what `/proc` shows of the container's processes, without the values of their variables.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::event::{Container, text};
use crate::sensor::bounded;

/// Processes of a container that evidence tells of.
const MOST_PROCESSES: usize = 1_000;
/// Descriptors of a process that are told.
const MOST_DESCRIPTORS: usize = 256;
/// Bytes of a program that are hashed.
const MOST_BYTES: u64 = 512 << 20;
/// Bytes of a file of `/proc`.
const LARGEST: u64 = 1 << 20;
/// Nested cgroups that are looked into.
const MOST_GROUPS: usize = 1_000;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host, or a cgroup that nobody named.
    #[error("it has no cgroup of a container")]
    NoContainer,
    /// The kernel refuses.
    #[error("cannot write `{path}`")]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// The folder of a container's cgroup, below where cgroups are mounted; nothing for the host and for a path that leads
/// elsewhere.
pub fn folder(mount: &Path, container: &Container) -> Option<PathBuf> {
    let path = container.cgroup.strip_prefix('/')?;
    let plain = !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    (!container.is_host() && plain).then(|| mount.join(path))
}

/// Where the controllers of cgroups are that are needed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Groups {
    /// The second version: one hierarchy.
    Second(PathBuf),
    /// The first: each controller has its own folder, as in `/sys/fs/cgroup/freezer`.
    First(PathBuf),
}

impl Groups {
    /// As the machine has them: `hierarchy` is what the sensor goes by.
    pub fn of(hierarchy: &crate::container::Hierarchy) -> Self {
        match hierarchy.first {
            None => Self::Second(hierarchy.mount.clone()),
            Some(_) => {
                Self::First(hierarchy.mount.parent().map_or_else(|| hierarchy.mount.clone(), Path::to_owned))
            }
        }
    }

    /// The folder of a container.
    fn folder(&self, container: &Container) -> Option<PathBuf> {
        match self {
            Self::Second(mount) => folder(mount, container),
            Self::First(mount) => folder(&mount.join("freezer"), container),
        }
    }
}

/// Freezes all processes of a container, or lets them run again.
pub fn freeze(groups: &Groups, container: &Container, frozen: bool) -> Result<(), Error> {
    let folder = groups.folder(container).ok_or(Error::NoContainer)?;
    let (name, value) = match (groups, frozen) {
        (Groups::Second(_), true) => ("cgroup.freeze", "1"),
        (Groups::Second(_), false) => ("cgroup.freeze", "0"),
        (Groups::First(_), true) => ("freezer.state", "FROZEN"),
        (Groups::First(_), false) => ("freezer.state", "THAWED"),
    };
    let path = folder.join(name);
    // It is there, or there is no such cgroup: nothing is made.
    let written =
        File::options().write(true).open(&path).and_then(|mut file| file.write_all(value.as_bytes()));
    written.map_err(|error| Error::Write { path, error })
}

/// What was to be seen of a container's processes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Its processes, by number.
    pub processes: Vec<Held>,
    /// There were more than these.
    pub more: bool,
}

/// A process as evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// Its number, as the host sees it.
    pub id: u32,
    /// The process that made it.
    pub parent: u32,
    /// Its short name.
    pub name: String,
    /// Its program and arguments.
    pub arguments: Vec<String>,
    /// The file that it runs, as its own root shows it.
    pub executable: String,
    /// The digest of that file's content, as in `sha256:...`; empty where it cannot be read, or is too large.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Where it stands.
    pub directory: String,
    /// Its real user.
    pub uid: u32,
    /// The names of its variables: their values may be secrets.
    pub variables: Vec<String>,
    /// What its descriptors are of.
    pub descriptors: Vec<String>,
    /// Files that it has mapped.
    pub mapped: Vec<String>,
    /// Connections of its network, as `/proc/PID/net` has them: those of the first process only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connections: Vec<String>,
}

/// Looks at all processes of a container. Nobody is waited for: frozen ones can be looked at as well.
pub fn evidence(groups: &Groups, proc: &Path, container: &Container) -> Result<Evidence, Error> {
    let folder = groups.folder(container).ok_or(Error::NoContainer)?;
    let mut ids = Vec::new();
    let mut folders = vec![folder];
    let mut groups = 0;
    while let Some(folder) = folders.pop() {
        groups += 1;
        if groups > MOST_GROUPS {
            break;
        }
        let list = bounded(&folder.join("cgroup.procs"), LARGEST).unwrap_or_default();
        ids.extend(String::from_utf8_lossy(&list).lines().filter_map(|line| line.parse::<u32>().ok()));
        let nested = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        folders.extend(
            nested
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path()),
        );
    }
    ids.sort_unstable();
    ids.dedup();
    let more = ids.len() > MOST_PROCESSES;
    ids.truncate(MOST_PROCESSES);
    let processes = ids.iter().enumerate().filter_map(|(place, id)| held(proc, *id, place == 0)).collect();
    Ok(Evidence { processes, more })
}

fn held(proc: &Path, id: u32, first: bool) -> Option<Held> {
    let folder = proc.join(id.to_string());
    let (process, _) = crate::sensor::read_process(proc, id)?;
    let link = |path: PathBuf| {
        std::fs::read_link(path)
            .map(|link| text(std::os::unix::ffi::OsStrExt::as_bytes(link.as_os_str())))
            .ok()
    };
    let environ = bounded(&folder.join("environ"), LARGEST).unwrap_or_default();
    let variables = environ
        .split(|byte| *byte == 0)
        .filter_map(|variable| variable.split(|byte| *byte == b'=').next())
        .filter(|name| !name.is_empty())
        .map(text)
        .collect();
    let mut descriptors: Vec<(u32, String)> = std::fs::read_dir(folder.join("fd"))
        .into_iter()
        .flatten()
        .flatten()
        .take(MOST_DESCRIPTORS)
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, link(entry.path())?)))
        .collect();
    descriptors.sort();
    let maps = bounded(&folder.join("maps"), LARGEST).unwrap_or_default();
    let mut mapped: Vec<String> = String::from_utf8_lossy(&maps)
        .lines()
        .filter_map(|line| line.find('/').map(|at| line[at..].to_owned()))
        .collect();
    mapped.sort();
    mapped.dedup();
    let mut connections = Vec::new();
    for name in ["tcp", "tcp6", "udp", "udp6", "unix"].iter().filter(|_| first) {
        let table = bounded(&folder.join("net").join(name), LARGEST).unwrap_or_default();
        let table = String::from_utf8_lossy(&table);
        connections.extend(table.lines().skip(1).take(1_000).map(|line| format!("{name} {}", line.trim())));
    }
    Some(Held {
        id,
        parent: process.parent,
        name: process.name,
        arguments: process.arguments,
        digest: digest(&folder.join("exe")).unwrap_or_default(),
        executable: process.executable.path,
        directory: process.directory,
        uid: process.uid,
        variables,
        descriptors: descriptors.into_iter().map(|(number, of)| format!("{number} {of}")).collect(),
        mapped,
        connections,
    })
}

/// Digest and size of a file of a container, by a path that one of its processes names; nothing if it is gone, no ordinary file, or
/// too large. Links are followed within the process's root, and never out of it.
pub fn digest_inside(proc: &Path, process: u32, path: &str) -> Option<(String, u64)> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
    let flags = OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let root = proc.join(process.to_string()).join("root");
    let root = openat(CWD, &root, flags | OFlags::DIRECTORY | OFlags::PATH, Mode::empty()).ok()?;
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let file = openat2(root, path.trim_start_matches('/'), flags | OFlags::RDONLY, Mode::empty(), inside);
    let file = File::from(file.ok()?);
    let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some((hashed(file)?, metadata.len()))
}

/// The digest of a file; nothing if it cannot be read, or is too large.
fn digest(path: &Path) -> Option<String> {
    hashed(File::open(path).ok()?)
}

fn hashed(file: File) -> Option<String> {
    if file.metadata().ok()?.len() > MOST_BYTES {
        return None;
    }
    let mut file = file.take(MOST_BYTES);
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk).ok()? {
            0 => break,
            count => hash.update(&chunk[..count]),
        }
    }
    let mut digest = "sha256:".to_owned();
    for byte in hash.finalize() {
        let _ = std::fmt::Write::write_fmt(&mut digest, format_args!("{byte:02x}"));
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Error, Groups, evidence, folder, freeze};
    use crate::event::{Container, State};

    fn container(cgroup: &str) -> Container {
        Container { state: State::Known, cgroup: cgroup.to_owned(), ..Container::default() }
    }

    #[test]
    fn only_cgroups_of_containers_are_touched() {
        let check = |cgroup: &str, expected: Option<&str>| {
            assert_eq!(folder(Path::new("/c"), &container(cgroup)), expected.map(PathBuf::from), "{cgroup}");
        };
        check("/kubepods/pod1/ab", Some("/c/kubepods/pod1/ab"));
        for wrong in ["", "/", "/..", "/a/../b", "relative", "/a//b", "/./a"] {
            check(wrong, None);
        }
        let host = Container { cgroup: "/user.slice".to_owned(), ..Container::default() };
        assert_eq!(folder(Path::new("/c"), &host), None);
    }

    #[test]
    fn freezing_and_evidence_of_files() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("pod/ab");
        std::fs::create_dir_all(group.join("inner")).unwrap();
        std::fs::write(group.join("cgroup.freeze"), "0").unwrap();
        let groups = Groups::Second(root.path().to_owned());
        freeze(&groups, &container("/pod/ab"), true).unwrap();
        assert_eq!(std::fs::read(group.join("cgroup.freeze")).unwrap(), b"1");
        assert!(matches!(freeze(&groups, &Container::default(), true), Err(Error::NoContainer)));
        assert!(matches!(freeze(&groups, &container("/pod/gone"), true), Err(Error::Write { .. })));
        let first = Groups::First(root.path().to_owned());
        std::fs::create_dir_all(root.path().join("freezer/pod/ab")).unwrap();
        std::fs::write(root.path().join("freezer/pod/ab/freezer.state"), "").unwrap();
        freeze(&first, &container("/pod/ab"), false).unwrap();
        assert_eq!(std::fs::read(root.path().join("freezer/pod/ab/freezer.state")).unwrap(), b"THAWED");
        // Ourselves, as a process of a nested cgroup.
        std::fs::write(group.join("cgroup.procs"), "").unwrap();
        std::fs::write(group.join("inner/cgroup.procs"), format!("{}\n999999999\n", std::process::id()))
            .unwrap();
        let seen = evidence(&groups, Path::new("/proc"), &container("/pod/ab")).unwrap();
        assert_eq!(seen.processes.len(), 1, "{seen:?}");
        let held = &seen.processes[0];
        assert_eq!(held.id, std::process::id());
        assert!(held.digest.starts_with("sha256:") && held.digest.len() == 71, "{held:?}");
        assert!(held.variables.iter().any(|name| name == "PATH"), "{:?}", held.variables);
        assert!(!serde_json::to_string(held).unwrap().contains("PATH="), "no values");
        assert!(!held.descriptors.is_empty() && !held.mapped.is_empty());
        // A file by its path in there.
        let inside = root.path().join("kept");
        std::fs::write(&inside, "abc").unwrap();
        let own = std::process::id();
        let digest = |path: &str| super::digest_inside(Path::new("/proc"), own, path);
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(inside.to_str().unwrap()), Some((abc.to_owned(), 3)));
        assert_eq!(digest(root.path().to_str().unwrap()), None, "a folder");
        assert_eq!(digest("/proc/self/environ-of-nobody"), None);
    }
}
