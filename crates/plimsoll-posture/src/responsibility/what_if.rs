//! What another platform would change: which controls move, what is lost, what it would refuse.

use plimsoll_model::responsibility::{
    Cell, Move, Owner, RESPONSIBILITY_VERSION, Refused, Responsibility, Row, WhatIf,
};

use super::data::{How, Matrix};
use super::evidence::{Evidence, Kubernetes};
use super::rules;

/// How much of it is the reader's.
fn weight(owner: Owner) -> u8 {
    match owner {
        Owner::Provider | Owner::NotApplicable => 0,
        Owner::Shared => 1,
        Owner::Customer => 2,
    }
}

/// What would change if the nodes of a column were on another platform. `None` when there is no such column or platform.
pub fn what_if(
    matrix: &Matrix,
    evidence: &Evidence<'_>,
    answer: &Responsibility,
    column: usize,
    target: &str,
) -> Option<WhatIf> {
    let platform = matrix.platform(target)?;
    let from = answer.columns.get(column)?;
    let (mut off_you, mut onto_you, mut same) = (Vec::new(), Vec::new(), 0);
    for row in &answer.controls {
        let control = matrix.control_named(&row.id)?;
        let (Some(cell), Some(data)) = (row.cells.get(column), matrix.cell(control, target)) else {
            same += 1;
            continue;
        };
        let moved = moved(row, cell, data.owner, data.source.how == How::Recalled);
        match weight(cell.owner).cmp(&weight(data.owner)) {
            std::cmp::Ordering::Greater => off_you.push(moved),
            std::cmp::Ordering::Less => onto_you.push(moved),
            std::cmp::Ordering::Equal => same += 1,
        }
    }
    // What is not met is what one is glad to be rid of.
    let order = |moved: &Move| (moved.standing, moved.to, moved.control.clone());
    off_you.sort_by_key(order);
    onto_you.sort_by_key(order);
    let seen = evidence.kubernetes.as_ref().filter(|kubernetes| kubernetes.workloads().is_ok());
    Some(WhatIf {
        schema_version: RESPONSIBILITY_VERSION.to_owned(),
        column: from.name.clone(),
        from: from.platform_name.clone(),
        to: platform.name.clone(),
        off_you,
        onto_you,
        same,
        lost: platform.lost.clone(),
        refused: seen.map(|kubernetes| refused(matrix, kubernetes, target)).unwrap_or_default(),
        workloads_seen: seen.map(|kubernetes| {
            kubernetes.objects().iter().filter(|object| !object.pods.is_empty()).count() as u64
        }),
    })
}

fn moved(row: &Row, cell: &Cell, to: Owner, recalled: bool) -> Move {
    Move {
        control: row.id.clone(),
        title: row.title.clone(),
        from: cell.owner,
        to,
        standing: cell.standing,
        recalled,
    }
}

/// Workloads that a platform would not take, those of the system left out: it brings its own.
fn refused(matrix: &Matrix, kubernetes: &Kubernetes<'_>, target: &str) -> Vec<Refused> {
    let mut all = Vec::new();
    let mut key = target;
    // A platform that is like another refuses what that one refuses.
    let mut chain = Vec::new();
    while let Some(platform) = matrix.platform(key) {
        chain.push(platform);
        match &platform.like {
            Some(like) if chain.len() < 8 => key = like,
            _ => break,
        }
    }
    let ids: Vec<&str> = chain.iter().flat_map(|platform| &platform.refuses).map(String::as_str).collect();
    for (workload, titles) in rules::breaches_of_any(kubernetes, &ids) {
        all.push(Refused { workload, reason: titles.join("; ") });
    }
    for object in kubernetes.objects().iter() {
        let without =
            chain.iter().any(|platform| platform.without.iter().any(|kind| kind == object.name.kind));
        if without && !rules::is_system_namespace(object.name.namespace) {
            let reason = format!("a {} does not run there", object.name.kind);
            all.push(Refused { workload: object.shown(), reason });
        }
    }
    all.sort();
    all.dedup();
    all
}
