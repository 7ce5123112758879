//! Which changes remove most of the work, across many targets.
//!
//! The changes of all reports are grouped by what is done (the same package to the same version, the same base image), and
//! taken greedily: each step is the one that removes most points (`risk.work`) of what the earlier ones left. Greedy is
//! what can be explained, and since two changes seldom remove the same finding it is nearly always also the best.

use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::path::{Path, PathBuf};

use plimsoll_model::in_use::{self, InUse};
use plimsoll_model::plan::{Edit, PLAN_VERSION, Plan, PlanTarget, Step};
use plimsoll_model::survey::{Failure, Survey, Surveyed};
use plimsoll_model::work::Work;
use plimsoll_model::{Change, Effect, Finding, Level, Party, Report};

use crate::{ScanError, saved};

/// Advisories that a step names.
const ADVISORIES: usize = 10;

/// What makes changes of several targets one step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    party: Party,
    ecosystem: Option<&'static str>,
    subject: String,
    /// The version or, where none can be named, what is to be done.
    goal: String,
}

struct Gathered {
    ecosystem: Option<plimsoll_model::Ecosystem>,
    to: Option<String>,
    malware: bool,
    /// With the number of the target and the findings.
    edits: Vec<(Edit, Vec<usize>)>,
}

/// A finding, as far as a plan needs it.
struct Known {
    points: u32,
    level: Level,
    exploited: bool,
    advisory: String,
}

/// Takes reports one after the other, and keeps little of each.
#[derive(Default)]
pub struct Planner {
    /// What was seen to run.
    in_use: Vec<InUse>,
    targets: Vec<PlanTarget>,
    findings: Vec<Known>,
    groups: BTreeMap<Key, Gathered>,
}

fn counts(finding: &Finding) -> bool {
    finding.suppressed_by.is_none() && !matches!(finding.party, Party::Nobody(_))
}

impl Planner {
    /// A planner that knows what was seen to run.
    pub fn new(in_use: Vec<InUse>) -> Self {
        Self { in_use, ..Self::default() }
    }

    /// Adds a target: its report, or that there is none.
    pub fn add(&mut self, surveyed: &Surveyed) {
        let Some(report) = &surveyed.report else {
            self.targets.push(PlanTarget {
                name: surveyed.name.clone(),
                findings: 0,
                points: 0,
                date: String::new(),
                unseen: 0,
                failure: Some(surveyed.failure.clone().unwrap_or_else(|| Failure {
                    message: "it has no report".to_owned(),
                    causes: Vec::new(),
                    hint: None,
                })),
            });
            return;
        };
        // A saved report may be older than the watch.
        let mut findings = std::borrow::Cow::Borrowed(&report.findings);
        if !self.in_use.is_empty() {
            in_use::apply(findings.to_mut(), &report.target, &self.in_use);
        }
        let first = self.findings.len();
        let mut numbers: HashMap<&str, (usize, &Finding)> = HashMap::new();
        for finding in findings.iter().filter(|finding| counts(finding)) {
            // An id that stands twice is one finding.
            if numbers.contains_key(finding.id.as_str()) {
                continue;
            }
            numbers.insert(&finding.id, (self.findings.len(), finding));
            self.findings.push(Known {
                // A saved report may be older than the points.
                points: Work::of(finding, &report.database.date).sum,
                level: finding.severity.level,
                exploited: finding.risk.kev.is_some(),
                advisory: finding.advisory.clone(),
            });
        }
        for change in &report.changes {
            self.gather(&surveyed.name, change, &numbers);
        }
        self.targets.push(PlanTarget {
            name: surveyed.name.clone(),
            findings: (self.findings.len() - first) as u64,
            points: self.findings[first..].iter().map(|known| u64::from(known.points)).sum(),
            date: report.database.date.clone(),
            unseen: report.problems.iter().filter(|problem| problem.effect == Effect::Incomplete).count()
                as u64,
            failure: None,
        });
    }

    fn gather(&mut self, target: &str, change: &Change, numbers: &HashMap<&str, (usize, &Finding)>) {
        let known: Vec<&(usize, &Finding)> =
            change.removes.iter().filter_map(|id| numbers.get(id.as_str())).collect();
        let Some((_, first)) = known.first() else { return };
        let base = matches!(change.party, Party::BaseImage(_));
        let ecosystem = first.subject.ecosystem().filter(|_| !base);
        let key = Key {
            party: change.party.clone(),
            ecosystem: ecosystem.map(plimsoll_model::Ecosystem::name),
            subject: change.subject.clone(),
            goal: match &change.to {
                Some(to) => to.clone(),
                // A base without a newer name is pulled again, whatever it brings to each image.
                None if base || change.malware => String::new(),
                None => change.action.clone(),
            },
        };
        let gathered = self.groups.entry(key).or_insert_with(|| Gathered {
            ecosystem,
            to: change.to.clone(),
            malware: false,
            edits: Vec::new(),
        });
        gathered.malware |= change.malware;
        let edit = Edit {
            target: target.to_owned(),
            action: change.action.clone(),
            from: change.from.clone(),
            location: change.location.clone(),
            command: change.command.clone(),
            removes: known.len() as u64,
        };
        gathered.edits.push((edit, known.iter().map(|(number, _)| *number).collect()));
    }

    /// The plan.
    pub fn plan(self) -> Plan {
        let Planner { targets, findings, groups, in_use: _ } = self;
        let all: u64 = findings.iter().map(|known| u64::from(known.points)).sum();
        let mut gone = vec![false; findings.len()];
        let groups: Vec<(Key, Gathered)> = groups.into_iter().collect();
        // An incident comes before every upgrade, however much that removes.
        let worth = |index: usize, gone: &[bool]| -> (bool, u64, u64) {
            let (mut points, mut number) = (0, 0);
            let mut seen = std::collections::HashSet::new();
            for finding in groups[index].1.edits.iter().flat_map(|(_, members)| members) {
                if !gone[*finding] && seen.insert(*finding) {
                    points += u64::from(findings[*finding].points);
                    number += 1;
                }
            }
            (groups[index].1.malware, points, number)
        };
        // The greatest first; what it is worth can only fall, so one that is still worth the same when it comes is the best.
        let mut queue: BinaryHeap<((bool, u64, u64), std::cmp::Reverse<usize>)> =
            (0..groups.len()).map(|index| (worth(index, &gone), std::cmp::Reverse(index))).collect();
        let mut order = Vec::new();
        while let Some((known, std::cmp::Reverse(index))) = queue.pop() {
            let now = worth(index, &gone);
            if now.2 == 0 {
                continue;
            }
            if now < known {
                queue.push((now, std::cmp::Reverse(index)));
                continue;
            }
            let mut members: Vec<usize> =
                groups[index].1.edits.iter().flat_map(|(_, members)| members).copied().collect();
            members.sort_unstable();
            members.dedup();
            members.retain(|finding| !gone[*finding]);
            for finding in &members {
                gone[*finding] = true;
            }
            order.push((index, now, members));
        }
        let mut groups: Vec<Option<(Key, Gathered)>> = groups.into_iter().map(Some).collect();
        let mut removed = 0;
        let mut steps = Vec::with_capacity(order.len());
        for (index, (_, points, number), mut members) in order {
            let Some((key, gathered)) = groups[index].take() else { continue };
            removed += points;
            members.sort_by(|left, right| {
                let (left, right) = (&findings[*left], &findings[*right]);
                right.points.cmp(&left.points).then_with(|| left.advisory.cmp(&right.advisory))
            });
            let mut advisories: Vec<String> = Vec::new();
            for finding in &members {
                let advisory = &findings[*finding].advisory;
                if advisories.len() < ADVISORIES && !advisories.contains(advisory) {
                    advisories.push(advisory.clone());
                }
            }
            steps.push(Step {
                party: key.party,
                ecosystem: gathered.ecosystem,
                subject: key.subject,
                to: gathered.to,
                removes: number,
                points,
                cumulative: share(removed, all),
                worst: members.iter().map(|finding| findings[*finding].level).max().unwrap_or_default(),
                exploited: members.iter().any(|finding| findings[*finding].exploited),
                malware: gathered.malware,
                advisories,
                edits: gathered.edits.into_iter().map(|(edit, _)| edit).collect(),
            });
        }
        Plan {
            schema_version: PLAN_VERSION.to_owned(),
            plimsoll: env!("CARGO_PKG_VERSION").to_owned(),
            targets,
            findings: findings.len() as u64,
            points: all,
            left: gone.iter().filter(|gone| !**gone).count() as u64,
            left_points: all - removed,
            steps,
        }
    }
}

/// Tenths of a percent, rounded down: nobody reads "all" where something is left.
fn share(part: u64, whole: u64) -> u32 {
    if whole == 0 {
        return 1_000;
    }
    u32::try_from(u128::from(part) * 1_000 / u128::from(whole)).unwrap_or(1_000)
}

/// What a name stands for when it is no target to scan.
pub enum Saved {
    /// Reports that somebody saved, in one file.
    Reports(Vec<Surveyed>),
    /// A folder of such files, by name.
    Folder(Vec<PathBuf>),
}

/// The saved report, survey or folder of them that `typed` names; `None` when it is something to scan.
///
/// # Errors
/// When it begins like a document of ours, and cannot be read as one.
pub fn saved(typed: &str) -> Result<Option<Saved>, ScanError> {
    let path = Path::new(typed);
    if path.is_dir() {
        let failed = |source| ScanError::Read { path: typed.to_owned(), source };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            let json = file.extension().is_some_and(|extension| extension == "json");
            if json && file.is_file() && saved::is_ours(&file)? {
                files.push(file);
            }
        }
        files.sort();
        return Ok((!files.is_empty()).then_some(Saved::Folder(files)));
    }
    if !path.is_file() || !saved::is_ours(path)? {
        return Ok(None);
    }
    read(typed).map(|reports| Some(Saved::Reports(reports)))
}

/// The reports in a file that `scan --format json` wrote, of one target or of several.
///
/// # Errors
/// When it cannot be read, or is of another form.
pub fn read(path: &str) -> Result<Vec<Surveyed>, ScanError> {
    parse(path, &saved::read(path)?)
}

/// [`read`] of what was read already.
pub(crate) fn parse(path: &str, bytes: &[u8]) -> Result<Vec<Surveyed>, ScanError> {
    /// What tells a survey from a report.
    #[derive(serde::Deserialize)]
    struct Shape {
        #[serde(default)]
        targets: Option<serde::de::IgnoredAny>,
    }
    let unread = |error: serde_json::Error| ScanError::SavedReport {
        path: path.to_owned(),
        detail: error.to_string(),
    };
    if serde_json::from_slice::<Shape>(bytes).map_err(unread)?.targets.is_some() {
        return Ok(serde_json::from_slice::<Survey>(bytes).map_err(unread)?.targets);
    }
    let report: Report = serde_json::from_slice(bytes).map_err(unread)?;
    Ok(vec![Surveyed { name: report.target.name.clone(), report: Some(report), failure: None }])
}
