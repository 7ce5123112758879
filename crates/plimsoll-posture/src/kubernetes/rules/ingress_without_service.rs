//! Ingress leads to no service.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "ingress-without-service",
    title: "ingress leads to no service",
    severity: Level::Low,
    what: "A backend of an Ingress whose service, or the port of it, is not there, where services of its namespace are among the objects that are looked at.",
    why: "Requests end in an error; whoever can make a service of that name takes over the address.",
    fix: "correct name and port of the backend, or take it out",
    references: &[("kube-linter", "dangling-ingress")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\nspec:\n  tls: [{secretName: web}]\n  rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: wbe, port: {number: 80}}}}]}}]\n",
    good: "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\nspec:\n  tls: [{secretName: web}]\n  rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    let namespace = scene.object.name.namespace;
    if !scene.is("networking.k8s.io", "Ingress") || !scene.all.has_kind("Service", namespace) {
        return;
    }
    let mut backends =
        vec![(scene.pointer(&["spec", "defaultBackend"]), scene.at(&["spec", "defaultBackend"]))];
    for (rule, one) in list(scene.at(&["spec", "rules"])).iter().enumerate() {
        for (path, one) in list(at(one, &["http", "paths"])).iter().enumerate() {
            let (rule, path) = (rule.to_string(), path.to_string());
            let pointer = scene.pointer(&["spec", "rules", &rule, "http", "paths", &path, "backend"]);
            backends.push((pointer, at(one, &["backend"])));
        }
    }
    for (pointer, backend) in backends {
        let text = |path: &[&str]| at(backend?, path).and_then(|value| value.as_str());
        let Some(name) = text(&["service", "name"]) else { continue };
        let Some(service) = scene.all.find("Service", namespace, name) else {
            report.at(pointer, format!("no service {} is among what was looked at", short(name)));
            continue;
        };
        let number = backend.and_then(|backend| at(backend, &["service", "port", "number"])?.as_u64());
        let named = text(&["service", "port", "name"]);
        let mut ports = list(at(service, &["spec", "ports"])).iter();
        let fits = |port: &Value<'_>| {
            let own = at(port, &["name"]).and_then(|value| value.as_str());
            number.is_none_or(|number| at(port, &["port"]).and_then(Value::as_u64) == Some(number))
                && (named.is_none() || own == named)
        };
        if !ports.any(fits) {
            report.at(pointer, format!("the service {} has no such port", short(name)));
        }
    }
}
