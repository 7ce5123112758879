//! VEX hubs in a folder (VEX Repository Specification 0.1): `index.json` names the document of each product. Only the
//! documents of what the target holds are read. A hub takes findings away and never adds any, so what cannot be read of
//! it leaves findings standing, and a note that says so; a hub without a readable index is an error.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use plimsoll_advisory::vex::{self, Assertion};
use plimsoll_model::purl::Purl;
use plimsoll_model::vex::VexOrigin;
use plimsoll_model::{Inventory, Problem, ProblemKind, Target};
use serde::Deserialize;

use crate::ScanError;

/// All documents of one scan together, in bytes.
const MOST_BYTES: usize = 256 << 20;
/// Notes about documents that cannot be read; the rest is one more note.
const NOTES: usize = 20;

#[derive(Deserialize)]
struct Index {
    packages: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    location: String,
}

/// Type, namespace and name of a package URL: what an index goes by.
type Key = (String, String, String);

fn key(purl: &str) -> Option<Key> {
    let purl = Purl::parse_lenient(purl).ok()?;
    Some((purl.kind().to_owned(), purl.namespace().unwrap_or_default().to_owned(), purl.name().to_owned()))
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(vex::SIZE_LIMIT as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > vex::SIZE_LIMIT {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// What may be asked for: packages, their source packages, and the image by the end of its name.
fn asked(target: &Target, inventory: &Inventory) -> BTreeSet<Key> {
    let mut asked = BTreeSet::new();
    for package in &inventory.packages {
        let Some((kind, namespace, name)) = key(&package.purl) else { continue };
        if let Some(source) = &package.source {
            asked.insert((kind.clone(), namespace.clone(), source.name.clone()));
        }
        asked.insert((kind, namespace, name));
    }
    for name in target.reference.iter().chain([&target.name]) {
        let name = name.split('@').next().unwrap_or_default();
        let last = name.rsplit('/').next().unwrap_or_default();
        let last = last.split(':').next().unwrap_or_default().to_lowercase();
        asked.insert(("oci".to_owned(), String::new(), last));
    }
    asked
}

/// What a hub says about a target.
pub(crate) struct Spoken {
    /// Its documents.
    pub(crate) assertions: Vec<Assertion>,
    /// Documents that could not be read.
    pub(crate) problems: Vec<Problem>,
}

/// The documents of one hub about what the target holds, with this rank.
///
/// # Errors
/// When there is no index that can be read.
pub(crate) fn documents(
    root: &Path,
    rank: u32,
    target: &Target,
    inventory: &Inventory,
) -> Result<Spoken, ScanError> {
    let path = root.join("index.json");
    let unusable = |reason: String| ScanError::Vex { path: path.display().to_string(), reason };
    let bytes = read(&path).map_err(|error| unusable(error.to_string()))?;
    let index: Index =
        serde_json::from_slice(&bytes).map_err(|error| unusable(format!("is no index of a hub: {error}")))?;
    let mut by_product: HashMap<Key, Vec<&str>> = HashMap::new();
    for entry in &index.packages {
        if let Some(key) = key(&entry.id) {
            by_product.entry(key).or_default().push(&entry.location);
        }
    }
    let wanted: BTreeSet<&str> =
        asked(target, inventory).iter().filter_map(|key| by_product.get(key)).flatten().copied().collect();
    let mut assertions = Vec::new();
    let mut faults: BTreeMap<String, String> = BTreeMap::new();
    let mut total = 0;
    for location in wanted {
        let name = root.join(location).display().to_string();
        match inside(root, location).and_then(|path| read(&path).map_err(|error| error.to_string())) {
            Ok(bytes) => {
                total += bytes.len();
                if total > MOST_BYTES {
                    faults.insert(name, "and those behind it: more than 256 MiB of documents".to_owned());
                    break;
                }
                match Assertion::read(&name, VexOrigin::Hub, rank, &bytes) {
                    Ok(assertion) => assertions.push(assertion),
                    Err(error) => {
                        faults.insert(name, error.to_string());
                    }
                }
            }
            Err(reason) => {
                faults.insert(name, reason);
            }
        }
    }
    let rest = faults.len().saturating_sub(NOTES);
    let mut problems: Vec<Problem> = faults
        .into_iter()
        .take(NOTES)
        .map(|(name, reason)| {
            let detail = format!("the hub's document was not applied: {reason}");
            Problem::note(ProblemKind::Unreadable, name, detail)
        })
        .collect();
    if rest > 0 {
        let detail = format!("{rest} more documents of the hub were not applied");
        problems.push(Problem::note(ProblemKind::Unreadable, root.display(), detail));
    }
    Ok(Spoken { assertions, problems })
}

/// The path of a document, which an index may not lead out of the hub.
fn inside(root: &Path, location: &str) -> Result<PathBuf, String> {
    let location = Path::new(location);
    let plain =
        location.components().all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    if plain { Ok(root.join(location)) } else { Err("the index leads out of the hub".to_owned()) }
}
