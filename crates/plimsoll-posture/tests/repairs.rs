//! Repairs over pods that others wrote: what is repaired is gone, nothing else comes, nothing else is changed, and a second run
//! has nothing to do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use plimsoll_model::workload::Kinds;
use plimsoll_posture::kubernetes::edit::{self, Change};
use plimsoll_posture::kubernetes::repair::{REPAIRED, Repair, repairs};
use plimsoll_posture::kubernetes::{Object, Objects, yaml};
use plimsoll_posture::{Breach, check_objects};
use serde_json::Value;

/// What is found in a text, and what is done about it.
struct Seen {
    /// Findings, by rule, object and field.
    found: BTreeSet<(String, String)>,
    changes: Vec<(usize, Change)>,
    /// Findings that the changes are for.
    mended: BTreeSet<(String, String)>,
    values: Vec<Value>,
}

fn seen(text: &str, asked: &dyn Fn(&str) -> bool) -> Seen {
    let stream = yaml::read(text);
    let values: Vec<_> = stream.documents.iter().map(yaml::Node::value).collect();
    let mut objects = Objects::default();
    for (place, value) in values.iter().enumerate() {
        objects.add(value, place, &Kinds::default());
    }
    let mut seen = Seen {
        found: BTreeSet::new(),
        changes: Vec::new(),
        mended: BTreeSet::new(),
        values: values.iter().map(Value::from).collect(),
    };
    let name = |object: &Object<'_>, breach: &Breach| {
        (
            breach.rule.to_owned(),
            format!("{} {}", object.place, breach.pointer.as_deref().unwrap_or_default()),
        )
    };
    for (object, judged) in objects.iter().zip(check_objects(&objects)) {
        seen.found.extend(judged.breaches.iter().map(|breach| name(object, breach)));
        let breaches: Vec<&Breach> = judged.breaches.iter().collect();
        for (breach, repair) in breaches.iter().zip(repairs(object, &breaches, asked)) {
            let Repair::Changes(changes) = repair else { continue };
            seen.mended.insert(name(object, breach));
            for change in changes {
                if !seen.changes.contains(&(object.place, change.clone())) {
                    seen.changes.push((object.place, change));
                }
            }
        }
    }
    seen
}

/// Scalars of a document by pointer.
fn leaves(value: &Value, pointer: &str, out: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| {
                leaves(value, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), out);
            });
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(at, value)| leaves(value, &format!("{pointer}/{at}"), out));
        }
        value => {
            out.insert(pointer.to_owned(), value.clone());
        }
    }
}

/// Pods on the network of the node are taken for covered by policies; off it they are not.
const OFF_THE_NODE: [&str; 2] = ["no-network-policy", "egress-not-limited"];

/// Repairs a text; how many findings were repaired.
fn check(name: &str, text: &str, asked: &dyn Fn(&str) -> bool) -> usize {
    let before = seen(text, asked);
    if before.changes.is_empty() {
        return 0;
    }
    let edits = edit::edits(text, &before.changes).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
    let fixed = edit::apply(text, &edits);
    let after = seen(&fixed, asked);
    for gone in &before.mended {
        assert!(!after.found.contains(gone), "{name}: {gone:?} is still there\n{fixed}");
    }
    let off = before.mended.iter().any(|(rule, _)| rule == "host-network");
    for found in &after.found {
        // Fields of a list keep their places, so that what was found before has its name.
        let expected = before.found.contains(found) || (off && OFF_THE_NODE.contains(&found.0.as_str()));
        assert!(expected, "{name}: {found:?} came\n{fixed}");
    }
    assert!(after.changes.is_empty(), "{name}: a second run has {:?}\n{fixed}", after.changes);
    // No comment goes, and no line but those with a value that was replaced.
    assert!(edits.iter().all(|edit| !text[edit.range.clone()].contains('#')), "{name}");
    // Values are the same but for what was changed.
    assert_eq!(before.values.len(), after.values.len(), "{name}");
    for (number, (old, new)) in before.values.iter().zip(&after.values).enumerate() {
        let (mut was, mut is) = (BTreeMap::new(), BTreeMap::new());
        leaves(old, "", &mut was);
        leaves(new, "", &mut is);
        let meant = |pointer: &str| {
            before.changes.iter().any(|(document, change)| {
                *document == number
                    && (pointer.starts_with(change.pointer())
                        // An empty map, or nothing, that something was put into.
                        || (change.pointer().starts_with(pointer)
                            && was.get(pointer).is_some_and(|was| was.is_null() || was == &serde_json::json!({})))
                        || matches!(change, Change::Rename(old, new) if pointer
                            == format!("{}/{new}", old.rsplit_once('/').map_or("", |(above, _)| above))))
            })
        };
        for pointer in was.keys().chain(is.keys()) {
            assert!(
                was.get(pointer) == is.get(pointer) || meant(pointer),
                "{name}: {pointer} changed\n{fixed}"
            );
        }
    }
    before.mended.len()
}

fn walk(folder: &Path, run: &mut dyn FnMut(&str, &str)) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .expect("the suite is whole")
        .map(|entry| entry.expect("the suite is whole").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, run);
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "json") {
            run(&path.display().to_string(), &std::fs::read_to_string(&path).expect("the suite is whole"));
        }
    }
}

/// The text in other styles: JSON in one line and in many, and with comments behind lines.
fn styles(text: &str) -> Vec<String> {
    let stream = yaml::read(text);
    let [node] = &stream.documents[..] else { return Vec::new() };
    let value = Value::from(node.value());
    let commented: String = text
        .lines()
        .map(|line| {
            if line.trim().is_empty() || line.contains(['|', '>', '"']) {
                format!("{line}\n")
            } else {
                format!("{line} # {}\n", line.len())
            }
        })
        .collect();
    vec![value.to_string(), serde_json::to_string_pretty(&value).expect("JSON"), commented]
}

#[test]
fn repairs_of_pods_that_others_wrote() {
    let mut repaired = 0;
    for (suite, every) in [("badpods-give", 1), ("pss-give", 12)] {
        let Some(archive) = plimsoll_testing::shared(&format!("fixtures/posture/{suite}.tar.zst")) else {
            return;
        };
        let folder = plimsoll_testing::unpack(&archive);
        let mut number = 0;
        walk(folder.path(), &mut |name, text| {
            number += 1;
            if number % every != 0 {
                return;
            }
            repaired += check(name, text, &|_| true);
            repaired += check(name, text, &|_| false);
            for style in styles(text) {
                repaired += check(name, &style, &|_| true);
            }
        });
    }
    assert!(repaired > 1_000, "{repaired}");
}

/// What Polaris makes of a file for one of its checks means what our repair of the rule makes of it. The other pairs at hand are about
/// decisions that we leave to people (limits, probes, host ports) or take a capability that was asked for away.
#[test]
fn repairs_mean_what_the_mutations_of_polaris_mean() {
    /// Whether a field that is off is written or left out says the same.
    fn normal(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|key, value| {
                    !(matches!(key.as_str(), "hostIPC" | "hostPID") && *value == Value::Bool(false))
                });
                map.values_mut().for_each(normal);
            }
            Value::Array(items) => items.iter_mut().for_each(normal),
            _ => {}
        }
    }
    let read = |text: &str| -> Vec<Value> {
        let stream = yaml::read(text);
        let mut all: Vec<Value> = stream.documents.iter().map(|node| Value::from(node.value())).collect();
        all.iter_mut().for_each(normal);
        all
    };
    let Some(archive) = plimsoll_testing::shared("fixtures/posture/polaris-checks-give.tar.zst") else {
        return;
    };
    let folder = plimsoll_testing::unpack(&archive);
    let mut equal = 0;
    for (check, rule, ends) in [
        ("hostIPCSet", "host-ipc", &[".yaml"][..]),
        ("hostPIDSet", "host-pid", &[".yaml"]),
        ("insecureCapabilities", "capabilities-kept", &[".yaml"]),
        ("pullPolicyNotAlways", "image-not-pulled-anew", &[".yaml", ".deployment.yaml", ".cron-job.yaml"]),
    ] {
        for end in ends {
            let at = folder.path().join("polaris-checks-give/test/checks").join(check);
            let file = |name: &str| {
                std::fs::read_to_string(at.join(format!("{name}{end}"))).expect("the suite is whole")
            };
            let (failure, mutated) = (file("failure"), file("mutated"));
            let stream = yaml::read(&failure);
            let values: Vec<_> = stream.documents.iter().map(yaml::Node::value).collect();
            let mut objects = Objects::default();
            for (place, value) in values.iter().enumerate() {
                objects.add(value, place, &Kinds::default());
            }
            let mut changes = Vec::new();
            for (object, judged) in objects.iter().zip(check_objects(&objects)) {
                let of_rule: Vec<&Breach> = judged.breaches.iter().filter(|one| one.rule == rule).collect();
                for repair in repairs(object, &of_rule, &|_| true) {
                    let Repair::Changes(own) = repair else { panic!("{check}{end}: {repair:?}") };
                    changes.extend(own.into_iter().map(|change| (object.place, change)));
                }
            }
            let edits = edit::edits(&failure, &changes).expect("edits");
            assert_eq!(read(&edit::apply(&failure, &edits)), read(&mutated), "{check}{end}");
            equal += 1;
        }
    }
    assert_eq!(equal, 6);
}

#[test]
fn every_repair_mends_the_example_of_its_rule() {
    for (id, asked) in REPAIRED {
        let rule = plimsoll_posture::find(id).unwrap();
        assert!(check(id, rule.bad, &|_| true) > 0, "{id}");
        if asked {
            assert!(seen(rule.bad, &|_| false).mended.iter().all(|(rule, _)| rule != id), "{id}");
        }
    }
}

#[test]
fn what_is_not_certain_is_left() {
    let of = |spec: &str, rule: &str| {
        let text =
            format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: shop}}\nspec: {spec}\n");
        seen(&text, &|_| false).mended.iter().any(|(id, _)| id == rule)
    };
    let container =
        |context: &str| format!("{{containers: [{{name: a, image: b, securityContext: {context}}}]}}");
    assert!(of(&container("{}"), "privilege-escalation-allowed"));
    for refused in
        ["{privileged: true}", "{capabilities: {add: [SYS_ADMIN]}}", "{allowPrivilegeEscalation: true}"]
    {
        assert!(!of(&container(refused), "privilege-escalation-allowed"), "{refused}");
    }
    assert!(of(&container("{runAsUser: 7}"), "capabilities-kept"));
    assert!(!of(&container("{}"), "capabilities-kept"));
    assert!(!of(&container("{runAsNonRoot: true, privileged: true}"), "capabilities-kept"));
    assert!(of(&container("{}"), "seccomp-unconfined"));
    assert!(!of(&container("{seccompProfile: {type: Unconfined}}"), "seccomp-unconfined"));
    assert!(!of("{os: {name: windows}, containers: [{name: a, image: b}]}", "seccomp-unconfined"));
}
