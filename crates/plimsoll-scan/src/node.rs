//! A look at one node: reads files below a root, starts nothing, writes nothing.
//!
//! What could not be read is a problem and leaves its fact out: an absent fact is never a default. Keys and tokens are not read;
//! of a file that holds a key beside its certificate only the certificate is looked at.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use plimsoll_model::node::{
    FileRole, Kubelet, NODE_KIND, NODE_VERSION, NodeCertificate, NodeDisk, NodeFacts, NodeFile, NodeRuntime,
    RemoteAccess, SecretEncryption,
};
use plimsoll_model::{Problem, ProblemKind};
use plimsoll_posture::responsibility::certificate;

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// Most entries of one folder, and of all processes.
const MAX_ENTRIES: usize = 20_000;
/// Most links that a path is followed through.
const MAX_LINKS: usize = 32;
/// Where kubelets have their configuration when no argument says so.
const CONFIGURATIONS: [&str; 4] = [
    "/var/lib/kubelet/config.yaml",
    "/etc/kubernetes/kubelet/config.json",
    "/etc/kubernetes/kubelet/kubelet-config.json",
    "/home/kubernetes/kubelet-config.yaml",
];
/// Files by what they are. A name that ends with `/` stands for what is in the folder.
const FILES: &[(FileRole, &[&str])] = &[
    (FileRole::KubeletKubeconfig, &["/etc/kubernetes/kubelet.conf", "/var/lib/kubelet/kubeconfig"]),
    (FileRole::ProxyKubeconfig, &["/var/lib/kube-proxy/kubeconfig", "/var/lib/kube-proxy/kubeconfig.conf"]),
    (
        FileRole::KubeletService,
        &[
            "/etc/systemd/system/kubelet.service",
            "/etc/systemd/system/kubelet.service.d/",
            "/usr/lib/systemd/system/kubelet.service",
            "/usr/lib/systemd/system/kubelet.service.d/",
        ],
    ),
    (FileRole::AzureCredentials, &["/etc/kubernetes/azure.json"]),
    (
        FileRole::RuntimeSocket,
        &["/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/docker.sock"],
    ),
    (
        FileRole::RuntimeConfiguration,
        &["/etc/containerd/config.toml", "/etc/crio/crio.conf", "/etc/docker/daemon.json"],
    ),
    (FileRole::StaticPod, &["/etc/kubernetes/manifests/"]),
    (
        FileRole::ControlPlane,
        &[
            "/etc/kubernetes/admin.conf",
            "/etc/kubernetes/controller-manager.conf",
            "/etc/kubernetes/scheduler.conf",
            "/etc/kubernetes/pki/",
            "/etc/kubernetes/pki/etcd/",
        ],
    ),
];
/// Folders with certificates.
const CERTIFICATES: [&str; 3] =
    ["/var/lib/kubelet/pki/", "/etc/kubernetes/pki/", "/etc/kubernetes/pki/etcd/"];
/// Kernel settings that hardening guides ask for.
const SYSCTLS: [&str; 14] = [
    "fs.protected_hardlinks",
    "fs.protected_symlinks",
    "kernel.dmesg_restrict",
    "kernel.kptr_restrict",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.perf_event_paranoid",
    "kernel.randomize_va_space",
    "kernel.unprivileged_bpf_disabled",
    "kernel.yama.ptrace_scope",
    "net.ipv4.ip_forward",
    "user.max_user_namespaces",
    "vm.overcommit_memory",
    "vm.panic_on_oom",
];
/// The variable of the firmware that says how the machine was started.
const SECURE_BOOT: &str = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Where containers and the kubelet write.
const WRITTEN: [&str; 4] = ["/", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/docker"];

/// Looks at the node whose root file system is `root`, `/` on the node itself.
pub fn look(root: &Path, name: Option<&str>, now: Timestamp) -> NodeFacts {
    let mut probe = Probe { root: root.to_owned(), problems: Vec::new() };
    let processes = probe.processes();
    let arguments = processes.iter().find(|(program, _)| program == "kubelet").map(|(_, rest)| rest.clone());
    let kubelet = probe.kubelet(arguments);
    let node = name.map(str::to_owned).or_else(|| {
        let named = kubelet.as_ref()?.arguments.as_ref().and_then(|all| argument(all, "hostname-override"));
        named.or_else(|| Some(probe.line("/proc/sys/kernel/hostname")?.to_lowercase()))
    });
    let (files, absent) = probe.files(kubelet.as_ref());
    let server = processes.iter().find(|(program, _)| program == "kube-apiserver").map(|(_, rest)| rest);
    let secret_encryption = server
        .and_then(|arguments| argument(arguments, "encryption-provider-config"))
        .map(|path| probe.secret_encryption(&path));
    let os = probe.text("/etc/os-release").or_else(|| probe.text("/usr/lib/os-release")).and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
        Some(line.trim().trim_matches(['"', '\'']).to_owned())
    });
    let runtime = files.iter().find(|file| file.role == FileRole::RuntimeSocket).map(|file| NodeRuntime {
        name: match file.path.rsplit('/').next().unwrap_or_default() {
            "crio.sock" => "crio",
            "docker.sock" => "dockerd",
            _ => "containerd",
        }
        .to_owned(),
        version: None,
    });
    NodeFacts {
        schema_version: NODE_VERSION.into(),
        kind: NODE_KIND.into(),
        tool: format!("plimsoll {}", env!("CARGO_PKG_VERSION")),
        taken_at: now.to_string(),
        node: node.unwrap_or_default(),
        os,
        kernel: probe.line("/proc/sys/kernel/osrelease"),
        kubelet,
        files,
        absent,
        runtime,
        sysctls: SYSCTLS
            .into_iter()
            .filter_map(|name| {
                let value = probe.line(&format!("/proc/sys/{}", name.replace('.', "/")))?;
                Some((name.to_owned(), value))
            })
            .collect(),
        certificates: probe.certificates(),
        secure_boot: probe.secure_boot(),
        restart_wanted: probe.exists("/run/reboot-required").then_some(true),
        remote_access: Some(probe.remote_access()),
        disks: probe.disks(),
        secret_encryption,
        problems: probe.problems,
    }
}

/// The value of `--name=value` or `--name value`.
fn argument(arguments: &[String], wanted: &str) -> Option<String> {
    arguments.iter().enumerate().rev().find_map(|(place, argument)| {
        let own = argument.strip_prefix("--")?;
        match own.split_once('=') {
            Some((name, value)) => (name == wanted).then(|| value.to_owned()),
            None if own == wanted => arguments.get(place + 1).filter(|next| !next.starts_with('-')).cloned(),
            None => None,
        }
    })
}

/// The later one goes before: field by field in maps, whole otherwise. That is how a kubelet joins `--config-dir`.
fn merge(into: &mut serde_json::Value, from: serde_json::Value, depth: usize) {
    match (into, from) {
        (serde_json::Value::Object(into), serde_json::Value::Object(from)) if depth > 0 => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(serde_json::Value::Null), value, depth - 1);
            }
        }
        (into, from) => *into = from,
    }
}

struct Probe {
    root: PathBuf,
    problems: Vec<Problem>,
}

impl Probe {
    /// Where a path of the node is for us. Links stay below the root: an absolute one means the node's root, not ours.
    fn place(&self, path: &str) -> Option<PathBuf> {
        let mut todo: Vec<std::ffi::OsString> = parts(Path::new(path));
        todo.reverse();
        let mut inside: Vec<std::ffi::OsString> = Vec::new();
        let mut links = 0;
        while let Some(part) = todo.pop() {
            if part == ".." {
                inside.pop();
                continue;
            }
            let mut here = self.root.clone();
            here.extend(&inside);
            here.push(&part);
            let is_link = fs::symlink_metadata(&here).is_ok_and(|meta| meta.is_symlink());
            if !is_link {
                inside.push(part);
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return None;
            }
            let target = fs::read_link(&here).ok()?;
            if target.is_absolute() {
                inside.clear();
            }
            todo.extend(parts(&target).into_iter().rev());
        }
        let mut whole = self.root.clone();
        whole.extend(inside);
        Some(whole)
    }

    fn exists(&self, path: &str) -> bool {
        self.place(path).is_some_and(|place| place.exists())
    }

    /// A file up to the limit; one that is there and cannot be read is a problem.
    fn bytes(&mut self, path: &str) -> Option<Vec<u8>> {
        let place = self.place(path)?;
        // A device or a pipe would block or never end.
        let meta = fs::metadata(&place).ok()?;
        if !meta.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        let read = fs::File::open(&place).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
        match read {
            Ok(_) if bytes.len() as u64 > MAX_FILE => {
                self.problem(path, ProblemKind::Unsupported, format!("it is larger than {MAX_FILE} bytes"));
                None
            }
            Ok(_) => Some(bytes),
            Err(error) => {
                self.problem(path, ProblemKind::Unreadable, plimsoll_model::one_line(&error));
                None
            }
        }
    }

    fn text(&mut self, path: &str) -> Option<String> {
        String::from_utf8(self.bytes(path)?).ok()
    }

    fn line(&mut self, path: &str) -> Option<String> {
        let text = self.text(path)?;
        let line = text.trim();
        (!line.is_empty()).then(|| line.to_owned())
    }

    fn problem(&mut self, path: &str, kind: ProblemKind, detail: impl Into<String>) {
        self.problems.push(Problem::incomplete(kind, path, detail.into()));
    }

    /// Names in a folder, in order.
    fn names(&self, path: &str) -> Vec<String> {
        let Some(entries) = self.place(path).and_then(|place| fs::read_dir(place).ok()) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .take(MAX_ENTRIES)
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// Programs that run: name and arguments.
    fn processes(&mut self) -> Vec<(String, Vec<String>)> {
        let wanted = ["kubelet", "kube-apiserver"];
        let numbers = self.names("/proc");
        let numbers = numbers.iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        let mut found = Vec::new();
        for number in numbers {
            // A process that has just ended is no problem.
            let Some(place) = self.place(&format!("/proc/{number}/cmdline")) else { continue };
            let mut bytes = Vec::new();
            let read = fs::File::open(place).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes));
            if read.is_err() {
                continue;
            }
            let mut words = bytes.split(|byte| *byte == 0).map(String::from_utf8_lossy);
            let program = words.next().unwrap_or_default();
            let program = program.rsplit('/').next().unwrap_or_default().to_owned();
            if !wanted.contains(&program.as_str()) {
                continue;
            }
            let arguments = words.filter(|word| !word.is_empty()).map(|word| redacted(&word)).collect();
            found.push((program, arguments));
        }
        found
    }

    fn kubelet(&mut self, arguments: Option<Vec<String>>) -> Option<Kubelet> {
        let named = arguments.as_deref().and_then(|all| argument(all, "config"));
        let path =
            named.or_else(|| CONFIGURATIONS.into_iter().find(|path| self.exists(path)).map(str::to_owned));
        let mut configuration = path.as_deref().and_then(|path| self.yaml(path));
        let folder = arguments.as_deref().and_then(|all| argument(all, "config-dir"));
        if let Some(folder) = folder {
            for name in self.names(&folder).into_iter().filter(|name| name.ends_with(".conf")) {
                let joined = self.yaml(&format!("{folder}/{name}"));
                // One that cannot be read may say the opposite of what is known.
                match (configuration.as_mut(), joined) {
                    (Some(whole), Some(part)) => merge(whole, part, 32),
                    (_, None) => configuration = None,
                    _ => {}
                }
            }
        }
        if arguments.is_none() && path.is_none() {
            self.problem(
                "/proc",
                ProblemKind::Unsupported,
                "no kubelet runs here, and none left a configuration",
            );
            return None;
        }
        if arguments.is_none() {
            let detail = "the kubelet's process was not seen: its arguments go before its file";
            self.problem("/proc", ProblemKind::Unreadable, detail);
        }
        Some(Kubelet { arguments, configuration_file: path, configuration, effective: None })
    }

    fn yaml(&mut self, path: &str) -> Option<serde_json::Value> {
        let text = self.text(path)?;
        match serde_saphyr::from_str(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                let detail = format!("it is no YAML: {}", plimsoll_model::one_line(&error));
                self.problem(path, ProblemKind::Corrupt, detail);
                None
            }
        }
    }

    fn file(&self, role: FileRole, path: &str) -> Option<NodeFile> {
        let place = self.place(path)?;
        // A link's own bits mean nothing: what it leads to is looked at.
        let meta = fs::metadata(place).ok()?;
        (!meta.is_dir()).then(|| NodeFile {
            role,
            path: path.to_owned(),
            mode: Some(format!("{:04o}", meta.mode() & 0o7777)),
            user: Some(meta.uid()),
            group: Some(meta.gid()),
        })
    }

    fn files(&self, kubelet: Option<&Kubelet>) -> (Vec<NodeFile>, Vec<FileRole>) {
        let mut wanted: BTreeSet<(FileRole, String)> = BTreeSet::new();
        for (role, paths) in FILES {
            for path in *paths {
                match path.strip_suffix('/') {
                    None => {
                        wanted.insert((*role, (*path).to_owned()));
                    }
                    Some(folder) => wanted.extend(
                        self.names(folder).into_iter().map(|name| (*role, format!("{folder}/{name}"))),
                    ),
                }
            }
        }
        if let Some(kubelet) = kubelet {
            let arguments = kubelet.arguments.as_deref().unwrap_or_default();
            let mut add = |role, path: Option<String>| {
                wanted.extend(path.filter(|path| path.starts_with('/')).map(|path| (role, path)));
            };
            add(FileRole::KubeletKubeconfig, argument(arguments, "kubeconfig"));
            add(FileRole::KubeletConfiguration, kubelet.configuration_file.clone());
            let authority = kubelet.configuration.as_ref().and_then(|configuration| {
                configuration.pointer("/authentication/x509/clientCAFile")?.as_str().map(str::to_owned)
            });
            add(FileRole::ClientAuthority, argument(arguments, "client-ca-file").or(authority));
        }
        let files: Vec<NodeFile> = wanted.iter().filter_map(|(role, path)| self.file(*role, path)).collect();
        let absent = FILES
            .iter()
            .map(|(role, _)| *role)
            .filter(|role| !files.iter().any(|file| file.role == *role))
            .collect();
        (files, absent)
    }

    fn certificates(&mut self) -> Vec<NodeCertificate> {
        let mut found = Vec::new();
        for folder in CERTIFICATES {
            let folder = folder.trim_end_matches('/');
            for name in self.names(folder) {
                if ![".crt", ".pem"].iter().any(|end| name.ends_with(end)) {
                    continue;
                }
                let path = format!("{folder}/{name}");
                let Some(text) = self.text(&path) else { continue };
                let Some(start) = text.find("-----BEGIN CERTIFICATE-----") else { continue };
                let until = certificate::end(&text[start..]).map(|end| end.to_string());
                found.push(NodeCertificate { path, until });
            }
        }
        found
    }

    fn secure_boot(&mut self) -> Option<bool> {
        if !self.exists("/sys/firmware") {
            return None;
        }
        if !self.exists("/sys/firmware/efi") {
            return Some(false);
        }
        // Four bytes of attributes, and the value: UEFI 2.10, section 3.3.
        match self.bytes(SECURE_BOOT)?.as_slice() {
            [_, _, _, _, value] => Some(*value == 1),
            _ => None,
        }
    }

    fn remote_access(&mut self) -> RemoteAccess {
        let mut listens = None;
        // The first process is in the network of the node, whatever we are in.
        for name in ["tcp", "tcp6"] {
            let table = self.text(&format!("/proc/1/net/{name}")).or_else(|| {
                if self.root == Path::new("/") { self.text(&format!("/proc/net/{name}")) } else { None }
            });
            if let Some(table) = table {
                *listens.get_or_insert(false) |= table.lines().skip(1).any(listens_outside);
            }
        }
        let accounts = self.text("/etc/passwd").map(|text| {
            let mut accounts = Vec::new();
            for line in text.lines().take(MAX_ENTRIES) {
                let fields: Vec<&str> = line.split(':').collect();
                let [name, _, _, _, _, home, ..] = fields[..] else { continue };
                let keys = self.text(&format!("{home}/.ssh/authorized_keys"));
                let any = keys.is_some_and(|keys| {
                    keys.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'))
                });
                if home.starts_with('/') && any {
                    accounts.push(name.to_owned());
                }
            }
            accounts.sort();
            accounts
        });
        RemoteAccess { listens, accounts_with_keys: accounts }
    }

    fn disks(&mut self) -> Vec<NodeDisk> {
        let Some(table) = self.text("/proc/1/mountinfo").or_else(|| self.text("/proc/self/mountinfo")) else {
            return Vec::new();
        };
        // proc_pid_mountinfo(5): the third field is the device, the fifth the place.
        let mounts: Vec<(&str, &str)> = table
            .lines()
            .filter_map(|line| {
                let mut fields = line.split(' ');
                let device = fields.nth(2)?;
                Some((device, fields.nth(1)?))
            })
            .collect();
        let mut disks: Vec<NodeDisk> = Vec::new();
        for wanted in WRITTEN {
            let below = |mount: &str| {
                wanted == mount
                    || mount == "/"
                    || wanted.strip_prefix(mount).is_some_and(|rest| rest.starts_with('/'))
            };
            // Of two on one place the later one is seen.
            let best = mounts.iter().enumerate().filter(|(_, (_, mount))| below(mount));
            let Some((_, (device, mount))) = best.max_by_key(|(place, (_, mount))| (mount.len(), *place))
            else {
                continue;
            };
            if disks.iter().any(|disk| disk.mount == *mount) {
                continue;
            }
            let encrypted = self.encrypted(device, 8);
            disks.push(NodeDisk { mount: (*mount).to_owned(), device: (*device).to_owned(), encrypted });
        }
        disks
    }

    /// Whether a block device, or what it is made of, is one of dm-crypt.
    fn encrypted(&mut self, device: &str, depth: usize) -> Option<bool> {
        let folder = format!("/sys/dev/block/{device}");
        if depth == 0 || device.starts_with("0:") || !self.exists(&folder) {
            return None;
        }
        if self.line(&format!("{folder}/dm/uuid")).is_some_and(|id| id.starts_with("CRYPT-")) {
            return Some(true);
        }
        let mut below: Vec<String> = Vec::new();
        for name in self.names(&format!("{folder}/slaves")) {
            below.extend(self.line(&format!("{folder}/slaves/{name}/dev")));
        }
        if below.is_empty() {
            return Some(false);
        }
        // Encrypted only where all of it is.
        below.iter().try_fold(true, |all, device| Some(self.encrypted(device, depth - 1)? && all))
    }

    fn secret_encryption(&mut self, path: &str) -> SecretEncryption {
        let first = self.yaml(path).and_then(|file| {
            let resources = file.get("resources")?.as_array()?.clone();
            let of_secrets = resources.into_iter().find(|one| {
                one.get("resources").and_then(|list| list.as_array()).is_some_and(|list| {
                    list.iter().any(|name| matches!(name.as_str(), Some("secrets" | "*." | "*.*")))
                })
            })?;
            let first = of_secrets.get("providers")?.as_array()?.first()?.as_object()?.keys().next()?.clone();
            Some(first)
        });
        SecretEncryption { path: path.to_owned(), first_provider: first }
    }
}

fn parts(path: &Path) -> Vec<std::ffi::OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(part) => Some(part.to_owned()),
            Component::ParentDir => Some(OsStr::new("..").to_owned()),
            _ => None,
        })
        .collect()
}

/// An argument whose name speaks of a secret loses its value; names of files stay.
fn redacted(argument: &str) -> String {
    let Some((name, value)) = argument.split_once('=') else { return argument.to_owned() };
    let secret = ["token", "password", "secret"].iter().any(|word| name.to_lowercase().contains(word));
    let harmless = value.starts_with('/') || matches!(value, "true" | "false");
    if secret && !harmless { format!("{name}=(left out)") } else { argument.to_owned() }
}

/// Whether a line of `/proc/net/tcp` is a socket that listens on port 22 of an address that others reach.
fn listens_outside(line: &str) -> bool {
    let fields: Vec<&str> = line.split_whitespace().take(4).collect();
    let [_, local, _, "0A"] = fields[..] else { return false };
    let Some((address, "0016")) = local.split_once(':') else { return false };
    // Words of 32 bits in the order of the machine: 127.x.y.z ends with 7F, ::1 with 01000000.
    let loopback = match address.len() {
        8 => address.ends_with("7F"),
        _ => {
            address == "00000000000000000000000001000000"
                || address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F")
        }
    };
    !loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, path: &str, text: impl AsRef<[u8]>) {
        let place = root.join(path.trim_start_matches('/'));
        fs::create_dir_all(place.parent().expect("a folder")).expect("it can be made");
        fs::write(place, text).expect("it can be written");
    }

    #[test]
    fn a_node_tells_what_is_on_it_and_nothing_else() {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path();
        put(root, "/proc/sys/kernel/hostname", "Worker-1\n");
        put(root, "/proc/sys/kernel/osrelease", "6.12.1\n");
        put(root, "/proc/sys/kernel/randomize_va_space", "2\n");
        put(root, "/etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 13\"\n");
        put(
            root,
            "/proc/77/cmdline",
            "/usr/bin/kubelet\0--config=/var/lib/kubelet/config.yaml\0--config-dir\0/etc/kubelet.d\0--my-token=abc\0",
        );
        put(root, "/proc/78/cmdline", "/bin/sh\0-c\0true\0");
        put(
            root,
            "/proc/79/cmdline",
            "kube-apiserver\0--encryption-provider-config=/etc/kubernetes/encryption.yaml\0",
        );
        put(
            root,
            "/var/lib/kubelet/config.yaml",
            "kind: KubeletConfiguration\nreadOnlyPort: 10255\nauthentication: {anonymous: {enabled: false}, x509: {clientCAFile: /etc/kubernetes/pki/ca.crt}}\n",
        );
        put(root, "/etc/kubelet.d/10.conf", "readOnlyPort: 0\nauthentication: {webhook: {enabled: true}}\n");
        put(
            root,
            "/etc/kubernetes/encryption.yaml",
            "resources:\n- resources: [secrets]\n  providers:\n  - aescbc: {keys: [{name: k, secret: c2VjcmV0}]}\n  - identity: {}\n",
        );
        put(
            root,
            "/etc/kubernetes/pki/ca.crt",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        );
        put(root, "/etc/kubernetes/pki/ca.key", "a key");
        put(
            root,
            "/proc/1/net/tcp",
            "  sl  local_address rem_address   st\n   0: 0100007F:0016 00000000:0000 0A 0\n   1: 0100007F:2B67 00000000:0000 0A 0\n",
        );
        put(
            root,
            "/proc/1/net/tcp6",
            "  sl  local_address rem_address st\n   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A\n",
        );
        put(root, "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nadmin:x:1000:1000::/home/admin:/bin/sh\n");
        put(root, "/home/admin/.ssh/authorized_keys", "# none\nssh-ed25519 AAAA admin\n");
        put(
            root,
            "/proc/1/mountinfo",
            "1 0 253:0 / / rw - ext4 /dev/mapper/root rw\n2 1 8:2 / /var/lib/containerd rw - ext4 /dev/sda2 rw\n",
        );
        put(root, "/sys/dev/block/253:0/dm/uuid", "CRYPT-LUKS2-1\n");
        fs::create_dir_all(root.join("sys/dev/block/8:2")).expect("it can be made");
        put(root, SECURE_BOOT, [6_u8, 0, 0, 0, 1]);
        // A link that leads out of the root leads nowhere but into it.
        std::os::unix::fs::symlink("/etc/shadow-of-ours", root.join("etc/kubernetes/kubelet.conf"))
            .expect("a link");
        let now = "2026-11-26T00:00:00Z".parse().expect("a moment");
        let facts = look(root, None, now);
        assert_eq!(facts.node, "worker-1");
        assert_eq!(facts.os.as_deref(), Some("Debian GNU/Linux 13"));
        let kubelet = facts.kubelet.as_ref().expect("a kubelet");
        let configuration = kubelet.configuration.as_ref().expect("its configuration");
        assert_eq!(configuration["readOnlyPort"], 0, "what is dropped beside goes before");
        assert_eq!(configuration["authentication"]["anonymous"]["enabled"], false);
        assert_eq!(configuration["authentication"]["webhook"]["enabled"], true);
        assert!(kubelet.arguments.as_ref().expect("arguments").contains(&"--my-token=(left out)".to_owned()));
        assert_eq!(
            facts.secret_encryption.as_ref().and_then(|file| file.first_provider.as_deref()),
            Some("aescbc")
        );
        let text = serde_json::to_string(&facts).expect("JSON");
        assert!(!text.contains("c2VjcmV0") && !text.contains("a key") && !text.contains("abc"), "{text}");
        assert_eq!(facts.secure_boot, Some(true));
        let access = facts.remote_access.as_ref().expect("looked at");
        assert_eq!(access.listens, Some(true));
        assert_eq!(access.accounts_with_keys.as_deref(), Some(&["admin".to_owned()][..]));
        let disks: Vec<_> = facts.disks.iter().map(|disk| (disk.mount.as_str(), disk.encrypted)).collect();
        assert_eq!(disks, [("/", Some(true)), ("/var/lib/containerd", Some(false))]);
        assert!(facts.files_of(FileRole::ClientAuthority).next().is_some());
        assert!(facts.files_of(FileRole::KubeletKubeconfig).next().is_none());
        assert!(facts.absent.contains(&FileRole::KubeletKubeconfig));
        assert_eq!(facts.certificates.len(), 1);
        assert_eq!(facts.certificates[0].until, None);
        assert_eq!(facts.sysctls["kernel.randomize_va_space"], "2");
    }

    #[test]
    fn an_empty_root_tells_nothing() {
        let place = tempfile::tempdir().expect("a folder");
        let facts = look(place.path(), Some("n"), "2026-11-26T00:00:00Z".parse().expect("a moment"));
        assert_eq!(facts.node, "n");
        assert!(facts.kubelet.is_none() && facts.disks.is_empty() && facts.secure_boot.is_none());
        assert_eq!(facts.remote_access.and_then(|access| access.listens), None);
        assert!(!facts.problems.is_empty(), "that there is no kubelet is told");
    }

    #[test]
    fn a_configuration_that_cannot_be_joined_is_none() {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path();
        put(root, "/proc/7/cmdline", "kubelet\0--config=/c\0--config-dir=/d\0");
        put(root, "/c", "readOnlyPort: 0\n");
        put(root, "/d/1.conf", "a: [\n");
        let facts = look(root, Some("n"), "2026-11-26T00:00:00Z".parse().expect("a moment"));
        assert_eq!(facts.kubelet.expect("a kubelet").configuration, None);
        assert!(facts.problems.iter().any(|problem| problem.subject.contains("/d/1.conf")));
    }
}
