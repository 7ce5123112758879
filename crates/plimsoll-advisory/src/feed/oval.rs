//! OVAL definitions (OVAL language 5.11) of Azure Linux, CBL-Mariner, Ubuntu, Rocky Linux, Photon OS and Oracle Linux.
//!
//! A definition's criteria are a tree of tests; a test names packages (an object, sometimes by way of a list of names in
//! a variable) and bounds of versions (states). Read here is what a package advisory means by them: within an `AND` the
//! bounds of one package are one interval, everything else is an alternative. Left out, since an inventory of packages
//! cannot answer them and since they only narrow what the definition says: negated criteria, whether the distribution
//! is installed (the stream of the file says so), signing keys, the running kernel, files, and lists of all
//! architectures.
//!
//! Oracle's documents hold all releases; release, architecture and module of what stands below are said by the comments
//! of their criteria: `Oracle Linux 8 is installed`, `Oracle Linux arch is aarch64`, `Module nodejs:12 is enabled`. Fixes
//! of its `.ksplice` and `_fips` builds are told from the others by the matcher.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use plimsoll_model::distribution::{Distribution, StreamForm};
use plimsoll_model::{FixStatus, Stream};
use quick_xml::events::BytesStart;

use super::files::{self, Passed};
use super::upstream::{How, Remote, Serves, Terms, Upstream};
use super::xml::{self, attribute};
use super::{Feed, Part, Sink, cut, cves_in, osv};
use crate::error::Error;
use crate::record::{Affected, Event, NameKind, Qualifiers, Rating, RatingForm, Record, Target};

/// The feed.
pub static OVAL: Feed = Feed { name: "oval", find, read, upstreams: UPSTREAMS };

static UPSTREAMS: &[Upstream] = &[
    Upstream {
        source: "oval/azurelinux",
        terms: Terms::Open,
        serves: Serves::Distributions(&["azurelinux", "mariner"]),
        how: How::Files(|| {
            ["azurelinux-3.0-oval.xml", "cbl-mariner-2.0-oval.xml"]
                .map(|name| {
                    Remote::new(
                        format!(
                            "https://raw.githubusercontent.com/microsoft/AzureLinuxVulnerabilityData/main/{name}"
                        ),
                        format!("azurelinux/{name}"),
                    )
                })
                .to_vec()
        }),
    },
    Upstream {
        source: "oval/oracle",
        terms: Terms::NotStated,
        serves: Serves::Distributions(&["oracle"]),
        how: How::Files(|| {
            (6..=11)
                .map(|release| {
                    let name = format!("com.oracle.elsa-ol{release}.xml");
                    let url = format!("https://linux.oracle.com/security/oval/{name}.bz2");
                    let make = if (8..=9).contains(&release) { Remote::new } else { Remote::optional };
                    make(url, format!("oracle/{name}"))
                })
                .collect()
        }),
    },
    Upstream {
        source: "oval/photon",
        terms: Terms::NotStated,
        serves: Serves::Distributions(&["photon"]),
        how: How::Files(|| {
            (3..=6)
                .map(|release| {
                    let name = format!("com.vmware.phsa-photon{release}.xml");
                    let url = format!("https://packages.broadcom.com/photon/photon_oval_definitions/{name}");
                    // The newest is there; older ones are taken away some day, younger ones come.
                    let make = if release == 5 { Remote::new } else { Remote::optional };
                    make(url, format!("photon/{name}"))
                })
                .collect()
        }),
    },
];

/// How many definitions, tests, objects, states and names of variables one document may have together.
const COUNT_LIMIT: usize = 4_000_000;
/// How many packages one definition may name, and one document in sum: names in variables multiply.
const DEFINITION_PACKAGES: usize = 100_000;
const DOCUMENT_PACKAGES: usize = 4_000_000;
/// Folders below which such documents stand, in a zip archive `oval.zip` (Ubuntu: `oval-usn.zip`) or as files.
static FOLDERS: &[(&str, &str, &str)] = &[
    ("azurelinux", "oval.zip", "MIT (Microsoft, Azure Linux vulnerability data)"),
    ("oracle", "oval.zip", "published by Oracle (Oracle Linux errata)"),
    ("photon", "oval.zip", "published by Broadcom (VMware) for Photon OS"),
    ("rocky", "oval.zip", "BSD-3-Clause (Rocky Linux errata)"),
    ("ubuntu", "oval-usn.zip", "GPL-3.0 (Canonical, Ubuntu security notices as OVAL)"),
];

/// What a file is, told by how its name starts.
struct Form {
    file: &'static str,
    distribution: &'static str,
    /// Put before the advisory's number where the number alone would say nothing.
    prefix: &'static str,
    name_kind: NameKind,
}

static FORMS: &[Form] = &[
    Form { file: "azurelinux-", distribution: "azurelinux", prefix: "AZL-", name_kind: NameKind::Source },
    Form { file: "cbl-mariner-", distribution: "mariner", prefix: "MARINER-", name_kind: NameKind::Source },
    Form { file: "com.oracle.elsa-", distribution: "oracle", prefix: "", name_kind: NameKind::Binary },
    Form { file: "com.ubuntu.", distribution: "ubuntu", prefix: "", name_kind: NameKind::Binary },
    Form { file: "com.vmware.phsa-photon", distribution: "photon", prefix: "", name_kind: NameKind::Binary },
    Form { file: "org.rockylinux.rlsa-", distribution: "rocky", prefix: "", name_kind: NameKind::Binary },
];

#[expect(clippy::unnecessary_wraps, reason = "the form that all feeds share")]
fn find(from: &Path) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    for (folder, archive, licence) in FOLDERS {
        let folder_path = from.join(folder);
        let archive = folder_path.join(archive);
        let path = if archive.is_file() { archive } else { folder_path };
        if path.exists() {
            parts.push(Part { source: format!("oval/{folder}"), path, licence });
        }
    }
    Ok(parts)
}

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    let wanted = |name: &str| {
        let base = name.rsplit('/').next().unwrap_or(name);
        files::has_extension(files::plain_name(base), "xml")
            && FORMS.iter().any(|form| base.starts_with(form.file))
    };
    files::each(&part.path, &wanted, &mut |name, passed| match passed {
        Passed::Content(content) => parse(content, name, sink),
        Passed::Unreadable(reason) => sink.rejected(reason, name),
    })
}

#[derive(Default)]
struct Definition {
    class: String,
    id: String,
    title: String,
    references: Vec<(String, String, String)>,
    cves: Vec<String>,
    patchable: String,
    advisory_id: String,
    severity: String,
    issued: String,
    updated: String,
    /// Alternatives.
    groups: Vec<Group>,
}

/// Tests that have to hold together, and where.
#[derive(Default)]
struct Group {
    tests: Vec<String>,
    around: Around,
}

/// What the criteria around tests ask for in their comments; empty for nothing.
#[derive(Clone, Default)]
struct Around {
    release: String,
    architecture: String,
    module: String,
}

impl Around {
    /// Takes in the comment of a criterion.
    fn take(&mut self, comment: &str) {
        if let Some(architecture) = comment.strip_prefix("Oracle Linux arch is ") {
            architecture.trim().clone_into(&mut self.architecture);
        } else if let Some(rest) = comment.strip_prefix("Oracle Linux ")
            && let Some(release) = rest.strip_suffix(" is installed")
        {
            release.clone_into(&mut self.release);
        } else if let Some(rest) = comment.strip_prefix("Module ")
            && let Some(module) = rest.strip_suffix(" is enabled")
        {
            module.clone_into(&mut self.module);
        }
    }
}

struct Test {
    /// Asks for a version of a package.
    package: bool,
    object: String,
    states: Vec<String>,
}

#[derive(Default)]
struct Object {
    names: Vec<String>,
    variable: String,
    pro: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Bound {
    Below(String),
    AtMost(String),
    From(String),
    Exactly(String),
    /// There is no fixed version.
    NoFix,
    /// An operation that cannot be said as an interval.
    Unreadable,
}

#[derive(Default)]
struct State {
    bounds: Vec<Bound>,
    architectures: Vec<String>,
    pro: bool,
}

#[derive(Default)]
struct Document {
    timestamp: String,
    /// Release that the definitions ask for: `24.04`.
    release: String,
    definitions: Vec<Definition>,
    tests: HashMap<String, Test>,
    objects: HashMap<String, Object>,
    states: HashMap<String, State>,
    variables: HashMap<String, Vec<String>>,
    count: usize,
}

struct Frame {
    every: bool,
    negated: bool,
    tests: Vec<String>,
    around: Around,
}

/// Where in a document the reader is.
#[derive(Default)]
struct Place {
    /// The operation and reference attributes of the element that is open.
    operation: String,
    definition: Option<Definition>,
    frames: Vec<Frame>,
    test: Option<(String, Test)>,
    object: Option<(String, Object)>,
    state: Option<(String, State)>,
    variable: Option<(String, Vec<String>)>,
}

/// Reads one document of OVAL definitions. What could be read of a broken one is kept, and that it is broken is said.
pub fn parse(content: &[u8], name: &str, sink: &mut dyn Sink) {
    let base = name.rsplit('/').next().unwrap_or(name);
    let Some(form) = FORMS.iter().find(|form| base.starts_with(form.file)) else {
        return sink.skipped("OVAL of a distribution that is not read", name);
    };
    let Ok(text) = std::str::from_utf8(content) else { return sink.rejected("not UTF-8", name) };
    let mut walk = Walk::default();
    if let Err(reason) = xml::walk(text, &mut walk) {
        sink.rejected(reason, name);
    }
    let mut document = walk.document;
    let digits = base.get(form.file.len()..).unwrap_or_default();
    let end = digits
        .find(|character: char| !character.is_ascii_digit() && character != '.')
        .unwrap_or(digits.len());
    let mut release = digits.get(..end).unwrap_or_default().trim_matches('.').to_owned();
    if release.is_empty() {
        release.clone_from(&document.release);
    }
    let distribution = Distribution::by_key(form.distribution);
    if distribution.is_some_and(|row| row.stream == StreamForm::MajorMinor)
        && !release.is_empty()
        && !release.contains('.')
    {
        release.push_str(".0");
    }
    let Some(distribution) = distribution else { return };
    let stream = Some(release).filter(|release| !release.is_empty());
    let stream = stream.and_then(|release| Stream::new(distribution, &release));
    if stream.is_none() && distribution.key != "oracle" {
        return sink.rejected("the document does not say for which release it is", name);
    }
    let place = Whose { form, distribution, stream };
    if document.timestamp.ends_with('Z') {
        sink.dated(&document.timestamp);
    } else if let Some(date) = document.timestamp.get(..10) {
        sink.dated(date);
    }
    let mut packages = 0;
    for definition in std::mem::take(&mut document.definitions) {
        if definition.class == "inventory" {
            continue;
        }
        if let Some(record) = record(&document, definition, &place, &mut packages, sink) {
            sink.record(record);
        }
    }
}

/// A document that is being read.
#[derive(Default)]
struct Walk {
    place: Place,
    document: Document,
}

impl xml::Visit for Walk {
    fn start(&mut self, element: &BytesStart<'_>, depth: usize) -> Result<(), &'static str> {
        self.place.start(element, depth, &mut self.document)
    }

    fn end(&mut self, name: &str, text: &str) -> Result<(), &'static str> {
        self.place.end(name, text, &mut self.document)
    }
}

impl Place {
    fn start(
        &mut self,
        element: &BytesStart<'_>,
        depth: usize,
        document: &mut Document,
    ) -> Result<(), &'static str> {
        let local = element.local_name();
        let name = local.as_ref();
        match name {
            "definition" => {
                document.take()?;
                self.frames.clear();
                self.definition = Some(Definition {
                    class: attribute(element, "class"),
                    id: attribute(element, "id"),
                    ..Definition::default()
                });
            }
            "reference" if self.definition.is_some() => {
                document.take()?;
                let reference = (
                    attribute(element, "source"),
                    attribute(element, "ref_id"),
                    attribute(element, "ref_url"),
                );
                self.with_definition(|definition| definition.references.push(reference));
            }
            "issued" => {
                let date = attribute(element, "date");
                self.with_definition(|definition| definition.issued = date);
            }
            "updated" => {
                let date = attribute(element, "date");
                self.with_definition(|definition| definition.updated = date);
            }
            "extend_definition" if document.release.is_empty() => {
                document.release = ubuntu_release(&attribute(element, "comment")).unwrap_or_default();
            }
            "criteria" => self.frames.push(Frame {
                // The language's default is AND (OVAL 5.11, CriteriaType).
                every: attribute(element, "operator") != "OR",
                negated: attribute(element, "negate") == "true"
                    || self.frames.last().is_some_and(|outer| outer.negated),
                tests: Vec::new(),
                around: self.frames.last().map(|outer| outer.around.clone()).unwrap_or_default(),
            }),
            "criterion" => {
                document.take()?;
                let test = attribute(element, "test_ref");
                let negated = attribute(element, "negate") == "true";
                if let Some(frame) = self.frames.last_mut().filter(|frame| !frame.negated && !negated) {
                    frame.tests.push(test);
                    if frame.every {
                        frame.around.take(&attribute(element, "comment"));
                    }
                }
            }
            "object" if self.test.is_some() => {
                let object = attribute(element, "object_ref");
                if let Some((_, test)) = &mut self.test {
                    test.object = object;
                }
            }
            "state" if self.test.is_some() => {
                document.take()?;
                let state = attribute(element, "state_ref");
                if let Some((_, test)) = &mut self.test {
                    test.states.push(state);
                }
            }
            "name" => {
                let variable = attribute(element, "var_ref");
                if let Some((_, object)) = &mut self.object {
                    object.variable = variable;
                }
            }
            "evr" | "arch" => self.operation = attribute(element, "operation"),
            "constant_variable" => {
                document.take()?;
                self.variable = Some((attribute(element, "id"), Vec::new()));
            }
            // Sections say in their names what they hold: `rpminfo_test`, `dpkginfo_object`, `uname_state`.
            _ if depth == 2 => {
                let id = attribute(element, "id");
                let package = name.starts_with("rpminfo_") || name.starts_with("dpkginfo_");
                let pro = attribute(element, "comment").contains("Ubuntu Pro");
                if name.ends_with("_test") {
                    document.take()?;
                    self.test = Some((id, Test { package, object: String::new(), states: Vec::new() }));
                } else if name.ends_with("_object") && package {
                    document.take()?;
                    self.object = Some((id, Object { pro, ..Object::default() }));
                } else if name.ends_with("_state") && package {
                    document.take()?;
                    self.state = Some((id, State { pro, ..State::default() }));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn with_definition(&mut self, change: impl FnOnce(&mut Definition)) {
        if let Some(definition) = &mut self.definition {
            change(definition);
        }
    }

    fn end(&mut self, name: &str, trimmed: &str, document: &mut Document) -> Result<(), &'static str> {
        match name {
            "timestamp" => trimmed.clone_into(&mut document.timestamp),
            "definition" => document.definitions.extend(self.definition.take()),
            "title" => {
                if document.release.is_empty() {
                    document.release = ubuntu_release(trimmed).unwrap_or_default();
                }
                self.with_definition(|definition| cut(trimmed, 300).clone_into(&mut definition.title));
            }
            "patchable" => {
                self.with_definition(|definition| trimmed.clone_into(&mut definition.patchable));
            }
            "advisory_id" => {
                self.with_definition(|definition| trimmed.clone_into(&mut definition.advisory_id));
            }
            "advisory_date" => {
                self.with_definition(|definition| trimmed.clone_into(&mut definition.issued));
            }
            "severity" => {
                self.with_definition(|definition| cut(trimmed, 50).clone_into(&mut definition.severity));
            }
            "description" if self.definition.is_some() => {
                let cves = cves_in(trimmed);
                self.with_definition(|definition| definition.cves = cves);
            }
            "criteria" => {
                if let (Some(frame), Some(definition)) = (self.frames.pop(), &mut self.definition) {
                    let Frame { every, tests, around, .. } = frame;
                    if !every {
                        let alone = |test| Group { tests: vec![test], around: around.clone() };
                        definition.groups.extend(tests.into_iter().map(alone));
                    } else if !tests.is_empty() {
                        definition.groups.push(Group { tests, around });
                    }
                }
            }
            "name" => {
                if let Some((_, object)) = &mut self.object
                    && object.variable.is_empty()
                    && !trimmed.is_empty()
                {
                    object.names.push(trimmed.to_owned());
                }
            }
            "evr" => {
                let bound = bound(&self.operation, trimmed);
                if let Some((_, state)) = &mut self.state {
                    state.bounds.push(bound);
                }
            }
            "arch" => {
                if let Some((_, state)) = &mut self.state {
                    state.architectures = architectures(trimmed);
                }
            }
            "value" => {
                if let Some((_, names)) = &mut self.variable {
                    document.take()?;
                    names.push(trimmed.to_owned());
                }
            }
            "constant_variable" => document.variables.extend(self.variable.take()),
            _ if name.ends_with("_test") => document.tests.extend(self.test.take()),
            _ if name.ends_with("_object") => document.objects.extend(self.object.take()),
            _ if name.ends_with("_state") => document.states.extend(self.state.take()),
            _ => {}
        }
        Ok(())
    }
}

impl Document {
    fn take(&mut self) -> Result<(), &'static str> {
        self.count += 1;
        if self.count > COUNT_LIMIT {
            return Err("the document has over four million definitions, tests and names");
        }
        Ok(())
    }
}

fn ubuntu_release(text: &str) -> Option<String> {
    let rest = text.split("Ubuntu ").nth(1)?;
    let release = rest.split(' ').next()?.trim_end_matches('.');
    let (major, minor) = release.split_once('.')?;
    let number = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    (number(major) && number(minor)).then(|| release.to_owned())
}

fn bound(operation: &str, version: &str) -> Bound {
    if version.is_empty() || version.eq_ignore_ascii_case("NA") {
        return Bound::NoFix;
    }
    let version = version.to_owned();
    match operation {
        "less than" => Bound::Below(version),
        "less than or equal" => Bound::AtMost(version),
        // An interval cannot leave out its start: one version too many rather than one too few.
        "greater than" | "greater than or equal" => Bound::From(version),
        "equals" | "" => Bound::Exactly(version),
        _ => Bound::Unreadable,
    }
}

/// `s390x|src` -> both. A list of all architectures, or a pattern, asks for nothing.
fn architectures(pattern: &str) -> Vec<String> {
    let list: Vec<&str> = pattern.split('|').collect();
    let plain = list.iter().all(|word| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    let everywhere = ["x86_64", "aarch64", "noarch"].iter().all(|word| list.contains(word));
    if plain && !everywhere && list.len() <= 16 {
        list.into_iter().map(str::to_owned).collect()
    } else {
        Vec::new()
    }
}

/// The bounds that one alternative sets for one package.
#[derive(Default)]
struct Bounds<'document> {
    list: Vec<&'document Bound>,
    architectures: &'document [String],
    pro: bool,
}

/// Whose packages a document is about.
struct Whose {
    form: &'static Form,
    distribution: &'static Distribution,
    /// That of the whole document.
    stream: Option<Stream>,
}

fn record(
    document: &Document,
    definition: Definition,
    whose: &Whose,
    packages: &mut usize,
    sink: &mut dyn Sink,
) -> Option<Record> {
    let first = definition.title.split(' ').next().unwrap_or_default().trim_end_matches(':');
    let id = if !definition.advisory_id.is_empty() {
        format!("{}{}", whose.form.prefix, definition.advisory_id)
    } else if first.contains('-') && !first.starts_with("CVE-") {
        first.to_owned()
    } else {
        definition.id.clone()
    };
    if id.is_empty() || id.len() > 200 {
        sink.rejected("the definition has no id, or one of over 200 bytes", &definition.id);
        return None;
    }
    let mut upstream: Vec<String> = definition
        .references
        .iter()
        .filter(|(source, _, _)| source == "CVE")
        .flat_map(|(_, id, _)| cves_in(id))
        .collect();
    if upstream.is_empty() {
        // Rocky's references do not name the flaws, its descriptions do.
        upstream.clone_from(&definition.cves);
    }
    upstream.sort();
    upstream.dedup();
    let title = definition.title.strip_prefix(first).filter(|_| id == first).unwrap_or(&definition.title);
    let title = title.trim_start_matches([' ', ':', '-']);

    let mut affected: Vec<Affected> = Vec::new();
    let mut unresolved = false;
    // Place in `affected` of what is said alike for several architectures.
    let mut alike: HashMap<String, usize> = HashMap::new();
    'groups: for Group { tests, around } in &definition.groups {
        let mut named: BTreeMap<&str, Bounds<'_>> = BTreeMap::new();
        for test in tests {
            let Some(test) = document.tests.get(test) else {
                unresolved = true;
                continue;
            };
            if !test.package {
                continue;
            }
            let Some(object) = document.objects.get(&test.object) else {
                unresolved = true;
                continue;
            };
            let names = if object.variable.is_empty() {
                Some(&object.names)
            } else {
                document.variables.get(&object.variable)
            };
            let Some(names) = names else {
                unresolved = true;
                continue;
            };
            for state in &test.states {
                let Some(state) = document.states.get(state) else {
                    unresolved = true;
                    continue;
                };
                if state.bounds.is_empty() {
                    continue;
                }
                for name in names {
                    *packages += 1;
                    if *packages > DOCUMENT_PACKAGES || affected.len() + named.len() > DEFINITION_PACKAGES {
                        sink.rejected("too many packages named: the rest is missing", &id);
                        break 'groups;
                    }
                    let bounds = named.entry(name).or_default();
                    if !bounds.list.iter().any(|bound| state.bounds.first() == Some(*bound)) {
                        bounds.list.extend(&state.bounds);
                    }
                    bounds.architectures = &state.architectures;
                    bounds.pro |= state.pro || object.pro;
                }
            }
        }
        let own = Stream::new(whose.distribution, &around.release);
        let stream = own.filter(|_| !around.release.is_empty()).or_else(|| whose.stream.clone());
        if !named.is_empty() && stream.is_none() {
            sink.rejected("the definition does not say for which release it is", &id);
        }
        for ((name, bounds), stream) in named.into_iter().zip(std::iter::repeat(stream)) {
            let Some(stream) = stream else { break };
            let target = Target::Stream(stream);
            let Some(mut entry) =
                entry(target, name, &bounds, whose.form.name_kind, &definition.patchable, title)
            else {
                sink.rejected("a version bound cannot be read", &id);
                continue;
            };
            if !around.module.is_empty() {
                entry.qualifiers.module = Some(around.module.clone());
            }
            if around.architecture.is_empty() {
                if affected.last() != Some(&entry) {
                    affected.push(entry);
                }
                continue;
            }
            let key = format!("{} {name} {:?} {}", entry.target.key(), entry.ranges, around.module);
            entry.qualifiers.architectures = architectures(&around.architecture);
            match alike.get(&key).and_then(|index| affected.get_mut(*index)) {
                Some(known) => known.qualifiers.architectures.extend(entry.qualifiers.architectures),
                None => {
                    alike.insert(key, affected.len());
                    affected.push(entry);
                }
            }
        }
    }
    for index in alike.into_values() {
        let Some(entry) = affected.get_mut(index) else { continue };
        let list = &mut entry.qualifiers.architectures;
        list.sort();
        list.dedup();
        if ["x86_64", "aarch64"].iter().all(|word| list.iter().any(|listed| listed == word)) {
            list.clear();
        }
    }
    if unresolved {
        sink.rejected("a test, object, state or variable that it refers to is missing", &id);
    } else if affected.is_empty() {
        sink.skipped("no package version is asked for: the running kernel, a file", &id);
    }
    let mut references: Vec<String> = Vec::new();
    for own in [true, false] {
        let urls = definition.references.iter().filter(|(source, _, _)| (source != "CVE") == own);
        references.extend(urls.map(|(_, _, url)| url.clone()).take(3));
    }
    references.truncate(3);
    let rated = !matches!(definition.severity.as_str(), "" | "None");
    Some(Record {
        title: title.to_owned(),
        upstream,
        ratings: rated
            .then(|| Rating {
                form: RatingForm::Word,
                value: definition.severity.clone(),
                source: String::new(),
            })
            .into_iter()
            .collect(),
        modified: if definition.updated.is_empty() { definition.issued.clone() } else { definition.updated },
        published: definition.issued,
        references,
        affected,
        id,
        ..Record::default()
    })
}

/// One package of one alternative; `None` when its bounds cannot be read.
fn entry(
    target: Target,
    name: &str,
    bounds: &Bounds<'_>,
    name_kind: NameKind,
    patchable: &str,
    title: &str,
) -> Option<Affected> {
    // "This CVE either no longer is or was never applicable."
    if patchable.eq_ignore_ascii_case("not applicable") {
        return Some(Affected::never(target, name, name_kind));
    }
    let unfixed = patchable.eq_ignore_ascii_case("false");
    let mut affected = Affected::all(target, name, name_kind);
    let mut introduced = "0";
    let mut upper = None;
    for bound in &bounds.list {
        match bound {
            Bound::Below(version) if unfixed => upper = Some(Event::Limit(version.clone())),
            Bound::Below(version) => {
                if name.starts_with("kernel-uek") {
                    // Several lines of this kernel are current at once, each with its own fixes.
                    introduced = version.split('-').next().unwrap_or("0");
                }
                upper = Some(Event::Fixed(version.clone()));
            }
            Bound::AtMost(version) => upper = Some(Event::LastAffected(version.clone())),
            // `0.0.0` is before every version, also before those of an epoch or a tilde.
            Bound::From(version) if version.bytes().all(|byte| matches!(byte, b'0' | b'.' | b':' | b'-')) => {
            }
            Bound::From(version) => introduced = version,
            Bound::Exactly(version) => affected.versions.push(version.clone()),
            Bound::NoFix => {}
            Bound::Unreadable => return None,
        }
    }
    if let Some(Event::Fixed(version) | Event::LastAffected(version) | Event::Limit(version)) = &upper
        && version.contains(".module")
    {
        // The bound says nothing of the module's stream; the title does: "nodejs:18 security update".
        affected.qualifiers.module = Some(osv::module_in(title).unwrap_or_default());
    }
    if upper.is_some() || introduced != "0" {
        let start = Event::Introduced(introduced.to_owned());
        affected.ranges.push(std::iter::once(start).chain(upper).collect());
    }
    affected.qualifiers = Qualifiers { architectures: bounds.architectures.to_vec(), ..affected.qualifiers };
    if !matches!(patchable.to_ascii_lowercase().as_str(), "" | "true" | "false") {
        affected.status = FixStatus::Unknown;
    }
    if bounds.pro {
        affected.note = "the fix needs Ubuntu Pro".into();
    }
    Some(affected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Kept;
    use proptest::prelude::*;

    /// A document with one definition (`metadata`, `criteria`) and the given tests, objects and states.
    fn document(metadata: &str, criteria: &str, rest: &str) -> String {
        format!(
            "<oval_definitions><generator><oval:timestamp>2024-10-10T12:04:24Z</oval:timestamp></generator>\
             <definitions><definition class='vulnerability' id='oval:x:def:1'><metadata>{metadata}</metadata>{criteria}\
             </definition></definitions>{rest}</oval_definitions>"
        )
    }

    /// `p` is test `t1` with the state `state`; `t2` is another state of it.
    fn parts(state: &str, other: &str) -> String {
        format!(
            "<tests><l:rpminfo_test id='t1'><l:object object_ref='o'/><l:state state_ref='s1'/></l:rpminfo_test>\
             <l:rpminfo_test id='t2'><l:object object_ref='o'/><l:state state_ref='s2'/></l:rpminfo_test>\
             <l:uname_test id='t3'><l:object object_ref='u'/></l:uname_test></tests>\
             <objects><l:rpminfo_object id='o'><l:name>p</l:name></l:rpminfo_object></objects>\
             <states><l:rpminfo_state id='s1'>{state}</l:rpminfo_state><l:rpminfo_state id='s2'>{other}</l:rpminfo_state></states>"
        )
    }

    fn kept(name: &str, text: &str) -> Kept {
        let mut kept = Kept::default();
        parse(text.as_bytes(), name, &mut kept);
        kept
    }

    fn one(patchable: &str, criteria: &str, state: &str, other: &str) -> Vec<Affected> {
        let metadata = format!(
            "<title>CVE-2024-0001 affecting p</title><reference source='CVE' ref_id='CVE-2024-0001' ref_url='u'/>\
             <patchable>{patchable}</patchable><advisory_id>7-1</advisory_id><severity>High</severity>"
        );
        let kept = kept("azurelinux-3.0-oval.xml", &document(&metadata, criteria, &parts(state, other)));
        assert_eq!(kept.rejected, []);
        let record = &kept.records[0];
        assert_eq!((record.id.as_str(), record.title.as_str()), ("AZL-7-1", "CVE-2024-0001 affecting p"));
        assert_eq!(record.upstream, ["CVE-2024-0001"]);
        record.affected.clone()
    }

    fn ranges(entries: &[Affected]) -> Vec<String> {
        entries
            .iter()
            .map(|entry| {
                let events: Vec<String> =
                    entry.ranges.iter().flatten().map(|event| format!("{event:?}")).collect();
                format!("{} {:?} {} {}", entry.target.key(), entry.status, entry.name, events.join(" "))
            })
            .collect()
    }

    const BELOW: &str = "<l:evr datatype='evr_string' operation='less than'>0:2-3.azl3</l:evr>";
    const SINGLE: &str = "<criteria operator='AND'><criterion test_ref='t1'/></criteria>";

    #[test]
    fn patchable_says_what_is_known() {
        let check = |patchable: &str, state: &str, expected: &str| {
            assert_eq!(ranges(&one(patchable, SINGLE, state, "")), [expected], "{patchable} {state}");
        };
        check("true", BELOW, r#"os:azurelinux:3.0 Affected p Introduced("0") Fixed("0:2-3.azl3")"#);
        check("false", BELOW, r#"os:azurelinux:3.0 Affected p Introduced("0") Limit("0:2-3.azl3")"#);
        check("Not Applicable", BELOW, "os:azurelinux:3.0 NotAffected p ");
        check("perhaps", BELOW, r#"os:azurelinux:3.0 Unknown p Introduced("0") Fixed("0:2-3.azl3")"#);
        check(
            "false",
            "<l:evr operation='less than or equal'>0:6.04-9.cm1</l:evr>",
            r#"os:azurelinux:3.0 Affected p Introduced("0") LastAffected("0:6.04-9.cm1")"#,
        );
        check("true", "<l:evr operation='less than'>NA</l:evr>", "os:azurelinux:3.0 Affected p ");
    }

    #[test]
    fn criteria_are_intervals_and_alternatives() {
        let both = "<criteria operator='AND'><criterion test_ref='t1'/><criterion test_ref='t2'/></criteria>";
        let either =
            "<criteria operator='OR'><criterion test_ref='t1'/><criterion test_ref='t2'/></criteria>";
        let check = |criteria: &str, other: &str, expected: &[&str]| {
            assert_eq!(ranges(&one("true", criteria, BELOW, other)), expected, "{criteria} {other}");
        };
        let zero = "<l:evr operation='greater than'>0:0.0.0</l:evr>";
        check(both, zero, &[r#"os:azurelinux:3.0 Affected p Introduced("0") Fixed("0:2-3.azl3")"#]);
        let from = "<l:evr operation='greater than'>0:1.5</l:evr>";
        check(both, from, &[r#"os:azurelinux:3.0 Affected p Introduced("0:1.5") Fixed("0:2-3.azl3")"#]);
        check(
            either,
            from,
            &[
                r#"os:azurelinux:3.0 Affected p Introduced("0") Fixed("0:2-3.azl3")"#,
                r#"os:azurelinux:3.0 Affected p Introduced("0:1.5")"#,
            ],
        );
        // Keys and negations narrow, and are left out.
        let key = "<l:signature_keyid operation='equals'>abc</l:signature_keyid>";
        check(both, key, &[r#"os:azurelinux:3.0 Affected p Introduced("0") Fixed("0:2-3.azl3")"#]);
        let negated = "<criteria><criterion test_ref='t1'/><criteria negate='true'><criterion test_ref='t2'/></criteria></criteria>";
        check(negated, from, &[r#"os:azurelinux:3.0 Affected p Introduced("0") Fixed("0:2-3.azl3")"#]);
    }

    #[test]
    fn names_in_variables_and_the_release_in_the_text() {
        let text = document(
            "<title>USN-1-1 -- Foo vulnerability</title><reference source='USN' ref_id='USN-1-1' ref_url='u'/>\
             <reference source='CVE' ref_id='CVE-2024-0002'/><issued date='2024-01-02'/><severity>None</severity>",
            "<criteria><extend_definition comment='Ubuntu 24.04 LTS (noble) is installed.'/>\
             <criteria operator='OR'><criterion test_ref='t'/></criteria></criteria>",
            "<tests><dpkginfo_test id='t'><object object_ref='o'/><state state_ref='s'/></dpkginfo_test></tests>\
             <objects><dpkginfo_object id='o' comment='Available with Ubuntu Pro: x'><name var_ref='v'/></dpkginfo_object></objects>\
             <states><dpkginfo_state id='s'><evr operation='less than'>0:1.0-1ubuntu1+esm1</evr></dpkginfo_state></states>\
             <variables><constant_variable id='v'><value>foo</value><value>libfoo</value></constant_variable></variables>",
        );
        let kept = kept("x/com.ubuntu.noble.usn.oval.xml", &text);
        let record = &kept.records[0];
        assert_eq!((record.id.as_str(), record.title.as_str()), ("USN-1-1", "Foo vulnerability"));
        assert_eq!((record.published.as_str(), record.ratings.len()), ("2024-01-02", 0));
        assert_eq!(record.affected.len(), 2);
        assert_eq!(record.affected[1].target.key(), "os:ubuntu:24.04");
        assert_eq!(record.affected[1].name, "libfoo");
        assert_eq!(record.affected[1].note, "the fix needs Ubuntu Pro");
        assert_eq!(kept.dates, ["2024-10-10T12:04:24Z"]);
    }

    #[test]
    fn oracle_says_release_architecture_and_module_in_comments() {
        let package = |number: u32| {
            format!(
                "<criteria operator='AND'><criterion test_ref='t{number}' comment='p is earlier'/>\
                 <criterion test_ref='signed' comment='p is signed with the Oracle Linux 8 key'/></criteria>"
            )
        };
        let arch = |name: &str, inner: &str| {
            format!(
                "<criteria operator='AND'><criterion test_ref='arch' comment='Oracle Linux arch is {name}'/>\
                 <criteria operator='OR'>{inner}</criteria></criteria>"
            )
        };
        let criteria = |alternatives: &str, more: &str| {
            format!(
                "<criteria operator='AND'><criterion test_ref='installed' comment='Oracle Linux 8 is installed'/>{more}\
                 <criteria operator='OR'>{alternatives}</criteria></criteria>"
            )
        };
        let rest = "<tests><l:rpminfo_test id='t1'><l:object object_ref='o'/><l:state state_ref='s1'/></l:rpminfo_test>\
             <l:rpminfo_test id='t2'><l:object object_ref='o'/><l:state state_ref='s2'/></l:rpminfo_test>\
             <l:rpminfo_test id='t3'><l:object object_ref='k'/><l:state state_ref='s3'/></l:rpminfo_test>\
             <l:rpminfo_test id='arch'><l:object object_ref='r'/><l:state state_ref='x'/></l:rpminfo_test>\
             <l:rpminfo_test id='signed'><l:object object_ref='o'/><l:state state_ref='key'/></l:rpminfo_test>\
             <l:rpminfo_test id='installed'><l:object object_ref='r'/><l:state state_ref='v'/></l:rpminfo_test></tests>\
             <objects><l:rpminfo_object id='o'><l:name>p</l:name></l:rpminfo_object>\
             <l:rpminfo_object id='k'><l:name>kernel-uek</l:name></l:rpminfo_object>\
             <l:rpminfo_object id='r'><l:name>oraclelinux-release</l:name></l:rpminfo_object></objects>\
             <states><l:rpminfo_state id='s1'><l:evr operation='less than'>0:1-1.el8</l:evr></l:rpminfo_state>\
             <l:rpminfo_state id='s2'><l:evr operation='less than'>0:1-2.el8</l:evr></l:rpminfo_state>\
             <l:rpminfo_state id='s3'><l:evr operation='less than'>0:5.15.0-3.60.5.1.el8uek</l:evr></l:rpminfo_state>\
             <l:rpminfo_state id='x'><l:arch operation='pattern match'>x86_64</l:arch></l:rpminfo_state>\
             <l:rpminfo_state id='key'><l:signature_keyid operation='equals'>82562ea9</l:signature_keyid></l:rpminfo_state>\
             <l:rpminfo_state id='v'><l:version operation='pattern match'>^8</l:version></l:rpminfo_state></states>";
        let check = |criteria: &str, expected: &[&str]| {
            let metadata = "<title>ELSA-2022-1: p security update (IMPORTANT)</title><platform>Oracle Linux 8</platform>\
                 <reference source='elsa' ref_id='ELSA-2022-1' ref_url='u'/><reference source='CVE' ref_id='CVE-2022-0001'/>\
                 <advisory><severity>IMPORTANT</severity><issued date='2022-05-31'/></advisory>";
            let kept = kept("com.oracle.elsa-all.xml", &document(metadata, criteria, rest));
            assert_eq!(kept.rejected, []);
            let record = &kept.records[0];
            assert_eq!((record.id.as_str(), record.upstream[0].as_str()), ("ELSA-2022-1", "CVE-2022-0001"));
            let lines: Vec<String> = record
                .affected
                .iter()
                .map(|entry| {
                    let Qualifiers { module, architectures, .. } = &entry.qualifiers;
                    format!("{} {:?} {architectures:?} {module:?}", entry.target.key(), entry.ranges[0])
                })
                .collect();
            assert_eq!(lines, expected);
        };
        let same = criteria(&[arch("x86_64", &package(1)), arch("aarch64", &package(1))].concat(), "");
        check(&same, &[r#"os:oracle:8 [Introduced("0"), Fixed("0:1-1.el8")] [] None"#]);
        let apart = criteria(&[arch("x86_64", &package(1)), arch("aarch64", &package(2))].concat(), "");
        check(
            &apart,
            &[
                r#"os:oracle:8 [Introduced("0"), Fixed("0:1-1.el8")] ["x86_64"] None"#,
                r#"os:oracle:8 [Introduced("0"), Fixed("0:1-2.el8")] ["aarch64"] None"#,
            ],
        );
        let module = "<criterion test_ref='signed' comment='Module nodejs:12 is enabled'/>";
        check(
            &criteria(&package(1), module),
            &[r#"os:oracle:8 [Introduced("0"), Fixed("0:1-1.el8")] [] Some("nodejs:12")"#],
        );
        check(
            &criteria(&package(3), ""),
            &[r#"os:oracle:8 [Introduced("0:5.15.0"), Fixed("0:5.15.0-3.60.5.1.el8uek")] [] None"#],
        );
        let nowhere =
            kept("com.oracle.elsa-all.xml", &document("<title>ELSA-2022-1: p</title>", &package(1), rest));
        assert_eq!(
            nowhere.rejected,
            [("the definition does not say for which release it is", "ELSA-2022-1".to_owned())]
        );
    }

    #[test]
    fn what_is_broken_is_said() {
        let check = |name: &str, text: &str, rejected: usize, skipped: usize| {
            let kept = kept(name, text);
            assert_eq!((kept.rejected.len(), kept.skipped.len()), (rejected, skipped), "{text} {kept:?}");
        };
        let name = "azurelinux-3.0-oval.xml";
        check(name, "", 1, 0);
        check("azurelinux-oval.xml", "<a/>", 1, 0);
        check(name, &document("<advisory_id>1</advisory_id>", SINGLE, ""), 1, 0);
        check(name, &document("<advisory_id>1</advisory_id>", "", ""), 0, 1);
        check(name, &document("", "<criteria><criterion test_ref='t3'/></criteria>", &parts("", "")), 0, 1);
        let odd = parts("<l:evr operation='pattern match'>^1</l:evr>", "");
        check(name, &document("<advisory_id>1</advisory_id>", SINGLE, &odd), 1, 1);
        // Breaks off behind the definitions.
        let whole = document("<advisory_id>1</advisory_id>", SINGLE, &parts(BELOW, ""));
        check(name, &whole[..whole.find("<objects>").unwrap()], 2, 0);
        check(name, &"<a>".repeat(100), 1, 0);
        check("other.xml", "", 0, 1);
    }

    #[test]
    fn entities_are_not_expanded() {
        let bomb = "<!DOCTYPE a [<!ENTITY x \"CVE-2020-1111\"><!ENTITY y \"&x;&x;\">]>";
        let text =
            document("<title>&y; &lt;b&gt;</title><advisory_id>1</advisory_id>", SINGLE, &parts(BELOW, ""));
        let kept = kept("azurelinux-3.0-oval.xml", &format!("{bomb}{text}"));
        assert_eq!(kept.records[0].title, "<b>");
    }

    #[test]
    fn the_shared_documents() {
        let Some(root) = plimsoll_testing::shared("data") else { return };
        let mut seen = Vec::new();
        for part in find(&root).unwrap() {
            let mut kept = Kept::default();
            read(&part, &mut kept).unwrap();
            // One Rocky advisory refers to a test `unk` that is not there.
            let broken: Vec<&str> = kept.rejected.iter().map(|(_, id)| id.as_str()).collect();
            assert_eq!(broken, if part.source == "oval/rocky" { vec!["RLSA-2023:3661"] } else { vec![] });
            let entries = kept.records.iter().flat_map(|record| &record.affected);
            let without_ids = kept.records.iter().filter(|record| record.upstream.is_empty()).count();
            seen.push((
                part.source,
                kept.records.len(),
                entries.clone().count(),
                entries.clone().filter(|entry| entry.status == FixStatus::NotAffected).count(),
                entries
                    .filter(|entry| {
                        entry.status == FixStatus::Affected
                            && !entry.ranges.iter().flatten().any(|event| matches!(event, Event::Fixed(_)))
                    })
                    .count(),
                without_ids,
                kept.skipped.len(),
            ));
        }
        // Records, entries, not affected, affected without a fix, without any CVE, about no package.
        let expected = [
            ("oval/azurelinux", 3474, 3474, 79, 126, 0, 0),
            ("oval/photon", 222, 778, 0, 0, 0, 0),
            ("oval/rocky", 175, 2968, 0, 0, 0, 0),
            ("oval/ubuntu", 314, 3039, 0, 0, 4, 55),
        ];
        let seen: Vec<_> =
            seen.iter().map(|(source, a, b, c, d, e, f)| (source.as_str(), *a, *b, *c, *d, *e, *f)).collect();
        assert_eq!(seen, expected);
    }

    proptest! {
        #[test]
        fn never_panics(content in proptest::collection::vec(any::<u8>(), 0..400)) {
            parse(&content, "azurelinux-3.0-oval.xml", &mut Kept::default());
        }

        #[test]
        fn never_panics_on_broken_documents(start in 0_usize..1500, length in 0_usize..40, word in "[<>/a-z'=& ]{0,9}") {
            let mut text = document("<title>a é</title><reference source='CVE' ref_id='CVE-2024-0001'/>", SINGLE, &parts(BELOW, ""));
            let from = text.floor_char_boundary(start);
            let to = text.floor_char_boundary(from + length);
            text.replace_range(from..to, &word);
            parse(text.as_bytes(), "com.ubuntu.noble.usn.oval.xml", &mut Kept::default());
        }
    }
}
