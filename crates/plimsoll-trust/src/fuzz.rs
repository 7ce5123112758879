//! Bodies of the fuzz targets, called by ordinary tests too.

use std::collections::BTreeMap;

use plimsoll_model::Digest;

use crate::{Evidence, Format, Layout, Place, Target, Trust};

/// Evidence of every format with any bytes: nothing may panic, and nothing may be trusted.
pub fn evidence(bytes: &[u8]) {
    let subject = Digest::parse(&format!("sha256:{}", "00".repeat(32))).expect("a digest");
    let trust = Trust { roots: Vec::new(), signers: Vec::new() };
    let text = String::from_utf8_lossy(bytes).into_owned();
    for format in
        [Format::SimpleSigning, Format::Dsse, Format::Bundle, Format::Statement, Format::Sbom, Format::Vex]
    {
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
            let checked = trust.check(&evidence, Target { digest: &subject, manifest: None });
            assert!(
                !matches!(checked.outcome, crate::Outcome::Trusted { .. }),
                "nobody was named, somebody was trusted"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            super::evidence(&bytes);
        }

        #[test]
        fn nearly_json(text in "[{}\\[\\]\":,a-zA-Z0-9=+/. \\-]{0,200}") {
            super::evidence(text.as_bytes());
        }
    }

    #[test]
    fn deep_and_damaged_documents() {
        let bundle = br#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"x"},
            "tlogEntries":[]},"dsseEnvelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AAAA","keyid":""}]}}"#;
        for end in 0..=bundle.len() {
            super::evidence(&bundle[..end]);
        }
        super::evidence("[".repeat(100_000).as_bytes());
        super::evidence("{\"signatures\":".repeat(50_000).as_bytes());
    }
}
