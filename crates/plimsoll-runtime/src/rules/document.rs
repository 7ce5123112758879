//! The items of a rule file, each with its place: YAML to what it says, nothing resolved yet.

use super::yaml::{Id, Tree, Value};
use super::{Error, Place};

/// Bytes of one file.
pub(super) const LARGEST: usize = 16 << 20;

/// An item of a file.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) place: Place,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    EngineVersion(String),
    PluginVersions(Vec<String>),
    List(List),
    Macro(Macro),
    Rule(Box<Rule>),
}

/// What an item does to one of the same name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Change {
    /// Takes its place.
    #[default]
    Define,
    /// Adds to it.
    Append,
    /// Takes the place of one part of it.
    Replace,
}

/// A text and where it begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) place: Place,
}

#[derive(Debug)]
pub(super) struct List {
    pub(super) name: String,
    pub(super) items: Vec<Text>,
    pub(super) change: Change,
}

#[derive(Debug)]
pub(super) struct Macro {
    pub(super) name: String,
    pub(super) condition: Text,
    pub(super) change: Change,
}

/// A rule, or what is changed of one: a part that is not given is absent.
#[derive(Debug, Default)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) kind: RuleKind,
    pub(super) condition: Option<(Text, Change)>,
    pub(super) output: Option<(Text, Change)>,
    pub(super) description: Option<(Text, Change)>,
    pub(super) tags: Option<(Vec<String>, Change)>,
    pub(super) exceptions: Option<(Vec<Exception>, Change)>,
    pub(super) priority: Option<Priority>,
    pub(super) enabled: Option<bool>,
    pub(super) source: Option<String>,
    pub(super) skip_if_unknown: Option<bool>,
    /// Keys that only this project knows.
    pub(super) own: Own,
}

/// What our own rules say beyond Falco's form; Falco warns of keys that it does not know and goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Its stable id, as in `PW101`.
    pub id: String,
    /// Why it matters.
    pub why: String,
    /// What to do next.
    pub fix: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum RuleKind {
    /// A whole rule.
    #[default]
    Define,
    /// Changes one that is there already.
    Change,
}

/// How much a rule's alert matters; the first is the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// The system is unusable.
    Emergency,
    /// Something must be done at once.
    Alert,
    /// Critical.
    Critical,
    /// An error.
    Error,
    /// A warning.
    Warning,
    /// Normal, and worth knowing.
    Notice,
    /// For information.
    Informational,
    /// For those who write rules.
    Debug,
}

const PRIORITIES: &[(&str, Priority)] = &[
    ("emergency", Priority::Emergency),
    ("alert", Priority::Alert),
    ("critical", Priority::Critical),
    ("error", Priority::Error),
    ("warning", Priority::Warning),
    ("notice", Priority::Notice),
    ("informational", Priority::Informational),
    ("info", Priority::Informational),
    ("debug", Priority::Debug),
];

impl Priority {
    /// The priority of that name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        PRIORITIES.iter().find(|row| row.0.eq_ignore_ascii_case(name)).map(|row| row.1)
    }

    /// Its name, as in `critical`.
    pub fn name(self) -> &'static str {
        PRIORITIES.iter().find(|row| row.1 == self).map_or("", |row| row.0)
    }
}

/// Where a rule does not apply: fields, how each is compared, and the values.
#[derive(Clone, Debug)]
pub(super) struct Exception {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) fields: Option<Entry>,
    pub(super) comparisons: Option<Entry>,
    pub(super) values: Vec<Entry>,
}

/// One text, or a list of them, or a list with lists in it.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    One(Text),
    Many(Vec<Entry>, Place),
}

const RULE_KEYS: &[&str] = &[
    "rule",
    "desc",
    "condition",
    "output",
    "priority",
    "source",
    "enabled",
    "tags",
    "exceptions",
    "append",
    "override",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "capture",
    "capture_duration",
    "id",
    "why",
    "fix",
];

/// Exceptions of one rule; each may have any number of values.
pub(super) const MOST_EXCEPTIONS: usize = 5_000;

/// Which parts of a rule can be appended to; all of them can be replaced.
const APPENDABLE: &[&str] = &["condition", "output", "desc", "tags", "exceptions"];
const REPLACEABLE: &[&str] = &[
    "condition",
    "output",
    "desc",
    "tags",
    "exceptions",
    "priority",
    "enabled",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "capture",
    "capture_duration",
    "source",
];

/// What was read of a file, with its mistakes; a wrong item does not hide the others.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) items: Vec<Item>,
    pub(super) errors: Vec<Error>,
    pub(super) warnings: Vec<Error>,
}

/// Reads a file.
pub(super) fn read(text: &str) -> Read {
    let mut read = Read::default();
    if text.len() > LARGEST {
        read.errors.push(Error::at(Place::new(1, 1), format!("the file is longer than {LARGEST} bytes")));
        return read;
    }
    let tree = match Tree::parse(text) {
        Ok(tree) => tree,
        Err(error) => {
            read.errors.push(error);
            return read;
        }
    };
    for root in &tree.roots {
        let items = match &tree.get(*root).value {
            Value::List(items) => items,
            // A file of comments alone is an empty one.
            Value::Text { text, plain: true } if is_null(text) => continue,
            _ => {
                let place = tree.get(*root).place;
                read.errors.push(Error::at(place, "a rule file is a list of items".to_owned()));
                continue;
            }
        };
        for id in items {
            let view = View { tree: &tree, id: *id };
            match view.item(&mut read.warnings) {
                Ok(what) => read.items.push(Item { place: view.place(), what }),
                Err(error) => read.errors.push(error),
            }
        }
    }
    read
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

#[derive(Clone, Copy)]
struct View<'a> {
    tree: &'a Tree,
    id: Id,
}

impl<'a> View<'a> {
    fn place(self) -> Place {
        self.tree.get(self.id).place
    }

    fn error<T>(self, message: impl Into<String>) -> Result<T, Error> {
        Err(Error::at(self.place(), message.into()))
    }

    fn of(self, id: Id) -> Self {
        View { tree: self.tree, id }
    }

    fn members(self) -> Result<&'a [(String, Place, Id)], Error> {
        match &self.tree.get(self.id).value {
            Value::Map(members) => Ok(members),
            _ => self.error("expected keys and values"),
        }
    }

    /// The value of a key; nothing when it is absent or null.
    fn get(self, key: &str) -> Option<View<'a>> {
        let Value::Map(members) = &self.tree.get(self.id).value else { return None };
        let (.., id) = members.iter().find(|(name, ..)| name == key)?;
        let view = self.of(*id);
        match &self.tree.get(*id).value {
            Value::Text { text, plain: true } if is_null(text) => None,
            _ => Some(view),
        }
    }

    fn text(self) -> Result<Text, Error> {
        match &self.tree.get(self.id).value {
            Value::Text { text, .. } => Ok(Text { text: text.clone(), place: self.place() }),
            _ => self.error("expected a text"),
        }
    }

    fn needed(self, key: &str) -> Result<Text, Error> {
        let Some(view) = self.get(key) else { return self.error(format!("`{key}` is missing")) };
        let text = view.text()?;
        if text.text.trim().is_empty() {
            return view.error(format!("`{key}` is empty"));
        }
        Ok(text)
    }

    fn optional(self, key: &str) -> Result<Option<Text>, Error> {
        self.get(key).map(View::text).transpose()
    }

    fn truth(self, key: &str) -> Result<Option<bool>, Error> {
        let Some(view) = self.get(key) else { return Ok(None) };
        match view.text()?.text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Ok(Some(true)),
            "false" | "no" | "off" | "n" => Ok(Some(false)),
            _ => view.error(format!("`{key}` is true or false")),
        }
    }

    fn list(self) -> Result<Vec<View<'a>>, Error> {
        match &self.tree.get(self.id).value {
            Value::List(items) => Ok(items.iter().map(|id| self.of(*id)).collect()),
            _ => self.error("expected a list"),
        }
    }

    fn item(self, warnings: &mut Vec<Error>) -> Result<What, Error> {
        let members = self.members()?;
        let has = |key: &str| members.iter().any(|(name, ..)| name == key);
        let (what, known): (What, &[&str]) = if has("required_engine_version") {
            let version = self.needed("required_engine_version")?;
            (What::EngineVersion(version.text), &["required_engine_version"])
        } else if has("required_plugin_versions") {
            (self.plugins()?, &["required_plugin_versions"])
        } else if has("list") {
            (What::List(self.items()?), &["list", "items", "append", "override"])
        } else if has("macro") {
            (What::Macro(self.macros()?), &["macro", "condition", "append", "override"])
        } else if has("rule") {
            (What::Rule(Box::new(self.rule()?)), RULE_KEYS)
        } else {
            return self.error("an item is a `rule`, a `macro`, a `list` or a required version");
        };
        for (name, place, _) in members {
            if !known.contains(&name.as_str()) {
                warnings.push(Error::at(*place, format!("`{name}` is not known here and ignored")));
            }
        }
        Ok(what)
    }

    fn plugins(self) -> Result<What, Error> {
        let mut names = Vec::new();
        for plugin in self.get("required_plugin_versions").map_or(Ok(Vec::new()), View::list)? {
            let name = plugin.needed("name")?.text;
            plugin.needed("version")?;
            names.push(name);
        }
        Ok(What::PluginVersions(names))
    }

    /// `append`, or the part of `override` for the only part of a list or macro.
    fn change(self, part: &str) -> Result<Change, Error> {
        let append = self.truth("append")?.unwrap_or(false);
        let changes = self.overrides(&[part], &[part])?;
        match (append, changes.first()) {
            (true, Some(_)) => self.error("`append` and `override` exclude each other"),
            (true, None) => Ok(Change::Append),
            (false, Some((_, change))) => Ok(*change),
            (false, None) => Ok(Change::Define),
        }
    }

    fn overrides(self, appendable: &[&str], replaceable: &[&str]) -> Result<Vec<(&'a str, Change)>, Error> {
        let Some(overrides) = self.get("override") else { return Ok(Vec::new()) };
        let mut changes = Vec::new();
        for (name, place, id) in overrides.members()? {
            let value = self.of(*id);
            let change = match value.text()?.text.as_str() {
                "append" if appendable.contains(&name.as_str()) => Change::Append,
                "replace" if replaceable.contains(&name.as_str()) => Change::Replace,
                "append" if replaceable.contains(&name.as_str()) => {
                    return value.error(format!("`{name}` cannot be appended to: use `replace`"));
                }
                "append" | "replace" => {
                    return Err(Error::at(*place, format!("`{name}` cannot be overridden")));
                }
                _ => return value.error("an override is `append` or `replace`"),
            };
            if self.get(name).is_none() {
                return Err(Error::at(*place, format!("`{name}` is overridden here but not given")));
            }
            changes.push((name.as_str(), change));
        }
        Ok(changes)
    }

    fn items(self) -> Result<List, Error> {
        let name = self.needed("list")?.text;
        let Some(items) = self.get("items") else { return self.error("`items` is missing") };
        let items = items.list()?.into_iter().map(View::text).collect::<Result<_, _>>()?;
        Ok(List { name, items, change: self.change("items")? })
    }

    fn macros(self) -> Result<Macro, Error> {
        let name = self.needed("macro")?;
        let mut bytes = name.text.bytes();
        let valid = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !valid {
            return Err(Error::at(name.place, "the name of a macro is letters, digits and `_`".to_owned()));
        }
        Ok(Macro { name: name.text, condition: self.needed("condition")?, change: self.change("condition")? })
    }

    fn rule(self) -> Result<Rule, Error> {
        let mut rule = Rule { name: self.needed("rule")?.text, ..Rule::default() };
        let append = self.truth("append")?.unwrap_or(false);
        let overrides = self.overrides(APPENDABLE, REPLACEABLE)?;
        if append && !overrides.is_empty() {
            return self.error("`append` and `override` exclude each other");
        }
        let whole = ["condition", "output", "desc", "priority"];
        let given = whole.iter().filter(|key| self.get(key).is_some()).count();
        let only_switch = given == 0 && self.get("exceptions").is_none();
        rule.kind =
            if append || !overrides.is_empty() || only_switch { RuleKind::Change } else { RuleKind::Define };
        if !overrides.is_empty() {
            for (name, place, _) in self.members()? {
                let listed = overrides.iter().any(|(key, _)| key == name);
                if REPLACEABLE.contains(&name.as_str()) && !listed && self.get(name).is_some() {
                    let message = format!("`{name}` is given but `override` does not say what to do with it");
                    return Err(Error::at(*place, message));
                }
            }
        }
        if append && self.get("condition").is_none() && self.get("exceptions").is_none() {
            return self.error("appending to a rule needs a `condition` or `exceptions`");
        }
        if only_switch && !append && overrides.is_empty() && self.get("enabled").is_none() {
            return self.error("a rule needs `condition`, `output`, `desc` and `priority`");
        }
        if rule.kind == RuleKind::Define {
            for key in whole {
                self.needed(key)?;
            }
        }
        let change = |key: &str| match overrides.iter().find(|(name, _)| *name == key) {
            Some((_, change)) => *change,
            None if append => Change::Append,
            None => Change::Define,
        };
        rule.condition = self.optional("condition")?.map(|text| (text, change("condition")));
        rule.output = self.optional("output")?.map(|text| (text, change("output")));
        rule.description = self.optional("desc")?.map(|text| (text, change("desc")));
        if let Some(tags) = self.get("tags") {
            let tags = tags.list()?.into_iter().map(|tag| Ok(tag.text()?.text)).collect::<Result<_, _>>()?;
            rule.tags = Some((tags, change("tags")));
        }
        if let Some(exceptions) = self.get("exceptions") {
            let change = change("exceptions");
            let exceptions =
                exceptions.list()?.into_iter().map(View::exception).collect::<Result<Vec<_>, _>>()?;
            if exceptions.len() > MOST_EXCEPTIONS {
                return self.error(format!("a rule has more than {MOST_EXCEPTIONS} exceptions"));
            }
            for (at, exception) in exceptions.iter().enumerate() {
                if exceptions[..at].iter().any(|before| before.name == exception.name) {
                    let message = format!("the exception `{}` stands here twice", exception.name);
                    return Err(Error::at(exception.place, message));
                }
                if change == Change::Define && exception.fields.is_none() {
                    let message = format!("the exception `{}` has no `fields`", exception.name);
                    return Err(Error::at(exception.place, message));
                }
            }
            rule.exceptions = Some((exceptions, change));
        }
        if let Some(priority) = self.optional("priority")? {
            let Some(known) = Priority::named(&priority.text) else {
                return Err(Error::at(priority.place, format!("unknown priority `{}`", priority.text)));
            };
            rule.priority = Some(known);
        }
        rule.enabled = self.truth("enabled")?;
        rule.source = self.optional("source")?.map(|text| text.text);
        rule.skip_if_unknown = self.truth("skip-if-unknown-filter")?;
        let own = |key: &str| Ok(self.optional(key)?.map(|text| text.text).unwrap_or_default());
        rule.own = Own { id: own("id")?, why: own("why")?, fix: own("fix")? };
        Ok(rule)
    }

    fn exception(self) -> Result<Exception, Error> {
        self.members()?;
        let values = match self.get("values") {
            None => Vec::new(),
            Some(values) => values.list()?.into_iter().map(View::entry).collect::<Result<_, _>>()?,
        };
        Ok(Exception {
            name: self.needed("name")?.text,
            place: self.place(),
            fields: self.get("fields").map(View::entry).transpose()?,
            comparisons: self.get("comps").map(View::entry).transpose()?,
            values,
        })
    }

    /// A text, a list of texts, or a list in which some are lists of texts.
    fn entry(self) -> Result<Entry, Error> {
        let texts = |view: View<'a>| -> Result<Entry, Error> {
            match &view.tree.get(view.id).value {
                Value::List(_) => {
                    let items = view.list()?.into_iter().map(|item| Ok(Entry::One(item.text()?)));
                    Ok(Entry::Many(items.collect::<Result<_, Error>>()?, view.place()))
                }
                _ => Ok(Entry::One(view.text()?)),
            }
        };
        match &self.tree.get(self.id).value {
            Value::List(_) => {
                let items = self.list()?.into_iter().map(texts).collect::<Result<_, _>>()?;
                Ok(Entry::Many(items, self.place()))
            }
            _ => Ok(Entry::One(self.text()?)),
        }
    }
}
