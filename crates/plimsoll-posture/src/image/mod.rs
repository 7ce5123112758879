//! Images: their configuration, history and files, and the rules for them.
//!
//! The files are known by name, mode and size only, except a few small texts: [`interest`] says of each name, cheaply, whether it is
//! worth remembering.

pub(crate) mod rules;

use std::collections::BTreeMap;

use plimsoll_model::ImagePath;
use serde::{Deserialize, Serialize};

/// What is known of an image. A part that is `None` was not seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageFacts {
    /// Reference by which it was asked for.
    pub reference: Option<String>,
    /// Configuration.
    pub configuration: Option<Configuration>,
    /// History, oldest first.
    pub history: Option<Vec<HistoryStep>>,
    /// Files.
    pub files: Option<Files>,
    /// Today, `YYYY-MM-DD`.
    pub now: Option<String>,
}

/// The configuration (OCI image-spec 1.1, config.md).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Configuration {
    /// `config.User`.
    pub user: String,
    /// `config.ExposedPorts`.
    pub exposed_ports: Vec<String>,
    /// `config.Volumes`.
    pub volumes: Vec<String>,
    /// `config.Labels`.
    pub labels: BTreeMap<String, String>,
    /// `config.Healthcheck` is there.
    pub has_healthcheck: bool,
    /// `created`.
    pub created: Option<String>,
}

/// One step of the history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct HistoryStep {
    /// The command.
    pub created_by: String,
    /// Layer that it made, counted from 1.
    pub layer: Option<u32>,
    /// It came with the base image.
    pub from_base: bool,
}

/// What is known of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Files {
    /// Setuid, setgid, world-writable and capable files, and tools.
    pub marked: Vec<File>,
    /// What package managers left.
    pub leftovers: Vec<Leftover>,
    /// Small texts: accounts and sudo.
    pub texts: Vec<SmallText>,
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct File {
    /// Path.
    pub path: ImagePath,
    /// Layer, counted from 1.
    pub layer: Option<u32>,
    /// Permission bits.
    pub mode: u32,
    /// Has `security.capability`.
    pub capable: bool,
    /// Distribution package that owns it.
    pub owner: Option<String>,
}

/// What a package manager left in a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Leftover {
    /// Which: one of [`LEFTOVERS`].
    pub what: String,
    /// Layer, counted from 1.
    pub layer: Option<u32>,
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
    /// One of the files.
    pub path: ImagePath,
}

/// A small file with its content.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct SmallText {
    /// Path.
    pub path: ImagePath,
    /// Layer, counted from 1.
    pub layer: Option<u32>,
    /// Content. May hold hashes of passwords: never shown.
    pub text: String,
}

impl std::fmt::Debug for SmallText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SmallText({}, {} bytes)", self.path, self.text.len())
    }
}

/// The part of an image that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A part of the configuration: `config.User`.
    Configuration(&'static str),
    /// A step of the history, counted from 0, with its layer.
    History(usize, Option<u32>),
    /// A file.
    File(ImagePath, Option<u32>),
}

/// Why a file is worth remembering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// For its mode, or because it is a tool.
    Marked,
    /// As one of many; which of [`LEFTOVERS`].
    Leftover(&'static str),
    /// For its content.
    Text,
}

/// Folders in which package managers leave things: where, and what it is.
pub static LEFTOVERS: &[(&str, &str)] = &[
    ("var/lib/apt/lists/", "apt package lists"),
    ("var/cache/apt/", "apt archives"),
    ("var/cache/apk/", "apk index"),
    ("lib/apk/cache/", "apk index"),
    ("var/cache/dnf/", "dnf cache"),
    ("var/cache/libdnf5/", "dnf cache"),
    ("var/cache/yum/", "yum cache"),
    ("var/cache/zypp/", "zypper cache"),
    ("var/cache/pacman/pkg/", "pacman archives"),
    ("root/.cache/pip/", "pip cache"),
    ("root/.npm/_cacache/", "npm cache"),
    ("usr/local/share/.cache/yarn/", "yarn cache"),
    ("root/.cache/yarn/", "yarn cache"),
    ("root/.cache/go-build/", "Go build cache"),
    ("root/.cargo/registry/", "cargo registry"),
    ("usr/local/cargo/registry/", "cargo registry"),
    ("root/.gem/", "gem cache"),
    ("root/.m2/repository/", "Maven repository"),
];

/// Programs that help whoever broke in: name, and what it is.
static TOOLS: &[(&str, &str)] = &[
    ("sh", "shell"),
    ("bash", "shell"),
    ("dash", "shell"),
    ("ash", "shell"),
    ("zsh", "shell"),
    ("ksh", "shell"),
    ("busybox", "shell"),
    ("gcc", "compiler"),
    ("cc", "compiler"),
    ("clang", "compiler"),
    ("make", "compiler"),
    ("rustc", "compiler"),
    ("apt-get", "package manager"),
    ("dpkg", "package manager"),
    ("apk", "package manager"),
    ("yum", "package manager"),
    ("dnf", "package manager"),
    ("dnf5", "package manager"),
    ("microdnf", "package manager"),
    ("zypper", "package manager"),
    ("rpm", "package manager"),
    ("curl", "downloader"),
    ("wget", "downloader"),
    ("nc", "network tool"),
    ("ncat", "network tool"),
    ("nmap", "network tool"),
    ("tcpdump", "network tool"),
    ("sshd", "SSH server"),
    ("dropbear", "SSH server"),
    ("telnetd", "remote login"),
];

/// What kind of tool a path is.
pub(crate) fn tool(path: &[u8]) -> Option<&'static str> {
    if path.ends_with(b"/.ssh/authorized_keys") || path.ends_with(b"/.ssh/authorized_keys2") {
        return Some("SSH keys");
    }
    let slash = path.iter().rposition(|byte| *byte == b'/')?;
    let (folder, name) = (&path[..slash], &path[slash + 1..]);
    let programs: [&[u8]; 7] = [
        b"bin",
        b"sbin",
        b"usr/bin",
        b"usr/sbin",
        b"usr/local/bin",
        b"usr/local/sbin",
        b"usr/libexec/openssh",
    ];
    if name.len() > 10 || !programs.contains(&folder) {
        // gcc-12 and clang-15 are found by the links that point at them or not at all; they say nothing new.
        return None;
    }
    TOOLS.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, kind)| *kind)
}

/// Is the file worth remembering? Asked for every file of an image: cheap.
pub fn interest(path: &[u8], mode: u32, capable: bool) -> Option<Interest> {
    if mode & 0o6002 != 0 || capable {
        return Some(Interest::Marked);
    }
    match path.first()? {
        b'e' if is_text(path) => Some(Interest::Text),
        b'v' | b'r' | b'l' | b'u' => match leftover(path) {
            Some(what) => Some(Interest::Leftover(what)),
            None => tool(path).map(|_| Interest::Marked),
        },
        b'b' | b's' | b'h' => tool(path).map(|_| Interest::Marked),
        _ => None,
    }
}

fn leftover(path: &[u8]) -> Option<&'static str> {
    let (_, what) = LEFTOVERS.iter().find(|(folder, _)| path.starts_with(folder.as_bytes()))?;
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    // Lock files and the keyrings of auxfiles are part of an empty folder.
    (!matches!(name, b"lock" | b".lock") && !path.starts_with(b"var/lib/apt/lists/auxfiles")).then_some(*what)
}

fn is_text(path: &[u8]) -> bool {
    matches!(path, b"etc/passwd" | b"etc/shadow" | b"etc/sudoers") || path.starts_with(b"etc/sudoers.d/")
}

/// A volume at the socket of a container engine, or over folders of the system.
pub(crate) fn is_sensitive_volume(path: &str) -> bool {
    const FOLDERS: &[&str] =
        &["", "/etc", "/proc", "/sys", "/dev", "/root", "/boot", "/usr", "/bin", "/sbin", "/lib", "/lib64"];
    let path = path.trim_end_matches('/');
    let socket = path.ends_with("docker.sock")
        || path.ends_with("containerd.sock")
        || path.ends_with("podman.sock")
        || path.ends_with("crio.sock");
    socket || path.is_empty() || FOLDERS.contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered() {
        for (path, mode, expected) in [
            ("usr/bin/su", 0o4755, Some(Interest::Marked)),
            ("srv/x", 0o666, Some(Interest::Marked)),
            ("srv/x", 0o644, None),
            ("etc/shadow", 0o640, Some(Interest::Text)),
            ("etc/sudoers.d/app", 0o440, Some(Interest::Text)),
            ("var/lib/apt/lists/deb_Packages", 0o644, Some(Interest::Leftover("apt package lists"))),
            ("var/lib/apt/lists/lock", 0o640, None),
            ("usr/bin/gcc", 0o755, Some(Interest::Marked)),
            ("usr/share/gcc", 0o755, None),
            ("home/a/.ssh/authorized_keys", 0o600, Some(Interest::Marked)),
        ] {
            assert_eq!(interest(path.as_bytes(), mode, false), expected, "{path}");
        }
        assert_eq!(interest(b"usr/bin/ping", 0o755, true), Some(Interest::Marked));
    }
}
