//! What VEX hubs say about a target: their index names the document of each product. Only the
//! documents of what the target holds are read. A hub takes findings away and never adds any, so what cannot be read of
//! it leaves findings standing, and a note that says so; a hub without a readable index is an error.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use plimsoll_advisory::hub::Hub;
use plimsoll_advisory::vex::Assertion;
use plimsoll_model::purl::Purl;
use plimsoll_model::vex::VexOrigin;
use plimsoll_model::{Inventory, Problem, ProblemKind, Target, one_line};

use crate::ScanError;

/// All documents of one scan together, in bytes.
const MOST_BYTES: usize = 256 << 20;
/// Notes about documents that cannot be read; the rest is one more note.
const NOTES: usize = 20;

/// A hub, where it is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VexHub {
    /// As people named it: a folder, an address.
    pub name: String,
    /// The folder, or the archive that is kept of it.
    pub path: PathBuf,
    /// What reports are to say of it: that it could not be asked, and how old what is kept is.
    pub note: Option<String>,
}

/// Type, namespace and name of a package URL: what an index goes by.
type Key = (String, String, String);

fn key(purl: &str) -> Option<Key> {
    let purl = Purl::parse_lenient(purl).ok()?;
    Some((purl.kind().to_owned(), purl.namespace().unwrap_or_default().to_owned(), purl.name().to_owned()))
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
    named: &VexHub,
    rank: u32,
    target: &Target,
    inventory: &Inventory,
) -> Result<Spoken, ScanError> {
    let mut hub = Hub::open(&named.path)
        .map_err(|error| ScanError::Vex { path: named.name.clone(), reason: one_line(error) })?;
    let mut by_product: HashMap<Key, Vec<String>> = HashMap::new();
    for entry in &hub.index.packages {
        if let Some(key) = key(&entry.id) {
            by_product.entry(key).or_default().push(entry.location.clone());
        }
    }
    let asked = asked(target, inventory);
    let wanted: BTreeSet<&String> = asked.iter().filter_map(|key| by_product.get(key)).flatten().collect();
    let mut assertions = Vec::new();
    let mut faults: BTreeMap<String, String> = BTreeMap::new();
    let mut total = 0;
    for location in wanted {
        let name = format!("{}/{location}", named.name.trim_end_matches('/'));
        match hub.read(location) {
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
        problems.push(Problem::note(ProblemKind::Unreadable, &named.name, detail));
    }
    if let Some(note) = &named.note {
        problems.push(Problem::note(ProblemKind::StaleData, &named.name, note));
    }
    Ok(Spoken { assertions, problems })
}
