//! Audit policy writes secrets into the log.

use super::audit_policy::{Asked, Written, deciding, is_policy};
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "audit-policy-writes-secrets",
    title: "audit policy writes secrets into the log",
    severity: Level::High,
    what: "An audit policy (`audit.k8s.io`, `Policy`) with a rule of level Request or RequestResponse that takes secrets, token reviews or tokens of service accounts. The first rule that takes a request decides, so one of level Metadata in front of it puts it right.",
    why: "The content of the request goes into the log: values of secrets and valid tokens, readable for everybody who reads logs, and kept for as long as they are.",
    fix: "put a rule of level Metadata for secrets, tokenreviews and serviceaccounts/token in front of it",
    references: &[("CIS Kubernetes", "3.2.2")],
    needs: &[],
    bad: "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: RequestResponse\n",
    good: "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n  resources:\n  - {group: \"\", resources: [secrets, serviceaccounts/token]}\n  - {group: authentication.k8s.io, resources: [tokenreviews]}\n- level: RequestResponse\n",
    check: Check::Object(check),
};

/// What carries secrets in its content, with the verbs that do.
const CARRY: [(Asked, &str); 5] = [
    (Asked { verb: "create", group: "", resource: "secrets" }, "secrets"),
    (Asked { verb: "update", group: "", resource: "secrets" }, "secrets"),
    (Asked { verb: "patch", group: "", resource: "secrets" }, "secrets"),
    (Asked { verb: "create", group: "authentication.k8s.io", resource: "tokenreviews" }, "token reviews"),
    (Asked { verb: "create", group: "", resource: "serviceaccounts/token" }, "tokens of service accounts"),
];

/// What is only in the answer, which level Request leaves out.
const ANSWERED: [Asked; 2] = [
    Asked { verb: "get", group: "", resource: "secrets" },
    Asked { verb: "list", group: "", resource: "secrets" },
];

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !is_policy(scene) {
        return;
    }
    let mut written: Vec<(usize, Vec<String>)> = Vec::new();
    let whole = |index: &usize| {
        let rule = list(scene.at(&["rules"])).get(*index);
        rule.and_then(|rule| at(rule, &["level"])).and_then(Value::as_str) == Some("RequestResponse")
    };
    let mut add = |index: usize, words: &str| match written.iter_mut().find(|(known, _)| *known == index) {
        Some((_, all)) if all.iter().any(|one| one == words) => {}
        Some((_, all)) => all.push(words.to_owned()),
        None => written.push((index, vec![words.to_owned()])),
    };
    for (asked, words) in CARRY {
        for (index, level, _) in deciding(scene, asked) {
            // The token itself is what is answered.
            let answered_only = asked.resource == "serviceaccounts/token";
            if level == Written::Content && (!answered_only || whole(&index)) {
                add(index, words);
            }
        }
    }
    for asked in ANSWERED {
        for (index, level, _) in deciding(scene, asked) {
            if level == Written::Content && whole(&index) {
                add(index, "secrets");
            }
        }
    }
    written.sort();
    for (index, words) in written {
        report.at(
            scene.pointer(&["rules", &index.to_string(), "level"]),
            format!("it writes the content of {}", some(&words)),
        );
    }
}
