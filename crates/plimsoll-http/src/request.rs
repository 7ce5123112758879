//! What is asked.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Url;

/// What is done with the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Read it.
    Get,
    /// Read its head only.
    Head,
    /// Store it.
    Put,
    /// Send to it.
    Post,
    /// Change a part.
    Patch,
    /// Remove it.
    Delete,
}

impl Method {
    pub(crate) fn name(self) -> reqwest::Method {
        match self {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Put => reqwest::Method::PUT,
            Method::Post => reqwest::Method::POST,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        }
    }

    /// Doing it twice is doing it once (RFC 9110, section 9.2.2).
    fn is_idempotent(self) -> bool {
        !matches!(self, Method::Post | Method::Patch)
    }
}

/// The value of an `Authorization` header. Never shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(pub(crate) String);

impl Secret {
    /// User and password (RFC 7617).
    pub fn basic(user: &str, password: &str) -> Self {
        Secret(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
    }

    /// A token (RFC 6750).
    pub fn bearer(token: &str) -> Self {
        Secret(format!("Bearer {token}"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// What a server says to recognise the state of a content by, to be kept for the next request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`, as it was sent.
    pub last_modified: Option<String>,
}

impl Validators {
    /// What an `If-Range` may say (RFC 9110, section 13.1.5): weak tags do not promise the same bytes.
    pub(crate) fn strong(&self) -> Option<&str> {
        match &self.etag {
            Some(etag) => Some(etag.as_str()).filter(|etag| !etag.starts_with("W/")),
            None => self.last_modified.as_deref(),
        }
    }
}

/// The rest of a content from a byte on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// First byte, counted from 0.
    pub start: u64,
    /// Only if the content is still this one; otherwise all of it.
    pub unless_changed: Option<String>,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) authorization: Option<Secret>,
    pub(crate) body: Option<Arc<[u8]>>,
    pub(crate) repeatable: bool,
}

impl Request {
    /// A request. What is idempotent is tried again when it fails for a passing reason.
    pub fn new(method: Method, url: Url) -> Self {
        let repeatable = method.is_idempotent();
        Request { method, url, headers: Vec::new(), authorization: None, body: None, repeatable }
    }

    /// Reads an address.
    pub fn get(url: Url) -> Self {
        Request::new(Method::Get, url)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Credentials. They are not sent to another scheme, host or port that this one redirects to.
    #[must_use]
    pub fn authorize(mut self, secret: Option<Secret>) -> Self {
        self.authorization = secret;
        self
    }

    /// Content to send.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Arc<[u8]>>) -> Self {
        self.body = Some(bytes.into());
        self
    }

    /// Fields of a form as content (WHATWG URL, `application/x-www-form-urlencoded`).
    #[must_use]
    pub fn form(self, pairs: &[(&str, &str)]) -> Self {
        let mut encoder = self.url.empty_query();
        encoder.query_pairs_mut().extend_pairs(pairs);
        let text = encoder.query().unwrap_or_default().as_bytes().to_vec();
        self.header("content-type", "application/x-www-form-urlencoded").body(text)
    }

    /// May it be tried again although it is not idempotent by its method, or must it not although it is?
    #[must_use]
    pub fn repeatable(mut self, repeatable: bool) -> Self {
        self.repeatable = repeatable;
        self
    }

    /// Only if it changed since: otherwise the answer is 304 (RFC 9110, section 13.1).
    #[must_use]
    pub fn unless(self, known: &Validators) -> Self {
        let request = match &known.etag {
            Some(etag) => self.header("if-none-match", etag),
            None => self,
        };
        match &known.last_modified {
            Some(date) => request.header("if-modified-since", date),
            None => request,
        }
    }

    /// Only the rest.
    #[must_use]
    pub fn range(self, range: &Range) -> Self {
        let request = self.header("range", format!("bytes={}-", range.start));
        match &range.unless_changed {
            Some(validator) => request.header("if-range", validator),
            None => request,
        }
    }
}
