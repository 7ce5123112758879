//! What a rule says of an object.

/// One way in which an object does not fit a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What the rule says of it.
    pub message: String,
}

/// What a rule says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The rule is not about it.
    Skip,
    /// It fits.
    Pass,
    /// It does not fit.
    Fail(Vec<Violation>),
    /// The rule could not be evaluated. It is for the rule's failure policy to say what becomes of the object.
    Error(String),
}

impl Answer {
    #[cfg(feature = "rego")]
    pub(crate) fn from_violations(violations: Vec<Violation>) -> Self {
        if violations.is_empty() { Answer::Pass } else { Answer::Fail(violations) }
    }
}

/// Why a rule cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} `{name}`: {reason}")]
pub struct LoadError {
    /// `ConstraintTemplate`, `ValidatingPolicy`.
    pub kind: String,
    /// Name of the object; empty when it has none.
    pub name: String,
    /// What is wrong, and where.
    pub reason: String,
}
