//! Manifests of Kubernetes: read one by one, judged together.

use std::cell::LazyCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use plimsoll_model::workload::Kinds;
use plimsoll_model::{
    Effect, Evidence, Finding, FindingKind, FixStatus, ImagePath, Level, Location, ObjectRef, Party, Problem,
    ProblemKind, Remedy, Risk, Severity, Subject, Suppression, shortened,
};
use plimsoll_posture::dockerfile::ignore::Acceptance;
use plimsoll_posture::frameworks::concerns;
use plimsoll_posture::kubernetes::acceptance::Acceptances;
use plimsoll_posture::kubernetes::{Object, Objects, repair, template, yaml};
use plimsoll_posture::{Breach, RULES, check_objects};
use plimsoll_rules::{Action, Answer, Operation, Review, Rules};
use serde_json_borrow::Value;

use super::learned::{Applied, Suggested, Unused};
use super::render::{Rendered, Sources, source_line};
use super::repair::{Planned, Wanted};
use super::{not_decided, of_rule};
use crate::verdict::Line;

/// Bytes of all manifests of one check.
pub(crate) const MAX_TOTAL: usize = 512 * 1024 * 1024;

/// Whether a text may hold objects of Kubernetes: it names a version and a kind, at the start of a line or as JSON.
pub(crate) fn may_be(content: &[u8]) -> bool {
    const NAMES: [&str; 2] = ["apiVersion", "kind"];
    match std::str::from_utf8(content) {
        // The library looks for words of a text much faster than windows do.
        Ok(text) => NAMES.iter().all(|name| text.contains(name)),
        Err(_) => NAMES.iter().all(|name| content.windows(name.len()).any(|part| part == name.as_bytes())),
    }
}

/// Manifests that were found.
#[derive(Default)]
pub(super) struct Manifests {
    files: Vec<File>,
    bytes: usize,
}

struct File {
    path: String,
    text: String,
    /// The user gave this very file.
    named: bool,
    /// It is an object of a cluster, and no file: it has no lines.
    of_cluster: bool,
    /// Where it was written, when it was rendered.
    sources: Option<Sources>,
    /// Lines that name a template, with it; of what was rendered.
    source_lines: Vec<(u32, String)>,
}

/// Where something is for people, who edit files.
struct Spot {
    path: String,
    mark: Option<yaml::Mark>,
}

impl Spot {
    fn shown(&self) -> String {
        match self.mark {
            Some(mark) => format!("{}:{}", self.path, mark.line),
            None => self.path.clone(),
        }
    }

    fn location(&self) -> Location {
        let mut location = Location::new(ImagePath::from(self.path.as_str()));
        location.line = self.mark.map(|mark| mark.line.max(1));
        location.column = self.mark.map(|mark| mark.column.max(1));
        location
    }
}

/// What they are held against beside our own rules.
pub(super) struct Others<'r> {
    /// Rules of other engines.
    pub(super) rules: &'r Rules,
    /// Profiles that were suggested for images.
    pub(super) suggested: &'r Suggested,
}

/// What the rules say of them.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) files: usize,
    pub(super) findings: Vec<Finding>,
    pub(super) problems: Vec<Problem>,
    pub(super) expired: Vec<String>,
    pub(super) concerned: BTreeSet<&'static str>,
    pub(super) undecided: BTreeSet<&'static str>,
    /// What is done about findings, when that was asked for.
    pub(super) repairs: Vec<Planned>,
}

impl Manifests {
    /// Takes a file. One that was only come upon and names no object is left alone: folders are full of other YAML.
    pub(super) fn push(&mut self, path: String, content: Vec<u8>, named: bool, problems: &mut Vec<Problem>) {
        if !may_be(&content) {
            if named {
                let detail = "it holds no object of Kubernetes (apiVersion and kind)";
                problems.push(Problem::incomplete(ProblemKind::Unsupported, path, detail));
            }
            return;
        }
        if content.len() > yaml::MAX_BYTES || self.bytes + content.len() > MAX_TOTAL {
            let detail = format!(
                "it is larger than {} MB, or all manifests together than {} MB",
                yaml::MAX_BYTES >> 20,
                MAX_TOTAL >> 20
            );
            problems.push(Problem::incomplete(ProblemKind::LimitExceeded, path, detail));
            return;
        }
        let Ok(text) = String::from_utf8(content) else {
            problems.push(Problem::incomplete(ProblemKind::Corrupt, path, "it is not UTF-8"));
            return;
        };
        self.bytes += text.len();
        self.files.push(File {
            path,
            text,
            named,
            of_cluster: false,
            sources: None,
            source_lines: Vec::new(),
        });
    }

    /// Takes what a chart or a folder of Kustomize was rendered to.
    pub(super) fn push_rendered(&mut self, path: String, rendered: Rendered, problems: &mut Vec<Problem>) {
        if self.bytes + rendered.text.len() > MAX_TOTAL {
            let detail = format!("all manifests together are larger than {} MB", MAX_TOTAL >> 20);
            problems.push(Problem::incomplete(ProblemKind::LimitExceeded, path, detail));
            return;
        }
        self.bytes += rendered.text.len();
        let source_lines = match rendered.sources {
            Sources::Templates { .. } => rendered
                .text
                .lines()
                .zip(1_u32..)
                .filter_map(|(line, number)| Some((number, source_line(line)?.to_owned())))
                .collect(),
            Sources::Manifests { .. } => Vec::new(),
        };
        let sources = Some(rendered.sources);
        self.files.push(File {
            path,
            text: rendered.text,
            named: false,
            of_cluster: false,
            sources,
            source_lines,
        });
    }

    /// Takes an object of a cluster, as JSON. `path` is what it is called.
    pub(super) fn push_object(&mut self, path: String, text: String) {
        self.bytes += text.len();
        self.files.push(File {
            path,
            text,
            named: false,
            of_cluster: true,
            sources: None,
            source_lines: Vec::new(),
        });
    }

    /// Holds them against the rules, our own and others; of the findings at most so many.
    /// What is wanted of repairs is planned beside.
    pub(super) fn judge(
        self,
        kinds: &Kinds,
        others_than_ours: &Others<'_>,
        today: &str,
        line: Line,
        most: usize,
        wanted: Option<&Wanted<'_>>,
    ) -> Judged {
        let mut judged = Judged::default();
        let mut applied = Applied::new(others_than_ours.suggested);
        let mut left = yaml::MAX_NODES;
        let streams: Vec<yaml::Stream<'_>> =
            self.files.iter().map(|file| yaml::read_within(&file.text, &mut left)).collect();
        // Documents with the file that they are in.
        let documents: Vec<(usize, &yaml::Node<'_>)> = streams
            .iter()
            .enumerate()
            .flat_map(|(file, stream)| stream.documents.iter().map(move |node| (file, node)))
            .collect();
        let values: Vec<Value<'_>> = documents.iter().map(|(_, node)| node.value()).collect();
        let mut objects = Objects::default();
        let mut held = vec![false; self.files.len()];
        let mut others = Vec::new();
        // Some templates are YAML by accident, and mean nothing as such.
        let mut templates = vec![false; self.files.len()];
        // Each text is looked through once, however many documents it has.
        let has_directives: Vec<bool> = self
            .files
            .iter()
            .map(|file| file.sources.is_none() && !file.of_cluster && template::is_template(&file.text))
            .collect();
        for ((file, _), value) in documents.iter().zip(&values).filter(|((file, _), _)| has_directives[*file])
        {
            templates[*file] |= unrendered(value);
        }
        for (file, _) in self.files.iter().zip(&templates).filter(|(_, is)| **is) {
            let detail =
                "it is a template of Helm outside of a chart: render it first, and check what comes out";
            judged.problems.push(Problem::incomplete(ProblemKind::Unsupported, &file.path, detail));
        }
        for (place, value) in values.iter().enumerate() {
            let (file, node) = documents[place];
            if templates[file] {
                continue;
            }
            let is = objects.add(value, place, kinds);
            held[file] |= is;
            if !is {
                others.push((file, node.place("")));
            }
        }
        // Among objects, what is none was meant to be one.
        for (file, mark) in others.into_iter().filter(|(file, _)| held[*file]) {
            let place = format!("{}:{}", self.files[file].path, mark.line);
            let detail = "this document is no object of Kubernetes: apiVersion or kind is missing";
            judged.problems.push(Problem::note(ProblemKind::Unsupported, place, detail));
        }
        for (((file, stream), held), template) in self.files.iter().zip(&streams).zip(&held).zip(&templates) {
            match &stream.fault {
                _ if *template => {}
                // What is rendered from templates is no YAML before; that it could not be read must be said all the same.
                Some(fault) => {
                    let place = format!("{}:{}", file.path, fault.mark.line);
                    let template = file.text.contains("{{");
                    let hint = if template {
                        "; it is a template: render it first, and check what comes out"
                    } else {
                        ""
                    };
                    let what = if file.sources.is_some() { "what it renders to" } else { "it" };
                    let detail = format!("{what} is no YAML: {}{hint}", fault.detail);
                    judged.problems.push(Problem::incomplete(ProblemKind::Corrupt, place, detail));
                }
                None if !held && file.named => {
                    let detail = "it holds no object of Kubernetes (apiVersion and kind)";
                    judged.problems.push(Problem::incomplete(ProblemKind::Unsupported, &file.path, detail));
                }
                None => {}
            }
            for repeated in stream.repeated.iter().filter(|_| *held) {
                let place = format!("{}:{}", file.path, repeated.mark.line);
                judged.problems.push(Problem::note(ProblemKind::Corrupt, place, &*repeated.detail));
            }
            // A chart that makes nothing was looked at, too.
            judged.files += usize::from(*held || (file.sources.is_some() && stream.fault.is_none()));
        }
        // What lines are looked up in is bounded like the rest.
        let raw: Vec<Raw<'_>> = self.files.iter().map(|file| Raw::read(file, &mut left)).collect();
        let concerned = RULES.iter().filter(|rule| concerns(rule, &objects)).map(|rule| rule.id);
        judged.concerned.extend(concerned);
        // What namespaces say of themselves is known of those that are among the files.
        let is_namespace = |value: &Value<'_>| {
            value.get("kind").as_str() == Some("Namespace") && value.get("apiVersion").as_str() == Some("v1")
        };
        let namespaces: HashMap<&str, &Value<'_>> = objects
            .iter()
            .map(Object::value)
            .filter(|value| is_namespace(value))
            .filter_map(|value| Some((value.get("metadata").get("name").as_str()?, value)))
            .collect();
        // Objects may stand twice, and then have the same names.
        let mut ids: HashMap<String, usize> = HashMap::new();
        for (object, said) in objects.iter().zip(check_objects(&objects)) {
            let (file, node) = documents[object.place];
            let path = &self.files[file].path;
            let at = |pointer: &str| self.files[file].spot(node, object, pointer, &raw[file]);
            for unread in object.unread() {
                let detail = format!("{unread}, so that what runs there is not known");
                judged.problems.push(Problem::incomplete(
                    ProblemKind::Corrupt,
                    at(&unread.pointer).shown(),
                    detail,
                ));
            }
            for undecided in said.undecided {
                judged.undecided.insert(undecided.rule);
                let detail =
                    format!("`{}` could not be decided without {}", undecided.rule, undecided.missing);
                judged.problems.push(Problem {
                    effect: not_decided(undecided.rule, line),
                    ..Problem::note(ProblemKind::NotCovered, path, detail)
                });
            }
            let accepted = Acceptances::of(object.value(), today);
            if let Some(fault) = &accepted.fault {
                let place = at(&object.pointer("/metadata/annotations")).shown();
                judged.problems.push(Problem::incomplete(ProblemKind::Corrupt, place, fault.clone()));
            }
            judged.expired.extend(accepted.expired.iter().map(|one| {
                format!(
                    "the acceptance in {} ended on {}, owner {}: what it was about counts again",
                    object.shown(),
                    one.until,
                    shortened(&one.owner)
                )
            }));
            // Most objects have several breaches, and all are told with its names.
            let names = LazyCell::new(|| Names::of(object));
            let breaches = said.breaches.iter().map(|breach| {
                let spot = at(breach.pointer.as_deref().unwrap_or_default());
                (finding(&self.files[file], &spot, &names, object, breach), Some(breach))
            });
            let mut mended: Vec<&Breach> = Vec::new();
            let foreign = foreign(others_than_ours.rules, object, &namespaces, &at(object.prefix()), line);
            judged.problems.extend(foreign.problems);
            let foreign = foreign.findings.into_iter().map(|finding| (finding, None));
            let unused = applied.look(object, &objects);
            let unused = unused.into_iter().map(|one| (of_unused(one, object, &at), None));
            for (mut finding, breach) in breaches.chain(foreign).chain(unused) {
                if judged.findings.len() >= most {
                    let detail = "there are more findings than are told, the rest is left out";
                    judged.problems.push(Problem::incomplete(ProblemKind::LimitExceeded, path, detail));
                    return judged;
                }
                let same = ids.entry(finding.id.clone()).or_default();
                *same += 1;
                if *same > 1 {
                    let _ = write!(finding.id, "#{same}");
                }
                if let (Some(wanted), Some(breach)) = (wanted, breach)
                    && wanted.ids.contains(&finding.id)
                {
                    mended.push(breach);
                }
                finding.suppressed_by = breach
                    .and_then(|breach| accepted.covers(breach.rule))
                    .map(|one| suppression(one, &at(&object.pointer("/metadata/annotations")).shown()));
                judged.findings.push(finding);
            }
            if let Some(wanted) = wanted {
                let first = documents.partition_point(|(other, _)| *other < file);
                let number = object.place - first;
                let file = &self.files[file];
                let repairs = repair::repairs(object, &mended, wanted.asked);
                for (breach, repair) in mended.into_iter().zip(repairs) {
                    let place = at(breach.pointer.as_deref().unwrap_or_default()).shown();
                    let rendered = file.sources.is_some();
                    let (path, rule) = (file.path.clone(), breach.rule);
                    judged.repairs.push(Planned { path, document: number, rule, place, rendered, repair });
                }
            }
        }
        judged.problems.extend(applied.finish());
        judged
    }
}

/// A profile that was suggested and is not in use.
fn of_unused(unused: Unused, object: &Object<'_>, at: &dyn Fn(&str) -> Spot) -> Finding {
    let spot = at(&unused.pointer);
    let location = spot.location();
    let field = unused.pointer.strip_prefix(object.prefix()).unwrap_or(&unused.pointer);
    let shown = object.shown();
    let detail = format!("{} ({shown})", unused.detail);
    Finding {
        id: format!("{}@{}:{}{field}", unused.rule, spot.path, object.id()),
        kind: FindingKind::Misconfiguration,
        advisory: unused.rule.to_owned(),
        aliases: Vec::new(),
        title: detail.clone(),
        subject: Subject::File(location.clone()),
        severity: Severity { level: Level::High, source: "baseline".to_owned(), ..Severity::default() },
        risk: Risk { fixable: true, ..Risk::default() },
        status: FixStatus::Affected,
        fixed_version: None,
        party: Party::Application(None),
        remedy: Remedy { action: unused.action, location: Some(location), ..Remedy::default() },
        evidence: vec![Evidence {
            source: "baseline".to_owned(),
            record: unused.rule.to_owned(),
            date: String::new(),
            range: detail,
            compared: format!("{}, {shown}; the image was {}", spot.shown(), unused.seen),
            rule: "rule".to_owned(),
        }],
        object: Some(Box::new(object_ref(object, field))),
        suppressed_by: None,
    }
}

/// Whether an object still holds directives of Helm. The texts that ConfigMaps and Secrets carry are other programs' matter.
fn unrendered(object: &Value<'_>) -> bool {
    if matches!(object.get("kind").as_str(), Some("ConfigMap" | "Secret")) {
        return false;
    }
    let mut waiting = vec![object];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Str(text) if template::is_template(text) => return true,
            Value::Array(items) => waiting.extend(items),
            Value::Object(map) => waiting.extend(map.iter().map(|(_, value)| value)),
            _ => {}
        }
    }
    false
}

/// What rules of other engines say of an object.
#[derive(Default)]
struct Foreign {
    findings: Vec<Finding>,
    problems: Vec<Problem>,
}

fn foreign(
    rules: &Rules,
    object: &Object<'_>,
    namespaces: &HashMap<&str, &Value<'_>>,
    spot: &Spot,
    line: Line,
) -> Foreign {
    let mut said = Foreign::default();
    if rules.is_empty() {
        return said;
    }
    let place = spot.shown();
    let review = Review::of_object(object.value(), Operation::Look);
    if review.kind.is_empty() {
        let detail = "rules cannot tell what it is: in a list, it has no kind and apiVersion of its own";
        said.problems.push(Problem::incomplete(ProblemKind::NotCovered, place, detail));
        return said;
    }
    let review = Review { namespace_object: namespaces.get(review.namespace).copied(), ..review };
    let location = spot.location();
    for verdict in rules.judge(&review) {
        let level = match verdict.actions.iter().max() {
            Some(Action::Audit) => Level::Low,
            Some(Action::Warn) => Level::Medium,
            Some(Action::Deny) | None => Level::High,
        };
        let binding = verdict.binding.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
        let title = format!("{} {}{binding}", verdict.kind, verdict.name);
        let violations = match &verdict.answer {
            Answer::Skip | Answer::Pass => continue,
            Answer::Fail(violations) => violations,
            Answer::Error(reason) => {
                let decides = line.reaches(level) && !verdict.ignores_errors;
                let detail = format!("`{title}` could not be decided for {}: {reason}", object.shown());
                said.problems.push(Problem {
                    effect: if decides { Effect::Incomplete } else { Effect::Note },
                    ..Problem::note(ProblemKind::NotCovered, place.as_str(), detail)
                });
                continue;
            }
        };
        let advisory = format!("{}/{}", verdict.kind, verdict.name);
        for violation in violations {
            said.findings.push(Finding {
                id: format!("{advisory}@{}:{}", spot.path, object.id()),
                kind: FindingKind::Misconfiguration,
                advisory: advisory.clone(),
                aliases: Vec::new(),
                title: violation.message.clone(),
                subject: Subject::File(location.clone()),
                severity: Severity { level, source: verdict.kind.clone(), ..Severity::default() },
                risk: Risk { fixable: true, ..Risk::default() },
                status: FixStatus::Affected,
                fixed_version: None,
                party: Party::Application(None),
                remedy: Remedy {
                    action: format!("change {} as `{title}` asks: {}", object.shown(), violation.message),
                    location: Some(location.clone()),
                    ..Remedy::default()
                },
                evidence: vec![Evidence {
                    source: verdict.kind.clone(),
                    record: verdict.name.clone(),
                    date: String::new(),
                    range: format!("{} ({})", violation.message, object.shown()),
                    compared: format!("{place}, {}", object.shown()),
                    rule: "rule".to_owned(),
                }],
                object: Some(Box::new(object_ref(object, ""))),
                suppressed_by: None,
            });
        }
    }
    said
}

/// How an object is named in what is told of it.
struct Names {
    id: String,
    shown: String,
    reference: ObjectRef,
}

impl Names {
    fn of(object: &Object<'_>) -> Self {
        Names { id: object.id(), shown: object.shown(), reference: object.reference() }
    }
}

fn finding(file: &File, spot: &Spot, names: &Names, object: &Object<'_>, breach: &Breach) -> Finding {
    let location = spot.location();
    let rule = plimsoll_posture::find(breach.rule).expect("a breach names the rule that found it");
    // By the names in it and not by line, so that it is the same after an edit further up. What is made of the same manifests
    // for several places is told apart by the place.
    let of = match &file.sources {
        Some(Sources::Manifests { .. }) => &file.path,
        _ => &spot.path,
    };
    let field = object.field(breach);
    let id = [rule.id, "@", of, ":", &names.id, field].concat();
    let mut looked_at = spot.shown();
    looked_at.push_str(", ");
    looked_at.push_str(&names.shown);
    if file.sources.is_some() {
        let _ = write!(looked_at, ", as rendered of {}", file.path);
    }
    let detail = [&breach.detail, " (", &names.shown, ")"].concat();
    let mut finding = of_rule(rule, &breach.action, detail, Subject::File(location.clone()), id, looked_at);
    finding.remedy.location = Some(location);
    finding.object = Some(Box::new(ObjectRef { field: field.to_owned(), ..names.reference.clone() }));
    finding
}

/// A breach of an object that is in no file.
pub(super) fn finding_of_object(object: &Object<'_>, breach: &Breach) -> Finding {
    let reference = object_ref(object, object.field(breach));
    let rule = plimsoll_posture::find(breach.rule).expect("a breach names the rule that found it");
    let path = reference.path();
    let id = format!("{}@{path}:{}{}", rule.id, object.id(), object.field(breach));
    let location = Location::new(ImagePath::from(path.as_str()));
    let mut finding = of_rule(rule, &breach.action, breach.detail.clone(), Subject::File(location), id, path);
    finding.object = Some(Box::new(reference));
    finding
}

/// Why a finding does not count.
pub(super) fn suppression(accepted: &Acceptance, source: &str) -> Suppression {
    Suppression {
        by: "exception".to_owned(),
        source: source.to_owned(),
        reason: accepted.told(),
        expires: Some(accepted.until.clone()),
    }
}

fn object_ref(object: &Object<'_>, field: &str) -> ObjectRef {
    ObjectRef { field: field.to_owned(), ..object.reference() }
}

impl File {
    /// Where a pointer of a document leads, in a file that can be edited.
    fn spot(&self, node: &yaml::Node<'_>, object: &Object<'_>, pointer: &str, raw: &Raw<'_>) -> Spot {
        match &self.sources {
            None if self.of_cluster => Spot { path: self.path.clone(), mark: None },
            None => Spot { path: self.path.clone(), mark: Some(node.place(pointer)) },
            Some(Sources::Templates { root, by_name }) => {
                // The last line before the document that names a template.
                let line = node.place("").line;
                let before = self.source_lines.partition_point(|(at, _)| *at < line);
                let name = before.checked_sub(1).map(|at| self.source_lines[at].1.as_str());
                let Some((path, outline)) = name.and_then(|name| by_name.get(name)) else {
                    return Spot { path: root.clone(), mark: None };
                };
                let (kind, name) = object.kind_and_name();
                let name_at = |pointer: &str| {
                    let value = node.value_at(pointer)?;
                    value.get("name").as_str().map(str::to_owned)
                };
                let mark = outline.place(template::Rendered { kind, name }, pointer, &name_at);
                Spot { path: path.clone(), mark }
            }
            Some(Sources::Manifests { description, .. }) => {
                raw.spot(object, pointer).unwrap_or_else(|| Spot { path: description.clone(), mark: None })
            }
        }
    }
}

/// The manifests that a folder of Kustomize is made of, by what they are about.
#[derive(Default)]
struct Raw<'t> {
    by_kind: HashMap<(String, String), Vec<RawObject<'t>>>,
}

struct RawObject<'t> {
    path: &'t str,
    name: String,
    node: yaml::Node<'t>,
}

impl<'t> Raw<'t> {
    fn read(file: &'t File, left: &mut usize) -> Self {
        let mut raw = Raw::default();
        let Some(Sources::Manifests { files, .. }) = &file.sources else { return raw };
        for (path, text) in files {
            for node in yaml::read_within(text, left).documents {
                let value = node.value();
                let text = |value: &Value<'_>| value.as_str().unwrap_or_default().to_owned();
                let kind = (text(value.get("apiVersion")), text(value.get("kind")));
                let name = text(value.get("metadata").get("name"));
                drop(value);
                if !kind.1.is_empty() {
                    raw.by_kind.entry(kind).or_default().push(RawObject { path, name, node });
                }
            }
        }
        raw
    }

    /// The place that goes deepest among those of objects with its kind, whose name is its own or a part of it (prefixes and
    /// suffixes are added); of equals the one whose name is longest, then the first.
    fn spot(&self, object: &Object<'_>, pointer: &str) -> Option<Spot> {
        let text = |key: &str| object.value().get(key).as_str().unwrap_or_default().to_owned();
        let all = self.by_kind.get(&(text("apiVersion"), text("kind")))?;
        let (_, name) = object.kind_and_name();
        let mut best: Option<((usize, usize), Spot)> = None;
        for one in all.iter().filter(|one| !one.name.is_empty() && name.contains(&one.name)) {
            let (mark, depth) = one.node.lead(pointer);
            let key = (depth, one.name.len());
            if best.as_ref().is_none_or(|(known, _)| key > *known) {
                best = Some((key, Spot { path: one.path.to_owned(), mark: Some(mark) }));
            }
        }
        best.map(|(_, spot)| spot)
    }
}
