//! The incident pack: flaws and poisoned packages that every container team had to chase, inside the program itself.
//!
//! A first run without a database says something true from it, and that it says little: coverage is
//! [`Coverage::IncidentPack`], and the matcher adds a problem that keeps the outcome unknown. The pack is
//! `incidents.toml`, facts in our own words:
//!
//! ```toml
//! date = "2026-08-31"                  # the day the pack was last looked through
//!
//! [[incident]]
//! id = "CVE-2021-44228"                # the id that people use
//! aliases = ["GHSA-jfh8-c2jp-5v3q"]
//! kind = "vulnerability"               # or "malware": the package was published to do harm
//! title = "Log4Shell: ..."             # one line
//! what = "What happened, and what to look for."
//! severity = "CVSS:3.1/..."            # a vector or a word; may be left out
//! source = "https://..."               # where the facts are public
//! published = "2021-12-10"
//! checked = true                       # a feed that holds the id says the same; a test makes sure
//! hashes = ["sha256:..."]              # of published files; may be left out
//!
//! [[incident.package]]
//! ecosystem = "Maven"                  # as OSV names it, distributions with release: "Debian:12"
//! name = "org.apache.logging.log4j:log4j-core"
//! ranges = [{ introduced = "2.0-beta9", fixed = "2.3.1" }, { introduced = "2.4", last_affected = "2.11" }]
//! versions = ["2.12.0"]                # both may stand; with neither, every version is meant
//! ```

use std::collections::HashMap;

use plimsoll_model::{Coverage, DatabaseInfo, Digest, Ecosystem, FeedInfo, Stream};
use serde::Deserialize;

use crate::error::Error;
use crate::record::{Affected, Event, Kind, NameKind, Rating, RatingForm, Record, Target};
use crate::store::{ContentHasher, Cve, Source, Sourced};

/// The pack as it stands in the source.
const PACK: &str = include_str!("incidents.toml");
/// Name of the pack among feeds.
pub const SOURCE: &str = "incidents";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pack {
    date: String,
    #[serde(default)]
    incident: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    kind: EntryKind,
    title: String,
    what: String,
    #[serde(default)]
    severity: String,
    source: String,
    published: String,
    checked: bool,
    #[serde(default)]
    hashes: Vec<Digest>,
    #[serde(default)]
    package: Vec<EntryPackage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EntryKind {
    Vulnerability,
    Malware,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryPackage {
    ecosystem: String,
    name: String,
    #[serde(default)]
    ranges: Vec<EntryRange>,
    #[serde(default)]
    versions: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryRange {
    #[serde(default)]
    introduced: String,
    fixed: Option<String>,
    last_affected: Option<String>,
}

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// As an advisory, with its packages.
    pub record: Record,
    /// What happened, in our words.
    pub what: String,
    /// A feed that holds the same id says the same.
    pub checked: bool,
    /// Digests of published files that are part of it.
    pub hashes: Vec<Digest>,
}

/// The incident pack, loaded.
#[derive(Debug)]
pub struct Incidents {
    date: String,
    digest: Digest,
    all: Vec<Incident>,
    by_package: HashMap<(String, String), Vec<(u32, usize)>>,
    by_hash: HashMap<Digest, Vec<u32>>,
}

impl Incidents {
    /// Loads the pack inside the program.
    ///
    /// # Errors
    /// When it does not follow its schema, which a test excludes.
    pub fn embedded() -> Result<Self, Error> {
        Incidents::parse(PACK)
    }

    /// Loads a pack from its text.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let pack: Pack = toml::from_str(text).map_err(|error| Error::Incidents(error.to_string()))?;
        let mut incidents = Vec::with_capacity(pack.incident.len());
        for entry in pack.incident {
            incidents.push(incident(entry)?);
        }
        incidents.sort_by(|left, right| left.record.id.cmp(&right.record.id));
        if let Some(pair) = incidents.windows(2).find(|pair| pair[0].record.id == pair[1].record.id) {
            return Err(Error::Incidents(format!("{} stands twice", pair[0].record.id)));
        }
        let mut by_package: HashMap<(String, String), Vec<(u32, usize)>> = HashMap::new();
        let mut by_hash: HashMap<Digest, Vec<u32>> = HashMap::new();
        for (number, incident) in (0_u32..).zip(&incidents) {
            for (index, entry) in incident.record.affected.iter().enumerate() {
                let key = (entry.target.key(), entry.target.normalise(&entry.name).into_owned());
                by_package.entry(key).or_default().push((number, index));
            }
            for hash in &incident.hashes {
                by_hash.entry(hash.clone()).or_default().push(number);
            }
        }
        let mut hasher = ContentHasher::new();
        hasher.bytes(text.as_bytes());
        Ok(Incidents { date: pack.date, digest: hasher.finish(), all: incidents, by_package, by_hash })
    }

    /// All incidents, sorted by id.
    pub fn all(&self) -> &[Incident] {
        &self.all
    }

    /// The incidents that have `id` as their own or as an alias.
    pub fn by_id(&self, id: &str) -> Vec<&Incident> {
        let has = |incident: &&Incident| {
            incident.record.id == id || incident.record.aliases.iter().any(|alias| alias == id)
        };
        self.all.iter().filter(has).collect()
    }
}

fn incident(entry: Entry) -> Result<Incident, Error> {
    let broken = |detail: String| Error::Incidents(format!("{}: {detail}", entry.id));
    if entry.package.is_empty() && entry.hashes.is_empty() {
        return Err(broken("it names neither packages nor hashes".into()));
    }
    if !entry.source.starts_with("https://") {
        return Err(broken("its source is no https address".into()));
    }
    let note = if entry.checked { "" } else { "not checked against a feed" };
    let mut affected = Vec::new();
    for package in &entry.package {
        let name = package.ecosystem.split(':').next().unwrap_or_default();
        let target = match Ecosystem::from_osv(name) {
            Some(ecosystem) => Target::Ecosystem(ecosystem),
            None => Stream::from_osv(&package.ecosystem)
                .map(Target::Stream)
                .ok_or_else(|| broken(format!("`{}` is no ecosystem that we match", package.ecosystem)))?,
        };
        let name_kind = match target.ecosystem() {
            Ecosystem::Deb | Ecosystem::Apk => NameKind::Source,
            _ => NameKind::Binary,
        };
        let mut one = Affected::all(target, &package.name, name_kind);
        for range in &package.ranges {
            let introduced = if range.introduced.is_empty() { "0" } else { &range.introduced };
            let mut events = vec![Event::Introduced(introduced.to_owned())];
            events.extend(range.fixed.clone().map(Event::Fixed));
            events.extend(range.last_affected.clone().map(Event::LastAffected));
            one.ranges.push(events);
        }
        one.versions.clone_from(&package.versions);
        note.clone_into(&mut one.note);
        affected.push(one);
    }
    let ratings = if entry.severity.is_empty() {
        Vec::new()
    } else {
        let form = match entry.severity.get(..7) {
            Some("CVSS:4.") => RatingForm::CvssV4,
            Some("CVSS:3.") => RatingForm::CvssV3,
            _ => RatingForm::Word,
        };
        vec![Rating { form, value: entry.severity.clone(), source: String::new() }]
    };
    Ok(Incident {
        record: Record {
            kind: match entry.kind {
                EntryKind::Vulnerability => Kind::Vulnerability,
                EntryKind::Malware => Kind::Malware,
            },
            aliases: entry.aliases,
            title: entry.title,
            ratings,
            modified: entry.published.clone(),
            published: entry.published,
            references: vec![entry.source],
            affected,
            id: entry.id,
            ..Record::default()
        },
        what: entry.what,
        checked: entry.checked,
        hashes: entry.hashes,
    })
}

impl Source for Incidents {
    fn info(&self) -> DatabaseInfo {
        DatabaseInfo {
            coverage: Coverage::IncidentPack,
            date: self.date.clone(),
            digest: Some(self.digest.clone()),
            sources: vec![FeedInfo {
                name: SOURCE.into(),
                date: self.date.clone(),
                commit: String::new(),
                records: self.all.len() as u64,
                licence: "Apache-2.0 (part of this program)".into(),
            }],
        }
    }

    fn covers(&self, target: &Target) -> Result<bool, Error> {
        let key = target.key();
        Ok(self.by_package.keys().any(|(known, _)| *known == key))
    }

    fn entries(&self, target: &Target, name: &str) -> Result<Vec<(u32, Affected)>, Error> {
        let found = self.by_package.get(&(target.key(), name.to_owned()));
        Ok(found
            .into_iter()
            .flatten()
            .map(|(number, index)| (*number, self.all[*number as usize].record.affected[*index].clone()))
            .collect())
    }

    fn record(&self, number: u32) -> Result<Sourced, Error> {
        let incident = self
            .all
            .get(number as usize)
            .ok_or_else(|| Error::Incidents(format!("there is no incident {number}")))?;
        let mut record = incident.record.clone();
        record.affected.clear();
        Ok(Sourced { source: SOURCE.into(), source_date: self.date.clone(), record })
    }

    fn cve(&self, _id: &str) -> Result<Option<Cve>, Error> {
        Ok(None)
    }

    fn hashed(&self, digest: &Digest) -> Result<Vec<u32>, Error> {
        Ok(self.by_hash.get(digest).cloned().unwrap_or_default())
    }
}

/// A database and the incident pack, asked together: the pack knows poisoned packages and hashes that feeds may lack.
pub struct Together<'a> {
    /// The database.
    pub database: &'a dyn Source,
    /// The pack.
    pub incidents: &'a Incidents,
}

/// Numbers of incidents are moved up so that they cannot meet those of a database.
const OFFSET: u32 = 1 << 31;

impl Source for Together<'_> {
    fn info(&self) -> DatabaseInfo {
        let mut info = self.database.info();
        info.sources.extend(self.incidents.info().sources);
        info.sources.sort_by(|left, right| left.name.cmp(&right.name));
        info
    }

    fn covers(&self, target: &Target) -> Result<bool, Error> {
        // The pack alone covers nothing, or a distribution without data would look asked for.
        self.database.covers(target)
    }

    fn knows(&self, target: &Target) -> Result<bool, Error> {
        Ok(self.database.knows(target)? || self.incidents.knows(target)?)
    }

    fn entries(&self, target: &Target, name: &str) -> Result<Vec<(u32, Affected)>, Error> {
        let mut entries = self.database.entries(target, name)?;
        entries.extend(
            self.incidents.entries(target, name)?.into_iter().map(|(number, entry)| (number + OFFSET, entry)),
        );
        Ok(entries)
    }

    fn record(&self, number: u32) -> Result<Sourced, Error> {
        match number.checked_sub(OFFSET) {
            Some(number) => self.incidents.record(number),
            None => self.database.record(number),
        }
    }

    fn cve(&self, id: &str) -> Result<Option<Cve>, Error> {
        self.database.cve(id)
    }

    fn hashed(&self, digest: &Digest) -> Result<Vec<u32>, Error> {
        let mut numbers = self.database.hashed(digest)?;
        numbers.extend(self.incidents.hashed(digest)?.into_iter().map(|number| number + OFFSET));
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pack_follows_its_schema() {
        let pack = Incidents::embedded().unwrap();
        assert!(!pack.all().is_empty());
        for incident in pack.all() {
            let record = &incident.record;
            assert!(!record.title.is_empty() && record.title.len() <= 120, "{}: title", record.id);
            assert!(incident.what.len() >= 40, "{}: say what happened", record.id);
            assert!(record.published.len() == 10, "{}: published is a day", record.id);
            for rating in &record.ratings {
                let known = match rating.form {
                    RatingForm::Word => {
                        plimsoll_model::Level::from_word(&rating.value) != plimsoll_model::Level::Unknown
                    }
                    form => crate::severity::score_tenths(form, &rating.value).is_some(),
                };
                assert!(known, "{}: severity", record.id);
            }
            for entry in &record.affected {
                let scheme = entry.target.ecosystem().scheme();
                let bounds = entry
                    .ranges
                    .iter()
                    .flatten()
                    .map(Event::version)
                    .chain(entry.versions.iter().map(String::as_str));
                for bound in bounds {
                    let readable = plimsoll_model::version::compare(scheme, bound, bound).is_ok();
                    assert!(readable, "{}: version {bound}", record.id);
                }
            }
        }
    }

    #[test]
    fn mistakes_are_named() {
        let entry = |lines: &str| {
            format!(
                "date = \"2026-01-01\"\n[[incident]]\nid = \"X-1\"\nkind = \"malware\"\ntitle = \"t\"\nwhat = \"w\"\npublished = \"2026-01-01\"\nchecked = false\n{lines}"
            )
        };
        for (lines, expected) in [
            ("source = \"https://a\"", "neither packages nor hashes"),
            ("source = \"a\"\n[[incident.package]]\necosystem = \"npm\"\nname = \"a\"", "no https address"),
            (
                "source = \"https://a\"\n[[incident.package]]\necosystem = \"Plan 9\"\nname = \"a\"",
                "no ecosystem",
            ),
            ("source = \"https://a\"\nsurprise = 1", "unknown field"),
        ] {
            let error = Incidents::parse(&entry(lines)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
