//! What runs, in a Kubernetes object: the one place that knows where pods and images stand in it.
//!
//! [`pods`] finds every pod-shaped thing of an object (Pod, templates of workloads, CronJob, lists, kinds of others by
//! configured paths) and every image of it: containers, init containers, sidecars, ephemeral containers, image volumes. It
//! borrows from the parsed object and copies nothing but the pointers to the images. Admission, audits, policies and the
//! rules for manifests all work on what it finds, so that none sees an image that another does not.
//!
//! What does not have the form that the API gives it is an [`Unread`], never silence: an image may hide behind it.

use std::borrow::Cow;

use serde_json_borrow::{ObjectAsVec, Value};

/// Most entries of [`Found::unread`]; further ones say nothing that these do not say already.
const MOST_UNREAD: usize = 100;
/// Longest path of a configured kind in segments.
const LONGEST_PATH: usize = 32;
/// Longest key that a `*` stands for, in bytes: as long as names in Kubernetes may be.
const LONGEST_KEY: usize = 253;

/// What stands at a configured path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A pod template: `metadata` and `spec`.
    Template,
    /// The specification of a pod: `containers`, `volumes`.
    Spec,
    /// A container, or a list of containers: `name`, `image`.
    Container,
    /// The name of an image.
    Image,
}

impl What {
    const WORDS: [(&'static str, What); 4] = [
        ("template", What::Template),
        ("spec", What::Spec),
        ("container", What::Container),
        ("image", What::Image),
    ];
}

/// Where something that runs stands in objects of a kind.
#[derive(Clone, Debug)]
struct Place {
    group: Cow<'static, str>,
    kind: Cow<'static, str>,
    what: What,
    /// Segments below the object; `*` is every element of a list, or every value of an object.
    path: Cow<'static, [Cow<'static, str>]>,
}

/// A kind that is known without being configured.
struct Known(&'static str, &'static str, What, &'static [Cow<'static, str>]);

const fn segment(text: &'static str) -> Cow<'static, str> {
    Cow::Borrowed(text)
}

const SPEC_TEMPLATE: &[Cow<'static, str>] = &[segment("spec"), segment("template")];

/// Kinds of Kubernetes itself, then those of widely used controllers.
const KNOWN: &[Known] = &[
    Known("", "Pod", What::Template, &[]),
    Known("", "PodTemplate", What::Template, &[segment("template")]),
    Known("", "ReplicationController", What::Template, SPEC_TEMPLATE),
    Known("apps", "Deployment", What::Template, SPEC_TEMPLATE),
    Known("apps", "ReplicaSet", What::Template, SPEC_TEMPLATE),
    Known("apps", "StatefulSet", What::Template, SPEC_TEMPLATE),
    Known("apps", "DaemonSet", What::Template, SPEC_TEMPLATE),
    Known("extensions", "Deployment", What::Template, SPEC_TEMPLATE),
    Known("extensions", "ReplicaSet", What::Template, SPEC_TEMPLATE),
    Known("extensions", "DaemonSet", What::Template, SPEC_TEMPLATE),
    Known("batch", "Job", What::Template, SPEC_TEMPLATE),
    Known(
        "batch",
        "CronJob",
        What::Template,
        &[segment("spec"), segment("jobTemplate"), segment("spec"), segment("template")],
    ),
    // What the subresource `pods/ephemeralcontainers` took before Kubernetes 1.22; since then it takes the Pod.
    Known("", "EphemeralContainers", What::Spec, &[]),
    Known("argoproj.io", "Rollout", What::Template, SPEC_TEMPLATE),
    Known("apps.openshift.io", "DeploymentConfig", What::Template, SPEC_TEMPLATE),
    Known("serving.knative.dev", "Service", What::Template, SPEC_TEMPLATE),
    Known("serving.knative.dev", "Configuration", What::Template, SPEC_TEMPLATE),
    Known("serving.knative.dev", "Revision", What::Spec, &[segment("spec")]),
    Known(
        "jobset.x-k8s.io",
        "JobSet",
        What::Template,
        &[
            segment("spec"),
            segment("replicatedJobs"),
            segment("*"),
            segment("template"),
            segment("spec"),
            segment("template"),
        ],
    ),
];

/// A line that does not say where something stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not KIND.GROUP=WHAT:/PATH (WHAT is template, spec, container or image): {reason}")]
pub struct PlaceError {
    text: String,
    reason: &'static str,
}

/// Which kinds of objects run something, and where it stands in them.
#[derive(Clone, Debug)]
pub struct Kinds {
    places: Vec<Place>,
}

impl Default for Kinds {
    /// Kubernetes' own kinds, and those of widely used controllers.
    fn default() -> Self {
        let place = |Known(group, kind, what, path): &Known| Place {
            group: segment(group),
            kind: segment(kind),
            what: *what,
            path: Cow::Borrowed(*path),
        };
        Kinds { places: KNOWN.iter().map(place).collect() }
    }
}

impl Kinds {
    /// Adds a kind: `Task.tekton.dev=image:/spec/steps/*/image`. Several lines may be about one kind.
    ///
    /// # Errors
    /// When it is not of that form.
    pub fn add(&mut self, text: &str) -> Result<(), PlaceError> {
        let refuse = |reason| PlaceError {
            text: text.chars().take(200).flat_map(char::escape_debug).collect(),
            reason,
        };
        let (kind, rest) = text.split_once('=').ok_or_else(|| refuse("there is no `=`"))?;
        let (word, path) = rest.split_once(':').ok_or_else(|| refuse("there is no `:`"))?;
        let (kind, group) = kind.split_once('.').unwrap_or((kind, ""));
        let named =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
        if kind.is_empty() || !named(kind) || !named(group) {
            return Err(refuse("the kind is no name"));
        }
        let (_, what) = What::WORDS
            .into_iter()
            .find(|(own, _)| *own == word)
            .ok_or_else(|| refuse("WHAT is none of the four words"))?;
        let path = match path.strip_prefix('/') {
            Some(path) => path.split('/').map(|part| Cow::Owned(part.replace("~1", "/").replace("~0", "~"))),
            None => return Err(refuse("the path does not begin with `/`")),
        };
        let path: Vec<Cow<'static, str>> = path.collect();
        if path.len() > LONGEST_PATH || path.iter().any(|part| part.is_empty()) {
            return Err(refuse("the path has an empty part, or too many"));
        }
        self.places.push(Place {
            group: Cow::Owned(group.to_owned()),
            kind: Cow::Owned(kind.to_owned()),
            what,
            path: Cow::Owned(path),
        });
        Ok(())
    }

    fn of<'k>(&'k self, group: &'k str, kind: &'k str) -> impl Iterator<Item = &'k Place> {
        self.places.iter().filter(move |place| place.group == group && place.kind == kind)
    }

    /// Group and kind of all that run something.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.places.iter().map(|place| (place.group.as_ref(), place.kind.as_ref()))
    }

    /// Whether objects of this kind run something.
    pub fn knows(&self, group: &str, kind: &str) -> bool {
        self.of(group, kind).next().is_some()
    }
}

/// Which object something stands in. What is not there is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObjectName<'v> {
    /// Group of the API; empty for the core.
    pub group: &'v str,
    /// `Pod`, `Deployment`.
    pub kind: &'v str,
    /// Namespace.
    pub namespace: &'v str,
    /// Name; of an object that is about to get one what it begins with.
    pub name: &'v str,
}

/// In which part of a pod an image is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContainerKind {
    /// Runs to its end before the pod's containers start.
    Init,
    /// An init container that goes on running beside them (`restartPolicy: Always`).
    Sidecar,
    /// One of the pod's containers.
    Regular,
    /// Put into a running pod, to look at it.
    Ephemeral,
    /// Mounted, not run: a volume of the type `image`.
    ImageVolume,
}

impl ContainerKind {
    /// For people: `init container`.
    pub fn word(self) -> &'static str {
        match self {
            ContainerKind::Init => "init container",
            ContainerKind::Sidecar => "sidecar",
            ContainerKind::Regular => "container",
            ContainerKind::Ephemeral => "ephemeral container",
            ContainerKind::ImageVolume => "image volume",
        }
    }
}

/// Something that brings an image with it.
#[derive(Clone, Debug)]
pub struct Container<'v> {
    /// What it is to the pod.
    pub kind: ContainerKind,
    /// Its name; empty when it has none.
    pub name: &'v str,
    /// The image, as named; `None` when none is.
    pub image: Option<&'v str>,
    /// Where the image's name stands in the object: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// The container, or the volume; `None` where only the name of an image is known.
    pub definition: Option<&'v Value<'v>>,
}

impl<'v> Container<'v> {
    /// Its own security context.
    pub fn security_context(&self) -> Option<&'v Value<'v>> {
        self.definition.and_then(|definition| get(definition, "securityContext"))
    }
}

/// Something pod-shaped.
#[derive(Clone, Debug)]
pub struct Pod<'v> {
    /// The object it stands in.
    pub object: ObjectName<'v>,
    /// Labels that the pod has, or will have: those of the template.
    pub labels: Option<&'v ObjectAsVec<'v>>,
    /// Annotations, likewise.
    pub annotations: Option<&'v ObjectAsVec<'v>>,
    /// Where its specification stands: a JSON pointer.
    pub pointer: String,
    /// Its specification; `None` where only containers or images are known.
    pub spec: Option<&'v Value<'v>>,
    /// Everything that brings an image, in the order init containers, containers, ephemeral containers, volumes.
    pub containers: Vec<Container<'v>>,
}

impl<'v> Pod<'v> {
    /// The service account; `None` for the namespace's default.
    pub fn service_account(&self) -> Option<&'v str> {
        let spec = self.spec?;
        // The second is the old name, which the API keeps equal to the first.
        ["serviceAccountName", "serviceAccount"]
            .into_iter()
            .filter_map(|key| get(spec, key)?.as_str())
            .find(|name| !name.is_empty())
    }

    /// The security context of the pod.
    pub fn security_context(&self) -> Option<&'v Value<'v>> {
        self.spec.and_then(|spec| get(spec, "securityContext"))
    }

    /// Its labels; what is no text is left out, as the API has no such.
    pub fn labels(&self) -> impl Iterator<Item = (&'v str, &'v str)> {
        self.labels
            .into_iter()
            .flat_map(ObjectAsVec::iter)
            .filter_map(|(key, value)| Some((key, value.as_str()?)))
    }
}

/// Something that does not have the form it should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Where: a JSON pointer.
    pub pointer: String,
    /// What is wrong.
    pub detail: String,
}

impl std::fmt::Display for Unread {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = if self.pointer.is_empty() { "the object" } else { &self.pointer };
        write!(formatter, "{place} {}", self.detail)
    }
}

/// What an object runs.
#[derive(Clone, Debug, Default)]
pub struct Found<'v> {
    /// The pod-shaped things. None, and nothing unread: the object runs nothing.
    pub pods: Vec<Pod<'v>>,
    /// What could not be read; images may be behind it.
    pub unread: Vec<Unread>,
}

/// Everything that `object` runs. Objects of kinds that `kinds` does not know run nothing of which it could be said.
pub fn pods<'v>(object: &'v Value<'v>, kinds: &Kinds) -> Found<'v> {
    let mut found = Found::default();
    let (group, kind) = type_of(object, &mut found);
    // A list has its kind from what is in it, and what is in it need not say its own.
    if let Some(item_kind) = kind.strip_suffix("List")
        && !kinds.knows(group, kind)
        && let Some(items) = found.list(object, "", "items")
    {
        for (index, item) in items.iter().enumerate() {
            let (own_group, own_kind) = match type_of(item, &mut found) {
                (_, "") => (group, item_kind),
                own => own,
            };
            found.object(item, &format!("/items/{index}"), own_group, own_kind, kinds);
        }
        return found;
    }
    found.object(object, "", group, kind, kinds);
    found
}

/// Group and kind, as the object says them.
fn type_of<'v>(object: &'v Value<'v>, found: &mut Found<'v>) -> (&'v str, &'v str) {
    let text = |found: &mut Found<'v>, key| found.text(object, "", key).unwrap_or_default();
    let version = text(found, "apiVersion");
    let kind = text(found, "kind");
    (version.split_once('/').map_or("", |(group, _)| group), kind)
}

impl<'v> Found<'v> {
    fn note(&mut self, pointer: &str, detail: impl Into<String>) {
        if self.unread.len() < MOST_UNREAD {
            self.unread.push(Unread { pointer: pointer.to_owned(), detail: detail.into() });
        }
    }

    /// A field, which must be there once. JSON does not say which of two counts, and readers differ.
    fn field(&mut self, value: &'v Value<'v>, pointer: &str, key: &str) -> Option<&'v Value<'v>> {
        let mut all = match value {
            Value::Object(object) => object.iter().filter(|(own, _)| *own == key),
            _ => return None,
        };
        let first = all.next()?.1;
        match all.last() {
            None => (!first.is_null()).then_some(first),
            Some((_, last)) => {
                self.note(pointer, format!("has `{key}` more than once"));
                Some(last)
            }
        }
    }

    fn text(&mut self, value: &'v Value<'v>, pointer: &str, key: &str) -> Option<&'v str> {
        let field = self.field(value, pointer, key)?;
        let text = field.as_str();
        if text.is_none() {
            self.note(&format!("{pointer}/{key}"), "is no text");
        }
        text
    }

    fn list(&mut self, value: &'v Value<'v>, pointer: &str, key: &str) -> Option<&'v [Value<'v>]> {
        let field = self.field(value, pointer, key)?;
        let list = field.as_array();
        if list.is_none() {
            self.note(&format!("{pointer}/{key}"), "is no list");
        }
        list
    }

    fn map(&mut self, value: &'v Value<'v>, pointer: &str, key: &str) -> Option<&'v ObjectAsVec<'v>> {
        let field = self.field(value, pointer, key)?;
        let map = field.as_object();
        if map.is_none() {
            self.note(&format!("{pointer}/{key}"), "is no object");
        }
        map
    }

    /// An object that is no list.
    fn object(&mut self, object: &'v Value<'v>, at: &str, group: &'v str, kind: &'v str, kinds: &Kinds) {
        if !object.is_object() {
            self.note(at, "is no object");
            return;
        }
        let mut places = kinds.of(group, kind).peekable();
        if places.peek().is_none() {
            return;
        }
        let mut name = ObjectName { group, kind, ..ObjectName::default() };
        let mut labels = None;
        if let Some(metadata) = self.field(object, at, "metadata") {
            let below = format!("{at}/metadata");
            let mut text = |key| self.text(metadata, &below, key).filter(|text| !text.is_empty());
            name.namespace = text("namespace").unwrap_or_default();
            name.name = text("name").or_else(|| text("generateName")).unwrap_or_default();
            labels = self.map(metadata, &below, "labels");
        }
        for place in places {
            for (value, pointer) in self.walk(object, at, &place.path) {
                self.place(value, pointer, place.what, name, labels);
            }
        }
    }

    /// What stands at a path: nothing, one thing, or with `*` several.
    fn walk(
        &mut self,
        object: &'v Value<'v>,
        at: &str,
        path: &[Cow<'static, str>],
    ) -> Vec<(&'v Value<'v>, String)> {
        let mut here = vec![(object, at.to_owned())];
        for part in path {
            let mut next = Vec::with_capacity(here.len());
            for (value, pointer) in here {
                match (value, part.as_ref()) {
                    (Value::Array(list), "*") => {
                        let below = list.iter().enumerate();
                        next.extend(below.map(|(index, one)| (one, format!("{pointer}/{index}"))));
                    }
                    (Value::Object(object), "*") => {
                        for (key, one) in object.iter() {
                            // Every pointer below repeats the key: a long one would cost its length times what is below.
                            if key.len() > LONGEST_KEY {
                                self.note(&pointer, "has a key that is too long");
                                continue;
                            }
                            next.push((one, format!("{pointer}/{}", escaped(key))));
                        }
                    }
                    (Value::Object(_), key) => {
                        let below = self.field(value, &pointer, key);
                        next.extend(below.map(|one| (one, format!("{pointer}/{}", escaped(key)))));
                    }
                    (Value::Null, _) => {}
                    _ => self.note(&pointer, "is neither list nor object"),
                }
            }
            here = next;
        }
        here
    }

    /// What stands at the end of a path.
    fn place(
        &mut self,
        value: &'v Value<'v>,
        pointer: String,
        what: What,
        object: ObjectName<'v>,
        labels: Option<&'v ObjectAsVec<'v>>,
    ) {
        let mut pod = Pod { object, labels, annotations: None, pointer, spec: None, containers: Vec::new() };
        match what {
            What::Template => {
                if !value.is_object() {
                    return self.note(&pod.pointer, "is no object");
                }
                pod.labels = None;
                if let Some(metadata) = self.field(value, &pod.pointer, "metadata") {
                    let below = format!("{}/metadata", pod.pointer);
                    pod.labels = self.map(metadata, &below, "labels");
                    pod.annotations = self.map(metadata, &below, "annotations");
                }
                let spec = self.field(value, &pod.pointer, "spec");
                pod.pointer.push_str("/spec");
                match spec {
                    Some(spec) => self.spec(&mut pod, spec),
                    None => self.note(&pod.pointer, "is not there"),
                }
            }
            What::Spec => self.spec(&mut pod, value),
            What::Container => match value {
                Value::Array(list) => {
                    for (index, one) in list.iter().enumerate() {
                        let pointer = format!("{}/{index}", pod.pointer);
                        self.container(&mut pod, one, &pointer, ContainerKind::Regular);
                    }
                }
                one => {
                    let pointer = pod.pointer.clone();
                    self.container(&mut pod, one, &pointer, ContainerKind::Regular);
                }
            },
            What::Image => match value {
                Value::Str(image) => pod.containers.push(Container {
                    kind: ContainerKind::Regular,
                    name: "",
                    image: (!image.is_empty()).then_some(image.as_ref()),
                    pointer: pod.pointer.clone(),
                    definition: None,
                }),
                Value::Null => return,
                _ => return self.note(&pod.pointer, "is no text"),
            },
        }
        self.pods.push(pod);
    }

    fn spec(&mut self, pod: &mut Pod<'v>, spec: &'v Value<'v>) {
        if !spec.is_object() {
            return self.note(&pod.pointer, "is no object");
        }
        pod.spec = Some(spec);
        let lists = [
            ("initContainers", ContainerKind::Init),
            ("containers", ContainerKind::Regular),
            ("ephemeralContainers", ContainerKind::Ephemeral),
        ];
        for (key, kind) in lists {
            for (index, one) in self.list(spec, &pod.pointer, key).unwrap_or_default().iter().enumerate() {
                let pointer = format!("{}/{key}/{index}", pod.pointer);
                self.container(pod, one, &pointer, kind);
            }
        }
        for (index, volume) in self.list(spec, &pod.pointer, "volumes").unwrap_or_default().iter().enumerate()
        {
            let pointer = format!("{}/volumes/{index}", pod.pointer);
            if let Some(source) = self.field(volume, &pointer, "image") {
                let name = self.text(volume, &pointer, "name").unwrap_or_default();
                let pointer = format!("{pointer}/image");
                if !source.is_object() {
                    self.note(&pointer, "is no object");
                    continue;
                }
                let image = self.text(source, &pointer, "reference").filter(|image| !image.is_empty());
                pod.containers.push(Container {
                    kind: ContainerKind::ImageVolume,
                    name,
                    image,
                    pointer: format!("{pointer}/reference"),
                    definition: Some(volume),
                });
            }
        }
    }

    fn container(
        &mut self,
        pod: &mut Pod<'v>,
        container: &'v Value<'v>,
        pointer: &str,
        mut kind: ContainerKind,
    ) {
        if !container.is_object() {
            return self.note(pointer, "is no object");
        }
        let goes_on = |found: &mut Self| found.text(container, pointer, "restartPolicy") == Some("Always");
        if kind == ContainerKind::Init && goes_on(self) {
            kind = ContainerKind::Sidecar;
        }
        pod.containers.push(Container {
            kind,
            name: self.text(container, pointer, "name").unwrap_or_default(),
            image: self.text(container, pointer, "image").filter(|image| !image.is_empty()),
            pointer: format!("{pointer}/image"),
            definition: Some(container),
        });
    }
}

fn get<'v>(value: &'v Value<'v>, key: &str) -> Option<&'v Value<'v>> {
    value.as_object()?.get(key).filter(|field| !field.is_null())
}

/// A key as part of a JSON pointer.
fn escaped(key: &str) -> Cow<'_, str> {
    if key.contains(['~', '/']) {
        Cow::Owned(key.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `kind name image pointer` of every image.
    fn seen(found: &Found<'_>) -> Vec<String> {
        found
            .pods
            .iter()
            .flat_map(|pod| &pod.containers)
            .map(|one| {
                format!("{} {} {} {}", one.kind.word(), one.name, one.image.unwrap_or("-"), one.pointer)
            })
            .collect()
    }

    fn check(json: &str, expected: &[&str], unread: &[&str]) {
        let mut kinds = Kinds::default();
        kinds.add("Task.tekton.dev=container:/spec/steps").expect("a kind");
        kinds.add("Task.tekton.dev=image:/spec/sidecars/*/image").expect("a kind");
        kinds.add("Prometheus.monitoring.coreos.com=image:/spec/image").expect("a kind");
        kinds.add("Cluster.example.org=spec:/spec/pools/*/pod").expect("a kind");
        let value: Value<'_> = serde_json::from_str(json).expect("JSON");
        let found = pods(&value, &kinds);
        assert_eq!(seen(&found), expected, "{json}");
        let notes: Vec<String> = found.unread.iter().map(ToString::to_string).collect();
        assert_eq!(notes, unread, "{json}");
    }

    #[test]
    fn a_pod_with_everything() {
        let json = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"shop","labels":{"tier":"front"}},
            "spec":{"serviceAccountName":"robot","securityContext":{"runAsNonRoot":true},
            "initContainers":[{"name":"i","image":"init:1"},{"name":"s","image":"side:1","restartPolicy":"Always"}],
            "containers":[{"name":"c","image":"main:1","securityContext":{"privileged":true}}],
            "ephemeralContainers":[{"name":"e","image":"debug:1"}],
            "volumes":[{"name":"v","image":{"reference":"data:1","pullPolicy":"Always"}},{"name":"w","emptyDir":{}}]}}"#;
        check(
            json,
            &[
                "init container i init:1 /spec/initContainers/0/image",
                "sidecar s side:1 /spec/initContainers/1/image",
                "container c main:1 /spec/containers/0/image",
                "ephemeral container e debug:1 /spec/ephemeralContainers/0/image",
                "image volume v data:1 /spec/volumes/0/image/reference",
            ],
            &[],
        );
        let value: Value<'_> = serde_json::from_str(json).expect("JSON");
        let found = pods(&value, &Kinds::default());
        let pod = &found.pods[0];
        assert_eq!(pod.object, ObjectName { group: "", kind: "Pod", namespace: "shop", name: "a" });
        assert_eq!(pod.service_account(), Some("robot"));
        assert_eq!(pod.labels().collect::<Vec<_>>(), [("tier", "front")]);
        assert!(pod.security_context().is_some_and(|context| get(context, "runAsNonRoot").is_some()));
        assert!(pod.containers[2].security_context().is_some());
        assert!(pod.containers[0].security_context().is_none());
    }

    #[test]
    fn kinds_with_templates() {
        let template =
            r#"{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"x:1"}]}}"#;
        for (version, kind) in [
            ("apps/v1", "Deployment"),
            ("apps/v1", "ReplicaSet"),
            ("apps/v1beta1", "StatefulSet"),
            ("apps/v1", "DaemonSet"),
            ("batch/v1", "Job"),
            ("v1", "ReplicationController"),
            ("argoproj.io/v1alpha1", "Rollout"),
        ] {
            let json = format!(
                r#"{{"apiVersion":"{version}","kind":"{kind}","metadata":{{"labels":{{"not":"these"}}}},"spec":{{"template":{template}}}}}"#
            );
            check(&json, &["container c x:1 /spec/template/spec/containers/0/image"], &[]);
            let value: Value<'_> = serde_json::from_str(&json).expect("JSON");
            let found = pods(&value, &Kinds::default());
            assert_eq!(found.pods[0].labels().collect::<Vec<_>>(), [("a", "b")], "those of the template");
        }
        check(
            &format!(
                r#"{{"apiVersion":"batch/v1beta1","kind":"CronJob","spec":{{"jobTemplate":{{"spec":{{"template":{template}}}}}}}}}"#
            ),
            &["container c x:1 /spec/jobTemplate/spec/template/spec/containers/0/image"],
            &[],
        );
        check(
            &format!(r#"{{"apiVersion":"v1","kind":"PodTemplate","template":{template}}}"#),
            &["container c x:1 /template/spec/containers/0/image"],
            &[],
        );
        check(
            r#"{"apiVersion":"v1","kind":"EphemeralContainers","ephemeralContainers":[{"name":"d","image":"x:2"}]}"#,
            &["ephemeral container d x:2 /ephemeralContainers/0/image"],
            &[],
        );
        check(
            &format!(
                r#"{{"apiVersion":"jobset.x-k8s.io/v1alpha2","kind":"JobSet","spec":{{"replicatedJobs":[{{"template":{{"spec":{{"template":{template}}}}}}},{{"template":{{"spec":{{"template":{template}}}}}}}]}}}}"#
            ),
            &[
                "container c x:1 /spec/replicatedJobs/0/template/spec/template/spec/containers/0/image",
                "container c x:1 /spec/replicatedJobs/1/template/spec/template/spec/containers/0/image",
            ],
            &[],
        );
    }

    #[test]
    fn configured_kinds_and_lists() {
        check(
            r#"{"apiVersion":"tekton.dev/v1","kind":"Task","spec":{"steps":[{"name":"s","image":"a:1"}],"sidecars":[{"image":"b:1"}]}}"#,
            &["container s a:1 /spec/steps/0/image", "container  b:1 /spec/sidecars/0/image"],
            &[],
        );
        check(
            r#"{"apiVersion":"monitoring.coreos.com/v1","kind":"Prometheus","spec":{"image":"p:1"}}"#,
            &["container  p:1 /spec/image"],
            &[],
        );
        check(
            r#"{"apiVersion":"example.org/v1","kind":"Cluster","spec":{"pools":{"a/b":{"pod":{"containers":[{"name":"c","image":"x:1"}]}}}}}"#,
            &["container c x:1 /spec/pools/a~1b/pod/containers/0/image"],
            &[],
        );
        check(
            r#"{"apiVersion":"v1","kind":"PodList","items":[{"spec":{"containers":[{"name":"c","image":"x:1"}]}}]}"#,
            &["container c x:1 /items/0/spec/containers/0/image"],
            &[],
        );
        check(
            r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Secret"},
                {"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c","image":"x:1"}]}},7]}"#,
            &["container c x:1 /items/1/spec/containers/0/image"],
            &["/items/2 is no object"],
        );
        check(r#"{"apiVersion":"v1","kind":"Secret","spec":{"containers":[{"image":"x"}]}}"#, &[], &[]);
        // The group counts: somebody else's Deployment is not ours.
        check(r#"{"apiVersion":"example.org/v1","kind":"Deployment","spec":{"template":7}}"#, &[], &[]);
    }

    #[test]
    fn what_has_no_form_is_said() {
        check(
            r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c"},{"name":"d","image":7},{"name":"e","image":""},"f"],"volumes":{}}}"#,
            &[
                "container c - /spec/containers/0/image",
                "container d - /spec/containers/1/image",
                "container e - /spec/containers/2/image",
            ],
            &[
                "/spec/containers/1/image is no text",
                "/spec/containers/3 is no object",
                "/spec/volumes is no list",
            ],
        );
        check(r#"{"apiVersion":"v1","kind":"Pod"}"#, &[], &["/spec is not there"]);
        check(
            r#"{"apiVersion":"apps/v1","kind":"Deployment","spec":{"template":[]}}"#,
            &[],
            &["/spec/template is no object"],
        );
        check(
            r#"{"apiVersion":"apps/v1","kind":"Deployment","spec":"text"}"#,
            &[],
            &["/spec is neither list nor object"],
        );
        check("[]", &[], &["the object is no object"]);
        // Which of two counts depends on who reads: the last, as for Kubernetes, and it is said.
        check(
            r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c","image":"good:1","image":"bad:1"}]}}"#,
            &["container c bad:1 /spec/containers/0/image"],
            &["/spec/containers/0 has `image` more than once"],
        );
    }

    #[test]
    fn lines_that_are_no_kind() {
        let mut kinds = Kinds::default();
        for text in [
            "",
            "Task",
            "Task.tekton.dev=image",
            "=image:/spec",
            "Task.tekton.dev=picture:/spec",
            "Task.tekton.dev=image:spec",
            "Task.tekton.dev=image:/spec//image",
            "Ta sk.tekton.dev=image:/spec",
        ] {
            assert!(kinds.add(text).is_err(), "{text}");
        }
        assert!(!kinds.knows("tekton.dev", "Task"));
        let long = format!("A.b=image:{}", "/a".repeat(33));
        assert!(kinds.add(&long).is_err());
    }

    #[test]
    fn any_object() {
        crate::fuzz::workload(b"{");
        crate::fuzz::workload(&[b"[".repeat(10_000), b"]".repeat(10_000)].concat());
        let many = format!(
            r#"{{"apiVersion":"v1","kind":"Pod","spec":{{"containers":[{}7]}}}}"#,
            "7,".repeat(50_000)
        );
        crate::fuzz::workload(many.as_bytes());
        let value: Value<'_> = serde_json::from_str(&many).expect("JSON");
        assert_eq!(pods(&value, &Kinds::default()).unread.len(), MOST_UNREAD, "bounded");
    }

    proptest::proptest! {
        #[test]
        fn damaged(at in 0_usize..300, with in "[\\[\\]{}\",:0-9a-z]{0,8}") {
            let whole = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"a":"b"}},"spec":{"initContainers":[{"name":"i","image":"x"}],"containers":[{"name":"c","image":"x"}],"volumes":[{"name":"v","image":{"reference":"y"}}]}}"#;
            let at = at.min(whole.len());
            crate::fuzz::workload(format!("{}{with}{}", &whole[..at], &whole[at..]).as_bytes());
        }
    }
}
