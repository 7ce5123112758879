//! `plimsoll node`: what is on this node that verdicts need.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use plimsoll_format::clean;
use plimsoll_model::node::NodeFacts;

use super::Answer;
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 it was looked at, 2 usage, 3 a part could not be read or no kubelet was found.

Examples:
  plimsoll node > node.json
  plimsoll node --root /host --name \"$NODE_NAME\" > node.json
  plimsoll whose --eks cluster.json --snapshot cluster.jsonl --node node.json"
)]
pub(crate) struct NodeArguments {
    /// The root file system of the node, with its /proc and /sys
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,

    /// Name of the node, as the cluster knows it [default: --hostname-override of the kubelet, else the host's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Form of the answer; only JSON can be given to --node of other commands
    #[arg(long, short = 'f', value_enum, value_name = "FORMAT", default_value_t = NodeForm::Json)]
    format: NodeForm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum NodeForm {
    Json,
    Table,
}

pub(crate) fn run(arguments: &NodeArguments, environment: &Environment) -> Answer {
    if !arguments.root.is_dir() {
        let error = anyhow!("`{}` is no folder", arguments.root.display());
        return Err(Failure::new(USAGE, error));
    }
    let facts = plimsoll_scan::node::look(&arguments.root, arguments.name.as_deref(), environment.now);
    if facts.node.is_empty() {
        let error = anyhow!("the node has no name that could be read");
        return Err(Failure::new(USAGE, error).hint("give it by --name, as the cluster knows it".to_owned()));
    }
    let text = match arguments.format {
        NodeForm::Json => {
            let mut text = serde_json::to_string_pretty(&facts)
                .context("cannot render it")
                .map_err(|error| Failure::new(UNDECIDED, error))?;
            text.push('\n');
            text
        }
        NodeForm::Table => table(&facts),
    };
    print::data(&text)?;
    for problem in &facts.problems {
        print::talk(&format!("{}: {}", clean(&problem.subject), clean(&problem.detail)));
    }
    Ok(if facts.problems.is_empty() { 0 } else { UNDECIDED })
}

fn table(facts: &NodeFacts) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<16}{}", clean(&value));
    };
    let known = |value: Option<bool>, yes: &str, no: &str| match value {
        Some(true) => yes.to_owned(),
        Some(false) => no.to_owned(),
        None => "not known".to_owned(),
    };
    line("node", facts.node.clone());
    line("system", facts.os.clone().unwrap_or_else(|| "not known".into()));
    line("kernel", facts.kernel.clone().unwrap_or_else(|| "not known".into()));
    let kubelet = facts.kubelet.as_ref();
    line(
        "kubelet",
        match kubelet.and_then(|kubelet| kubelet.arguments.as_ref()) {
            Some(arguments) => format!("runs with {} arguments", arguments.len()),
            None => "its process was not seen".into(),
        },
    );
    let file = kubelet.and_then(|kubelet| kubelet.configuration_file.clone());
    line("configuration", file.unwrap_or_else(|| "not found".into()));
    line("runtime", facts.runtime.as_ref().map_or("not found".into(), |runtime| runtime.name.clone()));
    line("secure boot", known(facts.secure_boot, "on", "off"));
    let access = facts.remote_access.as_ref();
    line(
        "port 22",
        known(access.and_then(|access| access.listens), "open to the outside", "closed to the outside"),
    );
    if let Some(keys) = access.and_then(|access| access.accounts_with_keys.as_ref()) {
        line("SSH keys", if keys.is_empty() { "none".into() } else { keys.join(", ") });
    }
    for disk in &facts.disks {
        line(
            "disk",
            format!("{} {}", disk.mount, known(disk.encrypted, "encrypted", "not encrypted by the node")),
        );
    }
    for file in &facts.files {
        let owner = match (file.user, file.group) {
            (Some(user), Some(group)) => format!("{user}:{group}"),
            _ => "?".into(),
        };
        line("file", format!("{} {owner} {}", file.mode.as_deref().unwrap_or("?"), file.path));
    }
    for certificate in &facts.certificates {
        let until = certificate.until.as_deref().unwrap_or("an end that cannot be read");
        line("certificate", format!("{} until {until}", certificate.path));
    }
    text
}
