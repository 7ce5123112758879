//! The use cases of `plimsoll attest`: signed statements about an image, stored beside it.

use plimsoll_model::{Digest, Report};
use plimsoll_oci::{Descriptor, Reference, Registries, Repository};
use plimsoll_policy::summary;
use plimsoll_trust::{Seal, attestation};
use serde_json::Value;

use crate::ScanError;
use crate::gate::Decided;

/// What is said of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Kind of the predicate.
    pub kind: String,
    /// The predicate.
    pub predicate: Value,
}

/// An image in a registry that statements are stored beside.
pub struct Place {
    repository: Repository,
    name: String,
    /// The manifest or index that they refer to.
    pub subject: Descriptor,
}

impl Place {
    /// Finds an image. From here on there is only its digest.
    ///
    /// # Errors
    /// When it cannot be found.
    pub fn find(image: &str, registries: &Registries) -> Result<Self, ScanError> {
        let reference = Reference::parse(image.strip_prefix("registry:").unwrap_or(image))?;
        let reference = registries.meant(&reference)?;
        let repository = registries.repository_to_write(reference.name())?;
        let subject = described(&repository, &reference.selector())?;
        Ok(Place { repository, name: reference.name().to_string(), subject })
    }

    /// The same repository, another manifest: of an index that of the platform that was looked at.
    ///
    /// # Errors
    /// When it is not there.
    pub fn at(self, digest: &Digest) -> Result<Self, ScanError> {
        if *digest == self.subject.digest {
            return Ok(self);
        }
        let subject = described(&self.repository, &digest.to_string())?;
        Ok(Place { subject, ..self })
    }

    /// The image by its digest, as a target of a scan.
    pub fn pinned(&self) -> String {
        format!("registry:{}", self.resource())
    }

    /// Repository and digest.
    pub fn resource(&self) -> String {
        format!("{}@{}", self.name, self.subject.digest)
    }

    /// Signs a statement and stores it beside the image.
    ///
    /// # Errors
    /// When it cannot be signed, or the registry does not take it. Nothing refers to the image unless all of it is stored.
    pub fn attest(&self, said: &Said, seal: &dyn Seal) -> Result<Descriptor, ScanError> {
        let artifact = attestation(seal, &self.subject, &self.name, &said.kind, &said.predicate)?;
        Ok(self.repository.put_artifact(None, &artifact)?)
    }
}

fn described(repository: &Repository, selector: &str) -> Result<Descriptor, ScanError> {
    let manifest = repository.manifest(selector)?;
    Ok(Descriptor {
        media_type: manifest.media_type,
        digest: manifest.digest,
        size: manifest.bytes.len() as u64,
    })
}

/// The kind of predicate that holds a whole report of ours (`docs/schema/report-1.0.json`).
pub const REPORT: &str = "https://plimsoll.dev/report/v1";

/// The digest that a report is about.
pub fn scanned(report: &Report) -> Option<&Digest> {
    report.target.digest.as_ref()
}

/// A policy that was met, and the statement that says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Summarized {
    /// Its name.
    pub policy: String,
    /// Its digest.
    pub hash: String,
    /// The statement.
    pub said: Said,
}

/// The image that was decided on, and a statement for each policy that was met: none unless the image is let in.
///
/// # Errors
/// When the image cannot be found.
pub fn summaries(
    decided: &Decided,
    image: &str,
    verifier: &str,
    registries: &Registries,
) -> Result<(Place, Vec<Summarized>), ScanError> {
    let Decided { decision, repository, inputs } = decided;
    let place = match &decision.digest {
        // The digest that was decided on, not the tag: it may have moved.
        Some(digest) => Place::find(&format!("{repository}@{digest}"), registries)?,
        // Policies that ask only about the name did not look.
        None => Place::find(image, registries)?,
    };
    let resource = place.resource();
    let inputs: Vec<(String, Digest)> = inputs
        .iter()
        .map(|(repository, digest)| (format!("oci:{repository}@{digest}"), digest.clone()))
        .collect();
    let stated = summary::Stated {
        verifier,
        version: env!("CARGO_PKG_VERSION"),
        resource: &resource,
        inputs: &inputs,
    };
    let summaries = decision
        .policies
        .iter()
        .filter_map(|policy| {
            let predicate = summary::predicate(decision, policy, stated)?;
            let said = Said { kind: summary::SUMMARY.to_owned(), predicate };
            Some(Summarized { policy: policy.policy.clone(), hash: policy.hash.clone(), said })
        })
        .collect();
    Ok((place, summaries))
}
