//! Manifests of Kubernetes: read one by one, judged together.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use plimsoll_model::workload::Kinds;
use plimsoll_model::{
    Effect, Evidence, Finding, FindingKind, FixStatus, ImagePath, Level, Location, Party, Problem,
    ProblemKind, Remedy, Risk, Severity, Subject, Suppression, shortened,
};
use plimsoll_posture::frameworks::concerns;
use plimsoll_posture::kubernetes::{Object, Objects, yaml};
use plimsoll_posture::{Breach, RULES, check_objects, dockerfile::ignore};
use plimsoll_rules::{Action, Answer, Operation, Review, Rules};
use serde_json_borrow::{ObjectAsVec, Value};

use super::{not_decided, of_rule};
use crate::verdict::Line;

/// Bytes of all manifests of one check.
pub(crate) const MAX_TOTAL: usize = 512 * 1024 * 1024;
/// Annotations that accept a finding begin with this.
const IGNORE: &str = "plimsoll.dev/ignore";

/// Whether a text may hold objects of Kubernetes: it names a version and a kind, at the start of a line or as JSON.
pub(crate) fn may_be(content: &[u8]) -> bool {
    let has = |wanted: &str| content.windows(wanted.len()).any(|part| part == wanted.as_bytes());
    has("apiVersion") && has("kind")
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
        self.bytes += content.len();
        match String::from_utf8(content) {
            Ok(text) => self.files.push(File { path, text, named }),
            Err(_) => problems.push(Problem::incomplete(ProblemKind::Corrupt, path, "it is not UTF-8")),
        }
    }

    /// Holds them against the rules, our own and those of other engines; of the findings at most so many.
    pub(super) fn judge(self, today: &str, line: Line, most: usize, rules: &Rules) -> Judged {
        let mut judged = Judged::default();
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
        let (mut objects, kinds) = (Objects::default(), Kinds::default());
        let mut held = vec![false; self.files.len()];
        let mut others = Vec::new();
        for (place, value) in values.iter().enumerate() {
            let (file, node) = documents[place];
            let is = objects.add(value, place, &kinds);
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
        for ((file, stream), held) in self.files.iter().zip(&streams).zip(&held) {
            match &stream.fault {
                // What is rendered from templates is no YAML before; that it could not be read must be said all the same.
                Some(fault) => {
                    let place = format!("{}:{}", file.path, fault.mark.line);
                    let template = file.text.contains("{{");
                    let hint = if template {
                        "; it is a template: render it first, and check what comes out"
                    } else {
                        ""
                    };
                    let detail = format!("it is no YAML: {}{hint}", fault.detail);
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
            judged.files += usize::from(*held);
        }
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
            let at = |pointer: &str| node.place(pointer);
            for unread in object.unread() {
                let mark = at(&unread.pointer);
                let detail = format!("{unread}, so that what runs there is not known");
                judged.problems.push(Problem::incomplete(
                    ProblemKind::Corrupt,
                    format!("{path}:{}", mark.line),
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
            let accepted =
                accepted(object.value(), today, &object.shown(), &mut judged.expired, &mut |detail| {
                    let line = at("/metadata/annotations").line;
                    Problem {
                        effect: Effect::Incomplete,
                        ..Problem::note(ProblemKind::Corrupt, format!("{path}:{line}"), detail)
                    }
                });
            let accepted = match accepted {
                Ok(accepted) => accepted,
                Err(problem) => {
                    judged.problems.push(problem);
                    Vec::new()
                }
            };
            let breaches = said.breaches.iter().map(|breach| {
                let mark = at(breach.pointer.as_deref().unwrap_or_default());
                (finding(path, mark, object, breach), Some(breach.rule))
            });
            let foreign = foreign(rules, object, &namespaces, path, at(object.prefix()), line);
            judged.problems.extend(foreign.problems);
            let foreign = foreign.findings.into_iter().map(|finding| (finding, None));
            for (mut finding, rule) in breaches.chain(foreign) {
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
                finding.suppressed_by = accepted
                    .iter()
                    .find(|one| rule.is_some_and(|rule| one.rules.contains(&rule)))
                    .map(|one| Suppression {
                        by: "exception".to_owned(),
                        source: format!("{path}:{}", at("/metadata/annotations").line),
                        reason: one.reason.clone(),
                        expires: one.until.clone(),
                    });
                judged.findings.push(finding);
            }
        }
        judged
    }
}

struct Accepted {
    rules: Vec<&'static str>,
    reason: String,
    until: Option<String>,
}

/// What the annotations of an object accept. One that is malformed is refused, and so are all of the object then.
fn accepted(
    object: &Value<'_>,
    today: &str,
    shown: &str,
    expired: &mut Vec<String>,
    problem: &mut dyn FnMut(String) -> Problem,
) -> Result<Vec<Accepted>, Problem> {
    let annotations = object.get("metadata").get("annotations").as_object();
    let mut all = Vec::new();
    for (key, value) in annotations.into_iter().flat_map(ObjectAsVec::iter) {
        // Several are told apart by what follows.
        let ours =
            key.strip_prefix(IGNORE).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '_']));
        if !ours {
            continue;
        }
        let text = value.as_str().unwrap_or_default();
        let (rules, reason, until) =
            ignore::acceptance(text).map_err(|detail| problem(format!("{}: {detail}", shortened(key))))?;
        match &until {
            Some(until) if until.as_str() < today => {
                expired.push(format!("the acceptance in {shown} ended on {until}"));
            }
            _ => all.push(Accepted { rules, reason, until }),
        }
    }
    Ok(all)
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
    path: &str,
    mark: yaml::Mark,
    line: Line,
) -> Foreign {
    let mut said = Foreign::default();
    if rules.is_empty() {
        return said;
    }
    let place = format!("{path}:{}", mark.line);
    let review = Review::of_object(object.value(), Operation::Look);
    if review.kind.is_empty() {
        let detail = "rules cannot tell what it is: in a list, it has no kind and apiVersion of its own";
        said.problems.push(Problem::incomplete(ProblemKind::NotCovered, place, detail));
        return said;
    }
    let review = Review { namespace_object: namespaces.get(review.namespace).copied(), ..review };
    let mut location = Location::at_line(ImagePath::from(path), mark.line.max(1));
    location.column = Some(mark.column.max(1));
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
                id: format!("{advisory}@{path}:{}", object.id()),
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
                suppressed_by: None,
            });
        }
    }
    said
}

fn finding(path: &str, mark: yaml::Mark, object: &Object<'_>, breach: &Breach) -> Finding {
    let mut location = Location::at_line(ImagePath::from(path), mark.line.max(1));
    location.column = Some(mark.column.max(1));
    let rule = plimsoll_posture::find(breach.rule).expect("a breach names the rule that found it");
    // By the names in it and not by line, so that it is the same after an edit further up.
    let id = format!("{}@{path}:{}{}", rule.id, object.id(), object.field(breach));
    let shown = object.shown();
    let looked_at = format!("{path}:{}, {shown}", mark.line);
    let breach = Breach { detail: format!("{} ({shown})", breach.detail), ..breach.clone() };
    let mut finding = of_rule(rule, &breach, Subject::File(location.clone()), id, looked_at);
    finding.remedy.location = Some(location);
    finding
}
