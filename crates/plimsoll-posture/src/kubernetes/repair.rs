//! Which breaches a smallest change of the object mends, and which change.
//!
//! A repair is *certain* where nothing was said and the value takes nothing from a program that runs as it should. What somebody
//! wrote on purpose, or what a program may need, is repaired only where a person names the rule. Everything else - a user of the
//! image, limits, digests, names - is a decision, and stays a remedy in words.

use plimsoll_model::workload::{Container, ContainerKind, Pod};
use serde_json::json;
use serde_json_borrow::{ObjectAsVec, Value};

use super::edit::Change;
use super::objects::{Object, Run, at, list, texts};
use crate::rule::Breach;

/// Rules whose breaches can be repaired, with whether a person must name the rule each time.
pub const REPAIRED: [(&str, bool); 16] = [
    ("apparmor-unconfined", true),
    ("capabilities-kept", false),
    ("container-may-run-as-root", true),
    ("host-ipc", true),
    ("host-network", true),
    ("host-pid", true),
    ("host-port", true),
    ("image-not-pulled-anew", true),
    ("privilege-escalation-allowed", false),
    ("privileged-container", true),
    ("proc-unmasked", true),
    ("process-namespace-shared", true),
    ("root-filesystem-writable", true),
    ("seccomp-unconfined", false),
    ("service-account-by-old-name", false),
    ("service-account-token-mounted", true),
];

/// What is done about a breach.
#[derive(Clone, Debug, PartialEq)]
pub enum Repair {
    /// These changes mend it.
    Changes(Vec<Change>),
    /// They would, but it is not certain that they are meant: a person names the rule.
    Asked,
    /// There is no change that is right whatever is behind it, with the reason.
    ByHand(&'static str),
    /// No repair is known for the rule.
    Unknown,
}

/// Kinds of Kubernetes itself that hold pods, by group. Fields of others are not known.
const GROUPS: [&str; 3] = ["", "apps", "batch"];
/// Why fields of Windows pods stay.
const WINDOWS: &str = "pods for Windows cannot have the field";

/// What is done about each of these breaches of an object, which are to be mended together. `asked` says whether a person named
/// the rule.
pub fn repairs(object: &Object<'_>, breaches: &[&Breach], asked: &dyn Fn(&str) -> bool) -> Vec<Repair> {
    breaches.iter().map(|breach| one(object, breaches, breach, asked)).collect()
}

fn one(object: &Object<'_>, all: &[&Breach], breach: &Breach, asked: &dyn Fn(&str) -> bool) -> Repair {
    let known = REPAIRED.iter().find(|(rule, _)| *rule == breach.rule);
    let (Some((rule, only_asked)), Some(pointer)) = (known, breach.pointer.as_deref()) else {
        return Repair::Unknown;
    };
    if !GROUPS.contains(&object.name.group) {
        return Repair::ByHand(
            "it is of a kind that is not Kubernetes' own: which fields it has is not known",
        );
    }
    let scene = Scene { all, asked, asked_here: asked(rule) };
    if *only_asked && !scene.asked_here {
        return Repair::Asked;
    }
    for pod in &object.pods {
        if let Some(run) = container_at(pod, pointer) {
            return scene.of_container(rule, pod, run, pointer);
        }
        if pointer.strip_prefix(pod.pointer.as_str()).is_some_and(|rest| rest.starts_with('/')) {
            return Scene::of_pod(rule, pod, pointer);
        }
    }
    Repair::Unknown
}

/// The container of a pod that a pointer leads into.
fn container_at<'a, 'v>(pod: &'a Pod<'v>, pointer: &str) -> Option<Run<'a, 'v>> {
    pod.containers.iter().filter(|one| one.kind != ContainerKind::ImageVolume).find_map(|container| {
        let run = Run { pod, container, definition: container.definition? };
        pointer.strip_prefix(own(container)).is_some_and(|rest| rest.starts_with('/')).then_some(run)
    })
}

/// Where a container stands.
fn own<'c>(container: &'c Container<'_>) -> &'c str {
    container.pointer.rsplit_once('/').map_or("", |(own, _)| own)
}

struct Scene<'s> {
    all: &'s [&'s Breach],
    asked: &'s dyn Fn(&str) -> bool,
    /// A person named the rule.
    asked_here: bool,
}

fn set(pointer: String, value: serde_json::Value) -> Repair {
    Repair::Changes(vec![Change::Set(pointer, value)])
}

impl Scene<'_> {
    fn of_pod(rule: &str, pod: &Pod<'_>, pointer: &str) -> Repair {
        let Some(spec) = pod.spec else { return Repair::Unknown };
        match rule {
            "host-ipc" | "host-pid" | "process-namespace-shared" | "service-account-token-mounted" => {
                set(pointer.to_owned(), json!(false))
            }
            "host-network" => {
                let host = |value: &Value<'_>| {
                    at(value, &["securityContext", "windowsOptions", "hostProcess"]).and_then(Value::as_bool)
                        == Some(true)
                };
                let containers = pod.containers.iter().filter_map(|container| container.definition);
                if host(spec) || containers.into_iter().any(host) {
                    return Repair::ByHand("processes of a Windows node need its network");
                }
                set(pointer.to_owned(), json!(false))
            }
            "service-account-by-old-name" if at(spec, &["serviceAccountName"]).is_some() => {
                Repair::ByHand("serviceAccountName names another account")
            }
            "service-account-by-old-name" => {
                Repair::Changes(vec![Change::Rename(pointer.to_owned(), "serviceAccountName".to_owned())])
            }
            _ => Repair::Unknown,
        }
    }

    fn of_container(&self, rule: &str, pod: &Pod<'_>, run: Run<'_, '_>, pointer: &str) -> Repair {
        let context = |key: &str| run.pointer(&["securityContext", key]);
        let says = |key: &str| run.at(&["securityContext", key]);
        let on_windows = pod.spec.and_then(|spec| at(spec, &["os", "name"])).and_then(|name| name.as_str())
            == Some("windows");
        if on_windows && !matches!(rule, "container-may-run-as-root" | "host-port" | "image-not-pulled-anew")
        {
            return Repair::ByHand(WINDOWS);
        }
        match rule {
            "apparmor-unconfined" => self.profile(pod, run, "appArmorProfile"),
            "capabilities-kept" => {
                let non_root = run.security("runAsNonRoot").and_then(Value::as_bool) == Some(true)
                    || run.security("runAsUser").and_then(Value::as_i64).is_some_and(|user| user > 0);
                // A process of another user than root has none of them anyway.
                if !self.asked_here && (!non_root || run.is_true("privileged")) {
                    return Repair::Asked;
                }
                let drop = run.pointer(&["securityContext", "capabilities", "drop"]);
                Repair::Changes(vec![Change::Append(drop, json!("ALL"))])
            }
            "container-may-run-as-root" => set(context("runAsNonRoot"), json!(true)),
            "host-port" => {
                let on_node = pod.spec.and_then(|spec| at(spec, &["hostNetwork"])).and_then(Value::as_bool);
                if on_node == Some(true) {
                    return Repair::ByHand("on the network of the node every port is one of the node");
                }
                // 0 is what it is when it is not said (core/v1, ContainerPort).
                set(pointer.to_owned(), json!(0))
            }
            "image-not-pulled-anew" => set(run.pointer(&["imagePullPolicy"]), json!("Always")),
            "privilege-escalation-allowed" => {
                if says("allowPrivilegeEscalation").is_some() && !self.asked_here {
                    return Repair::Asked;
                }
                let mended = self.asked_rule("privileged-container")
                    && self.all.iter().any(|other| {
                        other.rule == "privileged-container"
                            && other.pointer.as_deref() == Some(context("privileged").as_str())
                    });
                if run.is_true("privileged") && !mended {
                    return Repair::ByHand("the API server refuses it beside privileged: true");
                }
                let mut added = texts(run.at(&["securityContext", "capabilities", "add"]));
                if added.any(|name| matches!(name, "CAP_SYS_ADMIN" | "SYS_ADMIN")) {
                    return Repair::ByHand("the API server refuses it beside the capability CAP_SYS_ADMIN");
                }
                set(context("allowPrivilegeEscalation"), json!(false))
            }
            "privileged-container" => set(context("privileged"), json!(false)),
            "proc-unmasked" => set(context("procMount"), json!("Default")),
            "root-filesystem-writable" => set(context("readOnlyRootFilesystem"), json!(true)),
            "seccomp-unconfined" => self.profile(pod, run, "seccompProfile"),
            _ => Repair::Unknown,
        }
    }

    fn asked_rule(&self, rule: &str) -> bool {
        (self.asked)(rule)
    }

    /// The profile of the runtime: where `Unconfined` is written, else for the pod when no container of it is to be left out.
    fn profile(&self, pod: &Pod<'_>, run: Run<'_, '_>, field: &str) -> Repair {
        const ANNOTATIONS: [&str; 3] = [
            "container.seccomp.security.alpha.kubernetes.io/",
            "seccomp.security.alpha.kubernetes.io/pod",
            "container.apparmor.security.beta.kubernetes.io/",
        ];
        let mut annotations = pod.annotations.into_iter().flat_map(ObjectAsVec::iter);
        if annotations.any(|(key, _)| ANNOTATIONS.iter().any(|known| key.starts_with(known))) {
            return Repair::ByHand("annotations of the pod name a profile too, and the two have to agree");
        }
        let of_pod = |key: &str| pod.spec.and_then(|spec| at(spec, &["securityContext", field, key]));
        let own = run.at(&["securityContext", field, "type"]);
        let default = || json!("RuntimeDefault");
        let here = run.pointer(&["securityContext", field, "type"]);
        let for_pod = format!("{}/securityContext/{field}/type", pod.pointer);
        if own.is_some() || of_pod("type").is_some() {
            // Written on purpose.
            return match (self.asked_here, own) {
                (false, _) => Repair::Asked,
                (true, Some(_)) => set(here, default()),
                (true, None) => set(for_pod, default()),
            };
        }
        let to_be_mended = |container: &Container<'_>| {
            let at = format!("{}/securityContext/{field}/type", self::own(container));
            let own = container
                .definition
                .and_then(|own| super::objects::at(own, &["securityContext", field, "type"]));
            let meant = |breach: &&Breach| breach.pointer.as_deref() == Some(at.as_str());
            own.is_some() || container.kind == ContainerKind::ImageVolume || self.all.iter().any(meant)
        };
        let containers = |key: &str| pod.spec.map_or(0, |spec| list(at(spec, &[key])).len());
        let whole =
            ["containers", "initContainers", "ephemeralContainers"].map(containers).iter().sum::<usize>();
        let known = pod.containers.iter().filter(|one| one.kind != ContainerKind::ImageVolume).count();
        if pod.spec.is_some() && whole == known && pod.containers.iter().all(to_be_mended) {
            return set(for_pod, default());
        }
        set(here, default())
    }
}
