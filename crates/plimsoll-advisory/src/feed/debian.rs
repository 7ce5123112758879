//! Debian's security tracker: its text lists (`data/DSA/list`, `DLA`, `DTSA`; security-tracker "doc/narrative") and the
//! one JSON document that it publishes (`tracker/data/json`).
//!
//! Everything is said of source packages and releases by code name. What the tracker says beyond a fixed version is kept as
//! a status: no DSA, ignored, postponed, end of life, not affected.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

use plimsoll_model::{FixStatus, Stream};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::files::{self, Passed};
use super::upstream::{How, Remote, Serves, Terms, Upstream};
use super::{Feed, Part, Sink, at};
use crate::error::Error;
use crate::record::{Affected, NameKind, Rating, RatingForm, Record, Target};

/// The feed.
pub static DEBIAN: Feed = Feed { name: "debian", find, read, upstreams: UPSTREAMS };

static UPSTREAMS: &[Upstream] = &[Upstream {
    source: "debian",
    terms: Terms::Open,
    serves: Serves::Distributions(&["debian"]),
    how: How::Files(|| {
        vec![Remote::new("https://security-tracker.debian.org/tracker/data/json", "debian/tracker.json")]
    }),
}];

const LICENCE: &str = "Debian security tracker data, redistributed as public facts";

/// Code names and the release that they became (debian.org, "Debian Releases"). A new one is one line here.
static RELEASES: &[(&str, &str)] = &[
    ("potato", "2.2"),
    ("woody", "3.0"),
    ("sarge", "3.1"),
    ("etch", "4.0"),
    ("lenny", "5.0"),
    ("squeeze", "6.0"),
    ("wheezy", "7"),
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("duke", "15"),
    ("sid", "sid"),
];

#[expect(clippy::unnecessary_wraps, reason = "the form of a feed")]
fn find(from: &Path) -> Result<Vec<Part>, Error> {
    Ok(at(
        from,
        "debian",
        &["debian/tracker-lists.zip", "debian/data", "debian/tracker.json", "debian/tracker.json.gz"],
        LICENCE,
    ))
}

fn stream(codename: &str) -> Option<Stream> {
    // `wheezy-lts` and the like name the same packages.
    let codename = codename.split('-').next().unwrap_or_default();
    let (_, version) = RELEASES.iter().find(|(name, _)| *name == codename)?;
    Stream::from_osv(&format!("Debian:{version}"))
}

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    let wanted = |name: &str| {
        ["DSA/list", "DLA/list", "DTSA/list"].iter().any(|list| name.ends_with(list))
            || (files::has_extension(name, "json") && !name.ends_with("config.json"))
    };
    files::each(&part.path, &wanted, &mut |name, passed| match passed {
        Passed::Content(content) if files::has_extension(name, "json") => document(content, name, sink),
        Passed::Content(content) => list(&String::from_utf8_lossy(content), sink),
        Passed::Unreadable(reason) => sink.rejected(reason, name),
    })
}

/// What a word in angle brackets says: `<end-of-life>`. `None` drops the line.
fn status_of(word: &str) -> Option<FixStatus> {
    Some(match word {
        "not-affected" => FixStatus::NotAffected,
        "unfixed" | "no-dsa" | "removed" => FixStatus::Affected,
        "ignored" => FixStatus::WillNotFix,
        "postponed" => FixStatus::FixDeferred,
        "end-of-life" => FixStatus::EndOfLife,
        "undetermined" => FixStatus::UnderInvestigation,
        // Never part of the release.
        "itp" => return None,
        _ => FixStatus::Unknown,
    })
}

/// Reads one list of advisories.
///
/// ```text
/// [29 Mar 2023] DSA-5380-1 xorg-server - security update
///         {CVE-2023-1393}
///         [bullseye] - xorg-server 2:1.20.11-1+deb11u6
/// ```
fn list(text: &str, sink: &mut dyn Sink) {
    let mut records: Vec<Record> = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            match header(line) {
                Some(record) => records.push(record),
                None => sink.rejected("the head of an advisory cannot be read", line),
            }
            continue;
        }
        let line = line.trim();
        let Some(record) = records.last_mut() else { continue };
        if let Some(ids) = line.strip_prefix('{') {
            let ids = ids.trim_end_matches('}').split_whitespace();
            record.upstream.extend(ids.map(str::to_owned));
        } else if let Some((codename, rest)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            match statement(codename, rest) {
                Some(Ok(statement)) => record.affected.push(statement),
                Some(Err(reason)) => sink.rejected(reason, &record.id),
                None => {}
            }
        }
    }
    // A later part of an advisory (`DSA-5356-2`, a regression update) names no flaws: it is about those of the first.
    let first: HashMap<String, Vec<String>> = records
        .iter()
        .filter(|record| !record.upstream.is_empty())
        .filter_map(|record| Some((record.id.rsplit_once('-')?.0.to_owned(), record.upstream.clone())))
        .collect();
    for mut record in records {
        if record.upstream.is_empty()
            && let Some((base, _)) = record.id.rsplit_once('-')
            && let Some(upstream) = first.get(base)
        {
            record.upstream.clone_from(upstream);
        }
        sink.record(record);
    }
}

fn header(line: &str) -> Option<Record> {
    let (date, rest) = line.strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim();
    let (id, title) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_id = ["DSA-", "DLA-", "DTSA-"].iter().any(|prefix| id.starts_with(prefix));
    let day = day(date).unwrap_or_default();
    is_id.then(|| Record {
        id: id.to_owned(),
        title: title.trim().chars().take(200).collect(),
        published: day.clone(),
        modified: day,
        ..Record::default()
    })
}

/// `29 Mar 2023` or `August 28th, 2005` as `2023-03-29`.
fn day(text: &str) -> Option<String> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let mut year = None;
    let mut month = None;
    let mut day = None;
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        let lower = word.to_ascii_lowercase();
        let digits: String = lower.chars().take_while(char::is_ascii_digit).collect();
        match digits.len() {
            4 => year = Some(digits),
            1 | 2 => day = digits.parse::<u8>().ok().filter(|day| (1..=31).contains(day)),
            _ => month = MONTHS.iter().position(|name| lower.starts_with(name)).or(month),
        }
    }
    Some(format!("{}-{:02}-{:02}", year?, month? + 1, day?))
}

/// One line behind a release: ` - package version (remark)` or ` - package <status> (reason)`.
fn statement(codename: &str, rest: &str) -> Option<Result<Affected, &'static str>> {
    let rest = rest.trim().strip_prefix('-')?.trim();
    let (package, rest) = rest.split_once(char::is_whitespace)?;
    let Some(stream) = stream(codename) else { return Some(Err("the release's code name is not known")) };
    let target = Target::Stream(stream);
    let rest = rest.trim();
    let remark =
        rest.split_once('(').map(|(_, remark)| remark.trim_end_matches(')').trim()).unwrap_or_default();
    let note: String = remark.chars().take(200).collect();
    let word = rest.split_whitespace().next().unwrap_or_default();
    if let Some(word) = word.strip_prefix('<').and_then(|word| word.strip_suffix('>')) {
        let status = status_of(word)?;
        return Some(Ok(Affected { status, note, ..Affected::all(target, package, NameKind::Source) }));
    }
    if word.is_empty() {
        return Some(Err("a package stands without version or status"));
    }
    Some(Ok(Affected::below(target, package, NameKind::Source, word)))
}

#[derive(Deserialize)]
struct Flaw {
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    releases: BTreeMap<String, State>,
}

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    status: String,
    #[serde(default)]
    fixed_version: Option<String>,
    #[serde(default)]
    urgency: Option<String>,
    #[serde(default)]
    nodsa: Option<String>,
    #[serde(default)]
    nodsa_reason: Option<String>,
}

/// The tracker's JSON is one map of some 70 MB: it is read package by package, never held as a whole.
struct Packages<'a>(&'a mut dyn Sink);

impl<'de> DeserializeSeed<'de> for Packages<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Packages<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map of source packages")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(package) = map.next_key::<String>()? {
            for (id, flaw) in map.next_value::<BTreeMap<String, Flaw>>()? {
                self.0.record(record(&package, id, &flaw));
            }
        }
        Ok(())
    }
}

fn document(content: &[u8], name: &str, sink: &mut dyn Sink) {
    let mut deserializer = serde_json::Deserializer::from_slice(content);
    match Packages(sink).deserialize(&mut deserializer) {
        Ok(()) => {}
        Err(error) if error.is_data() => {
            sink.rejected("a field has the wrong form; the rest is not read", name);
        }
        Err(_) => sink.rejected("not a JSON document, or cut off", name),
    }
}

fn record(package: &str, id: String, flaw: &Flaw) -> Record {
    let mut affected = Vec::new();
    for (codename, state) in &flaw.releases {
        let Some(stream) = stream(codename) else { continue };
        let target = Target::Stream(stream);
        let urgency = state.urgency.as_deref().unwrap_or_default().trim_end_matches('*');
        let mut statement = match (state.status.as_str(), state.fixed_version.as_deref()) {
            ("resolved", Some("0")) => Affected::never(target, package, NameKind::Source),
            ("resolved", Some(fixed)) => Affected::below(target, package, NameKind::Source, fixed),
            (status, _) => Affected {
                status: match (status, state.nodsa_reason.as_deref(), urgency) {
                    (_, _, "end-of-life") => FixStatus::EndOfLife,
                    (_, Some("ignored"), _) => FixStatus::WillNotFix,
                    (_, Some("postponed"), _) => FixStatus::FixDeferred,
                    ("open" | "resolved", ..) => FixStatus::Affected,
                    ("undetermined", ..) => FixStatus::UnderInvestigation,
                    _ => FixStatus::Unknown,
                },
                ..Affected::all(target, package, NameKind::Source)
            },
        };
        if let Some(reason) = state.nodsa.as_deref().filter(|reason| !reason.is_empty()) {
            statement.note = format!("no DSA: {}", reason.chars().take(200).collect::<String>());
        }
        if matches!(urgency, "unimportant" | "low" | "medium" | "high") {
            let value = urgency.to_owned();
            statement.ratings.push(Rating { form: RatingForm::Word, value, source: String::new() });
        }
        affected.push(statement);
    }
    let title = flaw.description.as_deref().unwrap_or_default();
    let title = title.lines().next().unwrap_or_default().chars().take(200).collect();
    Record { id, title, affected, ..Record::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Kept;

    fn debian(version: &str) -> Target {
        Target::Stream(Stream::from_osv(&format!("Debian:{version}")).unwrap())
    }

    #[test]
    fn a_list() {
        let mut kept = Kept::default();
        list(
            "[17 Mar 2023] DSA-5356-2 sox - regression update\n\t[bullseye] - sox 14.4.2-3\n\
             [20 Feb 2023] DSA-5356-1 sox - security update\n\t{CVE-2019-13590 CVE-2021-3643}\n\t[bullseye] - sox 14.4.2-2\n\
             [August 28th, 2005] DTSA-2-1 centericq - several\n\t{CVE-2005-2448 }\n\t[etch] - centericq 4.20.0-8etch1 (medium)\n\
             \t[lenny] - centericq <not-affected> (Vulnerable code not present)\n\tNOTE: [etch] - clamav <end-of-life>\n\
             \t[wheezy] - typo3-src <end-of-life>\n\t[nowhere] - a 1\n[broken\n",
            &mut kept,
        );
        assert_eq!(kept.records.len(), 3);
        assert_eq!(kept.records[0].upstream, ["CVE-2019-13590", "CVE-2021-3643"]);
        assert_eq!(kept.records[0].published, "2023-03-17");
        assert_eq!(
            kept.records[0].affected,
            [Affected::below(debian("11"), "sox", NameKind::Source, "14.4.2-3")]
        );
        let last = &kept.records[2];
        assert_eq!(last.published, "2005-08-28");
        let statuses: Vec<FixStatus> = last.affected.iter().map(|entry| entry.status).collect();
        assert_eq!(statuses, [FixStatus::Affected, FixStatus::NotAffected, FixStatus::EndOfLife]);
        assert_eq!(last.affected[1].note, "Vulnerable code not present");
        assert_eq!(kept.rejected.len(), 2);
    }

    #[test]
    fn the_json_document() {
        let mut kept = Kept::default();
        let text = br#"{"a":{"CVE-2020-1":{"description":"One","releases":{
            "bookworm":{"status":"resolved","fixed_version":"0","urgency":"unimportant"},
            "bullseye":{"status":"resolved","fixed_version":"1.2-1","urgency":"low**"},
            "trixie":{"status":"open","urgency":"not yet assigned","nodsa":"Minor issue","nodsa_reason":"postponed"},
            "sid":{"status":"undetermined"},
            "buster":{"status":"open","nodsa":"EOL in buster LTS","nodsa_reason":"ignored"}}}}}"#;
        document(text, "tracker.json", &mut kept);
        let state = |version: &str| {
            let target = debian(version);
            let entry = kept.records[0].affected.iter().find(|entry| entry.target == target).unwrap();
            (entry.status, entry.ranges.len(), entry.note.as_str())
        };
        assert_eq!(state("12"), (FixStatus::NotAffected, 0, ""));
        assert_eq!(state("11"), (FixStatus::Affected, 1, ""));
        assert_eq!(state("13"), (FixStatus::FixDeferred, 0, "no DSA: Minor issue"));
        assert_eq!(state("10"), (FixStatus::WillNotFix, 0, "no DSA: EOL in buster LTS"));
        assert_eq!(state("sid"), (FixStatus::UnderInvestigation, 0, ""));
        let mut cut = Kept::default();
        document(&text[..text.len() - 2], "tracker.json", &mut cut);
        assert_eq!((cut.records.len(), cut.rejected.len()), (0, 1));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "\\PC*", lines in "[\\[\\]{}<>()a-zA-Z0-9 \n\t,-]{0,200}") {
            list(&text, &mut Kept::default());
            list(&lines, &mut Kept::default());
            document(text.as_bytes(), "a.json", &mut Kept::default());
        }
    }
}
