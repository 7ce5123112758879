//! Kyverno's ValidatingPolicies (`policies.kyverno.io`): the same expressions for what makes pods, and exceptions.

use plimsoll_cel::Value;
use serde::Deserialize;

use super::matching::Match;
use super::{WrittenAnnotation, WrittenNamed, WrittenValidation};
use crate::selector::member;
use crate::{Json, Review};

/// `spec` of a ValidatingPolicy.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Spec {
    #[serde(default)]
    pub(crate) match_constraints: Match,
    #[serde(default)]
    pub(crate) match_conditions: Vec<WrittenNamed>,
    #[serde(default)]
    pub(crate) variables: Vec<WrittenNamed>,
    #[serde(default)]
    pub(crate) validations: Vec<WrittenValidation>,
    #[serde(default)]
    pub(crate) audit_annotations: Vec<WrittenAnnotation>,
    #[serde(default)]
    pub(crate) validation_actions: Vec<String>,
    #[serde(default)]
    pub(crate) failure_policy: Option<String>,
    #[serde(default)]
    pub(crate) autogen: Option<Autogen>,
    /// Where it runs: in admission, in the background.
    #[serde(default, rename = "evaluation")]
    evaluation: serde_json::Value,
    #[serde(default, rename = "webhookConfiguration")]
    _webhook_configuration: serde_json::Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Autogen {
    pod_controllers: Option<PodControllers>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct PodControllers {
    controllers: Vec<String>,
}

/// What makes pods: group, kind, resource, and where the pod stands in it.
const CONTROLLERS: &[(&str, &str, &str, &[&str])] = &[
    ("apps", "DaemonSet", "daemonsets", &["spec", "template"]),
    ("apps", "Deployment", "deployments", &["spec", "template"]),
    ("apps", "ReplicaSet", "replicasets", &["spec", "template"]),
    ("apps", "StatefulSet", "statefulsets", &["spec", "template"]),
    ("batch", "Job", "jobs", &["spec", "template"]),
    ("batch", "CronJob", "cronjobs", &["spec", "jobTemplate", "spec", "template"]),
    ("", "ReplicationController", "replicationcontrollers", &["spec", "template"]),
];

impl Spec {
    /// Rules about JSON instead of objects of Kubernetes are others.
    pub(crate) fn is_of_kubernetes(&self) -> bool {
        self.evaluation["mode"].as_str().is_none_or(|mode| mode == "Kubernetes")
    }

    /// Whether it is about pods and nothing else, so that it is meant for what makes them too.
    pub(crate) fn is_about_pods(&self) -> bool {
        let rules = &self.match_constraints.resource_rules;
        !rules.is_empty()
            && rules.iter().all(|rule| {
                rule.resources.iter().all(|one| one == "pods") && rule.api_groups.iter().all(String::is_empty)
            })
    }

    /// Resources that make pods and that it is meant for.
    pub(crate) fn controllers(&self) -> Vec<&'static str> {
        if !self.is_about_pods() {
            return Vec::new();
        }
        let named = self.autogen.as_ref().and_then(|autogen| autogen.pod_controllers.as_ref());
        CONTROLLERS
            .iter()
            .filter(|(_, kind, resource, _)| {
                named.is_none_or(|named| {
                    named
                        .controllers
                        .iter()
                        .any(|one| one.eq_ignore_ascii_case(kind) || one.eq_ignore_ascii_case(resource))
                })
            })
            .map(|(_, _, resource, _)| *resource)
            .collect()
    }
}

/// Whether a kind is one of these that make pods.
pub(crate) fn makes_pods(controllers: &[&str], group: &str, resource: &str) -> bool {
    controllers.contains(&resource)
        && CONTROLLERS.iter().any(|(own, _, name, _)| *own == group && *name == resource)
}

/// What makes pods of these, as group and name in rights.
pub(crate) fn makers(controllers: &[&str]) -> Vec<(String, String)> {
    let known = CONTROLLERS.iter().filter(|row| controllers.contains(&row.2));
    known.map(|row| (row.0.to_owned(), row.2.to_owned())).collect()
}

/// The pod in what makes pods, as an object that has its `spec` and `metadata`, and all else of what makes it.
pub(crate) fn as_pod<'a>(
    controllers: &[&str],
    review: &Review<'a>,
    object: &'a Json<'a>,
) -> Option<Value<'a>> {
    let (_, _, _, path) = CONTROLLERS.iter().find(|(group, kind, resource, _)| {
        *group == review.group && *kind == review.kind && controllers.contains(resource)
    })?;
    let mut template = object;
    for part in *path {
        template = member(template, part)?;
    }
    let mut fields: Vec<(&'a str, Value<'a>)> = Vec::new();
    for (key, value) in object.as_object()?.iter() {
        if key != "spec" && key != "metadata" {
            fields.push((key, Value::from(value)));
        }
    }
    for key in ["metadata", "spec"] {
        fields.extend(member(template, key).map(|value| (key, Value::from(value))));
    }
    Some(Value::object(fields))
}

/// `spec` of a PolicyException.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ExceptionSpec {
    pub(crate) policy_refs: Vec<PolicyReference>,
    #[serde(default)]
    pub(crate) match_conditions: Vec<WrittenNamed>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyReference {
    pub(crate) name: String,
    pub(crate) kind: String,
}
