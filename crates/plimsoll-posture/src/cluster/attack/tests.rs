//! Routes on clusters of one's own.

use plimsoll_model::attack::{Attack, AttackFlaw, CutKind, Known};
use plimsoll_model::audit::ClusterInfo;
use plimsoll_model::paths::Goal;
use plimsoll_model::workload::Kinds;
use plimsoll_model::{Outcome, Party};
use serde_json::{Value, json};

use super::{Flaw, ImageFlaws, attack, attack_within};
use crate::cluster::rbac::Rbac;
use crate::cluster::reach::Reachability;
use crate::cluster::{Builder, Cluster, Origin};

fn cluster(objects: &[Value]) -> Cluster {
    let mut builder = Builder::new(Origin::Cluster, Kinds::default());
    for object in objects {
        let text = object.to_string();
        builder.object(&serde_json::from_str(&text).expect("JSON"), None);
    }
    builder.finish()
}

fn run(cluster: &Cluster, reports: &[ImageFlaws]) -> Attack {
    let mut reach = Reachability::new(cluster).expect("it fits");
    attack(&Rbac::new(cluster), &mut reach, reports, &ClusterInfo::default())
}

fn report(image: &str, flaws: &[(&str, bool, bool)]) -> ImageFlaws {
    let flaws = flaws.iter().map(|(advisory, exploited, fixable)| Flaw {
        flaw: AttackFlaw {
            exploited: *exploited,
            severity: "critical".into(),
            advisory: (*advisory).into(),
            package: "log4j 2.14".into(),
            fixable: *fixable,
        },
        party: Party::Application(None),
        action: "upgrade log4j to 2.17".into(),
        command: None,
    });
    ImageFlaws { names: vec![image.into()], digests: Vec::new(), unknown: None, flaws: flaws.collect() }
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn deployment(name: &str, spec: &Value) -> Value {
    let mut spec = spec.clone();
    let container = json!({"name": "a", "image": format!("{name}:1"), "ports": [{"containerPort": 80}],
        "securityContext": spec["context"]});
    spec["containers"] = json!([container]);
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"template": {"metadata": {"labels": {"app": name, "team": "shop-team"}}, "spec": spec}}})
}

fn service(name: &str, kind: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"type": kind, "selector": {"app": name}, "ports": [{"port": 80, "nodePort": 30080}]}})
}

fn account(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "shop"}})
}

fn role(name: &str, rules: &Value) -> Value {
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules})
}

fn binding(name: &str, role: &str, accounts: &[&str]) -> Value {
    let subjects: Vec<Value> = accounts
        .iter()
        .map(|name| json!({"kind": "ServiceAccount", "name": name, "namespace": "shop"}))
        .collect();
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"kind": "ClusterRole", "name": role}, "subjects": subjects})
}

fn everything() -> Value {
    json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])
}

/// A workload that is open, with a strong account.
fn open() -> Vec<Value> {
    vec![
        namespace("shop"),
        account("web"),
        deployment("web", &json!({"serviceAccountName": "web"})),
        service("web", "LoadBalancer"),
        role("all", &everything()),
        binding("web", "all", &["web"]),
    ]
}

#[test]
fn all_four_make_a_route_and_each_of_them_alone_makes_none() {
    let flawed = [report("web:1", &[("CVE-2021-44228", true, true)])];
    let answer = run(&cluster(&open()), &flawed);
    assert_eq!(answer.verdict, Outcome::NotMet);
    let [route] = answer.routes.as_slice() else { panic!("{answer:#?}") };
    assert!(route.sure);
    assert_eq!(route.workload, "shop/Deployment/web");
    assert_eq!(route.entries[0].by, "LoadBalancer");
    assert_eq!(route.images[0].worst[0].advisory, "CVE-2021-44228");
    assert_eq!(route.accounts, ["shop/web"]);
    assert_eq!((route.ends[0].goal, route.ends[0].sure), (Goal::ClusterAdmin, true));
    // One command that restarts nothing is the cheapest.
    let [cut] = route.cheapest.as_slice() else { panic!("{route:#?}") };
    assert_eq!((cut.kind, &cut.party), (CutKind::Binding, &Party::Platform));
    assert_eq!(cut.command.as_deref(), Some("kubectl delete clusterrolebinding web"));
    assert!(cut.cuts.contains(&Goal::ClusterAdmin));
    let others: Vec<CutKind> = route.others.iter().map(|cut| cut.kind).collect();
    assert_eq!(others, [CutKind::Image, CutKind::Exposure]);
    assert_eq!(route.others[1].party, Party::Application(Some("shop-team".into())));
    assert_eq!(
        route.others[1].command.as_deref(),
        Some(r#"kubectl patch service web -n shop -p '{"spec":{"type":"ClusterIP"}}'"#)
    );
    // Without the way in, without the flaw, without the right: no route.
    let mut closed = open();
    closed[3] = service("web", "ClusterIP");
    assert_eq!(run(&cluster(&closed), &flawed).verdict, Outcome::Met);
    assert_eq!(run(&cluster(&open()), &[report("web:1", &[])]).verdict, Outcome::Met);
    let mut weak = open();
    weak.pop();
    assert_eq!(run(&cluster(&weak), &flawed).verdict, Outcome::Met);
    // The account's token is not in the pod.
    let mut without = open();
    without[2] =
        deployment("web", &json!({"serviceAccountName": "web", "automountServiceAccountToken": false}));
    assert_eq!(run(&cluster(&without), &flawed).verdict, Outcome::Met);
}

#[test]
fn what_is_not_known_is_told_and_is_never_met() {
    // No report; a report that is not whole; a load balancer in a network of one's own.
    let unread = ImageFlaws { unknown: Some("not whole".into()), ..report("web:1", &[]) };
    for reports in [Vec::new(), vec![unread], vec![report("other:1", &[("CVE-1", true, true)])]] {
        let answer = run(&cluster(&open()), &reports);
        assert_eq!(answer.verdict, Outcome::Unknown);
        let [route] = answer.routes.as_slice() else { panic!("{answer:#?}") };
        assert_eq!((route.sure, route.vulnerable), (false, Known::Unknown));
        assert!(route.images[0].unknown.is_some());
        assert_eq!(route.cheapest[0].kind, CutKind::Binding);
    }
    let mut internal = open();
    internal[3]["metadata"]["annotations"] =
        json!({"service.beta.kubernetes.io/aws-load-balancer-internal": "true"});
    let answer = run(&cluster(&internal), &[report("web:1", &[("CVE-1", false, true)])]);
    assert_eq!((answer.verdict, answer.routes.len()), (Outcome::Unknown, 1));
    // A list that was not seen.
    for kind in ["ClusterRoleBinding", "ClusterRole", "Service", "NetworkPolicy", "Pod", "ServiceAccount"] {
        let mut lacks = cluster(&open());
        lacks.missing.insert(kind.into(), "no right to list them".into());
        match kind {
            "ClusterRoleBinding" => lacks.bindings.clear(),
            "ClusterRole" => lacks.roles.clear(),
            "Service" => lacks.services.clear(),
            "Pod" => lacks.workloads.clear(),
            "ServiceAccount" => lacks.service_accounts.clear(),
            _ => {}
        }
        let answer = run(&lacks, &[report("web:1", &[("CVE-1", false, true)])]);
        assert_ne!(answer.verdict, Outcome::Met, "{kind}");
        assert!(!answer.missing.is_empty(), "{kind}");
    }
}

#[test]
fn the_cheapest_cut_takes_everything_away() {
    // It leads to its node too: both are to be cut, or the image is patched.
    let context = json!({"privileged": true});
    let mut objects = open();
    objects[2] = deployment("web", &json!({"serviceAccountName": "web", "context": context}));
    let fixed = run(&cluster(&objects), &[report("web:1", &[("CVE-1", false, true)])]);
    let kinds = |answer: &Attack| answer.routes[0].cheapest.iter().map(|cut| cut.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&fixed), [CutKind::Image]);
    // Without a fix: the binding and the privilege.
    let unfixed = run(&cluster(&objects), &[report("web:1", &[("CVE-1", false, false)])]);
    assert_eq!(kinds(&unfixed), [CutKind::Binding, CutKind::Privilege]);
    let privilege = &unfixed.routes[0].cheapest[1];
    assert!(
        privilege
            .command
            .as_deref()
            .is_some_and(|command| command.starts_with("kubectl patch deployment web")),
        "{privilege:?}"
    );
    // A second binding of the same right: none of both alone is a cut.
    objects.push(binding("again", "all", &["web", "other"]));
    let twice = run(&cluster(&objects), &[report("web:1", &[("CVE-1", false, false)])]);
    assert_eq!(kinds(&twice), [CutKind::Exposure]);
    // What others have too is not deleted for one.
    objects.retain(|object| object["metadata"]["name"] != "web" || object["kind"] != "ClusterRoleBinding");
    let shared = run(&cluster(&objects), &[report("web:1", &[("CVE-1", false, false)])]);
    let command = shared.routes[0].cheapest[0].command.clone().expect("a command");
    assert_eq!(
        command,
        r#"kubectl patch clusterrolebinding again --type=json -p '[{"op":"test","path":"/subjects/0/name","value":"web"},{"op":"remove","path":"/subjects/0"}]'"#
    );
}

#[test]
fn a_route_goes_over_what_is_open_to_what_is_not() {
    let mut objects = open();
    objects.remove(5);
    objects.extend([
        account("db"),
        deployment("db", &json!({"serviceAccountName": "db"})),
        binding("db", "all", &["db"]),
    ]);
    let both = [report("web:1", &[("CVE-1", false, true)]), report("db:1", &[("CVE-2", false, true)])];
    let answer = run(&cluster(&objects), &both);
    let [route] = answer.routes.as_slice() else { panic!("{answer:#?}") };
    assert_eq!(route.workload, "shop/Deployment/db");
    assert_eq!((route.over.len(), route.over[0].from.as_str()), (1, "shop/Deployment/web"));
    assert!(route.sure);
    // A policy that lets nothing in cuts it; a second workload without a known flaw is not gone over.
    objects.push(json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "db", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"]}}));
    assert_eq!(run(&cluster(&objects), &both).verdict, Outcome::Met);
    objects.pop();
    assert_eq!(run(&cluster(&objects), &both[..1]).verdict, Outcome::Met);
}

#[test]
fn a_report_about_another_image_clears_nothing() {
    // What the runtime says it runs, by names of containers: two pods, before and after the tag has moved.
    let pod = |name: &str, digest: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": {"app": "web"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": true}]},
            "spec": {"serviceAccountName": "web", "containers": [{"name": "a", "image": "web:1"}]},
            "status": {"containerStatuses": [{"name": "a", "imageID": format!("web@sha256:{digest}")}]}})
    };
    let mut objects = open();
    objects.extend([pod("web-1", "aa"), pod("web-2", "bb")]);
    let of = |digest: &str, flaws: &[(&str, bool, bool)]| ImageFlaws {
        digests: vec![format!("sha256:{digest}")],
        ..report("web:1", flaws)
    };
    let flawed = &[("CVE-1", false, true)][..];
    let cases = [
        // Of an older image under the same name.
        (vec![of("00", &[])], Outcome::Unknown),
        (vec![report("web:1", &[])], Outcome::Unknown),
        // One of the two is not known.
        (vec![of("aa", &[])], Outcome::Unknown),
        (vec![of("aa", &[]), of("bb", &[])], Outcome::Met),
        // The second is the one with the flaw.
        (vec![of("aa", &[]), of("bb", flawed)], Outcome::NotMet),
        (vec![of("bb", flawed)], Outcome::NotMet),
        // Two platforms of one index.
        (vec![of("aa", &[]), of("bb", &[]), of("aa", flawed)], Outcome::NotMet),
    ];
    for (reports, expected) in cases {
        let answer = run(&cluster(&objects), &reports);
        assert_eq!(answer.verdict, expected, "{reports:#?} {answer:#?}");
    }
    // A second specification of the same workload: what runs there is judged too.
    let mut other = pod("web-2", "bb");
    other["spec"]["priority"] = json!(1);
    other["metadata"]["labels"]["track"] = json!("canary");
    objects.pop();
    objects.push(other);
    assert_eq!(run(&cluster(&objects), &[of("aa", &[])]).verdict, Outcome::Unknown);
    assert_eq!(run(&cluster(&objects), &[of("aa", &[]), of("bb", flawed)]).verdict, Outcome::NotMet);
}

#[test]
fn what_is_not_followed_is_not_known() {
    let mut objects = open();
    objects.remove(5);
    objects.extend([
        account("db"),
        deployment("db", &json!({"serviceAccountName": "db"})),
        binding("db", "all", &["db"]),
    ]);
    let both = [report("web:1", &[("CVE-1", false, true)]), report("db:1", &[("CVE-2", false, true)])];
    let within = |followed: usize, objects: &[Value]| {
        let cluster = cluster(objects);
        let mut reach = Reachability::new(&cluster).expect("it fits");
        attack_within(followed, &Rbac::new(&cluster), &mut reach, &both, &ClusterInfo::default())
    };
    assert_eq!(within(2, &objects).verdict, Outcome::NotMet);
    let answer = within(1, &objects);
    assert_eq!((answer.verdict, answer.routes.len()), (Outcome::Unknown, 0));
    assert!(answer.notes.iter().any(|note| note.contains("not followed")), "{:?}", answer.notes);
    // What may be open, or may connect, makes a route that may be.
    objects[3]["metadata"]["annotations"] =
        json!({"service.beta.kubernetes.io/aws-load-balancer-internal": "true"});
    let answer = within(2, &objects);
    let [route] = answer.routes.as_slice() else { panic!("{answer:#?}") };
    assert_eq!((answer.verdict, route.sure), (Outcome::Unknown, false));
    assert_eq!((route.workload.as_str(), route.over.len()), ("shop/Deployment/db", 1));
}

#[test]
fn of_many_accounts_the_strong_ones_are_followed() {
    let mut objects = open();
    for number in 0..12 {
        let name = format!("a{number:02}");
        objects.push(account(&name));
        objects.push(json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("web-{number}"), "namespace": "shop", "labels": {"app": "web"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": true}]},
            "spec": {"serviceAccountName": name, "containers": [{"name": "a", "image": "web:1"}]}}));
    }
    objects[5] = binding("last", "all", &["a11"]);
    let answer = run(&cluster(&objects), &[report("web:1", &[("CVE-1", false, true)])]);
    assert_eq!(answer.verdict, Outcome::NotMet, "{answer:#?}");
    assert_eq!(answer.routes[0].accounts.len(), 8);
    assert_eq!(answer.routes[0].accounts[0], "shop/a11");
    assert!(answer.notes.iter().any(|note| note.contains("runs as 13 accounts")), "{:?}", answer.notes);
}

#[test]
fn on_a_node_lie_the_tokens_of_its_neighbours() {
    let pod = |name: &str, node: &str, spec: Value| {
        let mut spec = spec;
        spec["nodeName"] = json!(node);
        spec["containers"] =
            json!([{"name": "a", "image": format!("{name}:1"), "securityContext": spec["context"]}]);
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
            "spec": spec})
    };
    let objects = |node: &str| {
        vec![
            namespace("shop"),
            account("strong"),
            pod("web", "n1", json!({"context": {"privileged": true}})),
            pod("ops", node, json!({"serviceAccountName": "strong"})),
            service("web", "LoadBalancer"),
            role("all", &everything()),
            binding("strong", "all", &["strong"]),
        ]
    };
    let flawed = [report("web:1", &[("CVE-1", false, true)])];
    let ends = |node: &str| {
        let answer = run(&cluster(&objects(node)), &flawed);
        answer.routes[0].ends.iter().map(|end| (end.goal, end.sure)).collect::<Vec<_>>()
    };
    assert_eq!(ends("n1"), [(Goal::ClusterAdmin, true), (Goal::NodeRoot, true)]);
    assert_eq!(ends("n2"), [(Goal::NodeRoot, true)]);
}

#[test]
fn names_of_images_are_what_they_stand_for() {
    for (one, other, same) in [
        ("nginx", "docker.io/library/nginx:latest", true),
        ("nginx:1", "index.docker.io/library/nginx:1", true),
        ("registry.local:5000/a", "registry.local:5000/a:latest", true),
        ("a:1", "a:2", false),
        ("a@sha256:00", "a@sha256:00", true),
    ] {
        assert_eq!(super::plain_name(one) == super::plain_name(other), same, "{one} {other}");
    }
}
