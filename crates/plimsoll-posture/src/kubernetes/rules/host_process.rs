//! Container runs on the Windows node itself.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "host-process",
    title: "container runs on the Windows node itself",
    severity: Level::High,
    what: "A pod or container with `windowsOptions.hostProcess: true`.",
    why: "It is a process of the node with the rights of its user, not a container.",
    fix: "take hostProcess out",
    references: &[("trivy", "KSV-0103"), ("kube-linter", "privileged-container")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  securityContext: {windowsOptions: {hostProcess: true}}\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  securityContext: {windowsOptions: {hostProcess: false}}\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        let host = run
            .security("windowsOptions")
            .and_then(|options| at(options, &["hostProcess"]))
            .and_then(Value::as_bool);
        if host == Some(true) {
            report.at(
                run.pointer(&["securityContext", "windowsOptions", "hostProcess"]),
                format!("{} runs on the node itself", run.shown()),
            );
        }
    }
}
