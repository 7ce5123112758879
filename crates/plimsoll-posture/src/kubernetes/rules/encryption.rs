//! What a file of `--encryption-provider-config` says of a kind of objects (`apiserver.config.k8s.io/v1`,
//! `EncryptionConfiguration`; before Kubernetes 1.13 `v1`, `EncryptionConfig`).

use super::prelude::*;

/// Names that a provider may have.
pub(super) const PROVIDERS: [&str; 5] = ["identity", "kms", "secretbox", "aescbc", "aesgcm"];

pub(super) fn is_configuration(scene: &Scene<'_, '_>) -> bool {
    scene.is("apiserver.config.k8s.io", "EncryptionConfiguration") || scene.is("", "EncryptionConfig")
}

/// The first provider of an entry writes, all of them read.
pub(super) struct Writer<'v> {
    /// Its name: `kms`.
    pub(super) name: &'v str,
    /// What is said of it.
    pub(super) value: &'v Value<'v>,
    /// Place of the provider.
    pub(super) pointer: String,
}

/// What writes secrets: the first entry that takes a kind decides about it.
pub(super) fn writer_of_secrets<'v>(scene: &Scene<'_, 'v>) -> Option<Writer<'v>> {
    let mut entries = list(scene.at(&["resources"])).iter().enumerate();
    let (index, entry) = entries.find(|(_, entry)| takes(entry))?;
    let first = list(at(entry, &["providers"])).first()?.as_object()?;
    let (name, value) = first.iter().find(|(name, _)| PROVIDERS.contains(name))?;
    let pointer = scene.pointer(&["resources", &index.to_string(), "providers", "0", name]);
    Some(Writer { name, value, pointer })
}

/// Whether some entry takes secrets.
pub(super) fn takes_secrets(scene: &Scene<'_, '_>) -> bool {
    list(scene.at(&["resources"])).iter().any(takes)
}

fn takes(entry: &Value<'_>) -> bool {
    // `*.` is the core group, `*.*` all of them (Kubernetes 1.27).
    texts(at(entry, &["resources"])).any(|one| ["secrets", "secrets.", "*.", "*.*"].contains(&one))
}
