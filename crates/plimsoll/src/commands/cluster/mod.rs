//! `plimsoll cluster`: one module for each analysis, and what they share - the cluster that they are about.

mod attack;
mod check;
mod diff;
mod paths;
mod pss;
mod reach;
mod snapshot;
mod suggest;
mod who_can;

use plimsoll_scan::cluster::{ClusterError, Seen, files, live};

use super::{Answer, audit};
use crate::cli::{ClusterCommand, ClusterInput};
use crate::environment::Environment;
use crate::print::{Failure, UNDECIDED, USAGE};

pub(crate) fn run(command: &ClusterCommand, environment: &Environment) -> Answer {
    match command {
        ClusterCommand::Check(arguments) => check::run(arguments, environment),
        ClusterCommand::Attack(arguments) => attack::run(arguments, environment),
        ClusterCommand::Diff(arguments) => diff::run(arguments, environment),
        ClusterCommand::Paths(arguments) => paths::run(arguments, environment),
        ClusterCommand::Pss(arguments) => pss::run(arguments, environment),
        ClusterCommand::Reach(arguments) => reach::run(arguments, environment),
        ClusterCommand::Suggest(arguments) => suggest::run(arguments, environment),
        ClusterCommand::WhoCan(arguments) => who_can::run(arguments, environment),
        ClusterCommand::Snapshot { cluster, kinds } => snapshot::run(cluster, kinds, environment),
    }
}

/// The cluster that was asked for, with what could not be seen of it.
fn seen(input: &ClusterInput, environment: &Environment) -> Result<Seen, Failure> {
    let kinds = audit::kinds(&input.kinds).map_err(|error| Failure::new(USAGE, error))?;
    if input.files.is_empty() {
        let client = audit::client(&input.cluster, environment)?;
        let now = environment.now.to_string();
        return live(&client, &input.cluster.namespaces, &kinds, now).map_err(audit::failed);
    }
    files(&input.files, &kinds, &mut std::io::stdin().lock()).map_err(unusable)
}

/// Files are no cluster.
fn unusable(error: ClusterError) -> Failure {
    let code = if error.is_usage() { USAGE } else { UNDECIDED };
    let hint = "give a snapshot (plimsoll cluster snapshot), what kubectl get -o json prints, manifests, or a folder";
    Failure::new(code, error).hint(hint.to_owned())
}
