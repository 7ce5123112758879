//! Who gets into a cluster and on from there: for people, and as JSON.

use std::fmt::Write as _;

use plimsoll_model::Party;
use plimsoll_model::attack::{Attack, AttackBy, AttackCut, AttackEnd, AttackRoute, Known};
use plimsoll_model::reach::Reached;

use crate::lines::Lines;
use crate::text::{clean, count, markdown_code, markdown_text, thousands};
use crate::{Error, View};

mod page;

/// Routes that are shown unless all are asked for.
const SHOWN: usize = 5;
/// Parts of one, likewise.
const PARTS: usize = 2;

/// In which form it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttackForm {
    /// Text for a terminal.
    Table,
    /// The answer itself; `docs/schema/attack-1.0.json` describes it.
    Json,
    /// Markdown for tickets.
    Markdown,
    /// One page.
    Html,
}

/// Writes it.
///
/// # Errors
/// When it cannot be rendered.
pub fn write(attack: &Attack, form: AttackForm, view: &View) -> Result<String, Error> {
    Ok(match form {
        AttackForm::Table => table(attack, view),
        AttackForm::Json => crate::text::json(attack)?,
        AttackForm::Markdown => markdown(attack),
        AttackForm::Html => page::write(attack)?,
    })
}

fn party(party: &Party) -> String {
    match party {
        Party::Application(Some(name))
        | Party::BaseImage(Some(name))
        | Party::Distribution(name)
        | Party::Provider(name) => format!("{} {}", party.word(), clean(name)),
        _ => party.word().to_owned(),
    }
}

fn sum(attack: &Attack) -> String {
    let summary = &attack.summary;
    let perhaps = |number: u64, what: &str| match number {
        0 => String::new(),
        number => format!(" ({} {what})", thousands(number)),
    };
    format!(
        "{}{}: {} open from outside{}, {} with a flaw{}, {} with a way to the node, {} with a strong account",
        count(usize::try_from(summary.workloads).unwrap_or(usize::MAX), "workload", "workloads"),
        if summary.pods == 0 { String::new() } else { format!(" ({} pods)", thousands(summary.pods)) },
        thousands(summary.exposed),
        perhaps(summary.perhaps_exposed, "not known"),
        thousands(summary.vulnerable),
        perhaps(summary.not_scanned, "not known"),
        thousands(summary.breakout),
        thousands(summary.strong),
    )
}

fn entries(route: &AttackRoute, all: bool) -> String {
    let shown = if all { usize::MAX } else { PARTS };
    let mut parts: Vec<String> = route
        .entries
        .iter()
        .take(shown)
        .map(|entry| {
            let mut text = format!("{} {}", entry.by, clean(&entry.object));
            if let Some(host) = entry.hosts.first() {
                text.extend([", ", &clean(host)]);
            }
            if entry.ports.answer == Reached::Unknown {
                text.push_str(", not known to be open");
            }
            if let Some(detail) = &entry.detail {
                text.extend([": ", &clean(detail)]);
            }
            text
        })
        .collect();
    if route.entries.len() > parts.len() {
        parts.push(format!("{} more", route.entries.len() - parts.len()));
    }
    parts.join("; ")
}

fn flaws(route: &AttackRoute, all: bool) -> String {
    let shown = if all { usize::MAX } else { PARTS };
    let mut parts = Vec::new();
    for image in &route.images {
        let name = clean(&image.image);
        match image.vulnerable {
            Known::Yes => {
                let worst: Vec<String> = image
                    .worst
                    .iter()
                    .take(shown)
                    .map(|flaw| {
                        let exploited = if flaw.exploited { ", known to be exploited" } else { "" };
                        let fix = if flaw.fixable { "" } else { ", without a fix" };
                        format!(
                            "{} in {} ({}{exploited}{fix})",
                            clean(&flaw.advisory),
                            clean(&flaw.package),
                            flaw.severity
                        )
                    })
                    .collect();
                let more = usize::try_from(image.flaws).unwrap_or(usize::MAX).saturating_sub(worst.len());
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                parts.push(format!("{name}: {}{more}", worst.join(", ")));
            }
            Known::Unknown => {
                parts.push(format!(
                    "{name}: not known: {}",
                    clean(image.unknown.as_deref().unwrap_or_default())
                ));
            }
            Known::No => {}
        }
    }
    let hidden = parts.len().saturating_sub(shown);
    parts.truncate(shown);
    if hidden > 0 {
        parts.push(format!("{hidden} more images"));
    }
    parts.join("; ")
}

fn end(route: &AttackRoute, end: &AttackEnd) -> String {
    let mut text = match end.by {
        AttackBy::Breakout => {
            let way = route.breakout.iter().find(|way| way.unknown.is_none() == end.sure);
            let mut text = way.map_or_else(String::new, |way| clean(&way.detail).into_owned());
            if let Some(unknown) = way.and_then(|way| way.unknown.as_deref()) {
                text.extend(["; not known: ", &clean(unknown)]);
            }
            text
        }
        AttackBy::Identity => clean(end.account.as_deref().unwrap_or_default()).into_owned(),
        AttackBy::Neighbour => {
            format!("over its node as {}", clean(end.account.as_deref().unwrap_or_default()))
        }
    };
    for step in &end.steps {
        let _ = write!(text, " > {}", step.what);
        if !step.bindings.is_empty() {
            let bindings: Vec<String> =
                step.bindings.iter().map(|binding| clean(binding).into_owned()).collect();
            let _ = write!(text, " ({})", bindings.join(", "));
        }
        if let Some(unknown) = &step.unknown {
            text.extend(["; not known: ", &clean(unknown)]);
        }
    }
    if end.by == AttackBy::Neighbour && !end.sure && end.steps.iter().all(|step| step.unknown.is_none()) {
        text.push_str("; not known: whether they share a node");
    }
    text
}

/// What a cut takes away.
fn cut_goals(cut: &AttackCut) -> String {
    if cut.cuts.is_empty() {
        return String::new();
    }
    let goals: Vec<&str> = cut.cuts.iter().map(|goal| goal.name()).collect();
    format!("; takes {} away", goals.join(", "))
}

/// Whose a cut is, where a platform was named.
fn cut_whose(cut: &AttackCut) -> String {
    cut.whose.as_ref().map(|whose| format!("; whose: {}", clean(&whose.shown()))).unwrap_or_default()
}

fn cut(lead: &str, cut: &AttackCut, lines: &mut Lines) {
    let text = format!(
        "{} ({}): {}{}{}",
        cut.kind.word(),
        party(&cut.party),
        clean(&cut.action),
        cut_goals(cut),
        cut_whose(cut)
    );
    lines.wrapped(lead, &text);
}

fn one(route: &AttackRoute, view: &View, lines: &mut Lines) {
    lines.line("");
    let pods = usize::try_from(route.pods).unwrap_or(usize::MAX);
    let pods = if pods == 0 { String::new() } else { format!(" ({})", count(pods, "pod", "pods")) };
    lines.line(&format!("{}{pods}", clean(&route.workload)));
    lines.wrapped("  open:  ", &entries(route, view.all));
    for hop in &route.over {
        lines.wrapped(
            "  over:  ",
            &format!("{} > {} ({})", clean(&hop.from), clean(&hop.to), clean(&hop.ports.allowed)),
        );
    }
    lines.wrapped("  flaw:  ", &flaws(route, view.all));
    let shown = if view.all { usize::MAX } else { PARTS };
    for one in route.ends.iter().take(shown) {
        let perhaps = if one.sure { "" } else { ", perhaps" };
        lines.wrapped("  leads: ", &format!("{}{perhaps}: {}", one.goal.name(), end(route, one)));
    }
    if route.ends.len() > shown {
        lines.line(&format!("         and {} more", route.ends.len() - shown));
    }
    for one in &route.cheapest {
        cut("  cut:   ", one, lines);
        if let Some(command) = &one.command {
            lines.command("         ", &clean(command));
        }
    }
    if view.all || route.cheapest.is_empty() {
        for one in &route.others {
            cut("  or:    ", one, lines);
            if let Some(command) = &one.command {
                lines.command("         ", &clean(command));
            }
        }
    }
}

fn table(attack: &Attack, view: &View) -> String {
    let mut lines = Lines::new(view);
    lines.line(&clean(&attack.cluster.name));
    lines.wrapped("", &sum(attack));
    let (sure, perhaps): (Vec<&AttackRoute>, Vec<&AttackRoute>) =
        attack.routes.iter().partition(|route| route.sure);
    if attack.routes.is_empty() {
        lines.line("");
        lines.line("no route from outside is seen");
    }
    for (title, all) in [("Routes from outside", sure), ("Perhaps", perhaps)] {
        if all.is_empty() {
            continue;
        }
        lines.head(&format!("{title} ({})", all.len()));
        let shown = if view.all { usize::MAX } else { SHOWN };
        for route in all.iter().take(shown) {
            one(route, view, &mut lines);
        }
        lines.more(all.len(), shown);
    }
    if attack.left_out > 0 {
        lines.line(&format!("{} more routes are not told", thousands(attack.left_out)));
    }
    lines.tail(&attack.notes, &attack.missing, &attack.problems, view);
    lines.text()
}

fn markdown(attack: &Attack) -> String {
    let mut text = format!(
        "# Routes into {}\n\n{}.\n",
        markdown_text(&attack.cluster.name),
        markdown_text(&sum(attack))
    );
    if attack.routes.is_empty() {
        text.push_str("\nNo route from outside is seen.\n");
    }
    for (title, sure) in [("Routes from outside", true), ("Perhaps", false)] {
        let all: Vec<&AttackRoute> = attack.routes.iter().filter(|route| route.sure == sure).collect();
        if all.is_empty() {
            continue;
        }
        let _ = write!(text, "\n## {title}\n");
        for route in all {
            let _ = write!(text, "\n### {}\n\n", markdown_text(&route.workload));
            let _ = writeln!(text, "- open: {}", markdown_text(&entries(route, true)));
            for hop in &route.over {
                let over = format!("{} > {} ({})", hop.from, hop.to, hop.ports.allowed);
                let _ = writeln!(text, "- over: {}", markdown_text(&over));
            }
            let _ = writeln!(text, "- flaw: {}", markdown_text(&flaws(route, true)));
            for one in &route.ends {
                let perhaps = if one.sure { "" } else { ", perhaps" };
                let _ = writeln!(
                    text,
                    "- leads to {}{perhaps}: {}",
                    one.goal.name(),
                    markdown_text(&end(route, one))
                );
            }
            for (word, all) in [("cut", &route.cheapest), ("or", &route.others)] {
                for cut in all {
                    let _ = write!(
                        text,
                        "- [ ] {word}: {} ({}): {}{}",
                        cut.kind.word(),
                        markdown_text(&party(&cut.party)),
                        markdown_text(&cut.action),
                        markdown_text(&cut_whose(cut))
                    );
                    if let Some(command) = &cut.command {
                        let _ = write!(text, ": {}", markdown_code(command));
                    }
                    text.push('\n');
                }
            }
        }
    }
    if attack.left_out > 0 {
        let _ = write!(text, "\n{} more routes are not told.\n", attack.left_out);
    }
    if !attack.notes.is_empty() || !attack.missing.is_empty() || !attack.problems.is_empty() {
        text.push_str("\n## What is not known\n\n");
        for note in &attack.notes {
            let _ = writeln!(text, "- {}", markdown_text(note));
        }
        crate::reach::markdown_tail(&attack.missing, &attack.problems, &mut text);
    }
    text
}

#[cfg(test)]
mod tests {
    use plimsoll_model::attack::{ATTACK_VERSION, AttackSummary};
    use plimsoll_model::audit::ClusterInfo;
    use plimsoll_model::{Outcome, Problem, ProblemKind};

    use super::*;

    #[test]
    fn markdown_tells_what_could_not_be_read() {
        let attack = Attack {
            schema_version: ATTACK_VERSION.into(),
            plimsoll: String::new(),
            cluster: ClusterInfo::default(),
            verdict: Outcome::Unknown,
            summary: AttackSummary::default(),
            routes: Vec::new(),
            left_out: 0,
            notes: Vec::new(),
            missing: Vec::new(),
            problems: vec![Problem::incomplete(ProblemKind::Corrupt, "Pod shop/web", "it has no name")],
        };
        let text = markdown(&attack);
        assert!(text.contains("- problem: `Pod shop/web`: it has no name"), "{text}");
    }
}
