//! Policies as YAML with comments.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use plimsoll_model::suggestion::SuggestedUnknown;

use super::{Chosen, Ports};

/// Name of the policy that lets nothing in or out.
pub(super) const DENY: &str = "default-deny";
/// Name of the policy that lets names be resolved.
pub(super) const DNS: &str = "allow-dns";

/// Whom a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Peer {
    /// Pods, in another namespace where one is named.
    Pods(Option<String>, Chosen),
    /// Addresses.
    Blocks(Vec<String>),
}

/// A rule about one peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Rule {
    pub(super) ports: Ports,
    pub(super) comments: BTreeSet<String>,
}

/// A policy for a workload.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) pods: Chosen,
    /// By direction - whether it goes out - and peer.
    pub(super) rules: BTreeMap<(bool, Peer), Rule>,
}

/// A text in YAML: in double quotes as JSON has it where it could be read as anything else.
fn scalar(text: &str) -> String {
    let plain = text.len() < 200
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/'))
        && !["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// A text that ends no comment.
fn comment(text: &str) -> String {
    text.chars()
        .flat_map(|letter| if letter.is_control() { letter.escape_debug().collect() } else { vec![letter] })
        .collect()
}

fn head(text: &mut String, namespace: &str, name: &str) {
    let _ = write!(
        text,
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: {}\n  namespace: {}\nspec:\n",
        scalar(name),
        scalar(namespace)
    );
}

fn labels(text: &mut String, indent: &str, chosen: &Chosen) {
    for (name, value) in chosen {
        let _ = writeln!(text, "{indent}{}: {}", scalar(name), scalar(value));
    }
}

fn ports(text: &mut String, ports: &Ports) {
    text.push_str("    ports:\n");
    for (protocol, port) in ports {
        let _ = writeln!(text, "    - {{protocol: {}, port: {port}}}", protocol.word());
    }
}

fn peer(text: &mut String, peer: &Peer) {
    match peer {
        Peer::Blocks(blocks) => {
            for block in blocks {
                let _ =
                    writeln!(text, "    - ipBlock: {{cidr: {}}}", serde_json::Value::from(block.as_str()));
            }
        }
        Peer::Pods(namespace, chosen) => {
            let mut lead = "    - ";
            if let Some(namespace) = namespace {
                let _ = write!(
                    text,
                    "{lead}namespaceSelector:\n        matchLabels:\n          kubernetes.io/metadata.name: {}\n",
                    scalar(namespace)
                );
                lead = "      ";
            }
            let _ = write!(text, "{lead}podSelector:\n        matchLabels:\n");
            labels(text, "          ", chosen);
        }
    }
}

/// The policies of a namespace.
pub(super) fn write(
    namespace: &str,
    dns: &Chosen,
    policies: &[Policy],
    unknown: &[SuggestedUnknown],
) -> String {
    let mut text = format!(
        "# Network policies for {}: what is known to be needed, and nothing else.\n",
        comment(namespace)
    );
    if unknown.is_empty() {
        text.push_str("# Nothing is left open.\n");
    } else {
        text.push_str("# Not known, so that it is not allowed; look at each before these are applied:\n");
        for one in unknown {
            let _ = writeln!(text, "# - {}: {}", comment(&one.about), comment(&one.detail));
        }
    }
    head(&mut text, namespace, DENY);
    text.push_str("  podSelector: {}\n  policyTypes: [Ingress, Egress]\n");
    head(&mut text, namespace, DNS);
    text.push_str("  podSelector: {}\n  policyTypes: [Egress]\n  egress:\n  # names are resolved\n  - to:\n");
    peer(&mut text, &Peer::Pods(Some("kube-system".into()), dns.clone()));
    text.push_str("    ports:\n    - {protocol: UDP, port: 53}\n    - {protocol: TCP, port: 53}\n");
    for policy in policies {
        head(&mut text, namespace, &policy.name);
        let _ = writeln!(text, "  # {}", comment(&policy.about));
        text.push_str("  podSelector:\n    matchLabels:\n");
        labels(&mut text, "      ", &policy.pods);
        let has = |egress: bool| policy.rules.keys().any(|(own, _)| *own == egress);
        let types: Vec<&str> = [(false, "Ingress"), (true, "Egress")]
            .iter()
            .filter(|(own, _)| has(*own))
            .map(|(_, word)| *word)
            .collect();
        let _ = writeln!(text, "  policyTypes: [{}]", types.join(", "));
        for (egress, key, side) in [(false, "ingress", "from"), (true, "egress", "to")] {
            if !has(egress) {
                continue;
            }
            let _ = writeln!(text, "  {key}:");
            for ((_, whom), rule) in policy.rules.iter().filter(|((own, _), _)| *own == egress) {
                for line in &rule.comments {
                    let _ = writeln!(text, "  # {}", comment(line));
                }
                let _ = writeln!(text, "  - {side}:");
                peer(&mut text, whom);
                ports(&mut text, &rule.ports);
            }
        }
    }
    text
}
