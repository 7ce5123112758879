//! Conditions with their macros and lists filled in, equal parts being one: a graph without circles.
//!
//! Also the plain way to evaluate it, against which the fast way in `engine` is tested.

use std::collections::{BTreeSet, HashMap};

use super::condition::{
    self, Check as Written, Mistake, Operand as Named, Operator, Right, Transformer, Word,
};
use super::fields::{self, Argument, Emit, Field, Item, Moment, Scope, Takes, Type};
use super::kind::{KINDS, Mask};
use super::matching::{self, Network};

/// An expression of a [`Graph`]: parts have smaller numbers than wholes.
pub(super) type NodeId = u32;
/// A comparison of a [`Graph`].
pub(super) type CheckId = u32;

/// Entries of all lists in all places where they stand, together.
const MOST_WORDS: usize = 4_000_000;

/// Nodes, those for each type of events counted. All given rules together have some thousands.
const MOST_NODES: usize = 4_000_000;

/// Parts of an expression that are taken into the one around it; more stay apart, so that size stays linear.
const FLATTENED: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    Constant(bool),
    And(Box<[NodeId]>),
    Or(Box<[NodeId]>),
    Not(NodeId),
    Check(CheckId),
}

/// A field with its argument and what is made of its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Operand {
    /// Its place among all fields.
    field: usize,
    argument: Argument,
    transformers: Vec<Transformer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Check {
    pub(super) operand: Operand,
    pub(super) test: Test,
}

/// What one value must be. With several values, one of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Test {
    Exists,
    /// Sorted.
    TextIn(Box<[Box<str>]>),
    Contains(Box<str>),
    /// In lower case.
    ContainsFolded(Box<str>),
    ContainsBytes(Box<[u8]>),
    StartsWith(Box<str>),
    StartsWithBytes(Box<[u8]>),
    EndsWith(Box<str>),
    Glob(Box<str>),
    GlobFolded(Box<str>),
    /// Checked: it compiles.
    Regex(Box<str>),
    Path(Box<[Box<str>]>),
    /// Sorted.
    NumberIn(Box<[i64]>),
    Compare(Operator, i64),
    TruthIn {
        yes: bool,
        no: bool,
    },
    AddressIn(Box<[Network]>),
    Field(Operator, Operand),
}

/// What a rule needs that events do not have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Missing {
    /// A field.
    Field {
        /// Its name.
        name: String,
        /// Why it is missing; empty when it is not known at all.
        reason: String,
    },
    /// A type of events, in a rule that is about no other.
    EventType {
        /// Its name.
        name: String,
    },
    /// A source of events other than the kernel.
    Source {
        /// Its name.
        name: String,
    },
}

impl std::fmt::Display for Missing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Missing::Field { name, reason } if reason.is_empty() => write!(formatter, "no field `{name}`"),
            Missing::Field { name, reason } => write!(formatter, "no field `{name}`: {reason}"),
            Missing::EventType { name } => write!(formatter, "no events of type `{name}`"),
            Missing::Source { name } => write!(formatter, "no events from `{name}`"),
        }
    }
}

/// An expression, and what it needs that is missing: then it is `false`.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved {
    pub(super) node: NodeId,
    pub(super) missing: BTreeSet<Missing>,
    /// Types of events that are named but never happen here.
    pub(super) unknown_types: BTreeSet<String>,
}

#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    interned: HashMap<Node, NodeId>,
    pub(super) checks: Vec<Check>,
    known_checks: HashMap<Check, CheckId>,
    words: usize,
    /// Whether there were more than [`MOST_NODES`]: what came after them is `false`, and nothing of it may run.
    pub(super) overflowed: bool,
}

/// Looks up what is not in the text of a condition.
pub(super) trait Names {
    /// The words of a list; nothing when there is no such list.
    fn list(&self, name: &str) -> Option<&[Word]>;
    /// A macro, resolved; nothing when there is no such macro.
    fn macros(&self, name: &str) -> Option<&Resolved>;
}

impl Operand {
    pub(super) fn field(&self) -> &'static Field {
        &Field::all()[self.field]
    }

    pub(super) fn scope(&self) -> Scope {
        self.field().scope
    }

    /// What its values are, with all that is made of them.
    fn kind(&self) -> Type {
        match self.transformers.last() {
            None => self.field().kind,
            Some(Transformer::Length) => Type::Number,
            Some(_) => Type::Text,
        }
    }

    /// Gives all its values; the texts are scratch.
    pub(super) fn read(&self, moment: &Moment<'_>, scratch: &mut [String; 2], emit: &mut Emit<'_>) {
        let [first, second] = scratch;
        first.clear();
        let field = self.field();
        if self.transformers.is_empty() {
            return (field.read)(moment, &self.argument, first, emit);
        }
        (field.read)(moment, &self.argument, first, &mut |item| {
            second.clear();
            item.put(second);
            for transformer in &self.transformers {
                match transformer {
                    Transformer::Lower => second.make_ascii_lowercase(),
                    Transformer::Upper => second.make_ascii_uppercase(),
                    Transformer::Basename => {
                        let start = second.rfind('/').map_or(0, |at| at + 1);
                        second.drain(..start);
                    }
                    Transformer::Base64 => {
                        if !decode(second) {
                            return;
                        }
                    }
                    Transformer::Length => {
                        let length = second.len();
                        second.clear();
                        super::names::put(second, length);
                    }
                }
            }
            match (self.kind(), condition::number(second)) {
                (Type::Number, Some(number)) => emit(Item::Number(number)),
                _ => emit(Item::Text(second)),
            }
        });
    }
}

/// Replaces base64 by what it says.
fn decode(text: &mut String) -> bool {
    use base64::Engine as _;
    let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(text.as_bytes()) else { return false };
    *text = crate::event::text(&bytes);
    true
}

impl Check {
    pub(super) fn scope(&self) -> Scope {
        match &self.test {
            Test::Field(_, right) => self.operand.scope().with(right.scope()),
            _ => self.operand.scope(),
        }
    }

    /// Whether it holds, found the plain way.
    #[cfg(test)]
    pub(super) fn holds(&self, moment: &Moment<'_>) -> bool {
        let mut found = false;
        let mut scratch = [String::new(), String::new()];
        if let Test::Field(operator, right) = &self.test {
            return compare_fields(*operator, &self.operand, right, moment);
        }
        self.operand.read(moment, &mut scratch, &mut |item| found |= self.test.holds(item));
        found
    }
}

impl Test {
    /// Whether it holds of one value.
    pub(super) fn holds(&self, item: Item<'_>) -> bool {
        match (self, item) {
            (Test::Exists, _) => true,
            (Test::TextIn(words), Item::Text(text)) => {
                words.binary_search_by(|word| (**word).cmp(text)).is_ok()
            }
            (Test::Contains(word), Item::Text(text)) => text.contains(&**word),
            (Test::ContainsFolded(word), Item::Text(text)) => {
                contains_folded(text.as_bytes(), word.as_bytes())
            }
            (Test::ContainsBytes(bytes), Item::Text(text)) => {
                text.as_bytes().windows(bytes.len()).any(|window| window == &**bytes)
            }
            (Test::StartsWith(word), Item::Text(text)) => text.starts_with(&**word),
            (Test::StartsWithBytes(bytes), Item::Text(text)) => text.as_bytes().starts_with(bytes),
            (Test::EndsWith(word), Item::Text(text)) => text.ends_with(&**word),
            (Test::Glob(pattern), Item::Text(text)) => matching::glob(pattern, text, false),
            (Test::GlobFolded(pattern), Item::Text(text)) => matching::glob(pattern, text, true),
            (Test::Regex(pattern), Item::Text(text)) => {
                regex(pattern).is_ok_and(|regex| regex.is_match(text))
            }
            (Test::Path(paths), Item::Text(text)) => paths.iter().any(|wanted| matching::path(wanted, text)),
            (Test::NumberIn(numbers), Item::Number(number)) => numbers.binary_search(&number).is_ok(),
            (Test::Compare(operator, with), Item::Number(number)) => ordered(*operator, number, *with),
            (Test::Compare(operator, with), Item::Text(text)) => {
                condition::number(text).is_some_and(|number| ordered(*operator, number, *with))
            }
            (Test::TruthIn { yes, no }, Item::Truth(truth)) => {
                if truth {
                    *yes
                } else {
                    *no
                }
            }
            (Test::AddressIn(networks), Item::Address(address)) => {
                networks.iter().any(|network| network.contains(address))
            }
            _ => false,
        }
    }
}

fn ordered(operator: Operator, left: i64, right: i64) -> bool {
    match operator {
        Operator::Less => left < right,
        Operator::LessOrEqual => left <= right,
        Operator::Greater => left > right,
        Operator::GreaterOrEqual => left >= right,
        _ => left == right,
    }
}

fn contains_folded(text: &[u8], word: &[u8]) -> bool {
    word.is_empty() || text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// A regular expression of the whole value, in linear time.
pub(super) fn regex(pattern: &str) -> Result<regex::Regex, regex::Error> {
    regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(1 << 20)
        .dot_matches_new_line(true)
        .build()
}

/// Compares each value of one field with each of another.
pub(super) fn compare_fields(
    operator: Operator,
    left: &Operand,
    right: &Operand,
    moment: &Moment<'_>,
) -> bool {
    let mut scratch = [String::new(), String::new()];
    let mut other = [String::new(), String::new()];
    let (mut a, mut b) = (String::new(), String::new());
    let mut found = false;
    left.read(moment, &mut scratch, &mut |item| {
        a.clear();
        item.put(&mut a);
        right.read(moment, &mut other, &mut |item| {
            b.clear();
            item.put(&mut b);
            found |= match operator {
                Operator::Contains => a.contains(&b),
                Operator::ContainsFolded => contains_folded(a.as_bytes(), b.as_bytes()),
                Operator::StartsWith => a.starts_with(&b),
                Operator::EndsWith => a.ends_with(&b),
                Operator::Glob => matching::glob(&b, &a, false),
                Operator::GlobFolded => matching::glob(&b, &a, true),
                Operator::PathMatch => matching::path(&b, &a),
                Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                    condition::number(&a)
                        .zip(condition::number(&b))
                        .is_some_and(|(a, b)| ordered(operator, a, b))
                }
                _ => a == b,
            };
        });
    });
    found
}

impl Graph {
    pub(super) fn constant(&mut self, value: bool) -> NodeId {
        self.intern(Node::Constant(value))
    }

    fn intern(&mut self, node: Node) -> NodeId {
        if let Some(id) = self.interned.get(&node) {
            return *id;
        }
        if self.nodes.len() >= MOST_NODES && node != Node::Constant(false) {
            self.overflowed = true;
            return self.constant(false);
        }
        let id = u32::try_from(self.nodes.len()).expect("at most MOST_NODES and one");
        self.nodes.push(node.clone());
        self.interned.insert(node, id);
        id
    }

    pub(super) fn not(&mut self, part: NodeId) -> NodeId {
        match self.nodes[part as usize] {
            Node::Constant(value) => self.constant(!value),
            Node::Not(inner) => inner,
            _ => self.intern(Node::Not(part)),
        }
    }

    /// All parts (`true`) or one of them (`false`), simplified.
    pub(super) fn join(&mut self, all: bool, parts: &[NodeId]) -> NodeId {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match &self.nodes[*part as usize] {
                Node::Constant(value) if *value == all => {}
                Node::Constant(_) => return self.constant(!all),
                Node::And(inner) if all && inner.len() <= FLATTENED => flat.extend_from_slice(inner),
                Node::Or(inner) if !all && inner.len() <= FLATTENED => flat.extend_from_slice(inner),
                _ => flat.push(*part),
            }
        }
        flat.sort_unstable();
        flat.dedup();
        match flat[..] {
            [] => self.constant(all),
            [only] => only,
            _ if all => self.intern(Node::And(flat.into_boxed_slice())),
            _ => self.intern(Node::Or(flat.into_boxed_slice())),
        }
    }

    fn check(&mut self, operand: Operand, test: Test) -> NodeId {
        let check = Check { operand, test };
        let id = match self.known_checks.get(&check) {
            Some(id) => *id,
            None => {
                let id = u32::try_from(self.checks.len()).expect("conditions are bounded to less");
                self.checks.push(check.clone());
                self.known_checks.insert(check, id);
                id
            }
        };
        self.intern(Node::Check(id))
    }

    /// Fills in macros and lists. What is missing does not make the condition wrong: it is told.
    pub(super) fn resolve(
        &mut self,
        written: &condition::Condition,
        names: &dyn Names,
    ) -> Result<Resolved, Mistake> {
        let mut resolved = Resolved::default();
        let mut ids: Vec<NodeId> = Vec::with_capacity(written.expressions.len());
        for expression in &written.expressions {
            let parts = |parts: &[usize]| parts.iter().map(|part| ids[*part]).collect::<Vec<_>>();
            let id = match expression {
                condition::Expression::And(inner) => self.join(true, &parts(inner)),
                condition::Expression::Or(inner) => self.join(false, &parts(inner)),
                condition::Expression::Not(inner) => self.not(ids[*inner]),
                condition::Expression::Macro { name, offset } => {
                    let Some(found) = names.macros(name) else {
                        return Err(Mistake {
                            offset: *offset,
                            message: format!("there is no macro `{name}`"),
                        });
                    };
                    resolved.missing.extend(found.missing.iter().cloned());
                    resolved.unknown_types.extend(found.unknown_types.iter().cloned());
                    found.node
                }
                condition::Expression::Check(check) => self.comparison(check, names, &mut resolved)?,
            };
            ids.push(id);
        }
        resolved.node = ids.last().copied().unwrap_or_else(|| self.constant(false));
        Ok(resolved)
    }

    /// A comparison; `false` when its field is missing.
    pub(super) fn comparison(
        &mut self,
        check: &Written,
        names: &dyn Names,
        resolved: &mut Resolved,
    ) -> Result<NodeId, Mistake> {
        let Some(left) = operand(&check.left, check.offset, &mut resolved.missing)? else {
            return Ok(self.constant(false));
        };
        if let Right::Field(right) = &check.right {
            let Some(right) = operand(right, check.offset, &mut resolved.missing)? else {
                return Ok(self.constant(false));
            };
            if matches!(check.operator, Operator::Regex | Operator::ContainsBytes | Operator::StartsWithBytes)
            {
                let message = format!("`{}` does not take a field", check.operator);
                return Err(Mistake { offset: check.offset, message });
            }
            if check.operator == Operator::NotEqual {
                return Ok(self.unequal(left, Test::Field(Operator::Equal, right)));
            }
            return Ok(self.check(left, Test::Field(check.operator, right)));
        }
        let words = self.words(check, names)?;
        if left.field().name == "evt.type" && left.transformers.is_empty() {
            let unknown = words.iter().filter(|word| KINDS.named(&word.text).is_none());
            resolved.unknown_types.extend(unknown.map(|word| word.text.clone()));
        }
        let test = test(&left, check.operator, &words).map_err(|message| Mistake {
            offset: words.first().filter(|_| words.len() == 1).map_or(check.offset, |word| word.offset),
            message,
        })?;
        if check.operator == Operator::NotEqual {
            return Ok(self.unequal(left, test));
        }
        Ok(self.check(left, test))
    }

    /// Has a value, and none that is equal.
    fn unequal(&mut self, operand: Operand, equal: Test) -> NodeId {
        let equal = self.check(operand.clone(), equal);
        let different = self.not(equal);
        let exists = self.check(operand, Test::Exists);
        self.join(true, &[exists, different])
    }

    /// The values on the right, lists filled in.
    fn words(&mut self, check: &Written, names: &dyn Names) -> Result<Vec<Word>, Mistake> {
        let mut words = Vec::new();
        match &check.right {
            Right::Word(word) => match names.list(&word.text).filter(|_| !word.quoted) {
                None => words.push(word.clone()),
                Some([only]) => words.push(Word { offset: word.offset, ..only.clone() }),
                Some(list) => {
                    let message = format!(
                        "`{}` takes one value, and the list `{}` has {}",
                        check.operator,
                        word.text,
                        list.len()
                    );
                    return Err(Mistake { offset: word.offset, message });
                }
            },
            Right::Words(written) => {
                for word in written {
                    match names.list(&word.text).filter(|_| !word.quoted) {
                        Some(list) => {
                            self.words += list.len();
                            if self.words > MOST_WORDS {
                                let message = format!(
                                    "lists have more than {MOST_WORDS} entries in all places together"
                                );
                                return Err(Mistake { offset: word.offset, message });
                            }
                            words
                                .extend(list.iter().map(|item| Word { offset: word.offset, ..item.clone() }));
                        }
                        None => words.push(word.clone()),
                    }
                }
            }
            Right::Nothing | Right::Field(_) => {}
        }
        Ok(words)
    }

    /// For each node up to `until` what is left of it for events of one type: checks of the type and of fields that it
    /// does not have are decided. Only nodes that are `wanted` are.
    pub(super) fn specialised(&mut self, kind: usize, until: usize, wanted: &[bool]) -> Vec<NodeId> {
        let name = KINDS.names[kind];
        let actions = KINDS.actions[kind];
        let mut out = vec![0; until];
        for id in 0..until {
            if !wanted[id] {
                continue;
            }
            let node = self.nodes[id].clone();
            out[id] = match node {
                Node::Constant(_) => u32::try_from(id).expect("ids are 32 bits"),
                Node::Not(part) => self.not(out[part as usize]),
                Node::And(parts) | Node::Or(parts) => {
                    let all = matches!(self.nodes[id], Node::And(_));
                    let parts: Vec<NodeId> = parts.iter().map(|part| out[*part as usize]).collect();
                    self.join(all, &parts)
                }
                Node::Check(check) => match self.decided(check, name, actions) {
                    Some(value) => self.constant(value),
                    None => u32::try_from(id).expect("ids are 32 bits"),
                },
            };
        }
        out
    }

    fn decided(&self, check: CheckId, kind: &str, actions: Mask) -> Option<bool> {
        let check = &self.checks[check as usize];
        let operand = &check.operand;
        if let Test::Field(_, right) = &check.test {
            let possible = [operand, right].iter().all(|operand| operand.field().on & actions != 0);
            return if possible { None } else { Some(false) };
        }
        if operand.field().on & actions == 0 {
            return Some(false);
        }
        (operand.field().name == "evt.type" && operand.transformers.is_empty())
            .then(|| check.test.holds(Item::Text(kind)))
    }

    /// Whether each node holds, found the plain way: every part is evaluated for itself. Against this the engine is tested.
    #[cfg(test)]
    pub(super) fn holds(&self, moment: &Moment<'_>) -> Vec<bool> {
        let mut known: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let value = match node {
                Node::Constant(value) => *value,
                Node::And(parts) => parts.iter().all(|part| known[*part as usize]),
                Node::Or(parts) => parts.iter().any(|part| known[*part as usize]),
                Node::Not(part) => !known[*part as usize],
                Node::Check(check) => self.checks[*check as usize].holds(moment),
            };
            known.push(value);
        }
        known
    }
}

/// The field of an operand; nothing, told in `missing`, when there is no such field.
pub(super) fn operand(
    named: &Named,
    offset: usize,
    missing: &mut BTreeSet<Missing>,
) -> Result<Option<Operand>, Mistake> {
    let Some(index) = Field::all().iter().position(|field| field.name == named.field) else {
        let reason = fields::why_missing(&named.field).unwrap_or_default().to_owned();
        missing.insert(Missing::Field { name: named.field.clone(), reason });
        return Ok(None);
    };
    let field = &Field::all()[index];
    let wrong =
        |what: &str| Err(Mistake { offset, message: format!("`{}` takes {what} in brackets", field.name) });
    let argument = match (field.takes, &named.argument) {
        (Takes::Nothing | Takes::MaybeIndex, None) => Argument::None,
        (Takes::Nothing, Some(_)) => return wrong("nothing"),
        (Takes::MaybeIndex, Some(text)) => match text.parse() {
            Ok(index) if text.bytes().all(|digit| digit.is_ascii_digit()) => Argument::Index(index),
            _ => return wrong("a number"),
        },
        (Takes::Text, Some(text)) => Argument::Text(text.clone()),
        (Takes::Text, None) => return wrong("a text"),
    };
    Ok(Some(Operand { field: index, argument, transformers: named.transformers.clone() }))
}

/// A comparison that holds of every event.
pub(super) fn anything() -> (Operand, Test) {
    let field =
        Field::all().iter().position(|field| field.name == "evt.type").expect("every event has a type");
    (Operand { field, argument: Argument::None, transformers: Vec::new() }, Test::Exists)
}

/// What a comparison asks of one value.
fn test(operand: &Operand, operator: Operator, words: &[Word]) -> Result<Test, String> {
    use Operator as O;
    let kind = operand.kind();
    let texts = || -> Box<[Box<str>]> {
        let mut texts: Vec<Box<str>> = words.iter().map(|word| word.text.as_str().into()).collect();
        texts.sort_unstable();
        texts.dedup();
        texts.into()
    };
    let one = || words.first().map(|word| word.text.as_str()).unwrap_or_default();
    let number = |text: &str| {
        condition::number(text).ok_or_else(|| {
            format!(
                "`{}` is a number, and `{}` is none",
                operand.field().name,
                plimsoll_model::shortened(text)
            )
        })
    };
    let hexadecimal = || {
        matching::bytes(one()).ok_or_else(|| {
            format!(
                "`{operator}` takes pairs of hexadecimal digits, not `{}`",
                plimsoll_model::shortened(one())
            )
        })
    };
    Ok(match (operator, kind) {
        (O::Exists, _) => Test::Exists,
        (O::Equal | O::NotEqual | O::In | O::Intersects, Type::Text) => Test::TextIn(texts()),
        (O::Equal | O::NotEqual | O::In | O::Intersects, Type::Number) => {
            let mut numbers = words.iter().map(|word| number(&word.text)).collect::<Result<Vec<_>, _>>()?;
            numbers.sort_unstable();
            numbers.dedup();
            Test::NumberIn(numbers.into())
        }
        (O::Equal | O::NotEqual | O::In | O::Intersects, Type::Truth) => {
            let (mut yes, mut no) = (false, false);
            for word in words {
                match word.text.to_ascii_lowercase().as_str() {
                    "true" | "1" | "yes" => yes = true,
                    "false" | "0" | "no" => no = true,
                    _ => return Err(format!("`{}` is true or false", operand.field().name)),
                }
            }
            Test::TruthIn { yes, no }
        }
        (O::Equal | O::NotEqual | O::In | O::Intersects, Type::Address) => {
            let network = |word: &Word| {
                Network::parse(&word.text).ok_or_else(|| {
                    format!("`{}` is neither an address nor a network", plimsoll_model::shortened(&word.text))
                })
            };
            let mut networks = words.iter().map(network).collect::<Result<Vec<_>, _>>()?;
            networks.sort_unstable();
            networks.dedup();
            Test::AddressIn(networks.into())
        }
        (O::Less | O::LessOrEqual | O::Greater | O::GreaterOrEqual, Type::Number | Type::Text) => {
            Test::Compare(operator, number(one())?)
        }
        // Every text has the empty one.
        (O::Contains | O::ContainsFolded | O::StartsWith | O::EndsWith, Type::Text) if one().is_empty() => {
            Test::Exists
        }
        (O::Contains, Type::Text) => Test::Contains(one().into()),
        (O::ContainsFolded, Type::Text) => Test::ContainsFolded(one().to_ascii_lowercase().into()),
        (O::ContainsBytes, Type::Text) => Test::ContainsBytes(hexadecimal()?.into()),
        (O::StartsWith, Type::Text) => Test::StartsWith(one().into()),
        (O::StartsWithBytes, Type::Text) => Test::StartsWithBytes(hexadecimal()?.into()),
        (O::EndsWith, Type::Text) => Test::EndsWith(one().into()),
        (O::Glob, Type::Text) => Test::Glob(one().into()),
        (O::GlobFolded, Type::Text) => Test::GlobFolded(one().into()),
        (O::PathMatch, Type::Text) => Test::Path(texts()),
        (O::Regex, Type::Text) => {
            regex(one()).map_err(|error| {
                format!("the regular expression is wrong: {}", last_line(&error.to_string()))
            })?;
            Test::Regex(one().into())
        }
        _ => {
            let what = kind.word();
            return Err(format!("`{operator}` does not go with `{}` ({what})", operand.field().name));
        }
    })
}

/// What a regular expression's error says, without the drawing above it.
fn last_line(error: &str) -> &str {
    let line = error.lines().last().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line)
}
