//! VEX documents of users: what they say about findings, and why a statement did not apply.
//!
//! Read are OpenVEX 0.0.1 and 0.2.x, the VEX profile of CSAF 2.0 (section 4.5), and CycloneDX (1.4 and later,
//! `vulnerabilities[].analysis`). A statement applies to a finding when all of this holds:
//!
//! - one of its vulnerability ids is the finding's advisory or one of its aliases, letter case aside;
//! - its product is the image: an OCI or Docker package URL whose digest is the image's, or which without a digest names
//!   the end of its repository (and its `repository_url` and `tag`, when given); a hash that is the image's digest; or
//!   a reference as people write it (`registry/name:tag`, `name@sha256:...`);
//! - with subcomponents, one of them is a package of the finding or its source package; or
//! - its product is such a package itself: same type and name, and same namespace, version and qualifiers when the
//!   statement gives them, and a version within the statement's ranges. With subcomponents the product may be another
//!   package of the inventory (the main module of a binary) that stands in the same file as the package of the finding;
//! - or it names no product and is attached to the image.
//!
//! Among statements about one vulnerability and one package those of the document with the best rank decide
//! ([`Assertion::rank`]), among these the latest, at the same time the one further down. `not_affected` and `fixed`
//! suppress a finding when every package of it is spoken for; `affected` and `under_investigation` never do. What became
//! of each statement about a flaw that was found is told in its document; one that does not apply leaves a note too.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use plimsoll_model::purl::Purl;
use plimsoll_model::vex::{VexDocument, VexOrigin, VexOutcome, VexSignature, VexStatement};
use plimsoll_model::{
    Algorithm, Digest, Ecosystem, Finding, Inventory, Package, Problem, ProblemKind, Suppression, Target,
    TargetKind,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::feed::csaf;
use crate::vers;

/// The greatest size of a document, in bytes.
pub const SIZE_LIMIT: usize = 64 << 20;
/// The greatest number of statements times products of a document.
const PRODUCT_LIMIT: usize = 4_000_000;
/// Put before ids that mean something only within their document: no image is named by them.
const OWN_ID: &str = "id:";
/// How many notes one call gives; the rest is one more note.
const NOTE_LIMIT: usize = 20;
/// How many answers about statements one call gives; the rest is counted.
const ANSWER_LIMIT: usize = 5_000;

/// Why a document was refused. Positions are JSON paths, counted from 0: `statements[3].status`.
#[derive(Debug, thiserror::Error)]
pub enum VexError {
    /// No JSON.
    #[error("VEX document `{name}` is no JSON: {source}")]
    Json {
        /// The document.
        name: String,
        /// What the reader says, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// JSON of another kind.
    #[error("`{name}` is no VEX document: expected OpenVEX, CSAF 2.0 or CycloneDX")]
    Form {
        /// The document.
        name: String,
    },
    /// A field has the wrong form.
    #[error("VEX document `{name}`, {position}: {detail}")]
    Field {
        /// The document.
        name: String,
        /// Where.
        position: String,
        /// What is wrong.
        detail: String,
    },
    /// Too large.
    #[error("VEX document `{name}` has {what} over the limit of {limit}")]
    Limit {
        /// The document.
        name: String,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

/// What a statement says (OpenVEX 0.2.0, "Status Labels"). The other formats' words are turned into these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The flaw does not affect the product.
    NotAffected,
    /// It does; something should be done.
    Affected,
    /// The product contains a fix.
    Fixed,
    /// Nobody knows yet.
    UnderInvestigation,
}

impl Status {
    /// OpenVEX's word.
    pub fn word(self) -> &'static str {
        match self {
            Status::NotAffected => "not_affected",
            Status::Affected => "affected",
            Status::Fixed => "fixed",
            Status::UnderInvestigation => "under_investigation",
        }
    }
}

/// What a statement is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Product {
    /// Names of the one product: package URLs, references, CPEs, the document's own ids.
    pub identifiers: Vec<String>,
    /// Ranges (`vers:...`) one of which must hold its version; empty for every version.
    pub ranges: Vec<String>,
    /// Hashes of it, lower-case hexadecimal.
    pub hashes: Vec<String>,
    /// Components of it that the statement is about; empty for the whole.
    pub subcomponents: Vec<Component>,
}

/// A part of a product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Component {
    /// Its names.
    pub identifiers: Vec<String>,
    /// As of [`Product::ranges`].
    pub ranges: Vec<String>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Ids and aliases of the vulnerability.
    pub vulnerability: Vec<String>,
    /// What it is about; empty when the document leaves that to whoever attached it.
    pub products: Vec<Product>,
    /// What it says.
    pub status: Status,
    /// Justification and impact, in the document's words; may be empty.
    pub reason: String,
    /// RFC 3339 time; the document's when the statement has none; may be empty.
    pub date: String,
}

/// One VEX document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Its id in its own words; may be empty.
    pub id: String,
    /// Who says so, in its own words; may be empty.
    pub author: String,
    /// RFC 3339 time; may be empty.
    pub date: String,
    /// Its statements, in their order.
    pub statements: Vec<Statement>,
}

/// Why something cannot be read: position and detail; the name of the document is added outside.
type Broken = (String, String);

fn field<'value>(value: &'value Value, key: &str) -> &'value Value {
    value.get(key).unwrap_or(&Value::Null)
}

/// A text that may be absent.
fn text(value: &Value, key: &str, position: &str) -> Result<String, Broken> {
    match field(value, key) {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        _ => Err((format!("{position}{key}"), "is not a text".into())),
    }
}

/// A list that may be absent.
fn list<'value>(value: &'value Value, key: &str, position: &str) -> Result<&'value [Value], Broken> {
    match field(value, key) {
        Value::Null => Ok(&[]),
        Value::Array(list) => Ok(list),
        _ => Err((format!("{position}{key}"), "is not a list".into())),
    }
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// When it is no VEX document, or when any part of it that decides has the wrong form.
    pub fn parse(bytes: &[u8]) -> Result<Document, VexError> {
        Document::parse_named("document", bytes)
    }

    /// As [`Document::parse`], with the name that errors give.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_named(name: &str, bytes: &[u8]) -> Result<Document, VexError> {
        let name = || name.to_owned();
        if bytes.len() > SIZE_LIMIT {
            return Err(VexError::Limit { name: name(), what: "a size", limit: SIZE_LIMIT });
        }
        let value: Value =
            serde_json::from_slice(bytes).map_err(|source| VexError::Json { name: name(), source })?;
        let context = value.get("@context").and_then(Value::as_str).unwrap_or_default();
        let document = if context.starts_with("https://openvex.dev/ns") {
            openvex(&value)
        } else if value.pointer("/document/csaf_version").is_some() {
            let ranges = ranges_of_csaf(&value);
            csaf::Document::deserialize_value(value)
                .map_err(|error| (String::from("document"), error.to_string()))
                .and_then(|document| of_csaf(&document, &ranges))
        } else if value.get("bomFormat").and_then(Value::as_str) == Some("CycloneDX") {
            cyclonedx(&value)
        } else {
            return Err(VexError::Form { name: name() });
        };
        let document =
            document.map_err(|(position, detail)| VexError::Field { name: name(), position, detail })?;
        let products = document.statements.iter().flat_map(|statement| &statement.products);
        if products.map(|product| 1 + product.subcomponents.len()).sum::<usize>() > PRODUCT_LIMIT {
            return Err(VexError::Limit { name: name(), what: "a number of products", limit: PRODUCT_LIMIT });
        }
        Ok(document)
    }
}

/// Justification and explanation in one line.
fn reason(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
    parts.join(": ")
}

fn openvex(value: &Value) -> Result<Document, Broken> {
    let date = match text(value, "last_updated", "")? {
        date if date.is_empty() => text(value, "timestamp", "")?,
        date => date,
    };
    let (id, author) = (text(value, "@id", "")?, text(value, "author", "")?);
    let mut document = Document { id, author, date, statements: Vec::new() };
    if !matches!(field(value, "statements"), Value::Array(_)) {
        return Err(("statements".into(), "is missing or not a list".into()));
    }
    for (index, statement) in list(value, "statements", "")?.iter().enumerate() {
        let position = format!("statements[{index}].");
        let status = match text(statement, "status", &position)?.as_str() {
            "not_affected" => Status::NotAffected,
            "affected" => Status::Affected,
            "fixed" => Status::Fixed,
            "under_investigation" => Status::UnderInvestigation,
            other => return Err((format!("{position}status"), format!("`{other}` is no status"))),
        };
        let mut vulnerability = Vec::new();
        match field(statement, "vulnerability") {
            Value::String(id) => vulnerability.push(id.clone()),
            object @ Value::Object(_) => {
                let inner = format!("{position}vulnerability.");
                vulnerability.push(text(object, "name", &inner)?);
                for alias in list(object, "aliases", &inner)? {
                    vulnerability.extend(alias.as_str().map(str::to_owned));
                }
                vulnerability.push(text(object, "@id", &inner)?);
            }
            _ => {}
        }
        vulnerability.retain(|id| !id.is_empty());
        if vulnerability.is_empty() {
            return Err((format!("{position}vulnerability"), "names no vulnerability".into()));
        }
        // 0.0.1 has the subcomponents beside the products.
        let shared = components(list(statement, "subcomponents", &position)?);
        let mut products = Vec::new();
        for (index, product) in list(statement, "products", &position)?.iter().enumerate() {
            let mut read = component(product);
            if read.identifiers.is_empty() && read.hashes.is_empty() {
                return Err((format!("{position}products[{index}]"), "has no identifier".into()));
            }
            let inner = format!("{position}products[{index}].");
            read.subcomponents = components(list(product, "subcomponents", &inner)?);
            read.subcomponents.extend(shared.iter().cloned());
            products.push(read);
        }
        let date = match text(statement, "timestamp", &position)? {
            date if date.is_empty() => document.date.clone(),
            date => date,
        };
        let reason = reason(&[
            &text(statement, "justification", &position)?,
            &text(statement, "impact_statement", &position)?,
        ]);
        document.statements.push(Statement { vulnerability, products, status, reason, date });
    }
    Ok(document)
}

/// An OpenVEX component: a text, or an object with `@id`, `identifiers` and `hashes`.
fn component(value: &Value) -> Product {
    let mut product = Product::default();
    match value {
        Value::String(id) => product.identifiers.push(id.clone()),
        Value::Object(object) => {
            product.identifiers.extend(object.get("@id").and_then(Value::as_str).map(str::to_owned));
            if let Some(Value::Object(identifiers)) = object.get("identifiers") {
                product.identifiers.extend(identifiers.values().filter_map(Value::as_str).map(str::to_owned));
            }
            if let Some(Value::Object(hashes)) = object.get("hashes") {
                let values = hashes.values().filter_map(Value::as_str);
                product.hashes.extend(values.map(str::to_ascii_lowercase));
            }
        }
        _ => {}
    }
    product.identifiers.retain(|id| !id.is_empty());
    product
}

fn components(list: &[Value]) -> Vec<Component> {
    // A subcomponent without a name stays, as one that nothing matches: it must not widen the statement.
    list.iter()
        .map(|value| Component { identifiers: component(value).identifiers, ranges: Vec::new() })
        .collect()
}

/// The products of CSAF's tree that are a range of versions (`product_version_range`), each with the range. It stands in
/// the name of a branch above the product, which the reader of Red Hat's feed has no use for.
fn ranges_of_csaf(value: &Value) -> HashMap<String, String> {
    let mut ranges = HashMap::new();
    fn branches(value: &Value) -> impl Iterator<Item = &Value> {
        field(value, "branches").as_array().into_iter().flatten()
    }
    let mut open: Vec<&Value> = branches(field(value, "product_tree")).collect();
    while let Some(branch) = open.pop() {
        let id = field(field(branch, "product"), "product_id").as_str();
        if let (Some(id), Some("product_version_range"), Some(name)) =
            (id, field(branch, "category").as_str(), field(branch, "name").as_str())
        {
            ranges.insert(id.to_owned(), name.to_owned());
        }
        open.extend(branches(branch));
    }
    ranges
}

fn of_csaf(csaf: &csaf::Document, ranges: &HashMap<String, String>) -> Result<Document, Broken> {
    let header = csaf.header.as_ref().ok_or_else(|| (String::from("document"), "is missing".into()))?;
    let ranges = |id: &str| ranges.get(id).cloned().into_iter().collect::<Vec<_>>();
    let mut document = Document {
        id: header.tracking.id.clone(),
        author: header.publisher.name.clone(),
        date: header.tracking.current_release_date.clone(),
        statements: Vec::new(),
    };
    let places = csaf::places(&csaf.product_tree);
    // The names of a product id, its hashes, and the names of what it is a component of.
    let names = |id: &str| match places.get(id) {
        Some(csaf::Place::Product(helper)) => {
            let mut names: Vec<String> = [&helper.purl, &helper.cpe].into_iter().cloned().collect();
            names.retain(|name| !name.is_empty());
            if names.is_empty() {
                names.push(format!("{OWN_ID}{id}"));
            }
            let hashes = helper.hashes.iter().flat_map(|file| &file.file_hashes);
            let hashes = hashes.map(|hash| hash.value.to_ascii_lowercase()).collect();
            (names, hashes)
        }
        _ => (vec![format!("{OWN_ID}{id}")], Vec::new()),
    };
    for (index, vulnerability) in csaf.vulnerabilities.iter().enumerate() {
        if vulnerability.cve.is_empty() {
            return Err((format!("vulnerabilities[{index}].cve"), "names no vulnerability".into()));
        }
        let mut reasons: HashMap<&str, Vec<&str>> = HashMap::new();
        let flags = vulnerability.flags.iter().map(|flag| (&flag.label, &flag.product_ids));
        let threats = vulnerability.threats.iter().filter(|threat| threat.category == "impact");
        for (words, products) in flags.chain(threats.map(|threat| (&threat.details, &threat.product_ids))) {
            for product in products {
                reasons.entry(product).or_default().push(words);
            }
        }
        for (word, products) in &vulnerability.product_status {
            let status = match word.as_str() {
                "known_not_affected" => Status::NotAffected,
                "fixed" | "first_fixed" => Status::Fixed,
                "under_investigation" => Status::UnderInvestigation,
                "known_affected" | "first_affected" | "last_affected" => Status::Affected,
                "recommended" => continue,
                other => {
                    let position = format!("vulnerabilities[{index}].product_status.{other}");
                    return Err((position, "is no status".into()));
                }
            };
            // Products with one reason are one statement.
            let mut by_reason: BTreeMap<String, Vec<Product>> = BTreeMap::new();
            for id in products {
                let (whole, part) = match places.get(id.as_str()) {
                    Some(csaf::Place::Component { of, on }) => (*on, Some(*of)),
                    Some(csaf::Place::Product(_)) | None => (id.as_str(), None),
                };
                let (identifiers, hashes) = names(whole);
                let part = part.map(|part| Component { identifiers: names(part).0, ranges: ranges(part) });
                let subcomponents = part.into_iter().collect();
                let product = Product { identifiers, ranges: ranges(whole), hashes, subcomponents };
                let words = reasons.get(id.as_str()).map_or(&[][..], Vec::as_slice);
                by_reason.entry(reason(words)).or_default().push(product);
            }
            for (reason, products) in by_reason {
                document.statements.push(Statement {
                    vulnerability: vec![vulnerability.cve.clone()],
                    products,
                    status,
                    reason,
                    date: document.date.clone(),
                });
            }
        }
    }
    Ok(document)
}

fn cyclonedx(value: &Value) -> Result<Document, Broken> {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let root = field(field(value, "metadata"), "component");
    let mut open: Vec<&Value> = list(value, "components", "")?.iter().collect();
    open.push(root);
    while let Some(component) = open.pop() {
        let name = |key: &str| field(component, key).as_str().unwrap_or_default();
        if !name("bom-ref").is_empty() && !name("purl").is_empty() {
            names.insert(name("bom-ref"), name("purl"));
        }
        if let Value::Array(inner) = field(component, "components") {
            open.extend(inner);
        }
    }
    let root_ref = field(root, "bom-ref").as_str();
    let root_purl = field(root, "purl").as_str();
    let date = text(field(value, "metadata"), "timestamp", "metadata.")?;
    let id = text(value, "serialNumber", "")?;
    let mut document =
        Document { id, author: author_of_cyclonedx(field(value, "metadata")), date, statements: Vec::new() };
    for (index, vulnerability) in list(value, "vulnerabilities", "")?.iter().enumerate() {
        let position = format!("vulnerabilities[{index}].");
        let analysis = field(vulnerability, "analysis");
        let inner = format!("{position}analysis.");
        let status = match text(analysis, "state", &inner)?.as_str() {
            // A finding of an SBOM tool, no statement.
            "" => continue,
            "not_affected" | "false_positive" => Status::NotAffected,
            "resolved" | "resolved_with_pedigree" => Status::Fixed,
            "exploitable" => Status::Affected,
            "in_triage" => Status::UnderInvestigation,
            other => return Err((format!("{inner}state"), format!("`{other}` is no state"))),
        };
        let mut ids = vec![text(vulnerability, "id", &position)?];
        for reference in list(vulnerability, "references", &position)? {
            ids.extend(field(reference, "id").as_str().map(str::to_owned));
        }
        ids.retain(|id| !id.is_empty());
        if ids.is_empty() {
            return Err((format!("{position}id"), "names no vulnerability".into()));
        }
        let mut products = Vec::new();
        for affected in list(vulnerability, "affects", &position)? {
            let reference = field(affected, "ref").as_str().unwrap_or_default();
            // BOM-Link: `urn:cdx:<serial>/<version>#<bom-ref>`.
            let local = reference.rsplit_once('#').filter(|_| reference.starts_with("urn:cdx:"));
            let local = local.map_or(reference, |(_, local)| local);
            let own = match names.get(local) {
                Some(purl) => (*purl).to_owned(),
                None if local.starts_with("pkg:") => local.to_owned(),
                None => format!("{OWN_ID}{local}"),
            };
            let mut ranges = Vec::new();
            for (number, version) in list(affected, "versions", &position)?.iter().enumerate() {
                let inner = format!("{position}affects.versions[{number}].");
                let exact = text(version, "version", &inner)?;
                let range = text(version, "range", &inner)?;
                // A version by itself is a range of one; its kind is that of the package it is about.
                let kind = own.strip_prefix("pkg:").and_then(|rest| rest.split('/').next());
                ranges.push(match (exact.as_str(), range) {
                    ("", range) => range,
                    (exact, _) => format!("vers:{}/{}", kind.unwrap_or_default(), escaped(exact)),
                });
            }
            products.push(match root_purl {
                Some(root) if root_ref != Some(local) && root != own => Product {
                    identifiers: vec![root.to_owned()],
                    subcomponents: vec![Component { identifiers: vec![own], ranges }],
                    ..Product::default()
                },
                _ => Product { identifiers: vec![own], ranges, ..Product::default() },
            });
        }
        let mut date = text(analysis, "lastUpdated", &inner)?;
        if date.is_empty() {
            date = text(vulnerability, "updated", &position)?;
        }
        if date.is_empty() {
            date.clone_from(&document.date);
        }
        let reason = reason(&[&text(analysis, "justification", &inner)?, &text(analysis, "detail", &inner)?]);
        document.statements.push(Statement { vulnerability: ids, products, status, reason, date });
    }
    Ok(document)
}

/// A version as `vers` writes it: what would separate is escaped.
fn escaped(version: &str) -> String {
    version.replace('%', "%25").replace('|', "%7C")
}

/// Who made a CycloneDX document: its manufacturer, authors or supplier.
fn author_of_cyclonedx(metadata: &Value) -> String {
    let name = |value: &Value| field(value, "name").as_str().unwrap_or_default().to_owned();
    let authors = match field(metadata, "authors") {
        Value::Array(authors) => authors.iter().map(name).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    };
    // CycloneDX 1.4 and 1.5 call the manufacturer `manufacture`.
    let parties = ["manufacturer", "manufacture", "supplier"].map(|party| name(field(metadata, party)));
    let [first, second, third] = parties;
    [first, second, authors, third].into_iter().find(|name| !name.is_empty()).unwrap_or_default()
}

/// Why a name of a statement is not what was found; what comes nearest stands last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mismatch {
    Unnamed,
    OtherPackage,
    NoImage,
    ImageName,
    ImageRepository,
    ImageDigest,
    ImageArchitecture,
    ImageTag,
    OtherFile,
    Subcomponents,
    Namespace,
    Qualifiers,
    Version { stated: String, own: String },
    Range { range: String, own: String },
    UnreadRange { range: String, why: vers::Unreadable },
    Subcomponent(Box<Mismatch>),
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = match self {
            Mismatch::Unnamed => "is named by nothing that an image or package has",
            Mismatch::OtherPackage => "is no package of the finding",
            Mismatch::NoImage => "is an image, and what was looked at is none",
            Mismatch::ImageName => "is not this image (name differs)",
            Mismatch::ImageRepository => "is not this image (repository differs)",
            Mismatch::ImageDigest => "is not this image (digest differs)",
            Mismatch::ImageArchitecture => "is not this image (architecture differs)",
            Mismatch::ImageTag => "is not this image (tag differs)",
            Mismatch::OtherFile => "is a package in another file than that of the finding",
            Mismatch::Subcomponents => "has subcomponents that are no package of the finding",
            Mismatch::Namespace => "has another namespace",
            Mismatch::Qualifiers => "has other qualifiers",
            Mismatch::Version { stated, own } => {
                return write!(formatter, "has another version ({stated}; the finding's is {own})");
            }
            Mismatch::Range { range, own } => {
                return write!(formatter, "has a range of versions ({range}) without the finding's {own}");
            }
            Mismatch::UnreadRange { range, why } => {
                let why = match why {
                    vers::Unreadable::Form => "it is no `vers` range",
                    vers::Unreadable::Kind => "it is about packages of another kind",
                    vers::Unreadable::Version => "a version cannot be read",
                };
                return write!(formatter, "has a range of versions ({range}) that decides nothing: {why}");
            }
            Mismatch::Subcomponent(inner) => return write!(formatter, "has a subcomponent that {inner}"),
        };
        formatter.write_str(words)
    }
}

/// The image, as statements may name it.
struct Image {
    /// There is anything by which a statement could name it.
    known: bool,
    /// Repository with registry, tag; as named and as the archive says.
    references: Vec<(String, Option<String>)>,
    digests: Vec<String>,
    architecture: String,
}

/// `docker.io/library/nginx:1.25@sha256:...` -> repository, tag, digest.
fn reference(text: &str) -> (String, Option<String>, Option<String>) {
    let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
    let (repository, tag) = match rest.rsplit_once(':') {
        // A port is followed by a path.
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag.to_owned())),
        _ => (rest, None),
    };
    let repository = repository.to_ascii_lowercase();
    let first = repository.split('/').next().unwrap_or_default();
    let has_registry = repository.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let repository = match (has_registry, repository.contains('/')) {
        (true, _) => repository.replacen("index.docker.io/", "docker.io/", 1),
        (false, true) => format!("docker.io/{repository}"),
        (false, false) => format!("docker.io/library/{repository}"),
    };
    (repository, tag, digest.map(str::to_owned))
}

/// Does `path` end with `name` on the border of a part?
fn ends_with_path(path: &str, name: &str) -> bool {
    path.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

impl Image {
    fn of(target: &Target) -> Self {
        let mut digests: Vec<String> =
            [&target.digest, &target.image_id].into_iter().flatten().map(ToString::to_string).collect();
        let mut references = Vec::new();
        // A name inside an archive makes the user's a file name.
        let name = match &target.reference {
            Some(name) => Some(name),
            None => (target.kind == TargetKind::Image).then_some(&target.name),
        };
        if let Some(name) = name {
            let (repository, tag, digest) = reference(name);
            // What an archive says of its own digest proves nothing.
            digests.extend(digest.filter(|_| target.reference.is_none()));
            references.push((repository, tag));
        }
        let platform = target.platform.as_deref().unwrap_or_default();
        Image {
            known: target.kind == TargetKind::Image || !digests.is_empty() || !references.is_empty(),
            references,
            digests,
            architecture: platform.split('/').nth(1).unwrap_or_default().to_owned(),
        }
    }

    fn has_digest(&self, digest: &str) -> bool {
        self.digests
            .iter()
            .any(|own| own == digest || own.split_once(':').is_some_and(|(_, hex)| hex == digest))
    }

    /// Is the image what an OCI or Docker package URL names? Why not, otherwise.
    fn is(&self, purl: &Purl) -> Result<(), Mismatch> {
        if !self.known {
            return Err(Mismatch::NoImage);
        }
        let architecture = purl.qualifier("arch").unwrap_or_default();
        if !architecture.is_empty() && !self.architecture.is_empty() && architecture != self.architecture {
            return Err(Mismatch::ImageArchitecture);
        }
        let mut tag = purl.qualifier("tag");
        match purl.version() {
            Some(version) if version.contains(':') => {
                return if self.has_digest(version) { Ok(()) } else { Err(Mismatch::ImageDigest) };
            }
            // Docker's package URLs may have a tag there.
            Some(version) if !version.is_empty() => tag = Some(version),
            _ => {}
        }
        let name = purl.namespace().map_or_else(
            || purl.name().to_ascii_lowercase(),
            |namespace| format!("{namespace}/{}", purl.name()).to_ascii_lowercase(),
        );
        let named: Vec<_> =
            self.references.iter().filter(|(repository, _)| ends_with_path(repository, &name)).collect();
        if named.is_empty() {
            return Err(Mismatch::ImageName);
        }
        let url = purl.qualifier("repository_url").map(|url| {
            let url = url.strip_prefix("https://").or(url.strip_prefix("http://")).unwrap_or(url);
            url.trim_end_matches('/').to_ascii_lowercase()
        });
        let placed: Vec<_> = named
            .into_iter()
            .filter(|(repository, _)| {
                url.as_ref().is_none_or(|url| {
                    let url = url.replacen("index.docker.io", "docker.io", 1);
                    *repository == url
                        || *repository == format!("{url}/{name}")
                        || *repository == reference(&url).0
                })
            })
            .collect();
        if placed.is_empty() {
            return Err(Mismatch::ImageRepository);
        }
        if tag.is_some_and(|tag| placed.iter().all(|(_, own)| own.as_deref() != Some(tag))) {
            return Err(Mismatch::ImageTag);
        }
        Ok(())
    }

    /// Is the image what a plain reference names?
    fn is_reference(&self, text: &str) -> bool {
        let (repository, tag, digest) = reference(text);
        if let Some(digest) = digest {
            return self.has_digest(&digest);
        }
        self.references.iter().any(|(own, own_tag)| *own == repository && (tag.is_none() || *own_tag == tag))
    }
}

/// A package of a finding.
struct Candidate<'finding> {
    purl: Purl,
    package: Option<&'finding Package>,
    /// Name and version of the source package, for distribution packages.
    source: Option<(&'finding str, &'finding str)>,
}

/// Qualifiers that say where something came from, not what it is.
const PROVENANCE: [&str; 6] = ["type", "repository_url", "download_url", "vcs_url", "checksum", "file_name"];

/// Does the package URL of a statement name this package? Why not, otherwise.
fn names(stated: &Purl, package: &Purl) -> Result<(), Mismatch> {
    if stated.kind() != package.kind() {
        return Err(Mismatch::OtherPackage);
    }
    let ecosystem = Ecosystem::from_purl_type(stated.kind()).unwrap_or(Ecosystem::Generic);
    let same = |left: &str, right: &str| ecosystem.normalise(left) == ecosystem.normalise(right);
    if !same(stated.name(), package.name()) {
        return Err(Mismatch::OtherPackage);
    }
    if stated.namespace().is_some_and(|namespace| !same(namespace, package.namespace().unwrap_or_default())) {
        return Err(Mismatch::Namespace);
    }
    let plain = |version: &str| {
        if ecosystem == Ecosystem::Go {
            version.trim_start_matches('v').to_owned()
        } else {
            version.to_owned()
        }
    };
    let own = package.version().unwrap_or_default();
    if let Some(version) = stated.version().filter(|version| plain(version) != plain(own)) {
        return Err(Mismatch::Version { stated: brief(version), own: own.to_owned() });
    }
    let differs = |(key, value): (&str, &str)| match package.qualifier(key) {
        Some(own) => own != value,
        None => !PROVENANCE.contains(&key),
    };
    if stated.qualifiers().any(differs) { Err(Mismatch::Qualifiers) } else { Ok(()) }
}

/// What is told of a text of a document: many answers name it, so it must not be long.
fn brief(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Does one of the ranges hold a version? Without ranges every version is meant.
fn in_range(ranges: &[String], kind: &str, version: &str) -> Result<(), Mismatch> {
    let ecosystem = Ecosystem::from_purl_type(kind).unwrap_or(Ecosystem::Generic);
    let mut mismatch = None;
    for range in ranges {
        match vers::contains(range, ecosystem, version) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(why) => mismatch = Some(Mismatch::UnreadRange { range: brief(range), why }),
        }
    }
    if ranges.is_empty() {
        return Ok(());
    }
    Err(mismatch
        .unwrap_or_else(|| Mismatch::Range { range: brief(&ranges.join(", ")), own: version.to_owned() }))
}

impl Candidate<'_> {
    /// Is it, or its source package, what a package URL names, in one of these ranges?
    fn is(&self, stated: &Purl, ranges: &[String]) -> Result<(), Mismatch> {
        let own = names(stated, &self.purl)
            .and_then(|()| in_range(ranges, self.purl.kind(), self.purl.version().unwrap_or_default()));
        let (Err(mismatch), Some((name, version))) = (own.clone(), self.source) else { return own };
        if stated.kind() != self.purl.kind() || stated.name() != name {
            return Err(mismatch);
        }
        if stated.namespace().is_some_and(|namespace| Some(namespace) != self.purl.namespace()) {
            return Err(Mismatch::Namespace);
        }
        let epochless = version.split_once(':').map_or(version, |(_, rest)| rest);
        if let Some(stated) = stated.version().filter(|stated| *stated != version && *stated != epochless) {
            return Err(Mismatch::Version { stated: brief(stated), own: version.to_owned() });
        }
        let mut qualifiers = stated.qualifiers().filter(|(key, _)| !PROVENANCE.contains(key));
        let qualifiers = qualifiers.all(|(key, value)| match key {
            "arch" => matches!(value, "source" | "src" | "any" | "all"),
            "epoch" => true,
            _ => self.purl.qualifier(key) == Some(value),
        });
        if !qualifiers {
            return Err(Mismatch::Qualifiers);
        }
        in_range(ranges, self.purl.kind(), version)
    }

    /// Is it one of the subcomponents that a statement names?
    fn is_one_of(&self, subcomponents: &[Component]) -> Result<(), Mismatch> {
        let mut nearest = Mismatch::Subcomponents;
        for component in subcomponents {
            for text in &component.identifiers {
                let Ok(stated) = Purl::parse_lenient(text) else { continue };
                match self.is(&stated, &component.ranges) {
                    Ok(()) => return Ok(()),
                    Err(Mismatch::OtherPackage) => {}
                    Err(mismatch) => nearest = nearest.max(Mismatch::Subcomponent(Box::new(mismatch))),
                }
            }
        }
        Err(nearest)
    }
}

/// The packages of an inventory by kind and name.
type Index<'inventory> = HashMap<(String, String), Vec<(Purl, &'inventory Package)>>;

fn key(purl: &Purl) -> (String, String) {
    let ecosystem = Ecosystem::from_purl_type(purl.kind()).unwrap_or(Ecosystem::Generic);
    (purl.kind().to_owned(), ecosystem.normalise(purl.name()).into_owned())
}

/// A product with its names read once.
struct Prepared<'statement> {
    product: &'statement Product,
    purls: Vec<Purl>,
    /// The image is this product, or why not.
    image: Result<(), Mismatch>,
    /// Files in which the product stands as a package of the inventory.
    files: HashSet<&'statement plimsoll_model::ImagePath>,
}

fn is_image_purl(purl: &Purl) -> bool {
    matches!(purl.kind(), "oci" | "docker")
}

impl<'statement> Prepared<'statement> {
    fn new(product: &'statement Product, image: &Image, inventory: &'statement Index<'_>) -> Self {
        let purls: Vec<Purl> =
            product.identifiers.iter().filter_map(|text| Purl::parse_lenient(text).ok()).collect();
        let mut found = Err(Mismatch::Unnamed);
        for purl in &purls {
            let is = if is_image_purl(purl) {
                image.is(purl).and_then(|()| in_range(&product.ranges, purl.kind(), ""))
            } else {
                Err(Mismatch::OtherPackage)
            };
            found = match (found, is) {
                (Ok(()), _) | (_, Ok(())) => Ok(()),
                (Err(left), Err(right)) => Err(left.max(right)),
            };
        }
        let plain = product
            .identifiers
            .iter()
            .filter(|text| !["pkg:", "cpe:", OWN_ID].iter().any(|start| text.starts_with(start)));
        if product.hashes.iter().any(|hash| image.has_digest(hash))
            || plain.into_iter().any(|text| image.is_reference(text))
        {
            found = Ok(());
        } else if found.is_err() && !product.hashes.is_empty() && purls.is_empty() {
            found = Err(Mismatch::ImageDigest);
        }
        let mut files = HashSet::new();
        if !product.subcomponents.is_empty() && found.is_err() {
            for stated in purls.iter().filter(|purl| !is_image_purl(purl)) {
                let named = inventory.get(&key(stated)).into_iter().flatten();
                let fits = |(own, _): &&(Purl, &Package)| {
                    let version = own.version().unwrap_or_default();
                    names(stated, own).and_then(|()| in_range(&product.ranges, own.kind(), version)).is_ok()
                };
                for (_, package) in named.filter(fits) {
                    files.extend(package.locations.iter().map(|location| &location.path));
                }
            }
        }
        Prepared { product, purls, image: found, files }
    }

    fn applies(&self, candidate: &Candidate<'_>) -> Result<(), Mismatch> {
        let subcomponents = &self.product.subcomponents;
        let image = match &self.image {
            Ok(()) if subcomponents.is_empty() => return Ok(()),
            Ok(()) => return candidate.is_one_of(subcomponents),
            Err(mismatch) => mismatch,
        };
        if subcomponents.is_empty() {
            let mut nearest = image.clone();
            for stated in self.purls.iter().filter(|purl| !is_image_purl(purl)) {
                match candidate.is(stated, &self.product.ranges) {
                    Ok(()) => return Ok(()),
                    Err(mismatch) => nearest = nearest.max(mismatch),
                }
            }
            return Err(nearest);
        }
        let together = candidate
            .package
            .is_some_and(|package| package.locations.iter().any(|place| self.files.contains(&place.path)));
        match (together, self.files.is_empty()) {
            (true, _) => candidate.is_one_of(subcomponents),
            (false, false) => Err(Mismatch::OtherFile),
            (false, true) => Err(image.clone()),
        }
    }
}

/// A document and what is known of it: an assertion that somebody makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// What it says.
    pub document: Document,
    /// What people are told of it. [`apply_documents`] adds what became of its statements.
    pub told: VexDocument,
    /// The smaller one outranks: a file that the user named (0) what is attached to the image (1), that the hubs (from 2 on,
    /// in the order in which they were named). Within one rank the latest statement decides.
    pub rank: u32,
}

impl Assertion {
    /// Reads a document. It is used, and nobody asked who signed it.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn read(name: &str, origin: VexOrigin, rank: u32, bytes: &[u8]) -> Result<Self, VexError> {
        Ok(Assertion::of(name, origin, rank, bytes, Document::parse_named(name, bytes)?))
    }

    /// Takes a document that was read from `bytes`.
    pub fn of(name: &str, origin: VexOrigin, rank: u32, bytes: &[u8], document: Document) -> Self {
        let told = VexDocument {
            name: name.to_owned(),
            origin,
            id: document.id.clone(),
            author: document.author.clone(),
            digest: Assertion::digest_of(bytes),
            signature: VexSignature::NotAsked,
            used: true,
            statements: document.statements.len() as u64,
            considered: Vec::new(),
            unlisted: 0,
        };
        Assertion { document, told, rank }
    }

    /// The digest that tells documents apart.
    pub fn digest_of(bytes: &[u8]) -> Digest {
        let digest = Digest::from_bytes(Algorithm::Sha256, &Sha256::digest(bytes));
        digest.expect("SHA-256 has 32 bytes")
    }

    /// The source of a suppression: the document, its id, and who signed it where that was asked.
    fn source(&self) -> String {
        let signed = self.told.signature.told();
        let author = if signed.is_empty() { "" } else { self.document.author.as_str() };
        let words = [self.document.id.as_str(), author, &signed];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            self.told.name.clone()
        } else {
            format!("{} ({})", self.told.name, words.join(", "))
        }
    }
}

/// A statement that is about one package of one finding.
#[derive(Clone, Copy)]
struct Spoken<'document> {
    by: &'document Assertion,
    /// Positions of document and statement: the further down decides at the same time.
    place: (usize, usize),
    statement: &'document Statement,
    at: Option<jiff::Timestamp>,
}

impl Spoken<'_> {
    fn clears(&self) -> bool {
        matches!(self.statement.status, Status::NotAffected | Status::Fixed)
    }

    /// The greatest decides.
    fn weight(&self) -> (Reverse<u32>, Option<jiff::Timestamp>, (usize, usize)) {
        (Reverse(self.by.rank), self.at, self.place)
    }

    /// Why it decides rather than another one that is about the same.
    fn outdoes(&self, other: &Self) -> String {
        let name = if self.place.0 == other.place.0 { "this document" } else { &self.by.told.name };
        let word = self.statement.status.word();
        if self.by.rank != other.by.rank {
            format!("{name} outranks it and says {word}")
        } else if self.at != other.at {
            format!("a later statement of {name} says {word}")
        } else {
            format!("a statement of {name} further down says {word}")
        }
    }
}

/// When a statement was made, for comparing; unreadable and missing times are the oldest.
fn moment(date: &str) -> Option<jiff::Timestamp> {
    date.parse().ok()
}

/// What one statement is for one finding.
struct Answer {
    /// Positions of document and statement.
    place: (usize, usize),
    finding: usize,
    /// The packages of the finding that it is about.
    about: Vec<usize>,
    /// Why it is about none.
    mismatch: String,
}

/// Notes for the report, each once with how often it was true.
#[derive(Default)]
struct Notes {
    listed: Vec<(String, String, usize)>,
    index: HashMap<(String, String), usize>,
    dropped: usize,
}

impl Notes {
    fn add(&mut self, name: &str, detail: String) {
        let key = (name.to_owned(), detail);
        match self.index.get(&key) {
            Some(place) => self.listed[*place].2 += 1,
            None if self.listed.len() < NOTE_LIMIT => {
                self.index.insert(key.clone(), self.listed.len());
                self.listed.push((key.0, key.1, 1));
            }
            None => self.dropped += 1,
        }
    }

    fn problems(self, subject: &str, unknown: usize) -> Vec<Problem> {
        let note = |name: &str, detail: String| Problem::note(ProblemKind::Unsupported, name, detail);
        let mut problems: Vec<Problem> = self
            .listed
            .into_iter()
            .map(|(name, detail, count)| {
                note(&name, if count > 1 { format!("{detail} ({count} statements)") } else { detail })
            })
            .collect();
        if self.dropped > 0 {
            let count = self.dropped;
            let detail = format!("{count} more VEX statements about vulnerabilities found did not apply");
            problems.push(note(subject, detail));
        }
        if unknown > 0 {
            let detail = format!("{unknown} VEX statements are about vulnerabilities that were not found");
            problems.push(note(subject, detail));
        }
        problems
    }
}

/// Applies one document to findings. See the module for the rules.
///
/// # Errors
/// When the document is refused; no finding is changed then.
pub fn apply(
    name: &str,
    bytes: &[u8],
    target: &Target,
    inventory: &Inventory,
    findings: &mut [Finding],
) -> Result<Vec<Problem>, VexError> {
    let assertion = Assertion::read(name, VexOrigin::File, 0, bytes)?;
    Ok(apply_documents(&mut [assertion], target, inventory, findings))
}

/// Applies several documents, and tells in each what became of its statements.
///
/// Findings that are already suppressed stay as they are. The problems are notes, in the order of the statements.
pub fn apply_documents(
    assertions: &mut [Assertion],
    target: &Target,
    inventory: &Inventory,
    findings: &mut [Finding],
) -> Vec<Problem> {
    let Decided { suppressions, answers, unlisted, problems } =
        decide(assertions, target, inventory, findings);
    for (place, answer) in answers {
        assertions[place].told.considered.push(answer);
    }
    for (place, count) in unlisted {
        assertions[place].told.unlisted = count;
    }
    for (index, suppression) in suppressions {
        let finding = &mut findings[index];
        if finding.suppressed_by.is_none() {
            finding.suppressed_by = Some(suppression);
        }
    }
    problems
}

/// What documents lead to.
#[derive(Default)]
struct Decided {
    suppressions: Vec<(usize, Suppression)>,
    /// By the position of the document.
    answers: Vec<(usize, VexStatement)>,
    unlisted: BTreeMap<usize, u64>,
    problems: Vec<Problem>,
}

fn decide(assertions: &[Assertion], target: &Target, inventory: &Inventory, findings: &[Finding]) -> Decided {
    if assertions.is_empty() {
        // Nobody spoke: thousands of package URLs need not be read.
        return Decided::default();
    }
    let image = Image::of(target);
    let mut packages = Index::new();
    for package in &inventory.packages {
        if let Ok(purl) = Purl::parse_lenient(&package.purl) {
            packages.entry(key(&purl)).or_default().push((purl, package));
        }
    }
    let by_text: HashMap<&str, &Package> =
        inventory.packages.iter().map(|package| (package.purl.as_str(), package)).collect();
    let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, finding) in findings.iter().enumerate() {
        for id in std::iter::once(&finding.advisory).chain(&finding.aliases) {
            by_id.entry(id.to_ascii_uppercase()).or_default().push(index);
        }
    }
    // Per finding and package: the statement that decides.
    let mut decided: HashMap<(usize, usize), Spoken<'_>> = HashMap::new();
    let mut candidates: BTreeMap<usize, Vec<Option<Candidate<'_>>>> = BTreeMap::new();
    let mut answers: Vec<Answer> = Vec::new();
    let mut unlisted: BTreeMap<usize, u64> = BTreeMap::new();
    let mut unknown = 0_usize;
    let mut notes = Notes::default();
    let numbered = assertions.iter().enumerate().filter(|(_, assertion)| assertion.told.used);
    for (document, assertion) in numbered {
        for (number, statement) in assertion.document.statements.iter().enumerate() {
            let about: BTreeSet<usize> = statement
                .vulnerability
                .iter()
                .filter_map(|id| by_id.get(&id.to_ascii_uppercase()))
                .flatten()
                .copied()
                .collect();
            if about.is_empty() {
                unknown += 1;
                continue;
            }
            for index in &about {
                candidates.entry(*index).or_insert_with(|| of_finding(&findings[*index], &by_text));
            }
            let place = (document, number);
            let spoken = Spoken { by: assertion, place, statement, at: moment(&statement.date) };
            let first = answers.len();
            let listed = about.len().min(ANSWER_LIMIT.saturating_sub(answers.len()));
            answers.extend(about.iter().take(listed).map(|finding| Answer {
                place,
                finding: *finding,
                about: Vec::new(),
                mismatch: String::new(),
            }));
            if listed < about.len() {
                *unlisted.entry(document).or_default() += (about.len() - listed) as u64;
            }
            let mut applied = false;
            // The nearest miss, with the product that it is about, over all findings and for each.
            let mut nearest: Vec<Option<(Mismatch, &str)>> = vec![None; about.len()];
            for product in &statement.products {
                let prepared = Prepared::new(product, &image, &packages);
                for (slot, index) in about.iter().enumerate() {
                    for (place, candidate) in candidates.get(index).into_iter().flatten().enumerate() {
                        let Some(candidate) = candidate else { continue };
                        match prepared.applies(candidate) {
                            Ok(()) => {
                                applied = true;
                                let slot_of = decided.entry((*index, place)).or_insert(spoken);
                                if slot_of.weight() <= spoken.weight() {
                                    *slot_of = spoken;
                                }
                                if slot < listed && !answers[first + slot].about.contains(&place) {
                                    answers[first + slot].about.push(place);
                                }
                            }
                            Err(mismatch) => {
                                let name =
                                    product.identifiers.first().map_or("named by a hash", String::as_str);
                                if nearest[slot].as_ref().is_none_or(|(known, _)| *known < mismatch) {
                                    nearest[slot] = Some((mismatch, name));
                                }
                            }
                        }
                    }
                }
            }
            let told = |near: &Option<(Mismatch, &str)>| match near {
                Some((mismatch, name)) => format!("product {} {mismatch}", brief(name)),
                None => "it names no product".to_owned(),
            };
            for (slot, near) in nearest.iter().enumerate().take(listed) {
                answers[first + slot].mismatch = told(near);
            }
            if !applied {
                let id = statement.vulnerability.first().map_or("", String::as_str);
                let nearest = nearest.into_iter().max().flatten();
                let detail = format!("VEX statement for {id} did not apply: {}", told(&nearest));
                notes.add(&assertion.told.name, detail);
            }
        }
    }
    let mut suppressions: Vec<(usize, Suppression)> = Vec::new();
    // How many packages of a finding are cleared, of how many.
    let mut cleared: HashMap<usize, (usize, usize)> = HashMap::new();
    for (index, candidates) in &candidates {
        let spoken: Vec<_> = (0..candidates.len()).map(|place| decided.get(&(*index, place))).collect();
        let clears = spoken.iter().flatten().filter(|spoken| spoken.clears()).count();
        cleared.insert(*index, (clears, spoken.len()));
        if let (true, Some(Some(spoken))) = (clears == spoken.len(), spoken.first()) {
            suppressions.push((*index, suppression(spoken)));
        } else if clears > 0 {
            let detail = format!(
                "VEX statements clear {clears} of the {} packages of {}: the finding stays",
                spoken.len(),
                findings[*index].id,
            );
            notes.add(assertions.first().map_or("", |assertion| &assertion.told.name), detail);
        }
    }
    let answers = answers
        .into_iter()
        .map(|answer| {
            let document = answer.place.0;
            (document, answered(answer, assertions, findings, &decided, &cleared))
        })
        .collect();
    let names: Vec<&str> = assertions.iter().map(|assertion| assertion.told.name.as_str()).collect();
    let problems = notes.problems(&names.join(", "), unknown);
    Decided { suppressions, answers, unlisted, problems }
}

/// What became of a statement for a finding, in words.
fn answered(
    answer: Answer,
    assertions: &[Assertion],
    findings: &[Finding],
    decided: &HashMap<(usize, usize), Spoken<'_>>,
    cleared: &HashMap<usize, (usize, usize)>,
) -> VexStatement {
    let (document, number) = answer.place;
    let statement = &assertions[document].document.statements[number];
    let finding = &findings[answer.finding];
    let own =
        Spoken { by: &assertions[document], place: answer.place, statement, at: moment(&statement.date) };
    let winner = |place: &usize| decided.get(&(answer.finding, *place));
    let decides = answer.about.iter().filter(|place| winner(place).is_some_and(|one| one.place == own.place));
    let (outcome, reason) = if answer.about.is_empty() {
        (VexOutcome::NotApplicable, answer.mismatch)
    } else if let Some(earlier) = &finding.suppressed_by {
        (
            VexOutcome::Overruled,
            format!("{} has answered it already: {}", earlier.source, brief(&earlier.reason)),
        )
    } else if decides.count() == 0 {
        let why = answer.about.iter().find_map(winner).map(|winner| winner.outdoes(&own));
        (VexOutcome::Overruled, why.unwrap_or_default())
    } else if !own.clears() {
        (VexOutcome::Stays, format!("{} takes no finding away", statement.status.word()))
    } else {
        match cleared.get(&answer.finding) {
            Some((clears, packages)) if clears < packages => (
                VexOutcome::Partly,
                format!("statements clear {clears} of the {packages} packages of the finding"),
            ),
            _ if statement.reason.is_empty() => {
                (VexOutcome::Applied, "the product is what was found".to_owned())
            }
            _ => (VexOutcome::Applied, brief(&statement.reason)),
        }
    };
    VexStatement {
        number: number as u64 + 1,
        finding: finding.id.clone(),
        status: statement.status.word().to_owned(),
        date: brief(&statement.date),
        outcome,
        reason,
    }
}

fn of_finding<'finding>(
    finding: &'finding Finding,
    by_text: &HashMap<&str, &'finding Package>,
) -> Vec<Option<Candidate<'finding>>> {
    let Some(subject) = finding.subject.as_package() else { return Vec::new() };
    let source = &subject.source;
    let source =
        subject.ecosystem.is_distribution().then_some((source.name.as_str(), source.version.as_str()));
    subject
        .packages
        .iter()
        .map(|text| {
            Some(Candidate {
                purl: Purl::parse_lenient(text).ok()?,
                package: by_text.get(text.as_str()).copied(),
                source,
            })
        })
        .collect()
}

fn suppression(spoken: &Spoken<'_>) -> Suppression {
    let Spoken { by, statement, .. } = spoken;
    let word = statement.status.word();
    let reason = match (statement.status, statement.reason.as_str()) {
        (_, "") => word.to_owned(),
        (_, reason) => format!("{word}: {reason}"),
    };
    Suppression { by: "vex".into(), source: by.source(), reason, expires: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::{
        Digest, FindingKind, FixStatus, ImagePath, Location, Party, Remedy, Risk, Severity, SourcePackage,
        Subject,
    };
    use proptest::prelude::*;

    const DIGEST: &str = "sha256:124c7d2707904eea7431fffe91522a01e5a861a624ee31d03372cc1d138a3126";

    fn target() -> Target {
        Target {
            kind: TargetKind::Image,
            name: "ghcr.io/example/app:1.2".into(),
            reference: None,
            digest: Some(Digest::parse(DIGEST).unwrap()),
            image_id: None,
            platform: Some("linux/amd64".into()),
            created: None,
            release: None,
            layers: Vec::new(),
            base: None,
            files: None,
            origin: None,
            git: None,
        }
    }

    fn finding(id: &str, ecosystem: Ecosystem, source: (&str, &str), packages: &[&str]) -> Finding {
        Finding {
            id: format!("{id}@{}", packages[0]),
            kind: FindingKind::Vulnerability,
            advisory: id.into(),
            aliases: vec![format!("GHSA-{id}")],
            title: String::new(),
            subject: Subject::package(
                ecosystem,
                SourcePackage { name: source.0.into(), version: source.1.into() },
                packages.iter().map(|text| (*text).to_owned()).collect(),
            ),
            severity: Severity::default(),
            risk: Risk::default(),
            status: FixStatus::Affected,
            fixed_version: None,
            party: Party::Platform,
            remedy: Remedy::default(),
            evidence: Vec::new(),
            object: None,
            suppressed_by: None,
        }
    }

    /// `libssl3` and `openssl` of Debian's openssl have CVE-1; a Go module has CVE-2.
    fn findings() -> Vec<Finding> {
        vec![
            finding(
                "CVE-1",
                Ecosystem::Deb,
                ("openssl", "3.0.11-1"),
                &[
                    "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12",
                    "pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12",
                ],
            ),
            finding(
                "CVE-2",
                Ecosystem::Go,
                ("golang.org/x/net", "v0.1.0"),
                &["pkg:golang/golang.org/x/net@v0.1.0"],
            ),
        ]
    }

    fn inventory() -> Inventory {
        let package = |name: &str, purl: &str, path: &str| {
            let mut package = Package::new(Ecosystem::Go, name, "", Location::new(ImagePath::from(path)));
            package.purl = purl.into();
            package
        };
        Inventory {
            packages: vec![
                package("a", "pkg:golang/example.org/app@v1.0.0", "usr/bin/app"),
                package("b", "pkg:golang/example.org/other@v1.0.0", "usr/bin/other"),
                package("c", "pkg:golang/golang.org/x/net@v0.1.0", "usr/bin/app"),
            ],
            ..Inventory::default()
        }
    }

    fn openvex_of(statements: &str) -> String {
        format!(
            r#"{{"@context":"https://openvex.dev/ns/v0.2.0","@id":"doc","timestamp":"2024-01-01T00:00:00Z","statements":[{statements}]}}"#
        )
    }

    /// Applies a document; the ids of what is suppressed, and the notes.
    fn applied(text: &str) -> (Vec<String>, Vec<String>) {
        let mut findings = findings();
        let problems = apply("my.vex.json", text.as_bytes(), &target(), &inventory(), &mut findings).unwrap();
        (
            findings
                .into_iter()
                .filter(|finding| finding.suppressed_by.is_some())
                .map(|finding| finding.advisory)
                .collect(),
            problems.into_iter().map(|problem| problem.detail).collect(),
        )
    }

    fn check_product(vulnerability: &str, product: &str, expected: Result<(), &str>) {
        let text = openvex_of(&format!(
            r#"{{"vulnerability":{{"name":"{vulnerability}"}},"products":[{product}],"status":"not_affected","justification":"component_not_present"}}"#
        ));
        let (suppressed, notes) = applied(&text);
        match expected {
            Ok(()) => assert_eq!((suppressed.len(), notes.len()), (1, 0), "{product} {notes:?}"),
            Err(why) => {
                assert_eq!(suppressed, Vec::<String>::new(), "{product}");
                assert!(notes.iter().any(|note| note.contains(why)), "{product}: {notes:?}");
            }
        }
    }

    #[test]
    fn images() {
        let check = |id: &str, expected: Result<(), &str>| {
            check_product("CVE-1", &format!(r#"{{"@id":"{id}"}}"#), expected);
        };
        let digest = DIGEST.replace(':', "%3A");
        check(&format!("pkg:oci/app@{digest}"), Ok(()));
        check(&format!("pkg:oci/renamed@{digest}"), Ok(()));
        check("pkg:oci/app@sha256%3A00", Err("is not this image (digest differs)"));
        check("pkg:oci/app", Ok(()));
        check("pkg:oci/app?repository_url=ghcr.io/example/app", Ok(()));
        check("pkg:oci/app?repository_url=ghcr.io%2Fexample", Ok(()));
        check("pkg:oci/app?repository_url=ghcr.io/else/app", Err("(repository differs)"));
        check("pkg:oci/pp", Err("(name differs)"));
        check("pkg:oci/example%2Fapp", Ok(()));
        check("pkg:oci/app?tag=1.2", Ok(()));
        check("pkg:oci/app?tag=1.3", Err("(tag differs)"));
        check("pkg:oci/app?arch=arm64", Err("(architecture differs)"));
        check("pkg:docker/example/app@1.2", Ok(()));
        check("pkg:docker/example/app@9", Err("(tag differs)"));
        check("ghcr.io/example/app:1.2", Ok(()));
        check("ghcr.io/example/app", Ok(()));
        check("ghcr.io/example/app:9", Err("is named by nothing"));
        check(&format!("anything@{DIGEST}"), Ok(()));
        check("CSAFPID-1", Err("is named by nothing"));
        check_product("CVE-1", &format!(r#"{{"hashes":{{"sha-256":"{}"}}}}"#, &DIGEST[7..]), Ok(()));
        check_product("CVE-1", r#"{"hashes":{"sha-256":"00"}}"#, Err("digest differs"));
        check_product("CVE-1", r#"{"identifiers":{"purl":"pkg:oci/app"}}"#, Ok(()));
    }

    #[test]
    fn packages() {
        let check = |id: &str, expected: Result<(), &str>| {
            check_product("CVE-2", &format!(r#"{{"@id":"{id}"}}"#), expected);
        };
        check("pkg:golang/golang.org/x/net@v0.1.0", Ok(()));
        check("pkg:golang/golang.org/x/net@0.1.0", Ok(()));
        check("pkg:golang/golang.org/x/net", Ok(()));
        check("pkg:golang/golang.org/x/net@v0.2.0", Err("has another version"));
        check("pkg:golang/example.org/net", Err("has another namespace"));
        check("pkg:npm/net", Err("is no package of the finding"));
        check("pkg:golang/golang.org/x/net?arch=x", Err("has other qualifiers"));
        check("pkg:golang/golang.org/x/net?type=module", Ok(()));
        // A finding of two packages needs both, or their source.
        let check = |id: &str, expected: Result<(), &str>| {
            check_product("CVE-1", &format!(r#"{{"@id":"{id}"}}"#), expected);
        };
        check("pkg:deb/debian/libssl3@3.0.11-1", Err("clear 1 of the 2 packages"));
        check("pkg:deb/debian/openssl@3.0.11-1?arch=source", Ok(()));
        check("pkg:deb/debian/openssl@3.0.11-1?arch=source&distro=debian-12", Ok(()));
        check("pkg:deb/debian/openssl@3.0.11-1", Ok(()));
        check("pkg:deb/ubuntu/openssl@3.0.11-1", Err("has another namespace"));
        check("pkg:deb/debian/openssl@3.0.11-2", Err("has another version"));
        check("pkg:deb/debian/openssl@3.0.11-1?arch=arm64", Err("has other qualifiers"));
    }

    #[test]
    fn subcomponents() {
        let check = |product: &str, subcomponent: &str, expected: Result<(), &str>| {
            check_product(
                "CVE-2",
                &format!(r#"{{"@id":"{product}","subcomponents":[{{"@id":"{subcomponent}"}}]}}"#),
                expected,
            );
        };
        let net = "pkg:golang/golang.org/x/net";
        check("pkg:oci/app", net, Ok(()));
        check(
            "pkg:oci/app",
            "pkg:golang/golang.org/x/net@v9",
            Err("has a subcomponent that has another version"),
        );
        check("pkg:oci/app", "pkg:npm/a", Err("subcomponents that are no package of the finding"));
        check("pkg:oci/app", "", Err("subcomponents that are no package of the finding"));
        check("pkg:oci/else", net, Err("name differs"));
        // The main module of the binary that holds it.
        check("pkg:golang/example.org/app", net, Ok(()));
        check("pkg:golang/example.org/other", net, Err("in another file"));
        check("pkg:golang/example.org/absent", net, Err("is no package of the finding"));
        // A package with subcomponents is not the whole package.
        check(net, "pkg:npm/a", Err("subcomponents that are no package of the finding"));
    }

    #[test]
    fn statuses_and_times() {
        let statement = |status: &str, date: &str| {
            format!(
                r#"{{"vulnerability":{{"name":"cve-2"}},"products":[{{"@id":"pkg:oci/app"}}],"status":"{status}"{date}}}"#
            )
        };
        let check = |statements: &[String], expected: usize| {
            assert_eq!(applied(&openvex_of(&statements.join(","))).0.len(), expected, "{statements:?}");
        };
        let (old, new) =
            (r#","timestamp":"2023-01-01T00:00:00+02:00""#, r#","timestamp":"2025-01-01T00:00:00Z""#);
        check(&[statement("not_affected", "")], 1);
        check(&[statement("fixed", "")], 1);
        check(&[statement("affected", "")], 0);
        check(&[statement("under_investigation", "")], 0);
        check(&[statement("not_affected", new), statement("affected", old)], 1);
        check(&[statement("not_affected", old), statement("affected", new)], 0);
        check(&[statement("affected", new), statement("not_affected", old)], 0);
        check(&[statement("affected", ""), statement("fixed", "")], 1);
        check(&[statement("fixed", ""), statement("affected", "")], 0);
    }

    #[test]
    fn what_is_suppressed_says_why_and_what_does_not_apply_is_noted() {
        let text = openvex_of(
            r#"{"vulnerability":{"name":"X","aliases":["GHSA-CVE-2"]},"products":[{"@id":"pkg:oci/app"}],"status":"not_affected","justification":"inline_mitigations_already_exist","impact_statement":"no"},
            {"vulnerability":{"name":"CVE-77"},"products":[{"@id":"pkg:oci/app"}],"status":"fixed"},
            {"vulnerability":{"name":"CVE-1"},"products":[{"@id":"pkg:oci/app@sha256:00"}],"status":"fixed"},
            {"vulnerability":{"name":"CVE-1"},"products":[{"@id":"pkg:oci/app@sha256:00"}],"status":"fixed"},
            {"vulnerability":{"name":"CVE-1"},"status":"fixed"}"#,
        );
        let mut findings = findings();
        let problems = apply("my.vex.json", text.as_bytes(), &target(), &inventory(), &mut findings).unwrap();
        assert_eq!(
            findings[1].suppressed_by,
            Some(Suppression {
                by: "vex".into(),
                source: "my.vex.json (doc)".into(),
                reason: "not_affected: inline_mitigations_already_exist: no".into(),
                expires: None,
            })
        );
        let notes: Vec<&str> = problems.iter().map(|problem| problem.detail.as_str()).collect();
        assert_eq!(
            notes,
            [
                "VEX statement for CVE-1 did not apply: product pkg:oci/app@sha256:00 is not this image (digest differs) (2 statements)",
                "VEX statement for CVE-1 did not apply: it names no product",
                "1 VEX statements are about vulnerabilities that were not found",
            ]
        );
    }

    fn read(origin: VexOrigin, rank: u32, text: &str) -> Assertion {
        Assertion::read(&format!("{rank}.json"), origin, rank, text.as_bytes()).unwrap()
    }

    /// Applies documents of these ranks; what is suppressed, and what became of the statements of each.
    fn ranked(documents: &[(u32, &str)]) -> (Vec<String>, Vec<Vec<(VexOutcome, String)>>) {
        let mut assertions: Vec<Assertion> =
            documents.iter().map(|(rank, text)| read(VexOrigin::Hub, *rank, text)).collect();
        let mut findings = findings();
        apply_documents(&mut assertions, &target(), &inventory(), &mut findings);
        let suppressed = findings.into_iter().filter(|finding| finding.suppressed_by.is_some());
        let told = assertions.into_iter().map(|assertion| {
            let considered = assertion.told.considered.into_iter();
            considered.map(|statement| (statement.outcome, statement.reason)).collect()
        });
        (suppressed.map(|finding| finding.advisory).collect(), told.collect())
    }

    #[test]
    fn the_rank_goes_before_the_date() {
        let says = |status: &str, date: &str| {
            openvex_of(&format!(
                r#"{{"vulnerability":{{"name":"CVE-2"}},"products":[{{"@id":"pkg:oci/app"}}],"status":"{status}","timestamp":"{date}T00:00:00Z"}}"#
            ))
        };
        let (old_no, new_yes) = (says("not_affected", "2023-01-01"), says("affected", "2025-01-01"));
        // The better rank decides, wherever it stands and however old it is.
        for documents in [[(0, &*old_no), (1, &*new_yes)], [(1, &*new_yes), (0, &*old_no)]] {
            let (suppressed, mut told) = ranked(&documents);
            assert_eq!(suppressed, ["CVE-2"]);
            told.sort_by_key(|told| told[0].0 == VexOutcome::Overruled);
            assert_eq!(told[0], [(VexOutcome::Applied, "the product is what was found".to_owned())]);
            assert_eq!(
                told[1],
                [(VexOutcome::Overruled, "0.json outranks it and says not_affected".to_owned())]
            );
        }
        let (suppressed, told) = ranked(&[(1, &old_no), (0, &new_yes)]);
        assert_eq!(suppressed, Vec::<String>::new());
        assert_eq!(told[0][0].1, "0.json outranks it and says affected");
        assert_eq!(told[1], [(VexOutcome::Stays, "affected takes no finding away".to_owned())]);
        // Within one rank the latest.
        let (suppressed, told) = ranked(&[(3, &old_no), (3, &new_yes)]);
        assert_eq!(suppressed, Vec::<String>::new());
        assert_eq!(told[0][0].1, "a later statement of 3.json says affected");
    }

    #[test]
    fn every_statement_about_a_finding_is_answered() {
        let text = openvex_of(
            r#"{"vulnerability":{"name":"CVE-2"},"products":[{"@id":"pkg:npm/a"},{"@id":"pkg:golang/golang.org/x/net@v9"},{"@id":"pkg:oci/else"}],"status":"fixed"},
            {"vulnerability":{"name":"CVE-2"},"products":[{"@id":"pkg:oci/app"}],"status":"under_investigation"},
            {"vulnerability":{"name":"CVE-2"},"products":[{"@id":"pkg:oci/app"}],"status":"under_investigation"},
            {"vulnerability":{"name":"CVE-1"},"products":[{"@id":"pkg:deb/debian/libssl3"}],"status":"fixed"},
            {"vulnerability":{"name":"CVE-9"},"products":[{"@id":"pkg:oci/app"}],"status":"fixed"}"#,
        );
        let (suppressed, told) = ranked(&[(0, &text)]);
        assert_eq!(suppressed, Vec::<String>::new());
        let expected = [
            // Of several products the one that comes nearest.
            (
                VexOutcome::NotApplicable,
                "product pkg:golang/golang.org/x/net@v9 has another version (v9; the finding's is v0.1.0)",
            ),
            (VexOutcome::Overruled, "a statement of this document further down says under_investigation"),
            (VexOutcome::Stays, "under_investigation takes no finding away"),
            (VexOutcome::Partly, "statements clear 1 of the 2 packages of the finding"),
        ];
        assert_eq!(told[0], expected.map(|(outcome, reason)| (outcome, reason.to_owned())));
    }

    #[test]
    fn what_is_not_used_changes_nothing_and_answers_are_bounded() {
        let text = openvex_of(
            r#"{"vulnerability":{"name":"CVE-2"},"products":[{"@id":"pkg:oci/app"}],"status":"fixed"}"#,
        );
        let mut unused = read(VexOrigin::Attached, 1, &text);
        unused.told.used = false;
        let mut own = findings();
        let notes = apply_documents(std::slice::from_mut(&mut unused), &target(), &inventory(), &mut own);
        assert!(notes.is_empty() && own.iter().all(|finding| finding.suppressed_by.is_none()));
        assert!(unused.told.considered.is_empty() && unused.told.statements == 1);

        let one = r#"{"vulnerability":{"name":"CVE-2"},"products":[],"status":"fixed"}"#;
        let mut many = read(VexOrigin::Hub, 2, &openvex_of(&vec![one; ANSWER_LIMIT + 7].join(",")));
        apply_documents(std::slice::from_mut(&mut many), &target(), &inventory(), &mut findings());
        assert_eq!((many.told.considered.len(), many.told.unlisted), (ANSWER_LIMIT, 7));
    }

    #[test]
    fn ranges_of_versions() {
        let csaf = |range: &str| {
            format!(
                r#"{{"document":{{"csaf_version":"2.0","tracking":{{"id":"A"}},"publisher":{{"name":"Yard"}}}},
                "product_tree":{{"branches":[{{"category":"product_name","name":"net","branches":[
                  {{"category":"product_version_range","name":"{range}","product":{{"product_id":"N","product_identification_helper":{{"purl":"pkg:golang/golang.org/x/net"}}}}}}]}}]}},
                "vulnerabilities":[{{"cve":"CVE-2","product_status":{{"known_not_affected":["N"]}}}}]}}"#
            )
        };
        let cyclonedx = |range: &str| {
            format!(
                r#"{{"bomFormat":"CycloneDX","metadata":{{"supplier":{{"name":"Yard"}}}},"vulnerabilities":[{{"id":"CVE-2","analysis":{{"state":"not_affected"}},
                "affects":[{{"ref":"pkg:golang/golang.org/x/net","versions":[{{"version":"v9.0.0"}},{{"range":"{range}"}}]}}]}}]}}"#
            )
        };
        for text in [csaf("vers:golang/<1.0.0"), cyclonedx("vers:golang/<1.0.0")] {
            assert_eq!(applied(&text).0, ["CVE-2"], "{text}");
            assert_eq!(Document::parse(text.as_bytes()).unwrap().author, "Yard");
        }
        for text in [csaf("vers:golang/>1.0.0"), cyclonedx("vers:golang/>1.0.0")] {
            let (suppressed, notes) = applied(&text);
            assert!(suppressed.is_empty(), "{text}");
            assert!(notes[0].contains("vers:golang/>1.0.0) without the finding's v0.1.0"), "{notes:?}");
        }
        // A range that nobody can read widens nothing.
        for text in [csaf("below 1.0"), cyclonedx("below 1.0")] {
            let (suppressed, notes) = applied(&text);
            assert!(suppressed.is_empty() && notes[0].contains("it is no `vers` range"), "{notes:?}");
        }
    }

    #[test]
    fn notes_are_bounded() {
        let statements: Vec<String> = (0..60)
            .map(|index| format!(r#"{{"vulnerability":{{"name":"CVE-1"}},"products":[{{"@id":"pkg:npm/a{index}"}}],"status":"fixed"}}"#))
            .collect();
        let (_, notes) = applied(&openvex_of(&statements.join(",")));
        assert_eq!(notes.len(), 21);
        assert_eq!(notes[20], "40 more VEX statements about vulnerabilities found did not apply");
    }

    #[test]
    fn csaf_and_cyclonedx() {
        let csaf = r#"{"document":{"csaf_version":"2.0","category":"csaf_vex","tracking":{"id":"A","current_release_date":"2024-01-01T00:00:00Z"}},
            "product_tree":{"full_product_names":[{"product_id":"I","product_identification_helper":{"purl":"pkg:oci/app"}},
              {"product_id":"N","product_identification_helper":{"purl":"pkg:golang/golang.org/x/net@v0.1.0"}}],
             "relationships":[{"full_product_name":{"product_id":"N-in-I"},"product_reference":"N","relates_to_product_reference":"I"}]},
            "vulnerabilities":[{"cve":"CVE-2","product_status":{"known_not_affected":["N-in-I"]},"flags":[{"label":"component_not_present","product_ids":["N-in-I"]}]}]}"#;
        let document = Document::parse(csaf.as_bytes()).unwrap();
        assert_eq!(document.statements[0].reason, "component_not_present");
        assert_eq!(applied(csaf).0, ["CVE-2"]);
        assert_eq!(applied(&csaf.replace("known_not_affected", "known_affected")).0.len(), 0);
        assert_eq!(applied(&csaf.replace("pkg:oci/app", "pkg:oci/else")).0.len(), 0);

        let cyclonedx = |root: &str, state: &str, reference: &str| {
            format!(
                r#"{{"bomFormat":"CycloneDX","serialNumber":"urn:uuid:1","metadata":{{"component":{{"bom-ref":"r"{root}}}}},
                "components":[{{"bom-ref":"n","purl":"pkg:golang/golang.org/x/net@v0.1.0"}}],
                "vulnerabilities":[{{"id":"CVE-2","analysis":{{"state":"{state}","justification":"code_not_reachable"}},"affects":[{{"ref":"{reference}"}}]}}]}}"#
            )
        };
        let check = |root: &str, state: &str, reference: &str, expected: usize| {
            let text = cyclonedx(root, state, reference);
            assert_eq!(applied(&text).0.len(), expected, "{text}");
        };
        check("", "not_affected", "n", 1);
        check("", "resolved", "urn:cdx:1/1#n", 1);
        check("", "exploitable", "n", 0);
        check("", "in_triage", "n", 0);
        check("", "", "n", 0);
        check("", "not_affected", "pkg:golang/golang.org/x/net", 1);
        // An unknown id is no image, even one that is called like it.
        check("", "not_affected", "ghcr.io/example/app", 0);
        check(r#","purl":"pkg:oci/app""#, "not_affected", "n", 1);
        check(r#","purl":"pkg:oci/app""#, "not_affected", "r", 1);
        check(r#","purl":"pkg:oci/else""#, "not_affected", "n", 0);
    }

    #[test]
    fn broken_documents_name_the_place() {
        let check = |text: &str, expected: &str| {
            let error = Document::parse_named("f", text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("{", "line 1 column 1");
        check("{}", "expected OpenVEX, CSAF 2.0 or CycloneDX");
        check(r#"{"@context":"https://openvex.dev/ns"}"#, "statements: is missing");
        let statement =
            |rest: &str| openvex_of(&format!(r#"{{"vulnerability":"CVE-1","status":"fixed"}},{{{rest}}}"#));
        check(&statement(r#""status":"gone""#), "statements[1].status: `gone` is no status");
        check(&statement(r#""status":"fixed""#), "statements[1].vulnerability: names no vulnerability");
        check(&statement(r#""status":1"#), "statements[1].status: is not a text");
        check(
            &statement(r#""status":"fixed","vulnerability":"A","products":[1]"#),
            "statements[1].products[0]: has no identifier",
        );
        check(
            &statement(r#""status":"fixed","vulnerability":"A","products":1"#),
            "statements[1].products: is not a list",
        );
        check(r#"{"document":{"csaf_version":"2.0"},"vulnerabilities":1}"#, "invalid type");
        check(
            r#"{"document":{"csaf_version":"2.0"},"vulnerabilities":[{"cve":"A","product_status":{"odd":[]}}]}"#,
            "vulnerabilities[0].product_status.odd",
        );
        check(
            r#"{"bomFormat":"CycloneDX","vulnerabilities":[{"id":"A","analysis":{"state":"odd"}}]}"#,
            "vulnerabilities[0].analysis.state",
        );
    }

    #[test]
    fn documents_of_go_vex() {
        let Some(root) = plimsoll_testing::shared("fixtures/vex") else { return };
        let mut seen = Vec::new();
        for folder in ["go-vex", "go-vex-csaf"] {
            let mut paths: Vec<_> =
                std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
            paths.sort();
            for path in paths {
                let line = match Document::parse_named("f", &std::fs::read(&path).unwrap()) {
                    Ok(document) => {
                        let products = document.statements.iter().flat_map(|statement| &statement.products);
                        let mut words: Vec<&str> =
                            document.statements.iter().map(|statement| statement.status.word()).collect();
                        words.sort_unstable();
                        words.dedup();
                        format!(
                            "{} statements, {} products, {}; {}",
                            document.statements.len(),
                            products.count(),
                            words.join(" "),
                            document.statements[0].vulnerability.join(" "),
                        )
                    }
                    Err(error) => error.to_string(),
                };
                seen.push(format!("{}: {line}", path.file_name().unwrap().to_string_lossy()));
            }
        }
        assert_eq!(
            seen,
            [
                "csaf.json: 1 statements, 1 products, not_affected; CVE-2009-4487",
                "v0.0.1-noversion.json: 1 statements, 2 products, fixed; CVE-2023-12345",
                "v0.0.1.json: 1 statements, 2 products, fixed; CVE-2023-12345",
                "v0.2.0.json: 5 statements, 5 products, fixed not_affected; CVE-2023-1255",
                "v001-1.vex.json: 1 statements, 1 products, under_investigation; CVE-1234-5678",
                "v001-2.vex.json: 1 statements, 1 products, fixed; CVE-1234-5678",
                "v020-1.vex.json: 1 statements, 1 products, under_investigation; CVE-9876-54321",
                "v020-2.vex.json: 1 statements, 1 products, under_investigation; CVE-1234-5678",
                // YAML of before the specification; its statements name no products.
                "vex.yaml: VEX document `f` is no JSON: invalid number at line 1 column 2",
                "csaf.json: 4 statements, 4 products, affected not_affected; CVE-2009-4487",
                "openvex.json: 1 statements, 2 products, fixed; CVE-2014-123456",
                "rhsa-2020_1358.json: 2 statements, 1474 products, fixed; CVE-2020-1711",
            ]
        );
    }

    proptest! {
        #[test]
        fn never_panics(content in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Document::parse(&content);
        }

        #[test]
        fn never_panics_on_odd_products(product in ".{0,60}", reference_text in ".{0,60}") {
            let id = serde_json::to_string(&product).unwrap();
            let text = openvex_of(&format!(r#"{{"vulnerability":"CVE-1","products":[{id},{{"@id":"pkg:oci/app","subcomponents":[{id}]}}],"status":"fixed"}}"#));
            let mut target = target();
            target.name = reference_text;
            let _ = apply("f", text.as_bytes(), &target, &inventory(), &mut findings());
        }

        #[test]
        fn never_panics_on_broken_documents(start in 0_usize..400, length in 0_usize..40, word in "[\"{}:,a-z\\[\\]]{0,6}") {
            let mut text = openvex_of(r#"{"vulnerability":{"name":"CVE-1","aliases":["a"]},"products":[{"@id":"pkg:oci/app","hashes":{"a":"b"},"subcomponents":["x"]}],"status":"fixed"}"#);
            let from = text.floor_char_boundary(start);
            let to = text.floor_char_boundary(from + length);
            text.replace_range(from..to, &word);
            let _ = apply("f", text.as_bytes(), &target(), &inventory(), &mut findings());
        }
    }
}
