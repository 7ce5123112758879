//! A compiled expression, and what it is evaluated with.

use std::borrow::Cow;
use std::sync::Arc;

use crate::error::{CompileError, Error};
use crate::eval::{Evaluator, Meter};
use crate::functions::{Overload, RegexCall};
use crate::syntax::{Operator, parse};
use crate::types::{Environment, Type};
use crate::value::Value;

/// What an evaluation may cost unless somebody says otherwise: about ten milliseconds.
pub const BUDGET: u64 = 1_000_000;

/// A node, by its place.
pub(crate) type NodeId = u32;

/// Where a path begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Root {
    Variable(u16),
    Local(u16),
}

/// What becomes of the elements that a macro goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fold {
    All,
    Exists,
    ExistsOne,
    /// Without a body, the elements themselves.
    List,
    SortBy,
    Map,
    MapEntry,
}

#[derive(Debug)]
pub(crate) struct FoldNode {
    pub(crate) kind: Fold,
    pub(crate) range: NodeId,
    /// The slot of the first variable.
    pub(crate) slot: u16,
    /// Index or key, and value; else one variable.
    pub(crate) two: bool,
    pub(crate) filter: Option<NodeId>,
    pub(crate) body: Option<NodeId>,
}

#[derive(Debug)]
pub(crate) enum Node {
    Constant(Value<'static>),
    Variable(u16),
    Local(u16),
    Path {
        root: Root,
        fields: Vec<Box<str>>,
    },
    Select {
        operand: NodeId,
        field: Box<str>,
    },
    SelectOptional {
        operand: NodeId,
        field: Box<str>,
    },
    Has {
        operand: NodeId,
        field: Box<str>,
    },
    Index {
        operand: NodeId,
        index: NodeId,
    },
    IndexOptional {
        operand: NodeId,
        index: NodeId,
    },
    Not(NodeId),
    Negate(NodeId),
    Binary(Operator, NodeId, NodeId),
    And(Box<[NodeId]>),
    Or(Box<[NodeId]>),
    Conditional(NodeId, NodeId, NodeId),
    List(Box<[(NodeId, bool)]>),
    Map(Box<[(NodeId, NodeId, bool)]>),
    Call {
        overloads: Box<[&'static Overload]>,
        arguments: Box<[NodeId]>,
    },
    /// A call with a constant pattern; `arguments` are the others.
    Regex {
        call: RegexCall,
        pattern: Box<regex::Regex>,
        arguments: Box<[NodeId]>,
    },
    Fold(Box<FoldNode>),
    Bind {
        slot: u16,
        value: NodeId,
        body: NodeId,
    },
    OptionalMap {
        slot: u16,
        operand: NodeId,
        body: NodeId,
        flat: bool,
    },
    OptionalElse {
        operand: NodeId,
        otherwise: NodeId,
        unwrap: bool,
        /// What is no optional is taken as it is.
        lenient: bool,
    },
    /// Nothing has that name; without a check of types that shows when it is evaluated.
    Undefined(Cow<'static, str>),
}

/// A compiled expression. It holds what was constant in its text, ready to use, and may be evaluated by many threads at
/// once.
#[derive(Debug)]
pub struct Program {
    pub(crate) nodes: Vec<(Node, u32)>,
    pub(crate) root: NodeId,
    /// Names of the variables it asks for, by slot.
    pub(crate) variables: Vec<String>,
    pub(crate) result: Type,
}

impl Program {
    /// Compiles a text.
    ///
    /// # Errors
    /// When it is no expression, or could not be evaluated whatever the variables: an unknown name, field or function, or
    /// one that does not take these types.
    pub fn compile(text: &str, environment: &Environment) -> Result<Self, CompileError> {
        let tree = parse(text).map_err(|mistake| mistake.place(text))?;
        crate::compile::compile(&tree, environment).map_err(|mistake| mistake.place(text))
    }

    /// Compiles a text whose value must be of this type.
    ///
    /// # Errors
    /// As [`Program::compile`]; and when the type is another or not known before evaluation.
    pub fn compile_as(text: &str, environment: &Environment, of: &Type) -> Result<Self, CompileError> {
        let program = Program::compile(text, environment)?;
        if program.result == *of {
            return Ok(program);
        }
        let hint = match (&program.result, of) {
            (Type::Dyn, Type::Bool) => "compare it with something: `... == true`".to_owned(),
            (_, Type::Bool) => "a condition answers true or false".to_owned(),
            (_, Type::String) => "string(...) makes a text".to_owned(),
            _ => format!("it must be {of}"),
        };
        Err(CompileError {
            line: 1,
            column: 1,
            message: format!("the value is of type {}, not {of}", program.result),
            hint: Some(hint),
        })
    }

    /// The type of its value, as far as it is known before evaluation.
    pub fn result(&self) -> &Type {
        &self.result
    }

    /// The variables that it asks for; whoever evaluates it needs to find out no others.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(String::as_str)
    }

    /// Its value.
    ///
    /// # Errors
    /// An error of the language, something that is not known, or the budget is spent.
    pub fn evaluate<'a>(&'a self, activation: &Activation<'a>, budget: u64) -> Result<Value<'a>, Error> {
        let bindings = self.variables.iter().map(|name| activation.find(name)).collect();
        let slots = Slots { bindings };
        let mut evaluator =
            Evaluator { program: self, slots: &slots, locals: Vec::new(), meter: Meter::new(budget) };
        evaluator.evaluate(self.root)
    }

    /// Its value, which is a truth value.
    ///
    /// # Errors
    /// As [`Program::evaluate`]; and when the value is none.
    pub fn test<'a>(&'a self, activation: &Activation<'a>, budget: u64) -> Result<bool, Error> {
        match self.evaluate(activation, budget)? {
            Value::Bool(value) => Ok(value),
            other => Err(Error::new(format!("the value is a {}, not true or false", other.type_name()))),
        }
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize].0
    }

    pub(crate) fn at(&self, id: NodeId) -> u32 {
        self.nodes[id as usize].1
    }
}

/// What is known of a variable.
#[derive(Clone, Debug)]
pub(crate) enum Binding<'a> {
    Value(Value<'a>),
    Unknown(Arc<str>),
    Failed(Error),
    Absent,
}

/// The variables' values for one evaluation. Many programs can be evaluated with the same.
#[derive(Clone, Debug, Default)]
pub struct Activation<'a> {
    bindings: Vec<(&'a str, Binding<'a>)>,
}

/// The bindings of a program's variables, by slot.
pub(crate) struct Slots<'a, 'v> {
    bindings: Vec<&'v Binding<'a>>,
}

impl<'a, 'v> Slots<'a, 'v> {
    pub(crate) fn binding(&self, slot: u16) -> &'v Binding<'a> {
        self.bindings[usize::from(slot)]
    }
}

impl<'a> Activation<'a> {
    /// No variable has a value.
    pub fn new() -> Self {
        Activation::default()
    }

    /// Gives a variable a value.
    #[must_use]
    pub fn with(mut self, name: &'a str, value: impl Into<Value<'a>>) -> Self {
        self.set(name, value);
        self
    }

    /// Gives a variable a value; the last one counts.
    pub fn set(&mut self, name: &'a str, value: impl Into<Value<'a>>) {
        self.bind(name, Binding::Value(value.into()));
    }

    /// Says that the value of a variable is not known, and why. A program whose value depends on it is not known either:
    /// [`Error::unknowns`].
    pub fn set_unknown(&mut self, name: &'a str, reason: impl Into<Arc<str>>) {
        self.bind(name, Binding::Unknown(reason.into()));
    }

    /// Says that a variable could not be computed: whatever asks for it fails as it did.
    pub fn set_failed(&mut self, name: &'a str, error: Error) {
        self.bind(name, Binding::Failed(error));
    }

    fn bind(&mut self, name: &'a str, binding: Binding<'a>) {
        match self.bindings.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = binding,
            None => self.bindings.push((name, binding)),
        }
    }

    fn find(&self, name: &str) -> &Binding<'a> {
        self.bindings
            .iter()
            .find(|(known, _)| *known == name)
            .map_or(&Binding::Absent, |(_, binding)| binding)
    }
}
