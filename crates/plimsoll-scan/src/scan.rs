//! Scanning one target: from what was typed to the report.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use plimsoll_advisory::incidents::{Incidents, Together};
use plimsoll_advisory::record::Target as Asked;
use plimsoll_advisory::vex::{self, Assertion};
use plimsoll_advisory::{Database, JavaIndex, MatchOptions, Source};
use plimsoll_extract::Extraction;
use plimsoll_fs::{Check, LayerResult, LayerSource, Limits, Visitor, Walk};
use plimsoll_model::license::Lists;
use plimsoll_model::report::SCHEMA_VERSION;
use plimsoll_model::vex::VexOrigin;
use plimsoll_model::{
    Base, Change, Coverage, DatabaseInfo, Digest, Ecosystem, Effect, Finding, Git, Inventory, Layer, Origin,
    Outcome, Package, Problem, ProblemKind, Report, Suppression, Target as TargetFacts, TargetKind, Via,
};
use plimsoll_oci::{Daemons, Detected, Form, Image, Location, Platform, Registries, Selection};
use plimsoll_posture::image::Files;
use serde::{Deserialize, Serialize};

use crate::answers::{self, Answer};
use crate::assemble;
use crate::attached::AttachedDocuments;
use crate::base::{self, BaseFlag, Clues, Step};
use crate::cache::{Cache, Keep, Key};
use crate::check;
use crate::dockerfile_lines::{self, BuildFile};
use crate::exceptions::Exceptions;
use crate::git::{self, Address, GitSettings, WorkTree};
use crate::image_rules::{self, Settings};
use crate::licenses;
use crate::party::{self, OnPlatform};
use crate::sbom_attached;
use crate::scanners::{Scanner, Scanners};
use crate::secrets::{self, RedactedHistory, Secrets};
use crate::target::{ImageForm, Target};
use crate::tree::{self, Tree};
use crate::verdict::{self, Line};
use crate::vex_attached;
use crate::vex_hub::{self, VexHub};
use crate::visit::{self, Extractors, FoundAll, PackageDatabases, Tracked};
use crate::whose::{self, Context};
use crate::{Progress, ScanError, daemon, process};
use crate::{java_index, models};

/// Gets the advisories that an inventory needs, before they are asked.
pub trait Supply: std::fmt::Debug + Send + Sync {
    /// Whatever goes wrong is told by the one who supplies: what is there is used.
    fn supply(&self, inventory: &Inventory) -> Supplied;
}

/// What a supply gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Supplied {
    /// The database to use for this inventory; `None`: the one that was named, if any.
    pub database: Option<PathBuf>,
    /// The source, among those that the inventory needs, that was asked longest ago, and when. Absent when nobody knows.
    pub oldest: Option<(String, Timestamp)>,
}

/// How to scan.
#[derive(Clone, Debug)]
pub struct Options {
    /// Platform that was asked for.
    pub platform: Option<Platform>,
    /// Where the base image ends.
    pub base: Option<BaseFlag>,
    /// Advisory database; without one only the incident pack is asked.
    pub database: Option<PathBuf>,
    /// Index that names Java archives by their SHA-1.
    pub java_index: Option<PathBuf>,
    /// Advisories may be at most this old.
    pub max_database_age: Option<Duration>,
    /// Gets the database when the inventory is known, or makes it newer.
    pub supply: Option<Arc<dyn Supply>>,
    /// VEX documents: name for people, content.
    pub vex: Vec<(String, Vec<u8>)>,
    /// VEX documents that are attached to the image: looked for when this is there.
    pub attached_vex: Option<Arc<AttachedDocuments>>,
    /// SBOMs that are attached to the image: looked for when this is there.
    pub attached_sbom: Option<Arc<AttachedDocuments>>,
    /// VEX hubs, the first outranks: their documents about what the target holds are applied.
    pub vex_hubs: Vec<VexHub>,
    /// What was seen to run of images.
    pub in_use: Vec<plimsoll_model::in_use::InUse>,
    /// Exceptions.
    pub exceptions: Exceptions,
    /// The line that findings are held against.
    pub line: Line,
    /// Now: for expiry of exceptions and age of data.
    pub now: Timestamp,
    /// Threads that read layers.
    pub threads: usize,
    /// The registries; without them nothing is read over the network.
    pub registries: Option<Registries>,
    /// The daemons; without them none is asked.
    pub daemons: Option<Daemons>,
    /// Who is asked for an image that is named without a place, in this order.
    pub from: Vec<Via>,
    /// How git is run; without it no repository is fetched.
    pub git: Option<GitSettings>,
    /// Of a folder read only what git tracks.
    pub tracked_only: bool,
    /// Where inventories of images in registries, and reports about them, are kept.
    pub cache: Option<Cache>,
    /// Take the inventory only: no advisories, no verdict.
    pub inventory_only: bool,
    /// What to look for.
    pub scanners: Scanners,
    /// Licences that are allowed and denied.
    pub licenses: Lists,
    /// The Dockerfile that the image was built from.
    pub dockerfile: Option<BuildFile>,
    /// Take the digest of every file.
    pub contents: bool,
    /// The platform that says whose findings are.
    pub whose: Option<OnPlatform>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            platform: None,
            base: None,
            database: None,
            java_index: None,
            max_database_age: None,
            supply: None,
            vex: Vec::new(),
            attached_vex: None,
            attached_sbom: None,
            vex_hubs: Vec::new(),
            in_use: Vec::new(),
            exceptions: Exceptions::default(),
            line: Line::default(),
            now: Timestamp::UNIX_EPOCH,
            threads: 1,
            registries: None,
            daemons: None,
            from: vec![Via::Registry],
            git: None,
            tracked_only: false,
            cache: None,
            inventory_only: false,
            scanners: Scanners::default(),
            licenses: Lists::default(),
            dockerfile: None,
            contents: false,
            whose: None,
        }
    }
}

impl Options {
    fn looks_for(&self, scanner: Scanner) -> bool {
        !self.inventory_only && self.scanners.has(scanner)
    }

    /// `YYYY-MM-DD`.
    pub(crate) fn today(&self) -> String {
        jiff::tz::Offset::UTC.to_datetime(self.now).date().to_string()
    }

    pub(crate) fn extractors(&self) -> Extractors {
        Extractors {
            secrets: self.looks_for(Scanner::Secrets),
            settings: self.looks_for(Scanner::Configuration),
            contents: self.contents,
        }
    }
}

/// What reading a target gave. What is kept of known layers.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) inventory: Inventory,
    /// Secrets in files; empty where nobody asked for them.
    pub(crate) secrets: Secrets,
    /// How files are set up; empty where nobody asked.
    pub(crate) files: Files,
    /// What reports repeat of an image's history.
    #[serde(default)]
    pub(crate) history: RedactedHistory,
    /// What the rules say of that. Made anew each time: it depends on more than layers.
    #[serde(skip)]
    pub(crate) settings: Settings,
    /// All files; absent where nobody asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) tree: Option<Tree>,
    /// The name of the image with its documents, where what it holds is kept.
    #[serde(skip)]
    pub(crate) known: Option<Key>,
}

impl Keep for Seen {
    fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    fn inventory_mut(&mut self) -> &mut Inventory {
        &mut self.inventory
    }
}

/// Scans what `typed` names. `stdin` is read only for the target `-`.
pub fn scan(
    typed: &str,
    options: &Options,
    stdin: &mut dyn Read,
    progress: &dyn Progress,
) -> Result<Report, ScanError> {
    // The database first: a damaged one should not cost the reading of an image before it is told.
    let opened = Opened::new(options)?;
    scan_with(typed, &opened, options, stdin, progress)
}

/// [`scan`] for somebody who wants the report as JSON: it is made, or as it was kept, and then nobody reads it again.
pub fn answer(
    typed: &str,
    options: &Options,
    stdin: &mut dyn Read,
    progress: &dyn Progress,
) -> Result<Answer, ScanError> {
    let opened = Opened::new(options)?;
    // The process ends soon: freeing an inventory in its hundred thousand parts is work for nobody.
    match ask(typed, &opened, options, stdin, progress, answers::text, std::mem::forget)? {
        Said::Before(answer) => Ok(answer),
        Said::Now(asking) => asking.text(),
    }
}

/// What a scan asks, open.
pub(crate) struct Opened {
    database: Option<Database>,
    java_index: Option<JavaIndex>,
}

impl Opened {
    pub(crate) fn new(options: &Options) -> Result<Self, ScanError> {
        let database = options.database.as_deref().filter(|_| options.looks_for(Scanner::Vulnerabilities));
        Ok(Opened {
            database: database.map(Database::open).transpose()?,
            java_index: options.java_index.as_deref().map(JavaIndex::open).transpose()?,
        })
    }
}

impl Opened {
    /// The database that was supplied, unless it is the one that is open.
    fn newer(&self, supplied: &Supplied) -> Result<Option<Database>, ScanError> {
        let is_open = |path: &&Path| self.database.as_ref().is_some_and(|database| database.is_at(path));
        let path = supplied.database.as_deref().filter(|path| !is_open(path));
        Ok(path.map(Database::open).transpose()?)
    }
}

/// [`scan`] with what is open already.
pub(crate) fn scan_with(
    typed: &str,
    opened: &Opened,
    options: &Options,
    stdin: &mut dyn Read,
    progress: &dyn Progress,
) -> Result<Report, ScanError> {
    match ask(typed, opened, options, stdin, progress, answers::report, drop)? {
        Said::Before(report) => Ok(report),
        Said::Now(asking) => asking.report(),
    }
}

/// What there is to say.
enum Said<'a, T> {
    /// It was said before.
    Before(T),
    Now(Box<Asking<'a>>),
}

/// A target that was read, with all that is asked about it.
struct Asking<'a> {
    target: TargetFacts,
    seen: Seen,
    newer: Option<Database>,
    opened: &'a Opened,
    oldest: Option<(String, Timestamp)>,
    /// Where the answer is kept, and its name.
    kept: Option<(&'a Cache, Key)>,
    options: &'a Options,
}

/// What is at the place of an image.
pub(crate) enum Found<T> {
    /// What was said of it before.
    Kept(T),
    /// What was read.
    Read(Box<(TargetFacts, Seen)>),
}

/// Reads a target, unless it is an image about which `before` finds the answer; what was read in vain is left by `leave`.
fn ask<'a, T>(
    typed: &str,
    opened: &'a Opened,
    options: &'a Options,
    stdin: &mut dyn Read,
    progress: &dyn Progress,
    before: fn(&Cache, &Key) -> Option<T>,
    leave: fn(Seen),
) -> Result<Said<'a, T>, ScanError> {
    let supply = options.supply.as_ref().filter(|_| options.looks_for(Scanner::Vulnerabilities));
    // What was supplied for the image, asked once.
    let early: RefCell<Option<Supplied>> = RefCell::new(None);
    // What was said of the image before, which is known before its inventory is read: an outline says which advisories
    // would be fetched for that.
    let said_before = |image: &Image, origin: &Origin| -> Result<Option<T>, ScanError> {
        let Some(cache) = options.cache.as_ref().filter(|_| answers::decides_all(options)) else {
            return Ok(None);
        };
        let Some(known) = names(typed, image, options).and_then(|names| names.image) else { return Ok(None) };
        let supplied = match supply {
            Some(supply) => match cache.outline(&known) {
                Some(outline) => supply.supply(&outline),
                None => return Ok(None),
            },
            None => Supplied::default(),
        };
        let newer = opened.newer(&supplied)?;
        let database = newer.as_ref().or(opened.database.as_ref());
        let name = kept(Some(&known), Some(origin), database, supplied.oldest.as_ref(), options)?;
        early.replace(supply.map(|_| supplied));
        Ok(name.and_then(|(cache, name)| before(cache, &name)))
    };
    let of_registry = |reference: &plimsoll_oci::Reference, may_be_kept: bool| {
        let (image, origin) = locate(typed, reference, options)?;
        if may_be_kept && let Some(answer) = said_before(&image, &origin)? {
            return Ok(Found::Kept(answer));
        }
        let (mut target, seen) = image_of_registry(typed, &image, options, progress);
        target.origin = Some(origin);
        Ok(Found::Read(Box::new((target, seen))))
    };
    let found = match Target::parse(typed)? {
        Target::Registry(reference) => of_registry(&reference, true)?,
        Target::Named { name, reference } => {
            let of_registry = |may_be_kept| of_registry(&reference, may_be_kept);
            daemon::named(typed, &name, &of_registry, options, progress)?
        }
        target => Found::Read(Box::new(read_target(typed, target, options, stdin, progress)?)),
    };
    let (mut target, mut seen) = match found {
        Found::Kept(answer) => return Ok(Said::Before(answer)),
        Found::Read(read) => *read,
    };
    if let Some(wanted) = &options.attached_sbom {
        sbom_attached::add(&mut target, &mut seen.inventory, wanted, options.registries.as_ref());
    }
    if let Some(index) = &opened.java_index {
        java_index::name_archives(index, &mut seen.inventory);
    }
    let supplied = match early.into_inner() {
        Some(supplied) => supplied,
        None => supply.map(|supply| supply.supply(&seen.inventory)).unwrap_or_default(),
    };
    let newer = opened.newer(&supplied)?;
    let oldest = supplied.oldest;
    let database = newer.as_ref().or(opened.database.as_ref());
    let kept = kept(seen.known.as_ref(), target.origin.as_ref(), database, oldest.as_ref(), options)?;
    if let (Some(_), Some((cache, _)), Some(known)) = (supply, &kept, &seen.known) {
        cache.put_outline(known, &seen.inventory);
    }
    if let Some((cache, name)) = &kept
        && let Some(answer) = before(cache, name)
    {
        leave(seen);
        return Ok(Said::Before(answer));
    }
    Ok(Said::Now(Box::new(Asking { target, seen, newer, opened, oldest, kept, options })))
}

/// Where the answer about the image `known` is kept, and its name.
fn kept<'a>(
    known: Option<&Key>,
    origin: Option<&Origin>,
    database: Option<&Database>,
    oldest: Option<&(String, Timestamp)>,
    options: &'a Options,
) -> Result<Option<(&'a Cache, Key)>, ScanError> {
    let Some((cache, known)) = options.cache.as_ref().zip(known) else { return Ok(None) };
    let stale = match options.max_database_age {
        Some(_) => stale(&database_info(database, options)?, oldest, options),
        None => None,
    };
    Ok(answers::name(known, origin, database, stale.as_deref(), options).map(|name| (cache, name)))
}

impl Asking<'_> {
    fn made(self) -> Result<Report, ScanError> {
        let database = self.newer.as_ref().or(self.opened.database.as_ref());
        report(self.target, self.seen, database, self.oldest.as_ref(), self.options)
    }

    fn report(mut self) -> Result<Report, ScanError> {
        let kept = self.kept.take();
        let mut made = self.made()?;
        if let Some((cache, name)) = kept {
            answers::keep(cache, &name, &mut made);
        }
        Ok(made)
    }

    fn text(mut self) -> Result<Answer, ScanError> {
        let kept = self.kept.take();
        let mut made = self.made()?;
        let json = kept.and_then(|(cache, name)| answers::keep(cache, &name, &mut made));
        Ok(match json {
            Some(json) => {
                let outcome = made.verdict.outcome;
                std::mem::forget(made);
                Answer::Text { json, outcome }
            }
            None => Answer::Report(Box::new(made)),
        })
    }
}

/// What is said of the advisories that are asked.
fn database_info(database: Option<&Database>, options: &Options) -> Result<DatabaseInfo, ScanError> {
    if !options.looks_for(Scanner::Vulnerabilities) {
        return Ok(DatabaseInfo {
            coverage: Coverage::None,
            date: String::new(),
            digest: None,
            sources: Vec::new(),
        });
    }
    Ok(match database {
        Some(database) => database.info(),
        None => Incidents::embedded()?.info(),
    })
}

/// Reads what `typed` names.
pub(crate) fn read(
    typed: &str,
    options: &Options,
    stdin: &mut dyn Read,
    progress: &dyn Progress,
) -> Result<(TargetFacts, Seen), ScanError> {
    read_target(typed, Target::parse(typed)?, options, stdin, progress)
}

fn read_target(
    typed: &str,
    target: Target,
    options: &Options,
    stdin: &mut dyn Read,
    progress: &dyn Progress,
) -> Result<(TargetFacts, Seen), ScanError> {
    Ok(match target {
        Target::Directory(path) => directory(typed, &path, options, progress)?,
        Target::Images { form, path, reference } => {
            image_file(typed, &path, form, reference, options, progress)?
        }
        Target::Registry(reference) => of_registry(typed, &reference, options, progress)?,
        Target::Daemon { via, name } => daemon::image(typed, via, &name, options, progress)?,
        Target::Named { name, reference } => {
            let of_registry = |_| {
                let read = of_registry(typed, &reference, options, progress)?;
                Ok(Found::<Infallible>::Read(Box::new(read)))
            };
            match daemon::named(typed, &name, &of_registry, options, progress)? {
                Found::Read(read) => *read,
                Found::Kept(never) => match never {},
            }
        }
        Target::Container(name) => daemon::container(typed, &name, options, progress)?,
        Target::Process(number) => process::process(typed, number, options, progress)?,
        Target::Git(address) => repository(&address, options, progress)?,
        Target::Stdin => image_stream(typed, stdin, None, None, options, progress)?,
        Target::Sbom(path) => sbom(typed, &path, options)?,
    })
}

/// An image that a registry has.
pub(crate) fn of_registry(
    typed: &str,
    reference: &plimsoll_oci::Reference,
    options: &Options,
    progress: &dyn Progress,
) -> Result<(TargetFacts, Seen), ScanError> {
    let (image, origin) = locate(typed, reference, options)?;
    let (mut target, seen) = image_of_registry(typed, &image, options, progress);
    target.origin = Some(origin);
    Ok((target, seen))
}

/// The documents of an image that a registry has, and who that is.
fn locate(
    typed: &str,
    reference: &plimsoll_oci::Reference,
    options: &Options,
) -> Result<(Image, Origin), ScanError> {
    let Some(registries) = &options.registries else {
        return Err(ScanError::NotFound { target: typed.to_owned(), near: None });
    };
    let located = registries.locate(reference)?;
    let image = located.source.image(&selection(None, options))?;
    let origin = Origin::new(Via::Registry, located.host);
    Ok((image, Origin { decided_by: located.decided_by, ..origin }))
}

pub(crate) fn limits(options: &Options) -> Limits {
    Limits {
        workers: NonZeroUsize::new(options.threads).unwrap_or(NonZeroUsize::MIN),
        file_links: options.contents,
        ..Limits::default()
    }
}

fn directory(
    typed: &str,
    path: &Path,
    options: &Options,
    progress: &dyn Progress,
) -> Result<(TargetFacts, Seen), ScanError> {
    if !path.is_dir() {
        return Err(ScanError::NotFound { target: typed.to_owned(), near: None });
    }
    let (looked, detail) = match WorkTree::around(path) {
        Some(Ok(tree)) => (Some(tree.look()), None),
        Some(Err(detail)) => (None, Some(detail)),
        None => (None, None),
    };
    let tracked = looked.as_ref().and_then(|looked| looked.tracked.as_ref());
    let walk = if options.tracked_only {
        let Some(tracked) = tracked else {
            let detail = detail.or_else(|| looked.map(|looked| looked.why_not_tracked()));
            return Err(ScanError::Untold { path: path.display().to_string(), detail });
        };
        let visitor = Tracked { extractors: options.extractors(), paths: tracked };
        plimsoll_fs::walk_directory(path, &visitor, &limits(options), &Heard(progress))
    } else {
        plimsoll_fs::walk_directory(path, &options.extractors(), &limits(options), &Heard(progress))
    };
    // Git's own files are none of the work tree.
    let is_untracked = |path: &[u8], tracked: &HashSet<Box<[u8]>>| {
        path != b".git" && !path.starts_with(b".git/") && !tracked.contains(path)
    };
    let untracked = tracked.filter(|_| !options.tracked_only).map(|tracked| {
        walk.files.iter().filter(|file| is_untracked(file.path.as_bytes(), tracked)).count() as u64
    });
    let mut problems: Vec<Problem> = detail
        .into_iter()
        .map(|detail| Problem::note(ProblemKind::Unreadable, path.join(".git").display(), detail))
        .collect();
    problems.extend(looked.iter().flat_map(|looked| looked.problems.iter().cloned()));
    let git = looked.map(|looked| Git { untracked, ..looked.facts });
    Ok(of_files(typed, walk, problems, git, options))
}

/// One commit of a repository of git, which is fetched for that and then gone.
fn repository(
    address: &Address,
    options: &Options,
    progress: &dyn Progress,
) -> Result<(TargetFacts, Seen), ScanError> {
    // Not as it was typed: that may hold a password.
    let typed = format!("git:{address}");
    let Some(settings) = &options.git else {
        return Err(ScanError::NotFound { target: typed, near: None });
    };
    let mut fetched = git::fetch(address, settings)?;
    let walk = plimsoll_fs::walk_directory(
        &fetched.tree(),
        &options.extractors(),
        &limits(options),
        &Heard(progress),
    );
    let problems = std::mem::take(&mut fetched.problems);
    Ok(of_files(&typed, walk, problems, Some(fetched.facts.clone()), options))
}

fn of_files(
    typed: &str,
    walk: Walk<Extraction>,
    problems: Vec<Problem>,
    git: Option<Git>,
    options: &Options,
) -> (TargetFacts, Seen) {
    let mut seen = assembled(walk, problems);
    let target = TargetFacts {
        release: seen.inventory.release.clone(),
        git,
        ..TargetFacts::named(TargetKind::Directory, typed)
    };
    add_settings(&mut seen, None, &target, options);
    (target, seen)
}

pub(crate) fn assembled(walk: Walk<Extraction>, more: Vec<Problem>) -> Seen {
    let FoundAll { found, glimpses, noted, contents, links, file_links, mut problems } = visit::found(walk);
    problems.extend(more);
    let secrets = secrets::of_files(&glimpses, &found, &links);
    let files = image_rules::files(noted, &found, &links);
    let owned = tree::owned(&contents, &found, &links);
    let inventory = assemble::inventory(found, &links, problems);
    let tree = owned.map(|owned| tree::put_together(contents, &owned, file_links, &links, &inventory));
    Seen { inventory, secrets, files, tree, ..Seen::default() }
}

pub(crate) fn selection(reference: Option<String>, options: &Options) -> Selection {
    Selection {
        reference,
        platform: options.platform.clone(),
        default_platform: Platform::linux(host_architecture()),
    }
}

/// This machine's architecture, as OCI calls it (Go's names).
pub(crate) fn host_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        other => other,
    }
}

fn image_file(
    typed: &str,
    path: &Path,
    form: ImageForm,
    reference: Option<String>,
    options: &Options,
    progress: &dyn Progress,
) -> Result<(TargetFacts, Seen), ScanError> {
    let location = match form {
        ImageForm::DockerArchive => Location::DockerArchive(path.to_owned()),
        ImageForm::Oci => Location::Oci(path.to_owned()),
        ImageForm::Guess => match plimsoll_oci::detect(path)? {
            Detected::Images(location) => location,
            // What is in a compressed archive shows only while it passes.
            _ => return compressed(typed, path, None, reference, options, progress),
        },
    };
    let source = match location.source() {
        Err(plimsoll_oci::Error::Compressed { .. }) => {
            let form = match form {
                ImageForm::DockerArchive => Some(Form::Docker),
                ImageForm::Oci => Some(Form::Oci),
                ImageForm::Guess => None,
            };
            return compressed(typed, path, form, reference, options, progress);
        }
        other => other?,
    };
    image(typed, &source, reference, options, progress)
}

/// An image whose layers can be read by position.
fn image(
    typed: &str,
    source: &plimsoll_oci::Source,
    reference: Option<String>,
    options: &Options,
    progress: &dyn Progress,
) -> Result<(TargetFacts, Seen), ScanError> {
    let image = source.image(&selection(reference, options))?;
    let (target, mut seen, _) = read_image(typed, &image, options, progress);
    complete(&mut seen, &image, &target, options);
    Ok((target, seen))
}

/// Names under which things about an image of a registry are kept.
struct Names {
    /// Of what its layers hold.
    layers: Key,
    /// Of that with everything that the report says of the image besides; `None` where its documents have no digest.
    image: Option<Key>,
}

/// `None` where nothing is kept.
fn names(typed: &str, image: &Image, options: &Options) -> Option<Names> {
    // A layer that cannot be had stays a problem, whatever others made of it.
    let all_there = image.layers.iter().all(|blob| blob.unavailable.is_none());
    let cache = options.cache.as_ref().filter(|_| all_there)?;
    let diff_ids: Vec<Option<Digest>> = image.layers.iter().map(|blob| blob.diff_id.clone()).collect();
    let history: Vec<Step> = image.history.iter().map(Step::from).collect();
    let base = boundary(image, &diff_ids, &history, options);
    // What was read without looking for secrets, or by other rules, says nothing of them.
    let mut purpose = String::new();
    if options.looks_for(Scanner::Secrets) {
        purpose.push_str(plimsoll_extract::secret::table());
    }
    if options.looks_for(Scanner::Configuration) {
        purpose.push_str(&image_rules::purpose());
    }
    if options.contents {
        purpose.push_str(tree::PURPOSE);
    }
    let layers = cache.key(&diff_ids, base.layers, &purpose)?;
    let image = with_documents(&layers, typed, image, &base);
    Some(Names { layers, image })
}

fn with_documents(layers: &Key, typed: &str, image: &Image, base: &Base) -> Option<Key> {
    let manifest = image.manifest_digest.as_ref()?.to_string();
    let told = (
        typed,
        &image.reference,
        image.config_digest.to_string(),
        image.platform.to_string(),
        // Those of an index are not in the manifest.
        &image.annotations,
        base,
        &image.problems,
    );
    let told = serde_json::to_vec(&told).ok()?;
    Some(Key::of([layers.as_bytes(), manifest.as_bytes(), &told]))
}

/// An image of a registry or of containerd: its layers are fetched only if nobody did before.
pub(crate) fn image_of_registry(
    typed: &str,
    image: &Image,
    options: &Options,
    progress: &dyn Progress,
) -> (TargetFacts, Seen) {
    let names = options.cache.as_ref().zip(names(typed, image, options));
    let known: Option<Seen> = names.as_ref().and_then(|(cache, names)| cache.get(&names.layers));
    if let Some(mut seen) = known {
        let target = image_facts(typed, image, &mut seen, options);
        complete(&mut seen, image, &target, options);
        seen.known = names.and_then(|(_, names)| names.image);
        return (target, seen);
    }
    let (target, mut seen, verified) = read_image(typed, image, options, progress);
    if let Some((cache, names)) = names.filter(|_| verified) {
        cache.put(&names.layers, &seen);
        seen.known = names.image;
    }
    complete(&mut seen, image, &target, options);
    (target, seen)
}

/// Adds what the documents of an image say, beside its layers: what is wrong with them, and secrets in them.
pub(crate) fn complete(seen: &mut Seen, image: &Image, target: &TargetFacts, options: &Options) {
    let inventory = &mut seen.inventory;
    inventory.problems.extend(image.problems.iter().cloned());
    inventory.problems.sort();
    inventory.problems.dedup();
    if options.looks_for(Scanner::Secrets) {
        let base_layers = target.base.as_ref().map_or(0, |base| base.layers);
        let further = secrets::of_configuration(image, base_layers);
        seen.secrets.findings.extend(further.findings);
        seen.secrets.problems.extend(further.problems);
    }
    add_settings(seen, Some(image), target, options);
}

/// Adds what the rules say of how the target is set up.
pub(crate) fn add_settings(seen: &mut Seen, image: Option<&Image>, target: &TargetFacts, options: &Options) {
    if options.looks_for(Scanner::Configuration) {
        let files = std::mem::take(&mut seen.files);
        seen.settings = image_rules::judge(image, target, files, &options.today(), options.line);
    }
}

/// Reads all layers. Also says whether each was read to its end and is the one that the image names, so that reading
/// again would give the same.
fn read_image(
    typed: &str,
    image: &Image,
    options: &Options,
    progress: &dyn Progress,
) -> (TargetFacts, Seen, bool) {
    let layers: Vec<LayerBlob<'_>> = image.layers.iter().map(|blob| LayerBlob { blob }).collect();
    progress.expect(image.layers.iter().map(|blob| blob.size).sum());
    let sources: Vec<&dyn LayerSource> = layers.iter().map(|layer| layer as &dyn LayerSource).collect();
    let walk = plimsoll_fs::walk_layers(&sources, &options.extractors(), &limits(options), &Heard(progress));
    let mut verified = is_verified(&walk);
    let mut seen = assembled(walk, Vec::new());
    let target = image_facts(typed, image, &mut seen, options);
    if rewritten_above_base(&target, &seen.inventory) {
        let base = target.base.as_ref().map_or(0, |base| base.layers as usize);
        let walk =
            plimsoll_fs::walk_layers(&sources[..base], &PackageDatabases, &limits(options), &Heard(progress));
        verified &= is_verified(&walk);
        attribute_to_base(&mut seen.inventory, &assembled(walk, Vec::new()).inventory);
    }
    (target, seen, verified)
}

fn is_verified(walk: &Walk<Extraction>) -> bool {
    walk.layers.iter().all(|layer| layer.diff_id == Check::Verified && layer.digest == Check::Verified)
        // A second reading of a layer may fail although the first did not, and memory may run short.
        && !walk
            .problems
            .iter()
            .any(|problem| matches!(problem.kind, ProblemKind::Unreadable | ProblemKind::LimitExceeded))
}

/// Was the one database file of apk or rpm written again above the base image? Then its layer says nothing of the
/// packages that came with the base.
pub(crate) fn rewritten_above_base(target: &TargetFacts, inventory: &Inventory) -> bool {
    let base = target.base.as_ref().map_or(0, |base| base.layers);
    base > 0
        && inventory
            .packages
            .iter()
            .filter(|package| matches!(package.ecosystem, Ecosystem::Apk | Ecosystem::Rpm))
            .flat_map(|package| &package.locations)
            .any(|location| location.layer.is_some_and(|layer| layer > base))
}

/// Packages that the base image had in the same version are the base image's.
pub(crate) fn attribute_to_base(inventory: &mut Inventory, base: &Inventory) {
    let key = |package: &Package| {
        (package.ecosystem, package.name.clone(), package.version.clone(), package.architecture.clone())
    };
    let layers: HashMap<_, _> = base
        .packages
        .iter()
        .filter_map(|package| Some((key(package), package.locations.first()?.layer?)))
        .collect();
    let distribution = inventory
        .packages
        .iter_mut()
        .filter(|package| matches!(package.ecosystem, Ecosystem::Apk | Ecosystem::Rpm));
    for package in distribution {
        if let Some(layer) = layers.get(&key(package)) {
            for location in &mut package.locations {
                location.layer = Some(*layer);
            }
        }
    }
}

/// An archive compressed as a whole cannot be read by position: it passes as a stream.
fn compressed(
    typed: &str,
    path: &Path,
    form: Option<Form>,
    reference: Option<String>,
    options: &Options,
    progress: &dyn Progress,
) -> Result<(TargetFacts, Seen), ScanError> {
    let mut file = std::fs::File::open(path)
        .map_err(|source| ScanError::Read { path: path.display().to_string(), source })?;
    image_stream(typed, &mut file, form, reference, options, progress)
}

fn image_stream(
    typed: &str,
    reader: &mut dyn Read,
    form: Option<Form>,
    reference: Option<String>,
    options: &Options,
    progress: &dyn Progress,
) -> Result<(TargetFacts, Seen), ScanError> {
    let extractors = options.extractors();
    let passed =
        stream_layers(typed, reader, form, &selection(reference, options), &extractors, options, progress)?;
    let walk = plimsoll_fs::merge(passed.layers, &extractors, &limits(options));
    let mut seen = assembled(walk, passed.problems);
    let target = image_facts(typed, &passed.image, &mut seen, options);
    complete(&mut seen, &passed.image, &target, options);
    Ok((target, seen))
}

/// An image whose layers passed.
pub(crate) struct Passed {
    pub(crate) image: Image,
    /// What was found in them, lowest first.
    pub(crate) layers: Vec<LayerResult<Extraction>>,
    pub(crate) problems: Vec<Problem>,
}

/// Reads all layers of an archive while it passes.
pub(crate) fn stream_layers<V: Visitor<Output = Extraction>>(
    place: &str,
    reader: &mut dyn Read,
    form: Option<Form>,
    selection: &Selection,
    visitor: &V,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Passed, ScanError> {
    let limits = limits(options);
    let mut results: BTreeMap<u32, LayerResult<Extraction>> = BTreeMap::new();
    let archive = plimsoll_oci::stream(place, form, reader, &mut |blob, content| {
        let label =
            blob.digest.map_or_else(|| blob.name.to_string(), |digest| format!("layer {}", digest.short()));
        let result = plimsoll_fs::read_layer(content, &label, visitor, &limits, &Heard(progress));
        results.insert(blob.number, result);
        Ok(())
    })?;
    let image = archive.image(selection)?;
    let mut problems = image.problems.clone();
    let mut layers = Vec::with_capacity(image.layers.len());
    for (index, blob) in image.layers.iter().enumerate() {
        let number = blob.number();
        // Where one blob serves as several layers, everything that a lower use of it brings, the topmost brings again.
        let again =
            number.is_some() && image.layers[index + 1..].iter().any(|later| later.number() == number);
        match number.filter(|_| !again).and_then(|number| results.remove(&number)) {
            Some(mut result) => {
                result.verify(blob.digest.as_ref(), blob.diff_id.as_ref());
                layers.push(result);
            }
            None => {
                let label = layer_label(index, blob);
                layers.push(plimsoll_fs::read_layer(
                    &mut { EMPTY_TAR },
                    &label,
                    visitor,
                    &limits,
                    &Heard(progress),
                ));
                if !again && blob.unavailable.is_none() {
                    let detail = "the layer is not in the archive";
                    problems.push(Problem::incomplete(ProblemKind::Truncated, label, detail));
                }
            }
        }
    }
    Ok(Passed { image, layers, problems })
}

fn layer_label(index: usize, blob: &plimsoll_oci::Blob) -> String {
    match blob.digest.as_ref().or(blob.diff_id.as_ref()) {
        Some(digest) => format!("layer {} ({})", index + 1, digest.short()),
        None => format!("layer {}", index + 1),
    }
}

/// A tar archive without members, for a layer that brings nothing.
const EMPTY_TAR: &[u8] = &[0; 1024];

/// A blob as the file system crate wants it.
struct LayerBlob<'a> {
    blob: &'a plimsoll_oci::Blob,
}

impl LayerSource for LayerBlob<'_> {
    fn open(&self) -> std::io::Result<Box<dyn Read + Send + '_>> {
        self.blob.open()
    }

    fn label(&self) -> String {
        match self.blob.digest.as_ref().or(self.blob.diff_id.as_ref()) {
            Some(digest) => format!("layer {}", digest.short()),
            None => "layer".to_owned(),
        }
    }

    fn digest(&self) -> Option<&Digest> {
        self.blob.digest.as_ref()
    }

    fn diff_id(&self) -> Option<&Digest> {
        self.blob.diff_id.as_ref()
    }

    fn size(&self) -> Option<u64> {
        Some(self.blob.size)
    }
}

/// Progress as the file system crate tells it.
pub(crate) struct Heard<'a>(pub(crate) &'a dyn Progress);

impl plimsoll_fs::Progress for Heard<'_> {
    fn bytes(&self, _layer: u32, bytes: u64) {
        self.0.read(bytes);
    }

    fn entries(&self, entries: u64) {
        self.0.files(entries);
    }
}

/// Where the base image ends.
fn boundary(image: &Image, diff_ids: &[Option<Digest>], history: &[Step], options: &Options) -> Base {
    let mut annotations = image.labels.clone();
    annotations.extend(image.annotations.clone());
    base::find(Clues { diff_ids, history, annotations: &annotations }, options.base.as_ref())
}

pub(crate) fn image_facts(typed: &str, image: &Image, seen: &mut Seen, options: &Options) -> TargetFacts {
    // What a report repeats of the history holds no secret, whether they are looked for or not.
    let history: Vec<Step> = seen
        .history
        .commands(&image.history)
        .iter()
        .zip(&image.history)
        .map(|(created_by, step)| Step { created_by: created_by.clone(), empty: step.empty_layer })
        .collect();
    let mut commands = vec![None; image.layers.len()];
    let made = history.iter().filter(|step| !step.empty);
    if made.clone().count() == image.layers.len() {
        commands = made.map(|step| Some(step.created_by.clone())).collect();
    }
    let diff_ids: Vec<Option<Digest>> = image.layers.iter().map(|blob| blob.diff_id.clone()).collect();
    let base = boundary(image, &diff_ids, &history, options);
    let layers = image
        .layers
        .iter()
        .zip(commands)
        .zip(1_u32..)
        .map(|((blob, command), index)| Layer {
            index,
            digest: blob.digest.clone(),
            diff_id: blob.diff_id.clone(),
            size: blob.size,
            created_by: command.filter(|command| !command.is_empty()),
            from_base: index <= base.layers,
        })
        .collect();
    TargetFacts {
        reference: image.reference.clone(),
        digest: image.manifest_digest.clone(),
        image_id: Some(image.config_digest.clone()),
        platform: Some(image.platform.to_string()),
        created: image.created.clone(),
        release: seen.inventory.release.clone(),
        layers,
        base: Some(base),
        ..TargetFacts::named(TargetKind::Image, typed)
    }
}

fn sbom(typed: &str, path: &Path, options: &Options) -> Result<(TargetFacts, Seen), ScanError> {
    /// An SBOM of this size lists more packages than any image has.
    const LIMIT: u64 = 512 * 1024 * 1024;
    let shown = path.display().to_string();
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes))
        .map_err(|source| ScanError::Read { path: shown.clone(), source })?;
    if bytes.len() as u64 > LIMIT {
        let source = std::io::Error::new(std::io::ErrorKind::FileTooLarge, "larger than 512 MiB");
        return Err(ScanError::Read { path: shown, source });
    }
    let document =
        plimsoll_format::sbom::read(&bytes).map_err(|source| ScanError::Sbom { path: shown, source })?;
    let inventory = assemble::listed(document.inventory);
    let target =
        TargetFacts { name: typed.to_owned(), release: inventory.release.clone(), ..document.target };
    let mut secrets = Secrets::default();
    if options.looks_for(Scanner::Secrets) && options.scanners.was_asked(Scanner::Secrets) {
        let detail = "an SBOM lists packages: there are no files in which secrets could be looked for";
        secrets.problems.push(Problem::incomplete(ProblemKind::Unsupported, typed, detail));
    }
    let mut settings = Settings::default();
    if options.looks_for(Scanner::Configuration) && options.scanners.was_asked(Scanner::Configuration) {
        let detail = "an SBOM lists packages: it does not say how the image is set up";
        settings.problems.push(Problem::incomplete(ProblemKind::Unsupported, typed, detail));
    }
    Ok((target, Seen { inventory, secrets, settings, ..Seen::default() }))
}

fn report(
    target: TargetFacts,
    seen: Seen,
    database: Option<&Database>,
    oldest: Option<&(String, Timestamp)>,
    options: &Options,
) -> Result<Report, ScanError> {
    let today = jiff::tz::Offset::UTC.to_datetime(options.now).date();
    let Seen { mut inventory, mut secrets, mut settings, .. } = seen;
    unless_asked(&mut secrets, &mut settings, &options.scanners);
    licenses::normalise(&mut inventory.packages);
    let mut findings = Vec::new();
    let mut newest = None;
    let mut problems = inventory.problems.clone();
    problems.extend(secrets.problems);
    problems.extend(settings.problems);
    let (incidents, together);
    // An inventory asks nobody, so the pack is not even loaded.
    let source: Option<&dyn Source> = if options.looks_for(Scanner::Vulnerabilities) {
        incidents = Incidents::embedded()?;
        Some(match database {
            Some(database) => {
                together = Together { database, incidents: &incidents };
                &together
            }
            None => &incidents,
        })
    } else {
        None
    };
    let database_info = if let Some(source) = source {
        let matches = plimsoll_advisory::matches(source, &inventory, &MatchOptions::default())?;
        findings = matches.findings;
        problems.extend(matches.problems);
        findings.extend(models::findings(&inventory.packages));
        if let Some(database) = database {
            problems.extend(thin_coverage(database, &inventory)?);
            let support = plimsoll_advisory::support::judge(database, &inventory)?;
            findings.extend(support.findings);
            problems.extend(support.problems);
            newest = support.newest;
        }
        source.info()
    } else {
        DatabaseInfo { coverage: Coverage::None, date: String::new(), digest: None, sources: Vec::new() }
    };
    let mut ended = Vec::new();
    let mut of_file = Vec::new();
    if let Some(build) = &options.dockerfile {
        let told = check::one(&build.path, &build.content, database, options.line, &options.today());
        of_file = told.0;
        problems.extend(told.1);
        ended = told.2;
    }
    let of_licenses = if options.looks_for(Scanner::Licenses) {
        licenses::findings(&inventory.packages, &options.licenses)
    } else {
        Vec::new()
    };
    let further = [&secrets.findings, &settings.findings, &of_file, &of_licenses];
    if further.iter().any(|findings| !findings.is_empty()) {
        findings.extend(of_licenses);
        findings.extend(secrets.findings);
        findings.extend(settings.findings);
        findings.extend(of_file);
        plimsoll_advisory::sort(&mut findings);
    }
    let (mut assertions, told) = assertions(&target, &inventory, options)?;
    problems.extend(told);
    problems.extend(vex::apply_documents(&mut assertions, &target, &inventory, &mut findings));
    let applied = options.exceptions.apply(&mut findings, &inventory.packages, &target, today);
    problems.extend(applied.problems);
    let watched = plimsoll_model::in_use::apply(&mut findings, &target, &options.in_use);
    if watched == 0 && !options.in_use.is_empty() {
        problems.push(unwatched(&target));
    }
    plimsoll_model::work::sort(&mut findings, &database_info.date);
    let context = Context {
        kind: target.kind,
        base: target.base.as_ref(),
        layers: &target.layers,
        release: target.release.as_ref(),
        newest: newest.as_deref(),
    };
    whose::assign(&mut findings, &inventory.packages, context);
    party::apply(&mut findings, &target, options.whose.as_ref());
    let mut changes = whose::changes(&findings, &inventory.packages, context);
    if let Some(source) = source {
        settle(&mut changes, &findings, &inventory.packages, source)?;
    }
    let unplaced = options.dockerfile.as_ref().and_then(|build| {
        point_at_lines(build, &target, &inventory.packages, &mut findings, &mut changes).err()
    });
    problems.extend(unplaced.clone());
    problems.sort();
    problems.dedup();
    let stale = stale(&database_info, oldest, options);
    let asked = Some(&database_info).filter(|_| advisories_count(options));
    let mut verdict = verdict::judge(options.line, &findings, &problems, asked, stale);
    if verdict.outcome == Outcome::Met
        && inventory.packages.is_empty()
        && (options.looks_for(Scanner::Vulnerabilities) || options.looks_for(Scanner::Licenses))
    {
        // An empty folder, a mistyped one, a program that nobody lists: all look the same, and none was seen to be clean.
        verdict.outcome = Outcome::Unknown;
        verdict.reasons =
            vec!["no package was found, so there was nothing to hold against the line".to_owned()];
        verdict.inputs_missing.push("packages: none was recognised in the target".to_owned());
    }
    if options.looks_for(Scanner::Licenses) {
        verdict.line = format!("{} {}", verdict.line, options.licenses);
    }
    verdict.reasons.extend(applied.expired);
    verdict.reasons.extend(ended);
    verdict.reasons.extend(unplaced.map(|problem| format!("{}: {}", problem.subject, problem.detail)));
    Ok(Report {
        schema_version: SCHEMA_VERSION.to_owned(),
        plimsoll: env!("CARGO_PKG_VERSION").to_owned(),
        target,
        database: database_info,
        verdict,
        packages: inventory.packages,
        findings,
        changes,
        vex: assertions.into_iter().map(|assertion| assertion.told).collect(),
        framework: None,
        since: None,
        problems,
    })
}

/// What nobody asked for leaves no verdict open; and how an image is set up is told then, and does not count: every image
/// has such findings.
fn unless_asked(secrets: &mut Secrets, settings: &mut Settings, scanners: &Scanners) {
    let as_notes = |problems: &mut Vec<Problem>| {
        for problem in problems {
            problem.effect = Effect::Note;
        }
    };
    if !scanners.was_asked(Scanner::Secrets) {
        as_notes(&mut secrets.problems);
    }
    if !scanners.was_asked(Scanner::Configuration) {
        as_notes(&mut settings.problems);
        for finding in &mut settings.findings {
            finding.suppressed_by.get_or_insert_with(|| Suppression {
                by: "default".to_owned(),
                source: "plimsoll scan".to_owned(),
                reason: "it counts with --scanners vuln,secret,config".to_owned(),
                expires: None,
            });
        }
    }
}

/// Records of watches were given, and none is of this image.
fn unwatched(target: &TargetFacts) -> Problem {
    Problem::note(
        ProblemKind::NotCovered,
        &target.name,
        "none of the given records of watches (--in-use) is of this image: what of it runs is not known",
    )
}

/// What others say about the target, by rank, and what could not be read of it.
fn assertions(
    target: &TargetFacts,
    inventory: &Inventory,
    options: &Options,
) -> Result<(Vec<Assertion>, Vec<Problem>), ScanError> {
    let (mut assertions, mut problems) = (Vec::new(), Vec::new());
    for (name, bytes) in &options.vex {
        let assertion = Assertion::read(name, VexOrigin::File, 0, bytes)
            .map_err(|error| ScanError::Vex { path: name.clone(), reason: error.to_string() })?;
        assertions.push(assertion);
    }
    if let Some(wanted) = &options.attached_vex {
        let attached = vex_attached::documents(target, wanted, options.registries.as_ref());
        assertions.extend(attached.assertions);
        problems.extend(attached.problems);
    }
    for (rank, named) in (vex_attached::RANK + 1..).zip(&options.vex_hubs) {
        let hub = vex_hub::documents(named, rank, target, inventory)?;
        assertions.extend(hub.assertions);
        problems.extend(hub.problems);
    }
    Ok((assertions, problems))
}

/// Points at lines of the Dockerfile, or says why that cannot be done.
fn point_at_lines(
    build: &BuildFile,
    target: &TargetFacts,
    packages: &[Package],
    findings: &mut [Finding],
    changes: &mut [Change],
) -> Result<(), Problem> {
    let lines = dockerfile_lines::lines(build, &target.layers).map_err(|why| {
        let detail = format!("which of its lines made which layer is not known: {why}");
        Problem::note(ProblemKind::NotCovered, &build.path, detail)
    })?;
    let layers: HashMap<&str, u32> = packages
        .iter()
        .filter_map(|package| Some((package.purl.as_str(), package.locations.first()?.layer?)))
        .collect();
    let of_package = |purl: &String| layers.get(purl.as_str()).copied();
    lines.point(findings, changes, |finding| {
        finding.subject.layer().or_else(|| finding.subject.packages().iter().find_map(of_package))
    });
    Ok(())
}

/// [`whose::settle`] with the advisories of `source`.
fn settle(
    changes: &mut [Change],
    findings: &[Finding],
    packages: &[Package],
    source: &dyn Source,
) -> Result<(), ScanError> {
    let mut damaged = None;
    whose::settle(changes, findings, packages, &mut |packages| {
        let asked = Inventory { packages, ..Inventory::default() };
        match plimsoll_advisory::matches(source, &asked, &MatchOptions::default()) {
            Ok(matches) => matches.findings,
            Err(error) => {
                damaged = Some(error);
                Vec::new()
            }
        }
    });
    damaged.map_or(Ok(()), |error| Err(error.into()))
}

/// A stream of which the database holds a handful of packages was not taken in as a whole: silence about the others
/// says nothing.
fn thin_coverage(database: &Database, inventory: &Inventory) -> Result<Vec<Problem>, ScanError> {
    /// Distributions publish advisories about hundreds of packages; stray records of a release are below this.
    const WHOLE: u32 = 20;
    let mut problems = Vec::new();
    if let Some(stream) = inventory.release.as_ref().and_then(plimsoll_model::Release::stream) {
        let target = Asked::Stream(stream.clone());
        if database.covers(&target)? && !database.has_at_least(&target, WHOLE)? {
            let detail = format!(
                "this database knows advisories about fewer than {WHOLE} packages of {stream}: it has no source for the whole of it"
            );
            problems.push(Problem::incomplete(ProblemKind::NotCovered, stream, detail));
        }
    }
    // Advisories name Java packages `group:artifact`.
    let nameless = |package: &&Package| {
        package.ecosystem == Ecosystem::Maven && !package.name.contains(':') && package.owned_by.is_none()
    };
    let count = inventory.packages.iter().filter(nameless).count();
    if let Some(first) = inventory.packages.iter().find(nameless) {
        let those = if count == 1 { "1 Java archive does" } else { &format!("{count} Java archives do") };
        let detail =
            format!("{those} not say a group, and no advisory can be asked without one; this is the first");
        problems.push(Problem::incomplete(ProblemKind::NotCovered, &first.purl, detail));
    }
    Ok(problems)
}

/// Whoever looks for secrets only misses no advisories.
fn advisories_count(options: &Options) -> bool {
    options.inventory_only || options.looks_for(Scanner::Vulnerabilities)
}

/// What is missing for the age of the advisories.
fn stale(database: &DatabaseInfo, oldest: Option<&(String, Timestamp)>, options: &Options) -> Option<String> {
    let limit = options.max_database_age.filter(|_| advisories_count(options))?;
    match oldest {
        Some((source, asked)) => unasked(source, *asked, limit, options.now),
        None => staleness(database, limit, options.now),
    }
}

/// What is missing when the newest data are older than the user allows. Sources say days.
fn staleness(database: &DatabaseInfo, limit: Duration, now: Timestamp) -> Option<String> {
    let Some(date) = database.date.get(..10).and_then(|date| date.parse::<jiff::civil::Date>().ok()) else {
        return Some("the age of the advisories: no source says its date".to_owned());
    };
    let today = jiff::tz::Offset::UTC.to_datetime(now).date();
    let days = i64::from(today.since(date).ok()?.get_days());
    let allowed = i64::try_from(limit.as_secs() / DAY).unwrap_or(i64::MAX);
    (days > allowed).then(|| {
        let unit = if days == 1 { "day" } else { "days" };
        format!("fresh advisories: the newest are of {date}, {days} {unit} old; the limit is {}", span(limit))
    })
}

/// What is missing when a source that the inventory needs was asked longer ago than the user allows.
fn unasked(source: &str, asked: Timestamp, limit: Duration, now: Timestamp) -> Option<String> {
    let age = now.duration_since(asked).unsigned_abs();
    (now > asked && age > limit).then(|| {
        format!(
            "fresh advisories: `{source}` was asked {} ago, at {asked}; the limit is {}",
            span(age),
            span(limit)
        )
    })
}

const DAY: u64 = 24 * 60 * 60;

/// `3 days`, `5 hours`, `12 minutes`.
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    // Whole units as they were typed: `1 hour`, not `60 minutes`.
    let (count, unit) = match seconds {
        0 => (0, "day"),
        3600 => (1, "hour"),
        60 | 120..=7199 => (seconds / 60, "minute"),
        1..=119 => (seconds, "second"),
        7200..DAY => (seconds / 3600, "hour"),
        DAY.. => (seconds / DAY, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}
