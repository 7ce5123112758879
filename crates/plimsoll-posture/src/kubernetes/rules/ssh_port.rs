//! Port of a remote shell is opened.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "ssh-port",
    title: "port of a remote shell is opened",
    severity: Level::Medium,
    what: "A container with the port 22 among its ports.",
    why: "A shell server in a container is a way in that nothing of the cluster watches, with accounts and keys of its own.",
    fix: "take the port and the server out; `kubectl exec` is logged",
    references: &[("kube-linter", "ssh-port"), ("kubescape", "C-0042"), ("ATT&CK", "T1021.004")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    ports: [{containerPort: 22}]\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    ports: [{containerPort: 8080}]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        for (index, port) in list(run.at(&["ports"])).iter().enumerate() {
            if at(port, &["containerPort"]).and_then(Value::as_u64) == Some(22) {
                report.at(
                    run.pointer(&["ports", &index.to_string(), "containerPort"]),
                    format!("{} opens port 22", run.shown()),
                );
            }
        }
    }
}
