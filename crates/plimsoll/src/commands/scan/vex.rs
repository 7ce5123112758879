//! Which VEX documents and SBOMs count: files, and what is attached to an image.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use plimsoll_advisory::hub::{self, HubError, When};
use plimsoll_http::Client;
use plimsoll_scan::trust::Trust;
use plimsoll_scan::{AttachedDocuments, VexHub, span};

use crate::cli::{AttachedSbomArguments, DbUpdate, RegistryArguments, VexArguments};
use crate::commands::{cache, db::update, verify};
use crate::environment::Environment;
use crate::print::{Failure, UNDECIDED, USAGE};

/// What stands for the documents that are attached to the image.
const ATTACHED: &str = "oci";

/// What `--vex` and its like name.
pub(super) struct Vex {
    /// Documents: name, content.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// Which of the attached ones count, when they are asked for.
    pub(super) attached: Option<Arc<AttachedDocuments>>,
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
    let named = Named {
        keys: &arguments.vex_keys,
        unlogged: arguments.vex_unlogged,
        identity: arguments.vex_identity.as_ref().zip(arguments.vex_issuer.as_ref()),
        roots: &arguments.vex_roots,
    };
    let trust = trust(&named, environment).map_err(usage)?;
    let now = environment.now.as_second();
    let wanted = AttachedDocuments { trust, unsigned: arguments.vex_unsigned, now };
    Ok(Vex { files, attached: Some(Arc::new(wanted)) })
}

/// Which attached SBOMs count, when they are asked for.
pub(super) fn sboms(
    arguments: &AttachedSbomArguments,
    environment: &Environment,
) -> Result<Option<Arc<AttachedDocuments>>, Failure> {
    if !arguments.sbom_oci {
        return Ok(None);
    }
    let named = Named {
        keys: &arguments.sbom_keys,
        unlogged: arguments.sbom_unlogged,
        identity: arguments.sbom_identity.as_ref().zip(arguments.sbom_issuer.as_ref()),
        roots: &arguments.sbom_roots,
    };
    let trust = trust(&named, environment).map_err(|error| Failure::new(USAGE, error))?;
    let now = environment.now.as_second();
    Ok(Some(Arc::new(AttachedDocuments { trust, unsigned: arguments.sbom_unsigned, now })))
}

/// Whose signatures count, as it was typed.
struct Named<'a> {
    keys: &'a [PathBuf],
    unlogged: bool,
    /// Holder of a certificate, and who vouched for that.
    identity: Option<(&'a String, &'a String)>,
    roots: &'a [String],
}

fn trust(named: &Named<'_>, environment: &Environment) -> anyhow::Result<Trust> {
    let mut signers = verify::keys(named.keys, named.unlogged, environment)?;
    if let Some((identity, issuer)) = named.identity {
        signers.push(verify::holder(identity, issuer, Vec::new())?);
    }
    Ok(Trust { roots: verify::roots(named.roots, environment)?, signers })
}

/// The hubs that were named; those behind addresses are asked when it is time.
pub(super) fn hubs(
    arguments: &VexArguments,
    when: DbUpdate,
    registry: &RegistryArguments,
    environment: &Environment,
) -> Result<Vec<VexHub>, Failure> {
    let when = match when {
        DbUpdate::Auto => When::Due,
        DbUpdate::Always => When::Always,
        DbUpdate::Never => When::Never,
    };
    let is_address = |name: &str| name.contains("://");
    let folder = || {
        cache::hubs(&registry.cache, environment).ok_or_else(|| {
            let error =
                anyhow!("there is no place to keep a VEX hub: neither XDG_CACHE_HOME nor HOME is set");
            Failure::new(USAGE, error).hint("name a folder with --cache-dir".to_owned())
        })
    };
    let client = || Client::new(update::impatient(environment.network.http(&registry.ca_files)));
    arguments
        .vex_hub
        .iter()
        .map(|name| {
            if !is_address(name) {
                return Ok(VexHub { name: name.clone(), path: name.into(), note: None });
            }
            let kept = hub::fetch(name, &folder()?, when, environment.now, &client())
                .map_err(|error| refused(name, error))?;
            let age = environment.now.duration_since(kept.asked).unsigned_abs();
            let note = kept.unasked.map(|why| {
                format!("the hub could not be asked ({why}); what it said {} ago is used", span(age))
            });
            let name = kept.url.trim_end_matches('/').to_owned();
            Ok(VexHub { name, path: kept.path, note })
        })
        .collect()
}

fn refused(name: &str, error: HubError) -> Failure {
    let (code, hint) = match &error {
        HubError::Open(_) => {
            (USAGE, Some("give its https:// address, or download it and name the folder".to_owned()))
        }
        HubError::NotKept(_) => {
            let hint = "run once with --db-update auto, or leave --vex-hub out: its findings then count";
            (UNDECIDED, Some(hint.to_owned()))
        }
        HubError::Network(_) | HubError::Read { .. } | HubError::Write { .. } => (
            UNDECIDED,
            Some("without the hub, what it would answer counts: leave --vex-hub out to see that".to_owned()),
        ),
        HubError::Form { .. } => (UNDECIDED, None),
    };
    Failure::new(code, anyhow::Error::new(error).context(format!("cannot use the VEX hub `{name}`")))
        .hint(hint)
}
