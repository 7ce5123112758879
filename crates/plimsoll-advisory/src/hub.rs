//! VEX hubs (VEX Repository Specification 0.1): a manifest that names an archive, in it an index that names the document of
//! each product.
//!
//! The one home for reading them: the database's feed, hubs in folders, and hubs behind an address ([`fetch`]), whose
//! archive is kept as a zip of its JSON files, so that it can be asked again without a network. Sizes are bounded, and
//! nothing that an index or an archive names leads out of the hub.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use plimsoll_http::{Client, Request, Response, Url, Validators};
use plimsoll_model::{Algorithm, Digest, one_line, shortened};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::vex;

/// Largest manifest in bytes.
const MANIFEST_LIMIT: u64 = 1 << 20;
/// Largest index in bytes, and the greatest number of its entries.
const INDEX_LIMIT: u64 = 256 << 20;
const ENTRY_LIMIT: usize = 2_000_000;
/// Largest archive in bytes, and the greatest sum of its files when unpacked, and their number.
const ARCHIVE_LIMIT: u64 = 512 << 20;
const UNPACKED_LIMIT: u64 = 2 << 30;
const FILE_LIMIT: usize = 1_000_000;
/// Memory for unpacking xz, in KiB: `xz -9` asks for a dictionary of 64 MiB.
const XZ_MEMORY: u32 = 72 << 10;
/// How often a hub is asked, whatever its manifest wishes.
const INTERVALS: std::ops::RangeInclusive<Duration> = Duration::from_hours(1)..=Duration::from_hours(7 * 24);
/// An archive that is no longer named is removed when it is older: another process may be about to open it.
const SUPERSEDED: Duration = Duration::from_hours(1);
const INDEX: &str = "index.json";
const STATE: &str = "state.json";

/// What an index names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// RFC 3339 time; may be empty.
    pub updated_at: String,
    /// The documents.
    pub packages: Vec<Entry>,
}

/// The document of a product.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// Package URL without version and qualifiers.
    pub id: String,
    /// Where its document is, as the index writes it: see [`plain`].
    pub location: String,
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// In words, when it is none.
    pub fn parse(bytes: &[u8]) -> Result<Index, String> {
        #[derive(Deserialize)]
        struct Document {
            #[serde(default)]
            updated_at: String,
            packages: Vec<Entry>,
        }
        let Document { updated_at, packages } =
            serde_json::from_slice(bytes).map_err(|error| format!("is no index of a hub: {error}"))?;
        if packages.len() > ENTRY_LIMIT {
            return Err(format!("is no index of a hub: it names more than {ENTRY_LIMIT} documents"));
        }
        Ok(Index { updated_at, packages })
    }
}

/// A path within a hub, with `/` between its parts; `None` when it leads out of it, or is none.
pub fn plain(location: &str) -> Option<String> {
    let parts: Vec<&str> = location.split('/').filter(|part| *part != ".").collect();
    let fits = |part: &&str| !part.is_empty() && *part != ".." && !part.contains(['\\', '\0', ':']);
    (!parts.is_empty() && parts.iter().all(fits)).then(|| parts.join("/"))
}

/// What a hub says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its name; may be empty.
    pub name: String,
    /// Addresses of its archive, each perhaps with a folder in it: `https://example.org/vex.tar.gz//folder`.
    pub locations: Vec<String>,
    /// How often it wishes to be asked.
    pub interval: Duration,
}

impl Manifest {
    /// Reads a manifest. `versions` is a list in hubs that exist, and a map in the specification: both are taken.
    ///
    /// # Errors
    /// In words, when it is none, or has no version that can be read.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, String> {
        #[derive(Deserialize)]
        struct Document {
            #[serde(default)]
            name: String,
            versions: Versions,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Versions {
            List(Vec<Version>),
            Map(std::collections::BTreeMap<String, Version>),
        }
        #[derive(Deserialize)]
        struct Version {
            #[serde(default, rename = "spec_version")]
            specification: String,
            #[serde(default)]
            locations: Vec<Location>,
            #[serde(default)]
            update_interval: String,
        }
        #[derive(Deserialize)]
        struct Location {
            url: String,
        }
        let document: Document =
            serde_json::from_slice(bytes).map_err(|error| format!("is no manifest of a VEX hub: {error}"))?;
        let versions: Vec<Version> = match document.versions {
            Versions::List(versions) => versions,
            Versions::Map(versions) => versions.into_values().collect(),
        };
        let readable = |version: &&Version| {
            let number = version.specification.trim_start_matches('v');
            number == "0" || number.starts_with("0.")
        };
        let Some(version) = versions.iter().find(readable) else {
            let stated: Vec<String> =
                versions.iter().take(5).map(|version| shortened(&version.specification)).collect();
            return Err(format!(
                "the hub has no version 0 of the specification (it has {})",
                stated.join(", ")
            ));
        };
        let interval = go_duration(&version.update_interval).unwrap_or(Duration::from_hours(24));
        Ok(Manifest {
            name: document.name,
            locations: version.locations.iter().map(|location| location.url.clone()).collect(),
            interval: interval.clamp(*INTERVALS.start(), *INTERVALS.end()),
        })
    }
}

/// `24h`, `1h30m`: whole numbers with Go's larger units, which is what manifests have.
fn go_duration(text: &str) -> Option<Duration> {
    let mut sum = 0_u64;
    let mut number = None;
    for character in text.trim().chars() {
        if let Some(digit) = character.to_digit(10) {
            number = Some(number.unwrap_or(0_u64).checked_mul(10)?.checked_add(u64::from(digit))?);
            continue;
        }
        let unit = match character {
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        sum = sum.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    (number.is_none() && sum > 0).then(|| Duration::from_secs(sum))
}

/// Why a hub cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// A file of it cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It could not be kept.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What is there is no hub.
    #[error("`{place}` {detail}")]
    Form {
        /// Path or address.
        place: String,
        /// What is wrong.
        detail: String,
    },
    /// The network.
    #[error(transparent)]
    Network(#[from] plimsoll_http::Error),
    /// An address that nobody should trust.
    #[error("`{0}` is not read through TLS, and a VEX hub takes findings away")]
    Open(Url),
    /// It was never fetched, and may not be now.
    #[error("nothing is kept of the VEX hub `{0}`, and it is not to be asked")]
    NotKept(String),
}

/// A hub that is open.
pub struct Hub {
    place: Place,
    /// Its index.
    pub index: Index,
}

enum Place {
    Folder(PathBuf),
    /// All names start at the root of the hub.
    Zip(Box<zip::ZipArchive<BufReader<File>>>),
}

impl Hub {
    /// Opens a folder with an `index.json`, or an archive that [`fetch`] made.
    ///
    /// # Errors
    /// When there is no index that can be read.
    pub fn open(path: &Path) -> Result<Hub, HubError> {
        let mut place = if path.is_file() {
            let read = |source| HubError::Read { path: path.to_owned(), source };
            let file = File::open(path).map_err(read)?;
            let archive = zip::ZipArchive::new(BufReader::new(file))
                .map_err(|error| form(path.display(), format!("is no zip archive: {error}")))?;
            Place::Zip(Box::new(archive))
        } else {
            Place::Folder(path.to_owned())
        };
        let shown = path.join(INDEX);
        let bytes = place
            .read(INDEX, INDEX_LIMIT)
            .map_err(|source| HubError::Read { path: shown.clone(), source })?;
        let index = Index::parse(&bytes).map_err(|detail| form(shown.display(), detail))?;
        Ok(Hub { place, index })
    }

    /// A document, as the index names it.
    ///
    /// # Errors
    /// In words.
    pub fn read(&mut self, location: &str) -> Result<Vec<u8>, String> {
        let location = plain(location).ok_or("the index leads out of the hub")?;
        self.place.read(&location, vex::SIZE_LIMIT as u64).map_err(|error| error.to_string())
    }
}

fn form(place: impl std::fmt::Display, detail: impl Into<String>) -> HubError {
    HubError::Form { place: format!("{place}"), detail: detail.into() }
}

impl Place {
    fn read(&mut self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        match self {
            Place::Folder(root) => bounded(File::open(root.join(name))?, limit),
            Place::Zip(archive) => {
                let member = archive.by_name(name).map_err(|error| match error {
                    zip::result::ZipError::FileNotFound => io::ErrorKind::NotFound.into(),
                    error => io::Error::other(error.to_string()),
                })?;
                bounded(member, limit)
            }
        }
    }
}

fn bounded(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// When a hub is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When nothing is kept, and as often as the hub wishes.
    Due,
    /// Now.
    Always,
    /// Not at all: what is kept is used.
    Never,
}

/// What is kept of a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The archive, to be opened.
    pub path: PathBuf,
    /// The hub's address.
    pub url: String,
    /// Its own name; may be empty.
    pub name: String,
    /// What its index says of its date; may be empty.
    pub updated_at: String,
    /// When it was asked last.
    pub asked: Timestamp,
    /// Bytes of the archive.
    pub size: u64,
    /// Why it could not be asked now, though it was time.
    pub unasked: Option<String>,
}

/// What stands beside the archive.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    url: String,
    name: String,
    /// Name of the archive's file: the digest of its content.
    archive: String,
    /// Where it came from.
    location: String,
    etag: Option<String>,
    last_modified: Option<String>,
    updated_at: String,
    /// Seconds since 1970.
    asked: i64,
    interval_seconds: u64,
}

impl State {
    fn read(folder: &Path) -> Option<State> {
        let bytes = bounded(File::open(folder.join(STATE)).ok()?, MANIFEST_LIMIT).ok()?;
        let state: State = serde_json::from_slice(&bytes).ok()?;
        let whole = plain(&state.archive).is_some_and(|name| folder.join(name).is_file());
        whole.then_some(state)
    }

    fn write(&self, folder: &Path) -> Result<(), HubError> {
        let path = folder.join(STATE);
        let write = |source| HubError::Write { path: path.clone(), source };
        let text = serde_json::to_vec_pretty(self).map_err(|error| write(error.into()))?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(write)?;
        file.write_all(&text).map_err(write)?;
        file.persist(&path).map_err(|error| write(error.error))?;
        Ok(())
    }

    fn is_due(&self, now: Timestamp) -> bool {
        // A clock that ran back must not keep a hub from being asked.
        let age = now.as_second().saturating_sub(self.asked);
        u64::try_from(age).map_or(true, |age| age >= self.interval_seconds)
    }

    fn kept(self, folder: &Path, unasked: Option<String>) -> Kept {
        let path = folder.join(&self.archive);
        let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let State { url, name, updated_at, asked, .. } = self;
        let asked = Timestamp::from_second(asked).unwrap_or(Timestamp::UNIX_EPOCH);
        Kept { path, url, name, updated_at, asked, size, unasked }
    }
}

/// Gets a hub by its address, or what is kept of it in `folder`, which holds one folder for each hub.
///
/// # Errors
/// When nothing is kept and nothing can be had.
pub fn fetch(
    address: &str,
    folder: &Path,
    when: When,
    now: Timestamp,
    client: &Client,
) -> Result<Kept, HubError> {
    let url = secure(Url::parse(address)?)?;
    let own = folder.join(&vex::Assertion::digest_of(address.as_bytes()).hex()[..16]);
    let state = State::read(&own).filter(|state| state.url == address);
    match (state, when) {
        (None, When::Never) => Err(HubError::NotKept(url.to_string())),
        (Some(state), When::Never) => Ok(state.kept(&own, None)),
        (Some(state), When::Due) if !state.is_due(now) => Ok(state.kept(&own, None)),
        (state, _) => match refresh(address, &url, &own, state.as_ref(), now, client) {
            Ok(state) => Ok(state.kept(&own, None)),
            Err(error) => match state {
                Some(state) => Ok(state.kept(&own, Some(one_line(error)))),
                None => Err(error),
            },
        },
    }
}

/// Hubs are read through TLS; on this machine they need not be.
fn secure(url: Url) -> Result<Url, HubError> {
    let host = url.host().trim_start_matches('[').trim_end_matches(']');
    let here =
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    if url.is_https() || here { Ok(url) } else { Err(HubError::Open(url)) }
}

/// Where the manifest of a hub is: below `/.well-known/`, and of a repository on GitHub at the root of its main branch.
fn manifest_of(url: &Url) -> Result<Url, HubError> {
    let parts: Vec<&str> = url.path().split('/').filter(|part| !part.is_empty()).collect();
    match (url.host(), parts.as_slice()) {
        ("github.com", [owner, name]) => {
            let name = name.trim_end_matches(".git");
            Ok(Url::parse(&format!(
                "https://raw.githubusercontent.com/{owner}/{name}/HEAD/vex-repository.json"
            ))?)
        }
        (_, parts) if parts.last().is_some_and(|last| *last == "vex-repository.json") => Ok(url.clone()),
        _ => {
            let base = url.path().trim_end_matches('/');
            Ok(url.join(&format!("{base}/.well-known/vex-repository.json"))?)
        }
    }
}

/// Asks a hub. Nothing that is kept is touched before what came has been read.
fn refresh(
    address: &str,
    url: &Url,
    folder: &Path,
    known: Option<&State>,
    now: Timestamp,
    client: &Client,
) -> Result<State, HubError> {
    let manifest_url = manifest_of(url)?;
    let bytes = client.send(&Request::get(manifest_url.clone()))?.success()?.bytes(MANIFEST_LIMIT)?;
    let manifest = Manifest::parse(&bytes).map_err(|detail| form(&manifest_url, detail))?;
    let mut refused = None;
    for location in &manifest.locations {
        match archive(location, address, &manifest, folder, known, now, client) {
            Ok(state) => {
                state.write(folder)?;
                remove_superseded(folder, &state.archive);
                return Ok(state);
            }
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.unwrap_or_else(|| form(&manifest_url, "names no archive")))
}

/// Gets the archive of one location, unless it is the one that is kept.
fn archive(
    location: &str,
    address: &str,
    manifest: &Manifest,
    folder: &Path,
    known: Option<&State>,
    now: Timestamp,
    client: &Client,
) -> Result<State, HubError> {
    let (text, inner) = split_folder(location);
    let url = secure(Url::parse(text)?)?;
    let known = known.filter(|known| known.location == location);
    let mut request = Request::get(url.clone());
    if let Some(State { etag, last_modified, .. }) = known {
        request = request.unless(&Validators { etag: etag.clone(), last_modified: last_modified.clone() });
    }
    let response = client.send(&request)?;
    let state = |archive: String, updated_at: String, validators: Validators| State {
        url: address.to_owned(),
        name: manifest.name.clone(),
        archive,
        location: location.to_owned(),
        etag: validators.etag,
        last_modified: validators.last_modified,
        updated_at,
        asked: now.as_second(),
        interval_seconds: manifest.interval.as_secs(),
    };
    if let (304, Some(State { archive, updated_at, etag, last_modified, .. })) = (response.status(), known) {
        let same = Validators { etag: etag.clone(), last_modified: last_modified.clone() };
        return Ok(state(archive.clone(), updated_at.clone(), same));
    }
    let response = response.success()?;
    let validators = response.validators();
    fs::create_dir_all(folder).map_err(|source| HubError::Write { path: folder.to_owned(), source })?;
    let came = download(response, folder)?;
    let (packed, index) = repack(came, inner, &url, folder)?;
    let name = format!("{}.zip", digest_of(packed.path())?.hex());
    let path = folder.join(&name);
    packed.persist(&path).map_err(|error| HubError::Write { path, source: error.error })?;
    Ok(state(name, index.updated_at, validators))
}

/// An address, and the folder within the archive behind its `//`.
fn split_folder(location: &str) -> (&str, &str) {
    let path = location.find("://").map_or(0, |at| at + 3);
    match location[path..].find("//") {
        Some(at) => (&location[..path + at], location[path + at..].trim_matches('/')),
        None => (location, ""),
    }
}

fn download(response: Response, folder: &Path) -> Result<File, HubError> {
    let write = |source| HubError::Write { path: folder.to_owned(), source };
    let mut file = tempfile::tempfile_in(folder).map_err(write)?;
    let mut body = response.body(ARCHIVE_LIMIT);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(match plimsoll_http::Error::inside(&error) {
                    Some(inner) => inner.clone().into(),
                    None => write(error),
                });
            }
        };
        file.write_all(&buffer[..count]).map_err(write)?;
    }
    Ok(file)
}

fn digest_of(path: &Path) -> Result<Digest, HubError> {
    let read = |source| HubError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(read)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(read)? {
            0 => {
                let digest = Digest::from_bytes(Algorithm::Sha256, &hash.finalize());
                return Ok(digest.expect("SHA-256 has 32 bytes"));
            }
            count => hash.update(&buffer[..count]),
        }
    }
}

/// The JSON files of an archive below `inner`, or below the folder of its uppermost index, as a zip whose names start
/// there. What is no hub is refused here, before it is kept.
fn repack(
    mut came: File,
    inner: &str,
    url: &Url,
    folder: &Path,
) -> Result<(tempfile::NamedTempFile, Index), HubError> {
    let broken = |error: io::Error| form(url, format!("is no archive that can be read: {error}"));
    let mut indexes: Vec<String> = Vec::new();
    each_file(&mut came, &mut |name, _| {
        if name.rsplit('/').next() == Some(INDEX) {
            indexes.push(name.to_owned());
        }
        Ok(())
    })
    .map_err(broken)?;
    indexes.sort_by_key(|name| (name.matches('/').count(), name.clone()));
    let wanted = if inner.is_empty() { None } else { Some(format!("{inner}/{INDEX}")) };
    let found = match &wanted {
        Some(wanted) => indexes.iter().find(|name| *name == wanted),
        None => indexes.first(),
    };
    let place = wanted.as_deref().unwrap_or(INDEX);
    let root = found.ok_or_else(|| form(url, format!("holds no `{}`", shortened(place))))?;
    let root = root.strip_suffix(INDEX).unwrap_or_default().to_owned();
    let write = |source| HubError::Write { path: folder.to_owned(), source };
    let packed = tempfile::NamedTempFile::new_in(folder).map_err(write)?;
    let mut writer = zip::ZipWriter::new(packed.as_file());
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    let mut index = None;
    let (mut files, mut total) = (0_usize, 0_u64);
    each_file(&mut came, &mut |name, reader| {
        let Some(name) = name.strip_prefix(root.as_str()).and_then(plain) else { return Ok(()) };
        files += 1;
        if files > FILE_LIMIT {
            return Err(io::Error::other(format!("it holds more than {FILE_LIMIT} files")));
        }
        let limit = if name == INDEX { INDEX_LIMIT } else { vex::SIZE_LIMIT as u64 };
        let bytes = bounded(reader, limit)?;
        total += bytes.len() as u64;
        if total > UNPACKED_LIMIT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if name == INDEX {
            index = Some(Index::parse(&bytes));
        }
        match writer.start_file(name.as_str(), options) {
            Ok(()) => writer.write_all(&bytes),
            // Named twice: the first one counts.
            Err(zip::result::ZipError::InvalidArchive(_)) => Ok(()),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    })
    .map_err(broken)?;
    writer.finish().map_err(|error| write(io::Error::other(error.to_string())))?;
    match index {
        Some(Ok(index)) => Ok((packed, index)),
        Some(Err(detail)) => Err(form(url, format!("holds an {INDEX} that {detail}"))),
        None => Err(form(url, format!("holds no `{INDEX}`"))),
    }
}

type EachFile<'a> = &'a mut dyn FnMut(&str, &mut dyn Read) -> io::Result<()>;

/// The JSON files of a zip or of a tar compressed with gzip, bzip2, xz or zstd, as they stand in it. Links and other things are passed over.
fn each_file(archive: &mut File, each: EachFile<'_>) -> io::Result<()> {
    let is_json = |name: &str| name.ends_with(".json");
    archive.seek(SeekFrom::Start(0))?;
    let mut head = [0; 4];
    let mut filled = 0;
    while filled < head.len() {
        match archive.read(&mut head[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    archive.seek(SeekFrom::Start(0))?;
    if head.starts_with(b"PK\x03\x04") {
        let mut archive = zip::ZipArchive::new(BufReader::new(archive))
            .map_err(|error| io::Error::other(error.to_string()))?;
        for number in 0..archive.len() {
            let mut member = archive.by_index(number).map_err(|error| io::Error::other(error.to_string()))?;
            let name = member.name().ok().map(|name| plain(&name));
            let Some(Some(name)) = name else { continue };
            if member.is_file() && is_json(&name) {
                each(&name, &mut member)?;
            }
        }
        return Ok(());
    }
    let archive = BufReader::new(archive);
    let inflated: Box<dyn Read + '_> = match head {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(archive)),
        [b'B', b'Z', b'h', b'1'..=b'9'] => Box::new(bzip2::bufread::MultiBzDecoder::new(archive)),
        [0xfd, b'7', b'z', b'X'] => Box::new(lzma_rust2::XzReader::new_mem_limit(archive, true, XZ_MEMORY)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::stream::read::Decoder::with_buffer(archive)?),
        _ => {
            return Err(io::Error::other("it is neither a zip nor a tar with gzip, bzip2, xz or zstd"));
        }
    };
    // What decompresses to more than all files may have is not read on.
    let inflated = inflated.take(UNPACKED_LIMIT * 2);
    for entry in tar::Archive::new(inflated).entries()? {
        let mut entry = entry?;
        let name = std::str::from_utf8(&entry.path_bytes()).ok().and_then(plain);
        let Some(name) = name else { continue };
        if entry.header().entry_type().is_file() && is_json(&name) {
            each(&name, &mut entry)?;
        }
    }
    Ok(())
}

/// Removes archives that the state no longer names, except young ones. What cannot be removed stays.
fn remove_superseded(folder: &Path, named: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let ours = Path::new(&name).extension().is_some_and(|extension| extension == "zip");
        let old = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|time| time.elapsed().is_ok_and(|age| age > SUPERSEDED));
        if ours && old && name != named {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// What is kept of hubs in a folder, by address.
///
/// # Errors
/// When the folder cannot be listed; that there is none is no error.
pub fn kept(folder: &Path) -> io::Result<Vec<Kept>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut kept = Vec::new();
    for entry in entries {
        let own = entry?.path();
        kept.extend(State::read(&own).map(|state| state.kept(&own, None)));
    }
    kept.sort_by(|left, right| left.url.cmp(&right.url));
    Ok(kept)
}

/// Any bytes as an index, as a manifest, and as an archive: nothing may panic.
///
/// # Panics
/// When a location is called plain and is not.
pub fn fuzz(bytes: &[u8]) {
    let _ = Manifest::parse(bytes);
    if let Ok(index) = Index::parse(bytes) {
        for entry in &index.packages {
            if let Some(path) = plain(&entry.location) {
                assert!(!path.starts_with('/') && path.split('/').all(|part| part != ".." && part != "."));
            }
        }
    }
    let _ = go_duration(&String::from_utf8_lossy(bytes));
    if let Ok(mut file) = tempfile::tempfile()
        && file.write_all(bytes).is_ok()
    {
        let _ = each_file(&mut file, &mut |_, reader| bounded(reader, 1 << 16).map(drop));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn locations_stay_in_the_hub() {
        for (text, expected) in [
            ("pkg/npm/a.json", Some("pkg/npm/a.json")),
            ("./pkg/./a.json", Some("pkg/a.json")),
            ("../a.json", None),
            ("pkg/../../a.json", None),
            ("/etc/passwd", None),
            ("pkg//a.json", None),
            ("C:\\a.json", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(plain(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn manifests() {
        let list = br#"{"name":"VEX Hub","versions":[{"spec_version":"1.0","locations":[]},{"spec_version":"0.1","locations":[{"url":"https://a/b.tar.gz//c"}],"update_interval":"4h"}]}"#;
        let map = br#"{"name":"VEX Hub","versions":{"v0":{"spec_version":"v0.1","locations":[{"url":"https://a/b.tar.gz//c"}],"update_interval":"4h"}},"latest_version":"v0"}"#;
        for text in [&list[..], map] {
            let manifest = Manifest::parse(text).unwrap();
            assert_eq!(manifest.name, "VEX Hub");
            assert_eq!(manifest.locations, ["https://a/b.tar.gz//c"]);
            assert_eq!(manifest.interval, Duration::from_hours(4));
        }
        let newer = br#"{"versions":[{"spec_version":"1.0"}]}"#;
        assert!(Manifest::parse(newer).unwrap_err().contains("it has 1.0"));
        assert!(Manifest::parse(b"{}").unwrap_err().contains("is no manifest"));
        for (text, seconds) in [
            ("24h", Some(86_400)),
            ("1h30m", Some(5_400)),
            ("90s", Some(90)),
            ("", None),
            ("h", None),
            ("5", None),
        ] {
            assert_eq!(go_duration(text).map(|duration| duration.as_secs()), seconds, "{text}");
        }
        assert_eq!(go_duration(&format!("{}h", u64::MAX)), None);
    }

    #[test]
    fn addresses() {
        let manifest = |text: &str| manifest_of(&Url::parse(text).unwrap()).unwrap().to_string();
        for (text, expected) in [
            ("https://vex.example", "https://vex.example/.well-known/vex-repository.json"),
            ("https://vex.example/hub/", "https://vex.example/hub/.well-known/vex-repository.json"),
            ("https://vex.example/x/vex-repository.json", "https://vex.example/x/vex-repository.json"),
            (
                "https://github.com/aquasecurity/vexhub",
                "https://raw.githubusercontent.com/aquasecurity/vexhub/HEAD/vex-repository.json",
            ),
        ] {
            assert_eq!(manifest(text), expected);
        }
        assert_eq!(split_folder("https://a/b.tar.gz//c/d"), ("https://a/b.tar.gz", "c/d"));
        assert_eq!(split_folder("https://a/b.zip"), ("https://a/b.zip", ""));
        assert!(secure(Url::parse("http://vex.example").unwrap()).is_err());
        for open in ["http://localhost:1", "http://127.0.0.1", "http://[::1]/", "https://vex.example"] {
            assert!(secure(Url::parse(open).unwrap()).is_ok(), "{open}");
        }
    }

    fn archive(files: &[(&str, &str)], packing: &str) -> Vec<u8> {
        if packing == "zip" {
            let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
            for (name, content) in files {
                writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
                writer.write_all(content.as_bytes()).unwrap();
            }
            return writer.finish().unwrap().into_inner();
        }
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, content.as_bytes()).unwrap();
        }
        let tar = builder.into_inner().unwrap();
        match packing {
            "gzip" => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&tar).unwrap();
                encoder.finish().unwrap()
            }
            "bzip2" => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                encoder.write_all(&tar).unwrap();
                encoder.finish().unwrap()
            }
            _ => zstd::encode_all(&tar[..], 1).unwrap(),
        }
    }

    fn packed(bytes: &[u8], inner: &str) -> Result<(tempfile::TempDir, Hub), String> {
        let folder = tempfile::tempdir().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let url = Url::parse("https://vex.example/a").unwrap();
        let (zip, _) = repack(file, inner, &url, folder.path()).map_err(|error| error.to_string())?;
        let path = folder.path().join("a.zip");
        zip.persist(&path).unwrap();
        Ok((folder, Hub::open(&path).unwrap()))
    }

    #[test]
    fn archives_are_kept_as_their_json_files() {
        let index = r#"{"updated_at":"2026-01-01T00:00:00Z","packages":[{"id":"pkg:npm/a","location":"./pkg/a.json"}]}"#;
        let files = [
            ("hub-main/index.json", index),
            ("hub-main/pkg/a.json", "{}"),
            ("hub-main/LICENSE", "free"),
            ("hub-main/deeper/index.json", "[]"),
            ("other.json", "{}"),
        ];
        let holds_them = |bytes: &[u8]| {
            for inner in ["", "hub-main"] {
                let (_folder, mut hub) = packed(bytes, inner).unwrap();
                assert_eq!(hub.index.packages.len(), 1);
                assert_eq!(hub.read("./pkg/a.json").unwrap(), b"{}");
                for absent in ["LICENSE", "other.json", "../other.json", "hub-main/index.json"] {
                    assert!(hub.read(absent).is_err(), "{absent}");
                }
            }
        };
        // The same files, as `tar` and `xz -9` pack them.
        let xz = include_bytes!("../fixtures/hub.tar.xz");
        holds_them(xz);
        assert!(packed(&xz[..xz.len() / 2], "").is_err());
        for packing in ["zip", "gzip", "bzip2", "zstd"] {
            holds_them(&archive(&files, packing));
            let refused = |files: &[(&str, &str)], inner: &str| {
                packed(&archive(files, packing), inner).err().unwrap_or_default()
            };
            assert!(refused(&files, "elsewhere").contains("holds no `elsewhere/index.json`"));
            assert!(refused(&files[1..3], "").contains("holds no `index.json`"));
            assert!(refused(&[("index.json", "[]")], "").contains("that is no index of a hub"));
            assert!(refused(&[("../index.json", index)], "").contains("holds no `index.json`"));
        }
        assert!(packed(b"7z\xbc\xaf", "").err().unwrap().contains("neither a zip nor a tar with gzip"));
        assert!(packed(b"BZh9", "").is_err());
        // A dictionary of 4 GiB is not given.
        let mut greedy = xz.to_vec();
        greedy[16] = 40;
        assert!(packed(&greedy, "").is_err());
        assert!(packed(b"", "").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "[{}\\[\\]\":,./a-z0-9]{0,200}") {
            fuzz(&bytes);
            fuzz(text.as_bytes());
        }

        #[test]
        fn never_panics_on_broken_archives(cut in 0_usize..2000, at in 0_usize..2000, byte in any::<u8>(), packing in 0_usize..4) {
            let packing = ["zip", "gzip", "bzip2", "zstd"][packing];
            let mut bytes = archive(&[("index.json", r#"{"packages":[]}"#), ("a/b.json", "{}")], packing);
            bytes.truncate(bytes.len().min(cut));
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            fuzz(&bytes);
        }
    }
}
