//! A rule, what it answers, and the run of all rules over one thing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plimsoll_model::Level;

use crate::dockerfile::parse::Place;
use crate::dockerfile::{Call, Dockerfile, Step, shell::Word};
use crate::image::{ImageFacts, Part};
use crate::kubernetes::{self, Objects};
use crate::registry::RULES;

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// Dockerfiles and Containerfiles.
    Dockerfile,
    /// Images: their configuration, history and files.
    Image,
    /// Objects of Kubernetes.
    Kubernetes,
}

impl Area {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Area::Dockerfile => "Dockerfile",
            Area::Image => "image",
            Area::Kubernetes => "Kubernetes object",
        }
    }
}

/// What a rule must be given to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// The folder that is sent to the builder.
    BuildContext,
    /// Until when releases are supported, from the advisory database.
    SupportDates,
    /// The image's configuration.
    Configuration,
    /// The image's history.
    History,
    /// All names of the image's files, with modes and owners.
    Files,
    /// The time.
    Now,
}

impl Input {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Input::BuildContext => "the build context",
            Input::SupportDates => "dates of support (an advisory database)",
            Input::Configuration => "the image configuration",
            Input::History => "the image history",
            Input::Files => "the list of the image's files",
            Input::Now => "the time",
        }
    }
}

/// One rule.
pub struct Rule {
    /// Stable, never used again for something else; names what is wrong.
    pub id: &'static str,
    /// What is wrong, a few words.
    pub title: &'static str,
    /// How bad.
    pub severity: Level,
    /// What is looked at, and when it counts.
    pub what: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub fix: &'static str,
    /// Ids that others give it: `("hadolint", "DL3007")`.
    pub references: &'static [(&'static str, &'static str)],
    /// What it must be given.
    pub needs: &'static [Input],
    /// A thing that it speaks of: a Dockerfile, image facts as JSON, or Kubernetes objects in YAML.
    pub bad: &'static str,
    /// The same, put right.
    pub good: &'static str,
    /// Decides.
    pub(crate) check: Check,
}

/// The function that decides.
pub(crate) enum Check {
    Dockerfile(fn(&Scene<'_>, &mut Reporter<'_>)),
    Image(fn(&ImageFacts, &mut Reporter<'_>)),
    Object(fn(&kubernetes::Scene<'_, '_>, &mut Reporter<'_>)),
}

impl Rule {
    /// What it looks at.
    pub fn area(&self) -> Area {
        match self.check {
            Check::Dockerfile(_) => Area::Dockerfile,
            Check::Image(_) => Area::Image,
            Check::Object(_) => Area::Kubernetes,
        }
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Rule({})", self.id)
    }
}

/// The folder that is sent to the builder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildContext {
    /// Content of `.dockerignore`, when there is one.
    pub ignore_file: Option<String>,
}

/// Support of a base image's release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Support {
    /// It gets fixes.
    Runs,
    /// It gets none; one sentence that says since when.
    Ended(String),
}

/// What is known beside the Dockerfile.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The build context, when it is known.
    pub context: Option<BuildContext>,
    /// Support of base images by reference (`debian:10`), when an advisory database was asked. Images that it does not know are absent.
    pub support: Option<BTreeMap<String, Support>>,
}

/// A Dockerfile with its surroundings.
pub(crate) struct Scene<'a> {
    pub(crate) file: &'a Dockerfile,
    pub(crate) around: &'a Surroundings,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Id of the rule.
    pub rule: &'static str,
    /// What was seen, one sentence without final full stop.
    pub detail: String,
    /// Where in the Dockerfile.
    pub place: Option<Place>,
    /// Where it ends.
    pub end: Option<Place>,
    /// What part of the image.
    pub part: Option<Part>,
    /// Where in the document of the Kubernetes object: a JSON pointer (RFC 6901).
    pub pointer: Option<String>,
    /// What to do here, one sentence without final full stop.
    pub action: String,
}

/// Something that a rule could not decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// Id of the rule.
    pub rule: &'static str,
    /// The input that is missing.
    pub missing: String,
    /// Where in the Dockerfile.
    pub line: Option<u32>,
}

/// What all rules say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// What is wrong, by place.
    pub breaches: Vec<Breach>,
    /// What could not be decided, by rule.
    pub undecided: Vec<Undecided>,
}

/// Breaches of one rule in one thing that are told one by one.
const MAX_OF_ONE_RULE: usize = 100;

/// Takes what a rule says.
pub(crate) struct Reporter<'a> {
    rule: &'static Rule,
    judged: &'a mut Judged,
    told: usize,
}

impl Reporter<'_> {
    fn push(
        &mut self,
        place: Option<Place>,
        end: Option<Place>,
        part: Option<Part>,
        detail: String,
        action: String,
    ) {
        self.add(Breach { rule: self.rule.id, detail, place, end, part, pointer: None, action });
    }

    fn add(&mut self, mut breach: Breach) {
        self.told += 1;
        if self.told <= MAX_OF_ONE_RULE {
            if breach.action.is_empty() {
                self.rule.fix.clone_into(&mut breach.action);
            }
            self.judged.breaches.push(breach);
        }
    }

    /// At a field of a Kubernetes object.
    pub(crate) fn at(&mut self, pointer: String, detail: impl Into<String>) {
        self.at_with(pointer, detail, "");
    }

    /// At a field of a Kubernetes object, with what is to be done about it.
    pub(crate) fn at_with(&mut self, pointer: String, detail: impl Into<String>, action: impl Into<String>) {
        let (detail, action) = (detail.into(), action.into());
        let pointer = Some(pointer);
        self.add(Breach { rule: self.rule.id, detail, place: None, end: None, part: None, pointer, action });
    }

    /// At an instruction.
    pub(crate) fn step(&mut self, step: &Step, detail: impl Into<String>) {
        let end = step.instruction.name.len();
        let place = step.instruction.place();
        let end = Place { column: place.column + u32::try_from(end).unwrap_or(0), ..place };
        self.push(Some(place), Some(end), None, detail.into(), String::new());
    }

    /// At a byte of an instruction's arguments.
    pub(crate) fn argument(
        &mut self,
        step: &Step,
        at: usize,
        detail: impl Into<String>,
        action: impl Into<String>,
    ) {
        self.push(Some(step.instruction.argument_place(at)), None, None, detail.into(), action.into());
    }

    /// At a command.
    pub(crate) fn call(&mut self, step: &Step, call: &Call, detail: impl Into<String>) {
        self.push(Some(step.call_place(call)), None, None, detail.into(), String::new());
    }

    /// At a word of a command.
    pub(crate) fn word(
        &mut self,
        step: &Step,
        call: &Call,
        word: &Word,
        detail: impl Into<String>,
        action: impl Into<String>,
    ) {
        self.push(Some(step.place(call, word)), None, None, detail.into(), action.into());
    }

    /// At a part of an image.
    pub(crate) fn part(&mut self, part: Part, detail: impl Into<String>) {
        self.push(None, None, Some(part), detail.into(), String::new());
    }

    /// Could not be decided.
    pub(crate) fn undecided(&mut self, step: Option<&Step>, missing: impl Into<String>) {
        let line = step.map(|step| step.instruction.place().line);
        self.judged.undecided.push(Undecided { rule: self.rule.id, missing: missing.into(), line });
    }
}

fn run(area: Area, has: impl Fn(Input) -> bool, apply: impl Fn(&Rule, &mut Reporter<'_>)) -> Judged {
    let mut judged = Judged::default();
    for rule in RULES.iter().filter(|rule| rule.area() == area) {
        let mut reporter = Reporter { rule, judged: &mut judged, told: 0 };
        if let Some(missing) = rule.needs.iter().copied().find(|input| !has(*input)) {
            reporter.undecided(None, missing.word());
            continue;
        }
        apply(rule, &mut reporter);
        let more = reporter.told.saturating_sub(MAX_OF_ONE_RULE);
        if more > 0
            && let Some(last) = judged.breaches.last_mut()
        {
            let _ = write!(last.detail, ", and {more} more such places");
        }
    }
    let key = |breach: &Breach| (breach.place, breach.rule, breach.detail.clone());
    judged.breaches.sort_by_cached_key(key);
    judged.undecided.sort_by(|one, other| (one.line, one.rule).cmp(&(other.line, other.rule)));
    judged
}

/// All rules for Dockerfiles over one.
pub fn check_dockerfile(file: &Dockerfile, around: &Surroundings) -> Judged {
    let scene = Scene { file, around };
    let has = |input| match input {
        Input::BuildContext => around.context.is_some(),
        Input::SupportDates => around.support.is_some(),
        _ => false,
    };
    run(Area::Dockerfile, has, |rule, reporter| {
        if let Check::Dockerfile(check) = rule.check {
            check(&scene, reporter);
        }
    })
}

/// All rules for images over one.
pub fn check_image(facts: &ImageFacts) -> Judged {
    let has = |input| match input {
        Input::Configuration => facts.configuration.is_some(),
        Input::History => facts.history.is_some(),
        Input::Files => facts.files.is_some(),
        Input::Now => facts.now.is_some(),
        _ => false,
    };
    run(Area::Image, has, |rule, reporter| {
        if let Check::Image(check) = rule.check {
            check(facts, reporter);
        }
    })
}

/// All rules for Kubernetes objects over those that are looked at together: what they say of each object, in the order
/// that the objects were added in, one by one as they are asked for.
pub fn check_objects<'a>(objects: &'a Objects<'_>) -> impl Iterator<Item = Judged> + 'a {
    objects.all.iter().map(move |object| {
        let scene = kubernetes::Scene { object, all: objects };
        run(
            Area::Kubernetes,
            |_| false,
            |rule, reporter| {
                if let Check::Object(check) = rule.check {
                    check(&scene, reporter);
                }
            },
        )
    })
}

/// Does this text, read as a Dockerfile, break the rule?
pub(crate) fn breaks(text: &str, id: &str) -> bool {
    let Some(rule) = crate::registry::find(id) else { return false };
    let Check::Dockerfile(check) = rule.check else { return false };
    let file = crate::dockerfile::read(text.as_bytes());
    let mut judged = Judged::default();
    check(
        &Scene { file: &file, around: &Surroundings::default() },
        &mut Reporter { rule, judged: &mut judged, told: 0 },
    );
    !judged.breaches.is_empty()
}

/// `a`, `a, b`, `a, b, c and 3 more`.
pub(crate) fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
