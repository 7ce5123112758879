//! The Kubernetes dashboard runs.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "dashboard-deployed",
    title: "the Kubernetes dashboard runs",
    severity: Level::Medium,
    what: "A container whose image is `kubernetes-dashboard`, or a workload or Service with its label.",
    why: "A console in the cluster with the rights of its account; open ones have been found from the internet again and again.",
    fix: "take it out, and use a console outside of the cluster",
    references: &[("checkov", "CKV_K8S_33"), ("kubescape", "C-0014"), ("ATT&CK", "T1133")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: docker.io/kubernetesui/dashboard:v2.7.0\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    deployed(
        scene,
        report,
        &["kubernetesui/dashboard", "kubernetes-dashboard-amd64"],
        &[("app", "kubernetes-dashboard"), ("k8s-app", "kubernetes-dashboard")],
    );
}
