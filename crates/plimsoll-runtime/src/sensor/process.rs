//! The processes that are known: a bounded table, from a look at `/proc` at the start and from records since.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use super::record::{Child, Identity, Record, strings};
use crate::event::{File, Namespaces, Process, text};

/// Processes that are remembered at most, those that ended included.
const MAX_PROCESSES: usize = 16_384;
/// Processes that are remembered after they ended, for the chains of their children.
const MAX_ENDED: usize = 2_048;

struct Entry {
    start: u64,
    parent: u32,
    parent_start: u64,
    inner: u32,
    ended: bool,
    /// What is known; of its parent, as long as the process has done nothing itself.
    image: Arc<Process>,
}

/// See the module.
pub(crate) struct Processes {
    table: HashMap<u32, Entry>,
    /// In the order they were made; with `ended`, what is forgotten first.
    order: VecDeque<(u32, u64)>,
    ended: VecDeque<(u32, u64)>,
    /// When the machine started, in nanoseconds since 1970.
    boot: u64,
    proc: Arc<Path>,
}

impl Processes {
    pub(crate) fn new(boot: u64, proc: &Path) -> Self {
        Self {
            table: HashMap::new(),
            order: VecDeque::new(),
            ended: VecDeque::new(),
            boot,
            proc: proc.into(),
        }
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Reads all processes that run now. What records said already is newer, and stays.
    pub(crate) fn snapshot(&mut self) {
        let Ok(entries) = std::fs::read_dir(&self.proc) else { return };
        for entry in entries.flatten() {
            let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some(id) = id
                && !self.table.contains_key(&id)
                && let Some((process, start)) = read(&self.proc, id, self.boot)
            {
                self.insert(id, start, process);
            }
        }
    }

    fn insert(&mut self, id: u32, start: u64, process: Process) {
        let (parent, inner) = (process.parent, process.inner_id);
        let parent_start = self.table.get(&parent).map_or(0, |entry| entry.start);
        self.put(id, Entry { start, parent, parent_start, inner, ended: false, image: Arc::new(process) });
    }

    fn put(&mut self, id: u32, entry: Entry) {
        while self.table.len() >= MAX_PROCESSES {
            // Whoever ended first, then whoever came first.
            let oldest = self.ended.pop_front().or_else(|| self.order.pop_front());
            let Some((old, start)) = oldest else { break };
            if self.table.get(&old).is_some_and(|entry| entry.start == start) {
                self.table.remove(&old);
            }
        }
        // Places of processes that are forgotten already are dropped before the queue outgrows the table.
        if self.order.len() >= 2 * MAX_PROCESSES {
            let table = &self.table;
            self.order.retain(|(id, start)| table.get(id).is_some_and(|entry| entry.start == *start));
        }
        self.order.push_back((id, entry.start));
        self.table.insert(id, entry);
    }

    /// A process was made by the process of the record.
    pub(crate) fn fork(&mut self, record: &Record<'_>, child: Child) {
        let image = self.current(record);
        let entry = Entry {
            start: child.start,
            parent: record.tgid,
            parent_start: record.start,
            inner: child.inner,
            ended: false,
            image,
        };
        self.put(child.tgid, entry);
    }

    /// A program was started: what the record says is all new.
    pub(crate) fn exec(&mut self, record: &Record<'_>, file: File) -> Arc<Process> {
        let before = self.current(record);
        let mut process = Process {
            exec_time: self.boot.saturating_add(record.time),
            executable: file,
            arguments: strings(record.arguments),
            directory: super::record::joined(record.directory),
            ..(*before).clone()
        };
        Self::identify(&mut process, record);
        self.replace(record, process)
    }

    /// What a process would have been, had its program not been refused: it stays what it is. Arguments are not known.
    pub(crate) fn refused(&mut self, record: &Record<'_>, file: File) -> Arc<Process> {
        let before = self.current(record);
        let name: String = file.path.rsplit('/').next().unwrap_or_default().chars().take(15).collect();
        Arc::new(Process { name, arguments: vec![file.path.clone()], executable: file, ..(*before).clone() })
    }

    fn replace(&mut self, record: &Record<'_>, process: Process) -> Arc<Process> {
        let process = Arc::new(process);
        if let Some(entry) = self.table.get_mut(&record.tgid) {
            entry.image = Arc::clone(&process);
        }
        process
    }

    fn identify(process: &mut Process, record: &Record<'_>) {
        process.name = text(record.name);
        process.uid = record.uid;
        process.effective_uid = record.euid;
        process.gid = record.gid;
        process.effective_gid = record.egid;
        process.cgroup = record.cgroup;
        process.capabilities.effective = record.capabilities.effective;
        process.capabilities.permitted = record.capabilities.permitted;
        if let Some(Identity {
            inheritable,
            login,
            terminal,
            session,
            group,
            mount,
            process: inner,
            network,
            user,
        }) = record.identity
        {
            process.capabilities.inheritable = inheritable;
            process.login_uid = Some(login);
            process.terminal = terminal;
            process.session = session;
            process.group = group;
            process.namespaces = Namespaces { mount, process: inner, network, user };
        }
    }

    /// A process ended. It is remembered for a while.
    pub(crate) fn exit(&mut self, record: &Record<'_>) {
        let Some(entry) = self.table.get_mut(&record.tgid).filter(|entry| entry.start == record.start) else {
            return;
        };
        entry.ended = true;
        self.ended.push_back((record.tgid, record.start));
        while self.ended.len() > MAX_ENDED {
            let Some((id, start)) = self.ended.pop_front() else { break };
            if self.table.get(&id).is_some_and(|entry| entry.start == start) {
                self.table.remove(&id);
            }
        }
    }

    /// The process of a record, as it is at the record.
    pub(crate) fn current(&mut self, record: &Record<'_>) -> Arc<Process> {
        let known = self.table.get(&record.tgid).is_some_and(|entry| same_start(entry.start, record.start));
        if !known {
            // Made before us, or its record was lost: `/proc` may still know. Its own words come last, so that a
            // process that is another by now does not lend its name.
            let read = read(&self.proc, record.tgid, self.boot)
                .filter(|(_, start)| same_start(*start, record.start));
            let mut process = read.map_or_else(Process::default, |(process, _)| process);
            process.id = record.tgid;
            process.inner_id = record.inner;
            process.parent = record.parent;
            process.start = self.boot.saturating_add(record.start);
            Self::identify(&mut process, record);
            self.insert(record.tgid, record.start, process);
        }
        let Some(entry) = self.table.get(&record.tgid) else { return Arc::default() };
        let image = &entry.image;
        let same = image.id == record.tgid
            && image.uid == record.uid
            && image.effective_uid == record.euid
            && image.gid == record.gid
            && image.effective_gid == record.egid
            && image.cgroup == record.cgroup
            && image.capabilities.effective == record.capabilities.effective
            && image.capabilities.permitted == record.capabilities.permitted
            && record.identity.is_none()
            && image.name.as_bytes() == record.name;
        if same {
            return Arc::clone(image);
        }
        let mut process = (**image).clone();
        if image.id != record.tgid {
            process.id = record.tgid;
            process.inner_id = entry.inner;
            process.parent = entry.parent;
            process.start = self.boot.saturating_add(entry.start);
        }
        Self::identify(&mut process, record);
        self.replace(record, process)
    }

    /// The parents of a process, the nearest first.
    pub(crate) fn ancestors(&self, id: u32) -> Vec<Arc<Process>> {
        let mut chain = Vec::new();
        let Some(mut entry) = self.table.get(&id) else { return chain };
        while chain.len() < Process::MAX_ANCESTORS && entry.parent != 0 {
            let Some(above) = self.table.get(&entry.parent) else { break };
            // Another process may have the number by now.
            if entry.parent_start != 0 && !same_start(above.start, entry.parent_start) {
                break;
            }
            if above.image.id == entry.parent {
                chain.push(Arc::clone(&above.image));
            } else {
                // It did nothing that was reported but this: what it has is its parent's.
                chain.push(Arc::new(Process {
                    id: entry.parent,
                    inner_id: above.inner,
                    parent: above.parent,
                    start: self.boot.saturating_add(above.start),
                    ..(*above.image).clone()
                }));
            }
            entry = above;
        }
        chain
    }
}

/// `/proc` tells times in hundredths of a second only.
fn same_start(one: u64, other: u64) -> bool {
    one.abs_diff(other) < 20_000_000
}

/// A process as `/proc` shows it now, its times counted from the start of the machine.
pub(crate) fn read_process(proc: &Path, id: u32) -> Option<(Process, u64)> {
    read(proc, id, 0)
}

/// A process as `/proc` shows it, and when it was made since the start of the machine.
fn read(proc: &Path, id: u32, boot: u64) -> Option<(Process, u64)> {
    let folder = proc.join(id.to_string());
    let stat = bounded(&folder.join("stat"), 4096)?;
    let status = bounded(&folder.join("status"), 16_384).unwrap_or_default();
    let mut process = Process { id, ..Process::default() };
    let start = stat_of(&stat, &mut process)?;
    status_of(&String::from_utf8_lossy(&status), &mut process);
    process.start = boot.saturating_add(start);
    process.arguments = strings(&bounded(&folder.join("cmdline"), 4096).unwrap_or_default());
    let link = |name: &str| std::fs::read_link(folder.join(name)).ok();
    let path = |link: &Path| text(std::os::unix::ffi::OsStrExt::as_bytes(link.as_os_str()));
    if let Some(executable) = link("exe") {
        let path = path(&executable);
        process.executable.deleted = path.ends_with(" (deleted)");
        process.executable.path = path.strip_suffix(" (deleted)").map_or(path.clone(), str::to_owned);
        if let Ok(metadata) = std::fs::metadata(folder.join("exe")) {
            use std::os::unix::fs::MetadataExt as _;
            process.executable.inode = metadata.ino();
            process.executable.mode = metadata.mode();
            process.executable.owner = metadata.uid();
        }
    }
    process.directory = link("cwd").map(|link| path(&link)).unwrap_or_default();
    process.login_uid = bounded(&folder.join("loginuid"), 32)
        .and_then(|text| String::from_utf8(text).ok()?.trim().parse().ok());
    let namespace = |name: &str| {
        link(name).and_then(|link| link.to_str()?.split(['[', ']']).nth(1)?.parse().ok()).unwrap_or_default()
    };
    process.namespaces = Namespaces {
        mount: namespace("ns/mnt"),
        process: namespace("ns/pid"),
        network: namespace("ns/net"),
        user: namespace("ns/user"),
    };
    Some((process, start))
}

/// The first bytes of a file; nothing if it cannot be read.
pub(crate) fn bounded(path: &Path, limit: u64) -> Option<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(limit).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Reads `/proc/PID/stat` (proc(5)); answers when the process was made. The name may hold spaces and parentheses.
fn stat_of(stat: &[u8], process: &mut Process) -> Option<u64> {
    let open = stat.iter().position(|byte| *byte == b'(')?;
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    process.name = text(stat.get(open + 1..close)?);
    let rest = std::str::from_utf8(stat.get(close + 1..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<i64>().ok());
    let positive = |at: usize| number(at).and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
    process.parent = positive(1);
    process.group = positive(2);
    process.session = positive(3);
    // The kernel's own form has the minor number around the major one.
    let device = positive(4);
    process.terminal = if device == 0 {
        0
    } else {
        ((device >> 8) & 0xfff) << 20 | (device & 0xff) | ((device >> 12) & 0xfff00)
    };
    // Hundredths of a second: USER_HZ is 100 on every architecture that the sensor knows.
    u64::try_from(number(19)?).ok()?.checked_mul(10_000_000)
}

/// `/proc/PID/stat` and `status` of anybody.
pub(crate) fn fuzz_proc(data: &[u8], text: &str) {
    let mut process = Process::default();
    let _ = stat_of(data, &mut process);
    status_of(text, &mut process);
}

/// Reads `/proc/PID/status` (proc(5)).
fn status_of(status: &str, process: &mut Process) {
    for line in status.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let mut words = value.split_ascii_whitespace();
        let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let set = || u64::from_str_radix(value.trim(), 16).unwrap_or(0);
        match name {
            "Uid" => (process.uid, process.effective_uid) = (number(), number()),
            "Gid" => (process.gid, process.effective_gid) = (number(), number()),
            "NSpid" => {
                process.inner_id =
                    value.split_ascii_whitespace().last().and_then(|id| id.parse().ok()).unwrap_or(0);
            }
            "CapInh" => process.capabilities.inheritable = set(),
            "CapPrm" => process.capabilities.permitted = set(),
            "CapEff" => process.capabilities.effective = set(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::{MAX_ENDED, MAX_PROCESSES, Processes, stat_of, status_of};
    use crate::event::{File, Process};
    use crate::sensor::record::{Child, Record};

    fn record(tgid: u32, start: u64) -> Record<'static> {
        Record { tgid, start: start * 1_000_000_000, parent: 1, name: b"sh", ..Record::default() }
    }

    fn child(tgid: u32, start: u64) -> Child {
        Child { tgid, start: start * 1_000_000_000, ..Child::default() }
    }

    #[test]
    fn names_with_parentheses_and_terminals() {
        let mut process = Process::default();
        let stat = b"42 (a) b (c)) S 7 41 40 34816 42 4194304 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 1 1";
        assert_eq!(stat_of(stat, &mut process), Some(123_450_000_000));
        assert_eq!((process.name.as_str(), process.parent, process.session), ("a) b (c)", 7, 40));
        assert_eq!(process.terminal, 136 << 20);
        assert_eq!(stat_of(b"42 sh S", &mut process), None);
        status_of("Uid:\t1\t2\t3\t4\nNSpid:\t42\t7\nCapEff:\t00000000a80425fb\n", &mut process);
        assert_eq!((process.uid, process.effective_uid, process.inner_id), (1, 2, 7));
        assert_eq!(process.capabilities.effective, 0xa804_25fb);
    }

    #[test]
    fn a_child_has_its_parents_program_until_it_starts_its_own() {
        let mut processes = Processes::new(0, Path::new("/nowhere"));
        let shell = File { path: "/bin/sh".to_owned(), ..File::default() };
        processes.exec(&Record { arguments: b"sh\0-c\0id\0", ..record(10, 1) }, shell);
        processes.fork(&record(10, 1), child(11, 2));
        let forked = processes.current(&record(11, 2));
        assert_eq!((forked.id, forked.parent, forked.command_line().as_str()), (11, 10, "sh -c id"));
        processes.fork(&record(11, 2), child(12, 3));
        let id = File { path: "/bin/id".to_owned(), ..File::default() };
        processes.exec(&Record { arguments: b"id\0", name: b"id", ..record(12, 3) }, id);
        // Parents stay after their end.
        processes.exit(&record(10, 1));
        let chain: Vec<(u32, String)> =
            processes.ancestors(12).iter().map(|process| (process.id, process.command_line())).collect();
        assert_eq!(chain, [(11, "sh -c id".to_owned()), (10, "sh -c id".to_owned())]);
        // A new process with an old number is another one.
        let other = processes.current(&record(11, 500));
        assert!(other.arguments.is_empty());
        assert!(processes.ancestors(12).is_empty());
    }

    #[test]
    fn a_change_of_user_is_seen_without_a_new_program() {
        let mut processes = Processes::new(0, Path::new("/nowhere"));
        processes.exec(&record(10, 1), File::default());
        let before = processes.current(&record(10, 1));
        let after = processes.current(&Record { uid: 33, ..record(10, 1) });
        assert_eq!((before.uid, after.uid), (0, 33));
        let again = processes.current(&Record { uid: 33, ..record(10, 1) });
        assert!(Arc::ptr_eq(&after, &again), "nothing new, nothing made");
    }

    #[test]
    fn the_table_is_bounded() {
        let mut processes = Processes::new(0, Path::new("/nowhere"));
        for id in 0..60_000 {
            processes.fork(&record(5, 1), child(100 + id, 1 + u64::from(id)));
            if id % 3 == 0 {
                processes.exit(&record(100 + id, 1 + u64::from(id)));
            }
        }
        assert!(processes.len() <= MAX_PROCESSES);
        assert!(processes.ended.len() <= MAX_ENDED);
        assert!(processes.order.len() <= 2 * MAX_PROCESSES);
    }
}
