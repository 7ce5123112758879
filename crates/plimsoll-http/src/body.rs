//! The content of an answer, read piece by piece against a limit.

use std::io::{self, Read};
use std::time::Duration;

use crate::error::{Cause, chain, plain};
use crate::{Error, Url};

/// The content of an answer. Its errors are [`Error`]s inside [`io::Error`]s: see [`Error::inside`].
///
/// A connection that ends before the length that was announced is an error, never an end.
pub struct Body {
    url: Url,
    inner: Box<dyn Read + Send>,
    left: u64,
    limit: u64,
    idle_timeout: Duration,
    /// What went wrong: a reader that goes on nevertheless must not meet what looks like an end.
    failed: Option<Error>,
}

impl Body {
    pub(crate) fn new(url: Url, inner: Box<dyn Read + Send>, limit: u64, idle_timeout: Duration) -> Self {
        Body { url, inner, left: limit, limit, idle_timeout, failed: None }
    }

    fn fail(&mut self, error: Error) -> io::Error {
        self.failed = Some(error.clone());
        error.into_io()
    }

    fn failure(&mut self, error: &io::Error) -> io::Error {
        let links = chain(error);
        let timed_out = error.kind() == io::ErrorKind::TimedOut
            || links
                .iter()
                .any(|link| link.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout));
        if timed_out {
            return self.fail(Error::Timeout { url: self.url.clone(), after: self.idle_timeout });
        }
        let cause = links.last().map_or_else(|| error.to_string(), ToString::to_string);
        self.fail(Error::Cut { url: self.url.clone(), source: Cause(plain(&cause)) })
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let Some(error) = &self.failed {
            return Err(error.clone().into_io());
        }
        if self.left == 0 {
            // Whether there is more shows only in trying.
            return match self.inner.read(&mut [0]) {
                Ok(0) => Ok(0),
                Ok(_) => Err(self.fail(Error::TooLarge { url: self.url.clone(), limit: self.limit })),
                Err(error) => Err(self.failure(&error)),
            };
        }
        let longest = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        match self.inner.read(&mut buffer[..longest]) {
            Ok(count) => {
                self.left -= count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.failure(&error)),
        }
    }
}

impl Error {
    /// The error as readers return it.
    pub fn into_io(self) -> io::Error {
        let kind = match &self {
            Error::Timeout { .. } => io::ErrorKind::TimedOut,
            Error::Cut { .. } => io::ErrorKind::ConnectionAborted,
            Error::TooLarge { .. } => io::ErrorKind::FileTooLarge,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, self)
    }

    /// The error that a reader of this crate returned.
    pub fn inside(error: &io::Error) -> Option<&Error> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }
}
