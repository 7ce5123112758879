//! Evidence of an answer: which files it was made from, with a digest of each.

use serde::{Deserialize, Serialize};

use crate::Outcome;

/// Version of the form.
pub const BUNDLE_VERSION: &str = "1.0";

/// A file of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BundleFile {
    /// Where it is in the bundle.
    pub path: String,
    /// The flag by which it was given; empty for the answer.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub flag: String,
    /// As it was given.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub given: String,
    /// `sha256:` and 64 digits.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
}

/// What is in a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BundleManifest {
    /// [`BUNDLE_VERSION`].
    pub schema_version: String,
    /// The program that made it.
    pub tool: String,
    /// The moment as of which the answer was made: RFC 3339.
    pub taken_at: String,
    /// The platform that was named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub platform: Option<String>,
    /// The answer.
    pub answer: BundleFile,
    /// What it was made from.
    pub files: Vec<BundleFile>,
    /// Of the manifest's own file, which cannot hold it: `sha256:` and 64 digits. Keep it elsewhere: who may change the folder may change
    /// the manifest too.
    #[serde(skip)]
    pub digest: String,
}

/// How the signature of a manifest stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BundleSignature {
    /// There is none.
    Absent,
    /// There is one, and no key was given to check it with.
    NotChecked,
    /// It is by one of the keys that were given.
    Verified,
    /// It is by none of the keys that were given, or about something else.
    Wrong,
}

/// What a look at a bundle says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BundleCheck {
    /// [`BUNDLE_VERSION`].
    pub schema_version: String,
    /// Met when every file has its digest and the same inputs give the same answer.
    pub verdict: Outcome,
    /// The program that looked.
    pub tool: String,
    /// The program that made it.
    pub made_by: String,
    /// The moment as of which the answer was made.
    pub taken_at: String,
    /// Files that the manifest names.
    pub files: u64,
    /// Of the manifest: `sha256:` and 64 digits.
    pub digest: String,
    /// How its signature stands.
    pub signature: BundleSignature,
    /// The key that it is by: SHA-256 of its SubjectPublicKeyInfo in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signed_by: Option<String>,
    /// What the answer said; absent where its files are not sound.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub answer: Option<Outcome>,
    /// What is not as it was.
    pub differs: Vec<String>,
}
