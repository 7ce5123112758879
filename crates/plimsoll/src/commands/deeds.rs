//! What a watch does about a container in which a rule was met: nothing, unless it is asked to; and only tells what it would
//! do, unless that is enforced.

#![cfg_attr(
    not(feature = "runtime"),
    allow(dead_code, reason = "without the sensor there is nothing to tell")
)]

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Context as _;
use clap::Args;
use plimsoll_runtime::Event;
use plimsoll_runtime::event::{Action, Container, FileKind};
use plimsoll_runtime::respond::{self, Groups};
use plimsoll_runtime::rules::Alert;
use serde_json::{Value, json};

/// Containers that are remembered as dealt with.
const MOST: usize = 100_000;
/// Bundles of evidence that one watch writes.
const MOST_BUNDLES: u64 = 1_000;
/// Events of all containers that are remembered for evidence.
const MOST_EVENTS: usize = 8_000;
/// Events of its container that a bundle holds.
const MOST_OF_ONE: usize = 2_000;
/// Touched files that a bundle names, and those of them that are hashed.
const MOST_TOUCHED: usize = 1_000;
const MOST_HASHED: usize = 100;

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DeedsArguments {
    /// What is done to a container in which a rule is met, by the rule's id or name: freeze, quarantine (cut off from the network) or
    /// evidence (a bundle in --evidence), as in PW002=freeze,evidence; may be given several times. Only told, unless --enforce is given
    #[arg(long, value_name = "RULE=WHAT", conflicts_with = "events", value_parser = act, group = "asked")]
    act: Vec<(String, Vec<Deed>)>,

    /// Folder for bundles of evidence: processes with digests, descriptors and connections, and the alert
    #[arg(long, value_name = "FOLDER", requires = "act")]
    evidence: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Deed {
    Freeze,
    Quarantine,
    Evidence,
}

impl Deed {
    fn name(self) -> &'static str {
        match self {
            Deed::Freeze => "freeze",
            Deed::Quarantine => "quarantine",
            Deed::Evidence => "evidence",
        }
    }
}

fn act(text: &str) -> Result<(String, Vec<Deed>), String> {
    let wrong = || "expected RULE=WHAT, WHAT of freeze, quarantine and evidence".to_owned();
    let (rule, deeds) = text.rsplit_once('=').ok_or_else(wrong)?;
    let named = |name: &str| match name {
        "freeze" => Some(Deed::Freeze),
        "quarantine" => Some(Deed::Quarantine),
        "evidence" => Some(Deed::Evidence),
        _ => None,
    };
    let mut deeds: Vec<Deed> = deeds.split(',').map(named).collect::<Option<_>>().ok_or_else(wrong)?;
    // What is frozen first does not get away while evidence is taken.
    deeds.sort_unstable();
    deeds.dedup();
    if rule.is_empty() { Err(wrong()) } else { Ok((rule.to_owned(), deeds)) }
}

/// What a watch does.
#[derive(Default)]
pub(super) struct Deeds {
    acts: Vec<(String, Vec<Deed>)>,
    folder: Option<PathBuf>,
    enforce: bool,
    done: HashSet<(String, Deed)>,
    bundles: u64,
    /// Containers that are to be cut off, when the sensor has time.
    cuts: Vec<Cut>,
    /// What containers did lately, for evidence.
    lately: VecDeque<Event>,
}

struct Cut {
    /// When the event was that it is about, in nanoseconds since 1970.
    time: u64,
    folder: PathBuf,
    line: Value,
}

impl DeedsArguments {
    pub(super) fn quarantines(&self) -> bool {
        self.act.iter().any(|(_, deeds)| deeds.contains(&Deed::Quarantine))
    }
}

impl Deeds {
    pub(super) fn new(arguments: &DeedsArguments, enforce: bool) -> anyhow::Result<Self> {
        let evidence = arguments.act.iter().any(|(_, deeds)| deeds.contains(&Deed::Evidence));
        if evidence && arguments.evidence.is_none() {
            anyhow::bail!("evidence needs a folder: --evidence FOLDER");
        }
        if let Some(folder) = arguments.evidence.as_ref().filter(|_| enforce) {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        }
        Ok(Self {
            acts: arguments.act.clone(),
            folder: arguments.evidence.clone(),
            enforce,
            ..Self::default()
        })
    }

    /// Whether anything is done, and not only told.
    pub(super) fn enforces(&self) -> bool {
        self.enforce && !self.acts.is_empty()
    }

    /// Remembers what a container did, where bundles of evidence are to be written.
    pub(super) fn note(&mut self, event: &Event) {
        if self.folder.is_none()
            || !self.enforce
            || event.container.is_host()
            || matches!(event.action, Action::Fork { .. } | Action::Exit { .. } | Action::ContainerKnown {})
        {
            return;
        }
        if self.lately.len() >= MOST_EVENTS {
            self.lately.pop_front();
        }
        self.lately.push_back(event.clone());
    }

    /// Does what is asked for about an alert; answers what was done, as lines.
    pub(super) fn about(
        &mut self,
        alert: &Alert,
        container: &Container,
        groups: Option<&Groups>,
        proc: &Path,
    ) -> Vec<Value> {
        let asked = self.acts.iter().filter(|(rule, _)| *rule == alert.id || *rule == alert.rule);
        let deeds: Vec<Deed> = asked.flat_map(|(_, deeds)| deeds).copied().collect();
        let mut lines = Vec::new();
        let enforce = self.enforce;
        for deed in deeds {
            if container.is_host()
                || self.done.len() >= MOST
                || !self.done.insert((container.id.clone(), deed))
            {
                continue;
            }
            let line = |done: bool, detail: &str| {
                json!({
                    "schemaVersion": "1.0", "kind": "response", "time": alert.time, "rule": if alert.id.is_empty() { &alert.rule } else { &alert.id },
                    "response": deed.name(), "container": { "id": container.id, "image": container.image },
                    "enforced": enforce, "done": done, "detail": detail,
                })
            };
            if !enforce {
                lines.push(line(false, "a dry run: --enforce does it"));
                continue;
            }
            let Some(groups) = groups else {
                lines.push(line(false, "no cgroups are mounted"));
                continue;
            };
            let done = match deed {
                Deed::Freeze => respond::freeze(groups, container, true)
                    .map(|()| "all its processes stand still until somebody thaws it".to_owned())
                    .map_err(anyhow::Error::new),
                Deed::Evidence => self.bundle(alert, container, groups, proc),
                Deed::Quarantine => match groups {
                    Groups::Second(mount) => match respond::folder(mount, container) {
                        Some(folder) => {
                            let line = line(true, "no packet passes for as long as the watch runs");
                            self.cuts.push(Cut { time: alert.time, folder, line });
                            continue;
                        }
                        None => Err(anyhow::anyhow!("it has no cgroup of a container")),
                    },
                    Groups::First(_) => {
                        Err(anyhow::anyhow!("containers are in cgroups of the first version only"))
                    }
                },
            };
            lines.push(match done {
                Ok(detail) => timed(line(true, &detail), alert.time),
                Err(error) => line(false, &format!("{error:#}")),
            });
        }
        lines
    }

    fn bundle(
        &mut self,
        alert: &Alert,
        container: &Container,
        groups: &Groups,
        proc: &Path,
    ) -> anyhow::Result<String> {
        if self.bundles >= MOST_BUNDLES {
            anyhow::bail!("this watch wrote {MOST_BUNDLES} bundles already");
        }
        let evidence = respond::evidence(groups, proc, container)?;
        let own = || self.lately.iter().filter(|event| event.container.id == container.id);
        let events: Vec<&Event> = own().skip(own().count().saturating_sub(MOST_OF_ONE)).collect();
        let touched = touched(&events, proc, evidence.processes.first().map(|process| process.id));
        let folder = self.folder.as_deref().unwrap_or(Path::new("."));
        let plain = |text: &str| -> String {
            text.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '-' }).take(64).collect()
        };
        let id = if alert.id.is_empty() { &alert.rule } else { &alert.id };
        let path = folder.join(format!("{}-{}-{}.json", alert.time, plain(id), plain(&container.id)));
        let document = json!({
            "schemaVersion": "1.0", "kind": "evidence", "alert": alert, "container": container, "evidence": evidence,
            "touched": touched, "events": events,
        });
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        // Arguments of programs may hold secrets: for its owner only, and never over something that is there.
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(&serde_json::to_vec_pretty(&document)?)?;
        file.write_all(b"\n")?;
        self.bundles += 1;
        Ok(path.display().to_string())
    }

    /// Cuts off what is to be cut off; answers what was done, as lines.
    pub(super) fn cut(&mut self, mut by: impl FnMut(&Path) -> Result<(), String>) -> Vec<Value> {
        let cuts = std::mem::take(&mut self.cuts);
        cuts.into_iter()
            .map(|mut cut| match by(&cut.folder) {
                Ok(()) => timed(cut.line, cut.time),
                Err(error) => {
                    cut.line["done"] = false.into();
                    cut.line["detail"] = error.into();
                    cut.line
                }
            })
            .collect()
    }
}

/// A line about what was done, with how long after the event it was.
fn timed(mut line: Value, event: u64) -> Value {
    let now = UNIX_EPOCH.elapsed().map_or(0, |now| u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
    line["microseconds"] = now.saturating_sub(event / 1_000).into();
    line
}

/// Files that these events changed, made or started, with the digest that they have now: by path.
fn touched(events: &[&Event], proc: &Path, process: Option<u32>) -> Vec<Value> {
    const WRITES: u32 = 0o1 | 0o2 | 0o100 | 0o1000;
    let mut all: BTreeMap<&str, BTreeSet<&'static str>> = BTreeMap::new();
    for event in events {
        let paths: Vec<(&str, &'static str)> = match &event.action {
            Action::Exec { file, script, .. } => {
                vec![(file.path.as_str(), "started"), (script.as_str(), "started")]
            }
            Action::Open { file, flags, descriptor, .. }
                if *descriptor >= 0 && matches!(file.kind, FileKind::Regular) =>
            {
                vec![(file.path.as_str(), if flags & WRITES != 0 { "written" } else { "read" })]
            }
            Action::Rename { from, to } => vec![(from.as_str(), "renamed"), (to.as_str(), "renamed")],
            Action::Link { from, to } => vec![(from.as_str(), "linked"), (to.as_str(), "linked")],
            Action::Symlink { path, .. } => vec![(path.as_str(), "linked")],
            Action::Unlink { path, .. } => vec![(path.as_str(), "removed")],
            Action::MakeDirectory { path, .. } | Action::MakeNode { path, .. } => {
                vec![(path.as_str(), "made")]
            }
            Action::Chmod { path, .. } => vec![(path.as_str(), "permissions")],
            _ => Vec::new(),
        };
        for (path, how) in paths.into_iter().filter(|(path, _)| !path.is_empty()) {
            if all.len() < MOST_TOUCHED || all.contains_key(path) {
                all.entry(path).or_default().insert(how);
            }
        }
    }
    // What the container changed is hashed before what it only ran or read.
    let mut order: Vec<&str> = all.keys().copied().collect();
    order.sort_by_key(|path| all[path].iter().all(|how| matches!(*how, "started" | "read")));
    let hashed: BTreeMap<&str, (String, u64)> = order
        .into_iter()
        .filter(|path| path.starts_with('/'))
        .take(MOST_HASHED)
        .filter_map(|path| Some((path, respond::digest_inside(proc, process?, path)?)))
        .collect();
    all.iter()
        .map(|(path, how)| {
            let mut line = json!({ "path": path, "how": how });
            if let Some((digest, size)) = hashed.get(path) {
                line["digest"] = digest.as_str().into();
                line["size"] = (*size).into();
            }
            line
        })
        .collect()
}

/// For people: what was done about which container.
pub(super) fn told(line: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let id: String = text(&line["container"]["id"]).chars().take(12).collect();
    let word = match (line["done"].as_bool(), line["enforced"].as_bool()) {
        (Some(true), _) => "done",
        (_, Some(true)) => "not done",
        _ => "would be done",
    };
    let image = text(&line["container"]["image"]);
    format!(
        "{} of {id} {image} {word} ({}): {}",
        text(&line["response"]),
        text(&line["rule"]),
        text(&line["detail"])
    )
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use plimsoll_runtime::Event;
    use plimsoll_runtime::baseline::{Baseline, Deviations, ImageBaseline};
    use plimsoll_runtime::event::{Container, State};
    use plimsoll_runtime::respond::Groups;

    use super::{Deed, Deeds, act};

    #[test]
    fn what_is_not_cut_off_any_more_is_told() {
        let container =
            Container { state: State::Known, cgroup: "/pod/ab".to_owned(), ..Container::default() };
        let acts = vec![("PB001".to_owned(), vec![Deed::Quarantine])];
        let mut deeds = Deeds { acts, enforce: true, ..Deeds::default() };
        let image = ImageBaseline { name: "shop:1".to_owned(), ..ImageBaseline::default() };
        let baseline = Baseline { images: vec![image], ..Baseline::default() };
        let line = r#"{"action":{"type":"exec","path":"/x","file":{"path":"/x"}},"container":{"state":"known","image":"shop:1"}}"#;
        let event = serde_json::from_str::<Event>(line).unwrap();
        let alert = &Deviations::new(&baseline).event(&event)[0];
        let groups = Groups::Second(PathBuf::from("/c"));
        assert!(deeds.about(alert, &container, Some(&groups), Path::new("/proc")).is_empty());
        let told = deeds.cut(|folder| Err(format!("no room for {}", folder.display())));
        assert_eq!(told.len(), 1);
        assert_eq!((&told[0]["done"], &told[0]["detail"]), (&false.into(), &"no room for /c/pod/ab".into()));
        assert!(deeds.cut(|_| Ok(())).is_empty(), "once");
    }

    #[test]
    fn what_can_be_done() {
        assert_eq!(
            act("PW002=evidence,freeze"),
            Ok(("PW002".to_owned(), vec![Deed::Freeze, Deed::Evidence]))
        );
        assert_eq!(act("a=b=quarantine"), Ok(("a=b".to_owned(), vec![Deed::Quarantine])));
        for wrong in ["", "PW002", "PW002=", "=freeze", "PW002=kill", "PW002=freeze,"] {
            act(wrong).unwrap_err();
        }
    }
}
