//! Names of the Pod Security Standards: what policies ask for and posture judges.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How much a pod may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Everything.
    Privileged,
    /// What ordinary applications need, and no known way out of the container.
    Baseline,
    /// As little as is good practice.
    Restricted,
}

impl Level {
    /// As namespaces are labelled.
    pub fn word(self) -> &'static str {
        match self {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        }
    }
}

/// The version of the standard: that of the Kubernetes release it came with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// That of this minor release of Kubernetes 1.
    Minor(u16),
    /// The newest that is known. Orders after all others.
    #[default]
    Latest,
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Version::Minor(minor) => write!(formatter, "v1.{minor}"),
            Version::Latest => formatter.write_str("latest"),
        }
    }
}

/// No version of the standard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no version of the Pod Security Standards: `latest`, or as in `v1.37`", .0.escape_debug())]
pub struct VersionError(String);

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let minor = |text: &str| {
            let digits = text.strip_prefix("v1.")?;
            let plain = digits == "0" || !digits.starts_with('0');
            (plain && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
        };
        match text {
            "latest" => Ok(Version::Latest),
            _ => minor(text).map(Version::Minor).ok_or_else(|| VersionError(text.chars().take(40).collect())),
        }
    }
}

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A level of the standard at a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Standard {
    /// How much a pod may do.
    pub level: Level,
    /// By which version.
    #[serde(default)]
    pub version: Version,
}

impl fmt::Display for Standard {
    /// As Kubernetes writes it: `restricted:v1.37`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.level.word(), self.version)
    }
}

/// The newest minor release of Kubernetes 1 whose standard is known here; later ones are judged by it.
pub const NEWEST: u16 = 37;

/// Capabilities that a container has anyway.
pub const DEFAULT_CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Sysctls that concern the pod alone, with the minor release since which they count as such.
pub const SAFE_SYSCTLS: [(&str, u16); 14] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
    ("net.ipv4.tcp_notsent_lowat", 37),
    ("net.ipv4.tcp_slow_start_after_idle", 37),
];

/// SELinux types for containers, with the minor release since which they count as such.
pub const SE_LINUX_TYPES: [(&str, u16); 5] = [
    ("", 0),
    ("container_t", 0),
    ("container_init_t", 0),
    ("container_kvm_t", 0),
    ("container_engine_t", 31),
];

/// Volumes that are no way to the node.
pub const RESTRICTED_VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let check = |text: &str, expected: Option<Version>| {
            assert_eq!(text.parse::<Version>().ok(), expected, "{text}");
            if let Some(version) = expected {
                assert_eq!(version.to_string(), text);
            }
        };
        check("latest", Some(Version::Latest));
        check("v1.0", Some(Version::Minor(0)));
        check("v1.37", Some(Version::Minor(37)));
        for wrong in ["", "v1", "v1.", "1.24", "v2.0", "v1.024", "v1.+3", "v1.99999999", "Latest", "v1.24 "] {
            check(wrong, None);
        }
        assert!(Version::Minor(u16::MAX) < Version::Latest);
    }
}
