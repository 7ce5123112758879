//! All layers of an image, in parallel, the newest first.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};

use plimsoll_model::{Problem, ProblemKind};

use crate::decode::Hashes;
use crate::index::{LayerIndex, keys_of};
use crate::layer::{Above, Context, Job, Kept, LayerResult, Nothing, Requests, State, read};
use crate::merge::combine;
use crate::{Entry, LayerSource, Limits, Progress, Visitor, Walk};

/// Layers that an image may have; overlay file systems and registries stop far below.
const MAX_LAYERS: usize = 10_000;
/// Look-ups in the names of upper layers while reading: some tens of seconds.
const MAX_LOOKUPS: u64 = 2_000_000_000;

/// Walks the tree that `layers`, the lowest first, make together.
///
/// Files that an upper layer hides are not visited. Both digests of each layer are verified in the same pass. Every
/// layer is opened once, and a second time only for hard links whose file was not wanted under its own name.
pub fn walk_layers<V: Visitor>(
    layers: &[&dyn LayerSource],
    visitor: &V,
    limits: &Limits,
    progress: &dyn Progress,
) -> Walk<V::Output> {
    let too_many = layers.len().saturating_sub(MAX_LAYERS);
    let layers = &layers[too_many..];
    let context = Context::new(visitor, limits, progress);
    let board = Board::new(layers.len());
    let results: Vec<Mutex<Option<LayerResult<V::Output>>>> =
        layers.iter().map(|_| Mutex::new(None)).collect();
    let claimed = AtomicUsize::new(0);
    let work = || {
        // Upper layers are claimed first and never wait for lower ones: whoever waits, waits for somebody at work.
        while let Some(layer) = layers.len().checked_sub(1 + claimed.fetch_add(1, Ordering::Relaxed)) {
            let mut finishing = Finishing { board: &board, layer, index: LayerIndex::default() };
            let mut result = read_source(&context, layers[layer], layer, &board);
            finishing.index = std::mem::take(&mut result.index);
            drop(finishing);
            *results[layer].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        }
    };
    let workers = limits.workers.get().min(layers.len());
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(work);
        }
        work();
    });
    let mut results: Vec<LayerResult<V::Output>> = results
        .into_iter()
        .filter_map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect();
    settle(&context, &board, &mut results);
    for (result, index) in results.iter_mut().zip(board.indexes) {
        result.index = index.into_inner().unwrap_or_default();
    }
    let mut merged = combine(results, visitor, limits);
    let requests = std::mem::take(&mut merged.requests);
    for (layer, requests) in requests {
        let result = read_again(layers[layer - 1], layer, &requests, visitor, limits, progress);
        merged.add(layer, &requests, result);
    }
    if too_many > 0 {
        let detail =
            format!("the lowest {too_many} layers are not read, more than {MAX_LAYERS} are too many");
        merged.problems.push(Problem::incomplete(ProblemKind::LimitExceeded, "layers", detail));
    }
    merged.finish(limits)
}

/// What finished layers hide, for the others to read.
struct Board {
    indexes: Vec<OnceLock<LayerIndex>>,
    /// All layers from here on are finished.
    finished_from: Mutex<usize>,
    finished: Condvar,
    lookups: AtomicU64,
}

impl Board {
    fn new(layers: usize) -> Self {
        Board {
            indexes: (0..layers).map(|_| OnceLock::new()).collect(),
            finished_from: Mutex::new(layers),
            finished: Condvar::new(),
            lookups: AtomicU64::new(0),
        }
    }

    fn finish(&self, layer: usize, index: LayerIndex) {
        let mut from = self.finished_from.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.indexes[layer].set(index);
        while *from > 0 && self.indexes[*from - 1].get().is_some() {
            *from -= 1;
        }
        self.finished.notify_all();
    }
}

/// Tells the others that a layer is finished, even when a visitor panics: nobody must wait for ever.
struct Finishing<'b> {
    board: &'b Board,
    layer: usize,
    index: LayerIndex,
}

impl Drop for Finishing<'_> {
    fn drop(&mut self) {
        self.board.finish(self.layer, std::mem::take(&mut self.index));
    }
}

/// The layers above one, counted from 0.
struct AboveLayer<'b> {
    board: &'b Board,
    layer: usize,
}

impl Above for AboveLayer<'_> {
    fn hides(&self, keys: &[u64]) -> Option<bool> {
        let mut known = true;
        // Finding out costs more than it saves when layers are thousands and names deep: the merge has the last word.
        let cost = keys.len() as u64 * (self.board.indexes.len() - self.layer) as u64;
        if self.board.lookups.fetch_add(cost, Ordering::Relaxed) > MAX_LOOKUPS {
            return Some(false);
        }
        for index in &self.board.indexes[self.layer + 1..] {
            match index.get() {
                Some(index) if index.hides(keys) => return Some(true),
                Some(_) => {}
                None => known = false,
            }
        }
        known.then_some(false)
    }

    fn wait(&self) {
        let mut from = self.board.finished_from.lock().unwrap_or_else(PoisonError::into_inner);
        while *from > self.layer + 1 {
            from = self.board.finished.wait(from).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn read_source<V: Visitor>(
    context: &Context<'_, V>,
    source: &dyn LayerSource,
    layer: usize,
    board: &Board,
) -> LayerResult<V::Output> {
    let above = AboveLayer { board, layer };
    let hashes = Hashes {
        stored: source.digest().map(plimsoll_model::Digest::algorithm),
        open: source.diff_id().map(plimsoll_model::Digest::algorithm),
    };
    let job = Job {
        label: source.label(),
        number: number(layer),
        hashes,
        above: &above,
        has_below: layer > 0,
        requests: None,
    };
    let mut result = open_and_read(context, source, &job);
    result.verify(source.digest(), source.diff_id());
    result
}

fn open_and_read<V: Visitor>(
    context: &Context<'_, V>,
    source: &dyn LayerSource,
    job: &Job<'_>,
) -> LayerResult<V::Output> {
    match source.open() {
        Ok(mut reader) => read(context, &mut *reader, job),
        Err(error) => {
            let mut failing = Failing(Some(std::io::Error::other(format!("opening it failed: {error}"))));
            read(context, &mut failing, job)
        }
    }
}

/// A blob that could not be opened.
struct Failing(Option<std::io::Error>);

impl std::io::Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

fn number(layer: usize) -> u32 {
    u32::try_from(layer + 1).unwrap_or(u32::MAX)
}

/// Visits what nobody knew to be visible when it passed by.
fn settle<V: Visitor>(context: &Context<'_, V>, board: &Board, results: &mut [LayerResult<V::Output>]) {
    let mut waiting = Vec::new();
    for (layer, result) in results.iter_mut().enumerate() {
        let hidden = &mut result.statistics.hidden;
        let above = AboveLayer { board, layer };
        let mut keys = Vec::new();
        for (path, item) in &mut result.items {
            let Kept::File { mode, size, state } = &mut item.kept else { continue };
            if !matches!(state, State::Waiting { .. }) {
                continue;
            }
            keys_of(path.as_bytes(), &mut keys);
            if above.hides(&keys) == Some(false) {
                waiting.push((path, *mode, *size, state));
            } else {
                *state = State::Hidden;
                *hidden += 1;
            }
        }
    }
    let workers = context.limits.workers.get().min(waiting.len());
    let queue = Mutex::new(waiting.into_iter());
    let work = || {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((path, mode, size, state)) = next else { return };
            let State::Waiting { want, content, permit } = std::mem::replace(state, State::Hidden) else {
                continue;
            };
            let entry = Entry { path, size, mode };
            *state = context.visit_bytes(&entry, want, &content);
            drop(permit);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(work);
        }
        work();
    });
}

fn read_again<V: Visitor>(
    source: &dyn LayerSource,
    layer: usize,
    requests: &Requests,
    visitor: &V,
    limits: &Limits,
    progress: &dyn Progress,
) -> LayerResult<V::Output> {
    let context = Context::new(visitor, limits, progress);
    let job = Job {
        label: source.label(),
        number: number(layer - 1),
        hashes: Hashes::default(),
        above: &Nothing,
        has_below: false,
        requests: Some(requests),
    };
    open_and_read(&context, source, &job)
}
