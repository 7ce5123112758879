//! A folder of the node is mounted.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "host-path-mounted",
    title: "a folder of the node is mounted",
    severity: Level::Medium,
    what: "A volume of type `hostPath`, other than those that another rule names.",
    why: "What the pod writes there the node and other pods read, and the other way round. A folder of the node is no storage: it is gone with the node.",
    fix: "use a persistent volume, an emptyDir or a projected volume",
    references: &[
        ("trivy", "KSV-0023"),
        ("kubescape", "C-0048"),
        ("kube-linter", "sensitive-host-mounts"),
        ("polaris", "hostPathSet"),
        ("CIS Kubernetes", "5.2.12"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  volumes: [{name: data, hostPath: {path: /srv/data}}]\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    volumeMounts: [{name: data, mountPath: /data}]\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  volumes: [{name: data, emptyDir: {}}]\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    volumeMounts: [{name: data, mountPath: /data}]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pointer, path) in host_paths(scene) {
        if !is_sensitive_host_path(path) {
            report.at(pointer, format!("{} of the node is mounted", short(path)));
        }
    }
}
