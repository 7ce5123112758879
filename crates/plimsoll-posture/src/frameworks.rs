//! Which controls of which framework a rule answers, by id. Titles and texts of the frameworks are not ours.
//!
//! A control is met only where something that it speaks of was looked at: manifests of an application say nothing about the
//! flags of the API server.

use plimsoll_model::workload::ContainerKind;

use crate::kubernetes::Objects;
use crate::registry::RULES;
use crate::rule::{Area, Rule};

/// A framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framework {
    /// As it is typed.
    pub name: &'static str,
    /// As it is called.
    pub title: &'static str,
    /// By which name the references of rules call it; empty where the table below has its controls.
    reference: &'static str,
}

/// All that are known.
pub const FRAMEWORKS: &[Framework] = &[
    Framework { name: "cis-kubernetes", title: "CIS Kubernetes Benchmark", reference: "CIS Kubernetes" },
    Framework { name: "cis-gke", title: "CIS Google Kubernetes Engine (GKE) Benchmark", reference: "" },
    Framework {
        name: "cis-eks",
        title: "CIS Amazon Elastic Kubernetes Service (EKS) Benchmark",
        reference: "",
    },
    Framework { name: "cis-aks", title: "CIS Azure Kubernetes Service (AKS) Benchmark", reference: "" },
    Framework { name: "mitre-attack", title: "MITRE ATT&CK for Containers", reference: "ATT&CK" },
    Framework { name: "nist-800-190", title: "NIST SP 800-190", reference: "" },
    Framework { name: "nsa-cisa", title: "NSA/CISA Kubernetes Hardening Guide", reference: "" },
    Framework { name: "owasp-kubernetes", title: "OWASP Kubernetes Top Ten (2022)", reference: "" },
    Framework { name: "pod-security-standards", title: "Pod Security Standards", reference: "" },
];

/// Controls whose ids no rule names: framework, control, rules. A name that ends with `-` stands for all that begin so.
const CONTROLS: &[(&str, &str, &[&str])] = &[
    // Of the benchmarks of clouds `whose --framework` answers more: from exports, nodes and rights.
    ("cis-gke", "4.1.1", &["bound-to-cluster-admin"]),
    ("cis-gke", "4.1.2", &["rbac-reads-secrets"]),
    ("cis-gke", "4.1.3", &["rbac-everything", "rbac-wildcard"]),
    ("cis-gke", "4.1.5", &["service-account-token-mounted"]),
    ("cis-gke", "4.1.7", &["rbac-escalates", "rbac-everything"]),
    ("cis-gke", "4.4.1", &["secret-as-environment", "secret-in-environment-value"]),
    ("cis-gke", "4.6.2", &["seccomp-unconfined"]),
    ("cis-gke", "4.6.4", &["default-namespace"]),
    ("cis-gke", "4.1.8", &["bound-to-everybody"]),
    ("cis-gke", "4.2.1", &["namespace-without-pod-security"]),
    ("cis-gke", "4.3.2", &["no-network-policy"]),
    (
        "cis-gke",
        "4.6.3",
        &[
            "container-",
            "capabilities-kept",
            "privilege-escalation-allowed",
            "privileged-container",
            "root-filesystem-writable",
        ],
    ),
    ("cis-eks", "4.1.1", &["bound-to-cluster-admin"]),
    ("cis-eks", "4.1.2", &["rbac-reads-secrets"]),
    ("cis-eks", "4.1.3", &["rbac-everything", "rbac-wildcard"]),
    ("cis-eks", "4.1.4", &["rbac-creates-workloads", "rbac-everything"]),
    ("cis-eks", "4.1.6", &["service-account-token-mounted"]),
    ("cis-eks", "4.1.8", &["rbac-escalates", "rbac-everything"]),
    ("cis-eks", "4.1.9", &["rbac-makes-volumes", "rbac-everything"]),
    ("cis-eks", "4.1.10", &["rbac-node-proxy", "rbac-everything"]),
    ("cis-eks", "4.1.11", &["rbac-changes-webhooks", "rbac-everything"]),
    ("cis-eks", "4.1.12", &["rbac-makes-tokens", "rbac-everything"]),
    ("cis-eks", "4.2.1", &["privileged-container"]),
    ("cis-eks", "4.2.2", &["host-pid"]),
    ("cis-eks", "4.2.3", &["host-ipc"]),
    ("cis-eks", "4.2.4", &["host-network"]),
    ("cis-eks", "4.2.5", &["privilege-escalation-allowed"]),
    ("cis-eks", "4.4.1", &["secret-as-environment", "secret-in-environment-value"]),
    ("cis-eks", "4.5.2", &["default-namespace"]),
    ("cis-eks", "4.3.2", &["no-network-policy"]),
    ("cis-aks", "4.1.1", &["bound-to-cluster-admin"]),
    ("cis-aks", "4.1.2", &["rbac-reads-secrets"]),
    ("cis-aks", "4.1.3", &["rbac-everything", "rbac-wildcard"]),
    ("cis-aks", "4.1.4", &["rbac-creates-workloads", "rbac-everything"]),
    ("cis-aks", "4.1.6", &["service-account-token-mounted"]),
    ("cis-aks", "4.1.7", &["rbac-escalates", "rbac-everything"]),
    ("cis-aks", "4.1.8", &["rbac-makes-volumes", "rbac-everything"]),
    ("cis-aks", "4.1.9", &["rbac-node-proxy", "rbac-everything"]),
    ("cis-aks", "4.1.10", &["rbac-approves-certificates", "rbac-everything"]),
    ("cis-aks", "4.1.11", &["rbac-changes-webhooks", "rbac-everything"]),
    ("cis-aks", "4.1.12", &["rbac-makes-tokens", "rbac-everything"]),
    ("cis-aks", "4.2.1", &["privileged-container"]),
    ("cis-aks", "4.2.2", &["host-pid"]),
    ("cis-aks", "4.2.3", &["host-ipc"]),
    ("cis-aks", "4.2.4", &["host-network"]),
    ("cis-aks", "4.2.5", &["privilege-escalation-allowed"]),
    ("cis-aks", "4.5.1", &["secret-as-environment", "secret-in-environment-value"]),
    ("cis-aks", "4.6.3", &["default-namespace"]),
    ("cis-aks", "4.4.2", &["no-network-policy"]),
    (
        "nist-800-190",
        "4.1.2",
        &["last-user-is-root", "no-user", "ssh-port-exposed", "ssh-port", "image-tag-moves"],
    ),
    (
        "nist-800-190",
        "4.1.4",
        &["secret-in-", "secret-as-environment", "secret-file-copied", "password-set-in-build"],
    ),
    (
        "nist-800-190",
        "4.1.5",
        &["image-without-digest", "base-without-digest", "base-image-without-tag", "registry-frozen"],
    ),
    ("nist-800-190", "4.2.2", &["image-tag-moves", "image-not-pulled-anew", "latest-tag"]),
    (
        "nist-800-190",
        "4.3.1",
        &["bound-to-", "rbac-everything", "rbac-wildcard", "rbac-escalates", "rbac-makes-tokens"],
    ),
    (
        "nist-800-190",
        "4.3.2",
        &["api-server-anonymous", "api-server-basic-auth", "api-server-token-file", "kubelet-anonymous"],
    ),
    (
        "nist-800-190",
        "4.3.3",
        &["no-network-policy", "network-policy-open", "network-policy-selects-nothing"],
    ),
    (
        "nist-800-190",
        "4.3.5",
        &["api-server-kubelet-", "api-server-without-node-restriction", "kubelet-client-authority"],
    ),
    ("nist-800-190", "4.4.2", &["egress-not-limited"]),
    (
        "nist-800-190",
        "4.4.3",
        &[
            "privileged-container",
            "seccomp-unconfined",
            "apparmor-unconfined",
            "dangerous-capability",
            "capabilities-kept",
            "privilege-escalation-allowed",
            "proc-unmasked",
        ],
    ),
    (
        "nist-800-190",
        "4.4.4",
        &["root-filesystem-writable", "container-may-run-as-root", "container-user-root"],
    ),
    ("nist-800-190", "4.5.5", &["host-path-mounted", "sensitive-host-path"]),
    ("nsa-cisa", "pods/non-root", &["container-may-run-as-root", "container-user-root"]),
    ("nsa-cisa", "pods/immutable-filesystem", &["root-filesystem-writable"]),
    ("nsa-cisa", "pods/privileged", &["privileged-container", "privilege-escalation-allowed"]),
    (
        "nsa-cisa",
        "pods/host",
        &["host-pid", "host-ipc", "host-network", "host-path-mounted", "sensitive-host-path"],
    ),
    ("nsa-cisa", "pods/capabilities", &["dangerous-capability", "capabilities-kept"]),
    ("nsa-cisa", "pods/hardening", &["seccomp-unconfined", "apparmor-unconfined"]),
    ("nsa-cisa", "pods/service-account-token", &["service-account-token-mounted"]),
    ("nsa-cisa", "pods/admission", &["namespace-without-pod-security"]),
    ("nsa-cisa", "network/policies", &["no-network-policy", "egress-not-limited", "network-policy-open"]),
    (
        "nsa-cisa",
        "network/resources",
        &["cpu-limit-missing", "cpu-request-missing", "memory-limit-missing", "memory-request-missing"],
    ),
    (
        "nsa-cisa",
        "network/control-plane",
        &[
            "api-server-insecure-",
            "api-server-tls-certificate",
            "api-server-weak-ciphers",
            "scheduler-address",
            "controller-manager-address",
        ],
    ),
    ("nsa-cisa", "network/etcd", &["etcd-", "api-server-etcd-"]),
    (
        "nsa-cisa",
        "network/secrets",
        &["secret-in-", "secret-as-environment", "api-server-secrets-unencrypted", "encryption-"],
    ),
    ("nsa-cisa", "authentication/anonymous", &["api-server-anonymous", "kubelet-anonymous"]),
    ("nsa-cisa", "authentication/rbac", &["api-server-without-rbac", "bound-to-", "rbac-"]),
    ("nsa-cisa", "audit/api-server", &["api-server-audit-log-", "audit-policy-"]),
    (
        "owasp-kubernetes",
        "K01",
        &[
            "privileged-container",
            "container-may-run-as-root",
            "container-user-root",
            "root-filesystem-writable",
            "privilege-escalation-allowed",
            "capabilities-kept",
            "dangerous-capability",
            "host-",
            "sensitive-host-path",
            "memory-limit-missing",
            "cpu-limit-missing",
            "seccomp-unconfined",
        ],
    ),
    ("owasp-kubernetes", "K02", &["image-tag-moves", "image-without-digest", "registry-frozen"]),
    ("owasp-kubernetes", "K03", &["bound-to-", "default-account-bound", "rbac-"]),
    (
        "owasp-kubernetes",
        "K04",
        &[
            "namespace-without-pod-security",
            "webhook-fails-open",
            "api-server-admits-everything",
            "pod-security-",
            "image-policy-fails-open",
        ],
    ),
    ("owasp-kubernetes", "K05", &["api-server-audit-log-", "audit-policy-"]),
    (
        "owasp-kubernetes",
        "K06",
        &[
            "api-server-anonymous",
            "api-server-basic-auth",
            "api-server-token-file",
            "token-never-expires",
            "service-account-token-mounted",
        ],
    ),
    ("owasp-kubernetes", "K07", &["no-network-policy", "egress-not-limited", "network-policy-"]),
    (
        "owasp-kubernetes",
        "K08",
        &[
            "secret-in-",
            "secret-as-environment",
            "api-server-secrets-unencrypted",
            "encryption-",
            "audit-policy-writes-secrets",
            "rbac-reads-secrets",
        ],
    ),
    (
        "owasp-kubernetes",
        "K09",
        &[
            "api-server-",
            "kubelet-",
            "etcd-",
            "controller-manager-",
            "scheduler-",
            "dashboard-deployed",
            "tiller-deployed",
        ],
    ),
    ("owasp-kubernetes", "K10", &["api-version-removed", "registry-frozen", "tiller-deployed"]),
    ("pod-security-standards", "baseline/host-process", &["host-process"]),
    ("pod-security-standards", "baseline/host-namespaces", &["host-pid", "host-ipc", "host-network"]),
    ("pod-security-standards", "baseline/privileged", &["privileged-container"]),
    ("pod-security-standards", "baseline/capabilities", &["dangerous-capability"]),
    ("pod-security-standards", "baseline/host-path", &["host-path-mounted", "sensitive-host-path"]),
    ("pod-security-standards", "baseline/host-ports", &["host-port"]),
    ("pod-security-standards", "baseline/apparmor", &["apparmor-unconfined"]),
    ("pod-security-standards", "baseline/proc-mount", &["proc-unmasked"]),
    ("pod-security-standards", "baseline/sysctls", &["unsafe-sysctl"]),
    ("pod-security-standards", "restricted/privilege-escalation", &["privilege-escalation-allowed"]),
    ("pod-security-standards", "restricted/non-root", &["container-may-run-as-root", "container-user-root"]),
    ("pod-security-standards", "restricted/seccomp", &["seccomp-unconfined"]),
    ("pod-security-standards", "restricted/capabilities", &["capabilities-kept"]),
    (
        "mitre-attack",
        "T1046",
        &[
            "no-network-policy",
            "network-policy-open",
            "network-policy-selects-nothing",
            "network-policy-peer-unknown",
        ],
    ),
    ("mitre-attack", "T1070", &["rbac-deletes-events"]),
    (
        "mitre-attack",
        "T1078",
        &[
            "api-server-anonymous",
            "api-server-basic-auth",
            "api-server-deleted-accounts-valid",
            "api-server-token-file",
            "bound-to-",
            "default-account-bound",
            "kubelet-anonymous",
            "rbac-everything",
            "rbac-wildcard",
        ],
    ),
    ("mitre-attack", "T1098", &["rbac-approves-certificates", "rbac-changes-webhooks", "rbac-escalates"]),
    (
        "mitre-attack",
        "T1133",
        &["api-server-insecure-", "host-port", "kubelet-read-only-port", "service-exposed", "ssh-port"],
    ),
    ("mitre-attack", "T1190", &["ingress-snippet", "service-exposed"]),
    (
        "mitre-attack",
        "T1204",
        &["image-not-pulled-anew", "image-tag-moves", "image-without-digest", "registry-frozen"],
    ),
    ("mitre-attack", "T1496", &["cpu-limit-missing", "memory-limit-missing"]),
    (
        "mitre-attack",
        "T1528",
        &[
            "default-service-account",
            "rbac-makes-tokens",
            "service-account-token-mounted",
            "token-never-expires",
        ],
    ),
    (
        "mitre-attack",
        "T1552",
        &[
            "api-server-secrets-unencrypted",
            "audit-policy-writes-secrets",
            "encryption-",
            "rbac-reads-secrets",
            "secret-as-environment",
            "secret-in-argument",
            "secret-in-config-map",
            "secret-in-environment-value",
        ],
    ),
    (
        "mitre-attack",
        "T1557",
        &[
            "api-server-weak-ciphers",
            "ingress-without-tls",
            "rbac-changes-service-status",
            "service-external-addresses",
        ],
    ),
    (
        "mitre-attack",
        "T1562",
        &[
            "api-server-audit-log-",
            "audit-policy-misses-requests",
            "image-policy-fails-open",
            "webhook-fails-open",
        ],
    ),
    (
        "mitre-attack",
        "T1609",
        &["kubelet-allows-everything", "rbac-node-proxy", "rbac-runs-commands", "ssh-port"],
    ),
    (
        "mitre-attack",
        "T1610",
        &[
            "api-server-admits-everything",
            "namespace-without-pod-security",
            "pod-security-",
            "rbac-creates-workloads",
        ],
    ),
    (
        "mitre-attack",
        "T1611",
        &[
            "apparmor-unconfined",
            "capabilities-kept",
            "container-may-run-as-root",
            "container-user-root",
            "dangerous-capability",
            "host-",
            "privilege-escalation-allowed",
            "privileged-container",
            "proc-unmasked",
            "rbac-makes-volumes",
            "seccomp-unconfined",
            "sensitive-host-path",
            "unsafe-sysctl",
        ],
    ),
    (
        "mitre-attack",
        "T1613",
        &["api-server-allows-everything", "dashboard-deployed", "kubelet-read-only-port"],
    ),
    ("nist-800-190", "4.3.1", &["default-account-bound", "rbac-", "dashboard-deployed", "tiller-deployed"]),
    (
        "nist-800-190",
        "4.3.2",
        &[
            "api-server-allows-everything",
            "api-server-insecure-",
            "default-service-account",
            "kubelet-allows-everything",
            "kubelet-read-only-port",
            "service-account-token-mounted",
            "token-never-expires",
        ],
    ),
    ("nist-800-190", "4.3.3", &["ingress-without-tls", "network-policy-peer-unknown"]),
    ("nist-800-190", "4.3.4", &["default-namespace", "namespace-without-pod-security", "system-namespace"]),
    (
        "nist-800-190",
        "4.4.2",
        &["host-network", "host-port", "ingress-snippet", "service-exposed", "service-external-addresses"],
    ),
    (
        "nist-800-190",
        "4.4.3",
        &[
            "cpu-limit-missing",
            "host-ipc",
            "host-pid",
            "host-process",
            "memory-limit-missing",
            "process-namespace-shared",
            "unsafe-sysctl",
        ],
    ),
    ("nist-800-190", "4.4.4", &["container-group-root", "user-id-low"]),
    (
        "nist-800-190",
        "4.4.5",
        &[
            "api-server-admits-everything",
            "api-server-without-image-pull-check",
            "image-policy-fails-open",
            "namespace-without-pod-security",
            "pod-security-",
            "webhook-fails-open",
        ],
    ),
    ("nist-800-190", "4.5.3", &["api-version-removed"]),
    ("nsa-cisa", "pods/non-root", &["container-group-root", "user-id-low"]),
    ("nsa-cisa", "pods/host", &["host-port", "host-process", "process-namespace-shared"]),
    ("nsa-cisa", "pods/hardening", &["proc-unmasked", "unsafe-sysctl"]),
    (
        "nsa-cisa",
        "pods/images",
        &["image-not-pulled-anew", "image-tag-moves", "image-without-digest", "registry-frozen"],
    ),
    (
        "nsa-cisa",
        "pods/service-account-token",
        &["default-account-bound", "default-service-account", "token-never-expires"],
    ),
    (
        "nsa-cisa",
        "pods/admission",
        &["api-server-admits-everything", "image-policy-fails-open", "pod-security-", "webhook-fails-open"],
    ),
    ("nsa-cisa", "network/namespaces", &["default-namespace", "system-namespace"]),
    ("nsa-cisa", "network/policies", &["network-policy-peer-unknown", "network-policy-selects-nothing"]),
    (
        "nsa-cisa",
        "network/exposure",
        &[
            "ingress-snippet",
            "ingress-without-tls",
            "service-exposed",
            "service-external-addresses",
            "ssh-port",
        ],
    ),
    (
        "nsa-cisa",
        "network/control-plane",
        &["api-server-kubelet-", "dashboard-deployed", "kubelet-", "tiller-deployed"],
    ),
    ("nsa-cisa", "upgrades/versions", &["api-version-removed"]),
    (
        "owasp-kubernetes",
        "K01",
        &[
            "apparmor-unconfined",
            "container-group-root",
            "cpu-request-missing",
            "memory-request-missing",
            "process-namespace-shared",
            "proc-unmasked",
            "ssh-port",
            "unsafe-sysctl",
            "user-id-low",
        ],
    ),
    ("owasp-kubernetes", "K02", &["image-not-pulled-anew"]),
    ("owasp-kubernetes", "K04", &["default-namespace", "system-namespace"]),
    ("owasp-kubernetes", "K06", &["default-service-account"]),
    ("owasp-kubernetes", "K07", &["ingress-without-tls", "service-exposed", "service-external-addresses"]),
    ("owasp-kubernetes", "K09", &["ingress-snippet"]),
];

/// What rules look at, by the beginning of their ids: the first that fits; all others look at pods.
const CONCERNS: &[(&str, Concern)] = &[
    ("api-version-removed", Concern::Any),
    ("default-namespace", Concern::Any),
    ("api-server-", Concern::Program("kube-apiserver")),
    ("controller-manager-", Concern::Program("kube-controller-manager")),
    ("scheduler-", Concern::Program("kube-scheduler")),
    ("etcd-", Concern::Program("etcd")),
    ("kubelet-", Concern::Program("kubelet")),
    ("rbac-", Concern::Kinds(&["Role", "ClusterRole"])),
    ("bound-to-", Concern::Kinds(&["RoleBinding", "ClusterRoleBinding"])),
    ("default-account-bound", Concern::Kinds(&["RoleBinding", "ClusterRoleBinding"])),
    ("ingress-", Concern::Kinds(&["Ingress"])),
    ("network-policy-", Concern::Kinds(&["NetworkPolicy"])),
    ("namespace-without-", Concern::Kinds(&["Namespace"])),
    ("service-selects-", Concern::Kinds(&["Service"])),
    ("service-exposed", Concern::Kinds(&["Service"])),
    ("service-external-", Concern::Kinds(&["Service"])),
    ("webhook-", Concern::Kinds(&["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"])),
    ("budget-", Concern::Kinds(&["PodDisruptionBudget"])),
    ("eviction-", Concern::Kinds(&["PodDisruptionBudget"])),
    ("unhealthy-pods-", Concern::Kinds(&["PodDisruptionBudget"])),
    ("autoscaler-", Concern::Kinds(&["HorizontalPodAutoscaler"])),
    ("storage-class-", Concern::Kinds(&["StorageClass"])),
    ("secret-in-config-map", Concern::Kinds(&["ConfigMap"])),
    ("token-never-expires", Concern::Kinds(&["Secret"])),
    ("monitor-", Concern::Kinds(&["ServiceMonitor"])),
    ("job-", Concern::Kinds(&["Job"])),
    // By images, or by the labels that their services have, too.
    ("dashboard-deployed", Concern::PodsAndServices),
    ("tiller-deployed", Concern::PodsAndServices),
    ("audit-policy-", Concern::Files(&["audit.k8s.io"], &["Policy"])),
    (
        "encryption-",
        Concern::Files(&["apiserver.config.k8s.io", ""], &["EncryptionConfiguration", "EncryptionConfig"]),
    ),
    (
        "pod-security-",
        Concern::Files(
            &["apiserver.config.k8s.io", "pod-security.admission.config.k8s.io"],
            &["AdmissionConfiguration", "PodSecurityConfiguration"],
        ),
    ),
    ("image-policy-", Concern::Files(&["apiserver.config.k8s.io"], &["AdmissionConfiguration"])),
];

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Concern {
    Any,
    Pods,
    PodsAndServices,
    Program(&'static str),
    Kinds(&'static [&'static str]),
    /// Files of the control plane: groups and kinds. No cluster has them as objects.
    Files(&'static [&'static str], &'static [&'static str]),
}

impl Framework {
    /// The framework of this name.
    pub fn find(name: &str) -> Option<&'static Framework> {
        FRAMEWORKS.iter().find(|framework| framework.name == name)
    }

    /// Its controls that rules answer, in the order of their ids, each with those rules.
    pub fn controls(&self) -> Vec<(&'static str, Vec<&'static Rule>)> {
        let mut ids: Vec<&'static str> = CONTROLS
            .iter()
            .filter(|(name, _, _)| *name == self.name)
            .map(|(_, id, _)| *id)
            .chain(
                RULES
                    .iter()
                    .flat_map(|rule| rule.references)
                    .filter(|(name, _)| *name == self.reference)
                    .map(|(_, id)| *id),
            )
            .collect();
        // `5.2.10` stands behind `5.2.9`.
        let numbers =
            |id: &str| id.split('.').map(|part| part.parse::<u32>().unwrap_or(u32::MAX)).collect::<Vec<_>>();
        ids.sort_by_key(|id| (numbers(id), *id));
        ids.dedup();
        ids.into_iter()
            .map(|id| {
                (id, RULES.iter().copied().filter(|rule| self.controls_of(rule).contains(&id)).collect())
            })
            .collect()
    }

    /// The controls that a rule answers.
    pub fn controls_of(&self, rule: &Rule) -> Vec<&'static str> {
        let named = rule.references.iter().filter(|(name, _)| *name == self.reference).map(|(_, id)| *id);
        let listed = CONTROLS.iter().filter(|(name, _, rules)| {
            let fits = |one: &&str| *one == rule.id || one.ends_with('-') && rule.id.starts_with(*one);
            *name == self.name && rules.iter().any(fits)
        });
        let mut all: Vec<&'static str> = named.chain(listed.map(|(_, id, _)| *id)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Kinds of objects that run pods.
const RUNS: &[&str] = &[
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "Pod",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
];

/// The same, and services.
const RUNS_AND_SERVICES: &[&str] = &[
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "Pod",
    "ReplicaSet",
    "ReplicationController",
    "Service",
    "StatefulSet",
];

/// Rules, by the beginning of their ids, whose answer about one object rests on others: of which kinds. Without those it is unknown.
const BESIDE: &[(&str, &[&str])] = &[
    ("autoscaler-without-target", RUNS),
    ("bound-to-cluster-admin", &["ClusterRole", "Role"]),
    ("budget-above-replicas", RUNS),
    ("egress-not-limited", &["NetworkPolicy"]),
    ("ingress-without-service", &["Service"]),
    ("monitor-selects-nothing", &["Service"]),
    ("network-policy-peer-unknown", RUNS),
    ("network-policy-selects-nothing", RUNS),
    ("no-network-policy", &["NetworkPolicy"]),
    ("service-account-token-mounted", &["ServiceAccount"]),
    ("service-account-unknown", &["ServiceAccount"]),
    ("service-selects-nothing", RUNS),
];

/// Rules, by the beginning of their ids, about what a snapshot of a cluster does not hold: commands, arguments, values of
/// environments, probes, certificates, most annotations.
const NOT_IN_SNAPSHOTS: &[&str] = &[
    "api-server-",
    "controller-manager-",
    "etcd-",
    "ingress-snippet",
    "ingress-without-tls",
    "kubelet-",
    "liveness-probe-missing",
    "probe-port-unknown",
    "probes-alike",
    "readiness-probe-missing",
    "scheduler-",
    "secret-in-argument",
    "secret-in-environment-value",
];

fn concern_of(rule: &Rule) -> Concern {
    CONCERNS
        .iter()
        .find(|(front, _)| rule.id.starts_with(front))
        .map_or(Concern::Pods, |(_, concern)| *concern)
}

/// Kinds of objects that the rule is about; none where it is about all.
pub fn subjects(rule: &Rule) -> &'static [&'static str] {
    match concern_of(rule) {
        Concern::Any => &[],
        Concern::Pods | Concern::Program(_) => RUNS,
        Concern::PodsAndServices => RUNS_AND_SERVICES,
        Concern::Kinds(kinds) | Concern::Files(_, kinds) => kinds,
    }
}

/// Kinds of other objects that its answer about one rests on.
pub fn beside(rule: &Rule) -> &'static [&'static str] {
    BESIDE.iter().find(|(front, _)| rule.id.starts_with(front)).map_or(&[], |(_, kinds)| *kinds)
}

/// Whether it is about something that snapshots of clusters do not hold.
pub fn is_left_out_of_snapshots(rule: &Rule) -> bool {
    NOT_IN_SNAPSHOTS.iter().any(|front| rule.id.starts_with(front))
}

/// Whether something is among the objects that the rule speaks of. Rules of Dockerfiles and images speak of none.
pub fn concerns(rule: &Rule, objects: &Objects<'_>) -> bool {
    if rule.area() != Area::Kubernetes {
        return false;
    }
    match concern_of(rule) {
        Concern::Any => !objects.is_empty(),
        Concern::Pods => objects.iter().any(|object| !object.pods.is_empty()),
        Concern::PodsAndServices => objects.iter().any(|object| {
            !object.pods.is_empty() || (object.name.group, object.name.kind) == ("", "Service")
        }),
        Concern::Kinds(kinds) => kinds.iter().any(|kind| objects.of_kind(kind).next().is_some()),
        Concern::Files(groups, kinds) => kinds
            .iter()
            .flat_map(|kind| objects.of_kind(kind))
            .any(|object| groups.contains(&object.name.group)),
        Concern::Program(name) => {
            objects.iter().flat_map(|object| &object.pods).flat_map(|pod| &pod.containers).any(|container| {
                container.kind != ContainerKind::ImageVolume
                    && container
                        .definition
                        .is_some_and(|definition| crate::kubernetes::runs(definition, name))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_the_tables_is_that_of_a_rule() {
        for (framework, control, rules) in CONTROLS {
            assert!(Framework::find(framework).is_some(), "{framework}");
            for name in *rules {
                let known = RULES
                    .iter()
                    .any(|rule| rule.id == *name || name.ends_with('-') && rule.id.starts_with(name));
                assert!(known, "{framework} {control}: {name}");
            }
        }
        let fronts = CONCERNS.iter().map(|(front, _)| front).chain(BESIDE.iter().map(|(front, _)| front));
        for front in fronts.chain(NOT_IN_SNAPSHOTS) {
            assert!(RULES.iter().any(|rule| rule.id.starts_with(front)), "{front}");
        }
    }

    /// Rules about whether something works, which no framework of security speaks of.
    const WORKS: &[&str] = &[
        "autoscaler-",
        "budget-above-replicas",
        "eviction-blocked",
        "ingress-without-service",
        "job-never-cleaned",
        "liveness-probe-missing",
        "monitor-selects-nothing",
        "pod-without-controller",
        "privileged-port",
        "probe-port-unknown",
        "probes-alike",
        "readiness-probe-missing",
        "selector-misses-template",
        "service-account-by-old-name",
        "service-account-unknown",
        "service-selects-nothing",
        "unhealthy-pods-block-eviction",
        "variable-set-twice",
    ];

    /// What only benchmarks of clouds ask for.
    const OF_CLOUDS: &[&str] = &["storage-class-unencrypted"];

    /// Every rule about the security of objects answers a control of four frameworks at least one of which is general; those of the
    /// Pod Security Standards answer all. The counts are those that the documentation tells.
    #[test]
    fn every_rule_about_objects_answers_controls_or_is_about_something_else() {
        let fits = |names: &[&str], id: &str| {
            names.iter().any(|name| *name == id || name.ends_with('-') && id.starts_with(name))
        };
        for rule in RULES.iter().filter(|rule| rule.area() == Area::Kubernetes) {
            let of = |name: &str| Framework::find(name).is_some_and(|one| !one.controls_of(rule).is_empty());
            if fits(WORKS, rule.id) || fits(OF_CLOUDS, rule.id) {
                continue;
            }
            let general =
                ["nist-800-190", "nsa-cisa", "owasp-kubernetes"].into_iter().filter(|name| of(name));
            let count = general.count();
            assert!(count > 0 || of("cis-kubernetes"), "{} answers no control", rule.id);
            if of("pod-security-standards") {
                assert_eq!(count, 3, "{} is missing in one", rule.id);
                assert!(of("mitre-attack"), "{}", rule.id);
            }
        }
        let status = std::fs::read_to_string(
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/status.md"),
        )
        .expect("the documentation is there");
        for (name, told) in [
            ("cis-kubernetes", "CIS Kubernetes"),
            ("cis-gke", "CIS GKE"),
            ("cis-eks", "CIS EKS"),
            ("cis-aks", "CIS AKS"),
            ("mitre-attack", "MITRE ATT&CK"),
            ("nist-800-190", "NIST SP 800-190"),
            ("nsa-cisa", "NSA/CISA"),
            ("owasp-kubernetes", "OWASP Kubernetes"),
            ("pod-security-standards", "Pod Security Standards"),
        ] {
            let count = Framework::find(name).expect("a framework").controls().len();
            assert!(
                status.contains(&format!("{told} {count}")),
                "docs/status.md does not say `{told} {count}`"
            );
        }
    }

    /// What the benchmarks of clouds ask rules stands in their files too.
    #[test]
    fn the_benchmarks_of_clouds_name_the_same_rules() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("benchmarks");
        for name in ["cis-gke", "cis-eks", "cis-aks"] {
            let text = std::fs::read_to_string(folder.join(format!("{name}.yaml"))).expect("a file of ours");
            let framework = Framework::find(name).expect("a framework");
            for line in text.lines() {
                let between = |front: &str, end: char| {
                    line.split_once(front).and_then(|(_, rest)| Some(rest.split_once(end)?.0))
                };
                let (Some(id), Some(rules)) = (between("{id: '", '\''), between("rules: [", ']')) else {
                    continue;
                };
                let controls = framework.controls();
                let (_, own) =
                    controls.iter().find(|(own, _)| *own == id).unwrap_or_else(|| panic!("{name} {id}"));
                let own: Vec<&str> = own.iter().map(|rule| rule.id).collect();
                assert!(rules.split(',').all(|rule| own.contains(&rule.trim())), "{name} {id}: {own:?}");
            }
        }
    }

    #[test]
    fn controls_stand_in_the_order_of_their_numbers() {
        for framework in FRAMEWORKS {
            let controls = framework.controls();
            assert!(controls.len() >= 9, "{framework:?}");
            assert!(controls.iter().all(|(_, rules)| !rules.is_empty()), "{framework:?}");
        }
        let ids: Vec<&str> = FRAMEWORKS[0].controls().into_iter().map(|(id, _)| id).collect();
        let place = |id: &str| ids.iter().position(|one| *one == id);
        assert!(place("5.2.9") < place("5.2.12") && place("1.2.1") < place("1.2.10"), "{ids:?}");
    }
}
