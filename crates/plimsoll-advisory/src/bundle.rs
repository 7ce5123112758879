//! A database in one file for the way: what it is, who says so, and its content as a stream ([`crate::transfer`]).
//!
//! ```text
//! "PLIMSOLL-DB" 0x01     what this is, version of the form
//! u32 LE, JSON           manifest: which content, how old, of which sources; size and SHA-256 of the stream
//! u32 LE, JSON           signatures of the manifest; an empty list when nobody signed
//! stream                 the content, or the difference to another content
//! ```
//!
//! Whoever installs one checks, in this order: the signature of the manifest, before anything that it says is believed;
//! the digest of the stream, before it is unpacked; and the digest of the content that came out, before the database gets
//! its place.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_model::{Digest, FeedInfo};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::error::Error;
use crate::signing::{PublicKey, SigningKey};
use crate::store::{Database, FORMAT, Source as _};
use crate::transfer::{ApplyError, NoDelta, apply, digest_of, write_content, write_delta};
use crate::writer::{folder_of, remove_abandoned, temporary_file};

const MAGIC: &[u8; 12] = b"PLIMSOLL-DB\x01";
/// What a bundle may unpack to in bytes. All feeds together have a hundredth of the smaller one; whoever is vouched for may
/// grow.
const SIGNED_LIMIT: u64 = 64 << 30;
const UNSIGNED_LIMIT: u64 = 8 << 30;
/// The greatest size of a manifest or of signatures.
const PART_LIMIT: u32 = 4 << 20;
/// What is signed begins with this: a signature for something else cannot be passed off as one for a database.
const CONTEXT: &[u8] = b"plimsoll database manifest 1\n";
/// Under these keys an installed database keeps what it came with.
const MANIFEST: &str = "manifest";
const SIGNATURES: &str = "signatures";

/// What a bundle says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Form of tables and rows.
    pub format: i32,
    /// Digest of the content that comes out.
    pub content: Digest,
    /// Content that a difference starts from; absent in a whole database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Digest>,
    /// Date of the newest source.
    pub date: String,
    /// Size of the stream in bytes.
    pub size: u64,
    /// SHA-256 of the stream.
    pub stream: Digest,
    /// What the content was built from.
    pub sources: Vec<FeedInfo>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Signature {
    key: String,
    signature: String,
}

/// Who vouches for a bundle or a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The key with this name signed it, and it is one of those that were asked for.
    Signed(String),
    /// No key was asked for: whoever signed it, nobody looked.
    NotChecked {
        /// Is there a signature that could have been checked?
        signed: bool,
    },
}

/// What became of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// What it said of itself.
    pub manifest: Manifest,
    /// Who vouches for it.
    pub trust: Trust,
}

/// Why a bundle was not installed. The database is then as it was.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The bundle cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The bundle.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is no bundle, cut off, or damaged.
    #[error("`{}` is no whole database bundle: {detail}", path.display())]
    Broken {
        /// The bundle.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The bundle is of a format that this program does not read.
    #[error("`{}` has database format {found}, this program reads {FORMAT}", path.display())]
    Format {
        /// The bundle.
        path: PathBuf,
        /// Its format.
        found: i32,
    },
    /// A key was asked for and nobody signed.
    #[error("`{}` is not signed", path.display())]
    NotSigned {
        /// The bundle.
        path: PathBuf,
    },
    /// None of the keys that were asked for signed this.
    #[error("`{}` is not signed by {wanted}", path.display())]
    OtherSigner {
        /// The bundle.
        path: PathBuf,
        /// Names of the keys that were asked for.
        wanted: String,
    },
    /// The bundle is older than what is there.
    #[error("`{}` is of {date}, the database that is there of {there}", path.display())]
    Older {
        /// The bundle.
        path: PathBuf,
        /// Its date.
        date: String,
        /// The date of the database.
        there: String,
    },
    /// A difference does not start from what is there.
    #[error("`{}` starts from the content {from}, {there}", path.display())]
    OtherStart {
        /// The bundle.
        path: PathBuf,
        /// What it starts from.
        from: String,
        /// What is there, as a half sentence.
        there: String,
    },
    /// The content cannot be installed.
    #[error("`{}` cannot be installed", path.display())]
    Apply {
        /// The bundle.
        path: PathBuf,
        /// Why.
        #[source]
        source: ApplyError,
    },
}

/// Counts and digests what is written.
struct Hashing<W> {
    inner: W,
    hasher: sha2::Sha256,
    size: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn sha256(hasher: sha2::Sha256) -> Digest {
    Digest::from_bytes(plimsoll_model::Algorithm::Sha256, &hasher.finalize()).expect("a SHA-256 has 32 bytes")
}

/// Writes `database` as the bundle `out`: whole, or as the difference to `old`. Whole or not at all: it is written beside
/// its place. The same content and key give the same bytes.
///
/// # Errors
/// When a database is damaged or the file cannot be written.
pub fn write_bundle(
    database: &Database,
    old: Option<&Database>,
    out: &Path,
    key: Option<&SigningKey>,
) -> Result<Result<Manifest, NoDelta>, Error> {
    let failed = |source: io::Error| Error::Write { path: out.to_owned(), source };
    let folder = folder_of(out);
    remove_abandoned(folder);
    let stream = temporary_file(folder).map_err(failed)?;
    let mut hashing =
        Hashing { inner: BufWriter::new(stream.as_file()), hasher: sha2::Sha256::new(), size: 0 };
    match old {
        None => write_content(database, &mut hashing, out)?,
        Some(old) => {
            if let Err(none) = write_delta(old, database, &mut hashing, out)? {
                return Ok(Err(none));
            }
        }
    }
    hashing.flush().map_err(failed)?;
    let info = database.info();
    let manifest = Manifest {
        format: FORMAT,
        content: digest_of(database)?.clone(),
        from: old.map(digest_of).transpose()?.cloned(),
        date: info.date,
        size: hashing.size,
        stream: sha256(hashing.hasher),
        sources: info.sources,
    };
    let json = serde_json::to_vec(&manifest).map_err(|error| failed(error.into()))?;
    let signatures: Vec<Signature> = key
        .map(|key| Signature {
            key: key.public().id(),
            signature: STANDARD.encode(key.sign(&[CONTEXT, &json].concat())),
        })
        .into_iter()
        .collect();
    let signatures = serde_json::to_vec(&signatures).map_err(|error| failed(error.into()))?;
    let bundle = temporary_file(folder).map_err(failed)?;
    let write = || -> io::Result<()> {
        let mut file = BufWriter::new(bundle.as_file());
        file.write_all(MAGIC)?;
        for part in [&json, &signatures] {
            file.write_all(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes())?;
            file.write_all(part)?;
        }
        let mut stream = stream.as_file();
        stream.seek(SeekFrom::Start(0))?;
        io::copy(&mut stream, &mut file)?;
        file.flush()?;
        drop(file);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            bundle.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
        }
        bundle.as_file().sync_all()
    };
    write().map_err(failed)?;
    bundle.persist(out).map_err(|error| failed(error.error))?;
    Ok(Ok(manifest))
}

/// The parts of a bundle before its stream, as they stand in the file. Nothing of it is believed yet.
struct Front {
    manifest: Vec<u8>,
    signatures: Vec<u8>,
}

fn read_part(input: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > PART_LIMIT {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a part of its head is larger than 4 MiB"));
    }
    // The length is only a claim: memory grows with what really comes.
    let mut part = Vec::new();
    if input.take(u64::from(length)).read_to_end(&mut part)? < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(part)
}

fn read_front(input: &mut dyn Read) -> io::Result<Front> {
    let mut magic = [0; MAGIC.len()];
    input.read_exact(&mut magic)?;
    if magic != *MAGIC {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not begin as one"));
    }
    Ok(Front { manifest: read_part(input)?, signatures: read_part(input)? })
}

impl Front {
    fn manifest(&self) -> Result<Manifest, String> {
        serde_json::from_slice(&self.manifest)
            .map_err(|error| format!("its manifest cannot be read: {error}"))
    }

    /// Who of `keys` signed it. `None`: none of them did.
    fn trust(&self, keys: &[PublicKey]) -> Result<Option<Trust>, String> {
        let signatures: Vec<Signature> = serde_json::from_slice(&self.signatures)
            .map_err(|error| format!("its signatures cannot be read: {error}"))?;
        if keys.is_empty() {
            return Ok(Some(Trust::NotChecked { signed: !signatures.is_empty() }));
        }
        let message = [CONTEXT, &self.manifest].concat();
        // The first few: nobody makes us check thousands.
        for signature in signatures.iter().take(16) {
            let Ok(bytes) = STANDARD.decode(&signature.signature) else { continue };
            if let Some(key) = keys.iter().find(|key| key.signed(&message, &bytes)) {
                return Ok(Some(Trust::Signed(key.id())));
            }
        }
        Ok(None)
    }

    fn signed(&self) -> bool {
        serde_json::from_slice::<Vec<Signature>>(&self.signatures).is_ok_and(|all| !all.is_empty())
    }
}

/// Errors of reading become errors about the bundle at `path`.
fn unreadable(path: &Path) -> impl Fn(io::Error) -> BundleError + '_ {
    |source| match source.kind() {
        io::ErrorKind::InvalidData => {
            BundleError::Broken { path: path.to_owned(), detail: source.to_string() }
        }
        io::ErrorKind::UnexpectedEof => {
            BundleError::Broken { path: path.to_owned(), detail: "it is cut off".to_owned() }
        }
        _ => BundleError::Read { path: path.to_owned(), source },
    }
}

/// What the manifest says, after one of `keys` has vouched for it.
fn checked(front: &Front, path: &Path, keys: &[PublicKey]) -> Result<Installed, BundleError> {
    let broken = |detail: String| BundleError::Broken { path: path.to_owned(), detail };
    let trust = front.trust(keys).map_err(broken)?.ok_or_else(|| {
        if front.signed() {
            let wanted = keys.iter().map(PublicKey::id).collect::<Vec<_>>().join(" or ");
            BundleError::OtherSigner { path: path.to_owned(), wanted }
        } else {
            BundleError::NotSigned { path: path.to_owned() }
        }
    })?;
    let manifest = front.manifest().map_err(broken)?;
    if manifest.format != FORMAT {
        return Err(BundleError::Format { path: path.to_owned(), found: manifest.format });
    }
    Ok(Installed { manifest, trust })
}

/// Reads what a bundle is from its beginning, to learn whether the rest is needed at all. `name` is named in errors.
///
/// # Errors
/// As [`install_bundle`]: a bundle that none of `keys` signed says nothing.
pub fn read_bundle(input: &mut dyn Read, name: &Path, keys: &[PublicKey]) -> Result<Installed, BundleError> {
    checked(&read_front(input).map_err(unreadable(name))?, name, keys)
}

/// The name of the difference between two contents in a folder of bundles.
pub fn delta_name(from: &Digest, to: &Digest) -> String {
    let short = |digest: &Digest| digest.hex().chars().take(16).collect::<String>();
    format!("{}-{}.delta", short(from), short(to))
}

/// The name of the whole database in a folder of bundles.
pub const BUNDLE_NAME: &str = "advisories.plimsoll-db";

/// A file beside the database `path` that is removed when it is dropped, and by the next writer when this one is killed.
///
/// # Errors
/// When the folder cannot be written.
pub fn temporary_beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    remove_abandoned(folder_of(path));
    temporary_file(folder_of(path))
}

/// Installs the bundle at `path` as the database `out`. With `keys`, one of them must have signed it. A bundle that is
/// older than what is there is refused unless `older` allows it: else whoever stands between could bring back a
/// database that does not know today's flaws.
///
/// # Errors
/// See [`BundleError`]. Until everything was checked, and after any error, `out` is as it was.
pub fn install_bundle(
    path: &Path,
    out: &Path,
    keys: &[PublicKey],
    older: bool,
) -> Result<Installed, BundleError> {
    let read = unreadable(path);
    let broken = |detail: String| BundleError::Broken { path: path.to_owned(), detail };
    let mut file = BufReader::with_capacity(1 << 18, File::open(path).map_err(&read)?);
    let front = read_front(&mut file).map_err(&read)?;
    let Installed { manifest, trust } = checked(&front, path, keys)?;
    let there = Database::open(out);
    if let Ok(there) = &there
        && !older
        && there.info().date > manifest.date
    {
        return Err(BundleError::Older {
            path: path.to_owned(),
            date: manifest.date,
            there: there.info().date,
        });
    }
    if let Some(from) = &manifest.from {
        let start =
            |there: String| BundleError::OtherStart { path: path.to_owned(), from: from.to_string(), there };
        match &there {
            Ok(there) if there.digest() == Some(&manifest.content) => {
                return Ok(Installed { manifest, trust });
            }
            Ok(there) if there.digest() == Some(from) => {}
            Ok(there) => {
                let found = there.digest().map_or_else(|| "none".to_owned(), Digest::to_string);
                return Err(start(format!("what is there has {found}")));
            }
            Err(error) => return Err(start(format!("and no database can be read: {error}"))),
        }
    }
    let begin = file.stream_position().map_err(&read)?;
    let mut hashing = Hashing { inner: io::sink(), hasher: sha2::Sha256::new(), size: 0 };
    // One byte more than promised shows that there is more.
    io::copy(&mut (&mut file).take(manifest.size.saturating_add(1)), &mut hashing).map_err(&read)?;
    if hashing.size != manifest.size {
        let word = if hashing.size < manifest.size { "cut off" } else { "longer than its manifest says" };
        return Err(broken(format!("it is {word}")));
    }
    let found = sha256(hashing.hasher);
    if found != manifest.stream {
        return Err(broken(format!("its content has the digest {found}, promised was {}", manifest.stream)));
    }
    file.seek(SeekFrom::Start(begin)).map_err(read)?;
    // Kept beside the content, so that whoever signed it can be asked for later.
    let signatures = String::from_utf8_lossy(&front.signatures);
    let kept = String::from_utf8_lossy(&front.manifest);
    apply(
        &mut file,
        there.as_ref().ok(),
        out,
        &manifest.content,
        &[(MANIFEST, &kept), (SIGNATURES, &signatures)],
        if matches!(trust, Trust::Signed(_)) { SIGNED_LIMIT } else { UNSIGNED_LIMIT },
    )
    .map_err(|source| BundleError::Apply { path: path.to_owned(), source })?;
    Ok(Installed { manifest, trust })
}

/// Who signed the database that was installed from a bundle. `None`: none of `keys`.
///
/// # Errors
/// When the database is damaged.
pub fn signer(database: &Database, keys: &[PublicKey]) -> Result<Option<Trust>, Error> {
    let none = || if keys.is_empty() { Some(Trust::NotChecked { signed: false }) } else { None };
    let (Some(manifest), Some(signatures)) = (database.meta(MANIFEST)?, database.meta(SIGNATURES)?) else {
        return Ok(none());
    };
    let front = Front { manifest: manifest.into_bytes(), signatures: signatures.into_bytes() };
    let damaged = |detail: String| Error::Damaged { path: database.path().to_owned(), detail };
    // The signature speaks of this content and of no other.
    if front.manifest().map_err(damaged)?.content != *digest_of(database)? {
        return Ok(none());
    }
    front.trust(keys).map_err(damaged)
}

/// Reads arbitrary bytes as the front of a bundle, as [`install_bundle`] does before it believes anything.
pub(crate) fn read_arbitrary(data: &[u8]) {
    let mut rest = data;
    if let Ok(front) = read_front(&mut rest) {
        let _ = front.trust(&[PublicKey::of([7; 32])]);
        let _ = front.manifest();
    }
}
