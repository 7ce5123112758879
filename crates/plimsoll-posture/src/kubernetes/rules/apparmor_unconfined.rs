//! AppArmor is switched off.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "apparmor-unconfined",
    title: "AppArmor is switched off",
    severity: Level::Medium,
    what: "A container whose AppArmor profile is `Unconfined`, by field or annotation.",
    why: "The default profile keeps processes from mounting, from writing to /proc and /sys, and from tracing others. Unconfined takes that away on nodes that have it.",
    fix: "take the profile out, or use RuntimeDefault",
    references: &[("trivy", "KSV-0002"), ("kubescape", "C-0055"), ("kubesec", "ApparmorAny")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {appArmorProfile: {type: Unconfined}}\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {appArmorProfile: {type: RuntimeDefault}}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pod, run) in scene.containers() {
        let field = run
            .security("appArmorProfile")
            .and_then(|profile| at(profile, &["type"]))
            .and_then(|value| value.as_str());
        let key = format!("container.apparmor.security.beta.kubernetes.io/{}", run.container.name);
        let annotation = pod.annotations.and_then(|map| map.get(&key)).and_then(|value| value.as_str());
        if field == Some("Unconfined") || annotation == Some("unconfined") {
            report.at(
                run.pointer(&["securityContext", "appArmorProfile", "type"]),
                format!("{} is unconfined by AppArmor", run.shown()),
            );
        }
    }
}
