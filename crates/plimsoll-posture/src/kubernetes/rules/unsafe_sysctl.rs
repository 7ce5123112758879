//! Pod changes a kernel setting that is not its own.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "unsafe-sysctl",
    title: "pod changes a kernel setting that is not its own",
    severity: Level::Medium,
    what: "A pod with a sysctl outside of those that the Pod Security Standards call safe.",
    why: "Other settings are not kept apart by namespaces: the pod changes them for its neighbours, or for the node.",
    fix: "take the sysctl out, or set it on the nodes",
    references: &[("trivy", "KSV-0026"), ("kubescape", "C-0055"), ("kube-linter", "unsafe-sysctls")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  securityContext: {sysctls: [{name: kernel.msgmax, value: \"1\"}]}\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  securityContext: {sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: \"0\"}]}\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

/// Those of the baseline standard, v1.32.
const SAFE: [&str; 11] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
];

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for pod in scene.pods() {
        let Some(spec) = pod.spec else { continue };
        for (index, sysctl) in list(at(spec, &["securityContext", "sysctls"])).iter().enumerate() {
            let Some(name) = at(sysctl, &["name"]).and_then(|value| value.as_str()) else { continue };
            if !SAFE.contains(&name) && name != "net.ipv4.tcp_wmem" {
                report.at(
                    format!("{}/securityContext/sysctls/{index}", pod.pointer),
                    format!("it sets {}", short(name)),
                );
            }
        }
    }
}
