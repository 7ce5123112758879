//! Which container a process is in: from the name of its cgroup at its first event, then from what the runtime keeps on
//! disk. No runtime is asked, and none has to answer.

mod cgroup;
mod state;

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use cgroup::{Named, named};
pub(crate) use state::parse;

use crate::event::{Container, Pod, State};

/// cgroups that are remembered at most.
const MAX_CGROUPS: usize = 16_384;
/// Containers that are remembered after their end, for records that come late.
const MAX_ENDED: usize = 1_024;
/// Containers with names like any other that are remembered at most.
const MAX_FREELY_NAMED: usize = 256;
/// How often a cgroup is looked at again before it is the host's for good.
const LOOKS: u8 = 3;
/// How long what is pending is looked for, in nanoseconds.
const PATIENCE: u64 = 10_000_000_000;

/// Where things are on this machine.
#[derive(Clone, Debug)]
pub struct Places {
    /// The root of the file system that the runtimes use; `/`, or where the host is mounted.
    pub root: PathBuf,
    /// `/proc` of the host.
    pub proc: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self { root: PathBuf::from("/"), proc: PathBuf::from("/proc") }
    }
}

/// A low-level runtime that starts a container, as its arguments say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Maker {
    /// The folder with the container's configuration.
    pub(crate) bundle: PathBuf,
    /// What the container is to be called.
    pub(crate) id: String,
}

/// The containers that are known, by cgroup.
pub(crate) struct Containers {
    places: Places,
    table: HashMap<u64, Arc<Container>>,
    ended: VecDeque<u64>,
    /// cgroups whose container is still pending, and since when.
    pending: Vec<(u64, u64)>,
    /// Containers whose cgroup has a name like any other, by its path: groups below belong to them.
    named_freely: VecDeque<Arc<Container>>,
    /// How often a cgroup of the host was looked at because its processes have a namespace of their own.
    looked_at: HashMap<u64, u8>,
    host: Arc<Container>,
}

impl Containers {
    pub(crate) fn new(places: Places) -> Self {
        Self {
            places,
            table: HashMap::new(),
            ended: VecDeque::new(),
            pending: Vec::new(),
            named_freely: VecDeque::new(),
            looked_at: HashMap::new(),
            host: Arc::new(Container { state: State::Host, ..Container::default() }),
        }
    }

    /// Every cgroup that is there already. `mount` is where the hierarchy is mounted. Answers those of containers.
    pub(crate) fn snapshot(&mut self, mount: &Path, time: u64) -> Vec<u64> {
        use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _};
        let mut found = Vec::new();
        let mut folders = vec![(mount.to_path_buf(), String::from("/"), 0)];
        if let Ok(metadata) = std::fs::metadata(mount) {
            self.made(metadata.ino(), "/", None, 0, time);
        }
        while let Some((folder, path, depth)) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                if depth > 32 || self.table.len() >= MAX_CGROUPS {
                    return found;
                }
                if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    continue;
                }
                let path = format!("{}/{}", path.trim_end_matches('/'), entry.file_name().to_string_lossy());
                // The number of the folder is the number that the kernel has for the cgroup.
                let container = self.made(entry.ino(), &path, None, 0, time);
                if !container.is_host() {
                    found.push(entry.ino());
                }
                folders.push((entry.path(), path, depth + 1));
            }
        }
        found
    }

    /// A cgroup was made: `started` is when, or 0 if before us; `maker` is the runtime that made it.
    pub(crate) fn made(
        &mut self,
        cgroup: u64,
        path: &str,
        maker: Option<&Maker>,
        started: u64,
        time: u64,
    ) -> Arc<Container> {
        let container = match named(path) {
            Some(named) => {
                let container = Container {
                    state: State::Pending,
                    id: named.id.to_owned(),
                    runtime: named.runtime.to_owned(),
                    pod: Pod { uid: named.pod.unwrap_or_default(), ..Pod::default() },
                    cgroup: path.to_owned(),
                    started,
                    ..Container::default()
                };
                self.complete(cgroup, container, maker, time)
            }
            // No name that says so; the runtime that made it, or a container above, may.
            None => self.freely_named(path, maker.filter(|_| started != 0), started),
        };
        if self.table.len() >= MAX_CGROUPS
            && let Some(oldest) = self.ended.pop_front().or_else(|| self.table.keys().next().copied())
        {
            self.table.remove(&oldest);
        }
        self.table.insert(cgroup, Arc::clone(&container));
        container
    }

    fn freely_named(&mut self, path: &str, maker: Option<&Maker>, started: u64) -> Arc<Container> {
        let above = |container: &&Arc<Container>| {
            path.strip_prefix(container.cgroup.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        if let Some(container) = self.named_freely.iter().find(above) {
            return Arc::clone(container);
        }
        let known = maker.and_then(|maker| {
            let pending = Container {
                state: State::Pending,
                id: maker.id.clone(),
                cgroup: path.to_owned(),
                started,
                ..Container::default()
            };
            state::read_bundle_of(&maker.bundle, &pending)
        });
        match known {
            Some(container) => self.remember_freely_named(container),
            None => Arc::clone(&self.host),
        }
    }

    fn remember_freely_named(&mut self, container: Container) -> Arc<Container> {
        let container = Arc::new(container);
        self.named_freely.push_back(Arc::clone(&container));
        if self.named_freely.len() > MAX_FREELY_NAMED {
            self.named_freely.pop_front();
        }
        container
    }

    fn complete(
        &mut self,
        cgroup: u64,
        container: Container,
        maker: Option<&Maker>,
        time: u64,
    ) -> Arc<Container> {
        match state::read(&self.places, maker.map(|maker| maker.bundle.as_path()), &container) {
            Some(known) => Arc::new(known),
            None => {
                // A container that was there before us and has no state now will not get one later.
                if container.started == 0 {
                    return Arc::new(Container { state: State::Unreadable, ..container });
                }
                if self.pending.len() < MAX_CGROUPS {
                    self.pending.push((cgroup, time));
                }
                Arc::new(container)
            }
        }
    }

    /// A cgroup was removed.
    pub(crate) fn removed(&mut self, cgroup: u64) -> Option<Arc<Container>> {
        let container = self.table.get(&cgroup).map(Arc::clone)?;
        self.looked_at.remove(&cgroup);
        self.ended.push_back(cgroup);
        self.pending.retain(|(pending, _)| *pending != cgroup);
        if self.ended.len() > MAX_ENDED
            && let Some(oldest) = self.ended.pop_front()
        {
            self.table.remove(&oldest);
        }
        Some(container)
    }

    /// The container of a process. `inside` says that it has a process namespace of its own.
    pub(crate) fn of(&mut self, cgroup: u64, process: u32, inside: bool, time: u64) -> Arc<Container> {
        if let Some(container) = self.table.get(&cgroup) {
            if !container.is_host() || !inside {
                return Arc::clone(container);
            }
        } else {
            // Its beginning was not seen.
            let path = cgroup::of_process(&self.places.proc, process).unwrap_or_default();
            let container = self.made(cgroup, &path, None, 0, time);
            if !container.is_host() || !inside {
                return container;
            }
        }
        // A sandbox, `unshare`, or a container whose cgroup has a name like any other.
        if self.looked_at.len() >= MAX_CGROUPS {
            self.looked_at.clear();
        }
        let looks = self.looked_at.entry(cgroup).or_insert(0);
        if *looks >= LOOKS {
            return Arc::clone(&self.host);
        }
        *looks += 1;
        let path = cgroup::of_process(&self.places.proc, process).unwrap_or_default();
        let Some(known) = state::by_name(&self.places, &path) else { return Arc::clone(&self.host) };
        let container = self.remember_freely_named(known);
        self.table.insert(cgroup, Arc::clone(&container));
        container
    }

    /// Looks again for what is pending; those that are known now, or never will be.
    pub(crate) fn retry(&mut self, time: u64) -> Vec<Arc<Container>> {
        let mut done = Vec::new();
        let Self { pending, table, places, .. } = self;
        pending.retain(|(cgroup, since)| {
            let Some(container) = table.get_mut(cgroup) else { return false };
            if let Some(known) = state::read(places, None, container) {
                *container = Arc::new(known);
            } else if time.saturating_sub(*since) > PATIENCE {
                *container = Arc::new(Container { state: State::Unreadable, ..(**container).clone() });
            } else {
                return true;
            }
            done.push(Arc::clone(container));
            false
        });
        done
    }

    /// Whether something is pending.
    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }
}

/// Where cgroups are on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Where it is mounted.
    pub mount: PathBuf,
    /// Of the first version: the place of its subsystem in `/proc/cgroups` and its number. Nothing for the second.
    pub first: Option<(u32, u32)>,
}

/// The hierarchy to go by: the second version where it is mounted, else that of a controller that every runtime uses.
pub fn hierarchy(places: &Places) -> Option<Hierarchy> {
    let text = |name: &str| {
        let bytes = crate::sensor::bounded(&places.proc.join(name), 1 << 20)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    chosen(&text("self/mountinfo")?, &text("cgroups").unwrap_or_default())
}

/// The texts of `/proc` that are read here, of anybody.
pub(crate) fn fuzz(data: &[u8], text: &str) {
    let _ = chosen(text, text);
    cgroup::fuzz(text);
    crate::sensor::fuzz_proc(data, text);
}

fn chosen(mounts: &str, subsystems: &str) -> Option<Hierarchy> {
    // proc_pid_mountinfo(5): fields, then ` - `, then type, source and options.
    let find = |wanted: &dyn Fn(&str, &str) -> bool| {
        mounts.lines().find_map(|line| {
            let (before, after) = line.split_once(" - ")?;
            let mut after = after.split(' ');
            let kind = after.next()?;
            let options = after.nth(1)?;
            // Spaces and the like are written as octal numbers; where cgroups are mounted has none.
            wanted(kind, options).then(|| before.split(' ').nth(4).map(PathBuf::from))?
        })
    };
    if let Some(mount) = find(&|kind, _| kind == "cgroup2") {
        return Some(Hierarchy { mount, first: None });
    }
    let mut found = None;
    for (place, line) in (0u32..).zip(subsystems.lines().filter(|line| !line.starts_with('#'))) {
        let mut fields = line.split_ascii_whitespace();
        let name = fields.next()?;
        let hierarchy: u32 = fields.next()?.parse().ok()?;
        if hierarchy != 0 && (name == "pids" || (name == "memory" && found.is_none())) {
            found = Some((name, place, hierarchy));
        }
    }
    let (name, place, hierarchy) = found?;
    let mount = find(&|kind, options| kind == "cgroup" && options.split(',').any(|option| option == name))?;
    Some(Hierarchy { mount, first: Some((place, hierarchy)) })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Containers, Hierarchy, Maker, Places, chosen};
    use crate::event::State;

    const ID: &str = "0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e";

    #[test]
    fn the_second_version_where_it_is_mounted() {
        let second = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";
        let first = "31 24 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids";
        let subsystems = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t4\t1\t1\nmemory\t9\t1\t1\npids\t8\t1\t1\n";
        let mount = PathBuf::from("/sys/fs/cgroup");
        assert_eq!(chosen(&format!("{first}\n{second}"), subsystems), Some(Hierarchy { mount, first: None }));
        let mount = PathBuf::from("/sys/fs/cgroup/pids");
        assert_eq!(chosen(first, subsystems), Some(Hierarchy { mount, first: Some((2, 8)) }));
        assert_eq!(chosen("", subsystems), None);
    }

    #[test]
    fn a_container_is_pending_until_its_runtime_has_written_and_unreadable_when_it_never_does() {
        let root = tempfile::tempdir().unwrap();
        let places = Places { root: root.path().to_path_buf(), proc: root.path().join("proc") };
        let mut containers = Containers::new(places);
        let path = format!("/kubepods/besteffort/pod6d1f7a52-9f07-4b8b-8b9b-2f9a3f1b8c77/{ID}");
        let container = containers.made(7, &path, None, 1, 1);
        assert_eq!((container.state, container.id.as_str()), (State::Pending, ID));
        assert_eq!(containers.of(7, 1, true, 2).id, ID);
        assert!(containers.retry(2).is_empty());
        let folder = root.path().join("run/crun").join(ID);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.json"), "{}").unwrap();
        assert_eq!(containers.retry(3)[0].state, State::Known);
        assert!(!containers.has_pending());
        // Another one whose runtime never writes.
        let path = path.replace("0f3e0f", "aaaaaa");
        containers.made(8, &path, None, 1, 1);
        assert_eq!(containers.retry(20_000_000_000)[0].state, State::Unreadable);
        // A group below is the container's own, whatever its number.
        assert_eq!(
            containers.made(9, &format!("{path}/init"), None, 5, 5).id,
            containers.of(8, 1, true, 5).id
        );
        assert!(containers.removed(8).is_some());
        assert_eq!(containers.of(8, 1, true, 5).state, State::Unreadable, "records that come late");
    }

    #[test]
    fn a_cgroup_with_a_name_like_any_other_is_a_container_when_its_maker_says_so() {
        let root = tempfile::tempdir().unwrap();
        let places = Places { root: root.path().to_path_buf(), proc: root.path().join("proc") };
        let mut containers = Containers::new(places);
        let maker = Maker { bundle: root.path().to_path_buf(), id: "web".to_owned() };
        assert!(containers.made(1, "/web", Some(&maker), 1, 1).is_host(), "nothing written");
        std::fs::write(root.path().join("config.json"), "{}").unwrap();
        assert!(
            containers.made(1, "/folder", Some(&maker), 1, 1).is_host(),
            "a folder above the container's"
        );
        let container = containers.made(2, "/web", Some(&maker), 1, 1);
        assert_eq!((container.state, container.id.as_str()), (State::Known, "web"));
        assert_eq!(containers.made(3, "/web/below", None, 1, 1).id, "web");
        assert!(containers.made(4, "/website", None, 1, 1).is_host());
        let maker = Maker { id: "db".to_owned(), ..maker };
        for (path, made) in [
            ("/pods/one", "/pods"),
            ("/pods/one", "/pods/one"),
            ("a.slice:runc:db", "/a.slice/runc-db.scope"),
        ] {
            let config = format!(r#"{{"linux":{{"cgroupsPath":"{path}"}}}}"#);
            std::fs::write(root.path().join("config.json"), config).unwrap();
            assert_eq!(containers.made(5, made, Some(&maker), 1, 1).is_host(), made == "/pods", "{made}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut containers =
            Containers::new(Places { root: PathBuf::from("/nowhere"), proc: PathBuf::from("/nowhere") });
        for cgroup in 0..40_000u64 {
            containers.made(cgroup, &format!("/docker/{cgroup:064x}"), None, 1, 1);
            if cgroup % 2 == 0 {
                containers.removed(cgroup);
            }
        }
        assert!(containers.table.len() <= super::MAX_CGROUPS);
        assert!(containers.ended.len() <= super::MAX_ENDED + 1);
        assert!(containers.pending.len() <= super::MAX_CGROUPS);
    }
}
