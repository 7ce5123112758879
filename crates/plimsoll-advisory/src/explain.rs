//! Everything the database knows about one id, readable, offline.

use std::collections::BTreeSet;

use plimsoll_model::{FixStatus, Severity};

use crate::error::Error;
use crate::range::readable;
use crate::record::{Affected, Event, Kind, NameKind, Record, Target};
use crate::severity::{Opinion, best};
use crate::store::{Cve, Database, Source};

/// How many records one explanation holds.
const RECORDS: usize = 200;

/// What is known about an id.
#[derive(Clone, Debug, PartialEq)]
pub struct AdvisoryDetail {
    /// The id that was asked for.
    pub id: String,
    /// All other ids of the same flaw, sorted.
    pub aliases: Vec<String>,
    /// The records that name it, sorted by source and id.
    pub records: Vec<RecordDetail>,
    /// More records exist than are shown.
    pub cut_off: bool,
    /// KEV, EPSS and ratings of general sources, by CVE id.
    pub cves: Vec<(String, Cve)>,
}

/// One record, readable.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordDetail {
    /// Feed.
    pub source: String,
    /// The record without its packages.
    pub record: Record,
    /// Its own rating.
    pub severity: Severity,
    /// The packages.
    pub packages: Vec<PackageDetail>,
}

/// What a record says about one package, readable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageDetail {
    /// Whose package: `debian:12`, `pypi`.
    pub place: String,
    /// Name.
    pub name: String,
    /// Source or binary package.
    pub name_kind: NameKind,
    /// Affected versions: `< 2.4.4 || >= 2.5.0, < 2.5.2`.
    pub range: String,
    /// Releases that have the fix, as far as the record names them.
    pub fixed: Vec<String>,
    /// What the source says about them.
    pub status: FixStatus,
    /// What else has to hold, and notes.
    pub note: String,
}

/// Every version by which an entry ends an interval, or that it calls fixed, in the entry's order.
fn fixes(entry: &Affected) -> Vec<String> {
    let bounds = entry.ranges.iter().flatten().filter_map(|event| match event {
        Event::Fixed(version) if version != "0" => Some(version.clone()),
        _ => None,
    });
    let mut fixes: Vec<String> = Vec::new();
    for version in bounds.chain(entry.fixes.iter().cloned()) {
        if !fixes.contains(&version) && fixes.len() < 50 {
            fixes.push(version);
        }
    }
    fixes
}

/// What an entry says, readable.
pub fn package_detail(entry: &Affected) -> PackageDetail {
    let qualifiers = &entry.qualifiers;
    let mut notes = Vec::new();
    if let Some(module) = &qualifiers.module {
        notes.push(if module.is_empty() { "module builds".to_owned() } else { format!("module {module}") });
    }
    for (word, list) in [
        ("architecture", &qualifiers.architectures),
        ("GOOS", &qualifiers.goos),
        ("GOARCH", &qualifiers.goarch),
    ] {
        if !list.is_empty() {
            notes.push(format!("{word} {}", list.join(", ")));
        }
    }
    for import in &qualifiers.imports {
        notes.push(match import.symbols.as_slice() {
            [] => format!("package {}", import.path),
            symbols => format!("{}: {}", import.path, symbols.join(", ")),
        });
    }
    if qualifiers.tags {
        notes.push("bounds are release tags, not module versions".to_owned());
    }
    if !entry.note.is_empty() {
        notes.push(entry.note.clone());
    }
    PackageDetail {
        place: match &entry.target {
            Target::Ecosystem(ecosystem) => ecosystem.name().to_owned(),
            Target::Stream(stream) => stream.to_string(),
            Target::Other(name) => name.clone(),
        },
        name: entry.name.clone(),
        name_kind: entry.name_kind,
        range: readable(entry.target.ecosystem().scheme(), entry),
        fixed: fixes(entry),
        status: entry.status,
        note: notes.join("; "),
    }
}

impl Database {
    /// All records that have `id` as their own id or as another one of the same flaw; `None` when there is none.
    ///
    /// # Errors
    /// When the database is damaged.
    pub fn explain(&self, id: &str) -> Result<Option<AdvisoryDetail>, Error> {
        let id = id.trim();
        let upper = id.to_uppercase();
        let mut asked = id;
        let mut numbers: BTreeSet<u32> = self.numbers(id)?.into_iter().collect();
        if numbers.is_empty() && upper != id {
            numbers.extend(self.numbers(&upper)?);
            asked = &upper;
        }
        // One step through the aliases: a GHSA id leads to all records of its CVE.
        let mut further = BTreeSet::new();
        for number in numbers.iter().take(RECORDS) {
            let record = self.record(*number)?.record;
            if record.id == asked || record.aliases.iter().any(|alias| alias == asked) {
                further.extend(record.aliases.into_iter().chain([record.id]));
            }
        }
        for id in further.iter().take(RECORDS) {
            numbers.extend(self.numbers(id)?);
        }
        let cut_off = numbers.len() > RECORDS;
        let mut records = Vec::new();
        let mut aliases = BTreeSet::new();
        for number in numbers.into_iter().take(RECORDS) {
            let mut sourced = self.full_record(number)?;
            let entries = std::mem::take(&mut sourced.record.affected);
            let record = &sourced.record;
            aliases.extend(record.aliases.iter().cloned());
            // A record that packages several flaws is no alias of one of them.
            if record.upstream.len() <= 1 {
                aliases.extend(record.upstream.iter().cloned());
                aliases.insert(record.id.clone());
            }
            let opinions: Vec<Opinion<'_>> = record
                .ratings
                .iter()
                .map(|rating| Opinion { rank: 1, rating, source: &sourced.source })
                .collect();
            records.push(RecordDetail {
                severity: best(&opinions, false),
                packages: entries.iter().map(package_detail).collect(),
                source: sourced.source.clone(),
                record: sourced.record,
            });
        }
        let mut cves = Vec::new();
        for id in std::iter::once(asked).chain(aliases.iter().map(String::as_str)) {
            if let Some(cve) = self.cve(id)?
                && cves.iter().all(|(known, _)| known != id)
            {
                cves.push((id.to_owned(), cve));
            }
        }
        if records.is_empty() && cves.is_empty() {
            return Ok(None);
        }
        aliases.remove(asked);
        records
            .sort_by(|left, right| (&left.source, &left.record.id).cmp(&(&right.source, &right.record.id)));
        Ok(Some(AdvisoryDetail {
            id: asked.to_owned(),
            aliases: aliases.into_iter().collect(),
            records,
            cut_off,
            cves,
        }))
    }
}

/// One line on what kind of statement a record makes, for people.
pub fn kind_word(kind: &Kind) -> &str {
    match kind {
        Kind::Vulnerability => "vulnerability",
        Kind::Malware => "malware",
        Kind::Informational(word) => word,
    }
}
