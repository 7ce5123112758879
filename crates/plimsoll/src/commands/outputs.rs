//! Where alerts of a watch go beside its lines: syslog, a webhook, OpenTelemetry logs; and counts for Prometheus.
//!
//! Each has a thread and a queue of its own. A queue is bounded: what finds no room is counted and told, and never holds
//! up the watch.

#![cfg_attr(
    not(feature = "runtime"),
    allow(dead_code, reason = "without the sensor there is nothing to tell")
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use plimsoll_http::{Client, Method, Request, Url};
use plimsoll_runtime::rules::{Alert, Priority};
use plimsoll_scan::kube::{self, Access, Resource, Surroundings};
use serde_json::{Value, json};

use crate::network::Network;
use crate::print::{self, Failure, USAGE};

/// Alerts that wait for one output.
const QUEUE: usize = 1_000;
/// Alerts that are sent together where the form has room for many.
const TOGETHER: usize = 100;
/// How long one sending may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the end of a watch waits for its outputs.
const LAST: Duration = Duration::from_secs(5);
/// Bytes of a message of syslog: what receivers take at least is 480, most take 8,192 (RFC 5424, section 6.1).
const SYSLOG: usize = 8_000;
/// Rules that are counted apart.
const MOST_RULES: usize = 2_000;
/// Bytes of a request for counts.
const REQUEST: usize = 8_192;

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct OutputsArguments {
    /// Send alerts to syslog (RFC 5424) too: unix:PATH, udp:HOST:PORT or tcp:HOST:PORT
    #[arg(long, value_name = "ADDRESS", conflicts_with = "events", value_parser = syslog)]
    syslog: Option<Syslog>,

    /// Send each alert as JSON by POST to this address too
    #[arg(long, value_name = "URL", conflicts_with = "events", value_parser = url)]
    webhook: Option<Url>,

    /// Send alerts as OpenTelemetry logs (OTLP over HTTP, JSON) to this collector too, as in http://127.0.0.1:4318
    #[arg(long, value_name = "URL", conflicts_with = "events", value_parser = url)]
    otlp: Option<Url>,

    /// Write alerts as events of their pods too (Kubernetes): one for each kind of alert and container. The cluster is found as kubectl does, or from
    /// the pod's own account
    #[arg(long, conflicts_with = "events")]
    kubernetes_events: bool,

    /// Kubeconfig for --kubernetes-events
    #[arg(long, value_name = "FILE", requires = "kubernetes_events")]
    kubeconfig: Option<PathBuf>,

    /// Offer counts to Prometheus at this address, as in 127.0.0.1:9464: events, losses, alerts by rule, outputs
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
}

/// Where syslog is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Syslog {
    Unix(PathBuf),
    Udp(String),
    Tcp(String),
}

fn syslog(text: &str) -> Result<Syslog, String> {
    let port = |place: &str| {
        place.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    match text.split_once(':') {
        Some(("unix", path)) if !path.is_empty() => Ok(Syslog::Unix(PathBuf::from(path))),
        Some(("udp", place)) if port(place) => Ok(Syslog::Udp(place.to_owned())),
        Some(("tcp", place)) if port(place) => Ok(Syslog::Tcp(place.to_owned())),
        _ => Err("expected unix:PATH, udp:HOST:PORT or tcp:HOST:PORT".to_owned()),
    }
}

fn url(text: &str) -> Result<Url, String> {
    Url::parse(text).map_err(|error| plimsoll_model::one_line(&error))
}

/// All outputs of a watch.
#[derive(Default)]
pub(super) struct Outputs {
    queues: Vec<Queue>,
    counts: Option<Arc<Mutex<Counts>>>,
}

/// One output, seen from the watch.
struct Queue {
    name: &'static str,
    sender: Option<SyncSender<Arc<Alert>>>,
    state: Arc<State>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What became of the alerts of an output.
#[derive(Default)]
struct State {
    sent: AtomicU64,
    /// No room, or refused by the other end.
    lost: AtomicU64,
    /// Failures are told once, until something arrives again.
    failing: AtomicBool,
    /// The watch ends: what does not go through now is lost.
    ending: AtomicBool,
}

/// What is offered to Prometheus.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) events: u64,
    pub(super) lost_must: u64,
    pub(super) lost_may: u64,
    pub(super) unreadable: u64,
    pub(super) reloads: u64,
    pub(super) failed_reloads: u64,
    /// Programs of the sensor: whether the kernel took them.
    pub(super) programs: Vec<(&'static str, bool)>,
    alerts: BTreeMap<(String, &'static str), u64>,
    /// Alerts of rules beyond those that are counted apart.
    other_alerts: u64,
    outputs: Vec<(&'static str, u64, u64)>,
}

/// Sends alerts somewhere; how many of them arrived before it failed, and why.
type Send = Box<dyn FnMut(&[Arc<Alert>]) -> Result<(), (usize, anyhow::Error)> + std::marker::Send>;

impl Outputs {
    pub(super) fn open(
        arguments: &OutputsArguments,
        network: &Network,
        cluster: &Surroundings,
    ) -> Result<Self, Failure> {
        let mut outputs = Self::default();
        if let Some(to) = &arguments.syslog {
            outputs.add("syslog", 1, to_syslog(to.clone()));
        }
        let client = || {
            let mut settings = network.http(&[]);
            settings.connect_timeout = PATIENCE;
            settings.idle_timeout = PATIENCE;
            settings.retries.attempts = 2;
            settings.retries.longest = Duration::from_secs(1);
            settings.retries.longest_asked = Duration::from_secs(2);
            settings.redirects = 0;
            Client::new(settings)
        };
        if let Some(url) = &arguments.webhook {
            outputs.add(
                "webhook",
                1,
                posting(
                    client(),
                    url.clone(),
                    |alerts| json!({ "schemaVersion": "1.0", "kind": "alert", "alert": alerts.first() }),
                ),
            );
        }
        if let Some(url) = &arguments.otlp {
            let url = logs(url).map_err(|error| Failure::new(USAGE, error))?;
            outputs.add("otlp", TOGETHER, posting(client(), url, otlp));
        }
        if arguments.kubernetes_events {
            let cluster = Surroundings {
                named: arguments.kubeconfig.clone().or_else(|| cluster.named.clone()),
                ..cluster.clone()
            };
            let access = Access::find(&cluster, None, &network.http(&[])).map_err(super::audit::failed)?;
            outputs.add("kubernetes", 1, to_pods(kube::Client::new(access)));
        }
        if let Some(address) = arguments.metrics {
            let counts = Arc::<Mutex<Counts>>::default();
            let listener = TcpListener::bind(address)
                .with_context(|| format!("cannot offer counts at `{address}`"))
                .map_err(|error| Failure::new(USAGE, error))?;
            let offered = Arc::clone(&counts);
            // It ends with the program.
            std::thread::spawn(move || {
                confine("metrics", false);
                offer(&listener, &offered);
            });
            outputs.counts = Some(counts);
        }
        Ok(outputs)
    }

    fn add(&mut self, name: &'static str, together: usize, send: Send) {
        let (sender, receiver) = sync_channel(QUEUE);
        let state = Arc::<State>::default();
        let theirs = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            // A cluster's files (certificates, tokens) may lie anywhere.
            confine(name, name == "kubernetes");
            work(name, together, &receiver, &theirs, send);
        });
        self.queues.push(Queue { name, sender: Some(sender), state, thread: Some(thread) });
    }

    /// Takes an alert; never waits.
    pub(super) fn tell(&self, alert: &Alert) {
        if !self.queues.is_empty() {
            let alert = Arc::new(alert.clone());
            for queue in &self.queues {
                let taken =
                    queue.sender.as_ref().is_some_and(|sender| sender.try_send(Arc::clone(&alert)).is_ok());
                if !taken {
                    queue.state.lost.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        if let Some(mut counts) = self.counts.as_ref().and_then(|counts| counts.lock().ok()) {
            let key = (
                if alert.id.is_empty() { alert.rule.clone() } else { alert.id.clone() },
                alert.priority.name(),
            );
            if counts.alerts.len() < MOST_RULES || counts.alerts.contains_key(&key) {
                *counts.alerts.entry(key).or_default() += 1;
            } else {
                counts.other_alerts += 1;
            }
        }
    }

    /// Hands on what is counted elsewhere.
    pub(super) fn count(&self, fill: impl FnOnce(&mut Counts)) {
        if let Some(mut counts) = self.counts.as_ref().and_then(|counts| counts.lock().ok()) {
            fill(&mut counts);
            counts.outputs = self
                .queues
                .iter()
                .map(|queue| {
                    let state = &queue.state;
                    (queue.name, state.sent.load(Ordering::Relaxed), state.lost.load(Ordering::Relaxed))
                })
                .collect();
        }
    }

    /// At the end: what waits is sent, for a while. Answers how many alerts did not arrive.
    pub(super) fn finish(&mut self) -> u64 {
        for queue in &mut self.queues {
            queue.sender = None;
        }
        let until = Instant::now() + LAST;
        let mut lost = 0;
        for queue in &mut self.queues {
            let Some(thread) = queue.thread.take() else { continue };
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
            queue.state.ending.store(true, Ordering::Relaxed);
            if thread.is_finished() {
                let _ = thread.join();
            }
            let state = &queue.state;
            let of_this = state.lost.load(Ordering::Relaxed);
            if of_this > 0 {
                print::warning(&format!("{of_this} alerts did not arrive at {}", queue.name));
            }
            lost += of_this;
        }
        lost
    }
}

/// An output's thread gives up what it does not need: whoever answers it is not trusted.
fn confine(name: &str, whole: bool) {
    #[cfg(feature = "runtime")]
    if let Err(error) = plimsoll_runtime::sensor::confine_sender(whole) {
        print::warning(&format!("the thread of {name} keeps rights that it does not need: {error}"));
    }
    #[cfg(not(feature = "runtime"))]
    let _ = (name, whole);
}

/// The work of one output.
fn work(name: &str, together: usize, receiver: &Receiver<Arc<Alert>>, state: &State, mut send: Send) {
    let mut waiting = Vec::new();
    loop {
        match receiver.recv_timeout(Duration::from_secs(1)) {
            Ok(alert) => waiting.push(alert),
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while waiting.len() < together
            && let Ok(alert) = receiver.try_recv()
        {
            waiting.push(alert);
        }
        // Counted as lost until they arrive: a watch that ends meanwhile tells the truth.
        state.lost.fetch_add(waiting.len() as u64, Ordering::Relaxed);
        let arrived = match send(&waiting) {
            Ok(()) => {
                if state.failing.swap(false, Ordering::Relaxed) {
                    print::talk(&format!("{name} takes alerts again"));
                }
                waiting.len()
            }
            Err((arrived, error)) => {
                if !state.failing.swap(true, Ordering::Relaxed) && !state.ending.load(Ordering::Relaxed) {
                    print::warning(&format!("an alert did not arrive at {name}: {error:#}"));
                }
                arrived
            }
        };
        state.lost.fetch_sub(arrived as u64, Ordering::Relaxed);
        state.sent.fetch_add(arrived as u64, Ordering::Relaxed);
        waiting.clear();
    }
}

fn posting(client: Client, url: Url, document: fn(&[Arc<Alert>]) -> Value) -> Send {
    Box::new(move |alerts| {
        let body = serde_json::to_vec(&document(alerts)).map_err(|error| (0, error.into()))?;
        let request = Request::new(Method::Post, url.clone())
            .header("content-type", "application/json")
            .body(body)
            .repeatable(true);
        client
            .send(&request)
            .and_then(plimsoll_http::Response::success)
            .map(drop)
            .map_err(|error| (0, error.into()))
    })
}

/// The address for logs of a collector (OTLP 1.x, section "OTLP/HTTP request").
fn logs(url: &Url) -> anyhow::Result<Url> {
    if url.path().ends_with("/v1/logs") {
        return Ok(url.clone());
    }
    let path = format!("{}/v1/logs", url.path().trim_end_matches('/'));
    url.join(&path).map_err(|error| anyhow!(error).context("not an address of a collector"))
}

/// Alerts as OpenTelemetry logs (opentelemetry-proto 1.x, `logs/v1/logs.proto` in its JSON form).
fn otlp(alerts: &[Arc<Alert>]) -> Value {
    let text = |key: &str, value: &str| {
        (!value.is_empty()).then(|| json!({ "key": key, "value": { "stringValue": value } }))
    };
    let number =
        |key: &str, value: u64| Some(json!({ "key": key, "value": { "intValue": value.to_string() } }));
    let records: Vec<Value> = alerts
        .iter()
        .map(|alert| {
            let (container, process) = (&alert.container, &alert.process);
            let attributes: Vec<Value> = [
                text("rule.id", &alert.id),
                text("rule.name", &alert.rule),
                text("container.id", &container.id),
                text("container.name", &container.name),
                text("container.image.name", &container.image),
                text("container.image.id", &container.digest),
                text("k8s.pod.uid", &container.pod.uid),
                text("k8s.pod.name", &container.pod.name),
                text("k8s.namespace.name", &container.pod.namespace),
                number("process.pid", process.id.into()),
                text("process.executable.path", &process.executable),
                text("process.command_line", &process.command_line),
                text("plimsoll.owner", &alert.owner),
                text("plimsoll.action", &alert.action),
            ]
            .into_iter()
            .flatten()
            .collect();
            json!({
                "timeUnixNano": alert.time.to_string(),
                "observedTimeUnixNano": alert.time.to_string(),
                "severityNumber": severity(alert.priority),
                "severityText": alert.priority.name(),
                "eventName": "plimsoll.alert",
                "body": { "stringValue": alert.output },
                "attributes": attributes,
            })
        })
        .collect();
    let resource: Vec<Value> =
        [text("service.name", "plimsoll"), text("host.name", &host())].into_iter().flatten().collect();
    json!({ "resourceLogs": [{
        "resource": { "attributes": resource },
        "scopeLogs": [{
            "scope": { "name": "plimsoll.watch", "version": env!("CARGO_PKG_VERSION") },
            "logRecords": records,
        }],
    }] })
}

/// The number of a severity (OpenTelemetry's log data model, its table for syslog).
fn severity(priority: Priority) -> u8 {
    match priority {
        Priority::Emergency => 21,
        Priority::Alert => 19,
        Priority::Critical => 18,
        Priority::Error => 17,
        Priority::Warning => 13,
        Priority::Notice => 10,
        Priority::Informational => 9,
        Priority::Debug => 5,
    }
}

static EVENTS: Resource = Resource::new("", "v1", "events", "Event", true);

/// Kinds of alerts and containers that have their event.
const MOST_WRITTEN: usize = 50_000;
/// Characters of a message of an event (`pkg/apis/core/validation/events.go`).
const MESSAGE: usize = 1_000;

/// Events of pods; what happened on hosts and in pods without a known name has none.
fn to_pods(client: kube::Client) -> Send {
    let mut written = std::collections::HashSet::new();
    Box::new(move |alerts| {
        for (arrived, alert) in alerts.iter().enumerate() {
            let pod = &alert.container.pod;
            let kind = (alert.key.clone(), alert.container.id.clone());
            if pod.name.is_empty() || pod.namespace.is_empty() || written.contains(&kind) {
                continue;
            }
            let object = pod_event(alert).to_string();
            match client.create(&EVENTS, Some(&pod.namespace), object.as_bytes()) {
                // It is there from a watch before.
                Ok(_) | Err(kube::Error::Refused { status: 409, .. }) => {}
                Err(error) => return Err((arrived, error.into())),
            }
            if written.len() < MOST_WRITTEN {
                written.insert(kind);
            }
        }
        Ok(())
    })
}

/// An alert as an event of its pod (core/v1).
fn pod_event(alert: &Alert) -> Value {
    let container = &alert.container;
    let at = i128::from(alert.time / 1_000_000_000) * 1_000_000_000;
    // The API takes whole seconds here.
    let at = jiff::Timestamp::from_nanosecond(at).map_or_else(|_| String::new(), |time| time.to_string());
    let text = format!("{}: {} (next: {})", alert.rule, alert.output, alert.action);
    let message: String = plimsoll_format::clean(&text).chars().take(MESSAGE).collect();
    let short: String = container.id.chars().take(12).collect();
    let name: String = container.pod.name.chars().take(200).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        // One name for one kind of alert in one container: who starts again does not tell it twice.
        "metadata": { "name": format!("{name}.{}.{short}", alert.key), "namespace": container.pod.namespace },
        "involvedObject": {
            "apiVersion": "v1", "kind": "Pod", "namespace": container.pod.namespace, "name": container.pod.name, "uid": container.pod.uid,
        },
        "type": "Warning",
        "reason": if alert.id.is_empty() { "RuleMet" } else { &alert.id },
        "message": message,
        "source": { "component": "plimsoll-watch", "host": host() },
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    })
}

fn to_syslog(to: Syslog) -> Send {
    let mut stream: Option<TcpStream> = None;
    let place = move |text: &str| -> anyhow::Result<SocketAddr> {
        text.to_socket_addrs()?.next().with_context(|| format!("`{text}` has no address"))
    };
    Box::new(move |alerts| {
        for (arrived, alert) in alerts.iter().enumerate() {
            let message = message(alert);
            let sent = match &to {
                Syslog::Unix(path) => UnixDatagram::unbound()
                    .and_then(|socket| {
                        socket.set_write_timeout(Some(PATIENCE))?;
                        socket.send_to(message.as_bytes(), path)
                    })
                    .map(drop)
                    .with_context(|| format!("cannot write to `{}`", path.display())),
                Syslog::Udp(text) => place(text).and_then(|address| {
                    let from: SocketAddr =
                        if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 16], 0).into() };
                    UdpSocket::bind(from)?.send_to(message.as_bytes(), address)?;
                    Ok(())
                }),
                Syslog::Tcp(text) => over_tcp(&mut stream, &|| place(text), &message),
            };
            sent.map_err(|error| (arrived, error))?;
        }
        Ok(())
    })
}

/// Sends a message with its length before it (RFC 6587, section 3.4.1); a connection that was cut is made once more.
fn over_tcp(
    stream: &mut Option<TcpStream>,
    place: &dyn Fn() -> anyhow::Result<SocketAddr>,
    message: &str,
) -> anyhow::Result<()> {
    let framed = format!("{} {message}", message.len());
    for last in [stream.is_none(), true] {
        let mut open = match stream.take() {
            Some(open) => open,
            None => {
                let open = TcpStream::connect_timeout(&place()?, PATIENCE)?;
                open.set_write_timeout(Some(PATIENCE))?;
                open
            }
        };
        match open.write_all(framed.as_bytes()) {
            Ok(()) => {
                *stream = Some(open);
                return Ok(());
            }
            Err(error) if last => return Err(error.into()),
            Err(_) => {}
        }
    }
    bail!("the connection was cut")
}

/// An alert as a message of syslog (RFC 5424): facility 4, its id as the kind of message.
fn message(alert: &Alert) -> String {
    let severity = match alert.priority {
        Priority::Emergency => 0,
        Priority::Alert => 1,
        Priority::Critical => 2,
        Priority::Error => 3,
        Priority::Warning => 4,
        Priority::Notice => 5,
        Priority::Informational => 6,
        Priority::Debug => 7,
    };
    let time = jiff::Timestamp::from_nanosecond(i128::from(alert.time))
        .map_or_else(|_| "-".to_owned(), |time| format!("{time:.6}"));
    // Printable ASCII without spaces, at most 32 bytes.
    let id: String = alert.id.chars().filter(char::is_ascii_graphic).take(32).collect();
    let id = if id.is_empty() { "-" } else { &id };
    let mut text =
        format!("<{}>1 {time} {} plimsoll {} {id} - ", 4 * 8 + severity, host(), std::process::id());
    let subject = alert.container.subject();
    let line = format!("{}: {} (where: {subject}; next: {})", alert.rule, alert.output, alert.action);
    // One line, whatever a program's arguments hold.
    for character in line.chars() {
        if text.len() >= SYSLOG {
            break;
        }
        text.push(if character.is_control() { ' ' } else { character });
    }
    text
}

/// The name of this machine, as syslog may have it.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().filter(char::is_ascii_graphic).take(255).collect();
    if name.is_empty() { "-".to_owned() } else { name }
}

/// Answers whoever asks for counts, one after the other.
fn offer(listener: &TcpListener, counts: &Mutex<Counts>) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
        let _ = stream.set_write_timeout(Some(Duration::from_secs(2)));
        let mut head = Vec::new();
        let mut chunk = [0; 1024];
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until && !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < REQUEST
        {
            match stream.read(&mut chunk) {
                Ok(0) | Err(_) => break,
                Ok(count) => head.extend_from_slice(&chunk[..count]),
            }
        }
        let first = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let (status, body) = match first {
            first if first.starts_with(b"GET /metrics ") || first.starts_with(b"GET / ") => {
                let counts = counts.lock().map(|counts| counts.clone()).unwrap_or_default();
                ("200 OK", counts.exposition())
            }
            first if first.starts_with(b"GET ") => ("404 Not Found", "counts are at /metrics\n".to_owned()),
            _ => ("405 Method Not Allowed", String::new()),
        };
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
    }
}

impl Counts {
    /// In the text form of Prometheus (version 0.0.4).
    fn exposition(&self) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, rows: &[(String, u64)]| {
            let _ = writeln!(text, "# HELP plimsoll_{name} {help}\n# TYPE plimsoll_{name} {kind}");
            for (labels, value) in rows {
                let _ = writeln!(text, "plimsoll_{name}{labels} {value}");
            }
        };
        let one = |value: u64| vec![(String::new(), value)];
        family("events_total", "counter", "Events that were seen.", &one(self.events));
        family(
            "lost_records_total",
            "counter",
            "Records of the kernel that found no reader.",
            &[("{class=\"must\"}".to_owned(), self.lost_must), ("{class=\"may\"}".to_owned(), self.lost_may)],
        );
        family(
            "unreadable_records_total",
            "counter",
            "Records that could not be read.",
            &one(self.unreadable),
        );
        family(
            "rule_reloads_total",
            "counter",
            "How often rules were read again.",
            &[
                ("{result=\"taken\"}".to_owned(), self.reloads),
                ("{result=\"refused\"}".to_owned(), self.failed_reloads),
            ],
        );
        let mut alerts: Vec<(String, u64)> = self
            .alerts
            .iter()
            .map(|((rule, priority), count)| {
                (format!("{{rule=\"{}\",priority=\"{priority}\"}}", label(rule)), *count)
            })
            .collect();
        if self.other_alerts > 0 {
            alerts.push(("{rule=\"\",priority=\"\"}".to_owned(), self.other_alerts));
        }
        family("alerts_total", "counter", "Rules that were met.", &alerts);
        let outputs = |of: fn(&(&'static str, u64, u64)) -> u64| -> Vec<(String, u64)> {
            self.outputs.iter().map(|output| (format!("{{output=\"{}\"}}", output.0), of(output))).collect()
        };
        family(
            "output_sent_total",
            "counter",
            "Alerts that arrived at an output.",
            &outputs(|output| output.1),
        );
        family(
            "output_lost_total",
            "counter",
            "Alerts that did not arrive at an output, or not yet.",
            &outputs(|output| output.2),
        );
        let programs: Vec<(String, u64)> = self
            .programs
            .iter()
            .map(|(name, runs)| (format!("{{program=\"{name}\"}}"), u64::from(*runs)))
            .collect();
        family("sensor_program", "gauge", "Whether the kernel runs a program of the sensor.", &programs);
        text
    }
}

/// A text as the value of a label.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use plimsoll_http::Url;
    use plimsoll_runtime::rules::{Alert, Nothing, builtin};
    use serde_json::Value;

    use super::{Outputs, OutputsArguments, QUEUE, SYSLOG, Surroundings, Syslog, message, syslog};
    use crate::network::Network;

    /// An alert of our own rules.
    fn alert(command: &str) -> Alert {
        let event = serde_json::json!({
            "time": 1_795_435_200_003_000_000_u64,
            "action": { "type": "exec", "path": "/memfd:x", "file": { "path": "/memfd:x", "kind": "memory" } },
            "process": { "id": 4711, "name": "x", "executable": { "path": "/memfd:x", "kind": "memory" }, "arguments": ["x", command] },
            "container": { "state": "known", "id": "ab".repeat(32), "image": "registry.example/shop:1" },
        });
        let event = serde_json::from_value(event).unwrap();
        let mut engine = builtin::engine();
        let met = engine.evaluate(&event, &Nothing).to_vec();
        let met = met.into_iter().find(|rule| engine.rules()[*rule].own.id == "PW002").unwrap();
        engine.alert(met, &event, &Nothing)
    }

    /// Takes one request after the other; answers the bodies that came, with their paths.
    fn receiver(status: &'static str) -> (u16, std::sync::mpsc::Receiver<(String, Value)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, bodies) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream);
                loop {
                    let mut first = String::new();
                    if reader.read_line(&mut first).unwrap_or(0) == 0 {
                        break;
                    }
                    let mut length = 0;
                    loop {
                        let mut line = String::new();
                        reader.read_line(&mut line).unwrap();
                        if line.trim().is_empty() {
                            break;
                        }
                        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                            length = value.trim().parse().unwrap();
                        }
                    }
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).unwrap();
                    let path = first.split(' ').nth(1).unwrap().to_owned();
                    let _ = sender.send((path, serde_json::from_slice(&body).unwrap()));
                    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}");
                    if reader.get_mut().write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            }
        });
        (port, bodies)
    }

    fn open(arguments: &OutputsArguments) -> Outputs {
        Outputs::open(arguments, &Network::default(), &Surroundings::default()).ok().unwrap()
    }

    const SOON: Duration = Duration::from_secs(20);

    #[test]
    fn a_webhook_gets_each_alert() {
        let (port, bodies) = receiver("200 OK");
        let webhook = Some(Url::parse(&format!("http://127.0.0.1:{port}/hook")).unwrap());
        let mut outputs = open(&OutputsArguments { webhook, ..OutputsArguments::default() });
        outputs.tell(&alert("one"));
        outputs.tell(&alert("two"));
        let bodies = [bodies.recv_timeout(SOON).unwrap(), bodies.recv_timeout(SOON).unwrap()];
        for ((path, body), command) in bodies.iter().zip(["one", "two"]) {
            assert_eq!(path, "/hook");
            assert_eq!((&body["kind"], &body["alert"]["id"]), (&Value::from("alert"), &Value::from("PW002")));
            assert!(body["alert"]["output"].as_str().unwrap().contains(command), "{body}");
        }
        assert_eq!(outputs.finish(), 0);
    }

    #[test]
    fn a_collector_gets_logs() {
        let (port, bodies) = receiver("200 OK");
        let otlp = Some(Url::parse(&format!("http://127.0.0.1:{port}")).unwrap());
        let mut outputs = open(&OutputsArguments { otlp, ..OutputsArguments::default() });
        outputs.tell(&alert("one"));
        let (path, body) = bodies.recv_timeout(SOON).unwrap();
        assert_eq!(path, "/v1/logs");
        let record = &body["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        assert_eq!(record["timeUnixNano"], "1795435200003000000");
        assert_eq!(
            (&record["severityNumber"], &record["severityText"]),
            (&Value::from(18), &Value::from("critical"))
        );
        let attributes = record["attributes"].as_array().unwrap();
        let of = |key: &str| attributes.iter().find(|one| one["key"] == key).map(|one| one["value"].clone());
        assert_eq!(of("rule.id").unwrap()["stringValue"], "PW002");
        assert_eq!(of("container.id").unwrap()["stringValue"], "ab".repeat(32));
        assert_eq!(of("process.pid").unwrap()["intValue"], "4711");
        assert_eq!(of("k8s.pod.name"), None, "what is not known is not there");
        assert_eq!(outputs.finish(), 0);
    }

    #[test]
    fn pods_get_one_event_for_one_kind_of_alert() {
        let (port, bodies) = receiver("201 Created");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let text = format!(
            "current-context: x\nclusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\nusers: [{{name: u, user: {{}}}}]\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n"
        );
        std::fs::write(&file, text).unwrap();
        let mut outputs = open(&OutputsArguments {
            kubernetes_events: true,
            kubeconfig: Some(file),
            ..OutputsArguments::default()
        });
        let mut of_pod = alert("one");
        outputs.tell(&of_pod);
        of_pod.container.pod.name = "web-1".to_owned();
        of_pod.container.pod.namespace = "shop".to_owned();
        outputs.tell(&of_pod);
        outputs.tell(&of_pod);
        let (path, event) = bodies.recv_timeout(SOON).unwrap();
        assert!(path.starts_with("/api/v1/namespaces/shop/events"), "{path}");
        assert_eq!((&event["reason"], &event["type"]), (&Value::from("PW002"), &Value::from("Warning")));
        assert_eq!(event["involvedObject"]["name"], "web-1");
        assert_eq!(event["metadata"]["name"], format!("web-1.{}.abababababab", of_pod.key));
        assert_eq!(event["firstTimestamp"], "2026-11-23T12:00:00Z");
        assert_eq!(outputs.finish(), 0);
        assert!(bodies.try_recv().is_err(), "one, and none of what is in no pod");
    }

    #[test]
    fn syslog_over_datagrams_and_over_tcp() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let to = Some(Syslog::Udp(socket.local_addr().unwrap().to_string()));
        let mut outputs = open(&OutputsArguments { syslog: to, ..OutputsArguments::default() });
        outputs.tell(&alert("one"));
        let mut bytes = [0; 9_000];
        let count = socket.recv(&mut bytes).unwrap();
        let text = std::str::from_utf8(&bytes[..count]).unwrap();
        assert!(text.starts_with("<34>1 2026-11-23T") || text.starts_with("<34>1 20"), "{text}");
        assert!(text.contains(" plimsoll ") && text.contains(" PW002 - Program without a file: "), "{text}");
        assert_eq!(outputs.finish(), 0);

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = Some(Syslog::Tcp(listener.local_addr().unwrap().to_string()));
        let mut outputs = open(&OutputsArguments { syslog: to, ..OutputsArguments::default() });
        outputs.tell(&alert("one"));
        outputs.tell(&alert("two"));
        let (mut stream, _) = listener.accept().unwrap();
        assert_eq!(outputs.finish(), 0);
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (length, rest) = text.split_once(' ').unwrap();
        let (first, second) = rest.split_at(length.parse().unwrap());
        assert!(first.starts_with("<34>1 ") && first.contains("one"), "{text}");
        assert!(second.split_once(' ').unwrap().1.starts_with("<34>1 "), "{text}");
    }

    #[test]
    fn a_message_of_syslog_is_one_bounded_line() {
        let text = message(&alert(&format!("a\nb\u{1b}[0m{}", "x".repeat(100_000))));
        assert!(!text.contains(['\n', '\u{1b}']) && text.len() <= SYSLOG + 4, "{} bytes", text.len());
        for wrong in ["", "udp:", "udp:host", "udp::1", "tcp:host:x", "unix:", "/dev/log"] {
            syslog(wrong).unwrap_err();
        }
        assert_eq!(syslog("udp:[::1]:514"), Ok(Syslog::Udp("[::1]:514".to_owned())));
    }

    #[test]
    fn what_an_output_does_not_take_is_counted_and_holds_up_nobody() {
        // Nobody answers there: connections stand, and that is all.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let webhook = Some(Url::parse(&format!("http://{}/", silent.local_addr().unwrap())).unwrap());
        let (port, _bodies) = receiver("503 Service Unavailable");
        let otlp = Some(Url::parse(&format!("http://127.0.0.1:{port}")).unwrap());
        let mut outputs = open(&OutputsArguments { webhook, otlp, ..OutputsArguments::default() });
        let one = Arc::new(alert("one"));
        let begun = Instant::now();
        let many = QUEUE + 500;
        for _ in 0..many {
            outputs.tell(&one);
        }
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        let lost = outputs.finish();
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
        assert!(lost >= 500 && lost <= 2 * many as u64, "{lost}");
    }

    #[test]
    fn prometheus_asks_for_counts() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut outputs = open(&OutputsArguments { metrics: Some(free), ..OutputsArguments::default() });
        outputs.tell(&alert("one"));
        outputs.tell(&alert("two"));
        outputs.count(|counts| {
            counts.events = 7;
            counts.programs = vec![("on_exec", true)];
        });
        let ask = |request: &str| {
            let mut stream = TcpStream::connect(free).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        };
        let text = ask("GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        for line in [
            "plimsoll_events_total 7",
            "plimsoll_alerts_total{rule=\"PW002\",priority=\"critical\"} 2",
            "plimsoll_lost_records_total{class=\"must\"} 0",
            "plimsoll_sensor_program{program=\"on_exec\"} 1",
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is not in {text}");
        }
        assert!(ask("GET /other HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
        assert!(ask("POST / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
        assert_eq!(outputs.finish(), 0);
    }
}
