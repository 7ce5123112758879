//! What every format for people shows, computed once: whose move it is, how many changes and findings that is, what
//! does not count and why, what could not be seen, what to type next. All text is already safe to show.
//!
//! Each finding is counted exactly once (see [`Class`]), so that the rows add up to the number of findings.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use plimsoll_model::functions::Reach;
use plimsoll_model::vex::{VexOutcome, VexStatement};
use plimsoll_model::{
    Base, BaseSource, Change, Coverage, Digest, Ecosystem, Effect, Finding, FindingKind, FixStatus, Git,
    Level, Location, Package, Party, Problem, ProblemKind, Report, Subject, TargetKind,
};

use crate::View;
use crate::text::{age, clean, count, day, listing, percent, shell_word, thousands};

/// Where a finding is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A listed change removes it; the index of the first such change in the report.
    Removed(usize),
    /// It counts, and nothing that its party can do is known.
    Waiting,
    /// Kernel headers or documentation: nothing of it runs in a container.
    NotRun,
    /// The program was linked without the functions that have the flaw.
    NotLinked,
    /// Only in development dependencies.
    Development,
    /// No vulnerability: unmaintained, unsound, notice.
    Notice,
    /// It does not count: a VEX statement, an exception, an owner package.
    Nobody,
}

impl Class {
    /// Does it count against the user's line?
    pub fn is_active(self) -> bool {
        matches!(self, Class::Removed(_) | Class::Waiting)
    }
}

/// A kind of party, in the order in which rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// The base image's maintainer.
    BaseImage,
    /// The application team.
    Application,
    /// The team that runs the platform.
    Platform,
    /// The platform's provider.
    Provider,
    /// The distribution.
    Distribution,
    /// Cannot be told.
    NotKnown,
    /// Nobody has to act.
    Nobody,
    /// Folded: [`Class::NotRun`].
    NotRun,
    /// Folded: [`Class::NotLinked`].
    NotLinked,
    /// Folded: [`Class::Development`].
    Development,
    /// Folded: [`Class::Notice`].
    Notices,
}

impl PartyRow {
    /// The number that stands in the row: what its changes remove or, without changes, what stands there.
    pub fn number(&self) -> usize {
        if self.changes > 0 { self.removes } else { self.removes + self.waiting }
    }
}

impl Row {
    /// The word in front of the row.
    pub fn word(self) -> &'static str {
        match self {
            Row::BaseImage => "base image",
            Row::Application => "application",
            Row::Platform => "platform",
            Row::Provider => "provider",
            Row::Distribution => "distribution",
            Row::NotKnown => "not known",
            Row::Nobody => "nobody",
            Row::NotRun => "not run",
            Row::NotLinked => "not linked",
            Row::Development => "development",
            Row::Notices => "notices",
        }
    }

    /// Which row a party belongs to.
    pub fn of(party: &Party) -> Self {
        match party {
            Party::Application(_) => Row::Application,
            Party::BaseImage(_) => Row::BaseImage,
            Party::Platform => Row::Platform,
            Party::Distribution(_) => Row::Distribution,
            Party::Provider(_) => Row::Provider,
            Party::Nobody(_) => Row::Nobody,
            Party::Unknown(_) => Row::NotKnown,
        }
    }

    /// Is it a party that has to act or wait, rather than a class that was folded?
    pub fn is_party(self) -> bool {
        self < Row::Nobody
    }
}

/// One row of "whose move".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyRow {
    /// Which.
    pub row: Row,
    /// Changes that are listed for it.
    pub changes: usize,
    /// Findings that its changes remove.
    pub removes: usize,
    /// Findings that stand there and no change removes.
    pub waiting: usize,
    /// In words.
    pub what: String,
}

/// Why a finding does not count. All text is safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// `vex`, `exception`, `owner`, `feed`, or the class that it was folded into.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Who says so; empty where that is this program.
    pub source: String,
    /// Last day it holds.
    pub expires: Option<String>,
}

impl SetAside {
    /// In one line: `vex (vendor.openvex.json): not_affected`.
    pub fn told(&self) -> String {
        if self.source.is_empty() {
            self.reason.clone()
        } else {
            format!("{} ({}): {}", self.by, self.source, self.reason)
        }
    }

    /// Who says so, and until when.
    pub fn said(&self) -> String {
        let until = self.expires.as_deref().map(|day| format!("until {day}"));
        let mut parts = vec![self.source.as_str(), until.as_deref().unwrap_or_default()];
        parts.retain(|part| !part.is_empty());
        parts.join(", ")
    }
}

/// How many changes of one party are shown before the rest is only counted.
pub const SHOWN_CHANGES: usize = 10;
/// How many problems are named before the rest is only counted.
pub const SHOWN_PROBLEMS: usize = 3;
/// How many VEX documents are named before the rest is only counted.
pub const SHOWN_VEX: usize = 3;

/// Everything that the formats for people share.
pub struct Summary<'a> {
    /// The report.
    pub report: &'a Report,
    /// Where each finding is counted; same order as the report's findings.
    pub classes: Vec<Class>,
    /// Whose move; empty rows are left out.
    pub rows: Vec<PartyRow>,
    /// Changes that are listed, in the order of work. The others remove only what was folded.
    pub changes: Vec<&'a Change>,
    /// Findings that count, by severity, worst first; levels without any are left out.
    pub levels: Vec<(Level, usize)>,
    /// Findings that count.
    pub active: usize,
    /// Findings that count and are known to be exploited.
    pub exploited: usize,
    /// Malicious packages that count.
    pub malware: usize,
    /// `shop-web`, `sha256:9f2c…81ab`, `linux/amd64`: what names the target.
    pub target: Vec<String>,
    /// `Debian 12.15, 5 layers, 654 packages (deb 512, npm 93)`.
    pub contents: String,
    /// `data of 2026-11-23 (6 h old), 31 sources`.
    pub data: String,
    /// `base: debian:12.15 (layer 1, seen in image history)`; empty outside images.
    pub base: String,
    /// What could not be seen, a few words per thing, and how many were left out.
    pub unseen: Vec<String>,
    /// Inputs that were missing to decide.
    pub missing: Vec<String>,
    /// Problems that change no verdict.
    pub notes: usize,
    /// VEX documents that answer a finding, and those that were not believed: who says so, and what came of it.
    pub vex: Vec<String>,
    /// What to type next.
    pub next: Vec<String>,
    packages: HashMap<&'a str, &'a Package>,
    settings: HashMap<&'a str, &'a Finding>,
    objects: HashMap<&'a str, &'a Finding>,
}

/// One thing that is to be done about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit<'a> {
    /// The rule that asks for it.
    pub rule: &'a str,
    /// What is to be done.
    pub action: &'a str,
    /// In how many places of the object.
    pub places: usize,
}

impl<'a> Summary<'a> {
    /// Reads the report once.
    pub fn new(report: &'a Report, view: &View) -> Self {
        let packages: HashMap<&str, &Package> =
            report.packages.iter().map(|package| (package.purl.as_str(), package)).collect();
        let (classes, listed) = classify(report);
        let changes: Vec<&Change> = report
            .changes
            .iter()
            .zip(&listed)
            .filter(|(_, listed)| **listed)
            .map(|(change, _)| change)
            .collect();
        let counted = || {
            report
                .findings
                .iter()
                .zip(&classes)
                .filter(|(_, class)| class.is_active())
                .map(|(finding, _)| finding)
        };
        let levels = Level::ALL
            .into_iter()
            .map(|level| (level, counted().filter(|finding| finding.severity.level == level).count()))
            .filter(|(_, count)| *count > 0)
            .collect();
        let active = counted().count();
        Summary {
            rows: rows(report, &classes, &changes, view),
            levels,
            active,
            exploited: counted().filter(|finding| finding.risk.kev.is_some()).count(),
            malware: incidents(counted()),
            target: target(report),
            contents: contents(report),
            data: data(report, view),
            base: report.target.base.as_ref().map(base).unwrap_or_default(),
            unseen: unseen(report, view),
            missing: report.verdict.inputs_missing.iter().map(|input| clean(input).into_owned()).collect(),
            notes: report.problems.iter().filter(|problem| problem.effect == Effect::Note).count(),
            vex: vex(report, view),
            next: next(report, active, view),
            report,
            classes,
            changes,
            packages,
            objects: report
                .findings
                .iter()
                .filter(|finding| finding.object.is_some())
                .map(|finding| (finding.id.as_str(), finding))
                .collect(),
            settings: report
                .findings
                .iter()
                .filter(|finding| {
                    finding.kind == FindingKind::Misconfiguration && !report.target.kind.is_setting()
                })
                .map(|finding| (finding.id.as_str(), finding))
                .collect(),
        }
    }

    /// The package with this package URL.
    pub fn package(&self, purl: &str) -> Option<&'a Package> {
        self.packages.get(purl).copied()
    }

    /// What a change puts right of how a target is set up; `None` when it changes packages, or the report is about such
    /// settings only.
    pub fn setting(&self, change: &Change) -> Option<&'a Finding> {
        self.settings.get(change.removes.first()?.as_str()).copied()
    }

    /// Whether a change is one of an object of Kubernetes.
    pub fn is_of_object(&self, change: &Change) -> bool {
        change.removes.first().is_some_and(|id| self.objects.contains_key(id.as_str()))
    }

    /// What a change does to an object of Kubernetes, the worst first; `None` when it changes something else.
    pub fn edits(&self, change: &Change) -> Option<Vec<Edit<'a>>> {
        self.objects.get(change.removes.first()?.as_str())?;
        let findings = change.removes.iter().filter_map(|id| self.objects.get(id.as_str()).copied());
        let mut edits: Vec<(std::cmp::Reverse<Level>, Edit<'a>)> = Vec::new();
        for finding in findings {
            let (rule, action) = (finding.advisory.as_str(), finding.remedy.action.as_str());
            match edits.iter_mut().find(|(_, edit)| edit.rule == rule && edit.action == action) {
                Some((_, edit)) => edit.places += 1,
                None => {
                    edits.push((std::cmp::Reverse(finding.severity.level), Edit { rule, action, places: 1 }));
                }
            }
        }
        edits.sort_by_key(|(level, edit)| (*level, std::cmp::Reverse(edit.places)));
        Some(edits.into_iter().map(|(_, edit)| edit).collect())
    }

    /// The layer that a finding, or its first package, stands in, counted from 1.
    pub fn layer(&self, finding: &Finding) -> Option<u32> {
        let of_package = |purl: &String| self.package(purl)?.locations.first()?.layer;
        finding.subject.layer().or_else(|| finding.subject.packages().iter().find_map(of_package))
    }

    /// Where to look for a finding: where its remedy is, the file itself, the first place of its first package.
    pub fn place(&self, finding: &'a Finding) -> Option<&'a Location> {
        let own = match &finding.subject {
            Subject::File(location) => Some(location),
            _ => finding.subject.packages().iter().find_map(|purl| self.package(purl)?.locations.first()),
        };
        finding.remedy.location.as_ref().or(own)
    }

    /// The row that a finding is counted in.
    pub fn row(&self, index: usize) -> Row {
        match self.classes[index] {
            Class::Removed(change) => Row::of(&self.report.changes[change].party),
            Class::Waiting => Row::of(&self.report.findings[index].party),
            Class::NotRun => Row::NotRun,
            Class::NotLinked => Row::NotLinked,
            Class::Development => Row::Development,
            Class::Notice => Row::Notices,
            Class::Nobody => Row::Nobody,
        }
    }

    /// Why a finding does not count, and who says so; `None` when it counts.
    pub fn set_aside(&self, index: usize) -> Option<SetAside> {
        let finding = &self.report.findings[index];
        let ours = |by: &'static str, reason: &str| SetAside {
            by: by.to_owned(),
            reason: reason.to_owned(),
            source: String::new(),
            expires: None,
        };
        match self.classes[index] {
            Class::Removed(_) | Class::Waiting => None,
            Class::NotRun => Some(ours("not run", "nothing of it runs in a container")),
            Class::NotLinked => {
                Some(ours("not linked", "the program was linked without the functions that have the flaw"))
            }
            Class::Development => Some(ours("development", "only in development dependencies")),
            Class::Notice => Some(ours("notice", "no vulnerability")),
            Class::Nobody => Some(match (&finding.suppressed_by, &finding.party) {
                (Some(suppression), _) => SetAside {
                    by: clean(&suppression.by).into_owned(),
                    reason: clean(&suppression.reason).into_owned(),
                    source: clean(&suppression.source).into_owned(),
                    expires: suppression.expires.as_deref().map(|day| clean(day).into_owned()),
                },
                (None, Party::Nobody(reason)) if !reason.is_empty() => ours("nobody", &clean(reason)),
                _ => ours("nobody", "nobody has to act"),
            }),
        }
    }

    /// The findings that do not count, in the order of work, with why.
    pub fn all_set_aside(&self) -> Vec<(usize, SetAside)> {
        (0..self.classes.len()).filter_map(|index| Some((index, self.set_aside(index)?))).collect()
    }

    /// Listed changes of one party, in the order of work.
    pub fn changes_of(&self, row: Row) -> impl Iterator<Item = &'a Change> + '_ {
        self.changes.iter().copied().filter(move |change| Row::of(&change.party) == row)
    }

    /// Findings below the line (ours to act on) and above it (others').
    pub fn line(&self) -> (usize, usize) {
        let sum = |mine: bool| {
            let rows = self.rows.iter().filter(|row| row.row.is_party() && is_mine(row.row) == mine);
            rows.map(|row| row.removes + row.waiting).sum()
        };
        (sum(true), sum(false))
    }
}

/// Assertions of others about the target: `PLACE by AUTHOR (unsigned): answers 3 findings`.
fn vex(report: &Report, view: &View) -> Vec<String> {
    let mut lines = Vec::new();
    let mut silent = 0_usize;
    for document in &report.vex {
        let applied = |statement: &&VexStatement| statement.outcome == VexOutcome::Applied;
        let answered: BTreeSet<&str> =
            document.considered.iter().filter(applied).map(|statement| statement.finding.as_str()).collect();
        if document.used && answered.is_empty() {
            silent += 1;
            continue;
        }
        let mut line = clean(&document.name).into_owned();
        if !document.author.is_empty() {
            let _ = write!(line, " by {}", clean(&document.author));
        }
        let signed = document.signature.told();
        if !signed.is_empty() {
            let _ = write!(line, " ({})", clean(&signed));
        }
        line.push_str(": ");
        if document.used {
            line.push_str("answers ");
            line.push_str(&count(answered.len(), "finding", "findings"));
        } else {
            line.push_str("not applied");
        }
        lines.push(line);
    }
    if silent > 0 && view.all {
        lines.push(format!("{} that answer nothing", count(silent, "document", "documents")));
    }
    lines
}

/// Is it the reader's side? What nobody could be named for stays with the reader.
pub fn is_mine(row: Row) -> bool {
    matches!(row, Row::Application | Row::Platform | Row::NotKnown)
}

/// Puts every finding in its class; says of every change whether it is listed.
fn classify(report: &Report) -> (Vec<Class>, Vec<bool>) {
    let mut classes: Vec<Class> = report
        .findings
        .iter()
        .map(|finding| {
            if finding.suppressed_by.is_some() || matches!(finding.party, Party::Nobody(_)) {
                Class::Nobody
            } else if finding.kind == FindingKind::Malware {
                // A malicious package does its harm when it is installed: never folded.
                Class::Waiting
            } else if finding.risk.not_run {
                Class::NotRun
            } else if finding.risk.reach == Some(Reach::NotLinked) {
                Class::NotLinked
            } else if finding.risk.development {
                Class::Development
            } else if finding.kind == FindingKind::Informational {
                Class::Notice
            } else {
                Class::Waiting
            }
        })
        .collect();
    let index: HashMap<&str, usize> =
        report.findings.iter().enumerate().map(|(index, finding)| (finding.id.as_str(), index)).collect();
    let mut listed = Vec::with_capacity(report.changes.len());
    for (number, change) in report.changes.iter().enumerate() {
        let removed: Vec<usize> =
            change.removes.iter().filter_map(|id| index.get(id.as_str()).copied()).collect();
        // A change that removes nothing we know of is shown: hiding needs a reason.
        let active = !matches!(change.party, Party::Nobody(_))
            && (removed.is_empty() || removed.iter().any(|index| classes[*index].is_active()));
        listed.push(active);
        if active {
            for index in removed {
                if !matches!(classes[index], Class::Removed(_) | Class::Nobody) {
                    classes[index] = Class::Removed(number);
                }
            }
        }
    }
    (classes, listed)
}

fn rows(report: &Report, classes: &[Class], changes: &[&Change], view: &View) -> Vec<PartyRow> {
    let mut members: BTreeMap<Row, Vec<(&Finding, bool)>> = BTreeMap::new();
    for (finding, class) in report.findings.iter().zip(classes) {
        let (row, waiting) = match class {
            Class::Removed(change) => (Row::of(&report.changes[*change].party), false),
            Class::Waiting => (Row::of(&finding.party), true),
            Class::NotRun => (Row::NotRun, true),
            Class::NotLinked => (Row::NotLinked, true),
            Class::Development => (Row::Development, true),
            Class::Notice => (Row::Notices, true),
            Class::Nobody => (Row::Nobody, true),
        };
        members.entry(row).or_default().push((finding, waiting));
    }
    for change in changes {
        members.entry(Row::of(&change.party)).or_default();
    }
    let one = |(row, findings): (Row, Vec<(&Finding, bool)>)| {
        let own: Vec<&Change> =
            changes.iter().copied().filter(|change| Row::of(&change.party) == row).collect();
        let waiting: Vec<&Finding> =
            findings.iter().filter(|(_, waiting)| *waiting).map(|(finding, _)| *finding).collect();
        PartyRow {
            row,
            changes: own.len(),
            removes: findings.len() - waiting.len(),
            waiting: waiting.len(),
            what: what(row, &own, &waiting, view),
        }
    };
    members.into_iter().map(one).collect()
}

fn what(row: Row, changes: &[&Change], waiting: &[&Finding], view: &View) -> String {
    let number = waiting.len();
    match row {
        Row::NotRun => {
            return "kernel headers or documentation: nothing of it runs in a container".to_owned();
        }
        Row::NotLinked => {
            return "Go programs without the functions that have the flaw: the linker left them out"
                .to_owned();
        }
        Row::Development => {
            return "only in development dependencies, says the lockfile".to_owned();
        }
        Row::Notices => {
            return "about packages, no vulnerability: unmaintained, unsound and the like".to_owned();
        }
        Row::Nobody => return nobody(waiting, view),
        _ => {}
    }
    let mut parts = Vec::new();
    match changes {
        [] => {}
        _ if row == Row::Application => parts.push("below".to_owned()),
        [only] => parts.push(clean(&only.action).into_owned()),
        [first, rest @ ..] => {
            parts.push(format!(
                "{}, and {}",
                clean(&first.action),
                count(rest.len(), "more change", "more changes")
            ));
        }
    }
    if number > 0 {
        let unknown = if row == Row::NotKnown { reason_unknown(waiting) } else { String::new() };
        let more = if changes.is_empty() { None } else { Some(number) };
        parts.push(format!("{unknown}{}", statuses(waiting, more)));
    }
    parts.join("; ")
}

fn reason_unknown(waiting: &[&Finding]) -> String {
    match waiting.first().map(|finding| &finding.party) {
        Some(Party::Unknown(reason)) if !reason.is_empty() => format!("{}; ", clean(reason)),
        _ => String::new(),
    }
}

/// How many packages are malicious: several records may speak of one.
fn incidents<'a>(findings: impl Iterator<Item = &'a Finding>) -> usize {
    let malicious = findings.filter(|finding| finding.kind == FindingKind::Malware);
    malicious
        .map(|finding| (finding.subject.name(), finding.subject.version()))
        .collect::<BTreeSet<_>>()
        .len()
}

/// What the sources say about fixes: `no fix yet: 12 postponed, 43 open`, `4 more have no fix yet: 4 open`.
fn statuses(findings: &[&Finding], more: Option<usize>) -> String {
    let malware = incidents(findings.iter().copied());
    let of_kind = |kind| findings.iter().filter(|finding| finding.kind == kind).count();
    let settings = of_kind(FindingKind::Misconfiguration);
    let licenses = of_kind(FindingKind::License);
    let of = |status: FixStatus| {
        let flaws = findings.iter().filter(|finding| {
            !matches!(
                finding.kind,
                FindingKind::Malware | FindingKind::Misconfiguration | FindingKind::License
            )
        });
        flaws.filter(|finding| finding.status == status).count()
    };
    let open = of(FixStatus::Affected) + of(FixStatus::Unknown);
    let without_fix: Vec<(usize, &str)> = [
        (of(FixStatus::FixDeferred), "postponed"),
        (open, "open"),
        (of(FixStatus::UnderInvestigation), "under investigation"),
        (of(FixStatus::WillNotFix), "will not be fixed"),
        (of(FixStatus::EndOfLife), "end of life"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .collect();
    let mut parts = Vec::new();
    if malware > 0 {
        let packages = if malware == 1 { "a malicious package" } else { "malicious packages" };
        parts.push(format!("{}: {packages} to remove", count(malware, "incident", "incidents")));
    }
    if !without_fix.is_empty() {
        let sum: usize = without_fix.iter().map(|(number, _)| number).sum();
        let words: Vec<String> = without_fix
            .iter()
            .map(|(number, word)| format!("{} {word}", thousands(*number as u64)))
            .collect();
        let words = words.join(", ");
        parts.push(match more {
            None => format!("no fix yet: {words}"),
            Some(_) if sum == 1 => format!("1 more has no fix yet: {words}"),
            Some(_) => format!("{} more have no fix yet: {words}", thousands(sum as u64)),
        });
    }
    let fixed = of(FixStatus::Fixed);
    if fixed > 0 {
        parts.push(format!("{} with a published fix", thousands(fixed as u64)));
    }
    let not_affected = of(FixStatus::NotAffected);
    if not_affected > 0 {
        parts.push(format!("{} not affected, says the source", thousands(not_affected as u64)));
    }
    if licenses > 0 {
        parts.push(format!("{} to decide on", count(licenses, "licence", "licences")));
    }
    if settings > 0 {
        parts.push(format!("how it is set up: {}", count(settings, "thing", "things")));
    }
    parts.join("; ")
}

/// Why nobody has to act: `not affected by VEX 8, exception until 2027-01-31 1`.
fn nobody(findings: &[&Finding], view: &View) -> String {
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    for finding in findings {
        let label = match (&finding.suppressed_by, &finding.party) {
            (Some(suppression), _) => match (suppression.by.as_str(), &suppression.expires) {
                ("vex", None) => "not affected by VEX".to_owned(),
                ("vex", Some(day)) => format!("not affected by VEX until {}", clean(day)),
                ("exception", Some(day)) => format!("exception until {}", clean(day)),
                ("exception", None) => "exception without end".to_owned(),
                ("default", _) => "how the image is set up, not asked for".to_owned(),
                ("owner", _) => "answered by the distribution package that owns the files".to_owned(),
                ("feed", _) => "not affected, says the feed".to_owned(),
                (other, _) => clean(other).into_owned(),
            },
            (None, Party::Nobody(reason)) if !reason.is_empty() => clean(reason).into_owned(),
            _ => "no reason given".to_owned(),
        };
        *groups.entry(label).or_default() += 1;
    }
    let mut groups: Vec<(String, usize)> = groups.into_iter().collect();
    groups.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    let more = if view.all { 0 } else { groups.len().saturating_sub(4) };
    let rest: usize = groups.iter().rev().take(more).map(|(_, number)| number).sum();
    groups.truncate(groups.len() - more);
    let mut parts: Vec<String> =
        groups.iter().map(|(label, number)| format!("{label} {}", thousands(*number as u64))).collect();
    if more > 0 {
        parts.push(format!("other reasons {}", thousands(rest as u64)));
    }
    parts.join(", ")
}

fn target(report: &Report) -> Vec<String> {
    let target = &report.target;
    let mut parts = vec![clean(&target.name).into_owned()];
    parts.extend(
        target
            .reference
            .iter()
            .filter(|reference| **reference != target.name)
            .map(|text| clean(text).into_owned()),
    );
    parts.extend(target.digest.as_ref().or(target.image_id.as_ref()).map(Digest::short));
    parts.extend(target.platform.iter().map(|platform| clean(platform).into_owned()));
    parts.extend(
        target.origin.iter().map(|origin| format!("from {} {}", origin.via.name(), clean(&origin.place))),
    );
    parts.extend(target.git.iter().map(commit));
    parts
}

/// `main 1a2b3c4d5e6f, changed since, of https://host/owner/name, 3 untracked files read`.
fn commit(git: &Git) -> String {
    let name = git.tag.as_ref().or(git.branch.as_ref()).map(|name| clean(name).into_owned());
    let commit = git.commit.as_ref().map_or("no commit", |commit| commit.get(..12).unwrap_or(commit));
    let name = name.into_iter().chain([commit.to_owned()]).collect::<Vec<_>>().join(" ");
    let changed = (git.dirty == Some(true)).then(|| "changed since".to_owned());
    let remote = git.remote.as_ref().map(|remote| format!("of {}", clean(remote)));
    let untracked = git.untracked.filter(|files| *files > 0).map(|files| {
        let files = usize::try_from(files).unwrap_or(usize::MAX);
        format!("{} read too", count(files, "untracked file", "untracked files"))
    });
    [Some(name), changed, remote, untracked].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn contents(report: &Report) -> String {
    if let Some(files) = report.target.files {
        let (one, many) = match report.target.kind {
            TargetKind::Cluster => ("object", "objects"),
            _ => ("file", "files"),
        };
        let files = count(usize::try_from(files).unwrap_or(usize::MAX), one, many);
        return format!("{files}, {}", count(report.findings.len(), "finding", "findings"));
    }
    let mut parts = Vec::new();
    if let Some(release) = &report.target.release {
        parts.push(clean(&release.label()).into_owned());
    }
    if !report.target.layers.is_empty() {
        parts.push(count(report.target.layers.len(), "layer", "layers"));
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for package in &report.packages {
        let kind = match package.ecosystem {
            // The purl type is `golang`, but nobody says so.
            Ecosystem::Go => "go",
            other => other.name(),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    let mut kinds: Vec<(&str, usize)> = kinds.into_iter().collect();
    kinds.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
    let mut packages = count(report.packages.len(), "package", "packages");
    if !kinds.is_empty() {
        let kinds: Vec<String> =
            kinds.iter().map(|(kind, number)| format!("{kind} {}", thousands(*number as u64))).collect();
        packages = format!("{packages} ({})", kinds.join(", "));
    }
    parts.push(packages);
    parts.join(", ")
}

fn data(report: &Report, view: &View) -> String {
    let database = &report.database;
    match database.coverage {
        Coverage::Database => {
            let sources = count(database.sources.len(), "source", "sources");
            if database.date.is_empty() {
                return format!("data of unknown date, {sources}");
            }
            let age = view.now.and_then(|now| age(&database.date, now));
            let age = age.map(|age| format!(" ({age})")).unwrap_or_default();
            format!("data of {}{age}, {sources}", clean(day(&database.date)))
        }
        Coverage::IncidentPack => {
            let records =
                database.sources.iter().fold(0_u64, |sum, source| sum.saturating_add(source.records));
            let incidents = match records {
                0 => "the notable incidents that come with plimsoll were".to_owned(),
                1 => "the 1 notable incident that comes with plimsoll was".to_owned(),
                _ => format!("the {} notable incidents that come with plimsoll were", thousands(records)),
            };
            format!("no advisory database: only {incidents} checked; absence of findings says little")
        }
        Coverage::None if report.target.kind.is_setting() => String::new(),
        Coverage::None => "no advisories were asked".to_owned(),
    }
}

fn base(base: &Base) -> String {
    let source = match base.source {
        BaseSource::Flag => "named by --base",
        BaseSource::Annotation => "named by the image's annotations",
        BaseSource::LayerChain => "a known chain of layers",
        BaseSource::History => "seen in image history",
        BaseSource::Unknown => return "base: not known".to_owned(),
    };
    let name = match (&base.reference, &base.digest) {
        (Some(reference), _) => clean(reference).into_owned(),
        (None, Some(digest)) => digest.short(),
        (None, None) => "without a name".to_owned(),
    };
    let layers = match base.layers {
        0 => "no layer".to_owned(),
        1 => "layer 1".to_owned(),
        last => format!("layers 1-{last}"),
    };
    format!("base: {name} ({layers}, {source})")
}

fn unseen(report: &Report, view: &View) -> Vec<String> {
    let incomplete: Vec<&Problem> =
        report.problems.iter().filter(|problem| problem.effect == Effect::Incomplete).collect();
    if view.all {
        return incomplete.iter().map(|problem| describe(problem)).collect();
    }
    let (versions, others): (Vec<&Problem>, Vec<&Problem>) =
        incomplete.into_iter().partition(|problem| problem.kind == ProblemKind::UnreadableVersion);
    let mut parts: Vec<String> =
        others.iter().take(SHOWN_PROBLEMS).map(|problem| describe(problem)).collect();
    let rest = others.get(SHOWN_PROBLEMS..).unwrap_or_default();
    if !rest.is_empty() {
        let mut kinds: BTreeMap<ProblemKind, usize> = BTreeMap::new();
        for problem in rest {
            *kinds.entry(problem.kind).or_default() += 1;
        }
        let kinds: Vec<String> = kinds
            .into_iter()
            .map(|(kind, number)| format!("{} {}", thousands(number as u64), kind_word(kind)))
            .collect();
        parts.push(format!("and {} more ({})", thousands(rest.len() as u64), kinds.join(", ")));
    }
    if !versions.is_empty() {
        let packages = count(versions.len(), "package", "packages");
        parts.push(format!("{packages} with a version that does not parse"));
    }
    parts
}

/// One problem in words: `/opt/vendor.jar (zip directory is cut off)`.
pub fn describe(problem: &Problem) -> String {
    let subject = clean(&problem.subject);
    let layer = problem.layer.map(|layer| format!(", layer {layer}")).unwrap_or_default();
    match (subject.is_empty(), problem.detail.is_empty()) {
        (true, _) => format!("{}{layer}", clean(&problem.detail)),
        (false, true) => format!("{subject} ({}{layer})", kind_word(problem.kind)),
        (false, false) => format!("{subject} ({}{layer})", clean(&problem.detail)),
    }
}

fn kind_word(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::Truncated => "truncated",
        ProblemKind::Corrupt => "corrupt",
        ProblemKind::Unreadable => "unreadable",
        ProblemKind::LimitExceeded => "over a limit",
        ProblemKind::Unsupported => "not supported",
        ProblemKind::UnreadableVersion => "with a version that does not parse",
        ProblemKind::NotCovered => "not covered by any source",
        ProblemKind::StaleData => "with old data",
    }
}

fn next(report: &Report, active: usize, view: &View) -> Vec<String> {
    let mut next = Vec::new();
    let target = if view.command.is_empty() { report.target.name.as_str() } else { view.command.as_str() };
    // A cluster is the one of the context, or named by options.
    let target = match report.target.kind {
        TargetKind::Cluster => clean(&view.command).into_owned(),
        _ => shell_word(&clean(target)),
    };
    let verb = match report.target.kind {
        TargetKind::Files => "check",
        TargetKind::Cluster => "cluster check",
        _ => "scan",
    };
    if report.database.coverage == Coverage::IncidentPack {
        next.push("plimsoll db update".to_owned());
    }
    if !view.all && (!report.findings.is_empty() || report.problems.len() > SHOWN_PROBLEMS) {
        next.push(format!("plimsoll {verb} {target} --all").replace("  ", " "));
    }
    // The first that counts: a finding that somebody has answered needs no explaining. Rules of other engines, which are called
    // by kind and name, have said all that they have to say.
    let explained = |finding: &&Finding| {
        let foreign = finding.kind == FindingKind::Misconfiguration && finding.advisory.contains('/');
        active > 0 && finding.suppressed_by.is_none() && !foreign
    };
    if let Some(finding) = report.findings.iter().find(explained) {
        next.push(format!("plimsoll explain {}", shell_word(&clean(&finding.advisory))));
    }
    if !report.findings.is_empty() {
        next.push(format!("plimsoll {verb} {target} --format html > report.html").replace("  ", " "));
    }
    if next.is_empty() && !report.target.kind.is_setting() {
        next.push(format!("plimsoll sbom {target}"));
    }
    next
}

/// A place in words: `web/package-lock.json:812`, `/srv/app/venv (layer 3)`.
pub fn place(location: &Location) -> String {
    // The path shows its own control characters; what reorders text is still to be escaped.
    let path = location.path.to_string();
    let path = clean(&path);
    if let Some(line) = location.line {
        return format!("{path}:{line}");
    }
    // The folder of an installed package names it; the file inside is called the same everywhere.
    let folder = ["/METADATA", "/PKG-INFO", "/package.json"].iter().find_map(|file| path.strip_suffix(file));
    let path = folder.map_or(path.clone(), |folder| folder.to_owned().into());
    match location.layer {
        Some(layer) => format!("/{path} (layer {layer})"),
        None => path.into_owned(),
    }
}

/// What a malicious package is called instead of a severity: it is not one more flaw to plan for.
pub(crate) const INCIDENT: &str = "incident: malware";

/// The worst of a change in words: `critical, exploited`, `high, EPSS 94 %`, `incident: malware`.
pub fn worst(change: &Change) -> String {
    urgency(change.worst, change.malware, change.exploited, change.epss)
}

/// How bad a finding is, in words.
pub fn severity(finding: &Finding) -> String {
    let epss = finding.risk.epss.as_ref().map_or(0, |epss| epss.probability);
    match finding.kind {
        FindingKind::EndOfLife => "end of life".to_owned(),
        FindingKind::Informational => "notice".to_owned(),
        // `license-not-allowed`
        FindingKind::License => clean(&finding.advisory).replacen("license", "licence", 1).replace('-', " "),
        kind => {
            urgency(finding.severity.level, kind == FindingKind::Malware, finding.risk.kev.is_some(), epss)
        }
    }
}

fn urgency(level: Level, malware: bool, exploited: bool, epss: u32) -> String {
    /// From here on the estimate is worth a place in the line (parts per 100,000).
    const EPSS_SHOWN: u32 = 10_000;
    if malware {
        return INCIDENT.to_owned();
    }
    let word = level.word();
    if exploited {
        format!("{word}, exploited")
    } else if epss >= EPSS_SHOWN {
        format!("{word}, EPSS {}", percent(epss))
    } else {
        word.to_owned()
    }
}

/// What a source says about the fix of one finding, in words: `fixed in 4.17.21`, `no fix yet`.
pub fn fix(finding: &Finding) -> String {
    match (&finding.fixed_version, finding.status) {
        _ if finding.subject.as_package().is_none() => "needs an edit".to_owned(),
        _ if finding.kind == FindingKind::License => "needs a decision".to_owned(),
        // A clean version is no fix of what the other one has done.
        _ if finding.kind == FindingKind::Malware => "remove it".to_owned(),
        (Some(version), _) => format!("fixed in {}", clean(version)),
        (None, FixStatus::Fixed) => "fixed".to_owned(),
        (None, FixStatus::NotAffected) => "not affected".to_owned(),
        (None, FixStatus::UnderInvestigation) => "under investigation".to_owned(),
        (None, FixStatus::WillNotFix) => "will not be fixed".to_owned(),
        (None, FixStatus::FixDeferred) => "fix postponed".to_owned(),
        (None, FixStatus::EndOfLife) => "end of life".to_owned(),
        (None, FixStatus::Affected | FixStatus::Unknown) => "no fix yet".to_owned(),
    }
}

/// What a rule saw, in its own words; `None` of what no rule of ours found.
pub fn told(finding: &Finding) -> Option<String> {
    let of_rule = finding.kind.is_of_rule();
    let evidence = finding.evidence.first().filter(|evidence| of_rule && !evidence.range.is_empty())?;
    Some(clean(&evidence.range).into_owned())
}

/// What changes, in a word: the package, the base image; of an edit that a rule asks for, the rule.
pub fn what_changes(change: &Change) -> String {
    let edit = change.from.is_empty() && change.to.is_none() && change.location.is_some();
    let rule = change.removes.first().and_then(|id| id.split_once('@')).map(|(rule, _)| rule);
    match rule.filter(|rule| edit && !rule.contains(':') && !rule.contains("CVE")) {
        Some(rule) if change.removes.iter().all(|id| id.split('@').next() == Some(rule)) => {
            clean(rule).into_owned()
        }
        _ => clean(&change.subject).into_owned(),
    }
}

/// What a finding is about: name and version of a package, a place, a part of the configuration.
pub fn subject(finding: &Finding) -> String {
    match &finding.subject {
        Subject::Package(package) => {
            format!("{} {}", clean(&package.source.name), clean(&package.source.version))
                .trim_end()
                .to_owned()
        }
        Subject::File(location) => place(location),
        Subject::Configuration(configuration) => clean(&configuration.part).into_owned(),
    }
}

/// `4 critical, 10 high`.
pub fn levels(summary: &Summary<'_>) -> String {
    let parts: Vec<String> = summary
        .levels
        .iter()
        .map(|(level, number)| format!("{} {}", thousands(*number as u64), level.word()))
        .collect();
    listing(&parts)
}

/// What counts, in one sentence: `25 findings count: 4 critical and 21 high`.
pub fn counted(summary: &Summary<'_>) -> String {
    if summary.active == 0 {
        return "No finding counts".to_owned();
    }
    let mut extra = Vec::new();
    if summary.malware > 0 {
        let number = count(summary.malware, "incident", "incidents");
        extra.push(format!("{number} with malicious packages"));
    }
    if summary.exploited > 0 {
        extra.push(format!("{} known to be exploited", thousands(summary.exploited as u64)));
    }
    let verb = if summary.active == 1 { "counts" } else { "count" };
    let findings = count(summary.active, "finding", "findings");
    let levels = levels(summary);
    if extra.is_empty() {
        format!("{findings} {verb}: {levels}")
    } else {
        format!("{findings} {verb}: {levels}; {}", listing(&extra))
    }
}
