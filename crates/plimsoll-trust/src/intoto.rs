//! Entries of Rekor's oldest kind for attestations, `intoto` 0.0.1, which cosign 1 and 2 made and the verifier underneath
//! does not know. It checks everything about such an entry but what the entry says: that is done here.
//!
//! The entry holds no envelope, only the SHA-256 of the envelope as it was submitted, since some release also that of its
//! payload, and who signed (rekor `pkg/types/intoto/v0.0.1`, `Canonicalize`; cosign `pkg/cosign/verify.go`, `bundleHash`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sigstore_verify::Error;
use sigstore_verify::types::{Bundle, DerPublicKey, KindVersion, SignatureContent};

const KIND: &str = "intoto";
const VERSION: &str = "0.0.1";
/// A kind that the verifier knows, takes as one of the log's first generation, and never takes beside an envelope.
const STAND_IN: KindVersion = KindVersion::HashedRekordV001;

/// What such an entry says.
#[derive(Deserialize)]
struct Body {
    #[serde(rename = "apiVersion")]
    version: String,
    kind: String,
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    content: Content,
    #[serde(rename = "publicKey")]
    verifier: String,
}

#[derive(Deserialize)]
struct Content {
    hash: Hash,
    #[serde(rename = "payloadHash")]
    payload: Option<Hash>,
}

#[derive(Deserialize)]
struct Hash {
    algorithm: String,
    value: String,
}

/// An entry of this kind, not yet verified.
pub(crate) struct Entry {
    body: Body,
}

/// The text of a bundle with an envelope and one entry of this kind, with the kind that stands in for it; none for all others.
pub(crate) fn stand_in(text: &str) -> Option<String> {
    let mut bundle: Value = serde_json::from_str(text).ok()?;
    bundle.get("dsseEnvelope")?;
    let entries = bundle.pointer_mut("/verificationMaterial/tlogEntries")?.as_array_mut()?;
    let [entry] = entries.as_mut_slice() else { return None };
    let kind = entry.get_mut("kindVersion")?;
    if kind.get("kind")? != KIND || kind.get("version")? != VERSION {
        return None;
    }
    kind["kind"] = STAND_IN.kind().into();
    kind["version"] = STAND_IN.version().into();
    Some(bundle.to_string())
}

impl Entry {
    /// The one entry of a bundle.
    ///
    /// # Errors
    /// When it is not of this kind.
    pub(crate) fn of(bundle: &Bundle) -> Result<Self, String> {
        let [entry] = bundle.verification_material.tlog_entries.as_slice() else {
            return Err("it has not one entry of a transparency log".to_owned());
        };
        let body: Body = serde_json::from_slice(entry.canonicalized_body.as_bytes())
            .map_err(|error| format!("the log entry is not readable: {error}"))?;
        if body.kind != KIND || body.version != VERSION {
            return Err(format!("the log entry is called {KIND} {VERSION}, and is of another kind"));
        }
        Ok(Entry { body })
    }

    /// Whether the log entry is about an envelope, which was submitted as bytes with this digest, and who signed it.
    ///
    /// # Errors
    /// When it is about another envelope or payload, or names somebody else.
    pub(crate) fn is_about(
        &self,
        bundle: &Bundle,
        submitted: [u8; 32],
        verifier: Verifier<'_>,
    ) -> Result<(), String> {
        let SignatureContent::DsseEnvelope(envelope) = &bundle.content else {
            return Err("the log entry is about an envelope, and there is none".to_owned());
        };
        let Spec { content, verifier: named } = &self.body.spec;
        same(&content.hash, submitted, "the log entry is about another envelope")?;
        if let Some(payload) = &content.payload {
            let own = Sha256::digest(envelope.payload.as_bytes()).into();
            same(payload, own, "the log entry is about another payload")?;
        }
        let text = STANDARD
            .decode(named)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or("who signed is not readable in the log entry")?;
        let named = match verifier {
            Verifier::Certificate(der) => {
                crate::pem::all(&text, "CERTIFICATE")?.first().is_some_and(|first| first == der)
            }
            Verifier::Key(key) => DerPublicKey::from_pem(&text).is_ok_and(|named| named == *key),
        };
        if named { Ok(()) } else { Err("the log entry names somebody else as who signed".to_owned()) }
    }
}

/// Who signed an envelope, as was verified.
#[derive(Clone, Copy)]
pub(crate) enum Verifier<'a> {
    /// With a certificate, in DER.
    Certificate(&'a [u8]),
    /// With a key.
    Key(&'a DerPublicKey),
}

fn same(stated: &Hash, own: [u8; 32], otherwise: &str) -> Result<(), String> {
    if stated.algorithm != "sha256" {
        return Err("the log entry has a digest of an algorithm that is not known".to_owned());
    }
    let digest: &[u8] = &own;
    if crate::cosign::hex(&stated.value).as_deref() == Some(digest) {
        Ok(())
    } else {
        Err(otherwise.to_owned())
    }
}

/// Whether the verifier found everything in order, up to the one thing that it does last and that is done here: what the entry
/// says. It must be this very answer; were it worded otherwise one day, such entries would be refused.
pub(crate) fn is_all_else(error: &Error) -> bool {
    let (kind, version) = (STAND_IN.kind(), STAND_IN.version());
    matches!(error, Error::UnsupportedBundle(text)
        if *text == format!("Rekor entry {kind}/{version} is incompatible with a DSSE envelope"))
}

/// Digest of the envelope in a bundle as Go writes it, which is how it was submitted: a bundle does not keep those bytes.
pub(crate) fn as_submitted(bundle: &Bundle) -> Option<[u8; 32]> {
    let SignatureContent::DsseEnvelope(envelope) = &bundle.content else { return None };
    let text = |text: &str| serde_json::to_string(text).ok();
    let written = format!(
        r#"{{"payloadType":{},"payload":"{}","signatures":[{{"keyid":{},"sig":"{}"}}]}}"#,
        text(&envelope.payload_type)?,
        STANDARD.encode(envelope.payload.as_bytes()),
        text(envelope.signature.keyid.as_str())?,
        STANDARD.encode(envelope.signature.sig.as_bytes())
    );
    Some(Sha256::digest(written.as_bytes()).into())
}
