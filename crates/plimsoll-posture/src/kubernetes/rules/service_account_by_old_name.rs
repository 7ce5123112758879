//! Service account by its old name.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "service-account-by-old-name",
    title: "service account by its old name",
    severity: Level::Low,
    what: "A pod with the field `serviceAccount`, without `serviceAccountName` of the same value.",
    why: "The field is deprecated; tools that read the new one alone believe that the pod has the default account.",
    fix: "call it serviceAccountName",
    references: &[("kube-linter", "deprecated-service-account-field"), ("kubescape", "C-0294")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  serviceAccount: web\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  serviceAccountName: web\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for pod in scene.pods() {
        let Some(spec) = pod.spec else { continue };
        if at(spec, &["serviceAccount"]).is_some_and(|old| at(spec, &["serviceAccountName"]) != Some(old)) {
            report.at(format!("{}/serviceAccount", pod.pointer), "the field is deprecated");
        }
    }
}
