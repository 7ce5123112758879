//! A decision, explained: which requirement decided, from which evidence, what exceptions and revocations do to it, and
//! what would let the image in.

use std::collections::BTreeMap;

use plimsoll_model::explanation::{
    Change, Decider, EXPLANATION_VERSION, ExceptionStand, Explained, Explanation, NotAbout, RevocationStand,
    Seen,
};
use plimsoll_model::{Outcome, shortened};

use crate::decide::{Answer, Context, decide, without_disowned};
use crate::document::{NotAbout as Why, Policies, Policy, Signer};
use crate::exception::{Exception, Stand};
use crate::facts::{Evidence, Facts, Maker};
use crate::identity::Pattern;
use crate::materials::BuiltFrom;
use crate::provenance::{Build, Provenance};
use crate::requirement::{Base, GITHUB, Need, Requirement, Rule, is};
use crate::summary::is_summary;
use crate::{Effect, moment};

/// Most ways that are named for one change.
const MOST_WAYS: usize = 12;

/// Decides as [`decide`] does, and explains it. `places` says where each piece of [`Facts::evidence`] was found, in the
/// same order, as far as that is known.
pub fn explain(facts: &Facts<'_>, places: &[Option<String>], policies: &Policies, now: i64) -> Explanation {
    let decision = decide(facts, policies, now);
    let revocations = revocations(facts, policies);
    let gaps: Vec<String> = policies.revocations.iter().filter_map(|one| one.hits(facts).err()).collect();
    let kept = without_disowned(facts, policies, &mut Vec::new());
    let passes = decision.effect <= Effect::Warn;
    let mut requirements = Vec::new();
    let (mut decided_by, mut to_pass) = (Vec::new(), Vec::new());
    if !decision.revoked.is_empty() {
        decided_by.push(Decider {
            what: "revocation".into(),
            effect: Effect::Deny,
            reasons: decision.revoked.clone(),
        });
        to_pass.push(Change {
            what: "revocation".into(),
            any_of: vec![
                "run another image: no policy and no exception lets this one in".into(),
                "take the revocation back, if it was wrong".into(),
            ],
        });
    }
    let about: Vec<&Policy> = policies.policies().iter().filter(|policy| policy.is_about(facts)).collect();
    if about.is_empty() {
        let what = "no policy is about this image".to_owned();
        if decision.effect == Effect::Unknown {
            decided_by.push(Decider { what: what.clone(), effect: Effect::Unknown, reasons: Vec::new() });
        }
        let ways = vec!["write a policy that is about it, or widen the match of one that is not".into()];
        to_pass.push(Change { what, any_of: ways });
    }
    for (policy, result) in about.iter().zip(&decision.policies) {
        let context = Context {
            policy,
            keys: &policies.keys,
            now,
            revoked: &decision.revoked,
            revocation_gaps: &gaps,
            brief: false,
        };
        for (requirement, one) in policy.requirements.iter().zip(&result.requirements) {
            let what = format!("{}/{}", result.policy, one.requirement);
            let decides = !passes && one.effect == decision.effect;
            if decides {
                decided_by.push(Decider {
                    what: what.clone(),
                    effect: one.effect,
                    reasons: one.reasons.clone(),
                });
            }
            let exceptions = exceptions(policies, policy, &one.requirement, one.answer, facts, now);
            if one.effect > Effect::Warn {
                let mut ways = ways(requirement, &kept, &context);
                // Taking the revocation of a signer back is no way: it is there because that signer's word is worth nothing.
                ways.extend(exceptions.iter().filter_map(|one| renewed(one, policy)));
                ways.push(new_exception(policy));
                ways.dedup();
                ways.truncate(MOST_WAYS);
                to_pass.push(Change { what, any_of: ways });
            }
            requirements.push(Explained {
                policy: result.policy.clone(),
                namespace: result.namespace.clone(),
                requirement: one.requirement.clone(),
                asks: asks(requirement),
                answer: one.answer,
                effect: one.effect,
                decides,
                reasons: one.reasons.clone(),
                evidence: evidence(requirement, facts, places, policies, &context),
                exceptions,
            });
        }
    }
    let not_about = policies
        .policies()
        .iter()
        .filter_map(|policy| {
            Some(NotAbout {
                policy: policy.name.clone(),
                namespace: policy.namespace.clone(),
                reason: why_not(&policy.not_about(facts)?, policy, facts),
            })
        })
        .collect();
    Explanation {
        schema_version: EXPLANATION_VERSION.into(),
        decision,
        decided_by,
        to_pass,
        requirements,
        revocations,
        not_about,
    }
}

fn why_not(why: &Why<'_>, policy: &Policy, facts: &Facts<'_>) -> String {
    let (repository, namespace) = (&facts.image.repository, &facts.workload.namespace);
    let place = match namespace.as_str() {
        "" => "no namespace is named".to_owned(),
        name => format!("the namespace is {name}"),
    };
    match why {
        Why::Namespace => {
            format!("it is of the namespace {}; {place}", policy.namespace.as_deref().unwrap_or_default())
        }
        Why::Image(patterns) => format!("{repository} is not among its images: {}", listed(patterns)),
        Why::ImageExcluded => format!("it leaves {repository} out"),
        Why::Namespaces(patterns) => format!("it is for the namespaces {}; {place}", listed(patterns)),
        Why::NamespaceExcluded => format!("it leaves the namespace {namespace} out"),
        Why::Label(name, value) => match facts.workload.labels.get(*name) {
            Some(own) => format!("it is for what has the label {name}={value}; it is {name}={own}"),
            None => format!("it is for what has the label {name}={value}"),
        },
    }
}

fn listed(patterns: &[impl ToString]) -> String {
    patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn revocations(facts: &Facts<'_>, policies: &Policies) -> Vec<RevocationStand> {
    let mut out = Vec::new();
    for one in policies.revocations() {
        let mut add = |stands: &str, detail: String| {
            out.push(RevocationStand { revocation: one.name().to_owned(), stands: stands.into(), detail });
        };
        match one.hits(facts) {
            Ok(Some(detail)) => add("revokes", detail),
            Ok(None) => {}
            Err(missing) => add("unknown", format!("not known: {missing}")),
        }
        let Ok(evidence) = facts.evidence.seen() else { continue };
        let disowned: Vec<String> =
            evidence.iter().filter(|seen| one.disowns(&seen.maker)).map(|seen| maker(&seen.maker)).collect();
        for whose in disowned.iter().enumerate().filter(|(at, whose)| !disowned[..*at].contains(whose)) {
            add("disowns", format!("what is signed by {} does not count", whose.1));
        }
    }
    out
}

fn exceptions(
    policies: &Policies,
    policy: &Policy,
    requirement: &str,
    answer: Outcome,
    facts: &Facts<'_>,
    now: i64,
) -> Vec<ExceptionStand> {
    let of = |one: &&Exception| one.names(policy, requirement);
    policies
        .exceptions()
        .iter()
        .filter(of)
        .map(|one| ExceptionStand {
            exception: one.name.clone(),
            owner: one.owner.clone(),
            reason: one.reason.clone(),
            expires: moment(one.expires),
            stands: match one.stand(policy, requirement, facts, now) {
                Stand::Covers if answer == Outcome::Met => "notNeeded",
                Stand::Covers => "covers",
                Stand::Expired => "expired",
                Stand::TooLong => "tooLong",
                Stand::Unsigned => "unsigned",
                Stand::Not => "elsewhere",
            }
            .into(),
        })
        .collect()
}

fn renewed(one: &ExceptionStand, policy: &Policy) -> Option<String> {
    let ExceptionStand { exception, owner, expires, .. } = one;
    match one.stands.as_str() {
        "expired" => Some(format!("renew the exception `{exception}` of {owner}, which ended on {expires}")),
        "tooLong" => Some(format!("give the exception `{exception}` of {owner} an earlier end")),
        "unsigned" => Some(format!(
            "have the exception `{exception}` of {owner} signed by {} (`plimsoll policy sign-exception`)",
            policy.exceptions_by.join(" or ")
        )),
        _ => None,
    }
}

fn new_exception(policy: &Policy) -> String {
    match policy.exceptions_by.as_slice() {
        [] => "an exception, with owner, reason and end".into(),
        names => format!("an exception with owner, reason and end, signed by {}", names.join(" or ")),
    }
}

/// What a requirement asks, in words.
fn asks(requirement: &Requirement) -> String {
    let of = |signers: &[String], at_least: usize| match signers {
        [one] => one.clone(),
        all => format!("{at_least} of {}", all.join(", ")),
    };
    match &requirement.rule {
        Rule::SignedBy { signers, at_least } => format!("signed by {}", of(signers, *at_least)),
        Rule::AttestedBy { predicate_type, signers, at_least } => {
            format!("an attestation {predicate_type} by {}", of(signers, *at_least))
        }
        Rule::BuiltBy { signers, build } => {
            let whose = match signers.as_slice() {
                [] => "GitHub's workflows".to_owned(),
                names => names.join(" or "),
            };
            format!("provenance by {whose} that says {}", built(build))
        }
        Rule::BuiltFrom(from) => {
            let signers = from.signers.join(" or ");
            format!(
                "provenance by {signers} that names images that went in, of {} only",
                listed(&from.images)
            )
        }
        Rule::VerifiedBy(one) => format!("a verification summary by {}", one.signers.join(" or ")),
        Rule::Registries { allow, deny } => match (allow.as_slice(), deny.as_slice()) {
            ([], deny) => format!("a repository that is none of {}", listed(deny)),
            (allow, []) => format!("a repository of {}", listed(allow)),
            (allow, deny) => format!("a repository of {}, and none of {}", listed(allow), listed(deny)),
        },
        Rule::BaseImages(bases) => {
            let names = bases.iter().map(|base| match base {
                Base::Image(image) => image.clone(),
                Base::Layers(chain) => format!("{} layers given by digest", chain.len()),
            });
            format!("built on {}", names.collect::<Vec<_>>().join(" or "))
        }
        Rule::MaxSeverity(line, grace) => match grace {
            None => format!("no finding over {line}"),
            Some(grace) => format!("no finding over {line} that is older than {} days", grace.days),
        },
        Rule::MaxAge(age) => format!("built within {age}"),
        Rule::DatabaseMaxAge(age) => format!("advisories of the last {age}"),
        Rule::PinDigest => "a name with a digest".into(),
        Rule::NotRevoked => "no revocation that hits it, all of it seen".into(),
        Rule::Absent(kind) => format!("no {}", kind.word()),
        Rule::AnyOf(all) => {
            format!("one of: {}", all.iter().map(asks).collect::<Vec<_>>().join("; "))
        }
        Rule::AllOf(all) => {
            format!("all of: {}", all.iter().map(asks).collect::<Vec<_>>().join("; "))
        }
        Rule::PodSecurity(standard) => format!("a pod that meets {standard}"),
        Rule::Cel(cel) => format!("`{}`", shortened(cel.text())),
        Rule::Licenses(_) => "licences that are allowed".into(),
        Rule::NotJudged(text) => format!("what cannot be judged: {}", shortened(text)),
    }
}

fn built(build: &Build) -> String {
    let mut parts = Vec::new();
    let mut add =
        |name: &str, value: Option<String>| parts.extend(value.map(|value| format!("{name} {value}")));
    let shown = |pattern: &Option<Pattern>| pattern.as_ref().map(ToString::to_string);
    add("builder", shown(&build.builder));
    add("source", shown(&build.source));
    add("branch", build.branch.clone());
    add("tag", build.tag.clone());
    add("version", build.version.clone());
    add("workflow", shown(&build.workflow));
    for (name, value) in &build.inputs {
        add("input", Some(format!("{name}={value}")));
    }
    parts.join(", ")
}

/// How somebody is recognised, in words.
fn signer(name: &str, policy: &Policy) -> String {
    match policy.signers.get(name) {
        Some(Signer::Key { log: true, .. }) => format!("{name} (a key, in a transparency log)"),
        Some(Signer::Key { log: false, .. }) => format!("{name} (a key)"),
        Some(Signer::Keyless { subject, issuer, .. }) => {
            format!("{name} ({subject}, vouched for by {issuer})")
        }
        Some(Signer::Notation(_)) => format!("{name} (Notation)"),
        None => name.to_owned(),
    }
}

/// What would make an unmet requirement met: each by itself.
fn ways(requirement: &Requirement, facts: &Facts<'_>, context: &Context<'_>) -> Vec<String> {
    let missing = match requirement.answer(facts, context) {
        Answer::Met { .. } => return Vec::new(),
        Answer::Unknown { missing } => Some(missing),
        Answer::NotMet { .. } => None,
    };
    match (&requirement.rule, &missing) {
        (Rule::AnyOf(all), _) => return all.iter().flat_map(|one| ways(one, facts, context)).collect(),
        (Rule::AllOf(all), _) => {
            let each: Vec<String> = all
                .iter()
                .map(|one| ways(one, facts, context).join(", or "))
                .filter(|ways| !ways.is_empty())
                .collect();
            return vec![each.join("; and ")];
        }
        (Rule::PodSecurity(_), Some(_)) if facts.pod_security.is_empty() => {
            return vec!["decide where there is a pod: `plimsoll admit`, `plimsoll audit`".into()];
        }
        (Rule::NotJudged(_), _) => {
            return vec!["write the condition as a requirement that can be judged".into()];
        }
        (_, Some(missing)) => return missing.iter().map(|one| format!("make known: {one}")).collect(),
        (_, None) => {}
    }
    let by = |signers: &[String], at_least: usize| {
        let names: Vec<String> = signers.iter().map(|name| signer(name, context.policy)).collect();
        match at_least {
            1 => names.join(" or "),
            some => format!("{some} of {}", names.join(", ")),
        }
    };
    let way = match &requirement.rule {
        Rule::SignedBy { signers, at_least } => {
            format!("sign it (`plimsoll attest`, `cosign sign`) as {}", by(signers, *at_least))
        }
        Rule::AttestedBy { predicate_type, signers, at_least } => {
            format!("attest {predicate_type} (`plimsoll attest --type`) as {}", by(signers, *at_least))
        }
        Rule::BuiltBy { build, .. } => format!("build it so that its provenance says {}", built(build)),
        Rule::BuiltFrom(from) => format!(
            "build it from images of {}, with provenance that names them, signed by {}",
            listed(&from.images),
            by(&from.signers, 1)
        ),
        Rule::VerifiedBy(one) => {
            format!("verify it again (`plimsoll attest verdict`) as {}", by(&one.signers, 1))
        }
        Rule::Registries { allow, .. } if allow.is_empty() => {
            "copy it to a repository that is not denied".into()
        }
        Rule::Registries { allow, .. } => format!("copy it to one of {}", listed(allow)),
        Rule::BaseImages(_) => format!("build it again, {}", asks(requirement)),
        Rule::MaxSeverity(..) => {
            "take what fixes it (`plimsoll scan` names the changes), or say why it is not affected (VEX)"
                .into()
        }
        Rule::MaxAge(_) => "build it again".into(),
        Rule::DatabaseMaxAge(_) => "take newer advisories (`plimsoll db update`, `plimsoll db pull`)".into(),
        Rule::PinDigest => match facts.digest.seen() {
            Ok(digest) => format!("name it {}@{digest}", facts.image.repository),
            Err(_) => "name it by its digest".into(),
        },
        Rule::NotRevoked => "run another image".into(),
        Rule::Absent(kind) => format!("build it again without {}", kind.word()),
        Rule::PodSecurity(standard) => format!("change the pod until it meets {standard}"),
        Rule::Licenses(_) => "take other packages, or allow their licences".into(),
        Rule::Cel(_) => "change what the expression looks at".into(),
        Rule::AnyOf(_) | Rule::AllOf(_) | Rule::NotJudged(_) => return Vec::new(),
    };
    vec![way]
}

fn maker(maker: &Maker) -> String {
    match maker {
        Maker::Key(fingerprint) => format!("the key {}", short(fingerprint)),
        Maker::Certificate { certificate, root } => {
            let subject = certificate.subject.as_deref().unwrap_or("nobody that it names");
            let issuer = certificate.issuer.as_deref().unwrap_or("nobody that it names");
            format!("{subject} (vouched for by {issuer}, root {root})")
        }
        Maker::Notation { subject, .. } => format!("{subject} (Notation)"),
    }
}

fn short(fingerprint: &str) -> &str {
    fingerprint.get(..16).unwrap_or(fingerprint)
}

/// What a requirement looked at.
fn evidence(
    requirement: &Requirement,
    facts: &Facts<'_>,
    places: &[Option<String>],
    policies: &Policies,
    context: &Context<'_>,
) -> Vec<Seen> {
    let needs = requirement.needs();
    let mut out = Vec::new();
    let mut add = |kind: &str, detail: String, from: Option<String>, counts: Option<bool>| {
        out.push(Seen { kind: kind.into(), detail, from, counts });
    };
    let missing = |reason: &str| format!("not known: {reason}");
    match &requirement.rule {
        Rule::Registries { .. } | Rule::PinDigest => add("name", facts.image.text.clone(), None, None),
        Rule::PodSecurity(standard) => match facts.pod_security.get(standard) {
            None => add("pod", missing("no pod was handed in"), None, None),
            Some(judged) => add(
                "pod",
                format!("{} violations, {} things unread", judged.violations.len(), judged.unread.len()),
                None,
                None,
            ),
        },
        _ => {}
    }
    if needs.contains(&Need::Digest) {
        match facts.digest.seen() {
            Ok(digest) => {
                add("digest", digest.to_string(), Some(facts.image.repository.clone()), None);
            }
            Err(reason) => add("digest", missing(reason), None, None),
        }
    }
    if needs.contains(&Need::Evidence) {
        match facts.evidence.seen() {
            Ok(all) => {
                for (at, one) in all.iter().enumerate() {
                    let Some(is_wanted) = wanted(requirement, one, policies, context) else { continue };
                    let by = maker(&one.maker);
                    let log = if one.logged { ", in a transparency log" } else { "" };
                    let (kind, what) = match &one.statement {
                        None => ("signature", String::new()),
                        Some(stated) => ("attestation", format!("{} ", shortened(&stated.predicate_type))),
                    };
                    let from = places.get(at).cloned().flatten();
                    add(kind, format!("{what}by {by}{log}"), from, Some(is_wanted));
                }
                for one in facts.unread_evidence.iter() {
                    add("unread", one.clone(), None, None);
                }
            }
            Err(reason) => add("signature", missing(reason), None, None),
        }
    }
    if needs.contains(&Need::Scan) {
        match facts.report.seen() {
            Ok(report) => {
                let date = match report.database.date.as_str() {
                    "" => "advisories of no date".to_owned(),
                    date => format!("advisories of {date}"),
                };
                let detail = format!(
                    "{} findings in {} packages, {date}",
                    report.findings.len(),
                    if facts.without_packages { "its".into() } else { report.packages.len().to_string() }
                );
                let from = report.database.digest.as_ref().map(|digest| format!("database {digest}"));
                add("scan", detail, from, None);
            }
            Err(reason) => add("scan", missing(reason), None, None),
        }
    }
    if needs.contains(&Need::Image) {
        let layers = match facts.layers.seen() {
            Ok(layers) => format!("{} layers", layers.len()),
            Err(reason) => format!("layers {}", missing(reason)),
        };
        let created = match facts.created.seen() {
            Ok(created) => format!("built {}", moment(*created)),
            Err(reason) => format!("moment of the build {}", missing(reason)),
        };
        add("image", format!("{layers}, {created}"), None, None);
    }
    for base in requirement.base_images() {
        match facts.bases.get(base).map(|layers| layers.seen()) {
            Some(Ok(layers)) => add("base", format!("{} layers", layers.len()), Some(base.to_owned()), None),
            Some(Err(reason)) => add("base", missing(reason), Some(base.to_owned()), None),
            None => add("base", missing("nobody looked"), Some(base.to_owned()), None),
        }
    }
    out
}

/// Whether a piece of evidence counts for a requirement; `None` when it is of another kind than it asks for.
fn wanted(
    requirement: &Requirement,
    one: &Evidence,
    policies: &Policies,
    context: &Context<'_>,
) -> Option<bool> {
    let disowned = policies.revocations().iter().any(|revocation| revocation.disowns(&one.maker));
    let by = |signers: &[String]| {
        let keys: &BTreeMap<String, String> = context.keys;
        !disowned
            && signers.iter().any(|name| {
                context
                    .policy
                    .signers
                    .get(name)
                    .is_some_and(|signer| is(&one.maker, one.logged, signer, keys))
            })
    };
    let stated = one.statement.as_ref();
    match &requirement.rule {
        Rule::SignedBy { signers, .. } => stated.is_none().then(|| by(signers)),
        Rule::AttestedBy { predicate_type, signers, .. } => {
            stated.filter(|stated| predicate_type.matches(&stated.predicate_type)).map(|_| by(signers))
        }
        Rule::BuiltBy { signers, build } => {
            let stated = stated?;
            let provenance = Provenance::read(&stated.predicate_type, &stated.predicate).ok()?;
            let certificate = match &one.maker {
                Maker::Certificate { certificate, .. } => Some(certificate),
                Maker::Key(_) | Maker::Notation { .. } => None,
            };
            let counts = if signers.is_empty() {
                !disowned && certificate.is_some_and(|one| one.issuer.as_deref() == Some(GITHUB))
            } else {
                by(signers)
            };
            Some(counts && build.check(&provenance, certificate).is_empty())
        }
        Rule::BuiltFrom(from) => {
            let stated = stated?;
            BuiltFrom::looks_at(&stated.predicate_type).then(|| by(&from.signers))
        }
        Rule::VerifiedBy(verified) => {
            stated.filter(|stated| is_summary(&stated.predicate_type)).map(|_| by(&verified.signers))
        }
        Rule::AnyOf(all) | Rule::AllOf(all) => {
            let each = all.iter().filter_map(|inner| wanted(inner, one, policies, context));
            each.fold(None, |before, now| Some(before.unwrap_or(false) || now))
        }
        // An expression may look at any of it.
        Rule::Cel(_) => Some(!disowned),
        _ => None,
    }
}
