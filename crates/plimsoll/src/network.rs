//! What the surroundings say of the network: proxies, authorities, credentials, clock and chance.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use plimsoll_http::{Clock, Identity, Pem, Proxies, Roots, Settings};
use plimsoll_scan::{DaemonSettings, DaemonVariables, Daemons, Registries, RegistryFiles, RegistrySettings};

use crate::cli::RegistryArguments;

/// What variables say.
#[derive(Debug, Default)]
pub(crate) struct Network {
    proxies: Proxies,
    roots: Roots,
    /// Files of credentials for registries, the first that knows one wins.
    credentials: Vec<PathBuf>,
    /// What other tools know of registries.
    files: RegistryFiles,
    /// Where daemons are.
    daemons: DaemonVariables,
}

impl Network {
    /// Reads the variables that curl, OpenSSL, Docker and Podman read.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        // Lower case first: a web server sets HTTP_PROXY from a header of its client (CVE-2016-5385).
        let proxy = |name: &str| variable(name).or_else(|| variable(&name.to_uppercase()));
        let home = variable("HOME").map(PathBuf::from);
        let below = |folder: Option<PathBuf>, path: &str| folder.map(|folder| folder.join(path));
        let docker = variable("DOCKER_CONFIG").map(PathBuf::from).or_else(|| below(home.clone(), ".docker"));
        let user = variable("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| below(home.clone(), ".config"));
        let credentials = [
            variable("REGISTRY_AUTH_FILE").map(PathBuf::from),
            below(docker, "config.json"),
            below(variable("XDG_RUNTIME_DIR").map(PathBuf::from), "containers/auth.json"),
            below(user.clone(), "containers/auth.json"),
        ];
        let cache = variable("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| below(home.clone(), ".cache"));
        let paths = |users: Option<PathBuf>, systems: &[&str]| -> Vec<PathBuf> {
            users.into_iter().chain(systems.iter().map(PathBuf::from)).collect()
        };
        let mut files = RegistryFiles {
            registries_conf: variable("CONTAINERS_REGISTRIES_CONF").map(PathBuf::from),
            usual_registries_conf: paths(
                below(user.clone(), "containers/registries.conf"),
                &["/etc/containers/registries.conf", "/usr/share/containers/registries.conf"],
            ),
            // The user's own replace the system's.
            drop_ins: paths(None, &["/etc/containers/registries.conf.d"]),
            short_names: paths(None, &["/var/cache/containers/short-name-aliases.conf"]),
            hosts: paths(None, &["/etc/containerd/certs.d"]),
            certificates: paths(below(user.clone(), "containers/certs.d"), &["/etc/containers/certs.d"]),
        };
        files.drop_ins.extend(below(user.clone(), "containers/registries.conf.d"));
        files.short_names.extend(below(cache, "containers/short-name-aliases.conf"));
        files.certificates.extend(paths(below(user, "docker/certs.d"), &["/etc/docker/certs.d"]));
        Network {
            proxies: Proxies {
                http: proxy("http_proxy"),
                https: proxy("https_proxy"),
                all: proxy("all_proxy"),
                except: proxy("no_proxy"),
                this_machine: false,
            },
            roots: Roots {
                file: variable("SSL_CERT_FILE").map(PathBuf::from),
                folder: variable("SSL_CERT_DIR").map(PathBuf::from),
                ..Roots::default()
            },
            credentials: credentials.into_iter().flatten().collect(),
            files,
            daemons: DaemonVariables::read(variable),
        }
    }

    /// How this program goes to the network, with further authorities.
    pub(crate) fn http(&self, ca_files: &[PathBuf]) -> Settings {
        let user_agent = concat!("plimsoll/", env!("CARGO_PKG_VERSION"));
        let mut settings = Settings::new(user_agent, seed(), Arc::new(SystemClock));
        settings.proxies = self.proxies.clone();
        settings.roots = Roots { extra: ca_files.to_vec(), ..self.roots.clone() };
        settings
    }

    /// The daemons, as surroundings say.
    pub(crate) fn daemons(&self) -> Daemons {
        Daemons::new(DaemonSettings { http: self.http(&[]), variables: self.daemons.clone() })
    }

    /// The registries, as flags and surroundings say.
    pub(crate) fn registries(&self, arguments: &RegistryArguments) -> Registries {
        Registries::new(self.registry_settings(arguments))
    }

    /// The registries, for an admission that waits: what does not answer soon is asked again with the next one.
    pub(crate) fn registries_in_haste(&self, arguments: &RegistryArguments) -> Registries {
        let mut settings = self.registry_settings(arguments);
        let http = &mut settings.http;
        http.connect_timeout = Duration::from_secs(3);
        http.idle_timeout = Duration::from_secs(10);
        http.retries.attempts = 1;
        http.retries.longest = Duration::from_secs(1);
        http.retries.longest_asked = Duration::from_secs(2);
        Registries::new(settings)
    }

    fn registry_settings(&self, arguments: &RegistryArguments) -> RegistrySettings {
        let identity = arguments.client_certificate.clone().map(|certificate| Identity {
            // A file may hold both.
            key: Pem::File(arguments.client_key.clone().unwrap_or_else(|| certificate.clone())),
            certificate: Pem::File(certificate),
        });
        let mut settings = self.settings(&arguments.ca_files, &arguments.insecure);
        let folders = arguments.host_folders.iter().cloned();
        settings.files.hosts.splice(..0, folders.clone());
        settings.files.certificates.splice(..0, folders);
        RegistrySettings { identity, mirrors: arguments.mirrors.clone(), ..settings }
    }

    /// The registries, with these further authorities and hosts that need not be secured.
    pub(crate) fn registries_by(&self, ca_files: &[PathBuf], insecure: &[String]) -> Registries {
        Registries::new(self.settings(ca_files, insecure))
    }

    fn settings(&self, ca_files: &[PathBuf], insecure: &[String]) -> RegistrySettings {
        RegistrySettings {
            credentials: self.credentials.clone(),
            insecure: insecure.to_vec(),
            files: self.files.clone(),
            ..RegistrySettings::new(self.http(ca_files))
        }
    }
}

/// The machine's clock.
#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        now()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// Now.
#[expect(clippy::disallowed_methods, reason = "the clock enters here")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Chance for waits only: programs that were started together must not come back together.
fn seed() -> u64 {
    let since = now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::from(since.subsec_nanos()) ^ (u64::from(std::process::id()) << 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_credentials_in_order() {
        let files = |set: &[(&str, &str)]| {
            let variable =
                |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            Network::read(variable).credentials
        };
        assert_eq!(files(&[]), Vec::<PathBuf>::new());
        let home = ["/h/.docker/config.json", "/h/.config/containers/auth.json"].map(PathBuf::from);
        assert_eq!(files(&[("HOME", "/h")]), home);
        let all = files(&[
            ("HOME", "/h"),
            ("REGISTRY_AUTH_FILE", "/a.json"),
            ("DOCKER_CONFIG", "/d"),
            ("XDG_RUNTIME_DIR", "/run/user/1"),
            ("XDG_CONFIG_HOME", "/c"),
        ]);
        let expected =
            ["/a.json", "/d/config.json", "/run/user/1/containers/auth.json", "/c/containers/auth.json"];
        assert_eq!(all, expected.map(PathBuf::from));
    }

    #[test]
    fn lower_case_proxies_win() {
        let both = |name: &str| match name {
            "http_proxy" => Some("lower".to_owned()),
            "HTTP_PROXY" | "HTTPS_PROXY" => Some("upper".to_owned()),
            _ => None,
        };
        let proxies = Network::read(both).proxies;
        assert_eq!((proxies.http.as_deref(), proxies.https.as_deref()), (Some("lower"), Some("upper")));
    }
}
