//! `plimsoll cluster diff`.

use anyhow::Context as _;
use plimsoll_format::View;
use plimsoll_format::drift::write;
use plimsoll_scan::cluster::{drift, files_and_objects};

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
    let (before, after) = (read(&arguments.before)?, read(&arguments.after)?);
    let mut answer = drift((&before.0, &before.1), (&after.0, &after.1), &kinds)
        .map_err(|error| Failure::new(UNDECIDED, error))?;
    if let Some(on) = &on {
        on.tell_drift(&mut answer);
    }
    let view = View { all: arguments.all, ..scan::view("", environment) };
    let text = write(&answer, arguments.format.form(), &view)
        .map_err(|error| Failure::new(USAGE, anyhow::Error::new(error)))?;
    print::data(&text).context("cannot write the answer")?;
    Ok(answer.verdict.exit_code())
}
