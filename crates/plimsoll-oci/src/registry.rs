//! Registries (OCI distribution-spec 1.1): from a name to documents and blobs.
//!
//! Hides addresses, mirrors, tokens, pagination. What is named by its digest is checked against it before it is
//! believed; layers are handed out as readers that go on after a cut, and checked by whoever reads them to the end.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use plimsoll_http::{Client, Identity, Pem, Range, Request, Response, Secret, Url};
use plimsoll_model::{Algorithm, Digest};
use serde::Deserialize;

use crate::challenge::{self, Challenge};
use crate::credentials::{self, Found, Proof};
use crate::document::Document;
use crate::error::plain;
use crate::places::{Certificates, DOCKER_HUB_HOST, Place, Places, RegistryFiles, Scheme};
use crate::reference::{DOCKER_HUB, RepositoryName, is_host_and_port, is_tag};
use crate::store::{LARGEST_DOCUMENT, Store, digest_of};
use crate::{Error, Form, Reference, Source};

/// What we understand as a manifest.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
/// Media type of an index.
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of a manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Largest answer of a server of tokens in bytes; tokens that list many groups have some ten thousand.
const LARGEST_TOKEN: u64 = 1024 * 1024;
/// Largest layer in bytes whose manifest does not say its size.
const LARGEST_BLOB: u64 = 1 << 40;
/// Most pages of a list.
const MOST_PAGES: usize = 1_000;
/// Most entries of a list.
const MOST_ENTRIES: usize = 100_000;
/// Entries that are asked for at once.
const PAGE: &str = "1000";
/// Attempts at a document whose connection breaks off.
const ATTEMPTS: u32 = 5;

/// How registries are reached.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// Proxies, authorities, time limits.
    pub http: plimsoll_http::Settings,
    /// Files of credentials, Docker's or Podman's; the first that has some for a registry wins.
    pub credentials: Vec<PathBuf>,
    /// Hosts, as `host` or `host:port`, whose certificate is not checked and that may be read without TLS.
    pub insecure: Vec<String>,
    /// Mirrors, asked in order before the registry itself.
    pub mirrors: Vec<Mirror>,
    /// Shown to registries that ask for a certificate and for which no file names another.
    pub identity: Option<Identity>,
    /// What other tools know of registries.
    pub files: RegistryFiles,
}

impl RegistrySettings {
    /// Without credentials, mirrors and files.
    pub fn new(http: plimsoll_http::Settings) -> Self {
        RegistrySettings {
            http,
            credentials: Vec::new(),
            insecure: Vec::new(),
            mirrors: Vec::new(),
            identity: None,
            files: RegistryFiles::default(),
        }
    }
}

/// A place that holds copies of a registry's images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The registry: `docker.io`.
    pub registry: String,
    /// Host and port of the mirror.
    pub host: String,
    /// What stands before the names of repositories there; empty for nothing.
    pub prefix: String,
}

impl std::str::FromStr for Mirror {
    type Err = Error;

    /// `REGISTRY=HOST[:PORT][/PREFIX]`, or `HOST[:PORT][/PREFIX]` for Docker Hub.
    fn from_str(text: &str) -> Result<Self, Error> {
        let (registry, place) = text.split_once('=').unwrap_or((DOCKER_HUB, text));
        let (host, prefix) = place.split_once('/').unwrap_or((place, ""));
        let fits = is_host_and_port(registry)
            && is_host_and_port(host)
            && (prefix.is_empty() || RepositoryName::listed(host, prefix).is_some());
        if !fits {
            return Err(Error::Reference {
                text: plain(text),
                detail: "expected REGISTRY=HOST[:PORT][/PREFIX], as in docker.io=mirror.example:5000".into(),
            });
        }
        Ok(Mirror { registry: registry.to_owned(), host: host.to_owned(), prefix: prefix.to_owned() })
    }
}

/// All registries, as one user sees them. Cheap to clone; connections are shared.
#[derive(Clone, Debug)]
pub struct Registries(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: RegistrySettings,
    /// Read when the first registry is asked.
    places: OnceLock<Places>,
    /// One client for each way to be secured.
    clients: Mutex<Vec<(Certificates, Option<String>, Client)>>,
}

/// An image or index that was found.
#[derive(Debug)]
pub struct Located {
    /// Its documents and layers.
    pub source: Source,
    /// Its name, with the registry that a name without one stood for.
    pub reference: Reference,
    /// Host that has it: the registry, or a mirror of it.
    pub host: String,
    /// Files and options that decided where it was asked for.
    pub decided_by: Vec<String>,
}

/// A place that would be asked for an image, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The image, as it is called there.
    pub name: String,
    /// The beginning of the addresses.
    pub address: String,
    /// It stands in for the registry.
    pub is_mirror: bool,
    /// Its certificate is not checked, and it may be read without TLS.
    pub insecure: bool,
    /// Files of further authorities.
    pub authorities: Vec<PathBuf>,
    /// The certificate that is shown to it.
    pub certificate: Option<PathBuf>,
    /// Where its credentials come from, or why there are none.
    pub credentials: String,
    /// Files and options that decided.
    pub decided_by: Vec<String>,
}

impl Registries {
    /// Does nothing yet.
    pub fn new(settings: RegistrySettings) -> Self {
        Registries(Arc::new(Shared { settings, places: OnceLock::new(), clients: Mutex::default() }))
    }

    fn places(&self) -> Result<&Places, Error> {
        if let Some(places) = self.0.places.get() {
            return Ok(places);
        }
        let RegistrySettings { files, mirrors, insecure, identity, .. } = &self.0.settings;
        let places = Places::read(files, mirrors, insecure, identity.as_ref())?;
        Ok(self.0.places.get_or_init(|| places))
    }

    /// The client for a place: with its authorities, its certificate, and its check or none.
    fn client(&self, place: &Place) -> Client {
        let insecure = place.insecure.then(|| real_host(place.name.registry()).to_owned());
        let mut clients = self.0.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &&(Certificates, Option<String>, Client)| {
            known.1 == insecure
                && known.0.authorities == place.certificates.authorities
                && known.0.identity == place.certificates.identity
        };
        if let Some((.., client)) = clients.iter().find(same) {
            return client.clone();
        }
        let mut settings = self.0.settings.http.clone();
        settings.insecure_hosts.extend(self.0.settings.insecure.iter().cloned().chain(insecure.clone()));
        settings.roots.extra.extend(place.certificates.authorities.iter().cloned());
        settings.identity.clone_from(&place.certificates.identity);
        let client = Client::new(settings);
        clients.push((place.certificates.clone(), insecure, client.clone()));
        client
    }

    /// A repository, by its own registry.
    ///
    /// # Errors
    /// When the files about registries forbid it, or cannot be understood.
    pub fn repository(&self, name: &RepositoryName) -> Result<Repository, Error> {
        let place = self.places()?.registry(name)?;
        Ok(Repository(Arc::new(Endpoint::new(self, place))))
    }

    /// A repository that will be written to: registries hand out tokens for what is asked for.
    ///
    /// # Errors
    /// As of [`Registries::repository`].
    pub fn repository_to_write(&self, name: &RepositoryName) -> Result<Repository, Error> {
        let place = self.places()?.registry(name)?;
        Ok(Repository(Arc::new(Endpoint { actions: "pull,push", ..Endpoint::new(self, place) })))
    }

    /// The image that a name without a registry stands for, as the user's files have it; others stay what they are.
    /// Where several registries may be meant, these are asked.
    ///
    /// # Errors
    /// When none of several has it.
    pub fn meant(&self, reference: &Reference) -> Result<Reference, Error> {
        let mut meanings = self.places()?.meanings(reference);
        match (meanings.pop(), meanings.is_empty()) {
            (Some((one, _)), true) => Ok(one),
            _ => Ok(self.locate(reference)?.reference),
        }
    }

    /// Opens the image or index that a name stands for: reads its first document, from the first of mirrors and registry
    /// that has it.
    pub fn source(&self, reference: &Reference) -> Result<Source, Error> {
        Ok(self.locate(reference)?.source)
    }

    /// [`Registries::source`], with what was found where.
    pub fn locate(&self, reference: &Reference) -> Result<Located, Error> {
        let places = self.places()?;
        let mut refused = None;
        for (meant, why) in places.meanings(reference) {
            match self.locate_at(&meant, places.of(&meant)?) {
                Ok(mut located) => {
                    located.decided_by.extend(why);
                    return Ok(located);
                }
                // Registries that are asked without being named may not have it, or not say so to everybody.
                Err(error @ (Error::NoImage { .. } | Error::Unauthorized { .. })) => {
                    refused.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(refused.unwrap_or_else(|| Error::Reference {
            text: reference.to_string(),
            detail: "it stands for no image of any registry".into(),
        }))
    }

    fn locate_at(&self, reference: &Reference, places: Vec<Place>) -> Result<Located, Error> {
        let mut last = None;
        for place in places {
            let selector = place.selector.clone().unwrap_or_else(|| reference.selector());
            let (host, by, is_mirror) = (place.name.registry().to_owned(), place.by.clone(), place.is_mirror);
            let repository = Repository(Arc::new(Endpoint::new(self, place)));
            match repository.manifest(&selector) {
                Ok(manifest) => {
                    let source = repository.opened(reference, manifest);
                    return Ok(Located { source, reference: reference.clone(), host, decided_by: by });
                }
                // A mirror need not have everything, nor be there: the registry has the last word.
                Err(_) if is_mirror => {}
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::NoImage {
            name: reference.name().to_string(),
            thing: format!("`{}`", plain(&reference.selector())),
        }))
    }

    /// The places that would be asked for an image, in this order, without asking any.
    ///
    /// # Errors
    /// As of [`Registries::repository`].
    pub fn asked(&self, reference: &Reference) -> Result<Vec<Asked>, Error> {
        let places = self.places()?;
        let mut asked = Vec::new();
        for (meant, why) in places.meanings(reference) {
            for place in places.of(&meant)? {
                let scheme = if place.scheme == Scheme::Open { "http" } else { "https" };
                let base = if place.base.is_empty() { String::new() } else { format!("{}/", place.base) };
                let selector = place.selector.clone().unwrap_or_else(|| meant.selector());
                let separator = if selector.contains(':') { '@' } else { ':' };
                let found = credentials::find(&self.0.settings.credentials, &place.name);
                asked.push(Asked {
                    name: format!("{}{separator}{selector}", place.name),
                    address: format!("{scheme}://{}/{base}", real_host(place.name.registry())),
                    is_mirror: place.is_mirror,
                    insecure: place.insecure,
                    authorities: place.certificates.authorities,
                    certificate: place.certificates.identity.and_then(|identity| {
                        match identity.certificate {
                            Pem::File(path) => Some(path),
                            Pem::Content { .. } => None,
                        }
                    }),
                    credentials: match found.proof {
                        Some(_) => found.story,
                        None => format!("none: {}", found.story),
                    },
                    decided_by: place.by.into_iter().chain(why.clone()).collect(),
                });
            }
        }
        Ok(asked)
    }

    /// The repositories of a registry below a prefix (`team` or empty), sorted. Many registries refuse to list them.
    pub fn repositories(&self, registry: &str, prefix: &str) -> Result<Vec<RepositoryName>, Error> {
        #[derive(Deserialize)]
        struct Page {
            #[serde(default)]
            repositories: Option<Vec<String>>,
        }
        let name =
            RepositoryName::listed(registry, "catalog").filter(|_| is_host_and_port(registry)).ok_or_else(
                || Error::Reference { text: plain(registry), detail: "it is no host of a registry".into() },
            )?;
        let place = self.places()?.registry(&name)?;
        let endpoint = Arc::new(Endpoint { path: String::new(), ..Endpoint::new(self, place) });
        let all = endpoint
            .pages(&format!("_catalog?n={PAGE}"), "the list of repositories", |bytes| {
                serde_json::from_slice::<Page>(bytes).map(|page| page.repositories.unwrap_or_default())
            })
            .map_err(|error| match error {
                Error::NoImage { .. } => {
                    Error::NoList { registry: registry.to_owned(), detail: "it has none (404)".into() }
                }
                Error::Unauthorized { status, tried, .. } => Error::NoList {
                    registry: registry.to_owned(),
                    detail: format!("it refuses ({status}); {tried}"),
                },
                other => other,
            })?;
        let below = |path: &str| {
            prefix.is_empty()
                || path == prefix
                || path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
        };
        let mut names: Vec<RepositoryName> = all
            .iter()
            .filter(|path| below(path))
            .filter_map(|path| RepositoryName::listed(registry, path))
            .collect();
        names.sort();
        names.dedup();
        Ok(names)
    }
}

/// A repository of one registry or mirror. Cheap to clone; the token is shared.
#[derive(Clone, Debug)]
pub struct Repository(pub(crate) Arc<Endpoint>);

/// A document that a registry keeps under a name or digest, checked.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Its digest.
    pub digest: Digest,
    /// What it is.
    pub media_type: String,
    /// Its content.
    pub bytes: Arc<[u8]>,
}

/// What refers to an image: a signature, an attestation, an SBOM.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Referrer {
    /// Digest of its manifest.
    pub digest: Digest,
    /// Media type of its manifest.
    #[serde(default)]
    pub media_type: String,
    /// What it is.
    #[serde(default)]
    pub artifact_type: String,
    /// Size of its manifest in bytes.
    #[serde(default)]
    pub size: u64,
    /// Annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// What refers to an image, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referring {
    /// What refers.
    pub referrer: Referrer,
    /// The referrers API, or tags.
    pub by: Vec<String>,
}

impl Repository {
    /// The manifest or index of a tag or digest.
    pub fn manifest(&self, selector: &str) -> Result<Manifest, Error> {
        self.0.manifest(selector)
    }

    /// A small blob, whole and checked.
    ///
    /// # Errors
    /// Also when it is larger than `limit` bytes.
    pub fn blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, Error> {
        self.0.blob_bytes(digest, limit)
    }

    /// The tags, sorted.
    pub fn tags(&self) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Page {
            #[serde(default)]
            tags: Option<Vec<String>>,
        }
        let mut tags = self.0.pages(&format!("tags/list?n={PAGE}"), "the list of tags", |bytes| {
            serde_json::from_slice::<Page>(bytes).map(|page| page.tags.unwrap_or_default())
        })?;
        tags.retain(|tag| is_tag(tag));
        tags.sort();
        tags.dedup();
        Ok(tags)
    }

    /// What refers to a manifest: by the referrers API, or by the tag that stands for it where a registry has none
    /// (distribution-spec 1.1, "Listing Referrers").
    pub fn referrers(&self, digest: &Digest) -> Result<Vec<Referrer>, Error> {
        match self.by_api(digest) {
            Err(Error::NoImage { .. }) => self.by_tag(digest),
            answer => answer,
        }
    }

    /// Everything that refers to a manifest, each with what says so: the referrers API, the tag that stands for its list,
    /// and the tags of older versions of cosign (`sha256-....sig`).
    ///
    /// # Errors
    /// When one of them is there and cannot be read.
    pub fn referrers_everywhere(&self, digest: &Digest) -> Result<Vec<Referring>, Error> {
        let mut all: Vec<Referring> = Vec::new();
        let mut add = |referrer: Referrer, by: String| match all
            .iter_mut()
            .find(|one| one.referrer.digest == referrer.digest)
        {
            Some(known) => known.by.push(by),
            None => all.push(Referring { referrer, by: vec![by] }),
        };
        match self.by_api(digest) {
            Err(Error::NoImage { .. }) => {}
            answer => answer?.into_iter().for_each(|referrer| add(referrer, "referrers API".to_owned())),
        }
        let tag = referrers_tag(digest);
        self.by_tag(digest)?.into_iter().for_each(|referrer| add(referrer, format!("tag {tag}")));
        for kind in ["sig", "att", "sbom"] {
            let tag = format!("{}-{}.{kind}", digest.algorithm().name(), digest.hex());
            // A tag has at most 128 characters: cosign makes none for longer digests.
            if !is_tag(&tag) {
                continue;
            }
            match self.manifest(&tag) {
                Err(Error::NoImage { .. }) => {}
                answer => {
                    let referrer = described(&answer?).map_err(|source| Error::Json {
                        place: self.0.name().to_string(),
                        thing: format!("the tag `{tag}`"),
                        source,
                    })?;
                    add(referrer, format!("tag {tag}"));
                }
            }
        }
        all.sort_by(|left, right| {
            let key = |one: &Referring| (one.referrer.artifact_type.clone(), one.referrer.digest.clone());
            key(left).cmp(&key(right))
        });
        Ok(all)
    }

    fn by_api(&self, digest: &Digest) -> Result<Vec<Referrer>, Error> {
        self.0.pages(&format!("referrers/{digest}"), "the list of referrers", read_referrers)
    }

    fn by_tag(&self, digest: &Digest) -> Result<Vec<Referrer>, Error> {
        match self.manifest(&referrers_tag(digest)) {
            Err(Error::NoImage { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
            Ok(manifest) => read_referrers(&manifest.bytes).map_err(|source| Error::Json {
                place: self.0.name().to_string(),
                thing: "the list of referrers".into(),
                source,
            }),
        }
    }

    fn opened(&self, reference: &Reference, manifest: Manifest) -> Source {
        let remote = Remote::new(Arc::clone(&self.0), reference, manifest);
        Source { store: Store::remote(reference.to_string(), remote), form: Form::Oci }
    }
}

fn read_referrers(bytes: &[u8]) -> Result<Vec<Referrer>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Page {
        #[serde(default)]
        manifests: Option<Vec<Referrer>>,
    }
    Ok(serde_json::from_slice::<Page>(bytes)?.manifests.unwrap_or_default())
}

/// A manifest as a list would name it.
fn described(manifest: &Manifest) -> Result<Referrer, serde_json::Error> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Content {
        artifact_type: Option<String>,
        config: Option<Configuration>,
        annotations: Option<BTreeMap<String, String>>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Configuration {
        media_type: Option<String>,
    }
    let content: Content = serde_json::from_slice(&manifest.bytes)?;
    let artifact_type = content.artifact_type.or(content.config.and_then(|config| config.media_type));
    Ok(Referrer {
        digest: manifest.digest.clone(),
        media_type: manifest.media_type.clone(),
        artifact_type: artifact_type.unwrap_or_default(),
        size: manifest.bytes.len() as u64,
        annotations: content.annotations.unwrap_or_default(),
    })
}

/// The tag that stands for the list of referrers. A tag has at most 128 characters: that of a SHA-512 digest is cut (spec,
/// "Referrers Tag Schema").
pub(crate) fn referrers_tag(digest: &Digest) -> String {
    let mut tag = format!("{}-{}", digest.algorithm().name(), digest.hex());
    tag.truncate(128);
    tag
}

/// The host that is asked for a registry.
fn real_host(registry: &str) -> &str {
    if registry == DOCKER_HUB { DOCKER_HUB_HOST } else { registry }
}

/// One repository where it really is.
pub(crate) struct Endpoint {
    registries: Registries,
    /// Where it really is: for people, and for credentials.
    place: Place,
    path: String,
    client: Client,
    /// What a token is asked for.
    actions: &'static str,
    state: Mutex<Session>,
}

/// What has been learnt of a registry.
#[derive(Default)]
struct Session {
    base: Option<Url>,
    secret: Option<Secret>,
    found: Option<Found>,
    /// What became of the credentials, for people.
    story: Option<String>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Endpoint").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Endpoint {
    fn new(registries: &Registries, place: Place) -> Self {
        Endpoint {
            registries: registries.clone(),
            path: place.name.path().to_owned(),
            client: registries.client(&place),
            place,
            actions: "pull",
            state: Mutex::default(),
        }
    }

    pub(crate) fn name(&self) -> &RepositoryName {
        &self.place.name
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    fn host(&self) -> &str {
        real_host(self.place.name.registry())
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// May it be read without TLS? As Docker does: this machine always, others when the user said so.
    fn may_be_open(&self) -> bool {
        let host = self.host();
        let alone =
            host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or(host, |(host, _)| host);
        let bare = alone.trim_matches(['[', ']']);
        self.place.insecure
            || bare == "localhost"
            || bare.ends_with(".localhost")
            || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// An address below the base, for the registry that is meant where a mirror serves several.
    fn address(&self, base: &Url, rest: &str) -> Result<Url, plimsoll_http::Error> {
        let url = match self.path.as_str() {
            "" => base.join(rest)?,
            path => base.join(&format!("{path}/{rest}"))?,
        };
        Ok(match &self.place.namespace {
            Some(registry) => url.with_query(&[("ns", registry)]),
            None => url,
        })
    }

    /// The beginning of all addresses. Asks the registry once how it wants to be asked.
    pub(crate) fn base(&self) -> Result<Url, plimsoll_http::Error> {
        use plimsoll_http::Error as Http;
        let mut session = self.session();
        if let Some(base) = &session.base {
            return Ok(base.clone());
        }
        let below = if self.place.base.is_empty() { String::new() } else { format!("{}/", self.place.base) };
        let open = Url::parse(&format!("http://{}/{below}", self.host()))?;
        let secured = match self.place.scheme {
            Scheme::Secured => Url::parse(&format!("https://{}/{below}", self.host()))?,
            Scheme::Open => open.clone(),
        };
        let may_be_open = self.place.scheme == Scheme::Secured && self.may_be_open();
        // Where there is another way, a failure is no reason to wait.
        let first = self.client().send(&Request::get(secured.clone()).repeatable(!may_be_open));
        let (base, response) = match first {
            Ok(response) => (secured, response),
            // Somebody is there and speaks without TLS: the first request that means something tells how.
            Err(Http::NotTls { .. }) if may_be_open => {
                session.base = Some(open.clone());
                return Ok(open);
            }
            Err(Http::Tls { .. } | Http::Connect { .. } | Http::Cut { .. }) if may_be_open => {
                let response = self.client().send(&Request::get(open.clone()))?;
                (open, response)
            }
            Err(error) => return Err(error),
        };
        if response.status() == 401 {
            let challenge = challenge::best(response.headers("www-authenticate"));
            self.prove(&mut session, &base, challenge)?;
        }
        session.base = Some(base.clone());
        Ok(base)
    }

    /// Finds out what to send along; leaves the session without a secret where there is nothing.
    fn prove(
        &self,
        session: &mut Session,
        base: &Url,
        challenge: Option<Challenge>,
    ) -> Result<(), plimsoll_http::Error> {
        let files = &self.registries.0.settings.credentials;
        let found = session.found.get_or_insert_with(|| credentials::find(files, &self.place.name)).clone();
        session.story = Some(match &found.proof {
            Some(_) => format!("tried the credentials of {}", found.story),
            None => format!("tried without credentials: {}", found.story),
        });
        session.secret = match challenge {
            Some(Challenge::Basic) => found.proof.as_ref().and_then(Proof::basic),
            Some(Challenge::Bearer { realm, service, scope }) => {
                if let Some(Proof::Registry(token)) = &found.proof {
                    Some(Secret::bearer(token))
                } else {
                    self.token(
                        session,
                        base,
                        &realm,
                        service.as_deref(),
                        scope.as_deref(),
                        found.proof.as_ref(),
                    )?
                }
            }
            None => None,
        };
        Ok(())
    }

    /// A token from the server of tokens that the registry names.
    fn token(
        &self,
        session: &mut Session,
        base: &Url,
        realm: &str,
        service: Option<&str>,
        scope: Option<&str>,
        proof: Option<&Proof>,
    ) -> Result<Option<Secret>, plimsoll_http::Error> {
        #[derive(Deserialize)]
        struct Token {
            #[serde(default)]
            token: String,
            #[serde(default)]
            access_token: String,
        }
        let realm = base.join(realm)?;
        if base.is_https() && !realm.is_https() {
            return Err(plimsoll_http::Error::Redirect {
                url: base.clone(),
                detail: format!("for a token to `{realm}`, which is not secured by TLS"),
            });
        }
        // Our own words rather than the registry's: it must not make us ask for more than we need of this repository.
        let scope = match self.path.as_str() {
            "" => scope.unwrap_or("registry:catalog:*").to_owned(),
            path => format!("repository:{path}:{}", self.actions),
        };
        let mut pairs = vec![("scope", scope.as_str())];
        pairs.extend(service.map(|service| ("service", service)));
        let request = match proof {
            Some(Proof::Identity(token)) => {
                pairs.extend([
                    ("grant_type", "refresh_token"),
                    ("client_id", "plimsoll"),
                    ("refresh_token", token),
                ]);
                Request::new(plimsoll_http::Method::Post, realm).form(&pairs).repeatable(true)
            }
            Some(Proof::Password { user, .. }) => {
                pairs.push(("account", user));
                Request::get(realm.with_query(&pairs)).authorize(proof.and_then(Proof::basic))
            }
            _ => Request::get(realm.with_query(&pairs)),
        };
        let response = self.client().send(&request)?;
        if matches!(response.status(), 400..=403) {
            let story = session.story.take().unwrap_or_default();
            session.story = Some(format!("{story}; the server of tokens refused with {}", response.status()));
            return Ok(None);
        }
        let url = response.url().clone();
        let bytes = response.success()?.bytes(LARGEST_TOKEN)?;
        let answer: Option<Token> = serde_json::from_slice(&bytes).ok();
        let token =
            answer.map(|answer| if answer.token.is_empty() { answer.access_token } else { answer.token });
        match token.filter(|token| !token.is_empty()) {
            Some(token) => Ok(Some(Secret::bearer(&token))),
            None => Err(plimsoll_http::Error::Cut {
                url,
                source: plimsoll_http::Cause("the server of tokens answered without a token".into()),
            }),
        }
    }

    /// Sends a request below `/v2/NAME/`; on a 401 once more, with a new token.
    fn send(
        &self,
        rest: &str,
        accept: Option<&str>,
        range: Option<&Range>,
    ) -> Result<Response, plimsoll_http::Error> {
        let base = self.base()?;
        let url = self.address(&base, rest)?;
        self.send_to(&base, url, accept, range)
    }

    fn send_to(
        &self,
        base: &Url,
        url: Url,
        accept: Option<&str>,
        range: Option<&Range>,
    ) -> Result<Response, plimsoll_http::Error> {
        let mut request = Request::get(url);
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        if let Some(range) = range {
            request = request.range(range);
        }
        self.send_as(base, &request)
    }

    /// Sends a request with what proves who we are; on a 401 once more, with a new token.
    pub(crate) fn send_as(&self, base: &Url, request: &Request) -> Result<Response, plimsoll_http::Error> {
        let secret = self.session().secret.clone();
        let response = self.client().send(&request.clone().authorize(secret.clone()))?;
        if response.status() != 401 {
            return Ok(response);
        }
        let challenge = challenge::best(response.headers("www-authenticate"));
        let fresh = {
            let mut session = self.session();
            // Another thread may have got a new one meanwhile.
            if session.secret == secret {
                self.prove(&mut session, base, challenge)?;
            }
            session.secret.clone()
        };
        match fresh {
            Some(fresh) => self.client().send(&request.clone().authorize(Some(fresh))),
            None => Ok(response),
        }
    }

    /// What a refusal means.
    pub(crate) fn refusal(&self, response: Response, thing: &str) -> Error {
        match response.status() {
            404 => Error::NoImage { name: self.place.name.to_string(), thing: thing.to_owned() },
            401 | 403 => Error::Unauthorized {
                name: self.place.name.to_string(),
                registry: self.place.name.registry().to_owned(),
                status: response.status(),
                tried: self
                    .session()
                    .story
                    .clone()
                    .unwrap_or_else(|| "the registry asked for no credentials".into()),
            },
            _ => self.network(response.refusal(), thing),
        }
    }

    pub(crate) fn network(&self, source: plimsoll_http::Error, thing: &str) -> Error {
        Error::Network {
            place: self.place.name.to_string(),
            thing: thing.to_owned(),
            source: Box::new(readable(source)),
        }
    }

    /// A document with what its answer said of it. Tried again when the connection breaks off.
    fn document(
        &self,
        send: &dyn Fn() -> Result<Response, plimsoll_http::Error>,
        thing: &str,
        limit: u64,
    ) -> Result<Answered, Error> {
        let mut attempt = 1;
        loop {
            let response = send().map_err(|error| self.network(error, thing))?;
            if response.status() != 200 {
                return Err(self.refusal(response, thing));
            }
            let text = |name: &str| response.header(name).map(str::to_owned);
            let media_type = text("content-type").unwrap_or_default();
            let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
            let (digest, link, url) = (text("docker-content-digest"), text("link"), response.url().clone());
            match response.bytes(limit) {
                Ok(bytes) => return Ok(Answered { bytes, media_type, digest, link, url }),
                Err(error) if error.is_temporary() && attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(self.network(error, thing)),
            }
        }
    }

    fn check(&self, expected: &Digest, bytes: &[u8], thing: &str) -> Result<(), Error> {
        let actual = digest_of(expected.algorithm(), bytes).ok_or_else(|| Error::Invalid {
            place: self.place.name.to_string(),
            thing: thing.to_owned(),
            detail: format!("{} proves nothing", expected.algorithm().name()),
        })?;
        if actual == *expected {
            return Ok(());
        }
        let (place, expected) = (self.place.name.to_string(), expected.clone());
        Err(Error::DigestMismatch { place, thing: thing.to_owned(), expected, actual })
    }

    fn manifest(&self, selector: &str) -> Result<Manifest, Error> {
        let thing = if selector.contains(':') {
            format!("the manifest `{}`", plain(selector))
        } else {
            format!("the tag `{}`", plain(selector))
        };
        let wanted = Digest::parse(selector).ok();
        if wanted.is_none() && !is_tag(selector) {
            return Err(Error::Reference {
                text: plain(selector),
                detail: "it is neither tag nor digest".into(),
            });
        }
        let rest = format!("manifests/{selector}");
        let answered = self.document(&|| self.send(&rest, Some(ACCEPT), None), &thing, LARGEST_DOCUMENT)?;
        let bytes: Arc<[u8]> = answered.bytes.into();
        // What the registry itself says of a tag's digest must be true as well: a damaged body shows here.
        let promised = wanted.or_else(|| answered.digest.and_then(|digest| Digest::parse(&digest).ok()));
        let digest = match promised {
            Some(promised) => {
                self.check(&promised, &bytes, &thing)?;
                promised
            }
            None => digest_of(Algorithm::Sha256, &bytes).ok_or_else(|| Error::Invalid {
                place: self.place.name.to_string(),
                thing: thing.clone(),
                detail: "it has no digest".into(),
            })?,
        };
        let media_type = self.media_type(&answered.media_type, &bytes, &thing)?;
        Ok(Manifest { digest, media_type, bytes })
    }

    /// What a document is: as its answer says where that means something, else as it says itself, else as it looks.
    fn media_type(&self, said: &str, bytes: &[u8], thing: &str) -> Result<String, Error> {
        if said.starts_with("application/vnd.") {
            return Ok(said.to_owned());
        }
        let document: Document = serde_json::from_slice(bytes).map_err(|source| Error::Json {
            place: self.place.name.to_string(),
            thing: thing.to_owned(),
            source,
        })?;
        Ok(if !document.media_type.is_empty() {
            document.media_type
        } else if document.manifests.is_some() {
            INDEX.to_owned()
        } else {
            MANIFEST.to_owned()
        })
    }

    fn blob_bytes(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, Error> {
        let thing = format!("the blob `{digest}`");
        let rest = format!("blobs/{digest}");
        let answered = self.document(&|| self.send(&rest, None, None), &thing, limit)?;
        self.check(digest, &answered.bytes, &thing)?;
        Ok(answered.bytes)
    }

    /// All pages of a list, following `Link` (RFC 8288) within the registry.
    fn pages<T>(
        &self,
        rest: &str,
        thing: &str,
        read: impl Fn(&[u8]) -> Result<Vec<T>, serde_json::Error>,
    ) -> Result<Vec<T>, Error> {
        let limit = |limit: usize| Error::Limit {
            place: self.place.name.to_string(),
            thing: thing.to_owned(),
            limit: limit.to_string(),
        };
        let base = self.base().map_err(|error| self.network(error, thing))?;
        let mut next = self.address(&base, rest).map_err(|error| self.network(error, thing))?;
        let mut all = Vec::new();
        let mut seen = HashSet::new();
        while seen.insert(next.clone()) {
            if seen.len() > MOST_PAGES {
                return Err(limit(MOST_PAGES));
            }
            let send = || self.send_to(&base, next.clone(), None, None);
            let answered = self.document(&send, thing, LARGEST_DOCUMENT)?;
            let page = read(&answered.bytes).map_err(|source| Error::Json {
                place: self.place.name.to_string(),
                thing: thing.to_owned(),
                source,
            })?;
            all.extend(page);
            if all.len() > MOST_ENTRIES {
                return Err(limit(MOST_ENTRIES));
            }
            let Some(target) = answered.link.as_deref().and_then(next_page) else { break };
            next = answered.url.join(target).map_err(|error| self.network(error, thing))?;
            // Credentials go along: the list must not lead to another host.
            if !next.same_origin(&base) {
                return Err(Error::Invalid {
                    place: self.place.name.to_string(),
                    thing: thing.to_owned(),
                    detail: format!("it goes on at another host, `{next}`"),
                });
            }
        }
        Ok(all)
    }

    /// A reader of a blob. Its content is not checked: whoever reads it to the end does.
    pub(crate) fn open(
        self: &Arc<Self>,
        digest: &Digest,
        size: u64,
    ) -> Result<impl Read + Send + use<>, plimsoll_http::Error> {
        let endpoint = Arc::clone(self);
        let rest = format!("blobs/{digest}");
        let limit = if size == 0 { LARGEST_BLOB } else { size };
        let open = move |range: Option<&Range>| endpoint.send(&rest, None, range);
        self.client().download_by(Box::new(open), true, limit)
    }
}

struct Answered {
    bytes: Vec<u8>,
    media_type: String,
    /// `Docker-Content-Digest`.
    digest: Option<String>,
    link: Option<String>,
    url: Url,
}

/// `</v2/_catalog?last=b&n=2>; rel="next"`.
fn next_page(link: &str) -> Option<&str> {
    link.split(',').find_map(|part| {
        let (target, parameters) = part.trim().strip_prefix('<')?.split_once('>')?;
        let next = parameters.split(';').any(|parameter| {
            parameter.trim().split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
            })
        });
        next.then_some(target)
    })
}

/// The registry's JSON about a refusal as a sentence (distribution-spec 1.1, "Error Codes").
fn readable(error: plimsoll_http::Error) -> plimsoll_http::Error {
    #[derive(Deserialize)]
    struct Refusal {
        errors: Vec<Reason>,
    }
    #[derive(Deserialize)]
    struct Reason {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let plimsoll_http::Error::Status { url, status, detail, rate_limit, retry_after } = error else {
        return error;
    };
    let said = serde_json::from_str::<Refusal>(&detail)
        .ok()
        .and_then(|refusal| refusal.errors.into_iter().next())
        .map(|reason| if reason.message.is_empty() { reason.code } else { reason.message });
    let detail = said.map_or(detail, |said| plain(&said));
    plimsoll_http::Error::Status { url, status, detail, rate_limit, retry_after }
}

/// Who keeps documents and layers by their digest.
pub(crate) trait Depot: std::fmt::Debug + Send + Sync {
    /// Does it have this? Where asking costs as much as reading, the answer may be yes for everything.
    fn has(&self, digest: &Digest) -> bool;
    /// Does it have, as a rule, all that its indexes name?
    fn has_all(&self) -> bool;
    /// A document, checked against its digest.
    fn document(&self, digest: &Digest, kind: Kind) -> Result<Arc<[u8]>, Error>;
    /// A reader of a layer, which nobody has checked.
    fn open(&self, digest: &Digest, size: u64) -> io::Result<Box<dyn Read + Send>>;
}

/// A registry.
#[derive(Debug)]
struct OfRegistry(Arc<Endpoint>);

impl Depot for OfRegistry {
    fn has(&self, _: &Digest) -> bool {
        // A registry that lacks what its index names says so when it is asked.
        true
    }

    fn has_all(&self) -> bool {
        true
    }

    fn document(&self, digest: &Digest, kind: Kind) -> Result<Arc<[u8]>, Error> {
        Ok(match kind {
            Kind::Index | Kind::Manifest => self.0.manifest(&digest.to_string())?.bytes,
            Kind::Configuration => self.0.blob_bytes(digest, LARGEST_DOCUMENT)?.into(),
        })
    }

    fn open(&self, digest: &Digest, size: u64) -> io::Result<Box<dyn Read + Send>> {
        match self.0.open(digest, size) {
            Ok(reader) => Ok(Box::new(reader)),
            Err(error) => Err(readable(error).into_io()),
        }
    }
}

/// An image in a depot, as the store of its documents and layers.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    depot: Arc<dyn Depot>,
    /// Documents that were read and checked.
    documents: Arc<Mutex<HashMap<Digest, Arc<[u8]>>>>,
    /// An `index.json` with one entry.
    index: Arc<[u8]>,
}

/// What a digest stands for; registries keep the two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Index,
    Manifest,
    Configuration,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Index => "the index",
            Kind::Manifest => "the manifest",
            Kind::Configuration => "the configuration",
        }
    }
}

/// A layer in a depot.
#[derive(Clone, Debug)]
pub(crate) struct RemoteBlob {
    depot: Arc<dyn Depot>,
    digest: Digest,
    size: u64,
}

impl RemoteBlob {
    pub(crate) fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        self.depot.open(&self.digest, self.size)
    }
}

impl Remote {
    /// A depot, and an `index.json` that leads into it.
    pub(crate) fn of(depot: Arc<dyn Depot>, index: Arc<[u8]>) -> Self {
        Remote { depot, documents: Arc::default(), index }
    }

    /// Does the depot have this?
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.depot.has(digest)
    }

    /// Does it have all that its indexes name?
    pub(crate) fn has_all(&self) -> bool {
        self.depot.has_all()
    }

    fn new(endpoint: Arc<Endpoint>, reference: &Reference, manifest: Manifest) -> Self {
        let index = serde_json::json!({
            "schemaVersion": 2,
            "manifests": [{
                "mediaType": manifest.media_type,
                "digest": manifest.digest.to_string(),
                "size": manifest.bytes.len(),
                "annotations": { "org.opencontainers.image.ref.name": reference.to_string() },
            }],
        });
        let documents = HashMap::from([(manifest.digest, manifest.bytes)]);
        Remote {
            depot: Arc::new(OfRegistry(endpoint)),
            documents: Arc::new(Mutex::new(documents)),
            index: index.to_string().into_bytes().into(),
        }
    }

    /// What a layout would keep under this name.
    pub(crate) fn file(&self, name: &[u8]) -> Option<Arc<[u8]>> {
        match name {
            b"index.json" => Some(Arc::clone(&self.index)),
            b"oci-layout" => Some(Arc::from(br#"{"imageLayoutVersion":"1.0.0"}"#.as_slice())),
            _ => None,
        }
    }

    /// A document, checked against its digest.
    pub(crate) fn verified(&self, digest: &Digest, kind: Kind) -> Result<Arc<[u8]>, Error> {
        let known = || self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = known().get(digest) {
            return Ok(Arc::clone(bytes));
        }
        let bytes = self.depot.document(digest, kind)?;
        known().insert(digest.clone(), Arc::clone(&bytes));
        Ok(bytes)
    }

    pub(crate) fn layer(&self, digest: &Digest, size: u64) -> RemoteBlob {
        RemoteBlob { depot: Arc::clone(&self.depot), digest: digest.clone(), size }
    }
}

/// For the fuzzer: any text as what registries say in headers and refusals.
pub(crate) fn fuzz(text: &str) {
    if let Some(target) = next_page(text) {
        assert!(!target.contains('>'));
    }
    if let Ok(mirror) = text.parse::<Mirror>() {
        assert!(is_host_and_port(&mirror.host));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_go_on_by_link() {
        for (link, expected) in [
            (r#"</v2/_catalog?last=b&n=2>; rel="next""#, Some("/v2/_catalog?last=b&n=2")),
            (r"<x>; REL=Next", Some("x")),
            (r#"<a>; rel="prev", <b>; title=c; rel=next"#, Some("b")),
            (r#"<a>; rel="prev""#, None),
            ("<a", None),
            ("", None),
        ] {
            assert_eq!(next_page(link), expected, "{link}");
        }
    }

    #[test]
    fn mirrors_as_users_type_them() {
        for (text, expected) in [
            ("docker.io=mirror.x:5000", Some(("docker.io", "mirror.x:5000", ""))),
            ("mirror.x/hub/a", Some(("docker.io", "mirror.x", "hub/a"))),
            ("ghcr.io=[::1]:5000/ghcr", Some(("ghcr.io", "[::1]:5000", "ghcr"))),
            ("https://mirror.x", None),
            ("docker.io=", None),
            ("mirror.x/", Some(("docker.io", "mirror.x", ""))),
        ] {
            let parsed = text.parse::<Mirror>().ok();
            let parts = parsed.as_ref().map(|mirror| (&*mirror.registry, &*mirror.host, &*mirror.prefix));
            assert_eq!(parts, expected, "{text}");
        }
    }

    #[test]
    fn refusals_are_sentences() {
        let error = |detail: &str| plimsoll_http::Error::Status {
            url: Url::parse("https://h.x/v2/").unwrap(),
            status: 429,
            detail: detail.to_owned(),
            rate_limit: None,
            retry_after: None,
        };
        let shown = |detail: &str| readable(error(detail)).to_string();
        assert!(
            shown(r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"pull limit"}]}"#)
                .ends_with("429 Too Many Requests: pull limit")
        );
        assert!(shown(r#"{"errors":[{"code":"DENIED"}]}"#).ends_with(": DENIED"));
        assert!(shown("plain").ends_with(": plain"));
    }
}
