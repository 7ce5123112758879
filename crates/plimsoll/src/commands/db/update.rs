//! `plimsoll db update`: the database straight from the public feeds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use jiff::Timestamp;
use plimsoll_advisory::feed::upstream::{Terms, Upstream, upstreams};
use plimsoll_advisory::update::{
    Fetched, Held, UpdateError, UpdateOptions, UpdateReport, UpdateState, open_sources, source_named,
    sources_for, update,
};
use plimsoll_advisory::{BuildReport, SourceInfo};
use plimsoll_http::{Client, Url};
use plimsoll_model::Inventory;
use plimsoll_scan::{Database, Supplied, Supply, span};

use super::{built, make_folder_of, place, summary};
use crate::cli::{DbUpdate, ReadingArguments, SupplyArguments, UpdateArguments};
use crate::commands::Answer;
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};
use crate::progress::Updating;

/// Sources that are fetched at once.
const THREADS: usize = 4;

/// The folder of feeds of a database.
pub(crate) fn feeds_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".feeds");
    PathBuf::from(name)
}

pub(super) fn run(arguments: &UpdateArguments, environment: &Environment) -> Answer {
    let database = place(arguments.db.as_deref(), environment)?;
    let state = UpdateState::read(&feeds_of(&database));
    if arguments.list {
        print::data(&list(&state))?;
        return Ok(0);
    }
    let sources = chosen(arguments, &state)?;
    if !arguments.replace {
        keeps_foreign(&database, &state, &sources)?;
    }
    let mirror = arguments.fetching.feed_mirror.as_ref();
    let done = Fetch::new(mirror, arguments.fetching.timeout, &arguments.ca_files, environment)?
        .run(&database, &sources)?;
    let mut text = outcomes(&done.report, done.built.as_ref());
    match &done.built {
        Some(built) => {
            let _ = write!(text, "\n{}", summary(built, &database));
        }
        None => {
            let _ = writeln!(text, "\n{} is up to date", database.display());
        }
    }
    print::data(&plimsoll_format::clean_lines(&text))?;
    Ok(if failures(&done.report) { UNDECIDED } else { 0 })
}

/// The sources that flags name; without any those that are there; the first time all that may be passed on.
fn chosen(arguments: &UpdateArguments, state: &UpdateState) -> Result<Vec<&'static Upstream>, Failure> {
    let there = || state.sources.keys().filter_map(|name| source_named(name));
    let mut sources: Vec<&'static Upstream> = if !arguments.sources.is_empty() {
        let named = |name: &String| {
            source_named(name).ok_or_else(|| {
                Failure::new(USAGE, anyhow!("there is no source `{name}`"))
                    .hint("`plimsoll db update --list` lists all".to_owned())
            })
        };
        arguments.sources.iter().map(named).collect::<Result<_, _>>()?
    } else if arguments.all {
        open_sources().chain(there()).collect()
    } else if state.sources.is_empty() {
        open_sources().collect()
    } else {
        there().collect()
    };
    sources.sort_by_key(|source| source.source);
    sources.dedup_by_key(|source| source.source);
    Ok(sources)
}

/// Was the database built of the feeds beside it?
fn is_of_feeds(database: &Path, state: &UpdateState) -> bool {
    let there = Database::open(database).ok();
    let digest = there.as_ref().and_then(Database::digest);
    digest.is_some_and(|digest| digest.to_string() == state.built)
}

/// A database that came in another way is not replaced by one that knows less.
fn keeps_foreign(database: &Path, state: &UpdateState, sources: &[&Upstream]) -> Result<(), Failure> {
    // What is broken or absent is lost already.
    let Ok(there) = Database::open(database) else { return Ok(()) };
    if is_of_feeds(database, state) {
        return Ok(());
    }
    let lost: Vec<&str> = there
        .sources()
        .iter()
        .map(|source| source.name.as_str())
        .filter(|name| !state.sources.contains_key(*name) && !sources.iter().any(|row| row.source == *name))
        .collect();
    let Some(first) = lost.first() else { return Ok(()) };
    let lost = if lost.len() == 1 {
        format!("the source `{first}`")
    } else {
        format!("{} sources, `{first}` among them", lost.len())
    };
    Err(Failure::new(
        USAGE,
        anyhow!(
            "`{}` was not made by `db update`, and has {lost}, which would not be in the new one",
            database.display()
        ),
    )
    .hint("name another file with --db, fetch those as well, or say --replace".to_owned()))
}

/// What is needed to fetch.
#[derive(Debug)]
struct Fetch {
    settings: plimsoll_http::Settings,
    time: Duration,
    options: UpdateOptions,
    progress: bool,
    today: jiff::civil::Date,
}

/// What was fetched, and the database if a new one was built.
struct Done {
    report: UpdateReport,
    built: Option<BuildReport>,
}

impl Fetch {
    fn new(
        mirror: Option<&String>,
        time: Duration,
        ca_files: &[PathBuf],
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let mirror = match mirror.or(environment.feed_mirror.as_ref()) {
            None => None,
            Some(text) => Some(Url::parse(text).map_err(|error| {
                Failure::new(USAGE, error).hint("a mirror is named as https://HOST[/FOLDER]".to_owned())
            })?),
        };
        if let Some(mirror) = mirror.as_ref().filter(|mirror| !mirror.is_https() && !is_this_machine(mirror))
        {
            print::warning(&format!(
                "`{mirror}` is not encrypted: anybody on the way can change the advisories"
            ));
        }
        let mut settings = environment.network.http(ca_files);
        settings.idle_timeout = settings.idle_timeout.min(time);
        settings.connect_timeout = settings.connect_timeout.min(time);
        settings.retries.longest_asked = settings.retries.longest_asked.min(time);
        let options = UpdateOptions { mirror, threads: THREADS, now: environment.now, impatient: false };
        let (progress, today) = (environment.progress, environment.today());
        Ok(Fetch { settings, time, options, progress, today })
    }

    /// Fetches the sources and builds the database, if anything came or it is not that of the feeds.
    fn run(&self, database: &Path, sources: &[&'static Upstream]) -> Result<Done, Failure> {
        make_folder_of(database)?;
        let progress = Updating::new(self.progress);
        let until = Some(self.settings.clock.now() + self.time);
        let client = Client::new(plimsoll_http::Settings { until, ..self.settings.clone() });
        let held = Held::take(&feeds_of(database), &client, &progress).map_err(failed)?;
        let report = update(&held, &client, sources, &self.options, &progress).map_err(failed)?;
        for (source, fetched) in &report.sources {
            if let Fetched::Failed { text, .. } = fetched {
                print::warning(&format!("{source}: {text}"));
            }
        }
        if report.state.fresh && is_of_feeds(database, &report.state) {
            return Ok(Done { report, built: None });
        }
        if report.state.sources.values().all(|source| source.files.is_empty()) {
            return Err(Failure::new(UNDECIDED, anyhow!("no source could be fetched, and none is there")).hint(
                "see that this machine reaches the network (HTTPS_PROXY, --ca-file, --feed-mirror), or carry a database: `plimsoll db import FILE`"
                    .to_owned(),
            ));
        }
        progress.building();
        let built = built(held.folder(), database, self.today)?;
        held.built(&built.digest.to_string()).map_err(failed)?;
        Ok(Done { report, built: Some(built) })
    }
}

fn is_this_machine(url: &Url) -> bool {
    matches!(url.host(), "localhost" | "127.0.0.1" | "[::1]")
}

fn failed(error: UpdateError) -> Failure {
    let hint = match &error {
        UpdateError::Folder { .. } => {
            "see that the folder can be written and has space, or name another place with --db"
        }
        UpdateError::Busy { .. } => "wait for it, or give it more time with --timeout",
    };
    Failure::new(UNDECIDED, error).hint(hint.to_owned())
}

fn failures(report: &UpdateReport) -> bool {
    report.sources.values().any(|fetched| matches!(fetched, Fetched::Failed { .. }))
}

/// One line a source.
fn outcomes(report: &UpdateReport, built: Option<&BuildReport>) -> String {
    let width = report.sources.keys().map(|name| name.len()).max().unwrap_or(0);
    let records: BTreeMap<&str, u64> = built
        .iter()
        .flat_map(|built| &built.sources)
        .map(|source| (source.name.as_str(), source.records))
        .collect();
    let mut text = String::new();
    for (source, fetched) in &report.sources {
        let word = match fetched {
            Fetched::Changed => match records.get(source) {
                Some(1) => "new, 1 record".to_owned(),
                Some(count) => format!("new, {count} records"),
                None => "new".to_owned(),
            },
            Fetched::Unchanged => "nothing new".to_owned(),
            Fetched::NotOffered => "not offered upstream".to_owned(),
            Fetched::Failed { kept: false, .. } => "failed, nothing is there".to_owned(),
            Fetched::Failed { kept: true, .. } => {
                let known = report.state.sources.get(*source).map(|state| state.checked.as_str());
                let day = known.and_then(|time| time.get(..10)).unwrap_or_default();
                format!("failed, the state of {day} is kept")
            }
        };
        let _ = writeln!(text, "{source:<width$}  {word}");
    }
    text
}

/// All sources: name, terms, and when they were fetched.
fn list(state: &UpdateState) -> String {
    let width = upstreams().map(|row| row.source.len()).max().unwrap_or(0);
    let mut rows: Vec<&Upstream> = upstreams().collect();
    rows.sort_by_key(|row| row.source);
    let mut text = String::new();
    for row in rows {
        let terms = match row.terms {
            Terms::Open => "open",
            Terms::NotStated => "no licence stated: for your own use",
            Terms::Restricted => "restricted licence: only when named",
        };
        let known = state.sources.get(row.source);
        let day = known.and_then(|state| state.checked.get(..10)).unwrap_or("-");
        let _ = writeln!(text, "{:<width$}  {day:<10}  {terms}", row.source);
    }
    text
}

/// When each source was asked, and what went wrong.
pub(super) fn ages(state: &UpdateState, known: &[SourceInfo], now: Timestamp) -> String {
    let width = state.sources.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    let mut text = String::from("asked upstream\n");
    for (name, source) in &state.sources {
        let age = match source.checked.parse::<Timestamp>() {
            Ok(time) => format!(
                "{} ago",
                span(now.duration_since(time).max(jiff::SignedDuration::ZERO).unsigned_abs())
            ),
            Err(_) => "never".to_owned(),
        };
        let absent = if known.iter().any(|info| info.name == *name) { "" } else { "  not in the database" };
        let _ = writeln!(text, "{name:<width$}  {age}{absent}");
        if let Some(failure) = &source.failure {
            let day = failure.time.get(..16).unwrap_or_default().replace('T', " ");
            let _ = writeln!(text, "{:<width$}  failed {day}: {}", "", failure.text);
        }
    }
    plimsoll_format::clean_lines(&text)
}

pub(super) fn as_json(state: &UpdateState) -> serde_json::Value {
    let sources = state.sources.iter().map(|(name, source)| {
        let mut value = serde_json::json!({ "checked": source.checked, "changed": source.changed });
        if let Some(failure) = &source.failure {
            value["failure"] = serde_json::json!({ "time": failure.time, "text": failure.text });
        }
        (name.clone(), value)
    });
    serde_json::Value::Object(sources.collect())
}

/// A source that was asked longer ago is asked again before a scan.
const FRESH: Duration = Duration::from_hours(24);
/// Longest time that a scan waits for advisories, and for a host to answer at all.
const SCAN_TIME: Duration = Duration::from_mins(10);
const SCAN_CONNECT: Duration = Duration::from_secs(5);

/// Whether a scan may fetch what it needs, and when.
pub(crate) fn when(arguments: &SupplyArguments, environment: &Environment) -> Result<DbUpdate, Failure> {
    match (arguments.db_update, environment.database_update.as_deref()) {
        (Some(when), _) => Ok(when),
        (None, None) => Ok(DbUpdate::Auto),
        (None, Some(text)) => <DbUpdate as clap::ValueEnum>::from_str(text, true).map_err(|_| {
            Failure::new(USAGE, anyhow!("`{text}` in PLIMSOLL_DB_UPDATE is none of auto, always, never"))
        }),
    }
}

/// A scan does not wait long for what it can do without.
pub(crate) fn impatient(mut settings: plimsoll_http::Settings) -> plimsoll_http::Settings {
    settings.connect_timeout = settings.connect_timeout.min(SCAN_CONNECT);
    settings.retries.attempts = settings.retries.attempts.min(1);
    settings
}

/// What a scan may fetch, by flag, else variable, else what is missing or old at the usual place.
pub(crate) fn supply(
    arguments: &SupplyArguments,
    database: Option<&Path>,
    reading: &ReadingArguments,
    environment: &Environment,
) -> Result<Option<Arc<dyn Supply>>, Failure> {
    let when = when(arguments, environment)?;
    // A file that somebody named is theirs: it is changed only when they say so.
    let place = match (database, when) {
        (_, DbUpdate::Never) | (Some(_), DbUpdate::Auto) => return Ok(None),
        (Some(path), DbUpdate::Always) => path.to_owned(),
        (None, _) => match &environment.database {
            Some(path) => path.clone(),
            None => return Ok(None),
        },
    };
    let mut fetch = Fetch::new(None, SCAN_TIME, &reading.registry.ca_files, environment)?;
    fetch.options.impatient = true;
    fetch.settings = impatient(fetch.settings);
    Ok(Some(Arc::new(OnScan { fetch, place, when })))
}

/// Fetches what a scan needs.
#[derive(Debug)]
struct OnScan {
    fetch: Fetch,
    place: PathBuf,
    when: DbUpdate,
}

impl OnScan {
    fn is_due(&self, state: &UpdateState, source: &Upstream) -> bool {
        let known = state.sources.get(source.source);
        let Some(asked) = known.and_then(|known| known.checked.parse::<Timestamp>().ok()) else {
            return true;
        };
        let age = self.fetch.options.now.duration_since(asked);
        self.when == DbUpdate::Always || age.is_positive() && age.unsigned_abs() > FRESH
    }
}

impl Supply for OnScan {
    fn supply(&self, inventory: &Inventory) -> Supplied {
        let needed = sources_for(inventory);
        if needed.is_empty() {
            return Supplied::default();
        }
        let state = UpdateState::read(&feeds_of(&self.place));
        let there = self.place.exists();
        if there && !is_of_feeds(&self.place, &state) {
            // It came in another way: whoever brought it keeps it fresh.
            if self.when == DbUpdate::Always {
                print::warning(&format!(
                    "`{}` was not made by `plimsoll db update`: it is used as it is",
                    self.place.display()
                ));
            }
            return Supplied::default();
        }
        let (restricted, needed): (Vec<_>, Vec<_>) = needed
            .into_iter()
            .partition(|row| row.terms == Terms::Restricted && !state.sources.contains_key(row.source));
        for row in restricted {
            print::warning(&format!(
                "advisories of `{0}` were not fetched: their licence restricts scanners; `plimsoll db update --source {0}` fetches them if you may",
                row.source
            ));
        }
        let due: Vec<_> = needed.iter().copied().filter(|row| self.is_due(&state, row)).collect();
        if !due.is_empty() {
            match self.fetch.run(&self.place, &due) {
                Ok(Done { report, .. }) => {
                    let new: Vec<&str> = report
                        .sources
                        .iter()
                        .filter(|(_, fetched)| **fetched == Fetched::Changed)
                        .map(|(source, _)| *source)
                        .collect();
                    if !new.is_empty() {
                        print::talk(&format!("advisories fetched for this target: {}", new.join(", ")));
                    }
                    if failures(&report) {
                        print::talk(HINT);
                    }
                }
                Err(failure) => print::talk(failure.to_string().trim_end()),
            }
        }
        // Also when nothing was due: another target of the same run may have brought a newer one.
        let database = self.place.exists().then(|| self.place.clone());
        Supplied { database, oldest: oldest(&self.place, &needed) }
    }
}

const HINT: &str = "hint: what was there before is used; `plimsoll db status` says how old it is, `--db-update never` does without the network";

/// The needed source that was asked longest ago. One that never answered is as old as can be.
fn oldest(place: &Path, needed: &[&Upstream]) -> Option<(String, Timestamp)> {
    let state = UpdateState::read(&feeds_of(place));
    if state.built.is_empty() {
        return None;
    }
    needed
        .iter()
        .filter_map(|row| Some((row, state.sources.get(row.source)?)))
        .map(|(row, known)| (row.source.to_owned(), known.checked.parse().unwrap_or(Timestamp::UNIX_EPOCH)))
        .min_by_key(|(_, asked)| *asked)
}
