//! Test files of our own (`plimsoll.dev/v1`, kind `PolicyTest`): what policies and rules say of images and objects of which the
//! file tells what is known. Nobody is asked.
//!
//! Images are decided by the function that `verify --policy` uses, objects by the webhook's engine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_admit::engine::{Engine, Rules};
use plimsoll_admit::evidence::{Limits, Source, Store};
use plimsoll_admit::recorded::replay;
use plimsoll_model::{Digest, FindingKind, Report, shortened};
use plimsoll_rules::suite::{Case, Outcome};
use plimsoll_scan::Reference;
use plimsoll_scan::gate::{Gate, Gathered, image_name};
use plimsoll_scan::policy::{
    Certificate, Config, Effect, Evidence, Known, Maker, Need, Statement, Workload, decide,
};
use plimsoll_scan::trust::PublicKey;
use plimsoll_scan::verify::Content;
use serde::Deserialize;
use serde_json::{Value, json};

use super::verify;

/// Longest time that one object may take: nobody is waited for but the rules themselves.
const PATIENCE: Duration = Duration::from_secs(30);
const VERSION: &str = "plimsoll.dev/v1";
const KIND: &str = "PolicyTest";
/// The trust root of signatures whose root is not said.
const ROOT: &str = "sigstore";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Suite {
    #[serde(rename = "apiVersion")]
    version: String,
    kind: String,
    #[serde(default, rename = "metadata")]
    _metadata: Value,
    /// Files and folders beside this one.
    policies: Vec<String>,
    /// The moment of the decisions; that of the run when it is not said.
    #[serde(default)]
    now: Option<String>,
    #[serde(default)]
    images: Vec<Image>,
    cases: Vec<Written>,
}

/// What is known of an image. What is not said is not known.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Image {
    name: String,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    signatures: Option<Vec<Signed>>,
    #[serde(default)]
    attestations: Option<Vec<Attested>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
    /// Layers of images that policies name as bases.
    #[serde(default)]
    bases: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    config: Option<WrittenConfig>,
    /// A report of `plimsoll scan --format json`.
    #[serde(default)]
    report: Option<String>,
    /// What that scan looked for, beside vulnerabilities.
    #[serde(default)]
    looked_for: Vec<FindingKind>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Signed {
    /// A file with a public key.
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default)]
    claims: BTreeMap<String, String>,
    #[serde(default)]
    root: Option<String>,
    /// Whether a transparency log knows of it.
    #[serde(default = "yes")]
    logged: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Attested {
    predicate_type: String,
    #[serde(default)]
    predicate: Value,
    by: Signed,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[derive(Default)]
struct WrittenConfig {
    user: String,
    labels: BTreeMap<String, String>,
    env: Vec<String>,
    entrypoint: Vec<String>,
    command: Vec<String>,
    ports: Vec<String>,
    volumes: Vec<String>,
    platform: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    name: String,
    /// An image by itself ...
    #[serde(default)]
    image: Option<String>,
    /// ... or a file with an object that is about to be created.
    #[serde(default)]
    object: Option<String>,
    /// Where it is to run; that of the object when it is not said.
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    expect: Effect,
    /// Words that one of the reasons must have.
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    skip: bool,
}

/// The images of a file, by reference.
#[derive(Default)]
struct Told(Vec<(Reference, Gathered)>);

impl Told {
    fn of(&self, asked: &Reference) -> Gathered {
        let fits = |own: &Reference, told: &Gathered| {
            let digest = told.digest.seen().ok();
            own.name() == asked.name()
                && match asked.digest() {
                    Some(wanted) => digest == Some(wanted),
                    None => own.tag().unwrap_or("latest") == asked.tag().unwrap_or("latest"),
                }
        };
        let found = self.0.iter().find(|(own, told)| fits(own, told));
        found.map_or_else(
            || Gathered::missing("the test says nothing of this image"),
            |(_, told)| told.clone(),
        )
    }
}

impl Source for Told {
    fn gather(&self, reference: &Reference, _: &BTreeSet<Need>) -> Gathered {
        self.of(reference)
    }
}

/// Runs a test file. `moment` is that of the run, in seconds since 1970.
///
/// # Errors
/// When the text is no such file, or its policies or facts cannot be read.
pub(super) fn run(text: &str, file: &Path, moment: i64) -> Result<Vec<Case>, String> {
    let suite: Suite = serde_saphyr::from_str(text)
        .map_err(|error| plimsoll_model::headline(&error.to_string()).to_owned())?;
    if suite.version != VERSION || suite.kind != KIND {
        return Err(format!("it is no {KIND} of {VERSION}"));
    }
    let beside = file.parent().map(Path::to_owned).unwrap_or_default();
    let now = suite.now.as_deref().map_or(Ok(moment), seconds)?;
    let paths: Vec<_> = suite.policies.iter().map(|path| beside.join(path)).collect();
    let (policies, rules) = verify::policies_and_rules(&paths).map_err(|error| format!("{error:#}"))?;
    // Nothing is verified: the file says what was.
    let mut gate =
        Gate::new(policies, Vec::new(), &Arc::default()).map_err(|error| plimsoll_model::one_line(&error))?;
    gate.rules = Arc::new(rules);
    let mut told = Told::default();
    for image in &suite.images {
        let known =
            known(image, &beside).map_err(|error| format!("image `{}`: {error}", shortened(&image.name)))?;
        told.0.push(known);
    }
    let (gate, told) = (Arc::new(gate), Arc::new(told));
    let clock: plimsoll_admit::Clock = Arc::new(move || now);
    let store = Arc::new(Store::new(told.clone(), Limits { per_second: 10_000, ..Limits::default() }));
    store.start(&clock);
    let engine = Engine::new(Rules::new(gate.clone()), store);
    Ok(suite
        .cases
        .iter()
        .map(|written| {
            let outcome = match (&written.image, &written.object) {
                _ if written.skip => Ok(Outcome::Skipped),
                (Some(image), None) => of_image(&gate, &told, written, image, now),
                (None, Some(object)) => of_object(&engine, written, &beside.join(object), now),
                _ => Err("one of `image` and `object` must be there".to_owned()),
            };
            Case { name: written.name.clone(), outcome: outcome.unwrap_or_else(Outcome::Unrun) }
        })
        .collect())
}

fn of_image(gate: &Gate, told: &Told, written: &Written, image: &str, now: i64) -> Result<Outcome, String> {
    let reference = Reference::parse(image).map_err(|error| error.to_string())?;
    let gathered = told.of(&reference);
    let workload =
        Workload { namespace: written.namespace.clone().unwrap_or_default(), labels: written.labels.clone() };
    let mut facts = gathered.facts(image_name(image, &reference), workload);
    if let Some(digest) = reference.digest() {
        facts.digest = Known::Seen(digest.clone());
    }
    let decision = decide(&facts, gate.policies(), now);
    Ok(compared(written, decision.effect, &decision.reasons))
}

fn of_object(engine: &Engine, written: &Written, file: &Path, now: i64) -> Result<Outcome, String> {
    let text = verify::text(file).map_err(|error| format!("{error:#}"))?;
    let mut documents =
        plimsoll_rules::documents(&text).map_err(|error| format!("`{}`: {error}", file.display()))?;
    let (Some(mut object), true) = (documents.pop(), documents.is_empty()) else {
        return Err(format!("`{}` does not hold one object", file.display()));
    };
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let namespace = written.namespace.clone().unwrap_or_else(|| text("/metadata/namespace"));
    for (key, value) in &written.labels {
        object["metadata"]["labels"][key] = value.as_str().into();
    }
    let (group, version) = api.split_once('/').unwrap_or(("", api.as_str()));
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "test",
            "kind": { "group": group, "version": version, "kind": kind },
            "operation": "CREATE",
            "name": name,
            "namespace": namespace,
            "object": object,
        },
    });
    let replayed = replay(engine, &review, now, PATIENCE)?;
    Ok(compared(written, replayed.effect, &replayed.reasons))
}

fn compared(written: &Written, effect: Effect, reasons: &[String]) -> Outcome {
    let said = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
    if effect != written.expect {
        return Outcome::Wrong(format!(
            "`{}` was expected, `{}` came{said}",
            written.expect.word(),
            effect.word()
        ));
    }
    match &written.message {
        Some(words) if !reasons.iter().any(|reason| reason.contains(words)) => {
            Outcome::Wrong(format!("no reason says `{}`{said}", shortened(words)))
        }
        _ => Outcome::Right,
    }
}

/// A moment, or the first second of a day in UTC.
fn seconds(text: &str) -> Result<i64, String> {
    let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    whole
        .parse::<jiff::Timestamp>()
        .map(jiff::Timestamp::as_second)
        .map_err(|_| format!("`{}` is no moment as 2026-11-27 or 2026-11-27T12:00:00Z", shortened(text)))
}

fn known(image: &Image, beside: &Path) -> Result<(Reference, Gathered), String> {
    let reference = Reference::parse(&image.name).map_err(|error| error.to_string())?;
    let digests = |all: &[String]| {
        all.iter()
            .map(|text| Digest::parse(text).map_err(|error| error.to_string()))
            .collect::<Result<Vec<_>, _>>()
    };
    let digest = match (&image.digest, reference.digest()) {
        (Some(text), _) => Digest::parse(text).map_err(|error| error.to_string())?,
        (None, Some(digest)) => digest.clone(),
        // One of its own, so that it can be told from others.
        (None, None) => Content::read(image.name.as_bytes(), 0).map_err(|error| error.to_string())?.digest,
    };
    let mut out = Gathered { digest: Known::Seen(digest), ..Gathered::missing("the test does not say it") };
    if let Some(created) = &image.created {
        out.created = Known::Seen(seconds(created)?);
    }
    if let Some(layers) = &image.layers {
        out.layers = Known::Seen(digests(layers)?);
    }
    for (name, layers) in &image.bases {
        out.bases.insert(name.clone(), Known::Seen(digests(layers)?));
    }
    if let Some(WrittenConfig { user, labels, env, entrypoint, command, ports, volumes, platform }) =
        &image.config
    {
        out.config = Known::Seen(Config {
            user: user.clone(),
            labels: labels.clone(),
            env: env.clone(),
            entrypoint: entrypoint.clone(),
            command: command.clone(),
            ports: ports.clone(),
            volumes: volumes.clone(),
            platform: platform.clone(),
        });
    }
    if image.signatures.is_some() || image.attestations.is_some() {
        let mut evidence = Vec::new();
        for signed in image.signatures.iter().flatten() {
            evidence.push(Evidence { statement: None, maker: maker(signed, beside)?, logged: signed.logged });
        }
        for Attested { predicate_type, predicate, by } in image.attestations.iter().flatten() {
            let statement =
                Statement { predicate_type: predicate_type.clone(), predicate: predicate.clone() };
            evidence.push(Evidence {
                statement: Some(statement),
                maker: maker(by, beside)?,
                logged: by.logged,
            });
        }
        out.inputs = vec![None; evidence.len()];
        out.evidence = Known::Seen(evidence);
    }
    if let Some(path) = &image.report {
        let bytes = verify::bytes(&beside.join(path)).map_err(|error| format!("{error:#}"))?;
        let report: Report = serde_json::from_slice(&bytes)
            .map_err(|error| format!("`{path}` is no report of `plimsoll scan --format json`: {error}"))?;
        out.report = Known::Seen(Box::new(report));
        out.looked_for.clone_from(&image.looked_for);
    }
    Ok((reference, out))
}

fn maker(signed: &Signed, beside: &Path) -> Result<Maker, String> {
    match (&signed.key, &signed.subject) {
        (Some(path), None) => {
            let bytes = verify::bytes(&beside.join(path)).map_err(|error| format!("{error:#}"))?;
            let key = PublicKey::read(path, &bytes).map_err(|error| plimsoll_model::one_line(&error))?;
            Ok(Maker::Key(key.fingerprint()))
        }
        (None, Some(_)) => Ok(Maker::Certificate {
            certificate: Certificate {
                subject: signed.subject.clone(),
                issuer: signed.issuer.clone(),
                claims: signed.claims.clone(),
            },
            root: signed.root.clone().unwrap_or_else(|| ROOT.to_owned()),
        }),
        _ => Err("a signature is made with a `key` or by a `subject`".to_owned()),
    }
}

/// Whether a text is such a file.
pub(super) fn is(text: &str) -> bool {
    super::has_line(text, "kind: PolicyTest") && super::has_line(text, "apiVersion: plimsoll.dev/")
}
