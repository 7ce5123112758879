//! Feeds: where advisories come from. One file per feed, one line in [`FEEDS`].
//!
//! A feed finds the files that it reads below a folder ([`Feed::find`]), each a [`Part`], and turns one part at a time
//! into calls of a [`Sink`]. Parts are read in parallel and written in the order in which they were found. Everything in
//! a part is hostile: a bad record is counted with [`Sink::rejected`] and the next one is read; only a container that
//! cannot be read at all is an error.

use std::path::{Path, PathBuf};

use plimsoll_model::{Epss, Kev};

use crate::error::Error;
use crate::record::{Rating, Record};

pub mod arch;
pub mod csaf;
pub mod cve;
pub mod debian;
pub mod eol;
pub mod epss;
pub mod fedora;
pub mod files;
pub mod friendsofphp;
pub mod kev;
pub mod nodejs;
pub mod osv;
pub mod oval;
pub mod requirement;
pub mod retirejs;
pub mod rubysec;
pub mod secdb;
pub mod updateinfo;
pub mod upstream;
pub mod vexhub;
mod xml;

/// All feeds. A new one is its file and one line here.
pub static FEEDS: &[&Feed] = &[
    // Advisories.
    &osv::OSV,
    &secdb::SECDB,
    &debian::DEBIAN,
    &arch::ARCH,
    &oval::OVAL,
    &fedora::FEDORA,
    &csaf::CSAF,
    &friendsofphp::FRIENDS_OF_PHP,
    &nodejs::NODEJS,
    &retirejs::RETIREJS,
    &rubysec::RUBYSEC,
    &updateinfo::UPDATEINFO,
    // Enrichment and vendor statements.
    &cve::CVE,
    &eol::EOL,
    &epss::EPSS,
    &kev::KEV,
    &vexhub::VEXHUB,
];

/// One kind of feed.
pub struct Feed {
    /// Short name, the first word of its sources: `osv`.
    pub name: &'static str,
    /// The parts below a folder that this feed reads, in a stable order. A folder without any gives an empty list.
    pub find: fn(&Path) -> Result<Vec<Part>, Error>,
    /// Reads one part.
    pub read: fn(&Part, &mut dyn Sink) -> Result<(), Error>,
    /// Where its parts are fetched from, a row for each source.
    pub upstreams: &'static [upstream::Upstream],
}

/// One file or folder that a feed reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Name of the source it belongs to: `osv/PyPI`, `alpine`. Several parts may share one.
    pub source: String,
    /// Where it is.
    pub path: PathBuf,
    /// Licence and attribution notice of the data, shown with the source.
    pub licence: &'static str,
}

/// What one source says about the flaw behind a CVE id, apart from any package.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CveFacts {
    /// One line; empty when there is none.
    #[serde(rename = "t", default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Ratings, with who gave them.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub ratings: Vec<Rating>,
    /// The CVE record was rejected: the id names no flaw.
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    pub rejected: bool,
}

/// One release cycle of a product and how long it is supported.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Cycle {
    /// Product, in the feed's word: `debian`, `nodejs`.
    pub product: String,
    /// Release cycle: `12`, `3.18`, `20`.
    pub cycle: String,
    /// Code name; empty when there is none.
    pub codename: String,
    /// Release date, `YYYY-MM-DD`; empty when not known.
    pub released: String,
    /// Last day of regular support, `YYYY-MM-DD`; empty when not known or not over; `ended` when over without a date.
    pub end: String,
    /// Last day of extended (long-term, paid) support, same form.
    pub extended_end: String,
    /// Newest release of the cycle; empty when not known.
    pub latest: String,
}

/// A package that its distribution supports only in part, or no longer, while the release lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Unsupported {
    /// Stream: `debian:12`.
    pub stream: String,
    /// Source package.
    pub package: String,
    /// Last day of support, `YYYY-MM-DD`; empty when it is limited rather than ended.
    pub ended: String,
    /// Why, in the feed's words.
    pub reason: String,
}

/// What a vendor's hub says about one product and one vulnerability (OpenVEX 0.2, CSAF 2.0 VEX profile).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct HubStatement {
    /// Id or path of the document.
    pub document: String,
    /// Package URL of the product.
    pub product: String,
    /// Package URLs of the subcomponents it speaks about; empty when it speaks about the whole product.
    pub subcomponents: Vec<String>,
    /// Id and aliases of the vulnerability.
    pub vulnerability: Vec<String>,
    /// OpenVEX status: `not_affected`, `affected`, `fixed`, `under_investigation`.
    pub status: String,
    /// Justification or impact statement, in the document's words.
    pub justification: String,
    /// RFC 3339 time of the statement; empty when it has none.
    pub date: String,
}

/// Where a feed's content goes. The source is the part's.
pub trait Sink {
    /// One advisory.
    fn record(&mut self, record: Record);
    /// A record that breaks its own format. `reason` is one of few fixed texts, `example` an id or file name.
    fn rejected(&mut self, reason: &'static str, example: &str);
    /// A record, or a part of one, that is left out on purpose: no package named, bounds only in git commits.
    fn skipped(&mut self, reason: &'static str, example: &str);
    /// The date the feed states for itself. Without one the newest `modified` of the records counts.
    fn dated(&mut self, date: &str);
    /// The commit or serial number the feed states for itself.
    fn commit(&mut self, commit: &str);
    /// A CVE known to be exploited.
    fn kev(&mut self, cve: &str, kev: Kev);
    /// A CVE's probability of being exploited.
    fn epss(&mut self, cve: &str, epss: Epss);
    /// Facts about a CVE.
    fn cve(&mut self, cve: &str, facts: CveFacts);
    /// How long a release is supported.
    fn cycle(&mut self, cycle: Cycle);
    /// A package without full support.
    fn unsupported(&mut self, unsupported: Unsupported);
    /// A statement of a VEX hub.
    fn statement(&mut self, statement: HubStatement);
}

/// A sink that keeps everything as it is: for tests of readers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// Advisories.
    pub records: Vec<Record>,
    /// Reason and example of what was rejected.
    pub rejected: Vec<(&'static str, String)>,
    /// Reason and example of what was left out.
    pub skipped: Vec<(&'static str, String)>,
    /// Stated dates.
    pub dates: Vec<String>,
    /// Stated commits.
    pub commits: Vec<String>,
    /// Known exploited.
    pub kev: Vec<(String, Kev)>,
    /// Probabilities.
    pub epss: Vec<(String, Epss)>,
    /// CVE facts.
    pub cves: Vec<(String, CveFacts)>,
    /// Release cycles.
    pub cycles: Vec<Cycle>,
    /// Packages without support.
    pub unsupported: Vec<Unsupported>,
    /// Hub statements.
    pub statements: Vec<HubStatement>,
}

impl Sink for Kept {
    fn record(&mut self, record: Record) {
        self.records.push(record);
    }

    fn rejected(&mut self, reason: &'static str, example: &str) {
        self.rejected.push((reason, example.to_owned()));
    }

    fn skipped(&mut self, reason: &'static str, example: &str) {
        self.skipped.push((reason, example.to_owned()));
    }

    fn dated(&mut self, date: &str) {
        self.dates.push(date.to_owned());
    }

    fn commit(&mut self, commit: &str) {
        self.commits.push(commit.to_owned());
    }

    fn kev(&mut self, cve: &str, kev: Kev) {
        self.kev.push((cve.to_owned(), kev));
    }

    fn epss(&mut self, cve: &str, epss: Epss) {
        self.epss.push((cve.to_owned(), epss));
    }

    fn cve(&mut self, cve: &str, facts: CveFacts) {
        self.cves.push((cve.to_owned(), facts));
    }

    fn cycle(&mut self, cycle: Cycle) {
        self.cycles.push(cycle);
    }

    fn unsupported(&mut self, unsupported: Unsupported) {
        self.unsupported.push(unsupported);
    }

    fn statement(&mut self, statement: HubStatement) {
        self.statements.push(statement);
    }
}

/// The files of one folder whose names have one of these endings, each a part of the source that the folder is called
/// after. A folder that is absent or cannot be listed gives none.
pub fn ending_in(from: &Path, folder: &str, endings: &[&str], licence: &'static str) -> Vec<Part> {
    let Ok(entries) = std::fs::read_dir(from.join(folder)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            endings.iter().any(|ending| name.ends_with(ending))
        })
        .collect();
    paths.sort();
    paths.into_iter().map(|path| Part { source: folder.to_owned(), path, licence }).collect()
}

/// The parts of a feed that stand at fixed places below a folder: those of `places` that exist.
pub fn at(from: &Path, source: &str, places: &[&str], licence: &'static str) -> Vec<Part> {
    places
        .iter()
        .map(|place| from.join(place))
        .filter(|path| path.exists())
        .map(|path| Part { source: source.to_owned(), path, licence })
        .collect()
}

/// At most `limit` bytes of a text, ending between characters.
fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

/// The CVE ids in a text, in their order, each once.
fn cves_in(text: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for (start, _) in text.match_indices("CVE-") {
        let rest = text.get(start + 4..).unwrap_or_default();
        let end = rest
            .find(|character: char| !character.is_ascii_digit() && character != '-')
            .unwrap_or(rest.len())
            // An id has no more; also keeps the work linear.
            .min(24);
        let number = rest.get(..end).unwrap_or_default().trim_end_matches('-');
        let plain = number.split_once('-').is_some_and(|(year, serial)| {
            year.len() == 4 && serial.len() >= 4 && serial.bytes().all(|byte| byte.is_ascii_digit())
        });
        if plain && known.insert(number) {
            ids.push(format!("CVE-{number}"));
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_text() {
        let check = |text: &str, expected: &[&str]| assert_eq!(cves_in(text), expected, "{text}");
        check("a (CVE-2022-1271) and CVE-2022-1271, CVE-2023-12345.", &["CVE-2022-1271", "CVE-2023-12345"]);
        check("CVE:00001:CVE-2019-16168", &["CVE-2019-16168"]);
        check("CVE-20-1 CVE-2022- CVE-2022-12-3456 CVE-", &[]);
    }
}
