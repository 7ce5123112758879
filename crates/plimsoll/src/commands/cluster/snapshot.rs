//! `plimsoll cluster snapshot`.

use std::io::Write as _;

use anyhow::Context as _;
use plimsoll_scan::audit::live::{self, Scope};
use plimsoll_scan::audit::snapshot;

use super::{Answer, audit};
use crate::cli::ClusterArguments;
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

pub(super) fn run(cluster: &ClusterArguments, kinds: &[String], environment: &Environment) -> Answer {
    let kinds = audit::kinds(kinds).map_err(|error| Failure::new(USAGE, error))?;
    let (client, readings) =
        audit::connect(cluster, &kinds, (Scope::Everything, &plimsoll_rules::Rules::default()), environment)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut writer = snapshot::Writer::new(&mut out, audit::info(&client, &readings, environment.now));
    let missing = live::read(&client, &readings, &cluster.namespaces, &mut writer);
    writer.end(missing.clone(), readings.names()).context("cannot write to standard output")?;
    out.flush().context("cannot write to standard output")?;
    for one in &missing {
        print::warning(&format!("not in the snapshot: {}: {}", one.unknown, one.reason));
    }
    Ok(if missing.iter().any(|one| one.decides) { UNDECIDED } else { 0 })
}
