//! Who is responsible for one thing, link by link: from the provider of the platform to the person who looks after it.

use serde::{Deserialize, Serialize};

use crate::responsibility::{Column, Given, MissingInput};
use crate::{Outcome, Problem};

/// Version of the form.
pub const CHAIN_VERSION: &str = "1.0";

/// What somebody is to the thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Provides the platform.
    Provider,
    /// Builds the package: a distribution.
    Distribution,
    /// Writes and releases the package: everything that no distribution builds.
    Upstream,
    /// Builds the image that this one is made from.
    BaseImage,
    /// Builds the image.
    Application,
    /// Runs the cluster, or the host.
    Platform,
}

impl Role {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Role::Provider => "provider",
            Role::Distribution => "distribution",
            Role::Upstream => "upstream",
            Role::BaseImage => "base image",
            Role::Application => "application",
            Role::Platform => "platform",
        }
    }
}

/// How far it is with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// Seen done.
    Done,
    /// It is their move now.
    Now,
    /// Their move once an earlier link has moved.
    Later,
    /// Nothing for them to do.
    None,
    /// Cannot be told; the missing input is named.
    Unknown,
}

impl Turn {
    /// A mark that reads without colour.
    pub fn mark(self) -> &'static str {
        match self {
            Turn::Done => "✓",
            Turn::Now => "→",
            Turn::Later => "·",
            Turn::None => "-",
            Turn::Unknown => "?",
        }
    }

    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Turn::Done => "done",
            Turn::Now => "now",
            Turn::Later => "later",
            Turn::None => "nothing to do",
            Turn::Unknown => "unknown",
        }
    }
}

/// One party of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// What they are to the thing.
    pub role: Role,
    /// Who: `Google Cloud`, `Debian 12`, `debian:12.5-slim`, the owner that a label names. Empty when nothing says it.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub name: String,
    /// How far it is with them.
    pub turn: Turn,
    /// Why they are in the chain, one sentence without final full stop.
    pub why: String,
    /// What they do next.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub step: Option<String>,
    /// What to type.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<String>,
    /// What was looked at.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub evidence: Vec<String>,
    /// The control of the matrix that says so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub control: Option<String>,
}

/// The chain of what one change removes, in one image, host or set of files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Thread {
    /// What it is about: `sealib 3.0.9-1`.
    pub about: String,
    /// The target of the report.
    pub target: String,
    /// What runs it, sorted; empty where that was not seen.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub workloads: Vec<String>,
    /// Findings that end with it, in the order of work.
    pub findings: Vec<String>,
    /// From the provider to the one who acts last.
    pub links: Vec<Link>,
}

impl Thread {
    /// The link whose move it is.
    pub fn now(&self) -> Option<&Link> {
        self.links.iter().find(|link| link.turn == Turn::Now)
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chain {
    /// [`CHAIN_VERSION`].
    pub schema_version: String,
    /// The program.
    pub tool: String,
    /// When: RFC 3339.
    pub taken_at: String,
    /// As it was typed.
    pub asked: String,
    /// What it was taken for: `flaw`, `finding`, `image`, `workload`; `nothing` where nothing that was given knows it.
    pub taken_for: String,
    /// Not met when somebody has to move; met when nobody has to, and everything was seen.
    pub verdict: Outcome,
    /// What was looked at.
    pub inputs: Vec<Given>,
    /// Node pools, or platforms; empty when the platform is not known.
    pub columns: Vec<Column>,
    /// The chains, those that are worth most first.
    pub threads: Vec<Thread>,
    /// Chains that are left out since there are too many.
    pub left_out: u64,
    /// What was not there to say more.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub missing: Vec<MissingInput>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub problems: Vec<Problem>,
}
