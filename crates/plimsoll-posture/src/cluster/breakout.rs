//! Ways from a container to root on its node, by what its pod asks for.
//!
//! What the kernel, or a runtime with known flaws, would allow beyond that is not looked at. A way of which the specification
//! does not say whether it is open - a program that is not root, a user namespace, files that may not matter - is not known,
//! never closed.

use std::collections::HashMap;

use serde_json_borrow::Value;

use crate::kubernetes::{at, get, list};

/// One way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// Which kind: `privileged`, `capability`, `host-processes`, `host-socket`, `host-files`, `host-keys`, `host-logs`,
    /// `host-process`, `unseen`.
    pub id: &'static str,
    /// What makes it: ``container `web` adds SYS_ADMIN``.
    pub detail: String,
    /// Why it is not known whether it is open; `None` where it is.
    pub unknown: Option<&'static str>,
}

/// Capabilities each of which is enough (capabilities(7)).
const ENOUGH: &[&str] = &["ALL", "SYS_ADMIN", "SYS_MODULE", "DAC_READ_SEARCH", "SYS_RAWIO"];
/// With the processes of the node in sight.
const WITH_PROCESSES: &[&str] = &["SYS_PTRACE"];

/// Folders of a node in which a file that is written runs as root, or is read by what does.
const WRITTEN: &[&str] = &[
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/etc/cron.d",
    "/etc/kubernetes",
    "/etc/kubernetes/manifests",
    "/etc/systemd",
    "/etc/systemd/system",
    "/home",
    "/lib",
    "/lib64",
    "/opt",
    "/opt/cni",
    "/opt/cni/bin",
    "/proc",
    "/proc/sys",
    "/proc/sys/kernel",
    "/root",
    "/root/.ssh",
    "/run",
    "/sbin",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/usr/local/bin",
    "/usr/sbin",
    "/var",
    "/var/lib",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/lib/etcd",
    "/var/lib/kubelet",
    "/var/run",
    "/var/spool/cron",
];
/// Those in which keys lie that are as good.
const READ: &[&str] = &[
    "/",
    "/dev",
    "/etc",
    "/etc/kubernetes",
    "/etc/kubernetes/pki",
    "/root",
    "/root/.ssh",
    "/var",
    "/var/lib",
    "/var/lib/etcd",
    "/var/lib/kubelet",
    "/var/lib/kubelet/pki",
    "/var/lib/kubelet/pods",
];
/// Files and folders below those of [`READ`] that hold such keys wherever they lie.
const KEYS: &[&str] = &[
    "/etc/kubernetes/admin.conf",
    "/etc/kubernetes/controller-manager.conf",
    "/etc/kubernetes/kubelet.conf",
    "/etc/kubernetes/pki/ca.key",
    "/etc/kubernetes/pki/etcd",
    "/etc/kubernetes/pki/etcd/ca.key",
    "/etc/kubernetes/pki/sa.key",
    "/etc/kubernetes/super-admin.conf",
    "/etc/rancher/k3s/k3s.yaml",
    "/root/.kube",
    "/root/.kube/config",
    "/var/lib/etcd/member",
    "/var/lib/kubelet/pki/kubelet-client-current.pem",
    "/var/lib/rancher/k3s/server/token",
];
/// Places below which keys may lie: of the cluster, of people, of other containers. Disks hold all of them.
const PERHAPS_KEYS: &[&str] = &[
    "/dev/disk",
    "/dev/mapper",
    "/etc/kubernetes",
    "/etc/rancher",
    "/etc/shadow",
    "/etc/ssh",
    "/home",
    "/root",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    "/var/lib/etcd",
    "/var/lib/kubelet",
    "/var/lib/rancher",
];
/// Names of disks begin so.
const DISKS: &[&str] = &["/dev/sd", "/dev/vd", "/dev/xvd", "/dev/nvme", "/dev/dm-", "/dev/md", "/dev/mem"];
/// Below those places, what holds sockets of plugins, no keys.
const NO_KEYS: &[&str] = &[
    "/var/lib/kubelet/device-plugins",
    "/var/lib/kubelet/plugins",
    "/var/lib/kubelet/plugins_registry",
    "/var/lib/kubelet/pod-resources",
];
/// Folders in which sockets of container runtimes lie, and their names.
const SOCKET_FOLDERS: &[&str] = &[
    "/run",
    "/run/containerd",
    "/run/crio",
    "/run/podman",
    "/var/run",
    "/var/run/containerd",
    "/var/run/crio",
];
const SOCKETS: &[&str] = &["docker.sock", "containerd.sock", "crio.sock", "cri-dockerd.sock", "podman.sock"];

const NO_ROOT: &str = "it does not run as root there";
const USER_NAMESPACE: &str = "root there is another user on the node (hostUsers: false)";
const OTHER_FILES: &str = "whether what is written there runs on the node is not known";
const OTHER_KEYS: &str = "whether keys that are good for the node lie there is not known";
const LOGS: &str = "it takes the right to read logs of the node through the kubelet too";
const PROCESSES: &str = "it takes the same user as a program of the node, and no profile that forbids it";
/// Of what only images are known.
pub(crate) const UNSEEN: &str = "only its images are known";

fn flag(value: Option<&Value<'_>>, key: &str) -> Option<bool> {
    get(value?, key)?.as_bool()
}

fn text<'v>(value: &'v Value<'v>, key: &str) -> &'v str {
    get(value, key).and_then(|value| value.as_str()).unwrap_or_default()
}

/// Without what does not change where it leads.
fn plain(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    format!("/{}", parts.join("/"))
}

/// Whether a path is one of these places, or below one.
fn within(path: &str, places: &[&str]) -> bool {
    places
        .iter()
        .any(|place| path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Whether keys may lie at a path that is none of those of which it is known. Certificates and public keys are none.
fn perhaps_keys(path: &str) -> bool {
    let public = [".crt", ".pub"].iter().any(|end| path.ends_with(end));
    !public
        && !within(path, NO_KEYS)
        && (within(path, PERHAPS_KEYS) || DISKS.iter().any(|start| path.starts_with(start)))
}

/// Every way of a pod, by its specification; each once.
pub(crate) fn ways(spec: &Value<'_>) -> Vec<Way> {
    let mut all = Vec::new();
    let pod = get(spec, "securityContext");
    let processes = flag(Some(spec), "hostPID") == Some(true);
    let mut volumes: HashMap<&str, &str> = HashMap::new();
    for volume in list(get(spec, "volumes")) {
        if let Some(path) = at(volume, &["hostPath", "path"]).and_then(|path| path.as_str()) {
            // Of two of one name, which the API server does not take, the first.
            volumes.entry(text(volume, "name")).or_insert(path);
        }
    }
    let mapped = (flag(Some(spec), "hostUsers") == Some(false)).then_some(USER_NAMESPACE);
    if processes {
        let detail = "the pod sees the processes of its node (hostPID)".to_owned();
        all.push(Way { id: "host-processes", detail, unknown: Some(PROCESSES) });
    }
    for (key, stays) in [("containers", true), ("ephemeralContainers", true), ("initContainers", false)] {
        for container in list(get(spec, key)) {
            // What ends before anybody comes in is no way.
            if stays || text(container, "restartPolicy") == "Always" {
                of_container(&volumes, pod, container, processes, mapped, &mut all);
            }
        }
    }
    all.sort();
    all.dedup();
    all
}

fn of_container(
    volumes: &HashMap<&str, &str>,
    pod: Option<&Value<'_>>,
    container: &Value<'_>,
    processes: bool,
    mapped: Option<&'static str>,
    all: &mut Vec<Way>,
) {
    let own = get(container, "securityContext");
    let name = plimsoll_model::shortened(text(container, "name"));
    let user = [own, pod].into_iter().find_map(|context| get(context?, "runAsUser")?.as_u64());
    let forbidden = flag(own, "runAsNonRoot").or(flag(pod, "runAsNonRoot"));
    let is_root = user.map_or(forbidden != Some(true), |user| user == 0);
    let unknown = mapped.or((!is_root).then_some(NO_ROOT));
    let mut add = |id, detail: String, unknown| all.push(Way { id, detail, unknown });
    if flag(own, "privileged") == Some(true) {
        add("privileged", format!("container `{name}` is privileged"), unknown);
    }
    let windows =
        [own, pod].into_iter().find_map(|context| flag(get(context?, "windowsOptions"), "hostProcess"));
    if windows == Some(true) {
        add("host-process", format!("container `{name}` is a process of its Windows node"), None);
    }
    for added in list(own.and_then(|own| at(own, &["capabilities", "add"]))) {
        let Some(word) = added.as_str() else { continue };
        let upper = word.to_ascii_uppercase();
        let capability = upper.strip_prefix("CAP_").unwrap_or(&upper);
        if ENOUGH.contains(&capability) {
            add("capability", format!("container `{name}` adds {capability}"), unknown);
        } else if processes && WITH_PROCESSES.contains(&capability) {
            let detail = format!("container `{name}` adds {capability} and sees the processes of its node");
            add("capability", detail, unknown);
        }
    }
    for mount in list(get(container, "volumeMounts")) {
        let Some(path) = volumes.get(text(mount, "name")) else { continue };
        let path = plain(&format!("{path}/{}", text(mount, "subPath")));
        let shown = plimsoll_model::shortened(&path);
        let writes = flag(Some(mount), "readOnly") != Some(true);
        let last = path.rsplit('/').next().unwrap_or_default();
        if SOCKETS.contains(&last) || SOCKET_FOLDERS.contains(&path.as_str()) {
            // A socket that is mounted read-only takes what is written to it all the same.
            add(
                "host-socket",
                format!("container `{name}` has the runtime's socket in `{shown}` of its node"),
                unknown,
            );
        } else if writes && WRITTEN.contains(&path.as_str()) {
            add("host-files", format!("container `{name}` writes `{shown}` of its node"), unknown);
        } else if READ.contains(&path.as_str()) || KEYS.contains(&path.as_str()) {
            add("host-keys", format!("container `{name}` reads the keys in `{shown}` of its node"), unknown);
        } else if writes && (path == "/var/log" || path == "/var/log/pods") {
            add(
                "host-logs",
                format!("container `{name}` writes `{shown}` of its node"),
                unknown.or(Some(LOGS)),
            );
        } else if writes {
            add("host-files", format!("container `{name}` writes `{shown}` of its node"), Some(OTHER_FILES));
        } else if perhaps_keys(&path) {
            let detail = format!("container `{name}` reads `{shown}` of its node");
            add("host-keys", detail, unknown.or(Some(OTHER_KEYS)));
        }
    }
}

/// Whether a pod mounts a token for the API server by itself, whatever is said about doing so for it.
pub(crate) fn projects_token(spec: &Value<'_>) -> bool {
    list(get(spec, "volumes")).iter().any(|volume| {
        // What the API server adds is said by `automountServiceAccountToken`.
        !text(volume, "name").starts_with("kube-api-access-")
            && list(at(volume, &["projected", "sources"])).iter().any(|source| {
                get(source, "serviceAccountToken").is_some_and(|token| text(token, "audience").is_empty())
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(spec: &str) -> Vec<(&'static str, bool)> {
        let spec: Value<'_> = serde_json::from_str(spec).expect("JSON");
        ways(&spec).iter().map(|way| (way.id, way.unknown.is_none())).collect()
    }

    #[test]
    fn what_leads_to_the_node_is_told_from_what_may() {
        let mounted = |path: &str, more: &str| {
            format!(
                r#"{{"volumes":[{{"name":"v","hostPath":{{"path":"{path}"}}}}],
                "containers":[{{"name":"a","volumeMounts":[{{"name":"v","mountPath":"/x"{more}}}]}}]}}"#
            )
        };
        let cases = [
            (r#"{"containers":[{"name":"a"}]}"#.to_owned(), vec![]),
            (r#"{"containers":[{"name":"a","securityContext":{"privileged":true}}]}"#.into(), vec![("privileged", true)]),
            (
                r#"{"containers":[{"name":"a","securityContext":{"privileged":true,"runAsUser":7}}]}"#.into(),
                vec![("privileged", false)],
            ),
            (
                r#"{"hostUsers":false,"containers":[{"name":"a","securityContext":{"privileged":true}}]}"#.into(),
                vec![("privileged", false)],
            ),
            // A container's own word goes before its pod's.
            (
                r#"{"securityContext":{"runAsUser":7},"containers":[{"name":"a","securityContext":{"runAsUser":0,"capabilities":{"add":["CAP_SYS_ADMIN","NET_RAW"]}}}]}"#.into(),
                vec![("capability", true)],
            ),
            (r#"{"hostPID":true,"containers":[{"name":"a"}]}"#.into(), vec![("host-processes", false)]),
            (
                r#"{"hostPID":true,"containers":[{"name":"a","securityContext":{"capabilities":{"add":["SYS_PTRACE"]}}}]}"#.into(),
                vec![("capability", true), ("host-processes", false)],
            ),
            (
                r#"{"containers":[{"name":"a","securityContext":{"capabilities":{"add":["SYS_PTRACE"]}}}]}"#.into(),
                vec![],
            ),
            (
                r#"{"initContainers":[{"name":"a","securityContext":{"privileged":true}}],"containers":[{"name":"b"}]}"#.into(),
                vec![],
            ),
            (
                r#"{"initContainers":[{"name":"a","restartPolicy":"Always","securityContext":{"privileged":true}}]}"#.into(),
                vec![("privileged", true)],
            ),
            (mounted("/", ""), vec![("host-files", true)]),
            (mounted("//etc/./", ""), vec![("host-files", true)]),
            (mounted("/", r#","subPath":"srv/data""#), vec![("host-files", false)]),
            (mounted("/srv/data", ""), vec![("host-files", false)]),
            (mounted("/srv/data", r#","readOnly":true"#), vec![]),
            (mounted("/var/lib/kubelet", r#","readOnly":true"#), vec![("host-keys", true)]),
            (mounted("/etc/kubernetes/pki/ca.key", r#","readOnly":true"#), vec![("host-keys", true)]),
            (mounted("/etc/kubernetes/pki", r#","readOnly":true,"subPath":"sa.key""#), vec![("host-keys", true)]),
            (mounted("/etc/kubernetes/admin.conf", ""), vec![("host-keys", true)]),
            (mounted("/etc/kubernetes/pki/ca.crt", r#","readOnly":true"#), vec![]),
            (mounted("/etc/kubernetes/pki/front-proxy-client.key", r#","readOnly":true"#), vec![("host-keys", false)]),
            (mounted("/var/lib/kubelet/pods/1/volumes", r#","readOnly":true"#), vec![("host-keys", false)]),
            (mounted("/var/lib/kubelet/device-plugins", r#","readOnly":true"#), vec![]),
            (mounted("/var/lib/kubelets", r#","readOnly":true"#), vec![]),
            (mounted("/dev/sda1", r#","readOnly":true"#), vec![("host-keys", false)]),
            (mounted("/dev/fuse", r#","readOnly":true"#), vec![]),
            (mounted("/var/run/docker.sock", r#","readOnly":true"#), vec![("host-socket", true)]),
            (mounted("/var/log", ""), vec![("host-logs", false)]),
            (mounted("/var/log", r#","readOnly":true"#), vec![]),
            // A volume that nothing mounts is no way.
            (r#"{"volumes":[{"name":"v","hostPath":{"path":"/"}}],"containers":[{"name":"a"}]}"#.into(), vec![]),
        ];
        for (spec, expected) in cases {
            assert_eq!(found(&spec), expected, "{spec}");
        }
    }

    #[test]
    fn a_token_that_is_projected_by_hand_is_seen() {
        let spec = |name: &str, token: &str| {
            let text = format!(
                r#"{{"volumes":[{{"name":"{name}","projected":{{"sources":[{{"serviceAccountToken":{token}}}]}}}}]}}"#
            );
            projects_token(&serde_json::from_str(&text).expect("JSON"))
        };
        assert!(spec("t", r#"{"path":"t"}"#));
        assert!(!spec("t", r#"{"path":"t","audience":"vault"}"#));
        assert!(!spec("kube-api-access-x", r#"{"path":"t"}"#));
    }
}
