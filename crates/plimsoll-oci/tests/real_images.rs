//! The images that `cargo xtask images` builds: one image in every form that tools write.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use plimsoll_model::{Algorithm, Digest};
use plimsoll_oci::{Blob, Detected, Error, Image, Platform, Selection, detect, list, open, stream};
use sha2::{Digest as _, Sha256};

/// Largest layer whose digest is checked here; the base image is left to whoever reads layers.
const SMALL: u64 = 32 * 1024 * 1024;

fn selection() -> Selection {
    Selection::any(Platform::linux("amd64"))
}

fn image(path: &Path, selection: &Selection) -> Image {
    let Detected::Images(location) = detect(path).unwrap() else {
        panic!("{} holds no image", path.display())
    };
    let image = open(&location, selection).unwrap();
    assert_eq!(image.problems, [], "{}", path.display());
    image
}

fn diff_ids(image: &Image) -> Vec<Digest> {
    image.layers.iter().map(|layer| layer.diff_id.clone().unwrap()).collect()
}

fn digest_of(layer: &Blob) -> Digest {
    let mut hasher = Sha256::new();
    let mut reader = layer.open().unwrap();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match reader.read(&mut buffer).unwrap() {
            0 => return Digest::from_bytes(Algorithm::Sha256, hasher.finalize().as_slice()).unwrap(),
            count => hasher.update(&buffer[..count]),
        }
    }
}

fn check_layers(image: &Image, stored_open: bool) {
    for layer in image.layers.iter().filter(|layer| layer.size < SMALL) {
        let expected = if stored_open { &layer.diff_id } else { &layer.digest };
        assert_eq!(Some(digest_of(layer)), *expected);
    }
}

#[test]
fn one_image_in_every_form() {
    let Some(folder) = plimsoll_testing::images() else { return };
    let gzip = image(&folder.join("app-oci-gzip"), &selection());
    assert_eq!(gzip.reference.as_deref(), Some("app"));
    assert_eq!(gzip.layers.len(), 9);
    assert!(gzip.steps()[1].unwrap().created_by.contains("pip install"));
    assert!(!gzip.annotations.contains_key("org.opencontainers.image.base.name"));
    check_layers(&gzip, false);
    for (name, stored_open) in [("app-oci-zstd", false), ("app-oci.tar", false), ("app-docker.tar", true)] {
        let other = image(&folder.join(name), &selection());
        assert_eq!(diff_ids(&other), diff_ids(&gzip), "{name}");
        assert_eq!(other.config_digest, gzip.config_digest, "{name}");
        assert_eq!(other.history, gzip.history, "{name}");
        check_layers(&other, stored_open);
    }
    assert_eq!(diff_ids(&image(&folder.join("base-oci"), &selection())), diff_ids(&gzip)[..1]);

    let multi = image(&folder.join("multi-oci"), &selection());
    assert_eq!(diff_ids(&multi), diff_ids(&gzip));
    let base = image(&folder.join("base-oci"), &selection()).manifest_digest.unwrap();
    assert_eq!(multi.annotations["org.opencontainers.image.base.digest"], base.to_string());

    let path = folder.join("app-docker.tar.gz");
    assert_eq!(detect(&path).unwrap(), Detected::CompressedArchive);
    let mut sizes = BTreeMap::new();
    let source = stream("app-docker.tar.gz", None, File::open(path).unwrap(), &mut |header, _| {
        sizes.insert(header.number, header.size);
        Ok(())
    })
    .unwrap();
    let streamed = source.image(&selection()).unwrap();
    assert_eq!(streamed.problems, []);
    assert_eq!(diff_ids(&streamed), diff_ids(&gzip));
    let open = image(&folder.join("app-docker.tar"), &selection());
    for (streamed, open) in streamed.layers.iter().zip(&open.layers) {
        assert_eq!(sizes[&streamed.number().unwrap()], open.size);
    }
}

#[test]
fn platforms_and_names() {
    let Some(folder) = plimsoll_testing::images() else { return };
    let multi = folder.join("multi-oci");
    let arm64 = Selection { platform: Some(Platform::linux("arm64")), ..selection() };
    assert_eq!(image(&multi, &arm64).platform, Platform::linux("arm64"));
    let Detected::Images(location) = detect(&multi).unwrap() else { panic!("no image") };
    assert_eq!(list(&location).unwrap().len(), 2, "the attestation is no image");
    let s390x = Selection { platform: Some(Platform::linux("s390x")), ..selection() };
    assert!(matches!(open(&location, &s390x), Err(Error::NoPlatform { .. })));

    let two = folder.join("two-docker.tar");
    let Detected::Images(location) = detect(&two).unwrap() else { panic!("no image") };
    assert!(matches!(open(&location, &selection()), Err(Error::Several { .. })));
    for (name, layout) in [("example.org/alpine:3.18", "alpine-oci"), ("12", "distroless-oci")] {
        let named = Selection { reference: Some(name.into()), ..selection() };
        let image_of_archive = image(&two, &named);
        check_layers(&image_of_archive, true);
        assert_eq!(diff_ids(&image_of_archive), diff_ids(&image(&folder.join(layout), &selection())));
    }
}

#[test]
fn small_forms() {
    let Some(folder) = plimsoll_testing::images() else { return };
    let both: PathBuf = folder.join("both.tar");
    let image_of_both = image(&both, &selection());
    assert!(image_of_both.manifest_digest.is_some(), "the index wins");
    let umoci = image(&folder.join("umoci-oci"), &selection());
    assert_eq!(umoci.layers.len(), 4);
    check_layers(&umoci, false);
}
