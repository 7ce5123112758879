use serde_json::{Value, json};

use super::*;
use crate::cluster::reach::tests::cluster;

fn asked(objects: &[Value]) -> Suggestion {
    suggest(&cluster(objects), &ClusterInfo::default(), &BTreeSet::new())
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn deployment(namespace: &str, name: &str, port: u16, env: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace}, "spec": {"template": {
        "metadata": {"labels": {"app": name, "team": "blue"}},
        "spec": {"containers": [{"name": "c", "image": "i", "env": env, "ports": [{"containerPort": port, "name": "main"}]}]}}}})
}

fn service(namespace: &str, name: &str, kind: &str, port: u16) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": kind, "selector": {"app": name}, "ports": [{"port": port, "targetPort": "main"}]}})
}

fn shop() -> Vec<Value> {
    vec![
        namespace("shop"),
        namespace("data"),
        deployment("shop", "web", 8080, &json!([{"name": "API_URL", "value": "http://api:80/v1"}])),
        deployment(
            "shop",
            "api",
            8081,
            &json!([
                {"name": "DB_HOST", "value": "db.data.svc.cluster.local"},
                {"name": "EXTERNAL", "value": "10.9.8.7:8443"},
            ]),
        ),
        deployment("data", "db", 5432, &json!([])),
        service("shop", "web", "LoadBalancer", 80),
        service("shop", "api", "ClusterIP", 80),
        service("data", "db", "ClusterIP", 5432),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "coredns", "namespace": "kube-system"}, "spec": {"template": {
            "metadata": {"labels": {"k8s-app": "kube-dns"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}),
    ]
}

#[test]
fn what_is_needed_holds_and_nothing_else() {
    let told = asked(&shop());
    assert_eq!(told.proof.refused, Vec::<String>::new());
    assert_eq!(told.proof.more, Vec::<String>::new());
    assert!(told.proof.done && told.proof.pairs > 20, "{:?}", told.proof);
    assert_eq!(told.verdict, Outcome::Met, "{:#?}", told.namespaces);
    let all: Vec<String> = told
        .namespaces
        .iter()
        .flat_map(|namespace| &namespace.connections)
        .map(|one| format!("{} => {}: {}", one.from, one.to, one.ports))
        .collect();
    assert_eq!(
        all,
        [
            "shop/Deployment/api => data/Deployment/db: TCP 5432",
            "0.0.0.0/0, ::/0 => shop/Deployment/web: TCP 8080",
            "shop/Deployment/api => 10.9.8.7/32: TCP 8443",
            "shop/Deployment/api => data/Deployment/db: TCP 5432",
            "shop/Deployment/web => shop/Deployment/api: TCP 8081",
        ]
    );
    // By hand, once: what the analysis says of a pair that is needed and of one that is not.
    let mut with = shop();
    for namespace in &told.namespaces {
        for document in &crate::kubernetes::yaml::read(&namespace.yaml).documents {
            with.push(serde_json::from_str(&document.value().to_string()).expect("JSON"));
        }
    }
    let with = cluster(&with);
    assert_eq!(with.network_policies.len(), 7);
    let mut reach = crate::cluster::reach::Reachability::new(&with).expect("small");
    let mut ask = |from: &str, to: &str| {
        let ends = (reach.end(from).expect(from), reach.end(to).expect(to));
        let query = reach.ask((from, &ends.0), (to, &ends.1), None, &ClusterInfo::default(), 10);
        query.answers[0].connection.ports.allowed.clone()
    };
    assert_eq!(ask("shop/web", "shop/api"), "TCP 8081");
    assert_eq!(ask("shop/web", "data/db"), "none");
    assert_eq!(ask("shop/api", "data/db"), "TCP 5432");
    assert_eq!(ask("shop/api", "shop/web"), "none");
    assert_eq!(ask("data/db", "internet"), "none");
    assert_eq!(ask("data/db", "kube-system/coredns"), "TCP 53; UDP 53");
}

/// The proof proves something: with a rule less, or a policy more, it says so.
#[test]
fn a_policy_that_is_wrong_is_found() {
    let objects = cluster(&shop());
    let told = suggest(&objects, &ClusterInfo::default(), &BTreeSet::new());
    let wish = Wish {
        from: Side::Workload("shop/Deployment/web".into()),
        to: Side::Workload("data/Deployment/db".into()),
        ports: vec![(Protocol::Tcp, 5432, 5432)],
    };
    let covered = BTreeSet::from(["shop", "data"]);
    let proof = proven(&objects, &told.namespaces, &covered, &[wish]);
    assert_eq!(proof.refused, ["shop/Deployment/web => data/Deployment/db: TCP 5432"]);
    assert!(
        proof.more.contains(&"shop/Deployment/web => shop/Deployment/api: TCP 8081".to_owned()),
        "{proof:?}"
    );
    // What is there already stays in effect.
    let mut more = shop();
    more.push(json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "open", "namespace": "data"}, "spec": {"podSelector": {}, "ingress": [{}]}}));
    let told = asked(&more);
    assert_eq!(told.verdict, Outcome::Unknown);
    assert!(told.proof.more.iter().any(|one| one.ends_with("data/Deployment/db: all")), "{:?}", told.proof);
    assert!(told.notes.iter().any(|note| note.contains("stay in effect")));
}

#[test]
fn what_cannot_be_known_is_told_and_not_allowed() {
    let unknown = |objects: &[Value]| -> Vec<String> {
        let told = asked(objects);
        assert_eq!(told.verdict, Outcome::Unknown);
        assert_eq!((told.proof.refused.len(), told.proof.more.len()), (0, 0), "{:?}", told.proof);
        let all = told.namespaces.iter().flat_map(|namespace| {
            for one in &namespace.unknown {
                assert!(namespace.yaml.contains(&one.detail), "{}", namespace.yaml);
            }
            namespace.unknown.iter().map(|one| format!("{}: {}", one.about, one.detail))
        });
        all.collect()
    };
    let has =
        |all: &[String], part: &str| assert!(all.iter().any(|one| one.contains(part)), "{part}: {all:#?}");
    let mut objects = shop();
    objects.push(deployment(
        "shop",
        "job",
        9090,
        &json!([
            {"name": "PAY", "value": "https://api.pay.example/v1"},
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "B", "value": "redis:6379"},
            {"name": "C", "value": "http://api:81"},
        ]),
    ));
    objects.push(service("shop", "idle", "ClusterIP", 80));
    objects.push(deployment("shop", "idle", 80, &json!([])));
    objects.push(json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}}));
    objects.push(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "b", "namespace": "data"}, "roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "ServiceAccount", "name": "default"}]}));
    let all = unknown(&objects);
    has(&all, "env PAY names api.pay.example: policies know addresses");
    has(&all, "one value or volume comes from ConfigMaps");
    has(&all, "env B names redis, which is no service here");
    has(&all, "names port 81 of the service shop/api, which has no such");
    has(&all, "Service shop/idle: nothing that was read names it");
    has(&all, "shop/Deployment/job: it declares TCP 9090");
    has(
        &all,
        "Ingress shop/web: it leads to shop/Deployment/web by TCP 8080: where its controller runs is not known",
    );
    has(&all, "data/Deployment/db: its service account default has rights");
    // Two that labels do not tell apart, one without labels, and one in the network of the node.
    let pod = |name: &str, labels: &Value, more: &Value| {
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "odd", "labels": labels}, "spec": {"containers": [{"name": "c", "image": "i", "env": [{"name": "API_URL", "value": "http://api.shop"}]}]}});
        for (key, value) in more.as_object().expect("an object") {
            pod["spec"][key] = value.clone();
        }
        pod
    };
    let mut objects = shop();
    objects.push(pod("one", &json!({"app": "x"}), &json!({})));
    objects.push(pod("two", &json!({"app": "x"}), &json!({})));
    objects.push(pod("bare", &json!({}), &json!({})));
    objects.push(pod("host", &json!({"app": "h"}), &json!({"hostNetwork": true})));
    let all = unknown(&objects);
    has(&all, "its labels do not tell it from odd/Pod/two");
    has(&all, "odd/Pod/bare: it has no labels");
    has(&all, "odd/Pod/host is in the network of its node");
}

#[test]
fn where_the_api_server_and_controllers_are_known_they_are_in_rules() {
    let mut objects = shop();
    objects.push(json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "k", "namespace": "default", "labels": {"kubernetes.io/service-name": "kubernetes"}}, "endpoints": [{"addresses": ["10.1.0.1"]}]}));
    objects.push(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "b", "namespace": "data"}, "roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "ServiceAccount", "name": "default"}]}));
    objects.push(json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "v"}, "webhooks": [{"name": "v.example", "clientConfig": {"service": {"namespace": "shop", "name": "api"}}}]}));
    objects.push(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "nginx", "namespace": "edge"}, "spec": {"template": {"metadata": {"labels": {"app.kubernetes.io/name": "ingress-nginx"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}));
    objects.push(json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}}));
    let told = asked(&objects);
    assert_eq!((told.proof.refused.len(), told.proof.more.len()), (0, 0), "{:?}", told.proof);
    let all: BTreeSet<String> = told
        .namespaces
        .iter()
        .flat_map(|namespace| &namespace.connections)
        .map(|one| format!("{} => {}: {}", one.from, one.to, one.ports))
        .collect();
    for wanted in [
        "10.1.0.1/32 => shop/Deployment/api: TCP 8081",
        "data/Deployment/db => 10.1.0.1/32: TCP 443,6443",
        "edge/Deployment/nginx => shop/Deployment/web: TCP 8080",
    ] {
        assert!(all.contains(wanted), "{wanted}: {all:#?}");
    }
}

#[test]
fn names_from_outside_stay_within_their_line() {
    let mut hostile =
        deployment("shop", "web", 80, &json!([{"name": "X\n  - evil: 1", "value": "http://a.example"}]));
    hostile["spec"]["template"]["metadata"]["labels"] = json!({"app": "true", "b\n": "c: d"});
    hostile["metadata"]["name"] = json!("w\n---\nkind: Evil");
    let told = asked(&[hostile, service("shop", "true", "LoadBalancer", 80)]);
    let shop = &told.namespaces[0];
    let stream = crate::kubernetes::yaml::read(&shop.yaml);
    assert!(stream.fault.is_none(), "{}", shop.yaml);
    assert_eq!(stream.documents.len(), shop.policies.len());
    for document in &stream.documents {
        assert_eq!(document.value().get("kind").as_str(), Some("NetworkPolicy"), "{}", shop.yaml);
    }
}

#[test]
fn lists_that_were_not_seen_leave_it_undecided() {
    for kind in NEEDED {
        let mut without = cluster(&shop());
        without.missing.insert((*kind).into(), "forbidden".into());
        let told = suggest(&without, &ClusterInfo::default(), &BTreeSet::new());
        assert_eq!((told.verdict, told.missing.len()), (Outcome::Unknown, 1), "{kind}");
    }
}
