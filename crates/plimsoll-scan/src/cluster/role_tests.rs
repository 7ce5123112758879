//! The role that is shipped for `plimsoll cluster`: against the lists that are asked for, and on a real API server with each of
//! its rights taken away.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_kube::Client;
use plimsoll_model::attack::AttackFlaw;
use plimsoll_model::paths::Goal;
use plimsoll_model::pod_security::Level;
use plimsoll_model::reach::Reached;
use plimsoll_model::rights::May;
use plimsoll_model::{Outcome, Party};
use plimsoll_posture::cluster::attack::Flaw;
use plimsoll_testing::ApiServer;
use serde_json::{Value, json};

use super::*;
use crate::audit::live::OWN;
use crate::check::{CheckOptions, FRAMEWORKS, check_cluster};

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
    /// Who becomes what, and whether that is sure.
    becomes: BTreeMap<(String, Goal), bool>,
    /// Who is known to be able to read secrets of the namespace, and who may be.
    readers: BTreeMap<String, bool>,
    /// Workloads that a route from outside goes over, and where it leads, and whether that is sure.
    routes: BTreeMap<(String, Goal), bool>,
    /// Of paths, readers and routes.
    rights: [Outcome; 3],
}

/// What a report says of the image of all pods here.
fn flawed() -> ImageFlaws {
    let flaw = AttackFlaw {
        exploited: true,
        severity: "critical".into(),
        advisory: "CVE-2021-44228".into(),
        package: "log4j-core 2.14.1".into(),
        fixable: true,
    };
    let action = "upgrade log4j-core to 2.15.0".into();
    let flaw = Flaw { flaw, party: Party::Application(None), action, command: None };
    ImageFlaws { names: vec!["b".into()], digests: Vec::new(), unknown: None, flaws: vec![flaw] }
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
    let rbac = Rbac::new(&seen.cluster);
    let everybody = PathsAsked { all: true, ..PathsAsked::default() };
    let walked = paths(&rbac, &everybody, &seen.info);
    let becomes = walked
        .paths
        .iter()
        .flat_map(|path| path.subjects.iter().map(|one| ((one.shown(), path.goal), path.sure)))
        .collect();
    let right = AskedRight::parse("get", "secrets", None, AskedWhere::Namespace("shop".into()));
    let can = who_can(&rbac, &right.expect("a right"), &seen.info);
    let readers = can.subjects.iter().map(|one| (one.subject.shown(), one.answer == May::Allowed)).collect();
    let into = attack(&rbac, &mut reach, &[flawed()], &seen.info);
    let mut routes = BTreeMap::new();
    for route in &into.routes {
        for end in &route.ends {
            *routes.entry((route.workload.clone(), end.goal)).or_default() |= route.sure && end.sure;
        }
    }
    Told {
        becomes,
        readers,
        routes,
        rights: [walked.verdict, can.verdict, into.verdict],
        missing: seen.cluster.missing.clone(),
        pairs,
        exposed: whole.exposures.len(),
        levels,
        verdicts: [whole.verdict, answer.verdict, policies.verdict],
    }
}

/// What the rules say of the cluster.
struct Checked {
    verdict: Outcome,
    /// Ids of findings, by rule.
    findings: BTreeMap<String, BTreeSet<String>>,
    /// Controls of all frameworks.
    controls: BTreeMap<(&'static str, String), Outcome>,
    problems: Vec<String>,
}

fn checked(client: &Client) -> Checked {
    let line = crate::verdict::Line { severity: plimsoll_model::Level::Low, fixable: false, kev: false };
    let now: jiff::Timestamp = "2026-11-26T12:00:00Z".parse().expect("a time");
    let (seen, kept) = live_and_objects(client, &[], &Kinds::default(), now.to_string()).expect("a server");
    let mut all = Checked {
        verdict: Outcome::Unknown,
        findings: BTreeMap::new(),
        controls: BTreeMap::new(),
        problems: Vec::new(),
    };
    let whole = CheckOptions { line, now, ..CheckOptions::default() };
    let report = check_cluster(&seen, kept.clone(), &whole);
    all.verdict = report.verdict.outcome;
    all.problems = report.problems.iter().map(|problem| problem.detail.clone()).collect();
    for finding in report.findings {
        all.findings.entry(finding.advisory).or_default().insert(finding.id);
    }
    for framework in FRAMEWORKS {
        let options = CheckOptions { framework: Some(framework), ..whole.clone() };
        let told = check_cluster(&seen, kept.clone(), &options).framework.expect("a framework");
        for control in told.controls {
            all.controls.insert((framework.name, control.id), control.outcome);
        }
    }
    all
}

/// What one missing list may do to what the rules say: less is found, and then it is undecided. Nothing is met by it.
fn held(kind: &str, then: &Checked, now: &Checked) {
    assert!(now.verdict == then.verdict || now.verdict == Outcome::Unknown, "{kind}: {:?}", now.verdict);
    for (control, outcome) in &now.controls {
        let before = then.controls[control];
        assert!(
            *outcome == before || *outcome == Outcome::Unknown,
            "{kind}: {control:?} {before:?} {outcome:?}"
        );
    }
    for (rule, ids) in &now.findings {
        let new: Vec<&String> =
            ids.iter().filter(|id| then.findings.get(rule).is_none_or(|ids| !ids.contains(*id))).collect();
        assert!(new.is_empty(), "{kind}: {rule} finds what is not there: {new:?}");
    }
    for (rule, ids) in &then.findings {
        let rest = now.findings.get(rule);
        if rest.is_some_and(|rest| rest == ids) {
            continue;
        }
        // Where all that a rule found is gone, each of its controls that it alone answered is unknown.
        let told = now.problems.iter().any(|detail| detail.starts_with(&format!("{kind} was not read")));
        assert!(told, "{kind}: {rule} finds less, and nothing says so: {:?}", now.problems);
        if rest.is_none() {
            let rule = plimsoll_posture::find(rule).expect("a rule");
            for framework in FRAMEWORKS {
                for control in framework.controls_of(rule) {
                    let outcome = now.controls[&(framework.name, control.to_owned())];
                    assert_ne!(outcome, Outcome::Met, "{kind}: {} {control}", framework.name);
                }
            }
        }
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
    // A role in a namespace, one that gathers others, and both kinds of bindings.
    let authority = "rbac.authorization.k8s.io";
    let bound = |namespace: Option<&str>, name: &str, role: &Value, subject: &Value| {
        let kind = if namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" };
        let place = namespace.map_or_else(
            || "clusterrolebindings".to_owned(),
            |namespace| format!("namespaces/{namespace}/rolebindings"),
        );
        apply(
            &format!("{RBAC}/{place}/{name}"),
            &json!({"apiVersion": format!("{authority}/v1"), "kind": kind, "metadata": {"name": name, "namespace": namespace},
            "roleRef": role, "subjects": [subject]}),
        );
    };
    apply(
        &format!("{RBAC}/namespaces/shop/roles/own"),
        &json!({"apiVersion": format!("{authority}/v1"), "kind": "Role", "metadata": {"name": "own", "namespace": "shop"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}, {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]}),
    );
    let own = json!({"apiGroup": authority, "kind": "Role", "name": "own"});
    bound(Some("shop"), "own", &own, &json!({"kind": "User", "name": "ann", "apiGroup": authority}));
    let admin = json!({"apiGroup": authority, "kind": "ClusterRole", "name": "cluster-admin"});
    let account = json!({"kind": "ServiceAccount", "name": "default", "namespace": "shop"});
    bound(None, "strong", &admin, &account);
    // What further rules speak of, alone and beside others.
    apply(
        &format!("{RBAC}/namespaces/shop/roles/all"),
        &json!({"apiVersion": format!("{authority}/v1"), "kind": "Role", "metadata": {"name": "all", "namespace": "shop"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}),
    );
    let all = json!({"apiGroup": authority, "kind": "Role", "name": "all"});
    bound(Some("shop"), "all", &all, &json!({"kind": "User", "name": "ann", "apiGroup": authority}));
    apply(
        "/apis/policy/v1beta1/namespaces/shop/poddisruptionbudgets/agent",
        &json!({"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": {"name": "agent", "namespace": "shop"},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "agent"}}}}),
    );
    apply(
        "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/web",
        &json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"defaultBackend": {"service": {"name": "gone", "port": {"number": 80}}}}}),
    );
    apply(
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/open",
        &json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "open"},
        "webhooks": [{"name": "a.example.com", "failurePolicy": "Ignore", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": "https://127.0.0.1:1/a"},
        "rules": [{"apiGroups": ["example.com"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["nothings"]}]}]}),
    );
    apply(
        "/api/v1/namespaces/shop/services/lost",
        &json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "lost", "namespace": "shop", "labels": {"k8s-app": "kubernetes-dashboard"}},
        "spec": {"selector": {"app": "gone"}, "ports": [{"port": 80, "protocol": "TCP"}]}}),
    );
    apply(
        "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/lost",
        &json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "lost", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"app": "gone"}}, "ingress": []}}),
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
    let all_of = |who: &str, goal: Goal| (who.to_owned(), goal);
    assert!(whole.becomes[&all_of("User ann", Goal::ClusterAdmin)]);
    assert!(whole.readers["User ann"]);
    assert!(whole.routes[&all_of("shop/Pod/web", Goal::ClusterAdmin)]);
    assert_eq!(whole.rights, [Outcome::NotMet, Outcome::Met, Outcome::NotMet]);
    let rules = checked(&client);
    assert_eq!(rules.verdict, Outcome::NotMet);
    for rule in [
        "bound-to-cluster-admin",
        "dashboard-deployed",
        "eviction-blocked",
        "host-pid",
        "ingress-without-service",
        "namespace-without-pod-security",
        "network-policy-selects-nothing",
        "no-network-policy",
        "rbac-reads-secrets",
        "service-selects-nothing",
        "webhook-fails-open",
    ] {
        assert!(rules.findings.contains_key(rule), "{rule}: {:?}", rules.findings.keys());
    }
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
        held(&kind, &rules, &checked(&client));
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
        // Nobody gets more by what was not seen, and what is gone from the answer leaves it undecided.
        let less_of = |then: &BTreeMap<(String, Goal), bool>, now: &BTreeMap<(String, Goal), bool>| {
            for (who, sure) in now.iter().filter(|(_, sure)| **sure) {
                assert_eq!(then.get(who), Some(sure), "{kind}: {who:?}");
            }
            now.keys().collect::<BTreeSet<_>>() != then.keys().collect::<BTreeSet<_>>() || now != then
        };
        let paths_changed = less_of(&whole.becomes, &told.becomes);
        let routes_changed = less_of(&whole.routes, &told.routes);
        let readers_changed = whole.readers != told.readers;
        let changed = [paths_changed, readers_changed, routes_changed];
        for (at, changed) in changed.into_iter().enumerate() {
            let (then, now) = (whole.rights[at], told.rights[at]);
            assert!(now == then || now == Outcome::Unknown, "{kind}: {at} {then:?} {now:?}");
            let lasts = at != 1 && now == Outcome::NotMet;
            assert!(!changed || lasts || now == Outcome::Unknown, "{kind}: {at}");
        }
        if kind.ends_with("RoleBinding") || kind.ends_with("Role") {
            assert_eq!(told.rights[1], Outcome::Unknown, "{kind}");
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
