//! Whole images, good and hostile, through the public interface.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

use plimsoll_model::{Algorithm, Digest, Effect, ProblemKind};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::store::{blob_path, digest_of};
use crate::{
    Detected, Error, Form, Image, Location, Platform, Selection, Source, detect, list, open, stream,
};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

fn sha256(bytes: &[u8]) -> Digest {
    digest_of(Algorithm::Sha256, bytes).unwrap()
}

fn selection() -> Selection {
    Selection::any(Platform::linux("amd64"))
}

fn named(reference: &str) -> Selection {
    Selection { reference: Some(reference.into()), ..selection() }
}

/// A layer: an open tar archive with one file.
fn layer(name: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(name.len() as u64);
    builder.append_data(&mut header, name, name.as_bytes()).unwrap();
    builder.into_inner().unwrap()
}

/// The files of a layout or archive, by path, in order of appearance in an archive.
#[derive(Clone, Default)]
struct Files(Vec<(String, Vec<u8>)>);

impl Files {
    fn put(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        match self.0.iter_mut().find(|(name, _)| name == path) {
            Some((_, content)) => *content = bytes,
            None => self.0.push((path.to_owned(), bytes)),
        }
    }

    fn remove(&mut self, digest: &Digest) {
        let path = blob_path(digest).to_string();
        self.0.retain(|(name, _)| *name != path);
    }

    fn blob(&mut self, media_type: &str, bytes: impl Into<Vec<u8>>) -> Value {
        let bytes = bytes.into();
        let digest = sha256(&bytes);
        let size = bytes.len();
        self.put(&blob_path(&digest).to_string(), bytes);
        json!({"mediaType": media_type, "digest": digest, "size": size})
    }

    /// A manifest of an image with these layers, as a descriptor.
    fn image(&mut self, architecture: &str, layers: &[&str]) -> Value {
        let contents: Vec<Vec<u8>> = layers.iter().map(|name| layer(name)).collect();
        let diff_ids: Vec<_> = contents.iter().map(|content| sha256(content)).collect();
        let history: Vec<_> =
            layers.iter().map(|name| json!({"created_by": format!("RUN {name}")})).collect();
        let layers: Vec<_> = contents.into_iter().map(|content| self.blob(LAYER, content)).collect();
        let config = self.configuration(architecture, &json!(diff_ids), &json!(history));
        self.manifest(&config, &json!(layers))
    }

    fn configuration(&mut self, architecture: &str, diff_ids: &Value, history: &Value) -> Value {
        let config = json!({
            "os": "linux", "architecture": architecture, "created": "2024-01-02T03:04:05Z",
            "config": {"Labels": {"maintainer": "somebody"}, "Cmd": ["sh"], "Entrypoint": "old", "Env": ["A=1", null]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": history,
        });
        self.blob(CONFIG, config.to_string())
    }

    fn manifest(&mut self, config: &Value, layers: &Value) -> Value {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
            "annotations": {"org.opencontainers.image.base.name": "docker.io/library/debian:12"},
        });
        self.blob(MANIFEST, manifest.to_string())
    }

    fn index(&mut self, manifests: &[Value]) {
        self.put("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
        self.put("index.json", json!({"schemaVersion": 2, "manifests": manifests}).to_string());
    }

    fn layout(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in &self.0 {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    }

    fn tar(&self) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in &self.0 {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, format!("./{name}"), content.as_slice()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn archive(&self) -> tempfile::NamedTempFile {
        on_disk(&self.tar())
    }
}

fn on_disk(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn oci(path: &Path) -> Location {
    Location::Oci(path.to_owned())
}

fn with(mut descriptor: Value, key: &str, value: Value) -> Value {
    descriptor[key] = value;
    descriptor
}

fn called(descriptor: Value, name: &str) -> Value {
    with(descriptor, "annotations", json!({"org.opencontainers.image.ref.name": name}))
}

fn on(descriptor: Value, architecture: &str) -> Value {
    with(descriptor, "platform", json!({"os": "linux", "architecture": architecture}))
}

fn digest(descriptor: &Value) -> Digest {
    Digest::parse(descriptor["digest"].as_str().unwrap()).unwrap()
}

/// Opens the image of a layout, in a directory, in an archive and through a stream: the answer is the same.
fn image(files: &Files, selection: &Selection) -> Result<Image, Error> {
    let folder = files.layout();
    let archive = files.archive();
    let from_folder = open(&oci(folder.path()), selection);
    let from_archive = open(&oci(archive.path()), selection);
    let (source, _) = streamed(&files.tar(), Some(Form::Oci)).unwrap();
    let from_stream = source.image(selection);
    let shown = |result: &Result<Image, Error>, place: &str| {
        let text = match result {
            Ok(image) => format!(
                "{:?}",
                (
                    &image.reference,
                    &image.manifest_digest,
                    &image
                        .layers
                        .iter()
                        .map(|layer| (&layer.digest, layer.size, &layer.unavailable))
                        .collect::<Vec<_>>(),
                    &image.problems
                )
            ),
            Err(error) => error.to_string(),
        };
        text.replace(place, "PLACE")
    };
    let expected = shown(&from_folder, &folder.path().display().to_string());
    assert_eq!(shown(&from_archive, &archive.path().display().to_string()), expected);
    assert_eq!(shown(&from_stream, "stream"), expected);
    from_archive
}

type Blobs = BTreeMap<u32, Vec<u8>>;

fn streamed(bytes: &[u8], form: Option<Form>) -> Result<(Source, Blobs), Error> {
    let mut blobs = Blobs::new();
    let source = stream("stream", form, bytes, &mut |header, reader| {
        let mut content = Vec::new();
        match reader.read_to_end(&mut content) {
            Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(error),
            _ => blobs.insert(header.number, content),
        };
        Ok(())
    })?;
    Ok((source, blobs))
}

fn contents(image: &Image) -> Vec<Vec<u8>> {
    image
        .layers
        .iter()
        .map(|layer| {
            let mut content = Vec::new();
            layer.open().unwrap().read_to_end(&mut content).unwrap();
            content
        })
        .collect()
}

fn problems(image: &Image) -> Vec<(ProblemKind, Effect, Option<u32>)> {
    image.problems.iter().map(|problem| (problem.kind, problem.effect, problem.layer)).collect()
}

#[test]
fn one_image() {
    let mut files = Files::default();
    let manifest = files.image("amd64", &["base", "app"]);
    files.index(&[called(manifest.clone(), "example.org/app:1")]);
    let image = image(&files, &selection()).unwrap();
    assert_eq!(image.reference.as_deref(), Some("example.org/app:1"));
    assert_eq!(image.manifest_digest, Some(digest(&manifest)));
    assert_eq!(image.platform.to_string(), "linux/amd64");
    assert_eq!(image.created.as_deref(), Some("2024-01-02T03:04:05Z"));
    assert_eq!(image.labels["maintainer"], "somebody");
    assert_eq!(
        (image.env.as_slice(), image.entrypoint.as_slice()),
        (&["A=1".to_owned()][..], &["old".to_owned()][..])
    );
    assert_eq!(image.command, ["sh"]);
    assert_eq!(image.annotations["org.opencontainers.image.base.name"], "docker.io/library/debian:12");
    assert_eq!(image.problems, []);
    assert_eq!(contents(&image), [layer("base"), layer("app")]);
    assert_eq!(image.layers[1].diff_id, Some(sha256(&layer("app"))));
    assert_eq!(image.steps()[1].unwrap().created_by, "RUN app");
    // Readers are independent of each other.
    let (mut one, mut two) = (image.layers[0].open().unwrap(), image.layers[0].open().unwrap());
    let (mut a, mut b) = ([0; 700], Vec::new());
    one.read_exact(&mut a).unwrap();
    two.read_to_end(&mut b).unwrap();
    assert_eq!(a, b[..700]);
}

#[test]
fn platforms_of_an_index() {
    let mut files = Files::default();
    let (amd, arm) = (files.image("amd64", &["amd"]), files.image("arm64", &["arm"]));
    let statement = files.blob("application/vnd.in-toto+json", "{}");
    let config = files.configuration("unknown", &json!([]), &json!([]));
    let attestation = files.manifest(&config, &json!([statement]));
    let inner = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        on(arm.clone(), "arm64"),
        on(amd.clone(), "amd64"),
        with(with(attestation.clone(), "platform", json!({"os": "unknown", "architecture": "unknown"})),
            "annotations", json!({"vnd.docker.reference.type": "attestation-manifest"})),
    ]});
    let inner = files.blob(INDEX, inner.to_string());
    files.index(&[called(inner.clone(), "app:1")]);
    assert_eq!(image(&files, &selection()).unwrap().manifest_digest, Some(digest(&amd)));
    let arm64 = Selection { platform: Some("linux/arm64".parse().unwrap()), ..selection() };
    let chosen = image(&files, &arm64).unwrap();
    assert_eq!(chosen.manifest_digest, Some(digest(&arm)));
    assert_eq!(chosen.reference.as_deref(), Some("app:1"));
    let s390x = Selection { platform: Some("linux/s390x".parse().unwrap()), ..selection() };
    let error = image(&files, &s390x).unwrap_err();
    assert!(error.is_usage());
    assert!(
        error.to_string().ends_with("no image for linux/s390x; it has linux/amd64, linux/arm64"),
        "{error}"
    );
    // By digest: of the index, of the manifest, of the attestation.
    assert_eq!(
        image(&files, &named(&digest(&inner).to_string())).unwrap().manifest_digest,
        Some(digest(&amd))
    );
    assert_eq!(image(&files, &named(&digest(&arm).to_string())).unwrap().manifest_digest, Some(digest(&arm)));
    let error = image(&files, &named(&digest(&attestation).to_string())).unwrap_err();
    assert!(matches!(error, Error::NotAnImage { .. }), "{error}");
    assert_eq!(list(&oci(files.layout().path())).unwrap().len(), 2);
    // Exported for one platform: the index still names the other.
    files.remove(&digest(&amd));
    assert_eq!(image(&files, &selection()).unwrap().manifest_digest, Some(digest(&arm)));
    let amd64 = Selection { platform: Some("linux/amd64".parse().unwrap()), ..selection() };
    assert!(matches!(image(&files, &amd64), Err(Error::Missing { .. })));
}

#[test]
fn two_names_of_one_index() {
    let mut files = Files::default();
    let (amd, arm) = (files.image("amd64", &["amd"]), files.image("arm64", &["arm"]));
    let inner = json!({"schemaVersion": 2, "manifests": [on(arm, "arm64"), on(amd.clone(), "amd64")]});
    let inner = files.blob(INDEX, inner.to_string());
    files.index(&[called(inner.clone(), "1"), called(inner, "latest")]);
    for selection in [selection(), named("1"), named("latest")] {
        let image = image(&files, &selection).unwrap();
        assert_eq!(image.manifest_digest, Some(digest(&amd)));
        assert_eq!(image.reference.as_deref(), selection.reference.as_deref().or(Some("1")));
    }
}

#[test]
fn several_images() {
    let mut files = Files::default();
    let (one, two) = (files.image("amd64", &["one"]), files.image("amd64", &["two"]));
    files.index(&[called(one, "one"), called(two.clone(), "two")]);
    let error = image(&files, &selection()).unwrap_err();
    assert!(error.is_usage());
    assert!(error.to_string().ends_with("name one of them: one (linux/amd64), two (linux/amd64)"), "{error}");
    assert_eq!(image(&files, &named("two")).unwrap().manifest_digest, Some(digest(&two)));
    assert!(matches!(image(&files, &named("three")), Err(Error::NoReference { .. })));
}

#[test]
fn layers_that_cannot_be_had_are_problems_and_the_others_are_read() {
    let mut files = Files::default();
    let here = files.blob(LAYER, layer("here"));
    let missing = json!({"mediaType": LAYER, "digest": sha256(b"missing"), "size": 5});
    let foreign = json!({
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": sha256(b"foreign"), "size": 5, "urls": ["https://example.org/\u{1b}layer"],
    });
    let encrypted = files.blob("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "secret");
    let strange = files.blob("application/x-strange", "strange");
    let layers = [here, missing, foreign, encrypted, strange];
    let diff_ids: Vec<_> = (0..layers.len()).map(|index| sha256(&[u8::try_from(index).unwrap()])).collect();
    let config = files.configuration("amd64", &json!(diff_ids), &json!([]));
    let manifest = files.manifest(&config, &json!(layers));
    files.index(&[manifest]);
    let image = image(&files, &selection()).unwrap();
    assert_eq!(
        problems(&image),
        [
            (ProblemKind::Unreadable, Effect::Incomplete, Some(2)),
            (ProblemKind::Unsupported, Effect::Incomplete, Some(3)),
            (ProblemKind::Unsupported, Effect::Incomplete, Some(4)),
            (ProblemKind::Unsupported, Effect::Incomplete, Some(5)),
        ]
    );
    assert!(image.problems[1].detail.contains("https://example.org/\\u{1b}layer"));
    assert!(image.layers[0].open().is_ok());
    assert!(image.layers[1..].iter().all(|layer| layer.open().is_err() && layer.unavailable.is_some()));
}

#[test]
fn lists_that_do_not_fit_together() {
    let mut files = Files::default();
    let here = files.blob(LAYER, layer("here"));
    let history = json!([{"created_by": "a"}, {"created_by": "b"}, {"created_by": "c", "empty_layer": true}]);
    let config = files.configuration("amd64", &json!([]), &history);
    let manifest = files.manifest(&config, &json!([here]));
    files.index(&[manifest]);
    let image = image(&files, &selection()).unwrap();
    assert_eq!(
        problems(&image),
        [(ProblemKind::Corrupt, Effect::Incomplete, None), (ProblemKind::Corrupt, Effect::Note, None)]
    );
    assert_eq!(image.layers[0].diff_id, None);
    assert_eq!(image.steps(), [None]);
}

#[test]
fn windows_is_not_covered() {
    let mut files = Files::default();
    let config =
        json!({"os": "windows", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}});
    let config = files.blob(CONFIG, config.to_string());
    let manifest = files.manifest(&config, &json!([]));
    files.index(&[manifest]);
    let image = image(&files, &selection()).unwrap();
    assert_eq!(problems(&image), [(ProblemKind::Unsupported, Effect::Incomplete, None)]);
    assert!(image.problems[0].detail.ends_with("Windows images are not covered"));
}

/// What the error of a layout is about, for layouts whose index is `manifests`.
fn check_refused(files: &Files, expected: &str) {
    let error = image(files, &selection()).unwrap_err();
    let text = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
    assert!(text.contains(expected), "{text}");
}

#[test]
fn hostile_layouts() {
    let mut good = Files::default();
    let manifest = good.image("amd64", &["base"]);
    good.index(std::slice::from_ref(&manifest));

    let mut files = good.clone();
    files.put(&blob_path(&digest(&manifest)).to_string(), "{}");
    check_refused(&files, "was altered or damaged");

    let mut files = good.clone();
    files.remove(&digest(&manifest));
    check_refused(&files, "does not hold the manifest");

    let mut files = good.clone();
    files.put("index.json", "{\"manifests\": [{\"digest\": \"sha256:../../../../etc/passwd\"}]}");
    check_refused(&files, "`index.json` of `");

    let mut files = good.clone();
    files.put("index.json", format!("{{\"manifests\":[{}", "[".repeat(100_000)));
    check_refused(&files, "cannot be understood");

    let mut files = good.clone();
    files.put("index.json", format!("{{{}}}", " ".repeat(9 * 1024 * 1024)));
    check_refused(&files, "exceeds the limit of 8388608 bytes");

    let mut files = good.clone();
    files.put("oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}");
    check_refused(&files, "version `2.0.0` are not understood");

    let mut files = good.clone();
    files.index(&[]);
    check_refused(&files, "lists no image");

    let mut files = good.clone();
    files.0.retain(|(name, _)| name != "index.json");
    check_refused(&files, "no `index.json`");

    // The digest is right for what is stored, and proves nothing.
    let mut files = good.clone();
    files.put(&format!("blobs/sha1/{}", "0".repeat(40)), "{}");
    files.index(&[json!({"mediaType": MANIFEST, "size": 2, "digest": format!("sha1:{}", "0".repeat(40))})]);
    check_refused(&files, "sha1 proves nothing");

    for (document, expected) in [
        (json!({"schemaVersion": 1, "fsLayers": []}), "schema 1"),
        (json!({"schemaVersion": 2, "manifests": [], "layers": []}), "an index and a manifest at once"),
        (json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}), "it calls itself"),
        (json!({"schemaVersion": 2, "manifests": []}), "is not what its media type"),
        (json!({"schemaVersion": 2, "layers": []}), "lists no image"),
        (json!({"schemaVersion": 2, "config": {"digest": "sha256:00", "size": 0}}), "is not a sha256 digest"),
    ] {
        let mut files = good.clone();
        let manifest = files.blob(MANIFEST, document.to_string());
        files.index(&[manifest]);
        check_refused(&files, expected);
    }
}

#[test]
fn indexes_are_bounded() {
    // Each index names the next one twice: 2^30 paths, read once each, and refused at the depth limit.
    let mut files = Files::default();
    let mut next = files.image("amd64", &["base"]);
    for depth in 0..30 {
        let index = json!({"schemaVersion": 2, "manifests": [next, next], "annotations": {"depth": depth.to_string()}});
        next = files.blob(INDEX, index.to_string());
        files.index(std::slice::from_ref(&next));
        if depth < 6 {
            image(&files, &selection()).unwrap();
        }
    }
    check_refused(&files, "the depth of indexes");

    let mut files = Files::default();
    let manifest = files.image("amd64", &["base"]);
    files.index(&vec![manifest; 10_001]);
    check_refused(&files, "the number of images in the index");

    // A small index that names one large document many times.
    let mut files = Files::default();
    let config = json!({"os": "linux", "x": "x".repeat(1024 * 1024)});
    let config = files.blob(CONFIG, config.to_string());
    let manifest = files.manifest(&config, &json!([]));
    files.index(&vec![manifest; 1_000]);
    check_refused(&files, "the size of all documents");
}

#[test]
fn the_platform_of_the_index_is_checked() {
    let mut files = Files::default();
    let manifest = files.image("arm64", &["base"]);
    files.index(&[on(manifest, "amd64")]);
    let image = image(&files, &selection()).unwrap();
    assert_eq!(image.platform.to_string(), "linux/arm64");
    assert_eq!(problems(&image), [(ProblemKind::Corrupt, Effect::Note, None)]);
}

#[cfg(unix)]
#[test]
fn a_pipe_in_a_layout_is_not_waited_for() {
    let mut files = Files::default();
    let manifest = files.image("amd64", &["base"]);
    files.index(&[manifest]);
    let folder = files.layout();
    let path = folder.path().join("index.json");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    let error = open(&oci(folder.path()), &selection()).unwrap_err();
    assert!(matches!(error, Error::Read { .. }), "{error}");
}

/// A docker-archive as skopeo and current Docker lay it out.
fn saved(images: &[(&str, &[&str])]) -> Files {
    let mut files = Files::default();
    let mut manifest = Vec::new();
    for (tag, layers) in images {
        let contents: Vec<Vec<u8>> = layers.iter().map(|name| layer(name)).collect();
        let names: Vec<String> =
            contents.iter().map(|content| format!("{}.tar", sha256(content).hex())).collect();
        for (name, content) in names.iter().zip(&contents) {
            files.put(name, content.clone());
        }
        let config = json!({
            "os": "linux", "architecture": "amd64",
            "rootfs": {"type": "layers", "diff_ids": contents.iter().map(|content| sha256(content)).collect::<Vec<_>>()},
            "history": layers.iter().map(|name| json!({"created_by": name})).collect::<Vec<_>>(),
            "config": {"Labels": null, "tag": tag},
        })
        .to_string();
        let name = format!("{}.json", sha256(config.as_bytes()).hex());
        files.put(&name, config);
        manifest.push(json!({"Config": name, "RepoTags": [tag], "Layers": names}));
    }
    files.put("manifest.json", json!(manifest).to_string());
    files
}

#[test]
fn docker_archive() {
    let files = saved(&[("a:1", &["base", "app", "base"])]);
    let archive = files.archive();
    let location = Location::DockerArchive(archive.path().to_owned());
    assert_eq!(detect(archive.path()).unwrap(), Detected::Images(location.clone()));
    let image = open(&location, &selection()).unwrap();
    assert_eq!(image.reference.as_deref(), Some("a:1"));
    assert_eq!(image.manifest_digest, None);
    assert_eq!(image.problems, []);
    assert_eq!(contents(&image), [layer("base"), layer("app"), layer("base")]);
    assert_eq!(image.layers[1].digest, None);
    assert_eq!(image.layers[1].diff_id, Some(sha256(&layer("app"))));
}

#[test]
fn docker_archive_with_several_images() {
    let files = saved(&[("a:1", &["base", "a"]), ("docker.io/library/b:2", &["base", "b"])]);
    let archive = files.archive();
    let location = Location::DockerArchive(archive.path().to_owned());
    assert!(matches!(open(&location, &selection()), Err(Error::Several { .. })));
    let image = open(&location, &named("b:2")).unwrap();
    assert_eq!(contents(&image), [layer("base"), layer("b")]);
    assert_eq!(list(&location).unwrap().len(), 2);
    let id = image.config_digest.to_string();
    assert_eq!(open(&location, &named(&id)).unwrap().config_digest, image.config_digest);
}

#[test]
fn links_stay_inside_the_archive() {
    // Old versions of Docker saved shared layers as links to the first one.
    for (target, readable) in [
        ("../one/layer.tar", true),
        ("../../../one/layer.tar", true),
        ("/etc/passwd", false),
        ("../two/layer.tar", false),
    ] {
        let mut files = saved(&[("a:1", &["base"])]);
        let mut manifest: Value = serde_json::from_slice(&files.0.pop().unwrap().1).unwrap();
        manifest[0]["Layers"] = json!(["two/layer.tar"]);
        files.put("manifest.json", manifest.to_string());
        files.put("one/layer.tar", layer("base"));
        let mut builder = tar::Builder::new(files.tar());
        // `Builder` writes after the closing blocks: cut them off first.
        let mut bytes = std::mem::take(builder.get_mut());
        bytes.truncate(bytes.len() - 1024);
        let mut builder = tar::Builder::new(bytes);
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "two/layer.tar", target).unwrap();
        let bytes = builder.into_inner().unwrap();
        let archive = on_disk(&bytes);
        let image = open(&Location::DockerArchive(archive.path().to_owned()), &selection()).unwrap();
        assert_eq!(image.layers[0].open().is_ok(), readable, "{target}");
        assert_eq!(image.problems.is_empty(), readable, "{target}");
        let (source, _) = streamed(&bytes, None).unwrap();
        assert_eq!(source.image(&selection()).unwrap().layers[0].number().is_some(), readable, "{target}");
    }
}

#[test]
fn docker_archives_that_are_refused() {
    let check = |files: &Files, expected: &str| {
        let archive = files.archive();
        let location = Location::DockerArchive(archive.path().to_owned());
        let error = open(&location, &selection()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let good = saved(&[("a:1", &["base"])]);
    let mut files = good.clone();
    files.0[1].1 = b"{}".to_vec();
    check(&files, "was altered or damaged");
    let mut files = good.clone();
    files.0.remove(1);
    check(&files, "does not hold the configuration");
    let mut files = good.clone();
    files.put("manifest.json", "[]");
    check(&files, "lists no image");
    let mut files = Files::default();
    files.put("repositories", "{}");
    check(&files, "before 1.10");
    let mut files = Files::default();
    files.put("etc/passwd", "root");
    check(&files, "no `manifest.json`");
}

#[test]
fn what_both_forms_describe_is_read_by_its_index() {
    let mut files = saved(&[("a:1", &["base"])]);
    let manifest = files.image("amd64", &["base"]);
    files.index(&[called(manifest, "1")]);
    let archive = files.archive();
    assert_eq!(detect(archive.path()).unwrap(), Detected::Images(oci(archive.path())));
    assert!(open(&oci(archive.path()), &selection()).unwrap().manifest_digest.is_some());
    let docker = Location::DockerArchive(archive.path().to_owned());
    assert_eq!(open(&docker, &selection()).unwrap().manifest_digest, None);
    let bytes = files.tar();
    let (source, _) = streamed(&bytes, None).unwrap();
    assert!(source.image(&selection()).unwrap().manifest_digest.is_some());
    let (source, _) = streamed(&bytes, Some(Form::Docker)).unwrap();
    assert_eq!(source.image(&selection()).unwrap().manifest_digest, None);
}

#[test]
fn detected() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(detect(folder.path()).unwrap(), Detected::Directory);
    for (bytes, expected) in [
        (layer("etc/passwd"), Detected::Tar),
        (b"\x1f\x8b\x08".to_vec(), Detected::CompressedArchive),
        (b"{}".to_vec(), Detected::Other),
        (vec![], Detected::Other),
    ] {
        assert_eq!(detect(on_disk(&bytes).path()).unwrap(), expected);
    }
    assert!(detect(&folder.path().join("nothing")).is_err());
    let compressed = on_disk(&gzip(b""));
    assert!(matches!(open(&oci(compressed.path()), &selection()), Err(Error::Compressed { .. })));
}

#[test]
fn references_are_split_from_paths_that_exist() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a:b@c");
    std::fs::write(&path, "").unwrap();
    let path = path.to_str().unwrap().to_owned();
    for (rest, expected) in [("", None), (":repo:tag", Some("repo:tag")), ("@sha256:00", Some("sha256:00"))] {
        let (found, reference) = crate::split_reference(&format!("{path}{rest}"));
        assert_eq!((found.to_str(), reference.as_deref()), (Some(path.as_str()), expected), "{rest}");
    }
    assert_eq!(crate::split_reference("no/such:place"), ("no/such:place".into(), None));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn streams() {
    let files = saved(&[("a:1", &["base", "app", "base"])]);
    let bytes = files.tar();
    // Compressed in two pieces, as parallel compressors do.
    let (front, back) = bytes.split_at(700);
    for bytes in
        [bytes.clone(), [gzip(front), gzip(back)].concat(), zstd::encode_all(bytes.as_slice(), 1).unwrap()]
    {
        let (source, blobs) = streamed(&bytes, None).unwrap();
        let image = source.image(&selection()).unwrap();
        assert_eq!(image.problems, []);
        let layers: Vec<_> = image.layers.iter().map(|layer| &blobs[&layer.number().unwrap()]).collect();
        assert_eq!(layers, [&layer("base"), &layer("app"), &layer("base")]);
        assert!(image.layers[0].open().is_err());
    }
    assert!(matches!(streamed(b"\xfd7zXZ\0", None), Err(Error::Unsupported { .. })));
    assert!(matches!(streamed(b"", None), Err(Error::NotAnImage { .. })));
    assert!(matches!(streamed(b"{}", None), Err(Error::NotAnImage { .. })));
}

#[test]
fn a_callback_that_fails_ends_the_stream() {
    let bytes = saved(&[("a:1", &["base"])]).tar();
    let error =
        stream("stream", None, bytes.as_slice(), &mut |_, _| Err(std::io::ErrorKind::OutOfMemory.into()));
    assert!(matches!(error, Err(Error::Read { .. })));
}

#[test]
fn what_is_cut_off_is_said() {
    // `manifest.json` comes first here, so that the image is known when the archive ends.
    let mut files = saved(&[("a:1", &["base", "app"])]);
    files.0.rotate_right(1);
    let bytes = files.tar();
    let app = files.0.iter().position(|(_, content)| *content == layer("app")).unwrap();
    assert_eq!(app, 2);
    let config = files.0.remove(3);
    files.0.insert(1, config);
    let whole = files.tar();
    assert_eq!(whole.len(), bytes.len());
    let cut = &whole[..whole.len() - 1024 - 600];
    let expected = [(ProblemKind::Truncated, Effect::Incomplete, None)];
    let archive = on_disk(cut);
    let image = open(&Location::DockerArchive(archive.path().to_owned()), &selection()).unwrap();
    assert_eq!(problems(&image), expected);
    let mut content = Vec::new();
    let error = image.layers[1].open().unwrap().read_to_end(&mut content).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    for bytes in [cut.to_vec(), gzip(cut)] {
        let (source, blobs) = streamed(&bytes, None).unwrap();
        let image = source.image(&selection()).unwrap();
        assert_eq!(problems(&image), expected);
        assert_eq!(blobs[&image.layers[0].number().unwrap()], layer("base"));
    }
    // A compressed stream that ends early ends the same way.
    let compressed = gzip(&whole);
    let (source, _) = streamed(&compressed[..compressed.len() / 2], None).unwrap();
    let error = source.image(&selection());
    assert!(error.is_err() || !error.unwrap().problems.is_empty());
}

/// Reads whatever bytes are given in every way there is.
fn read_anything(bytes: &[u8]) {
    let archive = on_disk(bytes);
    let _ = detect(archive.path());
    for location in [oci(archive.path()), Location::DockerArchive(archive.path().to_owned())] {
        let _ = list(&location);
        if let Ok(image) = open(&location, &selection()) {
            image.steps();
            for layer in &image.layers {
                if let Ok(mut reader) = layer.open() {
                    let _ = std::io::copy(&mut reader, &mut std::io::sink());
                }
            }
        }
    }
    crate::fuzz::fuzz_archive(bytes);
}

fn samples() -> [Vec<u8>; 2] {
    let mut layout = Files::default();
    let manifest = layout.image("amd64", &["base"]);
    layout.index(&[on(manifest, "amd64")]);
    [layout.tar(), saved(&[("a:1", &["base"])]).tar()]
}

/// The text inside an archive is damaged where JSON has its meaning, and the archive around it stays whole.
fn damaged_text(sample: usize, position: usize, byte: u8) -> Vec<u8> {
    let mut bytes = samples()[sample].clone();
    let places: Vec<usize> = (0..bytes.len())
        .filter(|index| matches!(bytes[*index], b'"' | b'{' | b'}' | b'[' | b']' | b':' | b',' | b'0'..=b'9'))
        .collect();
    bytes[places[position % places.len()]] = byte;
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..1500)) {
        read_anything(&bytes);
    }

    #[test]
    fn registries_say_anything(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "(<|>|; rel=next|Bearer realm=|[a-z0-9:@./\\[\\]\"{}=-]){0,30}") {
        crate::fuzz::fuzz_registry(&bytes);
        crate::fuzz::fuzz_registry(text.as_bytes());
    }

    #[test]
    fn never_panics_on_damage(sample in 0_usize..2, position: usize, byte: u8, cut: usize) {
        read_anything(&damaged_text(sample, position, byte));
        let mut bytes = samples()[sample].clone();
        let length = bytes.len();
        bytes[position % length] = byte;
        bytes.truncate(cut % (length * 2));
        read_anything(&bytes);
    }

    #[test]
    fn every_way_of_reading_gives_the_same_layers(names in proptest::collection::vec("[a-z]{1,8}", 0..6)) {
        let mut files = Files::default();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let manifest = files.image("amd64", &names);
        files.index(&[manifest]);
        let expected: Vec<_> = names.iter().map(|name| layer(name)).collect();
        prop_assert_eq!(contents(&image(&files, &selection()).unwrap()), expected.clone());
        let (source, blobs) = streamed(&files.tar(), None).unwrap();
        let layers: Vec<_> = source.image(&selection()).unwrap().layers.iter()
            .map(|layer| blobs[&layer.number().unwrap()].clone()).collect();
        prop_assert_eq!(layers, expected);
    }
}
