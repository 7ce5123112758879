//! Where feeds are fetched from: a table beside each feed's reader, [`super::Feed::upstreams`].
//!
//! An [`Upstream`] says which addresses lead to which places below a folder of feeds, whether the data may be passed on,
//! and whom they serve. How they are fetched is [`mod@crate::update`]'s matter.

use plimsoll_model::Ecosystem;
use plimsoll_model::distribution::DISTRIBUTIONS;
use plimsoll_model::ecosystem::ECOSYSTEMS;

/// One source that can be fetched.
#[derive(Debug)]
pub struct Upstream {
    /// Name of the source in the database: `osv/npm`, `alpine`.
    pub source: &'static str,
    /// May it be passed on in a database?
    pub terms: Terms,
    /// Whose packages it knows.
    pub serves: Serves,
    /// How it is fetched.
    pub how: How,
}

/// What may be done with the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// A licence that allows passing them on, at most with attribution or under the same licence.
    Open,
    /// Public, but no licence was found: fetched for one's own use when a scan needs it or it is named.
    NotStated,
    /// The licence restricts scanners or passing on: fetched only when it is named.
    Restricted,
}

/// Whose packages a source knows.
#[derive(Debug)]
pub enum Serves {
    /// Facts about flaws, or about releases, whatever the packages.
    All,
    /// Facts that make reports richer, and that no answer depends on: too large to be fetched during a scan.
    Extra,
    /// Packages of these ecosystems.
    Ecosystems(&'static [Ecosystem]),
    /// Packages of these distributions, by key.
    Distributions(&'static [&'static str]),
    /// What the model's tables know under this name of OSV's.
    Osv(&'static str),
}

/// How a source is fetched.
#[derive(Debug)]
pub enum How {
    /// Files, each with a conditional request.
    Files(fn() -> Vec<Remote>),
    /// A folder of OSV.dev's export: `all.zip`, and single records by `modified_id.csv`.
    Osv(&'static str),
    /// The lists of updates of repositories of RPM packages.
    Repositories(&'static Repositories),
    /// Fedora's security updates, page by page for each release, and those that changed.
    Bodhi,
    /// Red Hat's VEX: the archive that `archive_latest.txt` names, and single documents by `changes.csv`.
    RedHatVex,
}

/// Repositories of RPM packages whose lists of updates (`updateinfo` of `repodata/repomd.xml`) make a source.
#[derive(Debug)]
pub struct Repositories {
    /// Those that are always there.
    pub fixed: &'static [Repository],
    /// How the repositories of a catalogue are called: `TOPIC` stands for a name of it.
    pub catalog: Option<Repository>,
    /// The catalogue, `{"topics": [{"n": NAME}]}`.
    pub catalog_url: &'static str,
}

/// One repository.
#[derive(Clone, Copy, Debug)]
pub struct Repository {
    /// The list of its mirrors, one address a line.
    pub mirrors: &'static str,
    /// Where its list of updates goes, below the folder of feeds.
    pub place: &'static str,
}

/// What stands for a topic in a [`Repository`] of a catalogue.
pub const TOPIC: &str = "TOPIC";

/// One file of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Where it comes from.
    pub url: String,
    /// Where it goes, below the folder of feeds.
    pub place: String,
    /// Greatest size in bytes.
    pub limit: u64,
    /// It may be absent upstream, or hold nothing.
    pub optional: bool,
}

/// Greatest size of a file where nothing smaller is known, in bytes.
const LIMIT: u64 = 1 << 30;

impl Remote {
    /// A file that has to be there.
    pub fn new(url: impl Into<String>, place: impl Into<String>) -> Self {
        Remote { url: url.into(), place: place.into(), limit: LIMIT, optional: false }
    }

    /// A file that may be absent or empty.
    pub fn optional(url: impl Into<String>, place: impl Into<String>) -> Self {
        Remote { optional: true, ..Remote::new(url, place) }
    }
}

/// A source that is one archive of a repository on GitHub: its newest state as a zip.
pub(super) fn repository(repository: &str, branch: &str, place: &str) -> Vec<Remote> {
    vec![Remote::new(format!("https://codeload.github.com/{repository}/zip/refs/heads/{branch}"), place)]
}

impl Upstream {
    /// Does it know packages of this ecosystem, outside of distributions?
    pub fn serves_ecosystem(&self, ecosystem: Ecosystem) -> bool {
        match &self.serves {
            Serves::All => true,
            Serves::Extra | Serves::Distributions(_) => false,
            Serves::Ecosystems(known) => known.contains(&ecosystem),
            Serves::Osv(name) => {
                ECOSYSTEMS.iter().any(|row| row.ecosystem == ecosystem && row.osv.contains(name))
            }
        }
    }

    /// Does it know packages of this distribution?
    pub fn serves_distribution(&self, key: &str) -> bool {
        match &self.serves {
            Serves::All => true,
            Serves::Extra | Serves::Ecosystems(_) => false,
            Serves::Distributions(known) => known.contains(&key),
            Serves::Osv(name) => DISTRIBUTIONS.iter().any(|row| row.key == key && row.osv.contains(name)),
        }
    }
}

/// All sources that can be fetched, in the order of the feeds.
pub fn upstreams() -> impl Iterator<Item = &'static Upstream> {
    super::FEEDS.iter().flat_map(|feed| feed.upstreams)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_places_are_told_apart() {
        let mut names = BTreeSet::new();
        let mut places = BTreeSet::new();
        for upstream in upstreams() {
            assert!(names.insert(upstream.source), "{} is there twice", upstream.source);
            let How::Files(files) = upstream.how else { continue };
            let files = files();
            assert!(!files.is_empty(), "{}", upstream.source);
            for Remote { url, place, limit, .. } in files {
                assert!(url.starts_with("https://"), "{url}");
                assert!(limit > 0);
                assert!(
                    !place.starts_with('/') && place.split('/').all(|part| !part.is_empty() && part != ".."),
                    "{place}"
                );
                assert!(places.insert(place.clone()), "{place} is there twice");
            }
        }
    }

    /// What is fetched is what the reader of the same feed finds, and under the name that the table gives it.
    #[test]
    fn readers_find_what_is_fetched() {
        for feed in super::super::FEEDS {
            for upstream in feed.upstreams {
                let folder = tempfile::tempdir().unwrap();
                let places: Vec<String> = match upstream.how {
                    How::Files(files) => files().into_iter().map(|remote| remote.place).collect(),
                    How::Osv(name) => vec![format!("osv/{name}/all.zip")],
                    How::Repositories(repositories) => {
                        repositories.fixed.iter().map(|repository| repository.place.into()).collect()
                    }
                    How::Bodhi => vec!["fedora/F42/page-0001.json".into()],
                    How::RedHatVex => vec!["redhat/csaf_vex_latest.tar.zst".into()],
                };
                for place in &places {
                    let path = folder.path().join(place);
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::write(path, "").unwrap();
                }
                let parts = (feed.find)(folder.path()).unwrap();
                assert!(!parts.is_empty(), "{} is not found", upstream.source);
                for part in parts {
                    assert_eq!(part.source, upstream.source);
                    assert!(!part.licence.is_empty());
                }
            }
        }
    }

    #[test]
    fn every_language_and_distribution_with_an_osv_name_is_served() {
        // What has no open source in the table is named here, with the reason.
        let without = [
            // Licences that forbid it, or none: to be named by the user. Those have rows.
            "wolfi",
            "chainguard",
        ];
        for row in ECOSYSTEMS.iter().filter(|row| !row.osv.is_empty()) {
            assert!(
                upstreams()
                    .any(|source| source.serves_ecosystem(row.ecosystem)
                        && !matches!(source.serves, Serves::All)),
                "{:?}",
                row.ecosystem
            );
        }
        for row in DISTRIBUTIONS.iter().filter(|row| !row.osv.is_empty()) {
            let served = upstreams().any(|source| {
                source.serves_distribution(row.key)
                    && !matches!(source.serves, Serves::All)
                    && source.terms != Terms::Restricted
            });
            assert_eq!(served, !without.contains(&row.key), "{}", row.key);
        }
    }
}
