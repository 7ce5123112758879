//! `plimsoll watch --learn`, `--baseline` and `plimsoll watch suggest`: what containers of an image do when all is well.

#![cfg_attr(
    not(feature = "runtime"),
    allow(dead_code, reason = "without the sensor there is nothing to learn")
)]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use plimsoll_runtime::Event;
use plimsoll_runtime::baseline::{self, Baseline, Deviations, ImageBaseline, Learner};
use plimsoll_runtime::event::{Action, State};
use plimsoll_runtime::rules::Alert;
use plimsoll_scan::check::learned::{Form, Learned, Suggested};

use super::Answer;
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

/// How often what was learned is written.
const EVERY: Duration = Duration::from_mins(1);
/// Events that wait until the image of their container is known.
const MOST_WAITING: usize = 20_000;
/// Bytes of a baseline that is read.
const LARGEST: u64 = 256 << 20;

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct HabitsArguments {
    /// Learn what the containers of each image do, and write it to a file once a minute and at the end. Every system call of
    /// the machine takes a little longer meanwhile
    #[arg(long, value_name = "FILE", conflicts_with = "events")]
    pub(super) learn: Option<PathBuf>,

    /// Tell what containers do that a file of --learn does not hold
    #[arg(long, value_name = "FILE", conflicts_with_all = ["events", "learn"])]
    pub(super) baseline: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 written, 2 usage, 3 the baseline cannot be read or holds nothing for this form.

Examples:
  plimsoll watch --learn shop.json --for 24h
  plimsoll watch suggest shop.json --image shop:1 --form seccomp > shop-seccomp.json
  plimsoll watch suggest shop.json --image shop:1 --form network-policy --label app=shop"
)]
pub(crate) struct SuggestArguments {
    /// What `plimsoll watch --learn` wrote
    #[arg(value_name = "BASELINE")]
    file: PathBuf,

    /// The image, by the name or digest in the baseline; needed where it holds several
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,

    /// What is written
    #[arg(long, short = 'f', value_enum, value_name = "FORM")]
    form: SuggestForm,

    /// Name of the profile or policy; the last part of the image's name unless given
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Label of the pods that a network policy is for; may be given several times
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SuggestForm {
    /// A seccomp profile (JSON), as Docker, the kubelet and OCI runtimes read it
    Seccomp,
    /// An AppArmor profile
    AppArmor,
    /// A NetworkPolicy of Kubernetes
    NetworkPolicy,
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

fn read(path: &Path) -> anyhow::Result<Baseline> {
    use std::io::Read as _;
    let named = path.display();
    let mut text = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST).read_to_end(&mut text))
        .with_context(|| format!("cannot read the baseline `{named}`"))?;
    let baseline: Baseline =
        serde_json::from_slice(&text).with_context(|| format!("`{named}` is no baseline"))?;
    if baseline.kind != "baseline" || !baseline.schema_version.starts_with("1.") {
        return Err(anyhow!("`{named}` is no baseline of version 1"));
    }
    Ok(baseline)
}

/// What a watch learns or holds against what was learned.
#[derive(Default)]
pub(super) struct Habits {
    learning: Option<Learning>,
    deviations: Option<Deviations>,
    /// Events of containers whose image is not known yet.
    pending: HashMap<String, Vec<Event>>,
    waiting: usize,
    /// Events that found no room.
    dropped: u64,
    /// Events that were not held against the baseline, those that wait not counted.
    unjudged: u64,
}

struct Learning {
    learner: Learner,
    path: PathBuf,
    from: jiff::Timestamp,
    written: Instant,
}

impl Habits {
    pub(super) fn new(arguments: &HabitsArguments, environment: &Environment) -> Result<Self, Failure> {
        let deviations = match &arguments.baseline {
            Some(path) => {
                let baseline = read(path).map_err(|error| Failure::new(USAGE, error))?;
                for image in baseline.images.iter().filter(|image| !image.whole) {
                    print::warning(&format!(
                        "not everything that `{}` did was seen while its baseline was learned: what is told may be ordinary",
                        image.name
                    ));
                }
                Some(Deviations::new(&baseline))
            }
            None => None,
        };
        let learning = arguments.learn.clone().map(|path| Learning {
            learner: Learner::default(),
            path,
            from: environment.now,
            written: Instant::now(),
        });
        Ok(Self { learning, deviations, ..Self::default() })
    }

    /// Whether all kinds of events are needed.
    pub(super) fn is_on(&self) -> bool {
        self.learning.is_some() || self.deviations.is_some()
    }

    pub(super) fn learns(&self) -> bool {
        self.learning.is_some()
    }

    /// Learns from an event, or tells what deviates.
    pub(super) fn event(&mut self, event: &Event) -> Vec<Alert> {
        if !self.is_on() {
            return Vec::new();
        }
        let container = &event.container;
        match event.action {
            Action::ContainerKnown {} => {
                let mut alerts = Vec::new();
                for mut waited in self.pending.remove(&container.id).unwrap_or_default() {
                    self.waiting -= 1;
                    waited.container = Arc::clone(container);
                    alerts.extend(self.known(&waited));
                }
                return alerts;
            }
            Action::ContainerStop {} => {
                // Its image never became known.
                let waited = self.pending.remove(&container.id).unwrap_or_default().len();
                self.waiting -= waited;
                self.unjudged += waited as u64;
                if let Some(learning) = &mut self.learning {
                    learning.learner.unknown += waited as u64;
                }
                if container.state == State::Pending {
                    return Vec::new();
                }
            }
            _ => {}
        }
        if container.state == State::Pending {
            // All that is done is learned from; only some of it is held against what was learned.
            if self.learns() || Deviations::concern(event) {
                if self.waiting < MOST_WAITING {
                    self.waiting += 1;
                    self.pending.entry(container.id.clone()).or_default().push(event.clone());
                } else {
                    self.dropped += 1;
                    self.unjudged += 1;
                }
            }
            return Vec::new();
        }
        self.known(event)
    }

    fn known(&mut self, event: &Event) -> Vec<Alert> {
        if let Some(learning) = &mut self.learning {
            learning.learner.event(event);
        }
        let Some(deviations) = &mut self.deviations else { return Vec::new() };
        let container = &event.container;
        if container.image.is_empty() && container.digest.is_empty() && Deviations::concern(event) {
            self.unjudged += 1;
        }
        deviations.event(event)
    }

    /// Events that were not held against the baseline: nobody knows of which image their container is, or too many waited.
    pub(super) fn unjudged(&self) -> u64 {
        if self.deviations.is_some() { self.unjudged + self.waiting as u64 } else { 0 }
    }

    /// Tells how many events were not held against the baseline; whether there were none.
    pub(super) fn tell_unjudged(&self) -> bool {
        let unjudged = self.unjudged();
        if unjudged > 0 {
            print::warning(&format!(
                "{unjudged} events were not held against the baseline: the image of their container is not known"
            ));
        }
        unjudged == 0
    }

    /// Writes what was learned, where it is time; what is told of it.
    #[cfg(feature = "runtime")]
    pub(super) fn write(
        &mut self,
        sensor: Option<&plimsoll_runtime::Sensor>,
        lost: bool,
        now: bool,
    ) -> Result<Option<String>, String> {
        let lost = lost || self.dropped > 0;
        let Some(learning) = &mut self.learning else { return Ok(None) };
        if !now && learning.written.elapsed() < EVERY {
            return Ok(None);
        }
        learning.written = Instant::now();
        if let Some(sensor) = sensor {
            for calls in sensor.calls().map_err(|error| error.to_string())? {
                learning.learner.calls(calls.cgroup, &calls.names, calls.unnamed);
            }
            // Before its end the sensor still has events: what they say is written when it is over.
            if now {
                return Ok(None);
            }
        }
        let (from, until) = (format!("{:.0}", learning.from), format!("{:.0}", jiff::Timestamp::now()));
        let left = self.pending.values().map(|events| events.len() as u64).sum();
        learning.save(&from, &until, lost, left).map(Some)
    }

    /// Writes what was learned of a recording, whose first and last event had these times (nanoseconds since 1970); what is told of it.
    pub(super) fn write_replayed(&self, first: u64, last: u64, lost: bool) -> Result<Option<String>, String> {
        let lost = lost || self.dropped > 0;
        let left = self.pending.values().map(|events| events.len() as u64).sum();
        let moment = |time: u64| {
            let time =
                jiff::Timestamp::from_nanosecond(i128::from(time)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            format!("{time:.0}")
        };
        let Some(learning) = &self.learning else { return Ok(None) };
        learning.save(&moment(first), &moment(last), lost, left).map(Some)
    }
}

impl Learning {
    /// Writes what was learned. `left` events are of containers whose image did not become known.
    fn save(&self, from: &str, until: &str, lost: bool, left: u64) -> Result<String, String> {
        let baseline = self.learner.baseline(from, until, lost);
        let failed = |error: std::io::Error| format!("cannot write `{}`: {error}", self.path.display());
        // A reader finds the old one or the new one, never a part.
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let mut text = serde_json::to_vec_pretty(&baseline).map_err(|error| error.to_string())?;
        text.push(b'\n');
        std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &self.path)).map_err(failed)?;
        let containers: u64 = baseline.images.iter().map(|image| image.containers).sum();
        let unknown = match self.learner.unknown + left {
            0 => String::new(),
            some => format!("; {some} events of containers whose image is not known were left out"),
        };
        Ok(format!(
            "learned from {containers} containers of {} images{unknown}; {}",
            baseline.images.len(),
            self.path.display()
        ))
    }
}

/// The name of an image's profiles: the last part of its own.
fn name_of(image: &str) -> String {
    let short = image.split('@').next().unwrap_or_default();
    let short = short.rsplit('/').next().unwrap_or_default().split(':').next().unwrap_or_default();
    if short.is_empty() { "learned" } else { short }.to_owned()
}

/// What `plimsoll check --baseline` holds workloads against.
pub(super) fn suggested(path: &Path, forms: &[SuggestForm]) -> Result<Suggested, Failure> {
    let baseline = read(path).map_err(|error| Failure::new(USAGE, error))?;
    // `tcp/8080`, `tcp/10.0.0.7/5432`
    let port = |text: &String| {
        let (protocol, port) = (text.split('/').next()?, text.rsplit('/').next()?);
        Some((protocol.to_ascii_uppercase(), port.parse().ok()?))
    };
    let images = baseline
        .images
        .iter()
        .map(|image| Learned {
            image: image.name.clone(),
            digest: image.digest.clone(),
            name: name_of(&image.name),
            listens: image.listens.iter().filter_map(port).collect(),
            connects: image.connects.iter().filter_map(port).collect(),
            seen: image.seen(),
        })
        .collect();
    let forms = match forms {
        [] => &[SuggestForm::Seccomp, SuggestForm::NetworkPolicy],
        given => given,
    };
    let forms = forms
        .iter()
        .map(|form| match form {
            SuggestForm::Seccomp => Form::Seccomp,
            SuggestForm::AppArmor => Form::AppArmor,
            SuggestForm::NetworkPolicy => Form::NetworkPolicy,
        })
        .collect();
    Ok(Suggested { images, forms })
}

/// `plimsoll watch suggest`.
pub(super) fn suggest(arguments: &SuggestArguments) -> Answer {
    let baseline = read(&arguments.file).map_err(|error| Failure::new(UNDECIDED, error))?;
    let named: Vec<&ImageBaseline> = baseline
        .images
        .iter()
        .filter(|image| {
            arguments.image.as_ref().is_none_or(|asked| *asked == image.name || *asked == image.digest)
        })
        .collect();
    let image = match named.as_slice() {
        [image] => *image,
        [] => {
            let error = anyhow!(
                "the baseline holds nothing of {}",
                match &arguments.image {
                    Some(image) => format!("`{image}`"),
                    None => "any image".to_owned(),
                }
            );
            return Err(Failure::new(UNDECIDED, error));
        }
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|image| format!("{} {}", image.name, image.digest).trim().to_owned())
                .collect();
            return Err(Failure::new(
                USAGE,
                anyhow!("the baseline holds several images: {}", names.join(", ")),
            )
            .hint("choose one: `--image NAME` or `--image DIGEST`".to_owned()));
        }
    };
    if !image.whole {
        print::warning(&format!(
            "not everything that `{}` did was seen: what is suggested may forbid what it needs",
            image.name
        ));
    }
    print::talk(&format!(
        "`{}` was {}: what it does less often, or did not have to do meanwhile, is not allowed",
        image.name,
        image.seen()
    ));
    let name = arguments.name.clone().unwrap_or_else(|| name_of(&image.name));
    let failed = |error: baseline::ProfileError| {
        Failure::new(UNDECIDED, anyhow!(error).context("nothing is suggested"))
    };
    let text = match arguments.form {
        SuggestForm::Seccomp => {
            let profile = baseline::seccomp(image, &baseline.architecture).map_err(failed)?;
            pretty(&profile)?
        }
        SuggestForm::AppArmor => baseline::app_armor(image, &name).map_err(failed)?,
        SuggestForm::NetworkPolicy => {
            if arguments.labels.is_empty() {
                let error = anyhow!("a network policy is for pods with labels, and none are given");
                return Err(Failure::new(USAGE, error).hint("as in `--label app=shop`".to_owned()));
            }
            let labels: BTreeMap<String, String> = arguments.labels.iter().cloned().collect();
            // JSON is YAML.
            pretty(&baseline::network_policy(image, &name, &labels))?
        }
    };
    print::data(&text)?;
    Ok(0)
}

fn pretty(value: &serde_json::Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plimsoll_runtime::Event;
    use plimsoll_runtime::baseline::{Baseline, Deviations};
    use plimsoll_runtime::event::{Action, Container, File, State};

    use super::{Habits, MOST_WAITING};

    fn event(container: &str, state: State, action: Action) -> Event {
        let container = Container { state, id: container.to_owned(), ..Container::default() };
        Event { action, container: Arc::new(container), ..Event::default() }
    }

    fn write(container: &str, state: State) -> Event {
        let file = File { path: "/tmp/x".to_owned(), ..File::default() };
        event(container, state, Action::Open { file, flags: 0o101, mode: 0, descriptor: 3 })
    }

    fn habits() -> Habits {
        Habits { deviations: Some(Deviations::new(&Baseline::default())), ..Habits::default() }
    }

    #[test]
    fn the_room_of_containers_that_ended_is_given_back() {
        let mut habits = habits();
        // Ten times as many as may wait at once.
        for number in 0..10 * MOST_WAITING / 100 {
            let name = format!("{number:064}");
            for _ in 0..100 {
                habits.event(&write(&name, State::Pending));
            }
            habits.event(&event(&name, State::Pending, Action::ContainerStop {}));
        }
        assert_eq!((habits.waiting, habits.pending.len(), habits.dropped), (0, 0, 0));
        assert_eq!(habits.unjudged(), 10 * MOST_WAITING as u64);
    }

    #[test]
    fn what_could_not_be_held_against_a_baseline_is_counted() {
        let mut habits = habits();
        let a = "a".repeat(64);
        // What nobody would judge, and the host, do not count.
        habits.event(&event(&a, State::Pending, Action::Fork { child: 2 }));
        habits.event(&write("", State::Host));
        assert_eq!(habits.unjudged(), 0);
        habits.event(&write(&a, State::Pending));
        assert_eq!(habits.unjudged(), 1, "it waits");
        habits.event(&event(&a, State::Unreadable, Action::ContainerKnown {}));
        assert_eq!((habits.unjudged(), habits.waiting), (1, 0), "nobody could tell its image");
        habits.event(&write(&a, State::Unreadable));
        assert_eq!(habits.unjudged(), 2);
        let mut known = write(&a, State::Known);
        Arc::make_mut(&mut known.container).image = "shop:1".to_owned();
        habits.event(&known);
        assert_eq!(habits.unjudged(), 2);
        assert_eq!(Habits::default().unjudged(), 0);
    }
}
