//! How long it takes to find who becomes what in a made-up cluster: bindings, namespaces, pods.
//!
//! `cargo run --release -p plimsoll-posture --example rbac_scale -- 10000 500 10000`. Twelve pods of a deployment with an
//! account of its own; roles of every strength, bound to users, groups and accounts, a third of them in the whole cluster;
//! every tenth deployment is open from outside. Budgets: paths of 10,000 bindings within 1 s; routes from outside of 10,000
//! pods within 5 s.

use std::time::Instant;

use plimsoll_model::audit::ClusterInfo;
use plimsoll_model::workload::Kinds;
use plimsoll_posture::cluster::attack::attack;
use plimsoll_posture::cluster::rbac::{PathsAsked, Rbac, paths};
use plimsoll_posture::cluster::reach::Reachability;
use plimsoll_posture::cluster::{Builder, Origin};

/// Rules of roles, from none that matters to everything.
const RULES: &[&str] = &[
    r#"{"apiGroups":[""],"resources":["pods"],"verbs":["get","list","watch"]}"#,
    r#"{"apiGroups":["","apps"],"resources":["configmaps","deployments"],"verbs":["get","update"]}"#,
    r#"{"apiGroups":[""],"resources":["secrets"],"resourceNames":["own"],"verbs":["get"]}"#,
    r#"{"apiGroups":[""],"resources":["pods/exec"],"verbs":["create"]}"#,
    r#"{"apiGroups":[""],"resources":["secrets"],"verbs":["list"]}"#,
    r#"{"apiGroups":[""],"resources":["serviceaccounts/token"],"resourceNames":["a1"],"verbs":["create"]}"#,
    r#"{"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles","rolebindings"],"verbs":["*"]}"#,
    r#"{"apiGroups":[""],"resources":["groups","users"],"verbs":["impersonate"]}"#,
    r#"{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}"#,
];

#[expect(clippy::print_stdout, reason = "it is a measurement")]
fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [bindings, namespaces, pods] = numbers[..] else {
        println!("rbac_scale BINDINGS NAMESPACES PODS");
        return;
    };
    let began = Instant::now();
    let mut builder = Builder::new(Origin::Cluster, Kinds::default());
    let mut add = |text: String| {
        builder.object(&serde_json::from_str(&text).expect("JSON"), None);
    };
    let rbac = "rbac.authorization.k8s.io";
    for at in 0..namespaces {
        let level = if at % 2 == 0 { "baseline" } else { "privileged" };
        add(format!(
            r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"n{at}","labels":{{"pod-security.kubernetes.io/enforce":"{level}"}}}}}}"#
        ));
    }
    for (at, rule) in RULES.iter().enumerate() {
        add(format!(
            r#"{{"apiVersion":"{rbac}/v1","kind":"ClusterRole","metadata":{{"name":"r{at}"}},"rules":[{rule}]}}"#
        ));
    }
    let deployments = pods.div_ceil(12).max(1);
    for at in 0..deployments {
        let namespace = at % namespaces;
        add(format!(
            r#"{{"apiVersion":"v1","kind":"ServiceAccount","metadata":{{"name":"a{at}","namespace":"n{namespace}"}}}}"#
        ));
        if at % 10 == 0 {
            add(format!(
                r#"{{"apiVersion":"v1","kind":"Service","metadata":{{"name":"s{at}","namespace":"n{namespace}"}},"spec":{{"type":"LoadBalancer","selector":{{"app":"a{at}"}},"ports":[{{"port":80,"targetPort":8080}}]}}}}"#
            ));
        }
    }
    for at in 0..pods {
        let deployment = at / 12;
        let privileged = deployment % 50 == 0;
        add(format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"p{at}","namespace":"n{}","labels":{{"app":"a{deployment}","pod-template-hash":"h{at}"}},"ownerReferences":[{{"apiVersion":"apps/v1","kind":"Deployment","name":"d{deployment}","controller":true}}]}},"spec":{{"nodeName":"m{}","serviceAccountName":"a{deployment}","containers":[{{"name":"c","image":"i{}","securityContext":{{"privileged":{privileged}}},"ports":[{{"containerPort":8080}}]}}]}}}}"#,
            deployment % namespaces,
            at % 200,
            deployment % 100
        ));
    }
    for at in 0..bindings {
        let role = match at % 100 {
            0 => 8,
            1 => 7,
            _ => at % 7,
        };
        let namespace = at % namespaces;
        let deployment = at % deployments;
        let subject = match at % 5 {
            0 => format!(r#"{{"kind":"User","name":"u{}"}}"#, at / 5),
            1 => format!(r#"{{"kind":"Group","name":"g{}"}}"#, at / 5),
            _ => format!(
                r#"{{"kind":"ServiceAccount","namespace":"n{}","name":"a{deployment}"}}"#,
                deployment % namespaces
            ),
        };
        let (kind, place) = if at % 3 == 0 {
            ("ClusterRoleBinding", String::new())
        } else {
            ("RoleBinding", format!(r#","namespace":"n{namespace}""#))
        };
        add(format!(
            r#"{{"apiVersion":"{rbac}/v1","kind":"{kind}","metadata":{{"name":"b{at}"{place}}},"roleRef":{{"kind":"ClusterRole","name":"r{role}"}},"subjects":[{subject}]}}"#
        ));
    }
    let cluster = builder.finish();
    let read = began.elapsed();
    let began = Instant::now();
    let rbac = Rbac::new(&cluster);
    let info = ClusterInfo::default();
    let told = paths(&rbac, &PathsAsked::default(), &info);
    let walked = began.elapsed();
    let began = Instant::now();
    let mut reach = Reachability::new(&cluster).expect("it fits");
    let routes = attack(&rbac, &mut reach, &[], &info);
    println!(
        "{bindings} bindings, {pods} pods: read {read:.2?}; {} paths, {} cuts in {walked:.2?}; {} routes, {} left out in {:.2?}",
        told.paths.len(),
        told.cuts.len(),
        routes.routes.len(),
        routes.left_out,
        began.elapsed()
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status.lines().filter(|line| line.starts_with("VmHWM")) {
        println!("{line}");
    }
}
