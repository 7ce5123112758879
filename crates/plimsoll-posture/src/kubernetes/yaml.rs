//! Kubernetes' YAML (and JSON, which is YAML) with the place of everything in it.
//!
//! Scalars mean what they mean to `kubectl`, which reads YAML 1.1 (`yes` and `on` are booleans, `010` is eight). Anchors,
//! aliases and merge keys are followed; what they expand to is bounded, as are depth and size. Of a key that is written twice
//! the last counts, as it does there, and it is told. Documents are read one by one: a broken one takes those behind it with
//! it, and is told.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use granit_parser::{Event, Parser, ScalarStyle};
use plimsoll_model::shortened;
use serde_json_borrow::{ObjectAsVec, Value};

/// Largest file in bytes.
pub const MAX_BYTES: usize = 128 * 1024 * 1024;
/// Most nodes of everything that is read together, aliases expanded: about half a gigabyte of memory.
pub const MAX_NODES: usize = 4_000_000;
/// A text that an alias repeats counts as a node for so many bytes.
const BYTES_OF_A_NODE: usize = 64;
/// Keys written twice that are told, of one file.
const MAX_REPEATED: usize = 20;
/// Deepest nesting.
pub(super) const MAX_DEPTH: usize = 100;

/// A place in a file, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

/// A node with its place.
#[derive(Clone, Debug)]
pub struct Node<'t> {
    /// Where it begins.
    pub mark: Mark,
    kind: Kind<'t>,
}

#[derive(Clone, Debug)]
enum Kind<'t> {
    Scalar { text: Cow<'t, str>, plain: bool },
    List(Vec<Node<'t>>),
    Map(Vec<(Mark, Cow<'t, str>, Node<'t>)>),
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub mark: Mark,
    /// What.
    pub detail: String,
}

/// What was read of a file.
#[derive(Clone, Debug, Default)]
pub struct Stream<'t> {
    /// The documents, empty ones left out.
    pub documents: Vec<Node<'t>>,
    /// Why reading stopped, when it did before the end.
    pub fault: Option<Fault>,
    /// Keys that stand twice in one map; the first of them.
    pub repeated: Vec<Fault>,
}

/// Reads all documents of a text.
pub fn read(text: &str) -> Stream<'_> {
    read_within(text, &mut MAX_NODES.clone())
}

/// Reads all documents of a text, of as many nodes as `left` says, and takes those from it.
pub fn read_within<'t>(text: &'t str, left: &mut usize) -> Stream<'t> {
    let mut stream = Stream::default();
    if text.len() > MAX_BYTES {
        let detail = format!("it is larger than {MAX_BYTES} bytes");
        stream.fault = Some(Fault { mark: Mark { line: 1, column: 1 }, detail });
        return stream;
    }
    let options = granit_parser::options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder { left: *left, ..Builder::default() };
    while let Some(event) = parser.next_event() {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                stream.fault = Some(Fault { mark: mark(error.marker()), detail: error.kind().to_string() });
                break;
            }
        };
        let at = mark(&span.start);
        if let Err(detail) = builder.event(event, at, &mut stream.documents) {
            stream.fault = Some(Fault { mark: at, detail });
            break;
        }
    }
    *left = builder.left;
    stream.repeated = builder.repeated;
    stream
}

fn mark(marker: &granit_parser::Marker) -> Mark {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Mark { line: number(marker.line().max(1)), column: number(marker.col() + 1) }
}

/// A list or map that is not ended yet.
enum Open<'t> {
    List {
        mark: Mark,
        anchor: usize,
        items: Vec<Node<'t>>,
    },
    Map {
        mark: Mark,
        anchor: usize,
        entries: Vec<(Mark, Cow<'t, str>, Node<'t>)>,
        key: Option<(Mark, Cow<'t, str>)>,
    },
}

#[derive(Default)]
struct Builder<'t> {
    open: Vec<Open<'t>>,
    /// Nodes with an anchor, and how many nodes each is.
    anchors: BTreeMap<usize, (Node<'t>, usize)>,
    /// Nodes that may still be read.
    left: usize,
    repeated: Vec<Fault>,
    root: Option<Node<'t>>,
}

impl<'t> Builder<'t> {
    fn event(&mut self, event: Event<'t>, at: Mark, documents: &mut Vec<Node<'t>>) -> Result<(), String> {
        match event {
            Event::DocumentStart(..) => {
                self.anchors.clear();
                self.root = None;
            }
            Event::DocumentEnd => documents.extend(self.root.take().filter(|root| !root.is_null())),
            Event::Scalar(text, style, anchor, tag) => {
                // `!!str 1` is a text, whatever it looks like, and `!!int "1"` is a number.
                let plain = match tag.as_deref() {
                    Some(tag) if tag.is_yaml_core_schema() => tag.suffix() != "str",
                    Some(_) => false,
                    None => style == ScalarStyle::Plain,
                };
                self.add(Node { mark: at, kind: Kind::Scalar { text, plain } }, anchor)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.push(Open::List { mark: at, anchor, items: Vec::new() })?;
            }
            Event::MappingStart(_, anchor, _) => {
                self.push(Open::Map { mark: at, anchor, entries: Vec::new(), key: None })?;
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { mark, anchor, items }) => {
                    self.add(Node { mark, kind: Kind::List(items) }, anchor)?;
                }
                Some(Open::Map { mark, anchor, entries, .. }) => {
                    let entries = merged(self.once(entries));
                    self.add(Node { mark, kind: Kind::Map(entries) }, anchor)?;
                }
                None => {}
            },
            Event::Alias(anchor) => {
                let (node, size) = self.anchors.get(&anchor).ok_or("an alias of what it is within")?;
                self.left = self.left.checked_sub(*size).ok_or_else(too_many)?;
                let node = node.clone();
                self.add(node, 0)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, open: Open<'t>) -> Result<(), String> {
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("it is nested more than {MAX_DEPTH} deep"));
        }
        self.open.push(open);
        Ok(())
    }

    fn add(&mut self, node: Node<'t>, anchor: usize) -> Result<(), String> {
        self.left = self.left.checked_sub(1).ok_or_else(too_many)?;
        if anchor > 0 {
            let (size, depth) = node.measure();
            // Aliases within aliases could nest deeper than what is written.
            if depth + self.open.len() > MAX_DEPTH {
                return Err(format!("it is nested more than {MAX_DEPTH} deep"));
            }
            self.left = self.left.checked_sub(size).ok_or_else(too_many)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some((mark, key)) => entries.push((mark, key, node)),
                None => match node.kind {
                    Kind::Scalar { text, .. } => *key = Some((node.mark, text)),
                    Kind::List(_) | Kind::Map(_) => return Err("a key is no text".into()),
                },
            },
        }
        Ok(())
    }
}

fn too_many() -> String {
    format!("it has, or what is read together has, more than {MAX_NODES} nodes (aliases expanded)")
}

type Entries<'t> = Vec<(Mark, Cow<'t, str>, Node<'t>)>;

impl<'t> Builder<'t> {
    /// Of a key that stands twice the last, as for `kubectl`, which warns or refuses.
    fn once(&mut self, entries: Entries<'t>) -> Entries<'t> {
        const FEW: usize = 8;
        let few = || entries.iter().enumerate().all(|(at, (_, key, _))| !has(&entries[..at], key));
        if entries.len() <= FEW && few() {
            return entries;
        }
        let mut known: HashSet<&str> = HashSet::with_capacity(entries.len());
        let keep: Vec<bool> =
            entries.iter().rev().map(|(_, key, _)| key == "<<" || known.insert(key)).collect();
        if keep.iter().all(|keep| *keep) {
            return entries;
        }
        let mut once = Vec::with_capacity(entries.len());
        for (entry, keep) in entries.into_iter().zip(keep.into_iter().rev()) {
            if keep {
                once.push(entry);
            } else if self.repeated.len() < MAX_REPEATED {
                let detail = format!("`{}` is written twice here, and the last counts", shortened(&entry.1));
                self.repeated.push(Fault { mark: entry.0, detail });
            }
        }
        once
    }
}

fn has(entries: &[(Mark, Cow<'_, str>, Node<'_>)], key: &str) -> bool {
    entries.iter().any(|(_, known, _)| known == key)
}

/// Merge keys (`<<`): what is merged in stands behind what is written.
fn merged<'t>(entries: Entries<'t>) -> Entries<'t> {
    if !has(&entries, "<<") {
        return entries;
    }
    let (merges, mut own): (Entries<'t>, Entries<'t>) =
        entries.into_iter().partition(|(_, key, _)| key == "<<");
    let mut known: HashSet<Cow<'t, str>> = own.iter().map(|(_, key, _)| key.clone()).collect();
    let mut add = |map: Entries<'t>| {
        for (mark, key, node) in map {
            if known.insert(key.clone()) {
                own.push((mark, key, node));
            }
        }
    };
    for (_, _, node) in merges {
        match node.kind {
            Kind::Map(map) => add(map),
            Kind::List(list) => {
                for one in list {
                    if let Kind::Map(map) = one.kind {
                        add(map);
                    }
                }
            }
            Kind::Scalar { .. } => {}
        }
    }
    own
}

impl<'t> Node<'t> {
    /// Number of nodes, with what their texts weigh, and depth. Depth is bounded before it is called.
    fn measure(&self) -> (usize, usize) {
        let below = |all: &mut dyn Iterator<Item = &Node<'t>>| {
            all.map(Node::measure)
                .fold((1, 0), |(size, depth), (more, below)| (size + more, depth.max(below)))
        };
        let (size, depth) = match &self.kind {
            Kind::Scalar { text, .. } => (1 + text.len() / BYTES_OF_A_NODE, 0),
            Kind::List(items) => below(&mut items.iter()),
            Kind::Map(entries) => below(&mut entries.iter().map(|(_, _, node)| node)),
        };
        (size, depth + 1)
    }

    fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if is_null(text))
    }

    /// The node as a value.
    pub fn value(&self) -> Value<'_> {
        match &self.kind {
            Kind::Scalar { text, plain: true } => scalar(text),
            Kind::Scalar { text, plain: false } => Value::Str(Cow::Borrowed(text)),
            Kind::List(items) => Value::Array(items.iter().map(Node::value).collect()),
            Kind::Map(entries) => {
                let entries: Vec<(&str, Value<'_>)> =
                    entries.iter().map(|(_, key, node)| (key.as_ref(), node.value())).collect();
                Value::Object(ObjectAsVec::from(entries))
            }
        }
    }

    /// Where a JSON pointer (RFC 6901) leads: the place of the key, or of the element. Where it leads nowhere, the place of
    /// the last thing on the way that is there.
    pub fn place(&self, pointer: &str) -> Mark {
        self.lead(pointer).0
    }

    /// The same, with how many parts of the pointer lead there.
    pub fn lead(&self, pointer: &str) -> (Mark, usize) {
        let (_, mark, depth) = self.walk(pointer);
        (mark, depth)
    }

    /// The value that a pointer leads to.
    pub fn value_at(&self, pointer: &str) -> Option<Value<'_>> {
        let (node, _, depth) = self.walk(pointer);
        (depth == pointer.split('/').skip(1).count()).then(|| node.value())
    }

    fn walk(&self, pointer: &str) -> (&Node<'t>, Mark, usize) {
        let (mut node, mut mark, mut depth) = (self, self.mark, 0);
        for part in pointer.split('/').skip(1) {
            let part = if part.contains('~') {
                Cow::Owned(part.replace("~1", "/").replace("~0", "~"))
            } else {
                Cow::Borrowed(part)
            };
            let next = match &node.kind {
                Kind::Scalar { .. } => None,
                Kind::List(items) => {
                    part.parse::<usize>().ok().and_then(|at| items.get(at)).map(|node| (node.mark, node))
                }
                Kind::Map(entries) => {
                    entries.iter().rev().find(|(_, key, _)| *key == part).map(|(mark, _, node)| (*mark, node))
                }
            };
            let Some(next) = next else { break };
            (mark, node) = next;
            depth += 1;
        }
        (node, mark, depth)
    }
}

pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// What a plain scalar means (YAML 1.1, <https://yaml.org/type/>, as go-yaml reads it).
fn scalar(text: &str) -> Value<'_> {
    if is_null(text) {
        return Value::Null;
    }
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    number(text).unwrap_or(Value::Str(Cow::Borrowed(text)))
}

/// Whether a plain scalar is a text and nothing else.
pub(super) fn is_text(text: &str) -> bool {
    matches!(scalar(text), Value::Str(_))
}

fn number(text: &str) -> Option<Value<'static>> {
    let first = *text.as_bytes().first()?;
    if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
        return None;
    }
    let digits = text.replace('_', "");
    let (minus, bare) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let radix = |prefix: &str, radix| {
        bare.strip_prefix(prefix).and_then(|rest| u64::from_str_radix(rest, radix).ok())
    };
    let whole = radix("0x", 16)
        .or_else(|| radix("0b", 2))
        .or_else(|| radix("0o", 8))
        .or_else(|| (bare.len() > 1).then(|| radix("0", 8)).flatten())
        .or_else(|| {
            let plain = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| bare.parse().ok()).flatten()
        });
    if let Some(whole) = whole {
        return Some(if minus {
            Value::from(0_i64.checked_sub_unsigned(whole)?)
        } else {
            Value::from(whole)
        });
    }
    let float = bare.contains(|one: char| one.is_ascii_digit())
        && bare.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    let float: f64 = float.then(|| digits.parse().ok()).flatten()?;
    float.is_finite().then(|| Value::from(float))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn json(text: &str) -> String {
        let stream = read(text);
        assert_eq!(stream.fault, None, "{text}");
        stream
            .documents
            .iter()
            .map(|node| serde_json::to_string(&serde_json::Value::from(node.value())).expect("JSON"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn scalars_mean_what_they_mean_to_kubectl() {
        assert_eq!(
            json(
                "[yes, 'yes', !!str yes, !!int '7', !own 1, 010, 0x1F, 1_000, -3, 1.5, 1e3, ~, null, 1.2.3, 09, 12a]"
            ),
            "[true,\"yes\",\"yes\",7,\"1\",8,31,1000,-3,1.5,1000.0,null,null,\"1.2.3\",9,\"12a\"]"
        );
        assert_eq!(json("{\"a\": [1, \"b\", null]}"), "{\"a\":[1,\"b\",null]}");
        assert_eq!(json("a: |\n  one\n  two\n"), "{\"a\":\"one\\ntwo\\n\"}");
    }

    /// RFC 8259, section 7: what is beyond the basic plane is two escapes in JSON. Halves stand for nothing.
    #[test]
    fn escapes_of_json_come_in_pairs() {
        assert_eq!(json(r#"{"a": "x\ud83D\uDE00y", "\ud83d\ude00": 1}"#), "{\"a\":\"x😀y\",\"😀\":1}");
        assert_eq!(json(r#"{"a": "\\ud83d\\ude00"}"#), r#"{"a":"\\ud83d\\ude00"}"#);
        for half in
            [r#"{"a": "\ud83d"}"#, r#"{"a": "\ude00"}"#, r#"{"a": "\ud83dA"}"#, r#"{"a": "\ud83d\u0041"}"#]
        {
            assert!(read(half).fault.is_some(), "{half}");
        }
    }

    #[test]
    fn documents_anchors_and_merges() {
        let text = "# first\n---\na: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\ne: *x\n---\n---\nf: {<<: [{g: 1}, {g: 2, h: 3}]}\n";
        assert_eq!(
            json(text),
            "{\"a\":{\"b\":1,\"c\":2},\"d\":{\"b\":1,\"c\":3},\"e\":{\"b\":1,\"c\":2}}\n{\"f\":{\"g\":1,\"h\":3}}"
        );
    }

    #[test]
    fn places_are_those_of_keys_and_elements() {
        let stream = read("---\nkind: Pod\nspec:\n  containers:\n  - name: a\n    image: b\n");
        let place = |pointer: &str| {
            let mark = stream.documents[0].place(pointer);
            (mark.line, mark.column)
        };
        assert_eq!(place(""), (2, 1));
        assert_eq!(place("/spec/containers/0/image"), (6, 5));
        assert_eq!(place("/spec/containers/0"), (5, 5));
        assert_eq!(place("/spec/containers/0/securityContext/privileged"), (5, 5));
        assert_eq!(place("/nothing"), (2, 1));
    }

    #[test]
    fn of_keys_that_stand_twice_the_last_counts() {
        assert_eq!(read("a: 1\nb: 2\na: 3\n").repeated[0].mark, Mark { line: 1, column: 1 });
        let stream = read("a: 1\nb: 2\na: 3\n");
        assert_eq!(stream.documents[0].value().get("a").as_u64(), Some(3));
        assert_eq!(stream.documents[0].place("/a").line, 3);
        let many: String = (0..20_000).fold(String::new(), |mut text, number| {
            let _ = writeln!(text, "k{}: {number}", number % 15_000);
            text
        });
        let stream = read(&many);
        assert_eq!(stream.repeated.len(), MAX_REPEATED);
        assert_eq!(stream.documents[0].value().as_object().map(ObjectAsVec::len), Some(15_000));
        assert!(read("a: {<<: {b: 1}, <<: {c: 2}}").repeated.is_empty());
    }

    #[test]
    fn what_aliases_repeat_is_bounded_in_bytes_too() {
        let text = format!("a: &a \"{}\\n\"\nb: [{}]\n", "x".repeat(100_000), "*a, ".repeat(100_000));
        assert!(read(&text).fault.is_some());
        let mut left = 10;
        assert_eq!(read_within("a: [1, 2]", &mut left).fault, None);
        assert_eq!(left, 5);
        assert!(read_within("a: [1, 2, 3, 4]", &mut left).fault.is_some());
    }

    #[test]
    fn hostile_texts_end() {
        let faulty = |text: &str| read(text).fault.unwrap_or_else(|| panic!("a fault")).detail;
        assert!(!faulty(&"[".repeat(100_000)).is_empty());
        assert!(!faulty(&"- ".repeat(100_000)).is_empty());
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..20 {
            let _ = writeln!(
                bomb,
                "a{level}: &a{level} [{}]",
                [format!("*a{}", level - 1).as_str(); 9].join(", ")
            );
        }
        assert!(faulty(&bomb).contains("nodes"));
        let mut deep = "a0: &a0 [x]\n".to_owned();
        for level in 1..200 {
            let _ = writeln!(deep, "a{level}: &a{level} [*a{}]", level - 1);
        }
        assert!(faulty(&deep).contains("deep"));
        assert!(!faulty("a: &a [*a]").is_empty());
        assert!(!faulty("a: 'b").is_empty());
        assert_eq!(read("a: 1\n---\nb: [\n").documents.len(), 1);
    }
}
