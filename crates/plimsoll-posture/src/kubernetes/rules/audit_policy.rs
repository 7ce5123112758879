//! What an audit policy (`audit.k8s.io/v1`, `Policy`) writes down of a request: the first rule that takes it decides
//! (k8s.io/apiserver 1.34, `pkg/audit/policy/checker.go`).

use super::prelude::*;

/// A request, as far as policies ask for it.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) verb: &'static str,
    pub(super) group: &'static str,
    /// With its subresource: `pods/exec`.
    pub(super) resource: &'static str,
}

/// What is written down of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// No rule takes it, or one that says `None`.
    Nothing,
    /// Who asked for what.
    Metadata,
    /// What was sent, or answered, too.
    Content,
}

/// How far a rule takes a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Never,
    /// Of some people, in some namespaces, by some names.
    Some,
    Always,
}

/// The rules of a policy that decide about a request, each with its place: all that take it of somebody, up to the one that takes it
/// of everybody.
pub(super) fn deciding(scene: &Scene<'_, '_>, asked: Asked) -> Vec<(usize, Written, bool)> {
    let mut deciding = Vec::new();
    for (index, rule) in list(scene.at(&["rules"])).iter().enumerate() {
        let takes = takes(rule, asked);
        if takes == Takes::Never {
            continue;
        }
        let level = match at(rule, &["level"]).and_then(Value::as_str) {
            Some("Metadata") => Written::Metadata,
            Some("Request" | "RequestResponse") => Written::Content,
            _ => Written::Nothing,
        };
        deciding.push((index, level, takes == Takes::Always));
        if takes == Takes::Always {
            break;
        }
    }
    deciding
}

fn takes(rule: &Value<'_>, asked: Asked) -> Takes {
    // A verb `*` is no wildcard there: it takes nothing.
    let mut verbs = texts(at(rule, &["verbs"])).peekable();
    if verbs.peek().is_some() && !verbs.any(|verb| verb == asked.verb) {
        return Takes::Never;
    }
    let resources = list(at(rule, &["resources"]));
    if resources.is_empty() && !list(at(rule, &["nonResourceURLs"])).is_empty() {
        return Takes::Never;
    }
    let mut best = if resources.is_empty() { Takes::Always } else { Takes::Never };
    for one in resources {
        let group = at(one, &["group"]).and_then(Value::as_str).unwrap_or_default();
        let mut names = texts(at(one, &["resources"])).peekable();
        let (own, below) = asked.resource.split_once('/').unwrap_or((asked.resource, ""));
        let fits = |name: &str| {
            name == "*"
                || name == asked.resource
                // The resource itself too.
                || name.strip_suffix("/*") == Some(own)
                || (!below.is_empty() && name.strip_prefix("*/") == Some(below))
        };
        if group != asked.group {
            continue;
        }
        // Without resources names of objects are not looked at.
        let of_group = names.peek().is_none();
        if !of_group && !names.any(fits) {
            continue;
        }
        if of_group || list(at(one, &["resourceNames"])).is_empty() {
            best = Takes::Always;
        } else if best == Takes::Never {
            best = Takes::Some;
        }
    }
    // Everybody who is somebody is in one of these groups.
    let everybody = |group: &str| group == "system:authenticated";
    let mut groups = texts(at(rule, &["userGroups"])).peekable();
    let people =
        texts(at(rule, &["users"])).next().is_none() && (groups.peek().is_none() || groups.any(everybody));
    let everywhere = texts(at(rule, &["namespaces"])).next().is_none();
    if best == Takes::Always && !(people && everywhere) { Takes::Some } else { best }
}

pub(super) fn is_policy(scene: &Scene<'_, '_>) -> bool {
    scene.is("audit.k8s.io", "Policy")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_take_what_the_api_server_says_they_take() {
        let secret = Asked { verb: "get", group: "", resource: "secrets" };
        let exec = Asked { verb: "create", group: "", resource: "pods/exec" };
        let pods = Asked { verb: "create", group: "", resource: "pods" };
        let cases = [
            (r#"{"level":"Metadata"}"#, secret, true),
            // `*` is the name of no verb.
            (r#"{"verbs":["*"]}"#, secret, false),
            (r#"{"verbs":["list","get"]}"#, secret, true),
            (r#"{"resources":[{"group":"","resources":["pods"]}]}"#, exec, false),
            (r#"{"resources":[{"group":"","resources":["pods/*"]}]}"#, exec, true),
            (r#"{"resources":[{"group":"","resources":["pods/*"]}]}"#, pods, true),
            (r#"{"resources":[{"group":"","resources":["*/exec"]}]}"#, exec, true),
            (r#"{"resources":[{"group":"","resources":["*/exec"]}]}"#, pods, false),
            (r#"{"resources":[{"group":"","resources":["*"]}]}"#, exec, true),
            (r#"{"resources":[{"group":"apps"}]}"#, exec, false),
            (r#"{"resources":[{"group":"","resources":["pods"],"resourceNames":["a"]}]}"#, pods, false),
            (r#"{"resources":[{"group":"","resourceNames":["a"]}]}"#, pods, true),
            (r#"{"nonResourceURLs":["*"]}"#, pods, false),
            (r#"{"users":["a"]}"#, pods, false),
            (r#"{"userGroups":["system:authenticated"]}"#, pods, true),
        ];
        for (rule, asked, always) in cases {
            let rule: Value<'_> = serde_json::from_str(rule).expect("JSON");
            assert_eq!(takes(&rule, asked) == Takes::Always, always, "{rule} {}", asked.resource);
        }
    }
}
