//! What was seen on the nodes of a pool: settings of kubelets, files, disks.
//!
//! An answer is met only when every node of the pool was looked at; one node that is wrong is enough for not met.

use std::collections::BTreeSet;

use plimsoll_model::node::{FileRole, NodeFacts, NodeFile};
use plimsoll_model::responsibility::MissingInput;
use plimsoll_model::shortened;
use serde_json_borrow::Value;

use super::super::data::InputKind;
use super::super::decision::Finding;
use super::super::evidence::{Answer, missing};
use super::super::pools::name;
use super::Scene;
use super::support::few;
use crate::kubernetes::at;

/// How facts of nodes are had.
const WAYS: &str = "facts of its nodes: `plimsoll node` on each, given by --node";

/// Facts of the pool's nodes, and what is missing of them.
pub(super) fn facts<'a>(scene: &Scene<'a, '_>) -> (Vec<&'a NodeFacts>, Option<MissingInput>) {
    let all = &scene.evidence.nodes;
    if all.is_empty() {
        return (Vec::new(), Some(missing(InputKind::Node, WAYS)));
    }
    match scene.nodes() {
        // Which nodes there are is not known: what is wrong on one of them is wrong all the same.
        Err(error) => (all.iter().collect(), Some(error)),
        Ok(nodes) => {
            let names: BTreeSet<&str> = nodes.iter().map(|node| name(node)).collect();
            let seen: Vec<&NodeFacts> =
                all.iter().filter(|facts| names.contains(facts.node.as_str())).collect();
            let looked_at: BTreeSet<&str> = seen.iter().map(|facts| facts.node.as_str()).collect();
            let without: Vec<String> = nodes
                .iter()
                .map(|node| name(node))
                .filter(|node| !looked_at.contains(node))
                .map(str::to_owned)
                .collect();
            let gone = (!without.is_empty())
                .then(|| missing(InputKind::Node, format!("facts of {} (plimsoll node)", few(&without))));
            (seen, gone)
        }
    }
}

/// The same question for each node of the pool.
pub(super) fn each(scene: &Scene<'_, '_>, ask: impl Fn(&NodeFacts) -> Finding) -> Finding {
    let (facts, gone) = facts(scene);
    Finding::all(facts.into_iter().map(ask).chain(gone.map(Finding::unknown)))
}

/// A setting of the kubelet: its argument, and the field of its configuration.
#[derive(Clone, Copy, Debug)]
pub(in crate::responsibility) struct Setting<'s> {
    /// Name of the argument, without dashes.
    pub(in crate::responsibility) flag: &'s str,
    /// Path of the field, with dots.
    pub(in crate::responsibility) field: &'s str,
}

/// The value of `--name=value` or `--name value`; an argument that stands alone is `true`.
fn argument<'f>(arguments: &'f [String], wanted: &str) -> Option<&'f str> {
    let mut value = None;
    for (place, argument) in arguments.iter().enumerate() {
        let Some(own) = argument.strip_prefix("--") else { continue };
        if let Some((name, text)) = own.split_once('=') {
            if name == wanted {
                // The last one counts.
                value = Some(text);
            }
        } else if own == wanted {
            let next = arguments.get(place + 1).filter(|next| !next.starts_with('-'));
            value = Some(next.map_or("true", String::as_str));
        }
    }
    value
}

fn scalar(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::Bool(value) => Some(value.to_string()),
        serde_json::Value::Number(value) => Some(value.to_string()),
        serde_json::Value::String(value) => Some(value.clone()),
        _ => None,
    }
}

/// The setting on a node: what the kubelet itself says, else its arguments, else the file. What is absent is missing.
pub(super) fn value_on(facts: &NodeFacts, setting: Setting<'_>) -> Answer<String> {
    let node = shortened(&facts.node);
    let gone = |what: String| missing(InputKind::Node, what);
    let kubelet = facts.kubelet.as_ref().ok_or_else(|| gone(format!("the kubelet of {node}")))?;
    let field = |whole: &serde_json::Value| {
        let found = setting.field.split('.').try_fold(whole, |value, key| value.get(key)).and_then(scalar);
        found.ok_or_else(|| gone(format!("{} in the kubelet configuration of {node}", setting.field)))
    };
    if let Some(effective) = &kubelet.effective {
        return field(effective);
    }
    let arguments = kubelet
        .arguments
        .as_ref()
        .ok_or_else(|| gone(format!("arguments of the kubelet of {node}, which go before its file")))?;
    if !setting.flag.is_empty()
        && let Some(value) = argument(arguments, setting.flag)
    {
        return Ok(value.to_owned());
    }
    let whole = kubelet
        .configuration
        .as_ref()
        .ok_or_else(|| gone(format!("{} in the kubelet configuration of {node}", setting.field)))?;
    field(whole)
}

/// A setting of all kubelets of the pool: of facts, or of configurations that were given as documents.
pub(in crate::responsibility) fn setting(
    scene: &Scene<'_, '_>,
    setting: Setting<'_>,
    judge: impl Fn(&str) -> bool,
) -> Finding {
    let told = |value: &str, who: &str| {
        let shown = shortened(value);
        if judge(value) {
            Finding::met(format!("{} is {shown}", setting.field))
        } else {
            Finding::not_met(format!("{} of {who} is {shown}", setting.field))
        }
    };
    if scene.evidence.nodes.is_empty()
        && let Ok(documents) = scene.kind("kubelet.config.k8s.io", "KubeletConfiguration")
    {
        return Finding::all(documents.into_iter().map(|document| {
            let path: Vec<&str> = setting.field.split('.').collect();
            let text = at(document, &path).and_then(|value| match value {
                Value::Bool(value) => Some(value.to_string()),
                Value::Number(value) => Some(value.to_string()),
                Value::Str(value) => Some(value.to_string()),
                _ => None,
            });
            match text {
                Some(text) => told(&text, "a kubelet"),
                None => Finding::unknown(missing(
                    InputKind::Node,
                    format!("KubeletConfiguration {}", setting.field),
                )),
            }
        }));
    }
    each(scene, |facts| match value_on(facts, setting) {
        Ok(value) => told(&value, &shortened(&facts.node)),
        Err(missing) => Finding::unknown(missing),
    })
}

/// Permission bits of a file.
fn bits(file: &NodeFile) -> Option<u32> {
    u32::from_str_radix(file.mode.as_deref()?, 8).ok()
}

/// Files of these roles on each node of the pool. One of the roles must be there.
pub(in crate::responsibility) fn files(
    scene: &Scene<'_, '_>,
    roles: &[FileRole],
    judge: impl Fn(&NodeFile) -> Finding,
) -> Finding {
    each(scene, |facts| {
        let found: Vec<&NodeFile> = roles.iter().flat_map(|role| facts.files_of(*role)).collect();
        if found.is_empty() {
            let words: Vec<String> = roles.iter().map(|role| word(*role).to_owned()).collect();
            let what = format!("mode and owner of {} on {}", words.join(", "), shortened(&facts.node));
            return Finding::unknown(missing(InputKind::Node, what));
        }
        Finding::all(found.into_iter().map(&judge))
    })
}

/// At most these bits are set.
pub(in crate::responsibility) fn mode_within(file: &NodeFile, most: u32) -> Finding {
    let path = shortened(&file.path);
    match bits(file) {
        None => Finding::unknown(missing(InputKind::Node, format!("mode of {path}"))),
        Some(own) if own & 0o7777 & !most == 0 => Finding::met(format!("{path} has mode {own:04o}")),
        Some(own) => Finding::not_met(format!("{path} has mode {own:04o}, and {most:04o} is the most")),
    }
}

/// User and group are root.
pub(in crate::responsibility) fn owned_by_root(file: &NodeFile) -> Finding {
    let path = shortened(&file.path);
    match (file.user, file.group) {
        (Some(0), Some(0)) => Finding::met(format!("{path} belongs to root")),
        (Some(user), Some(group)) => Finding::not_met(format!("{path} belongs to {user}:{group}")),
        _ => Finding::unknown(missing(InputKind::Node, format!("owner of {path}"))),
    }
}

/// For people.
fn word(role: FileRole) -> &'static str {
    match role {
        FileRole::KubeletKubeconfig => "the kubelet's kubeconfig",
        FileRole::ProxyKubeconfig => "kube-proxy's kubeconfig",
        FileRole::KubeletConfiguration => "the kubelet's configuration",
        FileRole::KubeletService => "the kubelet's unit",
        FileRole::ClientAuthority => "the kubelet's authority for clients",
        FileRole::AzureCredentials => "azure.json",
        FileRole::RuntimeSocket => "the runtime's socket",
        FileRole::RuntimeConfiguration => "the runtime's configuration",
        FileRole::StaticPod => "static pods",
        FileRole::ControlPlane => "files of the control plane",
    }
}
