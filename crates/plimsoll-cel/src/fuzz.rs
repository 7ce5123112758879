//! Body of the fuzz target, called by an ordinary test too.

use crate::{Activation, Environment, Failure, Program, Type};

/// Enough for what people write, little for what runs away.
const BUDGET: u64 = 20_000;

/// Any text over any JSON: refused with a place, or evaluated within the budget; the same each time.
pub fn program(text: &str, json: &str) {
    let object: serde_json_borrow::Value<'_> = serde_json::from_str(json).unwrap_or_default();
    let environments = [
        Environment::kubernetes().with("object", Type::Dyn),
        Environment::standard().with("object", Type::map(Type::String, Type::Dyn)).unchecked(),
    ];
    for environment in &environments {
        match Program::compile(text, environment) {
            Err(error) => assert!(error.line >= 1 && error.column >= 1, "{error}"),
            Ok(program) => {
                let activation = Activation::new().with("object", &object);
                let show = || match program.evaluate(&activation, BUDGET) {
                    Ok(value) => format!("{value}"),
                    Err(error) => format!("{error}"),
                };
                assert_eq!(show(), show(), "{text}");
                // What is not known never becomes an answer that it did not have.
                let mut unknown = Activation::new();
                unknown.set_unknown("object", "not seen");
                if let Ok(value) = program.test(&unknown, BUDGET) {
                    match program.test(&activation, BUDGET) {
                        Ok(known) => assert_eq!(known, value, "{text}"),
                        Err(error) => assert_eq!(*error.failure(), Failure::Budget, "{text}: {error}"),
                    }
                }
            }
        }
    }
}
