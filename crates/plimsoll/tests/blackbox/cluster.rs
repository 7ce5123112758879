//! `plimsoll cluster`: rights in a cluster.

use plimsoll_testing::ApiServer;
use serde_json::{Value, json};

use super::{Place, faults};

const RBAC: &str = "rbac.authorization.k8s.io";

fn role(kind: &str, namespace: Option<&str>, name: &str, rules: &Value) -> Value {
    json!({"apiVersion": format!("{RBAC}/v1"), "kind": kind, "metadata": {"name": name, "namespace": namespace}, "rules": rules})
}

fn binding(namespace: Option<&str>, name: &str, role: (&str, &str), subjects: &Value) -> Value {
    let kind = if namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" };
    json!({"apiVersion": format!("{RBAC}/v1"), "kind": kind, "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": RBAC, "kind": role.0, "name": role.1}, "subjects": subjects})
}

fn list(objects: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()
}

#[test]
fn who_can_is_told_with_the_binding_and_the_rule() {
    let place = Place::new();
    let file = place.put(
        "cluster.json",
        list(&[
            role(
                "Role",
                Some("shop"),
                "reader",
                &json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["key"], "verbs": ["get"]}]),
            ),
            binding(
                Some("shop"),
                "web",
                ("Role", "reader"),
                &json!([{"kind": "ServiceAccount", "name": "web"}, {"kind": "User", "name": "evil\u{1b}[31m"}]),
            ),
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
                "spec": {"serviceAccountName": "web", "containers": [{"name": "a", "image": "a"}]}}),
        ]),
    );
    let run = place.run(&["cluster", "who-can", "get", "secrets", "-n", "shop", "--file", &file]).exits(0);
    assert!(run.stdout.contains("2 subjects can get secrets in shop"), "{}", run.stdout);
    assert!(
        run.stdout.contains("RoleBinding shop/web > Role reader, rule 1: get secrets named key"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("runs as it: shop/Pod/web, 1 pod"), "{}", run.stdout);
    assert!(!run.stdout.contains('\u{1b}'), "{}", run.stdout);
    let run = place
        .run(&["cluster", "who-can", "get", "secrets/key", "--file", &file, "--format", "json"])
        .exits(0);
    assert_eq!(faults("who-can-1.0.json", &run.json()), <[String; 0]>::default());
    let mut wrong = run.json();
    wrong["subjects"][0]["answer"] = json!("perhaps");
    assert!(!faults("who-can-1.0.json", &wrong).is_empty());
    // Another secret, another namespace, and what is no question.
    for what in [["secrets/other", "shop"], ["secrets/key", "bank"]] {
        let run = place.run(&["cluster", "who-can", "get", what[0], "-n", what[1], "--file", &file]).exits(0);
        assert!(run.stdout.contains("nobody can get"), "{}", run.stdout);
    }
    let run = place.run(&["cluster", "who-can", "get", "pods/a/b", "--file", &file]).exits(2);
    assert!(run.stderr.contains("error: ") && run.stderr.contains("hint: "), "{}", run.stderr);
}

#[test]
fn paths_are_told_with_steps_and_the_cut() {
    let place = Place::new();
    let file = place.put(
        "cluster.json",
        list(&[
            role(
                "ClusterRole",
                None,
                "own",
                &json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]),
            ),
            binding(
                None,
                "own",
                ("ClusterRole", "own"),
                &json!([{"kind": "User", "name": "ann"}, {"kind": "User", "name": "evil\u{1b}[31m"}]),
            ),
        ]),
    );
    let run = place.run(&["cluster", "paths", "--file", &file]).exits(1);
    assert!(run.stdout.contains("2 subjects have a path"), "{}", run.stdout);
    assert!(run.stdout.contains("> all-secrets: reads secrets (ClusterRoleBinding own)"), "{}", run.stdout);
    assert!(
        run.stdout.contains("cut: ClusterRoleBinding own takes it from 2 of 2 subjects"),
        "{}",
        run.stdout
    );
    assert!(!run.stdout.contains('\u{1b}'), "{}", run.stdout);
    let run = place.run(&["cluster", "paths", "--file", &file, "--format", "json"]).exits(1);
    assert_eq!(faults("paths-1.0.json", &run.json()), <[String; 0]>::default());
    let mut wrong = run.json();
    wrong["paths"][0]["goal"] = json!("moon");
    assert!(!faults("paths-1.0.json", &wrong).is_empty());
    // What is accepted does not count, and is told.
    let accepted = |name: &str, text: &str| {
        let exceptions = place.put(name, text);
        place.run(&[
            "cluster",
            "paths",
            "--file",
            &file,
            "--ignore-file",
            &exceptions,
            "--to",
            "all-secrets",
            "--all",
        ])
    };
    let entry = |target: &str, more: &str| {
        format!("[[exception]]\nid = \"all-secrets\"\ntarget = \"{target}\"\nreason = \"on call\"\n{more}\n")
    };
    let run = accepted("one.toml", &entry("User ann", "owner = \"ops\"")).exits(1);
    for wanted in [
        "2 subjects have a path",
        "1 path is accepted, which does not count",
        "accepted: on call (owner: ops) (without end, ",
    ] {
        assert!(run.stdout.contains(wanted), "{wanted}\n{}", run.stdout);
    }
    let run = accepted("all.toml", &entry("*", ""));
    assert!(run.code == 0 && run.stdout.contains("nobody has a path"), "{} {}", run.code, run.stdout);
    let run = accepted("old.toml", &entry("*", "expires = 2020-01-01")).exits(1);
    let unwrapped = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        unwrapped(&run.stdout).contains("expired on 2020-01-01: the path counts again"),
        "{}",
        run.stdout
    );
    let run = accepted("other.toml", &entry("Group ops", "")).exits(1);
    assert!(unwrapped(&run.stdout).contains("matches no path; remove it"), "{}", run.stdout);
    let run = accepted("wrong.toml", &entry("*", "").replace("all-secrets", "CVE-1")).exits(2);
    assert!(
        run.stderr.contains("entry 1 (CVE-1)") && run.stderr.contains("is no goal of paths"),
        "{}",
        run.stderr
    );
    let run = place.run(&["cluster", "paths", "--file", &file, "--format", "dot"]).exits(1);
    assert!(
        run.stdout.starts_with("digraph paths {") && run.stdout.contains("\"User ann\" -> \"all-secrets\""),
        "{}",
        run.stdout
    );
    let run = place.run(&["cluster", "paths", "--file", &file, "--from", "User ann"]).exits(1);
    assert!(run.stdout.contains("1 subject has a path"), "{}", run.stdout);
    // Nobody of that name: what is near is proposed.
    for (name, hint) in [("bob", "hint: as in: ann"), ("anne", "hint: did you mean User ann?")] {
        let run = place.run(&["cluster", "paths", "--file", &file, "--from", name]).exits(2);
        assert!(run.stderr.contains(&format!("nobody is called `{name}`")), "{}", run.stderr);
        assert!(run.stderr.contains(hint), "{}", run.stderr);
    }
}

/// A report about an image with one flaw that is known to be exploited.
fn report(image: &str) -> String {
    let purl = "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1";
    let id = format!("CVE-2021-44228@{purl}");
    json!({
        "schemaVersion": "1.0", "plimsoll": "0.1.0",
        "target": {"kind": "image", "name": image},
        "database": {"coverage": "database", "date": "2026-11-01", "sources": []},
        "verdict": {"outcome": "notMet", "line": "--fail-on critical", "reasons": [], "inputsMissing": []},
        "packages": [],
        "findings": [{
            "id": id, "kind": "vulnerability", "advisory": "CVE-2021-44228", "aliases": [], "title": "",
            "subject": {"kind": "package", "ecosystem": "maven", "packages": [purl],
                "source": {"name": "org.apache.logging.log4j:log4j-core", "version": "2.14.1"}},
            "severity": {"level": "critical", "vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"},
            "risk": {"fixable": true, "development": false, "notRun": false, "kev": {"added": "2021-12-10", "due": "2021-12-24", "ransomware": true}},
            "status": "fixed", "fixedVersion": "2.15.0", "party": {"kind": "application", "name": null},
            "remedy": {"action": "upgrade log4j-core to 2.15.0"}, "evidence": []
        }],
        "changes": [], "problems": []
    })
    .to_string()
}

#[test]
fn a_route_from_outside_is_told_with_its_cheapest_cut() {
    let place = Place::new();
    let file = place.put(
        "cluster.json",
        list(&[
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web", "namespace": "shop"}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
                "spec": {"template": {"metadata": {"labels": {"app": "web", "team": "evil\u{1b}[31m"}}, "spec":
                    {"serviceAccountName": "web", "containers": [{"name": "a", "image": "shop/web:1",
                        "securityContext": {"privileged": true}, "ports": [{"containerPort": 80}]}]}}}}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
                "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]}}),
            role(
                "ClusterRole",
                None,
                "own",
                &json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]),
            ),
            binding(
                None,
                "own",
                ("ClusterRole", "own"),
                &json!([{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}]),
            ),
        ]),
    );
    let scanned = place.put("web.json", report("docker.io/shop/web:1"));
    let run = place.run(&["cluster", "attack", "--file", &file, "--report", &scanned]).exits(1);
    let words = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in [
        "1 workload: 1 open from outside, 1 with a flaw, 1 with a way to the node, 1 with a strong account",
        "shop/Deployment/web",
        "open: LoadBalancer shop/web",
        "CVE-2021-44228 in org.apache.logging.log4j:log4j-core 2.14.1 (critical, known to be exploited)",
        "leads: node-root: container `a` is privileged",
        "leads: all-secrets: shop/web > reads secrets (ClusterRoleBinding own)",
        "cut: patch the image (application): upgrade log4j-core to 2.15.0",
    ] {
        assert!(words.contains(wanted), "{wanted}\n{}", run.stdout);
    }
    assert!(!run.stdout.contains('\u{1b}'), "{}", run.stdout);
    let arguments = ["cluster", "attack", "--file", &file, "--report", &scanned];
    let form = |form: &str| place.run(&[&arguments[..], &["--format", form]].concat()).exits(1);
    let answer = form("json");
    assert_eq!(form("json").stdout, answer.stdout);
    assert_eq!(faults("attack-1.0.json", &answer.json()), <[String; 0]>::default());
    let mut wrong = answer.json();
    wrong["routes"][0]["vulnerable"] = json!("perhaps");
    assert!(!faults("attack-1.0.json", &wrong).is_empty());
    let markdown = form("markdown");
    assert!(markdown.stdout.contains("- [ ] cut: patch the image"), "{}", markdown.stdout);
    assert!(!markdown.stdout.contains('\u{1b}'), "{}", markdown.stdout);
    // The page loads nothing and runs nothing, and what the cluster says is text in it.
    let page = form("html");
    assert!(
        page.stdout.contains("default-src 'none'") && !page.stdout.contains("<script"),
        "{}",
        page.stdout
    );
    for wanted in
        ["<span>CVE-2021-44228</span>", "<b>patch the image</b>", "all-secrets: shop/web &#62; reads secrets"]
    {
        assert!(page.stdout.contains(wanted), "{wanted}\n{}", page.stdout);
    }
    // What is accepted does not count, until its day; a route counts until all that it leads to is accepted.
    let accepted = |name: &str, text: &str| {
        let exceptions = place.put(name, text);
        place.run(&[&arguments[..], &["--ignore-file", &exceptions, "--all"]].concat())
    };
    let entry = |goal: &str, more: &str| {
        format!(
            "[[exception]]\nid = \"{goal}\"\nobject = \"shop/Deployment/*\"\nreason = \"agreed\"\n{more}\n"
        )
    };
    let both = |more: &str| entry("node-root", more) + &entry("all-secrets", more);
    accepted("one.toml", &entry("node-root", "")).exits(1);
    let run = accepted("both.toml", &both("owner = \"ops\"")).exits(0);
    for wanted in ["1 route is accepted, which does not count", "accepted: agreed (owner: ops)"] {
        assert!(run.stdout.contains(wanted), "{wanted}\n{}", run.stdout);
    }
    let run = accepted("old.toml", &both("expires = 2020-01-01")).exits(1);
    let told = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("the route counts again"), "{}", run.stdout);
    accepted("wrong.toml", &entry("node-root", "target = \"x\"")).exits(2);
    let exceptions = place.put("both.toml", both(""));
    for form in ["json", "markdown", "html"] {
        let run =
            place.run(&[&arguments[..], &["--ignore-file", &exceptions, "--format", form]].concat()).exits(0);
        assert!(run.stdout.contains("agreed"), "{form}: {}", run.stdout);
        if form == "json" {
            assert_eq!(faults("attack-1.0.json", &run.json()), <[String; 0]>::default());
        }
    }
    // Without a report nothing is known of flaws; what is no report is said.
    let run = place.run(&["cluster", "attack", "--file", &file]).exits(3);
    assert!(run.stdout.contains("not known: no report about it was given"), "{}", run.stdout);
    let run = place.run(&["cluster", "attack", "--file", &file, "--report", &file]);
    assert!(run.code >= 2 && run.stderr.contains("hint: reports are what"), "{} {}", run.code, run.stderr);
}

#[test]
fn roles_and_paths_that_were_gained_are_worse() {
    let place = Place::new();
    let state = |name: &str, verbs: &Value, who: &str| {
        let rules = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": verbs}]);
        let subjects = json!([{"kind": "User", "name": "ann"}, {"kind": "User", "name": who}]);
        let objects = [
            role("ClusterRole", None, "own", &rules),
            binding(None, "own", ("ClusterRole", "own"), &subjects),
        ];
        place.put(name, list(&objects))
    };
    let before = state("before.json", &json!(["delete"]), "ann");
    let after = state("after.json", &json!(["delete", "list"]), "bob");
    let run = place.run(&["cluster", "diff", &before, &after]).exits(1);
    for wanted in [
        "ClusterRole own: it allows list secrets",
        "User bob: it has ClusterRole own",
        "User ann: it becomes all-secrets: reads secrets",
        "User bob: it becomes all-secrets: reads secrets",
    ] {
        assert!(run.stdout.contains(wanted), "{wanted}\n{}", run.stdout);
    }
    let run = place.run(&["cluster", "diff", &after, &before, "--format", "json"]).exits(0);
    assert_eq!(faults("drift-1.0.json", &run.json()), <[String; 0]>::default());
    let better = run.json()["better"].to_string();
    for wanted in [
        "it no longer allows list secrets",
        "it no longer has ClusterRole own",
        "it becomes all-secrets no longer",
    ] {
        assert!(better.contains(wanted), "{wanted}\n{better}");
    }
}

/// Of several states it is told since when each thing is worse.
#[test]
fn of_several_states_it_is_told_since_when() {
    let place = Place::new();
    let state = |name: &str, verbs: &Value, privileged: bool| {
        let rules = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": verbs}]);
        let objects = [
            role("ClusterRole", None, "own", &rules),
            binding(None, "own", ("ClusterRole", "own"), &json!([{"kind": "User", "name": "ann"}])),
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
                "spec": {"containers": [{"name": "a", "image": "b", "securityContext": {"privileged": privileged}}]}}),
        ];
        place.put(name, list(&objects))
    };
    let one = state("one.json", &json!(["delete"]), false);
    let two = state("two.json", &json!(["delete", "list"]), true);
    let three = state("three.json", &json!(["delete", "list"]), false);
    let four = state("four.json", &json!(["delete", "list"]), true);
    let report =
        place.run(&["cluster", "diff", &one, &two, &three, &four, "--format", "json"]).exits(1).json();
    assert_eq!(faults("drift-1.0.json", &report), <[String; 0]>::default());
    assert_eq!(report["states"].as_array().unwrap().len(), 4);
    let worse = report["worse"].as_array().unwrap();
    let of = |what: &dyn Fn(&Value) -> bool| {
        let item = worse.iter().find(|item| what(item)).unwrap_or_else(|| panic!("{report:#}"));
        let name = |info: &Value| info["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        (name(&item["since"]["after"]), name(&item["since"]["state"]), item["since"]["atTheLatest"] == true)
    };
    // It stayed from the second state on.
    assert_eq!(
        of(&|item| item["about"] == "ClusterRole own"),
        ("one.json".to_owned(), "two.json".to_owned(), false)
    );
    // It came, went and came again.
    assert_eq!(
        of(&|item| item["rule"] == "privileged-container"),
        ("three.json".to_owned(), "four.json".to_owned(), false)
    );
    let table = place.run(&["cluster", "diff", &one, &two, &three, &four, "--all"]).exits(1).stdout;
    assert!(table.contains("two.json, after"), "{table}");
    // Of two nothing more is said.
    let two_only = place.run(&["cluster", "diff", &one, &four, "--format", "json"]).exits(1).json();
    assert!(two_only.get("states").is_none() && two_only["worse"][0].get("since").is_none(), "{two_only:#}");
    place.run(&["cluster", "diff", &one]).exits(2);
}

#[test]
fn a_list_that_may_not_be_read_leaves_who_can_unknown() {
    let place = Place::new();
    // What is bound to a role that was not given.
    let file = place.put(
        "cluster.json",
        list(&[binding(None, "ops", ("ClusterRole", "ops"), &json!([{"kind": "User", "name": "ann"}]))]),
    );
    let run = place.run(&["cluster", "who-can", "get", "secrets", "--file", &file]).exits(3);
    assert!(
        run.stdout.contains("nobody is seen who can get secrets, but not all was seen"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("Not known of 1 subject"), "{}", run.stdout);
}

/// The programs as people run them, by the role that is shipped, against a real API server; and with a right taken away.
#[test]
fn rights_paths_and_routes_of_a_real_api_server() {
    let Some(server) = ApiServer::start(&[]) else { return };
    let apply = |path: &str, object: &Value| server.apply(path, &object.to_string());
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let shipped = include_str!("../../../../deploy/kubernetes/cluster-role.yaml");
    server.apply(&format!("{rbac}/clusterroles/plimsoll-cluster"), shipped);
    let reader = json!([{"kind": "User", "name": "auditor", "apiGroup": RBAC}]);
    let own = binding(None, "plimsoll-cluster", ("ClusterRole", "plimsoll-cluster"), &reader);
    apply(&format!("{rbac}/clusterrolebindings/plimsoll-cluster"), &own);
    let shop = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    apply("/api/v1/namespaces/shop", &shop);
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web", "namespace": "shop"}});
    apply("/api/v1/namespaces/shop/serviceaccounts/web", &account);
    apply(
        "/apis/apps/v1/namespaces/shop/deployments/web",
        &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"serviceAccountName": "web", "containers": [{"name": "a", "image": "shop/web:1",
                    "securityContext": {"privileged": true}, "ports": [{"containerPort": 80, "protocol": "TCP"}]}]}}}}),
    );
    apply(
        "/api/v1/namespaces/shop/services/web",
        &json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80, "protocol": "TCP"}]}}),
    );
    let subject = json!([{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}]);
    apply(
        &format!("{rbac}/clusterrolebindings/web"),
        &binding(None, "web", ("ClusterRole", "cluster-admin"), &subject),
    );
    let place = Place::new();
    let kubeconfig = server.kubeconfig("auditor").display().to_string();
    let ask = |words: &[&str]| {
        place.run(&[&["cluster"], words, &["--kubeconfig", &kubeconfig, "--format", "json"]].concat())
    };
    let run = ask(&["who-can", "delete", "secrets", "-n", "shop"]).exits(0);
    assert!(run.stdout.contains("\"ClusterRoleBinding web\""), "{}", run.stdout);
    let run = ask(&["paths", "--from", "ServiceAccount shop/web"]).exits(1);
    assert_eq!(run.json()["paths"][0]["goal"], "cluster-admin");
    assert_eq!(run.json()["paths"][0]["steps"][0]["bindings"], json!(["ClusterRoleBinding web"]));
    let scanned = place.put("web.json", report("shop/web:1"));
    let run = ask(&["attack", "--report", &scanned]).exits(1);
    assert_eq!(faults("attack-1.0.json", &run.json()), <[String; 0]>::default());
    let route = &run.json()["routes"][0];
    assert_eq!((&route["workload"], &route["sure"]), (&json!("shop/Deployment/web"), &json!(true)));
    // What is told to be typed is understood by the server: the binding is the cut that takes least.
    let cuts = [&route["cheapest"], &route["others"]].into_iter().flat_map(|cuts| cuts.as_array().unwrap());
    let unbind = cuts.clone().find(|cut| cut["kind"] == "binding").unwrap();
    assert_eq!(unbind["command"], "kubectl delete clusterrolebinding web");
    let drop = cuts.clone().find(|cut| cut["kind"] == "privilege").unwrap();
    assert!(drop["command"].as_str().unwrap().starts_with("kubectl patch deployment web -n shop"), "{drop}");
    // A right that is taken away makes unknown by name, never met.
    let less = shipped.replace("clusterrolebindings", "others");
    server.apply(&format!("{rbac}/clusterroles/plimsoll-cluster"), &less);
    let run = ask(&["who-can", "delete", "secrets", "-n", "shop"]).exits(3);
    assert!(run.stdout.contains("clusterrolebindings"), "{}", run.stdout);
    assert_eq!(ask(&["paths", "--from", "ServiceAccount shop/web"]).json()["verdict"], "unknown");
    let run = ask(&["attack", "--report", &scanned]);
    assert!(run.stdout.contains("clusterrolebindings"), "{}", run.stdout);
    assert_ne!(run.json()["verdict"], "met");
    // With it again, and without the binding: nothing is left but what the pod asks for.
    server.apply(&format!("{rbac}/clusterroles/plimsoll-cluster"), shipped);
    server.delete(&format!("{rbac}/clusterrolebindings/web"));
    let route = ask(&["attack", "--report", &scanned]).exits(1).json()["routes"][0].clone();
    assert_eq!(route["ends"].as_array().unwrap().len(), 1);
    assert_eq!(route["ends"][0]["goal"], "node-root");
}
