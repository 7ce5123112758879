//! CPU time is not limited.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "cpu-limit-missing",
    title: "CPU time is not limited",
    severity: Level::Low,
    what: "A container without `resources.limits.cpu`.",
    why: "One busy container takes the processor time that its neighbours did not request. Some leave limits out on purpose: requests alone share the time fairly.",
    fix: "set resources.limits.cpu, or accept it where requests are set everywhere",
    references: &[
        ("trivy", "KSV-0011"),
        ("checkov", "CKV_K8S_11"),
        ("kubescape", "C-0270"),
        ("kubescape", "C-0050"),
        ("polaris", "cpuLimitsMissing"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    resources: {limits: {cpu: 500m}}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        if run.container.kind != ContainerKind::Ephemeral && run.at(&["resources", "limits", "cpu"]).is_none()
        {
            report.at(run.pointer(&["resources"]), format!("{} has no limit of CPU time", run.shown()));
        }
    }
}
