//! The functions that decide controls, one file for each area, and their list.
//!
//! A function sees everything that was given and one node pool. It answers "met" only from something that was seen; what is
//! absent is missing.

pub(super) mod checks;
mod control_plane;
mod identity;
mod images;
mod network;
pub(super) mod node_facts;
mod nodes;
mod policy;
mod rights;
mod runtime;
mod secrets;
mod support;
pub(super) mod switches;
mod versions;

use plimsoll_model::shortened;
use serde_json_borrow::Value;

pub(super) use images::{ImageInUse, digest_in};
pub(super) use support::breaches_of_any;
pub use support::is_system_namespace;

use super::data::{Base, InputKind};
use super::decision::Decision;
use super::evidence::{Answer, Cloud, Evidence, Kubernetes, Part, missing};
use super::pools::Pool;
use crate::kubernetes::at;

/// Decides a control.
pub struct Rule {
    /// As the files of controls name it.
    pub name: &'static str,
    /// What it reads, for people.
    pub reads: &'static str,
    /// Where the provider does it, what is seen can still contradict: then it is not met.
    pub contradicts: bool,
    decide: fn(&Scene<'_, '_>) -> Decision,
}

impl Rule {
    /// What it says.
    pub(super) fn decide(&self, scene: &Scene<'_, '_>) -> Decision {
        (self.decide)(scene)
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Rule({})", self.name)
    }
}

/// A pool with everything that was given.
pub(super) struct Scene<'a, 'v> {
    pub(super) evidence: &'a Evidence<'v>,
    pub(super) pool: &'a Pool<'v>,
}

impl<'a, 'v> Scene<'a, 'v> {
    pub(super) fn base(&self) -> Base {
        self.pool.base
    }

    /// The export of the cluster that the pool is of.
    pub(super) fn cloud(&self) -> Answer<Part<'v>> {
        match self.base().family() {
            Some(cloud) => self.evidence.exports.of(cloud),
            None => {
                Err(missing(InputKind::Node, "an export (there is none of a cluster that you run yourself)"))
            }
        }
    }

    /// What the cloud says of the pool.
    pub(super) fn pool_export(&self) -> Answer<Part<'v>> {
        self.pool.export().ok_or_else(|| match self.base().family() {
            Some(Cloud::Gke) => missing(InputKind::Gke, format!("nodePools[{}]", self.pool.name)),
            Some(Cloud::Eks) => missing(
                InputKind::Eks,
                format!(
                    "aws eks describe-nodegroup --cluster-name CLUSTER --nodegroup-name {}",
                    self.pool.name
                ),
            ),
            Some(Cloud::Aks) => missing(InputKind::Aks, format!("agentPoolProfiles[{}]", self.pool.name)),
            None => missing(InputKind::Node, "settings of the nodes"),
        })
    }

    /// The pool's nodes.
    fn nodes(&self) -> Answer<&[&'v Value<'v>]> {
        if self.pool.nodes_seen && !self.pool.nodes.is_empty() {
            return Ok(&self.pool.nodes);
        }
        // Either the list is missing, which says why, or the pool has none.
        self.evidence.kind("", "Node")?;
        Err(missing(InputKind::Kubernetes, format!("a node of the pool {}", self.pool.name)))
    }

    /// Objects of a kind, all of them.
    fn kind(&self, group: &str, kind: &str) -> Answer<Vec<&'v Value<'v>>> {
        self.evidence.kind(group, kind)
    }

    /// What runs, in whatever form it was given.
    fn workloads(&self) -> Answer<&'a Kubernetes<'v>> {
        let kubernetes = self.evidence.objects()?;
        kubernetes.workloads()?;
        Ok(kubernetes)
    }
}

macro_rules! rules {
    ($($name:literal, $decide:path, $contradicts:literal, $reads:literal;)*) => {
        /// All of them.
        pub static RULES: &[Rule] = &[$(Rule { name: $name, reads: $reads, contradicts: $contradicts, decide: $decide },)*];
    };
}

rules! {
    "control-plane-hardened", control_plane::hardened, false, "flags of kube-apiserver, kube-scheduler, kube-controller-manager and etcd in their static pods";
    "minor-version-supported", control_plane::minor_version, true, "the API server's version against the dates of support; releaseChannel.channel, upgradePolicy.supportType, autoUpgradeProfile.upgradeChannel";
    "patch-release", control_plane::patch_release, false, "autoUpgradeProfile.upgradeChannel";
    "endpoint-restricted", control_plane::endpoint, false, "masterAuthorizedNetworksConfig, controlPlaneEndpointsConfig, privateClusterConfig; resourcesVpcConfig; apiServerAccessProfile; --advertise-address of the API server";
    "authority-rotated", control_plane::authority, false, "the end of the cluster's certificate authority, in the export or ConfigMap kube-root-ca.crt";
    "secrets-encrypted", control_plane::secrets_encrypted, false, "databaseEncryption; encryptionConfig; securityProfile.azureKeyVaultKms; --encryption-provider-config";
    "audit-log", control_plane::audit_log, false, "loggingConfig; logging.clusterLogging; diagnostic settings; --audit-log-path";
    "old-authentication-off", identity::old_authentication, false, "masterAuth, legacyAbac; accessConfig.authenticationMode; disableLocalAccounts; bindings of anonymous users; flags of kube-apiserver";
    "directory-groups", identity::directory, false, "authenticatorGroupsConfig; access entries; aadProfile; subjects of bindings";
    "roles-minimal", identity::roles, false, "roles with wildcards, roles that read all secrets";
    "no-escalation", identity::escalation, false, "roles that escalate, bind, impersonate, make tokens, run commands in pods, approve certificates";
    "administrators-few", identity::administrators, false, "bindings to cluster-admin";
    "node-image-maintained", nodes::image, false, "amiType; status.nodeInfo.osImage of nodes";
    "node-patches", nodes::patches, true, "management.autoUpgrade; releaseVersion; nodeOsUpgradeChannel, nodeImageVersion; age and image of each node";
    "kubelet-skew", nodes::skew, true, "kubeletVersion of each node against the API server's version";
    "maintenance-open", nodes::maintenance, false, "maintenancePolicy; maintenance configurations; disruption budgets of NodePools";
    "node-repair", nodes::repair, true, "management.autoRepair; nodeRepairConfig.enabled; MachineHealthCheck; nodes that are not ready";
    "kubelet-hardened", nodes::kubelet, false, "kubeletConfig; KubeletConfiguration; flags of kubelets";
    "kubelet-certificates", nodes::kubelet_certificates, false, "CertificateSigningRequests; KubeletConfiguration";
    "runtime-patched", nodes::runtime, true, "containerRuntimeVersion of each node against the first releases without known ways out";
    "node-boot", nodes::boot, false, "shieldedNodes, shieldedInstanceConfig; securityProfile of agent pools";
    "node-access", nodes::access, false, "remoteAccess; securityProfile.sshAccess";
    "node-identity", nodes::identity, false, "config.serviceAccount of pools";
    "metadata-closed", nodes::metadata, false, "workloadMetadataConfig.mode; metadata options of launch templates; egress policies";
    "nodes-private", nodes::private, false, "addresses of nodes; enablePrivateNodes; enableNodePublicIp";
    "node-disks", nodes::disks, false, "block devices of launch templates";
    "nodes-unchanged", nodes::unchanged, false, "privileged DaemonSets that mount the node; nodeResourceGroupProfile.restrictionLevel";
    "add-ons-patched", images::add_ons, false, "describe-addon; reports about images in system namespaces";
    "controllers-patched", images::controllers, false, "reports about images of controllers and operators";
    "system-images", images::system, true, "reports about images in system namespaces";
    "images-scanned", images::scanned, false, "a report for each image that runs";
    "images-rebuilt", images::rebuilt, false, "findings with a fix in reports about images that run";
    "base-images", images::base, false, "findings of base images in reports";
    "application-code", images::application, false, "findings of applications in reports";
    "origin-verified", images::origin, false, "binaryAuthorization; policies that verify images; imageIntegrity";
    "inventory-stored", images::inventory, false, "a report for each image that runs";
    "inventory-known", images::inventory, false, "a report for each image that runs";
    "registries-approved", images::registries, false, "registries of all images; policies about images";
    "images-pinned", images::pinned, false, "digests in image references";
    "sources-pinned", images::sources, false, "sources of Argo CD and Flux";
    "unused-images", images::unused, false, "images on nodes against those that run; imageCleaner.enabled";
    "policy-engine", network::engine, false, "networkPolicy, datapathProvider; the vpc-cni add-on; networkProfile; DaemonSets of network agents";
    "pods-isolated", network::isolated, false, "NetworkPolicies against all pods, both directions";
    "egress-limited", network::egress, false, "egress rules of NetworkPolicies against all pods";
    "exposure-meant", network::exposure, false, "Services of type LoadBalancer and NodePort, external addresses";
    "transit-encrypted", network::transit, false, "inTransitEncryptionConfig; advancedNetworking; PeerAuthentication";
    "ingress-tls", network::tls, false, "Ingress and Gateway";
    "dns-protected", network::dns, false, "who may change ConfigMaps in kube-system";
    "workload-identity", secrets::workload_identity, false, "workloadPool; OIDC issuer; environments that hold cloud keys";
    "tokens-mounted", secrets::tokens, false, "automountServiceAccountToken of pods and service accounts";
    "no-plain-secrets", secrets::plain, false, "environments and ConfigMaps";
    "external-secrets", secrets::external, false, "SecretProviderClass, ExternalSecret, VaultStaticSecret; add-ons for secrets";
    "pod-security", policy::pod_security, false, "pod-security labels of namespaces";
    "quotas", policy::quotas, false, "ResourceQuota and LimitRange of each namespace; workloads in `default`";
    "system-namespaces", policy::system_namespaces, false, "who may create pods or read Secrets in system namespaces";
    "admission-closed", policy::admission, false, "admission webhooks and ValidatingAdmissionPolicies";
    "image-gate", policy::image_gate, false, "admission webhooks and policies about pods; binaryAuthorization";
    "budgets-let-drain", policy::budgets, false, "PodDisruptionBudgets";
    "sensor-everywhere", runtime::sensor, false, "DaemonSets of sensors; securityProfile.defender";
    "sandbox", runtime::sandbox, false, "RuntimeClasses and their use; sandboxConfig";
    "seccomp", runtime::seccomp, false, "seccomp profiles of containers";
    "security-module", runtime::security_module, false, "AppArmor and SELinux settings of containers";
    "security-context", runtime::security_context, false, "security contexts of pods and containers";
    "data-backed-up", runtime::backed_up, false, "PersistentVolumeClaims; Velero schedules, VolumeSnapshots";
    "volumes-encrypted", runtime::volumes, false, "parameters of StorageClasses";
    "alerts-written", runtime::alerts, false, "PrometheusRules";
    "platform-logs", runtime::platform_logs, false, "loggingConfig; clusterLogging; addonProfiles; log agents on nodes";
    "restorable", runtime::restorable, false, "Velero backups";
    "bulletins", runtime::bulletins, false, "notificationConfig";
}

/// The rule with this name.
pub(super) fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

fn text<'v>(value: &'v Value<'v>, path: &[&str]) -> Option<&'v str> {
    at(value, path)?.as_str()
}

/// `namespace/name`, short and safe.
fn shown(value: &Value<'_>) -> String {
    let name = at(value, &["metadata", "name"]).and_then(|value| value.as_str()).unwrap_or_default();
    match at(value, &["metadata", "namespace"]).and_then(|value| value.as_str()) {
        Some(namespace) => format!("{}/{}", shortened(namespace), shortened(name)),
        None => shortened(name),
    }
}

fn is_true(value: &Value<'_>, path: &[&str]) -> bool {
    at(value, path).and_then(Value::as_bool) == Some(true)
}
