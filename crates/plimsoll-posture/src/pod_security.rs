//! The Pod Security Standards: what a pod may do at the levels baseline and restricted, by any version of the standard.
//!
//! The standard is the text of <https://kubernetes.io/docs/concepts/security/pod-security-standards/>, with what the notes of
//! each release changed. Each control is one row of [`CONTROLS`] and one function. A pod whose fields do not have the form
//! that the API gives them cannot be judged: that is [`Judged::unread`], never a pass.

use std::fmt::{self, Write as _};

pub use plimsoll_model::pod_security::NEWEST;
pub(crate) use plimsoll_model::pod_security::RESTRICTED_VOLUMES;
use plimsoll_model::pod_security::{
    DEFAULT_CAPABILITIES, Level, SAFE_SYSCTLS, SE_LINUX_TYPES, Standard, Version,
};
use plimsoll_model::shortened as shown;
use serde_json_borrow::{ObjectAsVec, Value};

/// Most violations and unread fields that are told apart; further ones are the last's.
const MOST: usize = 1000;

/// A pod: a specification with its annotations, wherever it stands.
#[derive(Clone, Copy, Debug)]
pub struct Pod<'v> {
    /// The specification.
    pub spec: &'v Value<'v>,
    /// JSON pointer (RFC 6901) of the specification within its object.
    pub pointer: &'v str,
    /// The pod's annotations; a template's, where it is one.
    pub annotations: Option<&'v ObjectAsVec<'v>>,
}

/// One control of the standard.
pub struct Control {
    /// Its name in Kubernetes' own messages and metrics.
    pub id: &'static str,
    /// The level it belongs to; those above have it too.
    pub level: Level,
    /// The minor release that brought it.
    pub since: u16,
    /// The minor release that took it out again.
    pub until: Option<u16>,
    /// A control of a lower level whose place it takes.
    pub replaces: Option<&'static str>,
    /// What to do.
    pub remedy: &'static str,
    check: fn(&mut Judge<'_>),
}

/// A pod does what the level forbids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The control.
    pub control: &'static str,
    /// Where: a JSON pointer.
    pub pointer: String,
    /// What is wrong.
    pub detail: String,
    /// What to do.
    pub remedy: &'static str,
}

/// How a pod stands to a level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// What it does that it may not.
    pub violations: Vec<Violation>,
    /// What could not be read; a violation may hide there.
    pub unread: Vec<String>,
}

/// Holds a pod against a level of the standard.
pub fn check(pod: Pod<'_>, standard: Standard) -> Judged {
    let minor = match standard.version {
        Version::Minor(minor) => minor.min(NEWEST),
        Version::Latest => NEWEST,
    };
    let applies = |control: &&Control| {
        control.level <= standard.level
            && control.since <= minor
            && control.until.is_none_or(|until| minor < until)
    };
    let active: Vec<&Control> = CONTROLS.iter().filter(applies).collect();
    let mut judge = Judge { pod, minor, control: &CONTROLS[0], judged: Judged::default() };
    if !pod.spec.is_object() {
        judge.unread(pod.pointer, "is no object");
        return judge.judged;
    }
    for control in &active {
        let replaced = active.iter().any(|other| other.replaces == Some(control.id));
        if !replaced {
            judge.control = control;
            (control.check)(&mut judge);
        }
    }
    judge.judged
}

macro_rules! control {
    ($id:literal, $level:ident, $since:literal.. $($until:literal)?, $replaces:expr, $check:ident, $remedy:literal) => {
        Control {
            id: $id,
            level: Level::$level,
            since: $since,
            until: control!(@until $($until)?),
            replaces: $replaces,
            remedy: $remedy,
            check: $check,
        }
    };
    (@until) => { None };
    (@until $until:literal) => { Some($until) };
}

/// All controls, by name.
pub const CONTROLS: &[Control] = &[
    control!(
        "allowPrivilegeEscalation",
        Restricted,
        8..,
        None,
        privilege_escalation,
        "set securityContext.allowPrivilegeEscalation to false in every container"
    ),
    control!(
        "appArmorProfile",
        Baseline,
        0..,
        None,
        app_armor,
        "leave the AppArmor profile out, or use RuntimeDefault or Localhost"
    ),
    control!(
        "capabilities_baseline",
        Baseline,
        0..,
        None,
        capabilities_baseline,
        "take the capabilities out of securityContext.capabilities.add"
    ),
    control!(
        "capabilities_restricted",
        Restricted,
        22..,
        Some("capabilities_baseline"),
        capabilities_restricted,
        "set securityContext.capabilities.drop to [ALL] and add at most NET_BIND_SERVICE"
    ),
    control!(
        "hostNamespaces",
        Baseline,
        0..,
        None,
        host_namespaces,
        "leave hostNetwork, hostPID and hostIPC out"
    ),
    control!(
        "hostPathVolumes",
        Baseline,
        0..,
        None,
        host_path_volumes,
        "use a volume that is not a part of the node's file system"
    ),
    control!(
        "hostPorts",
        Baseline,
        0..,
        None,
        host_ports,
        "leave hostPort out and reach the pod through a Service"
    ),
    control!(
        "hostProbesAndHostLifecycle",
        Baseline,
        34..,
        None,
        host_probes,
        "leave `host` out of probes and lifecycle hooks: the pod itself is asked then"
    ),
    control!("privileged", Baseline, 0.., None, privileged, "leave securityContext.privileged out"),
    control!("procMount", Baseline, 0.., None, proc_mount_baseline, "leave securityContext.procMount out"),
    control!(
        "procMount_restricted",
        Restricted,
        0..,
        Some("procMount"),
        proc_mount,
        "leave securityContext.procMount out"
    ),
    control!(
        "restrictedVolumes",
        Restricted,
        0..,
        Some("hostPathVolumes"),
        restricted_volumes,
        "use only configMap, csi, downwardAPI, emptyDir, ephemeral, image, persistentVolumeClaim, projected and secret volumes"
    ),
    control!(
        "runAsNonRoot",
        Restricted,
        0..,
        None,
        run_as_non_root,
        "set securityContext.runAsNonRoot to true in the pod, and nowhere to false"
    ),
    control!(
        "runAsUser",
        Restricted,
        23..,
        None,
        run_as_user,
        "set securityContext.runAsUser to another user than 0"
    ),
    control!(
        "seLinuxOptions",
        Baseline,
        0..,
        None,
        se_linux,
        "leave user and role of seLinuxOptions out, and use a type for containers"
    ),
    control!(
        "seccompProfile_baseline",
        Baseline,
        19..,
        None,
        seccomp_baseline,
        "set securityContext.seccompProfile.type to RuntimeDefault"
    ),
    // The same control: until 1.19 the profile stood in annotations.
    control!(
        "seccompProfile_baseline",
        Baseline,
        0..19,
        None,
        seccomp_annotations,
        "set the seccomp annotation to runtime/default"
    ),
    control!(
        "seccompProfile_restricted",
        Restricted,
        19..,
        Some("seccompProfile_baseline"),
        seccomp_restricted,
        "set securityContext.seccompProfile.type to RuntimeDefault"
    ),
    control!("sysctls", Baseline, 0.., None, sysctls, "take the sysctl out of securityContext.sysctls"),
    control!(
        "windowsHostProcess",
        Baseline,
        0..,
        None,
        windows_host_process,
        "leave windowsOptions.hostProcess out"
    ),
];

const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";

/// A pod in front of a control.
struct Judge<'v> {
    pod: Pod<'v>,
    minor: u16,
    control: &'static Control,
    judged: Judged,
}

/// Most steps from the specification to a field that a control looks at.
const DEEPEST: usize = 8;

/// A step on the way to a field.
#[derive(Clone, Copy)]
enum Step {
    Key(&'static str),
    Index(usize),
}

/// A field with its place in the specification; what is absent or null has no value. Its pointer is written only where something is
/// told of it: admission looks at hundreds of fields of each pod.
#[derive(Clone, Copy)]
struct Field<'v> {
    value: Option<&'v Value<'v>>,
    steps: [Step; DEEPEST],
    depth: usize,
}

impl<'v> Field<'v> {
    fn below(&self, step: Step, value: Option<&'v Value<'v>>) -> Self {
        let mut below = Field { value, ..*self };
        // It is the controls that say how deep, not the pod.
        debug_assert!(self.depth < DEEPEST, "a control looks deeper than its pointers reach");
        if let Some(place) = below.steps.get_mut(self.depth) {
            *place = step;
            below.depth += 1;
        }
        below
    }
}

/// What a field belongs to, for people.
#[derive(Clone, Copy)]
enum Whose<'v> {
    Pod,
    Container(&'static str, &'v str),
}

impl fmt::Display for Whose<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whose::Pod => formatter.write_str("the pod"),
            Whose::Container(word, name) => write!(formatter, "{word} `{}`", shown(name)),
        }
    }
}

impl<'v> Judge<'v> {
    fn violation(&mut self, field: &Field<'_>, detail: impl Into<String>) {
        self.violation_at(self.pointer(field), detail);
    }

    fn violation_at(&mut self, pointer: String, detail: impl Into<String>) {
        if self.judged.violations.len() < MOST {
            self.judged.violations.push(Violation {
                control: self.control.id,
                pointer,
                detail: detail.into(),
                remedy: self.control.remedy,
            });
        }
    }

    /// JSON pointer of a field.
    fn pointer(&self, field: &Field<'_>) -> String {
        let mut pointer = self.pod.pointer.to_owned();
        for step in &field.steps[..field.depth] {
            let _ = match step {
                Step::Key(key) => write!(pointer, "/{key}"),
                Step::Index(index) => write!(pointer, "/{index}"),
            };
        }
        pointer
    }

    fn unread_field(&mut self, field: &Field<'_>, detail: &str) {
        self.unread(&self.pointer(field), detail);
    }

    fn unread(&mut self, pointer: &str, detail: &str) {
        let line = format!("{} {detail}", if pointer.is_empty() { "the object" } else { pointer });
        if self.judged.unread.len() < MOST && !self.judged.unread.contains(&line) {
            self.judged.unread.push(line);
        }
    }

    /// The field of an object. Readers differ in which of two counts, so that two are none.
    fn get(&mut self, of: &Field<'v>, key: &'static str) -> Field<'v> {
        let below = |value| of.below(Step::Key(key), value);
        let value = match of.value {
            None => None,
            Some(Value::Object(object)) => {
                let mut all = object.iter().filter(|(own, _)| *own == key).map(|(_, value)| value);
                let first = all.next();
                if all.next().is_some() {
                    self.unread_field(&below(None), "is there more than once");
                }
                first.filter(|value| !value.is_null())
            }
            Some(_) => {
                self.unread_field(of, "is no object");
                None
            }
        };
        below(value)
    }

    fn path(&mut self, of: &Field<'v>, keys: &[&'static str]) -> Field<'v> {
        keys.iter().fold(*of, |field, key| self.get(&field, key))
    }

    fn spec(&self) -> Field<'v> {
        Field { value: Some(self.pod.spec), steps: [Step::Index(0); DEEPEST], depth: 0 }
    }

    fn list(&mut self, of: &Field<'v>, key: &'static str) -> Vec<Field<'v>> {
        let field = self.get(of, key);
        match field.value {
            None => Vec::new(),
            Some(Value::Array(list)) => list
                .iter()
                .enumerate()
                .map(|(index, value)| field.below(Step::Index(index), Some(value)))
                .collect(),
            Some(_) => {
                self.unread_field(&field, "is no list");
                Vec::new()
            }
        }
    }

    fn text(&mut self, field: &Field<'v>) -> Option<&'v str> {
        match field.value? {
            Value::Str(text) => Some(text.as_ref()),
            _ => {
                self.unread_field(field, "is no text");
                None
            }
        }
    }

    fn flag(&mut self, field: &Field<'v>) -> Option<bool> {
        match field.value? {
            Value::Bool(flag) => Some(*flag),
            _ => {
                self.unread_field(field, "is neither true nor false");
                None
            }
        }
    }

    fn number(&mut self, field: &Field<'v>) -> Option<i64> {
        let number = match field.value? {
            Value::Number(number) => number.as_i64(),
            _ => None,
        };
        if number.is_none() {
            self.unread_field(field, "is no whole number");
        }
        number
    }

    /// Every container of the pod with its name for people.
    fn containers(&mut self) -> Vec<(Field<'v>, Whose<'v>)> {
        let spec = self.spec();
        let mut all = Vec::new();
        for (key, word) in [
            ("initContainers", "init container"),
            ("containers", "container"),
            ("ephemeralContainers", "ephemeral container"),
        ] {
            for container in self.list(&spec, key) {
                let name = self.path(&container, &["name"]);
                let name = self.text(&name).unwrap_or_default();
                all.push((container, Whose::Container(word, name)));
            }
        }
        all
    }

    /// A field of the security contexts of the pod and of its containers, each with whose it is.
    fn contexts(&mut self, keys: &[&'static str]) -> Vec<(Field<'v>, Whose<'v>)> {
        let spec = self.spec();
        let mut all = vec![(self.in_context(&spec, keys), Whose::Pod)];
        all.extend(self.container_contexts(keys));
        all
    }

    fn container_contexts(&mut self, keys: &[&'static str]) -> Vec<(Field<'v>, Whose<'v>)> {
        self.containers()
            .into_iter()
            .map(|(container, name)| (self.in_context(&container, keys), name))
            .collect()
    }

    fn in_context(&mut self, of: &Field<'v>, keys: &[&'static str]) -> Field<'v> {
        let context = self.get(of, "securityContext");
        self.path(&context, keys)
    }

    /// What does not apply to Windows is not asked of its pods since 1.25.
    fn is_windows(&mut self) -> bool {
        let spec = self.spec();
        let name = self.path(&spec, &["os", "name"]);
        self.minor >= 25 && self.text(&name) == Some("windows")
    }

    /// Root in a user namespace of its own is nobody outside: since 1.35 such pods may be root inside.
    fn has_own_users(&mut self) -> bool {
        let spec = self.spec();
        let field = self.get(&spec, "hostUsers");
        self.minor >= 35 && self.flag(&field) == Some(false)
    }

    fn annotations(&mut self) -> Vec<(&'v str, Option<&'v str>)> {
        self.pod
            .annotations
            .into_iter()
            .flat_map(ObjectAsVec::iter)
            .map(|(key, value)| (key, value.as_str()))
            .collect()
    }

    /// Annotations whose value is not good.
    fn bad_annotations(&mut self, wanted: impl Fn(&str) -> bool, good: impl Fn(&str) -> bool) {
        for (key, value) in self.annotations() {
            if !wanted(key) {
                continue;
            }
            match value {
                None => self.unread(&format!("the annotation `{}`", shown(key)), "is no text"),
                Some(value) if good(value) => {}
                Some(value) => {
                    let pointer = self.pod.pointer.strip_suffix("/spec").unwrap_or_default();
                    let key_part = key.replace('~', "~0").replace('/', "~1");
                    let detail = format!("the annotation `{}` is `{}`", shown(key), shown(value));
                    self.violation_at(format!("{pointer}/metadata/annotations/{key_part}"), detail);
                }
            }
        }
    }

    /// Fields that must not be true.
    fn not_true(&mut self, fields: Vec<(Field<'v>, Whose<'v>)>, what: &str) {
        for (field, whose) in fields {
            if self.flag(&field) == Some(true) {
                self.violation(&field, format!("{whose} sets {what}"));
            }
        }
    }

    fn capabilities(&mut self, container: &Field<'v>, key: &'static str) -> Vec<(&'v str, Field<'v>)> {
        let capabilities = self.in_context(container, &["capabilities"]);
        let mut names = Vec::new();
        for one in self.list(&capabilities, key) {
            if let Some(name) = self.text(&one) {
                names.push((name, one));
            }
        }
        names
    }
}

fn privilege_escalation(judge: &mut Judge<'_>) {
    if judge.is_windows() {
        return;
    }
    for (field, whose) in judge.container_contexts(&["allowPrivilegeEscalation"]) {
        if judge.flag(&field) != Some(false) {
            judge.violation(&field, format!("{whose} does not forbid that its processes gain privileges"));
        }
    }
}

fn app_armor(judge: &mut Judge<'_>) {
    for (field, whose) in judge.contexts(&["appArmorProfile", "type"]) {
        match judge.text(&field) {
            None | Some("RuntimeDefault" | "Localhost") => {}
            Some(other) => {
                judge.violation(&field, format!("{whose} has the AppArmor profile `{}`", shown(other)));
            }
        }
    }
    let good = |value: &str| matches!(value, "" | "runtime/default") || value.starts_with("localhost/");
    judge.bad_annotations(|key| key.starts_with(APP_ARMOR), good);
}

fn capabilities_baseline(judge: &mut Judge<'_>) {
    for (container, whose) in judge.containers() {
        for (name, field) in judge.capabilities(&container, "add") {
            if !DEFAULT_CAPABILITIES.contains(&name) {
                judge.violation(&field, format!("{whose} adds the capability {}", shown(name)));
            }
        }
    }
}

fn capabilities_restricted(judge: &mut Judge<'_>) {
    if judge.is_windows() {
        return;
    }
    for (container, whose) in judge.containers() {
        for (name, field) in judge.capabilities(&container, "add") {
            if name != "NET_BIND_SERVICE" {
                judge.violation(&field, format!("{whose} adds the capability {}", shown(name)));
            }
        }
        if !judge.capabilities(&container, "drop").iter().any(|(name, _)| *name == "ALL") {
            let pointer = format!("{}/securityContext/capabilities/drop", judge.pointer(&container));
            judge.violation_at(pointer, format!("{whose} does not drop ALL capabilities"));
        }
    }
}

fn host_namespaces(judge: &mut Judge<'_>) {
    let spec = judge.spec();
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        let field = judge.get(&spec, key);
        judge.not_true(vec![(field, Whose::Pod)], key);
    }
}

fn host_path_volumes(judge: &mut Judge<'_>) {
    let spec = judge.spec();
    for volume in judge.list(&spec, "volumes") {
        let source = judge.get(&volume, "hostPath");
        if source.value.is_some() {
            let name = judge.path(&volume, &["name"]);
            let name = judge.text(&name).unwrap_or_default();
            judge.violation(&source, format!("the volume `{}` is a path of the node", shown(name)));
        }
    }
}

fn host_ports(judge: &mut Judge<'_>) {
    for (container, whose) in judge.containers() {
        for port in judge.list(&container, "ports") {
            let field = judge.get(&port, "hostPort");
            match judge.number(&field) {
                None | Some(0) => {}
                Some(number) => {
                    judge.violation(&field, format!("{whose} takes the node's port {number}"));
                }
            }
        }
    }
}

fn host_probes(judge: &mut Judge<'_>) {
    const HANDLERS: [&[&str]; 5] = [
        &["livenessProbe"],
        &["readinessProbe"],
        &["startupProbe"],
        &["lifecycle", "postStart"],
        &["lifecycle", "preStop"],
    ];
    for (container, whose) in judge.containers() {
        for handler in HANDLERS {
            let handler = judge.path(&container, handler);
            for action in ["httpGet", "tcpSocket"] {
                let field = judge.path(&handler, &[action, "host"]);
                match judge.text(&field) {
                    None | Some("") => {}
                    Some(host) => {
                        judge.violation(&field, format!("{whose} has the node ask `{}`", shown(host)));
                    }
                }
            }
        }
    }
}

fn privileged(judge: &mut Judge<'_>) {
    let fields = judge.container_contexts(&["privileged"]);
    judge.not_true(fields, "privileged");
}

fn proc_mount_baseline(judge: &mut Judge<'_>) {
    if !judge.has_own_users() {
        proc_mount(judge);
    }
}

fn proc_mount(judge: &mut Judge<'_>) {
    for (field, whose) in judge.container_contexts(&["procMount"]) {
        match judge.text(&field) {
            None | Some("Default") => {}
            Some(other) => judge.violation(&field, format!("{whose} mounts /proc {}", shown(other))),
        }
    }
}

fn restricted_volumes(judge: &mut Judge<'_>) {
    let spec = judge.spec();
    for volume in judge.list(&spec, "volumes") {
        let Some(Value::Object(sources)) = volume.value else {
            judge.unread_field(&volume, "is no object");
            continue;
        };
        let name = judge.path(&volume, &["name"]);
        let name = judge.text(&name).unwrap_or_default();
        for (kind, source) in sources.iter() {
            // A volume without a source is an emptyDir; one of a kind that is not known here is of no allowed kind.
            if kind != "name" && !source.is_null() && !RESTRICTED_VOLUMES.contains(&kind) {
                let detail = format!("the volume `{}` is of the kind {}", shown(name), shown(kind));
                judge.violation(&volume, detail);
            }
        }
    }
}

fn run_as_non_root(judge: &mut Judge<'_>) {
    if judge.has_own_users() {
        return;
    }
    let spec = judge.spec();
    let field = judge.in_context(&spec, &["runAsNonRoot"]);
    let pod = judge.flag(&field);
    if pod == Some(false) {
        judge.violation(&field, "the pod may run as root");
    }
    for (field, whose) in judge.container_contexts(&["runAsNonRoot"]) {
        match judge.flag(&field) {
            Some(true) => {}
            Some(false) => judge.violation(&field, format!("{whose} may run as root")),
            None if pod.is_some() => {}
            None => {
                judge.violation(
                    &field,
                    format!("neither {whose} nor the pod requires another user than root"),
                );
            }
        }
    }
}

fn run_as_user(judge: &mut Judge<'_>) {
    if judge.has_own_users() {
        return;
    }
    for (field, whose) in judge.contexts(&["runAsUser"]) {
        if judge.number(&field) == Some(0) {
            judge.violation(&field, format!("{whose} runs as root"));
        }
    }
}

fn se_linux(judge: &mut Judge<'_>) {
    for (options, whose) in judge.contexts(&["seLinuxOptions"]) {
        let field = judge.get(&options, "type");
        let minor = judge.minor;
        if let Some(kind) = judge.text(&field)
            && !SE_LINUX_TYPES.iter().any(|(known, since)| *known == kind && *since <= minor)
        {
            judge.violation(&field, format!("{whose} has the SELinux type `{}`", shown(kind)));
        }
        for key in ["user", "role"] {
            let field = judge.get(&options, key);
            if let Some(value) = judge.text(&field).filter(|value| !value.is_empty()) {
                judge.violation(&field, format!("{whose} has the SELinux {key} `{}`", shown(value)));
            }
        }
    }
}

fn seccomp_annotations(judge: &mut Judge<'_>) {
    let wanted = |key: &str| key == SECCOMP_POD || key.starts_with(SECCOMP_CONTAINER);
    let good = |value: &str| {
        matches!(value, "runtime/default" | "docker/default") || value.starts_with("localhost/")
    };
    judge.bad_annotations(wanted, good);
}

/// Whether a seccomp profile is set, and one that restricts; told when it is not.
fn seccomp(judge: &mut Judge<'_>, field: &Field<'_>, kind: Option<&str>, whose: Whose<'_>) -> bool {
    match kind {
        None => false,
        Some("RuntimeDefault" | "Localhost") => true,
        Some(other) => {
            judge.violation(field, format!("{whose} has the seccomp profile `{}`", shown(other)));
            // Told once, where it is set.
            true
        }
    }
}

fn seccomp_baseline(judge: &mut Judge<'_>) {
    for (field, whose) in judge.contexts(&["seccompProfile", "type"]) {
        let kind = judge.text(&field);
        seccomp(judge, &field, kind, whose);
    }
}

fn seccomp_restricted(judge: &mut Judge<'_>) {
    if judge.is_windows() {
        return;
    }
    let mut pod = None;
    for (field, whose) in judge.contexts(&["seccompProfile", "type"]) {
        let kind = judge.text(&field);
        let is_set = seccomp(judge, &field, kind, whose);
        match pod {
            None => pod = Some(is_set),
            Some(false) if !is_set => {
                judge.violation(&field, format!("neither {whose} nor the pod has a seccomp profile"));
            }
            Some(_) => {}
        }
    }
}

fn sysctls(judge: &mut Judge<'_>) {
    let spec = judge.spec();
    let context = judge.get(&spec, "securityContext");
    let minor = judge.minor;
    for one in judge.list(&context, "sysctls") {
        let field = judge.get(&one, "name");
        if let Some(name) = judge.text(&field)
            && !SAFE_SYSCTLS.iter().any(|(known, since)| *known == name && *since <= minor)
        {
            judge.violation(&field, format!("the pod sets the sysctl {}", shown(name)));
        }
    }
}

fn windows_host_process(judge: &mut Judge<'_>) {
    let fields = judge.contexts(&["windowsOptions", "hostProcess"]);
    judge.not_true(fields, "hostProcess");
}

#[cfg(test)]
mod tests;
