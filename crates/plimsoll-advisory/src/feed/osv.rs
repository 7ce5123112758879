//! OSV records (osv-schema 1.7): `osv/<Ecosystem>/all.zip` as OSV.dev exports them, `osv/all.zip`, or folders of JSON
//! such as a checkout of an advisory repository.
//!
//! The bulk export puts a record into the folder of every ecosystem that it affects, so of each folder only the entries
//! of its own ecosystem are taken. A distribution is believed only in its own source: what the CleanStart feed calls
//! `Alpine` is CleanStart's.

use std::collections::HashSet;
use std::path::Path;

use plimsoll_model::{Ecosystem, FixStatus, Level, Stream, distribution::DISTRIBUTIONS, version};
use serde::{Deserialize, Deserializer};

use super::files::{self, Passed};
use super::upstream::{How, Serves, Terms, Upstream};
use super::{Feed, Part, Sink};
use crate::error::Error;
use crate::record::{self, Affected, Event, Kind, NameKind, Qualifiers, Rating, RatingForm, Record, Target};

/// The feed.
pub static OSV: Feed = Feed { name: "osv", find, read, upstreams: UPSTREAMS };

static UPSTREAMS: &[Upstream] = &[
    export("osv/AlmaLinux", "AlmaLinux", Terms::Open),
    export("osv/Alpaquita", "Alpaquita", Terms::Open),
    export("osv/BellSoft Hardened Containers", "BellSoft Hardened Containers", Terms::Open),
    export("osv/Bioconductor", "Bioconductor", Terms::Open),
    // Also asked for programs that no package manager installed.
    Upstream {
        serves: Serves::Ecosystems(&[Ecosystem::Bitnami, Ecosystem::Generic]),
        ..export("osv/Bitnami", "Bitnami", Terms::Open)
    },
    export("osv/CRAN", "CRAN", Terms::Open),
    export("osv/CleanStart", "CleanStart", Terms::Open),
    export("osv/ConanCenter", "ConanCenter", Terms::Open),
    export("osv/Echo", "Echo", Terms::NotStated),
    export("osv/GHC", "GHC", Terms::Open),
    export("osv/GitHub Actions", "GitHub Actions", Terms::Open),
    export("osv/Go", "Go", Terms::Open),
    export("osv/Hackage", "Hackage", Terms::Open),
    export("osv/Hex", "Hex", Terms::Open),
    export("osv/Julia", "Julia", Terms::Open),
    export("osv/Mageia", "Mageia", Terms::NotStated),
    export("osv/Maven", "Maven", Terms::Open),
    export("osv/NuGet", "NuGet", Terms::Open),
    export("osv/Packagist", "Packagist", Terms::Open),
    export("osv/Pub", "Pub", Terms::Open),
    export("osv/PyPI", "PyPI", Terms::Open),
    export("osv/Rocky Linux", "Rocky Linux", Terms::Open),
    export("osv/RubyGems", "RubyGems", Terms::Open),
    export("osv/SUSE", "SUSE", Terms::Open),
    export("osv/SwiftURL", "SwiftURL", Terms::Open),
    export("osv/Ubuntu", "Ubuntu", Terms::Open),
    export("osv/crates.io", "crates.io", Terms::Open),
    export("osv/npm", "npm", Terms::Open),
    export("osv/opam", "opam", Terms::Open),
    export("osv/openEuler", "openEuler", Terms::NotStated),
    export("osv/openSUSE", "openSUSE", Terms::Open),
];

const fn export(source: &'static str, folder: &'static str, terms: Terms) -> Upstream {
    Upstream { source, terms, serves: Serves::Osv(folder), how: How::Osv(folder) }
}

/// Folder beside `all.zip` for records that changed since: `<id>.json`.
pub(crate) const CHANGED: &str = "changed";

/// Folders of the bulk export that are neither a language ecosystem nor a distribution of the model's tables, and the
/// ecosystem that their records name.
static OTHER_FOLDERS: &[(&str, &str)] = &[
    ("DockerHardenedImages", "DHI"),
    ("GIT", ""),
    ("OSS-Fuzz", "OSS-Fuzz"),
    ("kubernetes", "kubernetes"),
    ("Kubernetes", "Kubernetes"),
    ("GitHub Actions", "GitHub Actions"),
    ("Linux", "Linux"),
    ("Android", "Android"),
    ("UVI", "UVI"),
];

/// Id prefixes of sources that speak for one distribution, with its OSV name.
static HOMES: &[(&str, &str)] = &[
    ("ALBA-", "AlmaLinux"),
    ("ALEA-", "AlmaLinux"),
    ("ALSA-", "AlmaLinux"),
    ("ALPINE-", "Alpine"),
    ("BELL-", "Alpaquita"),
    ("BELL-", "BellSoft Hardened Containers"),
    ("CGA-", "Chainguard"),
    ("CGA-", "Wolfi"),
    ("CLEANSTART-", "CleanStart"),
    ("DEBIAN-", "Debian"),
    ("DLA-", "Debian"),
    ("DSA-", "Debian"),
    ("DTSA-", "Debian"),
    ("ECHO-", "Echo"),
    ("AZL-", "Azure Linux"),
    ("LSN-", "Ubuntu"),
    ("MGASA-", "Mageia"),
    ("MINI-", "MinimOS"),
    ("OESA-", "openEuler"),
    ("openSUSE-", "openSUSE"),
    ("RHBA-", "Red Hat"),
    ("RHEA-", "Red Hat"),
    ("RHSA-", "Red Hat"),
    ("RLSA-", "Rocky Linux"),
    ("RXSA-", "Rocky Linux"),
    ("SUSE-", "SUSE"),
    ("SUSE-", "openSUSE"),
    ("UBUNTU-", "Ubuntu"),
    ("USN-", "Ubuntu"),
    ("V8-", "Ubuntu"),
    ("PHOTON-", "Photon OS"),
];

/// Errata of these sources name the flaws that they fix as `related`.
static RELATED_IS_FIXED: &[&str] = &[
    "ALBA-",
    "ALEA-",
    "ALSA-",
    "RLBA-",
    "RLEA-",
    "RLSA-",
    "RXSA-",
    "RHBA-",
    "RHEA-",
    "RHSA-",
    "SUSE-",
    "openSUSE-",
    "MGASA-",
    "OESA-",
];

/// Licence notices by folder; the rest is shown with [`OTHER_LICENCE`].
static LICENCES: &[(&str, &str)] = &[
    ("AlmaLinux", "MIT (AlmaLinux OSV database)"),
    ("Alpaquita", "MIT (BellSoft OSV database)"),
    ("Alpine", "CC-BY-SA-4.0 (Alpine security database)"),
    ("BellSoft Hardened Containers", "MIT (BellSoft OSV database)"),
    ("Bitnami", "Apache-2.0 (Bitnami vulnerability database)"),
    ("CRAN", "Apache-2.0 (R Consortium advisory database)"),
    ("CleanStart", "Apache-2.0 (CleanStart security advisories)"),
    ("Debian", "Debian security tracker data, redistributed as public facts"),
    ("DockerHardenedImages", "Apache-2.0 (Docker Hardened Images advisories)"),
    ("GHC", "CC0-1.0 (Haskell security advisories)"),
    ("GIT", "CC-BY-4.0 (Python Software Foundation advisory database)"),
    ("Go", "CC-BY-4.0 (Go vulnerability database, GitHub Advisory Database)"),
    ("Hackage", "CC0-1.0 (Haskell security advisories)"),
    ("Julia", "CC-BY-4.0 (Julia security advisories)"),
    ("OSS-Fuzz", "CC-BY-4.0 (OSS-Fuzz vulnerabilities)"),
    ("Packagist", "CC-BY-4.0, MIT (GitHub, GitLab open source edition, Drupal advisories)"),
    ("PyPI", "CC-BY-4.0 (PyPA and GitHub advisory databases)"),
    ("Rocky Linux", "BSD-3-Clause (Rocky Linux errata)"),
    ("Ubuntu", "CC-BY-SA-4.0 (Canonical)"),
    ("crates.io", "CC0-1.0, CC-BY-4.0 (RustSec and GitHub advisory databases)"),
    ("kubernetes", "CC-BY-4.0 (Kubernetes CVE feed)"),
    ("opam", "CC0-1.0 (OCaml security advisories)"),
];
const OTHER_LICENCE: &str =
    "CC-BY-4.0, MIT (GitHub Advisory Database, GitLab Advisory Database open source edition)";

fn find(from: &Path) -> Result<Vec<Part>, Error> {
    let root = from.join("osv");
    if !root.is_dir() {
        return Ok(Vec::new());
    }
    let error = |source| Error::Read { path: root.clone(), source };
    let mut parts = super::at(from, "osv", &["osv/all.zip"], OTHER_LICENCE);
    for entry in std::fs::read_dir(&root).map_err(error)? {
        let entry = entry.map_err(error)?;
        let (Ok(name), Ok(kind)) = (entry.file_name().into_string(), entry.file_type()) else { continue };
        if !kind.is_dir() {
            continue;
        }
        let licence = LICENCES.iter().find(|(folder, _)| *folder == name);
        let archive = entry.path().join("all.zip");
        parts.push(Part {
            source: format!("osv/{name}"),
            path: if archive.is_file() { archive } else { entry.path() },
            licence: licence.map_or(OTHER_LICENCE, |(_, licence)| licence),
        });
    }
    parts.sort_by(|left, right| left.source.cmp(&right.source));
    Ok(parts)
}

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    let folder = part.source.strip_prefix("osv/").unwrap_or_default();
    let mut each = |name: &str, passed: Passed<'_>| match passed {
        Passed::Content(content) => parse(content, name, folder, sink),
        Passed::Unreadable(reason) => sink.rejected(reason, name),
    };
    let json = |name: &str| files::has_extension(name, "json");
    // Records that were fetched after the archive replace those in it.
    let changed = part.path.with_file_name(CHANGED);
    if !part.path.ends_with("all.zip") || !changed.is_dir() {
        return files::each(&part.path, &json, &mut each);
    }
    let newer = files::names(&changed)?;
    files::each(&part.path, &|name| json(name) && !newer.contains(name), &mut each)?;
    files::each(&changed, &json, &mut each)
}

pub(super) fn null_as_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Document {
    #[serde(deserialize_with = "null_as_default")]
    id: String,
    #[serde(deserialize_with = "null_as_default")]
    summary: String,
    #[serde(deserialize_with = "null_as_default")]
    published: String,
    #[serde(deserialize_with = "null_as_default")]
    modified: String,
    withdrawn: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    aliases: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    upstream: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    related: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    severity: Vec<SeverityEntry>,
    #[serde(deserialize_with = "null_as_default")]
    affected: Vec<AffectedEntry>,
    #[serde(deserialize_with = "null_as_default")]
    references: Vec<Reference>,
    #[serde(deserialize_with = "null_as_default")]
    database_specific: RecordSpecific,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SeverityEntry {
    #[serde(rename = "type", deserialize_with = "null_as_default")]
    form: String,
    #[serde(deserialize_with = "null_as_default")]
    score: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Reference {
    #[serde(rename = "type", deserialize_with = "null_as_default")]
    form: String,
    #[serde(deserialize_with = "null_as_default")]
    url: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AffectedEntry {
    package: Option<PackageEntry>,
    #[serde(deserialize_with = "null_as_default")]
    ranges: Vec<RangeEntry>,
    #[serde(deserialize_with = "null_as_default")]
    versions: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    severity: Vec<SeverityEntry>,
    #[serde(deserialize_with = "null_as_default")]
    ecosystem_specific: EcosystemSpecific,
    #[serde(deserialize_with = "null_as_default")]
    database_specific: EntrySpecific,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PackageEntry {
    #[serde(deserialize_with = "null_as_default")]
    ecosystem: String,
    #[serde(deserialize_with = "null_as_default")]
    name: String,
    #[serde(deserialize_with = "null_as_default")]
    purl: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RangeEntry {
    #[serde(rename = "type", deserialize_with = "null_as_default")]
    form: String,
    #[serde(deserialize_with = "null_as_default")]
    events: Vec<EventEntry>,
    #[serde(deserialize_with = "null_as_default")]
    database_specific: EntrySpecific,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EventEntry {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
    limit: Option<String>,
}

/// Any JSON value that may be a text; other forms are not ours.
#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Text(String),
    Texts(Vec<String>),
    Other(serde::de::IgnoredAny),
}

impl Loose {
    fn text(&self) -> &str {
        if let Loose::Text(text) = self { text } else { "" }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RecordSpecific {
    severity: Option<Loose>,
    review_status: Option<Loose>,
    fixed_versions: Option<Loose>,
    cwe_ids: Option<Loose>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EntrySpecific {
    informational: Option<Loose>,
    last_known_affected_version_range: Option<Loose>,
    severity: Option<Loose>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EcosystemSpecific {
    #[serde(deserialize_with = "null_as_default")]
    imports: Vec<Import>,
    #[serde(deserialize_with = "null_as_default")]
    custom_ranges: Vec<RangeEntry>,
    availability: Option<Loose>,
    /// SUSE: maps of installed packages to their fixed versions. Ubuntu: another form.
    binaries: serde_json::Value,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Import {
    #[serde(deserialize_with = "null_as_default")]
    path: String,
    #[serde(deserialize_with = "null_as_default")]
    goos: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    goarch: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    symbols: Vec<String>,
}

/// Reads one OSV document. `folder` is the ecosystem folder of the bulk export, or anything else for a mixed source.
pub fn parse(content: &[u8], name: &str, folder: &str, sink: &mut dyn Sink) {
    let mut document: Document = match serde_json::from_slice(content) {
        Ok(document) => document,
        Err(error) if error.is_data() => return sink.rejected("a field has the wrong form", name),
        Err(_) => return sink.rejected("not a JSON document", name),
    };
    if document.id.is_empty() || document.id.len() > 200 {
        return sink.rejected("the record has no id, or one of over 200 bytes", name);
    }
    if RELATED_IS_FIXED.iter().any(|prefix| document.id.starts_with(prefix)) && document.upstream.is_empty() {
        document.upstream = document.related.iter().filter(|id| id.starts_with("CVE-")).cloned().collect();
        document.related.retain(|id| !id.starts_with("CVE-"));
        if document.upstream.is_empty() && !document.aliases.iter().any(|id| id.starts_with("CVE-")) {
            let is_security = document.id.contains("SA-");
            if !is_security {
                sink.skipped("a bug-fix or enhancement update that names no flaw", &document.id);
                document.affected.clear();
            }
        }
    }
    let id = document.id.as_str();
    let unreviewed = document
        .database_specific
        .review_status
        .as_ref()
        .is_some_and(|status| status.text().eq_ignore_ascii_case("UNREVIEWED"));
    // CWE-506: embedded malicious code.
    let cwes = &document.database_specific.cwe_ids;
    let malicious = id.starts_with("MAL-")
        || document.aliases.iter().any(|alias| alias.starts_with("MAL-"))
        || says_malware(&document.summary)
        || matches!(cwes, Some(Loose::Texts(ids)) if ids.iter().any(|id| id == "CWE-506"));
    let mut kind = if malicious { Kind::Malware } else { Kind::Vulnerability };
    let informational =
        document.affected.iter().find_map(|entry| match entry.database_specific.informational.as_ref()? {
            Loose::Text(word) if !word.is_empty() => Some(word.clone()),
            _ => None,
        });
    if let Some(word) = informational {
        kind = Kind::Informational(word);
    }
    let mut affected = Vec::with_capacity(document.affected.len());
    let only_entry = document.affected.len() == 1;
    let mut seen = HashSet::new();
    for entry in &document.affected {
        let Some(package) = &entry.package else {
            sink.skipped("the record names no package, only a repository", id);
            continue;
        };
        let (target, note) = match target(&package.ecosystem, folder, id) {
            Whose::Target(target, note) => (target, note),
            Whose::Elsewhere => continue,
            Whose::NotBelieved => {
                sink.skipped("the record speaks for a distribution that is not its source's", id);
                continue;
            }
            Whose::NoRelease => {
                sink.rejected("the record names a distribution without its release", id);
                continue;
            }
            Whose::Product => {
                sink.skipped("the record speaks about a product that is no release of the distribution", id);
                continue;
            }
        };
        if package.name.is_empty() || package.name.len() > 1000 {
            sink.rejected("the record has a package without a name, or with one of over 1,000 bytes", id);
            continue;
        }
        if let Some(built) = suse_binaries(entry, package, &target) {
            // The same package stands in every product that ships it.
            affected.extend(built.into_iter().filter(|statement| {
                let Target::Stream(stream) = &statement.target else { return false };
                let version = statement.ranges.last().and_then(|range| range.last()).map(Event::version);
                let key = format!("{stream} {} {version:?} {}", statement.name, statement.note);
                seen.insert(key)
            }));
            continue;
        }
        match statement(entry, package, target, unreviewed, &document.summary) {
            Ok(mut statement) => {
                if only_entry && let Some(Loose::Texts(fixes)) = &document.database_specific.fixed_versions {
                    statement.fixes.clone_from(fixes);
                }
                statement.note = [note, &statement.note]
                    .into_iter()
                    .filter(|note| !note.is_empty())
                    .collect::<Vec<_>>()
                    .join("; ");
                affected.push(statement);
            }
            Err(reason) => sink.skipped(reason, id),
        }
    }
    let mut ratings: Vec<Rating> = document.severity.iter().filter_map(rating).collect();
    if let Some(word) = &document.database_specific.severity
        && Level::from_word(word.text()) != Level::Unknown
    {
        ratings.push(Rating { form: RatingForm::Word, value: word.text().to_owned(), source: String::new() });
    }
    sink.record(Record {
        kind,
        title: title(&document.summary),
        ratings,
        published: date(&document.published),
        modified: date(&document.modified),
        withdrawn: document.withdrawn,
        references: references(&document.references),
        aliases: document.aliases,
        upstream: document.upstream,
        related: document.related,
        affected,
        id: document.id,
    });
}

/// The zero time of Go programs means that there is none.
fn date(text: &str) -> String {
    if text.starts_with("0001-") { String::new() } else { text.to_owned() }
}

fn title(summary: &str) -> String {
    let line = summary.lines().next().unwrap_or_default().trim();
    line.chars().take(200).collect()
}

fn references(entries: &[Reference]) -> Vec<String> {
    let advisory = entries.iter().filter(|entry| entry.form == "ADVISORY");
    let rest = entries.iter().filter(|entry| matches!(entry.form.as_str(), "FIX" | "REPORT" | "WEB"));
    advisory.chain(rest).map(|entry| entry.url.clone()).filter(|url| url.len() <= 300).take(2).collect()
}

fn rating(entry: &SeverityEntry) -> Option<Rating> {
    let form = match entry.form.as_str() {
        "CVSS_V4" => RatingForm::CvssV4,
        "CVSS_V3" => RatingForm::CvssV3,
        "CVSS_V2" => RatingForm::CvssV2,
        _ => RatingForm::Word,
    };
    (!entry.score.is_empty() && entry.score.len() <= 300).then(|| Rating {
        form,
        value: entry.score.clone(),
        source: String::new(),
    })
}

enum Whose {
    Target(Target, &'static str),
    /// The bulk export has the entry in another folder as well.
    Elsewhere,
    NotBelieved,
    NoRelease,
    /// Not a release that an image could be.
    Product,
}

fn target(ecosystem: &str, folder: &str, id: &str) -> Whose {
    let name = ecosystem.split(':').next().unwrap_or_default();
    if id.starts_with("CLEANSTART-") && name == "Alpine" {
        // Half of CleanStart's records say `Alpine` without a release, for packages that Alpine never shipped.
        return match Stream::from_osv("CleanStart") {
            Some(stream) => Whose::Target(Target::Stream(stream), "the record names the ecosystem Alpine"),
            None => Whose::NotBelieved,
        };
    }
    let other = OTHER_FOLDERS.iter().find(|(known, _)| *known == folder);
    let is_distribution =
        |name: &str| DISTRIBUTIONS.iter().any(|distribution| distribution.osv.contains(&name));
    let folder_is_known = other.is_some() || Ecosystem::from_osv(folder).is_some() || is_distribution(folder);
    let own = other.map_or(folder, |(_, ecosystem)| ecosystem);
    if folder_is_known && name != own {
        // `DHI` and `CleanStart` cannot be had elsewhere; a distribution's name in a foreign folder is no word of it.
        return if is_distribution(name) && !at_home(id, name) {
            Whose::NotBelieved
        } else {
            Whose::Elsewhere
        };
    }
    if let Some(ecosystem) = Ecosystem::from_osv(name) {
        return Whose::Target(Target::Ecosystem(ecosystem), "");
    }
    if is_distribution(name) {
        if !folder_is_known && !at_home(id, name) {
            return Whose::NotBelieved;
        }
        return match Stream::from_osv(ecosystem) {
            Some(stream) => Whose::Target(Target::Stream(stream), ""),
            None if matches!(name, "SUSE" | "openSUSE") && ecosystem.contains(':') => Whose::Product,
            None => Whose::NoRelease,
        };
    }
    Whose::Target(Target::Other(name.chars().take(100).collect()), "")
}

fn at_home(id: &str, distribution: &str) -> bool {
    HOMES.iter().any(|(prefix, home)| id.starts_with(prefix) && *home == distribution)
}

/// What a SUSE record says about installed packages: it names the source package, and beside it what of it the product
/// ships, each with its own version.
fn suse_binaries(entry: &AffectedEntry, package: &PackageEntry, target: &Target) -> Option<Vec<Affected>> {
    let Target::Stream(stream) = target else { return None };
    let key = stream.distribution()?.key;
    if !(key.starts_with("sle") || key.starts_with("opensuse")) {
        return None;
    }
    let lists = entry.ecosystem_specific.binaries.as_array()?;
    let note = if package.ecosystem.contains("LTSS") { "the fix needs long-term support (LTSS)" } else { "" };
    let built: Vec<Affected> = lists
        .iter()
        .filter_map(|list| list.as_object())
        .flatten()
        .filter_map(|(name, version)| {
            let version = version.as_str().filter(|version| !version.is_empty() && version.len() <= 300)?;
            let named = !name.is_empty() && name.len() <= 1000;
            named.then(|| Affected {
                note: note.into(),
                ..Affected::below(target.clone(), name, NameKind::Binary, version)
            })
        })
        .collect();
    (!built.is_empty()).then_some(built)
}

fn name_kind(target: &Target, package: &PackageEntry) -> NameKind {
    let Target::Stream(stream) = target else { return NameKind::Binary };
    if package.purl.contains("arch=source") {
        return NameKind::Source;
    }
    match stream.distribution().map(|distribution| (distribution.ecosystem, distribution.key)) {
        Some((
            Ecosystem::Rpm,
            "azurelinux"
            | "mariner"
            | "openeuler"
            | "mageia"
            | "sles"
            | "slem"
            | "opensuse-leap"
            | "opensuse-tumbleweed",
        )) => NameKind::Source,
        Some((Ecosystem::Rpm, _)) => NameKind::Binary,
        _ => NameKind::Source,
    }
}

fn events(ranges: &[RangeEntry]) -> Vec<Vec<Event>> {
    let usable = ranges.iter().filter(|range| !range.form.eq_ignore_ascii_case("GIT"));
    usable
        .map(|range| {
            let mut events = Vec::with_capacity(range.events.len());
            for event in &range.events {
                events.extend(event.introduced.clone().map(Event::Introduced));
                events.extend(event.fixed.clone().map(Event::Fixed));
                events.extend(event.last_affected.clone().map(Event::LastAffected));
                events.extend(event.limit.clone().map(Event::Limit));
            }
            events
        })
        .filter(|events| !events.is_empty())
        .collect()
}

fn is_open(range: &[Event]) -> bool {
    range.iter().all(|event| matches!(event, Event::Introduced(_)))
}

/// `<= 1.2.3` or `< 1.2.3` of `last_known_affected_version_range`.
fn known_bound(text: &str) -> Option<Event> {
    let text = text.trim();
    let (bound, inclusive) = match text.strip_prefix("<=") {
        Some(rest) => (rest, true),
        None => (text.strip_prefix('<')?, false),
    };
    let bound = bound.trim().to_owned();
    if bound.is_empty() || bound.contains([',', ' ', '<', '>']) {
        return None;
    }
    // It is where the knowledge ends, not a fix.
    Some(if inclusive { Event::LastAffected(bound) } else { Event::Limit(bound) })
}

fn statement(
    entry: &AffectedEntry,
    package: &PackageEntry,
    target: Target,
    unreviewed: bool,
    summary: &str,
) -> Result<Affected, &'static str> {
    let mut ranges = events(&entry.ranges);
    let mut qualifiers = Qualifiers::default();
    let is_go = target == Target::Ecosystem(Ecosystem::Go);
    if is_go {
        let custom = events(&entry.ecosystem_specific.custom_ranges);
        // An open range, most often `introduced: 0`, stands for bounds that could not be said as module versions.
        let placeholder =
            ranges.iter().all(|range| matches!(range.as_slice(), [Event::Introduced(zero)] if zero == "0"));
        if ranges.iter().all(|range| is_open(range)) && !custom.is_empty() {
            let scheme = Ecosystem::Go.scheme();
            let readable = |event: &Event| {
                event.version() == "0" || version::compare(scheme, event.version(), "0").is_ok()
            };
            if !custom.iter().flatten().all(readable) {
                return Err("the Go record's real bounds cannot be read");
            }
            ranges = custom;
            qualifiers.tags = true;
        } else if placeholder && unreviewed && entry.versions.is_empty() {
            return Err("the Go record is unreviewed and names no bounds");
        }
        let imports = &entry.ecosystem_specific.imports;
        if !imports.is_empty() && imports.iter().all(|import| !import.goos.is_empty()) {
            qualifiers.goos = collected(imports.iter().flat_map(|import| &import.goos));
        }
        if !imports.is_empty() && imports.iter().all(|import| !import.goarch.is_empty()) {
            qualifiers.goarch = collected(imports.iter().flat_map(|import| &import.goarch));
        }
        // A part of them would make others look as if they were not meant.
        if imports.iter().all(|import| !import.path.is_empty()) {
            qualifiers.imports = imports
                .iter()
                .map(|import| record::Import {
                    path: import.path.clone(),
                    symbols: collected(import.symbols.iter()),
                })
                .collect();
        }
    }
    if ranges.is_empty() && entry.versions.is_empty() {
        if entry.ranges.iter().any(|range| !range.events.is_empty()) {
            return Err("the bounds are git commits only");
        }
        return Err("the record names neither versions nor bounds");
    }
    let bounds = entry.ranges.iter().map(|range| &range.database_specific).chain([&entry.database_specific]);
    let mut known = bounds.filter_map(|specific| specific.last_known_affected_version_range.as_ref());
    if let Some(bound) = known.find_map(|text| known_bound(text.text())) {
        for range in ranges.iter_mut().filter(|range| is_open(range)) {
            range.push(bound.clone());
        }
    }
    if let Target::Stream(stream) = &target
        && stream.distribution().is_some_and(|distribution| distribution.ecosystem == Ecosystem::Rpm)
        && ranges.iter().flatten().any(|event| event.version().contains(".module"))
    {
        // The ranges say nothing of the module's stream; the title does: "Moderate: php:8.0 security update".
        qualifiers.module = Some(module_in(summary).unwrap_or_default());
    }
    let mut note = String::new();
    if let Target::Stream(stream) = &target
        && stream.as_str().starts_with("ubuntu-pro:")
    {
        note = "the fix needs Ubuntu Pro".into();
    } else if let Some(text) = &entry.ecosystem_specific.availability
        && text.text().contains("Ubuntu Pro")
    {
        note = text.text().chars().take(200).collect();
    }
    let mut ratings: Vec<Rating> = entry.severity.iter().filter_map(rating).collect();
    if let Some(word) = &entry.database_specific.severity
        && Level::from_word(word.text()) != Level::Unknown
    {
        ratings.push(Rating { form: RatingForm::Word, value: word.text().to_owned(), source: String::new() });
    }
    Ok(Affected {
        name_kind: name_kind(&target, package),
        target,
        name: package.name.clone(),
        ranges,
        versions: entry.versions.clone(),
        fixes: Vec::new(),
        status: FixStatus::Affected,
        qualifiers,
        ratings,
        note,
    })
}

fn collected<'text>(texts: impl Iterator<Item = &'text String>) -> Vec<String> {
    let mut texts: Vec<String> = texts.cloned().collect();
    texts.sort();
    texts.dedup();
    texts
}

/// The titles that advisory databases give to packages published to do harm.
pub(super) fn says_malware(summary: &str) -> bool {
    let summary = summary.trim().to_ascii_lowercase();
    matches!(summary.as_str(), "malicious package" | "embedded malicious code")
        || ["malicious code in ", "malicious package in ", "malware in "]
            .iter()
            .any(|start| summary.starts_with(start))
}

/// The first `name:stream` word of a title.
pub(super) fn module_in(summary: &str) -> Option<String> {
    let word = summary.split([' ', ',', '(', ')']).find(|word| {
        word.split_once(':').is_some_and(|(name, stream)| {
            !name.is_empty()
                && !stream.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'.'))
                && stream
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        })
    })?;
    Some(word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Kept;

    #[test]
    fn suse_ships_packages_by_product() {
        let entry = |product: &str, binaries: &str| {
            format!(
                r#"{{"package":{{"ecosystem":"{product}","name":"openssl-1_1"}},"ecosystem_specific":{{"binaries":{binaries}}},
                "ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"1.1.1l-150500.17.1"}}]}}]}}"#
            )
        };
        let library = r#"[{"libopenssl1_1":"1.1.1l-150500.17.1"}]"#;
        let text = format!(
            r#"{{"id":"SUSE-SU-2023:1-1","related":["CVE-2023-0001"],"modified":"2023-01-01T00:00:00Z","affected":[{}]}}"#,
            [
                entry("SUSE:Linux Enterprise Module for Basesystem 15 SP5", library),
                entry("SUSE:Linux Enterprise Server 15 SP5", library),
                entry("SUSE:Linux Enterprise Server 15 SP4-LTSS", library),
                entry("SUSE:Linux Enterprise Storage 7", library),
                entry("SUSE:Linux Enterprise Server 15 SP3", "[]"),
                entry("openSUSE:Leap 15.5", library),
            ]
            .join(",")
        );
        let kept = kept(&text, "SUSE");
        assert_eq!((kept.rejected.len(), kept.skipped.len()), (0, 1), "{kept:?}");
        assert_eq!(kept.records[0].upstream, ["CVE-2023-0001"]);
        let lines: Vec<String> = kept.records[0]
            .affected
            .iter()
            .map(|entry| {
                let Affected { target, name, name_kind, note, .. } = entry;
                format!("{} {name} {name_kind:?} {note}", target.key())
            })
            .collect();
        assert_eq!(
            lines,
            [
                "os:sles:15.5 libopenssl1_1 Binary ",
                "os:sles:15.4 libopenssl1_1 Binary the fix needs long-term support (LTSS)",
                "os:sles:15.3 openssl-1_1 Source ",
            ]
        );
    }

    fn kept(document: &str, folder: &str) -> Kept {
        let mut kept = Kept::default();
        parse(document.as_bytes(), "test.json", folder, &mut kept);
        kept
    }

    #[test]
    fn a_record_in_every_folder_is_taken_once_for_each_ecosystem() {
        let document = r#"{"id":"GHSA-1","aliases":["CVE-2020-1"],"modified":"2020-01-01T00:00:00Z","affected":[
            {"package":{"ecosystem":"Go","name":"a"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2"}]}]},
            {"package":{"ecosystem":"PyPI","name":"b"},"versions":["1.0"]}]}"#;
        for (folder, names) in
            [("Go", &["a"][..]), ("PyPI", &["b"]), ("ghsa", &["a", "b"]), ("", &["a", "b"])]
        {
            let kept = kept(document, folder);
            let found: Vec<&str> = kept.records[0].affected.iter().map(|entry| entry.name.as_str()).collect();
            assert_eq!(found, names, "{folder}");
        }
    }

    #[test]
    fn cleanstart_does_not_speak_for_alpine() {
        let document = r#"{"id":"CLEANSTART-2026-1","modified":"2026-01-01T00:00:00Z","affected":[
            {"package":{"ecosystem":"Alpine","name":"curl"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"8.9.1-r0"}]}]}]}"#;
        for folder in ["CleanStart", ""] {
            let kept = kept(document, folder);
            assert_eq!(kept.records[0].affected[0].target.key(), "os:cleanstart");
        }
        let foreign = document.replace("CLEANSTART-2026-1", "CVE-2026-1");
        let kept = kept(&foreign, "CleanStart");
        assert!(kept.records[0].affected.is_empty());
        assert_eq!(kept.skipped.len(), 1);
    }

    #[test]
    fn broken_documents_are_counted() {
        for document in ["", "{", "[]", "{\"id\":1}", "{}", "{\"id\":\"A\",\"affected\":[1]}"] {
            let kept = kept(document, "npm");
            assert_eq!((kept.records.len(), kept.rejected.len()), (0, 1), "{document}");
        }
    }

    #[test]
    fn module_streams_stand_in_titles() {
        for (summary, expected) in [
            ("Moderate: php:8.0 security, bug fix, and enhancement update", Some("php:8.0")),
            ("Important: container-tools:rhel8 security update", Some("container-tools:rhel8")),
            ("Moderate: kernel security update", None),
        ] {
            assert_eq!(module_in(summary).as_deref(), expected, "{summary}");
        }
    }
}
