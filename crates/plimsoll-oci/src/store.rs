//! Where the documents and blobs of an image are kept: a directory, an archive, or what a stream left behind.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use plimsoll_model::{Algorithm, Digest, ImagePath, Problem, ProblemKind};
use sha2::{Digest as _, Sha256, Sha512};

use crate::Error;
use crate::content::{Look, look};
use crate::document::Descriptor;
use crate::members::{Broken, FileTape, Kind as MemberKind, Members};
use crate::registry::{Kind, Remote, RemoteBlob};

/// Largest JSON document in bytes. Registries refuse manifests over 4 MiB; configurations with long histories are larger.
pub(crate) const LARGEST_DOCUMENT: u64 = 8 * 1024 * 1024;
/// Most bytes of JSON that are read to answer one question.
const MOST_DOCUMENT_BYTES: u64 = 256 * 1024 * 1024;
/// Most members of an outer archive; an image has a handful per layer.
pub(crate) const MOST_MEMBERS: usize = 100_000;
/// Most bytes of member names that are kept.
pub(crate) const MOST_NAME_BYTES: usize = 16 * 1024 * 1024;
/// Most links that are followed to one member.
const MOST_LINKS: usize = 40;

/// Content and its size.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// Size in bytes.
    pub(crate) size: u64,
    pub(crate) content: Content,
}

/// Where content is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A file of a layout.
    File(PathBuf),
    /// A part of an archive.
    Part { file: Arc<File>, offset: u64 },
    /// A document that was kept while a stream passed.
    Kept(Arc<[u8]>),
    /// A blob that was handed out while a stream passed, under this number.
    Passed(u32),
    /// In a stream: neither a blob nor a document small enough to keep.
    NotKept,
    /// A layer of a registry.
    Remote(RemoteBlob),
    /// Not there.
    Absent,
}

impl Stored {
    /// Content that is not there.
    pub(crate) fn absent(size: u64) -> Self {
        Stored { size, content: Content::Absent }
    }

    /// A reader of its own.
    pub(crate) fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        match &self.content {
            Content::File(path) => Ok(Box::new(open_regular(path)?.0)),
            Content::Part { file, offset } => {
                Ok(Box::new(Part { file: Arc::clone(file), position: *offset, left: self.size }))
            }
            Content::Kept(bytes) => Ok(Box::new(io::Cursor::new(Arc::clone(bytes)))),
            Content::Remote(blob) => blob.open(),
            Content::Passed(_) => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "a stream is read once, while it passes"))
            }
            Content::NotKept => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "neither an archive nor a small document"))
            }
            Content::Absent => Err(io::Error::new(io::ErrorKind::NotFound, "not stored with the image")),
        }
    }
}

/// Opens a file that must be a regular one: a pipe in a hostile layout would keep us waiting for ever.
///
/// Symbolic links are followed, since build tools keep layouts as farms of links. Nothing can be smuggled in by them:
/// what is read is checked against its digest.
fn open_regular(path: &Path) -> io::Result<(File, u64)> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok((File::open(path)?, metadata.len()))
}

/// A part of a file. Independent of every other reader of it.
struct Part {
    file: Arc<File>,
    position: u64,
    left: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let longest = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if longest == 0 {
            return Ok(0);
        }
        let count = self.file.read_at(&mut buffer[..longest], self.position)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.position += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// A store.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    /// As the user named it.
    pub(crate) place: String,
    form: Form,
    /// What went wrong while it was indexed.
    pub(crate) problems: Vec<Problem>,
    /// Bytes of documents that were read so far.
    read: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
enum Form {
    Directory(PathBuf),
    Archive(Index),
    Registry(Remote),
}

/// What an archive holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    slots: HashMap<ImagePath, Slot>,
    name_bytes: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Slot {
    Stored(Stored),
    Link(ImagePath),
}

impl Index {
    /// Adds a member; a later one of the same name replaces the earlier, as unpacking would.
    pub(crate) fn add(&mut self, place: &str, path: ImagePath, slot: Slot) -> Result<(), Error> {
        self.name_bytes += path.as_bytes().len();
        if let Slot::Link(target) = &slot {
            self.name_bytes += target.as_bytes().len();
        }
        self.slots.insert(path, slot);
        if self.slots.len() > MOST_MEMBERS || self.name_bytes > MOST_NAME_BYTES {
            return Err(Error::Limit {
                place: place.to_owned(),
                thing: "the list of members".into(),
                limit: format!("{MOST_MEMBERS} members and {MOST_NAME_BYTES} bytes of names"),
            });
        }
        Ok(())
    }

    fn find(&self, path: &ImagePath) -> Option<&Stored> {
        let mut path = path;
        for _ in 0..MOST_LINKS {
            match self.slots.get(path)? {
                Slot::Stored(stored) => return Some(stored),
                Slot::Link(target) => path = target,
            }
        }
        None
    }
}

impl Store {
    /// An OCI layout in a directory.
    pub(crate) fn directory(root: &Path) -> Self {
        Store {
            place: root.display().to_string(),
            form: Form::Directory(root.to_owned()),
            problems: Vec::new(),
            read: Arc::default(),
        }
    }

    /// An image of a registry or another depot.
    pub(crate) fn remote(place: String, remote: Remote) -> Self {
        Store { place, form: Form::Registry(remote), problems: Vec::new(), read: Arc::default() }
    }

    /// Is each document a question over the network, and will be answered? Then only what is chosen is read.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(&self.form, Form::Registry(remote) if remote.has_all())
    }

    /// The same store with nothing read yet.
    pub(crate) fn fresh(&self) -> Self {
        Store { read: Arc::default(), ..self.clone() }
    }

    /// An archive in a file, indexed by one walk over its headers.
    pub(crate) fn archive(path: &Path) -> Result<Self, Error> {
        let place = path.display().to_string();
        let read = |source| Error::Read { place: place.clone(), thing: "the archive".into(), source };
        let (file, _) = open_regular(path).map_err(read)?;
        match look(&mut &file).map_err(read)? {
            Look::Tar => {}
            Look::Compressed(_) => return Err(Error::Compressed { place }),
            Look::Json | Look::Other => {
                return Err(Error::NotAnImage { place, detail: "it is no tar archive".into() });
            }
            Look::Empty => return Err(Error::NotAnImage { place, detail: "it is empty".into() }),
        }
        let file = Arc::new(file);
        let mut members = Members::new(FileTape::new(Arc::clone(&file)).map_err(read)?);
        let mut index = Index::default();
        let mut problems = Vec::new();
        loop {
            match members.next() {
                Ok(None) => break,
                Ok(Some(member)) => {
                    let slot = match member.kind {
                        MemberKind::File => {
                            let content = Content::Part { file: Arc::clone(&file), offset: member.offset };
                            Slot::Stored(Stored { size: member.size, content })
                        }
                        MemberKind::Link(target) => Slot::Link(target),
                        MemberKind::Other => continue,
                    };
                    index.add(&place, member.path, slot)?;
                }
                Err(broken) => {
                    problems.push(archive_problem(&place, broken));
                    break;
                }
            }
        }
        Ok(Store { place, form: Form::Archive(index), problems, read: Arc::default() })
    }

    /// What a stream left behind.
    pub(crate) fn streamed(place: String, index: Index, problems: Vec<Problem>) -> Self {
        Store { place, form: Form::Archive(index), problems, read: Arc::default() }
    }

    /// Is there something of this name?
    pub(crate) fn has(&self, name: &str) -> bool {
        !matches!(self.find(&ImagePath::from(name)).content, Content::Absent)
    }

    /// Is there something of this digest?
    pub(crate) fn has_blob(&self, digest: &Digest) -> bool {
        if let Form::Registry(remote) = &self.form {
            return remote.has(digest);
        }
        !matches!(self.blob(digest).content, Content::Absent)
    }

    /// The blob of this digest (image-layout.md, "Blobs"). The path is made from checked parts only.
    pub(crate) fn blob(&self, digest: &Digest) -> Stored {
        self.find(&blob_path(digest))
    }

    /// The layer that a manifest describes.
    pub(crate) fn layer(&self, layer: &Descriptor) -> Stored {
        match &self.form {
            // Layers that must not be passed on are with their publisher, not with the registry.
            Form::Registry(_) if !layer.urls.is_empty() => Stored::absent(layer.size),
            Form::Registry(remote) => {
                Stored { size: layer.size, content: Content::Remote(remote.layer(&layer.digest, layer.size)) }
            }
            _ => self.blob(&layer.digest),
        }
    }

    /// The content of this name.
    pub(crate) fn find(&self, path: &ImagePath) -> Stored {
        match &self.form {
            Form::Registry(remote) => match remote.file(path.as_bytes()) {
                Some(bytes) => Stored { size: bytes.len() as u64, content: Content::Kept(bytes) },
                None => Stored::absent(0),
            },
            Form::Archive(index) => index.find(path).cloned().unwrap_or_else(|| Stored::absent(0)),
            Form::Directory(root) => {
                let Ok(name) = str::from_utf8(path.as_bytes()) else { return Stored::absent(0) };
                let path = root.join(name);
                match std::fs::metadata(&path) {
                    Ok(metadata) => Stored { size: metadata.len(), content: Content::File(path) },
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Stored::absent(0),
                    // Let opening it say what is wrong.
                    Err(_) => Stored { size: 0, content: Content::File(path) },
                }
            }
        }
    }

    /// Fails unless the document that describes the images is there.
    pub(crate) fn require(&self, name: &str) -> Result<(), Error> {
        if self.has(name) {
            return Ok(());
        }
        Err(match self.problems.first() {
            Some(problem) => Error::Invalid {
                place: self.place.clone(),
                thing: format!("what comes before `{name}`"),
                detail: problem.detail.clone(),
            },
            None => Error::NotAnImage {
                place: self.place.clone(),
                detail: format!("it has no `{name}` at its top"),
            },
        })
    }

    /// The whole of a small document.
    pub(crate) fn document(&self, stored: &Stored, thing: &str) -> Result<Vec<u8>, Error> {
        let limit = || Error::Limit {
            place: self.place.clone(),
            thing: thing.to_owned(),
            limit: format!("{LARGEST_DOCUMENT} bytes"),
        };
        match stored.content {
            Content::Absent => {
                return Err(Error::Missing { place: self.place.clone(), thing: thing.to_owned() });
            }
            Content::NotKept if stored.size > LARGEST_DOCUMENT => return Err(limit()),
            Content::NotKept | Content::Passed(_) => {
                return Err(Error::Invalid {
                    place: self.place.clone(),
                    thing: thing.to_owned(),
                    detail: "it is no JSON document".into(),
                });
            }
            _ => {}
        }
        let mut bytes = Vec::new();
        stored
            .open()
            .and_then(|reader| reader.take(LARGEST_DOCUMENT + 1).read_to_end(&mut bytes))
            .map_err(|source| Error::Read { place: self.place.clone(), thing: thing.to_owned(), source })?;
        if bytes.len() as u64 > LARGEST_DOCUMENT {
            return Err(limit());
        }
        self.count(bytes.len() as u64)?;
        Ok(bytes)
    }

    /// A small index can name one large document ten thousand times.
    fn count(&self, bytes: u64) -> Result<(), Error> {
        let read = self.read.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if read > MOST_DOCUMENT_BYTES {
            return Err(Error::Limit {
                place: self.place.clone(),
                thing: "the size of all documents".into(),
                limit: format!("{MOST_DOCUMENT_BYTES} bytes"),
            });
        }
        Ok(())
    }

    /// The document of this digest, checked against it.
    pub(crate) fn verified(&self, digest: &Digest, kind: Kind) -> Result<Vec<u8>, Error> {
        if let Form::Registry(remote) = &self.form {
            let bytes = remote.verified(digest, kind)?;
            self.count(bytes.len() as u64)?;
            return Ok(bytes.to_vec());
        }
        let thing = format!("{} `{digest}`", kind.name());
        let bytes = self.document(&self.blob(digest), &thing)?;
        self.verify(digest, &bytes, &thing)?;
        Ok(bytes)
    }

    /// Fails unless the content has this digest.
    pub(crate) fn verify(&self, expected: &Digest, bytes: &[u8], thing: &str) -> Result<(), Error> {
        let Some(actual) = digest_of(expected.algorithm(), bytes) else {
            return Err(Error::Invalid {
                place: self.place.clone(),
                thing: thing.to_owned(),
                detail: format!("{} proves nothing", expected.algorithm().name()),
            });
        };
        if actual == *expected {
            return Ok(());
        }
        Err(Error::DigestMismatch {
            place: self.place.clone(),
            thing: thing.to_owned(),
            expected: expected.clone(),
            actual,
        })
    }

    /// A document as JSON.
    pub(crate) fn parse<T: serde::de::DeserializeOwned>(
        &self,
        bytes: &[u8],
        thing: &str,
    ) -> Result<T, Error> {
        serde_json::from_slice(bytes).map_err(|source| Error::Json {
            place: self.place.clone(),
            thing: thing.to_owned(),
            source,
        })
    }
}

/// Where a layout keeps the content of a digest.
pub(crate) fn blob_path(digest: &Digest) -> ImagePath {
    ImagePath::from(format!("blobs/{}/{}", digest.algorithm().name(), digest.hex()).as_str())
}

/// The digest that a layout's path promises; `None` for other paths.
pub(crate) fn promised_digest(path: &ImagePath) -> Option<Digest> {
    let text = str::from_utf8(path.as_bytes()).ok()?;
    let (algorithm, hex) = text.strip_prefix("blobs/")?.split_once('/')?;
    Digest::parse(&format!("{algorithm}:{hex}")).ok()
}

/// The digest of content; `None` for algorithms that prove nothing.
pub(crate) fn digest_of(algorithm: Algorithm, bytes: &[u8]) -> Option<Digest> {
    match algorithm {
        Algorithm::Sha1 => None,
        Algorithm::Sha256 => Digest::from_bytes(algorithm, Sha256::digest(bytes).as_slice()),
        Algorithm::Sha512 => Digest::from_bytes(algorithm, Sha512::digest(bytes).as_slice()),
    }
}

/// An archive that breaks off still shows what came before.
pub(crate) fn archive_problem(place: &str, broken: Broken) -> Problem {
    let (kind, detail) = match broken {
        Broken::Truncated(detail) => (ProblemKind::Truncated, format!("the archive is cut off: {detail}")),
        Broken::Corrupt(detail) => (ProblemKind::Corrupt, format!("the archive is broken: {detail}")),
        Broken::Limit(detail) => (ProblemKind::LimitExceeded, format!("the archive has {detail}")),
        Broken::Io(error) => {
            (ProblemKind::Unreadable, format!("the archive cannot be read further: {error}"))
        }
    };
    Problem::incomplete(kind, place, detail)
}
