//! Checking files before anything is built or deployed: from what was typed to the report.
//!
//! Dockerfiles, Containerfiles and manifests of Kubernetes. What a path holds is decided in one place, [`Kind::of`]; a further
//! kind is a variant there and an arm in `one_file`. Manifests are read in `manifests`, all of them together: whether a pod is
//! covered by a network policy is told by another file. What charts of Helm and folders of Kustomize make is asked of the
//! user's own programs, in `render`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use plimsoll_advisory::{Database, Source as _};
use plimsoll_model::report::{ControlResult, FrameworkResult, SCHEMA_VERSION};
use plimsoll_model::work::Work;
use plimsoll_model::workload::Kinds;
use plimsoll_model::{
    Coverage, DatabaseInfo, Effect, Evidence, Finding, FindingKind, FixStatus, ImagePath, Inventory, Level,
    Location, Outcome, Party, Problem, ProblemKind, Release, Remedy, Report, Risk, Severity, Subject,
    Suppression, Target as TargetFacts, TargetKind,
};
use plimsoll_posture::dockerfile::{self, Base, Dockerfile, ImageName, ignore};
pub use plimsoll_posture::frameworks::{FRAMEWORKS, Framework};
use plimsoll_posture::kubernetes::yaml;
use plimsoll_posture::{
    Area, Breach, BuildContext, Judged, RULES, Rule, Support, Surroundings, check_dockerfile,
};
use plimsoll_rules::Rules;

pub use self::in_cluster::check_cluster;
use self::learned::Suggested;
use self::manifests::{Manifests, Others};
use self::package::Found;
pub use self::render::Programs;
use self::render::{Engine, Renderer, Unit};
pub use self::repair::{Asked, REPAIRED, Repaired, repair};
use self::repair::{Planned, Wanted};
use self::since::Before;
pub use self::since::Since;
use crate::ScanError;
use crate::exceptions::Exceptions;
use crate::party::{self, OnPlatform};
use crate::verdict::{self, Line};
use crate::whose::{self, Context};

mod in_cluster;
pub mod learned;
pub(crate) mod manifests;
pub mod one_object;
mod package;
mod render;
mod repair;
mod since;

/// How to check.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// Advisory database, for the support of base images.
    pub database: Option<PathBuf>,
    /// Exceptions.
    pub exceptions: Exceptions,
    /// The line that findings are held against.
    pub line: Line,
    /// Only what this framework asks for, with its controls.
    pub framework: Option<&'static Framework>,
    /// What renders charts.
    pub programs: Programs,
    /// Only what is new against a revision.
    pub since: Option<Since>,
    /// Further kinds of objects that run pods.
    pub kinds: Kinds,
    /// Rules of other engines about objects of Kubernetes.
    pub rules: Arc<Rules>,
    /// Profiles that were suggested for images, whose use is tested.
    pub suggested: Suggested,
    /// Now: for the expiry of exceptions.
    pub now: Timestamp,
    /// The platform that says whose findings are.
    pub whose: Option<OnPlatform>,
}

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Dockerfile or Containerfile.
    Dockerfile,
    /// YAML or JSON, which may hold objects of Kubernetes.
    Manifest,
    /// An archive, which may be a packed chart of Helm (`shop-1.0.tgz`).
    Package,
    /// Nothing that is checked.
    Other,
}

impl Kind {
    /// By the name of the file: `Dockerfile`, `Dockerfile.web`, `web.Dockerfile`, and the same of Containerfile, in any case.
    pub fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let is = ["dockerfile", "containerfile"].iter().any(|known| {
            name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
                || name.strip_suffix(known).is_some_and(|rest| rest.ends_with(['.', '-', '_']))
        });
        let ours = [".dockerignore", ".md", ".orig", ".rej", "~"].iter().any(|end| name.ends_with(end));
        let manifest =
            name == "kustomization" || [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
        match (is && !ours, manifest) {
            (_, true) => Kind::Manifest,
            _ if package::is_package(&name) => Kind::Package,
            (true, false) => Kind::Dockerfile,
            (false, false) => Kind::Other,
        }
    }
}

fn kind_of(path: &Path) -> Kind {
    Kind::of(&path.file_name().unwrap_or_default().to_string_lossy())
}

/// Names that a directory may hold before the rest is left out, aloud.
const MAX_NAMES: usize = 500_000;
/// Directories within each other that are entered.
const MAX_DEPTH: usize = 64;
/// Findings of one check that are told.
const MAX_FINDINGS: usize = 100_000;

/// Checks what `paths` name. `stdin` is read only for `-`.
///
/// # Errors
/// When a path does not exist, or the database is damaged.
pub fn check(paths: &[String], options: &CheckOptions, stdin: &mut dyn Read) -> Result<Report, ScanError> {
    Ok(checked(paths, options, stdin, &BTreeMap::new(), None)?.0)
}

/// The check, with other texts in place of those of files, and with what is done about the findings that are wanted.
fn checked(
    paths: &[String],
    options: &CheckOptions,
    stdin: &mut dyn Read,
    changed: &BTreeMap<String, String>,
    wanted: Option<&Wanted<'_>>,
) -> Result<(Report, Vec<Planned>), ScanError> {
    let database = options.database.as_deref().map(Database::open).transpose()?;
    let today = jiff::tz::Offset::UTC.to_datetime(options.now).date().to_string();
    let suggested = options.suggested.clone();
    let mut run = Run { changed, suggested, ..Run::new(today.clone(), options.line, database.as_ref()) };
    let mut renderer = Renderer::new(&options.programs);
    for typed in paths {
        if typed == "-" {
            let mut content = Vec::new();
            stdin
                .take(yaml::MAX_BYTES as u64 + 1)
                .read_to_end(&mut content)
                .map_err(|source| ScanError::Read { path: "standard input".to_owned(), source })?;
            // What a pipe holds has no name; manifests say of themselves what they are.
            if manifests::may_be(&content) {
                run.manifests.push("stdin".to_owned(), content, true, &mut run.problems);
            } else {
                run.dockerfile("stdin", &content, None);
            }
            continue;
        }
        let path = Path::new(typed);
        let metadata = std::fs::metadata(path);
        match metadata {
            Ok(metadata) if metadata.is_dir() => run.directory(path, &mut renderer),
            Ok(_) => run.named_file(path, &mut renderer),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ScanError::NotFound { target: typed.clone(), near: None });
            }
            Err(source) => return Err(ScanError::Read { path: typed.clone(), source }),
        }
    }
    let repairs = run.judge_manifests(&options.kinds, &options.rules, wanted);
    let before = match &options.since {
        Some(since) => {
            let run = || Run::new(today.clone(), options.line, database.as_ref());
            Some(since::before(paths, since, options, run)?)
        }
        None => None,
    };
    let name = match paths {
        [one] if one == "-" => "standard input".to_owned(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        [] => String::new(),
    };
    Ok((run.report(TargetFacts::named(TargetKind::Files, &name), options, before), repairs))
}

/// What the rules say of one Dockerfile: findings, problems, and acceptances that ended.
pub(crate) fn one(
    path: &str,
    content: &[u8],
    database: Option<&Database>,
    line: Line,
    today: &str,
) -> (Vec<Finding>, Vec<Problem>, Vec<String>) {
    let mut run = Run::new(today.to_owned(), line, database);
    run.dockerfile(path, content, Some(context_of(Path::new(path))));
    (run.findings, run.problems, run.expired)
}

struct Run<'a> {
    today: String,
    line: Line,
    database: Option<&'a Database>,
    /// Support of images that were asked for already.
    support: BTreeMap<String, Option<Support>>,
    findings: Vec<Finding>,
    problems: Vec<Problem>,
    expired: Vec<String>,
    files: usize,
    manifests: Manifests,
    /// Rules that found something that they speak of.
    concerned: BTreeSet<&'static str>,
    /// Rules that could not decide.
    undecided: BTreeSet<&'static str>,
    /// Texts in place of those of files, by path as it is shown.
    changed: &'a BTreeMap<String, String>,
    /// Profiles that were suggested for images.
    suggested: Suggested,
}

/// No file has another text.
static UNCHANGED: BTreeMap<String, String> = BTreeMap::new();

impl<'a> Run<'a> {
    fn new(today: String, line: Line, database: Option<&'a Database>) -> Self {
        Run {
            today,
            line,
            database,
            support: BTreeMap::new(),
            findings: Vec::new(),
            problems: Vec::new(),
            expired: Vec::new(),
            files: 0,
            manifests: Manifests::default(),
            concerned: BTreeSet::new(),
            undecided: BTreeSet::new(),
            changed: &UNCHANGED,
            suggested: Suggested::default(),
        }
    }

    fn directory(&mut self, root: &Path, renderer: &mut Renderer<'_>) {
        let files = files_below(root, &|kind| kind != Kind::Other, &mut self.problems);
        // The templates of a chart that lies above what was named.
        let above = render::chart_above(&root.join("any"));
        let sorted = render::sort_out(&files);
        let (templates, plain): (Vec<&PathBuf>, Vec<&PathBuf>) =
            sorted.plain.iter().partition(|path| above.is_some() && kind_of(path) == Kind::Manifest);
        for file in plain {
            self.one_file(file, false);
        }
        if let (Some(chart), false) = (&above, templates.is_empty()) {
            self.template_of_chart(root, chart);
        }
        for unit in &sorted.units {
            self.unit(unit, &sorted.known, renderer);
        }
        for path in &sorted.packages {
            self.package(path, false, renderer);
        }
    }

    /// A packed chart, or another archive.
    fn package(&mut self, path: &Path, named: bool, renderer: &mut Renderer<'_>) {
        let shown = render::shown(path);
        match renderer.lay_out(path, &shown, named) {
            Ok(Found::Chart(package)) => self.unit(&package.unit, &package.known, renderer),
            Ok(Found::Other) if named => {
                let detail =
                    "it holds no chart of Helm (NAME/Chart.yaml); archives of images are for `plimsoll scan`";
                self.problems.push(Problem::incomplete(ProblemKind::Unsupported, shown, detail));
            }
            Ok(Found::Other) => {}
            Err(problem) => self.problems.push(problem),
        }
    }

    /// What is rendered as a whole.
    fn unit(&mut self, unit: &Unit, known: &BTreeSet<PathBuf>, renderer: &mut Renderer<'_>) {
        match renderer.render(unit, known) {
            Ok(Some(rendered)) => {
                self.manifests.push_rendered(unit.shown(), rendered, &mut self.problems);
            }
            Ok(None) => {
                let detail = "this chart is a library: it makes no object by itself";
                let shown = unit.shown();
                self.problems.push(Problem::note(ProblemKind::Unsupported, shown, detail));
            }
            Err(problem) => self.problems.push(problem),
        }
    }

    fn template_of_chart(&mut self, path: &Path, chart: &Path) {
        let chart = render::shown(chart);
        let detail = format!(
            "these are templates, which are no manifests before they are rendered: check the chart, {chart}"
        );
        self.problems.push(Problem::incomplete(ProblemKind::Unsupported, render::shown(path), detail));
    }

    /// A file that was named: itself, or what it describes.
    fn named_file(&mut self, path: &Path, renderer: &mut Renderer<'_>) {
        let root = path.parent().filter(|root| !root.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if let Some(engine) = render::engine_of(path) {
            let unit = Unit { engine, root: root.to_owned(), package: None };
            // Of Kustomize's folders the files beside it are looked up, wherever they lie.
            let from = if engine == Engine::Kustomize { root.parent().unwrap_or(root) } else { root };
            let files = files_below(from, &|kind| kind == Kind::Manifest, &mut Vec::new());
            self.unit(&unit, &files.into_iter().collect(), renderer);
        } else if kind_of(path) == Kind::Package {
            self.package(path, true, renderer);
        } else if kind_of(path) == Kind::Manifest
            && let Some(chart) = render::chart_above(path)
        {
            self.template_of_chart(path, &chart);
        } else {
            self.one_file(path, true);
        }
    }

    /// A file that was found, or was named.
    fn one_file(&mut self, path: &Path, named: bool) {
        let manifest = kind_of(path) == Kind::Manifest;
        let mut content = Vec::new();
        let limit = if manifest { yaml::MAX_BYTES } else { dockerfile::parse::MAX_BYTES } as u64 + 1;
        let read = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut content));
        if let Err(error) = read {
            self.problems.push(unreadable(path, &error));
            return;
        }
        let shown = path.display().to_string();
        let shown = shown.strip_prefix("./").unwrap_or(&shown);
        if let Some(changed) = self.changed.get(shown) {
            content = changed.clone().into_bytes();
        }
        if manifest {
            self.manifests.push(shown.to_owned(), content, named, &mut self.problems);
        } else {
            self.dockerfile(shown, &content, Some(context_of(path)));
        }
    }

    fn dockerfile(&mut self, path: &str, content: &[u8], context: Option<BuildContext>) {
        self.files += 1;
        let file = dockerfile::read(content);
        let around = Surroundings { context, support: self.support_of(&file) };
        let judged = check_dockerfile(&file, &around);
        self.concerned
            .extend(RULES.iter().filter(|rule| rule.area() == Area::Dockerfile).map(|rule| rule.id));
        self.undecided.extend(judged.undecided.iter().map(|undecided| undecided.rule));
        let problems = problems_of(path, &file, &judged, self.line);
        self.problems.extend(problems);
        let ignores = ignore::read(&file.parsed, &self.today);
        for fault in &ignores.faults {
            let place = format!("{path}:{}", fault.line);
            self.problems.push(Problem::incomplete(ProblemKind::Corrupt, place, fault.detail.clone()));
        }
        for ignore in &ignores.expired {
            let until = ignore.until.as_deref().unwrap_or_default();
            self.expired.push(format!("the acceptance in {path}:{} ended on {until}", ignore.line));
        }
        let left = MAX_FINDINGS.saturating_sub(self.findings.len());
        if judged.breaches.len() > left {
            let detail = format!("more than {MAX_FINDINGS} findings, the rest is left out");
            self.problems.push(Problem::incomplete(ProblemKind::LimitExceeded, path, detail));
        }
        let findings = judged.breaches.iter().take(left).map(|breach| finding(path, &file, breach, &ignores));
        self.findings.extend(findings);
    }

    /// Holds all manifests against the rules, together.
    fn judge_manifests(&mut self, kinds: &Kinds, rules: &Rules, wanted: Option<&Wanted<'_>>) -> Vec<Planned> {
        let left = MAX_FINDINGS.saturating_sub(self.findings.len());
        let manifests = std::mem::take(&mut self.manifests);
        let others = Others { rules, suggested: &self.suggested };
        let judged = manifests.judge(kinds, &others, &self.today, self.line, left, wanted);
        self.files += judged.files;
        self.problems.extend(judged.problems);
        self.expired.extend(judged.expired);
        self.findings.extend(judged.findings);
        self.concerned.extend(judged.concerned);
        self.undecided.extend(judged.undecided);
        judged.repairs
    }

    /// Support of the base images of a file, when there is a database.
    fn support_of(&mut self, file: &Dockerfile) -> Option<BTreeMap<String, Support>> {
        let database = self.database?;
        let mut support = BTreeMap::new();
        for stage in file.stages.iter().filter(|stage| stage.base == Base::Image) {
            let Some(image) = stage.image.value.known() else { continue };
            let known = self
                .support
                .entry(image.to_owned())
                .or_insert_with(|| release_of(image).and_then(|release| asked(database, release)));
            if let Some(known) = known {
                support.insert(image.to_owned(), known.clone());
            }
        }
        Some(support)
    }

    /// The controls of a framework. One is met only where each of its rules had something to look at, and everything could be read.
    fn held_against(&self, framework: &Framework) -> FrameworkResult {
        let unread = self
            .problems
            .iter()
            .any(|problem| problem.effect == Effect::Incomplete && problem.kind != ProblemKind::NotCovered);
        let control = |(id, rules): (&'static str, Vec<&'static Rule>)| {
            let own = |rule: &str| rules.iter().any(|known| known.id == rule);
            let mut counts = [0, 0];
            for finding in self.findings.iter().filter(|finding| own(&finding.advisory)) {
                counts[usize::from(finding.suppressed_by.is_some())] += 1;
            }
            let [findings, accepted] = counts;
            let undecided = self.undecided.iter().find(|rule| own(rule));
            let (outcome, missing) = if findings > 0 {
                (Outcome::NotMet, String::new())
            } else if !self.concerned.iter().any(|rule| own(rule)) {
                (Outcome::Unknown, "nothing that it speaks of was looked at".to_owned())
            } else if let Some(rule) = rules.iter().find(|rule| !self.concerned.contains(rule.id)) {
                // Part of a control is not the control.
                (Outcome::Unknown, format!("nothing that `{}` speaks of was looked at", rule.id))
            } else if let Some(rule) = undecided {
                (Outcome::Unknown, format!("`{rule}` could not be decided"))
            } else if unread {
                (Outcome::Unknown, "not everything could be read".to_owned())
            } else {
                (Outcome::Met, String::new())
            };
            let rules = rules.iter().map(|rule| rule.id.to_owned()).collect();
            ControlResult { id: id.to_owned(), outcome, rules, findings, accepted, missing }
        };
        FrameworkResult {
            name: framework.name.to_owned(),
            title: framework.title.to_owned(),
            controls: framework.controls().into_iter().map(control).collect(),
        }
    }

    fn report(mut self, mut target: TargetFacts, options: &CheckOptions, before: Option<Before>) -> Report {
        let today = jiff::tz::Offset::UTC.to_datetime(options.now).date();
        target.files = Some(self.files as u64);
        if let Some(framework) = options.framework {
            let asked = |finding: &Finding| {
                plimsoll_posture::find(&finding.advisory)
                    .is_some_and(|rule| !framework.controls_of(rule).is_empty())
            };
            self.findings.retain(asked);
        }
        let applied = options.exceptions.apply(&mut self.findings, &[], &target, today);
        self.problems.extend(applied.problems);
        let since = before.zip(options.since.as_ref()).map(|(before, since)| {
            // As they are in findings: without a slash in front.
            let there = |path: &str| Path::new(path).is_file() || Path::new("/").join(path).is_file();
            before.take_from(&mut self.findings, &mut self.problems, &since.revision, &there)
        });
        let context = Context { kind: target.kind, base: None, layers: &[], release: None, newest: None };
        for finding in &mut self.findings {
            finding.risk.work = Work::of(finding, "");
        }
        // All can be put right by an edit, so the sum is that of severity; files stand together.
        in_order(&mut self.findings);
        whose::assign(&mut self.findings, &[], context);
        party::apply(&mut self.findings, &target, options.whose.as_ref());
        let changes = whose::changes(&self.findings, &[], context);
        self.problems.sort();
        self.problems.dedup();
        let mut verdict = verdict::judge(options.line, &self.findings, &self.problems, None, None);
        if verdict.outcome == Outcome::Met && self.files == 0 {
            verdict.outcome = Outcome::Unknown;
            verdict.reasons = vec!["nothing was found that could be checked".to_owned()];
            verdict.inputs_missing.push(match target.kind {
                TargetKind::Cluster => "objects of the cluster".to_owned(),
                _ => "a Dockerfile, a Containerfile or manifests of Kubernetes".to_owned(),
            });
        }
        let framework = options.framework.map(|framework| self.held_against(framework));
        if let Some(since) = &since {
            let commit = since.commit.get(..12).unwrap_or(&since.commit);
            verdict.reasons.push(format!(
                "only what is new since {} ({commit}) counts: {} findings were there already, {} are gone",
                plimsoll_model::shortened(&since.revision),
                since.before,
                since.gone
            ));
        }
        verdict.reasons.extend(self.expired);
        verdict.reasons.extend(applied.expired);
        let database = match self.database {
            Some(database) => database.info().clone(),
            None => DatabaseInfo {
                coverage: Coverage::None,
                date: String::new(),
                digest: None,
                sources: Vec::new(),
            },
        };
        Report {
            schema_version: SCHEMA_VERSION.to_owned(),
            plimsoll: env!("CARGO_PKG_VERSION").to_owned(),
            target,
            database,
            verdict,
            packages: Vec::new(),
            findings: self.findings,
            changes,
            vex: Vec::new(),
            framework,
            since,
            problems: self.problems,
        }
    }
}

/// Puts findings in the order that they are told in. They are large, so their order is found first, and each is moved once.
fn in_order(findings: &mut [Finding]) {
    fn key(
        finding: &Finding,
    ) -> (bool, std::cmp::Reverse<u32>, std::cmp::Reverse<Level>, Option<&Location>, &str) {
        let place = match &finding.subject {
            Subject::File(location) => Some(location),
            _ => None,
        };
        let (sum, level) = (finding.risk.work.sum, finding.severity.level);
        let suppressed = finding.suppressed_by.is_some();
        (suppressed, std::cmp::Reverse(sum), std::cmp::Reverse(level), place, &finding.id)
    }
    let mut order: Vec<usize> = (0..findings.len()).collect();
    order.sort_by(|one, other| key(&findings[*one]).cmp(&key(&findings[*other])));
    for first in 0..order.len() {
        // Round a circle: each gets the one that belongs there, and hands on what stood there.
        let mut at = first;
        while order[at] != first {
            let from = std::mem::replace(&mut order[at], at);
            findings.swap(at, from);
            at = from;
        }
        order[at] = at;
    }
}

/// Files below a folder whose kind is wanted, in order. Links are not followed, and what is left out is told.
pub(crate) fn files_below(
    root: &Path,
    wanted: &dyn Fn(Kind) -> bool,
    problems: &mut Vec<Problem>,
) -> Vec<PathBuf> {
    let mut names = 0;
    let mut waiting = vec![(root.to_owned(), 0)];
    let mut files = Vec::new();
    while let Some((folder, depth)) = waiting.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                problems.push(unreadable(&folder, &error));
                continue;
            }
        };
        for entry in entries {
            names += 1;
            if names > MAX_NAMES {
                let detail = format!("it holds more than {MAX_NAMES} names, the rest was not looked at");
                problems.push(Problem::incomplete(ProblemKind::LimitExceeded, root.display(), detail));
                waiting.clear();
                break;
            }
            // Links are not followed: what they point at is found in its own place, or is not ours.
            let Ok(entry) = entry else { continue };
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if kind.is_dir() && !matches!(&*name, ".git" | "node_modules") {
                if depth < MAX_DEPTH {
                    waiting.push((entry.path(), depth + 1));
                } else {
                    let detail = format!("it lies more than {MAX_DEPTH} folders deep");
                    problems.push(Problem::incomplete(
                        ProblemKind::LimitExceeded,
                        entry.path().display(),
                        detail,
                    ));
                }
            } else if kind.is_file() && wanted(Kind::of(&name)) {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::incomplete(ProblemKind::Unreadable, path.display(), format!("it cannot be read: {error}"))
}

/// The folder of a Dockerfile, taken for its build context. BuildKit reads `NAME.dockerignore` before `.dockerignore`.
pub(crate) fn context_of(path: &Path) -> BuildContext {
    /// Larger ones ignore by machine.
    const LIMIT: u64 = 1 << 20;
    let own = path.file_name().map(|name| {
        let mut name = name.to_owned();
        name.push(".dockerignore");
        path.with_file_name(name)
    });
    let candidates =
        [own, Some(path.with_file_name(".dockerignore")), Some(path.with_file_name(".containerignore"))];
    let ignore_file = candidates.into_iter().flatten().find_map(|path| {
        let mut text = String::new();
        std::fs::File::open(path).ok()?.take(LIMIT).read_to_string(&mut text).ok()?;
        Some(text)
    });
    BuildContext { ignore_file }
}

/// What it means that a rule could not decide. What would stay below the line, were it not met, keeps no verdict from being met.
pub(crate) fn not_decided(rule: &str, line: Line) -> Effect {
    let level = plimsoll_posture::find(rule).map(|rule| rule.severity).unwrap_or_default();
    if line.reaches(level) { Effect::Incomplete } else { Effect::Note }
}

/// What could not be read or decided of one file.
pub(crate) fn problems_of(path: &str, file: &Dockerfile, judged: &Judged, line: Line) -> Vec<Problem> {
    let faults = file.parsed.faults.iter().map(|fault| {
        Problem::incomplete(ProblemKind::Corrupt, format!("{path}:{}", fault.line), fault.detail.clone())
    });
    let undecided = judged.undecided.iter().map(|undecided| {
        let place = undecided.line.map_or(path.to_owned(), |line| format!("{path}:{line}"));
        let detail = format!("`{}` could not be decided without {}", undecided.rule, undecided.missing);
        Problem {
            effect: not_decided(undecided.rule, line),
            ..Problem::note(ProblemKind::NotCovered, place, detail)
        }
    });
    faults.chain(undecided).collect()
}

/// The release that an image of a distribution is, by name and tag.
fn release_of(image: &str) -> Option<Release> {
    /// Official images that are not called as their `os-release` is.
    const NAMES: &[(&str, &str)] = &[
        ("rockylinux", "rocky"),
        ("amazonlinux", "amzn"),
        ("oraclelinux", "ol"),
        ("opensuse/leap", "opensuse-leap"),
    ];
    let name = ImageName::parse(image);
    let bare = name.name.trim_start_matches("docker.io/").trim_start_matches("library/");
    let id = NAMES.iter().find(|(image, _)| *image == bare).map_or(bare, |(_, id)| *id);
    let tag = name.tag?;
    let version: String =
        tag.chars().take_while(|character| character.is_ascii_digit() || *character == '.').collect();
    if version.is_empty() || id.contains('/') {
        return None;
    }
    let release = Release { id: id.to_owned(), version, ..Release::default() };
    release.distribution().is_some().then_some(release)
}

fn asked(database: &Database, release: Release) -> Option<Support> {
    let inventory = Inventory { release: Some(release), ..Inventory::default() };
    let known = plimsoll_advisory::support::judge(database, &inventory).ok()?;
    let ended = known.findings.iter().find(|finding| finding.kind == FindingKind::EndOfLife);
    Some(ended.map_or(Support::Runs, |finding| Support::Ended(finding.title.clone())))
}

/// What one breach of a rule is as a finding, before its party is known.
pub(crate) fn of_rule(
    rule: &Rule,
    action: &str,
    detail: String,
    subject: Subject,
    id: String,
    looked_at: String,
) -> Finding {
    let others = rule.references.iter().filter(|(name, _)| matches!(*name, "hadolint" | "trivy" | "checkov"));
    let mut aliases: Vec<&str> = others.map(|(_, id)| *id).collect();
    aliases.sort_unstable();
    aliases.dedup();
    Finding {
        id,
        kind: FindingKind::Misconfiguration,
        advisory: rule.id.to_owned(),
        aliases: aliases.into_iter().map(str::to_owned).collect(),
        title: rule.title.to_owned(),
        subject,
        severity: Severity { level: rule.severity, source: "plimsoll".to_owned(), ..Severity::default() },
        risk: Risk { fixable: true, ..Risk::default() },
        status: FixStatus::Affected,
        fixed_version: None,
        party: Party::Application(None),
        remedy: Remedy { action: action.to_owned(), ..Remedy::default() },
        evidence: vec![Evidence {
            source: "plimsoll/posture".to_owned(),
            record: rule.id.to_owned(),
            date: String::new(),
            range: detail,
            compared: looked_at,
            rule: "rule".to_owned(),
        }],
        object: None,
        suppressed_by: None,
    }
}

fn finding(path: &str, file: &Dockerfile, breach: &Breach, ignores: &ignore::Ignores) -> Finding {
    let place = breach.place.unwrap_or_default();
    let mut location = Location::at_line(ImagePath::from(path), place.line.max(1));
    location.column = Some(place.column.max(1));
    let rule = plimsoll_posture::find(breach.rule).expect("a breach names the rule that found it");
    let id = format!("{}@{path}:{}:{}", rule.id, place.line, place.column);
    let looked_at = format!("{path}:{}", place.line);
    let mut finding =
        of_rule(rule, &breach.action, breach.detail.clone(), Subject::File(location.clone()), id, looked_at);
    finding.remedy.location = Some(location);
    // Instructions follow each other: the last one that starts at or before the place holds it.
    let index =
        file.steps.partition_point(|step| step.instruction.place().line <= place.line).saturating_sub(1);
    finding.suppressed_by = ignores.of(rule.id, index).map(|ignore| Suppression {
        by: "exception".to_owned(),
        source: format!("{path}:{}", ignore.line),
        reason: ignore.reason.clone(),
        expires: ignore.until.clone(),
    });
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_dockerfiles() {
        for (name, is) in [
            ("Dockerfile", true),
            ("dockerfile.dev", true),
            ("web.Dockerfile", true),
            ("Containerfile", true),
            ("Dockerfile.dockerignore", false),
            ("Dockerfile.md", false),
            ("mydockerfile", false),
            ("docker-compose.yml", false),
            ("Dockerfile.yaml", false),
            ("Dockerfile.tgz", false),
        ] {
            assert_eq!(Kind::of(name) == Kind::Dockerfile, is, "{name}");
        }
    }

    #[test]
    fn findings_come_in_order() {
        let rule = RULES[0];
        let one = |line: u32, number: u32| {
            let subject = Subject::File(Location::at_line(ImagePath::from("f"), line));
            of_rule(rule, "", String::new(), subject, number.to_string(), String::new())
        };
        for count in 0..40_u32 {
            for step in [1, 3, 7, 11] {
                let lines = (0..count).map(|at| (at * step + 5) % (count + 1));
                let mut findings: Vec<Finding> =
                    lines.zip(0..).map(|(line, number)| one(line, number)).collect();
                let mut plain = findings.clone();
                plain.sort_by_key(|finding| {
                    (finding.remedy.location.clone(), finding.subject.clone(), finding.id.clone())
                });
                in_order(&mut findings);
                assert_eq!(findings, plain, "{count} {step}");
            }
        }
    }

    #[test]
    fn releases_of_images() {
        let of = |image: &str| release_of(image).map(|release| (release.id, release.version));
        assert_eq!(of("debian:8-slim"), Some(("debian".into(), "8".into())));
        assert_eq!(of("docker.io/library/alpine:3.12.1"), Some(("alpine".into(), "3.12.1".into())));
        assert_eq!(of("rockylinux:8"), Some(("rocky".into(), "8".into())));
        for image in ["debian", "debian:buster", "example.org/debian:8", "python:3.12"] {
            assert_eq!(of(image), None, "{image}");
        }
    }
}
