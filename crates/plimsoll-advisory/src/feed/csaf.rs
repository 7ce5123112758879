//! Red Hat's CSAF 2.0 documents: VEX (one file per CVE) and advisories (one per erratum).
//!
//! `redhat/` holds them as folders (`vex/<year>/cve-*.json`, `advisories/<year>/rhsa-*.json`), as a zip archive, or as
//! the archives that Red Hat publishes (`csaf_vex_<date>.tar.zst`, `csaf_advisories_<date>.tar.zst`). Of the product
//! tree only RPM packages of Enterprise Linux are taken, of the base streams and of those with extended support (EUS, AUS,
//! TUS, E4S, ELS), each a stream of its own; layered products and container images are counted as left out. A package
//! that is fixed is named with version and architecture, one that is not with neither.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::path::Path;

use plimsoll_model::distribution::Distribution;
use plimsoll_model::purl::Purl;
use plimsoll_model::version::{self, Scheme};
use plimsoll_model::{FixStatus, Stream};
use serde::Deserialize;

use super::files::{self, Passed};
use super::osv::null_as_default;
use super::upstream::{How, Serves, Terms, Upstream};
use super::{Feed, Part, Sink};
use crate::error::Error;
use crate::record::{Affected, Event, NameKind, Qualifiers, Rating, RatingForm, Record, Target};

/// The feed.
pub static CSAF: Feed = Feed { name: "redhat", find, read, upstreams: UPSTREAMS };

static UPSTREAMS: &[Upstream] = &[Upstream {
    source: "redhat",
    terms: Terms::Open,
    serves: Serves::Distributions(&["redhat", "centos"]),
    how: How::RedHatVex,
}];

const LICENCE: &str = "CC-BY-4.0 (Red Hat Product Security)";
/// Folder beside an archive for documents that changed since: `<year>/cve-*.json`.
pub(crate) const NEWER: &str = "vex";
/// How often a relationship may stand on another one: package, module, product.
const HOPS: usize = 8;
/// Greatest window of a zstd archive, as a power of two: 128 MiB.
const WINDOW: u32 = 27;

fn find(from: &Path) -> Result<Vec<Part>, Error> {
    let root = from.join("redhat");
    let part = |path| Part { source: String::from("redhat"), path, licence: LICENCE };
    let mut parts: Vec<Part> = ["csaf-vex-samples.zip", "csaf", "vex", "advisories"]
        .iter()
        .map(|place| root.join(place))
        .filter(|path| path.exists())
        .map(part)
        .collect();
    if root.is_dir() {
        let error = |source| Error::Read { path: root.clone(), source };
        let mut archives = Vec::new();
        for entry in std::fs::read_dir(&root).map_err(error)? {
            let entry = entry.map_err(error)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("csaf_") && name.ends_with(".tar.zst") {
                archives.push(entry.path());
            }
        }
        archives.sort();
        parts.extend(archives.into_iter().map(part));
    }
    Ok(parts)
}

/// Paths of documents that were taken back, and when.
type Deletions = HashMap<String, String>;

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    if part.path.extension().is_some_and(|extension| extension == "zst") {
        // Documents that were fetched after it stand in a part of their own, with a list of those that were deleted.
        let folder = part.path.with_file_name(NEWER);
        let (newer, deletions) = if folder.is_dir() {
            (files::names(&folder)?, deletions(&folder, sink)?)
        } else {
            (BTreeSet::new(), Deletions::new())
        };
        return each_of_archive(&part.path, &mut |name, passed| {
            // The archive may have a folder around the years.
            let end = name.rmatch_indices('/').nth(1).map_or(0, |(slash, _)| slash + 1);
            let name = &name[end..];
            if !newer.contains(name) {
                one(name, &passed, &deletions, sink);
            }
        });
    }
    let deletions = deletions(&part.path, sink)?;
    let wanted = |name: &str| {
        Path::new(base(name)).extension().is_some_and(|extension| extension == "json" || extension == "xz")
    };
    files::each(&part.path, &wanted, &mut |name, passed| one(name, &passed, &deletions, sink))
}

fn deletions(path: &Path, sink: &mut dyn Sink) -> Result<Deletions, Error> {
    let mut deletions = Deletions::new();
    files::each(path, &|name| base(name) == "deletions.csv", &mut |name, passed| match passed {
        Passed::Content(content) => read_deletions(name, content, &mut deletions),
        Passed::Unreadable(reason) => sink.rejected(reason, name),
    })?;
    Ok(deletions)
}

fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Lines `"2024/rhsa-2024_2106.json","2024-12-01T21:27:56+00:00"`, paths relative to the list.
fn read_deletions(name: &str, content: &[u8], deletions: &mut Deletions) {
    let folder = name.strip_suffix(base(name)).unwrap_or_default();
    for line in String::from_utf8_lossy(content).lines() {
        let mut columns = line.split(',').map(|column| column.trim().trim_matches('"'));
        if let (Some(path), Some(date)) = (columns.next(), columns.next()) {
            deletions.insert(format!("{folder}{path}"), date.to_owned());
        }
    }
}

fn one(name: &str, passed: &Passed<'_>, deletions: &Deletions, sink: &mut dyn Sink) {
    match passed {
        Passed::Content(content) if content.starts_with(b"\xfd7zXZ") => {
            sink.rejected("compressed with xz: unpack it first", name);
        }
        Passed::Content(content) => parse(content, name, deletions.get(name).map(String::as_str), sink),
        Passed::Unreadable(reason) => sink.rejected(reason, name),
    }
}

/// The JSON members of a tar archive compressed with zstd, in the archive's order.
fn each_of_archive(path: &Path, each: &mut dyn FnMut(&str, Passed<'_>)) -> Result<(), Error> {
    let read_error = |source| Error::Read { path: path.to_owned(), source };
    let broken = |error: std::io::Error| Error::Container {
        path: path.to_owned(),
        form: "zstd-compressed tar archive",
        detail: error.to_string(),
    };
    let file = std::fs::File::open(path).map_err(read_error)?;
    let mut decoder = zstd::stream::read::Decoder::new(file).map_err(broken)?;
    decoder.window_log_max(WINDOW).map_err(broken)?;
    let mut archive = tar::Archive::new(decoder.take(files::TOTAL_LIMIT));
    let mut content = Vec::new();
    let mut count: u64 = 0;
    for entry in archive.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        count += 1;
        if count > files::COUNT_LIMIT {
            let what = "a number of members";
            return Err(Error::Limit { path: path.to_owned(), what, limit: files::COUNT_LIMIT });
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !entry.header().entry_type().is_file() || Path::new(&name).extension() != Some("json".as_ref()) {
            continue;
        }
        content.clear();
        entry.take(files::MEMBER_LIMIT + 1).read_to_end(&mut content).map_err(broken)?;
        if content.len() as u64 > files::MEMBER_LIMIT {
            each(&name, Passed::Unreadable("the member is larger than 256 MiB"));
        } else {
            each(&name, Passed::Content(&content));
        }
    }
    Ok(())
}

#[derive(Deserialize)]
pub(crate) struct Document {
    #[serde(rename = "document")]
    pub(crate) header: Option<Header>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) product_tree: Tree,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) vulnerabilities: Vec<Vulnerability>,
}

impl Document {
    /// From a JSON value, however deep.
    pub(crate) fn deserialize_value(value: serde_json::Value) -> Result<Self, serde_json::Error> {
        serde_json::from_value(value)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Header {
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) title: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) publisher: Publisher,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) tracking: Tracking,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) references: Vec<Reference>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Publisher {
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) name: String,
    #[serde(deserialize_with = "null_as_default")]
    namespace: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Tracking {
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) id: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) status: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) current_release_date: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) initial_release_date: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Reference {
    #[serde(deserialize_with = "null_as_default")]
    category: String,
    #[serde(deserialize_with = "null_as_default")]
    url: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Tree {
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) branches: Vec<Branch>,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) full_product_names: Vec<Product>,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) relationships: Vec<Relationship>,
}

// The JSON reader refuses more than 128 levels.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Branch {
    #[serde(deserialize_with = "null_as_default")]
    branches: Vec<Branch>,
    product: Option<Product>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Product {
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) product_id: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) product_identification_helper: Identification,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Identification {
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) cpe: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) purl: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) hashes: Vec<FileHashes>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct FileHashes {
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) file_hashes: Vec<FileHash>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct FileHash {
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) value: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Relationship {
    #[serde(deserialize_with = "null_as_default")]
    full_product_name: Product,
    #[serde(deserialize_with = "null_as_default")]
    product_reference: String,
    #[serde(deserialize_with = "null_as_default")]
    relates_to_product_reference: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Vulnerability {
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) cve: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) title: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) product_status: BTreeMap<String, Vec<String>>,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) remediations: Vec<Remediation>,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) scores: Vec<Score>,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) threats: Vec<Threat>,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) flags: Vec<Flag>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Flag {
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) label: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) product_ids: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Remediation {
    #[serde(deserialize_with = "null_as_default")]
    category: String,
    #[serde(deserialize_with = "null_as_default")]
    details: String,
    #[serde(deserialize_with = "null_as_default")]
    product_ids: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    url: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Score {
    #[serde(rename = "cvss_v2")]
    two: Option<Vector>,
    #[serde(rename = "cvss_v3")]
    three: Option<Vector>,
    #[serde(rename = "cvss_v4")]
    four: Option<Vector>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Vector {
    #[serde(rename = "vectorString", deserialize_with = "null_as_default")]
    text: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Threat {
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) category: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) details: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) product_ids: Vec<String>,
}

/// What a product id of the tree stands for.
#[derive(Clone, Copy)]
pub(crate) enum Place<'tree> {
    Product(&'tree Identification),
    Component { of: &'tree str, on: &'tree str },
}

/// A package of a base stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    stream: String,
    name: String,
    source: bool,
    module: Option<String>,
}

struct Resolved {
    package: Package,
    /// `[epoch:]version-release`; empty when none is named.
    version: String,
    architecture: String,
}

/// Reads one CSAF document. `deleted` is the time at which its publisher took the file back.
pub fn parse(content: &[u8], name: &str, deleted: Option<&str>, sink: &mut dyn Sink) {
    // The reader would take a list for the fields in their order.
    if content.trim_ascii_start().starts_with(b"[") {
        return sink.skipped("not a CSAF document", name);
    }
    let document: Document = match serde_json::from_slice(content) {
        Ok(document) => document,
        Err(error) if error.is_data() => return sink.rejected("a field has the wrong form", name),
        Err(_) => return sink.rejected("not a JSON document", name),
    };
    let Some(header) = &document.header else { return sink.skipped("not a CSAF document", name) };
    let tracking = &header.tracking;
    if tracking.status == "deleted"
        || deleted.is_some_and(|deleted| tracking.current_release_date.as_str() <= deleted)
    {
        return sink.skipped("its publisher deleted the document", name);
    }
    if tracking.id.is_empty() || tracking.id.len() > 200 {
        return sink.rejected("the document has no id, or one of over 200 bytes", name);
    }
    let host = header.publisher.namespace.trim_start_matches("https://").trim_end_matches('/');
    if host != "redhat.com" && !host.ends_with(".redhat.com") {
        return sink.skipped("another publisher than Red Hat", name);
    }
    if !tracking.current_release_date.is_empty() {
        sink.dated(&tracking.current_release_date);
    }
    let places = places(&document.product_tree);
    let many = document.vulnerabilities.len() > 1;
    for (index, vulnerability) in document.vulnerabilities.iter().enumerate() {
        let id = match (many, vulnerability.cve.as_str()) {
            (false, _) => tracking.id.clone(),
            // One erratum says different things about the flaws that it names.
            (true, "") => format!("{}/{}", tracking.id, index + 1),
            (true, cve) => format!("{}/{cve}", tracking.id),
        };
        let affected = statements(vulnerability, &places, &id, sink);
        if affected.is_empty() {
            continue;
        }
        let own = vulnerability.cve.starts_with("CVE-") && vulnerability.cve != id;
        let title = if vulnerability.title.is_empty() { &header.title } else { &vulnerability.title };
        let mut references: Vec<String> = header
            .references
            .iter()
            .filter(|reference| reference.category == "self")
            .map(|reference| reference.url.clone())
            .collect();
        references.truncate(3);
        sink.record(Record {
            upstream: own.then(|| vulnerability.cve.clone()).into_iter().collect(),
            title: title.clone(),
            ratings: ratings(vulnerability),
            published: tracking.initial_release_date.clone(),
            modified: tracking.current_release_date.clone(),
            references,
            affected,
            id,
            ..Record::default()
        });
    }
}

pub(crate) fn places(tree: &Tree) -> HashMap<&str, Place<'_>> {
    let mut places = HashMap::new();
    let mut branches: Vec<&Branch> = tree.branches.iter().collect();
    for product in &tree.full_product_names {
        places.insert(product.product_id.as_str(), Place::Product(&product.product_identification_helper));
    }
    while let Some(branch) = branches.pop() {
        if let Some(product) = &branch.product {
            let place = Place::Product(&product.product_identification_helper);
            places.insert(product.product_id.as_str(), place);
        }
        branches.extend(&branch.branches);
    }
    for relationship in &tree.relationships {
        let place = Place::Component {
            of: &relationship.product_reference,
            on: &relationship.relates_to_product_reference,
        };
        places.insert(relationship.full_product_name.product_id.as_str(), place);
    }
    places
}

const EXTENDED: &str = "a product of another extended support than EUS, AUS, TUS, E4S and ELS";
const OTHER: &str = "a product other than Enterprise Linux";
const NOT_RPM: &str = "a product that is no RPM package";
const NO_PLATFORM: &str = "a product that is on no platform";

/// The stream that a CPE names (NISTIR 7695, both bindings): `cpe:/a:redhat:enterprise_linux:8::appstream`.
fn stream_of(cpe: &str) -> Result<Stream, &'static str> {
    let rest = cpe.strip_prefix("cpe:/").or(cpe.strip_prefix("cpe:2.3:")).ok_or(OTHER)?;
    let mut parts = rest.split(':').skip(1);
    let (vendor, product, version) = (parts.next(), parts.next(), parts.next());
    match (vendor, product) {
        (Some("redhat"), Some("enterprise_linux")) => Distribution::by_key("redhat")
            .zip(version.filter(|version| version.starts_with(|first: char| first.is_ascii_digit())))
            .and_then(|(redhat, version)| Stream::new(redhat, version))
            .ok_or(OTHER),
        (Some("redhat"), Some(product)) => {
            const OTHER_TIERS: [&str; 4] =
                ["rhel_mission_critical", "rhel_eus_long_life", "enterprise_linux_eus", "rhel_extras"];
            let extended = product.strip_prefix("rhel_").zip(version);
            extended
                .and_then(|(tier, version)| Stream::extended(tier, version))
                .ok_or(if OTHER_TIERS.contains(&product) { EXTENDED } else { OTHER })
        }
        _ => Err(OTHER),
    }
}

/// `[epoch:]version-release` with the epoch only when it is not zero.
fn evr(epoch: &str, version: &str) -> String {
    if epoch.is_empty() || epoch == "0" { version.to_owned() } else { format!("{epoch}:{version}") }
}

/// `telnet-1:0.17-65.el7_6.src` -> name, epoch, version-release, architecture.
fn nevra(text: &str) -> Option<(&str, &str, &str, &str)> {
    let text = text.split("::").next()?;
    let (rest, architecture) = text.rsplit_once('.')?;
    let (rest, release) = rest.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let (epoch, version) = version.split_once(':').unwrap_or(("", version));
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let plain = architecture.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (plain && number(epoch) && version.starts_with(|first: char| first.is_ascii_digit())).then(|| {
        let length = version.len() + 1 + release.len();
        let start = name.len() + 1 + if epoch.is_empty() { 0 } else { epoch.len() + 1 };
        (name, epoch, text.get(start..start + length).unwrap_or(version), architecture)
    })
}

/// `nodejs:12:8030020201124152102:229f0a1c` -> `nodejs:12`; `None` when there is no stream.
fn module_stream(label: &str) -> Option<String> {
    let mut parts = label.split(':');
    match (parts.next(), parts.next()) {
        (Some(name), Some(stream)) if !name.is_empty() && !stream.is_empty() => {
            Some(format!("{name}:{stream}"))
        }
        _ => None,
    }
}

const ILLEGAL_MODULE: &str = "a module without a stream: taken as no module";

/// The package behind a product id; why it is none of ours otherwise.
fn resolve<'tree>(
    id: &'tree str,
    places: &HashMap<&'tree str, Place<'tree>>,
    problem: &mut dyn FnMut(&'static str),
) -> Result<Resolved, &'static str> {
    let Some(Place::Component { of, on }) = places.get(id).copied() else { return Err(NO_PLATFORM) };
    let (mut component, mut platform, mut module) = (of, on, None);
    for _ in 0..HOPS {
        match (places.get(component), places.get(platform)) {
            (_, Some(Place::Component { of, on })) => (module, platform) = (Some(*of), on),
            (Some(Place::Component { of, on }), _) => (module, component) = (Some(*on), of),
            _ => break,
        }
    }
    let Some(Place::Product(Identification { cpe, .. })) = places.get(platform) else {
        return Err(NO_PLATFORM);
    };
    let stream = stream_of(cpe)?.as_str().to_owned();
    let mut module = module.and_then(module_stream);
    let spelled = nevra(component);
    let purl = match places.get(component) {
        Some(Place::Product(product)) => product.purl.as_str(),
        _ => "",
    };
    if let Ok(purl) = Purl::parse_lenient(purl) {
        if purl.kind() != "rpm" {
            return Err(NOT_RPM);
        }
        if let Some(label) = purl.qualifier("rpmmod") {
            module = module_stream(label);
            if module.is_none() {
                problem(ILLEGAL_MODULE);
            }
        }
        let architecture = purl.qualifier("arch").unwrap_or_default().to_owned();
        let epoch = purl.qualifier("epoch").or(spelled.map(|(_, epoch, _, _)| epoch)).unwrap_or_default();
        let source = architecture == "src";
        return Ok(Resolved {
            package: Package { stream, name: purl.name().to_owned(), source, module },
            version: purl.version().map(|version| evr(epoch, version)).unwrap_or_default(),
            architecture,
        });
    }
    if !purl.is_empty() && !purl.starts_with("pkg:rpm/") {
        return Err(NOT_RPM);
    }
    if let Some((name, epoch, version, architecture)) = spelled {
        return Ok(Resolved {
            package: Package { stream, name: name.to_owned(), source: architecture == "src", module },
            version: evr(epoch, version),
            architecture: architecture.to_owned(),
        });
    }
    // `log4j:2/log4j` is of a module, `io.quarkus/quarkus-core` is Java's, `rhel9/nginx@sha256:...` an image.
    let name = match component.rsplit_once('/') {
        Some((label, name)) if module_stream(label).is_some() && !label.contains('/') => {
            module = module_stream(label);
            name
        }
        Some(_) => return Err(NOT_RPM),
        None => component,
    };
    // Without any package URL a name is that of a source package: binaries are always spelled out.
    Ok(Resolved {
        package: Package { stream, name: name.to_owned(), source: true, module },
        version: String::new(),
        architecture: String::new(),
    })
}

/// What Red Hat means by why there is no fix yet. Words that we do not know stay affected.
fn unfixed(category: &str, details: &str) -> Option<FixStatus> {
    let details = details.trim().trim_end_matches('.').to_ascii_lowercase();
    match (category, details.as_str()) {
        ("none_available", "affected") => Some(FixStatus::Affected),
        ("none_available", "fix deferred" | "deferred") => Some(FixStatus::FixDeferred),
        ("no_fix_planned", "will not fix") => Some(FixStatus::WillNotFix),
        ("no_fix_planned", "out of support scope") => Some(FixStatus::EndOfLife),
        ("none_available" | "no_fix_planned" | "fix_planned", _) => Some(FixStatus::Unknown),
        _ => None,
    }
}

/// Fixed versions of one package: architecture -> version and the erratum that brought it.
type Fixes<'document> = BTreeMap<String, (String, &'document str)>;

fn statements(
    vulnerability: &Vulnerability,
    places: &HashMap<&str, Place<'_>>,
    id: &str,
    sink: &mut dyn Sink,
) -> Vec<Affected> {
    let mut reasons: HashMap<&str, FixStatus> = HashMap::new();
    let mut errata: HashMap<&str, &str> = HashMap::new();
    for remediation in &vulnerability.remediations {
        if let Some(status) = unfixed(&remediation.category, &remediation.details) {
            reasons.extend(remediation.product_ids.iter().map(|product| (product.as_str(), status)));
        } else if remediation.category == "vendor_fix" {
            let erratum = remediation.url.rsplit('/').next().unwrap_or_default();
            errata.extend(remediation.product_ids.iter().map(|product| (product.as_str(), erratum)));
        }
    }
    let mut left_out: BTreeSet<&'static str> = BTreeSet::new();
    let mut fixed: BTreeMap<Package, Fixes<'_>> = BTreeMap::new();
    let mut open: BTreeMap<Package, FixStatus> = BTreeMap::new();
    let mut never: BTreeMap<Package, BTreeSet<String>> = BTreeMap::new();
    for (word, products) in &vulnerability.product_status {
        for product in products {
            let mut illegal = false;
            let resolved = resolve(product, places, &mut |_| illegal = true);
            if illegal {
                sink.rejected(ILLEGAL_MODULE, id);
            }
            let resolved = match resolved {
                Ok(resolved) => resolved,
                Err(reason) => {
                    left_out.insert(reason);
                    continue;
                }
            };
            match word.as_str() {
                "fixed" | "first_fixed" if !resolved.version.is_empty() => {
                    let erratum = errata.get(product.as_str()).copied().unwrap_or_default();
                    let fixes = fixed.entry(resolved.package).or_default();
                    let newer = fixes.get(&resolved.architecture).is_none_or(|(version, _)| {
                        version::compare(Scheme::Rpm, &resolved.version, version)
                            .is_ok_and(std::cmp::Ordering::is_gt)
                    });
                    if newer {
                        // One flaw, several errata of a stream: the highest holds.
                        fixes.insert(resolved.architecture, (resolved.version, erratum));
                    }
                }
                "known_not_affected" => {
                    never.entry(resolved.package).or_default().insert(resolved.version);
                }
                "fixed" | "first_fixed" | "recommended" => {
                    left_out.insert("a fixed or recommended product without a version");
                }
                "under_investigation" => {
                    open.entry(resolved.package).or_insert(FixStatus::UnderInvestigation);
                }
                // `known_affected`, `first_affected`, `last_affected`, and words that we do not know.
                _ => {
                    let status = reasons.get(product.as_str()).copied().unwrap_or(FixStatus::Affected);
                    open.insert(resolved.package, status);
                }
            }
        }
    }
    for reason in left_out {
        sink.skipped(reason, id);
    }
    entries(&fixed, open, never)
}

fn entries(
    fixed: &BTreeMap<Package, Fixes<'_>>,
    open: BTreeMap<Package, FixStatus>,
    never: BTreeMap<Package, BTreeSet<String>>,
) -> Vec<Affected> {
    let entry = |package: &Package| {
        let target = Stream::from_text(&package.stream)
            .map_or_else(|| Target::Other(package.stream.clone()), Target::Stream);
        let name_kind = if package.source { NameKind::Source } else { NameKind::Binary };
        let mut entry = Affected::all(target, package.name.clone(), name_kind);
        entry.qualifiers.module.clone_from(&package.module);
        entry
    };
    let mut affected = Vec::new();
    // Binary names say more than the source package beside them: versions of subpackages may differ.
    let binaries: BTreeSet<(&str, &Option<String>)> = fixed
        .keys()
        .filter(|package| !package.source)
        .map(|package| (package.stream.as_str(), &package.module))
        .collect();
    for (package, fixes) in fixed {
        if package.source && binaries.contains(&(package.stream.as_str(), &package.module)) {
            continue;
        }
        let mut by_version: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
        for (architecture, (version, erratum)) in fixes {
            by_version.entry((version, erratum)).or_default().push(architecture.clone());
        }
        let several = by_version.len() > 1;
        for ((version, erratum), architectures) in by_version {
            let mut entry = entry(package);
            entry.ranges = vec![vec![Event::Introduced("0".into()), Event::Fixed(version.to_owned())]];
            if several {
                entry.qualifiers = Qualifiers { architectures, ..entry.qualifiers };
            }
            if erratum.starts_with("RH") {
                entry.note = format!("fixed by {erratum}");
            }
            if !package.stream.starts_with("redhat:") {
                let note = format!("{} for {}", entry.note, package.stream);
                note.trim().clone_into(&mut entry.note);
            }
            affected.push(entry);
        }
    }
    for (package, status) in open {
        if !fixed.contains_key(&package) {
            affected.push(Affected { status, ..entry(&package) });
        }
    }
    for (package, versions) in never {
        let mut entry = Affected { status: FixStatus::NotAffected, ..entry(&package) };
        // With versions named, only these are spoken of.
        if !versions.contains("") {
            entry.versions = versions.into_iter().collect();
        }
        affected.push(entry);
    }
    affected
}

fn ratings(vulnerability: &Vulnerability) -> Vec<Rating> {
    let mut ratings = Vec::new();
    for score in &vulnerability.scores {
        let vectors = [
            (RatingForm::CvssV4, &score.four),
            (RatingForm::CvssV3, &score.three),
            (RatingForm::CvssV2, &score.two),
        ];
        for (form, vector) in vectors {
            let text = vector.as_ref().map_or("", |vector| vector.text.as_str());
            if !text.is_empty() && text.len() <= 300 {
                ratings.push(Rating { form, value: text.to_owned(), source: String::new() });
            }
        }
    }
    for threat in vulnerability.threats.iter().filter(|threat| threat.category == "impact") {
        if threat.details.len() <= 30 {
            let value = threat.details.clone();
            ratings.push(Rating { form: RatingForm::Word, value, source: String::new() });
        }
    }
    ratings.sort();
    ratings.dedup();
    // Per-product scores may differ; a handful shows the spread.
    ratings.truncate(6);
    ratings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Kept;
    use proptest::prelude::*;

    const PRODUCTS: &str = r#"
        {"product":{"product_id":"RHEL8","product_identification_helper":{"cpe":"cpe:/a:redhat:enterprise_linux:8::appstream"}}},
        {"product":{"product_id":"EUS","product_identification_helper":{"cpe":"cpe:/o:redhat:rhel_eus:8.6::baseos"}}},
        {"product":{"product_id":"SAT","product_identification_helper":{"cpe":"cpe:/a:redhat:satellite:6"}}},
        {"product":{"product_id":"old","product_identification_helper":{"purl":"pkg:rpm/redhat/p@1.0-1.el8?arch=x86_64&epoch=2"}}},
        {"product":{"product_id":"new","product_identification_helper":{"purl":"pkg:rpm/redhat/p@1.0-10.el8?arch=x86_64&epoch=2"}}},
        {"product":{"product_id":"arm","product_identification_helper":{"purl":"pkg:rpm/redhat/p@1.0-1.el8?arch=aarch64&epoch=2"}}},
        {"product":{"product_id":"src","product_identification_helper":{"purl":"pkg:rpm/redhat/p@1.0-1.el8?arch=src&epoch=2"}}},
        {"product":{"product_id":"mod","product_identification_helper":{"purl":"pkg:rpm/redhat/npm@6-1.module%2Bel8?arch=x86_64&rpmmod=nodejs:12:8030:abc"}}},
        {"product":{"product_id":"bad","product_identification_helper":{"purl":"pkg:rpm/redhat/bad?rpmmod=rhel8"}}},
        {"product":{"product_id":"bin","product_identification_helper":{"purl":"pkg:rpm/redhat/bin"}}},
        {"product":{"product_id":"oci","product_identification_helper":{"purl":"pkg:oci/x@sha256:0?arch=amd64"}}},
        {"product":{"product_id":"telnet-1:0.17-65.el8.x86_64"}},
        {"product":{"product_id":"kernel"}},
        {"product":{"product_id":"log4j:2/log4j"}}"#;

    /// A VEX document about CVE-2024-0001; `status` is the product status, `rest` more fields of the vulnerability.
    fn document(status: &str, rest: &str) -> String {
        let mut relationships = Vec::new();
        for platform in ["RHEL8", "EUS", "SAT"] {
            for component in [
                "old",
                "new",
                "arm",
                "src",
                "mod",
                "bad",
                "bin",
                "oci",
                "telnet-1:0.17-65.el8.x86_64",
                "kernel",
                "log4j:2/log4j",
            ] {
                relationships.push(format!(
                    r#"{{"full_product_name":{{"product_id":"{platform}:{component}"}},"product_reference":"{component}","relates_to_product_reference":"{platform}"}}"#
                ));
            }
        }
        // The older form: a package of a module of a product.
        relationships.push(r#"{"full_product_name":{"product_id":"RHEL8:nodejs:12"},"product_reference":"nodejs:12","relates_to_product_reference":"RHEL8"}"#.into());
        relationships.push(r#"{"full_product_name":{"product_id":"RHEL8:nodejs:12:bin"},"product_reference":"bin","relates_to_product_reference":"RHEL8:nodejs:12"}"#.into());
        format!(
            r#"{{"document":{{"title":"T","publisher":{{"namespace":"https://www.redhat.com"}},"tracking":{{"id":"CVE-2024-0001","status":"final","current_release_date":"2024-03-01T00:00:00+00:00"}}}},
            "product_tree":{{"branches":[{{"branches":[{PRODUCTS}]}}],"relationships":[{}]}},
            "vulnerabilities":[{{"cve":"CVE-2024-0001","product_status":{status}{rest}}}]}}"#,
            relationships.join(",")
        )
    }

    fn kept(text: &str) -> Kept {
        let mut kept = Kept::default();
        parse(text.as_bytes(), "2024/cve-2024-0001.json", None, &mut kept);
        kept
    }

    fn lines(kept: &Kept) -> Vec<String> {
        kept.records
            .iter()
            .flat_map(|record| &record.affected)
            .map(|entry| {
                let events: Vec<String> =
                    entry.ranges.iter().flatten().map(|event| event.version().to_owned()).collect();
                let kind = if entry.name_kind == NameKind::Source { "src" } else { "bin" };
                format!(
                    "{} {kind} {} {:?} {} {} {} {}",
                    entry.target.key(),
                    entry.name,
                    entry.status,
                    events.join(".."),
                    entry.versions.join(","),
                    entry.qualifiers.module.as_deref().unwrap_or("-"),
                    entry.qualifiers.architectures.join(","),
                )
            })
            .collect()
    }

    fn check(status: &str, rest: &str, expected: &[&str]) {
        let kept = kept(&document(status, rest));
        let lines: Vec<String> = lines(&kept).iter().map(|line| line.trim_end().to_owned()).collect();
        assert_eq!(lines, expected, "{status} {rest}");
    }

    #[test]
    fn fixes() {
        check(
            r#"{"fixed":["RHEL8:old","RHEL8:src"]}"#,
            "",
            &["os:redhat:8 bin p Affected 0..2:1.0-1.el8  -"],
        );
        check(r#"{"fixed":["RHEL8:src"]}"#, "", &["os:redhat:8 src p Affected 0..2:1.0-1.el8  -"]);
        // The highest of a stream and architecture.
        check(
            r#"{"fixed":["RHEL8:new","RHEL8:old"]}"#,
            "",
            &["os:redhat:8 bin p Affected 0..2:1.0-10.el8  -"],
        );
        check(
            r#"{"fixed":["RHEL8:new","RHEL8:arm"]}"#,
            "",
            &[
                "os:redhat:8 bin p Affected 0..2:1.0-1.el8  - aarch64",
                "os:redhat:8 bin p Affected 0..2:1.0-10.el8  - x86_64",
            ],
        );
        check(
            r#"{"fixed":["RHEL8:mod"]}"#,
            "",
            &["os:redhat:8 bin npm Affected 0..6-1.module+el8  nodejs:12"],
        );
        check(
            r#"{"fixed":["RHEL8:telnet-1:0.17-65.el8.x86_64"]}"#,
            "",
            &["os:redhat:8 bin telnet Affected 0..1:0.17-65.el8  -"],
        );
    }

    #[test]
    fn what_is_not_fixed() {
        let check_word = |category: &str, details: &str, expected: &str| {
            check(
                r#"{"known_affected":["RHEL8:kernel"]}"#,
                &format!(
                    r#","remediations":[{{"category":"{category}","details":"{details}","product_ids":["RHEL8:kernel"]}}]"#
                ),
                &[&format!("os:redhat:8 src kernel {expected}   -")],
            );
        };
        check_word("none_available", "Affected", "Affected");
        check_word("none_available", "Fix deferred", "FixDeferred");
        check_word("none_available", "Deferred", "FixDeferred");
        check_word("no_fix_planned", "Will not fix", "WillNotFix");
        check_word("no_fix_planned", "Out of support scope", "EndOfLife");
        check_word("none_available", "Something new", "Unknown");
        check_word("workaround", "Do not", "Affected");
        check(r#"{"known_affected":["RHEL8:bin"]}"#, "", &["os:redhat:8 bin bin Affected   -"]);
        check(
            r#"{"known_affected":["RHEL8:nodejs:12:bin"]}"#,
            "",
            &["os:redhat:8 bin bin Affected   nodejs:12"],
        );
        check(
            r#"{"known_affected":["RHEL8:log4j:2/log4j"]}"#,
            "",
            &["os:redhat:8 src log4j Affected   log4j:2"],
        );
        check(r#"{"new_word":["RHEL8:bin"]}"#, "", &["os:redhat:8 bin bin Affected   -"]);
        check(
            r#"{"under_investigation":["RHEL8:bin"]}"#,
            "",
            &["os:redhat:8 bin bin UnderInvestigation   -"],
        );
        check(r#"{"known_not_affected":["RHEL8:bin"]}"#, "", &["os:redhat:8 bin bin NotAffected   -"]);
        check(
            r#"{"known_not_affected":["RHEL8:old"]}"#,
            "",
            &["os:redhat:8 bin p NotAffected  2:1.0-1.el8 -"],
        );
        // A fix says more than the same package without a version.
        check(
            r#"{"fixed":["RHEL8:old"],"known_affected":["RHEL8:arm"]}"#,
            "",
            &["os:redhat:8 bin p Affected 0..2:1.0-1.el8  -"],
        );
    }

    #[test]
    fn other_products_are_counted() {
        let kept_of = |product: &str| kept(&document(&format!(r#"{{"fixed":["{product}"]}}"#), ""));
        for (product, reason) in
            [("SAT:old", OTHER), ("RHEL8:oci", NOT_RPM), ("old", NO_PLATFORM), ("?", NO_PLATFORM)]
        {
            let kept = kept_of(product);
            assert_eq!(kept.skipped, [(reason, String::from("CVE-2024-0001"))], "{product}");
            assert_eq!(kept.records.len(), 0);
        }
        let bad = kept(&document(r#"{"known_affected":["RHEL8:bad"]}"#, ""));
        assert_eq!((bad.rejected.len(), bad.rejected[0].0), (1, ILLEGAL_MODULE));
        assert_eq!(bad.records[0].affected[0].name, "bad");
    }

    #[test]
    fn platforms() {
        let check = |cpe: &str, expected: Result<&str, &'static str>| {
            assert_eq!(
                stream_of(cpe).as_ref().map(Stream::as_str).map_err(|reason| *reason),
                expected,
                "{cpe}"
            );
        };
        check("cpe:/o:redhat:enterprise_linux:9::baseos", Ok("redhat:9"));
        check("cpe:/o:redhat:enterprise_linux:10.1", Ok("redhat:10"));
        check("cpe:2.3:o:redhat:enterprise_linux:8:*:baseos:*:*:*:*:*", Ok("redhat:8"));
        check("cpe:/o:redhat:enterprise_linux", Err(OTHER));
        check("cpe:/o:redhat:rhel_els:7", Ok("redhat-els:7"));
        check("cpe:/a:redhat:rhel_eus:9.2::appstream", Ok("redhat-eus:9.2"));
        check("cpe:2.3:o:redhat:rhel_aus:8.2:*:baseos:*:*:*:*:*", Ok("redhat-aus:8.2"));
        check("cpe:/o:redhat:rhel_eus", Err(OTHER));
        check("cpe:/o:redhat:rhel_extras:7", Err(EXTENDED));
        check("cpe:/a:redhat:openshift:4", Err(OTHER));
        check("", Err(OTHER));
    }

    #[test]
    fn deleted_and_foreign_documents() {
        let skipped = |text: &str, deleted: Option<&str>| {
            let mut kept = Kept::default();
            parse(text.as_bytes(), "a.json", deleted, &mut kept);
            (kept.records.len(), kept.skipped.first().map(|(reason, _)| *reason), kept.rejected.len())
        };
        let gone = Some("its publisher deleted the document");
        let whole = document(r#"{"fixed":["RHEL8:old"]}"#, "");
        assert_eq!(skipped(&whole, None), (1, None, 0));
        assert_eq!(skipped(&whole, Some("2024-03-02T00:00:00+00:00")), (0, gone, 0));
        // Published again after it was deleted.
        assert_eq!(skipped(&whole, Some("2024-02-01T00:00:00+00:00")), (1, None, 0));
        assert_eq!(
            skipped(r#"{"document":{"tracking":{"id":"CVE-1","status":"deleted"}}}"#, None),
            (0, gone, 0)
        );
        let foreign = whole.replace("www.redhat.com", "www.notredhat.com");
        assert_eq!(skipped(&foreign, None), (0, Some("another publisher than Red Hat"), 0));
        assert_eq!(skipped("{}", None), (0, Some("not a CSAF document"), 0));
        assert_eq!(skipped("{", None), (0, None, 1));
        assert_eq!(skipped(r#"{"document":1}"#, None), (0, None, 1));

        let mut deletions = Deletions::new();
        read_deletions(
            "x/deletions.csv",
            b"\"2024/a.json\",\"2024-12-01T21:27:56+00:00\"\nbroken",
            &mut deletions,
        );
        assert_eq!(deletions.get("x/2024/a.json").map(String::as_str), Some("2024-12-01T21:27:56+00:00"));
    }

    #[test]
    fn folders_and_archives() {
        let folder = tempfile::tempdir().unwrap();
        let year = folder.path().join("redhat/vex/2024");
        std::fs::create_dir_all(&year).unwrap();
        let text = document(r#"{"fixed":["RHEL8:old"]}"#, "");
        std::fs::write(year.join("cve-2024-0001.json"), &text).unwrap();
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_cksum();
        // The first is in the folder as well and newer there, the second was deleted since, the third is as it was.
        for number in 1..=3 {
            let name = format!("vex/2024/cve-2024-000{number}.json");
            archive.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        let deleted = "\"2024/cve-2024-0002.json\",\"2024-12-01T21:27:56+00:00\"\n";
        std::fs::write(folder.path().join("redhat/vex/deletions.csv"), deleted).unwrap();
        let packed = zstd::encode_all(archive.into_inner().unwrap().as_slice(), 1).unwrap();
        std::fs::write(folder.path().join("redhat/csaf_vex_2025-02-15.tar.zst"), &packed).unwrap();
        let parts = find(folder.path()).unwrap();
        assert_eq!(parts.len(), 2);
        for part in &parts {
            let mut kept = Kept::default();
            read(part, &mut kept).unwrap();
            assert_eq!(kept.records.len(), 1, "{part:?}");
            let archive = part.path.extension().is_some_and(|extension| extension == "zst");
            assert_eq!(kept.skipped.len(), usize::from(archive), "{part:?} {:?}", kept.skipped);
        }
        std::fs::write(&parts[1].path, &packed[..packed.len() / 2]).unwrap();
        assert!(read(&parts[1], &mut Kept::default()).is_err());
    }

    #[test]
    fn the_shared_samples() {
        let Some(root) = plimsoll_testing::shared("data") else { return };
        let mut kept = Kept::default();
        for part in find(&root).unwrap() {
            read(&part, &mut kept).unwrap();
        }
        let mut statuses: BTreeMap<String, usize> = BTreeMap::new();
        for entry in kept.records.iter().flat_map(|record| &record.affected) {
            *statuses.entry(format!("{:?}", entry.status)).or_default() += 1;
        }
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for (reason, _) in kept.skipped.iter().chain(&kept.rejected) {
            *reasons.entry(reason).or_default() += 1;
        }
        assert_eq!(kept.records.len(), 41);
        let expected = [
            ("Affected", 812),
            ("EndOfLife", 35),
            ("FixDeferred", 238),
            ("NotAffected", 310),
            ("WillNotFix", 3),
        ];
        assert!(statuses.iter().map(|(word, count)| (word.as_str(), *count)).eq(expected), "{statuses:?}");
        let expected = [
            (ILLEGAL_MODULE, 1),
            (EXTENDED, 1),
            (OTHER, 33),
            (NO_PLATFORM, 4),
            ("another publisher than Red Hat", 4),
            ("compressed with xz: unpack it first", 10),
            ("its publisher deleted the document", 3),
            ("not a CSAF document", 3),
        ];
        assert_eq!(reasons, BTreeMap::from(expected));
    }

    proptest! {
        #[test]
        fn never_panics(content in proptest::collection::vec(any::<u8>(), 0..400)) {
            parse(&content, "a.json", None, &mut Kept::default());
        }

        #[test]
        fn never_panics_on_odd_ids(id in ".{0,40}", purl in ".{0,40}") {
            nevra(&id);
            module_stream(&id);
            let quoted = serde_json::to_string(&purl).unwrap();
            let text = document(r#"{"fixed":["RHEL8:old"]}"#, "").replace("\"pkg:rpm/redhat/p@1.0-1.el8?arch=x86_64&epoch=2\"", &quoted);
            parse(text.as_bytes(), "a.json", None, &mut Kept::default());
        }

        #[test]
        fn never_panics_on_broken_documents(start in 0_usize..4000, length in 0_usize..60, word in "[\"{}:,a-z\\[\\]]{0,6}") {
            let mut text = document(r#"{"fixed":["RHEL8:old"]}"#, "");
            let from = text.floor_char_boundary(start);
            let to = text.floor_char_boundary(from + length);
            text.replace_range(from..to, &word);
            parse(text.as_bytes(), "a.json", None, &mut Kept::default());
        }
    }
}
