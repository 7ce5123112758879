//! Alerts: which rule, where, by whom, whose move; and many alerts of one kind as one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::document::Priority;
use super::engine::Engine;
use super::knowledge::Knowledge;
use crate::Event;
use crate::event::{Container, Pod, State};

/// Groups of one run; alerts of more are counted only.
const MOST_GROUPS: usize = 2_000;

/// Containers that a group names; more are counted only.
const MOST_CONTAINERS: usize = 100;

/// A rule that an event met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// The rule's name.
    pub rule: String,
    /// The rule's stable id; empty for rules that have none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// How much it matters.
    pub priority: Priority,
    /// When, in nanoseconds since 1970; written as a date.
    #[serde(serialize_with = "date")]
    pub time: u64,
    /// What happened, in one line.
    pub output: String,
    /// The fields that the rule's output names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// The rule's tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Where it happened.
    pub container: Place,
    /// Who did it.
    pub process: Actor,
    /// Its parents, the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<Actor>,
    /// Who has to act.
    pub owner: String,
    /// The next step.
    pub action: String,
    /// What alerts of one rule about one image by one shape of command line have in common: [`key`].
    pub key: String,
}

/// A container, or the host, as an alert names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// How much is known of it.
    pub state: State,
    /// Its id; empty on the host.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The reference of its image.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// The digest of its image.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Its pod.
    #[serde(skip_serializing_if = "is_empty")]
    pub pod: Pod,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references in")]
fn date<S: serde::Serializer>(nanoseconds: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    match jiff::Timestamp::from_nanosecond(i128::from(*nanoseconds)) {
        Ok(time) => serializer.collect_str(&format_args!("{time:.9}")),
        // Beyond the calendar: what a recording says that is made up.
        Err(_) => serializer.serialize_str(""),
    }
}

fn is_empty(pod: &Pod) -> bool {
    *pod == Pod::default()
}

/// A process as an alert names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// Its number, as the host sees it.
    pub id: u32,
    /// Its short name.
    pub name: String,
    /// The file that it runs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub executable: String,
    /// Its program and arguments in one line, at most 4,096 bytes; of parents 512.
    pub command_line: String,
    /// Its effective user.
    pub uid: u32,
}

impl Place {
    fn new(container: &Container) -> Self {
        Self {
            state: container.state,
            id: short(&container.id),
            name: short(&container.name),
            image: short(&container.image),
            digest: short(&container.digest),
            pod: Pod {
                uid: short(&container.pod.uid),
                name: short(&container.pod.name),
                namespace: short(&container.pod.namespace),
            },
        }
    }

    /// The image or, where it is not known, what is known instead.
    pub fn subject(&self) -> String {
        match self.state {
            State::Host => "host".to_owned(),
            _ if !self.image.is_empty() => self.image.clone(),
            _ if !self.digest.is_empty() => self.digest.clone(),
            state => {
                let id = self.id.get(..12).unwrap_or(&self.id);
                format!("{id} (image {})", if state == State::Pending { "pending" } else { "unreadable" })
            }
        }
    }
}

impl Actor {
    fn new(process: &crate::event::Process, longest: usize) -> Self {
        Self {
            id: process.id,
            name: short(process.program()),
            executable: cut(process.executable.path.clone(), longest),
            command_line: cut(process.command_line(), longest),
            uid: process.effective_uid,
        }
    }
}

/// A name: names are short, unless a recording was made up.
fn short(text: &str) -> String {
    cut(text.to_owned(), 512)
}

fn cut(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

impl Alert {
    /// An alert that comes from no rule, of the highest priority that built-in rules have.
    pub(crate) fn made(
        name: &str,
        id: &str,
        event: &Event,
        output: String,
        fields: BTreeMap<String, String>,
        action: String,
    ) -> Self {
        let alert = Alert {
            rule: name.to_owned(),
            id: id.to_owned(),
            priority: Priority::Critical,
            time: event.time,
            output: cut(output, 8192),
            fields: fields.into_iter().map(|(name, value)| (name, cut(value, 4096))).collect(),
            tags: vec!["execution".to_owned(), "T1105".to_owned(), "T1204".to_owned()],
            container: Place::new(&event.container),
            process: Actor::new(&event.process, 4096),
            parents: event.ancestors.iter().map(|process| Actor::new(process, 512)).collect(),
            owner: owner(&event.container),
            action,
            key: String::new(),
        };
        alert.keyed()
    }

    fn keyed(mut self) -> Self {
        self.key = key(&self.rule, &self.container.subject(), &shape(&self.process.command_line));
        self
    }
}

/// Twelve digits for a rule, an image (or what is known instead) and a shape of command lines.
pub fn key(rule: &str, subject: &str, shape: &str) -> String {
    let mut hash = Sha256::new();
    for part in [rule, subject, shape] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let mut key = String::with_capacity(12);
    for byte in &hash.finalize()[..6] {
        let _ = write!(key, "{byte:02x}");
    }
    key
}

/// Who has to act, as far as the container says.
fn owner(container: &Container) -> String {
    if container.is_host() {
        "platform".to_owned()
    } else if container.pod.namespace.is_empty() {
        "application".to_owned()
    } else {
        format!("application (namespace {})", container.pod.namespace)
    }
}

impl Engine {
    /// What an event's meeting a rule is told as.
    pub fn alert(&self, rule: usize, event: &Event, knowledge: &dyn Knowledge) -> Alert {
        let info = &self.rules()[rule];
        let container = &event.container;
        let owner = knowledge.owner(container).map_or_else(|| owner(container), ToOwned::to_owned);
        let action = if info.own.fix.is_empty() {
            let name = &event.process.name;
            format!(
                "find out who started `{name}`; if it is wanted, add an exception to the rule `{}`",
                info.name
            )
        } else {
            one_line(&info.own.fix)
        };
        let alert = Alert {
            rule: info.name.clone(),
            id: info.own.id.clone(),
            priority: info.priority,
            time: event.time,
            output: self.text(rule, event, knowledge),
            fields: self.values(rule, event, knowledge),
            tags: info.tags.clone(),
            container: Place::new(container),
            process: Actor::new(&event.process, 4096),
            parents: event.ancestors.iter().map(|process| Actor::new(process, 512)).collect(),
            owner,
            action,
            key: String::new(),
        };
        alert.keyed()
    }
}

/// A text of several lines as one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Alerts of one rule about one image by one shape of command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// How many there were.
    pub count: u64,
    /// When the first one was, in nanoseconds since 1970; written as a date.
    #[serde(serialize_with = "date")]
    pub first: u64,
    /// When the last one was.
    #[serde(serialize_with = "date")]
    pub last: u64,
    /// In how many containers, at most 100 counted.
    pub containers: usize,
    /// The shape of the command line: numbers and random names taken out.
    pub shape: String,
    /// The first alert.
    pub example: Alert,
    #[serde(skip)]
    ids: BTreeSet<String>,
}

/// Alerts in groups, in the order of each group's first alert.
#[derive(Debug, Default)]
pub struct Groups {
    all: Vec<Group>,
    places: HashMap<(String, String, String), usize>,
    /// Alerts of groups that were too many.
    pub uncounted: u64,
    /// All alerts.
    pub alerts: u64,
}

impl Groups {
    /// Counts an alert; whether it is the first of its group.
    pub fn add(&mut self, alert: Alert) -> bool {
        self.alerts += 1;
        let shape = shape(&alert.process.command_line);
        let key = (alert.rule.clone(), alert.container.subject(), shape.clone());
        if let Some(at) = self.places.get(&key) {
            let group = &mut self.all[*at];
            group.count += 1;
            group.first = group.first.min(alert.time);
            group.last = group.last.max(alert.time);
            if group.ids.len() < MOST_CONTAINERS {
                group.ids.insert(alert.container.id);
            }
            group.containers = group.ids.len();
            return false;
        }
        if self.all.len() >= MOST_GROUPS {
            self.uncounted += 1;
            return false;
        }
        self.places.insert(key, self.all.len());
        let ids = BTreeSet::from([alert.container.id.clone()]);
        let (first, last) = (alert.time, alert.time);
        self.all.push(Group { count: 1, first, last, containers: 1, shape, example: alert, ids });
        true
    }

    /// All groups, in the order of their first alerts.
    pub fn all(&self) -> &[Group] {
        &self.all
    }
}

/// A command line without what differs from one run to the next: numbers become `N`, words of eight and more
/// hexadecimal digits `H`; at most eight words, at most 120 bytes.
pub fn shape(command_line: &str) -> String {
    let mut out = String::new();
    for (at, word) in command_line.split_whitespace().enumerate() {
        if at == 8 || out.len() > 120 {
            out.push_str(" …");
            break;
        }
        if at > 0 {
            out.push(' ');
        }
        let mut rest = word;
        while !rest.is_empty() {
            let length =
                rest.find(|character: char| !character.is_ascii_alphanumeric()).unwrap_or(rest.len());
            let (part, behind) = rest.split_at(length);
            let digits = part.bytes().filter(u8::is_ascii_digit).count();
            if digits == 0 {
                out.push_str(part);
            } else if part.len() >= 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                out.push('H');
            } else {
                let mut digit = false;
                for character in part.chars() {
                    if !character.is_ascii_digit() {
                        out.push(character);
                    } else if !digit {
                        out.push('N');
                    }
                    digit = character.is_ascii_digit();
                }
            }
            let end =
                behind.find(|character: char| character.is_ascii_alphanumeric()).unwrap_or(behind.len());
            out.push_str(&behind[..end]);
            rest = &behind[end..];
        }
    }
    cut(out, 160)
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn shapes_forget_what_differs_between_runs() {
        let check = |line: &str, expected: &str| assert_eq!(shape(line), expected);
        check("sh -c id", "sh -c id");
        check("curl http://10.0.0.7:8080/a1b2c3d4e5f6", "curl http://N.N.N.N:N/H");
        check("python3 /tmp/x42.py --port=99", "pythonN /tmp/xN.py --port=N");
        check("a b c d e f g h i j", "a b c d e f g h …");
        assert!(shape(&"x".repeat(1_000_000)).len() < 200);
        assert_eq!(shape("ä 1é2"), "ä NéN");
    }
}
