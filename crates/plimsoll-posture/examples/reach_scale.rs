//! How long it takes to decide who reaches whom in a made-up cluster: pods, namespaces, policies.
//!
//! `cargo run --release -p plimsoll-posture --example reach_scale -- 10000 200 1000`. Twelve pods of a deployment; every policy
//! selects a deployment and allows what comes from another, from a namespace by label, and to blocks of addresses. Budgets:
//! 10,000 pods x 1,000 policies within 0.3 s, 50,000 x 5,000 within 5 s.

use std::time::Instant;

use plimsoll_model::audit::ClusterInfo;
use plimsoll_model::workload::Kinds;
use plimsoll_posture::cluster::reach::Reachability;
use plimsoll_posture::cluster::{Builder, Origin};

#[expect(clippy::print_stdout, reason = "it is a measurement")]
fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [pods, namespaces, policies] = numbers[..] else {
        println!("reach_scale PODS NAMESPACES POLICIES");
        return;
    };
    let began = Instant::now();
    let mut builder = Builder::new(Origin::Cluster, Kinds::default());
    let mut add = |text: String| {
        builder.object(&serde_json::from_str(&text).expect("JSON"), None);
    };
    for at in 0..namespaces {
        add(format!(
            r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"n{at}","labels":{{"team":"t{}"}}}}}}"#,
            at % 20
        ));
    }
    let deployments = pods.div_ceil(12).max(1);
    for at in 0..pods {
        let deployment = at / 12;
        add(format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"p{at}","namespace":"n{}","labels":{{"app":"a{deployment}","tier":"r{}","pod-template-hash":"h{at}"}},"ownerReferences":[{{"apiVersion":"apps/v1","kind":"Deployment","name":"d{deployment}","controller":true}}]}},"spec":{{"containers":[{{"name":"c","image":"i","ports":[{{"name":"http","containerPort":{}}}]}}]}}}}"#,
            deployment % namespaces,
            deployment % 5,
            8080 + deployment % 3
        ));
    }
    for at in 0..policies {
        let (own, other) = (at % deployments, (at * 7 + 3) % deployments);
        add(format!(
            r#"{{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{{"name":"p{at}","namespace":"n{}"}},"spec":{{"podSelector":{{"matchLabels":{{"app":"a{own}"}}}},"policyTypes":["Ingress","Egress"],"ingress":[{{"from":[{{"podSelector":{{"matchLabels":{{"app":"a{other}"}}}},"namespaceSelector":{{}}}}],"ports":[{{"port":"http"}}]}},{{"from":[{{"namespaceSelector":{{"matchLabels":{{"team":"t{}"}}}}}}],"ports":[{{"port":{}}}]}}],"egress":[{{"to":[{{"ipBlock":{{"cidr":"10.{}.{}.0/24"}}}}]}},{{"to":[{{"namespaceSelector":{{}},"podSelector":{{"matchLabels":{{"tier":"r{}"}}}}}}],"ports":[{{"port":8080,"endPort":8090}}]}}]}}}}"#,
            own % namespaces,
            at % 20,
            9000 + at % 10,
            at / 256 % 256,
            at % 256,
            at % 5
        ));
    }
    let cluster = builder.finish();
    let read = began.elapsed();
    let began = Instant::now();
    let mut all = Reachability::new(&cluster).expect("it fits");
    let decided = began.elapsed();
    let began = Instant::now();
    let reach = all.whole(&ClusterInfo::default(), 0);
    let told = began.elapsed();
    let (classes, names) = all.size();
    println!(
        "{pods} pods, {policies} policies: {classes} classes, {names} workloads, {} of {} pairs connect; read {read:.2?}, decided {decided:.2?}, all pairs and the summary {told:.2?}",
        reach.summary.allowed, reach.summary.pairs
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status.lines().filter(|line| line.starts_with("VmHWM")) {
        println!("{line}");
    }
}
