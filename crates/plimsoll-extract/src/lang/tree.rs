//! JSON, TOML and YAML as one tree of values that know their line.
//!
//! Lockfiles are reported with the line that names a package, and a broken lockfile still gives what stands before the
//! break. Neither `serde_json` nor a derived type does both, so this module does: an own iterative JSON reader, the
//! `toml` crate's spans, and `granit-parser`'s events all end in [`Node`]. It bounds depth and number of values; it
//! knows nothing of packages.

use std::borrow::Cow;

use granit_parser::{Event, Parser, ScalarStyle};
use memchr::{memchr, memchr_iter, memchr3};
use plimsoll_model::{Effect, ImagePath, Problem, ProblemKind};
use toml::de::{DeTable, DeValue};

use super::Problems;

/// Values in one document. A lockfile has about one per line of forty bytes; the largest seen have a quarter of this.
const MOST_VALUES: usize = 1_000_000;

/// Containers inside containers. npm's first lock format nests two per level of `node_modules`.
const DEEPEST: usize = 256;

/// Tables, arrays and parts of keys inside each other in TOML.
const DEEPEST_TOML: usize = 100;

/// Largest piece of TOML parsed at once, in bytes: the `toml` crate needs some fifty bytes for each.
const LARGEST_PIECE: usize = 1 << 20;

/// A value and the line, counted from 1, on which it or its key stands.
#[derive(Debug, PartialEq)]
pub(crate) struct Node<'a> {
    pub(crate) line: u32,
    pub(crate) value: Value<'a>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    /// As written.
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    /// In the order of the file (of the alphabet in TOML), with repeated keys.
    Map(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// What was read, and where reading failed.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) root: Node<'a>,
    pub(crate) breaks: Vec<Break>,
}

/// Where and why a document could not be read further.
#[derive(Debug, PartialEq)]
pub(crate) struct Break {
    pub(crate) kind: ProblemKind,
    pub(crate) line: u32,
    pub(crate) detail: String,
}

impl<'a> Node<'a> {
    fn empty() -> Self {
        Node { line: 1, value: Value::Null }
    }

    /// The member `key` of a map; the last one if it is repeated, as every consumer of these files sees it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.entries().iter().rev().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// Members of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[(Cow<'a, str>, Node<'a>)] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// Elements of a list; none for anything else.
    pub(crate) fn items(&self) -> &[Node<'a>] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// A text or a number as written: YAML writers leave versions such as `1.0` unquoted.
    pub(crate) fn as_written(&self) -> Option<&str> {
        if let Value::Text(text) | Value::Number(text) = &self.value { Some(text) } else { None }
    }

    /// The text of member `key`, if it is a text and not empty.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_text().filter(|text| !text.is_empty())
    }

    /// Is member `key` the value `true`?
    pub(crate) fn is_true(&self, key: &str) -> bool {
        self.get(key).is_some_and(|node| node.value == Value::Bool(true))
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }
}

impl Break {
    fn corrupt(line: u32, detail: impl Into<String>) -> Self {
        Break { kind: ProblemKind::Corrupt, line, detail: super::short(&detail.into()).to_owned() }
    }

    fn limit(line: u32, detail: impl Into<String>) -> Self {
        Break { kind: ProblemKind::LimitExceeded, line, detail: detail.into() }
    }

    pub(crate) fn problem(&self, path: &ImagePath, effect: Effect) -> Problem {
        let detail = format!("line {}: {}", self.line, self.detail);
        Problem { effect, ..Problem::incomplete(self.kind, path, detail) }
    }
}

impl Document<'_> {
    /// The breaks as problems that keep the verdict open.
    pub(crate) fn problems<'p>(&self, path: &'p ImagePath) -> Problems<'p> {
        let mut problems = Problems::new(path);
        for place in &self.breaks {
            problems.push(place.problem(path, Effect::Incomplete));
        }
        problems
    }
}

/// Bytes as text: UTF-8, or UTF-16 where a byte order mark says so (PowerShell writes `pip freeze > file` that way).
/// Bytes that are neither become U+FFFD, so that one bad author name does not hide a package.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let utf16 = |units: &mut dyn Iterator<Item = u16>| {
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        [0xff, 0xfe, rest @ ..] => {
            utf16(&mut rest.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))).into()
        }
        [0xfe, 0xff, rest @ ..] => {
            utf16(&mut rest.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))).into()
        }
        _ => String::from_utf8_lossy(bytes),
    }
}

/// Puts values into the containers that are open, and bounds both.
struct Builder<'a> {
    open: Vec<Open<'a>>,
    root: Option<Node<'a>>,
    values: usize,
}

struct Open<'a> {
    node: Node<'a>,
    key: Option<(Cow<'a, str>, u32)>,
}

impl<'a> Builder<'a> {
    fn new() -> Self {
        Builder { open: Vec::new(), root: None, values: 0 }
    }

    fn count(&mut self, line: u32) -> Result<(), Break> {
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(Break::limit(line, format!("more than {MOST_VALUES} values")));
        }
        Ok(())
    }

    fn open(&mut self, line: u32, value: Value<'a>) -> Result<(), Break> {
        self.count(line)?;
        if self.open.len() >= DEEPEST {
            return Err(Break::limit(line, format!("nested more than {DEEPEST} levels deep")));
        }
        self.open.push(Open { node: Node { line, value }, key: None });
        Ok(())
    }

    fn close(&mut self) {
        if let Some(done) = self.open.pop() {
            self.place(done.node);
        }
    }

    fn scalar(&mut self, line: u32, value: Value<'a>) -> Result<(), Break> {
        self.count(line)?;
        self.place(Node { line, value });
        Ok(())
    }

    fn place(&mut self, mut node: Node<'a>) {
        match self.open.last_mut() {
            None => self.root = self.root.take().or(Some(node)),
            Some(open) => match &mut open.node.value {
                Value::List(items) => items.push(node),
                Value::Map(entries) => {
                    if let Some((key, line)) = open.key.take() {
                        node.line = line;
                        entries.push((key, node));
                    }
                }
                _ => {}
            },
        }
    }

    /// Closes what is open: after a break, what stood before it is kept.
    fn finish(mut self, broken: Option<Break>) -> Document<'a> {
        while !self.open.is_empty() {
            self.close();
        }
        Document { root: self.root.unwrap_or_else(Node::empty), breaks: broken.into_iter().collect() }
    }
}

/// Reads JSON (RFC 8259), and what Bun writes beyond it: comments and commas before a closing bracket.
pub(crate) fn json(text: &str) -> Document<'_> {
    let mut reader = Json { text, at: 0, line: 1, counted: 0 };
    let mut builder = Builder::new();
    let broken = reader.document(&mut builder).err();
    builder.finish(broken)
}

struct Json<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    counted: usize,
}

impl<'a> Json<'a> {
    /// The line of the current byte. Each byte is looked at once however often it is asked.
    fn line(&mut self) -> u32 {
        let at = self.at.min(self.text.len());
        let breaks = memchr_iter(b'\n', &self.text.as_bytes()[self.counted..at]).count();
        self.counted = at;
        self.line = self.line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        self.line
    }

    fn corrupt(&mut self, detail: impl Into<String>) -> Break {
        let line = self.line();
        let kind = if self.at >= self.text.len() { ProblemKind::Truncated } else { ProblemKind::Corrupt };
        Break { kind, line, detail: detail.into() }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) -> Result<(), Break> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(b'/') => {
                    let rest = &self.text.as_bytes()[self.at..];
                    match rest.get(1) {
                        Some(b'/') => self.at += memchr(b'\n', rest).unwrap_or(rest.len()),
                        Some(b'*') => {
                            if let Some(end) = memchr::memmem::find(&rest[2..], b"*/") {
                                self.at += end + 4;
                            } else {
                                self.at = self.text.len();
                                return Err(self.corrupt("the comment has no end"));
                            }
                        }
                        _ => return Err(self.corrupt("`/` does not begin a value")),
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    fn document(&mut self, builder: &mut Builder<'a>) -> Result<(), Break> {
        loop {
            self.space()?;
            // Where are we: at the top, in a list, in a map before a key, or behind a key?
            let in_list = match builder.open.last() {
                None if builder.root.is_some() => {
                    return match self.peek() {
                        None => Ok(()),
                        Some(_) => Err(self.corrupt("something follows the end of the document")),
                    };
                }
                Some(Open { node: Node { value: Value::Map(_), .. }, key: None }) => {
                    match self.peek() {
                        Some(b'}') => {
                            self.at += 1;
                            builder.close();
                            self.comma(builder)?;
                        }
                        Some(b'"') => {
                            let line = self.line();
                            let key = self.string()?;
                            self.space()?;
                            if self.peek() != Some(b':') {
                                return Err(self.corrupt("expected `:` after a key"));
                            }
                            self.at += 1;
                            if let Some(open) = builder.open.last_mut() {
                                open.key = Some((key, line));
                            }
                        }
                        _ => return Err(self.corrupt("expected a key in double quotes or `}`")),
                    }
                    continue;
                }
                open => matches!(open, Some(Open { node: Node { value: Value::List(_), .. }, .. })),
            };
            let line = self.line();
            match self.peek() {
                Some(b'{') => {
                    self.at += 1;
                    builder.open(line, Value::Map(Vec::new()))?;
                    continue;
                }
                Some(b'[') => {
                    self.at += 1;
                    builder.open(line, Value::List(Vec::new()))?;
                    continue;
                }
                Some(b']') if in_list => {
                    self.at += 1;
                    builder.close();
                }
                Some(b'"') => {
                    let text = self.string()?;
                    builder.scalar(line, Value::Text(text))?;
                }
                _ => {
                    let value = self.word()?;
                    builder.scalar(line, value)?;
                }
            }
            self.comma(builder)?;
        }
    }

    /// Behind a value inside a container: a comma, or the bracket that closes.
    fn comma(&mut self, builder: &mut Builder<'a>) -> Result<(), Break> {
        loop {
            let closing = match builder.open.last() {
                None => return Ok(()),
                Some(Open { node: Node { value: Value::List(_), .. }, .. }) => b']',
                Some(_) => b'}',
            };
            self.space()?;
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(byte) if byte == closing => {
                    self.at += 1;
                    builder.close();
                }
                _ => return Err(self.corrupt(format!("expected `,` or `{}`", char::from(closing)))),
            }
        }
    }

    fn word(&mut self) -> Result<Value<'a>, Break> {
        let rest = &self.text[self.at..];
        let length = rest
            .bytes()
            .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')))
            .unwrap_or(rest.len());
        let word = &rest[..length];
        let value = match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ if word.starts_with(|first: char| first.is_ascii_digit() || first == '-') => {
                Value::Number(Cow::Borrowed(word))
            }
            _ => return Err(self.corrupt("expected a value")),
        };
        self.at += length;
        Ok(value)
    }

    /// A string; the current byte is its opening quote.
    fn string(&mut self) -> Result<Cow<'a, str>, Break> {
        let text = self.text;
        let mut decoded: Option<String> = None;
        let mut from = self.at + 1;
        loop {
            let Some(length) = memchr3(b'"', b'\\', b'\n', &text.as_bytes()[from..]) else {
                self.at = text.len();
                return Err(self.corrupt("the string has no end"));
            };
            let plain = &text[from..from + length];
            let end = from + length;
            match text.as_bytes()[end] {
                b'"' => {
                    self.at = end + 1;
                    return Ok(match decoded {
                        None => Cow::Borrowed(plain),
                        Some(mut before) => {
                            before.push_str(plain);
                            Cow::Owned(before)
                        }
                    });
                }
                b'\\' => {
                    let target = decoded.get_or_insert_default();
                    target.push_str(plain);
                    self.at = end;
                    from = self.escape(target)?;
                }
                _ => {
                    self.at = end;
                    return Err(self.corrupt("the string does not end on its line"));
                }
            }
        }
    }

    /// One escape; the current byte is its backslash. Returns the place behind it.
    fn escape(&mut self, target: &mut String) -> Result<usize, Break> {
        let bytes = self.text.as_bytes();
        let at = self.at;
        let character = match bytes.get(at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = |at: usize| {
                    let digits = self.text.get(at..at + 4)?;
                    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
                    u16::from_str_radix(digits, 16).ok()
                };
                let Some(high) = unit(at + 2) else {
                    return Err(self.corrupt("`\\u` needs four hexadecimal digits"));
                };
                let low = if bytes.get(at + 6) == Some(&b'\\') && bytes.get(at + 7) == Some(&b'u') {
                    unit(at + 8).filter(|low| (0xdc00..0xe000).contains(low))
                } else {
                    None
                };
                let pair = low.filter(|_| (0xd800..0xdc00).contains(&high));
                let units = [high, pair.unwrap_or(0)];
                let count = if pair.is_some() { 2 } else { 1 };
                for character in char::decode_utf16(units.into_iter().take(count)) {
                    target.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                return Ok(at + 6 * count);
            }
            _ => return Err(self.corrupt("unknown escape in a string")),
        };
        target.push(character);
        Ok(at + 2)
    }
}

/// Reads YAML 1.2; the root is the list of its documents, of which pnpm writes two.
///
/// Lockfiles are written by programs that use neither anchors nor tags. An alias is therefore not followed but is a
/// break, and cannot blow up.
pub(crate) fn yaml(text: &str) -> Document<'_> {
    let options = granit_parser::options! { emit_comments: false };
    let mut builder = Builder::new();
    builder.open.push(Open { node: Node { line: 1, value: Value::List(Vec::new()) }, key: None });
    let mut broken = None;
    for event in Parser::new_from_str_with_options(text, options) {
        let result = match event {
            Ok((event, span)) => {
                let line = u32::try_from(span.start.line()).unwrap_or(u32::MAX).max(1);
                yaml_event(&mut builder, event, line)
            }
            Err(error) => {
                let line = u32::try_from(error.marker().line()).unwrap_or(u32::MAX).max(1);
                Err(Break::corrupt(line, error.info()))
            }
        };
        if let Err(place) = result {
            broken = Some(place);
            break;
        }
    }
    builder.finish(broken)
}

fn yaml_event<'a>(builder: &mut Builder<'a>, event: Event<'a>, line: u32) -> Result<(), Break> {
    let key_expected =
        matches!(builder.open.last(), Some(Open { node: Node { value: Value::Map(_), .. }, key: None }));
    match event {
        Event::Scalar(text, _, _, _) if key_expected => {
            if let Some(open) = builder.open.last_mut() {
                open.key = Some((text, line));
            }
            Ok(())
        }
        Event::Scalar(text, style, _, _) => {
            let value = match (style, text.as_ref()) {
                (ScalarStyle::Plain, "" | "~" | "null") => Value::Null,
                (ScalarStyle::Plain, "true") => Value::Bool(true),
                (ScalarStyle::Plain, "false") => Value::Bool(false),
                _ => Value::Text(text),
            };
            builder.scalar(line, value)
        }
        Event::SequenceStart(..) | Event::MappingStart(..) if key_expected => {
            Err(Break::corrupt(line, "a key is not a text"))
        }
        Event::SequenceStart(..) => builder.open(line, Value::List(Vec::new())),
        Event::MappingStart(..) => builder.open(line, Value::Map(Vec::new())),
        Event::SequenceEnd | Event::MappingEnd => {
            builder.close();
            Ok(())
        }
        Event::Alias(_) => Err(Break {
            kind: ProblemKind::Unsupported,
            line,
            detail: "aliases are not followed in lockfiles".into(),
        }),
        _ => Ok(()),
    }
}

/// Reads TOML 1.0 whose bulk is the array of tables `[[array]]`, as all lockfiles are.
///
/// Each element is parsed alone: memory follows the largest element and not the file, and a broken element does not
/// hide the others.
pub(crate) fn toml<'a>(text: &'a str, array: &str) -> Document<'a> {
    let mut root: Vec<(Cow<'a, str>, Node<'a>)> = Vec::new();
    let mut elements = Vec::new();
    let mut breaks = Vec::new();
    let mut values = 0;
    let mut first_line = 1;
    for piece in pieces(text, array) {
        let lines = memchr_iter(b'\n', piece.text.as_bytes()).count();
        match toml_piece(&piece, first_line, &mut values) {
            Ok(node) => {
                let Value::Map(entries) = node.value else { continue };
                for (key, node) in entries {
                    match node.value {
                        Value::List(items) if key == array => elements.extend(items),
                        _ => root.push((key, node)),
                    }
                }
            }
            Err(place) => breaks.push(place),
        }
        first_line = first_line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        if values > MOST_VALUES || breaks.len() > 1000 {
            breaks.push(Break::limit(first_line, "too many values or errors; the rest is not read"));
            break;
        }
    }
    if !elements.is_empty() {
        root.push((Cow::Owned(array.to_owned()), Node { line: 1, value: Value::List(elements) }));
    }
    Document { root: Node { line: 1, value: Value::Map(root) }, breaks }
}

/// A piece of TOML, and how deep its values stand in each other, dotted keys counted.
struct Piece<'a> {
    text: &'a str,
    depth: usize,
}

/// Cuts before each line `[[array]]` that does not stand in a string.
///
/// Depth is measured here because the `toml` crate limits dotted keys and inline tables each, but not one inside the
/// other: 6,000 levels pass, and dropping them exhausts a thread's stack.
fn pieces<'a>(text: &'a str, array: &str) -> Vec<Piece<'a>> {
    let heading = format!("[[{array}]]");
    let bytes = text.as_bytes();
    let mut pieces = Vec::new();
    let mut from = 0;
    let mut at = 0;
    let mut line_begins = true;
    // Dots before each open bracket, and on the path to the current place.
    let mut open: Vec<usize> = Vec::new();
    let mut dots = 0;
    let mut depth = 0;
    while let Some(byte) = bytes.get(at) {
        if line_begins && bytes[at..].starts_with(heading.as_bytes()) {
            if at > from {
                pieces.push(Piece { text: &text[from..at], depth });
            }
            from = at;
            (open, dots, depth) = (Vec::new(), 0, 0);
        }
        line_begins = false;
        match byte {
            b'\n' => {
                line_begins = true;
                if open.is_empty() {
                    dots = 0;
                }
            }
            b'#' => {
                at += memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
                continue;
            }
            b'"' | b'\'' => {
                at = behind_string(bytes, at);
                continue;
            }
            b'.' => dots += 1,
            b'[' | b'{' if open.len() < DEEPEST => open.push(dots),
            b',' => dots = open.last().copied().unwrap_or(0),
            b']' | b'}' => dots = open.pop().unwrap_or(0),
            _ => {}
        }
        depth = depth.max(open.len() + dots);
        at += 1;
    }
    pieces.push(Piece { text: &text[from..], depth });
    pieces
}

/// The place behind the string that begins at `at`. A string that does not end on its line ends there.
fn behind_string(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let long = bytes[at..].starts_with(&[quote; 3]);
    let mut place = at + if long { 3 } else { 1 };
    while let Some(byte) = bytes.get(place) {
        match byte {
            b'\\' if quote == b'"' => place += 1,
            b'\n' if !long => return place,
            byte if *byte == quote && !long => return place + 1,
            byte if *byte == quote && bytes[place..].starts_with(&[quote; 3]) => return place + 3,
            _ => {}
        }
        place += 1;
    }
    bytes.len()
}

fn toml_piece<'a>(piece: &Piece<'a>, first_line: u32, values: &mut usize) -> Result<Node<'a>, Break> {
    if piece.depth > DEEPEST_TOML {
        return Err(Break::limit(first_line, format!("nested more than {DEEPEST_TOML} levels deep")));
    }
    let piece = piece.text;
    let line_of = |offset: usize| {
        let lines = memchr_iter(b'\n', &piece.as_bytes()[..offset.min(piece.len())]).count();
        first_line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX))
    };
    if piece.len() > LARGEST_PIECE {
        return Err(Break::limit(first_line, format!("one table is larger than {LARGEST_PIECE} bytes")));
    }
    let table = match DeTable::parse(piece) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            return Err(Break::corrupt(line_of(offset), error.message().replace('\n', ", ")));
        }
    };
    let breaks: Vec<usize> = memchr_iter(b'\n', piece.as_bytes()).collect();
    let line_of = |offset: usize| {
        let lines = breaks.partition_point(|place| *place < offset);
        first_line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX))
    };
    toml_table(table, first_line, &line_of, values, 0)
}

fn toml_table<'a>(
    table: DeTable<'a>,
    line: u32,
    line_of: &dyn Fn(usize) -> u32,
    values: &mut usize,
    depth: usize,
) -> Result<Node<'a>, Break> {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table {
        let line = line_of(key.span().start);
        entries.push((key.into_inner(), toml_value(value.into_inner(), line, line_of, values, depth + 1)?));
    }
    Ok(Node { line, value: Value::Map(entries) })
}

// Recursion is bounded here by DEEPEST, and before by the `toml` crate's own limits.
fn toml_value<'a>(
    value: DeValue<'a>,
    line: u32,
    line_of: &dyn Fn(usize) -> u32,
    values: &mut usize,
    depth: usize,
) -> Result<Node<'a>, Break> {
    *values += 1;
    if depth > DEEPEST {
        return Err(Break::limit(line, format!("nested more than {DEEPEST} levels deep")));
    }
    let value = match value {
        DeValue::String(text) => Value::Text(text),
        DeValue::Integer(number) => Value::Number(Cow::Owned(number.to_string())),
        DeValue::Float(number) => Value::Number(Cow::Owned(number.to_string())),
        DeValue::Boolean(truth) => Value::Bool(truth),
        DeValue::Datetime(time) => Value::Text(Cow::Owned(time.to_string())),
        DeValue::Array(array) => {
            let mut items = Vec::with_capacity(array.len());
            for item in array {
                let line = line_of(item.span().start);
                items.push(toml_value(item.into_inner(), line, line_of, values, depth + 1)?);
            }
            Value::List(items)
        }
        DeValue::Table(table) => return toml_table(table, line, line_of, values, depth),
    };
    Ok(Node { line, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `line:kind` of all values, with their paths.
    fn flat(node: &Node<'_>) -> String {
        fn walk(node: &Node<'_>, path: &str, out: &mut String) {
            use std::fmt::Write;
            match &node.value {
                Value::Map(entries) => {
                    for (key, value) in entries {
                        walk(value, &format!("{path}/{key}"), out);
                    }
                }
                Value::List(items) => {
                    for (index, value) in items.iter().enumerate() {
                        walk(value, &format!("{path}/{index}"), out);
                    }
                }
                Value::Text(text) | Value::Number(text) => {
                    write!(out, "{path}@{}={text} ", node.line).unwrap();
                }
                Value::Bool(truth) => write!(out, "{path}@{}={truth} ", node.line).unwrap(),
                Value::Null => write!(out, "{path}@{}=null ", node.line).unwrap(),
            }
        }
        let mut out = String::new();
        walk(node, "", &mut out);
        out.trim_end().to_owned()
    }

    fn check(document: &Document<'_>, expected: &str, broken: Option<(u32, &str)>) {
        assert_eq!(flat(&document.root), expected);
        let found = document.breaks.first().map(|place| (place.line, place.detail.as_str()));
        assert_eq!(found.map(|(line, _)| line), broken.map(|(line, _)| line), "{found:?}");
        if let (Some((_, detail)), Some((_, part))) = (found, broken) {
            assert!(detail.contains(part), "{detail}");
        }
    }

    #[test]
    fn json_values_know_their_line() {
        check(
            &json("{\n\"a\": [1,\n \"b\\n\\u00e9\\ud83d\\ude00\"], \"c\": {\"d\": null}\n}\n"),
            "/a/0@2=1 /a/1@3=b\né😀 /c/d@3=null",
            None,
        );
        check(&json("// x\n{ /* y\n */ \"a\": true, }"), "/a@3=true", None);
        check(&json(" 1 "), "@1=1", None);
        check(&json("[]"), "", None);
        check(&json("[[],{},[1,],]"), "/2/0@1=1", None);
        check(&json(r#""\ud800x""#), "@1=\u{fffd}x", None);
    }

    #[test]
    fn json_keeps_what_stands_before_the_break() {
        check(&json(""), "@1=null", Some((1, "expected a value")));
        check(&json("{broken}"), "", Some((1, "expected a key")));
        check(&json("{\"a\": 1,\n\"b\": {\"c\": 2,\n\"d\": \"unend"), "/a@1=1 /b/c@2=2", Some((3, "no end")));
        check(&json("{\"a\": \"x\ny\"}"), "", Some((1, "does not end on its line")));
        check(&json("[1 2]"), "/0@1=1", Some((1, "expected `,`")));
        check(&json("{} {}"), "", Some((1, "follows the end")));
        check(&json("[\"\\u12\"]"), "", Some((1, "four hexadecimal")));
        check(&json("[1}"), "/0@1=1", Some((1, "expected `,` or `]`")));
    }

    #[test]
    fn depth_is_bounded() {
        for document in
            [&json(&"[".repeat(100_000)), &json(&"{\"a\":".repeat(100_000)), &yaml(&"[".repeat(100_000))]
        {
            assert_eq!(document.breaks.len(), 1);
        }
        // What the `toml` crate accepts must not exhaust a thread's stack.
        for (keys, tables) in [(70, 75), (70, 1), (2, 40)] {
            let dotted = vec!["a"; keys].join(".");
            let inline = format!("{dotted} = {{ ").repeat(tables);
            let text = format!("[{dotted}]\n{inline}{}", "}".repeat(tables));
            assert_eq!(toml(&text, "package").breaks.len(), usize::from(tables == 75), "{keys} {tables}");
        }
        assert_eq!(toml(&format!("{} = 1", vec!["a"; 200_000].join(".")), "package").breaks.len(), 1);
        assert_eq!(toml(&format!("a = {}", "[".repeat(200_000)), "package").breaks.len(), 1);
    }

    #[test]
    fn number_of_values_is_bounded() {
        let text = format!("[{}1]", "1,".repeat(MOST_VALUES + 10));
        assert_eq!(json(&text).breaks[0].kind, ProblemKind::LimitExceeded);
    }

    #[test]
    fn yaml_values_know_their_line() {
        check(
            &yaml("a:\n  - x\n  - 'true'\nb: {c: true, d: ~}\n? e\n: 1.10\n"),
            "/0/a/0@2=x /0/a/1@3=true /0/b/c@4=true /0/b/d@4=null /0/e@5=1.10",
            None,
        );
        check(&yaml("a: 1\n---\nb: 2\n"), "/0/a@1=1 /1/b@3=2", None);
        check(&yaml("a: &x 1\nb: *x\n"), "/0/a@1=1", Some((2, "aliases")));
        check(&yaml("a: 1\nb: [2\n"), "/0/a@1=1", Some((2, "")));
        check(&yaml("a: 1\n[b]: 1\n"), "/0/a@1=1", Some((2, "key")));
    }

    #[test]
    fn toml_values_know_their_line() {
        let text = "version = 1\n\n[[package]]\nname = \"a\"\n[package.sub]\nx = [\n 1,\n 2]\n[[package]]\nname = '''\n[[package]]\n'''\n[meta]\ny = true\n";
        check(
            &toml(text, "package"),
            "/version@1=1 /meta/y@14=true /package/0/name@4=a /package/0/sub/x/0@7=1 /package/0/sub/x/1@8=2 /package/1/name@10=[[package]]",
            None,
        );
    }

    #[test]
    fn a_broken_toml_table_does_not_hide_the_others() {
        let text = "[[package]]\nname = \"a\"\n[[package]]\nname = b\n[[package]]\nname = \"\\\"c\"\n";
        check(&toml(text, "package"), "/package/0/name@2=a /package/1/name@6=\"c", Some((4, "")));
    }

    #[test]
    fn text_encodings() {
        assert_eq!(decode(b"\xef\xbb\xbfa"), "a");
        assert_eq!(decode(b"\xff\xfea\0b\0"), "ab");
        assert_eq!(decode(b"\xfe\xff\0a\0b"), "ab");
        assert_eq!(decode(b"a\xff"), "a\u{fffd}");
    }
}
