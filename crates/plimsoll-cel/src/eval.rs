//! Evaluation: a walk over the nodes of a program, on borrowed values, within a budget.
//!
//! It recurses as deep as the program is, which the parser bounds, never as deep as data. Everything that takes time or
//! memory in proportion to data is paid for from the budget before it is done, so that no data makes a program run
//! away.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::error::{Error, Failure};
use crate::functions::{self, Overload};
use crate::program::{Binding, Fold, FoldNode, Node, NodeId, Program, Root, Slots};
use crate::syntax::Operator;
use crate::value::{Entries, Key, List, Map, Text, Value};

/// What an evaluation may still cost. A node costs 1, an element that is looked at 1, sixteen bytes of text 1.
#[derive(Debug)]
pub(crate) struct Meter {
    left: u64,
}

impl Meter {
    pub(crate) fn new(budget: u64) -> Self {
        Meter { left: budget }
    }

    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    pub(crate) fn charge(&mut self, cost: u64) -> Result<(), Error> {
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Error::budget())
            }
        }
    }

    /// So many bytes of text are read or written.
    pub(crate) fn text(&mut self, bytes: usize) -> Result<(), Error> {
        self.charge(bytes as u64 / 16)
    }

    /// So many elements are looked at or made.
    pub(crate) fn elements(&mut self, count: usize) -> Result<(), Error> {
        self.charge(count as u64)
    }

    /// A key is looked for: objects of JSON are searched from the start.
    pub(crate) fn lookup(&mut self, map: &Map<'_>) -> Result<(), Error> {
        match map {
            Map::Json(map) => self.charge(map.len() as u64 / 16),
            Map::Shared(_) => Ok(()),
        }
    }
}

pub(crate) struct Evaluator<'a, 'v> {
    pub(crate) program: &'a Program,
    pub(crate) slots: &'v Slots<'a, 'v>,
    pub(crate) locals: Vec<Value<'a>>,
    pub(crate) meter: Meter,
}

type Answer<'a> = Result<Value<'a>, Error>;

impl<'a> Evaluator<'a, '_> {
    pub(crate) fn evaluate(&mut self, id: NodeId) -> Answer<'a> {
        self.meter.charge(1)?;
        let program = self.program;
        let answer = match program.node(id) {
            Node::Constant(value) => Ok(borrowed(value)),
            Node::Variable(slot) => self.variable(*slot),
            Node::Local(slot) => self.local(*slot),
            Node::Path { root, fields } => self.path(*root, fields),
            Node::Select { operand, field } => {
                let operand = self.evaluate(*operand);
                operand.and_then(|operand| select(&operand, field, &mut self.meter))
            }
            Node::SelectOptional { operand, field } => self.select_optional(*operand, field),
            Node::Has { operand, field } => self.has(*operand, field),
            Node::Index { operand, index } => self.index(*operand, *index),
            Node::IndexOptional { operand, index } => self.index_optional(*operand, *index),
            Node::Not(operand) => match self.evaluate(*operand) {
                Ok(Value::Bool(value)) => Ok(Value::Bool(!value)),
                Ok(_) => Err(Error::no_such_overload()),
                failed => failed,
            },
            Node::Negate(operand) => self.evaluate(*operand).and_then(|value| functions::negate(&value)),
            Node::Binary(operator, left, right) => self.binary(*operator, *left, *right),
            Node::And(operands) => self.logic(operands, false),
            Node::Or(operands) => self.logic(operands, true),
            Node::Conditional(condition, yes, no) => match self.evaluate(*condition) {
                Ok(Value::Bool(true)) => return self.evaluate(*yes),
                Ok(Value::Bool(false)) => return self.evaluate(*no),
                Ok(_) => Err(Error::no_such_overload()),
                failed => failed,
            },
            Node::List(elements) => self.list(elements),
            Node::Map(entries) => self.map(entries),
            Node::Call { overloads, arguments } => self.call(overloads, arguments),
            Node::Regex { call, pattern, arguments } => self.regex(*call, pattern, arguments),
            Node::Fold(fold) => self.fold(fold),
            Node::Bind { slot, value, body } => self.bind(*slot, *value, *body),
            Node::OptionalMap { slot, operand, body, flat } => {
                self.optional_map(*slot, *operand, *body, *flat)
            }
            Node::OptionalElse { operand, otherwise, unwrap, lenient } => {
                self.optional_else(*operand, *otherwise, *unwrap, *lenient)
            }
            Node::Undefined(what) => Err(Error::new(what.clone())),
        };
        answer.map_err(|error| error.placed(program.at(id)))
    }

    fn variable(&self, slot: u16) -> Answer<'a> {
        match self.slots.binding(slot) {
            Binding::Value(value) => Ok(value.clone()),
            Binding::Unknown(reason) => Err(Error::unknown(vec![Arc::clone(reason)])),
            Binding::Failed(error) => Err(error.clone()),
            Binding::Absent => Err(Error::new("a variable has no value")),
        }
    }

    fn local(&self, slot: u16) -> Answer<'a> {
        // The compiler hands out slots in the order in which they are filled.
        self.locals.get(usize::from(slot)).cloned().ok_or_else(|| Error::new("a variable has no value"))
    }

    fn path(&mut self, root: Root, fields: &'a [Box<str>]) -> Answer<'a> {
        let mut value = match root {
            Root::Variable(slot) => self.variable(slot)?,
            Root::Local(slot) => self.local(slot)?,
        };
        for field in fields {
            self.meter.charge(1)?;
            value = select(&value, field, &mut self.meter)?;
        }
        Ok(value)
    }

    #[inline(never)]
    fn select_optional(&mut self, operand: NodeId, field: &str) -> Answer<'a> {
        match self.evaluate(operand)? {
            Value::Optional(None) => Ok(Value::Optional(None)),
            Value::Optional(Some(inner)) => sought(&inner, field, &mut self.meter).map(optional),
            operand => sought(&operand, field, &mut self.meter).map(optional),
        }
    }

    #[inline(never)]
    fn has(&mut self, operand: NodeId, field: &str) -> Answer<'a> {
        let found = match self.evaluate(operand)? {
            Value::Optional(None) => None,
            Value::Optional(Some(inner)) => sought(&inner, field, &mut self.meter)?,
            operand => sought(&operand, field, &mut self.meter)?,
        };
        Ok(Value::Bool(found.is_some()))
    }

    #[inline(never)]
    fn index(&mut self, operand: NodeId, index: NodeId) -> Answer<'a> {
        let (operand, index) = (self.evaluate(operand)?, self.evaluate(index)?);
        match operand {
            Value::Optional(None) => Ok(Value::Optional(None)),
            Value::Optional(Some(inner)) => Ok(optional(element_of(&inner, &index, &mut self.meter)?.ok())),
            operand => element_of(&operand, &index, &mut self.meter)?,
        }
    }

    #[inline(never)]
    fn index_optional(&mut self, operand: NodeId, index: NodeId) -> Answer<'a> {
        let (operand, index) = (self.evaluate(operand)?, self.evaluate(index)?);
        match &operand {
            Value::Optional(Some(inner)) => Ok(optional(element_of(inner, &index, &mut self.meter)?.ok())),
            Value::List(_) | Value::Map(_) => {
                Ok(optional(element_of(&operand, &index, &mut self.meter)?.ok()))
            }
            // What has no elements does not have this one.
            _ => Ok(Value::Optional(None)),
        }
    }

    fn binary(&mut self, operator: Operator, left: NodeId, right: NodeId) -> Answer<'a> {
        let left = self.evaluate(left)?;
        let right = self.evaluate(right)?;
        let meter = &mut self.meter;
        let ordered = |meter: &mut Meter, fits: fn(Ordering) -> bool| {
            let order = left.compare(&right, meter)?;
            Ok(Value::Bool(order.is_some_and(fits)))
        };
        match operator {
            Operator::Equal => functions::equal(&left, &right, meter).map(Value::Bool),
            Operator::NotEqual => functions::equal(&left, &right, meter).map(|equal| Value::Bool(!equal)),
            Operator::Less => ordered(meter, Ordering::is_lt),
            Operator::LessOrEqual => ordered(meter, Ordering::is_le),
            Operator::Greater => ordered(meter, Ordering::is_gt),
            Operator::GreaterOrEqual => ordered(meter, Ordering::is_ge),
            Operator::In => contains(&right, &left, meter).map(Value::Bool),
            _ => functions::arithmetic(operator, &left, &right, meter),
        }
    }

    /// `||` with `decisive` true, `&&` with it false: the decisive value wins over whatever else failed.
    fn logic(&mut self, operands: &'a [NodeId], decisive: bool) -> Answer<'a> {
        let mut failed: Option<Error> = None;
        for operand in operands {
            let error = match self.evaluate(*operand) {
                Ok(Value::Bool(value)) if value == decisive => return Ok(Value::Bool(decisive)),
                Ok(Value::Bool(_)) => continue,
                Ok(_) => Error::no_such_overload().placed(self.program.at(*operand)),
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => error,
            };
            failed = Some(match failed {
                Some(before) => before.or(error),
                None => error,
            });
        }
        failed.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    #[inline(never)]
    fn list(&mut self, elements: &'a [(NodeId, bool)]) -> Answer<'a> {
        let mut out = Vec::with_capacity(elements.len());
        for (element, is_optional) in elements {
            let value = self.evaluate(*element)?;
            if *is_optional {
                match value {
                    Value::Optional(Some(inner)) => out.push((*inner).clone()),
                    Value::Optional(None) => {}
                    _ => return Err(Error::no_such_overload()),
                }
            } else {
                out.push(value);
            }
        }
        Ok(Value::list(out))
    }

    #[inline(never)]
    fn map(&mut self, entries: &'a [(NodeId, NodeId, bool)]) -> Answer<'a> {
        let mut out = Entries::default();
        for (key, value, is_optional) in entries {
            let key = self.evaluate(*key)?;
            let mut value = self.evaluate(*value)?;
            if *is_optional {
                value = match value {
                    Value::Optional(Some(inner)) => (*inner).clone(),
                    Value::Optional(None) => continue,
                    _ => return Err(Error::no_such_overload()),
                };
            }
            insert(&mut out, &key, value)?;
        }
        Ok(Value::Map(Map::Shared(Arc::new(out))))
    }

    #[inline(never)]
    fn call(&mut self, overloads: &'a [&'static Overload], arguments: &'a [NodeId]) -> Answer<'a> {
        match arguments {
            [] => self.invoke(overloads, &[]),
            [one] => {
                let values = [self.evaluate(*one)?];
                self.invoke(overloads, &values)
            }
            [one, two] => {
                let values = [self.evaluate(*one)?, self.evaluate(*two)?];
                self.invoke(overloads, &values)
            }
            more => {
                let mut values = Vec::with_capacity(more.len());
                for argument in more {
                    values.push(self.evaluate(*argument)?);
                }
                self.invoke(overloads, &values)
            }
        }
    }

    fn invoke(&mut self, overloads: &[&'static Overload], values: &[Value<'a>]) -> Answer<'a> {
        for overload in overloads {
            if overload.fits(values) {
                return (overload.native)(&mut self.meter, values);
            }
        }
        Err(Error::no_such_overload())
    }

    #[inline(never)]
    fn regex(
        &mut self,
        call: functions::RegexCall,
        pattern: &'a regex::Regex,
        arguments: &'a [NodeId],
    ) -> Answer<'a> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.evaluate(*argument)?);
        }
        functions::with_regex(call, pattern, &values, &mut self.meter)
    }

    fn bind(&mut self, slot: u16, value: NodeId, body: NodeId) -> Answer<'a> {
        let value = self.evaluate(value)?;
        self.locals.truncate(usize::from(slot));
        self.locals.push(value);
        let answer = self.evaluate(body);
        self.locals.truncate(usize::from(slot));
        answer
    }

    #[inline(never)]
    fn optional_map(&mut self, slot: u16, operand: NodeId, body: NodeId, flat: bool) -> Answer<'a> {
        match self.evaluate(operand)? {
            Value::Optional(None) => Ok(Value::Optional(None)),
            Value::Optional(Some(inner)) => {
                self.locals.truncate(usize::from(slot));
                self.locals.push((*inner).clone());
                let answer = self.evaluate(body);
                self.locals.truncate(usize::from(slot));
                if flat { answer } else { answer.map(Value::some) }
            }
            _ => Err(Error::no_such_overload()),
        }
    }

    /// `or` and `orValue`: what stands behind is evaluated only when it is needed.
    #[inline(never)]
    fn optional_else(
        &mut self,
        operand: NodeId,
        otherwise: NodeId,
        unwrap: bool,
        lenient: bool,
    ) -> Answer<'a> {
        match self.evaluate(operand)? {
            Value::Optional(Some(inner)) if unwrap => Ok((*inner).clone()),
            Value::Optional(Some(inner)) => Ok(Value::Optional(Some(inner))),
            Value::Optional(None) => self.evaluate(otherwise),
            value if lenient => Ok(value),
            _ => Err(Error::no_such_overload()),
        }
    }

    #[inline(never)]
    fn fold(&mut self, fold: &'a FoldNode) -> Answer<'a> {
        let range = self.evaluate(fold.range)?;
        let base = usize::from(fold.slot);
        let answer = match &range {
            Value::List(List::Json(list)) => {
                let steps = list.iter().enumerate().map(|(at, value)| (Place::Index(at), Value::from(value)));
                self.steps(fold, steps, list.len())
            }
            Value::List(list) => {
                let steps = list.iter().enumerate().map(|(at, value)| (Place::Index(at), value));
                self.steps(fold, steps, list.len())
            }
            Value::Map(map) => {
                let steps = map.iter().map(|(key, value)| (Place::Key(key), value));
                self.steps(fold, steps, map.len())
            }
            _ => Err(Error::no_such_overload()),
        };
        self.locals.truncate(base);
        answer
    }

    fn steps(
        &mut self,
        fold: &'a FoldNode,
        steps: impl Iterator<Item = (Place<'a>, Value<'a>)>,
        length: usize,
    ) -> Answer<'a> {
        let base = usize::from(fold.slot);
        let mut failed: Option<Error> = None;
        let mut count = 0_usize;
        let mut list = Vec::new();
        let mut map = Entries::default();
        if matches!(fold.kind, Fold::List | Fold::SortBy) {
            // Paid for by the steps to come, each of which costs more than its place.
            list.reserve(length.min(usize::try_from(self.meter.left()).unwrap_or(usize::MAX)).min(4096));
        }
        for (place, value) in steps {
            self.meter.charge(1)?;
            self.locals.truncate(base);
            if fold.two {
                self.locals.push(match &place {
                    Place::Index(at) => Value::Int(i64::try_from(*at).unwrap_or(i64::MAX)),
                    Place::Key(key) => key.clone(),
                });
                self.locals.push(value.clone());
            } else {
                // With one variable, a map is gone through by its keys.
                self.locals.push(match &place {
                    Place::Index(_) => value.clone(),
                    Place::Key(key) => key.clone(),
                });
            }
            if let Some(filter) = fold.filter {
                match self.evaluate(filter)? {
                    Value::Bool(true) => {}
                    Value::Bool(false) => continue,
                    _ => return Err(Error::no_such_overload()),
                }
            }
            let body = fold.body.map(|body| self.evaluate(body));
            match fold.kind {
                Fold::All | Fold::Exists => {
                    let decisive = fold.kind == Fold::Exists;
                    let error = match body {
                        Some(Ok(Value::Bool(value))) if value == decisive => {
                            return Ok(Value::Bool(decisive));
                        }
                        Some(Ok(Value::Bool(_))) | None => continue,
                        Some(Ok(_)) => Error::no_such_overload(),
                        Some(Err(error)) if error.is_fatal() => return Err(error),
                        Some(Err(error)) => error,
                    };
                    failed = Some(match failed {
                        Some(before) => before.or(error),
                        None => error,
                    });
                }
                Fold::ExistsOne => match body.transpose()? {
                    Some(Value::Bool(found)) => count += usize::from(found),
                    _ => return Err(Error::no_such_overload()),
                },
                Fold::List => match body.transpose()? {
                    Some(made) => list.push(made),
                    None => list.push(match place {
                        Place::Index(_) => value,
                        Place::Key(key) => key,
                    }),
                },
                Fold::SortBy => {
                    if let Some(key) = body.transpose()? {
                        list.push(Value::list(vec![key, value]));
                    }
                }
                Fold::Map => {
                    let key = match place {
                        Place::Index(at) => Value::Int(i64::try_from(at).unwrap_or(i64::MAX)),
                        Place::Key(key) => key,
                    };
                    if let Some(made) = body.transpose()? {
                        insert(&mut map, &key, made)?;
                    }
                }
                Fold::MapEntry => match body.transpose()? {
                    Some(Value::Map(made)) => {
                        for (key, value) in made.iter() {
                            self.meter.charge(1)?;
                            insert(&mut map, &key, value)?;
                        }
                    }
                    _ => return Err(Error::no_such_overload()),
                },
            }
        }
        match fold.kind {
            Fold::All | Fold::Exists => match failed {
                Some(error) => Err(error),
                None => Ok(Value::Bool(fold.kind == Fold::All)),
            },
            Fold::ExistsOne => Ok(Value::Bool(count == 1)),
            Fold::List => Ok(Value::list(list)),
            Fold::SortBy => functions::sort_by(&list, &mut self.meter),
            Fold::Map | Fold::MapEntry => Ok(Value::Map(Map::Shared(Arc::new(map)))),
        }
    }
}

/// Where an element stands in what is gone through.
enum Place<'a> {
    Index(usize),
    Key(Value<'a>),
}

/// A constant without copying it.
fn borrowed<'a>(value: &'a Value<'static>) -> Value<'a> {
    match value {
        Value::String(text) => Value::String(Text::Borrowed(text)),
        Value::List(List::Shared(list)) => {
            let list: &'a [Value<'a>] = list;
            Value::List(List::Constant(list))
        }
        other => other.clone(),
    }
}

fn optional(value: Option<Value<'_>>) -> Value<'_> {
    Value::Optional(value.map(Arc::new))
}

fn insert<'a>(map: &mut Entries<'a>, key: &Value<'a>, value: Value<'a>) -> Result<(), Error> {
    let own = Key::of(key).ok_or_else(|| Error::new(format!("a {} is no key of a map", key.type_name())))?;
    if map.insert(own, value) { Ok(()) } else { Err(Error::new(format!("the key {key} is there twice"))) }
}

/// The value of a field, or that there is none; an error for what has no fields.
fn field_of<'a>(operand: &Value<'a>, field: &str, meter: &mut Meter) -> Result<Option<Value<'a>>, Error> {
    match operand {
        Value::Map(map) => {
            meter.lookup(map)?;
            Ok(map.field(field))
        }
        _ => Err(Error::new(format!("a {} has no fields, so none of name {field}", operand.type_name()))),
    }
}

/// The value of a field where one is only asked for: what has no fields does not have this one.
fn sought<'a>(operand: &Value<'a>, field: &str, meter: &mut Meter) -> Result<Option<Value<'a>>, Error> {
    match operand {
        Value::Map(_) | Value::List(_) => field_of(operand, field, meter),
        _ => Ok(None),
    }
}

fn select<'a>(operand: &Value<'a>, field: &str, meter: &mut Meter) -> Answer<'a> {
    if let Value::Optional(inner) = operand {
        let found = match inner {
            Some(inner) => field_of(inner, field, meter)?,
            None => None,
        };
        return Ok(optional(found));
    }
    field_of(operand, field, meter)?.ok_or_else(|| Error::no_such_key(field))
}

/// The outer error is for what cannot be looked up at all, the inner one for what is not there.
fn element_of<'a>(operand: &Value<'a>, index: &Value<'a>, meter: &mut Meter) -> Result<Answer<'a>, Error> {
    match operand {
        Value::List(list) => {
            let at = match index {
                Value::Int(at) => Some(*at),
                Value::Uint(at) => Some(i64::try_from(*at).unwrap_or(i64::MAX)),
                #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
                Value::Double(at) if at.fract() == 0.0 && at.abs() < 9e18 => Some(*at as i64),
                _ => None,
            };
            let Some(at) = at else {
                return Err(Error::new(format!("a {} is no index of a list", index.type_name())));
            };
            let found = usize::try_from(at).ok().and_then(|at| list.get(at));
            Ok(found
                .ok_or_else(|| Error::new(format!("index {at} is not within the list of {}", list.len()))))
        }
        Value::Map(map) => {
            meter.lookup(map)?;
            match index {
                Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::String(_) => {
                    let found = Key::sought(index).and_then(|key| map.get(&key));
                    Ok(found.ok_or_else(|| Error::no_such_key(index)))
                }
                other => Err(Error::new(format!("a {} is no key of a map", other.type_name()))),
            }
        }
        _ => Err(Error::no_such_overload()),
    }
}

/// `element in container`
fn contains<'a>(container: &Value<'a>, element: &Value<'a>, meter: &mut Meter) -> Result<bool, Error> {
    match container {
        Value::List(list) => {
            for value in list.iter() {
                meter.charge(1)?;
                if value.equals(element, meter)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Map(map) => {
            meter.lookup(map)?;
            Ok(Key::sought(element).is_some_and(|key| map.get(&key).is_some()))
        }
        _ => Err(Error::no_such_overload()),
    }
}

impl Failure {
    /// Whether something that was asked is not known.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Failure::Unknown(_))
    }
}
