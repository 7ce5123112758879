//! What runtimes keep on disk of a container: the runtime specification's `config.json`, the state of runc, and the
//! stores of Docker and of Podman for the image. Read-only, without asking a daemon.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Places;
use crate::event::{Container, Mount, State};
use crate::sensor::bounded;

/// Bytes of a file of a runtime that are read at most.
const LIMIT: u64 = 4 << 20;
/// Mounts of a container that are kept at most.
const MAX_MOUNTS: usize = 128;
/// Namespaces of containerd that are looked into without listing.
const NAMESPACES: &[&str] = &["k8s.io", "moby", "default"];

/// `config.json` of the OCI runtime specification, 1.2, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    annotations: BTreeMap<String, String>,
    mounts: Vec<ConfigMount>,
    process: ConfigProcess,
    root: ConfigRoot,
    linux: ConfigLinux,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConfigMount {
    destination: String,
    source: String,
    r#type: String,
    options: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConfigProcess {
    capabilities: ConfigCapabilities,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConfigCapabilities {
    bounding: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConfigRoot {
    path: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ConfigLinux {
    cgroups_path: String,
    masked_paths: Option<Vec<String>>,
}

/// runc's `state.json`, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RuncState {
    config: RuncConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RuncConfig {
    labels: Vec<String>,
}

/// Docker's `config.v2.json`, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct DockerConfig {
    name: String,
    image: String,
    config: DockerInner,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct DockerInner {
    image: String,
}

/// An entry of `containers.json` of containers/storage.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StoredContainer {
    id: String,
    names: Vec<String>,
    image: String,
    metadata: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct StoredMetadata {
    image_name: String,
}

/// Annotations that name something, by runtime; the first that is there counts.
const IMAGE: &[&str] = &[
    "io.kubernetes.cri.image-name",
    "io.kubernetes.cri-o.ImageName",
    "io.kubernetes.cri-o.Image",
    "nerdctl/image-name",
    "org.opencontainers.image.ref.name",
];
const DIGEST: &[&str] = &["io.kubernetes.cri-o.ImageRef", "org.opencontainers.image.digest"];
const NAME: &[&str] = &[
    "io.kubernetes.cri.container-name",
    "io.kubernetes.container.name",
    "io.kubernetes.cri-o.ContainerName",
    "nerdctl/name",
];
const POD: &[&str] = &["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"];
const POD_NAMESPACE: &[&str] = &["io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"];
const POD_UID: &[&str] = &["io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"];

/// All that can be found out about a pending container; nothing while its runtime has written nothing.
pub(super) fn read(places: &Places, bundle: Option<&Path>, container: &Container) -> Option<Container> {
    // The id is hexadecimal digits, or the name of a folder: never a path of its own.
    if container.id.is_empty() || container.id.contains('/') || container.id.starts_with('.') {
        return None;
    }
    let mut known = bundle.and_then(|bundle| with(bundle, "", container)).or_else(|| {
        bundles(places, &container.id).find_map(|(bundle, runtime)| with(&bundle, runtime, container))
    })?;
    if known.image.is_empty() {
        docker(places, &mut known);
    }
    if known.image.is_empty() {
        storage(places, &mut known);
    }
    Some(known)
}

/// The container of a bundle, if the cgroup is the one that its configuration asks for.
pub(super) fn read_bundle_of(bundle: &Path, container: &Container) -> Option<Container> {
    let config: Config = serde_json::from_slice(&bounded(&bundle.join("config.json"), LIMIT)?).ok()?;
    let asked = config.linux.cgroups_path.as_str();
    let fits = if let Some((rest, name)) = asked.rsplit_once(':') {
        // systemd: `SLICE:PREFIX:NAME`.
        let prefix = rest.rsplit(':').next().unwrap_or_default();
        container.cgroup.ends_with(&format!("/{prefix}-{name}.scope"))
    } else if asked.is_empty() {
        container.cgroup.rsplit('/').next() == Some(container.id.as_str())
    } else {
        container.cgroup.trim_start_matches('/') == asked.trim_matches('/')
    };
    fits.then(|| with(bundle, "", container)).flatten()
}

/// A container whose cgroup has the name that runc was given for it.
pub(super) fn by_name(places: &Places, cgroup: &str) -> Option<Container> {
    let id = cgroup.rsplit('/').find(|part| !part.is_empty())?;
    let pending = Container {
        state: State::Pending,
        id: id.to_owned(),
        cgroup: cgroup.to_owned(),
        ..Container::default()
    };
    read(places, None, &pending)
}

/// Folders that may hold the `config.json` of a container, and whose they are.
fn bundles<'a>(places: &'a Places, id: &'a str) -> impl Iterator<Item = (PathBuf, &'static str)> + 'a {
    let run = places.root.join("run");
    let tasks = run.join("containerd/io.containerd.runtime.v2.task");
    let mut namespaces: Vec<String> = NAMESPACES.iter().map(|name| (*name).to_owned()).collect();
    if let Ok(entries) = std::fs::read_dir(&tasks) {
        let more = entries.flatten().take(64).filter_map(|entry| entry.file_name().into_string().ok());
        namespaces.extend(more.filter(|name| !NAMESPACES.contains(&name.as_str())));
    }
    let of_containerd: Vec<(PathBuf, &'static str)> = namespaces
        .into_iter()
        .map(|name| {
            let runtime = if name == "moby" { "docker" } else { "containerd" };
            (tasks.join(name).join(id), runtime)
        })
        .collect();
    let storage = ["run/containers/storage", "var/lib/containers/storage"]
        .map(|folder| (places.root.join(folder).join("overlay-containers").join(id).join("userdata"), ""));
    // runc's state names the bundle; crun keeps the configuration itself.
    let states = ["runc", "docker/runtime-runc/moby", "containerd/runc/k8s.io", "containerd/runc/default"]
        .map(|folder| run.join(folder).join(id).join("state.json"))
        .into_iter()
        .filter_map(|state| bundle_of_state(&state).map(|bundle| (bundle, "")));
    let crun = std::iter::once((run.join("crun").join(id), "crun"));
    of_containerd.into_iter().chain(storage).chain(states).chain(crun)
}

fn bundle_of_state(state: &Path) -> Option<PathBuf> {
    let state: RuncState = serde_json::from_slice(&bounded(state, LIMIT)?).ok()?;
    let bundle = state.config.labels.iter().find_map(|label| label.strip_prefix("bundle="))?;
    Some(PathBuf::from(bundle)).filter(|bundle| bundle.is_absolute())
}

/// The container with what its bundle says; nothing if there is none.
fn with(bundle: &Path, runtime: &str, container: &Container) -> Option<Container> {
    let config = bounded(&bundle.join("config.json"), LIMIT)?;
    let mut known = parse(&config, bundle, container)?;
    if known.runtime.is_empty() {
        runtime.clone_into(&mut known.runtime);
    }
    Some(known)
}

/// Reads `config.json` of the OCI runtime specification; nothing if it is none.
pub(crate) fn parse(config: &[u8], bundle: &Path, container: &Container) -> Option<Container> {
    let config: Config = serde_json::from_slice(config).ok()?;
    let annotation = |names: &[&str]| {
        names.iter().find_map(|name| config.annotations.get(*name)).cloned().unwrap_or_default()
    };
    let or = |first: &str, second: String| if first.is_empty() { second } else { first.to_owned() };
    let mut known = container.clone();
    known.state = State::Known;
    known.image = annotation(IMAGE);
    known.digest = annotation(DIGEST);
    if let Some((_, digest)) = known.image.split_once('@')
        && known.digest.is_empty()
    {
        known.digest = digest.to_owned();
    }
    known.name = or(&known.name, annotation(NAME));
    known.pod.name = or(&known.pod.name, annotation(POD));
    known.pod.namespace = or(&known.pod.namespace, annotation(POD_NAMESPACE));
    known.pod.uid = or(&known.pod.uid, annotation(POD_UID));
    if known.runtime.is_empty() {
        let of = |prefix: &str| config.annotations.keys().any(|key| key.starts_with(prefix));
        known.runtime = if of("io.kubernetes.cri-o.") {
            "cri-o".to_owned()
        } else if of("io.kubernetes.cri.") || of("nerdctl/") {
            "containerd".to_owned()
        } else if of("io.podman.") || of("io.container.manager") {
            "podman".to_owned()
        } else {
            String::new()
        };
    }
    known.root = if config.root.path.is_empty() {
        String::new()
    } else {
        bundle.join(&config.root.path).to_string_lossy().into_owned()
    };
    known.privileged = Some(is_privileged(&config));
    known.mounts = config
        .mounts
        .into_iter()
        .take(MAX_MOUNTS)
        .map(|mount| Mount {
            read_only: mount.options.iter().any(|option| option == "ro"),
            source: mount.source,
            destination: mount.destination,
            kind: if mount.r#type.is_empty()
                && mount.options.iter().any(|option| option == "bind" || option == "rbind")
            {
                "bind".to_owned()
            } else {
                mount.r#type
            },
        })
        .collect();
    Some(known)
}

/// What `--privileged` of every runtime comes to: the capabilities that open the machine, and nothing of `/proc` hidden.
fn is_privileged(config: &Config) -> bool {
    const OPEN: &[&str] =
        &["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_PTRACE", "CAP_MKNOD"];
    let bounding = &config.process.capabilities.bounding;
    OPEN.iter().all(|name| bounding.iter().any(|held| held == name))
        && config.linux.masked_paths.as_ref().is_none_or(Vec::is_empty)
}

/// Docker's own record of the container.
fn docker(places: &Places, known: &mut Container) {
    let path = places.root.join("var/lib/docker/containers").join(&known.id).join("config.v2.json");
    let Some(config) =
        bounded(&path, LIMIT).and_then(|bytes| serde_json::from_slice::<DockerConfig>(&bytes).ok())
    else {
        return;
    };
    known.image = config.config.image;
    known.digest = config.image;
    known.name = config.name.trim_start_matches('/').to_owned();
    "docker".clone_into(&mut known.runtime);
}

/// The store that Podman and CRI-O share.
fn storage(places: &Places, known: &mut Container) {
    for folder in ["var/lib/containers/storage", "run/containers/storage"] {
        let path = places.root.join(folder).join("overlay-containers/containers.json");
        let entries = bounded(&path, LIMIT)
            .and_then(|bytes| serde_json::from_slice::<Vec<StoredContainer>>(&bytes).ok());
        let Some(entry) = entries.into_iter().flatten().find(|entry| entry.id == known.id) else { continue };
        let metadata: StoredMetadata = serde_json::from_str(&entry.metadata).unwrap_or_default();
        known.image = metadata.image_name;
        if !entry.image.is_empty() {
            known.digest = format!("sha256:{}", entry.image);
        }
        if known.name.is_empty() {
            known.name = entry.names.into_iter().next().unwrap_or_default();
        }
        return;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{parse, read};
    use crate::container::Places;
    use crate::event::{Container, State};

    const ID: &str = "0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e0f3e";

    fn pending() -> Container {
        Container { state: State::Pending, id: ID.to_owned(), ..Container::default() }
    }

    fn write(root: &Path, path: &str, content: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// What is known of the container when a runtime has written these files.
    fn check(files: &[(&str, &str)]) -> Option<Container> {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            write(root.path(), &path.replace("ID", ID), &content.replace("ID", ID));
        }
        let places = Places { root: root.path().to_path_buf(), proc: root.path().join("proc") };
        read(&places, None, &pending())
    }

    #[test]
    fn containerd_of_kubernetes() {
        let known = check(&[(
            "run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json",
            r#"{"annotations":{"io.kubernetes.cri.image-name":"docker.io/library/nginx:1.27","io.kubernetes.cri.container-name":"web",
               "io.kubernetes.cri.sandbox-name":"web-1","io.kubernetes.cri.sandbox-namespace":"shop"},
               "root":{"path":"rootfs"},"process":{"capabilities":{"bounding":["CAP_CHOWN"]}},"linux":{"maskedPaths":["/proc/kcore"]},
               "mounts":[{"destination":"/data","source":"/var/run","options":["rbind","ro"]}]}"#,
        )])
        .unwrap();
        assert_eq!(
            (known.state, known.runtime.as_str(), known.image.as_str()),
            (State::Known, "containerd", "docker.io/library/nginx:1.27")
        );
        assert_eq!(
            (known.name.as_str(), known.pod.name.as_str(), known.pod.namespace.as_str()),
            ("web", "web-1", "shop")
        );
        assert_eq!(known.privileged, Some(false));
        assert_eq!((known.mounts[0].kind.as_str(), known.mounts[0].read_only), ("bind", true));
        assert!(known.root.ends_with("/rootfs"));
    }

    #[test]
    fn docker() {
        let known = check(&[
            ("run/containerd/io.containerd.runtime.v2.task/moby/ID/config.json", "{}"),
            (
                "var/lib/docker/containers/ID/config.v2.json",
                r#"{"ID":"ID","Name":"/web","Image":"sha256:aa","Config":{"Image":"nginx:1.27"}}"#,
            ),
        ])
        .unwrap();
        assert_eq!((known.runtime.as_str(), known.image.as_str()), ("docker", "nginx:1.27"));
        assert_eq!((known.digest.as_str(), known.name.as_str()), ("sha256:aa", "web"));
    }

    #[test]
    fn cri_o_and_podman() {
        let known = check(&[(
            "run/containers/storage/overlay-containers/ID/userdata/config.json",
            r#"{"annotations":{"io.kubernetes.cri-o.ImageName":"quay.io/a/b:1","io.kubernetes.cri-o.ImageRef":"sha256:bb",
               "io.kubernetes.pod.name":"p","io.kubernetes.pod.namespace":"n","io.kubernetes.container.name":"c"}}"#,
        )])
        .unwrap();
        assert_eq!(
            (known.runtime.as_str(), known.image.as_str(), known.digest.as_str()),
            ("cri-o", "quay.io/a/b:1", "sha256:bb")
        );
        let known = check(&[
            ("var/lib/containers/storage/overlay-containers/ID/userdata/config.json", r#"{"annotations":{"io.podman.annotations.x":"1"}}"#),
            (
                "var/lib/containers/storage/overlay-containers/containers.json",
                r#"[{"id":"ID","names":["web"],"image":"cc","metadata":"{\"image-name\":\"docker.io/library/alpine:3\"}"}]"#,
            ),
        ])
        .unwrap();
        assert_eq!(
            (known.runtime.as_str(), known.image.as_str(), known.digest.as_str()),
            ("podman", "docker.io/library/alpine:3", "sha256:cc")
        );
        assert_eq!(known.name, "web");
    }

    #[test]
    fn privileged_is_what_it_comes_to() {
        let open = r#"{"process":{"capabilities":{"bounding":["CAP_SYS_ADMIN","CAP_SYS_MODULE","CAP_SYS_RAWIO","CAP_SYS_PTRACE","CAP_MKNOD"]}}}"#;
        assert_eq!(parse(open.as_bytes(), Path::new("/"), &pending()).unwrap().privileged, Some(true));
        let masked = open.replacen('{', r#"{"linux":{"maskedPaths":["/proc/kcore"]},"#, 1);
        assert_eq!(parse(masked.as_bytes(), Path::new("/"), &pending()).unwrap().privileged, Some(false));
    }

    #[test]
    fn nothing_written_or_nonsense_is_not_known() {
        assert_eq!(check(&[]), None);
        assert_eq!(
            check(&[("run/runc/ID/state.json", r#"{"config":{"labels":["bundle=relative"]}}"#)]),
            None
        );
        assert_eq!(check(&[("run/crun/ID/config.json", "[")]), None);
        let outside = Container { id: "../../etc".to_owned(), ..pending() };
        assert_eq!(read(&Places::default(), None, &outside), None);
    }
}
