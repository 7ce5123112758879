//! A look at one node: reads files below a root, starts nothing, writes nothing.
//!
//! What could not be read is a problem and leaves its fact out: an absent fact is never a default, and a part of a list is not the list.
//! Only what the system says is not there counts as absent. Keys and tokens are not read; of a file that holds a key beside its
//! certificate only the certificate is looked at.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind, Read as _};
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
/// Largest table of sockets, in bytes: a hundred thousand of them.
const MAX_TABLE: u64 = 16 * MAX_FILE;
/// Most entries of one folder, of all processes, and of a folder with all that are in it.
const MAX_ENTRIES: usize = 20_000;
/// How deep folders with parts of a configuration may be.
const MAX_DEPTH: usize = 16;
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
/// Words in names of arguments whose values are left out.
const SECRETS: [&str; 6] = ["token", "passw", "secret", "credential", "key", "header"];
/// Stands for such a value.
const LEFT_OUT: &str = "(left out)";
/// The process is gone: errno(3).
const ESRCH: i32 = 3;
/// Where containers and the kubelet write.
const WRITTEN: [&str; 4] = ["/", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/docker"];

/// Looks at the node whose root file system is `root`, `/` on the node itself.
pub fn look(root: &Path, name: Option<&str>, now: Timestamp) -> NodeFacts {
    let mut probe = Probe { root: root.to_owned(), problems: Vec::new() };
    let processes = probe.processes();
    let arguments = probe.the_one(&processes, "kubelet");
    let kubelet = probe.kubelet(arguments);
    let node = name.map(str::to_owned).or_else(|| {
        let named = kubelet.as_ref()?.arguments.as_ref().and_then(|all| argument(all, "hostname-override"));
        named.or_else(|| Some(probe.line("/proc/sys/kernel/hostname")?.to_lowercase()))
    });
    let (files, absent) = probe.files(kubelet.as_ref());
    let server = probe.the_one(&processes, "kube-apiserver");
    let secret_encryption = server
        .and_then(|arguments| argument(&arguments, "encryption-provider-config"))
        .map(|path| probe.secret_encryption(&path));
    let os = probe.known("/etc/os-release").or_else(|| probe.known("/usr/lib/os-release")).and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
        Some(line.trim().trim_matches(['"', '\'']).to_owned())
    });
    let is_socket = |file: &&NodeFile| file.role == FileRole::RuntimeSocket && file.mode.is_some();
    let runtime = files.iter().find(is_socket).map(|file| NodeRuntime {
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
        restart_wanted: (probe.exists("/run/reboot-required") == Ok(true)).then_some(true),
        remote_access: Some(probe.remote_access()),
        disks: probe.disks(),
        secret_encryption,
        problems: probe.told(),
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

/// The later one goes before: field by field in maps, whole otherwise, and null takes away (RFC 7396). That is how a kubelet joins
/// `--config-dir`.
fn merge(into: &mut serde_json::Value, from: serde_json::Value, depth: usize) {
    match (into, from) {
        (serde_json::Value::Object(into), serde_json::Value::Object(from)) if depth > 0 => {
            for (key, value) in from {
                if value.is_null() {
                    into.remove(&key);
                } else {
                    merge(into.entry(key).or_insert(serde_json::Value::Null), value, depth - 1);
                }
            }
        }
        (into, from) => *into = from,
    }
}

/// It may be there, and nobody knows what it is: why stands among the problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unread;

/// What was looked at; `None` where nothing is.
type Look<T> = Result<Option<T>, Unread>;

struct Probe {
    root: PathBuf,
    problems: Vec<Problem>,
}

impl Probe {
    /// Where a path of the node is for us. Links stay below the root: an absolute one means the node's root, not ours.
    fn place(&self, path: &str) -> io::Result<PathBuf> {
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
            // What cannot be looked at here cannot be opened below either: that is told then.
            let is_link = fs::symlink_metadata(&here).is_ok_and(|meta| meta.is_symlink());
            if !is_link {
                inside.push(part);
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(io::Error::other(format!("more than {MAX_LINKS} links")));
            }
            let target = fs::read_link(&here)?;
            if target.is_absolute() {
                inside.clear();
            }
            todo.extend(parts(&target).into_iter().rev());
        }
        let mut whole = self.root.clone();
        whole.extend(inside);
        Ok(whole)
    }

    /// An answer of the system. A way that ends at a file leads to nothing either.
    fn looked<T>(&mut self, path: &str, answer: io::Result<T>) -> Look<T> {
        match answer {
            Ok(found) => Ok(Some(found)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(self.unread(path, ProblemKind::Unreadable, plimsoll_model::one_line(&error))),
        }
    }

    fn is_link(&self, path: &str) -> bool {
        // With a slash behind it a link is what it leads to.
        path.rsplit_once('/').is_some_and(|(folder, name)| {
            let meta = self.place(folder).and_then(|place| fs::symlink_metadata(place.join(name)));
            !name.is_empty() && meta.is_ok_and(|meta| meta.is_symlink())
        })
    }

    fn exists(&mut self, path: &str) -> Result<bool, Unread> {
        let meta = self.place(path).and_then(fs::metadata);
        Ok(self.looked(path, meta)?.is_some())
    }

    /// A file up to a limit in bytes.
    fn bytes(&mut self, path: &str, most: u64) -> Look<Vec<u8>> {
        let found = self.place(path).and_then(|place| Ok((fs::metadata(&place)?, place)));
        let Some((meta, place)) = self.looked(path, found)? else { return Ok(None) };
        // A device or a pipe would block or never end.
        if !meta.is_file() {
            return Err(self.unread(path, ProblemKind::Unsupported, "it is no regular file"));
        }
        let mut bytes = Vec::new();
        let read = fs::File::open(&place).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
        if self.looked(path, read)?.is_none() {
            return Ok(None);
        }
        if bytes.len() as u64 > most {
            return Err(self.unread(
                path,
                ProblemKind::LimitExceeded,
                format!("it is larger than {most} bytes"),
            ));
        }
        Ok(Some(bytes))
    }

    fn text(&mut self, path: &str) -> Look<String> {
        self.table(path, MAX_FILE)
    }

    fn table(&mut self, path: &str, most: u64) -> Look<String> {
        let Some(bytes) = self.bytes(path, most)? else { return Ok(None) };
        String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| self.unread(path, ProblemKind::Corrupt, "it is no text in UTF-8"))
    }

    /// A text, where it matters not why there is none.
    fn known(&mut self, path: &str) -> Option<String> {
        self.text(path).ok().flatten()
    }

    fn line(&mut self, path: &str) -> Option<String> {
        let text = self.known(path)?;
        let line = text.trim();
        (!line.is_empty()).then(|| line.to_owned())
    }

    fn problem(&mut self, path: &str, kind: ProblemKind, detail: impl Into<String>) {
        self.problems.push(Problem::incomplete(kind, path, detail.into()));
    }

    fn unread(&mut self, path: &str, kind: ProblemKind, detail: impl Into<String>) -> Unread {
        self.problem(path, kind, detail);
        Unread
    }

    /// The problems, each once: some places are looked at for more than one fact.
    fn told(mut self) -> Vec<Problem> {
        let mut told = BTreeSet::new();
        self.problems.retain(|problem| told.insert((problem.subject.clone(), problem.detail.clone())));
        self.problems
    }

    /// All names in a folder, in order.
    fn names(&mut self, path: &str) -> Look<Vec<String>> {
        let entries = self.place(path).and_then(fs::read_dir);
        let Some(entries) = self.looked(path, entries)? else { return Ok(None) };
        let mut names = Vec::new();
        for entry in entries {
            let Some(entry) = self.looked(path, entry)? else { continue };
            let Ok(name) = entry.file_name().into_string() else {
                return Err(self.unread(path, ProblemKind::Unsupported, "a name in it is no text in UTF-8"));
            };
            if names.len() == MAX_ENTRIES {
                let detail = format!("it holds more than {MAX_ENTRIES} names");
                return Err(self.unread(path, ProblemKind::LimitExceeded, detail));
            }
            names.push(name);
        }
        names.sort();
        Ok(Some(names))
    }

    /// Programs that run: name and arguments.
    fn processes(&mut self) -> Vec<(String, Vec<String>)> {
        let wanted = ["kubelet", "kube-apiserver"];
        let numbers = self.names("/proc").ok().flatten().unwrap_or_default();
        let numbers = numbers.iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        let mut found = Vec::new();
        let mut closed = 0_usize;
        for number in numbers {
            let Ok(place) = self.place(&format!("/proc/{number}/cmdline")) else { continue };
            let mut bytes = Vec::new();
            let read = fs::File::open(place).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
            match read {
                Ok(_) => {}
                // A process that has just ended is no problem.
                Err(error) if error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH) => {
                    continue;
                }
                Err(_) => {
                    closed += 1;
                    continue;
                }
            }
            let mut words = bytes.split(|byte| *byte == 0).map(String::from_utf8_lossy);
            let program = words.next().unwrap_or_default();
            let program = program.rsplit('/').next().unwrap_or_default().to_owned();
            if !wanted.contains(&program.as_str()) {
                continue;
            }
            if bytes.len() as u64 > MAX_FILE {
                let detail = format!("its arguments are longer than {MAX_FILE} bytes");
                self.problem(&format!("/proc/{number}/cmdline"), ProblemKind::LimitExceeded, detail);
                continue;
            }
            let words = words.filter(|word| !word.is_empty()).map(std::borrow::Cow::into_owned).collect();
            found.push((program, redacted(words)));
        }
        if closed > 0 {
            let detail = format!("the arguments of {closed} processes could not be read");
            self.problem("/proc", ProblemKind::Unreadable, detail);
        }
        found
    }

    /// The arguments of the one program of this name. Where several run with different ones, nobody knows which is the node's: a
    /// container may call its program as it likes.
    fn the_one(&mut self, processes: &[(String, Vec<String>)], name: &str) -> Option<Vec<String>> {
        let all: BTreeSet<&Vec<String>> =
            processes.iter().filter(|(program, _)| program == name).map(|(_, arguments)| arguments).collect();
        if all.len() > 1 {
            let detail = format!("{} programs called {name} run, each with arguments of its own", all.len());
            self.problem("/proc", ProblemKind::Unsupported, detail);
            return None;
        }
        all.into_iter().next().cloned()
    }

    fn kubelet(&mut self, arguments: Option<Vec<String>>) -> Option<Kubelet> {
        // A kubelet that is told of no file reads none.
        let path = match &arguments {
            Some(all) => argument(all, "config"),
            None => CONFIGURATIONS.into_iter().find(|path| self.exists(path) != Ok(false)).map(str::to_owned),
        };
        let folder = arguments.as_deref().and_then(|all| argument(all, "config-dir"));
        let mut configuration = match (&path, &folder) {
            (Some(path), _) => self.yaml(path),
            (None, Some(_)) => Some(serde_json::json!({})),
            (None, None) => None,
        };
        if let Some(folder) = folder {
            let (mut dropped, mut budget) = (Vec::new(), MAX_ENTRIES);
            if self.is_link(&folder) {
                self.problem(&folder, ProblemKind::Unsupported, "it is a link, which kubelets do not follow");
                configuration = None;
            }
            let all = self.drop_ins(folder.trim_end_matches('/'), MAX_DEPTH, &mut budget, &mut dropped);
            if all.is_err() {
                configuration = None;
            }
            for path in dropped {
                // One that cannot be read may say the opposite of what is known.
                match (configuration.as_mut(), self.yaml(&path)) {
                    (Some(whole), Some(part)) => merge(whole, part, 32),
                    (_, None) => configuration = None,
                    _ => {}
                }
            }
        }
        // The kubelet signs in with it where it gets static pods from.
        let headers = configuration.as_mut().and_then(|whole| whole.get_mut("staticPodURLHeader"));
        if let Some(headers) = headers {
            *headers = serde_json::json!(LEFT_OUT);
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

    /// What a kubelet joins of `--config-dir`, in its order, which is that of Go's `filepath.WalkDir`: by name, what is in a folder
    /// where the folder stands; links to folders are not followed.
    fn drop_ins(
        &mut self,
        folder: &str,
        depth: usize,
        budget: &mut usize,
        found: &mut Vec<String>,
    ) -> Result<(), Unread> {
        if depth == 0 {
            return Err(self.unread(folder, ProblemKind::LimitExceeded, "the folders are too deep"));
        }
        let Some(names) = self.names(folder)? else {
            return Err(self.unread(
                folder,
                ProblemKind::Unreadable,
                "it is named by --config-dir and is no folder",
            ));
        };
        for name in names {
            let Some(less) = budget.checked_sub(1) else {
                let detail = format!("it holds more than {MAX_ENTRIES} names");
                return Err(self.unread(folder, ProblemKind::LimitExceeded, detail));
            };
            *budget = less;
            let path = format!("{folder}/{name}");
            let meta = self.place(folder).and_then(|place| fs::symlink_metadata(place.join(&name)));
            match self.looked(&path, meta)? {
                Some(meta) if meta.is_dir() => self.drop_ins(&path, depth - 1, budget, found)?,
                Some(_) if name.ends_with(".conf") => found.push(path),
                _ => {}
            }
        }
        Ok(())
    }

    /// A document that something names.
    fn yaml(&mut self, path: &str) -> Option<serde_json::Value> {
        let Some(text) = self.text(path).ok()? else {
            self.problem(path, ProblemKind::Unreadable, "it is named and is not there");
            return None;
        };
        match serde_saphyr::from_str(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                let detail = format!("it is no YAML: {}", plimsoll_model::one_line(&error));
                self.problem(path, ProblemKind::Corrupt, detail);
                None
            }
        }
    }

    /// One that may be there and cannot be looked at has neither mode nor owner: what is said of all files of its role waits for it.
    fn file(&mut self, role: FileRole, path: &str) -> Option<NodeFile> {
        // A link's own bits mean nothing: what it leads to is looked at.
        let meta = self.place(path).and_then(fs::metadata);
        let meta = match self.looked(path, meta) {
            Err(Unread) => None,
            Ok(Some(meta)) if !meta.is_dir() => Some(meta),
            Ok(_) => return None,
        };
        Some(NodeFile {
            role,
            path: path.to_owned(),
            mode: meta.as_ref().map(|meta| format!("{:04o}", meta.mode() & 0o7777)),
            user: meta.as_ref().map(fs::Metadata::uid),
            group: meta.as_ref().map(fs::Metadata::gid),
        })
    }

    fn files(&mut self, kubelet: Option<&Kubelet>) -> (Vec<NodeFile>, Vec<FileRole>) {
        let mut wanted: BTreeSet<(FileRole, String)> = BTreeSet::new();
        let mut files = Vec::new();
        for (role, paths) in FILES {
            for path in *paths {
                match path.strip_suffix('/') {
                    None => {
                        wanted.insert((*role, (*path).to_owned()));
                    }
                    Some(folder) => match self.names(folder) {
                        Ok(names) => {
                            let path = |name| (*role, format!("{folder}/{name}"));
                            wanted.extend(names.into_iter().flatten().map(path));
                        }
                        Err(Unread) => files.push(NodeFile {
                            role: *role,
                            path: (*path).to_owned(),
                            mode: None,
                            user: None,
                            group: None,
                        }),
                    },
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
        files.extend(wanted.iter().filter_map(|(role, path)| self.file(*role, path)));
        files.sort_by(|one, other| (one.role, &one.path).cmp(&(other.role, &other.path)));
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
            let names = match self.names(folder) {
                Ok(names) => names.unwrap_or_default(),
                Err(Unread) => {
                    found.push(NodeCertificate { path: folder.to_owned(), until: None });
                    continue;
                }
            };
            for name in names {
                if ![".crt", ".pem"].iter().any(|end| name.ends_with(end)) {
                    continue;
                }
                let path = format!("{folder}{name}");
                let until = match self.text(&path) {
                    Ok(None) => continue,
                    Ok(Some(text)) => match text.find("-----BEGIN CERTIFICATE-----") {
                        None => continue,
                        Some(start) => certificate::end(&text[start..]).map(|end| end.to_string()),
                    },
                    Err(Unread) => None,
                };
                found.push(NodeCertificate { path, until });
            }
        }
        found
    }

    fn secure_boot(&mut self) -> Option<bool> {
        if !self.exists("/sys/firmware").ok()? {
            return None;
        }
        if !self.exists("/sys/firmware/efi").ok()? {
            return Some(false);
        }
        // Four bytes of attributes, and the value: UEFI 2.10, section 3.3.
        match self.bytes(SECURE_BOOT, MAX_FILE).ok().flatten()?.as_slice() {
            [_, _, _, _, value] => Some(*value == 1),
            _ => None,
        }
    }

    fn remote_access(&mut self) -> RemoteAccess {
        RemoteAccess { listens: self.listens(), accounts_with_keys: self.accounts_with_keys() }
    }

    /// Open is open; closed is said only where every line of both tables could be read.
    fn listens(&mut self) -> Option<bool> {
        let (mut open, mut closed) = (false, true);
        for name in ["tcp", "tcp6"] {
            // The first process is in the network of the node, whatever we are in.
            let path = format!("/proc/1/net/{name}");
            let table = match self.table(&path, MAX_TABLE) {
                Ok(Some(table)) => table,
                // A kernel without IPv6 has no table of it.
                Ok(None) => {
                    closed &= name == "tcp6";
                    continue;
                }
                Err(Unread) => {
                    closed = false;
                    continue;
                }
            };
            let mut lines = table.lines();
            let mut good = lines.next().is_some_and(|line| line.trim_start().starts_with("sl"));
            for line in lines {
                match listens_outside(line) {
                    Some(outside) => open |= outside,
                    None => good = false,
                }
            }
            if !good {
                self.problem(&path, ProblemKind::Corrupt, "it is no table of sockets that is known");
                closed = false;
            }
        }
        (open || closed).then_some(open)
    }

    /// Absent where the keys of any account could not be looked at.
    fn accounts_with_keys(&mut self) -> Option<Vec<String>> {
        let text = self.known("/etc/passwd")?;
        if text.lines().nth(MAX_ENTRIES).is_some() {
            let detail = format!("it holds more than {MAX_ENTRIES} lines");
            self.problem("/etc/passwd", ProblemKind::LimitExceeded, detail);
            return None;
        }
        let mut accounts = Vec::new();
        let mut all = true;
        for line in text.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, _, _, _, home, ..] = fields[..] else { continue };
            if !home.starts_with('/') {
                continue;
            }
            let keys = match self.text(&format!("{}/.ssh/authorized_keys", home.trim_end_matches('/'))) {
                Ok(keys) => keys.unwrap_or_default(),
                Err(Unread) => {
                    all = false;
                    continue;
                }
            };
            if keys.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#')) {
                accounts.push(name.to_owned());
            }
        }
        accounts.sort();
        all.then_some(accounts)
    }

    fn disks(&mut self) -> Vec<NodeDisk> {
        let Some(table) = self.known("/proc/1/mountinfo").or_else(|| self.known("/proc/self/mountinfo"))
        else {
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
        if depth == 0 || device.starts_with("0:") || !self.exists(&folder).ok()? {
            return None;
        }
        let id = self.text(&format!("{folder}/dm/uuid")).ok()?;
        if id.is_some_and(|id| id.starts_with("CRYPT-")) {
            return Some(true);
        }
        let mut below: Vec<String> = Vec::new();
        for name in self.names(&format!("{folder}/slaves")).ok()?.unwrap_or_default() {
            below.push(self.line(&format!("{folder}/slaves/{name}/dev"))?);
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

/// Arguments whose names speak of a secret lose their values, behind `=` and in the next word; names of files stay.
fn redacted(arguments: Vec<String>) -> Vec<String> {
    let mut is_secret = false;
    let one = |argument: String| {
        let is_value = std::mem::take(&mut is_secret) && !argument.starts_with("--");
        if is_value {
            return if is_harmless(&argument) { argument } else { LEFT_OUT.to_owned() };
        }
        match argument.split_once('=') {
            Some((name, value)) if speaks_of_secrets(name) && !is_harmless(value) => {
                format!("{name}={LEFT_OUT}")
            }
            Some(_) => argument,
            None => {
                is_secret = argument.starts_with('-') && speaks_of_secrets(&argument);
                argument
            }
        }
    };
    arguments.into_iter().map(one).collect()
}

fn speaks_of_secrets(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRETS.iter().any(|word| name.contains(word))
}

fn is_harmless(value: &str) -> bool {
    value.starts_with('/') || matches!(value, "true" | "false")
}

/// Whether a line of `/proc/net/tcp` is a socket that listens on port 22 of an address that others reach. Absent where it is no such line.
fn listens_outside(line: &str) -> Option<bool> {
    let mut fields = line.split_whitespace();
    let (address, port) = fields.nth(1)?.split_once(':')?;
    let (_, state) = (fields.next()?, fields.next()?);
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_known = matches!(address.len(), 8 | 32) && port.len() == 4 && state.len() == 2;
    if !is_known || ![address, port, state].into_iter().all(is_number) {
        return None;
    }
    // Words of 32 bits in the order of the machine: 127.x.y.z ends with 7F, ::1 with 01000000.
    let loopback = match address.len() {
        8 => address.ends_with("7F"),
        _ => {
            address == "00000000000000000000000001000000"
                || address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F")
        }
    };
    Some(state == "0A" && port == "0016" && !loopback)
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

    fn moment() -> Timestamp {
        "2026-11-26T00:00:00Z".parse().expect("a moment")
    }

    /// Something that is there and that nobody can read, whoever asks.
    fn close(root: &Path, path: &str) {
        let place = root.join(path.trim_start_matches('/'));
        fs::create_dir_all(place.parent().expect("a folder")).expect("it can be made");
        std::os::unix::fs::symlink(path, place).expect("a link to itself");
    }

    fn has_problem(facts: &NodeFacts, path: &str) -> bool {
        facts.problems.iter().any(|problem| problem.subject == path)
    }

    const TABLE: &str = "  sl  local_address rem_address   st\n   0: 00000000:2B67 00000000:0000 0A 0\n";
    const OPEN: &str = "  sl  local_address rem_address   st\n   0: 00000000:0016 00000000:0000 0A 0\n";

    #[test]
    fn a_port_is_closed_only_where_both_tables_could_be_read() {
        let (tcp, tcp6) = ("/proc/1/net/tcp", "/proc/1/net/tcp6");
        let listens = |fill: &dyn Fn(&Path)| {
            let place = tempfile::tempdir().expect("a folder");
            fill(place.path());
            let facts = look(place.path(), Some("n"), moment());
            let listens = facts.remote_access.as_ref().and_then(|access| access.listens);
            (listens, has_problem(&facts, tcp) || has_problem(&facts, tcp6))
        };
        // A kernel without IPv6 has one table.
        assert_eq!(listens(&|root| put(root, tcp, TABLE)), (Some(false), false));
        let half = |root: &Path, table: &str| {
            put(root, tcp, table);
            close(root, tcp6);
        };
        assert_eq!(listens(&|root| half(root, TABLE)), (None, true));
        assert_eq!(listens(&|root| half(root, OPEN)), (Some(true), true));
        assert_eq!(listens(&|root| put(root, tcp6, TABLE)), (None, false));
        let cut = |root: &Path| {
            put(root, tcp, TABLE);
            put(root, tcp6, format!("{TABLE}   1: 000"));
        };
        assert_eq!(listens(&cut), (None, true));
        assert_eq!(listens(&|root| put(root, tcp, "")), (None, true));
        let long = format!("{TABLE}{}", "   1: 00000000:2B67 00000000:0000 0A 0\n".repeat(500_000));
        assert_eq!(listens(&|root| put(root, tcp, &long)), (None, true));
    }

    #[test]
    fn accounts_are_listed_only_where_the_keys_of_all_could_be_read() {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path();
        put(
            root,
            "/etc/passwd",
            "root:x:0:0::/root:/bin/sh\nadmin:x:1:1::/home/admin:/bin/sh\nnobody:x:2:2::/etc/passwd:/bin/false\n",
        );
        let accounts = || {
            let access = look(root, Some("n"), moment()).remote_access;
            access.and_then(|access| access.accounts_with_keys)
        };
        assert_eq!(accounts(), Some(Vec::new()), "what is not there is no key");
        close(root, "/home/admin/.ssh");
        assert_eq!(accounts(), None);
    }

    #[test]
    fn what_a_kubelet_joins_is_all_of_it_or_nothing() {
        let configuration = |fill: &dyn Fn(&Path)| {
            let place = tempfile::tempdir().expect("a folder");
            put(place.path(), "/proc/7/cmdline", "kubelet\0--config=/c\0--config-dir=/d\0");
            put(place.path(), "/c", "readOnlyPort: 1\neventRecordQPS: 5\n");
            fill(place.path());
            let facts = look(place.path(), Some("n"), moment());
            (facts.kubelet.expect("a kubelet").configuration, !facts.problems.is_empty())
        };
        let folder = |root: &Path| fs::create_dir_all(root.join("d")).expect("it can be made");
        assert_eq!(configuration(&folder).0.expect("a configuration")["readOnlyPort"], 1);
        // It walks into folders, in the order of names, and null takes away: what is in `10` comes before `20.conf`.
        let nested = |root: &Path| {
            put(root, "/d/10/deep/a.conf", "readOnlyPort: 2\neventRecordQPS: null\n");
            put(root, "/d/20.conf", "maxPods: 20\n");
            put(root, "/d/30/none.yaml", "readOnlyPort: 3\n");
        };
        let joined = configuration(&nested).0.expect("a configuration");
        assert_eq!(joined, serde_json::json!({"readOnlyPort": 2, "maxPods": 20}));
        let absent: &dyn Fn(&Path) = &|_| {};
        let closed: &dyn Fn(&Path) = &|root| close(root, "/d");
        let closed_within: &dyn Fn(&Path) = &|root| {
            folder(root);
            close(root, "/d/1.conf");
        };
        let linked: &dyn Fn(&Path) = &|root| {
            put(root, "/e/1.conf", "readOnlyPort: 0\n");
            std::os::unix::fs::symlink("/e", root.join("d")).expect("a link");
        };
        let no_text: &dyn Fn(&Path) = &|root| {
            use std::os::unix::ffi::OsStrExt as _;
            folder(root);
            fs::write(root.join("d").join(OsStr::from_bytes(b"\xff.conf")), "readOnlyPort: 2\n")
                .expect("a file");
        };
        for (what, fill) in [
            ("absent", absent),
            ("closed", closed),
            ("closed within", closed_within),
            ("a link", linked),
            ("no text", no_text),
        ] {
            assert_eq!(configuration(fill), (None, true), "{what}");
        }
    }

    #[test]
    fn a_kubelet_without_a_file_has_none() {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path();
        put(root, "/var/lib/kubelet/config.yaml", "readOnlyPort: 0\n");
        put(root, "/proc/7/cmdline", "kubelet\0--v=2\0");
        let kubelet = look(root, Some("n"), moment()).kubelet.expect("a kubelet");
        assert_eq!((kubelet.configuration_file, kubelet.configuration), (None, None));
        // A second program of the name: nobody knows which is the node's.
        put(root, "/proc/8/cmdline", "/tmp/kubelet\0--anonymous-auth=false\0");
        let facts = look(root, Some("n"), moment());
        assert_eq!(facts.kubelet.as_ref().expect("a configuration").arguments, None);
        assert!(has_problem(&facts, "/proc"));
    }

    #[test]
    fn what_cannot_be_looked_at_is_not_absent() {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path();
        for path in [
            "/etc/kubernetes/manifests",
            "/etc/kubernetes/kubelet.conf",
            "/var/lib/kubelet/pki",
            "/sys/firmware/efi",
        ] {
            close(root, path);
        }
        put(root, "/proc/1/mountinfo", "1 0 253:0 / / rw - ext4 /dev/mapper/root rw\n");
        put(root, "/sys/dev/block/253:0/slaves/one/dev", "8:1\n");
        put(root, "/sys/dev/block/8:1/dm/uuid", "CRYPT-LUKS2-1\n");
        close(root, "/sys/dev/block/253:0/slaves/two");
        let facts = look(root, Some("n"), moment());
        for (role, path) in [
            (FileRole::StaticPod, "/etc/kubernetes/manifests"),
            (FileRole::KubeletKubeconfig, "/etc/kubernetes/kubelet.conf"),
        ] {
            assert!(!facts.absent.contains(&role), "{path}");
            let files: Vec<_> = facts.files_of(role).collect();
            assert!(matches!(files[..], [file] if file.mode.is_none() && file.user.is_none()), "{files:?}");
            assert!(has_problem(&facts, path) || has_problem(&facts, &format!("{path}/")), "{path}");
        }
        assert!(facts.absent.contains(&FileRole::AzureCredentials));
        assert_eq!(facts.certificates.len(), 1);
        assert_eq!(facts.certificates[0].until, None);
        assert_eq!(facts.secure_boot, None, "a machine without UEFI is another thing");
        assert_eq!(facts.disks[0].encrypted, None, "one part of the disk could not be looked at");
    }

    #[test]
    fn secrets_in_arguments_are_left_out() {
        for (arguments, wanted) in [
            (&["--my-token", "abc", "--v", "2"][..], &["--my-token", "(left out)", "--v", "2"][..]),
            (&["--my-token=abc", "--api-key", "k"], &["--my-token=(left out)", "--api-key", "(left out)"]),
            (&["-password", "abc"], &["-password", "(left out)"]),
            (&["--token-file", "/a", "x"], &["--token-file", "/a", "x"]),
            (&["--authentication-token-webhook", "--v=2"], &["--authentication-token-webhook", "--v=2"]),
            (&["--authentication-token-webhook", "false"], &["--authentication-token-webhook", "false"]),
            (&["--manifest-url-header=Authorization:Bearer x"], &["--manifest-url-header=(left out)"]),
        ] {
            let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            assert_eq!(redacted(own(arguments)), own(wanted));
        }
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path();
        put(root, "/proc/7/cmdline", "kubelet\0--config\0/c\0--my-token\0abc\0");
        put(root, "/c", "readOnlyPort: 0\nstaticPodURLHeader: {Authorization: [Bearer abc]}\n");
        let facts = look(root, Some("n"), moment());
        assert_eq!(
            facts.kubelet.as_ref().and_then(|kubelet| kubelet.configuration.as_ref()).expect("one")["readOnlyPort"],
            0
        );
        let text = serde_json::to_string(&facts).expect("JSON");
        assert!(!text.contains("abc"), "{text}");
    }
}
