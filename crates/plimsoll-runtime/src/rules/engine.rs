//! Rules over events, fast: for each type of events one graph that all rules share.
//!
//! What depends on the container alone is found once per container, what depends on process and parents once per
//! process, the rest once per event; each comparison and each shared part at most once in its time. Comparisons of one
//! field of one kind are answered together: words by a table, prefixes and suffixes by a trie, parts by Aho-Corasick.
//! After its caches are warm an evaluation allocates nothing.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};

use super::Error;
use super::fields::{Item, Moment, Scope};
use super::files::{Candidate, Report, RuleInfo, Skipped};
use super::graph::{self, CheckId, Graph, Missing, Node, NodeId, Operand, Test};
use super::kind::KINDS;
use super::knowledge::Knowledge;
use super::matching::Prefixes;
use crate::Event;
use crate::event::{Container, Process};

/// Processes, and containers, whose answers are remembered: a power of two.
const REMEMBERED: usize = 4096;

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
    /// For each type of events its rules, those with a part in common behind that part.
    kinds: Vec<Vec<Step>>,
    gates: Vec<Gate>,
    edges: Vec<Edge>,
    groups: Vec<Group>,
    /// How many answers there are of each scope.
    slots: [usize; 3],
}

/// A step of what is asked about a type of events.
#[derive(Clone, Copy)]
enum Step {
    /// A part that all rules up to the step `to` have in common: where it does not hold, none of them does.
    Guard { edge: Edge, to: usize },
    /// The condition of a rule.
    Rule { edge: Edge, rule: usize },
}

/// All (`any` is false) or one of its edges.
struct Gate {
    any: bool,
    first: u32,
    end: u32,
}

/// A part of a gate: another gate or a check.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Edge {
    /// The gate, or the group of the check.
    target: u32,
    /// Where its answer is remembered.
    slot: u32,
    scope: Scope,
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

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    fn finish(&self) -> u64 {
        // Tables take the upper and the lower bits.
        self.0 ^ self.0 >> 32
    }
}

/// Answers: one bit each for "known" and for what it is.
#[derive(Default)]
struct Bits {
    known: Vec<u64>,
    value: Vec<u64>,
}

impl Bits {
    fn clear(&mut self, slots: usize) {
        let words = slots.div_ceil(64);
        self.known.clear();
        self.known.resize(words, 0);
        self.value.resize(words, 0);
    }

    fn get(&self, slot: u32) -> Option<bool> {
        let (word, bit) = (slot as usize / 64, slot % 64);
        (self.known[word] >> bit & 1 == 1).then(|| self.value[word] >> bit & 1 == 1)
    }

    fn set(&mut self, slot: u32, value: bool) {
        let (word, bit) = (slot as usize / 64, slot % 64);
        self.known[word] |= 1 << bit;
        self.value[word] = self.value[word] & !(1 << bit) | u64::from(value) << bit;
    }

    /// All of these are known, and `false` so far.
    fn begin(&mut self, first: u32, end: u32) {
        let (mut at, end) = (first, end);
        while at < end {
            let count = (64 - at % 64).min(end - at);
            let mask = (u64::MAX >> (64 - count)) << (at % 64);
            self.known[at as usize / 64] |= mask;
            self.value[at as usize / 64] &= !mask;
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
}

impl Memory {
    fn new() -> Self {
        Self {
            event: Bits::default(),
            processes: (0..=REMEMBERED).map(|_| Remembered::default()).collect(),
            turn: 0,
            containers: (0..REMEMBERED).map(|_| (None, Bits::default())).collect(),
            scratch: Default::default(),
            stack: Vec::with_capacity(64),
        }
    }
}

/// Guards inside guards.
const DEEPEST_GUARD: usize = 4;

/// Guards side by side.
const MOST_GUARDS: usize = 32;

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
        let rules = |kind: &[Step]| -> Vec<usize> {
            kind.iter()
                .filter_map(|step| if let Step::Rule { rule, .. } = step { Some(*rule) } else { None })
                .collect()
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
        let rules = &self.program.kinds[kind];
        if rules.is_empty() {
            return &self.found;
        }
        let moment = Moment { event, kind, knowledge };
        let mut run = Run::begin(&self.program, &mut self.memory, &moment);
        let mut at = 0;
        while let Some(step) = rules.get(at) {
            at += 1;
            match *step {
                Step::Guard { edge, to } => {
                    if !run.holds(edge) {
                        at = to;
                    }
                }
                Step::Rule { edge, rule } => {
                    if run.holds(edge) {
                        self.found.push(rule);
                    }
                }
            }
        }
        self.found.sort_unstable();
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
    process: &'a mut Bits,
    container: &'a mut Bits,
    scratch: &'a mut [String; 2],
    stack: &'a mut Vec<Frame>,
    moment: &'a Moment<'a>,
}

impl<'a> Run<'a> {
    fn begin(program: &'a Program, memory: &'a mut Memory, moment: &'a Moment<'a>) -> Self {
        let Memory { event, processes, turn, containers, scratch, stack } = memory;
        let [of_container, of_process, of_event] = program.slots;
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
        }
        Self {
            program,
            event,
            process: &mut remembered.bits,
            container: &mut known.1,
            scratch,
            stack,
            moment,
        }
    }

    fn bits(&mut self, scope: Scope) -> &mut Bits {
        match scope {
            Scope::Event => self.event,
            Scope::Process => self.process,
            Scope::Container => self.container,
        }
    }

    fn holds(&mut self, root: Edge) -> bool {
        self.stack.clear();
        let mut current = root;
        loop {
            let mut value = match self.bits(current.scope).get(current.slot) {
                Some(value) => value,
                None if current.gate => {
                    let first = self.program.gates[current.target as usize].first;
                    self.stack.push(Frame { edge: current, next: first + 1 });
                    current = self.program.edges[first as usize];
                    continue;
                }
                None => {
                    self.answer(&self.program.groups[current.target as usize]);
                    self.bits(current.scope).get(current.slot).unwrap_or(false)
                }
            };
            value ^= current.negated;
            loop {
                let Some(frame) = self.stack.last_mut() else { return value };
                let gate = &self.program.gates[frame.edge.target as usize];
                if value != gate.any && frame.next < gate.end {
                    current = self.program.edges[frame.next as usize];
                    frame.next += 1;
                    break;
                }
                // Decided by this part, or by none.
                let edge = frame.edge;
                self.stack.pop();
                self.bits(edge.scope).set(edge.slot, value);
                value ^= edge.negated;
            }
        }
    }

    /// Answers all checks of a group.
    fn answer(&mut self, group: &Group) {
        let bits = match group.scope {
            Scope::Event => &mut *self.event,
            Scope::Process => &mut *self.process,
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
    slots: [usize; 3],
    gates: Vec<Gate>,
    edges: Vec<Edge>,
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
            slots: [0; 3],
            gates: Vec::new(),
            edges: Vec::new(),
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
        let kinds = kinds.iter().map(|rules| {
            let mut rules: Vec<(Edge, usize)> =
                rules.iter().map(|(node, rule)| (self.known[node].0, *rule)).collect();
            rules.sort_by_key(|(_, rule)| *rule);
            let mut steps = Vec::with_capacity(rules.len());
            self.guarded(rules, &mut Vec::new(), &mut steps);
            steps
        });
        let kinds = kinds.collect();
        let Self { groups, slots, gates, edges, .. } = self;
        Program { rules, kinds, gates, edges, groups, slots }
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

    /// Puts rules that have a part in common behind it; `used` are the parts that these rules are behind already.
    fn guarded(&self, mut rules: Vec<(Edge, usize)>, used: &mut Vec<Edge>, steps: &mut Vec<Step>) {
        let mut guards = 0;
        while rules.len() > 2 && used.len() < DEEPEST_GUARD && guards < MOST_GUARDS {
            guards += 1;
            let mut counts: HashMap<Edge, usize> = HashMap::new();
            for edge in rules.iter().flat_map(|(edge, _)| self.needs(edge)) {
                if !used.contains(edge) {
                    *counts.entry(*edge).or_default() += 1;
                }
            }
            // Of equal ones any would do: the slots make it the same one each time.
            let best =
                counts.into_iter().max_by_key(|(edge, count)| (*count, edge.scope, edge.slot, edge.negated));
            let Some((edge, _)) = best.filter(|(_, count)| *count > 1) else { break };
            let (inside, outside) = rules.into_iter().partition(|(root, _)| self.needs(root).contains(&edge));
            rules = outside;
            let guard = steps.len();
            steps.push(Step::Guard { edge, to: 0 });
            used.push(edge);
            self.guarded(inside, used, steps);
            used.pop();
            steps[guard] = Step::Guard { edge, to: steps.len() };
        }
        steps.extend(rules.into_iter().map(|(edge, rule)| Step::Rule { edge, rule }));
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
                    (Scope::Event, Test::NumberIn(_) | Test::Compare(..) | Test::TruthIn { .. }) => 2,
                    (Scope::Event, Test::TextIn(_)) => 4,
                    (Scope::Event, Test::StartsWith(_) | Test::EndsWith(_) | Test::AddressIn(_)) => 6,
                    (Scope::Event, _) => 10,
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
                let scope = parts.iter().map(|(edge, _)| edge.scope).max().unwrap_or(Scope::Event);
                // What depends on the container alone, and then on the process alone, becomes one part: its answer is
                // remembered as long as they are.
                for lower in [Scope::Container, Scope::Process].into_iter().filter(|lower| *lower < scope) {
                    let (inside, outside): (Vec<_>, Vec<_>) =
                        parts.into_iter().partition(|(edge, _)| edge.scope <= lower);
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
        // First what is remembered, then what probably decides: conditions mostly say what is rare and then, negated, what
        // is to be left out. Of these the cheapest. The order does not change the answer.
        parts.sort_by_key(|(edge, cost)| {
            (edge.scope == Scope::Event, edge.negated != any, *cost, edge.scope, edge.slot, edge.target)
        });
        let cost = parts.iter().fold(0_u32, |sum, (_, cost)| sum.saturating_add(*cost));
        let edges: Box<[Edge]> = parts.iter().map(|(edge, _)| *edge).collect();
        if let Some(edge) = self.shared.get(&(any, edges.clone())) {
            return (*edge, cost);
        }
        let narrow = |number: usize| u32::try_from(number).expect("ids are 32 bits");
        let scope = edges.iter().map(|edge| edge.scope).max().unwrap_or(Scope::Event);
        let first = narrow(self.edges.len());
        self.edges.extend_from_slice(&edges);
        let (end, target) = (narrow(self.edges.len()), narrow(self.gates.len()));
        self.gates.push(Gate { any, first, end });
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
