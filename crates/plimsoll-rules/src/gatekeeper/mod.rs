//! Gatekeeper's templates and constraints (`templates.gatekeeper.sh`, `constraints.gatekeeper.sh`), run as they are.
//!
//! Rego runs in `regorus`; where it reads the language otherwise than OPA, the text is written so that both agree first
//! (see [`dialect`]). There is no access to anything but the object and the inventory that is handed in.

mod dialect;
mod matching;
mod schema;

use std::num::NonZeroU32;
use std::time::Duration;

use plimsoll_model::shortened;
use regorus::Engine;
use regorus::utils::limits::ExecutionTimerConfig;
use serde::Deserialize;
use serde_json::Value;

use crate::gatekeeper::matching::Match;
use crate::{Action, Answer, Json, LoadError, Review, Violation};

/// Longest time that one template may take for one object.
const LONGEST: Duration = Duration::from_secs(2);
/// Largest text of Rego in bytes.
const LARGEST: usize = 1024 * 1024;

/// A template: the rule, without the parameters that a constraint gives it.
#[derive(Clone, Debug)]
pub struct Template {
    /// The kind of its constraints.
    pub kind: String,
    name: String,
    engine: Engine,
    /// `data.PACKAGE.violation`.
    rule: String,
    /// It looks at other objects than the one in question.
    looks_around: bool,
    /// All of its Rego.
    text: String,
    /// What its constraints' parameters must be like; null for anything.
    schema: Value,
}

/// A constraint: which objects a template is about, and with which parameters.
#[derive(Clone, Debug)]
pub struct Constraint {
    /// The kind that its template has.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// `deny`, `warn`, `dryrun`.
    pub action: String,
    matches: Match,
    parameters: regorus::Value,
    written: Value,
    /// With `enforcementAction: scoped`: where it holds, as it is written.
    scopes: Vec<String>,
}

/// Objects that rules may look at beside the one in question, by Gatekeeper's own layout.
#[derive(Clone, Debug)]
pub struct Inventory(regorus::Value);

#[derive(Deserialize)]
struct WrittenTemplate {
    metadata: Metadata,
    spec: TemplateSpec,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct TemplateSpec {
    crd: Crd,
    #[serde(default)]
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Crd {
    spec: CrdSpec,
}

#[derive(Deserialize)]
struct CrdSpec {
    names: Names,
    #[serde(default)]
    validation: Validation,
}

#[derive(Deserialize, Default)]
struct Validation {
    #[serde(default, rename = "openAPIV3Schema")]
    schema: Value,
}

#[derive(Deserialize)]
struct Names {
    kind: String,
}

#[derive(Deserialize)]
struct Target {
    #[serde(rename = "target", default)]
    handler: String,
    #[serde(default)]
    rego: Option<String>,
    #[serde(default)]
    libs: Vec<String>,
    #[serde(default)]
    code: Vec<Code>,
}

#[derive(Deserialize)]
struct Code {
    engine: String,
    #[serde(default)]
    source: Value,
}

#[derive(Deserialize)]
struct RegoSource {
    rego: String,
    #[serde(default)]
    libs: Vec<String>,
}

#[derive(Deserialize)]
struct WrittenConstraint {
    kind: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: ConstraintSpec,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ConstraintSpec {
    enforcement_action: Option<String>,
    scoped_enforcement_actions: Vec<ScopedAction>,
    #[serde(rename = "match")]
    matches: Match,
    parameters: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopedAction {
    #[serde(default)]
    enforcement_points: Vec<Metadata>,
}

impl Template {
    /// Takes a template.
    ///
    /// # Errors
    /// When it has no Rego for Kubernetes' admission, or Rego that does not compile.
    pub fn new(document: &Value) -> Result<Self, LoadError> {
        let name = document["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let refuse =
            |reason: String| LoadError { kind: "ConstraintTemplate".into(), name: name.clone(), reason };
        let written = WrittenTemplate::deserialize(document).map_err(|error| refuse(error.to_string()))?;
        let CrdSpec { names: Names { kind }, validation: Validation { schema } } = written.spec.crd.spec;
        // Gatekeeper's own rule: the constraints' kind gives the template its name.
        if written.metadata.name != kind.to_lowercase() {
            return Err(refuse(format!("its name is not its constraints' kind `{kind}` in lower case")));
        }
        let target = match written.spec.targets.as_slice() {
            [one] if one.handler == "admission.k8s.gatekeeper.sh" => one,
            [one] => return Err(refuse(format!("`{}` is no target that is known", one.handler))),
            other => return Err(refuse(format!("it has {} targets instead of one", other.len()))),
        };
        let in_code = target.code.iter().find(|code| code.engine == "Rego");
        let source = match (&target.rego, in_code) {
            (Some(rego), _) => RegoSource { rego: rego.clone(), libs: target.libs.clone() },
            (None, Some(code)) => RegoSource::deserialize(&code.source)
                .map_err(|error| refuse(format!("code of engine Rego: {error}")))?,
            (None, None) => return Err(refuse("it has no code of engine Rego".into())),
        };
        let mut engine = Engine::new();
        engine.set_rego_v0(true);
        let mut add = |what: String, text: &str| {
            if text.len() > LARGEST {
                return Err(refuse(format!("{what} is larger than {LARGEST} bytes")));
            }
            engine.add_policy(what.clone(), dialect::plain(text)).map_err(|error| refuse(error.to_string()))
        };
        let package = add("rego".into(), &source.rego)?;
        for (number, lib) in source.libs.iter().enumerate() {
            let package = add(format!("libs[{number}]"), lib)?;
            if !(package == "data.lib" || package.starts_with("data.lib.")) {
                return Err(refuse(format!("libs[{number}] is of package `{package}`, not of `lib`")));
            }
        }
        engine.set_execution_timer_config(ExecutionTimerConfig {
            limit: LONGEST,
            check_interval: NonZeroU32::new(1000).unwrap_or(NonZeroU32::MIN),
        });
        let all = || [&source.rego].into_iter().chain(&source.libs);
        let looks_around = all().any(|text| dialect::looks_around(text));
        let text = all().map(String::as_str).collect::<Vec<_>>().join("\n");
        let mut template =
            Template { kind, name, engine, rule: format!("{package}.violation"), looks_around, text, schema };
        // What is only found when a rule runs (unknown functions, unsafe variables) is found here.
        template.engine.set_input(regorus::Value::new_object());
        template.engine.eval_rule(template.rule.clone()).map_err(|error| LoadError {
            kind: "ConstraintTemplate".into(),
            name: template.name.clone(),
            reason: error.to_string(),
        })?;
        Ok(template)
    }

    /// Whether a constraint is one of its own, with parameters that it takes.
    ///
    /// # Errors
    /// When its kind is another one, or the parameters do not fit the schema.
    pub fn takes(&self, constraint: &Constraint) -> Result<(), LoadError> {
        let refuse =
            |reason| LoadError { kind: constraint.kind.clone(), name: constraint.name.clone(), reason };
        if self.kind != constraint.kind {
            return Err(refuse(format!("it is a `{}`, the template makes `{}`", constraint.kind, self.kind)));
        }
        schema::fault(&self.schema, &constraint.written).map_or(Ok(()), |fault| Err(refuse(fault)))
    }
}

/// A template with a constraint, in force.
#[derive(Debug)]
pub(crate) struct InForce {
    template: std::sync::Arc<Template>,
    constraint: Constraint,
    pub(crate) action: Action,
}

/// Takes the templates and constraints among these objects, each constraint with its template. What cannot be used is named.
pub(crate) fn load(documents: &[Value]) -> (Vec<InForce>, Vec<LoadError>) {
    let mut errors = Vec::new();
    let mut templates: Vec<std::sync::Arc<Template>> = Vec::new();
    let of = |document: &Value, start: &str| {
        document["apiVersion"].as_str().is_some_and(|version| version.starts_with(start))
    };
    for document in documents.iter().filter(|document| of(document, "templates.gatekeeper.sh/")) {
        match Template::new(document) {
            // Without the other objects it would find nothing wrong, ever.
            Ok(template) if template.looks_around => errors.push(LoadError {
                kind: "ConstraintTemplate".into(),
                name: template.name,
                reason: "it looks at other objects (data.inventory), which are not known here".into(),
            }),
            Ok(template) => templates.push(std::sync::Arc::new(template)),
            Err(error) => errors.push(error),
        }
    }
    let mut all = Vec::new();
    for document in documents.iter().filter(|document| of(document, "constraints.gatekeeper.sh/")) {
        let loaded = Constraint::new(document).and_then(|constraint| {
            let refuse = |reason: String| LoadError {
                kind: constraint.kind.clone(),
                name: constraint.name.clone(),
                reason,
            };
            let template = templates
                .iter()
                .find(|template| template.kind == constraint.kind)
                .ok_or_else(|| refuse("there is no template for it that can be used".into()))?;
            template.takes(&constraint)?;
            let action = match constraint.action.as_str() {
                "deny" => Action::Deny,
                "warn" => Action::Warn,
                "dryrun" => Action::Audit,
                other => {
                    return Err(refuse(format!(
                        "enforcementAction `{}` is none of deny, warn, dryrun",
                        shortened(other)
                    )));
                }
            };
            Ok(InForce { template: template.clone(), constraint, action })
        });
        match loaded {
            Ok(one) => all.push(one),
            Err(error) => errors.push(error),
        }
    }
    (all, errors)
}

impl InForce {
    pub(crate) fn kind(&self) -> &str {
        &self.constraint.kind
    }

    pub(crate) fn name(&self) -> &str {
        &self.constraint.name
    }

    /// All that is written in it.
    pub(crate) fn text(&self) -> String {
        format!("{}\n{}", self.template.text, self.constraint.parameters)
    }

    pub(crate) fn looks_at_namespaces(&self) -> bool {
        self.constraint.matches.looks_at_namespaces()
    }

    pub(crate) fn is_about(&self, group: &str, kind: &str) -> bool {
        self.constraint.matches.is_about(group, kind)
    }

    pub(crate) fn subjects(&self) -> Vec<(String, String)> {
        self.constraint.matches.subjects()
    }

    /// Whether the object is one of those that it is about.
    pub(crate) fn fits(&self, review: &Review<'_>) -> bool {
        self.constraint.matches.lacks_namespace(review) || self.constraint.matches.fits(review)
    }

    pub(crate) fn judge(&self, review: &Review<'_>) -> Answer {
        if self.constraint.matches.lacks_namespace(review) {
            return Answer::Error(format!("not known: the labels of the namespace `{}`", review.namespace));
        }
        judge(&self.template, &self.constraint, review, &Inventory::default())
    }
}

impl Constraint {
    /// Takes a constraint.
    ///
    /// # Errors
    /// When it does not have the form of one.
    pub fn new(document: &Value) -> Result<Self, LoadError> {
        let named = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
        let refuse = |reason: String| LoadError {
            kind: named("kind"),
            name: document["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
            reason,
        };
        if !named("apiVersion").starts_with("constraints.gatekeeper.sh/") {
            return Err(refuse(format!("apiVersion `{}` is that of no constraint", named("apiVersion"))));
        }
        let written = WrittenConstraint::deserialize(document).map_err(|error| refuse(error.to_string()))?;
        let parameters = match &written.spec.parameters {
            Value::Null => regorus::Value::new_object(),
            other => regorus::Value::from_json_str(&other.to_string())
                .map_err(|error| refuse(format!("parameters: {error}")))?,
        };
        Ok(Constraint {
            kind: written.kind,
            name: written.metadata.name,
            action: written.spec.enforcement_action.unwrap_or_else(|| "deny".into()),
            matches: written.spec.matches,
            parameters,
            written: written.spec.parameters,
            scopes: written
                .spec
                .scoped_enforcement_actions
                .into_iter()
                .flat_map(|one| one.enforcement_points)
                .map(|point| point.name)
                .collect(),
        })
    }

    /// Whether it holds where tests run (`gator.gatekeeper.sh`).
    pub(crate) fn holds_in_tests(&self) -> bool {
        self.action != "scoped" || self.scopes.iter().any(|one| one == "*" || one == "gator.gatekeeper.sh")
    }

    /// Whether nothing can be said of an object, because the labels of its namespace decide and are not known.
    pub(crate) fn lacks_namespace(&self, review: &Review<'_>) -> bool {
        self.matches.lacks_namespace(review)
    }
}

impl Default for Inventory {
    fn default() -> Self {
        Inventory(regorus::Value::new_object())
    }
}

impl Inventory {
    /// The inventory of these objects.
    ///
    /// # Errors
    /// When an object has no kind or name.
    pub fn of<'o>(objects: impl IntoIterator<Item = &'o Value>) -> Result<Self, String> {
        let (mut cluster, mut namespaces) = (serde_json::Map::new(), serde_json::Map::new());
        for object in objects {
            let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
            let (Some(api), Some(kind), Some(name)) =
                (text(&object["apiVersion"]), text(&object["kind"]), text(&object["metadata"]["name"]))
            else {
                return Err("an object of the inventory has no apiVersion, kind or name".into());
            };
            let root = match text(&object["metadata"]["namespace"]) {
                Some(namespace) => inner(&mut namespaces, namespace),
                None => Some(&mut cluster),
            };
            let place = root.and_then(|root| inner(root, api)).and_then(|root| inner(root, kind));
            if let Some(place) = place {
                place.insert(name, object.clone());
            }
        }
        let text =
            serde_json::json!({"inventory": {"cluster": cluster, "namespace": namespaces}}).to_string();
        regorus::Value::from_json_str(&text).map(Inventory).map_err(|error| error.to_string())
    }
}

fn inner(
    map: &mut serde_json::Map<String, Value>,
    key: String,
) -> Option<&mut serde_json::Map<String, Value>> {
    map.entry(key).or_insert_with(|| Value::Object(serde_json::Map::new())).as_object_mut()
}

/// A text as the Rego of a template.
pub(crate) fn fuzz(text: &str) {
    if dialect::plain(text).len() < 64 * 1024 {
        let document = serde_json::json!({
            "metadata": {"name": "k"},
            "spec": {
                "crd": {"spec": {"names": {"kind": "K"}}},
                "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": text}],
            },
        });
        let _ = Template::new(&document);
    }
}

/// What a template with a constraint says of an object.
pub fn judge(
    template: &Template,
    constraint: &Constraint,
    review: &Review<'_>,
    inventory: &Inventory,
) -> Answer {
    if !constraint.matches.fits(review) {
        return Answer::Skip;
    }
    match violations(template, constraint, review, inventory) {
        Ok(violations) => Answer::from_violations(violations),
        Err(reason) => Answer::Error(format!("{}: {reason}", template.name)),
    }
}

fn violations(
    template: &Template,
    constraint: &Constraint,
    review: &Review<'_>,
    inventory: &Inventory,
) -> Result<Vec<Violation>, String> {
    let mut engine = template.engine.clone();
    engine.add_data(inventory.0.clone()).map_err(|error| error.to_string())?;
    let mut input = regorus::Value::new_object();
    let map = input.as_object_mut().map_err(|error| error.to_string())?;
    map.insert("review".into(), request(review)?);
    map.insert("parameters".into(), constraint.parameters.clone());
    engine.set_input(input);
    let found = engine.eval_rule(template.rule.clone()).map_err(|error| error.to_string())?;
    let all: Vec<&regorus::Value> = match &found {
        regorus::Value::Set(set) => set.iter().collect(),
        regorus::Value::Array(list) => list.iter().collect(),
        regorus::Value::Undefined => Vec::new(),
        other => return Err(format!("`violation` is no set but {}", shortened(&other.to_string()))),
    };
    all.into_iter()
        .map(|one| {
            let message = one.as_object().ok().and_then(|map| map.get(&"msg".into()));
            match message.and_then(|message| message.as_string().ok()) {
                Some(message) => Ok(Violation { message: message.to_string() }),
                None => Err("a violation has no `msg`".to_owned()),
            }
        })
        .collect()
}

/// `input.review`: the request as it came, or one made of the object that Gatekeeper's audit and `gator` make.
fn request(review: &Review<'_>) -> Result<regorus::Value, String> {
    if let Some(request) = review.request {
        let mut out = value(request)?;
        // What is deleted is the object that is looked at, as Gatekeeper has it.
        if let (crate::Operation::Delete, None, Some(old)) =
            (review.operation, review.object, review.old_object)
        {
            let map = out.as_object_mut().map_err(|error| error.to_string())?;
            map.insert("object".into(), value(old)?);
        }
        return Ok(out);
    }
    let mut out = regorus::Value::new_object();
    let map = out.as_object_mut().map_err(|error| error.to_string())?;
    let mut kind = regorus::Value::new_object();
    let parts = kind.as_object_mut().map_err(|error| error.to_string())?;
    for (key, text) in [("group", review.group), ("version", review.version), ("kind", review.kind)] {
        parts.insert(key.into(), text.into());
    }
    map.insert("kind".into(), kind);
    for (key, text) in [("name", review.name), ("namespace", review.namespace)] {
        if !text.is_empty() {
            map.insert(key.into(), text.into());
        }
    }
    if let Some(operation) = review.operation.name() {
        map.insert("operation".into(), operation.into());
    }
    for (key, object) in
        [("object", review.object), ("oldObject", review.old_object), ("userInfo", review.user)]
    {
        if let Some(object) = object {
            map.insert(key.into(), value(object)?);
        }
    }
    Ok(out)
}

fn value(json: &Json<'_>) -> Result<regorus::Value, String> {
    regorus::Value::from_json_str(&json.to_string()).map_err(|error| error.to_string())
}
