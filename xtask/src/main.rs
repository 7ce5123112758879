//! Automation of the project: `cargo xtask COMMAND`. One module per command.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

mod accuracy;
mod architecture;
mod cel_oracle;
mod corpus;
mod deps;
mod guest;
mod images;
mod kube_apiserver;
mod peers;
mod places;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some("accuracy") => accuracy::run(&arguments[1..]),
        Some("check-architecture") => architecture::run(),
        Some("cel-oracle") => cel_oracle::run(),
        Some("corpus") => corpus::run(&arguments[1..]),
        Some("deps") => deps::run(&arguments[1..]),
        Some("guest") => guest::run(&arguments[1..]),
        Some("images") => images::run(&arguments[1..]),
        Some("kube-apiserver") => kube_apiserver::run(&arguments[1..]),
        Some("peers") => peers::run(&arguments[1..]),
        _ => {
            eprintln!(
                "usage: cargo xtask accuracy [--all] | check-architecture | cel-oracle | corpus DIR | deps [--check] | guest | images [--dir DIR] | kube-apiserver | peers [--image PATH]"
            );
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
