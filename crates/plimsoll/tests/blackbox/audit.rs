//! `plimsoll audit`: its JSON against the published schema, and `--watch` on a real API server.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use plimsoll_testing::ApiServer;
use serde_json::{Value, json};

use super::Place;
use super::common::{feeds, image, shop};

const POLICY: &str = "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: own}\nspec: {requirements: [{registries: {allow: ['ghcr.io/acme/**']}}]}\n";
/// The digest that the node tells of the pod.
const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn schema() -> jsonschema::Validator {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/audit-1.0.json");
    jsonschema::validator_for(&serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).unwrap()
}

#[track_caller]
fn fits(schema: &jsonschema::Validator, document: &Value) {
    let errors: Vec<String> =
        schema.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}\n{document:#}", errors.join("\n"));
}

#[test]
fn the_report_is_as_its_schema_says() {
    let place = Place::new();
    let file = place.put("policy.yaml", POLICY);
    let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "good", "namespace": "shop", "labels": {"team": "blue"}},
            "spec": {"containers": [{"name": "a", "image": "ghcr.io/acme/a:1"}]}, "status": {"phase": "Running",
            "containerStatuses": [{"name": "a", "imageID": format!("ghcr.io/acme/a@{DIGEST}")}]}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bad", "namespace": "shop"}, "spec": {"containers": [{"name": "a", "image": "evil.io/a:1"}, {"name": "b"}]}},
    ]});
    let cluster = place.put("cluster.json", objects.to_string());
    let run = place.run(&["audit", &cluster, "--policy", &file, "--offline", "--format", "json"]).exits(1);
    let report = run.json();
    fits(&schema(), &report);
    assert_eq!(
        (&report["verdict"], &report["results"][0]["decision"]["effect"]),
        (&json!("notMet"), &json!("deny"))
    );
    // The schema says something: what is not in it does not pass.
    let mut wrong = report.clone();
    wrong["results"][0]["decision"]["effect"] = json!("perhaps");
    assert!(!schema().is_valid(&wrong));
    wrong = report;
    wrong["extra"] = json!(1);
    assert!(!schema().is_valid(&wrong));
}

/// A template of Gatekeeper with its constraint, and one of Kyverno's rules.
const RULES: &str = r#"
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: k8sowned}
spec:
  crd: {spec: {names: {kind: K8sOwned}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package k8sowned
      # Not an inventory.
      violation[{"msg": msg}] { not input.review.object.metadata.labels.team; msg := "nobody owns it" }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sOwned
metadata: {name: owned}
spec: {match: {kinds: [{apiGroups: [''], kinds: [ConfigMap, Pod]}]}}
---
apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: small}
spec:
  validationActions: [Warn]
  matchConstraints:
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}]
  validations: [{expression: object.spec.replicas < 3, message: too many}]
"#;

const OBJECTS: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: free, namespace: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 7
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec: {containers: [{name: a, image: ghcr.io/acme/a:1}]}
";

#[test]
fn rules_of_other_engines_say_the_same_in_audit_replay_and_check() {
    let place = Place::new();
    let rules = place.put("rules.yaml", RULES);
    let objects = place.put("objects.yaml", OBJECTS);
    let run = place.run(&["audit", &objects, "--policy", &rules, "--offline", "--format", "json"]).exits(1);
    let report = run.json();
    fits(&schema(), &report);
    assert_eq!(
        (
            &report["rules"][0]["kind"],
            &report["rules"][0]["reasons"][0],
            &report["rules"][0]["objects"][0]["name"]
        ),
        (&json!("K8sOwned"), &json!("nobody owns it"), &json!("free"))
    );
    assert_eq!(report["rules"][1]["effect"], "warn");
    assert_eq!(report["summary"]["objectsDenied"], 1);
    let run = place.run(&["audit", &objects, "--policy", &rules, "--offline"]).exits(1);
    for line in [
        "By rules about objects: 2 rules, 2 objects, 1 denied, 0 unknown",
        "  DENY     K8sOwned owned\n           nobody owns it\n           in shop/ConfigMap free\n",
        "  warn     ValidatingPolicy small\n           too many\n           in shop/Deployment web\n",
    ] {
        assert!(run.stdout.contains(line), "{line}\n{}", run.stdout);
    }
    let run = place
        .run(&["audit", &objects, "--policy", &rules, "--offline", "--format", "policy-report"])
        .exits(1);
    assert_eq!(run.json()["items"][0]["summary"]["fail"], 1, "{}", run.stdout);

    let run = place.run(&["policy", "replay", &rules, "--against", &objects, "--offline"]).exits(1);
    assert!(
        run.stdout
            .contains("Would be refused\n  shop/ConfigMap free\n    K8sOwned owned\n    nobody owns it\n"),
        "{}",
        run.stdout
    );
    place.run(&["policy", "replay", &rules, "--against", &objects, "--policy", &rules, "--offline"]).exits(0);

    let run = place.run(&["check", &objects, "--policy", &rules, "--format", "json"]).exits(1);
    let report = run.json();
    let found = report["findings"].as_array().unwrap();
    let of = |id: &str| found.iter().find(|one| one["advisory"] == id).unwrap_or_else(|| panic!("{id}"));
    let owned = of("K8sOwned/owned");
    assert_eq!(
        (&owned["title"], &owned["severity"]["level"], &owned["subject"]["line"]),
        (&json!("nobody owns it"), &json!("high"), &json!(2)),
        "{owned:#}"
    );
    assert_eq!(of("ValidatingPolicy/small")["severity"]["level"], "medium");
    // An exception is one here too; rules that cannot be used are no pass.
    let ignore =
        place.put("ignore.toml", "[[exception]]\nid = \"K8sOwned/owned\"\nreason = \"moved next week\"\n");
    let run =
        place.run(&["check", &objects, "--policy", &rules, "--format", "json", "--ignore-file", &ignore]);
    let report = run.json();
    let owned = report["findings"].as_array().unwrap().iter().find(|one| one["advisory"] == "K8sOwned/owned");
    assert_eq!(owned.unwrap()["suppressedBy"]["reason"], "moved next week", "{report:#}");
    let broken =
        place.put("broken.yaml", RULES.replace("kind: K8sOwned\nmetadata", "kind: K8sOther\nmetadata"));
    for command in ["check", "audit"] {
        place.run(&[command, &objects, "--policy", &broken]).exits(2).says(&["there is no template"]);
    }
}

const TEAM: &str = r#"apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: team-label}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  validations:
  - {expression: "'team' in object.metadata.?labels.orValue({})", message: an object says which team it is of}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: team-label}
spec: {policyName: team-label, validationActions: [Deny]}
"#;

/// A rule of one's own in CEL: tested by `policy test`, and told in every form that `check` writes.
#[test]
fn a_rule_of_ones_own_is_in_every_form_and_has_tests() {
    let place = Place::new();
    let rules = place.put("team/rule.yaml", TEAM);
    let objects = place.put("team/objects.yaml", OBJECTS);
    let case = |result: &str| {
        place.put(
            "team/kyverno-test.yaml",
            format!(
                "apiVersion: cli.kyverno.io/v1alpha1\nkind: Test\nmetadata: {{name: team}}\npolicies: [rule.yaml]\nresources: [objects.yaml]\nresults:\n- {{policy: team-label, isValidatingAdmissionPolicy: true, kind: ConfigMap, resources: [free], result: {result}}}\n"
            ),
        );
        place.run(&["policy", "test", "team"])
    };
    case("fail").exits(0);
    let run = case("pass").exits(1);
    assert!(run.stdout.contains("`pass` was expected, `fail` came"), "{}", run.stdout);
    let said = "an object says which team it is of";
    let id = "ValidatingAdmissionPolicy/team-label";
    let ask = |format: &str| {
        place.run(&["check", &objects, "--policy", &rules, "--fail-on", "high", "--format", format]).exits(1)
    };
    for format in ["sarif", "sarif@finding"] {
        let sarif = ask(format).json();
        let run = &sarif["runs"][0];
        let result = run["results"].as_array().unwrap().iter().find(|one| one["ruleId"] == id);
        let result = result.unwrap_or_else(|| panic!("{sarif:#}"));
        assert_eq!(result["level"], "error");
        assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 2);
        let rule =
            &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!((&rule["id"], &rule["shortDescription"]["text"]), (&json!(id), &json!(said)));
    }
    let junit = ask("junit").stdout;
    assert!(junit.contains(&format!("<testcase name=\"{id} in ")) && junit.contains("<failure"), "{junit}");
    let report = ask("policy-report").json();
    let results = report["results"].as_array().or_else(|| report["items"][0]["results"].as_array()).unwrap();
    let result = results.iter().find(|one| one["policy"] == id).unwrap_or_else(|| panic!("{report:#}"));
    assert_eq!((&result["result"], &result["severity"]), (&json!("fail"), &json!("high")));
    for format in ["table", "markdown", "html", "csv", "asff", "json", "json@brief"] {
        let out = ask(format).stdout;
        assert!(out.contains("team-label") && out.contains(said), "{format}: {out}");
    }
}

#[test]
fn an_exception_counts_by_the_key_that_signed_it() {
    let place = Place::new();
    let key = |name: &str| {
        let script = "openssl genpkey -algorithm ED25519 -out key.pem && openssl pkey -in key.pem -pubout";
        let folder = tempfile::tempdir().unwrap();
        let made = std::process::Command::new("sh")
            .args(["-c", script])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let file = place.put(name, std::fs::read(folder.path().join("key.pem")).unwrap());
        (file, String::from_utf8(made.stdout).unwrap())
    };
    let ((own, public), (other, _)) = (key("own.pem"), key("other.pem"));
    let objects = place.put(
        "pod.yaml",
        "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop}, spec: {containers: [{name: a, image: 'ghcr.io/acme/a:1'}]}}",
    );
    let policy = place.put(
        "policy.yaml",
        format!("apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: own}}\nspec:\n  signers: {{guards: {{key: {public:?}}}}}\n  exceptions: {{signedBy: [guards]}}\n  requirements: [{{pinDigest: true}}]\n"),
    );
    let soon = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date().tomorrow().unwrap();
    let text = format!(
        "apiVersion: plimsoll.dev/v1\nkind: Exception\nmetadata: {{name: old}}\nspec:\n  policies: [own]\n  requirements: [pinDigest]\n  images: ['ghcr.io/acme/a']\n  owner: ada\n  reason: moved soon\n  expires: {soon}\n"
    );
    let exception = place.put("exception.yaml", &text);
    let judged = |with: &str, code: i32| {
        let run = place.run(&[
            "audit",
            &objects,
            "--policy",
            &policy,
            "--policy",
            with,
            "--offline",
            "--format",
            "json",
        ]);
        run.exits(code).json()["results"][0]["decision"]["policies"][0]["requirements"][0].clone()
    };
    let unsigned = judged(&exception, 1);
    assert!(unsigned["reasons"].to_string().contains("`old` is not signed by guards"), "{unsigned}");
    for (key, code) in [(&own, 0), (&other, 1)] {
        let signed = place.path("signed.yaml").display().to_string();
        place.run(&["policy", "sign-exception", &exception, "--key", key, "--out", &signed]).exits(0);
        let answer = judged(&signed, code);
        if code == 0 {
            assert_eq!(answer["exception"], "`old` of ada: moved soon, signed by guards");
            // A letter of it that is another.
            let tampered = std::fs::read_to_string(&signed).unwrap().replace("acme/a", "acme/*");
            judged(&place.put("tampered.yaml", tampered), 1);
        }
    }
    place
        .run(&["policy", "sign-exception", &policy, "--key", &own])
        .exits(2)
        .says(&["one document of kind Exception"]);
}

#[test]
fn a_draft_is_replayed_against_what_runs() {
    let place = Place::new();
    let now = place.put("now.yaml", POLICY);
    let draft = place.put("draft.yaml", POLICY.replace("ghcr.io/acme/**", "ghcr.io/acme/b"));
    let pod = |name: &str, image: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": {"team": "blue"}},
            "spec": {"containers": [{"name": "a", "image": image}]}})
    };
    let objects = json!({"apiVersion": "v1", "kind": "List", "items":
        [pod("a", "ghcr.io/acme/a:1"), pod("b", "ghcr.io/acme/b:1"), pod("c", "evil.io/c:1")]});
    let cluster = place.put("cluster.json", objects.to_string());
    let run = place
        .run(&["policy", "replay", &draft, "--against", &cluster, "--policy", &now, "--offline"])
        .exits(1);
    assert!(
        run.stdout.contains("Would be refused\n  shop/Pod a  (blue)\n    ghcr.io/acme/a:1\n"),
        "{}",
        run.stdout
    );
    assert!(!run.stdout.contains("evil.io"), "it is refused already: {}", run.stdout);
    let run = place
        .run(&["policy", "replay", &draft, "--against", &cluster, "--offline", "--format", "json"])
        .exits(1);
    assert_eq!(
        run.json()["changes"].as_array().unwrap().len(),
        2,
        "without policies that hold everything is new"
    );
    let run = place
        .run(&["policy", "replay", &now, "--against", &cluster, "--policy", &draft, "--offline"])
        .exits(0);
    assert!(run.stdout.contains("Would be let in again\n  shop/Pod a"), "{}", run.stdout);
    // What the draft needs and nobody can tell is no "met".
    let signed =
        place.put("age.yaml", POLICY.replace("{registries: {allow: ['ghcr.io/acme/**']}}", "{maxAge: 90d}"));
    let run = place
        .run(&["policy", "replay", &signed, "--against", &cluster, "--policy", &now, "--offline"])
        .exits(3);
    assert!(run.stdout.contains("Could not be told any more"), "{}", run.stdout);
    place.run(&["policy", "replay", &draft, "--against", "nothing.json"]).exits(3).says(&["nothing.json"]);
}

#[test]
fn policies_are_exported_and_what_is_not_is_named() {
    let place = Place::new();
    let file = place.put("policy.yaml", POLICY);
    let run = place.run(&["policy", "export", &file, "--vap"]).exits(0).quiet();
    for part in [
        "kind: ValidatingAdmissionPolicy\n",
        "kind: ValidatingAdmissionPolicyBinding\n",
        "name: plimsoll-own\n",
        "kube-system",
    ] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    // What was written can be read.
    assert_eq!(plimsoll_rules::documents(&run.stdout).unwrap().len(), 2);
    let mixed = place.put("mixed.yaml", POLICY.replace("[{reg", "[{maxAge: 90d}, {reg"));
    place
        .run(&["policy", "export", &mixed, "--vap"])
        .exits(3)
        .says(&["not exported  own/maxAge: it needs the image's configuration"]);
    place.run(&["policy", "export", &file]).exits(2).says(&["--vap"]);
}

/// A watch, running.
struct Watching {
    child: Child,
    lines: Receiver<Value>,
}

impl Watching {
    fn start(place: &Place, kubeconfig: &str, policies: &str, more: &[&str]) -> Self {
        let mut child = place
            .command(&[
                "audit",
                "--watch",
                "--no-provenance",
                "--policy",
                policies,
                "--kubeconfig",
                kubeconfig,
            ])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        Watching { child, lines }
    }

    /// The next line of this event about this object, within seconds.
    #[track_caller]
    fn hears(&self, event: &str, name: &str) -> Value {
        let since = Instant::now();
        let mut others = Vec::new();
        while since.elapsed() < Duration::from_secs(15) {
            let Ok(line) = self.lines.recv_timeout(Duration::from_secs(1)) else { continue };
            if line["event"] == event && (name.is_empty() || line["name"] == name) {
                return line;
            }
            others.push(line);
        }
        panic!("no {event} of `{name}`, but {others:#?}");
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives a user the rights of a role that is shipped.
fn grant(server: &ApiServer, role: &str, user: &str) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/kubernetes");
    let text = std::fs::read_to_string(format!("{root}/{role}-cluster-role.yaml")).unwrap();
    let api = "/apis/rbac.authorization.k8s.io/v1";
    server.apply(&format!("{api}/clusterroles/plimsoll-{role}"), &text);
    server.apply(
        &format!("{api}/clusterrolebindings/plimsoll-{role}"),
        &format!(
            "{{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {{name: plimsoll-{role}}}, \
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: plimsoll-{role}}}, \
             subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {user}}}]}}"
        ),
    );
}

#[test]
fn what_stops_meeting_the_requirements_is_told_within_seconds() {
    let Some(server) = ApiServer::start(&[]) else { return };
    let schema = schema();
    grant(&server, "audit-watch", "auditor");
    grant(&server, "audit-publish", "auditor");
    server.apply(
        "/api/v1/namespaces/shop",
        "{apiVersion: v1, kind: Namespace, metadata: {name: shop, annotations: {plimsoll.dev/owner: platform}}}",
    );
    let pod = |name: &str, image: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: shop}}, spec: {{containers: [{{name: a, image: '{image}'}}]}}}}"
        )
    };
    server.apply("/api/v1/namespaces/shop/pods/good", &pod("good", &format!("ghcr.io/acme/a@{DIGEST}")));
    let place = Place::new();
    std::fs::create_dir(place.path("policies")).unwrap();
    place.put("policies/own.yaml", POLICY);
    let kubeconfig = server.kubeconfig("auditor").display().to_string();
    let more = ["--offline", "--publish", "events", "--publish", "reports", "--platform", "gke-standard"];
    let watching = Watching::start(&place, &kubeconfig, "policies", &more);
    fits(&schema, &watching.hears("watching", ""));

    // Somebody starts what is not allowed.
    server.apply("/api/v1/namespaces/shop/pods/bad", &pod("bad", "evil.io/a:1"));
    let told = watching.hears("notMet", "bad");
    fits(&schema, &told);
    assert_eq!((&told["owner"], &told["effect"]), (&json!("platform"), &json!("deny")));
    assert_eq!(
        (&told["whose"]["control"], &told["whose"]["party"]["name"]),
        (&json!("SC-003"), &json!("platform"))
    );
    assert!(
        told["next"].as_str().unwrap().starts_with("plimsoll verify evil.io/a:1 --namespace shop"),
        "{told}"
    );

    // What was good is revoked: the running image stops meeting the requirements.
    let began = Instant::now();
    let revocation = format!(
        "apiVersion: plimsoll.dev/v1\nkind: Revocation\nmetadata: {{name: stolen}}\nspec: {{reason: stolen key, digest: '{DIGEST}'}}\n"
    );
    place.put("policies/revoked.yaml", revocation);
    let told = watching.hears("noLongerMet", "good");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    fits(&schema, &told);
    assert!(told["reasons"][0].as_str().unwrap().contains("stolen key"), "{told}");

    // It is an event of the pod. Reports are of a kind that this server does not have: that is told.
    fits(&schema, &watching.hears("notPublished", ""));
    let since = Instant::now();
    loop {
        let (_, body) = server.request("GET", "/api/v1/namespaces/shop/events", "", &[], "admin");
        let events: Value = serde_json::from_slice(&body).unwrap();
        let all = events["items"].as_array().unwrap();
        let of = |reason: &str, name: &str| {
            all.iter().any(|one| one["reason"] == reason && one["involvedObject"]["name"] == name)
        };
        if of("RequirementsNoLongerMet", "good") && of("RequirementsNotMet", "bad") {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(15), "{events:#}");
        std::thread::sleep(Duration::from_millis(100));
    }

    // A policy with a mistake changes nothing; without the revocation it is met again.
    place.put("policies/revoked.yaml", "apiVersion: plimsoll.dev/v1\nkind: Revokation\n");
    fits(&schema, &watching.hears("policiesRefused", ""));
    std::fs::remove_file(place.path("policies/revoked.yaml")).unwrap();
    watching.hears("metAgain", "good");

    // A right that is taken away is told; what is known until then stays known.
    server.delete("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/plimsoll-audit-publish");
    server.apply("/api/v1/namespaces/shop/pods/worse", &pod("worse", "evil.io/b:1"));
    watching.hears("notMet", "worse");
    let since = Instant::now();
    while !watching.hears("notPublished", "")["detail"]
        .as_str()
        .unwrap()
        .contains("no right to create `events`")
    {
        assert!(since.elapsed() < Duration::from_secs(20));
    }
}

/// A small image with one package, and a database that knows of one flaw in it, exploited or not.
fn exploited(place: &Place, name: &str, is_exploited: bool) {
    let feeds = place.path(&format!("feeds-{name}"));
    for number in 0..20 {
        let id = format!("DEBIAN-CVE-2099-9{number:03}");
        let package = if number == 0 { "corelib".to_owned() } else { format!("elsewhere-{number}") };
        let vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N";
        let record = feeds::osv(&id, &[&id[7..]], vector, "Debian:12", &package, &[("0", "9.0-1")]);
        feeds::put(&feeds, "Debian", &record);
    }
    let all = if is_exploited {
        json!([{"cveID": "CVE-2099-9000", "dateAdded": "2026-11-22", "dueDate": "2026-12-16", "knownRansomwareCampaignUse": "Unknown"}])
    } else {
        json!([])
    };
    let count = all.as_array().unwrap().len();
    let catalogue = json!({"title": "known exploited", "catalogVersion": "2026.11.22", "dateReleased": "2026-11-22T00:00:00.000Z", "count": count, "vulnerabilities": all});
    place.put(&format!("feeds-{name}/kev/known_exploited_vulnerabilities.json"), catalogue.to_string());
    place.run(&["db", "build", "--from", &format!("feeds-{name}"), "--out", name]).exits(0);
}

/// What becomes untrue of an image that runs and does not change: its flaw is exploited, an exception ends, the key that signed
/// it is revoked. Each is told within seconds.
#[test]
fn what_becomes_untrue_of_a_running_image_is_told_within_seconds() {
    let Some(server) = ApiServer::start(&[]) else { return };
    let Some(registry) = plimsoll_testing::Registry::start() else { return };
    let place = Place::new();
    let status = "Package: libcore6\nStatus: install ok installed\nArchitecture: amd64\nSource: corelib\nVersion: 2.36-9\nDescription: core\n\n";
    let tree = image::Tree::new()
        .file("etc/os-release", shop::OS_RELEASE)
        .file("var/lib/dpkg/status", status)
        .file("var/lib/dpkg/info/libcore6.list", "/.\n/usr/share/doc/libcore6\n");
    place.layout("small", &image::Image::new().layer("ADD base", tree));
    let name = format!("{}/team/small:1.0", registry.host);
    let script = format!(
        "skopeo copy -q --insecure-policy --dest-tls-verify=false oci:small:1.0 docker://{name}
         openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ours.pem 2>/dev/null
         openssl pkey -in ours.pem -pubout -out ours.pub
         openssl pkey -in ours.pem -pubout -outform DER | sha256sum | cut -d' ' -f1 > fingerprint"
    );
    let done = Command::new("sh").args(["-ec", &script]).current_dir(place.folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    place.run(&["attest", &name, "--key", &place.text("ours.pem")]).exits(0);
    exploited(&place, "before.db", false);
    exploited(&place, "after.db", true);
    std::fs::copy(place.path("before.db"), place.path("used.db")).unwrap();
    let key = std::fs::read_to_string(place.path("ours.pub")).unwrap();
    place.put(
        "policies/own.yaml",
        format!(
            "apiVersion: plimsoll.dev/v1
kind: Policy
metadata: {{name: own}}
spec:
  signers: {{ours: {{noTransparencyLog: true, key: {key:?}}}}}
  requirements:
  - signedBy: {{signers: [ours]}}
  - maxSeverity: {{severity: critical, kev: true}}
"
        ),
    );

    grant(&server, "audit-watch", "auditor");
    server.apply("/api/v1/namespaces/shop", "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}");
    server.apply(
        "/api/v1/namespaces/shop/pods/small",
        &format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: small, namespace: shop, annotations: {{plimsoll.dev/owner: harbour}}}}, spec: {{containers: [{{name: a, image: '{name}'}}]}}}}"
        ),
    );
    let kubeconfig = server.kubeconfig("auditor").display().to_string();
    let watching = Watching::start(&place, &kubeconfig, "policies", &["--db", "used.db", "--no-cache"]);
    let first = watching.hears("watching", "");
    // The clock of the watch: it goes on from the day of the tests.
    let (clock, since) = (first["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap(), Instant::now());
    let schema = schema();
    // Until the image was looked at once there is nothing that could stop being met.
    std::thread::sleep(Duration::from_secs(3));
    let told = |what: &str, within: u64, reason: &str| {
        let began = Instant::now();
        let told = watching.hears("noLongerMet", "small");
        let took = began.elapsed();
        assert!(took < Duration::from_secs(within), "{what}: {took:?}");
        fits(&schema, &told);
        assert_eq!((&told["owner"], &told["effect"]), (&json!("harbour"), &json!("deny")), "{what}: {told}");
        assert!(told["reasons"].to_string().contains(reason), "{what}: {told}");
        assert!(told["next"].as_str().is_some_and(|next| !next.is_empty()), "{what}: {told}");
    };
    let replace = |with: &str| {
        std::fs::copy(place.path(with), place.path("new.db")).unwrap();
        std::fs::rename(place.path("new.db"), place.path("used.db")).unwrap();
    };

    replace("after.db");
    told("its flaw is exploited", 10, "1 known-exploited finding has a fix");

    // Somebody excepts it, for some seconds.
    let passed = i64::try_from(since.elapsed().as_secs()).unwrap();
    let end = jiff::Timestamp::from_second(clock.as_second() + passed + 12).unwrap();
    place.put(
        "policies/exception.yaml",
        format!(
            "apiVersion: plimsoll.dev/v1
kind: Exception
metadata: {{name: while}}
spec: {{policies: [own], requirements: [maxSeverity], images: ['{}/team/*'], owner: ada, reason: a moment, expires: '{end}'}}
",
            registry.host
        ),
    );
    fits(&schema, &watching.hears("metAgain", "small"));
    told("an exception ended", 22, "the exception `while` has expired");

    replace("before.db");
    watching.hears("metAgain", "small");
    let fingerprint = std::fs::read_to_string(place.path("fingerprint")).unwrap();
    place.put(
        "policies/revoked.yaml",
        format!(
            "apiVersion: plimsoll.dev/v1\nkind: Revocation\nmetadata: {{name: leak}}\nspec: {{reason: stolen, key: {}}}\n",
            fingerprint.trim()
        ),
    );
    told("its signer is revoked", 10, "whose maker `leak` revokes");
}

#[test]
fn a_watch_needs_a_cluster() {
    let place = Place::new();
    let file = place.put("policy.yaml", POLICY);
    place.run(&["audit", "--watch", "--policy", &file]).exits(2).says(&["kubeconfig"]);
    place.run(&["audit", "x.json", "--watch", "--policy", &file]).exits(2).says(&["--watch"]);
    place.run(&["audit", "--publish", "events", "--policy", &file]).exits(2).says(&["--watch"]);
}
