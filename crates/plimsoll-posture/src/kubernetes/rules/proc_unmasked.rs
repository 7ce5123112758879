//! The protected parts of /proc are shown.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "proc-unmasked",
    title: "the protected parts of /proc are shown",
    severity: Level::Medium,
    what: "A container with `procMount: Unmasked`.",
    why: "The runtime hides and protects the files of /proc that belong to the kernel as a whole. Unmasked shows them, to a user namespace at best.",
    fix: "take procMount out",
    references: &[("trivy", "KSV-0027"), ("kube-linter", "unsafe-proc-mount")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {procMount: Unmasked}\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {procMount: Default}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        if run.at(&["securityContext", "procMount"]).and_then(|value| value.as_str()) == Some("Unmasked") {
            report.at(
                run.pointer(&["securityContext", "procMount"]),
                format!("{} sees all of /proc", run.shown()),
            );
        }
    }
}
