//! The Node.js working group's database: `nodejs/security-wg.zip`, or a checkout: `core/<n>.json` for Node.js itself,
//! `npm/<n>.json` for packages.

use std::path::Path;

use plimsoll_model::Ecosystem;
use plimsoll_model::version::Scheme;
use serde::Deserialize;

use super::files::{self, Passed};
use super::osv::says_malware;
use super::requirement::Set;
use super::upstream::{self, How, Serves, Terms, Upstream};
use super::{Feed, Part, Sink, at};
use crate::error::Error;
use crate::record::{Affected, Kind, NameKind, Rating, RatingForm, Record, Target};

/// The feed.
pub static NODEJS: Feed = Feed { name: "nodejs", find, read, upstreams: UPSTREAMS };

static UPSTREAMS: &[Upstream] = &[Upstream {
    source: "nodejs",
    terms: Terms::Open,
    serves: Serves::Ecosystems(&[Ecosystem::Npm, Ecosystem::Generic]),
    how: How::Files(|| upstream::repository("nodejs/security-wg", "main", "nodejs/security-wg.zip")),
}];

#[expect(clippy::unnecessary_wraps, reason = "the form that all feeds share")]
fn find(from: &Path) -> Result<Vec<Part>, Error> {
    Ok(at(
        from,
        "nodejs",
        &["nodejs/security-wg.zip", "nodejs/security-wg"],
        "MIT (Node.js security working group)",
    ))
}

#[derive(Deserialize)]
struct Core {
    #[serde(default)]
    cve: Vec<String>,
    vulnerable: String,
    #[serde(default)]
    patched: Option<String>,
    #[serde(default, rename = "ref")]
    reference: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    severity: Option<String>,
}

#[derive(Deserialize)]
struct Npm {
    module_name: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    cves: Option<Vec<String>>,
    #[serde(default)]
    vulnerable_versions: Option<String>,
    #[serde(default)]
    publish_date: Option<String>,
    #[serde(default)]
    updated_at: Option<String>,
    #[serde(default)]
    references: Option<Vec<String>>,
    #[serde(default)]
    cvss_vector: Option<String>,
}

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    let folder = |name: &str| name.rsplit('/').nth(1).unwrap_or_default().to_owned();
    let wanted = |name: &str| {
        name.ends_with(".json")
            && matches!(folder(name).as_str(), "core" | "npm")
            && name
                .rsplit('/')
                .next()
                .is_some_and(|file| file.starts_with(|first: char| first.is_ascii_digit()))
    };
    files::each(&part.path, &wanted, &mut |name, passed| {
        let content = match passed {
            Passed::Unreadable(reason) => return sink.rejected(reason, name),
            Passed::Content(content) => content,
        };
        let number = name.rsplit('/').next().and_then(|file| file.strip_suffix(".json")).unwrap_or(name);
        let record = if folder(name) == "core" {
            serde_json::from_slice::<Core>(content).ok().and_then(|entry| core(number, entry))
        } else {
            serde_json::from_slice::<Npm>(content).ok().and_then(|entry| npm(number, entry))
        };
        match record {
            Some(record) => sink.record(record),
            None => sink.rejected("the entry or its versions cannot be read", name),
        }
    })
}

/// What is vulnerable and not patched: `8.x` with the patch `^8.1.4` is 8.0.0 up to 8.1.4.
fn core(number: &str, entry: Core) -> Option<Record> {
    let vulnerable = Set::parse(Scheme::Semver, &entry.vulnerable)?;
    let set = match entry.patched.as_deref().filter(|patched| !patched.trim().is_empty()) {
        Some(patched) => vulnerable.intersection(&Set::parse(Scheme::Semver, patched)?.complement()?),
        None => vulnerable,
    };
    // Node.js is no package of an ecosystem: programs recognised by their binary are generic packages.
    let mut affected = Affected::all(Target::Ecosystem(Ecosystem::Generic), "node", NameKind::Binary);
    affected.ranges = set.events()?;
    if affected.ranges.is_empty() {
        return None;
    }
    Some(Record {
        id: format!("NODE-CORE-{number}"),
        aliases: cves(entry.cve),
        title: entry.description.unwrap_or_default(),
        ratings: entry
            .severity
            .filter(|word| word != "unknown")
            .map(|value| Rating { form: RatingForm::Word, value, source: String::new() })
            .into_iter()
            .collect(),
        references: entry.reference.into_iter().collect(),
        affected: vec![affected],
        ..Record::default()
    })
}

fn npm(number: &str, entry: Npm) -> Option<Record> {
    let set = Set::parse(Scheme::Semver, entry.vulnerable_versions.as_deref()?)?;
    let mut affected = Affected::all(Target::Ecosystem(Ecosystem::Npm), &entry.module_name, NameKind::Binary);
    affected.ranges = set.events()?;
    if affected.ranges.is_empty() {
        return None;
    }
    let form = |vector: &str| match vector {
        v if v.starts_with("CVSS:3") => Some(RatingForm::CvssV3),
        v if v.starts_with("CVSS:4") => Some(RatingForm::CvssV4),
        v if v.starts_with("AV:") => Some(RatingForm::CvssV2),
        _ => None,
    };
    let title = entry.title.unwrap_or_default();
    Some(Record {
        id: format!("NODE-NPM-{number}"),
        aliases: cves(entry.cves.unwrap_or_default()),
        kind: if says_malware(&title) { Kind::Malware } else { Kind::Vulnerability },
        title,
        ratings: entry
            .cvss_vector
            .and_then(|value| Some(Rating { form: form(&value)?, value, source: String::new() }))
            .into_iter()
            .collect(),
        published: entry.publish_date.unwrap_or_default(),
        modified: entry.updated_at.unwrap_or_default(),
        references: entry.references.unwrap_or_default(),
        affected: vec![affected],
        ..Record::default()
    })
}

fn cves(ids: Vec<String>) -> Vec<String> {
    ids.into_iter().filter(|id| id.starts_with("CVE-")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Kept;
    use crate::record::Event;

    #[test]
    fn core_is_what_is_vulnerable_and_not_patched() {
        let entry = serde_json::from_str(
            r#"{"cve":["CVE-2017-1"],"vulnerable":"8.x || 4.x","patched":"^8.1.4 || ^4.8.4"}"#,
        )
        .unwrap();
        let record = core("1", entry).unwrap();
        assert_eq!(
            record.affected[0].ranges,
            [
                [Event::Introduced("8.0.0".into()), Event::Fixed("8.1.4".into())],
                [Event::Introduced("4.0.0".into()), Event::Fixed("4.8.4".into())],
            ]
        );
    }

    #[test]
    fn packages_published_to_do_harm_are_malware() {
        for (title, expected) in [
            ("Malicious Package", Kind::Malware),
            ("Embedded Malicious Code", Kind::Malware),
            ("Command Injection", Kind::Vulnerability),
        ] {
            let text = format!(r#"{{"module_name":"a","title":"{title}","vulnerable_versions":"*"}}"#);
            let record = npm("1", serde_json::from_str(&text).unwrap()).unwrap();
            assert_eq!(record.kind, expected, "{title}");
        }
    }

    #[test]
    fn the_whole_database() {
        let Some(root) = plimsoll_testing::shared("data") else { return };
        let mut kept = Kept::default();
        for part in find(&root).unwrap() {
            read(&part, &mut kept).unwrap();
        }
        let seen = (kept.records.len(), kept.rejected.len());
        assert!(seen.0 > 550 && seen.1 < 60, "{seen:?}: {:?}", kept.rejected);
    }
}
