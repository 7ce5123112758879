//! Policies exported as ValidatingAdmissionPolicies decide as the policies themselves.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Scripted, Webhook, create, pod, policy, update};
use plimsoll_admit::engine::Rules;
use plimsoll_admit::evidence::Limits;
use plimsoll_scan::gate::{Gate, Gathered};
use plimsoll_scan::policy::{Policies, export};
use serde_json::{Value, json};

fn read(yaml: &str) -> Policies {
    let mut policies = Policies::default();
    policies.add("test.yaml", yaml).unwrap();
    policies
}

/// What API servers would run, as a webhook with nothing else.
fn native(yaml: &str) -> Webhook {
    let exported = export::export(&read(yaml), &[]);
    assert_eq!(exported.left_out, [], "{yaml}");
    // As they are written, through the text that people apply.
    let text = exported.documents.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n---\n");
    let rules = plimsoll_rules::Rules::in_force(&plimsoll_rules::documents(&text).unwrap()).unwrap_or_else(
        |errors| panic!("{}\n{text}", errors.iter().map(ToString::to_string).collect::<String>()),
    );
    let mut gate = Gate::new(Policies::default(), Vec::new(), &Arc::default()).unwrap();
    gate.rules = Arc::new(rules);
    webhook(Rules::new(Arc::new(gate)))
}

fn webhook(mut rules: Rules) -> Webhook {
    // Images that no policy is about are nobody's matter here.
    rules.unmatched = plimsoll_scan::policy::OnMissing::Allow;
    let source = Scripted::new(|_, _| Gathered::missing("nobody is asked"));
    Webhook::new(rules, source, Limits::default(), Duration::from_secs(2))
}

fn of_pod(mut review: Value) -> Value {
    review["request"]["kind"] = json!({"group": "", "version": "v1", "kind": "Pod"});
    review["request"]["resource"] = json!({"group": "", "version": "v1", "resource": "pods"});
    review
}

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn the_same_images_are_let_in() {
    let policies = [
        "  - registries: {allow: ['ghcr.io/acme/**', 'docker.io/library/*']}",
        "  - registries: {deny: ['docker.io/**', '/localhost:[0-9]+/.*/']}",
        "  - registries: {allow: ['r.io/**'], deny: ['r.io/old/*']}",
        "  - pinDigest: true",
        "  - anyOf: [{pinDigest: true}, {registries: {allow: ['r.io/a-b.c/**']}}]",
        "  - allOf: [{pinDigest: true}, {cel: {expression: \"object.metadata.name != 'bad'\"}}]",
        "  - cel: {expression: \"object.spec.containers.all(c, !c.image.endsWith(':latest'))\", message: 'no \"latest\"'}",
    ];
    let images = [
        "debian",
        "debian:12",
        "library/debian",
        "index.docker.io/debian:1",
        "registry-1.docker.io/library/debian",
        "docker.io/acme/tool:latest",
        "acme/tool",
        "ghcr.io/acme/shop:1.4",
        "ghcr.io/acme/deep/er/shop",
        "GHCR.io/acme/shop",
        "ghcr.io.evil.io/acme/shop",
        "evil.io/ghcr.io/acme/shop",
        "localhost:5000/x/y:1",
        "localhost/x",
        "localhost:5000",
        "r.io/a:1",
        "r.io:443/a",
        "r.io:443/old/a",
        "R.io:443/a-b.c/x",
        "docker.io:443/debian",
        "INDEX.Docker.io:443/acme/tool",
        "DOCKER.IO/debian",
        "Intranet/x:1",
        "intranet:443/x",
        "127.0.0.1:443/x:1",
        "LOCALHOST/x",
        "r.io/old/a",
        "r.io/a-b.c/x:latest",
        "r.io/a-bxc/x",
        "[::1]:5000/x:1",
    ];
    let mut let_in = 0;
    for requirement in policies {
        for matches in
            ["", "  match: {images: ['**/acme/**', 'docker.io/**'], excludeImages: ['docker.io/acme/*']}\n"]
        {
            let yaml = policy("Own_name", requirement).replace("spec:\n", &format!("spec:\n{matches}"));
            let mut rules = Rules::new(common::gate(&yaml));
            rules.unmatched = plimsoll_scan::policy::OnMissing::Allow;
            let (ours, theirs) = (webhook(rules), native(&yaml));
            for image in images {
                for name in [image.to_owned(), format!("{image}@{DIGEST}")] {
                    let review = of_pod(create(&pod(&[&name, "ghcr.io/acme/other:2"])));
                    let (own, other) = (ours.validate(&review), theirs.validate(&review));
                    assert_eq!(
                        own.allowed(),
                        other.allowed(),
                        "{requirement}{matches} {name}: {own:?} {other:?}"
                    );
                    let_in += usize::from(own.allowed());
                }
            }
        }
    }
    assert!(let_in > 100 && let_in < policies.len() * images.len() * 4 - 100, "{let_in}");
}

#[test]
fn the_same_places_and_namespaces_count() {
    let yaml = policy("places", "  - registries: {allow: ['r.io/**']}").replace(
        "spec:\n",
        "spec:\n  match: {namespaces: ['shop*'], excludeNamespaces: [shop-test], labels: {tier: front}}\n",
    );
    let mut rules = Rules::new(common::gate(&yaml));
    rules.unmatched = plimsoll_scan::policy::OnMissing::Allow;
    let (ours, theirs) = (webhook(rules), native(&yaml));
    let with = |key: &str, value: Value| {
        let mut object = pod(&["r.io/a"]);
        object["metadata"]["labels"] = json!({"tier": "front"});
        object["spec"][key] = value;
        object
    };
    let bad = json!([{"name": "i", "image": "evil.io/x"}]);
    let objects = [
        (with("initContainers", bad.clone()), false),
        (with("ephemeralContainers", bad.clone()), false),
        (with("volumes", json!([{"name": "v", "image": {"reference": "evil.io/x"}}, {"name": "w"}])), false),
        (with("hostNetwork", json!(true)), true),
    ];
    for (object, may) in &objects {
        for (namespace, about) in [("shop", true), ("shop-2", true), ("shop-test", false), ("other", false)] {
            let mut review = of_pod(create(object));
            review["request"]["namespace"] = json!(namespace);
            for webhook in [&ours, &theirs] {
                assert_eq!(webhook.validate(&review).allowed(), *may || !about, "{namespace}: {object}");
            }
        }
    }
    let (mut old, _) = objects[0].clone();
    let mut new = old.clone();
    new["metadata"]["annotations"] = json!({"a": "b"});
    for webhook in [&ours, &theirs] {
        assert!(webhook.validate(&of_pod(update(&old, &new))).allowed(), "nothing new starts");
    }
    let mut worse = old.clone();
    worse["spec"]["containers"][0]["image"] = json!("evil.io/y");
    for webhook in [&ours, &theirs] {
        assert!(!webhook.validate(&of_pod(update(&old, &worse))).allowed());
    }
    old["metadata"]["deletionTimestamp"] = json!("2026-11-23T12:00:00Z");
    for webhook in [&ours, &theirs] {
        assert!(webhook.validate(&of_pod(update(&old, &worse))).allowed(), "it is going away");
    }
}

#[test]
fn what_cannot_be_exported_is_listed_and_modes_are_kept() {
    let mixed = policy("mixed", &format!("{}\n  - pinDigest: true\n  - podSecurity: {{level: baseline}}\n  - cel: {{expression: \"labels.a == 'b'\"}}\n  - maxAge: 90d", common::SIGNED))
        .replace("spec:\n", "spec:\n  mode: warn\n");
    let exported = export::export(&read(&mixed), &["kube-system".into()]);
    let reasons: Vec<String> = exported
        .left_out
        .iter()
        .map(|one| format!("{}: {}", one.requirement.as_deref().unwrap_or("-"), one.reason))
        .collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(reasons[0].starts_with("signedBy: it needs signatures"), "{reasons:?}");
    assert!(reasons[1].contains("write object.metadata.labels"), "{reasons:?}");
    let [document, binding] = exported.documents.as_slice() else { panic!("{exported:?}") };
    let messages: Vec<&str> = document["spec"]["validations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["message"].as_str().unwrap())
        .collect();
    assert_eq!((messages.len(), messages[0]), (13, "pinDigest: not met"), "{messages:?}");
    assert!(messages.contains(&"podSecurity: hostNamespaces"), "{messages:?}");
    assert_eq!(binding["spec"], json!({"policyName": "plimsoll-mixed", "validationActions": ["Warn"]}));
    assert!(document["spec"]["matchConditions"][0]["expression"].as_str().unwrap().contains("kube-system"));
    let none = export::export(&read(&policy("none", common::SIGNED)), &[]);
    assert!(none.documents.is_empty() && none.left_out.len() == 1);
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(all) => all.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// The fixtures of Kubernetes' own admission plugin: what is exported lets in the same pods as the standard itself.
#[test]
fn the_same_pods_meet_a_standard() {
    use plimsoll_model::pod_security::{Level, NEWEST, Standard, Version};
    use plimsoll_posture::pod_security::{Pod, check};

    let Some(archive) = plimsoll_testing::shared("fixtures/posture/pss-give.tar.zst") else { return };
    let folder = plimsoll_testing::unpack(&archive);
    let root = folder.path().join("pss-give/test/testdata");
    let mut pods = std::collections::BTreeSet::new();
    let mut all = vec![root];
    while let Some(folder) = all.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                all.push(path);
            } else {
                let mut pod: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
                pod["metadata"]["name"] = json!("web");
                for list in ["containers", "initContainers", "ephemeralContainers"] {
                    for container in pod["spec"][list].as_array_mut().into_iter().flatten() {
                        container["image"] = json!("r.io/a");
                    }
                }
                // As an API server hands them on: a volume without a source is an emptyDir.
                for volume in pod["spec"]["volumes"].as_array_mut().into_iter().flatten() {
                    if volume.as_object().unwrap().len() == 1 {
                        volume["emptyDir"] = json!({});
                    }
                }
                // And of what is null, nothing.
                without_nulls(&mut pod);
                pods.insert(pod.to_string());
            }
        }
    }
    let (mut let_in, mut refused, mut ids) = (0, 0, std::collections::BTreeSet::new());
    for level in [Level::Baseline, Level::Restricted] {
        for minor in [0, 8, 18, 19, 22, 23, 25, 27, 29, 31, 32, 34, 35, NEWEST] {
            let standard = Standard { level, version: Version::Minor(minor) };
            let yaml =
                policy("pods", &format!("  - podSecurity: {{level: {}, version: v1.{minor}}}", level.word()));
            let native = native(&yaml);
            // Each version sees its share of the pods, and the newest all of them.
            let some = pods
                .iter()
                .enumerate()
                .filter(|(at, _)| minor == NEWEST || at % 14 == usize::from(minor) % 14);
            for (_, text) in some {
                let pod: Value = serde_json::from_str(text).unwrap();
                let borrowed: serde_json_borrow::Value<'_> = serde_json::from_str(text).unwrap();
                let judged = check(
                    Pod {
                        spec: borrowed.get("spec"),
                        pointer: "/spec",
                        annotations: borrowed.get("metadata").get("annotations").as_object(),
                    },
                    standard,
                );
                let answer = native.validate(&of_pod(create(&pod)));
                assert_eq!(
                    answer.allowed(),
                    judged.violations.is_empty(),
                    "{standard}: {text}: {judged:?} {answer:?}"
                );
                // What it names is what is broken.
                if let Some((_, message)) = &answer.refused {
                    refused += 1;
                    for violation in &judged.violations {
                        ids.insert(violation.control);
                        assert!(
                            message.contains(violation.control) || judged.violations.len() > 2,
                            "{message}: {judged:?}"
                        );
                    }
                } else {
                    let_in += 1;
                }
            }
        }
    }
    assert!(let_in > 100 && refused > 500 && ids.len() >= 12, "{let_in} {refused} {ids:?}");
}
