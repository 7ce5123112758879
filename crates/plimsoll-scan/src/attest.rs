//! The use case of `plimsoll attest`: a signed statement about an image, stored beside it.

use plimsoll_oci::{Descriptor, Reference, Registries};
use plimsoll_trust::{SigningKey, attestation};
use serde_json::Value;

use crate::ScanError;

/// Signs `predicate` about `image` and stores the attestation in the image's repository. Its own digest, and the image's.
///
/// # Errors
/// When the image cannot be found, or the registry does not take the attestation. Nothing refers to the image unless all
/// of it is stored.
pub fn attest(
    image: &str,
    key: &SigningKey,
    predicate_type: &str,
    predicate: &Value,
    registries: &Registries,
) -> Result<(Descriptor, Descriptor), ScanError> {
    let reference = Reference::parse(image.strip_prefix("registry:").unwrap_or(image))?;
    let reference = registries.meant(&reference)?;
    let repository = registries.repository_to_write(reference.name())?;
    let manifest = repository.manifest(&reference.selector())?;
    let subject = Descriptor {
        media_type: manifest.media_type,
        digest: manifest.digest,
        size: manifest.bytes.len() as u64,
    };
    let artifact = attestation(key, &subject, &reference.name().to_string(), predicate_type, predicate)?;
    Ok((repository.put_artifact(None, &artifact)?, subject))
}
