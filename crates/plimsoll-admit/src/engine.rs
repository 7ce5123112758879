//! The decision on a review: what the object runs, what is known of it, and what becomes of that.
//!
//! [`Engine::step`] waits for nothing. It answers, or names the flights ([`crate::evidence::Flight`]) that it would rather
//! wait for; whoever calls it waits as long as it may and steps a last time. Nothing that goes wrong on the way lets an
//! object through: what is not known is refused with what is missing, unless a policy's own `onMissing` says otherwise.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use plimsoll_model::pod_security::Standard;
use plimsoll_model::workload::{ContainerKind, Found, Kinds, Pod, pods};
use plimsoll_posture::pod_security;
use plimsoll_scan::gate::{Gate, Gathered, image_name};
use plimsoll_scan::policy::{Brief, Effect, Facts, Known, Mode, Need, PodSecurity, Workload, decide_briefly};
use plimsoll_scan::{Reference, policy::OnMissing};
use serde_json_borrow::{ObjectAsVec, Value};

use crate::event::{Event, ImageEvent, RuleEvent};
use crate::evidence::{Flight, Held, Source, Store};
use crate::metrics::{Metrics, PolicyCosts};
use crate::namespaces::Namespaces;
use crate::review::{Answer, Code, Head, Operation, Replace, Review, ReviewError, clean};

/// Most images of one object; more is no workload but an attack.
const MOST_IMAGES: usize = 500;
/// A refusal rests on evidence that is at most so many seconds old: what was missing may have come meanwhile.
const REFUSE_AFTER: i64 = 10;
/// Most reasons that one image's refusal names.
const MOST_REASONS: usize = 4;

/// What decides, swapped as a whole when one of its files changes.
pub struct Rules {
    /// Policies and trust.
    pub gate: Arc<Gate>,
    /// Kinds of objects that run something.
    pub kinds: Kinds,
    /// Namespaces where everything is let through, so that the cluster cannot lock itself out.
    pub exempt: BTreeSet<String>,
    /// What becomes of a refusal: it stands, it is a warning, or it is only written down.
    pub mode: Mode,
    /// What becomes of an image that no policy is about.
    pub unmatched: OnMissing,
    /// What each policy costs.
    pub costs: PolicyCosts,
    /// Standards that policies hold pods against.
    pub standards: BTreeSet<Standard>,
}

impl Rules {
    /// With the kinds that are known, and nothing let through.
    pub fn new(gate: Arc<Gate>) -> Self {
        let costs = PolicyCosts::new(gate.policies().policies());
        let standards = gate.policies().standards();
        Rules {
            gate,
            kinds: Kinds::default(),
            exempt: BTreeSet::new(),
            mode: Mode::Enforce,
            unmatched: OnMissing::Deny,
            costs,
            standards,
        }
    }

    /// Whether anything may depend on what a namespace says of itself.
    pub fn looks_at_namespaces(&self) -> bool {
        !self.gate.rules.is_empty() || self.gate.policies().looks_at_namespace_object()
    }
}

/// Which of the two webhooks is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// It lets through or refuses.
    Validate,
    /// It pins tags to digests, and refuses nothing.
    Mutate,
}

/// What came of a step.
#[derive(Debug)]
pub enum Step {
    /// The answer, and what is to be written down of it.
    Done(Answer, Option<Box<Event>>),
    /// Somebody is looking at these; afterwards more is known.
    Wait(Vec<Arc<Flight>>),
}

/// The rules that hold, with the generation of the evidence that is gathered for them ([`crate::evidence`]).
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) rules: Arc<Rules>,
    pub(crate) generation: u64,
}

/// Everything that decides and knows.
pub struct Engine {
    current: RwLock<Current>,
    /// What is known of images.
    pub store: Arc<Store>,
    /// What is known of namespaces.
    pub namespaces: Arc<Namespaces>,
    /// What is counted.
    pub metrics: Metrics,
}

/// What a rule about objects has against one.
struct Objection {
    /// `ValidatingPolicy no-host-path`.
    rule: String,
    effect: Effect,
    reasons: Vec<String>,
}

/// One image of an object with what was decided on it.
struct Judged<'v> {
    image: &'v str,
    /// Where it stands: `container app`.
    place: String,
    decision: Brief,
    /// Somebody is still looking, or something failed that may go well the next time.
    passing: bool,
}

impl Engine {
    /// Takes the rules and what is known.
    pub fn new(rules: Rules, store: Arc<Store>) -> Self {
        let current = Current { rules: Arc::new(rules), generation: store.generation() };
        let (current, namespaces) = (RwLock::new(current), Arc::default());
        Engine { current, store, namespaces, metrics: Metrics::default() }
    }

    /// The rules that hold now.
    pub fn rules(&self) -> Arc<Rules> {
        self.current().rules
    }

    pub(crate) fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Other rules hold from now on, by what is gathered for the old ones.
    pub fn replace_rules(&self, rules: Rules) {
        self.current.write().unwrap_or_else(PoisonError::into_inner).rules = Arc::new(rules);
    }

    /// Other rules hold from now on, and this source gathers for them; with `forget` nothing that was gathered for the old ones
    /// does. Nobody sees the new rules with the old source.
    pub fn replace(&self, rules: Rules, source: Arc<dyn Source>, forget: bool) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let generation = self.store.replace_source(source, forget);
        *current = Current { rules: Arc::new(rules), generation };
    }

    /// Answers a review (the body of the request) at a moment (seconds since 1970). `landed` are flights that were waited
    /// for; with `last` there is no more time to wait.
    ///
    /// # Errors
    /// When it is no review.
    pub fn step(
        &self,
        hook: Hook,
        body: &[u8],
        now: i64,
        landed: &[Arc<Flight>],
        last: bool,
    ) -> Result<Step, ReviewError> {
        let text =
            std::str::from_utf8(body).map_err(|error| ReviewError(format!("it is not UTF-8: {error}")))?;
        let Current { rules, generation } = self.current();
        let value: Value<'_> = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => return self.unreadable(&rules, hook, text, &error, now),
        };
        let review = Review::read(&value)?;
        // First of all, and of nothing else: whatever fails below cannot lock these out.
        if rules.exempt.contains(review.namespace) {
            let mut answer = Answer::allow(review.uid);
            answer.annotations.push(("decision", "exempt namespace".into()));
            return Ok(Step::Done(answer, None));
        }
        // Rules and expressions may look at it; asked for once, so that it is the same for all of them.
        let namespace = rules.looks_at_namespaces().then(|| self.namespaces.get(review.namespace)).flatten();
        let namespace = namespace.as_deref().map(Value::from);
        let asked = Asked {
            engine: self,
            rules: &rules,
            generation,
            review: &review,
            value: &value,
            namespace: namespace.as_ref(),
            now,
            landed,
            last,
        };
        Ok(match hook {
            Hook::Validate => asked.validate(),
            Hook::Mutate => asked.pin(),
        })
    }
}

impl Engine {
    /// What cannot be read as a whole, because it is nested deeper than any kind of Kubernetes itself is. A server that gets
    /// an error goes by its `failurePolicy`: it gets an answer, as long as it can be told what is asked about.
    fn unreadable(
        &self,
        rules: &Rules,
        hook: Hook,
        text: &str,
        error: &serde_json::Error,
        now: i64,
    ) -> Result<Step, ReviewError> {
        let unread = format!("it is no JSON that can be read: {error}");
        // Whatever is not asked for here is passed over without being built up, however deep it is.
        let head: Head<'_> = serde_json::from_str(text).map_err(|_| ReviewError(unread.clone()))?;
        let review = head.review()?;
        let asked = Asked {
            engine: self,
            rules,
            // No image is looked at.
            generation: 0,
            review: &review,
            value: &Value::Null,
            namespace: None,
            now,
            landed: &[],
            last: true,
        };
        if rules.exempt.contains(review.namespace) {
            return Ok(asked.allow("exempt namespace"));
        }
        if matches!(review.operation, Operation::Delete | Operation::Connect) {
            return Ok(asked.allow("runs nothing new"));
        }
        Ok(match hook {
            Hook::Validate => asked.verdict(&[], &[unread], &[]),
            Hook::Mutate => asked.allow("cannot be read, and is not pinned"),
        })
    }
}

struct Asked<'a, 'v> {
    engine: &'a Engine,
    rules: &'a Rules,
    generation: u64,
    review: &'a Review<'v>,
    /// As it came.
    value: &'v Value<'v>,
    /// The namespace as an object, where it is known.
    namespace: Option<&'a Value<'a>>,
    now: i64,
    landed: &'a [Arc<Flight>],
    last: bool,
}

impl<'v> Asked<'_, 'v> {
    fn allow(&self, why: &str) -> Step {
        let mut answer = Answer::allow(self.review.uid);
        answer.annotations.push(("decision", why.into()));
        Step::Done(answer, None)
    }

    /// What the object runs; or why there is nothing to decide.
    fn found(&self) -> Result<Found<'v>, &'static str> {
        if matches!(self.review.operation, Operation::Delete | Operation::Connect) {
            return Err("runs nothing new");
        }
        let Some(object) = self.review.object else { return Err("there is no object") };
        let found = pods(object, &self.rules.kinds);
        if found.pods.is_empty() && found.unread.is_empty() {
            return Err("runs nothing");
        }
        if self.review.operation == Operation::Update
            && let Some(old) = self.review.old
        {
            if self.review.is_leaving() {
                return Err("is being deleted");
            }
            // A controller that takes a finalizer away, or somebody who writes an annotation, starts nothing. An expression
            // over the object may look at that annotation.
            if found.unread.is_empty()
                && same(&pods(old, &self.rules.kinds).pods, &found.pods)
                && (!self.rules.gate.policies().looks_at_object() || same_object(old, object))
            {
                return Err("runs what it ran before");
            }
        }
        Ok(found)
    }

    /// What rules about objects have against this one. They see every change, as in the engines that they were written for.
    fn objections(&self) -> Vec<Objection> {
        if self.review.is_leaving() {
            return Vec::new();
        }
        let mut all = self.own_objections();
        all.extend(self.objections_of_others());
        all
    }

    /// What our own rules have against it, as `plimsoll check` would tell. Of an update only what is new: whoever writes a label is
    /// not held up by what was there.
    fn own_objections(&self) -> Vec<Objection> {
        let (Some(rules), Some(object)) = (&self.rules.gate.object_rules, self.review.object) else {
            return Vec::new();
        };
        if matches!(self.review.operation, Operation::Delete | Operation::Connect) {
            return Vec::new();
        }
        let today = jiff::Timestamp::from_second(self.now).unwrap_or_default();
        let today = jiff::tz::Offset::UTC.to_datetime(today).date();
        let said = rules.judge(object, &self.rules.kinds, today);
        let before: BTreeSet<String> = match (self.review.operation, self.review.old) {
            (Operation::Update, Some(old)) => {
                let old = rules.judge(old, &self.rules.kinds, today);
                // What was accepted and is not any more is new.
                let counts = old.findings.into_iter().filter(|one| one.suppressed_by.is_none());
                counts.map(|one| one.id).collect()
            }
            _ => BTreeSet::new(),
        };
        let mut all = Vec::new();
        for finding in said.findings.iter().filter(|one| !before.contains(&one.id)) {
            let told = |end: String| {
                let seen = finding.evidence.first().map_or("", |evidence| evidence.range.as_str());
                vec![format!("{seen}; {end}")]
            };
            let (effect, reasons) = match &finding.suppressed_by {
                None => (Effect::Deny, told(finding.remedy.action.clone())),
                Some(accepted) => {
                    let until = accepted.expires.as_deref().unwrap_or("its end");
                    (Effect::Warn, told(format!("accepted until {until}: {}", accepted.reason)))
                }
            };
            all.push(Objection { rule: format!("rule {}", finding.advisory), effect, reasons });
        }
        // What would have been accepted is denied above; why it is not says this.
        let others = said.faults.into_iter().chain(said.expired);
        all.extend(others.map(|reason| Objection {
            rule: "acceptance".to_owned(),
            effect: Effect::Warn,
            reasons: vec![reason],
        }));
        if !said.unread.is_empty() {
            all.push(Objection { rule: "rules".to_owned(), effect: Effect::Unknown, reasons: said.unread });
        }
        all
    }

    fn objections_of_others(&self) -> Vec<Objection> {
        let rules = &self.rules.gate.rules;
        if rules.is_empty() {
            return Vec::new();
        }
        let Some(asked) = plimsoll_rules::Review::of_request(self.value) else { return Vec::new() };
        let asked = plimsoll_rules::Review { namespace_object: self.namespace, ..asked };
        let verdicts = rules.judge(&asked);
        let objections = verdicts.iter().filter_map(|verdict| {
            let (effect, reasons) = verdict.effect()?;
            Some(Objection { rule: format!("{} {}", verdict.kind, verdict.name), effect, reasons })
        });
        objections.collect()
    }

    fn validate(&self) -> Step {
        let objections = self.objections();
        let found = match self.found() {
            Ok(found) => found,
            Err(why) if objections.is_empty() => return self.allow(why),
            Err(_) => return self.verdict(&[], &[], &objections),
        };
        let images: usize = found.pods.iter().map(|pod| pod.containers.len()).sum();
        if images > MOST_IMAGES {
            let unread = format!("it names {images} images, and more than {MOST_IMAGES} are not looked at");
            return self.verdict(&[], &[unread], &objections);
        }
        let mut judged = Vec::new();
        let mut flights = Vec::new();
        let mut unread: Vec<String> = found.unread.iter().map(ToString::to_string).collect();
        for pod in &found.pods {
            let workload = Workload {
                namespace: self.review.namespace.to_owned(),
                labels: pod.labels().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            };
            let security = self.pod_security(pod);
            // One result for each image, wherever in the pod it stands.
            let mut seen = BTreeSet::new();
            for container in &pod.containers {
                let place = place(container.kind, container.name);
                let Some(image) = container.image else {
                    unread.push(format!("{place} names no image"));
                    continue;
                };
                if seen.insert(image) {
                    match self.judge(image, place, &workload, &security) {
                        Ok(one) => judged.push(one),
                        Err(mut more) => flights.append(&mut more),
                    }
                }
            }
        }
        if !flights.is_empty() {
            return Step::Wait(flights);
        }
        self.verdict(&judged, &unread, &objections)
    }

    fn pod_security(&self, pod: &Pod<'v>) -> BTreeMap<Standard, PodSecurity> {
        let Some(spec) = pod.spec else { return BTreeMap::new() };
        let judge = |standard: &Standard| {
            let standard = *standard;
            let pod = pod_security::Pod { spec, pointer: &pod.pointer, annotations: pod.annotations };
            let judged = pod_security::check(pod, standard);
            let violations =
                judged.violations.iter().map(|one| format!("{} {}: {}", one.pointer, one.detail, one.remedy));
            (standard, PodSecurity { violations: violations.collect(), unread: judged.unread })
        };
        self.rules.standards.iter().map(judge).collect()
    }

    /// Decides on one image; or names the flights to wait for.
    fn judge(
        &self,
        image: &'v str,
        place: String,
        workload: &Workload,
        security: &BTreeMap<Standard, PodSecurity>,
    ) -> Result<Judged<'v>, Vec<Arc<Flight>>> {
        let policies = self.rules.gate.policies();
        let reference = match Reference::parse(image) {
            Ok(reference) => reference,
            Err(error) => {
                let decision = undecided(&error.to_string());
                return Ok(Judged { image, place, decision, passing: false });
            }
        };
        let asking =
            Facts { image: image_name(image, &reference), workload: workload.clone(), ..Facts::default() };
        let facts = |gathered: &Gathered, asking: Facts<'_>| -> Brief {
            let mut facts = gathered.facts(asking.image, asking.workload);
            facts.pod_security = Cow::Borrowed(security);
            facts.object = self.review.object;
            facts.namespace_object = self.namespace;
            // A name with a digest stands for that digest, whatever could or could not be asked.
            if let Some(digest) = reference.digest() {
                facts.digest = Known::Seen(digest.clone());
            }
            self.decide(&facts)
        };
        let mut needs = policies.needs(&asking);
        if reference.digest().is_some() && needs.iter().all(|need| *need == Need::Digest) {
            needs.clear();
        }
        let nothing = Gathered::default();
        if needs.is_empty() {
            return Ok(Judged { image, place, decision: facts(&nothing, asking), passing: false });
        }
        // Everything else that is gathered stands on the digest.
        needs.insert(Need::Digest);
        let store = &self.engine.store;
        let generation = self.generation;
        let known = store.look(&reference, &needs, self.now, generation);
        let flown = self.landed.iter().filter_map(|flight| flight.landed_on(&reference, &needs, generation));
        // What came back with something missing never takes the place of what is known: `onMissing` might let in then what
        // is known to be bad.
        let (whole, partly): (Vec<Held>, Vec<Held>) =
            flown.partition(|held| held.gathered.failures.is_empty());
        let best =
            whole.into_iter().chain(known).max_by_key(|held| held.at).or_else(|| partly.into_iter().next());
        if let Some(held) = best {
            let decision = facts(&held.gathered, asking);
            let refused = decision.effect > Effect::Warn;
            let old = self.now.saturating_sub(held.at) > REFUSE_AFTER;
            if refused
                && old
                && !self.last
                && let Some(flight) = store.ask(&reference, &needs, self.now - REFUSE_AFTER, generation)
            {
                return Err(vec![flight]);
            }
            let passing = refused && !held.gathered.failures.is_empty() && !held.gathered.lasting;
            return Ok(Judged { image, place, decision, passing });
        }
        // Many an image is refused for its name: nobody needs to be asked. Only an exception for a digest could change that.
        let known_digest = reference.digest().is_some();
        if known_digest || policies.exceptions().is_empty() {
            let decision = facts(&nothing, asking.clone());
            if decision.effect == Effect::Deny {
                return Ok(Judged { image, place, decision, passing: false });
            }
        }
        let waiting = match (self.last, store.ask(&reference, &needs, i64::MIN, generation)) {
            (false, Some(flight)) => return Err(vec![flight]),
            (_, None) => "too many images wait to be looked at",
            (true, Some(_)) => "it is still being looked at",
        };
        let decision = facts(&Gathered::missing(waiting), asking);
        let passing = decision.effect > Effect::Warn;
        Ok(Judged { image, place, decision, passing })
    }

    /// Decides, and writes down what each policy cost.
    fn decide(&self, facts: &Facts<'_>) -> Brief {
        let mut since = Instant::now();
        let costs = &self.rules.costs;
        decide_briefly(facts, self.rules.gate.policies(), self.now, &mut |result| {
            let now = Instant::now();
            if let Some((place, worst)) = result {
                costs.add(place, worst, now.duration_since(since));
            }
            since = now;
        })
    }

    /// What becomes of the object: the worst of what its images come to.
    fn verdict(&self, judged: &[Judged<'_>], unread: &[String], objections: &[Objection]) -> Step {
        let mut worst = if unread.is_empty() { Effect::Allow } else { Effect::Unknown };
        let mut reasons: Vec<String> = unread.iter().take(MOST_REASONS).cloned().collect();
        let mut warnings = Vec::new();
        let mut passing = unread.is_empty();
        for one in judged {
            let effect = self.effect(&one.decision);
            let told = || told(&one.decision.reasons);
            let image = clean(one.image, 200);
            match effect {
                Effect::Allow => {}
                Effect::Warn => warnings.push(format!("{image} ({}): {}", one.place, told())),
                Effect::Unknown => {
                    reasons.push(format!("{image} ({}) cannot be judged: {}", one.place, told()));
                    passing &= one.passing;
                }
                Effect::Deny => {
                    reasons.push(format!("{image} ({}) is refused: {}", one.place, told()));
                    passing &= one.passing;
                }
            }
            worst = worst.max(effect);
        }
        for one in objections {
            let told = told(&one.reasons.iter().map(|reason| clean(reason, 500)).collect::<Vec<_>>());
            let rule = clean(&one.rule, 300);
            match one.effect {
                Effect::Allow => {}
                Effect::Warn => warnings.push(format!("{rule}: {told}")),
                Effect::Unknown => {
                    reasons.push(format!("{rule} cannot be judged: {told}"));
                    // A namespace that was made just now is known a moment later.
                    passing &= self.namespace.is_none();
                }
                Effect::Deny => {
                    reasons.push(format!("refused by {rule}: {told}"));
                    passing = false;
                }
            }
            worst = worst.max(one.effect);
        }
        let refused = worst > Effect::Warn;
        let code = if passing { Code::TryAgain } else { Code::Forbidden };
        let next = match (code, judged.iter().find(|one| self.effect(&one.decision) > Effect::Warn)) {
            (Code::TryAgain, _) => "; try again in a few seconds".to_owned(),
            (_, Some(one)) => {
                let namespace = self.review.namespace;
                format!(
                    "; the proof: plimsoll verify {} --namespace {namespace} --policy ...",
                    clean(one.image, 200)
                )
            }
            _ => String::new(),
        };
        let mut answer = match (refused, self.rules.mode) {
            (true, Mode::Enforce) => {
                Answer::refuse(self.review.uid, code, &format!("{}{next}", reasons.join("; ")))
            }
            (true, Mode::Warn) => {
                let mut answer = Answer::allow(self.review.uid);
                for reason in &reasons {
                    answer.warn(&format!("would be refused: {reason}"));
                }
                answer
            }
            (true, Mode::Audit) | (false, _) => Answer::allow(self.review.uid),
        };
        if self.rules.mode != Mode::Audit {
            for warning in &warnings {
                answer.warn(warning);
            }
        }
        answer.annotations.push(("decision", worst.word().to_owned()));
        let images: Vec<String> = judged.iter().map(|one| self.annotation(one)).collect();
        answer.annotations.push(("images", clean(&images.join(", "), 4_000)));
        if !objections.is_empty() {
            let rules: Vec<String> =
                objections.iter().map(|one| format!("{} {}", one.rule, one.effect.word())).collect();
            answer.annotations.push(("rules", clean(&rules.join(", "), 4_000)));
        }
        let exceptions: Vec<&str> =
            judged.iter().flat_map(|one| &one.decision.exceptions).map(String::as_str).collect();
        if !exceptions.is_empty() {
            answer.annotations.push(("exceptions", clean(&exceptions.join("; "), 2_000)));
        }
        let event =
            (!self.review.dry_run).then(|| Box::new(self.event(judged, unread, objections, worst, &answer)));
        Step::Done(answer, event)
    }

    /// The effect of a decision here: an image that no policy is about is what the settings say.
    fn effect(&self, decision: &Brief) -> Effect {
        let nobody = !decision.about && decision.revoked.is_empty();
        let gate = &self.rules.gate;
        match self.rules.unmatched {
            // Rules about objects only: nobody asks anything of images.
            _ if nobody
                && decision.effect == Effect::Unknown
                && gate.policies().policies().is_empty()
                && (!gate.rules.is_empty() || gate.object_rules.is_some()) =>
            {
                Effect::Allow
            }
            OnMissing::Warn if nobody && decision.effect == Effect::Unknown => Effect::Warn,
            OnMissing::Allow if nobody && decision.effect == Effect::Unknown => Effect::Allow,
            _ => decision.effect,
        }
    }

    fn annotation(&self, one: &Judged<'_>) -> String {
        let digest = one.decision.digest.as_deref().filter(|digest| !one.image.contains(*digest));
        let pinned = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
        format!("{}{pinned} {}", one.image, self.effect(&one.decision).word())
    }

    fn event(
        &self,
        judged: &[Judged<'_>],
        unread: &[String],
        objections: &[Objection],
        worst: Effect,
        answer: &Answer,
    ) -> Event {
        Event {
            time: moment(self.now),
            event: "review",
            uid: clean(self.review.uid, 200),
            user: clean(self.review.user, 300),
            operation: self.review.operation.word(),
            namespace: clean(self.review.namespace, 253),
            kind: clean(self.review.kind, 100),
            name: clean(self.review.name, 253),
            effect: worst,
            allowed: answer.allowed(),
            mode: self.rules.mode,
            images: judged
                .iter()
                .map(|one| ImageEvent {
                    image: clean(one.image, 400),
                    digest: one.decision.digest.clone(),
                    effect: self.effect(&one.decision),
                    reasons: one.decision.reasons.iter().take(20).map(|reason| clean(reason, 500)).collect(),
                    exceptions: one.decision.exceptions.iter().map(|text| clean(text, 500)).collect(),
                    revoked: one.decision.revoked.clone(),
                })
                .collect(),
            rules: objections
                .iter()
                .take(100)
                .map(|one| RuleEvent {
                    rule: clean(&one.rule, 300),
                    effect: one.effect,
                    reasons: one.reasons.iter().take(20).map(|reason| clean(reason, 500)).collect(),
                })
                .collect(),
            unread: unread.iter().take(20).map(|text| clean(text, 300)).collect(),
        }
    }

    /// Pins tags to the digests that they stand for now.
    fn pin(&self) -> Step {
        let found = match self.found() {
            Ok(found) => found,
            Err(why) => return self.allow(why),
        };
        let before = match (self.review.operation, self.review.old) {
            (Operation::Update, Some(old)) => places(&pods(old, &self.rules.kinds).pods),
            _ => BTreeMap::new(),
        };
        let needs = BTreeSet::from([Need::Digest]);
        let mut answer = Answer::allow(self.review.uid);
        let mut flights = Vec::new();
        let containers = found.pods.iter().flat_map(|pod| &pod.containers).take(MOST_IMAGES);
        for container in containers {
            let Some(image) = container.image else { continue };
            // What runs already is not touched: most of it cannot be changed.
            if before.get(container.pointer.as_str()) == Some(&image) {
                continue;
            }
            let Ok(reference) = Reference::parse(image) else { continue };
            if reference.digest().is_some() {
                continue;
            }
            let store = &self.engine.store;
            let known = store.digest(&reference, self.now).or_else(|| {
                let landed = self.landed.iter();
                let mut flown =
                    landed.filter_map(|flight| flight.landed_on(&reference, &needs, self.generation));
                flown.find_map(|held| held.gathered.digest.seen().ok().cloned())
            });
            match known {
                Some(digest) => {
                    // The tag stays, for people; without one it is written out, because `latest` is what was looked up.
                    let tag = reference.tag().filter(|tag| !image.ends_with(&format!(":{tag}")));
                    let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
                    answer
                        .patch
                        .push(Replace::new(container.pointer.clone(), format!("{image}{tag}@{digest}")));
                }
                None if !self.last => match store.ask(&reference, &needs, i64::MIN, self.generation) {
                    Some(flight) => flights.push(flight),
                    None => {
                        answer.warn(&format!("{image} is not pinned: too many images wait to be looked at"));
                    }
                },
                // What is not pinned is for the validating webhook to judge.
                None => answer.warn(&format!("{image} is not pinned: its digest could not be found in time")),
            }
        }
        if !flights.is_empty() {
            return Step::Wait(flights);
        }
        answer.annotations.push(("pinned", answer.patch.len().to_string()));
        Step::Done(answer, None)
    }
}

/// A decision on what cannot even be named.
fn undecided(reason: &str) -> Brief {
    Brief {
        digest: None,
        effect: Effect::Deny,
        reasons: vec![reason.to_owned()],
        revoked: Vec::new(),
        exceptions: Vec::new(),
        about: false,
    }
}

pub(crate) fn moment(now: i64) -> String {
    jiff::Timestamp::from_second(now).map_or_else(|_| now.to_string(), |time| time.to_string())
}

fn place(kind: ContainerKind, name: &str) -> String {
    if name.is_empty() { kind.word().to_owned() } else { format!("{} {}", kind.word(), clean(name, 63)) }
}

fn told(reasons: &[String]) -> String {
    let mut out = reasons.iter().take(MOST_REASONS).cloned().collect::<Vec<_>>().join(", ");
    if reasons.len() > MOST_REASONS {
        let _ = write!(out, ", and {} more", reasons.len() - MOST_REASONS);
    }
    out
}

/// Whether two states of an object run the same: what policies and the standards for pods look at is equal.
fn same(old: &[Pod<'_>], new: &[Pod<'_>]) -> bool {
    // Old ways to set seccomp and AppArmor profiles; all other annotations start nothing.
    let profiles = |pod: &Pod<'_>| -> Vec<String> {
        let annotations = pod.annotations.into_iter().flat_map(ObjectAsVec::iter);
        let named = annotations.filter(|(key, _)| key.contains(".security."));
        named.map(|(key, value)| format!("{key}={value}")).collect()
    };
    let one = |(old, new): (&Pod<'_>, &Pod<'_>)| {
        // Of a pod itself the API lets nothing change that a standard looks at; a template may change in everything.
        let is_pod = new.object.group.is_empty() && new.object.kind == "Pod";
        let images = || {
            let all = |pod: &Pod<'_>| -> Vec<(String, Option<String>)> {
                pod.containers.iter().map(|one| (one.pointer.clone(), one.image.map(str::to_owned))).collect()
            };
            all(old) == all(new)
        };
        old.pointer == new.pointer
            && old.labels().eq(new.labels())
            && images()
            && (is_pod || (old.spec == new.spec && profiles(old) == profiles(new)))
    };
    old.len() == new.len() && old.iter().zip(new).all(one)
}

/// What the API server and controllers write into objects for their own use.
const BOOKKEEPING: &[&str] =
    &["finalizers", "generation", "managedFields", "ownerReferences", "resourceVersion"];

/// Whether two states of an object say the same, but for its status and for bookkeeping.
fn same_object<'v>(old: &'v Value<'v>, new: &'v Value<'v>) -> bool {
    fn without<'v>(value: Option<&'v Value<'v>>, left_out: &[&str]) -> BTreeMap<&'v str, &'v Value<'v>> {
        let fields = value.and_then(Value::as_object).into_iter().flat_map(ObjectAsVec::iter);
        fields.filter(|(key, _)| !left_out.contains(key)).collect()
    }
    let metadata =
        |object| without(Value::as_object(object).and_then(|object| object.get("metadata")), BOOKKEEPING);
    let rest = |object| without(Some(object), &["metadata", "status"]);
    metadata(old) == metadata(new) && rest(old) == rest(new)
}

fn places<'v>(pods: &[Pod<'v>]) -> BTreeMap<String, &'v str> {
    pods.iter()
        .flat_map(|pod| &pod.containers)
        .filter_map(|one| Some((one.pointer.clone(), one.image?)))
        .collect()
}
