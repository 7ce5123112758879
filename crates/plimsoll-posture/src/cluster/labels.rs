//! Labels, and selectors of labels.

use std::collections::HashSet;
use std::sync::Arc;

use plimsoll_model::shortened;
use serde_json_borrow::{ObjectAsVec, Value};

use crate::kubernetes::{get, list};

/// Texts that stand for themselves once, however often they are said.
#[derive(Debug, Default)]
pub(crate) struct Texts(HashSet<Arc<str>>);

impl Texts {
    pub(crate) fn get(&mut self, text: &str) -> Arc<str> {
        match self.0.get(text) {
            Some(known) => Arc::clone(known),
            None => {
                let text: Arc<str> = text.into();
                self.0.insert(Arc::clone(&text));
                text
            }
        }
    }
}

/// Labels of an object, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Vec<(Arc<str>, Arc<str>)>);

impl Labels {
    pub(crate) fn read<'t>(labels: impl Iterator<Item = (&'t str, &'t str)>, texts: &mut Texts) -> Self {
        let mut all: Vec<_> = labels.map(|(name, value)| (texts.get(name), texts.get(value))).collect();
        all.sort();
        // JSON may say a name twice; the later one is what the API keeps, and the larger one is as good as any here.
        all.dedup_by(|later, first| later.0 == first.0);
        Labels(all)
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(own, _)| own.as_ref().cmp(name)).ok()?;
        Some(&self.0[at].1)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// All of them, to be shared.
    pub(crate) fn shared(&self) -> impl Iterator<Item = &(Arc<str>, Arc<str>)> {
        self.0.iter()
    }

    pub(crate) fn set(&mut self, name: &str, value: &str, texts: &mut Texts) {
        let value = texts.get(value);
        match self.0.binary_search_by(|(own, _)| own.as_ref().cmp(name)) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (texts.get(name), value)),
        }
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }
}

impl<'t> FromIterator<(&'t str, &'t str)> for Labels {
    fn from_iter<I: IntoIterator<Item = (&'t str, &'t str)>>(labels: I) -> Self {
        Labels::read(labels.into_iter(), &mut Texts::default())
    }
}

/// How a label has to be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wanted {
    /// It is there, with one of these values.
    In(Vec<Arc<str>>),
    /// It is not there, or has none of these values.
    NotIn(Vec<Arc<str>>),
    /// It is there.
    Exists,
    /// It is not there.
    Absent,
}

/// A label selector: every requirement holds. Without any it takes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector {
    /// What is required of labels, by their name.
    pub requirements: Vec<(Arc<str>, Wanted)>,
}

impl Selector {
    /// Reads a `LabelSelector` (meta/v1).
    ///
    /// # Errors
    /// What is wrong with it: the API would have refused it.
    pub fn read(value: &Value<'_>) -> Result<Self, String> {
        let object = value.as_object().ok_or("the selector is no object")?;
        let mut selector = Selector::default();
        for (key, value) in object.iter() {
            match key {
                "matchLabels" | "matchExpressions" if value.is_null() => {}
                "matchLabels" => {
                    let map = value.as_object().ok_or("`matchLabels` is no object")?;
                    selector.add_map(map)?;
                }
                "matchExpressions" => {
                    for one in value.as_array().ok_or("`matchExpressions` is no list")? {
                        selector.add(one)?;
                    }
                }
                other => return Err(format!("a selector has no `{}`", shortened(other))),
            }
        }
        selector.requirements.sort();
        selector.requirements.dedup();
        Ok(selector)
    }

    /// Reads a map of labels, as services have it.
    ///
    /// # Errors
    /// When a value is no text.
    pub fn of_map(map: &ObjectAsVec<'_>) -> Result<Self, String> {
        let mut selector = Selector::default();
        selector.add_map(map)?;
        selector.requirements.sort();
        Ok(selector)
    }

    fn add_map(&mut self, map: &ObjectAsVec<'_>) -> Result<(), String> {
        for (key, value) in map.iter() {
            let value = value.as_str().ok_or_else(|| format!("label `{}` is no text", shortened(key)))?;
            let (key, value) = (checked_name(key)?, checked_value(value)?);
            self.requirements.push((key, Wanted::In(vec![value])));
        }
        Ok(())
    }

    fn add(&mut self, expression: &Value<'_>) -> Result<(), String> {
        let text = |key: &str| get(expression, key).and_then(|value| value.as_str());
        let key = checked_name(text("key").ok_or("an expression has no `key`")?)?;
        let operator = text("operator").ok_or("an expression has no `operator`")?;
        let mut values = Vec::new();
        for value in list(get(expression, "values")) {
            values.push(checked_value(value.as_str().ok_or("a value of an expression is no text")?)?);
        }
        values.sort();
        values.dedup();
        let wanted = match (operator, values.is_empty()) {
            ("In", false) => Wanted::In(values),
            ("NotIn", false) => Wanted::NotIn(values),
            ("Exists", true) => Wanted::Exists,
            ("DoesNotExist", true) => Wanted::Absent,
            ("In" | "NotIn", true) => return Err(format!("`{operator}` needs values")),
            ("Exists" | "DoesNotExist", false) => return Err(format!("`{operator}` takes no values")),
            (other, _) => return Err(format!("there is no operator `{}`", shortened(other))),
        };
        self.requirements.push((key, wanted));
        Ok(())
    }

    /// Whether it takes an object with these labels.
    pub fn matches<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.requirements.iter().all(|(name, wanted)| {
            let value = label(name);
            let among = |values: &[Arc<str>]| values.iter().any(|one| Some(one.as_ref()) == value);
            match wanted {
                Wanted::In(values) => among(values),
                Wanted::NotIn(values) => !among(values),
                Wanted::Exists => value.is_some(),
                Wanted::Absent => value.is_none(),
            }
        })
    }

    /// Whether it takes everything.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (name, wanted)) in self.requirements.iter().enumerate() {
            if index > 0 {
                formatter.write_str(",")?;
            }
            match wanted {
                Wanted::In(values) if values.len() == 1 => write!(formatter, "{name}={}", values[0])?,
                Wanted::In(values) => write!(formatter, "{name} in ({})", values.join(","))?,
                Wanted::NotIn(values) => write!(formatter, "{name} notin ({})", values.join(","))?,
                Wanted::Exists => formatter.write_str(name)?,
                Wanted::Absent => write!(formatter, "!{name}")?,
            }
        }
        Ok(())
    }
}

fn is_label(text: &str, more: &str) -> bool {
    let bytes = text.as_bytes();
    text.len() <= 63
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || more.as_bytes().contains(byte))
}

/// A qualified name: `app.kubernetes.io/name`.
fn checked_name(text: &str) -> Result<Arc<str>, String> {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    let domain = |prefix: &str| prefix.len() <= 253 && prefix.split('.').all(|part| is_label(part, "-"));
    if is_label(name, "-_.") && prefix.is_none_or(domain) {
        Ok(text.into())
    } else {
        Err(format!("`{}` is no name of a label", shortened(text)))
    }
}

fn checked_value(text: &str) -> Result<Arc<str>, String> {
    if text.is_empty() || is_label(text, "-_.") {
        Ok(text.into())
    } else {
        Err(format!("`{}` is no value of a label", shortened(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Selector, String> {
        Selector::read(&serde_json::from_str(text).expect("JSON"))
    }

    #[test]
    fn every_requirement_holds() {
        let check = |selector: &str, labels: &[(&str, &str)], expected: bool| {
            let labels: Labels = labels.iter().copied().collect();
            let selector = read(selector).expect(selector);
            assert_eq!(selector.matches(|name| labels.get(name)), expected, "{selector} {labels:?}");
        };
        check("{}", &[], true);
        check(r#"{"matchLabels":{"a":"1"}}"#, &[("a", "1"), ("b", "2")], true);
        check(r#"{"matchLabels":{"a":"1","b":"1"}}"#, &[("a", "1"), ("b", "2")], false);
        check(r#"{"matchLabels":{"a":""}}"#, &[("a", "")], true);
        check(r#"{"matchLabels":{"a":""}}"#, &[], false);
        let expression = |rest: &str| format!(r#"{{"matchExpressions":[{{"key":"a",{rest}}}]}}"#);
        check(&expression(r#""operator":"In","values":["1","2"]"#), &[("a", "2")], true);
        check(&expression(r#""operator":"NotIn","values":["1"]"#), &[], true);
        check(&expression(r#""operator":"NotIn","values":["1"]"#), &[("a", "1")], false);
        check(&expression(r#""operator":"Exists""#), &[("a", "")], true);
        check(&expression(r#""operator":"DoesNotExist","values":[]"#), &[("a", "")], false);
    }

    #[test]
    fn what_the_api_refuses_is_refused() {
        for bad in [
            r"[]",
            r#"{"app":"a"}"#,
            r#"{"matchLabels":{"a":1}}"#,
            r#"{"matchLabels":{"a":"-"}}"#,
            r#"{"matchLabels":{"a/b/c":"1"}}"#,
            r#"{"matchLabels":{"":"1"}}"#,
            r#"{"matchExpressions":[{"key":"a","operator":"In"}]}"#,
            r#"{"matchExpressions":[{"key":"a","operator":"Exists","values":["1"]}]}"#,
            r#"{"matchExpressions":[{"key":"a","operator":"Is","values":["1"]}]}"#,
            r#"{"matchExpressions":[{"operator":"Exists"}]}"#,
            r#"{"matchExpressions":{}}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
