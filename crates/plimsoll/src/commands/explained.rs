//! `plimsoll watch --explain ALERT`: one kind of alert out of what a watch or a replay wrote: what, where, by whom, why it
//! matters, what is next, and how to say that it is wanted.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use plimsoll_format::wrap;
use plimsoll_runtime::rules::{Engine, builtin, shape};
use serde_json::{Value, json};

use super::Answer;
use super::watch::Form;
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

/// Bytes of a line: an alert has at most a few command lines.
const LONGEST: u64 = 4 << 20;
/// Other alerts of the same container that are told.
const MOST_AROUND: usize = 20;
/// How near in time they are, in seconds.
const NEAR: i64 = 300;

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// Explain an alert: its key, a part of it, or the id or name of its rule; looked for in --alerts
    #[arg(long, value_name = "ALERT", conflicts_with_all = ["events", "output", "respond", "act"])]
    pub(crate) explain: Option<String>,

    /// What `plimsoll watch` or `plimsoll watch replay --format json` wrote, for --explain; may be given several times, `-` for standard input
    #[arg(long, value_name = "FILE", requires = "explain")]
    alerts: Vec<PathBuf>,
}

/// Alerts of one key.
#[derive(Debug)]
struct Kind {
    key: String,
    /// The first one.
    alert: Value,
    count: u64,
    first: String,
    last: String,
    containers: std::collections::BTreeSet<String>,
    /// As the lines say, where they counted already.
    more_containers: u64,
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// What an alert's container is called, as [`plimsoll_runtime::rules::AlertPlace::subject`] does.
fn subject(alert: &Value) -> String {
    let of = |name: &str| text(alert, &format!("/container/{name}"));
    match (of("state"), of("image"), of("digest")) {
        ("host", ..) => "host".to_owned(),
        (_, "", "") => {
            let id: String = of("id").chars().take(12).collect();
            format!("{id} (image {})", if of("state") == "pending" { "pending" } else { "unreadable" })
        }
        (_, "", digest) => digest.to_owned(),
        (_, image, _) => image.to_owned(),
    }
}

/// Reads alerts of files; what is no alert (losses, responses, a summary) is passed over, what is no JSON is an error.
fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<Kind>> {
    let mut kinds: Vec<Kind> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for path in paths {
        let named = path.display();
        let input: Box<dyn std::io::Read> = if path == Path::new("-") {
            Box::new(std::io::stdin().lock())
        } else {
            Box::new(std::fs::File::open(path).with_context(|| format!("cannot read `{named}`"))?)
        };
        let mut input = BufReader::new(input);
        let mut number = 0_u64;
        let mut line = Vec::new();
        loop {
            line.clear();
            number += 1;
            let count = input.by_ref().take(LONGEST).read_until(b'\n', &mut line);
            if count.with_context(|| format!("cannot read `{named}`"))? == 0 {
                break;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let value: Value = serde_json::from_slice(&line)
                .with_context(|| format!("`{named}`, line {number}: not a line that a watch writes"))?;
            let (alert, count, first, last, containers) = match text(&value, "/kind") {
                "alert" => {
                    let time = text(&value, "/alert/time").to_owned();
                    (&value["alert"], 1, time.clone(), time, 1)
                }
                "alerts" => (
                    &value["example"],
                    value["count"].as_u64().unwrap_or(1),
                    text(&value, "/first").to_owned(),
                    text(&value, "/last").to_owned(),
                    value["containers"].as_u64().unwrap_or(1),
                ),
                _ => continue,
            };
            let key = plimsoll_runtime::rules::key(
                text(alert, "/rule"),
                &subject(alert),
                &shape(text(alert, "/process/commandLine")),
            );
            let place = *places.entry(key.clone()).or_insert_with(|| {
                kinds.push(Kind {
                    key,
                    alert: alert.clone(),
                    count: 0,
                    first: first.clone(),
                    last: last.clone(),
                    containers: std::collections::BTreeSet::new(),
                    more_containers: 0,
                });
                kinds.len() - 1
            });
            let kind = &mut kinds[place];
            kind.count = kind.count.saturating_add(count);
            // Dates of one form sort as texts.
            kind.first = kind.first.clone().min(first);
            kind.last = kind.last.clone().max(last);
            if kind.containers.len() < 1_000 {
                kind.containers.insert(text(alert, "/container/id").to_owned());
            }
            kind.more_containers = kind.more_containers.max(containers);
        }
    }
    Ok(kinds)
}

impl Kind {
    fn is(&self, asked: &str) -> bool {
        let id = text(&self.alert, "/id");
        asked.len() >= 4 && self.key.starts_with(asked)
            || id.eq_ignore_ascii_case(asked)
            || text(&self.alert, "/rule").eq_ignore_ascii_case(asked)
    }

    fn containers(&self) -> u64 {
        (self.containers.len() as u64).max(self.more_containers)
    }

    /// Rules in Falco's form that leave these alerts out: this rule, by this program and parent, in images of this name.
    fn exception(&self) -> String {
        let alert = &self.alert;
        let image = text(alert, "/container/image");
        // A tag stands behind the last slash, a digest behind an `@`.
        let image = image.split('@').next().unwrap_or_default();
        let repository = match (image.rfind(':'), image.rfind('/')) {
            (Some(tag), slash) if slash.is_none_or(|slash| slash < tag) => &image[..tag],
            _ => image,
        };
        let mut fields = vec![
            ("container.image.repository", repository),
            ("proc.name", text(alert, "/process/name")),
            ("proc.exepath", text(alert, "/process/executable")),
            ("proc.pname", text(alert, "/parents/0/name")),
        ];
        fields.retain(|(_, value)| !value.is_empty());
        let list = |values: Vec<String>| format!("[{}]", values.join(", "));
        let quoted = |value: &str| json!(value).to_string();
        format!(
            "- rule: {}\n  exceptions:\n    - name: wanted_{}\n      fields: {}\n      comps: {}\n      values:\n        - {}\n  override:\n    exceptions: append\n",
            quoted(text(alert, "/rule")),
            self.key,
            list(fields.iter().map(|(name, _)| (*name).to_owned()).collect()),
            list(fields.iter().map(|_| "=".to_owned()).collect()),
            list(fields.iter().map(|(_, value)| quoted(value)).collect()),
        )
    }

    /// Other alerts of the same container, near in time, the first first.
    fn around<'k>(&self, kinds: &'k [Kind]) -> Vec<&'k Kind> {
        let time = |kind: &Kind| text(&kind.alert, "/time").parse::<jiff::Timestamp>().ok();
        let here = text(&self.alert, "/container/id");
        let mut near: Vec<&Kind> = kinds
            .iter()
            .filter(|other| {
                other.key != self.key
                    && text(&other.alert, "/container/id") == here
                    && match (time(self), time(other)) {
                        (Some(one), Some(other)) => (one.as_second() - other.as_second()).abs() <= NEAR,
                        _ => false,
                    }
            })
            .collect();
        near.sort_by(|one, other| text(&one.alert, "/time").cmp(text(&other.alert, "/time")));
        near.truncate(MOST_AROUND);
        near
    }
}

pub(super) fn run(arguments: &ExplainArguments, form: Form, environment: &Environment) -> Answer {
    let asked = arguments.explain.as_deref().unwrap_or_default();
    if arguments.alerts.is_empty() {
        let page = super::watch::explain(asked).ok_or_else(|| {
            Failure::new(USAGE, anyhow!("cannot explain `{asked}`: no detection has this id"))
                .hint("an alert is explained from what a watch wrote: `--alerts FILE`".to_owned())
        })?;
        print::data(&page)?;
        return Ok(0);
    }
    let kinds = read(&arguments.alerts).map_err(|error| Failure::new(UNDECIDED, error))?;
    let found: Vec<&Kind> = kinds.iter().filter(|kind| kind.is(asked)).collect();
    if found.is_empty() {
        let error = anyhow!("cannot explain `{asked}`: none of the {} kinds of alerts is it", kinds.len());
        return Err(Failure::new(UNDECIDED, error)
            .hint("name the `key` of an alert, or the id or name of its rule".to_owned()));
    }
    let engine = builtin::engine();
    let mut out = String::new();
    for (at, kind) in found.iter().enumerate() {
        match form {
            Form::Json => {
                out.push_str(&document(kind, &kinds, &engine).to_string());
                out.push('\n');
            }
            Form::Table => {
                if at > 0 {
                    out.push('\n');
                }
                page(&mut out, kind, &kinds, &engine, environment);
            }
        }
    }
    print::data(&out)?;
    Ok(0)
}

fn document(kind: &Kind, kinds: &[Kind], engine: &Engine) -> Value {
    let near: Vec<Value> = kind
        .around(kinds)
        .iter()
        .map(|other| {
            json!({ "key": other.key, "time": text(&other.alert, "/time"), "rule": text(&other.alert, "/rule"),
                "output": text(&other.alert, "/output"), "count": other.count })
        })
        .collect();
    let own = own(engine, kind);
    json!({
        "schemaVersion": "1.0", "kind": "explained", "key": kind.key, "count": kind.count,
        "first": kind.first, "last": kind.last, "containers": kind.containers(), "alert": kind.alert,
        "what": own.map(|rule| rule.description.as_str()).unwrap_or_default(),
        "why": own.map(|rule| rule.own.why.as_str()).unwrap_or_default(),
        "around": near, "exception": kind.exception(),
    })
}

fn own<'e>(engine: &'e Engine, kind: &Kind) -> Option<&'e plimsoll_runtime::rules::RuleInfo> {
    let id = text(&kind.alert, "/id");
    engine.rules().iter().find(|rule| !id.is_empty() && rule.own.id == id)
}

fn page(out: &mut String, kind: &Kind, kinds: &[Kind], engine: &Engine, environment: &Environment) {
    let alert = &kind.alert;
    let width = environment.width.clamp(40, 100);
    let clean = |text: &str| plimsoll_format::clean(text).into_owned();
    let part = |out: &mut String, name: &str, body: &str| {
        if body.trim().is_empty() {
            return;
        }
        let _ = writeln!(out, "\n  {name}");
        for line in body.lines() {
            for line in wrap(line.trim_end(), width - 4) {
                let _ = writeln!(out, "    {line}");
            }
        }
    };
    let id = text(alert, "/id");
    let _ = writeln!(
        out,
        "{}  {}  key {}\n{}",
        if id.is_empty() { "rule" } else { id },
        text(alert, "/priority"),
        kind.key,
        clean(text(alert, "/rule"))
    );
    part(out, "what", &clean(text(alert, "/output")));
    let times = match kind.count {
        1 => format!("once, at {}", kind.first),
        count => format!("{count} times from {} to {}", kind.first, kind.last),
    };
    part(out, "when", &times);
    let of = |name: &str| clean(text(alert, &format!("/container/{name}")));
    let mut place = clean(&subject(alert));
    for (word, value) in [
        ("digest", of("digest")),
        ("container", of("id").chars().take(12).collect()),
        ("name", of("name")),
        ("namespace", of("pod/namespace")),
        ("pod", of("pod/name")),
        ("pod's uid", of("pod/uid")),
    ] {
        if !value.is_empty() && value != place {
            let _ = write!(place, "\n{word} {value}");
        }
    }
    if kind.containers() > 1 {
        let _ = write!(place, "\nin {} containers; this is the first", kind.containers());
    }
    part(out, "where", &place);
    let _ = writeln!(out, "\n  who");
    let parents = alert["parents"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (depth, actor) in parents.iter().rev().chain([&alert["process"]]).enumerate() {
        let line = format!(
            "{}{} ({}, user {})",
            "  ".repeat(depth),
            clean(text(actor, "/commandLine")).replace('\n', " "),
            actor["id"],
            actor["uid"]
        );
        let _ = writeln!(out, "    {}", line.chars().take(width - 4).collect::<String>().trim_end());
    }
    if let Some(rule) = own(engine, kind) {
        part(out, "why", &rule.own.why);
        let techniques: Vec<String> =
            builtin::techniques(rule).map(|technique| format!("MITRE ATT&CK {technique}")).collect();
        part(out, "elsewhere", &techniques.join(", "));
    }
    part(out, "owner", &clean(text(alert, "/owner")));
    part(out, "next", &clean(text(alert, "/action")));
    let near: Vec<String> = kind
        .around(kinds)
        .iter()
        .map(|other| {
            let time: String = text(&other.alert, "/time").chars().skip(11).take(8).collect();
            format!(
                "{time} {} {} (key {})",
                text(&other.alert, "/id"),
                clean(text(&other.alert, "/rule")),
                other.key
            )
        })
        .collect();
    part(out, "in the same container, within five minutes", &near.join("\n"));
    let rule = if id.is_empty() { text(alert, "/rule") } else { id };
    if text(alert, "/container/state") != "host" {
        let act = format!(
            "plimsoll watch --act '{}=freeze,evidence' --evidence FOLDER (tells what it would do; --enforce does it)",
            clean(rule)
        );
        part(out, "to act the next time", &act);
    }
    let _ = writeln!(out, "\n  if it is wanted, in a file behind the rules (--rules builtin --rules FILE)");
    for line in kind.exception().lines() {
        let _ = writeln!(out, "    {}", clean(line));
    }
}
