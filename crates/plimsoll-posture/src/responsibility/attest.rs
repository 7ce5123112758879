//! Statements of people about what no program can see, kept in a file that is reviewed like code.
//!
//! A statement ends. After its day it counts for nothing, which is told; one that cannot be read stops the run, so that a slip
//! of the pen is never a statement without end.

use std::fmt::Write as _;

use jiff::civil::Date;
use plimsoll_model::{one_line, shortened};
use serde::Deserialize;

use super::data::{Fault, MAX_FILE};

/// Longest time that a statement may count, in days.
pub const MAX_DAYS: i64 = 400;
/// Longest name or note in characters.
const MAX_TEXT: usize = 400;
/// Version of the file's form.
const VERSION: &str = "plimsoll.dev/v1";
/// Kind of the file.
const KIND: &str = "Attestations";

/// Somebody stands for a control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Id of the control.
    pub control: String,
    /// A node pool or a platform; everywhere when it is absent.
    pub on: Option<String>,
    /// Who.
    pub by: String,
    /// Until which day, that day included.
    pub until: Date,
    /// What they say.
    pub note: String,
}

impl Statement {
    /// Whether its day is over.
    pub fn is_expired(&self, today: Date) -> bool {
        today > self.until
    }
}

/// All statements of a file.
#[derive(Clone, Debug)]
pub struct Statements {
    all: Vec<Statement>,
    today: Date,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    api_version: String,
    kind: String,
    statements: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    control: String,
    #[serde(default)]
    on: Option<String>,
    by: String,
    until: String,
    #[serde(default)]
    note: String,
}

impl Statements {
    /// None.
    pub fn none(today: Date) -> Self {
        Statements { all: Vec::new(), today }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it is broken, or a statement of it is: names nobody, has no day, or counts for longer than [`MAX_DAYS`].
    pub fn read(file: &str, text: &str, today: Date) -> Result<Self, Fault> {
        let fault = |detail: String| Fault { file: file.to_owned(), detail };
        if text.len() > MAX_FILE {
            return Err(fault(format!("it is larger than {MAX_FILE} bytes")));
        }
        let read: File = serde_saphyr::from_str(text).map_err(|error| fault(one_line(&error)))?;
        if read.api_version != VERSION || read.kind != KIND {
            return Err(fault(format!("it must begin with `apiVersion: {VERSION}` and `kind: {KIND}`")));
        }
        let mut all = Vec::new();
        for (index, raw) in read.statements.into_iter().enumerate() {
            let statement = checked(&raw.control, raw.on, &raw.by, &raw.until, &raw.note, today)
                .map_err(|detail| fault(format!("statement {}: {detail}", index + 1)))?;
            all.push(statement);
        }
        Ok(Statements { all, today })
    }

    /// Adds one; one for the same control and place gives way.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn add(
        &mut self,
        control: &str,
        on: Option<&str>,
        by: &str,
        until: &str,
        note: &str,
    ) -> Result<Statement, String> {
        let on = on.map(str::to_owned);
        let statement = checked(control, on, by, until, note, self.today)?;
        if statement.is_expired(self.today) {
            return Err(format!("{} is over already", statement.until));
        }
        self.all.retain(|own| (&own.control, &own.on) != (&statement.control, &statement.on));
        self.all.push(statement.clone());
        self.all.sort_by(|one, other| (&one.control, &one.on).cmp(&(&other.control, &other.on)));
        Ok(statement)
    }

    /// All of them.
    pub fn all(&self) -> &[Statement] {
        &self.all
    }

    /// Today.
    pub fn today(&self) -> Date {
        self.today
    }

    /// The statement for a control on a pool: the one that names the pool, or the platform, or nothing; of one kind, the one
    /// that lasts longest.
    pub fn find(&self, control: &str, pool: &str, platform: &str) -> Option<&Statement> {
        let place = |statement: &Statement| match statement.on.as_deref() {
            Some(on) if on == pool => Some(2),
            Some(on) if on == platform => Some(1),
            Some(_) => None,
            None => Some(0),
        };
        self.all
            .iter()
            .filter(|statement| statement.control.eq_ignore_ascii_case(control))
            .filter_map(|statement| Some((place(statement)?, statement.until, statement)))
            .max_by_key(|(place, until, _)| (*place, *until))
            .map(|(_, _, statement)| statement)
    }

    /// The file with all of them.
    pub fn write(&self) -> String {
        let mut text = format!("apiVersion: {VERSION}\nkind: {KIND}\nstatements:");
        if self.all.is_empty() {
            text.push_str(" []\n");
            return text;
        }
        text.push('\n');
        for statement in &self.all {
            let _ = writeln!(text, "- control: {}", quoted(&statement.control));
            if let Some(on) = &statement.on {
                let _ = writeln!(text, "  on: {}", quoted(on));
            }
            let _ = writeln!(text, "  by: {}", quoted(&statement.by));
            let _ = writeln!(text, "  until: \"{}\"", statement.until);
            if !statement.note.is_empty() {
                let _ = writeln!(text, "  note: {}", quoted(&statement.note));
            }
        }
        text
    }
}

/// A text of YAML in double quotes, which JSON's are too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn checked(
    control: &str,
    on: Option<String>,
    by: &str,
    until: &str,
    note: &str,
    today: Date,
) -> Result<Statement, String> {
    let control = control.trim().to_owned();
    if control.is_empty() {
        return Err("it names no control".into());
    }
    if by.trim().is_empty() {
        return Err(format!("nobody stands for {}: name a person with `by`", shortened(&control)));
    }
    for (text, what) in [(by, "by"), (note, "note")] {
        if text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
            return Err(format!("`{what}` is one line of at most {MAX_TEXT} characters"));
        }
    }
    // Only the plain form: a parser that takes more would make a day of a slip.
    let plain = until.len() == 10
        && until
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    let until: Date = until
        .parse()
        .ok()
        .filter(|_| plain)
        .ok_or_else(|| format!("`{}` is no day: write YYYY-MM-DD", shortened(until)))?;
    let last = today.checked_add(jiff::Span::new().days(MAX_DAYS)).map_err(|error| error.to_string())?;
    if until > last {
        return Err(format!(
            "{until} is more than {MAX_DAYS} days away: a statement is to be looked at again before"
        ));
    }
    Ok(Statement { control, on, by: by.trim().to_owned(), until, note: note.trim().to_owned() })
}
