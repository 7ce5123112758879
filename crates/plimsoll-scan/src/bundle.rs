//! Evidence of a matrix that can be checked later: what it was made from, what it said, and a digest of each file.
//!
//! [`write`] copies every input as it was read, the answer, and a manifest. [`verify`] reads them again, holds each file against
//! its digest, decides anew as of the same moment, and tells what differs. With a key the manifest is signed: an envelope of DSSE
//! beside it, which holds the same bytes.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_model::Outcome;
use plimsoll_model::bundle::{BUNDLE_VERSION, BundleCheck, BundleFile, BundleManifest, BundleSignature};
use plimsoll_model::responsibility::Responsibility;
use plimsoll_trust::{PublicKey, SigningKey};
use serde::{Deserialize, Serialize};

use crate::responsibility::attest::Statements;
use crate::responsibility::{Cloud, Gathered, Matrix, ResponsibilityError, digest};

/// Name of the manifest.
const MANIFEST: &str = "manifest.json";
/// Name of the manifest's signature: an envelope of DSSE 1.0.
const SIGNATURE: &str = "manifest.dsse.json";
/// Type of the manifest within the envelope.
const MANIFEST_TYPE: &str = "application/vnd.plimsoll.evidence+json";
/// Most signatures of an envelope.
const MAX_SIGNATURES: usize = 16;
/// Name of the answer.
const ANSWER: &str = "answer.json";
/// Largest file of a bundle, in bytes.
pub(crate) const MAX_FILE: u64 = 1024 * 1024 * 1024;
/// Largest manifest in bytes.
const MAX_MANIFEST: u64 = 16 * 1024 * 1024;
/// Most files.
const MAX_FILES: usize = 10_000;

/// Why there is no bundle, or nothing can be said of one.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file cannot be read or written.
    #[error("cannot {what} `{file}`")]
    File {
        /// `read` or `write`.
        what: &'static str,
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An input cannot be kept.
    #[error("{what} cannot be kept as evidence")]
    Input {
        /// Which.
        what: String,
    },
    /// An input was changed since it was read.
    #[error("`{file}` was changed while the answer was made")]
    Changed {
        /// The file.
        file: String,
    },
    /// The folder holds something already.
    #[error("`{folder}` is not empty")]
    NotEmpty {
        /// The folder.
        folder: String,
    },
    /// The manifest is none.
    #[error("`{file}` is no manifest of evidence: {detail}")]
    Manifest {
        /// The file.
        file: String,
        /// What is wrong.
        detail: String,
    },
    /// It cannot be signed.
    #[error("the manifest cannot be signed")]
    Sign(#[source] plimsoll_trust::Error),
    /// What the bundle holds cannot be used.
    #[error(transparent)]
    Responsibility(Box<ResponsibilityError>),
}

impl From<ResponsibilityError> for BundleError {
    fn from(error: ResponsibilityError) -> Self {
        BundleError::Responsibility(Box::new(error))
    }
}

/// An input as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The flag by which it was given: `gke`, `manifests`, `snapshot`, ...
    pub flag: &'static str,
    /// The file.
    pub path: String,
    /// Of its bytes as they were read: `sha256:` and 64 digits.
    pub digest: String,
    /// The bytes, where there is no file to read them from again.
    pub content: Option<Vec<u8>>,
}

/// An envelope of DSSE 1.0.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Serialize, Deserialize)]
struct EnvelopeSignature {
    sig: String,
    /// The fingerprint of the key, a hint only.
    #[serde(default)]
    keyid: String,
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, BundleError> {
    let failed = |source| BundleError::File { what: "read", file: path.display().to_string(), source };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(std::io::Error::other("it is no plain file")));
    }
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(failed(std::io::Error::other(format!("it is larger than {limit} bytes"))));
    }
    Ok(bytes)
}

/// Writes a file that only its owner reads: exports may hold keys.
fn put(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), BundleError> {
    let path = folder.join(name);
    let failed = |source| BundleError::File { what: "write", file: path.display().to_string(), source };
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.flush()).map_err(failed)
}

/// A name for a copy: its number, and of the original what is harmless.
fn copy_name(number: usize, original: &str) -> String {
    let base = if original == "-" { "stdin" } else { original.rsplit('/').next().unwrap_or_default() };
    let plain: String = base
        .chars()
        .map(|one| if one.is_ascii_alphanumeric() || "._-".contains(one) { one } else { '_' })
        .take(80)
        .collect();
    format!("inputs/{number:04}-{plain}")
}

/// Writes a bundle into a folder that is empty or not there, signed where there is a key.
///
/// # Errors
/// When an input was not kept ([`Gathered::keeping`]) or changed since, or a file cannot be written or signed.
pub fn write(
    folder: &Path,
    gathered: &Gathered,
    answer: &Responsibility,
    platform: Option<&str>,
    further: &[(&'static str, PathBuf)],
    key: Option<&SigningKey>,
) -> Result<BundleManifest, BundleError> {
    let failed = |source| BundleError::File { what: "write", file: folder.display().to_string(), source };
    if let Some(what) = gathered.not_kept() {
        return Err(BundleError::Input { what: what.to_owned() });
    }
    // Everything is read before anything is written.
    let mut copies: Vec<(BundleFile, Vec<u8>)> = Vec::new();
    let mut add = |flag: &str, path: &str, bytes: Vec<u8>| {
        let file = BundleFile {
            path: copy_name(copies.len() + 1, path),
            flag: flag.to_owned(),
            given: path.to_owned(),
            digest: digest(&bytes),
            size: bytes.len() as u64,
        };
        copies.push((file, bytes));
    };
    for kept in gathered.kept() {
        let bytes = match &kept.content {
            Some(bytes) => bytes.clone(),
            None => read(Path::new(&kept.path), MAX_FILE)?,
        };
        if digest(&bytes) != kept.digest {
            return Err(BundleError::Changed { file: kept.path.clone() });
        }
        add(kept.flag, &kept.path, bytes);
    }
    for (flag, path) in further {
        add(flag, &path.display().to_string(), read(path, MAX_FILE)?);
    }
    let mut text = serde_json::to_vec_pretty(answer).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    let mut manifest = BundleManifest {
        schema_version: BUNDLE_VERSION.to_owned(),
        tool: answer.tool.clone(),
        taken_at: answer.taken_at.clone(),
        platform: platform.map(str::to_owned),
        answer: BundleFile {
            path: ANSWER.to_owned(),
            flag: String::new(),
            given: String::new(),
            digest: digest(&text),
            size: text.len() as u64,
        },
        files: copies.iter().map(|(file, _)| file.clone()).collect(),
        digest: String::new(),
    };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(folder).map_err(failed)?;
    if fs::read_dir(folder).map_err(failed)?.next().is_some() {
        return Err(BundleError::NotEmpty { folder: folder.display().to_string() });
    }
    builder.create(folder.join("inputs")).map_err(failed)?;
    for (file, bytes) in &copies {
        put(folder, &file.path, bytes)?;
    }
    put(folder, ANSWER, &text)?;
    let mut text = serde_json::to_vec_pretty(&manifest).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    if let Some(key) = key {
        let envelope = Envelope {
            payload: STANDARD.encode(&text),
            payload_type: MANIFEST_TYPE.to_owned(),
            signatures: vec![EnvelopeSignature {
                sig: STANDARD.encode(key.sign_kind(MANIFEST_TYPE, &text).map_err(BundleError::Sign)?),
                keyid: key.public().fingerprint(),
            }],
        };
        let mut text = serde_json::to_vec(&envelope).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        put(folder, SIGNATURE, &text)?;
    }
    // The manifest comes last: a bundle without one was cut off.
    put(folder, MANIFEST, &text)?;
    manifest.digest = digest(&text);
    Ok(manifest)
}

/// How the signature of a manifest stands, whose it is, and what is wrong.
fn signature(
    folder: &Path,
    manifest: &[u8],
    keys: &[PublicKey],
) -> (BundleSignature, Option<String>, Option<String>) {
    let path = folder.join(SIGNATURE);
    if fs::symlink_metadata(&path).is_err() {
        let wrong = (!keys.is_empty()).then(|| "the manifest is not signed".to_owned());
        return (BundleSignature::Absent, None, wrong);
    }
    if keys.is_empty() {
        return (BundleSignature::NotChecked, None, None);
    }
    let wrong = |detail: &str| (BundleSignature::Wrong, None, Some(format!("{SIGNATURE} {detail}")));
    let Ok(bytes) = read(&path, 2 * MAX_MANIFEST) else { return wrong("cannot be read") };
    let Ok(envelope) = serde_json::from_slice::<Envelope>(&bytes) else {
        return wrong("is no envelope of a signature");
    };
    if envelope.payload_type != MANIFEST_TYPE || STANDARD.decode(&envelope.payload).as_deref() != Ok(manifest)
    {
        return wrong("signs something else than this manifest");
    }
    for one in envelope.signatures.iter().take(MAX_SIGNATURES) {
        let Ok(bytes) = STANDARD.decode(&one.sig) else { continue };
        if let Some(key) = keys.iter().find(|key| key.verifies(MANIFEST_TYPE, manifest, &bytes)) {
            return (BundleSignature::Verified, Some(key.fingerprint()), None);
        }
    }
    wrong("is by none of the keys that were given")
}

/// Holds a bundle against its manifest, and decides anew. Where keys are given, one of them must have signed the manifest.
///
/// # Errors
/// When the manifest cannot be read, or an input cannot be used any more.
pub fn verify(folder: &Path, keys: &[PublicKey]) -> Result<BundleCheck, BundleError> {
    let name = folder.join(MANIFEST);
    let wrong = |detail: String| BundleError::Manifest { file: name.display().to_string(), detail };
    let bytes = read(&name, MAX_MANIFEST)?;
    let manifest: BundleManifest =
        serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    if !manifest.schema_version.starts_with("1.") {
        return Err(wrong(format!("version {} is not known", manifest.schema_version)));
    }
    if manifest.files.len() > MAX_FILES {
        return Err(wrong(format!("it names more than {MAX_FILES} files")));
    }
    let (signature, signed_by, unsigned) = signature(folder, &bytes, keys);
    let mut sound = unsigned.is_none();
    let mut differs: Vec<String> = unsigned.into_iter().collect();
    let mut named: BTreeSet<String> = BTreeSet::from([MANIFEST.to_owned(), SIGNATURE.to_owned()]);
    for file in manifest.files.iter().chain([&manifest.answer]) {
        // Only what `write` writes: no way out of the folder.
        let plain = file.path == ANSWER
            || file
                .path
                .strip_prefix("inputs/")
                .is_some_and(|rest| !rest.is_empty() && !rest.contains('/') && !rest.starts_with('.'));
        if !plain {
            return Err(wrong(format!("`{}` is no path of a bundle", plimsoll_model::shortened(&file.path))));
        }
        named.insert(file.path.clone());
        let own = folder.join(&file.path);
        let is_link = fs::symlink_metadata(&own).is_ok_and(|meta| meta.is_symlink());
        match read(&own, MAX_FILE) {
            _ if is_link => differs.push(format!("{} is a link", file.path)),
            Ok(bytes) if digest(&bytes) == file.digest => continue,
            Ok(_) => differs.push(format!("{} has another digest than the manifest says", file.path)),
            Err(_) => differs.push(format!("{} cannot be read", file.path)),
        }
        sound = false;
    }
    for below in ["", "inputs"] {
        let Ok(entries) = fs::read_dir(folder.join(below)) else { continue };
        for entry in entries.take(MAX_FILES + 3).flatten() {
            let own = entry.file_name().to_string_lossy().into_owned();
            let path = if below.is_empty() { own } else { format!("{below}/{own}") };
            if path != "inputs" && !named.contains(&path) {
                differs.push(format!(
                    "{} is in the folder, and not in the manifest",
                    plimsoll_model::shortened(&path)
                ));
                sound = false;
            }
        }
    }
    let mut check = BundleCheck {
        schema_version: BUNDLE_VERSION.to_owned(),
        verdict: Outcome::NotMet,
        tool: format!("plimsoll {}", env!("CARGO_PKG_VERSION")),
        made_by: manifest.tool.clone(),
        taken_at: manifest.taken_at.clone(),
        files: manifest.files.len() as u64 + 1,
        digest: digest(&bytes),
        signature,
        signed_by,
        answer: None,
        differs,
    };
    if !sound {
        return Ok(check);
    }
    let old: Responsibility = serde_json::from_slice(&read(&folder.join(ANSWER), MAX_FILE)?)
        .map_err(|error| wrong(format!("{ANSWER}: {error}")))?;
    check.answer = Some(old.verdict);
    let new = again(folder, &manifest, &wrong)?;
    compare(&old, &new, &mut check.differs);
    check.verdict = if check.differs.is_empty() { Outcome::Met } else { Outcome::NotMet };
    Ok(check)
}

/// The answer from what the bundle holds, as of its moment.
fn again(
    folder: &Path,
    manifest: &BundleManifest,
    wrong: &dyn Fn(String) -> BundleError,
) -> Result<Responsibility, BundleError> {
    let now = manifest.taken_at.parse().map_err(|_| wrong("its moment is none".into()))?;
    let today = jiff::tz::TimeZone::UTC.to_datetime(now).date();
    let mut gathered = Gathered::default();
    let mut controls = Vec::new();
    let mut statements = Statements::none(today);
    let mut nothing = std::io::empty();
    for file in &manifest.files {
        let place = folder.join(&file.path).display().to_string();
        let text = |what: &str| {
            let bytes = read(Path::new(&place), MAX_FILE)?;
            String::from_utf8(bytes).map_err(|_| wrong(format!("{what} {} is not UTF-8", file.path)))
        };
        match file.flag.as_str() {
            "gke" => gathered.export(Cloud::Gke, &place, &mut nothing)?,
            "eks" => gathered.export(Cloud::Eks, &place, &mut nothing)?,
            "aks" => gathered.export(Cloud::Aks, &place, &mut nothing)?,
            "manifests" => gathered.manifests(&place, &mut nothing)?,
            "snapshot" => gathered.snapshot(&place, &mut nothing)?,
            "report" => gathered.report(&place)?,
            "node" => gathered.node(&place, &mut nothing)?,
            // The name says what such a file is.
            "controls" => controls.push((file.given.clone(), text("the control")?)),
            "attestations" => {
                statements = Statements::read(&file.given, &text("the file of statements")?, today)
                    .map_err(|fault| wrong(fault.to_string()))?;
            }
            other => {
                return Err(wrong(format!("`{}` is no kind of input", plimsoll_model::shortened(other))));
            }
        }
    }
    let matrix = Matrix::with(&controls).map_err(|fault| wrong(fault.to_string()))?;
    let (answer, ()) =
        gathered.evaluate(&matrix, manifest.platform.as_deref(), &statements, now, |_, _, _| ())?;
    Ok(answer)
}

/// What the two say differently. Names of files are not compared: copies have other names.
fn compare(old: &Responsibility, new: &Responsibility, differs: &mut Vec<String>) {
    const MOST: usize = 100;
    if old.verdict != new.verdict {
        differs.push(format!("the verdict was {}, and is {}", old.verdict.word(), new.verdict.word()));
    }
    if old.columns != new.columns {
        differs.push("the node pools are others".into());
        return;
    }
    let mut more = 0_usize;
    let mut tell = |line: String| {
        if differs.len() < MOST {
            differs.push(line);
        } else {
            more += 1;
        }
    };
    for row in &new.controls {
        if !old.controls.iter().any(|own| own.id == row.id) {
            tell(format!("{} was not in the answer", row.id));
        }
    }
    for row in &old.controls {
        let Some(own) = new.controls.iter().find(|own| own.id == row.id) else {
            tell(format!("{} is not known any more", row.id));
            continue;
        };
        for (was, is) in row.cells.iter().zip(&own.cells) {
            if (was.owner, was.standing) != (is.owner, is.standing) {
                tell(format!(
                    "{} on {} was {}, {}, and is {}, {}",
                    row.id,
                    was.column,
                    was.owner.word(),
                    was.standing.word(),
                    is.owner.word(),
                    is.standing.word()
                ));
            } else if (&was.seen, &was.missing, &was.attested) != (&is.seen, &is.missing, &is.attested) {
                tell(format!("{} on {}: something else is seen or missing", row.id, was.column));
            }
        }
    }
    if more > 0 {
        differs.push(format!("and {more} more"));
    }
}
