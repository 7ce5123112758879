//! Objects that stand together: those of some files, or of a cluster.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};

use plimsoll_model::workload::{self, Container, ContainerKind, Kinds, ObjectName, Pod, Unread};
use plimsoll_model::{ObjectRef, shortened};
use serde_json_borrow::{ObjectAsVec, Value};

use crate::rule::Breach;

/// Where an object came from, as its giver counts it.
pub type Place = usize;

/// An object with the pods in it. Pointers are those of the document that it stands in.
#[derive(Debug)]
pub struct Object<'v> {
    pub(crate) value: &'v Value<'v>,
    pub(crate) name: ObjectName<'v>,
    /// Where it stands in its document: empty, or `/items/3`.
    pub(crate) prefix: String,
    pub(crate) pods: Vec<Pod<'v>>,
    unread: Vec<Unread>,
    /// Where it came from.
    pub place: Place,
}

impl<'v> Object<'v> {
    /// The object itself.
    pub fn value(&self) -> &'v Value<'v> {
        self.value
    }

    /// Where it stands in its document: empty, or `/items/3`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The pods in it.
    pub fn pods(&self) -> &[Pod<'v>] {
        &self.pods
    }

    /// The namespace that it says it is in; empty when it says none.
    pub fn namespace(&self) -> &'v str {
        self.name.namespace
    }

    /// What of its pods could not be read.
    pub fn unread(&self) -> &[Unread] {
        &self.unread
    }

    /// A pointer within the object as one of its document.
    pub fn pointer(&self, field: &str) -> String {
        format!("{}{field}", self.prefix)
    }

    /// Its kind and its name.
    pub fn kind_and_name(&self) -> (&'v str, &'v str) {
        (self.name.kind, self.name.name)
    }

    /// What it is called among all: `Deployment.apps/shop/web`.
    pub fn id(&self) -> String {
        let ObjectName { group, kind, namespace, name } = self.name;
        let dot = if group.is_empty() { "" } else { "." };
        let [kind, group, namespace, name] = [kind, group, namespace, name].map(shortened);
        format!("{kind}{dot}{group}/{namespace}/{name}")
    }

    /// What it is called, for reports.
    pub fn reference(&self) -> ObjectRef {
        let ObjectName { group, kind, namespace, name } = self.name;
        let [group, kind, namespace, name] = [group, kind, namespace, name].map(shortened);
        ObjectRef { group, kind, namespace, name, field: String::new() }
    }

    /// The field that is wrong: a pointer within the object.
    pub fn field<'b>(&self, breach: &'b Breach) -> &'b str {
        let pointer = breach.pointer.as_deref().unwrap_or_default();
        pointer.strip_prefix(self.prefix.as_str()).unwrap_or(pointer)
    }

    /// For people: `Deployment shop/web`.
    pub fn shown(&self) -> String {
        let ObjectName { kind, namespace, name, .. } = self.name;
        let (kind, name) = (shortened(kind), shortened(name));
        match (namespace, name.as_str()) {
            (_, "") => format!("{kind} without a name"),
            ("", name) => format!("{kind} {name}"),
            (namespace, name) => format!("{kind} {}/{name}", shortened(namespace)),
        }
    }
}

/// All objects that are looked at together.
#[derive(Debug, Default)]
pub struct Objects<'v> {
    pub(crate) all: Vec<Object<'v>>,
    /// Labels of namespaces that are among them.
    pub(crate) namespaces: BTreeMap<&'v str, &'v Value<'v>>,
    /// Service accounts among them, by namespace and name.
    pub(crate) accounts: BTreeMap<(&'v str, &'v str), &'v Value<'v>>,
    /// Network policies among them, by namespace.
    network_policies: BTreeMap<&'v str, Vec<usize>>,
    /// Objects by kind, namespace and name; those of the whole cluster without namespace.
    named: HashMap<(&'v str, &'v str, &'v str), usize>,
    /// Objects by kind, in their order.
    kinds: HashMap<&'v str, Vec<usize>>,
    /// Kinds that a namespace has.
    kinds_of: HashSet<(&'v str, &'v str)>,
    /// Fewest replicas of what an autoscaler scales, by kind, namespace and name.
    pub(crate) scaled: HashMap<(&'v str, &'v str, &'v str), u64>,
    /// Objects with pods, by namespace.
    workloads: BTreeMap<&'v str, Vec<usize>>,
    /// Labels that were held against selectors so far.
    compared: Cell<u64>,
}

/// Kinds that rules ask for by name and that stand in no namespace, whatever an object says.
const WHOLE_CLUSTER: [&str; 2] = ["ClusterRole", "ClusterRoleBinding"];

/// Labels that are held against selectors in one check: what real objects need, and far below a second.
const MAX_COMPARED: u64 = 100_000_000;

/// Whether a selector takes one of the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// One, or one perhaps: the selector has a form that is not known.
    Some,
    /// None of those that are there.
    None,
    /// There is no pod in the namespace that is looked at: they are elsewhere.
    NoPods,
    /// There are too many to hold each against each.
    TooMany,
}

/// A field of an object; null is none.
pub(crate) fn get<'v>(value: &'v Value<'v>, key: &str) -> Option<&'v Value<'v>> {
    value.as_object()?.get(key).filter(|value| !value.is_null())
}

/// A field below fields.
pub(crate) fn at<'v>(value: &'v Value<'v>, path: &[&str]) -> Option<&'v Value<'v>> {
    path.iter().try_fold(value, |value, key| get(value, key))
}

/// The elements of a list; none where there is no list.
pub(crate) fn list<'v>(value: Option<&'v Value<'v>>) -> &'v [Value<'v>] {
    value.and_then(Value::as_array).unwrap_or_default()
}

/// Texts of a list.
pub(crate) fn texts<'v>(value: Option<&'v Value<'v>>) -> impl Iterator<Item = &'v str> {
    list(value).iter().filter_map(|one| one.as_str())
}

impl<'v> Objects<'v> {
    /// Adds what a document holds: an object, or a list of them. What is no object of Kubernetes (no kind, no version) is not
    /// added, which is told.
    pub fn add(&mut self, document: &'v Value<'v>, place: Place, kinds: &Kinds) -> bool {
        let text = |value: &'v Value<'v>, key: &str| {
            get(value, key).and_then(|value| value.as_str()).unwrap_or_default()
        };
        let (version, kind) = (text(document, "apiVersion"), text(document, "kind"));
        if version.is_empty() || kind.is_empty() {
            return false;
        }
        let group = |version: &'v str| version.split_once('/').map_or("", |(group, _)| group);
        // Lists within lists are flat to `kubectl`. Depth is bounded where documents are read.
        let mut waiting = vec![(document, (group(version), kind), String::new())];
        while let Some((value, name, prefix)) = waiting.pop() {
            let items = get(value, "items").and_then(|items| items.as_array());
            let item_kind = name.1.strip_suffix("List").filter(|_| !kinds.knows(name.0, name.1));
            let (Some(item_kind), Some(items)) = (item_kind, items) else {
                let found = below(workload::pods(value, kinds), &prefix);
                self.push(value, name, prefix, found.pods, found.unread, place);
                continue;
            };
            // The API leaves out the kind of what is in a list of one kind; only the list as a whole can be read then.
            let of_list = items.iter().any(|item| text(item, "kind").is_empty());
            let mut whole = if of_list { workload::pods(value, kinds) } else { workload::Found::default() };
            // From the last to the first, so that they are taken from the end, and come out of `waiting` in their order.
            let (below_items, mut own) = std::mem::take(&mut whole.unread)
                .into_iter()
                .partition(|one| one.pointer.starts_with("/items/"));
            whole.unread = below_items;
            let mut lists = Vec::new();
            let mut ready = Vec::new();
            for (index, item) in items.iter().enumerate().rev() {
                let kind = text(item, "kind");
                let local = format!("/items/{index}");
                let below_local = format!("{local}/");
                let of = |pointer: &str| pointer == local || pointer.starts_with(&below_local);
                let pods = taken_from_end(&mut whole.pods, |pod| of(&pod.pointer));
                let mut unread = taken_from_end(&mut whole.unread, |unread| of(&unread.pointer));
                let prefix = format!("{prefix}{local}");
                if kind.is_empty() {
                    unread.append(&mut own);
                    let found =
                        below(workload::Found { pods, unread }, &prefix[..prefix.len() - local.len()]);
                    ready.push((item, (name.0, item_kind), prefix, found));
                } else {
                    lists.push((item, (group(text(item, "apiVersion")), kind), prefix));
                }
            }
            for (item, name, prefix, found) in ready.into_iter().rev() {
                self.push(item, name, prefix, found.pods, found.unread, place);
            }
            waiting.extend(lists);
        }
        true
    }

    fn push(
        &mut self,
        value: &'v Value<'v>,
        (group, kind): (&'v str, &'v str),
        prefix: String,
        pods: Vec<Pod<'v>>,
        unread: Vec<Unread>,
        place: Place,
    ) {
        let text =
            |key: &str| at(value, &["metadata", key]).and_then(|value| value.as_str()).unwrap_or_default();
        let name = if text("name").is_empty() { text("generateName") } else { text("name") };
        let name = ObjectName { group, kind, namespace: text("namespace"), name };
        match (group, kind) {
            ("", "Namespace") => {
                if let Some(labels) = at(value, &["metadata", "labels"]) {
                    self.namespaces.insert(name.name, labels);
                }
            }
            ("", "ServiceAccount") => {
                self.accounts.insert((name.namespace, name.name), value);
            }
            ("autoscaling", "HorizontalPodAutoscaler") => {
                let target = |key: &str| at(value, &["spec", "scaleTargetRef", key])?.as_str();
                let fewest = at(value, &["spec", "minReplicas"]).and_then(Value::as_u64).unwrap_or(1);
                if let (Some(kind), Some(target)) = (target("kind"), target("name")) {
                    self.scaled.insert((kind, name.namespace, target), fewest);
                }
            }
            ("networking.k8s.io", "NetworkPolicy") => {
                self.network_policies.entry(name.namespace).or_default().push(self.all.len());
            }
            _ => {}
        }
        let place_of_own = self.all.len();
        let namespace = if WHOLE_CLUSTER.contains(&kind) { "" } else { name.namespace };
        self.named.insert((kind, namespace, name.name), place_of_own);
        self.kinds.entry(kind).or_default().push(place_of_own);
        self.kinds_of.insert((kind, name.namespace));
        if !pods.is_empty() {
            self.workloads.entry(name.namespace).or_default().push(self.all.len());
        }
        self.all.push(Object { value, name, prefix, pods, unread, place });
    }

    /// Takes note of labels that are to be compared. False when it were too many.
    pub(crate) fn may_compare(&self, labels: usize) -> bool {
        self.compared.set(self.compared.get().saturating_add(labels as u64 + 1));
        self.compared.get() <= MAX_COMPARED
    }

    /// The object of this kind and name. That of a kind of the whole cluster has no namespace.
    pub(crate) fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<&'v Value<'v>> {
        // The map borrows for as long as the objects do, and may be asked for less.
        let named: &HashMap<(&str, &str, &str), usize> = &self.named;
        named.get(&(kind, namespace, name)).map(|at| self.all[*at].value)
    }

    /// Whether a namespace has objects of this kind.
    pub(crate) fn has_kind(&self, kind: &str, namespace: &str) -> bool {
        let kinds: &HashSet<(&str, &str)> = &self.kinds_of;
        kinds.contains(&(kind, namespace))
    }

    /// All objects of a kind.
    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Object<'v>> {
        self.kinds.get(kind).into_iter().flatten().map(|at| &self.all[*at])
    }

    /// The pods of a namespace, each with its object.
    pub(crate) fn pods_of(&self, namespace: &str) -> impl Iterator<Item = (&Object<'v>, &Pod<'v>)> {
        let objects = self.workloads.get(namespace).map(Vec::as_slice).unwrap_or_default();
        objects
            .iter()
            .map(|at| &self.all[*at])
            .flat_map(|object| object.pods.iter().map(move |pod| (object, pod)))
    }

    /// Whether one of the pods of a namespace is taken. `size` is how many labels the selector names.
    pub(crate) fn takes(
        &self,
        namespace: &str,
        size: usize,
        takes: impl Fn(&Pod<'v>) -> Option<bool>,
    ) -> Taken {
        let mut taken = Taken::NoPods;
        for (_, pod) in self.pods_of(namespace) {
            if !self.may_compare(size.saturating_mul(pod.labels.map_or(0, ObjectAsVec::len))) {
                return Taken::TooMany;
            }
            taken = Taken::None;
            if takes(pod) != Some(false) {
                return Taken::Some;
            }
        }
        taken
    }

    /// The network policies of a namespace.
    pub fn network_policies(&self, namespace: &str) -> impl Iterator<Item = &Object<'v>> {
        self.network_policies.get(namespace).into_iter().flatten().map(|at| &self.all[*at])
    }

    /// The objects, in the order that they were added in.
    pub fn iter(&self) -> impl Iterator<Item = &Object<'v>> {
        self.all.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// What stands at the end of a list and is meant, in its order.
fn taken_from_end<T>(all: &mut Vec<T>, is: impl Fn(&T) -> bool) -> Vec<T> {
    let from = all.iter().rposition(|one| !is(one)).map_or(0, |at| at + 1);
    all.split_off(from)
}

/// The same with pointers from further up.
fn below<'v>(mut found: workload::Found<'v>, prefix: &str) -> workload::Found<'v> {
    for pod in &mut found.pods {
        pod.pointer.insert_str(0, prefix);
        for container in &mut pod.containers {
            container.pointer.insert_str(0, prefix);
        }
    }
    for unread in &mut found.unread {
        unread.pointer.insert_str(0, prefix);
    }
    found
}

/// An object among others, as rules see it.
pub(crate) struct Scene<'a, 'v> {
    pub(crate) object: &'a Object<'v>,
    pub(crate) all: &'a Objects<'v>,
}

impl<'a, 'v> Scene<'a, 'v> {
    /// Whether the object is of this kind.
    pub(crate) fn is(&self, group: &str, kind: &str) -> bool {
        self.object.name.group == group && self.object.name.kind == kind
    }

    /// A field of the object.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&'v Value<'v>> {
        at(self.object.value, path)
    }

    /// The place of a field of the object, as a pointer of its document.
    pub(crate) fn pointer(&self, path: &[&str]) -> String {
        path.iter().fold(self.object.prefix.clone(), |mut pointer, part| {
            pointer.push('/');
            pointer.push_str(&escaped(part));
            pointer
        })
    }

    /// The pods.
    pub(crate) fn pods(&self) -> impl Iterator<Item = &'a Pod<'v>> {
        self.object.pods.iter()
    }

    /// The containers that run, each with its pod.
    pub(crate) fn containers(&self) -> impl Iterator<Item = (&'a Pod<'v>, Run<'a, 'v>)> {
        self.object.pods.iter().flat_map(|pod| {
            pod.containers.iter().filter(|container| container.kind != ContainerKind::ImageVolume).filter_map(
                move |container| Some((pod, Run { pod, container, definition: container.definition? })),
            )
        })
    }
}

/// A part of a JSON pointer.
pub(crate) fn escaped(part: &str) -> Cow<'_, str> {
    if part.contains(['~', '/']) {
        Cow::Owned(part.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(part)
    }
}

/// A container that runs.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a, 'v> {
    pub(crate) pod: &'a Pod<'v>,
    pub(crate) container: &'a Container<'v>,
    pub(crate) definition: &'v Value<'v>,
}

impl<'v> Run<'_, 'v> {
    /// For people: "container `web`".
    pub(crate) fn shown(&self) -> String {
        let word = self.container.kind.word();
        match self.container.name {
            "" => format!("a {word}"),
            name => format!("{word} `{}`", shortened(name)),
        }
    }

    /// A field of the container.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&'v Value<'v>> {
        at(self.definition, path)
    }

    /// A field of its security context, or of the pod's where that one has it too and the container is silent.
    pub(crate) fn security(&self, key: &str) -> Option<&'v Value<'v>> {
        self.at(&["securityContext", key]).or_else(|| at(self.pod.spec?, &["securityContext", key]))
    }

    /// Whether a field of its own security context is true.
    pub(crate) fn is_true(&self, key: &str) -> bool {
        self.at(&["securityContext", key]).and_then(Value::as_bool) == Some(true)
    }

    /// Runs for a while: not before the others, and not put in to look.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.container.kind, ContainerKind::Regular)
    }

    /// The place of a field of the container.
    pub(crate) fn pointer(&self, path: &[&str]) -> String {
        // That of the container is that of its image's name without the last part.
        let own = self.container.pointer.rsplit_once('/').map_or("", |(own, _)| own);
        path.iter().fold(own.to_owned(), |mut pointer, part| {
            pointer.push('/');
            pointer.push_str(&escaped(part));
            pointer
        })
    }
}

/// A label of a pod.
pub(crate) fn label<'v>(pod: &Pod<'v>, key: &str) -> Option<&'v str> {
    pod.labels?.get(key)?.as_str()
}

/// How many labels and values a label selector names.
pub(crate) fn selector_size(selector: Option<&Value<'_>>) -> usize {
    let Some(selector) = selector else { return 0 };
    let labels = get(selector, "matchLabels").and_then(|map| map.as_object()).map_or(0, ObjectAsVec::len);
    let values = list(get(selector, "matchExpressions")).iter();
    labels + values.map(|one| 1 + list(get(one, "values")).len()).sum::<usize>()
}

/// Whether a label selector takes these labels. `None` where it has a form that is not known.
pub fn selects<'v>(
    selector: Option<&'v Value<'v>>,
    labels: &dyn Fn(&str) -> Option<&'v str>,
) -> Option<bool> {
    let Some(selector) = selector else { return Some(true) };
    for (key, value) in
        get(selector, "matchLabels").and_then(|map| map.as_object()).into_iter().flat_map(ObjectAsVec::iter)
    {
        if labels(key) != value.as_str() {
            return Some(false);
        }
    }
    for expression in list(get(selector, "matchExpressions")) {
        let key = get(expression, "key")?.as_str()?;
        let value = labels(key);
        let among = || texts(get(expression, "values")).any(|one| Some(one) == value);
        let fits = match get(expression, "operator")?.as_str()? {
            "In" => value.is_some() && among(),
            "NotIn" => value.is_none() || !among(),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => return None,
        };
        if !fits {
            return Some(false);
        }
    }
    Some(true)
}
