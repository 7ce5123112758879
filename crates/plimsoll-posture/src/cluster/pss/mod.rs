//! What would break if namespaces asked for a level of the Pod Security Standards - over templates too, which may have no pods
//! today -, what mends it, and which namespaces can be labelled without breaking anything.
//!
//! Nothing is met where something may run that was not seen: a list that is missing, an object that could not be read.

pub(crate) mod patch;
#[cfg(test)]
mod tests;
pub(crate) mod view;

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::audit::{ClusterInfo, Missing};
use plimsoll_model::pod_security::{Level, Standard, Version};
use plimsoll_model::pss::{
    PSS_VERSION, Pss, PssBreak, PssChange, PssCommand, PssLabels, PssNamespace, PssStanding, PssSummary,
    PssViolation,
};
use plimsoll_model::{Effect, Outcome, shortened};
use serde_json_borrow::{ObjectAsVec, Value};

use super::{Cluster, Labels, Namespace, Origin, Workload, list_of};
use crate::pod_security::{self, Judged, Pod};
use crate::responsibility::is_system_namespace;

/// Labels of namespaces that ask for a level; with `-version` after them for the version.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
const WARN: &str = "pod-security.kubernetes.io/warn";
const AUDIT: &str = "pod-security.kubernetes.io/audit";

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The levels; the highest that nothing breaks at is proposed.
    pub levels: Vec<Level>,
    /// The version; that of the cluster where it is known, else the newest.
    pub version: Option<Version>,
    /// The namespaces; all where it is empty.
    pub namespaces: BTreeSet<String>,
}

/// Holds everything that runs, or would, against the levels that are asked about.
pub fn pss(cluster: &Cluster, info: &ClusterInfo, asked: &Asked) -> Pss {
    let own = info.version.as_deref().and_then(release);
    let version = asked.version.or(own).unwrap_or(Version::Latest);
    let levels: BTreeSet<Level> =
        asked.levels.iter().copied().filter(|level| *level != Level::Privileged).collect();
    let mut within: BTreeMap<&str, Vec<&Workload>> =
        cluster.namespaces.keys().map(|name| (name.as_ref(), Vec::new())).collect();
    for workload in &cluster.workloads {
        within.entry(&workload.namespace).or_default().push(workload);
    }
    let wanted = |name: &str| {
        (asked.namespaces.is_empty() || asked.namespaces.contains(name))
            && (cluster.only.is_empty() || cluster.only.iter().any(|own| own.as_ref() == name))
    };
    let mut missing = lists_of_workloads(cluster);
    if let Some(reason) = cluster.missing("Namespace") {
        missing.push(Missing {
            resource: "namespaces".into(),
            reason: reason.to_owned(),
            unknown: "which namespaces there are, and what they are labelled with".into(),
            decides: true,
        });
    }
    missing.sort();
    let mut namespaces = Vec::new();
    let (mut pods, mut workloads) = (0, 0);
    for (name, all) in within.iter().filter(|(name, _)| wanted(name)) {
        let scene = Scene { cluster, name, all, own: own.unwrap_or(Version::Latest) };
        let namespace = scene.namespace(&levels, version);
        workloads += namespace.workloads;
        pods += all.iter().map(|workload| u64::from(workload.pods)).sum::<u64>();
        namespaces.push(namespace);
    }
    let mut summary =
        PssSummary { namespaces: namespaces.len() as u64, workloads, pods, ..PssSummary::default() };
    let (mut breaks, mut open) = (false, !missing.is_empty());
    for namespace in namespaces.iter().filter(|namespace| !is_system_namespace(&namespace.name)) {
        let has = |answer: Outcome| namespace.levels.iter().any(|standing| standing.answer == answer);
        breaks |= has(Outcome::NotMet);
        open |= has(Outcome::Unknown);
        let number = match namespace.could_have {
            Some(Level::Restricted) => &mut summary.restricted,
            Some(_) => &mut summary.baseline,
            None if has(Outcome::Unknown) => &mut summary.unknown,
            None => &mut summary.neither,
        };
        *number += 1;
    }
    summary.broken = namespaces.iter().filter(|namespace| namespace.enforced.is_some()).count() as u64;
    open |= cluster.problems.iter().any(|problem| problem.effect == Effect::Incomplete);
    Pss {
        schema_version: PSS_VERSION.into(),
        plimsoll: env!("CARGO_PKG_VERSION").into(),
        cluster: info.clone(),
        version,
        levels: levels.iter().copied().collect(),
        verdict: if breaks {
            Outcome::NotMet
        } else if open {
            Outcome::Unknown
        } else {
            Outcome::Met
        },
        summary,
        commands: commands(&namespaces, version),
        notes: notes(cluster, &namespaces, version),
        namespaces,
        missing,
        problems: cluster.problems.clone(),
    }
}

/// The minor release of a version of a server: `v1.31.2-gke.100` is 31.
fn release(version: &str) -> Option<Version> {
    let minor = version.strip_prefix("v1.").or_else(|| version.strip_prefix("1."))?;
    let digits = minor.split(|letter: char| !letter.is_ascii_digit()).next()?;
    digits.parse().ok().map(Version::Minor)
}

/// Lists of what runs that were not seen. A list of which only some namespaces were looked at was seen for those.
fn lists_of_workloads(cluster: &Cluster) -> Vec<Missing> {
    let only = cluster.only_in();
    let all = cluster.missing.iter();
    all.filter(|(kind, reason)| list_of(kind).is_none() && Some(*reason) != only.as_ref())
        .map(|(kind, reason)| Missing {
            resource: kind.clone(),
            reason: reason.clone(),
            unknown: if kind == "Pod" { "what runs" } else { "what is to run" }.into(),
            decides: true,
        })
        .collect()
}

/// Judges a specification with the annotations of its pod.
pub(crate) fn judge(
    spec: &Value<'_>,
    base: &str,
    annotations: &[(&str, &str)],
    standard: Standard,
) -> Judged {
    let mut own = ObjectAsVec::default();
    for (name, value) in annotations {
        own.insert(name, Value::Str((*value).into()));
    }
    pod_security::check(Pod { spec, pointer: base, annotations: Some(&own) }, standard)
}

/// A namespace with what is in it.
struct Scene<'c, 'a> {
    cluster: &'c Cluster,
    name: &'a str,
    all: &'a [&'c Workload],
    /// The version of the server, which `latest` stands for.
    own: Version,
}

impl Scene<'_, '_> {
    fn namespace(&self, levels: &BTreeSet<Level>, version: Version) -> PssNamespace {
        let object = self.cluster.namespaces.get(self.name).filter(|namespace| namespace.seen);
        let standings: Vec<PssStanding> =
            levels.iter().map(|level| self.standing(Standard { level: *level, version })).collect();
        let could_have = standings
            .iter()
            .filter(|standing| standing.answer == Outcome::Met)
            .map(|standing| standing.level)
            .max();
        let enforced = object
            .and_then(|object| asks(&object.labels, ENFORCE))
            .map(|(standard, _)| standard)
            .filter(|standard| standard.level != Level::Privileged)
            .map(|standard| {
                let version = match standard.version {
                    Version::Latest => self.own,
                    version @ Version::Minor(_) => version,
                };
                self.standing(Standard { version, ..standard })
            })
            .filter(|standing| !standing.breaks.is_empty());
        PssNamespace {
            name: shortened(self.name),
            labels: object.map(labels),
            workloads: self.all.len() as u64,
            could_have,
            levels: standings,
            enforced,
        }
    }

    fn standing(&self, standard: Standard) -> PssStanding {
        let mut unknown: Vec<String> = lists_of_workloads(self.cluster)
            .iter()
            .map(|one| format!("{} without {}: {}", one.unknown, one.resource, one.reason))
            .collect();
        for place in [None, Some(std::sync::Arc::from(self.name))] {
            unknown.extend(self.cluster.unread.get(&place).into_iter().flatten().cloned());
        }
        let mut breaks = Vec::new();
        for workload in self.all {
            let shown = workload.shown();
            if workload.security.is_empty() {
                unknown.push(format!("{}: only its images are known", shortened(&shown)));
                continue;
            }
            let Ok(spec) = serde_json::from_str::<Value<'_>>(&workload.security) else {
                unknown.push(format!("{}: its specification cannot be read", shortened(&shown)));
                continue;
            };
            let annotations: Vec<(&str, &str)> = workload.annotations.iter().collect();
            let judged = judge(&spec, &workload.pointer, &annotations, standard);
            unknown.extend(
                judged.unread.iter().map(|unread| format!("{}: {}", shortened(&shown), shortened(unread))),
            );
            if !judged.violations.is_empty() {
                breaks.push(broken(workload, &judged, &annotations, standard));
            }
        }
        unknown.sort();
        unknown.dedup();
        let answer = if !breaks.is_empty() {
            Outcome::NotMet
        } else if unknown.is_empty() {
            Outcome::Met
        } else {
            Outcome::Unknown
        };
        PssStanding { level: standard.level, version: standard.version, answer, breaks, unknown }
    }
}

fn broken(
    workload: &Workload,
    judged: &Judged,
    annotations: &[(&str, &str)],
    standard: Standard,
) -> PssBreak {
    let mended =
        patch::mend(&workload.security, &workload.pointer, annotations, &judged.violations, standard);
    let mut mind = mended.mind;
    let in_place = workload.template && workload.kind.as_ref() != "Job";
    if !workload.template && workload.kind.as_ref() == "Pod" {
        mind.push("a pod cannot be changed in place: it is to be made anew".into());
    } else if !workload.template {
        mind.push(
            "these pods are not as their template: what changes them on their way in, or makes them, is to be changed"
                .into(),
        );
    } else if !in_place {
        mind.push("the template of a Job cannot be changed in place: the Job is to be made anew".into());
    }
    PssBreak {
        whose: None,
        workload: workload.shown(),
        template: workload.template,
        pods: workload.pods.into(),
        source: workload.source.as_deref().map(str::to_owned),
        pointer: workload.pointer.clone(),
        violations: judged
            .violations
            .iter()
            .map(|violation| PssViolation {
                control: violation.control.to_owned(),
                pointer: violation.pointer.clone(),
                detail: violation.detail.clone(),
            })
            .collect(),
        command: (in_place && workload.source.is_none() && !mended.changes.is_empty())
            .then(|| command(workload, &mended.changes))
            .flatten(),
        patch: mended.changes,
        by_hand: mended.by_hand,
        mind,
    }
}

/// What takes away from a live workload everything that leads to its node; `None` where a command does not take all of it.
pub(crate) fn drop_command(workload: &Workload) -> Option<String> {
    let in_place = workload.template && workload.kind.as_ref() != "Job" && workload.source.is_none();
    let spec = serde_json::from_str::<Value<'_>>(&workload.security).ok()?;
    let annotations: Vec<(&str, &str)> = workload.annotations.iter().collect();
    let standard = Standard { level: Level::Baseline, version: Version::Latest };
    let judged = judge(&spec, &workload.pointer, &annotations, standard);
    let mended =
        patch::mend(&workload.security, &workload.pointer, &annotations, &judged.violations, standard);
    // What is left to people is not mended; baseline without it has no way to the node that is known to be open.
    (in_place && mended.by_hand.is_empty() && !mended.changes.is_empty())
        .then(|| command(workload, &mended.changes))
        .flatten()
}

/// A word that no shell reads anything into.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

/// What applies a patch to a live object.
fn command(workload: &Workload, changes: &[PssChange]) -> Option<String> {
    let mut kind = workload.kind.to_ascii_lowercase();
    if !matches!(workload.group.as_ref(), "" | "apps" | "batch") {
        kind.push('.');
        kind.push_str(&workload.group);
    }
    if ![&kind, workload.name.as_ref(), workload.namespace.as_ref()].iter().all(|text| is_plain(text)) {
        return None;
    }
    let patch = serde_json::to_string(changes).ok()?.replace('\'', "'\\''");
    Some(format!("kubectl patch {kind} {} -n {} --type=json -p '{patch}'", workload.name, workload.namespace))
}

/// What a label asks for, and whether it could be read; a level that is none is `restricted`, a version that is none `latest`.
fn asks(labels: &Labels, label: &str) -> Option<(Standard, Vec<String>)> {
    let mut unread = Vec::new();
    let level = match labels.get(label)? {
        "privileged" => Level::Privileged,
        "baseline" => Level::Baseline,
        "restricted" => Level::Restricted,
        other => {
            unread.push(format!("{label}={}", shortened(other)));
            Level::Restricted
        }
    };
    let version = match labels.get(&format!("{label}-version")) {
        None => Version::Latest,
        Some(text) => text.parse().unwrap_or_else(|_| {
            unread.push(format!("{label}-version={}", shortened(text)));
            Version::Latest
        }),
    };
    Some((Standard { level, version }, unread))
}

fn labels(namespace: &Namespace) -> PssLabels {
    let mut unread = Vec::new();
    let mut of = |label: &str| {
        let (standard, faults) = asks(&namespace.labels, label)?;
        unread.extend(faults);
        Some(standard.to_string())
    };
    let (enforce, warn, audit) = (of(ENFORCE), of(WARN), of(AUDIT));
    PssLabels { enforce, warn, audit, unread }
}

/// Labels that break nothing today, for namespaces that ask for less.
fn commands(namespaces: &[PssNamespace], version: Version) -> Vec<PssCommand> {
    let mut commands = Vec::new();
    for level in [Level::Restricted, Level::Baseline] {
        for overwrite in [false, true] {
            let names: Vec<&str> = namespaces
                .iter()
                .filter(|namespace| namespace.could_have == Some(level) && is_plain(&namespace.name))
                .filter(|namespace| !is_system_namespace(&namespace.name))
                .filter(|namespace| {
                    let now = namespace.labels.as_ref().and_then(|labels| labels.enforce.as_deref());
                    let word = now.map(|now| now.split(':').next().unwrap_or_default());
                    // What is not known may be labelled already: without --overwrite that is refused, not lowered.
                    match word {
                        None => !overwrite,
                        Some("privileged") => overwrite,
                        Some("baseline") => overwrite && level == Level::Restricted,
                        Some(_) => false,
                    }
                })
                .map(|namespace| namespace.name.as_str())
                .collect();
            if names.is_empty() {
                continue;
            }
            let more = if overwrite { " --overwrite" } else { "" };
            let command = format!(
                "kubectl label namespace {} {ENFORCE}={} {ENFORCE}-version={version}{more}",
                names.join(" "),
                level.word()
            );
            let namespaces = names.into_iter().map(str::to_owned).collect();
            commands.push(PssCommand { level, namespaces, command });
        }
    }
    commands
}

fn notes(cluster: &Cluster, namespaces: &[PssNamespace], version: Version) -> Vec<String> {
    let mut notes = Vec::new();
    if cluster.origin == Origin::Manifests {
        notes.push("these are manifests: what else is in the cluster is not looked at".into());
    }
    let system: Vec<&str> = namespaces
        .iter()
        .map(|namespace| namespace.name.as_str())
        .filter(|name| is_system_namespace(name))
        .collect();
    if !system.is_empty() {
        notes.push(format!(
            "the cluster's own namespaces count neither for the verdict nor for labels: {}",
            system.join(", ")
        ));
    }
    if let Version::Minor(minor) = version
        && minor > pod_security::NEWEST
    {
        notes.push(format!("{version} is judged as v1.{}, the newest that is known", pod_security::NEWEST));
    }
    notes.push("exemptions that API servers are configured with are not seen".into());
    notes
}
