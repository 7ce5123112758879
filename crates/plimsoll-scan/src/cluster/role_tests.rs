//! The role that is shipped for `plimsoll cluster`, against the lists that are asked for.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::audit::live::OWN;

const SHIPPED: &str = include_str!("../../../../deploy/kubernetes/cluster-role.yaml");

fn shipped() -> Value {
    serde_saphyr::from_str(SHIPPED).expect("YAML")
}

/// Group and resource of everything that a role lists.
fn listed(role: &Value) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for rule in role["rules"].as_array().expect("rules") {
        assert_eq!(rule["verbs"], json!(["list"]));
        for group in rule["apiGroups"].as_array().expect("groups") {
            for resource in rule["resources"].as_array().expect("resources") {
                let text = |value: &Value| value.as_str().expect("a text").to_owned();
                assert!(all.insert((text(group), text(resource))), "{group} {resource} twice");
            }
        }
    }
    all
}

#[test]
fn the_role_lists_what_is_asked_for_and_nothing_else() {
    let pair = |group: &str, plural: &str| (group.to_owned(), plural.to_owned());
    let mut asked: BTreeSet<(String, String)> =
        LISTS.iter().map(|list| pair(list.group, list.plural)).collect();
    asked.extend(OWN.iter().map(|(group, plural, _)| pair(group, plural)));
    // Kinds of other controllers that run pods; templates that nothing runs are not read, nor what is served under two groups.
    let kinds = Kinds::default();
    let others = kinds.all().filter(|(group, kind)| {
        !OWN.iter().any(|own| own.0 == *group && own.2 == *kind)
            && !["PodTemplate", "EphemeralContainers"].contains(kind)
            && *group != "extensions"
    });
    asked.extend(others.map(|(group, kind)| (group.to_owned(), format!("{}s", kind.to_lowercase()))));
    assert_eq!(listed(&shipped()), asked);
}
