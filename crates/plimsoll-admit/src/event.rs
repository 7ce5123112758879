//! The log of decisions: one JSON object for each line.

use plimsoll_scan::policy::{Effect, Mode};
use serde::Serialize;

/// A review that was decided. Dry runs leave none.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// RFC 3339.
    pub time: String,
    /// `review`.
    pub event: &'static str,
    /// The question of the API server.
    pub uid: String,
    /// Who asked for it.
    pub user: String,
    /// `CREATE`, `UPDATE`.
    pub operation: &'static str,
    /// Namespace.
    pub namespace: String,
    /// Kind of the object.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The worst of all images.
    pub effect: Effect,
    /// Whether it was let through; in the modes warn and audit whatever the effect.
    pub allowed: bool,
    /// Mode of the webhook.
    pub mode: Mode,
    /// One for each image.
    pub images: Vec<ImageEvent>,
    /// One for each rule about objects that has something against it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleEvent>,
    /// What of the object could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// What was decided on an image.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageEvent {
    /// As named.
    pub image: String,
    /// What it stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What was decided.
    pub effect: Effect,
    /// Why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// Exceptions and break-glass that were used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<String>,
    /// Revocations that hit it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<String>,
}

/// What a rule about objects has against one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleEvent {
    /// Its kind and name.
    pub rule: String,
    /// What it does.
    pub effect: Effect,
    /// Why.
    pub reasons: Vec<String>,
}

/// Something that happened to the webhook itself.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// RFC 3339.
    pub time: String,
    /// `policies-loaded`, `policies-refused`, `certificate-loaded`, ...
    pub event: &'static str,
    /// More about it.
    pub detail: String,
}

/// Takes the lines of the log.
pub trait Log: Send + Sync {
    /// Takes one line, without its end.
    fn line(&self, line: &str);

    /// Takes a review that was validated, as it came, with what was answered, at a moment (seconds since 1970). Most do not
    /// keep it.
    fn review(&self, body: &[u8], answer: &[u8], now: i64) {
        let _ = (body, answer, now);
    }
}
