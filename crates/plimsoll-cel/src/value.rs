//! Values: what JSON borrows, and what a program makes. Cloning one copies at most a pointer.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json_borrow::{ObjectAsVec, Value as Json};

use crate::error::Error;
use crate::eval::Meter;
use crate::functions::Moment;
use crate::opaque::Opaque;

/// Maps above this size get an index.
const INDEXED: usize = 8;

/// A value of the language.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `bool`
    Bool(bool),
    /// `int`
    Int(i64),
    /// `uint`
    Uint(u64),
    /// `double`
    Double(f64),
    /// `string`
    String(Text<'a>),
    /// `bytes`
    Bytes(Arc<[u8]>),
    /// `list`
    List(List<'a>),
    /// `map`
    Map(Map<'a>),
    /// `google.protobuf.Timestamp`
    Timestamp(Moment),
    /// `google.protobuf.Duration`, in nanoseconds.
    Duration(i64),
    /// A type, by its name.
    Type(Text<'a>),
    /// `optional_type`
    Optional(Option<Arc<Value<'a>>>),
    /// A value of the Kubernetes library: a quantity, an address, a version ...
    Opaque(Arc<Opaque>),
}

/// A text that somebody else holds, or that is shared.
#[derive(Clone, Debug)]
pub enum Text<'a> {
    /// Held by the JSON or the program.
    Borrowed(&'a str),
    /// Made while evaluating.
    Shared(Arc<str>),
}

impl Text<'_> {
    /// The text.
    pub fn as_str(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Text::Borrowed(text)
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Text::Shared(text.into())
    }
}

/// A list.
#[derive(Clone, Debug)]
pub enum List<'a> {
    /// An array of JSON.
    Json(&'a [Json<'a>]),
    /// Made while evaluating, or given.
    Shared(Arc<Vec<Value<'a>>>),
    /// A constant of the program.
    Constant(&'a [Value<'a>]),
}

impl<'a> List<'a> {
    /// How many elements.
    pub fn len(&self) -> usize {
        match self {
            List::Json(list) => list.len(),
            List::Shared(list) => list.len(),
            List::Constant(list) => list.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One element.
    pub fn get(&self, at: usize) -> Option<Value<'a>> {
        match self {
            List::Json(list) => list.get(at).map(Value::from),
            List::Shared(list) => list.get(at).cloned(),
            List::Constant(list) => list.get(at).cloned(),
        }
    }

    /// All elements in order.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + '_ {
        (0..self.len()).filter_map(|at| self.get(at))
    }
}

/// A key of a map that was made while evaluating. Whole numbers are the same key whatever their type.
#[derive(Clone, Debug)]
pub enum Key<'a> {
    /// `bool`
    Bool(bool),
    /// `int`
    Int(i64),
    /// `uint`
    Uint(u64),
    /// `string`
    String(Text<'a>),
}

impl<'a> Key<'a> {
    /// The value as a key of a literal: numbers with fractions and everything composed are none.
    pub(crate) fn of(value: &Value<'a>) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Key::Bool(*value)),
            Value::Int(value) => Some(Key::Int(*value)),
            Value::Uint(value) => Some(Key::Uint(*value)),
            Value::String(value) => Some(Key::String(value.clone())),
            _ => None,
        }
    }

    /// The value as something to look up: a double that is a whole number finds that number.
    pub(crate) fn sought(value: &Value<'a>) -> Option<Self> {
        match value {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the fraction is zero and the range is checked"
            )]
            Value::Double(value) if value.fract() == 0.0 && (-9.2e18..9.2e18).contains(value) => {
                Some(Key::Int(*value as i64))
            }
            other => Key::of(other),
        }
    }

    /// As a value again.
    pub fn value(&self) -> Value<'a> {
        match self {
            Key::Bool(value) => Value::Bool(*value),
            Key::Int(value) => Value::Int(*value),
            Key::Uint(value) => Value::Uint(*value),
            Key::String(value) => Value::String(value.clone()),
        }
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Key::Bool(one), Key::Bool(two)) => one == two,
            (Key::String(one), Key::String(two)) => one.as_str() == two.as_str(),
            (Key::Int(one), Key::Int(two)) => one == two,
            (Key::Uint(one), Key::Uint(two)) => one == two,
            (Key::Int(one), Key::Uint(two)) | (Key::Uint(two), Key::Int(one)) => {
                u64::try_from(*one).is_ok_and(|one| one == *two)
            }
            _ => false,
        }
    }
}

impl Eq for Key<'_> {}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Key::Bool(value) => value.hash(state),
            Key::Int(value) => i128::from(*value).hash(state),
            Key::Uint(value) => i128::from(*value).hash(state),
            Key::String(value) => value.as_str().hash(state),
        }
    }
}

/// A map that was made while evaluating, in the order of its making.
#[derive(Clone, Debug, Default)]
pub struct Entries<'a> {
    list: Vec<(Key<'a>, Value<'a>)>,
    index: HashMap<Key<'a>, usize>,
}

impl<'a> Entries<'a> {
    /// Adds an entry; `false` when the key is there already, and then nothing changes.
    pub(crate) fn insert(&mut self, key: Key<'a>, value: Value<'a>) -> bool {
        if self.find(&key).is_some() {
            return false;
        }
        if self.list.len() == INDEXED {
            self.index = self.list.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)).collect();
        }
        if self.list.len() >= INDEXED {
            self.index.insert(key.clone(), self.list.len());
        }
        self.list.push((key, value));
        true
    }

    fn find(&self, key: &Key<'a>) -> Option<usize> {
        if self.list.len() > INDEXED {
            self.index.get(key).copied()
        } else {
            self.list.iter().position(|(known, _)| known == key)
        }
    }
}

/// A map.
#[derive(Clone, Debug)]
pub enum Map<'a> {
    /// An object of JSON.
    Json(&'a ObjectAsVec<'a>),
    /// Made while evaluating, or given.
    Shared(Arc<Entries<'a>>),
}

impl<'a> Map<'a> {
    /// How many entries.
    pub fn len(&self) -> usize {
        match self {
            Map::Json(map) => map.len(),
            Map::Shared(map) => map.list.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry at a place.
    pub fn entry(&self, at: usize) -> Option<(Value<'a>, Value<'a>)> {
        match self {
            Map::Json(map) => {
                let (key, value) = map.get_key_value_at(at)?;
                Some((Value::String(Text::Borrowed(key)), Value::from(value)))
            }
            Map::Shared(map) => map.list.get(at).map(|(key, value)| (key.value(), value.clone())),
        }
    }

    /// The value of a key of that name.
    pub fn field(&self, name: &str) -> Option<Value<'a>> {
        match self {
            Map::Json(map) => map.get(name).map(Value::from),
            Map::Shared(map) => {
                let found = if map.list.len() > INDEXED {
                    let key = Key::String(Text::Shared(Arc::from(name)));
                    map.index.get(&key).copied()
                } else {
                    let is = |key: &Key<'a>| matches!(key, Key::String(text) if text.as_str() == name);
                    map.list.iter().position(|(key, _)| is(key))
                };
                found.map(|at| map.list[at].1.clone())
            }
        }
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &Key<'a>) -> Option<Value<'a>> {
        match (self, key) {
            (_, Key::String(name)) => self.field(name),
            (Map::Json(_), _) => None,
            (Map::Shared(map), key) => map.find(key).map(|at| map.list[at].1.clone()),
        }
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (Value<'a>, Value<'a>)> + '_ {
        (0..self.len()).filter_map(|at| self.entry(at))
    }
}

impl<'a> FromIterator<(Key<'a>, Value<'a>)> for Map<'a> {
    /// Of two entries with the same key the first stays.
    fn from_iter<I: IntoIterator<Item = (Key<'a>, Value<'a>)>>(entries: I) -> Self {
        let mut map = Entries::default();
        for (key, value) in entries {
            map.insert(key, value);
        }
        Map::Shared(Arc::new(map))
    }
}

impl<'a> From<&'a Json<'a>> for Value<'a> {
    fn from(json: &'a Json<'a>) -> Self {
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(value), _) => Value::Int(value),
                (None, Some(value)) => Value::Double(value),
                (None, None) => Value::Null,
            },
            Json::Str(text) => Value::String(Text::Borrowed(text)),
            Json::Array(list) => Value::List(List::Json(list)),
            Json::Object(map) => Value::Map(Map::Json(map)),
        }
    }
}

impl<'a> From<&'a serde_json::Value> for Value<'a> {
    /// A copy of lists and objects; texts are borrowed. Goes as deep as the document, which its parser bounds.
    fn from(json: &'a serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(value), _) => Value::Int(value),
                (None, Some(value)) => Value::Double(value),
                (None, None) => Value::Null,
            },
            serde_json::Value::String(text) => Value::String(Text::Borrowed(text)),
            serde_json::Value::Array(list) => list.iter().map(Value::from).collect(),
            serde_json::Value::Object(map) => {
                Value::object(map.iter().map(|(key, value)| (key.as_str(), Value::from(value))))
            }
        }
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Value::String(Text::Borrowed(value))
    }
}

impl From<String> for Value<'_> {
    fn from(value: String) -> Self {
        Value::String(value.into())
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(value: Timestamp) -> Self {
        Value::Timestamp(value.into())
    }
}

impl From<Opaque> for Value<'_> {
    fn from(value: Opaque) -> Self {
        Value::Opaque(Arc::new(value))
    }
}

impl<'a> FromIterator<Value<'a>> for Value<'a> {
    fn from_iter<I: IntoIterator<Item = Value<'a>>>(values: I) -> Self {
        Value::list(values.into_iter().collect())
    }
}

impl<'a> Value<'a> {
    /// A list of these.
    pub fn list(values: Vec<Value<'a>>) -> Self {
        Value::List(List::Shared(Arc::new(values)))
    }

    /// A map with texts as keys. Of two entries with the same key the first stays.
    pub fn object(entries: impl IntoIterator<Item = (&'a str, Value<'a>)>) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (Key::String(Text::Borrowed(key)), value));
        Value::Map(entries.collect())
    }

    /// An optional with a value in it.
    pub(crate) fn some(value: Value<'a>) -> Self {
        Value::Optional(Some(Arc::new(value)))
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The name of its type, as `type(value)` gives it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null_type",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Uint(_) => "uint",
            Value::Double(_) => "double",
            Value::String(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Timestamp(_) => "google.protobuf.Timestamp",
            Value::Duration(_) => "google.protobuf.Duration",
            Value::Type(_) => "type",
            Value::Optional(_) => "optional_type",
            Value::Opaque(value) => value.kind().type_name(),
        }
    }

    /// Whether the two are equal. Values of different types are not, numbers are compared across their types.
    ///
    /// Goes as deep as the values do, which JSON and the depth of programs bound; every part costs.
    pub(crate) fn equals(&self, other: &Value<'a>, meter: &mut Meter) -> Result<bool, Error> {
        Ok(match (self, other) {
            (Value::Null, Value::Null) | (Value::Optional(None), Value::Optional(None)) => true,
            (Value::Bool(one), Value::Bool(two)) => one == two,
            (Value::String(one), Value::String(two)) => {
                let (one, two) = (one.as_str(), two.as_str());
                if one.len() == two.len() {
                    meter.text(one.len())?;
                }
                one == two
            }
            (Value::Type(one), Value::Type(two)) => one.as_str() == two.as_str(),
            (Value::Bytes(one), Value::Bytes(two)) => {
                meter.text(one.len())?;
                one == two
            }
            (Value::Timestamp(one), Value::Timestamp(two)) => one == two,
            (Value::Duration(one), Value::Duration(two)) => one == two,
            (Value::Optional(Some(one)), Value::Optional(Some(two))) => one.equals(two, meter)?,
            (Value::Opaque(one), Value::Opaque(two)) => one == two,
            (Value::List(one), Value::List(two)) => {
                if one.len() != two.len() {
                    return Ok(false);
                }
                for (one, two) in one.iter().zip(two.iter()) {
                    meter.charge(1)?;
                    if !one.equals(&two, meter)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Map(one), Value::Map(two)) => {
                if one.len() != two.len() {
                    return Ok(false);
                }
                for (key, value) in one.iter() {
                    meter.lookup(two)?;
                    let other = Key::of(&key).and_then(|key| two.get(&key));
                    match other {
                        Some(other) if value.equals(&other, meter)? => {}
                        _ => return Ok(false),
                    }
                }
                true
            }
            _ => self.compare_numbers(other) == Some(Ordering::Equal),
        })
    }

    /// The order of two numbers, whatever their types; `None` when one is no number or not a number.
    pub(crate) fn compare_numbers(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Value::Int(one), Value::Int(two)) => Some(one.cmp(two)),
            (Value::Uint(one), Value::Uint(two)) => Some(one.cmp(two)),
            (Value::Double(one), Value::Double(two)) => one.partial_cmp(two),
            (Value::Int(one), Value::Uint(two)) => Some(i128::from(*one).cmp(&i128::from(*two))),
            (Value::Uint(one), Value::Int(two)) => Some(i128::from(*one).cmp(&i128::from(*two))),
            (Value::Int(whole), Value::Double(double)) => int_to_double(*whole, *double),
            (Value::Uint(whole), Value::Double(double)) => uint_to_double(*whole, *double),
            (Value::Double(double), Value::Int(whole)) => {
                int_to_double(*whole, *double).map(Ordering::reverse)
            }
            (Value::Double(double), Value::Uint(whole)) => {
                uint_to_double(*whole, *double).map(Ordering::reverse)
            }
            _ => None,
        }
    }

    /// The order of two values of the same ordered type, or of two numbers. `Ok(None)` for what is not a number.
    pub(crate) fn compare(&self, other: &Value<'a>, meter: &mut Meter) -> Result<Option<Ordering>, Error> {
        Ok(match (self, other) {
            (Value::String(one), Value::String(two)) => {
                meter.text(one.len().min(two.len()))?;
                Some(one.as_str().cmp(two.as_str()))
            }
            (Value::Bytes(one), Value::Bytes(two)) => {
                meter.text(one.len().min(two.len()))?;
                Some(one.cmp(two))
            }
            (Value::Bool(one), Value::Bool(two)) => Some(one.cmp(two)),
            (Value::Timestamp(one), Value::Timestamp(two)) => Some(one.cmp(two)),
            (Value::Duration(one), Value::Duration(two)) => Some(one.cmp(two)),
            (
                Value::Int(_) | Value::Uint(_) | Value::Double(_),
                Value::Int(_) | Value::Uint(_) | Value::Double(_),
            ) => self.compare_numbers(other),
            _ => return Err(Error::no_such_overload()),
        })
    }
}

/// Whole numbers are compared with doubles as doubles, so that the largest lose their last digits, as everywhere in the
/// language; a double beyond the range of the whole numbers is larger or smaller than all of them.
#[expect(clippy::cast_precision_loss, reason = "the language compares them so")]
fn int_to_double(whole: i64, double: f64) -> Option<Ordering> {
    (whole as f64).partial_cmp(&double)
}

/// As [`int_to_double`].
#[expect(clippy::cast_precision_loss, reason = "the language compares them so")]
fn uint_to_double(whole: u64, double: f64) -> Option<Ordering> {
    (whole as f64).partial_cmp(&double)
}

impl fmt::Display for Value<'_> {
    /// As people read it; not a form to read back.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => formatter.write_str("null"),
            Value::Bool(value) => write!(formatter, "{value}"),
            Value::Int(value) => write!(formatter, "{value}"),
            Value::Uint(value) => write!(formatter, "{value}u"),
            Value::Double(value) => formatter.write_str(&crate::functions::text_of_double(*value)),
            Value::String(text) => write!(formatter, "{:?}", text.as_str()),
            Value::Bytes(bytes) => write!(formatter, "b\"{}\"", bytes.escape_ascii()),
            Value::Timestamp(time) => write!(formatter, "{time}"),
            Value::Duration(nanoseconds) => {
                formatter.write_str(&crate::functions::text_of_duration(*nanoseconds))
            }
            Value::Type(name) => formatter.write_str(name),
            Value::Optional(None) => formatter.write_str("optional.none()"),
            Value::Optional(Some(value)) => write!(formatter, "optional.of({value})"),
            Value::Opaque(value) => write!(formatter, "{value}"),
            Value::List(list) => {
                formatter.write_str("[")?;
                for (at, value) in list.iter().enumerate() {
                    let before = if at == 0 { "" } else { ", " };
                    write!(formatter, "{before}{value}")?;
                }
                formatter.write_str("]")
            }
            Value::Map(map) => {
                formatter.write_str("{")?;
                for (at, (key, value)) in map.iter().enumerate() {
                    let before = if at == 0 { "" } else { ", " };
                    write!(formatter, "{before}{key}: {value}")?;
                }
                formatter.write_str("}")
            }
        }
    }
}
