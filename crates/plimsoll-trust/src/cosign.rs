//! What cosign 1 and 2 attach: the signature or envelope in a layer, certificate, chain, log entry and timestamp in the
//! layer's annotations (cosign `specs/SIGNATURE_SPEC.md`). Brought here into the form of a sigstore bundle, so that one
//! verifier sees them all.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_model::Digest;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const REKOR: &str = "dev.sigstore.cosign/bundle";
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";
/// Most certificates of a chain.
const MOST_CERTIFICATES: usize = 16;

/// Rekor's answer as cosign stores it.
#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "SignedEntryTimestamp")]
    promise: String,
    #[serde(rename = "Payload")]
    payload: Payload,
}

#[derive(Deserialize)]
struct Payload {
    body: String,
    #[serde(rename = "integratedTime")]
    time: i64,
    #[serde(rename = "logIndex")]
    index: i64,
    #[serde(rename = "logID")]
    log: String,
}

/// A simple signing layer as a bundle, in JSON.
pub(crate) fn simple_signing(
    payload: &[u8],
    annotations: &BTreeMap<String, String>,
) -> Result<String, String> {
    let signature =
        annotations.get(SIGNATURE).ok_or_else(|| format!("the annotation {SIGNATURE} is not there"))?;
    let signature = decoded(signature, "the signature")?;
    let digest: [u8; 32] = Sha256::digest(payload).into();
    let content = json!({
        "messageDigest": { "algorithm": "SHA2_256", "digest": STANDARD.encode(digest) },
        "signature": STANDARD.encode(signature),
    });
    convert("messageSignature", content, annotations)
}

/// A DSSE layer as bundles, one for each of its signatures, since a bundle holds one.
pub(crate) fn envelopes(bytes: &[u8], annotations: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
    /// Most signatures of one envelope.
    const MOST_SIGNATURES: usize = 32;
    let mut envelope: Value =
        serde_json::from_slice(bytes).map_err(|error| format!("not a DSSE envelope: {error}"))?;
    let signatures = match envelope.get_mut("signatures").map(Value::take) {
        Some(Value::Array(signatures)) if signatures.len() <= MOST_SIGNATURES => signatures,
        Some(Value::Array(_)) => {
            return Err(format!("the envelope has more than {MOST_SIGNATURES} signatures"));
        }
        _ => return Err("the envelope has no list of signatures".into()),
    };
    signatures
        .into_iter()
        .map(|signature| {
            let content = json!({
                "payloadType": envelope["payloadType"],
                "payload": envelope["payload"],
                "signatures": [{ "sig": signature["sig"], "keyid": signature["keyid"].as_str().unwrap_or_default() }],
            });
            convert("dsseEnvelope", content, annotations)
        })
        .collect()
}

fn convert(kind: &str, content: Value, annotations: &BTreeMap<String, String>) -> Result<String, String> {
    let mut certificates = Vec::new();
    if let Some(pem) = annotations.get(CERTIFICATE).filter(|text| !text.is_empty()) {
        certificates.extend(pem_certificates(pem)?.into_iter().take(1));
        if certificates.is_empty() {
            return Err(format!("the annotation {CERTIFICATE} holds no certificate"));
        }
        if let Some(chain) = annotations.get(CHAIN) {
            certificates.extend(pem_certificates(chain)?);
        }
    }
    let mut material = if certificates.is_empty() {
        json!({ "publicKey": { "hint": "" } })
    } else {
        let list: Vec<_> =
            certificates.iter().map(|der| json!({ "rawBytes": STANDARD.encode(der) })).collect();
        json!({ "x509CertificateChain": { "certificates": list } })
    };
    let stored = annotations.get(REKOR).filter(|text| !text.is_empty() && *text != "null");
    material["tlogEntries"] = match stored {
        Some(text) => json!([entry(text)?]),
        None => json!([]),
    };
    if let Some(text) = annotations.get(TIMESTAMP).filter(|text| !text.is_empty() && *text != "null") {
        #[derive(Deserialize)]
        struct Stored {
            #[serde(rename = "SignedRFC3161Timestamp")]
            timestamp: String,
        }
        let stored: Stored = serde_json::from_str(text)
            .map_err(|error| format!("the annotation {TIMESTAMP} is not readable: {error}"))?;
        material["timestampVerificationData"] =
            json!({ "rfc3161Timestamps": [{ "signedTimestamp": stored.timestamp }] });
    }
    // cosign 1 and 2 stored the log's promise, never a proof: that is what v0.1 is for. Without an entry the form must be
    // one that does not demand the promise.
    let version = if stored.is_some() { "0.1" } else { "0.2" };
    let mut bundle = json!({
        "mediaType": format!("application/vnd.dev.sigstore.bundle+json;version={version}"),
        "verificationMaterial": material,
    });
    bundle[kind] = content;
    Ok(bundle.to_string())
}

fn entry(text: &str) -> Result<Value, String> {
    let stored: Stored = serde_json::from_str(text)
        .map_err(|error| format!("the annotation {REKOR} is not readable: {error}"))?;
    #[derive(Deserialize)]
    struct Body {
        kind: String,
        #[serde(rename = "apiVersion")]
        version: String,
    }
    let body = decoded(&stored.payload.body, "the log entry")?;
    let body: Body =
        serde_json::from_slice(&body).map_err(|error| format!("the log entry is not readable: {error}"))?;
    let log = hex(&stored.payload.log).ok_or("the log's id is not hexadecimal")?;
    Ok(json!({
        "logIndex": stored.payload.index.to_string(),
        "logId": { "keyId": STANDARD.encode(log) },
        "kindVersion": { "kind": body.kind, "version": body.version },
        "integratedTime": stored.payload.time.to_string(),
        "inclusionPromise": { "signedEntryTimestamp": stored.promise },
        "canonicalizedBody": stored.payload.body,
    }))
}

/// The digest of the image that a payload of simple signing is about (containers/image `docs/atomic-signature.md`).
pub(crate) fn signed_digest(payload: &[u8]) -> Result<Digest, String> {
    #[derive(Deserialize)]
    struct Simple {
        critical: Critical,
    }
    #[derive(Deserialize)]
    struct Critical {
        image: Image,
        #[serde(rename = "type", default)]
        kind: String,
    }
    #[derive(Deserialize)]
    struct Image {
        #[serde(rename = "docker-manifest-digest", alias = "Docker-manifest-digest")]
        digest: String,
    }
    let simple: Simple = serde_json::from_slice(payload)
        .map_err(|error| format!("not a payload of simple signing: {error}"))?;
    if !matches!(
        simple.critical.kind.as_str(),
        "cosign container image signature"
            | "atomic container signature"
            | "https://sigstore.dev/cosign/sign/v1"
    ) {
        return Err(format!(
            "a payload of type `{}` is no signature of an image",
            plimsoll_model::shortened(&simple.critical.kind)
        ));
    }
    Digest::parse(&simple.critical.image.digest).map_err(|error| format!("the payload's digest: {error}"))
}

fn decoded(text: &str, what: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text.trim()).map_err(|error| format!("{what} is not base64: {error}"))
}

pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    (text.len().is_multiple_of(2) && text.is_ascii())
        .then(|| {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
        })
        .flatten()
}

/// The certificates of a PEM text, as DER.
fn pem_certificates(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let all = crate::pem::all(text, "CERTIFICATE")?;
    if all.len() > MOST_CERTIFICATES {
        return Err(format!("a chain of more than {MOST_CERTIFICATES} certificates"));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_say_which_image_they_are_about() {
        let hex = "ab".repeat(32);
        let text = format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"r"}},"image":{{"docker-manifest-digest":"sha256:{hex}"}},"type":"cosign container image signature"}},"optional":null}}"#
        );
        assert_eq!(signed_digest(text.as_bytes()).expect("a digest").hex(), hex);
        assert!(signed_digest(text.replace("cosign container image", "some other").as_bytes()).is_err());
        assert!(signed_digest(b"{}").is_err());
    }

    #[test]
    fn what_is_not_there_or_not_readable_is_said() {
        let none = BTreeMap::new();
        assert!(simple_signing(b"{}", &none).expect_err("no signature").contains(SIGNATURE));
        let with = |name: &str, value: &str| {
            BTreeMap::from([(SIGNATURE.to_owned(), "AAAA".to_owned()), (name.to_owned(), value.to_owned())])
        };
        for (name, value) in [
            (CERTIFICATE, "x"),
            (REKOR, "x"),
            (REKOR, "{}"),
            (TIMESTAMP, "x"),
            (CERTIFICATE, "-----BEGIN CERTIFICATE-----\nAA"),
            (SIGNATURE, "?"),
        ] {
            assert!(simple_signing(b"{}", &with(name, value)).is_err(), "{name}: {value}");
        }
        let plain = simple_signing(b"{}", &with("x", "y")).expect("a signature with a key");
        assert!(plain.contains("publicKey") && plain.contains("version=0.2"), "{plain}");
        for text in ["", "[]", "{}", r#"{"signatures":3}"#] {
            assert!(envelopes(text.as_bytes(), &none).is_err(), "{text}");
        }
        let many = format!(r#"{{"signatures":[{}]}}"#, vec!["{}"; 100].join(","));
        assert!(envelopes(many.as_bytes(), &none).is_err());
    }
}
