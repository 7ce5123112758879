//! Gatekeeper's suites (`test.gatekeeper.sh/v1alpha1`, `gator verify`).

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::{Case, Outcome};
use crate::gatekeeper::{Constraint, Inventory, Template, judge};
use crate::{Answer, Json, Operation, Review, documents};

#[derive(Deserialize)]
struct Suite {
    #[serde(default)]
    skip: bool,
    #[serde(default)]
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    #[serde(default)]
    name: String,
    #[serde(default)]
    template: String,
    #[serde(default)]
    constraint: String,
    #[serde(default)]
    expansion: Option<String>,
    #[serde(default)]
    skip: bool,
    #[serde(default)]
    invalid: bool,
    #[serde(default)]
    cases: Vec<Written>,
}

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    name: String,
    #[serde(default)]
    object: String,
    #[serde(default)]
    inventory: Vec<String>,
    #[serde(default)]
    assertions: Vec<Assertion>,
    #[serde(default)]
    skip: bool,
}

#[derive(Deserialize)]
struct Assertion {
    #[serde(default)]
    violations: Option<Count>,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Flag(bool),
    Number(usize),
    Word(String),
}

/// Runs a suite. `read` gives the text of a file by its path beside the suite.
///
/// # Errors
/// When the text is no suite.
pub fn run(text: &str, read: &dyn Fn(&str) -> Result<String, String>) -> Result<Vec<Case>, String> {
    let suite = documents(text)?.into_iter().next().ok_or("it is empty")?;
    if suite["kind"] != "Suite"
        || !suite["apiVersion"].as_str().is_some_and(|api| api.starts_with("test.gatekeeper.sh/"))
    {
        return Err("it is no Suite of test.gatekeeper.sh".into());
    }
    let suite = Suite::deserialize(&suite).map_err(|error| error.to_string())?;
    let mut cases = Vec::new();
    for test in &suite.tests {
        let case = |name: &str, outcome| Case { name: format!("{}/{name}", test.name), outcome };
        if suite.skip || test.skip {
            cases.push(case("", Outcome::Skipped));
            continue;
        }
        if test.expansion.is_some() {
            cases.push(case("", Outcome::Unrun("expansion templates are not read".into())));
            continue;
        }
        let loaded = load(test, read);
        if test.invalid {
            let outcome = match loaded {
                Ok((_, Err(_))) => Outcome::Right,
                Ok((_, Ok(_))) => {
                    Outcome::Wrong("the constraint was expected to be invalid, and is not".into())
                }
                // Which may be our fault.
                Err(reason) => Outcome::Unrun(reason),
            };
            cases.push(case("", outcome));
            continue;
        }
        let loaded = loaded.and_then(|(template, constraint)| Ok((template, constraint?)));
        if let (true, Err(reason)) = (test.cases.is_empty(), &loaded) {
            cases.push(case("", Outcome::Unrun(reason.clone())));
        }
        for written in &test.cases {
            let outcome = match &loaded {
                _ if written.skip => Outcome::Skipped,
                Err(reason) => Outcome::Unrun(reason.clone()),
                Ok((template, constraint)) => {
                    one(template, constraint, written, read).unwrap_or_else(Outcome::Unrun)
                }
            };
            cases.push(case(&written.name, outcome));
        }
    }
    Ok(cases)
}

/// A template, and the constraint or why it is invalid.
type Loaded = (Template, Result<Constraint, String>);

fn load(test: &Test, read: &dyn Fn(&str) -> Result<String, String>) -> Result<Loaded, String> {
    let template = Template::new(&single(&test.template, read)?).map_err(|error| error.to_string())?;
    let constraint = Constraint::new(&single(&test.constraint, read)?)
        .and_then(|constraint| template.takes(&constraint).map(|()| constraint))
        .map_err(|error| error.to_string());
    Ok((template, constraint))
}

/// The one object of a file.
fn single(path: &str, read: &dyn Fn(&str) -> Result<String, String>) -> Result<Value, String> {
    let mut all = documents(&read(path)?).map_err(|error| format!("{path}: {error}"))?;
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => Err(format!("{path}: it holds no object")),
        (Some(_), false) => Err(format!("{path}: it holds more than one object")),
    }
}

fn one(
    template: &Template,
    constraint: &Constraint,
    written: &Written,
    read: &dyn Fn(&str) -> Result<String, String>,
) -> Result<Outcome, String> {
    if written.object.is_empty() {
        return Err("it names no object".into());
    }
    if written.assertions.is_empty() {
        return Err("it asserts nothing".into());
    }
    let object = single(&written.object, read)?;
    let mut inventory = Vec::new();
    for path in &written.inventory {
        inventory.extend(documents(&read(path)?).map_err(|error| format!("{path}: {error}"))?);
    }
    let json = Json::from(&object);
    let is_review = object["kind"] == "AdmissionReview"
        && object["apiVersion"].as_str().is_some_and(|api| api.starts_with("admission.k8s.io/"));
    let mut review = if is_review {
        let review = Review::of_request(&json).ok_or("the AdmissionReview has no request")?;
        if review.object.is_none() && review.old_object.is_none() {
            return Err("the AdmissionReview has no object".into());
        }
        review
    } else {
        Review::of_object(&json, Operation::Look)
    };
    let namespace = inventory
        .iter()
        .find(|one| one["kind"] == "Namespace" && one["metadata"]["name"].as_str() == Some(review.namespace));
    let namespace = namespace.map(Json::from);
    review.namespace_object = namespace.as_ref();
    if constraint.lacks_namespace(&review) {
        return Err(format!("the namespace `{}` is not in the inventory", review.namespace));
    }
    let answer = if constraint.holds_in_tests() {
        judge(template, constraint, &review, &Inventory::of(&inventory)?)
    } else {
        Answer::Skip
    };
    let messages: Vec<&str> = match &answer {
        Answer::Error(reason) => return Err(reason.clone()),
        Answer::Fail(violations) => violations.iter().map(|one| one.message.as_str()).collect(),
        Answer::Pass | Answer::Skip => Vec::new(),
    };
    for assertion in &written.assertions {
        let expression = assertion.message.as_deref().unwrap_or_default();
        let pattern = Regex::new(expression).map_err(|error| error.to_string())?;
        let count = messages.iter().filter(|message| pattern.is_match(message)).count();
        let right = match &assertion.violations {
            None => count > 0,
            Some(Count::Flag(some)) => (count > 0) == *some,
            Some(Count::Number(number)) => count == *number,
            Some(Count::Word(word)) if word == "yes" => count > 0,
            Some(Count::Word(word)) if word == "no" => count == 0,
            Some(Count::Word(word)) => {
                return Err(format!("violations `{word}` is neither yes, no nor a number"));
            }
        };
        if !right {
            let wanted = match &assertion.violations {
                Some(Count::Number(number)) => number.to_string(),
                Some(Count::Flag(false)) => "no".into(),
                Some(Count::Word(word)) => word.clone(),
                _ => "some".into(),
            };
            let said = if messages.is_empty() { String::new() } else { format!(": {}", messages.join("; ")) };
            return Ok(Outcome::Wrong(format!("{wanted} violations were expected, {count} found{said}")));
        }
    }
    Ok(Outcome::Right)
}
