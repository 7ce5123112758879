//! `plimsoll diff`.

use anyhow::Context as _;
use plimsoll_format::View;
use plimsoll_scan::Options;
use plimsoll_scan::exceptions::Exceptions;

use super::db::update;
use super::{Answer, scan};
use crate::cli::DiffArguments;
use crate::environment::Environment;
use crate::print::{self, Failure, USAGE};
use crate::progress;

pub(crate) fn run(arguments: &DiffArguments, environment: &Environment) -> Answer {
    let exceptions = match &arguments.ignore_file {
        Some(path) => scan::read_exceptions(path, environment)?,
        None => Exceptions::default(),
    };
    let options = Options {
        database: scan::database(arguments.db.as_ref(), environment),
        supply: update::supply(&arguments.supply, arguments.db.as_deref(), &arguments.reading, environment)?,
        exceptions,
        line: arguments.fail_on.unwrap_or_default(),
        now: environment.now,
        ..scan::reading_options(&arguments.reading, environment)?
    };
    let progress = progress::Line::new(environment.progress);
    let result = plimsoll_scan::diff::diff(
        &arguments.before,
        &arguments.after,
        &options,
        &mut std::io::stdin().lock(),
        &progress,
    );
    drop(progress);
    let diff = result.map_err(scan::failed)?;
    let view = View { all: arguments.all, ..scan::view("", environment) };
    let text = plimsoll_format::diff::write(&diff, arguments.format, &view)
        .context("cannot render the differences")
        .map_err(|error| Failure::new(USAGE, error))?;
    print::data(&text)?;
    Ok(diff.verdict.outcome.exit_code())
}
