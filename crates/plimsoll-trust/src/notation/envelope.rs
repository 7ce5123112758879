//! Signature envelopes of the Notary Project, JWS and COSE, brought into one form and their signature checked.
//!
//! Format: `signature-specification.md`, `signature-envelope-jws.md` and `signature-envelope-cose.md` of
//! notaryproject/specifications, 1.1.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use coset::cbor::value::Value as Cbor;
use coset::{
    CoseSign1, Label, RegisteredLabel, RegisteredLabelWithPrivate, TaggedCborSerializable as _, iana,
};
use serde::Deserialize;

use crate::x509::{Certificate, Kind, kind};

/// Largest envelope in bytes: chain and timestamp have some ten thousand.
const LARGEST: usize = 4 * 1024 * 1024;
/// Most certificates of a chain.
const MOST_CERTIFICATES: usize = 16;

const CONTENT: &str = "application/vnd.cncf.notary.payload.v1+json";
const SCHEME: &str = "io.cncf.notary.signingScheme";
const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
const AUTHENTIC_TIME: &str = "io.cncf.notary.authenticSigningTime";
const EXPIRY: &str = "io.cncf.notary.expiry";
const PLUGIN: &str = "io.cncf.notary.verificationPlugin";
const PLUGIN_VERSION: &str = "io.cncf.notary.verificationPluginMinVersion";
const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";

/// Who vouches for the moment of signing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// `notary.x509`: a timestamp authority, or nobody.
    X509,
    /// `notary.x509.signingAuthority`: whoever signed, at this moment (seconds since 1970).
    SigningAuthority(i64),
}

/// Why an envelope is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not hold.
    Invalid(String),
    /// It asks for something that is not done here.
    Unreadable(String),
}

/// An envelope whose signature fits the key in its first certificate. Whether anybody trusts that is another question.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    /// What was signed, in JSON.
    pub(crate) payload: Vec<u8>,
    pub(crate) scheme: Scheme,
    pub(crate) expiry: Option<i64>,
    /// From what signed to the root.
    pub(crate) chain: Vec<Certificate>,
    /// An RFC 3161 token over the signature.
    pub(crate) timestamp: Option<Vec<u8>>,
    pub(crate) signature: Vec<u8>,
}

/// The signature algorithm that a key must be used with: COSE's number, JOSE's name, the library's.
fn algorithm(kind: Kind) -> Result<(i64, &'static str, &'static dyn VerificationAlgorithm), String> {
    Ok(match kind {
        Kind::Rsa(2048) => (-37, "PS256", &signature::RSA_PSS_2048_8192_SHA256),
        Kind::Rsa(3072) => (-38, "PS384", &signature::RSA_PSS_2048_8192_SHA384),
        Kind::Rsa(4096) => (-39, "PS512", &signature::RSA_PSS_2048_8192_SHA512),
        Kind::P256 => (-7, "ES256", &signature::ECDSA_P256_SHA256_FIXED),
        Kind::P384 => (-35, "ES384", &signature::ECDSA_P384_SHA384_FIXED),
        Kind::P521 => (-36, "ES512", &signature::ECDSA_P521_SHA512_FIXED),
        Kind::Rsa(bits) => return Err(format!("RSA keys of {bits} bits do not sign for Notation")),
        Kind::Ed25519 => return Err("Ed25519 keys do not sign for Notation".into()),
    })
}

/// What both forms say, before anything is believed.
struct Stated {
    algorithm: Algorithm,
    content: Option<String>,
    scheme: Option<String>,
    signing_time: bool,
    authentic_time: Option<i64>,
    expiry: Option<i64>,
    critical: Vec<String>,
    /// Names of all signed attributes.
    names: Vec<String>,
    plugin: Option<String>,
    chain: Vec<Vec<u8>>,
    timestamp: Option<Vec<u8>>,
    payload: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(PartialEq)]
enum Algorithm {
    Jose(String),
    Cose(i64),
}

/// Reads an envelope in JSON (`application/jose+json`).
pub(crate) fn jws(bytes: &[u8]) -> Result<Envelope, Fault> {
    Stated::jws(bytes).map_err(Fault::Invalid)?.check()
}

/// Reads an envelope in CBOR (`application/cose`).
pub(crate) fn cose(bytes: &[u8]) -> Result<Envelope, Fault> {
    Stated::cose(bytes).map_err(Fault::Invalid)?.check()
}

impl Stated {
    fn jws(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Flattened {
            payload: String,
            protected: String,
            signature: String,
            header: Header,
        }
        #[derive(Deserialize)]
        struct Header {
            x5c: Vec<String>,
            #[serde(rename = "io.cncf.notary.timestampSignature", default)]
            timestamp: Option<String>,
        }
        #[derive(Deserialize)]
        struct Protected {
            alg: String,
            #[serde(default)]
            cty: Option<String>,
            #[serde(default)]
            crit: Vec<String>,
            #[serde(rename = "io.cncf.notary.signingScheme", default)]
            scheme: Option<String>,
            #[serde(rename = "io.cncf.notary.signingTime", default)]
            signing_time: Option<String>,
            #[serde(rename = "io.cncf.notary.authenticSigningTime", default)]
            authentic_time: Option<String>,
            #[serde(rename = "io.cncf.notary.expiry", default)]
            expiry: Option<String>,
            #[serde(rename = "io.cncf.notary.verificationPlugin", default)]
            plugin: Option<String>,
        }
        if bytes.len() > LARGEST {
            return Err(format!("more than {LARGEST} bytes"));
        }
        let url = |text: &str, what: &str| {
            URL_SAFE_NO_PAD.decode(text).map_err(|error| format!("{what} is not base64url: {error}"))
        };
        let plain = |text: &str, what: &str| {
            STANDARD.decode(text).map_err(|error| format!("{what} is not base64: {error}"))
        };
        let time = |text: &Option<String>| {
            text.as_deref()
                .map(|text| {
                    let time: jiff::Timestamp =
                        text.parse().map_err(|_| "a moment that is not in RFC 3339".to_owned())?;
                    Ok::<i64, String>(time.as_second())
                })
                .transpose()
        };
        let flattened: Flattened =
            serde_json::from_slice(bytes).map_err(|error| format!("not a JWS envelope: {error}"))?;
        let header = url(&flattened.protected, "the protected header")?;
        let readable = |error| format!("the protected header is not readable: {error}");
        let protected: Protected = serde_json::from_slice(&header).map_err(readable)?;
        let names: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&header).map_err(readable)?;
        Ok(Stated {
            content: protected.cty,
            scheme: protected.scheme,
            signing_time: protected.signing_time.is_some(),
            authentic_time: time(&protected.authentic_time)?,
            expiry: time(&protected.expiry)?,
            critical: protected.crit,
            names: names.into_iter().map(|(name, _)| name).collect(),
            plugin: protected.plugin,
            chain: flattened
                .header
                .x5c
                .iter()
                .take(MOST_CERTIFICATES + 1)
                .map(|text| plain(text, "a certificate"))
                .collect::<Result<_, _>>()?,
            timestamp: flattened
                .header
                .timestamp
                .as_deref()
                .map(|text| plain(text, "the timestamp"))
                .transpose()?,
            payload: url(&flattened.payload, "the payload")?,
            message: format!("{}.{}", flattened.protected, flattened.payload).into_bytes(),
            signature: url(&flattened.signature, "the signature")?,
            algorithm: Algorithm::Jose(protected.alg),
        })
    }

    fn cose(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > LARGEST {
            return Err(format!("more than {LARGEST} bytes"));
        }
        let sign = CoseSign1::from_tagged_slice(bytes)
            .map_err(|error| format!("not a tagged COSE_Sign1 envelope: {error}"))?;
        let message = sign.tbs_data(b"");
        let header = &sign.protected.header;
        let algorithm = match &header.alg {
            Some(RegisteredLabelWithPrivate::Assigned(algorithm)) => {
                Algorithm::Cose(iana::EnumI64::to_i64(algorithm))
            }
            _ => return Err("it names no known signature algorithm".into()),
        };
        let content = match &header.content_type {
            Some(RegisteredLabel::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let critical = header
            .crit
            .iter()
            .filter_map(|label| match label {
                RegisteredLabelWithPrivate::Text(name) => Some(name.clone()),
                RegisteredLabelWithPrivate::PrivateUse(number) => Some(number.to_string()),
                // Those up to 8 everybody must understand; what coset understood is in its fields.
                RegisteredLabelWithPrivate::Assigned(number) => {
                    let number = iana::EnumI64::to_i64(number);
                    (!(0..=8).contains(&number)).then(|| number.to_string())
                }
            })
            .collect();
        let mut stated = Stated {
            algorithm,
            content,
            critical,
            scheme: None,
            signing_time: false,
            authentic_time: None,
            expiry: None,
            names: Vec::new(),
            plugin: None,
            chain: Vec::new(),
            timestamp: None,
            payload: sign.payload.ok_or("it has no payload")?,
            message,
            signature: sign.signature,
        };
        let text = |value: &Cbor, name: &str| {
            value.as_text().map(str::to_owned).ok_or_else(|| format!("{name} is no text"))
        };
        // Tag 1: seconds since 1970 (RFC 8949 section 3.4.2).
        let time = |value: &Cbor, name: &str| match value {
            Cbor::Tag(1, inner) => inner
                .as_integer()
                .and_then(|number| i64::try_from(number).ok())
                .ok_or_else(|| format!("{name} is no whole number of seconds")),
            _ => Err(format!("{name} is no moment")),
        };
        let mut chains = Vec::new();
        for (label, value) in &header.rest {
            match label {
                Label::Text(name) => {
                    stated.names.push(name.clone());
                    match name.as_str() {
                        SCHEME => stated.scheme = Some(text(value, name)?),
                        SIGNING_TIME => {
                            time(value, name)?;
                            stated.signing_time = true;
                        }
                        AUTHENTIC_TIME => stated.authentic_time = Some(time(value, name)?),
                        EXPIRY => stated.expiry = Some(time(value, name)?),
                        PLUGIN => stated.plugin = Some(text(value, name)?),
                        _ => {}
                    }
                }
                Label::Int(33) => chains.push(value),
                Label::Int(number) => stated.names.push(number.to_string()),
            }
        }
        for (label, value) in &sign.unprotected.rest {
            match label {
                Label::Int(33) => chains.push(value),
                Label::Text(name) if name == TIMESTAMP => {
                    stated.timestamp =
                        Some(value.as_bytes().ok_or("the timestamp is no byte string")?.clone());
                }
                _ => {}
            }
        }
        let [chain] = chains.as_slice() else {
            return Err("it has not one certificate chain".into());
        };
        let bytes = |value: &Cbor| value.as_bytes().cloned().ok_or("a certificate is no byte string");
        stated.chain = match chain {
            Cbor::Array(list) => {
                list.iter().take(MOST_CERTIFICATES + 1).map(bytes).collect::<Result<_, _>>()?
            }
            single => vec![bytes(single)?],
        };
        Ok(stated)
    }

    fn check(self) -> Result<Envelope, Fault> {
        let (scheme, chain) = self.integrity().map_err(Fault::Invalid)?;
        // Only now is it worth saying what else it asks for: nobody but its maker did.
        if let Some(plugin) = &self.plugin {
            return Err(Fault::Unreadable(format!(
                "it needs the verification plugin `{}`, and plugins are not run",
                plimsoll_model::shortened(plugin)
            )));
        }
        const KNOWN: &[&str] = &[SCHEME, AUTHENTIC_TIME, EXPIRY, PLUGIN, PLUGIN_VERSION];
        if let Some(name) = self.critical.iter().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(Fault::Unreadable(format!(
                "its critical attribute `{}` is not known",
                plimsoll_model::shortened(name)
            )));
        }
        Ok(Envelope {
            payload: self.payload,
            scheme,
            expiry: self.expiry,
            chain,
            timestamp: self.timestamp,
            signature: self.signature,
        })
    }

    fn integrity(&self) -> Result<(Scheme, Vec<Certificate>), String> {
        if self.chain.len() > MOST_CERTIFICATES {
            return Err(format!("a chain of more than {MOST_CERTIFICATES} certificates"));
        }
        let chain = self.chain.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>()?;
        let leaf = chain.first().ok_or("it has no certificate")?;
        let (cose, jose, scheme) = algorithm(kind(leaf.key())?)?;
        // The key decides, not the header: else somebody may choose.
        let fits = match &self.algorithm {
            Algorithm::Jose(name) => name == jose,
            Algorithm::Cose(number) => *number == cose,
        };
        if !fits {
            return Err(format!("its algorithm is not {jose}, which its key signs with"));
        }
        let key = leaf.key().subject_public_key.as_bytes().ok_or("a key that is not whole bytes")?;
        UnparsedPublicKey::new(scheme, key)
            .verify(&self.message, &self.signature)
            .map_err(|_| "the signature does not fit".to_owned())?;
        if self.content.as_deref() != Some(CONTENT) {
            return Err(format!("its content is not of the type {CONTENT}"));
        }
        for name in &self.critical {
            if !self.names.contains(name) {
                return Err(format!(
                    "`{}` is said to be critical, and is not there",
                    plimsoll_model::shortened(name)
                ));
            }
        }
        let critical = |name: &str| {
            self.critical
                .iter()
                .any(|one| one == name)
                .then_some(())
                .ok_or_else(|| format!("`{name}` must be critical, and is not"))
        };
        critical(SCHEME)?;
        if self.expiry.is_some() {
            critical(EXPIRY)?;
        }
        let scheme = match (self.scheme.as_deref(), self.authentic_time, self.signing_time) {
            (Some("notary.x509"), None, true) => Scheme::X509,
            (Some("notary.x509.signingAuthority"), Some(time), false) => {
                critical(AUTHENTIC_TIME)?;
                Scheme::SigningAuthority(time)
            }
            (Some("notary.x509" | "notary.x509.signingAuthority"), _, _) => {
                return Err("its signing scheme and its moments do not fit".into());
            }
            (Some(other), _, _) => {
                return Err(format!(
                    "the signing scheme `{}` is not known",
                    plimsoll_model::shortened(other)
                ));
            }
            (None, _, _) => return Err("it names no signing scheme".into()),
        };
        Ok((scheme, chain))
    }
}

/// The digest of what a payload is about.
pub(crate) fn target(payload: &[u8]) -> Result<plimsoll_model::Digest, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Payload {
        target_artifact: Target,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Target {
        #[serde(rename = "mediaType")]
        _media_type: String,
        #[serde(rename = "size")]
        _size: u64,
        digest: String,
    }
    let payload: Payload =
        serde_json::from_slice(payload).map_err(|error| format!("its payload is not readable: {error}"))?;
    plimsoll_model::Digest::parse(&payload.target_artifact.digest)
        .map_err(|error| format!("its payload's digest: {error}"))
}
