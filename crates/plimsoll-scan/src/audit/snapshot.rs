//! The state of a cluster as a file, and the files that people have: what `kubectl get -o json` prints, manifests.
//!
//! A snapshot is lines of JSON: a head, the objects, an end with their number, so that a file that was cut off is not a
//! smaller cluster. It holds no value that may be secret: no ConfigMap or Secret is read, and of objects that run something
//! the values of environment variables, commands, arguments, probes and annotations are left out.

use std::io::{self, BufRead, Read as _, Write};

use plimsoll_model::audit::{ClusterInfo, Missing};
use plimsoll_model::{Problem, ProblemKind, headline, shortened};
use serde::{Deserialize, Serialize};
use serde_json_borrow::Value;

use super::live::Sink;

/// Longest line in bytes: an object of etcd's largest size, escaped.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;
/// Largest document that is no snapshot in bytes.
const LARGEST: u64 = 2 * 1024 * 1024 * 1024;
/// Largest YAML in bytes: it is read by a reader that builds a tree.
const LARGEST_YAML: usize = 32 * 1024 * 1024;
/// `apiVersion` of the lines that are no objects of the cluster.
const VERSION: &str = "plimsoll.dev/v1";

/// A line that is no object of the cluster.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
enum Line {
    /// The first.
    ClusterSnapshot { api_version: String, cluster: ClusterInfo },
    /// What was given of a kind is void, and follows once more.
    SnapshotRestart { api_version: String, of: String },
    /// The last.
    SnapshotEnd {
        api_version: String,
        objects: u64,
        missing: Vec<Missing>,
        /// Lists that were read, or tried, by their name in rights. Snapshots of older versions do not say it.
        #[serde(default)]
        lists: Vec<String>,
    },
}

/// Writes a snapshot.
pub struct Writer<'w> {
    out: &'w mut dyn Write,
    objects: u64,
    failed: Option<io::Error>,
}

impl<'w> Writer<'w> {
    /// Begins it.
    pub fn new(out: &'w mut dyn Write, cluster: ClusterInfo) -> Self {
        let mut writer = Writer { out, objects: 0, failed: None };
        writer.line(&Line::ClusterSnapshot { api_version: VERSION.into(), cluster });
        writer
    }

    fn line(&mut self, line: &impl Serialize) {
        if self.failed.is_some() {
            return;
        }
        let mut bytes = serde_json::to_vec(line).unwrap_or_default();
        bytes.push(b'\n');
        self.failed = self.out.write_all(&bytes).err();
    }

    /// Ends it, with what could not be read, and which lists were tried.
    ///
    /// # Errors
    /// When anything of it could not be written.
    pub fn end(mut self, missing: Vec<Missing>, lists: Vec<String>) -> io::Result<u64> {
        let objects = self.objects;
        self.line(&Line::SnapshotEnd { api_version: VERSION.into(), objects, missing, lists });
        match self.failed {
            Some(error) => Err(error),
            None => self.out.flush().map(|()| objects),
        }
    }
}

impl Sink for Writer<'_> {
    fn forget(&mut self, kind: &str) {
        self.line(&Line::SnapshotRestart { api_version: VERSION.into(), of: kind.to_owned() });
    }

    fn object(&mut self, object: &Value<'_>) {
        self.objects += 1;
        self.line(&Cleaned { value: object, place: Place::Object });
    }
}

/// What is around a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Object,
    Metadata,
    Annotations,
    Status,
    Spec,
    /// Parameters of a storage class, some of which drivers take credentials by.
    Parameters,
    /// An environment: its names, not its values.
    Environment,
    /// Whatever is in it.
    Kept,
}

/// Keys below a specification whose content may be secret, or is nothing that a decision looks at.
const LEFT_OUT: [&str; 17] = [
    "args",
    "binaryData",
    "command",
    "caBundle",
    "data",
    "filters",
    "headers",
    "httpHeaders",
    "lifecycle",
    "livenessProbe",
    "managedFields",
    "options",
    "readinessProbe",
    "startupProbe",
    "stringData",
    "tls",
    "volumeAttributes",
];
/// What of metadata is kept.
const METADATA: [&str; 5] = ["annotations", "labels", "name", "namespace", "ownerReferences"];
/// What of a status is kept.
const STATUS: [&str; 20] = [
    "address",
    "addresses",
    "conditions",
    "containerStatuses",
    "ephemeralContainerStatuses",
    "hostname",
    "image",
    "imageID",
    "ingress",
    "initContainerStatuses",
    "ip",
    "kubeletVersion",
    "loadBalancer",
    "name",
    "nodeInfo",
    "phase",
    "podIP",
    "podIPs",
    "status",
    "type",
];
/// What of an object is kept beside its metadata, specification and status: rights, admission, endpoints.
const BESIDE: [&str; 12] = [
    "addressType",
    "aggregationRule",
    "apiVersion",
    "automountServiceAccountToken",
    "endpoints",
    "kind",
    "ports",
    "provisioner",
    "roleRef",
    "rules",
    "secrets",
    "subjects",
];
/// What of the parameters of a storage class is kept: how its volumes are encrypted.
const PARAMETERS: [&str; 5] =
    ["disk-encryption-kms-key", "diskEncryptionSetID", "encrypted", "kmsKeyId", "type"];
/// Maps of labels, and selectors: their keys are names that people chose.
const SELECTORS: [&str; 6] =
    ["clusterRoleSelectors", "labelSelector", "matchExpressions", "matchLabels", "nodeSelector", "selector"];
/// What the objects of a snapshot lack, for whoever judges by rules that may look at it.
pub(super) const LEFT_OUT_OF_OBJECTS: plimsoll_rules::LeftOut = plimsoll_rules::LeftOut {
    fields: &[
        "annotations",
        "args",
        "binaryData",
        "caBundle",
        "command",
        "creationTimestamp",
        "data",
        "deletionTimestamp",
        "env",
        "filters",
        "finalizers",
        "generateName",
        "generation",
        "headers",
        "httpHeaders",
        "lifecycle",
        "livenessProbe",
        "managedFields",
        "options",
        "readinessProbe",
        "resourceVersion",
        "startupProbe",
        "status",
        "stringData",
        "tls",
        "uid",
        "volumeAttributes",
    ],
    all_but: &[
        "addressType",
        "aggregationRule",
        "apiVersion",
        "automountServiceAccountToken",
        "endpoints",
        "kind",
        "metadata",
        "ports",
        "provisioner",
        "roleRef",
        "rules",
        "secrets",
        "spec",
        "subjects",
        "template",
        "webhooks",
    ],
};
/// Annotations whose values are kept beside [those that analyses look at](plimsoll_posture::cluster::ANNOTATIONS): who looks
/// after something, what is accepted of it, and which controller an Ingress is for.
const ANNOTATIONS: [&str; 3] = ["kubernetes.io/ingress.class", "plimsoll.dev/", "owner"];

/// An object without what may be secret. As deep as the reader lets anything be: 128 levels.
struct Cleaned<'c, 'v> {
    value: &'c Value<'v>,
    place: Place,
}

impl Serialize for Cleaned<'_, '_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Array(list) => {
                serializer.collect_seq(list.iter().map(|value| Cleaned { value, place: self.place }))
            }
            Value::Object(object) => serializer.collect_map(object.iter().filter_map(|(key, value)| {
                let place = match (self.place, key) {
                    // Templates have metadata of their own.
                    (Place::Object | Place::Spec, "metadata") => Place::Metadata,
                    (Place::Spec, key) if LEFT_OUT.contains(&key) => return None,
                    (Place::Spec, "env") => Place::Environment,
                    (Place::Spec, key) if SELECTORS.contains(&key) => Place::Kept,
                    (Place::Object, "spec" | "template" | "webhooks") | (Place::Spec, _) => Place::Spec,
                    (Place::Object, "status") => Place::Status,
                    (Place::Object, "parameters") => Place::Parameters,
                    (Place::Parameters, key) if PARAMETERS.contains(&key) => Place::Kept,
                    (Place::Object, key) if BESIDE.contains(&key) => Place::Kept,
                    (Place::Metadata, "annotations") => Place::Annotations,
                    (Place::Annotations, key) => {
                        let kept = |own: &&str| key == *own || own.ends_with('/') && key.starts_with(own);
                        let cleaned = Cleaned { value, place: Place::Kept };
                        let mut all = ANNOTATIONS.iter().chain(plimsoll_posture::cluster::ANNOTATIONS);
                        return all.any(kept).then_some((key, cleaned));
                    }
                    (Place::Status, key) if STATUS.contains(&key) => Place::Status,
                    (Place::Environment, "name") | (Place::Kept, _) => Place::Kept,
                    (Place::Metadata, key) if METADATA.contains(&key) => Place::Kept,
                    (
                        Place::Object
                        | Place::Metadata
                        | Place::Status
                        | Place::Parameters
                        | Place::Environment,
                        _,
                    ) => return None,
                };
                Some((key, Cleaned { value, place }))
            })),
            // An environment that is no list of names and values, as kinds of others may have.
            _ if self.place == Place::Environment => serializer.serialize_unit(),
            other => other.serialize(serializer),
        }
    }
}

/// What a file said beside its objects.
#[derive(Debug, Default)]
pub struct Told {
    /// Which cluster, and when, where it is a snapshot.
    pub cluster: Option<ClusterInfo>,
    /// What could not be read when it was taken.
    pub missing: Vec<Missing>,
    /// Lists that were read, or tried, when it was taken.
    pub lists: Vec<String>,
    /// How many objects it held.
    pub objects: u64,
    /// What of the file could not be read.
    pub problems: Vec<Problem>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It cannot be read.
    #[error("cannot read `{file}`")]
    Read {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is neither a snapshot nor manifests.
    #[error("`{file}` is neither a snapshot of a cluster nor manifests: {detail}")]
    Form {
        /// The file.
        file: String,
        /// What is wrong.
        detail: String,
    },
    /// It is a snapshot that was cut off, or is broken.
    #[error("the snapshot `{file}` is broken at line {line}: {detail}")]
    Broken {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// What is wrong.
        detail: String,
    },
    /// It is too large.
    #[error("`{file}` is larger than {limit} bytes")]
    TooLarge {
        /// The file.
        file: String,
        /// The limit.
        limit: u64,
    },
}

/// Reads a snapshot, or objects in JSON or YAML.
///
/// # Errors
/// When it is none of them, or a snapshot that does not come to its end.
pub fn read(file: &str, input: &mut dyn BufRead, sink: &mut dyn Sink) -> Result<Told, SnapshotError> {
    let failed = |source| SnapshotError::Read { file: file.to_owned(), source };
    let mut head = Vec::new();
    io::Read::take(&mut *input, LONGEST_LINE).read_until(b'\n', &mut head).map_err(failed)?;
    match serde_json::from_slice::<Line>(&head) {
        Ok(Line::ClusterSnapshot { api_version, cluster }) => {
            if api_version != VERSION {
                let detail = format!("it is of the version `{}`, not `{VERSION}`", shortened(&api_version));
                return Err(SnapshotError::Broken { file: file.to_owned(), line: 1, detail });
            }
            sink.partial();
            lines(file, input, cluster, sink)
        }
        _ => {
            let mut all = head;
            io::Read::take(&mut *input, LARGEST + 1 - all.len() as u64)
                .read_to_end(&mut all)
                .map_err(failed)?;
            if all.len() as u64 > LARGEST {
                return Err(SnapshotError::TooLarge { file: file.to_owned(), limit: LARGEST });
            }
            documents(file, &all, sink)
        }
    }
}

fn lines(
    file: &str,
    input: &mut dyn BufRead,
    cluster: ClusterInfo,
    sink: &mut dyn Sink,
) -> Result<Told, SnapshotError> {
    let mut told = Told { cluster: Some(cluster), ..Told::default() };
    let mut line = Vec::new();
    let mut number = 1;
    loop {
        number += 1;
        line.clear();
        let broken = |detail: String| SnapshotError::Broken { file: file.to_owned(), line: number, detail };
        io::Read::take(&mut *input, LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|source| SnapshotError::Read { file: file.to_owned(), source })?;
        if line.is_empty() {
            return Err(broken("it ends before its last line: it was cut off".into()));
        }
        if !line.ends_with(b"\n") {
            return Err(broken("the line is cut off, or too long".into()));
        }
        // Only our own lines can be lines about the snapshot: objects of the cluster have other kinds.
        match serde_json::from_slice::<Line>(&line) {
            Ok(Line::SnapshotEnd { objects, missing, lists, .. }) => {
                if objects != told.objects {
                    return Err(broken(format!(
                        "it speaks of {objects} objects, and there are {}",
                        told.objects
                    )));
                }
                (told.missing, told.lists) = (missing, lists);
                return Ok(told);
            }
            Ok(Line::SnapshotRestart { of, .. }) => sink.forget(&of),
            Ok(Line::ClusterSnapshot { .. }) => return Err(broken("a second beginning".into())),
            Err(_) => {
                let text = std::str::from_utf8(&line).map_err(|_| broken("it is not UTF-8".into()))?;
                let object: Value<'_> =
                    serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
                if !object.is_object() {
                    return Err(broken("it is no object".into()));
                }
                told.objects += 1;
                sink.object(&object);
            }
        }
    }
}

/// Objects in JSON, one after another or in lists, or documents in YAML.
fn documents(file: &str, bytes: &[u8], sink: &mut dyn Sink) -> Result<Told, SnapshotError> {
    let form = |detail: String| SnapshotError::Form { file: file.to_owned(), detail };
    let text = std::str::from_utf8(bytes).map_err(|_| form("it is not UTF-8".into()))?;
    let mut told = Told::default();
    let mut json = serde_json::Deserializer::from_str(text).into_iter::<Value<'_>>();
    let mut last = 0;
    let mut failure = None;
    for value in &mut json {
        match value {
            Ok(value) if value.is_object() => object(value, &mut told, sink),
            Ok(_) => failure = Some("a document in it is no object".to_owned()),
            Err(error) => failure = Some(error.to_string()),
        }
        if failure.is_some() {
            break;
        }
        last += 1;
    }
    let failure = match failure {
        None if last > 0 => return Ok(told),
        None => return Err(form("it is empty".into())),
        Some(error) if last > 0 => return Err(form(error)),
        Some(error) => error,
    };
    // Braces begin JSON, and YAML too.
    let braces = text.trim_start().starts_with('{');
    if text.len() > LARGEST_YAML {
        return Err(if braces {
            form(failure)
        } else {
            SnapshotError::TooLarge { file: file.to_owned(), limit: LARGEST_YAML as u64 }
        });
    }
    let read: Vec<serde_json::Value> = serde_saphyr::from_multiple(text).map_err(|error| {
        form(if braces { failure.clone() } else { headline(&error.to_string()).to_owned() })
    })?;
    for document in read.iter().filter(|document| !document.is_null()) {
        if !document.is_object() {
            return Err(form("a document in it is no object".into()));
        }
        object(Value::from(document), &mut told, sink);
    }
    if told.objects == 0 {
        return Err(form("it holds no object".into()));
    }
    Ok(told)
}

/// Gives an object to the sink, a list taken apart.
fn object(value: Value<'_>, told: &mut Told, sink: &mut dyn Sink) {
    let is_list = value.as_object().is_some_and(|object| {
        object.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"))
            && object.contains_key("items")
    });
    if !is_list {
        told.objects += 1;
        sink.object(&value);
        return;
    }
    let Value::Object(list) = value else { return };
    let kind = list.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let version = list.get("apiVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
    let item_kind = kind.strip_suffix("List").unwrap_or_default();
    for (key, value) in list.into_vec() {
        match (key.as_ref(), value) {
            ("items", Value::Array(items)) => {
                for mut item in items {
                    if let Value::Object(object) = &mut item
                        && !item_kind.is_empty()
                        && !object.contains_key("kind")
                    {
                        object.insert("kind", Value::Str(item_kind.to_owned().into()));
                        object.insert("apiVersion", Value::Str(version.clone().into()));
                    }
                    told.objects += 1;
                    sink.object(&item);
                }
            }
            // Go writes an empty list so.
            ("items", Value::Null) => {}
            ("items", _) => told.problems.push(Problem::incomplete(
                ProblemKind::Corrupt,
                shortened(&kind),
                "its `items` are no list",
            )),
            _ => {}
        }
    }
}
