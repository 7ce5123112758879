//! Downloads that go on where the connection broke off.

use std::io::{self, Read};

use crate::{Body, Client, Error, Range, Request, Response, Url, Validators};

/// Most interruptions of one download that are overcome, however much came between them.
const MOST_INTERRUPTIONS: u32 = 100;

/// Asks for a content, or for the rest of it; once for every interruption.
pub type Open = dyn FnMut(Option<&Range>) -> Result<Response, Error> + Send;

/// A content that is being downloaded. To the reader it is one piece: a cut is overcome by asking for the rest, and what
/// cannot be overcome is an error. The end is the end of the whole content.
pub struct Download {
    client: Client,
    open: Box<Open>,
    body: Option<Body>,
    url: Url,
    known: Validators,
    /// The content cannot become another: it is named by its digest, which the reader checks.
    immutable: bool,
    position: u64,
    length: Option<u64>,
    limit: u64,
    /// Attempts since the last byte.
    failures: u32,
    interruptions: u32,
}

enum Failed {
    Passing(io::Error),
    Finally(io::Error),
}

impl Client {
    /// Downloads what a request answers. The rest after a cut is only taken if the server can tell that it belongs to
    /// the same content (a strong `ETag`, or a date).
    pub fn download(&self, request: Request, limit: u64) -> Result<Download, Error> {
        let client = self.clone();
        let open = move |range: Option<&Range>| match range {
            Some(range) => client.send(&request.clone().range(range)),
            None => client.send(&request),
        };
        self.download_by(Box::new(open), false, limit)
    }

    /// Downloads by a function that sends the request, for instance with credentials that may have run out since.
    /// `immutable` contents, whose digest the reader checks, need no sign of the server that they stayed the same.
    pub fn download_by(&self, mut open: Box<Open>, immutable: bool, limit: u64) -> Result<Download, Error> {
        let response = open(None)?.success()?;
        if response.status() != 200 {
            return Err(response.refusal());
        }
        Ok(self.resume_by(response, open, immutable, limit))
    }

    /// The content whose head has been read already; `open` is asked for the rest after a cut.
    pub fn resume_by(&self, response: Response, open: Box<Open>, immutable: bool, limit: u64) -> Download {
        Download {
            client: self.clone(),
            open,
            url: response.url().clone(),
            known: response.validators(),
            immutable,
            position: 0,
            length: response.length(),
            limit,
            failures: 0,
            interruptions: 0,
            body: Some(response.body(limit)),
        }
    }
}

impl Download {
    /// Length of the content in bytes, where it was announced.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// What the server says to recognise this state by.
    pub fn validators(&self) -> &Validators {
        &self.known
    }

    /// How often the connection broke off so far.
    pub fn interruptions(&self) -> u32 {
        self.interruptions
    }

    fn changed(&self, detail: impl Into<String>) -> io::Error {
        Error::Changed { url: self.url.clone(), detail: detail.into() }.into_io()
    }

    /// Asks for what is missing. What the request itself could not overcome is final: it has been tried often enough.
    fn reopen(&mut self) -> Result<Body, Failed> {
        let range = (self.position > 0).then(|| Range {
            start: self.position,
            unless_changed: if self.immutable { None } else { self.known.strong().map(ToOwned::to_owned) },
        });
        let can_tell = self.immutable || self.known.strong().is_some();
        if range.is_some() && !can_tell {
            return Err(Failed::Finally(self.changed(
                "the connection broke off, and the server cannot tell whether it is still the same",
            )));
        }
        let response = (self.open)(range.as_ref()).map_err(|error| Failed::Finally(error.into_io()))?;
        let limit = self.limit.saturating_sub(self.position);
        match (response.status(), &range) {
            (206, Some(range)) => {
                let said = response.header("content-range").unwrap_or_default();
                let Some((start, length)) = content_range(said) else {
                    return Err(Failed::Finally(self.changed("a part came without saying which")));
                };
                if start != range.start
                    || (self.length.is_some() && length.is_some() && length != self.length)
                {
                    return Err(Failed::Finally(self.changed("another part came than was asked for")));
                }
                self.length = self.length.or(length);
                Ok(response.body(limit))
            }
            (200, _) => {
                if !self.immutable
                    && self.position > 0
                    && response.validators().strong() != self.known.strong()
                {
                    return Err(Failed::Finally(self.changed("it is another one now")));
                }
                if response.length().is_some() && self.length.is_some() && response.length() != self.length {
                    return Err(Failed::Finally(self.changed("its length is another one now")));
                }
                // The server gives all or nothing: pass what is already there.
                let mut body = response.body(self.limit);
                let passed = io::copy(&mut (&mut body).take(self.position), &mut io::sink())
                    .map_err(Failed::Passing)?;
                if passed < self.position {
                    return Err(Failed::Finally(self.changed("it is shorter now")));
                }
                Ok(body)
            }
            (416, _) => Err(Failed::Finally(self.changed("it is shorter now"))),
            _ => Err(Failed::Finally(response.refusal().into_io())),
        }
    }

    /// Counts an interruption; waits, or gives up with its error.
    fn interrupted(&mut self, error: io::Error) -> io::Result<()> {
        self.body = None;
        let passing = Error::inside(&error).is_some_and(Error::is_temporary);
        self.failures += 1;
        self.interruptions += 1;
        if !passing || self.interruptions > MOST_INTERRUPTIONS || !self.client.wait(self.failures) {
            return Err(error);
        }
        Ok(())
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(body) = &mut self.body else {
                match self.reopen() {
                    Ok(body) => self.body = Some(body),
                    Err(Failed::Passing(error)) => self.interrupted(error)?,
                    Err(Failed::Finally(error)) => return Err(error),
                }
                continue;
            };
            match body.read(buffer) {
                Ok(0) => match self.length {
                    Some(length) if self.position < length => {
                        let source = crate::Cause(format!("{} of {length} bytes came", self.position));
                        self.interrupted(Error::Cut { url: self.url.clone(), source }.into_io())?;
                    }
                    _ => return Ok(0),
                },
                Ok(count) => {
                    self.position += count as u64;
                    self.failures = 0;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                Err(error) => self.interrupted(error)?,
            }
        }
    }
}

/// First byte and whole length of `Content-Range: bytes 5-9/10` (RFC 9110, section 14.4).
pub(crate) fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, length) = value.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end): (u64, u64) = (start.trim().parse().ok()?, end.trim().parse().ok()?);
    let length = match length.trim() {
        "*" => None,
        length => Some(length.parse().ok()?),
    };
    (start <= end && length.is_none_or(|length| end < length)).then_some((start, length))
}
