//! `plimsoll check --since`: what a change makes worse.

use std::process::Command;

use super::{Place, Run};

const POD: &str = "apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
spec:
  hostPID: true
  containers:
  - name: web
    image: ghcr.io/acme/web:1.4
";
const DOCKERFILE: &str = "FROM debian:12\nRUN sudo true\nUSER root\n";

fn git(place: &Place, arguments: &[&str]) {
    let ended = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(place.path("repo"))
        .env("HOME", place.path("."))
        .output()
        .unwrap();
    assert!(ended.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
}

/// A repository with a pod and a Dockerfile, which both are not met.
fn place() -> Place {
    let place = Place::new();
    place.put("repo/app/pod.yaml", POD);
    place.put("repo/app/Dockerfile", DOCKERFILE);
    git(&place, &["init", "-q"]);
    commit(&place);
    place
}

fn commit(place: &Place) {
    git(place, &["add", "-A"]);
    git(place, &["commit", "-q", "-m", "x"]);
}

fn run(place: &Place, arguments: &[&str]) -> Run {
    let path = format!("{}:/usr/bin:/bin", place.text("bin"));
    place.run_with(arguments, &[("PATH", &path)])
}

fn new(report: &serde_json::Value) -> Vec<(String, u64)> {
    let mut all: Vec<(String, u64)> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            let line = finding["subject"]["line"].as_u64().unwrap_or_default();
            (finding["advisory"].as_str().unwrap().to_owned(), line)
        })
        .collect();
    all.sort();
    all
}

fn json(place: &Place, paths: &[&str], code: i32) -> serde_json::Value {
    let arguments = [&["check"], paths, &["--since", "HEAD", "--format", "json"]].concat();
    let report = run(place, &arguments).exits(code).json();
    assert_eq!(super::faults("report-1.0.json", &report), Vec::<String>::new());
    report
}

#[test]
fn what_was_there_or_moved_is_not_new() {
    let place = place();
    let report = json(&place, &["repo"], 0);
    assert_eq!(new(&report), []);
    let before = report["since"]["before"].as_u64().unwrap();
    assert!(before > 5 && report["since"]["gone"] == 0, "{}", report["since"]);
    // Lines above, another container before, another name of the file: the same findings.
    let moved =
        POD.replace("  containers:\n", "  containers:\n  - name: first\n    image: ghcr.io/acme/first:1.0\n");
    place.put("repo/app/pod.yaml", format!("# a comment\n---\n{moved}"));
    place.put("repo/app/Dockerfile", DOCKERFILE.replace("RUN", "# a comment\n\nRUN"));
    let report = run(&place, &["check", "repo", "--since", "HEAD", "--format", "json"]).json();
    // All that is new is about the container that is new.
    let found = new(&report);
    assert!(!found.is_empty() && found.iter().all(|(_, line)| (11..13).contains(line)), "{found:?}");
    assert!(
        report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|finding| { finding["subject"]["path"] == "repo/app/pod.yaml" })
    );
    place.put("repo/app/pod.yaml", POD);
    place.put("repo/app/Dockerfile", DOCKERFILE);
    std::fs::rename(place.path("repo/app/pod.yaml"), place.path("repo/web.yaml")).unwrap();
    assert_eq!(new(&json(&place, &["repo"], 0)), []);
}

#[test]
fn what_a_change_brings_counts_alone() {
    let place = place();
    place.put("repo/app/pod.yaml", POD.replace("  hostPID: true\n", "  hostNetwork: true\n"));
    place.put("repo/app/Dockerfile", format!("{DOCKERFILE}RUN sudo false\n"));
    for (typed, folder) in [("repo", true), ("repo/app/pod.yaml", false)] {
        let report = json(&place, &[typed], 1);
        let found = new(&report);
        assert!(found.contains(&("host-network".to_owned(), 7)), "{found:?}");
        assert_eq!(found.contains(&("sudo-in-build".to_owned(), 4)), folder, "{found:?}");
        assert!(found.iter().all(|(rule, _)| rule != "host-pid"), "{found:?}");
        assert_eq!(report["since"]["revision"], "HEAD");
        assert!(report["since"]["gone"].as_u64().unwrap() >= 1);
    }
    let table = run(&place, &["check", "repo", "--since", "HEAD"]).exits(1);
    assert!(table.stdout.contains("only what is new since HEAD"), "{}", table.stdout);
    // An acceptance that goes is worse than before.
    let accepted = POD.replace(
        "  namespace: shop\n",
        "  namespace: shop\n  annotations:\n    plimsoll.dev/ignore: ignore=host-pid reason=\"debugs\" owner=ops until=2026-12-01\n",
    );
    place.put("repo/app/pod.yaml", &accepted);
    place.put("repo/app/Dockerfile", DOCKERFILE);
    assert_eq!(new(&json(&place, &["repo"], 0)), []);
    commit(&place);
    place.put("repo/app/pod.yaml", POD);
    assert_eq!(new(&json(&place, &["repo"], 1)), [("host-pid".to_owned(), 7)]);
}

#[test]
fn charts_and_layers_are_rendered_as_they_were() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = place();
    place.put("repo/shop/Chart.yaml", "apiVersion: v2\nname: shop\n");
    place.put("repo/shop/values.txt", "hostPID: true\n");
    place.put("repo/shop/templates/pod.yaml", POD);
    // A renderer that reads a file which is no manifest.
    let script = place.put(
        "bin/helm",
        "#!/bin/sh\necho '# Source: shop/templates/pod.yaml'\ncat \"$3/templates/pod.yaml\"\necho \"  $(cat \"$3/values.txt\")\"\n",
    );
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
    place.put("repo/shop/templates/pod.yaml", POD.replace("  hostPID: true\n", ""));
    commit(&place);
    assert_eq!(new(&json(&place, &["repo"], 0)), []);
    assert_eq!(new(&json(&place, &["repo/shop"], 0)), []);
    place.put("repo/shop/values.txt", "hostIPC: true\n");
    assert_eq!(
        new(&json(&place, &["repo/shop"], 1)).iter().map(|(rule, _)| rule.as_str()).collect::<Vec<_>>(),
        ["host-ipc"]
    );
}

#[test]
fn what_cannot_be_held_against_is_said() {
    let place = place();
    let unknown = run(&place, &["check", "repo", "--since", "nothing"]).exits(2);
    assert!(unknown.stderr.contains("`nothing` is no revision"), "{}", unknown.stderr);
    run(&place, &["check", "repo", "--since=--help"]).exits(2);
    place.put("alone/pod.yaml", POD);
    let none = run(&place, &["check", "alone", "--since", "HEAD"]).exits(2);
    assert!(none.stderr.contains("it is in no git repository"), "{}", none.stderr);
    run(&place, &["check", "-", "--since", "HEAD"]).exits(2);
    // A file that was not there: all of it is new.
    place.put("repo/new.yaml", POD.replace("name: web", "name: new"));
    assert!(new(&json(&place, &["repo/new.yaml"], 1)).contains(&("host-pid".to_owned(), 7)));
    // What could not be read there is told, and counts as new.
    place.put("repo/app/pod.yaml", "apiVersion: v1\nkind: Pod\nspec: [\n");
    commit(&place);
    place.put("repo/app/pod.yaml", POD);
    let report = json(&place, &["repo/app/pod.yaml"], 1);
    assert!(report["problems"][0]["detail"].as_str().unwrap().starts_with("at HEAD: "), "{report}");
}
