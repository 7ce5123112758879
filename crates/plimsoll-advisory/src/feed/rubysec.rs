//! The Ruby advisory database: `rubysec/ruby-advisory-db.zip`, or a checkout: `gems/<gem>/<id>.yml`.
//!
//! It says which versions are safe (`patched_versions`, `unaffected_versions`); all others are affected.

use std::path::Path;

use plimsoll_model::Ecosystem;
use plimsoll_model::version::Scheme;
use serde::Deserialize;

use super::files::{self, Passed};
use super::requirement::Set;
use super::upstream::{self, How, Serves, Terms, Upstream};
use super::{Feed, Part, Sink, at};
use crate::error::Error;
use crate::record::{Affected, NameKind, Record, Target};

/// The feed.
pub static RUBYSEC: Feed = Feed { name: "rubysec", find, read, upstreams: UPSTREAMS };

static UPSTREAMS: &[Upstream] = &[Upstream {
    source: "rubysec",
    terms: Terms::Open,
    serves: Serves::Ecosystems(&[Ecosystem::RubyGems]),
    how: How::Files(|| {
        upstream::repository("rubysec/ruby-advisory-db", "master", "rubysec/ruby-advisory-db.zip")
    }),
}];

#[expect(clippy::unnecessary_wraps, reason = "the form that all feeds share")]
fn find(from: &Path) -> Result<Vec<Part>, Error> {
    let places = &["rubysec/ruby-advisory-db.zip", "rubysec/ruby-advisory-db"];
    Ok(at(from, "rubysec", places, "public domain (ruby-advisory-db, entries without an OSVDB number)"))
}

#[derive(Deserialize)]
struct Entry {
    gem: String,
    #[serde(default)]
    platform: Option<String>,
    #[serde(default)]
    cve: Option<String>,
    #[serde(default)]
    ghsa: Option<String>,
    #[serde(default)]
    osvdb: Option<String>,
    #[serde(default)]
    title: String,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    date: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    patched_versions: Vec<String>,
    #[serde(default)]
    unaffected_versions: Vec<String>,
}

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    let wanted = |name: &str| name.contains("gems/") && name.ends_with(".yml");
    files::each(&part.path, &wanted, &mut |name, passed| {
        let entry = match passed {
            Passed::Unreadable(reason) => return sink.rejected(reason, name),
            Passed::Content(content) => {
                std::str::from_utf8(content).ok().and_then(|text| serde_saphyr::from_str::<Entry>(text).ok())
            }
        };
        let Some(entry) = entry else { return sink.rejected("the entry cannot be read", name) };
        if entry.osvdb.is_some() {
            // Their text is under terms of its own.
            return sink.skipped("the entry comes from OSVDB", name);
        }
        match record(name, entry) {
            Some(record) => sink.record(record),
            None => sink.rejected("a version requirement cannot be read", name),
        }
    })
}

fn record(name: &str, entry: Entry) -> Option<Record> {
    let mut safe = Set::empty(Scheme::RubyGems);
    for requirement in entry.patched_versions.iter().chain(&entry.unaffected_versions) {
        safe = safe.union(Set::parse(Scheme::RubyGems, requirement)?);
    }
    let mut affected = Affected::all(Target::Ecosystem(Ecosystem::RubyGems), &entry.gem, NameKind::Binary);
    affected.ranges = safe.complement()?.events()?;
    affected.note = entry.platform.map(|platform| format!("platform {platform}")).unwrap_or_default();
    let file = name.rsplit('/').next()?.strip_suffix(".yml")?;
    let aliases = entry
        .cve
        .map(|cve| format!("CVE-{cve}"))
        .into_iter()
        .chain(entry.ghsa.map(|ghsa| format!("GHSA-{ghsa}")))
        .collect();
    let date = entry.date.unwrap_or_default();
    Some(Record {
        id: format!("RUBYSEC-{}-{file}", entry.gem),
        aliases,
        title: entry.title,
        published: date.clone(),
        modified: date,
        withdrawn: entry.withdrawn,
        references: entry.url.into_iter().collect(),
        affected: vec![affected],
        ..Record::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Kept;
    use crate::record::Event;

    fn check(text: &str) -> Kept {
        let folder = tempfile::tempdir().unwrap();
        let gem = folder.path().join("rubysec/ruby-advisory-db/gems/x");
        std::fs::create_dir_all(&gem).unwrap();
        std::fs::write(gem.join("CVE-2020-1.yml"), text).unwrap();
        let mut kept = Kept::default();
        read(&find(folder.path()).unwrap()[0], &mut kept).unwrap();
        kept
    }

    #[test]
    fn safe_versions_become_affected_ranges() {
        let kept = check(
            "gem: x\ncve: 2020-1\nghsa: aaaa-bbbb-cccc\ndate: 2020-02-12\npatched_versions:\n- \">= 1.10.8\"\n",
        );
        let record = &kept.records[0];
        assert_eq!(
            (record.id.as_str(), record.aliases.as_slice()),
            ("RUBYSEC-x-CVE-2020-1", &["CVE-2020-1".to_owned(), "GHSA-aaaa-bbbb-cccc".to_owned()][..])
        );
        assert_eq!(
            record.affected[0].ranges,
            [[Event::Introduced("0".into()), Event::Fixed("1.10.8".into())]]
        );
    }

    #[test]
    fn broken_entries_are_counted() {
        assert_eq!(check("gem: [").rejected.len(), 1);
        assert_eq!(check("gem: x\npatched_versions: ['what']\n").rejected.len(), 1);
    }

    #[test]
    fn the_whole_database() {
        let Some(root) = plimsoll_testing::shared("data") else { return };
        let mut kept = Kept::default();
        for part in find(&root).unwrap() {
            read(&part, &mut kept).unwrap();
        }
        assert!(kept.records.len() > 990, "{} records, rejected: {:?}", kept.records.len(), kept.rejected);
    }
}
