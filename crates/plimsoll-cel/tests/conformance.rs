//! The conformance suite of the language (google/cel-spec), where the shared suites are at hand. Out of scope are cases
//! with messages of protocol buffers, which nothing here has; every other case is right or named below with the reason.

use std::collections::BTreeMap;

use plimsoll_cel::{Activation, BUDGET, Environment, Key, Map, Program, Text, Type, Value};
use serde_json::Value as Json;

/// Cases that differ on purpose: file, section, name, why.
const KNOWN: &[(&str, &str, &str, &str)] = &[
    ("parse", "bytes_literals", "triple_single_quoted_unescaped_punctuation", CONVERSION),
    ("parse", "bytes_literals", "triple_double_quoted_unescaped_punctuation", CONVERSION),
];

const CONVERSION: &str =
    "the suite writes `\\?`, an escape of its text format for `?`; the JSON made of it kept the backslash";

/// Cases that are right; the rest is in the two tables.
const RIGHT: usize = 1200;

/// What makes a case one about messages, beside its values.
const MESSAGES: &[&str] = &[
    "google.protobuf.",
    "TestAllTypes",
    "GlobalEnum",
    "NestedMessage",
    "conformance.",
    "proto.hasExt",
    "proto.getExt",
    "Value{",
    "TestRequired{",
];

/// Nothing here has messages of protocol buffers: objects are JSON. How many cases of each section are about them (literals
/// of messages, their fields, wrappers, enums, extensions, `Any`); a section that is not here has none.
const ABOUT_MESSAGES: &[(&str, &str, usize)] = &[
    ("block_ext", "basic", 12),
    ("comparisons", "eq_literal", 3),
    ("comparisons", "eq_wrapper", 59),
    ("comparisons", "ne_literal", 10),
    ("dynamic", "int32", 20),
    ("dynamic", "int64", 8),
    ("dynamic", "uint32", 15),
    ("dynamic", "uint64", 11),
    ("dynamic", "float", 21),
    ("dynamic", "double", 16),
    ("dynamic", "bool", 8),
    ("dynamic", "string", 9),
    ("dynamic", "bytes", 9),
    ("dynamic", "list", 14),
    ("dynamic", "struct", 16),
    ("dynamic", "value_null", 10),
    ("dynamic", "value_number", 12),
    ("dynamic", "value_string", 12),
    ("dynamic", "value_bool", 12),
    ("dynamic", "value_struct", 12),
    ("dynamic", "value_list", 12),
    ("dynamic", "any", 8),
    ("dynamic", "complex", 1),
    ("enums", "legacy_proto2", 17),
    ("enums", "legacy_proto3", 22),
    ("enums", "strong_proto2", 20),
    ("enums", "strong_proto3", 26),
    ("optionals", "optionals", 11),
    ("parse", "nest", 1),
    ("parse", "repeat", 2),
    ("parse", "whitespace", 5),
    ("parse", "comments", 1),
    ("parse", "struct_field_names", 17),
    ("proto2", "literal_singular", 28),
    ("proto2", "literal_wellknown", 14),
    ("proto2", "singular_bind", 2),
    ("proto2", "empty_field", 9),
    ("proto2", "has", 25),
    ("proto2", "set_null", 20),
    ("proto2", "quoted_fields", 2),
    ("proto2", "extensions_has", 9),
    ("proto2", "extensions_get", 9),
    ("proto2_ext", "has_ext", 9),
    ("proto2_ext", "get_ext", 9),
    ("proto3", "literal_singular", 16),
    ("proto3", "literal_wellknown", 14),
    ("proto3", "singular_bind", 2),
    ("proto3", "empty_field", 8),
    ("proto3", "has", 23),
    ("proto3", "set_null", 20),
    ("proto3", "quoted_fields", 2),
    ("wrappers", "bool", 3),
    ("wrappers", "int32", 3),
    ("wrappers", "int64", 4),
    ("wrappers", "uint32", 3),
    ("wrappers", "uint64", 4),
    ("wrappers", "float", 3),
    ("wrappers", "double", 3),
    ("wrappers", "bytes", 3),
    ("wrappers", "string", 3),
    ("wrappers", "value", 1),
    ("wrappers", "list_value", 1),
    ("wrappers", "struct", 1),
    ("wrappers", "field_mask", 1),
    ("wrappers", "duration", 1),
    ("wrappers", "timestamp", 1),
    ("wrappers", "empty", 1),
];

fn in_scope(case: &Json) -> bool {
    let expression = case["expr"].as_str().unwrap_or_default();
    let about_messages = MESSAGES.iter().any(|word| expression.contains(word));
    let text = case["exp"].to_string() + &case["bindings"].to_string();
    !about_messages && !text.contains("unsupported") && case["exp"][0] != "skip"
}

fn value(json: &Json) -> Value<'static> {
    let text = || json[1].as_str().expect("a text").to_owned();
    let bytes = |json: &Json| -> Vec<u8> {
        json.as_array()
            .expect("bytes")
            .iter()
            .map(|byte| u8::try_from(byte.as_u64().expect("a byte")).expect("a byte"))
            .collect()
    };
    match json[0].as_str().expect("a kind") {
        "null" => Value::Null,
        "bool" => Value::Bool(json[1].as_bool().expect("a bool")),
        "int" => Value::Int(text().parse().expect("an int")),
        "uint" => Value::Uint(text().parse().expect("a uint")),
        "double" => Value::Double(text().parse().expect("a double")),
        "string" => Value::String(Text::from(text())),
        "bytes" => Value::Bytes(bytes(&json[1]).into()),
        "list" => json[1].as_array().expect("a list").iter().map(value).collect(),
        "map" => {
            let entries = json[1].as_array().expect("a map").iter().map(|pair| {
                let key = match value(&pair[0]) {
                    Value::Bool(key) => Key::Bool(key),
                    Value::Int(key) => Key::Int(key),
                    Value::Uint(key) => Key::Uint(key),
                    Value::String(key) => Key::String(key),
                    other => panic!("{other} is no key"),
                };
                (key, value(&pair[1]))
            });
            Value::Map(entries.collect::<Map<'_>>())
        }
        kind => panic!("{kind}"),
    }
}

/// Exactly the same, types included; entries of maps in any order, and one NaN is as good as another.
fn same(one: &Value<'_>, two: &Value<'_>) -> bool {
    match (one, two) {
        (Value::Double(one), Value::Double(two)) => {
            one.partial_cmp(two) == Some(std::cmp::Ordering::Equal) || (one.is_nan() && two.is_nan())
        }
        (Value::List(one), Value::List(two)) => {
            one.len() == two.len() && one.iter().zip(two.iter()).all(|(one, two)| same(&one, &two))
        }
        (Value::Map(one), Value::Map(two)) => {
            one.len() == two.len()
                && one.iter().all(|(key, value)| {
                    two.iter().any(|(other, content)| same(&key, &other) && same(&value, &content))
                })
        }
        (one, two) => format!("{one}") == format!("{two}"),
    }
}

fn check(case: &Json) -> Result<(), String> {
    let mut environment = Environment::standard().container(case["container"].as_str().unwrap_or_default());
    if case["disable_check"] == true {
        environment = environment.unchecked();
    }
    if case["disable_macros"] == true {
        environment = environment.without_macros();
    }
    let bindings = case["bindings"].as_object().expect("bindings");
    let mut activation = Activation::new();
    for (name, bound) in bindings {
        environment.declare(name, Type::Dyn);
        activation.set(name, value(bound));
    }
    // What is bound to nothing but declared in the suite.
    for name in ["x", "y", "a", "foo"] {
        if case["exp"][0] == "error" && !bindings.contains_key(name) && case["file"] != "basic" {
            environment.declare(name, Type::Dyn);
        }
    }
    let expression = case["expr"].as_str().expect("an expression");
    let program = match Program::compile(expression, &environment) {
        Ok(program) => program,
        Err(_) if case["exp"][0] == "error" => return Ok(()),
        Err(error) => return Err(format!("refused: {error}")),
    };
    let expected = match case["exp"][0].as_str().expect("a kind") {
        "true" => Some(Value::Bool(true)),
        "value" => Some(value(&case["exp"][1])),
        "error" => None,
        kind => panic!("{kind}"),
    };
    match (program.evaluate(&activation, BUDGET), expected) {
        (Ok(found), Some(expected)) if same(&found, &expected) => Ok(()),
        (Ok(found), Some(expected)) => Err(format!("{found}, not {expected}")),
        (Ok(found), None) => Err(format!("{found}, not an error")),
        (Err(_), None) => Ok(()),
        (Err(error), Some(expected)) => Err(format!("error `{error}`, not {expected}")),
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "figures of a suite")]
fn cases_of_the_suite() {
    let Some(path) = plimsoll_testing::shared("fixtures/supply-chain/cel-spec/simple.json") else { return };
    let cases: Vec<Json> = serde_json::from_slice(&std::fs::read(path).expect("the suite")).expect("JSON");
    let mut figures: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut used = Vec::new();
    let mut messages: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for case in &cases {
        let (file, name) = (case["file"].as_str().expect("a file"), case["name"].as_str().expect("a name"));
        let section = case["section"].as_str().expect("a section");
        let figure = figures.entry(file).or_default();
        if !in_scope(case) {
            figure.2 += 1;
            *messages.entry((file, section)).or_default() += 1;
            continue;
        }
        let known = KNOWN.iter().find(|known| (known.0, known.1, known.2) == (file, section, name));
        match (check(case), known) {
            (Ok(()), None) => figure.0 += 1,
            (Ok(()), Some(_)) => wrong.push(format!("{file}/{name} is right now: take it off the list")),
            (Err(_), Some(known)) => {
                figure.1 += 1;
                used.push(known);
            }
            (Err(problem), None) => wrong.push(format!("{file}/{name}: {} -> {problem}", case["expr"])),
        }
    }
    let (mut right, mut explained, mut beyond) = (0, 0, 0);
    for (file, (one, two, three)) in &figures {
        eprintln!("{file}: {one} right, {two} explained, {three} about messages");
        right += one;
        explained += two;
        beyond += three;
    }
    eprintln!("all: {right} right, {explained} explained, {beyond} about messages, of {}", cases.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(used.len(), KNOWN.len(), "a case that is named is not there");
    let listed = ABOUT_MESSAGES.iter().map(|(file, section, count)| ((*file, *section), *count)).collect();
    assert_eq!(messages, listed, "what is left out is named");
    assert_eq!((right, explained), (RIGHT, KNOWN.len()));
}
