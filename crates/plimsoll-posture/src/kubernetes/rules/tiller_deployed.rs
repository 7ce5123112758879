//! Tiller runs.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "tiller-deployed",
    title: "Tiller runs",
    severity: Level::High,
    what: "A container whose image is `tiller`, or a workload or Service with the labels that Helm 2 gives it.",
    why: "Tiller is cluster-admin, asks nobody who they are, and gets no fixes since 2020.",
    fix: "use Helm 3, which needs no server",
    references: &[("checkov", "CKV_K8S_34"), ("checkov", "CKV_K8S_44"), ("checkov", "CKV_K8S_45")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/helm/tiller:v2.17.0\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    deployed(scene, report, &["tiller"], &[("app", "tiller"), ("name", "tiller")]);
}
