//! RetireJS: flaws of JavaScript libraries, in the two files of its repository: `jsrepository-v6.json` about scripts that
//! pages load, `npmrepository.json` about npm's packages. As `retirejs/repository.zip` or as the files themselves.
//!
//! Format: github.com/RetireJS/retire.js, `repository/`. A library has `vulnerabilities`, each with `below` (the first
//! version without the flaw) and `atOrAbove`; several entries with one id are intervals of one flaw. How RetireJS finds
//! the libraries in scripts (`extractors`) is not read.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_model::Ecosystem;
use plimsoll_model::version::{self, Scheme};
use serde::Deserialize;

use super::files::{self, Passed};
use super::upstream::{How, Remote, Serves, Terms, Upstream};
use super::{Feed, Part, Sink, at};
use crate::error::Error;
use crate::record::{Affected, Event, NameKind, Rating, RatingForm, Record, Target};

/// The feed.
pub static RETIREJS: Feed = Feed { name: "retirejs", find, read, upstreams: UPSTREAMS };

static UPSTREAMS: &[Upstream] = &[Upstream {
    source: "retirejs",
    terms: Terms::Open,
    serves: Serves::Ecosystems(&[Ecosystem::Npm]),
    how: How::Files(|| {
        ["jsrepository-v6.json", "npmrepository.json"]
            .map(|file| {
                let base = "https://raw.githubusercontent.com/RetireJS/retire.js/master/repository";
                Remote::new(format!("{base}/{file}"), format!("retirejs/{file}"))
            })
            .into()
    }),
}];

#[expect(clippy::unnecessary_wraps, reason = "the form that all feeds share")]
fn find(from: &Path) -> Result<Vec<Part>, Error> {
    let places = &["retirejs/repository.zip", "retirejs/jsrepository-v6.json", "retirejs/npmrepository.json"];
    Ok(at(from, "retirejs", places, "Apache-2.0 (RetireJS)"))
}

#[derive(Deserialize)]
struct Library {
    #[serde(default)]
    npmname: Option<String>,
    #[serde(default)]
    vulnerabilities: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    below: Option<String>,
    #[serde(default, rename = "atOrAbove")]
    at_or_above: Option<String>,
    #[serde(default)]
    severity: Option<String>,
    #[serde(default)]
    info: Vec<String>,
    #[serde(default)]
    identifiers: BTreeMap<String, OneOrMore>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn all(&self) -> &[String] {
        match self {
            OneOrMore::One(value) => std::slice::from_ref(value),
            OneOrMore::More(values) => values,
        }
    }
}

/// Not about a library.
const EXAMPLES: &[&str] = &["retire-example", "dont check"];

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    let wanted = |name: &str| {
        let file = name.rsplit('/').next().unwrap_or(name);
        file.starts_with("jsrepository") || file.starts_with("npmrepository")
    };
    files::each(&part.path, &wanted, &mut |name, passed| {
        let content = match passed {
            Passed::Unreadable(reason) => return sink.rejected(reason, name),
            Passed::Content(content) => content,
        };
        let Ok(libraries) = serde_json::from_slice::<BTreeMap<String, serde_json::Value>>(content) else {
            return sink.rejected("not a JSON object of libraries", name);
        };
        for (key, library) in libraries {
            if EXAMPLES.contains(&key.as_str()) {
                continue;
            }
            match serde_json::from_value::<Library>(library) {
                Ok(library) => records(&key, library, sink),
                Err(_) => sink.rejected("the library has another form", &key),
            }
        }
    })
}

/// The flaws of one library: entries with one id are one record.
fn records(key: &str, library: Library, sink: &mut dyn Sink) {
    let name = library.npmname.unwrap_or_else(|| key.to_lowercase());
    let mut found: BTreeMap<String, Record> = BTreeMap::new();
    for entry in library.vulnerabilities {
        let id = id(&name, &entry);
        let summary = entry.identifiers.get("summary").and_then(|text| text.all().first());
        if summary.is_some_and(|text| text.contains("End-of-Life")) {
            sink.skipped("says that a branch is no longer supported, names no flaw", &id);
            continue;
        }
        let Some(range) = range(&entry) else {
            sink.rejected("its versions cannot be read", &id);
            continue;
        };
        let record = found.entry(id.clone()).or_insert_with(|| {
            let affected = Affected::all(Target::Ecosystem(Ecosystem::Npm), &name, NameKind::Binary);
            Record { id, affected: vec![affected], ..Record::default() }
        });
        if record.title.is_empty() {
            record.title = summary.cloned().unwrap_or_default();
        }
        for alias in ["CVE", "githubID"].iter().filter_map(|kind| entry.identifiers.get(*kind)) {
            let ids = alias.all().iter().filter(|id| id.starts_with("CVE-") || id.starts_with("GHSA-"));
            for id in ids {
                if !record.aliases.contains(id) {
                    record.aliases.push(id.clone());
                }
            }
        }
        if record.ratings.is_empty()
            && let Some(value) = entry.severity.filter(|word| word != "none")
        {
            record.ratings.push(Rating { form: RatingForm::Word, value, source: String::new() });
        }
        for reference in entry.info {
            if !record.references.contains(&reference) {
                record.references.push(reference);
            }
        }
        record.affected[0].ranges.push(range);
    }
    for record in found.into_values() {
        sink.record(record);
    }
}

/// The feed gives its entries no id of their own: the public id, or the first number of theirs, or the place that tells
/// of it, after the library's name.
fn id(name: &str, entry: &Entry) -> String {
    let own =
        ["githubID", "CVE", "retid", "issue", "bug", "PR", "gist", "blog", "release", "tenable", "osvdb"];
    let named = own.iter().find_map(|kind| {
        let value = entry.identifiers.get(*kind)?.all().first()?;
        Some(if value.starts_with("CVE-") || value.starts_with("GHSA-") {
            value.clone()
        } else {
            format!("{kind}-{value}")
        })
    });
    let told =
        || entry.info.first().map(|place| place.trim_end_matches('/').rsplit('/').next().unwrap_or(place));
    let last = named.unwrap_or_else(|| told().unwrap_or("unnamed").to_owned());
    let plain: String = last
        .chars()
        .map(|mark| if mark.is_ascii_alphanumeric() || mark == '.' { mark } else { '-' })
        .collect();
    format!("RETIREJS-{name}-{}", super::cut(&plain, 60))
}

/// From `atOrAbove` up to `below`. A bound like 2.999.999 or 100 is no release: nothing is known to be fixed.
fn range(entry: &Entry) -> Option<Vec<Event>> {
    let low = match entry.at_or_above.as_deref() {
        None | Some("0") => "0".to_owned(),
        Some(text) => semantic(text)?,
    };
    let mut events = vec![Event::Introduced(low.clone())];
    if let Some(below) = &entry.below {
        let high = semantic(below)?;
        let order = version::compare(Scheme::Semver, &low, &high);
        if low != "0" && !order.is_ok_and(std::cmp::Ordering::is_lt) {
            return None;
        }
        let core = high.split('-').next().unwrap_or(&high);
        let imagined = core.split('.').any(|part| part.len() >= 3 && part.bytes().all(|digit| digit == b'9'))
            || below.parse::<u64>().is_ok_and(|major| major >= 100);
        events.push(if imagined { Event::Limit(high) } else { Event::Fixed(high) });
    }
    Some(events)
}

/// RetireJS writes versions as libraries do (`1.9.0b1`, `1.0.0.beta.3`, `1.14`, `1.3.0-*`); npm knows three numbers and
/// what is before a release. `None` for others.
fn semantic(text: &str) -> Option<String> {
    let text = text.trim();
    let split = text.find(|mark: char| !mark.is_ascii_digit() && mark != '.').unwrap_or(text.len());
    let (core, rest) = text.split_at(split);
    let mut numbers: Vec<&str> = core.trim_end_matches('.').split('.').collect();
    if numbers.len() > 3 || numbers.iter().any(|number| number.is_empty() || number.len() > 9) {
        return None;
    }
    numbers.resize(3, "0");
    let core = numbers.iter().map(|number| number.parse::<u64>().ok()).collect::<Option<Vec<_>>>()?;
    let core = format!("{}.{}.{}", core[0], core[1], core[2]);
    let rest = rest.trim_start_matches('-');
    let whole = match rest {
        "" => core,
        "*" => format!("{core}-0"),
        rest => format!("{core}-{rest}"),
    };
    version::compare(Scheme::Semver, &whole, &whole).ok().map(|_| whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Kept;

    fn kept(text: &str) -> Kept {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("retirejs")).unwrap();
        std::fs::write(folder.path().join("retirejs/jsrepository-v6.json"), text).unwrap();
        let mut kept = Kept::default();
        for part in find(folder.path()).unwrap() {
            read(&part, &mut kept).unwrap();
        }
        kept
    }

    #[test]
    fn intervals_of_one_flaw_are_one_record() {
        let kept = kept(
            r#"{"AngularLike":{"npmname":"angular-like","vulnerabilities":[
                {"atOrAbove":"0","below":"1.2.3","severity":"high","identifiers":{"summary":"XSS","CVE":["CVE-2020-1"],"githubID":"GHSA-aaaa-bbbb-cccc"},"info":["https://a.example/1"]},
                {"atOrAbove":"1.3.0-*","below":"1.3.4","severity":"high","identifiers":{"CVE":["CVE-2020-1"],"githubID":"GHSA-aaaa-bbbb-cccc"},"info":["https://a.example/2"]},
                {"below":"2.999.999","identifiers":{"issue":"12"},"info":[]},
                {"below":"2.999.999","identifiers":{"summary":"1.x is End-of-Life","retid":"3"},"info":[]},
                {"below":"~","identifiers":{"retid":"4"},"info":[]}
            ]}, "retire-example":{"vulnerabilities":[{"below":"1"}]}, "broken":{"vulnerabilities":7}}"#,
        );
        let [first, second] = kept.records.as_slice() else { panic!("{:?}", kept.records) };
        assert_eq!(first.id, "RETIREJS-angular-like-GHSA-aaaa-bbbb-cccc");
        assert_eq!(first.aliases, ["CVE-2020-1", "GHSA-aaaa-bbbb-cccc"]);
        assert_eq!(first.title, "XSS");
        assert_eq!(first.ratings[0].value, "high");
        assert_eq!(first.references, ["https://a.example/1", "https://a.example/2"]);
        assert_eq!(
            first.affected[0].ranges,
            [
                [Event::Introduced("0".into()), Event::Fixed("1.2.3".into())],
                [Event::Introduced("1.3.0-0".into()), Event::Fixed("1.3.4".into())],
            ]
        );
        assert_eq!(second.id, "RETIREJS-angular-like-issue-12");
        // Nobody can be told to take 2.999.999.
        assert_eq!(
            second.affected[0].ranges,
            [[Event::Introduced("0".into()), Event::Limit("2.999.999".into())]]
        );
        let of = |list: &[(&str, String)]| list.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>();
        assert_eq!(of(&kept.skipped), ["RETIREJS-angular-like-retid-3"]);
        assert_eq!(of(&kept.rejected), ["RETIREJS-angular-like-retid-4", "broken"]);
    }

    #[test]
    fn versions_become_semantic_ones() {
        for (text, expected) in [
            ("1.14", Some("1.14.0")),
            ("1.9.0b1", Some("1.9.0-b1")),
            ("1.0.0.beta.3", Some("1.0.0-beta.3")),
            ("3.0.0-beta1", Some("3.0.0-beta1")),
            ("1.01", Some("1.1.0")),
            ("1.0RC2", Some("1.0.0-RC2")),
            ("1.6.0.2", None),
            ("~", None),
            ("", None),
        ] {
            assert_eq!(semantic(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_whole_repository() {
        let Some(root) = plimsoll_testing::shared("data") else { return };
        let mut kept = Kept::default();
        for part in find(&root).unwrap() {
            read(&part, &mut kept).unwrap();
        }
        let seen = (kept.records.len(), kept.rejected.len());
        assert!(seen.0 > 900 && seen.1 < 25, "{seen:?}: {:?}", kept.rejected);
    }
}
