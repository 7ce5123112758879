//! Artifacts in a real registry: stored, listed, and read again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use plimsoll_oci::{Artifact, Descriptor, Error, Part, Reference, Registries, RegistrySettings};

#[derive(Debug)]
struct Now;

impl plimsoll_http::Clock for Now {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep(&self, _: Duration) {}
}

fn registries() -> Registries {
    Registries::new(RegistrySettings::new(plimsoll_http::Settings::new("plimsoll-tests", 1, Arc::new(Now))))
}

fn artifact(text: &str, subject: Option<Descriptor>) -> Artifact {
    Artifact {
        artifact_type: "application/vnd.example.note".into(),
        parts: vec![Part {
            media_type: "text/plain".into(),
            bytes: text.as_bytes().to_vec(),
            annotations: BTreeMap::from([("org.opencontainers.image.title".into(), "note.txt".into())]),
        }],
        annotations: BTreeMap::from([(
            "org.opencontainers.image.created".into(),
            "2026-01-01T00:00:00Z".into(),
        )]),
        subject,
    }
}

#[test]
fn what_was_stored_is_found_again() {
    let Some(registry) = plimsoll_testing::Registry::start() else { return };
    let name = Reference::parse(&format!("{}/team/notes", registry.host)).expect("a name");
    let repository = registries().repository_to_write(name.name()).expect("a repository");

    let first = repository.put_artifact(Some("one"), &artifact("first", None)).expect("stored");
    let again = repository.put_artifact(Some("one"), &artifact("first", None)).expect("stored twice");
    assert_eq!(first, again, "the same content is the same artifact");
    let manifest = repository.manifest("one").expect("its manifest");
    assert_eq!(manifest.digest, first.digest);
    let document: serde_json::Value = serde_json::from_slice(&manifest.bytes).expect("JSON");
    assert_eq!(document["artifactType"], "application/vnd.example.note");
    let layer = plimsoll_model::Digest::parse(document["layers"][0]["digest"].as_str().expect("a digest"))
        .expect("a digest");
    assert_eq!(repository.blob(&layer, 100).expect("the blob"), b"first");

    // Three notes about the first: this registry has no list of referrers, so the tag holds it.
    let notes: Vec<Descriptor> = ["a", "b", "c"]
        .iter()
        .map(|text| repository.put_artifact(None, &artifact(text, Some(first.clone()))).expect("stored"))
        .collect();
    repository.put_artifact(None, &artifact("a", Some(first.clone()))).expect("listed once");
    let referrers = repository.referrers(&first.digest).expect("the list");
    let digests: Vec<_> = referrers.iter().map(|referrer| referrer.digest.clone()).collect();
    assert_eq!(digests, notes.iter().map(|note| note.digest.clone()).collect::<Vec<_>>());
    assert!(referrers.iter().all(|referrer| referrer.artifact_type == "application/vnd.example.note"));
    assert_eq!(referrers[0].annotations["org.opencontainers.image.created"], "2026-01-01T00:00:00Z");
}

#[test]
fn a_manifest_without_its_blobs_is_refused_by_the_registry() {
    let Some(registry) = plimsoll_testing::Registry::start() else { return };
    let name = Reference::parse(&format!("{}/team/broken", registry.host)).expect("a name");
    let repository = registries().repository_to_write(name.name()).expect("a repository");
    let manifest = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},
        "layers":[]}"#;
    let error = repository
        .put_manifest(Some("broken"), "application/vnd.oci.image.manifest.v1+json", manifest)
        .expect_err("its configuration is not there");
    assert!(matches!(error, Error::Network { .. } | Error::NoImage { .. }), "{error:?}");
    assert!(error.to_string().contains("broken"), "{error}");
    assert!(matches!(repository.manifest("broken"), Err(Error::NoImage { .. })), "nothing half-written");
}
