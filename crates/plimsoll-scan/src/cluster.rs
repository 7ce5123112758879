//! A cluster for analyses: live, as a snapshot, or as manifests, with what could not be seen of it.

mod accept;
mod attack;
mod drift;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

pub use accept::{accept, accept_routes};
pub use attack::image_flaws;
pub use drift::{Kept, drift, since};
use plimsoll_kube::{Client, Error};
use plimsoll_model::audit::{ClusterInfo, Missing};
use plimsoll_model::workload::Kinds;
use plimsoll_model::{Problem, ProblemKind};
pub use plimsoll_posture::cluster::attack::{ImageFlaws, attack};
pub use plimsoll_posture::cluster::pss::{Asked, pss};
pub use plimsoll_posture::cluster::rbac::{
    Asked as AskedRight, PathsAsked, Place as AskedWhere, Rbac, nobody, paths, who_can,
};
pub use plimsoll_posture::cluster::reach::{AskedPort, End, Reachability, TooLarge, diff};
pub use plimsoll_posture::cluster::suggest::suggest;
use plimsoll_posture::cluster::{Builder, Cluster, LISTS, Origin};
use plimsoll_posture::kubernetes::yaml;
use serde_json_borrow::Value;

use crate::ScanError;
use crate::audit::live::{self, Scope, Sink};
use crate::audit::snapshot::{self, SnapshotError};
use crate::check::{self, Kind, files_below, unreadable};
use crate::git::{GitError, GitSettings, files_at};

/// A cluster, and which one it is.
#[derive(Debug)]
pub struct Seen {
    /// The cluster.
    pub cluster: Cluster,
    /// Its name, version and time; of files their names.
    pub info: ClusterInfo,
}

/// Why there is no cluster to look at.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A path cannot be used.
    #[error(transparent)]
    Path(#[from] ScanError),
    /// A file is no snapshot and no manifest.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A revision cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Standard input has no revisions.
    #[error("there is no revision `{revision}` of standard input")]
    NoHistory {
        /// As typed.
        revision: String,
    },
    /// There is no object in what was named.
    #[error("{paths} holds no object of Kubernetes")]
    Nothing {
        /// What was named.
        paths: String,
    },
}

impl ClusterError {
    /// Was it asked for in a way that cannot work?
    pub fn is_usage(&self) -> bool {
        match self {
            ClusterError::Path(error) => error.is_usage(),
            ClusterError::Git(error) => error.is_usage(),
            ClusterError::NoHistory { .. } => true,
            ClusterError::Snapshot(_) | ClusterError::Nothing { .. } => false,
        }
    }
}

/// Takes objects of one place.
struct From<'b> {
    builder: &'b mut Builder,
    kept: Option<&'b mut Kept>,
    source: Option<&'b str>,
    objects: u64,
}

impl Sink for From<'_> {
    fn forget(&mut self, kind: &str) {
        self.builder.forget(kind);
        if let Some(kept) = &mut self.kept {
            kept.forget(kind);
        }
    }

    fn object(&mut self, object: &Value<'_>) {
        self.objects += u64::from(self.builder.object(object, self.source));
        if let Some(kept) = &mut self.kept {
            kept.push(object);
        }
    }

    fn partial(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.partial = true;
        }
    }
}

/// Reads a live cluster, all of it or these namespaces.
///
/// # Errors
/// When it cannot be reached, or does not know us.
pub fn live(client: &Client, namespaces: &[String], kinds: &Kinds, taken_at: String) -> Result<Seen, Error> {
    read_live(client, namespaces, kinds, taken_at, None)
}

/// The same, with the objects as they were read.
///
/// # Errors
/// As [`live`].
pub fn live_and_objects(
    client: &Client,
    namespaces: &[String],
    kinds: &Kinds,
    taken_at: String,
) -> Result<(Seen, Kept), Error> {
    let mut kept = Kept::for_rules(kinds);
    let seen = read_live(client, namespaces, kinds, taken_at, Some(&mut kept))?;
    Ok((seen, kept))
}

fn read_live(
    client: &Client,
    namespaces: &[String],
    kinds: &Kinds,
    taken_at: String,
    kept: Option<&mut Kept>,
) -> Result<Seen, Error> {
    let readings = live::readings(client, kinds, Scope::Everything)?;
    let mut builder = Builder::new(Origin::Cluster, kinds.clone());
    let mut sink = From { builder: &mut builder, kept, source: None, objects: 0 };
    let missing = live::read(client, &readings, namespaces, &mut sink);
    lacks(&mut builder, &missing);
    let within = readings.all.iter().filter(|reading| reading.resource.namespaced);
    builder.only(namespaces, within.map(|reading| reading.resource.kind.as_ref()));
    let info = ClusterInfo {
        name: client.access().context.clone(),
        version: readings.version,
        taken_at: Some(taken_at),
    };
    Ok(Seen { cluster: builder.finish(), info })
}

/// What was not read, by kind.
fn lacks(builder: &mut Builder, missing: &[Missing]) {
    for one in missing {
        builder.missing(live::kind_of(&one.resource), &one.reason);
    }
}

/// Reads snapshots, objects as `kubectl get -o json` prints them, manifests, and folders of these. `stdin` is read for `-`.
///
/// # Errors
/// When a path does not exist, a file that was named is nothing of the kind, or there is no object at all.
pub fn files(paths: &[String], kinds: &Kinds, stdin: &mut dyn BufRead) -> Result<Seen, ClusterError> {
    read_files(paths, kinds, stdin, None)
}

/// The same, with the objects as they were read.
///
/// # Errors
/// As [`files`].
pub fn files_and_objects(
    paths: &[String],
    kinds: &Kinds,
    stdin: &mut dyn BufRead,
) -> Result<(Seen, Kept), ClusterError> {
    let mut kept = Kept::default();
    let seen = read_files(paths, kinds, stdin, Some(&mut kept))?;
    Ok((seen, kept))
}

/// The same, with all that no other object stands for.
///
/// # Errors
/// As [`files`].
pub fn files_for_rules(
    paths: &[String],
    kinds: &Kinds,
    stdin: &mut dyn BufRead,
) -> Result<(Seen, Kept), ClusterError> {
    let mut kept = Kept::for_rules(kinds);
    let seen = read_files(paths, kinds, stdin, Some(&mut kept))?;
    Ok((seen, kept))
}

fn read_files(
    paths: &[String],
    kinds: &Kinds,
    stdin: &mut dyn BufRead,
    kept: Option<&mut Kept>,
) -> Result<Seen, ClusterError> {
    let mut builder = Builder::new(Origin::Manifests, kinds.clone());
    let mut reading = Reading { builder: &mut builder, kept, info: None, objects: 0, bytes: 0, snapshots: 0 };
    for typed in paths {
        if typed == "-" {
            reading.stream("stdin", stdin, true)?;
            continue;
        }
        let path = Path::new(typed);
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                let mut problems = Vec::new();
                for file in files_below(path, &|kind| kind == Kind::Manifest, &mut problems) {
                    reading.file(&file, false)?;
                }
                for problem in problems {
                    reading.builder.problem(problem);
                }
            }
            Ok(_) => reading.file(path, true)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ScanError::NotFound { target: typed.clone(), near: None }.into());
            }
            Err(source) => return Err(ScanError::Read { path: typed.clone(), source }.into()),
        }
    }
    let (info, objects, snapshots) = (reading.info.take(), reading.objects, reading.snapshots);
    seen(builder, info, objects + u64::from(snapshots), paths.join(", "))
}

/// Reads the same files as they were at a revision of their git repository.
///
/// # Errors
/// When git does not know the revision, or there is no object in them.
pub fn at_revision(
    revision: &str,
    paths: &[String],
    kinds: &Kinds,
    git: &GitSettings,
) -> Result<Seen, ClusterError> {
    let mut builder = Builder::new(Origin::Manifests, kinds.clone());
    let mut reading =
        Reading { builder: &mut builder, kept: None, info: None, objects: 0, bytes: 0, snapshots: 0 };
    for typed in paths {
        if typed == "-" {
            return Err(ClusterError::NoHistory { revision: plimsoll_model::shortened(revision) });
        }
        let wanted = |name: &str| Kind::of(name) == Kind::Manifest;
        let path = Path::new(typed);
        for (name, content) in files_at(path, revision, &wanted, git)? {
            let shown = if path.is_dir() { path.join(&name) } else { path.to_owned() };
            reading.stream(&shown.display().to_string(), &mut content.as_slice(), false)?;
        }
    }
    let (info, objects, snapshots) = (reading.info.take(), reading.objects, reading.snapshots);
    let name = format!("{} at {revision}", paths.join(", "));
    seen(builder, info, objects + u64::from(snapshots), name)
}

fn seen(builder: Builder, info: Option<ClusterInfo>, found: u64, name: String) -> Result<Seen, ClusterError> {
    let cluster = builder.finish();
    if found == 0 && cluster.problems.is_empty() {
        return Err(ClusterError::Nothing { paths: name });
    }
    let info = info.unwrap_or(ClusterInfo { name, ..ClusterInfo::default() });
    Ok(Seen { cluster, info })
}

/// The files of one cluster.
struct Reading<'b> {
    builder: &'b mut Builder,
    kept: Option<&'b mut Kept>,
    info: Option<ClusterInfo>,
    objects: u64,
    bytes: usize,
    snapshots: u32,
}

impl Reading<'_> {
    fn file(&mut self, path: &Path, named: bool) -> Result<(), ClusterError> {
        let shown = path.display().to_string();
        match std::fs::File::open(path) {
            Ok(file) => self.stream(&shown, &mut BufReader::new(file), named),
            Err(source) if named => Err(ScanError::Read { path: shown, source }.into()),
            Err(error) => {
                self.builder.problem(unreadable(path, &error));
                Ok(())
            }
        }
    }

    fn stream(&mut self, name: &str, input: &mut dyn BufRead, named: bool) -> Result<(), ClusterError> {
        let failed = |source| ScanError::Read { path: name.to_owned(), source };
        let json =
            input.fill_buf().map_err(failed)?.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        if json {
            let kept = self.kept.as_deref_mut();
            let mut sink = From { builder: self.builder, kept, source: Some(name), objects: 0 };
            let told = match snapshot::read(name, input, &mut sink) {
                Ok(told) => told,
                // Folders hold other JSON.
                Err(SnapshotError::Form { .. }) if !named => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            self.objects += sink.objects;
            for problem in told.problems {
                self.builder.problem(problem);
            }
            if let Some(info) = told.cluster {
                self.snapshots += 1;
                self.builder.is_cluster();
                lacks(self.builder, &told.missing);
                // What a snapshot of an older version was not made to hold.
                let lists: BTreeSet<&str> = told.lists.iter().map(String::as_str).collect();
                for list in LISTS {
                    let name = if list.group.is_empty() {
                        list.plural.to_owned()
                    } else {
                        format!("{}.{}", list.plural, list.group)
                    };
                    if !lists.contains(name.as_str()) && (lists.is_empty() || !list.optional) {
                        self.builder.missing(list.kind, "not in the snapshot");
                    }
                }
                self.info = Some(info);
            }
            return Ok(());
        }
        let mut content = Vec::new();
        let limit = yaml::MAX_BYTES as u64 + 1;
        Read::take(&mut *input, limit).read_to_end(&mut content).map_err(failed)?;
        self.manifest(name, content, named);
        Ok(())
    }

    fn manifest(&mut self, name: &str, content: Vec<u8>, named: bool) {
        if !check::manifests::may_be(&content) {
            if named {
                let detail = "it holds no object of Kubernetes (apiVersion and kind)";
                self.builder.problem(Problem::incomplete(ProblemKind::Unsupported, name, detail));
            }
            return;
        }
        self.bytes = self.bytes.saturating_add(content.len());
        if content.len() > yaml::MAX_BYTES || self.bytes > check::manifests::MAX_TOTAL {
            let detail = format!(
                "it is larger than {} MB, or all manifests together than {} MB",
                yaml::MAX_BYTES >> 20,
                check::manifests::MAX_TOTAL >> 20
            );
            self.builder.problem(Problem::incomplete(ProblemKind::LimitExceeded, name, detail));
            return;
        }
        let Ok(text) = String::from_utf8(content) else {
            self.builder.problem(Problem::incomplete(ProblemKind::Corrupt, name, "it is not UTF-8"));
            return;
        };
        let stream = yaml::read(&text);
        for node in &stream.documents {
            let source = format!("{name}:{}", node.mark.line);
            let value = node.value();
            self.objects += u64::from(self.builder.object(&value, Some(&source)));
            if let Some(kept) = &mut self.kept {
                kept.push(&value);
            }
        }
        if let Some(fault) = stream.fault {
            let template = if text.contains("{{") { "; it is a template: render it first" } else { "" };
            let detail = format!("it is no YAML: {}{template}", fault.detail);
            let place = format!("{name}:{}", fault.mark.line);
            self.builder.problem(Problem::incomplete(ProblemKind::Corrupt, place, detail));
        }
    }
}

#[cfg(test)]
mod role_tests;
#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Seen, ClusterError> {
        files(&["-".to_owned()], &Kinds::default(), &mut text.as_bytes())
    }

    #[test]
    fn a_snapshot_of_an_older_version_lacks_what_it_was_not_made_to_hold() {
        let snapshot = |lists: &str| {
            format!(
                "{}\n{}\n",
                r#"{"kind":"ClusterSnapshot","apiVersion":"plimsoll.dev/v1","cluster":{"name":"here"}}"#,
                format_args!(
                    r#"{{"kind":"SnapshotEnd","apiVersion":"plimsoll.dev/v1","objects":0,"missing":[{{"resource":"pods","reason":"forbidden","unknown":"what runs","decides":true}}]{lists}}}"#
                )
            )
        };
        let old = read(&snapshot("")).expect("a snapshot").cluster;
        assert_eq!(old.origin, Origin::Cluster);
        assert_eq!(old.missing("Service"), Some("not in the snapshot"));
        assert_eq!(old.missing("Gateway"), Some("not in the snapshot"));
        assert_eq!(old.missing("Pod"), Some("forbidden"));
        let new = read(&snapshot(r#","lists":["services"]"#)).expect("a snapshot").cluster;
        assert_eq!((new.missing("Service"), new.missing("Gateway")), (None, None));
        assert_eq!(new.missing("Node"), Some("not in the snapshot"));
    }

    #[test]
    fn manifests_are_told_apart_from_other_files_and_broken_ones_are_told() {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\nspec: {containers: [{name: a, image: b}]}\n";
        let seen = read(&format!("# first\n---\n{pod}---\n[\n")).expect("a pod");
        assert_eq!(seen.cluster.workloads[0].shown(), "shop/Pod/a");
        assert_eq!(seen.cluster.workloads[0].source.as_deref(), Some("stdin:3"));
        assert_eq!(seen.cluster.problems.len(), 1, "{:?}", seen.cluster.problems);
        assert!(matches!(read("{\"a\": 1}"), Err(ClusterError::Nothing { .. })));
        assert_eq!(read("a: 1").expect("a problem").cluster.problems.len(), 1);
        let json = r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","labels":{"a":"b"}}}]}"#;
        assert!(read(json).expect("a list").cluster.namespaces["shop"].seen);
    }
}
