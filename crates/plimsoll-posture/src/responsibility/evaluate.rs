//! From what was given to the matrix with its verdicts.

use std::collections::BTreeMap;

use plimsoll_model::Outcome;
use plimsoll_model::responsibility::{
    Attested, Blocked, Cell, Handover, Owner, Responsibility, Row, Standing, Switch, SwitchState,
};

use super::attest::Statements;
use super::data::{CellData, Control, InputKind, Matrix};
use super::decision::{Decision, Finding};
use super::evidence::{Evidence, missing};
use super::pools::Pool;
use super::rules::{Scene, switches};

/// All controls on all pools.
pub fn evaluate(
    matrix: &Matrix,
    evidence: &Evidence<'_>,
    pools: &[Pool<'_>],
    statements: &Statements,
) -> Responsibility {
    let mut rows: Vec<Row> = matrix
        .controls
        .iter()
        .map(|control| Row {
            id: control.id.clone(),
            title: control.title.clone(),
            group: control.group.clone(),
            area: control.area.clone(),
            rank: control.rank,
            exposes: control.exposes.clone(),
            next: control.next.clone(),
            cis: control.cis.iter().map(|(benchmark, ids)| (benchmark.clone(), ids.clone())).collect(),
            attest_only: control.decide.is_none(),
            cells: pools.iter().map(|pool| cell(matrix, control, evidence, pool, statements)).collect(),
        })
        .collect();
    block(matrix, &mut rows);
    let handovers = handovers(matrix, &rows);
    let own = rows.iter().flat_map(|row| &row.cells);
    Responsibility {
        schema_version: plimsoll_model::responsibility::RESPONSIBILITY_VERSION.to_owned(),
        tool: format!("plimsoll {}", env!("CARGO_PKG_VERSION")),
        taken_at: evidence.now.to_string(),
        verdict: Responsibility::verdict_of(own),
        inputs: Vec::new(),
        columns: pools.iter().map(|pool| pool.column(matrix)).collect(),
        controls: rows,
        handovers,
        problems: Vec::new(),
    }
}

fn cell(
    matrix: &Matrix,
    control: &Control,
    evidence: &Evidence<'_>,
    pool: &Pool<'_>,
    statements: &Statements,
) -> Cell {
    let Some(data) = matrix.cell(control, &pool.platform) else {
        // A control of the user that says nothing for this platform.
        return Cell {
            column: pool.name.clone(),
            owner: Owner::NotApplicable,
            standing: Standing::NotApplicable,
            seen: Vec::new(),
            missing: Vec::new(),
            switch: None,
            blocked_by: Vec::new(),
            attested: None,
            source: plimsoll_model::responsibility::Source {
                publisher: String::new(),
                title: "no cell for this platform".into(),
                section: None,
                date: String::new(),
                recalled: false,
                implied: None,
            },
        };
    };
    let switch_key = data.toggle.as_deref().filter(|toggle| *toggle != "none");
    // A move to another platform is no part of this one's answer.
    let gates = switch_key.and_then(|key| matrix.toggles.get(key)).is_some_and(|toggle| !toggle.hands_over);
    let scene = Scene { evidence, pool };
    let own = switch_key.and_then(|key| switches::seen(key, &scene));
    let decision = control.decide.map(|rule| {
        let mut decision = rule.decide(&scene);
        if data.owner == Owner::Shared && gates && decision.toggle.is_none() {
            decision.toggle.clone_from(&own);
        }
        (rule, decision)
    });
    let switch = switch_key.and_then(|key| {
        let toggle = matrix.toggles.get(key)?;
        let state = match (&own, &decision, data.owner) {
            // What is said of the switch itself goes before what it brings about.
            (Some(own), ..) if own.answer != Outcome::Unknown => own.answer,
            (_, Some((_, Decision { toggle: Some(toggle), .. })), _) => toggle.answer,
            // What is wholly yours has its own state where nothing else shows it: that of the control.
            (None, Some((_, Decision { effect, .. })), Owner::Customer) => effect.answer,
            _ => Outcome::Unknown,
        };
        Some(Switch {
            name: key.to_owned(),
            turn: toggle.turn.clone(),
            command: filled(&toggle.command, evidence, pool),
            costs: toggle.costs.clone(),
            state: match state {
                Outcome::Met => SwitchState::On,
                Outcome::NotMet => SwitchState::Off,
                Outcome::Unknown => SwitchState::Unknown,
            },
        })
    });
    let (standing, finding) =
        judge(control, data, decision.as_ref().map(|(rule, decision)| (rule.contradicts, decision)), gates);
    let mut cell = Cell {
        column: pool.name.clone(),
        owner: data.owner,
        standing,
        seen: finding.seen,
        missing: finding.missing,
        switch,
        blocked_by: Vec::new(),
        attested: None,
        source: matrix.source(&data.source),
    };
    attest(&mut cell, control, pool, statements);
    cell
}

/// A command with the names that are known: those that need no quoting.
fn filled(command: &str, evidence: &Evidence<'_>, pool: &Pool<'_>) -> String {
    let cluster = pool.base.family().and_then(|cloud| evidence.exports.of(cloud).ok());
    let of = |field: &str| cluster.and_then(|cluster| cluster.text(field).ok());
    let known = [
        ("CLUSTER", of("name")),
        ("LOCATION", of("location")),
        ("GROUP", of("resourceGroup")),
        ("POOL", pool.export.is_some().then_some(pool.name.as_str())),
    ];
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let mut text = String::with_capacity(command.len());
    let mut rest = command;
    while !rest.is_empty() {
        let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let end = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let name = known.iter().find(|(key, _)| *key == word).and_then(|(_, name)| *name);
        text.push_str(name.filter(|name| plain(name)).unwrap_or(word));
        let gap = after.find(is_word).unwrap_or(after.len());
        text.push_str(&after[..gap]);
        rest = &after[gap..];
    }
    text
}

fn nothing() -> Finding {
    Finding { answer: Outcome::Met, seen: Vec::new(), missing: Vec::new() }
}

/// What is said of a cell.
fn judge(
    control: &Control,
    data: &CellData,
    decision: Option<(bool, &Decision)>,
    has_switch: bool,
) -> (Standing, Finding) {
    match data.owner {
        Owner::NotApplicable => (Standing::NotApplicable, nothing()),
        Owner::Provider => match decision {
            // What the provider does is never seen to be met, only that it is not.
            Some((true, decision)) if decision.effect.answer == Outcome::NotMet => {
                (Standing::NotMet, decision.effect.clone())
            }
            Some((true, decision)) if decision.effect.answer == Outcome::Met => {
                (Standing::Provider, decision.effect.clone())
            }
            _ => (Standing::Provider, nothing()),
        },
        Owner::Customer | Owner::Shared => {
            let Some((_, decision)) = decision else {
                let detail =
                    format!("a statement: plimsoll whose --attest {} --by NAME --until DATE", control.id);
                return (Standing::Unknown, Finding::unknown(missing(InputKind::Attest, detail)));
            };
            let both = match (&decision.toggle, data.owner) {
                (Some(toggle), _) => Finding::all([toggle.clone(), decision.effect.clone()]),
                // Shared is met only when the switch was seen too.
                (None, Owner::Shared) if has_switch => Finding::all([
                    decision.effect.clone(),
                    Finding::unknown(missing(InputKind::Attest, "how the switch stands")),
                ]),
                (None, _) => decision.effect.clone(),
            };
            let standing = match both.answer {
                Outcome::Met => Standing::Met,
                Outcome::NotMet => Standing::NotMet,
                Outcome::Unknown => Standing::Unknown,
            };
            (standing, both)
        }
    }
}

/// A statement fills what no evidence decides. What was seen not to be so stays so, whoever says otherwise.
fn attest(cell: &mut Cell, control: &Control, pool: &Pool<'_>, statements: &Statements) {
    if !matches!(cell.owner, Owner::Customer | Owner::Shared) {
        return;
    }
    let Some(statement) = statements.find(&control.id, &pool.name, &pool.platform) else { return };
    let expired = statement.is_expired(statements.today());
    cell.attested = Some(Attested {
        by: statement.by.clone(),
        until: statement.until.to_string(),
        note: statement.note.clone(),
        expired,
    });
    if expired {
        if cell.standing == Standing::Unknown {
            cell.missing.insert(
                0,
                missing(
                    InputKind::Attest,
                    format!("a new statement: that of {} ended on {}", statement.by, statement.until),
                ),
            );
        }
    } else if cell.standing == Standing::Unknown {
        cell.standing = Standing::Attested;
    }
}

/// Puts what stands in the way on the control that it stands in the way of.
fn block(matrix: &Matrix, rows: &mut [Row]) {
    let open: BTreeMap<(String, usize), String> = rows
        .iter()
        .flat_map(|row| {
            row.cells.iter().enumerate().filter(|(_, cell)| cell.standing == Standing::NotMet).map(
                move |(place, cell)| {
                    let detail = cell.seen.first().cloned().unwrap_or_else(|| row.title.clone());
                    ((row.id.clone(), place), detail)
                },
            )
        })
        .collect();
    for row in rows {
        let Some(control) = matrix.controls.iter().find(|control| control.id == row.id) else { continue };
        for (place, cell) in row.cells.iter_mut().enumerate() {
            if !matches!(cell.owner, Owner::Provider | Owner::Shared) {
                continue;
            }
            for other in &control.blocked_by {
                if let Some(detail) = open.get(&(other.clone(), place)) {
                    cell.blocked_by.push(Blocked { control: other.clone(), detail: detail.clone() });
                }
            }
        }
    }
}

/// Switches that are off, with the controls that they would move, those that move most first.
fn handovers(matrix: &Matrix, rows: &[Row]) -> Vec<Handover> {
    let mut found: BTreeMap<(String, String), Handover> = BTreeMap::new();
    for row in rows {
        for cell in &row.cells {
            let Some(switch) = cell.switch.as_ref() else { continue };
            // A switch for what is wholly yours sets it right, and leaves it yours.
            let moves = matrix.toggles.get(&switch.name).is_some_and(|toggle| toggle.hands_over);
            if !(cell.owner == Owner::Shared || moves && cell.owner == Owner::Customer) {
                continue;
            }
            let key = (cell.column.clone(), switch.name.clone());
            let entry = found.entry(key).or_insert_with(|| Handover {
                column: cell.column.clone(),
                switch: switch.clone(),
                controls: Vec::new(),
            });
            entry.controls.push(row.id.clone());
            // Whichever control saw the switch off has seen it.
            if switch.state == SwitchState::Off {
                entry.switch.state = SwitchState::Off;
            }
        }
    }
    let mut list: Vec<Handover> =
        found.into_values().filter(|handover| handover.switch.state == SwitchState::Off).collect();
    list.sort_by(|one, other| {
        other
            .controls
            .len()
            .cmp(&one.controls.len())
            .then_with(|| (&one.switch.name, &one.column).cmp(&(&other.switch.name, &other.column)))
    });
    list
}
