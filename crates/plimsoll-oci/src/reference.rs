//! Names of images in registries: `debian:12`, `ghcr.io/owner/name@sha256:...`.

use std::fmt;

use plimsoll_model::Digest;

use crate::Error;
use crate::error::plain;

/// The registry that is meant where none is named.
pub(crate) const DOCKER_HUB: &str = "docker.io";
/// Longest name of a repository in bytes, registry included (distribution/reference, `NameTotalLengthMax`).
const LONGEST_NAME: usize = 255;
/// Longest tag in bytes (OCI distribution-spec 1.1, "Pulling manifests").
const LONGEST_TAG: usize = 128;

/// A repository of a registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName {
    registry: String,
    path: String,
}

impl RepositoryName {
    /// Host and port of the registry, as written: `docker.io`, `localhost:5000`, `[::1]:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Path within the registry: `library/debian`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The name as policies see it: the port that HTTPS has anyway makes no other registry (`ghcr.io:443/a` is `ghcr.io/a`).
    /// It stays where the name would be of a folder of Docker Hub without it, and with addresses.
    pub fn without_usual_port(&self) -> String {
        let is_name = |host: &&str| {
            host.contains('.') && !host.contains(':') && host.bytes().any(|byte| byte.is_ascii_alphabetic())
        };
        let host = self.registry.strip_suffix(":443").filter(is_name).unwrap_or(&self.registry);
        format!("{host}/{}", self.path)
    }

    /// A repository from a registry's own list.
    pub(crate) fn listed(registry: &str, path: &str) -> Option<Self> {
        let fits = is_path(path) && registry.len() + 1 + path.len() <= LONGEST_NAME;
        fits.then(|| RepositoryName { registry: registry.to_owned(), path: path.to_owned() })
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry, self.path)
    }
}

/// The name of an image in a registry (the grammar of distribution/reference, which Docker, Podman and containerd share).
///
/// `debian` is `docker.io/library/debian:latest`. Where both tag and digest are given the digest decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    name: RepositoryName,
    tag: Option<String>,
    digest: Option<Digest>,
    /// The name as it was typed, where no registry was.
    short: Short,
}

/// How a name was typed, which makes it no other name.
#[derive(Clone, Debug, Default)]
struct Short(Option<String>);

impl PartialEq for Short {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Short {}

impl PartialOrd for Short {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Short {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl std::hash::Hash for Short {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl Reference {
    /// Reads a name as users type it.
    ///
    /// # Errors
    /// [`Error::Reference`] says which part breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |detail: &str| Error::Reference { text: plain(text), detail: detail.to_owned() };
        let (rest, digest) = match text.split_once('@') {
            None => (text, None),
            Some((rest, digest)) => {
                let digest = Digest::parse(digest).map_err(|error| wrong(&error.to_string()))?;
                if digest.algorithm() == plimsoll_model::Algorithm::Sha1 {
                    return Err(wrong("SHA-1 proves nothing, expected a sha256 or sha512 digest"));
                }
                (rest, Some(digest))
            }
        };
        // A colon after the last slash begins a tag; before it, a port.
        let after_slash = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (rest, tag) = match rest[after_slash..].find(':') {
            Some(colon) if !rest[after_slash..].starts_with('[') => {
                let (rest, tag) = rest.split_at(after_slash + colon);
                (rest, Some(&tag[1..]))
            }
            _ => (rest, None),
        };
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(wrong(&format!("`{}` is no tag", plain(tag))));
        }
        let (registry, path) = match rest.split_once('/') {
            Some((first, path)) if is_registry(first) => (first, path.to_owned()),
            _ => (DOCKER_HUB, rest.to_owned()),
        };
        let short = match rest.split_once('/') {
            Some((first, _)) if is_registry(first) => Short(None),
            _ => Short(Some(rest.to_owned())),
        };
        // Hosts have no case; but a host that only its upper case tells from a folder of Docker Hub keeps it.
        let lower = registry.to_ascii_lowercase();
        let registry = if is_registry(&lower) { lower } else { registry.to_owned() };
        let registry = match registry.strip_suffix(":443").unwrap_or(&registry) {
            DOCKER_HUB | "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => {
                DOCKER_HUB.to_owned()
            }
            _ => registry,
        };
        if !is_host_and_port(&registry) {
            return Err(wrong(&format!("`{}` is no host", plain(&registry))));
        }
        let path =
            if registry == DOCKER_HUB && !path.contains('/') { format!("library/{path}") } else { path };
        if !is_path(&path) {
            let upper = path.bytes().any(|byte| byte.is_ascii_uppercase());
            return Err(wrong(if upper {
                "names of repositories are in lower case"
            } else {
                "expected [HOST[:PORT]/]NAME[:TAG][@DIGEST]"
            }));
        }
        if registry.len() + 1 + path.len() > LONGEST_NAME {
            return Err(wrong(&format!("the name is longer than {LONGEST_NAME} bytes")));
        }
        let tag = match (tag, &digest) {
            (Some(tag), _) => Some(tag.to_owned()),
            (None, Some(_)) => None,
            (None, None) => Some("latest".to_owned()),
        };
        let name = RepositoryName { registry, path };
        Ok(Reference { name, tag, digest, short })
    }

    /// Was no registry named?
    pub fn is_short(&self) -> bool {
        self.short.0.is_some()
    }

    /// The name as it was typed, without tag and digest, where no registry was named.
    pub(crate) fn short_path(&self) -> &str {
        self.short.0.as_deref().unwrap_or_default()
    }

    /// The repository.
    pub fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// The tag; `latest` where neither tag nor digest was given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, which decides where it is given.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What a registry is asked for: the digest, or the tag.
    pub fn selector(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(formatter)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(formatter, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// Is the first part of a name a registry? Only what no repository of Docker Hub can be called.
fn is_registry(first: &str) -> bool {
    first.contains(['.', ':'])
        || first == "localhost"
        || first.starts_with('[')
        || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// `host`, `host:port`, `[ipv6]` or `[ipv6]:port`.
pub(crate) fn is_host_and_port(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((address, rest)) = rest.split_once(']') else { return false };
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            match rest.strip_prefix(':') {
                Some(port) => (None, Some(port)),
                None if rest.is_empty() => (None, None),
                None => return false,
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(text), None),
        },
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.is_none_or(|host| host.split('.').all(is_label))
        && port.is_none_or(|port| {
            // `0443` is another name for 443 to some, so that it is none here.
            port.bytes().all(|byte| byte.is_ascii_digit())
                && !port.starts_with('0')
                && port.parse::<u16>().is_ok()
        })
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
pub(crate) fn is_tag(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !text.is_empty() && text.len() <= LONGEST_TAG && text.bytes().all(fine) && !text.starts_with(['.', '-'])
}

/// `component[/component]...`, each of `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_path(text: &str) -> bool {
    text.split('/').all(is_component)
}

fn is_component(text: &str) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    if !bytes.first().is_some_and(is_letter) || !bytes.last().is_some_and(is_letter) {
        return false;
    }
    bytes.split(|byte| is_letter(byte)).all(|separator| {
        matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|byte| *byte == b'-')
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_as_users_type_them() {
        const HEX: &str = "0101010101010101010101010101010101010101010101010101010101010101";
        for (text, expected) in [
            ("debian", Some("docker.io/library/debian:latest")),
            ("debian:12", Some("docker.io/library/debian:12")),
            ("library/debian", Some("docker.io/library/debian:latest")),
            ("bitnami/redis:7", Some("docker.io/bitnami/redis:7")),
            ("index.docker.io/debian", Some("docker.io/library/debian:latest")),
            ("INDEX.Docker.io/debian", Some("docker.io/library/debian:latest")),
            ("DOCKER.IO/debian", Some("docker.io/library/debian:latest")),
            ("docker.io:443/debian", Some("docker.io/library/debian:latest")),
            ("Registry-1.docker.io:443/a/b", Some("docker.io/a/b:latest")),
            ("localhost/a", Some("localhost/a:latest")),
            ("localhost:5000/a/b/c:1", Some("localhost:5000/a/b/c:1")),
            ("127.0.0.1:5000/a", Some("127.0.0.1:5000/a:latest")),
            ("[::1]:5000/a:2", Some("[::1]:5000/a:2")),
            ("[2001:db8::1]/a", Some("[2001:db8::1]/a:latest")),
            ("GHCR.io/a/b", Some("ghcr.io/a/b:latest")),
            ("Intranet/a", Some("Intranet/a:latest")),
            ("a.b/c-d_e__f.g---h:T_1.x-y", Some("a.b/c-d_e__f.g---h:T_1.x-y")),
            ("debian@sha256:HEX", Some("docker.io/library/debian@sha256:HEX")),
            ("debian:12@sha256:HEX", Some("docker.io/library/debian:12@sha256:HEX")),
            ("localhost:5000", Some("docker.io/library/localhost:5000")),
            ("", None),
            ("debian:", None),
            ("Debian", None),
            ("a..b", None),
            ("a___b", None),
            ("a/", None),
            ("/a", None),
            ("a.b/../c", None),
            ("a:-1", None),
            ("[::1/a", None),
            ("[zz]/a", None),
            ("h.x:99999/a", None),
            ("h.x:0443/a", None),
            ("docker.io:00443/a", None),
            ("h.x:/a", None),
            ("-h.x/a", None),
            ("debian@sha256:00", None),
            ("debian@HEX", None),
            ("https://ghcr.io/a", None),
            ("a b", None),
            ("a\u{1b}[2J", None),
        ] {
            let text = text.replace("HEX", HEX);
            let expected = expected.map(|expected| expected.replace("HEX", HEX));
            let parsed = Reference::parse(&text).map(|reference| reference.to_string());
            assert_eq!(parsed.as_ref().ok(), expected.as_ref(), "{text}: {parsed:?}");
        }
        assert!(Reference::parse(&"a".repeat(300)).is_err());
        let error = Reference::parse("ghcr.io/Owner/a").unwrap_err();
        assert!(error.to_string().contains("lower case"), "{error}");
    }

    #[test]
    fn two_names_of_one_registry_are_one() {
        for (text, expected) in [
            ("ghcr.io:443/a/b", "ghcr.io/a/b"),
            ("GHCR.io:443/a/b", "ghcr.io/a/b"),
            ("ghcr.io:8443/a", "ghcr.io:8443/a"),
            ("intranet:443/a", "intranet:443/a"),
            ("10.0.0.1:443/a", "10.0.0.1:443/a"),
            ("[::1]:443/a", "[::1]:443/a"),
        ] {
            assert_eq!(Reference::parse(text).unwrap().name().without_usual_port(), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(text in "(localhost:5000/|[a-z0-9.\\[\\]:-]{0,8}/)?[a-zA-Z0-9._/-]{0,12}(:[a-zA-Z0-9._-]{0,5})?") {
            if let Ok(reference) = Reference::parse(&text) {
                prop_assert_eq!(Reference::parse(&reference.to_string()).ok(), Some(reference));
            }
        }
    }
}
