//! A benchmark of somebody else over a cluster: its ids, and what was seen for each. Its texts are not ours and stand nowhere.

use serde::{Deserialize, Serialize};

use crate::responsibility::{Attested, Column, Given, MissingInput};
use crate::{Outcome, Problem};

/// Version of the form.
pub const BENCHMARK_VERSION: &str = "1.0";

/// What is said of one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// Seen not to be so.
    NotMet,
    /// It can be decided, and an input is missing.
    Unknown,
    /// Only a person can say, and nobody has.
    AttestOnly,
    /// Somebody stands for it, until a day.
    Attested,
    /// Seen to be so.
    Met,
    /// The provider does it on this platform, as its document says. It was not looked at.
    Provider,
}

impl Judgement {
    /// All, the worst first.
    pub const ALL: [Judgement; 6] = [
        Judgement::NotMet,
        Judgement::Unknown,
        Judgement::AttestOnly,
        Judgement::Attested,
        Judgement::Met,
        Judgement::Provider,
    ];

    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Judgement::NotMet => "not met",
            Judgement::Unknown => "unknown",
            Judgement::AttestOnly => "attest only",
            Judgement::Attested => "attested",
            Judgement::Met => "met",
            Judgement::Provider => "provider",
        }
    }

    /// A mark that reads without colour.
    pub fn mark(self) -> &'static str {
        match self {
            Judgement::NotMet => "✗",
            Judgement::Unknown => "?",
            Judgement::AttestOnly => "○",
            Judgement::Attested => "◐",
            Judgement::Met => "✓",
            Judgement::Provider => "·",
        }
    }
}

/// One id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BenchmarkCheck {
    /// As the benchmark numbers it.
    pub id: String,
    /// What we look at for it, in our words.
    pub about: String,
    /// Our control that it belongs to.
    pub control: String,
    /// What decides it: a function, rules, or `attest`.
    pub decided_by: String,
    /// What is said.
    pub judgement: Judgement,
    /// What was seen.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub seen: Vec<String>,
    /// What was not there to decide it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub missing: Vec<MissingInput>,
    /// Who stands for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attested: Option<Attested>,
}

/// How many ids are so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BenchmarkTotal {
    /// What.
    pub judgement: Judgement,
    /// How many.
    pub number: u64,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Benchmark {
    /// [`BENCHMARK_VERSION`].
    pub schema_version: String,
    /// The program.
    pub tool: String,
    /// When: RFC 3339.
    pub taken_at: String,
    /// As it is typed: `cis-gke`.
    pub framework: String,
    /// As it is called.
    pub title: String,
    /// Of which version the ids are.
    pub version: String,
    /// Met when every id is met, attested, or the provider's.
    pub verdict: Outcome,
    /// What was looked at.
    pub inputs: Vec<Given>,
    /// The node pools.
    pub columns: Vec<Column>,
    /// Every id, in order.
    pub checks: Vec<BenchmarkCheck>,
    /// How many are so, the worst first.
    pub totals: Vec<BenchmarkTotal>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub problems: Vec<Problem>,
}

impl Benchmark {
    /// How many ids are so.
    pub fn number(&self, judgement: Judgement) -> usize {
        self.checks.iter().filter(|check| check.judgement == judgement).count()
    }

    /// Fills in totals and verdict.
    pub fn count(&mut self) {
        self.totals = Judgement::ALL
            .into_iter()
            .map(|judgement| BenchmarkTotal { judgement, number: self.number(judgement) as u64 })
            .collect();
        let open = [Judgement::Unknown, Judgement::AttestOnly];
        self.verdict = if self.number(Judgement::NotMet) > 0 {
            Outcome::NotMet
        } else if self.checks.is_empty() || open.iter().any(|judgement| self.number(*judgement) > 0) {
            Outcome::Unknown
        } else {
            Outcome::Met
        };
    }
}
