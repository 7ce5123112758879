//! Namespace enforces no Pod Security Standard.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "namespace-without-pod-security",
    title: "namespace enforces no Pod Security Standard",
    severity: Level::Medium,
    what: "A namespace without the label `pod-security.kubernetes.io/enforce`, or with the level `privileged`. Those of the cluster itself are not meant.",
    why: "Whoever may make a pod there may make one that takes the node.",
    fix: "label it pod-security.kubernetes.io/enforce: restricted, or baseline",
    references: &[("kubescape", "C-0192"), ("CIS Kubernetes", "5.2.1"), ("checkov", "CKV_K8S_159")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
    good: "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: restricted}}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !scene.is("", "Namespace") || scene.object.name.name.starts_with("kube-") {
        return;
    }
    let level = scene
        .at(&["metadata", "labels", "pod-security.kubernetes.io/enforce"])
        .and_then(|value| value.as_str());
    let detail = match level {
        None => "it enforces no level",
        Some("privileged") => "it enforces the level that forbids nothing",
        Some(_) => return,
    };
    report.at(scene.pointer(&["metadata", "labels"]), detail);
}
