//! The changes that remove most of the work across many targets.

use serde::{Deserialize, Serialize};

use crate::survey::Failure;
use crate::{Ecosystem, Level, Location, Party};

/// Version of the plan's form.
pub const PLAN_VERSION: &str = "1.0";

/// One target of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanTarget {
    /// As the user named it, or as its saved report does.
    pub name: String,
    /// Findings that count.
    pub findings: u64,
    /// Their points in the order of work.
    pub points: u64,
    /// Date of the advisory data; empty when it is not known.
    pub date: String,
    /// Things that could not be seen: there may be more to do.
    pub unseen: u64,
    /// Why there is no report to plan with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<Failure>,
}

/// What a step asks for in one target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Edit {
    /// The target.
    pub target: String,
    /// What to do, one sentence without final full stop.
    pub action: String,
    /// Version or reference now.
    pub from: String,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<Location>,
    /// What to type.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<String>,
    /// Findings that it removes.
    pub removes: u64,
}

/// One change, wherever it is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Whose move.
    pub party: Party,
    /// Kind of package; absent for base images and what is no package.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ecosystem: Option<Ecosystem>,
    /// What changes: a package, or the base image.
    pub subject: String,
    /// Version or reference after; absent when nothing can be named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<String>,
    /// Findings that it removes and no earlier step does.
    pub removes: u64,
    /// Their points.
    pub points: u64,
    /// Share of all points that this step and those before it remove, in tenths of a percent, rounded down.
    pub cumulative: u32,
    /// The worst severity among them.
    pub worst: Level,
    /// One of them is known to be exploited.
    pub exploited: bool,
    /// One of them is a malicious package.
    pub malware: bool,
    /// The most urgent advisories among them, at most ten.
    pub advisories: Vec<String>,
    /// What to do in each target, in the order of the targets.
    pub edits: Vec<Edit>,
}

/// The changes that remove most of the work, the greatest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Version of this document's form: `1.0`.
    pub schema_version: String,
    /// Version of the program.
    pub plimsoll: String,
    /// The targets, in the order in which they were named.
    pub targets: Vec<PlanTarget>,
    /// Findings that count, in all targets.
    pub findings: u64,
    /// Their points.
    pub points: u64,
    /// The steps, each the one that removes most points of what the earlier ones left.
    pub steps: Vec<Step>,
    /// Findings that no step removes.
    pub left: u64,
    /// Their points.
    pub left_points: u64,
}
