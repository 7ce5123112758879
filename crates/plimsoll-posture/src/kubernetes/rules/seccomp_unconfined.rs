//! System calls are not filtered.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "seccomp-unconfined",
    title: "system calls are not filtered",
    severity: Level::Medium,
    what: "A container without a seccomp profile (`RuntimeDefault` or `Localhost`), its own or its pod's, or with `Unconfined`.",
    why: "Without a filter a process can make any of the kernel's system calls, and with them reach the flaws behind the rare ones.",
    fix: "set seccompProfile.type to RuntimeDefault for the pod",
    references: &[
        ("trivy", "KSV-0030"),
        ("trivy", "KSV-0104"),
        ("checkov", "CKV_K8S_31"),
        ("kubescape", "C-0055"),
        ("kube-linter", "unsafe-seccomp"),
        ("CIS Kubernetes", "5.7.2"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  securityContext: {seccompProfile: {type: RuntimeDefault}}\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pod, run) in scene.containers() {
        let annotation =
            |key: &str| pod.annotations.and_then(|map| map.get(key)).and_then(|value| value.as_str());
        let profile = run
            .security("seccompProfile")
            .and_then(|profile| at(profile, &["type"]))
            .and_then(|value| value.as_str());
        let named = profile.or_else(|| {
            // The annotations of before Kubernetes 1.19.
            annotation(&format!("container.seccomp.security.alpha.kubernetes.io/{}", run.container.name))
                .or_else(|| annotation("seccomp.security.alpha.kubernetes.io/pod"))
        });
        let detail = match named {
            None => "has no seccomp profile",
            Some(name) if name.eq_ignore_ascii_case("unconfined") => "is unconfined by seccomp",
            Some(_) => continue,
        };
        report.at(
            run.pointer(&["securityContext", "seccompProfile", "type"]),
            format!("{} {detail}", run.shown()),
        );
    }
}
