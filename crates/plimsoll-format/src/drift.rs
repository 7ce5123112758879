//! What got worse from one state of a cluster to another: for people, and as JSON.

use std::fmt::Write as _;

use plimsoll_model::audit::ClusterInfo;
use plimsoll_model::drift::{Drift, DriftArea, DriftItem};
use plimsoll_model::responsibility::Belongs;

use crate::lines::Lines;
use crate::text::{clean, markdown_code, markdown_text, thousands};
use crate::{Error, View};

/// Lines of an area that are shown unless all are asked for.
const SHOWN: usize = 10;

/// In which form it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftForm {
    /// Text for a terminal.
    Table,
    /// The answer itself; `docs/schema/drift-1.0.json` describes it.
    Json,
    /// Markdown for pull requests.
    Markdown,
}

/// Writes it.
///
/// # Errors
/// When it cannot be rendered.
pub fn write(drift: &Drift, form: DriftForm, view: &View) -> Result<String, Error> {
    Ok(match form {
        DriftForm::Table => table(drift, view),
        DriftForm::Json => crate::text::json(drift)?,
        DriftForm::Markdown => markdown(drift),
    })
}

fn state(info: &ClusterInfo) -> String {
    match &info.taken_at {
        Some(time) => format!("{} ({time})", info.name),
        None => info.name.clone(),
    }
}

fn told(item: &DriftItem) -> String {
    let mut text = format!("{}: {}", item.about, item.detail);
    if let (Some(rule), Some(severity)) = (&item.rule, &item.severity) {
        let _ = write!(text, " ({severity}, {rule})");
    }
    if let Some(since) = since(item) {
        let _ = write!(text, ", {since}");
    }
    text
}

/// Since when, in words.
fn since(item: &DriftItem) -> Option<String> {
    let since = item.since.as_ref()?;
    let latest = if since.at_the_latest { " at the latest" } else { "" };
    Some(format!("since {}{latest}, after {}", state(&since.state), state(&since.after)))
}

fn of_area(items: &[DriftItem], area: DriftArea) -> impl Iterator<Item = &DriftItem> + Clone {
    items.iter().filter(move |item| item.area == area)
}

fn table(drift: &Drift, view: &View) -> String {
    let mut lines = Lines::new(view);
    lines.wrapped("", &clean(&format!("{} -> {}", state(&drift.before), state(&drift.after))));
    lines.line(&format!(
        "{} worse, {} better",
        thousands(drift.worse.len() as u64),
        thousands(drift.better.len() as u64)
    ));
    let shown = if view.all { usize::MAX } else { SHOWN };
    for (title, items) in [("Worse", &drift.worse), ("Better", &drift.better)] {
        for (area, word) in DriftArea::ALL {
            let count = of_area(items, area).count();
            if count == 0 {
                continue;
            }
            lines.head(&format!("{title}: {word} ({count})"));
            for item in of_area(items, area).take(shown) {
                lines.wrapped("  ", &clean(&told(item)));
            }
            lines.more(count, shown);
            lines.whose("  ", of_area(items, area).map(|item| item.whose.as_ref()));
        }
    }
    if drift.left_out > 0 {
        lines.line("");
        lines.line(&format!("{} more connections are different", thousands(drift.left_out)));
    }
    lines.tail(&drift.notes, &drift.missing, &drift.problems, view);
    lines.text()
}

fn markdown(drift: &Drift) -> String {
    let mut text = format!(
        "{} to {}: {} worse, {} better.\n",
        markdown_code(&state(&drift.before)),
        markdown_code(&state(&drift.after)),
        thousands(drift.worse.len() as u64),
        thousands(drift.better.len() as u64)
    );
    let shows_whose = drift.worse.iter().chain(&drift.better).any(|item| item.whose.is_some());
    if !(drift.worse.is_empty() && drift.better.is_empty()) {
        let head = if shows_whose {
            "\n| | in | what |  | whose |\n|---|---|---|---|---|\n"
        } else {
            "\n| | in | what |  |\n|---|---|---|---|\n"
        };
        text.push_str(head);
    }
    for (title, items) in [("worse", &drift.worse), ("better", &drift.better)] {
        for (area, word) in DriftArea::ALL {
            for item in of_area(items, area) {
                let _ = write!(
                    text,
                    "| {title} | {word} | {} | {} |",
                    markdown_code(&item.about),
                    markdown_text(&match since(item) {
                        Some(since) => format!("{}, {since}", item.detail),
                        None => item.detail.clone(),
                    })
                );
                if shows_whose {
                    let whose = item.whose.as_ref().map(Belongs::shown).unwrap_or_default();
                    let _ = write!(text, " {} |", markdown_text(&whose));
                }
                text.push('\n');
            }
        }
    }
    for note in &drift.notes {
        let _ = writeln!(text, "\nNote: {}", markdown_text(note));
    }
    for one in &drift.missing {
        let _ = writeln!(
            text,
            "\nUnknown without {}: {} ({})",
            markdown_code(&one.resource),
            markdown_text(&one.unknown),
            markdown_text(&one.reason)
        );
    }
    for problem in &drift.problems {
        let (subject, detail) = (markdown_code(&problem.subject), markdown_text(&problem.detail));
        let _ = writeln!(text, "\nProblem: {subject}: {detail}");
    }
    text
}
