//! Disruption budget asks for more pods than there are.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "budget-above-replicas",
    title: "disruption budget asks for more pods than there are",
    severity: Level::Medium,
    what: "A PodDisruptionBudget whose `minAvailable` is not less than the replicas of the workload it selects, or the `minReplicas` of its autoscaler.",
    why: "No pod may ever go, so nodes cannot be drained and patches wait.",
    fix: "set minAvailable below the number of replicas, or use maxUnavailable",
    references: &[("polaris", "pdbMinAvailableGreaterThanHPAMinReplicas")],
    needs: &[],
    bad: "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web, namespace: shop}\nspec: {selector: {matchLabels: {app: web}}, minAvailable: 2}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: \"ghcr.io/acme/web:1.4\"}]}\n",
    good: "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web, namespace: shop}\nspec: {selector: {matchLabels: {app: web}}, minAvailable: 1}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: \"ghcr.io/acme/web:1.4\"}]}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !scene.is("policy", "PodDisruptionBudget") {
        return;
    }
    let Some(wanted) = scene.at(&["spec", "minAvailable"]) else { return };
    let selector = scene.at(&["spec", "selector"]);
    let namespace = scene.object.name.namespace;
    for (object, pod) in scene.all.pods_of(namespace) {
        let size = selector_size(selector).saturating_mul(pod.labels.map_or(0, ObjectAsVec::len));
        if !scene.all.may_compare(size) {
            return report.undecided(None, TOO_MANY);
        }
        if selector.is_none() || selects(selector, &|key| label(pod, key)) != Some(true) {
            continue;
        }
        let own = at(object.value, &["spec", "replicas"]).and_then(Value::as_u64);
        let scaled = scene.all.scaled.get(&(object.name.kind, namespace, object.name.name)).copied();
        // What nobody set is one, and may be set by hand at any time.
        let (Some(replicas), equal) = (scaled.or(own), scaled.is_none()) else { continue };
        let needed = match (wanted.as_u64(), wanted.as_str().and_then(|text| text.strip_suffix('%'))) {
            (Some(number), _) => number,
            (None, Some(share)) => match share.parse::<u64>() {
                Ok(share) => replicas.saturating_mul(share).div_ceil(100),
                Err(_) => continue,
            },
            (None, None) => continue,
        };
        if needed > replicas || (equal && replicas > 0 && needed == replicas) {
            report.at(
                scene.pointer(&["spec", "minAvailable"]),
                format!("{} has {replicas}, and {needed} must stay", object.shown()),
            );
            return;
        }
    }
}
