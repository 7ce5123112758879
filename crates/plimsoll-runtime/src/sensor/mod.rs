//! The sensor: programs in the kernel, and the reader that makes events of their records.

mod assemble;
#[cfg(feature = "runtime")]
mod confine;
#[cfg(feature = "runtime")]
mod kernel;
#[cfg(feature = "runtime")]
mod names;
mod plan;
mod process;
mod record;
#[cfg(feature = "runtime")]
mod signals;

pub use assemble::Counts;
#[cfg(feature = "runtime")]
pub use confine::{capability, confine, confine_sender, keep_capabilities, maps_need_no_capability};
pub(crate) use process::{bounded, fuzz_proc, read_process};
#[cfg(feature = "runtime")]
pub use signals::{end_on_signals, reload_on_signal};

use crate::Call;
#[cfg(feature = "runtime")]
use crate::Event;

/// What is to be seen, and what is to be done about it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// System calls that are reported. None: no system call is hooked, and none costs anything.
    pub calls: Vec<Call>,
    /// TCP connections that are begun or awaited, without a hook on system calls.
    pub connections: bool,
    /// Names that are looked up in the DNS.
    pub dns: bool,
    /// Only processes in containers; else everything on the machine.
    pub only_containers: bool,
    /// Read `LD_*` and `GLIBC_TUNABLES` of new programs.
    pub environment: bool,
    /// Report every open, not only those that write and those of `sensitive_names`.
    pub all_reads: bool,
    /// Names of files, and of folders directly above a file, whose reading is reported; at most 31 bytes count.
    pub sensitive_names: Vec<String>,
    /// What to do with a program in a container that is on the upper layer of its file system.
    pub upper_layer: Response,
    /// What to do with a program in a container that is in memory only, or has no name any more.
    pub memory: Response,
    /// What to do with programs in containers by the last part of their path.
    pub denied_names: Vec<(String, Response)>,
    /// What to do with programs in containers by device (`major << 20 | minor`) and inode.
    pub denied_files: Vec<((u32, u64), Response)>,
    /// See what rings (io_uring) open, where the kernel takes trampolines.
    pub rings: bool,
    /// Be able to cut containers off from the network.
    pub quarantine: bool,
    /// Note which system calls containers make ([`Sensor::calls`]); this costs some time in every call of the machine.
    pub all_calls: bool,
    /// Where containers are in the first version of cgroups only: the place of a subsystem in `/proc/cgroups`, and its
    /// hierarchy.
    pub subsystem: Option<(u32, u32)>,
}

impl Settings {
    /// Whether anything is to be refused.
    #[cfg(feature = "runtime")]
    fn denies(&self) -> bool {
        let named = self.denied_names.iter().map(|(_, response)| response);
        let files = self.denied_files.iter().map(|(_, response)| response);
        named
            .chain(files)
            .chain([&self.upper_layer, &self.memory])
            .any(|response| *response == Response::Deny)
    }

    /// What these rules need, and nothing that costs more: of what is seen by default what some rule is about, and what
    /// a rule asks for though it costs more.
    pub fn asked_by(rules: &crate::rules::Engine) -> Self {
        let (types, asked) = (rules.event_types(), rules.asked_types());
        let seen = Self::default();
        Self {
            calls: Call::all()
                .filter(|call| plan::Plan::of(*call).is_some())
                .filter(|call| {
                    asked.contains(&call.name()) || seen.calls.contains(call) && types.contains(&call.name())
                })
                .collect(),
            dns: types.contains(&"dns"),
            rings: types.contains(&"openat") || types.contains(&"openat2") || types.contains(&"open"),
            ..seen
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            calls: plan::default_calls().collect(),
            connections: true,
            dns: true,
            only_containers: false,
            environment: true,
            all_reads: false,
            sensitive_names: SENSITIVE.iter().map(|name| (*name).to_owned()).collect(),
            upper_layer: Response::None,
            memory: Response::None,
            denied_names: Vec::new(),
            denied_files: Vec::new(),
            rings: true,
            quarantine: false,
            all_calls: false,
            subsystem: None,
        }
    }
}

/// Files and folders that hold secrets or ways out of a container, by the last part of their path.
const SENSITIVE: &[&str] = &[
    ".aws",
    ".azure",
    ".docker",
    ".git-credentials",
    ".kube",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    ".ssh",
    ".vault-token",
    "admin.conf",
    "containerd.sock",
    "core_pattern",
    "crio.sock",
    "docker.sock",
    "environ",
    "gcloud",
    "gshadow",
    "id_ecdsa",
    "id_ed25519",
    "id_rsa",
    "kallsyms",
    "kcore",
    "kubelet.conf",
    "master.passwd",
    "mem",
    "modprobe",
    "opasswd",
    "pam.d",
    "pki",
    "release_agent",
    "serviceaccount",
    "shadow",
    "sudoers",
    "sudoers.d",
    "token",
];

/// What to do with a program that is about to start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Response {
    /// Nothing.
    #[default]
    None,
    /// Say that it would have been killed.
    DryRun,
    /// Kill it before its first instruction.
    Kill,
    /// Refuse it: whoever asks for it gets an error. Killed where the kernel takes no program that refuses.
    Deny,
}

/// What a program needs of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Raw tracepoints with types, and cgroups: every kernel that the sensor is for.
    Portable,
    /// Trampolines at the functions of security modules: sees more. Hardened kernels refuse it.
    Trampoline,
    /// Trampolines that refuse.
    Deny,
}

impl Tier {
    /// Its number and name: `T1 trampoline`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "T0 portable",
            Self::Trampoline => "T1 trampoline",
            Self::Deny => "T2 deny",
        }
    }
}

/// A program of the sensor and what the kernel says to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name, as `bpftool prog` shows it.
    pub name: &'static str,
    /// What it sees.
    pub sees: &'static str,
    /// What it needs of the kernel.
    pub tier: Tier,
    /// Whether the sensor is of no use without it.
    pub needed: bool,
    /// What the kernel says.
    pub state: Availability,
}

/// What the kernel says to a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It runs.
    Available,
    /// Nobody asked for it.
    NotAsked,
    /// The kernel does not take it, and why.
    Refused(String),
}

/// Why the sensor does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A program without which there is no sensor.
    #[error("the kernel does not take the program `{program}`: {cause}{}{words}", if words.is_empty() { "" } else { ": " })]
    Load {
        /// Which.
        program: String,
        /// What libbpf answered.
        cause: String,
        /// What libbpf said before.
        words: String,
    },
    /// A map cannot be read or written.
    #[error("cannot use a map of the sensor: {0}")]
    Map(String),
}

/// A record of anybody, made into its events with nothing else known. `crate::fuzz` calls it.
pub(crate) fn fuzz(data: &[u8]) {
    let nowhere = std::path::PathBuf::from("/nonexistent");
    let places = crate::container::Places { root: nowhere.clone(), proc: nowhere };
    let mut assembler = assemble::Assembler::new(places, 1);
    let mut events = 0;
    assembler.take(data, &mut |event| {
        events += 1;
        let size = serde_json::to_string(&event).map_or(0, |line| line.len());
        // A byte that is no text becomes four, and some texts are in an event twice.
        assert!(size <= 64 * data.len() + 16_384, "{size} bytes of {}", data.len());
    });
    assert!(events <= 3, "a loss, an event, and namespaces of a child");
}

/// Every program of the sensor, each tried alone; nothing stays loaded.
#[cfg(feature = "runtime")]
pub fn survey() -> Vec<Program> {
    kernel::survey()
}

/// How long records wait for older ones of another processor or ring.
#[cfg(feature = "runtime")]
const ORDER: u64 = 2_000_000;
/// Records of a ring that are taken at once, so that none starves the other.
#[cfg(feature = "runtime")]
const TURN: usize = 8_192;
/// Bytes of records that are taken at once.
#[cfg(feature = "runtime")]
const TURN_BYTES: usize = 8 << 20;
/// How often containers that are pending are looked for.
#[cfg(feature = "runtime")]
const RETRY: u64 = 20_000_000;

/// Records as they came, and where each begins.
#[cfg(feature = "runtime")]
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    index: Vec<(u64, usize, usize)>,
    newest: u64,
}

/// The sensor: programs that are attached, and what they have recorded. It is detached when it is dropped.
#[cfg(feature = "runtime")]
pub struct Sensor {
    // Before the kernel side: rings are of its maps.
    must: kernel::Ring<'static>,
    may: kernel::Ring<'static>,
    batch: std::rc::Rc<std::cell::RefCell<Batch>>,
    kernel: kernel::Kernel,
    assembler: assemble::Assembler,
    retried: u64,
    groups: Option<crate::respond::Groups>,
}

#[cfg(feature = "runtime")]
impl Sensor {
    /// Loads and attaches the programs, then looks at what runs already. `now` is the time since 1970.
    pub fn start(
        settings: &Settings,
        places: crate::container::Places,
        now: std::time::Duration,
    ) -> Result<Self, StartError> {
        let hierarchy = crate::container::hierarchy(&places);
        let mut settings = settings.clone();
        settings.subsystem =
            settings.subsystem.or_else(|| hierarchy.as_ref().and_then(|hierarchy| hierarchy.first));
        let clock = kernel::boot_clock();
        let boot = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX).saturating_sub(clock);
        let kernel = kernel::Kernel::load(&settings)?;
        let batch = std::rc::Rc::<std::cell::RefCell<Batch>>::default();
        let ring = |name: &str| {
            let batch = std::rc::Rc::clone(&batch);
            kernel.ring(name, move |record: &[u8]| {
                let mut batch = batch.borrow_mut();
                let time = record::Record::time_of(record).unwrap_or(0);
                let place = (time, batch.bytes.len(), record.len());
                batch.index.push(place);
                batch.newest = time;
                batch.bytes.extend_from_slice(record);
                // Less than zero: enough for now.
                if batch.bytes.len() > TURN_BYTES { -1 } else { 0 }
            })
        };
        let must = ring("must")?;
        let may = ring("may")?;
        let mut sensor = Self {
            must,
            may,
            batch,
            kernel,
            assembler: assemble::Assembler::new(places, boot),
            retried: clock,
            groups: hierarchy.as_ref().map(crate::respond::Groups::of),
        };
        let mount = hierarchy.map(|hierarchy| hierarchy.mount);
        sensor.assembler.snapshot(mount.as_deref(), clock);
        sensor.mark();
        Ok(sensor)
    }

    /// The programs and what the kernel said to each.
    pub fn programs(&self) -> &[Program] {
        &self.kernel.programs
    }

    /// Sees these system calls from now on, and no others.
    pub fn see(&self, calls: &[Call]) -> Result<(), StartError> {
        self.kernel.see(calls)
    }

    /// Cuts a container off from the network, in both directions, the loopback included; for as long as the sensor runs.
    /// `cgroup` is the folder of its cgroup (of the second version). [`Settings::quarantine`] must be set.
    pub fn quarantine(&mut self, cgroup: &std::path::Path) -> Result<(), StartError> {
        self.kernel.quarantine(cgroup)
    }

    /// Which system calls were made in each cgroup of a container, since the last time that room was made; what runtimes
    /// call while they make one is left out. [`Settings::all_calls`] must be set.
    pub fn calls(&self) -> Result<Vec<Calls>, StartError> {
        let all = self.kernel.calls()?.into_iter().map(|(cgroup, words)| {
            let mut calls = Calls { cgroup, names: Vec::new(), unnamed: false };
            for number in (0..512).filter(|number| words[number / 64] >> (number % 64) & 1 == 1) {
                match names::name(number) {
                    Some(name) => calls.names.push(name),
                    None => calls.unnamed = true,
                }
            }
            calls
        });
        Ok(all.collect())
    }

    /// Whether programs can be refused ([`Response::Deny`]); else they are killed.
    pub fn denies(&self) -> bool {
        self.programs()
            .iter()
            .any(|program| program.tier == Tier::Deny && program.state == Availability::Available)
    }

    /// Where the cgroups of containers are; nothing where nobody mounted any.
    pub fn groups(&self) -> Option<&crate::respond::Groups> {
        self.groups.as_ref()
    }

    /// What went through so far.
    pub fn counts(&self) -> Counts {
        self.assembler.counts
    }

    /// Time that each program took in the kernel so far; nothing is counted unless `kernel.bpf_stats_enabled` is set.
    pub fn costs(&self) -> Vec<Cost> {
        self.kernel.costs()
    }

    /// Waits for records until the time is over, and hands their events on in the order of their times.
    pub fn read(&mut self, timeout: std::time::Duration, sink: &mut dyn FnMut(Event)) {
        if self.batch.borrow().index.is_empty() {
            kernel::wait([self.must.descriptor(), self.may.descriptor()], timeout);
        }
        self.turn(false, sink);
    }

    /// Detaches, hands on what was recorded until now, and says what was lost.
    pub fn stop(mut self, sink: &mut dyn FnMut(Event)) -> Result<Counts, StartError> {
        self.kernel.detach();
        while self.turn(true, sink) {}
        let mut made = Vec::new();
        let mut refused = 0;
        for (stream, processors) in (0u16..).zip(self.kernel.counters()?) {
            for (processor, counter) in (0u16..).zip(processors) {
                made.push((stream, processor, counter.made));
                refused += counter.lost;
            }
        }
        self.assembler.close(&made, refused, kernel::boot_clock(), sink);
        Ok(self.assembler.counts)
    }

    /// Takes what is in the rings; whether there was anything.
    fn turn(&mut self, all: bool, sink: &mut dyn FnMut(Event)) -> bool {
        let clock = kernel::boot_clock();
        let mut until = if all { u64::MAX } else { clock.saturating_sub(ORDER) };
        let before = self.batch.borrow().index.len();
        for ring in [&self.must, &self.may] {
            if ring.drain(TURN).is_none_or(|taken| taken >= TURN) {
                // There is more: nothing newer than what came may pass what is still there.
                until = until.min(self.batch.borrow().newest);
            }
        }
        let mut batch = self.batch.take();
        let any = batch.index.len() > before;
        // Records of a processor come in order, and a stable order keeps those of the same time so.
        batch.index.sort_by_key(|(time, ..)| *time);
        let ready = batch.index.partition_point(|(time, ..)| *time <= until);
        for (_, at, length) in &batch.index[..ready] {
            self.assembler.take(&batch.bytes[*at..at + length], sink);
        }
        let mut rest = self.batch.borrow_mut();
        if ready == batch.index.len() {
            // The room is used again, unless it was for a flood that is over.
            batch.bytes.clear();
            batch.bytes.shrink_to(1 << 20);
            batch.index.clear();
            *rest = batch;
        } else {
            for (time, at, length) in &batch.index[ready..] {
                let place = (*time, rest.bytes.len(), *length);
                rest.index.push(place);
                rest.bytes.extend_from_slice(&batch.bytes[*at..at + length]);
            }
        }
        drop(rest);
        if clock.saturating_sub(self.retried) > RETRY {
            self.retried = clock;
            self.assembler.retry(clock, sink);
        }
        self.mark();
        any
    }

    fn mark(&mut self) {
        for cgroup in std::mem::take(&mut self.assembler.marks) {
            // A full map forgets the oldest: never a reason to stop.
            let _ = self.kernel.mark_container(cgroup);
        }
    }
}

/// System calls that were made in a cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    /// The cgroup, by its number in the kernel.
    pub cgroup: u64,
    /// Their names.
    pub names: Vec<&'static str>,
    /// There were others, newer than this program.
    pub unnamed: bool,
}

/// What a program took in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The program.
    pub program: String,
    /// Nanoseconds, all runs together.
    pub nanoseconds: u64,
    /// How often it ran.
    pub runs: u64,
    /// How often the kernel left it out, because it ran already on that processor.
    pub missed: u64,
}
