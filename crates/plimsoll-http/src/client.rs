//! Sending a request: the right client for the host, redirects, attempts.

use std::io::Read as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::blocking;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::error::{plain, translate};
use crate::retry::{Waits, is_temporary, retry_after};
use crate::{Body, Error, Method, Proxies, Request, Secret, Settings, Url, Validators, tls};

/// Slowest upload in bytes per second before it counts as silence.
const SLOWEST_UPLOAD: u64 = 32 * 1024;
/// Most bytes of a refusal that are read.
const LONGEST_REFUSAL: u64 = 4 * 1024;
/// What a proxy may speak.
const PROXY_SCHEMES: [&str; 4] = ["http://", "https://", "socks5://", "socks5h://"];
/// Hosts that no proxy can reach for us.
const THIS_MACHINE: &str = "localhost,127.0.0.0/8,::1";

/// Sends requests. Cheap to make and to clone: connections and certificates come with the first request, and are shared.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    settings: Settings,
    waits: Waits,
    checked: OnceLock<Result<blocking::Client, Error>>,
    unchecked: OnceLock<Result<blocking::Client, Error>>,
    /// Shows no certificate: for hosts that were not asked but redirected to.
    nameless: OnceLock<Result<blocking::Client, Error>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Client").field(&self.0.settings).finish()
    }
}

impl Client {
    /// A client that does nothing yet.
    pub fn new(settings: Settings) -> Self {
        let waits = Waits::new(settings.retries, settings.seed);
        let (checked, unchecked, nameless) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Client(Arc::new(Inner { settings, waits, checked, unchecked, nameless }))
    }

    /// What it was made from.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Sends a request and waits for the head of the answer, of any status. Follows redirects; tries again when the
    /// failure or the status is a passing one and the request may be repeated.
    ///
    /// # Errors
    /// When no answer came. A refusal is an answer: see [`Response::success`].
    pub fn send(&self, request: &Request) -> Result<Response, Error> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let outcome = self.follow(request);
            let asked = match &outcome {
                Ok(response) if is_temporary(response.status) => response.retry_after(),
                Err(error) if error.is_temporary() => None,
                _ => return outcome,
            };
            let wait = if request.repeatable { self.0.waits.before(attempt, asked) } else { None };
            match wait {
                Some(wait) if self.sleep(wait) => {}
                _ => return outcome,
            }
        }
    }

    /// Waits before a further attempt at something larger than a request; `false` to give up.
    pub(crate) fn wait(&self, attempt: u32) -> bool {
        match self.0.waits.before(attempt, None) {
            Some(wait) => self.sleep(wait),
            None => false,
        }
    }

    /// Waits, unless that is longer than there is time.
    fn sleep(&self, wait: Duration) -> bool {
        let settings = &self.0.settings;
        let in_time = settings.until.is_none_or(|until| settings.clock.now() + wait < until);
        if in_time {
            settings.clock.sleep(wait);
        }
        in_time
    }

    fn follow(&self, request: &Request) -> Result<Response, Error> {
        let mut hop = request.clone();
        let mut foreign = false;
        for _ in 0..=self.0.settings.redirects {
            let response = self.once(&hop, foreign)?;
            let keeps = match response.status {
                307 | 308 => true,
                301 | 302 => matches!(hop.method, Method::Get | Method::Head),
                303 => false,
                _ => return Ok(response),
            };
            let Some(location) = response.header("location") else { return Ok(response) };
            let refuse = |detail: String| Error::Redirect { url: hop.url.clone(), detail };
            let target = hop.url.join(location).map_err(|error| refuse(format!("nowhere: {error}")))?;
            if hop.url.is_https() && !target.is_https() && !target.is_one_of(&self.0.settings.insecure_hosts)
            {
                return Err(refuse(format!("to `{target}`, which is not secured by TLS")));
            }
            if !keeps {
                if !matches!(hop.method, Method::Get | Method::Head) && response.status != 303 {
                    return Ok(response);
                }
                if hop.method != Method::Head {
                    hop.method = Method::Get;
                }
                hop.body = None;
            }
            if !target.same_origin(&hop.url) {
                hop.authorization = None;
                foreign = true;
            }
            hop.url = target;
        }
        Err(Error::Redirect {
            url: request.url.clone(),
            detail: format!("more than {} times", self.0.settings.redirects),
        })
    }

    /// One request, one answer.
    fn once(&self, request: &Request, foreign: bool) -> Result<Response, Error> {
        let settings = &self.0.settings;
        let client = if request.url.is_one_of(&settings.insecure_hosts) {
            self.0.unchecked.get_or_init(|| build(settings, false))
        } else if foreign && settings.identity.is_some() {
            self.0.nameless.get_or_init(|| build(&Settings { identity: None, ..settings.clone() }, true))
        } else {
            self.0.checked.get_or_init(|| build(settings, true))
        };
        let client = client.as_ref().map_err(Clone::clone)?;
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            headers.append(HeaderName::from_static(name), header_value(&request.url, name, value)?);
        }
        if let Some(Secret(secret)) = &request.authorization {
            let mut value = header_value(&request.url, "authorization", secret)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let mut idle = settings.idle_timeout;
        let mut builder =
            client.request(request.method.name(), reqwest::Url::clone(&request.url.0)).headers(headers);
        if let Some(body) = &request.body {
            idle += Duration::from_secs(body.len() as u64 / SLOWEST_UPLOAD);
            builder = builder.body(body.to_vec()).timeout(idle);
        }
        let inner = builder
            .send()
            .map_err(|error| translate(&request.url, error, (settings.connect_timeout, idle)))?;
        let asked = inner.headers().get("retry-after").and_then(|value| value.to_str().ok());
        Ok(Response {
            url: request.url.clone(),
            status: inner.status().as_u16(),
            retry_after: asked.and_then(|value| retry_after(value, settings.clock.now())),
            idle_timeout: idle,
            foreign,
            inner,
        })
    }
}

/// A header that comes from outside may hold what no header may.
fn header_value(url: &Url, name: &str, value: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(value).map_err(|_| Error::Setting {
        what: format!("the header `{name}` for `{url}`"),
        detail: "it holds characters that no header may hold".into(),
    })
}

fn build(settings: &Settings, check: bool) -> Result<blocking::Client, Error> {
    let mut builder = blocking::Client::builder()
        .user_agent(settings.user_agent.as_str())
        .tls_backend_preconfigured(tls::configuration(&settings.roots, settings.identity.as_ref(), check)?)
        // Redirects and attempts are ours: the library's would neither be counted nor drop what we drop.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.idle_timeout);
    builder = if settings.http2 { builder.http2_prior_knowledge() } else { builder.http1_only() };
    for proxy in proxies(&settings.proxies)? {
        builder = builder.proxy(proxy);
    }
    for (host, address) in &settings.addresses {
        builder = builder.resolve(host, *address);
    }
    if let Some(path) = &settings.unix_socket {
        builder = builder.unix_socket(path.clone());
    }
    builder.build().map_err(|error| Error::Setting {
        what: "the setting of the network".into(),
        detail: plain(&error.without_url().to_string()),
    })
}

fn proxies(proxies: &Proxies) -> Result<Vec<reqwest::Proxy>, Error> {
    let own = if proxies.this_machine { "" } else { THIS_MACHINE };
    let except = format!("{own},{}", proxies.except.as_deref().unwrap_or_default());
    let except = reqwest::NoProxy::from_string(&except);
    type Make = fn(&str) -> reqwest::Result<reqwest::Proxy>;
    let wanted: [(&str, &Option<String>, Make); 3] = [
        ("HTTP_PROXY", &proxies.http, |address| reqwest::Proxy::http(address)),
        ("HTTPS_PROXY", &proxies.https, |address| reqwest::Proxy::https(address)),
        ("ALL_PROXY", &proxies.all, |address| reqwest::Proxy::all(address)),
    ];
    let mut made = Vec::new();
    for (name, address, make) in wanted {
        let Some(address) = address.as_deref().filter(|address| !address.is_empty()) else { continue };
        let wrong = || Error::Setting {
            what: format!("the proxy of `{name}`"),
            // Neither the address nor what is said of it: it may hold a password.
            detail: "it is no address of a proxy".into(),
        };
        // `proxy.example:3128` is what many write.
        let address = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        if !PROXY_SCHEMES.iter().any(|scheme| address.starts_with(scheme)) {
            return Err(wrong());
        }
        made.push(make(&address).map_err(|_| wrong())?.no_proxy(except.clone()));
    }
    Ok(made)
}

/// The head of an answer; its body is still to be read.
pub struct Response {
    url: Url,
    status: u16,
    retry_after: Option<Duration>,
    idle_timeout: Duration,
    /// Another host than the one that was asked gave it.
    foreign: bool,
    inner: blocking::Response,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Response")
            .field("url", &self.url)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Response {
    /// Address that answered, after redirects.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first header of this name, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    /// All headers of this name that are text.
    pub fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.inner.headers().get_all(name).into_iter().filter_map(|value| value.to_str().ok())
    }

    /// Length of the body, where it is announced.
    pub fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// What the server says to recognise this state by.
    pub fn validators(&self) -> Validators {
        let text = |name| self.header(name).map(ToOwned::to_owned);
        Validators { etag: text("etag"), last_modified: text("last-modified") }
    }

    /// How long the server asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Rate limits that the server tells, as `ratelimit-remaining: 0;w=21600`, with a comma between.
    pub fn rate_limit(&self) -> Option<String> {
        const NAMES: [&str; 6] = [
            "ratelimit-limit",
            "ratelimit-remaining",
            "ratelimit-reset",
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
        ];
        let told: Vec<String> = NAMES
            .iter()
            .filter_map(|name| self.header(name).map(|value| format!("{name}: {}", plain(value))))
            .collect();
        (!told.is_empty()).then(|| told.join(", "))
    }

    /// The answer itself when its status is 2xx or 304; otherwise the refusal as an error.
    pub fn success(self) -> Result<Response, Error> {
        if matches!(self.status, 200..=299 | 304) { Ok(self) } else { Err(self.refusal()) }
    }

    /// The answer as an error, with the beginning of what the server said.
    pub fn refusal(mut self) -> Error {
        let mut said = Vec::new();
        // What another host says is not shown: a redirect must not make us read out a neighbour's answers.
        if !self.foreign {
            let _ = (&mut self.inner).take(LONGEST_REFUSAL).read_to_end(&mut said);
        }
        Error::Status {
            detail: plain(&String::from_utf8_lossy(&said)),
            rate_limit: self.rate_limit(),
            retry_after: self.retry_after,
            status: self.status,
            url: self.url,
        }
    }

    /// A reader of the body.
    ///
    /// # Errors
    /// Reading more than `limit` bytes is an error, as is the end of the connection before the announced length.
    pub fn body(self, limit: u64) -> Body {
        Body::new(self.url, Box::new(self.inner), limit, self.idle_timeout)
    }

    /// All of the body. A length over the limit is refused before anything is read.
    pub fn bytes(self, limit: u64) -> Result<Vec<u8>, Error> {
        let url = self.url.clone();
        if self.length().is_some_and(|length| length > limit) {
            return Err(Error::TooLarge { url, limit });
        }
        let mut bytes = Vec::new();
        match self.body(limit).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(match Error::inside(&error) {
                Some(inside) => inside.clone(),
                None => Error::Cut { url, source: crate::Cause(plain(&error.to_string())) },
            }),
        }
    }
}
