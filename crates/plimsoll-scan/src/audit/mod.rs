//! The use case of `plimsoll audit`: everything that a cluster runs, each image held against the policies by the same
//! decision as in CI and admission, and what is trusted because of where it is.
//!
//! Objects come from a live cluster ([`live`]), a snapshot or manifests ([`snapshot`]) into a [`Collector`]; what they run is
//! asked about once for each digest, by several threads; every distinct question is decided once.

mod collect;
pub mod follow;
pub mod live;
mod objects;
pub mod publish;
pub mod snapshot;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_model::audit::{
    AUDIT_VERSION, Audit, AuditResult, AuditSummary, ClusterInfo, Missing, Placed, Standing, Use,
};
use plimsoll_model::decision::{Decision, Effect};
use plimsoll_model::responsibility::Belongs;
use plimsoll_model::{Digest, Outcome};
use plimsoll_oci::Reference;
use plimsoll_policy::{Facts, Known, Need, Workload as Place, decide};
use plimsoll_trust::provenance::Provenance;
use serde::Serialize;

use crate::gate::{Gate, Gathered, image_name};
use crate::{Options, Progress};

pub use collect::Collector;
use collect::{Key, Running, Workload};
pub use objects::not_in_snapshot;

/// How an audit goes about it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Images that are looked at at the same time.
    pub threads: usize,
    /// Look for provenance of every image, also where no policy asks for any.
    pub provenance: bool,
    /// The policies as they were named, for what to type next.
    pub policies: Vec<String>,
    /// What failed to be gathered is tried again after so many seconds.
    pub again: i64,
}

/// What was gathered of one image.
#[derive(Debug)]
struct Held {
    gathered: Arc<Gathered>,
    needs: BTreeSet<Need>,
    at: i64,
}

/// What is known of images, kept between audits of the same cluster.
#[derive(Debug, Default)]
pub struct Evidence {
    held: HashMap<String, Held>,
    keys: BTreeSet<String>,
}

impl Evidence {
    /// What rests on the advisory database is void: it is another now.
    pub fn forget_scans(&mut self) {
        self.held.retain(|_, held| !held.needs.contains(&Need::Scan));
    }
}

/// What is asked about an image: all that a decision depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Question {
    image: Arc<str>,
    running: Running,
    namespace: Arc<str>,
    labels: Vec<(Arc<str>, Arc<str>)>,
    security: u32,
}

/// The image that is to be looked at.
struct Looked {
    reference: Reference,
    needs: BTreeSet<Need>,
}

/// Holds everything that was collected against the policies.
#[expect(clippy::too_many_arguments, reason = "each is its own: what runs, what is asked, what is known")]
pub fn audit(
    collector: &mut Collector,
    cluster: ClusterInfo,
    mut missing: Vec<Missing>,
    gate: &Gate,
    known: &mut Evidence,
    settings: &Settings,
    options: &Options,
    progress: &dyn Progress,
) -> Audit {
    collector.judged.settle();
    let collector = &*collector;
    let workloads = collector.workloads();
    let questions = questions(&workloads, gate);
    let targets = gather(questions.keys(), gate, known, settings, options, progress);
    let now = options.now.as_second();
    let mut results: Vec<AuditResult> = Vec::new();
    let mut same: HashMap<String, usize> = HashMap::new();
    // Where there are rules about objects only, nothing is asked about images.
    let asks = !gate.policies().policies().is_empty();
    for (question, uses) in questions.iter().filter(|_| asks) {
        let decision = answer(question, collector, gate, known, &targets, now);
        let key = serde_json::to_string(&decision).unwrap_or_default();
        let index = *same.entry(key).or_insert_with(|| {
            let next = (decision.effect > Effect::Warn).then(|| next(question, &decision, settings));
            results.push(AuditResult { decision, uses: Vec::new(), next });
            results.len() - 1
        });
        results[index].uses.extend(uses.iter().map(|(key, used)| Use {
            namespace: key.namespace.to_string(),
            kind: key.kind.to_string(),
            name: key.name.to_string(),
            places: used.places.iter().map(ToString::to_string).collect(),
            pods: used.pods,
            owner: workloads.get(key).and_then(|workload| workload.owner.as_deref()).map(str::to_owned),
            whose: None,
        }));
    }
    for result in &mut results {
        result.uses.sort();
    }
    results.sort_by(|left, right| {
        let rank =
            |result: &AuditResult| (std::cmp::Reverse(result.decision.effect), result.uses.first().cloned());
        let name = |result: &AuditResult| (result.decision.image.clone(), result.decision.digest.clone());
        (rank(left).0, name(left), rank(left).1).cmp(&(rank(right).0, name(right), rank(right).1))
    });
    missing.sort();
    let placed = placed(collector, &workloads, &missing, known, &targets);
    let problems = collector.problems();
    let (rules, [objects, objects_denied, objects_unknown]) = collector.rule_results();
    let summary = AuditSummary {
        rules: collector.judged.rules(),
        objects,
        objects_denied,
        objects_unknown,
        ..summary(&workloads, &results, &placed)
    };
    Audit {
        schema_version: AUDIT_VERSION.into(),
        plimsoll: env!("CARGO_PKG_VERSION").into(),
        cluster,
        verdict: Audit::verdict_of(&results, &rules, &missing, &problems),
        summary,
        results,
        rules,
        placed,
        missing,
        problems,
    }
}

/// How a workload uses what a question is about.
#[derive(Default)]
struct Used {
    places: BTreeSet<Arc<str>>,
    pods: u64,
}

/// All distinct questions, with who asks them.
fn questions(workloads: &BTreeMap<Key, Workload>, gate: &Gate) -> BTreeMap<Question, BTreeMap<Key, Used>> {
    let names = gate.policies().label_names();
    let mut questions: BTreeMap<Question, BTreeMap<Key, Used>> = BTreeMap::new();
    for (key, workload) in workloads {
        for (shape, pods) in &workload.shapes {
            let asked = |name: &str| names.as_ref().is_none_or(|names| names.contains(name));
            let labels: Vec<_> = shape.labels.iter().filter(|(name, _)| asked(name)).cloned().collect();
            let mut counted = BTreeSet::new();
            for image in shape.images.iter() {
                let question = Question {
                    image: Arc::clone(&image.name),
                    running: image.running.clone(),
                    namespace: Arc::clone(&key.namespace),
                    labels: labels.clone(),
                    security: shape.security,
                };
                // An image that a pod uses twice is one pod.
                let pods = if counted.insert(question.clone()) { *pods } else { 0 };
                let used = questions.entry(question).or_default().entry(key.clone()).or_default();
                used.places.insert(Arc::clone(&image.place));
                used.pods += pods;
            }
        }
    }
    questions
}

/// What is to be looked at to answer a question; the name under which it is kept.
fn target(image: &str, running: &Running) -> Result<Reference, String> {
    let named = Reference::parse(image).map_err(|error| error.to_string())?;
    match running {
        // A name with a digest stands for that digest.
        _ if named.digest().is_some() => Ok(named),
        Running::Digest(digest) => {
            Reference::parse(&format!("{}@{digest}", named.name())).map_err(|error| error.to_string())
        }
        Running::Untold => Err("the node does not say which digest it runs".into()),
        Running::Nothing => Ok(named),
    }
}

fn place(question: &Question) -> Place {
    Place {
        namespace: question.namespace.to_string(),
        labels: question.labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
    }
}

/// The key under which something is kept.
fn kept(reference: &Reference) -> String {
    match (reference.digest(), reference.tag()) {
        (Some(digest), _) => format!("{}@{digest}", reference.name()),
        (None, Some(tag)) => format!("{}:{tag}", reference.name()),
        (None, None) => reference.name().to_string(),
    }
}

/// Gathers what the questions need and is not known yet, each image once.
fn gather<'q>(
    questions: impl Iterator<Item = &'q Question>,
    gate: &Gate,
    known: &mut Evidence,
    settings: &Settings,
    options: &Options,
    progress: &dyn Progress,
) -> HashMap<(Arc<str>, Running), Result<String, String>> {
    let keys: BTreeSet<String> = gate.keys().into_iter().map(str::to_owned).collect();
    if keys != known.keys {
        known.held.retain(|_, held| !held.needs.contains(&Need::Evidence));
        known.keys = keys;
    }
    let now = options.now.as_second();
    let mut targets: HashMap<(Arc<str>, Running), Result<String, String>> = HashMap::new();
    let mut wanted: BTreeMap<String, Looked> = BTreeMap::new();
    for question in questions {
        let target = match target(&question.image, &question.running) {
            Ok(reference) => reference,
            Err(error) => {
                targets.insert((Arc::clone(&question.image), question.running.clone()), Err(error));
                continue;
            }
        };
        let name = kept(&target);
        targets.insert((Arc::clone(&question.image), question.running.clone()), Ok(name.clone()));
        let named = Reference::parse(&question.image).unwrap_or_else(|_| target.clone());
        let facts = Facts {
            image: image_name(&question.image, &named),
            workload: place(question),
            ..Facts::default()
        };
        let mut needs = gate.policies().needs(&facts);
        if settings.provenance {
            needs.insert(Need::Evidence);
        }
        if needs.iter().any(|need| *need != Need::Digest) {
            needs.insert(Need::Digest);
        } else if target.digest().is_some() {
            needs.clear();
        }
        if needs.is_empty() {
            continue;
        }
        wanted
            .entry(name)
            .or_insert_with(|| Looked { reference: target, needs: BTreeSet::new() })
            .needs
            .extend(needs);
    }
    // What runs nowhere any more is not kept: a cluster may be followed for months.
    let runs: HashSet<&str> = targets.values().filter_map(|one| one.as_deref().ok()).collect();
    known.held.retain(|name, _| runs.contains(name.as_str()));
    wanted.retain(|name, looked| {
        let Some(held) = known.held.get(name) else { return true };
        let stale = !held.gathered.failures.is_empty() && now - held.at >= settings.again;
        // A tag may have moved.
        let moved = looked.reference.digest().is_none() && now - held.at >= settings.again;
        if !looked.needs.is_subset(&held.needs) || stale || moved {
            looked.needs.extend(held.needs.iter().copied());
            return true;
        }
        false
    });
    let wanted: Vec<(String, Looked)> = wanted.into_iter().collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(wanted.len()));
    std::thread::scope(|scope| {
        for _ in 0..settings.threads.clamp(1, wanted.len().max(1)) {
            scope.spawn(|| {
                // One at a time in each: layers of one image need no further threads when others wait.
                let options = Options { threads: 1, ..options.clone() };
                while let Some((name, looked)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let gathered = if options.registries.is_some() {
                        gate.gather(&looked.reference, &looked.needs, &options, progress)
                    } else {
                        Gathered::missing("registries were not asked")
                    };
                    let gathered = gathered.slim(gate.policies());
                    let held = Held { gathered: Arc::new(gathered), needs: looked.needs.clone(), at: now };
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((name.clone(), held));
                }
            });
        }
    });
    known.held.extend(done.into_inner().unwrap_or_else(PoisonError::into_inner));
    targets
}

fn answer(
    question: &Question,
    collector: &Collector,
    gate: &Gate,
    known: &Evidence,
    targets: &HashMap<(Arc<str>, Running), Result<String, String>>,
    now: i64,
) -> Decision {
    let named = match Reference::parse(&question.image) {
        Ok(named) => named,
        Err(error) => return undecided(&question.image, &error.to_string(), now),
    };
    let target = targets.get(&(Arc::clone(&question.image), question.running.clone()));
    let nothing;
    let gathered: &Gathered = match target {
        Some(Ok(name)) => match known.held.get(name) {
            Some(held) => &held.gathered,
            None => {
                nothing = Gathered::default();
                &nothing
            }
        },
        Some(Err(reason)) => {
            nothing = Gathered::missing(reason);
            &nothing
        }
        None => {
            nothing = Gathered::default();
            &nothing
        }
    };
    let mut facts = gathered.facts(image_name(&question.image, &named), place(question));
    let running: Option<&Digest> = named.digest().or(match &question.running {
        Running::Digest(digest) => Some(digest),
        _ => None,
    });
    if let Some(digest) = running {
        facts.digest = Known::Seen(digest.clone());
    }
    if let Some(judged) = collector.security.get(question.security as usize) {
        facts.pod_security = std::borrow::Cow::Borrowed(judged);
    }
    decide(&facts, gate.policies(), now)
}

/// The decision on what has no name that could be one: no policy can be about it.
fn undecided(image: &str, reason: &str, now: i64) -> Decision {
    let mut decision = decide(&Facts::default(), &plimsoll_policy::Policies::default(), now);
    image.clone_into(&mut decision.image);
    decision.reasons = vec![reason.to_owned()];
    decision
}

/// What to type to see the proof.
fn next(question: &Question, decision: &Decision, settings: &Settings) -> String {
    use plimsoll_format::shell_word;
    let image = match (&decision.digest, Reference::parse(&question.image)) {
        (Some(digest), Ok(named)) => format!("{}@{digest}", named.name()),
        _ => question.image.to_string(),
    };
    let mut command = format!("plimsoll verify {}", shell_word(&image));
    if !question.namespace.is_empty() {
        command.extend([" --namespace ", &shell_word(&question.namespace)]);
    }
    for (name, value) in &question.labels {
        command.extend([" --label ", &shell_word(&format!("{name}={value}"))]);
    }
    for policy in &settings.policies {
        command.extend([" --policy ", &shell_word(policy)]);
    }
    command
}

/// The workloads that are trusted because of where they are.
fn placed(
    collector: &Collector,
    workloads: &BTreeMap<Key, Workload>,
    missing: &[Missing],
    known: &Evidence,
    targets: &HashMap<(Arc<str>, Running), Result<String, String>>,
) -> Vec<Placed> {
    let unread = |resource: &str| missing.iter().find(|one| one.resource == resource);
    let accounts = unread("serviceaccounts");
    let policies = unread("networkpolicies.networking.k8s.io");
    let protections = collector.protections();
    let mut placed = Vec::new();
    for (key, workload) in workloads {
        let (mut provenance, mut identity, mut network) =
            (Worst::default(), Worst::default(), Worst::default());
        let mut images = HashSet::new();
        for shape in workload.shapes.keys() {
            for image in shape.images.iter() {
                if images.insert((&image.name, &image.running)) {
                    let target = targets.get(&(Arc::clone(&image.name), image.running.clone()));
                    let (answer, detail) = origin(target, known);
                    let name = image.name.split('@').next().unwrap_or_default();
                    provenance.add(answer, format!("{name}: {detail}"));
                }
            }
            let (answer, detail) = match shape.account.as_deref() {
                Some(name) if name != "default" => (Outcome::Met, format!("runs as `{name}`")),
                _ => match (shape.automount, accounts, collector.automounts(&key.namespace, "default")) {
                    (Some(false), ..) | (None, None, Some(false)) => {
                        (Outcome::Met, "no token is mounted".to_owned())
                    }
                    (None, Some(missing), _) => (
                        Outcome::Unknown,
                        format!("whether the default account has its token mounted: {}", missing.reason),
                    ),
                    _ => (Outcome::NotMet, "runs as the default account with its token mounted".to_owned()),
                },
            };
            identity.add(answer, detail);
            let value = |wanted: &str| {
                shape.labels.iter().find(|(name, _)| name.as_ref() == wanted).map(|(_, value)| value.as_ref())
            };
            let of_namespace = protections.get(&key.namespace).map(Vec::as_slice).unwrap_or_default();
            let selected = of_namespace.iter().flatten().any(|selector| selector.selects(value));
            let (answer, detail) = match policies {
                _ if shape.host_network => {
                    (Outcome::NotMet, "is in its node's network, where no network policy holds".to_owned())
                }
                Some(missing) => (Outcome::Unknown, missing.reason.clone()),
                None if selected => (Outcome::Met, "a network policy says who may reach it".to_owned()),
                None if of_namespace.iter().any(Option::is_none) => {
                    (Outcome::Unknown, "a network policy of its namespace cannot be read".to_owned())
                }
                None => (Outcome::NotMet, "no network policy says who may reach it".to_owned()),
            };
            network.add(answer, detail);
        }
        let one = Placed {
            namespace: key.namespace.to_string(),
            kind: key.kind.to_string(),
            name: key.name.to_string(),
            owner: workload.owner.as_deref().map(str::to_owned),
            pods: workload.shapes.values().sum(),
            provenance: provenance.standing("verified provenance of every image"),
            identity: identity.standing("an identity of its own"),
            network: network.standing("a network policy says who may reach it"),
            whose: None,
        };
        if !one.is_trusted_for_itself() {
            placed.push(one);
        }
    }
    placed
}

/// Whether it is known, and verified, how an image was made.
fn origin(target: Option<&Result<String, String>>, known: &Evidence) -> (Outcome, String) {
    let held = match target {
        Some(Ok(name)) => known.held.get(name),
        Some(Err(reason)) => return (Outcome::Unknown, reason.clone()),
        None => None,
    };
    let Some(held) = held.filter(|held| held.needs.contains(&Need::Evidence)) else {
        return (Outcome::Unknown, "nobody looked for provenance".into());
    };
    let evidence = match held.gathered.evidence.seen() {
        Ok(evidence) => evidence,
        Err(reason) => return (Outcome::Unknown, reason.to_owned()),
    };
    let mut statements = evidence.iter().filter_map(|one| one.statement.as_ref());
    if statements.any(|one| Provenance::read(&one.predicate_type, &one.predicate).is_ok()) {
        return (Outcome::Met, "verified provenance".into());
    }
    match held.gathered.unread_evidence.first() {
        Some(unread) => (Outcome::Unknown, unread.clone()),
        None => (Outcome::NotMet, "no verified provenance".into()),
    }
}

/// The worst of several answers, with its first reason.
#[derive(Default)]
struct Worst(Option<(Outcome, String)>);

impl Worst {
    fn add(&mut self, answer: Outcome, detail: String) {
        let rank = |answer| match answer {
            Outcome::Met => 0,
            Outcome::Unknown => 1,
            Outcome::NotMet => 2,
        };
        let worse = match &self.0 {
            None => true,
            // Of the same rank the first by its words: the order of what runs is chance.
            Some((own, text)) => (rank(answer), &*detail) > (rank(*own), text),
        };
        if worse {
            self.0 = Some((answer, detail));
        }
    }

    fn standing(self, met: &str) -> Standing {
        match self.0 {
            Some((Outcome::Met, _)) | None => Standing { answer: Outcome::Met, detail: met.to_owned() },
            Some((answer, detail)) => Standing { answer, detail },
        }
    }
}

fn summary(workloads: &BTreeMap<Key, Workload>, results: &[AuditResult], placed: &[Placed]) -> AuditSummary {
    let count = |number: usize| number as u64;
    let mut worst: HashMap<(&str, Option<&str>), Effect> = HashMap::new();
    for result in results {
        let one =
            worst.entry((&result.decision.image, result.decision.digest.as_deref())).or_insert(Effect::Allow);
        *one = (*one).max(result.decision.effect);
    }
    let of = |effect: Effect| count(worst.values().filter(|own| **own == effect).count());
    AuditSummary {
        workloads: count(workloads.len()),
        pods: workloads.values().flat_map(|workload| workload.shapes.values()).sum(),
        images: count(worst.len()),
        denied: of(Effect::Deny),
        unknown: of(Effect::Unknown),
        warned: of(Effect::Warn),
        allowed: of(Effect::Allow),
        placed: count(placed.len()),
        ..AuditSummary::default()
    }
}

/// What became different for an image of a workload, or for an object by a rule, between two audits of the same cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What happened.
    pub event: Happened,
    /// When it was seen, RFC 3339.
    pub at: String,
    /// Namespace of the workload.
    pub namespace: String,
    /// Kind of the workload.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Who looks after it, where that is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The image, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The rule about objects, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How it stands now.
    pub effect: Effect,
    /// Why.
    pub reasons: Vec<String>,
    /// What to type next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whose it is on the platform that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whose: Option<Belongs>,
}

/// What happened to an image of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Happened {
    /// It was let in, and would not be now.
    NoLongerMet,
    /// It came, or was there from the beginning, and is not let in.
    NotMet,
    /// It is let in again.
    MetAgain,
    /// It is still not let in, for another reason.
    Changed,
}

/// What of an audit is compared: the worst for each image of each workload, and for each rule about each object.
type Standings<'a> = BTreeMap<(&'a str, &'a str, &'a str, Subject<'a>), Stands<'a>>;

/// What a standing is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Subject<'a> {
    Image(&'a str, Option<&'a str>),
    /// Kind, name and binding.
    Rule(&'a str, &'a str, Option<&'a str>),
}

/// How something stands.
#[derive(Clone, Copy)]
struct Stands<'a> {
    effect: Effect,
    reasons: &'a [String],
    owner: Option<&'a str>,
    next: Option<&'a str>,
    whose: Option<&'a Belongs>,
}

fn standings(audit: &Audit) -> Standings<'_> {
    let mut all = Standings::new();
    // The worst come first.
    for result in &audit.results {
        let decision = &result.decision;
        for used in &result.uses {
            let subject = Subject::Image(&decision.image, decision.digest.as_deref());
            all.entry((&used.namespace, &used.kind, &used.name, subject)).or_insert(Stands {
                effect: decision.effect,
                reasons: &decision.reasons,
                owner: used.owner.as_deref(),
                next: result.next.as_deref(),
                whose: used.whose.as_ref(),
            });
        }
    }
    for rule in &audit.rules {
        for used in &rule.objects {
            let subject = Subject::Rule(&rule.kind, &rule.name, rule.binding.as_deref());
            all.entry((&used.namespace, &used.kind, &used.name, subject)).or_insert(Stands {
                effect: rule.effect,
                reasons: &rule.reasons,
                owner: used.owner.as_deref(),
                next: None,
                whose: used.whose.as_ref(),
            });
        }
    }
    all
}

/// What became different since `before`; without one everything that is not let in.
pub fn changes(before: Option<&Audit>, after: &Audit, now: jiff::Timestamp) -> Vec<Change> {
    let before = before.map(standings).unwrap_or_default();
    let after = standings(after);
    let mut changes = Vec::new();
    let is_bad = |effect: Effect| effect > Effect::Warn;
    let change = |event, key: &(&str, &str, &str, Subject<'_>), now_stands: Stands<'_>| {
        let (namespace, kind, name, subject) = *key;
        let (image, digest, rule) = match subject {
            Subject::Image(image, digest) => (Some(image.to_owned()), digest.map(str::to_owned), None),
            Subject::Rule(kind, name, binding) => {
                let binding = binding.map(|name| format!(" ({name})")).unwrap_or_default();
                (None, None, Some(format!("{kind} {name}{binding}")))
            }
        };
        Change {
            event,
            at: now.to_string(),
            namespace: namespace.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            owner: now_stands.owner.map(str::to_owned),
            image,
            rule,
            digest,
            effect: now_stands.effect,
            reasons: now_stands.reasons.to_vec(),
            next: now_stands.next.map(str::to_owned),
            whose: now_stands.whose.cloned(),
        }
    };
    for (key, stands) in &after {
        let event = match (before.get(key), is_bad(stands.effect)) {
            // A rule says nothing of what fits it; that it was not met before is seen by that.
            (None, true) => Happened::NotMet,
            (Some(old), true) if !is_bad(old.effect) => Happened::NoLongerMet,
            (Some(old), true) if old.effect != stands.effect || old.reasons != stands.reasons => {
                Happened::Changed
            }
            (Some(old), false) if is_bad(old.effect) => Happened::MetAgain,
            _ => continue,
        };
        changes.push(change(event, key, *stands));
    }
    for (key, old) in &before {
        // A rule says nothing of what fits it, nor of what is gone: either way nothing stands against it any more.
        if matches!(key.3, Subject::Rule(..)) && is_bad(old.effect) && !after.contains_key(key) {
            let stands = Stands { effect: Effect::Allow, reasons: &[], ..*old };
            changes.push(change(Happened::MetAgain, key, stands));
        }
    }
    changes
}
