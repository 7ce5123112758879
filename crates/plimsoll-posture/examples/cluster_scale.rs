//! How long every analysis of a made-up cluster takes, one after another: pods, objects.
//!
//! `cargo run --release -p plimsoll-posture --example cluster_scale -- 10000 30000`. Twelve pods of a deployment, each with its
//! replica set, service, account, budget, slice of endpoints, network policy and role; what is left of the objects are bindings
//! of all strengths. Budget for 10,000 pods and 30,000 objects: 5 s for all of it, 400 MB.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use plimsoll_model::audit::ClusterInfo;
use plimsoll_model::pod_security::Level;
use plimsoll_model::workload::Kinds;
use plimsoll_posture::cluster::attack::attack;
use plimsoll_posture::cluster::pss::{Asked as AskedLevels, pss};
use plimsoll_posture::cluster::rbac::{Asked, PathsAsked, Place, Rbac, paths, who_can};
use plimsoll_posture::cluster::reach::Reachability;
use plimsoll_posture::cluster::{Builder, Origin};

const RBAC: &str = "rbac.authorization.k8s.io";
/// Rules of the roles of the whole cluster, from none that matters to everything.
const RULES: &[&str] = &[
    r#"{"apiGroups":[""],"resources":["pods"],"verbs":["get","list","watch"]}"#,
    r#"{"apiGroups":[""],"resources":["pods/exec"],"verbs":["create"]}"#,
    r#"{"apiGroups":[""],"resources":["secrets"],"verbs":["list"]}"#,
    r#"{"apiGroups":["apps"],"resources":["deployments"],"verbs":["update"]}"#,
    r#"{"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles","rolebindings"],"verbs":["*"]}"#,
    r#"{"apiGroups":[""],"resources":["nodes/proxy"],"verbs":["get"]}"#,
    r#"{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}"#,
];

/// The objects, each as JSON.
fn objects(pods: usize, objects: usize) -> Vec<String> {
    let namespaces = (pods / 50).max(1);
    let deployments = pods.div_ceil(12).max(1);
    let mut all = Vec::new();
    for at in 0..namespaces {
        let level = ["restricted", "baseline", "privileged"][at % 3];
        all.push(format!(
            r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"n{at}","labels":{{"team":"t{}","pod-security.kubernetes.io/enforce":"{level}"}}}}}}"#,
            at % 20
        ));
    }
    for (at, rule) in RULES.iter().enumerate() {
        all.push(format!(
            r#"{{"apiVersion":"{RBAC}/v1","kind":"ClusterRole","metadata":{{"name":"r{at}"}},"rules":[{rule}]}}"#
        ));
    }
    for at in 0..deployments {
        let place = format!(r#""name":"d{at}","namespace":"n{}""#, at % namespaces);
        let spec = format!(
            r#""serviceAccountName":"d{at}","containers":[{{"name":"c","image":"registry.example/team/i{}:1","env":[{{"name":"URL","value":"http://d{}"}}],"securityContext":{{"privileged":{}}},"ports":[{{"name":"http","containerPort":8080}}]}}]"#,
            at % 100,
            (at + 1) % deployments,
            at % 50 == 0
        );
        let template =
            format!(r#""template":{{"metadata":{{"labels":{{"app":"d{at}"}}}},"spec":{{{spec}}}}}"#);
        all.push(format!(
            r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{{place}}},"spec":{{"replicas":12,"selector":{{"matchLabels":{{"app":"d{at}"}}}},{template}}}}}"#
        ));
        all.push(format!(
            r#"{{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{{{place},"ownerReferences":[{{"apiVersion":"apps/v1","kind":"Deployment","name":"d{at}","controller":true}}]}},"spec":{{"replicas":12,"selector":{{"matchLabels":{{"app":"d{at}"}}}},{template}}}}}"#
        ));
        let kind = if at % 10 == 0 { "LoadBalancer" } else { "ClusterIP" };
        all.push(format!(
            r#"{{"apiVersion":"v1","kind":"Service","metadata":{{{place}}},"spec":{{"type":"{kind}","selector":{{"app":"d{at}"}},"ports":[{{"port":80,"targetPort":"http"}}]}}}}"#
        ));
        all.push(format!(r#"{{"apiVersion":"v1","kind":"ServiceAccount","metadata":{{{place}}}}}"#));
        all.push(format!(
            r#"{{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{{{place}}},"spec":{{"podSelector":{{"matchLabels":{{"app":"d{at}"}}}},"policyTypes":["Ingress"],"ingress":[{{"from":[{{"podSelector":{{"matchLabels":{{"app":"d{}"}}}},"namespaceSelector":{{}}}}],"ports":[{{"port":"http"}}]}}]}}}}"#,
            (at + deployments - 1) % deployments
        ));
        all.push(format!(
            r#"{{"apiVersion":"{RBAC}/v1","kind":"Role","metadata":{{{place}}},"rules":[{{"apiGroups":[""],"resources":["configmaps"],"verbs":["get"]}},{}]}}"#,
            RULES[at % (RULES.len() - 1)]
        ));
        for pod in 0..12.min(pods.saturating_sub(at * 12)) {
            all.push(format!(
                r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"d{at}-{pod}","namespace":"n{}","labels":{{"app":"d{at}","pod-template-hash":"h"}},"ownerReferences":[{{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"d{at}","controller":true}}]}},"spec":{{"nodeName":"m{}",{spec}}},"status":{{"podIP":"10.{}.{}.{pod}"}}}}"#,
                at % namespaces,
                (at + pod) % 200,
                at / 256,
                at % 256
            ));
        }
    }
    for at in 0..objects.saturating_sub(all.len()) {
        let deployment = at % deployments;
        let namespace = deployment % namespaces;
        let subject = match at % 5 {
            0 => format!(r#"{{"kind":"User","name":"u{}"}}"#, at / 5),
            1 => format!(r#"{{"kind":"Group","name":"g{}"}}"#, at / 50),
            _ => format!(r#"{{"kind":"ServiceAccount","namespace":"n{namespace}","name":"d{deployment}"}}"#),
        };
        let (kind, place, role) = match at % 40 {
            0 => (
                "ClusterRoleBinding",
                String::new(),
                format!(r#""kind":"ClusterRole","name":"r{}""#, at / 40 % RULES.len()),
            ),
            _ => (
                "RoleBinding",
                format!(r#","namespace":"n{namespace}""#),
                format!(r#""kind":"Role","name":"d{deployment}""#),
            ),
        };
        all.push(format!(
            r#"{{"apiVersion":"{RBAC}/v1","kind":"{kind}","metadata":{{"name":"b{at}"{place}}},"roleRef":{{{role}}},"subjects":[{subject}]}}"#
        ));
    }
    all
}

#[expect(clippy::print_stdout, reason = "it is a measurement")]
fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [pods, number] = numbers[..] else {
        println!("cluster_scale PODS OBJECTS");
        return;
    };
    let objects = objects(pods, number);
    let bytes: usize = objects.iter().map(String::len).sum();
    let mut all = Duration::ZERO;
    let mut tell = |what: &str, began: Instant, found: String| {
        let took = began.elapsed();
        all += took;
        println!("{what:<8} {took:>10.2?}  {found}");
    };
    let began = Instant::now();
    let mut builder = Builder::new(Origin::Cluster, Kinds::default());
    for text in &objects {
        builder.object(&serde_json::from_str(text).expect("JSON"), None);
    }
    let cluster = builder.finish();
    tell("read", began, format!("{} objects, {} MB", objects.len(), bytes / 1_000_000));
    let info = ClusterInfo::default();
    let began = Instant::now();
    let rbac = Rbac::new(&cluster);
    let told = paths(&rbac, &PathsAsked::default(), &info);
    tell("paths", began, format!("{} paths, {} cuts", told.paths.len(), told.cuts.len()));
    let began = Instant::now();
    let asked = Asked::parse("get", "secrets", None, Place::Anywhere).expect("a right");
    let told = who_can(&rbac, &asked, &info);
    tell("who-can", began, format!("{} subjects", told.subjects.len()));
    let began = Instant::now();
    let asked = AskedLevels {
        levels: vec![Level::Baseline, Level::Restricted],
        version: None,
        namespaces: BTreeSet::new(),
    };
    let told = pss(&cluster, &info, &asked);
    tell("pss", began, format!("{} namespaces", told.namespaces.len()));
    let began = Instant::now();
    let mut reach = Reachability::new(&cluster).expect("it fits");
    let told = reach.whole(&info, 0);
    tell("reach", began, format!("{} of {} pairs connect", told.summary.allowed, told.summary.pairs));
    let began = Instant::now();
    let told = attack(&rbac, &mut reach, &[], &info);
    tell("attack", began, format!("{} routes, {} left out", told.routes.len(), told.left_out));
    println!("all      {all:>10.2?}");
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status.lines().filter(|line| line.starts_with("VmHWM")) {
        println!("{line} (with the {} MB of text)", bytes / 1_000_000);
    }
}
