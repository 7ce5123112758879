//! Pod sees all processes of the node.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "host-pid",
    title: "pod sees all processes of the node",
    severity: Level::High,
    what: "A pod with `hostPID: true`.",
    why: "It sees the command lines and, with the same user, the memory and files of every process on the node, other pods included.",
    fix: "take hostPID out",
    references: &[
        ("trivy", "KSV-0010"),
        ("checkov", "CKV_K8S_17"),
        ("kubescape", "C-0038"),
        ("kube-linter", "host-pid"),
        ("polaris", "hostPIDSet"),
        ("CIS Kubernetes", "5.2.2"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  hostPID: true\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  hostPID: false\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for pod in scene.pods() {
        if pod.spec.and_then(|spec| at(spec, &["hostPID"])).and_then(Value::as_bool) == Some(true) {
            report.at(format!("{}/hostPID", pod.pointer), "pod sees all processes of the node");
        }
    }
}
