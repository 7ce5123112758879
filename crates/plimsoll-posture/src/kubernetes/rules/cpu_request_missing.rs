//! CPU is not requested.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "cpu-request-missing",
    title: "CPU is not requested",
    severity: Level::Low,
    what: "A container without `resources.requests.cpu` and without a limit, which would stand for it.",
    why: "The scheduler takes the pod for weightless, and on a full node it gets next to nothing.",
    fix: "set resources.requests.cpu",
    references: &[
        ("trivy", "KSV-0015"),
        ("checkov", "CKV_K8S_10"),
        ("kubescape", "C-0268"),
        ("kube-linter", "unset-cpu-requirements"),
        ("polaris", "cpuRequestsMissing"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    resources: {limits: {memory: 256Mi}, requests: {memory: 128Mi, cpu: 100m}}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        if run.container.kind != ContainerKind::Ephemeral
            && run.at(&["resources", "requests", "cpu"]).is_none()
            && run.at(&["resources", "limits", "cpu"]).is_none()
        {
            report.at(run.pointer(&["resources"]), format!("{} has no request of CPU", run.shown()));
        }
    }
}
