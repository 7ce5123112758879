//! The kernel side: loads each program for itself, keeps what the kernel takes, and drains the rings.

use std::ffi::OsStr;
use std::sync::Mutex;
use std::time::Duration;

use libbpf_rs::{
    Link, MapCore as _, MapFlags, Object, ObjectBuilder, OpenObject, PrintLevel, RingBuffer,
    RingBufferBuilder,
};

use super::plan::{PLAN_SIZE, Plan};
use super::{Availability, Cost, Program, Response, Settings, StartError, Tier};
use crate::Call;

/// Compiled by `build.rs`.
static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sensor.bpf.o"));

/// The programs: name, what it sees, what it needs of the kernel, whether the sensor is of no use without it.
const PROGRAMS: &[(&str, &str, Tier, bool)] = &[
    ("on_exec", "programs that start", Tier::Portable, true),
    ("on_fork", "processes that are made", Tier::Portable, false),
    ("on_exit", "processes that end", Tier::Portable, false),
    ("on_cgroup_make", "containers that start, before their first process", Tier::Portable, false),
    ("on_cgroup_remove", "containers that end", Tier::Portable, false),
    ("on_socket_state", "TCP connections that are begun or awaited", Tier::Portable, false),
    ("on_packet", "names that are looked up in the DNS", Tier::Portable, false),
    ("on_call", "system calls", Tier::Portable, false),
    ("on_any_call", "which system calls containers make, for baselines", Tier::Portable, false),
    ("cut_out", "nothing: cuts containers off from the network, outwards", Tier::Portable, false),
    ("cut_in", "nothing: cuts containers off from the network, inwards", Tier::Portable, false),
    (RING_OPEN, "files that are opened by rings (io_uring)", Tier::Trampoline, false),
    (DENY_RETURN, "programs that are refused, by what a function returns", Tier::Deny, false),
    (DENY_LSM, "programs that are refused, as a security module", Tier::Deny, false),
];

const RING_OPEN: &str = "ring_open";
const DENY_RETURN: &str = "deny_return";
const DENY_LSM: &str = "deny_lsm";

/// How many streams have a sequence of their own: `enum stream` of `bpf/sensor.h`.
pub(crate) const STREAMS: usize = 6;

/// Numbers of system calls that the kernel program knows: those of 32-bit programs come after them.
const CALLS: u16 = 512;

/// Cgroups whose system calls are kept in the kernel until they are forgotten: half of its room.
const MOST_CALLED: usize = 2_048;

/// What libbpf says while it loads. It is wanted only when loading fails.
static MESSAGES: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn remember(_: PrintLevel, message: String) {
    if let Ok(mut messages) = MESSAGES.lock() {
        if messages.len() >= 64 {
            messages.remove(0);
        }
        messages.push(message);
    }
}

/// The last of what libbpf said, in one line.
fn last_words() -> String {
    let mut messages = match MESSAGES.lock() {
        Ok(mut messages) => std::mem::take(&mut *messages),
        Err(_) => Vec::new(),
    };
    let at = messages.len().saturating_sub(6);
    let text = messages.split_off(at).concat();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Of a stream on a processor.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counter {
    pub(crate) made: u64,
    pub(crate) lost: u64,
}

/// Loaded programs, attached, and their maps.
pub(crate) struct Kernel {
    // Dropped in this order: detach first.
    links: Vec<Link>,
    /// Containers are cut off while these live.
    cuts: Vec<Link>,
    object: Object,
    pub(crate) programs: Vec<Program>,
}

fn open(settings: &Settings, chosen: impl Fn(&str) -> bool) -> Result<OpenObject, libbpf_rs::Error> {
    let mut object = ObjectBuilder::default().open_memory(OBJECT)?;
    for mut program in object.progs_mut() {
        let wanted = program.name().to_str().is_some_and(&chosen);
        program.set_autoload(wanted);
    }
    for mut map in object.maps_mut() {
        let name = map.name().to_owned();
        if let Some(value) = named(&name, ".rodata.config").then(|| map.initial_value_mut()).flatten() {
            let words = [
                std::process::id(),
                settings.subsystem.map_or(u32::MAX, |(subsystem, _)| subsystem),
                settings.subsystem.map_or(0, |(_, hierarchy)| hierarchy),
                u32::from(settings.only_containers),
                u32::from(settings.environment),
                256 << 10,
            ];
            for (place, word) in value.chunks_exact_mut(4).zip(words) {
                place.copy_from_slice(&word.to_ne_bytes());
            }
        } else if let Some(value) = named(&name, ".data.plans").then(|| map.initial_value_mut()).flatten() {
            put_plans(value, &settings.calls);
        } else if let Some(value) = named(&name, ".data.policy").then(|| map.initial_value_mut()).flatten() {
            let words = [settings.upper_layer.code(), settings.memory.code(), u32::from(settings.all_reads)];
            for (place, word) in value.chunks_exact_mut(4).zip(words) {
                place.copy_from_slice(&word.to_ne_bytes());
            }
        }
    }
    Ok(object)
}

/// The kernel cuts names of maps at 15 bytes; libbpf puts the start of the object's name before some.
fn named(name: &OsStr, wanted: &str) -> bool {
    name.to_str().is_some_and(|name| name.ends_with(wanted) || wanted.starts_with(name))
}

/// Writes what is done for each call, as the kernel program reads it.
fn put_plans(value: &mut [u8], calls: &[Call]) {
    for call in calls {
        let narrow = call.narrow_number().map(|number| number + CALLS);
        for number in call.number().into_iter().chain(narrow) {
            let at = usize::from(number) * PLAN_SIZE;
            if let Some(place) = value.get_mut(at..at + PLAN_SIZE) {
                place.copy_from_slice(&Plan::of(*call).bytes());
            }
        }
    }
}

/// The place of the program that refuses as a security module, when the other one was asked for and refused.
fn instead(programs: &[Program]) -> Option<usize> {
    let refused =
        |program: &Program| program.name == DENY_RETURN && matches!(program.state, Availability::Refused(_));
    programs.iter().any(refused).then(|| programs.iter().position(|program| program.name == DENY_LSM))?
}

/// Whether the kernel asks BPF programs as it asks its security modules. Elsewhere it takes them, and never calls them.
fn is_security_module() -> bool {
    std::fs::read_to_string("/sys/kernel/security/lsm")
        .is_ok_and(|modules| modules.trim().split(',').any(|module| module == "bpf"))
}

/// Programs that are attached to a container when it is to be cut off.
fn is_cut(name: &str) -> bool {
    name.starts_with("cut_")
}

impl Kernel {
    /// Loads what `settings` ask for and the kernel takes.
    pub(crate) fn load(settings: &Settings) -> Result<Self, StartError> {
        libbpf_rs::set_print(Some((PrintLevel::Debug, remember)));
        let wanted = |name: &str| match name {
            "on_call" => !settings.calls.is_empty(),
            "on_socket_state" => settings.connections,
            "on_packet" => settings.dns,
            "on_any_call" => settings.all_calls,
            "cut_out" | "cut_in" => settings.quarantine,
            RING_OPEN => settings.rings,
            DENY_RETURN => settings.denies(),
            // Only where the other is refused: either is enough.
            DENY_LSM => false,
            _ => true,
        };
        let mut programs: Vec<Program> = PROGRAMS
            .iter()
            .map(|&(name, sees, tier, needed)| Program {
                name,
                sees,
                tier,
                needed,
                state: if wanted(name) { Availability::Available } else { Availability::NotAsked },
            })
            .collect();
        // All at once is the usual case, and half the work of one by one.
        let all = open(settings, wanted).and_then(OpenObject::load);
        let object = match all {
            Ok(object) => object,
            Err(_) => {
                // Trampolines are refused by many kernels that take all the rest.
                let portable = programs.iter().filter(|program| program.tier == Tier::Portable);
                let portable: Vec<&str> = portable.map(|program| program.name).collect();
                let plain = open(settings, |name| wanted(name) && portable.contains(&name));
                let plain = plain.and_then(OpenObject::load).ok();
                for program in programs.iter_mut().filter(|program| wanted(program.name)) {
                    if plain.is_none() || program.tier != Tier::Portable {
                        program.state = trial(settings, program.name);
                    }
                }
                if let Some(other) = instead(&programs) {
                    let state = if is_security_module() {
                        trial(settings, DENY_LSM)
                    } else {
                        Availability::Refused(
                            "`bpf` is not among the security modules of the kernel".to_owned(),
                        )
                    };
                    programs[other].state = state;
                }
                refuse(&programs)?;
                let kept = |name: &str| {
                    programs
                        .iter()
                        .any(|program| program.name == name && program.state == Availability::Available)
                };
                let more =
                    programs.iter().any(|program| program.tier != Tier::Portable && kept(program.name));
                match plain {
                    Some(object) if !more => object,
                    _ => {
                        open(settings, kept).and_then(OpenObject::load).map_err(|error| StartError::Load {
                            program: "all that loaded alone".to_owned(),
                            cause: format!("{error:#}"),
                            words: last_words(),
                        })?
                    }
                }
            }
        };
        let mut links = Vec::new();
        for loaded in object.progs_mut() {
            let Some(program) = programs
                .iter_mut()
                .find(|program| loaded.name() == program.name && program.state == Availability::Available)
            else {
                continue;
            };
            if is_cut(program.name) {
                continue;
            }
            match loaded.attach() {
                Ok(link) => links.push(link),
                Err(error) => program.state = Availability::Refused(format!("{error:#}")),
            }
        }
        refuse(&programs)?;
        last_words();
        let kernel = Self { links, cuts: Vec::new(), object, programs };
        kernel.fill(settings)?;
        Ok(kernel)
    }

    fn fill(&self, settings: &Settings) -> Result<(), StartError> {
        let failed = |error: libbpf_rs::Error| StartError::Map(format!("{error:#}"));
        let sensitive = self.map("sensitive")?;
        for name in &settings.sensitive_names {
            sensitive.update(&name_key(name), &[1], MapFlags::ANY).map_err(failed)?;
        }
        let names = self.map("denied_names")?;
        for (name, response) in &settings.denied_names {
            names.update(&name_key(name), &[response.byte()], MapFlags::ANY).map_err(failed)?;
        }
        let files = self.map("denied_files")?;
        for ((device, inode), response) in &settings.denied_files {
            let mut key = [0; 16];
            key[..8].copy_from_slice(&inode.to_ne_bytes());
            key[8..12].copy_from_slice(&device.to_ne_bytes());
            files.update(&key, &[response.byte()], MapFlags::ANY).map_err(failed)?;
        }
        Ok(())
    }

    fn map(&self, name: &str) -> Result<libbpf_rs::Map<'_>, StartError> {
        self.object
            .maps()
            .find(|map| map.name() == name)
            .ok_or_else(|| StartError::Map(format!("the kernel programs have no map {name}")))
    }

    /// Records these system calls from now on, and no others.
    pub(crate) fn see(&self, calls: &[Call]) -> Result<(), StartError> {
        let hooked = self
            .programs
            .iter()
            .any(|program| program.name == "on_call" && program.state == Availability::Available);
        if !hooked {
            return if calls.is_empty() {
                Ok(())
            } else {
                Err(StartError::Map("the watch was started without a hook on system calls".to_owned()))
            };
        }
        let map =
            self.object.maps().find(|map| named(map.name(), ".data.plans")).ok_or_else(|| {
                StartError::Map("the kernel programs have no map of system calls".to_owned())
            })?;
        let mut value = vec![0; usize::try_from(map.value_size()).unwrap_or(0)];
        put_plans(&mut value, calls);
        map.update(&0u32.to_ne_bytes(), &value, MapFlags::ANY)
            .map_err(|error| StartError::Map(format!("{error:#}")))
    }

    /// Cuts a cgroup and all below it off from the network.
    pub(crate) fn quarantine(&mut self, cgroup: &std::path::Path) -> Result<(), StartError> {
        use std::os::fd::AsRawFd as _;
        let failed = |cause: String| {
            StartError::Map(format!("cannot cut `{}` off from the network: {cause}", cgroup.display()))
        };
        let folder = std::fs::File::open(cgroup).map_err(|error| failed(error.to_string()))?;
        let mut links = Vec::new();
        for program in self.object.progs_mut() {
            if program.name().to_str().is_some_and(is_cut) && program.autoload() {
                let link = program.attach_cgroup(folder.as_raw_fd());
                links.push(link.map_err(|error| failed(format!("{error:#}")))?);
            }
        }
        if links.len() < 2 {
            return Err(failed("the kernel does not take the programs for it".to_owned()));
        }
        self.cuts.extend(links);
        Ok(())
    }

    /// Which system calls were made, by cgroup; one bit each. When there are many, they are forgotten here.
    pub(crate) fn calls(&self) -> Result<Vec<(u64, [u64; 8])>, StartError> {
        let failed = |error: libbpf_rs::Error| StartError::Map(format!("{error:#}"));
        let map = self.map("called")?;
        let mut all = Vec::new();
        for key in map.keys() {
            let Some(cgroup) = key.first_chunk().copied().map(u64::from_ne_bytes) else { continue };
            let mut words = [0; 8];
            // It may be gone meanwhile.
            for value in map.lookup_percpu(&key, MapFlags::ANY).map_err(failed)?.into_iter().flatten() {
                for (word, bytes) in words.iter_mut().zip(value.chunks_exact(8)) {
                    *word |= bytes.try_into().map_or(0, u64::from_ne_bytes);
                }
            }
            all.push((cgroup, words));
        }
        if all.len() > MOST_CALLED {
            for (cgroup, _) in &all {
                let _ = map.delete(&cgroup.to_ne_bytes());
            }
        }
        Ok(all)
    }

    /// Nothing more is recorded.
    pub(crate) fn detach(&mut self) {
        self.links.clear();
    }

    /// Makes a cgroup known as one of a container.
    pub(crate) fn mark_container(&self, cgroup: u64) -> Result<(), StartError> {
        self.map("containers")?
            .update(&cgroup.to_ne_bytes(), &[1], MapFlags::ANY)
            .map_err(|error| StartError::Map(format!("{error:#}")))
    }

    /// How many records there should be and how many found no room: by stream, then by processor.
    pub(crate) fn counters(&self) -> Result<[Vec<Counter>; STREAMS], StartError> {
        let counters = self.map("counters")?;
        let mut all: [Vec<Counter>; STREAMS] = std::array::from_fn(|_| Vec::new());
        for (stream, row) in (0u32..).zip(&mut all) {
            let values = counters
                .lookup_percpu(&stream.to_ne_bytes(), MapFlags::ANY)
                .map_err(|error| StartError::Map(format!("{error:#}")))?;
            for value in values.into_iter().flatten() {
                let word = |at: usize| {
                    value
                        .get(at..at + 8)
                        .and_then(|bytes| bytes.try_into().ok())
                        .map_or(0, u64::from_ne_bytes)
                };
                row.push(Counter { made: word(0), lost: word(8) });
            }
        }
        Ok(all)
    }

    /// What each program took so far, when `kernel.bpf_stats_enabled` is set.
    pub(crate) fn costs(&self) -> Vec<Cost> {
        use std::os::fd::{AsFd as _, AsRawFd as _};
        self.object
            .progs_mut()
            .filter_map(|program| {
                let mut info = libbpf_sys::bpf_prog_info::default();
                let mut length = u32::try_from(size_of_val(&info)).ok()?;
                // SAFETY: the descriptor is open while `program` lives, and `length` is the size of `info`.
                let failed = unsafe {
                    libbpf_sys::bpf_prog_get_info_by_fd(
                        program.as_fd().as_raw_fd(),
                        &raw mut info,
                        &raw mut length,
                    )
                };
                let name = program.name().to_str()?.to_owned();
                (failed == 0).then_some(Cost {
                    program: name,
                    nanoseconds: info.run_time_ns,
                    runs: info.run_cnt,
                    missed: info.recursion_misses,
                })
            })
            .collect()
    }

    /// The two rings, each with its own callback: must not be lost, may be shed.
    pub(crate) fn ring<'a>(
        &self,
        name: &str,
        callback: impl FnMut(&[u8]) -> i32 + 'a,
    ) -> Result<Ring<'a>, StartError> {
        let map = self.map(name)?;
        let mut builder = RingBufferBuilder::new();
        let failed = |error: libbpf_rs::Error| StartError::Map(format!("{error:#}"));
        builder.add(&map, callback).map_err(failed)?;
        Ok(Ring(builder.build().map_err(failed)?))
    }
}

/// One ring.
pub(crate) struct Ring<'a>(RingBuffer<'a>);

impl Ring<'_> {
    /// Hands at most `limit` records to the callback; how many it was, or nothing if the callback had enough.
    pub(crate) fn drain(&self, limit: usize) -> Option<usize> {
        usize::try_from(self.0.consume_raw_n(limit)).ok()
    }

    /// The descriptor that becomes readable when the kernel wakes the reader.
    pub(crate) fn descriptor(&self) -> i32 {
        self.0.epoll_fd()
    }
}

fn name_key(name: &str) -> [u8; 32] {
    let mut key = [0; 32];
    // The kernel program reads 31 bytes and a zero.
    let bytes = name.as_bytes();
    let length = bytes.len().min(31);
    key[..length].copy_from_slice(&bytes[..length]);
    key
}

impl Response {
    fn byte(self) -> u8 {
        match self {
            Self::None => 0,
            Self::DryRun => 1,
            Self::Kill => 2,
            Self::Deny => 3,
        }
    }

    fn code(self) -> u32 {
        u32::from(self.byte())
    }
}

/// Does the kernel take this program, alone?
fn trial(settings: &Settings, name: &str) -> Availability {
    last_words();
    match open(settings, |other| other == name).and_then(OpenObject::load) {
        Ok(_) => Availability::Available,
        Err(error) => {
            let words = last_words();
            let cause = format!("{error:#}");
            Availability::Refused(if words.is_empty() { cause } else { format!("{cause}: {words}") })
        }
    }
}

/// Every program, each tried alone; nothing stays loaded.
pub(crate) fn survey() -> Vec<Program> {
    libbpf_rs::set_print(Some((PrintLevel::Debug, remember)));
    let settings = Settings { calls: Call::all().collect(), ..Settings::default() };
    PROGRAMS
        .iter()
        .map(|&(name, sees, tier, needed)| {
            let mut state = trial(&settings, name);
            if name == DENY_LSM && state == Availability::Available && !is_security_module() {
                state =
                    Availability::Refused("`bpf` is not among the security modules of the kernel".to_owned());
            }
            Program { name, sees, tier, needed, state }
        })
        .collect()
}

fn refuse(programs: &[Program]) -> Result<(), StartError> {
    for program in programs {
        if let (true, Availability::Refused(cause)) = (program.needed, &program.state) {
            return Err(StartError::Load {
                program: program.name.to_owned(),
                cause: cause.clone(),
                words: String::new(),
            });
        }
    }
    Ok(())
}

/// Waits until one of the descriptors is readable or the time is over.
pub(crate) fn wait(descriptors: [i32; 2], timeout: Duration) {
    let mut polls = descriptors.map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: `polls` has two entries. An error (a signal) is like the time being over.
    unsafe { libc::poll(polls.as_mut_ptr(), 2, milliseconds) };
}

/// Nanoseconds since the machine started, sleep included: the clock of the records.
pub(crate) fn boot_clock() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer; the clock exists on every kernel that has BPF.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
