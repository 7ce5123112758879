//! `plimsoll cluster pss`.

use anyhow::Context as _;
use plimsoll_format::View;
use plimsoll_format::pss::write;
use plimsoll_scan::cluster::{Asked, pss};

use super::{Answer, seen};
use crate::cli::PssArguments;
use crate::commands::{scan, whose};
use crate::environment::Environment;
use crate::print::{self, Failure, USAGE};

pub(super) fn run(arguments: &PssArguments, environment: &Environment) -> Answer {
    let seen = seen(&arguments.input, environment)?;
    let asked = Asked {
        levels: arguments.level.levels(),
        version: arguments.version,
        namespaces: arguments.input.cluster.namespaces.iter().cloned().collect(),
    };
    let mut answer = pss(&seen.cluster, &seen.info, &asked);
    if let Some(on) = whose::on(&arguments.platform)? {
        on.tell_pss(&mut answer);
    }
    let view = View { all: arguments.all, ..scan::view("", environment) };
    let text = write(&answer, arguments.format.form(), &view)
        .map_err(|error| Failure::new(USAGE, anyhow::Error::new(error)))?;
    print::data(&text).context("cannot write the answer")?;
    Ok(answer.verdict.exit_code())
}
