//! What the surroundings say, handed in by whoever started the program.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The only source of time. Tests hand in one that does not wait.
pub trait Clock: Send + Sync {
    /// Now: a `Retry-After` with a date is measured against it.
    fn now(&self) -> SystemTime;
    /// Waits between two attempts.
    fn sleep(&self, duration: Duration);
}

/// Proxies, as the variables of these names say (`http_proxy` and the like). Passwords in them are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// `HTTP_PROXY`: for `http:` addresses.
    pub http: Option<String>,
    /// `HTTPS_PROXY`: for `https:` addresses.
    pub https: Option<String>,
    /// `ALL_PROXY`: for what the others do not cover. `socks5:` and `socks5h:` are understood.
    pub all: Option<String>,
    /// `NO_PROXY`: hosts, domains and networks that are reached directly. This machine always is, unless it is asked for.
    pub except: Option<String>,
    /// This machine too is reached through the proxy: somebody named the proxy for this one address.
    pub this_machine: bool,
}

impl fmt::Debug for Proxies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = |proxy: &Option<String>| proxy.is_some();
        formatter
            .debug_struct("Proxies")
            .field("http", &set(&self.http))
            .field("https", &set(&self.https))
            .field("all", &set(&self.all))
            .field("except", &self.except)
            .field("this_machine", &self.this_machine)
            .finish()
    }
}

/// Something in PEM.
#[derive(Clone, PartialEq, Eq)]
pub enum Pem {
    /// A file.
    File(PathBuf),
    /// Its content: a configuration held it.
    Content {
        /// What it is called in errors.
        name: String,
        /// The bytes. Never shown: they may be a key.
        bytes: Arc<[u8]>,
    },
}

impl fmt::Debug for Pem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Pem").field(&self.name()).finish()
    }
}

impl Pem {
    /// What it is called in errors.
    pub fn name(&self) -> &Path {
        match self {
            Pem::File(path) => path,
            Pem::Content { name, .. } => Path::new(name),
        }
    }
}

/// Where the certificates of trusted authorities are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    /// Trusted instead of all others: a server with an authority of its own.
    pub only: Option<Pem>,
    /// `SSL_CERT_FILE`: a bundle in PEM, instead of the system's.
    pub file: Option<PathBuf>,
    /// `SSL_CERT_DIR`: a folder of PEM files, instead of the system's.
    pub folder: Option<PathBuf>,
    /// Further files, PEM or DER, trusted beside the others: a private authority, or the server's own certificate.
    pub extra: Vec<PathBuf>,
}

/// What proves to a server who we are (mutual TLS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, and those between it and its authority.
    pub certificate: Pem,
    /// Its private key.
    pub key: Pem,
}

/// How often and how long is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Attempts after the first one.
    pub attempts: u32,
    /// Wait before the second attempt; each further wait is twice as long, and all are shortened by chance to between
    /// half and whole, so that many clients do not come back at once.
    pub first: Duration,
    /// Longest wait of our own choice.
    pub longest: Duration,
    /// Longest `Retry-After` that is waited for. A server that asks for more is not asked again: the error says when.
    pub longest_asked: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Retries {
            attempts: 4,
            first: Duration::from_millis(500),
            longest: Duration::from_secs(15),
            longest_asked: Duration::from_mins(1),
        }
    }
}

/// How a [`crate::Client`] behaves.
#[derive(Clone)]
pub struct Settings {
    /// `plimsoll/0.1.0`.
    pub user_agent: String,
    /// Proxies.
    pub proxies: Proxies,
    /// Trusted authorities.
    pub roots: Roots,
    /// Shown to servers that ask for a certificate.
    pub identity: Option<Identity>,
    /// Hosts, as `host` or `host:port`, whose certificate is not checked and to which one may be redirected without TLS.
    pub insecure_hosts: Vec<String>,
    /// Where hosts are, instead of what the resolver says: a certificate's name for an address. The port is the URL's.
    pub addresses: Vec<(String, SocketAddr)>,
    /// A socket of this machine that all requests go through, whatever their host.
    pub unix_socket: Option<PathBuf>,
    /// Speak HTTP/2 from the first byte on, as gRPC does; otherwise HTTP/1.1 is spoken.
    pub http2: bool,
    /// Longest time until a connection stands.
    pub connect_timeout: Duration,
    /// Longest silence: until the head of an answer comes, and between two pieces of its body. There is no limit for
    /// the whole of a body, since it may be gigabytes.
    pub idle_timeout: Duration,
    /// Nothing is tried again after this time, and no wait goes beyond it.
    pub until: Option<SystemTime>,
    /// Most redirects of one request.
    pub redirects: u32,
    /// Attempts and waits.
    pub retries: Retries,
    /// Seed of the chance in waits.
    pub seed: u64,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Settings {
    /// The usual ones: no proxy, the system's authorities.
    pub fn new(user_agent: &str, seed: u64, clock: Arc<dyn Clock>) -> Self {
        Settings {
            user_agent: user_agent.to_owned(),
            proxies: Proxies::default(),
            roots: Roots::default(),
            identity: None,
            insecure_hosts: Vec::new(),
            addresses: Vec::new(),
            unix_socket: None,
            http2: false,
            connect_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_mins(1),
            until: None,
            redirects: 10,
            retries: Retries::default(),
            seed,
            clock,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("user_agent", &self.user_agent)
            .field("proxies", &self.proxies)
            .field("roots", &self.roots)
            .field("insecure_hosts", &self.insecure_hosts)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}
