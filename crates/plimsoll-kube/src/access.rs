//! Where a cluster is and as whom it is asked, out of what the surroundings say.

use std::io::Read as _;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_http::{Identity, Pem, Secret, Settings, Url};

use crate::exec::Plugin;
use crate::kubeconfig::{Chosen, LARGEST, Material};
use crate::{Error, Kubeconfig};

/// How long a token out of a file is used before the file is read again. The kubelet replaces it long before it ends.
const TOKEN_FILE: Duration = Duration::from_mins(1);

/// What the surroundings say of clusters.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// A kubeconfig that was named. It must be there.
    pub named: Option<PathBuf>,
    /// `KUBECONFIG`: files that are one together. Those that are not there are passed over.
    pub listed: Vec<PathBuf>,
    /// The user's kubeconfig, where no other is named: `~/.kube/config`.
    pub usual: Option<PathBuf>,
    /// `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`: this program runs in a cluster.
    pub service: Option<(String, String)>,
    /// Folder of the service account's token and authority: `/var/run/secrets/kubernetes.io/serviceaccount`.
    pub account: PathBuf,
}

/// Where a cluster is, and as whom it is asked.
#[derive(Clone)]
pub struct Access {
    /// The context of the kubeconfig; `in-cluster`.
    pub context: String,
    /// The namespace that the context names, or that of the pod.
    pub namespace: Option<String>,
    pub(crate) server: Url,
    pub(crate) settings: Settings,
    pub(crate) credentials: Credentials,
    /// User and groups to act as.
    pub(crate) act_as: Option<(String, Vec<String>)>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Access")
            .field("context", &self.context)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// What proves who we are, beside a certificate.
#[derive(Clone)]
pub(crate) enum Credentials {
    /// Nothing, or the certificate alone.
    None,
    /// A token or a password that stays.
    Fixed(Secret),
    /// A token in a file that is replaced from time to time.
    File(PathBuf),
    /// A program.
    Plugin(Box<Plugin>),
}

/// How long a credential is good for.
pub(crate) const fn file_lasts() -> Duration {
    TOKEN_FILE
}

impl Access {
    /// Finds the cluster: the kubeconfig that is named, those of `KUBECONFIG`, the user's own, the cluster that this program
    /// runs in. `settings` are those of the network; authorities and certificates of the cluster take their place in it.
    ///
    /// # Errors
    /// When there is none, or what says so cannot be used.
    pub fn find(
        surroundings: &Surroundings,
        context: Option<&str>,
        settings: &Settings,
    ) -> Result<Self, Error> {
        if let Some(file) = &surroundings.named {
            let mut config = Kubeconfig::default();
            config.add(file, &text(file)?)?;
            return Access::of(config.choose(&file.display().to_string(), context)?, settings);
        }
        let usual = surroundings.usual.as_slice();
        let files = if surroundings.listed.is_empty() { usual } else { &surroundings.listed };
        let mut config = Kubeconfig::default();
        let mut tried = Vec::new();
        for file in files {
            if file.exists() {
                config.add(file, &text(file)?)?;
            } else {
                tried.push(format!("`{}` is not there", file.display()));
            }
        }
        if !config.is_empty() || context.is_some() {
            let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            return Access::of(config.choose(&names.join(":"), context)?, settings);
        }
        match &surroundings.service {
            Some((host, port)) => Access::in_cluster(host, port, &surroundings.account, settings),
            None => {
                tried.push("this program does not run in a cluster".into());
                Err(Error::NoCluster { tried })
            }
        }
    }

    /// The cluster that this program runs in, as its pod's service account.
    fn in_cluster(host: &str, port: &str, account: &Path, settings: &Settings) -> Result<Self, Error> {
        let host = match host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => host.to_owned(),
        };
        let mut settings = settings.clone();
        settings.roots.only = Some(Pem::File(account.join("ca.crt")));
        Ok(Access {
            context: "in-cluster".into(),
            namespace: text(&account.join("namespace")).ok().map(|name| name.trim().to_owned()),
            server: Url::parse(&format!("https://{host}:{port}"))?,
            settings,
            credentials: Credentials::File(account.join("token")),
            act_as: None,
        })
    }

    fn of(chosen: Chosen, settings: &Settings) -> Result<Self, Error> {
        let Chosen { context, namespace, cluster, user } = chosen;
        let refuse = |detail: String| Error::Kubeconfig { file: context.clone(), detail };
        let mut settings = settings.clone();
        let mut server = Url::parse(
            cluster.server.as_deref().filter(|server| !server.is_empty()).unwrap_or("http://localhost:8080"),
        )?;
        let authority = cluster.authority()?;
        let certificate = user.certificate()?;
        let credentials = match (&user.exec, user.token_file(), &user.token, &user.username) {
            (Some(exec), ..) => {
                Credentials::Plugin(Box::new(Plugin::new(exec, &cluster, &server, user.folder())?))
            }
            (None, Some(file), ..) => Credentials::File(file),
            (None, None, Some(token), _) if !token.is_empty() => {
                Credentials::Fixed(Secret::bearer(token.trim()))
            }
            (None, None, _, Some(name)) if !name.is_empty() => {
                Credentials::Fixed(Secret::basic(name, user.password.as_deref().unwrap_or_default()))
            }
            _ => Credentials::None,
        };
        if let Some(authority) = authority {
            settings.roots.only = Some(pem("certificate-authority-data", authority));
        }
        settings.identity = certificate.map(|(certificate, key)| Identity {
            certificate: pem("client-certificate-data", certificate),
            key: pem("client-key-data", key),
        });
        if let Some(proxy) = cluster.proxy_url.as_deref().filter(|proxy| !proxy.is_empty()) {
            settings.proxies = plimsoll_http::Proxies {
                all: Some(proxy.to_owned()),
                this_machine: true,
                ..plimsoll_http::Proxies::default()
            };
        }
        if cluster.is_insecure() {
            settings.insecure_hosts.push(format!("{}:{}", server.host(), server.port()));
        } else if let Some(name) = cluster.tls_server_name.as_deref().filter(|name| !name.is_empty())
            && name != server.host()
        {
            let proxied = settings.proxies.all.is_some() || settings.proxies.https.is_some();
            if proxied || name.parse::<IpAddr>().is_ok() || !crate::resource::is_name(name) {
                return Err(refuse(
                    "`tls-server-name` is supported for names only, and not together with a proxy".into(),
                ));
            }
            // The address that is asked is the server's, the name that is sent and checked is this one.
            let host = server.host().trim_matches(['[', ']']).to_owned();
            let address = (host.as_str(), server.port())
                .to_socket_addrs()
                .ok()
                .and_then(|mut addresses| addresses.next())
                .ok_or_else(|| refuse(format!("the name `{host}` of its server cannot be resolved")))?;
            settings.addresses.push((name.to_owned(), address));
            server = Url::parse(&format!("https://{name}:{}{}", server.port(), server.path()))?;
        }
        let groups = user.as_groups.clone().unwrap_or_default();
        let act_as = user.impersonate.clone().filter(|name| !name.is_empty()).map(|name| (name, groups));
        Ok(Access { context, namespace, server, settings, credentials, act_as })
    }
}

pub(crate) fn pem(name: &str, material: Material) -> Pem {
    match material {
        Material::File(path) => Pem::File(path),
        Material::Data(bytes) => Pem::Content { name: name.to_owned(), bytes: bytes.into() },
    }
}

/// A file of bounded size as text.
pub(crate) fn text(file: &Path) -> Result<String, Error> {
    let refuse = |detail: String| Error::File { file: file.display().to_string(), detail };
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text))
        .map_err(|error| refuse(error.to_string()))?;
    if text.len() as u64 > LARGEST {
        return Err(refuse(format!("it is larger than {LARGEST} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use super::*;

    struct Still;

    impl plimsoll_http::Clock for Still {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }
        fn sleep(&self, _: Duration) {}
    }

    fn find(surroundings: &Surroundings, context: Option<&str>) -> Result<Access, Error> {
        Access::find(surroundings, context, &Settings::new("test", 1, Arc::new(Still)))
    }

    const CONFIG: &str = "current-context: a\nclusters: [{name: c, cluster: {server: 'https://127.0.0.1:6443/k8s/one', tls-server-name: api.example}}]\n\
        users: [{name: u, user: {token: s3cret, as: eve, as-groups: [x]}}]\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n";

    #[test]
    fn where_it_is_looked_and_in_which_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, CONFIG).unwrap();
        std::fs::write(folder.path().join("namespace"), "shop\n").unwrap();
        let absent = folder.path().join("absent");
        let mut surroundings = Surroundings {
            account: folder.path().to_owned(),
            service: Some(("fd00::1".into(), "443".into())),
            ..Surroundings::default()
        };
        let inside = find(&surroundings, None).unwrap();
        assert_eq!((inside.context.as_str(), inside.namespace.as_deref()), ("in-cluster", Some("shop")));
        assert_eq!(inside.server.to_string(), "https://[fd00::1]/");
        surroundings.usual = Some(absent.clone());
        assert_eq!(find(&surroundings, None).unwrap().context, "in-cluster");
        surroundings.service = None;
        let error = find(&surroundings, None).unwrap_err();
        assert!(matches!(error, Error::NoCluster { .. }) && error.hint().is_some(), "{error}");
        surroundings.listed = vec![absent.clone(), file.clone()];
        let found = find(&surroundings, None).unwrap();
        assert_eq!(found.context, "a");
        assert!(find(&surroundings, Some("b")).unwrap_err().to_string().contains("no context `b`"));
        surroundings.named = Some(absent);
        assert!(matches!(find(&surroundings, None), Err(Error::File { .. })));
    }

    #[test]
    fn a_name_for_an_address_a_path_and_somebody_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, CONFIG).unwrap();
        let surroundings = Surroundings { named: Some(file.clone()), ..Surroundings::default() };
        let found = find(&surroundings, None).unwrap();
        assert_eq!(found.server.to_string(), "https://api.example:6443/k8s/one");
        assert_eq!(found.settings.addresses, [("api.example".into(), ([127, 0, 0, 1], 6443).into())]);
        assert_eq!(found.act_as, Some(("eve".into(), vec!["x".into()])));
        assert!(!format!("{found:?}").contains("s3cret"));
        std::fs::write(
            &file,
            CONFIG.replace("tls-server-name: api", "proxy-url: 'http://p', tls-server-name: api"),
        )
        .unwrap();
        assert!(find(&surroundings, None).unwrap_err().to_string().contains("tls-server-name"));
    }
}
