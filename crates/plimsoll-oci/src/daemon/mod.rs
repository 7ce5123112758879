//! Daemons: those that speak Docker's API (version 1.24 and later), which are Docker itself and Podman's service, and
//! containerd.
//!
//! Hides where they are, sockets, TLS, and what they say about their images. An image is asked for by its id, so that a
//! name that moves meanwhile does not matter, and streamed as the archive that `docker save` writes: nothing is written to
//! disk here. A container is streamed as what `docker export` writes.
//!
//! A daemon is not trusted more than an archive: what it says is read against limits, and its layers are checked against
//! the configuration that it sends.

mod address;
mod containerd;
mod protobuf;

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_http::{Client, Identity, Pem, Request, Response, Settings, Url};
use plimsoll_model::{Container, Origin, Via};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use address::Address;
pub use address::DaemonVariables;

use crate::error::plain;
use crate::{Error, Platform};

/// Largest answer about one image or container in bytes.
const LARGEST_ANSWER: u64 = 8 * 1024 * 1024;
/// Largest list of images in bytes.
const LARGEST_LIST: u64 = 64 * 1024 * 1024;
/// Longest name that is asked for, in bytes.
const LONGEST_NAME: usize = 512;
/// An archive may be this much larger than the daemon says the image is: sizes are counted in different ways.
const LARGER: u64 = 16;
/// Every archive may have so many bytes.
const SMALL: u64 = 16 * 1024 * 1024 * 1024;
/// Longest wait for an archive to begin: Podman writes all of it into a file of its own first.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// How daemons are reached.
#[derive(Clone, Debug)]
pub struct DaemonSettings {
    /// Time limits and certificates. Proxies are not asked.
    pub http: Settings,
    /// What variables say.
    pub variables: DaemonVariables,
}

/// The daemons of this machine, or those that its variables name. Cheap to clone; nothing is asked before it is needed.
#[derive(Clone, Debug)]
pub struct Daemons(Arc<DaemonSettings>);

impl Daemons {
    /// Does nothing yet.
    pub fn new(settings: DaemonSettings) -> Self {
        Daemons(Arc::new(settings))
    }

    /// The image that a daemon has under this name or id.
    ///
    /// # Errors
    /// [`Error::NoDaemon`] when none answers, [`Error::NotInDaemon`] when it does not know the image.
    pub fn image(&self, via: Via, name: &str) -> Result<DaemonImage, Error> {
        check_name(name)?;
        let daemon = self.daemon(via)?;
        let thing = format!("the image `{name}`");
        let Some(told) = daemon.json::<ToldImage>(&format!("images/{name}/json"), &thing)? else {
            let known = daemon.names()?;
            return Err(daemon.unknown("image", name, &known));
        };
        if !is_id(&told.id) {
            return Err(daemon.invalid(thing, "its id is no digest"));
        }
        let platform = Platform::new(&told.os, &told.architecture, told.variant.as_deref());
        Ok(DaemonImage {
            reference: told.tags.first().map(|tag| plain(tag)),
            platform,
            size: told.size,
            digests: told.digests.iter().map(|digest| plain(digest)).collect(),
            id: told.id,
            daemon,
        })
    }

    /// The container that a daemon has under this name or id.
    pub fn container(&self, via: Via, name: &str) -> Result<DaemonContainer, Error> {
        check_name(name)?;
        let daemon = self.daemon(via)?;
        let thing = format!("the container `{name}`");
        let Some(told) = daemon.json::<ToldContainer>(&format!("containers/{name}/json"), &thing)? else {
            let known = daemon.containers()?;
            return Err(daemon.unknown("container", name, &known));
        };
        if !is_id(&told.id) {
            return Err(daemon.invalid(thing, "its id is no digest"));
        }
        Ok(DaemonContainer {
            name: plain(told.name.trim_start_matches('/')),
            image: told.config.map(|config| plain(&config.image)).filter(|image| !image.is_empty()),
            image_id: plain(&told.image),
            id: told.id,
            daemon,
        })
    }

    /// The first of the places where somebody answers, and how to talk to it.
    fn reach(&self, via: Via) -> Result<(Address, Settings), Error> {
        let mut tried = Vec::new();
        let mut absent = true;
        for address in self.0.variables.addresses(via) {
            match &address {
                Address::Socket(path) => match UnixStream::connect(path) {
                    Ok(_) => return Ok((address, self.settings())),
                    Err(error) => {
                        let there = std::fs::symlink_metadata(path).is_ok();
                        // containerd's usual socket is for root alone: that says nothing of the user's image.
                        let passed = via == Via::Containerd
                            && self.0.variables.containerd_address.is_none()
                            && error.kind() == io::ErrorKind::PermissionDenied;
                        absent &= !there || passed;
                        tried.push(format!("`{address}` {}", refusal(&error, there)));
                    }
                },
                Address::Host { .. } => return Ok((address, self.settings())),
                Address::Other { detail, .. } => {
                    absent = false;
                    tried.push(format!("`{address}`: {detail}"));
                }
            }
        }
        if absent && tried.len() > 1 {
            let more = tried.len() - 1;
            tried.truncate(1);
            let places = if more == 1 { "place" } else { "places" };
            tried.push(format!("nor does anything at the {more} other usual {places}"));
        }
        Err(Error::NoDaemon { via, tried, absent })
    }

    fn settings(&self) -> Settings {
        let mut settings = self.0.http.clone();
        settings.proxies = plimsoll_http::Proxies::default();
        // A daemon that is gone does not come back while somebody waits.
        settings.retries.attempts = 0;
        settings
    }

    fn daemon(&self, via: Via) -> Result<Daemon, Error> {
        let (address, mut settings) = self.reach(via)?;
        let place = address.to_string();
        let base = match address {
            Address::Socket(path) => {
                settings.unix_socket = Some(path);
                "http://localhost/".to_owned()
            }
            Address::Host { authority, tls: None } => format!("http://{authority}/"),
            Address::Host { authority, tls: Some(tls) } => {
                let file = |name: &str| Some(tls.folder.join(name)).filter(|path| path.is_file());
                settings.roots.extra.extend(file("ca.pem"));
                settings.identity = file("cert.pem").zip(file("key.pem")).map(|(certificate, key)| {
                    Identity { certificate: Pem::File(certificate), key: Pem::File(key) }
                });
                if !tls.check {
                    settings.insecure_hosts.push(authority.clone());
                }
                format!("https://{authority}/")
            }
            Address::Other { text, detail } => {
                return Err(Error::NoDaemon {
                    via,
                    tried: vec![format!("`{text}`: {detail}")],
                    absent: false,
                });
            }
        };
        let base = Url::parse(&base).map_err(|source| Error::Network {
            place: place.clone(),
            thing: "the address".into(),
            source: Box::new(source),
        })?;
        let patient = Settings { idle_timeout: LONGEST_WAIT, ..settings.clone() };
        Ok(Daemon { via, place, base, client: Client::new(settings), patient: Client::new(patient) })
    }
}

/// Why a socket does not let us, in a few words.
fn refusal(error: &io::Error, there: bool) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::PermissionDenied if there => {
            "does not let this user in (permission denied)".to_owned()
        }
        io::ErrorKind::PermissionDenied => "may not be seen by this user (permission denied)".to_owned(),
        io::ErrorKind::ConnectionRefused if there => "is there, but nobody answers at it".to_owned(),
        _ => format!("cannot be used: {error}"),
    }
}

/// A name that means the same in an address as it does to a daemon.
fn check_name(name: &str) -> Result<(), Error> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@+".contains(&byte);
    let whole = name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if name.len() <= LONGEST_NAME && whole && name.bytes().all(fine) {
        return Ok(());
    }
    Err(Error::Reference {
        text: plain(name),
        detail: "expected the name or id of an image or container".into(),
    })
}

/// Hexadecimal digits, after an algorithm or without.
fn is_id(text: &str) -> bool {
    let hex = text.split_once(':').map_or(text, |(_, hex)| hex);
    !hex.is_empty() && check_name(text).is_ok() && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// One daemon that answers.
#[derive(Clone, Debug)]
struct Daemon {
    via: Via,
    place: String,
    base: Url,
    client: Client,
    /// For answers that take their time.
    patient: Client,
}

impl Daemon {
    fn network(&self, thing: &str, source: plimsoll_http::Error) -> Error {
        Error::Network {
            place: self.place.clone(),
            thing: thing.to_owned(),
            source: Box::new(readable(source)),
        }
    }

    fn invalid(&self, thing: String, detail: &str) -> Error {
        Error::Invalid { place: self.place.clone(), thing, detail: detail.to_owned() }
    }

    fn send(&self, client: &Client, path: &str, thing: &str) -> Result<Response, Error> {
        let url = self.base.join(path).map_err(|error| self.network(thing, error))?;
        client.send(&Request::get(url)).map_err(|error| self.network(thing, error))
    }

    /// `None` where the daemon does not know it.
    fn json<T: DeserializeOwned>(&self, path: &str, thing: &str) -> Result<Option<T>, Error> {
        let response = self.send(&self.client, path, thing)?;
        if response.status() == 404 {
            return Ok(None);
        }
        self.read(response, thing, LARGEST_ANSWER).map(Some)
    }

    fn read<T: DeserializeOwned>(&self, response: Response, thing: &str, limit: u64) -> Result<T, Error> {
        let bytes = response
            .success()
            .and_then(|response| response.bytes(limit))
            .map_err(|error| self.network(thing, error))?;
        serde_json::from_slice(&bytes).map_err(|source| Error::Json {
            place: self.place.clone(),
            thing: thing.to_owned(),
            source,
        })
    }

    /// The names of all images.
    fn names(&self) -> Result<Vec<String>, Error> {
        let thing = "the list of images";
        let response = self.send(&self.client, "images/json", thing)?;
        let images: Vec<ListedImage> = self.read(response, thing, LARGEST_LIST)?;
        Ok(images.into_iter().flat_map(|image| image.tags).filter(|tag| tag != "<none>:<none>").collect())
    }

    /// The names of all containers.
    fn containers(&self) -> Result<Vec<String>, Error> {
        let thing = "the list of containers";
        let response = self.send(&self.client, "containers/json?all=true", thing)?;
        let containers: Vec<ListedContainer> = self.read(response, thing, LARGEST_LIST)?;
        let names = containers.into_iter().flat_map(|container| container.names);
        Ok(names.map(|name| name.trim_start_matches('/').to_owned()).collect())
    }

    fn unknown(&self, kind: &'static str, name: &str, known: &[String]) -> Error {
        Error::NotInDaemon {
            via: self.via,
            place: self.place.clone(),
            kind,
            name: name.to_owned(),
            near: near(name, known),
        }
    }

    /// A long answer, read while it comes.
    fn stream(&self, path: &str, thing: &str, limit: u64) -> Result<Box<dyn Read + Send>, Error> {
        let response = self.send(&self.patient, path, thing)?;
        match response.status() {
            200 => Ok(Box::new(response.body(limit))),
            _ => Err(self.network(thing, response.refusal())),
        }
    }
}

/// An image that a daemon has.
#[derive(Clone, Debug)]
pub struct DaemonImage {
    daemon: Daemon,
    id: String,
    /// The first of its names there.
    pub reference: Option<String>,
    /// Names with digest that the daemon remembers for it.
    pub digests: Vec<String>,
    /// What it runs on.
    pub platform: Platform,
    /// Size in bytes, as the daemon counts it.
    pub size: u64,
}

impl DaemonImage {
    /// Where it was found.
    pub fn origin(&self) -> Origin {
        Origin { digests: self.digests.clone(), ..Origin::new(self.daemon.via, self.daemon.place.clone()) }
    }

    /// What `docker save` would write, for [`crate::stream`]. May be asked for again.
    pub fn archive(&self) -> Result<Box<dyn Read + Send>, Error> {
        let limit = self.size.saturating_mul(LARGER).max(SMALL);
        self.daemon.stream(&format!("images/{}/get", self.id), "the image", limit)
    }
}

/// A container that a daemon has, running or not.
#[derive(Clone, Debug)]
pub struct DaemonContainer {
    daemon: Daemon,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The image that it was made from, as it was named then.
    pub image: Option<String>,
    /// The id of that image.
    pub image_id: String,
}

impl DaemonContainer {
    /// Where it was found.
    pub fn origin(&self) -> Origin {
        let container = Container { id: self.id.clone(), name: Some(self.name.clone()) };
        Origin { container: Some(container), ..Origin::new(self.daemon.via, self.daemon.place.clone()) }
    }

    /// Its files as they are now, without what is mounted into it: what `docker export` would write, an open tar.
    pub fn files(&self) -> Result<Box<dyn Read + Send>, Error> {
        self.daemon.stream(&format!("containers/{}/export", self.id), "the files of the container", u64::MAX)
    }
}

/// Go writes empty lists as `null`.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// `GET /images/{name}/json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ToldImage {
    id: String,
    #[serde(rename = "RepoTags", default, deserialize_with = "nullable")]
    tags: Vec<String>,
    #[serde(rename = "RepoDigests", default, deserialize_with = "nullable")]
    digests: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    os: String,
    #[serde(default, deserialize_with = "nullable")]
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
    #[serde(default)]
    size: u64,
}

/// An entry of `GET /images/json`.
#[derive(Deserialize)]
struct ListedImage {
    #[serde(rename = "RepoTags", default, deserialize_with = "nullable")]
    tags: Vec<String>,
}

/// `GET /containers/{name}/json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ToldContainer {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    config: Option<ToldConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ToldConfig {
    #[serde(default)]
    image: String,
}

/// An entry of `GET /containers/json`.
#[derive(Deserialize)]
struct ListedContainer {
    #[serde(rename = "Names", default, deserialize_with = "nullable")]
    names: Vec<String>,
}

/// The daemon's JSON about a refusal as a sentence.
fn readable(error: plimsoll_http::Error) -> plimsoll_http::Error {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
    }
    let plimsoll_http::Error::Status { url, status, detail, rate_limit, retry_after } = error else {
        return error;
    };
    let detail = serde_json::from_str::<Refusal>(&detail).map_or(detail, |refusal| plain(&refusal.message));
    plimsoll_http::Error::Status { url, status, detail, rate_limit, retry_after }
}

/// The known names that somebody may have meant, at most three, the likeliest first.
fn near(wanted: &str, known: &[String]) -> Vec<String> {
    /// A daemon has some hundred images.
    const MOST: usize = 10_000;
    const SHOWN: usize = 3;
    let repository = |name: &str| -> String {
        let (name, _) = name.split_once('@').unwrap_or((name, ""));
        match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => name.to_owned(),
            _ => name.to_owned(),
        }
    };
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let wanted = wanted.to_lowercase();
    let mut found: Vec<(usize, &String)> = known
        .iter()
        .take(MOST)
        .filter(|name| name.len() <= LONGEST_NAME)
        .filter_map(|name| {
            let lower = name.to_lowercase();
            // Another tag or registry of the same name is nearly as good as the name itself.
            let distance = [
                plimsoll_model::edits(&wanted, &lower),
                plimsoll_model::edits(&last(&wanted), &last(&lower)),
                plimsoll_model::edits(&last(&repository(&wanted)), &last(&repository(&lower))) + 1,
            ]
            .into_iter()
            .min()?;
            (distance <= 1 + last(&wanted).len() / 3).then_some((distance, name))
        })
        .collect();
    found.sort();
    found.dedup();
    found.into_iter().take(SHOWN).map(|(_, name)| plain(name)).collect()
}

/// For the fuzzer: any text as what users, variables and daemons say.
pub(crate) fn fuzz(text: &str) {
    address::fuzz(text);
    containerd::fuzz(text.as_bytes());
    if check_name(text).is_ok() {
        let base = Url::parse("http://localhost/").expect("a constant address");
        let path = format!("/images/{text}/json");
        let joined = base.join(&path[1..]).expect("a checked name is a path");
        assert_eq!(joined.path(), path, "a name leads nowhere else");
    }
    let _ = serde_json::from_str::<ToldImage>(text);
    let _ = serde_json::from_str::<ToldContainer>(text);
    let _ = near(text, &[text.to_owned()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        let id = "0101010101010101010101010101010101010101010101010101010101010101";
        for (name, expected) in [
            ("debian:12", true),
            ("localhost:5000/a/b@sha256:00", true),
            (id, true),
            ("", false),
            ("a/../../containers/x", false),
            ("./a", false),
            ("a//b", false),
            ("/a", false),
            ("a?b", false),
            ("a#b", false),
            ("a%2e", false),
            ("a b", false),
            ("a\u{1b}[2J", false),
        ] {
            assert_eq!(check_name(name).is_ok(), expected, "{name}");
        }
        assert!(check_name(&"a".repeat(LONGEST_NAME + 1)).is_err());
        assert!(is_id(id) && is_id(&format!("sha256:{id}")));
        assert!(!is_id("sha256:") && !is_id("sha256:../x") && !is_id("name"));
    }

    #[test]
    fn suggestions() {
        let known = ["localhost/shop-web:1.4", "docker.io/library/debian:12", "quay.io/team/api:2", "x:1"]
            .map(str::to_owned);
        for (wanted, expected) in [
            ("shop-wbe:1.4", vec!["localhost/shop-web:1.4"]),
            ("shop-web", vec!["localhost/shop-web:1.4"]),
            ("debian:13", vec!["docker.io/library/debian:12"]),
            ("nothing-like-it", vec![]),
        ] {
            assert_eq!(near(wanted, &known), expected, "{wanted}");
        }
    }

    #[test]
    fn refusals_are_sentences() {
        let error = |detail: &str| plimsoll_http::Error::Status {
            url: Url::parse("http://localhost/images/a/get").unwrap(),
            status: 500,
            detail: detail.to_owned(),
            rate_limit: None,
            retry_after: None,
        };
        let shown = readable(error(r#"{"cause":"x","message":"no space","response":500}"#)).to_string();
        assert!(shown.ends_with("500 Internal Server Error: no space"), "{shown}");
        assert!(readable(error("plain")).to_string().ends_with(": plain"));
    }

    proptest::proptest! {
        #[test]
        fn any_text(text in ".*") {
            fuzz(&text);
        }

        #[test]
        fn any_name(text in "[a-z./:@]{1,12}") {
            fuzz(&text);
        }
    }
}
