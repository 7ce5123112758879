//! Monitor watches no service.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "monitor-selects-nothing",
    title: "monitor watches no service",
    severity: Level::Low,
    what: "A ServiceMonitor whose selectors take no Service, where services are among the objects that are looked at.",
    why: "What should be watched is not, and nobody is alarmed.",
    fix: "correct the labels or the namespaces",
    references: &[("kube-linter", "dangling-servicemonitor")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: web, namespace: shop}\nspec: {selector: {matchLabels: {app: wbe}}}\n",
    good: "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: web, namespace: shop}\nspec: {selector: {matchLabels: {app: web}}}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !scene.is("monitoring.coreos.com", "ServiceMonitor") {
        return;
    }
    let selector = scene.at(&["spec", "selector"]);
    let any = scene.at(&["spec", "namespaceSelector", "any"]).and_then(Value::as_bool) == Some(true);
    let named: Vec<&str> = texts(scene.at(&["spec", "namespaceSelector", "matchNames"])).collect();
    let mut services = scene.all.of_kind("Service").peekable();
    if services.peek().is_none() {
        return;
    }
    for service in services {
        let labels = at(service.value, &["metadata", "labels"]).and_then(|map| map.as_object());
        let size = selector_size(selector).saturating_mul(labels.map_or(0, ObjectAsVec::len));
        if !scene.all.may_compare(size.saturating_add(named.len())) {
            return report.undecided(None, TOO_MANY);
        }
        let namespace = service.name.namespace;
        let own = if named.is_empty() {
            namespace == scene.object.name.namespace
        } else {
            named.contains(&namespace)
        };
        if (any || own) && selects(selector, &|key| labels?.get(key)?.as_str()) != Some(false) {
            return;
        }
    }
    report.at(scene.pointer(&["spec", "selector"]), "no service among what was looked at is taken");
}
