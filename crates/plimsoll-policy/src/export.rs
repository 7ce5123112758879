//! Policies as ValidatingAdmissionPolicies: what API servers can decide by themselves, without a webhook.
//!
//! Only what needs no evidence can be: names of images, Pod Security Standards, and expressions over the object. What cannot be carried over is
//! listed with the reason; it is for a webhook to ask. An exported policy is about pods only, since everything that runs
//! becomes one, and never lets in what the policy itself would refuse: without exceptions it may refuse more.

use std::fmt::Write as _;

use plimsoll_model::decision::Mode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::document::{Policies, Policy};
use crate::identity::Pattern;
use crate::requirement::{Requirement, Rule};

mod pod_security;

/// Namespaces of the cluster itself, which must be able to start.
pub const EXEMPT: [&str; 2] = ["kube-node-lease", "kube-system"];
/// Longest name of an object.
const LONGEST_NAME: usize = 253;

/// Something of a policy that was not exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The policy.
    pub policy: String,
    /// The requirement; none for the policy as a whole.
    pub requirement: Option<String>,
    /// Why, and where else it can be had.
    pub reason: String,
}

/// What became of policies.
#[derive(Clone, Debug, Default)]
pub struct Exported {
    /// ValidatingAdmissionPolicies and their bindings, in the order read.
    pub documents: Vec<Value>,
    /// What is not in them.
    pub left_out: Vec<LeftOut>,
}

/// Exports what needs no evidence. `exempt` are namespaces that nothing is asked about.
pub fn export(policies: &Policies, exempt: &[String]) -> Exported {
    let mut out = Exported::default();
    for policy in policies.policies() {
        let mut validations = Vec::new();
        let mut looks_at_object = false;
        for requirement in policy.requirements() {
            if let Rule::PodSecurity(standard) = &requirement.rule {
                let controls = pod_security::controls(*standard);
                validations.extend(controls.iter().map(|control| of_pod(requirement, control)));
                continue;
            }
            match predicate(&requirement.rule) {
                Ok(predicate) => {
                    looks_at_object |= requirement.names("object") || requirement.names("namespaceObject");
                    validations.push(validation(requirement, &predicate));
                }
                Err(reason) => out.left_out.push(LeftOut {
                    policy: policy.name().to_owned(),
                    requirement: Some(requirement.name().to_owned()),
                    reason,
                }),
            }
        }
        if !validations.is_empty() {
            let name = object_name(policy);
            out.documents.push(document(policy, &name, &validations, looks_at_object, exempt));
            out.documents.push(binding(policy, &name));
        }
    }
    let whole = |policy: &str, reason: &str| LeftOut {
        policy: policy.to_owned(),
        requirement: None,
        reason: reason.to_owned(),
    };
    for exception in policies.exceptions() {
        out.left_out.push(whole(
            exception.name(),
            "exceptions end, and API servers have no clock for policies: exclude a namespace or image in the policy itself",
        ));
    }
    if !policies.revocations().is_empty() {
        out.left_out
            .push(whole("revocations", "they need the digest of each image, which a webhook finds out"));
    }
    out
}

/// A text as CEL writes it.
fn text(value: &str) -> String {
    // What JSON escapes, CEL escapes so too.
    Value::from(value).to_string()
}

/// Whether a value fits one of these patterns.
fn fits(value: &str, patterns: &[Pattern]) -> String {
    let one = |pattern: &Pattern| format!("{value}.matches({})", text(&pattern.expression()));
    match patterns {
        [] => "false".into(),
        all => format!("({})", all.iter().map(one).collect::<Vec<_>>().join(" || ")),
    }
}

/// What must be true of an image `p` (`p.image` as written, `p.name` its repository).
fn predicate(rule: &Rule) -> Result<String, String> {
    let evidence = |what: &str| Err(format!("it needs {what}, which only a webhook can gather"));
    match rule {
        Rule::Registries { allow, deny } => {
            let denied = format!("!{}", fits("p.name", deny));
            Ok(if allow.is_empty() { denied } else { format!("({denied} && {})", fits("p.name", allow)) })
        }
        Rule::PinDigest => {
            Ok(format!("p.image.matches({})", text("@sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$")))
        }
        Rule::Cel(cel) => {
            let mut others = cel.asks_for();
            others.retain(|name| !["object", "namespaceObject"].contains(name));
            match others.as_slice() {
                [] => Ok(format!("({})", cel.text())),
                ["labels", ..] => {
                    Err("it names `labels`, which API servers do not have: write object.metadata.labels".into())
                }
                ["namespaceName", ..] => Err(
                    "it names `namespaceName`, which API servers do not have: write namespaceObject.metadata.name"
                        .into(),
                ),
                [name, ..] => Err(format!("it names `{name}`, which API servers do not have")),
            }
        }
        Rule::AnyOf(all) | Rule::AllOf(all) => {
            let parts = all.iter().map(|one| predicate(&one.rule)).collect::<Result<Vec<_>, _>>()?;
            let between = if matches!(rule, Rule::AnyOf(_)) { " || " } else { " && " };
            Ok(format!("({})", parts.join(between)))
        }
        Rule::PodSecurity(standard) => {
            let all = pod_security::controls(*standard);
            let all: Vec<String> = all.iter().map(|control| format!("({})", control.expression)).collect();
            Ok(if all.is_empty() { "true".into() } else { format!("({})", all.join(" && ")) })
        }
        Rule::SignedBy { .. }
        | Rule::AttestedBy { .. }
        | Rule::BuiltBy { .. }
        | Rule::BuiltFrom(_)
        | Rule::VerifiedBy(_) => evidence("signatures or attestations"),
        Rule::BaseImages(_) | Rule::MaxAge(_) => evidence("the image's configuration"),
        Rule::MaxSeverity(..) | Rule::DatabaseMaxAge(_) | Rule::Absent(_) | Rule::Licenses(_) => {
            evidence("a scan")
        }
        Rule::NotRevoked => evidence("the image's digest"),
        Rule::NotJudged(condition) => Err(format!("it is not judged: {condition}")),
    }
}

fn validation(requirement: &Requirement, predicate: &str) -> Value {
    let name = requirement.name();
    let message = match &requirement.rule {
        Rule::Cel(cel) => cel.message().unwrap_or("the expression does not hold"),
        _ => "not met",
    };
    let failing = format!("variables.about.filter(p, !({predicate})).map(p, p.image).join(', ')");
    json!({
        "expression": format!("variables.about.all(p, {predicate})"),
        "message": format!("{name}: {message}"),
        "messageExpression": format!("{} + {failing}", text(&format!("{name}: {message}: "))),
    })
}

/// What a control asks of the pod, when the policy is about any of its images.
fn of_pod(requirement: &Requirement, control: &pod_security::Control) -> Value {
    let pod_security::Control { id, expression } = control;
    json!({
        "expression": format!("variables.about.size() == 0 || ({expression})"),
        "message": format!("{}: {id}", requirement.name()),
    })
}

/// The images of a pod with their repositories, and those of them that a policy is about. The same names as everywhere here:
/// `debian` is `docker.io/library/debian`.
fn variables(policy: &Policy) -> Value {
    let containers = |key: &str| {
        format!("(has(object.spec.{key}) ? object.spec.{key}.map(c, has(c.image) ? c.image : '') : [])")
    };
    let volumes = "(has(object.spec.volumes) ? object.spec.volumes.filter(v, has(v.image) && has(v.image.reference)).map(v, v.image.reference) : [])";
    let images = format!(
        "{} + {} + {} + {volumes}",
        containers("containers"),
        containers("initContainers"),
        containers("ephemeralContainers")
    );
    let step =
        |from: &str, name: &str| format!("variables.{from}.map(p, {{'image': p.image, 'name': {name}}})");
    let about = {
        let mut parts = vec!["true".to_owned()];
        if !policy.images.is_empty() {
            parts.push(fits("p.name", &policy.images));
        }
        if !policy.exclude_images.is_empty() {
            parts.push(format!("!{}", fits("p.name", &policy.exclude_images)));
        }
        format!("variables.repositories.filter(p, {})", parts.join(" && "))
    };
    let host = "p.name.split('/')[0]";
    json!([
        {"name": "images", "expression": images},
        {"name": "names", "expression": "variables.images.map(i, {'image': string(i), 'name': string(i).split('@')[0]})"},
        {"name": "untagged", "expression": step("names",
            "p.name.matches('^(.*/)?[^/]*:[^/]*$') ? p.name.substring(0, p.name.lastIndexOf(':')) : p.name")},
        {"name": "hosted", "expression": step("untagged",
            &format!("p.name.contains('/') && ({host}.matches('[.:A-Z]') || {host} == 'localhost') ? ({host}.matches('[.:]') || {host}.lowerAscii() == 'localhost' ? {host}.lowerAscii() : {host}) + p.name.substring(p.name.indexOf('/')) : 'docker.io/' + p.name"))},
        {"name": "portless", "expression": step("hosted",
            "p.name.matches('^[^:/]*[.][^:/]*:443/') && p.name.matches('^[^:/]*[a-z][^:/]*:443/') ? p.name.substring(0, p.name.indexOf(':443/')) + p.name.substring(p.name.indexOf('/')) : p.name")},
        {"name": "docker", "expression": step("portless",
            "p.name.matches('^(index\\\\.docker\\\\.io|registry-1\\\\.docker\\\\.io|registry\\\\.hub\\\\.docker\\\\.com)/') ? 'docker.io' + p.name.substring(p.name.indexOf('/')) : p.name")},
        {"name": "repositories", "expression": step("docker",
            "p.name.matches('^docker\\\\.io/[^/]+$') ? 'docker.io/library/' + p.name.substring(10) : p.name")},
        {"name": "about", "expression": about},
    ])
}

/// Which pods it is about, and which changes of them.
fn conditions(policy: &Policy, looks_at_object: bool, exempt: &[String]) -> Value {
    let mut out = Vec::new();
    let mut add = |name: &str, expression: String| out.push(json!({"name": name, "expression": expression}));
    if !exempt.is_empty() {
        let list = exempt.iter().map(|name| text(name)).collect::<Vec<_>>().join(", ");
        add("exempt", format!("!(request.namespace in [{list}])"));
    }
    // What is being deleted, and what changes nothing that this is about, is let go.
    add(
        "not-being-deleted",
        "request.operation != 'UPDATE' || !has(oldObject.metadata.deletionTimestamp)".into(),
    );
    if !looks_at_object {
        let labels =
            |object: &str| format!("(has({object}.metadata.labels) ? {object}.metadata.labels : {{}})");
        add(
            "something-changed",
            format!(
                "request.operation != 'UPDATE' || object.spec != oldObject.spec || {} != {}",
                labels("object"),
                labels("oldObject")
            ),
        );
    }
    if let Some(own) = &policy.namespace {
        add("own-namespace", format!("request.namespace == {}", text(own)));
    }
    if !policy.namespaces.is_empty() {
        add("namespaces", fits("request.namespace", &policy.namespaces));
    }
    if !policy.exclude_namespaces.is_empty() {
        add("excluded-namespaces", format!("!{}", fits("request.namespace", &policy.exclude_namespaces)));
    }
    for (number, (name, value)) in policy.labels.iter().enumerate() {
        let (name, value) = (text(name), text(value));
        add(
            &format!("label-{number}"),
            format!(
                "has(object.metadata.labels) && {name} in object.metadata.labels && object.metadata.labels[{name}] == {value}"
            ),
        );
    }
    Value::from(out)
}

fn document(
    policy: &Policy,
    name: &str,
    validations: &[Value],
    looks_at_object: bool,
    exempt: &[String],
) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {
            "name": name,
            "annotations": {"plimsoll.dev/policy": policy.name(), "plimsoll.dev/hash": policy.hash},
            "labels": {"app.kubernetes.io/managed-by": "plimsoll"},
        },
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                "resources": ["pods", "pods/ephemeralcontainers"],
            }]},
            "matchConditions": conditions(policy, looks_at_object, exempt),
            "variables": variables(policy),
            "validations": validations,
        },
    })
}

fn binding(policy: &Policy, name: &str) -> Value {
    let action = match policy.mode {
        Mode::Enforce => "Deny",
        Mode::Warn => "Warn",
        Mode::Audit => "Audit",
    };
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "plimsoll"}},
        "spec": {"policyName": name, "validationActions": [action]},
    })
}

/// A name that an object can have, and that no other policy gets.
fn object_name(policy: &Policy) -> String {
    let whole = match &policy.namespace {
        Some(namespace) => format!("{namespace}.{}", policy.name),
        None => policy.name.clone(),
    };
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let plain: String = whole
        .bytes()
        .map(|byte| if letters(byte) { char::from(byte) } else { '-' })
        .take(LONGEST_NAME - 30)
        .collect();
    if plain == whole && !plain.ends_with('-') {
        return format!("plimsoll-{plain}");
    }
    // Two names must not become one.
    let digest = Sha256::digest(format!("{:?} {}", policy.namespace, policy.name).as_bytes());
    let mark = digest.iter().take(4).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    });
    format!("plimsoll-{plain}-{mark}")
}
