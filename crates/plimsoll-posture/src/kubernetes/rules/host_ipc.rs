//! Pod shares the IPC namespace of the node.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "host-ipc",
    title: "pod shares the IPC namespace of the node",
    severity: Level::High,
    what: "A pod with `hostIPC: true`.",
    why: "It can read and write the shared memory and message queues of every process on the node.",
    fix: "take hostIPC out",
    references: &[
        ("trivy", "KSV-0008"),
        ("checkov", "CKV_K8S_18"),
        ("kubescape", "C-0038"),
        ("kube-linter", "host-ipc"),
        ("polaris", "hostIPCSet"),
        ("CIS Kubernetes", "5.2.3"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  hostIPC: true\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  hostIPC: false\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for pod in scene.pods() {
        if pod.spec.and_then(|spec| at(spec, &["hostIPC"])).and_then(Value::as_bool) == Some(true) {
            report.at(format!("{}/hostIPC", pod.pointer), "pod shares the IPC namespace of the node");
        }
    }
}
