//! Root file system can be written.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "root-filesystem-writable",
    title: "root file system can be written",
    severity: Level::Low,
    what: "A container without `securityContext.readOnlyRootFilesystem: true`.",
    why: "An intruder can put programs beside those of the image and change its scripts, and nothing tells the two apart later.",
    fix: "set readOnlyRootFilesystem to true, and mount an emptyDir where the program writes",
    references: &[
        ("trivy", "KSV-0014"),
        ("checkov", "CKV_K8S_22"),
        ("kubescape", "C-0017"),
        ("kube-linter", "no-read-only-root-fs"),
        ("polaris", "notReadOnlyRootFilesystem"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {readOnlyRootFilesystem: true}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        if !run.is_true("readOnlyRootFilesystem") {
            report.at(
                run.pointer(&["securityContext", "readOnlyRootFilesystem"]),
                format!("{} can write its root file system", run.shown()),
            );
        }
    }
}
