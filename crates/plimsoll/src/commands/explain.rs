//! `plimsoll explain`.

use anyhow::anyhow;

use super::{Answer, scan};
use crate::cli::ExplainArguments;
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

pub(crate) fn run(arguments: &ExplainArguments, environment: &Environment) -> Answer {
    // A finding's id is an advisory's id at a package URL, or a rule's at a place.
    let (id, package) = match arguments.id.split_once("@pkg:") {
        Some((id, package)) => (id, Some(format!("pkg:{package}"))),
        None => (arguments.id.as_str(), None),
    };
    let told = match &arguments.report {
        None => None,
        Some(path) => {
            let reports = plimsoll_scan::plan::read(&path.display().to_string()).map_err(scan::failed)?;
            let told = plimsoll_scan::explain_report(&reports, id, package.as_deref());
            let absent = || {
                let error = anyhow!("`{}` has no finding `{}`", path.display(), arguments.id);
                Failure::new(USAGE, error)
                    .hint("without --report it says what is known in general".to_owned())
            };
            Some(told.ok_or_else(absent)?)
        }
    };
    let general = general(arguments, id, package.as_deref(), environment);
    match (told, general) {
        (None, general) => print::data(&general?)?,
        // What a report says of it stands also where nothing else is known.
        (Some(told), Ok(general)) => print::data(&format!("{told}\n{general}"))?,
        (Some(told), Err(failure)) => {
            print::data(&told)?;
            if failure.code() != USAGE {
                return Err(failure);
            }
        }
    }
    Ok(0)
}

/// What is known of it wherever it is found.
fn general(
    arguments: &ExplainArguments,
    id: &str,
    package: Option<&str>,
    environment: &Environment,
) -> Result<String, Failure> {
    if let Some(text) = plimsoll_scan::explain_rule(arguments.id.split('@').next().unwrap_or_default()) {
        return Ok(text);
    }
    if let Some(text) = super::watch::explain(id) {
        return Ok(text);
    }
    let database = super::db::open_if_there(arguments.db.as_deref(), environment)?;
    let text = plimsoll_scan::explain(id, package, database.as_ref())
        .map_err(|error| Failure::new(UNDECIDED, error))?;
    text.ok_or_else(|| {
        let hint = match &database {
            Some(_) => {
                "check the id; `plimsoll scan TARGET --all` lists the ids of a target's findings".to_owned()
            }
            None => "only the incident pack was asked; `plimsoll db update` fetches a database".to_owned(),
        };
        Failure::new(USAGE, anyhow!("nothing is known of `{id}`")).hint(hint)
    })
}
