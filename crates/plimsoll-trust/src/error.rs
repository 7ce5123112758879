//! What can be wrong with what a user gave us. What is wrong with evidence is an [`crate::Outcome`], never an error.

/// A fault in settings: keys, roots, patterns.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key that cannot be read.
    #[error("{name}: not a public key")]
    Key {
        /// Where it came from.
        name: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A key of a kind that is not supported.
    #[error("{name}: {detail}")]
    KeyKind {
        /// Where it came from.
        name: String,
        /// What it is.
        detail: String,
    },
    /// A trust root that cannot be read.
    #[error("{name}: not a trust root (`trusted_root.json`)")]
    Root {
        /// Where it came from.
        name: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A trust policy, trust store or revocation list of Notation that cannot be used.
    #[error("{name}: {detail}")]
    Notation {
        /// The file.
        name: String,
        /// What is wrong.
        detail: String,
    },
    /// An identity token, or a service that keyless signing needs, that cannot be used.
    #[error("{detail}")]
    Keyless {
        /// What went wrong.
        detail: String,
        /// Why.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A trust root that is kept, or its source, that cannot be used.
    #[error("trust root `{name}`: {detail}")]
    Kept {
        /// Its name.
        name: String,
        /// What is wrong.
        detail: String,
        /// Why.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}
