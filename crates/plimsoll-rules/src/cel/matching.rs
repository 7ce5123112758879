//! `matchConstraints` and `matchResources`: which operations on which objects a rule is about.

use std::borrow::Cow;

use serde::Deserialize;

use super::operation;
use crate::Review;
use crate::selector::LabelSelector;

/// As Kubernetes writes it. Nothing given fits everything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Match {
    pub(crate) resource_rules: Vec<ResourceRule>,
    exclude_resource_rules: Vec<ResourceRule>,
    namespace_selector: LabelSelector,
    object_selector: LabelSelector,
    #[serde(rename = "matchPolicy")]
    _match_policy: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ResourceRule {
    #[serde(default)]
    pub(crate) api_groups: Vec<String>,
    #[serde(default)]
    api_versions: Vec<String>,
    #[serde(default)]
    operations: Vec<String>,
    #[serde(default)]
    pub(crate) resources: Vec<String>,
    #[serde(default)]
    resource_names: Vec<String>,
    #[serde(default)]
    scope: Option<String>,
}

/// Kinds whose resource is not their name with an ending.
const IRREGULAR: &[(&str, &str)] =
    &[("Endpoints", "endpoints"), ("SecurityContextConstraints", "securitycontextconstraints")];

/// The resource of a review: as the request says, else as the kind is spelt everywhere.
pub(crate) fn resource<'a>(review: &Review<'a>) -> Cow<'a, str> {
    if !review.resource.is_empty() {
        return Cow::Borrowed(review.resource);
    }
    Cow::Owned(plural(review.kind))
}

/// The name in rights of a kind, as the kind is spelt everywhere.
pub(crate) fn plural(kind: &str) -> String {
    if let Some((_, resource)) = IRREGULAR.iter().find(|(known, _)| *known == kind) {
        return (*resource).to_owned();
    }
    let kind = kind.to_ascii_lowercase();
    let vowel = |letter: Option<char>| letter.is_some_and(|letter| "aeiou".contains(letter));
    match kind.strip_suffix('y') {
        Some(stem) if !vowel(stem.chars().last()) => format!("{stem}ies"),
        _ if ["s", "x", "z", "ch", "sh"].iter().any(|end| kind.ends_with(end)) => format!("{kind}es"),
        _ => format!("{kind}s"),
    }
}

impl Match {
    /// Whether it is about this.
    ///
    /// # Errors
    /// When the namespace's labels decide, and are not known.
    pub(crate) fn fits(&self, review: &Review<'_>) -> Result<bool, String> {
        let rules =
            self.resource_rules.is_empty() || self.resource_rules.iter().any(|rule| rule.fits(review));
        let excluded = self.exclude_resource_rules.iter().any(|rule| rule.fits(review));
        if !rules || excluded {
            return Ok(false);
        }
        // One of the two objects is enough.
        let selected = self.object_selector.is_empty()
            || [review.object, review.old_object]
                .into_iter()
                .flatten()
                .any(|object| self.object_selector.fits(Some(object)));
        if selected { self.fits_namespace(review) } else { Ok(false) }
    }

    /// Whether it is about objects of this namespace.
    ///
    /// # Errors
    /// When its labels decide, and are not known.
    pub(crate) fn fits_namespace(&self, review: &Review<'_>) -> Result<bool, String> {
        if self.namespace_selector.is_empty() {
            return Ok(true);
        }
        let is_namespace = review.kind == "Namespace" && review.group.is_empty();
        match (is_namespace, review.namespace, review.namespace_object) {
            (true, ..) => Ok(self.namespace_selector.fits(review.subject())),
            // What is in no namespace is not left out by its labels.
            (false, "", _) => Ok(true),
            (false, _, Some(namespace)) => Ok(self.namespace_selector.fits(Some(namespace))),
            (false, name, None) => Err(format!("not known: the labels of the namespace `{name}`")),
        }
    }
}

impl Match {
    /// Whether it may fit objects of a kind.
    pub(crate) fn is_about(&self, group: &str, resource: &str) -> bool {
        self.resource_rules.is_empty()
            || self.resource_rules.iter().any(|rule| {
                rule.api_groups.iter().any(|one| one == "*" || one == group) && rule.names(resource, "")
            })
    }

    /// The kinds that it names, as group and name in rights.
    pub(crate) fn subjects(&self) -> Vec<(String, String)> {
        if self.resource_rules.is_empty() {
            return vec![("*".into(), "*".into())];
        }
        let of = |rule: &ResourceRule| {
            let names: Vec<&str> = rule
                .resources
                .iter()
                .map(String::as_str)
                .filter(|name| !name.contains('/') || *name == "*/*")
                .collect();
            let pairs = rule.api_groups.iter().flat_map(|group| names.iter().map(move |name| (group, *name)));
            pairs
                .map(|(group, name)| (group.clone(), name.trim_end_matches("/*").to_owned()))
                .collect::<Vec<_>>()
        };
        self.resource_rules.iter().flat_map(of).collect()
    }

    /// Whether labels of namespaces decide.
    pub(crate) fn looks_at_namespaces(&self) -> bool {
        !self.namespace_selector.is_empty()
    }
}

impl ResourceRule {
    fn fits(&self, review: &Review<'_>) -> bool {
        let any = |list: &[String], value: &str| list.iter().any(|one| one == "*" || one == value);
        let scope = match self.scope.as_deref() {
            Some("Namespaced") => !review.namespace.is_empty(),
            Some("Cluster") => review.namespace.is_empty(),
            _ => true,
        };
        any(&self.api_groups, review.group)
            && any(&self.api_versions, review.version)
            && any(&self.operations, operation(review.operation))
            && scope
            && (self.resource_names.is_empty() || self.resource_names.iter().any(|name| name == review.name))
            && self.names(&resource(review), review.subresource)
    }

    /// `pods`, `pods/exec`, `pods/*`, `*/scale`, `*`, `*/*`.
    fn names(&self, resource: &str, subresource: &str) -> bool {
        self.resources.iter().any(|one| {
            let (name, part) = one.split_once('/').unwrap_or((one, ""));
            let either = |pattern: &str, value: &str| pattern == "*" || pattern == value;
            either(name, resource) && either(part, subresource)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Json, Operation};

    #[test]
    fn resources_of_kinds() {
        for (kind, expected) in [
            ("Pod", "pods"),
            ("NetworkPolicy", "networkpolicies"),
            ("Ingress", "ingresses"),
            ("Gateway", "gateways"),
            ("Endpoints", "endpoints"),
            ("StorageClass", "storageclasses"),
        ] {
            assert_eq!(resource(&Review { kind, ..Review::default() }), expected);
        }
        assert_eq!(resource(&Review { kind: "Pod", resource: "x", ..Review::default() }), "x");
    }

    #[test]
    fn every_part_must_fit() {
        let object = serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "shop", "namespace": "prod", "labels": {"a": "b"}}});
        let json = Json::from(&object);
        let review = Review::of_object(&json, Operation::Create);
        let check = |text: &str| serde_saphyr::from_str::<Match>(text).expect("a match").fits(&review);
        let rule = |more: &str| {
            format!(
                "{{resourceRules: [{{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments], {more}}}]}}"
            )
        };
        assert_eq!(check("{}"), Ok(true));
        assert_eq!(check(&rule("")), Ok(true));
        assert_eq!(check(&rule("scope: Namespaced, resourceNames: [shop]")), Ok(true));
        assert_eq!(check(&rule("scope: Cluster")), Ok(false));
        assert_eq!(check(&rule("resourceNames: [other]")), Ok(false));
        for (from, to) in [
            ("[apps]", "['']"),
            ("[v1]", "[v2]"),
            ("[CREATE]", "[DELETE]"),
            ("[deployments]", "[pods, deployments/scale]"),
        ] {
            assert_eq!(check(&rule("").replace(from, to)), Ok(false), "{to}");
        }
        for (from, to) in [
            ("[apps]", "['*']"),
            ("[CREATE]", "['*']"),
            ("[deployments]", "['*/*']"),
            ("[deployments]", "['*']"),
        ] {
            assert_eq!(check(&rule("").replace(from, to)), Ok(true), "{to}");
        }
        let excluded = "{excludeResourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*']}]}";
        assert_eq!(check(excluded), Ok(false));
        assert_eq!(check("{objectSelector: {matchLabels: {a: c}}}"), Ok(false));
        // Nobody said what labels the namespace has.
        assert!(check("{namespaceSelector: {matchLabels: {a: c}}}").is_err());
        let space = serde_json::json!({"metadata": {"labels": {"a": "c"}}});
        let space = Json::from(&space);
        let known = Review { namespace_object: Some(&space), ..review };
        let matches =
            serde_saphyr::from_str::<Match>("{namespaceSelector: {matchLabels: {a: c}}}").expect("a match");
        assert_eq!(matches.fits(&known), Ok(true));
        assert!(serde_saphyr::from_str::<Match>("{resourceRule: []}").is_err());
    }
}
