//! Rules in the form of Falco's rule files, read as they are and run over [`Event`](crate::Event)s.
//!
//! [`Files`] collects the items of rule files in their order, applies what appends and overrides, and compiles to an
//! [`Engine`]. The language and its corner cases follow Falco's engine 0.57; `docs/runtime-rules.md` says where we differ.
//! Hidden here: the YAML, the grammar of conditions, how conditions are shared between rules, what is remembered per
//! container and per process.

mod alert;
pub mod builtin;
mod condition;
mod document;
mod engine;
mod fields;
mod files;
mod graph;
mod kind;
mod knowledge;
mod matching;
mod names;
mod output;
mod yaml;

#[cfg(test)]
mod tests;

pub use alert::{Actor, Alert, Group, Groups, Place as AlertPlace, key, shape};
pub use condition::{Operator, Transformer};
pub use document::{Own, Priority};
pub use engine::Engine;
pub use fields::{Field, Type};
pub use files::{Files, Report, RuleInfo, Skipped};
pub use graph::Missing;
pub use knowledge::{FileFacts, Knowledge, Nothing};

use std::fmt;

/// Where in a file, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

impl Place {
    fn new(line: usize, column: usize) -> Self {
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).max(1);
        Self { line: narrow(line), column: narrow(column) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// A mistake in a rule file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{place}: {message}")]
pub struct Error {
    /// The file, as it was named.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What is wrong.
    pub message: String,
}

impl Error {
    fn at(place: Place, message: String) -> Self {
        Self { file: String::new(), place, message }
    }

    fn of(mut self, file: &str) -> Self {
        if self.file.is_empty() {
            file.clone_into(&mut self.file);
        }
        self
    }
}

/// Reads bytes as a rule file, as a fuzz target does: whatever they are, it ends, every mistake has its place, and what runs
/// can be asked about an event.
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut files = Files::default();
    files.add("fuzzed.yaml", text);
    let (mut engine, report) = files.compile();
    for error in report.errors.iter().chain(&report.warnings) {
        assert!(
            error.place.line >= 1 && error.file == "fuzzed.yaml" && !error.message.is_empty(),
            "{error:?}"
        );
    }
    assert!(report.skipped.iter().all(|skipped| !skipped.missing.is_empty()));
    let event = crate::Event::default();
    let found = engine.evaluate(&event, &Nothing).to_vec();
    for rule in found {
        engine.alert(rule, &event, &Nothing);
    }
}
