//! Findings: what is wrong, how sure we are, whose move it is, and what that move is.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::functions::Reach;
use crate::work::Work;
use crate::{Ecosystem, Location, SourcePackage};

/// What kind of thing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FindingKind {
    /// A known vulnerability.
    Vulnerability,
    /// A package that was published to do harm: an incident, not a CVE.
    Malware,
    /// The distribution or product gets no more fixes.
    EndOfLife,
    /// An advisory that is no vulnerability: unmaintained, unsound, notice.
    Informational,
    /// A credential or key that lies open.
    Secret,
    /// A setting of an image, a build file or an object that makes it less safe than it could be.
    Misconfiguration,
    /// A licence that the user's list does not allow.
    License,
}

impl FindingKind {
    /// Found by a rule of ours, which knows the remedy; not by an advisory about a package.
    pub fn is_of_rule(self) -> bool {
        matches!(self, FindingKind::Secret | FindingKind::Misconfiguration | FindingKind::License)
    }

    /// For people, in the singular.
    pub fn word(self) -> &'static str {
        match self {
            FindingKind::Vulnerability => "vulnerability",
            FindingKind::Malware => "malware",
            FindingKind::EndOfLife => "end of life",
            FindingKind::Informational => "notice",
            FindingKind::Secret => "secret",
            FindingKind::Misconfiguration => "misconfiguration",
            FindingKind::License => "licence",
        }
    }
}

/// Severity in words. Ordered: `Critical` is the greatest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// No source says.
    #[default]
    Unknown,
    /// The distribution calls it negligible or unimportant.
    Negligible,
    /// CVSS 0.1 - 3.9.
    Low,
    /// CVSS 4.0 - 6.9.
    Medium,
    /// CVSS 7.0 - 8.9.
    High,
    /// CVSS 9.0 - 10.0.
    Critical,
}

impl Level {
    /// All levels, worst first.
    pub const ALL: [Level; 6] =
        [Level::Critical, Level::High, Level::Medium, Level::Low, Level::Negligible, Level::Unknown];

    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Level::Unknown => "unknown",
            Level::Negligible => "negligible",
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
            Level::Critical => "critical",
        }
    }

    /// The level of a CVSS base score (CVSS 3.1 section 5, 4.0 section 6): 0.0 is negligible.
    pub fn from_score(score: f64) -> Self {
        match score {
            s if s >= 9.0 => Level::Critical,
            s if s >= 7.0 => Level::High,
            s if s >= 4.0 => Level::Medium,
            s if s > 0.0 => Level::Low,
            _ => Level::Negligible,
        }
    }

    /// From a word in an advisory, any case: `Important` is high, `Moderate` is medium, `unimportant` negligible.
    pub fn from_word(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "critical" => Level::Critical,
            "high" | "important" => Level::High,
            "medium" | "moderate" => Level::Medium,
            "low" => Level::Low,
            "negligible" | "unimportant" | "none" => Level::Negligible,
            _ => Level::Unknown,
        }
    }
}

/// How bad it is, and who says so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Severity {
    /// In words.
    pub level: Level,
    /// CVSS base score times ten (0 to 100), so that reports compare exactly.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub score_tenths: Option<u8>,
    /// CVSS vector as published.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vector: Option<String>,
    /// Feed that said so; empty when nobody did.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub source: String,
}

/// An entry of CISA's catalogue of known exploited vulnerabilities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kev {
    /// Date it was listed, `YYYY-MM-DD`.
    pub added: String,
    /// Date by which United States agencies must have acted, `YYYY-MM-DD`.
    pub due: String,
    /// Known use by ransomware.
    pub ransomware: bool,
}

/// FIRST's estimate that the vulnerability is exploited within 30 days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Epss {
    /// Probability in parts per 100,000 (EPSS publishes five decimals).
    pub probability: u32,
    /// Percentile in parts per 100,000.
    pub percentile: u32,
    /// Date of the model run, `YYYY-MM-DD`.
    pub date: String,
}

/// What raises or lowers a finding in the order of work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Risk {
    /// Known to be exploited.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kev: Option<Kev>,
    /// Likely to be exploited.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub epss: Option<Epss>,
    /// A released version fixes it; of what is no package: an edit of ours does.
    pub fixable: bool,
    /// Only a development dependency.
    pub development: bool,
    /// Kernel headers or documentation: nothing of it runs in a container.
    pub not_run: bool,
    /// Is code of the functions that the advisory names in the program? Absent where nobody looked: for Go programs only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reach: Option<Reach>,
    /// Was a file of the packages executed or mapped while containers of the image were watched? Absent where nobody
    /// watched, or where what was not seen cannot be told from what does not run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub in_use: Option<bool>,
    /// Day on which the oldest of its records was published, `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub published: Option<String>,
    /// Day on which the oldest of its records that name a fixed version was published, `YYYY-MM-DD`: the fix
    /// may be younger.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fix_published: Option<String>,
    /// Its points in the order of work.
    #[serde(default)]
    pub work: Work,
}

/// What a source says about a fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FixStatus {
    /// Affected, no word about a fix.
    Affected,
    /// A released version fixes it.
    Fixed,
    /// The source says this package is not affected.
    NotAffected,
    /// The source has not decided.
    UnderInvestigation,
    /// The source will not fix it.
    WillNotFix,
    /// The source puts the fix off.
    FixDeferred,
    /// The source no longer supports the release or package.
    EndOfLife,
    /// The source uses words that we do not know: treated as affected.
    Unknown,
}

/// Whose move it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "camelCase")]
pub enum Party {
    /// The application team (its name, when an owner is known).
    Application(Option<String>),
    /// The maintainer of the base image; the reference, when it is known.
    BaseImage(Option<String>),
    /// The team that runs the platform or host.
    Platform,
    /// The distribution: it has published no fix.
    Distribution(String),
    /// The provider of the platform.
    Provider(String),
    /// Nobody has to act; the reason.
    Nobody(String),
    /// Cannot be told; what is missing.
    Unknown(String),
}

impl Party {
    /// The word used in tables, and for `--by party`.
    pub fn word(&self) -> &'static str {
        match self {
            Party::Application(_) => "application",
            Party::BaseImage(_) => "base image",
            Party::Platform => "platform",
            Party::Distribution(_) => "distribution",
            Party::Provider(_) => "provider",
            Party::Nobody(_) => "nobody",
            Party::Unknown(_) => "not known",
        }
    }
}

/// The one next step.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remedy {
    /// What to do, one sentence without final full stop: "upgrade lodash to 4.17.21".
    pub action: String,
    /// What to type.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<String>,
    /// Where to edit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<Location>,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Subject {
    /// One source package, with the binary packages beneath it.
    Package(PackageSubject),
    /// A file, or a line of it.
    File(Location),
    /// A part of an image's configuration.
    Configuration(ConfigurationSubject),
}

/// One source package, with the binary packages beneath it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageSubject {
    /// Kind of package.
    pub ecosystem: Ecosystem,
    /// The source package for distributions; the package itself elsewhere.
    pub source: SourcePackage,
    /// Package URLs of the packages in this report that are affected, sorted.
    pub packages: Vec<String>,
}

/// A part of an image's configuration (OCI image specification, config.md).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationSubject {
    /// Which part: `config.User`, `config.Env[API_TOKEN]`, `history[4]`.
    pub part: String,
    /// Layer that the part belongs to, counted from 1 (the lowest), where it is the history of one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub layer: Option<u32>,
}

impl Subject {
    /// A source package and the binary packages beneath it.
    pub fn package(ecosystem: Ecosystem, source: SourcePackage, packages: Vec<String>) -> Self {
        Subject::Package(PackageSubject { ecosystem, source, packages })
    }

    /// The package, when it is one.
    pub fn as_package(&self) -> Option<&PackageSubject> {
        match self {
            Subject::Package(package) => Some(package),
            _ => None,
        }
    }

    /// Package URLs of the packages that it covers; none when it is no package.
    pub fn packages(&self) -> &[String] {
        self.as_package().map_or(&[], |package| &package.packages)
    }

    /// The kind of package, when it is one.
    pub fn ecosystem(&self) -> Option<Ecosystem> {
        self.as_package().map(|package| package.ecosystem)
    }

    /// A package that a distribution built?
    pub fn is_distribution(&self) -> bool {
        self.ecosystem().is_some_and(Ecosystem::is_distribution)
    }

    /// What people call it: the source package, the path, the part of the configuration.
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Subject::Package(package) => Cow::Borrowed(&package.source.name),
            Subject::File(location) => Cow::Owned(location.path.to_string()),
            Subject::Configuration(configuration) => Cow::Borrowed(&configuration.part),
        }
    }

    /// The version of the source package; empty when it is no package.
    pub fn version(&self) -> &str {
        self.as_package().map_or("", |package| &package.source.version)
    }

    /// Where it is, when that does not take a look at the packages.
    pub fn layer(&self) -> Option<u32> {
        match self {
            Subject::Package(_) => None,
            Subject::File(location) => location.layer,
            Subject::Configuration(configuration) => configuration.layer,
        }
    }
}

/// What was looked at, and which rule decided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Feed: `osv/PyPI`, `alpine`; `plimsoll` for our own rules.
    pub source: String,
    /// Record id in that feed, or id of the rule.
    pub record: String,
    /// Date of the record or, without one, of the feed: RFC 3339 date or time; empty when nobody says.
    pub date: String,
    /// The range that matched, readable: `>= 4.0.0, < 4.17.21`.
    pub range: String,
    /// The version that was compared, and whether it was the source's or the binary's: `openssl 3.0.11-1 (source)`.
    pub compared: String,
    /// The rule: `range`, `versions`, `status`, `hash`; for our own rules what they look at: `pattern`, `configuration`.
    pub rule: String,
}

/// Why a finding does not count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suppression {
    /// `vex`, `exception`, `owner` (the distribution package that owns the files speaks for it), `feed`.
    pub by: String,
    /// Document, file or package that says so.
    pub source: String,
    /// Why, in the words of the source: a VEX justification, the reason in the ignore file.
    pub reason: String,
    /// Last day it holds, `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires: Option<String>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Stable within a report: `CVE-2021-23337@pkg:npm/lodash@4.17.15` (advisory at source package),
    /// `runs-as-root@config.User` (rule at place).
    pub id: String,
    /// Kind.
    pub kind: FindingKind,
    /// The id that people use: a CVE when there is one, else the advisory's own; else the id of our rule.
    pub advisory: String,
    /// All other ids of the same flaw, sorted.
    pub aliases: Vec<String>,
    /// One line; empty when no source has one.
    pub title: String,
    /// What it is about.
    pub subject: Subject,
    /// How bad.
    pub severity: Severity,
    /// What raises or lowers it.
    pub risk: Risk,
    /// What the best source says about a fix; [`FixStatus::Affected`] for what is no package.
    pub status: FixStatus,
    /// The smallest version that fixes it in the installed branch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fixed_version: Option<String>,
    /// Whose move.
    pub party: Party,
    /// The move.
    pub remedy: Remedy,
    /// What was looked at; never empty.
    pub evidence: Vec<Evidence>,
    /// The object of Kubernetes that it is about, where a rule looked at one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub object: Option<Box<ObjectRef>>,
    /// Why it does not count, when it does not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub suppressed_by: Option<Suppression>,
}

/// An object of Kubernetes, and a field of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Group of its API; empty for the core.
    pub group: String,
    /// `Deployment`.
    pub kind: String,
    /// Empty for what is in none, and where none is said.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// JSON pointer (RFC 6901) within the object; empty for the whole.
    pub field: String,
}

impl ObjectRef {
    /// `shop/Deployment/web`; of what is in no namespace `ClusterRole/admin`.
    pub fn path(&self) -> String {
        match self.namespace.as_str() {
            "" => format!("{}/{}", self.kind, self.name),
            namespace => format!("{namespace}/{}/{}", self.kind, self.name),
        }
    }
}

/// `Deployment.apps/shop/web`
impl std::fmt::Display for ObjectRef {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ObjectRef { group, kind, namespace, name, .. } = self;
        let dot = if group.is_empty() { "" } else { "." };
        write!(formatter, "{kind}{dot}{group}/{namespace}/{name}")
    }
}

impl Finding {
    /// A finding about version 1.0.0 of the npm package `x`, for the tests of several crates.
    #[doc(hidden)]
    pub fn sample(advisory: &str, level: Level, fixable: bool) -> Self {
        let purl = "pkg:npm/x@1.0.0";
        Finding {
            id: format!("{advisory}@{purl}"),
            kind: FindingKind::Vulnerability,
            advisory: advisory.into(),
            aliases: Vec::new(),
            title: String::new(),
            subject: Subject::package(
                Ecosystem::Npm,
                SourcePackage { name: "x".into(), version: "1.0.0".into() },
                vec![purl.into()],
            ),
            severity: Severity { level, ..Severity::default() },
            risk: Risk { fixable, ..Risk::default() },
            status: if fixable { FixStatus::Fixed } else { FixStatus::Affected },
            fixed_version: fixable.then(|| "1.0.1".to_owned()),
            party: Party::Application(None),
            remedy: Remedy::default(),
            evidence: Vec::new(),
            object: None,
            suppressed_by: None,
        }
    }
}

/// One change that removes findings: what the default report is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Whose move.
    pub party: Party,
    /// What changes: a package, or the base image reference.
    pub subject: String,
    /// What to do, one sentence without final full stop.
    pub action: String,
    /// Version or reference now.
    pub from: String,
    /// Version or reference after; absent when nothing can be named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<String>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<Location>,
    /// What to type.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<String>,
    /// Ids of the findings that it removes, sorted.
    pub removes: Vec<String>,
    /// The worst severity among them.
    pub worst: Level,
    /// One of them is known to be exploited.
    pub exploited: bool,
    /// One of them is a malicious package.
    pub malware: bool,
    /// The highest EPSS probability among them, parts per 100,000; 0 when none is known.
    pub epss: u32,
}
