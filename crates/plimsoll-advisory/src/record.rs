//! The normal form of an advisory: what every feed is turned into, and all that the matcher knows.
//!
//! A [`Record`] is one advisory of one feed. It names packages by [`Target`] (whose packages) and name, and says for
//! each which versions it speaks about: by intervals ([`Event`]), by a list, or, with neither, about all of them.

use std::borrow::Cow;

use plimsoll_model::{Ecosystem, FixStatus, Stream};
use serde::{Deserialize, Serialize};

/// What kind of statement a record makes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A flaw.
    #[default]
    #[serde(rename = "v")]
    Vulnerability,
    /// The package itself was published to do harm.
    #[serde(rename = "m")]
    Malware,
    /// No flaw, in the feed's word: `unmaintained`, `unsound`, `notice`.
    #[serde(rename = "i")]
    Informational(String),
}

impl Kind {
    pub(crate) fn is_vulnerability(&self) -> bool {
        *self == Kind::Vulnerability
    }
}

/// How a source rates a flaw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RatingForm {
    /// CVSS 4.0 vector.
    #[serde(rename = "4")]
    CvssV4,
    /// CVSS 3.0 or 3.1 vector.
    #[serde(rename = "3")]
    CvssV3,
    /// CVSS 2.0 vector.
    #[serde(rename = "2")]
    CvssV2,
    /// A word: `important`, `medium`.
    #[serde(rename = "w")]
    Word,
}

/// One source's opinion of how bad it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rating {
    /// Vector or word.
    #[serde(rename = "f")]
    pub form: RatingForm,
    /// As published.
    #[serde(rename = "v")]
    pub value: String,
    /// Who says so, when it is not the feed itself (`cna`, `cisa-adp`).
    #[serde(rename = "s", default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

/// One bound of an interval of versions (osv-schema 1.7, "affected[].ranges[].events").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Event {
    /// Affected from here on; `0` is before every version.
    #[serde(rename = "i")]
    Introduced(String),
    /// Not affected from here on.
    #[serde(rename = "f")]
    Fixed(String),
    /// Affected up to and including this.
    #[serde(rename = "l")]
    LastAffected(String),
    /// Nothing is said from here on. `*` is after every version.
    #[serde(rename = "m")]
    Limit(String),
}

impl Event {
    /// The version that the event names.
    pub fn version(&self) -> &str {
        match self {
            Event::Introduced(version)
            | Event::Fixed(version)
            | Event::LastAffected(version)
            | Event::Limit(version) => version,
        }
    }
}

/// Whose packages: the first half of the key under which packages and advisories meet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A language ecosystem.
    Ecosystem(Ecosystem),
    /// One stream of one distribution.
    Stream(Stream),
    /// An ecosystem that no package of an inventory has (`kubernetes`, `OSS-Fuzz`, `DHI`): kept to be explained.
    Other(String),
}

impl Target {
    fn none() -> Self {
        Target::Other(String::new())
    }

    /// The text under which the database stores it: `eco:pypi`, `os:debian:12`, `other:kubernetes`.
    pub fn key(&self) -> String {
        match self {
            Target::Ecosystem(ecosystem) => format!("eco:{}", ecosystem.name()),
            Target::Stream(stream) => format!("os:{stream}"),
            Target::Other(name) => format!("other:{name}"),
        }
    }

    /// Back from [`Target::key`].
    pub fn from_key(key: &str) -> Option<Self> {
        let (class, rest) = key.split_once(':')?;
        match class {
            "eco" => Ecosystem::from_purl_type(rest).map(Target::Ecosystem),
            "os" => Stream::from_text(rest).map(Target::Stream),
            "other" => Some(Target::Other(rest.to_owned())),
            _ => None,
        }
    }

    /// The package manager whose names and version order count.
    pub fn ecosystem(&self) -> Ecosystem {
        match self {
            Target::Ecosystem(ecosystem) => *ecosystem,
            Target::Stream(stream) => {
                stream.distribution().map_or(Ecosystem::Generic, |distribution| distribution.ecosystem)
            }
            Target::Other(_) => Ecosystem::Generic,
        }
    }

    /// The spelling of a package name under which packages and advisories meet.
    pub fn normalise<'name>(&self, name: &'name str) -> Cow<'name, str> {
        self.ecosystem().normalise(name)
    }
}

/// Does the feed speak of source packages, or of what is installed?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NameKind {
    /// The installed package: every language ecosystem; AlmaLinux, Red Hat, Oracle.
    #[default]
    #[serde(rename = "b")]
    Binary,
    /// The source package (Debian, Ubuntu, Azure Linux) or origin (Alpine and the other apk distributions); the
    /// version compared is the source's.
    #[serde(rename = "s")]
    Source,
}

/// What else has to hold for an entry to apply. Empty lists ask for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Qualifiers {
    /// RPM module and stream: `nodejs:12`.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Package architectures.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// Go operating systems: one of them must be the binary's.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub goos: Vec<String>,
    /// Go architectures: one of them must be the binary's.
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    pub goarch: Vec<String>,
    /// The bounds are release tags of a Go module that has no matching module versions (vulndb `custom_ranges`): a
    /// pseudo-version without a base tag cannot be held against them.
    #[serde(rename = "h", default, skip_serializing_if = "std::ops::Not::not")]
    pub tags: bool,
    /// The Go functions that have the flaw. They do not decide whether the entry applies, only how much it matters.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<Import>,
}

/// Functions of one Go package (Go vulndb, `ecosystem_specific.imports`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Import path.
    #[serde(rename = "p")]
    pub path: String,
    /// `Function` or `Type.Method`; empty when the whole package has the flaw.
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_affected(status: &FixStatus) -> bool {
    *status == FixStatus::Affected
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_binary(kind: &NameKind) -> bool {
    *kind == NameKind::Binary
}

impl Qualifiers {
    fn is_empty(&self) -> bool {
        *self == Qualifiers::default()
    }
}

/// What a record says about one package.
///
/// With neither ranges nor versions it speaks about every version. The status is what the feed says about the versions
/// that match: `Affected` for anything with or without a fix (the fix is a bound of the range), `NotAffected` for a
/// statement that the package does not have the flaw, or why there is no fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affected {
    /// Whose package. Stored as the key of the row, not in it.
    #[serde(skip, default = "Target::none")]
    pub target: Target,
    /// Its name; the builder normalises it. Stored as the key of the row, not in it.
    #[serde(skip)]
    pub name: String,
    /// Source or binary package.
    #[serde(rename = "k", default, skip_serializing_if = "is_binary")]
    pub name_kind: NameKind,
    /// Intervals of versions, in any order within each list; the version matches when it is in one of the lists.
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Vec<Event>>,
    /// Versions by name; the version matches when it is one of them.
    #[serde(rename = "v", default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// Releases that the feed calls fixed, where the bound of an interval does not name them (`last_affected`).
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<String>,
    /// What the feed says about the versions that match.
    #[serde(rename = "s", default = "affected", skip_serializing_if = "is_affected")]
    pub status: FixStatus,
    /// What else has to hold.
    #[serde(rename = "q", default, skip_serializing_if = "Qualifiers::is_empty")]
    pub qualifiers: Qualifiers,
    /// Ratings of this package's case, better than the record's.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub ratings: Vec<Rating>,
    /// What a reader of the evidence should know: `fix needs Ubuntu Pro`, `record names the ecosystem Alpine`.
    #[serde(rename = "x", default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

fn affected() -> FixStatus {
    FixStatus::Affected
}

impl Affected {
    /// Every version is affected; narrow it with the fields.
    pub fn all(target: Target, name: impl Into<String>, name_kind: NameKind) -> Self {
        Affected {
            target,
            name: name.into(),
            name_kind,
            ranges: Vec::new(),
            versions: Vec::new(),
            fixes: Vec::new(),
            status: FixStatus::Affected,
            qualifiers: Qualifiers::default(),
            ratings: Vec::new(),
            note: String::new(),
        }
    }

    /// Every version below `fixed` is affected: what Alpine's secdb, Debian's lists and OVAL say.
    pub fn below(
        target: Target,
        name: impl Into<String>,
        name_kind: NameKind,
        fixed: impl Into<String>,
    ) -> Self {
        Affected {
            ranges: vec![vec![Event::Introduced("0".into()), Event::Fixed(fixed.into())]],
            ..Affected::all(target, name, name_kind)
        }
    }

    /// The package does not have the flaw, in any version.
    pub fn never(target: Target, name: impl Into<String>, name_kind: NameKind) -> Self {
        Affected { status: FixStatus::NotAffected, ..Affected::all(target, name, name_kind) }
    }
}

/// One advisory of one feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its id in the feed. Together with the feed's name it is unique; alone it is not.
    #[serde(rename = "i")]
    pub id: String,
    /// Kind of statement.
    #[serde(rename = "k", default, skip_serializing_if = "Kind::is_vulnerability")]
    pub kind: Kind,
    /// Other ids of the same flaw.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Ids of the flaws in what is packaged: the identity of a distribution's record.
    #[serde(rename = "u", default, skip_serializing_if = "Vec::is_empty")]
    pub upstream: Vec<String>,
    /// Ids of other flaws: shown, never joined.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<String>,
    /// One line.
    #[serde(rename = "t", default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// How bad.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub ratings: Vec<Rating>,
    /// RFC 3339 date or time; empty when the feed does not say.
    #[serde(rename = "p", default, skip_serializing_if = "String::is_empty")]
    pub published: String,
    /// RFC 3339 date or time; empty when the feed does not say.
    #[serde(rename = "m", default, skip_serializing_if = "String::is_empty")]
    pub modified: String,
    /// When it was taken back. Such a record matches nothing; it is kept to be explained.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<String>,
    /// The few addresses worth following; the builder keeps three.
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// The packages. Stored apart from the rest.
    #[serde(skip)]
    pub affected: Vec<Affected>,
}
