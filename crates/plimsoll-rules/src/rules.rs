//! Rules of several kinds together, and the one function that runs them over an object.

use std::collections::BTreeMap;

use plimsoll_cel::Value as CelValue;
use plimsoll_model::decision::Effect;
use plimsoll_model::shortened;
use serde::Deserialize;
use serde_json::Value;

use crate::cel::kyverno::{self, as_pod};
use crate::cel::matching::Match;
use crate::cel::{Expressions, Scope, Written, WrittenAnnotation, WrittenNamed, WrittenValidation};
use crate::selector::LabelSelector;
use crate::{Answer, Json, LoadError, Review};

/// Kind of Kubernetes' own rules.
const POLICY: &str = "ValidatingAdmissionPolicy";
const BINDING: &str = "ValidatingAdmissionPolicyBinding";
/// Kinds of Kyverno's rules.
const KYVERNO: [&str; 2] = ["ValidatingPolicy", "NamespacedValidatingPolicy"];

/// What is to become of an object that does not fit a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It is written down.
    Audit,
    /// Whoever brought it is told.
    Warn,
    /// It is refused.
    Deny,
}

impl Action {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "Audit" => Action::Audit,
            "Warn" => Action::Warn,
            "Deny" => Action::Deny,
            _ => return None,
        })
    }
}

/// What one rule says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `ValidatingAdmissionPolicy`, `ValidatingPolicy`.
    pub kind: String,
    /// Name of the rule.
    pub name: String,
    /// The binding by which it is in force, where its kind has such.
    pub binding: Option<String>,
    /// What it says.
    pub answer: Answer,
    /// What is to become of an object that does not fit.
    pub actions: Vec<Action>,
    /// The rule says of itself that it does not matter when it cannot be evaluated (`failurePolicy: Ignore`).
    pub ignores_errors: bool,
    /// What is to be written into the audit log, by key.
    pub annotations: BTreeMap<String, String>,
}

impl Verdict {
    /// What it does to the object, with what it says; nothing where it fits, or the rule is not about it. What cannot be
    /// told is no pass: it weighs as much as the rule itself would.
    pub fn effect(&self) -> Option<(Effect, Vec<String>)> {
        let (answer, reasons) = match &self.answer {
            Answer::Skip | Answer::Pass => return None,
            Answer::Fail(violations) => {
                (Effect::Deny, violations.iter().map(|one| one.message.clone()).collect())
            }
            Answer::Error(reason) if self.ignores_errors => {
                return Some((Effect::Warn, vec![format!("{reason} (failurePolicy Ignore)")]));
            }
            Answer::Error(reason) => (Effect::Unknown, vec![reason.clone()]),
        };
        let effect = match self.actions.iter().max() {
            Some(Action::Deny) | None => answer,
            Some(Action::Warn) => Effect::Warn,
            Some(Action::Audit) => Effect::Allow,
        };
        Some((effect, reasons))
    }
}

/// Rules that need nothing but the object.
#[derive(Debug, Default)]
pub struct Rules {
    all: Vec<Rule>,
    #[cfg(feature = "rego")]
    constraints: Vec<crate::gatekeeper::InForce>,
    exceptions: Vec<Exception>,
    /// Objects that rules may name as their parameters.
    objects: Vec<Value>,
}

#[derive(Debug)]
struct Rule {
    kind: &'static str,
    name: String,
    namespace: Option<String>,
    matches: Match,
    expressions: Expressions,
    /// All expressions as written.
    text: String,
    ignores_errors: bool,
    /// Kind of its parameters: apiVersion, kind.
    parameters: Option<(String, String)>,
    /// Resources that make pods, to which a rule about pods applies.
    controllers: Vec<&'static str>,
    in_force: Vec<Force>,
}

/// By what a rule is in force.
#[derive(Debug)]
struct Force {
    binding: Option<String>,
    matches: Match,
    actions: Vec<Action>,
    parameters: Option<ParameterReference>,
}

#[derive(Debug)]
struct Exception {
    policies: Vec<String>,
    expressions: Expressions,
    text: String,
}

/// What copies of objects lack that the objects have, as those in a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct LeftOut {
    /// Names of fields.
    pub fields: &'static [&'static str],
    /// Of what stands at the top of an object, everything but this.
    pub all_but: &'static [&'static str],
}

/// For each rule what it looks at and copies of objects lack: nothing can be said by it then. In the order of [`Rules::judge`].
#[derive(Clone, Debug, Default)]
pub struct Lacking(Vec<Option<String>>);

impl LeftOut {
    /// The first field that a text speaks of and copies lack. A rule that looks at whole objects by other ways than naming
    /// fields is taken as one that looks at everything.
    fn of(&self, text: &str) -> Option<String> {
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let mut before = "";
        for word in text.split(|letter| !is_word(letter)).filter(|word| !word.is_empty()) {
            let at_top = before.ends_with("bject") && {
                // What follows a variable named `object` or `oldObject`, `anyObject`.
                let between = text_between(text, before, word);
                between.starts_with('.') || between.starts_with("[\"") || between.starts_with("['")
            };
            let whole = matches!(word, "walk" | "marshal");
            if self.fields.contains(&word) || whole || at_top && !self.all_but.contains(&word) {
                return Some(word.to_owned());
            }
            before = word;
        }
        None
    }
}

/// The text between two slices of it.
fn text_between<'t>(text: &'t str, before: &str, word: &str) -> &'t str {
    let start = text.as_ptr() as usize;
    let (from, to) = (before.as_ptr() as usize + before.len() - start, word.as_ptr() as usize - start);
    text.get(from..to).unwrap_or_default()
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PolicySpec {
    #[serde(default)]
    param_kind: Option<ParameterKind>,
    #[serde(default)]
    match_constraints: Match,
    #[serde(default)]
    match_conditions: Vec<WrittenNamed>,
    #[serde(default)]
    variables: Vec<WrittenNamed>,
    #[serde(default)]
    validations: Vec<WrittenValidation>,
    #[serde(default)]
    audit_annotations: Vec<WrittenAnnotation>,
    #[serde(default)]
    failure_policy: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ParameterKind {
    api_version: String,
    kind: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BindingSpec {
    policy_name: String,
    #[serde(default)]
    param_ref: Option<ParameterReference>,
    #[serde(default)]
    match_resources: Match,
    #[serde(default)]
    validation_actions: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct ParameterReference {
    name: Option<String>,
    namespace: Option<String>,
    selector: Option<LabelSelector>,
    parameter_not_found_action: Option<String>,
}

impl Rules {
    /// Takes the rules among these objects, with bindings, exceptions and parameters; other objects are left alone. What
    /// cannot be used is named, and what it would have said is said by nobody: whoever runs them must not go on as if
    /// they were all there.
    ///
    /// With `unbound`, a ValidatingAdmissionPolicy that no binding puts into force is in force everywhere, as test tools
    /// have it.
    pub fn load(documents: &[Value], unbound: bool) -> (Self, Vec<LoadError>) {
        let mut rules = Rules::default();
        let mut errors = Vec::new();
        for document in documents {
            let kind = document["kind"].as_str().unwrap_or_default();
            let group = document["apiVersion"].as_str().and_then(|api| api.split_once('/'));
            let group = group.map_or("", |(group, _)| group);
            let loaded = match (group, kind) {
                ("admissionregistration.k8s.io", POLICY) => policy(document).map(|rule| rules.all.push(rule)),
                ("policies.kyverno.io", kind) if KYVERNO.contains(&kind) => {
                    validating_policy(document).map(|rule| rules.all.push(rule))
                }
                ("policies.kyverno.io", "PolicyException") => {
                    exception(document).map(|exception| rules.exceptions.push(exception))
                }
                _ => Ok(()),
            };
            if let Err(reason) = loaded {
                errors.push(refused(document, reason));
            }
        }
        for document in documents {
            if document["kind"] == BINDING
                && let Err(reason) = rules.bind(document)
            {
                errors.push(refused(document, reason));
            }
        }
        if unbound {
            for rule in rules.all.iter_mut().filter(|rule| rule.in_force.is_empty()) {
                rule.in_force.push(Force {
                    binding: None,
                    matches: Match::default(),
                    actions: vec![Action::Deny],
                    parameters: None,
                });
            }
        }
        rules.objects = documents
            .iter()
            .filter(|document| {
                rules.all.iter().any(|rule| {
                    rule.parameters.as_ref().is_some_and(|(api, kind)| {
                        document["apiVersion"].as_str() == Some(api)
                            && document["kind"].as_str() == Some(kind)
                    })
                })
            })
            .cloned()
            .collect();
        (rules, errors)
    }

    /// Takes rules that are to be in force: those of [`Rules::load`], and Gatekeeper's templates with their constraints. Every
    /// object must be a rule, belong to one, or be somebody's parameters; a ValidatingAdmissionPolicy without a binding is
    /// in force everywhere.
    ///
    /// # Errors
    /// With everything that cannot be used: rules of which some were left out are others than those that were meant.
    pub fn in_force(documents: &[Value]) -> Result<Self, Vec<LoadError>> {
        #[cfg_attr(not(feature = "rego"), expect(unused_mut, reason = "Gatekeeper's are added"))]
        let (mut rules, mut errors) = Rules::load(documents, true);
        #[cfg(feature = "rego")]
        {
            let (constraints, more) = crate::gatekeeper::load(documents);
            rules.constraints = constraints;
            errors.extend(more);
        }
        for document in documents {
            let group = document["apiVersion"].as_str().and_then(|api| api.split_once('/'));
            let group = group.map_or("", |(group, _)| group);
            let kind = document["kind"].as_str().unwrap_or_default();
            let known = match group {
                "admissionregistration.k8s.io" => [POLICY, BINDING].contains(&kind),
                "policies.kyverno.io" => KYVERNO.contains(&kind) || kind == "PolicyException",
                "templates.gatekeeper.sh" | "constraints.gatekeeper.sh" => cfg!(feature = "rego"),
                _ => false,
            };
            if !known && !rules.objects.contains(document) {
                let api = document["apiVersion"].as_str().unwrap_or_default();
                let reason = format!(
                    "of `{}`: it is no rule that can be run here, and nobody's parameters",
                    shortened(api)
                );
                errors.push(refused(document, reason));
            }
        }
        if errors.is_empty() { Ok(rules) } else { Err(errors) }
    }

    fn bind(&mut self, document: &Value) -> Result<(), String> {
        let spec = BindingSpec::deserialize(&document["spec"]).map_err(|error| error.to_string())?;
        let rule = self
            .all
            .iter_mut()
            .find(|rule| rule.kind == POLICY && rule.name == spec.policy_name)
            .ok_or_else(|| format!("there is no policy `{}`", shortened(&spec.policy_name)))?;
        rule.in_force.push(Force {
            binding: document["metadata"]["name"].as_str().map(str::to_owned),
            matches: spec.match_resources,
            actions: actions(&spec.validation_actions)?,
            parameters: spec.param_ref,
        });
        Ok(())
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        #[cfg(feature = "rego")]
        return self.all.len() + self.constraints.len();
        #[cfg(not(feature = "rego"))]
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs every rule over one operation on one object: a verdict for each rule and binding, in the order read. The review
    /// says what is known: the object and its predecessor, the namespace as an object, the request and who makes it. A rule
    /// that needs what is not known answers [`Answer::Error`], and says what that is.
    ///
    /// Pure, within a budget for each expression; many reviews can be judged at once.
    pub fn judge(&self, review: &Review<'_>) -> Vec<Verdict> {
        self.judge_lacking(review, &Lacking::default())
    }

    /// As [`Rules::judge`], of an object of which something was left out.
    pub fn judge_lacking(&self, review: &Review<'_>, lacking: &Lacking) -> Vec<Verdict> {
        let mut out = Vec::new();
        let lacks = |at: usize| lacking.0.get(at).and_then(Option::as_deref);
        for (at, rule) in self.all.iter().enumerate() {
            for force in &rule.in_force {
                let (answer, annotations) = self.one(rule, force, review, lacks(at));
                out.push(Verdict {
                    kind: rule.kind.to_owned(),
                    name: rule.name.clone(),
                    binding: force.binding.clone(),
                    answer,
                    actions: force.actions.clone(),
                    ignores_errors: rule.ignores_errors,
                    annotations,
                });
            }
        }
        #[cfg(feature = "rego")]
        out.extend(self.constraints.iter().enumerate().map(|(at, one)| Verdict {
            kind: one.kind().to_owned(),
            name: one.name().to_owned(),
            binding: None,
            answer: match lacks(self.all.len() + at) {
                Some(field) if one.fits(review) => left_out(field),
                _ => one.judge(review),
            },
            actions: vec![one.action],
            ignores_errors: false,
            annotations: BTreeMap::new(),
        }));
        out
    }

    /// What each rule looks at of what was left out.
    pub fn lacking(&self, left_out: &LeftOut) -> Lacking {
        let of_rules = self.all.iter().map(|rule| {
            let exceptions = self.exceptions.iter().filter(|one| one.policies.contains(&rule.name));
            left_out.of(&rule.text).or_else(|| exceptions.into_iter().find_map(|one| left_out.of(&one.text)))
        });
        #[cfg(feature = "rego")]
        let of_rules = of_rules.chain(self.constraints.iter().map(|one| left_out.of(&one.text())));
        Lacking(of_rules.collect())
    }

    /// Whether anything may depend on what namespaces say of themselves.
    pub fn looks_at_namespaces(&self) -> bool {
        let rule = |rule: &Rule| {
            rule.matches.looks_at_namespaces()
                || rule.in_force.iter().any(|force| force.matches.looks_at_namespaces())
                || rule.expressions.looks_at("namespaceObject")
        };
        #[cfg(feature = "rego")]
        if self.constraints.iter().any(crate::gatekeeper::InForce::looks_at_namespaces) {
            return true;
        }
        self.all.iter().any(rule)
            || self.exceptions.iter().any(|one| one.expressions.looks_at("namespaceObject"))
    }

    /// Whether any rule may be about objects of a kind. `resource` is its name in rights: `deployments`.
    pub fn is_about(&self, group: &str, resource: &str, kind: &str) -> bool {
        #[cfg(feature = "rego")]
        if self.constraints.iter().any(|one| one.is_about(group, kind)) {
            return true;
        }
        #[cfg(not(feature = "rego"))]
        let _ = kind;
        self.all.iter().any(|rule| {
            rule.matches.is_about(group, resource) || kyverno::makes_pods(&rule.controllers, group, resource)
        })
    }

    /// The kinds that rules are about, as group and name in rights, sorted; `*` for all.
    pub fn subjects(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        for rule in &self.all {
            all.extend(rule.matches.subjects());
            all.extend(kyverno::makers(&rule.controllers));
        }
        #[cfg(feature = "rego")]
        all.extend(self.constraints.iter().flat_map(crate::gatekeeper::InForce::subjects));
        all.sort();
        all.dedup();
        all
    }

    fn one<'a>(
        &'a self,
        rule: &'a Rule,
        force: &Force,
        review: &Review<'a>,
        lacks: Option<&str>,
    ) -> (Answer, BTreeMap<String, String>) {
        let nothing = BTreeMap::new();
        if rule.namespace.as_ref().is_some_and(|namespace| namespace != review.namespace) {
            return (Answer::Skip, nothing);
        }
        let mut scope = Scope::of(review);
        match rule.matches.fits(review) {
            Ok(true) => {}
            Ok(false) => {
                // A rule about pods is about what makes pods as well: it looks at the pod in it.
                let pod = |object| as_pod(&rule.controllers, review, object);
                match (review.object.and_then(pod), rule.matches.fits_namespace(review)) {
                    (Some(pod), Ok(true)) => scope.object = pod,
                    (Some(_), Err(reason)) => return (Answer::Error(reason), nothing),
                    (None, _) | (_, Ok(false)) => return (Answer::Skip, nothing),
                }
                scope.old_object = review.old_object.and_then(pod).unwrap_or(CelValue::Null);
            }
            Err(reason) => return (Answer::Error(reason), nothing),
        }
        match force.matches.fits(review) {
            Ok(true) => {}
            Ok(false) => return (Answer::Skip, nothing),
            Err(reason) => return (Answer::Error(reason), nothing),
        }
        if let Some(field) = lacks {
            return (left_out(field), nothing);
        }
        for exception in self.exceptions.iter().filter(|exception| exception.policies.contains(&rule.name)) {
            // An exception that cannot be told excepts nothing.
            if exception.expressions.judge(&Scope::of(review)).answer == Answer::Pass {
                return (Answer::Skip, nothing);
            }
        }
        let Some((api, kind)) = &rule.parameters else {
            let outcome = rule.expressions.judge(&scope);
            return (outcome.answer, outcome.annotations);
        };
        let Some(reference) = &force.parameters else {
            return (Answer::Error(format!("nobody says which {kind} gives its parameters")), nothing);
        };
        let found = self.parameters(api, kind, reference, review);
        if found.is_empty() {
            let answer = match reference.parameter_not_found_action.as_deref() {
                Some("Allow") => Answer::Skip,
                _ => Answer::Error(format!("there is no {kind} that gives its parameters")),
            };
            return (answer, nothing);
        }
        let mut annotations = BTreeMap::new();
        let mut all = Answer::Skip;
        for parameters in found {
            let scope = Scope { params: Ok(CelValue::from(parameters)), ..scope.clone() };
            let outcome = rule.expressions.judge(&scope);
            annotations.extend(outcome.annotations);
            all = both(all, outcome.answer);
        }
        (all, annotations)
    }

    fn parameters(
        &self,
        api: &str,
        kind: &str,
        reference: &ParameterReference,
        review: &Review<'_>,
    ) -> Vec<&Value> {
        self.objects
            .iter()
            .filter(|object| {
                let metadata = &object["metadata"];
                let named =
                    reference.name.as_deref().is_none_or(|name| metadata["name"].as_str() == Some(name));
                let namespace = metadata["namespace"].as_str();
                let placed = match (&reference.namespace, namespace) {
                    (_, None) => true,
                    (Some(wanted), Some(namespace)) => wanted == namespace,
                    (None, Some(namespace)) => namespace == review.namespace,
                };
                let selected = reference
                    .selector
                    .as_ref()
                    .is_none_or(|selector| selector.fits(Some(&Json::from(*object))));
                object["apiVersion"].as_str() == Some(api)
                    && object["kind"].as_str() == Some(kind)
                    && named
                    && placed
                    && selected
            })
            .collect()
    }
}

/// What is said by a rule that looks at what is not there to be looked at.
fn left_out(field: &str) -> Answer {
    Answer::Error(format!("not known: `{}` of the object, which was left out", shortened(field)))
}

/// The worse of two answers, with everything that either says.
fn both(one: Answer, two: Answer) -> Answer {
    match (one, two) {
        (Answer::Fail(mut one), Answer::Fail(two)) => {
            one.extend(two);
            Answer::Fail(one)
        }
        (fail @ Answer::Fail(_), _) | (_, fail @ Answer::Fail(_)) => fail,
        (error @ Answer::Error(_), _) | (_, error @ Answer::Error(_)) => error,
        (Answer::Pass, _) | (_, Answer::Pass) => Answer::Pass,
        (Answer::Skip, Answer::Skip) => Answer::Skip,
    }
}

fn refused(document: &Value, reason: String) -> LoadError {
    LoadError {
        kind: document["kind"].as_str().unwrap_or_default().to_owned(),
        name: document["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
        reason,
    }
}

fn actions(texts: &[String]) -> Result<Vec<Action>, String> {
    let mut out = texts
        .iter()
        .map(|text| {
            Action::parse(text).ok_or_else(|| format!("`{}` is no validation action", shortened(text)))
        })
        .collect::<Result<Vec<_>, _>>()?;
    out.sort_unstable();
    out.dedup();
    Ok(out)
}

fn ignores(failure_policy: Option<&str>) -> Result<bool, String> {
    match failure_policy {
        None | Some("Fail") => Ok(false),
        Some("Ignore") => Ok(true),
        Some(other) => Err(format!("failurePolicy `{}` is neither Fail nor Ignore", shortened(other))),
    }
}

fn name(document: &Value) -> Result<String, String> {
    let name = document["metadata"]["name"].as_str().unwrap_or_default();
    if name.is_empty() { Err("it has no name".into()) } else { Ok(name.to_owned()) }
}

fn policy(document: &Value) -> Result<Rule, String> {
    let spec = PolicySpec::deserialize(&document["spec"]).map_err(|error| error.to_string())?;
    if spec.validations.is_empty() && spec.audit_annotations.is_empty() {
        return Err("it has neither validations nor auditAnnotations".into());
    }
    let written = Written {
        conditions: spec.match_conditions,
        variables: spec.variables,
        validations: spec.validations,
        annotations: spec.audit_annotations,
        ..Written::default()
    };
    Ok(Rule {
        text: written.text(),
        kind: POLICY,
        name: name(document)?,
        namespace: None,
        matches: spec.match_constraints,
        expressions: Expressions::new(&written)?,
        ignores_errors: ignores(spec.failure_policy.as_deref())?,
        parameters: spec.param_kind.map(|kind| (kind.api_version, kind.kind)),
        controllers: Vec::new(),
        in_force: Vec::new(),
    })
}

fn validating_policy(document: &Value) -> Result<Rule, String> {
    let spec = kyverno::Spec::deserialize(&document["spec"]).map_err(|error| error.to_string())?;
    if !spec.is_of_kubernetes() {
        return Err("it is about other JSON than objects of Kubernetes (evaluation.mode)".into());
    }
    if spec.validations.is_empty() {
        return Err("it has no validations".into());
    }
    let controllers = spec.controllers();
    let namespaced = document["kind"] == KYVERNO[1];
    let kind = if namespaced { KYVERNO[1] } else { KYVERNO[0] };
    let namespace = document["metadata"]["namespace"].as_str().filter(|_| namespaced).map(str::to_owned);
    let actions = if spec.validation_actions.is_empty() {
        vec![Action::Deny]
    } else {
        actions(&spec.validation_actions)?
    };
    let written = Written {
        conditions: spec.match_conditions,
        variables: spec.variables,
        validations: spec.validations,
        annotations: spec.audit_annotations,
        lenient: true,
        ..Written::default()
    };
    Ok(Rule {
        text: written.text(),
        kind,
        name: name(document)?,
        namespace,
        matches: spec.match_constraints,
        expressions: Expressions::new(&written)?,
        ignores_errors: ignores(spec.failure_policy.as_deref())?,
        parameters: None,
        controllers,
        in_force: vec![Force { binding: None, matches: Match::default(), actions, parameters: None }],
    })
}

fn exception(document: &Value) -> Result<Exception, String> {
    let spec = kyverno::ExceptionSpec::deserialize(&document["spec"]).map_err(|error| error.to_string())?;
    let written = Written { conditions: spec.match_conditions, lenient: true, ..Written::default() };
    let policies = spec
        .policy_refs
        .into_iter()
        .filter(|one| KYVERNO.contains(&one.kind.as_str()))
        .map(|one| one.name)
        .collect();
    Ok(Exception { policies, expressions: Expressions::new(&written)?, text: written.text() })
}
