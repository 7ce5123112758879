//! Bodies of the fuzz targets, called by ordinary tests too.

use std::collections::BTreeMap;

use plimsoll_model::Digest;

use crate::notation::{self, Revocations, TrustPolicy, TrustStore};
use crate::x509;
use crate::{Evidence, Format, Layout, Place, PublicKey, SigningKey, Target, Trust};

/// Evidence of every format with any bytes: nothing may panic, and nothing may be trusted.
pub fn evidence(bytes: &[u8]) {
    let subject = Digest::parse(&format!("sha256:{}", "00".repeat(32))).expect("a digest");
    let trust = Trust { roots: Vec::new(), signers: Vec::new() };
    let text = String::from_utf8_lossy(bytes).into_owned();
    for format in [
        Format::SimpleSigning,
        Format::Dsse,
        Format::Bundle,
        Format::Statement,
        Format::Sbom,
        Format::Vex,
        Format::NotationJws,
        Format::NotationCose,
    ] {
        for name in [
            "dev.sigstore.cosign/bundle",
            "dev.sigstore.cosign/certificate",
            "dev.sigstore.cosign/rfc3161timestamp",
        ] {
            let evidence = Evidence {
                place: Place { repository: String::new(), layout: Layout::File, manifest: None },
                subject: subject.clone(),
                format: format.clone(),
                bytes: bytes.to_vec(),
                annotations: BTreeMap::from([
                    ("dev.cosignproject.cosign/signature".to_owned(), "AAAA".to_owned()),
                    (name.to_owned(), text.clone()),
                ]),
            };
            let checked = trust.check(&evidence, Target { digest: &subject, manifest: None, now: 0 });
            assert!(
                !matches!(checked.outcome, crate::Outcome::Trusted { .. }),
                "nobody was named, somebody was trusted"
            );
        }
    }
}

/// A private key with any bytes, and what cosign's encryption of one holds. Derivations that cost are left out.
pub fn private_key(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = SigningKey::from_pem("fuzzed", &text, None);
    let _ = SigningKey::from_pem(
        "fuzzed",
        &format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----"),
        None,
    );
    let costly = text.split(|character: char| !character.is_ascii_digit()).any(|digits| digits.len() > 4);
    if !costly {
        let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
        let label = "ENCRYPTED SIGSTORE PRIVATE KEY";
        let pem = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----");
        let _ = SigningKey::from_pem("fuzzed", &pem, Some(b""));
    }
}

/// A public key with any bytes, as it is and as a JWK.
pub fn public_key(bytes: &[u8]) {
    let _ = PublicKey::read("fuzzed", bytes);
    let text = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes);
    for kind in [
        r#""kty":"EC","crv":"P-256""#,
        r#""kty":"EC","crv":"P-384""#,
        r#""kty":"RSA""#,
        r#""kty":"OKP","crv":"Ed25519""#,
    ] {
        let jwk = format!(r#"{{{kind},"x":"{text}","y":"{text}","n":"{text}","e":"AQAB"}}"#);
        if let Ok(key) = PublicKey::read("fuzzed", jwk.as_bytes()) {
            let again = PublicKey::read("fuzzed", key.to_pem().as_bytes());
            assert!(again.is_ok_and(|again| again == key), "a key that was read reads as PEM too");
        }
    }
}

/// What Notation's users hand over, and what its envelopes carry, with any bytes: nothing may panic, and a timestamp that
/// nobody is trusted for may not count.
pub fn notation(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut revocations = Revocations::default();
    let _ = revocations.add("fuzzed", bytes);
    if let Ok(certificates) = x509::from_file(bytes) {
        for certificate in &certificates {
            let _ = x509::check_chain(std::slice::from_ref(certificate), x509::Use::CodeSigning);
            let _ = revocations.status(certificate, certificate, 0, None);
        }
    }
    let mut store = TrustStore::default();
    let _ = store.add("ca:acme", "fuzzed", bytes);
    if let Ok(policy) = TrustPolicy::parse("fuzzed", &text)
        && let Some(statement) = policy.about("registry.example.test/team/shop")
    {
        let _ = policy.signer(statement, &store, &std::sync::Arc::new(revocations));
    }
    assert!(notation::stamped(bytes, b"", &[]).is_err(), "nobody was named, somebody's clock was believed");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            super::evidence(&bytes);
            super::notation(&bytes);
            super::private_key(&bytes);
            super::public_key(&bytes);
        }

        #[test]
        fn nearly_der(bytes in proptest::collection::vec(prop_oneof![Just(0x30u8), Just(0x31), Just(0x02), Just(0x06), Just(0xa0), 0u8..16], 0..120)) {
            super::notation(&bytes);
        }

        #[test]
        fn nearly_json(text in "[{}\\[\\]\":,a-zA-Z0-9=+/. \\-]{0,200}") {
            super::evidence(text.as_bytes());
            super::notation(text.as_bytes());
            super::private_key(text.as_bytes());
            super::public_key(text.as_bytes());
        }
    }

    #[test]
    fn deep_and_damaged_documents() {
        let bundle = br#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"x"},
            "tlogEntries":[]},"dsseEnvelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AAAA","keyid":""}]}}"#;
        for end in 0..=bundle.len() {
            super::evidence(&bundle[..end]);
        }
        super::notation(&[0x30, 0x80].repeat(50_000));
        super::notation(&[0xa0, 0x84, 0x7f, 0xff, 0xff, 0xff].repeat(10_000));
        super::evidence(&[0x9f].repeat(100_000));
        super::evidence(&[0xd2, 0x84, 0x81].repeat(30_000));
        super::evidence("[".repeat(100_000).as_bytes());
        super::evidence("{\"signatures\":".repeat(50_000).as_bytes());
    }
}
