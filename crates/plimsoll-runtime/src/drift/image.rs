//! What an image holds: its files by path, each with its content, its layer and the package that owns it.

use std::borrow::Cow;
use std::collections::HashMap;

use plimsoll_model::Digest;

/// Files of one image; the largest images seen have a tenth of it.
const MOST_FILES: usize = 4_000_000;

/// Bytes of a path (`PATH_MAX`).
const LONGEST: usize = 4096;

/// Links that are followed on the way to a file, as the kernel does.
const MOST_LINKS: usize = 40;

/// A file of an image, as whoever reads the image hands it in.
#[derive(Clone, Debug, Default)]
pub struct ImageFile {
    /// Its path, with or without `/` at the front.
    pub path: String,
    /// Type and permissions.
    pub mode: u32,
    /// The digest of its content, if it was read.
    pub digest: Option<Digest>,
    /// Where it points, if it is a symbolic link.
    pub link: Option<String>,
    /// The package that owns it: a place in [`Image::packages`].
    pub package: Option<usize>,
    /// The layer that it comes from: a place in [`Image::layers`].
    pub layer: Option<usize>,
}

/// A package of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its package URL; empty when it has none.
    pub purl: String,
    /// The worst severity among its findings, as in `high`; nothing where it has none, or nobody looked.
    pub severity: Option<String>,
    /// Whose move the worst of them is, as in `base image`.
    pub party: Option<String>,
    /// The ids of its findings.
    pub findings: Vec<String>,
}

/// Why a set of files is no image.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There are too many.
    #[error("an image has more than {MOST_FILES} files")]
    TooMany,
    /// A file names a package or layer that is not there.
    #[error("the file `{0}` names a package or layer that is not there")]
    Place(String),
}

/// All files of an image.
#[derive(Debug, Default)]
pub struct Image {
    files: HashMap<Box<str>, Known>,
    /// Executable files by their last component, for those that carry the name of one elsewhere.
    names: HashMap<Box<str>, Box<str>>,
    packages: Vec<Package>,
    layers: Vec<Digest>,
    /// The digests of the layers as texts.
    layer_names: Vec<String>,
    /// Bytes of the longest path of a link: what is longer is none.
    longest_link: usize,
}

/// A file of an [`Image`].
#[derive(Debug)]
pub(super) struct Known {
    pub(super) mode: u32,
    pub(super) digest: Option<Digest>,
    link: Option<Box<str>>,
    pub(super) package: Option<u32>,
    pub(super) layer: Option<u32>,
}

impl Image {
    /// An image of its files. Of two files of one path the later one counts.
    pub fn new(
        files: impl IntoIterator<Item = ImageFile>,
        packages: Vec<Package>,
        layers: Vec<Digest>,
    ) -> Result<Self, Error> {
        let layer_names = layers.iter().map(ToString::to_string).collect();
        let mut image = Self { packages, layers, layer_names, ..Self::default() };
        for file in files {
            if image.files.len() >= MOST_FILES {
                return Err(Error::TooMany);
            }
            let there = |place: Option<usize>, count: usize| place.is_none_or(|place| place < count);
            if !there(file.package, image.packages.len()) || !there(file.layer, image.layers.len()) {
                return Err(Error::Place(plimsoll_model::shortened(&file.path)));
            }
            let path = absolute("/", &file.path);
            let executable =
                file.mode & 0o111 != 0 && file.link.is_none() && file.mode & 0o170_000 != 0o040_000;
            if executable && let Some(name) = path.rsplit('/').next() {
                image.names.entry(name.into()).or_insert_with(|| path.clone().into());
            }
            if file.link.is_some() {
                image.longest_link = image.longest_link.max(path.len());
            }
            let narrow = |place: Option<usize>| place.and_then(|place| u32::try_from(place).ok());
            let known = Known {
                mode: file.mode,
                digest: file.digest,
                link: file.link.map(Into::into),
                package: narrow(file.package),
                layer: narrow(file.layer),
            };
            image.files.insert(path.into(), known);
        }
        Ok(image)
    }

    /// Its packages.
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// For each package whether it holds a program or a shared library, and so would be seen to run.
    pub fn runnable(&self) -> Vec<bool> {
        let mut runnable = vec![false; self.packages.len()];
        for (path, known) in &self.files {
            let program = known.mode & 0o111 != 0 && known.mode & 0o170_000 != 0o040_000;
            if known.link.is_none()
                && (program || super::is_library(path))
                && let Some(place) = known.package.and_then(|place| runnable.get_mut(place as usize))
            {
                *place = true;
            }
        }
        runnable
    }

    /// The digests of its layers.
    pub fn layers(&self) -> &[Digest] {
        &self.layers
    }

    pub(super) fn layer_names(&self) -> &[String] {
        &self.layer_names
    }

    /// How many files it has.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether it has no files.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The file at a path, links followed, with the path that it really has.
    pub(super) fn find<'a>(&'a self, path: &'a str) -> Option<(Cow<'a, str>, &'a Known)> {
        if let Some(known) = self.files.get(path).filter(|known| known.link.is_none()) {
            return Some((Cow::Borrowed(path), known));
        }
        let real = self.real(path)?;
        let known = self.files.get(real.as_str())?;
        Some((Cow::Owned(real), known))
    }

    /// A path with all links on its way followed; nothing when they go round in circles.
    fn real(&self, path: &str) -> Option<String> {
        if path.len() > LONGEST {
            return None;
        }
        let mut left: Vec<String> = components(path).rev().map(str::to_owned).collect();
        let mut real = String::new();
        let mut links = 0;
        while let Some(part) = left.pop() {
            if part == ".." {
                real.truncate(real.rfind('/').unwrap_or(0));
                continue;
            }
            let before = real.len();
            real.push('/');
            real.push_str(&part);
            if real.len() > self.longest_link {
                continue;
            }
            let Some(link) = self.files.get(real.as_str()).and_then(|known| known.link.as_deref()) else {
                continue;
            };
            links += 1;
            if links > MOST_LINKS || link.len() > LONGEST || left.len() > LONGEST {
                return None;
            }
            real.truncate(if link.starts_with('/') { 0 } else { before });
            left.extend(components(link).rev().map(str::to_owned));
        }
        Some(real)
    }

    /// A program of the image with the same name as this path's.
    pub(super) fn namesake(&self, path: &str) -> Option<(&str, &Known)> {
        let name = path.rsplit('/').next()?;
        let other = self.names.get(name).filter(|other| ***other != *path)?;
        Some((other, self.files.get(other)?))
    }
}

fn components(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".")
}

/// A path as seen from a folder, without `.`, `..` and double slashes; `..` never climbs over the root.
pub(super) fn absolute(folder: &str, path: &str) -> String {
    let mut out = String::with_capacity(path.len() + 1);
    let folder = if path.starts_with('/') { "" } else { folder };
    for part in components(folder).chain(components(path)) {
        if part == ".." {
            out.truncate(out.rfind('/').unwrap_or(0));
        } else {
            out.push('/');
            out.push_str(part);
        }
    }
    if out.is_empty() {
        out.push('/');
    }
    out
}
