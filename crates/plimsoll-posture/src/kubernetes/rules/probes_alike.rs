//! Probes of life and of readiness are the same.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "probes-alike",
    title: "probes of life and of readiness are the same",
    severity: Level::Low,
    what: "A container whose liveness and readiness probe are equal.",
    why: "A container that is only busy is restarted instead of being given a pause, which makes an overload an outage.",
    fix: "ask less in the liveness probe, or be more patient",
    references: &[("kube-score", "pod-probes-identical")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    livenessProbe: {httpGet: {path: /, port: 8080}}\n    readinessProbe: {httpGet: {path: /, port: 8080}}\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    livenessProbe: {httpGet: {path: /alive, port: 8080}}\n    readinessProbe: {httpGet: {path: /, port: 8080}}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        let probe = |key: &str| run.at(&[key]);
        if let (Some(life), Some(readiness)) = (probe("livenessProbe"), probe("readinessProbe"))
            && life == readiness
        {
            report.at(run.pointer(&["livenessProbe"]), format!("{} asks the same for both", run.shown()));
        }
    }
}
