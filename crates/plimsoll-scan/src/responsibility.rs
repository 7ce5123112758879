//! Whose is it: files and clusters are read, and the matrix is made of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use jiff::Timestamp;
use plimsoll_kube::Client;
use plimsoll_model::audit::{ClusterInfo, Missing};
use plimsoll_model::benchmark::Benchmark;
use plimsoll_model::chain::Chain;
use plimsoll_model::node::{NODE_KIND, NodeFacts};
use plimsoll_model::responsibility::{Given, Responsibility};
use plimsoll_model::workload::Kinds;
use plimsoll_model::{Effect, Finding, Outcome, Problem, ProblemKind, Report};
use plimsoll_posture::cluster::LISTS;
use plimsoll_posture::kubernetes::{Objects, yaml};
use plimsoll_posture::responsibility::attest::Statements;
pub use plimsoll_posture::responsibility::benchmark::{BENCHMARKS, Framework};
pub use plimsoll_posture::responsibility::{
    Cloud, Control, Evidence, MAX_FILE, MAX_FILES, Matrix, Pool, attest, what_if,
};
use plimsoll_posture::responsibility::{Exports, Extent, Kubernetes, Scanned, evaluate, pools, running};
use serde_json_borrow::Value;
use sha2::{Digest as _, Sha256};

use crate::audit::live::{self, Scope, Sink};
use crate::audit::snapshot::{self, SnapshotError};
use crate::bundle::Kept;
use crate::check::{Kind, files_below, manifests};
use crate::{ScanError, chain, plan, report_facts, saved};

/// Most reports of a folder.
const MAX_REPORTS: usize = 10_000;
/// Largest export in bytes.
const MAX_EXPORT: u64 = 32 * 1024 * 1024;

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum ResponsibilityError {
    /// A file cannot be read.
    #[error("cannot read `{file}`")]
    Read {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An export is none.
    #[error("`{file}` is no export of {cloud}: {detail}")]
    Export {
        /// The file.
        file: String,
        /// Whose.
        cloud: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// A snapshot cannot be used.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A report or a folder cannot be used.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The cluster cannot be read.
    #[error("cannot read the cluster")]
    Cluster(#[from] plimsoll_kube::Error),
    /// A platform is named that there is not.
    #[error("there is no platform `{name}`")]
    Platform {
        /// As it was typed.
        name: String,
    },
    /// Facts of a node are none.
    #[error("`{file}` holds no facts of a node: {detail}")]
    Node {
        /// The file.
        file: String,
        /// What is wrong.
        detail: String,
    },
    /// A benchmark is about clusters of another provider.
    #[error("`{framework}` is about clusters of {family}, and none was given")]
    Framework {
        /// As it was typed.
        framework: String,
        /// Whose.
        family: &'static str,
    },
    /// Nothing says what the platform is.
    #[error("nothing that was given says which platform it is")]
    NoPlatform,
}

/// What was read, as text: everything else borrows from it.
#[derive(Debug, Default)]
pub struct Gathered {
    exports: Vec<(Cloud, String, String)>,
    manifests: Vec<(String, String)>,
    /// Objects of a cluster, one a line.
    lines: Vec<String>,
    extent: Option<Extent>,
    cluster: ClusterInfo,
    reports: Vec<Scanned>,
    full: Vec<Report>,
    nodes: Vec<NodeFacts>,
    /// Which of them are of which node.
    place_of: HashMap<String, usize>,
    given: Vec<Given>,
    /// Files, by which flag they were given, and their digests.
    kept: Vec<Kept>,
    /// What cannot be kept as evidence, where something cannot.
    not_kept: Option<&'static str>,
    /// What is no file is kept too.
    keeps: bool,
    /// What a chain is asked for about; without one no report is held whole.
    follows: Option<String>,
    problems: Vec<Problem>,
}

/// Where objects can be read from again.
#[derive(Clone, Copy)]
enum Content<'b> {
    /// From their file.
    File,
    /// From these bytes.
    Bytes(&'b [u8]),
    /// From nowhere.
    Gone,
}

/// Collects objects as lines.
#[derive(Default)]
struct Lines {
    all: Vec<(String, String)>,
}

impl Sink for Lines {
    fn forget(&mut self, kind: &str) {
        self.all.retain(|(own, _)| own != kind);
    }

    fn object(&mut self, object: &Value<'_>) {
        let kind = object.as_object().and_then(|object| object.get("kind")?.as_str()).unwrap_or_default();
        if let Ok(line) = serde_json::to_string(object) {
            self.all.push((kind.to_owned(), line));
        }
    }
}

/// Of bytes: `sha256:` and 64 digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = "sha256:".to_owned();
    for byte in hash {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Takes the digest of what is read through it.
struct Hashed<'a, R: ?Sized> {
    inner: &'a mut R,
    hash: &'a mut Sha256,
}

impl<R: Read + ?Sized> Read for Hashed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(buffer)?;
        if let Some(read) = buffer.get(..length) {
            self.hash.update(read);
        }
        Ok(length)
    }
}

/// For people.
fn name_of(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Gke => "GKE",
        Cloud::Eks => "EKS",
        Cloud::Aks => "AKS",
    }
}

/// Reads a file whole, up to a limit.
fn whole(path: &str, limit: u64, stdin: &mut dyn BufRead) -> Result<Vec<u8>, ResponsibilityError> {
    let failed = |source| ResponsibilityError::Read { file: path.to_owned(), source };
    let mut bytes = Vec::new();
    if path == "-" {
        Read::take(stdin, limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        Read::take(file, limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() as u64 > limit {
        let source = std::io::Error::other(format!("it is larger than {limit} bytes"));
        return Err(failed(source));
    }
    Ok(bytes)
}

/// Reads a snapshot, and takes its digest.
fn told<R: Read + ?Sized>(
    path: &str,
    inner: &mut R,
    lines: &mut Lines,
) -> Result<(snapshot::Told, String), ResponsibilityError> {
    let mut hash = Sha256::new();
    let mut reader = BufReader::new(Hashed { inner, hash: &mut hash });
    let told = snapshot::read(path, &mut reader, lines)?;
    // What stands after its end belongs to the file too.
    std::io::copy(&mut reader, &mut std::io::sink())
        .map_err(|source| ResponsibilityError::Read { file: path.to_owned(), source })?;
    drop(reader);
    Ok((told, hexadecimal(&hash.finalize())))
}

impl Gathered {
    /// One that keeps what comes by standard input, and reads a live cluster as a snapshot, so that it can be written as evidence.
    pub fn keeping() -> Self {
        Gathered { keeps: true, ..Gathered::default() }
    }

    /// One that holds reports, for [`chain`](Self::chain) about this.
    pub fn following(asked: &str) -> Self {
        Gathered { follows: Some(asked.to_owned()), ..Gathered::default() }
    }

    /// Adds an export of a cloud.
    ///
    /// # Errors
    /// When it cannot be read, is no JSON, or is nothing of this cloud.
    pub fn export(
        &mut self,
        cloud: Cloud,
        path: &str,
        stdin: &mut dyn BufRead,
    ) -> Result<(), ResponsibilityError> {
        let bytes = whole(path, MAX_EXPORT, stdin)?;
        let whose = name_of(cloud);
        let wrong =
            |detail: String| ResponsibilityError::Export { file: path.to_owned(), cloud: whose, detail };
        let digest = digest(&bytes);
        let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8".into()))?;
        let value: Value<'_> =
            serde_json::from_str(&text).map_err(|error| wrong(format!("it is no JSON: {error}")))?;
        let about = Exports::default().add(cloud, &value).map_err(&wrong)?;
        self.given.push(Given {
            input: cloud.input().word().to_owned(),
            name: path.to_owned(),
            about,
            digest: Some(digest.clone()),
        });
        self.keep(cloud.input().word(), path, digest, text.as_bytes());
        drop(value);
        self.exports.push((cloud, path.to_owned(), text));
        Ok(())
    }

    /// Adds manifests, or objects as `kubectl get -o json` prints them: a file or a folder.
    ///
    /// # Errors
    /// When the path cannot be read.
    pub fn manifests(&mut self, path: &str, stdin: &mut dyn BufRead) -> Result<(), ResponsibilityError> {
        let is_folder = path != "-" && Path::new(path).is_dir();
        if !is_folder {
            let bytes = whole(path, yaml::MAX_BYTES as u64, stdin)?;
            self.manifest(path, bytes, true);
            return Ok(());
        }
        let mut problems = Vec::new();
        for file in files_below(Path::new(path), &|kind| kind == Kind::Manifest, &mut problems) {
            let shown = file.display().to_string();
            match whole(&shown, yaml::MAX_BYTES as u64, stdin) {
                Ok(bytes) => self.manifest(&shown, bytes, false),
                Err(error) => problems.push(Problem::incomplete(
                    ProblemKind::Unreadable,
                    &shown,
                    plimsoll_model::one_line(&error),
                )),
            }
        }
        self.problems.extend(problems);
        Ok(())
    }

    fn manifest(&mut self, name: &str, bytes: Vec<u8>, named: bool) {
        if !manifests::may_be(&bytes) {
            if named {
                let detail = "it holds no object of Kubernetes (apiVersion and kind)";
                self.problems.push(Problem::incomplete(ProblemKind::Unsupported, name, detail));
            }
            return;
        }
        let digest = digest(&bytes);
        match String::from_utf8(bytes) {
            Ok(text) => {
                self.given.push(Given {
                    input: "kubernetes".into(),
                    name: name.to_owned(),
                    about: "objects".into(),
                    digest: Some(digest.clone()),
                });
                self.keep("manifests", name, digest, text.as_bytes());
                self.manifests.push((name.to_owned(), text));
            }
            Err(_) => self.problems.push(Problem::incomplete(ProblemKind::Corrupt, name, "it is not UTF-8")),
        }
    }

    /// Adds a snapshot of a cluster.
    ///
    /// # Errors
    /// When it is none, or was cut off.
    pub fn snapshot(&mut self, path: &str, stdin: &mut dyn BufRead) -> Result<(), ResponsibilityError> {
        let failed = |source| ResponsibilityError::Read { file: path.to_owned(), source };
        if path != "-" {
            return self.objects(path, &mut std::fs::File::open(path).map_err(failed)?, Content::File);
        }
        if self.keeps {
            let bytes = whole(path, crate::bundle::MAX_FILE, stdin)?;
            return self.objects(path, &mut bytes.as_slice(), Content::Bytes(&bytes));
        }
        self.objects(path, stdin, Content::Gone)
    }

    /// Adds objects of a snapshot, or as they were printed.
    fn objects<R: Read + ?Sized>(
        &mut self,
        path: &str,
        input: &mut R,
        content: Content<'_>,
    ) -> Result<(), ResponsibilityError> {
        let mut lines = Lines::default();
        let (told, digest) = told(path, input, &mut lines)?;
        self.problems.extend(told.problems);
        let about = format!("{} objects", told.objects);
        match told.cluster {
            Some(cluster) => {
                self.extent = Some(extent(&told.lists, &told.missing, true));
                self.given.push(Given {
                    input: "kubernetes".into(),
                    name: cluster.name.clone(),
                    about: format!("a snapshot with {about}"),
                    digest: Some(digest.clone()),
                });
                self.cluster = cluster;
            }
            // Objects that somebody printed: what is not among them may still be in the cluster.
            None => self.given.push(Given {
                input: "kubernetes".into(),
                name: path.to_owned(),
                about,
                digest: Some(digest.clone()),
            }),
        }
        match content {
            Content::Gone => self.not_kept = Some("standard input"),
            Content::File => {
                self.kept.push(Kept { flag: "snapshot", path: path.to_owned(), digest, content: None });
            }
            Content::Bytes(bytes) => {
                let content = Some(bytes.to_vec());
                self.kept.push(Kept { flag: "snapshot", path: path.to_owned(), digest, content });
            }
        }
        self.lines.extend(lines.all.into_iter().map(|(_, line)| line));
        Ok(())
    }

    /// Reads a live cluster; where evidence is kept, as a snapshot, which leaves out what may be secret.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn live(&mut self, client: &Client, now: Timestamp) -> Result<(), ResponsibilityError> {
        let readings = live::readings(client, &Kinds::default(), Scope::Everything)?;
        if self.keeps {
            let name = format!("cluster {}", client.access().context);
            let failed = |source| ResponsibilityError::Read { file: name.clone(), source };
            let cluster = ClusterInfo {
                name: client.access().context.clone(),
                version: readings.version.clone(),
                taken_at: Some(now.to_string()),
            };
            let mut bytes = Vec::new();
            let mut writer = snapshot::Writer::new(&mut bytes, cluster);
            let missing = live::read(client, &readings, &[], &mut writer);
            writer.end(missing, readings.names()).map_err(failed)?;
            if bytes.len() as u64 > crate::bundle::MAX_FILE {
                let limit = crate::bundle::MAX_FILE;
                return Err(failed(std::io::Error::other(format!(
                    "its snapshot is larger than {limit} bytes"
                ))));
            }
            return self.objects(&name, &mut bytes.as_slice(), Content::Bytes(&bytes));
        }
        let mut lines = Lines::default();
        let missing = live::read(client, &readings, &[], &mut lines);
        let lists: Vec<String> = readings.all.iter().map(|reading| reading.resource.to_string()).collect();
        self.not_kept = Some("a live cluster that is not read as a snapshot");
        self.extent = Some(extent(&lists, &missing, false));
        self.cluster = ClusterInfo {
            name: client.access().context.clone(),
            version: readings.version,
            taken_at: Some(now.to_string()),
        };
        self.given.push(Given {
            input: "kubernetes".into(),
            name: self.cluster.name.clone(),
            about: format!("a live cluster with {} objects", lines.all.len()),
            digest: None,
        });
        self.lines.extend(lines.all.into_iter().map(|(_, line)| line));
        Ok(())
    }

    /// Adds the report of a scan, a survey of several, or a folder with such files (`*.json`, without those in folders below).
    ///
    /// # Errors
    /// When it is none. A file of a folder that is none is told as a problem.
    pub fn report(&mut self, path: &str) -> Result<(), ResponsibilityError> {
        if !Path::new(path).is_dir() {
            return self.report_file(path);
        }
        let failed = |source| ResponsibilityError::Read { file: path.to_owned(), source };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            if file.extension().is_some_and(|end| end == "json") && file.is_file() {
                files.push(file);
            }
        }
        if files.is_empty() {
            return Err(failed(std::io::Error::other("no file in it ends in .json")));
        }
        files.sort();
        if files.len() > MAX_REPORTS {
            let detail = format!("it holds {} reports, and the first {MAX_REPORTS} were read", files.len());
            self.problems.push(Problem::incomplete(ProblemKind::LimitExceeded, path, detail));
            files.truncate(MAX_REPORTS);
        }
        for file in files {
            let shown = file.display().to_string();
            if let Err(error) = self.report_file(&shown) {
                let detail = plimsoll_model::one_line(&error);
                self.problems.push(Problem::incomplete(ProblemKind::Unreadable, &shown, detail));
            }
        }
        Ok(())
    }

    fn report_file(&mut self, path: &str) -> Result<(), ResponsibilityError> {
        let bytes = saved::read(path)?;
        for (name, told) in report_facts::read(path, &bytes)? {
            let Some(told) = told else {
                let detail = format!("the scan of {name} failed");
                self.problems.push(Problem::incomplete(ProblemKind::Unreadable, path, detail));
                continue;
            };
            self.given.push(Given {
                input: "reports".into(),
                name: path.to_owned(),
                about: format!("a scan of {}", told.name),
                digest: None,
            });
            self.reports.push(told);
        }
        if let Some(asked) = &self.follows {
            let reports = plan::parse(path, &bytes)?.into_iter().filter_map(|surveyed| surveyed.report);
            self.full.extend(reports.map(|report| lean(report, asked)));
        }
        if !self.keeps {
            self.not_kept = Some("a report that was not asked to be kept");
        } else if Path::new(path).is_file() {
            self.keep("report", path, digest(&bytes), &bytes);
        } else {
            self.not_kept = Some("a report that is no plain file");
        }
        Ok(())
    }

    /// Adds facts of nodes, as `plimsoll node` prints them: one after the other, as many as there are.
    ///
    /// # Errors
    /// When it cannot be read, or holds something else.
    pub fn node(&mut self, path: &str, stdin: &mut dyn BufRead) -> Result<(), ResponsibilityError> {
        let bytes = whole(path, MAX_EXPORT, stdin)?;
        let wrong = |detail: String| ResponsibilityError::Node { file: path.to_owned(), detail };
        let mut names = Vec::new();
        for facts in serde_json::Deserializer::from_slice(&bytes).into_iter::<NodeFacts>() {
            let facts = facts.map_err(|error| wrong(error.to_string()))?;
            if facts.kind != NODE_KIND || !facts.schema_version.starts_with("1.") {
                return Err(wrong(format!("its kind is not {NODE_KIND}, or its version is not known")));
            }
            names.push(plimsoll_model::shortened(&facts.node));
            for problem in &facts.problems {
                self.problems.push(problem.clone());
            }
            // What is told of a node again takes the place of what was told.
            match self.place_of.get(&facts.node).and_then(|place| self.nodes.get_mut(*place)) {
                Some(own) => *own = facts,
                None => {
                    self.place_of.insert(facts.node.clone(), self.nodes.len());
                    self.nodes.push(facts);
                }
            }
        }
        if names.is_empty() {
            return Err(wrong("it is empty".into()));
        }
        self.given.push(Given {
            input: "node".into(),
            name: path.to_owned(),
            about: format!("facts of {}", names.join(", ")),
            digest: Some(digest(&bytes)),
        });
        self.keep("node", path, digest(&bytes), &bytes);
        Ok(())
    }

    fn keep(&mut self, flag: &'static str, path: &str, digest: String, bytes: &[u8]) {
        if path == "-" && !self.keeps {
            self.not_kept = Some("standard input");
            return;
        }
        let content = (path == "-").then(|| bytes.to_vec());
        self.kept.push(Kept { flag, path: path.to_owned(), digest, content });
    }

    /// The files that were read, with their digests.
    pub fn kept(&self) -> &[Kept] {
        &self.kept
    }

    /// What was read and is no file, so that it cannot be read again.
    pub fn not_kept(&self) -> Option<&'static str> {
        self.not_kept
    }

    /// A benchmark over what was given.
    ///
    /// # Errors
    /// When a platform is named that there is not, or nothing is of the family that the benchmark is about.
    pub fn benchmark(
        &self,
        framework: &Framework,
        matrix: &Matrix,
        platform: Option<&str>,
        statements: &Statements,
        now: Timestamp,
    ) -> Result<Benchmark, ResponsibilityError> {
        self.with_evidence(matrix, platform, now, |evidence, pools, problems| {
            if !pools.iter().any(|pool| pool.base.family() == Some(framework.family)) {
                return Err(ResponsibilityError::Framework {
                    framework: framework.name.clone(),
                    family: name_of(framework.family),
                });
            }
            let mut answer = framework.evaluate(matrix, evidence, pools, statements);
            answer.inputs.clone_from(&self.given);
            if answer.verdict == Outcome::Met
                && problems.iter().any(|problem| problem.effect == Effect::Incomplete)
            {
                answer.verdict = Outcome::Unknown;
            }
            answer.problems = problems;
            Ok(answer)
        })?
    }

    /// The reports that were added.
    pub fn reports(&self) -> &[Report] {
        &self.full
    }

    /// Name of the cluster, where something told it.
    pub fn cluster(&self) -> &ClusterInfo {
        &self.cluster
    }

    /// Makes the matrix, and lets something look at what it was made from.
    ///
    /// # Errors
    /// When the platform cannot be told, or is named and there is no such one.
    pub fn evaluate<R>(
        &self,
        matrix: &Matrix,
        platform: Option<&str>,
        statements: &Statements,
        now: Timestamp,
        look: impl FnOnce(&Responsibility, &Evidence<'_>, &[Pool<'_>]) -> R,
    ) -> Result<(Responsibility, R), ResponsibilityError> {
        self.with_evidence(matrix, platform, now, |evidence, pools, problems| {
            if pools.is_empty() {
                return Err(ResponsibilityError::NoPlatform);
            }
            let answer = self.judge(matrix, evidence, pools, statements, problems);
            let looked = look(&answer, evidence, pools);
            Ok((answer, looked))
        })?
    }

    /// Who is responsible for one thing. The platform need not be known: then the provider's part is not, and that is told.
    ///
    /// # Errors
    /// When a platform is named that there is not.
    pub fn chain(
        &self,
        asked: &str,
        matrix: &Matrix,
        platform: Option<&str>,
        statements: &Statements,
        now: Timestamp,
    ) -> Result<Chain, ResponsibilityError> {
        self.with_evidence(matrix, platform, now, |evidence, pools, problems| {
            let answer = (!pools.is_empty())
                .then(|| self.judge(matrix, evidence, pools, statements, problems.clone()));
            let workloads = evidence.kubernetes.as_ref().map(running);
            let known = chain::Known {
                reports: &self.full,
                running: workloads.as_ref().map(|(running, _)| running.as_slice()),
                all_running: workloads.as_ref().is_some_and(|(_, whole)| whole.is_ok())
                    && self.extent.is_some(),
                matrix: answer.as_ref(),
            };
            let mut chain = chain::ask(asked, known, &self.given, &now.to_string());
            // What could not be read may hold more of it.
            if chain.verdict == Outcome::Met
                && problems.iter().any(|problem| problem.effect == Effect::Incomplete)
            {
                chain.verdict = Outcome::Unknown;
            }
            chain.problems = problems;
            chain
        })
    }

    /// The matrix of what was given.
    fn judge(
        &self,
        matrix: &Matrix,
        evidence: &Evidence<'_>,
        pools: &[Pool<'_>],
        statements: &Statements,
        problems: Vec<Problem>,
    ) -> Responsibility {
        let mut answer = evaluate(matrix, evidence, pools, statements);
        answer.inputs.clone_from(&self.given);
        // What could not be read may hold what is not met.
        if answer.verdict == Outcome::Met
            && problems.iter().any(|problem| problem.effect == Effect::Incomplete)
        {
            answer.verdict = Outcome::Unknown;
        }
        answer.problems = problems;
        answer
    }

    /// Reads everything that was given, and lets something look at it. There are no pools where the platform is not known.
    fn with_evidence<R>(
        &self,
        matrix: &Matrix,
        platform: Option<&str>,
        now: Timestamp,
        look: impl FnOnce(&Evidence<'_>, &[Pool<'_>], Vec<Problem>) -> R,
    ) -> Result<R, ResponsibilityError> {
        if let Some(name) = platform.filter(|name| matrix.platform(name).is_none()) {
            return Err(ResponsibilityError::Platform { name: name.to_owned() });
        }
        let mut problems = self.problems.clone();
        let documents: Vec<(Cloud, &str, Value<'_>)> = self
            .exports
            .iter()
            .filter_map(|(cloud, name, text)| Some((*cloud, name.as_str(), serde_json::from_str(text).ok()?)))
            .collect();
        let mut exports = Exports::default();
        for (cloud, name, value) in &documents {
            if let Err(detail) = exports.add(*cloud, value) {
                problems.push(Problem::incomplete(ProblemKind::Unsupported, *name, detail));
            }
        }
        let lines: Vec<Value<'_>> =
            self.lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        // JSON is read as such, which is much faster than as YAML.
        let is_json = |text: &str| text.trim_start().starts_with('{');
        let mut values: Vec<Value<'_>> = Vec::new();
        let mut streams: Vec<yaml::Stream<'_>> = Vec::new();
        for (name, text) in &self.manifests {
            if is_json(text) {
                let mut all = serde_json::Deserializer::from_str(text).into_iter::<Value<'_>>();
                for value in &mut all {
                    match value {
                        Ok(value) => values.push(value),
                        Err(error) => {
                            problems.push(Problem::incomplete(
                                ProblemKind::Corrupt,
                                name,
                                format!("it is no JSON: {error}"),
                            ));
                            break;
                        }
                    }
                }
                continue;
            }
            let stream = yaml::read(text);
            if let Some(fault) = &stream.fault {
                let place = format!("{name}:{}", fault.mark.line);
                problems.push(Problem::incomplete(
                    ProblemKind::Corrupt,
                    place,
                    format!("it is no YAML: {}", fault.detail),
                ));
            }
            streams.push(stream);
        }
        values.extend(streams.iter().flat_map(|stream| stream.documents.iter().map(yaml::Node::value)));
        let kinds = Kinds::default();
        let mut objects = Objects::default();
        for (place, value) in lines.iter().chain(&values).enumerate() {
            objects.add(value, place, &kinds);
        }
        let kubernetes = (!objects.is_empty()).then(|| {
            // Manifests beside a snapshot add to it; what the snapshot lacks, they need not hold whole.
            let extent = self.extent.clone().unwrap_or_default();
            Kubernetes::new(objects, extent, self.cluster.version.clone())
        });
        let evidence = Evidence {
            exports,
            kubernetes,
            reports: self.reports.clone().into(),
            nodes: self.nodes.clone(),
            now,
        };
        let pools = pools(&evidence, matrix, platform);
        Ok(look(&evidence, &pools, problems))
    }
}

/// Which kinds were read whole, by the lists that were tried and those that failed.
fn extent(lists: &[String], failed: &[Missing], cleaned: bool) -> Extent {
    let tried: BTreeSet<&str> = lists.iter().map(String::as_str).collect();
    let mut read = BTreeSet::new();
    let mut missing = BTreeMap::new();
    let own = [
        ("", "pods", "Pod"),
        ("apps", "deployments", "Deployment"),
        ("apps", "statefulsets", "StatefulSet"),
        ("apps", "daemonsets", "DaemonSet"),
        ("batch", "cronjobs", "CronJob"),
        ("batch", "jobs", "Job"),
    ];
    let all = own
        .iter()
        .map(|(group, plural, kind)| (*group, *plural, *kind, false))
        .chain(LISTS.iter().map(|list| (list.group, list.plural, list.kind, list.optional)));
    for (group, plural, kind, optional) in all {
        let resource = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
        let key = (group.to_owned(), kind.to_owned());
        if let Some(one) = failed.iter().find(|one| one.resource == resource) {
            missing.insert(key, one.reason.clone());
        } else if tried.contains(resource.as_str()) || optional && !tried.is_empty() {
            // A server that does not offer the kind has none of it.
            read.insert(key);
        } else {
            missing.insert(key, "it was not read".to_owned());
        }
    }
    Extent::Cluster { read, missing, cleaned }
}

/// A report with what a chain is made of: no packages, and where it has what is asked for, no other findings.
fn lean(mut report: Report, asked: &str) -> Report {
    report.packages = Vec::new();
    let is_asked = |finding: &Finding| finding.id == asked || chain::is_flaw(finding, asked);
    if report.findings.iter().any(is_asked) {
        report.findings.retain(is_asked);
        report.findings.shrink_to_fit();
    }
    report
}
