//! `plimsoll cluster paths`.

use anyhow::{Context as _, anyhow};
use plimsoll_format::View;
use plimsoll_format::paths::write;
use plimsoll_scan::cluster::{PathsAsked, Rbac, accept, nobody, paths};

use super::{Answer, seen};
use crate::cli::PathsArguments;
use crate::commands::{scan, whose};
use crate::environment::Environment;
use crate::print::{self, Failure, USAGE};

pub(super) fn run(arguments: &PathsArguments, environment: &Environment) -> Answer {
    let on = whose::on(&arguments.platform)?;
    let now = seen(&arguments.input.input(), environment)?;
    let rbac = Rbac::new(&now.cluster);
    if let Some(from) = &arguments.from
        && let Some(near) = nobody(&rbac, from)
    {
        let error = anyhow!("nobody is called `{}`", plimsoll_format::clean(from));
        let hint = if near.is_empty() {
            "as in: ann, 'User ann', 'Group ops', 'ServiceAccount shop/web'; who is bound to nothing has no path".to_owned()
        } else {
            format!("did you mean {}?", near.join(", "))
        };
        return Err(Failure::new(USAGE, error).hint(plimsoll_format::clean(&hint).into_owned()));
    }
    let asked = PathsAsked {
        from: arguments.from.clone(),
        to: arguments.to.map(crate::cli::AskedGoal::goal),
        all: arguments.all,
    };
    let mut answer = paths(&rbac, &asked, &now.info);
    if let Some(file) = &arguments.ignore_file {
        let exceptions = scan::read_exceptions(file, environment)?;
        let today = jiff::tz::TimeZone::UTC.to_datetime(environment.now).date();
        accept(&mut answer, &exceptions, today).map_err(|detail| {
            Failure::new(USAGE, anyhow!(detail))
                .hint("as in: id = \"cluster-admin\", target = \"Group ops\", reason = \"...\"".to_owned())
        })?;
    }
    if let Some(on) = &on {
        on.tell_paths(&mut answer);
    }
    let view = View { all: arguments.all, ..scan::view("", environment) };
    let text = write(&answer, arguments.format.form(), &view).context("cannot render the answer")?;
    print::data(&text)?;
    Ok(answer.verdict.exit_code())
}
