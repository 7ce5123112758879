//! `plimsoll cluster diff`.

use anyhow::{Context as _, anyhow};
use plimsoll_format::View;
use plimsoll_format::drift::write;
use plimsoll_scan::cluster::{Kept, Seen, drift, files_and_objects, since};

use super::{Answer, audit, unusable};
use crate::cli::DriftArguments;
use crate::commands::{scan, whose};
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

pub(super) fn run(arguments: &DriftArguments, environment: &Environment) -> Answer {
    let kinds = audit::kinds(&arguments.kinds).map_err(|error| Failure::new(USAGE, error))?;
    let on = whose::on(&arguments.platform)?;
    let read = |path: &String| {
        files_and_objects(std::slice::from_ref(path), &kinds, &mut std::io::stdin().lock()).map_err(unusable)
    };
    let Some((last, between)) = arguments.after.split_last().filter(|_| arguments.after.len() < MOST_STATES)
    else {
        let error = anyhow!("these are more than {MOST_STATES} states");
        return Err(Failure::new(USAGE, error));
    };
    let (before, after) = (read(&arguments.before)?, read(last)?);
    let compare = |state: &(Seen, Kept)| {
        drift((&state.0, &state.1), (&after.0, &after.1), &kinds)
            .map_err(|error| Failure::new(UNDECIDED, error))
    };
    let mut answer = compare(&before)?;
    // One after the other: a state is large.
    let mut time = before.0.info.taken_at.clone();
    drop(before);
    let mut later = Vec::new();
    for path in between {
        let state = read(path)?;
        in_order(&mut time, &state.0, path)?;
        later.push(compare(&state)?);
    }
    if !between.is_empty() {
        in_order(&mut time, &after.0, last)?;
    }
    since(&mut answer, &later);
    if let Some(on) = &on {
        on.tell_drift(&mut answer);
    }
    let view = View { all: arguments.all, ..scan::view("", environment) };
    let text = write(&answer, arguments.format.form(), &view)
        .map_err(|error| Failure::new(USAGE, anyhow::Error::new(error)))?;
    print::data(&text).context("cannot write the answer")?;
    Ok(answer.verdict.exit_code())
}

/// Most states of one comparison.
const MOST_STATES: usize = 100;

/// Refuses a state that is older than the one before it: "since" would mean nothing.
fn in_order(time: &mut Option<String>, state: &Seen, path: &str) -> Result<(), Failure> {
    let own = state.info.taken_at.clone();
    // Times are written alike (RFC 3339, UTC), so that they sort as texts.
    if let (Some(before), Some(own)) = (&*time, &own)
        && own < before
    {
        let error = anyhow!("`{path}` is of {own}, and what stands before it of {before}");
        return Err(Failure::new(USAGE, error).hint("give them in the order of their times".to_owned()));
    }
    *time = own.or(time.take());
    Ok(())
}
