//! Addresses that can be shown.

use std::fmt;
use std::sync::Arc;

use crate::Error;

/// Longest address in bytes. Signed addresses of object stores have a few thousand.
const LONGEST: usize = 16 * 1024;

/// An `http:` or `https:` address.
///
/// It may hold secrets: a password, or a signature in its query. `Display` and `Debug` leave both out.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url(pub(crate) Arc<reqwest::Url>);

impl Url {
    /// Parses an absolute address.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::check(text, reqwest::Url::parse(Self::bounded(text)?))
    }

    /// What a reference in a document or header of this address leads to (RFC 3986, section 5).
    pub fn join(&self, reference: &str) -> Result<Self, Error> {
        Self::check(reference, self.0.join(Self::bounded(reference)?))
    }

    fn bounded(text: &str) -> Result<&str, Error> {
        if text.len() > LONGEST {
            return Err(Error::Url {
                text: shown(text),
                detail: format!("it is longer than {LONGEST} bytes"),
            });
        }
        Ok(text)
    }

    fn check<E: fmt::Display>(text: &str, result: Result<reqwest::Url, E>) -> Result<Self, Error> {
        let error = |detail: String| Error::Url { text: shown(text), detail };
        let mut url = result.map_err(|cause| error(cause.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(error("only `http:` and `https:` addresses are understood".into()));
        }
        url.set_fragment(None);
        Ok(Url(Arc::new(url)))
    }

    /// Host: a name, an IPv4 address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Port, also where it is the usual one.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }

    /// Is it read through TLS?
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Path, with its escapes.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// Same scheme, host and port: credentials for one are meant for the other.
    pub fn same_origin(&self, other: &Url) -> bool {
        self.0.scheme() == other.0.scheme() && self.host() == other.host() && self.port() == other.port()
    }

    /// The same address with these pairs in its query, beside those that are there.
    #[must_use]
    pub fn with_query(&self, pairs: &[(&str, &str)]) -> Url {
        let mut url = reqwest::Url::clone(&self.0);
        url.query_pairs_mut().extend_pairs(pairs);
        Url(Arc::new(url))
    }

    /// To write pairs into.
    pub(crate) fn empty_query(&self) -> reqwest::Url {
        let mut url = reqwest::Url::clone(&self.0);
        url.set_query(None);
        url
    }

    /// All of it, secrets included: to send or store, not to show.
    pub fn with_secrets(&self) -> &str {
        self.0.as_str()
    }

    /// Does an entry of [`crate::Settings::insecure_hosts`] mean it? `host` or `host:port`.
    pub(crate) fn is_one_of(&self, hosts: &[String]) -> bool {
        let with_port = format!("{}:{}", self.host(), self.port());
        hosts.iter().any(|host| {
            host.eq_ignore_ascii_case(self.host())
                || host.eq_ignore_ascii_case(&with_port)
                || host.eq_ignore_ascii_case(self.host().trim_matches(['[', ']']))
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.0.scheme(), self.host())?;
        if let Some(port) = self.0.port() {
            write!(formatter, ":{port}")?;
        }
        formatter.write_str(self.path())?;
        if self.0.query().is_some() { formatter.write_str("?…") } else { Ok(()) }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Url({self})")
    }
}

/// What can be shown of a text that is no address: neither what stands before an `@` nor a query.
fn shown(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let text = match (text.split_once("//"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}//…@{rest}"),
        (None, Some((_, rest))) => format!("…@{rest}"),
        _ => text.to_owned(),
    };
    crate::error::plain(&text)
}
