//! Completions and the manual page.

use anyhow::{Context as _, anyhow};
use clap::CommandFactory as _;

use super::Answer;
use crate::cli::{Arguments, Shell};
use crate::print::{self, Failure, USAGE};

pub(crate) fn completions(shell: Shell) -> Answer {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Elvish => clap_complete::Shell::Elvish,
        Shell::Fish => clap_complete::Shell::Fish,
        Shell::Powershell => clap_complete::Shell::PowerShell,
        Shell::Zsh => clap_complete::Shell::Zsh,
    };
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "plimsoll", &mut text);
    print::data(&String::from_utf8_lossy(&text))?;
    Ok(0)
}

/// The page of the program, or of the command that `path` names (`db build`).
pub(crate) fn man(path: &[String]) -> Answer {
    let mut command = Arguments::command();
    // Names commands below the program by their whole name, as in `plimsoll-db-build(1)`, and hands global flags down.
    command.build();
    for word in path {
        let Some(found) = command.find_subcommand(word).cloned() else {
            let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
            let error = anyhow!("there is no command `{}`", path.join(" "));
            let hint = (!names.is_empty()).then(|| format!("expected one of {}", names.join(", ")));
            return Err(Failure::new(USAGE, error).hint(hint));
        };
        command = found;
    }
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text).context("cannot render the manual page")?;
    print::data(&String::from_utf8_lossy(&text))?;
    Ok(0)
}
