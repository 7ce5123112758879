//! `plimsoll cluster reach`.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use plimsoll_format::View;
use plimsoll_format::reach::{ReachForm, write, write_diff, write_query};
use plimsoll_scan::cluster::{End, Reachability, Seen, at_revision, diff, files};

use super::{Answer, audit, seen, unusable};
use crate::cli::ReachArguments;
use crate::commands::{scan, whose};
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

/// Most connections that are listed where all are.
const CONNECTIONS: usize = 100_000;
/// Most pairs that a question is answered for.
const ANSWERS: usize = 1_000;

/// What a cluster can be compared with.
const COMPARABLE: &str = "give a snapshot or manifests, or a revision in git of the files that --file names";

pub(super) fn run(arguments: &ReachArguments, environment: &Environment) -> Answer {
    let form = arguments.format.form();
    let view = View { all: arguments.all, ..scan::view("", environment) };
    let rendering = |error| Failure::new(USAGE, anyhow::Error::new(error));
    if let Some(other) = &arguments.diff
        && arguments.input.files.is_empty()
        && !Path::new(other).exists()
    {
        return Err(Failure::new(USAGE, anyhow!("`{other}` does not exist")).hint(COMPARABLE.to_owned()));
    }
    let on = whose::on(&arguments.platform)?;
    let now = seen(&arguments.input, environment)?;
    let mut reachability = decided(&now)?;
    let (text, verdict) = match (&arguments.diff, &arguments.from, &arguments.to) {
        (Some(other), ..) => {
            let before = other_cluster(other, arguments, environment)?;
            let mut was = decided(&before)?;
            let mut answer = diff((&mut was, &before.info), (&mut reachability, &now.info), CONNECTIONS);
            if let Some(on) = &on {
                on.tell_reach_diff(&mut answer);
            }
            (write_diff(&answer, form, &view).map_err(rendering)?, answer.verdict)
        }
        (None, Some(from), Some(to)) => {
            let (one, other) = (end(&reachability, from)?, end(&reachability, to)?);
            let ends = ((from.as_str(), &one), (to.as_str(), &other));
            let answer = reachability.ask(ends.0, ends.1, arguments.port, &now.info, ANSWERS);
            (write_query(&answer, form, &view).map_err(rendering)?, answer.verdict)
        }
        _ => {
            let listed = arguments.all || !matches!(form, ReachForm::Table | ReachForm::Markdown);
            let mut answer = reachability.whole(&now.info, if listed { CONNECTIONS } else { 0 });
            if let Some(on) = &on {
                on.tell_reach(&mut answer);
            }
            (write(&answer, form, &view).map_err(rendering)?, answer.verdict)
        }
    };
    print::data(&text).context("cannot write the answer")?;
    Ok(verdict.exit_code())
}

fn decided(seen: &Seen) -> Result<Reachability<'_>, Failure> {
    Reachability::new(&seen.cluster).map_err(|error| Failure::new(UNDECIDED, error))
}

fn end(reachability: &Reachability<'_>, text: &str) -> Result<End, Failure> {
    reachability.end(text).map_err(|detail| {
        Failure::new(USAGE, anyhow!(detail))
            .hint("NAMESPACE/KIND/NAME, NAMESPACE/NAME, NAMESPACE/, internet, metadata, api-server, an address or a block".to_owned())
    })
}

/// What the cluster is compared with: files, or the same files at a revision.
fn other_cluster(
    other: &str,
    arguments: &ReachArguments,
    environment: &Environment,
) -> Result<Seen, Failure> {
    let kinds = audit::kinds(&arguments.input.kinds).map_err(|error| Failure::new(USAGE, error))?;
    if Path::new(other).exists() {
        return files(&[other.to_owned()], &kinds, &mut std::io::empty()).map_err(unusable);
    }
    at_revision(other, &arguments.input.files, &kinds, &environment.git).map_err(|error| {
        if error.is_usage() {
            let told = format!("there is no file `{other}` to compare with, and no such revision");
            Failure::new(USAGE, anyhow!(error).context(told)).hint(COMPARABLE.to_owned())
        } else {
            unusable(error)
        }
    })
}
