//! Many targets in one document: each with its report, or with why there is none.

use serde::{Deserialize, Serialize};

use crate::{Problem, Report, Verdict};

/// Version of the survey's form. The reports in it have their own.
pub const SURVEY_VERSION: &str = "1.0";

/// Why a target has no report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What could not be done, without final full stop.
    pub message: String,
    /// What led to it, the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub causes: Vec<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
}

/// One target of a survey.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Surveyed {
    /// As the user named it, or as it was found in a registry.
    pub name: String,
    /// What the scan says; absent when it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub report: Option<Report>,
    /// Why there is no report.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<Failure>,
}

/// What one run says about many targets, in the order in which they were named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    /// Version of this document's form: `1.0`.
    pub schema_version: String,
    /// Version of the program.
    pub plimsoll: String,
    /// The targets.
    pub targets: Vec<Surveyed>,
    /// The worst of the answers; a target without report cannot be decided.
    pub verdict: Verdict,
    /// What is about no single target: a list that was cut off.
    pub problems: Vec<Problem>,
}
