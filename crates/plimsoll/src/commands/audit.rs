//! `plimsoll audit`.

use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context as _;
use plimsoll_format::View;
use plimsoll_model::audit::{Audit, ClusterInfo};
use plimsoll_model::workload::Kinds;
use plimsoll_rules::Rules;
use plimsoll_scan::Options;
use plimsoll_scan::audit::live::{self, Readings, Scope, Sink};
use plimsoll_scan::audit::snapshot::{self, SnapshotError, Told};
use plimsoll_scan::audit::{Collector, Evidence, Settings, not_in_snapshot};
use plimsoll_scan::gate::Gate;
use plimsoll_scan::kube::{self, Access, Client, Surroundings};

use super::{Answer, notation, scan, verify, whose};
use crate::cli::{AuditArguments, ClusterArguments};
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};
use crate::progress;

mod watch;

pub(crate) fn run(arguments: &AuditArguments, environment: &Environment) -> Answer {
    let on = whose::on(&arguments.platform)?;
    if arguments.watch {
        return watch::run(arguments, on.as_ref(), environment);
    }
    let usage = |error| Failure::new(USAGE, error);
    let kinds = kinds(&arguments.kinds).map_err(usage)?;
    let gate = gate(arguments, environment).map_err(usage)?;
    let settings = settings(arguments);
    let options = options(arguments, environment);
    let mut collector = Collector::new(kinds.clone(), gate.policies().standards()).with_rules(&gate.rules);
    let (cluster, missing, problems) = match &arguments.file {
        Some(file) => {
            let mut told = read_file(file, &mut collector)?;
            if told.cluster.is_some() {
                told.missing.extend(not_in_snapshot(&gate.rules, &told.lists));
            }
            let named = ClusterInfo { name: file.display().to_string(), ..ClusterInfo::default() };
            (told.cluster.unwrap_or(named), told.missing, told.problems)
        }
        None => {
            let (client, readings) =
                connect(&arguments.cluster, &kinds, (Scope::Audit, &gate.rules), environment)?;
            let cluster = info(&client, &readings, environment.now);
            let missing = live::read(&client, &readings, &arguments.cluster.namespaces, &mut collector);
            (cluster, missing, Vec::new())
        }
    };
    let progress = progress::Line::new(environment.progress);
    let mut evidence = Evidence::default();
    let mut audit = plimsoll_scan::audit::audit(
        &mut collector,
        cluster,
        missing,
        &gate,
        &mut evidence,
        &settings,
        &options,
        &progress,
    );
    drop(progress);
    if !problems.is_empty() {
        audit.problems.extend(problems);
        audit.verdict = Audit::verdict_of(&audit.results, &audit.rules, &audit.missing, &audit.problems);
    }
    if let Some(on) = &on {
        on.tell_audit(&mut audit);
    }
    let view = View { all: arguments.all, ..scan::view("", environment) };
    let text = plimsoll_format::audit::write(&audit, arguments.format.form(), &view)
        .context("cannot render the audit")
        .map_err(usage)?;
    print::data(&text)?;
    Ok(audit.verdict.exit_code())
}

pub(super) fn kinds(given: &[String]) -> anyhow::Result<Kinds> {
    let mut kinds = Kinds::default();
    for text in given {
        kinds.add(text)?;
    }
    Ok(kinds)
}

fn settings(arguments: &AuditArguments) -> Settings {
    Settings {
        threads: usize::from(arguments.jobs),
        provenance: !arguments.no_provenance,
        policies: arguments.policies.iter().map(|path| path.display().to_string()).collect(),
        again: 60,
    }
}

/// The policies with what they are checked by.
fn gate(arguments: &AuditArguments, environment: &Environment) -> anyhow::Result<Gate> {
    let (policies, rules) = verify::policies_and_rules(&arguments.policies)?;
    let revocations = notation::revocations(&arguments.notation_revocations)?;
    let mut gate = Gate::new(policies, verify::roots(&arguments.roots, environment)?, &revocations)?;
    gate.repositories = verify::repositories(&arguments.repositories)?;
    gate.rules = std::sync::Arc::new(rules);
    Ok(gate)
}

fn options(arguments: &AuditArguments, environment: &Environment) -> Options {
    let registry = &arguments.registry;
    Options {
        database: scan::database(arguments.db.as_ref(), environment),
        now: environment.now,
        registries: (!arguments.offline).then(|| environment.network.registries(registry)),
        cache: if registry.no_cache { None } else { super::cache::cache(&registry.cache, environment) },
        ..Options::default()
    }
}

/// The cluster, and what is to be read of it: for what, and by which rules.
pub(super) fn connect(
    arguments: &ClusterArguments,
    kinds: &Kinds,
    scope: (Scope, &Rules),
    environment: &Environment,
) -> Result<(Client, Readings), Failure> {
    let client = client(arguments, environment)?;
    let readings = live::readings_for(&client, kinds, scope.0, scope.1).map_err(failed)?;
    Ok((client, readings))
}

pub(super) fn client(arguments: &ClusterArguments, environment: &Environment) -> Result<Client, Failure> {
    let surroundings = Surroundings { named: arguments.kubeconfig.clone(), ..environment.cluster.clone() };
    let settings = environment.network.http(&[]);
    let access = Access::find(&surroundings, arguments.context.as_deref(), &settings);
    access.map(Client::new).map_err(failed)
}

pub(super) fn failed(error: kube::Error) -> Failure {
    let code = match error {
        kube::Error::NoCluster { .. } | kube::Error::Kubeconfig { .. } | kube::Error::File { .. } => USAGE,
        _ => UNDECIDED,
    };
    let hint = error.hint();
    Failure::new(code, error).hint(hint)
}

pub(super) fn info(client: &Client, readings: &Readings, now: jiff::Timestamp) -> ClusterInfo {
    ClusterInfo {
        name: client.access().context.clone(),
        version: readings.version.clone(),
        taken_at: Some(now.to_string()),
    }
}

pub(super) fn read_file(file: &Path, sink: &mut dyn Sink) -> Result<Told, Failure> {
    let name = file.display().to_string();
    let mut input: Box<dyn BufRead> =
        if name == "-" {
            Box::new(BufReader::new(std::io::stdin()))
        } else {
            let opened = std::fs::File::open(file);
            Box::new(BufReader::new(opened.map_err(|source| {
                Failure::new(UNDECIDED, SnapshotError::Read { file: name.clone(), source })
            })?))
        };
    snapshot::read(&name, &mut input, sink).map_err(|error| Failure::new(UNDECIDED, error))
}
