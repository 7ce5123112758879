//! How long the matrix and a benchmark of a made-up cluster take: pods, nodes, and how many of its images have a report.
//!
//! `cargo run --release -p plimsoll-posture --example whose_scale -- 10000 500 1000`. Twelve pods of a deployment, each pod with the status
//! that a cluster tells, a policy and a quota for each namespace, and facts of every node. Budget: 10,000 pods within 2 s.

use std::fmt::Write as _;
use std::time::Instant;

use jiff::Timestamp;
use plimsoll_model::node::NodeFacts;
use plimsoll_model::responsibility::Standing;
use plimsoll_model::workload::Kinds;
use plimsoll_posture::kubernetes::Objects;
use plimsoll_posture::responsibility::attest::Statements;
use plimsoll_posture::responsibility::benchmark::Framework;
use plimsoll_posture::responsibility::{
    Cloud, Evidence, Exports, Extent, Kubernetes, Matrix, Scanned, evaluate, pools,
};
use serde_json_borrow::Value;

#[expect(clippy::print_stdout, reason = "it is a measurement")]
fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let (pods, nodes, scans) = match numbers[..] {
        [pods, nodes] => (pods, nodes, 0),
        [pods, nodes, scans] => (pods, nodes, scans),
        _ => {
            println!("whose_scale PODS NODES [REPORTS]");
            return;
        }
    };
    let now: Timestamp = "2026-11-26T00:00:00Z".parse().expect("a moment");
    let namespaces = (pods / 50).max(1);
    let mut lines: Vec<String> = Vec::new();
    for at in 0..namespaces {
        lines.push(format!(r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"n{at}","labels":{{"pod-security.kubernetes.io/enforce":"restricted"}}}}}}"#));
        lines.push(format!(r#"{{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{{"name":"all","namespace":"n{at}"}},"spec":{{"podSelector":{{}},"policyTypes":["Ingress","Egress"],"egress":[{{"to":[{{"ipBlock":{{"cidr":"10.0.0.0/8"}}}}]}}]}}}}"#));
        lines.push(format!(r#"{{"apiVersion":"v1","kind":"ResourceQuota","metadata":{{"name":"q","namespace":"n{at}"}},"spec":{{"hard":{{"pods":"100"}}}}}}"#));
        lines.push(format!(r#"{{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{{"name":"r","namespace":"n{at}"}},"rules":[{{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}}]}}"#));
        lines.push(format!(r#"{{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{{"name":"r","namespace":"n{at}"}},"roleRef":{{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"r"}},"subjects":[{{"kind":"Group","name":"team-{at}"}}]}}"#));
    }
    for at in 0..pods {
        let deployment = at / 12;
        lines.push(format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"p{at}","namespace":"n{}","labels":{{"app":"a{deployment}"}},"ownerReferences":[{{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"r{deployment}","controller":true}}]}},"spec":{{"nodeName":"node-{}","serviceAccountName":"s","automountServiceAccountToken":false,"securityContext":{{"runAsNonRoot":true,"runAsUser":10001,"seccompProfile":{{"type":"RuntimeDefault"}}}},"containers":[{{"name":"c","image":"ghcr.io/acme/a{deployment}:1","env":[{{"name":"A","value":"b"}}],"resources":{{"limits":{{"memory":"64Mi"}}}},"securityContext":{{"allowPrivilegeEscalation":false,"readOnlyRootFilesystem":true,"capabilities":{{"drop":["ALL"]}}}}}}]}},"status":{{"containerStatuses":[{{"name":"c","imageID":"ghcr.io/acme/a{deployment}@sha256:{deployment:064x}"}}]}}}}"#,
            deployment % namespaces,
            at % nodes.max(1),
        ));
    }
    let mut facts = Vec::new();
    for at in 0..nodes {
        let pool = ["default-pool", "batch"][at % 2];
        lines.push(format!(r#"{{"apiVersion":"v1","kind":"Node","metadata":{{"name":"node-{at}","creationTimestamp":"2026-11-10T00:00:00Z","labels":{{"cloud.google.com/gke-nodepool":"{pool}"}}}},"spec":{{"providerID":"gce://x"}},"status":{{"addresses":[{{"type":"InternalIP","address":"10.0.0.1"}}],"conditions":[{{"type":"Ready","status":"True","lastTransitionTime":"2026-11-10T00:01:00Z"}}],"nodeInfo":{{"kubeletVersion":"v1.34.3","osImage":"Container-Optimized OS","containerRuntimeVersion":"containerd://2.1.5"}}}}}}"#));
        facts.push(NodeFacts { node: format!("node-{at}"), ..NodeFacts::default() });
    }
    let mut size = 0;
    for line in &lines {
        size += line.len();
    }
    let report = |at: usize| Scanned {
        name: format!("ghcr.io/acme/a{at}:1"),
        digests: vec![format!("sha256:{at:064x}")],
        data_of: Some(now),
        packages: 100,
        complete: true,
        ..Scanned::default()
    };
    let reports: Vec<Scanned> = (0..scans).map(report).collect();
    let export = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/responsibility/gke-standard.json");
    let export = std::fs::read_to_string(export).expect("the fixture");
    let matrix = Matrix::built_in().expect("our files");
    let began = Instant::now();
    let mut told = String::new();
    let values: Vec<Value<'_>> =
        lines.iter().map(|line| serde_json::from_str(line).expect("JSON that we wrote")).collect();
    let export: Value<'_> = serde_json::from_str(&export).expect("JSON");
    let mut exports = Exports::default();
    exports.add(Cloud::Gke, &export).expect("an export");
    let (mut objects, kinds) = (Objects::default(), Kinds::default());
    for (place, value) in values.iter().enumerate() {
        objects.add(value, place, &kinds);
    }
    let _ = write!(told, "parsed {:?}", began.elapsed());
    let kubernetes = Kubernetes::new(objects, Extent::Files, None);
    let _ = write!(told, ", judged by rules {:?}", began.elapsed());
    let evidence =
        Evidence { exports, kubernetes: Some(kubernetes), reports: reports.into(), nodes: facts, now };
    let pools = pools(&evidence, &matrix, None);
    let statements = Statements::none(jiff::tz::TimeZone::UTC.to_datetime(now).date());
    let answer = evaluate(&matrix, &evidence, &pools, &statements);
    let _ = write!(told, ", matrix {:?}", began.elapsed());
    let framework = Framework::find("cis-gke").expect("a good file").expect("a benchmark");
    let benchmark = framework.evaluate(&matrix, &evidence, &pools, &statements);
    println!(
        "{} objects, {} kB, {} pools, {scans} reports: {} met of {}, {} ids; {told}, benchmark {:?} in all",
        lines.len(),
        size / 1000,
        pools.len(),
        answer.number(Standing::Met),
        answer.own().count(),
        benchmark.checks.len(),
        began.elapsed()
    );
}
