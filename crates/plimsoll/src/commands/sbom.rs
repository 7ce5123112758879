//! `plimsoll sbom`.

use anyhow::anyhow;
use plimsoll_format::View;
use plimsoll_model::Effect;
use plimsoll_scan::{Options, git};

use super::{Answer, scan};
use crate::cli::SbomArguments;
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

pub(crate) fn run(arguments: &SbomArguments, environment: &Environment) -> Answer {
    let formats =
        [arguments.format].into_iter().chain(arguments.output.outputs.iter().map(|(format, _)| *format));
    for format in formats {
        if !format.is_inventory() {
            let error = anyhow!("`{}` is no form of inventory", format.name());
            return Err(Failure::new(USAGE, error)
                .hint(format!("use one of {}", plimsoll_format::names(|row| row.inventory))));
        }
    }
    let template = scan::template(arguments.format, &arguments.output)?;
    let options = Options {
        inventory_only: true,
        now: environment.now,
        ..scan::reading_options(&arguments.target.reading, environment)?
    };
    if options.whose.is_some() {
        let error = anyhow!(
            "an inventory holds no findings, so --platform names a platform of the image only, as in linux/arm64"
        );
        return Err(Failure::new(USAGE, error));
    }
    let view = View { template, ..scan::view(&git::shown(&arguments.target.target), environment) };
    let report = scan::scan(&arguments.target.target, &options, environment)?;
    scan::write(&report, arguments.format, &arguments.output, &view)?;
    // An inventory of which a part could not be read is not the whole inventory: the caller must be able to tell.
    let unseen: Vec<_> =
        report.problems.iter().filter(|problem| problem.effect == Effect::Incomplete).collect();
    for problem in unseen.iter().take(5) {
        print::warning(&format!("could not see {}: {}", problem.subject, problem.detail));
    }
    if unseen.len() > 5 {
        print::warning(&format!(
            "and {} more; plimsoll sbom {} --format json lists all",
            unseen.len() - 5,
            arguments.target.target
        ));
    }
    Ok(if unseen.is_empty() { 0 } else { UNDECIDED })
}
