//! Building the database: all feeds below a folder into one file.
//!
//! Parts are read by a few threads. What they give is sorted ([`Spill`]) and written in key order, so the same input
//! gives the same bytes whatever the threads did, and memory stays bounded however large the feeds are.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use plimsoll_model::{Digest, Epss, Kev};

use crate::error::Error;
use crate::feed::{CveFacts, Cycle, FEEDS, Feed, HubStatement, Part, Sink, Unsupported};
use crate::record::{Affected, Record};
use crate::spill::{Key, KeyReader, Merged, Spill};
use crate::store::{BY_SCORE, Cve, LeftOut, Numbers, SourceInfo, stable_number};
use crate::writer::{Value, Writer, folder_of};

/// Memory that all threads together use for sorting before they go to disk, in bytes.
const MEMORY: usize = 96 << 20;
/// Threads beyond this number would share too little memory.
const THREADS: usize = 8;

/// How many addresses of a record are kept.
const REFERENCES: usize = 3;
/// How many ids of one class a record may name.
const IDS: usize = 2_000;

/// How to build.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// Threads that read feeds; at least one is used.
    pub threads: usize,
    /// Today, `YYYY-MM-DD`: records dated later do not make their feed look fresh. Changes nothing else.
    pub today: Option<String>,
}

impl Default for BuildOptions {
    fn default() -> Self {
        BuildOptions { threads: 2, today: None }
    }
}

/// What was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildReport {
    /// The sources, sorted by name, with what was left out of them and why.
    pub sources: Vec<SourceInfo>,
    /// Digest of the content.
    pub digest: Digest,
    /// Advisories, after joining those with the same source and id.
    pub records: u64,
    /// Distinct (target, package name) keys.
    pub packages: u64,
    /// Entries: what one record says about one package.
    pub entries: u64,
    /// Size of the file, in bytes.
    pub size: u64,
}

/// Broken or not, and why -> how many, and the first.
type LeftOutCounts = BTreeMap<(bool, &'static str), (u64, String)>;

/// What one thread has read, to be sorted.
struct Spills {
    /// (target, name, source, id) -> entry.
    rows: Spill,
    /// (wanted number, source, id, part, place) -> record and its keys.
    records: Spill,
    /// (any id, source, id) -> nothing.
    aliases: Spill,
    /// (CVE, part, place) -> what is said about it.
    cves: Spill,
    /// (CVE, part, place) -> its probability.
    epss: Spill,
    /// (product, document, statement) -> nothing.
    statements: Spill,
    /// Keys of all targets.
    targets: HashSet<String>,
}

impl Spills {
    fn new(folder: &Path, memory: usize) -> Self {
        let spill = |share: usize| Spill::new(folder, memory / 16 * share);
        Spills {
            rows: spill(6),
            records: spill(5),
            aliases: spill(2),
            cves: spill(1),
            epss: spill(1),
            statements: spill(1),
            targets: HashSet::new(),
        }
    }
}

/// What came out of one part, apart from what is sorted.
#[derive(Default)]
struct Collected {
    left_out: LeftOutCounts,
    dated: String,
    newest: String,
    commit: String,
    taken: u64,
    cycles: Vec<Cycle>,
    unsupported: Vec<Unsupported>,
}

/// Takes in one part.
struct Reading<'spills> {
    collected: Collected,
    spills: &'spills mut Spills,
    source: String,
    part: u32,
    /// Place of the next thing in the part.
    place: u32,
    /// The last day that a record may claim; empty when there is none.
    latest: String,
    /// The temporary files could not be written.
    failed: Option<io::Error>,
}

impl Reading<'_> {
    fn leave_out(&mut self, broken: bool, reason: &'static str, example: &str) {
        let slot = self
            .collected
            .left_out
            .entry((broken, reason))
            .or_insert_with(|| (0, example.chars().take(200).collect()));
        slot.0 += 1;
    }

    /// The next place, and is there still something to be done?
    fn next(&mut self) -> Option<u32> {
        if self.failed.is_some() {
            return None;
        }
        self.place = self.place.checked_add(1)?;
        self.collected.taken += 1;
        Some(self.place)
    }

    fn keep(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.failed.get_or_insert(error);
        }
    }

    /// The key of something said about a CVE.
    fn cve_key(&mut self, cve: &str) -> Option<Key> {
        let cve = cve.trim();
        if cve.is_empty() || cve.len() > 200 {
            self.leave_out(true, "an id is empty or longer than 200 bytes", cve);
            return None;
        }
        let place = self.next()?;
        Some(Key::new().text(cve).number(self.part).number(place))
    }

    fn say(&mut self, cve: &str, said: &Cve) {
        let Some(key) = self.cve_key(cve) else { return };
        match serde_json::to_vec(said) {
            Ok(json) => {
                let result = self.spills.cves.push(key.bytes(), &json);
                self.keep(result);
            }
            Err(_) => self.leave_out(true, "an entry cannot be stored", cve),
        }
    }
}

fn trim_ids(ids: &mut Vec<String>) {
    ids.retain(|id| !id.is_empty() && id.len() <= 200);
    ids.truncate(IDS);
}

/// What is stored of a record: the record as JSON, and the target and name of each of its entries.
fn stored_record(record: &Record, keys: &BTreeSet<(String, String)>) -> Result<Vec<u8>, serde_json::Error> {
    let json = serde_json::to_vec(record)?;
    let mut value = u32::try_from(json.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    value.extend_from_slice(&json);
    serde_json::to_writer(&mut value, keys)?;
    Ok(value)
}

impl Sink for Reading<'_> {
    fn record(&mut self, mut record: Record) {
        if record.id.is_empty() || record.id.len() > 200 {
            self.leave_out(true, "the record has no id, or one of over 200 bytes", &record.id);
            return;
        }
        let Some(place) = self.next() else { return };
        trim_ids(&mut record.aliases);
        trim_ids(&mut record.upstream);
        trim_ids(&mut record.related);
        record.references.truncate(REFERENCES);
        // Anything but a date would win the comparison of texts and pose as the newest.
        let day = record.modified.get(..10).filter(|day| is_day(day)).unwrap_or_default();
        let is_possible = !day.is_empty() && (self.latest.is_empty() || day <= self.latest.as_str());
        if is_possible && record.modified > self.collected.newest {
            self.collected.newest.clone_from(&record.modified);
        }
        let mut keys = BTreeSet::new();
        for entry in std::mem::take(&mut record.affected) {
            if record.withdrawn.is_some() {
                break;
            }
            let Affected { target, name, .. } = &entry;
            let normal = target.normalise(name).into_owned();
            let target = target.key();
            match serde_json::to_vec(&entry) {
                Ok(body) => {
                    let key = Key::new()
                        .number(stable_number(&[&target]))
                        .text(&target)
                        .text(&normal)
                        .text(&self.source)
                        .text(&record.id);
                    let result = self.spills.rows.push(key.bytes(), &body);
                    self.keep(result);
                    if !self.spills.targets.contains(&target) {
                        self.spills.targets.insert(target.clone());
                    }
                    keys.insert((target, normal));
                }
                Err(_) => self.leave_out(true, "an entry cannot be stored", &record.id),
            }
        }
        let ids = std::iter::once(&record.id).chain(&record.aliases).chain(&record.upstream);
        for id in ids {
            let key = Key::new().text(id).text(&self.source).text(&record.id);
            let result = self.spills.aliases.push(key.bytes(), b"");
            if let Err(error) = result {
                self.failed.get_or_insert(error);
            }
        }
        match stored_record(&record, &keys) {
            Ok(value) => {
                let key = Key::new()
                    .number(stable_number(&[&self.source, &record.id]))
                    .text(&self.source)
                    .text(&record.id)
                    .number(self.part)
                    .number(place);
                let result = self.spills.records.push(key.bytes(), &value);
                self.keep(result);
            }
            Err(_) => self.leave_out(true, "the record cannot be stored", &record.id),
        }
    }

    fn rejected(&mut self, reason: &'static str, example: &str) {
        self.leave_out(true, reason, example);
    }

    fn skipped(&mut self, reason: &'static str, example: &str) {
        self.leave_out(false, reason, example);
    }

    fn dated(&mut self, date: &str) {
        if date > self.collected.dated.as_str() {
            date.clone_into(&mut self.collected.dated);
        }
    }

    fn commit(&mut self, commit: &str) {
        commit.clone_into(&mut self.collected.commit);
    }

    fn kev(&mut self, cve: &str, kev: Kev) {
        self.say(cve, &Cve { kev: Some(kev), ..Cve::default() });
    }

    fn epss(&mut self, cve: &str, epss: Epss) {
        let Some(key) = self.cve_key(cve) else { return };
        let value = Key::new().number(epss.probability).number(epss.percentile).text(&epss.date);
        let result = self.spills.epss.push(key.bytes(), value.bytes());
        self.keep(result);
    }

    fn cve(&mut self, cve: &str, facts: CveFacts) {
        let facts = vec![(self.source.clone(), facts)];
        self.say(cve, &Cve { facts, ..Cve::default() });
    }

    fn cycle(&mut self, cycle: Cycle) {
        self.collected.taken += 1;
        self.collected.cycles.push(cycle);
    }

    fn unsupported(&mut self, unsupported: Unsupported) {
        self.collected.taken += 1;
        self.collected.unsupported.push(unsupported);
    }

    fn statement(&mut self, statement: HubStatement) {
        if self.next().is_none() {
            return;
        }
        match serde_json::to_vec(&statement) {
            Ok(json) => {
                let key = Key::new().text(bare_purl(&statement.product)).text(&statement.document);
                let result = self.spills.statements.push(key.bytes(), &json);
                self.keep(result);
            }
            Err(_) => self.leave_out(true, "an entry cannot be stored", &statement.document),
        }
    }
}

/// Reads all parts; what was collected stands in the order of the parts, what is sorted by thread.
fn read_all(
    parts: &[(&'static Feed, Part)],
    manifest: &HashMap<PathBuf, (String, String)>,
    folder: &Path,
    options: &BuildOptions,
) -> Result<(Vec<Collected>, Vec<Spills>), Error> {
    // The largest first: the last thread to finish then has little left to do.
    let mut order: Vec<usize> = (0..parts.len()).collect();
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    order.sort_by_key(|index| std::cmp::Reverse(size(&parts[*index].1.path)));
    let threads = options.threads.clamp(1, THREADS);
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Result<Collected, Error>>>> =
        Mutex::new(parts.iter().map(|_| None).collect());
    let work = || {
        let mut spills = Spills::new(folder, MEMORY / threads);
        while let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (feed, part) = &parts[*index];
            // A commit cannot hold what was changed after it; records with a slipped year exist.
            let day = manifest.get(&part.path).map_or("", |(_, day)| day.as_str());
            let today = options.today.as_deref().unwrap_or_default();
            let latest = [day, today].into_iter().filter(|day| is_day(day)).min().unwrap_or_default();
            let mut reading = Reading {
                collected: Collected::default(),
                spills: &mut spills,
                source: part.source.clone(),
                part: u32::try_from(*index).unwrap_or(u32::MAX),
                place: 0,
                latest: latest.to_owned(),
                failed: None,
            };
            let result = (feed.read)(part, &mut reading);
            let result = match reading.failed {
                Some(source) => Err(Error::Write { path: folder.to_owned(), source }),
                None => result.map(|()| reading.collected),
            };
            let mut results = results.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            results[*index] = Some(result);
        }
        spills
    };
    let spills = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let mut spills = vec![own];
        for other in others {
            spills.push(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        spills
    });
    let results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok((results.into_iter().flatten().collect::<Result<_, _>>()?, spills))
}

/// Commits and dates by path, from a `MANIFEST.tsv` beside the feeds: columns file, records, bytes, source; the source
/// names `owner/repository commit date`. Absent or unreadable, it says nothing.
fn manifest(from: &Path) -> HashMap<PathBuf, (String, String)> {
    const LIMIT: u64 = 4 << 20;
    let mut result = HashMap::new();
    let mut text = String::new();
    let Ok(file) = File::open(from.join("MANIFEST.tsv")) else { return result };
    if std::io::Read::read_to_string(&mut std::io::Read::take(file, LIMIT), &mut text).is_err() {
        return result;
    }
    for line in text.lines() {
        let mut columns = line.split('\t');
        let (Some(path), Some(source)) = (columns.next(), columns.nth(2)) else { continue };
        let words: Vec<&str> =
            source.split(|character: char| character.is_whitespace() || character == '(').collect();
        let mut commits = Vec::new();
        let mut newest = "";
        for pair in words.windows(2) {
            let is_commit =
                (7..=40).contains(&pair[1].len()) && pair[1].bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_commit && pair[0].contains('/') {
                commits.push(format!("{}@{}", pair[0], pair[1]));
            }
        }
        for word in &words {
            let word = word.trim_end_matches([')', ';', ',']);
            if is_day(word) && word > newest {
                newest = word;
            }
        }
        commits.truncate(6);
        result.insert(from.join(path), (commits.join(", "), newest.to_owned()));
    }
    result
}

fn is_day(word: &str) -> bool {
    word.len() == 10
        && word.bytes().enumerate().all(|(index, byte)| match index {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

fn joined(target: &mut Vec<String>, more: Vec<String>) {
    for id in more {
        if !target.contains(&id) && target.len() < IDS {
            target.push(id);
        }
    }
}

/// Joins a record with another one of the same source and id.
fn join(first: &mut Record, second: Record) {
    joined(&mut first.aliases, second.aliases);
    joined(&mut first.upstream, second.upstream);
    joined(&mut first.related, second.related);
    for rating in second.ratings {
        if !first.ratings.contains(&rating) {
            first.ratings.push(rating);
        }
    }
    for reference in second.references {
        if first.references.len() < REFERENCES && !first.references.contains(&reference) {
            first.references.push(reference);
        }
    }
    if first.title.is_empty() {
        first.title = second.title;
    }
    if first.published.is_empty() || (!second.published.is_empty() && second.published < first.published) {
        first.published = second.published;
    }
    if second.modified > first.modified {
        first.modified = second.modified;
    }
    // Taken back only when every copy is.
    if second.withdrawn.is_none() {
        first.withdrawn = None;
    }
}

/// A package URL without version, qualifiers and subpath.
pub(crate) fn bare_purl(purl: &str) -> &str {
    let end = purl.find(['?', '#']).unwrap_or(purl.len());
    let bare = &purl[..end];
    match bare.rfind('@') {
        // A scope's `@` stands at the beginning of a name: `pkg:npm/@scope/name`.
        Some(at) if !bare[at..].contains('/') && !bare[..at].ends_with('/') => &bare[..at],
        _ => bare,
    }
}

/// The sources with what is known of them, sorted by name.
fn source_infos(
    parts: &[(&'static Feed, Part)],
    collected: &mut [Collected],
    manifest: &HashMap<PathBuf, (String, String)>,
) -> Vec<SourceInfo> {
    let mut sources: BTreeMap<&str, (SourceInfo, LeftOutCounts)> = BTreeMap::new();
    for ((_, part), collected) in parts.iter().zip(collected) {
        let (info, left_out) = sources.entry(&part.source).or_default();
        info.name.clone_from(&part.source);
        let (commit, day) = manifest.get(&part.path).cloned().unwrap_or_default();
        let date = [&collected.dated, &collected.newest, &day]
            .into_iter()
            .find(|date| !date.is_empty())
            .cloned()
            .unwrap_or_default();
        if date > info.date {
            info.date = date;
        }
        let commit = if collected.commit.is_empty() { commit } else { std::mem::take(&mut collected.commit) };
        if !commit.is_empty() && !info.commit.split(", ").any(|known| known == commit) {
            info.commit = if info.commit.is_empty() { commit } else { format!("{}, {commit}", info.commit) };
        }
        part.licence.clone_into(&mut info.licence);
        info.records += collected.taken;
        for (key, (count, example)) in std::mem::take(&mut collected.left_out) {
            let slot = left_out.entry(key).or_insert_with(|| (0, example));
            slot.0 += count;
        }
    }
    let left = |((broken, reason), (count, example)): ((bool, &str), (u64, String))| LeftOut {
        broken,
        reason: reason.to_owned(),
        count,
        example,
    };
    sources
        .into_values()
        .map(|(info, left_out)| SourceInfo { left_out: left_out.into_iter().map(left).collect(), ..info })
        .collect()
}

/// Numbers for names, and the names in the order of their numbers.
fn numbered<'name>(names: impl Iterator<Item = &'name str>) -> Result<Vec<(u32, &'name str)>, io::Error> {
    let mut wanted: Vec<(u32, &str)> = names.map(|name| (stable_number(&[name]), name)).collect();
    wanted.sort_unstable();
    let mut numbers = Numbers::default();
    wanted.into_iter().map(|(wanted, name)| Ok((numbers.next(wanted).ok_or_else(too_many)?, name))).collect()
}

fn too_many() -> io::Error {
    io::Error::other("there are more records than can be numbered")
}

/// Builds the database `out` from all feeds found below `from`.
///
/// # Errors
/// When there is no feed at all, a feed's container cannot be read, or the file cannot be written. Broken records are
/// counted in the report.
pub fn build(from: &Path, out: &Path, options: &BuildOptions) -> Result<BuildReport, Error> {
    let mut parts: Vec<(&'static Feed, Part)> = Vec::new();
    for feed in FEEDS {
        parts.extend((feed.find)(from)?.into_iter().map(|part| (*feed, part)));
    }
    if parts.is_empty() {
        return Err(Error::NoFeed { path: from.to_owned() });
    }
    let manifest = manifest(from);
    // Created first: a folder that cannot be written to is told before an hour of reading.
    let mut writer = Writer::create(out)?;
    let (mut collected, spills) = read_all(&parts, &manifest, folder_of(out), options)?;
    let sources = source_infos(&parts, &mut collected, &manifest);
    let mut counts = Counts::default();
    write(&mut writer, &sources, collected, spills, &mut counts).map_err(|error| match error {
        Writing::Advisory(error) => error,
        Writing::Io(source) => Error::Write { path: out.to_owned(), source },
        Writing::Json(detail) => Error::Build { path: out.to_owned(), detail },
    })?;
    let written = writer.finish(&[])?;
    let report = BuildReport {
        sources,
        digest: written.digest.clone(),
        records: counts.records,
        packages: counts.packages,
        entries: counts.entries,
        size: written.size,
    };
    written.install()?;
    Ok(report)
}

#[derive(Default)]
struct Counts {
    records: u64,
    packages: u64,
    entries: u64,
}

enum Writing {
    Advisory(Error),
    Io(io::Error),
    Json(String),
}

impl From<Error> for Writing {
    fn from(error: Error) -> Self {
        Writing::Advisory(error)
    }
}

impl From<io::Error> for Writing {
    fn from(error: io::Error) -> Self {
        Writing::Io(error)
    }
}

impl From<serde_json::Error> for Writing {
    fn from(error: serde_json::Error) -> Self {
        Writing::Json(error.to_string())
    }
}

/// Records whose wanted number was taken: few, so they are kept by name.
type Displaced = HashMap<(String, String), u32>;

fn record_number(displaced: &Displaced, source: String, id: String) -> u32 {
    let wanted = stable_number(&[&source, &id]);
    if displaced.is_empty() {
        return wanted;
    }
    displaced.get(&(source, id)).copied().unwrap_or(wanted)
}

/// One record while its copies are joined.
struct Joining {
    wanted: u32,
    source: String,
    id: String,
    /// As it was stored, while there is one copy.
    json: Vec<u8>,
    joined: Option<Record>,
    keys: BTreeSet<(String, String)>,
}

impl Joining {
    fn add(&mut self, json: &[u8], keys: BTreeSet<(String, String)>) -> Result<(), serde_json::Error> {
        let mut first = match self.joined.take() {
            Some(record) => record,
            None => serde_json::from_slice(&self.json)?,
        };
        join(&mut first, serde_json::from_slice(json)?);
        self.joined = Some(first);
        self.keys.extend(keys);
        Ok(())
    }
}

/// Calls `each` with every record, its copies joined, in the order of the wanted numbers.
fn each_record(records: Merged, mut each: impl FnMut(Joining) -> Result<(), Writing>) -> Result<(), Writing> {
    let mut joining: Option<Joining> = None;
    records.each(|key, value| {
        let mut key = KeyReader(key);
        let (wanted, source, id) = (key.number(), key.text(), key.text());
        let (head, rest) = value.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
        let (json, keys) = rest.split_at_checked(u32::from_be_bytes(*head) as usize).unwrap_or((rest, b"[]"));
        let keys = serde_json::from_slice(keys)?;
        match &mut joining {
            Some(known) if known.source == source && known.id == id => known.add(json, keys)?,
            _ => {
                let next = Joining { wanted, source, id, json: json.to_vec(), joined: None, keys };
                if let Some(done) = joining.replace(next) {
                    each(done)?;
                }
            }
        }
        Ok::<_, Writing>(())
    })?;
    joining.map_or(Ok(()), each)
}

fn write(
    writer: &mut Writer,
    sources: &[SourceInfo],
    collected: Vec<Collected>,
    spills: Vec<Spills>,
    counts: &mut Counts,
) -> Result<(), Writing> {
    let mut targets = BTreeSet::new();
    let (mut rows, mut records, mut aliases) = (Vec::new(), Vec::new(), Vec::new());
    let (mut cves, mut epss, mut statements) = (Vec::new(), Vec::new(), Vec::new());
    for spills in spills {
        targets.extend(spills.targets);
        rows.push(spills.rows);
        records.push(spills.records);
        aliases.push(spills.aliases);
        cves.push(spills.cves);
        epss.push(spills.epss);
        statements.push(spills.statements);
    }

    writer.table("source")?;
    let infos: HashMap<&str, &SourceInfo> = sources.iter().map(|info| (info.name.as_str(), info)).collect();
    let mut source_numbers: HashMap<&str, u32> = HashMap::new();
    for (number, name) in numbered(infos.keys().copied())? {
        source_numbers.insert(name, number);
        let body = serde_json::to_vec(infos[name])?;
        writer.row(&[Value::Integer(number.into()), Value::Text(name), Value::Body(&body)])?;
    }

    writer.table("target")?;
    let mut target_numbers: HashMap<&str, u32> = HashMap::new();
    for (number, key) in numbered(targets.iter().map(String::as_str))? {
        target_numbers.insert(key, number);
        writer.row(&[Value::Integer(number.into()), Value::Text(key)])?;
    }

    // Entries name records by number, and stand before them: the numbers first. Sorted once more, they come from disk
    // as they went there.
    let mut displaced = Displaced::new();
    let mut sorted = Spill::new(writer.folder(), MEMORY / 4);
    let mut numbers = Numbers::default();
    each_record(Merged::new(records)?, |record| {
        let number = numbers.next(record.wanted).ok_or_else(too_many)?;
        let mut body = b"{\"r\":".to_vec();
        match &record.joined {
            Some(joined) => serde_json::to_writer(&mut body, joined)?,
            None => body.extend_from_slice(&record.json),
        }
        let keys: BTreeSet<(u32, &str)> = record
            .keys
            .iter()
            .filter_map(|(target, name)| Some((*target_numbers.get(target.as_str())?, name.as_str())))
            .collect();
        if !keys.is_empty() {
            body.extend_from_slice(b",\"k\":");
            serde_json::to_writer(&mut body, &keys)?;
        }
        body.push(b'}');
        let source = source_numbers.get(record.source.as_str()).copied().unwrap_or_default();
        sorted.push(Key::new().number(number).number(source).bytes(), &body)?;
        counts.records += 1;
        if number != record.wanted {
            displaced.insert((record.source, record.id), number);
        }
        Ok(())
    })?;

    writer.table("entry")?;
    write_entries(writer, Merged::new(rows)?, &target_numbers, &displaced, counts)?;

    writer.table("record")?;
    Merged::new([sorted])?.each(|key, body| {
        let mut key = KeyReader(key);
        let (number, source) = (key.number(), key.number());
        writer.row(&[Value::Integer(number.into()), Value::Integer(source.into()), Value::Body(body)])?;
        Ok::<_, Writing>(())
    })?;

    writer.table("alias")?;
    // All records of one id stand together, but in the order of their names: sorted by number before they are written.
    let mut of_one_id: (String, BTreeSet<u32>) = Default::default();
    let mut write_aliases = |of_one_id: (String, BTreeSet<u32>)| {
        for number in of_one_id.1 {
            writer.row(&[Value::Text(&of_one_id.0), Value::Integer(number.into())])?;
        }
        Ok::<_, Writing>(())
    };
    Merged::new(aliases)?.each(|key, _| {
        let mut key = KeyReader(key);
        let (id, source, record) = (key.text(), key.text(), key.text());
        if id != of_one_id.0 {
            write_aliases(std::mem::replace(&mut of_one_id, (id, BTreeSet::new())))?;
        }
        of_one_id.1.insert(record_number(&displaced, source, record));
        Ok::<_, Writing>(())
    })?;
    write_aliases(of_one_id)?;

    writer.table("cve")?;
    write_cves(writer, Merged::new(cves)?)?;
    write_epss(writer, Merged::new(epss)?)?;

    let mut cycles: BTreeMap<(String, String), Cycle> = BTreeMap::new();
    let mut unsupported: BTreeMap<(String, String), Unsupported> = BTreeMap::new();
    for collected in collected {
        for cycle in collected.cycles {
            cycles.entry((cycle.product.clone(), cycle.cycle.clone())).or_insert(cycle);
        }
        for entry in collected.unsupported {
            unsupported.entry((entry.stream.clone(), entry.package.clone())).or_insert(entry);
        }
    }
    writer.table("cycle")?;
    for ((product, name), cycle) in &cycles {
        let body = serde_json::to_vec(cycle)?;
        writer.row(&[Value::Text(product), Value::Text(name), Value::Body(&body)])?;
    }
    writer.table("unsupported")?;
    for ((stream, package), entry) in &unsupported {
        let body = serde_json::to_vec(entry)?;
        writer.row(&[Value::Text(stream), Value::Text(package), Value::Body(&body)])?;
    }

    writer.table("statement")?;
    let (mut last, mut number) = ((String::new(), Vec::new()), 0);
    Merged::new(statements)?.each(|key, body| {
        let product = KeyReader(key).text();
        if number > 0 && last.0 == product {
            if last.1 == body {
                return Ok(());
            }
            number += 1;
        } else {
            number = 1;
        }
        writer.row(&[Value::Text(&product), Value::Integer(number), Value::Body(body)])?;
        last = (product, body.to_vec());
        Ok::<_, Writing>(())
    })
}

/// The entries of each package in one row: `[[record,entry],...]`, in the order of sources and ids.
fn write_entries(
    writer: &mut Writer,
    rows: Merged,
    target_numbers: &HashMap<&str, u32>,
    displaced: &Displaced,
    counts: &mut Counts,
) -> Result<(), Writing> {
    let mut current: Option<(u32, String)> = None;
    let mut text: Vec<u8> = Vec::new();
    let mut last: (Vec<u8>, Vec<u8>) = Default::default();
    let mut done = |writer: &mut Writer, current: &Option<(u32, String)>, text: &mut Vec<u8>| {
        if let Some((target, name)) = current {
            text.push(b']');
            writer.row(&[Value::Integer((*target).into()), Value::Text(name), Value::Body(text)])?;
            counts.packages += 1;
        }
        text.clear();
        Ok::<_, Writing>(())
    };
    let mut entries = 0;
    rows.each(|key, body| {
        // Two copies of a record may say the same.
        if last.0 == key && last.1 == body {
            return Ok(());
        }
        last.0.clear();
        last.0.extend_from_slice(key);
        last.1.clear();
        last.1.extend_from_slice(body);
        let mut key = KeyReader(key);
        key.number();
        let (target, name, source, id) = (key.text(), key.text(), key.text(), key.text());
        let target = target_numbers.get(target.as_str()).copied().unwrap_or_default();
        if current.as_ref().is_none_or(|(known, known_name)| *known != target || *known_name != name) {
            done(writer, &current, &mut text)?;
            current = Some((target, name));
        }
        text.push(if text.is_empty() { b'[' } else { b',' });
        text.push(b'[');
        serde_json::to_writer(&mut text, &record_number(displaced, source, id))?;
        text.push(b',');
        text.extend_from_slice(body);
        text.push(b']');
        entries += 1;
        Ok::<_, Writing>(())
    })?;
    done(writer, &current, &mut text)?;
    counts.entries = entries;
    Ok(())
}

/// Everything that is said about each CVE, in one row. Where two feeds contradict each other the first one counts.
fn write_cves(writer: &mut Writer, cves: Merged) -> Result<(), Writing> {
    let mut current: Option<(String, Cve, u32)> = None;
    let mut done = |current: Option<(String, Cve, u32)>| {
        if let Some((id, mut cve, _)) = current {
            cve.facts.sort_by(|left, right| left.0.cmp(&right.0));
            writer.row(&[Value::Text(&id), Value::Body(&serde_json::to_vec(&cve)?)])?;
        }
        Ok::<_, Writing>(())
    };
    cves.each(|key, json| {
        let mut key = KeyReader(key);
        let (id, part) = (key.text(), key.number());
        let said: Cve = serde_json::from_slice(json)?;
        if current.as_ref().is_none_or(|(known, ..)| *known != id) {
            done(current.replace((id, Cve::default(), part)))?;
        }
        if let Some((_, cve, kev_part)) = &mut current {
            if let Some(kev) = said.kev
                && (cve.kev.is_none() || *kev_part == part)
            {
                cve.kev = Some(kev);
                *kev_part = part;
            }
            cve.facts.extend(said.facts);
        }
        Ok::<_, Writing>(())
    })?;
    done(current)
}

/// EPSS. Runs are numbered from the newest; the percentiles of the newest stand by score.
fn write_epss(writer: &mut Writer, epss: Merged) -> Result<(), Writing> {
    struct Score {
        id: String,
        probability: u32,
        percentile: u32,
        date: String,
        part: u32,
    }
    let mut scores: Vec<Score> = Vec::new();
    epss.each(|key, value| {
        let (mut key, mut value) = (KeyReader(key), KeyReader(value));
        let (id, part) = (key.text(), key.number());
        let next =
            Score { id, probability: value.number(), percentile: value.number(), date: value.text(), part };
        match scores.last_mut() {
            // Two runs of the model may be loaded: the newer one counts.
            Some(known) if known.id == next.id => {
                if next.date > known.date || next.part == known.part {
                    *known = next;
                }
            }
            _ => scores.push(next),
        }
        Ok::<_, Writing>(())
    })?;
    let dates: BTreeSet<&str> = scores.iter().map(|score| score.date.as_str()).collect();
    let runs: HashMap<&str, i64> = dates.iter().rev().copied().zip(0..).collect();
    writer.table("epss_run")?;
    for (date, number) in dates.iter().rev().zip(0..) {
        writer.row(&[Value::Integer(number), Value::Text(date)])?;
    }
    writer.table("epss_percentile")?;
    let newest = dates.last().copied().unwrap_or_default();
    let mut percentiles: BTreeMap<u32, u32> = BTreeMap::new();
    for score in scores.iter().filter(|score| score.date == newest) {
        percentiles.entry(score.probability).or_insert(score.percentile);
    }
    for (score, percentile) in &percentiles {
        writer.row(&[Value::Integer((*score).into()), Value::Integer((*percentile).into())])?;
    }
    writer.table("epss")?;
    for score in &scores {
        let by_score = percentiles.get(&score.probability) == Some(&score.percentile);
        let percentile = if by_score { BY_SCORE } else { score.percentile.into() };
        let run = runs.get(score.date.as_str()).copied().unwrap_or_default();
        writer.row(&[
            Value::Text(&score.id),
            Value::Integer(score.probability.into()),
            Value::Integer(percentile),
            Value::Integer(run),
        ])?;
    }
    Ok(())
}
