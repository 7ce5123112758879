//! Reports about several targets in one document, written while the reports come in: a report is rendered and let go.
//!
//! Only some forms can hold several ([`FORMATS`]); the others are one file for each target. What a document begins with
//! for people (a line for each target) is known only at the end, so those forms keep the rendered text until then.

use std::fmt::Write as _;

use plimsoll_model::survey::{Failure, SURVEY_VERSION, Surveyed};
use plimsoll_model::{Level, Outcome, Problem, Verdict};
use serde::Serialize;

use crate::summary::{self, Summary};
use crate::text::{clean, count, markdown_code, markdown_text, thousands};
use crate::xml::Document;
use crate::{Error, Format, View, csv, html, junit, markdown, sarif, table};

/// Formats of which one document can be about several targets.
pub(crate) const FORMATS: &[Format] = &[
    Format::Table,
    Format::Json,
    Format::Sarif,
    Format::SarifFindings,
    Format::Markdown,
    Format::Html,
    Format::Csv,
    Format::JUnit,
];

/// One target in a few words. All text is safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// As it was named.
    pub name: String,
    /// Its answer.
    pub outcome: Outcome,
    /// Why it could not be scanned.
    pub failure: Option<String>,
    /// Findings that count.
    pub active: usize,
    /// Those that are critical.
    pub critical: usize,
    /// Those that are high.
    pub high: usize,
    /// Changes that are listed.
    pub changes: usize,
}

impl Line {
    fn new(surveyed: &Surveyed) -> Self {
        let name = clean(&surveyed.name).into_owned();
        match &surveyed.report {
            Some(report) => {
                let summary = Summary::new(report, &View::default());
                let level = |wanted| {
                    summary.levels.iter().find(|(level, _)| *level == wanted).map_or(0, |(_, number)| *number)
                };
                Line {
                    name,
                    outcome: report.verdict.outcome,
                    failure: None,
                    active: summary.active,
                    critical: level(Level::Critical),
                    high: level(Level::High),
                    changes: summary.changes.len(),
                }
            }
            None => Line {
                name,
                outcome: Outcome::Unknown,
                failure: Some(told(surveyed.failure.as_ref())),
                active: 0,
                critical: 0,
                high: 0,
                changes: 0,
            },
        }
    }

    /// The numbers as text; of a target that could not be scanned they are not known.
    pub(crate) fn cells(&self) -> [String; 4] {
        [self.active, self.critical, self.high, self.changes]
            .map(|number| if self.failure.is_some() { "-".to_owned() } else { thousands(number as u64) })
    }
}

/// A failure in one line.
fn told(failure: Option<&Failure>) -> String {
    let Some(failure) = failure else { return "it could not be scanned".to_owned() };
    let mut text = clean(&failure.message).into_owned();
    for cause in &failure.causes {
        let _ = write!(text, ": {}", clean(cause));
    }
    if let Some(hint) = &failure.hint {
        let _ = write!(text, " (hint: {})", clean(hint));
    }
    text
}

/// Writes one document about several targets.
pub struct Writer {
    format: Format,
    view: View,
    targets: usize,
    added: usize,
    lines: Vec<Line>,
    /// Rendered reports, where they cannot leave before the end.
    parts: Vec<html::Part>,
    document: Document,
}

impl Writer {
    /// Begins a document about so many targets.
    ///
    /// # Errors
    /// When the format cannot hold several.
    pub fn new(format: Format, view: &View, targets: usize) -> Result<Self, Error> {
        if !format.holds_many() {
            return Err(Error::NotForMany(format.name()));
        }
        Ok(Writer {
            format,
            view: view.clone(),
            targets,
            added: 0,
            lines: Vec::new(),
            parts: Vec::new(),
            document: junit::begin_many(),
        })
    }

    /// What stands before the first target.
    ///
    /// # Errors
    /// None that is known: a form that cannot be written says so.
    pub fn begin(&mut self) -> Result<String, Error> {
        Ok(match self.format {
            Format::Json => {
                let version = crate::text::json(&env!("CARGO_PKG_VERSION"))?;
                format!(
                    "{{\n  \"schemaVersion\": \"{SURVEY_VERSION}\",\n  \"plimsoll\": {},\n  \"targets\": [",
                    version.trim_end()
                )
            }
            Format::Sarif | Format::SarifFindings => format!(
                "{{\n  \"$schema\": \"{}\",\n  \"version\": \"{}\",\n  \"runs\": [",
                sarif::SCHEMA,
                sarif::VERSION
            ),
            Format::Csv => csv::head(),
            Format::JUnit => self.document.take(),
            _ => String::new(),
        })
    }

    /// Adds the next target: what can be written now.
    ///
    /// # Errors
    /// When its report cannot be rendered.
    pub fn add(&mut self, surveyed: &Surveyed) -> Result<String, Error> {
        self.added += 1;
        let line = Line::new(surveyed);
        let failure = line.failure.clone().unwrap_or_default();
        let view = View { command: surveyed.name.clone(), ..self.view.clone() };
        let text = match (self.format, &surveyed.report) {
            (Format::Json, _) => self.element(surveyed)?,
            (Format::Sarif, Some(report)) => self.element(&sarif::run(report, sarif::Unit::Step))?,
            (Format::SarifFindings, Some(report)) => {
                self.element(&sarif::run(report, sarif::Unit::Finding))?
            }
            (Format::Sarif | Format::SarifFindings, None) => {
                self.element(&sarif::failed_run(&surveyed.name, &failure))?
            }
            (Format::Csv, Some(report)) => csv::lines(report),
            (Format::Csv, None) => csv::failed(&surveyed.name, &failure),
            (Format::JUnit, Some(report)) => {
                junit::suites(&mut self.document, report, &format!("{}: ", clean(&surveyed.name)));
                self.document.take()
            }
            (Format::JUnit, None) => {
                let name = format!("{}: verdict", line.name);
                junit::plain_suite(&mut self.document, &name, "scanned", Outcome::Unknown, &failure);
                self.document.take()
            }
            (Format::Html, Some(report)) => self.keep(html::body(report, &view)?),
            (Format::Markdown, Some(report)) => self.keep(markdown::write(report, &view)),
            (_, Some(report)) => self.keep(table::write(report, &view)),
            (_, None) => String::new(),
        };
        self.lines.push(line);
        Ok(text)
    }

    fn keep(&mut self, body: String) -> String {
        self.parts.push(html::Part { number: self.added, body });
        String::new()
    }

    /// One more element of a list in a JSON document. Strings hold no line ends, so every line may be indented.
    fn element(&self, value: &impl Serialize) -> Result<String, Error> {
        let text = crate::text::json(value)?;
        let comma = if self.added > 1 { "," } else { "" };
        Ok(format!("{comma}\n    {}", text.trim_end().replace('\n', "\n    ")))
    }

    /// Ends the document.
    ///
    /// # Errors
    /// When the page about all cannot be rendered.
    pub fn finish(mut self, verdict: &Verdict, problems: &[Problem]) -> Result<String, Error> {
        /// What a survey ends with.
        #[derive(Serialize)]
        struct End<'a> {
            verdict: &'a Verdict,
            problems: &'a [Problem],
        }
        Ok(match self.format {
            Format::Json => {
                let end = crate::text::json(&End { verdict, problems })?;
                let close = if self.added == 0 { "]" } else { "\n  ]" };
                format!("{close},{}", end.strip_prefix('{').unwrap_or(&end))
            }
            Format::Sarif | Format::SarifFindings if self.added == 0 => "]\n}\n".to_owned(),
            Format::Sarif | Format::SarifFindings => "\n  ]\n}\n".to_owned(),
            Format::Csv => String::new(),
            Format::JUnit => {
                let mut reasons = verdict.reasons.clone();
                reasons.extend(verdict.inputs_missing.iter().map(|input| format!("missing: {input}")));
                let message = reasons.join("; ");
                junit::plain_suite(&mut self.document, "verdict", &verdict.line, verdict.outcome, &message);
                self.document.finish()
            }
            Format::Html => html::write_many(&self.lines, verdict, self.parts)?,
            Format::Markdown => self.markdown(verdict, problems),
            _ => {
                let notes: Vec<String> = problems.iter().map(summary::describe).collect();
                let mut text = table::survey_head(&self.lines, verdict, &notes, &self.view);
                for part in &self.parts {
                    text.push_str(&table::survey_title(part.number, self.targets, &self.view));
                    text.push_str(&part.body);
                    if !text.ends_with("\n\n") {
                        text.push('\n');
                    }
                }
                format!("{}\n", text.trim_end())
            }
        })
    }

    fn markdown(&self, verdict: &Verdict, problems: &[Problem]) -> String {
        let reasons: Vec<String> = verdict.reasons.iter().map(|reason| markdown_text(reason)).collect();
        let mut text = format!("## {}: {}\n\n", verdict.outcome.word(), reasons.join("; "));
        let targets = count(self.targets, "target", "targets");
        let _ = writeln!(text, "{targets}, line: {}", markdown_code(&verdict.line));
        for input in &verdict.inputs_missing {
            let _ = writeln!(text, "\n**Missing:** {}", markdown_text(input));
        }
        for problem in problems {
            let _ = writeln!(text, "\n**Note:** {}", markdown_text(&summary::describe(problem)));
        }
        text.push_str(
            "\n| target | verdict | count | critical | high | changes |\n|---|---|--:|--:|--:|--:|\n",
        );
        for line in &self.lines {
            let note = line.failure.as_ref().map(|failure| format!(": {}", markdown_text(failure)));
            let _ = writeln!(
                text,
                "| {}{} | {} | {} |",
                markdown_code(&line.name),
                note.unwrap_or_default(),
                line.outcome.word(),
                line.cells().join(" | ")
            );
        }
        for part in &self.parts {
            let _ = write!(text, "\n{}", part.body);
        }
        text
    }
}

/// The lines alone, for whoever writes the reports elsewhere.
#[derive(Default)]
pub struct Overview {
    lines: Vec<Line>,
}

impl Overview {
    /// Adds the next target.
    pub fn add(&mut self, surveyed: &Surveyed) {
        self.lines.push(Line::new(surveyed));
    }

    /// Text for a terminal.
    pub fn finish(self, verdict: &Verdict, problems: &[Problem], view: &View) -> String {
        let notes: Vec<String> = problems.iter().map(summary::describe).collect();
        let text = table::survey_head(&self.lines, verdict, &notes, view);
        format!("{}\n", text.trim_end())
    }
}

/// Names for the files of several targets: each ends in `extension`, holds only letters, digits, `.`, `_`,
/// `-`, does not begin with a dot or dash, and is another than all others, also where upper and lower case are one.
pub fn file_names<'a>(targets: impl IntoIterator<Item = &'a str>, extension: &str) -> Vec<String> {
    /// Leaves room for the rest of the name on every file system.
    const LONGEST: usize = 160;
    let mut taken = std::collections::HashSet::new();
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
    targets
        .into_iter()
        .map(|target| {
            let safe: String =
                target.chars().map(|character| if plain(character) { character } else { '_' }).collect();
            let safe = safe.trim_start_matches(['.', '-']);
            let stem: String = if safe.is_empty() { "target" } else { safe }.chars().take(LONGEST).collect();
            let mut name = format!("{stem}.{extension}");
            let mut number = 1;
            while !taken.insert(name.to_ascii_lowercase()) {
                number += 1;
                name = format!("{stem}-{number}.{extension}");
            }
            name
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_safe_names_of_their_own() {
        let targets = [
            "debian:12",
            "debian_12",
            "Debian:12",
            "../../etc/passwd",
            "-rf",
            "",
            "a\u{202e}b",
            "registry:h:5000/a/b@sha256:00",
        ];
        assert_eq!(
            file_names(targets, Format::CycloneDx.extension()),
            [
                "debian_12.cdx.json",
                "debian_12-2.cdx.json",
                "Debian_12-3.cdx.json",
                "_.._etc_passwd.cdx.json",
                "rf.cdx.json",
                "target.cdx.json",
                "a_b.cdx.json",
                "registry_h_5000_a_b_sha256_00.cdx.json",
            ]
        );
        let long = "x".repeat(5_000);
        let names = file_names([long.as_str(), long.as_str()], "json");
        assert!(names[0] != names[1] && names.iter().all(|name| name.len() < 200), "{names:?}");
    }
}
