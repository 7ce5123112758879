//! Kyverno's test files (`cli.kyverno.io/v1alpha1`, `kyverno test`).

use std::collections::BTreeMap;

use plimsoll_model::shortened;
use serde::Deserialize;
use serde_json::Value;

use super::{Case, Outcome};
use crate::{Answer, Json, LoadError, Operation, Review, Rules, documents};

/// Kinds of policies that are run.
const KINDS: [&str; 3] = ["ValidatingPolicy", "NamespacedValidatingPolicy", "ValidatingAdmissionPolicy"];

/// Kinds of the API server's own that are in no namespace; what else names none is in `default`.
const CLUSTER_WIDE: [&str; 16] = [
    "APIService",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "FlowSchema",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "StorageClass",
    "ValidatingWebhookConfiguration",
];

#[derive(Deserialize)]
struct Test {
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    exceptions: Vec<String>,
    /// A file of values.
    #[serde(default)]
    variables: Option<String>,
    #[serde(default)]
    values: Option<Values>,
    #[serde(default)]
    results: Vec<Written>,
    /// Conditions in JMESPath or CEL over what came of it.
    #[serde(default)]
    checks: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Values {
    #[serde(default)]
    namespaces: Vec<Value>,
    #[serde(default)]
    namespace_selector: Vec<NamespaceLabels>,
    #[serde(default, rename = "globalValues")]
    everywhere: BTreeMap<String, Value>,
    #[serde(default)]
    policies: Vec<PolicyValues>,
}

#[derive(Clone, Deserialize)]
struct PolicyValues {
    name: String,
    #[serde(default)]
    resources: Vec<ResourceValues>,
}

#[derive(Clone, Deserialize)]
struct ResourceValues {
    name: String,
    #[serde(default)]
    values: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct NamespaceLabels {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Written {
    policy: String,
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default, rename = "resourceSpecs")]
    specs: Vec<Specified>,
    #[serde(default)]
    resource: Option<String>,
    /// `status` in old files.
    #[serde(default, alias = "status")]
    result: String,
}

#[derive(Deserialize)]
struct Specified {
    name: String,
    #[serde(default)]
    namespace: String,
}

/// Everything that the cases of one file share.
struct Suite {
    rules: Rules,
    refused: Vec<LoadError>,
    /// Kind of each policy, by name.
    kinds: BTreeMap<String, String>,
    resources: Vec<Value>,
    /// Namespaces as objects, by name.
    namespaces: BTreeMap<String, Value>,
    operation: Operation,
    /// What is being done to single resources, by policy and resource.
    operations: BTreeMap<(String, String), Operation>,
}

/// Runs a test file. `read` gives the text of a file by its path beside it.
///
/// # Errors
/// When the text is no test file, or a file that it names cannot be read.
pub fn run(text: &str, read: &dyn Fn(&str) -> Result<String, String>) -> Result<Vec<Case>, String> {
    let document = documents(text)?.into_iter().next().ok_or("it is empty")?;
    let of_kyverno = document["apiVersion"].as_str().is_some_and(|api| api.starts_with("cli.kyverno.io/"));
    // Before Kyverno 1.11 these files said nothing of what they are.
    let is_old = document["apiVersion"].is_null()
        && document["kind"].is_null()
        && document["policies"].is_array()
        && document["results"].is_array();
    if !is_old && (document["kind"] != "Test" || !of_kyverno) {
        return Err("it is no Test of cli.kyverno.io".into());
    }
    let test = Test::deserialize(&document).map_err(|error| error.to_string())?;
    let suite = load(&test, read)?;
    let mut cases = Vec::new();
    for written in &test.results {
        let specified = written.specs.iter().map(|one| match one.namespace.as_str() {
            "" => one.name.clone(),
            namespace => format!("{namespace}/{}", one.name),
        });
        let names: Vec<String> =
            written.resources.iter().chain(&written.resource).cloned().chain(specified).collect();
        let rule = written.rule.as_deref().map(|rule| format!("/{rule}")).unwrap_or_default();
        if names.is_empty() {
            let name = format!("{}{rule}/{}: {}", written.policy, written.kind, written.result);
            cases.push(Case { name, outcome: Outcome::Unrun("it names no resource".into()) });
        }
        for resource in &names {
            let name = format!("{}{rule}/{} {resource}: {}", written.policy, written.kind, written.result);
            cases.push(Case { name, outcome: suite.one(written, resource) });
        }
    }
    for number in 1..=test.checks.len() {
        let name = format!("checks[{number}]");
        cases.push(Case { name, outcome: Outcome::Unrun("checks are not run".into()) });
    }
    Ok(cases)
}

/// What a value of a test says is being done.
fn operation(values: &BTreeMap<String, Value>) -> Result<Option<Operation>, String> {
    let written = values
        .get("request.operation")
        .or_else(|| values.get("request").and_then(|request| request.get("operation")));
    match written.and_then(Value::as_str) {
        None => Ok(None),
        Some("CREATE") => Ok(Some(Operation::Create)),
        Some("UPDATE") => Ok(Some(Operation::Update)),
        Some("DELETE") => Ok(Some(Operation::Delete)),
        Some(other) => Err(format!("request.operation `{}` is not known", shortened(other))),
    }
}

fn load(test: &Test, read: &dyn Fn(&str) -> Result<String, String>) -> Result<Suite, String> {
    let all = |paths: &[String]| {
        let mut out = Vec::new();
        for path in paths {
            out.extend(documents(&read(path)?).map_err(|error| format!("{path}: {error}"))?);
        }
        Ok::<_, String>(out)
    };
    let mut policies = all(&test.policies)?;
    // A binding often has the name of its policy, and is none.
    let kinds = policies
        .iter()
        .filter(|policy| policy["kind"] != "ValidatingAdmissionPolicyBinding")
        .filter_map(|policy| Some((policy["metadata"]["name"].as_str()?, policy["kind"].as_str()?)))
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect();
    policies.extend(all(&test.exceptions)?);
    let resources = all(&test.resources)?;
    let mut values = Vec::new();
    if let Some(path) = &test.variables {
        for document in all(std::slice::from_ref(path))? {
            values.push(Values::deserialize(&document).map_err(|error| format!("{path}: {error}"))?);
        }
    }
    let mut namespaces = BTreeMap::new();
    let mut everywhere = Operation::Create;
    let mut operations = BTreeMap::new();
    for values in values.iter().chain(&test.values) {
        for namespace in &values.namespaces {
            if let Some(name) = namespace["metadata"]["name"].as_str() {
                namespaces.insert(name.to_owned(), namespace.clone());
            }
        }
        for one in &values.namespace_selector {
            let object = serde_json::json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": one.name, "labels": one.labels}});
            namespaces.insert(one.name.clone(), object);
        }
        everywhere = operation(&values.everywhere)?.unwrap_or(everywhere);
        for policy in &values.policies {
            for resource in &policy.resources {
                if let Some(own) = operation(&resource.values)? {
                    operations.insert((policy.name.clone(), resource.name.clone()), own);
                }
            }
        }
    }
    for resource in resources.iter().filter(|resource| resource["kind"] == "Namespace") {
        if let Some(name) = resource["metadata"]["name"].as_str() {
            namespaces.entry(name.to_owned()).or_insert_with(|| resource.clone());
        }
    }
    let (rules, refused) = Rules::load(&policies, true);
    Ok(Suite { rules, refused, kinds, resources, namespaces, operation: everywhere, operations })
}

impl Suite {
    fn one(&self, written: &Written, resource: &str) -> Outcome {
        // `namespace/name` is a policy or a resource of that namespace.
        let policy = written.policy.rsplit('/').next().unwrap_or_default();
        match self.kinds.get(policy) {
            None => return Outcome::Wrong(format!("there is no policy `{}`", shortened(policy))),
            Some(kind) if !KINDS.contains(&kind.as_str()) => {
                return Outcome::Unrun(format!("policies of kind {kind} are not run"));
            }
            Some(_) => {}
        }
        if let Some(error) = self.refused.iter().find(|error| error.name == policy) {
            return Outcome::Unrun(error.reason.clone());
        }
        // An exception that cannot be used may have been about this.
        if let Some(error) = self.refused.iter().find(|error| error.kind == "PolicyException") {
            return Outcome::Unrun(error.to_string());
        }
        let (namespace, name) = match resource.split_once('/') {
            Some((namespace, rest)) => (Some(namespace), rest.rsplit('/').next().unwrap_or_default()),
            None => (None, resource),
        };
        let found: Vec<&Value> = self
            .resources
            .iter()
            .filter(|object| {
                let metadata = &object["metadata"];
                metadata["name"].as_str() == Some(name)
                    && (written.kind.is_empty() || object["kind"].as_str() == Some(&written.kind))
                    // What names no namespace is in this one, as Kyverno's program has it.
                    && namespace.is_none_or(|namespace| {
                        metadata["namespace"].as_str().unwrap_or("default") == namespace
                    })
            })
            .collect();
        if found.is_empty() {
            return Outcome::Wrong(format!("there is no {} `{}`", written.kind, shortened(resource)));
        }
        for object in found {
            let outcome = self.object(written, policy, object);
            if outcome != Outcome::Right {
                return outcome;
            }
        }
        Outcome::Right
    }

    fn object(&self, written: &Written, policy: &str, object: &Value) -> Outcome {
        let json = Json::from(object);
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let operation = self.operations.get(&(policy.to_owned(), name)).copied().unwrap_or(self.operation);
        let mut review = Review::of_object(&json, operation);
        if review.namespace.is_empty() && !CLUSTER_WIDE.contains(&review.kind) {
            review.namespace = "default";
        }
        let namespace = self.namespaces.get(review.namespace).map(Json::from);
        review.namespace_object = namespace.as_ref();
        if operation == Operation::Delete {
            (review.object, review.old_object) = (None, Some(&json));
        }
        let verdicts = self.rules.judge(&review);
        let Some(verdict) = verdicts.iter().find(|verdict| verdict.name == policy) else {
            return Outcome::Unrun("no binding puts the policy into force".into());
        };
        let came = match &verdict.answer {
            Answer::Skip => "skip",
            Answer::Pass => "pass",
            Answer::Fail(_) => "fail",
            Answer::Error(reason) if written.result == "error" => {
                return if reason.is_empty() { Outcome::Wrong("an error".into()) } else { Outcome::Right };
            }
            Answer::Error(reason) => return Outcome::Unrun(reason.clone()),
        };
        // A warning is a failure of what is not scored.
        let expected = if written.result == "warn" { "fail" } else { written.result.as_str() };
        if came == expected {
            return Outcome::Right;
        }
        let said = match &verdict.answer {
            Answer::Fail(violations) => {
                let all: Vec<&str> = violations.iter().map(|one| one.message.as_str()).collect();
                format!(": {}", all.join("; "))
            }
            _ => String::new(),
        };
        Outcome::Wrong(format!("`{}` was expected, `{came}` came{said}", shortened(&written.result)))
    }
}
