//! The objects of a live cluster that an audit needs, and what is unknown where the right to read them is missing.

use std::borrow::Cow;

use plimsoll_kube::{Client, Error, Filter, Resource};
use plimsoll_model::audit::Missing;
use plimsoll_model::workload::Kinds;
use plimsoll_posture::cluster::LISTS;
use plimsoll_rules::Rules;
use serde_json_borrow::Value;

/// Whoever takes objects.
pub trait Sink {
    /// All objects of a kind that were given are void: they are listed anew.
    fn forget(&mut self, kind: &str);
    /// An object is there.
    fn object(&mut self, object: &Value<'_>);
    /// The objects that follow are copies from which parts were left out.
    fn partial(&mut self) {}
}

impl Sink for super::Collector {
    fn forget(&mut self, kind: &str) {
        super::Collector::forget(self, kind);
    }
    fn object(&mut self, object: &Value<'_>) {
        self.apply(object);
    }
    fn partial(&mut self) {
        self.judged.are_partial();
    }
}

/// Objects that an audit needs beside those that run something: group, resource, kind, whether they are in namespaces, and
/// what is unknown without them. The verdict on images does not depend on them.
const BESIDE: &[(&str, &str, &str, bool, &str)] = &[
    ("", "namespaces", "Namespace", false, "who looks after a namespace"),
    ("", "serviceaccounts", "ServiceAccount", true, "whether default accounts have their token mounted"),
    ("networking.k8s.io", "networkpolicies", "NetworkPolicy", true, "who may reach what"),
];

/// What a cluster is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// An audit of what it runs.
    Audit,
    /// Every analysis: all of [`LISTS`].
    Everything,
}

/// A row of what is read beside what runs: group, resource, kind, whether it is in namespaces, what is unknown without it,
/// whether it comes with an extension that a server may lack.
type Beside = (&'static str, &'static str, &'static str, bool, &'static str, bool);

impl Scope {
    fn beside(self) -> Vec<Beside> {
        match self {
            Scope::Audit => BESIDE.iter().map(|row| (row.0, row.1, row.2, row.3, row.4, false)).collect(),
            Scope::Everything => LISTS
                .iter()
                .map(|list| {
                    let own = BESIDE.iter().find(|row| row.0 == list.group && row.1 == list.plural);
                    let unknown = own.map_or(list.unknown, |row| row.4);
                    (list.group, list.plural, list.kind, list.namespaced, unknown, list.optional)
                })
                .collect(),
        }
    }
}

/// Kinds of Kubernetes itself that run something, so that a server that does not say what it offers is asked for them.
const OWN: &[(&str, &str, &str)] = &[
    ("", "pods", "Pod"),
    ("", "replicationcontrollers", "ReplicationController"),
    ("apps", "deployments", "Deployment"),
    ("apps", "replicasets", "ReplicaSet"),
    ("apps", "statefulsets", "StatefulSet"),
    ("apps", "daemonsets", "DaemonSet"),
    ("batch", "jobs", "Job"),
    ("batch", "cronjobs", "CronJob"),
];

/// A kind of objects that is read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The kind.
    pub resource: Resource,
    /// What is unknown without it.
    pub unknown: String,
    /// Whether the verdict depends on it.
    pub decides: bool,
}

/// The kinds of objects that an audit of this cluster reads.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    /// Version of the server, where it says it.
    pub version: Option<String>,
    /// The kinds.
    pub all: Vec<Reading>,
    /// What could not be found out.
    pub missing: Vec<Missing>,
}

impl Readings {
    /// The lists by their name in rights, as a snapshot says which it tried.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.all.iter().map(|reading| reading.resource.to_string()).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Kind of the objects of a list, by its name in rights: `Deployment` for `deployments.apps`. The name itself where it is of
/// no known kind.
pub fn kind_of(resource: &str) -> &str {
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    let own = OWN.iter().find(|row| row.0 == group && row.1 == plural).map(|row| row.2);
    let beside = LISTS.iter().find(|list| list.group == group && list.plural == plural);
    own.or(beside.map(|list| list.kind)).unwrap_or(resource)
}

/// Finds out which kinds of objects there are to read: Kubernetes' own, and of the others that run something those that the
/// server offers.
///
/// # Errors
/// When the cluster cannot be reached, or does not know us.
pub fn readings(client: &Client, kinds: &Kinds, scope: Scope) -> Result<Readings, Error> {
    readings_for(client, kinds, scope, &Rules::default())
}

/// As [`readings`], with all kinds that rules are about.
///
/// # Errors
/// As [`readings`].
pub fn readings_for(client: &Client, kinds: &Kinds, scope: Scope, rules: &Rules) -> Result<Readings, Error> {
    let named = rules.subjects();
    let mut readings = Readings::default();
    let beside = scope.beside();
    match client.version() {
        Ok(version) => readings.version = Some(version),
        Err(Error::Forbidden { .. } | Error::NotFound { .. }) => {}
        Err(error) => return Err(error),
    }
    let known = |group: &str, version: &str, plural: &str, kind: &str, namespaced: bool| Resource {
        group: Cow::Owned(group.to_owned()),
        version: Cow::Owned(version.to_owned()),
        plural: Cow::Owned(plural.to_owned()),
        kind: Cow::Owned(kind.to_owned()),
        namespaced,
    };
    // What is offered, by group: of each kind the version that the server prefers.
    let mut offered: Vec<Resource> = Vec::new();
    match client.groups() {
        Ok(groups) => {
            let wanted = |name: &str| {
                beside.iter().any(|row| row.0 == name)
                    || named.iter().any(|(group, _)| group == "*" || group == name)
                    || kinds.all().any(|(group, _)| group == name && group != "extensions")
            };
            for group in groups.iter().filter(|group| wanted(&group.name)) {
                for version in &group.versions {
                    match client.resources(&group.name, version) {
                        Ok(list) => {
                            for one in list {
                                let is_known =
                                    offered.iter().any(|own| own.group == one.group && own.kind == one.kind);
                                if !is_known {
                                    offered.push(one);
                                }
                            }
                        }
                        Err(Error::NotFound { .. }) => {}
                        Err(error) => readings.missing.push(Missing {
                            resource: format!("{}/{version}", group.name),
                            reason: error.to_string(),
                            unknown:
                                "which kinds of objects run something there, or are what rules are about"
                                    .into(),
                            decides: true,
                        }),
                    }
                }
            }
        }
        Err(Error::Forbidden { .. }) => {
            readings.missing.push(Missing {
                resource: "/apis".into(),
                reason: "no right to read what the server offers".into(),
                unknown: "whether kinds of other controllers run something".into(),
                decides: true,
            });
            if !rules.is_empty() {
                readings.missing.push(Missing {
                    resource: "/apis".into(),
                    reason: "no right to read what the server offers".into(),
                    unknown: "whether objects of further kinds fit the rules about them".into(),
                    decides: true,
                });
            }
            let all = OWN.iter().map(|(group, plural, kind)| known(group, "v1", plural, kind, true));
            // Of extensions it is not known whether they are there, and in which version.
            readings.missing.extend(beside.iter().filter(|row| row.5).map(|row| Missing {
                resource: format!("{}.{}", row.1, row.0),
                reason: "no right to read what the server offers".into(),
                unknown: row.4.into(),
                decides: false,
            }));
            let beside = beside.iter().filter(|row| !row.5);
            let beside = beside.map(|row| known(row.0, "v1", row.1, row.2, row.3));
            offered.extend(all.chain(beside));
        }
        Err(error) => return Err(error),
    }
    for resource in offered {
        let (group, kind) = (resource.group.as_ref(), resource.kind.as_ref());
        // Rules about all kinds do not mean these, which come and go by the second; rules that name them do.
        let passing =
            matches!((group, kind), ("" | "events.k8s.io", "Event") | ("coordination.k8s.io", "Lease"));
        let is_named = named.iter().any(|(_, name)| *name == resource.plural);
        let ruled = (!passing || is_named) && rules.is_about(group, &resource.plural, kind);
        if let Some(row) = beside.iter().find(|row| row.0 == group && row.2 == kind) {
            let unknown =
                if ruled { format!("{}, and whether they fit the rules", row.4) } else { row.4.to_owned() };
            readings.all.push(Reading { resource, unknown, decides: ruled });
        } else if ruled && !kinds.knows(group, kind) {
            let unknown = format!("whether objects of kind {kind} fit the rules");
            readings.all.push(Reading { resource, unknown, decides: true });
        } else if kinds.knows(group, kind) && kind != "PodTemplate" {
            let unknown = match kind {
                "Pod" => "what runs".to_owned(),
                kind => format!("what {kind}s are to run, and whose pods are theirs"),
            };
            readings.all.push(Reading { resource, unknown, decides: true });
        }
    }
    Ok(readings)
}

/// Reads all objects, of all namespaces or of these. What cannot be read is told, and costs nothing else.
pub fn read(
    client: &Client,
    readings: &Readings,
    namespaces: &[String],
    sink: &mut dyn Sink,
) -> Vec<Missing> {
    let mut missing = readings.missing.clone();
    for reading in &readings.all {
        for namespace in scopes(reading, namespaces) {
            let filter = Filter { namespace, ..Filter::default() };
            let outcome = client.list(&reading.resource, &filter, &mut |page| {
                // With several namespaces a list that begins anew would void those before it: what is listed twice is the
                // same object.
                if page.first && namespace.is_none() {
                    sink.forget(&reading.resource.kind);
                }
                for item in page.items {
                    sink.object(item);
                }
            });
            if let Err(error) = outcome {
                missing.push(self::missing(reading, &error));
            }
        }
    }
    missing
}

/// In which namespaces a kind is listed: none stands for all.
pub fn scopes<'n>(reading: &Reading, namespaces: &'n [String]) -> Vec<Option<&'n str>> {
    if namespaces.is_empty() || !reading.resource.namespaced {
        vec![None]
    } else {
        namespaces.iter().map(|namespace| Some(namespace.as_str())).collect()
    }
}

/// What is unknown for an error.
pub fn missing(reading: &Reading, error: &Error) -> Missing {
    Missing {
        resource: reading.resource.to_string(),
        reason: plimsoll_model::one_line(error),
        unknown: reading.unknown.clone(),
        decides: reading.decides,
    }
}
