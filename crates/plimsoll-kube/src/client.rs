//! Requests to an API server: credentials that are renewed, refusals with their right, and the writes that reports need.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use plimsoll_http::{Method, Request, Response, Secret, Url};
use serde::Deserialize;

use crate::access::{Credentials, file_lasts, text};
use crate::{Access, Attempt, Error, Group, Resource};

/// Largest answer of one object, of a discovery or a refusal in bytes. What etcd takes is 1.5 MB.
const LARGEST_OBJECT: u64 = 16 * 1024 * 1024;
/// A credential that ends within this time is renewed before it is used.
const BEFORE_ITS_END: Duration = Duration::from_secs(10);
/// Most groups that a server may offer.
const MOST_GROUPS: usize = 1_000;

/// How an object is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch<'a> {
    /// Server-side apply: the fields of the patch belong to this manager; what is not there is created.
    Apply {
        /// Whose fields they are.
        manager: &'a str,
        /// Take fields from other managers.
        force: bool,
    },
    /// JSON merge patch (RFC 7396).
    Merge,
    /// JSON patch (RFC 6902).
    Json,
}

/// A cluster.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    access: Access,
    session: Mutex<Option<Session>>,
}

/// Credentials and the connections that they are for.
#[derive(Clone)]
struct Session {
    http: plimsoll_http::Client,
    authorization: Option<Secret>,
    until: Option<SystemTime>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Client").field(&self.0.access).finish()
    }
}

impl Client {
    /// A client that has not asked anything yet.
    pub fn new(access: Access) -> Self {
        Client(Arc::new(Inner { access, session: Mutex::new(None) }))
    }

    /// Where the cluster is.
    pub fn access(&self) -> &Access {
        &self.0.access
    }

    /// Reads an object; `None` when it is not there.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn get(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        let attempt = attempt("get", resource.to_string(), namespace, Some(name));
        let path = resource.path(namespace, Some(name), None)?;
        match self.send(&attempt, |url| Request::get(url).header("accept", "application/json"), &path, &[]) {
            Ok(response) => whole(&attempt, response).map(Some),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an object out of its JSON and gives back what became of it.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn create(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        object: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let attempt = attempt("create", resource.to_string(), namespace, None);
        let path = resource.path(namespace, None, None)?;
        let request =
            |url| Request::new(Method::Post, url).header("content-type", "application/json").body(object);
        whole(&attempt, self.send(&attempt, request, &path, &[])?)
    }

    /// Changes an object, or with `subresource` that part of it (`status`), and gives back what became of it.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn patch(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        subresource: Option<&str>,
        patch: Patch<'_>,
        body: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let what = match subresource {
            // As rights name it.
            Some(part) => {
                format!("{}/{part}{}", resource.plural, &resource.to_string()[resource.plural.len()..])
            }
            None => resource.to_string(),
        };
        let attempt = attempt("patch", what, namespace, Some(name));
        let path = resource.path(namespace, Some(name), subresource)?;
        let (content_type, query, repeatable) = match patch {
            Patch::Apply { manager, force } => {
                let force = if force { "true" } else { "false" };
                // JSON is YAML.
                ("application/apply-patch+yaml", vec![("fieldManager", manager), ("force", force)], true)
            }
            Patch::Merge => ("application/merge-patch+json", Vec::new(), true),
            Patch::Json => ("application/json-patch+json", Vec::new(), false),
        };
        let request = |url| {
            Request::new(Method::Patch, url)
                .header("content-type", content_type)
                .header("accept", "application/json")
                .body(body)
                .repeatable(repeatable)
        };
        whole(&attempt, self.send(&attempt, request, &path, &query)?)
    }

    /// Deletes an object; `false` when it is not there.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn delete(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> Result<bool, Error> {
        let attempt = attempt("delete", resource.to_string(), namespace, Some(name));
        let path = resource.path(namespace, Some(name), None)?;
        match self.send(&attempt, |url| Request::new(Method::Delete, url), &path, &[]) {
            Ok(response) => whole(&attempt, response).map(|_| true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Version of the server: `v1.36.2`.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn version(&self) -> Result<String, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            git_version: String,
        }
        let version: Version = self.read("/version")?;
        Ok(crate::error::plain(&version.git_version))
    }

    /// The groups that the server offers, the core first.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn groups(&self) -> Result<Vec<Group>, Error> {
        #[derive(Deserialize)]
        struct Core {
            versions: Vec<String>,
        }
        #[derive(Deserialize)]
        struct Groups {
            groups: Vec<Offered>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Offered {
            name: String,
            versions: Vec<Version>,
            preferred_version: Option<Version>,
        }
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        let core: Core = self.read("/api")?;
        let mut groups = vec![Group { name: String::new(), versions: core.versions }];
        let offered: Groups = self.read("/apis")?;
        for offered in offered.groups.into_iter().take(MOST_GROUPS) {
            let mut versions: Vec<String> = offered.versions.into_iter().map(|one| one.version).collect();
            if let Some(preferred) = offered.preferred_version {
                versions.retain(|version| *version != preferred.version);
                versions.insert(0, preferred.version);
            }
            groups.push(Group { name: offered.name, versions });
        }
        Ok(groups)
    }

    /// The kinds of objects that a version of a group offers.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn resources(&self, group: &str, version: &str) -> Result<Vec<Resource>, Error> {
        #[derive(Deserialize)]
        struct List {
            resources: Vec<Offered>,
        }
        #[derive(Deserialize)]
        struct Offered {
            name: String,
            kind: String,
            namespaced: bool,
            #[serde(default)]
            verbs: Vec<String>,
        }
        if !(group.is_empty() || crate::resource::is_name(group)) || !crate::resource::is_name(version) {
            return Err(Error::Name {
                what: "group",
                name: plimsoll_model::shortened(&format!("{group}/{version}")),
            });
        }
        let path =
            if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        let list: List = self.read(&path)?;
        Ok(list
            .resources
            .into_iter()
            // Parts of objects have a slash in their name.
            .filter(|one| one.verbs.iter().any(|verb| verb == "list") && !one.name.contains('/'))
            .map(|one| Resource {
                group: group.to_owned().into(),
                version: version.to_owned().into(),
                plural: one.name.into(),
                kind: one.kind.into(),
                namespaced: one.namespaced,
            })
            .collect())
    }

    /// Reads a document that is no object.
    fn read<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let attempt = attempt("get", path.to_owned(), None, None);
        let request = |url| Request::get(url).header("accept", "application/json");
        let bytes = whole(&attempt, self.send(&attempt, request, path, &[])?)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::Answer { attempt, detail: crate::error::plain(&error.to_string()) })
    }

    /// Sends a request and gives the answer when it is a success.
    pub(crate) fn send(
        &self,
        attempt: &Attempt,
        request: impl Fn(Url) -> Request,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Response, Error> {
        let access = &self.0.access;
        let base = access.server.with_secrets().trim_end_matches('/');
        let url = Url::parse(&format!("{base}{path}"))?;
        let url = if query.is_empty() { url } else { url.with_query(query) };
        let mut renewed = false;
        loop {
            let session = self.session(renewed)?;
            let mut request = request(url.clone()).authorize(session.authorization);
            if let Some((user, groups)) = &access.act_as {
                request = request.header("impersonate-user", user.as_str());
                for group in groups {
                    request = request.header("impersonate-group", group.as_str());
                }
            }
            let response = session.http.send(&request).map_err(|source| network(attempt, source))?;
            let status = response.status();
            if (200..300).contains(&status) {
                return Ok(response);
            }
            // A token may have been replaced before its time. Nothing was done with it: asking again does it once.
            let renewable = matches!(access.credentials, Credentials::File(_) | Credentials::Plugin(_));
            if status == 401 && renewable && !renewed {
                renewed = true;
                continue;
            }
            // What a refusal says is for people; its status is what counts.
            let body = response.bytes(LARGEST_OBJECT).unwrap_or_default();
            return Err(Error::refusal(attempt.clone(), status, &body));
        }
    }

    /// The credentials that hold now; with `renew` new ones in any case.
    fn session(&self, renew: bool) -> Result<Session, Error> {
        let Access { settings, credentials, .. } = &self.0.access;
        let now = settings.clock.now();
        // Held while a program runs: many threads that need credentials ask for them once.
        let mut held = self.0.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = &*held
            && !renew
            && session.until.is_none_or(|until| now + BEFORE_ITS_END < until)
        {
            return Ok(session.clone());
        }
        let plain = || match &*held {
            // Connections are kept; the certificate is the same.
            Some(session) => session.http.clone(),
            None => plimsoll_http::Client::new(settings.clone()),
        };
        let session = match credentials {
            Credentials::None => Session { http: plain(), authorization: None, until: None },
            Credentials::Fixed(secret) => {
                Session { http: plain(), authorization: Some(secret.clone()), until: None }
            }
            Credentials::File(path) => Session {
                http: plain(),
                authorization: Some(Secret::bearer(text(path)?.trim())),
                until: Some(now + file_lasts()),
            },
            Credentials::Plugin(plugin) => {
                let given = plugin.run()?;
                let http = match given.identity {
                    Some(identity) => {
                        let mut settings = settings.clone();
                        settings.identity = Some(identity);
                        plimsoll_http::Client::new(settings)
                    }
                    None => plain(),
                };
                Session { http, authorization: given.token, until: given.until }
            }
        };
        *held = Some(session.clone());
        Ok(session)
    }
}

pub(crate) fn attempt(
    verb: &'static str,
    resource: String,
    namespace: Option<&str>,
    name: Option<&str>,
) -> Attempt {
    Attempt {
        verb,
        resource: resource.into(),
        namespace: namespace.map(Into::into),
        name: name.map(Into::into),
    }
}

fn whole(attempt: &Attempt, response: Response) -> Result<Vec<u8>, Error> {
    response.bytes(LARGEST_OBJECT).map_err(|source| network(attempt, source))
}

pub(crate) fn network(attempt: &Attempt, source: plimsoll_http::Error) -> Error {
    Error::Network { attempt: attempt.clone(), source: Box::new(source) }
}
