//! Whose is it, for people and programs: short for a terminal, whole as a matrix, one control explained.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plimsoll_model::Outcome;
use plimsoll_model::responsibility::{
    Cell, Column, Owner, Responsibility, Row, Standing, Switch, SwitchState, WhatIf,
};

use crate::text::{clean, columns, count, listing, markdown_text, shorten, wrap};
use crate::{Error, View, csv};

mod oscal;
pub(crate) mod page;

/// Controls of a list that are shown unless all are asked for.
const SHOWN: usize = 5;
/// Inputs that are named.
const SHOWN_INPUTS: usize = 4;

/// In which form the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponsibilityForm {
    /// Text for a terminal.
    Table,
    /// The answer itself.
    Json,
    /// For merge requests and wikis.
    Markdown,
    /// One page.
    Html,
    /// One line for each cell.
    Csv,
    /// OSCAL assessment results.
    Oscal,
    /// A component definition of OSCAL: who does what on each platform, without what was seen.
    OscalComponent,
}

/// Writes the answer.
///
/// # Errors
/// When it cannot be rendered.
pub fn write(answer: &Responsibility, form: ResponsibilityForm, view: &View) -> Result<String, Error> {
    Ok(match form {
        ResponsibilityForm::Table => table(answer, view),
        ResponsibilityForm::Json => crate::text::json(answer)?,
        ResponsibilityForm::Markdown => markdown(answer),
        ResponsibilityForm::Html => page::write(answer)?,
        ResponsibilityForm::Csv => comma(answer),
        ResponsibilityForm::Oscal => oscal::write(answer)?,
        ResponsibilityForm::OscalComponent => oscal::definition(answer)?,
    })
}

/// How a control stands over all columns in which it is at least partly the reader's; `None` where it is in none.
fn own(row: &Row) -> Option<Standing> {
    row.cells
        .iter()
        .filter(|cell| matches!(cell.owner, Owner::Customer | Owner::Shared))
        .map(|cell| cell.standing)
        .min()
}

/// The owner that asks most of the reader.
fn owner(row: &Row) -> Owner {
    let order = [Owner::Customer, Owner::Shared, Owner::Provider];
    order
        .into_iter()
        .find(|wanted| row.cells.iter().any(|cell| cell.owner == *wanted))
        .unwrap_or(Owner::NotApplicable)
}

/// Counts that every form shows alike.
pub(crate) struct Counts {
    /// By owner and standing: yours, shared.
    pub(crate) own: [BTreeMap<Standing, usize>; 2],
    /// Controls that are wholly the provider's.
    pub(crate) provider: usize,
    /// Controls that are the provider's somewhere, and that evidence contradicts there.
    pub(crate) contradicted: usize,
}

impl Counts {
    pub(crate) fn new(answer: &Responsibility) -> Self {
        let mut counts = Counts { own: [BTreeMap::new(), BTreeMap::new()], provider: 0, contradicted: 0 };
        for row in &answer.controls {
            // On one node pool it may be the provider's, and on another yours.
            let undone = |cell: &Cell| cell.owner == Owner::Provider && cell.standing == Standing::NotMet;
            counts.contradicted += usize::from(row.cells.iter().any(undone));
            match (owner(row), own(row)) {
                (Owner::Customer, Some(standing)) => *counts.own[0].entry(standing).or_default() += 1,
                (Owner::Shared, Some(standing)) => *counts.own[1].entry(standing).or_default() += 1,
                (Owner::Provider, _) => {
                    counts.provider += 1;
                }
                _ => {}
            }
        }
        counts
    }

    pub(crate) fn of(&self, standing: Standing) -> usize {
        self.own.iter().map(|own| own.get(&standing).copied().unwrap_or(0)).sum()
    }

    pub(crate) fn mine(&self) -> usize {
        self.own.iter().flat_map(BTreeMap::values).sum()
    }
}

/// Rows that stand so, those that expose most first.
pub(crate) fn rows(answer: &Responsibility, wanted: impl Fn(&Row) -> bool) -> Vec<&Row> {
    let mut rows: Vec<&Row> = answer.controls.iter().filter(|row| wanted(row)).collect();
    rows.sort_by_key(|row| (std::cmp::Reverse(row.rank), row.id.as_str()));
    rows
}

/// The switch that sets right what is not met of a control. One that hands all of it to the provider is a decision of its own, and
/// told where those are.
pub(crate) fn repairing<'a>(answer: &Responsibility, row: &'a Row) -> Option<&'a Switch> {
    let moves = |switch: &Switch| {
        let own = answer.handovers.iter().filter(|handover| handover.switch.name == switch.name);
        own.flat_map(|handover| &handover.controls).any(|id| *id == row.id)
    };
    row.cells
        .iter()
        .filter(|cell| cell.standing == Standing::NotMet)
        .filter_map(|cell| Some((cell, cell.switch.as_ref()?)))
        .filter(|(_, switch)| switch.state != SwitchState::On)
        .find(|(cell, switch)| cell.owner != Owner::Customer || !moves(switch))
        .map(|(_, switch)| switch)
}

/// The cells of a row that stand so, those that look alike put together: names of columns, and one of the cells.
pub(crate) fn groups(row: &Row, wanted: impl Fn(&Cell) -> bool) -> Vec<(Vec<&str>, &Cell)> {
    let mut groups: Vec<(Vec<&str>, &Cell)> = Vec::new();
    for cell in row.cells.iter().filter(|cell| wanted(cell)) {
        match groups.iter_mut().find(|(_, own)| {
            own.seen == cell.seen && own.blocked_by == cell.blocked_by && own.owner == cell.owner
        }) {
            Some((names, _)) => names.push(&cell.column),
            None => groups.push((vec![&cell.column], cell)),
        }
    }
    groups
}

/// What is missing, with the controls of the reader's that it would help to decide; the most useful first.
pub(crate) fn missing_inputs(answer: &Responsibility) -> Vec<(String, Vec<&str>)> {
    let mut controls: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for row in &answer.controls {
        let mut of_row: Vec<(&str, &str)> = row
            .cells
            .iter()
            .filter(|cell| cell.standing == Standing::Unknown)
            .flat_map(|cell| &cell.missing)
            .map(|missing| match missing.input.as_str() {
                // What persons say differs for each control; that it is for a person is what counts.
                "attest" => ("attest", "a statement of a person (--attest CONTROL --by NAME --until DATE)"),
                "reports" => ("reports", "reports of scans (--report REPORT.json)"),
                "node" => ("node", "what only a look at the nodes shows"),
                "kubernetes" if missing.detail.starts_with("objects of the cluster") => {
                    ("kubernetes", missing.detail.as_str())
                }
                input => (input, missing.detail.as_str()),
            })
            .collect();
        of_row.sort_unstable();
        of_row.dedup();
        for key in of_row {
            controls.entry(key).or_default().push(&row.id);
        }
    }
    let mut list: Vec<((&str, &str), Vec<&str>)> = controls.into_iter().collect();
    list.sort_by(|one, other| other.1.len().cmp(&one.1.len()).then_with(|| one.0.cmp(&other.0)));
    list.into_iter().map(|((_, detail), controls)| (detail.to_owned(), controls)).collect()
}

/// `GKE Standard: default-pool (3 nodes), batch`.
pub(crate) fn platforms(answer: &Responsibility) -> Vec<String> {
    let mut by_platform: Vec<(&str, Vec<&Column>)> = Vec::new();
    for column in &answer.columns {
        match by_platform.iter_mut().find(|(name, _)| *name == column.platform_name) {
            Some((_, columns)) => columns.push(column),
            None => by_platform.push((&column.platform_name, vec![column])),
        }
    }
    by_platform
        .into_iter()
        .map(|(platform, columns)| {
            let pools: Vec<String> = columns
                .iter()
                .map(|column| match column.nodes {
                    Some(nodes) => format!(
                        "{} ({})",
                        clean(&column.name),
                        count(usize::try_from(nodes).unwrap_or(usize::MAX), "node", "nodes")
                    ),
                    None => clean(&column.name).into_owned(),
                })
                .collect();
            format!("{}: {}", clean(platform), pools.join(", "))
        })
        .collect()
}

/// Why the verdict is what it is.
pub(crate) fn reasons(answer: &Responsibility) -> String {
    let counts = Counts::new(answer);
    let mut parts = Vec::new();
    for standing in [Standing::NotMet, Standing::Unknown, Standing::Attested, Standing::Met] {
        let number = counts.of(standing);
        if number > 0 {
            parts.push(format!("{number} {}", standing.word()));
        }
    }
    let undone = match counts.contradicted {
        0 => String::new(),
        1 => format!("; 1 of {}'s is seen not to be done", providers(answer)),
        number => format!("; {number} of {}'s are seen not to be done", providers(answer)),
    };
    format!(
        "of {} that are yours or shared: {}{undone}",
        count(counts.mine(), "control", "controls"),
        listing(&parts)
    )
}

/// The providers' names, or a word for them.
pub(crate) fn providers(answer: &Responsibility) -> String {
    let mut names: Vec<String> = Vec::new();
    for column in &answer.columns {
        let name = clean(&column.provider).into_owned();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { "the provider".into() } else { listing(&names) }
}

struct Paper<'a> {
    text: String,
    width: usize,
    view: &'a View,
}

impl Paper<'_> {
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{}", shorten(line.trim_end(), self.width));
    }

    /// A command is to be copied whole.
    fn command(&mut self, indent: usize, command: &str) {
        let _ = writeln!(self.text, "{:indent$}{}", "", clean(command));
    }

    fn wrapped(&mut self, indent: usize, text: &str) {
        for line in wrap(text, self.width.saturating_sub(indent).max(20)) {
            let _ = writeln!(self.text, "{:indent$}{line}", "");
        }
    }

    fn bold(&self, text: &str, code: &str) -> String {
        if self.view.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn verdict(&mut self, outcome: Outcome, reasons: &str) {
        let code = match outcome {
            Outcome::Met => "1;32",
            Outcome::NotMet => "1;31",
            Outcome::Unknown => "1;35",
        };
        let word = outcome.word();
        let indent = columns(word) + 2;
        let lines = wrap(reasons, self.width.saturating_sub(indent).max(20));
        for (index, line) in lines.iter().enumerate() {
            let head = if index == 0 { self.bold(word, code) } else { " ".repeat(columns(word)) };
            let _ = writeln!(self.text, "{head}  {line}");
        }
    }
}

fn table(answer: &Responsibility, view: &View) -> String {
    let mut text = Paper { text: String::new(), width: view.width.clamp(40, 100), view };
    for platform in platforms(answer) {
        text.wrapped(0, &platform);
    }
    let seen: Vec<String> = inputs(answer);
    if seen.is_empty() {
        text.line("seen: nothing but the name of the platform");
    } else {
        text.wrapped(0, &format!("seen: {}", seen.join(", ")));
    }
    text.line("");
    text.verdict(answer.verdict, &reasons(answer));
    text.line("");
    counts(answer, &mut text);
    if view.all {
        matrix(answer, &mut text);
    } else {
        open(answer, &mut text);
    }
    handovers(answer, &mut text);
    unseen(answer, &mut text);
    text.line("");
    let command = if view.command.is_empty() { "plimsoll whose".to_owned() } else { view.command.clone() };
    let first = rows(answer, |row| own(row) == Some(Standing::NotMet)).first().map(|row| row.id.clone());
    let first = first.unwrap_or_else(|| "INF-021".into());
    if !view.all {
        text.command(0, &format!("next: {command} --all"));
    }
    text.command(
        if view.all { 0 } else { 6 },
        &format!("{}{command} {first}", if view.all { "next: " } else { "" }),
    );
    text.text
}

/// What was looked at: kinds of inputs with their number, files named when there are few.
fn inputs(answer: &Responsibility) -> Vec<String> {
    let mut by_input: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for given in &answer.inputs {
        by_input.entry(&given.input).or_default().push(clean(&given.about).into_owned());
    }
    by_input
        .into_iter()
        .map(|(input, about)| {
            let word = match input {
                "kubernetes" => "Kubernetes",
                "reports" => "scans",
                "gke" => "GKE",
                "eks" => "EKS",
                "aks" => "AKS",
                other => other,
            };
            match about.as_slice() {
                [one] => format!("{word} {one}"),
                [one, rest @ ..] => format!("{word} {one} and {} more", rest.len()),
                [] => word.to_owned(),
            }
        })
        .collect()
}

fn counts(answer: &Responsibility, text: &mut Paper<'_>) {
    let counts = Counts::new(answer);
    let shown = [Standing::NotMet, Standing::Unknown, Standing::Attested, Standing::Met];
    let mut head = format!("  {:<12}{:>9}", "whose", "controls");
    for standing in shown {
        let _ = write!(head, "{:>10}", standing.word());
    }
    text.line(&head);
    for (index, word) in ["yours", "shared"].into_iter().enumerate() {
        let own = &counts.own[index];
        let mut line = format!("  {word:<12}{:>9}", own.values().sum::<usize>());
        for standing in shown {
            let number = own.get(&standing).copied().unwrap_or(0);
            let number = if number == 0 { "-".to_owned() } else { number.to_string() };
            let _ = write!(line, "{number:>10}");
        }
        text.line(&line);
    }
    let contradicted = match counts.contradicted {
        0 => String::new(),
        number => format!("  {} seen not to be done", count(number, "is", "are")),
    };
    let name = providers(answer);
    let name = shorten(&name, 11);
    if counts.provider > 0 {
        text.line(&format!("  {name:<12}{:>9}{contradicted}", counts.provider));
    }
}

/// A control that is not met: what, where, why, how.
fn control(answer: &Responsibility, row: &Row, place: usize, text: &mut Paper<'_>) {
    let id = clean(&row.id).into_owned();
    let indent = columns(&id) + 6;
    let lines = wrap(&clean(&row.title), text.width.saturating_sub(indent).max(20));
    for (index, line) in lines.iter().enumerate() {
        let head =
            if index == 0 { format!("  {place} {}  ", text.bold(&id, "1")) } else { " ".repeat(indent) };
        let _ = writeln!(text.text, "{head}{line}");
    }
    let wanted = |cell: &Cell| cell.standing == Standing::NotMet;
    let all = row.cells.iter().filter(|cell| cell.owner != Owner::NotApplicable).count();
    for (names, cell) in groups(row, wanted).into_iter().take(2) {
        let seen: Vec<String> = cell.seen.iter().take(2).map(|seen| clean(seen).into_owned()).collect();
        let more = cell.seen.len().saturating_sub(2);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let on = if names.len() == all || all <= 1 {
            String::new()
        } else {
            format!("{}: ", clean(&names.join(", ")))
        };
        text.wrapped(6, &format!("{on}{}{more}", seen.join("; ")));
    }
    let blocks = row.cells.iter().filter(|cell| wanted(cell)).flat_map(|cell| &cell.blocked_by);
    let mut told: Vec<&str> = Vec::new();
    for blocked in blocks {
        if !told.contains(&blocked.control.as_str()) {
            told.push(&blocked.control);
            text.wrapped(6, &format!("blocked by {}: {}", clean(&blocked.control), clean(&blocked.detail)));
        }
    }
    text.wrapped(6, &format!("exposes: {}", clean(&row.exposes)));
    match repairing(answer, row) {
        Some(switch) => text.command(6, &switch.command),
        None => text.wrapped(6, &format!("do: {}", clean(&row.next))),
    }
}

fn open(answer: &Responsibility, text: &mut Paper<'_>) {
    let has = |row: &Row, wanted: Owner| {
        row.cells.iter().any(|cell| cell.owner == wanted && cell.standing == Standing::NotMet)
    };
    let is_customer = |row: &Row| has(row, Owner::Customer);
    let is_shared = |row: &Row| !is_customer(row) && has(row, Owner::Shared);
    let provider = |row: &Row| !is_customer(row) && !is_shared(row) && has(row, Owner::Provider);
    let is_blocked = |row: &Row| {
        row.cells.iter().any(|cell| !cell.blocked_by.is_empty())
            && !has(row, Owner::Customer)
            && !has(row, Owner::Shared)
    };
    let mut list = |title: &str, rows: Vec<&Row>| {
        if rows.is_empty() {
            return;
        }
        text.line("");
        text.line(title);
        for (index, row) in rows.iter().take(SHOWN).enumerate() {
            control(answer, row, index + 1, text);
        }
        if rows.len() > SHOWN {
            text.line(&format!("    and {} more: --all", rows.len() - SHOWN));
        }
    };
    list("yours and not met, what exposes most first", rows(answer, is_customer));
    list("shared and not met: the provider waits for you", rows(answer, is_shared));
    list("the provider's, and seen not to be done", rows(answer, |row| provider(row) && !is_blocked(row)));
    let blocked = rows(answer, is_blocked);
    if !blocked.is_empty() {
        text.line("");
        text.line("blocked: the provider cannot do its part");
        for row in blocked.iter().take(SHOWN) {
            for blocked in row.cells.iter().flat_map(|cell| &cell.blocked_by).take(1) {
                text.wrapped(
                    4,
                    &format!(
                        "{} {}, by {}: {}",
                        row.id,
                        clean(&row.title),
                        clean(&blocked.control),
                        clean(&blocked.detail)
                    ),
                );
            }
        }
    }
}

fn handovers(answer: &Responsibility, text: &mut Paper<'_>) {
    if answer.handovers.is_empty() {
        return;
    }
    text.line("");
    text.line("one switch");
    // The same switch of several pools is one switch to the reader.
    let mut told: Vec<(&str, Vec<&str>, &plimsoll_model::responsibility::Handover)> = Vec::new();
    for handover in &answer.handovers {
        match told
            .iter_mut()
            .find(|(name, _, own)| *name == handover.switch.name && own.controls == handover.controls)
        {
            Some((_, columns, _)) => columns.push(&handover.column),
            None => told.push((&handover.switch.name, vec![&handover.column], handover)),
        }
    }
    let shown = if text.view.all { usize::MAX } else { 3 };
    let single = answer.columns.len() == 1;
    for (_, columns, handover) in told.iter().take(shown) {
        let on = if single { String::new() } else { format!(" ({})", clean(&columns.join(", "))) };
        let number = handover.controls.len();
        text.wrapped(
            2,
            &format!(
                "{}{on}: {} {} to the provider's side ({})",
                clean(&handover.switch.turn),
                count(number, "control", "controls"),
                if number == 1 { "moves" } else { "move" },
                handover.controls.join(", ")
            ),
        );
        text.command(6, &handover.switch.command);
        text.wrapped(6, &format!("costs: {}", clean(&handover.switch.costs)));
    }
    if told.len() > shown {
        text.line(&format!("    and {}: --all", count(told.len() - shown, "more switch", "more switches")));
    }
}

fn unseen(answer: &Responsibility, text: &mut Paper<'_>) {
    let missing = missing_inputs(answer);
    let unknown = Counts::new(answer).of(Standing::Unknown);
    if unknown > 0 {
        text.line("");
        text.line(&format!(
            "could not decide {}; what would help most:",
            count(unknown, "control", "controls")
        ));
        let shown = if text.view.all { usize::MAX } else { SHOWN_INPUTS };
        for (detail, controls) in missing.iter().take(shown) {
            text.wrapped(2, &format!("{:>3}  {}", controls.len(), clean(detail)));
        }
        if missing.len() > shown {
            text.line(&format!("       and {} more: --all", missing.len() - shown));
        }
    }
    if !answer.problems.is_empty() {
        text.line("");
        text.line("could not read");
        for problem in answer.problems.iter().take(if text.view.all { usize::MAX } else { SHOWN }) {
            text.wrapped(2, &format!("{}: {}", clean(&problem.subject), clean(&problem.detail)));
        }
    }
    let recalled = answer
        .controls
        .iter()
        .filter(|row| row.cells.iter().any(|cell| cell.source.recalled && cell.owner != Owner::NotApplicable))
        .count();
    if recalled > 0 {
        text.line("");
        text.wrapped(
            0,
            &format!(
                "{}: the owner was recalled, not read in a document; `whose CONTROL` and --all mark them",
                count(recalled, "control", "controls")
            ),
        );
    }
}

/// A letter for an owner.
fn letter(owner: Owner) -> char {
    match owner {
        Owner::Provider => 'P',
        Owner::Shared => 'S',
        Owner::Customer => 'Y',
        Owner::NotApplicable => ' ',
    }
}

fn matrix(answer: &Responsibility, text: &mut Paper<'_>) {
    text.line("");
    text.line("P provider, S shared, Y yours; ✗ not met, ? unknown, ◐ attested, ✓ met, · not looked at; ~ recalled, not read");
    let columns_shown = answer.columns.len().min(8);
    // Columns by number, named above: names of pools are as long as they like.
    for (index, column) in answer.columns.iter().enumerate() {
        text.line(&format!("  {:>2} {} ({})", index + 1, clean(&column.name), clean(&column.platform_name)));
    }
    let mut group = "";
    let room = text.width.saturating_sub(10 + 5 * columns_shown + 2);
    for row in &answer.controls {
        if row.group != group {
            group = &row.group;
            text.line("");
            let mut numbers = String::new();
            for number in 1..=columns_shown {
                let _ = write!(numbers, "{number:>5}");
            }
            text.line(&format!("{:<width$}{numbers}", clean(group), width = 10 + room));
        }
        let mut line = format!("{:<10}", clean(&row.id));
        let title = shorten(&clean(&row.title), room).into_owned();
        let pad = room.saturating_sub(columns(&title));
        let _ = write!(line, "{title}{:pad$}", "");
        for cell in row.cells.iter().take(columns_shown) {
            let recalled = if cell.source.recalled && cell.owner != Owner::NotApplicable { '~' } else { ' ' };
            let _ = write!(line, "  {}{}{recalled}", letter(cell.owner), cell.standing.mark());
        }
        text.line(&line);
    }
    if answer.columns.len() > columns_shown {
        text.line(&format!(
            "and {} more columns: --format csv, json or html",
            answer.columns.len() - columns_shown
        ));
    }
}

/// One control on every column: what it asks, who does it, what was seen, what is missing, where it is written.
pub fn explain(answer: &Responsibility, id: &str, reads: &str, view: &View) -> Option<String> {
    let row = answer.controls.iter().find(|row| row.id.eq_ignore_ascii_case(id))?;
    let mut text = Paper { text: String::new(), width: view.width.clamp(40, 100), view };
    let head = text.bold(&clean(&row.id), "1");
    let lines = wrap(&clean(&row.title), text.width.saturating_sub(columns(&row.id) + 2).max(20));
    let _ = writeln!(text.text, "{head}  {}", lines.join("\n  "));
    text.wrapped(2, &format!("exposes when open: {}", clean(&row.exposes)));
    text.wrapped(2, &format!("what to do: {}", clean(&row.next)));
    if reads.is_empty() {
        text.wrapped(2, "decided by: a person; no evidence can");
    } else {
        text.wrapped(2, &format!("decided from: {reads}"));
    }
    for (benchmark, ids) in &row.cis {
        let name = match benchmark.as_str() {
            "gke" => "GKE",
            "eks" => "EKS",
            "aks" => "AKS",
            _ => "Kubernetes",
        };
        text.wrapped(2, &format!("CIS {name}: {}", clean(&ids.join(", "))));
    }
    for (column, cell) in answer.columns.iter().zip(&row.cells) {
        text.line("");
        text.line(&format!(
            "{} ({}): {}, {}",
            clean(&column.name),
            clean(&column.platform_name),
            match cell.owner {
                Owner::Provider if !column.provider.is_empty() => clean(&column.provider),
                owner => owner.word().into(),
            },
            cell.standing.word()
        ));
        for seen in &cell.seen {
            text.wrapped(2, &format!("seen: {}", clean(seen)));
        }
        for missing in &cell.missing {
            text.wrapped(2, &format!("missing: {}: {}", clean(&missing.input), clean(&missing.detail)));
        }
        for blocked in &cell.blocked_by {
            text.wrapped(2, &format!("blocked by {}: {}", clean(&blocked.control), clean(&blocked.detail)));
        }
        if let Some(attested) = &cell.attested {
            let ended = if attested.expired { ", which is over" } else { "" };
            let note =
                if attested.note.is_empty() { String::new() } else { format!(": {}", clean(&attested.note)) };
            text.wrapped(
                2,
                &format!("attested by {} until {}{ended}{note}", clean(&attested.by), clean(&attested.until)),
            );
        }
        if let Some(switch) = &cell.switch {
            let state = match switch.state {
                SwitchState::On => "on",
                SwitchState::Off => "off",
                SwitchState::Unknown => "not seen",
            };
            text.wrapped(2, &format!("switch, {state}: {}", clean(&switch.turn)));
            text.command(6, &switch.command);
            text.wrapped(6, &format!("costs: {}", clean(&switch.costs)));
        }
        if cell.owner != Owner::NotApplicable {
            text.wrapped(2, &format!("source: {}", source(cell)));
        }
    }
    Some(text.text)
}

/// `Google Cloud, GKE shared responsibility (2026-11), customer's responsibilities; it states this`.
pub(crate) fn source(cell: &Cell) -> String {
    let source = &cell.source;
    let section =
        source.section.as_deref().map(|section| format!(", {}", clean(section))).unwrap_or_default();
    let how = match (source.recalled, source.implied) {
        (true, _) => "; recalled, not read: look it up before you rely on it",
        (false, Some(true)) => "; it implies this owner",
        (false, _) => "; it states this owner",
    };
    format!("{}, {} ({}){section}{how}", clean(&source.publisher), clean(&source.title), clean(&source.date))
}

/// What another platform would change.
pub fn what_if(answer: &WhatIf, view: &View) -> String {
    let mut text = Paper { text: String::new(), width: view.width.clamp(40, 100), view };
    text.line(&format!("{}: {} -> {}", clean(&answer.column), clean(&answer.from), clean(&answer.to)));
    text.line("");
    text.wrapped(
        0,
        &format!(
            "{} off you, {} onto you, {} stay as they are",
            count(answer.off_you.len(), "control moves", "controls move"),
            answer.onto_you.len(),
            answer.same
        ),
    );
    let shown = if view.all { usize::MAX } else { 12 };
    for (title, moves) in [("off you", &answer.off_you), ("onto you", &answer.onto_you)] {
        if moves.is_empty() {
            continue;
        }
        text.line("");
        text.line(title);
        for moved in moves.iter().take(shown) {
            let recalled = if moved.recalled { " ~" } else { "" };
            let now = if moved.standing == Standing::NotMet { ", not met now" } else { "" };
            text.wrapped(
                2,
                &format!(
                    "{} {} -> {}{recalled}{now}: {}",
                    clean(&moved.control),
                    moved.from.word(),
                    moved.to.word(),
                    clean(&moved.title)
                ),
            );
        }
        if moves.len() > shown {
            text.line(&format!("  and {} more: --all", moves.len() - shown));
        }
    }
    if !answer.lost.is_empty() {
        text.line("");
        text.line("what you lose");
        for lost in &answer.lost {
            text.wrapped(2, &clean(lost));
        }
    }
    text.line("");
    match answer.workloads_seen {
        None => {
            text.wrapped(0, "what would break: no workload was seen; give --manifests, --snapshot or --live");
        }
        Some(number) if answer.refused.is_empty() => text.wrapped(
            0,
            &format!(
                "what would break: nothing was found in {}",
                count(usize::try_from(number).unwrap_or(usize::MAX), "object with pods", "objects with pods")
            ),
        ),
        Some(_) => {
            text.line("what would break");
            for refused in answer.refused.iter().take(shown) {
                text.wrapped(2, &format!("{}: {}", clean(&refused.workload), clean(&refused.reason)));
            }
            if answer.refused.len() > shown {
                text.line(&format!("  and {} more: --all", answer.refused.len() - shown));
            }
        }
    }
    if answer.off_you.iter().chain(&answer.onto_you).any(|moved| moved.recalled) {
        text.line("");
        text.line("~ the new owner was recalled, not read in a document");
    }
    text.text
}

/// The same as JSON.
///
/// # Errors
/// When it cannot be rendered.
pub fn what_if_json(answer: &WhatIf) -> Result<String, Error> {
    Ok(crate::text::json(answer)?)
}

fn markdown(answer: &Responsibility) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "# Whose is it: {}\n", answer.verdict.word());
    for platform in platforms(answer) {
        let _ = writeln!(text, "{}\n", markdown_text(&platform));
    }
    let _ = writeln!(text, "{}\n", markdown_text(&reasons(answer)));
    for (title, wanted) in [("Not met", Standing::NotMet), ("Unknown", Standing::Unknown)] {
        let rows = rows(answer, |row| {
            own(row) == Some(wanted) || (wanted == Standing::NotMet && row.worst() == wanted)
        });
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(text, "## {title}\n\n| control | whose | seen | next |\n|---|---|---|---|");
        for row in rows {
            let cell = row.cells.iter().find(|cell| cell.standing == wanted);
            let seen = cell.map(|cell| match wanted {
                Standing::NotMet => {
                    cell.seen.iter().take(2).map(|seen| clean(seen)).collect::<Vec<_>>().join("; ")
                }
                _ => cell
                    .missing
                    .iter()
                    .take(2)
                    .map(|missing| clean(&missing.detail))
                    .collect::<Vec<_>>()
                    .join("; "),
            });
            let _ = writeln!(
                text,
                "| {} {} | {} | {} | {} |",
                clean(&row.id),
                markdown_text(&row.title),
                owner(row).word(),
                markdown_text(&seen.unwrap_or_default()),
                markdown_text(&row.next)
            );
        }
        text.push('\n');
    }
    let _ = writeln!(text, "## Matrix\n");
    let names: Vec<String> = answer.columns.iter().map(|column| markdown_text(&column.name)).collect();
    let _ = writeln!(text, "| control | {} |", names.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(names.len()));
    for row in &answer.controls {
        let cells: Vec<String> =
            row.cells.iter().map(|cell| format!("{}: {}", cell.owner.word(), cell.standing.word())).collect();
        let _ =
            writeln!(text, "| {} {} | {} |", clean(&row.id), markdown_text(&row.title), cells.join(" | "));
    }
    text
}

fn comma(answer: &Responsibility) -> String {
    let mut text = String::from(
        "control,title,group,area,rank,column,platform,owner,standing,seen,missing,blocked by,switch,switch state,command,attested by,attested until,source,recalled\n",
    );
    for row in &answer.controls {
        for (column, cell) in answer.columns.iter().zip(&row.cells) {
            let joined = |parts: Vec<String>| parts.join("; ");
            let switch = cell.switch.as_ref();
            let fields = [
                row.id.clone(),
                row.title.clone(),
                row.group.clone(),
                row.area.clone(),
                row.rank.to_string(),
                column.name.clone(),
                column.platform.clone(),
                cell.owner.word().to_owned(),
                cell.standing.word().to_owned(),
                joined(cell.seen.clone()),
                joined(
                    cell.missing
                        .iter()
                        .map(|missing| format!("{}: {}", missing.input, missing.detail))
                        .collect(),
                ),
                joined(
                    cell.blocked_by
                        .iter()
                        .map(|blocked| format!("{}: {}", blocked.control, blocked.detail))
                        .collect(),
                ),
                switch.map(|switch| switch.turn.clone()).unwrap_or_default(),
                switch
                    .map(|switch| match switch.state {
                        SwitchState::On => "on",
                        SwitchState::Off => "off",
                        SwitchState::Unknown => "unknown",
                    })
                    .unwrap_or_default()
                    .to_owned(),
                switch.map(|switch| switch.command.clone()).unwrap_or_default(),
                cell.attested.as_ref().map(|attested| attested.by.clone()).unwrap_or_default(),
                cell.attested.as_ref().map(|attested| attested.until.clone()).unwrap_or_default(),
                if cell.owner == Owner::NotApplicable { String::new() } else { source(cell) },
                cell.source.recalled.to_string(),
            ];
            text.push_str(&csv::record(&fields));
        }
    }
    text
}
