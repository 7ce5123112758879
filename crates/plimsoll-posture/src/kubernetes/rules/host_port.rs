//! A port of the node is taken.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "host-port",
    title: "a port of the node is taken",
    severity: Level::Medium,
    what: "A container port with `hostPort`.",
    why: "It is reachable at the address of every node that the pod runs on, past services and often past network policies, and only one such pod fits a node.",
    fix: "take hostPort out, and put a service before the pod",
    references: &[
        ("trivy", "KSV-0024"),
        ("checkov", "CKV_K8S_26"),
        ("kubescape", "C-0044"),
        ("polaris", "hostPortSet"),
        ("CIS Kubernetes", "5.2.13"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    ports: [{containerPort: 80, hostPort: 80}]\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    ports: [{containerPort: 80}]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        for (index, port) in list(run.at(&["ports"])).iter().enumerate() {
            if let Some(number) = at(port, &["hostPort"]).and_then(Value::as_u64).filter(|port| *port != 0) {
                report.at(
                    run.pointer(&["ports", &index.to_string(), "hostPort"]),
                    format!("{} takes port {number} of the node", run.shown()),
                );
            }
        }
    }
}
