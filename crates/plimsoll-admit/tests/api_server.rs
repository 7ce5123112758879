//! The webhook behind a real API server (Kubernetes 1.20), registered as the manifests register it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/serving.rs"]
mod serving;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use common::{SIGNED, Scripted, digest, fingerprint, gate, pod, policy, signed, unsigned};
use plimsoll_admit::authority::Authority;
use plimsoll_admit::engine::Rules;
use plimsoll_admit::manifests::{Manifests, Trust, write as manifests};
use plimsoll_admit::namespaces::Namespaces;
use plimsoll_admit::tls::Certificates;
use plimsoll_scan::kube::{Access, Client, Surroundings};
use plimsoll_testing::ApiServer;
use serde_json::{Value, json};
use serving::{Serving, client, connect_to, machine, serve, write};

const HOOKS: &str = "/apis/admissionregistration.k8s.io/v1";
const PODS: &str = "/api/v1/namespaces/shop/pods";

/// Sends JSON as `admin`, or as a user who may; status and answer.
fn send(server: &ApiServer, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let (status, answer) =
        server.request(method, path, "application/json", &serde_json::to_vec(body).unwrap(), "admin");
    (status, serde_json::from_slice(&answer).unwrap_or(Value::Null))
}

fn named(name: &str, image: &str) -> Value {
    let mut object = pod(&[image]);
    object["metadata"]["name"] = json!(name);
    object["metadata"].as_object_mut().unwrap().remove("namespace");
    object
}

/// The documents that `--print-manifests` writes for these authorities.
fn documents(authorities: &[&Authority]) -> Vec<Value> {
    manifests(&settings(authorities))
        .split("\n---\n")
        .map(|one| serde_saphyr::from_str(one).unwrap())
        .collect()
}

fn settings(authorities: &[&Authority]) -> Manifests {
    Manifests {
        namespace: "gate".into(),
        image: "ghcr.io/acme/plimsoll:0.1".into(),
        replicas: 2,
        trust: Trust::Authority {
            files: BTreeMap::from([("ca.crt".into(), authorities[0].certificate_pem().to_owned())]),
            bundle: authorities.iter().map(|one| one.certificate_pem()).collect(),
        },
        policies: BTreeMap::from([("a.yaml".into(), policy("production", SIGNED))]),
        exempt: BTreeSet::from(["kube-system".into(), "kube-node-lease".into()]),
        namespaces: false,
        arguments: Vec::new(),
        further: Vec::new(),
    }
}

/// A registration, but at an address of this machine instead of a service: there are no nodes.
fn registration(kind: &str, serving: &Serving, authorities: &[&Authority]) -> (String, Value) {
    let all = documents(authorities);
    let mut document = all.iter().find(|one| one["kind"] == kind).unwrap().clone();
    for hook in document["webhooks"].as_array_mut().unwrap() {
        let service = hook["clientConfig"].as_object_mut().unwrap().remove("service").unwrap();
        let path = service["path"].as_str().unwrap();
        hook["clientConfig"]["url"] = json!(format!("https://{}{path}", serving.address));
    }
    (format!("{HOOKS}/{}s", kind.to_lowercase()), document)
}

/// The image of a pod's first container.
fn image(pod: &Value) -> &str {
    pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default()
}

/// Tags become digests before anybody else sees them, and what runs is what was decided on, wherever the tag goes.
fn tags_are_pinned(server: &ApiServer, moved: &AtomicBool) {
    let (status, answer) = send(server, "POST", PODS, &named("pinned", "r.io/good:1"));
    assert_eq!((status, image(&answer)), (201, format!("r.io/good:1@{}", digest("11")).as_str()), "{answer}");
    let (_, kept) = send(server, "GET", &format!("{PODS}/pinned"), &Value::Null);
    assert_eq!(image(&kept), image(&answer), "as it is kept");
    // Other places of a pod, in one patch.
    let mut object = named("places", "r.io/good:1");
    object["spec"]["initContainers"] = json!([{"name": "i", "image": "r.io/good"}]);
    let (status, answer) = send(server, "POST", PODS, &object);
    assert_eq!(status, 201, "{answer}");
    let first = answer["spec"]["initContainers"][0]["image"].as_str().unwrap();
    assert_eq!(first, format!("r.io/good:latest@{}", digest("11")));
    // A digest stays as it is.
    let by_digest = format!("r.io/good@{}", digest("33"));
    let (status, answer) = send(server, "POST", PODS, &named("digest", &by_digest));
    assert_eq!((status, image(&answer)), (201, by_digest.as_str()), "{answer}");
    // An image that changes is pinned as well.
    let change = json!({"spec": {"containers": [{"name": "c0", "image": "r.io/good:2"}]}}).to_string();
    let path = format!("{PODS}/pinned");
    let (status, answer) =
        server.request("PATCH", &path, "application/strategic-merge-patch+json", change.as_bytes(), "admin");
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((status, image(&answer)), (200, format!("r.io/good:2@{}", digest("11")).as_str()), "{answer}");
    // The tag goes to an image that nobody signed, between the two webhooks or after them.
    let (status, answer) = send(server, "POST", PODS, &named("before", "r.io/moves:1"));
    assert_eq!(
        (status, image(&answer)),
        (201, format!("r.io/moves:1@{}", digest("21")).as_str()),
        "{answer}"
    );
    moved.store(true, SeqCst);
    let (status, answer) = send(server, "POST", PODS, &named("after", "r.io/moves:2"));
    assert_eq!(status, 403, "{answer}");
    assert!(answer["message"].as_str().unwrap().contains(&digest("22").to_string()), "{answer}");
}

fn register(server: &ApiServer, serving: &Serving, authorities: &[&Authority]) {
    for kind in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] {
        let (path, document) = registration(kind, serving, authorities);
        let (status, answer) = send(server, "POST", &path, &document);
        assert_eq!(status, 201, "{answer}");
    }
    // Servers need a moment until they ask.
    let since = Instant::now();
    loop {
        let try_out = |image| send(server, "POST", &format!("{PODS}?dryRun=All"), &named("probe", image));
        if try_out("r.io/bad:1").0 != 201 && image(&try_out("r.io/good:1").1).contains('@') {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(30), "the webhook is never asked");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn webhook(
    folder: &std::path::Path,
    source: Arc<Scripted>,
    yaml: &str,
) -> (Serving, Certificates, Authority, Authority) {
    let (first, second) = (Authority::new(machine()).unwrap(), Authority::new(machine()).unwrap());
    write(folder, "ca", &first);
    write(folder, "next-ca", &second);
    let mut rules = Rules::new(gate(yaml));
    rules.exempt.extend(["kube-system".to_owned(), "gate".to_owned()]);
    let serving = serve(rules, source, Duration::ZERO);
    let certificates = Certificates::Authority { folder: folder.to_owned(), names: vec!["127.0.0.1".into()] };
    serving.showcase.show(&certificates.load(machine()).unwrap());
    (serving, certificates, first, second)
}

#[derive(Debug)]
struct Machine;

impl plimsoll_http::Clock for Machine {
    #[expect(clippy::disallowed_methods, reason = "clients check certificates by the machine's clock")]
    fn now(&self) -> std::time::SystemTime {
        std::time::SystemTime::now()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// The namespaces, followed with the right that the manifests give and no other.
fn namespaces_are_followed(server: &ApiServer) {
    let text = manifests(&Manifests { namespaces: true, ..settings(&[&Authority::new(machine()).unwrap()]) });
    let role = text.split("\n---\n").find(|one| one.contains("kind: ClusterRole\n")).unwrap();
    let api = "/apis/rbac.authorization.k8s.io/v1";
    server.apply(&format!("{api}/clusterroles/plimsoll-admit"), role);
    server.apply(
        &format!("{api}/clusterrolebindings/plimsoll-admit"),
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: plimsoll-admit}, \
         roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: plimsoll-admit}, \
         subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: auditor}]}",
    );
    // Rights take effect a moment after they are written.
    let since = Instant::now();
    while server.request("GET", "/api/v1/namespaces", "", &[], "auditor").0 != 200 {
        assert!(since.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(50));
    }
    let surroundings = Surroundings { named: Some(server.kubeconfig("auditor")), ..Surroundings::default() };
    let network = plimsoll_http::Settings::new("test", 1, Arc::new(Machine));
    let client = Client::new(Access::find(&surroundings, None, &network).unwrap());
    let namespaces = Arc::new(Namespaces::default());
    namespaces.follow(client, |trouble| panic!("{trouble}"));
    let until = |wanted: &dyn Fn(Option<&Value>) -> bool| {
        let since = Instant::now();
        while !wanted(namespaces.get("shop").as_deref()) {
            assert!(since.elapsed() < Duration::from_secs(10), "{:?}", namespaces.get("shop"));
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let label = |one: Option<&Value>| one.map(|one| one["metadata"]["labels"]["tier"].clone());
    until(&|one| label(one) == Some(Value::Null));
    server.apply(
        "/api/v1/namespaces/shop",
        "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {kubernetes.io/metadata.name: shop, tier: front}}}",
    );
    until(&|one| label(one) == Some(json!("front")));
    assert!(namespaces.get("kube-system").is_some() && namespaces.get("nothing").is_none());
}

/// Who has the role of the manifests may write exceptions, and no policy.
fn exceptions_are_a_right_of_their_own(server: &ApiServer, written: &[Value]) {
    let here = "/api/v1/namespaces/gate/configmaps";
    let api = "/apis/rbac.authorization.k8s.io/v1/namespaces/gate";
    for (path, kind) in [(here, "ConfigMap"), (&format!("{api}/roles"), "Role")] {
        for one in written.iter().filter(|one| one["kind"] == kind) {
            let (status, answer) = send(server, "POST", path, one);
            assert_eq!(status, 201, "{answer}");
        }
    }
    let change = |name: &str| {
        let body = json!({"data": {"now.yaml": "# an exception\n"}}).to_string();
        let path = format!("{here}/{name}");
        server.request("PATCH", &path, "application/merge-patch+json", body.as_bytes(), "auditor").0
    };
    assert_eq!((change("plimsoll-exceptions"), change("plimsoll-policies")), (403, 403));
    let (status, answer) = send(
        server,
        "POST",
        &format!("{api}/rolebindings"),
        &json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "on-call"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "plimsoll-exceptions"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "auditor"}]}),
    );
    assert_eq!(status, 201, "{answer}");
    let since = Instant::now();
    while change("plimsoll-exceptions") != 200 {
        assert!(since.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(change("plimsoll-policies"), 403);
}

#[test]
#[expect(clippy::print_stdout, reason = "it tells how many pods it made")]
fn a_cluster_is_guarded() {
    let Some(server) = ApiServer::start(&[]) else { return };
    // As servers since 1.21 label namespaces by themselves.
    for name in ["shop", "gate", "kube-system"] {
        let text = format!(
            "{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}, labels: {{kubernetes.io/metadata.name: {name}}}}}}}"
        );
        server.apply(&format!("/api/v1/namespaces/{name}"), &text);
    }
    namespaces_are_followed(&server);
    let yaml = policy("production", SIGNED);
    let key = fingerprint(&gate(&yaml));
    let moved = Arc::new(AtomicBool::new(false));
    let moves = moved.clone();
    let source = Scripted::new(move |reference, _| {
        let own = reference.digest().cloned().unwrap_or_else(|| digest("11"));
        match reference.name().path() {
            "good" => signed(&own, &key),
            "moves" => {
                let now = if moves.load(SeqCst) { digest("22") } else { digest("21") };
                let own = reference.digest().cloned().unwrap_or(now);
                if own == digest("21") { signed(&own, &key) } else { unsigned(&own) }
            }
            "slow" => {
                std::thread::sleep(Duration::from_secs(20));
                signed(&own, &key)
            }
            _ => unsigned(&own),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let (serving, certificates, first, second) = webhook(folder.path(), source, &yaml);

    // The server takes every other document as well (PodDisruptionBudget v1 came with 1.21).
    for document in documents(&[&first, &second]) {
        let kind = document["kind"].as_str().unwrap().to_lowercase();
        let path = match kind.as_str() {
            "namespace" | "poddisruptionbudget" => continue,
            "role" => "/apis/rbac.authorization.k8s.io/v1/namespaces/gate/roles".to_owned(),
            "deployment" => "/apis/apps/v1/namespaces/gate/deployments".to_owned(),
            kind if kind.ends_with("configuration") => format!("{HOOKS}/{kind}s"),
            kind => format!("/api/v1/namespaces/gate/{kind}s"),
        };
        let (status, answer) = send(&server, "POST", &format!("{path}?dryRun=All"), &document);
        assert_eq!(status, 201, "{kind}: {answer}");
    }
    exceptions_are_a_right_of_their_own(&server, &documents(&[&first, &second]));
    register(&server, &serving, &[&first, &second]);

    tags_are_pinned(&server, &moved);
    // Refused, with reason and next step; let in.
    let (status, answer) = send(&server, "POST", PODS, &named("bad", "r.io/bad:1"));
    let said = answer["message"].as_str().unwrap_or_default();
    assert_eq!(status, 403, "{answer}");
    assert!(said.contains("pods.plimsoll.dev") && said.contains("production/signedBy: not signed"), "{said}");
    let (status, answer) = send(&server, "POST", PODS, &named("good", "r.io/good:1"));
    assert_eq!(status, 201, "{answer}");
    // Changes that start nothing pass, another image does not.
    let patch = |body: &str| {
        let path = format!("{PODS}/good");
        let (status, answer) =
            server.request("PATCH", &path, "application/merge-patch+json", body.as_bytes(), "admin");
        (status, String::from_utf8(answer).unwrap())
    };
    assert_eq!(patch(r#"{"metadata":{"annotations":{"a":"b"}}}"#).0, 200);
    let (status, answer) = patch(r#"{"spec":{"containers":[{"name":"c0","image":"r.io/bad:2"}]}}"#);
    assert_eq!(status, 403, "{answer}");
    // What makes pods is refused early.
    let deployment = |image: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": image}]}}}})
    };
    let deployments = "/apis/apps/v1/namespaces/shop/deployments";
    assert_eq!(send(&server, "POST", deployments, &deployment("r.io/bad:1")).0, 403);
    assert_eq!(send(&server, "POST", deployments, &deployment("r.io/good:1")).0, 201);
    // The cluster's own parts and the webhook's namespace.
    for namespace in ["kube-system", "gate"] {
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        assert_eq!(send(&server, "POST", &path, &named("any", "r.io/bad:1")).0, 201, "{namespace}");
    }

    // A dry run is answered, and leaves nothing in the log.
    let before = serving.log.all().len();
    assert_eq!(send(&server, "POST", &format!("{PODS}?dryRun=All"), &named("dry", "r.io/bad:9")).0, 403);
    assert_eq!(send(&server, "POST", &format!("{PODS}?dryRun=All"), &named("dry", "r.io/good:9")).0, 201);
    assert_eq!(serving.log.all().len(), before);

    // The answer comes before the server gives up, with a reason.
    let since = Instant::now();
    let (status, answer) =
        send(&server, "POST", PODS, &named("slow", &format!("r.io/slow@{}", digest("77"))));
    assert_eq!(status, 429, "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("still being looked at"), "{answer}");
    assert!(since.elapsed() < Duration::from_secs(9), "{:?}", since.elapsed());

    // Certificates and authority change while everybody creates pods.
    let (done, created) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (server, done, created) = (&server, &done, &created);
            scope.spawn(move || {
                let authority = std::fs::read_to_string(server.authority()).unwrap();
                let address = server.url.trim_start_matches("https://").parse().unwrap();
                let mut kept = connect_to(address, "127.0.0.1", &client(&[&authority])).unwrap();
                let object = named(&format!("load-{number}"), "r.io/good:1");
                let body = serde_json::to_vec(&object).unwrap();
                let head = format!(
                    "POST {PODS}?dryRun=All HTTP/1.1\r\nauthorization: Bearer token-of-admin\r\ncontent-type: application/json"
                );
                while !done.load(SeqCst) {
                    let (status, answer) = serving::send(&mut kept, &head, &body).unwrap();
                    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&answer));
                    created.fetch_add(1, SeqCst);
                }
            });
        }
        let since = Instant::now();
        let mut changes = 0;
        while since.elapsed() < Duration::from_secs(4) {
            if changes == 60 {
                write(folder.path(), "ca", &second);
            }
            serving.showcase.show(&certificates.load(machine()).unwrap());
            changes += 1;
            std::thread::sleep(Duration::from_millis(20));
        }
        done.store(true, SeqCst);
    });
    assert!(created.load(SeqCst) > 100, "{created:?}");
    println!("{} pods in 4 s while certificates changed, none refused", created.load(SeqCst));
    assert_eq!(serving.engine.metrics.failures.load(SeqCst), 0);

    // Nobody answers: pods wait, what makes them passes, and the cluster's own parts start.
    serving.stop.send_replace(true);
    serving.ended.recv_timeout(Duration::from_secs(20)).unwrap();
    let (status, answer) = send(&server, "POST", PODS, &named("later", "r.io/good:1"));
    assert_eq!(status, 500, "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("failed calling webhook"), "{answer}");
    let mut other = deployment("r.io/bad:1");
    other["metadata"]["name"] = json!("unseen");
    assert_eq!(send(&server, "POST", deployments, &other).0, 201, "failurePolicy Ignore");
    let (status, answer) =
        send(&server, "POST", "/api/v1/namespaces/kube-system/pods", &named("dns", "r.io/bad:1"));
    assert_eq!(status, 201, "{answer}");
    let (status, answer) =
        send(&server, "POST", "/api/v1/namespaces/gate/pods", &named("gate", "r.io/plimsoll:1"));
    assert_eq!(status, 201, "the webhook itself starts again: {answer}");
}
