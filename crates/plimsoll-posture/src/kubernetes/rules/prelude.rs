//! What rule files use.

pub(super) use plimsoll_model::workload::{ContainerKind, Pod};
pub(super) use plimsoll_model::{Level, shortened as short};
pub(super) use serde_json_borrow::{ObjectAsVec, Value};

pub(super) use crate::kubernetes::objects::{
    Run, Scene, Taken, at, label, list, selector_size, selects, texts,
};
pub(super) use crate::rule::{Check, Reporter, Rule, some};

/// Why selectors could not be held against pods.
pub(super) const TOO_MANY: &str = "fewer selectors and labels to hold against each other";

/// The group of roles and bindings.
pub(super) const RBAC: &str = "rbac.authorization.k8s.io";

/// Folders of the node that pods mount, each with the place of its path.
pub(super) fn host_paths<'v>(scene: &Scene<'_, 'v>) -> Vec<(String, &'v str)> {
    let mut out = Vec::new();
    for pod in scene.pods() {
        let Some(spec) = pod.spec else { continue };
        for (index, volume) in list(at(spec, &["volumes"])).iter().enumerate() {
            if let Some(path) = at(volume, &["hostPath", "path"]).and_then(|value| value.as_str()) {
                out.push((format!("{}/volumes/{index}/hostPath/path", pod.pointer), path));
            }
        }
    }
    out
}

/// Whether a folder of the node gives the node away: the root, the runtime's and the kubelet's, and those of the system.
pub(super) fn is_sensitive_host_path(path: &str) -> bool {
    const SENSITIVE: [&str; 14] = [
        "/boot",
        "/dev",
        "/etc",
        "/home",
        "/lib/modules",
        "/proc",
        "/root",
        "/run",
        "/sys",
        "/usr",
        "/var/lib/containerd",
        "/var/lib/docker",
        "/var/lib/kubelet",
        "/var/run",
    ];
    // Harmless parts of what is sensitive as a whole.
    const HARMLESS: [&str; 4] = ["/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo", "/etc/ssl/certs"];
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let path = format!("/{}", parts.join("/"));
    let within = |all: &[&str]| {
        all.iter().any(|folder| {
            path == *folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        })
    };
    path == "/" || path == "/var" || (within(&SENSITIVE) && !within(&HARMLESS))
}

/// Whether a value is a secret: by its name, unless it plainly is something else, or by a form that only credentials have.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    let value = value.trim();
    if value.is_empty() {
        return false;
    }
    const PREFIXES: [(&str, usize); 12] = [
        ("AKIA", 20),
        ("ASIA", 20),
        ("ghp_", 40),
        ("gho_", 40),
        ("ghs_", 40),
        ("github_pat_", 60),
        ("glpat-", 20),
        ("xoxb-", 24),
        ("xoxp-", 24),
        ("sk_live_", 24),
        ("AIza", 39),
        ("npm_", 40),
    ];
    let form = value.contains("PRIVATE KEY-----")
        || PREFIXES.iter().any(|(prefix, length)| {
            let word = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
            word && value.starts_with(prefix) && value.len() >= *length
        });
    form || (is_secret_name(name) && !is_reference(value))
}

fn is_secret_name(name: &str) -> bool {
    // Words of a name: of `dbPassword`, `DB_PASSWORD` and `db.password` alike.
    let mut words: Vec<String> = vec![String::new()];
    let mut lower = false;
    for character in name.chars() {
        if !character.is_ascii_alphanumeric() || (lower && character.is_ascii_uppercase()) {
            words.push(String::new());
        }
        lower = character.is_ascii_lowercase() || character.is_ascii_digit();
        if character.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(character.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    let has = |all: &[&str]| words.iter().any(|word| all.contains(&word.as_str()));
    let pair = |first: &str, second: &str| words.windows(2).any(|two| two[0] == first && two[1] == second);
    let secret = has(&[
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "credential",
        "credentials",
        "apikey",
        "pwd",
    ]) || pair("api", "key")
        || pair("access", "key")
        || pair("private", "key")
        || pair("secret", "key")
        || pair("encryption", "key")
        || pair("account", "key")
        || pair("storage", "key")
        || pair("batch", "key")
        || pair("key", "content")
        || words
            .last()
            .is_some_and(|word| ["password", "passwd", "apikey"].iter().any(|end| word.ends_with(end)));
    // Names of where a secret is, how long it lasts, what it is called.
    let about = has(&[
        "file",
        "path",
        "name",
        "url",
        "uri",
        "endpoint",
        "ttl",
        "expiry",
        "expiration",
        "lifetime",
        "timeout",
        "length",
        "issuer",
        "audience",
        "type",
        "enabled",
        "enable",
        "disabled",
        "policy",
        "provider",
        "namespace",
        "arn",
        "ref",
        "mount",
        "dir",
        "host",
        "port",
        "id",
        "header",
        "min",
        "max",
        "rotation",
        "interval",
        "limit",
    ]);
    secret && !about
}

/// A value that plainly is no secret: a reference, a switch, a path, a number of one digit, a placeholder.
fn is_reference(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    value.starts_with(['$', '/', '{', '<', '%'])
        || value.contains("://") && !value.contains('@')
        || ["true", "false", "none", "null", "nil", "yes", "no", "enabled", "disabled"]
            .contains(&lower.as_str())
        || value.len() < 2
        || value.chars().all(|character| matches!(character, '*' | '.' | '-'))
}

/// Whether a network policy is about what a pod may reach, or may be reached by (`Ingress`, `Egress`). Policies do not hold
/// for pods on the network of the node, and they are taken for covered. `None` where it were too many to look at.
pub(super) fn is_covered(scene: &Scene<'_, '_>, pod: &Pod<'_>, direction: &str) -> Option<bool> {
    let on_node = |spec| at(spec, &["hostNetwork"]).and_then(Value::as_bool) == Some(true);
    if pod.spec.is_none_or(on_node) {
        return Some(true);
    }
    for policy in scene.all.network_policies(scene.object.name.namespace).map(|object| object.value) {
        let mut types = texts(at(policy, &["spec", "policyTypes"])).peekable();
        // Without types it is about what comes in, and about what goes out where it has rules for that.
        let meant = match types.peek() {
            Some(_) => types.any(|one| one == direction),
            None => direction == "Ingress" || at(policy, &["spec", "egress"]).is_some(),
        };
        let selector = at(policy, &["spec", "podSelector"]);
        let labels = pod.labels.map_or(0, ObjectAsVec::len);
        if !scene.all.may_compare(labels.saturating_mul(selector_size(selector))) {
            return None;
        }
        // A selector of a form that is not known may select it.
        if meant && selects(selector, &|key| label(pod, key)) != Some(false) {
            return Some(true);
        }
    }
    Some(false)
}

/// Reports a program that should not be there, by its image's name or the labels that it comes with.
pub(super) fn deployed(
    scene: &Scene<'_, '_>,
    report: &mut Reporter<'_>,
    images: &[&str],
    marks: &[(&str, &str)],
) {
    for (_, run) in scene.containers() {
        let name = run.container.image.map_or("", |image| crate::dockerfile::ImageName::parse(image).name);
        if images.iter().any(|image| name == *image || name.ends_with(&format!("/{image}"))) {
            report.at(run.pointer(&["image"]), format!("{} runs it", run.shown()));
            return;
        }
    }
    let labels = scene.at(&["metadata", "labels"]).and_then(|labels| labels.as_object());
    let labelled =
        marks.iter().any(|(key, value)| labels.and_then(|labels| labels.get(key)?.as_str()) == Some(value));
    if labelled && (!scene.object.pods.is_empty() || scene.is("", "Service")) {
        report.at(scene.pointer(&["metadata", "labels"]), "it has the labels of it");
    }
}

/// One rule of a role.
pub(super) struct Grant<'v> {
    verbs: Vec<&'v str>,
    groups: Vec<&'v str>,
    resources: Vec<&'v str>,
    /// Names that it is limited to.
    pub(super) names: Vec<&'v str>,
}

impl<'v> Grant<'v> {
    /// A rule of a role.
    pub(super) fn of(rule: &'v Value<'v>) -> Self {
        let all = |key: &str| texts(at(rule, &[key])).collect();
        Grant {
            verbs: all("verbs"),
            groups: all("apiGroups"),
            resources: all("resources"),
            names: all("resourceNames"),
        }
    }

    pub(super) fn any_verb(&self) -> bool {
        self.verbs.contains(&"*")
    }

    pub(super) fn any_resource(&self) -> bool {
        self.resources.contains(&"*")
    }

    pub(super) fn any_group(&self) -> bool {
        self.groups.contains(&"*")
    }

    /// What another rule speaks of.
    pub(super) fn is_everything(&self) -> bool {
        // By name it comes to the same.
        const ALL: [&str; 7] = ["get", "list", "watch", "create", "update", "patch", "delete"];
        let verbs = self.any_verb() || ALL.iter().all(|verb| self.verbs.contains(verb));
        verbs && self.any_resource() && self.any_group()
    }

    /// Whether it allows one of the verbs on the resource (`pods/exec` with its subresource).
    pub(super) fn allows(&self, verbs: &[&str], group: &str, resource: &str) -> bool {
        let verb = self.any_verb() || self.verbs.iter().any(|verb| verbs.contains(verb));
        let group = self.any_group() || self.groups.contains(&group);
        let below = resource.split_once('/').map(|(_, below)| below);
        let resource = self.resources.iter().any(|own| {
            *own == "*"
                || *own == resource
                || below.is_some_and(|below| own.strip_prefix("*/") == Some(below))
        });
        verb && group && resource
    }
}

/// Rules of a role, each with its place. Roles that the API server makes by itself, and those that are put together from
/// others, are left out.
pub(super) fn grants<'v>(scene: &Scene<'_, 'v>) -> Vec<(String, Grant<'v>)> {
    let name = scene.object.name;
    let role = name.group == RBAC && ["Role", "ClusterRole"].contains(&name.kind);
    // By name alone anybody could hide a role.
    let marked = at(scene.object.value, &["metadata", "labels", "kubernetes.io/bootstrapping"]);
    let own = name.kind == "ClusterRole" && ["cluster-admin", "admin", "edit", "view"].contains(&name.name)
        || marked.is_some() && name.name.starts_with("system:");
    if !role || own {
        return Vec::new();
    }
    let rules = list(scene.at(&["rules"])).iter().enumerate();
    rules.map(|(index, rule)| (scene.pointer(&["rules", &index.to_string()]), Grant::of(rule))).collect()
}

/// Somebody who is given a role.
pub(super) struct Subject<'v> {
    pub(super) kind: &'v str,
    pub(super) name: &'v str,
    namespace: &'v str,
    pub(super) pointer: String,
}

impl Subject<'_> {
    /// For people: "the service account shop/web".
    pub(super) fn shown(&self) -> String {
        let name = short(self.name);
        match self.kind {
            "ServiceAccount" => format!("the service account {}/{name}", short(self.namespace)),
            "Group" => format!("the group {name}"),
            _ => format!("the user {name}"),
        }
    }
}

pub(super) fn is_binding(scene: &Scene<'_, '_>) -> bool {
    scene.object.name.group == RBAC && ["RoleBinding", "ClusterRoleBinding"].contains(&scene.object.name.kind)
}

/// Everybody who is given a role by a binding.
pub(super) fn subjects<'v>(scene: &Scene<'_, 'v>) -> impl Iterator<Item = Subject<'v>> {
    let namespace = scene.object.name.namespace;
    list(scene.at(&["subjects"])).iter().enumerate().map(move |(index, subject)| {
        let text = |key: &str| at(subject, &[key]).and_then(|value| value.as_str());
        Subject {
            kind: text("kind").unwrap_or_default(),
            name: text("name").unwrap_or_default(),
            namespace: text("namespace").unwrap_or(namespace),
            pointer: scene.pointer(&["subjects", &index.to_string(), "name"]),
        }
    })
}

/// The role that a binding gives.
pub(super) fn role_name<'v>(scene: &Scene<'_, 'v>) -> &'v str {
    scene.at(&["roleRef", "name"]).and_then(|value| value.as_str()).unwrap_or_default()
}
