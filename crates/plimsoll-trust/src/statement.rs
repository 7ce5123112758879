//! in-toto statements (in-toto attestation framework v1, "Statement"): what a predicate is about.

use std::collections::BTreeMap;

use plimsoll_model::Digest;
use plimsoll_model::shortened;
use serde::Deserialize;
use serde_json::Value;

/// Largest statement in bytes: an SBOM of a very large image as a predicate has some 50 MB.
pub(crate) const LARGEST: u64 = 128 * 1024 * 1024;

/// A statement. Worth something only once the envelope around it has been verified.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Statement {
    /// `https://in-toto.io/Statement/v1` or `v0.1`.
    #[serde(rename = "_type")]
    pub kind: String,
    /// What it is about.
    #[serde(default)]
    pub subject: Vec<Subject>,
    /// Kind of the predicate.
    #[serde(rename = "predicateType", default)]
    pub predicate_type: String,
    /// The predicate itself.
    #[serde(default)]
    pub predicate: Value,
}

/// One thing that a statement is about.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Subject {
    /// Its name, for people; not checked by anybody.
    #[serde(default)]
    pub name: String,
    /// Its digests by algorithm, in hexadecimal digits.
    #[serde(default)]
    pub digest: BTreeMap<String, String>,
}

impl Statement {
    /// One of which only the kind is known.
    pub(crate) fn unread(predicate_type: &str) -> Self {
        Statement {
            kind: String::new(),
            subject: Vec::new(),
            predicate_type: predicate_type.to_owned(),
            predicate: Value::Null,
        }
    }

    /// Reads a statement.
    ///
    /// # Errors
    /// In words for people, when it is none of the known versions or names no subject.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let statement: Statement =
            serde_json::from_slice(bytes).map_err(|error| format!("not an in-toto statement: {error}"))?;
        if !matches!(
            statement.kind.as_str(),
            "https://in-toto.io/Statement/v1" | "https://in-toto.io/Statement/v0.1"
        ) {
            return Err(format!("statements of type `{}` are not known", shortened(&statement.kind)));
        }
        if statement.subject.is_empty() {
            return Err("the statement names no subject".into());
        }
        Ok(statement)
    }

    /// Whether it is about the thing with this digest.
    pub fn is_about(&self, digest: &Digest) -> bool {
        let (algorithm, hex) = (digest.algorithm().name(), digest.hex());
        self.subject.iter().any(|subject| {
            subject.digest.get(algorithm).is_some_and(|value| value.eq_ignore_ascii_case(&hex))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_compared_by_algorithm_and_digest() {
        let hex = "ab".repeat(32);
        let text = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}}}}],"predicateType":"p"}}"#,
            hex.to_uppercase()
        );
        let statement = Statement::parse(text.as_bytes()).expect("a statement");
        assert!(statement.is_about(&Digest::parse(&format!("sha256:{hex}")).expect("a digest")));
        assert!(
            !statement.is_about(&Digest::parse(&format!("sha256:{}", "cd".repeat(32))).expect("a digest"))
        );
    }

    #[test]
    fn other_documents_are_refused() {
        for text in [
            "{}",
            "[]",
            r#"{"_type":"https://in-toto.io/Statement/v9","subject":[{}]}"#,
            r#"{"_type":"https://in-toto.io/Statement/v1","subject":[]}"#,
        ] {
            assert!(Statement::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
