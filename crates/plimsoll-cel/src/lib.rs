//! The Common Expression Language: text to a compact program, programs over borrowed JSON.
//!
//! ```
//! use plimsoll_cel::{Activation, BUDGET, Environment, Program, Type};
//!
//! let environment = Environment::kubernetes().with("object", Type::Dyn);
//! let program = Program::compile("object.spec.replicas <= 5", &environment)?;
//! let json: serde_json_borrow::Value<'_> = serde_json::from_str(r#"{"spec": {"replicas": 3}}"#)?;
//! let answer = program.test(&Activation::new().with("object", &json), BUDGET);
//! assert_eq!(answer, Ok(true));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Program::compile`] checks names, types and constant patterns, so that what could not be evaluated is refused when
//! it is loaded. [`Program::evaluate`] takes a budget: no data makes a program run away. Elements and fields of JSON are
//! looked at where they are, never copied.
//!
//! Three answers: a variable may be *unknown* ([`Activation::set_unknown`]). What depends on it is unknown too, and
//! `||`, `&&`, `all` and `exists` decide without it where they can.
//!
//! Nothing here knows images, clusters or policies; no clock, no network.

#![forbid(unsafe_code)]

mod compile;
mod error;
mod eval;
mod functions;
pub mod fuzz;
mod opaque;
mod program;
mod syntax;
mod types;
mod url;
mod value;

pub use error::{CompileError, Error, Failure};
pub use functions::Moment;
pub use opaque::{Cidr, Kind, Opaque, Quantity, Semver};
pub use program::{Activation, BUDGET, Program};
pub use types::{Environment, Schema, Type};
pub use value::{Entries, Key, List, Map, Text, Value};
