//! The report: one value that every output format is a view of.

use serde::{Deserialize, Serialize};

use crate::vex::VexDocument;
use crate::{Change, Digest, Finding, Package, Problem, Release};

/// What kind of thing was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TargetKind {
    /// A directory or root file system.
    Directory,
    /// A container image.
    Image,
    /// An SBOM document.
    Sbom,
    /// Files that say how something is built or deployed.
    Files,
    /// The objects of a cluster of Kubernetes.
    Cluster,
}

impl TargetKind {
    /// Whether it is looked at for how it is set up, and holds no packages.
    pub fn is_setting(self) -> bool {
        matches!(self, TargetKind::Files | TargetKind::Cluster)
    }
}

/// One layer of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// Position, counted from 1 (the lowest).
    pub index: u32,
    /// Digest of the blob as stored; absent in a docker-archive, which stores open layers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<Digest>,
    /// Digest of the uncompressed layer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub diff_id: Option<Digest>,
    /// Size of the blob as stored, in bytes.
    pub size: u64,
    /// The command that made it, from the image history.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub created_by: Option<String>,
    /// It came with the base image.
    pub from_base: bool,
}

/// How we know where the base image ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BaseSource {
    /// The user said so (`--base`).
    Flag,
    /// OCI annotations `org.opencontainers.image.base.*`.
    Annotation,
    /// A known chain of layers.
    LayerChain,
    /// The image history.
    History,
    /// Not known.
    Unknown,
}

/// The boundary between base image and application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Base {
    /// Reference of the base image, when it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reference: Option<String>,
    /// Digest of the base image, when it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<Digest>,
    /// How many layers, from the lowest, came with it.
    pub layers: u32,
    /// How we know.
    pub source: BaseSource,
    /// In words, for people: "image history: layer 1 was made by debootstrap".
    pub explanation: String,
}

/// Who handed the target out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Via {
    /// Docker's daemon.
    Docker,
    /// Podman's service.
    Podman,
    /// containerd.
    Containerd,
    /// A registry.
    Registry,
    /// A process of this machine, whose root it is.
    Process,
}

impl Via {
    /// As users type it.
    pub fn name(self) -> &'static str {
        match self {
            Via::Docker => "docker",
            Via::Podman => "podman",
            Via::Containerd => "containerd",
            Via::Registry => "registry",
            Via::Process => "process",
        }
    }
}

/// Where a target was got from, where that is more than a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// Who handed it out.
    pub via: Via,
    /// Socket, address or host, without credentials.
    pub place: String,
    /// Names with digest under which it was got there, as the place remembers them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub digests: Vec<String>,
    /// The container whose files these are.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub container: Option<Container>,
    /// Files and options that decided where a registry was asked, where any did.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub decided_by: Vec<String>,
}

/// A container. The image that it was made from stands in the target itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name; a process does not tell it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
}

impl Origin {
    /// A place that remembers nothing.
    pub fn new(via: Via, place: impl Into<String>) -> Self {
        Origin { via, place: place.into(), digests: Vec::new(), container: None, decided_by: Vec::new() }
    }
}

/// What git says of files: which commit they are, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Git {
    /// The repository that they came from, without credentials.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remote: Option<String>,
    /// The commit; absent on a branch without one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub commit: Option<String>,
    /// The branch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub branch: Option<String>,
    /// The tag, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tag: Option<String>,
    /// The folder of the repository, where it is not the whole of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub folder: Option<String>,
    /// Tracked files differ from the commit; absent where that could not be told.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dirty: Option<bool>,
    /// Files that were read although git does not track them; absent where only tracked ones were to be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub untracked: Option<u64>,
}

/// What was scanned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Kind.
    pub kind: TargetKind,
    /// As the user named it.
    pub name: String,
    /// Name inside the archive or layout (`org.opencontainers.image.ref.name`, `RepoTags`), when there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reference: Option<String>,
    /// Digest of the manifest: what a registry would call the image.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<Digest>,
    /// Digest of the configuration: what Docker calls the image id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub image_id: Option<Digest>,
    /// `os/architecture[/variant]`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub platform: Option<String>,
    /// When the image says it was made, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub created: Option<String>,
    /// The distribution inside.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub release: Option<Release>,
    /// Layers, lowest first. Empty outside images.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub layers: Vec<Layer>,
    /// Where the base image ends. Absent outside images.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub base: Option<Base>,
    /// How many files were read, where files are the target.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub files: Option<u64>,
    /// Where it was got from, where that is more than a path.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub origin: Option<Origin>,
    /// The commit, where the files are those of a repository.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub git: Option<Git>,
}

impl Target {
    /// A target of which only kind and name are known.
    pub fn named(kind: TargetKind, name: &str) -> Self {
        Target {
            kind,
            name: name.to_owned(),
            reference: None,
            digest: None,
            image_id: None,
            platform: None,
            created: None,
            release: None,
            layers: Vec::new(),
            base: None,
            files: None,
            origin: None,
            git: None,
        }
    }
}

/// One source of advisories in a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedInfo {
    /// Name: `osv/PyPI`, `alpine`.
    pub name: String,
    /// Date of the data, RFC 3339 date or time; empty when the source does not say.
    pub date: String,
    /// Commit or serial number of the data; empty when there is none.
    pub commit: String,
    /// Records taken in.
    pub records: u64,
    /// Licence and attribution notice.
    pub licence: String,
}

/// How much of the world's advisories was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Coverage {
    /// A database built from feeds.
    Database,
    /// Only the notable incidents that come with the program: absence of findings says little.
    IncidentPack,
    /// Nothing was asked (inventory only).
    None,
}

/// The advisory data behind a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseInfo {
    /// How much was asked.
    pub coverage: Coverage,
    /// Newest date among the sources, RFC 3339; empty when none says.
    pub date: String,
    /// Digest of the database's content.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<Digest>,
    /// The sources, sorted by name.
    pub sources: Vec<FeedInfo>,
}

/// Three answers, never two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Everything asked for was seen, and nothing stands over the line.
    Met,
    /// Something stands over the line.
    NotMet,
    /// Could not be decided.
    Unknown,
}

impl Outcome {
    /// The exit code of DESIGN section 4: 0 met, 1 not met, 3 could not decide.
    pub fn exit_code(self) -> u8 {
        match self {
            Outcome::Met => 0,
            Outcome::NotMet => 1,
            Outcome::Unknown => 3,
        }
    }

    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Met => "MET",
            Outcome::NotMet => "NOT MET",
            Outcome::Unknown => "UNKNOWN",
        }
    }
}

/// The answer, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The answer.
    pub outcome: Outcome,
    /// The line it was held against: `--fail-on critical,fixable`.
    pub line: String,
    /// Why, each one sentence without final full stop.
    pub reasons: Vec<String>,
    /// What was missing to decide.
    pub inputs_missing: Vec<String>,
}

/// Everything that one scan says. Sorted; the same input and database give the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Version of this document's form: `1.0`. Additions raise the minor, everything else the major.
    pub schema_version: String,
    /// Version of the program.
    pub plimsoll: String,
    /// What was scanned.
    pub target: Target,
    /// The advisory data.
    pub database: DatabaseInfo,
    /// The answer.
    pub verdict: Verdict,
    /// Packages, sorted by package URL.
    pub packages: Vec<Package>,
    /// Findings, in the order of work: the sum of points first (`risk.work`), then id.
    pub findings: Vec<Finding>,
    /// Changes that remove findings, in the order of work.
    pub changes: Vec<Change>,
    /// VEX documents that were considered, in the order of their rank.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub vex: Vec<VexDocument>,
    /// The framework that the findings are held against, when one was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub framework: Option<FrameworkResult>,
    /// What the findings are held against, when only those that are new were asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<Since>,
    /// What could not be read or decided.
    pub problems: Vec<Problem>,
}

/// A revision whose findings are left out of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Since {
    /// As typed.
    pub revision: String,
    /// The commit.
    pub commit: String,
    /// Findings of today that were there.
    pub before: u64,
    /// Findings that were there and are no more.
    pub gone: u64,
}

/// What the rules say of the controls of a framework.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FrameworkResult {
    /// As it is typed: `cis-kubernetes`.
    pub name: String,
    /// As it is called.
    pub title: String,
    /// Its controls that rules answer.
    pub controls: Vec<ControlResult>,
}

/// What the rules say of one control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ControlResult {
    /// Its id in the framework.
    pub id: String,
    /// The answer. Unknown where nothing that it speaks of was looked at, or not everything could be seen.
    pub outcome: Outcome,
    /// Rules that answer it.
    pub rules: Vec<String>,
    /// Findings that count.
    pub findings: u64,
    /// Findings that somebody accepted.
    pub accepted: u64,
    /// Why it is unknown.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub missing: String,
}

/// Version of the report's form.
pub const SCHEMA_VERSION: &str = "1.0";
