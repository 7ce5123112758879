//! Why an image could not be opened.

use std::io;

use plimsoll_model::{Digest, Via};

use crate::{ImageSummary, Platform};

/// Why an image could not be opened. Every message names the place, the thing in it and the cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused, or the input ended inside something that is needed.
    #[error("cannot read {thing} of `{place}`")]
    Read {
        /// File, directory or stream.
        place: String,
        /// What was to be read.
        thing: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The place holds no image.
    #[error("`{place}` is not a container image: {detail}")]
    NotAnImage {
        /// File, directory or stream.
        place: String,
        /// What was found, and what was expected.
        detail: String,
    },
    /// Something that the image needs is not stored with it.
    #[error("`{place}` does not hold {thing}: the image is incomplete, or was only partly exported")]
    Missing {
        /// File, directory or stream.
        place: String,
        /// What is missing.
        thing: String,
    },
    /// Content is not what its digest promises.
    #[error("{thing} of `{place}` was altered or damaged: its content is {actual}, expected {expected}")]
    DigestMismatch {
        /// File, directory or stream.
        place: String,
        /// The document.
        thing: String,
        /// What it should be.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
    /// A document is no JSON of the expected form.
    #[error("{thing} of `{place}` cannot be understood")]
    Json {
        /// File, directory or stream.
        place: String,
        /// The document.
        thing: String,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A document or archive breaks its own format.
    #[error("{thing} of `{place}` is broken: {detail}")]
    Invalid {
        /// File, directory or stream.
        place: String,
        /// The document.
        thing: String,
        /// What is wrong.
        detail: String,
    },
    /// Something is larger, deeper or more numerous than we are ready to read.
    #[error("{thing} of `{place}` exceeds the limit of {limit}")]
    Limit {
        /// File, directory or stream.
        place: String,
        /// What is too large.
        thing: String,
        /// The limit with its unit.
        limit: String,
    },
    /// Recognised, but not understood.
    #[error("`{place}`: {detail}")]
    Unsupported {
        /// File, directory or stream.
        place: String,
        /// What it is, and what to do instead.
        detail: String,
    },
    /// The archive is compressed as a whole: it can be read once from front to back by [`crate::stream`], not opened.
    #[error("`{place}` is compressed as a whole and can only be read as a stream")]
    Compressed {
        /// The file.
        place: String,
    },
    /// A file about registries that cannot be used.
    #[error("cannot use `{path}`: {detail}")]
    Configuration {
        /// The file, or the folder that holds several.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// The user's files forbid it.
    #[error("`{name}` is blocked by {by}")]
    Blocked {
        /// The image.
        name: String,
        /// What says so.
        by: String,
    },
    /// A name that breaks the grammar.
    #[error("`{text}` is not the name of an image: {detail}")]
    Reference {
        /// What was given.
        text: String,
        /// What is wrong.
        detail: String,
    },
    /// The registry does not know it.
    #[error("`{name}` does not have {thing}, or does not show it to everybody")]
    NoImage {
        /// Repository.
        name: String,
        /// What was asked for.
        thing: String,
    },
    /// The registry does not say which repositories it has.
    #[error("the registry `{registry}` does not list its repositories: {detail}")]
    NoList {
        /// Registry.
        registry: String,
        /// What it answered.
        detail: String,
    },
    /// The registry does not let us.
    #[error("the registry refuses to show `{name}` ({status}); {tried}")]
    Unauthorized {
        /// Repository.
        name: String,
        /// Registry, as `docker login` takes it.
        registry: String,
        /// HTTP status.
        status: u16,
        /// Which credentials were tried, without secrets.
        tried: String,
    },
    /// No daemon answers.
    #[error("{} does not answer: {}", label(*.via), .tried.join(", "))]
    NoDaemon {
        /// Which one.
        via: Via,
        /// Where it was looked for, and what was wrong there.
        tried: Vec<String>,
        /// Nothing stands at any of the places.
        absent: bool,
    },
    /// A daemon does not know it.
    #[error("{} at `{place}` has no {kind} `{}`", label(*.via), plain(.name))]
    NotInDaemon {
        /// Which daemon.
        via: Via,
        /// Where it is.
        place: String,
        /// Image or container.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// Names that are nearly the same.
        near: Vec<String>,
    },
    /// The network, the server or its certificate.
    #[error("cannot read {thing} of `{place}`")]
    Network {
        /// Repository.
        place: String,
        /// What was to be read.
        thing: String,
        /// The cause.
        #[source]
        source: Box<plimsoll_http::Error>,
    },
    /// No image for the platform that was asked for.
    #[error("`{place}` has no image for {wanted}; it has {}", platforms(.available))]
    NoPlatform {
        /// File, directory or stream.
        place: String,
        /// What was asked for.
        wanted: Platform,
        /// The platforms that there are.
        available: Vec<Platform>,
    },
    /// No image has the name or digest that was asked for.
    #[error("`{place}` has no image `{}`; it has {}", plain(.wanted), images(.available))]
    NoReference {
        /// File, directory or stream.
        place: String,
        /// What was asked for.
        wanted: String,
        /// The images that there are.
        available: Vec<ImageSummary>,
    },
    /// Several images, and nothing says which.
    #[error("`{place}` holds several images, name one of them: {}", images(.available))]
    Several {
        /// File, directory or stream.
        place: String,
        /// The images that there are.
        available: Vec<ImageSummary>,
    },
}

impl Error {
    /// Is it for the user to ask differently (exit code 2), rather than for the image to be whole (exit code 3)?
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Error::NoPlatform { .. }
                | Error::NoReference { .. }
                | Error::Several { .. }
                | Error::Reference { .. }
                | Error::Configuration { .. }
                | Error::Blocked { .. }
                | Error::NotInDaemon { .. }
        )
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        use plimsoll_http::Error as Http;
        match self {
            Error::Configuration { .. } | Error::Blocked { .. } => Some(
                "`plimsoll registry where NAME` says which files decide; CONTAINERS_REGISTRIES_CONF names another \
                 registries.conf"
                    .into(),
            ),
            Error::NoImage { .. } => {
                Some("check the spelling of name and tag; private images need `docker login`".into())
            }
            Error::NoList { .. } => Some(
                "many registries list none, or only for administrators (Docker Hub, ghcr.io, quay.io ...): name a repository"
                    .into(),
            ),
            Error::NoDaemon { via: Via::Podman, .. } => Some(
                "`podman system service` or `systemctl --user start podman.socket` starts it, CONTAINER_HOST names another \
                 place; `podman save IMAGE | plimsoll scan -` needs no service"
                    .into(),
            ),
            Error::NoDaemon { via: Via::Containerd, .. } => Some(
                "its socket is usually for root alone; CONTAINERD_ADDRESS names another place; `ctr images export - IMAGE | \
                 plimsoll scan -` reads an image without it"
                    .into(),
            ),
            Error::NoDaemon { .. } => Some(
                "is it running, and is this user in its group? DOCKER_HOST names another place; `docker save IMAGE | \
                 plimsoll scan -` reads an image without it"
                    .into(),
            ),
            Error::NotInDaemon { near, kind, name, .. } => match near.first() {
                Some(_) => Some(format!("did you mean {}?", or(near))),
                None if *kind == "image" => {
                    Some(format!("`plimsoll scan registry:{}` asks its registry", plain(name)))
                }
                None => None,
            },
            Error::Unauthorized { registry, .. } => Some(format!(
                "run `docker login {registry}`, or name the file with your credentials in REGISTRY_AUTH_FILE"
            )),
            Error::Network { source, .. } => match &**source {
                Http::UnknownIssuer { host } => Some(format!(
                    "name the certificate of its authority with --ca-file FILE, or give up the check with --insecure {host}"
                )),
                Http::Certificate { host, .. } => Some(format!("--insecure {host} gives up the check")),
                Http::NotTls { host, port } => {
                    Some(format!("--insecure {host}:{port} allows to read it without TLS"))
                }
                Http::Resolve { .. } => Some(
                    "is the name right? Behind a proxy set HTTPS_PROXY; without network scan an archive"
                        .into(),
                ),
                Http::Status { status: 429, .. } => {
                    Some("log in for a higher limit, or use a mirror with --registry-mirror".into())
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// What people call who hands images out.
fn label(via: Via) -> &'static str {
    match via {
        Via::Docker => "Docker",
        Via::Podman => "Podman",
        Via::Containerd => "containerd",
        Via::Registry => "the registry",
        Via::Process => "the process",
    }
}

fn or(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(" or ")
}

/// How many images or platforms a message lists.
const SHOWN: usize = 20;

fn platforms(available: &[Platform]) -> String {
    list(available.iter().map(ToString::to_string).collect())
}

fn images(available: &[ImageSummary]) -> String {
    list(available.iter().map(ToString::to_string).collect())
}

fn list(mut items: Vec<String>) -> String {
    items.sort();
    items.dedup();
    if items.is_empty() {
        return "none".to_owned();
    }
    let more = items.len().saturating_sub(SHOWN);
    items.truncate(SHOWN);
    let text = items.join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}

/// Text from outside, made safe to show: control characters are escaped and the length is bounded.
pub(crate) fn plain(text: &str) -> String {
    const LONGEST: usize = 300;
    let mut shown = String::new();
    for character in text.chars().take(LONGEST) {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_moves_the_cursor() {
        assert_eq!(plain("a\x1b[2Jb\u{9b}c"), "a\\u{1b}[2Jb\\u{9b}c");
        assert_eq!(plain(&"é".repeat(400)).chars().count(), 301);
    }

    #[test]
    fn lists_are_sorted_bounded_and_never_empty() {
        assert_eq!(list(vec![]), "none");
        assert_eq!(list(vec!["b".into(), "a".into(), "b".into()]), "a, b");
        let many = list((0..30).map(|number| format!("{number:02}")).collect());
        assert!(many.ends_with("19 and 10 more"), "{many}");
    }
}
