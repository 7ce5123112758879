//! What is different between two targets: one value that every form of the answer is a view of.

use serde::{Deserialize, Serialize};

use crate::{DatabaseInfo, Digest, Ecosystem, Finding, Problem, Verdict};

/// One of the two targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// As the user named it.
    pub name: String,
    /// Digest of the manifest, where it is an image with one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<Digest>,
    /// The distribution inside, for people: `Debian 12.15`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub release: Option<String>,
    /// Packages.
    pub packages: u64,
    /// Findings that count.
    pub findings: u64,
}

/// What became of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PackageChangeKind {
    /// Only in the second.
    Added,
    /// Only in the first.
    Removed,
    /// A later version.
    Upgraded,
    /// An earlier version.
    Downgraded,
    /// Other versions, of which no order can be told: several at once, or one that cannot be read.
    Changed,
}

impl PackageChangeKind {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            PackageChangeKind::Added => "added",
            PackageChangeKind::Removed => "removed",
            PackageChangeKind::Upgraded => "upgraded",
            PackageChangeKind::Downgraded => "downgraded",
            PackageChangeKind::Changed => "changed",
        }
    }
}

/// A package that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageChange {
    /// What became of it.
    pub kind: PackageChangeKind,
    /// Kind of package.
    pub ecosystem: Ecosystem,
    /// Name.
    pub name: String,
    /// Versions that only the first has, sorted.
    pub from: Vec<String>,
    /// Versions that only the second has, sorted.
    pub to: Vec<String>,
}

/// Everything that is different. Sorted; the same inputs and database give the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diff {
    /// Version of this document's form: `1.0`. Additions raise the minor, everything else the major.
    pub schema_version: String,
    /// Version of the program.
    pub plimsoll: String,
    /// The first target.
    pub before: Side,
    /// The second target.
    pub after: Side,
    /// The advisory data of the second.
    pub database: DatabaseInfo,
    /// The findings that the second brings, held against the line.
    pub verdict: Verdict,
    /// Packages that are not the same in both, by ecosystem and name.
    pub packages: Vec<PackageChange>,
    /// Findings that count in the second and not in the first, in the order of work.
    pub introduced: Vec<Finding>,
    /// Findings that count in the first and not in the second, in the order of work.
    pub fixed: Vec<Finding>,
    /// How many count in both.
    pub remaining: u64,
    /// What could not be read or decided, of either.
    pub problems: Vec<Problem>,
}
