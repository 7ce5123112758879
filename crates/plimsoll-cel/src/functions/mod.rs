//! The functions: one table of signatures, each with the library it belongs to and the native that does it.

mod core;
mod format;
mod kubernetes;
mod lists;
mod maths;
mod pattern;
mod strings;
mod table;
mod time;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

pub(crate) use self::core::{arithmetic, equal, negate, text_of_double};
pub(crate) use self::format::check_format;
pub(crate) use self::kubernetes::Format;
pub(crate) use self::lists::sort_by;
pub(crate) use self::pattern::{RegexCall, compile_regex, regex_call, with_regex};
pub use self::time::Moment;
pub(crate) use self::time::text_of_duration;

use crate::error::Error;
use crate::eval::Meter;
use crate::opaque::Kind;
use crate::syntax::Operator;
use crate::types::{Bindings, Environment, Library, Type};
use crate::value::Value;

/// What does a function. It pays for what it reads and makes before it does.
pub(crate) type Native = for<'a> fn(&mut Meter, &[Value<'a>]) -> Result<Value<'a>, Error>;

/// A function for certain types.
pub(crate) struct Overload {
    pub(crate) name: &'static str,
    pub(crate) library: Library,
    /// Called on a value, which is the first parameter.
    pub(crate) member: bool,
    pub(crate) parameters: Vec<Type>,
    pub(crate) result: Type,
    pub(crate) variadic: bool,
    /// What each parameter may be at run time, one bit for each kind of value.
    masks: Vec<u32>,
    pub(crate) native: Native,
}

impl std::fmt::Debug for Overload {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

impl Overload {
    /// Whether it takes these values.
    pub(crate) fn fits(&self, values: &[Value<'_>]) -> bool {
        self.variadic
            || (values.len() == self.masks.len()
                && values.iter().zip(&self.masks).all(|(value, mask)| bit(value) & mask != 0))
    }

    fn signature(&self) -> String {
        let types = self.parameters.iter().map(ToString::to_string).collect::<Vec<_>>();
        match (self.member, types.split_first()) {
            (true, Some((target, rest))) => format!("{target}.{}({})", self.name, rest.join(", ")),
            _ if self.variadic => format!("{}(...)", self.name),
            _ => format!("{}({})", self.name, types.join(", ")),
        }
    }
}

fn bit(value: &Value<'_>) -> u32 {
    1 << match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) => 2,
        Value::Uint(_) => 3,
        Value::Double(_) => 4,
        Value::String(_) => 5,
        Value::Bytes(_) => 6,
        Value::List(_) => 7,
        Value::Map(_) => 8,
        Value::Timestamp(_) => 9,
        Value::Duration(_) => 10,
        Value::Type(_) => 11,
        Value::Optional(_) => 12,
        Value::Opaque(value) => 13 + opaque_bit(value.kind()),
    }
}

fn opaque_bit(kind: Kind) -> u32 {
    kind as u32
}

fn mask(of: &Type) -> u32 {
    match of {
        Type::Dyn | Type::Unbound | Type::Parameter(_) => u32::MAX,
        Type::Null => 1,
        Type::Bool => 1 << 1,
        Type::Int => 1 << 2,
        Type::Uint => 1 << 3,
        Type::Double => 1 << 4,
        Type::String => 1 << 5,
        Type::Bytes => 1 << 6,
        Type::List(_) => 1 << 7,
        Type::Map(..) | Type::Object(_) => 1 << 8,
        Type::Timestamp => 1 << 9,
        Type::Duration => 1 << 10,
        Type::Type(_) => 1 << 11,
        Type::Optional(_) => 1 << 12,
        Type::Opaque(kind) => 1 << (13 + opaque_bit(*kind)),
    }
}

/// All overloads, by name.
static FUNCTIONS: LazyLock<HashMap<&'static str, Vec<Overload>>> = LazyLock::new(|| {
    let mut all: HashMap<&'static str, Vec<Overload>> = HashMap::new();
    for (library, rows) in table::TABLE {
        for (signature, native) in *rows {
            let overload = overload(*library, signature, *native);
            all.entry(overload.name).or_default().push(overload);
        }
    }
    all
});

/// Reads a signature of the table: `size(string) int`, `string.charAt(int) string`, `math.greatest(...) dyn`.
fn overload(library: Library, signature: &'static str, native: Native) -> Overload {
    let (head, result) = signature.rsplit_once(' ').unwrap_or((signature, "dyn"));
    let (name, parameters) = head.split_once('(').unwrap_or((head, ")"));
    let parameters = parameters.strip_suffix(')').unwrap_or(parameters);
    let variadic = parameters == "...";
    let mut types = Vec::new();
    // `:` stands between the type that a method is of and its name, since names have dots in them.
    let (name, member) = match name.split_once(':') {
        Some((target, name)) => {
            types.push(type_of(target));
            (name, true)
        }
        None => (name, false),
    };
    if !variadic {
        types.extend(parameters.split(' ').filter(|word| !word.is_empty()).map(type_of));
    }
    let masks = types.iter().map(mask).collect();
    Overload { name, library, member, parameters: types, result: type_of(result), variadic, masks, native }
}

fn type_of(word: &str) -> Type {
    let inner = |prefix: &str| word.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('>'));
    if let Some(element) = inner("list<") {
        return Type::list(type_of(element));
    }
    if let Some(element) = inner("optional<") {
        return Type::optional(type_of(element));
    }
    if let Some(of) = inner("type<") {
        return Type::Type(Arc::new(type_of(of)));
    }
    if let Some((key, value)) = inner("map<").and_then(|pair| pair.split_once(',')) {
        return Type::map(type_of(key), type_of(value));
    }
    match word {
        "A" => Type::Parameter(0),
        "B" => Type::Parameter(1),
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "timestamp" => Type::Timestamp,
        "duration" => Type::Duration,
        "type" => Type::Type(Arc::new(Type::Dyn)),
        "quantity" => Type::Opaque(Kind::Quantity),
        "ip" => Type::Opaque(Kind::Ip),
        "cidr" => Type::Opaque(Kind::Cidr),
        "url" => Type::Opaque(Kind::Url),
        "semver" => Type::Opaque(Kind::Semver),
        "format" => Type::Opaque(Kind::Format),
        "authorizer" => Type::Opaque(Kind::Authorizer),
        "path-check" => Type::Opaque(Kind::PathCheck),
        "group-check" => Type::Opaque(Kind::GroupCheck),
        "resource-check" => Type::Opaque(Kind::ResourceCheck),
        "decision" => Type::Opaque(Kind::AuthorizerDecision),
        _ => Type::Dyn,
    }
}

/// The overloads of a name.
pub(crate) fn named(name: &str) -> &'static [Overload] {
    FUNCTIONS.get(name).map_or(&[], Vec::as_slice)
}

/// The names of all functions, or of all methods, sorted.
pub(crate) fn names(member: bool) -> impl Iterator<Item = &'static str> {
    let mut names: Vec<&'static str> = FUNCTIONS
        .iter()
        .filter(|(_, overloads)| overloads.iter().any(|overload| overload.member == member))
        .map(|(name, _)| *name)
        .collect();
    names.sort_unstable();
    names.into_iter()
}

/// What a name takes, for people.
pub(crate) fn signatures(name: &str, environment: &Environment) -> String {
    const MOST: usize = 6;
    let all: Vec<String> = named(name)
        .iter()
        .filter(|overload| environment.has(overload.library))
        .map(Overload::signature)
        .collect();
    let more = if all.len() > MOST { ", ..." } else { "" };
    format!("{}{more}", all.iter().take(MOST).cloned().collect::<Vec<_>>().join(", "))
}

/// The type that an operator gives for these; `None` when it does not take them.
pub(crate) fn operator_type(operator: Operator, one: &Type, two: &Type) -> Option<Type> {
    let both = |of: &Type| one == of && two == of;
    let number = |of: &Type| matches!(of, Type::Int | Type::Uint | Type::Double);
    let open = one.is_open() || two.is_open();
    match operator {
        Operator::Equal | Operator::NotEqual => {
            let mut bindings = Bindings::default();
            let parameter = Type::Parameter(0);
            (bindings.accept(&parameter, one) && bindings.accept(&parameter, two)).then_some(Type::Bool)
        }
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            let fits = |of: &Type| of.is_open() || is_ordered(of);
            let same = open || one == two || (number(one) && number(two));
            (fits(one) && fits(two) && same).then_some(Type::Bool)
        }
        Operator::In => {
            let mut bindings = Bindings::default();
            let fits = match two {
                Type::List(element) => {
                    bindings.accept(&Type::Parameter(0), one) && bindings.accept(&Type::Parameter(0), element)
                }
                Type::Map(key, _) => {
                    bindings.accept(&Type::Parameter(0), one) && bindings.accept(&Type::Parameter(0), key)
                }
                Type::Object(_) => one.is_open() || *one == Type::String,
                other => other.is_open(),
            };
            fits.then_some(Type::Bool)
        }
        Operator::Add => {
            if let (Type::List(_), Type::List(_)) = (one, two) {
                return crate::types::join(one, two);
            }
            let moments =
                matches!((one, two), (Type::Timestamp, Type::Duration) | (Type::Duration, Type::Timestamp));
            let same = [Type::Int, Type::Uint, Type::Double, Type::String, Type::Bytes, Type::Duration];
            match (one, two) {
                _ if moments => Some(Type::Timestamp),
                _ if same.iter().any(both) => Some(one.clone()),
                (Type::Dyn | Type::Unbound, Type::Dyn | Type::Unbound | Type::Duration)
                | (Type::Duration, Type::Dyn | Type::Unbound) => Some(Type::Dyn),
                (Type::Dyn | Type::Unbound, Type::Timestamp)
                | (Type::Timestamp, Type::Dyn | Type::Unbound) => Some(Type::Timestamp),
                (Type::Dyn | Type::Unbound, known) | (known, Type::Dyn | Type::Unbound)
                    if same.contains(known) || matches!(known, Type::List(_)) =>
                {
                    Some(known.clone())
                }
                _ => None,
            }
        }
        Operator::Subtract => match (one, two) {
            (Type::Timestamp, Type::Timestamp) => Some(Type::Duration),
            (Type::Timestamp, Type::Duration) => Some(Type::Timestamp),
            _ if both(&Type::Duration) || (number(one) && one == two) => Some(one.clone()),
            (open, known) if open.is_open() && number(known) => Some(known.clone()),
            (known, open) if open.is_open() && (number(known) || *known == Type::Duration) => {
                Some(known.clone())
            }
            (one, two) if one.is_open() && *two == Type::Timestamp => Some(Type::Duration),
            (one, two)
                if (one.is_open() && (two.is_open() || *two == Type::Duration))
                    || (*one == Type::Timestamp && two.is_open()) =>
            {
                Some(Type::Dyn)
            }
            _ => None,
        },
        Operator::Multiply | Operator::Divide | Operator::Remainder => {
            let fits = |of: &Type| number(of) && !(operator == Operator::Remainder && *of == Type::Double);
            match (one, two) {
                (one, two) if one.is_open() && two.is_open() => Some(Type::Dyn),
                (one, two) if one.is_open() && fits(two) => Some(two.clone()),
                (one, two) if two.is_open() && fits(one) => Some(one.clone()),
                (one, two) if one == two && fits(one) => Some(one.clone()),
                _ => None,
            }
        }
    }
}

/// Whether values of the type have an order.
pub(crate) fn is_ordered(of: &Type) -> bool {
    matches!(
        of,
        Type::Bool
            | Type::Int
            | Type::Uint
            | Type::Double
            | Type::String
            | Type::Bytes
            | Type::Timestamp
            | Type::Duration
    )
}

/// The type of `math.greatest(...)`: that of its arguments when they agree.
pub(crate) fn variadic_type(types: &[Type]) -> Type {
    let element = |of: &Type| match of {
        Type::List(element) if types.len() == 1 => (**element).clone(),
        other => other.clone(),
    };
    let mut all = types.iter().map(element);
    let Some(first) = all.next() else { return Type::Dyn };
    if all.all(|of| of == first) { first } else { Type::Dyn }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_is_read_as_it_is_meant() {
        let mut count = 0;
        for (_, rows) in table::TABLE {
            for (signature, _) in *rows {
                let (head, _) = signature.rsplit_once(' ').expect("a result");
                assert!(head.ends_with(')'), "{signature}");
                for word in signature.split(['(', ')', ' ', ':', '<', '>', ',']).skip(1) {
                    let known = !matches!(type_of(word), Type::Dyn)
                        || matches!(word, "dyn" | "" | "..." | "list" | "map" | "optional" | "type");
                    let name = head.split('(').next().is_some_and(|head| head.ends_with(word));
                    assert!(known || name, "`{word}` in {signature}");
                }
                count += 1;
            }
        }
        assert!(count > 200, "{count}");
    }
}
