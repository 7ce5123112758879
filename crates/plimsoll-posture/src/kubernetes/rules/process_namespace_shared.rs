//! Containers of the pod see each other's processes.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "process-namespace-shared",
    title: "containers of the pod see each other's processes",
    severity: Level::Low,
    what: "A pod with `shareProcessNamespace: true`.",
    why: "A container reads the environment and, as the same user, the memory and files of the others: a sidecar from elsewhere sees the secrets of the program.",
    fix: "take shareProcessNamespace out",
    references: &[("polaris", "hostProcess"), ("kubescape", "C-0038")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  shareProcessNamespace: true\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  shareProcessNamespace: false\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for pod in scene.pods() {
        if pod.spec.and_then(|spec| at(spec, &["shareProcessNamespace"])).and_then(Value::as_bool)
            == Some(true)
        {
            report
                .at(format!("{}/shareProcessNamespace", pod.pointer), "its containers share their processes");
        }
    }
}
