//! Nothing tells whether the process can take requests.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "readiness-probe-missing",
    title: "nothing tells whether the process can take requests",
    severity: Level::Low,
    what: "A container of something that goes on running, without `readinessProbe`. Jobs and what runs before or beside the containers are not meant.",
    why: "Requests are sent to it before it has started, and when it cannot answer.",
    fix: "add a readinessProbe",
    references: &[
        ("checkov", "CKV_K8S_9"),
        ("kubescape", "C-0018"),
        ("kube-linter", "no-readiness-probe"),
        ("polaris", "readinessProbeMissing"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    readinessProbe: {httpGet: {path: /healthz, port: 8080}}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if scene.object.name.group == "batch" {
        return;
    }
    for (_, run) in scene.containers() {
        if run.serves() && run.at(&["readinessProbe"]).is_none() {
            report.at(run.pointer(&["readinessProbe"]), format!("{} has no readinessProbe", run.shown()));
        }
    }
}
