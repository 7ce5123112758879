//! The Pod Security Standards as expressions over a pod: what API servers can hold pods against by themselves, in a policy
//! that is about some images only, in modes of its own, or beside other requirements.
//!
//! Each control is one expression. A field that is absent and one that is null are different to an API server only until it
//! has read them, so that `has` is enough.

use plimsoll_model::pod_security::{
    DEFAULT_CAPABILITIES, Level, NEWEST, RESTRICTED_VOLUMES, SAFE_SYSCTLS, SE_LINUX_TYPES, Standard, Version,
};

/// A control of the standard: its name in Kubernetes' own messages, and what must be true of `object`.
pub(super) struct Control {
    pub(super) id: &'static str,
    pub(super) expression: String,
}

const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];
const SPEC: &str = "object.spec";
const CONTEXT: &str = "securityContext";
const PROFILES: &str = "in ['RuntimeDefault', 'Localhost']";

/// All controls of a level at a version.
pub(super) fn controls(standard: Standard) -> Vec<Control> {
    let minor = match standard.version {
        Version::Minor(minor) => minor.min(NEWEST),
        Version::Latest => NEWEST,
    };
    if standard.level == Level::Privileged {
        return Vec::new();
    }
    let restricted = standard.level == Level::Restricted;
    let mut out = Vec::new();
    let mut add = |id, expression| out.push(Control { id, expression });
    if restricted && minor >= 8 {
        let each = each(&|c| must(c, &[CONTEXT, "allowPrivilegeEscalation"], "== false"));
        add("allowPrivilegeEscalation", not_on_windows(minor, each));
    }
    let app_armor = annotations(
        "k.startsWith('container.apparmor.security.beta.kubernetes.io/')",
        "['', 'runtime/default']",
    );
    add("appArmorProfile", format!("{} && {app_armor}", contexts(&["appArmorProfile", "type"], PROFILES)));
    if restricted && minor >= 22 {
        let each = each(&|c| {
            let add = may(c, &[CONTEXT, "capabilities", "add"], ".all(x, x == 'NET_BIND_SERVICE')");
            let drop = must(c, &[CONTEXT, "capabilities", "drop"], ".exists(x, x == 'ALL')");
            format!("{add} && {drop}")
        });
        add("capabilities_restricted", not_on_windows(minor, each));
    } else {
        let known = format!(".all(x, x in {})", list(&DEFAULT_CAPABILITIES));
        add("capabilities_baseline", each(&|c| may(c, &[CONTEXT, "capabilities", "add"], &known)));
    }
    let namespaces = ["hostNetwork", "hostPID", "hostIPC"].map(|key| may(SPEC, &[key], "== false"));
    add("hostNamespaces", namespaces.join(" && "));
    if !restricted {
        add("hostPathVolumes", may(SPEC, &["volumes"], ".all(v, !has(v.hostPath))"));
    }
    let free = ".all(x, !has(x.hostPort) || x.hostPort == 0)";
    add("hostPorts", each(&|c| may(c, &["ports"], free)));
    if minor >= 34 {
        add("hostProbesAndHostLifecycle", each(&no_hosts));
    }
    add("privileged", each(&|c| may(c, &[CONTEXT, "privileged"], "== false")));
    let masked = each(&|c| may(c, &[CONTEXT, "procMount"], "== 'Default'"));
    if restricted {
        add("procMount_restricted", masked);
        // A volume without a source is an emptyDir, which the API server has written out by then.
        let kinds = RESTRICTED_VOLUMES.map(|kind| format!("has(v.{kind})")).join(" || ");
        add("restrictedVolumes", may(SPEC, &["volumes"], &format!(".all(v, {kinds})")));
        let key = [CONTEXT, "runAsNonRoot"];
        let all = format!(
            "{} && {}",
            may(SPEC, &key, "== true"),
            each(&|c| format!(
                "{} && ({} || {})",
                may(c, &key, "== true"),
                there(c, &key),
                there(SPEC, &key)
            ))
        );
        add("runAsNonRoot", not_with_own_users(minor, all));
    } else {
        add("procMount", not_with_own_users(minor, masked));
    }
    if restricted && minor >= 23 {
        add("runAsUser", not_with_own_users(minor, contexts(&["runAsUser"], "!= 0")));
    }
    let types: Vec<&str> = since(&SE_LINUX_TYPES, minor);
    let parts = [
        contexts(&["seLinuxOptions", "type"], &format!("in {}", list(&types))),
        contexts(&["seLinuxOptions", "user"], "== ''"),
        contexts(&["seLinuxOptions", "role"], "== ''"),
    ];
    add("seLinuxOptions", parts.join(" && "));
    let key = ["seccompProfile", "type"];
    if minor < 19 {
        let wanted = "(k == 'seccomp.security.alpha.kubernetes.io/pod' || k.startsWith('container.seccomp.security.alpha.kubernetes.io/'))";
        add("seccompProfile_baseline", annotations(wanted, "['runtime/default', 'docker/default']"));
    } else if restricted {
        let whole = [CONTEXT, "seccompProfile", "type"];
        let all = format!(
            "{} && {}",
            contexts(&key, PROFILES),
            each(&|c| format!("({} || {})", there(c, &whole), there(SPEC, &whole)))
        );
        add("seccompProfile_restricted", not_on_windows(minor, all));
    } else {
        add("seccompProfile_baseline", contexts(&key, PROFILES));
    }
    let safe = format!(".all(x, x.name in {})", list(&since(&SAFE_SYSCTLS, minor)));
    add("sysctls", may(SPEC, &[CONTEXT, "sysctls"], &safe));
    add("windowsHostProcess", contexts(&["windowsOptions", "hostProcess"], "== false"));
    out
}

/// What is known at a release.
fn since(all: &[(&'static str, u16)], minor: u16) -> Vec<&'static str> {
    all.iter().filter(|(_, since)| *since <= minor).map(|(name, _)| *name).collect()
}

fn list(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    format!("[{}]", names.join(", "))
}

/// Whether a field is there, each object above it too.
fn there(of: &str, keys: &[&str]) -> String {
    let mut path = of.to_owned();
    let steps = keys.iter().map(|key| {
        path = format!("{path}.{key}");
        format!("has({path})")
    });
    format!("({})", steps.collect::<Vec<_>>().join(" && "))
}

/// A field with what must be true of it: `== 'x'`, `in [...]`, `.all(...)`.
fn told(of: &str, keys: &[&str], must_be: &str) -> String {
    let space = if must_be.starts_with('.') { "" } else { " " };
    format!("{of}.{}{space}{must_be}", keys.join("."))
}

/// What must be true of a field when it is there.
fn may(of: &str, keys: &[&str], must_be: &str) -> String {
    format!("(!{} || {})", there(of, keys), told(of, keys, must_be))
}

/// What must be true of a field, which must be there.
fn must(of: &str, keys: &[&str], must_be: &str) -> String {
    format!("({} && {})", there(of, keys), told(of, keys, must_be))
}

/// What must be true of every container `c`.
fn each(of_one: &dyn Fn(&str) -> String) -> String {
    let each = of_one("c");
    let lists = CONTAINERS.map(|key| may(SPEC, &[key], &format!(".all(c, {each})")));
    format!("({})", lists.join(" && "))
}

/// What must be true of a field of the security contexts of the pod and of its containers, where it is there.
fn contexts(keys: &[&str], must_be: &str) -> String {
    let whole: Vec<&str> = std::iter::once(CONTEXT).chain(keys.iter().copied()).collect();
    format!("({} && {})", may(SPEC, &whole, must_be), each(&|c| may(c, &whole, must_be)))
}

/// What must be true of annotations `k`: one of these, or a profile of the node.
fn annotations(wanted: &str, good: &str) -> String {
    let all = "object.metadata.annotations";
    format!(
        "(!has({all}) || {all}.all(k, !{wanted} || {all}[k] in {good} || {all}[k].startsWith('localhost/')))"
    )
}

/// Probes and hooks that have the node ask another host.
fn no_hosts(container: &str) -> String {
    let handlers: [&[&str]; 5] = [
        &["livenessProbe"],
        &["readinessProbe"],
        &["startupProbe"],
        &["lifecycle", "postStart"],
        &["lifecycle", "preStop"],
    ];
    let one = |handler: &&[&str]| {
        ["httpGet", "tcpSocket"].map(|action| {
            let keys: Vec<&str> = handler.iter().copied().chain([action, "host"]).collect();
            may(container, &keys, "== ''")
        })
    };
    handlers.iter().flat_map(one).collect::<Vec<_>>().join(" && ")
}

/// What does not apply to Windows is not asked of its pods since 1.25.
fn not_on_windows(minor: u16, asked: String) -> String {
    if minor < 25 {
        return asked;
    }
    format!("({} || {asked})", must(SPEC, &["os", "name"], "== 'windows'"))
}

/// Root in a user namespace of its own is nobody outside: since 1.35 such pods may be root inside.
fn not_with_own_users(minor: u16, asked: String) -> String {
    if minor < 35 {
        return asked;
    }
    format!("({} || ({asked}))", must(SPEC, &["hostUsers"], "== false"))
}
