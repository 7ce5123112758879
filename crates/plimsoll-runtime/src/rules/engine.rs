//! Rules over events, fast: for each type of events one graph that all rules share.
//!
//! What depends on the container alone is found once per container, what depends on process and parents once per
//! process, the rest once per event; each comparison and each shared part at most once in its time. Comparisons of one
//! field of one kind are answered together: words by a table, prefixes and suffixes by a trie, parts by Aho-Corasick.
//! What rules need is struck off in blocks of rules: a part that does not hold takes all rules that need it, and which
//! are left for a process is remembered with it. After its caches are warm an evaluation allocates nothing.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};

use super::Error;
use super::fields::{Descriptor, Item, Moment, Scope};
use super::files::{Candidate, Report, RuleInfo, Skipped};
use super::graph::{self, CheckId, Graph, Missing, Node, NodeId, Operand, Test};
use super::kind::KINDS;
use super::knowledge::Knowledge;
use super::matching::Prefixes;
use crate::Event;
use crate::event::{Container, FileKind, Process};

/// Processes, and containers, whose answers are remembered: a power of two.
const REMEMBERED: usize = 4096;

/// Files whose answers are remembered: a power of two. Programs open the same ones over and over.
const FILES: usize = 2048;

/// Bytes of a path of a file that is remembered.
const SHORT: usize = 256;

/// Rules that are struck off together: bits of a [`Mask`].
const BLOCK: usize = 128;

/// Blocks of rules of which is remembered, with a process, which are left for it.
const MOST_KEPT: usize = 24;

/// Rules of a block, one bit each.
type Mask = u128;

/// Bytes of arguments of a process and its parents that are remembered; hostile programs bring more.
const LIGHT: usize = 16 << 10;

/// Rules, ready to be asked about events.
pub struct Engine {
    program: Arc<Program>,
    memory: Memory,
    found: Vec<usize>,
}

struct Program {
    rules: Vec<RuleInfo>,
    /// For each type of events its rules: places in `blocks`.
    kinds: Vec<Vec<u32>>,
    blocks: Vec<Block>,
    gates: Vec<Gate>,
    edges: Vec<Edge>,
    quick: Vec<Quick>,
    groups: Vec<Group>,
    /// How many answers there are of each scope.
    slots: [usize; 4],
    /// How many blocks are kept.
    kept: usize,
}

/// Rules of a type of events.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Block {
    /// The rules, in their order.
    rules: Vec<u32>,
    /// Parts that rules need: at first those that cost next to nothing, from `lasting` on those that depend on process and
    /// container alone, from `files` on those that depend on the file alone, and from `others` on those that several
    /// rules need.
    parts: Vec<(Edge, Mask)>,
    lasting: usize,
    files: usize,
    others: usize,
    /// What each rule needs beside the parts.
    own: Vec<Box<[Edge]>>,
    /// Where is remembered which rules are left for a process or a file.
    kept: Option<usize>,
}

/// All (`any` is false) or one of its edges: those of a smaller scope up to `middle`, checks of its own scope up to
/// `rest`, which are answered by `quick`, and gates.
struct Gate {
    any: bool,
    first: u32,
    middle: u32,
    rest: u32,
    end: u32,
    quick: (u32, u32),
}

/// Checks of one group whose answers lie in one word: those that must be true, and those that must be false.
struct Quick {
    group: u32,
    word: u32,
    ones: u64,
    zeros: u64,
}

/// A part of a gate: another gate or a check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Edge {
    scope: Scope,
    /// Where its answer is remembered.
    slot: u32,
    /// The gate, or the group of the check.
    target: u32,
    gate: bool,
    negated: bool,
}

/// Checks that are answered together; their slots lie side by side.
struct Group {
    operand: Operand,
    first: u32,
    end: u32,
    scope: Scope,
    matcher: Matcher,
}

/// Numbers are slots.
enum Matcher {
    Words(HashMap<Box<str>, Box<[u32]>, BuildHasherDefault<Fold>>),
    Prefixes(Prefixes),
    Suffixes(Prefixes),
    Parts(AhoCorasick, Vec<u32>),
    One(Test),
    /// What is too large for one automaton.
    Each(Vec<(Test, u32)>),
    Regex(regex::Regex),
}

/// A hash of short words that are known beforehand: nobody outside chooses the keys of these tables.
#[derive(Default)]
struct Fold(u64);

impl Fold {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.add(u64::from_le_bytes(chunk.try_into().expect("chunks of eight bytes")));
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            self.add(rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.add(byte.into());
    }

    fn finish(&self) -> u64 {
        // Tables take the upper and the lower bits.
        self.0 ^ self.0 >> 32
    }
}

/// Answers: one bit each for "known" and for what it is.
#[derive(Default)]
struct Bits {
    words: Vec<Word>,
}

#[derive(Clone, Copy, Default)]
struct Word {
    known: u64,
    value: u64,
}

impl Bits {
    fn clear(&mut self, slots: usize) {
        self.words.clear();
        self.words.resize(slots.div_ceil(64), Word::default());
    }

    #[inline]
    fn get(&self, slot: u32) -> Option<bool> {
        let (word, bit) = (&self.words[slot as usize / 64], slot % 64);
        (word.known >> bit & 1 == 1).then_some(word.value >> bit & 1 == 1)
    }

    #[inline]
    fn set(&mut self, slot: u32, value: bool) {
        let (word, bit) = (&mut self.words[slot as usize / 64], slot % 64);
        word.known |= 1 << bit;
        word.value = word.value & !(1 << bit) | u64::from(value) << bit;
    }

    /// All of these are known, and `false` so far.
    fn begin(&mut self, first: u32, end: u32) {
        let (mut at, end) = (first, end);
        while at < end {
            let count = (64 - at % 64).min(end - at);
            let mask = (u64::MAX >> (64 - count)) << (at % 64);
            let word = &mut self.words[at as usize / 64];
            word.known |= mask;
            word.value &= !mask;
            at += count;
        }
    }
}

/// What is remembered between events.
struct Memory {
    event: Bits,
    processes: Vec<Remembered>,
    /// Which of its two places a new process takes: 0 or 1.
    turn: usize,
    containers: Vec<(Option<Arc<Container>>, Bits)>,
    files: Vec<Opened>,
    /// What is about no file, and what is not remembered: connections, long paths.
    no_file: Opened,
    passing: Opened,
    scratch: [String; 2],
    stack: Vec<Frame>,
}

/// Answers about a process under these parents in this container. The values are held, so that their addresses name them.
#[derive(Default)]
struct Remembered {
    process: Option<Arc<Process>>,
    container: Option<Arc<Container>>,
    ancestors: Vec<Arc<Process>>,
    bits: Bits,
    left: Left,
}

/// Of each block of rules that is kept those that are left for a process or a file; whether that is known, and whether the
/// block was asked about before, one bit each.
#[derive(Default)]
struct Left {
    rules: Vec<Mask>,
    known: u32,
    asked: u32,
}

impl Left {
    fn clear(&mut self, kept: usize) {
        self.rules.resize(kept, 0);
        (self.known, self.asked) = (0, 0);
    }
}

/// Answers about a file: all that fields of [`Scope::File`] say depends on these.
#[derive(Default)]
struct Opened {
    used: bool,
    /// Only its path is known.
    bare: bool,
    path: String,
    kind: FileKind,
    upper_layer: Option<bool>,
    created: bool,
    foreign: bool,
    bits: Bits,
    left: Left,
}

impl Opened {
    fn is(&self, descriptor: Descriptor<'_>) -> bool {
        self.used
            && match descriptor {
                Descriptor::File(file) => {
                    !self.bare
                        && self.path == file.path
                        && self.kind == file.kind
                        && self.upper_layer == file.upper_layer
                        && self.created == file.created
                        && self.foreign == file.foreign
                }
                Descriptor::Path(path) => self.bare && self.path == path,
                Descriptor::Connection(_) => false,
            }
    }

    fn take(&mut self, descriptor: Descriptor<'_>, program: &Program) {
        self.path.clear();
        match descriptor {
            Descriptor::File(file) => {
                self.bare = false;
                self.path.push_str(&file.path);
                (self.kind, self.upper_layer) = (file.kind, file.upper_layer);
                (self.created, self.foreign) = (file.created, file.foreign);
            }
            Descriptor::Path(path) => {
                self.bare = true;
                self.path.push_str(path);
            }
            Descriptor::Connection(_) => {}
        }
        self.clear(program);
    }

    fn clear(&mut self, program: &Program) {
        self.used = true;
        self.bits.clear(program.slots[Scope::File as usize]);
        self.left.clear(program.kept);
    }
}

impl Remembered {
    fn is(&self, process: &Arc<Process>, container: &Arc<Container>, ancestors: &[Arc<Process>]) -> bool {
        self.process.as_ref().is_some_and(|known| Arc::ptr_eq(known, process))
            && self.container.as_ref().is_some_and(|known| Arc::ptr_eq(known, container))
            && self.ancestors.len() == ancestors.len()
            && self.ancestors.iter().zip(ancestors).all(|(known, ancestor)| Arc::ptr_eq(known, ancestor))
    }
}

/// Bytes of a process's arguments.
fn weight(process: &Process) -> usize {
    process.arguments.iter().map(|argument| argument.len() + size_of::<String>()).sum()
}

/// A gate that is being evaluated.
struct Frame {
    edge: Edge,
    next: u32,
    /// The checks of its own scope are answered.
    quick: bool,
}

impl Memory {
    fn new() -> Self {
        Self {
            event: Bits::default(),
            processes: (0..=REMEMBERED).map(|_| Remembered::default()).collect(),
            turn: 0,
            containers: (0..REMEMBERED).map(|_| (None, Bits::default())).collect(),
            files: (0..FILES)
                .map(|_| Opened { path: String::with_capacity(64), ..Opened::default() })
                .collect(),
            no_file: Opened::default(),
            passing: Opened::default(),
            scratch: Default::default(),
            stack: Vec::with_capacity(64),
        }
    }
}

/// A place in a table by an address.
fn place<T>(value: &Arc<T>) -> usize {
    let address = Arc::as_ptr(value) as usize as u64;
    usize::try_from((address >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52).expect("twelve bits")
        % REMEMBERED
}

impl Engine {
    /// The rules that run, in the order of their files.
    pub fn rules(&self) -> &[RuleInfo] {
        &self.program.rules
    }

    /// The types of events that some rule is about: no others need to be collected.
    pub fn event_types(&self) -> Vec<&'static str> {
        let kinds = KINDS.names.iter().zip(&self.program.kinds);
        kinds.filter(|(_, rules)| !rules.is_empty()).map(|(name, _)| *name).collect()
    }

    /// The types of events that some rule asks for: by `evt.type`, or by a field that only they have. Rules about
    /// whatever happens ask for none.
    pub fn asked_types(&self) -> Vec<&'static str> {
        let rules = |blocks: &[u32]| -> Vec<u32> {
            let blocks = blocks.iter().map(|block| &self.program.blocks[*block as usize]);
            blocks.flat_map(|block| &block.rules).copied().collect()
        };
        let of_all = KINDS.named("unknown").map(|kind| rules(&self.program.kinds[kind])).unwrap_or_default();
        let kinds = KINDS.names.iter().zip(&self.program.kinds);
        kinds
            .filter(|(_, of_kind)| rules(of_kind).iter().any(|rule| !of_all.contains(rule)))
            .map(|(name, _)| *name)
            .collect()
    }

    /// The same rules for another thread, with a memory of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { program: self.program.clone(), memory: Memory::new(), found: Vec::new() }
    }

    /// Forgets what is remembered of processes and containers: needed when the answers of a [`Knowledge`] changed.
    pub fn forget(&mut self) {
        self.memory = Memory::new();
    }

    /// The rules that an event meets, as places in [`Engine::rules`].
    pub fn evaluate(&mut self, event: &Event, knowledge: &dyn Knowledge) -> &[usize] {
        self.found.clear();
        let kind = KINDS.of(&event.action, event.call);
        let blocks = &self.program.kinds[kind];
        if blocks.is_empty() {
            return &self.found;
        }
        let moment = Moment { event, kind, knowledge };
        let mut run = Run::begin(&self.program, &mut self.memory, &moment);
        for block in blocks {
            let block = &self.program.blocks[*block as usize];
            let mut left = run.left(block);
            while left != 0 {
                let place = left.trailing_zeros() as usize;
                left &= left - 1;
                if block.own[place].iter().all(|edge| run.holds(*edge)) {
                    self.found.push(block.rules[place] as usize);
                }
            }
        }
        &self.found
    }

    /// The text of the alert of a rule about an event.
    pub(super) fn text(&self, rule: usize, event: &Event, knowledge: &dyn Knowledge) -> String {
        self.program.rules[rule].output.write(&moment(event, knowledge))
    }

    /// The fields that a rule's output names, with their values.
    pub(super) fn values(
        &self,
        rule: usize,
        event: &Event,
        knowledge: &dyn Knowledge,
    ) -> BTreeMap<String, String> {
        self.program.rules[rule].output.values(&moment(event, knowledge))
    }

    pub(super) fn build(mut graph: Graph, candidates: Vec<Candidate>, report: &mut Report) -> Self {
        let until = graph.nodes.len();
        let mut wanted = vec![false; until];
        for candidate in &candidates {
            wanted[candidate.node as usize] = true;
        }
        for id in (0..until).rev().filter(|id| wanted[*id]).collect::<Vec<_>>() {
            mark(&graph, id, &mut wanted);
        }
        let mut kinds: Vec<Vec<(NodeId, usize)>> = Vec::new();
        let mut never = vec![true; candidates.len()];
        for kind in 0..KINDS.names.len() {
            let special = graph.specialised(kind, until, &wanted);
            let mut rules = Vec::new();
            for (index, candidate) in candidates.iter().enumerate() {
                let node = special[candidate.node as usize];
                if graph.nodes[node as usize] != Node::Constant(false) {
                    never[index] = false;
                    rules.push((node, index));
                }
            }
            kinds.push(rules);
        }
        if graph.overflowed {
            let message = "the rules are too large: more than four million expressions".to_owned();
            report.errors.push(Error {
                file: "all files".to_owned(),
                place: super::Place::default(),
                message,
            });
            kinds.iter_mut().for_each(Vec::clear);
        }
        let mut rules = Vec::new();
        let mut places = vec![None; candidates.len()];
        for (index, candidate) in candidates.into_iter().enumerate() {
            let Candidate { info, unknown_types, mut missing, enabled, .. } = candidate;
            let told = |message: String| {
                let message = format!("rule `{}`: {message}", info.name);
                Error { file: info.file.clone(), place: info.place, message }
            };
            if never[index] && missing.is_empty() {
                missing.extend(unknown_types.iter().map(|name| Missing::EventType { name: name.clone() }));
                if missing.is_empty() {
                    report.warnings.push(told("its condition can never be true".to_owned()));
                }
            } else {
                for name in &unknown_types {
                    report.warnings.push(told(format!("there are no events of type `{name}`")));
                }
            }
            if !missing.is_empty() {
                let (rule, file, place) = (info.name, info.file, info.place);
                report.skipped.push(Skipped { rule, file, place, enabled, missing });
            } else if enabled {
                places[index] = Some(rules.len());
                rules.push(info);
            }
        }
        report.running = rules.len();
        let kinds = kinds.into_iter().map(|of_kind| {
            let running = of_kind.into_iter().filter_map(|(node, index)| Some((node, places[index]?)));
            running.collect::<Vec<_>>()
        });
        let kinds: Vec<_> = kinds.collect();
        let program = Builder::new(&graph).build(&kinds, rules);
        Self { program: Arc::new(program), memory: Memory::new(), found: Vec::new() }
    }
}

pub(super) fn moment<'e>(event: &'e Event, knowledge: &'e dyn Knowledge) -> Moment<'e> {
    Moment { event, kind: KINDS.of(&event.action, event.call), knowledge }
}

/// Marks all parts of a node, and theirs.
fn mark(graph: &Graph, id: usize, wanted: &mut [bool]) {
    let mut open = vec![id];
    let mut want = |open: &mut Vec<usize>, part: NodeId| {
        if !std::mem::replace(&mut wanted[part as usize], true) {
            open.push(part as usize);
        }
    };
    while let Some(id) = open.pop() {
        match &graph.nodes[id] {
            Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| want(&mut open, *part)),
            Node::Not(part) => want(&mut open, *part),
            Node::Check(_) | Node::Constant(_) => {}
        }
    }
}

/// One evaluation: the program, and the memories of this event, its process and its container.
struct Run<'a> {
    program: &'a Program,
    event: &'a mut Bits,
    process: &'a mut Remembered,
    container: &'a mut Bits,
    file: &'a mut Opened,
    scratch: &'a mut [String; 2],
    stack: &'a mut Vec<Frame>,
    moment: &'a Moment<'a>,
}

impl<'a> Run<'a> {
    fn begin(program: &'a Program, memory: &'a mut Memory, moment: &'a Moment<'a>) -> Self {
        let Memory { event, processes, turn, containers, files, no_file, passing, scratch, stack } = memory;
        let [of_container, of_process, _, of_event] = program.slots;
        event.clear(of_event);
        let (process, container) = (&moment.event.process, &moment.event.container);
        let known = &mut containers[place(container)];
        if !known.0.as_ref().is_some_and(|known| Arc::ptr_eq(known, container)) {
            known.0 = Some(container.clone());
            known.1.clear(of_container);
        }
        let ancestors = &moment.event.ancestors;
        // Two places each, so that two processes of one place do not push each other out at every event.
        let mut slot = place(process);
        let mut same = processes[slot].is(process, container, ancestors);
        if !same {
            same = processes[slot ^ 1].is(process, container, ancestors);
            *turn ^= 1;
            slot ^= if same { 1 } else { *turn };
        }
        // What is heavy goes to a place of its own, so that few of them are held.
        let all = || std::iter::once(process).chain(ancestors);
        if !same && all().map(|process| weight(process)).sum::<usize>() > LIGHT {
            slot = REMEMBERED;
        }
        let remembered = &mut processes[slot];
        if !same {
            remembered.process = Some(process.clone());
            remembered.container = Some(container.clone());
            remembered.ancestors.clear();
            remembered.ancestors.extend(ancestors.iter().cloned());
            remembered.bits.clear(of_process);
            remembered.left.clear(program.kept);
        }
        let descriptor = Descriptor::of(moment);
        let path = match descriptor {
            Some(Descriptor::File(file)) => Some(&*file.path),
            Some(Descriptor::Path(path)) => Some(path),
            _ => None,
        };
        let file = match (descriptor, path) {
            (Some(descriptor), Some(path)) if path.len() <= SHORT => {
                let mut fold = Fold::default();
                fold.write(path.as_bytes());
                let file =
                    &mut files[usize::try_from(fold.finish() % FILES as u64).expect("a place in the table")];
                if !file.is(descriptor) {
                    file.take(descriptor, program);
                }
                file
            }
            (Some(_), _) => {
                passing.clear(program);
                passing
            }
            (None, _) => {
                if !no_file.used {
                    no_file.clear(program);
                }
                no_file
            }
        };
        Self { program, event, process: remembered, container: &mut known.1, file, scratch, stack, moment }
    }

    /// The rules of a block of which no part is known not to hold.
    fn left(&mut self, block: &Block) -> Mask {
        let all = Mask::MAX >> (BLOCK - block.rules.len());
        let (of_process, of_file) =
            (&block.parts[block.lasting..block.files], &block.parts[block.files..block.others]);
        let for_process = self.kept(block, Scope::Process, of_process, all);
        let for_file = self.kept(block, Scope::File, of_file, all);
        let mut left = for_process.unwrap_or(all) & for_file.unwrap_or(all);
        left = self.strike(left, &block.parts[..block.lasting]);
        if for_process.is_none() {
            left = self.strike(left, of_process);
        }
        if for_file.is_none() {
            left = self.strike(left, of_file);
        }
        self.strike(left, &block.parts[block.others..])
    }

    /// The rules of a block that these parts leave for the process or the file of the event, where that is remembered.
    fn kept(&mut self, block: &Block, scope: Scope, parts: &[(Edge, Mask)], all: Mask) -> Option<Mask> {
        if parts.is_empty() {
            return Some(all);
        }
        let place = block.kept?;
        let memory = if scope == Scope::File { &mut self.file.left } else { &mut self.process.left };
        if memory.known >> place & 1 == 1 {
            return Some(memory.rules[place]);
        }
        // The first time only what is needed is asked: many a process does one thing of a kind, and no more.
        if memory.asked >> place & 1 == 0 {
            memory.asked |= 1 << place;
            return None;
        }
        let left = self.strike(all, parts);
        let memory = if scope == Scope::File { &mut self.file.left } else { &mut self.process.left };
        memory.rules[place] = left;
        memory.known |= 1 << place;
        Some(left)
    }

    /// Takes away the rules that need a part that does not hold.
    fn strike(&mut self, mut left: Mask, parts: &[(Edge, Mask)]) -> Mask {
        for (edge, mask) in parts {
            if left & mask != 0 && !self.holds(*edge) {
                left &= !mask;
            }
        }
        left
    }

    fn bits(&mut self, scope: Scope) -> &mut Bits {
        match scope {
            Scope::Event => self.event,
            Scope::File => &mut self.file.bits,
            Scope::Process => &mut self.process.bits,
            Scope::Container => self.container,
        }
    }

    #[inline]
    fn holds(&mut self, edge: Edge) -> bool {
        match self.bits(edge.scope).get(edge.slot) {
            Some(value) => value ^ edge.negated,
            None if edge.gate => self.gate(edge),
            None => self.check(edge),
        }
    }

    fn check(&mut self, edge: Edge) -> bool {
        let program = self.program;
        self.answer(&program.groups[edge.target as usize]);
        self.bits(edge.scope).get(edge.slot).unwrap_or(false) ^ edge.negated
    }

    fn gate(&mut self, root: Edge) -> bool {
        let program = self.program;
        let opened = |edge: Edge| {
            let next = program.gates[edge.target as usize].first;
            Frame { edge, next, quick: false }
        };
        self.stack.clear();
        self.stack.push(opened(root));
        while let Some(frame) = self.stack.last_mut() {
            let gate = &program.gates[frame.edge.target as usize];
            let decided = if frame.next == gate.middle && !frame.quick {
                frame.quick = true;
                frame.next = gate.rest;
                let scope = frame.edge.scope;
                if gate.quick.0 < gate.quick.1 && self.quick(gate, scope) == gate.any {
                    Some(gate.any)
                } else {
                    None
                }
            } else if frame.next < gate.end {
                let edge = program.edges[frame.next as usize];
                frame.next += 1;
                let value = match self.bits(edge.scope).get(edge.slot) {
                    Some(value) => value ^ edge.negated,
                    None if edge.gate => {
                        self.stack.push(opened(edge));
                        continue;
                    }
                    None => self.check(edge),
                };
                (value == gate.any).then_some(value)
            } else {
                Some(!gate.any)
            };
            // Decided by this part, or by none; and with it maybe what it is a part of.
            let Some(mut value) = decided else { continue };
            while let Some(Frame { edge, .. }) = self.stack.pop() {
                self.bits(edge.scope).set(edge.slot, value);
                value ^= edge.negated;
                let above = self.stack.last().map(|frame| program.gates[frame.edge.target as usize].any);
                match above {
                    None => return value,
                    Some(any) if value != any => break,
                    Some(_) => {}
                }
            }
        }
        unreachable!("the root is decided before it is taken off")
    }

    /// Whether one (`any`) or all of the checks of a gate's own scope are as they must be.
    fn quick(&mut self, gate: &Gate, scope: Scope) -> bool {
        let program = self.program;
        for quick in &program.quick[gate.quick.0 as usize..gate.quick.1 as usize] {
            let group = &program.groups[quick.group as usize];
            if self.bits(scope).get(group.first).is_none() {
                self.answer(group);
            }
            let value = self.bits(scope).words[quick.word as usize].value;
            let (ones, zeros) = if gate.any { (value, !value) } else { (!value, value) };
            if ones & quick.ones | zeros & quick.zeros != 0 {
                return gate.any;
            }
        }
        !gate.any
    }

    /// Answers all checks of a group.
    fn answer(&mut self, group: &Group) {
        let bits = match group.scope {
            Scope::Event => &mut *self.event,
            Scope::File => &mut self.file.bits,
            Scope::Process => &mut self.process.bits,
            Scope::Container => &mut *self.container,
        };
        bits.begin(group.first, group.end);
        if let Matcher::One(Test::Field(operator, right)) = &group.matcher {
            bits.set(group.first, graph::compare_fields(*operator, &group.operand, right, self.moment));
            return;
        }
        group.operand.read(self.moment, self.scratch, &mut |item| match (&group.matcher, item) {
            (Matcher::Words(words), Item::Text(text)) => {
                for slot in words.get(text).map_or(&[][..], |slots| slots) {
                    bits.set(*slot, true);
                }
            }
            (Matcher::Prefixes(prefixes), Item::Text(text)) => {
                prefixes.find(text.bytes(), |slot| bits.set(slot, true));
            }
            (Matcher::Suffixes(suffixes), Item::Text(text)) => {
                suffixes.find(text.bytes().rev(), |slot| bits.set(slot, true));
            }
            (Matcher::Parts(automaton, slots), Item::Text(text)) => {
                for found in automaton.find_overlapping_iter(text) {
                    bits.set(slots[found.pattern().as_usize()], true);
                }
            }
            (Matcher::Regex(regex), Item::Text(text)) if regex.is_match(text) => bits.set(group.first, true),
            (Matcher::Each(tests), item) => {
                tests.iter().filter(|(test, _)| test.holds(item)).for_each(|(_, slot)| bits.set(*slot, true));
            }
            (Matcher::One(test), item) if test.holds(item) => bits.set(group.first, true),
            _ => {}
        });
    }
}

/// Makes a program of a graph.
struct Builder<'a> {
    graph: &'a Graph,
    /// For each check its group and its slot.
    checks: HashMap<CheckId, (u32, u32)>,
    groups: Vec<Group>,
    slots: [usize; 4],
    gates: Vec<Gate>,
    edges: Vec<Edge>,
    quick: Vec<Quick>,
    /// The edge to each node, never negated unless the node is.
    known: HashMap<NodeId, (Edge, u32)>,
    /// Gates by what they are made of.
    shared: HashMap<(bool, Box<[Edge]>), Edge>,
}

/// How a check is answered together with others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Together {
    Words,
    Prefixes,
    Suffixes,
    Parts,
    FoldedParts,
    Alone(CheckId),
}

impl<'a> Builder<'a> {
    fn new(graph: &'a Graph) -> Self {
        Self {
            graph,
            checks: HashMap::new(),
            groups: Vec::new(),
            slots: [0; 4],
            gates: Vec::new(),
            edges: Vec::new(),
            quick: Vec::new(),
            known: HashMap::new(),
            shared: HashMap::new(),
        }
    }

    fn build(mut self, kinds: &[Vec<(NodeId, usize)>], rules: Vec<RuleInfo>) -> Program {
        let mut wanted = vec![false; self.graph.nodes.len()];
        for (node, _) in kinds.iter().flatten() {
            wanted[*node as usize] = true;
            mark(self.graph, *node as usize, &mut wanted);
        }
        self.group(&wanted);
        for (id, _) in wanted.iter().enumerate().filter(|(_, wanted)| **wanted) {
            self.node(u32::try_from(id).expect("ids are 32 bits"));
        }
        let mut blocks: Vec<Block> = Vec::new();
        // Types of events about which the same is asked have the same blocks.
        let mut same: HashMap<Block, u32> = HashMap::new();
        let mut of_kinds = Vec::with_capacity(kinds.len());
        for rules in kinds {
            let mut rules: Vec<(Edge, usize)> =
                rules.iter().map(|(node, rule)| (self.known[node].0, *rule)).collect();
            rules.sort_by_key(|(_, rule)| *rule);
            let of_kind = rules.chunks(BLOCK).map(|rules| {
                let block = self.block(rules);
                *same.entry(block).or_insert_with_key(|block| {
                    blocks.push(block.clone());
                    u32::try_from(blocks.len() - 1).expect("ids are 32 bits")
                })
            });
            of_kinds.push(of_kind.collect());
        }
        // What is worth most is kept.
        let mut worth: Vec<(usize, usize)> =
            blocks.iter().map(|block| block.others - block.lasting).zip(0..).collect();
        worth.sort_by_key(|(parts, place)| (std::cmp::Reverse(*parts), *place));
        let kept = worth.iter().take(MOST_KEPT).filter(|(parts, _)| *parts > 0).enumerate();
        let mut count = 0;
        for (place, (_, block)) in kept {
            blocks[*block].kept = Some(place);
            count = place + 1;
        }
        let Self { groups, slots, gates, edges, quick, .. } = self;
        Program { rules, kinds: of_kinds, blocks, gates, edges, quick, groups, slots, kept: count }
    }

    /// The parts that must hold for an edge to do so.
    fn needs<'e>(&'e self, edge: &'e Edge) -> &'e [Edge] {
        if edge.gate && !edge.negated {
            let gate = &self.gates[edge.target as usize];
            if !gate.any {
                return &self.edges[gate.first as usize..gate.end as usize];
            }
        }
        std::slice::from_ref(edge)
    }

    /// A block of these rules.
    fn block(&self, rules: &[(Edge, usize)]) -> Block {
        let mut masks: BTreeMap<Edge, Mask> = BTreeMap::new();
        for (place, (root, _)) in rules.iter().enumerate() {
            for edge in self.needs(root) {
                *masks.entry(*edge).or_default() |= 1 << place;
            }
        }
        let is_cheap = |edge: &Edge| {
            let test =
                |test: &Test| matches!(test, Test::NumberIn(_) | Test::Compare(..) | Test::TruthIn { .. });
            !edge.gate && matches!(&self.groups[edge.target as usize].matcher, Matcher::One(one) if test(one))
        };
        // 0: costs next to nothing; 1: lasts as long as a process; 2: lasts as long as a file; 3: is needed by many; 4: a
        // rule's own.
        let class = |edge: &Edge, mask: Mask| match (edge.scope, mask.count_ones()) {
            (Scope::Container | Scope::Process, _) => 1,
            (Scope::File, _) => 2,
            (Scope::Event, 1) => 4,
            (Scope::Event, _) if is_cheap(edge) => 0,
            (Scope::Event, _) => 3,
        };
        let mut parts: Vec<(u8, (Edge, Mask))> =
            masks.iter().map(|(edge, mask)| (class(edge, *mask), (*edge, *mask))).collect();
        parts.retain(|(class, _)| *class < 4);
        // What is negated is mostly so: it seldom takes a rule away.
        parts.sort_by_key(|(class, (edge, mask))| {
            (*class, edge.scope, edge.negated, std::cmp::Reverse(mask.count_ones()), *edge)
        });
        let own = |root: &Edge| -> Box<[Edge]> {
            self.needs(root).iter().filter(|edge| class(edge, masks[edge]) == 4).copied().collect()
        };
        Block {
            lasting: parts.partition_point(|(class, _)| *class < 1),
            files: parts.partition_point(|(class, _)| *class < 2),
            others: parts.partition_point(|(class, _)| *class < 3),
            parts: parts.into_iter().map(|(_, part)| part).collect(),
            own: rules.iter().map(|(root, _)| own(root)).collect(),
            rules: rules.iter().map(|(_, rule)| u32::try_from(*rule).expect("ids are 32 bits")).collect(),
            kept: None,
        }
    }

    fn slot(&mut self, scope: Scope) -> u32 {
        let count = &mut self.slots[scope as usize];
        *count += 1;
        u32::try_from(*count - 1).expect("ids are 32 bits")
    }

    /// Puts checks that are answered together into groups.
    fn group(&mut self, wanted: &[bool]) {
        let mut groups: BTreeMap<(&Operand, Together), Vec<CheckId>> = BTreeMap::new();
        for (node, _) in self.graph.nodes.iter().zip(wanted).filter(|(_, wanted)| **wanted) {
            let Node::Check(id) = node else { continue };
            let check = &self.graph.checks[*id as usize];
            let together = match &check.test {
                Test::TextIn(_) => Together::Words,
                Test::StartsWith(_) => Together::Prefixes,
                Test::EndsWith(_) => Together::Suffixes,
                Test::Contains(_) => Together::Parts,
                Test::ContainsFolded(_) => Together::FoldedParts,
                _ => Together::Alone(*id),
            };
            groups.entry((&check.operand, together)).or_default().push(*id);
        }
        for ((operand, together), mut checks) in groups {
            checks.sort_unstable();
            checks.dedup();
            let scope = self.graph.checks[checks[0] as usize].scope();
            let group = u32::try_from(self.groups.len()).expect("ids are 32 bits");
            let slots: Vec<u32> = checks.iter().map(|_| self.slot(scope)).collect();
            for (check, slot) in checks.iter().zip(&slots) {
                self.checks.insert(*check, (group, *slot));
            }
            let tests = || {
                checks.iter().map(|check| &self.graph.checks[*check as usize].test).zip(slots.iter().copied())
            };
            let (matcher, slots) = (matcher(together, tests), &slots);
            self.groups.push(Group {
                operand: operand.clone(),
                first: slots[0],
                end: slots[slots.len() - 1] + 1,
                scope,
                matcher,
            });
        }
    }

    /// Makes the edge to a node whose parts have theirs, with what it costs to answer.
    fn node(&mut self, id: NodeId) {
        let made = match &self.graph.nodes[id as usize] {
            Node::Check(check) => {
                let (group, slot) = self.checks[check];
                let check = &self.graph.checks[*check as usize];
                let cost = match (check.scope(), &check.test) {
                    (
                        Scope::File | Scope::Event,
                        Test::NumberIn(_) | Test::Compare(..) | Test::TruthIn { .. },
                    ) => 2,
                    (Scope::File | Scope::Event, Test::TextIn(_)) => 4,
                    (
                        Scope::File | Scope::Event,
                        Test::StartsWith(_) | Test::EndsWith(_) | Test::AddressIn(_),
                    ) => 6,
                    (Scope::File | Scope::Event, _) => 10,
                    _ => 1,
                };
                (Edge { target: group, slot, scope: check.scope(), gate: false, negated: false }, cost)
            }
            Node::Not(part) => {
                let (edge, cost) = self.known[part];
                (Edge { negated: !edge.negated, ..edge }, cost)
            }
            node @ (Node::And(_) | Node::Or(_) | Node::Constant(_)) => {
                let (any, parts) = match node {
                    Node::Or(parts) => (true, &parts[..]),
                    Node::And(parts) => (false, &parts[..]),
                    // A gate of no parts: its answer is set when it is asked for the first time.
                    _ => (false, &[][..]),
                };
                if parts.is_empty() {
                    return self.always(id);
                }
                let mut parts: Vec<(Edge, u32)> = parts.iter().map(|part| self.known[part]).collect();
                let scope = scope_of(parts.iter().map(|(edge, _)| edge));
                // What depends on the container alone, then on the process alone, and on the file alone, becomes one part:
                // its answer is remembered as long as they are.
                let remembered = [Scope::Container, Scope::Process, Scope::File];
                for lower in remembered.into_iter().filter(|lower| *lower < scope) {
                    let (inside, outside): (Vec<_>, Vec<_>) =
                        parts.into_iter().partition(|(edge, _)| edge.scope.with(lower) == lower);
                    parts = outside;
                    match inside[..] {
                        [] => {}
                        [only] => parts.push(only),
                        _ => {
                            let (edge, _) = self.gate(any, inside);
                            parts.push((edge, 1));
                        }
                    }
                }
                self.gate(any, parts)
            }
        };
        self.known.insert(id, made);
    }

    /// A gate of these parts; the one that there is already, if there is one.
    fn gate(&mut self, any: bool, mut parts: Vec<(Edge, u32)>) -> (Edge, u32) {
        // First what is remembered, then checks and then gates. Of these what probably decides: conditions mostly say what is
        // rare and then, negated, what is to be left out. Of these the cheapest. The order does not change the answer.
        let scope = scope_of(parts.iter().map(|(edge, _)| edge));
        let class = |edge: &Edge| match edge.gate {
            _ if edge.scope < scope => 0,
            false => 1,
            true => 2,
        };
        parts.sort_by_key(|(edge, cost)| (class(edge), edge.negated != any, *cost, *edge));
        let cost = parts.iter().fold(0_u32, |sum, (_, cost)| sum.saturating_add(*cost));
        let edges: Box<[Edge]> = parts.iter().map(|(edge, _)| *edge).collect();
        if let Some(edge) = self.shared.get(&(any, edges.clone())) {
            return (*edge, cost);
        }
        let narrow = |number: usize| u32::try_from(number).expect("ids are 32 bits");
        let first = narrow(self.edges.len());
        let until = |last: u8| first + narrow(edges.partition_point(|edge| class(edge) <= last));
        let (middle, rest, end) = (until(0), until(1), until(2));
        let target = narrow(self.gates.len());
        let begin = narrow(self.quick.len());
        for edge in edges.iter().filter(|edge| class(edge) == 1) {
            let (word, bit) = (edge.slot / 64, 1 << (edge.slot % 64));
            let there = self.quick[begin as usize..]
                .iter_mut()
                .find(|quick| (quick.group, quick.word) == (edge.target, word));
            let (ones, zeros) = if edge.negated { (0, bit) } else { (bit, 0) };
            match there {
                Some(quick) => {
                    quick.ones |= ones;
                    quick.zeros |= zeros;
                }
                None => self.quick.push(Quick { group: edge.target, word, ones, zeros }),
            }
        }
        self.edges.extend_from_slice(&edges);
        let quick = (begin, narrow(self.quick.len()));
        self.gates.push(Gate { any, first, middle, rest, end, quick });
        let edge = Edge { target, slot: self.slot(scope), scope, gate: true, negated: false };
        self.shared.insert((any, edges), edge);
        (edge, cost)
    }

    /// A condition that is always true of a type of events: "the type exists" is what is asked.
    fn always(&mut self, id: NodeId) {
        let holds = self.graph.nodes[id as usize] == Node::Constant(true);
        let slot = self.slot(Scope::Event);
        let group = u32::try_from(self.groups.len()).expect("ids are 32 bits");
        let (operand, test) = graph::anything();
        self.groups.push(Group {
            operand,
            first: slot,
            end: slot + 1,
            scope: Scope::Event,
            matcher: Matcher::One(test),
        });
        let edge = Edge { target: group, slot, scope: Scope::Event, gate: false, negated: !holds };
        self.known.insert(id, (edge, 1));
    }
}

/// What depends on all of these.
fn scope_of<'e>(mut edges: impl Iterator<Item = &'e Edge>) -> Scope {
    let first = edges.next().map_or(Scope::Event, |edge| edge.scope);
    edges.fold(first, |scope, edge| scope.with(edge.scope))
}

fn matcher<'t, I: Iterator<Item = (&'t Test, u32)>>(together: Together, tests: impl Fn() -> I) -> Matcher {
    let texts = || {
        tests().filter_map(|(test, slot)| match test {
            Test::StartsWith(text)
            | Test::EndsWith(text)
            | Test::Contains(text)
            | Test::ContainsFolded(text) => Some((&**text, slot)),
            _ => None,
        })
    };
    match together {
        Together::Words => {
            let mut words: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
            for (test, slot) in tests() {
                if let Test::TextIn(texts) = test {
                    texts.iter().for_each(|text| words.entry(text).or_default().push(slot));
                }
            }
            Matcher::Words(words.into_iter().map(|(word, slots)| (word.into(), slots.into())).collect())
        }
        Together::Prefixes => {
            Matcher::Prefixes(Prefixes::new(texts().map(|(text, slot)| (text.bytes(), slot))))
        }
        Together::Suffixes => {
            Matcher::Suffixes(Prefixes::new(texts().map(|(text, slot)| (text.bytes().rev(), slot))))
        }
        Together::Parts | Together::FoldedParts => {
            let automaton = AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(together == Together::FoldedParts)
                .build(texts().map(|(text, _)| text));
            match automaton {
                Ok(automaton) => Matcher::Parts(automaton, texts().map(|(_, slot)| slot).collect()),
                Err(_) => Matcher::Each(tests().map(|(test, slot)| (test.clone(), slot)).collect()),
            }
        }
        Together::Alone(_) => match tests().next() {
            Some((Test::Regex(pattern), _)) => {
                Matcher::Regex(graph::regex(pattern).expect("compiled when the condition was read"))
            }
            Some((test, _)) => Matcher::One(test.clone()),
            None => unreachable!("a group has a check"),
        },
    }
}
