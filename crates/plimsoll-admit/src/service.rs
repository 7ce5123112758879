//! The whole webhook, from its settings to its end: workers, certificate, files that are watched, server.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use plimsoll_model::one_line;
use plimsoll_model::workload::Kinds;
use plimsoll_scan::gate::{Gate, Gathered};
use plimsoll_scan::kube::Client;
use plimsoll_scan::policy::{Mode, Need, OnMissing};
use plimsoll_scan::{NoProgress, Options, Reference};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::Clock;
use crate::engine::{Engine, Rules, moment};
use crate::event::{Log, Notice};
use crate::evidence::{Limits, Source, Store};
use crate::files::Watched;
use crate::server::{self, Server};
use crate::tls::{self, CertificateError, Certificates, Showcase};

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Lines of the log that may wait to be written.
const MOST_LINES: usize = 20_000;

/// Policies and what they are checked by, read from their files; or what is wrong with them.
pub type Load<'a> = dyn Fn() -> Result<Gate, String> + Send + Sync + 'a;

/// A client of the cluster; or why there is none.
pub type Reach<'a> = dyn Fn() -> Result<Client, String> + Send + Sync + 'a;

/// Everything that the webhook is told.
pub struct Setup<'a> {
    /// Reads policies and what they are checked by. Called again when one of the following changes.
    pub load: Box<Load<'a>>,
    /// Files and folders of policies.
    pub policies: Vec<PathBuf>,
    /// Reaches the cluster, for policies that look at namespaces.
    pub cluster: Box<Reach<'a>>,
    /// Files and folders of trust roots and revocations: what was gathered by others is gathered again.
    pub trust: Vec<PathBuf>,
    /// How images are scanned and registries reached.
    pub options: Options,
    /// Kinds of objects that run something.
    pub kinds: Kinds,
    /// Namespaces where everything is let through.
    pub exempt: BTreeSet<String>,
    /// What becomes of a refusal.
    pub mode: Mode,
    /// What becomes of an image that no policy is about.
    pub unmatched: OnMissing,
    /// How much is kept and asked.
    pub limits: Limits,
    /// Where the certificate comes from.
    pub certificates: Certificates,
    /// Where to listen.
    pub listen: SocketAddr,
    /// See [`server::Settings`].
    pub server: server::Settings,
}

/// Why the webhook does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The policies cannot be used.
    #[error("{0}")]
    Policies(String),
    /// There is no certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The library of cryptography failed.
    #[error("TLS cannot be used")]
    Tls(#[source] rustls::Error),
    /// The address is taken, or not ours.
    #[error("cannot listen at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// The machine does not let us.
    #[error("cannot start")]
    Start(#[source] std::io::Error),
}

/// Looks at images in registries.
struct Registry {
    gate: Arc<Gate>,
    options: Options,
    now: Clock,
}

impl Source for Registry {
    fn gather(&self, reference: &Reference, needs: &BTreeSet<Need>) -> Gathered {
        let mut options = self.options.clone();
        options.now = jiff::Timestamp::from_second((self.now)()).unwrap_or(options.now);
        let gathered = self.gate.gather(reference, needs, &options, &NoProgress);
        gathered.slim(self.gate.policies())
    }
}

/// Looks at images in registries, with what the policies need kept of them.
pub fn registry(gate: &Arc<Gate>, options: &Options, now: &Clock) -> Arc<dyn Source> {
    Arc::new(Registry { gate: gate.clone(), options: options.clone(), now: now.clone() })
}

impl Setup<'_> {
    fn rules(&self) -> Result<Rules, ServeError> {
        let gate = (self.load)().map_err(ServeError::Policies)?;
        Ok(Rules {
            kinds: self.kinds.clone(),
            exempt: self.exempt.clone(),
            mode: self.mode,
            unmatched: self.unmatched,
            ..Rules::new(Arc::new(gate))
        })
    }

    fn source(&self, gate: &Arc<Gate>) -> Arc<dyn Source> {
        registry(gate, &self.options, &self.server.now)
    }

    /// Follows the namespaces of the cluster when policies look at them. Without a cluster they stay unknown, and so does what
    /// rests on them.
    fn follow_namespaces(&self, engine: &Engine) -> bool {
        if !engine.rules().looks_at_namespaces() {
            return false;
        }
        let (log, now) = (self.server.log.clone(), self.server.now.clone());
        let told = move |detail: String| {
            let notice = Notice { time: moment(now()), event: "namespaces-unknown", detail };
            if let Ok(line) = serde_json::to_string(&notice) {
                log.line(&line);
            }
        };
        match (self.cluster)() {
            Ok(client) => {
                engine.namespaces.follow(client, told);
                true
            }
            Err(reason) => {
                told(reason);
                false
            }
        }
    }

    fn notice(&self, event: &'static str, detail: impl Into<String>) {
        let notice = Notice { time: moment((self.server.now)()), event, detail: detail.into() };
        if let Ok(line) = serde_json::to_string(&notice) {
            self.server.log.line(&line);
        }
    }
}

/// Runs the webhook until the process is asked to end (SIGTERM, SIGINT), or `stop` becomes true. `started` hears where it
/// listens.
///
/// # Errors
/// When it cannot start. Once it runs, what goes wrong is logged, and what held before goes on to hold.
pub fn serve(
    setup: Setup<'_>,
    mut stop: watch::Receiver<bool>,
    started: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let rules = setup.rules()?;
    let store = Arc::new(Store::new(setup.source(&rules.gate), setup.limits));
    let showcase = Arc::new(Showcase::default());
    let shown = setup.certificates.load((setup.server.now)())?;
    showcase.show(&shown);
    let configuration = tls::configuration(showcase.clone()).map_err(ServeError::Tls)?;
    let (policies, objects) = (rules.gate.policies().policies().len(), rules.gate.rules.len());
    let engine = Arc::new(Engine::new(rules, store.clone()));
    engine.metrics.certificate_ends.store(shown.ends, Relaxed);
    store.start(&setup.server.now);
    let follows = setup.follow_namespaces(&engine);

    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServeError::Start)?;
    // The watcher borrows what the setup borrows.
    let done = std::thread::scope(|scope| {
        runtime.block_on(async {
            let address = setup.listen;
            let listen = |error| ServeError::Listen { address, error };
            let listener = server::listen(address).await.map_err(listen)?;
            let address = listener.local_addr().map_err(listen)?;
            let (end, ended) = watch::channel(false);
            let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Start)?;
            let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Start)?;
            let end = Arc::new(end);
            let from_signal = end.clone();
            tokio::spawn(async move {
                terminate.recv().await;
                from_signal.send_replace(true);
            });
            let from_signal = end.clone();
            tokio::spawn(async move {
                interrupt.recv().await;
                from_signal.send_replace(true);
            });
            let from_caller = end.clone();
            tokio::spawn(async move {
                if stop.wait_for(|stop| *stop).await.is_ok() {
                    from_caller.send_replace(true);
                }
            });
            let server = Server::new(engine.clone(), setup.server.clone());
            setup.notice(
                "started",
                format!("{policies} policies, {objects} rules about objects, at {address}"),
            );
            started(address);
            scope.spawn({
                let (engine, ended) = (engine.clone(), ended.clone());
                move || Watcher { shown: shown.ends, setup, engine, showcase, follows }.run(&ended)
            });
            let served = server.run(listener, configuration, ended).await.map_err(ServeError::Start);
            end.send_replace(true);
            served
        })
    });
    store.close();
    done
}

/// Looks at files, and takes over what changed.
struct Watcher<'a> {
    setup: Setup<'a>,
    engine: Arc<Engine>,
    showcase: Arc<Showcase>,
    shown: i64,
    /// Whether namespaces are followed.
    follows: bool,
}

impl Watcher<'_> {
    fn run(mut self, ended: &watch::Receiver<bool>) {
        let mut policies = Watched::new(self.setup.policies.clone());
        let mut trust = Watched::new(self.setup.trust.clone());
        let mut certificates = Watched::new(self.setup.certificates.files());
        let mut database = Watched::new(self.setup.options.database.iter().cloned().collect());
        let pushes = self.setup.server.pushes.clone();
        let mut secret = Watched::new(pushes.iter().map(|pushes| pushes.file().to_owned()).collect());
        let mut rounds = 0_u64;
        while !*ended.borrow() {
            std::thread::sleep(LOOK);
            rounds += 1;
            let now = (self.setup.server.now)();
            let (policies, trust) = (policies.changed(), trust.changed());
            if policies || trust {
                self.reload(trust);
            }
            // One that is due and cannot be had is tried for once in a minute.
            let due = rounds.is_multiple_of(60) && self.setup.certificates.is_due(self.shown, now);
            if certificates.changed() || due {
                self.renew(now);
            }
            if secret.changed()
                && let Some(pushes) = &pushes
            {
                match pushes.reload() {
                    Ok(()) => self.setup.notice("push-secret-loaded", "registries must know the new one"),
                    Err(error) => {
                        self.engine.metrics.reloads_refused.fetch_add(1, Relaxed);
                        self.setup.notice(
                            "push-secret-refused",
                            format!("{}; the old one holds", one_line(&error)),
                        );
                    }
                }
            }
            if database.changed() {
                self.setup.notice("database-changed", "images are scanned again");
                self.engine.store.refresh_scans();
            }
            if rounds.is_multiple_of(60) {
                self.engine.store.refresh_old(now);
            }
        }
    }

    /// Takes over policies that changed; what is wrong with them leaves the old ones as they are.
    fn reload(&mut self, forget: bool) {
        let metrics = &self.engine.metrics;
        match self.setup.rules() {
            Ok(mut rules) => {
                let old = self.engine.rules();
                rules.costs.go_on_from(&old.costs);
                let (before, after) = (old.gate.policies(), rules.gate.policies());
                // Keys and bases say what is gathered; everything else only what is made of it.
                let forget = forget
                    || old.gate.keys() != rules.gate.keys()
                    || !before.bases().eq(after.bases())
                    || before.kept() != after.kept();
                let (count, objects) = (after.policies().len(), rules.gate.rules.len());
                let source = self.setup.source(&rules.gate);
                self.engine.replace(rules, source, forget);
                metrics.reloads.fetch_add(1, Relaxed);
                self.follows = self.follows || self.setup.follow_namespaces(&self.engine);
                self.setup
                    .notice("policies-loaded", format!("{count} policies, {objects} rules about objects"));
            }
            Err(error) => {
                metrics.reloads_refused.fetch_add(1, Relaxed);
                self.setup.notice("policies-refused", format!("{}; the old ones hold", one_line(&error)));
            }
        }
    }

    fn renew(&mut self, now: i64) {
        match self.setup.certificates.load(now) {
            Ok(shown) => {
                self.showcase.show(&shown);
                self.engine.metrics.certificate_ends.store(shown.ends, Relaxed);
                let again = self.shown == shown.ends;
                self.shown = shown.ends;
                if !again {
                    self.setup.notice("certificate-loaded", format!("it ends {}", moment(shown.ends)));
                }
            }
            Err(error) => {
                self.engine.metrics.reloads_refused.fetch_add(1, Relaxed);
                self.setup
                    .notice("certificate-refused", format!("{}; the old one is shown", one_line(&error)));
            }
        }
    }
}

/// Writes the log from a thread of its own, so that nobody's admission waits for whoever reads it. When that one is far
/// behind, lines are lost, and the log says how many.
pub struct Lines {
    queue: Mutex<Option<SyncSender<String>>>,
    lost: Arc<AtomicU64>,
    writer: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Lines {
    /// Writes lines to this.
    pub fn new(mut out: Box<dyn Write + Send>) -> Self {
        let (queue, lines) = sync_channel::<String>(MOST_LINES);
        let lost = Arc::new(AtomicU64::new(0));
        let missing = lost.clone();
        let writer = std::thread::spawn(move || {
            for line in lines {
                let gone = missing.swap(0, Relaxed);
                if gone > 0 {
                    let _ = writeln!(out, "{{\"event\":\"lines-lost\",\"detail\":\"{gone}\"}}");
                }
                // Whoever read it is gone: the webhook goes on.
                let _ = writeln!(out, "{line}");
                let _ = out.flush();
            }
        });
        Lines { queue: Mutex::new(Some(queue)), lost, writer: Mutex::new(Some(writer)) }
    }

    /// Writes what still waits, and ends.
    pub fn finish(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = writer.join();
        }
    }
}

impl Log for Lines {
    fn line(&self, line: &str) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = queue.as_ref() else { return };
        if let Err(TrySendError::Full(_)) = queue.try_send(line.to_owned()) {
            self.lost.fetch_add(1, Relaxed);
        }
    }
}
