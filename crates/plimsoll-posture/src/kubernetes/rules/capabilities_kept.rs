//! Capabilities are not dropped.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "capabilities-kept",
    title: "capabilities are not dropped",
    severity: Level::Medium,
    what: "A container that does not drop `ALL` capabilities.",
    why: "The runtime gives about fourteen by default, among them those to forge packets, to change owners of files and to override their modes. Few programs need one.",
    fix: "drop ALL, and add what is needed by name",
    references: &[
        ("trivy", "KSV-0003"),
        ("trivy", "KSV-0106"),
        ("checkov", "CKV_K8S_37"),
        ("checkov", "CKV_K8S_28"),
        ("kubescape", "C-0055"),
        ("kube-linter", "drop-net-raw-capability"),
        ("CIS Kubernetes", "5.2.9"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {capabilities: {drop: [ALL]}}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        let mut dropped = texts(run.at(&["securityContext", "capabilities", "drop"]));
        if !dropped.any(|name| name.eq_ignore_ascii_case("ALL")) {
            report.at(
                run.pointer(&["securityContext", "capabilities"]),
                format!("{} keeps the capabilities that the runtime gives", run.shown()),
            );
        }
    }
}
