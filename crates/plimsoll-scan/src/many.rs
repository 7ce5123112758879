//! Many targets in one run: what was named becomes a list, and each of the list is scanned, several at once.
//!
//! A target that fails is told with its reason and costs no other one its report. Reports are handed over in the order in
//! which the targets were named, and only a few are held at a time.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use plimsoll_model::survey::{Failure, Surveyed};
use plimsoll_model::{Outcome, Problem, ProblemKind, Verdict};
use plimsoll_oci::RepositoryName;

use crate::scan::{Opened, scan_with};
use crate::{Options, Progress, ScanError};

/// Which images of a registry are taken.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Tags that are looked at; `*` stands for any characters. Without one `latest` is taken where there is one.
    pub tags: Option<String>,
    /// How many tags of a repository are taken, the newest first.
    pub newest: usize,
    /// How many targets are taken in all.
    pub most: usize,
}

impl Default for Choice {
    fn default() -> Self {
        Choice { tags: None, newest: 1, most: 500 }
    }
}

/// A target of the list: a name, and why it cannot be scanned when that is known already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// As `scan` takes it.
    pub name: String,
    /// Why it is not even tried.
    pub failure: Option<Failure>,
}

/// What was named, as a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// The targets, each once.
    pub targets: Vec<Planned>,
    /// What was left out.
    pub problems: Vec<Problem>,
}

/// Why a list of targets cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot use line {line} of the list of targets: {detail}")]
pub struct ListError {
    line: usize,
    detail: &'static str,
}

/// Reads a list of targets: one a line; empty lines and those that begin with `#` are passed over.
///
/// # Errors
/// When a line is no text, or no name.
pub fn read_list(bytes: &[u8]) -> Result<Vec<String>, ListError> {
    /// No name of anything is longer.
    const LONGEST: usize = 4_096;
    let mut names = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let refuse = |detail| ListError { line: index + 1, detail };
        let line = std::str::from_utf8(line).map_err(|_| refuse("it is not UTF-8"))?;
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.len() > LONGEST {
            return Err(refuse("it is longer than any name"));
        }
        if line.chars().any(char::is_control) {
            return Err(refuse("it holds control characters"));
        }
        names.push(line.to_owned());
    }
    Ok(names)
}

/// Does it name many images of a registry: `registry:HOST/PREFIX/*`?
pub fn is_pattern(typed: &str) -> bool {
    pattern(typed).is_some()
}

/// Host and prefix of `registry:HOST/PREFIX/*`.
fn pattern(typed: &str) -> Option<(&str, &str)> {
    let name = ["registry:", "docker://"].iter().find_map(|prefix| typed.strip_prefix(prefix))?;
    let place = name.strip_suffix("/*")?;
    Some(place.split_once('/').unwrap_or((place, "")))
}

/// The targets that `typed` stands for, in order, each once. Registries are asked for their lists.
pub fn list(typed: &[String], choice: &Choice, options: &Options) -> List {
    let mut list = List::default();
    let mut known = HashSet::new();
    let mut left_out = 0_usize;
    for one in typed {
        let (planned, problems) = match pattern(one) {
            None => (vec![Planned { name: one.clone(), failure: None }], Vec::new()),
            Some((host, prefix)) => match below(host, prefix, choice, options) {
                Ok(found) => found,
                Err(error) => {
                    (vec![Planned { name: one.clone(), failure: Some(failure(&error)) }], Vec::new())
                }
            },
        };
        list.problems.extend(problems);
        for planned in planned {
            if !known.insert(planned.name.clone()) {
                continue;
            }
            if list.targets.len() < choice.most {
                list.targets.push(planned);
            } else {
                left_out += 1;
            }
        }
    }
    if left_out > 0 {
        let detail = format!(
            "{left_out} more than the {} that one run takes were left out: see --max-targets",
            choice.most
        );
        list.problems.push(Problem::incomplete(ProblemKind::LimitExceeded, "targets", detail));
    }
    list
}

/// The images below a prefix.
fn below(
    host: &str,
    prefix: &str,
    choice: &Choice,
    options: &Options,
) -> Result<(Vec<Planned>, Vec<Problem>), ScanError> {
    let place = if prefix.is_empty() { host.to_owned() } else { format!("{host}/{prefix}") };
    let Some(registries) = &options.registries else {
        return Err(ScanError::NotFound { target: place, near: None });
    };
    let (mut planned, mut problems) = (Vec::new(), Vec::new());
    let (mut unfit, mut unread) = (Vec::new(), 0_usize);
    for repository in registries.repositories(host, prefix)? {
        if planned.len() > choice.most {
            unread += 1;
            continue;
        }
        match registries.repository(&repository).and_then(|repository| repository.tags()) {
            Err(error) => planned.push(Planned {
                name: format!("registry:{repository}"),
                failure: Some(failure(&error.into())),
            }),
            Ok(tags) => {
                let tags = newest(&tags, choice);
                if tags.is_empty() {
                    unfit.push(repository);
                    continue;
                }
                planned.extend(
                    tags.iter()
                        .map(|tag| Planned { name: format!("registry:{repository}:{tag}"), failure: None }),
                );
            }
        }
    }
    if unread > 0 {
        let detail = format!("{unread} repositories were not asked for their tags: see --max-targets");
        problems.push(Problem::incomplete(ProblemKind::LimitExceeded, &place, detail));
    }
    // Nobody asked for a repository without a fitting tag, but that there is one should be known.
    problems.extend(unfit.iter().map(|repository: &RepositoryName| {
        Problem::note(ProblemKind::NotCovered, repository.to_string(), "no tag of it fits")
    }));
    if planned.is_empty() {
        return Err(ScanError::NothingBelow { place });
    }
    Ok((planned, problems))
}

/// The newest tags, by their names: a registry does not say when a tag was set. `latest` goes first when no tags are asked
/// for; then versions by their numbers, those without a suffix before those with one; then the others from the end of
/// the alphabet. What signatures and attestations hang on (`sha256-....sig`) is no image.
fn newest<'a>(tags: &'a [String], choice: &Choice) -> Vec<&'a str> {
    let mut fitting: Vec<&str> = tags
        .iter()
        .map(String::as_str)
        .filter(|tag| {
            choice.tags.as_deref().is_none_or(|pattern| crate::exceptions::matches_pattern(pattern, tag))
        })
        .filter(|tag| !is_attached(tag))
        .collect();
    let first = |tag: &str| choice.tags.is_none() && tag == "latest";
    fitting.sort_by(|left, right| (first(right), age(right), *right).cmp(&(first(left), age(left), *left)));
    fitting.truncate(choice.newest);
    fitting
}

/// The tag schema of cosign, and the fallback of the referrers API.
fn is_attached(tag: &str) -> bool {
    let Some(rest) = tag.strip_prefix("sha256-") else { return false };
    let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
    digits >= 32
}

/// Greater is newer: what kind of name it is, then its numbers.
fn age(tag: &str) -> (u8, Vec<u64>) {
    let bare = tag.strip_prefix('v').unwrap_or(tag);
    let end =
        bare.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(bare.len());
    let (numbers, suffix) = bare.split_at(end);
    let numbers: Option<Vec<u64>> =
        numbers.trim_end_matches('.').split('.').map(|number| number.parse().ok()).collect();
    match numbers {
        Some(numbers) if suffix.is_empty() => (2, numbers),
        Some(numbers) => (1, numbers),
        None => (0, Vec::new()),
    }
}

/// An error as the document of many targets tells it.
fn failure(error: &ScanError) -> Failure {
    Failure { message: error.to_string(), causes: plimsoll_model::causes(error), hint: error.hint() }
}

/// What the workers share.
#[derive(Default)]
struct Board {
    /// The next target that nobody works on.
    next: usize,
    /// Targets that were handed over.
    handed: usize,
    done: BTreeMap<usize, Surveyed>,
    stopped: bool,
}

/// Scans the list, `jobs` targets at once, and hands over each in the order of the list.
///
/// # Errors
/// When the database cannot be opened, or with what `each` says.
pub fn scan_many<E: From<ScanError>>(
    targets: &[Planned],
    jobs: usize,
    options: &Options,
    stdin: &(dyn Fn() -> Box<dyn Read> + Sync),
    progress: &dyn Progress,
    each: &mut dyn FnMut(Surveyed) -> Result<(), E>,
) -> Result<(), E> {
    let jobs = jobs.clamp(1, targets.len().max(1));
    // One connection for each worker, all over the same pages in memory.
    let mut connections = Vec::with_capacity(jobs);
    for _ in 0..jobs {
        connections.push(Opened::new(options)?);
    }
    let board = Mutex::new(Board::default());
    let changed = Condvar::new();
    let lock = || -> MutexGuard<'_, Board> { board.lock().unwrap_or_else(PoisonError::into_inner) };
    progress.targets(0, targets.len() as u64);
    std::thread::scope(|scope| {
        for opened in connections {
            scope.spawn({
                let (lock, changed) = (&lock, &changed);
                move || {
                    loop {
                        let mut board = lock();
                        // Whoever runs ahead of the oldest target waits, so that few reports are held.
                        while !board.stopped
                            && board.next < targets.len()
                            && board.next >= board.handed + 2 * jobs
                        {
                            board = changed.wait(board).unwrap_or_else(PoisonError::into_inner);
                        }
                        let index = board.next;
                        let Some(target) = targets.get(index).filter(|_| !board.stopped) else { return };
                        board.next += 1;
                        drop(board);
                        let surveyed = one(target, &opened, options, stdin, progress);
                        lock().done.insert(index, surveyed);
                        changed.notify_all();
                    }
                }
            });
        }
        for index in 0..targets.len() {
            let mut board = lock();
            let surveyed = loop {
                match board.done.remove(&index) {
                    Some(surveyed) => break surveyed,
                    None => board = changed.wait(board).unwrap_or_else(PoisonError::into_inner),
                }
            };
            board.handed = index + 1;
            drop(board);
            changed.notify_all();
            progress.targets(index as u64 + 1, targets.len() as u64);
            if let Err(error) = each(surveyed) {
                lock().stopped = true;
                changed.notify_all();
                return Err(error);
            }
        }
        Ok(())
    })
}

fn one(
    target: &Planned,
    opened: &Opened,
    options: &Options,
    stdin: &(dyn Fn() -> Box<dyn Read> + Sync),
    progress: &dyn Progress,
) -> Surveyed {
    let name = crate::git::shown(&target.name);
    if let Some(failure) = &target.failure {
        return Surveyed { name, report: None, failure: Some(failure.clone()) };
    }
    let scan = || scan_with(&target.name, opened, options, &mut *stdin(), progress);
    // A fault of ours in one target is no reason to lose the others.
    match catch_unwind(AssertUnwindSafe(scan)) {
        Ok(Ok(report)) => Surveyed { name, report: Some(report), failure: None },
        Ok(Err(error)) => Surveyed { name, report: None, failure: Some(failure(&error)) },
        Err(_) => {
            let message = "the scan ended by a fault in plimsoll itself".to_owned();
            let hint = Some("please report it with the target, or with what is special about it".to_owned());
            Surveyed { name, report: None, failure: Some(Failure { message, causes: Vec::new(), hint }) }
        }
    }
}

/// Counts answers, for the verdict over all.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    line: String,
    met: usize,
    not_met: Vec<String>,
    unknown: Vec<String>,
    failed: Vec<String>,
}

impl Tally {
    /// The line that all are held against.
    pub fn new(options: &Options) -> Self {
        Tally { line: options.line.to_string(), ..Tally::default() }
    }

    /// Counts one target.
    pub fn add(&mut self, surveyed: &Surveyed) {
        let name = surveyed.name.clone();
        match surveyed.report.as_ref().map(|report| report.verdict.outcome) {
            Some(Outcome::Met) => self.met += 1,
            Some(Outcome::NotMet) => self.not_met.push(name),
            Some(Outcome::Unknown) => self.unknown.push(name),
            None => self.failed.push(name),
        }
    }

    /// The verdict over all: "not met" when one is, else "unknown" when one is or something was left out.
    pub fn verdict(self, problems: &[Problem]) -> Verdict {
        let all = self.met + self.not_met.len() + self.unknown.len() + self.failed.len();
        let of = |names: &[String], one: &str, many: &str| {
            const SHOWN: usize = 3;
            let rest = names.len().saturating_sub(SHOWN);
            let shown = names[..names.len() - rest].join(", ");
            let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            let verb = if names.len() == 1 { one } else { many };
            format!("{} of {all} targets {verb}: {shown}{more}", names.len())
        };
        let mut reasons = Vec::new();
        let mut inputs_missing = Vec::new();
        if !self.not_met.is_empty() {
            reasons.push(of(&self.not_met, "is not met", "are not met"));
        }
        if !self.unknown.is_empty() {
            reasons.push(of(&self.unknown, "could not be decided", "could not be decided"));
        }
        if !self.failed.is_empty() {
            inputs_missing.push(of(&self.failed, "could not be scanned", "could not be scanned"));
        }
        let cut = problems.iter().filter(|problem| problem.effect == plimsoll_model::Effect::Incomplete);
        inputs_missing.extend(cut.map(|problem| format!("{}: {}", problem.subject, problem.detail)));
        if all == 0 {
            inputs_missing.push("targets: the list is empty".to_owned());
        }
        let outcome = if !self.not_met.is_empty() {
            Outcome::NotMet
        } else if self.unknown.is_empty() && inputs_missing.is_empty() {
            reasons.push(match all {
                1 => "the target is met".to_owned(),
                _ => format!("all {all} targets are met"),
            });
            Outcome::Met
        } else {
            Outcome::Unknown
        };
        if reasons.is_empty() {
            reasons.push("not everything could be seen".to_owned());
        }
        Verdict { outcome, line: self.line, reasons, inputs_missing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(tags: &[&str], pattern: Option<&str>, newest: usize) -> Vec<String> {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let choice = Choice { tags: pattern.map(str::to_owned), newest, ..Choice::default() };
        super::newest(&tags, &choice).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn tags() {
        let tags = [
            "1.10",
            "1.9",
            "latest",
            "v2.0-rc1",
            "1.10-alpine",
            "main",
            "sha256-0123456789abcdef0123456789abcdef.sig",
        ];
        assert_eq!(chosen(&tags, None, 1), ["latest"]);
        assert_eq!(chosen(&tags, None, 9), ["latest", "1.10", "1.9", "v2.0-rc1", "1.10-alpine", "main"]);
        assert_eq!(chosen(&tags, Some("1.*"), 2), ["1.10", "1.9"]);
        assert_eq!(chosen(&tags, Some("*-alpine"), 2), ["1.10-alpine"]);
        assert_eq!(
            chosen(&tags, Some("*"), 1),
            ["1.10"],
            "asked for by a pattern, `latest` is a name as others are"
        );
        assert_eq!(chosen(&["main", "dev"], None, 1), ["main"]);
        assert_eq!(
            chosen(&["99999999999999999999.1", "1"], None, 1),
            ["1"],
            "a number that is none is no version"
        );
        assert!(chosen(&tags, Some("none*"), 1).is_empty());
    }

    #[test]
    fn patterns() {
        assert_eq!(pattern("registry:ghcr.io/team/*"), Some(("ghcr.io", "team")));
        assert_eq!(pattern("docker://localhost:5000/*"), Some(("localhost:5000", "")));
        for text in ["registry:ghcr.io/team", "ghcr.io/team/*", "dir:/srv/*", "registry:*"] {
            assert_eq!(pattern(text), None, "{text}");
        }
    }

    #[test]
    fn lists() {
        let text = "# ours\n\ndebian:12\r\n  oci:build/image \n#debian:11\nsbom:a#b.json";
        assert_eq!(read_list(text.as_bytes()).unwrap(), ["debian:12", "oci:build/image", "sbom:a#b.json"]);
        for (bytes, part) in
            [(&b"a\n\xff"[..], "line 2"), (b"a\x1b[31m", "control"), (&[b'a'; 5_000], "longer")]
        {
            let error = read_list(bytes).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn each_once_and_not_more_than_asked_for() {
        let typed: Vec<String> = ["a", "b", "a", "c"].iter().map(|name| (*name).to_owned()).collect();
        let choice = Choice { most: 2, ..Choice::default() };
        let list = list(&typed, &choice, &Options::default());
        let names: Vec<&str> = list.targets.iter().map(|target| target.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(list.problems.len(), 1, "that one was left out is a problem: {:?}", list.problems);
    }

    #[derive(Debug)]
    enum Stop {
        Scan,
        Asked,
    }

    impl From<ScanError> for Stop {
        fn from(_: ScanError) -> Self {
            Stop::Scan
        }
    }

    fn run(targets: &[Planned], jobs: usize, stop_after: usize) -> (Vec<Surveyed>, Result<(), Stop>) {
        let mut seen = Vec::new();
        let result = scan_many(
            targets,
            jobs,
            &Options::default(),
            &|| Box::new(std::io::empty()),
            &crate::NoProgress,
            &mut |surveyed| {
                seen.push(surveyed);
                if seen.len() == stop_after { Err(Stop::Asked) } else { Ok(()) }
            },
        );
        (seen, result)
    }

    #[test]
    fn in_order_and_whatever_becomes_of_the_others() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("requirements.txt"), "django==3.2.4\n").unwrap();
        let there = format!("dir:{}", folder.path().display());
        let targets: Vec<Planned> = (0..40)
            .map(|number| Planned {
                name: if number % 3 == 0 { format!("dir:/absent-{number}") } else { there.clone() },
                failure: None,
            })
            .collect();
        for jobs in [1, 3, 64] {
            let (seen, result) = run(&targets, jobs, usize::MAX);
            result.unwrap();
            assert_eq!(seen.len(), targets.len());
            for (number, (target, surveyed)) in targets.iter().zip(&seen).enumerate() {
                assert_eq!(target.name, surveyed.name);
                assert_eq!(surveyed.report.is_some(), number % 3 != 0);
                assert_eq!(surveyed.failure.is_some(), number % 3 == 0);
            }
            let (seen, result) = run(&targets, jobs, 5);
            assert!(matches!(result, Err(Stop::Asked)), "{result:?}");
            assert_eq!(seen.len(), 5);
        }
    }

    #[test]
    fn the_worst_answer_is_the_answer() {
        let folder = tempfile::tempdir().unwrap();
        let names = [format!("dir:{}", folder.path().display()), "dir:/absent".to_owned()];
        let targets: Vec<Planned> =
            names.iter().map(|name| Planned { name: name.clone(), failure: None }).collect();
        let (mut seen, _) = run(&targets, 2, usize::MAX);
        let mut check = |first: Outcome, second: bool, problems: &[Problem], expected: Outcome| {
            seen[0].report.as_mut().unwrap().verdict.outcome = first;
            let mut tally = Tally::new(&Options::default());
            tally.add(&seen[0]);
            if second {
                tally.add(&seen[1]);
            }
            let verdict = tally.verdict(problems);
            assert_eq!(verdict.outcome, expected, "{verdict:?}");
            assert!(!verdict.reasons.is_empty());
        };
        let cut = [Problem::incomplete(ProblemKind::LimitExceeded, "targets", "1 more")];
        check(Outcome::Met, false, &[], Outcome::Met);
        check(Outcome::Met, true, &[], Outcome::Unknown);
        check(Outcome::Met, false, &cut, Outcome::Unknown);
        check(Outcome::Unknown, false, &[], Outcome::Unknown);
        check(Outcome::NotMet, true, &cut, Outcome::NotMet);
        assert_eq!(
            Tally::new(&Options::default()).verdict(&[]).outcome,
            Outcome::Unknown,
            "an empty list is not clean"
        );
    }
}
