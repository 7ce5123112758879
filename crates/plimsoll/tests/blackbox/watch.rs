//! `plimsoll watch`: recordings held against rules, and rule files.

use serde_json::Value;

use super::Place;

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plimsoll-runtime/fixtures/detections");

fn recording(name: &str) -> String {
    format!("{RECORDINGS}/{name}.jsonl")
}

/// Checks a document against `docs/schema/watch-1.0.json`.
#[track_caller]
fn against_schema(document: &Value) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/watch-1.0.json");
    let schema = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<String> = validator.iter_errors(document).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{faults:#?}\n{document:#}");
}

#[test]
fn a_recording_is_held_against_rules() {
    let place = Place::new();
    let table = place.run(&["watch", "replay", &recording("PW050.fires")]).exits(1).quiet().stdout;
    for part in [
        "CRITICAL  PW050  Shell tied to a connection  2 times",
        "where: registry.example/shop:1.4",
        "next: Stop",
    ] {
        assert!(table.contains(part), "{part} is not in\n{table}");
    }
    let met = place.run(&["watch", "replay", &recording("PW050.quiet")]).exits(0).quiet().stdout;
    assert_eq!(met, "no rule was met: 0 alerts in 0 groups, 4 events held against 61 rules\n");

    let run = place.run(&["watch", "replay", &recording("PW050.fires"), "--format", "json"]).exits(1).quiet();
    let lines: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (lines.len(), lines[0]["count"].as_u64(), lines[1]["verdict"].as_str()),
        (2, Some(2), Some("notMet"))
    );
    for line in &lines {
        against_schema(line);
    }

    let rule = "- {rule: Any, desc: d, output: o, priority: notice, condition: evt.type=connect}\n";
    let rules = place.put("mine.yaml", rule);
    place.run(&["watch", "replay", &recording("PW050.fires"), "--rules", &rules]).exits(1);
    let quiet = ["--min-priority", "warning"];
    place
        .run(&[&["watch", "replay", &recording("PW050.fires"), "--rules", &rules], &quiet[..]].concat())
        .exits(0);
    place.put("off.yaml", "- {rule: Shell tied to a connection, enabled: false}\n");
    let files = ["--rules", "builtin", "--rules", &place.text("off.yaml")];
    place.run(&[&["watch", "replay", &recording("PW050.fires")], &files[..]].concat()).exits(0);
}

#[test]
fn an_alert_is_explained_and_its_exception_leaves_it_out() {
    let place = Place::new();
    let mut told = String::new();
    for name in ["PW002.fires", "PW050.fires"] {
        told += &place.run(&["watch", "replay", &recording(name), "--format", "json"]).exits(1).stdout;
    }
    let alerts = place.put("alerts.jsonl", &told);
    let page = place.run(&["watch", "--explain", "PW050", "--alerts", &alerts]).exits(0).quiet().stdout;
    for part in [
        "PW050  critical  key ",
        "2 times from 2026-",
        "registry.example/shop:1.4",
        "owner\n    application (namespace shop)",
        "next\n    Stop",
        "in the same container, within five minutes",
        "PW002 Program without a file (key ",
        "plimsoll watch --act 'PW050=freeze,evidence'",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    let json = ["watch", "--explain", "pw050", "--alerts", &alerts, "--format", "json"];
    let explained = place.run(&json).exits(0).quiet().json();
    against_schema(&explained);
    assert_eq!(explained["alert"]["key"], explained["key"]);
    // By a part of its key, and what it proposes is quiet about this and nothing else.
    let key = explained["key"].as_str().unwrap();
    let again = place.run(&["watch", "--explain", &key[..6], "--alerts", &alerts]).exits(0).stdout;
    assert_eq!(again, page);
    let wanted = place.put("wanted.yaml", explained["exception"].as_str().unwrap());
    let rules = ["--rules", "builtin", "--rules", &wanted];
    place.run(&["watch", "rules", "check", "builtin", &wanted]).exits(0);
    place.run(&[&["watch", "replay", &recording("PW050.fires")], &rules[..]].concat()).exits(0);
    place.run(&[&["watch", "replay", &recording("PW002.fires")], &rules[..]].concat()).exits(1);

    place.run(&["watch", "--explain", "PW050"]).exits(0).quiet();
    place
        .run(&["watch", "--explain", "nothing"])
        .exits(2)
        .says(&["no detection has this id", "--alerts FILE"]);
    place
        .run(&["watch", "--explain", "none", "--alerts", &alerts])
        .exits(3)
        .says(&["none of the 2 kinds of alerts"]);
    let wrong = place.put("wrong.jsonl", "nonsense\n");
    place.run(&["watch", "--explain", "none", "--alerts", &wrong]).exits(3).says(&["wrong.jsonl`, line 1"]);
}

#[test]
fn what_could_not_be_read_or_run_is_never_met() {
    let place = Place::new();
    let header = "{\"recording\":{\"schemaVersion\":\"1.0\"}}\n";
    let broken = place.put("broken.jsonl", format!("{header}{{\"time\":1}}\nnonsense\n"));
    let run = place.run(&["watch", "replay", &broken]).exits(3).says(&["broken.jsonl:3: "]);
    assert!(run.stdout.contains("not everything could be judged"), "{}", run.stdout);
    let lost = place.put(
        "lost.jsonl",
        format!("{header}{{\"action\":{{\"type\":\"drop\",\"class\":\"must\",\"count\":7}}}}\n"),
    );
    let run = place.run(&["watch", "replay", &lost, "--format", "json"]).exits(3).says(&["lost 7 events"]);
    against_schema(&run.json());
    let rule = "- {rule: R, desc: d, output: o, priority: error, condition: evt.buffer contains x}\n";
    let rules = place.put("mine.yaml", rule);
    let whole = place.put("whole.jsonl", format!("{header}{{}}\n"));
    place
        .run(&["watch", "replay", &whole, "--rules", &rules])
        .exits(3)
        .says(&["rule `R` does not run: no field `evt.buffer`"]);
    let input = place.run_on(&["watch", "replay", "-"], header.as_bytes()).exits(0);
    assert!(input.stdout.contains("0 events"));

    place.run(&["watch", "replay", "nosuch.jsonl"]).exits(2).says(&["error: cannot read `nosuch.jsonl`"]);
    place.run(&["watch", "replay", &rules]).exits(2).says(&["this is no recording"]);
    let wrong = place.put("wrong.yaml", "- {macro: m, condition: proc.name is x}\n- {rule: q}\n");
    place.run(&["watch", "replay", &whole, "--rules", &wrong]).exits(2).says(&[
        "rule files are wrong at 2 places",
        "wrong.yaml:2:3",
        "hint: `plimsoll watch rules check",
    ]);
}

#[test]
fn rule_files_are_checked_and_fields_listed() {
    let place = Place::new();
    place.run(&["watch", "rules", "check", "builtin"]).exits(0).quiet();
    let wrong = place.put("wrong.yaml", "- {macro: m, condition: proc.name is x}\n- {rule: q}\n");
    let run = place.run(&["watch", "rules", "check", &wrong, "--format", "json"]).exits(1).quiet();
    against_schema(&run.json());
    assert_eq!(run.json()["errors"][1]["column"], 35, "{}", run.stdout);
    let rule = "- {rule: R, desc: d, output: o, priority: error, condition: evt.buffer contains x, enabled: false}\n";
    let off = place.put("off.yaml", rule);
    let run = place.run(&["watch", "rules", "check", &off]).exits(0);
    assert!(run.stdout.contains("rule `R` (switched off): no field `evt.buffer`"), "{}", run.stdout);
    let on = place.put("on.yaml", rule.replace("false", "true"));
    let run = place.run(&["watch", "rules", "check", &on, "--format", "json"]).exits(3);
    against_schema(&run.json());
    let run = place.run(&["watch", "rules", "fields", "--format", "json"]).exits(0);
    against_schema(&run.json());
    assert!(run.json()["fields"].as_array().unwrap().len() > 100);
    let run = place.run(&["explain", "PW050"]).exits(0);
    assert!(
        run.stdout.contains("Shell tied to a connection") && run.stdout.contains("T1059.004"),
        "{}",
        run.stdout
    );
}

#[test]
fn profiles_are_suggested_from_what_was_learned() {
    let place = Place::new();
    let image = |name: &str, whole: bool| {
        serde_json::json!({
            "name": name, "digest": format!("sha256:{}", "ab".repeat(32)), "containers": 2, "whole": whole,
            "first": "2026-11-01T00:00:00Z", "last": "2026-11-02T00:00:00Z",
            "programs": ["/bin/shop"], "written": ["/tmp/*"], "listens": ["tcp/8080"], "connects": ["tcp/10.0.0.7/5432"],
            "names": ["db.shop.svc"], "users": [0], "capabilities": 1024, "calls": ["accept4"],
        })
    };
    let document = |images: Vec<Value>| {
        serde_json::json!({ "schemaVersion": "1.0", "kind": "baseline", "from": "2026-11-01T00:00:00Z",
            "until": "2026-11-02T00:00:00Z", "architecture": "x86_64", "images": images })
    };
    let one = document(vec![image("registry.example/team/shop:1", true)]);
    assert_eq!(super::faults("baseline-1.0.json", &one), Vec::<String>::new());
    place.put("one.json", one.to_string());
    let seccomp = place
        .run(&["watch", "suggest", "one.json", "--form", "seccomp"])
        .exits(0)
        .says(&["seen in 2 containers, for 24 hours"])
        .json();
    assert_eq!(seccomp["defaultAction"], "SCMP_ACT_ERRNO");
    let armour = place.run(&["watch", "suggest", "one.json", "--form", "app-armor"]).exits(0).stdout;
    assert!(armour.contains("profile shop ") && armour.contains("\"/bin/shop\" ix,"), "{armour}");
    let network = ["watch", "suggest", "one.json", "--form", "network-policy"];
    place.run(&network).exits(2).says(&["--label app=shop"]);
    let policy = place.run(&[&network[..], &["--label", "app=shop"]].concat()).exits(0).stdout;
    let file = place.put("policy.yaml", &policy);
    let policy: Value = serde_json::from_str(&policy).unwrap();
    assert_eq!(policy["spec"]["egress"][0]["to"][0]["ipBlock"]["cidr"], "10.0.0.7/32");
    // Our own check reads it, and tells whether the profiles are in use.
    let run = place.run(&["check", &file]);
    assert!(run.code < 2, "{run:?}");
    let pod = |image: &str, seccomp: &str| {
        serde_json::json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "web", "labels": { "app": "shop" } },
            "spec": { "containers": [{ "name": "web", "image": image, "securityContext": { "seccompProfile":
                { "type": "Localhost", "localhostProfile": seccomp } } }] } })
        .to_string()
    };
    let learned = |manifest: String, more: &[&str]| {
        place.put("pod.json", manifest);
        let all = [&["check", "pod.json", "--baseline", "one.json", "--format", "json"], more].concat();
        let report = place.run(&all).json();
        assert_eq!(super::faults("report-1.0.json", &report), Vec::<String>::new());
        let all = report["findings"].as_array().unwrap().clone();
        let rules: Vec<String> = all
            .iter()
            .map(|finding| super::text(&finding["advisory"]))
            .filter(|rule| rule.starts_with("learned/"))
            .collect();
        (rules, report["problems"].to_string())
    };
    let shop = "registry.example/team/shop:1";
    let (rules, _) = learned(pod(shop, "profiles/shop.json"), &[&file]);
    assert_eq!(rules, [""; 0]);
    let (rules, _) = learned(pod(shop, "profiles/other.json"), &[]);
    assert_eq!(rules, ["learned/network-policy", "learned/network-policy", "learned/seccomp"]);
    let (rules, _) = learned(pod(shop, "shop.json"), &["--applied", "app-armor"]);
    assert_eq!(rules, ["learned/app-armor"]);
    let (rules, problems) = learned(pod("registry.example/team/other:1", "shop.json"), &[]);
    assert!(
        rules.is_empty() && problems.contains("no workload runs an image that the baseline holds"),
        "{problems}"
    );
    place.run(&["check", "pod.json", "--applied", "seccomp"]).exits(2).says(&["--baseline"]);

    place.put("two.json", document(vec![image("a:1", true), image("b:1", false)]).to_string());
    place
        .run(&["watch", "suggest", "two.json", "--form", "seccomp"])
        .exits(2)
        .says(&["several images", "--image"]);
    let part = ["watch", "suggest", "two.json", "--form", "seccomp", "--image", "b:1"];
    place.run(&part).exits(0).says(&["not everything that `b:1` did was seen"]);
    let none = ["watch", "suggest", "two.json", "--form", "seccomp", "--image", "c:1"];
    place.run(&none).exits(3).says(&["nothing of `c:1`"]);
    place.put("wrong.json", "{}");
    place
        .run(&["watch", "suggest", "wrong.json", "--form", "seccomp"])
        .exits(3)
        .says(&["`wrong.json` is no baseline"]);
    place.run(&["watch", "--baseline", "wrong.json"]).exits(if cfg!(feature = "runtime") { 2 } else { 3 });
}

/// A recording of one container of an image: `(program, file it writes, port it connects to)`.
fn made(container: &str, second: u64, acts: &[(&str, &str, u16)]) -> String {
    let mut text = "{\"recording\":{\"schemaVersion\":\"1.0\"}}\n".to_owned();
    let mut time = second * 1_000_000_000;
    let mut put = |state: &str, action: Value| {
        time += 1_000_000_000;
        let mut place = serde_json::json!({ "state": state, "id": container.repeat(32), "started": second });
        if state == "known" {
            place["image"] = "registry.example/shop:1".into();
            place["digest"] = format!("sha256:{}", "cd".repeat(32)).into();
        }
        let event = serde_json::json!({ "time": time, "container": place, "action": action,
            "process": { "id": 7, "name": "shop", "arguments": ["shop"] } });
        text.push_str(&event.to_string());
        text.push('\n');
    };
    for (number, (program, file, port)) in acts.iter().enumerate() {
        // The image becomes known after the first act only.
        let state = if number == 0 { "pending" } else { "known" };
        put(state, serde_json::json!({ "type": "exec", "path": program, "file": { "path": program } }));
        if number == 0 {
            put("known", serde_json::json!({ "type": "containerKnown" }));
        }
        put(
            "known",
            serde_json::json!({ "type": "open", "file": { "path": file }, "flags": 0o101, "descriptor": 3 }),
        );
        let connection = serde_json::json!({ "family": "ipv4", "protocol": 6, "remote": { "address": "10.0.0.7", "port": port } });
        put("known", serde_json::json!({ "type": "connect", "connection": connection }));
    }
    text
}

#[test]
fn a_recording_teaches_what_is_ordinary_and_another_is_held_against_it() {
    let place = Place::new();
    place.put(
        "monday.jsonl",
        made("ab", 1_700_000_000, &[("/bin/shop", "/tmp/upload-17", 5432), ("/bin/cat", "/tmp/x", 5432)]),
    );
    let rules = place.put(
        "none.yaml",
        "- {rule: Never, desc: d, output: o, priority: notice, condition: evt.type=mount}\n",
    );
    let learn = ["watch", "replay", "monday.jsonl", "--rules", &rules, "--learn", "learned.json"];
    place.run(&learn).exits(0).says(&["learned from 1 containers of 1 images; learned.json"]);
    let learned: Value =
        serde_json::from_str(&std::fs::read_to_string(place.path("learned.json")).unwrap()).unwrap();
    assert_eq!(super::faults("baseline-1.0.json", &learned), Vec::<String>::new(), "{learned:#}");
    let image = &learned["images"][0];
    assert_eq!(
        image["programs"],
        serde_json::json!(["/bin/cat", "/bin/shop"]),
        "what was seen before the image was known, too"
    );
    assert_eq!(image["connects"], serde_json::json!(["tcp/10.0.0.7/5432"]));
    assert_eq!((image["whole"] == true, &image["first"]), (true, &learned["from"]));
    place
        .run(&["watch", "suggest", "learned.json", "--form", "seccomp"])
        .exits(3)
        .says(&["holds no system calls"]);

    // The same with other names of temporary files is ordinary, and nothing else is.
    let hold = |name: &str, text: String| {
        place.put(name, text);
        place.run(&[
            "watch",
            "replay",
            name,
            "--rules",
            &rules,
            "--baseline",
            "learned.json",
            "--format",
            "json",
        ])
    };
    let same = [("/bin/shop", "/tmp/upload-99", 5432)];
    hold("same.jsonl", made("ef", 1_700_100_000, &same)).exits(0).quiet();
    let run =
        hold("other.jsonl", made("ef", 1_700_100_000, &[("/bin/sh", "/etc/passwd", 4444), same[0]])).exits(1);
    let lines: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut found = Vec::new();
    for line in &lines {
        against_schema(line);
        let alert = &line["example"];
        if line["kind"] == "alerts" {
            found.push((super::text(&alert["id"]), super::text(&alert["fields"]["baseline.item"])));
        }
    }
    found.sort();
    let expected = [("PB001", "/bin/sh"), ("PB002", "/etc/passwd"), ("PB004", "tcp/10.0.0.7/4444")];
    assert_eq!(found, expected.map(|(id, item)| (id.to_owned(), item.to_owned())), "{run:?}");
    // What nobody could hold against it is not met: the image never becomes known, or only that it cannot be read.
    let pending = made("ef", 1_700_100_000, &same[..0]);
    let exec = |state: &str| {
        let place = serde_json::json!({ "state": state, "id": "ab".repeat(32) });
        let action = serde_json::json!({ "type": "exec", "path": "/x", "file": { "path": "/x" } });
        format!("{}\n", serde_json::json!({ "time": 1, "container": place, "action": action }))
    };
    let run = hold("unknown.jsonl", pending + &exec("pending") + &exec("unreadable"));
    let run = run.exits(3).says(&["2 events were not held against the baseline"]);
    let summary: Value = serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap();
    against_schema(&summary);
    assert_eq!((&summary["verdict"], &summary["unjudged"]), (&"unknown".into(), &2.into()));
    place.run(&["watch", "replay", "monday.jsonl", "--learn", "a", "--baseline", "b"]).exits(2);
    place
        .run(&["watch", "replay", "monday.jsonl", "--learn", "no/folder/x"])
        .says(&["cannot write `no/folder/x`"])
        .exits(3);
}
