//! The page that a new member of a team, or an auditor, is handed.
//!
//! Like every page of ours it loads nothing, runs nothing, and names its one style sheet by its hash; all text goes through
//! the template's escaping.

use askama::Template;
use plimsoll_model::Outcome;
use plimsoll_model::responsibility::{Cell, Owner, Responsibility, Row, Standing, SwitchState};

use super::{Counts, groups, missing_inputs, own, platforms, providers, reasons, repairing, rows, source};
use crate::Error;
use crate::html::{ended, hash_of};
use crate::text::{clean, count};

const STYLE: &str =
    concat!(include_str!("../../templates/report.css"), include_str!("../../templates/responsibility.css"));
/// Controls of a list on top of the page.
const SHOWN: usize = 7;
/// Steps of what to do next: what fits the first sheet.
const STEPS: usize = 8;
/// Controls that are named where something would help to decide them.
const IDS: usize = 20;
/// Problems that are told.
const PROBLEMS: usize = 20;

#[derive(Template)]
#[template(path = "responsibility.html")]
struct Page {
    style: &'static str,
    style_hash: String,
    title: String,
    platforms: Vec<String>,
    taken: String,
    outcome: &'static str,
    outcome_class: &'static str,
    outcome_mark: &'static str,
    reasons: String,
    yours_width: usize,
    both_width: usize,
    mine_width: usize,
    theirs_width: usize,
    line_text: String,
    mine_text: String,
    theirs_text: String,
    sentences: Vec<String>,
    steps: Vec<Step>,
    more_steps: String,
    lists: Vec<List>,
    switches: Vec<SwitchView>,
    unknown: String,
    undecided: String,
    missing: Vec<MissingView>,
    problems: Vec<String>,
    columns: Vec<ColumnView>,
    span: usize,
    groups: Vec<GroupView>,
    notes: Vec<Note>,
    inputs: Vec<InputView>,
    tool: String,
}

/// One line of what to do next.
struct Step {
    id: String,
    whose: String,
    action: String,
    /// What was seen first.
    seen: String,
    why: String,
}

struct List {
    title: &'static str,
    items: Vec<Item>,
    rest: String,
}

struct Item {
    id: String,
    title: String,
    seen: Vec<String>,
    exposes: String,
    next: String,
    command: String,
    costs: String,
}

/// Something that would help to decide, and which controls.
struct MissingView {
    detail: String,
    controls: Vec<String>,
    more: usize,
}

struct SwitchView {
    title: String,
    controls: String,
    command: String,
    costs: String,
}

struct ColumnView {
    name: String,
    platform: String,
}

struct GroupView {
    name: String,
    rows: Vec<RowView>,
}

struct RowView {
    id: String,
    title: String,
    note: usize,
    cells: Vec<CellView>,
}

struct CellView {
    class: &'static str,
    mark: &'static str,
    owner: &'static str,
    word: String,
    title: String,
}

struct Note {
    number: usize,
    id: String,
    lines: Vec<String>,
}

struct InputView {
    kind: String,
    about: String,
    name: String,
    digest: String,
}

fn text(text: &str) -> String {
    clean(text).into_owned()
}

pub(super) fn write(answer: &Responsibility) -> Result<String, Error> {
    let counts = Counts::new(answer);
    let (outcome_class, outcome_mark) = match answer.verdict {
        Outcome::Met => ("met", "●"),
        Outcome::NotMet => ("not-met", "✗"),
        Outcome::Unknown => ("undecided", "?"),
    };
    let yours: usize = counts.own[0].values().sum();
    let shared: usize = counts.own[1].values().sum();
    let total = (yours + shared + counts.provider).max(1);
    let width = |number: usize| number * 1_000 / total;
    let alone = is_alone(answer);
    let mine_text = if alone { format!("yours {yours}") } else { format!("yours {yours}, shared {shared}") };
    let theirs_text =
        if alone { String::new() } else { format!("{} {}", providers(answer), counts.provider) };
    let open = rows(answer, |row| own(row) == Some(Standing::NotMet));
    let open_is_empty = open.is_empty();
    let page = Page {
        style: STYLE,
        style_hash: hash_of(STYLE),
        title: format!("{}: whose is it", answer.verdict.word()),
        platforms: platforms(answer),
        taken: format!("as of {}", answer.taken_at.split('T').next().unwrap_or_default()),
        outcome: answer.verdict.word(),
        outcome_class,
        outcome_mark,
        reasons: reasons(answer),
        yours_width: width(yours),
        both_width: width(yours + shared) - width(yours),
        mine_width: width(yours + shared),
        theirs_width: 1_000 - width(yours + shared),
        line_text: if alone { mine_text.clone() } else { format!("{mine_text}; {theirs_text}") },
        mine_text,
        theirs_text,
        sentences: sentences(answer, &counts),
        more_steps: match open.len().saturating_sub(STEPS) {
            0 => String::new(),
            more => {
                format!("{} more, in the order of what they expose, below.", count(more, "step", "steps"))
            }
        },
        steps: open.into_iter().take(STEPS).map(|row| step(answer, row)).collect(),
        undecided: if open_is_empty { "What to do next: show what was not seen" } else { "Not decided" }
            .into(),
        lists: lists(answer),
        switches: switches(answer),
        unknown: format!(
            "{} could not be decided.",
            count(counts.of(Standing::Unknown), "control", "controls")
        ),
        missing: missing_inputs(answer)
            .into_iter()
            .take(8)
            .map(|(detail, controls)| MissingView {
                detail: text(&detail),
                more: controls.len().saturating_sub(IDS),
                controls: controls.into_iter().take(IDS).map(text).collect(),
            })
            .collect(),
        problems: answer
            .problems
            .iter()
            .take(PROBLEMS)
            .map(|problem| format!("{}: {}", text(&problem.subject), text(&problem.detail)))
            .collect(),
        columns: answer
            .columns
            .iter()
            .map(|column| ColumnView { name: text(&column.name), platform: text(&column.platform_name) })
            .collect(),
        span: answer.columns.len() + 1,
        groups: matrix(answer),
        notes: notes(answer),
        inputs: answer
            .inputs
            .iter()
            .map(|given| InputView {
                kind: text(&given.input),
                about: text(&given.about),
                name: text(&given.name),
                digest: given
                    .digest
                    .as_deref()
                    .map(|digest| text(digest.get(..23).unwrap_or(digest)))
                    .unwrap_or_default(),
            })
            .collect(),
        tool: text(&answer.tool),
    };
    Ok(ended(page.render()?))
}

/// What to do about a control that is not met: the switch where one is off, else what the control asks for.
fn step(answer: &Responsibility, row: &Row) -> Step {
    let open = |cell: &&Cell| cell.standing == Standing::NotMet;
    let yours = row.cells.iter().filter(open).any(|cell| cell.owner == Owner::Customer);
    let switch = repairing(answer, row).filter(|switch| switch.state == SwitchState::Off);
    let seen = row.cells.iter().filter(open).find_map(|cell| cell.seen.first());
    let blocked = row.cells.iter().filter(open).find_map(|cell| cell.blocked_by.first());
    let turned = switch.and_then(|switch| turned(&text(&switch.turn)));
    let mut action = turned.unwrap_or_else(|| upper(&text(&row.next)));
    if let Some(blocked) = blocked {
        let title = answer.controls.iter().find(|row| row.id == blocked.control);
        let title = title.map(|row| format!(" ({})", lower(&text(&row.title)))).unwrap_or_default();
        action = format!(
            "{action}; before that, see to {}{title}, which stands in the way",
            text(&blocked.control)
        );
    }
    Step {
        id: text(&row.id),
        whose: if yours { "yours".into() } else { format!("shared with {}", providers(answer)) },
        action,
        seen: seen.map(|seen| text(seen)).unwrap_or_default(),
        why: text(&row.exposes),
    }
}

/// What to do so that a switch stands as it should: `Turn node auto-upgrade on`.
fn turned(turn: &str) -> Option<String> {
    match turn.rsplit_once(' ')? {
        (what, way @ ("on" | "off")) => Some(format!("Turn {what} {way}")),
        _ => None,
    }
}

/// The same with a large letter in front, unless it begins with a program.
fn upper(text: &str) -> String {
    if ["kubectl ", "plimsoll "].iter().any(|program| text.starts_with(program)) {
        return text.to_owned();
    }
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// Whether there is nobody to share with.
fn is_alone(answer: &Responsibility) -> bool {
    answer.columns.iter().all(|column| column.provider.is_empty())
}

/// What is yours, what is not met, what one switch would take off you.
fn sentences(answer: &Responsibility, counts: &Counts) -> Vec<String> {
    let yours: usize = counts.own[0].values().sum();
    let shared: usize = counts.own[1].values().sum();
    let all = answer.controls.len();
    let mut list = vec![if is_alone(answer) {
        format!(
            "There is no provider here: {yours} of {all} controls are yours, and the others ask for nothing."
        )
    } else {
        format!(
            "Of {all} controls, {yours} are yours alone, {shared} you share with {}, and {} are not yours to do.",
            providers(answer),
            counts.provider
        )
    }];
    let open = rows(answer, |row| own(row) == Some(Standing::NotMet));
    list.push(match open.first() {
        None => match counts.of(Standing::Unknown) {
            0 => "Everything of yours is met or attested.".to_owned(),
            open => format!("Nothing of yours was seen not to be met; {open} could not be decided."),
        },
        Some(first) => format!(
            "{} Open, it exposes: {}.",
            match open.len() {
                1 => format!("One control is not met: {}.", text(&first.id)),
                number => format!("{number} controls are not met; {} exposes most.", text(&first.id)),
            },
            text(&first.exposes),
        ),
    });
    if let Some(first) = answer.handovers.first() {
        list.push(format!(
            "One switch, {}, would let {} do its part of {}.",
            text(&first.switch.turn),
            providers(answer),
            count(first.controls.len(), "control", "controls")
        ));
    }
    list
}

/// The same with a small letter in front, unless it is an abbreviation.
fn lower(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}

fn lists(answer: &Responsibility) -> Vec<List> {
    let has = |row: &Row, wanted: Owner| {
        row.cells.iter().any(|cell| cell.owner == wanted && cell.standing == Standing::NotMet)
    };
    let yours = rows(answer, |row| has(row, Owner::Customer));
    let shared = rows(answer, |row| !has(row, Owner::Customer) && has(row, Owner::Shared));
    let provider = rows(answer, |row| {
        !has(row, Owner::Customer) && !has(row, Owner::Shared) && has(row, Owner::Provider)
    });
    [
        ("Yours, and not met", yours),
        ("Shared, and not met", shared),
        ("The provider's, and seen not to be done", provider),
    ]
    .into_iter()
    .filter(|(_, rows)| !rows.is_empty())
    .map(|(title, rows)| List {
        title,
        rest: match rows.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!("{} more below.", count(more, "control", "controls")),
        },
        items: rows.into_iter().take(SHOWN).map(|row| item(answer, row)).collect(),
    })
    .collect()
}

fn item(answer: &Responsibility, row: &Row) -> Item {
    let wanted = |cell: &Cell| cell.standing == Standing::NotMet;
    let all = row.cells.iter().filter(|cell| cell.owner != Owner::NotApplicable).count();
    let mut seen = Vec::new();
    for (names, cell) in groups(row, wanted).into_iter().take(3) {
        let on =
            if names.len() == all || all <= 1 { String::new() } else { format!("{}: ", names.join(", ")) };
        let told: Vec<String> = cell.seen.iter().take(3).map(|seen| text(seen)).collect();
        seen.push(format!("{}{}.", text(&on), told.join("; ")));
    }
    for blocked in row.cells.iter().filter(|cell| wanted(cell)).flat_map(|cell| &cell.blocked_by) {
        let line = format!("Blocked by {}: {}.", text(&blocked.control), text(&blocked.detail));
        // It stands on every pool, and is one thing to do.
        if !seen.contains(&line) {
            seen.push(line);
        }
    }
    let switch = repairing(answer, row);
    Item {
        id: text(&row.id),
        title: text(&row.title),
        seen,
        exposes: text(&row.exposes),
        next: text(&row.next),
        command: switch.map(|switch| text(&switch.command)).unwrap_or_default(),
        costs: switch.map(|switch| text(&switch.costs)).unwrap_or_default(),
    }
}

fn switches(answer: &Responsibility) -> Vec<SwitchView> {
    let mut seen: Vec<(&str, &Vec<String>)> = Vec::new();
    let mut list = Vec::new();
    for handover in answer.handovers.iter().filter(|handover| handover.controls.len() > 1) {
        let key = (handover.switch.name.as_str(), &handover.controls);
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        list.push(SwitchView {
            title: format!(
                "{}: {}",
                text(&handover.switch.turn),
                count(handover.controls.len(), "control", "controls")
            ),
            controls: text(&handover.controls.join(", ")),
            command: text(&handover.switch.command),
            costs: text(&handover.switch.costs),
        });
        if list.len() == 5 {
            break;
        }
    }
    list
}

/// A group as a heading: `supply-chain` is `Supply chain`.
fn heading(group: &str) -> String {
    upper(&text(group).replace('-', " "))
}

fn matrix(answer: &Responsibility) -> Vec<GroupView> {
    let mut groups: Vec<GroupView> = Vec::new();
    for (index, row) in answer.controls.iter().enumerate() {
        let view = RowView {
            id: text(&row.id),
            title: text(&row.title),
            note: index + 1,
            cells: row.cells.iter().map(cell).collect(),
        };
        match groups.last_mut() {
            Some(group) if group.name == heading(&row.group) => group.rows.push(view),
            _ => groups.push(GroupView { name: heading(&row.group), rows: vec![view] }),
        }
    }
    groups
}

fn cell(cell: &Cell) -> CellView {
    let class = match cell.standing {
        Standing::NotMet => "not-met",
        Standing::Unknown => "unknown",
        Standing::Attested => "attested",
        Standing::Met => "met",
        Standing::Provider => "provider",
        Standing::NotApplicable => "none",
    };
    let word = match cell.standing {
        Standing::Provider | Standing::NotApplicable => String::new(),
        standing => format!(", {}", standing.word()),
    };
    let recalled = cell.source.recalled && cell.owner != Owner::NotApplicable;
    let first = cell
        .seen
        .first()
        .cloned()
        .or_else(|| cell.missing.first().map(|missing| format!("missing: {}", missing.detail)));
    CellView {
        class,
        mark: cell.standing.mark(),
        owner: cell.owner.word(),
        word: if recalled { format!("{word} ~") } else { word },
        title: text(&first.unwrap_or_else(|| source(cell))),
    }
}

/// Of each control what was seen, missing, stands in the way, moves it, and where its owner is written.
fn notes(answer: &Responsibility) -> Vec<Note> {
    let mut notes = Vec::new();
    for (index, row) in answer.controls.iter().enumerate() {
        let mut lines: Vec<String> = Vec::new();
        let mut push = |line: String| {
            if !lines.contains(&line) {
                lines.push(line);
            }
        };
        for cell in row.cells.iter().filter(|cell| cell.owner != Owner::NotApplicable) {
            if !cell.seen.is_empty() {
                push(format!(
                    "Seen: {}.",
                    text(&cell.seen.iter().take(3).cloned().collect::<Vec<_>>().join("; "))
                ));
            }
            if cell.standing == Standing::Unknown {
                let missing: Vec<String> =
                    cell.missing.iter().take(3).map(|missing| missing.detail.clone()).collect();
                push(format!("Missing: {}.", text(&missing.join("; "))));
            }
            if let Some(attested) = &cell.attested {
                let ended = if attested.expired { ", which is over" } else { "" };
                push(format!(
                    "Attested by {} until {}{ended}. {}",
                    text(&attested.by),
                    text(&attested.until),
                    text(&attested.note)
                ));
            }
            for blocked in &cell.blocked_by {
                push(format!("Blocked by {}: {}.", text(&blocked.control), text(&blocked.detail)));
            }
            if let Some(switch) = &cell.switch {
                push(format!("Switch: {}.", text(&switch.turn)));
            }
            push(format!("Source: {}.", source(cell)));
        }
        if own(row) == Some(Standing::NotMet) {
            push(format!("To do: {}.", text(&row.next)));
            if let Some(switch) = repairing(answer, row) {
                push(format!("Command: {}", text(&switch.command)));
            }
        }
        notes.push(Note { number: index + 1, id: text(&row.id), lines });
    }
    notes
}
