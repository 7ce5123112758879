//! Smallest edits of YAML and JSON texts: a value is put where a JSON pointer leads, and nothing else is written anew.
//!
//! Comments, order, quotes, anchors and indentation stay as they are: only the bytes of a scalar that is replaced go, and what is
//! added is written in the style of what it is added to. An edit is taken only when the text that comes out, read again, is
//! what it was but for the change; otherwise (a map that an alias repeats, one that is merged in) it is refused with the reason.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};
use serde_json::{Map, Value};

use super::yaml;

/// What is to be done to a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A value at a JSON pointer, with the maps that lead there. What stands there is replaced when it is a scalar.
    Set(String, Value),
    /// A further element of the list at a pointer; the list is made where there is none.
    Append(String, Value),
    /// Another name for the key that a pointer leads to.
    Rename(String, String),
}

impl Change {
    /// Where.
    pub fn pointer(&self) -> &str {
        let (Change::Set(pointer, _) | Change::Append(pointer, _) | Change::Rename(pointer, _)) = self;
        pointer
    }
}

/// A part of a text, and what takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Bytes that go; empty where something is added.
    pub range: Range<usize>,
    /// What comes.
    pub with: String,
}

/// The edits that make these changes, each to the document of its number as [`yaml::read`] counts them.
///
/// # Errors
/// When the text cannot be read, or cannot be edited so that nothing else changes, with the reason.
pub fn edits(text: &str, changes: &[(usize, Change)]) -> Result<Vec<Edit>, String> {
    let documents = read(text)?;
    let before = yaml::read(text);
    if let Some(fault) = before.fault {
        return Err(format!("it is no YAML: {}", fault.detail));
    }
    let mut wanted: Vec<Value> = before.documents.iter().map(|node| Value::from(node.value())).collect();
    if documents.len() != wanted.len() {
        return Err("its documents cannot be told apart".to_owned());
    }
    let mut writer = Writer { text, json: false, edits: Vec::new() };
    let mut by_document: BTreeMap<usize, Vec<&Change>> = BTreeMap::new();
    for (number, change) in changes {
        by_document.entry(*number).or_default().push(change);
    }
    for (number, own) in by_document {
        let (Some(document), Some(value)) = (documents.get(number), wanted.get_mut(number)) else {
            return Err("its documents cannot be told apart".to_owned());
        };
        for change in &own {
            expect(value, change)?;
        }
        writer.json = is_json(text, document);
        writer.document(document, &own)?;
    }
    let edits = in_order(writer.edits)?;
    let after = apply(text, &edits);
    let read = yaml::read(&after);
    let same = read.fault.is_none()
        && read.documents.len() == wanted.len()
        && read.documents.iter().zip(&wanted).all(|(node, value)| Value::from(node.value()) == *value);
    if same {
        Ok(edits)
    } else {
        Err("it is written once for several places (an alias, or a merge)".to_owned())
    }
}

/// The edits by place. What is added at one place stands there from the inside out.
fn in_order(mut all: Vec<Edit>) -> Result<Vec<Edit>, String> {
    let column = |edit: &Edit| {
        let line = edit.with.trim_start_matches(['\r', '\n']);
        line.len() - line.trim_start_matches(' ').len()
    };
    all.sort_by_key(|edit| (edit.range.start, edit.range.end, Reverse(column(edit))));
    let mut edits: Vec<Edit> = Vec::with_capacity(all.len());
    for edit in all {
        match edits.last_mut() {
            Some(last) if last.range.end > edit.range.start => {
                return Err("two changes are about the same place".to_owned());
            }
            Some(last) if last.range == edit.range => last.with.push_str(&edit.with),
            _ => edits.push(edit),
        }
    }
    Ok(edits)
}

/// The text with edits, which are in order and do not overlap.
pub fn apply(text: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len() + edits.iter().map(|edit| edit.with.len()).sum::<usize>());
    let mut at = 0;
    for edit in edits {
        out.push_str(text.get(at..edit.range.start).unwrap_or_default());
        out.push_str(&edit.with);
        at = edit.range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Lines around a change that are shown.
const CONTEXT: usize = 3;

/// Lines that go and lines that come, from the line of this number on (counted from 0).
struct Hunk<'t> {
    from: usize,
    old: Vec<&'t str>,
    new: Vec<String>,
}

/// The edits of a file as a unified diff, which `git apply` and `patch -p1` take.
pub fn unified(path: &str, text: &str, edits: &[Edit]) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut starts = Vec::with_capacity(lines.len());
    let mut at = 0;
    for line in &lines {
        starts.push(at);
        at += line.len();
    }
    let line_of = |place: usize| starts.partition_point(|start| *start <= place).saturating_sub(1);
    let mut hunks: Vec<Hunk<'_>> = Vec::new();
    let mut rest = edits;
    while let Some(first) = rest.first() {
        // Edits of the same lines are one change.
        let (from, mut to) = (line_of(first.range.start), line_of(first.range.end));
        let mut count = 1;
        while let Some(next) = rest.get(count).filter(|next| line_of(next.range.start) <= to) {
            to = to.max(line_of(next.range.end));
            count += 1;
        }
        let (Some(start), end) =
            (starts.get(from).copied(), starts.get(to + 1).copied().unwrap_or(text.len()))
        else {
            break;
        };
        let own: Vec<Edit> = rest[..count]
            .iter()
            .map(|edit| Edit {
                range: edit.range.start - start..edit.range.end - start,
                with: edit.with.clone(),
            })
            .collect();
        let new = apply(&text[start..end], &own);
        let mut new: Vec<String> = new.split_inclusive('\n').map(str::to_owned).collect();
        let mut old = lines[from..=to].to_vec();
        while old.len() > 1 && old.last().copied() == new.last().map(String::as_str) {
            old.pop();
            new.pop();
        }
        let same = old.iter().zip(&new).take_while(|(old, new)| *old == new).count();
        hunks.push(Hunk { from: from + same, old: old.split_off(same), new: new.split_off(same) });
        rest = &rest[count..];
    }
    let name = path.trim_start_matches('/');
    let mut out = format!("--- a/{name}\n+++ b/{name}\n");
    let mut shift: isize = 0;
    let mut rest = &hunks[..];
    while let Some(first) = rest.first() {
        let mut count = 1;
        let near = |hunk: &Hunk<'_>, next: &Hunk<'_>| next.from <= hunk.from + hunk.old.len() + 2 * CONTEXT;
        while rest.get(count).is_some_and(|next| near(&rest[count - 1], next)) {
            count += 1;
        }
        let last = &rest[count - 1];
        let begin = first.from.saturating_sub(CONTEXT);
        let end = (last.from + last.old.len() + CONTEXT).min(lines.len());
        let grown: isize =
            rest[..count].iter().map(|hunk| signed(hunk.new.len()) - signed(hunk.old.len())).sum();
        let (old, new) = (end - begin, signed(end - begin) + grown);
        // Of no lines, the number is that of the line before.
        let number = |count: isize, at: isize| if count == 0 { at } else { at + 1 };
        let _ = writeln!(
            out,
            "@@ -{},{old} +{},{new} @@",
            number(signed(old), signed(begin)),
            number(new, signed(begin) + shift)
        );
        let mut at = begin;
        for hunk in &rest[..count] {
            lines[at..hunk.from].iter().for_each(|line| push(&mut out, ' ', line));
            hunk.old.iter().for_each(|line| push(&mut out, '-', line));
            hunk.new.iter().for_each(|line| push(&mut out, '+', line));
            at = hunk.from + hunk.old.len();
        }
        lines[at..end].iter().for_each(|line| push(&mut out, ' ', line));
        shift += grown;
        rest = &rest[count..];
    }
    out
}

fn signed(number: usize) -> isize {
    isize::try_from(number).unwrap_or(isize::MAX)
}

fn push(out: &mut String, sign: char, line: &str) {
    out.push(sign);
    out.push_str(line);
    if !line.ends_with('\n') {
        out.push_str("\n\\ No newline at end of file\n");
    }
}

/// The parts of a pointer (RFC 6901).
fn parts(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

/// Makes the change to a value.
fn expect(root: &mut Value, change: &Change) -> Result<(), String> {
    let mut parts = parts(change.pointer());
    let last = parts.pop().ok_or("the whole document cannot be changed")?;
    let mut at = root;
    for part in parts {
        at = step(at, &part)?;
    }
    match change {
        Change::Set(_, value) => *step(at, &last)? = value.clone(),
        Change::Append(_, value) => match step(at, &last)? {
            Value::Array(items) => items.push(value.clone()),
            Value::Null => at[last.as_str()] = Value::Array(vec![value.clone()]),
            _ => return Err(not_there(&last)),
        },
        Change::Rename(_, to) => {
            let map = at.as_object_mut().ok_or_else(|| not_there(&last))?;
            let value = map.remove(&last).ok_or_else(|| not_there(&last))?;
            if map.insert(to.clone(), value).is_some() {
                return Err(format!("`{to}` is there already"));
            }
        }
    }
    Ok(())
}

/// A part of a value; of a map, or of nothing, it is made where it is not there.
fn step<'v>(value: &'v mut Value, part: &str) -> Result<&'v mut Value, String> {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => Ok(map.entry(part).or_insert(Value::Null)),
        Value::Array(items) => {
            part.parse::<usize>().ok().and_then(|at| items.get_mut(at)).ok_or_else(|| not_there(part))
        }
        _ => Err(not_there(part)),
    }
}

fn not_there(part: &str) -> String {
    format!("`{}` is not of the form that it should be", plimsoll_model::shortened(part))
}

/// A node as it is written.
#[derive(Debug)]
struct Node {
    /// Bytes of it; of block collections from the first key or dash to the end of the last thing in it.
    span: Range<usize>,
    /// Column of the start, in characters.
    column: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Null,
    Scalar,
    Alias,
    List { flow: bool, items: Vec<Node> },
    Map { flow: bool, entries: Vec<(Key, Node)> },
}

#[derive(Debug)]
struct Key {
    text: String,
    span: Range<usize>,
    column: usize,
}

struct Open {
    node: Node,
    key: Option<Key>,
}

/// All documents as they are written, empty ones left out.
fn read(text: &str) -> Result<Vec<Node>, String> {
    let options = granit_parser::options! {
        flow_nesting_limit: yaml::MAX_DEPTH, block_nesting_limit: yaml::MAX_DEPTH
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut documents = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    // The end of what was read last.
    let mut last = 0;
    let place = |span: &Span| {
        span.byte_range()
            .filter(|range| text.get(range.clone()).is_some())
            .ok_or_else(|| "the parser tells no places".to_owned())
    };
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| error.kind().to_string())?;
        let column = span.start.col();
        let node = match event {
            Event::Scalar(value, style, _, tag) => {
                let range = place(&span)?;
                let written = text.get(range.clone()).unwrap_or_default();
                // Of blocks of text, the empty lines behind them are not theirs; what is not there has no place.
                let end = range.start + written.trim_end().len();
                if range.start < end {
                    last = end;
                }
                let null = style == ScalarStyle::Plain && tag.is_none() && yaml::is_null(&value);
                let kind = if null { Kind::Null } else { Kind::Scalar };
                if let Some(Open { node: Node { kind: Kind::Map { .. }, .. }, key: key @ None }) =
                    open.last_mut()
                {
                    *key = Some(Key { text: value.into_owned(), span: range.start..end, column });
                    continue;
                }
                Node { span: range.start..end, column, kind }
            }
            Event::Alias(_) => {
                let range = place(&span)?;
                last = range.end;
                Node { span: range, column, kind: Kind::Alias }
            }
            Event::SequenceStart(style, ..) => {
                let kind = Kind::List { flow: style == StructureStyle::Flow, items: Vec::new() };
                open.push(Open { node: Node { span: place(&span)?, column, kind }, key: None });
                continue;
            }
            Event::MappingStart(style, ..) => {
                let kind = Kind::Map { flow: style == StructureStyle::Flow, entries: Vec::new() };
                open.push(Open { node: Node { span: place(&span)?, column, kind }, key: None });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { mut node, .. }) = open.pop() else { continue };
                if let Kind::List { flow: false, items } = &node.kind
                    && let Some(first) = items.first()
                {
                    // The parser tells the place of the key above for some.
                    let before = text[..first.span.start].trim_end();
                    if before.ends_with('-') {
                        node.span.start = before.len() - 1;
                        let line = before.rfind('\n').map_or(0, |at| at + 1);
                        node.column = before[line..before.len() - 1].chars().count();
                    }
                }
                if let Kind::List { flow: true, .. } | Kind::Map { flow: true, .. } = node.kind {
                    last = place(&span)?.end;
                }
                node.span.end = last.max(node.span.start);
                node
            }
            Event::DocumentEnd => {
                open.clear();
                continue;
            }
            _ => continue,
        };
        match open.last_mut() {
            Some(Open { node: Node { kind: Kind::List { items, .. }, .. }, .. }) => items.push(node),
            Some(Open { node: Node { kind: Kind::Map { entries, .. }, .. }, key }) => {
                if let Some(key) = key.take() {
                    // What is not there stands right behind its key.
                    if node.span.is_empty() {
                        last = last.max(key.span.end);
                    }
                    entries.push((key, node));
                }
            }
            _ if matches!(node.kind, Kind::Null) => {}
            _ => documents.push(node),
        }
    }
    Ok(documents)
}

/// Whether keys are quoted, as in JSON.
fn is_json(text: &str, document: &Node) -> bool {
    match &document.kind {
        Kind::Map { flow: true, entries } => {
            entries.first().is_some_and(|(key, _)| text[key.span.clone()].starts_with('"'))
        }
        _ => false,
    }
}

/// What is added to a map or a list.
enum Added {
    Map(Vec<(String, Added)>),
    List(Vec<Value>),
    Value(Value),
}

impl Added {
    fn put(&mut self, path: &[String], value: Added) -> Result<(), String> {
        let Added::Map(entries) = self else { return Err("two changes are about the same place".to_owned()) };
        let [key, rest @ ..] = path else { return Err("two changes are about the same place".to_owned()) };
        let at = entries.iter().position(|(own, _)| own == key);
        match (at, rest, value) {
            (None, [], value) => entries.push((key.clone(), value)),
            (None, rest, value) => {
                let mut below = Added::Map(Vec::new());
                below.put(rest, value)?;
                entries.push((key.clone(), below));
            }
            (Some(at), [], Added::List(more)) => match &mut entries[at].1 {
                Added::List(items) => items.extend(more),
                _ => return Err("two changes are about the same place".to_owned()),
            },
            (Some(_), [], _) => return Err("two changes are about the same place".to_owned()),
            (Some(at), rest, value) => entries[at].1.put(rest, value)?,
        }
        Ok(())
    }
}

struct Writer<'t> {
    text: &'t str,
    json: bool,
    edits: Vec<Edit>,
}

/// How what is added is written.
#[derive(Clone, Copy)]
struct Style {
    /// Columns of a map below its key.
    step: usize,
    /// Columns of a list below its key.
    list: usize,
}

/// A node on the way, with its key and what is added below it.
struct Target<'n> {
    node: &'n Node,
    key: Option<&'n Key>,
    /// Whether it stands in brackets or braces.
    within_flow: bool,
    /// Column of the map that it is in.
    column: usize,
    style: Style,
    added: Added,
}

impl Writer<'_> {
    fn document(&mut self, document: &Node, changes: &[&Change]) -> Result<(), String> {
        let mut targets: BTreeMap<(usize, usize), Target<'_>> = BTreeMap::new();
        for change in changes {
            let pointer = change.pointer();
            let parts = parts(pointer);
            let mut style = Style { step: 2, list: 0 };
            let (mut node, mut key, mut depth) = (document, None, 0);
            let (mut within_flow, mut column) = (false, document.column);
            for part in &parts {
                let next = match &node.kind {
                    Kind::Map { entries, flow } => {
                        let found = entries.iter().rev().find(|(key, _)| key.text == *part);
                        if let (Some((key, below)), false) = (found, flow) {
                            match &below.kind {
                                Kind::Map { flow: false, .. } if below.column > key.column => {
                                    style.step = below.column - key.column;
                                }
                                Kind::List { flow: false, .. } if below.column >= key.column => {
                                    style.list = below.column - key.column;
                                }
                                _ => {}
                            }
                        }
                        within_flow |= *flow;
                        found.map(|(key, below)| (Some(key), below))
                    }
                    Kind::List { items, flow } => {
                        within_flow |= *flow;
                        part.parse::<usize>().ok().and_then(|at| items.get(at)).map(|below| (None, below))
                    }
                    Kind::Alias => {
                        return Err("it is written once for several places (an alias, or a merge)".to_owned());
                    }
                    _ => None,
                };
                let Some((own, below)) = next else { break };
                column = own.map_or(column, |key| key.column);
                (key, node) = (own, below);
                depth += 1;
            }
            let rest = &parts[depth..];
            let found = rest.is_empty();
            match change {
                Change::Rename(_, to) => {
                    let key = key.filter(|_| found).ok_or_else(|| not_there(pointer))?;
                    self.replace(&key.span, to);
                    continue;
                }
                Change::Set(_, value) if found && matches!(node.kind, Kind::Scalar) => {
                    let value = self.inline(&Added::Value(value.clone()));
                    self.edits.push(Edit { range: node.span.clone(), with: value });
                    continue;
                }
                _ => {}
            }
            let added = match change {
                Change::Append(_, value) => Added::List(vec![value.clone()]),
                Change::Set(_, value) => Added::Value(value.clone()),
                Change::Rename(..) => continue,
            };
            let empty = Added::Map(Vec::new());
            let target = targets
                .entry((node.span.start, key.map_or(0, |key| key.span.start)))
                .or_insert(Target { node, key, within_flow, column, style, added: empty });
            if found {
                match (&mut target.added, added) {
                    (Added::List(all), Added::List(more)) => all.extend(more),
                    (Added::Map(none), added) if none.is_empty() => target.added = added,
                    _ => return Err("two changes are about the same place".to_owned()),
                }
            } else {
                target.added.put(rest, added)?;
            }
        }
        for target in targets.into_values() {
            self.add(&target)?;
        }
        Ok(())
    }

    /// In the quotes that are there.
    fn replace(&mut self, span: &Range<usize>, with: &str) {
        let quote = self.text[span.clone()].chars().next().filter(|first| matches!(first, '"' | '\''));
        let with = quote.map_or(with.to_owned(), |quote| format!("{quote}{with}{quote}"));
        self.edits.push(Edit { range: span.clone(), with });
    }

    fn add(&mut self, target: &Target<'_>) -> Result<(), String> {
        let Target { node, key, within_flow, column, style, added } = target;
        match (&node.kind, added) {
            (Kind::Map { flow: true, entries }, Added::Map(more)) => {
                let all: Vec<String> = more
                    .iter()
                    .map(|(key, added)| format!("{}: {}", self.scalar_text(key), self.inline(added)))
                    .collect();
                let last =
                    entries.last().map(|(key, below)| (below.span.end.max(key.span.end), key.span.start));
                self.add_flow(node, last, &all);
            }
            (Kind::List { flow: true, items }, Added::List(more)) => {
                let all: Vec<String> = more.iter().map(|value| self.scalar(value)).collect();
                self.add_flow(node, items.last().map(|item| (item.span.end, item.span.start)), &all);
            }
            (Kind::Map { flow: false, .. }, Added::Map(more)) => {
                let mut lines = Vec::new();
                self.block(more, node.column, *style, &mut lines);
                self.add_lines(node.span.end, &lines);
            }
            (Kind::List { flow: false, .. }, Added::List(more)) => {
                let lines: Vec<String> = more
                    .iter()
                    .map(|value| format!("{:width$}- {}", "", self.scalar(value), width = node.column))
                    .collect();
                self.add_lines(node.span.end, &lines);
            }
            // A key without a value, alone on its line, or a value that is nothing.
            (Kind::Null, added) => {
                let Some(key) = key else { return Err(not_there("null")) };
                if !node.span.is_empty() || *within_flow || matches!(added, Added::Value(_)) {
                    let with = self.inline(added);
                    if node.span.is_empty() {
                        let at = self.colon(key.span.end)?;
                        self.edits.push(Edit { range: at..at, with: format!(" {with}") });
                    } else {
                        self.edits.push(Edit { range: node.span.clone(), with });
                    }
                    return Ok(());
                }
                let mut lines = Vec::new();
                match added {
                    Added::Map(more) => self.block(more, column + style.step, *style, &mut lines),
                    Added::List(items) => {
                        let width = column + style.list;
                        lines.extend(items.iter().map(|one| format!("{:width$}- {}", "", self.scalar(one))));
                    }
                    Added::Value(_) => {}
                }
                self.add_lines(key.span.end, &lines);
            }
            (Kind::Alias, _) => {
                return Err("it is written once for several places (an alias, or a merge)".to_owned());
            }
            _ => return Err("what stands there has another form than it should".to_owned()),
        }
        Ok(())
    }

    /// Behind the colon of a key.
    fn colon(&self, end: usize) -> Result<usize, String> {
        let rest = &self.text[end..];
        let spaces = rest.len() - rest.trim_start_matches(' ').len();
        if rest[spaces..].starts_with(':') { Ok(end + spaces + 1) } else { Err(not_there(":")) }
    }

    /// Into braces or brackets, behind what is there.
    fn add_flow(&mut self, node: &Node, last: Option<(usize, usize)>, all: &[String]) {
        let Some((end, start)) = last else {
            let at = node.span.start + 1;
            self.edits.push(Edit { range: at..at, with: all.join(", ") });
            return;
        };
        // What stands on lines of its own is followed by lines of its own.
        let line = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let indent = &self.text[line..start];
        let own = line > node.span.start && indent.chars().all(|one| one == ' ' || one == '\t');
        let between = if own { format!(",{}{indent}", self.newline(start)) } else { ", ".to_owned() };
        let with: String = all.iter().flat_map(|one| [between.as_str(), one]).collect();
        self.edits.push(Edit { range: end..end, with });
    }

    /// On lines of their own behind the line that a place is on.
    fn add_lines(&mut self, place: usize, lines: &[String]) {
        let rest = &self.text[place..];
        let end = place + rest.find('\n').unwrap_or(rest.len());
        let end = if self.text[place..end].ends_with('\r') { end - 1 } else { end };
        let newline = self.newline(place);
        let with: String = lines.iter().flat_map(|line| [newline, line]).collect();
        self.edits.push(Edit { range: end..end, with });
    }

    /// How lines end around a place.
    fn newline(&self, place: usize) -> &'static str {
        let rest = &self.text[place..];
        let end = rest.find('\n').map(|at| place + at).or_else(|| self.text[..place].rfind('\n'));
        if end.is_some_and(|end| self.text[..end].ends_with('\r')) { "\r\n" } else { "\n" }
    }

    fn block(&self, entries: &[(String, Added)], column: usize, style: Style, lines: &mut Vec<String>) {
        for (key, added) in entries {
            let key = self.scalar_text(key);
            match added {
                Added::Value(value) => lines.push(format!("{:column$}{key}: {}", "", self.scalar(value))),
                Added::Map(more) => {
                    lines.push(format!("{:column$}{key}:", ""));
                    self.block(more, column + style.step, style, lines);
                }
                Added::List(items) => {
                    lines.push(format!("{:column$}{key}:", ""));
                    let width = column + style.list;
                    lines.extend(items.iter().map(|one| format!("{:width$}- {}", "", self.scalar(one))));
                }
            }
        }
    }

    fn inline(&self, added: &Added) -> String {
        match added {
            Added::Value(value) => self.scalar(value),
            Added::List(items) => {
                let items: Vec<String> = items.iter().map(|value| self.scalar(value)).collect();
                format!("[{}]", items.join(", "))
            }
            Added::Map(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(key, added)| format!("{}: {}", self.scalar_text(key), self.inline(added)))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    /// Words are written bare in YAML; everything else is JSON, which is YAML.
    fn scalar(&self, value: &Value) -> String {
        match value {
            Value::String(text) => self.scalar_text(text),
            value => value.to_string(),
        }
    }

    fn scalar_text(&self, text: &str) -> String {
        let word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        if word && !self.json && yaml::is_text(text) {
            text.to_owned()
        } else {
            Value::from(text).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(pointer: &str, value: Value) -> (usize, Change) {
        (0, Change::Set(pointer.to_owned(), value))
    }

    fn check(text: &str, changes: &[(usize, Change)], expected: &str) {
        let edits = edits(text, changes).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(apply(text, &edits), expected);
    }

    #[test]
    fn values_are_put_in_the_style_of_the_place() {
        let privilege = || set("/spec/c/0/s/allow", json!(false));
        check(
            "spec:\n  c:\n  - n: a # one\n    # last\n",
            &[privilege()],
            "spec:\n  c:\n  - n: a # one\n    s:\n      allow: false\n    # last\n",
        );
        check(
            "spec:\n    c:\n      - n: a\n",
            &[privilege()],
            "spec:\n    c:\n      - n: a\n        s:\n            allow: false\n",
        );
        check("spec: {c: [{n: a}]}", &[privilege()], "spec: {c: [{n: a, s: {allow: false}}]}");
        check("spec: {c: [{}]}", &[privilege()], "spec: {c: [{s: {allow: false}}]}");
        check(
            "spec:\n  c:\n  - s: {allow: true} # x\n",
            &[privilege()],
            "spec:\n  c:\n  - s: {allow: false} # x\n",
        );
        check(
            "spec:\n  c:\n  - s:\n    n: a\n",
            &[privilege()],
            "spec:\n  c:\n  - s:\n      allow: false\n    n: a\n",
        );
        check("spec:\n  c:\n  - s: ~ # x\n", &[privilege()], "spec:\n  c:\n  - s: {allow: false} # x\n");
        check("spec:\n  c:\n  - s: {}\n", &[privilege()], "spec:\n  c:\n  - s: {allow: false}\n");
        check(
            "spec:\n  c:\n  - s:\n      allow:\n",
            &[privilege()],
            "spec:\n  c:\n  - s:\n      allow: false\n",
        );
        check(
            "spec:\r\n  c:\r\n  - n: a",
            &[privilege()],
            "spec:\r\n  c:\r\n  - n: a\r\n    s:\r\n      allow: false",
        );
        check(
            "{\n  \"spec\": {\n    \"c\": [\n      {\n        \"n\": \"a\"\n      }\n    ]\n  }\n}\n",
            &[privilege()],
            "{\n  \"spec\": {\n    \"c\": [\n      {\n        \"n\": \"a\",\n        \"s\": {\"allow\": false}\n      }\n    ]\n  }\n}\n",
        );
        check(
            "spec:\n  c:\n  - t: |\n      x\n      # y\n\n",
            &[privilege()],
            "spec:\n  c:\n  - t: |\n      x\n      # y\n    s:\n      allow: false\n\n",
        );
    }

    #[test]
    fn lists_grow_and_keys_are_renamed() {
        let drop = || (0, Change::Append("/c/drop".to_owned(), json!("ALL")));
        check(
            "c:\n  drop:\n  - X # x\n  add: []\n",
            &[drop()],
            "c:\n  drop:\n  - X # x\n  - ALL\n  add: []\n",
        );
        check("c: {drop: [X]}\n", &[drop()], "c: {drop: [X, ALL]}\n");
        check("c: {drop: []}\n", &[drop()], "c: {drop: [ALL]}\n");
        check(
            "c:\n  add: [Y]\n",
            &[drop(), set("/c/t/u", json!("V"))],
            "c:\n  add: [Y]\n  drop:\n  - ALL\n  t:\n    u: V\n",
        );
        check("c:\n", &[drop()], "c:\n  drop:\n  - ALL\n");
        check(
            "'old': x # y\n",
            &[(0, Change::Rename("/old".to_owned(), "new".to_owned()))],
            "'new': x # y\n",
        );
        check(
            "---\n---\na: 1\n---\nb: 1\n",
            &[(1, Change::Set("/c".to_owned(), json!(true)))],
            "---\n---\na: 1\n---\nb: 1\nc: true\n",
        );
    }

    #[test]
    fn diffs_are_unified() {
        let lines: Vec<String> = (1..=20).map(|number| format!("k{number}: {number}\n")).collect();
        let text = lines.concat();
        let text = text.trim_end();
        let edits = edits(text, &[set("/k2", json!(0)), set("/k19", json!(0)), set("/x", json!(1))]).unwrap();
        assert_eq!(
            unified("a.yaml", text, &edits),
            "--- a/a.yaml\n+++ b/a.yaml\n@@ -1,5 +1,5 @@\n k1: 1\n-k2: 2\n+k2: 0\n k3: 3\n k4: 4\n k5: 5\n\
             @@ -16,5 +16,6 @@\n k16: 16\n k17: 17\n k18: 18\n-k19: 19\n+k19: 0\n-k20: 20\n\\ No newline at end of file\n\
             +k20: 20\n+x: 1\n\\ No newline at end of file\n"
        );
    }

    #[test]
    fn what_changes_something_else_is_refused() {
        for text in
            ["a: &x {b: 1}\nc: *x\n", "a: &x\n  b: 1\nc: {<<: *x}\n", "c: *y\n", "c: [1]\n", "c: text\n"]
        {
            assert!(edits(text, &[set("/c/d", json!(1))]).is_err() != text.contains("<<"), "{text}");
            assert!(edits(text, &[set("/c/9/b/c", json!(1))]).is_err() != text.contains("<<"), "{text}");
        }
        assert!(edits("a: &x {b: 1}\nc: *x\n", &[set("/a/b", json!(2))]).is_err());
        assert!(
            edits(
                "a: {serviceAccount: x, new: y}\n",
                &[(0, Change::Rename("/a/serviceAccount".into(), "new".into()))]
            )
            .is_err()
        );
    }
}
