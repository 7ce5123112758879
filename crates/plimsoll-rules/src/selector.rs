//! Label selectors, as everything in Kubernetes writes them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Json;

/// `matchLabels` and `matchExpressions`; all of them must hold. An empty one fits everything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    match_labels: BTreeMap<String, String>,
    match_expressions: Vec<Expression>,
}

#[derive(Clone, Debug, Deserialize)]
struct Expression {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl LabelSelector {
    /// Whether it is empty, and so fits everything.
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }

    /// Whether it fits the labels of an object.
    pub(crate) fn fits(&self, object: Option<&Json<'_>>) -> bool {
        let labels =
            object.and_then(|object| member(object, "metadata")).and_then(|meta| member(meta, "labels"));
        self.selects(|key| labels.and_then(|labels| member(labels, key)).and_then(Json::as_str))
    }

    /// Whether it fits labels, of which `value` tells the value of a name.
    pub fn selects<'l>(&self, value: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.match_labels.iter().all(|(key, wanted)| value(key) == Some(wanted))
            && self.match_expressions.iter().all(|one| {
                let value = value(&one.key);
                let listed = value.is_some_and(|value| one.values.iter().any(|wanted| wanted == value));
                match one.operator {
                    Operator::In => listed,
                    Operator::NotIn => !listed,
                    Operator::Exists => value.is_some(),
                    Operator::DoesNotExist => value.is_none(),
                }
            })
    }
}

/// A member of an object.
pub(crate) fn member<'v, 'a>(value: &'v Json<'a>, key: &str) -> Option<&'v Json<'a>> {
    value.as_object()?.get(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator() {
        let object = serde_json::json!({"metadata": {"labels": {"app": "shop", "tier": "front"}}});
        let object = Json::from(&object);
        let fits = |text: &str| {
            serde_saphyr::from_str::<LabelSelector>(text).expect("a selector").fits(Some(&object))
        };
        assert!(fits("{}"));
        assert!(fits("{matchLabels: {app: shop}}"));
        assert!(!fits("{matchLabels: {app: shop, tier: back}}"));
        assert!(fits("{matchExpressions: [{key: app, operator: In, values: [a, shop]}]}"));
        assert!(!fits("{matchExpressions: [{key: app, operator: NotIn, values: [a, shop]}]}"));
        assert!(fits("{matchExpressions: [{key: none, operator: NotIn, values: [a]}]}"));
        assert!(fits("{matchExpressions: [{key: tier, operator: Exists}]}"));
        assert!(!fits("{matchExpressions: [{key: tier, operator: DoesNotExist}]}"));
        assert!(
            serde_saphyr::from_str::<LabelSelector>("{matchExpressions: [{key: a, operator: Is}]}").is_err()
        );
    }
}
