//! Where images are, and what a path is.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::content::{Look, look};
use crate::store::Store;
use crate::{Error, Form, Image, ImageSummary, Selection, Source};

/// A place where images are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// An OCI layout: a directory, or an open tar archive of one.
    Oci(PathBuf),
    /// What `docker save` and `podman save` write: an open tar archive with `manifest.json`.
    DockerArchive(PathBuf),
}

impl Location {
    /// Opens the place: reads headers of the archive, no image yet.
    ///
    /// # Errors
    /// [`Error::Compressed`] for an archive that has to go through [`crate::stream`].
    pub fn source(&self) -> Result<Source, Error> {
        let (path, form) = match self {
            Location::Oci(path) => (path, Form::Oci),
            Location::DockerArchive(path) => (path, Form::Docker),
        };
        let store =
            if form == Form::Oci && path.is_dir() { Store::directory(path) } else { Store::archive(path)? };
        Ok(Source { store, form })
    }
}

/// The image that is meant.
pub fn open(location: &Location, selection: &Selection) -> Result<Image, Error> {
    location.source()?.image(selection)
}

/// The images of a place.
pub fn list(location: &Location) -> Result<Vec<ImageSummary>, Error> {
    location.source()?.list()
}

/// What a path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detected {
    /// Images.
    Images(Location),
    /// An archive compressed as a whole, read by [`crate::stream`]. What is in it shows only then.
    CompressedArchive,
    /// A directory that is no OCI layout.
    Directory,
    /// A tar archive that holds no image: an exported root file system, perhaps.
    Tar,
    /// Something else.
    Other,
}

/// What a path is, by its content.
///
/// A current `docker save` writes `index.json` and `manifest.json`, which describe the same images. The index wins: it
/// alone has manifest digests, annotations, and the digests of compressed layers.
///
/// # Errors
/// When the path cannot be read.
pub fn detect(path: &Path) -> Result<Detected, Error> {
    let read = |source| Error::Read { place: path.display().to_string(), thing: "the target".into(), source };
    let metadata = std::fs::metadata(path).map_err(read)?;
    if metadata.is_dir() {
        let layout = path.join("oci-layout").is_file() && path.join("index.json").is_file();
        return Ok(if layout {
            Detected::Images(Location::Oci(path.to_owned()))
        } else {
            Detected::Directory
        });
    }
    if !metadata.is_file() {
        return Ok(Detected::Other);
    }
    match look(&mut File::open(path).map_err(read)?).map_err(read)? {
        Look::Compressed(_) => return Ok(Detected::CompressedArchive),
        Look::Tar => {}
        Look::Empty | Look::Json | Look::Other => return Ok(Detected::Other),
    }
    let store = match Store::archive(path) {
        Ok(store) => store,
        // No image has so many members; a root file system has.
        Err(Error::Limit { .. }) => return Ok(Detected::Tar),
        Err(error) => return Err(error),
    };
    Ok(if store.has("oci-layout") && store.has("index.json") {
        Detected::Images(Location::Oci(path.to_owned()))
    } else if store.has("manifest.json") || store.has("repositories") {
        Detected::Images(Location::DockerArchive(path.to_owned()))
    } else {
        Detected::Tar
    })
}

/// Splits `PATH`, `PATH:NAME` or `PATH@DIGEST`. The longest beginning that exists is the path, since colons and at
/// signs may stand in paths as well; where nothing exists all of it is.
pub fn split_reference(text: &str) -> (PathBuf, Option<String>) {
    let whole = || (PathBuf::from(text), None);
    if Path::new(text).exists() {
        return whole();
    }
    for (position, separator) in text.rmatch_indices([':', '@']) {
        let (path, reference) = (&text[..position], &text[position + separator.len()..]);
        if !path.is_empty() && !reference.is_empty() && Path::new(path).exists() {
            return (PathBuf::from(path), Some(reference.to_owned()));
        }
    }
    whole()
}
