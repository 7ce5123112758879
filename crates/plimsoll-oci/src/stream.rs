//! Archives that can only be read once, from front to back: standard input, and files compressed as a whole.

use std::io::{self, Read};
use std::sync::Arc;

use plimsoll_model::{Digest, ImagePath};

use crate::content::{Compression, Look, first_block, look_at};
use crate::members::{Broken, Kind, Members, StreamTape};
use crate::store::{Content, Index, LARGEST_DOCUMENT, Slot, Store, Stored, archive_problem, promised_digest};
use crate::{Error, Form, Source};

/// Most bytes of documents that are kept until the end.
const MOST_KEPT: u64 = 64 * 1024 * 1024;
/// Largest window of zstd that is accepted, as a power of two: 128 MiB, what `zstd --long` uses.
const LARGEST_WINDOW: u32 = 27;

/// A member of the archive that may be a layer.
#[derive(Clone, Copy, Debug)]
pub struct BlobHeader<'a> {
    /// Number of the blob in this stream, from 0; see [`crate::Blob::number`].
    pub number: u32,
    /// Name of the member.
    pub name: &'a ImagePath,
    /// The digest that the name promises, in an OCI layout. Nobody has checked it.
    pub digest: Option<&'a Digest>,
    /// Size as stored, in bytes.
    pub size: u64,
}

/// Reads an archive, open or compressed with gzip or zstd, once. Nothing is written to disk.
///
/// Which members are layers of the wanted image is known only at the end, since `docker save` and others write
/// `manifest.json` last. So `on_blob` gets every member that can be a layer, in order of arrival, and the source that
/// is returned then says which of them, in which order, make up an image ([`crate::Blob::number`]). What `on_blob` does
/// not read is skipped. Where the archive breaks off inside a blob, its reader fails with `UnexpectedEof`; `on_blob`
/// should note that as its own problem and return `Ok`.
///
/// `form` says how images are described; without it, by `index.json` where there is one: it alone names manifests and
/// the digests of compressed layers.
///
/// # Errors
/// When `on_blob` fails, when the input is no archive, or when a limit is exceeded.
pub fn stream(
    place: &str,
    form: Option<Form>,
    mut reader: impl Read,
    on_blob: &mut dyn FnMut(BlobHeader<'_>, &mut dyn Read) -> io::Result<()>,
) -> Result<Source, Error> {
    let read = |source| Error::Read { place: place.to_owned(), thing: "the archive".into(), source };
    let block = first_block(&mut reader).map_err(read)?;
    let whole = io::Cursor::new(&block).chain(&mut reader);
    let no_archive =
        |detail: &str| Err(Error::NotAnImage { place: place.to_owned(), detail: detail.to_owned() });
    match look_at(&block) {
        Look::Tar => walk(place, form, whole, on_blob),
        Look::Compressed(Compression::Gzip) => {
            let whole = io::BufReader::with_capacity(128 * 1024, whole);
            walk(place, form, flate2::bufread::MultiGzDecoder::new(whole), on_blob)
        }
        Look::Compressed(Compression::Zstd) => {
            let mut decoder = zstd::stream::read::Decoder::new(whole).map_err(read)?;
            decoder.window_log_max(LARGEST_WINDOW).map_err(read)?;
            walk(place, form, decoder, on_blob)
        }
        Look::Compressed(Compression::Foreign(name)) => Err(Error::Unsupported {
            place: place.to_owned(),
            detail: format!(
                "the archive is compressed with {name}; give it open, or compressed with gzip or zstd"
            ),
        }),
        Look::Json | Look::Other => no_archive("it is no tar archive"),
        Look::Empty => no_archive("it is empty"),
    }
}

fn walk(
    place: &str,
    form: Option<Form>,
    reader: impl Read,
    on_blob: &mut dyn FnMut(BlobHeader<'_>, &mut dyn Read) -> io::Result<()>,
) -> Result<Source, Error> {
    let mut members = Members::new(StreamTape::new(reader));
    let mut index = Index::default();
    let mut problems = Vec::new();
    let mut kept = 0;
    let mut number = 0;
    loop {
        let member = match members.next() {
            Ok(Some(member)) => member,
            Ok(None) => break,
            Err(broken) => {
                problems.push(archive_problem(place, broken));
                break;
            }
        };
        let slot = match member.kind {
            Kind::Other => continue,
            Kind::Link(target) => Slot::Link(target),
            Kind::File => {
                let mut content = members.content();
                let block = match first_block(&mut content) {
                    Ok(block) => block,
                    Err(error) => {
                        problems.push(archive_problem(place, Broken::from(error)));
                        break;
                    }
                };
                let stored = match look_at(&block) {
                    Look::Tar | Look::Compressed(_) => {
                        let digest = promised_digest(&member.path);
                        let header = BlobHeader {
                            number,
                            name: &member.path,
                            digest: digest.as_ref(),
                            size: member.size,
                        };
                        on_blob(header, &mut io::Cursor::new(block).chain(content)).map_err(|source| {
                            Error::Read {
                                place: place.to_owned(),
                                thing: format!("`{}`", member.path),
                                source,
                            }
                        })?;
                        number += 1;
                        Content::Passed(number - 1)
                    }
                    Look::Json | Look::Empty
                        if member.size <= LARGEST_DOCUMENT && kept + member.size <= MOST_KEPT =>
                    {
                        kept += member.size;
                        let mut bytes = block;
                        if let Err(error) = content.read_to_end(&mut bytes) {
                            problems.push(archive_problem(place, Broken::from(error)));
                            break;
                        }
                        Content::Kept(Arc::from(bytes))
                    }
                    Look::Json | Look::Empty | Look::Other => Content::NotKept,
                };
                Slot::Stored(Stored { size: member.size, content: stored })
            }
        };
        index.add(place, member.path, slot)?;
    }
    let store = Store::streamed(place.to_owned(), index, problems);
    let form = form.unwrap_or(if store.has("index.json") { Form::Oci } else { Form::Docker });
    Ok(Source { store, form })
}
