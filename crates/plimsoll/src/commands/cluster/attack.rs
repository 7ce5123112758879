//! `plimsoll cluster attack`.

use anyhow::{Context as _, anyhow};
use plimsoll_format::View;
use plimsoll_format::attack::write;
use plimsoll_scan::cluster::{Rbac, Reachability, accept_routes, attack, image_flaws};

use super::{Answer, seen};
use crate::cli::AttackArguments;
use crate::commands::{scan, whose};
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

pub(super) fn run(arguments: &AttackArguments, environment: &Environment) -> Answer {
    let on = whose::on(&arguments.platform)?;
    let reports = image_flaws(&arguments.reports).map_err(|error| {
        let code = if error.is_usage() { USAGE } else { UNDECIDED };
        Failure::new(code, error).hint("reports are what plimsoll scan IMAGE --format json prints".to_owned())
    })?;
    let now = seen(&arguments.input.input(), environment)?;
    let mut reach = Reachability::new(&now.cluster).map_err(|error| Failure::new(UNDECIDED, error))?;
    let mut answer = attack(&Rbac::new(&now.cluster), &mut reach, &reports, &now.info);
    if let Some(file) = &arguments.ignore_file {
        let exceptions = scan::read_exceptions(file, environment)?;
        let today = jiff::tz::TimeZone::UTC.to_datetime(environment.now).date();
        accept_routes(&mut answer, &exceptions, today).map_err(|detail| {
            Failure::new(USAGE, anyhow!(detail)).hint(
                "as in: id = \"node-root\", object = \"shop/Deployment/web\", reason = \"...\"".to_owned(),
            )
        })?;
    }
    if let Some(on) = &on {
        on.tell_attack(&mut answer);
    }
    let view = View { all: arguments.all, ..scan::view("", environment) };
    let text = write(&answer, arguments.format.form(), &view).context("cannot render the answer")?;
    print::data(&text)?;
    Ok(answer.verdict.exit_code())
}
