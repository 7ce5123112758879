//! `plimsoll check`.

use anyhow::anyhow;
use plimsoll_format::{Format, View};
use plimsoll_model::{Level, Problem, ProblemKind, Report};
use plimsoll_scan::ScanError;
use plimsoll_scan::check::learned::Suggested;
use plimsoll_scan::check::{Asked, CheckOptions, Programs, REPAIRED, Since, check, repair};
use plimsoll_scan::exceptions::Exceptions;
use plimsoll_scan::verdict::Line;

use super::{Answer, audit, scan, verify, whose};
use crate::cli::{CheckArguments, OutputArguments};
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

/// Everything that a rule finds can be put right by an edit, so `fixable` says nothing here.
pub(super) const LINE: Line = Line { severity: Level::High, fixable: false, kev: false };

pub(crate) fn run(arguments: &CheckArguments, environment: &Environment) -> Answer {
    formats_fit(arguments.format, &arguments.output)?;
    if arguments.since.is_some() && arguments.paths.iter().any(|path| path == "-") {
        let error = anyhow!("standard input has no revisions, so --since says nothing about it");
        return Err(Failure::new(USAGE, error).hint("name files and folders of a git repository".to_owned()));
    }
    if arguments.fix && arguments.paths.iter().any(|path| path == "-") {
        let error = anyhow!("--fix writes files, and standard input is none");
        return Err(Failure::new(USAGE, error).hint("name files and folders".to_owned()));
    }
    let asked = asked(&arguments.fix_also)?;
    let exceptions = match &arguments.ignore_file {
        Some(path) => scan::read_exceptions(path, environment)?,
        None => Exceptions::default(),
    };
    let database = scan::database(arguments.db.as_ref(), environment);
    let template = scan::template(arguments.format, &arguments.output)?;
    let view = View {
        all: arguments.all,
        suppressed: arguments.show_suppressed,
        template,
        ..scan::view(&arguments.paths.join(" "), environment)
    };
    let variable = |wanted: &str| environment.git.variables.iter().find(|(name, _)| name == wanted);
    let path = variable("PATH").map(|(_, path)| path.clone()).unwrap_or_default();
    let programs = Programs {
        values: arguments.values.clone(),
        ..Programs::new(path, environment.git.temporary.clone())
    };
    let (policies, rules) = if arguments.policies.is_empty() {
        Default::default()
    } else {
        verify::policies_and_rules(&arguments.policies).map_err(|error| Failure::new(USAGE, error))?
    };
    let options = CheckOptions {
        programs,
        suggested: match &arguments.baseline {
            Some(path) => super::habits::suggested(path, &arguments.applied)?,
            None => Suggested::default(),
        },
        since: arguments.since.clone().map(|revision| Since { revision, git: environment.git.clone() }),
        kinds: audit::kinds(&arguments.kinds).map_err(|error| Failure::new(USAGE, error))?,
        database,
        exceptions,
        line: arguments.fail_on.unwrap_or(LINE),
        framework: arguments.framework,
        rules: std::sync::Arc::new(rules),
        now: environment.now,
        whose: whose::on(&arguments.platform)?,
    };
    let repaired = if arguments.fix {
        repair(&arguments.paths, &options, &asked, arguments.dry_run)
            .map(|done| (done.report, Some(done.diff)))
    } else {
        check(&arguments.paths, &options, &mut std::io::stdin().lock()).map(|report| (report, None))
    };
    let (mut report, diff) = repaired.map_err(|error| {
        let code = if error.is_usage() { USAGE } else { UNDECIDED };
        let hint = match &error {
            ScanError::NotFound { .. } => {
                Some("give a Dockerfile, a manifest, a chart, a folder, or - for standard input".to_owned())
            }
            _ => ScanError::hint(&error),
        };
        Failure::new(code, error).hint(hint)
    })?;
    left_alone(&mut report, policies.policies().len());
    if let (Some(diff), true) = (diff, arguments.dry_run) {
        print::data(&diff)?;
        for reason in report.verdict.reasons.iter().filter(|reason| reason.ends_with("repaired")) {
            print::talk(reason);
        }
    } else {
        scan::write(&report, arguments.format, &arguments.output, &view)?;
    }
    Ok(report.verdict.outcome.exit_code())
}

/// Whether all forms have a place for what rules find.
pub(super) fn formats_fit(format: Format, output: &OutputArguments) -> Result<(), Failure> {
    let formats = output.outputs.iter().map(|(format, _)| *format).chain([format]);
    for format in formats {
        if !format.is_about_files() {
            let error = anyhow!("`{format}` is about packages, and `check` reads none");
            let names = plimsoll_format::names(|row| row.files);
            return Err(Failure::new(USAGE, error).hint(format!("use one of {names}")));
        }
    }
    Ok(())
}

/// Says that policies about images are not asked here.
pub(super) fn left_alone(report: &mut Report, about_images: usize) {
    if about_images > 0 {
        let detail = format!(
            "{about_images} policies about images were left alone: `plimsoll audit --policy` judges by them"
        );
        report.problems.push(Problem::note(ProblemKind::NotCovered, "--policy", detail));
        report.problems.sort();
    }
}

/// The rules that a person wants repaired beside those whose repair is certain.
fn asked(names: &[String]) -> Result<Asked, Failure> {
    let mut asked = Asked::default();
    for name in names {
        match name.as_str() {
            "all" => asked.all = true,
            name if REPAIRED.iter().any(|(rule, _)| *rule == name) => {
                asked.rules.insert(name.to_owned());
            }
            name => {
                let rules: Vec<&str> = REPAIRED.iter().map(|(rule, _)| *rule).collect();
                let error = anyhow!("no repair is known for `{name}`");
                return Err(Failure::new(USAGE, error).hint(format!("use all, {}", rules.join(", "))));
            }
        }
    }
    Ok(asked)
}
