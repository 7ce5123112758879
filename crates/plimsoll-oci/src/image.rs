//! An image: what its documents say, and its layers.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};

use plimsoll_model::{Digest, Problem};

use crate::error::plain;
use crate::store::{Content, Stored};
use crate::{Error, Platform};

/// One image for one platform.
#[derive(Clone, Debug)]
pub struct Image {
    /// Name inside the archive or layout (`org.opencontainers.image.ref.name`, `RepoTags`), when there is one.
    pub reference: Option<String>,
    /// Digest of the manifest, what a registry would call the image. A docker-archive has no manifest.
    pub manifest_digest: Option<Digest>,
    /// Digest of the configuration, what Docker calls the image id.
    pub config_digest: Digest,
    /// What it runs on.
    pub platform: Platform,
    /// When it was made, as it says: RFC 3339 if it is honest.
    pub created: Option<String>,
    /// Annotations of the manifest, and those of the index that the manifest does not repeat.
    pub annotations: BTreeMap<String, String>,
    /// Labels of the configuration.
    pub labels: BTreeMap<String, String>,
    /// Environment of the configuration, `NAME=value` each.
    pub env: Vec<String>,
    /// Entrypoint of the configuration.
    pub entrypoint: Vec<String>,
    /// Command of the configuration.
    pub command: Vec<String>,
    /// How it is run; `None` where its configuration says that in a form nobody reads.
    pub run: Option<Run>,
    /// Steps that made it, first one first.
    pub history: Vec<History>,
    /// Layers, lowest first.
    pub layers: Vec<Blob>,
    /// What is wrong with it. A layer that cannot be opened is among them.
    pub problems: Vec<Problem>,
}

impl Image {
    /// The step that made each layer, lowest first. `None` throughout where history and layers do not fit together.
    pub fn steps(&self) -> Vec<Option<&History>> {
        let steps: Vec<_> = self.history.iter().filter(|step| !step.empty_layer).collect();
        if steps.len() == self.layers.len() {
            steps.into_iter().map(Some).collect()
        } else {
            vec![None; self.layers.len()]
        }
    }
}

/// How an image is run (OCI image-spec 1.1, config.md). What is not said is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// User or number, with a group after a colon; empty is root.
    pub user: String,
    /// Ports: `8080/tcp`, sorted.
    pub exposed_ports: Vec<String>,
    /// Folders that become volumes, sorted.
    pub volumes: Vec<String>,
    /// Something tells whether it works: a test that is not `NONE`. An extension of Docker's.
    pub has_healthcheck: bool,
}

/// One step of the history (OCI image-spec 1.1, config.md, "history").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The command.
    pub created_by: String,
    /// A remark of the builder: `buildkit.dockerfile.v0`.
    pub comment: String,
    /// The step changed only the configuration: there is no layer for it.
    pub empty_layer: bool,
    /// When, RFC 3339.
    pub created: Option<String>,
}

/// A layer as it is stored.
#[derive(Clone, Debug)]
pub struct Blob {
    /// Digest of the blob as stored. A docker-archive does not say it.
    pub digest: Option<Digest>,
    /// Digest of the open layer. `None` where the configuration does not fit the manifest.
    pub diff_id: Option<Digest>,
    /// Media type as written, empty where nothing is. Find the compression in the content: this is a claim.
    pub media_type: String,
    /// Size of the blob as stored, in bytes; what the manifest claims where it is not stored.
    pub size: u64,
    /// Annotations of the layer.
    pub annotations: BTreeMap<String, String>,
    /// Why it cannot be opened; the same problem stands in [`Image::problems`].
    pub unavailable: Option<Problem>,
    pub(crate) stored: Stored,
}

impl Blob {
    /// A reader of the blob as stored, independent of every other. Unbuffered: read large pieces.
    ///
    /// # Errors
    /// When the layer is not there or cannot be opened, and for images from a stream, whose layers were handed out
    /// while it passed.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        match &self.unavailable {
            Some(problem) => Err(io::Error::new(io::ErrorKind::NotFound, problem.detail.clone())),
            None => self.stored.open(),
        }
    }

    /// The number under which [`crate::stream`] handed it out. Two layers may be one member of the archive.
    pub fn number(&self) -> Option<u32> {
        match self.stored.content {
            Content::Passed(number) => Some(number),
            _ => None,
        }
    }
}

/// One image of a layout or archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSummary {
    /// Its names.
    pub references: Vec<String>,
    /// Digest of the manifest; of the configuration in a docker-archive.
    pub digest: Digest,
    /// What it runs on; `None` where the index does not say and the image is not stored.
    pub platform: Option<Platform>,
    /// Its manifest is stored here. Exports of one platform keep an index that names them all.
    pub stored: bool,
}

impl fmt::Display for ImageSummary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.references.first() {
            Some(reference) => formatter.write_str(&plain(reference))?,
            None => write!(formatter, "{}", self.digest)?,
        }
        match &self.platform {
            Some(platform) => write!(formatter, " ({platform})"),
            None => Ok(()),
        }
    }
}

/// Which image is meant.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Name, tag or digest, where there are several. A digest may be that of an index, a manifest or a configuration.
    pub reference: Option<String>,
    /// Platform that was asked for: no other will do.
    pub platform: Option<Platform>,
    /// Platform that is taken from several when none was asked for. A single image is taken whatever its platform.
    pub default_platform: Platform,
}

impl Selection {
    /// The only image, or the one for this platform.
    pub fn any(default_platform: Platform) -> Self {
        Selection { reference: None, platform: None, default_platform }
    }
}

/// A place where images are, opened.
#[derive(Clone, Debug)]
pub struct Source {
    pub(crate) store: crate::store::Store,
    pub(crate) form: Form,
}

/// How images are described in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By `index.json`, as OCI lays it down.
    Oci,
    /// By `manifest.json`, as Docker saves it.
    Docker,
}

impl Source {
    /// The images here, in order of appearance. Attestations and other artifacts are not among them.
    pub fn list(&self) -> Result<Vec<ImageSummary>, Error> {
        let store = self.store.fresh();
        match self.form {
            Form::Oci => crate::layout::list(&store),
            Form::Docker => crate::saved::list(&store),
        }
    }

    /// The image that is meant.
    pub fn image(&self, selection: &Selection) -> Result<Image, Error> {
        let store = self.store.fresh();
        let mut image = match self.form {
            Form::Oci => crate::layout::image(&store, selection)?,
            Form::Docker => crate::saved::image(&store, selection)?,
        };
        image.problems.splice(0..0, self.store.problems.iter().cloned());
        Ok(image)
    }
}
