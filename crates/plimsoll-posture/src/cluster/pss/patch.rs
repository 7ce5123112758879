//! The smallest change that makes a pod meet a level: for each control one way to mend it, held against the standard again.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::pod_security::Standard;
use plimsoll_model::pss::PssChange;
use plimsoll_model::shortened;
use serde_json::{Map, Value, json};

use crate::pod_security::Violation;

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Mended {
    pub(crate) changes: Vec<PssChange>,
    pub(crate) by_hand: Vec<String>,
    pub(crate) mind: Vec<String>,
}

/// A specification while it is changed.
struct Patch {
    spec: Value,
    /// Where the specification stands in its object.
    base: String,
    changes: Vec<PssChange>,
    /// Elements of lists that go, by the pointer of the list.
    gone: BTreeMap<String, BTreeSet<usize>>,
    /// Annotations that go.
    annotations: BTreeSet<String>,
    by_hand: BTreeSet<String>,
    mind: BTreeSet<String>,
}

/// One way to mend a breach of a control.
type Fix = fn(&mut Patch, &str, &Violation);

/// For every control how it is mended. Pointers are those below the specification.
const FIXES: &[(&str, Fix)] = &[
    ("allowPrivilegeEscalation", |patch, at, _| patch.set(at, json!(false))),
    ("appArmorProfile", |patch, at, _| patch.remove(at.strip_suffix("/type").unwrap_or(at))),
    ("capabilities_baseline", |patch, at, violation| patch.element(at, violation)),
    ("capabilities_restricted", |patch, at, violation| {
        if at.ends_with("/drop") {
            patch.mind("a program that is started as root, or changes owners of files, may need a capability that it loses");
            patch.set(at, json!(["ALL"]));
        } else {
            patch.element(at, violation);
        }
    }),
    ("hostNamespaces", |patch, at, violation| patch.lose(at, violation)),
    ("hostPathVolumes", |patch, _, violation| patch.by_hand(violation)),
    ("hostPorts", |patch, at, _| {
        patch.mind("who used the port of the node needs a Service");
        patch.remove(at);
    }),
    ("hostProbesAndHostLifecycle", |patch, at, _| patch.remove(at)),
    ("privileged", |patch, at, violation| patch.lose(at, violation)),
    ("procMount", |patch, at, _| patch.remove(at)),
    ("procMount_restricted", |patch, at, _| patch.remove(at)),
    ("restrictedVolumes", |patch, _, violation| patch.by_hand(violation)),
    ("runAsNonRoot", |patch, at, _| {
        if at != NON_ROOT {
            patch.remove(at);
        }
        patch.set(NON_ROOT, json!(true));
        patch.mind(USER);
    }),
    ("runAsUser", |patch, at, _| {
        patch.remove(at);
        patch.mind(USER);
    }),
    ("seLinuxOptions", |patch, at, _| patch.remove(at)),
    ("seccompProfile_baseline", |patch, at, _| patch.remove(at.strip_suffix("/type").unwrap_or(at))),
    ("seccompProfile_restricted", |patch, at, _| {
        let profile = at.strip_suffix("/type").unwrap_or(at);
        if profile != SECCOMP {
            patch.remove(profile);
        }
        let own = patch.spec.pointer(SECCOMP).and_then(|profile| profile["type"].as_str());
        if !matches!(own, Some("RuntimeDefault" | "Localhost")) {
            patch.set(SECCOMP, json!({"type": "RuntimeDefault"}));
        }
    }),
    ("sysctls", |patch, at, violation| patch.element(at.strip_suffix("/name").unwrap_or(at), violation)),
    ("windowsHostProcess", |patch, at, violation| patch.lose(at, violation)),
];

const NON_ROOT: &str = "/securityContext/runAsNonRoot";
const SECCOMP: &str = "/securityContext/seccompProfile";
const USER: &str =
    "the image has to name a user that is not root, by number; else set securityContext.runAsUser too";

/// What mends these violations of a pod. Whatever the patch does not mend is left to people: it is judged again.
pub(crate) fn mend(
    view: &str,
    base: &str,
    annotations: &[(&str, &str)],
    violations: &[Violation],
    standard: Standard,
) -> Mended {
    let mut patch = Patch {
        spec: serde_json::from_str(view).unwrap_or_default(),
        base: base.to_owned(),
        changes: Vec::new(),
        gone: BTreeMap::new(),
        annotations: BTreeSet::new(),
        by_hand: BTreeSet::new(),
        mind: BTreeSet::new(),
    };
    for violation in violations {
        let fix = FIXES.iter().find(|(control, _)| *control == violation.control);
        match (violation.pointer.strip_prefix(base), fix) {
            (Some(at), Some((_, fix))) if at.starts_with('/') => fix(&mut patch, at, violation),
            _ if violation.pointer.contains("/metadata/annotations/") => {
                if patch.annotations.insert(violation.pointer.clone()) {
                    patch.changes.push(removal(violation.pointer.clone()));
                }
            }
            _ => patch.by_hand(violation),
        }
    }
    patch.drop_elements();
    patch.judge_again(annotations, standard);
    Mended {
        changes: patch.changes,
        by_hand: patch.by_hand.into_iter().collect(),
        mind: patch.mind.into_iter().collect(),
    }
}

fn removal(path: String) -> PssChange {
    PssChange { op: "remove".into(), path, value: None }
}

/// The key of the last segment of a pointer, and the pointer before it.
fn split(pointer: &str) -> Option<(&str, String)> {
    let (parent, key) = pointer.rsplit_once('/')?;
    Some((parent, key.replace("~1", "/").replace("~0", "~")))
}

impl Patch {
    fn mind(&mut self, text: &str) {
        self.mind.insert(text.to_owned());
    }

    fn by_hand(&mut self, violation: &Violation) {
        self.by_hand.insert(format!("{}: {}", violation.detail, violation.remedy));
    }

    /// Takes away what gave a right that the program may need.
    fn lose(&mut self, at: &str, violation: &Violation) {
        self.mind(&format!("see whether the program works without it: {}", violation.detail));
        self.remove(at);
    }

    fn element(&mut self, at: &str, violation: &Violation) {
        self.mind(&format!("see whether the program works without it: {}", violation.detail));
        if let Some((list, index)) = at.rsplit_once('/')
            && let Ok(index) = index.parse()
        {
            self.gone.entry(list.to_owned()).or_default().insert(index);
        }
    }

    fn remove(&mut self, at: &str) {
        let Some((parent, key)) = split(at) else { return };
        let object = self.spec.pointer_mut(parent).and_then(Value::as_object_mut);
        if object.is_some_and(|object| object.remove(&key).is_some()) {
            self.changes.push(removal(format!("{}{at}", self.base)));
        }
    }

    /// Puts a value there, with the objects that it stands in.
    fn set(&mut self, at: &str, value: Value) {
        if self.spec.pointer(at) == Some(&value) {
            return;
        }
        let (mut at, mut value) = (at.to_owned(), value);
        loop {
            let Some((parent, key)) = split(&at) else { return };
            let parent = parent.to_owned();
            if let Some(object) = self.spec.pointer_mut(&parent).and_then(Value::as_object_mut) {
                object.insert(key, value.clone());
                break;
            }
            let mut object = Map::new();
            object.insert(key, value);
            (at, value) = (parent, Value::Object(object));
        }
        let path = format!("{}{at}", self.base);
        // What stands in an object that is added itself is a part of that.
        for change in &mut self.changes {
            if let Some(rest) = path.strip_prefix(&change.path)
                && let (Some((parent, key)), Some(own)) = (split(rest), &mut change.value)
                && let Some(object) = own.pointer_mut(parent).and_then(Value::as_object_mut)
            {
                object.insert(key, value);
                return;
            }
        }
        self.changes.push(PssChange { op: "add".into(), path, value: Some(value) });
    }

    fn drop_elements(&mut self) {
        for (list, gone) in std::mem::take(&mut self.gone) {
            let Some(all) = self.spec.pointer(&list).and_then(Value::as_array) else { continue };
            let left: Vec<Value> = all
                .iter()
                .enumerate()
                .filter(|(index, _)| !gone.contains(index))
                .map(|(_, value)| value.clone())
                .collect();
            if left.is_empty() {
                self.remove(&list);
            } else {
                self.set(&list, Value::Array(left));
            }
        }
    }

    fn judge_again(&mut self, annotations: &[(&str, &str)], standard: Standard) {
        let text = self.spec.to_string();
        let Ok(spec) = serde_json::from_str::<serde_json_borrow::Value<'_>>(&text) else { return };
        let left: Vec<(&str, &str)> = annotations
            .iter()
            .filter(|(name, _)| {
                let name = name.replace('~', "~0").replace('/', "~1");
                !self.annotations.iter().any(|pointer| pointer.ends_with(&format!("/annotations/{name}")))
            })
            .copied()
            .collect();
        for violation in super::judge(&spec, &self.base, &left, standard).violations {
            let text = format!("{}: {}", violation.detail, violation.remedy);
            if !self.by_hand.contains(&text) {
                self.by_hand.insert(shortened(&text));
            }
        }
    }
}

/// Whether every control has a way to be mended.
#[cfg(test)]
pub(super) fn controls_without_a_way() -> Vec<&'static str> {
    crate::pod_security::CONTROLS
        .iter()
        .map(|control| control.id)
        .filter(|control| !FIXES.iter().any(|(own, _)| own == control))
        .collect()
}
