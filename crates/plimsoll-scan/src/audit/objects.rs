//! Objects held against rules of other engines, each as if it were created now.
//!
//! An object is judged when it comes, and let go; only where rules look at namespaces it is kept, because a namespace may come
//! after what is in it, and change.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use plimsoll_model::audit::{Missing, RuleResult, RuleUse};
use plimsoll_model::decision::Effect;
use plimsoll_rules::{Lacking, Operation, Review, Rules};
use serde_json_borrow::Value;

use super::collect::Key;
use super::snapshot::LEFT_OUT_OF_OBJECTS;

/// Group, namespace, kind and name of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Name {
    key: Key,
    group: Arc<str>,
}

/// What a rule has against an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Said {
    effect: std::cmp::Reverse<Effect>,
    kind: String,
    name: String,
    binding: Option<String>,
    reasons: Vec<String>,
}

#[derive(Debug)]
struct Held {
    /// The object, where it may have to be judged again.
    text: Option<Box<str>>,
    /// What was said of it; nothing yet where it was not judged.
    said: Option<Arc<[Said]>>,
    owner: Option<Arc<str>>,
}

/// Under what objects are told, with how many there are and who looks after them.
type Uses = BTreeMap<Key, (u64, Option<Arc<str>>)>;

/// Objects with what rules say of them.
#[derive(Debug, Default)]
pub(super) struct Objects {
    rules: Arc<Rules>,
    lacking: Lacking,
    /// Rules look at namespaces, so that objects are kept.
    keeps: bool,
    namespaces: HashMap<Arc<str>, Box<str>>,
    held: HashMap<Name, Held>,
    said: HashSet<Arc<[Said]>>,
}

impl Objects {
    pub(super) fn new(rules: Arc<Rules>) -> Self {
        Objects { keeps: rules.looks_at_namespaces(), rules, ..Objects::default() }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.rules.is_empty()
    }

    /// What comes is a copy from which parts were left out.
    pub(super) fn are_partial(&mut self) {
        self.lacking = self.rules.lacking(&LEFT_OUT_OF_OBJECTS);
    }

    /// An object is there, or is another now.
    pub(super) fn apply(&mut self, key: &Key, group: &str, object: &Value<'_>, owner: Option<Arc<str>>) {
        if self.keeps && group.is_empty() && key.kind.as_ref() == "Namespace" {
            let text: Box<str> = object.to_string().into();
            if self.namespaces.get(&key.name) != Some(&text) {
                for (name, held) in &mut self.held {
                    if name.key.namespace == key.name {
                        held.said = None;
                    }
                }
                self.namespaces.insert(Arc::clone(&key.name), text);
            }
        }
        let review = Review::of_object(object, Operation::Look);
        let held = if self.keeps {
            Held { text: Some(object.to_string().into()), said: None, owner }
        } else {
            let said = said(&self.rules, &self.lacking, &review);
            Held { text: None, said: Some(intern(&mut self.said, said)), owner }
        };
        self.held.insert(Name { key: key.clone(), group: group.into() }, held);
    }

    pub(super) fn remove(&mut self, key: &Key, group: &str) {
        if group.is_empty() && key.kind.as_ref() == "Namespace" && self.namespaces.remove(&key.name).is_some()
        {
            for (name, held) in &mut self.held {
                if name.key.namespace == key.name {
                    held.said = None;
                }
            }
        }
        self.held.remove(&Name { key: key.clone(), group: group.into() });
    }

    /// Objects of a kind, in a namespace or in all, are void.
    pub(super) fn forget_in(&mut self, kind: &str, namespace: Option<&str>) {
        let stays = |key: &Key| {
            key.kind.as_ref() != kind || namespace.is_some_and(|own| key.namespace.as_ref() != own)
        };
        self.held.retain(|name, _| stays(&name.key));
        if kind == "Namespace" {
            self.namespaces.clear();
            self.held.values_mut().filter(|held| held.text.is_some()).for_each(|held| held.said = None);
        }
    }

    /// Lets go of what nothing holds any more.
    pub(super) fn tidy(&mut self) {
        self.said.retain(|one| Arc::strong_count(one) > 1);
    }

    /// Judges what was not judged yet.
    pub(super) fn settle(&mut self) {
        let Objects { rules, lacking, namespaces, held, said: known, .. } = self;
        let waiting: Vec<(&Name, &mut Held)> =
            held.iter_mut().filter(|(_, held)| held.said.is_none()).collect();
        let namespaces: HashMap<&Arc<str>, Value<'_>> = namespaces
            .iter()
            .filter_map(|(name, text)| Some((name, serde_json::from_str(text).ok()?)))
            .collect();
        for (name, held) in waiting {
            // It was written by us.
            let Some(object) =
                held.text.as_deref().and_then(|text| serde_json::from_str::<Value<'_>>(text).ok())
            else {
                continue;
            };
            let review = Review {
                namespace_object: namespaces.get(&name.key.namespace),
                ..Review::of_object(&object, Operation::Look)
            };
            held.said = Some(intern(known, said(rules, lacking, &review)));
        }
    }

    /// What rules say, the worst first; with how many objects there are, how many are refused, and of how many nothing is
    /// known. `top` tells to which object another belongs, and who looks after what.
    pub(super) fn results(
        &self,
        top: &dyn Fn(&Key) -> Key,
        whose: &dyn Fn(&Key) -> Option<Arc<str>>,
    ) -> (Vec<RuleResult>, [u64; 3]) {
        let mut all: BTreeMap<&Said, Uses> = BTreeMap::new();
        let mut counts = [self.held.len() as u64, 0, 0];
        for (name, held) in &self.held {
            let said = held.said.as_deref().unwrap_or_default();
            let Some(worst) = said.iter().map(|one| one.effect.0).max() else { continue };
            match worst {
                Effect::Deny => counts[1] += 1,
                Effect::Unknown => counts[2] += 1,
                Effect::Allow | Effect::Warn => {}
            }
            let top = top(&name.key);
            for one in said {
                let used = all.entry(one).or_default().entry(top.clone()).or_default();
                used.0 += 1;
                used.1 = held.owner.clone().into_iter().chain(used.1.take()).min();
            }
        }
        let result = |(said, objects): (&Said, Uses)| RuleResult {
            kind: said.kind.clone(),
            name: said.name.clone(),
            binding: said.binding.clone(),
            effect: said.effect.0,
            reasons: said.reasons.clone(),
            objects: objects
                .into_iter()
                .map(|(key, (objects, owner))| RuleUse {
                    objects,
                    owner: owner.or_else(|| whose(&key)).as_deref().map(str::to_owned),
                    namespace: key.namespace.to_string(),
                    kind: key.kind.to_string(),
                    name: key.name.to_string(),
                    whose: None,
                })
                .collect(),
        };
        (all.into_iter().map(result).collect(), counts)
    }

    /// How many rules there are.
    pub(super) fn rules(&self) -> u64 {
        self.rules.len() as u64
    }
}

fn said(rules: &Rules, lacking: &Lacking, review: &Review<'_>) -> Vec<Said> {
    let mut all: Vec<Said> = rules
        .judge_lacking(review, lacking)
        .into_iter()
        .filter_map(|verdict| {
            let (effect, reasons) = verdict.effect()?;
            Some(Said {
                effect: std::cmp::Reverse(effect),
                kind: verdict.kind,
                name: verdict.name,
                binding: verdict.binding,
                reasons,
            })
        })
        .collect();
    all.sort();
    all
}

fn intern(set: &mut HashSet<Arc<[Said]>>, said: Vec<Said>) -> Arc<[Said]> {
    if let Some(known) = set.get(said.as_slice()) {
        return Arc::clone(known);
    }
    let new: Arc<[Said]> = said.into();
    set.insert(Arc::clone(&new));
    new
}

/// The kinds that rules are about and that a snapshot does not hold, of which `lists` tells what it holds.
pub fn not_in_snapshot(rules: &Rules, lists: &[String]) -> Vec<Missing> {
    let held = |group: &str, plural: &str| {
        lists.iter().any(|list| {
            let (name, own) = list.split_once('.').unwrap_or((list, ""));
            name == plural && (own == group || group == "*")
        })
    };
    let missing = |(group, plural): (String, String)| {
        let all = plural == "*" || group == "*" && !held(&group, &plural);
        (all || !held(&group, &plural)).then(|| Missing {
            resource: match (plural.as_str(), group.as_str()) {
                ("*", _) => "*".into(),
                (_, "" | "*") => plural,
                _ => format!("{plural}.{group}"),
            },
            reason: "a snapshot does not hold all objects that rules are about".into(),
            unknown: "whether they fit the rules".into(),
            decides: true,
        })
    };
    let mut all: Vec<Missing> = rules.subjects().into_iter().filter_map(missing).collect();
    all.sort();
    all.dedup();
    all
}
