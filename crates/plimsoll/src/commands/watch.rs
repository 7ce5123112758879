//! `plimsoll watch`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand, ValueEnum};
use plimsoll_format::wrap;
use plimsoll_model::Party;
use plimsoll_runtime::event::State;
use plimsoll_runtime::record::{self, Reader};
use plimsoll_runtime::rules::{
    Alert, Engine, Field, Files, Group, Groups, Nothing, Priority, Report, Skipped, builtin,
};
use plimsoll_scan::party::{ATTACK, ATTACK_ON_NODE, OnPlatform, is_system_namespace};
use serde::Serialize;
use serde_json::json;

use super::explained::{self, ExplainArguments};
use super::habits::{self, Habits, HabitsArguments, SuggestArguments};
use super::live::{self, LiveArguments, RecordArguments};
use super::{Answer, verify, whose};
use crate::cli::PlatformArguments;
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

/// Version of what is written as JSON: `docs/schema/watch-1.0.json`.
const SCHEMA: &str = "1.0";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "It runs until it is ended (Ctrl-C, SIGTERM), or for the time of --for.

Exit codes: 0 no rule was met, 1 some were, 2 usage or wrong rules, 3 cannot watch, or no rule was met and
records that must not be lost were, or rules could not run.

Examples:
  plimsoll watch
  plimsoll watch --containers --events | jq -c .action
  plimsoll watch --respond upper-layer --enforce
  plimsoll watch --explain PW002 --alerts alerts.jsonl
  plimsoll watch record --for 10m events.jsonl")]
pub(crate) struct WatchArguments {
    #[command(subcommand)]
    command: Option<WatchCommand>,

    #[command(flatten)]
    explain: ExplainArguments,

    #[command(flatten)]
    live: LiveArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WatchCommand {
    /// Record what happens on this machine
    Record(RecordArguments),
    /// Hold a recording against rules: what would have been told
    Replay(ReplayArguments),
    /// Profiles that allow what was learned: seccomp, AppArmor, NetworkPolicy
    Suggest(SuggestArguments),
    /// Rule files: whether they are right, and what they can ask
    #[command(subcommand)]
    Rules(RulesCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Check rule files, in the order in which they change each other
    Check(CheckArguments),
    /// All fields that rules can ask
    Fields {
        /// Form of the answer
        #[arg(long, short = 'f', value_enum, value_name = "FORMAT", default_value_t = Form::Table)]
        format: Form,
    },
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 no rule was met, 1 some were, 2 usage or wrong rules, 3 no rule was met, but the recording is not whole or
rules could not run.

Examples:
  plimsoll watch replay events.jsonl
  plimsoll watch replay events.jsonl --rules builtin --rules falco_rules.yaml --rules mine.yaml
  plimsoll watch replay monday.jsonl --learn shop.json && plimsoll watch replay tuesday.jsonl --baseline shop.json
  zcat events.jsonl.gz | plimsoll watch replay - --format json"
)]
pub(crate) struct ReplayArguments {
    /// The recording (JSON lines); `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Rules in the form of Falco's files instead of those that Plimsoll brings along, which are named `builtin`; may be given several times,
    /// later files change earlier ones
    #[arg(long = "rules", short = 'r', value_name = "FILE")]
    rules: Vec<PathBuf>,

    /// Leave out alerts of a lower priority
    #[arg(long, value_name = "PRIORITY", default_value = "debug", value_parser = priority)]
    min_priority: Priority,

    /// Learn what the containers of each image did, and write it to a file, as `plimsoll watch --learn` does; recordings hold no
    /// list of system calls
    #[arg(long, value_name = "OUT")]
    learn: Option<PathBuf>,

    /// Tell, too, what containers did that a file of --learn does not hold
    #[arg(long, value_name = "BASELINE", conflicts_with = "learn")]
    baseline: Option<PathBuf>,

    #[command(flatten)]
    platform: PlatformArguments,

    /// Form of the answer
    #[arg(long, short = 'f', value_enum, value_name = "FORMAT", default_value_t = Form::Table)]
    format: Form,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 all rules are right and can run, 1 there are mistakes, 2 usage, 3 some rules need what events do not have."
)]
pub(crate) struct CheckArguments {
    /// The rule files; `builtin` for those that Plimsoll brings along
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Form of the answer
    #[arg(long, short = 'f', value_enum, value_name = "FORMAT", default_value_t = Form::Table)]
    format: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    Table,
    Json,
}

pub(super) fn priority(text: &str) -> Result<Priority, String> {
    Priority::named(text).ok_or_else(|| {
        "expected emergency, alert, critical, error, warning, notice, informational or debug".to_owned()
    })
}

pub(crate) fn run(arguments: &WatchArguments, environment: &Environment) -> Answer {
    match &arguments.command {
        None if arguments.explain.explain.is_some() => {
            let form = if arguments.live.is_json() { Form::Json } else { Form::Table };
            explained::run(&arguments.explain, form, environment)
        }
        None => live::live(&arguments.live, environment),
        Some(WatchCommand::Record(arguments)) => live::record(arguments),
        Some(WatchCommand::Replay(arguments)) => replay(arguments, environment),
        Some(WatchCommand::Suggest(arguments)) => habits::suggest(arguments),
        Some(WatchCommand::Rules(RulesCommand::Check(arguments))) => check(arguments, environment),
        Some(WatchCommand::Rules(RulesCommand::Fields { format })) => fields(*format, environment),
    }
}

/// Says who has to act on the platform that was named, and by which control.
pub(super) fn belongs(alert: &mut Alert, on: Option<&OnPlatform>) {
    let Some(on) = on else { return };
    let place = &alert.container;
    let belongs = if place.state == State::Host || is_system_namespace(&place.pod.namespace) {
        on.belongs(ATTACK_ON_NODE, Party::Platform)
    } else {
        on.belongs(ATTACK, Party::Application(Some(alert.owner.clone())))
    };
    if let Some(belongs) = belongs {
        alert.owner = belongs.shown();
    }
}

/// What is known of a detection that Plimsoll brings along.
pub(super) fn explain(id: &str) -> Option<String> {
    let engine = builtin::engine();
    let rule = engine.rules().iter().find(|rule| rule.own.id.eq_ignore_ascii_case(id) || rule.name == id)?;
    let mut text = format!("{}  {}  (watch)\n{}\n", rule.own.id, rule.priority.name(), rule.name);
    let techniques = builtin::techniques(rule).map(|technique| format!("MITRE ATT&CK {technique}"));
    let parts = [
        ("what", rule.description.clone()),
        ("why", rule.own.why.clone()),
        ("fix", rule.own.fix.clone()),
        ("elsewhere", techniques.collect::<Vec<_>>().join(", ")),
    ];
    for (name, part) in parts {
        let _ = write!(text, "\n  {name}\n");
        for line in wrap(part.trim(), 80) {
            let _ = writeln!(text, "    {line}");
        }
    }
    Some(text)
}

/// Rule files by their paths; `builtin` is the rules of our own.
fn read_rules(paths: &[PathBuf]) -> anyhow::Result<(Engine, Report)> {
    let mut files = Files::default();
    for path in paths {
        if path == Path::new(builtin::NAME) {
            files.add(builtin::NAME, builtin::RULES);
        } else {
            files.add(&path.display().to_string(), &verify::text(path)?);
        }
    }
    Ok(files.compile())
}

/// What a replay came to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    schema_version: &'static str,
    kind: &'static str,
    verdict: &'static str,
    events: u64,
    alerts: u64,
    groups: usize,
    /// Alerts of groups that were too many to keep apart.
    ungrouped: u64,
    rules: usize,
    not_run: Vec<serde_json::Value>,
    problems: &'a [record::Problem],
    unread: u64,
    unknown: u64,
    lost: u64,
    unjudged: u64,
}

/// The engine of rule files, or of our own rules when none is named; and which of the rules do not run.
pub(super) fn engine(rules: &[PathBuf]) -> Result<(Engine, Vec<Skipped>), Failure> {
    let rules = match rules {
        [] => &[PathBuf::from(builtin::NAME)][..],
        given => given,
    };
    let (engine, report) = read_rules(rules).map_err(|error| Failure::new(USAGE, error))?;
    if let Some(first) = report.errors.first() {
        let more = report.errors.len() - 1;
        let error = anyhow!("{first}").context(match more {
            0 => "a rule file is wrong".to_owned(),
            more => format!("rule files are wrong at {} places", more + 1),
        });
        let hint = "`plimsoll watch rules check FILE...` lists all mistakes".to_owned();
        return Err(Failure::new(USAGE, error).hint(hint));
    }
    let skipped: Vec<Skipped> = report.skipped.into_iter().filter(|skipped| skipped.enabled).collect();
    for skipped in &skipped {
        print::warning(&format!("rule `{}` does not run: {}", skipped.rule, missing(skipped)));
    }
    Ok((engine, skipped))
}

fn replay(arguments: &ReplayArguments, environment: &Environment) -> Answer {
    let on = whose::on(&arguments.platform)?;
    let (mut engine, skipped) = engine(&arguments.rules)?;
    let asked = HabitsArguments { learn: arguments.learn.clone(), baseline: arguments.baseline.clone() };
    let mut habits = Habits::new(&asked, environment)?;
    let named = arguments.file.display().to_string();
    let input: Box<dyn BufRead> = if arguments.file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let file = File::open(&arguments.file)
            .with_context(|| format!("cannot read `{named}`"))
            .map_err(|error| Failure::new(USAGE, error))?;
        Box::new(BufReader::with_capacity(1 << 16, file))
    };
    let failed = |error: record::Error| {
        let code = if matches!(error, record::Error::Read(_)) { UNDECIDED } else { USAGE };
        Failure::new(code, anyhow::Error::new(error).context(format!("cannot replay `{named}`")))
    };
    let mut reader = Reader::new(input).map_err(failed)?;
    let mut groups = Groups::default();
    let mut events = 0;
    let (mut first, mut last) = (0, 0);
    while let Some(event) = reader.next_event().map_err(failed)? {
        events += 1;
        if event.time != 0 {
            first = if first == 0 { event.time } else { first.min(event.time) };
            last = last.max(event.time);
        }
        for mut alert in habits.event(&event) {
            if alert.priority <= arguments.min_priority {
                belongs(&mut alert, on.as_ref());
                groups.add(alert);
            }
        }
        for rule in engine.evaluate(&event, &Nothing).to_vec() {
            if engine.rules()[rule].priority <= arguments.min_priority {
                let mut alert = engine.alert(rule, &event, &Nothing);
                belongs(&mut alert, on.as_ref());
                groups.add(alert);
            }
        }
    }
    for problem in &reader.problems {
        print::warning(&format!("{named}:{}: {}", problem.line, problem.message));
    }
    let told = reader.problems.len() as u64;
    if reader.unread > told {
        print::warning(&format!("{named}: {} more lines could not be read", reader.unread - told));
    }
    if reader.unknown > 0 {
        print::warning(&format!("{named}: {} events are of kinds that are not known here", reader.unknown));
    }
    if reader.lost > 0 {
        print::warning(&format!("{named}: the sensor lost {} events", reader.lost));
    }
    let read = reader.unread == 0 && reader.unknown == 0 && reader.lost == 0;
    let whole = read && skipped.is_empty() && habits.tell_unjudged();
    let learned = habits
        .write_replayed(first, last, !read)
        .map_err(|why| Failure::new(UNDECIDED, anyhow!(why).context("nothing was learned")))?;
    if let Some(told) = learned {
        print::talk(&told);
    }
    let (verdict, code) = match (groups.alerts, whole) {
        (1.., _) => ("notMet", 1),
        (0, false) => ("unknown", UNDECIDED),
        (0, true) => ("met", 0),
    };
    let summary = Summary {
        schema_version: SCHEMA,
        kind: "summary",
        verdict,
        events,
        alerts: groups.alerts,
        groups: groups.all().len(),
        ungrouped: groups.uncounted,
        rules: engine.rules().len(),
        not_run: skipped.iter().map(not_run).collect(),
        problems: &reader.problems,
        unread: reader.unread,
        unknown: reader.unknown,
        lost: reader.lost,
        unjudged: habits.unjudged(),
    };
    let text = match arguments.format {
        Form::Table => table(&groups, &summary, environment),
        Form::Json => lines(&groups, &summary).map_err(|error| Failure::new(USAGE, error))?,
    };
    print::data(&text)?;
    Ok(code)
}

pub(super) fn missing(skipped: &Skipped) -> String {
    skipped.missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn not_run(skipped: &Skipped) -> serde_json::Value {
    json!({
        "rule": skipped.rule,
        "file": skipped.file,
        "line": skipped.place.line,
        "enabled": skipped.enabled,
        "missing": skipped.missing,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    schema_version: &'static str,
    kind: &'static str,
    #[serde(flatten)]
    group: &'a Group,
}

fn lines(groups: &Groups, summary: &Summary<'_>) -> anyhow::Result<String> {
    let mut out = String::new();
    for group in groups.all() {
        let line = Line { schema_version: SCHEMA, kind: "alerts", group };
        out.push_str(&serde_json::to_string(&line)?);
        out.push('\n');
    }
    out.push_str(&serde_json::to_string(summary)?);
    out.push('\n');
    Ok(out)
}

/// Bold, and red from "error" on, where colours are shown.
fn heading(priority: Priority, environment: &Environment) -> String {
    let word = priority.name().to_uppercase();
    let code = if priority <= Priority::Error { "1;31" } else { "1" };
    if environment.stdout_color { format!("\x1b[{code}m{word}\x1b[0m") } else { word }
}

fn table(groups: &Groups, summary: &Summary<'_>, environment: &Environment) -> String {
    const INDENT: &str = "    ";
    let width = environment.width.clamp(40, 100);
    let mut out = String::new();
    let mut sorted: Vec<&Group> = groups.all().iter().collect();
    sorted.sort_by_key(|group| group.example.priority);
    let put = |out: &mut String, text: &str| {
        for line in wrap(&plimsoll_format::clean(text), width - INDENT.len()) {
            let _ = writeln!(out, "{INDENT}{line}");
        }
    };
    for group in sorted {
        let alert = &group.example;
        let id = if alert.id.is_empty() { String::new() } else { format!("{}  ", alert.id) };
        let times = if group.count == 1 { String::new() } else { format!("  {} times", group.count) };
        let name = print::plain(&alert.rule);
        let _ = writeln!(out, "{}  {id}{name}{times}", heading(alert.priority, environment));
        put(&mut out, &alert.output);
        let places = match group.containers {
            0 | 1 => String::new(),
            many => format!(" in {many} containers"),
        };
        put(&mut out, &format!("where: {}{places}, {}", alert.container.subject(), span(group)));
        put(&mut out, &format!("who: {}", alert.owner));
        put(&mut out, &format!("next: {}", alert.action));
        out.push('\n');
    }
    if summary.ungrouped > 0 {
        let _ = writeln!(out, "and {} alerts of more groups than are kept apart", summary.ungrouped);
    }
    let not_run = match summary.not_run.len() {
        0 => String::new(),
        some => format!("; {} could not run", count(some as u64, "rule")),
    };
    let verdict = match summary.verdict {
        "met" => "no rule was met",
        "notMet" => "rules were met",
        _ => "no rule was met, but not everything could be judged",
    };
    let _ = writeln!(
        out,
        "{verdict}: {} in {}, {} held against {}{not_run}",
        count(summary.alerts, "alert"),
        count(summary.groups as u64, "group"),
        count(summary.events, "event"),
        count(summary.rules as u64, "rule"),
    );
    out
}

fn count(number: u64, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

fn span(group: &Group) -> String {
    let date = |time: u64| {
        let stamp = jiff::Timestamp::from_nanosecond(i128::from(time)).ok();
        stamp.map_or_else(|| "at no date".to_owned(), |stamp| format!("{stamp:.3}"))
    };
    if group.first == group.last {
        date(group.first)
    } else {
        format!("{} to {}", date(group.first), date(group.last))
    }
}

fn check(arguments: &CheckArguments, environment: &Environment) -> Answer {
    let (_, report) = read_rules(&arguments.files).map_err(|error| Failure::new(USAGE, error))?;
    let lacking = report.skipped.iter().filter(|skipped| skipped.enabled).count();
    let (verdict, code) = match (report.errors.len(), lacking) {
        (1.., _) => ("notMet", 1),
        (0, 1..) => ("unknown", UNDECIDED),
        (0, 0) => ("met", 0),
    };
    let text = match arguments.format {
        Form::Json => {
            let mistake = |error: &plimsoll_runtime::rules::Error| json!({"file": error.file, "line": error.place.line, "column": error.place.column, "message": error.message});
            let document = json!({
                "schemaVersion": SCHEMA,
                "kind": "rules",
                "verdict": verdict,
                "errors": report.errors.iter().map(mistake).collect::<Vec<_>>(),
                "warnings": report.warnings.iter().map(mistake).collect::<Vec<_>>(),
                "notRun": report.skipped.iter().map(not_run).collect::<Vec<_>>(),
                "running": report.running,
                "disabled": report.disabled,
                "lists": report.lists,
                "macros": report.macros,
            });
            format!("{document:#}\n")
        }
        Form::Table => checked(&report, environment),
    };
    print::data(&text)?;
    Ok(code)
}

fn checked(report: &Report, environment: &Environment) -> String {
    let width = environment.width.clamp(40, 100);
    let mut out = String::new();
    let put = |out: &mut String, word: &str, text: &str| {
        for (at, line) in wrap(&plimsoll_format::clean(text), width - 9).into_iter().enumerate() {
            let _ = writeln!(out, "{:9}{line}", if at == 0 { word } else { "" });
        }
    };
    for error in &report.errors {
        put(&mut out, "wrong", &error.to_string());
    }
    for warning in &report.warnings {
        put(&mut out, "warning", &warning.to_string());
    }
    for skipped in &report.skipped {
        let off = if skipped.enabled { "" } else { " (switched off)" };
        let text =
            format!("{}:{}: rule `{}`{off}: {}", skipped.file, skipped.place, skipped.rule, missing(skipped));
        put(&mut out, "not run", &text);
    }
    let _ = writeln!(
        out,
        "{} rules run, {} are switched off, {} cannot run here, {} mistakes; {} lists, {} macros",
        report.running,
        report.disabled.len(),
        report.skipped.len(),
        report.errors.len(),
        report.lists,
        report.macros,
    );
    out
}

fn fields(format: Form, environment: &Environment) -> Answer {
    let text = match format {
        Form::Json => {
            let fields = Field::all().iter().map(|field| {
                json!({
                    "name": field.name,
                    "argument": field.argument(),
                    "type": field.kind.word(),
                    "events": field.events(),
                    "description": field.description,
                })
            });
            format!(
                "{:#}\n",
                json!({"schemaVersion": SCHEMA, "kind": "fields", "fields": fields.collect::<Vec<_>>()})
            )
        }
        Form::Table => {
            let width = environment.width.clamp(40, 100);
            let name = |field: &Field| format!("{}{}", field.name, field.argument());
            let widest = Field::all().iter().map(|field| name(field).len()).max().unwrap_or(0).min(width / 2);
            let mut out = String::new();
            for field in Field::all() {
                let text = format!("{}: {}", field.kind.word(), field.description);
                let mut lines = wrap(&text, width - widest - 2).into_iter();
                let mut first = name(field);
                if first.len() > widest {
                    let _ = writeln!(out, "{first}");
                    first = String::new();
                }
                let _ = writeln!(out, "{first:widest$}  {}", lines.next().unwrap_or_default());
                for line in lines {
                    let _ = writeln!(out, "{:widest$}  {line}", "");
                }
            }
            out
        }
    };
    print::data(&text)?;
    Ok(0)
}
