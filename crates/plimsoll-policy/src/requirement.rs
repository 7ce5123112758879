//! What a policy can ask of an image: the typed requirements, each with what it needs to be decided and how it decides.

use std::collections::BTreeMap;

use plimsoll_model::license::Lists;
use plimsoll_model::pod_security::{Level as PodLevel, Standard};
use plimsoll_model::{Effect as Seen, FindingKind, Level, Report};
use serde::{Deserialize, Serialize};

use crate::cel::Cel;
use crate::decide::{Answer, Context};
use crate::document::{Duration, Kept, OnMissing, Signer, pattern};
use crate::facts::{Evidence, Facts, Known, Maker};
use crate::grace::{self, Grace, Since};
use crate::identity::Pattern;
use crate::licenses::{self, Licenses};
use crate::line::Line;
use crate::materials;
use crate::provenance::{Build, Provenance};
use crate::summary::{Summary, is_summary};

/// The issuer of GitHub's workflows. Its certificates name the workflow that built, so that provenance by them can be held
/// against its signer.
pub(crate) const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// What is missing where claims were left out.
pub(crate) const CLAIMS_LOST: &str = "claims of certificates: they were not kept";

/// How deep `anyOf` and `allOf` may stand in each other.
const DEEPEST: usize = 4;

/// What must be gathered before a requirement can be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// The digest that the name stands for.
    Digest,
    /// Configuration and layers of the image.
    Image,
    /// Layers of the images that are named as bases.
    Bases,
    /// Signatures and attestations.
    Evidence,
    /// A scan.
    Scan,
    /// A scan that looks for secrets.
    Secrets,
    /// The packages that a scan finds.
    Packages,
}

impl Need {
    const ALL: [Need; 7] =
        [Need::Digest, Need::Image, Need::Bases, Need::Evidence, Need::Scan, Need::Secrets, Need::Packages];
}

/// What a policy needs, kept so that admission need not ask each requirement.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Needs(u8);

impl Needs {
    pub(crate) fn of(requirements: &[Requirement]) -> Self {
        requirements.iter().flat_map(Requirement::needs).fold(Needs::default(), Needs::and)
    }

    pub(crate) fn and(self, need: Need) -> Self {
        Needs(self.0 | 1 << need as u8)
    }

    pub(crate) fn with(self, more: Needs) -> Self {
        Needs(self.0 | more.0)
    }

    pub(crate) fn all(self) -> impl Iterator<Item = Need> {
        Need::ALL.into_iter().filter(move |need| self.0 & 1 << *need as u8 != 0)
    }
}

/// A requirement as written: exactly one of the kinds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Written {
    name: Option<String>,
    on_missing: OnMissing,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<SignedBy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attested_by: Option<AttestedBy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    built_by: Option<BuiltBy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    built_from: Option<BuiltFrom>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_by: Option<VerifiedBy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registries: Option<Registries>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_images: Option<BaseImages>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_severity: Option<MaxSeverity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database_max_age: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pin_digest: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_revoked: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_secrets: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_malware: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_end_of_life: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    any_of: Option<Vec<Written>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    all_of: Option<Vec<Written>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod_security: Option<Standard>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cel: Option<crate::cel::Written>,
    /// A condition that cannot be judged, in words: always unknown. Imported policies have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_judged: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    licenses: Option<Licenses>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignedBy {
    /// Names from `signers`.
    signers: Vec<String>,
    /// How many different ones must have signed.
    #[serde(default = "one")]
    at_least: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AttestedBy {
    /// Kind of predicate, as a pattern.
    predicate_type: String,
    signers: Vec<String>,
    #[serde(default = "one")]
    at_least: usize,
}

fn one() -> usize {
    1
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BuiltBy {
    /// Whose provenance counts. Not given: that of GitHub's workflows, which name themselves in the certificate.
    #[serde(default)]
    signers: Vec<String>,
    #[serde(default)]
    builder: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    branch: Option<String>,
    #[serde(default)]
    tag: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    workflow: Option<String>,
    #[serde(default)]
    inputs: BTreeMap<String, String>,
}

/// The images that went into the build.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BuiltFrom {
    /// Whose provenance counts.
    signers: Vec<String>,
    /// Repositories that may go in, as patterns, with or without a digest.
    images: Vec<String>,
}

/// A verification summary that somebody made, as `plimsoll attest verdict` does.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VerifiedBy {
    /// Whose word counts.
    signers: Vec<String>,
    /// Digests of the policies, one of which must have been met.
    #[serde(default)]
    policies: Vec<String>,
    /// The verifier's address, as a pattern.
    #[serde(default)]
    verifier: Option<String>,
    /// What was verified, as a pattern.
    #[serde(default)]
    resource: Option<String>,
    /// All of these must have been reached.
    #[serde(default)]
    levels: Vec<String>,
    #[serde(default)]
    max_age: Option<Duration>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Registries {
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    deny: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BaseImages {
    allow: Vec<BaseImage>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BaseImage {
    /// A reference whose layers are looked up.
    #[serde(default)]
    image: Option<String>,
    /// The layers themselves, by the digest of their content, the lowest first.
    #[serde(default)]
    layers: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MaxSeverity {
    /// Findings at this severity or above count.
    severity: String,
    /// Only those with a released fix.
    #[serde(default)]
    fixable: bool,
    /// Known-exploited ones whatever their severity.
    #[serde(default)]
    kev: bool,
    /// Findings younger than this do not count yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grace_days: Option<u32>,
    /// What the days are counted from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grace_from: Option<Since>,
}

/// A requirement, ready to decide.
#[derive(Clone, Debug)]
pub struct Requirement {
    pub(crate) name: String,
    pub(crate) on_missing: OnMissing,
    pub(crate) rule: Rule,
}

#[derive(Clone, Debug)]
pub(crate) enum Rule {
    SignedBy { signers: Vec<String>, at_least: usize },
    AttestedBy { predicate_type: Pattern, signers: Vec<String>, at_least: usize },
    BuiltBy { signers: Vec<String>, build: Box<Build> },
    BuiltFrom(Box<materials::BuiltFrom>),
    VerifiedBy(Box<Verified>),
    Registries { allow: Vec<Pattern>, deny: Vec<Pattern> },
    BaseImages(Vec<Base>),
    MaxSeverity(Line, Option<Grace>),
    MaxAge(Duration),
    DatabaseMaxAge(Duration),
    PinDigest,
    NotRevoked,
    Absent(FindingKind),
    AnyOf(Vec<Requirement>),
    AllOf(Vec<Requirement>),
    PodSecurity(Standard),
    Cel(Box<Cel>),
    Licenses(Box<Lists>),
    NotJudged(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Verified {
    pub(crate) signers: Vec<String>,
    policies: Vec<plimsoll_model::Digest>,
    verifier: Option<Pattern>,
    resource: Option<Pattern>,
    levels: Vec<String>,
    max_age: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(crate) enum Base {
    Image(String),
    Layers(Vec<plimsoll_model::Digest>),
}

impl Requirement {
    pub(crate) fn new(written: &Written, known: &BTreeMap<String, Signer>) -> Result<Self, String> {
        Self::within(written, known, 0)
    }

    fn within(written: &Written, known: &BTreeMap<String, Signer>, depth: usize) -> Result<Self, String> {
        let signers = |kind: &str, names: &[String], at_least: usize| {
            if names.is_empty() {
                return Err(format!("{kind}.signers is empty"));
            }
            for name in names {
                if !known.contains_key(name) {
                    return Err(format!("{kind}: `{name}` is none of the policy's signers"));
                }
            }
            if at_least == 0 || at_least > names.len() {
                return Err(format!("{kind}.atLeast must be between 1 and {}", names.len()));
            }
            Ok(names.to_vec())
        };
        let mut rules: Vec<(&str, Rule)> = Vec::new();
        if let Some(one) = &written.signed_by {
            let signers = signers("signedBy", &one.signers, one.at_least)?;
            rules.push(("signedBy", Rule::SignedBy { signers, at_least: one.at_least }));
        }
        if let Some(one) = &written.attested_by {
            let signers = signers("attestedBy", &one.signers, one.at_least)?;
            let predicate_type = pattern(&one.predicate_type)?;
            rules.push(("attestedBy", Rule::AttestedBy { predicate_type, signers, at_least: one.at_least }));
        }
        if let Some(one) = &written.built_by {
            let signers =
                if one.signers.is_empty() { Vec::new() } else { signers("builtBy", &one.signers, 1)? };
            let named = |text: &Option<String>| text.as_deref().map(pattern).transpose();
            let build = Build {
                builder: named(&one.builder)?,
                source: named(&one.source)?,
                branch: one.branch.clone(),
                tag: one.tag.clone(),
                version: one.version.clone(),
                workflow: named(&one.workflow)?,
                inputs: one.inputs.clone().into_iter().collect(),
            };
            if build.source.is_none() {
                return Err(
                    "builtBy.source is missing: without it anybody's build by that builder would do".into()
                );
            }
            rules.push(("builtBy", Rule::BuiltBy { signers, build: Box::new(build) }));
        }
        if let Some(one) = &written.built_from {
            if one.images.is_empty() {
                return Err("builtFrom.images is empty".into());
            }
            let from = materials::BuiltFrom {
                signers: signers("builtFrom", &one.signers, 1)?,
                images: one
                    .images
                    .iter()
                    .map(|text| materials::Input::parse(text))
                    .collect::<Result<_, _>>()?,
            };
            rules.push(("builtFrom", Rule::BuiltFrom(Box::new(from))));
        }
        if let Some(one) = &written.verified_by {
            let named = |text: &Option<String>| text.as_deref().map(pattern).transpose();
            if one.policies.is_empty() && one.verifier.is_none() {
                return Err("verifiedBy has neither `policies` nor `verifier`: any summary would do".into());
            }
            let policies = one.policies.iter().map(|text| {
                plimsoll_model::Digest::parse(text).map_err(|error| {
                    format!("verifiedBy.policies: `{}`: {error}", plimsoll_model::shortened(text))
                })
            });
            let verified = Verified {
                signers: signers("verifiedBy", &one.signers, 1)?,
                policies: policies.collect::<Result<_, _>>()?,
                verifier: named(&one.verifier)?,
                resource: named(&one.resource)?,
                levels: one.levels.clone(),
                max_age: one.max_age,
            };
            rules.push(("verifiedBy", Rule::VerifiedBy(Box::new(verified))));
        }
        if let Some(one) = &written.registries {
            let patterns =
                |texts: &[String]| texts.iter().map(|text| pattern(text)).collect::<Result<Vec<_>, _>>();
            if one.allow.is_empty() && one.deny.is_empty() {
                return Err("registries has neither `allow` nor `deny`".into());
            }
            rules.push((
                "registries",
                Rule::Registries { allow: patterns(&one.allow)?, deny: patterns(&one.deny)? },
            ));
        }
        if let Some(one) = &written.base_images {
            rules.push(("baseImages", Rule::BaseImages(bases(one)?)));
        }
        if let Some(one) = &written.max_severity {
            let severity = match one.severity.as_str() {
                "any" => Level::Unknown,
                word if Level::from_word(word) != Level::Unknown => Level::from_word(word),
                word => {
                    return Err(format!(
                        "maxSeverity.severity: `{}` is no severity",
                        plimsoll_model::shortened(word)
                    ));
                }
            };
            let line = Line { severity, fixable: one.fixable, kev: one.kev };
            let grace = Grace::new(one.grace_days, one.grace_from, one.fixable)?;
            rules.push(("maxSeverity", Rule::MaxSeverity(line, grace)));
        }
        if let Some(one) = &written.licenses {
            rules.push(("licenses", Rule::Licenses(Box::new(one.lists()?))));
        }
        rules.extend(written.max_age.map(|age| ("maxAge", Rule::MaxAge(age))));
        rules.extend(written.database_max_age.map(|age| ("databaseMaxAge", Rule::DatabaseMaxAge(age))));
        match written.pod_security {
            Some(standard) if standard.level == PodLevel::Privileged => {
                return Err("podSecurity.level: `privileged` forbids nothing; leave it out".into());
            }
            Some(standard) => rules.push(("podSecurity", Rule::PodSecurity(standard))),
            None => {}
        }
        if let Some(one) = &written.cel {
            rules.push(("cel", Rule::Cel(Box::new(Cel::new(one)?))));
        }
        if let Some(text) = &written.not_judged {
            rules.push(("notJudged", Rule::NotJudged(text.clone())));
        }
        let switches = [
            ("pinDigest", written.pin_digest, Rule::PinDigest),
            ("notRevoked", written.not_revoked, Rule::NotRevoked),
            ("noSecrets", written.no_secrets, Rule::Absent(FindingKind::Secret)),
            ("noMalware", written.no_malware, Rule::Absent(FindingKind::Malware)),
            ("noEndOfLife", written.no_end_of_life, Rule::Absent(FindingKind::EndOfLife)),
        ];
        for (kind, switch, rule) in switches {
            match switch {
                Some(true) => rules.push((kind, rule)),
                Some(false) => return Err(format!("`{kind}: false` asks nothing; leave it out")),
                None => {}
            }
        }
        let inner = |kind: &str, list: &[Written]| {
            if list.is_empty() {
                return Err(format!("{kind} is empty"));
            }
            if depth == DEEPEST {
                return Err(format!("{kind}: requirements within requirements, more than {DEEPEST} deep"));
            }
            list.iter()
                .map(|one| match one.on_missing {
                    OnMissing::Deny => Self::within(one, known, depth + 1),
                    // What is missing is judged once, by the requirement as a whole.
                    OnMissing::Warn | OnMissing::Allow => {
                        Err("`onMissing` belongs to the outermost one".into())
                    }
                })
                .collect::<Result<Vec<_>, String>>()
                .map_err(|error| format!("{kind}: {error}"))
        };
        if let Some(list) = &written.any_of {
            rules.push(("anyOf", Rule::AnyOf(inner("anyOf", list)?)));
        }
        if let Some(list) = &written.all_of {
            rules.push(("allOf", Rule::AllOf(inner("allOf", list)?)));
        }
        let mut rules = rules.into_iter();
        match (rules.next(), rules.next()) {
            (Some((kind, rule)), None) => Ok(Requirement {
                name: written.name.clone().unwrap_or_else(|| kind.to_owned()),
                on_missing: written.on_missing,
                rule,
            }),
            (Some((first, _)), Some((second, _))) => {
                Err(format!("`{first}` and `{second}` are two requirements; write them as two"))
            }
            (None, _) => Err("it asks nothing (signedBy, attestedBy, builtBy, builtFrom, verifiedBy, registries, baseImages, maxSeverity, \
                              maxAge, databaseMaxAge, pinDigest, notRevoked, noSecrets, noMalware, noEndOfLife, \
                              podSecurity, licenses, cel, anyOf, allOf, notJudged)"
                .into()),
        }
    }

    /// Its name: as given, or its kind.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn needs(&self) -> Vec<Need> {
        match &self.rule {
            Rule::SignedBy { .. }
            | Rule::AttestedBy { .. }
            | Rule::BuiltBy { .. }
            | Rule::BuiltFrom(_)
            | Rule::VerifiedBy(_) => vec![Need::Digest, Need::Evidence],
            Rule::Registries { .. }
            | Rule::PinDigest
            | Rule::NotRevoked
            | Rule::PodSecurity(_)
            | Rule::NotJudged(_) => Vec::new(),
            Rule::BaseImages(_) => vec![Need::Digest, Need::Image, Need::Bases],
            Rule::MaxAge(_) => vec![Need::Digest, Need::Image],
            Rule::Absent(FindingKind::Secret) => vec![Need::Digest, Need::Scan, Need::Secrets],
            Rule::MaxSeverity(..) | Rule::DatabaseMaxAge(_) | Rule::Absent(_) | Rule::Licenses(_) => {
                vec![Need::Digest, Need::Scan]
            }
            Rule::AnyOf(all) | Rule::AllOf(all) => all.iter().flat_map(Requirement::needs).collect(),
            Rule::Cel(cel) => cel.needs(),
        }
    }

    /// Whether an expression of it asks for this variable.
    pub(crate) fn names(&self, variable: &str) -> bool {
        match &self.rule {
            Rule::Cel(cel) => cel.names(variable),
            Rule::AnyOf(all) | Rule::AllOf(all) => all.iter().any(|one| one.names(variable)),
            _ => false,
        }
    }

    pub(crate) fn base_images(&self) -> Vec<&str> {
        match &self.rule {
            Rule::BaseImages(bases) => bases
                .iter()
                .filter_map(|base| match base {
                    Base::Image(image) => Some(image.as_str()),
                    Base::Layers(_) => None,
                })
                .collect(),
            Rule::AnyOf(all) | Rule::AllOf(all) => all.iter().flat_map(Requirement::base_images).collect(),
            _ => Vec::new(),
        }
    }

    /// See [`crate::Policies::kept`]. A kind of requirement that is not named here looks at everything.
    pub(crate) fn kept(&self) -> Kept {
        let nothing = Kept::default();
        match &self.rule {
            Rule::MaxSeverity(..)
            | Rule::DatabaseMaxAge(_)
            | Rule::Absent(_)
            | Rule::SignedBy { .. }
            | Rule::AttestedBy { .. }
            | Rule::BuiltFrom(_)
            | Rule::Registries { .. }
            | Rule::MaxAge(_)
            | Rule::PinDigest
            | Rule::PodSecurity(_) => nothing,
            // Provenance is held against the certificate.
            Rule::BuiltBy { .. } => Kept { claims: None, ..nothing },
            Rule::BaseImages(_) => Kept { layers: true, ..nothing },
            Rule::Licenses(_) => Kept { packages: true, ..nothing },
            Rule::AnyOf(all) | Rule::AllOf(all) => {
                all.iter().map(Requirement::kept).fold(Kept::default(), Kept::and)
            }
            Rule::Cel(cel) => Kept {
                packages: cel.names("packages"),
                texts: cel.names("findings") || cel.names("secrets"),
                layers: cel.names("layers"),
                config: cel.names("config"),
                claims: nothing.claims.filter(|_| {
                    !["signatures", "attestations", "provenance"].iter().any(|name| cel.names(name))
                }),
            },
            _ => Kept::everything(),
        }
    }

    pub(crate) fn standards(&self) -> Vec<Standard> {
        match &self.rule {
            Rule::PodSecurity(standard) => vec![*standard],
            Rule::AnyOf(all) | Rule::AllOf(all) => all.iter().flat_map(Requirement::standards).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether it is met by the evidence that was found so far, and would be told in the same words whatever more is found: all
    /// signers that it names are there. A requirement of which more evidence could make something else is not settled.
    pub(crate) fn settled(&self, facts: &Facts<'_>, context: &Context<'_>) -> bool {
        let all = |rule: Rule| {
            let whole = Requirement { name: String::new(), on_missing: self.on_missing, rule };
            matches!(whole.answer(facts, context), Answer::Met { .. })
        };
        match &self.rule {
            Rule::SignedBy { signers, .. } => {
                all(Rule::SignedBy { signers: signers.clone(), at_least: signers.len() })
            }
            Rule::AttestedBy { predicate_type, signers, .. } => {
                let (predicate_type, at_least) = (predicate_type.clone(), signers.len());
                all(Rule::AttestedBy { predicate_type, signers: signers.clone(), at_least })
            }
            Rule::AllOf(inner) => inner.iter().all(|one| one.settled(facts, context)),
            // Of builds the first that fits is told, and what comes later is further back.
            Rule::BuiltBy { .. } => matches!(self.answer(facts, context), Answer::Met { .. }),
            _ => !self.needs().contains(&Need::Evidence),
        }
    }

    /// Decides.
    pub(crate) fn answer(&self, facts: &Facts<'_>, context: &Context<'_>) -> Answer {
        match &self.rule {
            Rule::SignedBy { signers, at_least } => {
                let plain = |evidence: &Evidence| evidence.statement.is_none();
                made_by(facts, context, signers, *at_least, "signed", plain)
            }
            Rule::AttestedBy { predicate_type, signers, at_least } => {
                let kind = |evidence: &Evidence| {
                    evidence
                        .statement
                        .as_ref()
                        .is_some_and(|stated| predicate_type.matches(&stated.predicate_type))
                };
                made_by(facts, context, signers, *at_least, "attested", kind)
            }
            Rule::BuiltBy { signers, build } => built_by(facts, context, signers, build),
            Rule::BuiltFrom(from) => from.answer(facts, context),
            Rule::VerifiedBy(wanted) => verified_by(facts, context, wanted),
            Rule::Registries { allow, deny } => {
                let repository = &facts.image.repository;
                if let Some(pattern) = deny.iter().find(|pattern| pattern.matches(repository)) {
                    return Answer::not_met(format!("{repository} is denied by {pattern}"));
                }
                match allow.iter().find(|pattern| pattern.matches(repository)) {
                    Some(pattern) => context.met(|| format!("{repository} is allowed by {pattern}")),
                    None if allow.is_empty() => context.met(|| format!("{repository} is not denied")),
                    None => Answer::not_met(format!("{repository} is not among the allowed registries")),
                }
            }
            Rule::BaseImages(bases) => base_images(facts, bases),
            Rule::MaxSeverity(line, grace) => {
                scanned(facts, |report| grace::max_severity(*line, *grace, report, context.now))
            }
            Rule::Licenses(lists) => scanned(facts, |report| licenses::answer(lists, report)),
            Rule::MaxAge(age) => match facts.created.seen() {
                Err(reason) => Answer::unknown(format!("when the image was built: {reason}")),
                Ok(created) => not_older("built", *created, *age, context),
            },
            Rule::DatabaseMaxAge(age) => {
                scanned(facts, |report| match report.database.date.parse::<jiff::Timestamp>() {
                    Ok(date) => not_older("advisories of", date.as_second(), *age, context),
                    Err(_) => Answer::unknown("the date of the advisories"),
                })
            }
            Rule::PinDigest => match &facts.image.digest {
                Some(digest) => context.met(|| format!("pinned to {digest}")),
                None => Answer::not_met("the name has no digest: what it stands for can change"),
            },
            Rule::NotRevoked => match context.revoked {
                [] if !context.revocation_gaps.is_empty() => {
                    Answer::Unknown { missing: context.revocation_gaps.to_vec() }
                }
                [] => context.met(|| "nothing of it is revoked"),
                revoked => Answer::NotMet { reasons: revoked.to_vec() },
            },
            Rule::Absent(kind) => scanned(facts, |report| absent(facts, report, *kind)),
            Rule::AnyOf(all) => any_of(all, facts, context),
            Rule::AllOf(all) => all_of(all, facts, context),
            Rule::Cel(cel) => cel.answer(facts, context.now),
            Rule::NotJudged(text) => Answer::unknown(text.clone()),
            Rule::PodSecurity(standard) => match facts.pod_security.get(standard) {
                None => Answer::unknown(format!("the pod that is to meet {standard}")),
                // What is seen to be forbidden is, whatever else could not be read.
                Some(judged) if !judged.violations.is_empty() => {
                    Answer::NotMet { reasons: judged.violations.clone() }
                }
                Some(judged) if !judged.unread.is_empty() => {
                    Answer::Unknown { missing: judged.unread.clone() }
                }
                Some(_) => context.met(|| format!("the pod meets {standard}")),
            },
        }
    }
}

/// Met by the first that is met; unknown while one of them may be.
fn any_of(all: &[Requirement], facts: &Facts<'_>, context: &Context<'_>) -> Answer {
    let (mut unmet, mut unknown) = (Vec::new(), Vec::new());
    for one in all {
        match one.answer(facts, context) {
            Answer::Met { reasons } => return Answer::Met { reasons },
            Answer::NotMet { reasons } => unmet.extend(reasons),
            Answer::Unknown { missing } => unknown.extend(missing),
        }
    }
    if unknown.is_empty() { Answer::NotMet { reasons: unmet } } else { Answer::Unknown { missing: unknown } }
}

/// Not met as soon as one is not; unknown while one of them is.
fn all_of(all: &[Requirement], facts: &Facts<'_>, context: &Context<'_>) -> Answer {
    let (mut met, mut unmet, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for one in all {
        match one.answer(facts, context) {
            Answer::Met { reasons } => met.extend(reasons),
            Answer::NotMet { reasons } => unmet.extend(reasons),
            Answer::Unknown { missing } => unknown.extend(missing),
        }
    }
    match (unmet.is_empty(), unknown.is_empty()) {
        (false, _) => Answer::NotMet { reasons: unmet },
        (true, false) => Answer::Unknown { missing: unknown },
        (true, true) => Answer::Met { reasons: met },
    }
}

fn bases(written: &BaseImages) -> Result<Vec<Base>, String> {
    if written.allow.is_empty() {
        return Err("baseImages.allow is empty".into());
    }
    written
        .allow
        .iter()
        .map(|base| match (&base.image, base.layers.as_slice()) {
            (Some(image), []) => Ok(Base::Image(image.clone())),
            (None, layers @ [_, ..]) => layers
                .iter()
                .map(|text| {
                    plimsoll_model::Digest::parse(text)
                        .map_err(|error| format!("baseImages: `{text}`: {error}"))
                })
                .collect::<Result<_, _>>()
                .map(Base::Layers),
            _ => Err("baseImages: an entry has either `image` or `layers`".into()),
        })
        .collect()
}

/// Whether one maker is one signer.
pub(crate) fn is(maker: &Maker, logged: bool, signer: &Signer, keys: &BTreeMap<String, String>) -> bool {
    match (maker, signer) {
        (Maker::Key(fingerprint), Signer::Key { pem, log }) => {
            keys.get(pem).is_some_and(|known| known == fingerprint) && (logged || !log)
        }
        (Maker::Certificate { certificate, root }, Signer::Keyless { subject, issuer, claims, roots }) => {
            // What is not stated fits no pattern, not even one that fits everything.
            let fits =
                |pattern: &Pattern, value: Option<&String>| value.is_some_and(|value| pattern.matches(value));
            (roots.is_empty() || roots.contains(root))
                && fits(subject, certificate.subject.as_ref())
                && fits(issuer, certificate.issuer.as_ref())
                && claims.iter().all(|(name, pattern)| fits(pattern, certificate.claims.get(name)))
        }
        (Maker::Notation { signers, .. }, Signer::Notation(one)) => signers.contains(&one.id),
        _ => false,
    }
}

fn made_by(
    facts: &Facts<'_>,
    context: &Context<'_>,
    signers: &[String],
    at_least: usize,
    word: &str,
    wanted: impl Fn(&Evidence) -> bool,
) -> Answer {
    let evidence = match facts.evidence.seen() {
        Ok(evidence) => evidence,
        Err(reason) => return Answer::unknown(format!("signatures: {reason}")),
    };
    let of_kind: Vec<&Evidence> = evidence.iter().filter(|evidence| wanted(evidence)).collect();
    let mut found: Vec<&String> = signers
        .iter()
        .filter(|name| {
            let signer = &context.policy.signers[*name];
            of_kind.iter().any(|one| is(&one.maker, one.logged, signer, context.keys))
        })
        .collect();
    found.sort();
    found.dedup();
    let names = || found.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    if found.len() >= at_least {
        return context.met(|| format!("{word} by {}", names()));
    }
    if !facts.unread_evidence.is_empty() {
        return Answer::Unknown { missing: facts.unread_evidence.to_vec() };
    }
    let lost = |name: &String| {
        let mut claims = context.policy.signers[name].claims();
        facts.kept_claims.as_ref().is_some_and(|kept| claims.any(|claim| !kept.contains(claim)))
    };
    if signers.iter().any(lost) {
        return Answer::unknown(CLAIMS_LOST);
    }
    Answer::not_met(match (found.len(), at_least) {
        (0, _) if of_kind.is_empty() => format!("not {word} by anybody that could be verified"),
        (0, _) => format!("{word}, but by none of {}", signers.join(", ")),
        (some, all) => format!("{word} by {some} of the {all} that it needs ({})", names()),
    })
}

fn built_by(facts: &Facts<'_>, context: &Context<'_>, signers: &[String], build: &Build) -> Answer {
    let evidence = match facts.evidence.seen() {
        Ok(evidence) => evidence,
        Err(reason) => return Answer::unknown(format!("provenance: {reason}")),
    };
    // A claim that is not there contradicts nothing.
    if facts.kept_claims.is_some() {
        return Answer::unknown(CLAIMS_LOST);
    }
    let mut reasons = Vec::new();
    for one in evidence.iter() {
        let Some(stated) = &one.statement else { continue };
        let Ok(provenance) = Provenance::read(&stated.predicate_type, &stated.predicate) else { continue };
        let certificate = match &one.maker {
            Maker::Certificate { certificate, .. } => Some(certificate),
            Maker::Key(_) | Maker::Notation { .. } => None,
        };
        let counts = if signers.is_empty() {
            certificate
                .and_then(|certificate| certificate.issuer.as_deref())
                .is_some_and(|issuer| issuer == GITHUB)
        } else {
            signers.iter().any(|name| is(&one.maker, one.logged, &context.policy.signers[name], context.keys))
        };
        if !counts {
            reasons.push("there is provenance, but by nobody who counts".to_owned());
            continue;
        }
        let unmet = build.check(&provenance, certificate);
        if unmet.is_empty() {
            return context.met(|| format!("built by {} from {}", provenance.builder, provenance.source.uri));
        }
        reasons.extend(unmet.into_iter().map(|unmet| format!("{}: {}", unmet.part, unmet.detail)));
    }
    if !facts.unread_evidence.is_empty() {
        return Answer::Unknown { missing: facts.unread_evidence.to_vec() };
    }
    if reasons.is_empty() {
        return Answer::not_met("there is no provenance that could be verified");
    }
    reasons.sort();
    reasons.dedup();
    Answer::NotMet { reasons }
}

/// The newest summary that is about the question counts: a verdict that was taken back is none.
fn verified_by(facts: &Facts<'_>, context: &Context<'_>, wanted: &Verified) -> Answer {
    let evidence = match facts.evidence.seen() {
        Ok(evidence) => evidence,
        Err(reason) => return Answer::unknown(format!("verification summaries: {reason}")),
    };
    let mut newest: Option<Summary> = None;
    let mut reasons = Vec::new();
    for one in evidence.iter() {
        let Some(stated) = one.statement.as_ref().filter(|stated| is_summary(&stated.predicate_type)) else {
            continue;
        };
        let signed = |name: &String| is(&one.maker, one.logged, &context.policy.signers[name], context.keys);
        if !wanted.signers.iter().any(signed) {
            reasons.push("verified, but by nobody whose word counts".to_owned());
            continue;
        }
        let summary = match Summary::read(&stated.predicate_type, &stated.predicate) {
            Ok(summary) => summary,
            Err(reason) => {
                reasons.push(reason);
                continue;
            }
        };
        let fits =
            |pattern: &Option<Pattern>, value: &str| pattern.as_ref().is_none_or(|one| one.matches(value));
        if !wanted.policies.is_empty() && !wanted.policies.iter().any(|policy| summary.is_about(policy)) {
            reasons.push("verified against another policy".to_owned());
        } else if !fits(&wanted.verifier, &summary.verifier) {
            reasons.push(format!("verified by {}", plimsoll_model::shortened(&summary.verifier)));
        } else if !fits(&wanted.resource, &summary.resource) {
            reasons.push(format!("verified as {}", plimsoll_model::shortened(&summary.resource)));
        } else if newest
            .as_ref()
            // Of two of the same moment the one that failed counts.
            .is_none_or(|known| (summary.time, !summary.passed) > (known.time, !known.passed))
        {
            newest = Some(summary);
        }
    }
    let answer = match newest {
        None if reasons.is_empty() => {
            Answer::not_met("there is no verification summary that could be verified")
        }
        None => {
            reasons.sort();
            reasons.dedup();
            Answer::NotMet { reasons }
        }
        Some(summary) => judged(&summary, wanted, context),
    };
    match answer {
        Answer::NotMet { .. } if !facts.unread_evidence.is_empty() => {
            Answer::Unknown { missing: facts.unread_evidence.to_vec() }
        }
        answer => answer,
    }
}

fn judged(summary: &Summary, wanted: &Verified, context: &Context<'_>) -> Answer {
    let since = crate::moment(summary.time);
    if !summary.passed {
        return Answer::not_met(format!("verification failed on {since}"));
    }
    if let Some(level) = wanted.levels.iter().find(|level| !summary.reaches(level)) {
        return Answer::not_met(format!(
            "verified on {since}, but not for {}",
            plimsoll_model::shortened(level)
        ));
    }
    match wanted.max_age {
        Some(age) => not_older("verified", summary.time, age, context),
        None => context.met(|| format!("verified on {since}")),
    }
}

fn base_images(facts: &Facts<'_>, bases: &[Base]) -> Answer {
    let layers = match facts.layers.seen() {
        Ok(layers) => layers,
        Err(reason) => return Answer::unknown(format!("the image's layers: {reason}")),
    };
    let mut missing = Vec::new();
    let none = Known::Missing("nobody looked".to_owned());
    for base in bases {
        let (name, chain) = match base {
            Base::Layers(chain) => ("the layers given", chain),
            Base::Image(image) => match facts.bases.get(image).unwrap_or(&none).seen() {
                Ok(chain) => (image.as_str(), chain),
                Err(reason) => {
                    missing.push(format!("layers of {image}: {reason}"));
                    continue;
                }
            },
        };
        // An image without layers would be the base of everything.
        if !chain.is_empty() && layers.starts_with(chain) {
            return Answer::met(format!("built on {name}, {} layers", chain.len()));
        }
    }
    if missing.is_empty() {
        Answer::not_met("built on none of the allowed base images")
    } else {
        Answer::Unknown { missing }
    }
}

fn scanned(facts: &Facts<'_>, answer: impl FnOnce(&Report) -> Answer) -> Answer {
    match facts.report.seen() {
        Ok(report) => answer(report),
        Err(reason) => Answer::unknown(format!("a scan: {reason}")),
    }
}

fn absent(facts: &Facts<'_>, report: &Report, kind: FindingKind) -> Answer {
    let found =
        report.findings.iter().filter(|finding| finding.kind == kind && finding.suppressed_by.is_none());
    let count = found.clone().count();
    if let Some(first) = found.clone().next() {
        let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        return Answer::not_met(format!(
            "{}: {} in {}{more}",
            kind.word(),
            first.advisory,
            first.subject.name()
        ));
    }
    if kind == FindingKind::Secret && !facts.looked_for.contains(&kind) {
        return Answer::unknown("a scan that looks for secrets");
    }
    let unseen = report.problems.iter().filter(|problem| problem.effect == Seen::Incomplete).count();
    if unseen > 0 {
        return Answer::unknown(format!("{unseen} things that the scan could not read or decide"));
    }
    Answer::met(format!("no {} was found, and everything was seen", kind.word()))
}

fn not_older(what: &str, since: i64, age: Duration, context: &Context<'_>) -> Answer {
    let text = || crate::moment(since);
    match context.now.checked_sub(since) {
        // Some minutes between clocks are usual; more is a lie or a mistake, and an age cannot be told.
        Some(passed) if passed < -600 => {
            Answer::unknown(format!("an age: {what} {} is in the future", text()))
        }
        Some(passed) if passed <= age.seconds => context.met(|| format!("{what} {}, within {age}", text())),
        Some(_) => Answer::not_met(format!("{what} {}, more than {age} ago", text())),
        None => Answer::unknown(format!("an age: {what} {}", text())),
    }
}
