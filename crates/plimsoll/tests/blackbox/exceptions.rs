//! What somebody accepts of what rules find: the same in files and in a cluster (admission: `plimsoll-admit`, `tests/rules.rs`).

use serde_json::{Value, json};

use super::{Place, snapshot};

const POD: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop"ANNOTATIONS},"spec":{"hostPID":true,"containers":[{"name":"a","image":"b:1"}]}}"#;
const LISTS: &[&str] = &[
    "clusterrolebindings.rbac.authorization.k8s.io",
    "clusterroles.rbac.authorization.k8s.io",
    "endpointslices.discovery.k8s.io",
    "horizontalpodautoscalers.autoscaling",
    "ingresses.networking.k8s.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "namespaces",
    "networkpolicies.networking.k8s.io",
    "nodes",
    "poddisruptionbudgets.policy",
    "pods",
    "rolebindings.rbac.authorization.k8s.io",
    "roles.rbac.authorization.k8s.io",
    "serviceaccounts",
    "services",
    "storageclasses.storage.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
];

/// A snapshot with these objects, that lacks these lists.
fn cluster(objects: &[String], lacks: &[&str]) -> String {
    let missing: Vec<Value> = lacks
        .iter()
        .map(|list| json!({"resource": list, "reason": "no right to list them", "unknown": "x", "decides": true}))
        .collect();
    let end = json!({
        "kind": "SnapshotEnd", "apiVersion": "plimsoll.dev/v1", "objects": objects.len(), "missing": missing,
        "lists": LISTS,
    });
    let head = r#"{"kind":"ClusterSnapshot","apiVersion":"plimsoll.dev/v1","cluster":{"name":"here","version":"v1.36.1"}}"#;
    format!("{head}\n{}\n{end}\n", objects.join("\n"))
}

fn pod(annotation: Option<&str>) -> String {
    let annotations = annotation
        .map(|text| format!(",\"annotations\":{}", json!({"plimsoll.dev/ignore": text})))
        .unwrap_or_default();
    POD.replace("ANNOTATIONS", &annotations)
}

fn of<'r>(report: &'r Value, rule: &str) -> Option<&'r Value> {
    report["findings"].as_array().unwrap().iter().find(|finding| finding["advisory"] == rule)
}

#[test]
fn one_exception_holds_in_files_and_in_the_cluster() {
    let place = Place::new();
    let entry = |more: &str| {
        format!(
            "[[exception]]\nid = \"host-pid\"\nobject = \"shop/Pod/web\"\nreason = \"watches the node\"\n{more}"
        )
    };
    let whole = entry("owner = \"ops\"\nexpires = 2026-12-31\n");
    place.put("pod.json", pod(None));
    place.put("cluster.jsonl", cluster(&[pod(None)], &[]));
    for typed in [&["check", "pod.json"][..], &["cluster", "check", "--file", "cluster.jsonl"]] {
        let run =
            |more: &[&str]| place.run(&[typed, more, &["--format", "json", "--fail-on", "high"]].concat());
        let report = run(&[]).exits(1).json();
        assert!(of(&report, "host-pid").unwrap()["suppressedBy"].is_null(), "{typed:?}");
        assert_eq!(of(&report, "host-pid").unwrap()["object"]["name"], "web");
        place.put("accepted.toml", &whole);
        let report = run(&["--ignore-file", "accepted.toml"]).json();
        assert_eq!(
            of(&report, "host-pid").unwrap()["suppressedBy"]["reason"],
            "watches the node (owner: ops)"
        );
        // Of another object it says nothing.
        place.put("accepted.toml", whole.replace("shop/Pod/web", "shop/Pod/other"));
        run(&["--ignore-file", "accepted.toml"]).exits(1);
        // It ended.
        place.put("accepted.toml", entry("owner = \"ops\"\nexpires = 2026-11-01\n"));
        let report = run(&["--ignore-file", "accepted.toml"]).exits(1).json();
        assert!(report["verdict"]["reasons"].to_string().contains("expired on 2026-11-01, owner ops"));
        // Nobody answers for it; without end; too long.
        for (more, says) in [
            ("expires = 2026-12-31\n", "`owner` is missing"),
            ("owner = \"ops\"\n", "`expires` is missing"),
            ("owner = \"ops\"\nexpires = 2027-12-31\n", "more than 180 days away"),
        ] {
            place.put("accepted.toml", entry(more));
            run(&["--ignore-file", "accepted.toml"]).exits(2).says(&["host-pid", says]);
        }
        // The same in an annotation.
        let annotation = |text: &str| {
            place.put("pod.json", pod(Some(text)));
            place.put("cluster.jsonl", cluster(&[pod(Some(text))], &[]));
        };
        annotation("ignore=host-pid reason=\"watches the node\" owner=ops until=2026-12-31");
        let report = run(&[]).json();
        assert_eq!(
            of(&report, "host-pid").unwrap()["suppressedBy"]["reason"],
            "watches the node (owner: ops)"
        );
        annotation("ignore=host-pid reason=\"watches the node\" owner=ops until=2026-11-01");
        let report = run(&[]).exits(1).json();
        assert!(report["verdict"]["reasons"].to_string().contains("ended on 2026-11-01, owner ops"));
        annotation("ignore=host-pid reason=\"watches the node\" until=2026-12-31");
        let report = run(&[]).exits(1).json();
        assert!(report["problems"].to_string().contains("nobody answers for the acceptance"));
        annotation("");
        place.put("pod.json", pod(None));
        place.put("cluster.jsonl", cluster(&[pod(None)], &[]));
    }
}

/// A list that could not be read leaves what rests on it unknown, by name, and turns no failure into a pass.
#[test]
fn what_a_missing_list_leaves_unknown_in_a_cluster() {
    let place = Place::new();
    let owned = POD.replace(
        "ANNOTATIONS",
        r#","ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-1","controller":true}]"#,
    );
    let of_node = POD.replace("\"web\"", "\"api\"").replace(
        "ANNOTATIONS",
        r#","ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"one","controller":true}]"#,
    );
    let all = [pod(None), owned.replace("\"web\"", "\"web-1-x\""), of_node];
    place.put("whole.jsonl", cluster(&all, &[]));
    let whole = place.run(&["cluster", "check", "--file", "whole.jsonl", "--format", "json"]).exits(1).json();
    assert_eq!(whole["target"]["kind"], "cluster");
    assert_eq!(
        whole["target"]["files"], 2,
        "what a ReplicaSet owns is told with it, a pod of the node is not"
    );
    assert!(of(&whole, "no-network-policy").is_some());
    assert!(of(&whole, "liveness-probe-missing").is_none(), "snapshots hold no probes");
    place.put("part.jsonl", cluster(&all, &["networkpolicies.networking.k8s.io"]));
    let run =
        place.run(&["cluster", "check", "--file", "part.jsonl", "--format", "json", "--fail-on", "medium"]);
    let part = run.json();
    assert!(of(&part, "no-network-policy").is_none());
    assert!(of(&part, "host-pid").is_some(), "what was seen stays");
    let problems = part["problems"].to_string();
    assert!(problems.contains("NetworkPolicy was not read (no right to list them)"), "{problems}");
    assert!(problems.contains("no-network-policy"), "{problems}");
    for list in LISTS {
        place.put("part.jsonl", cluster(&all[..1], &[list]));
        let run = place.run(&["cluster", "check", "--file", "part.jsonl", "--fail-on", "low"]);
        assert!(run.code != 0, "{list}");
    }
    snapshot!(place, place.run(&["cluster", "check", "--file", "whole.jsonl"]));
    place.put("pod.json", pod(None));
    place.run(&["cluster", "check", "--file", "pod.json"]).exits(2).says(&["plimsoll check pod.json"]);
}

#[test]
fn reports_for_a_cluster_and_for_builds() {
    let place = Place::new();
    place.put("pod.json", pod(Some("ignore=host-pid reason=\"agent\" owner=ops until=2026-12-31")));
    let list = place.run(&["check", "pod.json", "--format", "policy-report"]).json();
    let report = &list["items"][0];
    assert_eq!((&report["kind"], &report["metadata"]["namespace"]), (&json!("PolicyReport"), &json!("shop")));
    assert_eq!((&report["summary"]["skip"], &report["summary"]["pass"]), (&json!(1), &json!(0)));
    let results = report["results"].as_array().unwrap();
    assert_eq!(report["summary"]["fail"].as_u64().unwrap() + 1, results.len() as u64);
    let skipped = results.iter().find(|one| one["rule"] == "host-pid").unwrap();
    assert_eq!((&skipped["result"], &skipped["severity"]), (&json!("skip"), &json!("high")));
    assert_eq!(skipped["resources"], json!([{"kind": "Pod", "namespace": "shop", "name": "web"}]));
    let brief = place.run(&["check", "pod.json", "--format", "json@brief"]).json();
    let whole = place.run(&["check", "pod.json", "--format", "json"]).json();
    let count: u64 =
        brief["rules"].as_array().unwrap().iter().map(|rule| rule["count"].as_u64().unwrap()).sum();
    assert_eq!(count, whole["findings"].as_array().unwrap().len() as u64);
    for (format, holds) in [
        ("junit", "<testsuite name=\"application\""),
        ("sarif", "\"ruleId\": \"capabilities-kept\""),
        ("markdown", "capabilities-kept"),
        ("html", "capabilities-kept"),
        ("csv", "capabilities-kept"),
    ] {
        let run = place.run(&["check", "pod.json", "--format", format]);
        assert!(run.stdout.contains(holds), "{format}: {}", run.stdout);
    }
}
