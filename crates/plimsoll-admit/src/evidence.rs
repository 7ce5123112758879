//! What is known of images, gathered off the path of admission by workers and kept by digest.
//!
//! Admission looks up; on a miss it asks for a [`Flight`] and waits as long as its budget lets it. There is one flight for an
//! image at a time, whoever asks. Registries are protected: so many images in a second each, and never all workers at one of
//! them. What was gathered while something failed goes to those who wait for it and is not kept: only evidence is kept,
//! never a failure, and never a verdict.
//!
//! Evidence is gathered for rules: by their keys, and without what they do not look at. Each change of that begins a new
//! generation; whoever asks names the generation of its rules, and is never given what was gathered for another one.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use plimsoll_model::Digest;
use plimsoll_scan::Reference;
use plimsoll_scan::gate::Gathered;
use plimsoll_scan::policy::{Known, Need};
use tokio::sync::watch;

use crate::Clock;

/// Most images that wait to be looked at; further ones are told to come again.
const MOST_WAITING: usize = 10_000;
/// How long to wait before a queue is looked at again in which every registry has had its share.
const PAUSE: Duration = Duration::from_millis(20);
/// What an entry costs beside what is in it: keys, tree nodes, allocations.
const ENTRY_BYTES: usize = 600;

/// Who looks at images.
pub trait Source: Send + Sync {
    /// Gathers what is needed to decide on an image, and no more.
    fn gather(&self, reference: &Reference, needs: &BTreeSet<Need>) -> Gathered;
}

/// How much is kept and asked.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of evidence that are kept.
    pub bytes: usize,
    /// Threads that gather.
    pub workers: usize,
    /// Images that one registry is asked for in a second.
    pub per_second: u32,
    /// Seconds that a tag is believed to stand for the same digest.
    pub tag_age: i64,
    /// Seconds after which evidence is gathered again, beside whatever else makes that necessary.
    pub refresh: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { bytes: 32 << 20, workers: 4, per_second: 50, tag_age: 15, refresh: 6 * 3600 }
    }
}

/// What is known of an image, and since when.
#[derive(Clone, Debug)]
pub struct Held {
    /// What is known.
    pub gathered: Arc<Gathered>,
    /// When it was gathered, seconds since 1970.
    pub at: i64,
    /// For which rules.
    pub(crate) generation: u64,
}

/// How a flight stands.
#[derive(Debug)]
enum Progress {
    UnderWay,
    Landed(Held),
    /// It was for rules that do not hold any more: look again.
    Void,
}

/// Somebody is looking.
#[derive(Debug)]
pub struct Flight {
    reference: Reference,
    needs: BTreeSet<Need>,
    generation: u64,
    progress: watch::Sender<Progress>,
}

impl Flight {
    fn new(reference: &Reference, needs: &BTreeSet<Need>, generation: u64) -> Arc<Self> {
        Arc::new(Flight {
            reference: reference.clone(),
            needs: needs.clone(),
            generation,
            progress: watch::Sender::new(Progress::UnderWay),
        })
    }

    /// What was gathered, when it was for these rules, about this image and everything that is needed.
    pub(crate) fn landed_on(
        &self,
        reference: &Reference,
        needs: &BTreeSet<Need>,
        generation: u64,
    ) -> Option<Held> {
        let fits =
            self.generation == generation && self.reference == *reference && self.needs.is_superset(needs);
        match &*self.progress.borrow() {
            Progress::Landed(held) if fits && held.generation == generation => Some(held.clone()),
            _ => None,
        }
    }

    /// Whether nothing more will come of it.
    pub fn has_ended(&self) -> bool {
        !matches!(*self.progress.borrow(), Progress::UnderWay)
    }

    /// Whether it was for rules that do not hold any more.
    pub(crate) fn is_void(&self) -> bool {
        matches!(*self.progress.borrow(), Progress::Void)
    }

    /// Waits until it has ended.
    pub async fn wait(&self) {
        // It cannot be closed while we hold it.
        let ended = |progress: &Progress| !matches!(progress, Progress::UnderWay);
        let _ = self.progress.subscribe().wait_for(ended).await;
    }

    /// Ends it, unless it has ended before.
    fn end(&self, how: Progress) {
        self.progress.send_if_modified(|progress| {
            let flying = matches!(progress, Progress::UnderWay);
            if flying {
                *progress = how;
            }
            flying
        });
    }
}

struct Entry {
    held: Held,
    reference: Reference,
    needs: BTreeSet<Need>,
    bytes: usize,
    used: u64,
    /// It is to be gathered again, and good until then.
    stale: bool,
}

struct Job {
    key: String,
    reference: Reference,
    needs: BTreeSet<Need>,
    /// What was gathered before this moment does not do.
    since: i64,
    flight: Arc<Flight>,
    /// Nobody waits for it.
    background: bool,
}

/// A flight, and what whoever joins it gets.
struct UnderWay {
    needs: BTreeSet<Need>,
    since: i64,
    flight: Arc<Flight>,
}

/// Room for so many in a second, and for some at once.
#[derive(Debug)]
pub(crate) struct Room {
    left: f64,
    since: Instant,
}

impl Room {
    /// Room for so many at once.
    pub(crate) fn of(most: f64) -> Self {
        Room { left: most, since: Instant::now() }
    }

    /// Whether there is room for one more now; it comes back at `rate` in a second, up to `most`.
    pub(crate) fn has_one(&mut self, rate: f64, most: f64) -> bool {
        let now = Instant::now();
        self.left = (self.left + rate * now.duration_since(self.since).as_secs_f64()).min(most);
        self.since = now;
        self.left >= 1.0
    }

    /// Takes the room of one.
    pub(crate) fn take_one(&mut self) {
        self.left -= 1.0;
    }
}

/// What one registry is asked for.
struct Share {
    room: Room,
    busy: usize,
}

struct Inner {
    /// Who gathers for the rules of this generation.
    source: Arc<dyn Source>,
    entries: HashMap<String, Entry>,
    /// Digests that tags stood for, and when.
    tags: HashMap<String, (Digest, i64)>,
    bytes: usize,
    clock: u64,
    /// By the name that was asked for.
    flights: HashMap<String, UnderWay>,
    queue: VecDeque<Job>,
    background: VecDeque<Job>,
    background_busy: usize,
    shares: HashMap<String, Share>,
    /// Counts what makes everything that was gathered before it worthless: see the module.
    generation: u64,
    counts: Counts,
    closed: bool,
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Looked up and found.
    pub hits: u64,
    /// Looked up and not found.
    pub misses: u64,
    /// Gathered.
    pub gathered: u64,
    /// Gathered with something missing because something failed.
    pub failed: u64,
    /// Thrown out to stay within the limit.
    pub evicted: u64,
    /// Kept now.
    pub entries: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Waiting to be gathered.
    pub waiting: u64,
}

/// Evidence by digest.
pub struct Store {
    inner: Mutex<Inner>,
    /// Somebody has something to do.
    work: Condvar,
    limits: Limits,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

/// The name that evidence is kept by: signatures stand in a repository, beside the image.
fn key(reference: &Reference, digest: &Digest) -> String {
    format!("{}@{digest}", reference.name())
}

impl Store {
    /// An empty one, without workers.
    pub fn new(source: Arc<dyn Source>, limits: Limits) -> Self {
        Store { inner: Mutex::new(Inner::new(source)), work: Condvar::new(), limits }
    }

    /// Starts the threads that gather. They end when the last hold on it from outside ends.
    pub fn start(self: &Arc<Self>, now: &Clock) {
        for _ in 0..self.limits.workers.max(1) {
            let (store, now) = (Arc::downgrade(self), now.clone());
            std::thread::spawn(move || {
                loop {
                    let Some(store) = store.upgrade() else { return };
                    if !store.work_once(&now) {
                        return;
                    }
                }
            });
        }
    }

    /// Ends the workers after what they have in hand.
    pub fn close(&self) {
        self.lock().closed = true;
        self.work.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing below panics half-way through a change: what a poisoned lock guards is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes another source and returns the generation of what it gathers. What was gathered by the old one stays, unless
    /// `forget`: then a generation begins, and those who wait for the old one are told to look again.
    pub(crate) fn replace_source(&self, source: Arc<dyn Source>, forget: bool) -> u64 {
        let mut inner = self.lock();
        inner.source = source;
        let mut void = Vec::new();
        if forget {
            inner.generation += 1;
            inner.entries.clear();
            inner.tags.clear();
            inner.bytes = 0;
            inner.queue.clear();
            inner.background.clear();
            void.extend(inner.flights.drain().map(|(_, under_way)| under_way.flight));
        }
        let generation = inner.generation;
        drop(inner);
        for flight in void {
            flight.end(Progress::Void);
        }
        generation
    }

    /// The generation of what is gathered now.
    pub(crate) fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// Gathers everything again that a scan was part of: advisories have changed. It stays good until then.
    pub fn refresh_scans(&self) {
        self.refresh(|entry| entry.needs.contains(&Need::Scan));
    }

    /// Gathers again what is old.
    pub fn refresh_old(&self, now: i64) {
        let oldest = now.saturating_sub(self.limits.refresh);
        self.refresh(|entry| entry.held.at < oldest);
    }

    fn refresh(&self, due: impl Fn(&Entry) -> bool) {
        let mut inner = self.lock();
        let Inner { entries, background, generation, .. } = &mut *inner;
        for (key, entry) in entries {
            if !entry.stale && due(entry) {
                entry.stale = true;
                background.push_back(Job {
                    key: key.clone(),
                    reference: entry.reference.clone(),
                    needs: entry.needs.clone(),
                    since: i64::MAX,
                    flight: Flight::new(&entry.reference, &entry.needs, *generation),
                    background: true,
                });
            }
        }
        drop(inner);
        self.work.notify_all();
    }

    /// The digest that a name stands for, as far as is known.
    pub fn digest(&self, reference: &Reference, now: i64) -> Option<Digest> {
        match reference.digest() {
            Some(digest) => Some(digest.clone()),
            None => self.lock().tag(&reference.to_string(), now, self.limits.tag_age),
        }
    }

    /// What is known of an image for the rules of a generation, when it is all that is needed.
    pub(crate) fn look(
        &self,
        reference: &Reference,
        needs: &BTreeSet<Need>,
        now: i64,
        generation: u64,
    ) -> Option<Held> {
        let mut inner = self.lock();
        let digest = match reference.digest() {
            Some(digest) => Some(digest.clone()),
            None => inner.tag(&reference.to_string(), now, self.limits.tag_age),
        };
        let found = digest.and_then(|digest| inner.entry(&key(reference, &digest), needs, generation));
        match found {
            Some(_) => inner.counts.hits += 1,
            None => inner.counts.misses += 1,
        }
        found
    }

    /// Has it looked at for the rules of a generation, when what is known was not gathered at `since` or later; `None` when
    /// too many wait already. Whoever has the rules of another generation is told to look again.
    pub(crate) fn ask(
        &self,
        reference: &Reference,
        needs: &BTreeSet<Need>,
        since: i64,
        generation: u64,
    ) -> Option<Arc<Flight>> {
        let mut inner = self.lock();
        if generation != inner.generation {
            let flight = Flight::new(reference, needs, generation);
            flight.end(Progress::Void);
            return Some(flight);
        }
        let key = reference.to_string();
        // A flight that is asked to find out less, or may come back with less, does not do.
        if let Some(under_way) = inner.flights.get(&key)
            && under_way.needs.is_superset(needs)
            && under_way.since >= since
        {
            return Some(under_way.flight.clone());
        }
        if inner.queue.len() >= MOST_WAITING || inner.closed {
            return None;
        }
        let flight = Flight::new(reference, needs, generation);
        let under_way = UnderWay { needs: needs.clone(), since, flight: flight.clone() };
        inner.flights.insert(key.clone(), under_way);
        inner.queue.push_back(Job {
            key,
            reference: reference.clone(),
            needs: needs.clone(),
            since,
            flight: flight.clone(),
            background: false,
        });
        drop(inner);
        self.work.notify_one();
        Some(flight)
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        let inner = self.lock();
        Counts {
            entries: inner.entries.len() as u64,
            bytes: inner.bytes as u64,
            waiting: (inner.queue.len() + inner.background.len()) as u64,
            ..inner.counts
        }
    }

    /// Waits for one job and does it. `false`: there will be no more.
    fn work_once(&self, now: &Clock) -> bool {
        let mut inner = self.lock();
        let job = loop {
            if inner.closed {
                return false;
            }
            if let Some(job) = inner.next(&self.limits) {
                break job;
            }
            let idle = inner.queue.is_empty() && inner.background.is_empty();
            // Wakes up now and then even without work, to see whether anybody still holds the store.
            let wait = if idle { Duration::from_millis(500) } else { PAUSE };
            let (back, timeout) = self.work.wait_timeout(inner, wait).unwrap_or_else(PoisonError::into_inner);
            inner = back;
            if idle && timeout.timed_out() {
                return true;
            }
        };
        // Together: what this source gathers is for the rules of this generation.
        let (generation, source) = (inner.generation, inner.source.clone());
        drop(inner);
        let registry = job.reference.name().registry().to_owned();
        let done = catch_unwind(AssertUnwindSafe(|| self.gather(&*source, &job, generation, now)));
        let done = done.unwrap_or_else(|_| {
            let reason = "the program failed while it gathered evidence";
            Gathering::failed(&job.reference, reason, generation, now())
        });
        self.land(&job, &registry, generation, done);
        true
    }

    /// Looks: first what a tag stands for, which may be known already.
    fn gather(&self, source: &dyn Source, job: &Job, generation: u64, now: &Clock) -> Gathering {
        let failed = |reason: &str| Gathering::failed(&job.reference, reason, generation, now());
        let only_digest = BTreeSet::from([Need::Digest]);
        let (pinned, digest) = match job.reference.digest() {
            Some(digest) => (job.reference.clone(), digest.clone()),
            None => {
                let resolved = source.gather(&job.reference, &only_digest);
                let digest = match &resolved.digest {
                    Known::Seen(digest) => digest.clone(),
                    Known::Missing(reason) => {
                        let mut failed = failed(reason);
                        let lasting = resolved.lasting;
                        failed.held.gathered =
                            Arc::new(Gathered { lasting, ..failed.held.gathered.as_ref().clone() });
                        return failed;
                    }
                };
                let Ok(pinned) = Reference::parse(&format!("{}@{digest}", job.reference.name())) else {
                    return failed("the registry answered with no digest");
                };
                if job.needs == only_digest {
                    let held = Held { gathered: Arc::new(resolved), at: now(), generation };
                    return Gathering { reference: pinned, needs: only_digest, held, new: true };
                }
                (pinned, digest)
            }
        };
        // Known under another tag, or by its digest.
        let known = self.lock().entry(&key(&pinned, &digest), &job.needs, generation);
        if let Some(held) = known.filter(|held| held.at >= job.since) {
            return Gathering { reference: pinned, needs: job.needs.clone(), held, new: false };
        }
        let gathered = source.gather(&pinned, &job.needs);
        if gathered.digest.seen().is_ok_and(|own| *own != digest) {
            return failed("the registry answered with another image");
        }
        let held = Held { gathered: Arc::new(gathered), at: now(), generation };
        Gathering { reference: pinned, needs: job.needs.clone(), held, new: true }
    }

    fn land(&self, job: &Job, registry: &str, generation: u64, done: Gathering) {
        let Gathering { reference: pinned, needs, held, new } = done;
        let mut inner = self.lock();
        inner.counts.gathered += 1;
        let whole = held.gathered.failures.is_empty();
        if !whole {
            inner.counts.failed += 1;
        }
        if let Some(share) = inner.shares.get_mut(registry) {
            share.busy = share.busy.saturating_sub(1);
        }
        if job.background {
            inner.background_busy = inner.background_busy.saturating_sub(1);
        }
        let current = inner.generation == generation;
        if let Some(digest) = pinned.digest()
            && current
        {
            // A name that was resolved is, whatever else went wrong after that.
            if job.reference.digest().is_none() {
                inner.remember_tag(&job.reference.to_string(), digest, held.at, self.limits.bytes);
            }
            let own = key(&pinned, digest);
            if whole && new {
                inner.keep(own, pinned, needs, held.clone(), self.limits.bytes);
            } else if job.background
                && let Some(entry) = inner.entries.get_mut(&own)
            {
                // It is still what was known; the next round tries again.
                entry.stale = false;
            }
        }
        if !job.background
            && inner
                .flights
                .get(&job.key)
                .is_some_and(|under_way| Arc::ptr_eq(&under_way.flight, &job.flight))
        {
            inner.flights.remove(&job.key);
        }
        drop(inner);
        job.flight.end(Progress::Landed(held));
        self.work.notify_all();
    }
}

/// What came of a job.
struct Gathering {
    /// With its digest, when that is known.
    reference: Reference,
    needs: BTreeSet<Need>,
    held: Held,
    /// It is not what was kept already.
    new: bool,
}

impl Gathering {
    /// Nothing is known, for a reason that may pass.
    fn failed(reference: &Reference, reason: &str, generation: u64, now: i64) -> Self {
        let gathered = Gathered { failures: vec![reason.to_owned()], ..Gathered::missing(reason) };
        let held = Held { gathered: Arc::new(gathered), at: now, generation };
        Gathering { reference: reference.clone(), needs: BTreeSet::new(), held, new: true }
    }
}

impl Inner {
    fn new(source: Arc<dyn Source>) -> Self {
        Inner {
            source,
            entries: HashMap::new(),
            tags: HashMap::new(),
            bytes: 0,
            clock: 0,
            flights: HashMap::new(),
            queue: VecDeque::new(),
            background: VecDeque::new(),
            background_busy: 0,
            shares: HashMap::new(),
            generation: 0,
            counts: Counts::default(),
            closed: false,
        }
    }

    fn tag(&self, name: &str, now: i64, age: i64) -> Option<Digest> {
        // A clock that was set back makes nothing fresh.
        let fresh = |at: i64| (0..=age).contains(&now.saturating_sub(at));
        self.tags.get(name).filter(|(_, at)| fresh(*at)).map(|(digest, _)| digest.clone())
    }

    fn remember_tag(&mut self, name: &str, digest: &Digest, now: i64, limit: usize) {
        let most = (limit / ENTRY_BYTES).max(16);
        if self.tags.len() >= most {
            // They live for seconds: whoever asks again gets it again.
            self.tags.clear();
        }
        self.tags.insert(name.to_owned(), (digest.clone(), now));
    }

    fn entry(&mut self, key: &str, needs: &BTreeSet<Need>, generation: u64) -> Option<Held> {
        self.clock += 1;
        let clock = self.clock;
        let entry = self.entries.get_mut(key)?;
        if entry.held.generation != generation || !entry.needs.is_superset(needs) {
            return None;
        }
        entry.used = clock;
        Some(entry.held.clone())
    }

    fn keep(&mut self, key: String, reference: Reference, needs: BTreeSet<Need>, held: Held, limit: usize) {
        let bytes = ENTRY_BYTES + 2 * key.len() + held.gathered.weight();
        // What alone is larger than everything that may be kept is used by those who wait for it, and not kept.
        if bytes > limit {
            return;
        }
        self.clock += 1;
        let entry = Entry { held, reference, needs, bytes, used: self.clock, stale: false };
        if let Some(old) = self.entries.insert(key, entry) {
            self.bytes -= old.bytes;
        }
        self.bytes += bytes;
        if self.bytes <= limit {
            return;
        }
        // To nine tenths at once, so that a full store does not sort for every image.
        let mut oldest: Vec<(u64, String)> =
            self.entries.iter().map(|(key, entry)| (entry.used, key.clone())).collect();
        oldest.sort_unstable();
        for (_, key) in oldest {
            if self.bytes <= limit / 10 * 9 {
                break;
            }
            if let Some(entry) = self.entries.remove(&key) {
                self.bytes -= entry.bytes;
                self.counts.evicted += 1;
            }
        }
    }

    /// The next job whose registry may be asked.
    fn next(&mut self, limits: &Limits) -> Option<Job> {
        let place = self.queue.iter().position(|job| may(&mut self.shares, job, limits));
        let job = match place {
            Some(place) => self.queue.remove(place)?,
            // One worker at a time for what nobody waits for.
            None if self.background_busy == 0 => {
                let place = self.background.iter().position(|job| may(&mut self.shares, job, limits))?;
                self.background_busy += 1;
                self.background.remove(place)?
            }
            None => return None,
        };
        if let Some(share) = self.shares.get_mut(job.reference.name().registry()) {
            share.busy += 1;
            share.room.take_one();
        }
        Some(job)
    }
}

/// Most registries of which it is remembered how much they were asked.
const MOST_SHARES: usize = 1_000;

/// Whether the registry of a job may be asked now.
fn may(shares: &mut HashMap<String, Share>, job: &Job, limits: &Limits) -> bool {
    let registry = job.reference.name().registry();
    let rate = f64::from(limits.per_second.max(1));
    if !shares.contains_key(registry) {
        if shares.len() >= MOST_SHARES {
            shares.retain(|_, share| share.busy > 0);
        }
        shares.insert(registry.to_owned(), Share { room: Room::of(rate), busy: 0 });
    }
    let Some(share) = shares.get_mut(registry) else { return false };
    // A registry that does not answer holds at most all but one of the workers.
    let most = limits.workers.saturating_sub(1).max(1);
    share.room.has_one(rate, rate) && share.busy < most
}
