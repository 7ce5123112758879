//! `plimsoll watch` itself and `plimsoll watch record`: the sensor on this machine, until it is ended.

#![cfg_attr(
    not(feature = "runtime"),
    allow(dead_code, reason = "without the sensor there is nothing to tell")
)]

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, ValueEnum};
use plimsoll_runtime::Call;
#[cfg(feature = "runtime")]
use plimsoll_runtime::container::Places;
use plimsoll_runtime::event::{Action, Class, Container, Event, State};
use plimsoll_runtime::record;
use plimsoll_runtime::rules::{Alert, Engine, Groups, Knowledge, Nothing, Priority};
#[cfg(feature = "runtime")]
use plimsoll_runtime::sensor;
use plimsoll_runtime::sensor::{Response, Settings};
use plimsoll_scan::party::OnPlatform;
use serde_json::json;

use super::Answer;
use super::deeds::{Deeds, DeedsArguments};
use super::drift::{DriftArguments, Watcher};
use super::habits::{Habits, HabitsArguments};
use super::outputs::{Outputs, OutputsArguments};
use super::screen::Screen;
#[cfg(feature = "runtime")]
use super::screen::{Counted, Terminal};
use crate::cli::PlatformArguments;
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

/// How long the end of a watch waits for images that are still being read.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long the reader sleeps when nothing comes.
const TICK: Duration = Duration::from_millis(10);

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("asked").multiple(true)))]
pub(crate) struct LiveArguments {
    /// Tell every event, as a recording, instead of the rules that were met
    #[arg(long, conflicts_with = "rules")]
    events: bool,

    /// Rules in the form of Falco's files instead of those that Plimsoll brings along, which are named `builtin`; may be given several times
    #[arg(long = "rules", short = 'r', value_name = "FILE")]
    rules: Vec<PathBuf>,

    /// Leave out alerts of a lower priority
    #[arg(long, value_name = "PRIORITY", default_value = "debug", value_parser = super::watch::priority)]
    min_priority: Priority,

    #[command(flatten)]
    platform: PlatformArguments,

    /// Write to a file instead of standard output
    #[arg(long, short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,

    /// Form of the answer: `screen` on a terminal, `table` with --events, else `json`
    #[arg(long, short = 'f', value_enum, value_name = "FORMAT")]
    format: Option<LiveForm>,

    /// What is done about programs in containers before their first instruction: `upper-layer`, `memory`, `name:NAME` or
    /// `file:PATH`; may be given several times. Only told, unless --enforce is given
    #[arg(long, value_name = "WHAT", value_parser = respond, group = "asked")]
    respond: Vec<Respond>,

    /// Kill what --respond names, and do what --act says
    #[arg(long, requires = "asked")]
    enforce: bool,

    /// Refuse what --respond names instead of killing it, where this kernel can: whoever asks for it gets an error
    #[arg(long, requires_all = ["respond", "enforce"])]
    refuse: bool,

    #[command(flatten)]
    deeds: DeedsArguments,

    #[command(flatten)]
    outputs: OutputsArguments,

    #[command(flatten)]
    drift: DriftArguments,

    #[command(flatten)]
    habits: HabitsArguments,

    #[command(flatten)]
    sensing: SensingArguments,
}

#[derive(Debug, Args)]
pub(crate) struct RecordArguments {
    /// The recording, which `plimsoll watch replay` reads
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    sensing: SensingArguments,
}

impl LiveArguments {
    /// Whether JSON is asked for by name.
    pub(super) fn is_json(&self) -> bool {
        self.format == Some(LiveForm::Json)
    }
}

/// What is seen, and for how long.
#[derive(Debug, Args)]
struct SensingArguments {
    /// Only what happens in containers
    #[arg(long)]
    containers: bool,

    /// Report every open, not only writes and what is sensitive
    #[arg(long)]
    all_opens: bool,

    /// End after this time, as in 30s, 10m or 1h
    #[arg(long = "for", value_name = "TIME", value_parser = crate::cli::duration)]
    time: Option<Duration>,

    /// Begin a new file when one has this many megabytes
    #[arg(long, value_name = "MB", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    rotate: u64,

    /// Full files that are kept beside the newest, as FILE.1, FILE.2 ...
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    keep: u32,

    /// Where the host's file system is, when Plimsoll runs in a container itself
    #[arg(long, value_name = "PATH", default_value = "/")]
    host_root: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LiveForm {
    /// Lists on the whole terminal
    Screen,
    /// Lines for people
    Table,
    /// Lines for programs
    Json,
}

/// What `--respond` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Respond {
    UpperLayer,
    Memory,
    Name(String),
    File(PathBuf),
}

fn respond(text: &str) -> Result<Respond, String> {
    match text.split_once(':') {
        None if text == "upper-layer" => Ok(Respond::UpperLayer),
        None if text == "memory" => Ok(Respond::Memory),
        // The kernel compares that many bytes.
        Some(("name", name)) if (1..=31).contains(&name.len()) && !name.contains('/') => {
            Ok(Respond::Name(name.to_owned()))
        }
        Some(("name", _)) => Err("a name has 1 to 31 bytes and no slash".to_owned()),
        Some(("file", path)) if !path.is_empty() => Ok(Respond::File(PathBuf::from(path))),
        _ => Err("expected upper-layer, memory, name:NAME or file:PATH".to_owned()),
    }
}

/// Said before a file is touched.
fn no_sensor() -> Failure {
    Failure::new(UNDECIDED, anyhow!("cannot watch: this build of Plimsoll has no sensor")).hint(
        "build it with `cargo build --release --features runtime`, which needs clang, libelf and zlib"
            .to_owned(),
    )
}

/// The engine of the rules that are asked for, nothing where every event is told; and how many of the rules do not run.
fn engine(arguments: &LiveArguments) -> Result<(Option<Engine>, usize), Failure> {
    if arguments.events {
        return Ok((None, 0));
    }
    super::watch::engine(&arguments.rules).map(|(engine, skipped)| (Some(engine), skipped.len()))
}

/// `plimsoll watch`.
pub(super) fn live(arguments: &LiveArguments, environment: &Environment) -> Answer {
    if !cfg!(feature = "runtime") {
        return Err(no_sensor());
    }
    let (engine, skipped) = engine(arguments)?;
    let mut settings = settings(&arguments.sensing, engine.as_ref());
    let drift = Watcher::new(&arguments.drift, &arguments.sensing.host_root, environment)?;
    if drift.is_some() {
        settings.calls.extend(Call::named("mmap").filter(|call| !settings.calls.contains(call)));
    }
    let habits = Habits::new(&arguments.habits, environment)?;
    if habits.is_on() {
        // Whatever containers do, not only what rules ask for.
        let all = Settings::default();
        settings
            .calls
            .extend(all.calls.iter().filter(|call| !settings.calls.contains(call)).collect::<Vec<_>>());
        settings.dns = true;
        settings.rings = true;
        settings.all_calls = habits.learns();
    }
    settings.quarantine = arguments.deeds.quarantines() && arguments.enforce;
    let response = match (arguments.enforce, arguments.refuse) {
        (true, true) => Response::Deny,
        (true, false) => Response::Kill,
        (false, _) => Response::DryRun,
    };
    for respond in &arguments.respond {
        match respond {
            Respond::UpperLayer => settings.upper_layer = response,
            Respond::Memory => settings.memory = response,
            Respond::Name(name) => settings.denied_names.push((name.clone(), response)),
            Respond::File(path) => {
                let key = key_of(path).map_err(|error| Failure::new(USAGE, error))?;
                settings.denied_files.push((key, response));
            }
        }
    }
    let terminal = environment.stdout_terminal && io::stdin().is_terminal();
    let form = arguments.format.unwrap_or(match &arguments.output {
        None if terminal && !arguments.events => LiveForm::Screen,
        None if environment.stdout_terminal => LiveForm::Table,
        _ => LiveForm::Json,
    });
    if form == LiveForm::Screen {
        let cannot = if arguments.events || arguments.output.is_some() {
            Some("a screen shows alerts, not --events, and writes no file: choose another --format")
        } else if !terminal {
            Some("a screen needs a terminal")
        } else {
            None
        };
        if let Some(cannot) = cannot {
            return Err(Failure::new(USAGE, anyhow!(cannot)));
        }
    }
    let output = match &arguments.output {
        Some(path) => Output::File(Rotating::open(path, &arguments.sensing, engine.is_none())?),
        None => Output::Standard(BufWriter::new(io::stdout())),
    };
    let watch = Watch {
        output,
        deeds: Deeds::new(&arguments.deeds, arguments.enforce).map_err(|error| Failure::new(USAGE, error))?,
        outputs: Outputs::open(&arguments.outputs, &environment.network, &environment.cluster)?,
        places: None,
        rules: engine.is_some().then(|| arguments.rules.clone()),
        form,
        engine,
        drift,
        on: super::whose::on(&arguments.platform)?,
        habits,
        skipped,
        min_priority: arguments.min_priority,
        groups: Groups::default(),
        failed: None,
        unwritten: 0,
        full: false,
        events: 0,
        color: environment.stdout_color,
        screen: (form == LiveForm::Screen).then(|| Screen::new(environment.stdout_color)),
    };
    watch.run(&settings, &arguments.sensing)
}

/// `plimsoll watch record`.
pub(super) fn record(arguments: &RecordArguments) -> Answer {
    if !cfg!(feature = "runtime") {
        return Err(no_sensor());
    }
    let settings = settings(&arguments.sensing, None);
    let output = Output::File(Rotating::open(&arguments.file, &arguments.sensing, true)?);
    let watch = Watch {
        output,
        deeds: Deeds::default(),
        outputs: Outputs::default(),
        places: None,
        rules: None,
        form: LiveForm::Json,
        engine: None,
        drift: None,
        on: None,
        habits: Habits::default(),
        skipped: 0,
        min_priority: Priority::Debug,
        groups: Groups::default(),
        failed: None,
        unwritten: 0,
        full: false,
        events: 0,
        color: false,
        screen: None,
    };
    watch.run(&settings, &arguments.sensing)
}

/// What the rules need, and nothing that costs more.
fn settings(arguments: &SensingArguments, engine: Option<&Engine>) -> Settings {
    Settings {
        only_containers: arguments.containers,
        all_reads: arguments.all_opens,
        ..engine.map_or_else(Settings::default, Settings::asked_by)
    }
}

/// Device and inode of a file, as the kernel has them.
fn key_of(path: &Path) -> anyhow::Result<(u32, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    if !metadata.is_file() {
        bail!("`{}` is no file", path.display());
    }
    let device = metadata.dev();
    let major = (device >> 8 & 0xfff) | (device >> 32 & 0xffff_f000);
    let minor = (device & 0xff) | (device >> 12 & 0xfff_ff00);
    let device = u32::try_from(major << 20 | minor)
        .context("the device of the file has a number that is too large")?;
    Ok((device, metadata.ino()))
}

/// Where lines go.
enum Output {
    Standard(BufWriter<io::Stdout>),
    File(Rotating),
}

/// A file that is begun anew when it is full.
struct Rotating {
    path: PathBuf,
    file: BufWriter<File>,
    written: u64,
    limit: u64,
    keep: u32,
    /// The first line of each file.
    header: Vec<u8>,
    /// Lines that may not be on the disk yet.
    waiting: u64,
}

impl Rotating {
    fn open(path: &Path, arguments: &SensingArguments, recording: bool) -> Result<Self, Failure> {
        let header = if recording {
            record::Writer::new(Vec::new())
                .and_then(record::Writer::finish)
                .context("cannot begin a recording")?
        } else {
            Vec::new()
        };
        let opened = || -> anyhow::Result<(BufWriter<File>, u64)> {
            // What is there may be of before: it is kept, and this watch begins its own.
            if std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0) {
                shift(path, arguments.keep)?;
            }
            begin(path, &header)
        };
        let (file, written) = opened()
            .with_context(|| format!("cannot write `{}`", path.display()))
            .map_err(|error| Failure::new(USAGE, error))?;
        let limit = arguments.rotate.saturating_mul(1_000_000);
        Ok(Self { path: path.to_owned(), file, written, limit, keep: arguments.keep, header, waiting: 0 })
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.written + line.len() as u64 > self.limit && self.written > self.header.len() as u64 {
            self.flush()?;
            shift(&self.path, self.keep).map_err(io::Error::other)?;
            (self.file, self.written) = begin(&self.path, &self.header).map_err(io::Error::other)?;
        }
        self.file.write_all(line)?;
        self.written += line.len() as u64;
        self.waiting += 1;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.waiting = 0;
        Ok(())
    }
}

fn begin(path: &Path, header: &[u8]) -> anyhow::Result<(BufWriter<File>, u64)> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // Arguments of programs may hold secrets: for its owner only.
    let file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    let mut file = BufWriter::with_capacity(1 << 16, file);
    file.write_all(header)?;
    Ok((file, header.len() as u64))
}

/// `FILE` becomes `FILE.1`, where it is there, that becomes `FILE.2`, and the last goes.
fn shift(path: &Path, keep: u32) -> anyhow::Result<()> {
    // A disk that was full took it away and had no room for the next.
    if !path.exists() {
        return Ok(());
    }
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    for number in (1..keep).rev() {
        let from = numbered(number);
        if from.exists() {
            std::fs::rename(&from, numbered(number + 1))?;
        }
    }
    std::fs::rename(path, numbered(1))?;
    Ok(())
}

/// A watch that runs.
struct Watch {
    output: Output,
    outputs: Outputs,
    deeds: Deeds,
    /// Where cgroups and processes are, for what is done about containers.
    places: Option<(plimsoll_runtime::respond::Groups, PathBuf)>,
    /// The files of the rules, which SIGHUP has read again.
    rules: Option<Vec<PathBuf>>,
    form: LiveForm,
    engine: Option<Engine>,
    drift: Option<Watcher>,
    /// The platform that says whose what happens is.
    on: Option<OnPlatform>,
    habits: Habits,
    /// Rules that do not run.
    skipped: usize,
    min_priority: Priority,
    groups: Groups,
    /// Why standard output takes no more.
    failed: Option<io::Error>,
    /// Lines that found no room in the file.
    unwritten: u64,
    /// That there is no room was told.
    full: bool,
    events: u64,
    color: bool,
    screen: Option<Screen>,
}

/// Tells what a record says of itself, at the end (`now`) or where it could not be written; whether it could.
fn written(record: Result<Option<String>, String>, now: bool) -> bool {
    match record {
        Ok(told) => {
            if let Some(told) = told.filter(|_| now) {
                print::talk(&told);
            }
            true
        }
        Err(why) => {
            print::warning(&why);
            false
        }
    }
}

impl Watch {
    #[cfg(not(feature = "runtime"))]
    #[expect(clippy::unused_self, reason = "called as with a sensor")]
    fn run(self, _: &Settings, _: &SensingArguments) -> Answer {
        Err(no_sensor())
    }

    #[cfg(feature = "runtime")]
    fn run(mut self, settings: &Settings, arguments: &SensingArguments) -> Answer {
        let root = &arguments.host_root;
        let places = Places { root: root.clone(), proc: root.join("proc") };
        let now = std::time::UNIX_EPOCH.elapsed().context("the clock is before 1970")?;
        let ended = sensor::end_on_signals();
        let asked_again = sensor::reload_on_signal();
        let mut sensor = plimsoll_runtime::Sensor::start(settings, places, now).map_err(|error| {
            Failure::new(UNDECIDED, anyhow!(error).context("cannot watch")).hint(
                "`plimsoll doctor` tells what this kernel offers; the sensor needs CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE, or root"
                    .to_owned(),
            )
        })?;
        // One of two that refuse is enough.
        let denies = sensor.denies();
        for program in sensor.programs() {
            if let sensor::Availability::Refused(cause) = &program.state {
                if program.tier == sensor::Tier::Deny && denies {
                    continue;
                }
                // The verifier can say a great deal; `plimsoll doctor --format json` has it all.
                let cause: String = cause.chars().take(200).collect();
                if program.tier == sensor::Tier::Deny {
                    if program.name == "deny_return" {
                        print::warning(&format!(
                            "programs are killed, not refused: the kernel does not take `{}`: {cause}",
                            program.name
                        ));
                    }
                    continue;
                }
                print::warning(&format!(
                    "not seen: {} (the kernel refuses `{}`: {cause})",
                    program.sees, program.name
                ));
            }
        }
        if matches!(self.output, Output::File(_)) || self.form == LiveForm::Table {
            print::talk("watching; Ctrl-C ends");
        }
        if self.engine.is_none() && self.form == LiveForm::Json && matches!(self.output, Output::Standard(_))
        {
            let header = record::Writer::new(Vec::new()).and_then(record::Writer::finish);
            self.put(&header.context("cannot begin a recording")?);
        }
        self.places = sensor.groups().map(|groups| (groups.clone(), root.join("proc")));
        if let Err(error) = sensor::confine() {
            print::warning(&format!("the watch keeps the system calls that it does not need: {error}"));
        }
        if let Err(error) = sensor::keep_capabilities(&self.needed(settings)) {
            print::warning(&format!("the watch keeps the capabilities that it does not need: {error}"));
        }
        let begun = std::time::Instant::now();
        let mut unlearned = false;
        // From here on a screen has the terminal, until the loop has ended.
        let mut terminal = None;
        if self.screen.is_some() {
            terminal = Some(Terminal::open().context("cannot use the terminal")?);
            print::hold();
        }
        while !ended.load(std::sync::atomic::Ordering::Relaxed)
            && self.failed.is_none()
            && arguments.time.is_none_or(|time| begun.elapsed() < time)
        {
            sensor.read(TICK, &mut |event| self.event(&event));
            self.take_images();
            for line in self.deeds.cut(|folder| sensor.quarantine(folder).map_err(|error| error.to_string()))
            {
                self.tell_deed(&line);
            }
            self.flush();
            if let (Some(terminal), Some(screen)) = (&mut terminal, &mut self.screen) {
                let counts = sensor.counts();
                let counted =
                    Counted { events: self.events, lost_must: counts.lost_must, lost_may: counts.lost_may };
                if let Some(line) = print::held() {
                    screen.say(&line);
                }
                match terminal.turn(screen, &self.groups, counted) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => self.failed = Some(error),
                }
            }
            if asked_again.swap(false, std::sync::atomic::Ordering::Relaxed) {
                self.reload(&mut sensor, arguments);
            }
            let (counts, events) = (sensor.counts(), self.events);
            self.outputs.count(|offered| {
                offered.events = events;
                (offered.lost_must, offered.lost_may) = (counts.lost_must, counts.lost_may);
                offered.unreadable = counts.unreadable;
                if offered.programs.is_empty() {
                    offered.programs = sensor
                        .programs()
                        .iter()
                        .map(|program| (program.name, program.state == sensor::Availability::Available))
                        .collect();
                }
            });
            self.write_in_use(lost(sensor.counts()), false);
            unlearned |= !self.write_habits(Some(&sensor), lost(sensor.counts()), false);
        }
        drop(terminal);
        print::release();
        unlearned |= !self.write_habits(Some(&sensor), lost(sensor.counts()), true);
        let counts = sensor.stop(&mut |event| self.event(&event)).map_err(|error| {
            Failure::new(UNDECIDED, anyhow!(error).context("cannot end the watch in order"))
        })?;
        let late = self.drift.as_mut().map(|drift| drift.finish(PATIENCE)).unwrap_or_default();
        for (alert, container) in late {
            self.answer(alert, &container);
        }
        // What the last events asked for.
        for line in
            self.deeds.cut(|_| Err("the watch ended first, and nothing is cut off after it".to_owned()))
        {
            self.tell_deed(&line);
        }
        self.close();
        let unsent = self.outputs.finish();
        let saved = self.write_in_use(lost(counts), true);
        let learned = self.write_habits(None, lost(counts), true);
        let unsaved = !saved || !learned || unlearned;
        if let Some(error) = self.failed {
            return Err(anyhow::Error::new(error).context("cannot write to standard output").into());
        }
        if self.unwritten > 0 {
            print::warning(&format!("{} lines could not be written", self.unwritten));
        }
        let alerts = self.groups.alerts;
        let told = if self.engine.is_some() { format!(", {alerts} alerts") } else { String::new() };
        print::talk(&format!(
            "{} events{told}; lost: {} that must not be, {} that may be shed",
            self.events, counts.lost_must, counts.lost_may
        ));
        let tally = self.drift.as_ref().map(Watcher::tally);
        if let Some(tally) = tally.as_ref().filter(|_| self.drift.as_ref().is_some_and(Watcher::tells_drift))
        {
            print::talk(&tally.told());
        }
        let judged = self.habits.tell_unjudged();
        let whole = tally.is_none_or(|tally| tally.is_whole())
            && judged
            && counts.lost_must == 0
            && self.unwritten == 0
            && !unsaved
            && unsent == 0
            && self.skipped == 0
            && counts.unreadable == 0;
        Ok(if alerts > 0 {
            1
        } else if whole {
            0
        } else {
            UNDECIDED
        })
    }

    /// Capabilities that a watch uses after its start, where it has them.
    #[cfg(feature = "runtime")]
    fn needed(&self, settings: &Settings) -> Vec<u32> {
        use sensor::capability;
        let mut kept = vec![capability::SYS_PTRACE, capability::DAC_READ_SEARCH];
        if settings.quarantine {
            kept.extend([capability::BPF, capability::PERFMON, capability::NET_ADMIN]);
        } else if !sensor::maps_need_no_capability() {
            kept.push(capability::BPF);
        }
        // Files of root need none; folders of others do, and so do cgroups that are theirs.
        if matches!(self.output, Output::File(_))
            || self.habits.learns()
            || self.drift.is_some()
            || self.deeds.enforces()
        {
            kept.push(capability::DAC_OVERRIDE);
        }
        kept
    }

    /// Reads the rules again. What is wrong with them is told, and those of before stay.
    #[cfg(feature = "runtime")]
    fn reload(&mut self, sensor: &mut plimsoll_runtime::Sensor, arguments: &SensingArguments) {
        let Some(rules) = &self.rules else {
            print::warning("there are no rules to read again");
            return;
        };
        let read =
            super::watch::engine(rules).map_err(|failure| failure.line()).and_then(|(engine, skipped)| {
                // Calls that the new rules need are seen from now on.
                let Settings { mut calls, dns, rings, .. } = settings(arguments, Some(&engine));
                let needs = [
                    (dns, "on_packet", "names that are looked up"),
                    (rings, "ring_open", "files that are opened, which rings (io_uring) do as well"),
                ];
                for (asked, name, what) in needs {
                    let unseen = |program: &sensor::Program| {
                        program.name == name && program.state == sensor::Availability::NotAsked
                    };
                    if asked && sensor.programs().iter().any(unseen) {
                        return Err(format!(
                            "they ask for {what}, and none of before did: start the watch anew"
                        ));
                    }
                }
                if self.habits.is_on() {
                    let all = Settings::default().calls;
                    calls.extend(all.into_iter().filter(|call| !calls.contains(call)).collect::<Vec<_>>());
                }
                if self.drift.is_some() {
                    calls.extend(Call::named("mmap").filter(|call| !calls.contains(call)));
                }
                sensor.see(&calls).map_err(|error| error.to_string())?;
                Ok((engine, skipped))
            });
        let taken = match read {
            Ok((engine, skipped)) => {
                print::talk(&format!("the rules were read again: {} run", engine.rules().len()));
                self.skipped = skipped.len();
                self.engine = Some(engine);
                true
            }
            Err(why) => {
                print::warning(&format!("the rules were not read again, those of before stay: {why}"));
                false
            }
        };
        self.outputs.count(|counts| {
            counts.reloads += u64::from(taken);
            counts.failed_reloads += u64::from(!taken);
        });
    }

    /// Writes which packages ran, where that is asked for and it is time; whether it could.
    fn write_in_use(&mut self, lost: bool, now: bool) -> bool {
        written(self.drift.as_mut().map_or(Ok(None), |drift| drift.write_in_use(lost, now)), now)
    }

    /// Writes what was learned, where that is asked for and it is time; whether it could.
    #[cfg(feature = "runtime")]
    fn write_habits(&mut self, sensor: Option<&plimsoll_runtime::Sensor>, lost: bool, now: bool) -> bool {
        written(self.habits.write(sensor, lost, now), now)
    }

    fn event(&mut self, event: &Event) {
        self.events += 1;
        self.deeds.note(event);
        if let Some(screen) = &mut self.screen {
            screen.event(event);
        }
        if let Action::Drop { class, count } = event.action {
            let what = if class == Class::Must { "that must not be lost" } else { "that may be shed" };
            print::warning(&format!("lost {count} records {what}, on processor {}", event.cpu));
        }
        let Some(engine) = &mut self.engine else {
            let line = match self.form {
                LiveForm::Json => json_line(event),
                LiveForm::Table | LiveForm::Screen => row(event).into_bytes(),
            };
            self.put(&line);
            return;
        };
        let knowledge = self.drift.as_ref().map_or(&Nothing as &dyn Knowledge, Watcher::knowledge);
        let met: Vec<Alert> = engine
            .evaluate(event, knowledge)
            .to_vec()
            .into_iter()
            .filter(|rule| engine.rules()[*rule].priority <= self.min_priority)
            .map(|rule| engine.alert(rule, event, knowledge))
            .collect();
        let drifted = self.drift.as_mut().map(|drift| drift.event(event)).unwrap_or_default();
        if let Action::Drop { class, count } = event.action
            && self.form == LiveForm::Json
        {
            let line = json!({ "schemaVersion": "1.0", "kind": "lost", "time": event.time, "cpu": event.cpu,
                "class": class, "count": count });
            self.put(&json_line(&line));
        }
        let unusual = self.habits.event(event);
        for alert in met.into_iter().chain(drifted).chain(unusual) {
            self.answer(alert, &event.container);
        }
    }

    /// Tells an alert about a container, unless it is of too low a priority, and does what is asked for about it.
    fn answer(&mut self, alert: Alert, container: &Container) {
        if alert.priority > self.min_priority {
            return;
        }
        let (groups, proc) = match &self.places {
            Some((groups, proc)) => (Some(groups), proc.as_path()),
            None => (None, Path::new("/proc")),
        };
        let done = self.deeds.about(&alert, container, groups, proc);
        self.tell(alert);
        for line in done {
            self.tell_deed(&line);
        }
    }

    fn tell_deed(&mut self, line: &serde_json::Value) {
        match self.form {
            LiveForm::Json => self.put(&json_line(line)),
            LiveForm::Table => {
                let text = format!("    {}\n", print::plain(&super::deeds::told(line)));
                self.put(text.as_bytes());
            }
            LiveForm::Screen => print::talk(&print::plain(&super::deeds::told(line))),
        }
    }

    /// Takes in images whose files were read meanwhile.
    fn take_images(&mut self) {
        let Some(drift) = &mut self.drift else { return };
        let (alerts, more) = drift.take();
        if let Some(engine) = self.engine.as_mut().filter(|_| more) {
            // What rules remember of files they did not know is no longer true.
            engine.forget();
        }
        for (alert, container) in alerts {
            self.answer(alert, &container);
        }
    }

    fn tell(&mut self, mut alert: Alert) {
        super::watch::belongs(&mut alert, self.on.as_ref());
        let line = match self.form {
            LiveForm::Json => {
                Some(json_line(&json!({ "schemaVersion": "1.0", "kind": "alert", "alert": alert })))
            }
            LiveForm::Table | LiveForm::Screen => None,
        };
        let text = (self.form == LiveForm::Table).then(|| self.alert_row(&alert));
        self.outputs.tell(&alert);
        if let Some(screen) = &mut self.screen {
            screen.alert(&alert.container.id);
        }
        // People read what is new; programs get every one.
        let new = self.groups.add(alert);
        match (line, text) {
            (Some(line), _) => self.put(&line),
            (None, Some(text)) if new => self.put(text.as_bytes()),
            _ => {}
        }
    }

    fn alert_row(&self, alert: &Alert) -> String {
        let word = alert.priority.name().to_uppercase();
        let word = match (self.color, alert.priority <= Priority::Error) {
            (true, true) => format!("\x1b[1;31m{word}\x1b[0m"),
            (true, false) => format!("\x1b[1m{word}\x1b[0m"),
            _ => word,
        };
        format!(
            "{} {word}  {}  {}\n    {}\n    where: {}\n    next: {}\n    key: {}\n",
            clock(alert.time),
            alert.id,
            print::plain(&alert.rule),
            print::plain(&alert.output),
            print::plain(&alert.container.subject()),
            print::plain(&alert.action),
            alert.key
        )
    }

    fn put(&mut self, line: &[u8]) {
        match &mut self.output {
            Output::Standard(output) => {
                if self.failed.is_none()
                    && let Err(error) = output.write_all(line)
                {
                    self.failed = Some(error);
                }
            }
            Output::File(file) => {
                if let Err(error) = file.write(line) {
                    self.unwritten += 1;
                    if !std::mem::replace(&mut self.full, true) {
                        print::warning(&format!(
                            "cannot write `{}`: {error}; the watch goes on",
                            file.path.display()
                        ));
                    }
                }
            }
        }
    }

    fn flush(&mut self) {
        match &mut self.output {
            Output::Standard(output) => {
                if let Err(error) = output.flush() {
                    self.failed.get_or_insert(error);
                }
            }
            Output::File(file) => {
                if let Err(error) = file.flush()
                    && !std::mem::replace(&mut self.full, true)
                {
                    print::warning(&format!(
                        "cannot write `{}`: {error}; the watch goes on",
                        file.path.display()
                    ));
                }
            }
        }
    }

    /// At the end: what the disk did not take is not written.
    fn close(&mut self) {
        self.flush();
        if let Output::File(file) = &self.output {
            self.unwritten += file.waiting;
        }
    }
}

/// Whether anything that was recorded found no reader.
#[cfg(feature = "runtime")]
fn lost(counts: sensor::Counts) -> bool {
    counts.lost_must + counts.lost_may + counts.unreadable > 0
}

fn json_line(value: &impl serde::Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

/// The time of day in UTC.
fn clock(time: u64) -> String {
    let seconds = time / 1_000_000_000;
    format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// An event in a line for people: when, where, who, what.
fn row(event: &Event) -> String {
    let container = &event.container;
    let place = match container.state {
        State::Host => "host".to_owned(),
        _ if !container.pod.name.is_empty() => format!("{}/{}", container.pod.namespace, container.pod.name),
        _ if !container.name.is_empty() => container.name.clone(),
        _ => container.id.chars().take(12).collect(),
    };
    let name = serde_json::to_value(&event.action).ok();
    let name = name.as_ref().and_then(|value| value["type"].as_str()).unwrap_or_default();
    let detail = match &event.action {
        Action::Exec { .. } => event.process.command_line(),
        Action::Open { file, .. } => file.path.clone(),
        Action::Rename { from, to } | Action::Link { from, to } => format!("{from} -> {to}"),
        Action::Symlink { target, path } => format!("{path} -> {target}"),
        Action::Unlink { path, .. }
        | Action::MakeDirectory { path, .. }
        | Action::Chmod { path, .. }
        | Action::MakeNode { path, .. }
        | Action::ChangeRoot { path } => path.clone(),
        Action::Mount { source, target, .. } => format!("{source} on {target}"),
        Action::Unmount { target } => target.clone(),
        Action::Dns { name, .. } => name.clone(),
        Action::Connect { connection } | Action::Accept { connection } => match connection.remote {
            Some(end) => format!("{} port {}", end.address, end.port),
            None => connection.path.clone(),
        },
        Action::Listen { connection } => match connection.local {
            Some(end) => format!("{} port {}", end.address, end.port),
            None => connection.path.clone(),
        },
        Action::Exit { code, signal: 0 } => format!("{code}"),
        Action::Exit { signal, .. } => format!("signal {signal}"),
        Action::Drop { count, .. } => format!("{count} records"),
        _ => String::new(),
    };
    let process = format!("{}[{}]", event.process.name, event.process.id);
    format!(
        "{} {:24} {:22} {:14} {}\n",
        clock(event.time),
        print::plain(&place),
        print::plain(&process),
        name,
        print::plain(&detail)
    )
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Respond, Rotating, SensingArguments, respond};

    #[test]
    fn what_can_be_responded_to() {
        assert_eq!(respond("upper-layer"), Ok(Respond::UpperLayer));
        assert_eq!(respond("name:xmrig"), Ok(Respond::Name("xmrig".to_owned())));
        assert_eq!(respond("file:/bin/nc"), Ok(Respond::File(PathBuf::from("/bin/nc"))));
        for wrong in ["", "name:", "name:a/b", "file:", "everything", &format!("name:{}", "x".repeat(32))] {
            respond(wrong).unwrap_err();
        }
    }

    #[test]
    fn files_are_begun_anew_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let arguments = SensingArguments {
            containers: false,
            all_opens: false,
            time: None,
            rotate: 1,
            keep: 2,
            host_root: PathBuf::from("/"),
        };
        std::fs::write(&path, "of before\n").unwrap();
        let mut file = Rotating::open(&path, &arguments, true).ok().unwrap();
        let line = vec![b'x'; 400_000];
        for _ in 0..7 {
            file.write(&line).unwrap();
        }
        file.flush().unwrap();
        assert_eq!(file.waiting, 0);
        drop(file);
        // What is not there moves nothing.
        super::shift(&folder.path().join("none"), 2).unwrap();
        let mut names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["events", "events.1", "events.2"]);
        for name in names {
            let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
            assert!(text.starts_with("{\"recording\""), "each is a recording of its own");
            assert!(text.len() <= 1_000_000);
        }
    }
}
