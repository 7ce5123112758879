//! `plimsoll check`: manifests of Kubernetes.

use std::fmt::Write as _;

use super::{Place, finding, ids, snapshot, text};

const BAD: &str = r"# The shop.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      hostPID: true
      containers:
      - name: web
        image: ghcr.io/acme/web:latest
        securityContext:
          privileged: true
        env:
        - name: DB_PASSWORD
          value: hunter22
---
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: shop
spec:
  selector: {app: wbe}
  ports: [{port: 80}]
";

const GOOD: &str = r"apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 10001, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: web
        image: ghcr.io/acme/web:1.4@sha256:0000000000000000000000000000000000000000000000000000000000000000
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {drop: [ALL]}
        resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {cpu: 100m, memory: 32Mi}}
        ports: [{containerPort: 8080}]
        livenessProbe: {httpGet: {path: /live, port: 8080}}
        readinessProbe: {httpGet: {path: /ready, port: 8080}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
";

#[test]
fn what_is_wrong_with_manifests() {
    let place = Place::new();
    place.put("web.yaml", BAD);
    let run = place.run(&["check", "web.yaml"]).exits(1).quiet();
    snapshot!(place, run);
}

#[test]
fn a_good_manifest_is_met() {
    let place = Place::new();
    place.put("web.yaml", GOOD);
    let run = place.run(&["check", "web.yaml", "--fail-on", "any", "--all"]);
    assert_eq!(run.code, 0, "{}", run.stdout);
}

#[test]
fn places_in_json_and_sarif() {
    let place = Place::new();
    place.put("deploy/web.yaml", BAD);
    let report = place.run(&["check", "deploy", "--format", "json"]).exits(1).json();
    assert_eq!(report["target"]["files"], 1);
    let privileged = finding(&report, "privileged-container");
    assert_eq!(
        privileged["id"],
        "privileged-container@deploy/web.yaml:Deployment.apps/shop/web/spec/template/spec/containers/0/securityContext/privileged"
    );
    assert_eq!(
        (&privileged["subject"]["line"], &privileged["subject"]["column"]),
        (&19.into(), &11.into()),
        "{privileged}"
    );
    assert!(text(&privileged["evidence"][0]["compared"]).contains("Deployment shop/web"), "{privileged}");
    assert_eq!(finding(&report, "service-selects-nothing")["subject"]["line"], 30);
    assert!(!report.to_string().contains("hunter22"), "the value of a secret is never shown");
    // An edit further up moves the line and leaves the id.
    place.put("deploy/web.yaml", format!("# More.\n{BAD}"));
    let moved = place.run(&["check", "deploy", "--format", "json"]).json();
    assert_eq!(ids(&moved), ids(&report));
    assert_eq!(finding(&moved, "privileged-container")["subject"]["line"], 20);

    let sarif = place.run(&["check", "deploy", "--format", "sarif"]).exits(1).json();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let result = results.iter().find(|result| result["ruleId"] == "host-pid").unwrap();
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "deploy/web.yaml");
    assert_eq!(place["region"], serde_json::json!({"startLine": 15, "startColumn": 7}));
}

#[test]
fn annotations_accept() {
    let place = Place::new();
    let with = |annotation: &str| {
        BAD.replacen(
            "  namespace: shop\n",
            &format!("  namespace: shop\n  annotations:\n    {annotation}\n"),
            1,
        )
    };
    let put = |annotation: &str| place.put("web.yaml", with(annotation));
    put(
        "plimsoll.dev/ignore: ignore=host-pid,privileged-container reason=\"it watches the node\" owner=ops until=2026-12-31",
    );
    let report = place.run(&["check", "web.yaml", "--format", "json"]).json();
    let accepted = finding(&report, "host-pid");
    assert_eq!(accepted["suppressedBy"]["reason"], "it watches the node (owner: ops)");
    assert_eq!(accepted["suppressedBy"]["source"], "web.yaml:7");
    assert!(finding(&report, "secret-in-environment-value")["suppressedBy"].is_null());

    put("plimsoll.dev/ignore-a: ignore=host-pid reason=\"it watches the node\" owner=ops until=2026-11-01");
    let report = place.run(&["check", "web.yaml", "--format", "json"]).json();
    assert!(finding(&report, "host-pid")["suppressedBy"].is_null(), "its day has passed");
    assert!(report["verdict"]["reasons"].to_string().contains("ended on 2026-11-01, owner ops"));

    // A malformed one accepts nothing, and is told.
    for malformed in [
        "ignore=host-pid",
        "ignore=nothing reason=a owner=ops until=2026-12-31",
        "ignore=host-pid reason=a owner=ops until=forever",
        // Nobody answers for it; without end; for longer than 180 days.
        "ignore=host-pid reason=a until=2026-12-31",
        "ignore=host-pid reason=a owner=ops",
        "ignore=host-pid reason=a owner=ops until=2027-12-31",
    ] {
        put(&format!("plimsoll.dev/ignore: {malformed}"));
        let report =
            place.run(&["check", "web.yaml", "--format", "json", "--fail-on", "critical"]).exits(3).json();
        assert!(finding(&report, "host-pid")["suppressedBy"].is_null(), "{malformed}");
        assert!(report["problems"].to_string().contains("plimsoll.dev/ignore"), "{}", report["problems"]);
    }
}

/// What could not be read is told, and keeps a verdict from being met; the rest is judged all the same.
#[test]
fn what_cannot_be_read_is_unknown() {
    let place = Place::new();
    for (name, content, says) in [
        ("broken", format!("{GOOD}---\na: [\n"), "it is no YAML"),
        (
            "template",
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Values.name }}-a\n  {{- if .x }}\n".to_owned(),
            "render it first",
        ),
        ("depth", format!("apiVersion: v1\nkind: Pod\na: {}", "[".repeat(5_000)), "it is no YAML"),
        ("bomb", bomb(), "nodes"),
        ("loop", "apiVersion: v1\nkind: Pod\nspec: &a {b: *a}\n".to_owned(), "alias"),
        (
            "forms",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: a}\n".to_owned(),
            "is no list",
        ),
    ] {
        let name = format!("{name}.yaml");
        place.put(&name, &content);
        let run = place.run(&["check", &name, "--fail-on", "critical"]);
        assert_eq!(run.code, 3, "{name}: {}", run.stdout);
        assert!(run.stdout.contains(says), "{name}: {}", run.stdout);
    }
    // A file over the limit is told, and no more of it than the limit is read.
    place.put("huge.yaml", GOOD);
    let huge = std::fs::File::options().write(true).open(place.path("huge.yaml")).unwrap();
    huge.set_len(200 << 20).unwrap();
    let run = place.run(&["check", "huge.yaml"]).exits(3);
    assert!(run.stdout.contains("128 MB"), "{}", run.stdout);
    std::fs::write(place.path("bytes.yaml"), b"apiVersion: v1\nkind: Pod\na: \xff\xfe\n").unwrap();
    let run = place.run(&["check", "bytes.yaml"]).exits(3);
    assert!(run.stdout.contains("not UTF-8"), "{}", run.stdout);
    // A finding over the line counts beside what is unread.
    place.put("both.yaml", format!("{BAD}---\na: [\n"));
    place.run(&["check", "both.yaml"]).exits(1);
    // Told, and decided: the last of two keys, and a document that is no object among others.
    place.put("twice.yaml", format!("{GOOD}---\nkind: Pod\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, name: b, namespace: c}}\n"));
    let run = place.run(&["check", "twice.yaml", "--all"]).exits(0);
    assert!(run.stdout.contains("`name` is written twice"), "{}", run.stdout);
    assert!(run.stdout.contains("apiVersion or kind is missing"), "{}", run.stdout);
}

/// Time and memory grow with the number of labels, not faster.
#[test]
fn an_object_with_very_many_labels_is_judged() {
    let place = Place::new();
    let mut text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  namespace: b\n  labels:\n".to_owned();
    for number in 0..100_000 {
        let _ = writeln!(text, "    k{number}: v");
    }
    text.push_str("spec:\n  containers: [{name: a, image: b, securityContext: {privileged: true}}]\n");
    place.put("labels.yaml", &text);
    let run = place.run(&["check", "labels.yaml", "--all"]).exits(1);
    assert!(run.stdout.contains("labels.yaml:100008"), "{}", run.stdout);
}

fn bomb() -> String {
    let mut bomb = "apiVersion: v1\nkind: Pod\na0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let _ = writeln!(bomb, "a{level}: &a{level} [{}]", vec![format!("*a{}", level - 1); 9].join(", "));
    }
    bomb
}

#[test]
fn standard_input_lists_and_folders() {
    let place = Place::new();
    let pod = "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"a\"}, \"spec\": {\"hostNetwork\": true, \"containers\": []}}";
    let list = format!("{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{pod}]}}");
    let run = place.run_on(&["check", "-", "--format", "json"], list.as_bytes());
    assert_eq!(run.code, 1, "{}", run.stdout);
    let host = finding(&run.json(), "host-network").clone();
    assert_eq!(host["id"], "host-network@stdin:Pod//a/spec/hostNetwork");
    // Folders are full of other YAML, which is left alone; files of one folder are judged together.
    place.put("all/ci.yml", "jobs: {a: b}\n");
    place.put("all/package.json", "{}");
    let (deployment, policy) = GOOD.split_once("---\n").unwrap();
    place.put("all/web.yaml", deployment);
    let report = place.run(&["check", "all", "--format", "json"]).json();
    assert_eq!(report["target"]["files"], 1);
    finding(&report, "no-network-policy");
    place.put("all/policy.yaml", policy);
    let report = place.run(&["check", "all", "--format", "json", "--fail-on", "any"]).exits(0).json();
    assert_eq!(report["target"]["files"], 2);
    assert_eq!(report["problems"], serde_json::json!([]));
}

/// A framework: only what it asks for, and an answer for each control, which is unknown where nothing of it was looked at.
#[test]
fn frameworks() {
    let place = Place::new();
    place.put("web.yaml", BAD);
    let of = |report: &serde_json::Value, id: &str| {
        let controls = report["framework"]["controls"].as_array().unwrap();
        controls.iter().find(|control| control["id"] == id).unwrap_or_else(|| panic!("{id}")).clone()
    };
    let cis =
        |file: &str| place.run(&["check", file, "--framework", "cis-kubernetes", "--format", "json"]).json();
    let report = cis("web.yaml");
    assert_eq!(
        (&of(&report, "5.2.2")["outcome"], &of(&report, "5.2.2")["findings"]),
        (&"notMet".into(), &1.into())
    );
    assert_eq!(of(&report, "5.2.3")["outcome"], "met");
    let flags = of(&report, "1.2.1");
    assert_eq!(
        (&flags["outcome"], &flags["missing"]),
        (&"unknown".into(), &"nothing that it speaks of was looked at".into())
    );
    // Part of a control is not the control: pods were looked at, bindings were not.
    let part = of(&report, "5.1.5");
    assert_eq!(part["outcome"], "notMet");
    place.put("account.yaml", BAD.replace("    spec:\n", "    spec:\n      serviceAccountName: web\n"));
    assert_eq!(of(&cis("account.yaml"), "5.1.5")["outcome"], "unknown");
    assert!(!ids(&report).iter().any(|id| id.starts_with("liveness-probe-missing")), "not asked for");
    // What is unread leaves no control met; what is accepted does not count.
    place.put("both.yaml", format!("{GOOD}---\na: [\n"));
    let report = cis("both.yaml");
    assert!(
        report["framework"]["controls"].as_array().unwrap().iter().all(|control| control["outcome"] != "met")
    );
    let accepted = "  annotations: {plimsoll.dev/ignore: 'ignore=host-pid reason=\"it watches\" owner=ops until=2026-12-31'}\n  namespace: shop\n";
    place.put("web.yaml", BAD.replacen("  namespace: shop\n", accepted, 1));
    let control = of(&cis("web.yaml"), "5.2.2");
    assert_eq!((&control["outcome"], &control["accepted"]), (&"met".into(), &1.into()));
    let run = place.run(&["check", "web.yaml", "--framework", "pod-security-standards"]).exits(1);
    assert!(run.stdout.contains("  of the 13 controls that rules answer"), "{}", run.stdout);
    assert!(run.stdout.contains("  baseline/privileged"), "{}", run.stdout);
    place
        .run(&["check", "web.yaml", "--framework", "cis"])
        .exits(2)
        .says(&["expected one of cis-kubernetes"]);
}

/// What is wrong with one workload is one change, at its file, however many containers and rules it is about.
#[test]
fn what_is_wrong_with_one_workload_is_one_change() {
    let place = Place::new();
    let value = "          value: hunter22\n";
    let two = "      - {name: side, image: 'ghcr.io/acme/side:1.4', securityContext: {privileged: true}}\n";
    place.put("web.yaml", BAD.replacen(value, &format!("{value}{two}"), 1));
    let report = place.run(&["check", "web.yaml", "--format", "json"]).exits(1).json();
    let changes = report["changes"].as_array().unwrap();
    let of = |subject: &str| {
        let own: Vec<_> = changes.iter().filter(|change| change["subject"] == subject).collect();
        assert_eq!(own.len(), 1, "{subject}: {changes:#?}");
        own[0]
    };
    let web = of("Deployment shop/web");
    // JSON keeps every finding, and each counting one stands in one change.
    let all: usize = changes.iter().map(|change| change["removes"].as_array().unwrap().len()).sum();
    assert_eq!(all, report["findings"].as_array().unwrap().len());
    let removes = web["removes"].as_array().unwrap();
    let privileged = removes.iter().filter(|id| id.as_str().unwrap().starts_with("privileged-container@"));
    assert_eq!(privileged.count(), 2);
    assert_eq!(web["location"]["path"], "web.yaml");
    of("Service shop/web");
    let table = place.run(&["check", "web.yaml"]).exits(1).stdout;
    assert!(table.contains("Deployment shop/web  web.yaml:"), "{table}");
    assert!(
        table.contains("      privileged-container: take privileged out") && table.contains("(2 places)"),
        "{table}"
    );
    assert!(table.contains("      and ") && !table.contains("egress-not-limited:"), "{table}");
    let all = place.run(&["check", "web.yaml", "--all"]).exits(1).stdout;
    assert!(all.contains("      egress-not-limited: "), "{all}");
}

/// Findings are bounded, and what is left out is told.
#[test]
fn a_flood_of_objects_is_bounded() {
    let place = Place::new();
    let mut all = String::new();
    // Many containers in one pod: a finding is what this is about, not an object.
    let containers: Vec<String> = (0..80).map(|number| format!("{{name: c{number}, image: b}}")).collect();
    let containers = containers.join(", ");
    for number in 0..100 {
        let _ = write!(
            all,
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: p{number}}}, spec: {{containers: [{containers}]}}}}\n"
        );
    }
    place.put("all.yaml", &all);
    let run = place.run(&["check", "all.yaml", "--fail-on", "critical"]).exits(3);
    assert!(run.stdout.contains("100,000 findings"), "{}", run.stdout);
    assert!(run.stdout.contains("more findings than are told"), "{}", run.stdout);
    // A document that is too large as a whole is told and not read.
    place.put(
        "large.yaml",
        format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  a: \"{}\"\n", "x".repeat(129 << 20)),
    );
    let run = place.run(&["check", "large.yaml"]).exits(3);
    assert!(run.stdout.contains("larger than 128 MB"), "{}", run.stdout);
}
