//! Service has no pods.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "service-selects-nothing",
    title: "service has no pods",
    severity: Level::Low,
    what: "A service with a selector that takes no pod, where workloads of its namespace are among the objects that are looked at.",
    why: "Requests to it fail; it is often a mistyped label, and whoever can make a pod with that label gets its traffic.",
    fix: "correct the selector",
    references: &[("kube-linter", "dangling-service")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: wbe}, ports: [{port: 80}]}\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\n  labels: {app: web}\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\n  labels: {app: web}\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !scene.is("", "Service") {
        return;
    }
    let Some(selector) =
        scene.at(&["spec", "selector"]).and_then(|value| value.as_object()).filter(|map| !map.is_empty())
    else {
        return;
    };
    let takes = |pod: &Pod<'_>| Some(selector.iter().all(|(key, value)| label(pod, key) == value.as_str()));
    match scene.all.takes(scene.object.name.namespace, selector.len(), takes) {
        Taken::None => {
            report
                .at(scene.pointer(&["spec", "selector"]), "no pod among what was looked at has these labels");
        }
        Taken::TooMany => report.undecided(None, TOO_MANY),
        Taken::Some | Taken::NoPods => {}
    }
}
