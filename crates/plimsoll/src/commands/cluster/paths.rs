//! `plimsoll cluster paths`.

use anyhow::Context as _;
use plimsoll_format::View;
use plimsoll_format::paths::write;
use plimsoll_scan::cluster::{PathsAsked, Rbac, paths};

use super::{Answer, seen};
use crate::cli::PathsArguments;
use crate::commands::scan;
use crate::environment::Environment;
use crate::print;

pub(super) fn run(arguments: &PathsArguments, environment: &Environment) -> Answer {
    let now = seen(&arguments.input.input(), environment)?;
    let asked = PathsAsked {
        from: arguments.from.clone(),
        to: arguments.to.map(crate::cli::AskedGoal::goal),
        all: arguments.all,
    };
    let answer = paths(&Rbac::new(&now.cluster), &asked, &now.info);
    let view = View { all: arguments.all, ..scan::view("", environment) };
    let text = write(&answer, arguments.format.form(), &view).context("cannot render the answer")?;
    print::data(&text)?;
    Ok(answer.verdict.exit_code())
}
