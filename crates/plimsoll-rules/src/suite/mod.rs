//! Test files of other engines: Gatekeeper's `gator` suites and Kyverno's `kyverno-test.yaml`.

#[cfg(feature = "rego")]
pub mod gator;
pub mod kyverno;

/// How a case of a test file came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As expected.
    Right,
    /// Otherwise: what was expected, and what came.
    Wrong(String),
    /// It could not be run.
    Unrun(String),
    /// The file says that it is left out.
    Skipped,
}

/// A case of a test file.
#[derive(Clone, Debug)]
pub struct Case {
    /// Names of test and case.
    pub name: String,
    /// How it came out.
    pub outcome: Outcome,
}
