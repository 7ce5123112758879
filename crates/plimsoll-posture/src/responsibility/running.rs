//! What runs: workloads with their images and owners.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::shortened;
use serde_json_borrow::Value;

use super::evidence::{Answer, Kubernetes};
use super::rules::{digest_in, is_system_namespace};
use crate::kubernetes::{Object, at, get, list};

/// Labels and annotations that name an owner, as `plimsoll audit` reads them.
const OWNERS: [&str; 3] = ["plimsoll.dev/owner", "owner", "team"];
/// Owners above a pod that are followed: a CronJob's pod has two.
const MAX_ABOVE: usize = 4;

/// An image of a workload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunningImage {
    /// Container.
    pub container: String,
    /// As the pod names it.
    pub reference: String,
    /// Digests that its name or the cluster tells.
    pub digests: BTreeSet<String>,
}

/// A workload: what owns pods and is owned by nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// `Deployment`.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Names of its pods that were seen.
    pub pods: BTreeSet<String>,
    /// Who looks after it, as a label or an annotation of it, its pods or its namespace says.
    pub owner: Option<String>,
    /// In a namespace of the cluster or its provider.
    pub system: bool,
    /// Its images.
    pub images: Vec<RunningImage>,
}

impl Running {
    /// For people: `Deployment shop/web`.
    pub fn shown(&self) -> String {
        let [kind, namespace, name] = [&self.kind, &self.namespace, &self.name].map(|text| shortened(text));
        if namespace.is_empty() { format!("{kind} {name}") } else { format!("{kind} {namespace}/{name}") }
    }
}

/// All workloads by kind, namespace and name, and whether these are all of the cluster.
pub fn running(kubernetes: &Kubernetes<'_>) -> (Vec<Running>, Answer<()>) {
    type Key<'v> = (&'v str, &'v str, &'v str);
    let mut above: BTreeMap<Key<'_>, Key<'_>> = BTreeMap::new();
    let mut namespaces: BTreeMap<&str, String> = BTreeMap::new();
    for object in kubernetes.objects().iter() {
        let name = object.name;
        if let Some(parent) = parent(object) {
            above.insert((name.kind, name.namespace, name.name), parent);
        }
        if name.kind == "Namespace"
            && let Some(owner) = owner(get(object.value(), "metadata"))
        {
            namespaces.insert(name.name, owner);
        }
    }
    let mut all: BTreeMap<Key<'_>, Running> = BTreeMap::new();
    for object in kubernetes.objects().iter().filter(|object| !object.pods.is_empty()) {
        let mut key = (object.name.kind, object.name.namespace, object.name.name);
        for _ in 0..MAX_ABOVE {
            let Some(parent) = above.get(&key) else { break };
            key = *parent;
        }
        let running = all.entry(key).or_insert_with(|| Running {
            kind: key.0.to_owned(),
            namespace: key.1.to_owned(),
            name: key.2.to_owned(),
            system: is_system_namespace(key.1),
            ..Running::default()
        });
        if object.name.kind == "Pod" {
            running.pods.insert(object.name.name.to_owned());
        }
        let template = object.pods.iter().find_map(|pod| {
            let of = |all: Option<&serde_json_borrow::ObjectAsVec<'_>>| {
                OWNERS.iter().find_map(|key| Some(shortened(all?.get(key)?.as_str()?)))
            };
            of(pod.annotations).or_else(|| of(pod.labels))
        });
        let own = owner(get(object.value(), "metadata")).or(template);
        running.owner = running.owner.take().or(own);
        for container in object.pods.iter().flat_map(|pod| &pod.containers) {
            let Some(reference) = container.image else { continue };
            let mut digests: BTreeSet<String> = digest_in(reference).map(str::to_owned).into_iter().collect();
            for key in ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"] {
                for status in list(at(object.value(), &["status", key])) {
                    let text = |key: &str| get(status, key).and_then(|value| value.as_str());
                    if text("name") == Some(container.name) {
                        digests.extend(text("imageID").and_then(digest_in).map(str::to_owned));
                    }
                }
            }
            let same =
                |image: &&mut RunningImage| image.container == container.name && image.reference == reference;
            match running.images.iter_mut().find(same) {
                Some(image) => image.digests.extend(digests),
                None => running.images.push(RunningImage {
                    container: container.name.to_owned(),
                    reference: reference.to_owned(),
                    digests,
                }),
            }
        }
    }
    let mut all: Vec<Running> = all.into_values().collect();
    for running in &mut all {
        running.images.sort();
        running.owner = running.owner.take().or_else(|| namespaces.get(running.namespace.as_str()).cloned());
    }
    (all, kubernetes.workloads())
}

/// The controller of an object, in its namespace.
fn parent<'v>(object: &Object<'v>) -> Option<(&'v str, &'v str, &'v str)> {
    let references = list(at(object.value(), &["metadata", "ownerReferences"]));
    let controls = |value: &&'v Value<'v>| get(value, "controller").and_then(Value::as_bool) == Some(true);
    let reference = references.iter().find(controls)?;
    let kind = get(reference, "kind")?.as_str()?;
    // A static pod is its node's: there is no workload above it.
    (kind != "Node").then_some((kind, object.name.namespace, get(reference, "name")?.as_str()?))
}

fn owner(metadata: Option<&Value<'_>>) -> Option<String> {
    let metadata = metadata?;
    ["annotations", "labels"].into_iter().find_map(|part| {
        let part = get(metadata, part)?;
        let named = |key: &&str| get(part, key)?.as_str().filter(|owner| !owner.is_empty()).map(shortened);
        OWNERS.iter().find_map(named)
    })
}
