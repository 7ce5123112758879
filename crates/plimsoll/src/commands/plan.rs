//! `plimsoll plan`.

use anyhow::Context as _;
use plimsoll_format::View;
use plimsoll_model::survey::{Failure as NotScanned, Surveyed};
use plimsoll_scan::plan::{Planner, Saved, read, saved};
use plimsoll_scan::{Options, ScanError};

use super::{Answer, scan};
use crate::cli::PlanArguments;
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};
use crate::progress;

pub(crate) fn run(arguments: &PlanArguments, environment: &Environment) -> Answer {
    let options = Options {
        database: scan::database(arguments.db.as_ref(), environment),
        in_use: scan::in_use(&arguments.in_use)?,
        now: environment.now,
        ..scan::reading_options(&arguments.reading, environment)?
    };
    let mut planner = Planner::new(options.in_use.clone());
    for typed in &arguments.targets {
        match saved(typed).map_err(scan::failed)? {
            Some(Saved::Reports(reports)) => add(&mut planner, &reports),
            Some(Saved::Folder(files)) => {
                for file in files {
                    add(&mut planner, &read(&file.display().to_string()).map_err(scan::failed)?);
                }
            }
            None => planner.add(&scanned(typed, &options, environment)),
        }
    }
    let plan = planner.plan();
    let view = View { all: arguments.all, ..scan::view(&arguments.targets.join(" "), environment) };
    let text = plimsoll_format::plan::write(&plan, arguments.format, &view)
        .context("cannot render the plan")
        .map_err(|error| Failure::new(USAGE, error))?;
    print::data(&text)?;
    // A plan is no verdict; but one with a target left out is not the whole plan.
    Ok(if plan.targets.iter().any(|target| target.failure.is_some()) { UNDECIDED } else { 0 })
}

fn add(planner: &mut Planner, reports: &[Surveyed]) {
    for report in reports {
        planner.add(report);
    }
}

/// A target that cannot be scanned costs no other one its place in the plan.
fn scanned(typed: &str, options: &Options, environment: &Environment) -> Surveyed {
    let progress = progress::Line::new(environment.progress);
    match plimsoll_scan::scan(typed, options, &mut std::io::stdin().lock(), &progress) {
        Ok(report) => Surveyed { name: typed.to_owned(), report: Some(report), failure: None },
        Err(error) => {
            let hint = ScanError::hint(&error);
            let error = anyhow::Error::new(error);
            let causes = error.chain().skip(1).map(ToString::to_string).collect();
            let failure = NotScanned { message: error.to_string(), causes, hint };
            Surveyed { name: typed.to_owned(), report: None, failure: Some(failure) }
        }
    }
}
