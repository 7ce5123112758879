//! `plimsoll trust`: the trust roots of keyless signatures.

use anyhow::anyhow;
use plimsoll_http::Client;
use plimsoll_scan::policy::moment;
use plimsoll_scan::trust::{Origin, Root, Roots};

use super::{Answer, verify};
use crate::cli::TrustCommand;
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

/// What is fetched when nothing is named. The staging instance is for those who work on sigstore itself.
const USUAL: [&str; 2] = ["sigstore", "github"];

pub(crate) fn run(command: &TrustCommand, environment: &Environment) -> Answer {
    let usage = |error| Failure::new(USAGE, error);
    let roots = kept(environment).ok_or_else(|| {
        usage(anyhow!("there is no folder to keep trust roots in"))
            .hint("set HOME, or name one with PLIMSOLL_TRUST_ROOTS".to_owned())
    })?;
    match command {
        TrustCommand::Update { names, ca_files } => {
            let client = Client::new(environment.network.http(ca_files));
            update(&roots, names, &client, environment)
        }
        TrustCommand::Status => status(&roots, environment),
        TrustCommand::Add { name, file, tuf, root } => {
            let added = match (file, tuf, root) {
                (Some(file), ..) => roots.add_file(name, &verify::text(file).map_err(usage)?),
                (None, Some(address), Some(root)) => {
                    roots.add_repository(name, address, &verify::text(root).map_err(usage)?)
                }
                _ => return Err(usage(anyhow!("give a trusted_root.json, or `--tuf` and `--root`"))),
            };
            added.map_err(|error| usage(error.into()))?;
            let next = if tuf.is_some() { "; `plimsoll trust update` fetches it" } else { "" };
            print::talk(&format!("`--trust-root {name}` names it from now on{next}"));
            Ok(0)
        }
    }
}

fn kept(environment: &Environment) -> Option<Roots> {
    environment.trust_roots.as_ref().map(Roots::new)
}

/// A trust root by the name that a user gave: kept or built in, else a file.
pub(super) fn root(name: &str, environment: &Environment) -> anyhow::Result<Root> {
    let now = environment.now.as_second();
    let known = match kept(environment) {
        Some(roots) => roots.root(name, now)?,
        None => Root::builtin(name).transpose()?.map(|root| (root, Origin::Snapshot)),
    };
    match known {
        Some((root, Origin::Updated { fresh_until, .. })) if fresh_until <= now => {
            print::talk(&format!(
                "the trust root `{name}` is what was known until {}: `plimsoll trust update` fetches what has changed since",
                moment(fresh_until)
            ));
            Ok(root)
        }
        Some((root, _)) => Ok(root),
        None => Ok(Root::from_json(name, &verify::text(std::path::Path::new(name))?)?),
    }
}

fn update(roots: &Roots, names: &[String], client: &Client, environment: &Environment) -> Answer {
    let names = match names {
        [] => {
            let all = roots.names().map_err(|error| Failure::new(UNDECIDED, error))?;
            all.into_iter()
                .filter(|name| USUAL.contains(&name.as_str()) || Root::builtin(name).is_none())
                .collect()
        }
        given => given.to_vec(),
    };
    let mut failed = false;
    for name in &names {
        // One that is a file has nothing to fetch.
        let is_file = matches!(roots.root(name, environment.now.as_second()), Ok(Some((_, Origin::File))));
        if is_file {
            continue;
        }
        match roots.update(name, client, environment.now.as_second()) {
            Ok(until) => print::data(&format!("{name}: fresh until {}\n", moment(until)))?,
            Err(error) => {
                failed = true;
                print::talk(&format!("error: {}", line(&error)));
            }
        }
    }
    Ok(if failed { UNDECIDED } else { 0 })
}

fn status(roots: &Roots, environment: &Environment) -> Answer {
    let names = roots.names().map_err(|error| Failure::new(UNDECIDED, error))?;
    let now = environment.now.as_second();
    let mut failed = false;
    let mut text = String::new();
    for name in names {
        let row = match roots.root(&name, now) {
            Ok(Some((root, origin))) => {
                let from = match origin {
                    Origin::Snapshot => "snapshot inside this program".to_owned(),
                    Origin::File => "a file".to_owned(),
                    Origin::Updated { address, fresh_until } if fresh_until <= now => {
                        format!("{address}, out of date since {}", moment(fresh_until))
                    }
                    Origin::Updated { address, fresh_until } => {
                        format!("{address}, fresh until {}", moment(fresh_until))
                    }
                };
                let until = root.window().until;
                let until = match until {
                    None => "no end set".to_owned(),
                    Some(until) if until <= now => format!("no new signatures since {}", moment(until)),
                    Some(until) => format!("until {}", moment(until)),
                };
                format!("{name:<18} {until:<28} {from}\n")
            }
            Ok(None) => format!("{name:<18} {:<28} `plimsoll trust update` fetches it\n", "not fetched yet"),
            Err(error) => {
                failed = true;
                format!("{name:<18} {:<28} {}\n", "cannot be used", line(&error))
            }
        };
        text.push_str(&row);
    }
    print::data(&text)?;
    Ok(if failed { UNDECIDED } else { 0 })
}

/// An error and its causes in one line, as a terminal may show it.
fn line(error: impl std::error::Error) -> String {
    plimsoll_format::clean(&plimsoll_model::one_line(error)).into_owned()
}
