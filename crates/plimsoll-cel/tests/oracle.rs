//! Our answers against those of Kubernetes 1.36 itself: `cargo xtask cel-oracle` asked its environment for the golden file.

use plimsoll_cel::{Activation, BUDGET, Environment, Kind, Program, Type, Value};
use serde_json::{Value as Json, json};

/// Where we differ on purpose: expression, why.
const KNOWN: &[(&str, &str)] = &[
    ("double('0x1p4')", "hexadecimal doubles are not read"),
    ("quantity('0.3Ki').asApproximateFloat()", "of an approximation, the last digit"),
    ("timestamp('9999-12-31T23:59:59Z').getFullYear('+02:00')", "the calendar here ends with the year 9999"),
    ("object.?spec.replicas.x", "the conformance suite calls a field of what has no fields an error"),
    ("{'a': 1, 'a': 2}", TWICE),
    ("{1.5: 'a'}", KEYS),
    ("{null: 1}", KEYS),
    ("{[1]: 1}", KEYS),
    ("google.protobuf.Int32Value{value: 1}", MESSAGES),
    ("google.protobuf.Timestamp{seconds: 1}", MESSAGES),
];

const TWICE: &str =
    "the language definition calls it an error; Kubernetes lets the last one win when all are constants";
const KEYS: &str = "the language definition allows bool, int, uint and string only";
const MESSAGES: &str = "there are no messages of protocol buffers here";

/// A value in the form that the oracle writes.
fn shown(value: &Value<'_>) -> Json {
    match value {
        Value::Null => json!(["null", null]),
        Value::Bool(value) => json!(["bool", value]),
        Value::Int(value) => json!(["int", value.to_string()]),
        Value::Uint(value) => json!(["uint", value.to_string()]),
        Value::Double(value) => json!(["double", value.to_string()]),
        Value::String(value) => json!(["string", value.as_str()]),
        Value::Bytes(value) => json!(["bytes", value.to_vec()]),
        Value::Timestamp(value) => json!(["timestamp", value.to_string()]),
        Value::Duration(value) => json!(["duration", value.to_string()]),
        Value::Optional(None) => json!(["optional", null]),
        Value::Optional(Some(value)) => json!(["optional", shown(value)]),
        Value::Type(name) => json!(["type", name.as_str()]),
        Value::List(list) => json!(["list", list.iter().map(|value| shown(&value)).collect::<Vec<_>>()]),
        Value::Map(map) => {
            let entries = map.iter().map(|(key, value)| json!([shown(&key), shown(&value)]));
            json!(["map", entries.collect::<Vec<_>>()])
        }
        Value::Opaque(value) => json!(["opaque", value.kind().type_name()]),
    }
}

/// The same, whatever the order of a map's entries and the spelling of a double.
fn settled(value: &Json) -> String {
    let inner = &value[1];
    match value[0].as_str().unwrap_or_default() {
        "list" => inner.as_array().into_iter().flatten().map(settled).collect::<Vec<_>>().join(","),
        "map" => {
            let pair = |pair: &Json| format!("{}={}", settled(&pair[0]), settled(&pair[1]));
            let mut entries: Vec<String> = inner.as_array().into_iter().flatten().map(pair).collect();
            entries.sort();
            format!("{{{}}}", entries.join(","))
        }
        "optional" if !inner.is_null() => format!("optional {}", settled(inner)),
        "double" => {
            let text = inner.as_str().unwrap_or_default().replace("+Inf", "inf").replace("-Inf", "-inf");
            format!("double {:?}", text.parse::<f64>().expect("a double"))
        }
        kind => format!("{kind} {inner}"),
    }
}

fn check(golden: &Json, object: &serde_json_borrow::Value<'_>) -> Result<(), String> {
    let expression = golden["expression"].as_str().expect("an expression");
    let environment = Environment::kubernetes()
        .with("object", Type::Dyn)
        .with("authorizer", Type::Opaque(Kind::Authorizer))
        .with("authorizer.requestResource", Type::Opaque(Kind::ResourceCheck));
    let refused = golden["compile"].as_str();
    let program = match (Program::compile(expression, &environment), refused) {
        (Ok(program), None) => program,
        (Err(_), Some(_)) => return Ok(()),
        (Ok(program), Some(message)) => {
            let mut activation = Activation::new().with("object", object);
            activation.set_unknown("authorizer", "nobody is asked");
            return Err(format!(
                "it compiles, though `{message}`; {:?}",
                program.evaluate(&activation, BUDGET)
            ));
        }
        // What would fail whatever the object is: refused when it is loaded.
        (Err(_), None) if golden["error"].is_string() || golden["plan"].is_string() => return Ok(()),
        (Err(error), None) => return Err(format!("refused: {error}")),
    };
    let of = golden["type"].as_str().expect("a type");
    if program.result().to_string() != of {
        return Err(format!("of type {}, not {of}", program.result()));
    }
    let mut activation = Activation::new().with("object", object);
    for name in ["authorizer", "authorizer.requestResource"] {
        activation.set_unknown(name, "nobody is asked");
    }
    let found = program.evaluate(&activation, BUDGET);
    if program.variables().any(|name| name.starts_with("authorizer")) {
        return match found {
            Err(error) if !error.unknowns().is_empty() => Ok(()),
            other => Err(format!("{other:?}, not unknown")),
        };
    }
    // Kubernetes evaluates constants when it plans: not earlier than we find out.
    match (found, golden["error"].as_str().or(golden["plan"].as_str())) {
        (Err(_), Some(_)) => Ok(()),
        (Err(error), None) => Err(format!("error `{error}`, not {}", golden["value"])),
        (Ok(value), Some(error)) => Err(format!("{value}, not the error `{error}`")),
        (Ok(value), None) if settled(&shown(&value)) == settled(&golden["value"]) => Ok(()),
        (Ok(value), None) => Err(format!("{}, not {}", shown(&value), golden["value"])),
    }
}

#[test]
fn answers_are_those_of_kubernetes() {
    let object = include_str!("oracle/object.json");
    let object: serde_json_borrow::Value<'_> = serde_json::from_str(object).expect("JSON");
    let (mut right, mut wrong, mut used) = (0, Vec::new(), 0);
    for line in include_str!("oracle/answers.jsonl").lines() {
        let golden: Json = serde_json::from_str(line).expect("JSON");
        let expression = golden["expression"].as_str().expect("an expression");
        let known = KNOWN.iter().any(|known| known.0 == expression);
        match check(&golden, &object) {
            Ok(()) if known => wrong.push(format!("{expression} is right now: take it off the list")),
            Ok(()) => right += 1,
            Err(_) if known => used += 1,
            Err(problem) => wrong.push(format!("{expression} -> {problem}")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong, {right} right:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(used, KNOWN.len(), "an expression that is named is not there");
    assert!(right > 1000, "{right}");
}
