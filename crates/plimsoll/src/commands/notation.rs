//! What users of Notation already have on disk: trust policies, trust stores, revocation lists.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use plimsoll_scan::Reference;
use plimsoll_scan::trust::notation::{KINDS, Revocations, TrustPolicy, TrustStore};
use plimsoll_scan::trust::{By, Signer};

use super::verify;

/// What a trust policy says of a repository.
pub(crate) enum Found {
    /// Whose signatures count.
    Signer(Box<Signer>),
    /// None is asked for, and why.
    Skip(String),
}

/// The signer that the trust policy for an image's repository stands for.
pub(crate) fn signer(
    policy_path: &Path,
    store: Option<&Path>,
    revocation_paths: &[PathBuf],
    image: &str,
) -> anyhow::Result<Found> {
    let policy = TrustPolicy::parse(&policy_path.display().to_string(), &verify::text(policy_path)?)?;
    let reference = Reference::parse(image.strip_prefix("registry:").unwrap_or(image))?;
    let repository = reference.name().to_string();
    let statement = policy.about(&repository).ok_or_else(|| {
        anyhow!("no policy in `{}` is about `{repository}` (registryScopes)", policy_path.display())
    })?;
    let store = match store {
        Some(folder) => trust_store(folder)?,
        None => trust_store(policy_path.parent().unwrap_or(Path::new(".")))?,
    };
    let name = statement.name().to_owned();
    Ok(match policy.signer(statement, &store, &revocations(revocation_paths)?)? {
        Some(signer) => Found::Signer(Box::new(Signer { name, by: By::Notation(Box::new(signer)) })),
        None => Found::Skip(format!("the trust policy `{name}` asks for no verification of this repository")),
    })
}

/// `truststore/x509/KIND/NAME/FILE`, as Notation lays it out; the folder may be the one above or `truststore` itself.
fn trust_store(folder: &Path) -> anyhow::Result<TrustStore> {
    let within = [folder.join("truststore/x509"), folder.join("x509")];
    let mut store = TrustStore::default();
    let Some(root) = within.iter().find(|path| path.is_dir()) else {
        // A policy that skips everything needs none; one that needs it names the store that is missing.
        return Ok(store);
    };
    for kind in KINDS {
        let path = root.join(kind);
        if !path.is_dir() {
            continue;
        }
        for named in listed(&path)? {
            let Some(name) = named.file_name().and_then(|name| name.to_str()) else { continue };
            if !named.is_dir() {
                continue;
            }
            for file in listed(&named)? {
                store.add(&format!("{kind}:{name}"), &file.display().to_string(), &verify::bytes(&file)?)?;
            }
        }
    }
    Ok(store)
}

/// Revocation lists and OCSP responses of files and folders.
pub(crate) fn revocations(paths: &[PathBuf]) -> anyhow::Result<Arc<Revocations>> {
    let mut revocations = Revocations::default();
    for path in paths {
        let files = if path.is_dir() { listed(path)? } else { vec![path.clone()] };
        for file in files {
            revocations.add(&file.display().to_string(), &verify::bytes(&file)?)?;
        }
    }
    Ok(Arc::new(revocations))
}

/// What is in a folder, in the order of its names.
fn listed(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let named = || format!("cannot list `{}`", folder.display());
    let mut out = std::fs::read_dir(folder)
        .with_context(named)?
        .map(|entry| Ok(entry.with_context(named)?.path()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    out.sort();
    Ok(out)
}
