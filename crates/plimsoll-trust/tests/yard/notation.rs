//! Certificates, revocation lists, timestamps and envelopes of the Notary Project, made by OpenSSL and by the specification.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use coset::cbor::value::Value as Cbor;
use coset::{CoseSign1Builder, HeaderBuilder, RegisteredLabelWithPrivate, TaggedCborSerializable as _, iana};
use plimsoll_trust::notation::{Revocations, TrustPolicy, TrustStore};
use plimsoll_trust::{By, Signer, Trust};
use serde_json::{Value, json};

pub(crate) const REPOSITORY: &str = "registry.example.test/team/shop";
const CONTENT: &str = "application/vnd.cncf.notary.payload.v1+json";

/// Everything that makes signatures.
pub(crate) struct Yard {
    folder: tempfile::TempDir,
    /// When its certificates were made.
    pub(crate) now: i64,
}

/// What is signed, and how.
#[derive(Clone)]
pub(crate) struct Wish {
    pub(crate) leaf: &'static str,
    pub(crate) digest: String,
    pub(crate) scheme: &'static str,
    pub(crate) expiry: Option<i64>,
    pub(crate) plugin: bool,
    pub(crate) critical: Option<&'static str>,
    pub(crate) stamped: bool,
    pub(crate) cose: bool,
}

fn shell(folder: &Path, script: &str) {
    let done = Command::new("sh").args(["-ec", script]).current_dir(folder).output().expect("a shell");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

pub(crate) fn digest(byte: &str) -> String {
    format!("sha256:{}", byte.repeat(32))
}

fn text(seconds: i64) -> String {
    plimsoll_policy::moment(seconds)
}

impl Yard {
    #[expect(clippy::disallowed_methods, reason = "certificates are made for now: tests enter here")]
    pub(crate) fn build() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        shell(
            folder.path(),
            r#"
            for name in root leaf listed other stamp stamper; do openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $name.key 2>/dev/null; done
            printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n' > ca.ext
            printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n' > leaf.ext
            (cat leaf.ext; printf 'crlDistributionPoints=URI:http://crl.example.test/list\n') > listed.ext
            printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n' > stamper.ext
            for name in root other stamp; do
                openssl req -new -key $name.key -subj "/C=US/ST=WA/O=acme/CN=$name" -out $name.csr
                openssl x509 -req -in $name.csr -signkey $name.key -days 9 -extfile ca.ext -out $name.pem 2>/dev/null
            done
            for name in leaf listed; do
                openssl req -new -key $name.key -subj "/C=US/ST=WA/O=acme/CN=$name" -out $name.csr
                openssl x509 -req -in $name.csr -CA root.pem -CAkey root.key -CAcreateserial -days 1 -extfile $name.ext -out $name.pem 2>/dev/null
            done
            openssl req -new -key stamper.key -subj "/C=US/ST=WA/O=acme/CN=stamper" -out stamper.csr
            openssl x509 -req -in stamper.csr -CA stamp.pem -CAkey stamp.key -CAcreateserial -days 1 -extfile stamper.ext -out stamper.pem 2>/dev/null
            for name in root leaf listed; do openssl x509 -in $name.pem -outform DER -out $name.der; done
            for name in leaf listed; do openssl pkcs8 -topk8 -nocrypt -in $name.key -outform DER -out $name.p8; done
            printf '[tsa]\ndefault_tsa=one\n[one]\nserial=serial\ndefault_policy=1.2.3.4\ndigests=sha256\nsigner_digest=sha256\ness_cert_id_alg=sha256\n' > tsa.cnf
            printf '01' > serial
            printf '[ca]\ndefault_ca=one\n[one]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=2\n' > ca.cnf
            : > index.txt; printf '01' > number
            openssl ca -config ca.cnf -gencrl -cert root.pem -keyfile root.key -out clean.crl 2>/dev/null
            openssl ca -config ca.cnf -cert root.pem -keyfile root.key -revoke listed.pem 2>/dev/null
            openssl ca -config ca.cnf -gencrl -cert root.pem -keyfile root.key -out revoked.crl 2>/dev/null
            : > other.txt
            openssl ca -config ca.cnf -gencrl -cert other.pem -keyfile other.key -out other.crl 2>/dev/null
            "#,
        );
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
        Yard { folder, now: i64::try_from(now.as_secs()).expect("a year before the end of time") }
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).expect("OpenSSL wrote it")
    }

    fn sign(&self, leaf: &str, message: &[u8]) -> Vec<u8> {
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.read(&format!("{leaf}.p8")))
                .expect("a key");
        key.sign(&SystemRandom::new(), message).expect("a signature").as_ref().to_vec()
    }

    fn stamp(&self, signature: &[u8]) -> Vec<u8> {
        std::fs::write(self.folder.path().join("signature"), signature).expect("a file");
        shell(
            self.folder.path(),
            "openssl ts -query -data signature -sha256 -cert -out query 2>/dev/null
             openssl ts -reply -config tsa.cnf -queryfile query -signer stamper.pem -inkey stamper.key -chain stamp.pem -token_out -out token 2>/dev/null",
        );
        self.read("token")
    }

    pub(crate) fn wish(&self) -> Wish {
        Wish {
            leaf: "leaf",
            digest: digest("ab"),
            scheme: "notary.x509",
            expiry: Some(self.now + 3600),
            plugin: false,
            critical: None,
            stamped: false,
            cose: false,
        }
    }

    pub(crate) fn make(&self, wish: &Wish) -> Vec<u8> {
        let payload = json!({ "targetArtifact": { "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": wish.digest, "size": 2 } })
            .to_string();
        let authority = wish.scheme == "notary.x509.signingAuthority";
        let time =
            if authority { "io.cncf.notary.authenticSigningTime" } else { "io.cncf.notary.signingTime" };
        let mut critical = vec!["io.cncf.notary.signingScheme"];
        critical.extend(authority.then_some(time));
        critical.extend(wish.expiry.map(|_| "io.cncf.notary.expiry"));
        critical.extend(wish.plugin.then_some("io.cncf.notary.verificationPlugin"));
        critical.extend(wish.critical);
        let chain = [self.read(&format!("{}.der", wish.leaf)), self.read("root.der")];
        if wish.cose {
            let moment = |seconds: i64| Cbor::Tag(1, Box::new(Cbor::Integer(seconds.into())));
            let mut header = HeaderBuilder::new()
                .algorithm(iana::Algorithm::ES256)
                .content_type(CONTENT.into())
                .text_value("io.cncf.notary.signingScheme".into(), Cbor::Text(wish.scheme.into()))
                .text_value(time.into(), moment(self.now));
            if let Some(expiry) = wish.expiry {
                header = header.text_value("io.cncf.notary.expiry".into(), moment(expiry));
            }
            if wish.plugin {
                header =
                    header.text_value("io.cncf.notary.verificationPlugin".into(), Cbor::Text("x".into()));
            }
            if let Some(name) = wish.critical {
                header = header.text_value(name.into(), Cbor::Bool(true));
            }
            let mut header = header.build();
            header.crit =
                critical.iter().map(|name| RegisteredLabelWithPrivate::Text((*name).into())).collect();
            let list = Cbor::Array(chain.iter().cloned().map(Cbor::Bytes).collect());
            let mut sign = CoseSign1Builder::new()
                .protected(header)
                .unprotected(HeaderBuilder::new().value(33, list).build())
                .payload(payload.into_bytes())
                .create_signature(b"", |message| self.sign(wish.leaf, message))
                .build();
            if wish.stamped {
                let token = Cbor::Bytes(self.stamp(&sign.signature));
                sign.unprotected
                    .rest
                    .push((coset::Label::Text("io.cncf.notary.timestampSignature".into()), token));
            }
            return sign.to_tagged_vec().expect("CBOR");
        }
        let mut header = json!({ "alg": "ES256", "cty": CONTENT, "crit": critical, "io.cncf.notary.signingScheme": wish.scheme });
        header[time] = text(self.now).into();
        if let Some(expiry) = wish.expiry {
            header["io.cncf.notary.expiry"] = text(expiry).into();
        }
        if wish.plugin {
            header["io.cncf.notary.verificationPlugin"] = "x".into();
        }
        if let Some(name) = wish.critical {
            header[name] = true.into();
        }
        let (protected, payload) =
            (URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.sign(wish.leaf, format!("{protected}.{payload}").as_bytes());
        let mut unsigned = json!({ "x5c": chain.iter().map(|der| STANDARD.encode(der)).collect::<Vec<_>>() });
        if wish.stamped {
            unsigned["io.cncf.notary.timestampSignature"] = STANDARD.encode(self.stamp(&signature)).into();
        }
        json!({ "payload": payload, "protected": protected, "header": unsigned, "signature": URL_SAFE_NO_PAD.encode(signature) })
            .to_string()
            .into_bytes()
    }

    pub(crate) fn trust(&self, statement: &Value, lists: &[&str]) -> Trust {
        let mut store = TrustStore::default();
        for (name, file) in [
            ("ca:acme", "root.pem"),
            ("signingAuthority:acme", "root.pem"),
            ("ca:other", "other.pem"),
            ("tsa:stamp", "stamp.pem"),
            ("tsa:other", "other.pem"),
        ] {
            store.add(name, file, &self.read(file)).expect("certificates");
        }
        let mut revocations = Revocations::default();
        for list in lists {
            revocations.add(list, &self.read(list)).expect("a list");
        }
        let document = json!({ "version": "1.0", "trustPolicies": [statement] }).to_string();
        let policy = TrustPolicy::parse("trustpolicy.json", &document).expect("a policy");
        let statement = policy.about(REPOSITORY).expect("it is about all");
        let signer =
            policy.signer(statement, &store, &Arc::new(revocations)).expect("usable").expect("a signer");
        let signers = vec![Signer { name: "acme".into(), by: By::Notation(Box::new(signer)) }];
        Trust { roots: Vec::new(), signers }
    }
}
