//! How many evaluations one core does in a second: a pod, and expressions as policies have them.
//!
//! `cargo run --release -p plimsoll-cel --example speed`

#![expect(clippy::print_stdout, reason = "a measurement")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use plimsoll_cel::{Activation, BUDGET, Environment, Program, Type};

const EXPRESSIONS: &[&str] = &[
    "object.metadata.name == 'shop'",
    "object.spec.replicas <= 5",
    "has(object.metadata.labels) && 'app' in object.metadata.labels",
    "object.spec.containers.all(c, c.image.startsWith('ghcr.io/'))",
    "object.spec.containers.all(c, !c.image.endsWith(':latest'))",
    "object.spec.containers.all(c, c.image.matches('^ghcr\\\\.io/[a-z/-]+:[0-9.]+$'))",
    "object.spec.containers.all(c, has(c.resources) && has(c.resources.limits) && has(c.resources.limits.memory))",
    "object.spec.containers.all(c, quantity(c.resources.limits.memory).isLessThan(quantity('2Gi')))",
    "object.spec.containers.all(c, c.?securityContext.?privileged.orValue(false) == false)",
    "object.spec.containers.all(c, c.?securityContext.?capabilities.?add.orValue([]).all(a, a in ['NET_BIND_SERVICE']))",
    "!object.spec.?hostNetwork.orValue(false) && !object.spec.?hostPID.orValue(false)",
    "object.spec.containers.map(c, c.name).isSorted() || true",
    "object.metadata.labels.all(k, format.labelValue().validate(object.metadata.labels[k]) == optional.none())",
    "object.spec.?volumes.orValue([]).all(v, !has(v.hostPath))",
    "object.spec.containers.exists(c, c.name == 'web')",
    "size(object.spec.containers) < 10",
    "object.metadata.namespace != 'default'",
    "object.spec.containers.filter(c, !has(c.livenessProbe)).map(c, c.name).join(', ') != 'x'",
    "object.metadata.annotations.all(k, v, k.size() < 100 && v.size() < 100)",
    "object.kind in ['Pod', 'Deployment']",
];

fn main() {
    let environment = Environment::kubernetes().with("object", Type::Dyn);
    let programs: Vec<Program> = EXPRESSIONS
        .iter()
        .map(|text| Program::compile(text, &environment).unwrap_or_else(|error| panic!("{text}: {error}")))
        .collect();
    let text = pod();
    println!("a pod of {} bytes, {} expressions", text.len(), programs.len());
    for (expression, program) in EXPRESSIONS.iter().zip(&programs) {
        let object: serde_json_borrow::Value<'_> = serde_json::from_str(&text).expect("JSON");
        let each = measure(|| {
            let activation = Activation::new().with("object", &object);
            black_box(program.test(&activation, BUDGET)).expect("an answer");
        });
        println!("{:>8.2} us  {expression}", each.as_secs_f64() * 1e6);
    }
    let parse = measure(|| {
        let object: serde_json_borrow::Value<'_> = serde_json::from_str(&text).expect("JSON");
        black_box(&object);
    });
    println!("{:>8.2} us  parsing the pod", parse.as_secs_f64() * 1e6);
    let whole = measure(|| {
        let object: serde_json_borrow::Value<'_> = serde_json::from_str(&text).expect("JSON");
        let activation = Activation::new().with("object", &object);
        for program in &programs {
            black_box(program.test(&activation, BUDGET)).expect("an answer");
        }
    });
    let count = f64::from(u32::try_from(programs.len()).expect("few"));
    println!(
        "{:>8.2} us  parsing it and all {count} expressions: {:.0} pods/s, {:.0} evaluations/s on one core",
        whole.as_secs_f64() * 1e6,
        1.0 / whole.as_secs_f64(),
        count / whole.as_secs_f64(),
    );
}

/// The least time of several rounds.
fn measure(mut work: impl FnMut()) -> Duration {
    const TIMES: u32 = 2_000;
    (0..7)
        .map(|_| {
            let started = Instant::now();
            (0..TIMES).for_each(|_| work());
            started.elapsed() / TIMES
        })
        .min()
        .unwrap_or_default()
}

fn pod() -> String {
    let container = |name: &str| {
        serde_json::json!({
            "name": name, "image": format!("ghcr.io/acme/{name}:1.2.3"), "imagePullPolicy": "IfNotPresent",
            "command": ["/bin/app", "--listen", ":8080"],
            "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
            "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
            "securityContext": {"allowPrivilegeEscalation": false, "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10},
            "volumeMounts": [{"mountPath": "/data", "name": "data"}, {"mountPath": "/etc/app", "name": "config"}],
        })
    };
    serde_json::json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "shop", "namespace": "prod", "uid": "d7a3ce0c-8c9c-4b55-a5e3-6b6ab8b3d8b1",
            "labels": {"app": "shop", "tier": "front-end", "pod-template-hash": "7d9c5b9f6d"},
            "annotations": {"example.com/owner": "team-a", "prometheus.io/scrape": "true"},
        },
        "spec": {
            "replicas": 3, "serviceAccountName": "shop", "restartPolicy": "Always", "hostNetwork": false,
            "containers": [container("web"), container("worker"), container("log")],
            "volumes": [{"name": "data", "emptyDir": {}}, {"name": "config", "configMap": {"name": "shop"}}],
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 300}],
        },
    })
    .to_string()
}
