//! `plimsoll cluster check`.

use anyhow::anyhow;
use plimsoll_format::View;
use plimsoll_scan::check::{CheckOptions, check_cluster};
use plimsoll_scan::cluster::{files_for_rules, live_and_objects};
use plimsoll_scan::exceptions::Exceptions;

use super::{Answer, audit, unusable};
use crate::cli::{ClusterCheckArguments, ClusterInput};
use crate::commands::{check, scan, verify, whose};
use crate::environment::Environment;
use crate::print::{Failure, USAGE};

pub(super) fn run(arguments: &ClusterCheckArguments, environment: &Environment) -> Answer {
    check::formats_fit(arguments.format, &arguments.output)?;
    let on = whose::on(&arguments.platform)?;
    let input = &arguments.input;
    let kinds = audit::kinds(&input.kinds).map_err(|error| Failure::new(USAGE, error))?;
    let exceptions = match &arguments.ignore_file {
        Some(path) => scan::read_exceptions(path, environment)?,
        None => Exceptions::default(),
    };
    let template = scan::template(arguments.format, &arguments.output)?;
    let (policies, rules) = if arguments.policies.is_empty() {
        Default::default()
    } else {
        verify::policies_and_rules(&arguments.policies).map_err(|error| Failure::new(USAGE, error))?
    };
    let (seen, kept) = if input.files.is_empty() {
        let client = audit::client(&input.cluster, environment)?;
        let now = environment.now.to_string();
        live_and_objects(&client, &input.cluster.namespaces, &kinds, now).map_err(audit::failed)?
    } else {
        let read = files_for_rules(&input.files, &kinds, &mut std::io::stdin().lock()).map_err(unusable)?;
        if read.0.cluster.is_of_files() {
            let error = anyhow!("these are objects in files, and no snapshot of a cluster");
            let hint = format!("plimsoll check {}", input.files.join(" "));
            return Err(Failure::new(USAGE, error).hint(hint));
        }
        read
    };
    let view = View {
        all: arguments.all,
        suppressed: arguments.show_suppressed,
        template,
        ..scan::view(&typed(input), environment)
    };
    let options = CheckOptions {
        kinds,
        exceptions,
        line: arguments.fail_on.unwrap_or(check::LINE),
        framework: arguments.framework,
        rules: std::sync::Arc::new(rules),
        whose: on,
        now: environment.now,
        ..CheckOptions::default()
    };
    let mut report = check_cluster(&seen, kept, &options);
    check::left_alone(&mut report, policies.policies().len());
    scan::write(&report, arguments.format, &arguments.output, &view)?;
    Ok(report.verdict.outcome.exit_code())
}

/// What was typed to say which cluster.
fn typed(input: &ClusterInput) -> String {
    let named = |flag: &str, all: &[String]| -> Vec<String> {
        all.iter().map(|one| format!("{flag} {}", plimsoll_format::shell_word(one))).collect()
    };
    [named("--file", &input.files), named("--namespace", &input.cluster.namespaces)].concat().join(" ")
}
