//! Nothing tells whether the process still works.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "liveness-probe-missing",
    title: "nothing tells whether the process still works",
    severity: Level::Low,
    what: "A container of something that goes on running, without `livenessProbe`. Jobs and what runs before or beside the containers are not meant.",
    why: "A process that hangs goes on being counted as running, and nothing starts it anew.",
    fix: "add a livenessProbe",
    references: &[
        ("checkov", "CKV_K8S_8"),
        ("kubescape", "C-0056"),
        ("kube-linter", "no-liveness-probe"),
        ("polaris", "livenessProbeMissing"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    livenessProbe: {httpGet: {path: /healthz, port: 8080}}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if scene.object.name.group == "batch" {
        return;
    }
    for (_, run) in scene.containers() {
        if run.serves() && run.at(&["livenessProbe"]).is_none() {
            report.at(run.pointer(&["livenessProbe"]), format!("{} has no livenessProbe", run.shown()));
        }
    }
}
