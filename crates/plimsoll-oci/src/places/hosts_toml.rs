//! containerd's `certs.d/HOST/hosts.toml` (containerd, docs/hosts.md): mirrors of a registry, and how each is reached.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_http::{Identity, Pem, Url};
use serde::Deserialize;
use toml::Spanned;

use super::registries_conf::Wanted;
use super::{Certificates, DOCKER_HUB_HOST, Place, Scheme, certificates, folder_of, read_file, wrong};
use crate::Error;
use crate::error::plain;
use crate::reference::{RepositoryName, is_host_and_port};

/// The folder for hosts that have none of their own.
const DEFAULT: &str = "_default";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    server: Option<String>,
    /// In the order of the file.
    host: BTreeMap<Spanned<String>, Host>,
    #[serde(flatten)]
    itself: Host,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Host {
    capabilities: Option<Vec<String>>,
    ca: Option<OneOrMany>,
    client: Option<Client>,
    skip_verify: bool,
    override_path: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Pairs of certificate and key, or files that hold both.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Client {
    One(String),
    Many(Vec<OneOrMany>),
}

/// The places that the file for a host names, the registry itself last; `None` where there is no such file.
pub(super) fn places(
    folders: &[PathBuf],
    name: &RepositoryName,
    wanted: &Wanted,
) -> Result<Option<Vec<Place>>, Error> {
    let host = folder_of(name.registry());
    // Where colons cannot stand in names.
    let without_colon = host.rsplit_once(':').map(|(host, port)| format!("{host}_{port}_"));
    for root in folders {
        for folder in without_colon.as_deref().into_iter().chain([host, DEFAULT]) {
            let folder = root.join(folder);
            let path = folder.join("hosts.toml");
            if let Some(text) = read_file(&path)? {
                return read(&path, &text, name, wanted).map(Some);
            }
            // containerd reads Docker's files where there is no such file.
            if folder.is_dir() {
                let mut certificates =
                    certificates::of_host(std::slice::from_ref(root), &folder_name(&folder))?;
                certificates.is_settled = true;
                let by = vec![folder.display().to_string()];
                return Ok(Some(vec![Place { certificates, by, ..Place::plain(name.clone()) }]));
            }
        }
    }
    Ok(None)
}

fn folder_name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(path: &Path, text: &str, name: &RepositoryName, wanted: &Wanted) -> Result<Vec<Place>, Error> {
    let file: File = toml::from_str(text).map_err(|error| wrong(path, text, &error))?;
    let mut hosts: Vec<(Spanned<String>, Host)> = file.host.into_iter().collect();
    hosts.sort_by_key(|(address, _)| address.span().start);
    let mut places = Vec::new();
    for (address, host) in &hosts {
        let can = |what: &str| {
            host.capabilities.as_ref().is_none_or(|all| all.iter().any(|one| one.eq_ignore_ascii_case(what)))
        };
        // A name is believed only of who may resolve it; without one a repository is meant, and its registry.
        let asked = can("pull") && (wanted.by_digest || wanted.by_tag && can("resolve"));
        let place = place(path, address.get_ref(), host, name)?;
        if asked {
            places.push(Place { is_mirror: true, ..place });
        }
    }
    let address = file.server.as_deref().filter(|address| !address.is_empty());
    let own = format!("https://{}", name.registry());
    let itself = place(path, address.unwrap_or(&own), &file.itself, name)?;
    places.push(itself);
    Ok(places)
}

fn place(path: &Path, address: &str, host: &Host, name: &RepositoryName) -> Result<Place, Error> {
    let refuse = |detail: String| Error::Configuration { path: path.display().to_string(), detail };
    let with_scheme = if address.contains("://") { address.to_owned() } else { format!("https://{address}") };
    let url = Url::parse(&with_scheme).map_err(|error| refuse(error.to_string()))?;
    let authority =
        with_scheme.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if !is_host_and_port(authority) {
        return Err(refuse(format!("`{}` is no host of a registry", plain(&url.to_string()))));
    }
    let below = url.path().trim_matches('/');
    let base = match (host.override_path, below) {
        (true, "") => String::new(),
        (true, below) => below.to_owned(),
        (false, "") => "v2".to_owned(),
        (false, below) if below == "v2" || below.ends_with("/v2") => below.to_owned(),
        (false, below) => format!("{below}/v2"),
    };
    let folder = path.parent().unwrap_or(path);
    let file = |named: &String| folder.join(named);
    let authorities = match &host.ca {
        None => Vec::new(),
        Some(OneOrMany::One(one)) => vec![file(one)],
        Some(OneOrMany::Many(many)) => many.iter().map(file).collect(),
    };
    let first = match &host.client {
        None => None,
        Some(Client::One(one)) => Some((one, one)),
        Some(Client::Many(many)) => match many.first() {
            None => None,
            Some(OneOrMany::One(one)) => Some((one, one)),
            Some(OneOrMany::Many(pair)) => match pair.as_slice() {
                [certificate, key] if !key.is_empty() => Some((certificate, key)),
                [one] | [one, _] => Some((one, one)),
                _ => return Err(refuse("a `client` is no pair of certificate and key".to_owned())),
            },
        },
    };
    let identity = first.map(|(certificate, key)| Identity {
        certificate: Pem::File(file(certificate)),
        key: Pem::File(file(key)),
    });
    let registry = if authority == DOCKER_HUB_HOST { "docker.io" } else { authority };
    let there = RepositoryName::listed(registry, name.path())
        .ok_or_else(|| refuse(format!("`{name}` at `{}` is no name of an image", plain(authority))))?;
    let is_other = registry != name.registry();
    Ok(Place {
        base,
        scheme: if url.is_https() { Scheme::Secured } else { Scheme::Open },
        insecure: host.skip_verify,
        namespace: is_other.then(|| name.registry().to_owned()),
        certificates: Certificates {
            is_settled: !authorities.is_empty() || identity.is_some(),
            authorities,
            identity,
            by: None,
        },
        by: vec![path.display().to_string()],
        ..Place::plain(there)
    })
}

pub(super) fn fuzz(text: &str, reference: &crate::Reference) {
    let _ = read(Path::new("certs.d/host/hosts.toml"), text, reference.name(), &Wanted::of(reference));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reference;

    fn asked(text: &str, name: &str) -> Vec<String> {
        let reference = Reference::parse(name).unwrap();
        let path = Path::new("/certs.d/h/hosts.toml");
        let places = read(path, text, reference.name(), &Wanted::of(&reference)).unwrap();
        let shown = |place: &Place| {
            let scheme = if place.scheme == Scheme::Open { "http" } else { "https" };
            let mark = if place.insecure { " insecure" } else { "" };
            let namespace = place.namespace.as_ref().map(|name| format!(" for {name}")).unwrap_or_default();
            format!(
                "{scheme}://{}/{}/{}{mark}{namespace}",
                place.name.registry(),
                place.base,
                place.name.path()
            )
        };
        places.iter().map(shown).collect()
    }

    #[test]
    fn mirrors_in_the_order_of_the_file() {
        let text = r#"
            server = "https://registry-1.docker.io"
            [host."https://z.example"]
              capabilities = ["pull", "resolve"]
              skip_verify = true
            [host."http://a.example:5000/cache"]
              capabilities = ["pull", "resolve", "push"]
            [host."https://b.example/v2/hub"]
              capabilities = ["pull"]
              override_path = true
            [host."https://push.example"]
              capabilities = ["push"]
        "#;
        let tagged = [
            "https://z.example/v2/library/debian insecure for docker.io",
            "http://a.example:5000/cache/v2/library/debian for docker.io",
            "https://docker.io/v2/library/debian",
        ];
        assert_eq!(asked(text, "debian:12"), tagged);
        let digest = format!("debian@sha256:{}", "01".repeat(32));
        let by_digest = asked(text, &digest);
        assert_eq!(by_digest[2], "https://b.example/v2/hub/library/debian for docker.io");
        assert_eq!(by_digest.len(), 4);
        assert_eq!(asked("", "h.example/a"), ["https://h.example/v2/a"]);
        assert_eq!(asked("skip_verify = true", "h.example/a"), ["https://h.example/v2/a insecure"]);
    }

    #[test]
    fn certificates_of_a_host() {
        let name = Reference::parse("h.example/a").unwrap();
        let of = |text: &str| {
            let path = Path::new("/certs.d/h/hosts.toml");
            let mut places = read(path, text, name.name(), &Wanted::of(&name)).unwrap();
            places.pop().unwrap().certificates
        };
        let identity = |certificate: &str, key: &str| {
            Some(Identity { certificate: Pem::File(certificate.into()), key: Pem::File(key.into()) })
        };
        assert_eq!(of("ca = 'ca.pem'").authorities, [Path::new("/certs.d/h/ca.pem")]);
        assert_eq!(
            of("ca = ['/a.pem', 'b.pem']").authorities,
            ["/a.pem", "/certs.d/h/b.pem"].map(PathBuf::from)
        );
        assert_eq!(of("client = '/both.pem'").identity, identity("/both.pem", "/both.pem"));
        assert_eq!(
            of("client = [['/c.pem', '/k.pem'], ['/d', '/e']]").identity,
            identity("/c.pem", "/k.pem")
        );
        assert_eq!(of("client = ['/both.pem']").identity, identity("/both.pem", "/both.pem"));
        assert!(!of("").is_settled && of("ca = 'x'").is_settled);
    }

    #[test]
    fn mistakes_are_named() {
        let name = Reference::parse("h.example/a").unwrap();
        for (text, said) in [
            ("server = 1", "line 1: invalid type"),
            ("[host.'ftp://h.x']", "only `http:` and `https:`"),
            ("[host.'https://user:hidden@h.x']", "is no host of a registry"),
            ("[host.'https://h.x']\nclient = [[]]", "no pair"),
        ] {
            let error = read(Path::new("hosts.toml"), text, name.name(), &Wanted::of(&name)).unwrap_err();
            let shown = error.to_string();
            assert!(shown.contains(said) && error.is_usage() && !shown.contains("hidden"), "{text}: {shown}");
        }
    }

    #[test]
    fn the_folder_of_a_host() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("h.x_5000_/hosts.toml", "server = 'https://one.example'");
        put("old.x/ca.crt", "");
        put("_default/hosts.toml", "[host.'https://all.example']");
        let of = |name: &str| {
            let name = Reference::parse(name).unwrap();
            let places = places(&[root.path().to_owned()], name.name(), &Wanted::of(&name)).unwrap().unwrap();
            places.iter().map(|place| place.name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(of("h.x:5000/a"), ["one.example/a"]);
        assert_eq!(of("other.x/a"), ["all.example/a", "other.x/a"]);
        let name = Reference::parse("old.x/a").unwrap();
        let found = places(&[root.path().to_owned()], name.name(), &Wanted::of(&name)).unwrap().unwrap();
        assert_eq!(found[0].certificates.authorities, [root.path().join("old.x/ca.crt")]);
    }
}
