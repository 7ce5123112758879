//! Audit policy leaves out requests that matter.

use super::audit_policy::{Asked, Written, deciding, is_policy};
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "audit-policy-misses-requests",
    title: "audit policy leaves out requests that matter",
    severity: Level::Medium,
    what: "An audit policy (`audit.k8s.io`, `Policy`) that writes nothing about one of: reading and changing of secrets, commands in pods and ways into them (exec, attach, portforward), new pods, tokens of service accounts, changes of roles, bindings and admission webhooks. The first rule that takes a request decides; what no rule takes is not written. A rule that leaves out some people or namespaces is a decision, and is not meant.",
    why: "These are the steps of almost every intrusion. Without them nobody can say afterwards what was taken and by whom.",
    fix: "write them at level Metadata at least, and end the policy with a rule of level Metadata that takes everything else",
    references: &[("CIS Kubernetes", "3.2.1"), ("CIS Kubernetes", "3.2.2")],
    needs: &[],
    bad: "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n  verbs: [get, list, watch]\n- level: Metadata\n",
    good: "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n  resources: [{group: \"\", resources: [events]}]\n- level: Metadata\n",
    check: Check::Object(check),
};

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// What must be written down, with the words for it.
const MATTER: [(Asked, &str); 13] = [
    (Asked { verb: "get", group: "", resource: "secrets" }, "reading of secrets"),
    (Asked { verb: "list", group: "", resource: "secrets" }, "listing of secrets"),
    (Asked { verb: "update", group: "", resource: "secrets" }, "changing of secrets"),
    (Asked { verb: "create", group: "", resource: "pods/exec" }, "commands in pods (exec)"),
    (
        Asked { verb: "get", group: "", resource: "pods/exec" },
        "commands in pods over websockets, which are a get",
    ),
    (Asked { verb: "create", group: "", resource: "pods/attach" }, "commands in pods (attach)"),
    (Asked { verb: "create", group: "", resource: "pods/portforward" }, "forwarding of ports"),
    (Asked { verb: "create", group: "", resource: "pods" }, "new pods"),
    (Asked { verb: "create", group: "", resource: "serviceaccounts/token" }, "new tokens"),
    (Asked { verb: "create", group: RBAC_GROUP, resource: "clusterrolebindings" }, "new bindings"),
    (Asked { verb: "update", group: RBAC_GROUP, resource: "clusterroles" }, "changes of roles"),
    (Asked { verb: "delete", group: "", resource: "pods" }, "deletion of pods"),
    (
        Asked {
            verb: "update",
            group: "admissionregistration.k8s.io",
            resource: "validatingwebhookconfigurations",
        },
        "changes of admission webhooks",
    ),
];

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !is_policy(scene) {
        return;
    }
    // By the rule that leaves them out; none is the end of the list.
    let mut left_out: Vec<(Option<usize>, Vec<String>)> = Vec::new();
    for (asked, words) in MATTER {
        let by = match deciding(scene, asked).last() {
            Some((_, written, true)) if *written != Written::Nothing => continue,
            Some((index, _, true)) => Some(*index),
            _ => None,
        };
        match left_out.iter_mut().find(|(known, _)| *known == by) {
            Some((_, all)) => all.push(words.to_owned()),
            None => left_out.push((by, vec![words.to_owned()])),
        }
    }
    for (by, words) in left_out {
        match by {
            Some(index) => report.at(
                scene.pointer(&["rules", &index.to_string(), "level"]),
                format!("this rule leaves out {}", some(&words)),
            ),
            None => report.at(
                scene.pointer(&["rules"]),
                format!("no rule takes these of everybody, so that they are not written: {}", some(&words)),
            ),
        }
    }
}
