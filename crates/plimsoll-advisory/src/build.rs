//! Building the database: all feeds below a folder into one file.
//!
//! Parts are read by a few threads; everything is then sorted and written in key order, so the same input gives the same
//! bytes whatever the threads did. The file is written under a temporary name beside its place and renamed, so readers
//! see the old one or the new one and nothing between.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use plimsoll_model::{Digest, Epss, Kev};
use rusqlite::{Connection, params};

use crate::error::Error;
use crate::feed::{CveFacts, Cycle, FEEDS, Feed, HubStatement, Part, Sink, Unsupported};
use crate::record::{Affected, Record};
use crate::store::{
    APPLICATION_ID, ContentHasher, Cve, FORMAT, LeftOut, SourceInfo, StoredRecord, TABLES, pack,
};

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

/// One entry, packed as JSON, and where it belongs.
struct Row {
    target: u32,
    name: Box<str>,
    /// Index of the record among the part's.
    record: u32,
    body: Box<str>,
}

/// Broken or not, and why -> how many, and the first.
type LeftOutCounts = BTreeMap<(bool, &'static str), (u64, String)>;

/// What came out of one part.
#[derive(Default)]
struct Collected {
    records: Vec<Record>,
    rows: Vec<Row>,
    targets: Vec<String>,
    target_numbers: HashMap<String, u32>,
    left_out: LeftOutCounts,
    dated: String,
    newest: String,
    commit: String,
    taken: u64,
    cves: BTreeMap<String, Cve>,
    cycles: Vec<Cycle>,
    unsupported: Vec<Unsupported>,
    statements: Vec<HubStatement>,
    source: String,
    /// The last day that a record may claim; empty when there is none.
    latest: String,
}

impl Collected {
    fn leave_out(&mut self, broken: bool, reason: &'static str, example: &str) {
        let slot =
            self.left_out.entry((broken, reason)).or_insert_with(|| (0, example.chars().take(200).collect()));
        slot.0 += 1;
    }

    fn target(&mut self, key: String) -> u32 {
        if let Some(number) = self.target_numbers.get(&key) {
            return *number;
        }
        let number = u32::try_from(self.targets.len()).unwrap_or(u32::MAX);
        self.targets.push(key.clone());
        self.target_numbers.insert(key, number);
        number
    }

    fn cve_slot(&mut self, cve: &str) -> Option<&mut Cve> {
        let cve = cve.trim();
        if cve.is_empty() || cve.len() > 200 {
            self.leave_out(true, "an id is empty or longer than 200 bytes", cve);
            return None;
        }
        self.taken += 1;
        Some(self.cves.entry(cve.to_owned()).or_default())
    }
}

fn trim_ids(ids: &mut Vec<String>) {
    ids.retain(|id| !id.is_empty() && id.len() <= 200);
    ids.truncate(IDS);
}

impl Sink for Collected {
    fn record(&mut self, mut record: Record) {
        if record.id.is_empty() || record.id.len() > 200 {
            self.leave_out(true, "the record has no id, or one of over 200 bytes", &record.id);
            return;
        }
        let Ok(index) = u32::try_from(self.records.len()) else {
            self.leave_out(true, "there are more records than we can number", &record.id);
            return;
        };
        self.taken += 1;
        trim_ids(&mut record.aliases);
        trim_ids(&mut record.upstream);
        trim_ids(&mut record.related);
        record.references.truncate(REFERENCES);
        // Anything but a date would win the comparison of texts and pose as the newest.
        let day = record.modified.get(..10).filter(|day| is_day(day)).unwrap_or_default();
        let is_possible = !day.is_empty() && (self.latest.is_empty() || day <= self.latest.as_str());
        if is_possible && record.modified > self.newest {
            self.newest.clone_from(&record.modified);
        }
        for entry in std::mem::take(&mut record.affected) {
            if record.withdrawn.is_some() {
                break;
            }
            let Affected { target, name, .. } = &entry;
            let normal = target.normalise(name).into_owned().into_boxed_str();
            let key = target.key();
            match serde_json::to_string(&entry) {
                Ok(body) => {
                    let target = self.target(key);
                    self.rows.push(Row { target, name: normal, record: index, body: body.into_boxed_str() });
                }
                Err(_) => self.leave_out(true, "an entry cannot be stored", &record.id),
            }
        }
        self.records.push(record);
    }

    fn rejected(&mut self, reason: &'static str, example: &str) {
        self.leave_out(true, reason, example);
    }

    fn skipped(&mut self, reason: &'static str, example: &str) {
        self.leave_out(false, reason, example);
    }

    fn dated(&mut self, date: &str) {
        if date > self.dated.as_str() {
            date.clone_into(&mut self.dated);
        }
    }

    fn commit(&mut self, commit: &str) {
        commit.clone_into(&mut self.commit);
    }

    fn kev(&mut self, cve: &str, kev: Kev) {
        if let Some(slot) = self.cve_slot(cve) {
            slot.kev = Some(kev);
        }
    }

    fn epss(&mut self, cve: &str, epss: Epss) {
        if let Some(slot) = self.cve_slot(cve) {
            slot.epss = Some(epss);
        }
    }

    fn cve(&mut self, cve: &str, facts: CveFacts) {
        let source = self.source.clone();
        if let Some(slot) = self.cve_slot(cve) {
            slot.facts.push((source, facts));
        }
    }

    fn cycle(&mut self, cycle: Cycle) {
        self.taken += 1;
        self.cycles.push(cycle);
    }

    fn unsupported(&mut self, unsupported: Unsupported) {
        self.taken += 1;
        self.unsupported.push(unsupported);
    }

    fn statement(&mut self, statement: HubStatement) {
        self.taken += 1;
        self.statements.push(statement);
    }
}

fn read_part(feed: &Feed, part: &Part, latest: &str) -> Result<Collected, Error> {
    let mut collected =
        Collected { source: part.source.clone(), latest: latest.to_owned(), ..Collected::default() };
    (feed.read)(part, &mut collected)?;
    Ok(collected)
}

/// Reads all parts with `threads` threads; the result stands in the order of the parts.
fn read_all(
    parts: &[(&'static Feed, Part)],
    manifest: &HashMap<PathBuf, (String, String)>,
    options: &BuildOptions,
) -> Result<Vec<Collected>, Error> {
    // The largest first: the last thread to finish then has little left to do.
    let mut order: Vec<usize> = (0..parts.len()).collect();
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    order.sort_by_key(|index| std::cmp::Reverse(size(&parts[*index].1.path)));
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Result<Collected, Error>>>> =
        Mutex::new(parts.iter().map(|_| None).collect());
    let work = || {
        while let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (feed, part) = &parts[*index];
            // A commit cannot hold what was changed after it; records with a slipped year exist.
            let day = manifest.get(&part.path).map_or("", |(_, day)| day.as_str());
            let today = options.today.as_deref().unwrap_or_default();
            let latest = [day, today].into_iter().filter(|day| is_day(day)).min().unwrap_or_default();
            let result = read_part(feed, part, latest);
            let mut results = results.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            results[*index] = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..options.threads.clamp(1, 64) {
            scope.spawn(work);
        }
        work();
    });
    let results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.into_iter().flatten().collect()
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

/// Everything, numbered and in order.
struct Content {
    sources: Vec<SourceInfo>,
    targets: Vec<String>,
    /// (target, name, record, body), sorted.
    rows: Vec<Row>,
    /// Source and record, in order of number; number = index + 1.
    records: Vec<(u32, StoredRecord)>,
    cves: BTreeMap<String, Cve>,
    cycles: BTreeMap<(String, String), Cycle>,
    unsupported: BTreeMap<(String, String), Unsupported>,
    statements: BTreeMap<String, Vec<HubStatement>>,
}

fn number(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
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

fn assemble(
    parts: &[(&'static Feed, Part)],
    collected: Vec<Collected>,
    manifest: &HashMap<PathBuf, (String, String)>,
) -> Content {
    let mut names: Vec<&str> = parts.iter().map(|(_, part)| part.source.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut sources: Vec<SourceInfo> =
        names.iter().map(|name| SourceInfo { name: (*name).to_owned(), ..SourceInfo::default() }).collect();
    let mut targets: Vec<String> = collected.iter().flat_map(|part| part.targets.iter().cloned()).collect();
    targets.sort_unstable();
    targets.dedup();

    let mut content = Content {
        sources: Vec::new(),
        targets: Vec::new(),
        rows: Vec::new(),
        records: Vec::new(),
        cves: BTreeMap::new(),
        cycles: BTreeMap::new(),
        unsupported: BTreeMap::new(),
        statements: BTreeMap::new(),
    };
    // (source, id) -> where the record came from, in order.
    let mut keyed: Vec<(u32, usize, u32)> = Vec::new();
    let mut all: Vec<Vec<Record>> = Vec::with_capacity(collected.len());
    let mut all_rows: Vec<(Vec<Row>, Vec<u32>)> = Vec::with_capacity(collected.len());
    let mut left_out: Vec<LeftOutCounts> = vec![BTreeMap::new(); sources.len()];
    for (index, ((_, part), collected)) in parts.iter().zip(collected).enumerate() {
        let source = names.binary_search(&part.source.as_str()).unwrap_or_default();
        let info = &mut sources[source];
        let (commit, day) = manifest.get(&part.path).cloned().unwrap_or_default();
        let date = [collected.dated, collected.newest, day]
            .into_iter()
            .find(|date| !date.is_empty())
            .unwrap_or_default();
        if date > info.date {
            info.date = date;
        }
        let commit = if collected.commit.is_empty() { commit } else { collected.commit };
        if !commit.is_empty() && !info.commit.split(", ").any(|known| known == commit) {
            info.commit = if info.commit.is_empty() { commit } else { format!("{}, {commit}", info.commit) };
        }
        part.licence.clone_into(&mut info.licence);
        info.records += collected.taken;
        for (key, (count, example)) in collected.left_out {
            let slot = left_out[source].entry(key).or_insert_with(|| (0, example));
            slot.0 += count;
        }
        for (id, cve) in collected.cves {
            let slot = content.cves.entry(id).or_default();
            slot.kev = slot.kev.take().or(cve.kev);
            // Two runs of the model may be loaded: the newer one counts.
            slot.epss = match (slot.epss.take(), cve.epss) {
                (Some(known), Some(new)) => Some(if new.date > known.date { new } else { known }),
                (known, new) => known.or(new),
            };
            slot.facts.extend(cve.facts);
        }
        for cycle in collected.cycles {
            content.cycles.entry((cycle.product.clone(), cycle.cycle.clone())).or_insert(cycle);
        }
        for entry in collected.unsupported {
            content.unsupported.entry((entry.stream.clone(), entry.package.clone())).or_insert(entry);
        }
        for statement in collected.statements {
            content.statements.entry(bare_purl(&statement.product).to_owned()).or_default().push(statement);
        }
        let mapped: Vec<u32> = collected
            .targets
            .iter()
            .map(|key| number(targets.binary_search(key).unwrap_or_default()))
            .collect();
        let count = u32::try_from(collected.records.len()).unwrap_or(u32::MAX);
        keyed.extend((0..count).map(|record| (number(source), index, record)));
        all.push(collected.records);
        all_rows.push((collected.rows, mapped));
    }
    for (info, left_out) in sources.iter_mut().zip(left_out) {
        info.left_out = left_out
            .into_iter()
            .map(|((broken, reason), (count, example))| LeftOut {
                broken,
                reason: reason.to_owned(),
                count,
                example,
            })
            .collect();
    }
    // Stable: among records of one source and id, the order of the parts stays.
    keyed.sort_by(|left, right| {
        let id = |key: &(u32, usize, u32)| all[key.1][key.2 as usize].id.as_str();
        (left.0, id(left)).cmp(&(right.0, id(right)))
    });
    let mut numbers: Vec<Vec<u32>> = all.iter().map(|records| vec![0; records.len()]).collect();
    for (source, part, index) in keyed {
        let record = std::mem::take(&mut all[part][index as usize]);
        match content.records.last_mut() {
            Some((known, stored)) if *known == source && stored.record.id == record.id => {
                join(&mut stored.record, record);
            }
            _ => content.records.push((source, StoredRecord { record, keys: Vec::new() })),
        }
        numbers[part][index as usize] = u32::try_from(content.records.len()).unwrap_or(u32::MAX);
    }
    for (part, (rows, mapped)) in all_rows.into_iter().enumerate() {
        for mut row in rows {
            row.target = mapped.get(row.target as usize).copied().unwrap_or_default();
            row.record = numbers[part][row.record as usize];
            content.rows.push(row);
        }
    }
    let rank = |row: &Row| (row.target, row.record);
    content.rows.sort_by(|left, right| {
        (left.target, &left.name, left.record, &left.body).cmp(&(
            right.target,
            &right.name,
            right.record,
            &right.body,
        ))
    });
    content.rows.dedup_by(|left, right| {
        rank(left) == rank(right) && left.name == right.name && left.body == right.body
    });
    for row in &content.rows {
        let keys = &mut content.records[row.record as usize - 1].1.keys;
        if keys.last().is_none_or(|(target, name)| *target != row.target || **name != *row.name) {
            keys.push((row.target, row.name.to_string()));
        }
    }
    for statements in content.statements.values_mut() {
        statements.sort();
        statements.dedup();
    }
    for cve in content.cves.values_mut() {
        cve.facts.sort_by(|left, right| left.0.cmp(&right.0));
    }
    content.sources = sources;
    content.targets = targets;
    content
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
    let collected = read_all(&parts, &manifest, options)?;
    let content = assemble(&parts, collected, &manifest);
    write(content, out)
}

fn write(content: Content, out: &Path) -> Result<BuildReport, Error> {
    let failed = |source: std::io::Error| Error::Write { path: out.to_owned(), source };
    let folder = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let temporary = tempfile::Builder::new()
        .prefix(".plimsoll-db-")
        .suffix(".part")
        .tempfile_in(folder)
        .map_err(failed)?;
    let mut report = BuildReport {
        sources: content.sources.clone(),
        digest: ContentHasher::new().finish(),
        records: content.records.len() as u64,
        packages: 0,
        entries: content.rows.len() as u64,
        size: 0,
    };
    fill(content, temporary.path(), &mut report)
        .map_err(|detail| Error::Build { path: out.to_owned(), detail })?;
    temporary.as_file().sync_all().map_err(failed)?;
    report.size = temporary.as_file().metadata().map_err(failed)?.len();
    // A database is no secret; a temporary file is only for its owner.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        temporary.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(failed)?;
    }
    temporary.persist(out).map_err(|error| failed(error.error))?;
    // The rename itself must survive a power cut; not every file system lets a folder be synchronised.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(report)
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, String> {
    serde_json::to_vec(value).map(|json| pack(&json)).map_err(|error| error.to_string())
}

fn fill(content: Content, path: &Path, report: &mut BuildReport) -> Result<(), String> {
    let mut connection = Connection::open(path).map_err(|error| error.to_string())?;
    let result = fill_tables(&mut connection, content, report);
    result.map_err(|error| match error {
        Fill::Sqlite(error) => error.to_string(),
        Fill::Json(detail) => detail,
    })?;
    connection.close().map_err(|(_, error)| error.to_string())
}

enum Fill {
    Sqlite(rusqlite::Error),
    Json(String),
}

impl From<rusqlite::Error> for Fill {
    fn from(error: rusqlite::Error) -> Self {
        Fill::Sqlite(error)
    }
}

impl From<String> for Fill {
    fn from(detail: String) -> Self {
        Fill::Json(detail)
    }
}

fn fill_tables(connection: &mut Connection, content: Content, report: &mut BuildReport) -> Result<(), Fill> {
    // Written once under a temporary name: no journal is needed, and none may be left behind.
    connection.execute_batch(
        "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -65536;",
    )?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", FORMAT)?;
    let transaction = connection.transaction()?;
    transaction
        .execute_batch("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")?;
    for (_, sql) in TABLES {
        transaction.execute_batch(sql)?;
    }
    let mut hasher = ContentHasher::new();

    hasher.table("source");
    let mut insert = transaction.prepare("INSERT INTO source VALUES (?1, ?2, ?3)")?;
    for (index, source) in content.sources.iter().enumerate() {
        let body = json(source)?;
        insert.execute(params![number(index), source.name, body])?;
        hasher.integer(i64::from(number(index)));
        hasher.bytes(source.name.as_bytes());
        hasher.bytes(&body);
    }
    drop(insert);

    let mut counts = vec![(0_i64, 0_i64); content.targets.len() + 1];
    for key in content.rows.chunk_by(|left, right| left.target == right.target && left.name == right.name) {
        let count = &mut counts[key[0].target as usize];
        count.0 += 1;
        count.1 += i64::try_from(key.len()).unwrap_or(i64::MAX);
        report.packages += 1;
    }
    hasher.table("target");
    let mut insert = transaction.prepare("INSERT INTO target VALUES (?1, ?2, ?3, ?4)")?;
    for (index, key) in content.targets.iter().enumerate() {
        let (packages, entries) = counts[index + 1];
        insert.execute(params![number(index), key, packages, entries])?;
        hasher.integer(i64::from(number(index)));
        hasher.bytes(key.as_bytes());
        hasher.integer(packages);
        hasher.integer(entries);
    }
    drop(insert);

    hasher.table("entry");
    let mut insert = transaction.prepare("INSERT INTO entry VALUES (?1, ?2, ?3)")?;
    let mut text = String::new();
    for key in content.rows.chunk_by(|left, right| left.target == right.target && left.name == right.name) {
        text.clear();
        text.push('[');
        for (index, row) in key.iter().enumerate() {
            use std::fmt::Write;
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(text, "{comma}[{},{}]", row.record, row.body);
        }
        text.push(']');
        let body = pack(text.as_bytes());
        insert.execute(params![key[0].target, &*key[0].name, body])?;
        hasher.integer(i64::from(key[0].target));
        hasher.bytes(key[0].name.as_bytes());
        hasher.bytes(&body);
    }
    drop(insert);
    drop(content.rows);

    hasher.table("record");
    let mut aliases: Vec<(String, u32)> = Vec::new();
    let mut insert = transaction.prepare("INSERT INTO record VALUES (?1, ?2, ?3)")?;
    for (index, (source, stored)) in content.records.iter().enumerate() {
        let body = json(stored)?;
        insert.execute(params![number(index), source, body])?;
        hasher.integer(i64::from(number(index)));
        hasher.integer(i64::from(*source));
        hasher.bytes(&body);
        let record = &stored.record;
        let ids = std::iter::once(&record.id).chain(&record.aliases).chain(&record.upstream);
        aliases.extend(ids.map(|id| (id.clone(), number(index))));
    }
    drop(insert);
    drop(content.records);

    hasher.table("alias");
    aliases.sort_unstable();
    aliases.dedup();
    let mut insert = transaction.prepare("INSERT INTO alias VALUES (?1, ?2)")?;
    for (id, record) in &aliases {
        insert.execute(params![id, record])?;
        hasher.bytes(id.as_bytes());
        hasher.integer(i64::from(*record));
    }
    drop(insert);

    hasher.table("cve");
    let mut insert = transaction.prepare("INSERT INTO cve VALUES (?1, ?2)")?;
    for (id, cve) in &content.cves {
        let body = json(cve)?;
        insert.execute(params![id, body])?;
        hasher.bytes(id.as_bytes());
        hasher.bytes(&body);
    }
    drop(insert);

    hasher.table("cycle");
    let mut insert = transaction.prepare("INSERT INTO cycle VALUES (?1, ?2, ?3)")?;
    for ((product, name), cycle) in &content.cycles {
        let body = json(cycle)?;
        insert.execute(params![product, name, body])?;
        hasher.bytes(product.as_bytes());
        hasher.bytes(name.as_bytes());
        hasher.bytes(&body);
    }
    drop(insert);

    hasher.table("unsupported");
    let mut insert = transaction.prepare("INSERT INTO unsupported VALUES (?1, ?2, ?3)")?;
    for ((stream, package), entry) in &content.unsupported {
        let body = json(entry)?;
        insert.execute(params![stream, package, body])?;
        hasher.bytes(stream.as_bytes());
        hasher.bytes(package.as_bytes());
        hasher.bytes(&body);
    }
    drop(insert);

    hasher.table("statement");
    let mut insert = transaction.prepare("INSERT INTO statement VALUES (?1, ?2, ?3)")?;
    for (product, statements) in &content.statements {
        for (index, statement) in statements.iter().enumerate() {
            let body = json(statement)?;
            insert.execute(params![product, number(index), body])?;
            hasher.bytes(product.as_bytes());
            hasher.integer(i64::from(number(index)));
            hasher.bytes(&body);
        }
    }
    drop(insert);

    report.digest = hasher.finish();
    let mut insert = transaction.prepare("INSERT INTO meta VALUES (?1, ?2)")?;
    for (key, value) in [
        (
            "about",
            "Plimsoll advisory database: `plimsoll db status` and `plimsoll explain ID` read it".to_owned(),
        ),
        ("digest", report.digest.to_string()),
        ("format", FORMAT.to_string()),
    ] {
        insert.execute(params![key, value])?;
    }
    drop(insert);
    transaction.commit()?;
    Ok(())
}
