//! Repairs of manifests: the findings that count are mended by the smallest edits of their files, and the files are checked again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Write as _;
use std::path::Path;

use plimsoll_model::{Problem, ProblemKind, Report};
use plimsoll_posture::kubernetes::edit::{self, Change, Edit};
pub use plimsoll_posture::kubernetes::repair::REPAIRED;
use plimsoll_posture::kubernetes::repair::Repair;

use super::{CheckOptions, checked};
use crate::ScanError;

/// Edits of one file that are tried one by one, where they cannot be made together.
const MAX_TRIED: usize = 500;

/// Which findings a person wants mended beside those whose repair is certain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// All that have a repair.
    pub all: bool,
    /// Ids of rules.
    pub rules: BTreeSet<String>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Repaired {
    /// The files as they are now, or would be.
    pub report: Report,
    /// What was changed, or would be, as a unified diff.
    pub diff: String,
    /// Findings that are repaired.
    pub findings: usize,
    /// Files that are changed.
    pub files: usize,
}

/// Findings that are to be mended.
pub(super) struct Wanted<'a> {
    pub(super) ids: BTreeSet<String>,
    /// Whether a person named a rule.
    pub(super) asked: &'a dyn Fn(&str) -> bool,
}

/// What is done about one finding.
pub(super) struct Planned {
    pub(super) path: String,
    /// Number of the document in its file.
    pub(super) document: usize,
    pub(super) rule: &'static str,
    /// Where, for people.
    pub(super) place: String,
    /// It was rendered, so that there is no text to edit.
    pub(super) rendered: bool,
    pub(super) repair: Repair,
}

/// Checks what `paths` name, repairs it, and checks it again. `dry` writes nothing.
///
/// # Errors
/// As for [`super::check`]. A file that cannot be written is a problem of the report.
pub fn repair(
    paths: &[String],
    options: &CheckOptions,
    asked: &Asked,
    dry: bool,
) -> Result<Repaired, ScanError> {
    let none = &mut std::io::empty();
    let (report, _) = checked(paths, options, none, &BTreeMap::new(), None)?;
    let ids =
        report.findings.into_iter().filter(|one| one.suppressed_by.is_none()).map(|one| one.id).collect();
    let is_asked = |rule: &str| asked.all || asked.rules.contains(rule);
    let wanted = Wanted { ids, asked: &is_asked };
    let (_, planned) = checked(paths, options, none, &BTreeMap::new(), Some(&wanted))?;

    let mut notes = Vec::new();
    let mut by_file: BTreeMap<&str, Vec<Mend<'_>>> = BTreeMap::new();
    let mut rendered: BTreeMap<&str, usize> = BTreeMap::new();
    let mut asked_for: BTreeMap<&str, usize> = BTreeMap::new();
    for one in &planned {
        match &one.repair {
            Repair::Unknown => {}
            _ if one.rendered => *rendered.entry(&one.path).or_default() += 1,
            Repair::Changes(changes) => by_file.entry(&one.path).or_default().push((one, changes)),
            Repair::Asked => *asked_for.entry(one.rule).or_default() += 1,
            Repair::ByHand(reason) => {
                let detail = format!("`{}` is not repaired: {reason}", one.rule);
                notes.push(Problem::note(ProblemKind::NotCovered, &one.place, detail));
            }
        }
    }
    for (path, count) in rendered {
        let detail = format!(
            "{count} findings with a repair are not repaired: this is rendered, so change the template, the values or the patch"
        );
        notes.push(Problem::note(ProblemKind::NotCovered, path, detail));
    }
    if !asked_for.is_empty() {
        let rules: Vec<String> = asked_for.iter().map(|(rule, count)| format!("{rule} ({count})")).collect();
        let detail = format!(
            "a program may need what these rules are about; with `--fix-also RULE` they are repaired too: {}",
            rules.join(", ")
        );
        notes.push(Problem::note(ProblemKind::NotCovered, "--fix", detail));
    }

    let mut diff = String::new();
    let (mut findings, mut files) = (0, 0);
    let mut changed = BTreeMap::new();
    for (path, mends) in by_file {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                notes.push(super::unreadable(Path::new(path), &error));
                continue;
            }
        };
        let (mended, edits) = mend(&text, &mends, &mut notes);
        if edits.is_empty() {
            continue;
        }
        let after = edit::apply(&text, &edits);
        if !dry && let Err(error) = write(Path::new(path), &text, &after) {
            let detail = format!("it could not be written, and is as it was: {error}");
            notes.push(Problem::incomplete(ProblemKind::Unreadable, path, detail));
            continue;
        }
        diff.push_str(&edit::unified(path, &text, &edits));
        findings += mended;
        files += 1;
        changed.insert(path.to_owned(), after);
    }
    let (mut report, _) = checked(paths, options, none, &changed, None)?;
    let verb = if dry { "would be" } else { "were" };
    report.verdict.reasons.push(format!("{findings} findings in {files} files {verb} repaired"));
    if notes.iter().any(|note| note.effect == plimsoll_model::Effect::Incomplete)
        && report.verdict.outcome == plimsoll_model::Outcome::Met
    {
        report.verdict.outcome = plimsoll_model::Outcome::Unknown;
    }
    report.problems.extend(notes);
    report.problems.sort();
    report.problems.dedup();
    Ok(Repaired { report, diff, findings, files })
}

/// One finding with the changes that mend it.
type Mend<'a> = (&'a Planned, &'a [Change]);

/// All changes; what mends several findings at once is written once.
fn together<'a>(mends: impl IntoIterator<Item = &'a Mend<'a>>) -> Vec<(usize, Change)> {
    let mut known = HashSet::new();
    let mut all = Vec::new();
    for (planned, changes) in mends {
        for change in *changes {
            if known.insert((planned.document, change.pointer())) {
                all.push((planned.document, change.clone()));
            }
        }
    }
    all
}

/// The edits that mend findings of a file, and how many findings. Where they cannot be made together, as many as can be.
fn mend(text: &str, mends: &[Mend<'_>], notes: &mut Vec<Problem>) -> (usize, Vec<Edit>) {
    if let Ok(edits) = edit::edits(text, &together(mends)) {
        return (mends.len(), edits);
    }
    let (mut kept, mut best) = (Vec::new(), Vec::new());
    for (number, one) in mends.iter().enumerate() {
        let reason = if number >= MAX_TRIED {
            "there are too many in this file that cannot be made together".to_owned()
        } else {
            kept.push(*one);
            match edit::edits(text, &together(&kept)) {
                Ok(edits) => {
                    best = edits;
                    continue;
                }
                Err(reason) => reason,
            }
        };
        kept.truncate(kept.len() - usize::from(number < MAX_TRIED));
        let (planned, _) = one;
        let detail = format!("`{}` is not repaired: {reason}", planned.rule);
        notes.push(Problem::note(ProblemKind::NotCovered, &planned.place, detail));
    }
    (kept.len(), best)
}

/// Writes a file whole or not at all, with its own mode, unless it changed in the meantime.
fn write(path: &Path, before: &str, after: &str) -> std::io::Result<()> {
    // A link stays one.
    let path = std::fs::canonicalize(path)?;
    if std::fs::read(&path)? != before.as_bytes() {
        return Err(std::io::Error::other("it was changed by somebody else in the meantime"));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut beside = tempfile::Builder::new().prefix(".plimsoll-").tempfile_in(folder)?;
    beside.write_all(after.as_bytes())?;
    beside.as_file().set_permissions(std::fs::metadata(&path)?.permissions())?;
    beside.as_file().sync_all()?;
    beside.persist(&path)?;
    Ok(())
}
