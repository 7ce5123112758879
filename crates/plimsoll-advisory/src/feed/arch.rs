//! The security tracker of Arch Linux: one JSON list of groups of flaws, each with the packages that have them.
//!
//! No specification; fields and states are those of the tracker's own code (archlinux/arch-security-tracker). The packages
//! are installed ones. `affected` is the version in which the flaw was seen: older ones are taken to have it too.

use std::path::Path;

use plimsoll_model::distribution::Distribution;
use plimsoll_model::{FixStatus, Stream};
use serde::Deserialize;

use super::files::{self, Passed};
use super::upstream::{How, Remote, Serves, Terms, Upstream};
use super::{Feed, Part, Sink, at, cut, cves_in};
use crate::error::Error;
use crate::record::{Affected, NameKind, Rating, RatingForm, Record, Target};

/// The feed.
pub static ARCH: Feed = Feed {
    name: "arch",
    find,
    read,
    upstreams: &[Upstream {
        source: "arch",
        terms: Terms::NotStated,
        serves: Serves::Distributions(&["arch"]),
        how: How::Files(|| vec![Remote::new("https://security.archlinux.org/all.json", "arch/all.json")]),
    }],
};

#[expect(clippy::unnecessary_wraps, reason = "the form of a feed")]
fn find(from: &Path) -> Result<Vec<Part>, Error> {
    Ok(at(from, "arch", &["arch/all.json"], "published by the Arch Linux security team"))
}

#[derive(Deserialize)]
struct Group {
    name: String,
    #[serde(default)]
    packages: Vec<String>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    severity: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    fixed: Option<String>,
    #[serde(default)]
    issues: Vec<String>,
    #[serde(default)]
    advisories: Vec<String>,
}

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    files::each(&part.path, &|name| files::has_extension(name, "json"), &mut |name, passed| match passed {
        Passed::Content(content) => parse(content, name, sink),
        Passed::Unreadable(reason) => sink.rejected(reason, name),
    })
}

/// Reads the tracker's list.
pub fn parse(content: &[u8], name: &str, sink: &mut dyn Sink) {
    let Some(stream) = Distribution::by_key("arch").and_then(|row| Stream::new(row, "")) else { return };
    let groups: Vec<serde_json::Value> = match serde_json::from_slice(content) {
        Ok(groups) => groups,
        Err(_) => return sink.rejected("not a JSON list", name),
    };
    for value in groups {
        let example = value.get("name").and_then(|name| name.as_str()).map(|name| cut(name, 80).to_owned());
        match serde_json::from_value::<Group>(value) {
            Ok(group) if !group.name.is_empty() && group.name.len() <= 200 => {
                record(group, &Target::Stream(stream.clone()), sink);
            }
            _ => sink.rejected(
                "a group has no name, or a field of the wrong form",
                example.as_deref().unwrap_or(name),
            ),
        }
    }
}

fn record(group: Group, target: &Target, sink: &mut dyn Sink) {
    let fixed = group.fixed.filter(|version| !version.is_empty());
    let mut affected = Vec::new();
    for package in group.packages.iter().filter(|package| !package.is_empty()) {
        let all = || Affected::all(target.clone(), package, NameKind::Binary);
        affected.push(match (group.status.as_str(), &fixed) {
            ("Not affected", _) => Affected::never(target.clone(), package, NameKind::Binary),
            // `Testing`: the fix is in the testing repositories.
            ("Fixed" | "Testing" | "Vulnerable", Some(version)) => {
                let note = if group.status == "Fixed" {
                    ""
                } else {
                    "the fix is not in the stable repositories yet"
                };
                Affected {
                    note: note.into(),
                    ..Affected::below(target.clone(), package, NameKind::Binary, version)
                }
            }
            ("Vulnerable" | "Testing", None) => all(),
            _ => Affected { status: FixStatus::Unknown, ..all() },
        });
    }
    if affected.is_empty() {
        sink.skipped("the group names no package", &group.name);
    }
    let mut upstream: Vec<String> = group.issues.iter().flat_map(|issue| cves_in(issue)).collect();
    upstream.sort();
    upstream.dedup();
    let rated = !matches!(group.severity.as_str(), "" | "Unknown");
    sink.record(Record {
        references: vec![format!("https://security.archlinux.org/{}", group.name)],
        id: group.name,
        title: cut(&group.kind, 300).to_owned(),
        upstream,
        related: group.advisories,
        ratings: rated
            .then_some(Rating { form: RatingForm::Word, value: group.severity, source: String::new() })
            .into_iter()
            .collect(),
        affected,
        ..Record::default()
    });
}

/// Any bytes as the tracker's list.
pub(crate) fn fuzz(data: &[u8]) {
    let mut kept = super::Kept::default();
    parse(data, "all.json", &mut kept);
    for record in &kept.records {
        assert!(!record.id.is_empty());
        assert!(record.affected.iter().all(|entry| !entry.name.is_empty()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feed::Kept;

    const LIST: &str = r#"[
        {"name":"AVG-1","packages":["curl","lib32-curl"],"affected":"8.4.0-1","fixed":"8.5.0-1","severity":"High",
         "status":"Fixed","type":"arbitrary code execution","issues":["CVE-2024-1234","CVE-2024-1234"],"advisories":["ASA-202401-1"]},
        {"name":"AVG-2","packages":["pam"],"affected":"1.7.0-2","fixed":null,"severity":"Unknown","status":"Vulnerable","issues":[]},
        {"name":"AVG-3","packages":["gcc"],"status":"Not affected","fixed":null},
        {"name":"AVG-4","packages":["go"],"status":"Testing","fixed":"2:1.22-1"},
        {"name":"AVG-5","packages":["vim"],"status":"Unknown"},
        {"name":"AVG-6","packages":[]},
        {"packages":["a"]}, 7]"#;

    #[test]
    fn states() {
        let mut kept = Kept::default();
        parse(LIST.as_bytes(), "all.json", &mut kept);
        let target = || Target::from_key("os:arch").unwrap();
        let below = |name: &str, version: &str| Affected::below(target(), name, NameKind::Binary, version);
        let all = |name: &str| Affected::all(target(), name, NameKind::Binary);
        assert_eq!(kept.records[0].affected, [below("curl", "8.5.0-1"), below("lib32-curl", "8.5.0-1")]);
        assert_eq!(kept.records[0].upstream, ["CVE-2024-1234"]);
        assert_eq!(kept.records[0].ratings[0].value, "High");
        assert_eq!(kept.records[1].affected, [all("pam")]);
        assert!(kept.records[1].ratings.is_empty());
        assert_eq!(kept.records[2].affected, [Affected::never(target(), "gcc", NameKind::Binary)]);
        assert_eq!(
            kept.records[3].affected,
            [Affected {
                note: "the fix is not in the stable repositories yet".into(),
                ..below("go", "2:1.22-1")
            }]
        );
        assert_eq!(kept.records[4].affected, [Affected { status: FixStatus::Unknown, ..all("vim") }]);
        assert_eq!((kept.records.len(), kept.skipped.len(), kept.rejected.len()), (6, 1, 2));
    }

    #[test]
    fn no_list() {
        for text in ["", "{}", "[", "<html>"] {
            let mut kept = Kept::default();
            parse(text.as_bytes(), "all.json", &mut kept);
            assert_eq!((kept.records.len(), kept.rejected.len()), (0, 1), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(content in proptest::collection::vec(any::<u8>(), 0..300), start in 0_usize..700, word in "[\\[\\]{}\",:a-z0-9]{0,9}") {
            fuzz(&content);
            let mut text = LIST.to_owned();
            let end = text.len().min(start + 5);
            text.replace_range(start.min(end)..end, &word);
            fuzz(text.as_bytes());
        }
    }
}
