//! What could not be read or decided: a first-class result, never silence.

use serde::{Deserialize, Serialize};

use crate::ImagePath;

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProblemKind {
    /// The input ends too early.
    Truncated,
    /// The input breaks its own format.
    Corrupt,
    /// The operating system refused (permissions, I/O error).
    Unreadable,
    /// The input is larger, deeper or more numerous than the limit.
    LimitExceeded,
    /// Recognised, but not (yet) understood: a format version, a Windows image, an encrypted layer.
    Unsupported,
    /// A version that its ecosystem's rules cannot read: nothing can be decided about it.
    UnreadableVersion,
    /// No advisory source covers this distribution or ecosystem.
    NotCovered,
    /// The advisory data are older than allowed, or absent.
    StaleData,
}

/// What a problem means for the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// Something that may hold packages or findings was not seen: the verdict cannot be "met".
    Incomplete,
    /// Worth knowing, changes no verdict.
    Note,
}

/// One thing that could not be read or decided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The kind.
    pub kind: ProblemKind,
    /// What it means for the verdict.
    pub effect: Effect,
    /// The thing: a path, a layer digest, a package URL, a source.
    pub subject: String,
    /// What is wrong, in one plain sentence without final full stop: "zip directory is cut off after 1,024 bytes".
    pub detail: String,
    /// Layer that holds the thing, counted from 1 (the lowest), when there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub layer: Option<u32>,
}

impl Problem {
    /// A problem that keeps the verdict from being "met".
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over what they have, a path or a text")]
    pub fn incomplete(kind: ProblemKind, subject: impl ToString, detail: impl Into<String>) -> Self {
        Problem {
            kind,
            effect: Effect::Incomplete,
            subject: subject.to_string(),
            detail: detail.into(),
            layer: None,
        }
    }

    /// A problem worth knowing that changes no verdict.
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over what they have, a path or a text")]
    pub fn note(kind: ProblemKind, subject: impl ToString, detail: impl Into<String>) -> Self {
        Problem {
            kind,
            effect: Effect::Note,
            subject: subject.to_string(),
            detail: detail.into(),
            layer: None,
        }
    }

    /// A file that breaks its own format.
    pub fn corrupt(path: &ImagePath, detail: impl Into<String>) -> Self {
        Problem::incomplete(ProblemKind::Corrupt, path, detail)
    }
}
