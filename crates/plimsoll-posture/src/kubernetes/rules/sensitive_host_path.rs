//! A folder that rules the node is mounted.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "sensitive-host-path",
    title: "a folder that rules the node is mounted",
    severity: Level::High,
    what: "A `hostPath` volume of the root folder, of the container runtime's socket or folders, the kubelet's, or system folders such as /etc, /proc, /dev, /boot.",
    why: "Through the runtime's socket a pod starts containers with any rights; with /etc or /var/lib/kubelet it takes the node's identity and the secrets of all its pods. Reading is often enough.",
    fix: "take the volume out; a node agent that needs it belongs into a namespace of its own, read only",
    references: &[
        ("trivy", "KSV-0006"),
        ("trivy", "KSV-0121"),
        ("checkov", "CKV_K8S_27"),
        ("kubescape", "C-0074"),
        ("kubescape", "C-0045"),
        ("kube-linter", "docker-sock"),
        ("kube-linter", "sensitive-host-mounts"),
        ("CIS Kubernetes", "5.2.12"),
        ("ATT&CK", "T1611"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  volumes: [{name: run, hostPath: {path: /var/run/docker.sock}}]\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    volumeMounts: [{name: run, mountPath: /run}]\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  volumes: [{name: run, emptyDir: {}}]\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pointer, path) in host_paths(scene) {
        if is_sensitive_host_path(path) {
            report.at(pointer, format!("{} of the node is mounted", short(path)));
        }
    }
}
