//! What became of VEX documents: assertions that somebody makes about an image, who that was, and why each statement about
//! a flaw that was found applied or did not.

use serde::{Deserialize, Serialize};

use crate::Digest;

/// Where a document was found. The earlier outranks the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VexOrigin {
    /// A file that the user named.
    File,
    /// Attached to the image in its registry.
    Attached,
    /// A VEX hub that the user named.
    Hub,
}

/// What is known of who made a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum VexSignature {
    /// Nobody asked: the user named the file or the hub, and that is why it is believed.
    #[serde(rename_all = "camelCase")]
    NotAsked,
    /// Nobody signed it.
    #[serde(rename_all = "camelCase")]
    Unsigned,
    /// Somebody whom the user named signed it.
    #[serde(rename_all = "camelCase")]
    Trusted {
        /// Who, in words: the name the user gave, and what the certificate or key says.
        by: Vec<String>,
    },
    /// It is signed, by nobody whom the user named.
    #[serde(rename_all = "camelCase")]
    Untrusted {
        /// Who it was or why that is not known.
        reason: String,
    },
    /// The signature does not verify, or is about another image.
    #[serde(rename_all = "camelCase")]
    Invalid {
        /// What is wrong.
        reason: String,
    },
}

impl VexSignature {
    /// For people: "signed by ...", "unsigned".
    pub fn told(&self) -> String {
        match self {
            VexSignature::NotAsked => String::new(),
            VexSignature::Unsigned => "unsigned".to_owned(),
            VexSignature::Trusted { by } => format!("signed by {}", by.join(", ")),
            VexSignature::Untrusted { reason } => format!("signature of nobody who was named: {reason}"),
            VexSignature::Invalid { reason } => format!("invalid signature: {reason}"),
        }
    }
}

/// One VEX document that was considered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VexDocument {
    /// Where it is: a path, an address, `REPOSITORY@DIGEST` of what holds it.
    pub name: String,
    /// Where it was found.
    pub origin: VexOrigin,
    /// Its id in its own words; may be absent.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub id: String,
    /// Who says so, in its own words, which nobody checked; may be absent.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub author: String,
    /// Digest of its bytes.
    pub digest: Digest,
    /// Who signed it.
    pub signature: VexSignature,
    /// Its statements were applied. What is not believed was read for this list only.
    pub used: bool,
    /// How many statements it makes.
    pub statements: u64,
    /// Its statements about flaws that were found, in their order, for each finding.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub considered: Vec<VexStatement>,
    /// Further ones that are not listed, because there were too many.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub unlisted: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What became of one statement for one finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VexOutcome {
    /// It decides, and the finding does not count.
    Applied,
    /// It decides about some packages of the finding: the finding stays.
    Partly,
    /// It decides, and says nothing that would take the finding away.
    Stays,
    /// It is about this, and another statement or source decides.
    Overruled,
    /// It is about something else.
    NotApplicable,
}

impl VexOutcome {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            VexOutcome::Applied => "applied",
            VexOutcome::Partly => "applied in part",
            VexOutcome::Stays => "takes nothing away",
            VexOutcome::Overruled => "overruled",
            VexOutcome::NotApplicable => "did not apply",
        }
    }
}

/// One statement about one finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VexStatement {
    /// Position within the document, counted from 1.
    pub number: u64,
    /// The finding's id.
    pub finding: String,
    /// What it says, in OpenVEX's words: `not_affected`, `affected`, `fixed`, `under_investigation`.
    pub status: String,
    /// When it was made, as the document says it; may be absent.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub date: String,
    /// What became of it.
    pub outcome: VexOutcome,
    /// Why, in one sentence without final full stop.
    pub reason: String,
}
