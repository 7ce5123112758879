//! Images described by `manifest.json`: what `docker save`, `podman save` and build tools write.

use std::collections::BTreeMap;

use plimsoll_model::{Algorithm, Digest, ImagePath};

use crate::assemble::{Identity, Part, assemble};
use crate::choose::{Candidate, choose};
use crate::document::{Configuration, Saved};
use crate::error::plain;
use crate::store::{Content, Store, digest_of, promised_digest};
use crate::{Error, Image, ImageSummary, Selection};

/// Most images in one archive.
const MOST_IMAGES: usize = 1_000;

const THING: &str = "`manifest.json`";

pub(crate) fn list(store: &Store) -> Result<Vec<ImageSummary>, Error> {
    Ok(candidates(store)?.into_iter().map(|(candidate, _)| candidate.summary).collect())
}

pub(crate) fn image(store: &Store, selection: &Selection) -> Result<Image, Error> {
    let found = candidates(store)?;
    let candidates: Vec<Candidate> = found.iter().map(|(candidate, _)| candidate.clone()).collect();
    let (candidate, saved) = &found[choose(&store.place, &candidates, selection)?];
    let (config_digest, configuration) = configuration(store, saved)?;
    let diff_ids = configuration.rootfs.as_ref().map_or(&[] as &[Digest], |rootfs| &rootfs.diff_ids);
    let parts = saved
        .layers
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let path = ImagePath::from(name.as_str());
            let source = diff_ids.get(index).and_then(|diff_id| saved.sources.get(diff_id));
            let stored = store.find(&path);
            Part {
                name: plain(name),
                // The path of a layout names what is stored under it; older paths name something else or nothing.
                digest: promised_digest(&path),
                media_type: String::new(),
                size: None,
                urls: source.map(|source| source.urls.clone()).unwrap_or_default(),
                annotations: BTreeMap::new(),
                stored,
            }
        })
        .collect();
    let identity = Identity {
        reference: candidate.summary.references.first().cloned(),
        manifest_digest: None,
        config_digest,
        annotations: BTreeMap::new(),
    };
    assemble(&store.place, identity, configuration, parts)
}

fn candidates(store: &Store) -> Result<Vec<(Candidate, Saved)>, Error> {
    if !store.has("manifest.json") && store.has("repositories") {
        return Err(Error::Unsupported {
            place: store.place.clone(),
            detail: "the archive was saved by Docker before 1.10, without `manifest.json`; load and save it with a \
                     current version"
                .into(),
        });
    }
    store.require("manifest.json")?;
    let bytes = store.document(&store.find(&"manifest.json".into()), THING)?;
    let images: Vec<Saved> = store.parse(&bytes, THING)?;
    if images.len() > MOST_IMAGES {
        return Err(Error::Limit {
            place: store.place.clone(),
            thing: "the number of images".into(),
            limit: MOST_IMAGES.to_string(),
        });
    }
    images
        .into_iter()
        .enumerate()
        .map(|(root, saved)| {
            let (digest, configuration) = configuration(store, &saved)?;
            let summary = ImageSummary {
                references: saved.tags.clone(),
                digest: digest.clone(),
                platform: Some(configuration.platform()),
                stored: true,
            };
            Ok((Candidate { summary, root, digests: vec![digest] }, saved))
        })
        .collect()
}

/// The configuration and its digest, checked where its name promises one.
fn configuration(store: &Store, saved: &Saved) -> Result<(Digest, Configuration), Error> {
    let path = ImagePath::from(saved.config.as_str());
    let thing = format!("the configuration `{}`", plain(&saved.config));
    let stored = store.find(&path);
    if saved.config.is_empty() {
        return Err(Error::Invalid {
            place: store.place.clone(),
            thing: THING.into(),
            detail: "an image has no configuration".into(),
        });
    }
    if matches!(stored.content, Content::Absent) {
        return Err(Error::Missing { place: store.place.clone(), thing });
    }
    let bytes = store.document(&stored, &thing)?;
    let promised = promised_digest(&path).or_else(|| {
        let hex = saved.config.strip_suffix(".json")?;
        Digest::parse(&format!("sha256:{hex}")).ok()
    });
    if let Some(promised) = promised {
        store.verify(&promised, &bytes, &thing)?;
    }
    let digest = digest_of(Algorithm::Sha256, &bytes).expect("SHA-256 is an algorithm that proves something");
    Ok((digest, store.parse(&bytes, &thing)?))
}
