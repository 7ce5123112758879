//! Container opens a port below 1024.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "privileged-port",
    title: "container opens a port below 1024",
    severity: Level::Low,
    what: "A container port below 1024.",
    why: "Only root, or a program with NET_BIND_SERVICE, may open it on most systems, so the container gets more rights than it needs.",
    fix: "listen on a port from 1024 on, and map it in the service",
    references: &[("kube-linter", "privileged-ports")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    ports: [{containerPort: 80}]\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    ports: [{containerPort: 8080}]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        for (index, port) in list(run.at(&["ports"])).iter().enumerate() {
            if let Some(number) = at(port, &["containerPort"]).and_then(Value::as_u64)
                && (1..1024).contains(&number)
            {
                report.at(
                    run.pointer(&["ports", &index.to_string(), "containerPort"]),
                    format!("{} opens port {number}", run.shown()),
                );
            }
        }
    }
}
