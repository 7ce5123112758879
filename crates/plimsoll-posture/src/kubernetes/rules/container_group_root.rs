//! Container has the group of root.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "container-group-root",
    title: "container has the group of root",
    severity: Level::Low,
    what: "A container whose `runAsGroup`, its own or the pod's, is 0.",
    why: "Files that the group of root may read or write are open to it: on mounted folders of the node too.",
    fix: "set runAsGroup to another number",
    references: &[("kube-linter", "run-as-non-root"), ("trivy", "KSV-0021")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {runAsUser: 10001, runAsGroup: 0}\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {runAsUser: 10001, runAsGroup: 10001}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        if run.container.kind != ContainerKind::Ephemeral
            && run.security("runAsGroup").and_then(Value::as_u64) == Some(0)
        {
            report.at(
                run.pointer(&["securityContext", "runAsGroup"]),
                format!("{} has the group 0", run.shown()),
            );
        }
    }
}
