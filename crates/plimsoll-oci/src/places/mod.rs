//! Where an image is asked for, and how: what the files of Podman, containerd and Docker say of registries.
//!
//! One order for all of them, which `docs/registries.md` tells: what the user names on the command line; then the entry
//! of `registries.conf` that fits; where none does, containerd's `hosts.toml`. Certificates come from the folders that
//! all of them keep by host. Every place remembers which file decided, so that a run can say so.

mod certificates;
mod hosts_toml;
mod registries_conf;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use plimsoll_http::Identity;

use crate::reference::{DOCKER_HUB, RepositoryName, is_host_and_port};
use crate::registry::Mirror;
use crate::{Error, Reference};

pub(crate) use certificates::Certificates;
use registries_conf::{Registries, Wanted};

/// Where Docker Hub's registry really is.
pub(crate) const DOCKER_HUB_HOST: &str = "registry-1.docker.io";
/// Largest file of settings in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;
/// Most files of a folder of settings.
const MOST_FILES: usize = 1_000;

/// Where other tools keep what they know of registries. What is not there is passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryFiles {
    /// `registries.conf` that the user named: it must be there, and no other is read.
    pub registries_conf: Option<PathBuf>,
    /// Places of `registries.conf` where none was named; the first that is there counts.
    pub usual_registries_conf: Vec<PathBuf>,
    /// Folders `registries.conf.d`; later ones win.
    pub drop_ins: Vec<PathBuf>,
    /// Podman's memory of short names; later ones win.
    pub short_names: Vec<PathBuf>,
    /// containerd's folders `certs.d`, with `HOST/hosts.toml`; the first that has one for a host counts.
    pub hosts: Vec<PathBuf>,
    /// Docker's and Podman's folders `certs.d`, with `HOST/ca.crt`; the first that has a folder for a host counts.
    pub certificates: Vec<PathBuf>,
}

/// How a place is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// By TLS; where the host may be read without, also so.
    Secured,
    /// Without TLS, as an address says.
    Open,
}

/// One place that is asked for a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The repository there; its registry is the host that is asked.
    pub(crate) name: RepositoryName,
    /// Tag or digest there, where a rule changed it.
    pub(crate) selector: Option<String>,
    /// What stands between host and name: `v2`.
    pub(crate) base: String,
    pub(crate) scheme: Scheme,
    /// Its certificate is not checked, and it may be read without TLS.
    pub(crate) insecure: bool,
    /// The registry whose images are meant, for mirrors that serve several.
    pub(crate) namespace: Option<String>,
    pub(crate) certificates: Certificates,
    /// Is it one that stands in for the registry?
    pub(crate) is_mirror: bool,
    /// What decided, for people.
    pub(crate) by: Vec<String>,
}

impl Place {
    fn plain(name: RepositoryName) -> Self {
        Place {
            name,
            selector: None,
            base: "v2".to_owned(),
            scheme: Scheme::Secured,
            insecure: false,
            namespace: None,
            certificates: Certificates::default(),
            is_mirror: false,
            by: Vec::new(),
        }
    }
}

/// All that is known of registries.
#[derive(Debug, Default)]
pub(crate) struct Places {
    files: RegistryFiles,
    mirrors: Vec<Mirror>,
    insecure: Vec<String>,
    identity: Option<Identity>,
    registries: Registries,
}

impl Places {
    /// Reads `registries.conf` and what belongs to it.
    ///
    /// # Errors
    /// When one of the files is there and cannot be understood.
    pub(crate) fn read(
        files: &RegistryFiles,
        mirrors: &[Mirror],
        insecure: &[String],
        identity: Option<&Identity>,
    ) -> Result<Self, Error> {
        Ok(Places {
            registries: Registries::read(files)?,
            files: files.clone(),
            mirrors: mirrors.to_vec(),
            insecure: insecure.to_vec(),
            identity: identity.cloned(),
        })
    }

    /// What a name without a registry may mean, in this order; each with what says so.
    pub(crate) fn meanings(&self, reference: &Reference) -> Vec<(Reference, Option<String>)> {
        if !reference.is_short() {
            return vec![(reference.clone(), None)];
        }
        let meanings = self.registries.meanings(reference);
        if meanings.is_empty() { vec![(reference.clone(), None)] } else { meanings }
    }

    /// The places that are asked for an image, mirrors first; the last is the registry itself.
    ///
    /// # Errors
    /// When the files forbid it, or cannot be understood.
    pub(crate) fn of(&self, reference: &Reference) -> Result<Vec<Place>, Error> {
        self.all(reference.name(), &Wanted::of(reference))
    }

    /// The registry itself, which keeps a repository.
    pub(crate) fn registry(&self, name: &RepositoryName) -> Result<Place, Error> {
        let last = self.all(name, &Wanted::repository(name))?.pop();
        Ok(last.unwrap_or_else(|| Place::plain(name.clone())))
    }

    fn all(&self, name: &RepositoryName, wanted: &Wanted) -> Result<Vec<Place>, Error> {
        let mut places = Vec::new();
        for mirror in self.mirrors.iter().filter(|mirror| mirror.registry == name.registry()) {
            let path = match mirror.prefix.as_str() {
                "" => name.path().to_owned(),
                prefix => format!("{prefix}/{}", name.path()),
            };
            let Some(there) = RepositoryName::listed(&mirror.host, &path) else { continue };
            let by = vec!["--registry-mirror".to_owned()];
            places.push(Place { is_mirror: true, by, ..Place::plain(there) });
        }
        match self.registries.places(name, wanted)? {
            Some(found) => places.extend(found),
            None => match hosts_toml::places(&self.files.hosts, name, wanted)? {
                Some(found) => places.extend(found),
                None => places.push(Place::plain(name.clone())),
            },
        }
        for place in &mut places {
            self.complete(place)?;
        }
        Ok(places)
    }

    /// Certificates, and what the command line says of the host.
    fn complete(&self, place: &mut Place) -> Result<(), Error> {
        let host = place.name.registry();
        if !place.certificates.is_settled {
            let found = certificates::of_host(&self.files.certificates, host)?;
            place.by.extend(found.by.iter().map(|folder| folder.display().to_string()));
            place.certificates = found;
        }
        if let Some(identity) = self.identity.as_ref().filter(|_| place.certificates.identity.is_none()) {
            place.certificates.identity = Some(identity.clone());
            place.by.push("--client-cert".to_owned());
        }
        if self.insecure.iter().any(|known| is_meant(known, host)) {
            place.insecure = true;
            place.by.push("--insecure".to_owned());
        }
        Ok(())
    }
}

/// Does `host` or `host:port` mean this host?
fn is_meant(known: &str, host: &str) -> bool {
    let alone = host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or(host, |(host, _)| host);
    [host, alone, alone.trim_matches(['[', ']'])].iter().any(|name| known.eq_ignore_ascii_case(name))
}

/// A file of settings; `None` where there is none.
fn read_file(path: &Path) -> Result<Option<String>, Error> {
    let unusable = |detail: String| Error::Configuration { path: path.display().to_string(), detail };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(unusable(error.to_string())),
    };
    if !file.metadata().is_ok_and(|metadata| metadata.is_file() || path == Path::new("/dev/null")) {
        return Ok(None);
    }
    let mut text = String::new();
    file.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| unusable(error.to_string()))?;
    if text.len() as u64 > LARGEST {
        return Err(unusable(format!("it is larger than {LARGEST} bytes")));
    }
    Ok(Some(text))
}

/// The files of a folder whose names end so, sorted.
fn files(folder: &Path, ending: &str) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(MOST_FILES);
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == ending)).collect()
}

/// What is wrong with a file in TOML, with its line.
fn wrong(path: &Path, text: &str, error: &toml::de::Error) -> Error {
    let line =
        error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
    Error::Configuration { path: path.display().to_string(), detail: format!("{place}{}", error.message()) }
}

/// `HOST[:PORT]` as the folders that are kept by host name it.
fn folder_of(host: &str) -> &str {
    if host == DOCKER_HUB_HOST { DOCKER_HUB } else { host }
}

/// Host and path of a place within a registry, as `registries.conf` names them: `host[:port][/path]`.
fn split_place(text: &str) -> Option<(&str, &str)> {
    let (host, path) = text.split_once('/').unwrap_or((text, ""));
    is_host_and_port(host).then_some((host, path))
}

/// For the fuzzer: any bytes as each of the files.
pub(crate) fn fuzz(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(reference) = Reference::parse("host.example:5000/team/name:1") {
        registries_conf::fuzz(&text, &reference);
        hosts_toml::fuzz(&text, &reference);
    }
}
