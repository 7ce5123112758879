//! The chain of responsibility of one thing, for people and programs.

use std::fmt::Write as _;

use plimsoll_model::Outcome;
use plimsoll_model::chain::{Chain, Link, Thread, Turn};

use crate::text::{clean, columns, count, listing, markdown_text, shorten, wrap};
use crate::{Error, View};

mod page;

/// Chains that are shown unless all are asked for.
const SHOWN: usize = 5;
/// Lines of evidence of one link that are shown unless all are asked for.
const SHOWN_EVIDENCE: usize = 2;
/// Findings and workloads of one chain that are named.
const SHOWN_NAMES: usize = 4;

/// In which form the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainForm {
    /// Text for a terminal.
    Table,
    /// The answer itself.
    Json,
    /// For merge requests and tickets.
    Markdown,
    /// One page.
    Html,
}

/// Writes the answer.
///
/// # Errors
/// When it cannot be rendered.
pub fn write(chain: &Chain, form: ChainForm, view: &View) -> Result<String, Error> {
    Ok(match form {
        ChainForm::Table => table(chain, view),
        ChainForm::Json => crate::text::json(chain)?,
        ChainForm::Markdown => markdown(chain),
        ChainForm::Html => page::write(chain)?,
    })
}

/// `base image debian:12`, `application team-shop`.
fn who(link: &Link) -> String {
    if link.name.is_empty() {
        link.role.word().to_owned()
    } else {
        format!("{} {}", link.role.word(), clean(&link.name))
    }
}

/// What is found, without the package, which stands above it.
fn flaws(thread: &Thread) -> Vec<String> {
    let short = |id: &String| id.split_once("@pkg:").map_or(id.as_str(), |(flaw, _)| flaw).to_owned();
    let mut all: Vec<String> = thread.findings.iter().map(short).collect();
    all.dedup();
    all
}

fn some(names: &[String], all: bool) -> String {
    let shown = if all { names.len() } else { SHOWN_NAMES.min(names.len()) };
    let mut list: Vec<String> = names[..shown].iter().map(|name| clean(name).into_owned()).collect();
    if shown < names.len() {
        list.push(format!("{} more", names.len() - shown));
    }
    listing(&list)
}

/// Whose move it is, over all chains: parties with the number of their chains, the most first.
fn moves(chain: &Chain) -> String {
    let mut parties: Vec<(String, usize)> = Vec::new();
    for link in chain.threads.iter().filter_map(Thread::now) {
        let name = who(link);
        match parties.iter_mut().find(|(own, _)| *own == name) {
            Some((_, number)) => *number += 1,
            None => parties.push((name, 1)),
        }
    }
    parties.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    let words: Vec<String> = parties
        .into_iter()
        .map(|(name, number)| if number > 1 { format!("{name} ({number})") } else { name })
        .collect();
    match (words.is_empty(), chain.verdict) {
        (false, _) => format!("the move is with {}", listing(&words)),
        (true, Outcome::Met) => "nobody has to move".into(),
        (true, _) => "it cannot be told whose move it is".into(),
    }
}

fn table(chain: &Chain, view: &View) -> String {
    let width = view.width.clamp(40, 100);
    let mut text = String::new();
    let wrapped = |text: &mut String, indent: usize, line: &str| {
        for line in wrap(line, width.saturating_sub(indent).max(20)) {
            let _ = writeln!(text, "{:indent$}{line}", "");
        }
    };
    let bold = |text: &str, code: &str| {
        if view.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    };
    let code = match chain.verdict {
        Outcome::Met => "1;32",
        Outcome::NotMet => "1;31",
        Outcome::Unknown => "1;35",
    };
    let kind = if chain.taken_for == "nothing" { String::new() } else { format!(", {}", chain.taken_for) };
    let head = format!("{}{kind}", clean(&chain.asked));
    let _ = writeln!(text, "{}", shorten(&head, width));
    let word = chain.verdict.word();
    let lines = wrap(&moves(chain), width.saturating_sub(columns(word) + 2).max(20));
    for (index, line) in lines.iter().enumerate() {
        let mark = if index == 0 { bold(word, code) } else { " ".repeat(columns(word)) };
        let _ = writeln!(text, "{mark}  {line}");
    }
    let shown = if view.all { usize::MAX } else { SHOWN };
    for thread in chain.threads.iter().take(shown) {
        text.push('\n');
        wrapped(
            &mut text,
            0,
            &format!(
                "{} in {}: {}",
                clean(&thread.about),
                clean(&thread.target),
                count(thread.findings.len(), "finding", "findings")
            ),
        );
        wrapped(&mut text, 2, &format!("findings: {}", some(&flaws(thread), view.all)));
        if !thread.workloads.is_empty() {
            wrapped(&mut text, 2, &format!("run by: {}", some(&thread.workloads, view.all)));
        }
        for link in &thread.links {
            let mark = match link.turn {
                Turn::Now => bold(link.turn.mark(), "1;31"),
                _ => link.turn.mark().to_owned(),
            };
            let lines = wrap(
                &format!("{} ({}): {}", who(link), link.turn.word(), clean(&link.why)),
                width.saturating_sub(4).max(20),
            );
            for (index, line) in lines.iter().enumerate() {
                let mark = if index == 0 { mark.as_str() } else { " " };
                let _ = writeln!(text, "  {mark} {line}");
            }
            if let Some(step) = &link.step {
                wrapped(&mut text, 6, &format!("step: {}", clean(step)));
            }
            if let Some(command) = &link.command {
                // A command is to be copied whole.
                let _ = writeln!(text, "      {}", clean(command));
            }
            let evidence = if view.all { link.evidence.len() } else { SHOWN_EVIDENCE };
            for seen in link.evidence.iter().take(evidence) {
                wrapped(&mut text, 6, &format!("seen: {}", clean(seen)));
            }
            if let Some(control) = &link.control {
                wrapped(&mut text, 6, &format!("control: {}", clean(control)));
            }
        }
    }
    let more = chain.threads.len().saturating_sub(shown) as u64 + chain.left_out;
    if more > 0 {
        let _ = writeln!(text, "\n{more} more; --all shows up to {}", chain.threads.len());
    }
    if !chain.missing.is_empty() {
        let _ = writeln!(text, "\nnot seen");
        for missing in &chain.missing {
            wrapped(&mut text, 2, &format!("{}: {}", clean(&missing.input), clean(&missing.detail)));
        }
    }
    text
}

fn markdown(chain: &Chain) -> String {
    let mut text = format!("# {}\n\n", markdown_text(&clean(&chain.asked)));
    let _ = writeln!(text, "**{}**: {}.", chain.verdict.word(), markdown_text(&moves(chain)));
    for thread in &chain.threads {
        let _ = writeln!(
            text,
            "\n## {} in {}\n\nFindings: {}.",
            markdown_text(&clean(&thread.about)),
            markdown_text(&clean(&thread.target)),
            markdown_text(&some(&flaws(thread), false)),
        );
        if !thread.workloads.is_empty() {
            let _ = writeln!(text, "Run by: {}.", markdown_text(&some(&thread.workloads, false)));
        }
        text.push_str("\n| | who | why | step | seen |\n|---|---|---|---|---|\n");
        for link in &thread.links {
            let mut step = link.step.as_deref().map(clean).unwrap_or_default().into_owned();
            if let Some(command) = &link.command {
                step = format!("{step}: {}", clean(command));
            }
            let cells = [
                format!("{} {}", link.turn.mark(), link.turn.word()),
                who(link),
                clean(&link.why).into_owned(),
                step,
                clean(&link.evidence.join("; ")).into_owned(),
            ]
            .map(|cell| markdown_text(&cell));
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
    }
    if chain.left_out > 0 {
        let _ = writeln!(text, "\n{} more are left out.", chain.left_out);
    }
    if !chain.missing.is_empty() {
        text.push_str("\n## Not seen\n\n");
        for missing in &chain.missing {
            let _ = writeln!(
                text,
                "- {}: {}",
                markdown_text(&clean(&missing.input)),
                markdown_text(&clean(&missing.detail))
            );
        }
    }
    text
}
