//! Memory is not requested.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "memory-request-missing",
    title: "memory is not requested",
    severity: Level::Low,
    what: "A container without `resources.requests.memory` and without a limit, which would stand for it.",
    why: "The scheduler takes the pod for weightless, fills the node, and ends this pod first when memory runs out.",
    fix: "set resources.requests.memory",
    references: &[
        ("trivy", "KSV-0016"),
        ("checkov", "CKV_K8S_12"),
        ("kubescape", "C-0269"),
        ("polaris", "memoryRequestsMissing"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    resources: {limits: {memory: 256Mi}, requests: {memory: 128Mi, cpu: 100m}}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        if run.container.kind != ContainerKind::Ephemeral
            && run.at(&["resources", "requests", "memory"]).is_none()
            && run.at(&["resources", "limits", "memory"]).is_none()
        {
            report.at(run.pointer(&["resources"]), format!("{} has no request of memory", run.shown()));
        }
    }
}
