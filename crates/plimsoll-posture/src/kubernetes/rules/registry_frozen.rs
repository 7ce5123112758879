//! Image from a registry that is frozen.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "registry-frozen",
    title: "image from a registry that is frozen",
    severity: Level::Low,
    what: "An image of `k8s.gcr.io` or `gcr.io/google_containers`, which get no new images since 2023.",
    why: "Fixes do not arrive there, and the place may go away.",
    fix: "take it from registry.k8s.io",
    references: &[("kubescape", "C-0253")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: k8s.gcr.io/pause:3.9\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: registry.k8s.io/pause:3.9\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        let Some(image) = run.container.image else { continue };
        if image.starts_with("k8s.gcr.io/") || image.starts_with("gcr.io/google_containers/") {
            report.at(run.pointer(&["image"]), format!("{} runs {}", run.shown(), short(image)));
        }
    }
}
