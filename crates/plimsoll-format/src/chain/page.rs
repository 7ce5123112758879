//! A chain as a page to hand on: who stands where, and whose move it is. It loads nothing and runs nothing.

use askama::Template;
use plimsoll_model::Outcome;
use plimsoll_model::chain::{Chain, Link, Turn};

use super::{flaws, moves, some, who};
use crate::Error;
use crate::html::{ended, hash_of};
use crate::text::{clean, count};

const STYLE: &str =
    concat!(include_str!("../../templates/report.css"), include_str!("../../templates/chain.css"));

#[derive(Template)]
#[template(path = "chain.html")]
struct Page {
    style: &'static str,
    style_hash: String,
    title: String,
    facts: String,
    outcome: &'static str,
    outcome_class: &'static str,
    outcome_mark: &'static str,
    moves: String,
    missing: Vec<String>,
    threads: Vec<ThreadView>,
    more: String,
    tool: String,
}

struct ThreadView {
    title: String,
    findings: String,
    workloads: String,
    links: Vec<LinkView>,
}

struct LinkView {
    class: &'static str,
    mark: &'static str,
    turn: &'static str,
    who: String,
    why: String,
    step: String,
    command: String,
    seen: Vec<String>,
    control: String,
}

fn text(text: &str) -> String {
    clean(text).into_owned()
}

fn link(link: &Link) -> LinkView {
    LinkView {
        class: match link.turn {
            Turn::Now => "now",
            Turn::Done => "done",
            Turn::Unknown => "unknown",
            Turn::Later | Turn::None => "rest",
        },
        mark: link.turn.mark(),
        turn: link.turn.word(),
        who: who(link),
        why: text(&link.why),
        step: link.step.as_deref().map(text).unwrap_or_default(),
        command: link.command.as_deref().map(text).unwrap_or_default(),
        seen: link.evidence.iter().map(|seen| text(seen)).collect(),
        control: link.control.as_deref().map(text).unwrap_or_default(),
    }
}

pub(super) fn write(chain: &Chain) -> Result<String, Error> {
    let (outcome_class, outcome_mark) = match chain.verdict {
        Outcome::Met => ("met", "●"),
        Outcome::NotMet => ("not-met", "✗"),
        Outcome::Unknown => ("undecided", "?"),
    };
    let mut facts: Vec<String> = Vec::new();
    if chain.taken_for != "nothing" {
        facts.push(text(&chain.taken_for));
    }
    let mut platforms: Vec<String> = chain.columns.iter().map(|column| text(&column.platform_name)).collect();
    platforms.dedup();
    facts.extend(platforms);
    facts.push(format!("as of {}", text(chain.taken_at.split('T').next().unwrap_or_default())));
    let page = Page {
        style: STYLE,
        style_hash: hash_of(STYLE),
        title: format!("Whose is {}", text(&chain.asked)),
        facts: facts.join(", "),
        outcome: chain.verdict.word(),
        outcome_class,
        outcome_mark,
        moves: format!("{}.", moves(chain)),
        missing: chain
            .missing
            .iter()
            .map(|missing| format!("{}: {}", text(&missing.input), text(&missing.detail)))
            .chain(chain.problems.iter().map(|one| format!("{}: {}", text(&one.subject), text(&one.detail))))
            .collect(),
        threads: chain
            .threads
            .iter()
            .map(|thread| ThreadView {
                title: format!(
                    "{} in {}: {}",
                    text(&thread.about),
                    text(&thread.target),
                    count(thread.findings.len(), "finding", "findings")
                ),
                findings: some(&flaws(thread), false),
                workloads: if thread.workloads.is_empty() {
                    String::new()
                } else {
                    some(&thread.workloads, false)
                },
                links: thread.links.iter().map(link).collect(),
            })
            .collect(),
        more: if chain.left_out > 0 {
            format!("{} more are left out.", chain.left_out)
        } else {
            String::new()
        },
        tool: text(&chain.tool),
    };
    Ok(ended(page.render()?))
}
