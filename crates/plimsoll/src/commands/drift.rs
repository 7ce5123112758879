//! `plimsoll watch --drift`: what runs in containers, held against the files of their images.

#![cfg_attr(not(feature = "runtime"), allow(dead_code, reason = "without the sensor nothing runs"))]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use clap::Args;
use plimsoll_model::in_use::{IN_USE_VERSION, ImageInUse, InUse, PackageInUse};
use plimsoll_model::report::Target;
use plimsoll_model::{Digest, Level, Report};
use plimsoll_runtime::Event;
use plimsoll_runtime::drift::{Drift, Image, ImageFile, Inventories, Judged, Package, Role, Roots, Verdict};
use plimsoll_runtime::event::{Action, Container, State, text};
use plimsoll_runtime::rules::{Alert, Knowledge};
use plimsoll_scan::tree::{self, Contents};
use plimsoll_scan::{NoProgress, Options, Via, plan};

use super::cache::cache;
use crate::cli::CacheArguments;
use crate::environment::Environment;
use crate::print::{self, Failure, USAGE};

/// Events that wait for the files of their image; more are not judged, and that is told.
const MOST_WAITING: usize = 20_000;
/// Images whose files are remembered; the containers of more are not judged, and that is told.
const MOST_IMAGES: usize = 64;

#[derive(Clone, Debug, Args)]
#[command(group(clap::ArgGroup::new("held").multiple(true)))]
pub(crate) struct DriftArguments {
    /// Hold programs, scripts and libraries that run in containers against the files of their image, which Docker, Podman or
    /// containerd is asked for
    #[arg(long, conflicts_with = "events", group = "held")]
    drift: bool,

    /// Write which packages of images were executed or mapped, for `plimsoll scan --in-use FILE`; once a minute, and at the end
    #[arg(long, conflicts_with = "events", group = "held", value_name = "FILE")]
    in_use: Option<PathBuf>,

    /// Where an image is, by the name or digest that its containers have: anything that `plimsoll scan` takes, as in
    /// shop:1=oci:layout or shop:1=dir:/srv/root; may be given several times
    #[arg(long = "image", requires = "held", value_name = "NAME=TARGET", value_parser = named)]
    images: Vec<(String, String)>,

    /// Scans of the images (`plimsoll scan IMAGE --format json`): rules can then ask for the findings of what runs
    /// (`finding.severity`, `finding.ids`, `finding.party`); may be given several times
    #[arg(long = "report", requires = "held", value_name = "FILE")]
    reports: Vec<String>,
}

fn named(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, target)) if !name.is_empty() && !target.is_empty() => {
            Ok((name.to_owned(), target.to_owned()))
        }
        _ => Err("expected NAME=TARGET".to_owned()),
    }
}

/// What is known of an image.
enum Known {
    /// Its files are being read; these events wait.
    Reading(Vec<Event>),
    Read(Drift<Arc<Image>>, Arc<Image>),
    /// They cannot be read.
    Unread,
}

/// An image that was read, or why not.
type Answer = (String, Result<Image, String>);

/// Holds what runs against images.
pub(super) struct Watcher {
    named: HashMap<String, String>,
    requests: Sender<(String, String)>,
    answers: Receiver<Answer>,
    images: HashMap<String, Known>,
    inventories: Inventories,
    roots: Roots,
    /// The mount namespaces of the host and of ourselves: what runs there is the container runtime, which is still making
    /// the container.
    host: Vec<u32>,
    /// Events of containers whose image is not known yet, by container.
    pending: HashMap<String, Vec<Event>>,
    waiting: usize,
    /// Too many images were seen.
    full: bool,
    tally: Tally,
    /// Whether drift is told.
    drift: bool,
    in_use: Option<Uses>,
}

/// Containers of an image that are told apart.
const MOST_CONTAINERS: usize = 10_000;
/// Files that are named of a package.
const MOST_NAMED: usize = 3;
/// Ids of findings that rules can ask of one package.
const MOST_FINDINGS: usize = 1_000;
/// How often what ran is written.
const EVERY: Duration = Duration::from_mins(1);

/// What ran, by image.
struct Uses {
    path: PathBuf,
    from: jiff::Timestamp,
    written: Instant,
    images: HashMap<String, ImageUse>,
}

/// What ran of an image.
#[derive(Default)]
struct ImageUse {
    name: String,
    digest: String,
    containers: HashSet<String>,
    /// One of them was there before the watch: what it mapped was not seen.
    before: bool,
    /// By the place of a package.
    packages: BTreeMap<usize, PackageInUse>,
}

impl ImageUse {
    fn of(&mut self, container: &Container) {
        if self.name.is_empty() {
            self.name.clone_from(&container.image);
            self.digest.clone_from(&container.digest);
        }
        self.before |= container.started == 0;
        if self.containers.len() < MOST_CONTAINERS && !self.containers.contains(&container.id) {
            self.containers.insert(container.id.clone());
        }
    }

    fn add(&mut self, judged: &[Judged]) {
        for judged in judged.iter().filter(|judged| matches!(judged.verdict, Verdict::Known { .. })) {
            let Some(place) = judged.package else { continue };
            let package = self.packages.entry(place).or_default();
            package.seen = true;
            let role = match judged.role {
                Role::Program => "program",
                Role::Script => "script",
                Role::Library => "library",
            };
            if !package.roles.contains(role) {
                package.roles.insert(role.to_owned());
            }
            if package.files.len() < MOST_NAMED && !package.files.contains(&judged.path) {
                package.files.insert(judged.path.clone());
            }
        }
    }
}

/// What was judged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Files.
    judged: u64,
    /// Those that are not of their image.
    drifted: u64,
    /// Events whose files were not judged: the image could not be read, or there were too many.
    unjudged: u64,
    /// The longest that a verdict took.
    slowest: Duration,
}

impl Tally {
    /// Whether everything was judged.
    pub(super) fn is_whole(&self) -> bool {
        self.unjudged == 0
    }

    /// In a line for people.
    pub(super) fn told(&self) -> String {
        let unjudged = match self.unjudged {
            0 => String::new(),
            some => format!("; {some} not judged: their image could not be read"),
        };
        format!(
            "{} files that ran were held against their images, {} are none of theirs{unjudged}; slowest verdict {:.1} ms",
            self.judged,
            self.drifted,
            self.slowest.as_secs_f64() * 1000.0
        )
    }
}

impl Watcher {
    /// Nothing where nobody asked.
    pub(super) fn new(
        arguments: &DriftArguments,
        host_root: &Path,
        environment: &Environment,
    ) -> Result<Option<Self>, Failure> {
        if !arguments.drift && arguments.in_use.is_none() {
            return Ok(None);
        }
        let mut reports = Vec::new();
        for path in &arguments.reports {
            let read = plan::read(path).map_err(|error| Failure::new(USAGE, anyhow::Error::new(error)))?;
            reports.extend(read.into_iter().filter_map(|surveyed| surveyed.report));
        }
        let (requests, asked) = channel::<(String, String)>();
        let (answer, answers) = channel::<Answer>();
        let options = Options {
            threads: 1,
            daemons: Some(environment.network.daemons()),
            // What a daemon runs it has; nothing is downloaded for a watch.
            from: vec![Via::Docker, Via::Podman, Via::Containerd],
            cache: cache(&CacheArguments { cache_dir: None }, environment),
            now: environment.now,
            ..Options::default()
        };
        // Reading an image takes seconds: beside the watch, and one at a time. It ends when the watch does.
        std::thread::spawn(move || {
            #[cfg(feature = "runtime")]
            {
                use plimsoll_runtime::sensor::{capability, keep_capabilities};
                // It reads images, and keeps what it read in a cache.
                let kept = [capability::DAC_READ_SEARCH, capability::DAC_OVERRIDE, capability::SYS_PTRACE];
                if let Err(error) = keep_capabilities(&kept) {
                    print::warning(&format!(
                        "the thread of images keeps rights that it does not need: {error}"
                    ));
                }
            }
            while let Ok((name, target)) = asked.recv() {
                let read = tree::contents(&target, &options, &NoProgress)
                    .map_err(|error| plimsoll_model::one_line(&error))
                    .and_then(|contents| {
                        let found = Found::of(&contents.target, &reports);
                        if found.is_none() && !reports.is_empty() {
                            print::warning(&format!(
                                "none of the reports is of `{name}`: what is wrong with its packages is not known to rules"
                            ));
                        }
                        image(contents, &found.unwrap_or_default())
                    });
                if answer.send((name, read)).is_err() {
                    break;
                }
            }
        });
        Ok(Some(Self {
            named: arguments.images.iter().cloned().collect(),
            requests,
            answers,
            images: HashMap::new(),
            inventories: Inventories::default(),
            roots: Roots::new(host_root.to_owned()),
            // The first process is not shown to everybody.
            host: ["1", "self"]
                .iter()
                .filter_map(|process| mount_namespace(&host_root.join("proc").join(process).join("ns/mnt")))
                .collect(),
            pending: HashMap::new(),
            waiting: 0,
            full: false,
            tally: Tally::default(),
            drift: arguments.drift,
            in_use: arguments.in_use.clone().map(|path| Uses {
                path,
                from: environment.now,
                written: Instant::now(),
                images: HashMap::new(),
            }),
        }))
    }

    /// What rules can ask of images.
    pub(super) fn knowledge(&self) -> &dyn Knowledge {
        &self.inventories
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// Judges what an event runs, now or when the files of its image are known.
    pub(super) fn event(&mut self, event: &Event) -> Vec<Alert> {
        let container = &event.container;
        match (&event.action, container.state) {
            (_, State::Host) => Vec::new(),
            (Action::ContainerKnown {}, _) => {
                let mut alerts = Vec::new();
                for mut waited in self.pending.remove(&container.id).unwrap_or_default() {
                    self.waiting -= 1;
                    waited.container = Arc::clone(container);
                    alerts.extend(self.of_known(&waited));
                }
                alerts
            }
            (Action::ContainerStop {}, _) => {
                // Its image never became known.
                let waited = self.pending.remove(&container.id).unwrap_or_default().len();
                self.waiting -= waited;
                self.tally.unjudged += waited as u64;
                Vec::new()
            }
            (Action::Exec { .. } | Action::Map { .. }, State::Pending) => {
                if self.may_wait() {
                    self.pending.entry(container.id.clone()).or_default().push(event.clone());
                }
                Vec::new()
            }
            (Action::Exec { .. } | Action::Map { .. }, _) => self.of_known(event),
            _ => Vec::new(),
        }
    }

    /// Whether one more event may wait; it is counted.
    fn may_wait(&mut self) -> bool {
        if self.waiting >= MOST_WAITING {
            self.tally.unjudged += 1;
            return false;
        }
        self.waiting += 1;
        true
    }

    fn of_known(&mut self, event: &Event) -> Vec<Alert> {
        let namespace = event.process.namespaces.mount;
        if self.host.contains(&namespace) {
            return Vec::new();
        }
        let container = &event.container;
        let name = if container.digest.is_empty() { &container.image } else { &container.digest };
        if !self.images.contains_key(name) {
            if self.images.len() >= MOST_IMAGES {
                if !std::mem::replace(&mut self.full, true) {
                    unread(
                        name,
                        &format!(
                            "more than {MOST_IMAGES} images run here; this and further ones are left out"
                        ),
                    );
                }
                self.tally.unjudged += 1;
                return Vec::new();
            }
            let known = self.ask(container, name);
            self.images.insert(name.clone(), known);
        }
        let mut uses = self.in_use.as_mut().map(|uses| uses.images.entry(name.clone()).or_default());
        if let Some(uses) = &mut uses {
            uses.of(container);
        }
        match self.images.get_mut(name) {
            Some(Known::Read(drift, image)) => {
                let alerts = judge(drift, image, &self.roots, &mut self.tally, uses, event);
                if self.drift { alerts } else { Vec::new() }
            }
            Some(Known::Reading(events)) if self.waiting < MOST_WAITING => {
                self.waiting += 1;
                events.push(event.clone());
                Vec::new()
            }
            _ => {
                self.tally.unjudged += 1;
                Vec::new()
            }
        }
    }

    /// Begins to read the image of a container.
    fn ask(&self, container: &Container, name: &str) -> Known {
        let named = [&container.digest, &container.image].into_iter().find_map(|name| self.named.get(name));
        let via = match container.runtime.as_str() {
            "docker" => Some("docker"),
            "podman" | "libpod" => Some("podman"),
            "containerd" | "cri-containerd" => Some("containerd"),
            _ => None,
        };
        let asked =
            via.filter(|_| !container.image.is_empty()).map(|via| format!("{via}:{}", container.image));
        let shown = if name.is_empty() { &container.id } else { name };
        let why = match named.cloned().or(asked) {
            None => "no --image names it, and no daemon is known to have it".to_owned(),
            Some(target) => match self.requests.send((name.to_owned(), target)) {
                Ok(()) => return Known::Reading(Vec::new()),
                Err(_) => "whoever reads images has ended".to_owned(),
            },
        };
        unread(shown, &why);
        Known::Unread
    }

    /// Takes in the images that were read meanwhile. Answers what was waiting for them, with the containers that it is about,
    /// and whether rules know more now.
    pub(super) fn take(&mut self) -> (Vec<(Alert, Arc<Container>)>, bool) {
        let mut alerts = Vec::new();
        let mut more = false;
        while let Ok((name, read)) = self.answers.try_recv() {
            let waited = match self.images.remove(&name) {
                Some(Known::Reading(events)) => events,
                _ => Vec::new(),
            };
            self.waiting -= waited.len().min(self.waiting);
            match read {
                Ok(image) => {
                    let image = Arc::new(image);
                    let mut drift = Drift::new(Arc::clone(&image));
                    for event in &waited {
                        let uses = self.in_use.as_mut().and_then(|uses| uses.images.get_mut(&name));
                        let drifted = judge(&mut drift, &image, &self.roots, &mut self.tally, uses, event);
                        let about = |alert| (alert, Arc::clone(&event.container));
                        alerts.extend(drifted.into_iter().filter(|_| self.drift).map(about));
                    }
                    self.inventories.add(&name, Arc::clone(&image));
                    self.images.insert(name, Known::Read(drift, image));
                    more = true;
                }
                Err(why) => {
                    unread(&name, &why);
                    self.tally.unjudged += waited.len() as u64;
                    self.images.insert(name, Known::Unread);
                }
            }
        }
        (alerts, more)
    }

    /// Writes what ran, once in a while; `lost` says whether records were.
    pub(super) fn write_in_use(&mut self, lost: bool, now: bool) -> Result<Option<String>, String> {
        let whole = !lost && self.tally.is_whole();
        let Some(uses) = &mut self.in_use else { return Ok(None) };
        if !now && uses.written.elapsed() < EVERY {
            return Ok(None);
        }
        uses.written = Instant::now();
        let mut images: Vec<ImageInUse> = Vec::new();
        for (name, used) in &uses.images {
            let Some(Known::Read(_, image)) = self.images.get(name) else { continue };
            let runnable = image.runnable();
            // Packages of one URL are one.
            let mut packages: BTreeMap<&str, PackageInUse> = BTreeMap::new();
            for (place, package) in image.packages().iter().enumerate() {
                let used = used.packages.get(&place);
                if package.purl.is_empty() || used.is_none() && !runnable[place] {
                    continue;
                }
                let told = packages.entry(&package.purl).or_default();
                told.purl.clone_from(&package.purl);
                if let Some(used) = used {
                    told.seen = true;
                    told.roles.extend(used.roles.iter().cloned());
                    told.files.extend(used.files.iter().cloned());
                }
            }
            images.push(ImageInUse {
                name: used.name.clone(),
                digest: used.digest.clone(),
                target: [&used.digest, &used.name]
                    .into_iter()
                    .find_map(|name| self.named.get(name).cloned())
                    .unwrap_or_default(),
                containers: used.containers.len() as u64,
                whole: whole && !used.before,
                packages: packages.into_values().collect(),
            });
        }
        images.sort_by(|one, other| (&one.name, &one.digest).cmp(&(&other.name, &other.digest)));
        let (seen, all) = images
            .iter()
            .flat_map(|image| &image.packages)
            .fold((0, 0), |(seen, all), package| (seen + u64::from(package.seen), all + 1));
        let told = format!(
            "{seen} of {all} packages with programs or libraries ran, of {}; {}",
            if images.len() == 1 { "1 image".to_owned() } else { format!("{} images", images.len()) },
            uses.path.display()
        );
        let document = InUse {
            schema_version: IN_USE_VERSION.to_owned(),
            kind: "inUse".to_owned(),
            from: format!("{:.0}", uses.from),
            until: format!("{:.0}", jiff::Timestamp::now()),
            images,
        };
        // A reader finds the old one or the new one, never a part.
        let mut beside = uses.path.clone().into_os_string();
        beside.push(".new");
        let mut text = serde_json::to_vec_pretty(&document).map_err(|error| error.to_string())?;
        text.push(b'\n');
        std::fs::write(&beside, text)
            .and_then(|()| std::fs::rename(&beside, &uses.path))
            .map_err(|error| format!("cannot write `{}`: {error}", uses.path.display()))?;
        Ok(Some(told))
    }

    /// Whether drift is told.
    pub(super) fn tells_drift(&self) -> bool {
        self.drift
    }

    /// At the end: waits for images that are being read, at most that long, and counts what was never judged.
    pub(super) fn finish(&mut self, patience: Duration) -> Vec<(Alert, Arc<Container>)> {
        let until = Instant::now() + patience;
        let mut alerts = Vec::new();
        while self.images.values().any(|known| matches!(known, Known::Reading(_))) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
            alerts.extend(self.take().0);
        }
        self.tally.unjudged += self.waiting as u64;
        self.waiting = 0;
        alerts
    }
}

fn unread(image: &str, why: &str) {
    print::warning(&format!("what runs of `{image}` is not held against its files: {why}"));
}

fn judge(
    drift: &mut Drift<Arc<Image>>,
    image: &Image,
    roots: &Roots,
    tally: &mut Tally,
    uses: Option<&mut ImageUse>,
    event: &Event,
) -> Vec<Alert> {
    let begun = Instant::now();
    let judged = drift.judge(event, roots);
    if let Some(uses) = uses {
        uses.add(&judged);
    }
    tally.slowest = tally.slowest.max(begun.elapsed());
    tally.judged += judged.len() as u64;
    let drifted = judged.iter().filter(|judged| judged.verdict.is_drift());
    let alerts: Vec<Alert> = drifted.map(|judged| judged.alert(event, image)).collect();
    tally.drifted += alerts.len() as u64;
    alerts
}

/// The number of a namespace, from the link that names it.
fn mount_namespace(link: &Path) -> Option<u32> {
    let target: PathBuf = std::fs::read_link(link).ok()?;
    target.to_str()?.strip_prefix("mnt:[")?.strip_suffix(']')?.parse().ok()
}

/// What reports found in an image, by the URL of the package: the worst severity, whose move that is, and all ids.
#[derive(Default)]
struct Found(HashMap<String, (Level, &'static str, BTreeSet<String>)>);

impl Found {
    /// What these reports say of an image; nothing where none is of it.
    fn of(target: &Target, reports: &[Report]) -> Option<Self> {
        let mut of = reports.iter().filter(|report| is_of(&report.target, target)).peekable();
        of.peek()?;
        let mut found = Self::default();
        for finding in
            of.flat_map(|report| &report.findings).filter(|finding| finding.suppressed_by.is_none())
        {
            for purl in finding.subject.packages() {
                let (level, party) = (finding.severity.level, finding.party.word());
                let entry = found.0.entry(purl.clone()).or_insert_with(|| (level, party, BTreeSet::new()));
                if level > entry.0 {
                    (entry.0, entry.1) = (level, party);
                }
                if entry.2.len() < MOST_FINDINGS {
                    entry.2.insert(finding.advisory.clone());
                }
            }
        }
        Some(found)
    }
}

/// Whether a report is of an image: by digests and layers where both have them, else by the name.
fn is_of(report: &Target, target: &Target) -> bool {
    for (one, other) in [(&report.digest, &target.digest), (&report.image_id, &target.image_id)] {
        if one.is_some() && one == other {
            return true;
        }
    }
    let layers = |target: &Target| -> Option<Vec<Digest>> {
        let all: Option<Vec<_>> = target.layers.iter().map(|layer| layer.diff_id.clone()).collect();
        all.filter(|all| !all.is_empty())
    };
    match (layers(report), layers(target)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => report.name == target.name,
        _ => false,
    }
}

/// A scanned image as the sensor holds it.
fn image(contents: Contents, found: &Found) -> Result<Image, String> {
    let Contents { target, inventory, tree } = contents;
    if tree.files.is_empty() {
        return Err("it has no files that could be read".to_owned());
    }
    let packages = inventory.packages.into_iter().map(|package| {
        let (worst, ids) = match found.0.get(&package.purl) {
            Some((level, party, ids)) => (Some((level, party)), ids.iter().cloned().collect()),
            None => (None, Vec::new()),
        };
        Package {
            name: package.name,
            version: package.version,
            purl: package.purl,
            severity: worst.map(|(level, _)| level.word().to_owned()),
            party: worst.map(|(_, party)| (*party).to_owned()),
            findings: ids,
        }
    });
    let layers: Option<Vec<_>> =
        target.layers.into_iter().map(|layer| layer.diff_id.or(layer.digest)).collect();
    let layers = layers.unwrap_or_default();
    let place = |layer: u32| (layer as usize).checked_sub(1).filter(|place| *place < layers.len());
    let files = tree.files.into_iter().map(|file| ImageFile {
        path: text(file.path.as_bytes()),
        mode: file.mode,
        digest: Some(file.digest),
        link: None,
        package: file.packages.first().map(|place| *place as usize),
        layer: file.layer.and_then(place),
    });
    let links = tree.links.into_iter().map(|(path, target)| ImageFile {
        path: text(path.as_bytes()),
        mode: 0o777,
        link: Some(format!("/{}", text(target.as_bytes()))),
        ..ImageFile::default()
    });
    let all: Vec<ImageFile> = files.chain(links).collect();
    Image::new(all, packages.collect(), layers).map_err(|error| error.to_string())
}
