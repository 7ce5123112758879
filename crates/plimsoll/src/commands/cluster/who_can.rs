//! `plimsoll cluster who-can`.

use anyhow::{Context as _, anyhow};
use plimsoll_format::View;
use plimsoll_format::who_can::write;
use plimsoll_scan::cluster::{AskedRight, AskedWhere, Rbac, who_can};

use super::{Answer, seen};
use crate::cli::WhoCanArguments;
use crate::commands::{scan, whose};
use crate::environment::Environment;
use crate::print::{self, Failure, USAGE};

pub(super) fn run(arguments: &WhoCanArguments, environment: &Environment) -> Answer {
    let place = match &arguments.namespace {
        Some(namespace) => AskedWhere::Namespace(namespace.clone()),
        None if arguments.all_namespaces => AskedWhere::Everywhere,
        None => AskedWhere::Anywhere,
    };
    let asked =
        AskedRight::parse(&arguments.verb, &arguments.resource, arguments.subresource.as_deref(), place)
            .map_err(|detail| {
                let hint =
                    "as in: get secrets, get secrets/NAME, create pods --subresource exec, get /metrics";
                Failure::new(USAGE, anyhow!(detail)).hint(hint.to_owned())
            })?;
    let on = whose::on(&arguments.platform)?;
    let now = seen(&arguments.input.input(), environment)?;
    let mut answer = who_can(&Rbac::new(&now.cluster), &asked, &now.info);
    if let Some(on) = &on {
        on.tell_who_can(&mut answer);
    }
    let view = View { all: arguments.all, ..scan::view("", environment) };
    let text = write(&answer, arguments.format.form(), &view).context("cannot render the answer")?;
    print::data(&text)?;
    Ok(answer.verdict.exit_code())
}
