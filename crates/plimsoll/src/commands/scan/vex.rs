//! Which VEX documents count: files, and what is attached to an image.

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use plimsoll_scan::AttachedVex;
use plimsoll_scan::trust::{By, Signer, Trust};

use crate::cli::VexArguments;
use crate::commands::verify;
use crate::environment::Environment;
use crate::print::{Failure, USAGE};

/// What stands for the documents that are attached to the image.
const ATTACHED: &str = "oci";

/// What `--vex` and its like name.
pub(super) struct Vex {
    /// Documents: name, content.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// Which of the attached ones count, when they are asked for.
    pub(super) attached: Option<Arc<AttachedVex>>,
}

pub(super) fn read(arguments: &VexArguments, environment: &Environment) -> Result<Vex, Failure> {
    let usage = |error| Failure::new(USAGE, error);
    let (attached, files): (Vec<_>, Vec<_>) =
        arguments.vex.iter().partition(|path| path.as_path() == Path::new(ATTACHED));
    let files = files
        .into_iter()
        .map(|path| {
            let name = path.display().to_string();
            let bytes = verify::bytes(path).map_err(|error| {
                usage(
                    anyhow!("{}", error.root_cause())
                        .context(format!("cannot read the VEX document `{name}`")),
                )
            })?;
            Ok((name, bytes))
        })
        .collect::<Result<_, Failure>>()?;
    if attached.is_empty() {
        let given = [
            ("--vex-key", !arguments.vex_keys.is_empty()),
            ("--vex-identity", arguments.vex_identity.is_some()),
            ("--vex-trust-root", !arguments.vex_roots.is_empty()),
            ("--vex-unsigned", arguments.vex_unsigned),
        ];
        if let Some((flag, _)) = given.iter().find(|(_, given)| *given) {
            let error = anyhow!("`{flag}` says which attached VEX documents count, and none are asked for");
            return Err(usage(error).hint("add --vex oci".to_owned()));
        }
        return Ok(Vex { files, attached: None });
    }
    let trust = trust(arguments, environment).map_err(usage)?;
    let now = environment.now.as_second();
    let wanted = AttachedVex { trust, unsigned: arguments.vex_unsigned, now };
    Ok(Vex { files, attached: Some(Arc::new(wanted)) })
}

fn trust(arguments: &VexArguments, environment: &Environment) -> anyhow::Result<Trust> {
    let mut signers = verify::keys(&arguments.vex_keys, arguments.vex_unlogged)?;
    if let (Some(identity), Some(issuer)) = (&arguments.vex_identity, &arguments.vex_issuer) {
        signers.push(Signer {
            name: identity.clone(),
            by: By::Identity {
                subject: verify::pattern(identity)?,
                issuer: verify::pattern(issuer)?,
                claims: Vec::new(),
                roots: Vec::new(),
            },
        });
    }
    Ok(Trust { roots: verify::roots(&arguments.vex_roots, environment)?, signers })
}
