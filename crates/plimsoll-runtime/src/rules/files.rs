//! Rule files in their order: what appends, overrides and switches is applied, then everything is resolved.

use std::collections::{HashMap, HashSet};

use super::condition::{self, Check, Condition, Mistake, Operand, Operator, Right, Word};
use super::document::{self, Change, Entry, Exception, Item, Own, Priority, RuleKind, Text, What};
use super::engine::Engine;
use super::graph::{Graph, Missing, Names, Resolved};
use super::output::Template;
use super::{Error, Place};

/// What is understood of Falco's engine, as `required_engine_version` counts it.
const ENGINE: (u64, u64) = (0, 60);

/// Items of all files together.
const MOST_ITEMS: usize = 100_000;

/// Rule files, collected.
#[derive(Debug, Default)]
pub struct Files {
    sources: Vec<Source>,
    lists: HashMap<String, List>,
    macros: HashMap<String, Macro>,
    rules: Vec<Rule>,
    by_name: HashMap<String, usize>,
    items: usize,
    report: Report,
}

#[derive(Debug)]
struct Source {
    name: String,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

/// What became of rule files.
#[derive(Debug, Default)]
pub struct Report {
    /// Mistakes: with any of them nothing should run.
    pub errors: Vec<Error>,
    /// What should be looked at.
    pub warnings: Vec<Error>,
    /// Rules that cannot run here, and what each of them needs.
    pub skipped: Vec<Skipped>,
    /// How many rules run.
    pub running: usize,
    /// Rules that are switched off.
    pub disabled: Vec<String>,
    /// How many lists and macros there are.
    pub lists: usize,
    /// How many macros there are.
    pub macros: usize,
}

/// A rule that cannot run here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name.
    pub rule: String,
    /// The file that it stands in.
    pub file: String,
    /// Where.
    pub place: Place,
    /// Whether it was switched on.
    pub enabled: bool,
    /// What it needs; never empty.
    pub missing: Vec<Missing>,
}

/// A rule as it runs.
#[derive(Clone, Debug)]
pub struct RuleInfo {
    /// Its name.
    pub name: String,
    /// What it sees.
    pub description: String,
    /// How much its alerts matter.
    pub priority: Priority,
    /// Its tags, in the order of the file.
    pub tags: Vec<String>,
    /// The file that it stands in.
    pub file: String,
    /// Where.
    pub place: Place,
    /// What only our own rules say.
    pub own: Own,
    pub(super) output: Template,
}

#[derive(Debug)]
struct List {
    items: Vec<Word>,
    /// Which item of all files it was defined by, and last changed by.
    defined: usize,
    changed: usize,
    file: usize,
    place: Place,
}

/// A text of several pieces, each from a place of a file.
#[derive(Clone, Debug, Default)]
struct Pieces {
    text: String,
    /// Where each begins in the text; the file; the place.
    pieces: Vec<(usize, usize, Place)>,
}

#[derive(Debug)]
struct Macro {
    condition: Pieces,
    order: usize,
}

#[derive(Debug)]
struct Rule {
    name: String,
    file: usize,
    place: Place,
    condition: Pieces,
    output: String,
    description: String,
    priority: Priority,
    tags: Vec<String>,
    exceptions: Vec<(usize, Exception)>,
    enabled: bool,
    source: String,
    skip_if_unknown: bool,
    own: Own,
}

impl Pieces {
    fn new(file: usize, text: Text) -> Self {
        Self { pieces: vec![(0, file, text.place)], text: text.text }
    }

    fn change(&mut self, file: usize, text: Text, change: Change) {
        if change == Change::Append {
            self.text.push(' ');
            self.pieces.push((self.text.len(), file, text.place));
            self.text.push_str(&text.text);
        } else {
            *self = Self::new(file, text);
        }
    }
}

impl Files {
    /// Reads one more file. Its items change those of the files before it.
    pub fn add(&mut self, name: &str, text: &str) {
        let file = self.sources.len();
        let read = document::read(text);
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        self.sources.push(Source { name: name.to_owned(), text: text.to_owned(), lines });
        self.report.errors.extend(read.errors.into_iter().map(|error| error.of(name)));
        self.report.warnings.extend(read.warnings.into_iter().map(|warning| warning.of(name)));
        for item in read.items {
            self.items += 1;
            if self.items > MOST_ITEMS {
                let message = format!("more than {MOST_ITEMS} items in all files together");
                self.report.errors.push(Error::at(item.place, message).of(name));
                return;
            }
            let place = item.place;
            if let Err(message) = self.take(file, item) {
                self.report.errors.push(Error::at(place, message).of(name));
            }
        }
    }

    fn warn(&mut self, file: usize, place: Place, message: String) {
        let name = self.sources[file].name.clone();
        self.report.warnings.push(Error::at(place, message).of(&name));
    }

    fn take(&mut self, file: usize, item: Item) -> Result<(), String> {
        let place = item.place;
        match item.what {
            What::EngineVersion(version) => {
                let wanted = engine_version(&version)
                    .ok_or_else(|| format!("`{version}` is no engine version: expected x.y.z"))?;
                if wanted > ENGINE {
                    let (major, minor) = ENGINE;
                    let message = format!(
                        "written for engine {version}; what is newer than {major}.{minor} is not known here"
                    );
                    self.warn(file, place, message);
                }
            }
            What::PluginVersions(names) => {
                for name in names.iter().filter(|name| *name != "container") {
                    self.warn(file, place, format!("the plugin `{name}` is not known here"));
                }
            }
            What::List(list) => self.list(file, place, list)?,
            What::Macro(macros) => {
                let order = self.items;
                match self.macros.get_mut(&macros.name) {
                    Some(known) => {
                        known.condition.change(file, macros.condition, macros.change);
                        known.order = order;
                    }
                    None if macros.change == Change::Define => {
                        let condition = Pieces::new(file, macros.condition);
                        self.macros.insert(macros.name, Macro { condition, order });
                    }
                    None => return Err(format!("there is no macro `{}` to change", macros.name)),
                }
            }
            What::Rule(rule) => self.rule(file, place, *rule)?,
        }
        Ok(())
    }

    fn list(&mut self, file: usize, place: Place, list: document::List) -> Result<(), String> {
        let order = self.items;
        let items = list.items.iter().map(|item| condition::item(&item.text, 0));
        match self.lists.get_mut(&list.name) {
            Some(known) => {
                if list.change != Change::Append {
                    known.items.clear();
                }
                known.items.extend(items);
                known.changed = order;
                if known.items.len() > MOST_ENTRIES {
                    return Err(format!("the list `{}` has more than {MOST_ENTRIES} entries", list.name));
                }
            }
            None if list.change == Change::Define => {
                let items = items.collect();
                self.lists.insert(list.name, List { items, defined: order, changed: order, file, place });
            }
            None => return Err(format!("there is no list `{}` to change", list.name)),
        }
        Ok(())
    }

    /// The words of all lists. An item that names a list which was there before stands for its words; of one that came
    /// later it is a word, as for Falco, and that is told.
    fn lists(&mut self) -> HashMap<String, Vec<Word>> {
        let mut done: HashMap<String, Vec<Word>> = HashMap::new();
        let mut order: Vec<(&String, &List)> = self.lists.iter().collect();
        order.sort_by_key(|(_, list)| list.defined);
        let part = |list: &List, word: &Word| -> Option<(&String, &List)> {
            self.lists
                .get_key_value(&word.text)
                .filter(|(_, part)| !word.quoted && part.defined < list.changed)
        };
        let mut told: Vec<(usize, Place, String)> = Vec::new();
        let mut errors: Vec<(usize, Place, String)> = Vec::new();
        let mut total = 0;
        for (name, list) in &order {
            // A path down from list to list, and how far each was looked at.
            let mut path: Vec<(&String, &List, usize)> = vec![(*name, *list, 0)];
            let mut on_path: HashSet<&String> = HashSet::from([*name]);
            while let Some((name, list, at)) = path.last_mut() {
                let (name, list) = (*name, *list);
                if done.contains_key(name) {
                    path.pop();
                    on_path.remove(name);
                    continue;
                }
                if let Some(word) = list.items.get(*at) {
                    *at += 1;
                    let Some((below, below_list)) =
                        part(list, word).filter(|(below, _)| !done.contains_key(*below))
                    else {
                        continue;
                    };
                    if on_path.contains(below) {
                        let start = path.iter().position(|(name, ..)| *name == below).unwrap_or(0);
                        let circle: Vec<&str> = path[start..]
                            .iter()
                            .map(|(name, ..)| name.as_str())
                            .chain([below.as_str()])
                            .collect();
                        let message = format!("lists contain each other: {}", circle.join(" -> "));
                        errors.push((list.file, list.place, message));
                        for (name, ..) in path.drain(start..) {
                            on_path.remove(name);
                            done.insert(name.clone(), Vec::new());
                        }
                        continue;
                    }
                    path.push((below, below_list, 0));
                    on_path.insert(below);
                    continue;
                }
                let mut words: Vec<Word> = Vec::with_capacity(list.items.len());
                for word in &list.items {
                    match part(list, word).and_then(|(below, _)| done.get(below)) {
                        Some(below) => words.extend(below.iter().cloned()),
                        None => {
                            if !word.quoted && self.lists.contains_key(&word.text) {
                                let message = format!(
                                    "list `{name}`: `{0}` is a word here, because the list `{0}` comes later",
                                    word.text
                                );
                                told.push((list.file, list.place, message));
                            }
                            words.push(word.clone());
                        }
                    }
                    if total + words.len() > MOST_ENTRIES {
                        let message = format!("lists have more than {MOST_ENTRIES} entries together");
                        errors.push((list.file, list.place, message));
                        words.clear();
                        break;
                    }
                }
                total += words.len();
                done.insert(name.clone(), words);
                path.pop();
                on_path.remove(name);
            }
        }
        for (file, place, message) in told {
            self.warn(file, place, message);
        }
        for (file, place, message) in errors {
            let error = Error::at(place, message).of(&self.sources[file].name);
            self.report.errors.push(error);
        }
        done
    }

    fn rule(&mut self, file: usize, place: Place, given: document::Rule) -> Result<(), String> {
        let known = self.by_name.get(&given.name).copied();
        if given.kind == RuleKind::Define {
            let (Some((condition, _)), Some((output, _)), Some((description, _)), Some(priority)) =
                (given.condition, given.output, given.description, given.priority)
            else {
                return Err("a rule needs `condition`, `output`, `desc` and `priority`".to_owned());
            };
            let rule = Rule {
                condition: Pieces::new(file, condition),
                output: output.text.trim().to_owned(),
                description: description.text.trim().to_owned(),
                priority,
                tags: given.tags.map(|tags| tags.0).unwrap_or_default(),
                exceptions: given
                    .exceptions
                    .map(|(all, _)| all.into_iter().map(|one| (file, one)).collect())
                    .unwrap_or_default(),
                enabled: given.enabled.unwrap_or(true),
                source: given.source.unwrap_or_else(|| "syscall".to_owned()),
                skip_if_unknown: given.skip_if_unknown.unwrap_or(false),
                own: given.own,
                name: given.name,
                file,
                place,
            };
            match known {
                Some(index) => self.rules[index] = rule,
                None => {
                    self.by_name.insert(rule.name.clone(), self.rules.len());
                    self.rules.push(rule);
                }
            }
            return Ok(());
        }
        let Some(index) = known else { return Err(format!("there is no rule `{}` to change", given.name)) };
        let rule = &mut self.rules[index];
        let join = |to: &mut String, (text, change): (Text, Change)| {
            if change == Change::Append {
                to.push(' ');
            } else {
                to.clear();
            }
            to.push_str(text.text.trim());
        };
        if let Some((condition, change)) = given.condition {
            rule.condition.change(file, condition, change);
        }
        if let Some(output) = given.output {
            join(&mut rule.output, output);
        }
        if let Some(description) = given.description {
            join(&mut rule.description, description);
        }
        if let Some((tags, change)) = given.tags {
            if change != Change::Append {
                rule.tags.clear();
            }
            rule.tags.extend(tags);
        }
        if let Some((exceptions, change)) = given.exceptions {
            if change != Change::Append {
                rule.exceptions.clear();
            }
            if rule.exceptions.len() + exceptions.len() > document::MOST_EXCEPTIONS {
                return Err(format!("a rule has more than {} exceptions", document::MOST_EXCEPTIONS));
            }
            for exception in exceptions {
                match rule.exceptions.iter_mut().find(|(_, known)| known.name == exception.name) {
                    Some((_, known)) => {
                        if exception.fields.is_some() || exception.comparisons.is_some() {
                            return Err(format!(
                                "the exception `{}` is there already: only `values` can be added",
                                exception.name
                            ));
                        }
                        known.values.extend(exception.values);
                    }
                    None if exception.fields.is_none() => {
                        return Err(format!("the new exception `{}` has no `fields`", exception.name));
                    }
                    None => rule.exceptions.push((file, exception)),
                }
            }
        }
        rule.priority = given.priority.unwrap_or(rule.priority);
        rule.enabled = given.enabled.unwrap_or(rule.enabled);
        rule.skip_if_unknown = given.skip_if_unknown.unwrap_or(rule.skip_if_unknown);
        if let Some(source) = given.source {
            rule.source = source;
        }
        Ok(())
    }

    /// Resolves everything and makes the engine of all rules that are switched on and have all they need. With errors in
    /// the report the engine has what is right.
    pub fn compile(self) -> (Engine, Report) {
        let (graph, candidates, mut report) = self.resolved();
        let engine = Engine::build(graph, candidates, &mut report);
        (engine, report)
    }

    /// All rules that are right, in one graph.
    pub(super) fn resolved(mut self) -> (Graph, Vec<Candidate>, Report) {
        let mut graph = Graph::default();
        let lists = self.lists();
        let macros = self.macros(&mut graph, &lists);
        let mut report = std::mem::take(&mut self.report);
        report.lists = self.lists.len();
        report.macros = self.macros.len();
        let mut running = Vec::new();
        for rule in &self.rules {
            let names = Resolver { lists: &lists, macros: &macros };
            let at_rule = |message: String| Error::at(rule.place, message).of(&self.sources[rule.file].name);
            let resolved = match self.resolve(rule, &mut graph, &names) {
                Ok(Some(resolved)) => resolved,
                // Told already, at the macro.
                Ok(None) => continue,
                Err(error) => {
                    report.errors.push(error);
                    continue;
                }
            };
            let mut missing: Vec<Missing> = resolved.missing.into_iter().collect();
            if rule.source != "syscall" {
                missing = vec![Missing::Source { name: rule.source.clone() }];
            }
            let output = match Template::parse(&rule.output) {
                Ok((template, unknown)) => {
                    if rule.source == "syscall" {
                        for name in unknown {
                            let message = format!(
                                "rule `{}`: its output names `{name}`, which events do not have",
                                rule.name
                            );
                            report.warnings.push(at_rule(message));
                        }
                    }
                    template
                }
                Err(message) => {
                    report.errors.push(at_rule(format!("rule `{}`: {message}", rule.name)));
                    continue;
                }
            };
            let info = RuleInfo {
                name: rule.name.clone(),
                description: rule.description.clone(),
                priority: rule.priority,
                tags: rule.tags.clone(),
                file: self.sources[rule.file].name.clone(),
                place: rule.place,
                own: rule.own.clone(),
                output,
            };
            running.push(Candidate {
                info,
                node: resolved.node,
                unknown_types: resolved.unknown_types.into_iter().collect(),
                missing,
                enabled: rule.enabled,
            });
        }
        report.disabled = running
            .iter()
            .filter(|rule| !rule.enabled && rule.missing.is_empty())
            .map(|rule| rule.info.name.clone())
            .collect();
        (graph, running, report)
    }

    /// All macros that are right, parts before wholes; mistakes and circles are told.
    fn macros(
        &mut self,
        graph: &mut Graph,
        lists: &HashMap<String, Vec<Word>>,
    ) -> HashMap<String, Option<Resolved>> {
        let mut parsed: HashMap<&str, Condition> = HashMap::new();
        let mut done: HashMap<String, Option<Resolved>> = HashMap::new();
        let mut errors: Vec<Error> = Vec::new();
        let mut order: Vec<(&String, &Macro)> = self.macros.iter().collect();
        order.sort_by_key(|(name, known)| (known.order, *name));
        for (name, known) in &order {
            match Condition::parse(&known.condition.text) {
                Ok(condition) => {
                    parsed.insert(name, condition);
                }
                Err(mistake) => {
                    errors.push(self.error(&known.condition, &mistake, &format!("macro `{name}`")));
                    done.insert((*name).clone(), None);
                }
            }
        }
        // A path down from macro to macro: the names on it, and how many of its parts each has looked at.
        let mut path: Vec<(&str, Vec<&str>)> = Vec::new();
        let mut on_path: HashSet<&str> = HashSet::new();
        let parts = |condition: &Condition| -> Vec<String> {
            let names = condition.expressions.iter().filter_map(|expression| match expression {
                condition::Expression::Macro { name, .. } => Some(name.clone()),
                _ => None,
            });
            names.collect()
        };
        let needed: HashMap<&str, Vec<String>> =
            parsed.iter().map(|(name, condition)| (*name, parts(condition))).collect();
        for (name, _) in &order {
            if done.contains_key(name.as_str()) {
                continue;
            }
            path.push((name, needed[name.as_str()].iter().map(String::as_str).collect()));
            on_path.insert(name);
            while let Some((name, parts)) = path.last_mut() {
                let name = *name;
                if let Some(part) = parts.pop() {
                    if done.contains_key(part) {
                        continue;
                    }
                    let Some((part, needed)) = needed.get_key_value(part) else { continue };
                    if on_path.contains(part) {
                        let start = path.iter().position(|(name, _)| name == part).unwrap_or(0);
                        let circle: Vec<&str> =
                            path[start..].iter().map(|(name, _)| *name).chain([*part]).collect();
                        let known = &self.macros[*part].condition;
                        let message = format!("macros contain each other: {}", circle.join(" -> "));
                        errors.push(self.error(known, &Mistake { offset: 0, message }, "macro"));
                        // All on the circle are wrong; who uses one of them is told of the circle alone.
                        for (name, _) in &path[start..] {
                            done.insert((*name).to_owned(), None);
                        }
                        for (name, _) in path.drain(start..) {
                            on_path.remove(name);
                        }
                        continue;
                    }
                    path.push((part, needed.iter().map(String::as_str).collect()));
                    on_path.insert(part);
                    continue;
                }
                path.pop();
                on_path.remove(name);
                if done.contains_key(name) {
                    continue;
                }
                let condition = &parsed[name];
                let broken = needed[name].iter().any(|part| matches!(done.get(part), Some(None)));
                let resolved = if broken {
                    None
                } else {
                    let names = Resolver { lists, macros: &done };
                    match graph.resolve(condition, &names) {
                        Ok(resolved) => Some(resolved),
                        Err(mistake) => {
                            let known = &self.macros[name].condition;
                            errors.push(self.error(known, &mistake, &format!("macro `{name}`")));
                            None
                        }
                    }
                };
                done.insert(name.to_owned(), resolved);
            }
        }
        self.report.errors.extend(errors);
        done
    }

    /// The condition of a rule with its exceptions; nothing when a macro in it is wrong.
    fn resolve(
        &self,
        rule: &Rule,
        graph: &mut Graph,
        names: &Resolver<'_>,
    ) -> Result<Option<Resolved>, Error> {
        let subject = format!("rule `{}`", rule.name);
        let wrong = |mistake: Mistake| self.error(&rule.condition, &mistake, &subject);
        let condition = Condition::parse(&rule.condition.text).map_err(wrong)?;
        let broken = condition.expressions.iter().any(|expression| match expression {
            condition::Expression::Macro { name, .. } => matches!(names.macros.get(name), Some(None)),
            _ => false,
        });
        if broken {
            return Ok(None);
        }
        let mut resolved = graph.resolve(&condition, names).map_err(wrong)?;
        let mut parts = vec![resolved.node];
        for (file, exception) in &rule.exceptions {
            let at_exception = |mistake: Mistake| {
                let message = format!("{subject}: exception `{}`: {}", exception.name, mistake.message);
                Error::at(exception.place, message).of(&self.sources[*file].name)
            };
            for alternative in alternatives(exception).map_err(at_exception)? {
                let mut all = Vec::with_capacity(alternative.len());
                for check in &alternative {
                    all.push(graph.comparison(check, names, &mut resolved).map_err(at_exception)?);
                }
                let excepted = graph.join(true, &all);
                parts.push(graph.not(excepted));
            }
        }
        resolved.node = graph.join(true, &parts);
        Ok(Some(resolved))
    }

    /// A mistake in a condition, at its place in the file.
    fn error(&self, condition: &Pieces, mistake: &Mistake, subject: &str) -> Error {
        let piece = condition.pieces.iter().rev().find(|piece| piece.0 <= mistake.offset);
        let Some((start, file, place)) = piece.or(condition.pieces.first()).copied() else {
            return Error::at(Place::default(), mistake.message.clone());
        };
        let source = &self.sources[file];
        let read = condition.text.get(start..mistake.offset).unwrap_or_default();
        let message = format!("{subject}: {}", mistake.message);
        Error::at(source.behind(place, read), message).of(&source.name)
    }
}

/// Entries of all lists together, lists in lists filled in.
const MOST_ENTRIES: usize = 2_000_000;

impl Source {
    /// The place behind what was read of a text that begins at `start`. YAML folds lines and takes away quotes, but keeps all
    /// that is no blank: counting that leads back.
    fn behind(&self, start: Place, read: &str) -> Place {
        let mut left = read.chars().filter(|character| !character.is_whitespace()).count();
        let first = start.line.saturating_sub(1) as usize;
        let source = self.lines.get(first).map_or("", |at| &self.text[*at..]);
        let mut lines = (first..).zip(source.lines());
        let mut from = start.column.saturating_sub(1) as usize;
        let mut place = start;
        // The sign and the line before a folded text, or its quote, are not part of it.
        let mut heading = true;
        for (line, text) in &mut lines {
            for (column, character) in text.chars().enumerate().skip(from) {
                if character.is_whitespace() {
                    continue;
                }
                if std::mem::take(&mut heading) {
                    if matches!(character, '>' | '|') {
                        break;
                    }
                    if matches!(character, '"' | '\'') {
                        continue;
                    }
                }
                place = Place::new(line + 1, column + 1);
                if left == 0 {
                    return place;
                }
                left -= 1;
            }
            from = 0;
        }
        place
    }
}

/// What an exception says: one of several groups of comparisons that hold together.
fn alternatives(exception: &Exception) -> Result<Vec<Vec<Check>>, Mistake> {
    let wrong = |message: String| Mistake { offset: 0, message };
    let comparison = |name: &Text| {
        Operator::named(name.text.trim())
            .filter(|operator| *operator != Operator::Exists)
            .ok_or_else(|| wrong(format!("`{}` is no operator", name.text)))
    };
    let word = |text: &Text| condition::item(&text.text, 0);
    let check = |field: &Text, operator: Operator, value: &Entry| -> Result<Check, Mistake> {
        let words = match value {
            Entry::One(text) => vec![bare(word(text), operator)],
            Entry::Many(items, _) => items
                .iter()
                .map(|item| match item {
                    Entry::One(text) => Ok(word(text)),
                    Entry::Many(..) => Err(wrong("values nest too deep".to_owned())),
                })
                .collect::<Result<_, _>>()?,
        };
        let right = match (operator.takes_list(), &words[..]) {
            (true, _) => Right::Words(words),
            (false, [only]) => Right::Word(only.clone()),
            (false, _) => return Err(wrong(format!("`{operator}` takes one value, not a list"))),
        };
        Ok(Check { left: field_of(&field.text)?, operator, right, offset: 0 })
    };
    match &exception.fields {
        None => Ok(Vec::new()),
        Some(Entry::One(field)) => {
            let operator = match &exception.comparisons {
                None => Operator::In,
                Some(Entry::One(name)) => comparison(name)?,
                Some(Entry::Many(..)) => {
                    return Err(wrong("`fields` is one field, so `comps` is one operator".to_owned()));
                }
            };
            let mut words = Vec::new();
            for value in &exception.values {
                match value {
                    Entry::One(text) => words.push(bare(word(text), operator)),
                    Entry::Many(..) => {
                        return Err(wrong(
                            "`fields` is one field, so `values` is a list of texts".to_owned(),
                        ));
                    }
                }
            }
            let left = field_of(&field.text)?;
            if words.is_empty() {
                return Ok(Vec::new());
            }
            let check = |right| vec![Check { left: left.clone(), operator, right, offset: 0 }];
            Ok(if operator.takes_list() {
                vec![check(Right::Words(words))]
            } else {
                words.into_iter().map(|word| check(Right::Word(word))).collect()
            })
        }
        Some(Entry::Many(fields, _)) => {
            let texts = |entries: &[Entry], what: &str| -> Result<Vec<Text>, Mistake> {
                let texts = entries.iter().map(|entry| match entry {
                    Entry::One(text) => Ok(text.clone()),
                    Entry::Many(..) => Err(wrong(format!("`{what}` is a list of texts"))),
                });
                texts.collect()
            };
            let fields = texts(fields, "fields")?;
            let operators = match &exception.comparisons {
                None => vec![Operator::Equal; fields.len()],
                Some(Entry::Many(names, _)) => {
                    texts(names, "comps")?.iter().map(comparison).collect::<Result<_, _>>()?
                }
                Some(Entry::One(_)) => return Err(wrong("`fields` is a list, so `comps` is one".to_owned())),
            };
            if operators.len() != fields.len() {
                return Err(wrong(format!("{} fields and {} operators", fields.len(), operators.len())));
            }
            let mut alternatives = Vec::with_capacity(exception.values.len());
            for value in &exception.values {
                let Entry::Many(values, place) = value else {
                    return Err(wrong("`fields` is a list, so each of `values` is one".to_owned()));
                };
                if values.len() != fields.len() {
                    let message = format!("{} fields and {} values at {place}", fields.len(), values.len());
                    return Err(wrong(message));
                }
                let checks = fields.iter().zip(&operators).zip(values);
                alternatives.push(
                    checks
                        .map(|((field, operator), value)| check(field, *operator, value))
                        .collect::<Result<_, _>>()?,
                );
            }
            Ok(alternatives)
        }
    }
}

/// A value of an exception may stand in parentheses, as in `(shell_binaries)`, where a list is expected.
fn bare(word: Word, operator: Operator) -> Word {
    match word.text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        Some(inner) if operator.takes_list() && !word.quoted && !inner.contains(',') => {
            condition::item(inner, word.offset)
        }
        _ => word,
    }
}

/// A field as an exception names it.
fn field_of(text: &str) -> Result<Operand, Mistake> {
    let condition = Condition::parse(&format!("{text} exists"))?;
    match condition.expressions.into_iter().next() {
        Some(condition::Expression::Check(Check { left, operator: Operator::Exists, .. })) => Ok(left),
        _ => {
            Err(Mistake { offset: 0, message: format!("`{}` is no field", plimsoll_model::shortened(text)) })
        }
    }
}

struct Resolver<'a> {
    lists: &'a HashMap<String, Vec<Word>>,
    macros: &'a HashMap<String, Option<Resolved>>,
}

impl Names for Resolver<'_> {
    fn list(&self, name: &str) -> Option<&[Word]> {
        self.lists.get(name).map(Vec::as_slice)
    }

    fn macros(&self, name: &str) -> Option<&Resolved> {
        self.macros.get(name)?.as_ref()
    }
}

/// A rule that is resolved.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) info: RuleInfo,
    pub(super) node: u32,
    pub(super) unknown_types: Vec<String>,
    pub(super) missing: Vec<Missing>,
    pub(super) enabled: bool,
}

/// The number of Falco's engine: a whole number stands for the second part of three.
fn engine_version(text: &str) -> Option<(u64, u64)> {
    let mut parts = text.trim().split('.').map(|part| part.parse::<u64>().ok());
    let first = parts.next()??;
    match parts.next() {
        None => Some((0, first)),
        Some(second) => Some((first, second?)),
    }
}
