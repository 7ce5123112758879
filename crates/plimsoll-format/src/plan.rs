//! The changes that remove most of the work across many targets, for people, as JSON, and for Renovate.

use std::fmt::Write as _;
use std::str::FromStr;

use plimsoll_model::plan::{Plan, Step};

use crate::summary::INCIDENT;
use crate::text::{clean, count, markdown_code, markdown_text, shorten, thousands, wrap};
use crate::{Error, View};

/// Steps that are shown unless all are asked for.
const STEPS: usize = 10;
/// Places of a step that are shown unless all are asked for.
const EDITS: usize = 3;

/// A form of plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text for a terminal.
    Table,
    /// The plan itself; `docs/schema/plan-1.0.json` describes it.
    Json,
    /// For issues and job summaries.
    Markdown,
    /// A preset of Renovate that gives its pull requests this order.
    Renovate,
}

impl FromStr for Form {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "table" => Ok(Form::Table),
            "json" => Ok(Form::Json),
            "markdown" => Ok(Form::Markdown),
            "renovate" => Ok(Form::Renovate),
            other => Err(Error::UnknownForm(crate::text::clean(other).into_owned())),
        }
    }
}

/// Writes the plan; ends with a line feed.
///
/// # Errors
/// When it does not turn into JSON.
pub fn write(plan: &Plan, form: Form, view: &View) -> Result<String, Error> {
    match form {
        Form::Table => Ok(table(plan, view)),
        Form::Json => Ok(crate::text::json(plan)?),
        Form::Markdown => Ok(markdown(plan, view)),
        Form::Renovate => crate::renovate::write(plan),
    }
}

/// Tenths of a percent as text. Not rounded up: nobody must read "100 %" where something is left.
pub(crate) fn share(tenths: u32) -> String {
    if tenths >= 1_000 { "100 %".to_owned() } else { format!("{}.{} %", tenths / 10, tenths % 10) }
}

/// "these 3 changes remove 80.1 % of the work".
fn headline(plan: &Plan, shown: usize) -> String {
    let Some(last) = plan.steps.get(shown.saturating_sub(1)).filter(|_| shown > 0) else {
        return "no change removes anything".to_owned();
    };
    let these =
        if shown == 1 { "this change removes".to_owned() } else { format!("these {shown} changes remove") };
    format!("{these} {} of the work", share(last.cumulative))
}

pub(crate) fn what(step: &Step) -> String {
    let kind = step.ecosystem.map(|ecosystem| format!(" ({})", ecosystem.name())).unwrap_or_default();
    let to = step.to.as_ref().map(|to| format!(" to {}", clean(to))).unwrap_or_default();
    format!("{}{kind}{to}", clean(&step.subject))
}

/// "removes 3 findings in 2 places; critical, exploited; so far 80.1 %".
pub(crate) fn removal(step: &Step) -> String {
    format!(
        "removes {} in {}; {}; so far {}",
        count(usize::try_from(step.removes).unwrap_or(usize::MAX), "finding", "findings"),
        count(step.edits.len(), "place", "places"),
        worst(step),
        share(step.cumulative)
    )
}

fn worst(step: &Step) -> String {
    if step.malware {
        return INCIDENT.to_owned();
    }
    let mut text = step.worst.word().to_owned();
    if step.exploited {
        text.push_str(", exploited");
    }
    text
}

fn totals(plan: &Plan) -> String {
    format!(
        "{}, {} of {} points",
        count(plan.targets.len(), "target", "targets"),
        count(usize::try_from(plan.findings).unwrap_or(usize::MAX), "finding", "findings"),
        thousands(plan.points)
    )
}

fn table(plan: &Plan, view: &View) -> String {
    let width = view.width.clamp(40, 100);
    let mut text = String::new();
    let mut line = |line: &str| {
        let _ = writeln!(text, "{}", shorten(line.trim_end(), width));
    };
    let shown = if view.all { plan.steps.len() } else { plan.steps.len().min(STEPS) };
    line(&totals(plan));
    line("");
    line(&headline(plan, shown));
    line("");
    for (number, step) in plan.steps.iter().take(shown).enumerate() {
        line(&format!("{:>3} {}", number + 1, what(step)));
        line(&format!("    {}: {}", step.party.word(), removal(step)));
        let edits = if view.all { step.edits.len() } else { step.edits.len().min(EDITS) };
        for edit in step.edits.iter().take(edits) {
            let todo = edit.command.as_ref().unwrap_or(&edit.action);
            for (index, row) in
                wrap(&format!("{}: {}", clean(&edit.target), clean(todo)), width - 8).into_iter().enumerate()
            {
                line(&format!("{}{row}", if index == 0 { "      " } else { "        " }));
            }
        }
        if step.edits.len() > edits {
            line(&format!("      and {} more", count(step.edits.len() - edits, "place", "places")));
        }
    }
    if plan.steps.len() > shown {
        line(&format!(
            "and {}; --all lists them",
            count(plan.steps.len() - shown, "further change", "further changes")
        ));
    }
    line("");
    line(&format!(
        "{} ({} points) would stay: nothing to change for them is known",
        count(usize::try_from(plan.left).unwrap_or(usize::MAX), "finding", "findings"),
        thousands(plan.left_points)
    ));
    for target in &plan.targets {
        if let Some(failure) = &target.failure {
            for row in wrap(&format!("left out: {}: {}", clean(&target.name), clean(&failure.message)), width)
            {
                line(&row);
            }
        } else if target.unseen > 0 {
            let things = count(usize::try_from(target.unseen).unwrap_or(usize::MAX), "thing", "things");
            line(&format!("could not see: {things} in {}", clean(&target.name)));
        }
    }
    text
}

fn markdown(plan: &Plan, view: &View) -> String {
    let shown = if view.all { plan.steps.len() } else { plan.steps.len().min(STEPS) };
    let mut text = format!(
        "### Plan: {}\n\n{}.\n\n| | change | whose | removes | worst | so far | places |\n|---|---|---|---:|---|---:|---|\n",
        markdown_text(&headline(plan, shown)),
        totals(plan)
    );
    for (number, step) in plan.steps.iter().take(shown).enumerate() {
        let mut places: Vec<String> = step.edits.iter().map(|edit| markdown_code(&edit.target)).collect();
        places.dedup();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            number + 1,
            markdown_text(&what(step)),
            step.party.word(),
            thousands(step.removes),
            worst(step),
            share(step.cumulative),
            places.join(", ")
        );
    }
    if plan.steps.len() > shown {
        let _ = write!(text, "\n{} more are not listed.\n", plan.steps.len() - shown);
    }
    for target in plan.targets.iter().filter(|target| target.failure.is_some()) {
        let _ = write!(text, "\nLeft out: {}.\n", markdown_text(&target.name));
    }
    text
}
