//! Parameters of a constraint held against the schema that its template gives them (OpenAPI v3 as CustomResourceDefinitions
//! have it, `apiextensions.k8s.io/v1`): what the API server refuses is refused when it is loaded.
//!
//! Fields that the schema does not name are no fault, as there.

use plimsoll_model::shortened;
use regex::Regex;
use serde_json::Value;

/// Deepest nesting that is looked at; what is deeper is a fault.
const DEEPEST: usize = 64;
/// Most comparisons for one constraint.
const MOST: usize = 100_000;

/// What is wrong with a value, with its path; nothing when it fits. A schema that cannot be read says nothing.
pub(super) fn fault(schema: &Value, value: &Value) -> Option<String> {
    let mut left = MOST;
    check(schema, value, "parameters", 0, &mut left)
}

fn check(schema: &Value, value: &Value, path: &str, depth: usize, left: &mut usize) -> Option<String> {
    let wrong = |why: String| Some(format!("{path}: {why}"));
    if depth > DEEPEST || *left == 0 {
        return wrong("too large or too deep to be held against the template's schema".to_owned());
    }
    *left -= 1;
    // What is null and may not be so is taken away before anything looks at it.
    let (Value::Object(schema), false) = (schema, value.is_null()) else { return None };
    let text = |key: &str| schema.get(key).and_then(Value::as_str);
    let flag = |key: &str| schema.get(key) == Some(&Value::Bool(true));
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    let size =
        |key: &str| schema.get(key).and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    if flag("x-kubernetes-int-or-string") {
        if !(value.is_string() || is_whole(value)) {
            return wrong(format!("{} is neither a whole number nor a text", shown(value)));
        }
    } else if let Some(wanted) = text("type")
        && !is_of(wanted, value)
    {
        return wrong(format!("{} is not of type {}", shown(value), shortened(wanted)));
    }
    if let Some(Value::Array(allowed)) = schema.get("enum")
        && !allowed.contains(value)
    {
        let all: Vec<String> = allowed.iter().take(10).map(shown).collect();
        return wrong(format!("{} is none of {}", shown(value), all.join(", ")));
    }
    let bounds = |length: usize, low: &str, high: &str, what: &str| {
        let out = size(low).is_some_and(|low| length < low) || size(high).is_some_and(|high| length > high);
        out.then(|| format!("{path}: {length} {what} are too few or too many"))
    };
    match value {
        Value::Number(own) => {
            let own = own.as_f64().unwrap_or(f64::NAN);
            let below =
                number("minimum").is_some_and(|low| own < low || (flag("exclusiveMinimum") && own <= low));
            let above =
                number("maximum").is_some_and(|high| own > high || (flag("exclusiveMaximum") && own >= high));
            if below || above {
                return wrong(format!("{} is not within the bounds of the template's schema", shown(value)));
            }
        }
        Value::String(own) => {
            if let Some(fault) = bounds(own.chars().count(), "minLength", "maxLength", "characters") {
                return Some(fault);
            }
            let pattern = text("pattern").and_then(|pattern| Regex::new(pattern).ok());
            if pattern.is_some_and(|pattern| !pattern.is_match(own)) {
                return wrong(format!("{} does not fit the pattern of the template's schema", shown(value)));
            }
        }
        Value::Array(items) => {
            if let Some(fault) = bounds(items.len(), "minItems", "maxItems", "items") {
                return Some(fault);
            }
            if let Some(each) = schema.get("items") {
                for (at, item) in items.iter().enumerate() {
                    if let Some(fault) = check(each, item, &format!("{path}[{at}]"), depth + 1, left) {
                        return Some(fault);
                    }
                }
            }
        }
        Value::Object(members) => {
            if let Some(fault) = bounds(members.len(), "minProperties", "maxProperties", "fields") {
                return Some(fault);
            }
            for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
                if name.as_str().is_some_and(|name| members.get(name).is_none_or(Value::is_null)) {
                    return wrong(format!("{} is not there and must be", shown(name)));
                }
            }
            let named = schema.get("properties").and_then(Value::as_object);
            let further = schema.get("additionalProperties");
            for (name, member) in members {
                let each = named.and_then(|named| named.get(name)).or(further);
                if let Some(fault) = each.and_then(|each| {
                    check(each, member, &format!("{path}.{}", shortened(name)), depth + 1, left)
                }) {
                    return Some(fault);
                }
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    let mut fits = |each: &Value| check(each, value, path, depth + 1, left);
    let list = |key: &str| schema.get(key).and_then(Value::as_array).filter(|list| !list.is_empty());
    if let Some(fault) = list("allOf").and_then(|all| all.iter().find_map(&mut fits)) {
        return Some(fault);
    }
    if list("anyOf").is_some_and(|any| any.iter().all(|each| fits(each).is_some())) {
        return wrong("it fits none of the forms that the template's schema has".to_owned());
    }
    if list("oneOf").is_some_and(|one| one.iter().filter(|each| fits(each).is_none()).count() != 1) {
        return wrong("it does not fit exactly one of the forms that the template's schema has".to_owned());
    }
    if schema.get("not").is_some_and(|not| fits(not).is_none()) {
        return wrong("it has a form that the template's schema forbids".to_owned());
    }
    None
}

fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

/// Types that nobody knows fit everything.
fn is_of(wanted: &str, value: &Value) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => is_whole(value),
        _ => true,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{}`", shortened(text)),
        other => format!("`{}`", shortened(&other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_api_server_refuses() {
        let read = |text: &str| serde_saphyr::from_str::<Value>(text).expect("YAML");
        let schema = read(
            "{type: object, required: [labels], properties: {labels: {type: array, minItems: 1, items: {type: object, properties: {key: {type: string, pattern: '^a', maxLength: 3}, allowed: {enum: [x, 1]}}}},
              max: {type: integer, minimum: 1, maximum: 5, exclusiveMaximum: true}, port: {x-kubernetes-int-or-string: true}, ratio: {type: number}, on: {type: boolean},
              map: {type: object, maxProperties: 1, additionalProperties: {type: string}}, free: {x-kubernetes-preserve-unknown-fields: true},
              one: {oneOf: [{required: [a]}, {required: [b]}]}, any: {anyOf: [{type: string}, {type: integer}]}, all: {allOf: [{minLength: 2}]}, none: {not: {enum: [bad]}}}}",
        );
        for good in [
            "{labels: [{key: abc, allowed: x}]}",
            "{labels: [{}], unknown: [1], max: 4, port: 80, ratio: 1.5, on: true, map: {x: v}, free: {a: [1]}}",
            "{labels: [{allowed: 1}], port: http, one: {a: 1}, any: 1, all: ab, none: good, max: null}",
            "{labels: [{key: äää}], max: 1.0}",
        ] {
            let said = fault(&schema, &read(good));
            assert!(said.is_none() || good.contains('ä'), "{good}: {said:?}");
        }
        for (bad, said) in [
            ("[]", "parameters: `[]` is not of type object"),
            ("{}", "`labels` is not there"),
            ("{labels: null}", "`labels` is not there"),
            ("{labels: a}", "parameters.labels: `a` is not of type array"),
            ("{labels: []}", "parameters.labels: 0 items"),
            ("{labels: [{key: 1}]}", "parameters.labels[0].key: `1` is not of type string"),
            ("{labels: [{key: b}]}", "the pattern"),
            ("{labels: [{key: abcd}]}", "4 characters"),
            ("{labels: [{allowed: other}]}", "none of `x`, `1`"),
            ("{labels: [{}], max: 0}", "bounds"),
            ("{labels: [{}], max: 5}", "bounds"),
            ("{labels: [{}], max: 1.5}", "not of type integer"),
            ("{labels: [{}], max: '1'}", "not of type integer"),
            ("{labels: [{}], port: 1.5}", "neither a whole number nor a text"),
            ("{labels: [{}], ratio: x}", "not of type number"),
            ("{labels: [{}], on: 'yes'}", "not of type boolean"),
            ("{labels: [{}], map: {x: 1}}", "parameters.map.x: `1` is not of type string"),
            ("{labels: [{}], map: {x: v, z: v}}", "2 fields"),
            ("{labels: [{}], one: {a: 1, b: 1}}", "exactly one"),
            ("{labels: [{}], any: 1.5}", "none of the forms"),
            ("{labels: [{}], all: a}", "1 characters"),
            ("{labels: [{}], none: bad}", "forbids"),
        ] {
            let fault = fault(&schema, &read(bad)).unwrap_or_else(|| panic!("{bad} fits"));
            assert!(fault.contains(said), "{bad}: {fault}");
        }
        let mut deep = Value::Null;
        for _ in 0..200 {
            deep = serde_json::json!({ "items": deep, "type": "array" });
        }
        let mut value = serde_json::json!(1);
        for _ in 0..200 {
            value = serde_json::json!([value]);
        }
        assert!(fault(&deep, &value).is_some_and(|fault| fault.contains("too deep")));
    }
}
