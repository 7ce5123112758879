//! What a rule says, and how answers join: one that is not met is enough, one that is missing leaves the rest open.

use plimsoll_model::Outcome;
use plimsoll_model::responsibility::MissingInput;

use super::evidence::Answer;

/// Lines of evidence that one finding keeps.
const MOST_SEEN: usize = 12;

/// An answer with what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The answer.
    pub answer: Outcome,
    /// What was seen, most important first.
    pub seen: Vec<String>,
    /// What is missing.
    pub missing: Vec<MissingInput>,
}

impl Finding {
    /// It is so.
    pub(super) fn met(seen: impl Into<String>) -> Self {
        Finding { answer: Outcome::Met, seen: vec![seen.into()], missing: Vec::new() }
    }

    /// It is not so.
    pub(super) fn not_met(seen: impl Into<String>) -> Self {
        Finding { answer: Outcome::NotMet, seen: vec![seen.into()], missing: Vec::new() }
    }

    /// Nobody can say.
    pub(super) fn unknown(missing: MissingInput) -> Self {
        Finding { answer: Outcome::Unknown, seen: Vec::new(), missing: vec![missing] }
    }

    /// A question that is answered by yes or no.
    pub(super) fn from(answer: Answer<bool>, yes: impl Into<String>, no: impl Into<String>) -> Self {
        match answer {
            Ok(true) => Finding::met(yes),
            Ok(false) => Finding::not_met(no),
            Err(missing) => Finding::unknown(missing),
        }
    }

    /// Things that are wrong, where they could be looked for: met when there are none.
    pub(super) fn none_of(wrong: Answer<Vec<String>>, met: impl Into<String>) -> Self {
        match wrong {
            Ok(wrong) if wrong.is_empty() => Finding::met(met),
            Ok(wrong) => Finding::all_wrong(wrong),
            Err(missing) => Finding::unknown(missing),
        }
    }

    /// Things that are wrong.
    pub(super) fn all_wrong(mut wrong: Vec<String>) -> Self {
        let more = wrong.len().saturating_sub(MOST_SEEN);
        wrong.truncate(MOST_SEEN);
        if more > 0 {
            wrong.push(format!("and {more} more"));
        }
        Finding { answer: Outcome::NotMet, seen: wrong, missing: Vec::new() }
    }

    /// All of them: one that is not met is enough, one that is missing leaves it open.
    pub(super) fn all(parts: impl IntoIterator<Item = Finding>) -> Self {
        let mut joined = Finding { answer: Outcome::Met, seen: Vec::new(), missing: Vec::new() };
        let mut met = Vec::new();
        let mut open = Vec::new();
        let mut any = false;
        for part in parts {
            any = true;
            match part.answer {
                Outcome::Met => met.extend(part.seen),
                Outcome::NotMet => {
                    joined.answer = Outcome::NotMet;
                    joined.seen.extend(part.seen);
                }
                Outcome::Unknown => {
                    if joined.answer == Outcome::Met {
                        joined.answer = Outcome::Unknown;
                    }
                    open.extend(part.seen);
                }
            }
            joined.missing.extend(part.missing);
        }
        if !any {
            joined.answer = Outcome::Unknown;
        }
        joined.seen.extend(open);
        joined.seen.extend(met);
        // The same is often seen on several nodes.
        let mut told = std::collections::BTreeSet::new();
        joined.seen.retain(|seen| told.insert(seen.clone()));
        let more = joined.seen.len().saturating_sub(MOST_SEEN);
        joined.seen.truncate(MOST_SEEN);
        if more > 0 {
            joined.seen.push(format!("and {more} more"));
        }
        joined.missing.sort();
        joined.missing.dedup();
        joined
    }

    /// Any of them: one that is met is enough.
    pub(super) fn any(parts: impl IntoIterator<Item = Finding>) -> Self {
        let parts: Vec<Finding> = parts.into_iter().collect();
        if let Some(met) = parts.iter().find(|part| part.answer == Outcome::Met) {
            return met.clone();
        }
        // What is not met by one way may be met by a way that could not be looked at.
        let open = parts.iter().any(|part| part.answer == Outcome::Unknown);
        let mut joined = Finding::all(parts);
        if open {
            joined.answer = Outcome::Unknown;
        }
        joined
    }
}

/// What a rule says of a control on a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether what moves it is on, where something does.
    pub toggle: Option<Finding>,
    /// Whether it is so.
    pub effect: Finding,
}

impl Decision {
    /// Nothing moves it, or the rule does not see what does.
    pub(super) fn effect(effect: Finding) -> Self {
        Decision { toggle: None, effect }
    }

    /// Switch and effect as one answer.
    pub(super) fn joined(self) -> Finding {
        Finding::all(self.toggle.into_iter().chain([self.effect]))
    }

    /// Both.
    pub(super) fn both(toggle: Finding, effect: Finding) -> Self {
        Decision { toggle: Some(toggle), effect }
    }
}
