//! Fedora's updates from Bodhi: pages of its list of security updates, or single ones, as JSON.
//!
//! No specification; the fields are those of Bodhi's own API. An update names the builds of source packages that bring a
//! fix; which flaws, it says in the titles of bugs. The `updateinfo.xml` of Fedora's repositories is not read: it knows
//! only the newest build of a package, so a fix is lost with the next update.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_model::Stream;
use plimsoll_model::distribution::Distribution;
use serde::Deserialize;

use super::files::{self, Passed};
use super::osv::null_as_default;
use super::upstream::{How, Serves, Terms, Upstream};
use super::{Feed, Part, Sink, cut, cves_in};
use crate::error::Error;
use crate::record::{Affected, NameKind, Rating, RatingForm, Record, Target};

/// The feed.
pub static FEDORA: Feed = Feed {
    name: "fedora",
    find,
    read,
    upstreams: &[Upstream {
        source: "fedora",
        terms: Terms::NotStated,
        serves: Serves::Distributions(&["fedora"]),
        how: How::Bodhi,
    }],
};

#[expect(clippy::unnecessary_wraps, reason = "the form of a feed")]
fn find(from: &Path) -> Result<Vec<Part>, Error> {
    let path = from.join("fedora");
    let part =
        |path| Part { source: "fedora".into(), path, licence: "published by the Fedora Project (Bodhi)" };
    Ok(path.is_dir().then(|| part(path)).into_iter().collect())
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    Page(Page),
    One(Box<Update>),
}

/// One page of the list.
#[derive(Deserialize)]
pub(crate) struct Page {
    updates: Vec<Update>,
    /// How many pages there are.
    #[serde(default)]
    pub(crate) pages: u64,
}

impl Page {
    pub(crate) fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }
}

#[derive(Deserialize)]
struct Update {
    alias: String,
    #[serde(default, deserialize_with = "null_as_default")]
    title: String,
    #[serde(default, deserialize_with = "null_as_default")]
    display_name: String,
    #[serde(default, deserialize_with = "null_as_default")]
    notes: String,
    #[serde(default, deserialize_with = "null_as_default")]
    severity: String,
    #[serde(rename = "type")]
    kind: String,
    status: String,
    #[serde(default, deserialize_with = "null_as_default")]
    date_stable: String,
    #[serde(default, deserialize_with = "null_as_default")]
    date_submitted: String,
    #[serde(default, deserialize_with = "null_as_default")]
    date_modified: String,
    #[serde(default, deserialize_with = "null_as_default")]
    url: String,
    release: Release,
    #[serde(default, deserialize_with = "null_as_default")]
    bugs: Vec<Bug>,
    #[serde(default, deserialize_with = "null_as_default")]
    builds: Vec<Build>,
}

#[derive(Deserialize)]
struct Release {
    version: String,
    #[serde(default, deserialize_with = "null_as_default")]
    id_prefix: String,
}

#[derive(Deserialize)]
struct Bug {
    #[serde(default, deserialize_with = "null_as_default")]
    title: String,
}

#[derive(Deserialize)]
struct Build {
    nvr: String,
    #[serde(rename = "type", default, deserialize_with = "null_as_default")]
    kind: String,
    #[serde(default)]
    epoch: Option<u64>,
}

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    let mut updates = BTreeMap::new();
    files::each(&part.path, &|name| files::has_extension(name, "json"), &mut |name, passed| match passed {
        Passed::Content(content) => take(content, name, &mut updates, sink),
        Passed::Unreadable(reason) => sink.rejected(reason, name),
    })?;
    for update in updates.into_values() {
        emit(update, sink);
    }
    Ok(())
}

/// An update stands on several pages when it changed after the first was fetched: the newest word counts.
fn take(content: &[u8], name: &str, updates: &mut BTreeMap<String, Update>, sink: &mut dyn Sink) {
    let found = match serde_json::from_slice(content) {
        Ok(Document::Page(page)) => page.updates,
        Ok(Document::One(update)) => vec![*update],
        Err(_) => return sink.rejected("neither a page of updates nor an update", name),
    };
    for update in found {
        if update.alias.is_empty() || update.alias.len() > 200 {
            sink.rejected("the update has no id, or one of over 200 bytes", name);
            continue;
        }
        match updates.get(&update.alias) {
            Some(known) if known.date_modified > update.date_modified => {}
            _ => drop(updates.insert(update.alias.clone(), update)),
        }
    }
}

/// `python3-docs-3.12.9-1.fc40` -> name, `3.12.9-1.fc40`.
fn name_and_version(nvr: &str) -> Option<(&str, &str)> {
    let (rest, release) = nvr.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    if name.is_empty() || version.is_empty() || release.is_empty() {
        return None;
    }
    Some((name, nvr.get(name.len() + 1..)?))
}

fn day(text: &str) -> String {
    text.get(..10).unwrap_or_default().to_owned()
}

fn emit(update: Update, sink: &mut dyn Sink) {
    if update.kind != "security" {
        return sink.skipped("an update that is not about security", &update.alias);
    }
    if update.status != "stable" {
        return sink.skipped("an update that is not in the repositories", &update.alias);
    }
    // `FEDORA-EPEL`, `FEDORA-FLATPAK`, `FEDORA-CONTAINER` are of other repositories.
    if !matches!(update.release.id_prefix.as_str(), "" | "FEDORA") {
        return sink.skipped("an update of another repository than the release's", &update.alias);
    }
    let stream = Distribution::by_key("fedora")
        .filter(|_| update.release.version.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|row| Stream::new(row, &update.release.version));
    let Some(stream) = stream else {
        return sink.skipped("an update of no numbered release", &update.alias);
    };
    let mut affected = Vec::new();
    for build in update.builds.iter().filter(|build| matches!(build.kind.as_str(), "" | "rpm")) {
        let Some((name, version)) = name_and_version(&build.nvr) else {
            sink.rejected("a build has no name and version", &update.alias);
            continue;
        };
        let version = match build.epoch {
            None | Some(0) => version.to_owned(),
            Some(epoch) => format!("{epoch}:{version}"),
        };
        affected.push(Affected::below(Target::Stream(stream.clone()), name, NameKind::Source, version));
    }
    if affected.is_empty() {
        sink.skipped("the update names no package", &update.alias);
    }
    let mut upstream: Vec<String> = update.bugs.iter().flat_map(|bug| cves_in(&bug.title)).collect();
    if upstream.is_empty() {
        upstream = cves_in(cut(&update.notes, 1 << 16));
    }
    upstream.sort();
    upstream.dedup();
    let title = if update.display_name.is_empty() { &update.title } else { &update.display_name };
    let published =
        if update.date_stable.is_empty() { day(&update.date_submitted) } else { day(&update.date_stable) };
    sink.record(Record {
        title: cut(title, 300).to_owned(),
        upstream,
        ratings: (!matches!(update.severity.as_str(), "" | "unspecified"))
            .then_some(Rating { form: RatingForm::Word, value: update.severity, source: String::new() })
            .into_iter()
            .collect(),
        modified: if update.date_modified.is_empty() {
            published.clone()
        } else {
            day(&update.date_modified)
        },
        published,
        references: Some(update.url).filter(|url| url.starts_with("https://")).into_iter().collect(),
        affected,
        id: update.alias,
        ..Record::default()
    });
}

/// Any bytes as a page of updates. For the fuzzer.
pub(crate) fn read_arbitrary(data: &[u8]) {
    let mut kept = super::Kept::default();
    let mut updates = BTreeMap::new();
    take(data, "page.json", &mut updates, &mut kept);
    for update in updates.into_values() {
        emit(update, &mut kept);
    }
    for record in &kept.records {
        assert!(!record.id.is_empty());
        assert!(record.affected.iter().all(|entry| !entry.name.is_empty() && !entry.ranges.is_empty()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feed::Kept;

    fn update(id: &str, more: &str) -> String {
        format!(
            r#"{{"alias":"{id}","title":"curl-8.5-1.fc42","notes":"Fixes CVE-2026-0009","severity":"high","type":"security",
            "status":"stable","date_submitted":"2026-01-10 10:00:00","date_stable":"2026-01-15 12:00:00","date_modified":null,
            "url":"https://bodhi.fedoraproject.org/updates/{id}","release":{{"name":"F42","version":"42","id_prefix":"FEDORA"}},
            "bugs":[{{"bug_id":1,"title":"CVE-2026-0001 curl: overflow [fedora-42]"}},{{"title":null}}],
            "builds":[{{"nvr":"curl-8.5-1.fc42","type":"rpm","epoch":null}},{{"nvr":"a-b-1-2","epoch":3}}]{more}}}"#
        )
    }

    fn kept(documents: &[String]) -> Kept {
        let mut kept = Kept::default();
        let mut updates = BTreeMap::new();
        for document in documents {
            take(document.as_bytes(), "page.json", &mut updates, &mut kept);
        }
        for update in updates.into_values() {
            emit(update, &mut kept);
        }
        kept
    }

    #[test]
    fn a_page_and_a_newer_word() {
        let first = format!(
            r#"{{"updates":[{},{}],"pages":2}}"#,
            update("FEDORA-2026-1", ""),
            update("FEDORA-2026-2", "")
        );
        let newer = update("FEDORA-2026-1", "")
            .replace("curl-8.5-1.fc42\",\"type", "curl-8.5-9.fc42\",\"type")
            .replace("null,\n            \"url", "\"2026-02-01 00:00:00\",\n            \"url");
        for documents in [[first.clone(), newer.clone()], [newer, first]] {
            let kept = kept(&documents);
            assert_eq!((kept.records.len(), kept.rejected.len(), kept.skipped.len()), (2, 0, 0));
            let target = || Target::from_key("os:fedora:42").unwrap();
            let below =
                |name: &str, version: &str| Affected::below(target(), name, NameKind::Source, version);
            assert_eq!(kept.records[0].affected, [below("curl", "8.5-9.fc42"), below("a-b", "3:1-2")]);
            assert_eq!(kept.records[0].modified, "2026-02-01");
            assert_eq!(kept.records[1].affected[0], below("curl", "8.5-1.fc42"));
            assert_eq!(
                (kept.records[1].published.as_str(), kept.records[1].modified.as_str()),
                ("2026-01-15", "2026-01-15")
            );
            assert_eq!(kept.records[1].upstream, ["CVE-2026-0001"]);
        }
    }

    #[test]
    fn what_does_not_count() {
        let check = |from: &str, to: &str, records: usize, rejected: usize, skipped: usize| {
            let kept = kept(&[update("F-1", "").replace(from, to)]);
            assert_eq!(
                (kept.records.len(), kept.rejected.len(), kept.skipped.len()),
                (records, rejected, skipped),
                "{to}"
            );
        };
        check("\"type\":\"security\"", "\"type\":\"bugfix\"", 0, 0, 1);
        check("\"stable\"", "\"testing\"", 0, 0, 1);
        check("\"FEDORA\"", "\"FEDORA-EPEL\"", 0, 0, 1);
        check("\"42\"", "\"eln\"", 0, 0, 1);
        check("a-b-1-2", "a-b", 1, 1, 0);
        check("\"F-1\"", "\"\"", 0, 1, 0);
        check("{", "[", 0, 1, 0);
        let kept = kept(&[update("F-1", "").replace("CVE-2026-0001", "")]);
        assert_eq!(kept.records[0].upstream, ["CVE-2026-0009"]);
    }

    proptest! {
        #[test]
        fn never_panics(content in proptest::collection::vec(any::<u8>(), 0..300), start in 0_usize..800, word in "[\\[\\]{}\",:a-z0-9-]{0,9}") {
            read_arbitrary(&content);
            let mut text = update("F-1", "");
            let end = text.len().min(start + 5);
            text.replace_range(start.min(end)..end, &word);
            read_arbitrary(text.as_bytes());
        }
    }
}
