//! What a change makes worse: the same check over the files as they were at a revision, and what it found there taken away.
//!
//! The files of the revision are written to a temporary folder, of which charts are rendered like those of today. A finding is
//! the same when its id is (which names objects and fields, not lines), or when the same is said of the same object or
//! instruction in the same file, or in a file that has another name now: what an edit moved is not new.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use plimsoll_model::report::Since as Told;
use plimsoll_model::{Finding, Problem, ProblemKind, Subject};

use super::render::{self, Engine};
use super::{CheckOptions, Kind, Run, kind_of};
use crate::ScanError;
use crate::git::{GitError, GitSettings, TreeAt};

/// What files are held against.
#[derive(Clone, Debug)]
pub struct Since {
    /// A revision of git: a branch, a tag, a commit.
    pub revision: String,
    /// How git is run.
    pub git: GitSettings,
}

/// What was there at a revision.
pub(super) struct Before {
    commit: String,
    /// Findings, those that were accepted too.
    findings: Vec<Finding>,
    /// Files with findings or without.
    files: BTreeSet<String>,
    problems: Vec<Problem>,
}

/// Checks the files that `paths` name as they were.
pub(super) fn before<'a>(
    paths: &[String],
    since: &Since,
    options: &CheckOptions,
    run: impl Fn() -> Run<'a>,
) -> Result<Before, ScanError> {
    let mut before =
        Before { commit: String::new(), findings: Vec::new(), files: BTreeSet::new(), problems: Vec::new() };
    let folder = crate::git::Folder::new(&since.git)?;
    // All of them together, as today: whether a pod is covered by a network policy is told by another file.
    let mut run = run();
    let mut renderer = render::Renderer::new(&options.programs);
    let mut names: Vec<(String, String)> = Vec::new();
    for (number, typed) in paths.iter().enumerate() {
        let path = Path::new(typed);
        let tree = wanted(path, since)?;
        tree.commit.clone_into(&mut before.commit);
        let root = folder.path().join(format!("{number:06}"));
        let laid = lay(&tree, &root, &since.git)?;
        for name in laid {
            let name = as_typed(path, &tree, Path::new(&name));
            before.files.insert(name.trim_start_matches('/').to_owned());
        }
        // What was named, below the folder that was laid out.
        let named = tree.below.iter().fold(root.clone(), |path, part| path.join(part));
        let parent = if path.is_dir() { named.clone() } else { named.parent().unwrap_or(&root).to_owned() };
        let shown = render::shown(if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) });
        names.push((parent.display().to_string(), shown));
        match std::fs::symlink_metadata(&named) {
            Ok(metadata) if metadata.is_dir() => run.directory(&named, &mut renderer),
            Ok(metadata) if metadata.is_file() => run.named_file(&named, &mut renderer),
            // It is new.
            _ => {}
        }
    }
    run.judge_manifests(&options.kinds, &options.rules, None);
    // What lies beside what was typed keeps its place in the repository.
    let own = folder.path().display().to_string();
    let typed = |text: &str| {
        let text = names.iter().fold(text.to_owned(), |text, (from, to)| as_shown(&text, from, to));
        (0..paths.len()).fold(text, |text, number| text.replace(&format!("{own}/{number:06}/"), ""))
    };
    before.findings = run.findings;
    for finding in &mut before.findings {
        finding.id = typed(&finding.id);
        if let Subject::File(location) = &mut finding.subject {
            // Paths of findings have no slash in front.
            location.path = typed(&format!("/{}", location.path)).as_str().into();
        }
    }
    before.problems = run.problems;
    for problem in &mut before.problems {
        problem.subject = typed(&problem.subject);
        problem.detail = typed(&problem.detail);
    }
    Ok(before)
}

/// Names of a temporary folder as they were typed.
fn as_shown(text: &str, from: &str, to: &str) -> String {
    let below = if to == "." { String::new() } else { format!("{}/", to.trim_end_matches('/')) };
    text.replace(&format!("{from}/"), &below).replace(from, to)
}

fn as_typed(path: &Path, tree: &TreeAt, name: &Path) -> String {
    let below: PathBuf = tree.below.iter().collect();
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
    let base = if path.is_dir() { below.as_path() } else { below.parent().unwrap_or(Path::new("")) };
    match name.strip_prefix(base) {
        Ok(rest) => render::shown(&folder.join(rest)),
        Err(_) => name.display().to_string(),
    }
}

/// The files below a path, or, where one of them is of Kustomize, of the whole repository: what it names may lie elsewhere.
fn wanted(path: &Path, since: &Since) -> Result<TreeAt, GitError> {
    let tree = TreeAt::read(path, &since.revision, false, &since.git)?;
    let kustomize = |name: &str| render::engine_of(Path::new(name)) == Some(Engine::Kustomize);
    let described = !path.is_dir() && render::engine_of(path).is_some();
    if described || tree.entries.iter().any(|entry| kustomize(&entry.name)) {
        return TreeAt::read(path, &since.revision, true, &since.git);
    }
    Ok(tree)
}

/// Writes what is read of a tree into a folder; the names of what was written.
fn lay(tree: &TreeAt, root: &Path, git: &GitSettings) -> Result<Vec<String>, ScanError> {
    let charts: BTreeSet<&Path> = tree
        .entries
        .iter()
        .map(|entry| Path::new(&entry.name))
        .filter(|path| render::engine_of(path) == Some(Engine::Helm))
        .filter_map(Path::parent)
        .collect();
    let is_wanted = |name: &str| {
        let path = Path::new(name);
        let ignores = [".dockerignore", ".containerignore"].iter().any(|end| name.ends_with(end));
        kind_of(path) != Kind::Other
            || ignores
            || path.ancestors().skip(1).any(|folder| charts.contains(folder))
    };
    let mut laid = Vec::new();
    let mut failed = None;
    tree.contents(&is_wanted, git, &mut |name, content| {
        // Git refuses such names, but what it reads may have been made by something else.
        let path = Path::new(name);
        if !path.components().all(|part| matches!(part, Component::Normal(_))) || failed.is_some() {
            return;
        }
        let target = root.join(path);
        let written = target
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&target, content));
        match written {
            Ok(()) => laid.push(name.to_owned()),
            Err(error) => failed = Some(error),
        }
    })?;
    // What was named may be a folder without any such file.
    std::fs::create_dir_all(root).map_err(GitError::Temporary)?;
    match failed {
        Some(error) => Err(GitError::Temporary(error).into()),
        None => Ok(laid),
    }
}

/// What is said of a thing, without its lines.
fn said(finding: &Finding) -> String {
    finding.evidence.first().map(|evidence| evidence.range.clone()).unwrap_or_default()
}

fn path_of(finding: &Finding) -> String {
    match &finding.subject {
        Subject::File(location) => location.path.to_string(),
        _ => String::new(),
    }
}

/// Findings that are waiting for their like, by what makes them alike.
struct Pool<K> {
    left: BTreeMap<K, Vec<usize>>,
}

impl<K: Ord> Pool<K> {
    fn new(all: &[Finding], free: &BTreeSet<usize>, key: impl Fn(&Finding) -> Option<K>) -> Self {
        let mut left: BTreeMap<K, Vec<usize>> = BTreeMap::new();
        for at in free.iter().rev() {
            if let Some(key) = key(&all[*at]) {
                left.entry(key).or_default().push(*at);
            }
        }
        Pool { left }
    }

    fn take(&mut self, key: &K) -> Option<usize> {
        self.left.get_mut(key)?.pop()
    }
}

/// What makes two findings alike.
type Key = (String, String, String);

impl Before {
    /// Leaves of the findings what was not there, and tells how many were.
    pub(super) fn take_from(
        self,
        findings: &mut Vec<Finding>,
        problems: &mut Vec<Problem>,
        revision: &str,
        files_now: &dyn Fn(&str) -> bool,
    ) -> Told {
        let mut known = vec![false; findings.len()];
        // What was accepted and counts now is new: the change took the acceptance away.
        let mut free: BTreeSet<usize> = (0..self.findings.len()).collect();
        let is_object = |finding: &Finding| {
            plimsoll_posture::find(&finding.advisory)
                .is_some_and(|rule| rule.area() == plimsoll_posture::Area::Kubernetes)
        };
        let accepted = |finding: &Finding| finding.suppressed_by.is_some();
        let moved = |path: &str| self.files.contains(path) && !files_now(path);
        let by_id = |finding: &Finding, _: bool| -> Option<Key> {
            is_object(finding).then(|| (finding.id.clone(), String::new(), String::new()))
        };
        let by_place = |finding: &Finding, _: bool| -> Option<Key> {
            Some((finding.advisory.clone(), path_of(finding), said(finding)))
        };
        let by_rule = |finding: &Finding, old: bool| -> Option<Key> {
            let path = path_of(finding);
            let other = if old { moved(&path) } else { !self.files.contains(&path) };
            other.then(|| (finding.advisory.clone(), String::new(), said(finding)))
        };
        // Ids number the elements of lists, so what is said, which names them, comes first.
        #[expect(clippy::type_complexity, reason = "three functions of one form, named right above")]
        let keys: [&dyn Fn(&Finding, bool) -> Option<Key>; 3] = [&by_place, &by_id, &by_rule];
        for key in keys {
            // What counts now is alike only to what counted.
            for counts in [true, false] {
                let fits: BTreeSet<usize> =
                    free.iter().copied().filter(|at| !counts || !accepted(&self.findings[*at])).collect();
                let mut pool = Pool::new(&self.findings, &fits, |finding| key(finding, true));
                for (at, finding) in findings.iter().enumerate() {
                    if known[at] || accepted(finding) == counts {
                        continue;
                    }
                    if let Some(found) = key(finding, false).and_then(|key| pool.take(&key)) {
                        known[at] = true;
                        free.remove(&found);
                    }
                }
            }
        }
        let there = known.iter().filter(|known| **known).count();
        let gone = free.iter().filter(|at| !accepted(&self.findings[**at])).count();
        let mut at = 0;
        findings.retain(|_| {
            at += 1;
            !known[at - 1]
        });
        for problem in self.problems {
            // Of what could not be read there everything counts as new, which is said.
            if problem.effect == plimsoll_model::Effect::Incomplete && problem.kind != ProblemKind::NotCovered
            {
                let detail = format!("at {revision}: {}", problem.detail);
                problems.push(Problem::note(problem.kind, problem.subject, detail));
            }
        }
        Told { revision: revision.to_owned(), commit: self.commit, before: there as u64, gone: gone as u64 }
    }
}
