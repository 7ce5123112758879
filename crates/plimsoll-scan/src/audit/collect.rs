//! What runs, out of the objects of a cluster, in a form that is small: each object is looked at once and let go.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use plimsoll_model::audit::RuleResult;
use plimsoll_model::pod_security::Standard;
use plimsoll_model::workload::{ContainerKind, Kinds, Pod, pods};
use plimsoll_model::{Digest, Problem, ProblemKind, shortened};
use plimsoll_policy::PodSecurity;
use plimsoll_posture::pod_security;
use plimsoll_rules::{LabelSelector, Rules};
use serde::Deserialize as _;
use serde_json_borrow::Value;

use super::objects::Objects;

/// Labels and annotations that say who looks after something, the first that is there counts.
const OWNERS: [&str; 3] = ["plimsoll.dev/owner", "owner", "team"];
/// Longest name of somebody who looks after something, in characters.
const LONGEST_OWNER: usize = 100;
/// Most objects that own one another: a chain longer than this is a circle.
const HIGHEST: usize = 8;
/// Most problems that are told.
const MOST_PROBLEMS: usize = 1_000;

/// Kind, namespace and name of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) namespace: Arc<str>,
    pub(super) kind: Arc<str>,
    pub(super) name: Arc<str>,
}

/// What is known of the digest that runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Running {
    /// The node says it.
    Digest(Digest),
    /// It runs, and the node does not say which digest it is.
    Untold,
    /// Nothing runs yet: the name will be resolved when something does.
    Nothing,
}

/// Labels with their values, in order.
pub(super) type Labels = Arc<[(Arc<str>, Arc<str>)]>;

/// An image of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Image {
    pub(super) place: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) running: Running,
}

/// A pod, or the template of pods.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub(super) labels: Labels,
    pub(super) account: Option<Arc<str>>,
    pub(super) automount: Option<bool>,
    pub(super) host_network: bool,
    pub(super) images: Arc<[Image]>,
    /// Index into [`Collector::security`].
    pub(super) security: u32,
    pub(super) owner: Option<Arc<str>>,
}

/// What an object brings.
#[derive(Debug)]
enum Entry {
    Namespace {
        owner: Option<Arc<str>>,
    },
    Account {
        automount: Option<bool>,
    },
    NetworkPolicy(Option<Box<Selects>>),
    Runs {
        parent: Option<Key>,
        owner: Option<Arc<str>>,
        is_pod: bool,
        shapes: Vec<Arc<Shape>>,
        problems: Vec<Problem>,
    },
}

/// What a network policy protects from being reached.
#[derive(Debug)]
struct Selects {
    selector: LabelSelector,
}

/// A workload with all that it runs.
#[derive(Debug, Default)]
pub(super) struct Workload {
    /// Pods, or templates where there are none of them, with how many there are; 0 for a template.
    pub(super) shapes: HashMap<Arc<Shape>, u64>,
    pub(super) owner: Option<Arc<str>>,
}

/// What a cluster runs.
#[derive(Debug)]
pub struct Collector {
    kinds: Kinds,
    standards: BTreeSet<Standard>,
    texts: HashSet<Arc<str>>,
    shapes: HashSet<Arc<Shape>>,
    labels: HashSet<Labels>,
    images: HashSet<Arc<[Image]>>,
    objects: HashMap<Key, Entry>,
    pub(super) security: Vec<BTreeMap<Standard, PodSecurity>>,
    security_index: HashMap<String, u32>,
    pub(super) judged: Objects,
}

impl Collector {
    /// Nothing yet. `standards` are those that policies hold pods against.
    pub fn new(kinds: Kinds, standards: BTreeSet<Standard>) -> Self {
        Collector {
            kinds,
            standards,
            texts: HashSet::new(),
            shapes: HashSet::new(),
            labels: HashSet::new(),
            images: HashSet::new(),
            objects: HashMap::new(),
            security: vec![BTreeMap::new()],
            security_index: HashMap::from([(String::new(), 0)]),
            judged: Objects::default(),
        }
    }

    /// Holds every object against these rules, too.
    #[must_use]
    pub fn with_rules(mut self, rules: &Arc<Rules>) -> Self {
        self.judged = Objects::new(Arc::clone(rules));
        self
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&new));
        new
    }

    /// Kind and name of an object, where it has both.
    fn key(&mut self, object: &Value<'_>) -> Option<Key> {
        let kind = string(object, "kind")?;
        let metadata = member(object, "metadata")?;
        let name = string(metadata, "name")?;
        Some(Key {
            namespace: self.text(string(metadata, "namespace").unwrap_or_default()),
            kind: self.text(kind),
            name: self.text(name),
        })
    }

    /// An object is there, or is another now.
    pub fn apply(&mut self, object: &Value<'_>) {
        let Some(key) = self.key(object) else {
            let key = Key { namespace: "".into(), kind: "".into(), name: "".into() };
            let problem =
                Problem::incomplete(ProblemKind::Corrupt, "an object", "it has no kind, or no name");
            let entry = Entry::Runs {
                parent: None,
                owner: None,
                is_pod: false,
                shapes: Vec::new(),
                problems: vec![problem],
            };
            self.objects.insert(key, entry);
            return;
        };
        let group =
            string(object, "apiVersion").unwrap_or_default().split_once('/').map_or("", |(group, _)| group);
        if !self.judged.is_idle() {
            if is_leaving(object, &key) {
                self.judged.remove(&key, group);
            } else {
                let owner = self.owner(member(object, "metadata"));
                self.judged.apply(&key, group, object, owner);
            }
        }
        let entry = match (group, key.kind.as_ref()) {
            ("", "Namespace") => Entry::Namespace { owner: self.owner(member(object, "metadata")) },
            ("", "ServiceAccount") => {
                Entry::Account { automount: boolean(object, "automountServiceAccountToken") }
            }
            ("networking.k8s.io", "NetworkPolicy") => Entry::NetworkPolicy(protects(object).map(Box::new)),
            _ => match self.runs(object, &key) {
                Some(entry) => entry,
                None => {
                    self.objects.remove(&key);
                    return;
                }
            },
        };
        self.objects.insert(key, entry);
    }

    /// An object is gone.
    pub fn delete(&mut self, object: &Value<'_>) {
        if let Some(key) = self.key(object) {
            let version = string(object, "apiVersion").unwrap_or_default();
            self.judged.remove(&key, version.split_once('/').map_or("", |(group, _)| group));
            self.objects.remove(&key);
        }
    }

    /// All objects of a kind are void: they are listed anew.
    pub fn forget(&mut self, kind: &str) {
        self.forget_in(kind, None);
    }

    /// All objects of a kind in a namespace, or in all, are void: they are listed anew.
    pub fn forget_in(&mut self, kind: &str, namespace: Option<&str>) {
        self.judged.forget_in(kind, namespace);
        self.objects.retain(|key, _| {
            key.kind.as_ref() != kind || namespace.is_some_and(|own| key.namespace.as_ref() != own)
        });
    }

    /// Lets go of what only objects held that are gone: names of pods, labels, shapes. For whoever follows a cluster for long.
    pub fn tidy(&mut self) {
        // The larger first, as they hold the smaller.
        self.shapes.retain(|one| Arc::strong_count(one) > 1);
        self.images.retain(|one| Arc::strong_count(one) > 1);
        self.labels.retain(|one| Arc::strong_count(one) > 1);
        self.judged.tidy();
        self.texts.retain(|one| Arc::strong_count(one) > 1);
    }

    /// What an object runs; `None` for nothing.
    fn runs(&mut self, object: &Value<'_>, key: &Key) -> Option<Entry> {
        let is_pod = key.kind.as_ref() == "Pod";
        let status = member(object, "status");
        if is_finished(status, is_pod) {
            return None;
        }
        let kinds = std::mem::take(&mut self.kinds);
        let found = pods(object, &kinds);
        self.kinds = kinds;
        if found.pods.is_empty() && found.unread.is_empty() {
            return None;
        }
        let metadata = member(object, "metadata");
        let parent = self.parent(metadata, &key.namespace);
        let digests = if is_pod { digests(status) } else { HashMap::new() };
        // The old generations of a Deployment.
        let idle = parent.is_some()
            && member(object, "spec").and_then(|spec| member(spec, "replicas")?.as_u64()) == Some(0);
        let named = || format!("{}/{} {}", key.namespace, key.kind, key.name);
        let mut problems: Vec<Problem> = found
            .unread
            .iter()
            .take(10)
            .map(|unread| Problem::incomplete(ProblemKind::Corrupt, named(), unread.to_string()))
            .collect();
        let own = self.owner(metadata);
        let mut shapes = Vec::new();
        for pod in found.pods.iter().filter(|_| !idle) {
            let mut images = Vec::with_capacity(pod.containers.len());
            for container in &pod.containers {
                let place = match container.name {
                    "" => container.kind.word().to_owned(),
                    name => format!("{} {name}", container.kind.word()),
                };
                let Some(name) = container.image else {
                    let detail = format!("{} names no image", shortened(&place));
                    problems.push(Problem::incomplete(ProblemKind::Corrupt, named(), detail));
                    continue;
                };
                let running = match digests.get(&(container.kind, container.name)) {
                    _ if !is_pod => Running::Nothing,
                    Some(running) => running.clone(),
                    // Nobody reports which digest of an image volume is mounted.
                    None if container.kind == ContainerKind::ImageVolume && status_says_running(status) => {
                        Running::Untold
                    }
                    None => Running::Nothing,
                };
                images.push(Image { place: self.text(&place), name: self.text(name), running });
            }
            let shape = self.shape(pod, images, own.clone());
            shapes.push(shape);
        }
        Some(Entry::Runs { parent, owner: own, is_pod, shapes, problems })
    }

    fn shape(&mut self, pod: &Pod<'_>, images: Vec<Image>, own: Option<Arc<str>>) -> Arc<Shape> {
        let mut labels: Vec<(Arc<str>, Arc<str>)> =
            pod.labels().map(|(name, value)| (self.text(name), self.text(value))).collect();
        labels.sort();
        let owner = OWNERS
            .iter()
            .find_map(|wanted| labels.iter().find(|(name, _)| name.as_ref() == *wanted))
            .map(|(_, value)| Arc::clone(value))
            .or(own);
        let labels = intern(&mut self.labels, labels.into());
        let images = intern(&mut self.images, images.into());
        let flag = |key| pod.spec.and_then(|spec| boolean(spec, key));
        let shape = Shape {
            labels,
            account: pod.service_account().map(|name| self.text(name)),
            automount: flag("automountServiceAccountToken"),
            host_network: flag("hostNetwork") == Some(true),
            images,
            security: self.judge(pod),
            owner,
        };
        intern(&mut self.shapes, Arc::new(shape))
    }

    /// How the pod stands to the standards, as an index.
    fn judge(&mut self, pod: &Pod<'_>) -> u32 {
        let Some(spec) = pod.spec.filter(|_| !self.standards.is_empty()) else { return 0 };
        let judge = |standard: &Standard| {
            let pod = pod_security::Pod { spec, pointer: &pod.pointer, annotations: pod.annotations };
            let judged = pod_security::check(pod, *standard);
            let told =
                |one: &pod_security::Violation| format!("{} {}: {}", one.pointer, one.detail, one.remedy);
            let violations = judged.violations.iter().map(told).collect();
            (*standard, PodSecurity { violations, unread: judged.unread })
        };
        let judged: BTreeMap<Standard, PodSecurity> = self.standards.iter().map(judge).collect();
        let key = format!("{judged:?}");
        if let Some(index) = self.security_index.get(&key) {
            return *index;
        }
        let index = u32::try_from(self.security.len()).unwrap_or(u32::MAX);
        self.security.push(judged);
        self.security_index.insert(key, index);
        index
    }

    /// Who looks after an object, as its annotations and labels say.
    fn owner(&mut self, metadata: Option<&Value<'_>>) -> Option<Arc<str>> {
        let metadata = metadata?;
        let found = ["annotations", "labels"].into_iter().find_map(|part| {
            let part = member(metadata, part)?;
            OWNERS.iter().find_map(|name| string(part, name).filter(|owner| !owner.is_empty()))
        })?;
        let short: String = found.chars().take(LONGEST_OWNER).collect();
        Some(self.text(&short))
    }

    /// The object that controls this one.
    fn parent(&mut self, metadata: Option<&Value<'_>>, namespace: &Arc<str>) -> Option<Key> {
        let references = member(metadata?, "ownerReferences")?.as_array()?;
        let controller = references.iter().find(|one| boolean(one, "controller") == Some(true))?;
        let (kind, name) = (string(controller, "kind")?, string(controller, "name")?);
        // A static pod belongs to its node, which is in no namespace and no workload.
        (kind != "Node").then(|| Key {
            namespace: Arc::clone(namespace),
            kind: self.text(kind),
            name: self.text(name),
        })
    }

    /// The highest owner of an object, as far as it is known.
    fn top(&self, key: &Key) -> Key {
        let mut top = key;
        for _ in 0..HIGHEST {
            match self.objects.get(top) {
                Some(Entry::Runs { parent: Some(parent), .. }) => top = parent,
                _ => break,
            }
        }
        top.clone()
    }

    /// The workloads with all that they run, in order.
    pub(super) fn workloads(&self) -> BTreeMap<Key, Workload> {
        let mut workloads: BTreeMap<Key, Workload> = BTreeMap::new();
        let mut templates = Vec::new();
        for (key, entry) in &self.objects {
            let Entry::Runs { is_pod, shapes, parent, .. } = entry else { continue };
            if shapes.is_empty() {
                continue;
            }
            if !is_pod {
                // What is above says what this says.
                if parent.as_ref().is_none_or(|parent| !self.objects.contains_key(parent)) {
                    templates.push((key, shapes));
                }
                continue;
            }
            let workload = workloads.entry(self.top(key)).or_default();
            for shape in shapes {
                *workload.shapes.entry(Arc::clone(shape)).or_default() += 1;
            }
        }
        for (key, shapes) in templates {
            let workload = workloads.entry(self.top(key)).or_default();
            for shape in shapes {
                // Pods tell of the same image what of it runs.
                let runs = |image: &Image| {
                    workload.shapes.keys().any(|other| {
                        other.images.iter().any(|one| one.name == image.name && one.place == image.place)
                    })
                };
                if !shape.images.iter().all(runs) {
                    workload.shapes.entry(Arc::clone(shape)).or_default();
                }
            }
        }
        for (key, workload) in &mut workloads {
            let of_shapes = workload.shapes.keys().filter_map(|shape| shape.owner.clone()).min();
            let own = || match self.objects.get(key) {
                Some(Entry::Runs { owner, .. }) => owner.clone(),
                _ => None,
            };
            workload.owner = of_shapes.or_else(own).or_else(|| self.namespace_owner(&key.namespace));
        }
        workloads
    }

    /// What rules say of the objects; how many there are, how many are refused, of how many nothing is known.
    pub(super) fn rule_results(&self) -> (Vec<RuleResult>, [u64; 3]) {
        let whose = |key: &Key| {
            let own = match self.objects.get(key) {
                Some(Entry::Runs { owner, .. }) => owner.clone(),
                _ => None,
            };
            own.or_else(|| self.namespace_owner(&key.namespace))
        };
        self.judged.results(&|key| self.top(key), &whose)
    }

    fn namespace_owner(&self, namespace: &Arc<str>) -> Option<Arc<str>> {
        let key = Key { namespace: "".into(), kind: "Namespace".into(), name: Arc::clone(namespace) };
        match self.objects.get(&key) {
            Some(Entry::Namespace { owner }) => owner.clone(),
            _ => None,
        }
    }

    /// Whether a service account has its token mounted into pods that do not say; `None` when it is not known.
    pub(super) fn automounts(&self, namespace: &Arc<str>, account: &str) -> Option<bool> {
        let key =
            Key { namespace: Arc::clone(namespace), kind: "ServiceAccount".into(), name: account.into() };
        match self.objects.get(&key) {
            Some(Entry::Account { automount }) => Some(*automount != Some(false)),
            _ => None,
        }
    }

    /// The network policies of each namespace that say who may reach a pod; `None` for one that cannot be read.
    pub(super) fn protections(&self) -> HashMap<Arc<str>, Vec<Option<&LabelSelector>>> {
        let mut all: HashMap<Arc<str>, Vec<Option<&LabelSelector>>> = HashMap::new();
        for (key, entry) in &self.objects {
            if let Entry::NetworkPolicy(policy) = entry {
                let selector = policy.as_ref().map(|policy| &policy.selector);
                all.entry(Arc::clone(&key.namespace)).or_default().push(selector);
            }
        }
        all
    }

    /// What could not be read, in order.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self
            .objects
            .values()
            .filter_map(|entry| match entry {
                Entry::Runs { problems, .. } => Some(problems.iter().cloned()),
                _ => None,
            })
            .flatten()
            .collect();
        problems.sort();
        problems.dedup();
        if problems.len() > MOST_PROBLEMS {
            let more = problems.len() - MOST_PROBLEMS;
            problems.truncate(MOST_PROBLEMS);
            let detail = format!("{more} further things could not be read");
            problems.push(Problem::incomplete(ProblemKind::LimitExceeded, "the cluster", detail));
        }
        problems
    }
}

fn intern<T: Clone + Eq + std::hash::Hash>(set: &mut HashSet<T>, value: T) -> T {
    if let Some(known) = set.get(&value) {
        return known.clone();
    }
    set.insert(value.clone());
    value
}

fn member<'v, 'a>(value: &'v Value<'a>, key: &str) -> Option<&'v Value<'a>> {
    value.as_object()?.get(key).filter(|value| !value.is_null())
}

fn string<'v>(value: &'v Value<'_>, key: &str) -> Option<&'v str> {
    member(value, key)?.as_str()
}

fn boolean(value: &Value<'_>, key: &str) -> Option<bool> {
    member(value, key)?.as_bool()
}

/// Whether an object is no more than what is left of it: being deleted, over, or an old generation of a Deployment.
fn is_leaving(object: &Value<'_>, key: &Key) -> bool {
    let metadata = member(object, "metadata");
    let deleted = metadata.is_some_and(|metadata| member(metadata, "deletionTimestamp").is_some());
    let is_pod = key.kind.as_ref() == "Pod";
    let runs = is_pod || matches!(key.kind.as_ref(), "Job" | "ReplicaSet");
    let idle = key.kind.as_ref() == "ReplicaSet"
        && metadata.is_some_and(|metadata| member(metadata, "ownerReferences").is_some())
        && member(object, "spec").and_then(|spec| member(spec, "replicas")?.as_u64()) == Some(0);
    deleted || runs && is_finished(member(object, "status"), is_pod) || idle
}

/// A pod or job that is over runs nothing.
fn is_finished(status: Option<&Value<'_>>, is_pod: bool) -> bool {
    let Some(status) = status else { return false };
    if is_pod {
        return matches!(string(status, "phase"), Some("Succeeded" | "Failed"));
    }
    let conditions = member(status, "conditions").and_then(Value::as_array).unwrap_or_default();
    conditions.iter().any(|one| {
        matches!(string(one, "type"), Some("Complete" | "Failed")) && string(one, "status") == Some("True")
    })
}

fn status_says_running(status: Option<&Value<'_>>) -> bool {
    status.and_then(|status| string(status, "phase")) == Some("Running")
}

/// What the node says of the images of a pod's containers.
fn digests<'v>(status: Option<&'v Value<'_>>) -> HashMap<(ContainerKind, &'v str), Running> {
    let lists = [
        ("initContainerStatuses", &[ContainerKind::Init, ContainerKind::Sidecar][..]),
        ("containerStatuses", &[ContainerKind::Regular][..]),
        ("ephemeralContainerStatuses", &[ContainerKind::Ephemeral][..]),
    ];
    let mut digests = HashMap::new();
    for (list, kinds) in lists {
        let list = status.and_then(|status| member(status, list)?.as_array()).unwrap_or_default();
        for one in list {
            let (Some(name), Some(id)) = (string(one, "name"), string(one, "imageID")) else { continue };
            for kind in kinds {
                digests.insert((*kind, name), running(id));
            }
        }
    }
    digests
}

/// The digest in what a node calls an image: `docker-pullable://debian@sha256:...`. An id without a repository is that of a
/// configuration, or of this node alone: no registry knows it.
fn running(id: &str) -> Running {
    if id.is_empty() {
        return Running::Nothing;
    }
    match id.rsplit_once('@').map(|(_, digest)| Digest::parse(digest)) {
        Some(Ok(digest)) => Running::Digest(digest),
        _ => Running::Untold,
    }
}

/// What a network policy protects from being reached; `None` when it cannot be read.
fn protects(object: &Value<'_>) -> Option<Selects> {
    /// Fits nothing.
    fn nothing() -> Option<LabelSelector> {
        let nothing = serde_json::json!({ "matchExpressions": [
            { "key": "a", "operator": "Exists" }, { "key": "a", "operator": "DoesNotExist" },
        ]});
        LabelSelector::deserialize(nothing).ok()
    }
    let spec = member(object, "spec")?;
    // Without a list a policy is about what comes in, and about what goes out if it has rules for that.
    let ingress = match member(spec, "policyTypes") {
        Some(types) => types.as_array()?.iter().any(|one| one.as_str() == Some("Ingress")),
        None => true,
    };
    let selector = match member(spec, "podSelector") {
        Some(selector) => LabelSelector::deserialize(selector).ok()?,
        None => LabelSelector::default(),
    };
    Some(Selects { selector: if ingress { selector } else { nothing()? } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nodes_call_images() {
        let hex = "a".repeat(64);
        let digest = Digest::parse(&format!("sha256:{hex}")).unwrap();
        for (id, expected) in [
            (format!("docker-pullable://debian@sha256:{hex}"), Running::Digest(digest.clone())),
            (format!("ghcr.io/acme/shop@sha256:{hex}"), Running::Digest(digest)),
            (format!("sha256:{hex}"), Running::Untold),
            (format!("docker://sha256:{hex}"), Running::Untold),
            ("debian@sha256:1".into(), Running::Untold),
            (String::new(), Running::Nothing),
        ] {
            assert_eq!(running(&id), expected, "{id}");
        }
    }

    fn names(objects: &[&str]) -> Vec<String> {
        let mut collector = Collector::new(Kinds::default(), BTreeSet::new());
        for object in objects {
            collector.apply(&serde_json::from_str(object).unwrap());
        }
        let mut out = Vec::new();
        for (key, workload) in collector.workloads() {
            let pods: u64 = workload.shapes.values().sum();
            let owner = workload.owner.as_deref().unwrap_or("-");
            let mut images: Vec<String> = workload
                .shapes
                .keys()
                .flat_map(|shape| shape.images.iter().map(|image| image.name.to_string()))
                .collect();
            images.sort();
            out.push(format!(
                "{}/{} {} {pods} {} {owner}",
                key.namespace,
                key.kind,
                key.name,
                images.join(",")
            ));
        }
        out.extend(
            collector.problems().iter().map(|problem| format!("{}: {}", problem.subject, problem.detail)),
        );
        out
    }

    const DEPLOYMENT: &str = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"namespace":"shop","name":"web"},"spec":{"template":{"spec":{"containers":[{"name":"a","image":"a:1"}]}}}}"#;
    const SET: &str = r#"{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"namespace":"shop","name":"web-1","ownerReferences":[{"kind":"Deployment","name":"web","controller":true}]},"spec":{"replicas":2,"template":{"spec":{"containers":[{"name":"a","image":"a:1"}]}}}}"#;
    const OLD: &str = r#"{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"namespace":"shop","name":"web-0","ownerReferences":[{"kind":"Rollout","name":"web","controller":true}]},"spec":{"replicas":0,"template":{"spec":{"containers":[{"name":"a","image":"old"}]}}}}"#;
    const POD: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"shop","name":"web-1-x","labels":{"team":"blue"},"ownerReferences":[{"kind":"ReplicaSet","name":"web-1","controller":true}]},"spec":{"containers":[{"name":"a","image":"a:1"}]},"status":{"phase":"Running"}}"#;

    #[test]
    fn pods_belong_to_the_highest_owner_and_say_what_templates_say() {
        assert_eq!(names(&[DEPLOYMENT, SET, OLD]), ["shop/Deployment web 0 a:1 -"]);
        assert_eq!(names(&[POD, SET, DEPLOYMENT]), ["shop/Deployment web 1 a:1 blue"]);
        // Without the right to list what is between, the pods are told under what is known.
        assert_eq!(
            names(&[POD, DEPLOYMENT]),
            ["shop/Deployment web 0 a:1 -", "shop/ReplicaSet web-1 1 a:1 blue"]
        );
        // The template is newer than the pod: both count.
        let newer = DEPLOYMENT.replace("a:1", "a:2");
        assert_eq!(names(&[POD, SET, &newer]), ["shop/Deployment web 1 a:1,a:2 blue"]);
    }

    #[test]
    fn what_is_over_runs_nothing_and_what_is_broken_is_told() {
        let over = POD.replace("Running", "Succeeded");
        assert!(names(&[&over]).is_empty());
        let job = r#"{"apiVersion":"batch/v1","kind":"Job","metadata":{"namespace":"shop","name":"j"},"spec":{"template":{"spec":{"containers":[{"name":"a","image":"a"}]}}},"status":{"conditions":[{"type":"Complete","status":"True"}]}}"#;
        assert!(names(&[job]).is_empty());
        assert_eq!(names(&[&job.replace("True", "False")]).len(), 1);
        let broken = POD.replace(r#"{"name":"a","image":"a:1"}"#, r#"{"name":"a"}"#);
        assert!(
            names(&[&broken]).iter().any(|line| line.ends_with("container a names no image")),
            "{:?}",
            names(&[&broken])
        );
        let broken = POD.replace(r#"[{"name":"a","image":"a:1"}]"#, "7");
        assert!(names(&[&broken]).iter().any(|line| line.contains("is no list")));
        assert!(names(&["{}"]).iter().any(|line| line.contains("no kind")));
        let circle = SET.replace("Deployment", "ReplicaSet").replace("\"web\"", "\"web-1\"");
        let _ = names(&[&circle, POD]);
    }

    #[test]
    fn what_is_gone_is_let_go() {
        let mut collector = Collector::new(Kinds::default(), BTreeSet::new());
        let pod = |number: usize| {
            POD.replace("web-1-x", &format!("web-1-{number}")).replace("blue", &format!("team-{number}"))
        };
        for number in 0..1_000 {
            collector.apply(&serde_json::from_str(&pod(number)).unwrap());
            if number > 0 {
                collector.delete(&serde_json::from_str(&pod(number - 1)).unwrap());
            }
        }
        assert!(collector.texts.len() > 1_000);
        collector.tidy();
        assert!(collector.texts.len() < 20 && collector.shapes.len() == 1, "{:?}", collector.texts);
        assert_eq!(collector.workloads().len(), 1);
        // What is held goes on to be shared.
        collector.apply(&serde_json::from_str(&pod(999)).unwrap());
        assert_eq!(collector.shapes.len(), 1);
        collector.forget_in("Pod", Some("other"));
        assert_eq!(collector.workloads().len(), 1);
        collector.forget_in("Pod", Some("shop"));
        assert!(collector.workloads().is_empty());
    }

    #[test]
    fn the_owner_of_the_namespace_when_nothing_nearer_is_written() {
        let namespace = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","annotations":{"plimsoll.dev/owner":"platform"}}}"#;
        assert_eq!(names(&[DEPLOYMENT, namespace]), ["shop/Deployment web 0 a:1 platform"]);
        assert_eq!(names(&[DEPLOYMENT, SET, POD, namespace]), ["shop/Deployment web 1 a:1 blue"]);
    }
}
