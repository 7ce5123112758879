//! Reading documents of others: every field is either read or told.

use std::collections::BTreeMap;

use plimsoll_model::shortened;
use serde_json::Value;

/// A document that its own engine would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {detail}")]
pub struct Invalid {
    /// Where: `spec.authorities[1].key`.
    pub path: String,
    /// What is wrong.
    pub detail: String,
}

impl Invalid {
    pub(crate) fn at(path: &str, detail: impl Into<String>) -> Self {
        Invalid { path: path.to_owned(), detail: detail.into() }
    }
}

/// A mapping whose fields are taken out one by one; what is left in the end was not read.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) path: String,
    fields: BTreeMap<String, Value>,
}

impl Fields {
    pub(super) fn new(path: &str, value: &Value) -> Result<Self, Invalid> {
        match value {
            Value::Object(map) => Ok(Fields {
                path: path.to_owned(),
                fields: map.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            }),
            // An empty mapping, as YAML's users write it.
            Value::Null => Ok(Fields { path: path.to_owned(), fields: BTreeMap::new() }),
            _ => Err(Invalid::at(path, "is no mapping")),
        }
    }

    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn invalid(&self, detail: impl Into<String>) -> Invalid {
        Invalid::at(&self.path, detail)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The field as it is; null is no field.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.fields.remove(key).filter(|value| !value.is_null())
    }

    /// Takes out what has no meaning for a decision.
    pub(super) fn ignore(&mut self, keys: &[&str]) {
        for key in keys {
            self.fields.remove(*key);
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, Invalid> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(_) => Err(Invalid::at(&self.at(key), "is no text")),
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>, Invalid> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(Invalid::at(&self.at(key), "is neither true nor false")),
        }
    }

    /// A mapping, whether it has fields or not.
    pub(super) fn fields(&mut self, key: &str) -> Result<Option<Fields>, Invalid> {
        let path = self.at(key);
        self.take(key).map(|value| Fields::new(&path, &value)).transpose()
    }

    /// A list of mappings.
    pub(super) fn list(&mut self, key: &str) -> Result<Vec<Fields>, Invalid> {
        self.values(key)?.into_iter().map(|(path, value)| Fields::new(&path, &value)).collect()
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &str) -> Result<Vec<String>, Invalid> {
        self.values(key)?
            .into_iter()
            .map(|(path, value)| match value {
                Value::String(text) => Ok(text),
                _ => Err(Invalid::at(&path, "is no text")),
            })
            .collect()
    }

    fn values(&mut self, key: &str) -> Result<Vec<(String, Value)>, Invalid> {
        let path = self.at(key);
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => {
                Ok(list.into_iter().enumerate().map(|(at, value)| (format!("{path}[{at}]"), value)).collect())
            }
            Some(_) => Err(Invalid::at(&path, "is no list")),
        }
    }

    /// Labels: texts by their names.
    pub(super) fn labels(&mut self, key: &str) -> Result<BTreeMap<String, String>, Invalid> {
        let path = self.at(key);
        let Some(map) = self.fields(key)? else { return Ok(BTreeMap::new()) };
        map.fields
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(text) => Ok((name, text)),
                _ => Err(Invalid::at(&format!("{path}.{name}"), "is no text")),
            })
            .collect()
    }

    /// Puts in a field that nobody reads, for a condition that stands beside the mapping.
    pub(super) fn mark(&mut self, key: &str) {
        self.fields.insert(key.to_owned(), Value::Bool(true));
    }

    /// Paths of what nobody read.
    pub(super) fn unread(&self) -> Vec<String> {
        self.fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, _)| self.at(&shortened(key)))
            .collect()
    }
}
