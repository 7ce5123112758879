//! The `plimsoll` program: reads the command line, calls the use cases, prints, and answers with an exit code.
//!
//! Exit codes: 0 met, 1 not met, 2 usage or configuration, 3 could not decide. Data go to standard output, everything
//! else to standard error.

mod cli;
mod commands;
mod environment;
mod network;
mod print;
mod progress;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap knows which of its messages are answers (--help, --version) and which are errors.
            let code = if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
            let _ = error.print();
            return code;
        }
    };
    let environment = environment::Environment::read(arguments.color);
    let result = match &arguments.command {
        cli::Command::Scan(arguments) => commands::scan::run(arguments, &environment),
        cli::Command::Diff(arguments) => commands::diff::run(arguments, &environment),
        cli::Command::Verify(arguments) => commands::verify::run(arguments, &environment),
        cli::Command::Audit(arguments) => commands::audit::run(arguments, &environment),
        cli::Command::Cluster { command } => commands::cluster::run(command, &environment),
        cli::Command::Policy { command } => commands::policy::run(command, &environment),
        cli::Command::Node(arguments) => commands::node::run(arguments, &environment),
        cli::Command::Whose(arguments) => commands::whose::run(arguments, &environment),
        cli::Command::Attest(arguments) => commands::attest::run(arguments, &environment),
        cli::Command::Admit(arguments) => commands::admit::run(arguments, &environment),
        cli::Command::Trust(command) => commands::trust::run(command, &environment),
        cli::Command::Plan(arguments) => commands::plan::run(arguments, &environment),
        cli::Command::Check(arguments) => commands::check::run(arguments, &environment),
        cli::Command::Sbom(arguments) => commands::sbom::run(arguments, &environment),
        cli::Command::Db(arguments) => commands::db::run(arguments, &environment),
        cli::Command::Registry(command) => commands::registry::run(command, &environment),
        cli::Command::Cache(command) => commands::cache::run(command, &environment),
        cli::Command::Watch(arguments) => commands::watch::run(arguments, &environment),
        cli::Command::Doctor(arguments) => commands::doctor::run(arguments),
        cli::Command::Explain(arguments) => commands::explain::run(arguments, &environment),
        cli::Command::Completions { shell } => commands::meta::completions(*shell),
        cli::Command::Man { command } => commands::meta::man(command),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            if failure.is_closed_pipe() {
                // Whoever read our output has seen enough (`plimsoll scan ... | head`).
                return ExitCode::SUCCESS;
            }
            print::failure(&failure, &environment);
            ExitCode::from(failure.code())
        }
    }
}
