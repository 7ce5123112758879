//! The decision, a pure function, and the proof of how it came about.

use std::borrow::Cow;
use std::collections::BTreeMap;

use plimsoll_model::Outcome;
use plimsoll_model::decision::{Decision, Effect, Mode, PolicyResult, RequirementResult};

use crate::document::{OnMissing, Policies, Policy};
use crate::exception::Stand;
use crate::facts::{Facts, Known};
use crate::requirement::Requirement;

/// How a requirement stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is met.
    Met {
        /// By what.
        reasons: Vec<String>,
    },
    /// It is not met.
    NotMet {
        /// Why.
        reasons: Vec<String>,
    },
    /// It cannot be told.
    Unknown {
        /// What is missing.
        missing: Vec<String>,
    },
}

impl Answer {
    pub(crate) fn met(reason: impl Into<String>) -> Self {
        Answer::Met { reasons: vec![reason.into()] }
    }

    pub(crate) fn not_met(reason: impl Into<String>) -> Self {
        Answer::NotMet { reasons: vec![reason.into()] }
    }

    pub(crate) fn unknown(missing: impl Into<String>) -> Self {
        Answer::Unknown { missing: vec![missing.into()] }
    }
}

/// What requirements see beside the facts.
pub(crate) struct Context<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) keys: &'a BTreeMap<String, String>,
    pub(crate) now: i64,
    /// Why the image is revoked.
    pub(crate) revoked: &'a [String],
    /// What is missing to tell whether it is.
    pub(crate) revocation_gaps: &'a [String],
    /// Nobody reads by what a requirement is met.
    pub(crate) brief: bool,
}

impl Context<'_> {
    /// Met, by this.
    pub(crate) fn met<T: Into<String>>(&self, reason: impl FnOnce() -> T) -> Answer {
        Answer::Met { reasons: if self.brief { Vec::new() } else { vec![reason().into()] } }
    }
}

/// A decision without its proof: what [`decide`] says, but not by what requirements are met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    /// The digest that everything was held against.
    pub digest: Option<String>,
    /// See [`Decision::effect`].
    pub effect: Effect,
    /// See [`Decision::reasons`].
    pub reasons: Vec<String>,
    /// See [`Decision::revoked`].
    pub revoked: Vec<String>,
    /// Exceptions that it rests on, in the order of [`Decision::policies`].
    pub exceptions: Vec<String>,
    /// Whether any policy is about the image.
    pub about: bool,
}

/// Decides on one image at a moment (seconds since 1970).
///
/// Every policy that is about it must be met: a further policy can only tighten. An image that no policy is about is
/// *unknown*: nobody has said that it may run.
pub fn decide(facts: &Facts<'_>, policies: &Policies, now: i64) -> Decision {
    let mut disowned = Vec::new();
    let facts = &without_disowned(facts, policies, &mut disowned);
    let (revoked, gaps) = revocations(facts, policies);
    let results: Vec<PolicyResult> = policies
        .policies()
        .iter()
        .filter(|policy| policy.is_about(facts))
        .map(|policy| {
            let (keys, revoked, revocation_gaps) = (&policies.keys, revoked.as_slice(), gaps.as_slice());
            let context = Context { policy, keys, now, revoked, revocation_gaps, brief: false };
            judge(facts, policies, &context)
        })
        .collect();
    let all = results.iter().flat_map(|result| {
        result.requirements.iter().map(|requirement| (result.policy.as_str(), requirement))
    });
    let (effect, reasons) = summed_up(!results.is_empty(), all, &revoked, &disowned);
    Decision {
        schema_version: "1.0".into(),
        image: facts.image.text.clone(),
        digest: facts.digest.seen().ok().map(ToString::to_string),
        decided_at: crate::moment(now),
        effect,
        reasons,
        revoked,
        disowned,
        policies: results,
    }
}

/// Decides as [`decide`] does and writes no proof. `observed` is told when the revocations have been held against the image, with
/// `None`, and then each policy that is about it by its place among all, with the worst answer of its requirements: so that somebody
/// with a clock can say what each costs.
pub fn decide_briefly(
    facts: &Facts<'_>,
    policies: &Policies,
    now: i64,
    observed: &mut dyn FnMut(Option<(usize, Outcome)>),
) -> Brief {
    let mut disowned = Vec::new();
    let facts = &without_disowned(facts, policies, &mut disowned);
    let (revoked, gaps) = revocations(facts, policies);
    observed(None);
    let mut about = false;
    let mut unmet: Vec<(&str, RequirementResult)> = Vec::new();
    for (place, policy) in policies.policies().iter().enumerate() {
        if !policy.is_about(facts) {
            continue;
        }
        about = true;
        let (keys, revoked, revocation_gaps) = (&policies.keys, revoked.as_slice(), gaps.as_slice());
        let context = Context { policy, keys, now, revoked, revocation_gaps, brief: true };
        let mut worst = Outcome::Met;
        for requirement in &policy.requirements {
            let answer = requirement.answer(facts, &context);
            if matches!(answer, Answer::Met { .. }) {
                continue;
            }
            let result = judged(requirement, answer, facts, policies, &context);
            worst = match (worst, result.answer) {
                (Outcome::NotMet, _) | (_, Outcome::NotMet) => Outcome::NotMet,
                _ => Outcome::Unknown,
            };
            unmet.push((policy.name.as_str(), result));
        }
        observed(Some((place, worst)));
    }
    let (effect, reasons) =
        summed_up(about, unmet.iter().map(|(policy, result)| (*policy, result)), &revoked, &disowned);
    Brief {
        digest: facts.digest.seen().ok().map(ToString::to_string),
        effect,
        reasons,
        revoked,
        exceptions: unmet.into_iter().filter_map(|(_, result)| result.exception).collect(),
        about,
    }
}

/// Why the image is revoked, and what is missing to tell whether it is.
fn revocations(facts: &Facts<'_>, policies: &Policies) -> (Vec<String>, Vec<String>) {
    let (mut revoked, mut gaps) = (Vec::new(), Vec::new());
    for revocation in &policies.revocations {
        match revocation.hits(facts) {
            Ok(hit) => revoked.extend(hit),
            Err(missing) => gaps.push(missing),
        }
    }
    (revoked, gaps)
}

/// The worst of everything, with its reasons. What is met adds nothing.
fn summed_up<'r>(
    about: bool,
    results: impl Iterator<Item = (&'r str, &'r RequirementResult)>,
    revoked: &[String],
    disowned: &[String],
) -> (Effect, Vec<String>) {
    let mut effect = Effect::Allow;
    let mut reasons = Vec::new();
    if !revoked.is_empty() {
        // Of revocation there is no exception.
        effect = Effect::Deny;
        reasons.extend(revoked.iter().cloned());
    }
    if !about {
        effect = effect.max(Effect::Unknown);
        reasons.push("no policy is about this image".to_owned());
    }
    for (policy, one) in results.filter(|(_, one)| one.effect > Effect::Allow) {
        effect = effect.max(one.effect);
        let whose = format!("{policy}/{}", one.requirement);
        reasons.extend(one.reasons.iter().map(|reason| format!("{whose}: {reason}")));
    }
    if effect > Effect::Warn {
        // It may be what was missing.
        reasons.extend(disowned.iter().map(|note| format!("left out: {note}")));
    }
    (effect, reasons)
}

/// The facts without the signatures of makers that are revoked.
pub(crate) fn without_disowned<'f, 'a>(
    facts: &'f Facts<'a>,
    policies: &Policies,
    disowned: &mut Vec<String>,
) -> Cow<'f, Facts<'a>> {
    let Known::Seen(evidence) = &facts.evidence else { return Cow::Borrowed(facts) };
    let by = |maker| policies.revocations.iter().find(|revocation| revocation.disowns(maker));
    let revoked = evidence.iter().filter_map(|one| by(&one.maker));
    disowned
        .extend(revoked.map(|revocation| format!("a signature whose maker `{}` revokes", revocation.name())));
    // Nearly always nothing is, and evidence is large.
    if disowned.is_empty() {
        return Cow::Borrowed(facts);
    }
    let kept = evidence.iter().filter(|one| by(&one.maker).is_none()).cloned().collect();
    Cow::Owned(Facts { evidence: Known::Seen(kept), ..facts.clone() })
}

fn judge(facts: &Facts<'_>, policies: &Policies, context: &Context<'_>) -> PolicyResult {
    let policy = context.policy;
    let requirements = policy.requirements.iter();
    let requirements =
        requirements.map(|one| judged(one, one.answer(facts, context), facts, policies, context)).collect();
    PolicyResult {
        policy: policy.name.clone(),
        namespace: policy.namespace.clone(),
        hash: policy.hash.clone(),
        mode: policy.mode,
        requirements,
    }
}

/// What an answer does to the decision.
fn judged(
    requirement: &Requirement,
    answer: Answer,
    facts: &Facts<'_>,
    policies: &Policies,
    context: &Context<'_>,
) -> RequirementResult {
    let policy = context.policy;
    let (answer, mut reasons) = match answer {
        Answer::Met { reasons } => (Outcome::Met, reasons),
        Answer::NotMet { reasons } => (Outcome::NotMet, reasons),
        Answer::Unknown { missing } => {
            (Outcome::Unknown, missing.into_iter().map(|missing| format!("not known: {missing}")).collect())
        }
    };
    let mut exception = None;
    if answer != Outcome::Met {
        for one in &policies.exceptions {
            match one.stand(policy, &requirement.name, facts, context.now) {
                Stand::Covers if exception.is_none() => exception = Some(one),
                Stand::Expired => reasons.push(format!("the exception `{}` has expired", one.name)),
                Stand::TooLong => {
                    reasons.push(format!("the exception `{}` runs longer than any may", one.name));
                }
                Stand::Unsigned => reasons.push(format!(
                    "the exception `{}` is not signed by {}",
                    one.name,
                    policy.exceptions_by.join(" or ")
                )),
                Stand::Covers | Stand::Not => {}
            }
        }
    }
    let excepted = exception.is_some();
    let effect = match (answer, policy.mode) {
        (Outcome::Met, _) => Effect::Allow,
        _ if excepted => Effect::Warn,
        (Outcome::NotMet, Mode::Enforce) => Effect::Deny,
        (_, Mode::Audit) => Effect::Allow,
        (_, Mode::Warn) => Effect::Warn,
        (Outcome::Unknown, Mode::Enforce) => match requirement.on_missing {
            OnMissing::Deny => Effect::Unknown,
            OnMissing::Warn => Effect::Warn,
            OnMissing::Allow => Effect::Allow,
        },
    };
    RequirementResult {
        requirement: requirement.name.clone(),
        answer,
        effect,
        reasons,
        exception: exception.map(|one| {
            let ticket = one.ticket.as_ref().map(|ticket| format!(", {ticket}")).unwrap_or_default();
            let glass = if one.break_glass { "break-glass " } else { "" };
            let signer = one.signer(policy).map(|name| format!(", signed by {name}")).unwrap_or_default();
            format!("{glass}`{}` of {}: {}{ticket}{signer}", one.name, one.owner, one.reason)
        }),
    }
}
