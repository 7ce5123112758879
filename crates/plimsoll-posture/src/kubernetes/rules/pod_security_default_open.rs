//! Namespaces without labels are held to nothing.

use super::admission::pod_security;
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "pod-security-default-open",
    title: "namespaces without labels are held to no Pod Security Standard",
    severity: Level::Medium,
    what: "A PodSecurityConfiguration, by itself or in an AdmissionConfiguration, whose default of `enforce` is privileged or not said.",
    why: "Whoever makes a namespace decides then whether its pods may take over nodes: by not labelling it.",
    fix: "set defaults.enforce to baseline or restricted, and label the namespaces that need more",
    references: &[("CIS Kubernetes", "5.2.1")],
    needs: &[],
    bad: "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n- name: PodSecurity\n  configuration:\n    apiVersion: pod-security.admission.config.k8s.io/v1\n    kind: PodSecurityConfiguration\n    defaults: {enforce: privileged, warn: restricted}\n",
    good: "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n- name: PodSecurity\n  configuration:\n    apiVersion: pod-security.admission.config.k8s.io/v1\n    kind: PodSecurityConfiguration\n    defaults: {enforce: baseline, warn: restricted}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    let Some((configuration, pointer)) = pod_security(scene, report) else { return };
    match at(configuration, &["defaults", "enforce"]).and_then(Value::as_str) {
        Some("baseline" | "restricted") => {}
        Some(level) if !level.is_empty() => {
            report.at(format!("{pointer}/defaults/enforce"), format!("the default is {}", short(level)));
        }
        _ => report.at(format!("{pointer}/defaults"), "no default is said, which is privileged"),
    }
}
