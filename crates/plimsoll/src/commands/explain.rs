//! `plimsoll explain`.

use anyhow::anyhow;

use super::Answer;
use crate::cli::ExplainArguments;
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

pub(crate) fn run(arguments: &ExplainArguments, environment: &Environment) -> Answer {
    // A finding of a rule is the rule's id at a place.
    if let Some(text) = plimsoll_scan::explain_rule(arguments.id.split('@').next().unwrap_or_default()) {
        print::data(&text)?;
        return Ok(0);
    }
    let database = super::db::open_if_there(arguments.db.as_deref(), environment)?;
    // A finding's id is an advisory's id at a package URL.
    let (id, package) = match arguments.id.split_once("@pkg:") {
        Some((id, package)) => (id, Some(format!("pkg:{package}"))),
        None => (arguments.id.as_str(), None),
    };
    let text = plimsoll_scan::explain(id, package.as_deref(), database.as_ref())
        .map_err(|error| Failure::new(UNDECIDED, error))?;
    let Some(text) = text else {
        let hint = match &database {
            Some(_) => {
                "check the id; `plimsoll scan TARGET --all` lists the ids of a target's findings".to_owned()
            }
            None => "only the incident pack was asked; `plimsoll db update` fetches a database".to_owned(),
        };
        return Err(Failure::new(USAGE, anyhow!("nothing is known of `{id}`")).hint(hint));
    };
    print::data(&text)?;
    Ok(0)
}
