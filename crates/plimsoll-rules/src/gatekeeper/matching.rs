//! Which objects a constraint is about.

use serde::Deserialize;

use crate::Review;
use crate::cel::matching::plural;
use crate::selector::LabelSelector;

/// `spec.match` of a constraint. What is not given fits everything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Match {
    kinds: Vec<Kinds>,
    scope: Scope,
    namespaces: Vec<String>,
    excluded_namespaces: Vec<String>,
    label_selector: LabelSelector,
    namespace_selector: Option<LabelSelector>,
    name: Option<String>,
    source: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Kinds {
    api_groups: Vec<String>,
    kinds: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
enum Scope {
    #[default]
    #[serde(rename = "*")]
    Any,
    Cluster,
    Namespaced,
}

impl Match {
    /// Whether the labels of the namespace decide, and are not known: nothing can be said then.
    pub(super) fn lacks_namespace(&self, review: &Review<'_>) -> bool {
        let is_namespace = review.kind == "Namespace" && review.group.is_empty();
        !is_namespace
            && !review.namespace.is_empty()
            && review.namespace_object.is_none()
            && self.looks_at_namespaces()
    }

    /// Whether labels of namespaces decide.
    pub(super) fn looks_at_namespaces(&self) -> bool {
        self.namespace_selector.as_ref().is_some_and(|selector| !selector.is_empty())
    }

    /// The kinds that it names, as group and name in rights.
    pub(super) fn subjects(&self) -> Vec<(String, String)> {
        let all = |list: &[String]| if list.is_empty() { vec!["*".to_owned()] } else { list.to_vec() };
        if self.kinds.is_empty() {
            return vec![("*".into(), "*".into())];
        }
        let of = |one: &Kinds| {
            let groups = all(&one.api_groups);
            let names: Vec<String> = all(&one.kinds)
                .iter()
                .map(|kind| if kind == "*" { kind.clone() } else { plural(kind) })
                .collect();
            groups
                .iter()
                .flat_map(|group| names.iter().map(move |name| (group.clone(), name.clone())))
                .collect::<Vec<_>>()
        };
        self.kinds.iter().flat_map(of).collect()
    }

    /// Whether it may fit objects of a kind.
    pub(super) fn is_about(&self, group: &str, kind: &str) -> bool {
        self.kinds.is_empty()
            || self.kinds.iter().any(|one| any(&one.api_groups, group) && any(&one.kinds, kind))
    }

    pub(super) fn fits(&self, review: &Review<'_>) -> bool {
        let kinds = self.is_about(review.group, review.kind);
        let is_namespace = review.kind == "Namespace" && review.group.is_empty();
        // A namespace is in itself; what else has none is in no list.
        let namespace = if is_namespace { review.name } else { review.namespace };
        let listed = |list: &[String]| list.iter().any(|pattern| glob(pattern, namespace));
        let namespaced = !namespace.is_empty();
        let scope = match self.scope {
            Scope::Any => true,
            Scope::Cluster => review.namespace.is_empty(),
            Scope::Namespaced => !review.namespace.is_empty(),
        };
        let name = self.name.as_ref().is_none_or(|pattern| {
            let generated =
                review.subject().map(|object| crate::review::text(object, &["metadata", "generateName"]));
            glob(pattern, review.name)
                || generated.is_some_and(|name| !name.is_empty() && glob(pattern, name))
        });
        // Nothing that expansion templates make is judged here: only what was written.
        let source = self.source.as_deref() != Some("Generated");
        kinds
            && scope
            && name
            && source
            && (self.namespaces.is_empty() || !namespaced || listed(&self.namespaces))
            && !(namespaced && listed(&self.excluded_namespaces))
            && self.label_selector.fits(review.subject())
            && self.namespace_selector.as_ref().is_none_or(|selector| {
                let object = if is_namespace { review.subject() } else { review.namespace_object };
                selector.is_empty() || !namespaced || selector.fits(object)
            })
    }
}

/// A list that is empty, or names it.
fn any(list: &[String], value: &str) -> bool {
    list.is_empty() || list.iter().any(|one| one == "*" || one == value)
}

/// `kube-*`, `*-system`, `*api*`: a star at either end.
fn glob(pattern: &str, value: &str) -> bool {
    let (start, end) = (pattern.strip_prefix('*'), pattern.strip_suffix('*'));
    match (start, end) {
        (Some(rest), Some(_)) => value.contains(rest.trim_end_matches('*')),
        (Some(rest), None) => value.ends_with(rest),
        (None, Some(rest)) => value.starts_with(rest),
        (None, None) => pattern == value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Json, Operation};

    #[test]
    fn every_condition_must_hold() {
        let object = serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "shop", "namespace": "kube-system", "labels": {"a": "b"}}});
        let json = Json::from(&object);
        let space = serde_json::json!({"metadata": {"labels": {"team": "x"}}});
        let space = Json::from(&space);
        let review = Review { namespace_object: Some(&space), ..Review::of_object(&json, Operation::Look) };
        let fits = |text: &str| serde_saphyr::from_str::<Match>(text).expect("a match").fits(&review);
        for yes in [
            "{}",
            "{kinds: [{apiGroups: ['*'], kinds: [Pod]}, {apiGroups: [apps], kinds: [Deployment]}]}",
            "{scope: Namespaced}",
            "{namespaces: [kube-*]}",
            "{excludedNamespaces: [shop]}",
            "{labelSelector: {matchLabels: {a: b}}, namespaceSelector: {matchLabels: {team: x}}}",
            "{name: sh*}",
            "{source: All}",
        ] {
            assert!(fits(yes), "{yes}");
        }
        for no in [
            "{kinds: [{apiGroups: [''], kinds: [Deployment]}]}",
            "{scope: Cluster}",
            "{namespaces: ['*-shop', prod]}",
            "{excludedNamespaces: ['*-system']}",
            "{labelSelector: {matchLabels: {a: c}}}",
            "{namespaceSelector: {matchLabels: {team: y}}}",
            "{name: x}",
            "{source: Generated}",
        ] {
            assert!(!fits(no), "{no}");
        }
    }
}
