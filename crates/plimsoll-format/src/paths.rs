//! Who becomes what in a cluster: for people, as JSON, and as a graph.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use plimsoll_model::Outcome;
use plimsoll_model::paths::{AttackPath, Goal, Paths};

use crate::lines::Lines;
use crate::text::{clean, count};
use crate::{Error, View};

/// Paths to one goal, and subjects of one path, that are shown unless all are asked for.
const SHOWN: usize = 5;

/// In which form it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathsForm {
    /// Text for a terminal.
    Table,
    /// The answer itself; `docs/schema/paths-1.0.json` describes it.
    Json,
    /// A graph for Graphviz.
    Dot,
}

/// Writes the paths.
///
/// # Errors
/// When they cannot be rendered.
pub fn write(answer: &Paths, form: PathsForm, view: &View) -> Result<String, Error> {
    match form {
        PathsForm::Json => Ok(crate::text::json(answer)?),
        PathsForm::Table => Ok(table(answer, view)),
        PathsForm::Dot => Ok(dot(answer)),
    }
}

fn table(answer: &Paths, view: &View) -> String {
    let mut lines = Lines::new(view);
    lines.line(&clean(&answer.cluster.name));
    let sure: BTreeSet<_> =
        counted(answer).filter(|path| path.sure).flat_map(|path| &path.subjects).collect();
    lines.line(&match sure.len() {
        0 if answer.verdict == Outcome::Met => "nobody has a path".to_owned(),
        0 => "nobody is seen to have a path, but not all is known".to_owned(),
        number => format!("{} a path", count(number, "subject has", "subjects have")),
    });
    let accepted: Vec<&AttackPath> = answer.paths.iter().filter(|path| path.accepted.is_some()).collect();
    if !accepted.is_empty() {
        let count = match accepted.len() {
            1 => "1 path is accepted, which does not count".to_owned(),
            number => format!("{number} paths are accepted, which do not count"),
        };
        lines.line(&count);
    }
    for goal in Goal::ALL {
        for is_sure in [true, false] {
            let all: Vec<&AttackPath> =
                counted(answer).filter(|path| path.goal == goal && path.sure == is_sure).collect();
            if all.is_empty() {
                continue;
            }
            let perhaps = if is_sure { "" } else { ", perhaps" };
            lines.head(&format!("To {}{perhaps} ({})", goal.name(), count(all.len(), "path", "paths")));
            let cut = answer.cuts.iter().find(|cut| cut.goal == goal && is_sure);
            if let Some(cut) = cut {
                lines.wrapped(
                    "  ",
                    &format!(
                        "cut: {} takes it from {} of {} subjects",
                        clean(&cut.binding),
                        cut.cuts,
                        cut.of
                    ),
                );
                lines.whose("  ", std::iter::once(cut.whose.as_ref()));
            }
            let shown = if view.all { usize::MAX } else { SHOWN };
            for path in all.iter().take(shown) {
                one(path, view, &mut lines);
            }
            lines.more(all.len(), shown);
        }
    }
    if view.all && !accepted.is_empty() {
        lines.head(&format!("Accepted ({})", accepted.len()));
        for path in accepted {
            one(path, view, &mut lines);
            if let Some(accepted) = &path.accepted {
                let until = accepted.expires.as_deref().unwrap_or("without end");
                let text =
                    format!("accepted: {} ({until}, {})", clean(&accepted.reason), clean(&accepted.source));
                lines.wrapped("  ", &text);
            }
        }
    }
    lines.tail(&answer.notes, &answer.missing, &answer.problems, view);
    lines.text()
}

/// The paths that nobody decided to live with.
fn counted(answer: &Paths) -> impl Iterator<Item = &AttackPath> {
    answer.paths.iter().filter(|path| path.accepted.is_none())
}

fn one(path: &AttackPath, view: &View, lines: &mut Lines) {
    let shown = if view.all { usize::MAX } else { SHOWN };
    let names: Vec<String> =
        path.subjects.iter().take(shown).map(|subject| clean(&subject.shown()).into_owned()).collect();
    let more = path.subjects.len().saturating_sub(names.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    lines.line("");
    lines.wrapped("", &format!("{}{more}", names.join(", ")));
    for (at, step) in path.steps.iter().enumerate() {
        let mut text = format!("> {}: {}", clean(&step.to), step.what);
        if !step.bindings.is_empty() {
            let bindings: Vec<String> =
                step.bindings.iter().map(|binding| clean(binding).into_owned()).collect();
            let others = path.bindings.iter().filter(|other| **other != step.bindings).count();
            let others = if at == 0 && others > 0 { "; others by others" } else { "" };
            text.extend([" (", &bindings.join(", "), others, ")"]);
        }
        if let Some(unknown) = &step.unknown {
            text.extend(["; not known: ", &clean(unknown)]);
        }
        lines.wrapped("  ", &text);
    }
    if let Some(cut) = path.steps.iter().find_map(|step| step.cut.as_deref()) {
        lines.wrapped("  ", &format!("to cut it: {cut}"));
    }
    lines.whose("  ", std::iter::once(path.whose.as_ref()));
}

fn dot(answer: &Paths) -> String {
    let quoted = |text: &str| clean(text).replace('\\', "\\\\").replace('"', "\\\"");
    let mut edges = BTreeSet::new();
    for path in &answer.paths {
        for (at, step) in path.steps.iter().enumerate() {
            let style = if step.unknown.is_some() { ", style=dashed" } else { "" };
            let mut add = |from: &str| {
                edges.insert(format!(
                    "  \"{}\" -> \"{}\" [label=\"{}\"{style}];",
                    quoted(from),
                    quoted(&step.to),
                    quoted(&step.edge)
                ));
            };
            if at == 0 {
                path.subjects.iter().for_each(|subject| add(&subject.shown()));
            } else {
                add(&step.from);
            }
        }
    }
    let mut text = "digraph paths {\n  rankdir=LR;\n".to_owned();
    for edge in edges {
        let _ = writeln!(text, "{edge}");
    }
    text.push_str("}\n");
    text
}
