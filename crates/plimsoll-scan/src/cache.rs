//! What images of registries held, so that a second scan of the same layers downloads none of them.
//!
//! One file for each stack of layers: the inventory, under a name made of the diff ids in their order, the place where
//! the base image ends, the versions of all extractors and of the program. Only what was read whole and verified is kept,
//! and only when it reads back as it was. Beside them whole reports, which [`crate::answers`] names.
//!
//! Many processes may use a folder at once and be killed at any moment: files are written beside their place and
//! renamed, carry their own SHA-256, and a damaged one is a miss. The oldest ones go when the folder grows over its limit.
//! What somebody else may have written is not believed: a file of another user (but the administrator), or one that others
//! may write to, is a miss too.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use plimsoll_extract::registry::EXTRACTORS;
use plimsoll_model::functions::Functions;
use plimsoll_model::{Digest, Ecosystem, ImagePath, Inventory, Location, Package};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// First line of each file. Raised when the form of the content changes.
const MARK: &[u8] = b"plimsoll inventory 2\n";
/// End of the names of our files: others in the folder are not touched.
const ENDING: &str = ".inventory";
/// The same of reports.
const ANSWER: &str = ".report";
/// The same of outlines.
const OUTLINE: &str = ".outline";
/// Beginning of the names of files in the making.
const UNFINISHED: &str = ".unfinished-";
/// A file in the making that is older was left by a killed process.
const ABANDONED: Duration = Duration::from_hours(1);
/// Largest inventory in bytes that is kept or read.
const LARGEST: u64 = 64 * 1024 * 1024;
/// First line of the file of a report.
const MARK_OF_REPORTS: &[u8] = b"plimsoll report 1\n";
/// Largest report in bytes that is kept.
const LARGEST_REPORT: usize = 256 * 1024 * 1024;
/// Share of the limit that is left after old files went, in percent, so that not every scan has to clean up.
const KEEP: u64 = 80;
/// Bytes of a digest.
const DIGEST: usize = 32;

/// Where and how much is kept.
#[derive(Clone, Debug)]
pub struct Cache {
    /// The folder; made when something is to be kept.
    pub folder: PathBuf,
    /// Most bytes of all files together.
    pub limit: u64,
    /// What tells this program from another that would read the same layers differently: its version.
    pub program: String,
    /// The clock, for what was used last.
    pub now: fn() -> SystemTime,
}

/// What a cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStatus {
    /// Images whose inventory is known.
    pub inventories: u64,
    /// Reports about them.
    pub reports: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// The name of a stack of layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Key {
    /// The name that stands for all parts.
    pub(crate) fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Key {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Key(hexadecimal(&hash.finalize()))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Did this user, or the administrator, write this file, and nobody else? A report says "met": whoever can put one into
/// the folder would decide.
fn is_own(metadata: &std::fs::Metadata) -> bool {
    /// Group and others may write.
    const OF_OTHERS: u32 = 0o022;
    let user = rustix::process::geteuid().as_raw();
    metadata.is_file() && [0, user].contains(&metadata.uid()) && metadata.mode() & OF_OTHERS == 0
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Inventory,
    Report,
    Outline,
    /// In the making, or left by a killed process.
    Unfinished,
}

impl Kind {
    fn of(name: &str) -> Option<Kind> {
        if name.starts_with(UNFINISHED) {
            Some(Kind::Unfinished)
        } else if name.ends_with(ENDING) {
            Some(Kind::Inventory)
        } else if name.ends_with(ANSWER) {
            Some(Kind::Report)
        } else if name.ends_with(OUTLINE) {
            Some(Kind::Outline)
        } else {
            None
        }
    }
}

struct Entry {
    path: PathBuf,
    kind: Kind,
    bytes: u64,
    used: SystemTime,
}

impl Cache {
    /// What is kept there now.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub fn status(&self) -> std::io::Result<CacheStatus> {
        let mut status = CacheStatus::default();
        for entry in self.entries()? {
            status.add(&entry);
        }
        Ok(status)
    }

    /// Removes everything that was kept, and says what that was.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn clear(&self) -> std::io::Result<CacheStatus> {
        let mut removed = CacheStatus::default();
        for entry in self.entries()? {
            match std::fs::remove_file(&entry.path) {
                Ok(()) => removed.add(&entry),
                // Another process was faster.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }

    /// The name of these layers, the lowest first, and of what they were read for; `None` where one has no diff id.
    pub(crate) fn key(&self, diff_ids: &[Option<Digest>], base_layers: u32, purpose: &str) -> Option<Key> {
        let mut hash = Sha256::new();
        // Every part ends with a byte that no part holds.
        let mut add = |part: &str| {
            hash.update(part.as_bytes());
            hash.update([0]);
        };
        add(&self.program);
        for extractor in EXTRACTORS {
            add(extractor.name);
            add(&extractor.version.to_string());
        }
        add(purpose);
        add(&base_layers.to_string());
        for diff_id in diff_ids {
            add(&diff_id.as_ref()?.to_string());
        }
        if diff_ids.is_empty() {
            return None;
        }
        Some(Key(hexadecimal(&hash.finalize())))
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("{}{ENDING}", key.0))
    }

    fn path_of_report(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("{}{ANSWER}", key.0))
    }

    fn path_of_outline(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("{}{OUTLINE}", key.0))
    }

    /// What is known of a stack of layers. Whatever is wrong with a file, it is as if it were not there.
    pub(crate) fn get<T: Keep>(&self, key: &Key) -> Option<T> {
        self.read(&self.path(key), |bytes| decode(key, bytes))
    }

    /// A report that was kept, with the byte before it. The same holds here.
    pub(crate) fn report(&self, key: &Key) -> Option<(u8, String)> {
        self.read(&self.path_of_report(key), |bytes| decode_report(key, bytes))
    }

    /// As much of an inventory as says which advisories are asked about it: its release, and one package of each ecosystem.
    pub(crate) fn outline(&self, key: &Key) -> Option<Inventory> {
        let (_, text) = self.read(&self.path_of_outline(key), |bytes| decode_report(key, bytes))?;
        serde_json::from_str(&text).ok()
    }

    /// Keeps the outline of an inventory, unless that was done before.
    pub(crate) fn put_outline(&self, key: &Key, inventory: &Inventory) {
        let path = self.path_of_outline(key);
        if path.exists() {
            return;
        }
        let ecosystems: BTreeSet<Ecosystem> =
            inventory.packages.iter().map(|package| package.ecosystem).collect();
        let package = |ecosystem| Package::new(ecosystem, "", "", Location::new(ImagePath::default()));
        let outline = Inventory {
            release: inventory.release.clone(),
            packages: ecosystems.into_iter().map(package).collect(),
            problems: Vec::new(),
        };
        let text = serde_json::to_string(&outline).ok();
        // What does not read back as it is would ask others.
        let same = |text: &String| serde_json::from_str::<Inventory>(text).is_ok_and(|read| read == outline);
        if let Some(bytes) = text.filter(same).and_then(|text| encode_report(key, 0, &text)) {
            self.keep(&path, &bytes);
        }
    }

    fn read<T>(&self, path: &Path, decode: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        // Where others may write, a pipe may lie instead of a file: nobody waits for its other end.
        let no_waiting = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).ok()?;
        let file = std::fs::File::options().read(true).custom_flags(no_waiting).open(path).ok()?;
        let metadata = file.metadata().ok().filter(is_own)?;
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(LARGEST)).ok()?);
        (&file).take(LARGEST + 1).read_to_end(&mut bytes).ok()?;
        let known = decode(&bytes)?;
        // A folder that may not be written only loses the order in which files go.
        let _ =
            std::fs::File::options().append(true).open(path).and_then(|file| file.set_modified((self.now)()));
        Some(known)
    }

    /// Keeps what is known. A cache that cannot be written costs the next scan its time, nothing else.
    pub(crate) fn put<T: Keep>(&self, key: &Key, known: &T) {
        if let Some(bytes) = encode(key, known) {
            self.keep(&self.path(key), &bytes);
        }
    }

    /// Keeps a report, and one byte about it.
    pub(crate) fn put_report(&self, key: &Key, about: u8, report: &str) {
        if let Some(bytes) = encode_report(key, about, report) {
            self.keep(&self.path_of_report(key), &bytes);
        }
    }

    fn keep(&self, path: &Path, bytes: &[u8]) {
        if bytes.len() as u64 > self.limit || self.write(path, bytes).is_err() {
            return;
        }
        let _ = self.shrink();
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().set_modified((self.now)())?;
        file.persist(path)?;
        Ok(())
    }

    /// Removes what was not used for longest until the rest fits, and what killed processes left.
    fn shrink(&self) -> std::io::Result<()> {
        let mut entries = self.entries()?;
        let mut total: u64 = entries.iter().map(|entry| entry.bytes).sum();
        let now = (self.now)();
        entries.sort_by_key(|entry| entry.used);
        let over = total > self.limit;
        for entry in &entries {
            let unfinished = entry.kind == Kind::Unfinished;
            let abandoned = unfinished && now.duration_since(entry.used).is_ok_and(|age| age > ABANDONED);
            if abandoned || (over && total > self.limit / 100 * KEEP && !unfinished) {
                let _ = std::fs::remove_file(&entry.path);
                total = total.saturating_sub(entry.bytes);
            }
        }
        Ok(())
    }

    /// Our files. Those that go meanwhile are left out.
    fn entries(&self) -> std::io::Result<Vec<Entry>> {
        let folder = match std::fs::read_dir(&self.folder) {
            Ok(folder) => folder,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        Ok(folder
            .flatten()
            .filter_map(|entry| {
                let kind = Kind::of(entry.file_name().to_str()?)?;
                let metadata = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
                let used = metadata.modified().ok()?;
                Some(Entry { path: entry.path(), kind, bytes: metadata.len(), used })
            })
            .collect())
    }
}

impl CacheStatus {
    fn add(&mut self, entry: &Entry) {
        match entry.kind {
            Kind::Inventory => self.inventories += 1,
            Kind::Report => self.reports += 1,
            Kind::Outline | Kind::Unfinished => {}
        }
        self.bytes += entry.bytes;
    }
}

/// The content of a file: mark, SHA-256 of what follows and of the name, JSON.
fn encode<T: Keep>(key: &Key, known: &T) -> Option<Vec<u8>> {
    let content = serde_json::to_vec(&Keeping::of(known)).ok()?;
    if content.len() as u64 > LARGEST - (MARK.len() + DIGEST) as u64 {
        return None;
    }
    let mut bytes = MARK.to_vec();
    bytes.extend_from_slice(&checksum(key, &content));
    bytes.extend_from_slice(&content);
    // A path that is no text does not survive JSON: better read such an image again than show another name.
    (decode::<T>(key, &bytes)? == *known).then_some(bytes)
}

fn decode<T: Keep>(key: &Key, bytes: &[u8]) -> Option<T> {
    let rest = bytes.strip_prefix(MARK)?;
    let (expected, content) = rest.split_at_checked(DIGEST)?;
    if checksum(key, content).as_slice() != expected {
        return None;
    }
    serde_json::from_slice::<Kept<T>>(content).ok()?.whole()
}

/// The content of a report's file: mark, SHA-256 of what follows and of the name, the byte about it, the length of the
/// report, zstd.
fn encode_report(key: &Key, about: u8, report: &str) -> Option<Vec<u8>> {
    if report.len() > LARGEST_REPORT {
        return None;
    }
    let packed = zstd::bulk::compress(report.as_bytes(), 1).ok()?;
    let mut content = Vec::with_capacity(packed.len() + 9);
    content.push(about);
    content.extend_from_slice(&(report.len() as u64).to_le_bytes());
    content.extend_from_slice(&packed);
    let mut bytes = MARK_OF_REPORTS.to_vec();
    bytes.extend_from_slice(&checksum(key, &content));
    bytes.extend_from_slice(&content);
    (bytes.len() as u64 <= LARGEST).then_some(bytes)
}

fn decode_report(key: &Key, bytes: &[u8]) -> Option<(u8, String)> {
    let rest = bytes.strip_prefix(MARK_OF_REPORTS)?;
    let (expected, content) = rest.split_at_checked(DIGEST)?;
    if checksum(key, content).as_slice() != expected {
        return None;
    }
    let (about, rest) = content.split_first()?;
    let (length, packed) = rest.split_first_chunk()?;
    let length =
        usize::try_from(u64::from_le_bytes(*length)).ok().filter(|length| *length <= LARGEST_REPORT)?;
    let text = zstd::bulk::decompress(packed, length).ok().filter(|text| text.len() == length)?;
    Some((*about, String::from_utf8(text).ok()?))
}

/// What can be kept: something with an inventory in it.
pub(crate) trait Keep: Serialize + DeserializeOwned + PartialEq {
    fn inventory(&self) -> &Inventory;
    fn inventory_mut(&mut self) -> &mut Inventory;
}

/// What is kept, and the functions of its programs, which the own form of an inventory leaves out. Packages of one program
/// share a table.
#[derive(Serialize)]
struct Keeping<'a, T> {
    known: &'a T,
    tables: Vec<&'a [u64]>,
    functions: Vec<HeldBy>,
}

#[derive(Deserialize)]
struct Kept<T> {
    known: T,
    tables: Vec<Vec<u64>>,
    functions: Vec<HeldBy>,
}

/// The functions of one package, by the places of package and tables.
#[derive(Serialize, Deserialize)]
struct HeldBy {
    package: usize,
    tables: Vec<usize>,
    hidden: bool,
}

impl<'a, T: Keep> Keeping<'a, T> {
    fn of(known: &'a T) -> Self {
        let mut tables: Vec<&[u64]> = Vec::new();
        let mut places: HashMap<&[u64], usize> = HashMap::new();
        let mut functions = Vec::new();
        for (package, held) in known.inventory().packages.iter().map(|package| &package.functions).enumerate()
        {
            if held.is_unknown() {
                continue;
            }
            let (of_package, hidden) = held.parts();
            let of_package = of_package.iter().map(|table| {
                *places.entry(table).or_insert_with(|| {
                    tables.push(table);
                    tables.len() - 1
                })
            });
            functions.push(HeldBy { package, tables: of_package.collect(), hidden });
        }
        Keeping { known, tables, functions }
    }
}

impl<T: Keep> Kept<T> {
    fn whole(mut self) -> Option<T> {
        let tables: Vec<Arc<[u64]>> = self.tables.into_iter().map(Arc::from).collect();
        for held in self.functions {
            let of_package: Option<Vec<_>> =
                held.tables.iter().map(|place| tables.get(*place).cloned()).collect();
            let package = self.known.inventory_mut().packages.get_mut(held.package)?;
            package.functions = Functions::from_parts(of_package?, held.hidden)?;
        }
        Some(self.known)
    }
}

fn checksum(key: &Key, content: &[u8]) -> [u8; DIGEST] {
    Sha256::new().chain_update(&key.0).chain_update(content).finalize().into()
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{Algorithm, Problem};

    use super::*;

    impl Keep for Inventory {
        fn inventory(&self) -> &Inventory {
            self
        }

        fn inventory_mut(&mut self) -> &mut Inventory {
            self
        }
    }

    fn cache(folder: &Path, limit: u64) -> Cache {
        Cache {
            folder: folder.join("inventories"),
            limit,
            program: "test 1".into(),
            now: || SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_007),
        }
    }

    fn diff_id(byte: u8) -> Option<Digest> {
        Digest::from_bytes(Algorithm::Sha256, &[byte; 32])
    }

    fn inventory(text: &str) -> Inventory {
        let problems = vec![Problem::corrupt(&ImagePath::from("a/b"), text)];
        Inventory { problems, ..Inventory::default() }
    }

    #[test]
    fn what_was_put_is_there_for_the_same_layers_only() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 1_000_000);
        let layers = [diff_id(1), diff_id(2)];
        let key = cache.key(&layers, 1, "").unwrap();
        assert_eq!(cache.get::<Inventory>(&key), None);
        assert_eq!(cache.status().unwrap(), CacheStatus::default());
        cache.put(&key, &inventory("x"));
        assert_eq!(cache.get(&key), Some(inventory("x")));
        assert_eq!(cache.status().unwrap().inventories, 1);
        for other in [
            cache.key(&[diff_id(2), diff_id(1)], 1, ""),
            cache.key(&layers[..1], 1, ""),
            cache.key(&layers, 0, ""),
            cache.key(&layers, 1, "secrets"),
            Cache { program: "test 2".into(), ..cache.clone() }.key(&layers, 1, ""),
        ] {
            assert_ne!(other.as_ref(), Some(&key));
            assert_eq!(cache.get::<Inventory>(&other.unwrap()), None);
        }
        assert_eq!(cache.key(&[diff_id(1), None], 0, ""), None);
        assert_eq!(cache.key(&[], 0, ""), None);
        assert_eq!(cache.clear().unwrap().inventories, 1);
        assert_eq!(cache.get::<Inventory>(&key), None);
    }

    /// Packages of Go programs carry what reports leave out: it must not keep their images from being known.
    #[test]
    fn functions_of_programs_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 1_000_000);
        let key = cache.key(&[diff_id(1)], 0, "").unwrap();
        let package = |name: &str, functions: Functions| Package {
            functions,
            ..Package::new(Ecosystem::Go, name, "1.0", Location::new(ImagePath::from("a")))
        };
        let mut both = Functions::of_program(vec![3, 1, 2]);
        both.join(Functions::hidden());
        let packages = vec![
            package("a", Functions::of_program(vec![3, 1, 2])),
            package("b", both),
            package("c", Functions::default()),
            package("d", Functions::hidden()),
        ];
        let inventory = Inventory { packages, ..Inventory::default() };
        assert_eq!(Keeping::of(&inventory).tables.len(), 1, "a table of two packages is kept once");
        cache.put(&key, &inventory);
        assert_eq!(cache.get(&key), Some(inventory));
        let broken = Kept {
            known: Inventory::default(),
            tables: Vec::new(),
            functions: vec![HeldBy { package: 7, tables: vec![7], hidden: false }],
        };
        assert_eq!(broken.whole(), None);
    }

    #[test]
    fn whatever_is_damaged_is_a_miss() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 1_000_000);
        let key = cache.key(&[diff_id(1)], 0, "").unwrap();
        cache.put(&key, &inventory("x"));
        let whole = std::fs::read(cache.path(&key)).unwrap();
        for position in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[position] ^= 1;
            assert_eq!(decode::<Inventory>(&key, &damaged), None, "byte {position}");
            assert_eq!(decode::<Inventory>(&key, &whole[..position]), None, "cut at {position}");
        }
        // The right file under another name.
        let other = cache.key(&[diff_id(2)], 0, "").unwrap();
        std::fs::copy(cache.path(&key), cache.path(&other)).unwrap();
        assert_eq!(cache.get::<Inventory>(&other), None);
        std::fs::write(cache.path(&key), b"").unwrap();
        assert_eq!(cache.get::<Inventory>(&key), None);
        cache.put(&key, &inventory("x"));
        assert_eq!(cache.get(&key), Some(inventory("x")), "and is written again");
    }

    #[test]
    fn reports_are_kept_beside_inventories() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = cache(folder.path(), 1_000_000);
        let key = Key::of([&b"one"[..], b"two"]);
        assert_ne!(key, Key::of([&b"on"[..], b"etwo"]));
        assert_ne!(key, Key::of([&b"onetwo"[..]]));
        let text = "{\"findings\": []}\n".repeat(1_000);
        assert_eq!(cache.report(&key), None);
        cache.put_report(&key, 3, &text);
        assert_eq!(cache.report(&key), Some((3, text.clone())));
        cache.put(&cache.key(&[diff_id(1)], 0, "").unwrap(), &inventory("x"));
        let status = cache.status().unwrap();
        assert_eq!((status.inventories, status.reports), (1, 1));
        assert!(status.bytes < 2_000, "packed: {}", status.bytes);
        let whole = std::fs::read(cache.path_of_report(&key)).unwrap();
        for position in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[position] ^= 1;
            assert_eq!(decode_report(&key, &damaged), None, "byte {position}");
            assert_eq!(decode_report(&key, &whole[..position]), None, "cut at {position}");
        }
        let other = Key::of([]);
        std::fs::copy(cache.path_of_report(&key), cache.path_of_report(&other)).unwrap();
        assert_eq!(cache.report(&other), None, "under another name");
        let removed = cache.clear().unwrap();
        assert_eq!((removed.inventories, removed.reports), (1, 2));
        // Both kinds share the limit.
        cache.put_report(&key, 0, &text);
        cache.limit = cache.status().unwrap().bytes + 1;
        cache.put_report(&other, 0, &text);
        assert!(cache.status().unwrap().bytes <= cache.limit);
    }

    #[test]
    fn what_others_may_have_written_is_not_believed() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 1_000_000);
        let key = Key::of([]);
        cache.put_report(&key, 0, "met");
        let path = cache.path_of_report(&key);
        let may = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            cache.report(&key).is_some()
        };
        assert!(may(0o600) && may(0o644));
        assert!(!may(0o620) && !may(0o602) && !may(0o666));
        assert!(may(0o600));
        // Only the administrator can give a file to somebody else.
        match std::os::unix::fs::chown(&path, Some(12_345), None) {
            Ok(()) => assert_eq!(cache.report(&key), None, "another user's"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
        }
        // Written again over it.
        cache.put_report(&key, 1, "not met");
        assert_eq!(cache.report(&key), Some((1, "not met".to_owned())));
        // No file at all: nobody waits for a writer.
        std::fs::remove_file(&path).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        assert_eq!(cache.report(&key), None);
    }

    #[test]
    fn outlines_say_what_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 1_000_000);
        let key = Key::of([&b"image"[..]]);
        assert_eq!(cache.outline(&key), None);
        let package =
            |ecosystem, name: &str| Package::new(ecosystem, name, "1", Location::new(ImagePath::from("a")));
        let packages =
            vec![package(Ecosystem::Npm, "a"), package(Ecosystem::Deb, "b"), package(Ecosystem::Npm, "c")];
        let whole = Inventory { packages, ..inventory("x") };
        cache.put_outline(&key, &whole);
        let outline = cache.outline(&key).unwrap();
        let ecosystems: BTreeSet<Ecosystem> =
            outline.packages.iter().map(|package| package.ecosystem).collect();
        assert_eq!(ecosystems, BTreeSet::from([Ecosystem::Deb, Ecosystem::Npm]));
        assert_eq!(outline.packages.len(), 2);
        assert_eq!((outline.release, outline.problems), (whole.release, Vec::new()));
        assert!(outline.packages.iter().all(|package| package.name.is_empty()));
        // They count as bytes, and not as reports: each stands beside one.
        let status = cache.status().unwrap();
        assert_eq!((status.inventories, status.reports), (0, 0));
        assert!(status.bytes > 0);
        assert_eq!(cache.report(&key), None);
        cache.clear().unwrap();
        assert_eq!(cache.outline(&key), None);
    }

    /// A length that says more than there is, or more than is held.
    #[test]
    fn a_length_that_lies_is_a_miss() {
        let key = Key::of([]);
        let bytes = encode_report(&key, 0, "report").unwrap();
        let content = &bytes[MARK_OF_REPORTS.len() + DIGEST..];
        for length in [0, 5, 7, u64::MAX, LARGEST_REPORT as u64 + 1] {
            let mut content = content.to_vec();
            content[1..9].copy_from_slice(&length.to_le_bytes());
            let bytes = [MARK_OF_REPORTS, &checksum(&key, &content), &content].concat();
            assert_eq!(decode_report(&key, &bytes), None, "{length}");
        }
    }

    #[test]
    fn what_does_not_read_back_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 1_000_000);
        let key = cache.key(&[diff_id(1)], 0, "").unwrap();
        let location = Location::new(ImagePath::new(b"caf\xe9/package.json"));
        let package = Package::new(Ecosystem::Npm, "a", "1", location);
        cache.put(&key, &Inventory { packages: vec![package], ..Inventory::default() });
        assert_eq!(cache.get::<Inventory>(&key), None);
    }

    #[test]
    fn the_oldest_go_first_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = cache(folder.path(), 1_000_000);
        let keys: Vec<Key> = (0..10).map(|byte| cache.key(&[diff_id(byte)], 0, "").unwrap()).collect();
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds);
        for (second, key) in (0..).zip(&keys[..9]) {
            cache.put(key, &inventory("x"));
            std::fs::File::options()
                .append(true)
                .open(cache.path(key))
                .unwrap()
                .set_modified(at(second))
                .unwrap();
        }
        let size = std::fs::metadata(cache.path(&keys[0])).unwrap().len();
        // Something of somebody else, and what a killed process left long ago.
        std::fs::write(cache.folder.join("notes.txt"), vec![0; 5000]).unwrap();
        let left = cache.folder.join(format!("{UNFINISHED}1"));
        std::fs::write(&left, b"x").unwrap();
        std::fs::File::options()
            .append(true)
            .open(&left)
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH)
            .unwrap();
        // Used: now younger than all others.
        assert!(cache.get::<Inventory>(&keys[0]).is_some());
        cache.limit = size * 9 + size / 2;
        cache.put(&keys[9], &inventory("x"));
        let there: Vec<bool> = keys.iter().map(|key| cache.path(key).exists()).collect();
        assert_eq!(there, [true, false, false, false, true, true, true, true, true, true]);
        assert!(cache.folder.join("notes.txt").exists() && !left.exists());
        assert!(cache.status().unwrap().bytes <= cache.limit);
        // Larger than all that is allowed.
        cache.limit = 10;
        cache.clear().unwrap();
        cache.put(&keys[0], &inventory("x"));
        assert_eq!(cache.status().unwrap().inventories, 0);
    }

    #[test]
    fn many_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 20_000);
        std::thread::scope(|scope| {
            for thread in 0..8_u8 {
                let cache = &cache;
                scope.spawn(move || {
                    for round in 0..40_u8 {
                        let key = cache.key(&[diff_id(round % 7)], 0, "").unwrap();
                        let text = format!("{}", round % 7);
                        match cache.get::<Inventory>(&key) {
                            Some(found) => assert_eq!(found, inventory(&text)),
                            None => cache.put(&key, &inventory(&text)),
                        }
                        if thread == 0 && round % 10 == 9 {
                            cache.clear().unwrap();
                        }
                    }
                });
            }
        });
        assert!(cache.status().unwrap().bytes <= cache.limit);
    }

    #[test]
    fn a_place_that_cannot_be_written_costs_nothing_but_time() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("inventories"), b"a file").unwrap();
        let cache = cache(folder.path(), 1_000_000);
        let key = cache.key(&[diff_id(1)], 0, "").unwrap();
        cache.put(&key, &inventory("x"));
        assert_eq!(cache.get::<Inventory>(&key), None);
        assert!(cache.status().is_err());
    }
}
