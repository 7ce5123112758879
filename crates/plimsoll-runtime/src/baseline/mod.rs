//! What the containers of an image do when all is well: learned from a watch, held against later ones, and written as
//! profiles that allow just that.
//!
//! Nothing here judges what was learned: what an intruder did meanwhile is in it as well.

mod profile;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use profile::{ProfileError, app_armor, network_policy, seccomp};

use crate::Event;
use crate::event::{Action, Connection, Container, FileKind, Process};
use crate::rules::{Alert, Priority};

/// Version of the form of [`Baseline`]: `docs/schema/baseline-1.0.json`.
pub const VERSION: &str = "1.0";
/// Images that are learned.
const MOST_IMAGES: usize = 1_000;
/// Programs, patterns of files, destinations or names of an image; of more is said that there were.
const MOST: usize = 5_000;
/// Containers of an image that are told apart.
const MOST_CONTAINERS: usize = 10_000;
/// Deviations that are remembered as told.
const MOST_TOLD: usize = 100_000;
/// More files than these in one folder become all files of the folder.
const MOST_IN_FOLDER: usize = 16;

/// What was learned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Baseline {
    /// Version of this form.
    pub schema_version: String,
    /// `baseline`.
    pub kind: String,
    /// When the watch began, RFC 3339.
    pub from: String,
    /// When this was written, RFC 3339.
    pub until: String,
    /// The architecture of the machine, as Rust names it: system calls differ.
    pub architecture: String,
    /// By name, then digest.
    pub images: Vec<ImageBaseline>,
}

/// What containers of one image did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageBaseline {
    /// The reference, as the container runtime names it.
    pub name: String,
    /// The digest, as the container runtime names it. Empty when it tells none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// When the first event of one of its containers was, RFC 3339. Empty in what was learned before this was told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub first: String,
    /// When the last was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last: String,
    /// How many containers were seen.
    pub containers: u64,
    /// Whether everything was seen: no container was there before the watch, and nothing was lost or too much to keep.
    pub whole: bool,
    /// Programs and scripts that were started, by path.
    pub programs: BTreeSet<String>,
    /// Files that were written, made, renamed or removed: paths, in which `*` stands for what differs from one time to the
    /// next.
    pub written: BTreeSet<String>,
    /// Ports that were listened at, as in `tcp/8080`.
    pub listens: BTreeSet<String>,
    /// Other ends of connections that were begun, as in `tcp/10.0.0.7/5432`. The loopback is not among them.
    pub connects: BTreeSet<String>,
    /// Names that were looked up.
    pub names: BTreeSet<String>,
    /// Effective users.
    pub users: BTreeSet<u32>,
    /// Capabilities that its processes had in effect, one bit each; not those that they used.
    pub capabilities: u64,
    /// System calls that were made, by name. Empty where they were not looked at.
    pub calls: BTreeSet<String>,
}

impl ImageBaseline {
    /// For people: in how many containers and for how long it was seen, which bounds what is known of it.
    pub fn seen(&self) -> String {
        let containers = match self.containers {
            1 => "1 container".to_owned(),
            many => format!("{many} containers"),
        };
        let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
        let span = match (time(&self.first), time(&self.last)) {
            (Some(first), Some(last)) if last >= first => {
                format!("for {}", spoken(last.duration_since(first).as_secs().unsigned_abs()))
            }
            _ => "for a time that is not known".to_owned(),
        };
        format!("seen in {containers}, {span}")
    }
}

/// A time for people, as a whole number of the largest unit that fits twice.
fn spoken(seconds: u64) -> String {
    let (unit, size) = match seconds {
        0..120 => ("second", 1),
        120..7_200 => ("minute", 60),
        7_200..172_800 => ("hour", 3_600),
        _ => ("day", 86_400),
    };
    let count = seconds / size;
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// A part of what is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    Program,
    File,
    Listen,
    Connect,
    Name,
}

impl Part {
    /// Id, name of the rule, what was done.
    fn told(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Program => ("PB001", "Program outside of the baseline", "started a program"),
            Self::File => ("PB002", "File outside of the baseline", "changed a file"),
            Self::Listen => ("PB003", "Port outside of the baseline", "listened at a port"),
            Self::Connect => ("PB004", "Connection outside of the baseline", "connected to an address"),
            Self::Name => ("PB005", "Name outside of the baseline", "looked up a name"),
        }
    }
}

/// Who makes and enters containers: not of the image.
fn is_runtime(process: &Process) -> bool {
    let name = process.name.as_str();
    name.starts_with("runc:[")
        || matches!(name, "runc" | "crun" | "conmon" | "youki")
        || process.executable.path.starts_with("memfd:runc")
        || process.executable.path.starts_with("/memfd:runc")
}

fn far(connection: &Connection) -> Option<String> {
    let end = connection.remote.filter(|_| matches!(connection.family, FileKind::Ipv4 | FileKind::Ipv6))?;
    (!end.address.is_loopback() && !end.address.is_unspecified())
        .then(|| format!("{}/{}/{}", protocol(connection), end.address, end.port))
}

fn protocol(connection: &Connection) -> &'static str {
    match connection.protocol {
        17 => "udp",
        132 => "sctp",
        _ => "tcp",
    }
}

/// Flags of open(2) of whoever writes: `O_WRONLY`, `O_RDWR`, `O_CREAT`, `O_TRUNC`.
const WRITES: u32 = 0o1 | 0o2 | 0o100 | 0o1000;

/// What an event adds to what is learned.
fn parts(event: &Event) -> Vec<(Part, String)> {
    let done = event.result.is_none_or(|result| result >= 0);
    match &event.action {
        Action::Exec { file, script, .. } => {
            let mut all = vec![(Part::Program, file.path.clone())];
            if !script.is_empty() && *script != file.path {
                all.push((Part::Program, script.clone()));
            }
            all
        }
        Action::Open { file, flags, descriptor, .. }
            if *descriptor >= 0
                && flags & WRITES != 0
                && matches!(file.kind, FileKind::Regular | FileKind::Block) =>
        {
            vec![(Part::File, pattern(&file.path))]
        }
        Action::Rename { from, to } | Action::Link { from, to } if done => {
            vec![(Part::File, pattern(from)), (Part::File, pattern(to))]
        }
        Action::Symlink { path, .. }
        | Action::Unlink { path, .. }
        | Action::MakeDirectory { path, .. }
        | Action::MakeNode { path, .. }
        | Action::Chmod { path, .. }
            if done =>
        {
            vec![(Part::File, pattern(path))]
        }
        Action::Listen { connection } => connection
            .local
            .filter(|_| matches!(connection.family, FileKind::Ipv4 | FileKind::Ipv6))
            .map(|end| (Part::Listen, format!("{}/{}", protocol(connection), end.port)))
            .into_iter()
            .collect(),
        Action::Connect { connection } => {
            far(connection).map(|end| (Part::Connect, end)).into_iter().collect()
        }
        Action::Dns { name, connection, .. } => {
            let mut all = vec![(Part::Name, name.to_ascii_lowercase())];
            all.extend(far(connection).map(|end| (Part::Connect, end)));
            all
        }
        _ => Vec::new(),
    }
}

/// A path in which runs of letters and digits that hold a digit are `*`: numbers of processes, random names, dates.
/// Names of a few parts keep what is before and behind, as in `/tmp/upload-*.part`.
fn pattern(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut word = String::new();
    let flush = |out: &mut String, word: &mut String| {
        if word.bytes().any(|byte| byte.is_ascii_digit()) {
            if !out.ends_with('*') {
                out.push('*');
            }
        } else {
            out.push_str(word);
        }
        word.clear();
    };
    for character in path.chars().take(4_096) {
        if character.is_alphanumeric() {
            word.push(character);
        } else {
            flush(&mut out, &mut word);
            // A `*` of the path itself stands for itself and for others.
            if !(character == '*' && out.ends_with('*')) {
                out.push(character);
            }
        }
    }
    flush(&mut out, &mut word);
    out
}

fn folder(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..at])
}

/// Learns from events.
#[derive(Debug, Default)]
pub struct Learner {
    images: HashMap<(String, String), Learned>,
    /// The images of cgroups.
    groups: HashMap<u64, (String, String)>,
    /// Events of containers whose image is not known were not learned from.
    pub unknown: u64,
}

#[derive(Debug, Default)]
struct Learned {
    image: ImageBaseline,
    containers: HashSet<String>,
    /// Times of the first and the last event, in nanoseconds since 1970.
    first: u64,
    last: u64,
    before: bool,
    full: bool,
}

impl Learner {
    /// Learns from an event in a container whose image is known.
    pub fn event(&mut self, event: &Event) {
        let container = &event.container;
        if container.is_host() || is_runtime(&event.process) {
            return;
        }
        if container.image.is_empty() && container.digest.is_empty() {
            self.unknown += 1;
            return;
        }
        let key = (container.image.clone(), container.digest.clone());
        if self.images.len() >= MOST_IMAGES && !self.images.contains_key(&key) {
            self.unknown += 1;
            return;
        }
        if event.process.cgroup != 0 && self.groups.len() < 100 * MOST_IMAGES {
            self.groups.entry(event.process.cgroup).or_insert_with(|| key.clone());
        }
        let learned = self.images.entry(key).or_default();
        learned.before |= container.started == 0;
        if learned.containers.len() < MOST_CONTAINERS && !learned.containers.contains(&container.id) {
            learned.containers.insert(container.id.clone());
        }
        if event.time != 0 {
            learned.first = if learned.first == 0 { event.time } else { learned.first.min(event.time) };
            learned.last = learned.last.max(event.time);
        }
        let image = &mut learned.image;
        if !matches!(
            event.action,
            Action::ContainerStart {} | Action::ContainerStop {} | Action::ContainerKnown {}
        ) {
            image.users.insert(event.process.effective_uid);
            image.capabilities |= event.process.capabilities.effective;
        }
        for (part, what) in parts(event) {
            let set = match part {
                Part::Program => &mut image.programs,
                Part::File => &mut image.written,
                Part::Listen => &mut image.listens,
                Part::Connect => &mut image.connects,
                Part::Name => &mut image.names,
            };
            if set.len() < MOST {
                set.insert(what);
            } else {
                learned.full |= !set.contains(&what);
            }
        }
    }

    /// Adds the system calls of a cgroup; `unnamed` is whether there were some that have no name here.
    pub fn calls(&mut self, cgroup: u64, calls: &[&'static str], unnamed: bool) {
        if let Some(learned) = self.groups.get(&cgroup).and_then(|key| self.images.get_mut(key)) {
            learned.full |= unnamed;
            for call in calls {
                if !learned.image.calls.contains(*call) {
                    learned.image.calls.insert((*call).to_owned());
                }
            }
        }
    }

    /// What was learned until now; `lost` is whether events were.
    pub fn baseline(&self, from: &str, until: &str, lost: bool) -> Baseline {
        let mut images: Vec<ImageBaseline> = self
            .images
            .iter()
            .map(|((name, digest), learned)| ImageBaseline {
                name: name.clone(),
                digest: digest.clone(),
                first: moment(learned.first),
                last: moment(learned.last),
                containers: learned.containers.len() as u64,
                whole: !lost && !learned.before && !learned.full,
                written: gathered(&learned.image.written),
                ..learned.image.clone()
            })
            .collect();
        images.sort_by(|one, other| (&one.name, &one.digest).cmp(&(&other.name, &other.digest)));
        Baseline {
            schema_version: VERSION.to_owned(),
            kind: "baseline".to_owned(),
            from: from.to_owned(),
            until: until.to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            images,
        }
    }
}

/// Nanoseconds since 1970 as RFC 3339, to the second; nothing for none.
fn moment(time: u64) -> String {
    let known = jiff::Timestamp::from_nanosecond(i128::from(time)).ok().filter(|_| time != 0);
    known.map(|time| format!("{time:.0}")).unwrap_or_default()
}

/// Many files of one folder as all of it.
fn gathered(files: &BTreeSet<String>) -> BTreeSet<String> {
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files {
        *folders.entry(folder(file)).or_default() += 1;
    }
    files
        .iter()
        .map(|file| match folder(file) {
            // Never all of the root.
            at if !at.is_empty() && folders[at] > MOST_IN_FOLDER => format!("{at}/*"),
            _ => file.clone(),
        })
        .collect()
}

/// Holds events against a baseline.
#[derive(Debug)]
pub struct Deviations {
    images: HashMap<String, Arc<ImageBaseline>>,
    told: HashSet<(String, Part, String)>,
}

impl Deviations {
    /// Of images with a digest, containers of that digest are held against it; of others, those of the name.
    pub fn new(baseline: &Baseline) -> Self {
        let images = baseline
            .images
            .iter()
            .map(|image| {
                let key = if image.digest.is_empty() { &image.name } else { &image.digest };
                (key.clone(), Arc::new(image.clone()))
            })
            .collect();
        Self { images, told: HashSet::new() }
    }

    fn of(&self, container: &Container) -> Option<Arc<ImageBaseline>> {
        [&container.digest, &container.image]
            .into_iter()
            .filter(|name| !name.is_empty())
            .find_map(|name| self.images.get(name))
            .map(Arc::clone)
    }

    /// Whether an event does anything that would be held against a baseline, whatever its image.
    pub fn concern(event: &Event) -> bool {
        !event.container.is_host() && !is_runtime(&event.process) && !parts(event).is_empty()
    }

    /// What is done by a container that its baseline does not have: each thing once for a container.
    pub fn event(&mut self, event: &Event) -> Vec<Alert> {
        let container = &event.container;
        if container.is_host() || is_runtime(&event.process) {
            return Vec::new();
        }
        let Some(image) = self.of(container) else { return Vec::new() };
        let mut alerts = Vec::new();
        for (part, what) in parts(event) {
            let known = match part {
                Part::Program => image.programs.contains(&what),
                Part::File => {
                    image.written.contains(&what) || image.written.contains(&format!("{}/*", folder(&what)))
                }
                Part::Listen => image.listens.contains(&what),
                Part::Connect => image.connects.contains(&what),
                Part::Name => image.names.contains(&what),
            };
            let key = (container.id.clone(), part, what);
            if known || self.told.contains(&key) {
                continue;
            }
            let (id, name, did) = part.told();
            let what = &key.2;
            let fields = BTreeMap::from([("baseline.item".to_owned(), what.clone())]);
            let output = format!(
                "`{}` {did} that no container of the image did while its baseline was learned: {what}",
                event.process.program()
            );
            let action = "Find out what made it do so. If it belongs to the image, learn the baseline anew, or from a longer time.";
            let mut alert = Alert::made(name, id, event, output, fields, action.to_owned());
            alert.priority = Priority::Warning;
            alert.tags = vec!["baseline".to_owned()];
            alerts.push(alert);
            if self.told.len() < MOST_TOLD {
                self.told.insert(key);
            }
        }
        alerts
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Baseline, Deviations, Learner, pattern};
    use crate::Event;
    use crate::event::{Action, Connection, Container, Endpoint, File, FileKind, Process, State};

    fn event(action: Action) -> Event {
        Event {
            action,
            process: Arc::new(Process { name: "shop".to_owned(), cgroup: 7, ..Process::default() }),
            container: Arc::new(Container {
                state: State::Known,
                id: "ab".repeat(32),
                image: "shop:1".to_owned(),
                digest: "sha256:aa".to_owned(),
                started: 1,
                ..Container::default()
            }),
            ..Event::default()
        }
    }

    fn exec(path: &str) -> Event {
        event(Action::Exec {
            path: path.to_owned(),
            file: File { path: path.to_owned(), ..File::default() },
            script: String::new(),
            truncated: false,
            environment: Vec::new(),
            response: crate::event::Response::None,
        })
    }

    fn write(path: &str) -> Event {
        let file = File { path: path.to_owned(), ..File::default() };
        event(Action::Open { file, flags: 0o101, mode: 0o644, descriptor: 3 })
    }

    fn connect(address: &str, port: u16) -> Event {
        event(Action::Connect {
            connection: Connection {
                family: FileKind::Ipv4,
                protocol: 6,
                remote: Some(Endpoint { address: address.parse().unwrap(), port }),
                ..Connection::default()
            },
        })
    }

    fn learned(events: &[Event]) -> Baseline {
        let mut learner = Learner::default();
        for event in events {
            learner.event(event);
        }
        learner.calls(7, &["read", "write"], false);
        learner.calls(8, &["reboot"], false);
        learner.baseline("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", false)
    }

    #[test]
    fn what_differs_from_one_time_to_the_next_is_left_out() {
        let check = |path: &str, expected: &str| assert_eq!(pattern(path), expected);
        check("/tmp/upload-8421.part", "/tmp/upload-*.part");
        check("/proc/4711/comm", "/proc/*/comm");
        check("/var/lib/x/a1b2c3", "/var/lib/x/*");
        check("/var/log/2026-11-27.log", "/var/log/*-*-*.log");
        check("/etc/passwd", "/etc/passwd");
        check("/a/**/1*", "/a/*/*");
        check("", "");
    }

    #[test]
    fn only_what_was_not_learned_deviates_and_once() {
        let baseline = learned(&[
            exec("/bin/shop"),
            write("/srv/a1"),
            connect("10.0.0.7", 5432),
            connect("127.0.0.1", 1),
        ]);
        assert_eq!(baseline.images.len(), 1);
        let image = &baseline.images[0];
        assert!(image.whole && image.containers == 1);
        assert_eq!(image.connects.iter().collect::<Vec<_>>(), ["tcp/10.0.0.7/5432"]);
        assert_eq!(image.calls.iter().collect::<Vec<_>>(), ["read", "write"]);
        let text = serde_json::to_string(&baseline).unwrap();
        assert_eq!(serde_json::from_str::<Baseline>(&text).unwrap(), baseline);
        let mut deviations = Deviations::new(&baseline);
        let mut ids = |event: &Event| -> Vec<String> {
            deviations.event(event).into_iter().map(|alert| alert.id).collect()
        };
        for same in [exec("/bin/shop"), write("/srv/b2"), connect("10.0.0.7", 5432), connect("127.0.0.1", 9)]
        {
            assert_eq!(ids(&same), [""; 0], "{same:?}");
        }
        assert_eq!(ids(&exec("/bin/sh")), ["PB001"]);
        assert_eq!(ids(&exec("/bin/sh")), [""; 0], "told already");
        assert_eq!(ids(&write("/etc/passwd")), ["PB002"]);
        assert_eq!(ids(&connect("10.0.0.8", 5432)), ["PB004"]);
        let mut other = exec("/bin/sh");
        other.container = Arc::new(Container {
            digest: "sha256:bb".to_owned(),
            image: "x".to_owned(),
            ..(*other.container).clone()
        });
        assert_eq!(ids(&other), [""; 0], "nothing is known of other images");
    }

    #[test]
    fn how_long_it_was_seen_is_kept_and_told() {
        let at = |seconds: u64| Event { time: seconds * 1_000_000_000, ..exec("/bin/shop") };
        let image = &learned(&[at(7_300), at(100), at(200)]).images[0];
        assert_eq!(
            (image.first.as_str(), image.last.as_str()),
            ("1970-01-01T00:01:40Z", "1970-01-01T02:01:40Z")
        );
        assert_eq!(image.seen(), "seen in 1 container, for 2 hours");
        assert!(learned(&[exec("/bin/shop")]).images[0].seen().ends_with("not known"));
        for (seconds, expected) in
            [(0, "0 seconds"), (1, "1 second"), (120, "2 minutes"), (864_000, "10 days")]
        {
            assert_eq!(super::spoken(seconds), expected);
        }
    }

    #[test]
    fn many_files_of_a_folder_are_the_folder() {
        let mut events: Vec<Event> =
            ('a'..='z').map(|letter| write(&format!("/srv/data/{letter}"))).collect();
        events.push(write("/top"));
        let baseline = learned(&events);
        assert_eq!(baseline.images[0].written.iter().collect::<Vec<_>>(), ["/srv/data/*", "/top"]);
        assert_eq!(Deviations::new(&baseline).event(&write("/srv/data/new")).len(), 0);
        assert_eq!(Deviations::new(&baseline).event(&write("/new")).len(), 1);
    }

    #[test]
    fn a_container_that_was_there_before_makes_it_a_part() {
        let mut before = exec("/bin/shop");
        before.container = Arc::new(Container { started: 0, ..(*before.container).clone() });
        assert!(!learned(&[before]).images[0].whole);
        let mut host = exec("/bin/shop");
        host.container = Arc::default();
        assert_eq!(learned(&[host]).images, []);
    }
}
