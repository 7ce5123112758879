//! Container is given a dangerous capability.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "dangerous-capability",
    title: "container is given a dangerous capability",
    severity: Level::High,
    what: "A container that adds a capability with which a process takes over the node or the network: SYS_ADMIN, SYS_MODULE, SYS_PTRACE, SYS_RAWIO, DAC_READ_SEARCH, BPF, NET_ADMIN, or ALL, and others of that kind.",
    why: "SYS_ADMIN alone mounts file systems and enters namespaces; SYS_MODULE loads code into the kernel; each is known from ways out of containers.",
    fix: "take the capability out of capabilities.add",
    references: &[
        ("trivy", "KSV-0005"),
        ("trivy", "KSV-0022"),
        ("checkov", "CKV_K8S_39"),
        ("checkov", "CKV_K8S_25"),
        ("kubescape", "C-0046"),
        ("kube-linter", "sys-admin-capability"),
        ("polaris", "dangerousCapabilities"),
        ("CIS Kubernetes", "5.2.8"),
        ("ATT&CK", "T1611"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {capabilities: {add: [SYS_ADMIN]}}\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {capabilities: {add: [NET_BIND_SERVICE]}}\n",
    check: Check::Object(check),
};

/// Capabilities (capabilities(7)) that lead out of the container, or over its neighbours.
const DANGEROUS: [&str; 16] = [
    "ALL",
    "AUDIT_CONTROL",
    "BPF",
    "CHECKPOINT_RESTORE",
    "DAC_READ_SEARCH",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "NET_ADMIN",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_TIME",
];

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        for (index, name) in texts(run.at(&["securityContext", "capabilities", "add"])).enumerate() {
            let bare = name.to_ascii_uppercase();
            let bare = bare.strip_prefix("CAP_").unwrap_or(&bare);
            if DANGEROUS.contains(&bare) {
                let pointer = run.pointer(&["securityContext", "capabilities", "add", &index.to_string()]);
                report.at_with(
                    pointer,
                    format!("{} is given {}", run.shown(), short(name)),
                    format!("take {} out of capabilities.add", short(name)),
                );
            }
        }
    }
}
