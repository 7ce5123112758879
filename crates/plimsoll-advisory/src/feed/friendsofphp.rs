//! FriendsOfPHP security advisories: `friendsofphp/security-advisories.zip`, or a checkout: `<vendor>/<package>/<id>.yaml`.
//!
//! Each branch names its affected versions; a package may live in another Composer repository than Packagist.

use std::collections::BTreeMap;
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
pub static FRIENDS_OF_PHP: Feed = Feed { name: "friendsofphp", find, read, upstreams: UPSTREAMS };

static UPSTREAMS: &[Upstream] = &[Upstream {
    source: "friendsofphp",
    terms: Terms::Open,
    serves: Serves::Ecosystems(&[Ecosystem::Packagist]),
    how: How::Files(|| {
        upstream::repository(
            "FriendsOfPHP/security-advisories",
            "master",
            "friendsofphp/security-advisories.zip",
        )
    }),
}];

#[expect(clippy::unnecessary_wraps, reason = "the form that all feeds share")]
fn find(from: &Path) -> Result<Vec<Part>, Error> {
    let places = &["friendsofphp/security-advisories.zip", "friendsofphp/security-advisories"];
    Ok(at(from, "friendsofphp", places, "Unlicense (FriendsOfPHP security advisories)"))
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    cve: Option<String>,
    #[serde(default)]
    branches: BTreeMap<String, Branch>,
    reference: String,
    #[serde(default, rename = "composer-repository")]
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    versions: Vec<String>,
}

/// Another repository's address, or `false` for none.
#[derive(Deserialize)]
#[serde(untagged)]
enum Repository {
    None(bool),
    Address(String),
}

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    let wanted = |name: &str| name.ends_with(".yaml") && name.matches('/').count() >= 2;
    files::each(&part.path, &wanted, &mut |name, passed| {
        let entry = match passed {
            Passed::Unreadable(reason) => return sink.rejected(reason, name),
            Passed::Content(content) => {
                std::str::from_utf8(content).ok().and_then(|text| serde_saphyr::from_str::<Entry>(text).ok())
            }
        };
        let Some(entry) = entry else { return sink.rejected("the entry cannot be read", name) };
        let elsewhere = match &entry.repository {
            Some(Repository::None(has)) => !has,
            Some(Repository::Address(address)) => !address.contains("packagist.org"),
            None => false,
        };
        if elsewhere {
            return sink.skipped("the package is in another Composer repository", name);
        }
        match record(name, entry) {
            Some(record) => sink.record(record),
            None => sink.rejected("a version requirement or reference cannot be read", name),
        }
    })
}

fn record(name: &str, entry: Entry) -> Option<Record> {
    let package = entry.reference.strip_prefix("composer://")?;
    let mut affected = Affected::all(Target::Ecosystem(Ecosystem::Packagist), package, NameKind::Binary);
    let mut newest = String::new();
    for branch in entry.branches.values() {
        let set = Set::all_of(Scheme::Packagist, branch.versions.iter().map(String::as_str))?;
        affected.ranges.extend(set.events()?);
        if let Some(time) =
            branch.time.as_deref().and_then(|time| time.get(..10)).filter(|time| *time > newest.as_str())
        {
            time.clone_into(&mut newest);
        }
    }
    if affected.ranges.is_empty() {
        return None;
    }
    Some(Record {
        id: format!("FOP-{}", name.strip_suffix(".yaml")?),
        aliases: entry.cve.filter(|cve| cve.starts_with("CVE-")).into_iter().collect(),
        title: entry.title.unwrap_or_default(),
        published: newest.clone(),
        modified: newest,
        references: entry.link.into_iter().collect(),
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
        let package = folder.path().join("friendsofphp/security-advisories/a/b");
        std::fs::create_dir_all(&package).unwrap();
        std::fs::write(package.join("CVE-2020-1.yaml"), text).unwrap();
        let mut kept = Kept::default();
        read(&find(folder.path()).unwrap()[0], &mut kept).unwrap();
        kept
    }

    #[test]
    fn branches() {
        let kept = check(
            "title: T\nlink: https://example.org\ncve: CVE-2020-1\nbranches:\n  2.7.x:\n    time: 2019-04-16 11:40:42\n    versions: ['>=2.7.0', '<2.7.51']\n  3.0.x:\n    time: ~\n    versions: ['>=3.0.0', '<3.1.0']\nreference: composer://a/b\n",
        );
        let record = &kept.records[0];
        assert_eq!((record.id.as_str(), record.modified.as_str()), ("FOP-a/b/CVE-2020-1", "2019-04-16"));
        assert_eq!(
            record.affected[0].ranges,
            [
                [Event::Introduced("2.7.0".into()), Event::Fixed("2.7.51".into())],
                [Event::Introduced("3.0.0".into()), Event::Fixed("3.1.0".into())],
            ]
        );
    }

    #[test]
    fn packages_of_other_repositories_are_left_out() {
        let text = "branches:\n  a:\n    versions: ['<1']\nreference: composer://a/b\ncomposer-repository: https://packages.example.org\n";
        assert_eq!(check(text).skipped.len(), 1);
        assert_eq!(check("reference: [").rejected.len(), 1);
    }

    #[test]
    fn the_whole_database() {
        let Some(root) = plimsoll_testing::shared("data") else { return };
        let mut kept = Kept::default();
        for part in find(&root).unwrap() {
            read(&part, &mut kept).unwrap();
        }
        let seen = (kept.records.len(), kept.skipped.len(), kept.rejected.len());
        assert!(seen.0 >= 1400 && seen.2 < 10, "{seen:?}: {:?}", kept.rejected);
    }
}
