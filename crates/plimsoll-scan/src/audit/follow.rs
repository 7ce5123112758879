//! A cluster that is followed: what runs in it now, kept up to date by watches, one thread for each kind of objects.
//!
//! What cannot be watched is missing by name, and is again when a watch breaks: until it is back, nobody knows what changed.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use plimsoll_kube::{Client, Event, Filter};
use plimsoll_model::audit::Missing;

use super::Collector;
use super::live::{Reading, Readings, missing, scopes};

/// How long to wait after a server that refused us was asked.
const AGAIN: Duration = Duration::from_secs(10);

/// After so many changes what is gone is let go.
const TIDY: u64 = 10_000;

/// What runs in a cluster, as it changes.
#[derive(Debug)]
pub struct Followed {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    collector: Collector,
    /// How many lists were not read to their end yet.
    listing: usize,
    /// What cannot be seen now, by kind and namespace.
    missing: BTreeMap<(String, String), Missing>,
    /// What could not be found out from the beginning.
    never: Vec<Missing>,
    /// Counts changes.
    version: u64,
    /// The version at which what is gone was let go.
    tidied: u64,
}

/// One kind in one namespace, or in all.
struct Stream {
    followed: Weak<Followed>,
    client: Client,
    reading: Reading,
    namespace: Option<String>,
}

impl Followed {
    /// Starts to follow a cluster, or these namespaces of it. The threads end after the last hold on it.
    pub fn start(
        client: &Client,
        readings: &Readings,
        namespaces: &[String],
        collector: Collector,
    ) -> Arc<Self> {
        let streams: Vec<(Reading, Option<String>)> = readings
            .all
            .iter()
            .flat_map(|reading| {
                scopes(reading, namespaces)
                    .into_iter()
                    .map(|namespace| (reading.clone(), namespace.map(str::to_owned)))
            })
            .collect();
        let state = State {
            collector,
            listing: streams.len(),
            missing: BTreeMap::new(),
            never: readings.missing.clone(),
            version: 0,
            tidied: 0,
        };
        let followed = Arc::new(Followed { state: Mutex::new(state), changed: Condvar::new() });
        for (reading, namespace) in streams {
            let stream =
                Stream { followed: Arc::downgrade(&followed), client: client.clone(), reading, namespace };
            std::thread::spawn(move || stream.run());
        }
        followed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something changed since `seen`, at most so long; the version that is there now.
    pub fn wait(&self, seen: u64, longest: Duration) -> u64 {
        let state = self.lock();
        let waited = self.changed.wait_timeout_while(state, longest, |state| state.version == seen);
        waited.unwrap_or_else(PoisonError::into_inner).0.version
    }

    /// Looks at everything that runs, with what cannot be seen; nothing while lists are being read, because half a list is a
    /// smaller cluster.
    pub fn look<T>(&self, look: impl FnOnce(&mut Collector, Vec<Missing>) -> T) -> Option<(u64, T)> {
        let mut state = self.lock();
        if state.listing > 0 {
            return None;
        }
        if state.version - state.tidied > TIDY {
            state.tidied = state.version;
            state.collector.tidy();
        }
        let missing = state.never.iter().chain(state.missing.values()).cloned().collect();
        Some((state.version, look(&mut state.collector, missing)))
    }
}

impl Stream {
    fn run(&self) {
        let (mut counted, mut lists) = (false, true);
        loop {
            let filter = Filter { namespace: self.namespace.as_deref(), ..Filter::default() };
            let outcome = self.client.follow(&self.reading.resource, &filter, &mut |event| {
                let Some(followed) = self.followed.upgrade() else { return ControlFlow::Break(()) };
                let mut state = followed.lock();
                match &event {
                    Event::Begin => {
                        if counted && !lists {
                            state.listing += 1;
                        }
                        (counted, lists) = (true, true);
                        state.collector.forget_in(&self.reading.resource.kind, self.namespace.as_deref());
                    }
                    Event::Complete => {
                        if lists {
                            state.listing = state.listing.saturating_sub(1);
                        }
                        lists = false;
                    }
                    Event::Applied(object) => state.collector.apply(object),
                    Event::Deleted(object) => state.collector.delete(object),
                    Event::Quiet => {}
                    Event::Trouble(error) => {
                        // One kind that cannot be listed does not hold up the others.
                        if lists {
                            state.listing = state.listing.saturating_sub(1);
                        }
                        (counted, lists) = (true, false);
                        state.missing.insert(self.key(), missing(&self.reading, error));
                    }
                }
                let was_missing =
                    !matches!(event, Event::Trouble(_)) && state.missing.remove(&self.key()).is_some();
                if !matches!(event, Event::Quiet | Event::Begin) || was_missing {
                    state.version += 1;
                    followed.changed.notify_all();
                }
                ControlFlow::Continue(())
            });
            let Some(followed) = self.followed.upgrade() else { return };
            let Err(error) = outcome else { return };
            // It does not pass by itself, but somebody may give us the right that is missing.
            let mut state = followed.lock();
            if lists {
                state.listing = state.listing.saturating_sub(1);
            }
            (counted, lists) = (true, false);
            let told = missing(&self.reading, &error);
            if state.missing.insert(self.key(), told.clone()) != Some(told) {
                state.version += 1;
                followed.changed.notify_all();
            }
            state.collector.forget_in(&self.reading.resource.kind, self.namespace.as_deref());
            drop(state);
            drop(followed);
            std::thread::sleep(AGAIN);
        }
    }

    fn key(&self) -> (String, String) {
        (self.reading.resource.to_string(), self.namespace.clone().unwrap_or_default())
    }
}
