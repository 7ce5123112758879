//! The role that is shipped for `plimsoll cluster`: against the lists that are asked for, and on a real API server with each of
//! its rights taken away.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_kube::Client;
use plimsoll_model::Outcome;
use plimsoll_model::pod_security::Level;
use plimsoll_model::reach::Reached;
use plimsoll_testing::ApiServer;
use serde_json::{Value, json};

use super::*;
use crate::audit::live::OWN;

const SHIPPED: &str = include_str!("../../../../deploy/kubernetes/cluster-role.yaml");
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

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

/// What is said about pairs, and about levels of namespaces.
struct Told {
    missing: BTreeMap<String, String>,
    pairs: BTreeMap<(String, String), Reached>,
    exposed: usize,
    levels: BTreeMap<(String, Level), Outcome>,
    verdicts: [Outcome; 3],
}

fn tell(client: &Client) -> Told {
    let seen = live(client, &[], &Kinds::default(), "2026-11-26T12:00:00Z".into()).expect("a server");
    let mut reach = Reachability::new(&seen.cluster).expect("small");
    let whole = reach.whole(&seen.info, 10_000);
    let mut pairs = BTreeMap::new();
    for from in &whole.workloads {
        for to in &whole.workloads {
            let ends = (reach.end(&from.name).expect("an end"), reach.end(&to.name).expect("an end"));
            let query = reach.ask((&from.name, &ends.0), (&to.name, &ends.1), None, &seen.info, 10);
            let answer = query.answers.first().map_or(Reached::Unknown, |one| one.connection.ports.answer);
            pairs.insert((from.name.clone(), to.name.clone()), answer);
        }
    }
    let asked = Asked {
        levels: vec![Level::Baseline, Level::Restricted],
        version: None,
        namespaces: BTreeSet::new(),
    };
    let answer = pss(&seen.cluster, &seen.info, &asked);
    let levels = answer
        .namespaces
        .iter()
        .flat_map(|one| one.levels.iter().map(|own| ((one.name.clone(), own.level), own.answer)))
        .collect();
    let policies = suggest(&seen.cluster, &seen.info, &BTreeSet::new());
    Told {
        missing: seen.cluster.missing.clone(),
        pairs,
        exposed: whole.exposures.len(),
        levels,
        verdicts: [whole.verdict, answer.verdict, policies.verdict],
    }
}

#[test]
fn a_right_that_is_missing_makes_unknown_and_never_denied_or_met() {
    let Some(server) = ApiServer::start(&[]) else { return };
    let namespace = |name: &str| {
        let text = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}");
        server.apply(&format!("/api/v1/namespaces/{name}"), &text);
    };
    namespace("shop");
    namespace("empty");
    let pod = |name: &str| {
        let text = format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}, spec: {{containers: [{{name: a, image: b}}]}}}}"
        );
        server.apply(&format!("/api/v1/namespaces/shop/pods/{name}"), &text);
    };
    pod("web");
    pod("db");
    let apply = |path: &str, object: &Value| server.apply(path, &object.to_string());
    apply(
        "/apis/apps/v1/namespaces/shop/deployments/agent",
        &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "agent", "namespace": "shop"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "agent"}}, "template": {"metadata": {"labels": {"app": "agent"}}, "spec": {"hostPID": true, "containers": [{"name": "a", "image": "b"}]}}}}),
    );
    apply(
        "/api/v1/namespaces/shop/services/web",
        &json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": [{"port": 80, "protocol": "TCP"}]}}),
    );
    apply(
        "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/db",
        &json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "db", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]}}),
    );
    let role = format!("{RBAC}/clusterroles/plimsoll-cluster");
    server.apply(&role, SHIPPED);
    apply(
        &format!("{RBAC}/clusterrolebindings/plimsoll-cluster"),
        &json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "plimsoll-cluster"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "plimsoll-cluster"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}]}),
    );
    let client = crate::audit::tests::client(&server, "reader");
    // Rights take effect a moment after they are written.
    let until = |wanted: &[&str]| {
        for _ in 0..200 {
            let told = tell(&client);
            if told.missing.keys().map(String::as_str).eq(wanted.iter().copied()) {
                return told;
            }
            std::thread::sleep(std::time::Duration::from_millis(30));
        }
        panic!("{wanted:?} never was what is missing: {:?}", tell(&client).missing);
    };
    let whole = until(&[]);
    let pair = |from: &str, to: &str| (format!("shop/{from}"), format!("shop/{to}"));
    assert_eq!(whole.pairs[&pair("Pod/web", "Pod/db")], Reached::Allowed);
    assert_eq!(whole.pairs[&pair("Deployment/agent", "Pod/db")], Reached::Denied);
    assert_eq!((whole.verdicts[0], whole.verdicts[1], whole.exposed), (Outcome::Met, Outcome::NotMet, 1));
    assert_eq!(whole.levels[&("shop".to_owned(), Level::Baseline)], Outcome::NotMet);
    assert_eq!(whole.levels[&("empty".to_owned(), Level::Restricted)], Outcome::Met);
    let mut taken = 0;
    for (group, plural) in listed(&shipped()) {
        let kind =
            live::kind_of(&if group.is_empty() { plural.clone() } else { format!("{plural}.{group}") })
                .to_owned();
        let of_extension = LISTS.iter().any(|list| list.kind == kind && list.optional);
        let of_server = OWN.iter().any(|own| own.2 == kind) || LISTS.iter().any(|list| list.kind == kind);
        // What this server does not have is not asked for.
        if of_extension || !of_server {
            continue;
        }
        let mut less = shipped();
        for rule in less["rules"].as_array_mut().expect("rules") {
            if rule["apiGroups"][0] == group.as_str()
                && let Some(list) = rule["resources"].as_array_mut()
            {
                list.retain(|one| one != plural.as_str());
                // The server wants a resource in each rule.
                list.push("nothing".into());
            }
        }
        let (status, body) =
            server.request("PUT", &role, "application/json", less.to_string().as_bytes(), "admin");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let told = until(&[&kind]);
        taken += 1;
        assert!(told.missing[&kind].starts_with("no right to list"), "{:?}", told.missing);
        for (pair, answer) in &told.pairs {
            assert!(
                *answer == Reached::Unknown || whole.pairs[pair] == *answer,
                "{kind}: {pair:?} {answer:?}"
            );
        }
        for (level, answer) in &told.levels {
            assert!(
                *answer == Outcome::Unknown || whole.levels[level] == *answer,
                "{kind}: {level:?} {answer:?}"
            );
        }
        // What is gone from the answer leaves it undecided, and what is met without it never depended on it.
        let runs = OWN.iter().any(|own| own.2 == kind);
        let less_is_told = told.pairs.len() < whole.pairs.len() || told.exposed < whole.exposed;
        assert!(!less_is_told || runs && kind != "Pod" || told.verdicts[0] == Outcome::Unknown, "{kind}");
        if kind == "NetworkPolicy" || kind == "Pod" || kind == "Service" || kind == "Namespace" {
            assert_eq!(told.verdicts[0], Outcome::Unknown, "{kind}");
        }
        if runs || kind == "Namespace" {
            assert_ne!(told.verdicts[1], Outcome::Met, "{kind}");
            let empty = told.levels.get(&("empty".to_owned(), Level::Restricted));
            assert!(kind == "Namespace" || empty == Some(&Outcome::Unknown), "{kind}: {empty:?}");
        }
    }
    assert_eq!(taken, OWN.len() + LISTS.iter().filter(|list| !list.optional).count());
}
