//! Signing without a key of one's own: an identity token becomes a certificate of some minutes (Fulcio), the signature an entry
//! of a log (Rekor, second generation) and a timestamp (RFC 3161), and the key is forgotten.
//!
//! What the services answer is not believed: the bundle is verified against the caller's trust roots before anybody gets it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use plimsoll_http::{Client, Method, Request, Secret, Url};
use plimsoll_model::Digest;
use plimsoll_policy::Pattern;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::sign::{IN_TOTO, Seal, Sealed};
use crate::x509::Certificate;
use crate::{By, Error, Evidence, Format, Layout, Outcome, Place, Root, Signer, SigningKey, Target, Trust};

/// Largest answer of a service in bytes.
const LARGEST: u64 = 1024 * 1024;
/// Whom tokens are made out to (OpenID Connect's `aud`).
const AUDIENCE: &str = "sigstore";

/// Where the services are.
#[derive(Clone, Debug)]
pub struct Services {
    /// Who issues certificates.
    pub fulcio: Url,
    /// A log of the second generation.
    pub rekor: Url,
    /// The whole address of a timestamp authority.
    pub timestamp: Url,
}

/// A token that says who one is. Never shown.
#[derive(Clone)]
pub struct IdentityToken {
    text: String,
    /// What the certificate will be issued for: proof of having the key is made over it.
    subject: String,
}

impl std::fmt::Debug for IdentityToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "IdentityToken({})", self.subject)
    }
}

fn fault(detail: impl Into<String>) -> Error {
    Error::Keyless { detail: detail.into(), source: None }
}

fn network(what: &str, error: plimsoll_http::Error) -> Error {
    Error::Keyless { detail: what.to_owned(), source: Some(Box::new(error)) }
}

impl IdentityToken {
    /// Reads a token (JWT, RFC 7519). Its signature is for the authority to check.
    ///
    /// # Errors
    /// When it is none, or names nobody.
    pub fn parse(text: &str) -> Result<Self, Error> {
        /// Longest token in bytes.
        const LONGEST: usize = 64 * 1024;
        #[derive(Deserialize)]
        struct Claims {
            #[serde(default)]
            sub: String,
            #[serde(default)]
            email: String,
            #[serde(default)]
            email_verified: Value,
        }
        let text = text.trim();
        let mut parts = text.split('.');
        let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(fault("the identity token is no JWT"));
        };
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.len() > LONGEST || !printable {
            return Err(fault("the identity token is no JWT"));
        }
        let claims = URL_SAFE_NO_PAD
            .decode(claims.trim_end_matches('='))
            .map_err(|_| fault("the claims of the identity token are not base64url"))?;
        let claims: Claims = serde_json::from_slice(&claims)
            .map_err(|error| fault(format!("the claims of the identity token cannot be read: {error}")))?;
        // As sigstore's clients do: some issuers write the flag as text.
        let verified = claims.email_verified == json!(true) || claims.email_verified == json!("true");
        let subject = match (claims.email.is_empty(), verified) {
            (false, true) => claims.email,
            (false, false) => return Err(fault("the identity token's address of mail is not verified")),
            (true, _) => claims.sub,
        };
        if subject.is_empty() {
            return Err(fault("the identity token names nobody (`sub`)"));
        }
        Ok(IdentityToken { text: text.to_owned(), subject })
    }

    /// Asks GitHub's runner for the token of this job (`ACTIONS_ID_TOKEN_REQUEST_URL`, `ACTIONS_ID_TOKEN_REQUEST_TOKEN`).
    ///
    /// # Errors
    /// When the runner gives none.
    pub fn of_github(client: &Client, address: &str, secret: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Answer {
            value: String,
        }
        const WHAT: &str = "GitHub's runner gives no identity token";
        let url = secure(address, WHAT)?.with_query(&[("audience", AUDIENCE)]);
        let request =
            Request::get(url).header("accept", "application/json").authorize(Some(Secret::bearer(secret)));
        let bytes = client
            .send(&request)
            .and_then(plimsoll_http::Response::success)
            .and_then(|answer| answer.bytes(LARGEST))
            .map_err(|error| network(WHAT, error))?;
        let answer: Answer =
            serde_json::from_slice(&bytes).map_err(|error| fault(format!("{WHAT}: {error}")))?;
        Self::parse(&answer.value)
    }
}

/// An address that a secret may be sent to.
fn secure(address: &str, what: &str) -> Result<Url, Error> {
    let url = Url::parse(address).map_err(|error| network(what, error))?;
    let here = matches!(url.host(), "localhost" | "127.0.0.1" | "[::1]" | "::1");
    if url.is_https() || here { Ok(url) } else { Err(fault(format!("{what}: the address is not https"))) }
}

impl Services {
    /// Takes addresses.
    ///
    /// # Errors
    /// When one is none, or would send a token in the clear.
    pub fn new(fulcio: &str, rekor: &str, timestamp: &str) -> Result<Self, Error> {
        let named = |name: &str, address: &str| secure(address, &format!("the address of {name}"));
        Ok(Services {
            fulcio: named("Fulcio", fulcio)?,
            rekor: named("Rekor", rekor)?,
            timestamp: named("the timestamp authority", timestamp)?,
        })
    }
}

/// Somebody with a certificate of some minutes.
pub struct Keyless {
    key: SigningKey,
    certificate: Vec<u8>,
    services: Services,
    client: Client,
    trust: Trust,
    now: i64,
}

impl Keyless {
    /// Makes a key and has it certified. `roots` must show what is signed with it.
    ///
    /// # Errors
    /// When the authority refuses, or answers with something else than a certificate of this key.
    pub fn begin(
        client: Client,
        services: Services,
        token: &IdentityToken,
        roots: Vec<Root>,
        now: i64,
    ) -> Result<Self, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            signed_certificate_embedded_sct: Option<Chain>,
        }
        #[derive(Deserialize)]
        struct Chain {
            chain: Certificates,
        }
        #[derive(Deserialize)]
        struct Certificates {
            certificates: Vec<String>,
        }
        const WHAT: &str = "the authority (Fulcio) gives no certificate";
        let key = SigningKey::generate()?;
        let proof = key.sign(token.subject.as_bytes())?;
        let request = json!({
            "credentials": { "oidcIdentityToken": token.text },
            "publicKeyRequest": {
                "publicKey": { "algorithm": "ECDSA", "content": key.public().to_pem() },
                "proofOfPossession": STANDARD.encode(proof),
            },
        });
        let answer: Answer = post(&client, &services.fulcio, "api/v2/signingCert", &request, WHAT)?;
        let chain = answer
            .signed_certificate_embedded_sct
            .ok_or_else(|| fault(format!("{WHAT} that the log for certificates knows of")))?;
        let pem = chain.chain.certificates.first().map(String::as_str).unwrap_or_default();
        let mut all =
            crate::pem::all(pem, "CERTIFICATE").map_err(|detail| fault(format!("{WHAT}: {detail}")))?;
        if all.is_empty() {
            return Err(fault(WHAT));
        }
        let der = all.swap_remove(0);
        let certificate = Certificate::from_der(&der).map_err(|detail| fault(format!("{WHAT}: {detail}")))?;
        if certificate.fingerprint() != Some(key.public().fingerprint()) {
            return Err(fault("the authority (Fulcio) certified another key"));
        }
        let anybody = Pattern::parse("**").map_err(|error| fault(error.to_string()))?;
        let by =
            By::Identity { subject: anybody.clone(), issuer: anybody, claims: Vec::new(), roots: Vec::new() };
        let trust = Trust { roots, signers: vec![Signer { name: "whoever signs".into(), by }] };
        Ok(Keyless { key, certificate: der, services, client, trust, now })
    }
}

/// Sends a document below an address and reads one.
fn post<T: for<'a> Deserialize<'a>>(
    client: &Client,
    base: &Url,
    path: &str,
    document: &Value,
    what: &str,
) -> Result<T, Error> {
    // Services may stand below a path of their own.
    let below = format!("{}/{path}", base.path().trim_end_matches('/'));
    let url = base.join(&below).map_err(|error| network(what, error))?;
    let request = Request::new(Method::Post, url)
        .header("content-type", "application/json")
        .header("accept", "application/json")
        .body(document.to_string().into_bytes());
    let bytes = client
        .send(&request)
        .and_then(plimsoll_http::Response::success)
        .and_then(|answer| answer.bytes(LARGEST))
        .map_err(|error| network(what, error))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| fault(format!("{what}: an answer that cannot be read: {error}")))
}

/// `TimeStampReq` (RFC 3161, section 2.4.1) over a SHA-256, asking for the certificate. No nonce: what is stamped is new.
fn query(imprint: &[u8; 32]) -> Vec<u8> {
    // SEQUENCE { 1, SEQUENCE { SEQUENCE { sha256, NULL }, OCTET STRING }, TRUE }
    let mut der = vec![0x30, 0x39, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09];
    der.extend([0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20]);
    der.extend(imprint);
    der.extend([0x01, 0x01, 0xff]);
    der
}

impl Seal for Keyless {
    fn seal(&self, statement: &[u8]) -> Result<Sealed, Error> {
        const LOG: &str = "the transparency log (Rekor) takes no entry";
        const STAMP: &str = "the timestamp authority gives no timestamp";
        let message = sigstore_verify::types::pae(IN_TOTO, statement);
        let signature = self.key.sign(&message)?;
        let request = json!({ "hashedRekordRequestV002": {
            "digest": STANDARD.encode(Sha256::digest(&message)),
            "signature": {
                "content": STANDARD.encode(&signature),
                "verifier": {
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "x509Certificate": { "rawBytes": STANDARD.encode(&self.certificate) },
                },
            },
        } });
        let entry: Value = post(&self.client, &self.services.rekor, "api/v2/log/entries", &request, LOG)?;
        let request = Request::new(Method::Post, self.services.timestamp.clone())
            .header("content-type", "application/timestamp-query")
            .header("accept", "application/timestamp-reply")
            .body(query(&Sha256::digest(&signature).into()));
        let stamp = self
            .client
            .send(&request)
            .and_then(plimsoll_http::Response::success)
            .and_then(|answer| answer.bytes(LARGEST))
            .map_err(|error| network(STAMP, error))?;
        let material = json!({
            "certificate": { "rawBytes": STANDARD.encode(&self.certificate) },
            "tlogEntries": [entry],
            "timestampVerificationData": { "rfc3161Timestamps": [{ "signedTimestamp": STANDARD.encode(stamp) }] },
        });
        Ok(Sealed { signature, material })
    }

    fn check(&self, bundle: &[u8], subject: &Digest) -> Result<(), Error> {
        let evidence = Evidence {
            place: Place { repository: String::new(), layout: Layout::File, manifest: None },
            subject: subject.clone(),
            format: Format::Bundle,
            bytes: bundle.to_vec(),
            annotations: std::collections::BTreeMap::new(),
        };
        let target = Target { digest: subject, manifest: None, now: self.now };
        match self.trust.check(&evidence, target).outcome {
            Outcome::Trusted { .. } => Ok(()),
            Outcome::Untrusted { reason } | Outcome::Invalid { reason } | Outcome::Unreadable { reason } => {
                Err(fault(format!(
                    "what the services answered does not verify against the trust roots: {reason}"
                )))
            }
            Outcome::Unsigned => Err(fault("what the services answered does not verify")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &Value) -> String {
        format!("e30.{}.AAAA", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn tokens_name_somebody_or_are_none() {
        for (claims, subject) in [
            (json!({ "sub": "repo:acme/shop" }), "repo:acme/shop"),
            (json!({ "sub": "7", "email": "ada@example.test", "email_verified": true }), "ada@example.test"),
            (
                json!({ "sub": "7", "email": "ada@example.test", "email_verified": "true" }),
                "ada@example.test",
            ),
        ] {
            let token = IdentityToken::parse(&format!("{}\n", token(&claims))).expect("a token");
            assert_eq!(token.subject, subject);
            assert!(!format!("{token:?}").contains("e30"), "never shown");
        }
        for text in [
            token(&json!({ "sub": "7", "email": "ada@example.test" })),
            token(&json!({ "sub": "7", "email": "ada@example.test", "email_verified": false })),
            token(&json!({})),
            token(&json!([])),
            "a.b".into(),
            "a.b.c.d".into(),
            "a.?.c".into(),
            "a .e30.c".into(),
            format!("{}.e30.c", "a".repeat(100_000)),
        ] {
            assert!(IdentityToken::parse(&text).is_err(), "{text:.80}");
        }
    }

    #[test]
    fn secrets_go_only_where_nobody_listens() {
        for (address, fits) in [
            ("https://fulcio.example.test", true),
            ("http://127.0.0.1:4711/x", true),
            ("http://localhost:1", true),
            ("http://fulcio.example.test", false),
            ("http://127.0.0.1.example.test", false),
            ("ftp://localhost", false),
            ("", false),
        ] {
            assert_eq!(secure(address, "it").is_ok(), fits, "{address}");
        }
    }

    #[test]
    fn a_query_is_one_that_openssl_reads() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("query"), query(&[7; 32])).expect("a file");
        let done = std::process::Command::new("openssl")
            .args(["ts", "-query", "-in", "query", "-text"])
            .current_dir(folder.path())
            .output()
            .expect("openssl");
        let text = String::from_utf8_lossy(&done.stdout);
        assert!(
            text.contains("Hash Algorithm: sha256") && text.contains("Certificate required: yes"),
            "{text}"
        );
    }
}
