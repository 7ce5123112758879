//! An authority, a transparency log of both generations and a timestamp authority of our own, to make evidence of every kind.
//!
//! Certificates and timestamps come from OpenSSL; signatures, log entries and checkpoints from the primitives underneath
//! the verifier. The log holds one entry at a time: its root is the hash of that entry.

pub(crate) mod notation;

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_trust::{PublicKey, Root, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Whom the certificates name.
pub(crate) const SUBJECT: &str = "https://example.test/owner/shop/.github/workflows/release.yml@refs/tags/v1";
/// Who vouched for them.
pub(crate) const ISSUER: &str = "https://issuer.example.test";

/// Everything that makes evidence.
pub(crate) struct Yard {
    /// What OpenSSL made.
    pub(crate) folder: tempfile::TempDir,
    log: SigningKey,
    log_key: Vec<u8>,
    /// The key that some evidence is made with.
    pub(crate) key: SigningKey,
    key_pem: String,
    certificate: Vec<u8>,
    certificate_key: SigningKey,
    authority: Vec<u8>,
    timestamper: [Vec<u8>; 2],
    now: u64,
}

/// Who makes a piece of evidence, and which log knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// A key; no log.
    Key,
    /// A key; a log of the first generation.
    KeyLogged,
    /// A certificate; a log of the first generation.
    Certificate,
    /// A certificate; a log of the second generation and a timestamp authority.
    CertificateTimestamped,
}

impl Identity {
    pub(crate) fn has_certificate(self) -> bool {
        matches!(self, Identity::Certificate | Identity::CertificateTimestamped)
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn pem(kind: &str, der: &[u8]) -> String {
    let body = encode(der);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

impl Yard {
    /// Builds everything once; `None`, said by the shell, when OpenSSL is not there.
    #[expect(clippy::disallowed_methods, reason = "certificates are made for now: tests enter here")]
    pub(crate) fn build() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let script = format!(
            r#"
            key() {{ openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null; openssl pkey -in "$1.key" -pubout -out "$1.pub"; }}
            for name in authority leaf log ours stamp stamper; do key $name; done
            printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n' > ca.ext
            printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\nsubjectAltName=critical,URI:{SUBJECT}\n1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:{ISSUER}\n1.3.6.1.4.1.57264.1.12=ASN1:UTF8String:https://github.com/owner/shop\n' > leaf.ext
            printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n' > stamper.ext
            for name in authority stamp; do
                openssl req -new -key $name.key -subj "/O=yard/CN=$name" -out $name.csr
                openssl x509 -req -in $name.csr -signkey $name.key -days 2 -extfile ca.ext -out $name.pem 2>/dev/null
            done
            openssl req -new -key leaf.key -subj "/" -out leaf.csr 2>/dev/null || openssl req -new -key leaf.key -subj "/CN=leaf" -out leaf.csr
            openssl x509 -req -in leaf.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 1 -extfile leaf.ext -out leaf.pem 2>/dev/null
            openssl req -new -key stamper.key -subj "/O=yard/CN=stamper" -out stamper.csr
            openssl x509 -req -in stamper.csr -CA stamp.pem -CAkey stamp.key -CAcreateserial -days 1 -extfile stamper.ext -out stamper.pem 2>/dev/null
            for name in authority leaf stamp stamper; do openssl x509 -in $name.pem -outform DER -out $name.der; done
            openssl pkey -pubin -in log.pub -outform DER -out log.der
            printf '[tsa]\ndefault_tsa=one\n[one]\nserial=serial\ndefault_policy=1.2.3.4\ndigests=sha256\nsigner_digest=sha256\naccuracy=secs:1\n' > tsa.cnf
            printf '01' > serial
            "#
        );
        shell(folder.path(), &script);
        let read = |name: &str| std::fs::read(folder.path().join(name)).expect("OpenSSL wrote it");
        let key = |name: &str| {
            SigningKey::from_pem(name, &String::from_utf8(read(name)).expect("PEM"), None).expect("a key")
        };
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs();
        Yard {
            log: key("log.key"),
            log_key: read("log.der"),
            key: key("ours.key"),
            key_pem: String::from_utf8(read("ours.pub")).expect("PEM"),
            certificate: read("leaf.der"),
            certificate_key: key("leaf.key"),
            authority: read("authority.der"),
            timestamper: [read("stamper.der"), read("stamp.der")],
            now,
            folder,
        }
    }

    /// The trust root that fits.
    pub(crate) fn root(&self) -> Root {
        let since = "2020-01-01T00:00:00Z";
        let chain = |certificates: &[&Vec<u8>]| {
            let list: Vec<Value> =
                certificates.iter().map(|der| json!({ "rawBytes": encode(der) })).collect();
            json!({ "certificates": list })
        };
        let text = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": "https://log.example.test",
                "hashAlgorithm": "SHA2_256",
                "publicKey": { "rawBytes": encode(&self.log_key), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": { "start": since } },
                "logId": { "keyId": encode(sha256(&self.log_key)) },
            }],
            "certificateAuthorities": [{
                "subject": { "organization": "yard", "commonName": "authority" },
                "uri": "https://authority.example.test",
                "certChain": chain(&[&self.authority]),
                "validFor": { "start": since },
            }],
            "ctlogs": [],
            "timestampAuthorities": [{
                "subject": { "organization": "yard", "commonName": "stamp" },
                "uri": "https://stamp.example.test",
                "certChain": chain(&[&self.timestamper[0], &self.timestamper[1]]),
                "validFor": { "start": since },
            }],
        });
        Root::from_json("yard", &text.to_string()).expect("a root")
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        PublicKey::from_pem("ours.pub", &self.key_pem).expect("a key")
    }

    fn signer(&self, identity: Identity) -> &SigningKey {
        if identity.has_certificate() { &self.certificate_key } else { &self.key }
    }

    /// Certificate or key in PEM, as logs store it.
    pub(crate) fn verifier(&self, identity: Identity) -> String {
        if identity.has_certificate() { pem("CERTIFICATE", &self.certificate) } else { self.key_pem.clone() }
    }

    pub(crate) fn sign(&self, identity: Identity, bytes: &[u8]) -> Vec<u8> {
        self.signer(identity).sign(bytes).expect("a signature")
    }

    /// A DSSE envelope around a statement about an image.
    pub(crate) fn envelope(&self, identity: Identity, digest: &str, predicate_type: &str) -> Value {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "shop", "digest": { "sha256": digest.trim_start_matches("sha256:") } }],
            "predicateType": predicate_type,
            "predicate": {},
        })
        .to_string();
        let signature = self.sign(identity, &pae(statement.as_bytes()));
        json!({
            "payloadType": "application/vnd.in-toto+json",
            "payload": encode(statement),
            "signatures": [{ "keyid": "", "sig": encode(signature) }],
        })
    }

    /// What the log stores of a signature over `bytes`.
    fn message_body(&self, identity: Identity, bytes: &[u8], signature: &[u8]) -> Value {
        json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": { "hash": { "algorithm": "sha256", "value": hex(&sha256(bytes)) } },
                "signature": { "content": encode(signature), "publicKey": { "content": encode(self.verifier(identity)) } },
            },
        })
    }

    fn envelope_body(&self, identity: Identity, envelope: &Value) -> Value {
        let payload = STANDARD.decode(envelope["payload"].as_str().expect("a payload")).expect("base64");
        json!({
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": { "algorithm": "sha256", "value": hex(&sha256(envelope.to_string().as_bytes())) },
                "payloadHash": { "algorithm": "sha256", "value": hex(&sha256(&payload)) },
                "signatures": [{ "signature": envelope["signatures"][0]["sig"], "verifier": encode(self.verifier(identity)) }],
            },
        })
    }

    fn second_body(&self, bytes: &[u8], signature: &[u8]) -> Value {
        second_body(&encode(sha256(bytes)), &encode(signature), &encode(&self.certificate))
    }

    fn promise(&self, body: &str) -> String {
        let text = format!(
            r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":0}}"#,
            encode(body),
            self.now,
            hex(&sha256(&self.log_key))
        );
        encode(self.log.sign(text.as_bytes()).expect("a signature"))
    }

    /// An entry as bundles hold it.
    pub(crate) fn entry(&self, body: &Value, proof: bool, promise: bool) -> Value {
        let kind = (body["kind"].clone(), body["apiVersion"].clone());
        let body = body.to_string();
        let mut entry = json!({
            "logIndex": "0",
            "logId": { "keyId": encode(sha256(&self.log_key)) },
            "kindVersion": { "kind": kind.0, "version": kind.1 },
            "canonicalizedBody": encode(&body),
        });
        if promise {
            entry["integratedTime"] = json!(self.now.to_string());
            entry["inclusionPromise"] = json!({ "signedEntryTimestamp": self.promise(&body) });
        }
        if proof {
            let root = sha256(&[&[0], body.as_bytes()].concat());
            let note = format!("log.example.test\n1\n{}\n", encode(root));
            let signature = self.log.sign(note.as_bytes()).expect("a signature");
            let hint = &sha256(&self.log_key)[..4];
            let line = format!("\u{2014} log.example.test {}\n", encode([hint, &signature].concat()));
            entry["inclusionProof"] = json!({
                "logIndex": "0",
                "treeSize": "1",
                "rootHash": encode(root),
                "hashes": [],
                "checkpoint": { "envelope": format!("{note}\n{line}") },
            });
        }
        entry
    }

    /// A moment that the timestamp authority vouches for.
    fn timestamp(&self, signature: &[u8]) -> String {
        std::fs::write(self.folder.path().join("signature"), signature).expect("a file");
        shell(
            self.folder.path(),
            "openssl ts -query -data signature -sha256 -cert -out query 2>/dev/null
             openssl ts -reply -config tsa.cnf -queryfile query -signer stamper.pem -inkey stamper.key -chain stamp.pem -out reply 2>/dev/null",
        );
        encode(std::fs::read(self.folder.path().join("reply")).expect("OpenSSL wrote it"))
    }

    /// A bundle of a version around content that signs `bytes`.
    pub(crate) fn bundle(&self, version: &str, identity: Identity, content: &Content) -> Value {
        let (name, value, bytes, signature) = match content {
            Content::Envelope(envelope) => {
                let payload =
                    STANDARD.decode(envelope["payload"].as_str().expect("a payload")).expect("base64");
                let signature = STANDARD
                    .decode(envelope["signatures"][0]["sig"].as_str().expect("a signature"))
                    .expect("base64");
                ("dsseEnvelope", envelope.clone(), pae(&payload), signature)
            }
            Content::Message(bytes) => {
                let signature = self.sign(identity, bytes);
                let digest = json!({ "algorithm": "SHA2_256", "digest": encode(sha256(bytes)) });
                (
                    "messageSignature",
                    json!({ "messageDigest": digest, "signature": encode(&signature) }),
                    bytes.clone(),
                    signature,
                )
            }
        };
        let first = || match content {
            Content::Envelope(envelope) => self.envelope_body(identity, envelope),
            Content::Message(bytes) => self.message_body(identity, bytes, &signature),
        };
        let entries = match identity {
            Identity::Key => json!([]),
            Identity::KeyLogged | Identity::Certificate => {
                json!([self.entry(&first(), version != "0.1", true)])
            }
            Identity::CertificateTimestamped => {
                json!([self.entry(&self.second_body(&bytes, &signature), true, false)])
            }
        };
        let mut material = match (identity.has_certificate(), version) {
            (false, _) => json!({ "publicKey": { "hint": "" } }),
            (true, "0.3") => json!({ "certificate": { "rawBytes": encode(&self.certificate) } }),
            (true, _) => {
                json!({ "x509CertificateChain": { "certificates": [{ "rawBytes": encode(&self.certificate) }] } })
            }
        };
        material["tlogEntries"] = entries;
        if identity == Identity::CertificateTimestamped {
            material["timestampVerificationData"] =
                json!({ "rfc3161Timestamps": [{ "signedTimestamp": self.timestamp(&signature) }] });
        }
        let media_type = match version {
            "0.3" => "application/vnd.dev.sigstore.bundle.v0.3+json".to_owned(),
            version => format!("application/vnd.dev.sigstore.bundle+json;version={version}"),
        };
        let mut bundle = json!({ "mediaType": media_type, "verificationMaterial": material });
        bundle[name] = value;
        bundle
    }

    /// What cosign 1 and 2 write beside a layer.
    pub(crate) fn annotations(&self, identity: Identity, content: &Content) -> Vec<(String, String)> {
        let mut out = Vec::new();
        let body = match content {
            Content::Message(bytes) => {
                let signature = self.sign(identity, bytes);
                out.push(("dev.cosignproject.cosign/signature".to_owned(), encode(&signature)));
                self.message_body(identity, bytes, &signature)
            }
            Content::Envelope(envelope) => {
                out.push(("dev.cosignproject.cosign/signature".to_owned(), String::new()));
                self.envelope_body(identity, envelope)
            }
        };
        if identity.has_certificate() {
            out.push(("dev.sigstore.cosign/certificate".to_owned(), pem("CERTIFICATE", &self.certificate)));
            out.push(("dev.sigstore.cosign/chain".to_owned(), pem("CERTIFICATE", &self.authority)));
        }
        if identity != Identity::Key {
            out.push(("dev.sigstore.cosign/bundle".to_owned(), self.stored(&body).to_string()));
        }
        out
    }

    /// The answer of a log of the first generation, as cosign 1 and 2 keep it.
    pub(crate) fn stored(&self, body: &Value) -> Value {
        let body = body.to_string();
        json!({
            "SignedEntryTimestamp": self.promise(&body),
            "Payload": { "body": encode(&body), "integratedTime": self.now, "logIndex": 0, "logID": hex(&sha256(&self.log_key)) },
        })
    }
}

/// What a log of the second generation stores of a signature, everything in base64.
pub(crate) fn second_body(digest: &str, signature: &str, certificate: &str) -> Value {
    json!({
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": { "hashedRekordV002": {
            "data": { "algorithm": "SHA2_256", "digest": digest },
            "signature": {
                "content": signature,
                "verifier": { "keyDetails": "PKIX_ECDSA_P256_SHA_256", "x509Certificate": { "rawBytes": certificate } },
            },
        } },
    })
}

/// What is signed.
pub(crate) enum Content {
    Message(Vec<u8>),
    Envelope(Value),
}

/// A payload of simple signing.
pub(crate) fn simple(digest: &str) -> Vec<u8> {
    json!({
        "critical": {
            "identity": { "docker-reference": "registry.example.test/shop" },
            "image": { "docker-manifest-digest": digest },
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string()
    .into_bytes()
}

fn pae(payload: &[u8]) -> Vec<u8> {
    sigstore_verify::types::pae("application/vnd.in-toto+json", payload)
}

pub(crate) fn shell(folder: &Path, script: &str) {
    let done = Command::new("sh")
        .args(["-ec", script])
        .current_dir(PathBuf::from(folder))
        .output()
        .expect("a shell");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
