//! Trust roots that are kept: fetched from TUF repositories and checked by their rules (theupdateframework.io specification
//! 1.0), or taken from a file. Whatever is kept is checked again each time it is used, from the first root on, so that a
//! damaged folder is found out and never believed.
//!
//! Hides sigstore-tuf. Its futures wait for nothing here, since requests are made as the rest of the program makes them.

use std::fmt::Write as _;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use plimsoll_http::{Client, Request, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{FileStore, Repository, Updater};

use crate::{Error, Root};

/// The file of a TUF repository that holds a trust root.
const TARGET: &str = "trusted_root.json";
/// Largest trust root in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;
/// What is kept beside TUF's own files: where a root comes from.
const SOURCE: &str = "source.json";
/// The root that updates begin with.
const FIRST: &str = "first.root.json";
/// TUF's own files, in a folder of their own.
const METADATA: &str = "tuf";
/// The same while a new one takes its place.
const OLD: &str = "tuf.old";

/// A TUF repository that is known, by the digest of one of its roots: updates fetch that root and go on from it.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Anchor {
    /// Name of the trust root.
    pub name: &'static str,
    /// Address of the repository.
    pub address: &'static str,
    /// Version of the root.
    pub version: u64,
    /// SHA-256 of its file, in hexadecimal digits.
    pub sha256: &'static str,
}

/// The sources that are built in. Versions and digests are those of the roots that sigstore-trust-root 0.15.1 begins with;
/// an old one only makes the walk to the newest longer.
const BUILT_IN: &[Anchor] = &[
    Anchor {
        name: "sigstore",
        address: "https://tuf-repo-cdn.sigstore.dev",
        version: 16,
        sha256: "27aea7e372aa7864065174f0661784fcf8b0e28b1dbfebeada31a0f1fb19167f",
    },
    Anchor {
        name: "github",
        address: "https://tuf-repo.github.com",
        version: 9,
        sha256: "eb303461e0109458144b6ebcbfd62aaa6f6d7481e9ca77504b85f17761661462",
    },
    Anchor {
        name: "sigstore-staging",
        address: "https://tuf-repo-cdn.sigstage.dev",
        version: 15,
        sha256: "3cfd686011642e1fe151d5e413524bc1fe47ac69e87d44a33a811d04fe1795b9",
    },
];

impl Anchor {
    /// A root, when it is the one that is meant.
    fn check(&self, root: String) -> Result<String, Error> {
        let digest = Sha256::digest(root.as_bytes());
        let hex = digest.iter().fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        });
        if hex == self.sha256 {
            return Ok(root);
        }
        let Anchor { name, version, sha256, .. } = self;
        Err(fault(name, format!("its root {version} is not the one with SHA-256 {sha256}, but {hex}")))
    }
}

/// A folder of trust roots, one folder in it for each.
#[derive(Clone, Debug)]
pub struct Roots {
    folder: PathBuf,
    built_in: &'static [Anchor],
}

/// Where a trust root that is in use comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A snapshot inside the program.
    Snapshot,
    /// A TUF repository; its metadata is fresh until this moment (seconds since 1970).
    Updated {
        /// Address of the repository.
        address: String,
        /// Since then somebody might hold back news.
        fresh_until: i64,
    },
    /// A file that a user gave.
    File,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Source {
    /// Address of a TUF repository; without one the root is a file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    repository: Option<String>,
}

fn fault(name: &str, detail: impl Into<String>) -> Error {
    Error::Kept { name: name.to_owned(), detail: detail.into(), source: None }
}

fn caused(name: &str, detail: &str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Kept { name: name.to_owned(), detail: detail.to_owned(), source: Some(Box::new(source)) }
}

/// A name is a folder's.
fn check_name(name: &str) -> Result<(), Error> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.bytes().all(fits) {
        return Err(fault(name, "a name has letters, digits, `-`, `_` and `.`, and does not begin with `.`"));
    }
    Ok(())
}

impl Roots {
    /// The trust roots in a folder, which need not be there.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Roots::anchored(folder, BUILT_IN)
    }

    /// With other sources than those that are built in: for tests.
    #[doc(hidden)]
    pub fn anchored(folder: impl Into<PathBuf>, built_in: &'static [Anchor]) -> Self {
        Roots { folder: folder.into(), built_in }
    }

    /// Names of those that are kept or built in, sorted.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let mut names: Vec<String> = self.built_in.iter().map(|one| one.name.to_owned()).collect();
        let failed = |error| caused(&self.folder.display().to_string(), "cannot be listed", error);
        match std::fs::read_dir(&self.folder) {
            Ok(entries) => {
                for entry in entries {
                    let name = entry.map_err(failed)?.file_name();
                    names.extend(name.to_str().filter(|name| check_name(name).is_ok()).map(str::to_owned));
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// A root by its name: as it is kept, else the snapshot inside the program. `None` when there is neither.
    ///
    /// # Errors
    /// When what is kept does not hold. It is not passed over for the snapshot: that may trust what was withdrawn since.
    pub fn root(&self, name: &str, now: i64) -> Result<Option<(Root, Origin)>, Error> {
        let snapshot = || -> Result<Option<(Root, Origin)>, Error> {
            Ok(Root::builtin(name).transpose()?.map(|root| (root, Origin::Snapshot)))
        };
        if check_name(name).is_err() {
            return Ok(None);
        }
        let folder = self.folder.join(name);
        let Some((address, first)) = self.source(name)? else {
            if folder.join(SOURCE).exists() {
                return Ok(Some((Root::from_json(name, &text(name, &folder.join(TARGET))?)?, Origin::File)));
            }
            return snapshot();
        };
        let metadata = current(&folder);
        if !metadata.join("timestamp.json").exists() {
            return snapshot();
        }
        let Some(first) = first else {
            return Err(fault(
                name,
                "the root that updates began with is gone; `plimsoll trust update` fetches it",
            ));
        };
        // Metadata that has expired is still whole: it is checked at its last moment, and its end is told.
        let fresh_until = fresh_until(name, &metadata)?;
        let at = now.min(fresh_until.saturating_sub(1));
        let json = fetched(name, Kept { folder: metadata }, &first, None, at)?;
        Ok(Some((Root::from_json(name, &json)?, Origin::Updated { address, fresh_until })))
    }

    fn anchor(&self, name: &str) -> Option<&'static Anchor> {
        self.built_in.iter().find(|one| one.name == name)
    }

    /// Address and first root of a source, where it is a TUF repository. The first root of what is built in is there once it
    /// was fetched, and is held against its digest each time.
    fn source(&self, name: &str) -> Result<Option<(String, Option<String>)>, Error> {
        let folder = self.folder.join(name);
        if let Some(anchor) = self.anchor(name) {
            let file = folder.join(FIRST);
            let first = if file.exists() {
                Some(text(name, &file).and_then(|root| anchor.check(root))?)
            } else {
                None
            };
            return Ok(Some((anchor.address.to_owned(), first)));
        }
        if !folder.join(SOURCE).exists() {
            return Ok(None);
        }
        let source: Source = serde_json::from_str(&text(name, &folder.join(SOURCE))?)
            .map_err(|error| caused(name, "where it comes from cannot be read", error))?;
        let Some(address) = source.repository else { return Ok(None) };
        Ok(Some((address, Some(text(name, &folder.join(FIRST))?))))
    }

    /// Fetches a root from its repository. The moment until which its metadata is fresh.
    ///
    /// # Errors
    /// When the repository cannot be reached or anything of it breaks TUF's rules; what was kept stays.
    pub fn update(&self, name: &str, client: &Client, now: i64) -> Result<i64, Error> {
        check_name(name)?;
        // What is damaged of a root that has a digest is fetched again.
        let known = match (self.source(name), self.anchor(name)) {
            (Err(_), Some(anchor)) => Some((anchor.address.to_owned(), None)),
            (known, _) => known?,
        };
        let Some((address, first)) = known else {
            return Err(fault(name, "no TUF repository is known for it"));
        };
        let base = Url::parse(&format!("{}/", address.trim_end_matches('/')))
            .map_err(|error| caused(name, "its address", error))?;
        let failed = |error| caused(name, "cannot be kept", error);
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder).map_err(failed)?;
        // Beside the old one, which stays until all of the new one holds.
        let new = tempfile::Builder::new().prefix(".new").tempdir_in(&folder).map_err(failed)?;
        copy(&current(&folder), new.path()).map_err(failed)?;
        let repository = Remote { client: client.clone(), base };
        let first = match (first, self.anchor(name)) {
            (Some(first), _) => first,
            (None, Some(anchor)) => {
                let first = repository.first(anchor)?;
                let file = tempfile::NamedTempFile::new_in(&folder).map_err(failed)?;
                std::fs::write(file.path(), &first).map_err(failed)?;
                file.persist(folder.join(FIRST)).map_err(|error| failed(error.error))?;
                first
            }
            (None, None) => return Err(fault(name, "the root that updates begin with is not there")),
        };
        let json = fetched(name, repository, &first, Some(FileStore::new(new.path())), now)?;
        // One that cannot be used here is said at once.
        Root::from_json(name, &json)?;
        let fresh_until = fresh_until(name, new.path())?;
        replace(&folder, new).map_err(failed)?;
        Ok(fresh_until)
    }

    /// Keeps a source: the address of a TUF repository and its first root, which the caller trusts.
    ///
    /// # Errors
    /// When the name is taken or the root is none.
    pub fn add_repository(&self, name: &str, address: &str, first: &str) -> Result<(), Error> {
        let url = Url::parse(address).map_err(|error| caused(name, "its address", error))?;
        let here = matches!(url.host(), "localhost" | "127.0.0.1" | "[::1]" | "::1");
        if !url.is_https() && !here {
            return Err(fault(name, "the address of its repository is not https"));
        }
        sigstore_tuf::TrustedMetadataSet::from_root(first.as_bytes())
            .map_err(|error| caused(name, "its first root does not hold", error))?;
        let source = Source { repository: Some(address.to_owned()) };
        self.add(name, &source, &[(FIRST, first)])
    }

    /// Keeps a `trusted_root.json`.
    ///
    /// # Errors
    /// When the name is taken or the file is none.
    pub fn add_file(&self, name: &str, json: &str) -> Result<(), Error> {
        Root::from_json(name, json)?;
        self.add(name, &Source { repository: None }, &[(TARGET, json)])
    }

    fn add(&self, name: &str, source: &Source, files: &[(&str, &str)]) -> Result<(), Error> {
        check_name(name)?;
        let folder = self.folder.join(name);
        if self.anchor(name).is_some() || folder.join(SOURCE).exists() {
            return Err(fault(name, "there is a trust root of that name already"));
        }
        let failed = |error| caused(name, "cannot be kept", error);
        std::fs::create_dir_all(&folder).map_err(failed)?;
        for (file, content) in files {
            std::fs::write(folder.join(file), content).map_err(failed)?;
        }
        // Last: whoever finds it finds the rest.
        let source = serde_json::to_string(source).map_err(|error| caused(name, "cannot be kept", error))?;
        std::fs::write(folder.join(SOURCE), source).map_err(failed)
    }
}

/// The folder of TUF's own files. After a crash between two renames the old one stands under another name.
fn current(folder: &Path) -> PathBuf {
    let (metadata, old) = (folder.join(METADATA), folder.join(OLD));
    if !metadata.exists() && old.exists() { old } else { metadata }
}

/// Copies the files of a folder, one level of folders deep, as TUF's are. One that is not there has none.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fn level(from: &Path, to: &Path, deeper: bool) -> std::io::Result<()> {
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.file_type()?.is_file() {
                std::fs::copy(entry.path(), target)?;
            } else if deeper && entry.file_type()?.is_dir() {
                std::fs::create_dir(&target)?;
                level(&entry.path(), &target, false)?;
            }
        }
        Ok(())
    }
    if from.exists() { level(from, to, true) } else { Ok(()) }
}

/// Puts a new folder into the place of TUF's own files.
fn replace(folder: &Path, new: tempfile::TempDir) -> std::io::Result<()> {
    let (metadata, old) = (folder.join(METADATA), folder.join(OLD));
    if metadata.exists() {
        if old.exists() {
            std::fs::remove_dir_all(&old)?;
        }
        std::fs::rename(&metadata, &old)?;
    }
    std::fs::rename(new.keep(), &metadata)?;
    if old.exists() {
        std::fs::remove_dir_all(&old)?;
    }
    Ok(())
}

fn text(name: &str, path: &Path) -> Result<String, Error> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST).read_to_string(&mut text))
        .map_err(|error| caused(name, &format!("`{}` cannot be read", path.display()), error))?;
    Ok(text)
}

/// The first moment at which a part of the metadata expires.
fn fresh_until(name: &str, metadata: &Path) -> Result<i64, Error> {
    let mut first = i64::MAX;
    for file in ["timestamp.json", "snapshot.json", "targets.json"] {
        let document: Value = serde_json::from_str(&text(name, &metadata.join(file))?)
            .map_err(|error| caused(name, &format!("`{file}` cannot be read"), error))?;
        let expires =
            document["signed"]["expires"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let expires = expires.ok_or_else(|| fault(name, format!("`{file}` does not say when it expires")))?;
        first = first.min(expires.as_second());
    }
    Ok(first)
}

/// The trust root that a repository holds, by TUF's rules.
fn fetched(
    name: &str,
    repository: impl Repository + 'static,
    first: &str,
    store: Option<FileStore>,
    now: i64,
) -> Result<String, Error> {
    let failed = |error| caused(name, "its TUF repository does not hold", error);
    let mut updater = Updater::new(repository, first.as_bytes()).map_err(failed)?;
    if let Some(store) = store {
        updater = updater.with_store(store);
    }
    // The library has its own version of the time crate: moments pass as text.
    let moment = plimsoll_policy::moment(now);
    let moment = || moment.parse().map_err(|_| fault(name, "the clock shows no moment"));
    wait(name, updater.refresh(moment()?))?.map_err(failed)?;
    let bytes = wait(name, updater.get_target(TARGET, moment()?))?.map_err(failed)?;
    String::from_utf8(bytes).map_err(|error| caused(name, "its trust root is no text", error))
}

/// Runs a future that waits for nothing.
fn wait<T>(name: &str, future: impl Future<Output = T>) -> Result<T, Error> {
    match pin!(future).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err(fault(name, "an update that waits for what nobody does")),
    }
}

/// A repository behind an address.
struct Remote {
    client: Client,
    base: Url,
}

impl Remote {
    /// The root that updates of what is built in begin with.
    fn first(&self, anchor: &Anchor) -> Result<String, Error> {
        let (name, file) = (anchor.name, format!("{}.root.json", anchor.version));
        let bytes = self
            .fetch(&file, LARGEST)
            .map_err(|error| caused(name, "the root that updates begin with", error))?
            .ok_or_else(|| fault(name, format!("its repository does not have `{file}`")))?;
        let root =
            String::from_utf8(bytes).map_err(|error| caused(name, "its first root is no text", error))?;
        anchor.check(root)
    }

    fn fetch(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, sigstore_tuf::Error> {
        let failed = |error: plimsoll_http::Error| {
            sigstore_tuf::Error::transport_with_source(format!("`{path}` cannot be fetched"), error)
        };
        let url = self.base.join(path).map_err(failed)?;
        if !url.same_origin(&self.base) {
            return Err(sigstore_tuf::Error::transport(format!("`{path}` leads elsewhere")));
        }
        let answer = self.client.send(&Request::get(url)).map_err(failed)?;
        // Stores of files answer 403 for what is not there, as python-tuf knows.
        if matches!(answer.status(), 403 | 404) {
            return Ok(None);
        }
        answer.success().and_then(|answer| answer.bytes(limit)).map(Some).map_err(failed)
    }
}

impl Repository for Remote {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        let fetched = self.fetch(name, max_length);
        Box::pin(std::future::ready(fetched))
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        let fetched = self.fetch(&format!("targets/{path}"), max_length.min(LARGEST));
        Box::pin(std::future::ready(fetched))
    }
}

/// A repository as it was kept: its newest parts, without the versions and digests in the names of consistent snapshots.
struct Kept {
    folder: PathBuf,
}

impl Kept {
    fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, sigstore_tuf::Error> {
        use std::io::Read as _;
        let failed = |error| sigstore_tuf::Error::io(format!("`{name}` cannot be read"), error);
        let file = match std::fs::File::open(self.folder.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > limit {
            return Err(sigstore_tuf::Error::transport(format!("`{name}` has more than {limit} bytes")));
        }
        Ok(Some(bytes))
    }
}

impl Repository for Kept {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        let kept = match name.split_once('.') {
            Some((_, "root.json")) => format!("root_history/{name}"),
            Some((_, part @ ("snapshot.json" | "targets.json"))) => part.to_owned(),
            _ => name.to_owned(),
        };
        Box::pin(std::future::ready(self.read(&kept, max_length)))
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        let known = path == TARGET || path.split_once('.').is_some_and(|(_, name)| name == TARGET);
        let read =
            if known { self.read(&format!("targets/{TARGET}"), max_length.min(LARGEST)) } else { Ok(None) };
        Box::pin(std::future::ready(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_named_and_names_are_names() {
        for one in BUILT_IN {
            let digits = one.sha256.len() == 64 && one.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(digits && one.version > 0 && one.address.starts_with("https://"), "{one:?}");
            assert!(Root::builtin(one.name).is_some(), "{}", one.name);
        }
        let folder = tempfile::tempdir().expect("a folder");
        let roots = Roots::new(folder.path());
        assert_eq!(roots.names().expect("listed"), ["github", "sigstore", "sigstore-staging"]);
        let (_, origin) = roots.root("sigstore", 0).expect("usable").expect("known");
        assert_eq!(origin, Origin::Snapshot);
        for name in ["", "..", "../sigstore", "a/b", ".a", &"a".repeat(65)] {
            assert!(roots.root(name, 0).expect("no error").is_none(), "{name}");
            assert!(roots.add_file(name, crate::tests_root()).is_err(), "{name}");
        }
        roots.add_file("ours", crate::tests_root()).expect("kept");
        assert!(
            roots.add_file("ours", crate::tests_root()).is_err()
                && roots.add_file("github", crate::tests_root()).is_err()
        );
        let (root, origin) = roots.root("ours", 0).expect("usable").expect("known");
        assert_eq!((root.name(), origin), ("ours", Origin::File));
        assert!(roots.add_repository("other", "https://tuf.example.test", "{}").is_err());
    }
}
