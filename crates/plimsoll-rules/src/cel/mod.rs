//! Rules in CEL: what ValidatingAdmissionPolicies, Kyverno's ValidatingPolicies and Gatekeeper's K8sNativeValidation share.

pub(crate) mod kyverno;
pub(crate) mod matching;

use std::collections::BTreeMap;

use plimsoll_cel::{Activation, BUDGET, Environment, Error, Failure, Kind, Program, Type, Value};
use serde::Deserialize;

use crate::{Answer, Operation, Review, Violation};

/// Most expressions of one rule.
const MOST: usize = 500;

/// The authorizer answers for the one who asks; nobody here can.
const AUTHORIZER: [&str; 2] = ["authorizer", "authorizer.requestResource"];

/// An expression with a name, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WrittenNamed {
    pub(crate) name: String,
    pub(crate) expression: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WrittenValidation {
    expression: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    message_expression: Option<String>,
    #[serde(default, rename = "reason")]
    _reason: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WrittenAnnotation {
    key: String,
    value_expression: String,
}

/// The expressions of a rule, as written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    pub(crate) conditions: Vec<WrittenNamed>,
    pub(crate) variables: Vec<WrittenNamed>,
    pub(crate) validations: Vec<WrittenValidation>,
    pub(crate) annotations: Vec<WrittenAnnotation>,
    /// Variables that the engine itself gives: `variables.anyObject`.
    pub(crate) given: Vec<&'static str>,
    /// Written for Kyverno.
    pub(crate) lenient: bool,
}

impl Written {
    /// Everything that is written in it.
    pub(crate) fn text(&self) -> String {
        let named = self.conditions.iter().chain(&self.variables).map(|one| one.expression.as_str());
        let validations = self.validations.iter().flat_map(|one| {
            [Some(one.expression.as_str()), one.message_expression.as_deref()].into_iter().flatten()
        });
        let annotations = self.annotations.iter().map(|one| one.value_expression.as_str());
        named.chain(validations).chain(annotations).collect::<Vec<_>>().join("\n")
    }
}

#[derive(Debug)]
struct Named {
    name: String,
    program: Program,
}

#[derive(Debug)]
struct Validation {
    text: String,
    program: Program,
    message: Option<String>,
    message_program: Option<Program>,
}

/// The expressions of a rule, compiled.
#[derive(Debug)]
pub(crate) struct Expressions {
    conditions: Vec<Named>,
    variables: Vec<Named>,
    validations: Vec<Validation>,
    annotations: Vec<Named>,
}

/// What expressions look at.
#[derive(Clone, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) object: Value<'a>,
    pub(crate) old_object: Value<'a>,
    pub(crate) request: Value<'a>,
    pub(crate) namespace: Result<Value<'a>, String>,
    pub(crate) params: Result<Value<'a>, String>,
    pub(crate) given: Vec<(&'static str, Value<'a>)>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    pub(crate) annotations: BTreeMap<String, String>,
}

fn request_type() -> Type {
    let kind = || Type::object("kind", ["group", "version", "kind"].map(|field| (field, Type::String)));
    let resource =
        || Type::object("resource", ["group", "version", "resource"].map(|field| (field, Type::String)));
    let user = Type::object(
        "userInfo",
        [
            ("username", Type::String),
            ("uid", Type::String),
            ("groups", Type::list(Type::String)),
            ("extra", Type::map(Type::String, Type::list(Type::String))),
        ],
    );
    Type::object(
        "request",
        [
            ("uid", Type::String),
            ("kind", kind()),
            ("resource", resource()),
            ("subResource", Type::String),
            ("requestKind", kind()),
            ("requestResource", resource()),
            ("requestSubResource", Type::String),
            ("name", Type::String),
            ("namespace", Type::String),
            ("operation", Type::String),
            ("userInfo", user),
            ("dryRun", Type::Bool),
            ("options", Type::Dyn),
        ],
    )
}

fn environment() -> Environment {
    let mut environment = Environment::kubernetes();
    for name in ["object", "oldObject", "namespaceObject", "params"] {
        environment.declare(name, Type::Dyn);
    }
    environment.declare("request", request_type());
    environment.declare(AUTHORIZER[0], Type::Opaque(Kind::Authorizer));
    environment.declare(AUTHORIZER[1], Type::Opaque(Kind::ResourceCheck));
    environment
}

/// Compiles a text that must give a value of that type, or one that is not known before it is evaluated.
fn compile(place: &str, text: &str, environment: &Environment, of: Option<&Type>) -> Result<Program, String> {
    let program = Program::compile(text, environment).map_err(|error| format!("{place}: {error}"))?;
    match of {
        Some(of) if program.result() != of && *program.result() != Type::Dyn => {
            Err(format!("{place}: the value is of type {}, not {of}", program.result()))
        }
        _ => Ok(program),
    }
}

impl Expressions {
    pub(crate) fn new(written: &Written) -> Result<Self, String> {
        let count = written.conditions.len()
            + written.variables.len()
            + written.validations.len()
            + written.annotations.len();
        if count > MOST {
            return Err(format!("more than {MOST} expressions"));
        }
        let mut environment = environment();
        if written.lenient {
            environment = environment.lenient();
        }
        let conditions = written
            .conditions
            .iter()
            .map(|one| {
                let place = format!("matchConditions `{}`", one.name);
                let program = compile(&place, &one.expression, &environment, Some(&Type::Bool))?;
                Ok(Named { name: one.name.clone(), program })
            })
            .collect::<Result<_, String>>()?;
        for name in &written.given {
            environment.declare(*name, Type::Dyn);
        }
        let mut variables = Vec::new();
        for one in &written.variables {
            let program = compile(&format!("variables `{}`", one.name), &one.expression, &environment, None)?;
            let name = format!("variables.{}", one.name);
            environment.declare(&name, program.result().clone());
            variables.push(Named { name, program });
        }
        let validations = written
            .validations
            .iter()
            .enumerate()
            .map(|(at, one)| {
                let place = |key: &str| format!("validations[{at}].{key}");
                let message_program = one
                    .message_expression
                    .as_deref()
                    .map(|text| compile(&place("messageExpression"), text, &environment, Some(&Type::String)))
                    .transpose()?;
                Ok(Validation {
                    text: one.expression.trim().to_owned(),
                    program: compile(&place("expression"), &one.expression, &environment, Some(&Type::Bool))?,
                    message: one.message.clone().filter(|message| !message.trim().is_empty()),
                    message_program,
                })
            })
            .collect::<Result<_, String>>()?;
        let annotations = written
            .annotations
            .iter()
            .map(|one| {
                let place = format!("auditAnnotations `{}`", one.key);
                // A text, or null for no annotation.
                let program = compile(&place, &one.value_expression, &environment, None)?;
                if !matches!(program.result(), Type::String | Type::Null | Type::Dyn) {
                    return Err(format!("{place}: the value is of type {}, not string", program.result()));
                }
                Ok(Named { name: one.key.clone(), program })
            })
            .collect::<Result<_, String>>()?;
        Ok(Expressions { conditions, variables, validations, annotations })
    }

    /// Whether any of them looks at a variable.
    pub(crate) fn looks_at(&self, variable: &str) -> bool {
        let named = [&self.conditions, &self.variables, &self.annotations].into_iter().flatten();
        let validations =
            self.validations.iter().flat_map(|one| [Some(&one.program), one.message_program.as_ref()]);
        named
            .map(|one| &one.program)
            .chain(validations.flatten())
            .any(|program| program.variables().any(|name| name == variable))
    }

    pub(crate) fn judge<'a>(&'a self, scope: &Scope<'a>) -> Outcome {
        let mut activation = Activation::new()
            .with("object", scope.object.clone())
            .with("oldObject", scope.old_object.clone())
            .with("request", scope.request.clone());
        for (name, value) in [("namespaceObject", &scope.namespace), ("params", &scope.params)] {
            match value {
                Ok(value) => activation.set(name, value.clone()),
                Err(reason) => activation.set_unknown(name, reason.as_str()),
            }
        }
        for name in AUTHORIZER {
            activation.set_unknown(name, "what the authorizer of the cluster says");
        }
        let alone = |answer| Outcome { answer, annotations: BTreeMap::new() };
        match self.condition(&activation) {
            Ok(true) => {}
            Ok(false) => return alone(Answer::Skip),
            Err(reason) => return alone(Answer::Error(reason)),
        }
        for (name, value) in &scope.given {
            activation.set(name, value.clone());
        }
        for one in &self.variables {
            match one.program.evaluate(&activation, BUDGET) {
                Ok(value) => activation.set(&one.name, value),
                Err(error) => activation.set_failed(&one.name, error),
            }
        }
        let (mut violations, mut errors) = (Vec::new(), Vec::new());
        for (at, one) in self.validations.iter().enumerate() {
            match one.program.test(&activation, BUDGET) {
                Ok(true) => {}
                Ok(false) => violations.push(Violation { message: one.said(&activation) }),
                Err(error) => errors.push(format!("validations[{at}]: {}", said(&error))),
            }
        }
        let mut annotations = BTreeMap::new();
        for one in &self.annotations {
            match one.program.evaluate(&activation, BUDGET) {
                Ok(Value::String(text)) => {
                    annotations.insert(one.name.clone(), text.as_str().to_owned());
                }
                Ok(Value::Null) => {}
                Ok(other) => errors.push(format!(
                    "auditAnnotations `{}`: the value is a {}, not a text",
                    one.name,
                    other.type_name()
                )),
                Err(error) => errors.push(format!("auditAnnotations `{}`: {}", one.name, said(&error))),
            }
        }
        // What is seen not to fit does not, whatever could not be evaluated beside it.
        let answer = match (violations.is_empty(), errors.is_empty()) {
            (false, _) => Answer::Fail(violations),
            (true, false) => Answer::Error(errors.join("; ")),
            (true, true) => Answer::Pass,
        };
        Outcome { answer, annotations }
    }

    /// Whether all conditions hold: one that does not is enough, whatever could not be evaluated.
    fn condition<'a>(&'a self, activation: &Activation<'a>) -> Result<bool, String> {
        let mut failed = None;
        for one in &self.conditions {
            match one.program.test(activation, BUDGET) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) => {
                    failed.get_or_insert_with(|| format!("matchConditions `{}`: {}", one.name, said(&error)));
                }
            }
        }
        failed.map_or(Ok(true), Err)
    }
}

impl Validation {
    fn said<'a>(&'a self, activation: &Activation<'a>) -> String {
        let computed = self.message_program.as_ref().and_then(|program| {
            let value = program.evaluate(activation, BUDGET).ok()?;
            let text = value.as_str()?.trim();
            (!text.is_empty() && !text.contains('\n')).then(|| text.to_owned())
        });
        computed
            .or_else(|| self.message.clone())
            .unwrap_or_else(|| format!("failed expression: {}", self.text))
    }
}

fn said(error: &Error) -> String {
    match error.failure() {
        Failure::Unknown(reasons) => {
            let reasons: Vec<&str> = reasons.iter().map(|reason| &**reason).collect();
            format!("not known: {}", reasons.join(", "))
        }
        Failure::Error | Failure::Budget => error.to_string(),
    }
}

impl<'a> Scope<'a> {
    pub(crate) fn of(review: &Review<'a>) -> Self {
        let object = |json: Option<&'a crate::Json<'a>>| json.map_or(Value::Null, Value::from);
        let namespace = match (review.namespace_object, review.namespace) {
            (Some(namespace), _) => Ok(Value::from(namespace)),
            (None, "") => Ok(Value::Null),
            (None, name) => Err(format!("the namespace `{name}` as an object")),
        };
        Scope {
            object: object(review.object),
            old_object: object(review.old_object),
            request: request(review),
            namespace,
            params: Ok(Value::Null),
            given: Vec::new(),
        }
    }
}

/// The request as it came; of an object that is looked at where it lies, the one that would create it.
fn request<'a>(review: &Review<'a>) -> Value<'a> {
    if let Some(request) = review.request {
        return Value::from(request);
    }
    let resource = matching::resource(review);
    let kind = || {
        Value::object([
            ("group", Value::from(review.group)),
            ("version", review.version.into()),
            ("kind", review.kind.into()),
        ])
    };
    let plural = || {
        Value::object([
            ("group", Value::from(review.group)),
            ("version", review.version.into()),
            ("resource", resource.to_string().into()),
        ])
    };
    let mut fields = vec![
        ("kind", kind()),
        ("resource", plural()),
        ("requestKind", kind()),
        ("requestResource", plural()),
        ("name", review.name.into()),
        ("operation", operation(review.operation).into()),
    ];
    if !review.namespace.is_empty() {
        fields.push(("namespace", review.namespace.into()));
    }
    if !review.subresource.is_empty() {
        fields.push(("subResource", review.subresource.into()));
    }
    if let Some(user) = review.user {
        fields.push(("userInfo", Value::from(user)));
    }
    Value::object(fields)
}

/// What is looked at where it lies is judged as if it were created.
pub(crate) fn operation(operation: Operation) -> &'static str {
    operation.name().unwrap_or("CREATE")
}
