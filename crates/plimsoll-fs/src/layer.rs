//! One layer: its members in order, what they hide, and the files that are wanted.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use plimsoll_model::{Algorithm, Digest, Effect, ImagePath, Problem, ProblemKind};

use crate::budget::{Budget, Permit};
use crate::decode::{Finished, Hashes, Stop, Stream};
use crate::index::{KeySet, LayerIndex, Listed, Mark, child, keys_of, resolve};
use crate::tar::{Archive, Kind, Member, Next};
use crate::{
    Check, Entry, FIRST_BLOCK, LayerStatistics, Limits, NoProgress, Progress, UNKNOWN_SIZE, Visitor, Want,
};

/// Problems that are listed one by one for each layer; the rest is counted.
pub(crate) const MAX_PROBLEMS: usize = 100;
/// Directories that are looked up in symbolic links, for each layer.
pub(crate) const MAX_STEPS: u64 = 50_000_000;
/// Groups of names of one file that are looked through for one whose names are alike.
pub(crate) const MAX_GROUPS: usize = 64;
/// What a remembered name costs beside its bytes.
const ITEM_COST: u64 = 160;

/// What all threads of a walk share.
pub(crate) struct Context<'a, V> {
    pub(crate) visitor: &'a V,
    pub(crate) limits: &'a Limits,
    pub(crate) progress: &'a dyn Progress,
    /// For contents that are being visited: their holders wait for nobody.
    pub(crate) visiting: Arc<Budget>,
    /// For contents that may turn out to be hidden: never waited for.
    pub(crate) waiting: Arc<Budget>,
    pub(crate) entries: AtomicU64,
    pub(crate) open_bytes: AtomicU64,
    pub(crate) kept: AtomicU64,
}

impl<'a, V: Visitor> Context<'a, V> {
    pub(crate) fn new(visitor: &'a V, limits: &'a Limits, progress: &'a dyn Progress) -> Self {
        Context {
            visitor,
            limits,
            progress,
            visiting: Budget::new(limits.max_buffered / 2),
            waiting: Budget::new(limits.max_buffered - limits.max_buffered / 2),
            entries: AtomicU64::new(0),
            open_bytes: AtomicU64::new(0),
            kept: AtomicU64::new(0),
        }
    }

    /// Visits a file that is certainly there. The content is as long as `entry` says, or its reader fails.
    pub(crate) fn visit(
        &self,
        entry: &Entry<'_>,
        want: Want,
        content: &mut dyn Read,
        layer: Option<u32>,
    ) -> State<V::Output> {
        let result = match want {
            Want::Skip => return State::Hidden,
            Want::Whole { limit } if entry.size > limit => return too_large(entry, limit, layer),
            Want::Whole { .. } => {
                let _permit = self.visiting.acquire(entry.size);
                read_whole(content, entry.size).map(|content| self.visitor.whole(entry, &content))
            }
            Want::Stream => self.visitor.stream(entry, content),
            Want::Name => Ok(self.visitor.whole(entry, &[])),
        };
        match result {
            Ok(output) => State::Read(output),
            Err(error) => {
                let kind = match error.kind() {
                    io::ErrorKind::UnexpectedEof => ProblemKind::Truncated,
                    io::ErrorKind::InvalidData => ProblemKind::Corrupt,
                    _ => ProblemKind::Unreadable,
                };
                let mut problem = Problem::incomplete(kind, entry.path, reading_failed(&error));
                problem.layer = layer;
                State::Problem(problem)
            }
        }
    }

    /// Visits a file whose content is in memory already.
    pub(crate) fn visit_bytes(&self, entry: &Entry<'_>, want: Want, mut content: &[u8]) -> State<V::Output> {
        match want {
            Want::Whole { limit } if entry.size <= limit => State::Read(self.visitor.whole(entry, content)),
            _ => self.visit(entry, want, &mut content, None),
        }
    }

    /// Glances at up to `limit` bytes, which the file has. What was read of it is left in `head`.
    pub(crate) fn glance(
        &self,
        entry: &Entry<'_>,
        limit: u64,
        content: &mut dyn Read,
        head: &mut Vec<u8>,
    ) -> io::Result<Option<(V::Output, usize)>> {
        let first = limit.min(FIRST_BLOCK as u64);
        *head = read_whole(content, first)?;
        if limit > first && self.visitor.goes_on(entry, head) {
            let _permit = self.visiting.acquire(limit);
            head.append(&mut read_whole(content, limit - first)?);
            return Ok(self.visitor.glance(entry, head));
        }
        Ok(self.visitor.glance(entry, head))
    }

    /// Takes memory for something that is remembered by name.
    pub(crate) fn keep(&self, bytes: usize) -> bool {
        let cost = bytes as u64 + ITEM_COST;
        self.kept.fetch_add(cost, Ordering::Relaxed) + cost <= self.limits.max_kept
    }
}

fn too_large<O>(entry: &Entry<'_>, limit: u64, layer: Option<u32>) -> State<O> {
    let detail = format!("the file has {} bytes, more than {limit} are not read", entry.size);
    let mut problem = Problem::incomplete(ProblemKind::LimitExceeded, entry.path, detail);
    problem.layer = layer;
    State::Problem(problem)
}

/// Reads exactly `size` bytes; memory grows with what is there.
fn read_whole(content: &mut dyn Read, size: u64) -> io::Result<Vec<u8>> {
    const STEP: usize = 1024 * 1024;
    let size = usize::try_from(size).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    let mut bytes = Vec::new();
    while bytes.len() < size {
        let start = bytes.len();
        let step = (size - start).min(STEP.max(start));
        bytes.resize(start + step, 0);
        content.read_exact(&mut bytes[start..])?;
    }
    Ok(bytes)
}

/// What became of a wanted file.
#[derive(Debug)]
pub(crate) enum State<O> {
    Read(O),
    /// An upper layer hides it: not read.
    Hidden,
    /// Nobody knew whether an upper layer hides it.
    Waiting {
        want: Want,
        content: Vec<u8>,
        permit: Permit,
    },
    Problem(Problem),
}

/// What is remembered of a member in full.
#[derive(Debug)]
pub(crate) enum Kept<O> {
    File {
        mode: u32,
        size: u64,
        state: State<O>,
    },
    Symlink {
        target: Vec<u8>,
    },
    /// Its target is no hard link of the same layer, and meant as it was before that position of the archive.
    HardLink {
        target: ImagePath,
        place: Place,
        before: u64,
        mode: u32,
        wanted: bool,
    },
}

/// Where a hard link's target was when the link came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the same layer.
    Here,
    /// Not in the same layer: perhaps below.
    NotHere,
    /// The same layer has something else there.
    Nowhere,
}

#[derive(Debug)]
pub(crate) struct Item<O> {
    /// Position in the archive.
    pub(crate) order: u64,
    /// Its directory is not listed by this layer: a lower layer may have a symbolic link there.
    pub(crate) implied: bool,
    /// Directories of its path that are listed.
    pub(crate) listed: Listed,
    pub(crate) kept: Kept<O>,
}

/// A name whose directory is not listed by its layer.
#[derive(Debug)]
pub(crate) struct ImpliedName {
    pub(crate) path: ImagePath,
    pub(crate) mark: Mark,
    /// Position in the archive.
    pub(crate) order: u64,
    /// Directories of its path that are listed.
    pub(crate) listed: Listed,
}

/// What a glance gave, with what is needed to find out where the file really is.
#[derive(Debug)]
pub(crate) struct Glanced<O> {
    pub(crate) path: ImagePath,
    /// Position in the archive.
    pub(crate) order: u64,
    /// Its directory is not listed by this layer.
    pub(crate) implied: bool,
    /// Directories of its path that are listed.
    pub(crate) listed: Listed,
    pub(crate) output: O,
}

/// What one layer says, to be merged with the others. See [`read_layer`].
#[derive(Debug)]
pub struct LayerResult<O> {
    pub(crate) index: LayerIndex,
    pub(crate) items: BTreeMap<ImagePath, Item<O>>,
    pub(crate) implied: Vec<ImpliedName>,
    pub(crate) glances: Vec<Glanced<O>>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) statistics: LayerStatistics,
    pub(crate) computed: Option<(Option<Digest>, Option<Digest>)>,
    /// Of a second reading.
    pub(crate) again: Vec<Again<O>>,
}

/// A file that was read under other names than its own.
#[derive(Debug)]
pub(crate) struct Again<O> {
    /// The first is the one it was read as; with the layers that wrote them.
    pub(crate) names: Vec<(ImagePath, u32)>,
    pub(crate) state: State<O>,
}

impl<O> LayerResult<O> {
    /// The digest of the blob, when it was read to its end.
    pub fn digest(&self) -> Option<&Digest> {
        self.computed.as_ref()?.0.as_ref()
    }

    /// The digest of the open archive, when it was read to its end.
    pub fn diff_id(&self) -> Option<&Digest> {
        self.computed.as_ref()?.1.as_ref()
    }

    /// Compares the layer's digests to what its image says. A difference becomes a problem.
    pub fn verify(&mut self, digest: Option<&Digest>, diff_id: Option<&Digest>) {
        let Some((stored, open)) = &self.computed else { return };
        let problems = &mut self.problems;
        let label = &self.statistics.label;
        let mut compare = |expected: Option<&Digest>, computed: &Option<Digest>, what: &str| {
            let Some(expected) = expected else { return Check::NotChecked };
            match computed {
                Some(computed) if computed == expected => Check::Verified,
                Some(computed) if computed.algorithm() == expected.algorithm() => {
                    let detail = format!("its {what} is {computed}, but the image says {expected}");
                    problems.push(Problem::incomplete(ProblemKind::Corrupt, label, detail));
                    Check::Mismatch
                }
                _ => {
                    let detail = format!(
                        "its {what} cannot be checked: {} proves nothing or was not computed",
                        expected.algorithm().name()
                    );
                    problems.push(Problem::incomplete(ProblemKind::Unsupported, label, detail));
                    Check::NotChecked
                }
            }
        };
        let checks = (compare(digest, stored, "digest"), compare(diff_id, open, "diff id"));
        (self.statistics.digest, self.statistics.diff_id) = checks;
    }
}

/// What upper layers are known to hide while a layer is read.
pub(crate) trait Above: Sync {
    /// Is a file hidden? `None` as long as some upper layer has not been read. `keys` as [`keys_of`] gives them.
    fn hides(&self, keys: &[u64]) -> Option<bool>;
    /// Returns when all upper layers have been read.
    fn wait(&self);
}

/// For a layer that is read before its place is known, or again for files that are known to be visible.
pub(crate) struct Nothing;

impl Above for Nothing {
    fn hides(&self, _: &[u64]) -> Option<bool> {
        Some(false)
    }
    fn wait(&self) {}
}

/// How to read a layer.
pub(crate) struct Job<'a> {
    pub(crate) label: String,
    /// From 1; 0 while unknown.
    pub(crate) number: u32,
    pub(crate) hashes: Hashes,
    pub(crate) above: &'a dyn Above,
    /// Are there layers below that need to know what this one hides?
    pub(crate) has_below: bool,
    /// When reading a second time: only these, and nothing is remembered.
    pub(crate) requests: Option<&'a Requests>,
}

/// Files that are needed under another name: path in the layer, and before which position of the archive.
pub(crate) type Requests = BTreeMap<ImagePath, Vec<Request>>;

/// One reason to read a file again.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Only occurrences before this position are meant; of several the last.
    pub(crate) before: u64,
    /// The name under which the file is visible.
    pub(crate) name: ImagePath,
    /// Layer that wrote the name, from 1.
    pub(crate) layer: u32,
}

/// Reads one layer whose place among the others is not known yet, from a stream that can be read once.
///
/// All wanted files are visited, for nobody knows which are hidden. Both SHA-256 digests are computed; compare them with
/// [`LayerResult::verify`] when the manifest comes. Give all results, the lowest layer first, to [`merge`](crate::merge).
pub fn read_layer<V: Visitor>(
    reader: &mut dyn Read,
    label: &str,
    visitor: &V,
    limits: &Limits,
    progress: &dyn Progress,
) -> LayerResult<V::Output> {
    let hashes = Hashes { stored: Some(Algorithm::Sha256), open: Some(Algorithm::Sha256) };
    let job =
        Job { label: label.to_owned(), number: 0, hashes, above: &Nothing, has_below: true, requests: None };
    read(&Context::new(visitor, limits, progress), reader, &job)
}

/// Reads one layer.
pub(crate) fn read<V: Visitor>(
    context: &Context<'_, V>,
    reader: &mut dyn Read,
    job: &Job<'_>,
) -> LayerResult<V::Output> {
    let mut result = LayerResult {
        index: LayerIndex::default(),
        items: BTreeMap::new(),
        implied: Vec::new(),
        glances: Vec::new(),
        problems: Vec::new(),
        statistics: LayerStatistics {
            label: job.label.clone(),
            compression: None,
            stored_bytes: 0,
            open_bytes: 0,
            digest: Check::NotChecked,
            diff_id: Check::NotChecked,
            entries: 0,
            hidden: 0,
        },
        computed: None,
        again: Vec::new(),
    };
    let quiet = NoProgress;
    let progress: &dyn Progress = if job.requests.is_some() { &quiet } else { context.progress };
    let stream = Stream::new(reader, job.hashes, context.limits, &context.open_bytes, progress, job.number);
    let mut stream = match stream {
        Ok(stream) => stream,
        Err(stop) => {
            result.problems.push(Problem::incomplete(stop.kind, &job.label, stop.detail));
            return result;
        }
    };
    result.statistics.compression = Some(stream.compression());
    let second = job.requests.is_some();
    let mut reading = Reading {
        context,
        job,
        result: &mut result,
        path_keys: Vec::new(),
        parent: Vec::new(),
        parent_keys: vec![crate::index::ROOT],
        parent_implied: false,
        parent_listed: Listed::default(),
        parent_made: false,
        known: KeySet::default(),
        links: KeySet::default(),
        steps: MAX_STEPS,
        order: 0,
        unlisted: 0,
        full: false,
    };
    let mut stop = reading.members(&mut stream).err();
    let unlisted = reading.unlisted;
    let mut garbage = false;
    let mut goes_on = false;
    if !second && stop.as_ref().is_none_or(|stop| stop.kind != ProblemKind::LimitExceeded) {
        // The rest belongs to the digests, even of an archive that is broken further up.
        match stream.drain() {
            Ok(data) => {
                goes_on = data && stop.is_none();
                garbage = stream.has_garbage();
                (result.statistics.stored_bytes, result.statistics.open_bytes) =
                    (stream.stored_bytes(), stream.open_bytes());
                let Finished { stored, open } = stream.finish();
                result.computed = Some((stored, open));
            }
            Err(other) => {
                (result.statistics.stored_bytes, result.statistics.open_bytes) =
                    (stream.stored_bytes(), stream.open_bytes());
                stop = stop.or(Some(other));
            }
        }
    } else {
        (result.statistics.stored_bytes, result.statistics.open_bytes) =
            (stream.stored_bytes(), stream.open_bytes());
    }
    if let Some(stop) = stop {
        result.problems.push(Problem::incomplete(stop.kind, &job.label, stop.detail));
    }
    for (note, detail) in [
        (garbage, "bytes follow its gzip stream that are none, and are ignored"),
        (goes_on, "bytes follow the end of its archive, which container runtimes ignore"),
    ] {
        if note && !second {
            result.problems.push(Problem::note(ProblemKind::Corrupt, &job.label, detail));
        }
    }
    if unlisted > 0 {
        let detail = format!("{unlisted} further members could not be read");
        result.problems.push(Problem::incomplete(ProblemKind::Corrupt, &job.label, detail));
    }
    result
}

struct Reading<'r, 'c, V: Visitor> {
    context: &'r Context<'c, V>,
    job: &'r Job<'r>,
    result: &'r mut LayerResult<V::Output>,
    /// Keys of the member's path.
    path_keys: Vec<u64>,
    /// Directory of the last member, its keys, and whether the layer does not list it. Archives go directory by
    /// directory: this saves most of the hashing.
    parent: Vec<u8>,
    parent_keys: Vec<u64>,
    parent_implied: bool,
    parent_listed: Listed,
    /// Was [`make_parents`](Reading::make_parents) called for it?
    parent_made: bool,
    /// Keys of items and of the directories above them.
    known: KeySet,
    /// Keys of symbolic links.
    links: KeySet,
    steps: u64,
    order: u64,
    unlisted: u64,
    full: bool,
}

impl<V: Visitor> Reading<'_, '_, V> {
    fn members(&mut self, stream: &mut Stream<'_>) -> Result<(), Stop> {
        let limits = self.context.limits;
        let second = self.job.requests.is_some();
        let mut archive = Archive::new(stream, limits);
        loop {
            let member = match archive.next()? {
                Next::End => return Ok(()),
                Next::Note(stop) => {
                    self.problem(stop, None, Effect::Note);
                    continue;
                }
                Next::Refused { name, why } => {
                    self.count()?;
                    let path = ImagePath::new(&name[..name.len().min(limits.max_path)]);
                    self.problem(why, Some(&path), Effect::Incomplete);
                    let usable = name.len() <= limits.max_path && !path.as_bytes().is_empty();
                    if let Some(path) = usable.then(|| self.place(path)).flatten() {
                        self.replace(&path, Mark::File);
                    }
                    continue;
                }
                Next::Member(member) => member,
            };
            if second {
                if self.steps == 0 {
                    return Err(Stop::limit(
                        "hard links and repeated names make its second reading too long",
                    ));
                }
                self.order += 1;
            } else {
                self.count()?;
            }
            if member.name.len() > limits.max_path {
                let path = ImagePath::new(&member.name[..limits.max_path.min(200)]);
                let why = Stop::limit(format!("a name of {} bytes is not read", member.name.len()));
                self.problem(why, Some(&path), Effect::Incomplete);
                continue;
            }
            self.member(&member, &mut archive);
        }
    }

    /// Counts an entry.
    fn count(&mut self) -> Result<(), Stop> {
        self.order += 1;
        self.result.statistics.entries += 1;
        self.context.progress.entries(1);
        if self.context.entries.fetch_add(1, Ordering::Relaxed) >= self.context.limits.max_entries {
            let detail = format!("the layers have more than {} entries", self.context.limits.max_entries);
            return Err(Stop::limit(detail));
        }
        Ok(())
    }

    fn problem(&mut self, why: Stop, path: Option<&ImagePath>, effect: Effect) {
        if self.job.requests.is_some() {
            return;
        }
        if self.result.problems.len() >= MAX_PROBLEMS {
            self.unlisted += 1;
            return;
        }
        let subject = path.map_or_else(|| self.job.label.clone(), ToString::to_string);
        self.result.problems.push(Problem {
            kind: why.kind,
            effect,
            subject,
            detail: why.detail,
            layer: None,
        });
    }

    fn member(&mut self, member: &Member, archive: &mut Archive<'_, '_>) {
        let path = ImagePath::new(&member.name);
        if path.as_bytes().is_empty() {
            if member.kind != Kind::Directory {
                self.problem(
                    Stop::corrupt("a member that is no directory has no name"),
                    None,
                    Effect::Incomplete,
                );
            }
            return;
        }
        let Some(path) = self.place(path) else { return };
        if let Some(rest) = path.file_name().strip_prefix(b".wh.") {
            let rest = rest.to_vec();
            self.whiteout(&path, &rest);
            return;
        }
        match member.kind {
            Kind::Directory => self.replace(&path, Mark::Directory),
            Kind::Special => self.replace(&path, Mark::File),
            Kind::Symlink => {
                self.replace(&path, Mark::File);
                if member.link.len() <= self.context.limits.max_path && !member.link.is_empty() {
                    let kept = Kept::Symlink { target: member.link.clone() };
                    if self.keep(path, member.link.len(), kept) {
                        self.links.extend(self.path_keys.last().copied());
                    }
                }
            }
            Kind::HardLink => self.hard_link(path, member),
            Kind::File => self.file(path, member, archive),
        }
    }

    /// Where a name really is, as far as this layer knows, with its keys in `path_keys`. `None` when it goes in circles.
    fn place(&mut self, path: ImagePath) -> Option<ImagePath> {
        let parent = path.parent().unwrap_or(&[]);
        if self.parent != parent {
            self.parent.clear();
            self.parent.extend_from_slice(parent);
            keys_of(&self.parent, &mut self.parent_keys);
            if !self.links.is_empty() && self.parent_keys.iter().any(|key| self.links.contains(key)) {
                return self.place_through_links(&path);
            }
            self.look_at_parents();
        }
        self.path_keys.clear();
        self.path_keys.extend_from_slice(&self.parent_keys);
        if !path.as_bytes().is_empty() {
            let own = child(self.path_keys.last().copied().unwrap_or_default(), path.file_name());
            self.path_keys.push(own);
        }
        Some(path)
    }

    fn place_through_links(&mut self, path: &ImagePath) -> Option<ImagePath> {
        let items = &self.result.items;
        let resolved = resolve(path.as_bytes(), self.context.limits.max_path, &mut self.steps, |link| {
            match &items.get(link)?.kept {
                Kept::Symlink { target } => Some(target.clone()),
                _ => None,
            }
        });
        // The next member must not take this directory for its own.
        self.forget_parent();
        if let Ok(resolved) = resolved {
            keys_of(resolved.as_bytes(), &mut self.path_keys);
            self.parent_keys.clone_from(&self.path_keys);
            self.parent_keys.pop();
            self.look_at_parents();
            Some(resolved)
        } else {
            let why = Stop::corrupt("the symbolic links of its directory lead in circles");
            self.problem(why, Some(path), Effect::Incomplete);
            None
        }
    }

    fn forget_parent(&mut self) {
        self.parent.clear();
        // No normal path has this parent: the next one is always looked up.
        self.parent.push(b'/');
    }

    /// Does this layer list all directories of the path?
    fn look_at_parents(&mut self) {
        let index = &self.result.index;
        self.parent_made = false;
        let above = self.parent_keys.iter().skip(1);
        self.parent_listed = Listed::new(above.map(|key| index.has(*key, Mark::Directory)));
        self.parent_implied =
            self.job.has_below && self.parent_listed.without_gap() + 1 < self.parent_keys.len();
    }

    /// The directories above a member must be there: those that are not listed are implied, and a file in the place of
    /// one makes room.
    fn make_parents(&mut self, path: &ImagePath) {
        if std::mem::replace(&mut self.parent_made, true) {
            return;
        }
        if self.parent_implied {
            for key in self.parent_keys.iter().skip(1) {
                if !self.result.index.has(*key, Mark::Directory) {
                    self.result.index.insert(*key, Mark::Implied);
                }
            }
        }
        let ends = path.as_bytes().iter().enumerate().filter(|(_, byte)| **byte == b'/');
        for (key, (end, _)) in self.parent_keys.iter().skip(1).zip(ends) {
            if let Some(requests) = self.job.requests {
                let directory = ImagePath::new(&path.as_bytes()[..end]);
                forget(&mut self.result.again, requests.get(&directory), self.order, &mut self.steps);
            }
            if self.known.contains(key) {
                self.result.items.remove(&ImagePath::new(&path.as_bytes()[..end]));
            }
        }
    }

    fn own_key(&self) -> u64 {
        self.path_keys.last().copied().unwrap_or_default()
    }

    /// A member takes its name: what had it before is gone, and below it too if it is no directory.
    fn replace(&mut self, path: &ImagePath, mark: Mark) {
        self.make_parents(path);
        if let Some(requests) = self.job.requests {
            forget(&mut self.result.again, requests.get(path), self.order, &mut self.steps);
            if mark != Mark::Directory {
                for (_, requests) in below(requests, path) {
                    forget(&mut self.result.again, Some(requests), self.order, &mut self.steps);
                }
            }
        }
        let key = self.own_key();
        if self.known.contains(&key) {
            if self.result.items.remove(path).is_some() {
                self.links.remove(&key);
            }
            if mark != Mark::Directory {
                self.remove_below(path);
            }
        }
        // The cached directory may be, or be below, what is replaced.
        if self.parent_keys.contains(&key) {
            self.forget_parent();
        }
        self.mark(path, mark);
    }

    fn remove_below(&mut self, path: &ImagePath) {
        let below: Vec<ImagePath> = below(&self.result.items, path).map(|(path, _)| path.clone()).collect();
        let mut keys = Vec::new();
        for path in below {
            self.result.items.remove(&path);
            keys_of(path.as_bytes(), &mut keys);
            if let Some(key) = keys.last() {
                self.links.remove(key);
            }
        }
    }

    fn mark(&mut self, path: &ImagePath, mark: Mark) {
        if !self.job.has_below {
            return;
        }
        self.result.index.insert(self.own_key(), mark);
        if self.parent_implied && self.remember(path.as_bytes().len()) {
            self.result.implied.push(ImpliedName {
                path: path.clone(),
                mark,
                order: self.order,
                listed: self.parent_listed,
            });
        }
    }

    /// Takes memory for a name; says so once when there is none left.
    fn remember(&mut self, bytes: usize) -> bool {
        if self.full {
            return false;
        }
        if self.context.keep(bytes) {
            return true;
        }
        self.full = true;
        let why =
            Stop::limit("it has more links and wanted files than are remembered; further ones are left out");
        self.problem(why, None, Effect::Incomplete);
        false
    }

    fn keep(&mut self, path: ImagePath, bytes: usize, kept: Kept<V::Output>) -> bool {
        if !self.remember(path.as_bytes().len() + bytes) {
            return false;
        }
        // From the name upwards, until a directory is known already.
        for key in self.path_keys.iter().rev() {
            if !self.known.insert(*key) && *key != self.own_key() {
                break;
            }
        }
        let item = Item { order: self.order, implied: self.parent_implied, listed: self.parent_listed, kept };
        self.result.items.insert(path, item);
        true
    }

    /// `.wh.name` and `.wh..wh..opq` (OCI image-spec 1.1, layer.md, "Whiteouts"): they concern lower layers only.
    fn whiteout(&mut self, path: &ImagePath, name: &[u8]) {
        let parent = path.parent().unwrap_or(&[]);
        if name == b".wh..opq" {
            let directory = ImagePath::new(parent);
            self.path_keys.pop();
            self.mark(&directory, Mark::Opaque);
        } else if matches!(name, b"" | b"." | b"..") {
            self.problem(Stop::corrupt("a whiteout has no name"), Some(path), Effect::Incomplete);
        } else if !name.starts_with(b".wh.") {
            // What AUFS keeps for itself starts with `.wh..wh.` and is no part of the image.
            let hidden = ImagePath::new(&[parent, b"/", name].concat());
            self.path_keys.pop();
            let key = child(self.own_key(), name);
            self.path_keys.push(key);
            self.mark(&hidden, Mark::Whiteout);
        }
    }

    fn hard_link(&mut self, path: ImagePath, member: &Member) {
        let target = ImagePath::new(&member.link);
        if member.link.len() > self.context.limits.max_path || target.as_bytes().is_empty() {
            self.problem(Stop::corrupt("a hard link leads nowhere"), Some(&path), Effect::Incomplete);
            return;
        }
        let items = &self.result.items;
        let resolved = resolve(target.as_bytes(), self.context.limits.max_path, &mut self.steps, |link| {
            match &items.get(link)?.kept {
                Kept::Symlink { target } => Some(target.clone()),
                _ => None,
            }
        });
        let Ok(target) = resolved else {
            let why = Stop::corrupt("the symbolic links of its target's directory lead in circles");
            self.problem(why, Some(&path), Effect::Incomplete);
            return;
        };
        if target == path {
            self.problem(Stop::corrupt("a hard link leads to itself"), Some(&path), Effect::Incomplete);
            return;
        }
        let mut keys = Vec::new();
        keys_of(target.as_bytes(), &mut keys);
        let key = keys.last().copied().unwrap_or_default();
        let index = &self.result.index;
        // Another name of the same file: its target may change before anybody asks.
        let other = match self.result.items.get(&target).map(|item| &item.kept) {
            Some(Kept::HardLink { target, place, before, .. }) => Some((target.clone(), *place, *before)),
            _ => None,
        };
        let place = if !self.job.has_below {
            Place::Here
        } else if index.hides_below(&keys[..keys.len() - 1]) && !index.has(key, Mark::File) {
            Place::Nowhere
        } else if index.has(key, Mark::File) {
            Place::Here
        } else if index.has(key, Mark::Directory) || index.has(key, Mark::Implied) {
            Place::Nowhere
        } else {
            Place::NotHere
        };
        let (target, place, before) = other.unwrap_or((target, place, self.order));
        self.replace(&path, Mark::File);
        let entry = Entry { path: &path, size: UNKNOWN_SIZE, mode: member.mode };
        let wanted = self.job.requests.is_none() && self.context.visitor.wants(&entry) != Want::Skip;
        let bytes = target.as_bytes().len();
        self.keep(path, bytes, Kept::HardLink { target, place, before, mode: member.mode, wanted });
    }

    fn file(&mut self, path: ImagePath, member: &Member, archive: &mut Archive<'_, '_>) {
        self.replace(&path, Mark::File);
        if let Some(requests) = self.job.requests {
            self.file_again(&path, member, archive, requests);
            return;
        }
        let entry = Entry { path: &path, size: member.size, mode: member.mode };
        let want = self.context.visitor.wants(&entry);
        let limit = self.context.visitor.glance_limit(&entry).min(member.size);
        let mut head = Vec::new();
        let mut state = None;
        if limit > 0 {
            match self.context.glance(&entry, limit, archive, &mut head) {
                Ok(None) => {}
                Ok(Some((output, bytes))) => {
                    if self.remember(path.as_bytes().len() + bytes) {
                        self.result.glances.push(Glanced {
                            path: path.clone(),
                            order: self.order,
                            implied: self.parent_implied,
                            listed: self.parent_listed,
                            output,
                        });
                    }
                }
                // What an extractor wanted of it is told with the file, if it is there in the end.
                Err(error) if want != Want::Skip => state = Some(failed(&entry, &error)),
                Err(error) => {
                    let why = Stop { kind: ProblemKind::Truncated, detail: reading_failed(&error) };
                    self.problem(why, Some(&path), Effect::Incomplete);
                }
            }
        }
        if want == Want::Skip {
            return;
        }
        let mut content = head.as_slice().chain(archive);
        let mut hidden = self.job.above.hides(&self.path_keys);
        if hidden.is_none() && state.is_none() {
            let fits = match want {
                Want::Whole { limit } => member.size <= limit,
                _ => true,
            };
            let needed = if want == Want::Name { 0 } else { member.size };
            if let Some(permit) = fits.then(|| self.context.waiting.try_acquire(needed)).flatten() {
                state = Some(match read_whole(&mut content, needed) {
                    Ok(content) => State::Waiting { want, content, permit },
                    Err(error) => failed(&entry, &error),
                });
            } else {
                self.job.above.wait();
                hidden = self.job.above.hides(&self.path_keys);
            }
        }
        let state = state.unwrap_or_else(|| {
            if hidden == Some(true) {
                State::Hidden
            } else {
                self.context.visit(&entry, want, &mut content, None)
            }
        });
        if matches!(state, State::Hidden) {
            self.result.statistics.hidden += 1;
        }
        let (mode, size) = (member.mode, member.size);
        self.keep(path, 0, Kept::File { mode, size, state });
    }

    /// Second reading: a file that is needed under other names.
    fn file_again(
        &mut self,
        path: &ImagePath,
        member: &Member,
        archive: &mut Archive<'_, '_>,
        requests: &Requests,
    ) {
        let visitor = self.context.visitor;
        let meant = requests.get(path).into_iter().flatten().filter(|request| request.before > self.order);
        // Names that are read by the same rules together.
        let mut groups: Vec<(Want, Vec<(ImagePath, u32)>)> = Vec::new();
        for request in meant {
            let entry = Entry { path: &request.name, size: member.size, mode: member.mode };
            let want = visitor.wants(&entry);
            let name = (request.name.clone(), request.layer);
            let alike = groups.iter_mut().take(MAX_GROUPS).find(|(other, names)| {
                let first = Entry { path: &names[0].0, ..entry };
                *other == want && visitor.alike(&first, &entry)
            });
            match alike {
                Some((_, names)) => names.push(name),
                None => groups.push((want, vec![name])),
            }
        }
        // The content passes by once: for a second group it has to be kept.
        let several = groups.iter().filter(|(want, _)| *want != Want::Skip).count() > 1;
        let mut content = None;
        if several && member.size <= self.context.limits.max_buffered {
            content = Some(read_whole(archive, member.size).unwrap_or_default());
        }
        for (want, names) in groups {
            let entry = Entry { path: &names[0].0, size: member.size, mode: member.mode };
            let layer = Some(names[0].1);
            let state = match &content {
                Some(content) => self.context.visit(&entry, want, &mut content.as_slice(), layer),
                None if several => too_large(&entry, self.context.limits.max_buffered, layer),
                None => self.context.visit(&entry, want, archive, layer),
            };
            self.result.again.push(Again { names, state });
        }
    }
}

/// What lies below `path`.
pub(crate) fn below<'m, T>(
    map: &'m BTreeMap<ImagePath, T>,
    path: &ImagePath,
) -> impl Iterator<Item = (&'m ImagePath, &'m T)> + use<'m, T> {
    let start = [path.as_bytes(), b"/"].concat();
    // Between a path and what is below it come its neighbours that go on with a smaller byte than the slash.
    let first = ImagePath::new(&[path.as_bytes(), b"/\0"].concat());
    map.range(first..).take_while(move |(path, _)| path.as_bytes().starts_with(&start))
}

/// What was read for requests before this position turns out not to be the last.
fn forget<O>(again: &mut Vec<Again<O>>, requests: Option<&Vec<Request>>, order: u64, steps: &mut u64) {
    let Some(requests) = requests else { return };
    let names: HashSet<&ImagePath> =
        requests.iter().filter(|request| request.before > order).map(|request| &request.name).collect();
    *steps = steps.saturating_sub((requests.len() + again.len()) as u64);
    for again in again.iter_mut() {
        again.names.retain(|(name, _)| !names.contains(name));
    }
    again.retain(|again| !again.names.is_empty());
}

fn failed<O>(entry: &Entry<'_>, error: &io::Error) -> State<O> {
    State::Problem(Problem::incomplete(ProblemKind::Truncated, entry.path, reading_failed(error)))
}

pub(crate) fn reading_failed(error: &io::Error) -> String {
    format!("reading the file failed: {error}")
}
