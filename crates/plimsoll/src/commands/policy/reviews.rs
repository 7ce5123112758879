//! `plimsoll policy replay --reviews`: what a draft would have said to reviews that were recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use plimsoll_admit::engine::{Engine, Rules};
use plimsoll_admit::evidence::{Limits, Store};
use plimsoll_admit::recorded::{Replayed, replay};
use plimsoll_admit::service::registry;
use plimsoll_model::workload::Kinds;
use plimsoll_scan::Options;
use plimsoll_scan::gate::Gate;
use plimsoll_scan::policy::Effect;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::admit::EXEMPT;
use super::{Answer, verify};
use crate::cli::{PolicyReplayArguments, PolicyTestFormat};
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

/// How long one review may take: its images are looked at once.
const PATIENCE: Duration = Duration::from_mins(2);
/// Reviews that are named in each part of a table.
const SHOWN: usize = 50;

/// A review that the draft decides otherwise, or of which it cannot tell.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    /// `newlyDenied`, `newlyUnknown`, `newlyAllowed`.
    change: &'static str,
    /// Where it was recorded: file, and line or number in it.
    at: String,
    uid: String,
    user: String,
    operation: String,
    namespace: String,
    kind: String,
    name: String,
    before: Effect,
    after: Effect,
    reasons: Vec<String>,
}

/// How many came out how.
#[derive(Debug, Default)]
struct Tally {
    same: usize,
    denied: usize,
    unknown: usize,
    newly: BTreeMap<&'static str, usize>,
}

pub(super) fn run(
    arguments: &PolicyReplayArguments,
    path: &Path,
    (draft, current): (Gate, Option<Gate>),
    options: &Options,
    environment: &Environment,
) -> Answer {
    let usage = |error| Failure::new(USAGE, error);
    let mut kinds = Kinds::default();
    for line in &arguments.kinds {
        kinds.add(line).map_err(|error| Failure::new(USAGE, error))?;
    }
    let now = environment.now.as_second();
    let engine = |gate: Gate| {
        let gate = Arc::new(gate);
        let clock: plimsoll_admit::Clock = Arc::new(move || now);
        // Nobody waits here but one, and registries are asked at the pace of the webhook all the same.
        let store = Arc::new(Store::new(registry(&gate, options, &clock), Limits::default()));
        store.start(&clock);
        let exempt: BTreeSet<String> = EXEMPT.map(str::to_owned).into_iter().collect();
        Engine::new(Rules { kinds: kinds.clone(), exempt, ..Rules::new(gate) }, store)
    };
    let (draft, current) = (engine(draft), current.map(engine));
    let (mut changes, mut tally, mut unread) = (Vec::new(), Tally::default(), Vec::new());
    let mut total = 0;
    for file in files(path).map_err(usage)? {
        let named = file.display().to_string();
        for (at, review) in reviews(opened(&file).map_err(usage)?) {
            let at = format!("{named}: {at}");
            let one = review.and_then(|review| {
                let after = replay(&draft, &review, now, PATIENCE)?;
                let before = before(current.as_ref(), &review, now)?;
                Ok((review, before, after))
            });
            match one {
                Ok((review, before, after)) => {
                    total += 1;
                    changes.extend(tally.add(&at, &review, before, after));
                }
                Err(error) => unread.push(format!("{at}: {error}")),
            }
        }
    }
    if total == 0 && unread.is_empty() {
        return Err(usage(anyhow!("`{}` holds no review: there is nothing to replay", path.display())));
    }
    let text = match arguments.format {
        PolicyTestFormat::Table => table(&changes, &tally, total, &unread),
        PolicyTestFormat::Json => {
            let newly = |word| tally.newly.get(word).copied().unwrap_or_default();
            let document = json!({
                "schemaVersion": "1.0",
                "reviews": total,
                "denied": tally.denied,
                "unknown": tally.unknown,
                "newlyDenied": newly("newlyDenied"),
                "newlyUnknown": newly("newlyUnknown"),
                "newlyAllowed": newly("newlyAllowed"),
                "same": tally.same,
                "changes": changes,
                "unread": unread,
            });
            format!("{document:#}\n")
        }
    };
    print::data(&text)?;
    let newly = |word| tally.newly.contains_key(word);
    Ok(match (newly("newlyDenied"), newly("newlyUnknown") || !unread.is_empty()) {
        (true, _) => 1,
        (false, true) => UNDECIDED,
        (false, false) => 0,
    })
}

/// What holds now: by the policies that were given, else what was answered then, else everything is let in.
fn before(current: Option<&Engine>, review: &Value, now: i64) -> Result<Effect, String> {
    match (current, review.pointer("/response/allowed")) {
        (Some(engine), _) => Ok(replay(engine, review, now, PATIENCE)?.effect),
        (None, Some(Value::Bool(false))) => Ok(Effect::Deny),
        (None, _) => Ok(Effect::Allow),
    }
}

impl Tally {
    fn add(&mut self, at: &str, review: &Value, before: Effect, after: Replayed) -> Option<Changed> {
        self.denied += usize::from(after.effect == Effect::Deny);
        self.unknown += usize::from(after.effect == Effect::Unknown);
        // What cannot be told is refused as well: from there to "denied" nothing changes for anybody.
        let change = match (before > Effect::Warn, after.effect) {
            (false, Effect::Deny) => "newlyDenied",
            (false, Effect::Unknown) => "newlyUnknown",
            (true, Effect::Allow | Effect::Warn) => "newlyAllowed",
            _ => {
                self.same += 1;
                return None;
            }
        };
        *self.newly.entry(change).or_default() += 1;
        let text = |pointer: &str| {
            review.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let name = text("/request/name")
            .or_else(|| text("/request/object/metadata/name"))
            .or_else(|| text("/request/object/metadata/generateName"));
        Some(Changed {
            change,
            at: at.to_owned(),
            uid: text("/request/uid").unwrap_or_default(),
            user: text("/request/userInfo/username").unwrap_or_default(),
            operation: text("/request/operation").unwrap_or_default(),
            namespace: text("/request/namespace").unwrap_or_default(),
            kind: text("/request/kind/kind").unwrap_or_default(),
            name: name.unwrap_or_default(),
            before,
            after: after.effect,
            reasons: after.reasons,
        })
    }
}

/// A file, or those of a folder that end in `.json` or `.jsonl`, in the order of their names.
fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let files = verify::listed(path, &["json", "jsonl"])?;
    if files.is_empty() {
        return Err(anyhow!("`{}` holds no file that ends in .json or .jsonl", path.display()));
    }
    Ok(files)
}

/// What a file holds, not yet read.
fn opened(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

/// A review with where it stands.
type Placed = (String, Result<Value, String>);

/// The reviews of a file: one document, a list of them, or one in each line. Lines are read as they are asked for, however
/// many there are; a document and a line may have [`verify::LARGEST_FILE`] bytes.
fn reviews(mut input: impl BufRead + 'static) -> Box<dyn Iterator<Item = Placed>> {
    let mut number = 0;
    let first = loop {
        number += 1;
        match next_line(&mut input) {
            Ok(Some(line)) if line.trim_ascii().is_empty() => {}
            Ok(Some(line)) => break line,
            Ok(None) => return Box::new(std::iter::empty()),
            Err(error) => return Box::new(std::iter::once((format!("line {number}"), Err(error)))),
        }
    };
    // A line that is a document is one of many, or all that there is. A list of one line is a list.
    let alone = serde_json::from_slice::<Value>(&first);
    if let Ok(Value::Object(members)) = &alone
        && !is_list(members)
    {
        let first = std::iter::once((format!("line {number}"), alone.map_err(not_json)));
        return Box::new(first.chain(lines(input, number)));
    }
    let mut whole = first;
    if let Err(error) = limited(&mut input, verify::LARGEST_FILE, |input| input.read_to_end(&mut whole)) {
        return Box::new(std::iter::once(("the file".to_owned(), Err(error))));
    }
    match serde_json::from_slice::<Value>(&whole) {
        Ok(document) => {
            let items = match document {
                Value::Array(items) => items,
                Value::Object(mut members) if is_list(&members) => match members.remove("items") {
                    Some(Value::Array(items)) => items,
                    _ => Vec::new(),
                },
                other => vec![other],
            };
            let numbered = items.into_iter().enumerate();
            Box::new(numbered.map(|(number, review)| (format!("review {}", number + 1), Ok(review))))
        }
        // Lines, the first of which is broken.
        Err(_) => Box::new(lines(Cursor::new(whole), number - 1)),
    }
}

/// A list of Kubernetes; a review has a request.
fn is_list(members: &Map<String, Value>) -> bool {
    matches!(members.get("items"), Some(Value::Array(_))) && !members.contains_key("request")
}

fn lines(mut input: impl BufRead, mut number: usize) -> impl Iterator<Item = Placed> {
    let mut ended = false;
    std::iter::from_fn(move || {
        while !ended {
            number += 1;
            let at = format!("line {number}");
            match next_line(&mut input) {
                Ok(None) => break,
                Ok(Some(line)) if line.trim_ascii().is_empty() => {}
                Ok(Some(line)) => return Some((at, serde_json::from_slice(&line).map_err(not_json))),
                Err(error) => {
                    ended = true;
                    return Some((at, Err(error)));
                }
            }
        }
        None
    })
}

fn next_line(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, String> {
    let mut line = Vec::new();
    let read = limited(input, verify::LARGEST_FILE, |input| input.read_until(b'\n', &mut line))?;
    Ok((read > 0).then_some(line))
}

/// Reads at most so many bytes; more are an error.
fn limited<R: BufRead>(
    input: &mut R,
    limit: u64,
    read: impl FnOnce(&mut std::io::Take<&mut R>) -> std::io::Result<usize>,
) -> Result<usize, String> {
    let read =
        read(&mut input.by_ref().take(limit + 1)).map_err(|error| format!("it cannot be read: {error}"))?;
    if read as u64 > limit { Err(format!("it is larger than {limit} bytes")) } else { Ok(read) }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
fn not_json(error: serde_json::Error) -> String {
    format!("it is no JSON: {error}")
}

fn table(changes: &[Changed], tally: &Tally, total: usize, unread: &[String]) -> String {
    let mut out = String::new();
    for (title, word) in [
        ("Would have been refused", "newlyDenied"),
        ("Could not have been told, and so refused", "newlyUnknown"),
        ("Would have been let in", "newlyAllowed"),
    ] {
        let some: Vec<&Changed> = changes.iter().filter(|one| one.change == word).collect();
        if some.is_empty() {
            continue;
        }
        let _ = writeln!(out, "{title}");
        for one in some.iter().take(SHOWN) {
            let Changed { namespace, kind, name, operation, user, at, .. } = one;
            let what = format!("{namespace}/{kind} {name}  {operation} by {user}");
            let _ = writeln!(out, "  {}", print::plain(&what));
            for reason in one.reasons.iter().take(5) {
                let _ = writeln!(out, "    {}", print::plain(reason));
            }
            let _ = writeln!(out, "    recorded in {}", print::plain(at));
        }
        if some.len() > SHOWN {
            let _ = writeln!(out, "  and {} more (--format json)", some.len() - SHOWN);
        }
        let _ = writeln!(out);
    }
    for one in unread {
        let _ = writeln!(out, "not read  {}", print::plain(one));
    }
    let newly = |word| tally.newly.get(word).copied().unwrap_or_default();
    let _ = writeln!(
        out,
        "Of {total} reviews the draft would newly refuse {}, not be able to tell of {}, newly let in {}; {} stay as they were.",
        newly("newlyDenied"),
        newly("newlyUnknown"),
        newly("newlyAllowed"),
        tally.same
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reviews_in_whatever_file() {
        let count = |text: &str| {
            let all: Vec<Placed> = reviews(Cursor::new(text.to_owned())).collect();
            (all.len(), all.iter().filter(|(_, one)| one.is_err()).count())
        };
        let one = r#"{"request": {"uid": "1"}}"#;
        assert_eq!(count(one), (1, 0));
        assert_eq!(count(&format!("[{one}, {one}]")), (2, 0));
        assert_eq!(count(&format!("{{\"kind\": \"List\", \"items\": [{one}, {one}]}}")), (2, 0));
        assert_eq!(count(&format!("{one}\n\n{one}\n{{\"requ")), (3, 1), "half a line is named");
        assert_eq!(count(&format!("{{\"requ\n{one}\n")), (2, 1), "the first line too");
        assert_eq!(count(&serde_json::to_string_pretty(&json!([{"request": {}}])).expect("JSON")), (1, 0));
        assert_eq!(count("{\n \"request\": {}\n}\n"), (1, 0));
        assert_eq!(count(""), (0, 0));
    }

    #[test]
    fn lines_are_read_when_they_are_asked_for() {
        /// A recording that never ends.
        struct Endless(usize);
        impl std::io::Read for Endless {
            fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
                for byte in into.iter_mut() {
                    *byte = b"{\"request\": {}}\n"[self.0 % 16];
                    self.0 += 1;
                }
                Ok(into.len())
            }
        }
        let mut all = reviews(BufReader::new(Endless(0)));
        let at = all.nth(9_999).expect("a review");
        assert_eq!((at.0.as_str(), at.1.is_ok()), ("line 10000", true));
    }
}
