//! Memory is not limited.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "memory-limit-missing",
    title: "memory is not limited",
    severity: Level::Medium,
    what: "A container without `resources.limits.memory`.",
    why: "A leak or an attack takes the memory of the node, and the kernel ends processes of other pods.",
    fix: "set resources.limits.memory",
    references: &[
        ("trivy", "KSV-0018"),
        ("checkov", "CKV_K8S_13"),
        ("kubescape", "C-0271"),
        ("kube-linter", "unset-memory-requirements"),
        ("polaris", "memoryLimitsMissing"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    resources: {limits: {memory: 256Mi}, requests: {memory: 128Mi, cpu: 100m}}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        if run.container.kind != ContainerKind::Ephemeral
            && run.at(&["resources", "limits", "memory"]).is_none()
        {
            report.at(run.pointer(&["resources"]), format!("{} has no limit of memory", run.shown()));
        }
    }
}
