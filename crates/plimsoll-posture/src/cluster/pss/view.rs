//! What of a pod the Pod Security Standards look at, and nothing else.
//!
//! Pods of one workload differ in names of nodes, volumes of tokens and what the API server fills in. By this view they are
//! alike exactly when no version of the standards can tell them apart. Indices of lists stay what they were, so that a JSON
//! pointer into the view is one into the specification.

use std::sync::Arc;

use serde_json_borrow::Value;

use crate::pod_security::RESTRICTED_VOLUMES;

/// Fields of the specification that are taken as they are.
const WHOLE: [&str; 6] = ["hostIPC", "hostNetwork", "hostPID", "hostUsers", "os", "securityContext"];
/// Those of them that are objects.
const OBJECTS: [&str; 2] = ["os", "securityContext"];
const CONTAINERS: [&str; 3] = ["containers", "ephemeralContainers", "initContainers"];
const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];
const HOOKS: [&str; 2] = ["postStart", "preStop"];
const ACTIONS: [&str; 2] = ["httpGet", "tcpSocket"];

/// The view of a specification as JSON. What has another form than the API gives it is kept as it is: whoever judges it has
/// to see that.
pub(crate) fn of(spec: &Value<'_>) -> Arc<str> {
    let mut text = String::new();
    write(spec, &mut text, |key, value, out| {
        if WHOLE.contains(&key) {
            out.whole(key, value);
        } else if key == "volumes" {
            out.list(key, value, true, volume);
        } else if CONTAINERS.contains(&key) {
            out.list(key, value, false, |container, text| write(container, text, container_field));
        }
    });
    text.into()
}

fn container_field(key: &str, value: &Value<'_>, out: &mut Fields<'_>) {
    if key == "name" || key == "securityContext" {
        out.whole(key, value);
    } else if key == "ports" {
        out.list(key, value, true, |port, text| {
            write(port, text, |key, value, out| {
                if key == "hostPort" {
                    out.whole(key, value);
                }
            });
        });
    } else if PROBES.contains(&key) {
        out.part(key, value, handler);
    } else if key == "lifecycle" {
        out.part(key, value, |key, value, out| {
            if HOOKS.contains(&key) {
                out.part(key, value, handler);
            }
        });
    }
}

fn handler(key: &str, value: &Value<'_>, out: &mut Fields<'_>) {
    if ACTIONS.contains(&key) {
        out.part(key, value, |key, value, out| {
            if key == "host" {
                out.whole(key, value);
            }
        });
    }
}

/// A volume of a kind that every level allows is nothing; of another one the kind and, where it is text, the name count.
fn volume(volume: &Value<'_>, text: &mut String) {
    let harmless = |(key, value): (&str, &Value<'_>)| match key {
        "name" => value.as_str().is_some() || value.is_null(),
        _ => value.is_null() || RESTRICTED_VOLUMES.contains(&key),
    };
    match volume.as_object() {
        Some(object) if object.iter().all(harmless) && !twice(volume) => text.push_str("{}"),
        Some(object) if object.iter().all(|(_, value)| value.is_object() || value.as_str().is_some()) => {
            write(volume, text, |key, value, out| {
                if key == "name" { out.whole(key, value) } else { out.part(key, value, |_, _, _| {}) }
            });
        }
        _ => push(text, volume),
    }
}

/// Whether a field is there more than once.
fn twice(value: &Value<'_>) -> bool {
    let Some(object) = value.as_object() else { return false };
    let mut keys: Vec<&str> = object.iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

fn push(text: &mut String, value: &Value<'_>) {
    text.push_str(&serde_json::to_string(value).unwrap_or_default());
}

/// The fields of an object while it is written.
struct Fields<'t> {
    text: &'t mut String,
    first: bool,
}

/// Writes of an object those fields that `field` writes; of another value all of it.
fn write(value: &Value<'_>, text: &mut String, field: impl Fn(&str, &Value<'_>, &mut Fields<'_>)) {
    let Some(object) = value.as_object().filter(|_| !twice(value)) else { return push(text, value) };
    // Fields in one order, so that the order does not tell pods apart.
    let mut all: Vec<(&str, &Value<'_>)> = object.iter().collect();
    all.sort_by_key(|(key, _)| *key);
    text.push('{');
    let mut fields = Fields { text, first: true };
    for (key, value) in all {
        field(key, value, &mut fields);
    }
    fields.text.push('}');
}

impl Fields<'_> {
    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.first) {
            self.text.push(',');
        }
        self.text.push_str(&serde_json::to_string(key).unwrap_or_default());
        self.text.push(':');
    }

    fn whole(&mut self, key: &str, value: &Value<'_>) {
        // What is empty is as what is absent; the API server fills such objects in.
        let is_empty = value.as_object().is_some_and(|object| object.iter().next().is_none());
        if !(value.is_null() || is_empty && OBJECTS.contains(&key)) {
            self.key(key);
            push(self.text, value);
        }
    }

    /// Of an object some fields.
    fn part(&mut self, key: &str, value: &Value<'_>, field: impl Fn(&str, &Value<'_>, &mut Fields<'_>)) {
        if !value.is_null() {
            self.key(key);
            write(value, self.text, field);
        }
    }

    /// A list of which only some of each element counts. With `trim` elements at its end of which nothing does are left out.
    fn list(&mut self, key: &str, value: &Value<'_>, trim: bool, element: impl Fn(&Value<'_>, &mut String)) {
        let Some(list) = value.as_array() else { return self.whole(key, value) };
        let mut written: Vec<String> = Vec::with_capacity(list.len());
        for one in list {
            let mut text = String::new();
            element(one, &mut text);
            written.push(text);
        }
        while trim && written.last().is_some_and(|last| last == "{}") {
            written.pop();
        }
        if !written.is_empty() {
            self.key(key);
            self.text.push('[');
            self.text.push_str(&written.join(","));
            self.text.push(']');
        }
    }
}
