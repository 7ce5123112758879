//! Why a request failed.

use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use crate::Url;

/// What lies beneath, in the words of the layer where it happened. Holds no address and no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause(pub String);

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Cause {}

/// Why a request failed. Messages name the address without its query and without credentials.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No address.
    #[error("`{text}` is no address: {detail}")]
    Url {
        /// What was given, without secrets.
        text: String,
        /// What is wrong.
        detail: String,
    },
    /// A setting of the client is wrong.
    #[error("{what} is wrong: {detail}")]
    Setting {
        /// Which one.
        what: String,
        /// What is wrong.
        detail: String,
    },
    /// A file of certificates cannot be used.
    #[error("cannot use the certificates of `{}`", .path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The name of the host has no address.
    #[error("the name `{host}` cannot be resolved")]
    Resolve {
        /// The host.
        host: String,
        /// What the resolver said.
        #[source]
        source: Cause,
    },
    /// Nobody answers there.
    #[error("cannot connect to `{host}:{port}`")]
    Connect {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The certificate was issued by an authority that is not trusted.
    #[error("the certificate of `{host}` was issued by an authority that is not trusted")]
    UnknownIssuer {
        /// The host.
        host: String,
    },
    /// The certificate is wrong in another way: expired, for another name.
    #[error("the certificate of `{host}` is not valid: {detail}")]
    Certificate {
        /// The host.
        host: String,
        /// What is wrong.
        detail: String,
    },
    /// The server speaks no TLS.
    #[error("`{host}:{port}` does not speak TLS")]
    NotTls {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// TLS failed in another way.
    #[error("TLS with `{host}` failed")]
    Tls {
        /// The host.
        host: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// Silence for too long.
    #[error("no answer from `{url}` for {} s", .after.as_secs_f32())]
    Timeout {
        /// The address.
        url: Url,
        /// How long was waited.
        after: Duration,
    },
    /// The connection broke off.
    #[error("the connection broke off while reading `{url}`")]
    Cut {
        /// The address.
        url: Url,
        /// What the connection said.
        #[source]
        source: Cause,
    },
    /// The server sent more than fits.
    #[error("`{url}` is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The address.
        url: Url,
        /// The limit in bytes.
        limit: u64,
    },
    /// A redirect that is not followed.
    #[error("`{url}` redirects {detail}")]
    Redirect {
        /// The address.
        url: Url,
        /// Where, and why not.
        detail: String,
    },
    /// The content became another while it was downloaded, or the server answers a part with another part.
    #[error("`{url}` changed while it was downloaded: {detail}")]
    Changed {
        /// The address.
        url: Url,
        /// How it shows.
        detail: String,
    },
    /// The server refused.
    #[error("`{url}` answered {}", refusal(*.status, .detail, .rate_limit.as_deref(), *.retry_after))]
    Status {
        /// The address.
        url: Url,
        /// HTTP status.
        status: u16,
        /// Beginning of what the server said about it, on one line.
        detail: String,
        /// Rate limits that the server told, as `ratelimit-remaining: 0;w=21600`.
        rate_limit: Option<String>,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
}

impl Error {
    /// May the same request work in a moment?
    pub fn is_temporary(&self) -> bool {
        match self {
            Error::Connect { .. } | Error::Timeout { .. } | Error::Cut { .. } => true,
            Error::Resolve { source, .. } => source.0.contains("emporary"),
            Error::Status { status, .. } => crate::retry::is_temporary(*status),
            _ => false,
        }
    }

    /// HTTP status, where there is one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Error::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

fn refusal(status: u16, detail: &str, rate_limit: Option<&str>, retry_after: Option<Duration>) -> String {
    let mut text = match reqwest::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()) {
        Some(reason) => format!("{status} {reason}"),
        None => status.to_string(),
    };
    if !detail.is_empty() {
        text.push_str(": ");
        text.push_str(detail);
    }
    if let Some(wait) = retry_after {
        let _ = write!(text, " (asks to wait {} s)", wait.as_secs());
    }
    if let Some(limit) = rate_limit {
        let _ = write!(text, " ({limit})");
    }
    text
}

/// What the network said, as an error of ours shows it.
pub(crate) fn plain(text: &str) -> String {
    bounded(text, 300)
}

/// Text from outside on one line: control characters become spaces, and of more than `longest` characters the rest is cut.
pub fn bounded(text: &str, longest: usize) -> String {
    let mut shown: String = text
        .chars()
        .take(longest)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    if text.chars().nth(longest).is_some() {
        shown.push('…');
    }
    shown.trim().to_owned()
}

/// What the library says, in our words.
pub(crate) fn translate(url: &Url, error: reqwest::Error, timeouts: (Duration, Duration)) -> Error {
    let error = error.without_url();
    let (host, port) = (url.host().to_owned(), url.port());
    let links = chain(&error);
    let deepest = Cause(plain(&links.last().map_or_else(|| error.to_string(), ToString::to_string)));
    if let Some(tls) = links.iter().find_map(|link| link.downcast_ref::<rustls::Error>()) {
        use rustls::{CertificateError, InvalidMessage};
        return match tls {
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                Error::UnknownIssuer { host }
            }
            rustls::Error::InvalidCertificate(detail) => {
                Error::Certificate { host, detail: plain(&detail.to_string()) }
            }
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Error::NotTls { host, port },
            // Authorities are read when a server is first checked: what is wrong with them comes this way.
            rustls::Error::Other(other) if let Some(own) = other.0.downcast_ref::<Error>() => own.clone(),
            other => Error::Tls { host, source: Cause(plain(&other.to_string())) },
        };
    }
    if links.iter().any(|link| link.to_string().starts_with("dns error")) {
        return Error::Resolve { host, source: deepest };
    }
    let io_timeout = links.iter().any(|link| {
        link.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut)
    });
    if error.is_timeout() || io_timeout {
        let after = if error.is_connect() { timeouts.0 } else { timeouts.1 };
        return Error::Timeout { url: url.clone(), after };
    }
    if error.is_connect() {
        return Error::Connect { host, port, source: deepest };
    }
    if error.is_builder() {
        return Error::Setting { what: format!("the request for `{url}`"), detail: deepest.0 };
    }
    Error::Cut { url: url.clone(), source: deepest }
}

/// An error and all beneath it. I/O errors hide what they wrap from `source`.
pub(crate) fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Vec<&'a (dyn std::error::Error + 'static)> {
    /// More than any library stacks up.
    const DEEPEST: usize = 32;
    let mut links = Vec::new();
    let mut next = Some(error);
    while let Some(link) = next {
        links.push(link);
        if links.len() == DEEPEST {
            break;
        }
        let wrapped = link.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner as &(dyn std::error::Error + 'static)),
            None => link.source(),
        };
    }
    links
}
