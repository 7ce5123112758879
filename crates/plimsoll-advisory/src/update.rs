//! Fetching feeds: from their addresses ([`crate::feed::upstream`]) into a folder that [`crate::build()`] reads.
//!
//! What is known of each source stands in `state.json` of the folder. A request says what is there already; where a feed
//! has increments, only what changed is fetched. A file takes the place of the old one after its feed's reader has read
//! it: whatever fails before that, the last good state stays, and the failure is noted beside it. Sizes, numbers and the
//! time of all of it are bounded. One process at a time works on a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use plimsoll_http::{Client, Request, Response, Url, Validators};
use plimsoll_model::distribution::Release;
use plimsoll_model::{Algorithm, Digest, Ecosystem, Epss, Inventory, Kev};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::feed::upstream::{How, Remote, Repositories, TOPIC, Terms, Upstream, upstreams};
use crate::feed::{
    CveFacts, Cycle, FEEDS, Feed, HubStatement, Part, Sink, Unsupported, csaf, fedora, files, osv, updateinfo,
};
use crate::record::Record;

/// Where OSV.dev's export is.
const OSV: &str = "https://osv-vulnerabilities.storage.googleapis.com";
/// Where Fedora's updates are.
const BODHI: &str = "https://bodhi.fedoraproject.org";
/// How many updates a page of Bodhi's may have, and how many pages of one release are fetched.
const PAGE_ROWS: u64 = 100;
const MOST_PAGES: u64 = 200;
/// Where Red Hat's VEX is.
const RED_HAT: &str = "https://security.access.redhat.com/data/csaf/v2/vex";
/// Name of the archive of Red Hat's VEX, whatever its date.
const RED_HAT_ARCHIVE: &str = "redhat/csaf_vex_latest.tar.zst";

/// More changed records than this are fetched as a whole: many small requests are slower and ruder than one large one.
const MOST_CHANGED: usize = 500;
/// A whole is taken again after this time, in case a record was removed rather than changed.
const WHOLE_AFTER: Duration = Duration::from_hours(7 * 24);
/// Greatest archive, list of changes, and single record, in bytes.
const ARCHIVE_LIMIT: u64 = 4 << 30;
const LIST_LIMIT: u64 = 256 << 20;
const RECORD_LIMIT: u64 = 64 << 20;
/// Greatest state file in bytes.
const STATE_LIMIT: u64 = 16 << 20;

/// Greatest list of mirrors, catalogue, and index of a repository, in bytes.
const REPOSITORY_LIMIT: u64 = 16 << 20;
/// How many repositories a catalogue may name.
const MOST_TOPICS: usize = 500;

const STATE: &str = "state.json";
const STATE_FORM: u32 = 1;
const LOCK: &str = "lock";
/// Folders with files in the making begin with this.
const NEW: &str = ".new-";
/// How often it is looked whether another process is done.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How to fetch.
#[derive(Clone, Debug)]
pub struct UpdateOptions {
    /// A host that has all feeds: `https://HOST/PATH` is fetched from `MIRROR/HOST/PATH`.
    pub mirror: Option<Url>,
    /// Sources that are fetched at once.
    pub threads: usize,
    /// Now: stands in the state.
    pub now: Timestamp,
    /// Give up when the first host cannot be reached: somebody waits, and there is no network.
    pub impatient: bool,
}

/// Hears how it goes.
pub trait UpdateProgress: Sync {
    /// So many sources will be looked at.
    fn expect(&self, sources: usize);
    /// Another process works on the same folder and is waited for.
    fn waiting(&self);
    /// A source is looked at.
    fn begin(&self, source: &str);
    /// So many bytes more were read from the network.
    fn read(&self, bytes: u64);
    /// A source is done.
    fn end(&self, source: &str);
}

/// What is known of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SourceState {
    /// Last time the upstream was asked with success, RFC 3339; empty for never.
    pub checked: String,
    /// Last time that brought something new, RFC 3339.
    pub changed: String,
    /// What went wrong the last time, and when; absent when nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<UpdateFailure>,
    /// Time of the newest change that is there, for feeds with increments.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cursor: String,
    /// When the whole was fetched, for feeds with increments.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub whole: String,
    /// The files, by place.
    pub files: BTreeMap<String, FileState>,
}

/// Why a source could not be fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateFailure {
    /// When, RFC 3339.
    pub time: String,
    /// What was said.
    pub text: String,
}

/// What is known of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct FileState {
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified: Option<String>,
    size: u64,
}

/// What is known of a folder of feeds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct UpdateState {
    form: u32,
    /// Digest of the database that was built of the folder the last time; empty for none.
    pub built: String,
    /// Has nothing come since that database was built?
    pub fresh: bool,
    /// The sources, by name.
    pub sources: BTreeMap<String, SourceState>,
}

/// What became of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// Something new came.
    Changed,
    /// The upstream has nothing new.
    Unchanged,
    /// The upstream does not offer it.
    NotOffered,
    /// It could not be fetched; what was there before is still there.
    Failed {
        /// Why.
        text: String,
        /// Is there an earlier state?
        kept: bool,
    },
}

/// What became of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateReport {
    /// The sources that were looked at, by name.
    pub sources: BTreeMap<&'static str, Fetched>,
    /// What is known now.
    pub state: UpdateState,
}

impl UpdateReport {
    /// Did anything new come?
    pub fn changed(&self) -> bool {
        self.sources.values().any(|fetched| *fetched == Fetched::Changed)
    }
}

/// Why nothing could be fetched.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The folder cannot be used.
    #[error("cannot use the folder of feeds `{}`", path.display())]
    Folder {
        /// The folder or a file in it.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process had the folder for the whole time.
    #[error("another update works on `{}` and did not finish in time", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
}

/// Why one source failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Http(#[from] plimsoll_http::Error),
    #[error("cannot write `{}`", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("what came cannot be read")]
    Read(#[from] crate::Error),
    #[error("{0}")]
    Content(String),
    #[error("the time for the update is over")]
    Time,
}

impl UpdateState {
    /// What is known of `folder`. A state that cannot be read knows nothing: everything is then fetched again.
    pub fn read(folder: &Path) -> Self {
        let mut text = Vec::new();
        let read = File::open(folder.join(STATE))
            .and_then(|file| file.take(STATE_LIMIT).read_to_end(&mut text))
            .map(|_| serde_json::from_slice::<UpdateState>(&text));
        match read {
            Ok(Ok(state)) if state.form == STATE_FORM => state,
            _ => UpdateState { form: STATE_FORM, ..UpdateState::default() },
        }
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(NEW).tempfile_in(folder)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(folder.join(STATE))?;
        Ok(())
    }
}

/// Holds a folder of feeds: nobody else fetches into it or builds of it.
#[derive(Debug)]
pub struct Held {
    folder: PathBuf,
    _lock: File,
}

impl Held {
    /// Makes the folder if need be and waits for whoever works on it, as long as the client has time.
    pub fn take(folder: &Path, client: &Client, progress: &dyn UpdateProgress) -> Result<Self, UpdateError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |source| UpdateError::Folder { path, source }
        };
        fs::create_dir_all(folder).map_err(fail(folder))?;
        let path = folder.join(LOCK);
        // Never removed: a lock on a file that is gone holds nobody off.
        let lock = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(fail(&path))?;
        let mut waited = false;
        while let Err(error) = lock.try_lock() {
            match error {
                fs::TryLockError::WouldBlock => {}
                fs::TryLockError::Error(source) => return Err(fail(&path)(source)),
            }
            if !in_time(client) {
                return Err(UpdateError::Busy { path: folder.to_owned() });
            }
            if !waited {
                progress.waiting();
                waited = true;
            }
            client.settings().clock.sleep(LOOK_AGAIN);
        }
        // Left by processes that were killed: whoever made them held the lock.
        for entry in fs::read_dir(folder).map_err(fail(folder))?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(NEW) {
                let _ = fs::remove_file(entry.path()).or_else(|_| fs::remove_dir_all(entry.path()));
            }
        }
        Ok(Held { folder: folder.to_owned(), _lock: lock })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Notes of which database the folder is the origin.
    pub fn built(&self, digest: &str) -> Result<(), UpdateError> {
        let mut state = UpdateState::read(&self.folder);
        digest.clone_into(&mut state.built);
        state.fresh = true;
        self.store(&state)
    }

    fn store(&self, state: &UpdateState) -> Result<(), UpdateError> {
        state
            .write(&self.folder)
            .map_err(|source| UpdateError::Folder { path: self.folder.join(STATE), source })
    }
}

/// Is there time left?
fn in_time(client: &Client) -> bool {
    let settings = client.settings();
    settings.until.is_none_or(|until| settings.clock.now() < until)
}

/// Fetches `sources` into the folder that is held. The client's settings say until when.
///
/// # Errors
/// When the state cannot be written. A source that fails is in the report.
pub fn update(
    held: &Held,
    client: &Client,
    sources: &[&'static Upstream],
    options: &UpdateOptions,
    progress: &dyn UpdateProgress,
) -> Result<UpdateReport, UpdateError> {
    let state = UpdateState::read(&held.folder);
    let run = Run {
        held,
        client,
        options,
        progress,
        state: Mutex::new(state),
        unreachable: Mutex::new(BTreeMap::new()),
        answered: AtomicBool::new(false),
        offered: Mutex::new(Offered::NotAsked),
        broken: Mutex::new(None),
    };
    progress.expect(sources.len());
    let outcomes = Mutex::new(BTreeMap::new());
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(upstream) = sources.get(next.fetch_add(1, Ordering::Relaxed)) {
            progress.begin(upstream.source);
            let outcome = run.one(upstream);
            progress.end(upstream.source);
            locked(&outcomes).insert(upstream.source, outcome);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..options.threads.min(sources.len()) {
            scope.spawn(work);
        }
        work();
    });
    if let Some(error) = locked(&run.broken).take() {
        return Err(error);
    }
    let state = run.state.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let sources = outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    write_manifest(held, &state)?;
    Ok(UpdateReport { sources, state })
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The day of the last change, for sources that state no date of their own: see [`crate::build()`].
fn write_manifest(held: &Held, state: &UpdateState) -> Result<(), UpdateError> {
    let mut lines = BTreeSet::new();
    for source in state.sources.values() {
        let day = source.changed.get(..10).unwrap_or_default();
        for place in source.files.keys() {
            let parent = place.rsplit_once('/').map_or(place.as_str(), |(parent, _)| parent);
            for path in [place.as_str(), parent] {
                lines.insert(format!("{path}\t\t\tfetched {day}\n"));
            }
        }
    }
    let text = format!("file\trecords\tbytes\tsource\n{}", lines.into_iter().collect::<String>());
    let path = held.folder.join("MANIFEST.tsv");
    let written = tempfile::Builder::new().prefix(NEW).tempfile_in(&held.folder).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.persist(&path)?;
        Ok(())
    });
    written.map_err(|source| UpdateError::Folder { path, source })
}

struct Run<'run> {
    held: &'run Held,
    client: &'run Client,
    options: &'run UpdateOptions,
    progress: &'run dyn UpdateProgress,
    state: Mutex<UpdateState>,
    /// Hosts that did not answer, and why: every one is waited for only once.
    unreachable: Mutex<BTreeMap<String, plimsoll_http::Error>>,
    /// Some host has answered.
    answered: AtomicBool,
    /// The folders of OSV.dev's export.
    offered: Mutex<Offered>,
    /// The state cannot be written.
    broken: Mutex<Option<UpdateError>>,
}

/// What OSV.dev's export has.
enum Offered {
    NotAsked,
    Unknown,
    These(BTreeSet<String>),
}

/// What a request for a file gave.
enum Answer {
    New(Box<Response>),
    Same,
    Absent,
}

impl Run<'_> {
    fn one(&self, upstream: &'static Upstream) -> Fetched {
        let mut state = locked(&self.state).sources.get(upstream.source).cloned().unwrap_or_default();
        let now = self.options.now.to_string();
        let outcome = match upstream.how {
            How::Files(files) => self.files(upstream, &files(), &mut state),
            How::Osv(folder) => self.osv(upstream, folder, &mut state),
            How::Repositories(repositories) => self.repositories(upstream, repositories, &mut state),
            How::Bodhi => self.bodhi(upstream, &mut state),
            How::RedHatVex => self.red_hat(upstream, &mut state),
        };
        let fetched = match outcome {
            Ok(fetched) => {
                state.failure = None;
                if fetched != Fetched::NotOffered {
                    state.checked.clone_from(&now);
                }
                if fetched == Fetched::Changed {
                    state.changed.clone_from(&now);
                }
                fetched
            }
            Err(error) => {
                let text = plimsoll_model::one_line(&error);
                state.failure = Some(UpdateFailure { time: now, text: text.clone() });
                Fetched::Failed { text, kept: !state.checked.is_empty() }
            }
        };
        self.store(upstream.source, state, fetched == Fetched::Changed);
        fetched
    }

    /// Notes what is known now. With something new, the database is no longer the folder's.
    fn store(&self, source: &str, known: SourceState, changed: bool) {
        let mut state = locked(&self.state);
        if changed {
            state.fresh = false;
        }
        state.sources.insert(source.to_owned(), known);
        if let Err(error) = self.held.store(&state) {
            locked(&self.broken).get_or_insert(error);
        }
    }

    fn url(&self, url: &str) -> Result<Url, Failed> {
        match &self.options.mirror {
            None => Ok(Url::parse(url)?),
            Some(mirror) => {
                let place = url.split_once("://").map_or(url, |(_, place)| place);
                Ok(Url::parse(&format!("{}/{place}", mirror.with_secrets().trim_end_matches('/')))?)
            }
        }
    }

    fn in_time(&self) -> Result<(), Failed> {
        if in_time(self.client) { Ok(()) } else { Err(Failed::Time) }
    }

    /// Asks for a file, unless it is the one that is known.
    fn ask(&self, url: &Url, known: Option<&FileState>) -> Result<Answer, Failed> {
        self.in_time()?;
        let host = format!("{}:{}", url.host(), url.port());
        {
            let unreachable = locked(&self.unreachable);
            let offline = || {
                let nobody = self.options.impatient && !self.answered.load(Ordering::Relaxed);
                unreachable.values().next().filter(|_| nobody)
            };
            if let Some(error) = unreachable.get(&host).or_else(offline) {
                return Err(error.clone().into());
            }
        }
        let mut request = request(url);
        if let Some(FileState { etag, last_modified, .. }) = known {
            request =
                request.unless(&Validators { etag: etag.clone(), last_modified: last_modified.clone() });
        }
        let response = self.client.send(&request).inspect_err(|error| {
            use plimsoll_http::Error::{Connect, Resolve};
            if matches!(error, Connect { .. } | Resolve { .. }) {
                locked(&self.unreachable).insert(host, error.clone());
            }
        })?;
        self.answered.store(true, Ordering::Relaxed);
        match response.status() {
            304 if known.is_some() => Ok(Answer::Same),
            200 => Ok(Answer::New(Box::new(response))),
            404 | 410 => Ok(Answer::Absent),
            _ => Err(response.refusal().into()),
        }
    }

    /// The content of an answer. A cut is overcome, the time and the size are bounded.
    fn body(&self, response: Response, url: &Url, limit: u64) -> Result<impl Read, Failed> {
        if response.length().is_some_and(|length| length > limit) {
            return Err(plimsoll_http::Error::TooLarge { url: url.clone(), limit }.into());
        }
        let (client, again, again_url) = (self.client.clone(), request(url), url.clone());
        let open = move |range: Option<&plimsoll_http::Range>| {
            if !in_time(&client) {
                let after = client.settings().idle_timeout;
                return Err(plimsoll_http::Error::Timeout { url: again_url.clone(), after });
            }
            match range {
                Some(range) => client.send(&again.clone().range(range)),
                None => client.send(&again),
            }
        };
        let inner = self.client.resume_by(response, Box::new(open), false, limit);
        Ok(Timed { inner, run: self, over: false })
    }

    fn small(&self, url: &str, limit: u64) -> Result<Option<Vec<u8>>, Failed> {
        let url = self.url(url)?;
        let Answer::New(response) = self.ask(&url, None)? else { return Ok(None) };
        let mut bytes = Vec::new();
        self.body(*response, &url, limit)?.read_to_end(&mut bytes).map_err(|error| reading(&error))?;
        Ok(Some(bytes))
    }

    /// Writes an answer into a file of this name in a folder of its own, to be checked before it gets its place.
    fn download(&self, response: Box<Response>, url: &Url, name: &str, limit: u64) -> Result<New, Failed> {
        let validators = response.validators();
        let folder = tempfile::Builder::new()
            .prefix(NEW)
            .tempdir_in(&self.held.folder)
            .map_err(|source| Failed::Write { path: self.held.folder.clone(), source })?;
        let path = folder.path().join(name);
        let write = |source| Failed::Write { path: path.clone(), source };
        let mut file = File::create(&path).map_err(write)?;
        let mut body = self.body(*response, url, limit)?;
        let mut buffer = vec![0; 1 << 16];
        let mut size = 0;
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(reading(&error)),
            };
            file.write_all(&buffer[..count]).map_err(write)?;
            size += count as u64;
        }
        file.sync_all().map_err(write)?;
        let Validators { etag, last_modified } = validators;
        Ok(New { _folder: folder, path, state: FileState { etag, last_modified, size } })
    }

    /// Lets the feed's reader read what came: nothing gets its place that could not be built of.
    fn check(upstream: &Upstream, new: &New, may_be_empty: bool) -> Result<(), Failed> {
        is_whole(&new.path)?;
        let part = Part { source: upstream.source.to_owned(), path: new.path.clone(), licence: "" };
        let mut counted = Counted::default();
        (feed_of(upstream).read)(&part, &mut counted)?;
        if counted.taken == 0 && !may_be_empty {
            return Err(Failed::Content(match counted.first {
                Some((reason, example)) => format!("what came holds no record: {reason} ({example})"),
                None => "what came holds no record".to_owned(),
            }));
        }
        Ok(())
    }

    /// Gives a file its place.
    fn place(&self, new: New, place: &str) -> Result<FileState, Failed> {
        let path = self.held.folder.join(place);
        let write = |source| Failed::Write { path: path.clone(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(write)?;
        }
        fs::rename(&new.path, &path).map_err(write)?;
        Ok(new.state)
    }

    /// What is known of a file that is still as it was written.
    fn known<'state>(&self, state: &'state SourceState, place: &str) -> Option<&'state FileState> {
        let known = state.files.get(place)?;
        let there = fs::metadata(self.held.folder.join(place)).ok()?;
        (there.len() == known.size).then_some(known)
    }

    fn files(
        &self,
        upstream: &'static Upstream,
        files: &[Remote],
        state: &mut SourceState,
    ) -> Result<Fetched, Failed> {
        self.each(upstream, files, state, None, |remote, state| self.file(upstream, remote, state))
    }

    /// Asks for one after the other; `failed` is what went wrong before.
    fn each<T>(
        &self,
        upstream: &'static Upstream,
        all: impl IntoIterator<Item = T>,
        state: &mut SourceState,
        mut failed: Option<Failed>,
        ask: impl Fn(T, &mut SourceState) -> Result<bool, Failed>,
    ) -> Result<Fetched, Failed> {
        let mut fetched = Fetched::Unchanged;
        for one in all {
            match ask(one, state) {
                Ok(true) => {
                    fetched = Fetched::Changed;
                    // Kept at once: the next one may take long.
                    self.store(upstream.source, state.clone(), true);
                }
                Ok(false) => {}
                // The others are still worth having, unless time is over.
                Err(error @ Failed::Time) => return Err(error),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(fetched), Err)
    }

    /// Is the file another one now?
    fn file(
        &self,
        upstream: &'static Upstream,
        remote: &Remote,
        state: &mut SourceState,
    ) -> Result<bool, Failed> {
        let url = self.url(&remote.url)?;
        match self.ask(&url, self.known(state, &remote.place))? {
            Answer::Same => Ok(false),
            // One that was taken away upstream stays: its distribution's release ended, its flaws did not.
            Answer::Absent if remote.optional => Ok(false),
            Answer::Absent => Err(Failed::Content(format!("`{url}` is not there"))),
            Answer::New(response) => {
                let name = remote.place.rsplit('/').next().unwrap_or_default();
                let new = self.download(response, &url, name, remote.limit)?;
                Self::check(upstream, &new, remote.optional)?;
                let known = self.place(new, &remote.place)?;
                state.files.insert(remote.place.clone(), known);
                Ok(true)
            }
        }
    }

    /// The lists of updates of a source's repositories.
    fn repositories(
        &self,
        upstream: &'static Upstream,
        repositories: &Repositories,
        state: &mut SourceState,
    ) -> Result<Fetched, Failed> {
        let mut all: Vec<(String, String, bool)> = repositories
            .fixed
            .iter()
            .map(|repository| (repository.mirrors.to_owned(), repository.place.to_owned(), true))
            .collect();
        let mut failed = None;
        if let Some(of_catalog) = &repositories.catalog {
            match self.topics(repositories.catalog_url) {
                Ok(topics) => all.extend(topics.iter().map(|topic| {
                    let named = |text: &str| text.replace(TOPIC, topic);
                    (named(of_catalog.mirrors), named(of_catalog.place), false)
                })),
                Err(error @ Failed::Time) => return Err(error),
                Err(error) => failed = Some(error),
            }
        }
        self.each(upstream, all, state, failed, |(mirrors, place, required), state| {
            self.repository(upstream, &mirrors, &place, required, state)
        })
    }

    /// The names of a catalogue of repositories.
    fn topics(&self, url: &str) -> Result<BTreeSet<String>, Failed> {
        #[derive(Deserialize)]
        struct Catalog {
            topics: Vec<Topic>,
        }
        #[derive(Deserialize)]
        struct Topic {
            n: String,
        }
        let Some(text) = self.small(url, REPOSITORY_LIMIT)? else {
            return Err(Failed::Content(format!("`{url}` is not there")));
        };
        let catalog: Catalog = serde_json::from_slice(&text)
            .map_err(|error| Failed::Content(format!("`{url}` is no catalogue: {error}")))?;
        let topics: BTreeSet<String> = catalog.topics.into_iter().map(|topic| topic.n).collect();
        if topics.len() > MOST_TOPICS || !topics.iter().all(|topic| is_plain_id(topic)) {
            return Err(Failed::Content(format!(
                "`{url}` names too many repositories, or one that is no name"
            )));
        }
        Ok(topics)
    }

    /// Is a repository's list of updates another one now?
    fn repository(
        &self,
        upstream: &'static Upstream,
        mirrors: &str,
        place: &str,
        required: bool,
        state: &mut SourceState,
    ) -> Result<bool, Failed> {
        let absent = |url: &str| {
            if required { Err(Failed::Content(format!("`{url}` is not there"))) } else { Ok(false) }
        };
        let Some(list) = self.small(mirrors, REPOSITORY_LIMIT)? else { return absent(mirrors) };
        let list = String::from_utf8_lossy(&list);
        let Some(base) = updateinfo::mirror(&list) else {
            return Err(Failed::Content(format!("`{mirrors}` names no mirror")));
        };
        let index = format!("{base}/repodata/repomd.xml");
        let index_url = self.url(&index)?;
        // The index is not kept, only what the server says of it.
        let index_place = format!("{place} repomd.xml");
        let known = self.known(state, place).and_then(|_| state.files.get(&index_place).cloned());
        let response = match self.ask(&index_url, known.as_ref())? {
            Answer::Same => return Ok(false),
            Answer::Absent => return absent(&index),
            Answer::New(response) => response,
        };
        let Validators { etag, last_modified } = response.validators();
        let mut text = Vec::new();
        self.body(*response, &index_url, REPOSITORY_LIMIT)?
            .read_to_end(&mut text)
            .map_err(|error| reading(&error))?;
        let Some(found) = updateinfo::listed(&text)
            .map_err(|reason| Failed::Content(format!("`{index}` cannot be read: {reason}")))?
        else {
            // One without updates has no list of them.
            return absent(&format!("{index}` with a list of updates, `updateinfo"));
        };
        let changed = if self.has_digest(place, &found.sha256) {
            false
        } else {
            let url = self.url(&format!("{base}/{}", found.path))?;
            let Answer::New(response) = self.ask(&url, None)? else {
                return Err(Failed::Content(format!("`{url}` is not there")));
            };
            let name = place.rsplit('/').next().unwrap_or_default();
            let new = self.download(response, &url, name, LIST_LIMIT)?;
            if digest_of(&new.path).as_deref() != Some(found.sha256.as_str()) {
                return Err(Failed::Content(format!(
                    "`{url}` is not what `repomd.xml` says: another SHA-256"
                )));
            }
            Self::check(upstream, &new, !required)?;
            let known = self.place(new, place)?;
            state.files.insert(place.to_owned(), known);
            true
        };
        state.files.insert(index_place, FileState { etag, last_modified, size: 0 });
        Ok(changed)
    }

    /// Is the file with this digest there already?
    fn has_digest(&self, place: &str, sha256: &str) -> bool {
        digest_of(&self.held.folder.join(place)).as_deref() == Some(sha256)
    }

    /// Fedora's security updates: all pages of every release that lives, or those that changed since.
    fn bodhi(&self, upstream: &'static Upstream, state: &mut SourceState) -> Result<Fetched, Failed> {
        let since = if self.wants_whole(state) { None } else { state.cursor.parse::<Timestamp>().ok() };
        let mut fetched = Fetched::Unchanged;
        for release in self.bodhi_releases()? {
            // All pages are there before one takes its place.
            let pages = self.bodhi_pages(&release, since)?;
            if pages.is_empty() {
                continue;
            }
            let folder = format!("fedora/{release}");
            if since.is_none() {
                self.drop_changes(upstream, state, &folder)?;
                state.files.retain(|place, _| !place.starts_with(&format!("{folder}/")));
            }
            for (page, new) in (1..).zip(pages) {
                Self::check(upstream, &new, true)?;
                let place = match since {
                    None => format!("{folder}/page-{page:04}.json"),
                    Some(_) => format!("{folder}/changed-{}-{page:04}.json", self.options.now.as_second()),
                };
                let known = self.place(new, &place)?;
                state.files.insert(place, known);
            }
            fetched = Fetched::Changed;
        }
        // What changed while this was fetched is asked for again.
        state.cursor = self.options.now.to_string();
        if since.is_none() {
            state.whole.clone_from(&state.cursor);
        }
        Ok(fetched)
    }

    /// Fedora's numbered releases that get updates: `F42`.
    fn bodhi_releases(&self) -> Result<BTreeSet<String>, Failed> {
        #[derive(Deserialize)]
        struct Releases {
            releases: Vec<Release>,
        }
        #[derive(Deserialize)]
        struct Release {
            name: String,
            id_prefix: String,
        }
        let url = format!("{BODHI}/releases/?state=current&rows_per_page={PAGE_ROWS}");
        let Some(text) = self.small(&url, REPOSITORY_LIMIT)? else {
            return Err(Failed::Content(format!("`{url}` is not there")));
        };
        let list: Releases = serde_json::from_slice(&text)
            .map_err(|error| Failed::Content(format!("`{url}` is no list of releases: {error}")))?;
        let is_numbered = |name: &str| {
            name.strip_prefix('F').is_some_and(|number| {
                (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        let releases: BTreeSet<String> = list
            .releases
            .into_iter()
            .filter(|release| release.id_prefix == "FEDORA" && is_numbered(&release.name))
            .map(|release| release.name)
            .collect();
        if releases.is_empty() {
            return Err(Failed::Content(format!("`{url}` names no release")));
        }
        Ok(releases)
    }

    /// The pages of one release, without those that hold nothing.
    fn bodhi_pages(&self, release: &str, since: Option<Timestamp>) -> Result<Vec<New>, Failed> {
        let since = since.map(|since| since.strftime("&modified_since=%Y-%m-%dT%H:%M:%S").to_string());
        let mut pages = Vec::new();
        for number in 1..=MOST_PAGES {
            let url = self.url(&format!(
                "{BODHI}/updates/?releases={release}&type=security&status=stable&rows_per_page={PAGE_ROWS}&page={number}{}",
                since.as_deref().unwrap_or_default()
            ))?;
            let Answer::New(response) = self.ask(&url, None)? else {
                return Err(Failed::Content(format!("`{url}` is not there")));
            };
            let new = self.download(response, &url, "page.json", LIST_LIMIT)?;
            let page: fedora::Page = serde_json::from_reader(files::stream(&new.path)?)
                .map_err(|error| Failed::Content(format!("`{url}` is no page of updates: {error}")))?;
            if !page.is_empty() {
                pages.push(new);
            }
            if number >= page.pages {
                return Ok(pages);
            }
        }
        Err(Failed::Content(format!("Fedora's {release} has more than {MOST_PAGES} pages of updates")))
    }

    /// Does OSV.dev offer this folder? Where its list cannot be read, the folder itself will tell.
    fn offers(&self, folder: &str) -> Result<bool, Failed> {
        let mut offered = locked(&self.offered);
        if matches!(*offered, Offered::NotAsked) {
            *offered = match self.small(&format!("{OSV}/ecosystems.txt"), 1 << 20) {
                Ok(Some(list)) => {
                    let text = String::from_utf8_lossy(&list);
                    Offered::These(text.lines().map(|line| line.trim().to_owned()).collect())
                }
                Err(Failed::Time) => return Err(Failed::Time),
                Ok(None) | Err(_) => Offered::Unknown,
            };
        }
        Ok(match &*offered {
            Offered::These(folders) => folders.contains(folder),
            Offered::NotAsked | Offered::Unknown => true,
        })
    }

    /// Is it time for the whole again?
    fn wants_whole(&self, state: &SourceState) -> bool {
        let Ok(whole) = state.whole.parse::<Timestamp>() else { return true };
        let age = self.options.now.duration_since(whole);
        age.is_negative() || age.unsigned_abs() > WHOLE_AFTER || state.cursor.is_empty()
    }

    fn osv(
        &self,
        upstream: &'static Upstream,
        folder: &str,
        state: &mut SourceState,
    ) -> Result<Fetched, Failed> {
        if !self.offers(folder)? {
            return Ok(Fetched::NotOffered);
        }
        let escaped = folder.replace(' ', "%20");
        let all = format!("osv/{folder}/all.zip");
        let list = format!("osv/{folder}/modified_id.csv");
        let there = self.known(state, &all).is_some() && !self.wants_whole(state);
        let since = if there { state.cursor.parse().ok() } else { None };
        let list_url = self.url(&format!("{OSV}/{escaped}/modified_id.csv"))?;
        // The list is not kept, only what the server says of it.
        let known = since.and_then(|_: Timestamp| state.files.get(&list).cloned());
        let mut newest = None;
        let mut list_state = None;
        match self.ask(&list_url, known.as_ref())? {
            Answer::Same => return Ok(Fetched::Unchanged),
            Answer::Absent => {}
            Answer::New(response) => {
                let Validators { etag, last_modified } = response.validators();
                list_state = Some(FileState { etag, last_modified, size: 0 });
                let changes = self.changes(response, &list_url, since, &osv_change)?;
                newest = changes.newest;
                if let (Some(_), Some(ids)) = (since, changes.entries) {
                    let changed = self.changed_records(upstream, folder, &escaped, &ids)?;
                    if let Some(changed) = changed {
                        state.cursor = newest.map_or(state.cursor.clone(), |date| date.to_string());
                        state.files.extend(list_state.map(|known| (list, known)));
                        return Ok(if changed { Fetched::Changed } else { Fetched::Unchanged });
                    }
                }
            }
        }
        let url = self.url(&format!("{OSV}/{escaped}/all.zip"))?;
        let fetched = match self.ask(&url, self.known(state, &all).filter(|_| state.cursor.is_empty()))? {
            Answer::Absent => return Err(Failed::Content(format!("`{url}` is not there"))),
            Answer::Same => Fetched::Unchanged,
            Answer::New(response) => {
                let new = self.download(response, &url, "all.zip", ARCHIVE_LIMIT)?;
                Self::check(upstream, &new, false)?;
                self.drop_changes(upstream, state, &format!("osv/{folder}/{}", osv::CHANGED))?;
                let known = self.place(new, &all)?;
                state.files.insert(all, known);
                Fetched::Changed
            }
        };
        // What changed between the list and the archive is in the archive, and will be fetched once more.
        state.cursor = newest.map_or_else(String::new, |date: Timestamp| date.to_string());
        state.whole = self.options.now.to_string();
        state.files.extend(list_state.map(|known| (list, known)));
        Ok(fetched)
    }

    /// Removes single records before a whole takes their place. Killed in between, the next update takes the whole.
    fn drop_changes(&self, upstream: &Upstream, state: &mut SourceState, folder: &str) -> Result<(), Failed> {
        state.cursor.clear();
        state.whole.clear();
        self.store(upstream.source, state.clone(), true);
        let path = self.held.folder.join(folder);
        match fs::remove_dir_all(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Failed::Write { path, source }),
            _ => Ok(()),
        }
    }

    /// Reads a list of changes, the newest first, down to `since`.
    fn changes(
        &self,
        response: Box<Response>,
        url: &Url,
        since: Option<Timestamp>,
        parse: &dyn Fn(&str) -> Option<(&str, &str)>,
    ) -> Result<Changes, Failed> {
        let mut reader = BufReader::new(self.body(*response, url, LIST_LIMIT)?);
        let mut changes = Changes { newest: None, entries: Some(BTreeSet::new()) };
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line);
            if read.map_err(|error| reading(&error))? == 0 {
                return Ok(changes);
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            let entry = parse(text).and_then(|(date, id)| Some((date.parse::<Timestamp>().ok()?, id)));
            let Some((date, id)) = entry else {
                return Err(Failed::Content(format!(
                    "the list of changes holds a line that cannot be read: {}",
                    text.chars().take(80).collect::<String>()
                )));
            };
            changes.newest = changes.newest.max(Some(date));
            let Some(since) = since else { return Ok(changes) };
            // One that is as old as the last one may have come after it in the same second.
            if date < since {
                return Ok(changes);
            }
            let full = changes.entries.as_mut().is_none_or(|entries| {
                entries.insert(id.to_owned());
                entries.len() > MOST_CHANGED
            });
            if full {
                changes.entries = None;
                return Ok(changes);
            }
        }
    }

    /// Fetches single records. `None`: one is gone, so only the whole tells what is there.
    fn changed_records(
        &self,
        upstream: &'static Upstream,
        folder: &str,
        escaped: &str,
        ids: &BTreeSet<String>,
    ) -> Result<Option<bool>, Failed> {
        let mut changed = false;
        for id in ids {
            let name = format!("{id}.json");
            let url = self.url(&format!("{OSV}/{escaped}/{id}.json"))?;
            let Answer::New(response) = self.ask(&url, None)? else { return Ok(None) };
            let new = self.download(response, &url, &name, RECORD_LIMIT)?;
            // A record may hold nothing for this folder any more, but it must be one.
            let mut counted = Counted::default();
            let part = Part { source: upstream.source.to_owned(), path: new.path.clone(), licence: "" };
            (osv::OSV.read)(&part, &mut counted)?;
            if let Some((reason, _)) = counted.first.filter(|_| counted.taken == 0) {
                return Err(Failed::Content(format!("`{url}` is no record: {reason}")));
            }
            let place = format!("osv/{folder}/{}/{name}", osv::CHANGED);
            changed |= !self.same(&new.path, &place);
            self.place(new, &place)?;
        }
        Ok(Some(changed))
    }

    /// Is a small file there already, byte by byte?
    fn same(&self, new: &Path, place: &str) -> bool {
        let old = self.held.folder.join(place);
        let sizes = (fs::metadata(new).map(|file| file.len()), fs::metadata(&old).map(|file| file.len()));
        matches!(sizes, (Ok(new), Ok(old)) if new == old && new <= RECORD_LIMIT)
            && matches!((fs::read(new), fs::read(&old)), (Ok(new), Ok(old)) if new == old)
    }

    fn red_hat(&self, upstream: &'static Upstream, state: &mut SourceState) -> Result<Fetched, Failed> {
        let there = self.known(state, RED_HAT_ARCHIVE).is_some() && !self.wants_whole(state);
        let since = if there { state.cursor.parse().ok() } else { None };
        let list = "redhat/changes.csv".to_owned();
        let list_url = self.url(&format!("{RED_HAT}/changes.csv"))?;
        let known = since.and_then(|_: Timestamp| state.files.get(&list).cloned());
        let response = match self.ask(&list_url, known.as_ref())? {
            Answer::Same => return Ok(Fetched::Unchanged),
            Answer::Absent => return Err(Failed::Content(format!("`{list_url}` is not there"))),
            Answer::New(response) => response,
        };
        let Validators { etag, last_modified } = response.validators();
        let list_state = FileState { etag, last_modified, size: 0 };
        let changes = self.changes(response, &list_url, since, &red_hat_change)?;
        let cursor = changes.newest.map_or_else(|| state.cursor.clone(), |date| date.to_string());
        if let (Some(_), Some(paths)) = (since, changes.entries) {
            let mut changed = false;
            let mut gone = false;
            for path in &paths {
                let url = self.url(&format!("{RED_HAT}/{path}"))?;
                let Answer::New(response) = self.ask(&url, None)? else {
                    gone = true;
                    break;
                };
                let name = path.rsplit('/').next().unwrap_or_default();
                let new = self.download(response, &url, name, RECORD_LIMIT)?;
                let mut counted = Counted::default();
                let part = Part { source: upstream.source.to_owned(), path: new.path.clone(), licence: "" };
                (csaf::CSAF.read)(&part, &mut counted)?;
                if let Some((reason, _)) = counted.rejected {
                    return Err(Failed::Content(format!("`{url}` is no VEX document: {reason}")));
                }
                let place = format!("redhat/{}/{path}", csaf::NEWER);
                changed |= !self.same(&new.path, &place);
                self.place(new, &place)?;
            }
            if !gone {
                changed |= self.deletions(state)?;
                state.cursor = cursor;
                state.files.insert(list, list_state);
                return Ok(if changed { Fetched::Changed } else { Fetched::Unchanged });
            }
        }
        let latest = self.small(&format!("{RED_HAT}/archive_latest.txt"), 4096)?;
        let latest =
            latest.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()).unwrap_or_default();
        let is_archive =
            latest.starts_with("csaf_vex_") && latest.strip_suffix(".tar.zst").is_some_and(is_plain_id);
        if !is_archive {
            return Err(Failed::Content(format!(
                "`archive_latest.txt` does not name an archive, but `{}`",
                latest.chars().take(80).collect::<String>()
            )));
        }
        let url = self.url(&format!("{RED_HAT}/{latest}"))?;
        let Answer::New(response) = self.ask(&url, None)? else {
            return Err(Failed::Content(format!("`{url}` is not there")));
        };
        let new = self.download(response, &url, "csaf_vex_latest.tar.zst", ARCHIVE_LIMIT)?;
        Self::check(upstream, &new, false)?;
        // The archive is made once a day: what changed since its day is not in it.
        let day = latest.trim_start_matches("csaf_vex_").trim_end_matches(".tar.zst");
        let made = format!("{day}T00:00:00Z").parse::<Timestamp>().ok();
        self.drop_changes(upstream, state, &format!("redhat/{}", csaf::NEWER))?;
        let known = self.place(new, RED_HAT_ARCHIVE)?;
        state.files.insert(RED_HAT_ARCHIVE.to_owned(), known);
        state.cursor = made.map_or(cursor, |made| made.to_string());
        state.whole = self.options.now.to_string();
        state.files.remove(&list);
        self.deletions(state)?;
        Ok(Fetched::Changed)
    }

    /// Documents that Red Hat took back after the archive was made.
    fn deletions(&self, state: &mut SourceState) -> Result<bool, Failed> {
        let place = format!("redhat/{}/deletions.csv", csaf::NEWER);
        let url = self.url(&format!("{RED_HAT}/deletions.csv"))?;
        let known = self.known(state, &place);
        let Answer::New(response) = self.ask(&url, known)? else { return Ok(false) };
        let new = self.download(response, &url, "deletions.csv", LIST_LIMIT)?;
        let known = self.place(new, &place)?;
        state.files.insert(place, known);
        Ok(true)
    }
}

/// Longest line of a list of changes in bytes.
const LONGEST_LINE: u64 = 4096;

struct Changes {
    newest: Option<Timestamp>,
    /// What changed; `None` when it is too much.
    entries: Option<BTreeSet<String>>,
}

/// Date and id of a line of OSV.dev's `modified_id.csv`: `2026-11-20T10:00:00Z,GHSA-1`.
fn osv_change(line: &str) -> Option<(&str, &str)> {
    let (date, id) = line.split_once(',')?;
    is_plain_id(id).then_some((date, id))
}

/// Date and path of a line of Red Hat's `changes.csv`: `"2024/cve-2024-1.json","2026-11-20T10:00:00+00:00"`.
fn red_hat_change(line: &str) -> Option<(&str, &str)> {
    let (path, date) = line.split_once(',')?;
    let (path, date) = (path.trim().trim_matches('"'), date.trim().trim_matches('"'));
    let (year, name) = path.split_once('/')?;
    let plain = year.len() == 4
        && year.bytes().all(|byte| byte.is_ascii_digit())
        && name.strip_suffix(".json").is_some_and(is_plain_id);
    plain.then_some((date, path))
}

/// For the fuzzer: any line of a list of changes names files below the folder and nothing else.
pub(crate) fn read_arbitrary_line(line: &str) {
    if let Some(mirror) = updateinfo::mirror(line) {
        assert!(mirror.starts_with("https://") && !mirror.contains(char::is_whitespace), "{mirror}");
    }
    for (_, path) in [osv_change(line), red_hat_change(line)].into_iter().flatten() {
        let names = path.split('/').all(|name| !name.is_empty() && !name.starts_with('.'));
        assert!(names && path.split('/').count() <= 2 && !path.starts_with('/'), "{path}");
    }
}

/// An id that is a file name and a part of an address as it stands.
fn is_plain_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 150
        && !id.starts_with('.')
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
}

/// Feeds are long texts: whoever can send them compressed shall. They are kept as they come; readers tell by the bytes.
fn request(url: &Url) -> Request {
    Request::get(url.clone()).header("accept-encoding", "gzip")
}

fn feed_of(upstream: &Upstream) -> &'static Feed {
    let has = |feed: &&Feed| feed.upstreams.iter().any(|row| row.source == upstream.source);
    FEEDS.iter().copied().find(has).unwrap_or(&osv::OSV)
}

fn reading(error: &io::Error) -> Failed {
    match plimsoll_http::Error::inside(error) {
        Some(error) => error.clone().into(),
        None if error.kind() == io::ErrorKind::TimedOut => Failed::Time,
        None => Failed::Content(error.to_string()),
    }
}

/// Is a document there to its end? A reader takes what it can of one that was cut off by its publisher; in the place of
/// a whole one it must not stand.
fn is_whole(path: &Path) -> Result<(), Failed> {
    let broken = |detail: String| Failed::Content(format!("what came is not whole: {detail}"));
    let extension = path.extension().unwrap_or_default();
    if extension == "json" {
        let text = files::stream(path)?;
        serde_json::from_reader::<_, serde::de::IgnoredAny>(text)
            .map_err(|error| broken(error.to_string()))?;
    } else if extension == "xml" {
        let mut text = files::stream(path)?;
        let mut last = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = text.read(&mut buffer).map_err(|error| broken(error.to_string()))?;
            if count == 0 {
                break;
            }
            last.extend_from_slice(&buffer[..count]);
            let long = last.len().saturating_sub(LAST);
            last.drain(..long);
        }
        let last = last.trim_ascii_end();
        if !["oval_definitions>", "updates>", "<updates/>"].iter().any(|end| last.ends_with(end.as_bytes())) {
            return Err(broken("the end of the document is missing".to_owned()));
        }
    }
    Ok(())
}

/// SHA-256 of a file, in hex; `None` when it is not there.
fn digest_of(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    Digest::from_bytes(Algorithm::Sha256, &hasher.finalize()).map(|digest| digest.hex())
}

/// So much of the end of an XML document is looked at, in bytes.
const LAST: usize = 256;

/// A file that came and has no place yet.
struct New {
    _folder: tempfile::TempDir,
    path: PathBuf,
    state: FileState,
}

/// A body that ends with an error when time is over, and tells how much came.
struct Timed<'run> {
    inner: plimsoll_http::Download,
    run: &'run Run<'run>,
    over: bool,
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.over || self.run.in_time().is_err() {
            self.over = true;
            return Err(io::ErrorKind::TimedOut.into());
        }
        let count = self.inner.read(buffer)?;
        self.run.progress.read(count as u64);
        Ok(count)
    }
}

/// Counts what a reader gives.
#[derive(Default)]
struct Counted {
    taken: u64,
    /// The first thing that was left out, for whatever reason.
    first: Option<(&'static str, String)>,
    /// The first thing that breaks its format.
    rejected: Option<(&'static str, String)>,
}

impl Sink for Counted {
    fn record(&mut self, _: Record) {
        self.taken += 1;
    }

    fn rejected(&mut self, reason: &'static str, example: &str) {
        let left = || (reason, example.chars().take(80).collect());
        self.first.get_or_insert_with(left);
        self.rejected.get_or_insert_with(left);
    }

    fn skipped(&mut self, _: &'static str, _: &str) {
        self.taken += 1;
    }

    fn dated(&mut self, _: &str) {}

    fn commit(&mut self, _: &str) {}

    fn kev(&mut self, _: &str, _: Kev) {
        self.taken += 1;
    }

    fn epss(&mut self, _: &str, _: Epss) {
        self.taken += 1;
    }

    fn cve(&mut self, _: &str, _: CveFacts) {
        self.taken += 1;
    }

    fn cycle(&mut self, _: Cycle) {
        self.taken += 1;
    }

    fn unsupported(&mut self, _: Unsupported) {
        self.taken += 1;
    }

    fn statement(&mut self, _: HubStatement) {
        self.taken += 1;
    }
}

/// The sources that may be passed on.
pub fn open_sources() -> impl Iterator<Item = &'static Upstream> {
    upstreams().filter(|row| row.terms == Terms::Open)
}

/// The sources that know something about an inventory.
pub fn sources_for(inventory: &Inventory) -> Vec<&'static Upstream> {
    let ecosystems: BTreeSet<Ecosystem> =
        inventory.packages.iter().map(|package| package.ecosystem).collect();
    if ecosystems.is_empty() {
        return Vec::new();
    }
    let distribution = inventory.release.as_ref().and_then(Release::distribution);
    let knows = |row: &&Upstream| {
        ecosystems.iter().any(|ecosystem| row.serves_ecosystem(*ecosystem))
            || distribution.is_some_and(|distribution| row.serves_distribution(distribution.key))
    };
    upstreams().filter(knows).collect()
}

/// The source of this name; `osv/` may be left out.
pub fn source_named(name: &str) -> Option<&'static Upstream> {
    let matches = |row: &&Upstream| row.source == name || row.source.strip_prefix("osv/") == Some(name);
    upstreams().find(matches)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_of_changes() {
        assert_eq!(
            osv_change("2026-11-20T10:00:00Z,RHSA-2024:1"),
            Some(("2026-11-20T10:00:00Z", "RHSA-2024:1"))
        );
        for line in ["", "x", "2026-11-20T10:00:00Z,", "d,../x", "d,a/b", "d,.x", "d,a b", "d,a,b"] {
            assert_eq!(osv_change(line), None, "{line}");
        }
        let good = "\"2024/cve-2024-1.json\",\"2026-11-20T10:00:00+00:00\"";
        assert_eq!(red_hat_change(good), Some(("2026-11-20T10:00:00+00:00", "2024/cve-2024-1.json")));
        for line in ["", "a,b", "2024/x.txt,d", "24/x.json,d", "2024/../x.json,d", "../2024/x.json,d"] {
            assert_eq!(red_hat_change(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn hostile_lines(line in "(20[0-9]{2}|[./\",:a-z-]|json){0,12}", any in any::<String>()) {
            crate::fuzz::fuzz_changes(line.as_bytes());
            crate::fuzz::fuzz_changes(any.as_bytes());
        }
    }
}
