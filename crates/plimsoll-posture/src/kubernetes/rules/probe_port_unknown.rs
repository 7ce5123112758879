//! Probe asks a port that the container does not open.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "probe-port-unknown",
    title: "probe asks a port that the container does not open",
    severity: Level::Low,
    what: "A liveness, readiness or startup probe over HTTP, TCP or gRPC whose port is not among the `ports` of its container.",
    why: "A probe of a name that is not there fails always; one of a number that is not declared is often that of something else.",
    fix: "name a port of the container, or declare it",
    references: &[
        ("kube-linter", "liveness-port"),
        ("kube-linter", "readiness-port"),
        ("kube-linter", "startup-port"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    ports: [{name: http, containerPort: 8080}]\n    livenessProbe: {httpGet: {path: /, port: htpt}}\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    ports: [{name: http, containerPort: 8080}]\n    livenessProbe: {httpGet: {path: /, port: http}}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            for kind in ["httpGet", "tcpSocket", "grpc"] {
                let Some(asked) = run.at(&[probe, kind, "port"]) else { continue };
                let opens = |port: &Value<'_>| {
                    let text = |key: &str| at(port, &[key]).and_then(|value| value.as_str());
                    let tcp = text("protocol").is_none_or(|protocol| protocol == "TCP");
                    let number = at(port, &["containerPort"]).and_then(Value::as_u64);
                    // A number may be written as a text.
                    let asked_number = asked.as_u64().or_else(|| asked.as_str()?.parse().ok());
                    let same = asked_number.is_some() && number == asked_number;
                    tcp && (same || (asked.as_str().is_some() && text("name") == asked.as_str()))
                };
                if !list(run.at(&["ports"])).iter().any(opens) {
                    report.at(
                        run.pointer(&[probe, kind, "port"]),
                        format!("{} does not declare the port of its {probe}", run.shown()),
                    );
                }
            }
        }
    }
}
