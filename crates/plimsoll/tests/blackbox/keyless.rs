//! A small Fulcio, Rekor and timestamp authority of this machine, honest ones, for the program as a whole. What services
//! that lie bring about is tested in plimsoll-trust.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Whom the certificates name, and who vouches for them.
pub(crate) const SUBJECT: &str =
    "https://example.test/owner/data/.github/workflows/publish.yml@refs/heads/main";
pub(crate) const ISSUER: &str = "https://issuer.example.test";
/// The subject of the token, which the requester proves to hold a key for.
const HOLDER: &str = "repo:owner/data";

/// The services, running until the test ends.
pub(crate) struct Keyless {
    folder: tempfile::TempDir,
    /// `http://HOST:PORT`.
    address: String,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

fn shell(folder: &Path, script: &str) {
    let done = Command::new("sh").args(["-ec", script]).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
}

fn token() -> String {
    let claims = json!({ "iss": ISSUER, "sub": HOLDER });
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

impl Keyless {
    /// Needs OpenSSL, for which the caller has looked.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            r#"
            key() {{ openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; openssl pkey -in "$1.key" -pubout -out "$1.pub"; }}
            for name in authority log stamp stamper; do key $name; done
            printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n' > ca.ext
            printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\nsubjectAltName=critical,URI:{SUBJECT}\n1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:{ISSUER}\n' > leaf.ext
            printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n' > stamper.ext
            for name in authority stamp; do
                openssl req -new -key $name.key -subj "/O=yard/CN=$name" -out $name.csr
                openssl x509 -req -in $name.csr -signkey $name.key -days 2 -extfile ca.ext -out $name.pem
            done
            openssl req -new -key stamper.key -subj "/O=yard/CN=stamper" -out stamper.csr
            openssl x509 -req -in stamper.csr -CA stamp.pem -CAkey stamp.key -CAcreateserial -days 1 -extfile stamper.ext -out stamper.pem
            for name in authority stamp stamper; do openssl x509 -in $name.pem -outform DER -out $name.der; done
            openssl pkey -pubin -in log.pub -outform DER -out log.der
            printf '[tsa]\ndefault_tsa=one\n[one]\nserial=serial\ndefault_policy=1.2.3.4\ndigests=sha256\nsigner_digest=sha256\naccuracy=secs:1\n' > tsa.cnf
            printf '01' > serial
            "#
        );
        shell(folder.path(), &script);
        std::fs::write(folder.path().join("token"), token()).unwrap();
        std::fs::write(folder.path().join("root.json"), root(folder.path()).to_string()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let place = folder.path().to_owned();
        std::thread::spawn(move || serve(&listener, &place));
        Keyless { folder, address }
    }

    pub(crate) fn root(&self) -> String {
        self.folder.path().join("root.json").to_str().unwrap().to_owned()
    }

    /// The flags by which a command signs with these.
    pub(crate) fn flags(&self) -> Vec<String> {
        let at = |path: &str| format!("{}{path}", self.address);
        [
            "--keyless",
            "--identity-token",
            self.folder.path().join("token").to_str().unwrap(),
            "--fulcio-url",
            &at("/fulcio"),
            "--rekor-url",
            &at("/rekor"),
            "--timestamp-url",
            &at("/stamp"),
            "--keyless-root",
            &self.root(),
        ]
        .map(str::to_owned)
        .to_vec()
    }
}

/// What whoever verifies trusts.
fn root(folder: &Path) -> Value {
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let since = "2020-01-01T00:00:00Z";
    let chain = |names: &[&str]| {
        let list: Vec<Value> = names.iter().map(|name| json!({ "rawBytes": encode(read(name)) })).collect();
        json!({ "certificates": list })
    };
    let log = read("log.der");
    json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [{
            "baseUrl": "https://log.example.test",
            "hashAlgorithm": "SHA2_256",
            "publicKey": { "rawBytes": encode(&log), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": { "start": since } },
            "logId": { "keyId": encode(sha256(&log)) },
        }],
        "certificateAuthorities": [{
            "subject": { "organization": "yard", "commonName": "authority" },
            "uri": "https://authority.example.test",
            "certChain": chain(&["authority.der"]),
            "validFor": { "start": since },
        }],
        "ctlogs": [],
        "timestampAuthorities": [{
            "subject": { "organization": "yard", "commonName": "stamp" },
            "uri": "https://stamp.example.test",
            "certChain": chain(&["stamper.der", "stamp.der"]),
            "validFor": { "start": since },
        }],
    })
}

/// Answers one request of a connection, one after another.
fn serve(listener: &TcpListener, folder: &Path) {
    for connection in listener.incoming() {
        let mut connection = connection.unwrap();
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        let (mut first, mut length) = (String::new(), 0);
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            continue;
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let path = first.split(' ').nth(1).unwrap_or_default();
        let (status, answer) = answer(folder, path, &body);
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
        let _ = connection.write_all(&[head.as_bytes(), &answer].concat());
    }
}

fn answer(folder: &Path, path: &str, body: &[u8]) -> (&'static str, Vec<u8>) {
    let read = || serde_json::from_slice::<Value>(body).unwrap();
    match path {
        "/fulcio/api/v2/signingCert" => match certify(folder, &read()) {
            Some(answer) => ("200 OK", answer.to_string().into_bytes()),
            None => ("400 Bad Request", b"no proof of possession".to_vec()),
        },
        "/rekor/api/v2/log/entries" => ("201 Created", entry(folder, &read()).to_string().into_bytes()),
        "/stamp" => {
            std::fs::write(folder.join("asked"), body).unwrap();
            shell(
                folder,
                "openssl ts -reply -config tsa.cnf -queryfile asked -signer stamper.pem -inkey stamper.key -chain stamp.pem -out answer",
            );
            ("201 Created", std::fs::read(folder.join("answer")).unwrap())
        }
        _ => ("404 Not Found", Vec::new()),
    }
}

/// A certificate of a day for the key that was asked for, whose holder must show that they have it.
fn certify(folder: &Path, asked: &Value) -> Option<Value> {
    let key = asked["publicKeyRequest"]["publicKey"]["content"].as_str()?;
    let proof = STANDARD.decode(asked["publicKeyRequest"]["proofOfPossession"].as_str()?).ok()?;
    std::fs::write(folder.join("asked.pub"), key).unwrap();
    std::fs::write(folder.join("proof"), proof).unwrap();
    std::fs::write(folder.join("holder"), HOLDER).unwrap();
    let proven = Command::new("openssl")
        .args(["dgst", "-sha256", "-verify", "asked.pub", "-signature", "proof", "holder"])
        .current_dir(folder)
        .output()
        .unwrap();
    if !proven.status.success() || asked["credentials"]["oidcIdentityToken"] != token() {
        return None;
    }
    shell(
        folder,
        "openssl x509 -new -subj / -force_pubkey asked.pub -CA authority.pem -CAkey authority.key -set_serial 77 -days 1 -extfile leaf.ext -out issued.pem",
    );
    let certificate = std::fs::read_to_string(folder.join("issued.pem")).unwrap();
    Some(json!({ "signedCertificateEmbeddedSct": { "chain": { "certificates": [certificate] } } }))
}

/// An entry of a log that holds only this one: its root is the hash of the entry.
fn entry(folder: &Path, asked: &Value) -> Value {
    let asked = &asked["hashedRekordRequestV002"];
    let body = json!({
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": { "hashedRekordV002": {
            "data": { "algorithm": "SHA2_256", "digest": asked["digest"] },
            "signature": {
                "content": asked["signature"]["content"],
                "verifier": {
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "x509Certificate": asked["signature"]["verifier"]["x509Certificate"],
                },
            },
        } },
    })
    .to_string();
    let log = sha256(&std::fs::read(folder.join("log.der")).unwrap());
    let root = sha256(&[&[0], body.as_bytes()].concat());
    let note = format!("log.example.test\n1\n{}\n", encode(&root));
    std::fs::write(folder.join("note"), &note).unwrap();
    shell(folder, "openssl dgst -sha256 -sign log.key -out note.signature note");
    let signature = std::fs::read(folder.join("note.signature")).unwrap();
    let line = format!("\u{2014} log.example.test {}\n", encode([&log[..4], &signature].concat()));
    json!({
        "logIndex": "0",
        "logId": { "keyId": encode(&log) },
        "kindVersion": { "kind": "hashedrekord", "version": "0.0.2" },
        "canonicalizedBody": encode(&body),
        "inclusionProof": {
            "logIndex": "0",
            "treeSize": "1",
            "rootHash": encode(&root),
            "hashes": [],
            "checkpoint": { "envelope": format!("{note}\n{line}") },
        },
    })
}
