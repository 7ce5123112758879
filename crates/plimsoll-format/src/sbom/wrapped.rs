//! SBOMs within attestations: in-toto statements (Statement v0.1 and v1), in DSSE envelopes (DSSE 1.0), also within a
//! Sigstore bundle. Only unpacked: what an envelope's signature is worth is not looked at, and that is said.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use plimsoll_model::{Digest, Effect, Problem, ProblemKind};
use serde::Deserialize;
use serde_json::Value;

use super::{Error, SbomDocument};

/// Wrappers around wrappers: bundle, envelope, statement, and one to spare.
const DEEPEST: usize = 4;

fn broken(detail: impl Into<String>) -> Error {
    Error::Broken { form: "attestation", detail: detail.into() }
}

/// The members of all wrappers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wrapper {
    /// Of a Sigstore bundle.
    dsse_envelope: Option<Envelope>,
    /// Of an envelope.
    payload: Option<String>,
    /// Of a statement.
    predicate: Option<Value>,
    predicate_type: Option<String>,
    #[serde(default)]
    subject: Vec<Subject>,
}

#[derive(Deserialize)]
struct Envelope {
    payload: String,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    digest: std::collections::BTreeMap<String, String>,
}

/// Reads the SBOM inside. `read` reads what is no wrapper.
pub(super) fn read(
    text: &str,
    read: impl FnOnce(&str) -> Result<SbomDocument, Error>,
) -> Result<SbomDocument, Error> {
    let mut text = text.to_owned();
    let mut subjects: Vec<Subject> = Vec::new();
    let mut kind = String::new();
    let mut enveloped = false;
    for _ in 0..DEEPEST {
        let wrapper: Wrapper = serde_json::from_str(&text).map_err(|error| broken(error.to_string()))?;
        if let Some(predicate) = wrapper.predicate {
            subjects = wrapper.subject;
            kind = wrapper.predicate_type.unwrap_or_default();
            // Cosign puts text that is no JSON into a string, older ones into `Data`.
            text = match predicate {
                Value::String(text) => text,
                Value::Object(mut members) if members.get("Data").is_some_and(Value::is_string) => {
                    match members.remove("Data") {
                        Some(Value::String(text)) => text,
                        _ => String::new(),
                    }
                }
                other => other.to_string(),
            };
            break;
        }
        let inner = wrapper.dsse_envelope.map(|envelope| envelope.payload);
        let Some(payload) = inner.or(wrapper.payload) else {
            return Err(broken("there is neither a payload nor a predicate"));
        };
        enveloped = true;
        // Both alphabets are allowed (DSSE 1.0.2, protocol).
        let payload = STANDARD.decode(&payload).or_else(|_| URL_SAFE.decode(&payload));
        let payload = payload.map_err(|_| broken("the payload is not base64"))?;
        text = String::from_utf8(payload).map_err(|_| broken("the payload is not UTF-8 text"))?;
    }
    if kind.is_empty() {
        return Err(broken("there is no statement with a `predicateType` inside"));
    }
    let is_sbom = ["https://cyclonedx.org/bom", "https://spdx.dev/Document", "https://syft.dev/bom"]
        .iter()
        .any(|known| kind.starts_with(known));
    let mut document = match read(&text) {
        Ok(document) => document,
        Err(Error::NotAnSbom { .. }) if !is_sbom => {
            let kind: String = kind.chars().take(100).collect();
            return Err(Error::Unsupported {
                form: format!("an attestation of the kind `{}`", crate::clean(&kind)),
            });
        }
        Err(error) => return Err(error),
    };
    document.form = format!("{} in an in-toto statement", document.form);
    if let [Subject { digest }] = subjects.as_slice()
        && document.target.digest.is_none()
    {
        document.target.digest =
            digest.get("sha256").and_then(|digits| Digest::parse(&format!("sha256:{digits}")).ok());
    }
    document.inventory.problems.push(Problem {
        kind: ProblemKind::Unsupported,
        effect: Effect::Note,
        subject: if enveloped { "DSSE envelope" } else { "in-toto statement" }.into(),
        detail: if enveloped {
            "the signature was not verified: anybody may have written this SBOM".into()
        } else {
            "the statement has no signature: anybody may have written this SBOM".into()
        },
        layer: None,
    });
    Ok(document)
}
