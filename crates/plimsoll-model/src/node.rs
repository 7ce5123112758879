//! What a look at one node found: its kubelet, its files, its runtime. Facts only; what they mean is decided elsewhere.
//!
//! A field that is absent was not looked at, or could not be read: it is never a default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Problem;

/// Version of the form.
pub const NODE_VERSION: &str = "1.0";
/// Kind of the document.
pub const NODE_KIND: &str = "NodeFacts";

/// What a file is to the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileRole {
    /// The credentials by which the kubelet speaks to the API server.
    KubeletKubeconfig,
    /// The same of kube-proxy.
    ProxyKubeconfig,
    /// The configuration of the kubelet.
    KubeletConfiguration,
    /// The unit that starts the kubelet, and what is dropped beside it.
    KubeletService,
    /// The authority by which the kubelet checks who asks.
    ClientAuthority,
    /// The credentials of the node in Azure.
    AzureCredentials,
    /// The socket of the container runtime.
    RuntimeSocket,
    /// The configuration of the container runtime.
    RuntimeConfiguration,
    /// A static pod.
    StaticPod,
    /// Something of the control plane: keys, credentials.
    ControlPlane,
}

/// A file of the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeFile {
    /// What it is.
    pub role: FileRole,
    /// Where.
    pub path: String,
    /// Permission bits in octal, four digits: `0600`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mode: Option<String>,
    /// Number of the user who owns it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user: Option<u32>,
    /// Number of the group that owns it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<u32>,
}

/// The kubelet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kubelet {
    /// Its arguments, without the program's name. Absent where the process was not seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub arguments: Option<Vec<String>>,
    /// The file that `--config` names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub configuration_file: Option<String>,
    /// What the file says. Arguments go before it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub configuration: Option<serde_json::Value>,
    /// What the kubelet itself says it runs with (`/configz`): this is all of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub effective: Option<serde_json::Value>,
}

/// The container runtime.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeRuntime {
    /// `containerd`, `crio`, `dockerd`.
    pub name: String,
    /// Its version, where a file told it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeCertificate {
    /// Where.
    pub path: String,
    /// When it ends: RFC 3339. Absent where it could not be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<String>,
}

/// Who can sign in to the node from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoteAccess {
    /// Something listens on port 22 of an address that is not the node's own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub listens: Option<bool>,
    /// Accounts that hold authorised keys.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub accounts_with_keys: Option<Vec<String>>,
}

/// A file system that holds what containers and the kubelet write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeDisk {
    /// Where it is mounted.
    pub mount: String,
    /// The device.
    pub device: String,
    /// The device or one that it is made of is encrypted by the kernel (dm-crypt). A cloud may encrypt below it, which no node sees.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub encrypted: Option<bool>,
}

/// The file of `--encryption-provider-config`, without its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretEncryption {
    /// Where.
    pub path: String,
    /// The provider that comes first for Secrets, which encrypts what is written: `identity` encrypts nothing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_provider: Option<String>,
}

/// What a look at one node found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeFacts {
    /// [`NODE_VERSION`].
    pub schema_version: String,
    /// [`NODE_KIND`].
    pub kind: String,
    /// The program.
    pub tool: String,
    /// When: RFC 3339.
    pub taken_at: String,
    /// Name of the node, as the cluster knows it.
    pub node: String,
    /// `PRETTY_NAME` of os-release.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub os: Option<String>,
    /// Release of the kernel.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kernel: Option<String>,
    /// The kubelet.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kubelet: Option<Kubelet>,
    /// Files that were found.
    #[serde(default)]
    pub files: Vec<NodeFile>,
    /// Roles of files that were looked for everywhere they are known to be, and are nowhere.
    #[serde(default)]
    pub absent: Vec<FileRole>,
    /// The container runtime.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub runtime: Option<NodeRuntime>,
    /// Kernel settings by name.
    #[serde(default)]
    pub sysctls: BTreeMap<String, String>,
    /// Certificates of the kubelet and of the control plane.
    #[serde(default)]
    pub certificates: Vec<NodeCertificate>,
    /// The firmware started the kernel with secure boot (UEFI variable `SecureBoot`). False on a machine without UEFI.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub secure_boot: Option<bool>,
    /// The system asks for a restart, to run what was updated.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub restart_wanted: Option<bool>,
    /// Who can sign in from outside.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remote_access: Option<RemoteAccess>,
    /// Where containers and the kubelet write.
    #[serde(default)]
    pub disks: Vec<NodeDisk>,
    /// The file by which Secrets are encrypted, on nodes of a control plane.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub secret_encryption: Option<SecretEncryption>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub problems: Vec<Problem>,
}

impl NodeFacts {
    /// Files of a role.
    pub fn files_of(&self, role: FileRole) -> impl Iterator<Item = &NodeFile> {
        self.files.iter().filter(move |file| file.role == role)
    }
}
