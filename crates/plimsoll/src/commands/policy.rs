//! `plimsoll policy`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use plimsoll_format::View;
use plimsoll_policy::import::Change;
use plimsoll_rules::suite::{Case, Outcome, gator, kyverno};
use serde_json::json;

use super::{Answer, scan, verify};
use crate::cli::{
    PolicyCommand, PolicyExplainArguments, PolicyExportArguments, PolicyImportArguments, PolicyTestArguments,
    PolicyTestFormat,
};
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

/// Deepest folder that is searched for suites.
const DEEPEST: usize = 32;

mod own;
mod replay;
mod reviews;
mod sign_exception;

pub(crate) fn run(command: &PolicyCommand, environment: &Environment) -> Answer {
    match command {
        PolicyCommand::Explain(arguments) => explain(arguments, environment),
        PolicyCommand::Export(arguments) => export(arguments),
        PolicyCommand::Replay(arguments) => replay::run(arguments, environment),
        PolicyCommand::SignException(arguments) => sign_exception::run(arguments, environment),
        PolicyCommand::Test(arguments) => test(arguments, environment),
        PolicyCommand::Import(arguments) => import(arguments),
    }
}

/// Why a decision comes out as it does. Exit codes are those of the decision.
fn explain(arguments: &PolicyExplainArguments, environment: &Environment) -> Answer {
    let question = verify::Question::new(
        &arguments.image,
        &arguments.policies,
        &arguments.namespace,
        &arguments.labels,
        &arguments.evidence,
    );
    let explanation = question.explain(environment)?;
    let view = View { all: arguments.all, ..scan::view(&arguments.image, environment) };
    let text = plimsoll_format::explanation::write(&explanation, arguments.format, &view)
        .context("cannot render the explanation")
        .map_err(|error| Failure::new(USAGE, error))?;
    print::data(&text)?;
    Ok(explanation.decision.outcome().exit_code())
}

/// A suite that was run, or why it could not be.
struct Run {
    file: PathBuf,
    cases: Result<Vec<Case>, String>,
}

fn test(arguments: &PolicyTestArguments, environment: &Environment) -> Answer {
    let mut files = Vec::new();
    for path in &arguments.paths {
        if path.is_dir() {
            let before = files.len();
            find(path, 0, &mut files).map_err(|error| Failure::new(USAGE, error))?;
            if files.len() == before {
                let error = anyhow!(
                    "`{}` holds no suite (kind PolicyTest of plimsoll.dev, Suite of test.gatekeeper.sh, Test of cli.kyverno.io)",
                    path.display()
                );
                return Err(Failure::new(USAGE, error));
            }
        } else {
            files.push(path.clone());
        }
    }
    let mut runs = Vec::new();
    for file in files {
        let text = verify::text(&file).map_err(|error| Failure::new(USAGE, error))?;
        let beside = file.parent().map(Path::to_owned).unwrap_or_default();
        let read = |path: &str| texts(&beside.join(path)).map_err(|error| format!("{error:#}"));
        let cases = if own::is(&text) {
            own::run(&text, &file, environment.now.as_second())
        } else if is_of_kyverno(&text) || is_named_so(&file) {
            kyverno::run(&text, &read)
        } else {
            gator::run(&text, &read)
        };
        runs.push(Run { file, cases });
    }
    let text = match arguments.format {
        PolicyTestFormat::Table => table(&runs, arguments.all),
        PolicyTestFormat::Json => document(&runs),
    };
    print::data(&text)?;
    let tally = Tally::of(&runs);
    Ok(match (tally.wrong, tally.unrun + tally.unread, tally.right) {
        (1.., _, _) => 1,
        // Tests of which none ran show nothing.
        (0, 1.., _) | (0, 0, 0) => UNDECIDED,
        (0, 0, 1..) => 0,
    })
}

/// The text of a file, or of all files of a folder and the folders in it that hold YAML or JSON, or of those whose names fit a
/// pattern (`*` for anything).
fn texts(path: &Path) -> anyhow::Result<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let files = match name.split_once('*') {
        _ if path.is_dir() => {
            let mut files = Vec::new();
            objects(path, 0, &mut files)?;
            files
        }
        Some((start, end)) if !path.exists() && !end.contains('*') => {
            let beside = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let mut files = verify::listed(beside.unwrap_or(Path::new(".")), &["yaml", "yml", "json"])?;
            files.retain(|file| {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
            });
            files
        }
        _ => return verify::text(path),
    };
    anyhow::ensure!(!files.is_empty(), "`{}` names no file that holds YAML or JSON", path.display());
    let mut out = String::new();
    for file in files {
        let text = verify::text(&file)?;
        // By its own name, while it is known.
        plimsoll_rules::documents(&text).map_err(|error| anyhow!("`{}`: {error}", file.display()))?;
        let _ = write!(out, "{text}\n---\n");
    }
    Ok(out)
}

/// Files of objects below a folder, in the order of their paths. Links to folders are not followed.
fn objects(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    anyhow::ensure!(depth < DEEPEST, "`{}` is nested too deep", folder.display());
    files.extend(verify::listed(folder, &["yaml", "yml", "json"])?);
    let named = || format!("cannot list `{}`", folder.display());
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(named)? {
        let entry = entry.with_context(named)?;
        if entry.file_type().with_context(named)?.is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    folders.iter().try_for_each(|folder| objects(folder, depth + 1, files))
}

/// How many cases came out how, and how many suites could not be read.
#[derive(Default)]
struct Tally {
    right: usize,
    wrong: usize,
    unrun: usize,
    skipped: usize,
    unread: usize,
}

impl Tally {
    fn of(runs: &[Run]) -> Self {
        let mut tally =
            Tally { unread: runs.iter().filter(|run| run.cases.is_err()).count(), ..Tally::default() };
        for case in runs.iter().flat_map(|run| run.cases.iter().flatten()) {
            *match case.outcome {
                Outcome::Right => &mut tally.right,
                Outcome::Wrong(_) => &mut tally.wrong,
                Outcome::Unrun(_) => &mut tally.unrun,
                Outcome::Skipped => &mut tally.skipped,
            } += 1;
        }
        tally
    }
}

/// Suites below a folder, in the order of their paths. Links are not followed.
fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let named = || format!("cannot list `{}`", folder.display());
    let mut entries = std::fs::read_dir(folder)
        .with_context(named)?
        .map(|entry| entry.with_context(named))
        .collect::<anyhow::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().with_context(named)?);
        let yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        if kind.is_dir() {
            anyhow::ensure!(depth < DEEPEST, "`{}` is nested too deep", path.display());
            find(&path, depth + 1, files)?;
        } else if kind.is_file() && yaml && is_suite(&path) {
            files.push(path);
        }
    }
    Ok(())
}

/// The name that Kyverno's program looks for.
fn is_named_so(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "kyverno-test.yaml" || name == "kyverno-test.yml")
}

fn is_suite(path: &Path) -> bool {
    if is_named_so(path) {
        return true;
    }
    let of_gatekeeper =
        |text: &str| has_line(text, "kind: Suite") && has_line(text, "apiVersion: test.gatekeeper.sh/");
    verify::text(path).is_ok_and(|text| of_gatekeeper(&text) || is_of_kyverno(&text) || own::is(&text))
}

fn is_of_kyverno(text: &str) -> bool {
    has_line(text, "kind: Test") && has_line(text, "apiVersion: cli.kyverno.io/")
}

fn has_line(text: &str, wanted: &str) -> bool {
    // With quotes or without.
    text.lines().any(|line| line.replace(['"', '\''], "").trim_end().starts_with(wanted))
}

fn word(outcome: &Outcome) -> (&'static str, &str) {
    match outcome {
        Outcome::Right => ("right", ""),
        Outcome::Wrong(reason) => ("wrong", reason),
        Outcome::Unrun(reason) => ("not run", reason),
        Outcome::Skipped => ("skipped", ""),
    }
}

fn table(runs: &[Run], all: bool) -> String {
    let mut out = String::new();
    for run in runs {
        if let Err(reason) = &run.cases {
            let _ = writeln!(out, "not read  {}: {}", run.file.display(), print::plain(reason));
        }
        for case in run.cases.iter().flatten().filter(|case| all || case.outcome != Outcome::Right) {
            let (word, reason) = word(&case.outcome);
            let colon = if reason.is_empty() { "" } else { ": " };
            let name = print::plain(&case.name);
            let _ = writeln!(out, "{word:8}  {} {name}{colon}{}", run.file.display(), print::plain(reason));
        }
    }
    let Tally { right, wrong, unrun, skipped, unread } = Tally::of(runs);
    let unread = if unread > 0 { format!(", {unread} suites not read") } else { String::new() };
    let suites = runs.len();
    let _ = writeln!(
        out,
        "{right} right, {wrong} wrong, {unrun} not run, {skipped} skipped, of {suites} suites{unread}"
    );
    out
}

fn document(runs: &[Run]) -> String {
    let suites: Vec<_> = runs
        .iter()
        .map(|run| {
            let cases: Vec<_> = run
                .cases
                .iter()
                .flatten()
                .map(|case| {
                    let (word, reason) = word(&case.outcome);
                    json!({"name": case.name, "outcome": word, "reason": reason})
                })
                .collect();
            json!({"file": run.file.display().to_string(), "error": run.cases.as_ref().err(), "cases": cases})
        })
        .collect();
    format!("{:#}\n", json!({"schemaVersion": "1.0", "suites": suites}))
}

/// Policies of other engines, as ours. What is not as it was is told on standard error, everything else is the result.
fn export(arguments: &PolicyExportArguments) -> Answer {
    let usage = |error| Failure::new(USAGE, error);
    let policies = verify::policies(&arguments.policies).map_err(usage)?;
    let exempt = match arguments.exempt.as_slice() {
        [] => plimsoll_policy::export::EXEMPT.map(str::to_owned).to_vec(),
        given => given.to_vec(),
    };
    let exported = plimsoll_policy::export::export(&policies, &exempt);
    let mut out = String::new();
    for document in &exported.documents {
        let text = serde_saphyr::to_string(document)
            .context("cannot write a policy")
            .map_err(|error| Failure::new(UNDECIDED, error))?;
        let _ = write!(out, "---\n{text}");
    }
    print::data(&out)?;
    for one in &exported.left_out {
        let requirement = one.requirement.as_ref().map(|name| format!("/{name}")).unwrap_or_default();
        let line = format!("not exported  {}{requirement}: {}", one.policy, one.reason);
        print::talk(&print::plain(&line));
    }
    Ok(if exported.left_out.is_empty() { 0 } else { UNDECIDED })
}

fn import(arguments: &PolicyImportArguments) -> Answer {
    let keys = keys(&arguments.keys).map_err(|error| Failure::new(USAGE, error))?;
    let mut out = String::new();
    let mut wrong = Vec::new();
    let (mut policies, mut unjudged) = (0, 0);
    for file in &arguments.files {
        let named = file.display().to_string();
        let text = verify::bytes_or_input(file)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| anyhow!("`{named}` is not text")))
            .map_err(|error| Failure::new(USAGE, error))?;
        let documents = plimsoll_rules::documents(&text)
            .map_err(|error| Failure::new(USAGE, anyhow!("`{named}`: {error}")))?;
        for document in documents {
            let imported = match plimsoll_policy::import::import(&document, &keys) {
                Ok(imported) => imported,
                Err(error) => {
                    wrong.push(format!("`{named}`: {}: {error}", title(&document)));
                    continue;
                }
            };
            if !imported.notes.is_empty() {
                print::talk(&print::plain(&format!("{named}: {}", title(&document))));
            }
            for note in &imported.notes {
                let word = match note.change {
                    Change::NotJudged => "not judged",
                    Change::Stricter => "stricter",
                    Change::LeftOut => "left out",
                };
                unjudged += usize::from(note.change == Change::NotJudged);
                print::talk(&format!(
                    "  {word:10}  {}",
                    print::plain(&format!("{}: {}", note.path, note.text))
                ));
            }
            for policy in &imported.policies {
                let text = serde_saphyr::to_string(policy)
                    .with_context(|| format!("cannot write what became of `{named}`"))
                    .map_err(|error| Failure::new(UNDECIDED, error))?;
                let _ = write!(out, "---\n{text}");
                policies += 1;
            }
        }
    }
    if !wrong.is_empty() {
        let hint =
            "an engine refuses such a policy, so nothing was written; correct it or leave the file out";
        let error = anyhow!("{}", print::plain(&wrong.join("\n")));
        return Err(Failure::new(USAGE, error).hint(Some(hint.to_owned())));
    }
    if policies == 0 {
        let hint = "ClusterImagePolicy, ClusterPolicy with verifyImages and ImageValidatingPolicy are";
        return Err(Failure::new(USAGE, anyhow!("nothing in these files is a policy about images"))
            .hint(Some(hint.to_owned())));
    }
    // What was written is read again: a policy that cannot be loaded would be found in production.
    plimsoll_policy::Policies::default()
        .add("what was made of them", &out)
        .map_err(|error| Failure::new(USAGE, error))?;
    match &arguments.out {
        Some(file) => print::file(file, &out)?,
        None => print::data(&out)?,
    }
    let plural = if policies == 1 { "policy" } else { "policies" };
    print::talk(&format!("{policies} {plural}, {unjudged} conditions not judged"));
    Ok(if unjudged > 0 { UNDECIDED } else { 0 })
}

/// Kind and name of an object.
fn title(document: &serde_json::Value) -> String {
    let word = |value: &serde_json::Value| value.as_str().unwrap_or("?").to_owned();
    format!("{} {}", word(&document["kind"]), word(&document["metadata"]["name"]))
}

fn keys(given: &[String]) -> anyhow::Result<plimsoll_policy::import::Keys> {
    given
        .iter()
        .map(|one| {
            // A reference may hold `=`, a file's name seldom does.
            let (reference, file) = one
                .rsplit_once('=')
                .filter(|(reference, file)| !reference.is_empty() && !file.is_empty())
                .with_context(|| format!("`--key {one}` is not REFERENCE=FILE"))?;
            Ok((reference.to_owned(), verify::text(Path::new(file))?))
        })
        .collect()
}
