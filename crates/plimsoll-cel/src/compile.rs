//! Syntax tree to program: names are resolved, macros unfolded, types checked, constants and patterns prepared.
//!
//! Recursion is bounded by the parser ([`crate::syntax::DEEPEST`]).

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::Mistake;
use crate::eval::Meter;
use crate::functions::{self, Overload};
use crate::opaque::Kind;
use crate::program::{Fold, FoldNode, Node, NodeId, Program, Root};
use crate::syntax::{Expression, Id, Operator, Tree, shortened};
use crate::types::{Bindings, Environment, Library, Type, alike, join};
use crate::value::{Text, Value};

/// Most expressions in one `cel.block`: they nest.
const MOST_IN_BLOCK: usize = 32;

/// Most variables and places that one program may have.
const MOST_SLOTS: usize = 1000;

/// Functions whose answer for a constant text is a constant.
const FOLDED: &[&str] = &["duration", "timestamp", "quantity", "ip", "cidr", "url", "semver", "bytes"];

pub(crate) fn compile(tree: &Tree, environment: &Environment) -> Result<Program, Mistake> {
    let mut compiler = Compiler {
        tree,
        environment,
        nodes: Vec::new(),
        variables: Vec::new(),
        scope: Vec::new(),
        formatting: 0,
        elements: Vec::new(),
    };
    let (root, result) = compiler.compile(tree.root)?;
    let result = if environment.checked { result.settled() } else { Type::Dyn };
    Ok(Program { nodes: compiler.nodes, root, variables: compiler.variables, result })
}

struct Compiler<'t> {
    tree: &'t Tree,
    environment: &'t Environment,
    nodes: Vec<(Node, u32)>,
    variables: Vec<String>,
    /// Variables of the macros around, with their types, by slot.
    scope: Vec<(String, Type)>,
    /// Calls of `format` around: elements of their lists may differ.
    formatting: u16,
    /// Types of the elements of the list that was compiled last.
    elements: Vec<Type>,
}

type Compiled = Result<(NodeId, Type), Mistake>;

impl Compiler<'_> {
    fn push(&mut self, at: u32, node: Node) -> NodeId {
        self.nodes.push((node, at));
        NodeId::try_from(self.nodes.len() - 1).unwrap_or(NodeId::MAX)
    }

    #[expect(clippy::unnecessary_wraps, reason = "each kind of expression gives the same")]
    fn constant(&mut self, at: u32, value: Value<'static>, of: Type) -> Compiled {
        Ok((self.push(at, Node::Constant(value)), of))
    }

    fn constant_at(&self, id: NodeId) -> Option<&Value<'static>> {
        match &self.nodes[id as usize].0 {
            Node::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// A mistake that shows now when types are checked, and when it is evaluated otherwise.
    fn undefined(&mut self, mistake: Mistake) -> Compiled {
        if self.environment.checked {
            return Err(mistake);
        }
        Ok((self.push(mistake.at, Node::Undefined(mistake.message.into())), Type::Dyn))
    }

    fn known(&self, of: Type) -> Type {
        if self.environment.checked { of } else { Type::Dyn }
    }

    fn compile(&mut self, id: Id) -> Compiled {
        let (node, of) = self.expression(id)?;
        Ok((node, self.known(of)))
    }

    fn expression(&mut self, id: Id) -> Compiled {
        let at = self.tree.at(id);
        match self.tree.expression(id) {
            Expression::Null => self.constant(at, Value::Null, Type::Null),
            Expression::Bool(value) => self.constant(at, Value::Bool(*value), Type::Bool),
            Expression::Int(value) => self.constant(at, Value::Int(*value), Type::Int),
            Expression::Uint(value) => self.constant(at, Value::Uint(*value), Type::Uint),
            Expression::Double(value) => self.constant(at, Value::Double(*value), Type::Double),
            Expression::String(value) => self.constant(at, Value::String(value.clone().into()), Type::String),
            Expression::Bytes(value) => {
                self.constant(at, Value::Bytes(Arc::from(value.as_slice())), Type::Bytes)
            }
            Expression::Name { .. } => match self.named(id) {
                Some(found) => found,
                None => {
                    let mistake = self.nobody(id);
                    self.undefined(mistake)
                }
            },
            Expression::Select { operand, field, optional } => {
                if !optional && let Some(found) = self.named(id) {
                    return found;
                }
                let (operand, of) = self.compile(*operand)?;
                self.select(at, operand, &of, field, *optional)
            }
            Expression::Index { operand, index, optional } => self.index(at, *operand, *index, *optional),
            Expression::Call { name, arguments, absolute } => self.call(at, name, arguments, *absolute),
            Expression::Method { target, name, arguments } => self.method(at, *target, name, arguments),
            Expression::List(elements) => self.list(at, elements),
            Expression::Map(entries) => self.map(at, entries),
            Expression::Message => {
                Err(Mistake::new(at, "messages cannot be made here").hint("write a map: {'field': value}"))
            }
            Expression::Not(operand) => {
                let operand = self.boolean(*operand, "!")?;
                Ok((self.push(at, Node::Not(operand)), Type::Bool))
            }
            Expression::Negate(operand) => {
                let (operand, of) = self.compile(*operand)?;
                if !(of.is_open() || matches!(of, Type::Int | Type::Double)) {
                    return Err(Mistake::new(at, format!("- does not take {of}")));
                }
                Ok((self.push(at, Node::Negate(operand)), of))
            }
            Expression::Binary(operator, left, right) => self.binary(at, *operator, *left, *right),
            Expression::And(operands) => {
                let operands = self.booleans(operands, "&&")?;
                Ok((self.push(at, Node::And(operands)), Type::Bool))
            }
            Expression::Or(operands) => {
                let operands = self.booleans(operands, "||")?;
                Ok((self.push(at, Node::Or(operands)), Type::Bool))
            }
            Expression::Conditional(condition, yes, no) => {
                let condition = self.boolean(*condition, "? :")?;
                let (yes, one) = self.compile(*yes)?;
                let (no, two) = self.compile(*no)?;
                let of = join(&one, &two).ok_or_else(|| {
                    Mistake::new(at, format!("the two answers of ? : are of type {one} and {two}"))
                        .hint("dyn(...) around one of them lets them differ")
                })?;
                Ok((self.push(at, Node::Conditional(condition, yes, no)), of))
            }
        }
    }

    fn booleans(&mut self, operands: &[Id], sign: &str) -> Result<Box<[NodeId]>, Mistake> {
        operands.iter().map(|operand| self.boolean(*operand, sign)).collect()
    }

    fn boolean(&mut self, id: Id, sign: &str) -> Result<NodeId, Mistake> {
        let (node, of) = self.compile(id)?;
        if of == Type::Bool || of.is_open() {
            return Ok(node);
        }
        Err(Mistake::new(self.tree.at(id), format!("{sign} takes bool, not {of}")))
    }

    /// The whole expression as one name, if it is written as one.
    fn dotted(&self, mut id: Id) -> Option<(String, bool)> {
        let mut parts = Vec::new();
        loop {
            match self.tree.expression(id) {
                Expression::Name { name, absolute } => {
                    parts.push(name.as_str());
                    parts.reverse();
                    return Some((parts.join("."), *absolute));
                }
                Expression::Select { operand, field, optional: false } => {
                    parts.push(field);
                    id = *operand;
                }
                _ => return None,
            }
        }
    }

    fn local(&self, name: &str) -> Option<usize> {
        self.scope.iter().rposition(|(known, _)| known == name)
    }

    /// A variable or type of the name that is written; `None` when nothing has it.
    fn named(&mut self, id: Id) -> Option<Compiled> {
        let at = self.tree.at(id);
        let (name, absolute) = self.dotted(id)?;
        let first = name.split('.').next().unwrap_or_default();
        if !absolute && let Some(slot) = self.local(first) {
            if first.len() < name.len() {
                return None;
            }
            let of = self.scope[slot].1.clone();
            let slot = u16::try_from(slot).unwrap_or(u16::MAX);
            return Some(Ok((self.push(at, Node::Local(slot)), of)));
        }
        for candidate in self.environment.candidates(&name, absolute) {
            let declared = self.environment.variables.iter().find(|(known, _)| *known == candidate);
            if let Some((_, of)) = declared {
                let of = self.known(of.clone());
                return Some(self.variable(at, &candidate).map(|node| (node, of)));
            }
            if let Some(of) = type_of_name(&candidate) {
                let value = Value::Type(Text::from(candidate));
                return Some(self.constant(at, value, Type::Type(Arc::new(of))));
            }
        }
        None
    }

    fn variable(&mut self, at: u32, name: &str) -> Result<NodeId, Mistake> {
        let slot = match self.variables.iter().position(|known| known == name) {
            Some(slot) => slot,
            None => {
                self.variables.push(name.to_owned());
                self.variables.len() - 1
            }
        };
        let slot = u16::try_from(slot)
            .ok()
            .filter(|slot| usize::from(*slot) < MOST_SLOTS)
            .ok_or_else(|| Mistake::new(at, "too many variables in one expression"))?;
        Ok(self.push(at, Node::Variable(slot)))
    }

    fn nobody(&self, id: Id) -> Mistake {
        let name = self.dotted(id).map(|(name, _)| name).unwrap_or_default();
        let known: BTreeSet<&str> = self
            .environment
            .variables
            .iter()
            .map(|(name, _)| name.as_str())
            .chain(self.scope.iter().map(|(name, _)| name.as_str()))
            .collect();
        let mistake = Mistake::new(self.tree.at(id), format!("there is no variable `{}`", shortened(&name)));
        if known.is_empty() {
            return mistake.hint("there are no variables here");
        }
        match nearest(&name, known.iter().copied()) {
            Some(near) => mistake.hint(format!("do you mean `{near}`?")),
            None => mistake.hint(format!("there are {}", listed(known))),
        }
    }

    fn select(&mut self, at: u32, operand: NodeId, of: &Type, field: &str, optional: bool) -> Compiled {
        let inner = field_type(at, of, field)?;
        let field_text: Box<str> = field.into();
        if optional {
            let of = if matches!(inner, Type::Optional(_)) { inner } else { Type::optional(inner) };
            return Ok((self.push(at, Node::SelectOptional { operand, field: field_text }), self.known(of)));
        }
        let result = if matches!(of, Type::Optional(_)) && !matches!(inner, Type::Optional(_)) {
            Type::optional(inner)
        } else {
            inner
        };
        // Fields after fields are one step. The operand is the last node, and nobody else knows it.
        if operand as usize == self.nodes.len() - 1 {
            let root = match &mut self.nodes[operand as usize].0 {
                Node::Path { fields, .. } => {
                    fields.push(field_text);
                    self.nodes[operand as usize].1 = at;
                    return Ok((operand, self.known(result)));
                }
                Node::Variable(slot) => Some(Root::Variable(*slot)),
                Node::Local(slot) => Some(Root::Local(*slot)),
                _ => None,
            };
            if let Some(root) = root {
                self.nodes[operand as usize] = (Node::Path { root, fields: vec![field_text] }, at);
                return Ok((operand, self.known(result)));
            }
        }
        Ok((self.push(at, Node::Select { operand, field: field_text }), self.known(result)))
    }

    fn index(&mut self, at: u32, operand: Id, index: Id, optional: bool) -> Compiled {
        let (operand, of) = self.compile(operand)?;
        let (index, index_type) = self.compile(index)?;
        let (container, was_optional) = match &of {
            Type::Optional(inner) => (&**inner, true),
            other => (other, false),
        };
        let refused = || Mistake::new(at, format!("{of} cannot be indexed with {index_type}"));
        let element = match container {
            Type::Dyn | Type::Unbound => Type::Dyn,
            Type::List(element) => {
                if !(index_type.is_open() || index_type == Type::Int) {
                    return Err(refused());
                }
                (**element).clone()
            }
            Type::Map(key, value) => {
                if !Bindings::default().accept(key, &index_type) {
                    return Err(refused());
                }
                (**value).clone()
            }
            Type::Object(_) => {
                if !(index_type.is_open() || index_type == Type::String) {
                    return Err(refused());
                }
                match self.constant_at(index).and_then(Value::as_str).map(str::to_owned) {
                    Some(field) => field_type(at, container, &field)?,
                    None => Type::Dyn,
                }
            }
            _ => return Err(refused()),
        };
        let result = match container {
            // Nothing is known of the container, so neither of what it gives.
            open if optional && open.is_open() => Type::Dyn,
            _ if optional || was_optional => Type::optional(element),
            _ => element,
        };
        let node =
            if optional { Node::IndexOptional { operand, index } } else { Node::Index { operand, index } };
        Ok((self.push(at, node), self.known(result)))
    }

    fn list(&mut self, at: u32, elements: &[(Id, bool)]) -> Compiled {
        let mut out = Vec::with_capacity(elements.len());
        let mut of = Type::Unbound;
        let mut types = Vec::with_capacity(elements.len());
        for (id, is_optional) in elements {
            let (node, found) = self.compile(*id)?;
            let found = self.unwrapped(*id, found, *is_optional)?;
            of = self.together(*id, &of, &found)?;
            types.push(found);
            out.push((node, *is_optional));
        }
        self.elements = types;
        let constants: Option<Vec<Value<'static>>> = out
            .iter()
            .map(|(id, is_optional)| self.constant_at(*id).filter(|_| !is_optional).cloned())
            .collect();
        let of = self.known(Type::list(of));
        let node = match constants {
            Some(values) => Node::Constant(Value::list(values)),
            None => Node::List(out.into()),
        };
        Ok((self.push(at, node), of))
    }

    fn map(&mut self, at: u32, entries: &[(Id, Id, bool)]) -> Compiled {
        let mut out = Vec::with_capacity(entries.len());
        let (mut keys, mut values) = (Type::Unbound, Type::Unbound);
        for (key, value, is_optional) in entries {
            let (key_node, key_type) = self.compile(*key)?;
            keys = self.together(*key, &keys, &key_type)?;
            let (value_node, found) = self.compile(*value)?;
            let found = self.unwrapped(*value, found, *is_optional)?;
            values = self.together(*value, &values, &found)?;
            out.push((key_node, value_node, *is_optional));
        }
        let of = self.known(Type::map(keys, values));
        Ok((self.push(at, Node::Map(out.into())), of))
    }

    fn unwrapped(&self, id: Id, of: Type, is_optional: bool) -> Result<Type, Mistake> {
        match of {
            of if !is_optional => Ok(of),
            Type::Optional(inner) => Ok((*inner).clone()),
            open if open.is_open() => Ok(Type::Dyn),
            other => Err(Mistake::new(self.tree.at(id), format!("? takes an optional, not {other}"))
                .hint("optional.of(...) makes one")),
        }
    }

    /// The common type of elements.
    fn together(&self, id: Id, before: &Type, found: &Type) -> Result<Type, Mistake> {
        if self.environment.homogeneous && self.formatting == 0 && !alike(before, found) {
            return Err(Mistake::new(
                self.tree.at(id),
                format!("the elements are {before}, this one is {found}"),
            )
            .hint("dyn(...) around every element lets them differ"));
        }
        Ok(join(before, found).unwrap_or(Type::Dyn))
    }

    fn binary(&mut self, at: u32, operator: Operator, left: Id, right: Id) -> Compiled {
        let (left, one) = self.compile(left)?;
        let (right, two) = self.compile(right)?;
        let Some(of) = functions::operator_type(operator, &one, &two) else {
            let mistake = Mistake::new(at, format!("{} does not take {one} and {two}", operator.sign()));
            return Err(match (&one, &two) {
                (Type::Int | Type::Uint | Type::Double, Type::Int | Type::Uint | Type::Double) => {
                    mistake.hint("int(...), uint(...) and double(...) convert numbers")
                }
                (Type::String, _) | (_, Type::String) if operator == Operator::Add => {
                    mistake.hint("string(...) makes a text")
                }
                _ => mistake,
            });
        };
        let of = self.known(of);
        Ok((self.push(at, Node::Binary(operator, left, right)), of))
    }

    fn call(&mut self, at: u32, name: &str, arguments: &[Id], absolute: bool) -> Compiled {
        if self.environment.macros && name == "has" && !absolute {
            return self.has(at, arguments);
        }
        for candidate in self.environment.candidates(name, absolute) {
            if self.knows(&candidate, false) {
                return self.invoke(at, &candidate, None, arguments);
            }
        }
        let mistake = self.no_function(at, name, false);
        self.undefined(mistake)
    }

    fn knows(&self, name: &str, member: bool) -> bool {
        functions::named(name)
            .iter()
            .any(|overload| overload.member == member && self.environment.has(overload.library))
    }

    fn no_function(&self, at: u32, name: &str, member: bool) -> Mistake {
        let what = if member { "method" } else { "function" };
        let mistake = Mistake::new(at, format!("there is no {what} `{}`", shortened(name)));
        if self.knows(name, !member) {
            return mistake.hint(if member {
                format!("it is a function: {name}(...)")
            } else {
                format!("it is a method: value.{name}(...)")
            });
        }
        let names = functions::names(member).filter(|name| self.knows(name, member));
        match nearest(name, names) {
            Some(near) => mistake.hint(format!("do you mean `{near}`?")),
            None => mistake.hint("docs/policy.md lists the functions"),
        }
    }

    fn has(&mut self, at: u32, arguments: &[Id]) -> Compiled {
        let [argument] = arguments else {
            return Err(Mistake::new(at, "has() takes one argument"));
        };
        let Expression::Select { operand, field, optional: false } = self.tree.expression(*argument) else {
            return Err(Mistake::new(at, "has() takes a field: has(object.field)"));
        };
        let (operand, of) = self.compile(*operand)?;
        field_type(at, &of, field)?;
        Ok((self.push(at, Node::Has { operand, field: field.as_str().into() }), Type::Bool))
    }

    fn method(&mut self, at: u32, target: Id, name: &str, arguments: &[Id]) -> Compiled {
        if self.environment.macros
            && let Some(unfolded) = self.macro_call(at, target, name, arguments)?
        {
            return Ok(unfolded);
        }
        // `math.ceil(x)`: a function with dots in its name, unless a variable stands before the dot.
        if let Some((space, absolute)) = self.dotted(target) {
            let first = space.split('.').next().unwrap_or_default();
            if absolute || self.local(first).is_none() {
                for candidate in self.environment.candidates(&format!("{space}.{name}"), absolute) {
                    if self.knows(&candidate, false) {
                        return self.invoke(at, &candidate, None, arguments);
                    }
                }
            }
        }
        if matches!(name, "or" | "orValue") && arguments.len() == 1 {
            return self.optional_else(at, target, name == "orValue", arguments[0]);
        }
        if self.knows(name, true) {
            return self.invoke(at, name, Some(target), arguments);
        }
        if self.environment.checked {
            // What stands before the dot may be the mistake.
            self.compile(target)?;
        }
        let mistake = self.no_function(at, name, true);
        self.undefined(mistake)
    }

    fn optional_else(&mut self, at: u32, target: Id, unwrap: bool, otherwise: Id) -> Compiled {
        let (operand, of) = self.compile(target)?;
        let (otherwise, other) = self.compile(otherwise)?;
        let sign = if unwrap { "orValue" } else { "or" };
        let inner = match &of {
            Type::Optional(inner) => (**inner).clone(),
            // It is of what the other one is of.
            open if open.is_open() => Type::Unbound,
            other => {
                return Err(Mistake::new(at, format!("{sign} is of optionals, not of {other}"))
                    .hint("a field that may be absent is an optional with ?: object.?field"));
            }
        };
        let refused = || Mistake::new(at, format!("{sign} of {of} does not take {other}"));
        let result = if unwrap {
            join(&inner, &other).ok_or_else(refused)?
        } else {
            match &other {
                Type::Optional(other) => Type::optional(join(&inner, other).ok_or_else(refused)?),
                open if open.is_open() => Type::optional(inner),
                _ => return Err(refused()),
            }
        };
        Ok((
            self.push(
                at,
                Node::OptionalElse { operand, otherwise, unwrap, lenient: self.environment.lenient },
            ),
            self.known(result),
        ))
    }

    /// A call with its overloads chosen by the types of the arguments, as far as they are known.
    fn invoke(&mut self, at: u32, name: &str, target: Option<Id>, arguments: &[Id]) -> Compiled {
        let mut nodes = Vec::with_capacity(arguments.len() + 1);
        let mut types = Vec::with_capacity(arguments.len() + 1);
        let formats = u16::from(name == "format" && target.is_some());
        self.formatting += formats;
        for id in target.iter().chain(arguments) {
            let (node, of) = self.compile(*id)?;
            nodes.push(node);
            types.push(of);
        }
        self.formatting -= formats;
        let all = functions::named(name);
        let mut chosen: Vec<&'static Overload> = Vec::new();
        let mut result: Option<Type> = None;
        for overload in all.iter().filter(|overload| {
            overload.member == target.is_some()
                && self.environment.has(overload.library)
                && (overload.variadic || overload.parameters.len() == types.len())
        }) {
            if overload.variadic {
                chosen.push(overload);
                result = Some(functions::variadic_type(&types));
                break;
            }
            let mut bindings = Bindings::default();
            if !overload.parameters.iter().zip(&types).all(|(wanted, given)| bindings.accept(wanted, given)) {
                continue;
            }
            let of = bindings.fill(&overload.result);
            result = Some(match result {
                None => of,
                Some(before) if before == of => before,
                Some(_) => Type::Dyn,
            });
            chosen.push(overload);
            if bindings.settled() {
                break;
            }
        }
        let Some(result) = result else {
            let given = types.iter().map(ToString::to_string).collect::<Vec<_>>();
            let (of, given) = match target {
                Some(_) => (format!(" of {}", given[0]), given[1..].join(", ")),
                None => (String::new(), given.join(", ")),
            };
            let mistake = Mistake::new(at, format!("{name}{of} does not take ({given})"))
                .hint(format!("it takes {}", functions::signatures(name, self.environment)));
            return self.undefined(mistake);
        };
        if formats == 1
            && self.environment.homogeneous
            && let [list] = arguments
            && matches!(self.tree.expression(*list), Expression::List(_))
            && let Some(pattern) =
                nodes.first().and_then(|node| self.constant_at(*node)).and_then(Value::as_str)
        {
            functions::check_format(pattern, &self.elements)
                .map_err(|error| Mistake::new(self.tree.at(*list), error.to_string()))?;
        }
        if let Some(call) = functions::regex_call(name)
            && let Some(pattern) =
                nodes.get(1).and_then(|node| self.constant_at(*node)).and_then(Value::as_str)
        {
            match functions::compile_regex(pattern) {
                Ok(pattern) => {
                    nodes.remove(1);
                    let node = Node::Regex { call, pattern: Box::new(pattern), arguments: nodes.into() };
                    return Ok((self.push(at, node), self.known(result)));
                }
                Err(error) if self.environment.homogeneous => {
                    return Err(Mistake::new(self.nodes[nodes[1] as usize].1, error.to_string()));
                }
                Err(_) => {}
            }
        }
        if FOLDED.contains(&name)
            && target.is_none()
            && let [overload] = chosen.as_slice()
            && let Some(constants) =
                nodes.iter().map(|node| self.constant_at(*node).cloned()).collect::<Option<Vec<_>>>()
        {
            match (overload.native)(&mut Meter::new(10_000), &constants) {
                Ok(value) => return self.constant(at, value, result),
                Err(error) if self.environment.homogeneous => {
                    return Err(Mistake::new(at, error.to_string()));
                }
                Err(_) => {}
            }
        }
        let node = Node::Call { overloads: chosen.into(), arguments: nodes.into() };
        Ok((self.push(at, node), self.known(result)))
    }

    /// The name of a variable that a macro makes.
    fn fresh(&self, id: Id) -> Result<String, Mistake> {
        if let Expression::Name { name, absolute: false } = self.tree.expression(id) {
            return Ok(name.clone());
        }
        if let Some(name) = self.block_name(id) {
            return Ok(name);
        }
        Err(Mistake::new(self.tree.at(id), "a simple name is expected: the variable for each element"))
    }

    /// `cel.iterVar(0, 1)` and `cel.index(2)`, which optimisers write, as names.
    fn block_name(&self, id: Id) -> Option<String> {
        let Expression::Method { target, name, arguments } = self.tree.expression(id) else { return None };
        if !self.environment.has(Library::Blocks) || self.dotted(*target)? != ("cel".to_owned(), false) {
            return None;
        }
        let numbers = arguments
            .iter()
            .map(|argument| match self.tree.expression(*argument) {
                Expression::Int(number) => Some(number.to_string()),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()?;
        match (name.as_str(), numbers.as_slice()) {
            ("index", [_]) | ("iterVar", [_, _]) => Some(format!("@{name}:{}", numbers.join(":"))),
            _ => None,
        }
    }

    fn enter(&mut self, at: u32, name: String, of: Type) -> Result<u16, Mistake> {
        if self.scope.len() >= MOST_SLOTS {
            return Err(Mistake::new(at, "too many variables in one expression"));
        }
        self.scope.push((name, of));
        Ok(u16::try_from(self.scope.len() - 1).unwrap_or(u16::MAX))
    }

    /// The macros: calls whose arguments are not values.
    fn macro_call(
        &mut self,
        at: u32,
        target: Id,
        name: &str,
        arguments: &[Id],
    ) -> Result<Option<(NodeId, Type)>, Mistake> {
        if let Some((space, _)) = self.dotted(target)
            && space == "cel"
            && self.local("cel").is_none()
        {
            match (name, arguments) {
                ("bind", [variable, value, body]) if self.environment.has(Library::Bindings) => {
                    let variable = self.fresh(*variable)?;
                    let (value, of) = self.compile(*value)?;
                    let slot = self.enter(at, variable, of)?;
                    let body = self.compile(*body);
                    self.scope.pop();
                    let (body, of) = body?;
                    return Ok(Some((self.push(at, Node::Bind { slot, value, body }), of)));
                }
                ("block", [values, body]) if self.environment.has(Library::Blocks) => {
                    return self.block(at, *values, *body).map(Some);
                }
                ("index" | "iterVar", _) if self.environment.has(Library::Blocks) => {
                    let found = self.tree_method(target, name, arguments).and_then(|name| self.local(&name));
                    let Some(slot) = found else {
                        return Err(Mistake::new(at, format!("cel.{name} names nothing here")));
                    };
                    let of = self.scope[slot].1.clone();
                    let slot = u16::try_from(slot).unwrap_or(u16::MAX);
                    return Ok(Some((self.push(at, Node::Local(slot)), of)));
                }
                _ => return Ok(None),
            }
        }
        let (kind, variables, filter, body) = match (name, arguments) {
            ("all", [one, body]) => (Fold::All, vec![*one], None, Some(*body)),
            ("exists", [one, body]) => (Fold::Exists, vec![*one], None, Some(*body)),
            ("exists_one", [one, body]) => (Fold::ExistsOne, vec![*one], None, Some(*body)),
            ("map", [one, body]) => (Fold::List, vec![*one], None, Some(*body)),
            ("map", [one, filter, body]) => (Fold::List, vec![*one], Some(*filter), Some(*body)),
            ("filter", [one, filter]) => (Fold::List, vec![*one], Some(*filter), None),
            ("sortBy", [one, key]) if self.environment.has(Library::Lists) => {
                (Fold::SortBy, vec![*one], None, Some(*key))
            }
            ("all", [one, two, body]) => (Fold::All, vec![*one, *two], None, Some(*body)),
            ("exists", [one, two, body]) => (Fold::Exists, vec![*one, *two], None, Some(*body)),
            ("exists_one" | "existsOne", [one, two, body]) => {
                (Fold::ExistsOne, vec![*one, *two], None, Some(*body))
            }
            ("transformList", [one, two, body]) => (Fold::List, vec![*one, *two], None, Some(*body)),
            ("transformList", [one, two, filter, body]) => {
                (Fold::List, vec![*one, *two], Some(*filter), Some(*body))
            }
            ("transformMap", [one, two, body]) => (Fold::Map, vec![*one, *two], None, Some(*body)),
            ("transformMap", [one, two, filter, body]) => {
                (Fold::Map, vec![*one, *two], Some(*filter), Some(*body))
            }
            ("transformMapEntry", [one, two, body]) => (Fold::MapEntry, vec![*one, *two], None, Some(*body)),
            ("transformMapEntry", [one, two, filter, body]) => {
                (Fold::MapEntry, vec![*one, *two], Some(*filter), Some(*body))
            }
            ("optMap" | "optFlatMap", [one, body]) => {
                return self.optional_map(at, target, *one, *body, name == "optFlatMap").map(Some);
            }
            _ => return Ok(None),
        };
        self.fold(at, kind, target, &variables, filter, body).map(Some)
    }

    fn tree_method(&self, target: Id, name: &str, arguments: &[Id]) -> Option<String> {
        let numbers = arguments
            .iter()
            .map(|argument| match self.tree.expression(*argument) {
                Expression::Int(number) => Some(number.to_string()),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()?;
        self.dotted(target).map(|_| format!("@{name}:{}", numbers.join(":")))
    }

    fn block(&mut self, at: u32, values: Id, body: Id) -> Compiled {
        let Expression::List(values) = self.tree.expression(values) else {
            return Err(Mistake::new(at, "cel.block takes a list of expressions first"));
        };
        if values.len() > MOST_IN_BLOCK {
            return Err(Mistake::new(at, format!("cel.block takes at most {MOST_IN_BLOCK} expressions")));
        }
        let base = self.scope.len();
        let mut bound = Vec::new();
        for (index, (value, _)) in values.iter().enumerate() {
            let (value, of) = self.compile(*value)?;
            bound.push((self.enter(at, format!("@index:{index}"), of)?, value));
        }
        let (mut body, of) = self.compile(body)?;
        self.scope.truncate(base);
        for (slot, value) in bound.into_iter().rev() {
            body = self.push(at, Node::Bind { slot, value, body });
        }
        Ok((body, of))
    }

    fn optional_map(&mut self, at: u32, target: Id, variable: Id, body: Id, flat: bool) -> Compiled {
        let variable = self.fresh(variable)?;
        let (operand, of) = self.compile(target)?;
        let inner = match &of {
            Type::Optional(inner) => (**inner).clone(),
            open if open.is_open() => Type::Dyn,
            other => return Err(Mistake::new(at, format!("optMap is of optionals, not of {other}"))),
        };
        let slot = self.enter(at, variable, inner)?;
        let body = self.compile(body);
        self.scope.pop();
        let (body, of) = body?;
        let of = match (&of, flat) {
            (_, false) => Type::optional(of),
            (Type::Optional(_), true) => of,
            (open, true) if open.is_open() => Type::Dyn,
            (other, true) => {
                return Err(Mistake::new(at, format!("optFlatMap must give an optional, not {other}")));
            }
        };
        Ok((self.push(at, Node::OptionalMap { slot, operand, body, flat }), self.known(of)))
    }

    fn fold(
        &mut self,
        at: u32,
        kind: Fold,
        target: Id,
        variables: &[Id],
        filter: Option<Id>,
        body: Option<Id>,
    ) -> Compiled {
        let names = variables.iter().map(|id| self.fresh(*id)).collect::<Result<Vec<_>, _>>()?;
        if names.len() == 2 && names[0] == names[1] {
            return Err(Mistake::new(at, format!("`{}` is the name of both variables", names[0])));
        }
        let (range, of) = self.compile(target)?;
        let (key, value, is_list) = match &of {
            Type::List(element) => (Type::Int, (**element).clone(), true),
            Type::Map(key, value) => ((**key).clone(), (**value).clone(), false),
            Type::Object(_) => (Type::String, Type::Dyn, false),
            open if open.is_open() => (Type::Dyn, Type::Dyn, true),
            other => {
                return Err(Mistake::new(at, format!("{other} has no elements to go through"))
                    .hint("lists and maps have"));
            }
        };
        if kind == Fold::SortBy && !is_list {
            return Err(Mistake::new(at, format!("sortBy is of lists, not of {of}")));
        }
        let base = self.scope.len();
        let one = if is_list { value.clone() } else { key.clone() };
        let slot = if names.len() == 2 {
            let slot = self.enter(at, names[0].clone(), key.clone())?;
            self.enter(at, names[1].clone(), value)?;
            slot
        } else {
            self.enter(at, names[0].clone(), one.clone())?
        };
        let parts = self.fold_parts(kind, filter, body);
        self.scope.truncate(base);
        let (filter, body) = parts?;
        let body_type = body.as_ref().map(|(_, of)| of.clone());
        let result = match (kind, body_type) {
            (Fold::All | Fold::Exists | Fold::ExistsOne, _) => Type::Bool,
            (Fold::List, Some(of)) => Type::list(of),
            (Fold::SortBy, _) if of.is_open() => Type::Dyn,
            (Fold::List | Fold::SortBy, _) => Type::list(one),
            (Fold::Map, of) => Type::map(key, of.unwrap_or(Type::Dyn)),
            (Fold::MapEntry, Some(of @ Type::Map(..))) => of,
            (Fold::MapEntry, _) => Type::Dyn,
        };
        let node =
            FoldNode { kind, range, slot, two: names.len() == 2, filter, body: body.map(|(node, _)| node) };
        Ok((self.push(at, Node::Fold(Box::new(node))), self.known(result)))
    }

    #[expect(clippy::type_complexity, reason = "two parts, each of which may be absent")]
    fn fold_parts(
        &mut self,
        kind: Fold,
        filter: Option<Id>,
        body: Option<Id>,
    ) -> Result<(Option<NodeId>, Option<(NodeId, Type)>), Mistake> {
        let filter = filter.map(|filter| self.boolean(filter, "a filter")).transpose()?;
        let body = match body {
            None => None,
            Some(id) if matches!(kind, Fold::All | Fold::Exists | Fold::ExistsOne) => {
                Some((self.boolean(id, "a test of elements")?, Type::Bool))
            }
            Some(id) => {
                let (node, of) = self.compile(id)?;
                let at = self.tree.at(id);
                if kind == Fold::MapEntry && !(of.is_open() || matches!(of, Type::Map(..) | Type::Object(_)))
                {
                    return Err(Mistake::new(at, format!("transformMapEntry must give a map, not {of}")));
                }
                if kind == Fold::SortBy && !(of.is_open() || functions::is_ordered(&of)) {
                    return Err(Mistake::new(at, format!("{of} has no order to sort by")));
                }
                Some((node, of))
            }
        };
        Ok((filter, body))
    }
}

fn field_type(at: u32, of: &Type, field: &str) -> Result<Type, Mistake> {
    Ok(match of {
        Type::Dyn | Type::Unbound => Type::Dyn,
        Type::Map(_, value) => (**value).clone(),
        Type::Optional(inner) => match &**inner {
            Type::Optional(inner) => field_type(at, inner, field)?,
            inner => field_type(at, inner, field)?,
        },
        Type::Object(schema) => match schema.fields.get(field) {
            Some(of) => of.clone(),
            None => {
                let mistake =
                    Mistake::new(at, format!("{} has no field `{}`", schema.name, shortened(field)));
                let names = || schema.fields.keys().map(String::as_str);
                return Err(match nearest(field, names()) {
                    Some(near) => mistake.hint(format!("do you mean `{near}`?")),
                    None => mistake.hint(format!("it has {}", listed(names()))),
                });
            }
        },
        other => {
            return Err(Mistake::new(at, format!("{other} has no fields, so no `{}`", shortened(field))));
        }
    })
}

/// Types that have names.
fn type_of_name(name: &str) -> Option<Type> {
    Some(match name {
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "null_type" => Type::Null,
        "list" => Type::list(Type::Dyn),
        "map" => Type::map(Type::Dyn, Type::Dyn),
        "type" => Type::Type(Arc::new(Type::Dyn)),
        "optional_type" => Type::optional(Type::Dyn),
        "google.protobuf.Timestamp" => Type::Timestamp,
        "google.protobuf.Duration" => Type::Duration,
        other => Type::Opaque(Kind::ALL.iter().copied().find(|kind| kind.type_name() == other)?),
    })
}

/// The name that was probably meant.
fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let limit = 1 + name.chars().count() / 4;
    known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters differ; names longer than any of ours are far from all of them.
fn distance(one: &str, two: &str) -> usize {
    let (one, two): (Vec<char>, Vec<char>) = (one.chars().take(64).collect(), two.chars().take(64).collect());
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, b) in two.iter().enumerate() {
            let here = (before + usize::from(!a.eq_ignore_ascii_case(b))).min(row[j] + 1).min(row[j + 1] + 1);
            before = row[j + 1];
            row[j + 1] = here;
        }
    }
    row[two.len()]
}

fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    const MOST: usize = 12;
    let all: Vec<&str> = names.into_iter().collect();
    let shown = all.iter().take(MOST).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if all.len() > MOST { format!("{shown} and {} more", all.len() - MOST) } else { shown }
}
