//! Reviews as API servers send them, and what becomes of them.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use common::{
    NOW, SIGNED, Scripted, Webhook, annotations, create, digest, fingerprint, gate, pod, policy, refusal,
    response, signed, unsigned, update,
};
use plimsoll_admit::engine::{Hook, Rules, Step};
use plimsoll_admit::evidence::Limits;
use plimsoll_admit::review::Code;
use plimsoll_scan::gate::Gathered;
use plimsoll_scan::policy::{Mode, OnMissing};
use serde_json::{Value, json};

/// Images of the repository `good` are signed by us, of `theirs` by somebody else, all others by nobody.
fn source(yaml: &str) -> Arc<Scripted> {
    let key = fingerprint(&gate(yaml));
    Scripted::new(move |reference, _| {
        let own = reference.digest().cloned().unwrap_or_else(|| digest("11"));
        match reference.name().path() {
            "good" => signed(&own, &key),
            "theirs" => signed(&own, "somebody else"),
            _ => unsigned(&own),
        }
    })
}

#[test]
fn signed_images_pass_and_others_do_not() {
    let yaml = policy("production", SIGNED);
    let webhook = Webhook::simple(&yaml, source(&yaml));
    let good = webhook.validate(&create(&pod(&["r.io/good:1"])));
    assert!(good.allowed(), "{good:?}");
    assert_eq!(annotations(&good)["decision"], "allow");
    assert_eq!(annotations(&good)["images"], format!("r.io/good:1@{} allow", digest("11")));

    let bad = webhook.validate(&create(&pod(&["r.io/good:1", "r.io/bad:1", "r.io/theirs:1"])));
    let said = refusal(&bad);
    assert!(said.contains("r.io/bad:1 (container c1) is refused: production/signedBy: not signed"), "{said}");
    assert!(said.contains("r.io/theirs:1 (container c2)"), "one result for each image: {said}");
    assert!(said.contains("plimsoll verify r.io/bad:1 --namespace shop"), "the next step: {said}");
    assert!(!said.contains("r.io/good:1 ("), "{said}");
    let (response, _) = response(&bad);
    assert_eq!(response["uid"], "7f0d");
    assert_eq!(response["allowed"], false);
    assert_eq!(response["status"]["code"], 403);
    let log = webhook.log.all();
    assert_eq!(log.len(), 2);
    assert_eq!((&log[1]["effect"], &log[1]["user"]), (&json!("deny"), &json!("ada")));
    assert_eq!(log[1]["images"][1]["effect"], "deny");
}

#[test]
fn every_place_of_an_image_counts() {
    let yaml = policy("production", SIGNED);
    let webhook = Webhook::simple(&yaml, source(&yaml));
    let refuses = |object: Value, place: &str| {
        let answer = webhook.validate(&create(&object));
        assert!(refusal(&answer).contains(place), "{}", refusal(&answer));
    };
    let with = |key: &str, value: Value| {
        let mut object = pod(&["r.io/good:1"]);
        object["spec"][key] = value;
        object
    };
    refuses(with("initContainers", json!([{"name": "i", "image": "r.io/bad:1"}])), "init container i");
    refuses(
        with("initContainers", json!([{"name": "s", "image": "r.io/bad:1", "restartPolicy": "Always"}])),
        "sidecar s",
    );
    refuses(
        with("ephemeralContainers", json!([{"name": "e", "image": "r.io/bad:1"}])),
        "ephemeral container e",
    );
    refuses(with("volumes", json!([{"name": "v", "image": {"reference": "r.io/bad:1"}}])), "image volume v");
    // What has not the form that it should have may hide an image.
    refuses(with("initContainers", json!({"name": "i"})), "/spec/initContainers is no list");
    refuses(with("initContainers", json!([{"name": "i"}])), "init container i names no image");
    refuses(pod(&["r.io/UPPER:1"]), "r.io/UPPER:1");
    let template = json!({"spec": {"containers": [{"name": "c", "image": "r.io/bad:1"}]}});
    for (version, kind) in [("apps/v1", "Deployment"), ("batch/v1", "Job"), ("apps/v1", "DaemonSet")] {
        refuses(json!({"apiVersion": version, "kind": kind, "spec": {"template": template}}), "r.io/bad:1");
    }
    refuses(
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": template}}}}),
        "r.io/bad:1",
    );
    // What runs nothing is nobody's affair.
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"image": "r.io/bad:1"}});
    assert!(webhook.validate(&create(&map)).allowed());
}

#[test]
fn kinds_of_others_by_their_path() {
    let yaml = policy("production", SIGNED);
    let mut rules = Rules::new(gate(&yaml));
    rules.kinds.add("Task.tekton.dev=container:/spec/steps").unwrap();
    let webhook = Webhook::new(rules, source(&yaml), Limits::default(), Duration::from_secs(5));
    let task = |image: &str| json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "spec": {"steps": [{"name": "s", "image": image}]}});
    assert!(webhook.validate(&create(&task("r.io/good:1"))).allowed());
    assert!(!webhook.validate(&create(&task("r.io/bad:1"))).allowed());
}

#[test]
fn what_starts_nothing_new_is_let_through() {
    let yaml = policy("production", SIGNED);
    let webhook = Webhook::simple(&yaml, source(&yaml));
    let old = pod(&["r.io/bad:1"]);
    let mut new = old.clone();
    new["metadata"]["finalizers"] = json!([]);
    new["metadata"]["annotations"] = json!({"note": "x"});
    assert!(webhook.validate(&update(&old, &new)).allowed(), "a finalizer goes");
    let mut relabelled = old.clone();
    relabelled["metadata"]["labels"] = json!({"tier": "front"});
    assert!(!webhook.validate(&update(&old, &relabelled)).allowed(), "other policies may be about it now");
    assert!(!webhook.validate(&update(&old, &pod(&["r.io/bad:2"]))).allowed(), "another image");
    let mut with_debugger = old.clone();
    with_debugger["spec"]["ephemeralContainers"] = json!([{"name": "e", "image": "r.io/bad:3"}]);
    assert!(!webhook.validate(&update(&old, &with_debugger)).allowed());
    let mut leaving = old.clone();
    leaving["metadata"]["deletionTimestamp"] = json!("2026-11-23T12:00:00Z");
    assert!(webhook.validate(&update(&leaving, &with_debugger)).allowed(), "it is being deleted");
    // That it is being deleted is what the API server says of it, not what whoever changes it says.
    assert!(
        !webhook
            .validate(&update(&old, &{
                let mut new = with_debugger.clone();
                new["metadata"]["deletionTimestamp"] = json!("2026-11-23T12:00:00Z");
                new
            }))
            .allowed()
    );
    let mut deleted = create(&old);
    deleted["request"]["operation"] = json!("DELETE");
    assert!(webhook.validate(&deleted).allowed());
    // A deployment that is scaled runs the same template.
    let deployment = |replicas: u32, image: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "c", "image": image}]}}}})
    };
    assert!(webhook.validate(&update(&deployment(1, "r.io/bad:1"), &deployment(2, "r.io/bad:1"))).allowed());
    assert!(
        !webhook.validate(&update(&deployment(1, "r.io/good:1"), &deployment(1, "r.io/bad:1"))).allowed()
    );
}

#[test]
fn tags_are_pinned_and_later_checks_see_the_digest() {
    let yaml = policy("production", "  - pinDigest: true\n  - signedBy: {signers: [ours]}");
    let webhook = Webhook::simple(&yaml, source(&yaml));
    let mut object = pod(&["r.io/good", "r.io/good:1", &format!("r.io/good@{}", digest("22"))]);
    object["spec"]["volumes"] = json!([{"name": "v", "image": {"reference": "r.io/good:2"}}]);
    let answer = webhook.ask(Hook::Mutate, &create(&object));
    let (body, patch) = response(&answer);
    assert_eq!(body["patchType"], "JSONPatch");
    let pinned = digest("11");
    assert_eq!(
        patch,
        json!([
            {"op": "replace", "path": "/spec/containers/0/image", "value": format!("r.io/good:latest@{pinned}")},
            {"op": "replace", "path": "/spec/containers/1/image", "value": format!("r.io/good:1@{pinned}")},
            {"op": "replace", "path": "/spec/volumes/0/image/reference", "value": format!("r.io/good:2@{pinned}")},
        ])
    );
    assert!(!webhook.validate(&create(&object)).allowed(), "as it was written it is not pinned");
    for change in &answer.patch {
        *object.pointer_mut(change.path()).unwrap() = json!(change.value());
    }
    let validated = webhook.validate(&create(&object));
    assert!(validated.allowed(), "{validated:?}");
    // What is pinned is not pinned again, and what runs already is not touched.
    assert!(webhook.ask(Hook::Mutate, &create(&object)).patch.is_empty());
    let old = pod(&["r.io/good:1"]);
    let mut new = old.clone();
    new["spec"]["ephemeralContainers"] = json!([{"name": "e", "image": "r.io/good:3"}]);
    let answer = webhook.ask(Hook::Mutate, &update(&old, &new));
    let paths: Vec<&str> = answer.patch.iter().map(plimsoll_admit::review::Replace::path).collect();
    assert_eq!(paths, ["/spec/ephemeralContainers/0/image"]);
}

#[test]
fn a_tag_that_moves_is_held_against_what_it_stands_for_now() {
    let yaml = policy("production", SIGNED);
    let key = fingerprint(&gate(&yaml));
    let source = source(&yaml);
    let webhook = Webhook::simple(&yaml, source.clone());
    assert!(webhook.validate(&create(&pod(&["r.io/good:moves"]))).allowed());
    source.becomes(move |reference, _| match reference.digest() {
        None => unsigned(&digest("99")),
        Some(own) if *own == digest("99") => unsigned(own),
        Some(own) => signed(own, &key),
    });
    // Within its seconds the tag is believed; what was pinned by it was pinned to the good one.
    assert!(webhook.validate(&create(&pod(&["r.io/good:moves"]))).allowed());
    webhook.clock.fetch_add(60, SeqCst);
    assert!(!webhook.validate(&create(&pod(&["r.io/good:moves"]))).allowed());
    webhook.clock.store(NOW, SeqCst);
    assert!(webhook.validate(&create(&pod(&[&format!("r.io/good:moves@{}", digest("11"))]))).allowed());
}

#[test]
fn evidence_is_gathered_once_and_names_need_none() {
    let yaml = policy("production", SIGNED) + &policy("names", "  - registries: {allow: ['r.io/**']}");
    let source = source(&yaml);
    let webhook = Webhook::simple(&yaml, source.clone());
    let pinned = format!("r.io/good@{}", digest("33"));
    for _ in 0..20 {
        assert!(webhook.validate(&create(&pod(&[&pinned]))).allowed());
    }
    assert_eq!(source.calls(), 1, "gathered once");
    let elsewhere = webhook.validate(&create(&pod(&["evil.io/good:1"])));
    assert!(refusal(&elsewhere).contains("names/registries"), "{}", refusal(&elsewhere));
    assert_eq!(source.calls(), 1, "refused for its name, nobody was asked");
}

#[test]
fn many_ask_at_once_and_one_looks() {
    let yaml = policy("production", SIGNED);
    let key = fingerprint(&gate(&yaml));
    let source = Scripted::new(move |reference, _| {
        std::thread::sleep(Duration::from_millis(200));
        signed(reference.digest().unwrap(), &key)
    });
    let webhook = Webhook::simple(&yaml, source.clone());
    let body = serde_json::to_vec(&create(&pod(&[&format!("r.io/good@{}", digest("44"))]))).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let asked: Vec<_> = (0..50)
        .map(|_| {
            let (server, body) = (webhook.server.clone(), body.clone());
            runtime.spawn(async move {
                server.review(Hook::Validate, &body, Instant::now() + Duration::from_secs(5)).await
            })
        })
        .collect();
    for one in asked {
        assert!(runtime.block_on(one).unwrap().unwrap().allowed());
    }
    assert_eq!(source.calls(), 1);
}

#[test]
fn the_budget_ends_with_a_reason_and_the_next_one_passes() {
    let yaml = policy("production", SIGNED);
    let key = fingerprint(&gate(&yaml));
    let source = Scripted::new(move |reference, _| {
        std::thread::sleep(Duration::from_millis(700));
        signed(reference.digest().unwrap(), &key)
    });
    let rules = Rules::new(gate(&yaml));
    let webhook = Webhook::new(rules, source.clone(), Limits::default(), Duration::from_millis(150));
    let review = create(&pod(&[&format!("r.io/good@{}", digest("55"))]));
    let since = Instant::now();
    let answer = webhook.validate(&review);
    assert!(since.elapsed() < Duration::from_millis(600), "{:?}", since.elapsed());
    let (code, said) = answer.refused.clone().unwrap();
    assert_eq!(code, Code::TryAgain);
    assert!(said.contains("still being looked at") && said.contains("try again"), "{said}");
    assert_eq!(response(&answer).0["status"]["details"]["retryAfterSeconds"], 2);
    std::thread::sleep(Duration::from_millis(800));
    assert!(webhook.validate(&review).allowed());
    assert_eq!(source.calls(), 1);
}

#[test]
fn failures_are_not_kept_and_refusals_are_looked_at_again() {
    let yaml = policy("production", SIGNED);
    let key = fingerprint(&gate(&yaml));
    let source = Scripted::new(|_, _| Gathered {
        failures: vec!["connection refused".into()],
        ..Gathered::missing("connection refused")
    });
    let webhook = Webhook::simple(&yaml, source.clone());
    let review = create(&pod(&[&format!("r.io/good@{}", digest("66"))]));
    let failed = webhook.validate(&review);
    let (code, said) = failed.refused.clone().unwrap();
    assert_eq!(code, Code::TryAgain);
    assert!(said.contains("connection refused"), "{said}");
    source.becomes(|reference, _| unsigned(reference.digest().unwrap()));
    assert_eq!(webhook.validate(&review).refused.unwrap().0, Code::Forbidden, "looked at again at once");
    // A signature comes. Within ten seconds the refusal stands; then it is looked at again.
    source.becomes(move |reference, _| signed(reference.digest().unwrap(), &key));
    let calls = source.calls();
    assert!(!webhook.validate(&review).allowed());
    assert_eq!(source.calls(), calls);
    webhook.clock.fetch_add(30, SeqCst);
    assert!(webhook.validate(&review).allowed());
    webhook.clock.store(NOW, SeqCst);
}

#[test]
fn a_registry_that_fails_does_not_loosen_what_is_known() {
    // What is missing may pass by this policy; what is known to be bad may not, whatever fails after that.
    let yaml = policy("production", &format!("{SIGNED}\n    onMissing: allow"));
    let source = source(&yaml);
    let webhook = Webhook::simple(&yaml, source.clone());
    let review = create(&pod(&[&format!("r.io/bad@{}", digest("77"))]));
    assert!(!webhook.validate(&review).allowed());
    source.becomes(|_, _| Gathered { failures: vec!["gone".into()], ..Gathered::missing("gone") });
    webhook.clock.fetch_add(60, SeqCst);
    assert!(!webhook.validate(&review).allowed());
    webhook.clock.store(NOW, SeqCst);
}

#[test]
fn another_image_than_asked_for_is_no_evidence() {
    let yaml = policy("production", SIGNED);
    let key = fingerprint(&gate(&yaml));
    let source = Scripted::new(move |_, _| signed(&digest("ab"), &key));
    let webhook = Webhook::simple(&yaml, source);
    let answer = webhook.validate(&create(&pod(&[&format!("r.io/good@{}", digest("cd"))])));
    assert!(refusal(&answer).contains("another image"), "{}", refusal(&answer));
}

#[test]
fn modes_of_the_webhook_and_of_policies() {
    let yaml = policy("production", SIGNED);
    let ask = |mode: Mode, yaml: &str| {
        let rules = Rules { mode, ..Rules::new(gate(yaml)) };
        let webhook = Webhook::new(rules, source(yaml), Limits::default(), Duration::from_secs(5));
        let answer = webhook.validate(&create(&pod(&["r.io/bad:1"])));
        let log = webhook.log.all();
        assert_eq!(log.len(), 1);
        (answer, log[0].clone())
    };
    let (warned, log) = ask(Mode::Warn, &yaml);
    assert!(warned.allowed() && warned.warnings[0].contains("would be refused"), "{warned:?}");
    assert_eq!((&log["effect"], &log["allowed"]), (&json!("deny"), &json!(true)));
    let (audited, log) = ask(Mode::Audit, &yaml);
    assert!(audited.allowed() && audited.warnings.is_empty());
    assert_eq!((&log["effect"], &log["allowed"]), (&json!("deny"), &json!(true)));
    let warning = yaml.replace("spec:\n", "spec:\n  mode: warn\n");
    let (warned, _) = ask(Mode::Enforce, &warning);
    assert!(warned.allowed() && warned.warnings[0].contains("production/signedBy"), "{warned:?}");
    let auditing = yaml.replace("spec:\n", "spec:\n  mode: audit\n");
    assert!(ask(Mode::Enforce, &auditing).0.warnings.is_empty());
}

#[test]
fn images_that_no_policy_is_about() {
    let yaml = policy("production", SIGNED).replace("spec:\n", "spec:\n  match: {namespaces: [elsewhere]}\n");
    for (unmatched, allowed, warned) in
        [(OnMissing::Deny, false, false), (OnMissing::Warn, true, true), (OnMissing::Allow, true, false)]
    {
        let rules = Rules { unmatched, ..Rules::new(gate(&yaml)) };
        let webhook = Webhook::new(rules, source(&yaml), Limits::default(), Duration::from_secs(5));
        let answer = webhook.validate(&create(&pod(&["r.io/good:1"])));
        assert_eq!((answer.allowed(), !answer.warnings.is_empty()), (allowed, warned), "{answer:?}");
    }
    // A revocation is about every image.
    let revoked = yaml
        + &format!(
            "---\napiVersion: plimsoll.dev/v1\nkind: Revocation\nmetadata: {{name: leak}}\nspec: {{reason: backdoor, digest: '{}'}}\n",
            digest("88")
        );
    let rules = Rules { unmatched: OnMissing::Allow, ..Rules::new(gate(&revoked)) };
    let source = source(&revoked);
    let webhook = Webhook::new(rules, source.clone(), Limits::default(), Duration::from_secs(5));
    let answer = webhook.validate(&create(&pod(&[&format!("r.io/x@{}", digest("88"))])));
    assert!(refusal(&answer).contains("revoked by `leak`: backdoor"), "{}", refusal(&answer));
    assert_eq!(source.calls(), 0, "the digest is in the name");
}

#[test]
fn pod_security_is_asked_of_the_pod_itself() {
    let yaml = policy(
        "restricted",
        "  - podSecurity: {level: restricted}\n  - anyOf: [{podSecurity: {level: baseline}}]",
    );
    let webhook = Webhook::simple(&yaml, Scripted::new(|_, _| unreachable!("no evidence is needed")));
    let loose = webhook.validate(&create(&pod(&["r.io/x:1"])));
    assert!(refusal(&loose).contains("/spec/containers/0"), "{}", refusal(&loose));
    let mut tight = pod(&["r.io/x:1"]);
    tight["spec"]["securityContext"] =
        json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    tight["spec"]["containers"][0]["securityContext"] =
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let answer = webhook.validate(&create(&tight));
    assert!(answer.allowed(), "{answer:?}");
}

#[test]
fn exceptions_and_break_glass_leave_a_trace() {
    let bad = digest("aa");
    let yaml = policy("production", SIGNED)
        + &format!(
            "---\napiVersion: plimsoll.dev/v1\nkind: Exception\nmetadata: {{name: outage}}\nspec: {{policies: [production], digests: ['{bad}'], namespaces: [shop], owner: ada, reason: outage, breakGlass: true, expires: '2026-11-23T20:00:00Z'}}\n"
        );
    let webhook = Webhook::simple(&yaml, source(&yaml));
    let review = create(&pod(&[&format!("r.io/bad@{bad}")]));
    let answer = webhook.validate(&review);
    assert!(answer.allowed(), "{answer:?}");
    assert!(annotations(&answer)["exceptions"].contains("break-glass `outage` of ada: outage"));
    assert!(webhook.log.all()[0]["images"][0]["exceptions"][0].as_str().unwrap().contains("outage"));
    // A tag that stands for that digest is let in as well; another image is not.
    assert!(!webhook.validate(&create(&pod(&[&format!("r.io/bad@{}", digest("bb"))]))).allowed());
    // It ends by itself.
    webhook.clock.fetch_add(86_400, SeqCst);
    let ended = webhook.validate(&review);
    assert!(refusal(&ended).contains("the exception `outage` has expired"), "{}", refusal(&ended));
    webhook.clock.store(NOW, SeqCst);
}

#[test]
fn a_dry_run_is_answered_and_leaves_nothing() {
    let yaml = policy("production", SIGNED);
    let webhook = Webhook::simple(&yaml, source(&yaml));
    let mut review = create(&pod(&["r.io/bad:1"]));
    review["request"]["dryRun"] = json!(true);
    assert!(!webhook.validate(&review).allowed());
    assert!(webhook.log.all().is_empty());
}

#[test]
fn exempt_namespaces_pass_whatever_fails() {
    let yaml = policy("production", SIGNED);
    let mut rules = Rules::new(gate(&yaml));
    rules.exempt.insert("kube-system".into());
    let webhook = Webhook::new(
        rules,
        Scripted::new(|_, _| panic!("broken")),
        Limits::default(),
        Duration::from_secs(5),
    );
    let mut review = create(&pod(&["r.io/bad:1"]));
    review["request"]["namespace"] = json!("kube-system");
    assert!(webhook.validate(&review).allowed());
    assert!(webhook.ask(Hook::Mutate, &review).allowed());
    // What the object says of itself does not count.
    let mut liar = create(&pod(&["r.io/bad:1"]));
    liar["request"]["object"]["metadata"]["namespace"] = json!("kube-system");
    let answer = webhook.validate(&liar);
    assert!(refusal(&answer).contains("the program failed while it gathered"), "{}", refusal(&answer));
}

#[test]
fn policies_change_at_once() {
    let yaml = policy("production", SIGNED);
    let source = source(&yaml);
    let webhook = Webhook::simple(&yaml, source.clone());
    let review = create(&pod(&[&format!("r.io/good@{}", digest("dd"))]));
    assert!(webhook.validate(&review).allowed());
    let revoked = yaml.clone()
        + &format!(
            "---\napiVersion: plimsoll.dev/v1\nkind: Revocation\nmetadata: {{name: key}}\nspec: {{reason: stolen, key: {}}}\n",
            fingerprint(&gate(&yaml))
        );
    webhook.engine.replace_rules(Rules::new(gate(&revoked)));
    let answer = webhook.validate(&review);
    assert!(!answer.allowed(), "the key is revoked");
    assert_eq!(source.calls(), 1, "what is known of the image is still known");
    webhook.engine.replace_rules(Rules::new(gate(&yaml)));
    assert!(webhook.validate(&review).allowed());
    webhook.engine.replace(Rules::new(gate(&yaml)), source.clone(), true);
    assert!(webhook.validate(&review).allowed());
    assert_eq!(source.calls(), 2, "forgotten, and gathered again");
}

#[test]
fn what_is_kept_stays_within_its_bytes() {
    let yaml = policy("production", SIGNED);
    let limits = Limits { bytes: 100_000, per_second: 100_000, ..Limits::default() };
    let webhook = Webhook::new(Rules::new(gate(&yaml)), source(&yaml), limits, Duration::from_secs(5));
    for number in 0..300 {
        let image = format!("r.io/good@sha256:{number:064x}");
        assert!(webhook.validate(&create(&pod(&[&image]))).allowed());
        assert!(webhook.engine.store.counts().bytes <= 100_000);
    }
    let counts = webhook.engine.store.counts();
    assert!(counts.evicted > 100 && counts.entries > 10, "{counts:?}");
}

#[test]
fn one_registry_that_hangs_does_not_hold_up_the_others() {
    let yaml = policy("production", SIGNED);
    let key = fingerprint(&gate(&yaml));
    let source = Scripted::new(move |reference, _| {
        if reference.name().registry() == "slow.io" {
            std::thread::sleep(Duration::from_secs(2));
        }
        signed(reference.digest().unwrap(), &key)
    });
    let limits = Limits::default();
    let webhook = Webhook::new(Rules::new(gate(&yaml)), source, limits, Duration::from_millis(50));
    for number in 0..20 {
        let image = format!("slow.io/good@sha256:{number:064x}");
        assert_eq!(webhook.validate(&create(&pod(&[&image]))).refused.unwrap().0, Code::TryAgain);
    }
    let since = Instant::now();
    let quick = webhook.validate(&create(&pod(&[&format!("quick.io/good@{}", digest("12"))])));
    assert!(quick.allowed(), "{quick:?} after {:?}", since.elapsed());
}

#[test]
fn what_is_no_review_is_an_error_and_hostile_ones_are_refused() {
    let yaml = policy("production", SIGNED);
    let webhook = Webhook::simple(&yaml, source(&yaml));
    let step = |body: &[u8]| webhook.engine.step(Hook::Validate, body, NOW, &[], true).map(drop);
    for body in [&b""[..], b"{}", b"[]", b"null", b"\xff", b"{\"apiVersion\":\"admission.k8s.io/v1beta1\"}"] {
        assert!(step(body).is_err(), "{body:?}");
    }
    assert!(step("[".repeat(100_000).as_bytes()).is_err(), "deep nesting");
    let images: Vec<String> = (0..600).map(|number| format!("r.io/bad:{number}")).collect();
    let many: Vec<&str> = images.iter().map(String::as_str).collect();
    assert!(refusal(&webhook.validate(&create(&pod(&many)))).contains("600 images"));
    let event = webhook.log.all().pop().unwrap();
    assert!(event["unread"][0].as_str().unwrap().contains("600 images"), "it is written down: {event}");
    let hostile = webhook.validate(&create(&pod(&["r.io/x\u{1b}[31m\u{202e}:1"])));
    assert!(!refusal(&hostile).chars().any(|character| character.is_control() || character == '\u{202e}'));
}

#[test]
fn what_is_nested_too_deep_is_answered_all_the_same() {
    let yaml = policy("production", SIGNED);
    let mut rules = Rules::new(gate(&yaml));
    rules.exempt.insert("kube-system".to_owned());
    let webhook = Webhook::new(rules, source(&yaml), Limits::default(), Duration::from_secs(1));
    let deep = "{\"a\":".repeat(5_000) + "1" + &"}".repeat(5_000);
    let step = |hook, namespace: &str, operation: &str| {
        let review = format!(
            r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"object":{{"kind":"Runner","spec":{deep}}},"uid":"u-9","namespace":"{namespace}","operation":"{operation}"}}}}"#
        );
        match webhook.engine.step(hook, review.as_bytes(), NOW, &[], true).unwrap() {
            Step::Done(answer, event) => (answer, event),
            Step::Wait(_) => panic!("nobody to wait for"),
        }
    };
    // An error would go by `failurePolicy`, which may let it in.
    let (answer, event) = step(Hook::Validate, "shop", "CREATE");
    assert_eq!((answer.uid.as_str(), answer.allowed()), ("u-9", false));
    assert!(refusal(&answer).contains("no JSON that can be read"), "{answer:?}");
    assert_eq!(event.unwrap().unread.len(), 1);
    for (hook, namespace, operation) in [
        (Hook::Validate, "kube-system", "CREATE"),
        (Hook::Validate, "shop", "DELETE"),
        (Hook::Mutate, "shop", "CREATE"),
    ] {
        assert!(step(hook, namespace, operation).0.allowed(), "{namespace} {operation}");
    }
    let cut = webhook.engine.step(Hook::Validate, b"{\"request\": {\"uid\": \"u\"", NOW, &[], true);
    assert!(cut.is_err(), "half a review is none");
}

#[test]
fn recorded_reviews_of_newer_servers() {
    let yaml = policy("production", SIGNED);
    let webhook = Webhook::simple(&yaml, source(&yaml));
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/reviews");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let refused: Value = serde_json::from_str(&text).unwrap();
        let answer = webhook.validate(&refused);
        assert!(refusal(&answer).contains("r.io/bad"), "{}: {answer:?}", path.display());
        let good: Value = serde_json::from_str(&text.replace("r.io/bad", "r.io/good")).unwrap();
        let answer = webhook.validate(&good);
        assert!(answer.allowed(), "{}: {answer:?}", path.display());
        seen += 1;
    }
    assert!(seen >= 5, "{seen}");
}

/// A policy with one requirement, an expression.
fn expression(text: &str) -> String {
    policy("expressions", &format!("  - cel: {{expression: {text:?}}}"))
}

#[test]
fn expressions_see_the_object_its_labels_and_the_review() {
    let holds = |text: &str, object: &Value| {
        let yaml = expression(text);
        let webhook = Webhook::simple(&yaml, source(&yaml));
        webhook.validate(&create(object))
    };
    let mut object = pod(&["r.io/good:1"]);
    object["metadata"]["labels"] = json!({"tier": "front"});
    object["metadata"]["annotations"] = json!({"owner": "ada"});
    for text in [
        "labels.tier == 'front'",
        "object.metadata.annotations.owner == 'ada'",
        "object.spec.containers.all(c, c.image == image.name)",
        "namespaceName == 'shop' && !('debug' in labels)",
        "now > timestamp('2026-01-01T00:00:00Z')",
        "signatures.size() == 1",
    ] {
        let answer = holds(text, &object);
        assert!(answer.allowed(), "{text}: {answer:?}");
    }
    let answer = holds("object.spec.containers.all(c, has(c.securityContext))", &object);
    assert!(refusal(&answer).contains("is refused: expressions/cel: `object.spec.containers"), "{answer:?}");
    // What does not exist is no "false": it cannot be told.
    let answer = holds("object.metadata.annotations.team == 'x'", &object);
    assert!(refusal(&answer).contains("cannot be judged"), "{answer:?}");
    // Of a Deployment it is the Deployment, and the labels are those of its pods.
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": 3, "template": {"metadata": {"labels": {"tier": "front"}}, "spec": object["spec"]}}});
    assert!(holds("object.spec.replicas < 5 && labels.tier == 'front'", &deployment).allowed());
    assert!(!holds("object.spec.replicas < 2", &deployment).allowed());
}

#[test]
fn a_change_that_an_expression_can_see_is_judged() {
    let yaml = expression("object.metadata.annotations.owner != ''");
    let webhook = Webhook::simple(&yaml, source(&yaml));
    let mut old = pod(&["r.io/good:1"]);
    old["metadata"]["annotations"] = json!({"owner": "ada"});
    let mut anonymous = old.clone();
    anonymous["metadata"]["annotations"]["owner"] = json!("");
    assert!(!webhook.validate(&update(&old, &anonymous)).allowed());
    // Bookkeeping is none: who runs without an owner since before must be able to end.
    let mut collected = anonymous.clone();
    for key in ["finalizers", "managedFields", "ownerReferences"] {
        collected["metadata"][key] = json!([]);
    }
    collected["metadata"]["resourceVersion"] = json!("8");
    collected["status"] = json!({"phase": "Running"});
    assert!(webhook.validate(&update(&anonymous, &collected)).allowed());
}
