//! Kubeconfig files: which cluster, as whom.
//!
//! Format: `kubeconfig (v1)`, client-go 1.36; several files are one, and what comes first counts. Legacy `auth-provider`
//! entries, which Kubernetes removed in 1.26, are refused by name.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_model::{headline, shortened};
use serde::Deserialize;

use crate::Error;

/// Largest kubeconfig in bytes.
pub(crate) const LARGEST: u64 = 4 * 1024 * 1024;

/// What one file, or several together, say.
#[derive(Clone, Default)]
pub struct Kubeconfig {
    current: Option<String>,
    clusters: Vec<(String, Cluster)>,
    users: Vec<(String, User)>,
    contexts: Vec<(String, Context)>,
}

impl std::fmt::Debug for Kubeconfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Users hold tokens and keys.
        formatter
            .debug_struct("Kubeconfig")
            .field("contexts", &self.contexts().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    current_context: Option<String>,
    clusters: Option<Vec<NamedCluster>>,
    users: Option<Vec<NamedUser>>,
    contexts: Option<Vec<NamedContext>>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Option<Cluster>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: Option<User>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Option<Context>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Cluster {
    pub(crate) server: Option<String>,
    pub(crate) tls_server_name: Option<String>,
    insecure_skip_tls_verify: Option<bool>,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
    pub(crate) proxy_url: Option<String>,
    /// Where the file is that holds it: its paths are below.
    #[serde(skip)]
    file: PathBuf,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct User {
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
    pub(crate) token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    #[serde(rename = "as")]
    pub(crate) impersonate: Option<String>,
    pub(crate) as_groups: Option<Vec<String>>,
    as_uid: Option<String>,
    as_user_extra: Option<serde::de::IgnoredAny>,
    pub(crate) exec: Option<Exec>,
    auth_provider: Option<serde::de::IgnoredAny>,
    #[serde(skip)]
    file: PathBuf,
}

/// A program that gives credentials.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Exec {
    pub(crate) api_version: Option<String>,
    pub(crate) command: String,
    pub(crate) args: Option<Vec<String>>,
    pub(crate) env: Option<Vec<Variable>>,
    pub(crate) install_hint: Option<String>,
    pub(crate) provide_cluster_info: Option<bool>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
struct Context {
    cluster: Option<String>,
    user: Option<String>,
    namespace: Option<String>,
}

/// Something that stands in a file of its own, or in the kubeconfig itself.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Material {
    File(PathBuf),
    Data(Vec<u8>),
}

/// One context, put together.
#[derive(Clone)]
pub(crate) struct Chosen {
    pub(crate) context: String,
    pub(crate) namespace: Option<String>,
    pub(crate) cluster: Cluster,
    pub(crate) user: User,
}

impl Kubeconfig {
    /// Adds what a file says. What another file said before stays.
    ///
    /// # Errors
    /// When it is none.
    pub fn add(&mut self, file: &Path, text: &str) -> Result<(), Error> {
        let refuse = |detail: String| Error::Kubeconfig { file: file.display().to_string(), detail };
        if text.len() as u64 > LARGEST {
            return Err(refuse(format!("it is larger than {LARGEST} bytes")));
        }
        if text.trim().is_empty() {
            return Ok(());
        }
        let document: Document = serde_saphyr::from_str(text).map_err(|error| {
            let line =
                error.location().map(|location| format!("line {}: ", location.line())).unwrap_or_default();
            refuse(format!("{line}{}", without_values(headline(&error.to_string()))))
        })?;
        let current = document.current_context.filter(|name| !name.is_empty());
        self.current = self.current.take().or(current);
        for NamedCluster { name, cluster } in document.clusters.unwrap_or_default() {
            let cluster = Cluster { file: file.to_owned(), ..cluster.unwrap_or_default() };
            add(&mut self.clusters, name, cluster);
        }
        for NamedUser { name, user } in document.users.unwrap_or_default() {
            add(&mut self.users, name, User { file: file.to_owned(), ..user.unwrap_or_default() });
        }
        for NamedContext { name, context } in document.contexts.unwrap_or_default() {
            add(&mut self.contexts, name, context.unwrap_or_default());
        }
        Ok(())
    }

    /// Names of the contexts.
    pub fn contexts(&self) -> impl Iterator<Item = &str> {
        self.contexts.iter().map(|(name, _)| name.as_str())
    }

    /// Nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.contexts.is_empty() && self.clusters.is_empty() && self.current.is_none()
    }

    /// The context of this name, or the current one.
    pub(crate) fn choose(&self, file: &str, name: Option<&str>) -> Result<Chosen, Error> {
        let refuse = |detail: String| Error::Kubeconfig { file: file.to_owned(), detail };
        let Some(name) = name.or(self.current.as_deref()) else {
            return Err(refuse("it names no current context; choose one with --context".into()));
        };
        let Some(context) = find(&self.contexts, name) else {
            let known: Vec<String> = self.contexts().take(20).map(shortened).collect();
            return Err(refuse(format!(
                "there is no context `{}`; there are: {}",
                shortened(name),
                known.join(", ")
            )));
        };
        let named = |what: &str, wanted: &Option<String>| {
            wanted
                .clone()
                .filter(|wanted| !wanted.is_empty())
                .ok_or_else(|| refuse(format!("the context `{}` names no {what}", shortened(name))))
        };
        let absent = |what: &str, wanted: &str| {
            refuse(format!(
                "the context `{}` names the {what} `{}`, which is not there",
                shortened(name),
                shortened(wanted)
            ))
        };
        let cluster = named("cluster", &context.cluster)?;
        let cluster = find(&self.clusters, &cluster).ok_or_else(|| absent("cluster", &cluster))?.clone();
        // A context without a user asks as nobody, which kubectl allows too.
        let user = match context.user.as_deref().filter(|user| !user.is_empty()) {
            Some(user) => find(&self.users, user).ok_or_else(|| absent("user", user))?.clone(),
            None => User::default(),
        };
        let unsupported = [
            (user.auth_provider.is_some(), "auth-provider"),
            (user.as_uid.is_some(), "as-uid"),
            (user.as_user_extra.is_some(), "as-user-extra"),
        ];
        if let Some((_, key)) = unsupported.into_iter().find(|(is_there, _)| *is_there) {
            return Err(refuse(format!("`{key}` of its user is not supported")));
        }
        let namespace = context.namespace.clone().filter(|namespace| !namespace.is_empty());
        Ok(Chosen { context: name.to_owned(), namespace, cluster, user })
    }
}

impl Cluster {
    pub(crate) fn is_insecure(&self) -> bool {
        self.insecure_skip_tls_verify == Some(true)
    }

    /// The authority of the server.
    pub(crate) fn authority(&self) -> Result<Option<Material>, Error> {
        let data = self.certificate_authority_data.as_deref();
        material(&self.file, "certificate-authority", self.certificate_authority.as_deref(), data)
    }
}

impl User {
    /// The user's certificate and its key.
    pub(crate) fn certificate(&self) -> Result<Option<(Material, Material)>, Error> {
        let certificate = material(
            &self.file,
            "client-certificate",
            self.client_certificate.as_deref(),
            self.client_certificate_data.as_deref(),
        )?;
        let key =
            material(&self.file, "client-key", self.client_key.as_deref(), self.client_key_data.as_deref())?;
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (None, None) => Ok(None),
            (certificate, _) => Err(Error::Kubeconfig {
                file: self.file.display().to_string(),
                detail: match certificate {
                    Some(_) => "a user has `client-certificate` without `client-key`".into(),
                    None => "a user has `client-key` without `client-certificate`".into(),
                },
            }),
        }
    }

    pub(crate) fn token_file(&self) -> Option<PathBuf> {
        self.token_file
            .as_deref()
            .filter(|path| !path.as_os_str().is_empty())
            .map(|path| beside(&self.file, path))
    }

    /// The folder that commands with a path are relative to.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.file.parent()
    }
}

/// The data win over the file, as in kubectl.
fn material(
    file: &Path,
    what: &str,
    path: Option<&Path>,
    data: Option<&str>,
) -> Result<Option<Material>, Error> {
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        let bytes = STANDARD.decode(data.trim()).map_err(|_| Error::Kubeconfig {
            file: file.display().to_string(),
            // Not what stands there: it may be a key.
            detail: format!("`{what}-data` is no base64"),
        })?;
        return Ok(Some(Material::Data(bytes)));
    }
    Ok(path.filter(|path| !path.as_os_str().is_empty()).map(|path| Material::File(beside(file, path))))
}

/// Paths are relative to the file in which they stand.
fn beside(file: &Path, path: &Path) -> PathBuf {
    file.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
}

/// What a reader says of a mistake may repeat a value, and values here are secrets: only what stands in back quotes that
/// looks like a key is kept.
fn without_values(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split('`').enumerate() {
        let quoted = index % 2 == 1;
        let is_key = part.len() <= 40 && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        match (quoted, is_key) {
            (true, true) => out.extend(["`", part, "`"]),
            (true, false) => out.push('…'),
            (false, _) => out.push_str(part.split(['"', '\'']).next().unwrap_or_default()),
        }
    }
    shortened(&out)
}

fn add<T>(list: &mut Vec<(String, T)>, name: String, value: T) {
    if find(list, &name).is_none() {
        list.push((name, value));
    }
}

fn find<'a, T>(list: &'a [(String, T)], name: &str) -> Option<&'a T> {
    list.iter().find(|(own, _)| own == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../fixtures/kubeconfig/good.yaml");

    fn read(texts: &[&str]) -> Result<Kubeconfig, Error> {
        let mut all = Kubeconfig::default();
        for (index, text) in texts.iter().enumerate() {
            all.add(Path::new(&format!("/home/ada/.kube/config{index}")), text)?;
        }
        Ok(all)
    }

    #[test]
    fn the_context_that_is_asked_for_or_the_current_one() {
        let all = read(&[GOOD]).unwrap();
        assert_eq!(all.contexts().collect::<Vec<_>>(), ["production", "staging", "nobody"]);
        let production = all.choose("config", None).unwrap();
        assert_eq!(production.context, "production");
        assert_eq!(production.namespace.as_deref(), Some("shop"));
        assert_eq!(production.cluster.server.as_deref(), Some("https://api.example:6443"));
        assert_eq!(production.cluster.tls_server_name.as_deref(), Some("kubernetes.default"));
        assert!(
            matches!(production.cluster.authority().unwrap(), Some(Material::Data(bytes)) if bytes.starts_with(b"-----BEGIN"))
        );
        let (certificate, _) = production.user.certificate().unwrap().unwrap();
        assert!(certificate == Material::File("/home/ada/.kube/ada.pem".into()));
        let staging = all.choose("config", Some("staging")).unwrap();
        assert!(staging.cluster.is_insecure());
        assert_eq!(staging.cluster.proxy_url.as_deref(), Some("socks5://127.0.0.1:1080"));
        let exec = staging.user.exec.unwrap();
        assert_eq!((exec.command.as_str(), exec.args.unwrap().len()), ("cloud-token", 2));
        assert_eq!(all.choose("config", Some("nobody")).unwrap().user.token_file(), None);
    }

    #[test]
    fn of_several_files_the_first_counts() {
        let second = "current-context: staging\nusers:\n- name: ada\n  user: {token: other}\n- name: bob\n  user: {tokenFile: t}\n\
                      contexts:\n- name: more\n  context: {cluster: production, user: bob}\n";
        let all = read(&[GOOD, second]).unwrap();
        assert_eq!(all.choose("", None).unwrap().context, "production");
        assert_eq!(all.choose("", Some("production")).unwrap().user.token, None);
        assert_eq!(all.choose("", Some("more")).unwrap().user.token_file(), Some("/home/ada/.kube/t".into()));
        assert_eq!(read(&[second, GOOD]).unwrap().choose("", None).unwrap().context, "staging");
        assert!(read(&["", "\n"]).unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_without_secrets() {
        let check = |text: &str, name: Option<&str>, expected: &str| {
            let error = read(&[text]).and_then(|all| {
                let chosen = all.choose("config", name)?;
                chosen.cluster.authority()?;
                chosen.user.certificate()
            });
            let error = error.err().unwrap_or_else(|| panic!("{text}")).to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        };
        let with = |cluster: &str, user: &str| {
            format!(
                "clusters: [{{name: c, cluster: {cluster}}}]\nusers: [{{name: u, user: {user}}}]\ncurrent-context: x\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]"
            )
        };
        check(GOOD, Some("absent"), "no context `absent`; there are: production, staging");
        check("{}", None, "no current context");
        check(
            "contexts: [{name: a, context: {cluster: b}}]",
            Some("a"),
            "the cluster `b`, which is not there",
        );
        check("contexts: [{name: a}]", Some("a"), "names no cluster");
        check(
            &with("{certificate-authority-data: s3cret!}", "{}"),
            None,
            "`certificate-authority-data` is no base64",
        );
        check(&with("{}", "{client-key-data: czNjcmV0}"), None, "`client-key` without");
        check(&with("{}", "{auth-provider: {name: gcp}}"), None, "`auth-provider`");
        check(&with("{}", "{as-uid: x}"), None, "`as-uid`");
        check(&with("{}", "{token: [s3cret]}"), None, "config0");
        check("users:\n- name: a\n  user: s3cret\n", None, "config0");
        check("clusters: {", None, "config0");
    }
}
