//! Images described by an index: OCI layouts (image-layout.md), in a directory or an archive.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use plimsoll_model::{Digest, Problem, ProblemKind};

use crate::assemble::{Identity, Part, assemble};
use crate::choose::{Candidate, choose};
use crate::document::{
    Configuration, Descriptor, Document, Layout, is_image_configuration, is_index, is_manifest, is_schema_1,
};
use crate::error::plain;
use crate::registry::Kind;
use crate::store::Store;
use crate::{Error, Image, ImageSummary, Platform, Selection};

/// Most entries of all indexes together.
const MOST_ENTRIES: usize = 10_000;
/// How deep indexes may stand in indexes; images in the wild have one or two.
const DEEPEST: usize = 8;

/// Longest name of an image in bytes; registries stop at 255. What is longer is an annotation, but no name.
const LONGEST_NAME: usize = 1_024;
/// Most names that an image has or inherits from the indexes above it.
const MOST_NAMES: usize = 4;

/// Names of an image: the layout's own, and containerd's full one.
const NAMES: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

/// A manifest that an index leads to.
struct Leaf {
    candidate: Candidate,
    descriptor: Descriptor,
    above: Annotations,
}

/// Annotations of the indexes and entries on the way, the nearest last. Shared: thousands of entries may inherit them.
type Annotations = Vec<Arc<BTreeMap<String, String>>>;

/// What the index leads to.
#[derive(Default)]
struct Found {
    leaves: Vec<Leaf>,
    /// Artifacts that are no images: attestations, signatures, charts.
    artifacts: Vec<Digest>,
}

pub(crate) fn list(store: &Store) -> Result<Vec<ImageSummary>, Error> {
    Ok(find(store)?.leaves.into_iter().map(|leaf| leaf.candidate.summary).collect())
}

pub(crate) fn image(store: &Store, selection: &Selection) -> Result<Image, Error> {
    let found = find(store)?;
    let layout_problem = check_version(store)?;
    if let Some(wanted) = &selection.reference {
        let digest = wanted.rsplit('@').next().and_then(|text| Digest::parse(text).ok());
        if let Some(digest) = digest.filter(|digest| found.artifacts.contains(digest)) {
            return Err(Error::NotAnImage {
                place: store.place.clone(),
                detail: format!("`{digest}` is an attestation or another artifact"),
            });
        }
    }
    let candidates: Vec<Candidate> = found.leaves.iter().map(|leaf| leaf.candidate.clone()).collect();
    let chosen = choose(&store.place, &candidates, selection)?;
    let leaf = &found.leaves[chosen];
    let digest = &leaf.descriptor.digest;
    let manifest = read(store, digest, &leaf.descriptor.media_type, Kind::Manifest)?;
    let config = config_of(store, &manifest, digest)?.clone();
    let configuration = configuration(store, &config)?;
    let mut annotations = BTreeMap::new();
    for inherited in leaf.above.iter().map(Arc::as_ref).chain([&leaf.descriptor.annotations]) {
        annotations.extend(inherited.clone());
    }
    annotations.extend(manifest.annotations.clone());
    let parts = manifest
        .layers
        .unwrap_or_default()
        .into_iter()
        .map(|layer| Part {
            name: layer.digest.to_string(),
            stored: store.layer(&layer),
            digest: Some(layer.digest),
            media_type: layer.media_type,
            size: Some(layer.size),
            urls: layer.urls,
            annotations: layer.annotations,
        })
        .collect();
    let identity = Identity {
        reference: leaf.candidate.summary.references.first().cloned(),
        manifest_digest: Some(digest.clone()),
        config_digest: config.digest,
        annotations,
    };
    let described = leaf.descriptor.platform.as_ref().map(crate::document::DescribedPlatform::platform);
    let mut image = assemble(&store.place, identity, configuration, parts)?;
    image.problems.extend(layout_problem);
    if let Some(described) =
        described.filter(|described| !described.serves(&Platform { variant: None, ..image.platform.clone() }))
    {
        image.problems.push(Problem::note(
            ProblemKind::Corrupt,
            digest,
            format!("the index says {described}, the image itself {}", image.platform),
        ));
    }
    Ok(image)
}

/// Fails for layouts of another age; a missing mark is only noted.
fn check_version(store: &Store) -> Result<Option<Problem>, Error> {
    const THING: &str = "`oci-layout`";
    if !store.has("oci-layout") {
        return Ok(Some(Problem::note(
            ProblemKind::Corrupt,
            &store.place,
            "the layout has no file `oci-layout` that names its version; taken for 1.0",
        )));
    }
    let layout: Layout = store.parse(&store.document(&store.find(&"oci-layout".into()), THING)?, THING)?;
    if layout.version.starts_with("1.") {
        return Ok(None);
    }
    Err(Error::Unsupported {
        place: store.place.clone(),
        detail: format!("OCI layouts of version `{}` are not understood, only 1.x", plain(&layout.version)),
    })
}

/// Walks the indexes breadth first. Below one entry of the top each index is read once, however often it is named: no
/// cycle, no explosion. Two names of one index are two entries of the top, and both lead to its images.
fn find(store: &Store) -> Result<Found, Error> {
    struct Job {
        entries: Vec<Descriptor>,
        root: Option<usize>,
        depth: usize,
        references: Vec<String>,
        digests: Vec<Digest>,
        above: Annotations,
    }
    const THING: &str = "`index.json`";
    store.require("index.json")?;
    let top: Document = store.parse(&store.document(&store.find(&"index.json".into()), THING)?, THING)?;
    check_form(store, &top, "", THING)?;
    let limit = |thing: &str, limit: usize| Error::Limit {
        place: store.place.clone(),
        thing: thing.to_owned(),
        limit: limit.to_string(),
    };
    let mut found = Found::default();
    let mut read_indexes = HashSet::new();
    let mut entries_seen = 0;
    let mut jobs = VecDeque::from([Job {
        entries: top.manifests.unwrap_or_default(),
        root: None,
        depth: 0,
        references: Vec::new(),
        digests: Vec::new(),
        above: vec![Arc::new(top.annotations)],
    }]);
    while let Some(job) = jobs.pop_front() {
        entries_seen += job.entries.len();
        if entries_seen > MOST_ENTRIES {
            return Err(limit("the number of images in the index", MOST_ENTRIES));
        }
        for (position, entry) in job.entries.into_iter().enumerate() {
            let root = job.root.unwrap_or(position);
            let mut references = job.references.clone();
            for name in NAMES.iter().filter_map(|name| entry.annotations.get(*name)) {
                if name.len() <= LONGEST_NAME && references.len() < MOST_NAMES && !references.contains(name) {
                    references.push(name.clone());
                }
            }
            let mut digests = job.digests.clone();
            digests.push(entry.digest.clone());
            if is_schema_1(&entry.media_type) {
                return Err(schema_1(store));
            }
            if is_index(&entry.media_type) {
                if job.depth + 1 >= DEEPEST {
                    return Err(limit("the depth of indexes", DEEPEST));
                }
                // An index that is not stored leads nowhere; what else there is can still be read.
                if read_indexes.insert((root, entry.digest.clone())) && store.has_blob(&entry.digest) {
                    let index = read(store, &entry.digest, &entry.media_type, Kind::Index)?;
                    let mut above = job.above.clone();
                    above.extend([Arc::new(entry.annotations), Arc::new(index.annotations)]);
                    jobs.push_back(Job {
                        entries: index.manifests.unwrap_or_default(),
                        root: Some(root),
                        depth: job.depth + 1,
                        references,
                        digests,
                        above,
                    });
                }
                continue;
            }
            match look(store, &entry)? {
                Some((platform, stored, config)) => {
                    digests.extend(config);
                    let summary = ImageSummary { references, digest: entry.digest.clone(), platform, stored };
                    let candidate = Candidate { summary, root, digests };
                    found.leaves.push(Leaf { candidate, descriptor: entry, above: job.above.clone() });
                }
                None => found.artifacts.push(entry.digest),
            }
        }
    }
    Ok(found)
}

/// Platform, presence and configuration of the image that an entry describes; `None` where it describes something else.
type Look = Option<(Option<Platform>, bool, Option<Digest>)>;

fn look(store: &Store, entry: &Descriptor) -> Result<Look, Error> {
    let described = entry.platform.as_ref().map(crate::document::DescribedPlatform::platform);
    let attestation = entry.annotations.contains_key("vnd.docker.reference.type")
        || described.as_ref().is_some_and(Platform::is_unknown);
    if attestation || entry.artifact_type.as_deref().is_some_and(|kind| !is_image_configuration(kind)) {
        return Ok(None);
    }
    if !entry.media_type.is_empty() && !is_manifest(&entry.media_type) {
        return Ok(None);
    }
    if store.is_remote() && described.is_some() {
        return Ok(Some((described, true, None)));
    }
    if !store.has_blob(&entry.digest) {
        return Ok(Some((described, false, None)));
    }
    let manifest = read(store, &entry.digest, &entry.media_type, Kind::Manifest)?;
    let Some(config) = manifest.config.as_ref().filter(|config| is_image_configuration(&config.media_type))
    else {
        return Ok(None);
    };
    if manifest.artifact_type.as_deref().is_some_and(|kind| !is_image_configuration(kind)) {
        return Ok(None);
    }
    let digest = Some(config.digest.clone());
    if described.is_some() {
        return Ok(Some((described, true, digest)));
    }
    if !store.has_blob(&config.digest) {
        return Ok(Some((None, true, digest)));
    }
    let platform = configuration(store, config)?.platform();
    Ok(if platform.is_unknown() { None } else { Some((Some(platform), true, digest)) })
}

/// A manifest or index, checked against its digest and its own form.
fn read(store: &Store, digest: &Digest, media_type: &str, kind: Kind) -> Result<Document, Error> {
    let thing = format!("{} `{digest}`", kind.name());
    let document = store.parse(&store.verified(digest, kind)?, &thing)?;
    check_form(store, &document, media_type, &thing)?;
    Ok(document)
}

/// One document must not be read as an index by one tool and as a manifest by another (CVE-2021-41190).
fn check_form(store: &Store, document: &Document, media_type: &str, thing: &str) -> Result<(), Error> {
    if document.schema_version == 1 || document.fs_layers.is_some() || is_schema_1(&document.media_type) {
        return Err(schema_1(store));
    }
    let invalid =
        |detail: String| Err(Error::Invalid { place: store.place.clone(), thing: thing.to_owned(), detail });
    let lists = document.manifests.is_some();
    let holds = document.layers.is_some() || document.config.is_some();
    if lists && holds {
        return invalid("it is an index and a manifest at once".into());
    }
    let said = &document.media_type;
    if !media_type.is_empty() && !said.is_empty() && media_type != said {
        return invalid(format!("it calls itself `{}`, its index `{}`", plain(said), plain(media_type)));
    }
    let kind = if said.is_empty() { media_type } else { said };
    if (is_index(kind) && holds) || (is_manifest(kind) && lists) {
        return invalid(format!("its content is not what its media type `{}` says", plain(kind)));
    }
    Ok(())
}

fn schema_1(store: &Store) -> Error {
    Error::Unsupported {
        place: store.place.clone(),
        detail: "the image has a Docker schema 1 manifest, which registries gave up in 2017; pull and push it with a \
                 current tool to convert it"
            .into(),
    }
}

fn config_of<'a>(store: &Store, manifest: &'a Document, digest: &Digest) -> Result<&'a Descriptor, Error> {
    manifest.config.as_ref().filter(|config| is_image_configuration(&config.media_type)).ok_or_else(|| {
        Error::NotAnImage {
            place: store.place.clone(),
            detail: format!("the manifest `{digest}` describes another artifact"),
        }
    })
}

fn configuration(store: &Store, descriptor: &Descriptor) -> Result<Configuration, Error> {
    let bytes = store.verified(&descriptor.digest, Kind::Configuration)?;
    store.parse(&bytes, &format!("the configuration `{}`", descriptor.digest))
}
