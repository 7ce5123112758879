//! Answers about clusters as lines for a terminal.

use std::collections::BTreeMap;

use plimsoll_model::Problem;
use plimsoll_model::audit::Missing;
use plimsoll_model::responsibility::Belongs;

use crate::View;
use crate::text::{clean, shorten, thousands, wrap};

/// Problems that are shown unless all are asked for.
const SHOWN: usize = 10;

/// Whose things are, each answer once and that about most of them first; empty where no platform was named.
pub(crate) fn whose<'b>(all: impl Iterator<Item = Option<&'b Belongs>>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for one in all.flatten() {
        *counts.entry(clean(&one.shown()).into_owned()).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    if let [(one, _)] = counts.as_slice() {
        return one.clone();
    }
    counts.sort_by(|one, other| (other.1, &one.0).cmp(&(one.1, &other.0)));
    let parts: Vec<String> =
        counts.into_iter().map(|(text, count)| format!("{} {text}", thousands(count as u64))).collect();
    parts.join("; ")
}

/// Lines of at most a width.
pub(crate) struct Lines {
    text: String,
    width: usize,
}

impl Lines {
    pub(crate) fn new(view: &View) -> Self {
        Lines { text: String::new(), width: view.width.clamp(40, 100) }
    }

    pub(crate) fn line(&mut self, line: &str) {
        // A command is to be copied whole.
        let line = line.trim_end();
        let line = if line.starts_with("next: ") { line.into() } else { shorten(line, self.width) };
        self.text.push_str(&line);
        self.text.push('\n');
    }

    /// Something to be copied whole.
    pub(crate) fn command(&mut self, lead: &str, command: &str) {
        self.text.push_str(lead);
        self.text.push_str(command);
        self.text.push('\n');
    }

    /// A longer text, over several lines.
    pub(crate) fn wrapped(&mut self, lead: &str, text: &str) {
        let indent = " ".repeat(lead.chars().count());
        for (index, line) in wrap(text, self.width.saturating_sub(indent.len()).max(20)).iter().enumerate() {
            self.line(&format!("{}{line}", if index == 0 { lead } else { &indent }));
        }
    }

    /// As [`Lines::wrapped`], for what is to be copied: a long word is longer than the line, and whole.
    pub(crate) fn copied(&mut self, lead: &str, text: &str) {
        let indent = " ".repeat(lead.chars().count());
        let rows = wrap(text, self.width.saturating_sub(indent.len()).max(20));
        for (index, row) in rows.iter().enumerate() {
            self.text.push_str(if index == 0 { lead } else { &indent });
            self.text.push_str(row);
            self.text.push('\n');
        }
    }

    pub(crate) fn head(&mut self, title: &str) {
        self.line("");
        self.line(title);
    }

    /// How many more there are than are shown.
    pub(crate) fn more(&mut self, all: usize, shown: usize) {
        if all > shown {
            self.line(&format!("  and {} more (--all)", thousands((all - shown) as u64)));
        }
    }

    /// What an answer ends with: notes, and what is not known.
    pub(crate) fn tail(&mut self, notes: &[String], missing: &[Missing], problems: &[Problem], view: &View) {
        if !(notes.is_empty() && missing.is_empty() && problems.is_empty()) {
            self.line("");
        }
        for note in notes {
            self.wrapped("note: ", &clean(note));
        }
        for one in missing {
            let text = format!("{} without {}: {}", one.unknown, one.resource, one.reason);
            self.wrapped("unknown: ", &clean(&text));
        }
        let shown = if view.all { usize::MAX } else { SHOWN };
        for problem in problems.iter().take(shown) {
            self.wrapped("problem: ", &format!("{}: {}", clean(&problem.subject), clean(&problem.detail)));
        }
        self.more(problems.len(), shown);
    }

    /// Whose the things above are: each answer once, with how many it is about where there are several.
    pub(crate) fn whose<'b>(&mut self, lead: &str, all: impl Iterator<Item = Option<&'b Belongs>>) {
        let told = whose(all);
        if !told.is_empty() {
            self.wrapped(lead, &format!("whose: {told}"));
        }
    }

    pub(crate) fn text(self) -> String {
        self.text
    }
}
