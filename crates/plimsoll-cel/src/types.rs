//! Types, as far as they are known before anything is evaluated, and the environment that a program is compiled in.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::opaque::Kind;

/// The type of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Not known before evaluation.
    Dyn,
    /// `null`
    Null,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `uint`
    Uint,
    /// `double`
    Double,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// A moment.
    Timestamp,
    /// A length of time.
    Duration,
    /// A type as a value, of values of this type.
    Type(Arc<Type>),
    /// A list.
    List(Arc<Type>),
    /// A map.
    Map(Arc<Type>, Arc<Type>),
    /// A value that may be absent.
    Optional(Arc<Type>),
    /// An object with known fields; at run time a map.
    Object(Arc<Schema>),
    /// A value of the Kubernetes library.
    Opaque(Kind),
    /// Element of an empty list: fits everything, and becomes what it meets.
    Unbound,
    /// A parameter of a function's signature.
    Parameter(u8),
}

/// An object with known fields.
#[derive(Debug, PartialEq, Eq)]
pub struct Schema {
    /// What it is called in messages.
    pub name: String,
    /// Its fields.
    pub fields: BTreeMap<String, Type>,
}

impl Type {
    /// A list of these.
    pub fn list(element: Type) -> Type {
        Type::List(Arc::new(element))
    }

    /// A map.
    pub fn map(key: Type, value: Type) -> Type {
        Type::Map(Arc::new(key), Arc::new(value))
    }

    /// An optional.
    pub fn optional(inner: Type) -> Type {
        Type::Optional(Arc::new(inner))
    }

    /// An object with these fields.
    pub fn object<'n>(name: &str, fields: impl IntoIterator<Item = (&'n str, Type)>) -> Type {
        let fields = fields.into_iter().map(|(name, of)| (name.to_owned(), of)).collect();
        Type::Object(Arc::new(Schema { name: name.to_owned(), fields }))
    }

    /// Whether nothing is known of it.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Type::Dyn | Type::Unbound)
    }

    /// The type with everything that is still open as `dyn`.
    pub(crate) fn settled(&self) -> Type {
        match self {
            Type::Unbound => Type::Dyn,
            Type::List(inner) => Type::list(inner.settled()),
            Type::Map(key, value) => Type::map(key.settled(), value.settled()),
            Type::Optional(inner) => Type::optional(inner.settled()),
            other => other.clone(),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Type::Dyn | Type::Unbound => "dyn",
            Type::Null => "null",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Uint => "uint",
            Type::Double => "double",
            Type::String => "string",
            Type::Bytes => "bytes",
            Type::Timestamp => "timestamp",
            Type::Duration => "duration",
            Type::Opaque(kind) => kind.type_name(),
            Type::Object(schema) => &schema.name,
            // `type` itself: of which type is not known.
            Type::Type(of) => match &**of {
                Type::Type(inner) if **inner == Type::Dyn => return formatter.write_str("type(type)"),
                of => return write!(formatter, "type({of})"),
            },
            Type::List(inner) => return write!(formatter, "list({inner})"),
            Type::Map(key, value) => return write!(formatter, "map({key}, {value})"),
            Type::Optional(inner) => return write!(formatter, "optional_type({inner})"),
            Type::Parameter(number) => return write!(formatter, "{}", char::from(b'A' + number % 26)),
        };
        formatter.write_str(word)
    }
}

/// What the parameters of a signature stand for in one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bindings([Option<Type>; 3], bool);

impl Bindings {
    /// Whether something that could have become anything has become what this signature wants: no other one is meant.
    pub(crate) fn settled(&self) -> bool {
        self.1
    }

    /// Whether a value of type `given` may stand where `wanted` is asked for; binds the parameters in `wanted`.
    ///
    /// Goes as deep as types are, which is as deep as the expression.
    pub(crate) fn accept(&mut self, wanted: &Type, given: &Type) -> bool {
        match (wanted, given) {
            (Type::Parameter(number), _) => {
                let slot = usize::from(*number) % self.0.len();
                match self.0[slot].take() {
                    None => {
                        self.0[slot] = Some(given.clone());
                        true
                    }
                    Some(bound) => {
                        let joined = join(&bound, given);
                        let fits = joined.is_some();
                        self.0[slot] = joined.or(Some(bound));
                        fits
                    }
                }
            }
            (Type::Dyn | Type::Unbound, _) | (_, Type::Dyn | Type::Unbound) => {
                self.1 |= *given == Type::Unbound && !wanted.is_open();
                // What stands in an open place is open itself.
                self.open(wanted);
                true
            }
            (Type::List(wanted), Type::List(given)) | (Type::Optional(wanted), Type::Optional(given)) => {
                self.accept(wanted, given)
            }
            (Type::Type(wanted), Type::Type(_)) => {
                self.open(wanted);
                true
            }
            (Type::Map(key, value), Type::Map(given_key, given_value)) => {
                self.accept(key, given_key) && self.accept(value, given_value)
            }
            // An object is a map from names, to whatever its fields are.
            (Type::Map(key, value), Type::Object(_)) => {
                self.accept(key, &Type::String) && self.accept(value, &Type::Dyn)
            }
            (Type::Object(one), Type::Object(two)) => Arc::ptr_eq(one, two) || one == two,
            (one, two) => one == two,
        }
    }

    fn open(&mut self, wanted: &Type) {
        match wanted {
            Type::Parameter(number) => {
                let slot = usize::from(*number) % self.0.len();
                if self.0[slot].is_none() {
                    self.0[slot] = Some(Type::Dyn);
                }
            }
            Type::List(inner) | Type::Optional(inner) | Type::Type(inner) => self.open(inner),
            Type::Map(key, value) => {
                self.open(key);
                self.open(value);
            }
            _ => {}
        }
    }

    /// `of` with its parameters filled in.
    pub(crate) fn fill(&self, of: &Type) -> Type {
        match of {
            Type::Parameter(number) => {
                self.0[usize::from(*number) % self.0.len()].clone().unwrap_or(Type::Unbound)
            }
            Type::List(inner) => Type::list(self.fill(inner)),
            Type::Optional(inner) => Type::optional(self.fill(inner)),
            Type::Map(key, value) => Type::map(self.fill(key), self.fill(value)),
            Type::Type(inner) => Type::Type(Arc::new(self.fill(inner))),
            other => other.clone(),
        }
    }
}

/// The type of what is one or the other; `None` when they have nothing to do with each other.
pub(crate) fn join(one: &Type, two: &Type) -> Option<Type> {
    Some(match (one, two) {
        (Type::Unbound, other) | (other, Type::Unbound) => other.clone(),
        (Type::Dyn, _) | (_, Type::Dyn) => Type::Dyn,
        (Type::List(one), Type::List(two)) => Type::list(join(one, two)?),
        (Type::Optional(one), Type::Optional(two)) => Type::optional(join(one, two)?),
        (Type::Map(key, value), Type::Map(other_key, other_value)) => {
            Type::map(join(key, other_key)?, join(value, other_value)?)
        }
        (Type::Object(_), Type::Map(key, value)) | (Type::Map(key, value), Type::Object(_)) => {
            Type::map(join(key, &Type::String)?, join(value, &Type::Dyn)?)
        }
        (Type::Type(one), Type::Type(two)) => Type::Type(Arc::new(join(one, two).unwrap_or(Type::Dyn))),
        // An object, a moment or a value of a library may be absent.
        (Type::Null, nullable) | (nullable, Type::Null)
            if matches!(nullable, Type::Object(_) | Type::Timestamp | Type::Duration | Type::Opaque(_)) =>
        {
            nullable.clone()
        }
        (one, two) if one == two => one.clone(),
        _ => return None,
    })
}

/// Whether two elements of one literal are of the same type, where Kubernetes wants them to be.
pub(crate) fn alike(one: &Type, two: &Type) -> bool {
    match (one, two) {
        (Type::Unbound, _) | (_, Type::Unbound) => true,
        (Type::List(one), Type::List(two))
        | (Type::Optional(one), Type::Optional(two))
        | (Type::Type(one), Type::Type(two)) => alike(one, two),
        (Type::Map(key, value), Type::Map(other_key, other_value)) => {
            alike(key, other_key) && alike(value, other_value)
        }
        (one, two) => one == two,
    }
}

/// Which functions and macros there are beyond the language itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Library {
    /// The language definition.
    Core,
    /// `charAt`, `split`, `format` ... of cel-go's extensions.
    Strings,
    /// `quote` and `reverse`, which Kubernetes does not have.
    MoreStrings,
    /// `math.greatest` ...
    Math,
    /// `slice`, `sort`, `flatten` ...
    Lists,
    /// `sets.contains` ...
    Sets,
    /// `base64.encode` ...
    Encoders,
    /// `cel.bind`
    Bindings,
    /// `cel.block`, which optimisers write.
    Blocks,
    /// Addresses as cel-go's extension has them.
    Network,
    /// Quantities, addresses, URLs, versions, formats, lists and patterns of Kubernetes.
    Kubernetes,
}

/// What a program is compiled in: variables with their types, and libraries.
#[derive(Clone, Debug)]
pub struct Environment {
    pub(crate) variables: Vec<(String, Type)>,
    pub(crate) libraries: &'static [Library],
    pub(crate) container: String,
    /// Types are checked before evaluation.
    pub(crate) checked: bool,
    /// Elements of one list are of one type.
    pub(crate) homogeneous: bool,
    pub(crate) macros: bool,
    /// What is no optional is taken as it is by `orValue`.
    pub(crate) lenient: bool,
}

impl Environment {
    /// The language with the common extensions, as the conformance suite asks for it.
    pub fn standard() -> Self {
        Environment {
            variables: Vec::new(),
            libraries: &[
                Library::Core,
                Library::Strings,
                Library::MoreStrings,
                Library::Math,
                Library::Lists,
                Library::Sets,
                Library::Encoders,
                Library::Bindings,
                Library::Blocks,
                Library::Network,
            ],
            container: String::new(),
            checked: true,
            homogeneous: false,
            macros: true,
            lenient: false,
        }
    }

    /// What Kubernetes 1.36 offers to admission policies, without the authorizer: a decision asks nobody.
    pub fn kubernetes() -> Self {
        Environment {
            libraries: &[Library::Core, Library::Strings, Library::Lists, Library::Sets, Library::Kubernetes],
            homogeneous: true,
            ..Environment::standard()
        }
    }

    /// Declares a variable; of the same name the later one counts. A name may have dots in it.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, of: Type) -> Self {
        self.declare(name, of);
        self
    }

    /// Declares a variable; of the same name the later one counts.
    pub fn declare(&mut self, name: impl Into<String>, of: Type) {
        let name = name.into();
        match self.variables.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = of,
            None => self.variables.push((name, of)),
        }
    }

    /// The names that are declared, with their types.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &Type)> {
        self.variables.iter().map(|(name, of)| (name.as_str(), of))
    }

    /// Names are looked up in this container first: `a.b` finds `x` as `a.b.x`, `a.x` and `x`.
    #[must_use]
    pub fn container(mut self, name: impl Into<String>) -> Self {
        self.container = name.into();
        self
    }

    /// Without the check of types: what is wrong shows when it is evaluated.
    #[must_use]
    pub fn unchecked(mut self) -> Self {
        self.checked = false;
        self
    }

    /// Without macros: `x.all(y, z)` is the call of a method.
    #[must_use]
    pub fn without_macros(mut self) -> Self {
        self.macros = false;
        self
    }

    /// `orValue` and `or` take what is no optional as it is: so did the releases of cel-go that Kyverno is made with, and
    /// its policies rely on it. Kubernetes 1.36 calls it an error.
    #[must_use]
    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    pub(crate) fn has(&self, library: Library) -> bool {
        self.libraries.contains(&library)
    }

    /// A name as it may be meant, the most likely first.
    pub(crate) fn candidates(&self, name: &str, absolute: bool) -> Vec<String> {
        let mut out = Vec::new();
        if !absolute {
            let mut container = self.container.as_str();
            while !container.is_empty() {
                out.push(format!("{container}.{name}"));
                container = container.rfind('.').map_or("", |at| &container[..at]);
            }
        }
        out.push(name.to_owned());
        out
    }
}
