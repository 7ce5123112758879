//! The requirement `cel`: an expression over the facts, for what no typed requirement says.
//!
//! The table of variables is the language that policies are written in: docs/policy.md shows it, and a test holds the two
//! against each other. What is missing is unknown in the expression's own sense, so that `||` and `&&` decide without it where
//! they can; an expression that fails to be evaluated says nothing, and the answer is unknown.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use plimsoll_cel::{Activation, BUDGET, Environment, Error, Failure, Program, Type, Value};
use plimsoll_model::{Effect as Seen, Finding, FindingKind, Package, Report};
use serde::{Deserialize, Serialize};

use crate::decide::Answer;
use crate::facts::{Evidence, Facts, Known, Maker};
use crate::provenance::Provenance;
use crate::requirement::CLAIMS_LOST;
use crate::requirement::Need;

/// As written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Written {
    /// What must be true.
    expression: String,
    /// What to say when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// What to say, as an expression of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message_expression: Option<String>,
}

/// A requirement, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Cel {
    text: String,
    program: Arc<Program>,
    message: Option<String>,
    message_program: Option<Arc<Program>>,
}

/// A variable: its name, what must be gathered for it, its type.
type Variable = (&'static str, &'static [Need], fn() -> Type);

const VARIABLES: &[Variable] = &[
    ("image", &[], || strings("image", &["name", "repository", "registry", "tag", "digest"])),
    ("digest", &[Need::Digest], || Type::String),
    ("created", &[Need::Digest, Need::Image], || Type::Timestamp),
    ("layers", &[Need::Digest, Need::Image], || Type::list(Type::String)),
    ("config", &[Need::Digest, Need::Image], config_type),
    ("signatures", &[Need::Digest, Need::Evidence], || Type::list(Type::object("signature", maker_fields()))),
    ("attestations", &[Need::Digest, Need::Evidence], attestations_type),
    ("provenance", &[Need::Digest, Need::Evidence], provenance_type),
    ("findings", &[Need::Digest, Need::Scan], || Type::list(finding_type())),
    ("secrets", &[Need::Digest, Need::Scan, Need::Secrets], || Type::list(finding_type())),
    ("packages", &[Need::Digest, Need::Scan, Need::Packages], packages_type),
    ("database", &[Need::Digest, Need::Scan], || Type::object("database", [("date", Type::Timestamp)])),
    ("namespaceName", &[], || Type::String),
    ("labels", &[], || Type::map(Type::String, Type::String)),
    ("object", &[], || Type::Dyn),
    ("namespaceObject", &[], || Type::Dyn),
    ("now", &[], || Type::Timestamp),
];

static ENVIRONMENT: LazyLock<Environment> = LazyLock::new(|| {
    let mut environment = Environment::kubernetes();
    for (name, _, of) in VARIABLES {
        environment.declare(*name, of());
    }
    environment
});

fn strings(name: &str, fields: &[&'static str]) -> Type {
    Type::object(name, fields.iter().map(|field| (*field, Type::String)))
}

fn config_type() -> Type {
    let texts = || Type::list(Type::String);
    Type::object(
        "config",
        [
            ("user", Type::String),
            ("labels", Type::map(Type::String, Type::String)),
            ("env", texts()),
            ("entrypoint", texts()),
            ("command", texts()),
            ("ports", texts()),
            ("volumes", texts()),
            ("platform", Type::String),
        ],
    )
}

fn maker_fields() -> Vec<(&'static str, Type)> {
    vec![
        ("key", Type::String),
        ("subject", Type::String),
        ("issuer", Type::String),
        ("root", Type::String),
        ("claims", Type::map(Type::String, Type::String)),
        ("logged", Type::Bool),
    ]
}

fn attestations_type() -> Type {
    let mut fields = maker_fields();
    fields.extend([("predicateType", Type::String), ("predicate", Type::Dyn)]);
    Type::list(Type::object("attestation", fields))
}

fn provenance_type() -> Type {
    let mut fields = maker_fields();
    fields.extend([
        ("builder", Type::String),
        ("buildType", Type::String),
        ("source", Type::String),
        ("ref", Type::String),
        ("commit", Type::String),
        ("workflow", Type::String),
        ("trigger", Type::String),
        ("inputs", Type::map(Type::String, Type::String)),
        ("materials", Type::list(Type::String)),
    ]);
    Type::list(Type::object("provenance", fields))
}

fn finding_type() -> Type {
    Type::object(
        "finding",
        [
            ("id", Type::String),
            ("aliases", Type::list(Type::String)),
            ("kind", Type::String),
            ("title", Type::String),
            ("severity", Type::String),
            ("score", Type::Double),
            ("subject", Type::String),
            ("version", Type::String),
            ("ecosystem", Type::String),
            ("fixable", Type::Bool),
            ("fixedVersion", Type::String),
            ("kev", Type::Bool),
            ("epss", Type::Double),
            ("development", Type::Bool),
            ("published", Type::String),
        ],
    )
}

fn packages_type() -> Type {
    Type::list(Type::object(
        "package",
        [
            ("purl", Type::String),
            ("ecosystem", Type::String),
            ("name", Type::String),
            ("version", Type::String),
            ("licenses", Type::list(Type::String)),
            ("paths", Type::list(Type::String)),
        ],
    ))
}

impl Cel {
    pub(crate) fn new(written: &Written) -> Result<Self, String> {
        let compile = |key: &str, text: &str, of: &Type| {
            Program::compile_as(text, &ENVIRONMENT, of)
                .map(Arc::new)
                .map_err(|error| format!("cel.{key}: {error}"))
        };
        let message_program = written
            .message_expression
            .as_deref()
            .map(|text| compile("messageExpression", text, &Type::String))
            .transpose()?;
        Ok(Cel {
            text: written.expression.trim().to_owned(),
            program: compile("expression", &written.expression, &Type::Bool)?,
            message: written.message.clone(),
            message_program,
        })
    }

    /// What must be gathered for the variables that it names.
    pub(crate) fn needs(&self) -> Vec<Need> {
        VARIABLES
            .iter()
            .filter(|(name, ..)| self.names(name))
            .flat_map(|(_, needs, _)| *needs)
            .copied()
            .collect()
    }

    /// As written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What to say when it is not met, where that is a text.
    pub(crate) fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The variables that it asks for, in order.
    pub(crate) fn asks_for(&self) -> Vec<&'static str> {
        VARIABLES.iter().map(|(name, ..)| *name).filter(|name| self.names(name)).collect()
    }

    /// Whether it asks for a variable.
    pub(crate) fn names(&self, variable: &str) -> bool {
        let programs = [Some(&self.program), self.message_program.as_ref()];
        programs.into_iter().flatten().any(|program| program.variables().any(|used| used == variable))
    }

    pub(crate) fn answer(&self, facts: &Facts<'_>, now: i64) -> Answer {
        let activation = activation(&self.program, facts, now);
        match self.program.test(&activation, BUDGET) {
            Ok(true) => Answer::met(format!("`{}` holds", plimsoll_model::shortened(&self.text))),
            Ok(false) => Answer::not_met(self.said(facts, now)),
            Err(error) => unknown(&error),
        }
    }

    /// Why it is not met: as the policy says it, or that it is not.
    fn said(&self, facts: &Facts<'_>, now: i64) -> String {
        let computed = self.message_program.as_ref().and_then(|program| {
            let value = program.evaluate(&activation(program, facts, now), BUDGET).ok()?;
            value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
        });
        computed
            .or_else(|| self.message.clone())
            .unwrap_or_else(|| format!("`{}` does not hold", plimsoll_model::shortened(&self.text)))
    }
}

fn unknown(error: &Error) -> Answer {
    match error.failure() {
        Failure::Unknown(reasons) => {
            Answer::Unknown { missing: reasons.iter().map(ToString::to_string).collect() }
        }
        Failure::Error | Failure::Budget => Answer::unknown(format!("what the expression says: {error}")),
    }
}

/// The values of the variables that a program asks for.
fn activation<'v>(program: &'v Program, facts: &'v Facts<'_>, now: i64) -> Activation<'v> {
    let mut activation = Activation::new();
    for name in program.variables() {
        match variable(name, facts, now) {
            Ok(value) => activation.set(name, value),
            Err(missing) => activation.set_unknown(name, missing),
        }
    }
    activation
}

fn known<'f, T>(fact: &'f Known<T>, what: &str) -> Result<&'f T, String> {
    fact.seen().map_err(|reason| format!("{what}: {reason}"))
}

fn moment(seconds: i64, what: &str) -> Result<Value<'static>, String> {
    let time = jiff::Timestamp::from_second(seconds).map_err(|_| format!("{what}: no moment"))?;
    Ok(Value::from(time))
}

fn variable<'v>(name: &str, facts: &'v Facts<'_>, now: i64) -> Result<Value<'v>, String> {
    Ok(match name {
        "image" => {
            let image = &facts.image;
            let registry = image.repository.split_once('/').map_or("", |(registry, _)| registry);
            let digest = image.digest.as_ref().map_or_else(String::new, ToString::to_string);
            Value::object([
                ("name", image.text.as_str().into()),
                ("repository", image.repository.as_str().into()),
                ("registry", registry.into()),
                ("tag", image.tag.as_deref().unwrap_or_default().into()),
                ("digest", digest.into()),
            ])
        }
        "digest" => known(&facts.digest, "the digest")?.to_string().into(),
        "created" => moment(*known(&facts.created, "when the image was built")?, "when the image was built")?,
        "layers" => {
            let layers = known(&facts.layers, "the image's layers")?;
            layers.iter().map(|layer| Value::from(layer.to_string())).collect()
        }
        "config" => {
            let config = known(&facts.config, "the image's configuration")?;
            Value::object([
                ("user", config.user.as_str().into()),
                ("labels", texts_by_name(&config.labels)),
                ("env", texts(&config.env)),
                ("entrypoint", texts(&config.entrypoint)),
                ("command", texts(&config.command)),
                ("ports", texts(&config.ports)),
                ("volumes", texts(&config.volumes)),
                ("platform", config.platform.as_str().into()),
            ])
        }
        "signatures" => evidence(facts, "signatures")?
            .iter()
            .filter(|one| one.statement.is_none())
            .map(|one| Value::object(maker(one)))
            .collect(),
        "attestations" => evidence(facts, "attestations")?.iter().filter_map(attestation).collect(),
        "provenance" => evidence(facts, "provenance")?.iter().filter_map(provenance).collect(),
        "findings" => {
            let report = seen_whole(facts)?;
            findings(facts, report, |finding| finding.kind != FindingKind::Secret)
        }
        "secrets" => {
            let report = seen_whole(facts)?;
            if !facts.looked_for.contains(&FindingKind::Secret) {
                return Err("a scan that looks for secrets".into());
            }
            findings(facts, report, |finding| finding.kind == FindingKind::Secret)
        }
        "packages" if facts.without_packages => return Err("packages: they were not kept".into()),
        "packages" => seen_whole(facts)?.packages.iter().map(package).collect(),
        "database" => {
            let report = known(&facts.report, "a scan")?;
            let date = report.database.date.parse::<jiff::Timestamp>();
            let date = date.map_err(|_| "the date of the advisories".to_owned())?;
            Value::object([("date", Value::from(date))])
        }
        "namespaceName" => facts.workload.namespace.as_str().into(),
        "labels" => texts_by_name(&facts.workload.labels),
        "object" => Value::from(facts.object.ok_or("the object that the image is to run in")?),
        "namespaceObject" => Value::from(facts.namespace_object.ok_or("the namespace as an object")?),
        "now" => moment(now, "the time")?,
        other => return Err(format!("`{other}`")),
    })
}

fn texts(list: &[String]) -> Value<'_> {
    list.iter().map(|text| Value::from(text.as_str())).collect()
}

fn texts_by_name(map: &std::collections::BTreeMap<String, String>) -> Value<'_> {
    Value::object(map.iter().map(|(name, text)| (name.as_str(), Value::from(text.as_str()))))
}

/// Evidence, all of it: of a part of it nothing could be said with `all` or `!exists`.
fn evidence<'f>(facts: &'f Facts<'_>, what: &str) -> Result<&'f [Evidence], String> {
    let evidence = known(&facts.evidence, what)?;
    if facts.kept_claims.is_some() {
        return Err(CLAIMS_LOST.to_owned());
    }
    match &*facts.unread_evidence {
        [] => Ok(evidence),
        unread => Err(format!("{what}: {}", unread.join("; "))),
    }
}

/// A scan that saw everything: of a part of it nothing could be said with `all` or `!exists`.
fn seen_whole<'f>(facts: &'f Facts<'_>) -> Result<&'f Report, String> {
    let report = known(&facts.report, "a scan")?;
    let unseen = report.problems.iter().filter(|problem| problem.effect == Seen::Incomplete).count();
    if unseen > 0 {
        let mut reason = format!("{unseen} things that the scan could not read or decide");
        if let Some(first) = report.problems.iter().find(|problem| problem.effect == Seen::Incomplete) {
            let _ = write!(reason, ", the first: {}", first.detail);
        }
        return Err(reason);
    }
    Ok(*report)
}

fn maker(evidence: &Evidence) -> Vec<(&'static str, Value<'_>)> {
    let (key, certificate, root) = match &evidence.maker {
        Maker::Key(fingerprint) | Maker::Notation { key: fingerprint, .. } => {
            (fingerprint.as_str(), None, "")
        }
        Maker::Certificate { certificate, root } => ("", Some(certificate), root.as_str()),
    };
    let notation = match &evidence.maker {
        Maker::Notation { subject, .. } => Some(subject),
        Maker::Key(_) | Maker::Certificate { .. } => None,
    };
    let text = |of: Option<&'_ String>| of.map_or("", String::as_str).to_owned();
    let claims =
        certificate.map_or_else(|| Value::object([]), |certificate| texts_by_name(&certificate.claims));
    vec![
        ("key", key.into()),
        (
            "subject",
            text(certificate.and_then(|certificate| certificate.subject.as_ref()).or(notation)).into(),
        ),
        ("issuer", text(certificate.and_then(|certificate| certificate.issuer.as_ref())).into()),
        ("root", root.into()),
        ("claims", claims),
        ("logged", evidence.logged.into()),
    ]
}

fn attestation(evidence: &Evidence) -> Option<Value<'_>> {
    let statement = evidence.statement.as_ref()?;
    let mut fields = maker(evidence);
    fields.push(("predicateType", statement.predicate_type.as_str().into()));
    fields.push(("predicate", Value::from(&statement.predicate)));
    Some(Value::object(fields))
}

/// Provenance of a kind that is read; attestations of other kinds are among `attestations`.
fn provenance(evidence: &Evidence) -> Option<Value<'_>> {
    let statement = evidence.statement.as_ref()?;
    let read = Provenance::read(&statement.predicate_type, &statement.predicate).ok()?;
    let text = |of: Option<String>| Value::from(of.unwrap_or_default());
    let inputs =
        read.inputs.into_iter().map(|(name, value)| (plimsoll_cel::Key::String(name.into()), value.into()));
    let mut fields = maker(evidence);
    fields.extend([
        ("builder", read.builder.into()),
        ("buildType", read.build_type.into()),
        ("source", read.source.uri.into()),
        ("ref", text(read.source.reference)),
        ("commit", text(read.source.commit)),
        ("workflow", text(read.workflow)),
        ("trigger", text(read.trigger)),
        ("inputs", Value::Map(inputs.collect())),
        ("materials", read.materials.into_iter().map(|material| Value::from(material.uri)).collect()),
    ]);
    Some(Value::object(fields))
}

/// Those that nothing suppresses, as everywhere else.
fn findings<'v>(facts: &'v Facts<'_>, report: &'v Report, wanted: impl Fn(&Finding) -> bool) -> Value<'v> {
    report
        .findings
        .iter()
        .filter(|finding| finding.suppressed_by.is_none() && wanted(finding))
        .map(|one| finding(one, !facts.without_texts))
        .collect()
}

fn finding(finding: &Finding, texts_kept: bool) -> Value<'_> {
    let risk = &finding.risk;
    let package = finding.subject.as_package();
    let mut fields = vec![
        ("id", finding.advisory.as_str().into()),
        ("kind", kind_word(finding.kind).into()),
        ("severity", finding.severity.level.word().into()),
        ("subject", finding.subject.name().into_owned().into()),
        ("version", package.map_or("", |package| package.source.version.as_str()).into()),
        ("ecosystem", package.map_or("", |package| package.ecosystem.name()).into()),
        ("fixable", risk.fixable.into()),
        ("fixedVersion", finding.fixed_version.as_deref().unwrap_or_default().into()),
        ("kev", risk.kev.is_some().into()),
        ("development", risk.development.into()),
    ];
    // What was left out is no text: asked for, it makes the answer unknown.
    if texts_kept {
        fields.extend([("aliases", texts(&finding.aliases)), ("title", finding.title.as_str().into())]);
    }
    // A number that nobody gave is no number: asked for, it makes the answer unknown.
    fields
        .extend(finding.severity.score_tenths.map(|score| ("score", Value::Double(f64::from(score) / 10.0))));
    fields.extend(
        risk.epss.as_ref().map(|epss| ("epss", Value::Double(f64::from(epss.probability) / 100_000.0))),
    );
    fields.extend(risk.published.as_deref().map(|date| ("published", date.into())));
    Value::object(fields)
}

/// As the report in JSON writes kinds.
fn kind_word(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Vulnerability => "vulnerability",
        FindingKind::Malware => "malware",
        FindingKind::EndOfLife => "endOfLife",
        FindingKind::Informational => "informational",
        FindingKind::Secret => "secret",
        FindingKind::Misconfiguration => "misconfiguration",
        FindingKind::License => "license",
    }
}

fn package(package: &Package) -> Value<'_> {
    let paths = package.locations.iter().map(|location| Value::from(location.path.to_string()));
    Value::object([
        ("purl", package.purl.as_str().into()),
        ("ecosystem", package.ecosystem.name().into()),
        ("name", package.name.as_str().into()),
        ("version", package.version.as_str().into()),
        ("licenses", texts(&package.licenses)),
        ("paths", paths.collect()),
    ])
}

/// The variables with their types, for people and tools: name, type, fields.
pub fn variables() -> impl Iterator<Item = (&'static str, Type)> {
    VARIABLES.iter().map(|(name, _, of)| (*name, of()))
}
