//! `plimsoll cluster reach` and `plimsoll cluster pss`: answers, exit codes, and their JSON against the published schemas.

use serde_json::{Value, json};

use super::Place;

const SHOP: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}, spec: {hostPID: true, containers: [{name: c, image: i, ports: [{containerPort: 8080}]}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: shop}
spec: {replicas: 0, template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: i}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}
";

fn schema(name: &str) -> jsonschema::Validator {
    let path = format!("{}/../../docs/schema/{name}-1.0.json", env!("CARGO_MANIFEST_DIR"));
    jsonschema::validator_for(&serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).unwrap()
}

#[track_caller]
pub(super) fn fits(name: &str, document: &Value) {
    let schema = schema(name);
    let errors: Vec<String> =
        schema.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}\n{document:#}", errors.join("\n"));
}

#[test]
fn the_answers_of_reach_are_as_their_schema_says() {
    let place = Place::new();
    let file = place.put("shop.yaml", SHOP);
    let ask = |more: &[&str], code| {
        let mut all = vec!["cluster", "reach", "--file", &file, "--format", "json"];
        all.extend(more);
        place.run(&all).exits(code).quiet().json()
    };
    let whole = ask(&[], 0);
    fits("reach", &whole);
    assert_eq!(whole["exposures"][0]["workload"], "shop/Deployment/web");
    let allowed = ask(&["shop/Deployment/web", "shop/db", "--port", "5432"], 0);
    fits("reach", &allowed);
    assert_eq!(allowed["answers"][0]["ports"]["answer"], "allowed");
    let denied = ask(&["internet", "shop/db"], 0);
    fits("reach", &denied);
    assert_eq!(denied["answers"][0]["ports"]["answer"], "denied");
    let before = place.put("before.yaml", SHOP.replace("5432", "5433"));
    let diff = ask(&["--diff", &before], 1);
    fits("reach", &diff);
    assert_eq!(diff["changes"][0]["gained"], "TCP 5432");
    // The schema says something.
    let mut wrong = whole.clone();
    wrong["exposures"][0]["ports"]["answer"] = json!("perhaps");
    assert!(!schema("reach").is_valid(&wrong));
    wrong = whole;
    wrong["extra"] = json!(1);
    assert!(!schema("reach").is_valid(&wrong));
}

#[test]
fn reach_answers_people() {
    let place = Place::new();
    let file = place.put("shop.yaml", SHOP);
    let run = place.run(&["cluster", "reach", "--file", &file]).exits(0).quiet();
    for part in
        ["2 workloads", "Open from outside (1)", "shop/Deployment/web  LoadBalancer shop/web  TCP 8080"]
    {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    let run = place.run(&["cluster", "reach", "shop/db", "shop/web", "--file", &file]).exits(0);
    assert!(run.stdout.starts_with("shop/Deployment/db => shop/Deployment/web: allowed"), "{}", run.stdout);
    place.run(&["cluster", "reach", "shop/gone", "shop/web", "--file", &file]).exits(2).says(&["shop/gone"]);
    let broken = place
        .put("broken.yaml", SHOP.replace("podSelector: {matchLabels: {app: db}}", "podSelector: {a: 1}"));
    let run = place.run(&["cluster", "reach", "--file", &broken]).exits(3);
    assert!(run.stdout.contains("NetworkPolicy shop/db"), "{}", run.stdout);
}

#[test]
fn what_reach_cannot_compare_with_is_named() {
    let place = Place::new();
    let file = place.put("repository/shop.yaml", SHOP);
    let compare = |other: &str| place.run(&["cluster", "reach", "--file", &file, "--diff", other]).exits(2);
    compare("nosuch").says(&[
        "error: there is no file `nosuch`",
        "is in no git repository",
        "hint: give a snapshot",
    ]);
    let git = |arguments: &[&str]| {
        let done = std::process::Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-C"])
            .arg(place.path("repository"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    compare("nosuch")
        .says(&["error: there is no file `nosuch`", "`nosuch` is no revision of the git repository of"]);
    compare("--output=x").says(&["error:"]);
    place.run(&["cluster", "reach", "--diff", "nosuch"]).exits(2).says(&["`nosuch` does not exist"]);
    place
        .run_on(&["cluster", "reach", "--file", "-", "--diff", "HEAD"], SHOP.as_bytes())
        .exits(2)
        .says(&["no revision `HEAD` of standard input"]);
    place.put("repository/shop.yaml", SHOP.replace("5432", "5433"));
    let run = place.run(&["cluster", "reach", "--file", &file, "--diff", "HEAD"]).exits(1);
    assert!(run.stdout.contains("TCP 5433"), "{}", run.stdout);
}

#[test]
fn what_would_break_is_told_with_what_mends_it() {
    let place = Place::new();
    let file = place.put("shop.yaml", SHOP);
    let run = place.run(&["cluster", "pss", "--file", &file, "--format", "json"]).exits(1).quiet();
    let report = run.json();
    fits("pss", &report);
    let shop = &report["namespaces"][0];
    assert_eq!(shop["levels"][0]["breaks"][0]["workload"], "shop/Deployment/web");
    assert_eq!(
        shop["levels"][0]["breaks"][0]["patch"],
        json!([{"op": "remove", "path": "/spec/template/spec/hostPID"}])
    );
    assert_eq!(shop["levels"][1]["breaks"].as_array().unwrap().len(), 2);
    let mut wrong = report;
    wrong["namespaces"][0]["extra"] = json!(1);
    assert!(!schema("pss").is_valid(&wrong));
    let run = place.run(&["cluster", "pss", "--level", "baseline", "--file", &file]).exits(1);
    for part in [
        "  shop: baseline breaks 1 workload\n",
        "    Deployment/web (no pods today)\n",
        "fix: remove hostPID",
    ] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    let good = place.put("good.yaml", SHOP.replace("hostPID: true, ", ""));
    let run =
        place.run(&["cluster", "pss", "--level", "baseline", "--version", "v1.30", "--file", &good]).exits(0);
    assert!(
        run.stdout.contains("next: kubectl label namespace shop pod-security.kubernetes.io/enforce=baseline pod-security.kubernetes.io/enforce-version=v1.30\n"),
        "{}",
        run.stdout
    );
    // A file that is no YAML may hold anything.
    let broken = place.put("broken.yaml", format!("{}---\n[\n", SHOP.replace("hostPID: true, ", "")));
    let run = place.run(&["cluster", "pss", "--level", "baseline", "--file", &broken]).exits(3);
    assert!(
        run.stdout.contains("Not decided (1 namespace)") && !run.stdout.contains("next: "),
        "{}",
        run.stdout
    );
    place.run(&["cluster", "pss", "--version", "1.30", "--file", &good]).exits(2).says(&["v1.37"]);
    place.run(&["cluster", "pss", "--file", "nosuch.yaml"]).exits(2).says(&["nosuch.yaml"]);
}

#[test]
fn policies_are_proposed_with_what_is_not_known() {
    let place = Place::new();
    let used = SHOP
        .replace("image: i, ports", "image: i, env: [{name: DB_URL, value: 'postgres://db:5432/x'}], ports")
        + "---\napiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {selector: {app: db}, ports: [{port: 5432}]}\n";
    let used = used.split("---\napiVersion: networking").next().unwrap().to_owned()
        + used.split_once("port: 5432}]}]}\n").unwrap().1;
    let file = place.put("shop.yaml", &used);
    let run = place.run(&["cluster", "suggest", "--file", &file]).exits(0).quiet();
    for part in [
        "these connections, and no others\n",
        "# Nothing is left open.\n",
        "name: default-deny\n",
        "  # from shop/Deployment/web: env DB_URL names the service shop/db\n",
        "    - {protocol: TCP, port: 5432}\n",
    ] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    // What is proposed does what it says, by the analysis of the same files with the policies beside.
    place.put("both/shop.yaml", &used);
    let folder = place.text("both/policies");
    let run = place.run(&["cluster", "suggest", "--file", &file, "--output", &folder]).exits(0);
    assert!(run.stdout.contains("shop.yaml: 4 policies, 2 connections\n"), "{}", run.stdout);
    let both = place.text("both");
    let ask = |from: &str, to: &str| {
        let run = place.run(&["cluster", "reach", from, to, "--file", &both, "--format", "json"]).exits(0);
        run.json()["answers"][0]["ports"]["allowed"].as_str().unwrap().to_owned()
    };
    assert_eq!(ask("shop/web", "shop/db"), "TCP 5432");
    assert_eq!(ask("shop/db", "shop/web"), "none");
    assert_eq!(ask("shop/db", "internet"), "none");
    assert_eq!(ask("internet", "shop/web"), "TCP 8080");
    // No file is overwritten.
    let again = place.run(&["cluster", "suggest", "--file", &file, "--output", &folder]).exits(2);
    again.says(&["shop.yaml` is there already", "hint: name another folder"]);
    let open = place.put("open.yaml", used.replace("postgres://db:5432/x", "https://pay.example"));
    let run = place.run(&["cluster", "suggest", "--file", &open, "--format", "json"]).exits(3);
    let report = run.json();
    fits("suggest", &report);
    let unknown = report["namespaces"][0]["unknown"].to_string();
    assert!(unknown.contains("pay.example") && unknown.contains("Service shop/db"), "{unknown}");
    let mut wrong = report;
    wrong["proof"]["extra"] = json!(1);
    assert!(!schema("suggest").is_valid(&wrong));
}
