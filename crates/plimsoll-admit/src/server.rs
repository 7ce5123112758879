//! The webhook as a server: HTTPS in, answers out.
//!
//! Everything that comes in is bounded: bodies, all bodies together, connections, the time that a handshake or a head may
//! take. Whatever fails inside is answered as a refusal, never as a broken connection that somebody's `failurePolicy` might
//! take for "let it through".

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use plimsoll_scan::policy::Mode;
use rustls::ServerConfig;
use serde_json_borrow::Value;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::Clock;
use crate::engine::{Engine, Hook, Step};
use crate::event::Log;
use crate::evidence::Flight;
use crate::metrics;
use crate::push::{self, Pushes};
use crate::review::{Answer, Code, Review, ReviewError};

/// Largest body in bytes. Objects in the API server are at most 3 MiB in a request, and a review holds two.
const LARGEST_BODY: usize = 8 << 20;
/// Bytes of all bodies that are held at a time, in KiB.
const ALL_BODIES_KIB: usize = 64 << 10;
/// Most connections at a time.
const MOST_CONNECTIONS: usize = 2_000;
/// How long a handshake, or the head of a request, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The API server gives up at its time; we answer so long before it.
const MARGIN: Duration = Duration::from_millis(700);

/// What serving needs to know.
#[derive(Clone)]
pub struct Settings {
    /// How long a review may wait for evidence, at most; less where the API server says that it waits less.
    pub budget: Duration,
    /// Seconds since 1970.
    pub now: Clock,
    /// Takes the lines of the log.
    pub log: Arc<dyn Log>,
    /// How long requests are still answered after the end was asked for, while others learn that we are going.
    pub linger: Duration,
    /// Whose pushes are looked at; `None`: nobody can tell of any.
    pub pushes: Option<Arc<Pushes>>,
}

/// A server that runs.
pub struct Server {
    engine: Arc<Engine>,
    settings: Settings,
    ready: AtomicBool,
    bodies: Semaphore,
}

impl Server {
    /// Ready to run.
    pub fn new(engine: Arc<Engine>, settings: Settings) -> Arc<Self> {
        Arc::new(Server {
            engine,
            settings,
            ready: AtomicBool::new(true),
            bodies: Semaphore::new(ALL_BODIES_KIB),
        })
    }

    /// Serves until `stop` becomes true, then answers what is under way.
    ///
    /// # Errors
    /// Never for what a client does.
    pub async fn run(
        self: &Arc<Self>,
        listener: TcpListener,
        tls: Arc<ServerConfig>,
        mut stop: watch::Receiver<bool>,
    ) -> std::io::Result<()> {
        let graceful = Arc::new(GracefulShutdown::new());
        let accepting = tokio::spawn(self.clone().accept(listener, tls, graceful.clone()));
        // A sender that is gone asks for the end as well.
        let _ = stop.wait_for(|stop| *stop).await;
        self.ready.store(false, Relaxed);
        // Who balances the load learns from readiness that we are going; until then new connections still come.
        tokio::time::sleep(self.settings.linger).await;
        accepting.abort();
        let _ = accepting.await;
        if let Ok(graceful) = Arc::try_unwrap(graceful) {
            let _ = tokio::time::timeout(Duration::from_secs(15), graceful.shutdown()).await;
        }
        Ok(())
    }

    async fn accept(
        self: Arc<Self>,
        listener: TcpListener,
        tls: Arc<ServerConfig>,
        graceful: Arc<GracefulShutdown>,
    ) {
        let acceptor = TlsAcceptor::from(tls);
        let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        loop {
            let Ok(permit) = connections.clone().acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else {
                // Out of file handles, most often: some will be given back.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let _ = stream.set_nodelay(true);
            let (server, acceptor, watcher) = (self.clone(), acceptor.clone(), graceful.watcher());
            tokio::spawn(async move {
                let _permit = permit;
                let shaken = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await;
                let Ok(Ok(stream)) = shaken else {
                    server.engine.metrics.handshakes_failed.fetch_add(1, Relaxed);
                    return;
                };
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let service = {
                    let server = server.clone();
                    service_fn(move |request| {
                        let server = server.clone();
                        async move { Ok::<_, Infallible>(server.answer(request).await) }
                    })
                };
                let stream = TokioIo::new(stream);
                // A connection that breaks is its client's affair.
                if http2 {
                    let mut http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    http.timer(TokioTimer::new())
                        .max_concurrent_streams(250)
                        .max_header_list_size(64 << 10)
                        .keep_alive_interval(Some(Duration::from_mins(1)));
                    let _ = watcher.watch(http.serve_connection(stream, service)).await;
                } else {
                    let mut http = hyper::server::conn::http1::Builder::new();
                    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(64 << 10);
                    let _ = watcher.watch(http.serve_connection(stream, service)).await;
                }
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let hook = match (request.method(), request.uri().path()) {
            (&Method::POST, "/validate") => Hook::Validate,
            (&Method::POST, "/mutate") => Hook::Mutate,
            (&Method::GET | &Method::HEAD, "/healthz" | "/livez") => return text(StatusCode::OK, "ok\n"),
            (&Method::GET | &Method::HEAD, "/readyz") => {
                return if self.ready.load(Relaxed) {
                    text(StatusCode::OK, "ok\n")
                } else {
                    text(StatusCode::SERVICE_UNAVAILABLE, "ending\n")
                };
            }
            (&Method::GET, "/metrics") => return text(StatusCode::OK, &metrics::write(&self.engine)),
            (&Method::POST, "/push") if self.settings.pushes.is_some() => return self.pushed(request).await,
            _ => {
                return text(
                    StatusCode::NOT_FOUND,
                    "there are /validate, /mutate, /healthz, /readyz and /metrics\n",
                );
            }
        };
        let since = Instant::now();
        let wait = timeout(request.uri().query()).unwrap_or(Duration::from_secs(10));
        let budget = self.settings.budget.min(wait.saturating_sub(MARGIN));
        let Some(permits) = permits(&request, LARGEST_BODY) else {
            return text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n");
        };
        let Ok(Ok(_room)) = tokio::time::timeout(budget, self.bodies.acquire_many(permits)).await else {
            return text(StatusCode::SERVICE_UNAVAILABLE, "too much is asked at a time\n");
        };
        let Some(body) = whole(request, LARGEST_BODY).await else {
            return text(StatusCode::BAD_REQUEST, "the body could not be read\n");
        };
        let response = match self.review(hook, &body, since + budget).await {
            Ok(answer) => {
                let counts = &self.engine.metrics;
                let counter = match &answer.refused {
                    None => &counts.allowed,
                    Some((Code::TryAgain, _)) => &counts.try_again,
                    Some(_) => &counts.refused,
                };
                counter.fetch_add(1, Relaxed);
                let answer = answer.to_json();
                if hook == Hook::Validate {
                    self.settings.log.review(&body, &answer, (self.settings.now)());
                }
                json(answer)
            }
            Err(error) => {
                self.engine.metrics.malformed.fetch_add(1, Relaxed);
                text(StatusCode::BAD_REQUEST, &format!("{}\n", crate::review::clean(&error.to_string(), 300)))
            }
        };
        self.engine.metrics.took.add(since.elapsed());
        response
    }

    /// Takes what a registry tells of pushes. It asks again until it is answered well: what is told well is answered so, whatever
    /// comes of it.
    async fn pushed(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let Some(pushes) = &self.settings.pushes else { return text(StatusCode::NOT_FOUND, "") };
        let refused = |status, why: &str| {
            self.engine.metrics.pushes_refused.fetch_add(1, Relaxed);
            text(status, why)
        };
        // Before anything of the body is read.
        let header = request.headers().get(hyper::header::AUTHORIZATION);
        if !pushes.knows(header.map(hyper::header::HeaderValue::as_bytes)) {
            return refused(StatusCode::UNAUTHORIZED, "this is for registries that know the secret\n");
        }
        let Some(permits) = permits(&request, push::LARGEST) else {
            return refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n");
        };
        // Reviews go before: a registry comes again.
        let Ok(_room) = self.bodies.try_acquire_many(permits) else {
            return refused(StatusCode::SERVICE_UNAVAILABLE, "too much is asked at a time\n");
        };
        let Some(body) = whole(request, push::LARGEST).await else {
            return refused(StatusCode::BAD_REQUEST, "the body could not be read\n");
        };
        let taken = catch_unwind(AssertUnwindSafe(|| pushes.take(&self.engine, &body)));
        match taken {
            Ok(Ok(told)) => {
                let push::Told { taken, passed, dropped } = told;
                text(StatusCode::OK, &format!("{taken} taken, {passed} passed over, {dropped} dropped\n"))
            }
            Ok(Err(reason)) => {
                let reason = crate::review::clean(&reason, 300);
                refused(StatusCode::BAD_REQUEST, &format!("these are no events of a registry: {reason}\n"))
            }
            Err(_) => {
                self.engine.metrics.failures.fetch_add(1, Relaxed);
                text(StatusCode::INTERNAL_SERVER_ERROR, "the program failed; please report it\n")
            }
        }
    }

    /// Answers a review by a deadline.
    ///
    /// # Errors
    /// When it is none.
    pub async fn review(&self, hook: Hook, body: &[u8], deadline: Instant) -> Result<Answer, ReviewError> {
        let mut landed: Vec<Arc<Flight>> = Vec::new();
        // Each round waits for what the one before it asked for. There are rarely more than two: a tag, then its image. One in
        // which other rules came to hold does not count.
        let (mut round, mut waited) = (0, false);
        loop {
            let last = round == 3 || (waited && Instant::now() >= deadline);
            match self.step(hook, body, &landed, last)? {
                Step::Done(answer, event) => {
                    if let Some(event) = event
                        && let Ok(line) = serde_json::to_string(&event)
                    {
                        self.settings.log.line(&line);
                    }
                    return Ok(answer);
                }
                Step::Wait(_) if last => return Ok(self.failed(body)),
                Step::Wait(flights) => {
                    self.engine.metrics.waited.fetch_add(u64::from(!waited), Relaxed);
                    waited = true;
                    let left = deadline.saturating_duration_since(Instant::now());
                    let all = async {
                        for flight in &flights {
                            flight.wait().await;
                        }
                    };
                    let _ = tokio::time::timeout(left, all).await;
                    round += u32::from(!flights.iter().any(|flight| flight.is_void()));
                    landed.extend(flights);
                }
            }
        }
    }

    /// One step, in which nothing that fails is let through.
    fn step(&self, hook: Hook, body: &[u8], landed: &[Arc<Flight>], last: bool) -> Result<Step, ReviewError> {
        let now = (self.settings.now)();
        let done = catch_unwind(AssertUnwindSafe(|| self.engine.step(hook, body, now, landed, last)));
        done.unwrap_or_else(|_| Ok(Step::Done(self.failed(body), None)))
    }

    fn failed(&self, body: &[u8]) -> Answer {
        self.engine.metrics.failures.fetch_add(1, Relaxed);
        let uid = std::str::from_utf8(body)
            .ok()
            .and_then(|text| serde_json::from_str::<Value<'_>>(text).ok())
            .and_then(|value| Review::read(&value).ok().map(|review| review.uid.to_owned()))
            .unwrap_or_default();
        let message = "the program failed while it decided, and what is not decided is not let through; please report it";
        match self.engine.rules().mode {
            Mode::Enforce => Answer::refuse(&uid, Code::Failed, message),
            // A mode that refuses nothing refuses nothing.
            mode => {
                let mut answer = Answer::allow(&uid);
                answer.annotations.push(("decision", "failed".into()));
                if mode == Mode::Warn {
                    answer.warn(&format!("would be refused: {message}"));
                }
                answer
            }
        }
    }
}

/// What the API server says of how long it waits: `timeout=10s`.
fn timeout(query: Option<&str>) -> Option<Duration> {
    let value = query?.split('&').find_map(|pair| pair.strip_prefix("timeout="))?;
    let (number, unit) = match value.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (value.strip_suffix('s')?, 1_000),
    };
    Some(Duration::from_millis(number.parse::<u32>().ok()?.checked_mul(unit)?.into()))
}

/// What the body of a request takes of the room for bodies; `None` where it says that it is larger than it may be.
fn permits(request: &Request<Incoming>, largest: usize) -> Option<u32> {
    let size = request.body().size_hint().upper().unwrap_or(largest as u64);
    (size <= largest as u64).then(|| u32::try_from(size / 1024 + 1).unwrap_or(u32::MAX))
}

/// The body of a request; `None` where it does not come in time or is too large.
async fn whole(request: Request<Incoming>, largest: usize) -> Option<Bytes> {
    let body = Limited::new(request.into_body(), largest).collect();
    Some(tokio::time::timeout(PATIENCE, body).await.ok()?.ok()?.to_bytes())
}

fn text(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    respond(status, "text/plain; charset=utf-8", text.to_owned().into_bytes())
}

fn json(body: Vec<u8>) -> Response<Full<Bytes>> {
    respond(StatusCode::OK, "application/json", body)
}

fn respond(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

/// Listens at an address.
///
/// # Errors
/// When it is taken, or not ours.
pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_api_server_waits() {
        let check = |query, millis: Option<u64>| {
            assert_eq!(timeout(query), millis.map(Duration::from_millis), "{query:?}");
        };
        check(Some("timeout=10s"), Some(10_000));
        check(Some("a=b&timeout=500ms"), Some(500));
        check(Some("timeout=1m"), None);
        check(Some("timeout=-1s"), None);
        check(Some("timeout=99999999s"), None);
        check(None, None);
    }
}
