//! Signatures of Notation in both envelopes, made here by the specification: good, tampered with, and held against policies.

mod yard {
    pub(crate) mod notation;
}

use std::collections::BTreeMap;

use plimsoll_model::Digest;
use plimsoll_trust::{Evidence, Format, Layout, Outcome, Place, Target, Trust};
use serde_json::{Value, json};
use yard::notation::{REPOSITORY, Wish, Yard, digest};

fn check(trust: &Trust, cose: bool, bytes: Vec<u8>, now: i64) -> plimsoll_trust::Checked {
    let subject = Digest::parse(&digest("ab")).expect("a digest");
    let evidence = Evidence {
        place: Place { repository: REPOSITORY.into(), layout: Layout::Referrer, manifest: None },
        subject: subject.clone(),
        format: if cose { Format::NotationCose } else { Format::NotationJws },
        bytes,
        annotations: BTreeMap::new(),
    };
    trust.check(&evidence, Target { digest: &subject, manifest: None, now })
}

fn statement(level: &str, stores: &[&str], identity: &str) -> Value {
    json!({
        "name": "acme", "registryScopes": ["*"], "signatureVerification": { "level": level },
        "trustStores": stores, "trustedIdentities": [identity],
    })
}

type Change = fn(&mut Wish);
/// Signature, policy, revocation lists, when; which outcome, and what is said.
type Case<'a> = (Change, Value, &'a [&'a str], i64, &'a str, &'a str);

#[test]
fn both_envelopes_by_the_rules_and_against_them() {
    let yard = Yard::build();
    let named = "x509.subject: C=US, ST=WA, O=acme, CN=leaf";
    let strict = |stores: &[&str]| statement("strict", stores, named);
    let acme: &[&str] = &["ca:acme", "signingAuthority:acme"];
    let late = yard.now + 3 * 86_400;
    let nothing: Change = |_| {};
    let any = |level: &str, stores: &[&str]| statement(level, stores, "*");
    let cases: Vec<Case<'_>> = vec![
        (nothing, strict(acme), &[], yard.now, "trusted", ""),
        (|w| w.expiry = None, strict(acme), &[], yard.now, "trusted", ""),
        (|w| w.scheme = "notary.x509.signingAuthority", strict(acme), &[], yard.now, "trusted", ""),
        (
            |w| w.scheme = "notary.x509.signingAuthority",
            strict(&["ca:acme"]),
            &[],
            yard.now,
            "untrusted",
            "no certificate is trusted",
        ),
        (nothing, strict(&["ca:other"]), &[], yard.now, "untrusted", "no certificate is trusted"),
        (
            nothing,
            statement("strict", acme, "x509.subject: C=US, ST=WA, O=acme, CN=else"),
            &[],
            yard.now,
            "untrusted",
            "not meant",
        ),
        (|w| w.digest = digest("cd"), any("audit", acme), &[], yard.now, "invalid", "not for this image"),
        (|w| w.plugin = true, any("audit", acme), &[], yard.now, "unreadable", "plugin `x`"),
        (
            |w| w.critical = Some("org.example.more"),
            any("audit", acme),
            &[],
            yard.now,
            "unreadable",
            "org.example.more",
        ),
        (|w| w.scheme = "notary.other", any("audit", acme), &[], yard.now, "invalid", "notary.other"),
        (nothing, strict(acme), &[], yard.now + 7200, "untrusted", "until"),
        (nothing, any("permissive", acme), &[], yard.now + 7200, "trusted", ""),
        // After the certificate's end, without and with a timestamp.
        (|w| w.expiry = None, strict(acme), &[], late, "untrusted", "was valid until"),
        (
            |w| {
                w.expiry = None;
                w.stamped = true;
            },
            strict(&["ca:acme", "tsa:stamp"]),
            &[],
            late,
            "trusted",
            "",
        ),
        (
            |w| {
                w.expiry = None;
                w.stamped = true;
            },
            strict(&["ca:acme", "tsa:other"]),
            &[],
            late,
            "untrusted",
            "no trusted timestamp authority",
        ),
        (|w| w.expiry = None, strict(&["ca:acme", "tsa:stamp"]), &[], yard.now, "untrusted", "no timestamp"),
        // Revocation: nothing given, a list of somebody else, a clean one, one that names it, an old one.
        (|w| w.leaf = "listed", any("strict", acme), &[], yard.now, "unreadable", "no fresh revocation list"),
        (
            |w| w.leaf = "listed",
            any("strict", acme),
            &["other.crl"],
            yard.now,
            "unreadable",
            "no fresh revocation list",
        ),
        (|w| w.leaf = "listed", any("strict", acme), &["clean.crl"], yard.now, "trusted", ""),
        (
            |w| w.leaf = "listed",
            any("strict", acme),
            &["clean.crl", "revoked.crl"],
            yard.now,
            "untrusted",
            "was revoked",
        ),
        (|w| w.leaf = "listed", any("permissive", acme), &["revoked.crl"], yard.now, "trusted", ""),
    ];
    for cose in [false, true] {
        for (number, (change, statement, lists, now, outcome, said)) in cases.iter().enumerate() {
            let mut wish = Wish { cose, ..yard.wish() };
            change(&mut wish);
            let checked = check(&yard.trust(statement, lists), cose, yard.make(&wish), *now);
            let (got, reason) = match &checked.outcome {
                Outcome::Trusted { .. } => ("trusted", ""),
                Outcome::Untrusted { reason } => ("untrusted", reason.as_str()),
                Outcome::Invalid { reason } => ("invalid", reason.as_str()),
                Outcome::Unreadable { reason } => ("unreadable", reason.as_str()),
                Outcome::Unsigned => ("unsigned", ""),
            };
            assert!(got == *outcome && reason.contains(said), "cose {cose}, case {number}: {checked:?}");
        }
        // What a level only logs is said.
        let logged = check(
            &yard.trust(&any("audit", &["ca:other"]), &[]),
            cose,
            yard.make(&Wish { cose, ..yard.wish() }),
            yard.now,
        );
        assert!(matches!(logged.outcome, Outcome::Trusted { .. }), "{logged:?}");
        assert!(logged.notes.iter().any(|note| note.contains("no certificate is trusted")), "{logged:?}");
    }
}

#[test]
fn no_changed_byte_is_trusted() {
    let yard = Yard::build();
    let trust = yard.trust(&statement("strict", &["ca:acme"], "*"), &[]);
    for cose in [false, true] {
        let good = yard.make(&Wish { cose, ..yard.wish() });
        assert!(matches!(check(&trust, cose, good.clone(), yard.now).outcome, Outcome::Trusted { .. }));
        for at in (0..good.len()).step_by(3) {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            let checked = check(&trust, cose, bytes, yard.now);
            // A name that nobody looks at may change; nothing that is signed, and nothing of the chain.
            assert!(
                !matches!(checked.outcome, Outcome::Trusted { .. }),
                "cose {cose}, byte {at}: {checked:?}"
            );
        }
        for end in (0..good.len()).step_by(7) {
            let checked = check(&trust, cose, good[..end].to_vec(), yard.now);
            assert!(matches!(checked.outcome, Outcome::Invalid { .. }), "{checked:?}");
        }
    }
}

#[test]
fn damaged_files_of_every_kind_are_read_without_harm() {
    let yard = Yard::build();
    let stamped = yard.make(&Wish { stamped: true, ..yard.wish() });
    let files = ["root.der", "listed.pem", "clean.crl", "revoked.crl", "token"];
    for bytes in files.iter().map(|name| yard.read(name)).chain([stamped]) {
        for at in (0..bytes.len()).step_by(5) {
            let mut changed = bytes.clone();
            changed[at] ^= 0x55;
            plimsoll_trust::fuzz::notation(&changed);
            plimsoll_trust::fuzz::notation(&bytes[..at]);
        }
    }
}
