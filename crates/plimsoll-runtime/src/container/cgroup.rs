//! What the path of a cgroup says: the id of a container, who made it, and its pod.

use std::path::Path;

use crate::sensor::bounded;

/// What a path of a cgroup names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// The container.
    pub id: &'a str,
    /// Who made it; empty when the path does not say.
    pub runtime: &'static str,
    /// The unique id of its pod, with dashes.
    pub pod: Option<String>,
}

/// How runtimes write a container in the last part of a path: prefix, suffix, runtime. The first that fits counts.
const FORMS: &[(&str, &str, &str)] = &[
    ("docker-", ".scope", "docker"),
    ("cri-containerd-", ".scope", "containerd"),
    ("nerdctl-", ".scope", "containerd"),
    ("crio-", ".scope", "cri-o"),
    ("crio-", "", "cri-o"),
    ("libpod-", ".scope", "podman"),
    ("libpod-payload-", "", "podman"),
    ("libpod-", "", "podman"),
    ("buildkit-", ".scope", "buildkit"),
    ("", ".scope", ""),
    ("", "", ""),
];

/// The container that a path of a cgroup names, in the forms of Docker, containerd, CRI-O, Podman and Kubernetes, with
/// systemd's names or without. Groups below a container's own belong to it. Nothing for the host's own groups.
pub fn named(path: &str) -> Option<Named<'_>> {
    let mut found: Option<Named<'_>> = None;
    let mut pod = None;
    let mut before = "";
    for part in path.split('/') {
        if let Some(uid) = pod_of(part.split(':').next().unwrap_or_default()) {
            pod = Some(uid);
        }
        if found.is_none()
            && let Some((id, runtime)) = id_of(part)
        {
            let runtime = match before {
                "docker" | "moby" if runtime.is_empty() => "docker",
                "libpod_parent" if runtime.is_empty() => "podman",
                _ => runtime,
            };
            found = Some(Named { id, runtime, pod: None });
        } else if part.starts_with("crio-conmon-") || part.starts_with("libpod-conmon-") {
            // The runtime's own guard beside the container.
            return None;
        }
        before = part;
    }
    found.map(|found| Named { pod, ..found })
}

/// The id that a part of a path holds: 64 hexadecimal digits, as all runtimes make them.
fn id_of(part: &str) -> Option<(&str, &'static str)> {
    // containerd and CRI-O with cgroups of systemd through the cgroupfs driver: `SLICE:cri-containerd:ID`.
    if let Some((rest, id)) = part.rsplit_once(':') {
        let runtime = match rest.rsplit(':').next() {
            Some("cri-containerd" | "nerdctl") => "containerd",
            Some("crio") => "cri-o",
            Some("docker") => "docker",
            Some("libpod") => "podman",
            _ => "",
        };
        return is_id(id).then_some((id, runtime));
    }
    FORMS.iter().find_map(|(prefix, suffix, runtime)| {
        let id = part.strip_prefix(prefix)?.strip_suffix(suffix)?;
        is_id(id).then_some((id, *runtime))
    })
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The pod that a part of a path names: `podUID`, or `kubepods-besteffort-podUID.slice` with underscores.
fn pod_of(part: &str) -> Option<String> {
    let part = part.strip_suffix(".slice").unwrap_or(part);
    let uid = match part.strip_prefix("pod") {
        Some(uid) => uid,
        // Some distributions put a slice of their own above.
        None => part.split_once("kubepods")?.1.rsplit_once("-pod")?.1,
    };
    let uid = uid.replace('_', "-");
    // Static pods have the hash of their file: no dashes.
    let fits = (uid.len() == 36 || uid.len() == 32)
        && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    fits.then_some(uid)
}

/// The path of the cgroup of a process: the line of the second version, else of the first that has a hierarchy for
/// processes.
pub(crate) fn of_process(proc: &Path, process: u32) -> Option<String> {
    let text = bounded(&proc.join(process.to_string()).join("cgroup"), 65_536)?;
    let text = String::from_utf8_lossy(&text);
    path_of(&text).map(str::to_owned)
}

/// Lines of `/proc/PID/cgroup` of anybody.
pub(super) fn fuzz(text: &str) {
    let _ = path_of(text);
}

fn path_of(text: &str) -> Option<&str> {
    let mut first = None;
    for line in text.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(hierarchy), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        if hierarchy == "0" && path != "/" {
            return Some(path);
        }
        if controllers.split(',').any(|controller| controller == "pids" || controller == "memory")
            || first.is_none()
        {
            first = Some(path);
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::{named, path_of};

    const ID: &str = "0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e";
    const POD: &str = "6d1f7a52-9f07-4b8b-8b9b-2f9a3f1b8c77";

    fn check(path: &str, expected: Option<(&str, Option<&str>)>) {
        let path = path.replace("ID", ID).replace("POD_", &POD.replace('-', "_")).replace("POD", POD);
        let found = named(&path);
        let found = found.as_ref().map(|named| {
            assert_eq!(named.id, ID, "{path}");
            (named.runtime, named.pod.as_deref())
        });
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn forms_of_runtimes() {
        check("/docker/ID", Some(("docker", None)));
        check("/system.slice/docker-ID.scope", Some(("docker", None)));
        check("/system.slice/docker-ID.scope/init.scope", Some(("docker", None)));
        check("/kubepods/besteffort/podPOD/ID", Some(("", Some(POD))));
        check("/kubepods/burstable/podPOD/ID/nested/group", Some(("", Some(POD))));
        check(
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podPOD_.slice/cri-containerd-ID.scope",
            Some(("containerd", Some(POD))),
        );
        check("/kubepods.slice/kubepods-podPOD_.slice/crio-ID.scope", Some(("cri-o", Some(POD))));
        check("/kubepods.slice/kubepods-podPOD_.slice/crio-ID.scope/container", Some(("cri-o", Some(POD))));
        check(
            "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podPOD_.slice/cri-containerd-ID.scope",
            Some(("containerd", Some(POD))),
        );
        check(
            "/system.slice/containerd.service/kubepods-besteffort-podPOD_.slice:cri-containerd:ID",
            Some(("containerd", Some(POD))),
        );
        check("/machine.slice/libpod-ID.scope/container", Some(("podman", None)));
        check("/libpod_parent/libpod-ID", Some(("podman", None)));
        check(
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
            Some(("podman", None)),
        );
        check("/default/ID", Some(("", None)));
    }

    #[test]
    fn what_is_no_container() {
        check("/", None);
        check("/system.slice/ssh.service", None);
        check("/machine.slice/libpod-conmon-ID.scope", None);
        check("/kubepods.slice/kubepods-podPOD_.slice/crio-conmon-ID.scope", None);
        check("/kubepods/besteffort/podPOD", None);
        check("/docker/IDa", None);
        check("/user.slice/ID.service", None);
    }

    #[test]
    fn lines_of_a_process() {
        assert_eq!(path_of("12:pids:/a\n0::/b\n"), Some("/b"));
        assert_eq!(path_of("13:cpu:/x\n12:memory:/a\n0::/\n"), Some("/a"));
        assert_eq!(path_of("0::/../../b"), Some("/../../b"));
        assert_eq!(path_of("nonsense"), None);
    }
}
