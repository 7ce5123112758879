//! Every layout x format x identity, each with a good image and with ones that somebody tampered with, in a real registry.
//!
//! `docs/trust.md` shows the table that this test proves; a cell that is not right fails it by name.

mod yard;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use coset::{CoseSign1, TaggedCborSerializable as _};
use plimsoll_oci::{Artifact, Descriptor, Part, Reference, Registries, RegistrySettings, Repository};
use plimsoll_trust::{
    By, Checked, Log, Outcome, Pattern, Signer, Target, Trust, What, discover, discover_within,
};
use serde_json::json;
use yard::notation::{self, Wish};
use yard::{Content, ISSUER, Identity, SUBJECT, Yard, simple};

struct Now;

impl plimsoll_http::Clock for Now {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep(&self, _: Duration) {}
}

/// What the evidence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    SimpleSigning,
    Envelope,
    /// A bundle of a version: a signature over the manifest, cosign's "signed" statement, or an attestation.
    Message(&'static str),
    Signed(&'static str),
    Attested(&'static str),
    /// Notation's envelope in CBOR or in JSON, with a timestamp and a revocation list or without.
    Notation {
        cose: bool,
        stamped: bool,
    },
}

/// Where it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    SignatureTag,
    AttestationTag,
    Referrer,
    OtherRepository,
}

/// What somebody did to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    None,
    /// Evidence of another image, hung onto this one.
    Replayed,
    /// A changed payload under the old signature.
    Payload,
    /// The right payload, another signature of the same signer.
    Signature,
    /// A log entry of another signature.
    Entry,
}

const DAMAGES: [Damage; 4] = [Damage::Replayed, Damage::Payload, Damage::Signature, Damage::Entry];
const ATTESTED: &str = "https://example.test/attested/v1";

/// All cells that exist in the world. cosign 1 and 2 knew no second generation of the log; bundles before v0.3 neither,
/// and those need a log.
fn cells() -> Vec<(Place, Kind, Identity)> {
    use Identity::{Certificate, CertificateTimestamped, Key, KeyLogged};
    use Place::{AttestationTag, OtherRepository, Referrer, SignatureTag};
    let mut cells = Vec::new();
    for identity in [Key, KeyLogged, Certificate] {
        for place in [SignatureTag, Referrer, OtherRepository] {
            cells.push((place, Kind::SimpleSigning, identity));
        }
        for place in [AttestationTag, Referrer, OtherRepository] {
            cells.push((place, Kind::Envelope, identity));
        }
    }
    for version in ["0.1", "0.2", "0.3"] {
        for kind in [Kind::Message(version), Kind::Signed(version), Kind::Attested(version)] {
            let identities: &[Identity] = match version {
                "0.3" => &[Key, KeyLogged, Certificate, CertificateTimestamped],
                _ => &[KeyLogged, Certificate],
            };
            for identity in identities {
                for place in [Referrer, OtherRepository] {
                    cells.push((place, kind, *identity));
                }
            }
        }
    }
    for cose in [false, true] {
        for stamped in [false, true] {
            for place in [Referrer, OtherRepository] {
                cells.push((place, Kind::Notation { cose, stamped }, Certificate));
            }
        }
    }
    cells
}

/// All cells as the table of `docs/trust.md`: a row for each format, a column for each identity, in it the places.
fn table(cells: &[(Place, Kind, Identity)]) -> String {
    const COLUMNS: [Identity; 4] =
        [Identity::Key, Identity::KeyLogged, Identity::Certificate, Identity::CertificateTimestamped];
    let row = |kind: Kind| match kind {
        Kind::SimpleSigning => "simple signing".to_owned(),
        Kind::Envelope => "DSSE envelope".to_owned(),
        Kind::Message(version) => format!("bundle v{version}, signature over the manifest"),
        Kind::Signed(version) => format!("bundle v{version}, \"signed\""),
        Kind::Attested(version) => format!("bundle v{version}, attestation"),
        Kind::Notation { cose, stamped } => {
            let stamp = if stamped { ", timestamp and revocation list" } else { "" };
            format!("Notation {}{stamp}", if cose { "COSE" } else { "JWS" })
        }
    };
    let mut kinds: Vec<Kind> = Vec::new();
    for (_, kind, _) in cells {
        if !kinds.contains(kind) {
            kinds.push(*kind);
        }
    }
    let mut out = String::from(
        "| format | key | key, log | certificate (log, or Notation) | certificate, second log and timestamp |\n|---|---|---|---|---|\n",
    );
    for kind in kinds {
        let columns = COLUMNS.map(|identity| {
            let places =
                cells.iter().filter(|cell| (cell.1, cell.2) == (kind, identity)).map(|cell| match cell.0 {
                    Place::SignatureTag => "`.sig`",
                    Place::AttestationTag => "`.att`",
                    Place::Referrer => "referrer",
                    Place::OtherRepository => "other",
                });
            let places: Vec<&str> = places.collect();
            if places.is_empty() { "-".to_owned() } else { places.join(", ") }
        });
        writeln!(out, "| {} | {} |", row(kind), columns.join(" | ")).expect("a text takes everything");
    }
    out
}

#[test]
fn the_page_lists_the_cells_that_are_tested() {
    let cells = cells();
    assert_eq!(cells.len(), 74);
    for (number, cell) in cells.iter().enumerate() {
        assert!(!cells[..number].contains(cell), "twice: {cell:?}");
    }
    let page = include_str!("../../../docs/trust.md");
    let table = table(&cells);
    assert!(page.contains(&table), "docs/trust.md does not hold this table:\n{table}");
    assert!(page.contains(&format!("The {} cells", cells.len())), "docs/trust.md gives another number");
}

struct Bench {
    yard: Yard,
    notary: notation::Yard,
    trust: Trust,
    image: Repository,
    image_name: String,
    other: Repository,
    other_name: String,
    count: usize,
}

impl Bench {
    /// Stores an image of its own; its manifest and descriptor.
    fn image(&mut self) -> (Vec<u8>, Descriptor) {
        self.count += 1;
        let configuration = self.image.put_blob(b"{}").expect("stored");
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": configuration.to_string(), "size": 2 },
            "layers": [],
            "annotations": { "number": self.count.to_string() },
        })
        .to_string()
        .into_bytes();
        let descriptor = self
            .image
            .put_manifest(None, "application/vnd.oci.image.manifest.v1+json", &manifest)
            .expect("stored");
        (manifest, descriptor)
    }

    /// Stores an index around an image.
    fn index(&mut self) -> (Vec<u8>, Descriptor) {
        let (_, child) = self.image();
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{ "mediaType": child.media_type, "digest": child.digest.to_string(), "size": child.size,
                "platform": { "os": "linux", "architecture": "amd64" } }],
        })
        .to_string()
        .into_bytes();
        let descriptor =
            self.image.put_manifest(None, "application/vnd.oci.image.index.v1+json", &index).expect("stored");
        (index, descriptor)
    }

    fn part(&self, kind: Kind, identity: Identity, digest: &str, manifest: &[u8], damage: Damage) -> Part {
        // A second one of everything, about nothing else: what is swapped in was really made by the same signer.
        let envelope = |text: &str| Content::Envelope(self.yard.envelope(identity, digest, text));
        match kind {
            Kind::Notation { cose, stamped } => {
                let wish = |digest: &str| Wish {
                    leaf: if stamped { "listed" } else { "leaf" },
                    digest: digest.to_owned(),
                    stamped,
                    cose,
                    ..self.notary.wish()
                };
                let good = self.notary.make(&wish(digest));
                let other = self.notary.make(&wish(&notation::digest("11")));
                Part {
                    media_type: if cose { "application/cose" } else { "application/jose+json" }.into(),
                    bytes: if cose {
                        damaged_cose(&good, &other, damage)
                    } else {
                        damaged_jws(&good, &other, damage)
                    },
                    annotations: BTreeMap::new(),
                }
            }
            Kind::SimpleSigning => {
                let mut bytes = simple(digest);
                let content = Content::Message(bytes.clone());
                let other = Content::Message(simple(&format!("sha256:{}", "11".repeat(32))));
                let mut annotations: BTreeMap<_, _> =
                    self.yard.annotations(identity, &content).into_iter().collect();
                let others: BTreeMap<_, _> = self.yard.annotations(identity, &other).into_iter().collect();
                let name = match damage {
                    Damage::Payload => {
                        bytes = String::from_utf8(bytes)
                            .expect("text")
                            .replace("registry.example.test", "registry.example.evil")
                            .into_bytes();
                        ""
                    }
                    Damage::Signature => "dev.cosignproject.cosign/signature",
                    Damage::Entry => "dev.sigstore.cosign/bundle",
                    Damage::None | Damage::Replayed => "",
                };
                if let Some(value) = others.get(name) {
                    annotations.insert(name.to_owned(), value.clone());
                }
                Part {
                    media_type: "application/vnd.dev.cosign.simplesigning.v1+json".into(),
                    bytes,
                    annotations,
                }
            }
            Kind::Envelope => {
                let (Content::Envelope(good), Content::Envelope(other)) =
                    (envelope(ATTESTED), envelope("https://example.test/other"))
                else {
                    unreachable!()
                };
                let mut annotations: BTreeMap<_, _> =
                    self.yard.annotations(identity, &Content::Envelope(good.clone())).into_iter().collect();
                let mut value = good.clone();
                match damage {
                    Damage::Payload => value["payload"] = other["payload"].clone(),
                    Damage::Signature => value["signatures"] = other["signatures"].clone(),
                    Damage::Entry => {
                        annotations.extend(self.yard.annotations(identity, &Content::Envelope(other)));
                    }
                    Damage::None | Damage::Replayed => {}
                }
                Part {
                    media_type: "application/vnd.dsse.envelope.v1+json".into(),
                    bytes: value.to_string().into_bytes(),
                    annotations,
                }
            }
            Kind::Message(version) | Kind::Signed(version) | Kind::Attested(version) => {
                let (content, other) = match kind {
                    Kind::Message(_) => {
                        (Content::Message(manifest.to_vec()), Content::Message(b"something else".to_vec()))
                    }
                    Kind::Signed(_) => (
                        envelope("https://sigstore.dev/cosign/sign/v1"),
                        envelope("https://example.test/other"),
                    ),
                    _ => (envelope(ATTESTED), envelope("https://example.test/other")),
                };
                let mut bundle = self.yard.bundle(version, identity, &content);
                let other = self.yard.bundle(version, identity, &other);
                match damage {
                    Damage::Payload if matches!(kind, Kind::Message(_)) => {
                        bundle["messageSignature"]["messageDigest"] =
                            other["messageSignature"]["messageDigest"].clone();
                    }
                    Damage::Payload => {
                        bundle["dsseEnvelope"]["payload"] = other["dsseEnvelope"]["payload"].clone();
                    }
                    Damage::Signature if matches!(kind, Kind::Message(_)) => {
                        bundle["messageSignature"]["signature"] =
                            other["messageSignature"]["signature"].clone();
                    }
                    Damage::Signature => {
                        bundle["dsseEnvelope"]["signatures"] = other["dsseEnvelope"]["signatures"].clone();
                    }
                    Damage::Entry => {
                        bundle["verificationMaterial"]["tlogEntries"] =
                            other["verificationMaterial"]["tlogEntries"].clone();
                    }
                    Damage::None | Damage::Replayed => {}
                }
                let media_type = bundle["mediaType"].as_str().expect("a media type").to_owned();
                Part { media_type, bytes: bundle.to_string().into_bytes(), annotations: BTreeMap::new() }
            }
        }
    }

    /// Makes one cell, and what is found of it.
    fn cell(
        &mut self,
        place: Place,
        kind: Kind,
        identity: Identity,
        damage: Damage,
        index: bool,
    ) -> Vec<Checked> {
        let (manifest, subject) = if index { self.index() } else { self.image() };
        let (signed_manifest, signed) =
            if damage == Damage::Replayed { self.image() } else { (manifest.clone(), subject.clone()) };
        let part = self.part(kind, identity, &signed.digest.to_string(), &signed_manifest, damage);
        let artifact = Artifact {
            artifact_type: match kind {
                Kind::Notation { .. } => "application/vnd.cncf.notary.signature".into(),
                _ => part.media_type.clone(),
            },
            parts: vec![part],
            annotations: BTreeMap::new(),
            subject: matches!(place, Place::Referrer | Place::OtherRepository).then(|| subject.clone()),
        };
        let stem = subject.digest.to_string().replace(':', "-");
        match place {
            Place::SignatureTag => self.image.put_artifact(Some(&format!("{stem}.sig")), &artifact),
            Place::AttestationTag => self.image.put_artifact(Some(&format!("{stem}.att")), &artifact),
            Place::Referrer => self.image.put_artifact(None, &artifact),
            Place::OtherRepository => self.other.put_artifact(None, &artifact),
        }
        .expect("stored");
        let mut found = discover(&self.image, &self.image_name, &subject.digest);
        if place == Place::OtherRepository {
            assert!(found.evidence.is_empty(), "nothing is in the image's own repository");
            found = discover(&self.other, &self.other_name, &subject.digest);
        }
        assert!(found.problems.is_empty(), "{:?}", found.problems);
        let target = Target { digest: &subject.digest, manifest: Some(&manifest), now: self.notary.now };
        found.evidence.iter().map(|evidence| self.trust.check(evidence, target)).collect()
    }
}

/// What somebody did to an envelope in JSON, with parts of another one of the same signer.
fn damaged_jws(good: &[u8], other: &[u8], damage: Damage) -> Vec<u8> {
    let read = |bytes| serde_json::from_slice::<serde_json::Value>(bytes).expect("JSON");
    let (mut good, other) = (read(good), read(other));
    let name = match damage {
        Damage::Payload => "payload",
        Damage::Signature => "signature",
        Damage::Entry => "header",
        Damage::None | Damage::Replayed => return good.to_string().into_bytes(),
    };
    good[name] = other[name].clone();
    good.to_string().into_bytes()
}

/// The same in CBOR.
fn damaged_cose(good: &[u8], other: &[u8], damage: Damage) -> Vec<u8> {
    let read = |bytes| CoseSign1::from_tagged_slice(bytes).expect("CBOR");
    let (mut good, other) = (read(good), read(other));
    match damage {
        Damage::Payload => good.payload = other.payload,
        Damage::Signature => good.signature = other.signature,
        Damage::Entry => good.unprotected = other.unprotected,
        Damage::None | Damage::Replayed => {}
    }
    good.to_tagged_vec().expect("CBOR")
}

fn bench() -> Option<(plimsoll_testing::Registry, Bench)> {
    let registry = plimsoll_testing::Registry::start()?;
    let yard = Yard::build();
    let registries = Registries::new(RegistrySettings::new(plimsoll_http::Settings::new(
        "plimsoll-tests",
        1,
        Arc::new(Now),
    )));
    let repository = |path: &str| {
        let name = Reference::parse(&format!("{}/{path}", registry.host)).expect("a name");
        (registries.repository_to_write(name.name()).expect("a repository"), name.name().to_string())
    };
    let ((image, image_name), (other, other_name)) = (repository("team/shop"), repository("team/evidence"));
    let notary = notation::Yard::build();
    let mut trust = Trust {
        roots: vec![yard.root()],
        signers: vec![
            Signer { name: "our key".into(), by: By::Key { key: yard.public_key(), log: Log::IfPresent } },
            Signer {
                name: "our workflow".into(),
                by: By::Identity {
                    subject: Pattern::Exact(SUBJECT.into()),
                    issuer: Pattern::Exact(ISSUER.into()),
                    claims: vec![(
                        "sourceRepositoryURI".into(),
                        Pattern::Exact("https://github.com/owner/shop".into()),
                    )],
                    roots: vec!["yard".into()],
                },
            },
        ],
    };
    for (leaf, stores, lists) in [
        ("leaf", json!(["ca:acme"]), [].as_slice()),
        ("listed", json!(["ca:acme", "tsa:stamp"]), ["clean.crl"].as_slice()),
    ] {
        let statement = json!({
            "name": "acme", "registryScopes": ["*"], "signatureVerification": { "level": "strict" },
            "trustStores": stores, "trustedIdentities": [format!("x509.subject: C=US, ST=WA, O=acme, CN={leaf}")],
        });
        let name = leaf.to_owned();
        trust.signers.extend(
            notary
                .trust(&statement, lists)
                .signers
                .into_iter()
                .map(|signer| Signer { name: name.clone(), ..signer }),
        );
    }
    Some((registry, Bench { yard, notary, trust, image, image_name, other, other_name, count: 0 }))
}

#[test]
fn every_cell_is_trusted_when_good_and_never_when_tampered_with() {
    let Some((_registry, mut bench)) = bench() else { return };
    let cells = cells();
    let (mut wrong, mut tampered) = (Vec::new(), 0);
    for (number, (place, kind, identity)) in cells.iter().copied().enumerate() {
        let good = bench.cell(place, kind, identity, Damage::None, number % 3 == 0);
        let expected = match kind {
            Kind::Notation { stamped: false, .. } => "leaf",
            Kind::Notation { stamped: true, .. } => "listed",
            _ if identity.has_certificate() => "our workflow",
            _ => "our key",
        };
        let logged = identity != Identity::Key && !matches!(kind, Kind::Notation { .. });
        let timed = logged || matches!(kind, Kind::Notation { stamped: true, .. });
        let attested = matches!(kind, Kind::Envelope | Kind::Attested(_));
        let fits = matches!(good.as_slice(), [one]
            if one.outcome == Outcome::Trusted { signers: vec![expected.into()] }
                && matches!(one.what, What::Attestation(_)) == attested
                && one.logged == logged
                && one.times.is_empty() != timed);
        if !fits {
            wrong.push(format!("good: {place:?} {kind:?} {identity:?}: {good:?}"));
        }
        for damage in DAMAGES {
            if damage == Damage::Entry && !timed {
                continue;
            }
            tampered += 1;
            let found = bench.cell(place, kind, identity, damage, false);
            if found.is_empty()
                || found.iter().any(|one| matches!(one.outcome, Outcome::Trusted { .. } | Outcome::Unsigned))
            {
                wrong.push(format!("{damage:?}: {place:?} {kind:?} {identity:?}: {found:?}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong of {} good and {tampered} tampered:\n{}",
        wrong.len(),
        cells.len(),
        wrong.join("\n")
    );
}

#[test]
fn signers_who_are_not_meant_do_not_count() {
    let Some((_registry, mut bench)) = bench() else { return };
    let other = Yard::build();
    let by = |subject: &str, issuer: &str, claim: Option<(&str, &str)>, root: Option<&str>| By::Identity {
        subject: Pattern::parse(subject).expect("a pattern"),
        issuer: Pattern::parse(issuer).expect("a pattern"),
        claims: claim
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Pattern::parse(value).expect("a pattern")))
            .collect(),
        roots: root.iter().map(|root| (*root).to_owned()).collect(),
    };
    for (signer, counts) in [
        (by("**", ISSUER, None, None), true),
        (by(SUBJECT, "https://issuer.example.*", None, Some("yard")), true),
        (by("https://example.test/owner/**", ISSUER, None, None), true),
        (by("https://example.test/owner/*", ISSUER, None, None), false),
        (by(SUBJECT, "https://issuer.example.test.evil", None, None), false),
        (by(SUBJECT, ISSUER, Some(("sourceRepositoryURI", "https://github.com/owner/other")), None), false),
        (by(SUBJECT, ISSUER, Some(("sourceRepositoryRef", "**")), None), false),
        (by(SUBJECT, ISSUER, None, Some("sigstore")), false),
        (By::Key { key: bench.yard.public_key(), log: Log::Required }, false),
    ] {
        bench.trust.signers = vec![Signer { name: "meant".into(), by: signer.clone() }];
        let found =
            bench.cell(Place::Referrer, Kind::Signed("0.3"), Identity::Certificate, Damage::None, false);
        let trusted = matches!(found[0].outcome, Outcome::Trusted { .. });
        assert_eq!(trusted, counts, "{signer:?}: {:?}", found[0].outcome);
        assert!(trusted || matches!(found[0].outcome, Outcome::Untrusted { .. }), "{:?}", found[0].outcome);
    }
    // The key of somebody else, and a log that is demanded.
    for (key, log) in [(other.public_key(), Log::IfPresent), (bench.yard.public_key(), Log::Required)] {
        bench.trust.signers = vec![Signer { name: "meant".into(), by: By::Key { key, log } }];
        let found = bench.cell(Place::Referrer, Kind::Signed("0.3"), Identity::Key, Damage::None, false);
        assert!(matches!(found[0].outcome, Outcome::Untrusted { .. }), "{:?}", found[0].outcome);
    }
    // The root of somebody else: nothing is proven.
    bench.trust = Trust {
        roots: vec![other.root()],
        signers: vec![Signer { name: "meant".into(), by: by("**", "**", None, None) }],
    };
    let found = bench.cell(Place::Referrer, Kind::Signed("0.3"), Identity::Certificate, Damage::None, false);
    assert!(matches!(found[0].outcome, Outcome::Invalid { .. }), "{:?}", found[0].outcome);
}

#[test]
fn a_list_of_referrers_that_lies_is_said_and_not_believed() {
    let Some((_registry, mut bench)) = bench() else { return };
    let (manifest, ours) = bench.image();
    let (_, theirs) = bench.image();
    // Evidence about another image, listed for ours by somebody who may push tags.
    let part =
        bench.part(Kind::Signed("0.3"), Identity::Key, &ours.digest.to_string(), &manifest, Damage::None);
    let artifact = Artifact {
        artifact_type: part.media_type.clone(),
        parts: vec![part],
        annotations: BTreeMap::new(),
        subject: Some(theirs.clone()),
    };
    let stored = bench.image.put_artifact(None, &artifact).expect("stored");
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{ "mediaType": stored.media_type, "digest": stored.digest.to_string(), "size": stored.size,
            "artifactType": artifact.artifact_type }],
    });
    let tag = ours.digest.to_string().replace(':', "-");
    bench
        .image
        .put_manifest(Some(&tag), "application/vnd.oci.image.index.v1+json", index.to_string().as_bytes())
        .expect("stored");
    let found = discover(&bench.image, &bench.image_name, &ours.digest);
    assert!(found.evidence.is_empty(), "{:?}", found.evidence);
    assert!(found.problems[0].contains("does not refer to this image"), "{:?}", found.problems);
}

#[test]
fn what_buildkit_says_in_the_index_is_shown_and_never_trusted() {
    let Some((_registry, mut bench)) = bench() else { return };
    let (_, child) = bench.image();
    let statement = |digest: &str, kind: &str, predicate: serde_json::Value| {
        json!({
            "_type": "https://in-toto.io/Statement/v0.1", "predicateType": kind,
            "subject": [{ "name": "pkg:docker/shop@1", "digest": { "sha256": digest } }], "predicate": predicate,
        })
        .to_string()
        .into_bytes()
    };
    let provenance = json!({
        "builder": { "id": "" }, "buildType": "https://mobyproject.org/buildkit@v1",
        "materials": [
            { "uri": "pkg:docker/debian@12?platform=linux%2Famd64", "digest": { "sha256": "ab".repeat(32) } },
            { "uri": "https://example.test/tool.tar.gz", "digest": { "sha256": "cd".repeat(32) } },
        ],
    });
    let (slsa, spdx) = ("https://slsa.dev/provenance/v0.2", "https://spdx.dev/Document");
    let own = child.digest.hex();
    let other = "11".repeat(32);
    for (about, outcome) in [(&own, "unsigned"), (&other, "invalid")] {
        let mut layers = Vec::new();
        for (kind, bytes) in
            [(slsa, statement(about, slsa, provenance.clone())), (spdx, statement(about, spdx, json!({})))]
        {
            let digest = bench.image.put_blob(&bytes).expect("stored");
            layers.push(json!({ "mediaType": "application/vnd.in-toto+json", "digest": digest.to_string(),
                "size": bytes.len(), "annotations": { "in-toto.io/predicate-type": kind } }));
        }
        let configuration = bench.image.put_blob(b"{}").expect("stored");
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": layers,
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": configuration.to_string(), "size": 2 },
        })
        .to_string();
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let said = bench.image.put_manifest(None, media_type, manifest.as_bytes()).expect("stored");
        let index = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [
                { "mediaType": child.media_type, "digest": child.digest.to_string(), "size": child.size,
                    "platform": { "os": "linux", "architecture": "amd64" } },
                { "mediaType": said.media_type, "digest": said.digest.to_string(), "size": said.size,
                    "platform": { "os": "unknown", "architecture": "unknown" },
                    "annotations": { "vnd.docker.reference.type": "attestation-manifest",
                        "vnd.docker.reference.digest": child.digest.to_string() } },
            ],
        })
        .to_string();
        let index = bench
            .image
            .put_manifest(None, "application/vnd.oci.image.index.v1+json", index.as_bytes())
            .expect("stored");
        let whole = bench.image.manifest(&index.digest.to_string()).expect("it is there");
        let found = discover_within(&bench.image, &bench.image_name, &whole);
        assert!(found.problems.is_empty() && found.evidence.len() == 2, "{found:?}");
        let target = Target { digest: &index.digest, manifest: Some(&whole.bytes), now: 0 };
        let checked: Vec<_> =
            found.evidence.iter().map(|evidence| bench.trust.check(evidence, target)).collect();
        let What::Attestation(said) = &checked[0].what else { panic!("{checked:?}") };
        let read = plimsoll_trust::provenance::Provenance::read(&said.predicate_type, &said.predicate);
        let read = read.expect("BuildKit need not name itself");
        assert_eq!(read.bases().collect::<Vec<_>>(), ["pkg:docker/debian@12?platform=linux%2Famd64"]);
        let any = plimsoll_trust::provenance::Build {
            builder: Some(Pattern::parse("**").expect("a pattern")),
            ..plimsoll_trust::provenance::Build::default()
        };
        assert!(
            any.check(&read, None).iter().any(|unmet| unmet.part == "builder"),
            "a builder without a name"
        );
        match outcome {
            "unsigned" => assert_eq!(checked[0].outcome, Outcome::Unsigned),
            _ => assert!(matches!(checked[0].outcome, Outcome::Invalid { .. }), "{checked:?}"),
        }
        // The SBOM is named, not fetched.
        assert!(
            matches!(&checked[1].what, What::Attestation(said) if said.predicate_type == spdx),
            "{checked:?}"
        );
        assert_eq!(checked[1].outcome, Outcome::Unsigned);
        assert!(found.evidence[1].bytes.is_empty());
    }
    // An index that lists what is not there, and something that is no index.
    let lies = json!({ "manifests": [{ "digest": format!("sha256:{other}"), "annotations": {
        "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": "nothing" } }] });
    for (bytes, problems) in
        [(lies.to_string(), 1), ("[]".to_owned(), 0), ("{\"manifests\":7}".to_owned(), 0)]
    {
        let descriptor = Descriptor::of("application/vnd.oci.image.index.v1+json", bytes.as_bytes());
        let manifest = plimsoll_oci::Manifest {
            digest: descriptor.digest,
            media_type: descriptor.media_type,
            bytes: bytes.into_bytes().into(),
        };
        let found = discover_within(&bench.image, &bench.image_name, &manifest);
        assert_eq!((found.evidence.len(), found.problems.len()), (0, problems), "{found:?}");
    }
}
