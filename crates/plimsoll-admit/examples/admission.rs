//! Measures admission: `cargo run --release -p plimsoll-admit --example admission`. Budgets: benches/README.md.
//!
//! 1. In process, one thread: reviews of a pod of 4.7 KB with two images, 20 policies, evidence known.
//! 2. Through TLS on loopback: 1,000 reviews in a second over eight kept connections, server and client on the same machine.
//! 3. Memory with 100 policies and evidence of 10,000 digests.
//! 4. An audit of 100,000 pods of 1,000 workloads with 100 images, by 20 policies and by two rules in CEL: from
//!    the text of the objects to the answer. No registry is asked, so that what would come from there is unknown.
//! 5. A decision about a signed image that nothing is known of, from a registry on loopback, with a new client each time.
//!    How often the registry is asked is a test: `a_cold_verify_asks_a_registry_four_times`.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::unwrap_used, reason = "nothing here is input")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use plimsoll_admit::authority::Authority;
use plimsoll_admit::engine::{Engine, Hook, Rules, Step};
use plimsoll_admit::event::Log;
use plimsoll_admit::evidence::{Limits, Source, Store};
use plimsoll_admit::server::{Server, Settings, listen};
use plimsoll_admit::tls::{Certificates, Showcase, configuration};
use plimsoll_model::Digest;
use plimsoll_scan::attest::{Place, Said};
use plimsoll_scan::gate::{Gate, Gathered};
use plimsoll_scan::policy::{Certificate, Effect, Evidence, Known, Maker, Need, Policies};
use plimsoll_scan::trust::{SIGNED, SigningKey};
use plimsoll_scan::{Artifact, NoProgress, Options, Part, Reference, Registries, RegistrySettings};
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;

const NOW: i64 = 1_795_435_200;
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// Every image was signed by a workflow of its own repository. As with registries, only what policies look at is kept.
struct Signed(Arc<Gate>);

impl Source for Signed {
    fn gather(&self, reference: &Reference, _needs: &BTreeSet<Need>) -> Gathered {
        let claims = [
            "sourceRepositoryURI",
            "sourceRepositoryRef",
            "sourceRepositoryDigest",
            "buildSignerURI",
            "runnerEnvironment",
        ];
        let certificate = Certificate {
            subject: Some("https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1".into()),
            issuer: Some(ISSUER.into()),
            claims: claims.map(|claim| (claim.to_owned(), "https://github.com/acme/shop".to_owned())).into(),
        };
        let maker = Maker::Certificate { certificate, root: "sigstore".into() };
        let layer =
            |number: u8| Digest::parse(&format!("sha256:{}", format!("{number:02x}").repeat(32))).unwrap();
        let gathered = Gathered {
            digest: Known::Seen(reference.digest().unwrap().clone()),
            created: Known::Seen(NOW - 86_400),
            layers: Known::Seen((0..8).map(layer).collect()),
            evidence: Known::Seen(vec![Evidence { statement: None, maker, logged: true }]),
            ..Gathered::default()
        };
        gathered.slim(self.0.policies())
    }
}

/// So many policies, of the kinds in turn that people write.
fn policies(count: usize) -> Policies {
    let mut text = String::new();
    for number in 0..count {
        let requirement = match number % 5 {
            0 => "signedBy: {signers: [release]}",
            1 => "registries: {allow: ['r.io/**', 'ghcr.io/acme/**']}",
            2 => "pinDigest: true",
            3 => "maxAge: 90d",
            _ => "podSecurity: {level: baseline}",
        };
        let _ = writeln!(
            text,
            "---\napiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: p{number}}}\nspec:\n  match: {{images: ['r.io/**'], excludeNamespaces: [sandbox]}}\n  signers:\n    release: {{keyless: {{subject: 'https://github.com/acme/*/.github/workflows/release.yml@refs/tags/**', issuer: '{ISSUER}'}}}}\n  requirements:\n  - {requirement}"
        );
    }
    let mut policies = Policies::default();
    policies.add("bench.yaml", &text).unwrap();
    policies
}

fn image(number: usize) -> String {
    format!("r.io/acme/shop:1@sha256:{number:064x}")
}

/// A review of a pod as people run them, 4.7 KB.
fn review(number: usize) -> Vec<u8> {
    let environment: Vec<_> = (0..20)
        .map(|one| json!({"name": format!("SETTING_{one}"), "value": "a value of the usual length"}))
        .collect();
    let container = |name: &str, number: usize| {
        json!({"name": name, "image": image(number), "env": environment, "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
            "securityContext": {"allowPrivilegeEscalation": false, "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10}, "imagePullPolicy": "IfNotPresent"})
    };
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "0df28fbd-5f5f-11e8-bc74-36e6bb280816", "operation": "CREATE", "namespace": "shop", "dryRun": false,
        "kind": {"group": "", "version": "v1", "kind": "Pod"}, "resource": {"group": "", "version": "v1", "resource": "pods"},
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller", "groups": ["system:serviceaccounts"]},
        "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-", "labels": {"app": "web", "tier": "front"}},
            "spec": {"containers": [container("app", number), container("side", number + 1)], "serviceAccountName": "default",
                "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}}},
    }});
    serde_json::to_vec(&review).unwrap()
}

fn percentile(sorted: &[Duration], percent: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a place in a list"
    )]
    let place = ((sorted.len() - 1) as f64 * percent / 100.0).round() as usize;
    sorted[place]
}

fn engine(policies: Policies, bytes: usize) -> Arc<Engine> {
    let gate = Arc::new(Gate::new(policies, Vec::new(), &Arc::default()).unwrap());
    let limits = Limits { bytes, per_second: 1_000_000, ..Limits::default() };
    let store = Arc::new(Store::new(Arc::new(Signed(gate.clone())), limits));
    let clock: plimsoll_admit::Clock = Arc::new(|| NOW);
    store.start(&clock);
    Arc::new(Engine::new(Rules::new(gate), store))
}

/// Has everything looked at that these images need.
fn warm(engine: &Engine, count: usize) {
    for number in 0..count {
        let body = review(number);
        let since = Instant::now();
        while let Step::Wait(_) = engine.step(Hook::Validate, &body, NOW, &[], false).unwrap() {
            assert!(since.elapsed() < Duration::from_secs(10));
            std::thread::yield_now();
        }
    }
}

struct Sink;

impl Log for Sink {
    fn line(&self, line: &str) {
        std::hint::black_box(line);
    }
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024
}

fn in_process() {
    let engine = engine(policies(20), 32 << 20);
    warm(&engine, 100);
    let bodies: Vec<Vec<u8>> = (0..100).map(review).collect();
    let mut took = Vec::with_capacity(100_000);
    let since = Instant::now();
    for round in 0..100_000 {
        let one = Instant::now();
        let Step::Done(answer, event) =
            engine.step(Hook::Validate, &bodies[round % 100], NOW, &[], false).unwrap()
        else {
            unreachable!("everything is known")
        };
        std::hint::black_box((answer.to_json(), serde_json::to_string(&event).unwrap()));
        assert!(answer.allowed(), "{answer:?}");
        took.push(one.elapsed());
    }
    let all = since.elapsed();
    took.sort_unstable();
    println!(
        "in process, one thread, 20 policies, 2 images, body {} bytes: {:.0} reviews/s, p50 {:?}, p99 {:?}, resident {} MB",
        bodies[0].len(),
        100_000.0 / all.as_secs_f64(),
        percentile(&took, 50.0),
        percentile(&took, 99.0),
        resident()
    );
}

fn through_tls() {
    #[expect(clippy::disallowed_methods, reason = "clients check certificates by the machine's clock")]
    let now =
        std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let now = i64::try_from(now).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(now).unwrap();
    std::fs::write(folder.path().join("ca.crt"), authority.certificate_pem()).unwrap();
    std::fs::write(folder.path().join("ca.key"), authority.key_pem()).unwrap();
    let engine = engine(policies(20), 32 << 20);
    warm(&engine, 100);
    let settings = Settings {
        budget: Duration::from_secs(5),
        now: Arc::new(|| NOW),
        log: Arc::new(Sink),
        linger: Duration::ZERO,
        pushes: None,
    };
    let server = Server::new(engine, settings);
    let showcase = Arc::new(Showcase::default());
    let names = vec!["gate.test".to_owned()];
    showcase.show(&Certificates::Authority { folder: folder.path().to_owned(), names }.load(now).unwrap());
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let (told, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
            told.send(listener.local_addr().unwrap()).unwrap();
            server.run(listener, configuration(showcase).unwrap(), stopped).await.unwrap();
        });
    });
    let address = address.recv().unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(
            rustls::pki_types::CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes())
                .unwrap(),
        )
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = Arc::new(
        rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    );
    const CLIENTS: u32 = 8;
    const SECONDS: u32 = 10;
    const RATE: u32 = 1_000;
    let threads: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client = client.clone();
            std::thread::spawn(move || {
                let mut socket = TcpStream::connect(address).unwrap();
                socket.set_nodelay(true).unwrap();
                let name = rustls::pki_types::ServerName::try_from("gate.test").unwrap();
                let mut connection = rustls::ClientConnection::new(client, name).unwrap();
                connection.complete_io(&mut socket).unwrap();
                let mut stream = rustls::StreamOwned::new(connection, socket);
                let gap = Duration::from_secs(1) * CLIENTS / RATE;
                let mut due = Instant::now() + gap * number / CLIENTS;
                let mut took = Vec::new();
                let mut seen = vec![0; 65_536];
                for round in 0..RATE / CLIENTS * SECONDS {
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    let body = review(usize::try_from(round % 100).unwrap());
                    let head = format!("POST /validate?timeout=10s HTTP/1.1\r\nhost: gate.test\r\ncontent-length: {}\r\n\r\n", body.len());
                    let request = [head.as_bytes(), &body].concat();
                    // From the moment that it was due: who is late has waited too.
                    stream.write_all(&request).unwrap();
                    let mut filled = 0;
                    while !seen[..filled].ends_with(b"}}") {
                        let read = stream.read(&mut seen[filled..]).unwrap();
                        assert!(read > 0);
                        filled += read;
                    }
                    took.push(due.elapsed());
                    assert!(seen.starts_with(b"HTTP/1.1 200"));
                    due += gap;
                }
                took
            })
        })
        .collect();
    let mut took: Vec<Duration> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    took.sort_unstable();
    println!(
        "through TLS, {RATE}/s for {SECONDS} s, client on the same machine: {} answers, p50 {:?}, p99 {:?}, p99.9 {:?}, resident {} MB (client included)",
        took.len(),
        percentile(&took, 50.0),
        percentile(&took, 99.0),
        percentile(&took, 99.9),
        resident()
    );
}

fn memory() {
    let engine = engine(policies(100), 32 << 20);
    let before = resident();
    warm(&engine, 10_000);
    let counts = engine.store.counts();
    println!(
        "100 policies, {} digests kept: {} MB resident ({before} MB before), counted as {:.1} MB, {} evicted",
        counts.entries,
        resident(),
        f64::from(u32::try_from(counts.bytes).unwrap()) / f64::from(1 << 20),
        counts.evicted
    );
}

fn cluster() {
    const PODS: usize = 100_000;
    let rules = plimsoll_rules::documents(
        "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: limited}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  validations: [{expression: 'object.spec.containers.all(c, has(c.resources) && has(c.resources.limits))'}]
---
apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: named}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  validations: [{expression: \"object.metadata.labels['app'] != ''\"}]
",
    )
    .unwrap();
    let rules = Arc::new(plimsoll_rules::Rules::in_force(&rules).unwrap());
    let gate = Gate::new(policies(20), Vec::new(), &Arc::default()).unwrap();
    let pod = |number: usize| {
        let review: serde_json::Value = serde_json::from_slice(&review(number % 100)).unwrap();
        let mut pod = review["request"]["object"].clone();
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        let workload = format!("web-{}", number % 1_000);
        pod["metadata"] = json!({"name": format!("{workload}-{number}"), "namespace": format!("team-{}", number % 50),
            "labels": {"app": workload}, "ownerReferences": [{"kind": "ReplicaSet", "name": workload, "controller": true}]});
        pod["status"] = json!({"phase": "Running"});
        pod.to_string()
    };
    let pods: Vec<String> = (0..1_000).map(pod).collect();
    let settings =
        plimsoll_scan::audit::Settings { threads: 2, provenance: false, policies: Vec::new(), again: 60 };
    for (what, rules) in [("20 policies", None), ("20 policies and 2 rules in CEL", Some(&rules))] {
        let since = Instant::now();
        let mut collector = plimsoll_scan::audit::Collector::new(
            plimsoll_model::workload::Kinds::default(),
            gate.policies().standards(),
        );
        if let Some(rules) = rules {
            collector = collector.with_rules(rules);
        }
        for number in 0..PODS {
            // The name is what differs between the pods of a workload.
            let text = &pods[number % 1_000];
            let text = text.replacen(&format!("-{}\"", number % 1_000), &format!("-{number}\""), 1);
            collector.apply(&serde_json::from_str(&text).unwrap());
        }
        let audit = plimsoll_scan::audit::audit(
            &mut collector,
            plimsoll_model::audit::ClusterInfo::default(),
            Vec::new(),
            &gate,
            &mut plimsoll_scan::audit::Evidence::default(),
            &settings,
            &plimsoll_scan::Options::default(),
            &plimsoll_scan::NoProgress,
        );
        println!(
            "audit of {PODS} pods of {} bytes, {} workloads, {} images, {what}: {:?}, resident {} MB",
            pods[0].len(),
            audit.summary.workloads,
            audit.summary.images,
            since.elapsed(),
            resident()
        );
    }
}

struct Still;

impl plimsoll_http::Clock for Still {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep(&self, _: Duration) {}
}

fn cold_verify() {
    const TIMES: usize = 200;
    let Some(registry) = plimsoll_testing::Registry::start() else {
        println!("cold verify: not measured, there is no docker-registry here");
        return;
    };
    let registries = || {
        let http = plimsoll_http::Settings::new("plimsoll-example", 1, Arc::new(Still));
        Registries::new(RegistrySettings::new(http))
    };
    let name = format!("{}/team/shop:1.0", registry.host);
    let reference = Reference::parse(&name).unwrap();
    let part = Part {
        media_type: "application/octet-stream".into(),
        bytes: b"an image".to_vec(),
        annotations: BTreeMap::new(),
    };
    let image = Artifact {
        artifact_type: "application/vnd.example".into(),
        parts: vec![part],
        annotations: BTreeMap::new(),
        subject: None,
    };
    let repository = registries().repository_to_write(reference.name()).unwrap();
    repository.put_artifact(Some("1.0"), &image).unwrap();
    let key = SigningKey::generate().unwrap();
    let said = Said { kind: SIGNED.into(), predicate: json!({}) };
    Place::find(&name, &registries()).unwrap().attest(&said, &key).unwrap();
    let mut policies = Policies::default();
    let text = json!({
        "apiVersion": "plimsoll.dev/v1", "kind": "Policy", "metadata": { "name": "cold" },
        "spec": {
            "signers": { "ours": { "noTransparencyLog": true, "key": key.public().to_pem() } },
            "requirements": [{ "signedBy": { "signers": ["ours"] } }],
        },
    });
    policies.add("cold.yaml", &text.to_string()).unwrap();
    let mut took = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let since = Instant::now();
        let gate = Gate::new(policies.clone(), Vec::new(), &Arc::default()).unwrap();
        let options = Options { registries: Some(registries()), ..Options::default() };
        let decision = gate.decide(&name, &options, &NoProgress).unwrap();
        took.push(since.elapsed());
        assert_eq!(decision.effect, Effect::Allow, "{decision:?}");
    }
    took.sort_unstable();
    println!(
        "cold verify from a registry on loopback, one signature: p50 {:?}, p99 {:?}",
        percentile(&took, 50.0),
        percentile(&took, 99.0)
    );
}

fn main() {
    // The memory first: what the others used is not given back.
    memory();
    in_process();
    through_tls();
    cluster();
    cold_verify();
}
