//! `plimsoll admit` as a cluster meets it: over TLS, with a real registry behind it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use plimsoll_http::{Client, Clock, Method, Request, Settings, Url};
use serde_json::{Value, json};

use super::Place;
use super::common::image::{self, Pack, Tree};
use super::common::shop;
use super::verify::{harbour, policy};

#[derive(Debug)]
struct Machine;

impl Clock for Machine {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// The webhook, running.
struct Gate {
    child: Child,
    address: String,
    client: Client,
    _talk: BufReader<ChildStderr>,
}

impl Gate {
    fn start(place: &Place, arguments: &[&str]) -> Self {
        Self::start_at(place, "127.0.0.1:0", arguments)
    }

    fn start_at(place: &Place, address: &str, arguments: &[&str]) -> Self {
        let mut all = vec!["admit", "--listen", address, "--authority", "authority", "--name", "127.0.0.1"];
        all.extend(arguments);
        let log = std::fs::File::create(place.path("decisions.jsonl")).unwrap();
        let mut child = place.command(&all).stdout(log).stderr(Stdio::piped()).spawn().unwrap();
        let mut talk = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        talk.read_line(&mut line).unwrap();
        let Some(address) = line.trim().strip_prefix("listening at ") else {
            talk.read_to_string(&mut line).unwrap();
            panic!("it did not start: {line}");
        };
        let mut settings = Settings::new("test", 1, Arc::new(Machine));
        settings.roots.extra = vec![place.path("authority/ca.crt")];
        Gate { address: address.to_owned(), client: Client::new(settings), child, _talk: talk }
    }

    fn get(&self, path: &str) -> (u16, String) {
        let url = Url::parse(&format!("{}{path}", self.address)).unwrap();
        let response = self.client.send(&Request::get(url).header("accept", "*/*")).unwrap();
        let status = response.status();
        (status, String::from_utf8(response.bytes(1 << 20).unwrap()).unwrap())
    }

    /// The response to a review of a pod with this image.
    fn ask(&self, hook: &str, image: &str, namespace: &str, dry_run: bool) -> Value {
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u-1", "operation": "CREATE", "namespace": namespace, "dryRun": dry_run, "userInfo": {"username": "ada"},
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "c", "image": image}]}},
        }});
        let url = Url::parse(&format!("{}/{hook}?timeout=10s", self.address)).unwrap();
        let request = Request::new(Method::Post, url)
            .header("content-type", "application/json")
            .body(serde_json::to_vec(&review).unwrap());
        let response = self.client.send(&request).unwrap();
        assert_eq!(response.status(), 200);
        let answer: Value = serde_json::from_slice(&response.bytes(1 << 20).unwrap()).unwrap();
        assert_eq!(answer["response"]["uid"], "u-1");
        answer["response"].clone()
    }

    fn validate(&self, image: &str) -> Value {
        self.ask("validate", image, "shop", false)
    }

    /// Waits until the log says this.
    #[track_caller]
    fn logs(place: &Place, text: &str) {
        let since = Instant::now();
        while !std::fs::read_to_string(place.path("decisions.jsonl")).unwrap().contains(text) {
            assert!(since.elapsed() < Duration::from_secs(15), "the log never said {text}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn images_from_a_real_registry_are_let_in_or_refused() {
    let Some((registry, place, name)) = harbour() else { return };
    // The same image with one more file: as good as any, and signed by nobody.
    let other = shop::image().layer("COPY more /opt", Tree::new().file("opt/more", "tampered"));
    image::write(&image::layout(&[("1.0", &other)], Pack::Gzip), &place.path("other"));
    let unsigned = format!("{}/team/other:1.0", registry.host);
    let copied = Command::new("skopeo")
        .args(["copy", "-q", "--insecure-policy", "--dest-tls-verify=false"])
        .args([format!("oci:{}:1.0", place.text("other")), format!("docker://{unsigned}")])
        .status()
        .unwrap();
    assert!(copied.success());
    place.run(&["attest", &name, "--key", &place.text("ours.pem")]).exits(0);
    let file = policy(&place, "  - signedBy: {signers: [ours]}\n");

    let manifests = place
        .run(&[
            "admit",
            "--print-manifests",
            "--policy",
            &file,
            "--authority",
            "authority",
            "--image",
            "x/plimsoll:1",
        ])
        .exits(0)
        .quiet();
    assert!(manifests.stdout.contains("kind: ValidatingWebhookConfiguration"));
    // The same authority the next time.
    let again = place
        .run(&[
            "admit",
            "--print-manifests",
            "--policy",
            &file,
            "--authority",
            "authority",
            "--image",
            "x/plimsoll:1",
        ])
        .exits(0);
    assert_eq!(manifests.stdout, again.stdout);

    let mut gate = Gate::start(&place, &["--policy", &file]);
    let good = gate.validate(&name);
    assert_eq!(good["allowed"], true, "{good}");
    assert!(good["auditAnnotations"]["images"].as_str().unwrap().contains("@sha256:"), "{good}");
    let bad = gate.validate(&unsigned);
    assert_eq!(bad["allowed"], false);
    assert!(bad["status"]["message"].as_str().unwrap().contains("harbour/signedBy: not signed"), "{bad}");
    let gone = gate.validate(&format!("{}/team/nothing:1", registry.host));
    // To ask again does not help, so that clients are not told to.
    assert_eq!((&gone["allowed"], &gone["status"]["code"]), (&json!(false), &json!(403)), "{gone}");
    let away = gate.validate("127.0.0.1:1/team/shop:1");
    assert_eq!((&away["allowed"], &away["status"]["code"]), (&json!(false), &json!(429)), "{away}");
    assert_eq!(gate.ask("validate", &unsigned, "kube-system", false)["allowed"], true);
    assert_eq!(gate.ask("validate", &unsigned, "plimsoll", false)["allowed"], true);

    let pinned = gate.ask("mutate", &name, "shop", false);
    let patch = base64::engine::general_purpose::STANDARD.decode(pinned["patch"].as_str().unwrap()).unwrap();
    let patch: Value = serde_json::from_slice(&patch).unwrap();
    let pinned = patch[0]["value"].as_str().unwrap();
    assert!(pinned.starts_with(&format!("{name}@sha256:")), "{pinned}");
    assert_eq!(gate.validate(pinned)["allowed"], true);
    // The signature of another image does not follow its digest into another repository.
    let digest = pinned.split_once('@').unwrap().1;
    assert_eq!(gate.validate(&format!("{}/team/other@{digest}", registry.host))["allowed"], false);

    assert_eq!(gate.get("/healthz").0, 200);
    assert_eq!(gate.get("/readyz").0, 200);
    assert_eq!(gate.get("/else").0, 404);
    let (_, metrics) = gate.get("/metrics");
    assert!(
        metrics.contains("plimsoll_admit_policy_answers_total{policy=\"harbour\",answer=\"met\"}"),
        "{metrics}"
    );
    assert!(metrics.contains("plimsoll_admit_reviews_total{result=\"refused\"} 3\n"), "{metrics}");

    // A policy with a mistake changes nothing; one without does at once.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("signedBy", "signdBy")).unwrap();
    Gate::logs(&place, "policies-refused");
    assert_eq!(gate.validate(&unsigned)["allowed"], false);
    std::fs::write(&file, text.replace("spec:\n", "spec:\n  mode: warn\n")).unwrap();
    Gate::logs(&place, "policies-loaded");
    let warned = gate.validate(&unsigned);
    assert_eq!(warned["allowed"], true, "{warned}");
    assert!(warned["warnings"][0].as_str().unwrap().contains("not signed"), "{warned}");

    assert!(Command::new("kill").args(["-TERM", &gate.child.id().to_string()]).status().unwrap().success());
    assert!(gate.child.wait().unwrap().success(), "asked to end, it ends well");
    let log = std::fs::read_to_string(place.path("decisions.jsonl")).unwrap();
    for line in log.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    assert!(log.lines().next().unwrap().contains("started"));
}

#[test]
fn reviews_are_recorded_and_a_draft_is_held_against_them() {
    let Some((registry, place, name)) = harbour() else { return };
    let open = place.put(
        "open.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: open}\nspec: {requirements: [{registries: {deny: ['127.0.0.1:1/**']}}]}\n",
    );
    let made = ["--policy", &open, "--authority", "authority", "--image", "x/plimsoll:1"];
    place.run(&[["admit", "--print-manifests"].as_slice(), &made].concat()).exits(0);
    let mut gate = Gate::start(&place, &["--policy", &open, "--record", "reviews"]);
    assert_eq!(gate.validate(&name)["allowed"], true);
    assert_eq!(gate.validate("127.0.0.1:1/evil:1")["allowed"], false);
    assert_eq!(gate.validate(&format!("{}/team/nothing:1", registry.host))["allowed"], true);
    assert_eq!(gate.ask("validate", &name, "kube-system", false)["allowed"], true);
    gate.ask("validate", &name, "shop", true);
    gate.ask("mutate", &name, "shop", false);
    assert!(Command::new("kill").args(["-TERM", &gate.child.id().to_string()]).status().unwrap().success());
    assert!(gate.child.wait().unwrap().success());

    // The draft asks for a signature that nobody made yet: of the four that were recorded one has it refused already, and
    // one is of a namespace that is let be.
    let draft = policy(&place, "  - signedBy: {signers: [ours]}\n");
    let replay = |more: &[&str]| {
        let run = place
            .run(&[&["policy", "replay", &draft, "--reviews", "reviews", "--format", "json"], more].concat());
        let told: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
        assert_eq!(super::faults("replay-1.0.json", &told), Vec::<String>::new());
        let count = |word: &str| told[word].as_u64().unwrap();
        let counts = ["reviews", "newlyDenied", "newlyUnknown", "newlyAllowed", "same"].map(count);
        (run.code, counts, told)
    };
    let (code, counts, told) = replay(&[]);
    assert_eq!((code, counts), (1, [4, 1, 1, 0, 2]), "{told:#}");
    let denied = &told["changes"][0];
    assert_eq!(
        (&denied["change"], &denied["user"], &denied["name"]),
        (&json!("newlyDenied"), &json!("ada"), &json!("web"))
    );
    assert!(denied["reasons"][0].as_str().unwrap().contains("harbour/signedBy: not signed"), "{denied}");
    assert!(denied["at"].as_str().unwrap().ends_with("reviews-000000000001.jsonl: line 1"), "{denied}");
    let table = place.run(&["policy", "replay", &draft, "--reviews", "reviews"]).exits(1).stdout;
    assert!(table.contains("Would have been refused\n  shop/Pod web  CREATE by ada\n"), "{table}");

    // Signed meanwhile: the draft refuses nothing that is known, and of the image that is gone nothing can be told.
    place.run(&["attest", &name, "--key", &place.text("ours.pem")]).exits(0);
    let (code, counts, told) = replay(&[]);
    assert_eq!((code, counts), (3, [4, 0, 1, 0, 3]), "{told:#}");
    // Against policies instead of what was answered.
    let (code, counts, told) = replay(&["--policy", &draft]);
    assert_eq!((code, counts), (0, [4, 0, 0, 0, 4]), "{told:#}");
    // Without registries nothing of signatures is known.
    let (code, counts, told) = replay(&["--offline"]);
    assert_eq!((code, counts), (3, [4, 0, 2, 0, 2]), "{told:#}");
    // Less than was asked before: what was refused would be let in.
    let anything = place
        .put("anything.yaml", std::fs::read_to_string(&open).unwrap().replace("127.0.0.1:1", "other.io"));
    let run = place.run(&["policy", "replay", &anything, "--reviews", "reviews"]).exits(0);
    assert!(run.stdout.contains("Would have been let in\n  shop/Pod web"), "{}", run.stdout);

    // One review as a file; a broken line is named and never passed over; nothing is no answer.
    let one = std::fs::read_to_string(place.path("reviews/reviews-000000000001.jsonl")).unwrap();
    place.put("one.json", one.lines().next().unwrap());
    place.run(&["policy", "replay", &anything, "--reviews", "one.json"]).exits(0);
    place.put("half.jsonl", format!("{}\n{{\"apiVersion\": \"admission", one.lines().next().unwrap()));
    let run = place.run(&["policy", "replay", &anything, "--reviews", "half.jsonl"]).exits(3);
    assert!(run.stdout.contains("not read  half.jsonl: line 2"), "{}", run.stdout);
    place.put("none.jsonl", "");
    place.run(&["policy", "replay", &anything, "--reviews", "none.jsonl"]).exits(2).says(&["no review"]);
    place.run(&["policy", "replay", &anything]).exits(2).says(&["--against"]);
}

/// A counter of the metrics.
fn counted(gate: &Gate, name: &str) -> u64 {
    let (_, metrics) = gate.get("/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("`{name}` is not counted:\n{metrics}"))
}

#[test]
fn a_registry_tells_of_pushes_and_the_first_admission_finds_evidence() {
    let Some((first, place, name)) = harbour() else { return };
    let file = policy(&place, "  - signedBy: {signers: [ours]}\n");
    let made = ["--policy", &file, "--authority", "authority", "--image", "x/plimsoll:1"];
    place.run(&[["admit", "--print-manifests"].as_slice(), &made].concat()).exits(0);
    let address = format!("127.0.0.1:{}", plimsoll_testing::free_port());
    let secret = "Bearer 0123456789abcdef0123456789abcdef";
    let endpoint = json!({"name": "gate", "url": format!("https://{address}/push"), "headers": {"Authorization": [secret]},
        "timeout": "2s", "threshold": 3, "backoff": "200ms"});
    let trusted = place.path("authority/ca.crt");
    let notifications = json!({"notifications": {"endpoints": [endpoint]}});
    let Some(registry) = plimsoll_testing::Registry::start_trusting(Some(&trusted), None, &notifications)
    else {
        return;
    };
    place.put("secret", "0123456789abcdef0123456789abcdef\n");
    let mut gate = Gate::start_at(
        &place,
        &address,
        &["--policy", &file, "--push-secret", "secret", "--push-registry", &registry.host],
    );
    let taken = "plimsoll_admit_registry_events_total{result=\"taken\"}";
    let waits_for = |name: &str, count: u64| {
        let since = Instant::now();
        while counted(&gate, name) < count {
            assert!(since.elapsed() < Duration::from_secs(20), "{name}: {}", gate.get("/metrics").1);
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let moved = format!("{}/team/shop:1.0", registry.host);
    let copied = Command::new("skopeo")
        .args(["copy", "-q", "--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false"])
        .args([format!("docker://{name}"), format!("docker://{moved}")])
        .status()
        .unwrap();
    assert!(copied.success());
    drop(first);
    waits_for("plimsoll_admit_evidence_entries", 1);
    assert_eq!(counted(&gate, taken), 1);
    let digest = Command::new("skopeo")
        .args(["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &format!("docker://{moved}")])
        .output()
        .unwrap();
    let digest = String::from_utf8(digest.stdout).unwrap();
    let pinned = format!("{}/team/shop@{}", registry.host, digest.trim());
    let refused = gate.validate(&pinned);
    assert!(
        refused["status"]["message"].as_str().unwrap().contains("harbour/signedBy: not signed"),
        "{refused}"
    );
    assert_eq!(
        counted(&gate, "plimsoll_admit_evidence_misses_total"),
        0,
        "it was there before it was asked for"
    );

    // A signature is pushed under a tag of its own, and the image is looked at again before anybody asks.
    place.run(&["attest", &moved, "--key", &place.text("ours.pem")]).exits(0);
    waits_for(taken, 2);
    waits_for("plimsoll_admit_evidence_gathered_total", 2);
    let allowed = gate.validate(&pinned);
    assert_eq!(allowed["allowed"], true, "{allowed}");
    assert_eq!(counted(&gate, "plimsoll_admit_evidence_misses_total"), 0);
    assert_eq!(counted(&gate, "plimsoll_admit_waited_total"), 0);

    // Nobody else tells it anything, and what is no event is told so.
    let event = |host: &str| {
        json!({"events": [{"action": "push", "request": {"host": host}, "target": {"repository": "team/shop", "tag": "2",
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest.trim()}}]})
        .to_string()
    };
    let post = |secret: Option<&str>, body: String| {
        let url = Url::parse(&format!("{}/push", gate.address)).unwrap();
        let mut request = Request::new(Method::Post, url).body(body.into_bytes());
        if let Some(secret) = secret {
            request = request.header("authorization", secret);
        }
        let response = gate.client.send(&request).unwrap();
        (response.status(), String::from_utf8(response.bytes(1 << 16).unwrap()).unwrap())
    };
    for secret in
        [None, Some("Bearer 0123456789abcdef0123456789abcdee"), Some("0123456789abcdef0123456789abcdef")]
    {
        assert_eq!(post(secret, event(&registry.host)).0, 401, "{secret:?}");
    }
    assert_eq!(post(Some(secret), "{}".into()).0, 400);
    assert_eq!(
        post(Some(secret), event("evil.example")),
        (200, "0 taken, 1 passed over, 0 dropped\n".into())
    );
    assert_eq!(
        post(Some(secret), event(&registry.host)),
        (200, "1 taken, 0 passed over, 0 dropped\n".into())
    );
    assert_eq!(counted(&gate, "plimsoll_admit_registry_events_total{result=\"refused\"}"), 4);
    // Another secret holds without a restart.
    place.put("secret", "another-secret-of-this-length");
    Gate::logs(&place, "push-secret-loaded");
    assert_eq!(post(Some(secret), event(&registry.host)).0, 401);
    assert_eq!(post(Some("Bearer another-secret-of-this-length"), event("evil.example")).0, 200);
    gate.child.kill().unwrap();

    let plain = Gate::start(&place, &["--policy", &file]);
    let url = Url::parse(&format!("{}/push", plain.address)).unwrap();
    assert_eq!(plain.client.send(&Request::new(Method::Post, url).body(Vec::new())).unwrap().status(), 404);
}

#[test]
fn what_it_cannot_start_with_is_named() {
    let place = Place::new();
    let file = place.put(
        "bad.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: x}\nspec: {requirements: []}\n",
    );
    let good = place.put(
        "good.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: x}\nspec: {requirements: [{pinDigest: true}]}\n",
    );
    place.run(&["admit", "--policy", &good]).exits(2).says(&["--authority"]);
    place
        .run(&["admit", "--policy", &file, "--authority", "none"])
        .exits(2)
        .says(&["bad.yaml", "no requirements"]);
    place
        .run(&["admit", "--policy", &good, "--authority", "none"])
        .exits(2)
        .says(&["none", "--print-manifests"]);
    place.run(&["admit", "--policy", &good, "--print-manifests"]).exits(2).says(&["--image"]);
    place
        .run(&["admit", "--policy", &good, "--print-manifests", "--image", "x"])
        .exits(2)
        .says(&["--authority DIR"]);
    place
        .run(&["admit", "--policy", &good, "--authority", "a", "--kind", "Task"])
        .exits(2)
        .says(&["KIND.GROUP=WHAT"]);
    place.run(&["admit", "--policy", &good, "--authority", "a", "--exempt", "A b"]).exits(2).says(&["`A b`"]);
    place.put("short", "guess");
    let pushes = |file: &str, registry: &str| {
        place.run(&[
            "admit",
            "--policy",
            &good,
            "--authority",
            "a",
            "--push-secret",
            file,
            "--push-registry",
            registry,
        ])
    };
    pushes("short", "r.io").exits(2).says(&["`short` holds no secret"]);
    pushes("absent", "r.io").exits(2).says(&["cannot read the secret `absent`"]);
    place.put("long", "0123456789abcdef0123456789abcdef");
    pushes("long", "hub").exits(2).says(&["`hub` is no registry"]);
    place.run(&["admit", "--policy", &good, "--push-secret", "long"]).exits(2).says(&["--push-registry"]);
    let manager = place
        .run(&["admit", "--policy", &good, "--print-manifests", "--image", "x", "--cert-manager", "internal"])
        .exits(0);
    assert!(manager.stdout.contains("inject-ca-from"));
}

#[test]
fn rules_of_other_engines_run_beside_policies_and_bad_ones_are_named() {
    let place = Place::new();
    std::fs::create_dir(place.path("policies")).unwrap();
    let native = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: named}\nspec:\n  matchConstraints:\n    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]\n  validations: [{expression: \"object.metadata.name != 'web'\", message: not web}]\n";
    let mine = "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: x}\nspec: {requirements: [{registries: {allow: ['r.io/**']}}]}\n";
    place.put("policies/all.yaml", format!("{mine}---\n{native}"));
    let manifests = place
        .run(&[
            "admit",
            "--print-manifests",
            "--policy",
            "policies",
            "--authority",
            "authority",
            "--image",
            "x",
        ])
        .exits(0);
    assert!(manifests.stdout.contains("kind: ClusterRole\n"), "rules may look at namespaces");
    let gate = Gate::start(&place, &["--policy", "policies"]);
    let answer = gate.validate("r.io/a:1");
    let said = answer["status"]["message"].as_str().unwrap();
    assert!(said.contains("refused by ValidatingAdmissionPolicy named: not web"), "{answer}");
    // There is no cluster to ask for namespaces: that is in the log.
    Gate::logs(&place, "namespaces-unknown");
    let old = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: old}\n";
    let file = place.put("old.yaml", old);
    place
        .run(&["admit", "--policy", &file, "--authority", "authority"])
        .exits(2)
        .says(&["ClusterPolicy `old`", "no rule that can be run here"]);
    // What is only about images cannot use them, and says so.
    place.run(&["verify", "r.io/a:1", "--policy", "policies"]).exits(2).says(&["admissionregistration"]);
}

#[test]
fn exceptions_of_others_let_in_and_can_do_nothing_else() {
    let Some((_registry, place, name)) = harbour() else { return };
    std::fs::create_dir_all(place.path("policies")).unwrap();
    std::fs::create_dir_all(place.path("exceptions")).unwrap();
    let signed = policy(&place, "  - signedBy: {signers: [ours]}\n");
    std::fs::rename(&signed, place.path("policies/signed.yaml")).unwrap();
    let made = ["--policy", "policies", "--authority", "authority", "--image", "x/plimsoll:1"];
    place.run(&[["admit", "--print-manifests"].as_slice(), &made].concat()).exits(0);
    let gate = Gate::start(&place, &["--policy", "policies", "--exceptions", "exceptions"]);
    let until = |is_let_in: bool, why: &str| {
        let since = Instant::now();
        while gate.validate(&name)["allowed"] != is_let_in {
            assert!(since.elapsed() < Duration::from_secs(15), "{why}");
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    until(false, "nobody signed it");
    // The webhook goes by the machine's clock.
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let exception = format!(
        "apiVersion: plimsoll.dev/v1\nkind: Exception\nmetadata: {{name: night}}\nspec: {{policies: [harbour], requirements: [signedBy], images: ['**'], namespaces: [shop], owner: ada, reason: an outage, expires: '{end}'}}\n"
    );
    place.put("exceptions/night.yaml", &exception);
    until(true, "ada excepts it");
    assert!(gate.validate(&name)["auditAnnotations"]["exceptions"].as_str().unwrap().contains("ada"));
    assert_eq!(gate.ask("validate", &name, "other", false)["allowed"], false, "of no other namespace");
    // A mistake in one file takes nothing else out, and what is no exception does not count.
    place.put("exceptions/broken.yaml", "kind: [");
    place.put(
        "exceptions/policy.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: all}\nspec: {requirements: [{registries: {deny: ['**']}}]}\n",
    );
    std::thread::sleep(Duration::from_secs(3));
    until(true, "the one exception goes on to hold");
    let digest = gate.validate(&name)["auditAnnotations"]["images"].as_str().unwrap().to_owned();
    let digest = digest.split_once('@').unwrap().1.split(' ').next().unwrap().to_owned();
    place.put(
        "policies/revoked.yaml",
        format!("apiVersion: plimsoll.dev/v1\nkind: Revocation\nmetadata: {{name: bad}}\nspec: {{reason: stolen, digest: '{digest}'}}\n"),
    );
    until(false, "a revocation holds, whatever others write");
    std::fs::remove_file(place.path("policies/revoked.yaml")).unwrap();
    until(true, "taken back");
    std::fs::remove_file(place.path("exceptions/night.yaml")).unwrap();
    until(false, "the exception is gone");
}
