//! Where daemons are: what variables, contexts and customs say.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use plimsoll_model::{Algorithm, Via};
use serde::Deserialize;

use crate::error::plain;
use crate::store::digest_of;

/// Largest file that tells of a context, in bytes.
const LARGEST_FILE: u64 = 1024 * 1024;

/// What variables say of daemons, as their own clients read them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaemonVariables {
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// `DOCKER_TLS_VERIFY` is set.
    pub docker_tls: bool,
    /// `DOCKER_CERT_PATH`.
    pub docker_certificates: Option<PathBuf>,
    /// `DOCKER_CONFIG`.
    pub docker_config: Option<PathBuf>,
    /// `CONTAINER_HOST`: Podman's.
    pub container_host: Option<String>,
    /// `CONTAINERD_ADDRESS`.
    pub containerd_address: Option<String>,
    /// `CONTAINERD_NAMESPACE`: no other is asked.
    pub containerd_namespace: Option<String>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
}

impl DaemonVariables {
    /// Asks for each variable.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let path = |name: &str| variable(name).map(PathBuf::from);
        DaemonVariables {
            docker_host: variable("DOCKER_HOST"),
            docker_context: variable("DOCKER_CONTEXT"),
            docker_tls: variable("DOCKER_TLS_VERIFY").is_some(),
            docker_certificates: path("DOCKER_CERT_PATH"),
            docker_config: path("DOCKER_CONFIG"),
            container_host: variable("CONTAINER_HOST"),
            containerd_address: variable("CONTAINERD_ADDRESS"),
            containerd_namespace: variable("CONTAINERD_NAMESPACE"),
            runtime: path("XDG_RUNTIME_DIR"),
            home: path("HOME"),
        }
    }

    /// The places where a daemon may be, the likeliest first. Where the user named one there is no other.
    pub(super) fn addresses(&self, via: Via) -> Vec<Address> {
        match via {
            Via::Docker => self.docker(),
            Via::Podman => self.podman(),
            Via::Containerd => self.containerd(),
            Via::Registry | Via::Process => Vec::new(),
        }
    }

    fn docker(&self) -> Vec<Address> {
        let config = self.docker_config.clone().or_else(|| Some(self.home.as_ref()?.join(".docker")));
        if let Some(host) = &self.docker_host {
            let certificates = self.docker_certificates.clone().or(config).unwrap_or_default();
            let tls = self.docker_tls.then_some(Tls { folder: certificates, check: true });
            return vec![Address::parse(host, tls)];
        }
        if let Some(address) = config.and_then(|folder| context(&folder, self.docker_context.as_deref())) {
            return vec![address];
        }
        let mut sockets = vec![PathBuf::from("/var/run/docker.sock")];
        sockets.extend(self.runtime.as_ref().map(|folder| folder.join("docker.sock")));
        // Docker Desktop and Rancher Desktop.
        for place in [".docker/run/docker.sock", ".docker/desktop/docker.sock", ".rd/docker.sock"] {
            sockets.extend(self.home.as_ref().map(|home| home.join(place)));
        }
        sockets.into_iter().map(Address::Socket).collect()
    }

    fn containerd(&self) -> Vec<Address> {
        /// containerd's own, and K3s'.
        const SOCKETS: [&str; 2] = ["/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock"];
        match &self.containerd_address {
            Some(address) => vec![Address::parse(address, None)],
            None => SOCKETS.map(|path| Address::Socket(PathBuf::from(path))).into(),
        }
    }

    fn podman(&self) -> Vec<Address> {
        if let Some(host) = &self.container_host {
            return vec![Address::parse(host, None)];
        }
        let user = self.runtime.as_ref().map(|folder| folder.join("podman/podman.sock"));
        user.into_iter().chain([PathBuf::from("/run/podman/podman.sock")]).map(Address::Socket).collect()
    }
}

/// Where a daemon is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A socket of this machine.
    Socket(PathBuf),
    /// Another machine, as `host:port`.
    Host { authority: String, tls: Option<Tls> },
    /// A way that is not ours, and why.
    Other { text: String, detail: String },
}

/// How a connection to another machine is secured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tls {
    /// Holds `ca.pem`, `cert.pem` and `key.pem`.
    pub(super) folder: PathBuf,
    /// Is the daemon's certificate checked?
    pub(super) check: bool,
}

impl Address {
    /// Reads what `DOCKER_HOST` takes.
    fn parse(text: &str, tls: Option<Tls>) -> Self {
        let other = |detail: &str| {
            // Nothing of what stands before an `@` is shown.
            let shown = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
            Address::Other { text: plain(shown), detail: detail.to_owned() }
        };
        let Some((scheme, rest)) = text.split_once("://") else {
            return if text.starts_with('/') {
                Address::Socket(PathBuf::from(text))
            } else {
                other("expected unix:///PATH or tcp://HOST:PORT")
            };
        };
        match scheme {
            "unix" if rest.starts_with('/') => Address::Socket(PathBuf::from(rest)),
            "tcp" | "http" | "https" => {
                let authority = rest.trim_end_matches('/');
                let host_and_port = if authority.ends_with(|last: char| last.is_ascii_digit())
                    && authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'))
                {
                    authority.to_owned()
                } else {
                    format!("{authority}:{}", if tls.is_some() { 2376 } else { 2375 })
                };
                if !crate::reference::is_host_and_port(&host_and_port) {
                    return other("expected tcp://HOST:PORT");
                }
                let tls =
                    tls.or_else(|| (scheme == "https").then(|| Tls { folder: PathBuf::new(), check: true }));
                Address::Host { authority: host_and_port, tls }
            }
            "ssh" => other("connections over SSH are not built: forward its socket (`ssh -L`) and name that"),
            _ => other("expected unix:///PATH or tcp://HOST:PORT"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Socket(path) => write!(formatter, "unix://{}", path.display()),
            Address::Host { authority, .. } => write!(formatter, "tcp://{authority}"),
            Address::Other { text, .. } => formatter.write_str(text),
        }
    }
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "currentContext", default)]
    current: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Context {
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Option<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    unchecked: bool,
}

/// The daemon of a context of Docker's client (docker-context): the one that is named, or the current one. `None` for the
/// default, which is no file.
fn context(folder: &Path, named: Option<&str>) -> Option<Address> {
    let name = match named {
        Some(name) => name.to_owned(),
        // Without the file, or with one that somebody else's program broke, the default holds.
        None => serde_json::from_slice::<Config>(&read(&folder.join("config.json")).ok()?).ok()?.current?,
    };
    if name.is_empty() || name == "default" {
        return None;
    }
    let wrong = |detail: &str| {
        Some(Address::Other { text: format!("context `{}`", plain(&name)), detail: detail.to_owned() })
    };
    let digest = digest_of(Algorithm::Sha256, name.as_bytes())?;
    let meta = folder.join("contexts/meta").join(digest.hex()).join("meta.json");
    let Ok(bytes) = read(&meta) else { return wrong("its file cannot be read") };
    let Ok(context) = serde_json::from_slice::<Context>(&bytes) else {
        return wrong("its file cannot be understood");
    };
    let Some(endpoint) = context.endpoints.docker else { return wrong("it names no Docker daemon") };
    let certificates = folder.join("contexts/tls").join(digest.hex()).join("docker");
    let tls = (certificates.is_dir() || endpoint.unchecked)
        .then_some(Tls { folder: certificates, check: !endpoint.unchecked });
    Some(Address::parse(&endpoint.host, tls))
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// For the fuzzer: any text as an address and as the file of a context.
pub(super) fn fuzz(text: &str) {
    for tls in [None, Some(Tls { folder: PathBuf::new(), check: true })] {
        if let Address::Host { authority, .. } = Address::parse(text, tls) {
            assert!(crate::reference::is_host_and_port(&authority));
        }
    }
    let _ = serde_json::from_str::<Context>(text);
    let _ = serde_json::from_str::<Config>(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_users_write_them() {
        let plain = |text: &str| Address::parse(text, None).to_string();
        assert_eq!(plain("unix:///a/b.sock"), "unix:///a/b.sock");
        assert_eq!(plain("/a/b.sock"), "unix:///a/b.sock");
        assert_eq!(plain("tcp://h.x"), "tcp://h.x:2375");
        assert_eq!(plain("tcp://h.x:99/"), "tcp://h.x:99");
        assert_eq!(plain("tcp://[::1]"), "tcp://[::1]:2375");
        assert_eq!(plain("tcp://[::1]:99"), "tcp://[::1]:99");
        let secured = Address::parse("tcp://h.x", Some(Tls { folder: "/c".into(), check: true }));
        assert_eq!(secured.to_string(), "tcp://h.x:2376");
        for wrong in
            ["ssh://me:secret@h.x", "unix://relative", "npipe:////./pipe/x", "x", "", "tcp://a b", "tcp://"]
        {
            let address = Address::parse(wrong, None);
            assert!(matches!(address, Address::Other { .. }), "{wrong}: {address:?}");
            assert!(!address.to_string().contains("secret"));
        }
    }

    #[test]
    fn the_users_word_comes_first() {
        let shown = |variables: &DaemonVariables, via| -> Vec<String> {
            variables.addresses(via).iter().map(ToString::to_string).collect()
        };
        let mut variables = DaemonVariables::default();
        assert_eq!(shown(&variables, Via::Docker), ["unix:///var/run/docker.sock"]);
        assert_eq!(shown(&variables, Via::Podman), ["unix:///run/podman/podman.sock"]);
        variables.runtime = Some("/run/user/1".into());
        assert_eq!(
            shown(&variables, Via::Podman),
            ["unix:///run/user/1/podman/podman.sock", "unix:///run/podman/podman.sock"]
        );
        variables.container_host = Some("unix:///p".into());
        assert_eq!(shown(&variables, Via::Podman), ["unix:///p"]);
        variables.docker_host = Some("tcp://h.x".into());
        variables.docker_tls = true;
        assert_eq!(shown(&variables, Via::Docker), ["tcp://h.x:2376"]);
    }

    #[test]
    fn contexts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let found = |named| context(root, named).map(|address| address.to_string());
        assert_eq!(found(None), None);
        std::fs::write(root.join("config.json"), r#"{"currentContext":"far"}"#).unwrap();
        assert_eq!(found(None).as_deref(), Some("context `far`"));
        let id = digest_of(Algorithm::Sha256, b"far").unwrap();
        let meta = root.join("contexts/meta").join(id.hex());
        std::fs::create_dir_all(&meta).unwrap();
        let write = |text: &str| std::fs::write(meta.join("meta.json"), text).unwrap();
        write(r#"{"Name":"far","Endpoints":{"docker":{"Host":"tcp://far.x","SkipTLSVerify":false}}}"#);
        assert_eq!(found(None).as_deref(), Some("tcp://far.x:2375"));
        std::fs::create_dir_all(root.join("contexts/tls").join(id.hex()).join("docker")).unwrap();
        assert_eq!(found(None).as_deref(), Some("tcp://far.x:2376"));
        assert_eq!(found(Some("default")), None);
        assert_eq!(found(Some("other")).as_deref(), Some("context `other`"));
        write("{");
        assert_eq!(found(None).as_deref(), Some("context `far`"));
    }
}
