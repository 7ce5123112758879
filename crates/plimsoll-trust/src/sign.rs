//! Making attestations: a statement about an image, signed with a key, as a sigstore bundle that cosign reads.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_model::Digest;
use plimsoll_oci::{Artifact, Descriptor, Part};
use serde_json::{Value, json};
use sigstore_verify::types::pae;

use crate::{Error, SigningKey};

/// Media type of a bundle, and type of the artifact that holds one.
pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// Type of an in-toto statement within an envelope.
pub(crate) const IN_TOTO: &str = "application/vnd.in-toto+json";
/// The predicate of a statement that says nothing but "signed" (cosign 3).
pub const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";

/// Somebody who signs, and how whoever reads it can tell.
pub trait Seal {
    /// Signs the bytes of a DSSE envelope's encoding of a statement. The signature, and the verification material of the
    /// bundle around it.
    ///
    /// # Errors
    /// When it cannot be signed.
    fn seal(&self, statement: &[u8]) -> Result<Sealed, Error>;

    /// Checks the finished bundle, where something of it came from others.
    ///
    /// # Errors
    /// When it does not hold.
    fn check(&self, bundle: &[u8], subject: &Digest) -> Result<(), Error> {
        let (_, _) = (bundle, subject);
        Ok(())
    }
}

/// A signature with what is needed to check it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealed {
    /// The signature over the envelope's encoding (`PAE`).
    pub signature: Vec<u8>,
    /// `verificationMaterial` of a bundle.
    pub material: Value,
}

/// A key, of which no transparency log hears: the bundle says so by having no entry.
impl Seal for SigningKey {
    fn seal(&self, statement: &[u8]) -> Result<Sealed, Error> {
        Ok(Sealed {
            signature: self.sign(&pae(IN_TOTO, statement))?,
            material: json!({ "publicKey": { "hint": self.public().fingerprint() }, "tlogEntries": [] }),
        })
    }
}

/// An attestation of an image, ready to be stored beside it: an in-toto statement v1 with `predicate`, in a DSSE envelope,
/// in a bundle, as a referrer.
///
/// # Errors
/// When it cannot be signed.
pub fn attestation(
    seal: &dyn Seal,
    subject: &Descriptor,
    name: &str,
    predicate_type: &str,
    predicate: &Value,
) -> Result<Artifact, Error> {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": name, "digest": { subject.digest.algorithm().name(): subject.digest.hex() } }],
        "predicateType": predicate_type,
        "predicate": predicate,
    })
    .to_string();
    let Sealed { signature, material } = seal.seal(statement.as_bytes())?;
    let bundle = json!({
        "mediaType": BUNDLE,
        "verificationMaterial": material,
        "dsseEnvelope": {
            "payload": STANDARD.encode(&statement),
            "payloadType": IN_TOTO,
            "signatures": [{ "sig": STANDARD.encode(signature), "keyid": "" }],
        },
    });
    let bundle = bundle.to_string().into_bytes();
    seal.check(&bundle, &subject.digest)?;
    Ok(Artifact {
        artifact_type: BUNDLE.into(),
        parts: vec![Part { media_type: BUNDLE.into(), bytes: bundle, annotations: BTreeMap::new() }],
        annotations: BTreeMap::from([
            ("dev.sigstore.bundle.content".into(), "dsse-envelope".into()),
            ("dev.sigstore.bundle.predicateType".into(), predicate_type.to_owned()),
        ]),
        subject: Some(subject.clone()),
    })
}
