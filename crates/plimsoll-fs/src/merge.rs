//! Layers, each read alone, become one tree.
//!
//! The lowest layer comes first. What a layer wrote below a directory that it does not list may in truth lie elsewhere,
//! when a lower layer has a symbolic link there; this is where such names find their place. Hard links find their files.
//!
//! Not exact is one thing: where a layer goes through a link of a lower layer and also removes it, or puts something else in its
//! place, or in the place that it leads to, the order of the two within the archive does not count: what it lists under the
//! plain name is there from the layer's beginning, and a directory listed so stays one.

use std::collections::{BTreeMap, HashMap};

use plimsoll_model::{ImagePath, Problem, ProblemKind};

use crate::index::{LayerIndex, Listed, Mark, keys_of, resolve};
use crate::layer::{Glanced, Item, Kept, LayerResult, MAX_STEPS, Place, Request, Requests, State, below};
use crate::links::directory_links;
use crate::{Entry, Glance, Limits, Visited, Visitor, Walk, Want};

/// Hard links to hard links that are followed.
const MAX_CHAIN: usize = 40;
/// Look-ups in the names of layers while merging: some tens of seconds.
const MAX_LOOKUPS: u64 = 2_000_000_000;
/// Problems with single files that are listed; the rest is counted.
const MAX_PROBLEMS: usize = 1000;

/// Merges layers that were read one by one with [`read_layer`](crate::read_layer); the lowest is the first.
///
/// A hard link whose file was not read under its own name cannot be read any more: that becomes a problem.
pub fn merge<V: Visitor>(
    layers: Vec<LayerResult<V::Output>>,
    visitor: &V,
    limits: &Limits,
) -> Walk<V::Output> {
    let mut merged = combine(layers, visitor, limits);
    for requests in std::mem::take(&mut merged.requests).into_values() {
        for (path, request) in requests.iter().flat_map(|(path, all)| all.iter().map(move |one| (path, one)))
        {
            let detail = format!("it is another name of `{path}`, whose content has passed by");
            let mut problem = Problem::incomplete(ProblemKind::Unreadable, &request.name, detail);
            problem.layer = Some(request.layer);
            merged.problems.push(problem);
        }
    }
    merged.finish(limits)
}

/// A merge that may still need files from a second reading.
pub(crate) struct Merged<O> {
    pub(crate) files: Vec<Visited<O>>,
    glances: Vec<Glance<O>>,
    pub(crate) problems: Vec<Problem>,
    file_problems: Vec<Problem>,
    statistics: Vec<crate::LayerStatistics>,
    links: Links,
    indexes: Vec<LayerIndex>,
    /// By layer, from 1.
    pub(crate) requests: BTreeMap<usize, Requests>,
}

/// A symbolic link as one layer wrote it.
struct Written {
    layer: usize,
    order: u64,
    target: Vec<u8>,
}

/// Symbolic links of all layers by where they really are.
#[derive(Default)]
struct Links(HashMap<ImagePath, Vec<Written>>);

/// A moment in the life of the tree: while `layer` (from 1) is unpacked, before its member `order`.
#[derive(Clone, Copy)]
struct Moment {
    layer: usize,
    order: u64,
    /// Directories of the name in question that the layer itself lists before: no links.
    listed: Listed,
}

impl Links {
    /// Where the link at `path` leads at that moment. `literal` is the name as it was written.
    fn at(
        &self,
        path: &ImagePath,
        moment: Moment,
        literal: &ImagePath,
        indexes: &[LayerIndex],
    ) -> Option<&[u8]> {
        let written = self
            .0
            .get(path)?
            .iter()
            .rev()
            .find(|link| (link.layer, link.order) < (moment.layer, moment.order))?;
        if written.layer == moment.layer {
            return Some(&written.target);
        }
        let mut keys = Vec::new();
        keys_of(path.as_bytes(), &mut keys);
        let between = indexes.get(written.layer..moment.layer.saturating_sub(1))?;
        if between.iter().any(|index| index.hides_link(&keys)) {
            return None;
        }
        if let Some(own) = moment.layer.checked_sub(1).and_then(|layer| indexes.get(layer)) {
            let (key, above) = keys.split_last()?;
            let depth = path.as_bytes().split(|byte| *byte == b'/').count();
            // The layer does not list what the name goes through, or lists it later; but it may remove it.
            let on_the_way = literal
                .as_bytes()
                .strip_prefix(path.as_bytes())
                .is_some_and(|rest| rest.first() == Some(&b'/'));
            let removed = if on_the_way && moment.listed.has(depth) {
                true
            } else if on_the_way {
                let gone = |key: &u64| own.has(*key, Mark::Whiteout) || own.has(*key, Mark::Replaced);
                gone(key) || above.iter().any(|key| gone(key) || own.has(*key, Mark::Opaque))
            } else {
                own.hides_link(&keys)
            };
            if removed {
                return None;
            }
        }
        Some(&written.target)
    }

    fn resolve(
        &self,
        path: &ImagePath,
        moment: Moment,
        indexes: &[LayerIndex],
        max_path: usize,
        steps: &mut u64,
    ) -> Option<ImagePath> {
        if self.0.is_empty() {
            return Some(path.clone());
        }
        let link = |link: &ImagePath| self.at(link, moment, path, indexes).map(<[u8]>::to_vec);
        resolve(path.as_bytes(), max_path, steps, link).ok()
    }
}

/// A wanted name of the merged tree.
struct Seen {
    path: ImagePath,
    layer: usize,
    order: u64,
    /// Name within the layer.
    literal: ImagePath,
}

/// A file by its layer (from 1) and its name within the layer.
type Owner = (usize, ImagePath);

struct Merge<'a, V: Visitor> {
    visitor: &'a V,
    limits: &'a Limits,
    indexes: Vec<LayerIndex>,
    items: Vec<BTreeMap<ImagePath, Item<V::Output>>>,
    links: Links,
    steps: u64,
    problems: Vec<Problem>,
    /// For each layer, names that lie elsewhere: from where to what the layer calls it.
    moved: Vec<HashMap<ImagePath, ImagePath>>,
    /// The other way round.
    real_names: HashMap<Owner, ImagePath>,
    /// Look-ups that may still be made to find out what is hidden.
    lookups: u64,
    /// What else of a layer such names replace: real place, what is there now, layer, position in the archive.
    replaced: Vec<(ImagePath, Mark, usize, u64)>,
    requests: BTreeMap<usize, Requests>,
}

/// Merges as far as one reading goes.
pub(crate) fn combine<V: Visitor>(
    layers: Vec<LayerResult<V::Output>>,
    visitor: &V,
    limits: &Limits,
) -> Merged<V::Output> {
    let mut merge = Merge {
        visitor,
        limits,
        indexes: Vec::new(),
        items: Vec::new(),
        links: Links::default(),
        steps: MAX_STEPS,
        problems: Vec::new(),
        moved: Vec::new(),
        real_names: HashMap::new(),
        lookups: MAX_LOOKUPS,
        replaced: Vec::new(),
        requests: BTreeMap::new(),
    };
    let mut problems = Vec::new();
    let mut statistics = Vec::new();
    let mut implied = Vec::new();
    let mut glanced = Vec::new();
    for (number, layer) in (1..).zip(layers) {
        problems.extend(layer.problems.into_iter().map(|mut problem| {
            problem.layer = Some(number);
            problem
        }));
        statistics.push(layer.statistics);
        merge.indexes.push(layer.index);
        merge.items.push(layer.items);
        implied.push(layer.implied);
        glanced.push(layer.glances);
    }
    let mut seen = Vec::new();
    for (layer, implied) in (1..).zip(implied) {
        merge.place_layer(layer, implied, &mut seen);
    }
    let glances = merge.glances(glanced);
    let visible = merge.visible(seen);
    let files = merge.collect(visible);
    Merged {
        files,
        glances,
        problems,
        file_problems: merge.problems,
        statistics,
        links: merge.links,
        indexes: merge.indexes,
        requests: merge.requests,
    }
}

impl<V: Visitor> Merge<'_, V> {
    /// Where a name is at that moment; `None`, and a problem, when its links lead in circles.
    fn resolve(&mut self, path: &ImagePath, moment: Moment) -> Option<ImagePath> {
        let resolved = self.links.resolve(path, moment, &self.indexes, self.limits.max_path, &mut self.steps);
        if resolved.is_none() && self.problems.len() <= MAX_PROBLEMS {
            let detail = "the symbolic links of its directory lead in circles";
            self.problem(ProblemKind::Corrupt, path, moment.layer, detail.to_owned());
        }
        resolved
    }

    /// Finds out where the names of one layer really are, given the layers below it.
    fn place_layer(&mut self, layer: usize, implied: Vec<crate::layer::ImpliedName>, seen: &mut Vec<Seen>) {
        let mut moved = HashMap::new();
        let mut keys = Vec::new();
        let lower_links = !self.links.0.is_empty();
        let (removals, mut names): (Vec<_>, Vec<_>) = implied
            .into_iter()
            .filter(|_| lower_links)
            .partition(|name| matches!(name.mark, Mark::Whiteout | Mark::Opaque));
        // Removals concern the tree as it was below.
        for name in removals {
            let moment = Moment { layer, order: 0, listed: name.listed };
            let path = if name.mark == Mark::Opaque {
                // A mark on a directory itself concerns what the directory's name leads to.
                let inside = ImagePath::new(&[name.path.as_bytes(), b"/_"].concat());
                self.resolve(&inside, moment).map(|inside| ImagePath::new(inside.parent().unwrap_or(&[])))
            } else {
                self.resolve(&name.path, moment)
            };
            if let Some(path) = path.filter(|path| *path != name.path) {
                self.mark_moved(layer, &path, name.mark, name.order);
            }
        }
        let items = std::mem::take(&mut self.items[layer - 1]);
        let mut in_order: Vec<(&ImagePath, &Item<V::Output>)> = items.iter().collect();
        in_order.sort_by_key(|(_, item)| item.order);
        let mut in_order = in_order.into_iter().peekable();
        names.reverse();
        loop {
            // Names that are not items come at their time: they may be what later ones go through.
            let next = in_order.peek().map_or(u64::MAX, |(_, item)| item.order);
            if let Some(name) = names.pop_if(|name| name.order <= next) {
                let moment = Moment { layer, order: name.order, listed: name.listed };
                if let Some(path) = self.resolve(&name.path, moment).filter(|path| *path != name.path) {
                    keys_of(path.as_bytes(), &mut keys);
                    let own = &self.indexes[layer - 1];
                    let replaced = keys.pop().is_some_and(|key| own.has(key, Mark::Directory))
                        || keys.iter().any(|key| own.has(*key, Mark::File));
                    if !replaced {
                        self.mark_moved(layer, &path, name.mark, name.order);
                        self.real_names.insert((layer, name.path.clone()), path.clone());
                        moved.insert(path, name.path);
                    }
                }
                continue;
            }
            let Some((literal, item)) = in_order.next() else { break };
            let mut path = literal.clone();
            if item.implied && lower_links {
                let moment = Moment { layer, order: item.order, listed: item.listed };
                let Some(place) = self.resolve(literal, moment) else { continue };
                // Its name was marked just before, unless a file stands in its way.
                if place != *literal && moved.get(&place) != Some(literal) {
                    continue;
                }
                path = place;
            }
            if let Kept::Symlink { target } = &item.kept {
                let written = Written { layer, order: item.order, target: target.clone() };
                self.links.0.entry(path).or_default().push(written);
            } else {
                seen.push(Seen { path, layer, order: item.order, literal: literal.clone() });
            }
        }
        self.items[layer - 1] = items;
        self.moved.push(moved);
    }

    fn mark_moved(&mut self, layer: usize, path: &ImagePath, mark: Mark, order: u64) {
        let index = &mut self.indexes[layer - 1];
        let mut keys = Vec::new();
        keys_of(path.as_bytes(), &mut keys);
        if let Some((key, above)) = keys.split_last() {
            index.insert(*key, mark);
            if !matches!(mark, Mark::Whiteout | Mark::Opaque) {
                for key in above.iter().skip(1) {
                    index.insert(*key, Mark::Implied);
                }
                self.replaced.push((path.clone(), mark, layer, order));
            }
        }
    }

    /// Where the files that were glanced at really are, and what hides them.
    fn glances(&mut self, glanced: Vec<Vec<Glanced<V::Output>>>) -> Vec<Glance<V::Output>> {
        let mut glances = Vec::new();
        let mut keys = Vec::new();
        for (layer, glanced) in (1..).zip(glanced) {
            for Glanced { mut path, order, implied, listed, output } in glanced {
                if implied {
                    // Where its links lead in circles it stays where its layer says.
                    path = self.resolve(&path, Moment { layer, order, listed }).unwrap_or(path);
                }
                let hidden_by = self.hidden_by(&path, layer, &mut keys);
                let number = |layer| u32::try_from(layer).ok();
                let (layer, hidden_by) = (number(layer), hidden_by.and_then(number));
                glances.push(Glance { path, layer, hidden_by, output });
            }
        }
        glances.sort_by(|a, b| (&a.path, a.layer).cmp(&(&b.path, b.layer)));
        glances
    }

    fn is_hidden(&mut self, path: &ImagePath, layer: usize, keys: &mut Vec<u64>) -> bool {
        self.hidden_by(path, layer, keys).is_some()
    }

    /// The lowest layer above that hides a file.
    fn hidden_by(&mut self, path: &ImagePath, layer: usize, keys: &mut Vec<u64>) -> Option<usize> {
        keys_of(path.as_bytes(), keys);
        if self.lookups > 0 {
            let cost = keys.len() as u64 * (self.indexes.len() - layer) as u64;
            self.lookups = self.lookups.saturating_sub(cost);
            if self.lookups == 0 {
                let detail =
                    "the layers have too many deep names: files that upper layers hide may be listed";
                self.problem(ProblemKind::LimitExceeded, path, layer, detail.to_owned());
            }
        }
        if self.lookups == 0 {
            return None;
        }
        Some(layer + 1 + self.indexes[layer..].iter().position(|index| index.hides(keys))?)
    }

    /// Names that no upper layer hides; of several in one place the last.
    fn visible(&mut self, seen: Vec<Seen>) -> BTreeMap<ImagePath, Seen> {
        let mut visible: BTreeMap<ImagePath, Seen> = BTreeMap::new();
        let mut keys = Vec::new();
        for seen in seen {
            if self.is_hidden(&seen.path, seen.layer, &mut keys) {
                continue;
            }
            let earlier = visible.get(&seen.path).map(|other| (other.layer, other.order));
            if earlier.is_none_or(|earlier| earlier < (seen.layer, seen.order)) {
                visible.insert(seen.path.clone(), seen);
            }
        }
        for (path, mark, layer, order) in &self.replaced {
            let is_replaced = |seen: &Seen| seen.layer == *layer && seen.order < *order;
            let ends =
                path.as_bytes().iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| end);
            let mut gone: Vec<ImagePath> = ends.map(|end| ImagePath::new(&path.as_bytes()[..end])).collect();
            gone.push(path.clone());
            if *mark == Mark::File {
                gone.extend(below(&visible, path).map(|(path, _)| path.clone()));
            }
            for path in gone {
                if visible.get(&path).is_some_and(is_replaced) {
                    visible.remove(&path);
                }
            }
        }
        visible
    }

    fn request(&mut self, owner: Owner, before: u64, name: &ImagePath, layer: usize) {
        let request = Request { before, name: name.clone(), layer: u32::try_from(layer).unwrap_or(u32::MAX) };
        self.requests.entry(owner.0).or_default().entry(owner.1).or_default().push(request);
    }

    fn problem(&mut self, kind: ProblemKind, path: &ImagePath, layer: usize, detail: String) {
        let mut problem = Problem::incomplete(kind, path, detail);
        problem.layer = u32::try_from(layer).ok();
        self.problems.push(problem);
    }

    fn collect(&mut self, visible: BTreeMap<ImagePath, Seen>) -> Vec<Visited<V::Output>> {
        // Hard links first: they look at what the others are made of.
        let mut other_names: HashMap<Owner, Vec<(ImagePath, Option<u32>)>> = HashMap::new();
        let mut problems_of: Vec<(ImagePath, usize, Problem)> = Vec::new();
        for seen in visible.values() {
            let Some(Kept::HardLink { wanted: true, mode, .. }) =
                self.items[seen.layer - 1].get(&seen.literal).map(|item| &item.kept)
            else {
                continue;
            };
            let mode = *mode;
            let Some((owner, before)) = self.owner(seen) else { continue };
            let kept = self.items[owner.0 - 1].get(&owner.1).map(|item| (item.order, &item.kept));
            match kept {
                Some((order, Kept::File { state, size, mode: first_mode })) if order < before => {
                    // The owner's own name, if it is still there.
                    let name = self.real_name(&owner);
                    let shown = visible
                        .get(&name)
                        .is_some_and(|seen| (seen.layer, &seen.literal) == (owner.0, &owner.1));
                    let first = Entry { path: &name, size: *size, mode: *first_mode };
                    let second = Entry { path: &seen.path, size: *size, mode };
                    match state {
                        _ if self.visitor.wants(&second) == Want::Skip => {}
                        State::Read(_) if shown && self.visitor.alike(&first, &second) => {
                            let layer = u32::try_from(seen.layer).ok();
                            other_names.entry(owner).or_default().push((seen.path.clone(), layer));
                        }
                        State::Problem(problem) => {
                            problems_of.push((seen.path.clone(), seen.layer, problem.clone()));
                        }
                        _ => self.request(owner, before, &seen.path, seen.layer),
                    }
                }
                Some((order, Kept::Symlink { .. })) if order < before => {}
                _ => self.request(owner, before, &seen.path, seen.layer),
            }
        }
        for (path, layer, problem) in problems_of {
            self.problem(problem.kind, &path, layer, problem.detail);
        }
        let mut files = Vec::new();
        for (path, seen) in visible {
            let Some(item) = self.items[seen.layer - 1].remove(&seen.literal) else { continue };
            let Kept::File { state, .. } = item.kept else { continue };
            let layer = u32::try_from(seen.layer).ok();
            match state {
                State::Read(output) => {
                    let mut other_names = other_names.remove(&(seen.layer, seen.literal)).unwrap_or_default();
                    other_names.sort();
                    files.push(Visited { path, layer, other_names, output });
                }
                State::Problem(mut problem) => {
                    problem.subject = path.to_string();
                    problem.layer = layer;
                    self.problems.push(problem);
                }
                // It seemed hidden, but its real place is another.
                State::Hidden | State::Waiting { .. } => {
                    self.request((seen.layer, seen.literal), item.order + 1, &path, seen.layer);
                }
            }
        }
        files
    }

    /// Where the file lies that its layer calls so.
    fn real_name(&self, owner: &Owner) -> ImagePath {
        self.real_names.get(owner).unwrap_or(&owner.1).clone()
    }

    /// The layer and name of the file that a hard link stands for, and before which position of that layer's archive.
    fn owner(&mut self, link: &Seen) -> Option<(Owner, u64)> {
        let (mut layer, mut literal, mut before) = (link.layer, link.literal.clone(), u64::MAX);
        for _ in 0..MAX_CHAIN {
            let Some(item) = self.items[layer - 1].get(&literal) else {
                return Some(((layer, literal), before));
            };
            let (target, place, order) = match &item.kept {
                Kept::HardLink { target, place, before: order, .. } if item.order < before => {
                    (target.clone(), *place, *order)
                }
                _ => return Some(((layer, literal), before)),
            };
            if place == Place::Here {
                return Some(((layer, target), order));
            }
            let lower = match place {
                Place::NotHere => self
                    .resolve(&target, Moment { layer, order, listed: Listed::default() })
                    .and_then(|target| Some((self.lower_owner(&target, layer)?, target))),
                _ => None,
            };
            let Some((lower, target)) = lower else {
                let detail = format!("it is a hard link to `{target}`, which is not there");
                self.problem(ProblemKind::Corrupt, &link.path, link.layer, detail);
                return None;
            };
            literal = self.moved[lower - 1].get(&target).cloned().unwrap_or(target);
            (layer, before) = (lower, u64::MAX);
        }
        self.problem(
            ProblemKind::Corrupt,
            &link.path,
            link.layer,
            "its chain of hard links has no end".to_owned(),
        );
        None
    }

    /// The highest layer below `layer` that has a file there, unless it was removed in between.
    fn lower_owner(&self, path: &ImagePath, layer: usize) -> Option<usize> {
        let mut keys = Vec::new();
        keys_of(path.as_bytes(), &mut keys);
        let (key, above) = keys.split_last()?;
        // The link's own layer removes things first, wherever it says so.
        let own = &self.indexes[layer - 1];
        if keys.iter().any(|key| own.has(*key, Mark::Whiteout))
            || above.iter().any(|key| own.has(*key, Mark::Opaque))
        {
            return None;
        }
        for lower in (1..layer).rev() {
            let index = &self.indexes[lower - 1];
            // The lowest layer keeps no index: nothing else is left where it could be.
            if index.has(*key, Mark::File) || lower == 1 {
                return Some(lower);
            }
            if index.hides(&keys) || index.hides_below(above) {
                return None;
            }
        }
        None
    }
}

impl<O> Merged<O> {
    /// Adds what a second reading of `layer` (from 1) gave.
    pub(crate) fn add(&mut self, layer: usize, requests: &Requests, result: LayerResult<O>) {
        let cut = result.problems.into_iter().filter(|problem| problem.kind == ProblemKind::LimitExceeded);
        self.problems.extend(cut.map(|mut problem| {
            problem.layer = u32::try_from(layer).ok();
            problem
        }));
        let mut found: std::collections::BTreeSet<ImagePath> = std::collections::BTreeSet::new();
        for again in result.again {
            found.extend(again.names.iter().map(|(name, _)| name.clone()));
            let mut names = again.names;
            names.sort();
            let (path, number) = names.remove(0);
            match again.state {
                State::Read(output) => self.files.push(Visited {
                    path,
                    layer: Some(number),
                    other_names: names.into_iter().map(|(name, layer)| (name, Some(layer))).collect(),
                    output,
                }),
                State::Problem(problem) => self.file_problems.push(problem),
                State::Hidden | State::Waiting { .. } => {}
            }
        }
        // The same damage as at the first reading is not told twice; what it took away is.
        for (path, request) in requests.iter().flat_map(|(path, all)| all.iter().map(move |one| (path, one)))
        {
            if !found.contains(&request.name) {
                let detail = format!("it is a hard link to `{path}`, which is not in layer {layer}");
                let mut problem = Problem::corrupt(&request.name, detail);
                problem.layer = Some(request.layer);
                self.file_problems.push(problem);
            }
        }
    }

    /// Puts the result together.
    pub(crate) fn finish(mut self, limits: &Limits) -> Walk<O> {
        let end = Moment { layer: self.indexes.len() + 1, order: 0, listed: Listed::default() };
        let mut steps = MAX_STEPS;
        let (all, indexes) = (&self.links, &self.indexes);
        let living = all.0.keys().filter(|path| all.at(path, end, path, indexes).is_some());
        let (links, file_links) = directory_links(&self.files, living, limits, |path| {
            all.resolve(path, end, indexes, limits.max_path, &mut steps)
        });
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        self.file_problems.sort();
        self.file_problems.dedup();
        let further = self.file_problems.len().saturating_sub(MAX_PROBLEMS);
        self.file_problems.truncate(MAX_PROBLEMS);
        self.problems.append(&mut self.file_problems);
        if further > 0 {
            let detail = format!("{further} further files have problems");
            self.problems.push(Problem::incomplete(ProblemKind::LimitExceeded, "files", detail));
        }
        self.problems.sort();
        self.problems.dedup();
        Walk {
            files: self.files,
            glances: self.glances,
            problems: self.problems,
            links,
            file_links,
            layers: self.statistics,
        }
    }
}
