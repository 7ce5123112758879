//! What goes wrong: when a text is compiled, and when a program is evaluated.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Why a text is no program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}{}", .hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct CompileError {
    /// The line in the text, counted from 1.
    pub line: u32,
    /// The column, in characters, counted from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A mistake with the byte at which it stands; becomes a [`CompileError`] once the text is at hand.
#[derive(Debug)]
pub(crate) struct Mistake {
    pub(crate) at: u32,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Mistake {
    pub(crate) fn new(at: u32, message: impl Into<String>) -> Self {
        Mistake { at, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn place(self, text: &str) -> CompileError {
        let (line, column) = place(text, self.at);
        CompileError { line, column, message: self.message, hint: self.hint }
    }
}

/// Line and column of a byte.
pub(crate) fn place(text: &str, at: u32) -> (u32, u32) {
    let mut end = (at as usize).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let number = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
    (number(line), number(before[start..].chars().count()))
}

/// What kind of failure an evaluation ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An error of the language: no such key, division by zero, a wrong type. `||` and `&&` absorb it.
    Error,
    /// Something that was asked is not known, with the reasons. `||` and `&&` absorb it as they absorb errors.
    Unknown(Vec<Arc<str>>),
    /// The program would cost more than it may. Nothing absorbs it.
    Budget,
}

/// Why an evaluation gave no value.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    failure: Failure,
    detail: Cow<'static, str>,
    /// The byte in the text; `u32::MAX` as long as nobody has said.
    at: u32,
}

impl Error {
    pub(crate) fn new(detail: impl Into<Cow<'static, str>>) -> Self {
        Error(Box::new(Inner { failure: Failure::Error, detail: detail.into(), at: u32::MAX }))
    }

    pub(crate) fn no_such_overload() -> Self {
        Error::new("no such overload")
    }

    pub(crate) fn no_such_key(key: impl fmt::Display) -> Self {
        Error::new(format!("no such key: {key}"))
    }

    pub(crate) fn overflow() -> Self {
        Error::new("a number is out of range")
    }

    pub(crate) fn budget() -> Self {
        let detail = "it would cost more than a program may";
        Error(Box::new(Inner { failure: Failure::Budget, detail: detail.into(), at: u32::MAX }))
    }

    /// Something is not known: `reason` says what and why.
    pub(crate) fn unknown(reasons: Vec<Arc<str>>) -> Self {
        let inner = Inner {
            failure: Failure::Unknown(reasons),
            detail: "something is not known".into(),
            at: u32::MAX,
        };
        Error(Box::new(inner))
    }

    /// What kind it is.
    pub fn failure(&self) -> &Failure {
        &self.0.failure
    }

    /// What is not known; empty when that is not why.
    pub fn unknowns(&self) -> &[Arc<str>] {
        match &self.0.failure {
            Failure::Unknown(reasons) => reasons,
            Failure::Error | Failure::Budget => &[],
        }
    }

    /// Where in the text of the program: a byte.
    pub fn at(&self) -> Option<u32> {
        (self.0.at != u32::MAX).then_some(self.0.at)
    }

    pub(crate) fn is_fatal(&self) -> bool {
        self.0.failure == Failure::Budget
    }

    /// The innermost place wins.
    pub(crate) fn placed(mut self, at: u32) -> Self {
        if self.0.at == u32::MAX {
            self.0.at = at;
        }
        self
    }

    /// Of two operands that both failed, what the operator fails with: not to know is more than to fail, since the
    /// missing thing could still decide.
    pub(crate) fn or(self, later: Error) -> Self {
        match (&self.0.failure, &later.0.failure) {
            (Failure::Unknown(first), Failure::Unknown(second)) => {
                let mut reasons = first.clone();
                reasons.extend(second.iter().filter(|reason| !first.contains(reason)).cloned());
                Error::unknown(reasons).placed(self.0.at)
            }
            (Failure::Error, Failure::Unknown(_)) => later,
            _ => self,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.detail)?;
        let mut before = ": ";
        for reason in self.unknowns() {
            write!(formatter, "{before}{reason}")?;
            before = ", ";
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl std::error::Error for Error {}
