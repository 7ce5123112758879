//! containerd's images: its services for namespaces, images and content (containerd API 1.x), over gRPC.
//!
//! gRPC is messages with five bytes in front, over HTTP/2; the few messages that are needed are written and read here.
//! Documents and layers come from the content store by their digest, and are checked like those of a registry.

use std::io::{self, Read};
use std::sync::Arc;

use plimsoll_http::{Body, Client, Method, Request, Response, Url};
use plimsoll_model::{Digest, Origin, Via};

use super::protobuf::{Value, fields, put_text};
use super::{Address, Daemons, LARGEST_LIST, check_name, near};
use crate::error::plain;
use crate::registry::{Depot, Kind, Remote};
use crate::store::{LARGEST_DOCUMENT, Store, digest_of};
use crate::{Error, Form, Reference, Source};

/// Largest message in bytes; containerd cuts content into pieces of 1 MiB.
const LARGEST_MESSAGE: u64 = 16 * 1024 * 1024;
/// Namespaces that are asked before all others, by who fills them: `ctr` and nerdctl, Kubernetes, Docker.
const FIRST: [&str; 3] = ["default", "k8s.io", "moby"];
/// Most namespaces that are asked.
const MOST_NAMESPACES: usize = 100;
/// Not found (gRPC, "Status codes").
const NOT_FOUND: &str = "5";

impl Daemons {
    /// The image that containerd has under this name, in the first namespace that knows it.
    ///
    /// # Errors
    /// As [`Daemons::image`].
    pub fn containerd(&self, name: &str) -> Result<(Source, Origin), Error> {
        check_name(name)?;
        let via = Via::Containerd;
        let (address, mut settings) = self.reach(via)?;
        let Address::Socket(path) = &address else {
            let detail = "containerd is reached by a socket of this machine only".to_owned();
            return Err(Error::NoDaemon {
                via,
                tried: vec![format!("`{address}`: {detail}")],
                absent: false,
            });
        };
        settings.unix_socket = Some(path.clone());
        settings.http2 = true;
        let server = Server { place: address.to_string(), client: Client::new(settings) };
        let namespaces = match &self.0.variables.containerd_namespace {
            Some(namespace) => vec![namespace.clone()],
            None => server.namespaces()?,
        };
        // containerd knows whole names only.
        let whole = Reference::parse(name).ok().map(|reference| reference.to_string());
        let names: Vec<&str> =
            [Some(name), whole.as_deref().filter(|whole| *whole != name)].into_iter().flatten().collect();
        for namespace in &namespaces {
            for name in &names {
                if let Some(target) = server.image(namespace, name)? {
                    let content = Content {
                        place: format!("{}, namespace {}", server.place, plain(namespace)),
                        server: server.clone(),
                        namespace: namespace.clone(),
                    };
                    return Ok(content.opened(name, &target));
                }
            }
        }
        let mut known = Vec::new();
        for namespace in &namespaces {
            known.extend(server.names(namespace)?);
        }
        let (place, kind) = (server.place.clone(), "image");
        Err(Error::NotInDaemon { via, place, kind, name: name.to_owned(), near: near(name, &known) })
    }
}

/// What an image's name leads to.
struct Target {
    media_type: String,
    digest: Digest,
    size: u64,
}

#[derive(Clone, Debug)]
struct Server {
    place: String,
    client: Client,
}

impl Server {
    fn invalid(&self, thing: &str, detail: impl std::fmt::Display) -> Error {
        Error::Invalid { place: self.place.clone(), thing: thing.to_owned(), detail: detail.to_string() }
    }

    /// Sends one message; `None` where the answer is "not found".
    fn call(
        &self,
        method: &str,
        namespace: Option<&str>,
        message: &[u8],
        thing: &str,
    ) -> Result<Option<Response>, Error> {
        let network = |source| Error::Network {
            place: self.place.clone(),
            thing: thing.to_owned(),
            source: Box::new(source),
        };
        let url = Url::parse(&format!("http://localhost/containerd.services.{method}")).map_err(network)?;
        let length = u32::try_from(message.len()).map_err(|_| self.invalid(thing, "its name is too long"))?;
        let framed = [&[0], length.to_be_bytes().as_slice(), message].concat();
        let mut request = Request::new(Method::Post, url)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(framed);
        if let Some(namespace) = namespace {
            request = request.header("containerd-namespace", namespace);
        }
        let response = self.client.send(&request).and_then(Response::success).map_err(network)?;
        // A refusal has its status among the headers: there is no content that trailers could follow.
        match response.header("grpc-status") {
            None | Some("0") => Ok(Some(response)),
            Some(NOT_FOUND) => Ok(None),
            Some(status) => {
                let message = response.header("grpc-message").unwrap_or_default();
                Err(self.invalid(
                    thing,
                    format!("containerd refused (gRPC status {}): {}", plain(status), plain(message)),
                ))
            }
        }
    }

    /// The one message of an answer.
    fn message(&self, response: Response, limit: u64, thing: &str) -> Result<Vec<u8>, Error> {
        Frames { body: response.body(limit + 5), limit }
            .next()
            .and_then(|message| message.ok_or_else(|| io::ErrorKind::UnexpectedEof.into()))
            .map_err(|source| Error::Read { place: self.place.clone(), thing: thing.to_owned(), source })
    }

    /// All namespaces, the usual ones first.
    fn namespaces(&self) -> Result<Vec<String>, Error> {
        let thing = "the list of namespaces";
        let Some(response) = self.call("namespaces.v1.Namespaces/List", None, &[], thing)? else {
            return Ok(Vec::new());
        };
        let message = self.message(response, LARGEST_MESSAGE, thing)?;
        let mut names = texts(&message, &[1, 1]).map_err(|broken| self.invalid(thing, broken))?;
        names.sort_by_key(|name| {
            let place = FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len());
            (place, name.clone())
        });
        names.truncate(MOST_NAMESPACES);
        Ok(names)
    }

    fn image(&self, namespace: &str, name: &str) -> Result<Option<Target>, Error> {
        let thing = format!("the image `{name}`");
        let mut request = Vec::new();
        put_text(&mut request, 1, name);
        let Some(response) = self.call("images.v1.Images/Get", Some(namespace), &request, &thing)? else {
            return Ok(None);
        };
        let message = self.message(response, LARGEST_MESSAGE, &thing)?;
        target(&message)
            .ok_or_else(|| self.invalid(&thing, "containerd does not say where it leads"))
            .map(Some)
    }

    fn names(&self, namespace: &str) -> Result<Vec<String>, Error> {
        let thing = "the list of images";
        let Some(response) = self.call("images.v1.Images/List", Some(namespace), &[], thing)? else {
            return Ok(Vec::new());
        };
        let message = self.message(response, LARGEST_LIST, thing)?;
        texts(&message, &[1, 1]).map_err(|broken| self.invalid(thing, broken))
    }
}

/// The texts at the end of a path of field numbers.
fn texts(message: &[u8], path: &[u64]) -> Result<Vec<String>, super::protobuf::Broken> {
    let mut messages = vec![message];
    for number in path {
        let mut inner = Vec::new();
        for message in messages {
            for field in fields(message) {
                if let (found, Value::Bytes(bytes)) = field?
                    && found == *number
                {
                    inner.push(bytes);
                }
            }
        }
        messages = inner;
    }
    Ok(messages.into_iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect())
}

/// The last field of this number that is a message or text.
fn bytes(message: &[u8], number: u64) -> Option<&[u8]> {
    let mut found = None;
    for field in fields(message) {
        if let (there, Value::Bytes(bytes)) = field.ok()?
            && there == number
        {
            found = Some(bytes);
        }
    }
    found
}

/// `GetImageResponse`: the image's target, a descriptor.
fn target(message: &[u8]) -> Option<Target> {
    let descriptor = bytes(bytes(message, 1)?, 3)?;
    let text = |number| Some(str::from_utf8(bytes(descriptor, number)?).ok()?.to_owned());
    let size = fields(descriptor).filter_map(Result::ok).find_map(|field| match field {
        (3, Value::Number(size)) => Some(size),
        _ => None,
    });
    Some(Target { media_type: text(1)?, digest: Digest::parse(&text(2)?).ok()?, size: size.unwrap_or(0) })
}

/// The content store, as one namespace sees it.
#[derive(Clone, Debug)]
struct Content {
    place: String,
    server: Server,
    namespace: String,
}

impl Content {
    fn opened(self, name: &str, target: &Target) -> (Source, Origin) {
        let origin = Origin::new(Via::Containerd, self.place.clone());
        let index = serde_json::json!({
            "schemaVersion": 2,
            "manifests": [{
                "mediaType": target.media_type,
                "digest": target.digest.to_string(),
                "size": target.size,
                "annotations": { "org.opencontainers.image.ref.name": name },
            }],
        });
        let place = self.place.clone();
        let remote = Remote::of(Arc::new(self), index.to_string().into_bytes().into());
        (Source { store: Store::remote(place, remote), form: Form::Oci }, origin)
    }

    /// Content from its beginning; `None` where it is not stored.
    fn read(&self, digest: &Digest, size: u64, thing: &str) -> Result<Option<Pieces>, Error> {
        let mut request = Vec::new();
        put_text(&mut request, 1, &digest.to_string());
        let response = self.server.call("content.v1.Content/Read", Some(&self.namespace), &request, thing)?;
        // Each piece has a few bytes in front; an answer without end is cut off here.
        let limit = size.saturating_add(size / 16).saturating_add(LARGEST_MESSAGE);
        Ok(response.map(|response| Pieces {
            frames: Frames { body: response.body(limit), limit: LARGEST_MESSAGE },
            piece: Vec::new(),
            position: 0,
        }))
    }

    fn missing(&self, thing: &str) -> Error {
        Error::Missing { place: self.place.clone(), thing: thing.to_owned() }
    }
}

impl Depot for Content {
    fn has(&self, digest: &Digest) -> bool {
        let mut request = Vec::new();
        put_text(&mut request, 1, &digest.to_string());
        let answer =
            self.server.call("content.v1.Content/Info", Some(&self.namespace), &request, "the content");
        // Whether it can be had shows in reading it; only "not found" is an answer here.
        !matches!(answer, Ok(None))
    }

    fn has_all(&self) -> bool {
        false
    }

    fn document(&self, digest: &Digest, kind: Kind) -> Result<Arc<[u8]>, Error> {
        let thing = format!("{} `{digest}`", kind.name());
        let Some(mut pieces) = self.read(digest, LARGEST_DOCUMENT, &thing)? else {
            return Err(self.missing(&thing));
        };
        let mut document = Vec::new();
        (&mut pieces)
            .take(LARGEST_DOCUMENT + 1)
            .read_to_end(&mut document)
            .map_err(|source| Error::Read { place: self.place.clone(), thing: thing.clone(), source })?;
        if document.len() as u64 > LARGEST_DOCUMENT {
            let limit = format!("{LARGEST_DOCUMENT} bytes");
            return Err(Error::Limit { place: self.place.clone(), thing, limit });
        }
        match digest_of(digest.algorithm(), &document) {
            Some(actual) if actual == *digest => Ok(document.into()),
            Some(actual) => {
                let (place, expected) = (self.place.clone(), digest.clone());
                Err(Error::DigestMismatch { place, thing, expected, actual })
            }
            None => Err(self.server.invalid(&thing, "its digest proves nothing")),
        }
    }

    fn open(&self, digest: &Digest, size: u64) -> io::Result<Box<dyn Read + Send>> {
        match self.read(digest, size, "the layer") {
            Ok(Some(pieces)) => Ok(Box::new(pieces)),
            Ok(None) => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "containerd has not kept this layer (discard_unpacked_layers), or never fetched it",
            )),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

/// The messages of an answer.
struct Frames {
    body: Body,
    /// Largest message in bytes.
    limit: u64,
}

impl Frames {
    /// `None` at the end.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut head = Vec::new();
        (&mut self.body).take(5).read_to_end(&mut head)?;
        if head.is_empty() {
            return Ok(None);
        }
        let Some((&[compressed, a, b, c, d], _)) = head.split_first_chunk() else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let length = u64::from(u32::from_be_bytes([a, b, c, d]));
        if compressed != 0 || length > self.limit {
            let detail = "containerd sent a message that is compressed or too large";
            return Err(io::Error::new(io::ErrorKind::InvalidData, detail));
        }
        let mut message = Vec::new();
        (&mut self.body).take(length).read_to_end(&mut message)?;
        if message.len() as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(message))
    }
}

/// Content that comes in pieces, as one reader. Whether all of it came shows in its digest.
struct Pieces {
    frames: Frames,
    /// `ReadContentResponse.data`.
    piece: Vec<u8>,
    position: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.position == self.piece.len() {
            let Some(message) = self.frames.next()? else { return Ok(0) };
            let mut data = &[] as &[u8];
            for field in fields(&message) {
                let field =
                    field.map_err(|broken| io::Error::new(io::ErrorKind::InvalidData, broken.to_string()))?;
                if let (2, Value::Bytes(bytes)) = field {
                    data = bytes;
                }
            }
            self.piece = data.to_vec();
            self.position = 0;
        }
        let rest = &self.piece[self.position..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.position += count;
        Ok(count)
    }
}

/// For the fuzzer: any bytes as an answer about an image and as a list.
pub(super) fn fuzz(data: &[u8]) {
    super::protobuf::fuzz(data);
    let _ = target(data);
    let _ = texts(data, &[1, 1]);
}
